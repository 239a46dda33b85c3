"""What the fuzz_*.py files share: instrument the package, lay out the corpus, hand over to libFuzzer.

Arguments are libFuzzer's, as OSS-Fuzz passes them: corpus folders and flags. Without a folder, what is worth keeping
goes to fuzz/work/NAME and what breaks the invariant to fuzz/work/crash-NAME-*.
"""

from __future__ import annotations

import sys
from hashlib import sha1
from pathlib import Path

import atheris

WORK = Path(__file__).parent / "work"


def fuzz(name: str) -> None:
    """Fuzz the parser of that name in targets.py; does not return."""
    with atheris.instrument_imports(include=["pysrp"]):
        import invariant
        import targets
    arguments = list(sys.argv)
    if all(argument.startswith("-") for argument in arguments[1:]):
        folder = WORK / name
        folder.mkdir(parents=True, exist_ok=True)
        for data in targets.corpus(name):
            (folder / sha1(data).hexdigest()).write_bytes(data)
        arguments[1:1] = [str(folder), f"-artifact_prefix={WORK}/crash-{name}-"]
    parse = targets.TARGETS[name]
    atheris.Setup(arguments, lambda data: invariant.check(parse, data))
    atheris.Fuzz()
