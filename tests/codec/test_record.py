"""Records: what a view over the same bytes says, in slots, and for good."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
from collections.abc import Callable, Iterator
from enum import IntEnum
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pysrp.wireshark  # noqa: F401  every module that has structures
from pysrp import crq, mad, scsi, srp
from pysrp.errors import DecodeError, TruncatedError
from pysrp.fields import U8, U16, Part, Raw, Struct, Structure, View
from threads import GIL

CMD = bytes(srp.Cmd.build(tag=1 << 63, lun=0x8100 << 48, cdb=bytes(range(16)), data_in=(0x1000, 512)))


def structures(base: type[Structure] = Structure) -> Iterator[type[Structure]]:
    """Every class of the package that has a table."""
    for cls in base.__subclasses__():
        if cls.__module__.startswith("pysrp.") and "FIELDS" in vars(cls):
            yield cls
        yield from structures(cls)


CLASSES = sorted(set(structures()), key=lambda cls: (cls.__module__, cls.__qualname__))


def answer(view: View, name: str) -> Any:
    """What a field says, or why not."""
    try:
        value = getattr(view, name)
    except DecodeError as error:
        return type(error), str(error).partition(".")[2]
    return bytes(value) if isinstance(value, memoryview) else value


def same(cls: type[Structure], data: bytes) -> None:
    """The record of ``data`` says what a view says, in every way."""
    if len(data) < cls.SIZE:
        messages = []
        for make in (cls, cls.record):
            with pytest.raises(TruncatedError) as raised:
                make(data)
            messages.append(str(raised.value))
        assert messages[0] == messages[1]
        return
    view = cls(data)
    record = cls.record(data)
    assert isinstance(record, cls)
    for field in cls.FIELDS:
        value, expected = answer(record, field.name), answer(view, field.name)
        assert value == expected
        assert type(value) is type(expected)
        assert (field.name in type(record).__dict__) == in_slot(cls, field)
    assert record == view
    assert hash(record) == hash(view)
    assert repr(record) == repr(view).replace(cls.__name__, type(record).__name__, 1)
    assert record.to_dict() == view.to_dict()


def in_slot(cls: type[Structure], field: Any) -> bool:
    return (
        field.offset + field.size <= cls.SIZE
        and not field.reserved
        and not isinstance(field, (Raw, Struct, Part))
    )


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_a_record_says_what_a_view_says(cls: type[Structure]) -> None:
    rng = Random(cls.__name__)
    same(cls, bytes(cls.SIZE + 64))
    same(cls, bytes(max(cls.SIZE - 1, 0)))
    for _ in range(5):
        same(cls, rng.randbytes(cls.SIZE + rng.randrange(64)))
        same(cls, bytes(rng.choice((0, 0, 1, 0x80, 0xFF)) for _ in range(cls.SIZE + 64)))


@given(st.sampled_from(CLASSES), st.binary(max_size=600))
def test_a_record_of_random_bytes(cls: type[Structure], data: bytes) -> None:
    same(cls, data)


def test_every_class_was_there() -> None:
    assert len(CLASSES) > 250
    assert {srp.Cmd, mad.Mad, crq.Element, scsi.Read10, scsi.FixedSense, scsi.InquiryData} <= set(CLASSES)


@pytest.mark.parametrize(
    ("record", "data", "cls"),
    [
        (srp.record, CMD, srp.Cmd),
        (mad.record, bytes(mad.AdapterInfo.build()), mad.AdapterInfo),
        (crq.record, bytes(crq.Element.srp(1, 256)), crq.Element),
        (scsi.record_cdb, bytes(scsi.Read10.build(lba=5)) + bytes(6), scsi.Read10),
        (scsi.record_sense, bytes.fromhex("700005000000000a00000000240000c00002"), scsi.FixedSense),
    ],
)
def test_the_class_is_chosen_as_by_parse(
    record: Callable[[Any], Structure], data: bytes, cls: type[Structure]
) -> None:
    for memory in (data, bytearray(data), memoryview(data), cls(data)):
        made = record(memory)
        assert type(made) is type(cls.record(data))
        assert made == cls(data).trim() or made == cls(data)
    for bad in ((), (data, data)):
        with pytest.raises(TypeError):
            record(*bad)
    with pytest.raises(TypeError):
        record(data, strict=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        record(5)
    with pytest.raises(DecodeError):
        record(b"")


def test_a_cdb_ends_where_it_ends() -> None:
    cdb = scsi.record_cdb(bytes(scsi.Read10.build(lba=5)) + bytes(6))
    assert len(cdb) == 10
    assert cdb == scsi.Read10.build(lba=5)
    assert hash(cdb) == hash(scsi.Read10.record(bytes(cdb)))
    reports = scsi.record_cdb(bytes(scsi.Inquiry.build(allocation_length=96)))
    assert type(scsi.parse_data_in(reports, bytes(96))) is scsi.InquiryData


def test_its_memory_is_its_own() -> None:
    memory = bytearray(CMD)
    record = srp.Cmd.record(memory)
    memory[:] = bytes(len(memory))
    memory.clear()  # nobody holds it
    assert record == srp.Cmd(CMD)
    assert record.readonly
    assert record.tag == 1 << 63
    assert record.data_in.len == 512
    assert srp.Cmd.record(CMD).copy().readonly is False
    assert type(record.copy()) is type(record.trim()) is srp.Cmd


def test_nothing_about_it_changes() -> None:
    record: Any = srp.Cmd.record(CMD)
    kind: Any = type(record)
    for name in ("tag", "cdb", "data_in", "rsvd2", "anything", "__class__"):
        with pytest.raises(TypeError, match="read-only"):
            setattr(record, name, 5)
    with pytest.raises(TypeError, match="read-only"):
        del record.tag
    with pytest.raises((AttributeError, TypeError)):  # another one in each Python
        object.__setattr__(record, "tag", 5)
    with pytest.raises(AttributeError):
        kind.tag.__set__(record, 5)
    with pytest.raises(TypeError):
        srp.Cmd.tag.__set__(record, 5)
    with pytest.raises(TypeError):
        memoryview(record)[0] = 1
    for make in (
        lambda: kind(CMD),
        lambda: srp.Cmd.__new__(kind, CMD),
        lambda: object.__new__(kind),
        lambda: type("Below", (kind,), {}),
        lambda: setattr(srp.Cmd(CMD), "__class__", kind),
    ):
        with pytest.raises(TypeError):
            make()
    assert record.tag == 1 << 63
    event: Any = crq.Element.record(bytes(crq.Element.srp(7, 256)))
    assert event.tag == 7
    with pytest.raises(TypeError, match="read-only"):
        event.tag = 5


def test_it_is_a_key_and_a_pattern_and_travels() -> None:
    record, other = srp.Cmd.record(CMD), srp.Cmd.record(bytes(48))
    assert len({record, other, srp.Cmd.record(bytearray(CMD)), srp.Cmd(CMD)}) == 2
    assert record != other
    assert srp.CredRsp.record(bytes(16)) != srp.ILogout.record(bytes(16))
    assert record != CMD
    match record:
        case srp.Cmd(tag=tag, task_attr=srp.TaskAttribute.SIMPLE):
            assert tag == 1 << 63
        case _:
            pytest.fail("a record is of its class")
    kind: Any = type(record)
    names: tuple[str, ...] = kind.__match_args__
    assert names[:2] == ("opcode", "sol_not")
    assert set(names) <= {field.name for field in srp.Cmd.FIELDS}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(record, protocol))
        assert type(again) is type(record)
        assert again == record
    assert type(copy.copy(record)) is type(copy.deepcopy(record)) is type(record)


def test_views_have_a_hash_where_their_memory_has() -> None:
    assert hash(srp.Cmd(CMD)) == hash(srp.Cmd(memoryview(CMD))) == hash(CMD)
    nested = srp.Cmd(CMD).data_in
    assert hash(nested) == hash(srp.DirectBuf(bytes(nested)))
    for memory in (bytearray(CMD), memoryview(bytearray(CMD)).toreadonly(), srp.Cmd(bytearray(CMD))):
        with pytest.raises((TypeError, ValueError)):
            hash(srp.Cmd(memory))
    changing = srp.Cmd(bytearray(CMD))
    for within in changing.raw("cdb").toreadonly(), srp.DirectBuf(changing.raw("data_in").toreadonly()):
        with pytest.raises((TypeError, ValueError)):
            hash(within)


def test_a_class_of_ones_own() -> None:
    class Mine(Structure, size=2):
        __slots__ = ()
        code = U8(0)

        @property
        def twice(self) -> int:
            return 2 * self.code

    class Wide(Structure):
        code = U8(0)

    class Weak(Structure):
        __slots__ = ("__weakref__",)
        code = U8(0)

    assert Mine.record(b"\5\0").twice == 10
    for cls in (Wide, Weak):
        with pytest.raises(TypeError, match="__slots__"):
            cls.record(b"\5")
    for bad in ((), (b"12", 0), (b"12", b"12")):
        with pytest.raises(TypeError):
            Mine.record(*bad)


def test_a_record_that_is_made_while_its_type_is() -> None:
    made: list[Any] = []

    class Codes(IntEnum):
        ONE = 1

        @classmethod
        def _missing_(cls, value: object) -> Any:
            if not made:
                made.append(None)
                made[0] = Mine.record(b"\1")
            return None

    class Mine(Structure):
        __slots__ = ()
        code = U8(0, enum=Codes)

    assert type(Mine.record(b"\1")) is type(made[0])
    assert made[0].__reduce__()[1] == (Mine, b"\1")


def test_the_hash_of_views_over_views_over_views() -> None:
    view = srp.Cmd(CMD)
    for _ in range(10):
        view = srp.Cmd(memoryview(view))
    assert hash(view) == hash(srp.Cmd(CMD))
    for _ in range(200_000):
        view = srp.Cmd(view)
    with pytest.raises(RecursionError):
        hash(view)


def references(kind: type) -> int:
    """To a class. Without the GIL each thread counts those of its objects for itself, where nobody sees them."""
    return sys.getrefcount(kind) if GIL else 0


def test_what_a_field_raises_leaves_no_half_record() -> None:
    calls, armed = [], [True]

    class Codes(IntEnum):
        ONE = 1

        @classmethod
        def _missing_(cls, value: object) -> Any:
            calls.append(value)
            if armed:
                raise KeyError(value)
            return None

    class Mine(Structure):
        __slots__ = ()
        first = U8(0)
        code = U16(1, enum=Codes)

    assert Mine.record(b"\0\0\1").code is Codes.ONE
    kind = type(Mine.record(b"\0\0\1"))
    before = references(kind)
    for _ in range(10):
        with pytest.raises(KeyError):
            Mine.record(b"\0\0\2")
    assert references(kind) == before
    assert calls == [2] * 10
    armed.clear()
    assert Mine.record(b"\0\0\2").code == 2


def test_records_and_what_they_hold_are_let_go() -> None:
    data = bytes(bytearray(CMD))
    srp.Cmd.record(data)
    kind = type(srp.Cmd.record(data))
    before = sys.getrefcount(data), references(kind)
    made = [srp.Cmd.record(data) for _ in range(100)]
    assert not gc.is_tracked(made[0])
    assert sys.getrefcount(data) == before[0] + 100
    del made
    assert (sys.getrefcount(data), references(kind)) == before


def test_one_that_is_finalized() -> None:
    ended: list[int] = []
    kept: list[Any] = []

    class Mine(Structure):
        __slots__ = ()
        code = U8(0)

        def __del__(self) -> None:
            ended.append(self.code)
            if self.code == 2:
                kept.append(self)

    Mine.record(b"\1")
    Mine.record(b"\2")
    assert ended == [1, 2]
    assert kept[0].code == 2
