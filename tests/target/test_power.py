"""Power conditions (SPC-5, 5.12; SBC-4, 4.20 and 5.31): what asks for them, what they tell, and what ends them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pysrp.backends import Ram
from pysrp.scsi.mode import parse_mode6
from pysrp.scsi.sense import parse_sense
from pysrp.target.disk import Disk
from unit_bench import Bench

ACTIVE, IDLE, STANDBY, LU_CONTROL = 1, 2, 3, 7
SAID = {ACTIVE: (0, 0, 0), IDLE: (0, 0x5E, 3), STANDBY: (0, 0x5E, 4)}
READ = "28000000000000000100"


class Flushed(Ram):
    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def condition(number: int, modifier: int = 0, rest: int = 0) -> bytes:
    return bytes((0x1B, 0, 0, modifier, number << 4 | rest, 0))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Flushed(1 << 20) as ram, Bench(Disk(ram, removable=True)) as bench:
        yield bench


def said(bench: Bench) -> tuple[int, int, int]:
    found = parse_sense(bench.good("03000000fc00"))
    return found.sense_key, found.asc, found.ascq


@pytest.mark.parametrize("wanted", [IDLE, STANDBY])
def test_it_lasts_until_the_medium_is_wanted(bench: Bench, wanted: int) -> None:
    other = bench.login()
    bench.good(condition(wanted))
    for raw in "000000000000", "120000002400", "1a003f00ff00", condition(LU_CONTROL):
        bench.good(raw)
        assert said(bench) == SAID[wanted]
    assert not bench.unit.plain(other)
    bench.good(READ, nexus=other)
    assert said(bench) == (0, 0, 0)
    bench.good(READ)
    assert bench.unit.plain(other)
    assert bench.unit.plain(bench.nexus)


@pytest.mark.parametrize("first", [ACTIVE, IDLE, STANDBY])
@pytest.mark.parametrize("then", [ACTIVE, IDLE, STANDBY])
def test_from_each_to_each(bench: Bench, first: int, then: int) -> None:
    bench.good(condition(first))
    bench.good(condition(then))
    assert said(bench) == SAID[then]
    bench.good("1b0000000100")
    assert said(bench) == (0, 0, 0)
    bench.good(condition(then))
    bench.good("1b0000000000")
    assert bench.bad("000000000000") == (2, 4, 2)
    bench.good(condition(then))
    assert said(bench) == SAID[then]
    bench.good("000000000000")


def test_standby_flushes_first_unless_it_is_not_to(bench: Bench) -> None:
    for raw, count in (condition(IDLE), 0), (condition(STANDBY, rest=4), 0), (condition(STANDBY), 1):
        bench.good(raw)
        assert bench.unit.backend.flushes == count


@pytest.mark.parametrize("number", [4, 5, 6, 8, 0xA, 0xB, 0xF])
def test_conditions_that_there_are_not(bench: Bench, number: int) -> None:
    """No timer runs, so none can be forced to its end."""
    result = bench(condition(number))
    assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 4, 7))


def test_modifiers_that_there_are_not(bench: Bench) -> None:
    result = bench(condition(IDLE, 1))
    assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 3, 3))


def test_a_reset_ends_it(bench: Bench) -> None:
    bench.good(condition(STANDBY))
    bench.unit.reset()
    assert bench.bad("000000000000") == (6, 0x29, 0)
    assert said(bench) == (0, 0, 0)


def test_without_a_medium_there_is_none(bench: Bench) -> None:
    bench.good("1b0000000200")
    assert bench.bad(condition(IDLE)) == (2, 0x3A, 0)


def test_what_is_told_of_them(bench: Bench) -> None:
    assert bench.good("12018a00ff00") == bytes.fromhex("008a000e 01 01") + bytes(12)
    page = parse_mode6(bench.good("1a081a00ff00")).pages[0]
    assert bytes(page) == bytes((0x1A, 0x26)) + bytes(38)
