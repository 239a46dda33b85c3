"""One record of a recording as a packet of a capture file: a header, and the bytes (docs/linktype.md)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from pysrp.fields import U8, U16, U32, U64, Part, Structure

__all__ = ["DISSECTOR", "Captured", "Direction", "Flags", "Form", "What"]

DISSECTOR = "vscsi"
"""The name under which the dissector of these packets is registered in Wireshark."""


class What(IntEnum):
    """Kind of the bytes in a packet."""

    ELEMENT = 1
    IU = 2
    DATA = 3
    HCALL = 4


class Direction(IntEnum):
    """Sender of the bytes."""

    INITIATOR_TO_TARGET = 1
    TARGET_TO_INITIATOR = 2


class Form(IntEnum):
    """Format of an IU, from its queue element (Format of :mod:`pysrp.crq`)."""

    UNKNOWN = 0
    SRP = 1
    MAD = 2


class Flags(IntFlag):
    """Which fields of the header are valid."""

    TRANSACTION = 0x01
    ADDRESS = 0x02
    TIME = 0x04


class Captured(Structure, size=24):
    """A packet: a header of 24 bytes, and the bytes of the record (docs/linktype.md)."""

    __slots__ = ()
    version = U8(0, must=1, doc="Format of the header: 1 is the only one")
    what = U8(
        1,
        enum=What,
        doc="What follows: a queue element, an IU or datagram, memory, arguments of a hypervisor call",
    )
    direction = U8(2, enum=Direction, doc="Who sent it, or whose memory it was; of a call, who made it")
    format = U8(3, enum=Form, doc="Of an IU and of data: 1 SRP, 2 datagram; 0 where that is not known")
    flags = U8(4, enum=Flags, doc="Whether transaction, bus address and the packet's time count: a bit each")
    connection = U16(
        6, doc="Which recording it is of, where a file has several: transactions and tags of one are its own"
    )
    length = U32(8, doc="Bytes that passed; more than follow where a recorder kept the first ones alone")
    transaction = U32(12, doc="The same number in all that belongs to one request; counts with TRANSACTION")
    address = U64(16, doc="Where in the client's I/O bus memory it stood; counts with ADDRESS")
    payload = Part(24, doc="What passed, or its first bytes")
