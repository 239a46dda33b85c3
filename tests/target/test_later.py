"""Copies that finish later: what goes wrong with one is told where the handler waits; aborts; memory that is short."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from later_rig import FarLink, LaterRig
from pysrp import srp
from pysrp.backends import Ram
from pysrp.errors import HcallError, PartnerGone, TransportError
from pysrp.scsi import cdb
from pysrp.scsi.codes import SenseKey
from pysrp.srp import TskMgmtFunc
from pysrp.target.data import CHUNK, CHUNKS
from pysrp.target.disk import Disk
from pysrp.target.effects import Begin, Fetch, Move, Reply, Work
from pysrp.target.lunmap import LunMap
from pysrp.target.srp_session import Channel
from pysrp.target.units.commands import command
from pysrp.target.units.jobs import Job
from pysrp.target.workers import Pool
from target_rig import SlowRam
from waiting import PATIENCE, until

MIB = 1 << 20
READ, WRITE, TUR = "28000000000000000400", "2a000000000000000400", "000000000000"


class Careful(Disk):
    """Handlers in steps that look at what goes wrong, and go on."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend, "careful")
        self.seen: list[Any] = []

    @command(cdb.Read10, medium=True)
    def read(self, task: Any, cdb_: Any) -> Any:
        try:
            yield Move(self.backend, 0, cdb_.transfer_length * 512, 512)
        except TransportError as error:
            self.seen.append(error)
            yield Work(self.backend, self.backend.flush)
            return Reply(b"")
        finally:
            self.seen.append("over")
        self.seen.append("moved")

    @command(cdb.Write10, medium=True)
    def write(self, task: Any, cdb_: Any) -> Any:
        try:
            data = yield Fetch(cdb_.transfer_length * 512)
            self.seen.append(len(data))
        finally:
            self.seen.append("over")


@pytest.fixture(params=[False, True], ids=["in place", "on workers"])
def careful(request: Any) -> LaterRig:
    backend = Ram(4 * MIB)
    backend.blocking = request.param
    return LaterRig(LunMap([(0, Careful(backend))]), Pool())


def unit(rig: LaterRig) -> Any:
    return rig.luns[0].unit


@pytest.mark.parametrize("now", [False, True], ids=["later", "now"])
def test_an_error_of_a_copy_is_raised_where_the_effect_was_yielded(careful: LaterRig, now: bool) -> None:
    wrong = TransportError("as it happens")
    careful.memory.now = lambda: now
    careful.memory.refuse = lambda: wrong
    tag = careful.cmd(0, READ, room=(0, 2048))
    if not now:
        careful.settle(lambda: careful.memory.under_way)
        careful.memory.end_all(wrong)
    careful.settle(lambda: tag in careful.link.answers)
    assert careful.link.answers[tag].status == 0
    assert unit(careful).seen == [wrong, "over"]
    unit(careful).seen.clear()
    tag = careful.cmd(0, WRITE, out=(0, 2048))
    careful.memory.end_all(wrong)
    assert careful.link.answers[tag].sense[2:14].hex().startswith("0b")
    assert unit(careful).seen == ["over"]
    careful.check()


def test_a_task_that_has_gone_on_after_an_error_can_be_aborted() -> None:
    """There is nothing to cancel of what failed."""

    class Unit(Careful):
        @command(cdb.Read10, medium=True)
        def read(self, task: Any, cdb_: Any) -> Any:
            with contextlib.suppress(OSError):
                yield Fetch(512)
            job = Job(self.backend, self.steps(), 0x0409)
            try:
                yield Begin(job)
            finally:
                job.stop()

        def steps(self) -> Any:
            while True:
                yield 0.5

    rig = LaterRig(LunMap([(0, Unit(Ram(MIB)))]), Pool())
    rig.memory.now = lambda: True
    rig.memory.refuse = lambda: TransportError("as it happens")
    rig.cmd(0, READ, out=(0, 512))
    assert rig.session.tasks
    function = rig.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    assert rig.link.answers[function].status == 0
    rig.check()


def test_a_job_that_ends_between_the_reset_of_another_nexus_and_its_answer() -> None:
    """The command that waited for it has been aborted, whatever the job says."""
    ends = threading.Event()

    class Unit(Careful):
        @command(cdb.TestUnitReady)
        def test_unit_ready(self, task: Any, cdb_: Any) -> Any:
            yield Begin(Job(self, self.steps(), 0x0409, key=SenseKey.NO_SENSE, lasting=True))

        def steps(self) -> Any:
            assert ends.wait(PATIENCE)
            yield 1.0

    pool = Pool()
    rig = LaterRig(LunMap([(0, Unit(Ram(MIB)))]), pool)
    other = LaterRig(rig.luns, pool, name="b")
    waits = rig.cmd(0, TUR)
    copies = rig.cmd(0, READ, room=(0, 2048))
    reset = other.manage(0, TskMgmtFunc.LUN_RESET)
    rig.turn()
    ends.set()
    until(lambda: rig.inbox)
    rig.turn()
    assert not rig.link.answers
    rig.memory.end_all()
    rig.turn()
    other.turn()
    assert [rig.link.answers[tag].status for tag in (waits, copies)] == [0x40, 0x40]
    assert other.link.answers[reset].status == 0
    rig.check()


def test_an_effect_after_the_end(careful: LaterRig, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that ends its task itself and wants something too: nothing of that is done after the answer."""

    class Unit(Careful):
        @command(cdb.Read10, medium=True)
        def read(self, task: Any, cdb_: Any) -> Any:
            task.end(8)
            return Move(self.backend, 0, 2048, 512)

        @command(cdb.Read12, medium=True)
        def read_12(self, task: Any, cdb_: Any) -> Any:
            try:
                task.end(8)
                yield Move(self.backend, 0, 2048, 512)
            finally:
                self.seen.append("closed")

        @command(cdb.Read16, medium=True)
        def read_16(self, task: Any, cdb_: Any) -> Any:
            task.move(Move(self.backend, 0, 2048, 512), task.done)
            task.end(8)

    backend = unit(careful).backend
    rig = LaterRig(LunMap([(0, Unit(backend))]), Pool())
    for raw, closed in [(READ, 0), ("a8", 1), ("88", 0)]:
        tag = rig.cmd(0, raw, room=(0, 2048))
        rig.settle(lambda: not rig.mover.staging.busy or rig.memory.under_way)
        assert (tag in rig.link.answers) == (not rig.memory.under_way), "it waits for what the link copies"
        rig.memory.end_all()
        rig.turn()
        assert rig.link.answers[tag].status == 8
        rig.check()
        assert unit(rig).seen == ["closed"] * closed, raw
        unit(rig).seen.clear()
    assert "a bug" in caplog.text


def test_a_backend_that_is_itself_reached_by_a_transport() -> None:
    """Its errors are the medium's, not those of the initiator's memory."""

    class Remote(Ram):
        def flush(self) -> None:
            raise PartnerGone("of a backend")

    rig = LaterRig(LunMap([(0, Disk(Remote(MIB), "disk"))]))
    for raw in "1b0000000000", "35000000000000000000":
        tag = rig.cmd(0, raw)
        assert rig.link.answers[tag].sense[2] == 4, raw


def test_what_cannot_be_put_back_hinders_no_abort() -> None:
    """What a handler gave to be called when its answer is lost may be wrong itself."""

    class Unit(Careful):
        @command(cdb.Inquiry)
        def inquiry(self, task: Any, cdb_: Any) -> Any:
            return Reply(b"inquiry", lost=lambda: 1 // 0)

    rig = LaterRig(LunMap([(0, Unit(Ram(MIB)))]))
    rig.cmd(0, "120000002400", room=(0, 36))
    function = rig.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    rig.memory.end_all()
    assert rig.link.answers[function].status == 0
    rig.check()


@pytest.mark.parametrize("short", [HcallError(-9, "no room"), MemoryError()], ids=["window", "memory"])
def test_hundreds_that_wait_for_staged_memory(short: Exception) -> None:
    """All of it is taken by media that hang; then everything is over at once."""
    hung = [SlowRam(MIB) for _ in range(5)]
    luns = LunMap(
        [(n, Disk(backend, f"hung{n}")) for n, backend in enumerate(hung)] + [(5, Disk(Ram(MIB), "ram"))]
    )
    pool = Pool()
    rig = LaterRig(luns, pool, room=CHUNKS * CHUNK, credits=600)
    rig.memory.now = lambda: True
    rig.memory.short = short
    reads = [rig.cmd(n, READ, room=(0, 2048)) for n in range(5) for _ in range(8)]
    assert rig.mover.staging.busy == CHUNKS - 1
    steady = rig.cmd(0, "120000002400", room=(4096, 36)), rig.cmd(5, READ, room=(4096, 2048))
    assert all(rig.link.answers[tag].status == 0 for tag in steady), (
        "what cannot hang does not wait for what does"
    )
    rig.memory.now = lambda: False
    tags = [rig.cmd(n % 2 * 5, READ if n % 2 else "120000002400", room=(4096, 2048)) for n in range(500)]
    assert len(rig.memory.under_way) == 1
    rig.memory.now = lambda: True
    rig.memory.end_all()
    assert all(rig.link.answers[tag].status == 0 for tag in tags)
    for backend in hung:
        backend.gate.set()
    rig.settle(lambda: all(tag in rig.link.answers for tag in reads))
    assert {answer.status for answer in rig.link.answers.values()} == {0}
    rig.check()


def test_a_function_whose_channel_has_closed(careful: LaterRig) -> None:
    """Nobody is told then; what it has aborted is."""
    rig = careful
    link = FarLink()
    link.channel = Channel(rig.session, link, rig.mover, 4)
    rig.cmd(0, READ, room=(0, 2048))
    rig.settle(lambda: rig.memory.under_way)
    iu = srp.TskMgmt.build(tag=9, lun=bytes(8), tsk_mgmt_func=TskMgmtFunc.LUN_RESET)
    link.channel.arrived(None, bytes(iu))
    rig.session.drop(link.channel)
    rig.memory.end_all()
    assert not link.answers
    rig.check()


@pytest.mark.parametrize("what", ["replaced", "removed"])
@pytest.mark.parametrize(
    "function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.LUN_RESET], ids=str
)
def test_an_abort_finds_what_was_sent_to_the_unit_before(
    careful: LaterRig, function: TskMgmtFunc, what: str
) -> None:
    """A command goes on with the unit that it began with; who sent it knows only the LUN."""
    rig = careful
    tag = rig.cmd(0, READ, room=(0, 2048))
    rig.settle(lambda: rig.memory.under_way)
    if what == "replaced":
        rig.luns.replace(0, Disk(Ram(MIB), "new"))
    else:
        rig.luns.remove(0)
    asked = rig.manage(0, function, tag)
    again = rig.manage(0, function, tag) if what == "replaced" else asked
    assert not rig.link.answers
    rig.memory.end_all()
    assert {*rig.link.answers} == {asked, again}
    assert (rig.link.answers[asked].status, rig.link.answers[asked].credits) == (0, 2)
    rig.check()


def test_a_client_that_counts_aborted_commands_before_it_is_told() -> None:
    """A reset waits for another initiator; what is answered before it tells the client that its commands are over too."""
    rig = LaterRig(LunMap([(0, Disk(Ram(MIB), "disk"))]), credits=4)
    other = LaterRig(rig.luns, name="b")
    for _ in range(2):
        rig.cmd(0, "120000002400", room=(0, 36))
    reset = rig.manage(0, TskMgmtFunc.LUN_RESET)
    rig.memory.end_all()
    aborted = rig.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    assert [*rig.link.answers] == [aborted]
    for _ in range(3):  # the credit of that answer, and two that were not in it
        rig.cmd(0, "120000002400", room=(0, 36))
    assert not rig.link.violations
    other.turn()
    rig.turn()
    assert rig.link.answers[reset].credits == 3
    rig.memory.end_all()
    rig.check()
