"""python -m lab missing | peers | setup | run SCRIPT [ARGS]: the lab without pytest.

missing, peers: Debian's packages that this host lacks for the lab, and for the tests on the host itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from multiprocessing import get_context

from . import Lab, LabUnavailable, missing
from .host import missing_peers

PIECES: dict[str, Callable[[Lab], object]] = {
    "pysrp, cross-built for the guest": lambda lab: lab.pysrp,
    "trixie's kernel from Debian's packages, modules for it": lambda lab: lab.setup_kernel("trixie"),
    "bookworm's kernel from Debian's packages, modules for it": lambda lab: lab.setup_kernel(),
    "pysrp, cross-built for a big-endian machine": lambda lab: lab.s390x.pysrp,
}
"""What is made beforehand, two at a time."""


def make(text: str) -> None:
    """One of the pieces. What cannot be had, the tests that want it will say."""
    start = time.monotonic()
    try:
        PIECES[text](Lab())
    except LabUnavailable as error:
        print(f"POWER lab: not to be had: {text}: {error}", flush=True)
    else:
        print(f"POWER lab: {text} ({time.monotonic() - start:.0f} s)", flush=True)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["missing"]:
            print(*missing())
        case ["peers"]:
            print(*missing_peers())
        case ["setup"]:
            start = time.monotonic()
            cache = Lab().cache
            with get_context("fork").Pool(2) as pool:
                pool.map(make, PIECES, chunksize=1)
            print(f"POWER lab: ready in {time.monotonic() - start:.0f} s, all in {cache}")
        case ["run", script, *rest]:
            result = Lab().run(script, *rest)
            print(result.output, end="")
            print(f"-- {result.seconds:.1f} s, exit {result.status}, files in {result.folder}")
            print(*result.problems(), sep="\n")
            return 1 if result.problems() else 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabUnavailable as error:
        sys.exit(str(error))
