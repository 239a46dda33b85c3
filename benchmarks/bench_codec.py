"""Are the codecs as fast as C-level Python objects can be, and how fast are other libraries on the same bytes?

Each group is one question. Rivals run in the same process on the same 64-byte SRP_CMD (one direct
descriptor); every case is first checked for the same result. The summary prints ratios.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from pysrp import crq, scsi, srp

TAG, LUN, CDB = (
    0x6003F803000000C0,
    bytes.fromhex("8100000000000000"),
    bytes.fromhex("28000000000800000800") + bytes(6),
)
DESC = (0x0C160000, 0, 4096)
RAW = bytes(srp.Cmd.build(tag=TAG, lun=LUN, cdb=CDB, data_in=DESC))
STRUCT = struct.Struct(">BB3xBBBQ4x8sxBxB16sQII")
THREE = (TAG, 0, 0)


def rival_ctypes() -> type:
    class Cmd(ctypes.BigEndianStructure):
        _pack_ = 1
        _layout_ = "ms"
        _fields_ = [
            ("opcode", ctypes.c_uint8), ("sol_not", ctypes.c_uint8), ("rsvd2", ctypes.c_uint8 * 3),
            ("buf_fmt", ctypes.c_uint8), ("data_out_desc_cnt", ctypes.c_uint8), ("data_in_desc_cnt", ctypes.c_uint8),
            ("tag", ctypes.c_uint64), ("rsvd16", ctypes.c_uint32), ("lun", ctypes.c_uint8 * 8),
            ("rsvd28", ctypes.c_uint8), ("task_attr", ctypes.c_uint8), ("rsvd30", ctypes.c_uint8),
            ("add_cdb_len", ctypes.c_uint8), ("cdb", ctypes.c_uint8 * 16),
            ("va", ctypes.c_uint64), ("key", ctypes.c_uint32), ("len", ctypes.c_uint32),
        ]  # fmt: skip

    return Cmd


def rival_construct() -> Any:
    c = pytest.importorskip("construct")
    return c.Struct(
        "opcode" / c.Int8ub, "sol_not" / c.Int8ub, c.Padding(3), "buf_fmt" / c.Int8ub,
        "data_out_desc_cnt" / c.Int8ub, "data_in_desc_cnt" / c.Int8ub, "tag" / c.Int64ub, c.Padding(4),
        "lun" / c.Bytes(8), c.Padding(1), "task_attr" / c.Int8ub, c.Padding(1), "add_cdb_len" / c.Int8ub,
        "cdb" / c.Bytes(16), "va" / c.Int64ub, "key" / c.Int32ub, "len" / c.Int32ub,
    ).compile()  # fmt: skip


def rival_cstruct() -> Any:
    cs = pytest.importorskip("dissect.cstruct").cstruct(endian=">")
    cs.load(
        "struct cmd { uint8 opcode; uint8 sol_not; uint8 rsvd2[3]; uint8 buf_fmt; uint8 data_out_desc_cnt;"
        "uint8 data_in_desc_cnt; uint64 tag; uint8 rsvd16[4]; uint8 lun[8]; uint8 rsvd28; uint8 task_attr;"
        "uint8 rsvd30; uint8 add_cdb_len; uint8 cdb[16]; uint64 va; uint32 key; uint32 len; };",
        compiled=True,
    )
    return cs.cmd


def rival_scapy() -> Any:
    pytest.importorskip("scapy")
    from scapy import fields, packet

    class Cmd(packet.Packet):
        name = "SRP_CMD"
        fields_desc = [
            fields.XByteField("opcode", 2), fields.XByteField("sol_not", 0), fields.X3BytesField("rsvd2", 0),
            fields.XByteField("buf_fmt", 0), fields.ByteField("data_out_desc_cnt", 0),
            fields.ByteField("data_in_desc_cnt", 0), fields.XLongField("tag", 0), fields.IntField("rsvd16", 0),
            fields.StrFixedLenField("lun", b"", 8), fields.ByteField("rsvd28", 0), fields.ByteField("task_attr", 0),
            fields.ByteField("rsvd30", 0), fields.ByteField("add_cdb_len", 0),
            fields.StrFixedLenField("cdb", b"", 16), fields.XLongField("va", 0), fields.IntField("key", 0),
            fields.IntField("len", 0),
        ]  # fmt: skip

    return Cmd


def measure(benchmark: Any, group: str, case: Callable[[], Any], expected: Any = None) -> None:
    """Measure one rival in one group; ``expected`` is the result that it must give."""
    benchmark.group = group
    if expected is not None:
        assert case() == expected
    benchmark.pedantic(case, rounds=400, iterations=200, warmup_rounds=20)


@pytest.mark.parametrize(
    "who",
    [
        "pysrp",
        "hand-written cython",
        "(the harness)",
        "struct (tuple)",
        "ctypes (view)",
        "ctypes (copy)",
        "construct",
        "cstruct",
        "scapy",
    ],
)
def bench_parse_and_three_fields(benchmark: Any, who: str, floor: ModuleType) -> None:
    parse, hand = srp.parse, floor.parse_hand_written
    if who == "pysrp":

        def case() -> Any:
            iu = parse(RAW)
            return iu.tag, iu.add_cdb_len, iu.data_in_desc_cnt
    elif who == "hand-written cython":

        def case() -> Any:
            iu = hand(RAW)
            return iu.tag, iu.add_cdb_len, iu.data_in_desc_cnt
    elif who == "(the harness)":

        def case() -> Any:  # the cost of the measurement itself, in every row of this group
            return TAG, 0, 0
    elif who == "struct (tuple)":
        three = struct.Struct(">7xBQ15xB").unpack_from

        def case() -> Any:
            count, tag, length = three(RAW)
            return tag, length, count
    elif who == "ctypes (view)":
        view, memory = rival_ctypes().from_buffer, bytearray(RAW)

        def case() -> Any:
            iu = view(memory)
            return iu.tag, iu.add_cdb_len, iu.data_in_desc_cnt
    else:
        make = {
            "ctypes (copy)": lambda: rival_ctypes().from_buffer_copy,
            "construct": lambda: rival_construct().parse,
            "cstruct": rival_cstruct,
            "scapy": rival_scapy,
        }[who]()

        def case() -> Any:
            iu = make(RAW)
            return iu.tag, iu.add_cdb_len, iu.data_in_desc_cnt

    measure(benchmark, "parse an SRP_CMD, read three fields", case, THREE)


@pytest.mark.parametrize("who", ["pysrp", "pysrp, a record", "struct (tuple)"])
def bench_all_fixed_fields(benchmark: Any, who: str) -> None:
    fixed = struct.Struct(
        ">BB3xBBBQ4x8sxBxB16s"
    ).unpack_from  # one value less, as both nibbles are in one byte
    unpack, record = srp.Cmd.unpack, srp.Cmd.record
    case: Callable[[], Any] = {
        "pysrp": lambda: unpack(RAW),
        "pysrp, a record": lambda: record(RAW),
        "struct (tuple)": lambda: fixed(RAW),
    }[who]
    measure(benchmark, "all fixed fields in one call", case)


@pytest.mark.parametrize("who", ["pysrp", "pysrp, a view", "an object with slots"])
def bench_read_three_fields(benchmark: Any, who: str) -> None:
    class Slots:
        __slots__ = ("add_cdb_len", "data_in_desc_cnt", "tag")

    iu: Any = {"pysrp": srp.Cmd.record(RAW), "pysrp, a view": srp.Cmd(RAW)}.get(who, Slots())
    if who == "an object with slots":
        iu.tag, iu.add_cdb_len, iu.data_in_desc_cnt = THREE
    measure(benchmark, "read three fields", lambda: (iu.tag, iu.add_cdb_len, iu.data_in_desc_cnt), THREE)


@pytest.mark.parametrize("who", ["pysrp", "struct (tuple)"])
def bench_set_one_u64(benchmark: Any, who: str) -> None:
    memory = bytearray(RAW)
    iu, store = srp.parse(memory), struct.Struct(">Q").pack_into

    def pysrp() -> None:
        iu.tag = TAG

    def rival() -> None:
        store(memory, 8, TAG)

    measure(benchmark, "set one u64 in place", pysrp if who == "pysrp" else rival)


@pytest.mark.parametrize(
    "who", ["pysrp", "pysrp, all by name", "struct (tuple)", "ctypes", "construct", "cstruct", "scapy"]
)
def bench_build(benchmark: Any, who: str) -> None:
    memory = bytearray(64)
    if who == "pysrp":
        pack = srp.Cmd.pack_into
        case: Callable[[], Any] = lambda: (
            pack(memory, 0, tag=TAG, lun=LUN, cdb=CDB, data_in=DESC),
            bytes(memory),
        )[1]
    elif who == "pysrp, all by name":
        pack = srp.Cmd.pack_into
        case = lambda: (
            pack(memory, 0, opcode=2, sol_not=0, data_out_fmt=0, data_in_fmt=1, data_out_desc_cnt=0, data_in_desc_cnt=0,
                 tag=TAG, lun=LUN, task_attr=0, add_cdb_len=0, cdb=CDB, data_in=DESC),
            bytes(memory),
        )[1]  # fmt: skip
    elif who == "struct (tuple)":
        store = STRUCT.pack_into
        case = lambda: (store(memory, 0, 2, 0, 1, 0, 0, TAG, LUN, 0, 0, CDB, *DESC), bytes(memory))[1]
    elif who == "ctypes":
        cmd, lun, cdb = rival_ctypes(), (ctypes.c_uint8 * 8)(*LUN), (ctypes.c_uint8 * 16)(*CDB)
        case = lambda: bytes(cmd(opcode=2, buf_fmt=1, tag=TAG, lun=lun, cdb=cdb, va=DESC[0], len=DESC[2]))
    elif who == "construct":
        make = rival_construct().build
        values = {
            "opcode": 2, "sol_not": 0, "buf_fmt": 1, "data_out_desc_cnt": 0, "data_in_desc_cnt": 0, "tag": TAG,
            "lun": LUN, "task_attr": 0, "add_cdb_len": 0, "cdb": CDB, "va": DESC[0], "key": 0, "len": DESC[2],
        }  # fmt: skip
        case = lambda: make(values)
    elif who == "cstruct":
        make = rival_cstruct()
        case = lambda: make(
            opcode=2, buf_fmt=1, tag=TAG, lun=list(LUN), cdb=list(CDB), va=DESC[0], len=DESC[2]
        ).dumps()
    else:
        make = rival_scapy()
        case = lambda: bytes(make(opcode=2, buf_fmt=1, tag=TAG, lun=LUN, cdb=CDB, va=DESC[0], len=DESC[2]))
    measure(benchmark, "build an SRP_CMD with a CDB and a descriptor", case, RAW)


@pytest.mark.parametrize("who", ["pysrp", "C loop", "pysrp, new memory", "C loop, new memory"])
def bench_columns_of_a_million(benchmark: Any, who: str, floor: ModuleType) -> None:
    count = 1_000_000
    many = RAW * count
    names = ["tag", "lun", "data_in_desc_cnt"]

    def lend() -> list[Any]:
        return [bytearray(8 * count), bytearray(8 * count), bytearray(count)]

    lent, kept = lend(), srp.Cmd.columns(many, len(RAW), names)
    assert kept["tag"][-1] == TAG
    benchmark.group = "three columns of a million SRP_CMDs"
    case: Callable[[], Any] = {
        "pysrp": lambda: srp.Cmd.columns(many, len(RAW), names, out=kept),
        "C loop": lambda: floor.columns(many, len(RAW), *lent),
        "pysrp, new memory": lambda: srp.Cmd.columns(many, len(RAW), names),
        "C loop, new memory": lambda: floor.columns(many, len(RAW), *lend()),
    }[who]
    benchmark.pedantic(case, rounds=25, iterations=1, warmup_rounds=3)


@pytest.mark.parametrize("who", ["pysrp", "floor: its bytes copied", "pysrp, a field at a time"])
@pytest.mark.parametrize("count", [1_000_000, 256])
def bench_all_columns(benchmark: Any, who: str, count: int, floor: ModuleType) -> None:
    many = RAW * count
    lent, kept = bytearray(48 * count), srp.Cmd.columns(many, len(RAW))
    names = list(kept)
    each = {name: srp.Cmd.columns(many, len(RAW), [name]) for name in names}
    assert kept["tag"][-1] == TAG
    benchmark.group = f"all columns of {count} SRP_CMDs"
    case: Callable[[], Any] = {
        "pysrp": lambda: srp.Cmd.columns(many, len(RAW), out=kept),
        "floor: its bytes copied": lambda: floor.copies(many, len(RAW), 48, lent),
        "pysrp, a field at a time": lambda: [
            srp.Cmd.columns(many, len(RAW), [name], out=each[name]) for name in names
        ],
    }[who]
    rounds, iterations = (15, 1) if count > 256 else (400, 50)
    benchmark.pedantic(case, rounds=rounds, iterations=iterations, warmup_rounds=3)


@pytest.mark.parametrize("who", ["pysrp", "floor: its bytes copied"])
def bench_columns_of_a_ring(benchmark: Any, who: str, floor: ModuleType) -> None:
    ring = b"".join(bytes(crq.Element.srp(i, 256)) for i in range(256))
    lent, kept = bytearray(len(ring)), crq.Element.columns(ring, 16)
    case: Callable[[], Any] = {
        "pysrp": lambda: crq.Element.columns(ring, 16, out=kept),
        "floor: its bytes copied": lambda: floor.copies(ring, 16, 16, lent),
    }[who]
    benchmark.group = "all columns of a ring of 256 elements"
    benchmark.pedantic(case, rounds=400, iterations=50, warmup_rounds=20)


@pytest.mark.parametrize("who", ["pysrp", "C loop"])
def bench_scan_a_full_ring(benchmark: Any, who: str, floor: ModuleType) -> None:
    full = b"".join(bytes(crq.Element.srp(i, 256)) for i in range(256))
    memory, out = bytearray(4096), bytearray(4096)
    ring = crq.Ring(memory)
    scan = floor.scan_ring

    def refill() -> None:
        memory[:] = full

    benchmark.group = "scan a full ring of 256 elements"
    if who == "pysrp":
        case: Callable[[], Any] = ring.take
        refill()
        assert case() == full
    else:
        case = lambda: scan(memory, out)
        refill()
        assert case() == 256
        assert out == full
    benchmark.pedantic(case, setup=refill, rounds=4000, iterations=1, warmup_rounds=100)


@pytest.mark.parametrize("who", ["pysrp", "python-scsi", "struct (tuple)"])
def bench_decode_a_read10(benchmark: Any, who: str) -> None:
    raw = CDB[:10]
    if who == "pysrp":
        parse = scsi.parse_cdb

        def case() -> Any:
            cdb = parse(raw)
            return cdb.lba, cdb.transfer_length
    elif who == "python-scsi":
        pytest.importorskip("pyscsi")
        from pyscsi.pyscsi.scsi_cdb_read10 import Read10
        from pyscsi.pyscsi.scsi_enum_command import sbc

        Read10(
            sbc.READ_10, 512, 8, 8
        )  # its base class holds this command's field table until the next command is made
        unmarshall = Read10.unmarshall_cdb

        def case() -> Any:
            cdb = unmarshall(bytearray(raw))
            return cdb["lba"], cdb["tl"]
    else:
        unpack = struct.Struct(">2xIxH").unpack_from

        def case() -> Any:
            return unpack(raw)

    measure(benchmark, "decode a READ(10)", case, (8, 8))


@pytest.mark.parametrize("who", ["pysrp", "python-scsi"])
def bench_decode_sense(benchmark: Any, who: str) -> None:
    raw = bytes.fromhex("700005000000000a00000000240000c00002")
    if who == "pysrp":
        parse = scsi.parse_sense

        def case() -> Any:
            sense = parse(raw)
            return int(sense.sense_key), sense.asc, sense.ascq
    else:
        pytest.importorskip("pyscsi")
        from pyscsi.pyscsi.scsi_sense import SCSICheckCondition

        def case() -> Any:
            sense = SCSICheckCondition(bytearray(raw))
            return sense.data["sense_key"], sense.asc, sense.ascq

    measure(benchmark, "decode fixed format sense", case, (5, 0x24, 0))


@pytest.mark.parametrize("who", ["pysrp", "python-scsi"])
def bench_decode_inquiry(benchmark: Any, who: str) -> None:
    raw = bytes(scsi.InquiryData.build(vendor="IBM", product="VDASD blkdev", revision="0001", version=6))
    if who == "pysrp":
        inquiry = scsi.InquiryData

        def case() -> Any:
            data = inquiry(raw)
            return data.vendor.encode(), data.product.encode()
    else:
        pytest.importorskip("pyscsi")
        from pyscsi.pyscsi.scsi_cdb_inquiry import Inquiry

        padded = bytearray(raw.ljust(96, b"\0"))

        def case() -> Any:
            data = Inquiry.unmarshall_datain(padded)
            return bytes(data["t10_vendor_identification"]).rstrip(), bytes(
                data["product_identification"]
            ).rstrip()

    measure(benchmark, "decode standard INQUIRY data", case, (b"IBM", b"VDASD blkdev"))
