"""``pysrp decode``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import click

from pysrp import crq, scsi, srp
from pysrp.cli import records
from pysrp.errors import DecodeError
from pysrp.fields import Problem, View
from pysrp.lun import Lun
from pysrp.text import octets


def jsonable(value: Any, wide: bool = False) -> Any:
    """A field's value for JSON: bytes and 64-bit integers as hexadecimal text."""
    if isinstance(value, View):
        return {"class": type(value).__name__, **fields_of(value)}
    if isinstance(value, (bytes, memoryview)):
        return value.hex()
    if isinstance(value, Lun):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [jsonable(x) for x in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    return f"{value:#x}" if wide else int(value)


def fields_of(view: View) -> dict[str, Any]:
    """Field name to JSON value; reserved fields only where they are not zero, empty parts left out."""
    result = {}
    for f in view.FIELDS:
        try:
            value = getattr(view, f.name)
        except DecodeError:
            continue
        if (f.reserved and not any(bytes(view.raw(f.name)))) or (
            f.variable and (value is None or not len(value))
        ):
            continue
        result[f.name] = jsonable(value, not f.variable and f.size == 8)
    return result


def inside(view: View) -> Iterator[tuple[str, View]]:
    """The SCSI structures inside an IU, with their names: the CDB of a command, the sense data of a response."""
    try:
        if isinstance(view, srp.Cmd):
            yield "cdb", scsi.parse_cdb(view.cdb)
        elif isinstance(view, (srp.Rsp, srp.AerReq)) and len(view.sense):
            yield "sense", scsi.parse_sense(view.sense)
    except DecodeError:
        return


def title(view: View | None) -> str:
    """A title of one or two words for a record; empty where the name of its class says enough."""
    if isinstance(view, crq.Element):
        kind = view.ping_code or view.kind
        return "" if kind is None else kind.name.replace("_", " ")
    if isinstance(view, (srp.Cmd, scsi.Cdb)):
        try:
            cdb = scsi.parse_cdb(view.cdb) if isinstance(view, srp.Cmd) else view
            return cdb.name if isinstance(cdb, scsi.Cdb) else ""
        except DecodeError:
            return ""
    return ""


def malformed(view: View) -> DecodeError | None:
    """The DecodeError for the first part that claims more bytes than there are; None if all is whole."""
    try:
        view.extent()
    except DecodeError as error:
        return error
    return None


def as_object(record: records.Piece, view: View | None, error: str, problems: list[Problem]) -> None:
    """Print a record as one JSON object."""
    entry: dict[str, Any] = {"record": record.where, **record.extra}
    if view is not None:
        entry |= {"class": type(view).__name__, "fields": fields_of(view)}
        entry |= {name: jsonable(x) for name, x in inside(view)}
        entry["problems"] = [p._asdict() for p in problems]
    elif error:
        entry["error"] = error
    else:
        entry["hex"] = record.data.hex()
    click.echo(json.dumps(entry))


def as_table(record: records.Piece, view: View | None, error: str, problems: list[Problem]) -> None:
    """Print a record as a table of fields."""
    about = title(view) or (record.note if view is None else "")
    click.secho(f"-- {record.where}  {about}".rstrip(), bold=True)
    if error:
        click.secho(f"! {error}", fg="red")
    elif view is None:
        click.echo(
            f"{len(record.data)} bytes  {record.data[:16].hex(' ')}{' ...' if record.data[16:] else ''}"
        )
    else:
        click.echo(view.show())
        for name, part in inside(view):
            click.echo(f"   {name}: {part.show()}".replace("\n", "\n   "))
        for problem in problems:
            click.secho(f"! {problem.field} at offset {problem.offset}: {problem.message}", fg="red")
    click.echo()


def show(record: records.Piece, kind: str = "", as_json: bool = False, strict: bool = False) -> bool:
    """Print a record. Returns whether it is malformed; with ``strict``, whether it violates the standard in any way."""
    view, error = None, record.error
    if not error:
        try:
            view = records.decode(record, kind)
        except DecodeError as caught:
            error = f"offset {caught.offset}: {caught}"
    problems = view.problems() if view is not None else []
    (as_object if as_json else as_table)(record, view, error, problems)
    return bool(error) or (view is not None and malformed(view) is not None) or (strict and bool(problems))


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--as",
    "kind",
    type=click.Choice(list(records.KINDS)),
    default=None,
    help="What the bytes are (default: guess).",
)
@click.option("--cdb", metavar="HEX", help="Decode the bytes as the data-in of this CDB.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per record instead of tables.")
@click.option("--strict", is_flag=True, help="Any violation of the standard counts as an error.")
def decode(file: BinaryIO, kind: str | None, cdb: str | None, as_json: bool, strict: bool) -> None:
    """Print queue elements, IUs, datagrams, CDBs, sense data and pages, field by field.

    FILE (default: standard input) is hexadecimal text, binary data, or JSON lines from --record. Hexadecimal
    text has one record a line, or is a dump of xxd, hexdump, od -tx1, tshark -x or sg3_utils (-H, -HHH).
    A dump needs its offsets (od -An leaves them out): without offsets each line is a record of its own.
    Output lines that begin with '!' say what is wrong and at which offset. The exit status is 1 if a record
    was malformed; the other records are printed all the same.

    \b
    Examples:
      pysrp decode capture.jsonl
      echo 120000002400 | pysrp decode
      pysrp decode --as crq --json queue.bin
      xxd iu.bin | pysrp decode --as iu
      sg_inq -HHH /dev/sg0 | pysrp decode --cdb '12 0 0 0 60 0'
      sg_vpd -p bl -HHH /dev/sg0 | pysrp decode --as vpd
    """
    if kind and cdb:
        raise click.UsageError("--as and --cdb both say what the bytes are: give one of them")
    command = octets(cdb or "")
    failed = False
    for record in records.read(file.read(), kind or ""):
        if cdb is not None:
            record.kind, record.cdb = "data", command
        failed |= show(record, kind or "", as_json, strict)
    sys.exit(1 if failed else 0)
