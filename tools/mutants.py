"""Mutation sampling: change one thing in a module, run its tests, and see whether they notice.

::

    make mutants N=100              # a sample; the same SEED gives the same mutants
    python tools/mutants.py --list  # the number of mutants of each module
    python tools/mutants.py -n 20 --within src/pysrp/scsi
    python tools/mutants.py --only src/pysrp/target/task.py:412   # all mutants of one line

A mutant is *killed* when a test fails or runs out of time, and *survives* otherwise. A survivor shows
that a test is missing, or that the change has no effect. Other mutation tools run a project from its source folder; this
one puts a copy of the installed package, with its compiled modules and one module changed, before it in the search path.
Cython modules are not mutated: each mutant would have to be compiled.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "pysrp"
TESTS = {
    "target": ["tests/target", "tests/corpus"],
    "initiator": ["tests/initiator", "tests/corpus"],
    "vscsi": ["tests/target", "tests/initiator", "tests/corpus"],
    "backends": ["tests/target"],
    "media": ["tests/target"],
    "scsi": ["tests/scsi", "tests/target"],
    "srp.py": ["tests/codec"],
    "crq.py": ["tests/codec"],
    "mad.py": ["tests/codec"],
    "lun.py": ["tests/codec", "tests/target"],
    "fields.py": ["tests/codec"],
}
"""Folder or module of the package: the tests that must notice a mutant of it."""

PATIENCE = 4.0
"""Time limit of a mutant, as a multiple of the tests' time without a mutant; beyond it the mutant counts as killed."""

COMPARE = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATE = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """Module, line, and the number of the change in the module."""

    path: Path
    line: int
    number: int

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def text(self) -> str:
        """The module's text after the change."""
        tree = ast.parse(self.path.read_text())
        node, name, value = next(islice(places(tree), self.number, None))
        setattr(node, name, value)
        return ast.unparse(ast.fix_missing_locations(tree))


def changes(node: ast.AST) -> Iterator[tuple[str, object]]:
    """The possible changes of a node: a field, and its new value."""
    match node:
        case ast.Compare(ops=[operation]) if type(operation) in COMPARE:
            yield "ops", [COMPARE[type(operation)]()]
        case ast.BinOp(op=operation) if type(operation) in OPERATE:
            yield "op", OPERATE[type(operation)]()
        case ast.AugAssign(op=operation) if type(operation) in OPERATE:
            yield "op", OPERATE[type(operation)]()
        case ast.BoolOp(op=operation):
            yield "op", ast.Or() if isinstance(operation, ast.And) else ast.And()
        case ast.Constant(value=bool(value)):
            yield "value", not value
        case ast.Constant(value=int(value)):
            yield "value", value + 1
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield "test", ast.UnaryOp(ast.Not(), test)
        case ast.Return(value=value) if value is not None and not is_constant(value, None):
            yield "value", ast.Constant(None)
        case ast.Expr(value=ast.Call()):
            yield "value", ast.Constant(None)


def is_constant(node: ast.AST, value: object) -> bool:
    """Whether a node is that constant."""
    return isinstance(node, ast.Constant) and node.value is value


def skipped(node: ast.AST) -> bool:
    """Whether a change of the node has no effect on tests: log lines, annotations, code for type checkers only."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = ast.unparse(node.value.func)
        return called.startswith(("log.", "self.log.", "logging."))
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef) and node.name == "__repr__"


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes in order, without the skipped ones."""
    if skipped(node):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from walk(child)


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, object]]:
    """All possible changes in a module: node, field and new value."""
    for node in walk(tree):
        for name, value in changes(node):
            yield node, name, value


def mutants(path: Path) -> Iterator[Mutant]:
    """All mutants of a module."""
    for number, (node, _, _) in enumerate(places(ast.parse(path.read_text()))):
        yield Mutant(path, node.lineno, number)  # type: ignore[attr-defined]


def modules() -> list[tuple[Path, list[str]]]:
    """The modules to mutate, with their tests."""
    found = []
    for name, tests in TESTS.items():
        place = PACKAGE / name
        paths = sorted(place.rglob("*.py")) if place.is_dir() else [place] if place.exists() else []
        found += [(path, [test for test in tests if (ROOT / test).exists()]) for path in paths]
    return found


def overlay(into: Path) -> Path:
    """Make a copy of the installed package for the front of the search path; returns its folder."""
    where = subprocess.run(
        [sys.executable, "-c", "import pysrp, pysrp._fast; print(pysrp.__path__[0]); print(pysrp._fast.__path__[0])"],
        cwd=into, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    package, fast = map(Path, where)
    unwanted = shutil.ignore_patterns("__pycache__", "_fast", "*.pyx", "*.pxi")
    shutil.copytree(package, into / "pysrp", ignore=unwanted)
    shutil.copytree(
        fast, into / "pysrp" / "_fast", ignore=shutil.ignore_patterns("__pycache__", "*.pyx", "*.pxi")
    )
    return into


def run(place: Path, tests: list[str], limit: float | None) -> str:
    """Run tests with the package in ``place``: killed, hung, or survived."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        *tests,
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return "hung"
    return "killed" if code else "survived"


def difference(mutant: Mutant) -> str:
    """The changed lines before and after, without comments."""
    before = ast.unparse(ast.parse(mutant.path.read_text())).splitlines()
    lines = list(difflib.unified_diff(before, mutant.text.splitlines(), lineterm="", n=0))[3:]
    return "\n".join(f"      {line}" for line in lines)


def judge(mutant: Mutant, tests: list[str], limit: float) -> str:
    """Run the tests for one mutant."""
    with tempfile.TemporaryDirectory() as folder:
        place = overlay(Path(folder))
        (place / "pysrp" / mutant.path.relative_to(PACKAGE)).write_text(mutant.text)
        return run(place, tests, limit)


def chosen(arguments: argparse.Namespace) -> list[tuple[Mutant, list[str]]]:
    """The mutants of this run, as the options choose them."""
    everything = [(mutant, tests) for path, tests in modules() for mutant in mutants(path)]
    if arguments.only:
        name, _, line = arguments.only.partition(":")
        return [
            (mutant, tests)
            for mutant, tests in everything
            if mutant.path == (ROOT / name).resolve() and (not line or mutant.line == int(line))
        ]
    if arguments.within:
        folders = [(ROOT / name).resolve() for name in arguments.within]
        everything = [each for each in everything if any(each[0].path.is_relative_to(one) for one in folders)]
    return random.Random(arguments.seed).sample(everything, min(arguments.number, len(everything)))


def main() -> int:
    """The command line; 1 if a mutant survived."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", "--number", type=int, default=100, help="size of the sample")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", metavar="FILE[:LINE]", help="all mutants of a module, or of a line")
    parser.add_argument("--within", metavar="FOLDER", nargs="+", help="a sample of what is below these")
    parser.add_argument("--list", action="store_true", help="count the mutants of each module")
    arguments = parser.parse_args()
    if arguments.list:
        for path, tests in modules():
            print(f"{sum(1 for _ in mutants(path)):6} {path.relative_to(ROOT)}: {' '.join(tests)}")
        return 0
    sample = chosen(arguments)
    limits: dict[tuple[str, ...], float] = {}
    for _, tests in sample:
        if tuple(tests) not in limits:
            print(f"without a mutant: {' '.join(tests)}", flush=True)
            begun = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                if run(overlay(Path(folder)), tests, None) != "survived":
                    print("these tests fail as they are: mend that first", file=sys.stderr)
                    return 2
            limits[tuple(tests)] = PATIENCE * arguments.jobs * (time.monotonic() - begun) + 20
    results: Counter[str] = Counter()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        verdicts = pool.map(lambda each: judge(each[0], each[1], limits[tuple(each[1])]), sample)
        for number, ((mutant, _), verdict) in enumerate(zip(sample, verdicts, strict=True), 1):
            results[verdict] += 1
            print(f"{number}/{len(sample)} {verdict:8} {mutant}", flush=True)
            if verdict == "survived":
                print(difference(mutant), flush=True)
    print(
        ", ".join(f"{count} {verdict}" for verdict, count in results.most_common()),
        f"of {len(sample)} mutants",
    )
    return bool(results["survived"])


if __name__ == "__main__":
    raise SystemExit(main())
