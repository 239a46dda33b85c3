"""Management datagrams and the buffers they point to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysrp import mad
from pysrp.errors import DecodeError, TruncatedError


def test_lengths_are_those_of_the_table() -> None:
    lengths = {cls: cls.build().length for cls in mad.mads.classes()}
    assert lengths[mad.AdapterInfo] == 148 == mad.AdapterInfoData.SIZE
    assert lengths[mad.Capabilities] == 92
    assert lengths[mad.EnableFastFail] == 16 == len(mad.EnableFastFail.build())
    assert lengths[mad.TapePassthrough] == 32
    assert lengths[mad.PhysAdapterInfo] == 528 == mad.PhysAdapterInfoData.SIZE


def test_an_answer_may_be_the_header_alone() -> None:
    answer = mad.parse(bytes(mad.AdapterInfo.build(tag=5, status=mad.MadStatus.NOT_SUPPORTED))[:16])
    assert (answer.status, answer.tag) == (mad.MadStatus.NOT_SUPPORTED, 5)
    assert answer.problems() == []
    with pytest.raises(DecodeError) as caught:
        _ = answer.buffer
    assert (caught.value.field, caught.value.offset, caught.value.have) == ("buffer", 16, 0)
    with pytest.raises(TruncatedError):
        mad.parse(bytes(15))


def test_unknown_types_give_the_header() -> None:
    datagram = mad.parse(bytes.fromhex("00000abc00f1001000000000000000ff"))
    assert type(datagram) is mad.Mad
    assert (datagram.type, datagram.status) == (0xABC, mad.MadStatus.NOT_SUPPORTED)
    assert [p.field for p in datagram.problems()] == ["type"]


def test_adapter_info_data() -> None:
    data = mad.AdapterInfoData.build(
        partition_name="VIOS3-P6", partition_number=40, os_type=mad.OsType.LINUX, port_max_txu=[67108864]
    )
    assert len(data) == 148
    assert data.srp_version == "16.a"
    assert data.mad_version == 1
    assert data.port_max_txu == (67108864, 0, 0, 0, 0, 0, 0, 0)
    assert bytes(data)[:8] == b"16.a\0\0\0\0"


def test_capability_records_in_any_order() -> None:
    records = [
        mad.ReserveCap.build(server_support=1, type=1),
        mad.MigrationCap.build(server_support=1, ecl=1),
    ]
    data = mad.CapabilitiesData.build(flags=mad.CapFlags.CAP_LIST_SUPPORTED, name="host0", records=records)
    assert len(data) == 92
    assert [type(r) for r in data.records] == [mad.ReserveCap, mad.MigrationCap]
    assert data.migration.ecl == 1
    assert data.reserve.type == 1
    assert data.problems() == []


def test_records_of_other_types_and_lengths() -> None:
    strange = mad.Cap.build(cap_type=77, data=b"12345")
    data = mad.CapabilitiesData.build(
        records=[strange, mad.MigrationCap.build(length=16, data=b"more", ecl=3)]
    )
    assert [len(r) for r in data.records] == [13, 16]
    assert bytes(data.records[0].data) == b"12345"
    assert data.migration.ecl == 3


@pytest.mark.parametrize("length", [200, 0xFFFF])
def test_a_record_longer_than_the_buffer(length: int) -> None:
    data = mad.CapabilitiesData.build(records=bytes(mad.MigrationCap.build(length=length)))
    with pytest.raises(DecodeError) as caught:
        _ = data.records
    assert caught.value.need == length - 12


@pytest.mark.parametrize("length", [0, 4, 11])
def test_a_record_shorter_than_itself_ends_nothing_early(length: int) -> None:
    data = mad.CapabilitiesData.build(records=bytes(mad.MigrationCap.build(length=length)))
    assert len(data.records) == 1
    assert any("at least" in p.message for p in data.problems())


def test_text_that_is_not_clean_text_survives() -> None:
    raw = bytearray(mad.AdapterInfoData.build())
    raw[8:14] = b"ab\0\xffcd"
    data = mad.AdapterInfoData(raw)
    assert data.partition_name == "ab"
    assert bytes(data.raw("partition_name"))[:6] == b"ab\0\xffcd"
    assert mad.AdapterInfoData.build(**data.to_dict()) == mad.AdapterInfoData(bytes(raw))


@given(st.binary(max_size=600))
def test_a_view_or_a_decode_error(raw: bytes) -> None:
    for parse in (
        mad.parse,
        mad.CapabilitiesData,
        mad.ErrorLogData,
        mad.AdapterInfoData,
        mad.PhysAdapterInfoData,
    ):
        try:
            view = parse(raw)
        except DecodeError:
            continue
        for field in view.FIELDS:
            try:
                getattr(view, field.name)
            except DecodeError:
                continue
        view.problems()
        view.show()
        repr(view)
        assert bytes(type(view).build(**view.to_dict())) == raw


def test_codes_are_those_of_viosrp_h() -> None:
    assert {each.name: each.value for each in mad.CapFlags} == {
        "CLIENT_MIGRATED": 0x01,
        "CLIENT_RECONNECT": 0x02,
        "CAP_LIST_SUPPORTED": 0x04,
        "CAP_LIST_DATA": 0x08,
    }
    assert {each.name: each.value for each in mad.CapType} == {
        "MIGRATION_CAPABILITIES": 1,
        "RESERVATION_CAPABILITIES": 2,
    }
