"""Self-tests in the background: SEND DIAGNOSTIC 001b, 010b and 100b (SPC-5, 5.15.4, 6.44; SPC-4, 7.3.16)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from jobs_rig import Pair, code
from media_rig import LateMedium
from pysrp.scsi.cdb import FormatUnit, Sanitize
from pysrp.scsi.codes import SanitizeAction
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.units.jobs import Job
from target_rig import BLOCK, MIB, Rig, Spotted
from test_modes import whole
from unit_bench import Bench
from waiting import until

BLOCKS = 64
BESIDE_SHORT, BESIDE_EXTENDED, STOP = 1, 2, 4
PASSED, STOPPED, ABORTED, FAILED, GOES_ON = 0, 1, 2, 5, 15
NOWHERE = b"\xff" * 8
RESULTS = bytes.fromhex("4d00500000000003e800")
"""LOG SENSE of page 10h, 1000 bytes."""


def send(code: int) -> bytes:
    return struct.pack(">BBxHx", 0x1D, code << 5, 0)


def latest(data: bytes) -> list[tuple[int, int, bytes, bytes]]:
    """Those that there are: which test, how it has ended, where, sense key and code."""
    found = [data[at + 4 : at + 20] for at in range(4, 404, 20)]
    return [(each[0] >> 5, each[0] & 15, each[4:12], each[12:15]) for each in found if any(each)]


def results(rig: Rig) -> list[tuple[int, int, bytes, bytes]]:
    tag = rig.client.cmd(0, RESULTS, data_in=(rig.client.data(MIB), 1000))
    rig.run()
    assert rig.client.answer(tag).status == 0
    return latest(rig.client.peek(404, MIB))


@pytest.mark.parametrize("test", [BESIDE_SHORT, BESIDE_EXTENDED])
@pytest.mark.parametrize(("bad", "kind"), [(None, None), (0, FAILED), (17, FAILED), (BLOCKS - 1, FAILED + 1)])
def test_how_it_ended_is_told_by_the_log_page_alone(test: int, bad: int | None, kind: int | None) -> None:
    at = set() if bad is None else {bad * BLOCK}
    with Spotted(BLOCKS * BLOCK, at) as ram, Bench(Disk(ram)) as bench:
        bench.good(send(test))
        assert bench.unit.job is None
        bench.good("000000000000")
        if bad is None or (bad == 17 and test == BESIDE_SHORT):
            expected = (test, PASSED, NOWHERE, bytes(3))
        else:
            stretch = FAILED if test == BESIDE_EXTENDED else kind
            expected = (test, stretch, bad.to_bytes(8, "big"), b"\x03\x11\x00")
        assert latest(bench.good(RESULTS)) == [expected]


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair(whole, 4 * MIB)
    yield pair
    pair.close()


def begin(pair: Pair) -> None:
    """An extended one, which is at its first block."""
    assert pair.answered(pair.first, send(BESIDE_EXTENDED)).status == 0
    pair.turns.in_step(0)


def test_others_go_on_beside_it(pair: Pair) -> None:
    begin(pair)
    pair.good(pair.other)
    assert code(pair.reported(pair.other)) == (2, 4, 9)
    assert results(pair.first) == [(BESIDE_EXTENDED, GOES_ON, NOWHERE, bytes(3))]
    read = pair.command(pair.first, "28000000000000000100", room=BLOCK)
    pair.over()
    assert pair.ended(read).status == 0
    assert code(pair.reported(pair.other)) == (0, 0, 0)
    assert results(pair.other) == [(BESIDE_EXTENDED, PASSED, NOWHERE, bytes(3))]


def test_how_far_it_is(pair: Pair) -> None:
    begin(pair)
    for piece in range(1, 4):
        pair.turns.turn.release()
        assert pair.turns.begun.acquire(timeout=60)
        assert pair.reported(pair.other).sks.progress_indication == piece * 0x10000 // 4
    pair.over()


@pytest.mark.parametrize("cdb", [send(1), send(2), send(5), send(6), bytes((0x1D, 4, 0, 0, 0, 0))])
def test_another_one_is_refused(pair: Pair, cdb: bytes) -> None:
    begin(pair)
    assert code(pair.bad(pair.other, cdb)) == (2, 4, 9)
    pair.over()
    assert len(results(pair.first)) == 1


@pytest.mark.parametrize(
    ("cdb", "data"),
    [
        ("1b0000000000", b""),  # stop
        ("1b0000000100", b""),  # start
        ("1b0000002000", b""),  # IDLE
        (bytes(FormatUnit.build()), b""),
        (
            bytes(Sanitize.build(service_action=SanitizeAction.OVERWRITE, parameter_list_length=5)),
            b"\1\0\0\1x",
        ),
    ],
)
def test_what_ends_it(pair: Pair, cdb: bytes | str, data: bytes) -> None:
    """START STOP UNIT, FORMAT UNIT, SANITIZE (SPC-5, 5.15.4)."""
    begin(pair)
    tag = pair.command(pair.first, cdb, data)
    pair.turns.open()
    assert pair.ended(tag).status == 0
    pair.over()
    until(lambda: bool(pair.unit._tests))  # type: ignore[attr-defined]
    assert results(pair.other) == [(BESIDE_EXTENDED, ABORTED, NOWHERE, bytes(3))]


def test_what_is_refused_does_not_end_it(pair: Pair) -> None:
    begin(pair)
    assert code(pair.bad(pair.other, "1b0000000200")) == (5, 0x24, 0)  # LOEJ
    assert code(pair.bad(pair.other, "040800000000")) == (5, 0x24, 0)  # CMPLIST
    pair.over()
    assert results(pair.other) == [(BESIDE_EXTENDED, PASSED, NOWHERE, bytes(3))]


@pytest.mark.parametrize("who", ["first", "other"])
def test_it_can_be_stopped(pair: Pair, who: str) -> None:
    begin(pair)
    rig = getattr(pair, who)
    assert pair.answered(rig, send(STOP)).status == 0
    pair.over()
    assert results(rig) == [(BESIDE_EXTENDED, STOPPED, NOWHERE, bytes(3))]
    assert code(pair.bad(rig, send(STOP))) == (5, 0x24, 0)
    pair.good(pair.first)
    pair.good(pair.other)


def test_a_reset_ends_it(pair: Pair) -> None:
    begin(pair)
    managed = pair.other.client.manage(0, TskMgmtFunc.LUN_RESET)
    for rig in pair.other, pair.first, pair.other:
        rig.run()
    assert bytes(pair.other.client.answer(managed).resp_data) == bytes(4)
    pair.over()
    assert code(pair.bad(pair.first, bytes(6))) == (6, 0x29, 0)
    assert results(pair.first) == [(BESIDE_EXTENDED, ABORTED, NOWHERE, bytes(3))]


def test_one_that_is_stopped_before_its_first_step(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[Any] = []
    original = Job.begin

    def begin_and_stop(job: Job, *arguments: Any) -> None:
        job.stop()
        began.append(job)
        original(job, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Job, "begin", begin_and_stop)
        assert pair.answered(pair.first, send(BESIDE_SHORT)).status == 0
    until(lambda: pair.unit.job is None)
    assert began
    assert results(pair.first) == [(BESIDE_SHORT, ABORTED, NOWHERE, bytes(3))]


def test_one_that_would_have_to_wait_in_place() -> None:
    """Without workers: the log page alone tells that it came to no end, and nobody is told of it later."""
    medium = LateMedium()
    with Bench(Disk(medium, "d")) as bench:
        bench.good(send(BESIDE_SHORT))
        assert bench.unit.job is None
        bench.good(bytes(6))
        assert latest(bench.good(RESULTS)) == [(BESIDE_SHORT, ABORTED, NOWHERE, bytes(3))]
    medium.close()


def test_none_begins_while_the_disk_is_formatted(pair: Pair) -> None:
    pair.command(pair.first, "040000000000")
    pair.turns.in_step(0)
    assert code(pair.bad(pair.other, send(BESIDE_SHORT))) == (2, 4, 4)
    pair.over()
