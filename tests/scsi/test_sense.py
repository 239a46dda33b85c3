"""Sense data against the standards' tables, by hand-made bytes, and on real data."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layouts import (
    CAPTURES,
    check_capture,
    check_view,
    data_records,
    noise,
)
from pysrp import srp
from pysrp.errors import DecodeError, EncodeError, TruncatedError
from pysrp.scsi import sense as module
from pysrp.scsi.codes import SenseKey, Status
from pysrp.scsi.sense import (
    ActualRetryCount,
    FieldPointer,
    ProgressIndication,
    SegmentPointer,
    parse_sense,
    sense,
)

HEAD = "descriptor_type:1 additional_length:1"

TABLES: dict[str, str] = {
    "FixedSense": """valid response_code.7 segment_number:1 filemark eom ili sdat_ovfl sense_key.4 info:4
        additional_sense_length:1 command_specific_information:4 asc:1 ascq:1
        field_replaceable_unit_code:1 sksv sense_key_specific.23""",
    "DescriptorSense": """- response_code.7 -.4 sense_key.4 asc:1 ascq:1 sdat_ovfl -.7 -:2
        additional_sense_length:1""",
    "SenseKeySpecific": "sksv value.23",
    "FieldPointer": "sksv c_d -.2 bpv bit_pointer.3 field_pointer:2",
    "ActualRetryCount": "sksv -.7 actual_retry_count:2",
    "ProgressIndication": "sksv -.7 progress_indication:2",
    "SegmentPointer": "sksv - sd - bpv bit_pointer.3 field_pointer:2",
    "UnitAttentionOverflow": "sksv -.6 overflow -:2",
    "SenseDescriptor": HEAD,
    "UnknownSenseDescriptor": HEAD,
    "InformationDescriptor": f"{HEAD} valid -.7 -:1 information:8",
    "CommandSpecificDescriptor": f"{HEAD} -:2 command_specific_information:8",
    "SenseKeySpecificDescriptor": f"{HEAD} -:2 sksv sense_key_specific.23 -:1",
    "FruDescriptor": f"{HEAD} -:1 field_replaceable_unit_code:1",
    "StreamCommandsDescriptor": f"{HEAD} -:1 filemark eom ili -.5",
    "BlockCommandsDescriptor": f"{HEAD} -:1 -.2 ili -.5",
    "OsdObjectDescriptor": f"""{HEAD} -:6 not_initiated_command_functions:4 completed_command_functions:4
        partition_id:8 object_id:8""",
    "OsdIntegrityCheckDescriptor": f"{HEAD} response_integrity_check_value:32",
    "OsdAttribute": "attributes_page:4 attribute_number:4",
    "OsdAttributeDescriptor": f"{HEAD} -:2",
    "AtaStatusReturnDescriptor": f"""{HEAD} -.7 extend error:1 count:2 lba_31_24:1 lba_7_0:1 lba_39_32:1
        lba_15_8:1 lba_47_40:1 lba_23_16:1 device:1 status:1""",
    "AnotherProgressDescriptor": f"""{HEAD} another_sense_key:1 another_additional_sense_code:1
        another_additional_sense_code_qualifier:1 -:1 another_progress_indication:2""",
    "SenseTargetPortGroup": "-.4 asymmetric_access_state.4 -:1 target_port_group:2",
    "UserDataSegment": """-:3 number_of_target_port_group_descriptors:1
        first_user_data_segment_lba:8 last_user_data_segment_lba:8""",
    "UserDataSegmentReferralDescriptor": f"{HEAD} -.7 not_all_r -:1",
    "ForwardedSenseDescriptor": f"{HEAD} fsdt -.3 sense_data_source.4 forwarded_status:1",
    "DirectAccessBlockDescriptor": f"""{HEAD} valid - ili -.5 -:1 sksv sense_key_specific.23
        field_replaceable_unit_code:1 information:8 command_specific_information:8""",
    "DeviceDesignationDescriptor": f"{HEAD} -:1 -.4 descriptor_usage_reason.4",
    "MicrocodeActivationDescriptor": f"{HEAD} -:4 microcode_activation_time:2",
}


@settings(max_examples=400)
@given(code=st.integers(0x70, 0x73), data=noise)
def test_any_sense_data(code: int, data: bytes) -> None:
    try:
        view = parse_sense(bytes([code]) + data)
    except TruncatedError:
        assert len(data) < 7
        return
    check_view(view)


# ---------------------------------------------------------------------------------------------
# What parse_sense does with what is none, or not all there
# ---------------------------------------------------------------------------------------------


def test_no_sense_data_is_a_decode_error() -> None:
    with pytest.raises(DecodeError):
        parse_sense(b"")


@pytest.mark.parametrize("code", [0x00, 0x6F, 0x74, 0x7E, 0x7F])
def test_other_response_codes_are_decode_errors(code: int) -> None:
    with pytest.raises(DecodeError, match="response code"):
        parse_sense(bytes([code]) + bytes(17))


@pytest.mark.parametrize("have", range(19))
def test_short_fixed_sense_reads_as_far_as_it_goes(have: int) -> None:
    whole = bytes(sense(5, 0x24, 1, sks=FieldPointer.at("cdb", 2), fru=9, information=7, command_specific=8))
    if have < 8:
        with pytest.raises(DecodeError):
            parse_sense(whole[:have])
        return
    view = parse_sense(whole[:have])
    assert (view.sense_key, view.information, view.deferred) == (SenseKey.ILLEGAL_REQUEST, 7, False)
    assert view.command_specific == (8 if have >= 12 else None)
    assert view.fru == (9 if have >= 15 else None)
    assert (view.sks is None) == (have < 18)
    if have < 13:
        with pytest.raises(DecodeError):
            _ = view.asc
    assert view.text.startswith("ILLEGAL REQUEST")
    assert bytes(type(view).build(**view.to_dict())) == whole[:have]
    assert bool(view.problems()) == (have < 18)


def test_additional_sense_length_too_small_is_a_problem() -> None:
    view = parse_sense(b"\x70\0\x05\0\0\0\0\0" + bytes(10))
    assert [p.field for p in view.problems()] == ["additional_sense_length"]


def test_additional_sense_bytes() -> None:
    data = b"\x70\0\x05\0\0\0\0\x0e" + bytes(10) + b"more" + b"\0\0"
    view = parse_sense(data)
    assert bytes(view.additional_sense_bytes) == b"more"
    assert bytes(view.trailing) == b"\0\0"
    assert bytes(type(view).build(**view.to_dict())) == data


# ---------------------------------------------------------------------------------------------
# Both formats answer alike
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", ["fixed", "descriptor"])
@pytest.mark.parametrize(
    ("key", "asc", "sks", "said"),
    [
        (5, 0x24, FieldPointer.at("cdb", 2), "ILLEGAL REQUEST, Invalid field in cdb: byte 2 of the CDB"),
        (5, 0x26, FieldPointer.at("data", 9, 3), ": byte 9, bit 3 of the data-out"),
        (2, 0x04, ProgressIndication.build(sksv=True, progress_indication=0x8000), ": 50 % done"),
        (
            3,
            0x11,
            ActualRetryCount.build(sksv=True, actual_retry_count=7),
            "MEDIUM ERROR, Unrecovered read error",
        ),
        (5, 0x24, None, "ILLEGAL REQUEST, Invalid field in cdb"),
    ],
)
def test_what_the_specific_bytes_add(fmt: Any, key: int, asc: int, sks: Any, said: str) -> None:
    view = sense(key, asc, 0, sks=sks, fmt=fmt)
    assert view.explanation == (view.text + said if said[0] == ":" else said)


FORMATS = pytest.mark.parametrize("fmt", ["fixed", "descriptor"])


@FORMATS
@settings(max_examples=100)
@given(
    key=st.integers(0, 15),
    asc=st.integers(0, 255),
    ascq=st.integers(0, 255),
    deferred=st.booleans(),
    information=st.none() | st.integers(0, 2**32 - 1),
    command_specific=st.integers(0, 2**32 - 1),
    fru=st.integers(0, 255),
    ili=st.booleans(),
    eom=st.booleans(),
    filemark=st.booleans(),
)
def test_uniform(fmt: Any, key: int, asc: int, ascq: int, deferred: bool, **given_values: Any) -> None:
    made = sense(key, asc, ascq, fmt=fmt, deferred=deferred, **given_values)
    view = parse_sense(bytes(made))
    assert (view.sense_key, view.asc, view.ascq, view.deferred) == (key, asc, ascq, deferred)
    for name, value in given_values.items():
        assert getattr(view, name) == value, name
    assert view.sks is None
    assert view.response_code == {"fixed": 0x70, "descriptor": 0x72}[fmt] + deferred
    assert view.problems() == [] or key == 0xC
    assert isinstance(view.text, str)
    if fmt == "fixed":
        assert len(made) == 18
        assert bytes(made)[7] == 10


@FORMATS
@pytest.mark.parametrize(
    ("key", "given", "name", "wanted"),
    [
        (5, FieldPointer.at("cdb", 2), "FieldPointer", "c0 0002"),
        (5, FieldPointer.at("data", 0x1234), "FieldPointer", "80 1234"),
        (5, FieldPointer.at("cdb", 1, 4), "FieldPointer", "cc 0001"),
        (5, FieldPointer.at("cdb", 1, 0), "FieldPointer", "c8 0001"),
        (5, {"field_pointer": 2, "c_d": True}, "FieldPointer", "c0 0002"),
        (2, {"progress_indication": 0x8000}, "ProgressIndication", "80 8000"),
        (0, {"progress_indication": 1}, "ProgressIndication", "80 0001"),
        (3, {"actual_retry_count": 7}, "ActualRetryCount", "80 0007"),
        (1, {"actual_retry_count": 7}, "ActualRetryCount", "80 0007"),
        (4, {"sksv": False, "actual_retry_count": 0xFFFF}, "ActualRetryCount", "80 ffff"),
        (6, {"overflow": True}, "UnitAttentionOverflow", "81 0000"),
        (6, {}, "UnitAttentionOverflow", "80 0000"),
        (10, SegmentPointer.at(16), "SegmentPointer", "80 0010"),
        (10, SegmentPointer.at(16, 3), "SegmentPointer", "8b 0010"),
        (10, SegmentPointer.at(16, descriptor=True), "SegmentPointer", "a0 0010"),
        (11, {"value": 5}, "SenseKeySpecific", "80 0005"),
        (11, b"\0\0\5", "SenseKeySpecific", "80 0005"),
    ],
)
def test_sense_key_specific(fmt: Any, key: int, given: Any, name: str, wanted: str) -> None:
    made = sense(key, fmt=fmt, sks=given)
    raw = bytes.fromhex(wanted)
    assert bytes(made)[15:18] == raw if fmt == "fixed" else bytes(made)[8:16] == b"\x02\x06\0\0" + raw + b"\0"
    assert type(made.sks).__name__ == name
    assert bytes(made.sks) == raw
    assert made.problems() == []
    assert (
        bytes(sense(key, fmt=fmt, sks=made.sks))
        == bytes(sense(key, fmt=fmt, sks=made.sks.to_dict()))
        == bytes(made)
    )


@FORMATS
@pytest.mark.parametrize(
    ("key", "older", "better"),
    [
        (5, {"field_pointer": ("cdb", 2)}, FieldPointer.at("cdb", 2)),
        (5, {"field_pointer": ("data", 0x1234, None)}, FieldPointer.at("data", 0x1234)),
        (5, {"field_pointer": ("cdb", 1, 4)}, FieldPointer.at("cdb", 1, 4)),
        (2, {"progress": 0x8000}, {"progress_indication": 0x8000}),
        (3, {"retries": 7}, {"actual_retry_count": 7}),
        (6, {"overflow": True}, {"overflow": True}),
        (6, {"overflow": False}, {"overflow": False}),
        (10, {"segment_pointer": 16}, SegmentPointer.at(16)),
        (10, {"segment_pointer": (16, 3)}, SegmentPointer.at(16, 3)),
        (11, {"retries": 5}, b"\x80\0\5"),
    ],
)
def test_keywords_of_before_say_what_is_better(
    fmt: Any, key: int, older: dict[str, Any], better: Any
) -> None:
    with pytest.warns(DeprecationWarning, match=rf"sense\({next(iter(older))}=...\): write sks=") as told:
        made = sense(key, fmt=fmt, **older)
    assert told[0].filename == __file__
    assert bytes(made) == bytes(sense(key, fmt=fmt, sks=better))
    assert bytes(sense(key, fmt=fmt, **dict.fromkeys(older))) == bytes(sense(key, fmt=fmt))


def test_sks_is_a_view() -> None:
    made = sense(5, 0x24, sks=FieldPointer.at("cdb", 2))
    made.sks.field_pointer = 9
    assert bytes(made)[15:18] == b"\xc0\0\x09"


def test_text() -> None:
    assert sense(5, 0x24, 0).text.lower() == "illegal request, invalid field in cdb"
    assert sense(6, 0x29, 0, fmt="descriptor").text.startswith("UNIT ATTENTION, ")
    assert sense(12, 0, 0).text.startswith("SENSE KEY Ch, ")


def test_what_the_fixed_format_has_no_room_for() -> None:
    made = sense(3, 0x11, information=1 << 32, command_specific=1 << 40)
    assert bytes(made) == bytes.fromhex("70000300000000 0a 00000000 1100 00 000000")
    assert (made.information, made.command_specific) == (None, 0)
    long = sense(3, 0x11, information=1 << 32, command_specific=1 << 40, fmt="descriptor")
    assert (long.information, long.command_specific) == (1 << 32, 1 << 40)


def test_refused() -> None:
    with pytest.raises(ValueError, match="kinds"):
        sense(5, sks=b"abc", progress=1)
    with pytest.raises(ValueError, match="2 bytes"):
        sense(5, sks=b"ab")
    with pytest.raises(TypeError, match="no keyword filemarks"):
        sense(5, filemarks=True)
    with pytest.raises(TypeError, match="no field 'progress'"):
        sense(2, sks={"progress": 1})
    with pytest.raises(ValueError, match="descriptors"):
        sense(5, descriptors=[b"\x80\x00"])
    with pytest.raises(ValueError, match="fmt"):
        sense(5, fmt="long")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cdb"):
        FieldPointer.at("CDB", 1)  # type: ignore[arg-type]
    with pytest.raises(EncodeError):
        sense(16)
    with pytest.raises(EncodeError):
        FieldPointer.at("cdb", 65536)


def test_scst_and_qemu_make_the_same() -> None:
    assert bytes(sense(5, 0x24)) == bytes.fromhex("70000500000000 0a 00000000 2400 00 000000")
    assert bytes(sense(5, 0x20, fmt="descriptor")) == bytes.fromhex("7205200000000000")


# ---------------------------------------------------------------------------------------------
# Descriptors
# ---------------------------------------------------------------------------------------------

DESCRIPTORS = {
    "InformationDescriptor": "00 0a 80 00 0000000000000007",
    "CommandSpecificDescriptor": "01 0a 00 00 0000000000000008",
    "SenseKeySpecificDescriptor": "02 06 0000 c00002 00",
    "FruDescriptor": "03 02 00 09",
    "StreamCommandsDescriptor": "04 02 00 a0",
    "BlockCommandsDescriptor": "05 02 00 20",
    "OsdObjectDescriptor": "06 1e" + "00" * 6 + "00000001 00000002 0000000000010000 0000000000010001",
    "OsdIntegrityCheckDescriptor": "07 20" + bytes(range(32)).hex(),
    "OsdAttributeDescriptor": "08 0a 0000 00000001 00000002",
    "AtaStatusReturnDescriptor": "09 0c 01 04 0001 04 01 05 02 06 03 40 51",
    "AnotherProgressDescriptor": "0a 06 02 04 07 00 8000",
    "UserDataSegmentReferralDescriptor": "0b 1a 01 00 000000 01 0000000000000010 000000000000001f 02 00 0003",
    "ForwardedSenseDescriptor": "0c 14 01 02" + bytes(sense(3, 0x11)).hex(),
    "DirectAccessBlockDescriptor": "0d 16 80 00 800005 09 0000000100000000 0000000200000000",
    "DeviceDesignationDescriptor": "0e 0e 00 01 01 03 00 08 5000c500a1b2c3d4",
    "MicrocodeActivationDescriptor": "0f 06 00000000 003c",
    "UnknownSenseDescriptor": "80 03 616263",
}


def test_descriptors() -> None:
    body = bytes.fromhex("".join(DESCRIPTORS.values()))
    data = struct.pack(">BBBB3xB", 0x72, 3, 0x11, 0, len(body) & 0xFF) + body
    assert len(body) < 256
    view = parse_sense(data)
    assert [type(d).__name__ for d in view.descriptors] == list(DESCRIPTORS)
    assert [bytes(d) for d in view.descriptors] == [bytes.fromhex(text) for text in DESCRIPTORS.values()]
    assert bytes(type(view).build(**view.to_dict())) == data
    assert {(p.field, p.message) for p in view.problems()} == {
        ("descriptors.descriptor_type", "0x80 is not assigned in DescriptorType"),
    }
    found = {type(d).__name__: d for d in view.descriptors}
    assert found["AtaStatusReturnDescriptor"].lba == 0x060504030201
    referral = found["UserDataSegmentReferralDescriptor"]
    assert referral.not_all_r
    assert referral.referrals[0].last_user_data_segment_lba == 0x1F
    assert referral.referrals[0].target_port_groups[0].target_port_group == 3
    forwarded = found["ForwardedSenseDescriptor"]
    assert forwarded.forwarded_status is Status.CHECK_CONDITION
    assert (forwarded.forwarded.sense_key, forwarded.forwarded.asc) == (SenseKey.MEDIUM_ERROR, 0x11)
    assert found["OsdAttributeDescriptor"].attributes[0].attribute_number == 2
    assert found["DeviceDesignationDescriptor"].designation_descriptor[0].ieee_company_id == 0xC50
    assert view.descriptor(module.FruDescriptor).field_replaceable_unit_code == 9
    assert sense(5, fmt="descriptor").descriptor(module.FruDescriptor) is None


def test_direct_access_block_descriptor_stands_for_five() -> None:
    block = bytes.fromhex(DESCRIPTORS["DirectAccessBlockDescriptor"])
    view = sense(3, 0x11, fmt="descriptor", descriptors=[block])
    assert (view.information, view.command_specific, view.fru) == (1 << 32, 2 << 32, 9)
    assert view.sks.actual_retry_count == 5
    assert view.problems() == []


def test_information_without_valid() -> None:
    made = sense(3, fmt="descriptor", descriptors=[module.InformationDescriptor.build(information=9)])
    assert made.information is None
    fixed = module.FixedSense.build(sense_key=3, info=9)
    assert (fixed.information, fixed.info) == (None, 9)


@pytest.mark.parametrize("name", list(DESCRIPTORS)[:6])
def test_descriptors_are_built_in_full(name: str) -> None:
    made = getattr(module, name).build()
    assert len(made) == len(bytes.fromhex(DESCRIPTORS[name]))
    assert made.additional_length == len(made) - 2
    assert made.problems() == []


def test_descriptor_with_a_wrong_length_is_a_problem() -> None:
    data = bytes.fromhex("7205240000000008") + bytes.fromhex("03 06 00 09 00000000")
    assert [p.field for p in parse_sense(data).problems()] == ["descriptors.additional_length"]


def test_a_short_descriptor_does_not_eat_the_next() -> None:
    data = bytes.fromhex("7205240000000007") + bytes.fromhex("00 01 80") + bytes.fromhex("03 02 00 09")
    short, fru = parse_sense(data).descriptors
    assert bytes(short) == b"\0\x01\x80"
    assert fru.field_replaceable_unit_code == 9


# ---------------------------------------------------------------------------------------------
# Real data
# ---------------------------------------------------------------------------------------------


def test_captured_sense() -> None:
    found = 0
    for path in sorted(CAPTURES.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record["what"] != "iu" or not record["hex"].startswith("c1"):
                continue
            iu = srp.parse(bytes.fromhex(record["hex"]))
            if not len(iu.sense):
                continue
            view = parse_sense(iu.sense)
            check_capture(view, bytes(iu.sense))
            assert f"key={view.sense_key:x} asc/ascq={view.asc:02x}/{view.ascq:02x}" in record["note"]
            found += 1
    assert found > 30


def test_captured_request_sense() -> None:
    records = data_records("of REQUEST SENSE")
    assert len(records) >= 3
    for note, data in records:
        view = parse_sense(data)
        check_capture(view, data)
        assert ("desc" in note) == isinstance(view, module.DescriptorSense)
