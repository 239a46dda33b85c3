"""SRP information units: what the table alone does not say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysrp._fast.srp import clip

from pysrp import srp
from pysrp.errors import DecodeError, EncodeError, TransportError, TruncatedError
from pysrp.lun import Lun

LUN = Lun.logical_unit(1)
READ10 = bytes.fromhex("28000000000800000800")


def test_command_with_direct_descriptor() -> None:
    cmd = srp.Cmd.build(tag=0x1122334455667788, lun=LUN, cdb=READ10, data_in=(0xC160000, 4096))
    assert bytes(cmd).hex() == (
        "0200000000010000112233445566778800000000810000000000000000000000"
        "28000000000800000800000000000000000000000c1600000000000000001000"
    )
    assert isinstance(cmd.data_in, srp.DirectBuf)
    assert (cmd.data_in.va, cmd.data_in.key, cmd.data_in.len) == (0xC160000, 0, 4096)
    assert cmd.data_out is None
    assert cmd.buf_fmt == 0x01
    assert cmd.problems() == []


def test_command_with_indirect_descriptor() -> None:
    entries = [(0x1000 * i, 512 * i) for i in range(1, 4)]
    cmd = srp.Cmd.build(tag=1, lun=LUN, cdb=READ10, data_out=entries)
    assert len(cmd) == 48 + 20 + 3 * 16
    assert (cmd.data_out_fmt, cmd.data_out_desc_cnt) == (srp.BufferFormat.INDIRECT, 3)
    desc = cmd.data_out
    assert (desc.len, desc.table_desc.len) == (3072, 48)
    assert [(d.va, d.len) for d in desc.desc_list] == entries
    assert [(d.va, d.len) for d in desc.segments()] == entries
    assert cmd.problems() == []


def test_data_out_stands_before_data_in_and_both_behind_the_additional_cdb() -> None:
    cmd = srp.Cmd.build(cdb=bytes(range(32)), data_out=(1, 2), data_in=(3, 4))
    assert cmd.add_cdb_len == 16
    assert bytes(cmd.cdb) == bytes(range(32))
    assert cmd.locate("data_out") == (64, 16)
    assert cmd.locate("data_in") == (80, 16)
    assert cmd.buf_fmt == 0x11


@pytest.mark.parametrize(("given_", "stored"), [(0, 16), (6, 16), (16, 16), (17, 20), (32, 32), (260, 260)])
def test_additional_cdb_is_whole_words(given_: int, stored: int) -> None:
    cmd = srp.Cmd.build(cdb=b"\xaa" * given_)
    assert len(cmd.cdb) == stored
    assert len(cmd) == 32 + stored


def test_low_bits_of_additional_cdb_length_are_masked_and_reported() -> None:
    cmd = srp.Cmd.build(cdb=bytes(20), add_cdb_len=7)
    assert len(cmd.cdb) == 20
    assert [p.field for p in cmd.problems()] == ["add_cdb_len"]


def test_immediate_data() -> None:
    cmd = srp.Cmd.build(data_out=srp.ImmBuf.build(len=5), trailing=b"..hello")
    assert cmd.data_out_fmt == srp.BufferFormat.IMMEDIATE
    assert bytes(cmd.imm_data(54)) == b"hello"
    with pytest.raises(DecodeError) as caught:
        cmd.imm_data(56)
    assert (caught.value.need, caught.value.have) == (5, 3)
    for inside in 48, 51:
        with pytest.raises(DecodeError):
            cmd.imm_data(inside)
    with pytest.raises(DecodeError):
        srp.Cmd.build().imm_data(48)


def test_external_table() -> None:
    table = b"".join(bytes(srp.DirectBuf.build(va=i << 16, len=4096)) for i in range(12))
    desc = srp.IndirectBuf.build(
        table_desc={"va": 0x5000, "len": len(table)}, len=12 * 4096, desc_list=table[: 10 * 16]
    )
    asked = []

    def fetch(va: int, length: int) -> bytes:
        asked.append((va, length))
        return table

    assert [d.va for d in desc.segments(fetch)] == [i << 16 for i in range(12)]
    assert asked == [(0x5000, 192)]
    with pytest.raises(DecodeError, match="has to be fetched"):
        desc.segments()
    with pytest.raises(DecodeError, match="allowed"):
        desc.segments(fetch, limit=191)
    with pytest.raises(DecodeError, match="fetched"):
        desc.segments(lambda va, length: table[:-1])
    odd = srp.IndirectBuf.build(table_desc={"len": 17})
    with pytest.raises(DecodeError, match="whole"):
        odd.segments(fetch)


def test_response_data_comes_before_sense() -> None:
    rsp = srp.Rsp.build(tag=7, status=2, resp_data=b"\0\0\0\5", sense=b"\x70" + bytes(17))
    assert rsp.flags == srp.RspFlags.RSPVALID | srp.RspFlags.SNSVALID
    assert bytes(rsp)[36:41] == b"\0\0\0\5\x70"
    assert rsp.rsp_code is srp.RspCode.TSK_MGMT_FUNC_FAILED
    assert bytes(rsp.sense)[:1] == b"\x70"


def test_parts_without_their_flag_do_not_count() -> None:
    rsp = srp.Rsp.build(sense=b"\x70" + bytes(17), flags=0)
    assert len(rsp.sense) == 0
    assert rsp.sense_data_len == 18
    assert rsp.rsp_code is None


@pytest.mark.parametrize("field", ["sense_data_len", "resp_data_len"])
@pytest.mark.parametrize("claim", [5, 0x7FFFFFFF, 0xFFFFFFFF])
def test_lying_lengths(field: str, claim: int) -> None:
    flags = srp.RspFlags.RSPVALID | srp.RspFlags.SNSVALID
    rsp = srp.parse(bytes(srp.Rsp.build(flags=flags, **{field: claim}, trailing=b"\0\0\0\0")))
    part = {"sense_data_len": "sense", "resp_data_len": "resp_data"}[field]
    with pytest.raises(DecodeError) as caught:
        getattr(rsp, part)
    error = caught.value
    assert (error.field, error.offset, error.need, error.have) == (part, 36, claim, 4)
    assert part in {p.field for p in rsp.problems()}


@pytest.mark.parametrize("count", [1, 13, 255])
def test_lying_descriptor_counts(count: int) -> None:
    cmd = srp.Cmd.build(data_in=[(0, 1)], data_in_desc_cnt=count, trailing=bytes(0))
    if count == 1:
        assert len(cmd.data_in.desc_list) == 1
    else:
        with pytest.raises(DecodeError, match="data_in"):
            _ = cmd.data_in


def test_unknown_formats_have_no_descriptor() -> None:
    for fmt in range(4, 16):
        cmd = srp.Cmd.build(data_in_fmt=fmt, data_out_fmt=fmt)
        assert cmd.data_in is None
        assert cmd.data_out is None
        assert {"data_in_fmt", "data_out_fmt"} <= {p.field for p in cmd.problems()}


def test_login_over_cm_is_the_same_login() -> None:
    login = srp.LoginReq.build(
        tag=9,
        req_it_iu_len=256,
        req_buf_fmt=6,
        req_flags=0x80,
        imm_data_offset=80,
        initiator_port_id=b"i" * 16,
    )
    cm = srp.LoginReqCM.build(**login.to_dict())
    assert len(cm) == 56
    assert cm.login_req() == login


def test_tag_is_eight_opaque_bytes() -> None:
    raw = bytearray(srp.ILogout.build())
    raw[8:16] = b"abcdefgh"
    iu = srp.parse(raw)
    assert iu.tag == int.from_bytes(b"abcdefgh", "big")
    assert bytes(iu.raw("tag")) == b"abcdefgh"


def test_unknown_codes_are_integers() -> None:
    assert srp.TskMgmt.build(tsk_mgmt_func=0x20).tsk_mgmt_func == 0x20
    assert type(srp.TskMgmt.build(tsk_mgmt_func=0x20).tsk_mgmt_func) is int
    assert srp.TskMgmt.build(tsk_mgmt_func=8).tsk_mgmt_func is srp.TskMgmtFunc.LUN_RESET
    assert srp.LoginRej.build(reason=0x1234).reason == 0x1234
    assert srp.LoginRej.build(reason=0x10006).reason is srp.LoginRejReason.CHANNEL_LIMIT_REACHED
    assert srp.TLogout.build(reason=5).reason == 5


def test_strict_raises_the_first_violation() -> None:
    raw = bytearray(srp.TskMgmt.build(tsk_mgmt_func=8))
    srp.parse(raw, strict=True)
    raw[3] = 1
    with pytest.raises(DecodeError, match="reserved") as caught:
        srp.parse(raw, strict=True)
    assert caught.value.field == "rsvd2"
    assert srp.parse(raw).rsvd2[1] == 1


def test_refusals() -> None:
    with pytest.raises(EncodeError, match="tag") as caught:
        srp.Cmd.build(tag=1 << 64)
    assert caught.value.field == "tag"
    with pytest.raises(EncodeError, match="task_attr"):
        srp.Cmd.build(task_attr=8)
    with pytest.raises(EncodeError, match="req_lim_delta"):
        srp.Rsp.build(req_lim_delta=1 << 31)
    assert srp.Rsp.build(req_lim_delta=-1).req_lim_delta == -1
    with pytest.raises(TypeError, match="no field 'tagg'"):
        srp.Cmd.build(tagg=1)
    with pytest.raises(TypeError):
        srp.Cmd.build(tag="7")
    with pytest.raises(EncodeError):
        srp.Cmd.build(data_in=(1 << 64, 1))
    assert len(srp.Cmd.build(cdb=bytes(268)).cdb) == 268
    with pytest.raises(
        EncodeError, match="cdb: 272 does not fit a part that has at most 268 bytes"
    ) as caught:
        srp.Cmd.build(cdb=bytes(269))
    assert caught.value.field == "cdb"
    with pytest.raises(EncodeError, match="not allowed"):
        srp.Cmd.build(data_in=srp.ImmBuf.build(len=1))
    with pytest.raises(EncodeError, match="not fit at offset"):
        srp.Cmd.pack_into(bytearray(47))
    with pytest.raises(TruncatedError):
        srp.parse(b"")
    with pytest.raises(DecodeError, match="0x77"):
        srp.parse(b"\x77" * 64)


@given(st.binary(max_size=400))
def test_a_view_or_a_decode_error(raw: bytes) -> None:
    for memory in (raw, bytearray(raw), memoryview(raw)):
        try:
            iu = srp.parse(memory)
        except DecodeError:
            continue
        for field in iu.FIELDS:
            try:
                getattr(iu, field.name)
            except DecodeError:
                continue
        iu.problems()
        iu.show()
        repr(iu)
        assert bytes(type(iu).build(**iu.to_dict())) == raw


# What descriptors lead to, as a target's engine asks: the structures say the same in many words.

numbers = st.tuples(
    st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)
)  # address, key, length


def plain(entries: list[srp.DirectBuf]) -> list[tuple[int, int, int]]:
    return [(entry.va, entry.len, entry.key) for entry in entries]


@given(numbers, st.lists(numbers, max_size=5), st.integers(0, 2**32 - 1), st.integers(0, 9), st.booleans())
def test_segments_of_a_descriptor(
    table: tuple[int, int, int], entries: list[tuple[int, int, int]], total: int, most: int, whole: bool
) -> None:
    length = 16 * len(entries) if whole else table[2]
    made = srp.IndirectBuf.build(
        table_desc=srp.DirectBuf.build(va=table[0], key=table[1], len=length),
        len=total,
        desc_list=[srp.DirectBuf.build(va=va, key=key, len=size) for va, key, size in entries],
    )
    iu = srp.Cmd.build(data_out=table, data_in=made)
    assert srp.Cmd.data_out.segments(iu, 0) == ([(table[0], table[2], table[1])], table[2], None)
    limit = 16 * most
    known = plain(made.desc_list)
    if length % 16 or (length != 16 * len(entries) and length > limit):
        with pytest.raises(DecodeError):
            srp.Cmd.data_in.segments(iu, limit)
        return
    found, allowed, elsewhere = srp.Cmd.data_in.segments(iu, limit)
    if elsewhere is None:
        assert found == plain(made.segments()) == known[: length // 16]
        assert allowed == min(total, sum(size for _, size, _ in found))
    else:
        have = len(known) if length > 16 * len(known) else 0
        assert (found, allowed) == ([], 0)
        assert elsewhere == ((table[0] + 16 * have, length - 16 * have, table[1]), known[:have], total)


def test_segments_of_no_descriptor() -> None:
    iu = srp.Cmd.build(data_out=(1, 2))
    assert srp.Cmd.data_in.segments(iu, 0) == ([], 0, None)
    for form in 3, 4, 15:
        raw = bytearray(bytes(iu))
        raw[5] = form << 4
        with pytest.raises(DecodeError) as caught:
            srp.Cmd.data_out.segments(srp.Cmd(raw), 0)
        assert caught.value.offset == 5
    with pytest.raises(DecodeError):
        srp.Cmd.data_out.segments(srp.Cmd(bytes(iu)[:-1]), 0)
    with pytest.raises(TypeError):
        srp.Cmd.data_out.segments(None, 0)


@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 40), st.integers(0, 9)), max_size=6),
    st.integers(0, 200),
    st.integers(0, 200),
)
def test_a_part_of_segments(segments: list[tuple[int, int, int]], skip: int, length: int) -> None:
    every = [(at + byte, key) for at, size, key in segments for byte in range(size)][skip : skip + length]
    if any(address >= 1 << 64 for address, _ in every):
        with pytest.raises(TransportError):
            clip(segments, skip, length)
        return
    found = clip(segments, skip, length)
    assert [(at + byte, key) for at, size, key in found for byte in range(size)] == every
    assert all(size for _, size, _ in found)


def test_a_part_of_what_is_no_memory() -> None:
    assert clip([], 0, 5) == clip([(1, 2, 3)], 2, 5) == clip([(1, 2, 3)], 0, 0) == []
    for wrong in [(1, 2)], [5], 5:
        with pytest.raises((TypeError, ValueError)):
            clip(wrong, 0, 1)  # type: ignore[arg-type]
    with pytest.raises(TransportError, match="wrap"):
        clip([(1 << 64, 16, 0)], 0, 16)
