"""Read records of bytes from hexadecimal text, binary files and recordings, and find the kind of each record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pysrp import crq, mad, scsi, srp
from pysrp.cli import hexdump
from pysrp.errors import DecodeError
from pysrp.fabric import recording
from pysrp.fields import View

KINDS: dict[str, Callable[[bytes], View]] = {
    "crq": crq.parse,
    "iu": srp.parse,
    "mad": mad.parse,
    "cdb": scsi.parse_cdb,
    "sense": scsi.parse_sense,
    "inquiry": scsi.InquiryData,
    "vpd": scsi.parse_vpd,
    "mode6": scsi.parse_mode6,
    "mode10": scsi.parse_mode10,
    "mode-page": scsi.parse_page,
    "log": scsi.parse_log_page,
    "pr-keys": scsi.PrKeys,
    "pr-reservation": scsi.PrReservation,
    "pr-capabilities": scsi.ReportCapabilities,
    "pr-full-status": scsi.PrFullStatus,
    "pr-out": scsi.parse_pr_out,
    "luns": scsi.ReportLunsData,
    "readcap10": scsi.ReadCapacity10Data,
    "readcap16": scsi.ReadCapacity16Data,
    "opcodes": scsi.SupportedCommands,
    "opcode": scsi.SupportedCommand,
    "adapter-info": mad.AdapterInfoData,
    "capabilities": mad.CapabilitiesData,
}
"""The values of ``--as``, and the function that parses each kind."""


@dataclass
class Piece:
    """Bytes to decode, where they come from, and what is known about them. An empty ``kind`` means: guess."""

    data: bytes
    where: str
    kind: str = ""
    cdb: bytes = b""
    note: str = ""
    error: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def guess(data: bytes) -> str:
    """The kind that bytes look like, by their first bytes and their length; raises DecodeError if none fits."""
    first = data[0] if data else 0
    if len(data) == 16 and first in (0x80, 0xC0, 0xFF):
        return "crq"
    if len(data) >= 16 and data[:3] == bytes(3) and data[3] in list(mad.MadType):
        return "mad"
    cls = srp.iu.table.get(first)
    if data and cls is not None and len(data) >= cls.SIZE and (cls.SIZE > 16 or first > 0x40):
        return "iu"
    if 8 <= len(data) <= 252 and first & 0x7F in (0x70, 0x71, 0x72, 0x73):
        return "sense"
    if len(data) in (6, 10, 12, 16) or (first == 0x7F and 16 <= len(data) <= 260):
        return "cdb"
    raise DecodeError(
        f"{len(data)} bytes beginning {data[:4].hex(' ') or 'with nothing'} look like nothing known here; "
        f"say what they are with --as"
    )


def from_hex(text: str) -> Iterator[Piece]:
    """Records of hexadecimal text: one a line, or a dump of xxd, hexdump, od, tshark or sg3_utils; '#' begins a comment."""
    for data, line, error in hexdump.find(text):
        yield Piece(data, f"line {line}", error=error)


def from_captures(text: str) -> Iterator[Piece]:
    """Records of a recording; the kind of each follows from its transaction. An incomplete last line is left out."""
    for number, found in recording.each_of(text.splitlines(keepends=True)):
        if isinstance(found, DecodeError):
            yield Piece(b"", f"line {number}", error=str(found))
        else:
            yield piece_of(found, f"line {number}" if found.seq is None else str(found.seq))


def piece_of(found: recording.Record, place: str) -> Piece:
    """A record of a recording as a :class:`Piece`; ``place``: its line or number, for people."""
    piece = Piece(
        found.data,
        f"{place} {found.direction.replace('2', '->')} {found.what}",
        note=found.note,
        extra={"seq": found.seq, "dir": found.direction},
    )
    piece.kind = kind_of(found)
    if found.what == "iu" or found.direction == "t2i":
        piece.cdb = found.cdb[:16]
    return piece


DATAGRAM_KINDS: dict[int, str] = {
    mad.MadType.ADAPTER_INFO: "adapter-info",
    mad.MadType.CAPABILITIES: "capabilities",
}
"""Datagram type: the kind of the data that belongs to such a datagram."""


def kind_of(found: recording.Record) -> str:
    """The kind of a record's bytes: "none" where they cannot be decoded, empty where it has to be guessed."""
    if found.truncated or found.what == "hcall":
        return "none"
    if found.what == "iu" and found.data:
        return {int(crq.Format.MAD): "mad", int(crq.Format.SRP): "iu"}.get(found.format, "")
    if found.what == "data":
        return DATAGRAM_KINDS.get(found.datagram, "data")
    return "crq" if found.what == "crq" else ""


def read(data: bytes, kind: str = "") -> Iterator[Piece]:
    """Records of a file: capture lines, hex text, or binary (elements of 16 bytes if ``kind`` is crq).

    Data in which all bytes are printable is taken for hexadecimal text, and is an error where it is not: a typing error in
    a single line must not turn its letters into a CDB. No structure that is decoded here is all printable.
    """
    head = data[:4096].lstrip()
    if head.startswith(b"{"):
        yield from from_captures(data.decode("utf-8", "replace"))
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if all(map(str.isprintable, "".join(text.split()))):
        yield from from_hex(text)
        return
    if kind == "crq":
        for at in range(0, len(data), 16):
            yield Piece(data[at : at + 16], f"offset {at}")
    else:
        yield Piece(data, "offset 0")


def decode(record: Piece, kind: str = "") -> View | None:
    """A view of a record's bytes; None where there is nothing to decode.

    Raises DecodeError if the bytes cannot be of the kind that ``kind`` or the record says.
    """
    chosen = kind or record.kind
    if chosen == "data":
        return scsi.parse_data_in(scsi.parse_cdb(record.cdb), record.data) if record.cdb else None
    if chosen == "none" or (not record.data and not kind):
        return None
    return KINDS[chosen or guess(record.data)](record.data)
