"""Every command that means blocks, on disks of each kind: which blocks, which bits, how much data (SBC-4, 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conformance_cdbs import EXTENTS, IN, OUT, READS, WRITES, Extent
from conformance_rig import (
    GOOD,
    IN_CDB,
    MISCOMPARE,
    NO_COMMAND,
    OUT_OF_RANGE,
    PROTECTED,
    Answer,
    Unit,
    how,
)

Case = tuple[str, bytes, bytes, int, Answer]
"""Its name, CDB, data-out, room for data-in, and the answer by the standard, of a unit that may be written."""


def case(unit: Unit, what: Extent, name: str, lba: int, blocks: int, flags: int, wanted: Answer) -> Case:
    length = what.length(blocks or max(what.no_blocks, 0), unit.size)
    data = bytes(length) if what.data == OUT else b""
    if what.times == 0:
        data = bytes(unit.size)
    return name, what.build(lba, blocks, flags), data, length if what.data == IN else 0, wanted


def which_blocks(unit: Unit, what: Extent) -> Iterator[Case]:
    """Some, the last ones, none, and those that are not there."""
    for blocks in (1, 2, 4, 8, 16, 32, 64, 128):
        if blocks <= what.most:
            yield case(unit, what, f"the first {blocks}", 0, blocks, 0, GOOD)
            yield case(unit, what, f"the last {blocks}", unit.blocks - blocks, blocks, 0, GOOD)
    none = IN_CDB if what.no_blocks < 0 else GOOD
    yield case(unit, what, "none, the first", 0, 0, 0, none)
    if not what.no_blocks:
        yield case(unit, what, "none, the last", unit.blocks - 1, 0, 0, GOOD)
    top = (1 << 64) - 1 if "16" in what.name or "32" in what.name or "COMPARE" in what.name else (1 << 32) - 1
    if what.name.endswith("(6)"):
        top = (1 << 21) - 1
    for name, lba, blocks in (
        ("one behind the end", unit.blocks, 1),
        ("none behind the end", unit.blocks, 0),
        ("two, one of them there", unit.blocks - 1, 2),
        ("one less than all behind", unit.blocks - 1, 128),
        ("the highest there may be", top, 1),
    ):
        yield case(unit, what, name, lba, blocks, 0, OUT_OF_RANGE)


def which_bits(unit: Unit, what: Extent) -> Iterator[Case]:
    """DPO and FUA as one likes, protection information never, as there is none (PROTECT 0)."""
    for flags in {bits & what.flags for bits in range(32)}:
        yield case(unit, what, f"flags {flags:#x}", 1, 1, flags, GOOD)
    if what.protect:
        for value in range(1, 8):
            yield case(unit, what, f"protect field {value}", 1, 1, value << 5, IN_CDB)
    name, cdb, data, room, _ = case(unit, what, "NACA", 1, 1, 0, IN_CDB)
    control = 1 if cdb[0] == 0x7F else len(cdb) - 1
    yield name, cdb[:control] + b"\x04" + cdb[control + 1 :], data, room, IN_CDB


def how_long(unit: Unit, what: Extent) -> Iterator[Case]:
    """7Fh says how long it is."""
    name, cdb, data, room, _ = case(unit, what, "length", 1, 1, 0, GOOD)
    if cdb[0] == 0x7F:
        for length in 0, 0x10, 0x17, 0x19, 0x20:
            yield f"{name} {length}", cdb[:7] + bytes((length,)) + cdb[8:], data, room, IN_CDB


@pytest.mark.parametrize("what", EXTENTS, ids=lambda what: what.name)
@pytest.mark.parametrize("cases", [which_blocks, which_bits, how_long])
def test_blocks(disk: Unit, what: Extent, cases: Callable[[Unit, Extent], Iterator[Case]]) -> None:
    wrong = []
    for name, cdb, data, room, wanted in cases(disk, what):
        allowed = {wanted}
        if what.needs and not getattr(disk, what.needs):
            allowed = {NO_COMMAND}
        elif what.writes and disk.kind.read_only:  # no order of checks is said
            allowed = {PROTECTED} if wanted == GOOD else {PROTECTED, wanted}
        result = disk(cdb, data, room)
        if how(result) not in allowed:
            wrong.append(f"{name}: {cdb.hex()}: {how(result)}, not {allowed}")
        elif how(result) == GOOD and (len(result.data), result.residual, result.overflow) != (room, 0, 0):
            wrong.append(f"{name}: {cdb.hex()}: {len(result.data)} of {room}, residual {result.residual}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("what", [*READS, *WRITES], ids=lambda what: what.name)
def test_more_or_less_data_than_the_blocks(disk: Unit, what: Extent) -> None:
    """What is too much or too little is a residual; the blocks that it is enough for are moved."""
    if what.needs or (what.writes and disk.kind.read_only):
        pytest.skip("there is nothing to move")
    cdb = what.build(3, 2, 0)
    two = 2 * disk.size
    if what.data == IN:
        more, less, none = disk(cdb, b"", two + 512), disk(cdb, b"", disk.size), disk(cdb)
        assert (how(more), len(more.data), more.residual, more.overflow) == (GOOD, two, 512, 0)
        assert (how(less), len(less.data), less.overflow) == (GOOD, disk.size, disk.size)
        assert (how(none), none.data) == (GOOD, b"")
        return
    more = disk(cdb, b"m" * two + b"n" * 512)
    assert (how(more), more.residual, more.overflow) == (GOOD, 512, 0)
    less = disk(cdb, b"o" * disk.size)
    assert (how(less), less.residual, less.overflow) == (GOOD, 0, disk.size)
    assert disk.answer(cdb) == GOOD
    if disk.kind.holds:
        found = disk.good(READS[3].build(2, 4, 0), room=4 * disk.size)
        assert found == bytes(disk.size) + b"o" * disk.size + b"m" * disk.size + bytes(disk.size)
    disk.good(what.build(3, 2, 0), bytes(two))


@pytest.mark.parametrize("write", WRITES, ids=lambda what: what.name)
def test_what_is_written_is_read(disk: Unit, write: Extent) -> None:
    if disk.kind.read_only or not disk.kind.holds or (write.needs and not getattr(disk, write.needs)):
        pytest.skip("nothing is kept")
    for number, read in enumerate(READS, 1):
        lba = disk.blocks - 3 * number
        data = bytes((number, len(write.name))) * disk.size
        disk.good(write.build(lba, 2, 0), data)
        assert disk.good(read.build(lba, 2, 0), room=2 * disk.size) == data, read.name
        assert disk.good(read.build(lba, 2, 0), room=2 * disk.size, who=1) == data, read.name
        disk.good(write.build(lba, 2, 0), bytes(len(data)))


VERIFIES = [what for what in EXTENTS if what.name.startswith("VERIFY")]


@pytest.mark.parametrize("what", VERIFIES, ids=lambda what: what.name)
def test_verify_compares(disk: Unit, what: Extent) -> None:
    """BYTCHK 00b, 01b, 11b; 10b is reserved. The offset of the first difference is told."""
    two, size = bytes(2 * disk.size), disk.size
    assert disk.answer(what.build(5, 2, 0)) == GOOD
    assert disk.answer(what.build(5, 2, 2), two) == GOOD
    assert disk.answer(what.build(5, 2, 6), two[:size]) == GOOD
    assert disk.answer(what.build(5, 2, 4)) == IN_CDB
    assert disk.answer(what.build(5, 2, 2), two[:-1]) == IN_CDB
    for at in 0, size - 1, size, 2 * size - 1:
        result = disk(what.build(5, 2, 2), two[:at] + b"\1" + two[at + 1 :])
        assert how(result) == MISCOMPARE
        assert (result.sense[0], int.from_bytes(result.sense[3:7], "big")) == (0xF0, at)
    assert disk.answer(what.build(disk.blocks - 1, 2, 2), two) == OUT_OF_RANGE


def test_compare_and_write(disk: Unit) -> None:
    (what,) = (each for each in EXTENTS if each.name == "COMPARE AND WRITE")
    most = disk.good(b"\x12\1\xb0\0\x40\0", room=64)[5]
    one, other = bytes(disk.size), b"\1" * disk.size
    if disk.kind.read_only:
        assert disk.answer(what.build(7, 1, 0), one + other) == PROTECTED
        return
    result = disk(what.build(7, 1, 0), one[:-1] + other)  # one byte short
    assert how(result) == IN_CDB
    for number, wrong in ((0, other), (1, other), (2, one), (1, one + other + other)):
        assert disk.answer(what.build(7, number, 0), wrong) == IN_CDB
    for at in 0, 1, disk.size - 1:
        result = disk(what.build(7, 1, 0), one[:at] + b"\2" + one[at + 1 :] + other)
        assert how(result) == MISCOMPARE
        assert (result.sense[0], int.from_bytes(result.sense[3:7], "big")) == (0xF0, at)
    assert disk.answer(what.build(0, most, 0), bytes(2 * most * disk.size)) == GOOD
    assert most == 255 or disk.answer(what.build(0, most + 1, 0), bytes(2 * (most + 1) * disk.size)) == IN_CDB
    if disk.kind.holds:
        disk.good(what.build(7, 1, 0), one + other)
        assert disk.answer(what.build(7, 1, 0), one + other) == MISCOMPARE
        disk.good(what.build(7, 1, 0), other + one)


def test_orwrite(disk: Unit) -> None:
    if disk.kind.read_only or not disk.kind.holds:
        pytest.skip("nothing is kept")
    (what,) = (each for each in EXTENTS if each.name == "ORWRITE(16)")
    disk.good(WRITES[3].build(9, 1, 0), b"\x0f" * disk.size)
    disk.good(what.build(9, 1, 0), b"\x35" * disk.size)
    assert disk.good(READS[3].build(9, 1, 0), room=disk.size) == b"\x3f" * disk.size
    assert disk.answer(what.build(9, 2, 0), bytes(disk.size)) == IN_CDB
    disk.good(WRITES[3].build(9, 1, 0), bytes(disk.size))


SAMES = [what for what in EXTENTS if what.name.startswith("WRITE SAME")]


@pytest.mark.parametrize("what", SAMES, ids=lambda what: what.name)
def test_write_same(disk: Unit, what: Extent) -> None:
    """Of one block of data-out, no more; UNMAP of thin ones; never LBDATA or PBDATA, nor ANCHOR where nothing is anchored."""
    if disk.kind.read_only:
        assert disk.answer(what.build(2, 2, 0), bytes(disk.size)) == PROTECTED
        return
    block = bytes(range(256)) * (disk.size // 256)
    limits = disk.good(b"\x12\1\xb0\0\x40\0", room=64)
    most = int.from_bytes(limits[36:44], "big")
    assert limits[4] & 1, "WSNZ"
    disk.good(what.build(2, 3, 0), block)
    if disk.kind.holds:
        assert disk.good(READS[3].build(2, 3, 0), room=3 * disk.size) == 3 * block
    for data in b"", block[:-1], block + block:
        assert disk.answer(what.build(2, 3, 0), data) == IN_CDB
    for flags in 2, 4, 6:
        assert disk.answer(what.build(2, 3, flags), block) == IN_CDB
    assert disk.answer(what.build(2, 3, 8), bytes(disk.size)) == (GOOD if disk.kind.thin else IN_CDB)
    if most < disk.blocks:
        assert disk.answer(what.build(0, most + 1, 0), block) == IN_CDB
    if "10" not in what.name:
        assert disk.answer(what.build(2, 3, 1)) == GOOD, "NDOB"
    else:
        disk.good(what.build(2, 3, 0), bytes(disk.size))
    if disk.kind.holds:
        assert disk.good(READS[3].build(2, 3, 0), room=3 * disk.size) == bytes(3 * disk.size)
