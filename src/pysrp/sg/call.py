"""One command by SG_IO: its header, the results that the kernel writes into it, and their meaning.

The system calls are in :mod:`pysrp.sg.node`. Results are checked like data from a peer, as most of them come from a driver.
"""

from __future__ import annotations

import ctypes
import math
import mmap
from typing import Any, NamedTuple

from pysrp.errors import DecodeError, PartnerGone, SrpError, TransportError
from pysrp.initiator.requests import Aborted, TimedOut
from pysrp.scsi.cdb import parse_cdb
from pysrp.sg.headers import DriverStatus, HostStatus, SgIoHdr, SgIoV4

__all__ = ["Answer", "SgCall", "SgCall3", "SgCall4", "failure"]

SENSE = 252
"""Bytes of the sense buffer, the most that sense data can have (SPC-5, 4.5.1)."""

LEAST_CDB, MOST_CDB = 6, 252
"""The shortest and the longest CDB that sg takes, in bytes; a kernel may take fewer."""

LONGEST = 0x7FFFFFFF
"""The longest timeout in milliseconds, 24 days, used for none."""


class Answer(NamedTuple):
    """How a command ended; ``host`` and ``driver`` are the kernel's status bytes, ``residual`` is in bytes and may be below 0."""

    status: int
    sense: bytes
    residual: int
    host: int
    driver: int


def milliseconds(timeout: float) -> int:
    """A timeout in seconds, 0 for none, as milliseconds for the header."""
    return min(max(1, math.ceil(timeout * 1000)), LONGEST) if timeout else LONGEST


class SgCall:
    """The memory of one command while the kernel has it: header, CDB, sense data, and a copy of the data.

    ``data_out`` is the data to send; if it is None, there is a buffer of ``room`` bytes for data-in. ``timeout`` is in seconds.
    """

    def __init__(self, cdb: bytes, data_out: Any, room: int, timeout: float) -> None:
        if not LEAST_CDB <= len(cdb) <= MOST_CDB:
            raise ValueError(f"a CDB of {len(cdb)} bytes; SG_IO takes {LEAST_CDB} to {MOST_CDB}")
        self.outward: bool = data_out is not None
        size = room if data_out is None else len(data_out)
        # Page-aligned, else the buffer would touch one page more, which may be more segments than the adapter takes.
        self.data: mmap.mmap | bytearray = mmap.mmap(-1, size) if size else bytearray()
        if data_out:
            self.data[:] = data_out
        self._cdb = (ctypes.c_char * len(cdb)).from_buffer_copy(cdb)
        self._sense = ctypes.create_string_buffer(SENSE)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self.data)) if size else None
        self.timeout = timeout
        self.header: ctypes.Structure = self._fill()

    def _fill(self) -> ctypes.Structure:
        """The header of this version."""
        raise NotImplementedError  # pragma: no cover: the versions have it

    def answer(self) -> Answer:
        """The results that the kernel wrote into the header."""
        raise NotImplementedError  # pragma: no cover: the versions have it

    def _came(self, length: int) -> bytes:
        """The sense data, of which the kernel says that it wrote ``length`` bytes."""
        return self._sense.raw[: min(length, SENSE)]


class SgCall3(SgCall):
    """A command with the header of version 3, for ``/dev/sg*`` and block devices."""

    header: SgIoHdr

    def _fill(self) -> SgIoHdr:
        direction = SgIoHdr.NONE
        if self.data:
            direction = SgIoHdr.TO_DEVICE if self.outward else SgIoHdr.FROM_DEVICE
        return SgIoHdr(
            interface_id=SgIoHdr.INTERFACE,
            dxfer_direction=direction,
            cmd_len=len(self._cdb),
            mx_sb_len=SENSE,
            dxfer_len=len(self.data),
            dxferp=self._address,
            cmdp=ctypes.addressof(self._cdb),
            sbp=ctypes.addressof(self._sense),
            timeout=milliseconds(self.timeout),
        )

    def answer(self) -> Answer:
        """The results that the kernel wrote into the header."""
        header = self.header
        return Answer(
            header.status,
            self._came(header.sb_len_wr),
            header.resid,
            header.host_status,
            header.driver_status,
        )


class SgCall4(SgCall):
    """A command with the header of version 4, for ``/dev/bsg/*``."""

    header: SgIoV4

    def _fill(self) -> SgIoV4:
        header = SgIoV4(
            guard=SgIoV4.GUARD,
            request_len=len(self._cdb),
            request=ctypes.addressof(self._cdb),
            max_response_len=SENSE,
            response=ctypes.addressof(self._sense),
            timeout=milliseconds(self.timeout),
        )
        if self.outward:
            header.dout_xfer_len, header.dout_xferp = len(self.data), self._address or 0
        else:
            header.din_xfer_len, header.din_xferp = len(self.data), self._address or 0
        return header

    def answer(self) -> Answer:
        """The results that the kernel wrote into the header."""
        header = self.header
        return Answer(
            header.device_status & 0xFF,
            self._came(header.response_len),
            header.dout_resid if self.outward else header.din_resid,
            header.transport_status,
            header.driver_status,
        )


_GONE = (
    HostStatus.NO_CONNECT,
    HostStatus.BAD_TARGET,
    HostStatus.TRANSPORT_DISRUPTED,
    HostStatus.TRANSPORT_FAILFAST,
)
_ENDED = HostStatus.ABORT, HostStatus.RESET


def failure(cdb: bytes, answer: Answer, timeout: float) -> SrpError | None:
    """The error of a command that got no answer from its device; None if it got one.

    A status other than GOOD comes from the device; the driver's status then only repeats it.
    """
    host, driver = answer.host, answer.driver & 0xF
    if answer.status or (host == HostStatus.OK and driver in (DriverStatus.OK, DriverStatus.SENSE)):
        return None
    try:
        name = parse_cdb(cdb).name
    except DecodeError:
        name = f"CDB {cdb.hex()}"
    if host == HostStatus.TIME_OUT or driver == DriverStatus.TIMEOUT:
        return TimedOut(f"{name}: not answered within {timeout:g} s; the kernel has ended it")
    said = f"{name}: {_said(HostStatus, 'DID', 'host', host)}"
    if driver:
        said += f", {_said(DriverStatus, 'DRIVER', 'driver', driver)}"
    if host in _GONE:
        return PartnerGone(f"{said}: the device cannot be reached")
    if host in _ENDED:
        return Aborted(f"{said}: the kernel ended it, how far it got is not known")
    return TransportError(said)


def _said(codes: type[HostStatus] | type[DriverStatus], prefix: str, whose: str, code: int) -> str:
    """A status byte of the kernel as text: "host status 07h (DID_ERROR)"."""
    known = f" ({prefix}_{codes(code).name})" if code in list(codes) else ""
    return f"{whose} status {code:02X}h{known}"
