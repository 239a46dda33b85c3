"""What a source names from outside itself: Python, Cython and C, without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

EFFECTS = frozenset(("__import__", "breakpoint", "exec", "eval", "input", "open", "print"))
"""Builtins that reach further than an import shows."""


def named(text: str, suffix: str) -> Iterator[str]:
    """Dotted names of modules, and of what is used of them; ``<time.h>`` for a header of C, ``"x.pxi"`` for a part."""
    if suffix == ".py":
        yield from _python(ast.parse(text))
    else:
        if suffix != ".h":
            yield from _cython(text)
        yield from _headers(text)


def _python(tree: ast.Module) -> Iterator[str]:
    modules: dict[str, str] = {}
    """Names bound to whole modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                plain = alias.name if alias.asname else alias.name.partition(".")[0]
                modules[alias.asname or plain] = plain
                if "." in alias.name:
                    yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)
    of_attributes: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of_attributes.add(id(node.value))
            if node.value.id in modules:
                yield f"{modules[node.value.id]}.{node.attr}"
        elif isinstance(node, ast.Name) and id(node) not in of_attributes:
            if node.id in modules:  # who is given the whole module can use all of it
                yield f"{modules[node.id]}.*"
            elif node.id in EFFECTS and isinstance(node.ctx, ast.Load):
                yield f"builtins.{node.id}"
    # An import for its effects alone has no use.
    used = {id_ for id_ in modules if any(isinstance(n, ast.Name) and n.id == id_ for n in ast.walk(tree))}
    yield from (f"{modules[name]}.*" for name in modules.keys() - used)


_STRING_OR_COMMENT = re.compile(
    r"""(?P<string>'{3}.*?'{3}|"{3}.*?"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|\#[^\n]*""", re.S
)


def _cython(text: str) -> Iterator[str]:
    """Cython's own grammar is looser than Python's; statements that import are not."""
    code = _STRING_OR_COMMENT.sub(lambda found: "''" if found["string"] else "", text)
    code = re.sub(r"\\\n", " ", code)
    code = re.sub(r"\([^()]*\)", lambda found: found[0].replace("\n", " "), code)
    for base, names in re.findall(r"(?:^|[:;])[ \t]*from\s+(\.*[\w.]*)\s+c?import\s+([^\n;]+)", code, re.M):
        for name in names.strip("() \t,").split(","):
            yield f"{base}.{name.split()[0]}"
    for names in re.findall(r"(?:^|[:;])[ \t]*c?import\s+([^\n;]+)", code, re.M):
        yield from (f"{name.split()[0]}.*" for name in names.split(","))
    included = re.findall(r"(?:^|[:;])[ \t]*include\b", code, re.M)
    plain = _STRING_OR_COMMENT.sub(lambda found: found["string"] or "", text)
    names = re.findall(r"""(?:^|[:;])[ \t]*include\s+["']([^"'\n]+)["']""", plain, re.M)
    yield from (f'"{name}"' for name in names)
    if len(names) != len(included):  # written as nobody writes it
        yield "include"
    yield from (
        f"builtins.{name}" for name in re.findall(r"(?<![\w.])(?<!def )(\w+)\(", code) if name in EFFECTS
    )


def _headers(text: str) -> Iterator[str]:
    for name in re.findall(r"""^\s*(?:cdef\s+)?extern\s+from\s+["']<?([\w./]+)>?["']""", text, re.M):
        yield f"<{name}>"
    for name in re.findall(r"""^\s*#\s*include\s*[<"]([\w./]+)[>"]""", text, re.M):
        yield f"<{name}>"
