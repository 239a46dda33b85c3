"""The field tables as tables of Lua, and with ``dissector.lua`` the dissector for Wireshark 4.0 and later.

One row per wire field: name, place, kind, names of its values, and its text, which Wireshark shows as the field's
description. ``dissector.lua`` has the code that uses these tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from enum import IntFlag
from importlib.resources import files
from typing import Any

from pysrp import __version__, crq, mad, scsi, srp
from pysrp._fast.srp import Descriptor
from pysrp.fields import Array, Dispatch, Field, Int, List, LunField, Part, Struct, Structure, Text
from pysrp.scsi.data import DATA_IN, DATA_OUT
from pysrp.wireshark.captured import Captured

__all__ = ["PREFIXES", "dissector", "filter_name", "key"]

PREFIXES = {
    "pysrp.wireshark.captured": "vscsi.",
    "pysrp.crq": "crq.",
    "pysrp.mad": "viosrp.",
    "pysrp.srp": "srp.",
    "pysrp.scsi.cdb": "srp.cdb.",
    "pysrp.scsi.sense": "srp.sense.",
    "pysrp.scsi": "srp.data.",
}
"""Module: the prefix of its structures' filter names. The longest matching module counts."""

WHOLE: dict[type[Structure], str] = {Captured: "vscsi", crq.Element: "crq"}
"""Structures that are the only one of their protocol: their filter names have no part for the structure."""

ROOTS: dict[str, Any] = {
    "captured": Captured,
    "element": crq.Element,
    "iu": srp.iu,
    "login_cm": srp.LoginReqCM,
    "descriptor": srp.DirectBuf,
    "mad": mad.mads,
    "adapter_info": mad.AdapterInfoData,
    "capabilities": mad.CapabilitiesData,
    "error_log": mad.ErrorLogData,
    "phys_adapter_info": mad.PhysAdapterInfoData,
    "cdb": scsi.parse_cdb,
    "sense": scsi.parse_sense,
}
"""The roots of dissection, by the names that the Lua code uses."""

PLACE = "---- tables ----\n"


def dissector() -> str:
    """The Lua source that Wireshark loads: the tables, and the code that walks them."""
    code = files("pysrp.wireshark").joinpath("dissector.lua").read_text("utf-8")
    head, _, rest = code.partition(PLACE)
    return f"-- Made by pysrp {__version__}: `pysrp wireshark`.\n{head}{_Tables().text()}{rest}"


def key(cls: type) -> str:
    """The key of a structure or enumeration in the tables: module and class, since two modules may have the same class name."""
    return f"{cls.__module__.removeprefix('pysrp.').split('.')[-1]}.{cls.__name__}"


def filter_name(cls: type[Structure]) -> str:
    """The prefix of the display filters of a structure's fields, such as ``srp.cmd`` or ``srp.cdb.read10``."""
    if cls in WHOLE:
        return WHOLE[cls]
    # A user's structure gets the name of the class that it inherits.
    modules = (base.__module__ for base in cls.__mro__)
    fitting = next(
        found
        for module in modules
        if (found := [one for one in PREFIXES if f"{module}.".startswith(f"{one}.")])
    )
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    return PREFIXES[max(fitting, key=len)] + words


def title(cls: type[Structure]) -> str:
    """The standard's name of a structure, where its docstring begins with it, or the class's."""
    name = getattr(cls, "name", None)
    if isinstance(name, str):
        return name
    first = (cls.__doc__ or "").partition(",")[0]
    return first if re.fullmatch(r"[A-Z][A-Z0-9 /()_-]{2,40}", first) else cls.__name__


def lua(value: Any) -> str:
    """A value as a Lua literal."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case str():
            return json.dumps(value, ensure_ascii=False)
        case dict():
            # A key that is a Lua name needs no brackets, and is easier to read without them.
            pairs = (
                f"{k if isinstance(k, str) and re.fullmatch('[A-Za-z_]+', k) else f'[{lua(k)}]'}={lua(v)}"
                for k, v in value.items()
            )
            return "{" + ",".join(pairs) + "}"
        case list():
            return "{" + ",".join(map(lua, value)) + "}"
    raise TypeError(f"{value!r} has no form in Lua")


class _Tables:
    """The tables of all structures, enumerations and choices that can be reached from the roots, once each."""

    def __init__(self) -> None:
        self.structures: dict[str, dict[str, Any]] = {}
        self.choices: list[dict[str, Any]] = []
        self.enums: dict[str, dict[int, str]] = {}
        self.names(scsi.Status)
        self._numbers: dict[int, int] = {}
        self.roots = {name: self.target(root) for name, root in ROOTS.items()}
        self.data = [self.by_command(table) for table in (DATA_IN, DATA_OUT)]

    def text(self) -> str:
        """All tables as Lua assignments; dissector.lua declares the variables."""
        lines = []
        for name, table in (("ENUMS", self.enums), ("STRUCTURES", self.structures)):
            lines += [f"{name}[{lua(name_of)}] = {lua(row)}" for name_of, row in sorted(table.items())]
        lines += [f"CHOICES[{number}] = {lua(row)}" for number, row in enumerate(self.choices, 1)]
        lines += [f"ROOTS.{name} = {lua(target)}" for name, target in self.roots.items()]
        for name, table in zip(("DATA_IN", "DATA_OUT"), self.data, strict=True):
            lines += [f"{name}[{lua(command)}] = {lua(row)}" for command, row in table.items()]
        return "\n".join(lines) + "\n"

    def target(self, found: Any) -> str | int:
        """A reference to a class, its key, or to a Dispatch (or its ``parse``), its number in CHOICES."""
        if isinstance(found, type):
            return self.structure(found)
        choice: Dispatch = found if isinstance(found, Dispatch) else found.__self__
        number = self._numbers.get(id(choice))
        if number is None:
            number = self._numbers[id(choice)] = len(self.choices) + 1
            row: dict[str, Any] = {}
            self.choices.append(row)
            row |= {"what": choice.what, "o": choice.offset, "z": choice.size}
            row |= {"s": choice.shift, "w": min(choice.mask.bit_length(), 8 * choice.size - choice.shift)}
            row["values"] = {value: self.target(to) for value, to in choice.table.items()}
            if choice.default is not None:
                row["default"] = self.target(choice.default)
        return number

    def by_command(self, table: dict[Any, Any]) -> dict[str, Any]:
        """The parameter data of each CDB; where a field of the CDB decides, that field and a target for each value."""
        found: dict[str, Any] = {}
        for cdb, kinds in table.items():
            if isinstance(kinds, tuple):
                field, values, other = kinds
                row = {
                    "by": self.place(getattr(cdb, field)),
                    "values": {k: self.target(v) for k, v in values.items()},
                }
                found[key(cdb)] = row | ({"other": self.target(other)} if other else {})
            else:
                found[key(cdb)] = {"other": self.target(kinds)}
        return found

    def structure(self, cls: type[Structure]) -> str:
        """Enter the table of a class under its key."""
        name = key(cls)
        if name not in self.structures:
            row: dict[str, Any] = {}
            self.structures[name] = row
            row |= {"title": title(cls), "filter": filter_name(cls), "size": cls.SIZE}
            row["fields"] = [self.field(cls, f) for f in cls.FIELDS]
        return name

    def field(self, cls: type[Structure], f: Field) -> dict[str, Any]:
        """One row: n name, o offset, z size in bytes, k kind, d text; further columns depend on the kind."""
        row: dict[str, Any] = {"n": f.name, "o": f.offset, "z": f.size, "k": "bytes"}
        if f.doc:
            row["d"] = f.doc
        if f.reserved:
            row["reserved"] = True
        for kind, describe in _KINDS:
            if isinstance(f, kind):
                row |= describe(self, f)
                break
        if isinstance(f, Part):
            row |= self.part(cls, f)
        return row

    def integer(self, f: Int) -> dict[str, Any]:
        """An integer: s shift and w width if it does not fill its bytes, the names of its values, its required value."""
        row: dict[str, Any] = {"k": "signed" if f.signed else "flag" if f.boolean else "int"} | self.place(f)
        if f.hex:
            row["hex"] = True
        if f.must is not None:
            row["must"] = int(f.must)
        members = getattr(f.enum, "__members__", None)
        if members:
            row["set" if issubclass(f.enum, IntFlag) else "enum"] = self.names(f.enum)  # type: ignore[arg-type]
        return row

    def names(self, enum: Any) -> str:
        """Enter an enumeration into the tables; returns its key."""
        name = key(enum)
        self.enums[name] = {int(x): x.name for x in enum.__members__.values()}
        return name

    @staticmethod
    def place(f: Int) -> dict[str, Any]:
        """The place of an integer field."""
        row = {"o": f.offset, "z": f.size}
        return row if f.width == 8 * f.size else {**row, "s": f.shift, "w": f.width}

    def part(self, cls: type[Structure], f: Part) -> dict[str, Any]:
        """A variable part: the part before it, and the field that has its length."""
        row: dict[str, Any] = {"variable": True}
        after: Any = getattr(f, "after", None)
        if after is not None:
            row["after"] = after.name
        if f.clamp:
            row["clamp"] = True
        if f.when is not None:
            row["when"] = {**self.place(f.when), "bits": int(f.flag or 0)}
        if isinstance(f, Descriptor):
            return row
        length: Any = f.length
        if isinstance(length, Int):
            row |= {"count": self.place(length), "unit": f.unit, "bias": f.bias}
        elif isinstance(length, int):
            row["fixed"] = length
        elif length is not None:
            row["computed"] = f"{key(cls)}.{f.name}"
        return row

    def descriptor(self, f: Descriptor[Any]) -> dict[str, Any]:
        """A memory descriptor of SRP_CMD: the format and count fields decide its structure."""
        kinds = {number: self.structure(one) for number, one in enumerate(f.kinds, 1) if one is not None}
        return {
            "k": "descriptor",
            "kinds": kinds,
            "format": self.place(f.format),
            "entries": self.place(f.entries),
        }


_KINDS: Iterable[tuple[type[Field], Callable[[_Tables, Any], dict[str, Any]]]] = (
    (Int, _Tables.integer),
    (LunField, lambda _, f: {"k": "lun"}),
    (Text, lambda _, f: {"k": "text"}),
    (Struct, lambda tables, f: {"k": "struct", "item": tables.structure(f.cls)}),
    (Array, lambda _, f: {"k": "array", "times": f.count}),
    (Descriptor, _Tables.descriptor),
    (List, lambda tables, f: {"k": "list", "item": tables.target(f.item)}),
)
"""Field class: the function that adds the columns of its kind. Other classes add none."""
