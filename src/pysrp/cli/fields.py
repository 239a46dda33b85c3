"""``pysrp fields``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from enum import IntEnum
from inspect import getdoc
from typing import Any

import click

from pysrp import crq, mad, scsi, srp
from pysrp._fast.srp import Descriptor
from pysrp.fields import Array, Field, Int, List, LunField, Part, Raw, Struct, Structure, Text

MODULES = crq, mad, scsi, srp
"""The modules whose import defines all structure classes."""


def everything(base: type[Structure] = Structure) -> Iterator[type[Structure]]:
    """Every public structure class of the codecs, once each."""
    seen: dict[type[Structure], None] = {}
    bases = [base]
    while bases:
        for cls in bases.pop().__subclasses__():
            if cls not in seen:
                seen[cls] = None
                bases.append(cls)
    yield from (
        cls
        for cls in seen
        # A record type, which is a subclass too, has no table of its own.
        if not cls.__name__.startswith("_") and cls.__module__.startswith("pysrp.") and "FIELDS" in vars(cls)
    )


def full(cls: type[Structure]) -> str:
    """The qualified name of a class."""
    return f"{cls.__module__}.{cls.__name__}"


def told(cls: type[Structure]) -> str:
    """The docstring of a class, without reST markup."""
    text = re.sub(r":[a-z]+:`~?\.?([^`]*)`", r"\1", getdoc(cls) or "")
    return text.replace("``", "")


def names() -> dict[str, list[type[Structure]]]:
    """Every name of every class, in lower case: ``Read10``, ``scsi.Read10``, ``pysrp.scsi.cdb.Read10`` and so on.

    Also the standard's own name, in the form that :func:`plain` gives. Where two classes share a name, the class that
    has it in ``pysrp.scsi`` comes first: the CDB, not its data.
    """
    found: dict[str, list[type[Structure]]] = {}

    def add(name: str, cls: type[Structure]) -> None:
        words = name.lower().split(".")
        for at in range(len(words)):
            there = found.setdefault(".".join(words[at:]), [])
            if cls not in there:
                there.append(cls)

    known = sorted(everything(), key=full)
    for name, value in vars(scsi).items():
        if value in known:
            add(f"pysrp.scsi.{name}", value)
    for cls in known:
        add(full(cls), cls)
    for cls in known:
        if (match := STANDARD.match(getdoc(cls) or "")) and (name := plain(match[1])) not in found:
            found[name] = [cls]
    return found


STANDARD = re.compile(r"([A-Z][A-Z0-9 /()_-]+?)(?: CDB)?[,:.]")
"""How a docstring begins with the standard's name: ``READ(10), 10 bytes``, ``SRP_CMD, initiator to target``."""


def plain(name: str) -> str:
    """A name in lower case, without punctuation and blanks: ``READ(10)``, ``READ_10`` and ``read 10`` are all ``read10``."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def kind(f: Field) -> str:
    """The kind of a field, in a word or two; empty for a plain number."""
    match f:
        case Descriptor():
            return " or ".join(one.__name__ for one in f.kinds if one)
        case List():
            item = f.item
            return f"list of {item.__name__ if isinstance(item, type) else item.what}"
        case LunField():
            return "LUN"
        case Text():
            return "text"
        case Struct():
            return f"a {f.cls.__name__}"
        case Array():
            return f"{f.count} numbers of {f.size // f.count} bytes"
        case Part() | Raw():
            return "bytes"
        case Int() if f.boolean:
            return "flag"
    return ""


def length(f: Part) -> str:
    """The length of a variable part in bytes, and on which flag its presence depends, as text."""
    some: Any = f.length
    if isinstance(f, Descriptor):
        return f"as {f.format.name} says"
    if some is None:
        text = "to the end"
    elif isinstance(some, Int):
        high, low = bits(some) or (0, 0)
        count = some.name or f"bits {high}..{low} of byte {some.offset}"
        text = f"{count}{f' * {f.unit}' if f.unit != 1 else ''}{f' {f.bias:+}' if f.bias else ''} bytes"
    elif isinstance(some, int):
        text = f"{some} bytes"
    else:
        text = "of computed length"
    if f.when is not None:
        text += f", if {f.when.name} has {f.flag:#x}"
    return text


def meaning(f: Field) -> str:
    """The last column of the table: kind, length, fixed value or enumeration, default, and the field's own text."""
    if f.reserved:
        return "reserved"
    said = [kind(f), length(f) if isinstance(f, Part) else ""]
    if isinstance(f, Int):
        if f.must is not None:
            said.append(f"always {value(f, f.must)}")
        elif f.enum is not None:
            said.append(f.enum.__name__)
        elif f.signed:
            said.append("signed")
        if f.must is None and f.default:
            said.append(f"{value(f, f.default)} unless it is set")
    return "; ".join(one for one in [*said, f.doc] if one)


def value(f: Int, number: int) -> str:
    """A value in hexadecimal, and its name, if it has one."""
    named = next((x.name for x in members(f) if x == number), None)
    return f"{number:#04x}{f' {named}' if named else ''}"


def members(f: Field) -> list[IntEnum]:
    """The named values of a field, in ascending order; empty for a field without an enumeration."""
    enum: Any = getattr(f, "enum", None)
    return sorted(enum.__members__.values()) if enum is not None and hasattr(enum, "__members__") else []


def bits(f: Field) -> tuple[int, int] | None:
    """Highest and lowest bit of a field that does not fill its bytes; None for others."""
    width, shift = getattr(f, "width", 8 * f.size), getattr(f, "shift", 0)
    return None if f.variable or width == 8 * f.size else (shift + width - 1, shift)


def enums(cls: type[Structure]) -> dict[str, list[IntEnum]]:
    """The enumerations of the fields that may have several values, with their members."""
    return {
        f.enum.__name__: members(f) for f in cls.FIELDS if isinstance(f, Int) and f.must is None and f.enum
    }


def as_json(cls: type[Structure]) -> dict[str, Any]:
    """The table as JSON."""
    rows = []
    for f in cls.FIELDS:
        row: dict[str, Any] = {"field": f.name, "offset": f.offset, "size": None if f.variable else f.size}
        if f.variable and getattr(f, "after", None) is not None:
            row |= {"offset": None, "after": f.after.name}  # type: ignore[attr-defined]
        if part := bits(f):
            row["bits"] = list(part)
        if isinstance(f, Int) and f.must is not None:
            row["always"] = int(f.must)
        elif isinstance(f, Int) and f.enum:
            row["enum"] = f.enum.__name__
        rows.append({**row, "reserved": f.reserved, "meaning": meaning(f)})
    values = {name: {x.name: int(x) for x in found} for name, found in enums(cls).items()}
    return {"class": full(cls), "text": told(cls), "size": cls.SIZE, "fields": rows, "enums": values}


def show(cls: type[Structure]) -> None:
    """The table as text."""
    click.secho(f"{full(cls)}: {told(cls)}", bold=True)
    click.echo("offset  bits   bytes  field")
    width = max((len(f.name) for f in cls.FIELDS), default=0) + 2
    for f in cls.FIELDS:
        if f.variable:
            place = f"{'then' if getattr(f, 'after', None) is not None else f.offset:>6}         var"
        else:
            part = bits(f)
            shown = "" if not part else f"{part[0]}..{part[1]}" if part[0] > part[1] else f"{part[0]}"
            place = f"{f.offset:6}  {shown:<5}  {f.size:5}"
        click.echo(f"{place}  {f.name:<{width}}{meaning(f)}".rstrip())
    for name, found in enums(cls).items():
        click.secho(f"\n{name}", bold=True)
        for one in found:
            click.echo(f"  {int(one):#04x}  {one.name}")


@click.command()
@click.argument("name", required=False)
@click.option("--json", "json_wanted", is_flag=True, help="Print the table, or the list of names, as JSON.")
def fields(name: str | None, json_wanted: bool) -> None:
    """Print the table of structure NAME: offset, bits, size, field, meaning; and the names of values.

    NAME may be qualified: Read10, scsi.Read10, pysrp.scsi.cdb.Read10. Where a command and its data have the
    same name, NAME means the CDB; for the data, append Data to the name, or put the module before it. Without
    NAME, or with the name of a module, the names of the structures are listed.

    \b
    Examples:
      pysrp fields Cmd
      pysrp fields scsi.Inquiry
      pysrp fields InquiryData
      pysrp fields mad
    """
    known = names()
    chosen = (known.get(name.lower()) or known.get(plain(name)) or []) if name else []
    if chosen:
        if json_wanted:
            click.echo(json.dumps(as_json(chosen[0]), indent=1))
            return
        show(chosen[0])
        for other in chosen[1:]:
            click.echo(f"\nOf the same name: pysrp fields {full(other).removeprefix('pysrp.')}")
        return
    wanted = (name or "").lower().removeprefix("pysrp").strip(".")
    listed = [
        cls
        for cls in sorted(everything(), key=full)
        if f".{wanted}." in f"{cls.__module__}.".removeprefix("pysrp") or not wanted
    ]
    if not listed:
        near = difflib.get_close_matches(wanted, [key for key in known if "." not in key], 3)
        # Several names of one structure may be near.
        hint = " or ".join(dict.fromkeys(known[one][0].__name__ for one in near))
        raise click.UsageError(
            f"no structure is named {name!r}; {f'perhaps {hint}; ' if hint else ''}'pysrp fields' lists them"
        )
    if json_wanted:
        click.echo(json.dumps([full(cls) for cls in listed], indent=1))
        return
    for cls in listed:
        click.echo(f"{full(cls):<44} {told(cls).partition(chr(10))[0]}")
