"""VIOSRP management datagrams (LoPAR, virtual SCSI): the IUs, and what stands in the buffers they point to.

Field names are those of Linux ``include/scsi/viosrp.h``; ``parse(buf)`` chooses the class by type.
A server may answer with the 16-byte header alone, so the fields behind it are read only where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum, IntFlag
from typing import Any

from pysrp.fields import (
    I32,
    U16,
    U32,
    U64,
    Array,
    Dispatch,
    List,
    LunField,
    Part,
    Structure,
    Text,
)

__all__ = [
    "AdapterInfo",
    "AdapterInfoData",
    "Cap",
    "CapFlags",
    "CapType",
    "Capabilities",
    "CapabilitiesData",
    "EmptyIu",
    "EnableFastFail",
    "ErrorLog",
    "ErrorLogData",
    "HostConfig",
    "Mad",
    "MadStatus",
    "MadType",
    "MigrationCap",
    "OsType",
    "PhysAdapterInfo",
    "PhysAdapterInfoData",
    "ReserveCap",
    "ServerSupport",
    "TapePassthrough",
    "parse",
]


class MadType(IntEnum):
    """Type of a datagram; HOST_CONFIG is reserved in LoPAR and lives on in older drivers."""

    EMPTY_IU = 0x01
    ERROR_LOG = 0x02
    ADAPTER_INFO = 0x03
    HOST_CONFIG = 0x04
    CAPABILITIES = 0x05
    PHYS_ADAPTER_INFO = 0x06
    TAPE_PASSTHROUGH = 0x07
    ENABLE_FAST_FAIL = 0x08


class MadStatus(IntEnum):
    """Status of an answer; ibmvstgt and QEMU use 1 for a failure of any kind."""

    SUCCESS = 0x00
    FAILED_OLD = 0x01
    NOT_SUPPORTED = 0xF1
    FAILED = 0xF7


class OsType(IntEnum):
    """Operating system in the adapter info."""

    OS400 = 1
    LINUX = 2
    AIX = 3
    OFW = 4


class CapFlags(IntFlag):
    """Flags of the capabilities buffer."""

    CLIENT_MIGRATED = 0x01
    CLIENT_RECONNECT = 0x02
    CAP_LIST_SUPPORTED = 0x04
    CAP_LIST_DATA = 0x08


class CapType(IntEnum):
    """Types of capability records."""

    MIGRATION_CAPABILITIES = 1
    RESERVATION_CAPABILITIES = 2


class ServerSupport(IntEnum):
    """What the server says to a record; the client sends SUPPORTED."""

    NOT_SUPPORTED = 0
    SUPPORTED = 1
    DATA_CHANGED = 2


mads: Dispatch


class Mad(Structure, size=16):
    """The header that every datagram begins with, 16 bytes (``mad_common``); ``length`` counts the data, in bytes."""

    __slots__ = ()
    type = U32(0, enum=MadType)
    status = U16(4, enum=MadStatus)
    length = U16(6)
    tag = U64(8)

    def __init_subclass__(cls, mad: int | None = None, length: int = 0, **options: Any) -> None:
        if mad is not None:
            for name, field in ("type", U32(0, enum=MadType, must=mad)), ("length", U16(6, default=length)):
                field.__set_name__(cls, name)
                setattr(cls, name, field)
        super().__init_subclass__(size=16, **options)
        if mad is not None:
            mads.add(mad, cls)


mads = Dispatch("type", 0, 4, default=Mad)
parse = mads.parse


class EmptyIu(Mad, mad=MadType.EMPTY_IU, length=28):
    """EMPTY_IU, 28 bytes: parks a buffer for a later T_LOGOUT (``viosrp_empty_iu``)."""

    __slots__ = ()
    buffer = U64(16)
    port = U32(24)


class ErrorLog(Mad, mad=MadType.ERROR_LOG, length=104):
    """ERROR_LOG, 24 bytes: points at an :class:`ErrorLogData` (``viosrp_error_log``)."""

    __slots__ = ()
    buffer = U64(16)


class AdapterInfo(Mad, mad=MadType.ADAPTER_INFO, length=148):
    """ADAPTER_INFO, 24 bytes: points at an :class:`AdapterInfoData`, read and overwritten (``viosrp_adapter_info``)."""

    __slots__ = ()
    buffer = U64(16)


class HostConfig(Mad, mad=MadType.HOST_CONFIG):
    """HOST_CONFIG, 24 bytes: points at a text buffer (``viosrp_host_config`` of older kernels)."""

    __slots__ = ()
    buffer = U64(16)


class Capabilities(Mad, mad=MadType.CAPABILITIES, length=92):
    """CAPABILITIES, 24 bytes: points at a :class:`CapabilitiesData` (``viosrp_capabilities``)."""

    __slots__ = ()
    buffer = U64(16)


class PhysAdapterInfo(Mad, mad=MadType.PHYS_ADAPTER_INFO, length=528):
    """PHYS_ADAPTER_INFO, 24 bytes: points at a :class:`PhysAdapterInfoData` (LoPAR, FreeBSD)."""

    __slots__ = ()
    buffer = U64(16)


class TapePassthrough(Mad, mad=MadType.TAPE_PASSTHROUGH, length=32):
    """TAPE_PASSTHROUGH, 32 bytes: ``operation`` 1 enables, 2 disables it for a LUN (LoPAR)."""

    __slots__ = ()
    lun = LunField(16)
    version = U32(24, default=1)
    operation = U32(28)


class EnableFastFail(Mad, mad=MadType.ENABLE_FAST_FAIL, length=16):
    """ENABLE_FAST_FAIL, the 16-byte header alone (``viosrp_fast_fail``)."""

    __slots__ = ()


class AdapterInfoData(Structure, size=148):
    """The adapter info buffer, 148 bytes (``mad_adapter_info_data``); ``port_max_txu[0]`` is the largest transfer, bytes."""

    __slots__ = ()
    srp_version = Text(0, 8, pad=b"\0", default="16.a")
    partition_name = Text(8, 96, pad=b"\0")
    partition_number = U32(104)
    mad_version = U32(108, default=1)
    os_type = U32(112, enum=OsType)
    port_max_txu = Array(116, 4, 8)


class Cap(Structure, size=8):
    """A capability record: ``length`` counts the whole record in bytes (``mad_capability_common``)."""

    __slots__ = ()
    cap_type = U32(0, enum=CapType)
    length = U16(4)
    server_support = U16(6, enum=ServerSupport)
    data = Part(8, length, bias=-8)


class MigrationCap(Structure, size=12):
    """Migration capability, 12 bytes; ``ecl`` is the effective capability level (``mad_migration_cap``)."""

    __slots__ = ()
    cap_type = U32(0, enum=CapType, must=CapType.MIGRATION_CAPABILITIES)
    length = U16(4, default=12)
    server_support = U16(6, enum=ServerSupport)
    ecl = U32(8)
    data = Part(12, length, bias=-12)


class ReserveCap(Structure, size=12):
    """Reservation capability, 12 bytes; ``type`` 1: the client does SCSI-2 reserve (``mad_reserve_cap``)."""

    __slots__ = ()
    cap_type = U32(0, enum=CapType, must=CapType.RESERVATION_CAPABILITIES)
    length = U16(4, default=12)
    server_support = U16(6, enum=ServerSupport)
    type = U32(8)
    data = Part(12, length, bias=-12)


caps = Dispatch("cap_type", 0, 4, default=Cap)
caps.add(CapType.MIGRATION_CAPABILITIES, MigrationCap)
caps.add(CapType.RESERVATION_CAPABILITIES, ReserveCap)


class CapabilitiesData(Structure, size=68):
    """The capabilities buffer, 68 bytes + records in any order (``capabilities``)."""

    __slots__ = ()
    flags = U32(0, enum=CapFlags)
    name = Text(4, 32, pad=b"\0")
    loc = Text(36, 32, pad=b"\0")
    records = List(68, item=caps)

    @property
    def migration(self) -> MigrationCap | None:
        """The migration record, if there is one."""
        return next((r for r in self.records if isinstance(r, MigrationCap)), None)

    @property
    def reserve(self) -> ReserveCap | None:
        """The reservation record, if there is one."""
        return next((r for r in self.records if isinstance(r, ReserveCap)), None)

    def _check(self) -> Iterator[tuple[str, int, str]]:
        for record in self.records:
            if record.length < record.SIZE:
                yield "records", 68, f"a record of {record.length} bytes, {record.SIZE} at least"


class ErrorLogData(Structure, size=104):
    """An error log, 104 bytes + ``buffer_size`` bytes of data (LoPAR; ``error_id`` -1: none)."""

    __slots__ = ()
    lun = LunField(0)
    correlator = U64(8)
    error_id = I32(24)
    buffer_size = U32(28)
    client_name = Text(32, 32, pad=b"\0")
    device_name = Text(64, 32, pad=b"\0")
    partition = U32(96)
    flags = U32(100)
    data = Part(104, buffer_size)


class PhysAdapterInfoData(Structure, size=528):
    """Physical adapter info, 528 bytes (LoPAR)."""

    __slots__ = ()
    lun = LunField(0)
    version = U32(8, default=1)
    part_number = Text(12, 128, pad=b"\0")
    serial_number = Text(140, 128, pad=b"\0")
    location = Text(268, 256, pad=b"\0")
