# Made from the field tables by tools/stubs.py; do not edit.
"""Mode parameters (SPC-5, 7.5; SBC-4, 6.5; MMC-3 for page 2Ah).

``parse_mode6(buf)`` and ``parse_mode10(buf)`` give header, block descriptors and pages of MODE SENSE data or
of a MODE SELECT parameter list, ``parse_page(buf)`` one page. The shorter form that a page had in an older standard is a
class of its own; a page shorter than any table is an UnknownPage."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.fields import Structure
from pysrp.scsi import codes
from pysrp.scsi.params.base import ParameterData
__all__ = ['BlockDescriptor', 'CachingPage', 'CapabilitiesPage', 'ControlExtensionPage', 'ControlPage', 'DisconnectReconnectPage', 'FormatDevicePage', 'GeneralBlockDescriptor', 'InformationalExceptionsPage', 'LogicalBlockProvisioningPage', 'LongBlockDescriptor', 'ModeParameters6', 'ModeParameters10', 'Page', 'PowerConditionPage', 'ProtocolSpecificLunPage', 'ProtocolSpecificPortPage', 'ReadWriteErrorRecoveryPage', 'RigidDiskGeometryPage', 'ShortCachingPage', 'ShortCapabilitiesPage', 'ShortPowerConditionPage', 'SubPage', 'ThresholdDescriptor', 'UnknownPage', 'UnknownSubPage', 'VerifyErrorRecoveryPage', 'WriteSpeed', 'parse_mode6', 'parse_mode10', 'parse_page']

class Page(ParameterData, cover='payload'):
    """Mode page in page_0 format, 2 + n bytes (SPC-5, 7.5.7); a subclass with ``code=`` is that page.

    ``short=True`` marks the shorter form of an older standard; the class of the full page names it with ``short=``."""
    def __init_subclass__(cls, code: codes.ModePage | None=None, short: type[Page] | bool=False, **options: Any) -> None: ...
    ps: pysrp.fields.Flag
    """Set in MODE SENSE: the page can be saved; reserved in MODE SELECT"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    page_length: pysrp.fields.U8
    """Bytes of the page behind this field, also where fewer have come"""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""

class SubPage(ParameterData, cover='payload'):
    """Mode page in sub_page format, 4 + n bytes (SPC-5, 7.5.7); a subclass with ``code=`` is one."""
    def __init_subclass__(cls, code: codes.ModePage | None=None, subpage: int | None=None, **options: Any) -> None: ...
    ps: pysrp.fields.Flag
    """Set in MODE SENSE: the page can be saved; reserved in MODE SELECT"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page this is"""
    page_length: pysrp.fields.U16
    """Bytes of the page behind this field, also where fewer have come"""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""

class _UnknownPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class UnknownPage(Page):
    """A page without a table here, 2 + n bytes (SPC-5, 7.5.7)."""
    @classmethod
    def build(cls, **fields: Unpack[_UnknownPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UnknownPageFields]) -> int: ...  # type: ignore[override]

class _UnknownSubPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    subpage_code: int
    page_length: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class UnknownSubPage(SubPage):
    """A sub-page without a table here, 4 + n bytes (SPC-5, 7.5.7)."""
    @classmethod
    def build(cls, **fields: Unpack[_UnknownSubPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UnknownSubPageFields]) -> int: ...  # type: ignore[override]
pages: pysrp.fields.Dispatch
def parse_page(buf: ReadableBuffer, /, *, strict: bool = False) -> UnknownPage | ReadWriteErrorRecoveryPage | DisconnectReconnectPage | FormatDevicePage | RigidDiskGeometryPage | VerifyErrorRecoveryPage | ShortCachingPage | ControlPage | ProtocolSpecificLunPage | ProtocolSpecificPortPage | ShortPowerConditionPage | InformationalExceptionsPage | ShortCapabilitiesPage | UnknownSubPage | ControlExtensionPage | LogicalBlockProvisioningPage:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""

class _ReadWriteErrorRecoveryPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    awre: int
    arre: int
    tb: int
    rc: int
    eer: int
    per: int
    dte: int
    dcr: int
    read_retry_count: int
    correction_span: int
    head_offset_count: int
    data_strobe_offset_count: int
    lbpere: int
    write_retry_count: int
    recovery_time_limit: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class ReadWriteErrorRecoveryPage(Page, code=codes.ModePage.READ_WRITE_ERROR_RECOVERY, full=12):
    """Read-Write Error Recovery, 01h: 12 bytes (SBC-4, 6.5.10)."""
    awre: pysrp.fields.Flag
    """Set: a block that cannot be written where it stands is reassigned by the device, and written elsewhere"""
    arre: pysrp.fields.Flag
    """Set: a block that could be read with recovery only is reassigned by the device"""
    tb: pysrp.fields.Flag
    """Set: a block that could not be recovered is transferred as it was read, before CHECK CONDITION"""
    rc: pysrp.fields.Flag
    """Set: data go on without a delay for recovery, even if they are wrong; for audio and video"""
    eer: pysrp.fields.Flag
    """Set: the recovery that ends soonest comes first; clear: the one that is least likely to take wrong data for right"""
    per: pysrp.fields.Flag
    """Set: CHECK CONDITION with RECOVERED ERROR tells of errors that recovery has mended; clear: nothing is said of them"""
    dte: pysrp.fields.Flag
    """Set: the transfer stops at the first error that was recovered; it wants PER"""
    dcr: pysrp.fields.Flag
    """Set: error correcting codes are not used to recover data; reading again is still allowed"""
    read_retry_count: pysrp.fields.U8
    """How often recovery is tried in reading, 0 to 255; the time limit may end it before"""
    correction_span: pysrp.fields.U8
    """Obsolete; longest burst in bits that the error correction may mend"""
    head_offset_count: pysrp.fields.U8
    """Obsolete; how far off the track's middle retries put the heads, two's complement (SCSI-2)"""
    data_strobe_offset_count: pysrp.fields.U8
    """Obsolete; how far retries move the moment at which data are taken, two's complement (SCSI-2)"""
    lbpere: pysrp.fields.Flag
    """Set: thresholds of logical block provisioning that are reached become a unit attention (SBC-4, 4.7.3)"""
    write_retry_count: pysrp.fields.U8
    """How often recovery is tried in writing, 0 to 255; the time limit may end it before"""
    recovery_time_limit: pysrp.fields.U16
    """Milliseconds that recovery may take in a command; 0: the device's own limit"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadWriteErrorRecoveryPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadWriteErrorRecoveryPageFields]) -> int: ...  # type: ignore[override]

class _DisconnectReconnectPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    buffer_full_ratio: int
    buffer_empty_ratio: int
    bus_inactivity_limit: int
    disconnect_time_limit: int
    connect_time_limit: int
    maximum_burst_size: int
    emdp: int
    fair_arbitration: int
    dimm: int
    dtdc: int
    first_burst_size: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class DisconnectReconnectPage(Page, code=codes.ModePage.DISCONNECT_RECONNECT):
    """Disconnect-Reconnect, 02h: 16 bytes (SPC-5, 7.5.11); what the fields mean is the transport's."""
    buffer_full_ratio: pysrp.fields.U8
    """How full, in 256ths, the buffer is before the target reconnects to send data; 0: its own choice"""
    buffer_empty_ratio: pysrp.fields.U8
    """How empty, in 256ths, the buffer is before the target reconnects to ask for data; 0: its own choice"""
    bus_inactivity_limit: pysrp.fields.U16
    """Longest time that the target holds the bus and moves nothing, in 100 us; 0: no limit"""
    disconnect_time_limit: pysrp.fields.U16
    """Shortest time between two connections of the target, in 100 us; 0: none is needed"""
    connect_time_limit: pysrp.fields.U16
    """Longest time of one connection, in 100 us; 0: no limit"""
    maximum_burst_size: pysrp.fields.U16
    """Most data that move in one connection, in 512 bytes; 0: no limit"""
    emdp: pysrp.fields.Flag
    """Set: the target may move the data of one command in any order"""
    fair_arbitration: pysrp.fields.Bits
    """Whether the target waits its turn when it wants the bus, a bit for each phase of the transport's; 0: never"""
    dimm: pysrp.fields.Flag
    """Set: data must not move in the connection in which the command came"""
    dtdc: pysrp.fields.Bits
    """How much a connection finishes: 0 as the limits say, 1 all data of the command, 3 its status as well"""
    first_burst_size: pysrp.fields.U16
    """Most data-out that go with the command itself, before the target asks for data, in 512 bytes; 0: no limit"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_DisconnectReconnectPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_DisconnectReconnectPageFields]) -> int: ...  # type: ignore[override]

class _FormatDevicePageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    tracks_per_zone: int
    alternate_sectors_per_zone: int
    alternate_tracks_per_zone: int
    alternate_tracks_per_lu: int
    sectors_per_track: int
    data_bytes_per_physical_sector: int
    interleave: int
    track_skew_factor: int
    cylinder_skew_factor: int
    ssec: int
    hsec: int
    rmb: int
    surf: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class FormatDevicePage(Page, code=codes.ModePage.FORMAT_DEVICE, full=24):
    """Format Device, 03h: 24 bytes (SBC-2, 6.3.3; obsolete, and still asked for)."""
    tracks_per_zone: pysrp.fields.U16
    """How many tracks share their spare sectors; 0: all of the unit is one zone"""
    alternate_sectors_per_zone: pysrp.fields.U16
    """How many sectors of a zone are kept to replace bad ones"""
    alternate_tracks_per_zone: pysrp.fields.U16
    """How many tracks of a zone are kept to replace bad ones"""
    alternate_tracks_per_lu: pysrp.fields.U16
    """How many tracks of the unit are kept to replace bad ones"""
    sectors_per_track: pysrp.fields.U16
    """How many physical sectors a track has, spare ones included; 0 in MODE SELECT where tracks differ"""
    data_bytes_per_physical_sector: pysrp.fields.U16
    """How many bytes of data a physical sector holds, which a block need not have; 0: the device's choice"""
    interleave: pysrp.fields.U16
    """Which physical sector is the next logical one: 1 the next, 2 the one after it; 0: the device's choice"""
    track_skew_factor: pysrp.fields.U16
    """Physical sectors between the last block of a track and the first of the next one in its cylinder"""
    cylinder_skew_factor: pysrp.fields.U16
    """Physical sectors between the last block of a cylinder and the first of the next one"""
    ssec: pysrp.fields.Flag
    """Set: sectors are found by what stands on the medium (soft sectors)"""
    hsec: pysrp.fields.Flag
    """Set: sectors are found by marks of the hardware (hard sectors)"""
    rmb: pysrp.fields.Flag
    """Set: the medium can be taken out"""
    surf: pysrp.fields.Flag
    """Set: addresses fill a surface before they go on to the next; clear: a cylinder before the next"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_FormatDevicePageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_FormatDevicePageFields]) -> int: ...  # type: ignore[override]

class _RigidDiskGeometryPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    number_of_cylinders: int
    number_of_heads: int
    starting_cylinder_write_precompensation: int
    starting_cylinder_reduced_write_current: int
    device_step_rate: int
    landing_zone_cylinder: int
    rpl: int
    rotational_offset: int
    medium_rotation_rate: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class RigidDiskGeometryPage(Page, code=codes.ModePage.RIGID_DISK_GEOMETRY, full=24):
    """Rigid Disk Geometry, 04h: 24 bytes (SBC-2, 6.3.5; obsolete, and still asked for)."""
    number_of_cylinders: pysrp.fields.U24
    """How many cylinders hold data"""
    number_of_heads: pysrp.fields.U8
    """How many heads read and write data"""
    starting_cylinder_write_precompensation: pysrp.fields.U24
    """From which cylinder on writes are precompensated, from 0; that behind the last one: never"""
    starting_cylinder_reduced_write_current: pysrp.fields.U24
    """From which cylinder on the heads write with less current, from 0; that behind the last one: never"""
    device_step_rate: pysrp.fields.U16
    """Time that the heads need from one cylinder to the next, in 100 ns; 0: the device's own"""
    landing_zone_cylinder: pysrp.fields.U24
    """Where the heads are when the disk stops, two's complement, so that it may lie before cylinder 0"""
    rpl: pysrp.fields.Bits
    """Spindles that turn in step: 0 not so, 1 this one follows, 2 it leads, 3 it leads and controls"""
    rotational_offset: pysrp.fields.U8
    """How far this spindle lags behind the one that leads, in 256ths of a turn"""
    medium_rotation_rate: pysrp.fields.U16
    """Revolutions per minute of the medium; 0: not said"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_RigidDiskGeometryPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_RigidDiskGeometryPageFields]) -> int: ...  # type: ignore[override]

class _VerifyErrorRecoveryPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    eer: int
    per: int
    dte: int
    dcr: int
    verify_retry_count: int
    verify_correction_span: int
    verify_recovery_time_limit: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class VerifyErrorRecoveryPage(Page, code=codes.ModePage.VERIFY_ERROR_RECOVERY):
    """Verify Error Recovery, 07h: 12 bytes (SBC-4, 6.5.11)."""
    eer: pysrp.fields.Flag
    """Set: the recovery that ends soonest comes first; clear: the one that is least likely to take wrong data for right"""
    per: pysrp.fields.Flag
    """Set: CHECK CONDITION with RECOVERED ERROR tells of errors that recovery has mended; clear: nothing is said of them"""
    dte: pysrp.fields.Flag
    """Set: the transfer stops at the first error that was recovered; it wants PER"""
    dcr: pysrp.fields.Flag
    """Set: error correcting codes are not used to recover data; reading again is still allowed"""
    verify_retry_count: pysrp.fields.U8
    """How often recovery is tried in VERIFY, 0 to 255; the time limit may end it before"""
    verify_correction_span: pysrp.fields.U8
    """Obsolete; longest burst in bits that the error correction may mend in VERIFY"""
    verify_recovery_time_limit: pysrp.fields.U16
    """Milliseconds that recovery may take in VERIFY; 0: the device's own limit"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_VerifyErrorRecoveryPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_VerifyErrorRecoveryPageFields]) -> int: ...  # type: ignore[override]

class ShortCachingPage(Page, code=codes.ModePage.CACHING, short=True):
    """Caching, 08h, of older devices: 12 bytes (SCSI-2, 9.3.3.1)."""
    ic: pysrp.fields.Flag
    """Set: the number or size of cache segments that this page has decides, as SIZE says; clear: the device's own algorithm"""
    abpf: pysrp.fields.Flag
    """Set: a prefetch ends when another command comes; counts while DRA is clear"""
    cap: pysrp.fields.Flag
    """Set: the device watches how its cache does, and adapts"""
    disc: pysrp.fields.Flag
    """Set: a prefetch goes on beyond the end of a cylinder or the like; clear: it ends there"""
    size: pysrp.fields.Flag
    """Set: with IC, the size of the cache segments is given; clear: their number"""
    wce: pysrp.fields.Flag
    """Set: writes may end in a volatile cache"""
    mf: pysrp.fields.Flag
    """Set: least and most prefetch are multiplied with the command's transfer length; clear: they are blocks"""
    rcd: pysrp.fields.Flag
    """Set: reads do not take data from the cache"""
    demand_read_retention_priority: pysrp.fields.Bits
    """How long data of a READ stay in the cache: 0 no matter, 1 others stay longer, Fh they stay longest (SBC-4, 6.5.6)"""
    write_retention_priority: pysrp.fields.Bits
    """How long data of a WRITE stay in the cache: 0 no matter, 1 others stay longer, Fh they stay longest (SBC-4, 6.5.6)"""
    disable_pre_fetch_transfer_length: pysrp.fields.U16
    """Blocks: a command that moves more is no reason to prefetch; 0: nothing is"""
    minimum_pre_fetch: pysrp.fields.U16
    """Blocks, or with MF multiples of the transfer length, that are prefetched whatever else is to do"""
    maximum_pre_fetch: pysrp.fields.U16
    """Blocks, or with MF multiples of the transfer length, that are prefetched if nothing else is to do"""
    maximum_pre_fetch_ceiling: pysrp.fields.U16
    """Blocks that a prefetch never exceeds, also where MF is set"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""

class _CachingPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    ic: int
    abpf: int
    cap: int
    disc: int
    size: int
    wce: int
    mf: int
    rcd: int
    demand_read_retention_priority: int
    write_retention_priority: int
    disable_pre_fetch_transfer_length: int
    minimum_pre_fetch: int
    maximum_pre_fetch: int
    maximum_pre_fetch_ceiling: int
    fsw: int
    lbcss: int
    dra: int
    vendor_specific: int
    sync_prog: int
    nv_dis: int
    number_of_cache_segments: int
    cache_segment_size: int
    non_cache_segment_size: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class CachingPage(ShortCachingPage, code=codes.ModePage.CACHING, short=ShortCachingPage):
    """Caching, 08h: 20 bytes (SBC-4, 6.5.6)."""
    fsw: pysrp.fields.Flag
    """Set: the blocks of a command are written in the order of their addresses"""
    lbcss: pysrp.fields.Flag
    """Set: the size of a cache segment is in logical blocks; clear: in bytes"""
    dra: pysrp.fields.Flag
    """Set: nothing is read ahead of what was asked for"""
    vendor_specific: pysrp.fields.Bits
    """What the vendor has made of it; no standard says"""
    sync_prog: pysrp.fields.Bits
    """What is told while SYNCHRONIZE CACHE with IMMED goes on: 0 nothing, 1 its progress on request, 2 commands end NOT READY as well"""
    nv_dis: pysrp.fields.Flag
    """Set: the cache that survives a loss of power is not used as such"""
    number_of_cache_segments: pysrp.fields.U8
    """Into how many parts the cache is divided; counts with IC, and SIZE clear"""
    cache_segment_size: pysrp.fields.U16
    """How much one part of the cache holds, in blocks or bytes as LBCSS says; counts with IC and SIZE"""
    non_cache_segment_size: pysrp.fields.U24
    """Obsolete; bytes of the buffer that are kept for what must not throw out cached data (SBC-2)"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_CachingPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CachingPageFields]) -> int: ...  # type: ignore[override]

class _ControlPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    tst: int
    tmf_only: int
    dpicz: int
    d_sense: int
    gltsd: int
    rlec: int
    queue_algorithm_modifier: int
    nuar: int
    qerr: int
    dque: int
    vs: int
    rac: int
    ua_intlck_ctrl: int
    swp: int
    raerp: int
    uaaerp: int
    eaerp: int
    ato: int
    tas: int
    atmpe: int
    rwwp: int
    sblp: int
    autoload_mode: int
    ready_aer_holdoff_period: int
    busy_timeout_period: int
    extended_self_test_completion_time: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class ControlPage(Page, code=codes.ModePage.CONTROL):
    """Control, 0Ah: 12 bytes (SPC-5, 7.5.9)."""
    tst: pysrp.fields.Bits
    """Who shares a task set: 0 all nexuses, 1 each has its own"""
    tmf_only: pysrp.fields.Flag
    """Set: in an ACA condition commands with the ACA attribute end with ACA ACTIVE too, and only functions are left"""
    dpicz: pysrp.fields.Flag
    """Set: protection information is not checked for commands whose protect field is 0"""
    d_sense: pysrp.fields.Flag
    """Which sense data come with CHECK CONDITION: set descriptor format, clear fixed format"""
    gltsd: pysrp.fields.Flag
    """Set: log parameters are saved only when somebody asks for it (SPC-5, 7.5.9)"""
    rlec: pysrp.fields.Flag
    """Set: a log parameter that meets its threshold, or runs over, is reported"""
    queue_algorithm_modifier: pysrp.fields.Bits
    """In what order SIMPLE commands may run: 0 so that the result is that of the order they came in, 1 any, 8 to Fh the vendor's"""
    nuar: pysrp.fields.Flag
    """Set: who is registered hears no unit attention when a reservation of registrants is released"""
    qerr: pysrp.fields.Bits
    """What CHECK CONDITION does to other commands of the task set: 0 nothing, 1 all are aborted, 3 those of its nexus"""
    dque: pysrp.fields.Flag
    """Obsolete; set: commands are not queued (SCSI-2)"""
    vs: pysrp.fields.Flag
    """A bit that is the vendor's"""
    rac: pysrp.fields.Flag
    """Set: what is busy for longer than the busy timeout says so with CHECK CONDITION; clear: with BUSY as long as it lasts"""
    ua_intlck_ctrl: pysrp.fields.Bits
    """When a unit attention that was reported is over: 0 at once, 2 with REQUEST SENSE, 3 so too, and BUSY and its like establish one"""
    swp: pysrp.fields.Flag
    """Set: the unit is write protected, by software"""
    raerp: pysrp.fields.Flag
    """Obsolete; set: the device may report by itself that it is ready (SCSI-2)"""
    uaaerp: pysrp.fields.Flag
    """Obsolete; set: the device may report a unit attention by itself (SCSI-2)"""
    eaerp: pysrp.fields.Flag
    """Obsolete; set: the device may report a deferred error by itself (SCSI-2)"""
    ato: pysrp.fields.Flag
    """Whose the application tags are: set the initiator's, which the device leaves as they are; clear the device's"""
    tas: pysrp.fields.Flag
    """Set: a command that another nexus aborts ends with TASK ABORTED status; clear: with none"""
    atmpe: pysrp.fields.Flag
    """Set: application tags have to be those of mode page 0Ah/02h (SBC-4, 6.5.3)"""
    rwwp: pysrp.fields.Flag
    """Set: on a unit with protection, a write that brings none is refused"""
    sblp: pysrp.fields.Flag
    """Set: block lengths and protection are the pairs that VPD page B4h lists (SBC-4)"""
    autoload_mode: pysrp.fields.Bits
    """What happens to a medium that is put in: 0 all of it is loaded, 1 its auxiliary memory alone, 2 nothing"""
    ready_aer_holdoff_period: pysrp.fields.U16
    """Obsolete; milliseconds after initialization in which the device reports no event by itself (SCSI-2)"""
    busy_timeout_period: pysrp.fields.U16
    """Longest time that BUSY may be answered, in 100 ms; FFFFh: no limit"""
    extended_self_test_completion_time: pysrp.fields.U16
    """Seconds that an extended self-test takes; FFFFh: so many or more, VPD page 86h has minutes"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ControlPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ControlPageFields]) -> int: ...  # type: ignore[override]

class _ControlExtensionPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    subpage_code: int
    page_length: int
    dlc: int
    tcmos: int
    scsip: int
    ialuae: int
    initial_command_priority: int
    maximum_sense_data_length: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class ControlExtensionPage(SubPage, code=codes.ModePage.CONTROL, subpage=1, full=32):
    """Control Extension, 0Ah/01h: 32 bytes (SPC-5, 7.5.10)."""
    dlc: pysrp.fields.Flag
    """Set: performance is not reduced to make the device last longer"""
    tcmos: pysrp.fields.Flag
    """Set: the clock can also be set by means outside SPC"""
    scsip: pysrp.fields.Flag
    """Set: a clock that SET TIMESTAMP has set is changed by no other means"""
    ialuae: pysrp.fields.Flag
    """Set: the target may change asymmetric access by itself"""
    initial_command_priority: pysrp.fields.Bits
    """Priority of commands that bring none: 1 is the highest, Fh the lowest, 0 the vendor's"""
    maximum_sense_data_length: pysrp.fields.U8
    """Most bytes of sense data that come with a status; 0: no limit but the device's"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page this is"""
    @classmethod
    def build(cls, **fields: Unpack[_ControlExtensionPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ControlExtensionPageFields]) -> int: ...  # type: ignore[override]

class _ProtocolSpecificLunPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    protocol_specific: int
    protocol_identifier: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class ProtocolSpecificLunPage(Page, code=codes.ModePage.PROTOCOL_SPECIFIC_LOGICAL_UNIT, full=8):
    """Protocol Specific Logical Unit, 18h: 3 + n bytes (SPC-5, 7.5.15); the rest is the transport's."""
    protocol_specific: pysrp.fields.Bits
    """Four bits that the standard of the transport has given a meaning"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @property
    def protocol_specific_parameters(self) -> memoryview:
        """What follows byte 2."""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ProtocolSpecificLunPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ProtocolSpecificLunPageFields]) -> int: ...  # type: ignore[override]

class _ProtocolSpecificPortPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    protocol_specific: int
    protocol_identifier: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class ProtocolSpecificPortPage(Page, code=codes.ModePage.PROTOCOL_SPECIFIC_PORT, full=8):
    """Protocol Specific Port, 19h: 3 + n bytes (SPC-5, 7.5.16); the rest is the transport's."""
    protocol_specific: pysrp.fields.Bits
    """Four bits that the standard of the transport has given a meaning"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @property
    def protocol_specific_parameters(self) -> memoryview:
        """What follows byte 2."""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ProtocolSpecificPortPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ProtocolSpecificPortPageFields]) -> int: ...  # type: ignore[override]

class ShortPowerConditionPage(Page, code=codes.ModePage.POWER_CONDITION, short=True):
    """Power Condition, 1Ah, of older devices: 12 bytes (SPC-3, 7.4.12); timers in 100 ms."""
    idle_a: pysrp.fields.Flag
    """Set: the unit goes to idle_a when its timer runs out"""
    standby_z: pysrp.fields.Flag
    """Set: the unit goes to standby_z when its timer runs out"""
    idle_a_condition_timer: pysrp.fields.U32
    """How long after the last command, in 100 ms, the unit goes to idle_a"""
    standby_z_condition_timer: pysrp.fields.U32
    """How long after the last command, in 100 ms, the unit goes to standby_z"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""

class _PowerConditionPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    pm_bg_precedence: int
    standby_y: int
    idle_c: int
    idle_b: int
    idle_a: int
    standby_z: int
    idle_a_condition_timer: int
    standby_z_condition_timer: int
    idle_b_condition_timer: int
    idle_c_condition_timer: int
    standby_y_condition_timer: int
    ccf_idle: int
    ccf_standby: int
    ccf_stopped: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class PowerConditionPage(ShortPowerConditionPage, code=codes.ModePage.POWER_CONDITION, short=ShortPowerConditionPage):
    """Power Condition, 1Ah: 40 bytes (SPC-5, 7.5.14); timers in 100 ms."""
    pm_bg_precedence: pysrp.fields.Bits
    """What gives way: 0 the vendor's choice, 1 saving power to work in the background, 2 that work to saving power"""
    standby_y: pysrp.fields.Flag
    """Set: the unit goes to standby_y when its timer runs out"""
    idle_c: pysrp.fields.Flag
    """Set: the unit goes to idle_c when its timer runs out"""
    idle_b: pysrp.fields.Flag
    """Set: the unit goes to idle_b when its timer runs out"""
    idle_b_condition_timer: pysrp.fields.U32
    """How long after the last command, in 100 ms, the unit goes to idle_b"""
    idle_c_condition_timer: pysrp.fields.U32
    """How long after the last command, in 100 ms, the unit goes to idle_c"""
    standby_y_condition_timer: pysrp.fields.U32
    """How long after the last command, in 100 ms, the unit goes to standby_y"""
    ccf_idle: pysrp.fields.Bits
    """Whether a command that finds the unit in idle_c ends with CHECK CONDITION: 0 as SPC-3 has it, 1 no, 2 yes"""
    ccf_standby: pysrp.fields.Bits
    """Whether a command that finds the unit in standby ends with CHECK CONDITION: 0 as SPC-3 has it, 1 no, 2 yes"""
    ccf_stopped: pysrp.fields.Bits
    """Whether a command that finds the unit stopped by its timer ends with CHECK CONDITION: 0 as SPC-3 has it, 1 no, 2 yes"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_PowerConditionPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PowerConditionPageFields]) -> int: ...  # type: ignore[override]

class _InformationalExceptionsPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    perf: int
    ebf: int
    ewasc: int
    dexcpt: int
    test: int
    ebackerr: int
    logerr: int
    mrie: int
    interval_timer: int
    report_count: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class InformationalExceptionsPage(Page, code=codes.ModePage.INFORMATIONAL_EXCEPTIONS_CONTROL):
    """Informational Exceptions Control, 1Ch: 12 bytes (SPC-5, 7.5.12)."""
    perf: pysrp.fields.Flag
    """Set: looking for failures to come must not delay commands"""
    ebf: pysrp.fields.Flag
    """Set: work in the background that is the vendor's is allowed"""
    ewasc: pysrp.fields.Flag
    """Set: warnings, as that of temperature, are reported"""
    dexcpt: pysrp.fields.Flag
    """Set: failures to come are not reported at all"""
    test: pysrp.fields.Flag
    """Set: a false report of a failure to come is made, 5Dh/FFh, to see that reports arrive"""
    ebackerr: pysrp.fields.Flag
    """Set: errors that work in the background finds are reported"""
    logerr: pysrp.fields.Flag
    """Set: such reports are logged; clear: the vendor's choice"""
    mrie: pysrp.fields.Bits
    """How it is reported: 0 not, 2 as unit attention, 3 as recovered error if PER is set, 4 so always, 5 as NO SENSE, 6 if asked (SPC-5, 7.5.12)"""
    interval_timer: pysrp.fields.U32
    """Time between two reports of the same, in 100 ms; 0 and FFFFFFFFh: the vendor's choice"""
    report_count: pysrp.fields.U32
    """How often the same is reported; 0: without end"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_InformationalExceptionsPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_InformationalExceptionsPageFields]) -> int: ...  # type: ignore[override]

class _ThresholdDescriptorFields(TypedDict, total=False):
    enabled: int
    threshold_type: int
    threshold_arming: int
    threshold_resource: int
    threshold_count: int
    trailing: ReadableBuffer

class ThresholdDescriptor(Structure, size=8):
    """Threshold descriptor, 8 bytes (SBC-4, 6.5.9.2)."""
    TEXTS: ClassVar[dict[str, str]]
    enabled: pysrp.fields.Flag
    """Set: what is said here of the threshold is so"""
    threshold_type: pysrp.fields.Bits
    """What the count is: 0 threshold sets, 1 a percentage"""
    threshold_arming: pysrp.fields.Bits
    """When it is reached: 0 as the resource becomes less, 1 as it becomes more"""
    threshold_resource: pysrp.fields.U8
    """Of what: 1 LBA mapping resources that are available, 2 those in use, 3 the percentage that is available"""
    threshold_count: pysrp.fields.U32
    """Where it is, in sets of blocks of the size that VPD page B2h says"""
    @classmethod
    def build(cls, **fields: Unpack[_ThresholdDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ThresholdDescriptorFields]) -> int: ...  # type: ignore[override]

class _LogicalBlockProvisioningPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    subpage_code: int
    page_length: int
    situa: int
    payload: ReadableBuffer | None
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class LogicalBlockProvisioningPage(SubPage, code=codes.ModePage.INFORMATIONAL_EXCEPTIONS_CONTROL, subpage=2, full=16):
    """Logical Block Provisioning, 1Ch/02h: 16 + 8 n bytes (SBC-4, 6.5.9)."""
    situa: pysrp.fields.Flag
    """Set: one initiator is told of a threshold that is reached, whose command comes next; clear: all are"""
    descriptors: pysrp.fields.List[ThresholdDescriptor]
    """Thresholds, 8 bytes each"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page this is"""
    @classmethod
    def build(cls, **fields: Unpack[_LogicalBlockProvisioningPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LogicalBlockProvisioningPageFields]) -> int: ...  # type: ignore[override]

class _WriteSpeedFields(TypedDict, total=False):
    rotation_control: int
    write_speed: int
    trailing: ReadableBuffer

class WriteSpeed(Structure, size=4):
    """Write speed performance descriptor of page 2Ah, 4 bytes (MMC-3, 5.5.10)."""
    TEXTS: ClassVar[dict[str, str]]
    rotation_control: pysrp.fields.Bits
    """How the disc turns at that speed: 0 by default, 1 at constant angular velocity"""
    write_speed: pysrp.fields.U16
    """How fast it writes, in 1000 bytes a second"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteSpeedFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteSpeedFields]) -> int: ...  # type: ignore[override]

class ShortCapabilitiesPage(Page, code=codes.ModePage.MM_CAPABILITIES_AND_MECHANICAL_STATUS, short=True):
    """MM Capabilities and Mechanical Status, 2Ah, without write speeds: 22 bytes (MMC-2, 5.2.3.4).

    Speeds are in kilobytes per second; those of bytes 8, 14, 18 and 20 are obsolete, and still read."""
    dvd_ram_read: pysrp.fields.Flag
    """Set: DVD-RAM discs can be read"""
    dvd_r_read: pysrp.fields.Flag
    """Set: DVD-R discs can be read"""
    dvd_rom_read: pysrp.fields.Flag
    """Set: DVD-ROM discs can be read"""
    method_2: pysrp.fields.Flag
    """Set: CD-R discs of fixed packets can be read, whose addresses leave out what links packets"""
    cd_rw_read: pysrp.fields.Flag
    """Set: CD-RW discs can be read"""
    cd_r_read: pysrp.fields.Flag
    """Set: CD-R discs can be read"""
    dvd_ram_write: pysrp.fields.Flag
    """Set: DVD-RAM discs can be written"""
    dvd_r_write: pysrp.fields.Flag
    """Set: DVD-R discs can be written"""
    test_write: pysrp.fields.Flag
    """Set: writing can be tried with the laser's power off"""
    cd_rw_write: pysrp.fields.Flag
    """Set: CD-RW discs can be written"""
    cd_r_write: pysrp.fields.Flag
    """Set: CD-R discs can be written"""
    buf: pysrp.fields.Flag
    """Set: a disc survives that the buffer runs empty while it is written"""
    multi_session: pysrp.fields.Flag
    """Set: discs with several sessions can be read"""
    mode_2_form_2: pysrp.fields.Flag
    """Set: sectors of XA's form without error correction can be read"""
    mode_2_form_1: pysrp.fields.Flag
    """Set: sectors of XA's form with error correction can be read"""
    digital_port_2: pysrp.fields.Flag
    """Set: sound goes out in digital form at the second connector"""
    digital_port_1: pysrp.fields.Flag
    """Set: sound goes out in digital form at the first connector"""
    composite: pysrp.fields.Flag
    """Set: sound and picture go out as one stream at a digital connector of their own"""
    audio_play: pysrp.fields.Flag
    """Set: the drive plays sound by itself"""
    read_bar_code: pysrp.fields.Flag
    """Set: a disc's bar code can be read"""
    upc: pysrp.fields.Flag
    """Set: a disc's catalogue number (UPC, EAN) can be read"""
    isrc: pysrp.fields.Flag
    """Set: the code of a recording (ISRC) can be read"""
    c2_pointers_supported: pysrp.fields.Flag
    """Set: READ CD tells which bytes were beyond correction"""
    r_w_deinterleaved_and_corrected: pysrp.fields.Flag
    """Set: the device itself puts sub-channels R to W in order, and corrects them"""
    r_w_supported: pysrp.fields.Flag
    """Set: sub-channels R to W can be read"""
    cd_da_stream_is_accurate: pysrp.fields.Flag
    """Set: reading of sound that was interrupted goes on at the same place, without loss"""
    cd_da_commands_supported: pysrp.fields.Flag
    """Set: READ CD reads sound"""
    loading_mechanism_type: pysrp.fields.Bits
    """How a disc is put in: 0 caddy, 1 tray, 2 pop-up, 4 changer of single discs, 5 changer with a magazine"""
    eject: pysrp.fields.Flag
    """Set: START STOP UNIT with LOEJ ejects the disc"""
    prevent_jumper: pysrp.fields.Flag
    """Whether removal is allowed after power on: set it is, clear it is prevented by a jumper"""
    lock_state: pysrp.fields.Flag
    """Set: the disc is locked in now"""
    lock: pysrp.fields.Flag
    """Set: PREVENT ALLOW MEDIUM REMOVAL can lock the disc in"""
    r_w_in_lead_in: pysrp.fields.Flag
    """Set: sub-channels R to W can be read before the first track"""
    side_change_capable: pysrp.fields.Flag
    """Set: either side of a disc can be chosen"""
    sss: pysrp.fields.Flag
    """Set: a changer's slot without a disc can be chosen"""
    changer_supports_disc_present: pysrp.fields.Flag
    """Set: after a reset a changer knows which slots have a disc"""
    separate_channel_mute: pysrp.fields.Flag
    """Set: each channel of sound can be silenced alone"""
    separate_volume_levels: pysrp.fields.Flag
    """Set: each channel of sound has a volume of its own"""
    maximum_read_speed: pysrp.fields.U16
    """Obsolete; how fast it reads at most, in 1000 bytes a second"""
    number_of_volume_levels: pysrp.fields.U16
    """How many steps the volume has; 0: it cannot be set"""
    buffer_size: pysrp.fields.U16
    """How much the buffer holds, in kilobytes"""
    current_read_speed: pysrp.fields.U16
    """Obsolete; how fast it reads now, in 1000 bytes a second"""
    length: pysrp.fields.Bits
    """Clocks of the digital output for a sample: 0 32, 1 16, 2 24, 3 24 in the form of I2S"""
    lsbf: pysrp.fields.Flag
    """Set: the digital output begins with the lowest bit; clear: with the highest"""
    rck: pysrp.fields.Flag
    """Set: a high word clock of the digital output means the left channel"""
    bckf: pysrp.fields.Flag
    """Set: data of the digital output count at the falling edge of its clock; clear: at the rising one"""
    maximum_write_speed: pysrp.fields.U16
    """Obsolete; how fast it writes at most, in 1000 bytes a second"""
    current_write_speed: pysrp.fields.U16
    """Obsolete; how fast it writes now, in 1000 bytes a second"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""

class _CapabilitiesPageFields(TypedDict, total=False):
    ps: int
    spf: int
    page_code: int
    page_length: int
    dvd_ram_read: int
    dvd_r_read: int
    dvd_rom_read: int
    method_2: int
    cd_rw_read: int
    cd_r_read: int
    dvd_ram_write: int
    dvd_r_write: int
    test_write: int
    cd_rw_write: int
    cd_r_write: int
    buf: int
    multi_session: int
    mode_2_form_2: int
    mode_2_form_1: int
    digital_port_2: int
    digital_port_1: int
    composite: int
    audio_play: int
    read_bar_code: int
    upc: int
    isrc: int
    c2_pointers_supported: int
    r_w_deinterleaved_and_corrected: int
    r_w_supported: int
    cd_da_stream_is_accurate: int
    cd_da_commands_supported: int
    loading_mechanism_type: int
    eject: int
    prevent_jumper: int
    lock_state: int
    lock: int
    r_w_in_lead_in: int
    side_change_capable: int
    sss: int
    changer_supports_disc_present: int
    separate_channel_mute: int
    separate_volume_levels: int
    maximum_read_speed: int
    number_of_volume_levels: int
    buffer_size: int
    current_read_speed: int
    length: int
    lsbf: int
    rck: int
    bckf: int
    maximum_write_speed: int
    current_write_speed: int
    copy_management_revision: int
    rotation_control_selected: int
    current_write_speed_selected: int
    number_of_write_speeds: int
    payload: ReadableBuffer | None
    write_speeds: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class CapabilitiesPage(ShortCapabilitiesPage, code=codes.ModePage.MM_CAPABILITIES_AND_MECHANICAL_STATUS, short=ShortCapabilitiesPage):
    """MM Capabilities and Mechanical Status, 2Ah: 32 + 4 n bytes (MMC-3, 5.5.10)."""
    copy_management_revision: pysrp.fields.U16
    """Which copy protection of DVDs is understood; 0: none, 1: CSS and CPPM"""
    rotation_control_selected: pysrp.fields.Bits
    """How the disc turns now in writing: 0 by default, 1 at constant angular velocity"""
    current_write_speed_selected: pysrp.fields.U16
    """How fast it writes now, in 1000 bytes a second"""
    number_of_write_speeds: pysrp.fields.U16
    """How many descriptors of speeds follow, 4 bytes each"""
    write_speeds: pysrp.fields.List[WriteSpeed]
    """Speeds at which it can write, 4 bytes each"""
    @classmethod
    def build(cls, **fields: Unpack[_CapabilitiesPageFields]) -> Self:  # type: ignore[override]
        """A new page; ``write_speeds`` are counted where ``number_of_write_speeds`` is not given."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CapabilitiesPageFields]) -> int: ...  # type: ignore[override]
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""

class _BlockDescriptorFields(TypedDict, total=False):
    number_of_logical_blocks: int
    logical_block_length: int
    trailing: ReadableBuffer

class BlockDescriptor(Structure, size=8):
    """Short LBA mode parameter block descriptor, 8 bytes (SBC-4, 6.5.2.2): disks."""
    TEXTS: ClassVar[dict[str, str]]
    number_of_logical_blocks: pysrp.fields.U32
    """How many blocks the unit has; all bits set: more than fit, or in MODE SELECT as many as there can be"""
    logical_block_length: pysrp.fields.U24
    """Bytes of data in a block, without protection information"""
    def general(self) -> GeneralBlockDescriptor:
        """The same eight bytes as other device types define them."""
    @classmethod
    def build(cls, **fields: Unpack[_BlockDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_BlockDescriptorFields]) -> int: ...  # type: ignore[override]

class _GeneralBlockDescriptorFields(TypedDict, total=False):
    density_code: int
    number_of_blocks: int
    block_length: int
    trailing: ReadableBuffer

class GeneralBlockDescriptor(Structure, size=8):
    """General mode parameter block descriptor, 8 bytes (SPC-5, 7.5.6.1): tapes and CDs."""
    TEXTS: ClassVar[dict[str, str]]
    density_code: pysrp.fields.U8
    """How dense the medium is written, as the device type counts it; 00h: by default, 7Fh: as it was"""
    number_of_blocks: pysrp.fields.U24
    """How many blocks this descriptor is about; 0: all that are left"""
    block_length: pysrp.fields.U24
    """Bytes of a logical block, without protection information"""
    @classmethod
    def build(cls, **fields: Unpack[_GeneralBlockDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_GeneralBlockDescriptorFields]) -> int: ...  # type: ignore[override]

class _LongBlockDescriptorFields(TypedDict, total=False):
    number_of_logical_blocks: int
    logical_block_length: int
    trailing: ReadableBuffer

class LongBlockDescriptor(Structure, size=16):
    """Long LBA mode parameter block descriptor, 16 bytes (SBC-4, 6.5.2.3), with LONGLBA."""
    TEXTS: ClassVar[dict[str, str]]
    number_of_logical_blocks: pysrp.fields.U64
    """How many blocks the unit has; all bits set: more than fit, or in MODE SELECT as many as there can be"""
    logical_block_length: pysrp.fields.U32
    """Bytes of data in a block, without protection information"""
    @classmethod
    def build(cls, **fields: Unpack[_LongBlockDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LongBlockDescriptorFields]) -> int: ...  # type: ignore[override]

class _Parameters(ParameterData):
    """The common part of both headers."""
    device_specific_parameter: Any
    pages: Any
    def page(self, code: int, subpage: int=0) -> Any:
        """The first page of that code and sub-page code that is there, or None."""
    @property
    def wp(self) -> bool:
        """Write protected: bit 7 of the device-specific parameter (SBC-4, 6.5.1; SSC-4)."""
    @property
    def dpofua(self) -> bool:
        """DPO and FUA are supported: bit 4 of the device-specific parameter (SBC-4, 6.5.1)."""

class _ModeParameters6Fields(TypedDict, total=False):
    mode_data_length: int
    medium_type: int
    device_specific_parameter: int
    block_descriptor_length: int
    block_descriptors: ReadableBuffer | Iterable[Any] | None
    pages: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ModeParameters6(_Parameters, size=4):
    """MODE SENSE (6) data, or MODE SELECT (6) parameter list: 4 + n bytes (SPC-5, 7.5.5).

    A MODE DATA LENGTH of 0, as MODE SELECT has it, means all that is there. build() sets it from the rest:
    give ``mode_data_length=0`` for MODE SELECT."""
    mode_data_length: pysrp.fields.U8
    """Bytes behind this field that MODE SENSE has, room or not; 0 in MODE SELECT"""
    medium_type: pysrp.fields.U8
    """What medium it is, as the device type counts them; 00h on a disk"""
    device_specific_parameter: pysrp.fields.U8
    """The device type's; of a disk bit 7 is set for write protected, bit 4 where DPO and FUA are known"""
    block_descriptor_length: pysrp.fields.U8
    """Bytes of block descriptors before the pages; 0: there are none"""
    block_descriptors: pysrp.fields.List[BlockDescriptor]
    """How many blocks there are and how long they are, 8 bytes each"""
    pages: pysrp.fields.List[UnknownPage | ReadWriteErrorRecoveryPage | DisconnectReconnectPage | FormatDevicePage | RigidDiskGeometryPage | VerifyErrorRecoveryPage | ShortCachingPage | ControlPage | ProtocolSpecificLunPage | ProtocolSpecificPortPage | ShortPowerConditionPage | InformationalExceptionsPage | ShortCapabilitiesPage | UnknownSubPage | ControlExtensionPage | LogicalBlockProvisioningPage]
    """One mode page behind the other, in any order"""
    @classmethod
    def build(cls, **fields: Unpack[_ModeParameters6Fields]) -> Self:  # type: ignore[override]
        """New mode parameters from ``block_descriptors`` and ``pages``, lists of structures or dicts."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ModeParameters6Fields]) -> int: ...  # type: ignore[override]

class _ModeParameters10Fields(TypedDict, total=False):
    mode_data_length: int
    medium_type: int
    device_specific_parameter: int
    longlba: int
    block_descriptor_length: int
    block_descriptors: ReadableBuffer | Iterable[Any] | None
    long_block_descriptors: ReadableBuffer | Iterable[Any] | None
    pages: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ModeParameters10(_Parameters, size=8):
    """MODE SENSE (10) data, or MODE SELECT (10) parameter list: 8 + n bytes (SPC-5, 7.5.5).

    With LONGLBA the block descriptors are ``long_block_descriptors``. A MODE DATA LENGTH of 0, as MODE SELECT
    has it, means all that is there. build() sets it from the rest: give ``mode_data_length=0`` for that."""
    mode_data_length: pysrp.fields.U16
    """Bytes behind this field that MODE SENSE has, room or not; 0 in MODE SELECT"""
    medium_type: pysrp.fields.U8
    """What medium it is, as the device type counts them; 00h on a disk"""
    device_specific_parameter: pysrp.fields.U8
    """The device type's; of a disk bit 7 is set for write protected, bit 4 where DPO and FUA are known"""
    longlba: pysrp.fields.Flag
    """Set: block descriptors have 16 bytes; clear: 8"""
    block_descriptor_length: pysrp.fields.U16
    """Bytes of block descriptors before the pages; 0: there are none"""
    block_descriptors: pysrp.fields.List[BlockDescriptor]
    """How many blocks there are and how long they are, 8 bytes each"""
    long_block_descriptors: pysrp.fields.List[LongBlockDescriptor]
    """How many blocks there are and how long they are, 16 bytes each"""
    pages: pysrp.fields.List[UnknownPage | ReadWriteErrorRecoveryPage | DisconnectReconnectPage | FormatDevicePage | RigidDiskGeometryPage | VerifyErrorRecoveryPage | ShortCachingPage | ControlPage | ProtocolSpecificLunPage | ProtocolSpecificPortPage | ShortPowerConditionPage | InformationalExceptionsPage | ShortCapabilitiesPage | UnknownSubPage | ControlExtensionPage | LogicalBlockProvisioningPage]
    """One mode page behind the other, in any order"""
    @classmethod
    def build(cls, **fields: Unpack[_ModeParameters10Fields]) -> Self:  # type: ignore[override]
        """New mode parameters from (long) block descriptors and ``pages``, lists of structures or dicts."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ModeParameters10Fields]) -> int: ...  # type: ignore[override]
def parse_mode6(buf: Any, *, strict: bool=False) -> ModeParameters6:
    """A view over MODE SENSE (6) data or a MODE SELECT (6) parameter list.

    Raises TruncatedError for less than 4 bytes; with ``strict`` DecodeError for the first violation."""
def parse_mode10(buf: Any, *, strict: bool=False) -> ModeParameters10:
    """A view over MODE SENSE (10) data or a MODE SELECT (10) parameter list.

    Raises TruncatedError for less than 8 bytes; with ``strict`` DecodeError for the first violation."""
