"""Answers to management datagrams (LoPAR virtual SCSI; for how clients use them: ibmvscsi, FreeBSD)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, NamedTuple

from pysrp import mad
from pysrp.errors import DecodeError, TransportError
from pysrp.mad import CapFlags, MadStatus, MadType, OsType, ServerSupport
from pysrp.text import printable
from pysrp.vscsi.dma import Dma

__all__ = ["ClientInfo", "HostInfo", "MadServer", "Parked"]

log: logging.Logger = logging.getLogger("pysrp.target")

LARGEST_LOG = 4096
LARGEST_CAPABILITIES = 4096

LENGTHS: dict[int, int] = {
    MadType.EMPTY_IU: 28,
    MadType.ERROR_LOG: 24,
    MadType.ADAPTER_INFO: 24,
    MadType.HOST_CONFIG: 24,
    MadType.CAPABILITIES: 24,
    MadType.PHYS_ADAPTER_INFO: 24,
    MadType.TAPE_PASSTHROUGH: 32,
}
"""Bytes of each datagram, and so of its answer; other datagrams are the header alone."""


@dataclass(frozen=True)
class ClientInfo:
    """A client's adapter info; empty until the client has sent it."""

    partition_name: str = ""
    partition_number: int = 0
    os_type: int = 0
    srp_version: str = ""

    @property
    def linux(self) -> bool:
        """Whether the client is Linux, which looks at the OVER flags of residuals alone (:mod:`pysrp.target.answers`)."""
        return self.os_type == OsType.LINUX


@dataclass(frozen=True)
class HostInfo:
    """This end's adapter info; ``max_transfer`` in bytes."""

    partition_name: str
    partition_number: int
    os_type: int
    max_transfer: int
    adapter_name: str
    location_code: str


class Parked(NamedTuple):
    """Where an EMPTY_IU lets us write a T_LOGOUT, and the tag to send it with."""

    buffer: int
    tag: int


class MadServer:
    """Answers one client's datagrams and keeps their results.

    ``client`` is the client's adapter info, ``announced`` the largest transfer in bytes that it was told (None before that).
    """

    def __init__(self, dma: Dma) -> None:
        self._dma = dma
        self.forget()

    def forget(self) -> None:
        """Forget the client's adapter info, as another client may come."""
        self.client: ClientInfo = ClientInfo()
        self.announced: int | None = None
        self._told = b""
        self.reset()

    def reset(self) -> None:
        """The queue was closed: fast fail is off, no buffer is parked (LoPAR)."""
        self.fast_fail: bool = False
        self.parked: Parked | None = None

    def name(self, partner: Any) -> str:
        """The client's name for messages: its partition's, or else its unit address."""
        unit = partner.unit_address if partner else 0
        return self.client.partition_name or (partner.partition_name if partner else "") or f"{unit:08x}"

    def answer(self, raw: bytes, host: HostInfo, logged_in: bool) -> bytes:
        """The answer to write over the datagram ``raw``, which must have at least 16 bytes."""
        request = mad.Mad(bytearray(raw[:16]))
        try:
            request = mad.parse(bytearray(raw))
            status = self._handle(request, host, logged_in)
        except (DecodeError, TransportError) as error:
            log.warning("datagram of type %d: %s", request.type, error)
            status = MadStatus.FAILED
        request.status = status
        return bytes(memoryview(request)[: LENGTHS.get(request.type, mad.Mad.SIZE)])

    def _handle(self, request: mad.Mad, host: HostInfo, logged_in: bool) -> MadStatus:
        match request:
            case mad.AdapterInfo():
                return self._adapter_info(request, host)
            case mad.EnableFastFail():
                if logged_in:
                    return MadStatus.FAILED
                self.fast_fail = True
                return MadStatus.SUCCESS
            case mad.Capabilities():
                return self._capabilities(request, host)
            case mad.EmptyIu():
                self.parked = Parked(request.buffer, request.tag)
                return MadStatus.SUCCESS
            case mad.ErrorLog():
                return self._error_log(request)
        return MadStatus.NOT_SUPPORTED

    def _adapter_info(self, request: mad.AdapterInfo, host: HostInfo) -> MadStatus:
        size = mad.AdapterInfoData.SIZE
        if request.length < size:
            return MadStatus.FAILED
        raw = self._dma.read(request.buffer, size)
        ours = mad.AdapterInfoData.build(
            partition_name=host.partition_name,
            partition_number=host.partition_number,
            os_type=host.os_type,
            port_max_txu=[host.max_transfer],
        )
        self._dma.write(request.buffer, memoryview(ours))
        # Linux uses one buffer for both: the second time it may still have our answer in it, which is not the client's info.
        if raw != self._told:
            theirs = mad.AdapterInfoData(raw)
            self.client = ClientInfo(
                printable(theirs.partition_name),
                int(theirs.partition_number),
                int(theirs.os_type),
                printable(theirs.srp_version),
            )
        self._told = bytes(ours)
        self.announced = host.max_transfer
        log.info(
            "client srp version: %s, client partition %s (%d), OS %d, max io %d",
            self.client.srp_version,
            self.client.partition_name,
            self.client.partition_number,
            self.client.os_type,
            host.max_transfer,
        )
        return MadStatus.SUCCESS

    def _capabilities(self, request: mad.Capabilities, host: HostInfo) -> MadStatus:
        if not mad.CapabilitiesData.SIZE <= request.length <= LARGEST_CAPABILITIES:
            return MadStatus.FAILED
        data = mad.CapabilitiesData(bytearray(self._dma.read(request.buffer, request.length)))
        for record in data.records:
            if record.length < record.SIZE:
                return MadStatus.FAILED
            # Units support RESERVE and RELEASE. Partition mobility is not supported: there is nothing to migrate here.
            supported = isinstance(record, mad.ReserveCap)
            record.server_support = ServerSupport.SUPPORTED if supported else ServerSupport.NOT_SUPPORTED
        data.flags = int(data.flags) & ~CapFlags.CAP_LIST_SUPPORTED
        data.name = host.adapter_name[:31]
        data.loc = host.location_code[:31]
        self._dma.write(request.buffer, memoryview(data))
        return MadStatus.SUCCESS

    def _error_log(self, request: mad.ErrorLog) -> MadStatus:
        if not mad.ErrorLogData.SIZE <= request.length <= LARGEST_LOG:
            return MadStatus.FAILED
        data = mad.ErrorLogData(self._dma.read(request.buffer, request.length))
        log.warning("error log of the client: %s", data.show())
        return MadStatus.SUCCESS
