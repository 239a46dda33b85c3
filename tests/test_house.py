"""The house: no file over 800 lines, no class over 400, no function over 60. What is longer has a name and a reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src"

FILE, CLASS, FUNCTION = 800, 400, 60
"""Lines at most."""

OPEN = {
    "_fast/queue.pyx: __cinit__": "one line for each thing that a lane holds",
}
"""What is longer, and why. An entry that nobody needs fails."""

NAMES = {".py", ".pyx", ".pxi", ".pxd", ".h"}


def sizes(name: str, text: str) -> Iterator[tuple[str, int, int]]:
    """What there is in a file: its name, its lines, and how many it may have."""
    yield name, text.count("\n"), FILE
    lines = text.splitlines()
    parts = {".py": python, ".h": c}.get(Path(name).suffix, cython)
    for each, size, most in parts(lines):
        yield f"{name}: {each}", size, most


def python(lines: list[str]) -> Iterator[tuple[str, int, int]]:
    def walk(node: ast.AST, outer: str) -> Iterator[tuple[str, int, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                most = CLASS if isinstance(child, ast.ClassDef) else FUNCTION
                yield f"{outer}{child.name}", (child.end_lineno or 0) - child.lineno + 1, most
                yield from walk(child, f"{outer}{child.name}.")
            else:
                yield from walk(child, outer)

    yield from walk(ast.parse("\n".join(lines)), "")


HEAD = re.compile(
    r"(?P<indent> *)(?:(?P<kind>(?:cdef )?class)|(?:def|cdef|cpdef)\b[^=\[]*?)\s+\*?(?P<name>\w+)\s*[(:]"
)


def cython(lines: list[str]) -> Iterator[tuple[str, int, int]]:
    """By indentation: from the line that names it to the last one that is further in."""
    for number, line in enumerate(lines):
        head = HEAD.match(line)
        if not head:
            continue
        end = number
        for at in range(number + 1, len(lines)):
            inside = lines[at].startswith(head["indent"] + " ")
            if not inside and lines[at].strip() and not lines[at].startswith(head["indent"] + ")"):
                break
            end = at if lines[at].strip() else end
        yield head["name"], end - number + 1, CLASS if head["kind"] else FUNCTION


def c(lines: list[str]) -> Iterator[tuple[str, int, int]]:
    """A function's braces stand alone at the edge, its name in front of them."""
    named = start = -1
    for number, line in enumerate(lines):
        if re.match(r"\w.*\(", line):
            named = number
        if line == "{":
            start = named
        elif line == "}" and start >= 0:
            name = re.search(r"(\w+)\(", lines[start])
            yield name[1] if name else "?", number - start + 1, FUNCTION
            start = -1


def longer() -> dict[str, str]:
    found = {}
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix in NAMES and "egg-info" not in str(path):
            for name, size, most in sizes(str(path.relative_to(SOURCES)), path.read_text()):
                if size > most:
                    found[name] = f"{name}: {size} lines, {most} at most"
    return found


def test_nothing_is_longer_than_it_may_be() -> None:
    assert [said for name, said in longer().items() if name not in OPEN] == []


def test_exceptions_are_needed() -> None:
    assert OPEN.keys() <= longer().keys()


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.py", "\n" * 801, "a.py"),
        ("a.py", "class A:\n" + "    x = 1\n" * 400, "a.py: A"),
        ("a.py", "class A:\n    async def f():\n" + "        x = 1\n" * 60, "a.py: A.f"),
        ("a.py", "@d\ndef f(\n    x,\n):\n" + "    x = 1\n" * 58, "a.py: f"),
        ("a.pyx", "cdef class A(B):\n" + "    cdef int x\n" * 400, "a.pyx: A"),
        ("a.pyx", "cdef inline object f(A *a,\n      B b) except -1:\n" + "    x = 1\n\n" + "    y = 1\n" * 57, "a.pyx: f"),
        ("a.pyx", "cdef class A:\n    def f(\n        self,\n    ):\n" + "        x = 1\n" * 58, "a.pyx: f"),
        ("a.pxi", "cdef const uint8_t *f(int x) noexcept nogil:\n" + "    x = 1\n" * 60, "a.pxi: f"),
        ("a.h", "static inline int f(int x,\n\t\tint y)\n{\n" + "\tx++;\n" * 57 + "}\n", "a.h: f"),
    ],
)  # fmt: skip
def test_what_is_too_long_is_found(name: str, text: str, wanted: str) -> None:
    assert [each for each, size, most in sizes(name, text) if size > most] == [wanted]
    assert [each for each, size, most in sizes(name, text) if size > most + 1] == []
