"""What goes on after the status or reports how far it is: FORMAT UNIT over a medium that blocks, ended in every way."""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import pytest

from jobs_rig import SENSE, TUR, Pair, code
from media_rig import LateMedium
from pysrp.backends import Ram
from pysrp.errors import Busy
from pysrp.initiator.session import Session
from pysrp.scsi import cdb
from pysrp.scsi.codes import SenseKey, Status
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.effects import GOOD, Begin, Effect, Fetch, Flush
from pysrp.target.fault import Fault
from pysrp.target.link import PENDING, Later
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Loop, Medium, MediumChannel, MediumRequest
from pysrp.target.serve import Server
from pysrp.target.task import Task
from pysrp.target.units.codes import SenseCode, short
from pysrp.target.units.commands import command
from pysrp.target.units.jobs import Job
from target_rig import MIB
from turns import Stepped, Turns
from unit_bench import Bench
from waiting import until

STEPS = 4
FORMAT = bytes(cdb.FormatUnit.build())
FORMAT_LIST = bytes(cdb.FormatUnit.build(fmtdata=True))
IMMED = bytes([0, 2, 0, 0])
FORMATTING = 2, 4, 4
MEDIUM_FORMAT_CORRUPTED = 0x3100
names = itertools.count()


class Formatting(Disk):
    """FORMAT UNIT (SBC-4, 5.4), without defect lists."""

    code = SenseCode.FORMAT_IN_PROGRESS
    options: dict[str, Any] = {}  # noqa: RUF012
    corrupted = False

    @command(cdb.FormatUnit, medium=True, refuses=["fmtpinfo", "longlist"])
    def format_unit(self, task: Task, cdb: Any) -> Generator[Effect, Any, Effect]:
        immed = False
        if cdb.fmtdata:
            header = yield Fetch(4)
            if len(header) < 4:
                raise short()
            immed = bool(header[1] & 2)
        self._writable(task)
        job = Job(self.backend, self.zero(), self.code, **self.options)
        if immed:
            return Begin(job)
        try:
            yield Begin(job)
        finally:
            job.stop()
        return GOOD

    def zero(self) -> Generator[float, None, None]:
        part = self.backend.size // STEPS  # type: ignore[attr-defined]
        self.corrupted = True
        try:
            for number in range(STEPS):
                self.backend.write_from(number * part, memoryview(bytes(part)))
                yield (number + 1) / STEPS
        except GeneratorExit:
            raise Fault(SenseKey.MEDIUM_ERROR, MEDIUM_FORMAT_CORRUPTED) from None
        self.corrupted = False


class FormattingPair(Pair):
    """Two clients of such a unit."""

    unit: Formatting

    def __init__(self) -> None:
        super().__init__(lambda medium: Formatting(medium, "disk"))

    def zeros(self) -> int:
        """How many parts have been written."""
        part = MIB // STEPS
        found = [bytes(self.medium.memory()[at : at + part]) == bytes(part) for at in range(0, MIB, part)]
        assert found == sorted(found, reverse=True)
        return sum(found)


@pytest.fixture
def pair() -> Iterator[FormattingPair]:
    pair = FormattingPair()
    yield pair
    pair.close()


def begin(pair: FormattingPair, immed: bool) -> int:
    """Begin to format; the tag of what is not answered yet, or 0."""
    if immed:
        assert pair.answered(pair.first, FORMAT_LIST, IMMED).status == 0
        return 0
    tag = pair.command(pair.first, FORMAT)
    assert not pair.first.client.answers
    return tag


@pytest.mark.parametrize("immed", [True, False])
def test_progress_is_told_to_everybody_and_the_rest_waits(pair: FormattingPair, immed: bool) -> None:
    tag = begin(pair, immed)
    for number in range(STEPS):
        pair.turns.in_step(0)
        for rig in pair.first, pair.other:
            for refused in TUR, "28000000000000000100", "1a003f00ff00", FORMAT, "160000000000":
                sense = pair.bad(rig, refused)
                assert code(sense) == FORMATTING
                assert sense.sks.progress_indication == number * 0x10000 // STEPS
            sense = pair.reported(rig)
            assert code(sense) == FORMATTING
            assert sense.sks.progress_indication == number * 0x10000 // STEPS
            assert pair.answered(rig, "120000002400", room=36).status == 0
            assert pair.answered(rig, "a00000000000000000100000", room=16).status == 0
            assert code(pair.bad(rig, "ff")) == (5, 0x20, 0)
            assert not pair.unit.plain(rig.target.session.nexus)  # type: ignore[union-attr]
        pair.turns.turn.release()
    if immed:
        until(lambda: pair.unit.job is None)
    else:
        assert pair.ended(tag).status == 0
    for rig in pair.first, pair.other:
        pair.good(rig)
        assert code(pair.reported(rig)) == (0, 0, 0)
    assert pair.zeros() == STEPS
    assert not pair.unit.corrupted


@pytest.mark.parametrize("step", range(STEPS))
def test_an_error_after_the_status_is_deferred(pair: FormattingPair, step: int) -> None:
    """Told once, to who began it, and not by what leaves unit attentions alone (SPC-5, 4.4.7)."""
    pair.turns.fail = step
    begin(pair, True)
    pair.over()
    pair.good(pair.other)
    assert pair.answered(pair.first, "120000002400", room=36).status == 0
    sense = pair.bad(pair.first, TUR)
    assert (sense.deferred, code(sense)) == (True, (3, 0x0C, 0))
    pair.good(pair.first)
    assert code(pair.reported(pair.first)) == (0, 0, 0)
    assert pair.zeros() == step
    assert pair.unit.corrupted


def test_a_deferred_error_is_told_by_request_sense_unless_that_is_lost(pair: FormattingPair) -> None:
    pair.turns.fail = 0
    begin(pair, True)
    pair.over()
    assert pair.answered(pair.first, SENSE).status == 0, "no room for it"
    pair.unit.attention(0x2A, 1)
    assert code(pair.reported(pair.first)) == (6, 0x2A, 1)
    sense = pair.reported(pair.first)
    assert (sense.deferred, code(sense)) == (True, (3, 0x0C, 0))
    pair.good(pair.first)


def test_a_deferred_error_ends_with_a_reset_and_with_the_nexus(pair: FormattingPair) -> None:
    pair.turns.fail = 0
    begin(pair, True)
    pair.over()
    pair.unit.reset()
    pair.first.attended()
    pair.good(pair.first)
    nexus = pair.first.target.session.nexus  # type: ignore[union-attr]
    for _ in range(2):
        pair.unit.defer(nexus, Fault(SenseKey.MEDIUM_ERROR, 0x0C00))
        pair.unit.detach(nexus)
    pair.unit.attach(nexus)
    pair.good(pair.first)


@pytest.mark.parametrize("step", range(STEPS))
def test_an_error_before_the_status_is_the_status(pair: FormattingPair, step: int) -> None:
    pair.turns.fail, pair.turns.error = step, errno.ENOSPC
    tag = begin(pair, False)
    pair.turns.open()
    answer = pair.ended(tag)
    sense = parse_sense(bytes(answer.sense))
    assert (sense.deferred, code(sense)) == (False, (7, 0x27, 7))
    pair.good(pair.first)
    pair.good(pair.other)


@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.LUN_RESET], ids=str)
def test_an_abort_stops_what_a_command_waits_for(pair: FormattingPair, function: int, step: int) -> None:
    """The step that it is in runs on, and until that is over the unit stays closed."""
    tag = begin(pair, False)
    pair.turns.in_step(step)
    managed = pair.first.client.manage(0, function, tag)
    for rig in pair.first, pair.other, pair.first:
        rig.run()
    assert bytes(pair.first.client.answer(managed).resp_data) == bytes(4)
    pair.first.attended()
    assert code(pair.bad(pair.first, TUR)) == FORMATTING
    pair.over()
    pair.first.run()
    assert not pair.first.client.answers
    pair.good(pair.first)
    assert pair.zeros() == step + 1
    assert pair.unit.corrupted


@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("immed", [True, False])
def test_a_reset_by_another_nexus_stops_it(pair: FormattingPair, immed: bool, step: int) -> None:
    """What the job says of its end is told after the reset, where nobody waits for it."""
    tag = begin(pair, immed)
    pair.turns.in_step(step)
    managed = pair.other.client.manage(0, TskMgmtFunc.LUN_RESET)
    pair.other.run()
    pair.first.run()
    pair.other.run()
    assert bytes(pair.other.client.answer(managed).resp_data) == bytes(4)
    if not immed:
        assert pair.first.client.answer(tag).status == 0x40
    pair.over()
    assert code(pair.bad(pair.first, TUR)) == (6, 0x29, 0)
    if immed:
        sense = pair.bad(pair.first, TUR)
        assert (sense.deferred, code(sense)) == (True, (3, 0x31, 0))
    pair.good(pair.first)
    assert code(pair.bad(pair.other, TUR)) == (6, 0x29, 0)
    pair.good(pair.other)
    assert pair.zeros() == step + 1


def test_a_lasting_job_survives_a_reset(pair: FormattingPair) -> None:
    pair.unit.options = {"lasting": True, "allowed": [cdb.TestUnitReady]}
    pair.unit.code = SenseCode.SANITIZE_IN_PROGRESS
    begin(pair, True)
    pair.turns.in_step(0)
    pair.unit.reset()
    pair.first.attended()
    pair.good(pair.first)
    assert code(pair.bad(pair.first, "28000000000000000100")) == (2, 4, 0x1B)
    pair.over()
    pair.good(pair.first)
    assert pair.zeros() == STEPS


def test_what_refuses_nothing_goes_on_beside_the_rest(pair: FormattingPair) -> None:
    pair.unit.options = {"key": SenseKey.NO_SENSE}
    pair.unit.code = 0x0016  # OPERATION IN PROGRESS
    begin(pair, True)
    pair.turns.in_step(1)
    nexus = pair.first.target.session.nexus  # type: ignore[union-attr]
    assert pair.unit.plain(nexus)
    pair.good(pair.first)
    sense = pair.reported(pair.other)
    assert (code(sense), sense.sks.progress_indication) == ((0, 0, 0x16), 0x10000 // STEPS)
    assert code(pair.bad(pair.other, FORMAT)) == (2, 0, 0x16), "one at a time"
    pair.over()
    assert code(pair.reported(pair.other)) == (0, 0, 0)


@pytest.mark.parametrize("immed", [True, False])
def test_it_goes_on_when_who_began_it_is_lost(pair: FormattingPair, immed: bool) -> None:
    """With the status sent; else losing the nexus is an abort."""
    begin(pair, immed)
    pair.turns.in_step(1)
    pair.first.target.disable()
    pair.first.run()
    assert code(pair.bad(pair.other, TUR)) == FORMATTING
    pair.over()
    pair.good(pair.other)
    assert pair.zeros() == (STEPS if immed else 2)


@pytest.mark.parametrize("immed", [True, False])
def test_another_unit_takes_its_place(pair: FormattingPair, immed: bool) -> None:
    """The new one is open at once, and the old one goes on with what was begun there."""
    tag = begin(pair, immed)
    pair.turns.in_step(2)
    pair.luns.replace(0, Disk(Ram(MIB), "new"))
    for rig in pair.first, pair.other:
        assert code(pair.bad(rig, TUR)) == (6, 0x3F, 3)
        pair.good(rig)
    pair.over()
    if not immed:
        assert pair.ended(tag).status == 0
    assert pair.zeros() == STEPS


class NoThread:
    """Workers without any."""

    def submit(self, *_: object) -> Any:
        raise RuntimeError("can't start new thread")


def test_without_a_thread_the_command_is_busy_and_the_unit_open(pair: FormattingPair) -> None:
    pair.first.target.mover.media.workers = NoThread()  # type: ignore[assignment]
    assert pair.answered(pair.first, FORMAT).status == 8
    assert pair.answered(pair.first, FORMAT_LIST, IMMED).status == 8
    assert pair.unit.job is None
    pair.good(pair.other)


@pytest.mark.parametrize("workers", [True, False])
def test_an_interrupt_leaves_the_unit_open(pair: FormattingPair, workers: bool) -> None:
    """Ctrl-C while the thread is started, or within the work where there is none."""

    class Interrupted:
        def submit(self, *_: object) -> Any:
            raise KeyboardInterrupt

    def interrupted() -> Iterator[float]:
        yield 0.5
        raise KeyboardInterrupt

    pair.unit.zero = interrupted  # type: ignore[method-assign, assignment]
    pair.first.target.mover.media.workers = Interrupted() if workers else None  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        pair.command(pair.first, FORMAT_LIST, IMMED)
    assert pair.unit.job is None
    pair.good(pair.other)


def test_in_place(caplog: pytest.LogCaptureFixture) -> None:
    """Without workers it is over before the status, and what goes wrong is told as if it were not."""
    with Bench(Formatting(Ram(MIB), "disk")) as bench:
        bench.good(FORMAT)
        bench.good(FORMAT_LIST, IMMED)
        assert bench.bad(FORMAT_LIST, IMMED[:3]) == (5, 0x1A, 0)
        assert bench.bad(FORMAT, read_only=True) == (7, 0x27, 0)

        def broken() -> Iterator[float]:
            yield 0.5
            raise ZeroDivisionError("a bug")

        bench.unit.zero = broken
        assert bench.bad(FORMAT) == (4, 0x44, 0)
        bench.good(FORMAT_LIST, IMMED)
        assert parse_sense(bench(TUR).sense).deferred
        bench.good(TUR)
        assert "a bug" in caplog.text


def test_a_medium_that_takes_its_time_needs_a_worker() -> None:
    """Without one there is nobody to wait for it: BUSY, and the unit is open."""
    medium = LateMedium()
    with Bench(Disk(medium, "disk")) as bench:
        assert bench(FORMAT).status == Status.BUSY
        assert bench.unit.job is None
    medium.close()


@pytest.mark.parametrize("how", ["busy", "no request"])
def test_steps_that_cannot_go_on_have_ended_when_the_job_has(how: str) -> None:
    """Not when somebody collects garbage, who may have the lock of the unit that they take: and they are told why."""
    told: list[Exception] = []

    class NoRequest(Flush):
        __slots__ = ()

        def request(self) -> MediumRequest:
            raise ZeroDivisionError

    def steps() -> Generator[Any, None, None]:
        try:
            yield Flush(medium) if how == "busy" else NoRequest(medium)
        except Exception as error:
            told.append(error)
            raise

    medium = LateMedium()
    with Bench(Formatting(medium, "disk")) as bench:
        begun = steps()
        bench.unit.zero = lambda: begun
        assert bench(FORMAT).status == (Status.BUSY if how == "busy" else Status.CHECK_CONDITION)
        assert begun.gi_frame is None
        assert [type(error) for error in told] == [Busy if how == "busy" else ZeroDivisionError]
    medium.close()


class EndsWhileWithdrawn(Medium):
    """What is withdrawn is over on another thread before this one knows that it runs on."""

    size = MIB

    def channel(self, loop: Loop) -> MediumChannel:
        return EndingChannel(loop)


class EndingChannel(MediumChannel):
    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def submit(self, request: MediumRequest, /) -> Later:
        request.channel = self
        return PENDING

    def withdraw(self, request: MediumRequest, /) -> bool:
        request.ends(errno.EIO)
        ends = threading.Thread(target=self.loop.post, args=[partial(request.over, request)])
        ends.start()
        ends.join()
        return False


def test_what_was_withdrawn_in_place_ends_in_the_loop() -> None:
    medium = EndsWhileWithdrawn()
    with Bench(Disk(medium, "disk")) as bench:
        for _ in range(2):
            assert bench(FORMAT).status == Status.BUSY
            assert not medium.stragglers
            assert bench.unit.job is None


def test_who_stops_it_ends_the_command_that_waits(pair: FormattingPair) -> None:
    tag = begin(pair, False)
    pair.turns.in_step(0)
    job = pair.unit.job
    assert job
    assert repr(job) == "<Job NOT_READY 04/04 0%>"
    job.stop()
    pair.turns.open()
    assert code(parse_sense(bytes(pair.ended(tag).sense))) == (3, 0x31, 0)


def test_what_is_stopped_before_it_has_begun_does_nothing(pair: FormattingPair) -> None:
    blocked = [pair.pool.submit(pair.medium, pair.turns.enter, lambda error: None) for _ in range(4)]
    tag = begin(pair, False)
    job = pair.unit.job
    assert job
    job.stop()
    pair.turns.open()
    assert code(parse_sense(bytes(pair.ended(tag).sense))) == (0xB, 0, 0)
    assert pair.zeros() == 0
    assert len(blocked) == 4


@pytest.mark.parametrize("how", ["stop", "remove"])
def test_a_server_that_stops_does_not_wait_for_its_end(how: str) -> None:
    """Nor does who removes the unit: after the step that it is in nothing is written."""
    turns = Turns()
    unit = Formatting(Stepped(MIB, turns), "disk")
    url = f"local:jobs{next(names)}"
    luns = LunMap([(0, unit)])
    with Server(url, luns) as server, Session(url) as session:
        device = session.scan()[0]
        device.test_unit_ready()
        device.execute(cdb.FormatUnit.build(fmtdata=True), data_out=IMMED)
        turns.in_step(1)
        until(lambda: unit.job)
        if how == "remove":
            luns.remove(0)
            assert not server.drain(unit, 0.01)
        else:
            server.stop(0.01)
        turns.open()
        until(lambda: unit.job is None)
        assert turns.count == 2
