"""Codecs that several threads use at once: what is made when it is first needed, and views that are shared."""

from enum import IntEnum

import pytest
from pysrp._fast.stretch import Stretch

from pysrp import srp
from pysrp.fields import U8, U16, U64, Bits, LunField, Structure
from pysrp.lun import Lun
from threads import GIL, ROUNDS, each


def made():
    """A class that nothing has been asked of."""

    class Kind(IntEnum):
        ONE = 1
        TWO = 2

    class Order(Structure, size=24):
        """For one round."""

        __slots__ = ()
        kind = U8(0, enum=Kind)
        high = Bits(1, 4, 4)
        number = U16(2)
        lun = LunField(8)
        tag = U64(16)

    return Kind, Order


RAW = bytes.fromhex("0230cafe000000008100000000000000c0de000000000007")


def test_what_is_made_at_first_use():
    """The type of records, the steps of unpack(), plans of columns, tables of enum members: by whoever comes first."""
    for _ in range(ROUNDS):
        kinds, order = made()

        def use(_number, order=order):
            record = order.record(RAW)
            columns = order.columns(RAW * 3, 24)
            return record, order.unpack(RAW), order(RAW).kind, list(columns["number"])

        results = each(use)
        for record, fields, kind, numbers in results:
            assert type(record) is type(results[0][0])
            assert (record.kind, record.number, record.tag) == (2, 0xCAFE, 0xC0DE000000000007)
            assert record.lun == Lun(0x8100000000000000)
            assert record.kind is kind is kinds.TWO
            assert fields == results[0][1]
            assert numbers == [0xCAFE] * 3


def test_a_view_that_several_read():
    memory = bytearray(srp.Cmd.build(tag=7, cdb=b"\x28" + bytes(15), data_in=(0x1000, 512)))
    view = srp.parse(memory)
    shown = view.show()

    def read(_number):
        for _ in range(ROUNDS):
            part = view.raw("cdb")
            assert part[0] == 0x28
            assert bytes(part) == bytes(memory[32:48])
            assert (view.tag, view.opcode) == (7, srp.Opcode.CMD)
            assert view.copy() == view
            assert view.to_dict()["tag"] == 7
        return view.show()

    assert each(read) == [shown] * 4
    if GIL:  # before 3.14 bytearray itself loses count of who looks at it
        del view
        memory.append(0)


def test_an_array_of_structures_that_several_read():
    count = 64
    memory = RAW * count
    order = made()[1]

    def read(number):
        for _ in range(ROUNDS):
            for at in range(number, count, 4):
                item = order(memoryview(memory)[24 * at : 24 * at + 24])
                assert item.tag == 0xC0DE000000000007
                assert hash(item) == hash(order(RAW))

    each(read)


def test_parsing_by_several():
    """IUs of all kinds, among them broken ones: errors too are each thread's own."""
    ius = [bytes(srp.Rsp.build(tag=at)) for at in range(8)] + [
        bytes(srp.TskMgmt.build(tag=at)) for at in range(8)
    ]

    def parse(number):
        for at in range(ROUNDS):
            iu = ius[(at + number) % len(ius)]
            assert srp.parse(iu).tag == (at + number) % 8
            assert srp.record(iu).tag == (at + number) % 8
            with pytest.raises(ValueError, match="bytes needed"):
                srp.parse(iu[:9])

    each(parse)


def test_a_stretch_has_bounds():
    """What is not inside is refused, read, written or looked at."""
    memory = bytearray(range(64))
    stretch = Stretch(memory, 16, 32)
    assert (len(stretch), bytes(stretch.part(4, 2))) == (32, b"\x14\x15")
    stretch.write_from(30, b"ab")
    got = bytearray(2)
    stretch.read_into(30, got)
    assert got == b"ab" == memory[46:48]
    for offset, size in (0, 65), (60, 5), (-1, 4), (65, None):
        with pytest.raises(ValueError, match="in memory of 64 bytes"):
            Stretch(memory, offset, size)
    for call in (stretch.read_into, stretch.write_from):
        with pytest.raises(ValueError, match="in memory of 32 bytes"):
            call(31, bytearray(2))
        with pytest.raises(ValueError, match="in memory of 32 bytes"):
            call(33, bytearray(0))
    for offset, size in (0, 33), (31, 2), (33, 0), (-1, 1), (0, -1), (-32, 32):
        with pytest.raises(ValueError, match=f"{size} bytes from {offset} on"):
            stretch.part(offset, size)
    with pytest.raises(BufferError):
        memory.append(0)
    del stretch, call
    memory.append(0)
