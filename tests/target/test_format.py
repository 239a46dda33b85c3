"""FORMAT UNIT: what blocks hold then, what it refuses, and what others are told meanwhile."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest

from lane_rig import ByHand
from pysrp.backends import Ram
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import Settings
from target_rig import BLOCK, MIB, Rig
from unit_bench import Bench

SIZE = 64 * BLOCK
FMTDATA, LONGLIST, CMPLIST = 0x10, 0x20, 8
FOV, IP = 0x80, 8


def cdb(flags: int = 0, last: int = 0) -> bytes:
    return bytes((4, flags, 0, 0, last, 0))


@pytest.fixture
def ram() -> Iterator[Ram]:
    with Ram(SIZE) as ram:
        ram.memory()[:] = b"x" * SIZE
        yield ram


@pytest.fixture(params=[Disk, ThinDisk])
def bench(request: pytest.FixtureRequest, ram: Ram) -> Iterator[Bench]:
    with Bench(request.param(ram)) as bench:
        yield bench


def listed(flags: int = 0, tail: bytes = b"", *, first: int = 0, length: int = 0) -> bytes:
    return bytes((first, flags)) + length.to_bytes(2, "big") + tail


def pattern(text: bytes, kind: int = 1, first: int = 0) -> bytes:
    return bytes((first, kind)) + len(text).to_bytes(2, "big") + text


@pytest.mark.parametrize(
    ("flags", "data", "block"),
    [
        (0, b"", bytes(BLOCK)),
        (FMTDATA, listed(), bytes(BLOCK)),
        (FMTDATA | CMPLIST, listed(FOV | 0x70), bytes(BLOCK)),
        (FMTDATA | LONGLIST, bytes(8), bytes(BLOCK)),
        (FMTDATA, listed(FOV | IP, pattern(b"", 0)), bytes(BLOCK)),
        (FMTDATA, listed(FOV | IP, pattern(b"abc")), (b"abc" * 171)[:BLOCK]),
        (FMTDATA | LONGLIST, bytes((0, FOV | IP)) + bytes(6) + pattern(b"p" * BLOCK), b"p" * BLOCK),
    ],
)
def test_what_blocks_hold(bench: Bench, ram: Ram, flags: int, data: bytes, block: bytes) -> None:
    bench.good(cdb(flags), data)
    assert bytes(ram.memory()) == block * 64
    assert bench.unit.job is None
    assert not bench.unit.claims.alone


def test_a_medium_that_makes_no_zeros() -> None:
    class Plain(Ram):
        zeroes = discards = False

    with Plain(SIZE) as ram, Bench(Disk(ram)) as bench:
        ram.memory()[:] = b"x" * SIZE
        bench.good(cdb())
        assert bytes(ram.memory()) == bytes(SIZE)


IN_LIST, IN_CDB, CUT = (5, 0x26, 0), (5, 0x24, 0), (5, 0x1A, 0)


@pytest.mark.parametrize(
    ("raw", "data", "code", "pointer"),
    [
        (cdb(0x80), b"", IN_CDB, (True, 1, 7)),
        (cdb(0, 1), b"", IN_CDB, (True, 4, 1)),
        (cdb(LONGLIST), b"", IN_CDB, (True, 1, 5)),
        (cdb(CMPLIST), b"", IN_CDB, (True, 1, 3)),
        (cdb(5), b"", IN_CDB, (True, 1, 2)),
        (cdb(FMTDATA), bytes(3), CUT, None),
        (cdb(FMTDATA | LONGLIST), bytes(7), CUT, None),
        (cdb(FMTDATA), listed(first=1), IN_LIST, (False, 0, 2)),
        (cdb(FMTDATA), listed(0x20), IN_LIST, (False, 1, 5)),
        (cdb(FMTDATA), listed(IP, pattern(b"a")), IN_LIST, (False, 1, 3)),
        (cdb(FMTDATA), listed(2), IN_LIST, (False, 1, 1)),
        (cdb(FMTDATA), listed(length=8), IN_LIST, (False, 2, None)),
        (cdb(FMTDATA | LONGLIST), bytes((0, 0, 0, 1, 0, 0, 0, 0)), IN_LIST, (False, 3, None)),
        (cdb(FMTDATA | LONGLIST), bytes((0, 0, 0, 0, 0, 0, 0, 8)), IN_LIST, (False, 4, None)),
        (cdb(FMTDATA), listed(FOV | IP), CUT, None),
        (cdb(FMTDATA), listed(FOV | IP, pattern(b"a", first=0x20)), IN_LIST, (False, 4, 5)),
        (cdb(FMTDATA), listed(FOV | IP, pattern(b"a", 2)), IN_LIST, (False, 5, None)),
        (cdb(FMTDATA), listed(FOV | IP, pattern(b"a", 0)), IN_LIST, (False, 6, None)),
        (cdb(FMTDATA), listed(FOV | IP, pattern(b"")), IN_LIST, (False, 6, None)),
        (cdb(FMTDATA), listed(FOV | IP, pattern(bytes(BLOCK + 1))), IN_LIST, (False, 6, None)),
        (cdb(FMTDATA), listed(FOV | IP, pattern(b"abc")[:-1]), CUT, None),
    ],
)
def test_what_it_refuses(bench: Bench, ram: Ram, raw: bytes, data: bytes, code: Any, pointer: Any) -> None:
    result = bench(raw, data)
    assert (result.code, result.pointer) == (code, pointer)
    assert bytes(ram.memory()) == b"x" * SIZE


def test_protected(ram: Ram) -> None:
    with Bench(Disk(ram, read_only=True)) as bench:
        assert bench.bad(cdb()) == (7, 0x27, 0)


@pytest.fixture
def scene() -> Iterator[tuple[Rig, Rig, ByHand, Ram]]:
    """Two clients of a disk of two pieces, whose medium does nothing until it is told."""
    ram, workers = Ram(32 * MIB), ByHand()
    ram.blocking = True
    luns = LunMap([(256, Disk(ram, "d"))])
    one, two = (Rig(luns, Settings(max_transfer=MIB), workers) for _ in range(2))
    for rig in one, two:
        rig.login()
    for rig in one, two:
        rig.attended()
    yield one, two, workers, ram
    workers.let_go()
    for rig in one, two:
        rig.run()
        rig.close()
    ram.close()


def ask(rig: Rig, raw: str) -> Any:
    tag = rig.client.cmd(256, raw, data_in=(rig.client.data(), 252))
    rig.run()
    return rig.client.answer(tag)


def progress(rig: Rig) -> int:
    ask(rig, "03000000fc00")
    found = parse_sense(rig.client.peek(18))
    assert (found.sense_key, found.asc, found.ascq) == (2, 4, 4)
    return int(found.sks.progress_indication)


def test_others_are_told_how_far_it_is(scene: tuple[Rig, Rig, ByHand, Ram]) -> None:
    one, two, workers, ram = scene
    ram.memory()[:512] = b"x" * 512
    tag = one.client.cmd(256, cdb())
    one.run()
    assert parse_sense(ask(two, "000000000000").sense).ascq == 4
    assert progress(two) == 0
    workers.let_go()
    one.run()
    assert progress(two) == 0
    workers.let_go()
    one.run()
    assert progress(two) == 0x8000
    workers.let_go()  # the flush
    one.run()
    assert one.client.answer(tag).status == 0
    assert ask(two, "000000000000").status == 0
    assert bytes(ram.memory()[:512]) == bytes(512)


def test_one_at_a_time(scene: tuple[Rig, Rig, ByHand, Ram]) -> None:
    one, two, _, _ = scene
    one.client.cmd(256, cdb())
    one.run()
    assert parse_sense(ask(two, "040000000000").sense).ascq == 4


def test_aborted_it_is_over(scene: tuple[Rig, Rig, ByHand, Ram]) -> None:
    one, two, workers, _ = scene
    tag = one.client.cmd(256, cdb())
    one.run()
    one.client.manage(256, TskMgmtFunc.ABORT_TASK, tag)
    one.run()
    assert ask(two, "000000000000").status == 0
    workers.let_go()
    one.run()
    assert ask(two, "000000000000").status == 0


def test_a_medium_that_fails(scene: tuple[Rig, Rig, ByHand, Ram]) -> None:
    one, two, workers, _ = scene
    tag = one.client.cmd(256, cdb())
    one.run()
    ((_, ended),) = workers.held
    workers.held.clear()
    ended(OSError(errno.EIO, "as it happens"))
    one.run()
    assert parse_sense(one.client.answer(tag).sense).sense_key == 3
    assert ask(two, "000000000000").status == 0
