# Made from the field tables by tools/stubs.py; do not edit.
"""One record of a recording as a packet of a capture file: a header, and the bytes (docs/linktype.md)."""

from _typeshed import ReadableBuffer, WriteableBuffer
from typing import TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from enum import IntEnum, IntFlag
from pysrp.fields import Structure
__all__ = ['DISSECTOR', 'Captured', 'Direction', 'Flags', 'Form', 'What']
DISSECTOR: str

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
    TRANSACTION = 1
    ADDRESS = 2
    TIME = 4

class _CapturedFields(TypedDict, total=False):
    version: int
    what: int
    direction: int
    format: int
    flags: int
    connection: int
    length: int
    transaction: int
    address: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class Captured(Structure, size=24):
    """A packet: a header of 24 bytes, and the bytes of the record (docs/linktype.md)."""
    version: pysrp.fields.U8
    """Format of the header: 1 is the only one"""
    what: pysrp.fields.U8
    """What follows: a queue element, an IU or datagram, memory, arguments of a hypervisor call"""
    direction: pysrp.fields.U8
    """Who sent it, or whose memory it was; of a call, who made it"""
    format: pysrp.fields.U8
    """Of an IU and of data: 1 SRP, 2 datagram; 0 where that is not known"""
    flags: pysrp.fields.U8
    """Whether transaction, bus address and the packet's time count: a bit each"""
    connection: pysrp.fields.U16
    """Which recording it is of, where a file has several: transactions and tags of one are its own"""
    length: pysrp.fields.U32
    """Bytes that passed; more than follow where a recorder kept the first ones alone"""
    transaction: pysrp.fields.U32
    """The same number in all that belongs to one request; counts with TRANSACTION"""
    address: pysrp.fields.U64
    """Where in the client's I/O bus memory it stood; counts with ADDRESS"""
    payload: pysrp.fields.Part
    """What passed, or its first bytes"""
    @classmethod
    def build(cls, **fields: Unpack[_CapturedFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CapturedFields]) -> int: ...  # type: ignore[override]
