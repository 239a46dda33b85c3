"""Parameter data against the standards' tables (:mod:`layouts`), by hand-made bytes and by real ones."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layouts import check_capture, check_view, data_records, noise
from pysrp.errors import DecodeError
from pysrp.lun import Lun
from pysrp.scsi import cdb, params
from pysrp.scsi.codes import PersistentReserveOutAction, PersistentReserveType, ProvisioningStatus
from pysrp.scsi.data import parse_data_out

# ---------------------------------------------------------------------------------------------
# The tables of SPC-5 and SBC-4
# ---------------------------------------------------------------------------------------------

TRANSPORT = "format_code.2 -.2 protocol_identifier.4"

TABLES: dict[str, str] = {
    "ReadCapacity10": "returned_lba:4 block_length:4",
    "ReadCapacity16": """returned_lba:8 block_length:4
        -.2 rc_basis.2 p_type.3 prot_en
        p_i_exponent.4 lbppbe.4
        lbpme lbprz lowest_aligned_lba.14""",
    "LbaStatus": "lba:8 number_of_logical_blocks:4 -.4 provisioning_status.4 additional_status.8 -:2",
    "GetLbaStatus": "parameter_data_length:4 -:3 -.4 completion_condition.3 rtp",
    "UnmapBlock": "lba:8 number_of_logical_blocks:4 -:4",
    "Unmap": "unmap_data_length:2 unmap_block_descriptor_data_length:2 -:4",
    "LunEntry": "lun:8",
    "ReportLuns": "lun_list_length:4 -:4",
    "TransportId": f"{TRANSPORT} protocol_specific:23",
    "FibreChannelTransportId": f"{TRANSPORT} -:7 n_port_name:8 -:8",
    "ParallelScsiTransportId": f"{TRANSPORT} -:1 scsi_address:2 -:2 relative_target_port_identifier:2 -:16",
    "Ieee1394TransportId": f"{TRANSPORT} -:7 eui64_name:8 -:8",
    "SrpTransportId": f"{TRANSPORT} -:7 initiator_port_identifier:16",
    "IscsiTransportId": f"{TRANSPORT} -:1 additional_length:2",
    "SasTransportId": f"{TRANSPORT} -:3 sas_address:8 -:12",
    "ScsiOverPcieTransportId": f"{TRANSPORT} -:1 routing_id:2 -:20",
    "RegisteredKey": "reservation_key:8",
    "PrKeys": "prgeneration:4 additional_length:4",
    "Reservation": "reservation_key:8 scope_specific_address:4 -:1 scope.4 type.4 extent_length:2",
    "PrReservation": "prgeneration:4 additional_length:4",
    "ReportCapabilities": """length:2
        rlr_c -.2 crh sip_c atp_c - ptpl_c
        tmv allow_commands.3 -.3 ptpl_a
        wr_ex_ar ex_ac_ro wr_ex_ro - ex_ac - wr_ex -
        -.7 ex_ac_ar""",
    "FullStatus": """reservation_key:8 -:4 -.6 all_tg_pt r_holder scope.4 type.4 -:4
        relative_target_port_identifier:2 additional_descriptor_length:4""",
    "PrFullStatus": "prgeneration:4 additional_length:4",
    "PrOut": """reservation_key:8 service_action_reservation_key:8 scope_specific_address:4
        -.4 spec_i_pt all_tg_pt - aptpl -:1 extent_length:2""",
    "PrOutSpecIPt": """reservation_key:8 service_action_reservation_key:8 scope_specific_address:4
        -.4 spec_i_pt all_tg_pt - aptpl -:1 extent_length:2 transportid_parameter_data_length:4""",
    "PrOutMove": """reservation_key:8 service_action_reservation_key:8 -:1 -.6 unreg aptpl
        relative_target_port_identifier:2 transportid_length:4""",
    "TargetPort": "obsolete:2 relative_target_port_identifier:2",
    "TargetPortGroup": """pref rtpg_fmt.3 asymmetric_access_state.4
        t_sup o_sup - lbd_sup u_sup s_sup an_sup ao_sup
        target_port_group:2 -:1 status_code:1 vendor_specific:1 target_port_count:1""",
    "ReportTargetPortGroups": "return_data_length:4",
    "ReportTargetPortGroupsExtended": "return_data_length:4 - rtpg_fmt.3 -.4 implicit_transition_time:1 -:2",
    "SetTargetPortGroup": "-.4 asymmetric_access_state.4 -:1 target_port_group:2",
    "CommandTimeouts": """descriptor_length:2 -:1 command_specific:1
        nominal_command_processing_timeout:4 recommended_command_timeout:4""",
    "CommandDescriptor": """operation_code:1 -:1 service_action:2 -:1
        - rwcdlp mlu.2 cdlp.2 ctdp servactv cdb_length:2""",
    "SupportedCommands": "command_data_length:4",
    "SupportedCommand": "-.7 rwcdlp ctdp mlu.2 cdlp.2 support.3 cdb_size:2",
    "SupportedTaskManagement": """ats atss cacas ctss lurs qts trs wakes
        -.5 qaes qtss itnrs -:1 additional_data_length:1
        -.7 tmftmov -:1 atts atsts cacats ctsts lurts qtts -.2 -.5 qaets qtsts itnrts
        long_timeout:4 short_timeout:4""",
    "IdentifyingInformation": "-:2 identifying_information_length:2",
    "SupportedInformation": "-:2 page_length:2",
    "SupportedInformationType": "identifying_information_type.7 - -:1 maximum_identifying_information_length:2",
    "Timestamp": "timestamp_parameter_data_length:2 -.5 timestamp_origin.3 -:1 timestamp:6 -:2",
    "SetTimestamp": "-:4 timestamp:6 -:2",
    "Cscd": """descriptor_type_code:1 lu_id_type.2 nul peripheral_device_type.5 relative_initiator_port_identifier:2
        parameters:24 device_type_specific:4""",
    "IdentificationCscd": """descriptor_type_code:1 lu_id_type.2 nul peripheral_device_type.5
        relative_initiator_port_identifier:2 -.4 code_set.4 -.2 association.2 designator_type.4 -:1 designator_length:1
        designator:20 -.5 pad -.2 disk_block_length:3""",
    "CopySegment": "descriptor_type_code:1 -.6 dc cat descriptor_length:2",
    "BlockToBlock": """descriptor_type_code:1 -.6 dc cat descriptor_length:2 source_cscd_descriptor_id:2
        destination_cscd_descriptor_id:2 -:2 block_device_number_of_blocks:2 source_lba:8 destination_lba:8""",
    "CopyList": """list_identifier:1 -.2 str list_id_usage.2 priority.3 cscd_descriptor_list_length:2 -:4
        segment_descriptor_list_length:4 inline_data_length:4""",
    "CopyOperatingParameters": """available_data:4 -.7 snlid -:3 maximum_cscd_descriptor_count:2
        maximum_segment_descriptor_count:2 maximum_descriptor_list_length:4 maximum_segment_length:4
        maximum_inline_data_length:4 held_data_limit:4 maximum_stream_device_transfer_size:4 -:2
        total_concurrent_copies:2 maximum_concurrent_copies:1 data_segment_granularity:1
        inline_data_granularity:1 held_data_granularity:1 -:3 implemented_descriptor_list_length:1""",
    "CopyStatus": """available_data:4 hdd copy_command_status.7 segments_processed:2 transfer_count_units:1
        transfer_count:4""",
    "CopyFailureDetails": "available_data:4 -:52 extended_copy_command_status:1 -:1 sense_data_length:2",
}


@pytest.mark.parametrize("parse", [params.parse_pr_out, params.parse_rtpg, params.parse_transport_id])
@settings(max_examples=60)
@given(data=noise)
def test_parse_any_bytes(parse: Any, data: bytes) -> None:
    try:
        view = parse(data)
    except DecodeError:
        return
    check_view(view)


# ---------------------------------------------------------------------------------------------
# Lists, lengths, and what people ask
# ---------------------------------------------------------------------------------------------


def test_read_capacity() -> None:
    assert bytes(params.ReadCapacity10.build(returned_lba=131071, block_length=512)) == struct.pack(
        ">II", 131071, 512
    )
    data = struct.pack(">QIBBH16x", 2**33 - 1, 512, 1 | 1 << 1, 0x23, 0xC000 | 5)
    view = params.ReadCapacity16(data)
    assert (view.blocks, view.capacity, view.physical_block_length) == (2**33, 2**42, 4096)
    assert (view.lbpme, view.lbprz, view.lowest_aligned_lba, view.lbppbe) == (True, True, 5, 3)
    assert (view.prot_en, view.p_type, view.p_i_exponent) == (True, 1, 2)
    assert view.problems() == []
    assert bytes(params.ReadCapacity16.build(returned_lba=9, block_length=512)) == struct.pack(
        ">QI20x", 9, 512
    )


@pytest.mark.parametrize("have", range(12, 32))
def test_short_read_capacity_16_reads_as_far_as_it_goes(have: int) -> None:
    data = struct.pack(">QIBBH16x", 7, 512, 0, 3, 0x8000)[:have]
    view = params.ReadCapacity16(data)
    assert view.blocks == 8
    assert [p.field for p in view.problems()] == ["payload"]
    if have < 14:
        with pytest.raises(DecodeError):
            _ = view.lbppbe
    assert bytes(params.ReadCapacity16.build(**view.to_dict())) == data


def test_reserved_bits_inside_the_covered_part_are_problems() -> None:
    data = bytearray(params.ReadCapacity16.build(returned_lba=7, block_length=512))
    data[12] |= 0x80
    data[20] = 1
    assert [(p.field, p.offset) for p in params.ReadCapacity16(data).problems()] == [
        ("rsvd12", 12),
        ("rsvd20", 20),
    ]


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)), max_size=5))
def test_unmap(blocks: list[tuple[int, int]]) -> None:
    items = [{"lba": lba, "number_of_logical_blocks": n} for lba, n in blocks]
    view = params.Unmap.build(descriptors=items)
    body = b"".join(struct.pack(">QI4x", lba, n) for lba, n in blocks)
    assert bytes(view) == struct.pack(">HH4x", len(body) + 6, len(body)) + body
    assert [(d.lba, d.number_of_logical_blocks) for d in view.descriptors] == blocks
    assert view.problems() == []


@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 4)), max_size=5)
)
def test_get_lba_status(extents: list[tuple[int, int, int]]) -> None:
    body = b"".join(struct.pack(">QIB3x", *extent) for extent in extents)
    data = struct.pack(">I4x", len(body) + 4) + body
    view = params.GetLbaStatus(data)
    found = [(d.lba, d.number_of_logical_blocks, d.provisioning_status) for d in view.descriptors]
    assert found == extents
    assert view.problems() == []
    assert bytes(params.GetLbaStatus.build(**view.to_dict())) == data
    assert bytes(params.GetLbaStatus.build(descriptors=view.descriptors)) == data


def test_what_a_provisioning_status_says() -> None:
    """SBC-4, 5.7.2, and what sg_get_lba_status makes of it."""
    names = [ProvisioningStatus(value).name for value in range(5)]
    assert names == ["MAPPED_OR_UNKNOWN", "DEALLOCATED", "ANCHORED", "MAPPED", "UNKNOWN"]


def test_unmap_with_lying_lengths() -> None:
    view = params.Unmap.build(descriptors=[{"lba": 1}], unmap_data_length=5)
    assert view.unmap_data_length == 5
    assert [p.field for p in view.problems()] == ["unmap_data_length"]
    view = params.Unmap(struct.pack(">HH4x", 46, 40) + bytes(20))
    assert len(view.descriptors) == 1
    assert {p.field for p in view.problems()} == {"descriptors", "unmap_block_descriptor_data_length"}


@given(st.lists(st.binary(min_size=8, max_size=8), max_size=6))
def test_report_luns(luns: list[bytes]) -> None:
    data = struct.pack(">I4x", 8 * len(luns)) + b"".join(luns)
    view = params.ReportLuns(data)
    assert [bytes(lun) for lun in view.luns] == luns
    assert all(type(lun) is Lun for lun in view.luns)
    assert bytes(params.ReportLuns.build(luns=view.luns)) == data
    assert view.problems() == []
    assert [bytes(lun) for lun in params.ReportLuns(data[:17]).luns] == luns[:1]


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**64 - 1), max_size=5))
def test_pr_keys(generation: int, keys: list[int]) -> None:
    data = struct.pack(f">II{len(keys)}Q", generation, 8 * len(keys), *keys)
    assert bytes(params.PrKeys.build(prgeneration=generation, keys=keys)) == data
    assert params.PrKeys(data).keys == keys


def test_pr_reservation() -> None:
    none = params.PrReservation.build(prgeneration=3)
    assert bytes(none) == struct.pack(">II", 3, 0)
    assert none.reservation is None
    held = params.PrReservation(struct.pack(">IIQIBBH", 3, 16, 0xABC, 0, 0, 0x05, 0))
    assert held.reservation is not None
    assert held.reservation.reservation_key == 0xABC
    assert held.reservation.type is PersistentReserveType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY
    assert held.problems() == []


def test_report_capabilities() -> None:
    view = params.ReportCapabilities.build(ptpl_c=1, tmv=1, wr_ex=1, ex_ac_ar=1)
    assert bytes(view) == bytes.fromhex("0008 01 80 02 01 0000")
    assert view.types == [
        PersistentReserveType.WRITE_EXCLUSIVE,
        PersistentReserveType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
    ]
    assert view.problems() == []


def test_transport_id_of_a_vscsi_client() -> None:
    made = params.SrpTransportId.of_unit_address(0x30000028)
    assert bytes(made) == b"\x04" + bytes(7) + bytes(12) + bytes.fromhex("30000028")
    assert type(params.parse_transport_id(made)) is params.SrpTransportId
    assert made.problems() == []


@pytest.mark.parametrize(
    ("protocol", "name"),
    [(0, "FibreChannel"), (1, "ParallelScsi"), (3, "Ieee1394"), (4, "Srp"), (6, "Sas"), (10, "ScsiOverPcie")],
)
def test_transport_id_by_protocol(protocol: int, name: str) -> None:
    view = params.parse_transport_id(bytes([0x40 | protocol]) + bytes(23))
    assert type(view).__name__ == f"{name}TransportId"
    assert view.format_code == 1


def test_iscsi_transport_id() -> None:
    made = params.IscsiTransportId.named("iqn.2026-01.example:disk")
    assert bytes(made) == b"\x05\0\0\x1ciqn.2026-01.example:disk\0\0\0\0"
    assert made.name == "iqn.2026-01.example:disk"
    assert len(params.IscsiTransportId.named("a")) == 24


def test_pr_full_status() -> None:
    srp = b"\x04" + bytes(7) + bytes(range(16))
    iscsi = bytes(params.IscsiTransportId.named("iqn.a"))
    data = struct.pack(">II", 9, 2 * 24 + len(srp) + len(iscsi))
    data += struct.pack(">Q4xBB4xHI", 1, 3, 0x01, 0xFFFF, len(srp)) + srp
    data += struct.pack(">Q4xBB4xHI", 2, 0, 0x00, 7, len(iscsi)) + iscsi
    view = params.PrFullStatus(data)
    first, second = view.descriptors
    assert (first.reservation_key, first.all_tg_pt, first.r_holder) == (1, True, True)
    assert bytes(first.transport_id) == srp
    assert second.transport_id.name == "iqn.a"
    assert second.relative_target_port_identifier == 7
    assert bytes(params.PrFullStatus.build(**view.to_dict())) == data
    assert view.problems() == []


def test_pr_out() -> None:
    basic = struct.pack(">QQ4xBxH", 1, 2, 0x01, 0)
    view = params.parse_pr_out(basic)
    assert type(view) is params.PrOut
    assert (view.reservation_key, view.service_action_reservation_key, view.aptpl) == (1, 2, True)
    ids = [params.SrpTransportId.of_unit_address(n) for n in (1, 2)]
    made = params.PrOutSpecIPt.build(reservation_key=1, transport_ids=ids)
    assert bytes(made) == struct.pack(">QQ4xBxHI", 1, 0, 0x08, 0, 48) + b"".join(map(bytes, ids))
    assert type(params.parse_pr_out(made)) is params.PrOutSpecIPt
    assert [bytes(t) for t in params.parse_pr_out(made).transport_ids] == [bytes(t) for t in ids]
    assert made.problems() == []


def test_pr_out_move() -> None:
    port = params.SrpTransportId.of_unit_address(5)
    made = params.PrOutMove.build(unreg=1, relative_target_port_identifier=1, transport_ids=[port])
    assert bytes(made) == struct.pack(">QQxBHI", 0, 0, 2, 1, 24) + bytes(port)
    assert bytes(made.transport_id) == bytes(port)
    assert params.PrOutMove.build().transport_id is None
    asked = cdb.PersistentReserveOut.build(service_action=PersistentReserveOutAction.REGISTER_AND_MOVE)
    assert type(parse_data_out(asked, made)) is params.PrOutMove


@pytest.mark.parametrize("extended", [False, True])
def test_rtpg(extended: bool) -> None:
    groups = [
        {"asymmetric_access_state": 2, "target_port_group": 3, "s_sup": 1, "target_ports": [
            {"relative_target_port_identifier": 1}, {"relative_target_port_identifier": 2}]},
        {"pref": 1, "target_port_group": 4, "target_ports": []},
    ]  # fmt: skip
    body = bytes([0x02, 0x04, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]) + bytes([0x80, 0, 0, 4, 0, 0, 0, 0])
    if extended:
        made: Any = params.ReportTargetPortGroupsExtended.build(implicit_transition_time=9, groups=groups)
        assert bytes(made) == struct.pack(">IBBxx", len(body) + 4, 0x10, 9) + body
    else:
        made = params.ReportTargetPortGroups.build(groups=groups)
        assert bytes(made) == struct.pack(">I", len(body)) + body
    assert type(params.parse_rtpg(made)) is type(made)
    assert [len(g.target_ports) for g in made.groups] == [2, 0]
    assert made.problems() == []


def test_empty_rtpg() -> None:
    assert type(params.parse_rtpg(bytes(4))) is params.ReportTargetPortGroups


def test_stpg() -> None:
    made = params.SetTargetPortGroups.build(groups=[{"asymmetric_access_state": 1, "target_port_group": 7}])
    assert bytes(made) == bytes(4) + bytes([1, 0, 0, 7])


def test_supported_commands() -> None:
    data = struct.pack(">I", 28)
    data += struct.pack(">BxHxBH", 0x28, 0, 0, 10)
    data += struct.pack(">BxHxBH", 0x9E, 0x10, 3, 16) + struct.pack(">HxBII", 10, 0, 30, 60)
    view = params.SupportedCommands(data)
    read, capacity = view.commands
    assert (read.operation_code, read.cdb_length, read.timeouts) == (0x28, 10, None)
    assert (capacity.service_action, capacity.servactv) == (0x10, True)
    assert capacity.timeouts is not None
    assert capacity.timeouts.recommended_command_timeout == 60
    assert bytes(params.SupportedCommands.build(**view.to_dict())) == data
    assert view.problems() == []


def test_supported_command() -> None:
    usage = bytes.fromhex("12e3ffff fffc")
    made = params.SupportedCommand.build(support=3, cdb_usage_data=usage)
    assert bytes(made) == b"\0\x03\0\x06" + usage
    assert made.supported
    assert made.timeouts is None
    timed = params.SupportedCommand.build(
        support=3, cdb_usage_data=usage, command_timeouts=[{"recommended_command_timeout": 7}]
    )
    assert bytes(timed) == b"\0\x83\0\x06" + usage + struct.pack(">HxBII", 10, 0, 0, 7)
    assert timed.timeouts is not None
    assert timed.problems() == []
    assert not params.SupportedCommand.build(support=1).supported


def test_supported_task_management() -> None:
    basic = params.SupportedTaskManagement.build(ats=1, lurs=1)
    assert bytes(basic) == b"\x88\0\0\0"
    long = params.SupportedTaskManagement.build(ats=1, long_timeout=300, short_timeout=150)
    assert bytes(long) == b"\x80\0\0\x0c" + bytes(4) + struct.pack(">II", 300, 150)
    assert basic.problems() == long.problems() == []


def test_timestamp() -> None:
    made = params.Timestamp.build(timestamp_origin=2, timestamp=0x0123456789AB)
    assert bytes(made) == bytes.fromhex("000a 02 00 0123456789ab 0000")
    assert bytes(params.SetTimestamp.build(timestamp=5)) == bytes(9) + b"\x05" + bytes(2)


# ---------------------------------------------------------------------------------------------
# Real data
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "word", "at_least"),
    [
        (params.ReadCapacity10, "READ CAPACITY(10)", 2),
        (params.ReadCapacity16, "READ CAPACITY 16", 3),
        (params.ReportLuns, "REPORT LUNS", 5),
    ],
)
def test_captures(cls: Any, word: str, at_least: int) -> None:
    records = data_records(word)
    assert len(records) >= at_least
    for note, data in records:
        view = cls(data)
        check_capture(view, data)
        if "last_lba" in note:
            assert f"last_lba={view.returned_lba} block={view.block_length}" in note
        else:
            assert "luns=" + " ".join(bytes(lun).hex() for lun in view.luns) in note
