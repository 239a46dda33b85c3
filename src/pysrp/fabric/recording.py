"""Reads the recordings of a :class:`~pysrp.fabric.recorder.Recorder`, record by record.

::

    for record in read("session.jsonl"):
        print(record.time, record.direction, record.note)
        if isinstance(view := record.view(), srp.Cmd):
            print(view.lun, scsi.parse_cdb(view.cdb))

A recording is JSON lines, which :mod:`pysrp.fabric.recorder` describes. Another process may still be writing it: an incomplete
last line is left out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, cast

from pysrp import crq, mad, scsi, srp
from pysrp.errors import DecodeError
from pysrp.fields import View

__all__ = ["Reader", "Record", "each_of", "name_of", "read"]

Direction = Literal["i2t", "t2i"]
What = Literal["crq", "iu", "data", "hcall"]

DATAGRAMS: dict[int, type[View]] = {
    mad.MadType.ADAPTER_INFO: mad.AdapterInfoData,
    mad.MadType.CAPABILITIES: mad.CapabilitiesData,
}
"""The structure in the buffer of a datagram, by the datagram's type."""

SHA256 = re.compile("[0-9a-f]{64}")
ADDRESS = re.compile("[0-9a-fA-F]{1,16}")
LATEST = 1 << 44
"""The latest time of a record in seconds since the epoch, so that its microseconds fit in 64 bits (pcapng)."""


class Record(NamedTuple):
    """One line of a recording: bytes that passed, and the request that they belong to."""

    direction: Direction
    """``i2t`` from the initiator to the target, ``t2i`` the other way."""
    what: What
    """``crq`` a queue element, ``iu`` an information unit or datagram, ``data`` memory, ``hcall`` arguments of a call."""
    data: bytes
    """The bytes: all of them, unless :attr:`truncated`."""
    length: int
    """How many bytes passed."""
    seq: int | None = None
    """Its number in the recording, from 1."""
    note: str = ""
    """A description for human readers."""
    time: float | None = None
    """When it was recorded, in seconds since the epoch."""
    address: int | None = None
    """Bus address in the client's window."""
    transaction: int | None = None
    """The same number for all that belongs to one request."""
    sha256: str = ""
    """SHA-256 of all bytes, in hexadecimal, if the recording does not have all of them."""
    format: int = 0
    """The format in the element of its transaction, a :class:`pysrp.crq.Format`; 0: not known."""
    cdb: bytes = b""
    """The CDB of the command that it belongs to, as in its SRP_CMD, with the additional CDB."""
    datagram: int = 0
    """The type of the datagram that it belongs to (:class:`pysrp.mad.MadType`); 0: to none, or not known."""

    @property
    def truncated(self) -> bool:
        """Whether the recording has only the first bytes."""
        return len(self.data) < self.length

    def view(self) -> View | None:
        """The bytes as a view of their structure; None if the structure is not known, or the record is truncated.

        DecodeError for bytes that are not a valid structure of that kind.
        """
        if self.truncated or not self.data:
            return None
        if self.what == "crq":
            element: View = crq.parse(self.data)
            return element
        if self.what == "iu":
            known = {crq.Format.SRP: srp.parse, crq.Format.MAD: mad.parse}.get(
                cast("crq.Format", self.format)
            )
            return known(self.data) if known is not None else None
        if self.what == "data" and self.datagram in DATAGRAMS:
            return DATAGRAMS[self.datagram](self.data)
        if self.what == "data" and self.cdb and self.direction == "t2i":
            return scsi.parse_data_in(scsi.parse_cdb(self.cdb), self.data)
        return None

    def line(self) -> str:
        """The record as a line of a recording, without the newline."""
        entry: dict[str, Any] = {
            "seq": self.seq,
            "dir": self.direction,
            "what": self.what,
            "hex": self.data.hex(),
            "note": self.note,
            "len": self.length,
            "txn": self.transaction,
        }
        if self.time is not None:
            entry["time"] = self.time
        if self.address is not None:
            entry["addr"] = f"{self.address:x}"
        if self.truncated:
            entry["truncated"] = True
        if self.sha256:
            entry["sha256"] = self.sha256
        return json.dumps(entry)


MOST_TRANSACTIONS = 1 << 16
"""The most transactions of which details are kept: more than are under way at any time. A live recording has no end."""


class Reader:
    """Makes records of lines, which must come in order, as the element before an IU says what the IU is.

    ``name`` is what its errors call the recording.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._count = 0
        self._formats: dict[int | None, int] = {}
        self._cdbs: dict[int | None, bytes] = {}
        self._datagrams: dict[int | None, int] = {}

    def record(self, line: str) -> Record:
        """The record of the next line. For an invalid line DecodeError, which names file and line; later lines can be read."""
        self._count += 1
        try:
            return self._known(record_of(json.loads(line)))
        except KeyError as problem:
            reason = f"it has no {problem}"
        except (ValueError, TypeError, OverflowError, RecursionError) as problem:
            reason = f"{problem!r}"[:200]
        where = f"{self._name}: " * bool(self._name) + f"line {self._count}"
        raise DecodeError(f"{where} is no record of a recording: {reason}", offset=self._count)

    def blank(self) -> None:
        """Skip an empty line, which counts for line numbers."""
        self._count += 1

    def _known(self, record: Record) -> Record:
        """Add what is known of its transaction to a record, and note what the record says about the transaction."""
        number, data, out = record.transaction, record.data, record.direction == "i2t"
        if record.what == "crq" and out and len(data) == crq.Element.SIZE:
            # A number may come again, if several recordings were concatenated.
            self._forget(number)
            if len(self._formats) >= MOST_TRANSACTIONS:
                self._forget(next(iter(self._formats)))
            self._formats[number] = data[1] if data[0] == crq.Valid.CMD_RESP else 0
        if record.what not in ("iu", "data") or number is None:
            return record
        known = self._formats.get(number, 0)
        if record.what == "iu" and out and known == crq.Format.MAD and len(data) >= 4:
            self._datagrams[number] = int.from_bytes(data[:4], "big")
        if record.what == "iu" and out and known == crq.Format.SRP and data[:1] == bytes([srp.Opcode.CMD]):
            self._cdbs[number] = cdb_of(data)
        return record._replace(
            format=known, cdb=self._cdbs.get(number, b""), datagram=self._datagrams.get(number, 0)
        )

    def _forget(self, number: int | None) -> None:
        for known in self._formats, self._cdbs, self._datagrams:
            known.pop(number, None)


def name_of(format: int, iu: bytes) -> str:
    """The name of an IU or datagram, for a command that of its CDB: ``READ(10)``, ``LoginReq``, ``AdapterInfo``.

    ``unreadable`` for what cannot be decoded. ``format`` is that of its element, a :class:`pysrp.crq.Format`.
    """
    try:
        unit = mad.parse(iu) if format == crq.Format.MAD else srp.parse(iu)
        found = scsi.parse_cdb(unit.cdb) if isinstance(unit, srp.Cmd) else unit
    except DecodeError:
        return "unreadable"
    name: str = getattr(found, "name", type(unit).__name__)
    return name


def cdb_of(iu: bytes) -> bytes:
    """The CDB of an SRP_CMD; of a truncated one as many bytes as there are."""
    try:
        return bytes(srp.Cmd(iu).cdb)
    except DecodeError:
        return iu[32:48]


def number(entry: dict[str, Any], name: str) -> int | None:
    """The entry ``name``: an integer from 0 to 64 bits, or None if there is none; ValueError for anything else."""
    value = entry.get(name)
    if value is not None and (type(value) is not int or not 0 <= value < 1 << 64):
        raise ValueError(f"{name} is {value!r:.50}")
    return value


def record_of(entry: Any) -> Record:
    """The record of one line's JSON alone. KeyError for a missing entry, ValueError or TypeError for an invalid one."""
    if not isinstance(entry, dict):
        raise TypeError(f"{type(entry).__name__} in place of an object")
    data = bytes.fromhex(entry["hex"])
    direction, what = entry["dir"], entry["what"]
    if direction not in ("i2t", "t2i") or what not in ("crq", "iu", "data", "hcall"):
        raise ValueError(f"dir is {direction!r}, what is {what!r}")
    address, time, length = entry.get("addr"), entry.get("time"), number(entry, "len")
    note, digest = entry.get("note") or "", entry.get("sha256") or ""
    if not isinstance(note, str) or not isinstance(digest, str):
        raise TypeError("note and sha256 are text")
    if digest and not SHA256.fullmatch(digest):
        raise ValueError("sha256 is none")
    if time is not None and (type(time) not in (int, float) or not 0 <= time < LATEST):
        raise ValueError(f"time is {time!r:.50}")
    if address is not None and not ADDRESS.fullmatch(address):
        raise ValueError(f"addr is {address!r:.50}")
    return Record(
        direction=direction,
        what=what,
        data=data,
        length=max(len(data), length or 0),
        seq=number(entry, "seq"),
        note=note.encode("utf-8", "backslashreplace").decode(),
        time=None if time is None else float(time),
        address=None if address is None else int(address, 16),
        transaction=number(entry, "txn"),
        sha256=digest,
    )


def is_whole(line: str) -> bool:
    """False for a line that may be the first part of a record."""
    return line.endswith(("\n", "}")) or not line.startswith("{")


def each_of(lines: Iterable[str], name: str = "") -> Iterator[tuple[int, Record | DecodeError]]:
    """Number (from 1) and record of each line; for an invalid line its number and the DecodeError.

    Empty lines are left out. So is an incomplete last line, as it is still being written.
    """
    reader = Reader(name)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            reader.blank()
            continue
        try:
            yield number, reader.record(line)
        except DecodeError as error:
            if is_whole(line):
                yield number, error


def read(source: str | os.PathLike[str] | Iterable[str], name: str = "") -> Iterator[Record]:
    """The records of a recording, given by its path, or by its lines, such as an open text file. ``name`` is for error messages.

    Empty lines are left out. So is an incomplete last line, as it is still being written. OSError if the file cannot be
    opened; DecodeError, which names file and line, for an invalid line.
    """
    if isinstance(source, (str, os.PathLike)):
        with open(source, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            yield from read(file, name or os.fspath(source))
        return
    for _, found in each_of(source, name):
        if isinstance(found, DecodeError):
            raise found
        yield found
