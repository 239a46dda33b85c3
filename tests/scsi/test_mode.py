"""Mode parameters against the standards' tables, by hand-made bytes, and on real data."""

from __future__ import annotations

import re
import struct
from typing import Any

import pytest
from hypothesis import given, settings

from layouts import check_capture, check_view, data_records, noise
from pysrp.errors import DecodeError, TruncatedError
from pysrp.scsi import mode
from pysrp.scsi.codes import ModePage

PAGE = "ps spf page_code.6 page_length:1"
SUBPAGE = "ps spf page_code.6 subpage_code:1 page_length:2"

CACHING = f"""{PAGE}
    ic abpf cap disc size wce mf rcd
    demand_read_retention_priority.4 write_retention_priority.4
    disable_pre_fetch_transfer_length:2 minimum_pre_fetch:2 maximum_pre_fetch:2 maximum_pre_fetch_ceiling:2"""
CAPABILITIES = f"""{PAGE}
    -.2 dvd_ram_read dvd_r_read dvd_rom_read method_2 cd_rw_read cd_r_read
    -.2 dvd_ram_write dvd_r_write - test_write cd_rw_write cd_r_write
    buf multi_session mode_2_form_2 mode_2_form_1 digital_port_2 digital_port_1 composite audio_play
    read_bar_code upc isrc c2_pointers_supported
    r_w_deinterleaved_and_corrected r_w_supported cd_da_stream_is_accurate cd_da_commands_supported
    loading_mechanism_type.3 - eject prevent_jumper lock_state lock
    -.2 r_w_in_lead_in side_change_capable
    sss changer_supports_disc_present separate_channel_mute separate_volume_levels
    maximum_read_speed:2 number_of_volume_levels:2 buffer_size:2 current_read_speed:2
    -:1 -.2 length.2 lsbf rck bckf - maximum_write_speed:2 current_write_speed:2"""

TABLES: dict[str, str] = {
    "Page": PAGE,
    "UnknownPage": PAGE,
    "SubPage": SUBPAGE,
    "UnknownSubPage": SUBPAGE,
    "ReadWriteErrorRecoveryPage": f"""{PAGE} awre arre tb rc eer per dte dcr read_retry_count:1
        correction_span:1 head_offset_count:1 data_strobe_offset_count:1
        lbpere -.7 write_retry_count:1 -:1 recovery_time_limit:2""",
    "DisconnectReconnectPage": f"""{PAGE} buffer_full_ratio:1 buffer_empty_ratio:1 bus_inactivity_limit:2
        disconnect_time_limit:2 connect_time_limit:2 maximum_burst_size:2
        emdp fair_arbitration.3 dimm dtdc.3 -:1 first_burst_size:2""",
    "FormatDevicePage": f"""{PAGE} tracks_per_zone:2 alternate_sectors_per_zone:2
        alternate_tracks_per_zone:2 alternate_tracks_per_lu:2 sectors_per_track:2
        data_bytes_per_physical_sector:2 interleave:2 track_skew_factor:2 cylinder_skew_factor:2
        ssec hsec rmb surf -.4 -:3""",
    "RigidDiskGeometryPage": f"""{PAGE} number_of_cylinders:3 number_of_heads:1
        starting_cylinder_write_precompensation:3 starting_cylinder_reduced_write_current:3
        device_step_rate:2 landing_zone_cylinder:3 -.6 rpl.2 rotational_offset:1 -:1
        medium_rotation_rate:2 -:2""",
    "VerifyErrorRecoveryPage": f"""{PAGE} -.4 eer per dte dcr verify_retry_count:1
        verify_correction_span:1 -:5 verify_recovery_time_limit:2""",
    "ShortCachingPage": CACHING,
    "CachingPage": f"""{CACHING}
        fsw lbcss dra vendor_specific.2 sync_prog.2 nv_dis
        number_of_cache_segments:1 cache_segment_size:2 -:1 non_cache_segment_size:3""",
    "ControlPage": f"""{PAGE}
        tst.3 tmf_only dpicz d_sense gltsd rlec
        queue_algorithm_modifier.4 nuar qerr.2 dque
        vs rac ua_intlck_ctrl.2 swp raerp uaaerp eaerp
        ato tas atmpe rwwp sblp autoload_mode.3
        ready_aer_holdoff_period:2 busy_timeout_period:2 extended_self_test_completion_time:2""",
    "ControlExtensionPage": f"""{SUBPAGE} -.4 dlc tcmos scsip ialuae -.4 initial_command_priority.4
        maximum_sense_data_length:1 -:25""",
    "ProtocolSpecificLunPage": f"{PAGE} protocol_specific.4 protocol_identifier.4",
    "ProtocolSpecificPortPage": f"{PAGE} protocol_specific.4 protocol_identifier.4",
    "ShortPowerConditionPage": f"""{PAGE} -:1 -.6 idle_a standby_z
        idle_a_condition_timer:4 standby_z_condition_timer:4""",
    "PowerConditionPage": f"""{PAGE} pm_bg_precedence.2 -.5 standby_y
        -.4 idle_c idle_b idle_a standby_z
        idle_a_condition_timer:4 standby_z_condition_timer:4 idle_b_condition_timer:4
        idle_c_condition_timer:4 standby_y_condition_timer:4 -:15
        ccf_idle.2 ccf_standby.2 ccf_stopped.2 -.2""",
    "InformationalExceptionsPage": f"""{PAGE} perf - ebf ewasc dexcpt test ebackerr logerr
        -.4 mrie.4 interval_timer:4 report_count:4""",
    "LogicalBlockProvisioningPage": f"{SUBPAGE} -.7 situa -:11",
    "ThresholdDescriptor": """enabled - threshold_type.3 threshold_arming.3 threshold_resource:1 -:2
        threshold_count:4""",
    "ShortCapabilitiesPage": CAPABILITIES,
    "CapabilitiesPage": f"""{CAPABILITIES} copy_management_revision:2 -:3 -.6 rotation_control_selected.2
        current_write_speed_selected:2 number_of_write_speeds:2""",
    "WriteSpeed": "-:1 -.5 rotation_control.3 write_speed:2",
    "BlockDescriptor": "number_of_logical_blocks:4 -:1 logical_block_length:3",
    "GeneralBlockDescriptor": "density_code:1 number_of_blocks:3 -:1 block_length:3",
    "LongBlockDescriptor": "number_of_logical_blocks:8 -:4 logical_block_length:4",
    "ModeParameters6": """mode_data_length:1 medium_type:1 device_specific_parameter:1
        block_descriptor_length:1""",
    "ModeParameters10": """mode_data_length:2 medium_type:1 device_specific_parameter:1 -.7 longlba -:1
        block_descriptor_length:2""",
}


@settings(max_examples=200)
@given(data=noise)
def test_any_page(data: bytes) -> None:
    try:
        view = mode.parse_page(data)
    except TruncatedError:
        assert len(data) < 4
        return
    check_view(view)


# ---------------------------------------------------------------------------------------------
# Pages
# ---------------------------------------------------------------------------------------------

SIZES = {
    "ReadWriteErrorRecoveryPage": (0x01, 12),
    "DisconnectReconnectPage": (0x02, 16),
    "FormatDevicePage": (0x03, 24),
    "RigidDiskGeometryPage": (0x04, 24),
    "VerifyErrorRecoveryPage": (0x07, 12),
    "CachingPage": (0x08, 20),
    "ShortCachingPage": (0x08, 12),
    "ControlPage": (0x0A, 12),
    "ProtocolSpecificLunPage": (0x18, 8),
    "ProtocolSpecificPortPage": (0x19, 8),
    "PowerConditionPage": (0x1A, 40),
    "ShortPowerConditionPage": (0x1A, 12),
    "InformationalExceptionsPage": (0x1C, 12),
    "CapabilitiesPage": (0x2A, 32),
    "ShortCapabilitiesPage": (0x2A, 22),
}


@pytest.mark.parametrize("name", SIZES)
def test_pages_are_built_in_full_and_found_again(name: str) -> None:
    code, size = SIZES[name]
    made = getattr(mode, name).build()
    assert bytes(made) == bytes([code, size - 2]) + bytes(size - 2)
    assert made.problems() == []
    assert type(mode.parse_page(made)) is type(made)


def test_control_extension() -> None:
    made = mode.ControlExtensionPage.build(scsip=1, maximum_sense_data_length=252)
    assert bytes(made) == bytes.fromhex("4a 01 001c 02 00 fc") + bytes(25)
    assert type(mode.parse_page(made)) is mode.ControlExtensionPage
    assert made.problems() == []


def test_logical_block_provisioning() -> None:
    used = mode.ThresholdDescriptor.build(
        enabled=True, threshold_arming=1, threshold_resource=2, threshold_count=0x1234
    )
    made = mode.LogicalBlockProvisioningPage.build(situa=True, descriptors=[used, b"\0\1" + bytes(6)])
    assert bytes(made) == bytes.fromhex("5c 02 001c 01") + bytes(11) + bytes.fromhex(
        "81020000 00001234 00010000 00000000"
    )
    assert type(mode.parse_page(made)) is mode.LogicalBlockProvisioningPage
    assert made.problems() == []
    assert [one.threshold_count for one in made.descriptors] == [0x1234, 0]
    assert [bytes(one) for one in mode.parse_page(bytes(made)[:31]).descriptors] == [bytes(used)]
    assert mode.LogicalBlockProvisioningPage.build(**made.to_dict()) == made
    assert "payload" not in str(made.show())
    assert "threshold_count=4660" in str(made.show())
    beyond = mode.parse_page(bytes(made)[:3] + b"\x10" + bytes(made)[4:])  # as long as it says it is
    assert ([bytes(one) for one in beyond.descriptors], beyond.extent()) == ([], 20)
    assert mode.LogicalBlockProvisioningPage.build().descriptors == []
    assert (
        mode.LogicalBlockProvisioningPage.build(descriptors=None) == mode.LogicalBlockProvisioningPage.build()
    )
    assert bytes(mode.LogicalBlockProvisioningPage.build()) == bytes.fromhex("5c 02 000c") + bytes(12)


def test_unknown_pages() -> None:
    page = mode.parse_page(b"\x25\x02ab")
    assert type(page) is mode.UnknownPage
    assert bytes(page.payload) == b"ab"
    sub = mode.parse_page(b"\x59\x01\x00\x02ab")
    assert type(sub) is mode.UnknownSubPage
    assert (sub.page_code, sub.subpage_code, bytes(sub.payload)) == (
        ModePage.PROTOCOL_SPECIFIC_PORT,
        1,
        b"ab",
    )


def test_write_speeds() -> None:
    page = mode.CapabilitiesPage.build(
        payload=bytes(30) + bytes.fromhex("00000b00 00010580"), number_of_write_speeds=2
    )
    assert [(s.rotation_control, s.write_speed) for s in page.write_speeds] == [(0, 0xB00), (1, 0x580)]
    assert mode.CapabilitiesPage.build(number_of_write_speeds=9).write_speeds == []
    assert mode.CapabilitiesPage.build(number_of_write_speeds=2, write_speeds=page.write_speeds) == page
    assert mode.parse_page(bytes(page)[:31]).write_speeds == []
    mixed = mode.CapabilitiesPage.build(payload=b"\xff", write_speeds=[{"write_speed": 5}])
    assert bytes(mixed) == b"\x2a\x22\xff" + bytes(28) + b"\x01" + bytes(3) + b"\x05"


def test_build_counts_write_speeds() -> None:
    speeds = [{"write_speed": 5, "rotation_control": 1}, {"write_speed": 6}]
    page = mode.CapabilitiesPage.build(write_speeds=speeds)
    assert type(page) is mode.CapabilitiesPage
    assert (page.number_of_write_speeds, page.page_length) == (2, 38)
    assert [each.write_speed for each in page.write_speeds] == [5, 6]
    assert mode.CapabilitiesPage.build(write_speeds=page.write_speeds) == page
    assert mode.CapabilitiesPage.build(write_speeds=bytes(12)).number_of_write_speeds == 3
    assert (
        mode.CapabilitiesPage.build(write_speeds=speeds, number_of_write_speeds=9).number_of_write_speeds == 9
    )
    assert mode.CapabilitiesPage.build().number_of_write_speeds == 0
    room = bytearray(b"\xff" * 60)
    assert mode.CapabilitiesPage.pack_into(room, 10, write_speeds=speeds) == len(page)
    assert room == b"\xff" * 10 + bytes(page) + b"\xff" * 10
    for kind in mode.ModeParameters6, mode.ModeParameters10:
        assert kind.build(pages=[{"class": "CapabilitiesPage", "write_speeds": speeds}]).pages == [page]


def test_protocol_specific_parameters() -> None:
    page = mode.parse_page(bytes.fromhex("19 06 06 00 07d0 0000"))
    assert page.protocol_identifier == 6
    assert bytes(page.protocol_specific_parameters) == bytes.fromhex("0007d00000")
    assert page.problems() == []


# ---------------------------------------------------------------------------------------------
# Whole answers
# ---------------------------------------------------------------------------------------------

BLOCK = struct.pack(">I", 131072) + bytes.fromhex("00 000200")
WCE = bytes.fromhex("0812 04") + bytes(17)
D_SENSE = bytes.fromhex("0a0a 04") + bytes(9)
OLD = bytes.fromhex("080a 04") + bytes(9)
EXTENSION = bytes.fromhex("4a01001c 01") + bytes(27)


def test_mode_sense_6() -> None:
    made = mode.ModeParameters6.build(
        device_specific_parameter=0x90,
        block_descriptors=[{"number_of_logical_blocks": 131072, "logical_block_length": 512}],
        pages=[mode.CachingPage.build(wce=1), mode.ControlPage.build(d_sense=1)],
    )
    assert bytes(made) == bytes([3 + 8 + 32, 0, 0x90, 8]) + BLOCK + WCE + D_SENSE
    assert (made.wp, made.dpofua) == (True, True)
    assert made.page(0x08).wce
    assert made.page(ModePage.CONTROL).d_sense
    assert made.page(0x0A, 1) is None
    assert made.problems() == []
    assert bytes(mode.ModeParameters6.build(**made.to_dict())) == bytes(made)


def test_mode_sense_10() -> None:
    made = mode.ModeParameters10.build(
        block_descriptors=[{"number_of_logical_blocks": 131072, "logical_block_length": 512}],
        pages=[{"class": "CachingPage", "wce": 1}, {"class": "ControlExtensionPage", "ialuae": 1}],
    )
    assert bytes(made) == struct.pack(">HBBBxH", 6 + 8 + 52, 0, 0, 0, 8) + BLOCK + WCE + EXTENSION
    assert made.page(0x0A, 1).ialuae
    assert made.problems() == []


def test_mode_sense_10_with_long_block_descriptors() -> None:
    made = mode.ModeParameters10.build(
        long_block_descriptors=[{"number_of_logical_blocks": 2**33, "logical_block_length": 4096}],
        pages=[mode.CachingPage.build(wce=1)],
    )
    long = struct.pack(">QII", 2**33, 0, 4096)
    assert bytes(made) == struct.pack(">HBBBxH", 6 + 16 + 20, 0, 0, 1, 16) + long + WCE
    assert made.block_descriptors == []
    assert made.long_block_descriptors[0].number_of_logical_blocks == 2**33
    assert made.page(8).wce
    assert bytes(mode.ModeParameters10.build(**made.to_dict())) == bytes(made)
    assert made.problems() == []


def test_empty_answers() -> None:
    assert bytes(mode.ModeParameters6.build()) == b"\x03\0\0\0"
    assert bytes(mode.ModeParameters10.build()) == b"\0\x06" + bytes(6)


def test_mode_select_has_no_length() -> None:
    made = mode.ModeParameters6.build(mode_data_length=0, pages=[mode.CachingPage.build(wce=1)])
    assert bytes(made) == bytes(4) + WCE
    assert made.page(8).wce
    select = mode.parse_mode10(bytes(8) + WCE + D_SENSE)
    assert [p.page_code for p in select.pages] == [8, 0x0A]
    assert bytes(select.trailing) == b""


def test_a_short_page_does_not_eat_the_next() -> None:
    for short in OLD, b"\x08\x01\x04", bytes.fromhex("1a0a 0002") + bytes(8), b"\x0a\x00", b"\x59\x01\0\0":
        data = bytes([0, 0, 0, 0]) + short + D_SENSE
        first, control = mode.parse_mode6(data).pages
        assert bytes(first) == short
        assert control.d_sense
        assert bytes(mode.ModeParameters6.build(**mode.parse_mode6(data).to_dict())) == data
    assert mode.parse_mode6(bytes(4) + OLD).page(8).wce


@pytest.mark.parametrize("have", range(4, 44))
def test_short_mode_sense_reads_as_far_as_it_goes(have: int) -> None:
    whole = bytes([43, 0, 0, 8]) + BLOCK + WCE + D_SENSE
    view = mode.parse_mode6(whole[:have])
    assert bytes(mode.ModeParameters6.build(**view.to_dict())) == whole[:have]
    assert {p.field.partition(".")[0] for p in view.problems()} <= {"block_descriptors", "pages"}
    assert view.problems()
    with pytest.raises(DecodeError):
        mode.parse_mode6(whole[:have], strict=True)


def test_strict_accepts_clean_data() -> None:
    assert mode.parse_mode6(bytes([43, 0, 0, 8]) + BLOCK + WCE + D_SENSE, strict=True).page(8).wce
    assert mode.parse_mode10(b"\0\x06" + bytes(6), strict=True).pages == []


def test_block_descriptor_of_other_devices() -> None:
    view = mode.parse_mode6(bytes.fromhex("0b000008 47001000 00000400"))
    general = view.block_descriptors[0].general()
    assert (general.density_code, general.number_of_blocks, general.block_length) == (0x47, 0x1000, 0x400)


# ---------------------------------------------------------------------------------------------
# Real data
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parse", "word", "at_least"),
    [(mode.parse_mode6, "of MODE SENSE(6)", 20), (mode.parse_mode10, "of MODE SENSE(10)", 5)],
)
def test_captures(parse: Any, word: str, at_least: int) -> None:
    records = data_records(word)
    assert len(records) >= at_least
    for note, data in records:
        view = parse(data)
        check_capture(view, data)
        length, bdl = re.search(r"mdl=(\d+) .* bdl=(\d+)", note).groups()  # type: ignore[union-attr]
        assert (view.mode_data_length, view.block_descriptor_length) == (int(length), int(bdl))
        if len(data) > view.mode_data_length + 1:
            asked = int(re.search(r"page (..)/", note)[1], 16)  # type: ignore[index]
            assert asked == 0x3F or view.page(asked) is not None


def test_captured_pages() -> None:
    (data,) = {data[:103] for note, data in data_records("MODE SENSE(10) page 3f") if "mdl=102" in note}
    view = mode.parse_mode10(data)
    assert [type(p).__name__ for p in view.pages] == [
        "ReadWriteErrorRecoveryPage",
        "RigidDiskGeometryPage",
        "UnknownPage",
        "CachingPage",
    ]
    assert view.page(4).number_of_heads == 16
    assert view.page(8).wce
    assert view.block_descriptors[0].logical_block_length == 512
    assert view.dpofua
