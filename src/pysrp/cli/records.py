"""Reading records of bytes from hex text, binary files and capture files, and telling what each one is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pysrp import crq, mad, scsi, srp
from pysrp.cli import hexdump
from pysrp.errors import DecodeError
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
"""What ``--as`` takes."""


@dataclass
class Record:
    """Bytes to decode: where they come from, and what is known of them (``kind`` empty: guess)."""

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


def from_hex(text: str) -> Iterator[Record]:
    """One record a line, or one per dump of xxd, hexdump, od, tshark or sg3_utils; '#' begins a comment."""
    for data, line, error in hexdump.find(text):
        yield Record(data, f"line {line}", error=error)


def _plain(entry: dict[str, Any], name: str) -> str:
    """A text or a number of a capture record, as text that can be printed."""
    value = entry.get(name, "")
    if not isinstance(value, (str, int, type(None))):
        raise TypeError(f"{name} is {type(value).__name__}")
    return "" if value is None else str(value).encode("utf-8", "backslashreplace").decode()


def from_captures(text: str) -> Iterator[Record]:
    """JSON lines in the form of tests/vectors/captures: what each record is follows from its transaction."""
    formats: dict[Any, int] = {}
    cdbs: dict[Any, bytes] = {}
    datagrams: dict[Any, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            data = bytes.fromhex(entry["hex"])
            direction, what, note, txn = (_plain(entry, name) for name in ("dir", "what", "note", "txn"))
            seq, place = entry.get("seq"), _plain(entry, "seq")
            if not what:
                raise KeyError("what")
        except KeyError as error:
            yield Record(b"", f"line {number}", error=f"not a capture record: it has no {error}")
            continue
        except (ValueError, TypeError, RecursionError) as error:
            yield Record(b"", f"line {number}", error=f"not a capture record: {error!r}"[:200])
            continue
        where = f"{place or f'line {number}'} {direction.replace('2', '->')} {what}"
        record = Record(data, where, note=note, extra={"seq": seq, "dir": direction})
        if what == "crq":
            record.kind = "crq"
            if direction == "i2t" and len(data) == 16 and data[0] == 0x80:
                # A number may come again, where several captures stand one behind the other.
                formats[txn] = data[1]
                cdbs.pop(txn, None)
                datagrams.pop(txn, None)
        elif what == "iu" and data:
            known = formats.get(txn)
            record.kind = "mad" if known == crq.Format.MAD else "iu" if known == crq.Format.SRP else ""
            if direction == "i2t" and record.kind == "mad" and len(data) >= 4:
                datagrams[txn] = {3: "adapter-info", 5: "capabilities"}.get(data[3], "")
            if direction == "i2t" and data[0] == srp.Opcode.CMD and record.kind == "iu":
                cdbs[txn] = data[32:48]
            record.cdb = cdbs.get(txn, b"")
        elif what == "data":
            record.kind = datagrams.get(txn) or "data"
            record.cdb = cdbs.get(txn, b"") if direction == "t2i" else b""
        else:
            record.kind = "none"
        if entry.get("truncated"):
            record.kind = "none"
        yield record


def read(data: bytes, kind: str = "") -> Iterator[Record]:
    """Records of a file: capture lines, hex text, or binary (elements of 16 bytes if ``kind`` is crq).

    What has no byte but printable ones is hex text, and wrong where it has no digits: a slip of the pen in a single
    line must not make a CDB of its letters. Nothing that is decoded here is all printable.
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
            yield Record(data[at : at + 16], f"offset {at}")
    else:
        yield Record(data, "offset 0")


def decode(record: Record, kind: str = "") -> View | None:
    """The view that a record's bytes make; None where there is nothing to decode.

    Raises DecodeError if they cannot be what they are said to be.
    """
    chosen = kind or record.kind
    if chosen == "data":
        return scsi.parse_data_in(scsi.parse_cdb(record.cdb), record.data) if record.cdb else None
    if chosen == "none" or (not record.data and not kind):
        return None
    return KINDS[chosen or guess(record.data)](record.data)
