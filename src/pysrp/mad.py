"""VIOSRP management datagrams (LoPAR, virtual SCSI): the IUs, and the structures in the buffers they point to.

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
    "record",
]


class MadType(IntEnum):
    """Type of a datagram; HOST_CONFIG is reserved in LoPAR, and used by older drivers."""

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
    """The server's answer to a capability record; the client sends SUPPORTED."""

    NOT_SUPPORTED = 0
    SUPPORTED = 1
    DATA_CHANGED = 2


# Descriptions of fields that several structures have.
_TYPE = "Which datagram this is; a server answers one it does not know with status F1h"
_LENGTH = "Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"
_RECORD = "Bytes of the whole record, its header included; the next record begins there"
_SUPPORT = "What the server grants: 0 no, 1 yes, 2 with another value than was asked for; the client sends 1"


mads: Dispatch


class Mad(Structure, size=16):
    """The header that every datagram begins with, 16 bytes (``mad_common``); ``length`` counts the data, in bytes."""

    __slots__ = ()
    type = U32(0, enum=MadType, doc=_TYPE)
    status = U16(
        4,
        enum=MadStatus,
        doc="What became of it: 0000h done, 00F1h not supported, 00F7h failed, 0001h failed in older servers; 0 in a request",
    )
    length = U16(6, doc=_LENGTH)
    tag = U64(8, doc="Chosen by the client, and returned as it is in the queue element of the answer")

    def __init_subclass__(cls, mad: int | None = None, length: int = 0, **options: Any) -> None:
        if mad is not None:
            fields = (
                ("type", U32(0, enum=MadType, must=mad, doc=_TYPE)),
                ("length", U16(6, default=length, doc=_LENGTH)),
            )
            for name, field in fields:
                field.__set_name__(cls, name)
                setattr(cls, name, field)
        super().__init_subclass__(size=16, **options)
        if mad is not None:
            mads.add(mad, cls)


mads = Dispatch("type", 0, 4, default=Mad)
parse = mads.parse
record = mads.record


class EmptyIu(Mad, mad=MadType.EMPTY_IU, length=28):
    """EMPTY_IU, 28 bytes: parks a buffer for a later T_LOGOUT (``viosrp_empty_iu``)."""

    __slots__ = ()
    buffer = U64(
        16,
        doc="I/O bus address of memory that the server may write a T_LOGOUT into, as long as the datagram is not answered",
    )
    port = U32(24, doc="Not used; 0")


class ErrorLog(Mad, mad=MadType.ERROR_LOG, length=104):
    """ERROR_LOG, 24 bytes: points at an :class:`ErrorLogData` (``viosrp_error_log``)."""

    __slots__ = ()
    buffer = U64(16, doc="I/O bus address of the error log, whose data follows it")


class AdapterInfo(Mad, mad=MadType.ADAPTER_INFO, length=148):
    """ADAPTER_INFO, 24 bytes: points at an :class:`AdapterInfoData`, read and overwritten (``viosrp_adapter_info``)."""

    __slots__ = ()
    buffer = U64(
        16,
        doc="I/O bus address of the adapter info: the server reads the client's and writes its own over it",
    )


class HostConfig(Mad, mad=MadType.HOST_CONFIG):
    """HOST_CONFIG, 24 bytes: points at a text buffer (``viosrp_host_config`` of older kernels)."""

    __slots__ = ()
    buffer = U64(
        16,
        doc="I/O bus address of room for text, as long as the header says; reserved in LoPAR, answered by nobody here",
    )


class Capabilities(Mad, mad=MadType.CAPABILITIES, length=92):
    """CAPABILITIES, 24 bytes: points at a :class:`CapabilitiesData` (``viosrp_capabilities``)."""

    __slots__ = ()
    buffer = U64(
        16,
        doc="I/O bus address of the capabilities: the server reads the client's and writes over it what it grants",
    )


class PhysAdapterInfo(Mad, mad=MadType.PHYS_ADAPTER_INFO, length=528):
    """PHYS_ADAPTER_INFO, 24 bytes: points at a :class:`PhysAdapterInfoData` (LoPAR, FreeBSD)."""

    __slots__ = ()
    buffer = U64(16, doc="I/O bus address of room for the answer, 528 bytes")


class TapePassthrough(Mad, mad=MadType.TAPE_PASSTHROUGH, length=32):
    """TAPE_PASSTHROUGH, 32 bytes: ``operation`` 1 enables, 2 disables it for a LUN (LoPAR)."""

    __slots__ = ()
    lun = LunField(16, doc="The tape that is meant, eight bytes (SAM-5, 4.7)")
    version = U32(24, default=1, doc="Format of what follows: 1 is the only one")
    operation = U32(28, doc="1 enables passing commands through to the tape, 2 disables it")


class EnableFastFail(Mad, mad=MadType.ENABLE_FAST_FAIL, length=16):
    """ENABLE_FAST_FAIL, the 16-byte header alone (``viosrp_fast_fail``)."""

    __slots__ = ()


class AdapterInfoData(Structure, size=148):
    """The adapter info buffer, 148 bytes (``mad_adapter_info_data``); ``port_max_txu[0]`` is the largest transfer, bytes."""

    __slots__ = ()
    srp_version = Text(
        0,
        8,
        pad=b"\0",
        default="16.a",
        doc='Version of the protocol as text, "16.a"; Linux limits scatter lists where an AIX server\'s sorts below "1.6a"',
    )
    partition_name = Text(8, 96, pad=b"\0", doc="Name of the partition that sends this, for people")
    partition_number = U32(
        104, doc="Number of the partition that sends this; FFFFFFFFh where it does not know"
    )
    mad_version = U32(108, default=1, doc="Version of the datagrams: 1")
    os_type = U32(
        112,
        enum=OsType,
        doc="Operating system of the sender; only for 3, AIX, does Linux go on with fast fail and capabilities",
    )
    port_max_txu = Array(
        116,
        4,
        8,
        doc="First number: bytes that one command may transfer, 0 from a client and at least 40000h from a server; the other seven are not used",
    )


class Cap(Structure, size=8):
    """A capability record: ``length`` counts the whole record in bytes (``mad_capability_common``)."""

    __slots__ = ()
    cap_type = U32(0, enum=CapType, doc="Which capability the record is about; 1 migration, 2 reservation")
    length = U16(4, doc=_RECORD)
    server_support = U16(6, enum=ServerSupport, doc=_SUPPORT)
    data = Part(8, length, bias=-8, doc="What the record has behind its header, by its type")


class MigrationCap(Structure, size=12):
    """Migration capability, 12 bytes; ``ecl`` is the effective capability level (``mad_migration_cap``)."""

    __slots__ = ()
    cap_type = U32(
        0,
        enum=CapType,
        must=CapType.MIGRATION_CAPABILITIES,
        doc="Always 1: live migration of the client's partition",
    )
    length = U16(4, default=12, doc=_RECORD)
    server_support = U16(6, enum=ServerSupport, doc=_SUPPORT)
    ecl = U32(
        8,
        doc="Effective capability level, 1 today; the server writes its own and answers DATA_CHANGED where it differs",
    )
    data = Part(12, length, bias=-12, doc="Bytes of a longer record than this one is known to be")


class ReserveCap(Structure, size=12):
    """Reservation capability, 12 bytes; ``type`` 1: the client does SCSI-2 reserve (``mad_reserve_cap``)."""

    __slots__ = ()
    cap_type = U32(
        0, enum=CapType, must=CapType.RESERVATION_CAPABILITIES, doc="Always 2: how the client reserves disks"
    )
    length = U16(4, default=12, doc=_RECORD)
    server_support = U16(6, enum=ServerSupport, doc=_SUPPORT)
    type = U32(8, doc="1: the client means to use RESERVE and RELEASE of SCSI-2")
    data = Part(12, length, bias=-12, doc="Bytes of a longer record than this one is known to be")


caps = Dispatch("cap_type", 0, 4, default=Cap)
caps.add(CapType.MIGRATION_CAPABILITIES, MigrationCap)
caps.add(CapType.RESERVATION_CAPABILITIES, ReserveCap)


class CapabilitiesData(Structure, size=68):
    """The capabilities buffer, 68 bytes + records in any order (``capabilities``)."""

    __slots__ = ()
    flags = U32(
        0,
        enum=CapFlags,
        doc="Bits 0 and 1 from the client: it was migrated, it reconnects; bit 2: the list counts; bit 3 from the server: something in the list was changed",
    )
    name = Text(4, 32, pad=b"\0", doc='Name of the client\'s SCSI host such as "host0", for people')
    loc = Text(36, 32, pad=b"\0", doc="Location code of the client's adapter, for people")
    records = List(
        68,
        item=caps,
        doc="What the client can do, one record each, in any order; Linux sends 24 bytes of them, or 12",
    )

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
    lun = LunField(0, doc="The unit that the log is about, eight bytes (SAM-5, 4.7)")
    correlator = U64(8, doc="A number of the sender's, by which it knows the log; kept as it is")
    error_id = I32(24, doc="Number of the error; -1: none")
    buffer_size = U32(28, doc="How many bytes of data stand behind the fixed part")
    client_name = Text(32, 32, pad=b"\0", doc="Name of the client's partition, for people")
    device_name = Text(64, 32, pad=b"\0", doc="How the client calls the device, for people")
    partition = U32(96, doc="Number of the client's partition")
    flags = U32(100, doc="What the data is: 1 binary, 2 ASCII text")
    data = Part(104, buffer_size, doc="The log itself, in the sender's own form")


class PhysAdapterInfoData(Structure, size=528):
    """Physical adapter info, 528 bytes (LoPAR)."""

    __slots__ = ()
    lun = LunField(0, doc="The unit whose physical adapter is asked for, eight bytes (SAM-5, 4.7)")
    version = U32(8, default=1, doc="Format of what follows: 1 is the only one")
    part_number = Text(
        12, 128, pad=b"\0", doc="Part number of the physical adapter behind the unit, for people"
    )
    serial_number = Text(140, 128, pad=b"\0", doc="Serial number of that adapter, for people")
    location = Text(268, 256, pad=b"\0", doc="Location code of that adapter, for people")
