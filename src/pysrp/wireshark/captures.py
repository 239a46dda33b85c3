"""Recordings as packets of pcapng files, and back.

A recording is JSON lines (:mod:`pysrp.fabric.recorder`). Each record becomes a packet (:mod:`pysrp.wireshark.captured`,
docs/linktype.md), either after tags that name its dissector (LINKTYPE_WIRESHARK_UPPER_PDU), or without them (DLT_USER0).
A packet has no field for a record's note and for the hash of a truncated record: these are in the packet's comment.

Files are read and written by python-pcapng: ``pip install 'pysrp-vscsi[pcapng]'``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any, BinaryIO

from pysrp.errors import ConfigError, DecodeError, EncodeError
from pysrp.fabric import recording
from pysrp.fabric.recording import Record
from pysrp.wireshark.captured import DISSECTOR, Captured, Direction, Flags, Form, What

__all__ = ["LINKTYPE_UPPER_PDU", "LINKTYPE_USER0", "MAGIC", "Packet", "Writer", "packets", "read", "records"]

MAGIC = b"\x0a\x0d\x0d\x0a"
"""The first bytes of a pcapng file; they are the same in both byte orders."""
LINKTYPE_UPPER_PDU = 252
LINKTYPE_USER0 = 147

TAG_END, TAG_DISSECTOR = 0, 12
"""Tags of an exported PDU (Wireshark, ``wsutil/exported_pdu_tlvs.h``): two bytes tag, two bytes length, each big-endian."""

WHAT: dict[recording.What, What] = {
    "crq": What.ELEMENT,
    "iu": What.IU,
    "data": What.DATA,
    "hcall": What.HCALL,
}
DIRECTION: dict[recording.Direction, Direction] = {
    "i2t": Direction.INITIATOR_TO_TARGET,
    "t2i": Direction.TARGET_TO_INITIATOR,
}
_WHAT = {int(value): name for name, value in WHAT.items()}
_DIRECTION = {int(value): name for name, value in DIRECTION.items()}
HASH = "sha256:"
LONGEST_COMMENT = 0xFFFF
"""The most bytes of an option in a pcapng file."""
LONGEST_RECORD = 0xFFFFFFFF - 256
"""The most bytes of a packet, so that its length with its tags fits in 32 bits."""


@dataclass
class Packet:
    """A packet: its bytes, its time (seconds since the epoch; None: not known), and the length of the whole record."""

    data: bytes
    time: float | None = None
    length: int = 0
    comments: list[str] = field(default_factory=list)


def _pcapng() -> ModuleType:
    try:
        return import_module("pcapng")
    except ImportError:
        raise ConfigError("pcapng files need python-pcapng: pip install 'pysrp-vscsi[pcapng]'") from None


def packets(lines: Iterable[str], name: str = "") -> Iterator[Packet]:
    """A packet for each record of a recording. Raises DecodeError, which names the recording by ``name``, for any other line."""
    for number, record in enumerate(recording.read(lines, name), 1):
        try:
            yield _packet(record)
        except EncodeError as problem:
            raise DecodeError(f"record {number} has no place in a packet: {problem}") from None


def _packet(record: Record) -> Packet:
    flags = Flags(0)
    for present, flag in (
        (record.transaction, Flags.TRANSACTION),
        (record.address, Flags.ADDRESS),
        (record.time, Flags.TIME),
    ):
        flags |= flag if present is not None else 0
    packet = Captured.build(
        what=WHAT[record.what],
        direction=DIRECTION[record.direction],
        format=record.format if record.format in set(Form) else 0,
        flags=flags,
        length=record.length,
        transaction=record.transaction or 0,
        address=record.address or 0,
        payload=record.data,
    )
    if record.length > LONGEST_RECORD:
        raise EncodeError(f"it has {record.length} bytes", field="length")
    if len(record.note.encode()) > LONGEST_COMMENT:
        raise EncodeError(f"its note has more than {LONGEST_COMMENT} bytes", field="note")
    comments = ([record.note] if record.note else []) + ([f"{HASH}{record.sha256}"] if record.sha256 else [])
    return Packet(bytes(packet), record.time, record.length, comments)


def records(found: Iterable[Packet]) -> Iterator[Record]:
    """The records from which packets were made. Raises DecodeError for a packet that was not made from a record."""
    for number, packet in enumerate(found, 1):
        view = Captured(packet.data)
        if view.version != 1 or int(view.what) not in _WHAT or int(view.direction) not in _DIRECTION:
            raise DecodeError(f"packet {number} is of a kind that is not known here", field="what")
        notes = [one for one in packet.comments if not one.startswith(HASH)]
        digest = next((one for one in packet.comments if one.startswith(HASH)), "")
        yield Record(
            direction=_DIRECTION[int(view.direction)],
            what=_WHAT[int(view.what)],
            data=bytes(view.payload),
            length=view.length,
            seq=number,
            note="; ".join(notes),
            time=packet.time if view.flags & Flags.TIME else None,
            address=view.address if view.flags & Flags.ADDRESS else None,
            transaction=view.transaction if view.flags & Flags.TRANSACTION else None,
            sha256=digest.removeprefix(HASH),
        )


def _tagged(data: bytes) -> bytes:
    """A packet after the tags that tell Wireshark its dissector."""
    name = DISSECTOR.encode()
    name += bytes(-len(name) % 4)
    return struct.pack(">HH", TAG_DISSECTOR, len(name)) + name + struct.pack(">HH", TAG_END, 0) + data


def _untagged(data: bytes) -> bytes | None:
    """The packet after the tags; None if the tags name another dissector. Raises ValueError if the tags do not end."""
    at, ours = 0, False
    while at + 4 <= len(data):
        tag, length = struct.unpack_from(">HH", data, at)
        at += 4
        if tag == TAG_END:
            return data[at:] if ours else None
        if tag == TAG_DISSECTOR:
            ours = data[at : at + length].rstrip(b"\0") == DISSECTOR.encode()
        at += length
    raise ValueError("the tags of an exported PDU do not end")


class Writer:
    """A pcapng file that is being written, with an interface for each name in ``names``.

    ``user``: packets of the link type DLT_USER0 instead of exported PDUs. ConfigError where python-pcapng is missing.
    """

    def __init__(self, stream: BinaryIO, names: Iterable[str], *, user: bool = False) -> None:
        pcapng = _pcapng()
        self._blocks = pcapng.blocks
        self._user = user
        self._section = self._blocks.SectionHeader(options={"shb_userappl": "pysrp"})
        link = LINKTYPE_USER0 if user else LINKTYPE_UPPER_PDU
        for name in names:
            self._section.new_member(
                self._blocks.InterfaceDescription, link_type=link, options={"if_name": name}
            )
        self._file = pcapng.FileWriter(stream, self._section)
        self._count = 0

    def write(self, packet: Packet, interface: int = 0) -> None:
        """Write one packet. A packet without a time gets its number as a time in microseconds, which keeps the order."""
        self._count += 1
        time = self._count if packet.time is None else round(packet.time * 1_000_000)
        view = Captured(bytearray(packet.data))
        view.connection = interface
        data = bytes(view) if self._user else _tagged(bytes(view))
        more = max(Captured.SIZE + packet.length - len(packet.data), 0)
        block = self._section.new_member(
            self._blocks.EnhancedPacket,
            interface_id=interface,
            timestamp_high=time >> 32 & 0xFFFFFFFF,
            timestamp_low=time & 0xFFFFFFFF,
            packet_data=data,
            packet_len=len(data) + more,
            options={"opt_comment": packet.comments} if packet.comments else {},
        )
        self._file.write_block(block)


def read(stream: BinaryIO) -> Iterator[Packet | None]:
    """The packets of a pcapng file that :class:`Writer`, or Wireshark from such a file, has written.

    None stands for a packet of another protocol. Raises DecodeError if the file is broken or not pcapng.
    """
    pcapng = _pcapng()
    try:
        for block in pcapng.FileScanner(stream):
            if isinstance(block, pcapng.blocks.EnhancedPacket):
                yield _read(block)
    except (
        pcapng.exceptions.PcapngException,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        struct.error,
        OSError,
    ) as problem:
        if (
            isinstance(problem, OSError) and problem.errno is not None
        ):  # the file cannot be read; an OSError of inet_ntoa() has no errno
            raise
        raise DecodeError(f"no pcapng file, or a broken one: {problem!r}"[:200]) from None


def _read(block: Any) -> Packet | None:
    link = block.interface.link_type
    data: bytes | None = block.packet_data
    if link == LINKTYPE_UPPER_PDU:
        data = _untagged(block.packet_data)
    elif link != LINKTYPE_USER0:
        data = None
    if data is None:
        return None
    options: Mapping[str, Any] = block.options
    comments = list(options.get_all("opt_comment")) if "opt_comment" in options else []  # type: ignore[attr-defined]
    return Packet(data, round(float(block.timestamp), 6), len(data), comments)
