"""Stubs of the codecs, from the field tables: typed keywords for ``build``, unions for what ``parse`` may return.

    python tools/stubs.py            compare the stubs in src/ with the tables, and the parameters in the stubs of Cython
                                     modules with the modules; exit status 1 if they differ
    python tools/stubs.py --write    write the stubs
    python tools/stubs.py --sources FOLDER   copy the package without the stubs, to type-check the sources themselves

A stub is the module without function bodies, plus what only the field tables know: the descriptor and text of each field;
and for each class without subclasses, the keywords of ``build`` and ``pack_into`` with their types. A class with
subclasses takes any keyword: a user's subclass, with its own table, is not known here.

The stubs of Cython modules are written by hand. stubtest finds names that they lack, but checks no parameters: a builtin
function has these only in the first line of its docstring.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from pysrp._fast.srp import Descriptor

from pysrp.fields import Array, Dispatch, Field, Int, List, LunField, Part, Raw, Struct, Structure, Text, View

SRC = Path(__file__).parent.parent / "src"
MADE = "# Made from the field tables by tools/stubs.py; do not edit.\n"
MODULES = (
    *("crq", "mad", "srp", "scsi.inquiry", "scsi.log", "scsi.mode", "scsi.sense", "wireshark.captured"),
    *(f"scsi.cdb.{name}" for name in ("base", "blocks", "mmc", "sat", "sbc", "spc")),
    *(f"scsi.params.{name}" for name in ("base", "copying", "reservations", "sbc", "spc")),
)

TAKES: dict[type[Field], str] = {
    Int: "int",
    LunField: "Lun | ReadableBuffer | int | str",
    Text: "str | ReadableBuffer",
    Raw: "ReadableBuffer",
    Array: "Sequence[int]",
    Struct: "ReadableBuffer | Mapping[str, Any]",
    List: "ReadableBuffer | Iterable[Any] | None",
    Descriptor: "ReadableBuffer | Mapping[str, Any] | Sequence[int | ReadableBuffer | Sequence[int]] | None",
    Part: "ReadableBuffer | None",
}
"""Field class: the type that ``build`` takes for such a field. The first class that matches counts."""

IMPORTS = """\
from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.lun import Lun
"""


def leaves(cls: type) -> list[type]:
    """All subclasses of a class, at any depth, that have no subclasses themselves."""
    return [leaf for each in cls.__subclasses__() for leaf in (leaves(each) or [each])]


def keywords(cls: type[Structure]) -> dict[str, str]:
    """The keywords of ``build``, and their types."""
    return {field.name: takes(field) for field in cls.FIELDS if not field.reserved} | {
        "trailing": "ReadableBuffer"
    }


def takes(field: Field) -> str:
    """The types of values that a field can be built of."""
    return next((types for kind, types in TAKES.items() if isinstance(field, kind)), "Any")


def members(item: Any) -> list[type[Structure]]:
    """The classes that a Dispatch may choose, without those that inherit from another of them."""
    found = dict.fromkeys([*item.classes(), *defaults(item)])
    return [cls for cls in found if not any(issubclass(cls, other) for other in found if other is not cls)]


def defaults(item: Dispatch) -> list[type[Structure]]:
    """The default classes of a Dispatch, and of the Dispatches that it refers to."""
    below = [cls for each in item.table.values() if isinstance(each, Dispatch) for cls in defaults(each)]
    return [*([item.default] if item.default else []), *below]


class Stub:
    """The stub of one module."""

    def __init__(self, name: str) -> None:
        self.name = f"pysrp.{name}"
        self.path = SRC / "pysrp" / f"{name.replace('.', '/')}.pyi"
        self.module = importlib.import_module(self.name)
        self.lines: list[str] = []
        self.borrowed: dict[str, str] = {}

    def text(self) -> str:
        """The whole stub."""
        tree = ast.parse(self.path.with_suffix(".py").read_text())
        for node in tree.body:
            self.statement(node)
        borrowed = "".join(f"from {module} import {name}\n" for name, module in sorted(self.borrowed.items()))
        text = f'{MADE}"""{ast.get_docstring(tree)}"""\n\n{IMPORTS}{borrowed}' + "\n".join(self.lines) + "\n"
        return without_unused(text)

    def add(self, line: str, depth: int = 0) -> None:
        """Add a line."""
        self.lines.append(f"{'    ' * depth}{line}")

    def statement(self, node: ast.stmt) -> None:
        """Write the stub of one statement of the module."""
        if isinstance(node, ast.ClassDef):
            self.class_(node)
        elif isinstance(node, ast.FunctionDef):
            self.function(node, 0)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if getattr(node, "module", "") != "__future__":
                self.add(ast.unparse(node))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            self.constant(node.targets[0].id, node.value)

    def constant(self, name: str, made: ast.expr) -> None:
        """A name of the module that is neither a class nor a function by def."""
        value = getattr(self.module, name)
        if name == "__all__" or "TypeVar" in ast.unparse(made):
            self.add(f"{name} = {ast.unparse(made)}")
        elif isinstance(getattr(value, "__self__", None), Dispatch):
            strict = ", *, strict: bool = False" if value.__name__ == "parse" else ""
            self.add(f"def {name}(buf: ReadableBuffer, /{strict}) -> {self.union(value.__self__)}:")
            self.docstring(value.__doc__, 1)
        elif not name.startswith("_"):
            self.add(f"{name}: {self.kind(value)}")

    def kind(self, value: Any) -> str:
        """The type of a constant, as the stub writes it."""
        if isinstance(value, dict):
            first, *_ = value.items()
            return f"dict[{', '.join(self.kind(each) for each in first)}]"
        return "pysrp.fields.Dispatch" if isinstance(value, Dispatch) else type(value).__name__

    def union(self, item: Dispatch) -> str:
        """The union of the classes that a Dispatch may choose, by names that this module has."""
        return " | ".join(self.known(cls) for cls in members(item))

    def known(self, cls: type) -> str:
        """The name of a class; adds an import if the module has none."""
        name = cls.__name__
        if getattr(self.module, name, None) is not cls:
            self.borrowed[name] = cls.__module__
        return name

    def docstring(self, text: str | None, depth: int) -> None:
        """A docstring, or ``...`` in its place."""
        if not text:
            head, colon, mark = self.lines[-1].rpartition(":  #")
            self.lines[-1] = f"{head}: ...  #{mark}" if colon else f"{self.lines[-1]} ..."
            return
        first, *rest = re.sub('"$', r'\\"', text.strip().replace("\\", r"\\")).splitlines()
        self.add(f'"""{first}' + ("" if rest else '"""'), depth)
        for line in rest:
            self.lines.append(line.rstrip())
        if rest:
            self.lines[-1] += '"""'

    def function(self, node: ast.FunctionDef, depth: int) -> None:
        """A function or method without its body. A private function of the module is left out."""
        if node.name.startswith("_") and not node.name.endswith("__"):
            return
        for decorator in node.decorator_list:
            self.add(f"@{ast.unparse(decorator)}", depth)
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        self.add(f"def {node.name}({ast.unparse(node.args)}){returns}:", depth)
        self.docstring(ast.get_docstring(node, clean=False), depth + 1)

    def class_(self, node: ast.ClassDef) -> None:
        """A class."""
        cls = getattr(self.module, node.name)
        leaf = issubclass(cls, Structure) and not cls.__subclasses__()
        if leaf:
            self.table(cls)
        heads = ", ".join(map(ast.unparse, [*node.bases, *node.keywords]))
        self.lines.append("")
        for decorator in node.decorator_list:
            self.add(f"@{ast.unparse(decorator)}")
        self.add(f"class {node.name}({heads}):" if heads else f"class {node.name}:")
        self.docstring(ast.get_docstring(node, clean=False), 1)
        start = len(self.lines)
        builds, named = False, {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name in ("build", "pack_into") and leaf:
                builds |= each.name == "build"
                self.builder(cls, each)
            elif isinstance(each, ast.FunctionDef):
                self.function(each, 1)
            elif isinstance(each, ast.Assign):
                for target in each.targets:
                    self.attribute(cls, target, each.value)
            elif isinstance(each, ast.AnnAssign) and not ast.unparse(each.target).startswith("_"):
                self.add(ast.unparse(each if issubclass(cls, tuple) else bare(each)), 1)
        for name, value in vars(cls).items():
            if isinstance(value, Field) and not value.reserved and name not in named:
                self.attribute(cls, ast.Name(name), node)
        if leaf and not builds:
            self.builder(cls, None)
        if len(self.lines) == start and self.lines[-1].endswith(":"):
            self.lines[-1] += " ..."

    def table(self, cls: type[Structure]) -> None:
        """Write the TypedDict of the keywords that ``build`` of a class takes."""
        self.lines.append("")
        self.add(f"class _{cls.__name__}Fields(TypedDict, total=False):")
        for name, types in keywords(cls).items():
            self.add(f"{name}: {types}", 1)

    def builder(self, cls: type[Structure], node: ast.FunctionDef | None) -> None:
        """``build`` and ``pack_into`` of a class without subclasses."""
        more = ""
        if node is not None:
            for argument in node.args.kwonlyargs:
                if argument.arg not in keywords(cls):
                    default = node.args.kw_defaults[node.args.kwonlyargs.index(argument)]
                    more += f"{ast.unparse(argument)} = {ast.unparse(default) if default else '...'}, "
        given, mark = f"**fields: Unpack[_{cls.__name__}Fields]", "# type: ignore[override]"
        self.add("@classmethod", 1)
        star = "*, " if more else ""
        self.add(f"def build(cls, {star}{more}{given}) -> Self:  {mark}", 1)
        self.docstring(node and ast.get_docstring(node, clean=False), 2)
        self.add("@classmethod", 1)
        self.add(
            f"def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, {star}{more}{given}) -> int: ...  {mark}",
            1,
        )

    def attribute(self, cls: type, target: ast.expr, made: ast.AST) -> None:
        """An attribute of a class: a field of the table, a member of an enum, anything else."""
        for one in target.elts if isinstance(target, ast.Tuple) else [target]:
            name = ast.unparse(one)
            value = vars(cls).get(name)
            if isinstance(value, Field):
                self.add(f"{name}: {self.descriptor(value)}", 1)
                if value.doc:
                    self.docstring(value.doc, 1)
            elif not issubclass(cls, View) and not name.startswith("_"):
                self.add(f"{name} = {ast.unparse(made)}", 1)
            elif not name.startswith("_") and not any(name in vars(base) for base in cls.__mro__[1:]):
                self.add(f"{name}: ClassVar[{self.kind(value)}]", 1)

    def descriptor(self, field: Field) -> str:
        """The class of a field, with the class of its contents as type argument."""
        kind = f"pysrp.fields.{type(field).__name__}"
        if isinstance(field, Descriptor):
            return f"Descriptor[{' | '.join(self.known(cls) if cls else 'None' for cls in dict.fromkeys([*field.kinds, None]))}]"
        if isinstance(field, Struct):
            return f"{kind}[{self.known(field.cls)}]"
        if isinstance(field, List):
            item = field.item
            return f"{kind}[{self.union(item) if isinstance(item, Dispatch) else self.known(item)}]"
        return kind


def bare(node: ast.AnnAssign) -> ast.AnnAssign:
    """An annotated assignment without its value."""
    return ast.AnnAssign(node.target, node.annotation, None, node.simple)


def without_unused(text: str) -> str:
    """A module without unused imports and without duplicate ones."""
    tree = ast.parse(text)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= set(next((ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign)), ()))
    lines = text.splitlines()
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            wanted = [each for each in node.names if (each.asname or each.name.split(".")[0]) in used]
            used -= {each.asname or each.name for each in wanted}
            node.names = wanted
            lines[node.lineno - 1 : node.end_lineno] = [ast.unparse(node) if wanted else "\0"]
    return "\n".join(line for line in lines if line != "\0") + "\n"


def sources(folder: Path) -> None:
    """Copy the package without its stubs, so that a type checker reads the sources."""
    shutil.rmtree(folder, ignore_errors=True)
    made = shutil.ignore_patterns("*.so", "__pycache__", "*.c")
    shutil.copytree(SRC / "pysrp", folder / "pysrp", ignore=made)
    shutil.copytree(SRC / "_fast", folder / "pysrp" / "_fast", ignore=made)
    for name in MODULES:
        (folder / "pysrp" / f"{name.replace('.', '/')}.pyi").unlink()


def parameters(given: ast.arguments) -> list[str]:
    """Names with their stars, and ``=`` where one may be left out; without the first one of a method."""
    plain = [*given.posonlyargs, *given.args]
    left_out = len(plain) - len(given.defaults)
    found = [each.arg + "=" * (number >= left_out) for number, each in enumerate(plain)]
    found = found[found[:1] in (["self"], ["cls"]) :]
    found += [f"*{given.vararg.arg}"] if given.vararg else ["*"] if given.kwonlyargs else []
    found += [
        each.arg + "=" * (default is not None)
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    return found + ([f"**{given.kwarg.arg}"] if given.kwarg else [])


def lies(stub: ast.Module | ast.ClassDef, owner: Any, where: str) -> list[str]:
    """Functions and methods of a Cython module whose stub has other parameters than their docstrings."""
    found = []
    for node in stub.body:
        made = getattr(owner, getattr(node, "name", ""), None)
        if isinstance(node, ast.ClassDef):
            found += lies(node, made, f"{where}.{node.name}")
        elif isinstance(node, ast.FunctionDef):
            said = re.match(rf"{node.name}\(.*\)", (getattr(made, "__doc__", None) or "").partition("\n")[0])
            overloaded = any(ast.unparse(each) == "overload" for each in node.decorator_list)
            if said is None or overloaded:
                continue
            has = parameters(ast.parse(f"def {said[0]}: ...").body[0].args)  # type: ignore[attr-defined]
            if has != parameters(node.args):
                found.append(
                    f"{where}.{node.name}: the stub has ({', '.join(parameters(node.args))}),"
                    f" the module ({', '.join(has)})"
                )
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--sources", type=Path)
    arguments = parser.parse_args()
    if arguments.sources:
        sources(arguments.sources)
        return 0
    old = 0
    for name in MODULES:
        stub = Stub(name)
        text = stub.text()
        if stub.path.exists() and stub.path.read_text() == text:
            continue
        if arguments.write:
            stub.path.write_text(text)
        else:
            print(f"{stub.path} is not what the tables make: python tools/stubs.py --write")
            old += 1
    for path in sorted((SRC / "_fast").glob("*.pyi")):
        module = importlib.import_module(f"pysrp._fast.{path.stem}")
        for line in lies(ast.parse(path.read_text()), module, f"{path}: {path.stem}"):
            print(line)
            old += 1
    return bool(old)


if __name__ == "__main__":
    sys.exit(main())
