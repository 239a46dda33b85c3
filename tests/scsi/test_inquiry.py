"""INQUIRY data and VPD pages against the standards' tables, by hand-made bytes, and on real data."""

from __future__ import annotations

import struct
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layouts import check_capture, check_view, data_records, noise
from pysrp.errors import DecodeError, EncodeError, TruncatedError
from pysrp.scsi import inquiry
from pysrp.scsi.codes import PeripheralDeviceType, VpdPage
from pysrp.scsi.params import SrpTransportId

PAGE = "peripheral_qualifier.3 peripheral_device_type.5 page_code:1 page_length:2"
NAMED = "protocol_identifier.4 code_set.4 piv - association.2 designator_type.4 -:1 designator_length:1"

TABLES: dict[str, str] = {
    "Inquiry": """peripheral_qualifier.3 peripheral_device_type.5
        rmb lu_cong hot_pluggable.2 -.4
        version:1
        aerc trmtsk normaca hisup response_data_format.4
        additional_length:1
        sccs acc tpgs.2 third_party_copy -.2 protect
        bque encserv vs multip mchngr ackreqq addr32 addr16
        reladr wbus32 wbus16 sync linked trandis cmdque vs2
        vendor:8 product:16 revision:4 vendor_specific:20
        -.4 clocking.2 qas ius -:1 version_descriptors:16""",
    "Vpd": PAGE,
    "UnknownVpd": PAGE,
    "SupportedVpdPages": PAGE,
    "UnitSerialNumber": PAGE,
    "DeviceIdentification": PAGE,
    "ManagementNetworkAddresses": PAGE,
    "ModePagePolicy": PAGE,
    "ScsiPorts": PAGE,
    "SupportedBlockLengths": PAGE,
    "ThirdPartyCopy": PAGE,
    "CopyDescriptor": "descriptor_type:2 descriptor_length:2",
    "Designator": NAMED,
    "VendorSpecificDesignator": NAMED,
    "ScsiNameDesignator": NAMED,
    "T10VendorDesignator": f"{NAMED} t10_vendor_identification:8",
    "Eui64Designator": f"{NAMED} ieee_company_id:3 vendor_specific_extension_identifier:5",
    "Eui64Designator12": f"{NAMED} ieee_company_id:3 vendor_specific_extension_identifier:5 directory_id:4",
    "Eui64Designator16": f"""{NAMED} identifier_extension:8
        ieee_company_id:3 vendor_specific_extension_identifier:5""",
    "Naa2Designator": f"""{NAMED} naa.4 vendor_specific_identifier_a.12
        ieee_company_id:3 vendor_specific_identifier_b:3""",
    "Naa3Designator": f"{NAMED} naa.4 locally_administered_value.60",
    "Naa5Designator": f"{NAMED} naa.4 ieee_company_id.24 vendor_specific_identifier.36",
    "Naa6Designator": f"""{NAMED} naa.4 ieee_company_id.24 vendor_specific_identifier.36
        vendor_specific_identifier_extension:8""",
    "RelativeTargetPortDesignator": f"{NAMED} -:2 relative_target_port_identifier:2",
    "TargetPortGroupDesignator": f"{NAMED} -:2 target_port_group:2",
    "LogicalUnitGroupDesignator": f"{NAMED} -:2 logical_unit_group:2",
    "Md5Designator": f"{NAMED} md5_logical_unit_identifier:16",
    "ProtocolSpecificPortDesignator": f"{NAMED} protocol_specific_port_identifier:4",
    "UuidDesignator": f"{NAMED} uuid_type.4 -.4 -:1 uuid_bytes:16",
    "NetworkAddress": "- association.2 service_type.5 -:1 network_address_length:2",
    "ExtendedInquiryData": f"""{PAGE}
        activate_microcode.2 spt.3 grd_chk app_chk ref_chk
        -.2 uask_sup group_sup prior_sup headsup ordsup simpsup
        -.4 wu_sup crd_sup nv_sup v_sup
        -.2 no_pi_chk p_i_i_sup -.3 luiclr
        lu_coll_type.3 r_sup rtd_sup - hssrelef cbcs
        -.4 multi_i_t_nexus_microcode_download.4
        extended_self_test_completion_minutes:2
        poa_sup hra_sup vsa_sup dms_valid -.4
        maximum_supported_sense_data_length:1
        ibs ias -.3 sac nrd1 nrd0
        maximum_inquiry_change_logs:2 maximum_mode_page_change_logs:2
        dm_md_4 dm_md_5 dm_md_6 dm_md_7 dm_md_d dm_md_e dm_md_f - -:44""",
    "ModePagePolicyEntry": "-.2 policy_page_code.6 policy_subpage_code:1 mlus -.5 mode_page_policy.2 -:1",
    "ScsiPort": "-:2 relative_port_identifier:2 -:2 initiator_port_transportid_length:2",
    "AtaInformation": f"""{PAGE} -:4 sat_vendor_identification:8 sat_product_identification:16
        sat_product_revision_level:4 device_signature:20 command_code:1 -:3 identify_data:512""",
    "BlockLimits": f"""{PAGE} -.7 wsnz maximum_compare_and_write_length:1
        optimal_transfer_length_granularity:2
        maximum_transfer_length:4 optimal_transfer_length:4 maximum_prefetch_length:4
        maximum_unmap_lba_count:4 maximum_unmap_block_descriptor_count:4
        optimal_unmap_granularity:4 ugavalid unmap_granularity_alignment.31
        maximum_write_same_length:8
        maximum_atomic_transfer_length:4 atomic_alignment:4 atomic_transfer_length_granularity:4
        maximum_atomic_transfer_length_with_atomic_boundary:4 maximum_atomic_boundary_size:4""",
    "BlockDeviceCharacteristics": f"""{PAGE} medium_rotation_rate:2 product_type:1
        wabereq.2 wacereq.2 nominal_form_factor.4
        - mact zoned.2 rbwz bocs fuab vbuls -:3 depopulation_time:4 -:48""",
    "LogicalBlockProvisioning": f"""{PAGE} threshold_exponent:1
        lbpu lbpws lbpws10 lbprz.3 anc_sup dp
        minimum_percentage.5 provisioning_type.3 threshold_percentage:1""",
    "PowerConditions": f"{PAGE} -.6 standby_y standby_z -.5 idle_c idle_b idle_a stopped_condition_recovery_time:2 "
    "standby_z_condition_recovery_time:2 standby_y_condition_recovery_time:2 idle_a_condition_recovery_time:2 "
    "idle_b_condition_recovery_time:2 idle_c_condition_recovery_time:2",
    "Referrals": f"{PAGE} -:4 user_data_segment_size:4 user_data_segment_multiplier:4",
    "BlockLengthProtection": """logical_block_length:4
        - p_i_i_sup -.2 no_pi_chk grd_chk app_chk ref_chk -.4 t3ps t2ps t1ps t0ps -:2""",
}


@pytest.mark.parametrize("page", [0x00, 0x80, 0x83, 0x85, 0x86, 0x87, 0x88, 0x89, 0xB0, 0xB2, 0xB4, 0xC0])
@settings(max_examples=60)
@given(length=st.integers(0, 80), body=noise)
def test_any_page(page: int, length: int, body: bytes) -> None:
    check_view(inquiry.parse_vpd(bytes([0, page]) + length.to_bytes(2, "big") + body))


@settings(max_examples=200)
@given(data=noise)
def test_any_designator(data: bytes) -> None:
    try:
        view = inquiry.parse_designator(data)
    except TruncatedError:
        assert len(data) < 4
        return
    check_view(view)


# ---------------------------------------------------------------------------------------------
# Standard INQUIRY data
# ---------------------------------------------------------------------------------------------


def test_standard_inquiry() -> None:
    made = inquiry.Inquiry.build(
        version=6, vendor="SCST_FIO", product="disk0", revision="3110", cmdque=1, hisup=1
    )
    assert bytes(made) == bytes.fromhex("0000 06 12 1f 000002") + b"SCST_FIOdisk0           3110"
    assert (made.vendor, made.product, made.revision) == ("SCST_FIO", "disk0", "3110")
    assert made.connected
    assert made.problems() == []
    assert len(inquiry.Inquiry.build()) == 36
    assert inquiry.Inquiry.build().vendor == ""


def test_inquiry_grows_with_its_fields() -> None:
    made = inquiry.Inquiry.build(vendor="IBM", version_descriptors=(0x008B, 0x0463))
    assert len(made) == 74
    assert made.additional_length == 69
    assert bytes(made)[58:64] == bytes.fromhex("008b04630000")
    assert bytes(made)[8:32] == b"IBM".ljust(24)
    assert len(inquiry.Inquiry.build(vendor_specific=b"x" * 20)) == 56


def test_inquiry_vendor_specific_parameters() -> None:
    made = inquiry.Inquiry.build(vendor="IBM", vendor_specific_parameters=b"more")
    assert len(made) == 100
    assert made.additional_length == 95
    assert bytes(made.vendor_specific_parameters) == b"more"
    assert made.vendor == "IBM"
    assert bytes(inquiry.Inquiry.build(**made.to_dict())) == bytes(made)
    assert bytes(inquiry.Inquiry.build().vendor_specific_parameters) == b""


@pytest.mark.parametrize("have", range(5, 36))
def test_short_inquiry_reads_as_far_as_it_goes(have: int) -> None:
    data = bytes(inquiry.Inquiry.build(peripheral_device_type=5, vendor="QEMU", product="CD"))[:have]
    view = inquiry.Inquiry(data)
    assert view.peripheral_device_type is PeripheralDeviceType.CD_DVD
    if have < 16:
        with pytest.raises(DecodeError):
            _ = view.vendor
    else:
        assert view.vendor == "QEMU"
    assert bytes(inquiry.Inquiry.build(**view.to_dict())) == data
    assert [p.field for p in view.problems()] == ["payload"]


def test_inquiry_edited_in_place() -> None:
    buf = bytearray(inquiry.Inquiry.build(vendor="A"))
    inquiry.Inquiry(buf).vendor = "LONGNAME"
    assert buf[8:16] == b"LONGNAME"


def test_bytes_behind_additional_length_are_trailing() -> None:
    data = bytes(inquiry.Inquiry.build(vendor="A")) + b"junk"
    view = inquiry.Inquiry(data)
    assert bytes(view.trailing) == b"junk"
    assert bytes(view.trim()) == data[:36]
    assert view.to_dict()["trailing"] == b"junk"


# ---------------------------------------------------------------------------------------------
# VPD pages
# ---------------------------------------------------------------------------------------------


def page_of(code: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0, code, len(body)) + body


def test_supported_pages() -> None:
    made = inquiry.SupportedVpdPages.build(pages=[0, 0x80, VpdPage.BLOCK_LIMITS, 0xC0])
    assert bytes(made) == page_of(0, bytes.fromhex("0080b0c0"))
    assert made.pages == [VpdPage.SUPPORTED_VPD_PAGES, VpdPage.UNIT_SERIAL_NUMBER, VpdPage.BLOCK_LIMITS, 0xC0]
    assert made.problems() == []
    wrong = inquiry.SupportedVpdPages.build(pages=[0x80, 0])
    assert [p.field for p in wrong.problems()] == ["supported_page_list"]


def test_serial_number() -> None:
    made = inquiry.UnitSerialNumber.build(serial="IBM-VSCSI-1-0-0\n")
    assert bytes(made) == page_of(0x80, b"IBM-VSCSI-1-0-0\n")
    assert inquiry.parse_vpd(page_of(0x80, b"  42  ")).serial == "42"


DESIGNATORS = [
    ("VendorSpecificDesignator", "02 00 00 04 61626364"),
    ("T10VendorDesignator", "02 01 00 0b 49424d2020202020 414243"),
    ("Eui64Designator", "01 02 00 08 000c50 1122334455"),
    ("Eui64Designator12", "01 02 00 0c 000c50 1122334455 01020304"),
    ("Eui64Designator16", "01 02 00 10 0102030405060708 000c50 1122334455"),
    ("Designator", "01 02 00 05 000c501122"),
    ("Naa2Designator", "01 03 00 08 2abc 000c50 112233"),
    ("Naa3Designator", "01 03 00 08 3123456789abcdef"),
    ("Naa5Designator", "61 93 00 08 5000c500a1b2c3d4"),
    ("Naa6Designator", "01 03 00 10 6000c500a1b2c3d4 1122334455667788"),
    ("Designator", "01 03 00 08 f000000000000000"),
    ("RelativeTargetPortDesignator", "01 14 00 04 00000001"),
    ("TargetPortGroupDesignator", "01 15 00 04 00000002"),
    ("LogicalUnitGroupDesignator", "01 06 00 04 00000003"),
    ("Md5Designator", "01 07 00 10" + bytes(range(16)).hex()),
    ("ScsiNameDesignator", "03 28 00 08 69716e2e61000000"),
    ("ProtocolSpecificPortDesignator", "91 99 00 04 05000100"),
    ("UuidDesignator", "01 0a 00 12 1000" + bytes(range(16)).hex()),
    ("Designator", "01 0b 00 02 ffff"),
]


def test_designators() -> None:
    body = bytes.fromhex("".join(text for _, text in DESIGNATORS))
    view = inquiry.parse_vpd(page_of(0x83, body))
    assert [type(d).__name__ for d in view.designators] == [name for name, _ in DESIGNATORS]
    assert [bytes(d) for d in view.designators] == [bytes.fromhex(text) for _, text in DESIGNATORS]
    assert bytes(type(view).build(**view.to_dict())) == bytes(view)
    assert [(p.field, p.message) for p in view.problems()] == [
        ("designators.designator_type", "0xb is not assigned in DesignatorType")
    ]
    found = {type(d).__name__: d for d in view.designators}
    assert found["Naa5Designator"].ieee_company_id == 0x000C50
    assert found["Naa5Designator"].vendor_specific_identifier == 0x0A1B2C3D4
    assert found["T10VendorDesignator"].t10_vendor_identification == "IBM"
    assert found["T10VendorDesignator"].vendor_specific_identifier == "ABC"
    assert found["ScsiNameDesignator"].name == "iqn.a"
    assert found["UuidDesignator"].uuid == uuid.UUID(bytes=bytes(range(16)))
    assert found["Naa2Designator"].vendor_specific_identifier_a == 0xABC


def test_build_designators() -> None:
    made = [
        inquiry.T10VendorDesignator.build(t10_vendor_identification="IBM", vendor_specific_identifier="ABC"),
        inquiry.ScsiNameDesignator.build(name="iqn.a", association=2),
        inquiry.RelativeTargetPortDesignator.build(association=1, relative_target_port_identifier=1),
        inquiry.Naa5Designator.build(ieee_company_id=0xC50, vendor_specific_identifier=0xA1B2C3D4),
    ]
    texts = dict(DESIGNATORS)
    assert bytes(made[0]) == bytes.fromhex(texts["T10VendorDesignator"])
    assert bytes(made[1]) == bytes.fromhex(texts["ScsiNameDesignator"])
    assert bytes(made[2]) == bytes.fromhex(texts["RelativeTargetPortDesignator"])
    assert bytes(made[3])[4:] == bytes.fromhex("5000c500a1b2c3d4")
    page = inquiry.DeviceIdentification.build(designators=made)
    assert bytes(page) == page_of(0x83, b"".join(map(bytes, made)))
    assert page.problems() == []


def test_a_designator_too_short_for_its_table_does_not_eat_the_next() -> None:
    body = bytes.fromhex("01 14 00 02 0000" + "01 15 00 04 00000002")
    short, group = inquiry.parse_vpd(page_of(0x83, body)).designators
    assert type(short) is inquiry.Designator
    assert group.target_port_group == 2


def test_network_addresses_and_policies() -> None:
    page = inquiry.ManagementNetworkAddresses.build(
        descriptors=[{"service_type": 1, "network_address": b"http://a\0\0\0\0"}]
    )
    assert bytes(page) == page_of(0x85, bytes.fromhex("0100000c") + b"http://a\0\0\0\0")
    assert page.descriptors[0].url == "http://a"
    policy = inquiry.ModePagePolicy.build(
        descriptors=[{"policy_page_code": 0x3F, "policy_subpage_code": 0xFF}]
    )
    assert bytes(policy) == page_of(0x87, bytes.fromhex("3fff0000"))


def test_scsi_ports() -> None:
    name = bytes.fromhex("61 93 00 08 5000c500a1b2c3d4")
    initiator = bytes(SrpTransportId.of_unit_address(7))
    body = struct.pack(">HHHHHH", 0, 1, 0, 0, 0, len(name)) + name
    body += struct.pack(">HHHH", 0, 2, 0, 24) + initiator + struct.pack(">HH", 0, 2 * len(name)) + name * 2
    view = inquiry.parse_vpd(page_of(0x88, body))
    first, second = view.ports
    assert (first.relative_port_identifier, len(first.target_port_descriptors)) == (1, 1)
    assert bytes(second.initiator_port_transportid[0]) == initiator
    assert [bytes(d) for d in second.target_port_descriptors] == [name, name]
    assert view.problems() == []
    assert bytes(type(view).build(**view.to_dict())) == bytes(view)
    made = inquiry.ScsiPorts.build(
        ports=[
            inquiry.ScsiPort.build(relative_port_identifier=1, target_port_descriptors=[name]),
            inquiry.ScsiPort.build(
                relative_port_identifier=2,
                initiator_port_transportid=[initiator],
                target_port_descriptors=[name, name],
            ),
        ]
    )
    assert bytes(made) == bytes(view)


@pytest.mark.parametrize(
    ("cls", "size"),
    [
        (inquiry.ExtendedInquiryData, 64),
        (inquiry.AtaInformation, 572),
        (inquiry.BlockLimits, 64),
        (inquiry.BlockDeviceCharacteristics, 64),
        (inquiry.LogicalBlockProvisioning, 8),
        (inquiry.Referrals, 16),
    ],
)
def test_pages_are_built_in_full(cls: Any, size: int) -> None:
    made = cls.build()
    assert len(made) == size
    assert made.page_length == size - 4
    assert made.problems() == []
    assert type(inquiry.parse_vpd(made)) is cls


def test_short_block_limits() -> None:
    view = inquiry.parse_vpd(page_of(0xB0, struct.pack(">BBHII", 0, 0, 8, 256, 64)))
    assert view.maximum_transfer_length == 256
    with pytest.raises(DecodeError):
        _ = view.maximum_prefetch_length
    assert view.problems() == []


def test_provisioning_group() -> None:
    naa = bytes.fromhex("01 03 00 08 5000c500a1b2c3d4")
    view = inquiry.parse_vpd(page_of(0xB2, bytes.fromhex("00810200") + naa))
    assert view.lbpu
    assert bytes(view.provisioning_group) == naa
    assert bytes(type(view).build(**view.to_dict())) == bytes(view)
    assert inquiry.LogicalBlockProvisioning.build().provisioning_group is None
    with pytest.raises(DecodeError):
        _ = inquiry.LogicalBlockProvisioning.build(dp=1).provisioning_group


def test_block_lengths() -> None:
    page = inquiry.SupportedBlockLengths.build(descriptors=[{"logical_block_length": 4096, "t0ps": 1}])
    assert bytes(page) == page_of(0xB4, bytes.fromhex("00001000 00 01 0000"))


def test_unknown_page() -> None:
    view = inquiry.parse_vpd(page_of(0xC0, b"abc") + b"\0")
    assert type(view) is inquiry.UnknownVpd
    assert bytes(view.payload) == b"abc"
    assert bytes(view.trailing) == b"\0"


# ---------------------------------------------------------------------------------------------
# Real data
# ---------------------------------------------------------------------------------------------


def test_captured_inquiry() -> None:
    records = data_records("of INQUIRY:")
    assert len(records) > 50
    for note, data in records:
        view = inquiry.Inquiry(data)
        check_capture(view, data)
        assert f"ver={view.version:02x}" in note
        if len(data) >= 36:
            assert view.vendor == "QEMU"
            assert f"product='{view.product}" in note


def test_captured_pages() -> None:
    records = data_records("INQUIRY VPD")
    assert len(records) > 50
    seen = set()
    for note, data in records:
        view = inquiry.parse_vpd(data)
        check_capture(view, data)
        assert f"VPD {view.page_code:02x}" in note
        seen.add(type(view).__name__)
        if isinstance(view, inquiry.UnitSerialNumber):
            assert f"serial '{view.serial}'" in note
    assert seen >= {"SupportedVpdPages", "UnitSerialNumber", "DeviceIdentification", "BlockLimits",
                    "BlockDeviceCharacteristics", "LogicalBlockProvisioning"}  # fmt: skip


def test_a_protocol_is_shown_where_piv_says_that_there_is_one() -> None:
    """SPC-5, 7.7.6.1: without PIV the field is reserved."""
    one = inquiry.RelativeTargetPortDesignator.build(relative_target_port_identifier=1)
    assert "protocol_identifier" not in str(one.show())
    one.piv = True
    assert "protocol_identifier" in str(one.show())
    one.piv, one.protocol_identifier = False, 4
    assert "protocol_identifier" in str(one.show()), "though it may not be there"
    page = inquiry.DeviceIdentification.build(designators=[inquiry.Designator(bytes(one)[:8])])
    assert "protocol_identifier" in str(page.show())


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (inquiry.Inquiry, {"vendor": "IBM", "vendor_specific_parameters": b"more"}),
        (inquiry.UnitSerialNumber, {"serial": "A1"}),
        (inquiry.SupportedVpdPages, {"pages": [0, 0x83]}),
        (inquiry.ScsiNameDesignator, {"name": "iqn.2026-01.x:y"}),
        (
            inquiry.T10VendorDesignator,
            {"t10_vendor_identification": "IBM", "vendor_specific_identifier": "x"},
        ),
    ],
)
def test_what_only_build_knew(kind: Any, fields: dict[str, Any]) -> None:
    """A class with a build of its own packs what that makes."""
    room, made = bytearray(200), bytes(kind.build(**fields))
    assert kind.pack_into(room, 7, **fields) == len(made)
    assert room == bytes(7) + made + bytes(193 - len(made))
    with pytest.raises(EncodeError, match="do not fit at offset 199 of 200"):
        kind.pack_into(room, 199, **fields)
