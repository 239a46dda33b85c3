"""WRITE SAME: one block over and over, by the medium where it can make zeros itself."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from media_rig import LateMedium
from pysrp.backends import File, Ram
from pysrp.backends.base import Backend
from pysrp.scsi import cdb, inquiry
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.units.provisioning import CHUNK, MAX_WRITE_SAME
from pysrp.target.workers import Pool
from target_rig import BLOCK, MIB, Rig, SlowRam
from unit_bench import Bench

ALL: list[Any] = [cdb.WriteSame10, cdb.WriteSame16, cdb.WriteSame32]
ENDS: list[Any] = ALL[1:]
"""Those that have NDOB."""
BAD_FIELD = 5, 0x24, 0
OUT_OF_RANGE = 5, 0x21, 0


class Noted(Ram):
    """Memory that notes what it is asked for."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.asked: list[tuple[str, int, int]] = []

    def write_from(self, offset: int, view: memoryview) -> None:
        self.asked.append(("write", offset, len(view)))
        super().write_from(offset, view)

    def zero(self, offset: int, length: int) -> None:
        self.asked.append(("zero", offset, length))
        self.memory()[offset : offset + length] = bytes(length)

    def flush(self) -> None:
        self.asked.append(("flush", 0, 0))


@pytest.mark.parametrize("block", [512, 4096])
@pytest.mark.parametrize("kind", ALL)
def test_a_pattern(kind: Any, block: int) -> None:
    ram = Noted(4 * MIB)
    with Bench(Disk(ram, block_size=block)) as bench:
        data = bytes(range(1, 256)) * (block // 255 + 1)
        blocks = 3 * MIB // block - 1
        bench.good(kind.build(lba=2, number_of_logical_blocks=blocks), data[:block])
        end = (2 + blocks) * block
        assert bytes(ram.memory()[: 2 * block]) == bytes(2 * block)
        assert bytes(ram.memory()[2 * block : end]) == data[:block] * blocks
        assert bytes(ram.memory()[end:]) == bytes(4 * MIB - end)
        assert {name for name, _, _ in ram.asked} == {"write"}
        assert max(length for _, _, length in ram.asked) == CHUNK


@pytest.mark.parametrize("kind", ALL)
def test_zeros_are_the_mediums(kind: Any) -> None:
    ram = Noted(MIB)
    with Bench(Disk(ram)) as bench:
        ram.memory()[:] = b"\xff" * MIB
        bench.good(kind.build(lba=1, number_of_logical_blocks=100), bytes(BLOCK))
        assert ram.asked == [("zero", BLOCK, 100 * BLOCK)]
        assert bytes(ram.memory()) == b"\xff" * BLOCK + bytes(100 * BLOCK) + b"\xff" * (MIB - 101 * BLOCK)


@pytest.mark.parametrize("kind", ENDS)
def test_no_data_out_is_zeros(kind: Any) -> None:
    ram = Noted(MIB)
    with Bench(Disk(ram)) as bench:
        ram.memory()[:] = b"\xff" * MIB
        bench.good(kind.build(ndob=True, lba=2047, number_of_logical_blocks=1))
        bench.good(kind.build(ndob=True, lba=0, number_of_logical_blocks=1), b"\xee" * BLOCK)
        assert ram.asked == [("zero", MIB - BLOCK, BLOCK), ("zero", 0, BLOCK)]


def test_zeros_are_written_to_a_medium_that_does_not_make_them() -> None:
    medium = LateMedium(MIB)
    medium.now = lambda: True
    try:
        medium.bytes[:] = b"\xff" * MIB
        with Bench(Disk(medium)) as bench:
            bench.good(cdb.WriteSame16.build(ndob=True, lba=8, number_of_logical_blocks=8))
        assert bytes(medium.bytes[: 17 * BLOCK]) == b"\xff" * 8 * BLOCK + bytes(8 * BLOCK) + b"\xff" * BLOCK
    finally:
        medium.close()


@pytest.mark.parametrize("write_through", [False, True])
def test_it_is_on_the_medium_when_there_is_no_cache(write_through: bool) -> None:
    ram = Noted(MIB)
    with Bench(Disk(ram, write_through=write_through)) as bench:
        for block in bytes(BLOCK), b"x" * BLOCK:
            ram.asked.clear()
            bench.good(cdb.WriteSame10.build(number_of_logical_blocks=1), block)
            assert (ram.asked[-1] == ("flush", 0, 0)) == write_through


@pytest.mark.parametrize("kind", ALL)
def test_what_is_refused(kind: Any) -> None:
    ram = Noted(MIB)
    with Bench(Disk(ram)) as bench:
        base = 10 if kind is cdb.WriteSame32 else 1
        count = kind.number_of_logical_blocks.offset
        for name, bit in ("anchor", 4), ("unmap", 3), ("pbdata", 2), ("lbdata", 1), ("wrprotect", 5):
            result = bench(kind.build(number_of_logical_blocks=1, **{name: 1}), bytes(BLOCK))
            assert (result.code, result.pointer) == (BAD_FIELD, (True, base, 7 if bit == 5 else bit))
        zero = bench(kind.build(number_of_logical_blocks=0), bytes(BLOCK))
        assert (zero.code, zero.pointer) == (BAD_FIELD, (True, count, None))
        little = bench(kind.build(number_of_logical_blocks=1), bytes(BLOCK - 1))
        assert (little.code, little.pointer) == (BAD_FIELD, (True, count, None))
        much = bench(kind.build(number_of_logical_blocks=1), bytes(2 * BLOCK))
        assert (much.code, much.pointer) == (BAD_FIELD, (True, count, None))
        for lba, blocks in (2048, 1), (2047, 2), (1, 2048):
            outside = bench(kind.build(lba=lba, number_of_logical_blocks=blocks), bytes(BLOCK))
            assert outside.code == OUT_OF_RANGE
            assert parse_sense(outside.sense).information == max(lba, 2048)
        last = kind.build(lba=2047, number_of_logical_blocks=1)
        assert bench.bad(last, bytes(BLOCK), read_only=True) == (7, 0x27, 0)
        other = bench.login()
        bench.good("160000000000")
        assert bench(last, bytes(BLOCK), nexus=other).status == 0x18
        assert ram.asked == []


def test_the_most_at_once() -> None:
    with Bench(Disk(Ram(2 * MAX_WRITE_SAME))) as bench:
        limits = inquiry.BlockLimits(
            bench.good(cdb.Inquiry.build(evpd=1, page_code=0xB0, allocation_length=64))
        )
        most = limits.maximum_write_same_length
        assert limits.wsnz
        assert most * BLOCK == MAX_WRITE_SAME
        assert limits.maximum_unmap_lba_count == limits.maximum_unmap_block_descriptor_count == 0
        bench.good(cdb.WriteSame16.build(ndob=1, number_of_logical_blocks=most))
        assert bench.bad(cdb.WriteSame16.build(ndob=1, number_of_logical_blocks=most + 1)) == BAD_FIELD


class Full(Ram):
    """Memory without room."""

    def write_from(self, offset: int, view: memoryview) -> None:
        raise OSError(errno.ENOSPC, "full")

    zero = Backend.zero


def test_no_room() -> None:
    with Bench(Disk(Full(MIB))) as bench:
        for block in bytes(BLOCK), b"x" * BLOCK:
            assert bench.bad(cdb.WriteSame10.build(number_of_logical_blocks=1), block) == (7, 0x27, 7)


def test_a_file(tmp_path: Any) -> None:
    with File(tmp_path / "disk", MIB) as file, Bench(Disk(file)) as bench:
        bench.good(cdb.WriteSame10.build(number_of_logical_blocks=2048), b"x" * BLOCK)
        assert (tmp_path / "disk").read_bytes() == b"x" * MIB
        bench.good(cdb.WriteSame10.build(lba=3, number_of_logical_blocks=1000), bytes(BLOCK))
        assert (tmp_path / "disk").read_bytes() == b"x" * 3 * BLOCK + bytes(
            1000 * BLOCK
        ) + b"x" * 1045 * BLOCK


def test_it_is_aborted_between_two_chunks() -> None:
    slow = SlowRam(MIB)
    pool = Pool()
    rig = Rig(LunMap([(0, Disk(slow, "disk"))]), workers=pool)
    try:
        client = rig.login()
        client.poke(b"x" * BLOCK)
        raw = bytes(cdb.WriteSame16.build(number_of_logical_blocks=2048))
        tag = client.cmd(0, raw, data_out=(client.data(), BLOCK))
        rig.run()
        assert slow.started.acquire(timeout=60)
        managed = client.manage(0, TskMgmtFunc.ABORT_TASK, tag)
        rig.run()
        assert bytes(client.answer(managed).resp_data) == bytes(4)
        slow.gate.set()
        assert pool.drain(timeout=60)
        rig.run()
        assert not client.answers
        assert bytes(slow.memory()) == b"x" * CHUNK + bytes(MIB - CHUNK)
    finally:
        slow.gate.set()
        rig.close()
