# Made from the field tables by tools/stubs.py; do not edit.
"""VIOSRP management datagrams (LoPAR, virtual SCSI): the IUs, and the structures in the buffers they point to.

Field names are those of Linux ``include/scsi/viosrp.h``; ``parse(buf)`` chooses the class by type.
A server may answer with the 16-byte header alone, so the fields behind it are read only where they are."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable, Sequence
from typing import Any, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.lun import Lun
from enum import IntEnum, IntFlag
from pysrp.fields import Structure
__all__ = ['AdapterInfo', 'AdapterInfoData', 'Cap', 'CapFlags', 'CapType', 'Capabilities', 'CapabilitiesData', 'EmptyIu', 'EnableFastFail', 'ErrorLog', 'ErrorLogData', 'HostConfig', 'Mad', 'MadStatus', 'MadType', 'MigrationCap', 'OsType', 'PhysAdapterInfo', 'PhysAdapterInfoData', 'ReserveCap', 'ServerSupport', 'TapePassthrough', 'parse', 'record']

class MadType(IntEnum):
    """Type of a datagram; HOST_CONFIG is reserved in LoPAR, and used by older drivers."""
    EMPTY_IU = 1
    ERROR_LOG = 2
    ADAPTER_INFO = 3
    HOST_CONFIG = 4
    CAPABILITIES = 5
    PHYS_ADAPTER_INFO = 6
    TAPE_PASSTHROUGH = 7
    ENABLE_FAST_FAIL = 8

class MadStatus(IntEnum):
    """Status of an answer; ibmvstgt and QEMU use 1 for a failure of any kind."""
    SUCCESS = 0
    FAILED_OLD = 1
    NOT_SUPPORTED = 241
    FAILED = 247

class OsType(IntEnum):
    """Operating system in the adapter info."""
    OS400 = 1
    LINUX = 2
    AIX = 3
    OFW = 4

class CapFlags(IntFlag):
    """Flags of the capabilities buffer."""
    CLIENT_MIGRATED = 1
    CLIENT_RECONNECT = 2
    CAP_LIST_SUPPORTED = 4
    CAP_LIST_DATA = 8

class CapType(IntEnum):
    """Types of capability records."""
    MIGRATION_CAPABILITIES = 1
    RESERVATION_CAPABILITIES = 2

class ServerSupport(IntEnum):
    """The server's answer to a capability record; the client sends SUPPORTED."""
    NOT_SUPPORTED = 0
    SUPPORTED = 1
    DATA_CHANGED = 2

class Mad(Structure, size=16):
    """The header that every datagram begins with, 16 bytes (``mad_common``); ``length`` counts the data, in bytes."""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    status: pysrp.fields.U16
    """What became of it: 0000h done, 00F1h not supported, 00F7h failed, 0001h failed in older servers; 0 in a request"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    tag: pysrp.fields.U64
    """Chosen by the client, and returned as it is in the queue element of the answer"""
    def __init_subclass__(cls, mad: int | None=None, length: int=0, **options: Any) -> None: ...
mads: pysrp.fields.Dispatch
def parse(buf: ReadableBuffer, /, *, strict: bool = False) -> Mad:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""
def record(buf: ReadableBuffer, /) -> Mad:
    """A record (see Structure.record) of the class that the bytes of ``buf`` select; raises as parse() does."""

class _EmptyIuFields(TypedDict, total=False):
    type: int
    status: int
    length: int
    tag: int
    buffer: int
    port: int
    trailing: ReadableBuffer

class EmptyIu(Mad, mad=MadType.EMPTY_IU, length=28):
    """EMPTY_IU, 28 bytes: parks a buffer for a later T_LOGOUT (``viosrp_empty_iu``)."""
    buffer: pysrp.fields.U64
    """I/O bus address of memory that the server may write a T_LOGOUT into, as long as the datagram is not answered"""
    port: pysrp.fields.U32
    """Not used; 0"""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    @classmethod
    def build(cls, **fields: Unpack[_EmptyIuFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_EmptyIuFields]) -> int: ...  # type: ignore[override]

class _ErrorLogFields(TypedDict, total=False):
    type: int
    status: int
    length: int
    tag: int
    buffer: int
    trailing: ReadableBuffer

class ErrorLog(Mad, mad=MadType.ERROR_LOG, length=104):
    """ERROR_LOG, 24 bytes: points at an :class:`ErrorLogData` (``viosrp_error_log``)."""
    buffer: pysrp.fields.U64
    """I/O bus address of the error log, whose data follows it"""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    @classmethod
    def build(cls, **fields: Unpack[_ErrorLogFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ErrorLogFields]) -> int: ...  # type: ignore[override]

class _AdapterInfoFields(TypedDict, total=False):
    type: int
    status: int
    length: int
    tag: int
    buffer: int
    trailing: ReadableBuffer

class AdapterInfo(Mad, mad=MadType.ADAPTER_INFO, length=148):
    """ADAPTER_INFO, 24 bytes: points at an :class:`AdapterInfoData`, read and overwritten (``viosrp_adapter_info``)."""
    buffer: pysrp.fields.U64
    """I/O bus address of the adapter info: the server reads the client's and writes its own over it"""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    @classmethod
    def build(cls, **fields: Unpack[_AdapterInfoFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AdapterInfoFields]) -> int: ...  # type: ignore[override]

class _HostConfigFields(TypedDict, total=False):
    type: int
    status: int
    length: int
    tag: int
    buffer: int
    trailing: ReadableBuffer

class HostConfig(Mad, mad=MadType.HOST_CONFIG):
    """HOST_CONFIG, 24 bytes: points at a text buffer (``viosrp_host_config`` of older kernels)."""
    buffer: pysrp.fields.U64
    """I/O bus address of room for text, as long as the header says; reserved in LoPAR, answered by nobody here"""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    @classmethod
    def build(cls, **fields: Unpack[_HostConfigFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_HostConfigFields]) -> int: ...  # type: ignore[override]

class _CapabilitiesFields(TypedDict, total=False):
    type: int
    status: int
    length: int
    tag: int
    buffer: int
    trailing: ReadableBuffer

class Capabilities(Mad, mad=MadType.CAPABILITIES, length=92):
    """CAPABILITIES, 24 bytes: points at a :class:`CapabilitiesData` (``viosrp_capabilities``)."""
    buffer: pysrp.fields.U64
    """I/O bus address of the capabilities: the server reads the client's and writes over it what it grants"""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    @classmethod
    def build(cls, **fields: Unpack[_CapabilitiesFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CapabilitiesFields]) -> int: ...  # type: ignore[override]

class _PhysAdapterInfoFields(TypedDict, total=False):
    type: int
    status: int
    length: int
    tag: int
    buffer: int
    trailing: ReadableBuffer

class PhysAdapterInfo(Mad, mad=MadType.PHYS_ADAPTER_INFO, length=528):
    """PHYS_ADAPTER_INFO, 24 bytes: points at a :class:`PhysAdapterInfoData` (LoPAR, FreeBSD)."""
    buffer: pysrp.fields.U64
    """I/O bus address of room for the answer, 528 bytes"""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    @classmethod
    def build(cls, **fields: Unpack[_PhysAdapterInfoFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PhysAdapterInfoFields]) -> int: ...  # type: ignore[override]

class _TapePassthroughFields(TypedDict, total=False):
    type: int
    status: int
    length: int
    tag: int
    lun: Lun | ReadableBuffer | int | str
    version: int
    operation: int
    trailing: ReadableBuffer

class TapePassthrough(Mad, mad=MadType.TAPE_PASSTHROUGH, length=32):
    """TAPE_PASSTHROUGH, 32 bytes: ``operation`` 1 enables, 2 disables it for a LUN (LoPAR)."""
    lun: pysrp.fields.LunField
    """The tape that is meant, eight bytes (SAM-5, 4.7)"""
    version: pysrp.fields.U32
    """Format of what follows: 1 is the only one"""
    operation: pysrp.fields.U32
    """1 enables passing commands through to the tape, 2 disables it"""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    @classmethod
    def build(cls, **fields: Unpack[_TapePassthroughFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TapePassthroughFields]) -> int: ...  # type: ignore[override]

class _EnableFastFailFields(TypedDict, total=False):
    type: int
    status: int
    length: int
    tag: int
    trailing: ReadableBuffer

class EnableFastFail(Mad, mad=MadType.ENABLE_FAST_FAIL, length=16):
    """ENABLE_FAST_FAIL, the 16-byte header alone (``viosrp_fast_fail``)."""
    type: pysrp.fields.U32
    """Which datagram this is; a server answers one it does not know with status F1h"""
    length: pysrp.fields.U16
    """Bytes of the data that the buffer holds; where there is no buffer, of the datagram itself"""
    @classmethod
    def build(cls, **fields: Unpack[_EnableFastFailFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_EnableFastFailFields]) -> int: ...  # type: ignore[override]

class _AdapterInfoDataFields(TypedDict, total=False):
    srp_version: str | ReadableBuffer
    partition_name: str | ReadableBuffer
    partition_number: int
    mad_version: int
    os_type: int
    port_max_txu: Sequence[int]
    trailing: ReadableBuffer

class AdapterInfoData(Structure, size=148):
    """The adapter info buffer, 148 bytes (``mad_adapter_info_data``); ``port_max_txu[0]`` is the largest transfer, bytes."""
    srp_version: pysrp.fields.Text
    """Version of the protocol as text, "16.a"; Linux limits scatter lists where an AIX server's sorts below "1.6a\""""
    partition_name: pysrp.fields.Text
    """Name of the partition that sends this, for people"""
    partition_number: pysrp.fields.U32
    """Number of the partition that sends this; FFFFFFFFh where it does not know"""
    mad_version: pysrp.fields.U32
    """Version of the datagrams: 1"""
    os_type: pysrp.fields.U32
    """Operating system of the sender; only for 3, AIX, does Linux go on with fast fail and capabilities"""
    port_max_txu: pysrp.fields.Array
    """First number: bytes that one command may transfer, 0 from a client and at least 40000h from a server; the other seven are not used"""
    @classmethod
    def build(cls, **fields: Unpack[_AdapterInfoDataFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AdapterInfoDataFields]) -> int: ...  # type: ignore[override]

class _CapFields(TypedDict, total=False):
    cap_type: int
    length: int
    server_support: int
    data: ReadableBuffer | None
    trailing: ReadableBuffer

class Cap(Structure, size=8):
    """A capability record: ``length`` counts the whole record in bytes (``mad_capability_common``)."""
    cap_type: pysrp.fields.U32
    """Which capability the record is about; 1 migration, 2 reservation"""
    length: pysrp.fields.U16
    """Bytes of the whole record, its header included; the next record begins there"""
    server_support: pysrp.fields.U16
    """What the server grants: 0 no, 1 yes, 2 with another value than was asked for; the client sends 1"""
    data: pysrp.fields.Part
    """What the record has behind its header, by its type"""
    @classmethod
    def build(cls, **fields: Unpack[_CapFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CapFields]) -> int: ...  # type: ignore[override]

class _MigrationCapFields(TypedDict, total=False):
    cap_type: int
    length: int
    server_support: int
    ecl: int
    data: ReadableBuffer | None
    trailing: ReadableBuffer

class MigrationCap(Structure, size=12):
    """Migration capability, 12 bytes; ``ecl`` is the effective capability level (``mad_migration_cap``)."""
    cap_type: pysrp.fields.U32
    """Always 1: live migration of the client's partition"""
    length: pysrp.fields.U16
    """Bytes of the whole record, its header included; the next record begins there"""
    server_support: pysrp.fields.U16
    """What the server grants: 0 no, 1 yes, 2 with another value than was asked for; the client sends 1"""
    ecl: pysrp.fields.U32
    """Effective capability level, 1 today; the server writes its own and answers DATA_CHANGED where it differs"""
    data: pysrp.fields.Part
    """Bytes of a longer record than this one is known to be"""
    @classmethod
    def build(cls, **fields: Unpack[_MigrationCapFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_MigrationCapFields]) -> int: ...  # type: ignore[override]

class _ReserveCapFields(TypedDict, total=False):
    cap_type: int
    length: int
    server_support: int
    type: int
    data: ReadableBuffer | None
    trailing: ReadableBuffer

class ReserveCap(Structure, size=12):
    """Reservation capability, 12 bytes; ``type`` 1: the client does SCSI-2 reserve (``mad_reserve_cap``)."""
    cap_type: pysrp.fields.U32
    """Always 2: how the client reserves disks"""
    length: pysrp.fields.U16
    """Bytes of the whole record, its header included; the next record begins there"""
    server_support: pysrp.fields.U16
    """What the server grants: 0 no, 1 yes, 2 with another value than was asked for; the client sends 1"""
    type: pysrp.fields.U32
    """1: the client means to use RESERVE and RELEASE of SCSI-2"""
    data: pysrp.fields.Part
    """Bytes of a longer record than this one is known to be"""
    @classmethod
    def build(cls, **fields: Unpack[_ReserveCapFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReserveCapFields]) -> int: ...  # type: ignore[override]
caps: pysrp.fields.Dispatch

class _CapabilitiesDataFields(TypedDict, total=False):
    flags: int
    name: str | ReadableBuffer
    loc: str | ReadableBuffer
    records: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class CapabilitiesData(Structure, size=68):
    """The capabilities buffer, 68 bytes + records in any order (``capabilities``)."""
    flags: pysrp.fields.U32
    """Bits 0 and 1 from the client: it was migrated, it reconnects; bit 2: the list counts; bit 3 from the server: something in the list was changed"""
    name: pysrp.fields.Text
    """Name of the client's SCSI host such as "host0", for people"""
    loc: pysrp.fields.Text
    """Location code of the client's adapter, for people"""
    records: pysrp.fields.List[MigrationCap | ReserveCap | Cap]
    """What the client can do, one record each, in any order; Linux sends 24 bytes of them, or 12"""
    @property
    def migration(self) -> MigrationCap | None:
        """The migration record, if there is one."""
    @property
    def reserve(self) -> ReserveCap | None:
        """The reservation record, if there is one."""
    @classmethod
    def build(cls, **fields: Unpack[_CapabilitiesDataFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CapabilitiesDataFields]) -> int: ...  # type: ignore[override]

class _ErrorLogDataFields(TypedDict, total=False):
    lun: Lun | ReadableBuffer | int | str
    correlator: int
    error_id: int
    buffer_size: int
    client_name: str | ReadableBuffer
    device_name: str | ReadableBuffer
    partition: int
    flags: int
    data: ReadableBuffer | None
    trailing: ReadableBuffer

class ErrorLogData(Structure, size=104):
    """An error log, 104 bytes + ``buffer_size`` bytes of data (LoPAR; ``error_id`` -1: none)."""
    lun: pysrp.fields.LunField
    """The unit that the log is about, eight bytes (SAM-5, 4.7)"""
    correlator: pysrp.fields.U64
    """A number of the sender's, by which it knows the log; kept as it is"""
    error_id: pysrp.fields.I32
    """Number of the error; -1: none"""
    buffer_size: pysrp.fields.U32
    """How many bytes of data stand behind the fixed part"""
    client_name: pysrp.fields.Text
    """Name of the client's partition, for people"""
    device_name: pysrp.fields.Text
    """How the client calls the device, for people"""
    partition: pysrp.fields.U32
    """Number of the client's partition"""
    flags: pysrp.fields.U32
    """What the data is: 1 binary, 2 ASCII text"""
    data: pysrp.fields.Part
    """The log itself, in the sender's own form"""
    @classmethod
    def build(cls, **fields: Unpack[_ErrorLogDataFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ErrorLogDataFields]) -> int: ...  # type: ignore[override]

class _PhysAdapterInfoDataFields(TypedDict, total=False):
    lun: Lun | ReadableBuffer | int | str
    version: int
    part_number: str | ReadableBuffer
    serial_number: str | ReadableBuffer
    location: str | ReadableBuffer
    trailing: ReadableBuffer

class PhysAdapterInfoData(Structure, size=528):
    """Physical adapter info, 528 bytes (LoPAR)."""
    lun: pysrp.fields.LunField
    """The unit whose physical adapter is asked for, eight bytes (SAM-5, 4.7)"""
    version: pysrp.fields.U32
    """Format of what follows: 1 is the only one"""
    part_number: pysrp.fields.Text
    """Part number of the physical adapter behind the unit, for people"""
    serial_number: pysrp.fields.Text
    """Serial number of that adapter, for people"""
    location: pysrp.fields.Text
    """Location code of that adapter, for people"""
    @classmethod
    def build(cls, **fields: Unpack[_PhysAdapterInfoDataFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PhysAdapterInfoDataFields]) -> int: ...  # type: ignore[override]
