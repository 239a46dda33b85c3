"""The command/response queue (LoPAR, virtual SCSI and virtual I/O): its 16-byte element, and the ring.

Field names are those of Linux ``include/scsi/viosrp.h``.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from pysrp._fast.crq import Ring
from pysrp.errors import DecodeError
from pysrp.fields import U8, U16, U64, Structure
from pysrp.fields import Dispatch as _Dispatch

__all__ = [
    "Element",
    "Format",
    "InitFormat",
    "PingCode",
    "Ring",
    "Status",
    "TransportEvent",
    "Valid",
    "parse",
    "record",
]


class Valid(IntEnum):
    """Header byte: what the element is (LoPAR virtual I/O, CRQ entry header)."""

    FREE = 0x00
    CMD_RESP = 0x80
    INIT = 0xC0
    TRANSPORT_EVENT = 0xFF


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

    PARTNER_FAILED = 0x01
    PARTNER_DEREGISTERED = 0x02
    PARTNER_TERMINATED = 0x04
    MIGRATED = 0x06
    PREPARE_FOR_SUSPEND = 0x09
    RESUME = 0x0A


class Status(IntEnum):
    """Status byte of an element from the server; OK2 is what ibmvstgt sends for success."""

    OK = 0x00
    NONRECOVERABLE_ERR = 0x01
    VIOLATES_MAX_XFER = 0x02
    PARTNER_PANIC = 0x03
    DEVICE_BUSY = 0x08
    ADAPTER_FAIL = 0x10
    OVERWRITTEN = 0x20
    OK2 = 0x99
    HEADER_DESCRIPTOR = 0xF1
    PING = 0xF5
    PING_RESPONSE = 0xF6


class PingCode(IntEnum):
    """Code of a message inside the element: asked and answered outside flow control."""

    PING = 0xF5
    PING_RESPONSE = 0xF6


class Element(Structure, size=16):
    """One queue element, 16 bytes (``viosrp_crq``).

    From the client ``IU_data_ptr`` is the I/O bus address of the IU; from the server it is the tag of
    the request, see :attr:`tag`. ``timeout`` is in seconds (0: none), ``IU_length`` in bytes.
    """

    __slots__ = ()
    valid = U8(
        0,
        enum=Valid,
        doc="What the element is: 00h a free slot, 80h a message, C0h initialization, FFh an event of the platform; the others are reserved, and H_SEND_CRQ takes none without bit 7",
    )
    format = U8(
        1,
        doc="Of a message the protocol (1 SRP, 2 datagram, 6 all of it in the element), of initialization 1 or 2 for its answer, of an event what happened",
    )
    reserved = U8(2, doc="0; one reading of LoPAR has the code of a PING here")
    status = U8(
        3,
        enum=Status,
        doc="From the server: whether the answer could be written and the adapter lives, 00h or 99h is well; F5h and F6h in format 6 are PING and its answer; from the client 0",
    )
    timeout = U16(
        4,
        doc="From the client: after how many seconds it will give up, as a hint, 0 for none; not used from the server, and undefined from FreeBSD",
    )
    IU_length = U16(
        6, doc="Bytes of the IU or datagram; from the client at least as many, Linux always says 256"
    )
    IU_data_ptr = U64(
        8,
        doc="From the client the I/O bus address of the IU, over which the answer is written; from the server the tag of the request",
    )

    @property
    def tag(self) -> int:
        """``IU_data_ptr`` of an element from the server: the request's tag."""
        return self.IU_data_ptr

    @tag.setter
    def tag(self, value: int) -> None:
        self.IU_data_ptr = value

    @property
    def kind(self) -> Format | InitFormat | TransportEvent | None:
        """The meaning of header and format together, or None if it is not assigned."""
        meaning = {Valid.CMD_RESP: Format, Valid.INIT: InitFormat, Valid.TRANSPORT_EVENT: TransportEvent}
        try:
            return meaning[self.valid](self.format)  # type: ignore[index, return-value]
        except (KeyError, ValueError):
            return None

    @property
    def ping_code(self) -> PingCode | None:
        """PING or PING_RESPONSE; LoPAR puts the code at byte 2 in one place and byte 3 in another: both count."""
        if self.kind is Format.MESSAGE_IN_CRQ:
            for code in (int(self.status), self.reserved):
                if code in (PingCode.PING, PingCode.PING_RESPONSE):
                    return PingCode(code)
        return None

    @classmethod
    def init(cls) -> Element:
        """INITIALIZE, which each side sends when it has registered its queue."""
        return cls.build(valid=Valid.INIT, format=InitFormat.INIT)

    @classmethod
    def init_complete(cls) -> Element:
        """INITIALIZATION COMPLETE, the answer to INITIALIZE."""
        return cls.build(valid=Valid.INIT, format=InitFormat.INIT_COMPLETE)

    @classmethod
    def srp(cls, IU_data_ptr: int, IU_length: int, timeout: int = 0, status: int = 0) -> Element:
        """An SRP IU at bus address ``IU_data_ptr`` (from the server: the answer to that tag)."""
        return cls.build(
            valid=Valid.CMD_RESP,
            format=Format.SRP,
            status=status,
            timeout=timeout,
            IU_length=IU_length,
            IU_data_ptr=IU_data_ptr,
        )

    @classmethod
    def mad(cls, IU_data_ptr: int, IU_length: int, timeout: int = 0, status: int = 0) -> Element:
        """A management datagram at bus address ``IU_data_ptr`` (from the server: the answer to that tag)."""
        return cls.build(
            valid=Valid.CMD_RESP,
            format=Format.MAD,
            status=status,
            timeout=timeout,
            IU_length=IU_length,
            IU_data_ptr=IU_data_ptr,
        )

    @classmethod
    def ping(cls, code: PingCode = PingCode.PING) -> Element:
        """A PING or its answer, with the code where drivers write it (byte 3)."""
        return cls.build(valid=Valid.CMD_RESP, format=Format.MESSAGE_IN_CRQ, status=code)

    @classmethod
    def transport_event(cls, code: TransportEvent | int, status: int = 0) -> Element:
        """A transport event, which the platform puts into a queue when something has happened to the partner."""
        return cls.build(valid=Valid.TRANSPORT_EVENT, format=code, status=status)

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.valid in list(Valid) and self.valid != Valid.FREE and self.kind is None:
            yield "format", 1, f"{self.format:#x} is not assigned behind header {int(self.valid):#x}"
        if self.reserved and self.ping_code is None and self.valid != Valid.TRANSPORT_EVENT:
            yield "reserved", 2, "reserved, and not zero"


_dispatch = _Dispatch("valid", 0, default=Element)
parse = _dispatch.parse
record = _dispatch.record


def elements(buf: bytes | bytearray | memoryview) -> list[Element]:
    """A view for each element of ``buf``, such as what :meth:`Ring.take` returns.

    Raises DecodeError if the length is not a multiple of 16.
    """
    memory = memoryview(buf).cast("B")
    if memory.nbytes % Element.SIZE:
        raise DecodeError(f"{memory.nbytes} bytes are not whole elements", need=16, have=memory.nbytes % 16)
    return [Element(memory[i : i + 16]) for i in range(0, memory.nbytes, 16)]
