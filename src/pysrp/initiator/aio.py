"""The initiator in asyncio: the names of :mod:`pysrp.initiator.session`, to be awaited.

::

    async with Session("unix:/tmp/vios") as session:
        disks = await session.scan()
        first, second = await asyncio.gather(disks[0].read(0), disks[1].read(0))

A session belongs to the event loop in which it was connected last. Cancelling an await gives up what it waits for: the
buffers are the caller's again at once, and the commands are aborted (see :mod:`pysrp.initiator.driver`).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, TypeVar

from pysrp._fast.commands import IO_RETRIES, IO_TIMEOUT, check_written, data_of
from pysrp._fast.queue import ClientLane
from pysrp._fast.turns import roster_of
from pysrp.errors import PartnerGone, SrpError
from pysrp.initiator.requests import Command, TaskManagement, TimedOut, cdb_of, check_timeout
from pysrp.initiator.runs import LaneRuns, LaneSteps
from pysrp.initiator.turns import FOREVER
from pysrp.initiator.units import (
    BUSES,
    SHORT_TIMEOUT,
    Capacity,
    Pending,
    Result,
    ScannedUnit,
    Steps,
    Walk,
    scan,
)
from pysrp.initiator.workload import Workload, WorkloadRun
from pysrp.lun import Hctl, Lun
from pysrp.scsi.inquiry import Inquiry
from pysrp.srp import TaskAttribute, TskMgmtFunc
from pysrp.vscsi.client_options import Options
from pysrp.vscsi.client_states import State

__all__ = ["Device", "Options", "Session"]

T = TypeVar("T")

LOOK = 0.1
"""Seconds after which a workload checks its deadlines."""


class Device(ScannedUnit):
    """A logical unit; the methods are those of :class:`pysrp.initiator.session.Device`."""

    session: Session

    async def inquiry(self, vpd: int | None = None) -> Any:
        """Standard INQUIRY data, or VPD page ``vpd``."""
        return await self.session.run_steps(self.inquiry_steps(vpd))

    async def capacity(self) -> Capacity:
        """READ CAPACITY: the number of blocks, and the bytes in a block."""
        return await self.session.run_steps(self.capacity_steps())

    async def test_unit_ready(self) -> None:
        """TEST UNIT READY: return if the unit can take reads and writes."""
        await self.session.run_steps(self.ready_steps())

    async def read(self, lba: int, blocks: int = 1) -> bytes:
        """Read any number of blocks, from ``lba`` on."""
        pending = self.begin_read(lba, blocks)
        if pending is not None:
            await self.session.awaited(pending)
            data = data_of(pending)
            if data is not None:
                return data
        return await self.session.run_steps(self.read_steps(lba, blocks, None))

    async def read_into(self, lba: int, buffer: Any) -> None:
        """Fill ``buffer`` (writable, whole blocks) from ``lba`` on."""
        view = memoryview(buffer).cast("B")
        size = self.size_known() or await self.session.run_steps(self.block_size_steps())
        pending = None if view.nbytes % size else self.begin_read(lba, view.nbytes // size, view)
        if pending is not None:
            await self.session.awaited(pending)
            if data_of(pending) is not None:
                return
        await self.session.run_steps(self.read_steps(lba, view.nbytes // size, view))

    async def write(self, lba: int, data: Any, fua: bool = False) -> None:
        """Write whole blocks from ``lba`` on."""
        pending = self.begin_write(lba, data, fua)
        if pending is not None:
            await self.session.awaited(pending)
            check_written(pending)
            return
        await self.session.run_steps(self.write_steps(lba, data, fua))

    async def flush(self) -> None:
        """SYNCHRONIZE CACHE."""
        await self.session.run_steps(self.flush_steps())

    async def persistent_reserve_in(self, action: int) -> Any:
        """PERSISTENT RESERVE IN; ``action`` is a PersistentReserveInAction."""
        return await self.session.run_steps(self.persistent_reserve_in_steps(action))

    async def persistent_reserve_out(self, action: int, parameters: Any, type: int = 0) -> None:
        """PERSISTENT RESERVE OUT; ``action`` is a PersistentReserveOutAction."""
        await self.session.run_steps(self.persistent_reserve_out_steps(action, parameters, type))

    async def run(
        self, ops: int | bytes, lbas: Iterable[int], blocks: int | Iterable[int], **options: Any
    ) -> Workload:
        """Many reads and writes; see :meth:`Session.run`."""
        return await self.session.run(self, ops, lbas, blocks, **options)

    async def execute(self, cdb: Any, **arguments: Any) -> Result:
        """Any command; see :meth:`Session.execute`."""
        return await self.session.execute(self.lun, cdb, **arguments)

    async def reset(self, timeout: float = 0) -> None:
        """LUN RESET."""
        await self.session.lun_reset(self.lun, timeout)


class Session(LaneRuns):
    """One connection; the arguments are those of :class:`pysrp.initiator.session.Base`."""

    _loop: asyncio.AbstractEventLoop | None = None
    _fd = -1
    _timer: asyncio.TimerHandle | None = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._watchers = []
        self._signals = self._looped = True

    async def connect(self, timeout: float | None = 60) -> None:
        """Open the queue and log in; raises as :meth:`pysrp.initiator.session.Session.connect`."""
        check_timeout(timeout)
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._leave_loop()
        self._loop = loop
        roster = roster_of(loop)
        self._alarm = roster.alarm
        self._start()
        self._fd = self.port.fileno()
        roster.join(self, self._fd)
        self._readable()
        await self.wait_connected(timeout)

    async def wait_connected(self, timeout: float | None = 60) -> None:
        """Wait until the session is logged in (again)."""
        check_timeout(timeout)
        if not self._opened:
            raise self._not_open()
        limit = FOREVER if timeout is None else time.monotonic() + timeout
        while not self.connected:
            engine = self.engine
            if engine.rejection is not None and engine.state is State.REJECTED:
                raise engine.rejection
            if engine.state is State.CLOSED:
                raise PartnerGone("the session is closed")
            try:
                await self._change(limit)
            except asyncio.TimeoutError:
                assert timeout is not None
                raise TimedOut(self._not_logged_in(timeout)) from None

    async def _change(self, limit: float) -> None:
        """Wait until the session has done some work: elements have come, or a timer has expired.

        Raises asyncio.TimeoutError at ``limit``, a time of :func:`time.monotonic`.
        """
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await asyncio.wait_for(watcher, None if limit == FOREVER else max(0.0, limit - time.monotonic()))

    async def close(self) -> None:
        """Close the queue, as :meth:`pysrp.initiator.session.Session.close`. Harmless when repeated."""
        try:
            if self._live and self._loop is not None and not self._inside and self.connected:
                with contextlib.suppress(SrpError, asyncio.TimeoutError):
                    await self._drain(time.monotonic() + self.engine.options.give_up)
        finally:
            self._end()

    async def _drain(self, limit: float) -> None:
        self._give_up_all()
        while self._is_heard:
            await self._change(limit)

    def _end(self) -> None:
        if self._lane is not None:
            self._lane.release()
        self._leave_loop()
        self._shut()
        self._wake_watchers()

    def _leave_loop(self) -> None:
        if self._roster is not None:
            self._roster.leave(self, self._fd)
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = FOREVER

    async def __aenter__(self) -> Session:
        try:
            await self.connect()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # The loop.

    def _readable(self) -> None:
        try:
            if self._lane is not None:
                return  # the elements are the lane's; its task waits as a watcher and is woken below
            self._work()
            if self.engine.state is State.CLOSED and self._roster is not None:
                self._roster.leave(self, self._fd)  # the descriptor would stay readable for ever
        finally:
            self._wake_watchers()
            self._schedule()

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = FOREVER
        self._readable()

    def _schedule(self) -> None:
        if self._lane is not None:
            return
        until = self._pause()
        if until >= self._timer_at or self._loop is None:
            return  # a timer that comes too early finds nothing to do and sets the next
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = until
        self._timer = self._loop.call_later(max(0.0, until - time.monotonic()), self._on_timer)

    def _wake_watchers(self) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)

    # Commands.

    async def wait(self, pending: Pending) -> None:
        """Wait until a command is done. If the waiting task is cancelled, the command is given up."""
        await self.awaited(pending)

    def give_up(self, commands: Iterable[Pending], error: SrpError | None = None) -> None:
        """As :meth:`pysrp.initiator.giving_up.GivingUp.give_up`; the loop goes on with the aborts."""
        super().give_up(commands, error)
        self._schedule()

    async def gather(self, commands: Iterable[Pending], check: bool = True) -> list[Result]:
        """Wait for all commands and return their results in order. Raises the first error, when all are done.

        If the waiting task is cancelled, all of them are given up.
        """
        commands = list(commands)
        try:
            for pending in commands:
                if not pending.done:
                    await self._promise(pending)
        except BaseException:
            self.give_up(commands)
            raise
        return [pending.outcome(check) for pending in commands]

    async def run_steps(self, steps: Steps[T]) -> T:
        """Carry out a sequence of :mod:`pysrp.initiator.units`, and return its result.

        If this raises, the commands of the sequence that are still under way are given up.
        """
        with Walk(self, steps) as walk:
            for pending in walk:
                if not pending.done:
                    await self._promise(pending)
        return walk.result

    async def scan(
        self, channels: Iterable[int] = range(BUSES), ids: Iterable[int] = range(64), luns: int = 32
    ) -> list[Device]:
        """All logical units, as Linux looks for them."""

        def make(lun: Lun, address: Hctl, data: Inquiry) -> Device:
            return Device(self, lun, address, data)

        return await self.run_steps(scan(self, make, channels, ids, luns))

    async def execute(
        self,
        lun: Lun,
        cdb: Any,
        *,
        data_out: Any = None,
        data_in_length: int = 0,
        timeout: float = 60,
        check: bool = True,
        retries: int = 0,
        block_size: int = 0,
        replay: bool = False,
        attribute: int = TaskAttribute.SIMPLE,
    ) -> Result:
        """Send any command and return its result; see :meth:`pysrp.initiator.session.Session.execute`."""
        pending = self.submit(
            lun, cdb_of(cdb), data_out=data_out, data_in_length=data_in_length, timeout=timeout,
            retries=retries, block_size=block_size, replay=replay, attribute=attribute,
        )  # fmt: skip
        await self.awaited(pending)
        return pending.outcome(check)

    async def abort(self, pending: Pending, timeout: float = 0) -> bool:
        """ABORT TASK. Returns True when the command has ended; see its outcome.

        Raises TransportError if the target refused the function.
        """
        if self._end_unsent(pending):
            return True
        return await self.task_management(TskMgmtFunc.ABORT_TASK, pending.lun, pending, timeout)

    async def lun_reset(self, lun: Lun | Device, timeout: float = 0) -> None:
        """LUN RESET: commands that this session has sent to the unit end with :class:`Aborted`."""
        where = lun.lun if isinstance(lun, Device) else lun
        await self.task_management(TskMgmtFunc.LUN_RESET, where, None, timeout)

    async def task_management(
        self, function: TskMgmtFunc, lun: Lun, task: Command | None = None, timeout: float = 0
    ) -> bool:
        """Send any task management function. Raises TransportError if the target answers anything but success."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(_: TaskManagement) -> None:
            if not future.done():
                future.set_result(None)

        request = self._task(function, lun, task, timeout, done)
        self._schedule()
        await future
        return self._task_outcome(request)

    async def run(
        self,
        unit: ScannedUnit,
        ops: int | bytes | bytearray,
        lbas: Iterable[int],
        blocks: int | Iterable[int],
        *,
        depth: int = 32,
        data: Any = None,
        timeout: float = IO_TIMEOUT,
        fua: bool = False,
        retry: bool = True,
    ) -> Workload:
        """Carry out many reads and writes; see :meth:`pysrp.initiator.session.Session.run`.

        Commands that other asyncio tasks submit meanwhile wait until the workload has ended. The caller must not touch
        ``data`` until then. If the calling task is cancelled, the workload ends, and the connection is reset if commands
        of it are under way.
        """
        check_timeout(timeout)
        if not self.connected:
            await self.wait_connected(timeout or 60)
        size = await self.run_steps(unit.block_size_steps(min(timeout or SHORT_TIMEOUT, SHORT_TIMEOUT)))
        run = WorkloadRun(unit, size, ops, lbas, blocks, data, timeout, fua)
        self._check_run(run, depth)
        begun = time.perf_counter()
        link = self.port.native_client()
        if link is None:
            await self._run_plain(run, depth)
        else:
            await self._carry(self._lane_steps(run, depth, link.capsule))
        for item, pending in sorted(run.troubled.items()):
            if retry and pending.worth_retrying():
                pending = run.submit(item, IO_RETRIES)
                await self._stay(pending)
            run.account(item, pending)
        run.work.seconds = time.perf_counter() - begun
        return run.work

    async def _stay(self, pending: Pending) -> None:
        """Wait for a command of a workload. Without replay, raise PartnerGone when the connection breaks."""
        try:
            while not pending.done:
                if not (self.connected or self.replay):
                    raise PartnerGone(f"the connection is broken: {self.engine.state.value}")
                await self._change(FOREVER)
        except BaseException:
            self.give_up((pending,))
            raise
        if not self.replay and isinstance(pending.error, PartnerGone):
            raise pending.error

    async def _run_plain(self, run: WorkloadRun, depth: int) -> None:
        """A workload on a port without a native link: one command object each."""
        flying: deque[tuple[int, Pending, int]] = deque()
        try:
            for item in range(run.count + depth):
                if flying and (len(flying) == depth or item >= run.count):
                    number, pending, begun = flying[0]
                    await self._stay(pending)
                    run.work.latency[number] = time.perf_counter_ns() - begun
                    run.ended(number, pending)
                    flying.popleft()
                if item < run.count:
                    flying.append((item, run.submit(item, 0), time.perf_counter_ns()))
        except BaseException:
            self.give_up([pending for _, pending, _ in flying])
            raise

    async def _carry(self, steps: LaneSteps) -> None:
        """Carry out what :meth:`_lane_steps` asks for; an exception from it is raised in the generator."""
        with contextlib.closing(steps):
            for wanted in steps:
                try:
                    if wanted is None:
                        await self.wait_connected()
                    elif isinstance(wanted, ClientLane):
                        await self._drive_lane(wanted)
                    else:
                        await self.run_steps(wanted)
                except BaseException as error:
                    steps.throw(error)

    async def _drive_lane(self, lane: ClientLane) -> None:
        """Run a lane until its workload is done. After each call of the lane, which does not wait, the event loop has its turn.

        Until the end the lane has all the data memory, and ``srp.stage`` keeps other commands from being sent.
        """
        engine, srp, staging, loop = self.engine, self.srp, self.staging, asyncio.get_running_loop()
        chunks, staging.chunks = staging.chunks, []
        srp.stage, self._lane = "a workload is under way", lane
        self._look(loop)
        try:
            over = False
            while not over:
                over = self._heed(lane, lane.run(0))
                if engine.state is State.LOGGED_IN and time.monotonic() >= srp.next_deadline:
                    engine.tick(time.monotonic())
                    self._finish()
                if over:
                    break
                self._inside = False
                self._tell()
                if self.port.wait(0):
                    await asyncio.sleep(0)
                else:
                    await self._change(FOREVER)
                if self._closed:
                    raise PartnerGone("the session is closed")
                self._inside, over = True, engine.state is not State.LOGGED_IN
        finally:
            self._looks.cancel()
            self._inside, self._lane = True, None
            staging.chunks = chunks
            if engine.state is State.LOGGED_IN:
                srp.stage = ""

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Every :data:`LOOK` seconds wake the task that drives the lane, so that it checks its deadlines."""
        self._wake_watchers()
        self._looks = loop.call_later(LOOK, self._look, loop)

    def _lane_over(self, lane: ClientLane | None, slots: list[int]) -> None:
        super()._lane_over(lane, slots)
        self.srp.send_waiting()
        if self._loop is not None:
            self._loop.call_soon(self._readable)  # sends commands that other tasks have submitted meanwhile

    def _lane_interrupted(self, lane: ClientLane | None, slots: list[int], error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):  # between two calls of the lane: consistent
            self._lane_over(lane, slots)
        else:
            super()._lane_interrupted(lane, slots, error)

    async def host_reset(self, timeout: float | None = 60) -> None:
        """Close and reopen the queue and log in again; see :meth:`pysrp.initiator.session.Session.host_reset`."""
        check_timeout(timeout)
        self._reset()
        self._readable()
        await self.wait_connected(timeout)
