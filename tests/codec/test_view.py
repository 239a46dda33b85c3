"""The contract of every view: memory, lifetime, editing, printing, one table for all."""

from __future__ import annotations

import copy
import io
import mmap
import pickle
import subprocess
import sys
import weakref
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from pysrp import crq, mad, srp
from pysrp.errors import DecodeError, EncodeError, TruncatedError
from pysrp.fields import (
    U8,
    U16,
    U24,
    U48,
    U64,
    Array,
    Bits,
    Dispatch,
    Flag,
    List,
    Part,
    Raw,
    Struct,
    Structure,
    Text,
    View,
)

CMD = bytes(srp.Cmd.build(tag=7, lun=0x8100 << 48, cdb=bytes(range(16)), data_in=(0x1000, 512)))


def test_any_buffer() -> None:
    numpy = pytest.importorskip("numpy")
    anonymous = mmap.mmap(-1, len(CMD))
    anonymous[:] = CMD
    for memory in (
        CMD,
        bytearray(CMD),
        memoryview(CMD),
        memoryview(bytearray(b"\0" + CMD))[1:],
        array("B", CMD),
        array("Q", CMD),
        anonymous,
        numpy.frombuffer(CMD, "u1"),
        io.BytesIO(CMD).getbuffer(),
        srp.parse(CMD),
    ):
        iu = srp.parse(memory)
        assert (iu.tag, bytes(iu.cdb), iu.data_in.len) == (7, bytes(range(16)), 512)
        assert bytes(iu) == iu.tobytes() == bytes(memoryview(iu)) == CMD
        del iu
    anonymous.close()
    with pytest.raises((BufferError, ValueError)):
        srp.parse(memoryview(CMD)[::2])
    with pytest.raises(TypeError):
        srp.parse("text")  # type: ignore[arg-type]


def test_writing_changes_the_buffer() -> None:
    memory = bytearray(CMD)
    iu = srp.parse(memory)
    iu.tag = 0xFF
    iu.cdb[0] = 0x28
    iu.data_in.len = 4096
    iu.lun = srp.parse(CMD).lun
    assert memory[8:16] == bytes(7) + b"\xff"
    assert memory[32] == 0x28
    assert memory[60:64] == b"\0\0\x10\0"
    iu.data_in = (1, 2, 3)
    assert memory[48:] == bytes.fromhex("0000000000000001 00000002 00000003")
    with pytest.raises(EncodeError, match="36 bytes where 16 stand"):
        iu.data_in = [(1, 2)]


def test_read_only_memory_stays() -> None:
    iu = srp.parse(CMD)
    assert iu.readonly
    for name, value in ("tag", 1), ("lun", 1), ("cdb", bytes(16)), ("data_in", (1, 2)):
        with pytest.raises(TypeError, match="copy"):
            setattr(iu, name, value)
    with pytest.raises(TypeError):
        iu.cdb[0] = 1
    detached = iu.copy()
    detached.tag = 8
    assert (iu.tag, detached.tag, detached.readonly) == (7, 8, False)


def test_a_view_keeps_its_memory_and_lets_go_of_it() -> None:
    class Memory(bytearray):
        pass

    memory = Memory(CMD)
    gone = weakref.ref(memory)
    iu = srp.parse(memory)
    part, nested, piece = iu.cdb, iu.data_in, memoryview(iu)[4:]
    with pytest.raises(BufferError):
        memory.append(0)
    del memory, iu
    assert bytes(part) == bytes(range(16))
    assert (nested.len, bytes(piece)) == (512, CMD[4:])
    del part
    del nested
    assert gone() is not None
    del piece
    assert gone() is None


def test_a_refused_buffer_is_released() -> None:
    memory = bytearray(20)
    for action in (
        lambda: srp.parse(memory),
        lambda: srp.Cmd(memory),
        lambda: srp.Cmd.pack_into(memory),
        lambda: srp.Cmd.unpack(memory),
        lambda: srp.parse(bytearray(b"\x77")),
    ):
        with pytest.raises((DecodeError, EncodeError)):
            action()
    memory.append(1)


class Uneven(Structure, size=16):
    """What few of the standards' tables of fixed size have: bits of two, four and eight bytes."""

    __slots__ = ()
    twelve = Bits(0, 1, 12, 2)
    fifty = Bits(2, 7, 50, 8)
    twenty = Bits(10, 3, 20, 4)
    last = U16(14)


def _views(base: type[View] = View) -> Iterator[type[View]]:
    for view in base.__subclasses__():
        if "FIELDS" in vars(view):  # not the type of a class's records
            yield view
        yield from _views(view)


def test_columns_agree_with_unpack_in_every_table() -> None:
    """Numbers of every width, whole and in bits, at every offset that some table has."""
    widths = set()
    for view in sorted({view for view in _views() if view.SIZE}, key=lambda view: view.__name__):
        raw = Random(view.__name__).randbytes(3 * view.SIZE)
        columns = view.columns(raw, view.SIZE)
        names = [field.name for field in view.FIELDS if field.name in columns]
        for i in range(3):
            try:
                values = view.unpack(raw[i * view.SIZE : (i + 1) * view.SIZE])
            except DecodeError:
                continue  # a length in it says something else
            if len(values) != len(names):
                continue  # it has fields of another size than others of its kind
            for name, value in zip(names, values, strict=True):
                if isinstance(value, int):
                    assert columns[name][i] == value, (view, name)
                    widths.add((columns[name].format, getattr(view, name).width % 8 == 0))
    assert widths >= {(code, whole) for code in "BHIQ" for whole in (True, False)} | {("i", True)}


def test_unpack_and_columns_agree_with_the_fields() -> None:
    names = [f.name for f in srp.Cmd.FIELDS if not f.reserved and f.name not in ("data_out", "data_in")]
    iu = srp.parse(CMD)
    assert [bytes(x) if isinstance(x, memoryview) else x for x in (getattr(iu, n) for n in names)] == list(
        srp.Cmd.unpack(CMD)
    )
    assert srp.Cmd.unpack(b"junk" + CMD, 4) == srp.Cmd.unpack(CMD)
    many = b"".join(
        bytes(srp.Rsp.build(tag=i, req_lim_delta=-i, status=i & 255)).ljust(48, b"!") for i in range(1000)
    )
    columns = srp.Rsp.columns(many, 48)
    assert list(columns["tag"]) == list(range(1000))
    assert list(columns["req_lim_delta"]) == [-i for i in range(1000)]
    assert list(columns["status"]) == [i & 255 for i in range(1000)]
    assert {c.format for c in columns.values()} == {"B", "I", "Q", "i"}
    again = srp.Rsp.columns(many[48:], 48, out=columns)
    assert list(again["tag"]) == list(range(1, 1000))
    assert list(columns["tag"]) == [*range(1, 1000), 999]
    for lent in (bytearray(7999), bytes(8000)):
        with pytest.raises(ValueError, match="writable"):
            srp.Rsp.columns(many, 48, ["tag"], out={"tag": lent})
    assert len(srp.Rsp.columns(many[:-13], 48, ["tag"])["tag"]) == 999
    assert len(srp.Rsp.columns(many[:-12], 48, ["tag"])["tag"]) == 1000
    assert list(srp.Rsp.columns(many, 48, ["tag"], offset=48)["tag"]) == list(range(1, 1000))
    cmds = srp.Cmd.columns(CMD * 2, len(CMD), ["lun", "cdb", "task_attr"])
    assert (list(cmds["lun"]), cmds["cdb"]) == ([0x8100 << 48] * 2, bytes(range(16)) * 2)
    assert len(srp.Rsp.columns(b"", 36, ["tag"])["tag"]) == 0
    for bad in (lambda: srp.Rsp.columns(many, 35), lambda: srp.Rsp.columns(many, 48, offset=-1)):
        with pytest.raises(ValueError):
            bad()
    for name in ("sense", "nothing"):
        with pytest.raises(KeyError):
            srp.Rsp.columns(many, 48, [name])


def test_pack_into_writes_in_place() -> None:
    memory = bytearray(b"\xee" * 80)
    assert (
        srp.Cmd.pack_into(memory, 8, tag=7, lun=0x8100 << 48, cdb=bytes(range(16)), data_in=(0x1000, 512))
        == 64
    )
    assert memory == b"\xee" * 8 + CMD + b"\xee" * 8
    for offset in (-1, 17, 81, 1 << 62):
        with pytest.raises(EncodeError):
            srp.Cmd.pack_into(memory, offset, data_in=(0, 0))
    with pytest.raises(BufferError):
        srp.Cmd.pack_into(bytes(80))  # type: ignore[arg-type]


def test_equality_copies_and_pickles() -> None:
    iu = srp.parse(CMD)
    assert iu == srp.parse(bytearray(CMD)) == iu.copy() == pickle.loads(pickle.dumps(iu)) == copy.copy(iu)
    assert iu != srp.Cmd.build()
    assert srp.ILogout(bytes(16)) != srp.CredRsp(bytes(16))
    assert iu != CMD
    with pytest.raises(TypeError):
        hash(iu.copy())


def test_every_byte_has_a_name() -> None:
    for cls in (*srp.iu.classes(), *mad.mads.classes(), crq.Element, mad.CapabilitiesData):
        covered = bytearray(cls.SIZE)
        for f in cls.FIELDS:
            for i in range(f.offset, min(f.offset + f.size, cls.SIZE)):
                covered[i] = 1
        assert all(covered), cls
        assert "__dict__" not in dir(cls), f"{cls.__name__} needs __slots__ = ()"


def test_show_is_the_table() -> None:
    text = srp.parse(CMD).show()
    assert text.splitlines()[0] == "Cmd, 64 bytes"
    assert "    8  tag                       00 00 00 00 00 00 00 07                          0x7" in text
    assert "DirectBuf(va=0x1000, len=512)" in text
    assert repr(text) == text
    assert repr(srp.ILogout.build(tag=5)) == "ILogout(tag=0x5)"
    long = mad.AdapterInfoData.build(partition_name="x" * 20).show()
    assert "   40                            64 more, zeros" in long
    bad = srp.Rsp.build(flags=2, sense_data_len=99)
    assert "claims 99 bytes at offset 36, 0 there" in bad.show()
    assert "sense=<truncated>" in repr(bad)


def test_trailing_and_trim() -> None:
    iu = srp.parse(CMD + b"stale")
    assert (iu.extent(), bytes(iu.trailing), len(iu)) == (64, b"stale", 69)
    assert iu.trim() == srp.parse(CMD)
    assert iu.to_dict()["trailing"] == b"stale"
    assert iu.problems() == []


def test_fields_of_other_classes_stay_inside() -> None:
    short = srp.ILogout(bytes(16))
    with pytest.raises(DecodeError):
        srp.Cmd.lun.__get__(short, srp.Cmd)
    with pytest.raises(TypeError):
        srp.Cmd.tag.__get__(b"no view", srp.Cmd)  # type: ignore[call-overload]
    with pytest.raises(DecodeError):
        srp.LoginReq.target_port_id.__set__(short.copy(), b"x")


def test_a_new_structure_is_a_few_lines() -> None:
    class Item(Structure):
        __slots__ = ()
        code = U8(0)
        count = U8(1)
        data = Part(2, count)

    class Header(Structure, size=8):
        __slots__ = ()
        kind = U8(0, must=0xC0)
        urgent = Flag(1, 7)
        level = Bits(1, 0, 3)
        place = U48(2)

    class Vendor(Structure):
        __slots__ = ()
        header = Struct(0, Header)
        name = Text(8, 4)
        length = U16(12)
        numbers = Array(14, 2, 3)
        big = U24(20)
        odd = Raw(23, 1)
        items = List(24, length, item=Item)

    made = Vendor.build(
        header={"urgent": True, "level": 5, "place": 1 << 47},
        name="ab",
        numbers=[1, 2],
        big=0xABCDEF,
        items=[{"code": 1, "data": b"xyz"}, Item.build(code=2)],
    )
    assert (
        bytes(made).hex()
        == "c085800000000000" + "61622020" + "0007" + "000100020000" + "abcdef00" + "010378797a" + "0200"
    )
    assert made.header.urgent is True
    assert [i.code for i in made.items] == [1, 2]
    assert Vendor.build(**made.to_dict()) == made
    assert Vendor(made).problems() == []
    assert [f.name for f in Header.FIELDS if f.reserved] == ["rsvd1_3"]
    made.length = 8
    with pytest.raises(DecodeError) as caught:
        _ = made.items
    assert (caught.value.offset, caught.value.need, caught.value.have) == (24, 8, 7)


def test_a_build_of_ones_own_is_inherited() -> None:
    class Padded(Structure):
        __slots__ = ()
        length = U8(0)

        @classmethod
        def build(cls, **fields: Any) -> Any:
            return cls._build(**fields, trailing=b"pad")

    class Longer(Padded):
        __slots__ = ()
        code = U8(1, must=7)

    assert bytes(Padded.build(length=3)) == b"\x03pad"
    assert bytes(Longer.build(length=3)) == b"\x03\x07pad"
    assert bytes(Longer._build(length=3)) == b"\x03\x07"
    memory = bytearray(7)
    for offset in -1, 3, 1 << 62:
        with pytest.raises(EncodeError, match="Longer: 5 bytes do not fit"):
            Longer.pack_into(memory, offset, length=9)
    assert not any(memory)
    assert (Longer.pack_into(memory, 1, length=9), bytes(memory)) == (5, b"\0\x09\x07pad\0")
    assert Longer.unpack(memory, 1) == (9, 7)
    for made in Longer, srp.CredRsp:  # by the class's own build, and by ours
        for wrong in bytes(80), memoryview(bytearray(80))[::2]:
            with pytest.raises(BufferError):
                made.pack_into(wrong)
        with pytest.raises(TypeError):
            made.pack_into("text")


def test_an_opcode_has_one_class() -> None:
    with pytest.raises(ValueError, match="already"):

        class Again(srp.IU, opcode=srp.Opcode.CMD):
            __slots__ = ()


def test_what_makes_no_table_is_refused() -> None:
    for make in (
        lambda: U8(-1),
        lambda: Bits(0, 5, 4),
        lambda: Bits(0, 0, 0),
        lambda: Array(0, 9, 1),
        lambda: Text(0, 4, pad=b"ab"),
        lambda: Part(0, unit=0),
    ):
        with pytest.raises(ValueError):
            make()
    with pytest.raises(TypeError):
        Part(0, "length")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="method of that name"):

        class Clash(Structure):
            __slots__ = ()
            show = U8(0)


def test_endless_lists_end() -> None:
    class Nothing(Structure, size=0):
        __slots__ = ()

    class Holder(Structure, size=0):
        __slots__ = ()
        things = List(0, item=Nothing)

    with pytest.raises(DecodeError):
        _ = Holder(bytes(10)).things


def test_dispatch_on_more_than_one_byte() -> None:
    class Wide(Structure, size=4):
        __slots__ = ()

    wide = Dispatch("wide", 0, 4)
    wide.add(0xDEADBEEF, Wide)
    assert type(wide.parse(bytes.fromhex("deadbeef"))) is Wide
    with pytest.raises(DecodeError, match="0x1"):
        wide.parse(bytes.fromhex("00000001"))
    with pytest.raises(TruncatedError):
        wide.parse(b"\xde\xad")
    for bad in (lambda: wide.parse(), lambda: wide.parse(b"", lax=True)):  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            bad()


def test_readers_in_many_threads() -> None:
    iu = srp.parse(bytearray(CMD))

    def look(_: int) -> bool:
        return all(
            srp.parse(iu).tag == iu.tag == 7 and iu.data_in.len == 512 and bytes(iu.cdb) == bytes(range(16))
            for _ in range(300)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(16)))


LEAK = """
import gc, sys
from pysrp import srp, mad, crq
from pysrp.errors import SrpError
CMD = bytearray(srp.Cmd.build(tag=7, cdb=bytes(16), data_in=[(1, 2), (3, 4)]))
RSP = bytes(srp.Rsp.build(status=2, sense=bytes(18)))
BAD = bytes(srp.Rsp.build(flags=2, sense_data_len=99))
CAPS = bytes(mad.CapabilitiesData.build(records=[mad.MigrationCap.build(), mad.ReserveCap.build()]))
ring = crq.Ring(bytearray(4096))

def work():
    for memory in (CMD, RSP, BAD, b"\\x77", b""):
        try:
            iu = srp.parse(memory)
            iu.show(), repr(iu), iu.problems(), iu.to_dict(), iu.copy(), iu.trim(), bytes(iu.trailing)
            for f in iu.FIELDS: getattr(iu, f.name)
        except SrpError: pass
    iu = srp.parse(CMD)
    iu.tag = 5; iu.data_in.segments(); memoryview(iu)[3:]
    srp.Cmd.unpack(CMD); srp.Cmd.columns(CMD, 48, ["tag", "cdb", "lun"]); srp.Cmd.pack_into(bytearray(99), 3, tag=1)
    for bad in (dict(tag=-1), dict(nope=1), dict(cdb=3), dict(data_in=(1,))):
        try: srp.Cmd.build(**bad)
        except (SrpError, TypeError): pass
    mad.CapabilitiesData(CAPS).to_dict(); mad.parse(CAPS)
    crq.Element.srp(1, 2).kind; ring.take()

def used():
    gc.collect()
    return sum(sys.getallocatedblocks() for _ in range(1))

for _ in range(300): work()
before = used()
for _ in range(3000): work()
grown = used() - before
assert sys.getrefcount(CMD) == 2, sys.getrefcount(CMD)
CMD.append(0)
assert grown < 50, grown
"""


def test_nothing_leaks() -> None:
    subprocess.run([sys.executable, "-c", LEAK], check=True)


def test_import_is_light() -> None:
    code = (
        "import sys, pysrp; pysrp.srp, pysrp.mad, pysrp.crq, pysrp.lun, pysrp.scsi;"
        "print([m for m in ('click', 'numpy', 'hypothesis', 'rich', 'cffi') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        == "[]\n"
    )


def test_fields_that_cannot_be_are_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="a and b overlap in byte 3"):
        type("Overlap", (Structure,), {"__slots__": (), "a": U64(0), "b": U8(3)}, size=8)
    with pytest.raises(TypeError, match=r"z ends at byte 20, size says 16"):
        type("Past", (srp.IU,), {"__slots__": (), "z": U64(12)}, opcode=0x3B, size=16)
