"""FORMAT UNIT: what blocks hold then, what it refuses, and what others are told meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jobs_rig import TUR, Pair, code
from pysrp.backends import Ram
from pysrp.initiator.session import Session
from pysrp.media.file import FileMedium
from pysrp.scsi import cdb as cdb_of
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from target_rig import BLOCK
from turns import Stepped
from unit_bench import Bench
from waiting import until

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


class Whole(Disk):
    """A disk whose medium has every block written."""

    def __init__(self, medium: Stepped) -> None:
        medium.zeroes = medium.discards = False  # type: ignore[misc]
        super().__init__(medium, "d")


FORMATTING, CORRUPTED = (2, 4, 4), (3, 0x31, 0)
FORMAT, IMMED = cdb(FMTDATA), listed(2)
WAITS = listed()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair(Whole, SIZE)
    yield pair
    pair.close()


def begin(pair: Pair, data: bytes) -> int:
    tag = pair.command(pair.first, FORMAT, data)
    if data == IMMED:
        assert pair.first.client.answer(tag).status == 0
    return tag


@pytest.mark.parametrize("data", [IMMED, WAITS], ids=["immediate", "waits"])
def test_others_are_told_how_far_it_is(pair: Pair, data: bytes) -> None:
    """SBC-4, 5.4.1: NOT READY with the progress, for who asks and for who wants something; each block counts."""
    tag = begin(pair, data)
    for block in range(64):
        pair.turns.in_step(0)
        for sense in (
            pair.reported(pair.other),
            pair.bad(pair.other, TUR),
            pair.bad(pair.first, "040000000000"),
        ):
            assert code(sense) == FORMATTING
            assert sense.sks.progress_indication == block * 0x10000 // 64
        assert pair.answered(pair.other, "120000002400", room=36).status == 0
        pair.turns.turn.release()
    if data == WAITS:
        assert pair.ended(tag).status == 0
    else:
        until(lambda: pair.unit.job is None)
    pair.good(pair.first)
    pair.good(pair.other)
    assert bytes(pair.medium.memory()) == bytes(SIZE)
    assert not pair.unit.claims.alone


def test_what_came_before_waits_for_nobody_and_what_waits_comes_after(pair: Pair) -> None:
    """A WRITE that is under way is over before the first block is formatted."""
    pair.first.client.poke(b"w" * BLOCK)
    write = pair.first.client.cmd(0, "2a000000000000000100", data_out=(pair.first.client.data(), BLOCK))
    pair.first.run()
    pair.turns.in_step(0)
    format = pair.command(pair.other, FORMAT, IMMED)
    assert pair.unit.job is None
    pair.turns.open()
    assert pair.ended(write).status == 0
    pair.other.settle(lambda: bool(pair.other.client.answers))
    assert pair.other.client.answer(format).status == 0
    until(lambda: pair.unit.job is None)
    assert bytes(pair.medium.memory()) == bytes(SIZE)


def test_cut_short_it_is_corrupted_until_it_is_formatted(pair: Pair) -> None:
    """SBC-4, 4.36: 03/31/00 for what is about the medium, also after a reset, and a login."""
    tag = begin(pair, WAITS)
    pair.turns.in_step(3)
    pair.first.client.manage(0, TskMgmtFunc.ABORT_TASK, tag)
    pair.first.run()
    pair.over()
    for raw in (
        TUR,
        "28000000000000000100",
        "25000000000000000000",
        "2a000000000000000000",
        "350000000000000000",
    ):
        assert code(pair.bad(pair.other, raw)) == CORRUPTED
    assert code(pair.reported(pair.other)) == CORRUPTED
    assert pair.answered(pair.other, "1a003f00ff00", room=255).status == 0
    pair.unit.reset()
    pair.other.attended()
    assert code(pair.bad(pair.other, TUR)) == CORRUPTED
    assert pair.answered(pair.first, "120000002400", room=36).status == 0
    pair.first.attended()
    assert pair.ended(begin(pair, WAITS)).status == 0
    pair.good(pair.other)
    assert bytes(pair.medium.memory()) == bytes(SIZE)


@pytest.mark.parametrize("data", [IMMED, WAITS], ids=["immediate", "waits"])
def test_a_medium_that_fails(pair: Pair, data: bytes) -> None:
    pair.turns.fail = 5
    tag = begin(pair, data)
    pair.over()
    sense = parse_sense(bytes(pair.ended(tag).sense)) if data == WAITS else pair.bad(pair.first, TUR)
    assert (sense.deferred, code(sense)) == (data == IMMED, (3, 0x0C, 0))
    assert code(pair.bad(pair.first, TUR)) == CORRUPTED


def test_a_reset_ends_it(pair: Pair) -> None:
    begin(pair, IMMED)
    pair.turns.in_step(1)
    pair.unit.reset()
    pair.over()
    pair.first.attended()
    assert code(pair.bad(pair.first, TUR)) == CORRUPTED


def test_over_a_medium_that_takes_its_time(tmp_path: Path) -> None:
    """What goes on on a thread waits there for what a medium does by itself."""
    path = tmp_path / "disk"
    path.write_bytes(b"x" * SIZE)
    with closing(FileMedium(str(path))) as medium:
        luns = LunMap([(0, Disk(medium, "d"))])
        with Server(f"unix:{tmp_path}/s", luns) as server, Session(f"unix:{tmp_path}/s") as session:
            device = session.scan()[0]
            device.execute(
                cdb_of.FormatUnit.build(fmtdata=True),
                data_out=listed(FOV | IP | 2, pattern(b"ab")),
                retries=3,
            )
            until(lambda: luns[0].unit.job is None)
            assert device.read(0, 64) == b"ab" * (SIZE // 2)
            assert server.pool.drain(timeout=60)
