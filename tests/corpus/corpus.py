"""The differential corpus: what both engines answered to thousands of sequences, as one hash for each hundred.

::

    python tests/corpus/corpus.py check              # against answers.json; test_corpus.py does the same
    python tests/corpus/corpus.py explain            # the first answer that differs from the last commit's
    python tests/corpus/corpus.py explain --base REV # or from another revision's, which is built for that
    python tests/corpus/corpus.py show managed 12    # what was done and seen in one sequence
    python tests/corpus/corpus.py accept             # the answers of today are right: write answers.json
    python tests/corpus/corpus.py coverage           # check, and lines of both engines that it reaches; below 95 % it fails

A change that means to alter answers is accepted with its reason in the commit; any other difference is a fault.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

import corpus_initiator  # noqa: E402  (beside this file, also where it is called as a command)
import corpus_target  # noqa: E402

ANSWERS = HERE / "answers.json"
GROUP = 100
"""Sequences that share a hash."""

LEAST = 95
"""Per cent of the lines of both engines that the sequences have to reach."""

ENGINES = {
    "target": [
        "target/answers",
        "target/data",
        "target/descriptors",
        "target/grant",
        "target/login",
        "target/lunmap",
        "target/management",
        "target/srp_session",
        "target/task",
        "vscsi/server",
        "vscsi/server_link",
        "vscsi/server_mads",
        "vscsi/server_queue",
        "vscsi/server_states",
    ],
    "initiator": [
        "initiator/answers",
        "initiator/ius",
        "initiator/request_table",
        "initiator/requests",
        "initiator/srp_session",
        "vscsi/client",
        "vscsi/client_options",
        "vscsi/client_states",
    ],
}
"""The modules that are an engine."""

Play = Callable[[], list[str]]


def groups() -> dict[str, list[list[tuple[str, Play]]]]:
    """The sequences of each engine, a hundred at a time."""
    found = {"target": corpus_target.sequences(), "initiator": corpus_initiator.sequences()}
    return {
        engine: [plays[at : at + GROUP] for at in range(0, len(plays), GROUP)]
        for engine, plays in found.items()
    }


def digest(played: Iterable[tuple[str, list[str]]]) -> str:
    """One hash for a group: the lines of each sequence, by name."""
    total = hashlib.sha256()
    for name, lines in played:
        total.update("\n".join([name, *lines, ""]).encode())
    return total.hexdigest()[:16]


def digests() -> dict[str, list[str]]:
    """The hashes of today's engines."""
    return {
        engine: [digest((name, play()) for name, play in group) for group in found]
        for engine, found in groups().items()
    }


def differences(now: dict[str, list[str]]) -> list[str]:
    """The groups whose answers are not those that were accepted."""
    then = json.loads(ANSWERS.read_text())
    found = []
    for engine, hashes in now.items():
        if len(hashes) != len(then.get(engine, [])):
            found.append(f"{engine}: {len(hashes)} groups, {len(then.get(engine, []))} accepted")
        found += [
            f"{engine}: sequences {GROUP * at} to {GROUP * at + GROUP - 1}"
            for at, (mine, accepted) in enumerate(zip(hashes, then.get(engine, []), strict=False))
            if mine != accepted
        ]
    return found


def record() -> None:
    """Every sequence with its lines, one JSON list each, on standard output."""
    for engine, found in groups().items():
        for group in found:
            for name, play in group:
                print(json.dumps([engine, name, play()]))


def lines_of(base: str) -> Iterator[tuple[str, str, list[str]]]:
    """What another revision's engines answer, played by its own corpus: built below build/corpus."""
    revision = subprocess.run(
        ["git", "rev-parse", "--verify", f"{base}^{{commit}}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    tree = ROOT / "build" / "corpus" / revision[:12]
    python, built = tree / ".venv" / "bin" / "python", tree / ".venv" / "built"
    if not built.exists():  # or not whole
        print(f"building {revision[:12]} in {tree.relative_to(ROOT)}", file=sys.stderr)
        shutil.rmtree(tree, ignore_errors=True)
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "-f", "--detach", str(tree), revision], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        subprocess.run([sys.executable, "-m", "venv", str(tree / ".venv")], check=True)
        # With what the machines of both engines import beside the package.
        wanted = [str(tree), "pytest", "cffi"]
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *wanted], check=True
        )
        built.touch()
    process = subprocess.Popen(
        [str(python), "tests/corpus/corpus.py", "record"], cwd=tree, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    for line in process.stdout:
        yield tuple(json.loads(line))  # type: ignore[misc]
    if process.wait():
        raise SystemExit(f"the corpus of {base} could not be played")


def explain(base: str, most: int) -> int:
    """Print the first differing answers of the first sequences that differ."""
    then = {(engine, name): lines for engine, name, lines in lines_of(base)}
    found = 0
    for engine, each in groups().items():
        for name, play in [play for group in each for play in group]:
            lines, before = play(), then.pop((engine, name), None)
            if lines == before:
                continue
            found += 1
            if found <= most:
                print(f"{engine}: {name}")
                print("  not in " + base if before is None else first_difference(before, lines))
    for engine, name in then:
        found += 1
        if found <= most:
            print(f"{engine}: {name}\n  is gone")
    print(f"{found} sequences differ from {base}")
    if not found and differences(digests()):
        print(f"They are not those that were accepted: {base} has the change already. Those are from")
        print(f"    {command('explain')} --base {accepted_by() or 'REVISION'}")
        return 1
    return bool(found)


def accepted_by() -> str:
    """The commit that wrote answers.json last; nothing where there is no git."""
    asked = ["git", "log", "-1", "--format=%h", "--", str(ANSWERS)]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def command(verb: str) -> str:
    """What to type, with this Python: another one may have no pysrp, or another one."""
    python = Path(sys.executable)
    return (
        f"{python.relative_to(ROOT) if python.is_relative_to(ROOT) else python} tests/corpus/corpus.py {verb}"
    )


def first_difference(before: list[str], lines: list[str]) -> str:
    """The step that led to it, and the two answers."""
    at = next(
        (i for i, (a, b) in enumerate(zip(before, lines, strict=False)) if a != b),
        min(len(before), len(lines)),
    )
    step = next((line for line in reversed(lines[:at]) if line.startswith(">")), "> the beginning")
    return "\n".join(
        f"  {text}"
        for text in (
            f"line {at}, after {step}",
            f"before: {before[at] if at < len(before) else 'nothing'}",
            f"now:    {lines[at] if at < len(lines) else 'nothing'}",
        )
    )


def check() -> int:
    """Say which answers are not those that were accepted; 1 if some are."""
    found = differences(digests())
    print("\n".join([*found, f"see: {command('explain')}"] if found else ["as accepted"]))
    return bool(found)


def coverage() -> int:
    """:func:`check`, and play the target's also on its native path, and count lines."""
    import coverage as measuring

    import pysrp

    package = Path(pysrp.__file__).parent
    wanted = [
        str(path)
        for engine, modules in ENGINES.items()
        for module in modules
        if (path := package / f"{module}.py").exists()
    ]
    # The corpus has imported the engines: a fresh process sees their definitions too.
    if "PYSRP_CORPUS_COVERED" not in os.environ:
        return subprocess.run(
            [sys.executable, "-m", "coverage", "run", f"--data-file={ROOT / 'build' / 'corpus.coverage'}",
             f"--include={','.join(wanted)}", __file__, "coverage"],
            env={**os.environ, "PYSRP_CORPUS_COVERED": "1"}, check=False,
        ).returncode or report(measuring, wanted)  # fmt: skip
    failed = check()
    for number, (_, play) in enumerate(corpus_target.sequences()):
        if number % 3 == 0:
            play(fast=True)
    return failed


def report(measuring: object, wanted: list[str]) -> int:
    """Per cent of each engine's lines, and which are not reached."""
    data = measuring.Coverage(data_file=str(ROOT / "build" / "corpus.coverage"))  # type: ignore[attr-defined]
    data.load()
    failed = 0
    for engine, modules in ENGINES.items():
        reached = total = 0
        for module in modules:
            path = next((each for each in wanted if each.endswith(f"/{module}.py")), None)
            if path is None:
                raise SystemExit(f"there is no pysrp/{module}.py: mend ENGINES")
            _, statements, _, missing, text = data.analysis2(path)
            reached, total = reached + len(statements) - len(missing), total + len(statements)
            print(f"{module}: {len(statements) - len(missing)} of {len(statements)} lines"
                  + (f", not {text}" if missing else ""))  # fmt: skip
        share = 100 * reached / total
        print(f"{engine}: {share:.1f} %")
        if share < LEAST:
            failed = 1
            print(
                f"the corpus has to reach {LEAST} % of the {engine}'s engine: add sequences to corpus_{engine}.py"
            )
    return failed


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in "check", "accept", "record", "coverage":
        verbs.add_parser(verb)
    explaining = verbs.add_parser("explain")
    explaining.add_argument("--base", default="HEAD", help="a revision of git (the last commit)")
    explaining.add_argument("--most", type=int, default=5, help="so many sequences are explained")
    showing = verbs.add_parser("show")
    showing.add_argument("family")
    showing.add_argument("number")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.verb == "check":
        return check()
    if arguments.verb == "accept":
        ANSWERS.write_text(json.dumps(digests(), indent=1) + "\n")
        return 0
    if arguments.verb == "record":
        record()
        return 0
    if arguments.verb == "coverage":
        return coverage()
    if arguments.verb == "explain":
        return explain(arguments.base, arguments.most)
    wanted = f"{arguments.family} {arguments.number}"
    plays = [play for each in groups().values() for group in each for name, play in group if name == wanted]
    if not plays:
        print(f"there is no sequence {wanted}", file=sys.stderr)
        return 2
    print("\n".join(plays[0]()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
