"""Columns: one mapping in one piece of memory, which is lent, used again, and taken by Arrow."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from pysrp import crq, srp
from pysrp.fields import I32, U8, U16, U24, U48, Array, Bits, Int, LunField, Raw, Structure, Text

FIELDS = ["tag", "lun", "cdb", "task_attr"]


def cmds(count: int, seed: int = 1) -> bytes:
    rng = Random(seed)
    return b"".join(
        bytes(
            srp.Cmd.build(
                tag=rng.getrandbits(64),
                lun=0x8100 << 48 | i,
                cdb=rng.randbytes(16),
                task_attr=rng.choice(list(srp.TaskAttribute)),
            )
        )
        for i in range(count)
    )


class Signed(Structure):
    """Integers with a sign, of each width of a column, whole and not."""

    __slots__ = ()
    upper = Int(0, 1, 4, 4, signed=True)
    lower = Int(0, 1, 0, 4, signed=True)
    twelve = Int(1, 2, 2, 12, signed=True)
    three = Int(3, 3, signed=True)
    four = I32(6)
    five = Int(10, 5, signed=True)
    eight = Int(15, 8, signed=True)


@pytest.mark.parametrize("bits", [0x00, 0x55, 0x7F, 0x80, 0xAA, 0xFF])
def test_numbers_below_zero(bits: int) -> None:
    data = bytes([bits]) * Signed.SIZE
    view, columns = Signed(data), Signed.columns(data, stride=Signed.SIZE)
    assert {name: columns[name][0] for name in columns} == {name: getattr(view, name) for name in columns}
    assert len(columns) == 7


class Wide(Structure, size=64):
    """A field of each width and kind, and sizes of bytes with loops of their own."""

    __slots__ = ()
    one = U8(0)
    low = Bits(1, 0, 3)
    high = Bits(1, 4, 4)
    two = U16(2)
    nine = Bits(4, 3, 9, 2)
    three = U24(6)
    four = I32(9)
    twenty = Bits(13, 3, 20, 4)
    six = U48(17)
    fifty = Bits(23, 7, 50, 8)
    lun = LunField(31)
    few = Raw(39, 3)
    text = Text(42, 16)
    several = Array(58, 2, 3)


@pytest.mark.parametrize("stride", [64, 65, 257, 4096, 20000])
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 255, 256, 5000])
def test_all_widths_over_many_blocks(stride: int, count: int) -> None:
    if stride * count > 1 << 22:
        count = (1 << 22) // stride
    raw = Random(count).randbytes(stride * count)
    columns = Wide.columns(raw, stride)
    assert columns.rows == count
    for i in {0, 1, 2, 3, 15, 16, count // 2, count - 2, count - 1}:
        if not 0 <= i < count:
            continue
        view = Wide(raw[i * stride : i * stride + 64])
        for field in Wide.FIELDS:
            if field.reserved:
                continue
            column = columns[field.name]
            if column.format == "B" and field.size > 1:
                assert bytes(column[i * field.size : (i + 1) * field.size]) == bytes(view.raw(field.name))
            else:
                assert column[i] == int(getattr(view, field.name))


def test_they_are_asked_as_a_dictionary() -> None:
    columns = srp.Cmd.columns(cmds(3), 48, FIELDS)
    assert list(columns) == list(columns.keys()) == FIELDS
    assert len(columns) == 4
    assert columns.rows == 3
    assert "tag" in columns
    assert "tags" not in columns
    assert columns.get("tags") is None
    with pytest.raises(KeyError):
        columns["tags"]
    with pytest.raises(KeyError, match="Cmd has no field 'tags'"):
        srp.Cmd.columns(cmds(3), 48, ["tag", "tags"])
    assert columns.get("tags", 5) == 5
    assert columns.get("tag") == columns["tag"]
    assert dict(columns) == dict(columns.items()) == dict(zip(FIELDS, columns.values(), strict=True))
    assert [column.nbytes for column in columns.values()] == [24, 24, 48, 3]
    assert repr(columns) == "<Columns of tag, lun, cdb, task_attr: 3 rows>"
    assert list(srp.Cmd.columns(cmds(1), 48, ["tag", "lun", "tag"])) == ["tag", "lun"]
    assert list(srp.Cmd.columns(cmds(1), 48, [])) == []


def test_a_column_is_a_buffer_of_any_kind() -> None:
    columns = crq.Element.columns(bytes(crq.Element.srp(7, 256)) * 9, 16)
    column = columns["IU_data_ptr"]
    assert (column.format, column.itemsize, column.shape, column.strides) == ("Q", 8, (9,), (8,))
    assert bytes(column) == b"".join((7).to_bytes(8, sys.byteorder) for _ in range(9))
    assert memoryview(column.obj).tobytes() == bytes(column)
    assert ctypes.string_at(ctypes.addressof(ctypes.c_char.from_buffer(column)), 8)[0] in (7, 0)
    del columns
    gc.collect()
    assert list(column) == [7] * 9


def test_nobody_else_makes_them() -> None:
    columns: Any = srp.Cmd.columns(cmds(2), 48, FIELDS)
    kind: Any = type(columns["tag"].obj)
    made_by: Any = type(columns)
    plan: list[Any] = gc.get_referents(columns)
    for make in (
        lambda: made_by(),
        lambda: made_by(None, 3),
        lambda: made_by(*plan[:1]),
        lambda: type("Below", (type(columns),), {}),
        lambda: made_by.__new__(type(columns)),
        lambda: kind(),
        lambda: kind(None, 0),
    ):
        with pytest.raises(TypeError):
            make()
    for i in (-1, 4):
        with pytest.raises(IndexError):
            kind(columns, i)
    for each in plan:
        if type(each).__name__ == "ColumnPlan":
            empty: Any = type(each)
            for arguments in ((empty(), 1), (each, -1)):
                with pytest.raises(TypeError):
                    made_by(*arguments)
            with pytest.raises(MemoryError):
                made_by(each, sys.maxsize)


def test_memory_is_used_again() -> None:
    first = srp.Cmd.columns(cmds(100), 48, FIELDS)
    there = ctypes.addressof(ctypes.c_char.from_buffer(first["tag"]))
    fewer = srp.Cmd.columns(cmds(60, seed=2), 48, FIELDS, out=first)
    assert dict(fewer) == dict(srp.Cmd.columns(cmds(60, seed=2), 48, FIELDS))
    assert fewer.rows == 60
    assert first.rows == 100
    assert ctypes.addressof(ctypes.c_char.from_buffer(fewer["tag"])) == there
    again = srp.Cmd.columns(cmds(100, seed=3), 48, FIELDS, out=fewer)
    assert ctypes.addressof(ctypes.c_char.from_buffer(again["tag"])) == there
    for out, count, names in ((again, 101, FIELDS), (again, 5, ["tag"])):
        other = srp.Cmd.columns(cmds(count), 48, names, out=out)
        assert ctypes.addressof(ctypes.c_char.from_buffer(other["tag"])) != there
        assert dict(other) == dict(srp.Cmd.columns(cmds(count), 48, names))


def test_lent_memory() -> None:
    tags = bytearray(8 * 10)
    columns = srp.Cmd.columns(cmds(10), 48, FIELDS, out={"tag": tags, "other": None})
    assert bytes(tags) == bytes(columns["tag"])
    with pytest.raises(BufferError):
        tags.clear()
    again = srp.Cmd.columns(cmds(10, seed=2), 48, FIELDS, out=columns)
    assert bytes(tags) == bytes(again["tag"])
    del columns, again
    gc.collect()
    tags.clear()
    for lent in (bytearray(79), bytes(80)):
        with pytest.raises(ValueError, match="writable"):
            srp.Cmd.columns(cmds(10), 48, FIELDS, out={"tag": lent})
    other: Any
    for other in ([bytearray(80)], 3, "tag"):
        with pytest.raises(TypeError, match="out is what columns"):
            srp.Cmd.columns(cmds(10), 48, FIELDS, out=other)


def test_more_plans_than_are_kept() -> None:
    names = [field.name for field in Wide.FIELDS if not field.reserved]
    raw = bytes(range(64))
    for i in range(300):
        chosen = Random(i).sample(names, 1 + i % len(names))
        columns = Wide.columns(raw, 64, chosen)
        assert list(columns) == chosen
        assert columns["one" if "one" in chosen else chosen[0]].nbytes


# Arrow.

TYPES = {
    "opcode": "uint8", "sol_not": "uint8", "data_out_fmt": "uint8", "data_in_fmt": "uint8",
    "data_out_desc_cnt": "uint8", "data_in_desc_cnt": "uint8", "tag": "uint64", "lun": "uint64",
    "task_attr": "uint8", "add_cdb_len": "uint8", "cdb": "fixed_size_binary[16]",
}  # fmt: skip


def test_pyarrow_takes_them_without_a_copy() -> None:
    pa = pytest.importorskip("pyarrow")
    raw = cmds(1000)
    columns = srp.Cmd.columns(raw, 48)
    batch = pa.record_batch(columns)
    batch.validate(full=True)
    assert {field.name: str(field.type) for field in batch.schema} == TYPES
    assert batch["tag"].to_pylist() == list(columns["tag"])
    assert batch["cdb"].to_pylist() == [bytes(srp.Cmd(raw[i : i + 48]).cdb) for i in range(0, len(raw), 48)]
    assert batch["tag"].buffers()[1].address == ctypes.addressof(ctypes.c_char.from_buffer(columns["tag"]))
    assert pa.table(columns).num_rows == 1000
    assert pa.schema(columns) == batch.schema
    signed = pa.array(Wide.columns(bytes(range(64)) * 3, 64))
    assert signed.type.field("four").type == pa.int32()
    assert signed.field("two").to_pylist() == [0x0203] * 3
    assert pa.record_batch(srp.Cmd.columns(b"", 48)).num_rows == 0


def test_arrow_keeps_what_it_has() -> None:
    pa = pytest.importorskip("pyarrow")
    columns = srp.Cmd.columns(cmds(50), 48, FIELDS)
    there = ctypes.addressof(ctypes.c_char.from_buffer(columns["tag"]))
    tags = list(columns["tag"])
    batch = pa.record_batch(columns)
    other = srp.Cmd.columns(cmds(50, seed=2), 48, FIELDS, out=columns)
    assert ctypes.addressof(ctypes.c_char.from_buffer(other["tag"])) != there
    column = batch["tag"]  # a child outlives its parent, and all that is Python's
    del batch, columns
    gc.collect()
    assert column.to_pylist() == tags
    batch = pa.record_batch(other)
    there = ctypes.addressof(ctypes.c_char.from_buffer(other["tag"]))
    del batch
    gc.collect()
    again = srp.Cmd.columns(cmds(50), 48, FIELDS, out=other)
    assert ctypes.addressof(ctypes.c_char.from_buffer(again["tag"])) == there
    assert list(again["tag"]) == tags


def test_lent_memory_is_copied_for_arrow() -> None:
    pa = pytest.importorskip("pyarrow")
    tags = bytearray(8 * 10)
    columns = srp.Cmd.columns(cmds(10), 48, FIELDS, out={"tag": tags})
    expected = list(columns["tag"])
    batch, table = pa.record_batch(columns), pa.table(columns)
    tags[:] = bytes(80)
    assert batch["tag"].to_pylist() == expected == table["tag"].to_pylist()
    assert batch["lun"].to_pylist() == list(columns["lun"])


def test_polars_takes_them() -> None:
    polars = pytest.importorskip("polars")
    columns = srp.Cmd.columns(cmds(100), 48)
    frame = polars.DataFrame(columns)
    assert frame.shape == (100, 11)
    assert frame["tag"].to_list() == list(columns["tag"])
    assert frame["cdb"].to_list()[7] == bytes(columns["cdb"][7 * 16 : 8 * 16])
    del columns
    gc.collect()
    assert frame.select((polars.col("lun") % 65536).sum()).item() == sum(range(100))


def test_duckdb_takes_them() -> None:
    duckdb = pytest.importorskip("duckdb")
    columns = srp.Cmd.columns(cmds(100), 48)
    with duckdb.connect() as connection:
        found = connection.execute("select count(*), max(tag), any_value(octet_length(cdb)) from columns")
        assert found.fetchone() == (100, max(columns["tag"]), 16)


class Schema(ctypes.Structure):
    pass


Schema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(Schema))), ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p),
]  # fmt: skip


class Array_(ctypes.Structure):
    pass


Array_._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64), ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(Array_))), ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p),
]  # fmt: skip


class Stream(ctypes.Structure):
    _fields_ = [
        ("get_schema", ctypes.c_void_p), ("get_next", ctypes.c_void_p), ("get_last_error", ctypes.c_void_p),
        ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p),
    ]  # fmt: skip


def content(capsule: Any, name: bytes, kind: Any) -> Any:
    """What a capsule has, as a consumer in C sees it."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return kind.from_address(pointer(capsule, name))


def moved(source: Any) -> Any:
    """As a consumer takes it: the content is its own now, and the source is released."""
    taken = type(source).from_buffer_copy(source)
    source.release = None
    return taken


def release(taken: Any) -> None:
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(taken.release)(ctypes.addressof(taken))
    assert taken.release is None


def block_refs(columns: Any) -> list[Callable[[], Any]]:
    return [columns.__arrow_c_schema__, columns.__arrow_c_array__, columns.__arrow_c_stream__]


def test_capsules_that_nobody_takes() -> None:
    columns = srp.Cmd.columns(cmds(5), 48)
    there = ctypes.addressof(ctypes.c_char.from_buffer(columns["tag"]))
    for make in block_refs(columns):
        make()
    kept = [make() for make in block_refs(columns)]
    del kept
    assert (
        ctypes.addressof(ctypes.c_char.from_buffer(srp.Cmd.columns(cmds(5), 48, out=columns)["tag"])) == there
    )


@pytest.mark.parametrize("first", ["parent", "child"])
def test_children_that_are_taken_out(first: str) -> None:
    columns = srp.Cmd.columns(cmds(5), 48, FIELDS)
    tags = list(columns["tag"])
    schema_capsule, array_capsule = columns.__arrow_c_array__()
    del columns
    schema = moved(content(schema_capsule, b"arrow_schema", Schema))
    array = moved(content(array_capsule, b"arrow_array", Array_))
    del schema_capsule, array_capsule
    gc.collect()
    assert (schema.format, schema.n_children, array.length, array.n_children) == (b"+s", 4, 5, 4)
    assert [schema.children[i][0].name.decode() for i in range(4)] == FIELDS
    assert [schema.children[i][0].format for i in range(4)] == [b"L", b"L", b"w:16", b"C"]
    kind, tag = moved(schema.children[0][0]), moved(array.children[0][0])
    order = [schema, array, kind, tag] if first == "parent" else [kind, tag, schema, array]
    for each in order:
        if each is tag:
            assert kind.format == b"L" if kind.release else True
            assert list((ctypes.c_uint64 * 5).from_address(tag.buffers[1])) == tags
        release(each)


def test_a_stream_has_one_array_and_its_schema_as_often_as_one_asks() -> None:
    columns = srp.Cmd.columns(cmds(5), 48, FIELDS)
    capsule = columns.__arrow_c_stream__()
    stream = moved(content(capsule, b"arrow_array_stream", Stream))
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    for _ in range(2):
        schema = Schema()
        assert call(stream.get_schema)(ctypes.addressof(stream), ctypes.addressof(schema)) == 0
        assert schema.n_children == 4
        release(schema)
    array, end = Array_(), Array_()
    assert call(stream.get_next)(ctypes.addressof(stream), ctypes.addressof(array)) == 0
    assert call(stream.get_next)(ctypes.addressof(stream), ctypes.addressof(end)) == 0
    assert array.length == 5
    assert end.release is None
    error = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_void_p)(stream.get_last_error)
    assert error(ctypes.addressof(stream)) is None
    release(stream)
    assert list((ctypes.c_uint64 * 5).from_address(array.children[0][0].buffers[1])) == list(columns["tag"])
    release(array)


def test_a_thread_that_is_not_pythons_lets_go() -> None:
    """Many at a time: whoever is last frees the memory, and holds no lock of Python's (ctypes calls without it)."""
    columns = srp.Cmd.columns(cmds(5), 48, FIELDS)
    capsules = [columns.__arrow_c_array__()[1] for _ in range(400)]
    taken = [moved(content(capsule, b"arrow_array", Array_)) for capsule in capsules]
    del columns, capsules

    def let_go(mine: Iterator[Any]) -> None:
        for each in mine:
            release(each)

    threads = [threading.Thread(target=let_go, args=(iter(taken[i::4]),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
