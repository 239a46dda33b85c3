"""Mode parameters (SPC-5, 7.5; SBC-4, 6.5; MMC-3 for page 2Ah).

``parse_mode6(buf)`` and ``parse_mode10(buf)`` give header, block descriptors and pages of MODE SENSE data or
of a MODE SELECT parameter list, ``parse_page(buf)`` one page. The shorter form that a page had in an older standard is a
class of its own; a page shorter than any table is an UnknownPage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pysrp.fields import U8, U16, U24, U32, U64, Bits, Dispatch, Flag, List, Part, Structure
from pysrp.scsi import codes, texts
from pysrp.scsi.codes import ProtocolIdentifier, ProvisioningResource
from pysrp.scsi.params.base import ParameterData, graded
from pysrp.scsi.params.base import strict as checked

__all__ = [
    "BlockDescriptor",
    "CachingPage",
    "CapabilitiesPage",
    "ControlExtensionPage",
    "ControlPage",
    "DisconnectReconnectPage",
    "FormatDevicePage",
    "GeneralBlockDescriptor",
    "InformationalExceptionsPage",
    "LogicalBlockProvisioningPage",
    "LongBlockDescriptor",
    "ModeParameters6",
    "ModeParameters10",
    "Page",
    "PowerConditionPage",
    "ProtocolSpecificLunPage",
    "ProtocolSpecificPortPage",
    "ReadWriteErrorRecoveryPage",
    "RigidDiskGeometryPage",
    "ShortCachingPage",
    "ShortCapabilitiesPage",
    "ShortPowerConditionPage",
    "SubPage",
    "ThresholdDescriptor",
    "UnknownPage",
    "UnknownSubPage",
    "VerifyErrorRecoveryPage",
    "WriteSpeed",
    "parse_mode6",
    "parse_mode10",
    "parse_page",
]


# ---------------------------------------------------------------------------------------------
# Pages
# ---------------------------------------------------------------------------------------------


class Page(ParameterData, cover="payload"):
    """Mode page in page_0 format, 2 + n bytes (SPC-5, 7.5.7); a subclass with ``code=`` is that page.

    ``short=True`` marks the shorter form of an older standard; the class of the full page names it with ``short=``.
    """

    __slots__ = ()
    TEXTS = texts.MODE

    def __init_subclass__(
        cls, code: codes.ModePage | None = None, short: type[Page] | bool = False, **options: Any
    ) -> None:
        if code is not None:
            for name, field in (
                ("spf", Flag(0, 6, must=False)),
                ("page_code", Bits(0, 0, 6, enum=codes.ModePage, must=code)),
            ):
                field.__set_name__(cls, name)
                setattr(cls, name, field)
        super().__init_subclass__(**options)
        if code is not None and short is not True:
            _pages.add(code, graded("page length", 1, 1, UnknownPage, *([short] if short else []), cls))

    ps = Flag(0, 7)
    spf = Flag(0, 6)
    page_code = Bits(0, 0, 6, enum=codes.ModePage)
    page_length = U8(1)
    payload = Part(2, page_length, clamp=True)


class SubPage(ParameterData, cover="payload"):
    """Mode page in sub_page format, 4 + n bytes (SPC-5, 7.5.7); a subclass with ``code=`` is one."""

    __slots__ = ()
    TEXTS = texts.MODE

    def __init_subclass__(
        cls, code: codes.ModePage | None = None, subpage: int | None = None, **options: Any
    ) -> None:
        if code is not None:
            for name, field in (
                ("page_code", Bits(0, 0, 6, enum=codes.ModePage, must=code)),
                ("subpage_code", U8(1, hex=True, must=subpage)),
            ):
                field.__set_name__(cls, name)
                setattr(cls, name, field)
        super().__init_subclass__(**options)
        if code is not None and subpage is not None:
            _subpages.add(code << 8 | subpage, graded("page length", 2, 2, UnknownSubPage, cls))

    ps = Flag(0, 7)
    spf = Flag(0, 6, must=True)
    page_code = Bits(0, 0, 6, enum=codes.ModePage)
    subpage_code = U8(1, hex=True)
    page_length = U16(2)
    payload = Part(4, page_length, clamp=True)


class UnknownPage(Page):
    """A page without a table here, 2 + n bytes (SPC-5, 7.5.7)."""

    __slots__ = ()


class UnknownSubPage(SubPage):
    """A sub-page without a table here, 4 + n bytes (SPC-5, 7.5.7)."""

    __slots__ = ()


_pages = Dispatch("mode page", 0, width=6, default=UnknownPage)
_subpages = Dispatch("mode sub-page", 0, 2, width=14, default=UnknownSubPage)
pages = Dispatch("SPF", 0, shift=6, width=1)
pages.add(0, _pages)
pages.add(1, _subpages)
parse_page = pages.parse


class ReadWriteErrorRecoveryPage(Page, code=codes.ModePage.READ_WRITE_ERROR_RECOVERY, full=12):
    """Read-Write Error Recovery, 01h: 12 bytes (SBC-4, 6.5.10)."""

    __slots__ = ()
    awre = Flag(2, 7)
    arre = Flag(2, 6)
    tb = Flag(2, 5)
    rc = Flag(2, 4)
    eer = Flag(2, 3)
    per = Flag(2, 2)
    dte = Flag(2, 1)
    dcr = Flag(2, 0)
    read_retry_count = U8(3)
    correction_span = U8(4)
    head_offset_count = U8(5)
    data_strobe_offset_count = U8(6)
    lbpere = Flag(7, 7)
    write_retry_count = U8(8)
    recovery_time_limit = U16(10)


class DisconnectReconnectPage(Page, code=codes.ModePage.DISCONNECT_RECONNECT):
    """Disconnect-Reconnect, 02h: 16 bytes (SPC-5, 7.5.11); what the fields mean is the transport's."""

    __slots__ = ()
    buffer_full_ratio = U8(2)
    buffer_empty_ratio = U8(3)
    bus_inactivity_limit = U16(4)
    disconnect_time_limit = U16(6)
    connect_time_limit = U16(8)
    maximum_burst_size = U16(10)
    emdp = Flag(12, 7)
    fair_arbitration = Bits(12, 4, 3)
    dimm = Flag(12, 3)
    dtdc = Bits(12, 0, 3)
    first_burst_size = U16(14)


class FormatDevicePage(Page, code=codes.ModePage.FORMAT_DEVICE, full=24):
    """Format Device, 03h: 24 bytes (SBC-2, 6.3.3; obsolete, and still asked for)."""

    __slots__ = ()
    tracks_per_zone = U16(2)
    alternate_sectors_per_zone = U16(4)
    alternate_tracks_per_zone = U16(6)
    alternate_tracks_per_lu = U16(8)
    sectors_per_track = U16(10)
    data_bytes_per_physical_sector = U16(12)
    interleave = U16(14)
    track_skew_factor = U16(16)
    cylinder_skew_factor = U16(18)
    ssec = Flag(20, 7)
    hsec = Flag(20, 6)
    rmb = Flag(20, 5)
    surf = Flag(20, 4)


class RigidDiskGeometryPage(Page, code=codes.ModePage.RIGID_DISK_GEOMETRY, full=24):
    """Rigid Disk Geometry, 04h: 24 bytes (SBC-2, 6.3.5; obsolete, and still asked for)."""

    __slots__ = ()
    number_of_cylinders = U24(2)
    number_of_heads = U8(5)
    starting_cylinder_write_precompensation = U24(6)
    starting_cylinder_reduced_write_current = U24(9)
    device_step_rate = U16(12)
    landing_zone_cylinder = U24(14)
    rpl = Bits(17, 0, 2)
    rotational_offset = U8(18)
    medium_rotation_rate = U16(20)


class VerifyErrorRecoveryPage(Page, code=codes.ModePage.VERIFY_ERROR_RECOVERY):
    """Verify Error Recovery, 07h: 12 bytes (SBC-4, 6.5.11)."""

    __slots__ = ()
    eer = Flag(2, 3)
    per = Flag(2, 2)
    dte = Flag(2, 1)
    dcr = Flag(2, 0)
    verify_retry_count = U8(3)
    verify_correction_span = U8(4)
    verify_recovery_time_limit = U16(10)


class ShortCachingPage(Page, code=codes.ModePage.CACHING, short=True):
    """Caching, 08h, of older devices: 12 bytes (SCSI-2, 9.3.3.1)."""

    __slots__ = ()
    ic = Flag(2, 7)
    abpf = Flag(2, 6)
    cap = Flag(2, 5)
    disc = Flag(2, 4)
    size = Flag(2, 3)
    wce = Flag(2, 2)
    mf = Flag(2, 1)
    rcd = Flag(2, 0)
    demand_read_retention_priority = Bits(3, 4, 4)
    write_retention_priority = Bits(3, 0, 4)
    disable_pre_fetch_transfer_length = U16(4)
    minimum_pre_fetch = U16(6)
    maximum_pre_fetch = U16(8)
    maximum_pre_fetch_ceiling = U16(10)


class CachingPage(ShortCachingPage, code=codes.ModePage.CACHING, short=ShortCachingPage):
    """Caching, 08h: 20 bytes (SBC-4, 6.5.6)."""

    __slots__ = ()
    fsw = Flag(12, 7)
    lbcss = Flag(12, 6)
    dra = Flag(12, 5)
    vendor_specific = Bits(12, 3, 2)
    sync_prog = Bits(12, 1, 2)
    nv_dis = Flag(12, 0)
    number_of_cache_segments = U8(13)
    cache_segment_size = U16(14)
    non_cache_segment_size = U24(17)


class ControlPage(Page, code=codes.ModePage.CONTROL):
    """Control, 0Ah: 12 bytes (SPC-5, 7.5.9)."""

    __slots__ = ()
    tst = Bits(2, 5, 3)
    tmf_only = Flag(2, 4)
    dpicz = Flag(2, 3)
    d_sense = Flag(2, 2)
    gltsd = Flag(2, 1)
    rlec = Flag(2, 0)
    queue_algorithm_modifier = Bits(3, 4, 4)
    nuar = Flag(3, 3)
    qerr = Bits(3, 1, 2)
    dque = Flag(3, 0)
    vs = Flag(4, 7)
    rac = Flag(4, 6)
    ua_intlck_ctrl = Bits(4, 4, 2)
    swp = Flag(4, 3)
    raerp = Flag(4, 2)
    uaaerp = Flag(4, 1)
    eaerp = Flag(4, 0)
    ato = Flag(5, 7)
    tas = Flag(5, 6)
    atmpe = Flag(5, 5)
    rwwp = Flag(5, 4)
    sblp = Flag(5, 3)
    autoload_mode = Bits(5, 0, 3)
    ready_aer_holdoff_period = U16(6)
    busy_timeout_period = U16(8)
    extended_self_test_completion_time = U16(10)


class ControlExtensionPage(SubPage, code=codes.ModePage.CONTROL, subpage=1, full=32):
    """Control Extension, 0Ah/01h: 32 bytes (SPC-5, 7.5.10)."""

    __slots__ = ()
    dlc = Flag(4, 3)
    tcmos = Flag(4, 2)
    scsip = Flag(4, 1)
    ialuae = Flag(4, 0)
    initial_command_priority = Bits(5, 0, 4)
    maximum_sense_data_length = U8(6)


class ProtocolSpecificLunPage(Page, code=codes.ModePage.PROTOCOL_SPECIFIC_LOGICAL_UNIT, full=8):
    """Protocol Specific Logical Unit, 18h: 3 + n bytes (SPC-5, 7.5.15); the rest is the transport's."""

    __slots__ = ()
    protocol_specific = Bits(2, 4, 4)
    protocol_identifier = Bits(2, 0, 4, enum=ProtocolIdentifier)

    @property
    def protocol_specific_parameters(self) -> memoryview:
        """What follows byte 2."""
        return memoryview(self)[3 : max(self.extent(), 3)]

    def _check(self) -> Iterator[tuple[str, int, str]]:
        # The transport's bytes are not reserved.
        return iter(())


class ProtocolSpecificPortPage(Page, code=codes.ModePage.PROTOCOL_SPECIFIC_PORT, full=8):
    """Protocol Specific Port, 19h: 3 + n bytes (SPC-5, 7.5.16); the rest is the transport's."""

    __slots__ = ()
    protocol_specific = Bits(2, 4, 4)
    protocol_identifier = Bits(2, 0, 4, enum=ProtocolIdentifier)

    @property
    def protocol_specific_parameters(self) -> memoryview:
        """What follows byte 2."""
        return memoryview(self)[3 : max(self.extent(), 3)]

    def _check(self) -> Iterator[tuple[str, int, str]]:
        # The transport's bytes are not reserved.
        return iter(())


class ShortPowerConditionPage(Page, code=codes.ModePage.POWER_CONDITION, short=True):
    """Power Condition, 1Ah, of older devices: 12 bytes (SPC-3, 7.4.12); timers in 100 ms."""

    __slots__ = ()
    idle_a = Flag(3, 1)
    standby_z = Flag(3, 0)
    idle_a_condition_timer = U32(4)
    standby_z_condition_timer = U32(8)


class PowerConditionPage(
    ShortPowerConditionPage, code=codes.ModePage.POWER_CONDITION, short=ShortPowerConditionPage
):
    """Power Condition, 1Ah: 40 bytes (SPC-5, 7.5.14); timers in 100 ms."""

    __slots__ = ()
    pm_bg_precedence = Bits(2, 6, 2)
    standby_y = Flag(2, 0)
    idle_c = Flag(3, 3)
    idle_b = Flag(3, 2)
    idle_b_condition_timer = U32(12)
    idle_c_condition_timer = U32(16)
    standby_y_condition_timer = U32(20)
    ccf_idle = Bits(39, 6, 2)
    ccf_standby = Bits(39, 4, 2)
    ccf_stopped = Bits(39, 2, 2)


class InformationalExceptionsPage(Page, code=codes.ModePage.INFORMATIONAL_EXCEPTIONS_CONTROL):
    """Informational Exceptions Control, 1Ch: 12 bytes (SPC-5, 7.5.12)."""

    __slots__ = ()
    perf = Flag(2, 7)
    ebf = Flag(2, 5)
    ewasc = Flag(2, 4)
    dexcpt = Flag(2, 3)
    test = Flag(2, 2)
    ebackerr = Flag(2, 1)
    logerr = Flag(2, 0)
    mrie = Bits(3, 0, 4)
    interval_timer = U32(4)
    report_count = U32(8)


class ThresholdDescriptor(Structure, size=8):
    """Threshold descriptor, 8 bytes (SBC-4, 6.5.9.2)."""

    __slots__ = ()
    TEXTS = texts.MODE
    enabled = Flag(0, 7)
    threshold_type = Bits(0, 3, 3)
    threshold_arming = Bits(0, 0, 3)
    threshold_resource = U8(1, enum=ProvisioningResource)
    threshold_count = U32(4)


class LogicalBlockProvisioningPage(
    SubPage, code=codes.ModePage.INFORMATIONAL_EXCEPTIONS_CONTROL, subpage=2, full=16
):
    """Logical Block Provisioning, 1Ch/02h: 16 + 8 n bytes (SBC-4, 6.5.9)."""

    __slots__ = ()
    situa = Flag(4, 0)

    descriptors = List(
        16,
        SubPage.page_length,
        bias=-12,
        item=ThresholdDescriptor,
        clamp=True,
        doc="Thresholds, 8 bytes each",
    )


class WriteSpeed(Structure, size=4):
    """Write speed performance descriptor of page 2Ah, 4 bytes (MMC-3, 5.5.10)."""

    __slots__ = ()
    TEXTS = texts.MODE
    rotation_control = Bits(1, 0, 3)
    write_speed = U16(2)


class ShortCapabilitiesPage(Page, code=codes.ModePage.MM_CAPABILITIES_AND_MECHANICAL_STATUS, short=True):
    """MM Capabilities and Mechanical Status, 2Ah, without write speeds: 22 bytes (MMC-2, 5.2.3.4).

    Speeds are in kilobytes per second; those of bytes 8, 14, 18 and 20 are obsolete, and still read.
    """

    __slots__ = ()
    dvd_ram_read = Flag(2, 5)
    dvd_r_read = Flag(2, 4)
    dvd_rom_read = Flag(2, 3)
    method_2 = Flag(2, 2)
    cd_rw_read = Flag(2, 1)
    cd_r_read = Flag(2, 0)
    dvd_ram_write = Flag(3, 5)
    dvd_r_write = Flag(3, 4)
    test_write = Flag(3, 2)
    cd_rw_write = Flag(3, 1)
    cd_r_write = Flag(3, 0)
    buf = Flag(4, 7)
    multi_session = Flag(4, 6)
    mode_2_form_2 = Flag(4, 5)
    mode_2_form_1 = Flag(4, 4)
    digital_port_2 = Flag(4, 3)
    digital_port_1 = Flag(4, 2)
    composite = Flag(4, 1)
    audio_play = Flag(4, 0)
    read_bar_code = Flag(5, 7)
    upc = Flag(5, 6)
    isrc = Flag(5, 5)
    c2_pointers_supported = Flag(5, 4)
    r_w_deinterleaved_and_corrected = Flag(5, 3)
    r_w_supported = Flag(5, 2)
    cd_da_stream_is_accurate = Flag(5, 1)
    cd_da_commands_supported = Flag(5, 0)
    loading_mechanism_type = Bits(6, 5, 3)
    eject = Flag(6, 3)
    prevent_jumper = Flag(6, 2)
    lock_state = Flag(6, 1)
    lock = Flag(6, 0)
    r_w_in_lead_in = Flag(7, 5)
    side_change_capable = Flag(7, 4)
    sss = Flag(7, 3)
    changer_supports_disc_present = Flag(7, 2)
    separate_channel_mute = Flag(7, 1)
    separate_volume_levels = Flag(7, 0)
    maximum_read_speed = U16(8)
    number_of_volume_levels = U16(10)
    buffer_size = U16(12)
    current_read_speed = U16(14)
    length = Bits(17, 4, 2)
    lsbf = Flag(17, 3)
    rck = Flag(17, 2)
    bckf = Flag(17, 1)
    maximum_write_speed = U16(18)
    current_write_speed = U16(20)


class CapabilitiesPage(
    ShortCapabilitiesPage,
    code=codes.ModePage.MM_CAPABILITIES_AND_MECHANICAL_STATUS,
    short=ShortCapabilitiesPage,
):
    """MM Capabilities and Mechanical Status, 2Ah: 32 + 4 n bytes (MMC-3, 5.5.10)."""

    __slots__ = ()
    copy_management_revision = U16(22)
    rotation_control_selected = Bits(27, 0, 2)
    current_write_speed_selected = U16(28)
    number_of_write_speeds = U16(30)

    write_speeds = List(
        32,
        lambda view: min(4 * view.number_of_write_speeds, view.page_length - 30) if len(view) > 32 else 0,
        item=WriteSpeed,
        clamp=True,
        doc="Speeds at which it can write, 4 bytes each",
    )

    @classmethod
    def build(cls, **fields: Any) -> CapabilitiesPage:
        """A new page; ``write_speeds`` are counted where ``number_of_write_speeds`` is not given."""
        speeds = fields.get("write_speeds")
        if speeds is not None and "number_of_write_speeds" not in fields:
            fields["number_of_write_speeds"] = len(bytes(cls.write_speeds.joined(speeds))) // WriteSpeed.SIZE
        return super().build(**fields)


# ---------------------------------------------------------------------------------------------
# Header, block descriptors, pages
# ---------------------------------------------------------------------------------------------


class BlockDescriptor(Structure, size=8):
    """Short LBA mode parameter block descriptor, 8 bytes (SBC-4, 6.5.2.2): disks."""

    __slots__ = ()
    TEXTS = texts.MODE
    number_of_logical_blocks = U32(0)
    logical_block_length = U24(5)

    def general(self) -> GeneralBlockDescriptor:
        """The same eight bytes as other device types define them."""
        return GeneralBlockDescriptor(self)


class GeneralBlockDescriptor(Structure, size=8):
    """General mode parameter block descriptor, 8 bytes (SPC-5, 7.5.6.1): tapes and CDs."""

    __slots__ = ()
    TEXTS = texts.MODE
    density_code = U8(0, hex=True)
    number_of_blocks = U24(1)
    block_length = U24(5)


class LongBlockDescriptor(Structure, size=16):
    """Long LBA mode parameter block descriptor, 16 bytes (SBC-4, 6.5.2.3), with LONGLBA."""

    __slots__ = ()
    TEXTS = texts.MODE
    number_of_logical_blocks = U64(0, hex=False)
    logical_block_length = U32(12)


class _Parameters(ParameterData):
    """The common part of both headers."""

    __slots__ = ()
    TEXTS = texts.MODE
    device_specific_parameter: Any
    pages: Any

    def page(self, code: int, subpage: int = 0) -> Any:
        """The first page of that code and sub-page code that is there, or None."""
        for found in self.pages:
            if found.page_code == code and (found.subpage_code if found.spf else 0) == subpage:
                return found
        return None

    @property
    def wp(self) -> bool:
        """Write protected: bit 7 of the device-specific parameter (SBC-4, 6.5.1; SSC-4)."""
        return bool(self.device_specific_parameter & 0x80)

    @property
    def dpofua(self) -> bool:
        """DPO and FUA are supported: bit 4 of the device-specific parameter (SBC-4, 6.5.1)."""
        return bool(self.device_specific_parameter & 0x10)


def _pages6(view: Any) -> int:
    total = view.mode_data_length + 1 if view.mode_data_length else len(view)
    return int(total - 4 - view.block_descriptor_length)


def _pages10(view: Any) -> int:
    total = view.mode_data_length + 2 if view.mode_data_length else len(view)
    return int(total - 8 - view.block_descriptor_length)


class ModeParameters6(_Parameters, size=4):
    """MODE SENSE (6) data, or MODE SELECT (6) parameter list: 4 + n bytes (SPC-5, 7.5.5).

    A MODE DATA LENGTH of 0, as MODE SELECT has it, means all that is there. build() sets it from the rest:
    give ``mode_data_length=0`` for MODE SELECT.
    """

    __slots__ = ()
    mode_data_length = U8(0)
    medium_type = U8(1, hex=True)
    device_specific_parameter = U8(2, hex=True)
    block_descriptor_length = U8(3)
    block_descriptors = List(4, block_descriptor_length, item=BlockDescriptor, clamp=True)
    pages = List(block_descriptors, _pages6, item=pages, clamp=True)

    @classmethod
    def build(cls, **fields: Any) -> ModeParameters6:
        """New mode parameters from ``block_descriptors`` and ``pages``, lists of structures or dicts."""
        made = super().build(**fields)
        if "mode_data_length" not in fields:
            made.mode_data_length = min(len(made) - len(fields.get("trailing", b"")) - 1, 0xFF)
        return made


class ModeParameters10(_Parameters, size=8):
    """MODE SENSE (10) data, or MODE SELECT (10) parameter list: 8 + n bytes (SPC-5, 7.5.5).

    With LONGLBA the block descriptors are ``long_block_descriptors``. A MODE DATA LENGTH of 0, as MODE SELECT
    has it, means all that is there. build() sets it from the rest: give ``mode_data_length=0`` for that.
    """

    __slots__ = ()
    mode_data_length = U16(0)
    medium_type = U8(2, hex=True)
    device_specific_parameter = U8(3, hex=True)
    longlba = Flag(4, 0)
    block_descriptor_length = U16(6)
    block_descriptors = List(
        8,
        lambda view: 0 if view.longlba else view.block_descriptor_length,
        item=BlockDescriptor,
        clamp=True,
    )
    long_block_descriptors = List(
        block_descriptors, block_descriptor_length, when=(longlba, 1), item=LongBlockDescriptor, clamp=True
    )
    pages = List(long_block_descriptors, _pages10, item=pages, clamp=True)

    @classmethod
    def build(cls, **fields: Any) -> ModeParameters10:
        """New mode parameters from (long) block descriptors and ``pages``, lists of structures or dicts."""
        short = fields.get("block_descriptors")
        if short is not None and "block_descriptor_length" not in fields:
            fields["block_descriptor_length"] = len(bytes(cls.block_descriptors.joined(short)))
        made = super().build(**fields)
        if "mode_data_length" not in fields:
            made.mode_data_length = min(len(made) - len(fields.get("trailing", b"")) - 2, 0xFFFF)
        return made


def parse_mode6(buf: Any, *, strict: bool = False) -> ModeParameters6:
    """A view over MODE SENSE (6) data or a MODE SELECT (6) parameter list.

    Raises TruncatedError for less than 4 bytes; with ``strict`` DecodeError for the first violation.
    """
    view = ModeParameters6(buf)
    return checked(view) if strict else view


def parse_mode10(buf: Any, *, strict: bool = False) -> ModeParameters10:
    """A view over MODE SENSE (10) data or a MODE SELECT (10) parameter list.

    Raises TruncatedError for less than 8 bytes; with ``strict`` DecodeError for the first violation.
    """
    view = ModeParameters10(buf)
    return checked(view) if strict else view
