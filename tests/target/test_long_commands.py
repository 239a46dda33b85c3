"""VERIFY, WRITE AND VERIFY, PRE-FETCH and the CDBs of 32 bytes: one behaviour for all lengths of a CDB."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from pysrp.backends import Ram
from pysrp.scsi.sense import parse_sense
from pysrp.target.disk import Disk
from target_rig import BLOCK, Spotted
from unit_bench import Bench

BLOCKS = 64

READ, WRITE, VERIFY, BOTH, FETCH = range(5)
OPCODES = {
    READ: {10: 0x28, 12: 0xA8, 16: 0x88, 32: 0x09},
    WRITE: {10: 0x2A, 12: 0xAA, 16: 0x8A, 32: 0x0B},
    VERIFY: {10: 0x2F, 12: 0xAF, 16: 0x8F, 32: 0x0A},
    BOTH: {10: 0x2E, 12: 0xAE, 16: 0x8E, 32: 0x0C},
    FETCH: {10: 0x34, 16: 0x90},
}
"""By what a command does and the length of its CDB: its opcode, or its service action."""
LENGTHS = 10, 12, 16, 32


def cdb(what: int, size: int, lba: int, blocks: int, flags: int = 0) -> bytes:
    """SBC-4: ``flags`` is the byte with BYTCHK, DPO, FUA and the protection field."""
    code = OPCODES[what][size]
    if size == 10:
        return struct.pack(">BBIxHx", code, flags, lba, blocks)
    if size == 12:
        return struct.pack(">BBIIxx", code, flags, lba, blocks)
    if size == 16:
        return struct.pack(">BBQIxx", code, flags, lba, blocks)
    return struct.pack(">B6xBHBxQIHHI", 0x7F, 24, code, flags, lba, 0xAAAAAAAA, 0xBBBB, 0xFFFF, blocks)


def where(size: int, name: str, bit: int | None = None) -> tuple[bool, int, int | None]:
    """Where a field is (SBC-4, 5)."""
    at = {"lba": (2, 2, 2, 12), "blocks": (7, 6, 10, 28), "flags": (1, 1, 1, 10)}[name]
    return True, at[LENGTHS.index(size)], bit


@pytest.fixture
def ram() -> Iterator[Ram]:
    with Ram(BLOCKS * BLOCK) as ram:
        yield ram


@pytest.fixture
def bench(ram: Ram) -> Iterator[Bench]:
    with Bench(Disk(ram)) as bench:
        yield bench


def test_cdbs_of_32_bytes_move_blocks(bench: Bench, ram: Ram) -> None:
    data = bytes(range(256)) * 4
    bench.good(cdb(WRITE, 32, 3, 2, 0x18), data)
    assert bytes(ram.memory()[3 * BLOCK : 5 * BLOCK]) == data
    assert bench.good(cdb(READ, 32, 3, 2, 0x1C)) == data


@pytest.mark.parametrize("size", LENGTHS)
@pytest.mark.parametrize("what", [READ, WRITE, VERIFY, BOTH])
def test_blocks_that_there_are_not(bench: Bench, what: int, size: int) -> None:
    for lba, blocks in (BLOCKS, 1), (BLOCKS - 1, 2):
        result = bench(cdb(what, size, lba, blocks), bytes(1024) if what in (WRITE, BOTH) else b"")
        assert (result.code, result.pointer) == ((5, 0x21, 0), where(size, "lba"))
        assert parse_sense(result.sense).information == BLOCKS
    bench.good(cdb(what, size, BLOCKS - 1, 0))


@pytest.mark.parametrize("size", LENGTHS)
@pytest.mark.parametrize("what", [READ, WRITE, VERIFY, BOTH])
def test_protection_information_is_refused(bench: Bench, what: int, size: int) -> None:
    result = bench(cdb(what, size, 0, 1, 0x20), bytes(512) if what in (WRITE, BOTH) else b"")
    assert (result.code, result.pointer) == ((5, 0x24, 0), where(size, "flags", 7))


def test_a_long_cdb_that_is_cut_is_refused(bench: Bench) -> None:
    result = bench(cdb(READ, 32, 0, 1)[:20])
    assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 7, None))


@pytest.mark.parametrize("more", [0, 20, 23, 25, 28, 255])
def test_a_long_cdb_that_says_another_length_is_refused(bench: Bench, ram: Ram, more: int) -> None:
    said = bytearray(cdb(WRITE, 32, 0, 1))
    said[7] = more
    result = bench(bytes(said).ljust(40, b"\0"), b"x" * BLOCK)
    assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 7, None))
    assert bytes(ram.memory()) == bytes(ram.size)


@pytest.mark.parametrize("size", LENGTHS)
def test_verify_compares(bench: Bench, ram: Ram, size: int) -> None:
    ram.memory()[BLOCK : 3 * BLOCK] = b"a" * BLOCK + b"b" * BLOCK
    bench.good(cdb(VERIFY, size, 1, 2))
    bench.good(cdb(VERIFY, size, 1, 2, 2), b"a" * BLOCK + b"b" * BLOCK)
    bench.good(cdb(VERIFY, size, 2, 1, 6), b"b" * BLOCK)
    result = bench(cdb(VERIFY, size, 1, 2, 6), b"a" * BLOCK)
    assert result.code == (0xE, 0x1D, 0)
    result = bench(cdb(VERIFY, size, 1, 2, 2), b"a" * BLOCK + b"b" * 500 + bytes(12))
    assert parse_sense(result.sense).information == BLOCK + 500
    result = bench(cdb(VERIFY, size, 1, 2, 4), b"")
    assert (result.code, result.pointer) == ((5, 0x24, 0), where(size, "flags", 2))
    result = bench(cdb(VERIFY, size, 1, 2, 2), b"a" * 1023)
    assert (result.code, result.pointer) == ((5, 0x24, 0), where(size, "blocks"))


@pytest.mark.parametrize("size", LENGTHS)
@pytest.mark.parametrize("check", [0, 2])
def test_write_and_verify(bench: Bench, ram: Ram, size: int, check: int) -> None:
    bench.good(cdb(BOTH, size, 5, 2, check), b"x" * 1024)
    assert bytes(ram.memory()[5 * BLOCK : 7 * BLOCK]) == b"x" * 1024


@pytest.mark.parametrize("size", LENGTHS)
def test_write_and_verify_that_cannot_be(bench: Bench, ram: Ram, size: int) -> None:
    for check in 4, 6:
        result = bench(cdb(BOTH, size, 5, 1, check), b"x" * 512)
        assert (result.code, result.pointer) == ((5, 0x24, 0), where(size, "flags", 2))
    result = bench(cdb(BOTH, size, 5, 2, 2), b"x" * 1023)
    assert (result.code, result.pointer) == ((5, 0x24, 0), where(size, "blocks"))
    assert bytes(ram.memory()) == bytes(ram.size)
    bench.unit.read_only = True
    assert bench.bad(cdb(BOTH, size, 5, 1), b"x" * 512) == (7, 0x27, 0)


class Forgetful(Spotted):
    """Writes that are GOOD, and blocks that are not what was written, or cannot be read."""

    def __init__(self, bad: set[int] = frozenset(), *, lose: bool = False) -> None:  # type: ignore[assignment]
        super().__init__(BLOCKS * BLOCK, bad)
        self.blocking, self.lose, self.flushed = True, lose, 0

    def write_from(self, offset: int, view: memoryview) -> None:
        if not self.lose:
            Ram.write_from(self, offset, view)

    def flush(self) -> None:
        self.flushed += 1


@pytest.mark.parametrize("size", LENGTHS)
def test_write_and_verify_looks_at_the_medium(size: int) -> None:
    with Forgetful({6 * BLOCK}) as ram, Bench(Disk(ram)) as bench:
        bench.good(cdb(BOTH, size, 1, 2), b"x" * 1024)
        assert ram.flushed == 1
        for check in 0, 2:
            result = bench(cdb(BOTH, size, 5, 2, check), b"x" * 1024)
            assert result.code == (3, 0x11, 0)
            assert parse_sense(result.sense).information == 6
    with Forgetful(lose=True) as ram, Bench(Disk(ram)) as bench:
        result = bench(cdb(BOTH, size, 5, 2, 2), b"x" * 1024)
        assert (result.code, parse_sense(result.sense).information) == ((0xE, 0x1D, 0), 0)


def test_what_cannot_be_read_is_told_so_by_long_cdbs_too() -> None:
    with Spotted(BLOCKS * BLOCK, {6 * BLOCK}) as ram, Bench(Disk(ram)) as bench:
        assert bench.tainted(cdb(READ, 32, 5, 2)).code == (3, 0x11, 0)
        assert bench.tainted(cdb(WRITE, 32, 5, 2), bytes(1024)).code == (3, 0x0C, 0)


@pytest.mark.parametrize("size", [10, 16])
def test_pre_fetch(bench: Bench, size: int) -> None:
    """GOOD, not CONDITION MET: there is no cache of which it could be said that it has the blocks."""
    for flags in 0, 2:
        bench.good(cdb(FETCH, size, 5, 2, flags))
        bench.good(cdb(FETCH, size, BLOCKS - 1, 0, flags))
    result = bench(cdb(FETCH, size, BLOCKS, 1))
    assert (result.code, result.pointer) == ((5, 0x21, 0), where(size, "lba"))


@pytest.mark.parametrize(
    ("action", "wanted"),
    [
        # What is looked at: length, service action, DPO and FUA (and RARC), BYTCHK, the address, the count.
        (0x09, "7f00000000000018 0009 1c00 ffffffffffffffff 0000000000000000 ffffffff"),
        (0x0A, "7f00000000000018 000a 1600 ffffffffffffffff 0000000000000000 ffffffff"),
        (0x0B, "7f00000000000018 000b 1800 ffffffffffffffff 0000000000000000 ffffffff"),
        (0x0C, "7f00000000000018 000c 1600 ffffffffffffffff 0000000000000000 ffffffff"),
    ],
)
def test_cdb_usage_data(bench: Bench, action: int, wanted: str) -> None:
    found = bench.good(struct.pack(">BBBBHIxx", 0xA3, 0x0C, 2, 0x7F, action, 64))
    assert found[:4] == bytes.fromhex("00030020")
    assert found[4:] == bytes.fromhex(wanted)
