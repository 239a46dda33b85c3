"""The General Statistics and Performance log page (SPC-5, 7.3.9): what engine and lane count together."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest

from lane_rig import Side, went_short
from medium_by_hand import HandMedium, close
from pysrp.backends import Ram
from pysrp.target.disk import ThinDisk
from target_rig import BLOCK, MIB
from test_lane_media import Scene
from unit_bench import Bench

SENSE = bytes.fromhex("4d00590000000000ff00")
"""LOG SENSE, cumulative values of page 19h."""
ANEW = "4c02590000000000000000"[:20]
"""LOG SELECT with PCR, of that page."""


def counts(data: bytes) -> tuple[int, ...]:
    """READs, WRITEs, blocks received and transmitted; there is no time."""
    assert data[:8] == bytes.fromhex("9900005c 0001 02 40")
    assert data[40:] == b"".join(
        (bytes(32), bytes.fromhex("0002 02 08"), bytes(8), bytes.fromhex("0003 03 08"), bytes(8))
    )
    return struct.unpack(">4Q", data[8:40])


def of(side: Side) -> tuple[int, ...]:
    rig = side.first
    tag = rig.client.cmd(256, SENSE, data_in=(rig.client.data(3 * MIB), 255))
    rig.run()
    assert rig.client.answer(tag).status == 0
    return counts(rig.client.peek(96, 3 * MIB))


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Ram(64 * BLOCK) as ram, Bench(ThinDisk(ram)) as bench:
        yield bench


CALLS: dict[str, tuple[int, int, int, int]] = {
    "080000000300": (0, 0, 0, 0),
    "28000000000000000200": (1, 0, 0, 2),
    "28000000000000000000": (1, 0, 0, 0),
    "a800000000000000000400000000"[:24]: (1, 0, 0, 4),
    "88000000000000000000000000050000": (1, 0, 0, 5),
    "0a0000000300": (0, 0, 0, 0),
    "42000000000000000000": (0, 1, 0, 0),
    "2a000000000000000200": (0, 1, 2, 0),
    "2e000000000000000200": (0, 1, 2, 0),
    "8a000000000000000000000000020000": (0, 1, 2, 0),
    "35000000000000000000": (0, 0, 0, 0),
    "2f000000000000000200": (0, 0, 0, 0),
    "28000000004000000100": (0, 0, 0, 0),
    "2a000000004000000100": (0, 0, 0, 0),
}


@pytest.mark.parametrize("cdb", CALLS)
def test_what_counts(bench: Bench, cdb: str) -> None:
    data = bytes(8 * BLOCK)
    for times in 1, 2:
        bench(cdb, data)
        assert counts(bench.good(SENSE)) == tuple(times * each for each in CALLS[cdb])


def test_counted_anew(bench: Bench) -> None:
    other = bench.login()
    bench.good("28000000000000000200")
    bench.good("2a000000000000000100", bytes(BLOCK))
    assert counts(bench.good(SENSE)) == (1, 1, 1, 2)
    bench.good(ANEW)
    assert bench.unit.forget(other, 0x2A, 2)
    assert counts(bench.good(SENSE)) == (0, 0, 0, 0)
    bench.good(ANEW)
    assert bench.unit.attentions(other) == [], "nothing has changed"
    bench.good("28000000000000000200", nexus=other)
    assert counts(bench.good(SENSE)) == (1, 0, 0, 2)
    bench.unit.detach(other)
    assert counts(bench.good(SENSE)) == (1, 0, 0, 2), "those of who has gone too"
    bench.good(SENSE[:5] + b"\0\3" + SENSE[7:])


@pytest.mark.parametrize("fast", [True, False])
def test_both_ways_count_alike(fast: bool) -> None:
    side = Side(fast)
    try:
        rig = side.first
        assert of(side) == (0, 0, 0, 0)
        reads: list[Callable[[], int]] = [lambda: rig.client.read(256, 0, 3)] * 2
        writes: list[Callable[[], int]] = [lambda: rig.client.write(256, 0, bytes(BLOCK))] * 3
        short = "080000000100", "0a0000000100"  # which do not count
        at = rig.client.data()
        reads += [lambda raw=short[0]: rig.client.cmd(256, raw, data_in=(at, BLOCK))]  # type: ignore[misc]
        writes += [lambda raw=short[1]: rig.client.cmd(256, raw, data_out=(at, BLOCK))]  # type: ignore[misc]
        for each in reads + writes:
            if fast:
                went_short(rig, each)
            else:
                each()
                rig.run()
        assert of(side) == (2, 3, 3, 6)
        side.put(side.disk)  # other gates
        side.told()
        rig.client.read(256, 0, 1)
        rig.run()
        assert of(side) == (3, 3, 3, 7)
        side.first.client.port.free()
        side.first.run()
        with side.disk._lock:
            assert side.disk._moved() == [3, 3, 7, 3]
    finally:
        side.close()


@pytest.mark.parametrize("fast", [True, False])
def test_requests_of_a_medium_count_once(fast: bool) -> None:
    """Also those that the lane begins and the engine goes on with."""
    medium = HandMedium(8 * MIB, 0, listens=False)
    scene = Scene(medium, fast=fast)
    try:

        def moved() -> list[int]:
            with scene.disk._lock:
                return scene.disk._moved()

        before = moved()
        assert before == [1, 0, 1, 0]
        first, second = scene.client.read(256, 0, 2), scene.client.write(256, 0, bytes(3 * BLOCK))
        scene.run()
        assert moved() == [2, 1, 3, 3]
        ordered = scene.client.read(256, 0, 1, task_attr=2)  # takes them over
        scene.run()
        while medium.waiting:
            scene.finish()
        for tag in first, second, ordered:
            scene.good(tag)
        assert moved() == [3, 1, 4, 3]
    finally:
        scene.close()
        close(medium)
