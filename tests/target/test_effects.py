"""Handlers that say what they want: returned or yielded effects, their errors, aborts, and handlers of version 0.1."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.fields import U8
from pysrp.scsi import cdb
from pysrp.scsi.codes import SenseKey
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.effects import GOOD, Effect, Effects, End, Fetch, Move, Read, Reply, Work, Write
from pysrp.target.fault import Fault
from pysrp.target.lunmap import LunMap
from pysrp.target.task import Task
from pysrp.target.unit import LogicalUnit
from pysrp.target.units.commands import command
from pysrp.target.workers import Pool
from target_rig import BLOCK, MIB, Rig, SlowRam, Spotted
from unit_bench import Bench

MISCOMPARE = 0x1D00


class Comparing(Disk):
    """COMPARE AND WRITE (SBC-4, 5.3), and a few handlers that go wrong."""

    undone = 0

    @command(cdb.CompareAndWrite, medium=True)
    def compare_and_write(self, task: Task, cdb: Any) -> Generator[Effect, Any, None]:
        blocks = cdb.number_of_logical_blocks
        start, length = self._start(cdb, blocks), blocks * self.block_size
        data = yield Fetch(2 * length)
        try:
            found = yield Read(self.backend, start, length)
            if found != data[:length]:
                at = next(i for i in range(length) if found[i] != data[i])
                raise Fault(SenseKey.MISCOMPARE, MISCOMPARE, information=at)
            yield Write(self.backend, start, data[length:], flush=bool(cdb.fua))
        finally:
            self.undone += 1


def compare(lba: int, blocks: int = 1) -> bytes:
    return bytes(cdb.CompareAndWrite.build(lba=lba, number_of_logical_blocks=blocks))


@pytest.fixture
def slow() -> SlowRam:
    return SlowRam(MIB)


@pytest.fixture
def rig(slow: SlowRam) -> Iterator[Rig]:
    rig = Rig(LunMap([(256, Comparing(slow, "slow"))]), workers=Pool())
    rig.login()
    yield rig
    slow.gate.set()
    rig.close()


def test_compare_and_write_in_place() -> None:
    ram = Ram(MIB)
    with Bench(Comparing(ram, "disk")) as bench:
        first, second = b"a" * BLOCK, b"b" * BLOCK
        bench.good(compare(3), bytes(BLOCK) + first)
        bench.good(compare(3), first + second)
        result = bench(compare(3), first + first)
        assert result.code == (0xE, 0x1D, 0)
        assert parse_sense(result.sense).information == 0
        assert bytes(ram.memory()[3 * BLOCK : 4 * BLOCK]) == second
        assert bench.unit.undone == 3


def test_compare_and_write_on_workers(rig: Rig, slow: SlowRam) -> None:
    slow.gate.set()
    client = rig.client
    client.poke(bytes(BLOCK) + b"x" * BLOCK)
    tag = client.cmd(256, compare(5), data_out=(client.data(), 2 * BLOCK))
    rig.run()
    rig.settle(lambda: bool(client.answers))
    assert client.answer(tag).status == 0
    assert bytes(slow.memory()[5 * BLOCK : 6 * BLOCK]) == b"x" * BLOCK
    tag = client.cmd(256, compare(5), data_out=(client.data(), 2 * BLOCK))
    rig.run()
    rig.settle(lambda: bool(client.answers))
    assert parse_sense(bytes(client.answer(tag).sense)).sense_key == SenseKey.MISCOMPARE


@pytest.mark.parametrize("function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.LUN_RESET], ids=str)
def test_an_abort_between_two_steps_closes_the_handler(rig: Rig, slow: SlowRam, function: int) -> None:
    """Nothing is written that was not when it was aborted, and what the handler has to undo is undone."""
    client = rig.client
    client.poke(bytes(BLOCK) + b"x" * BLOCK)
    tag = client.cmd(256, compare(0), data_out=(client.data(), 2 * BLOCK))
    rig.run()
    assert slow.started.acquire(timeout=60)
    managed = client.manage(256, function, tag)
    rig.run()
    assert bytes(client.answer(managed).resp_data) == bytes(4)
    unit: Any = rig.luns[256].unit
    assert unit.undone == 1
    slow.gate.set()
    ready = client.cmd(256, bytes(cdb.Inquiry.build(allocation_length=36)), data_in=(client.data(), 36))
    rig.run()
    assert client.answer(ready).status == 0
    assert not client.answers
    assert rig.target.session
    assert not rig.target.session.tasks
    assert bytes(slow.memory()[:BLOCK]) == bytes(BLOCK)


@pytest.mark.parametrize("blocking", [False, True])
def test_an_error_is_raised_where_the_effect_was_wanted(blocking: bool) -> None:
    backend = Spotted(MIB, {0}, blocking=blocking)
    seen = []

    class Unit(Comparing):
        @command(cdb.Read6, medium=True)
        def read_6(self, task: Task, cdb_: Any) -> Any:
            try:
                yield Read(self.backend, 0, 1)
            except OSError as error:
                seen.append(error.errno)
            return Reply(b"caught")

        @command(cdb.Read10, medium=True)
        def read(self, task: Task, cdb_: Any) -> Any:
            yield Move(self.backend, 0, BLOCK, block=BLOCK)
            seen.append("never")

        @command(cdb.Write10, medium=True)
        def write(self, task: Task, cdb_: Any) -> Any:
            yield Work(self.backend, lambda: 1 // 0)

    with Bench(Unit(backend, "disk")) as bench:
        assert bench.good("080000000100") == b"caught"
        assert bench.tainted("28000000000000000100").code == (3, 0x11, 0)
        assert bench.bad(compare(0), bytes(2 * BLOCK)) == (3, 0x0C, 0)
        assert bench.bad("2a000000000000000100", bytes(BLOCK)) == (4, 0x44, 0)
        with bench.unreachable():
            assert bench.bad("28000000000000000100") == (0xB, 0x4B, 0)
    assert seen == [errno.EIO]


def test_what_a_handler_may_not_want() -> None:
    class Unit(LogicalUnit):
        wanted: Any = None

        @command(cdb.TestUnitReady)
        def test_unit_ready(self, task: Task, cdb_: Any) -> Any:
            return self.wanted

    def yielding(effect: Any) -> Any:
        yield effect

    with Bench(Unit()) as bench:
        for wrong in 1, "GOOD", Fetch(1), yielding(GOOD), yielding(None), yielding(Reply(b"")):
            bench.unit.wanted = wrong
            assert bench.bad("000000000000") == (4, 0x44, 0), wrong


@pytest.mark.parametrize("status", [-1, 256, 1 << 40])
def test_a_status_is_one_byte(status: int) -> None:
    """Refused where it is set: the command ends as with any other bug, and the next one is served."""

    class Unit(LogicalUnit):
        @command(cdb.TestUnitReady)
        def test_unit_ready(self, task: Task, cdb_: Any) -> Any:
            return End(status)

        @command(cdb.Inquiry)
        def inquiry(self, task: Task, cdb_: Any) -> Any:
            task.end(status)

        @command(cdb.RequestSense)
        def request_sense(self, task: Task, cdb_: Any) -> Any:
            return End(2, 5)  # type: ignore[arg-type]

    with Bench(Unit()) as bench:
        for raw in "000000000000", "120000002400", "030000001200":
            assert bench.bad(raw) == (4, 0x44, 0)


def test_the_effects_of_one_generator_do_not_recurse() -> None:
    class Unit(LogicalUnit):
        backend = Ram(BLOCK)

        @command(cdb.TestUnitReady)
        def test_unit_ready(self, task: Task, cdb_: Any) -> Any:
            total = 0
            for number in range(20000):
                total += yield Work(self.backend, lambda number=number: number)
            return Reply(b"%d" % total)

    with Bench(Unit()) as bench:
        assert bench.good("000000000000") == b"%d" % sum(range(20000))


# Version 0.1.


class Old(LogicalUnit):
    """Every method that a task had."""

    backend = Ram(MIB)

    @command(cdb.TestUnitReady)
    def test_unit_ready(self, task: Any, cdb_: Any) -> None:
        task.good()

    @command(cdb.Inquiry)
    def inquiry(self, task: Any, cdb_: Any) -> None:
        task.reply(b"old", cdb_.allocation_length)

    @command(cdb.Read10)
    def read(self, task: Any, cdb_: Any) -> None:
        task.read(self.backend, 0, BLOCK, block=BLOCK)

    @command(cdb.Write10)
    def write(self, task: Any, cdb_: Any) -> None:
        task.write(self.backend, 0, BLOCK, flush=True, block=BLOCK)

    @command(cdb.ModeSelect6)
    def mode_select(self, task: Any, cdb_: Any) -> None:
        self.list = bytes(task.fetch(cdb_.parameter_list_length))
        task.run(self.backend, self.backend.flush, then=lambda: task.end(4))

    @command(cdb.SynchronizeCache10)
    def synchronize_cache(self, task: Any, cdb_: Any) -> None:
        task.run(self.backend, self.backend.flush)

    @command(cdb.StartStopUnit)
    def start_stop_unit(self, task: Any, cdb_: Any) -> None:
        task.check(bytes.fromhex("700002000000000a"))


def test_a_unit_of_version_0_1_goes_on_working() -> None:
    with Bench(Old()) as bench:
        for call, raw, data, status in [
            ("good", "000000000000", b"", 0),
            ("reply", "120000000200", b"", 0),
            ("write", "2a000000000000000100", b"w" * BLOCK, 0),
            ("read", "28000000000000000100", b"", 0),
            ("run", "35000000000000000000", b"", 0),
            ("check", "1b0000000000", b"", 2),
        ]:
            with pytest.warns(DeprecationWarning, match=rf"task\.{call}\(.*pysrp\.target\.effects"):
                result = bench(raw, data)
            assert result.status == status, call
        assert result.sense.hex() == "700002000000000a"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            assert bench("28000000000000000100").data == b"w" * BLOCK
            assert bench("120000000200").data == b"ol"
            assert bench("151000000300", b"abc").status == 4
        assert bench.unit.list == b"abc"


def test_a_method_in_front_of_execute_may_drop_what_that_returns() -> None:
    """As was right in version 0.1."""

    class Watched(Disk):
        def execute(self, task: Task) -> Effects:
            super().execute(task)
            return None

    with Bench(Watched(Ram(MIB), "disk")) as bench:
        assert len(bench.good("28000000000000000200")) == 2 * BLOCK
        assert bench.bad("ff") == (5, 0x20, 0)


class Far(cdb.Cdb6, opcode=0xD2, name="FAR"):
    __slots__ = ()
    byte = U8(2)


def test_a_handler_that_returns_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """It has to end the task itself, later; if it has only forgotten to, nobody else would."""

    class Unit(LogicalUnit):
        kept: Any = None

        @command(Far)
        def far(self, task: Task, cdb_: Any) -> Any:
            self.kept = task

    rig = Rig(LunMap([(0, Unit("unit"))]))
    try:
        client = rig.login()
        tag = client.cmd(0, bytes(Far.build()))
        rig.run()
        assert not client.answers
        assert "returned nothing" in caplog.text
        unit: Any = rig.luns[0].unit
        unit.kept.end(8)
        rig.run()
        assert client.answer(tag).status == 8
    finally:
        rig.close()
