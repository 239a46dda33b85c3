# Made from the field tables by tools/stubs.py; do not edit.
"""The command/response queue (LoPAR, virtual SCSI and virtual I/O): its 16-byte element, and the ring.

Field names are those of Linux ``include/scsi/viosrp.h``."""

from _typeshed import ReadableBuffer, WriteableBuffer
from typing import TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from enum import IntEnum
from pysrp._fast.crq import Ring
from pysrp.fields import Structure
__all__ = ['Element', 'Format', 'InitFormat', 'PingCode', 'Ring', 'Status', 'TransportEvent', 'Valid', 'parse', 'record']

class Valid(IntEnum):
    """Header byte: what the element is (LoPAR virtual I/O, CRQ entry header)."""
    FREE = 0
    CMD_RESP = 128
    INIT = 192
    TRANSPORT_EVENT = 255

class Format(IntEnum):
    """Format byte of a command/response element (LoPAR virtual SCSI; viosrp.h)."""
    SRP = 1
    MAD = 2
    OS400 = 3
    AIX = 4
    LINUX = 5
    MESSAGE_IN_CRQ = 6

class InitFormat(IntEnum):
    """Format byte of an initialization element."""
    INIT = 1
    INIT_COMPLETE = 2

class TransportEvent(IntEnum):
    """Format byte of a transport event; the platform alone makes these (LoPAR virtual I/O)."""
    PARTNER_FAILED = 1
    PARTNER_DEREGISTERED = 2
    PARTNER_TERMINATED = 4
    MIGRATED = 6
    PREPARE_FOR_SUSPEND = 9
    RESUME = 10

class Status(IntEnum):
    """Status byte of an element from the server; OK2 is what ibmvstgt sends for success."""
    OK = 0
    NONRECOVERABLE_ERR = 1
    VIOLATES_MAX_XFER = 2
    PARTNER_PANIC = 3
    DEVICE_BUSY = 8
    ADAPTER_FAIL = 16
    OVERWRITTEN = 32
    OK2 = 153
    HEADER_DESCRIPTOR = 241
    PING = 245
    PING_RESPONSE = 246

class PingCode(IntEnum):
    """Code of a message inside the element: asked and answered outside flow control."""
    PING = 245
    PING_RESPONSE = 246

class _ElementFields(TypedDict, total=False):
    valid: int
    format: int
    reserved: int
    status: int
    timeout: int
    IU_length: int
    IU_data_ptr: int
    trailing: ReadableBuffer

class Element(Structure, size=16):
    """One queue element, 16 bytes (``viosrp_crq``).

    From the client ``IU_data_ptr`` is the I/O bus address of the IU; from the server it is the tag of
    the request, see :attr:`tag`. ``timeout`` is in seconds (0: none), ``IU_length`` in bytes."""
    valid: pysrp.fields.U8
    """What the element is: 00h a free slot, 80h a message, C0h initialization, FFh an event of the platform; the others are reserved, and H_SEND_CRQ takes none without bit 7"""
    format: pysrp.fields.U8
    """Of a message the protocol (1 SRP, 2 datagram, 6 all of it in the element), of initialization 1 or 2 for its answer, of an event what happened"""
    reserved: pysrp.fields.U8
    """0; one reading of LoPAR has the code of a PING here"""
    status: pysrp.fields.U8
    """From the server: whether the answer could be written and the adapter lives, 00h or 99h is well; F5h and F6h in format 6 are PING and its answer; from the client 0"""
    timeout: pysrp.fields.U16
    """From the client: after how many seconds it will give up, as a hint, 0 for none; not used from the server, and undefined from FreeBSD"""
    IU_length: pysrp.fields.U16
    """Bytes of the IU or datagram; from the client at least as many, Linux always says 256"""
    IU_data_ptr: pysrp.fields.U64
    """From the client the I/O bus address of the IU, over which the answer is written; from the server the tag of the request"""
    @property
    def tag(self) -> int:
        """``IU_data_ptr`` of an element from the server: the request's tag."""
    @tag.setter
    def tag(self, value: int) -> None: ...
    @property
    def kind(self) -> Format | InitFormat | TransportEvent | None:
        """The meaning of header and format together, or None if it is not assigned."""
    @property
    def ping_code(self) -> PingCode | None:
        """PING or PING_RESPONSE; LoPAR puts the code at byte 2 in one place and byte 3 in another: both count."""
    @classmethod
    def init(cls) -> Element:
        """INITIALIZE, which each side sends when it has registered its queue."""
    @classmethod
    def init_complete(cls) -> Element:
        """INITIALIZATION COMPLETE, the answer to INITIALIZE."""
    @classmethod
    def srp(cls, IU_data_ptr: int, IU_length: int, timeout: int=0, status: int=0) -> Element:
        """An SRP IU at bus address ``IU_data_ptr`` (from the server: the answer to that tag)."""
    @classmethod
    def mad(cls, IU_data_ptr: int, IU_length: int, timeout: int=0, status: int=0) -> Element:
        """A management datagram at bus address ``IU_data_ptr`` (from the server: the answer to that tag)."""
    @classmethod
    def ping(cls, code: PingCode=PingCode.PING) -> Element:
        """A PING or its answer, with the code where drivers write it (byte 3)."""
    @classmethod
    def transport_event(cls, code: TransportEvent | int, status: int=0) -> Element:
        """A transport event, which the platform puts into a queue when something has happened to the partner."""
    @classmethod
    def build(cls, **fields: Unpack[_ElementFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ElementFields]) -> int: ...  # type: ignore[override]
def parse(buf: ReadableBuffer, /, *, strict: bool = False) -> Element:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""
def record(buf: ReadableBuffer, /) -> Element:
    """A record (see Structure.record) of the class that the bytes of ``buf`` select; raises as parse() does."""
def elements(buf: bytes | bytearray | memoryview) -> list[Element]:
    """A view for each element of ``buf``, such as what :meth:`Ring.take` returns.

    Raises DecodeError if the length is not a multiple of 16."""
