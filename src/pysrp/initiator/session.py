"""The initiator joined to a port: blocking calls.

::

    with Session("unix:/tmp/vios") as session:
        for disk in session.scan():
            print(disk.hctl, disk.vendor, disk.product, disk.capacity())
        disk.write(0, b"..." * 512)

A session belongs to one thread. Several commands at a time are started by :meth:`Session.submit` (or the
``submit_`` methods of a device) and waited for by :meth:`Session.gather`.

When a call that waits has ended, by a result or by an exception, the session does not touch the buffers any more that were
passed to it. It never writes to other memory of the caller. Commands of the call that are still under way then are aborted;
see :mod:`pysrp.initiator.giving_up`.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, TypeVar

from pysrp._fast.commands import IO_RETRIES, IO_TIMEOUT, BlockingUnit
from pysrp._fast.queue import ClientLane
from pysrp.errors import PartnerGone, SrpError
from pysrp.initiator.driver import Base
from pysrp.initiator.requests import Aborted, LoginRejected, Request, TimedOut, cdb_of, check_timeout
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
    UnitChanged,
    Walk,
    scan,
)
from pysrp.initiator.workload import READ, WRITE, Workload, WorkloadRun
from pysrp.lun import Hctl, Lun
from pysrp.scsi.inquiry import Inquiry
from pysrp.srp import TaskAttribute, TskMgmtFunc
from pysrp.vscsi.client_options import Options
from pysrp.vscsi.client_states import State

__all__ = [
    "READ",
    "WRITE",
    "Aborted",
    "Base",
    "Capacity",
    "Device",
    "LoginRejected",
    "Options",
    "Pending",
    "Result",
    "Session",
    "TimedOut",
    "UnitChanged",
    "Workload",
]

T = TypeVar("T")

LANE_SLICE = 50_000_000
"""Nanoseconds that a workload runs in C before Python's signal handlers run."""


class Device(BlockingUnit, ScannedUnit):
    """A logical unit, in blocking calls. Data is in bytes, addresses and lengths of reads are in blocks.

    All calls raise ScsiError for a status other than GOOD, after as many retries as Linux makes; TimedOut,
    PartnerGone or another TransportError when there was no answer; UnitChanged when the unit's block size has changed
    since the caller learned it; SrpError when less data was moved than the call asked for. Long reads and writes are
    sent as several commands: when one of them fails, or the unit changes meanwhile, others may have been carried out.
    """

    session: Session

    def inquiry(self, vpd: int | None = None) -> Any:
        """Standard INQUIRY data as :class:`~pysrp.scsi.inquiry.Inquiry`, or the class of VPD page ``vpd``."""
        return self.session.run_steps(self.inquiry_steps(vpd))

    def capacity(self) -> Capacity:
        """READ CAPACITY: the number of blocks, and the bytes in a block."""
        return self.session.run_steps(self.capacity_steps())

    def test_unit_ready(self) -> None:
        """TEST UNIT READY: return if the unit can take reads and writes, else raise as any call does."""
        self.session.run_steps(self.ready_steps())

    def read(self, lba: int, blocks: int = 1) -> bytes:
        """Read any number of blocks, from ``lba`` on."""
        data = self.read_now(lba, blocks)
        return self.session.run_steps(self.read_steps(lba, blocks, None)) if data is None else data

    def read_into(self, lba: int, buffer: Any) -> None:
        """Fill ``buffer`` (writable, whole blocks) from ``lba`` on."""
        view = memoryview(buffer).cast("B")
        size = self._block_size()
        blocks, rest = divmod(view.nbytes, size)
        if rest or self.read_now(lba, blocks, view) is None:
            self.session.run_steps(self.read_steps(lba, blocks, view))

    def write(self, lba: int, data: Any, fua: bool = False) -> None:
        """Write whole blocks from ``lba`` on; ``fua`` has each command force unit access."""
        if not self.write_now(lba, data, fua):
            self.session.run_steps(self.write_steps(lba, data, fua))

    def flush(self) -> None:
        """SYNCHRONIZE CACHE."""
        self.session.run_steps(self.flush_steps())

    def persistent_reserve_in(self, action: int) -> Any:
        """PERSISTENT RESERVE IN. ``action`` is a PersistentReserveInAction.

        Returns what belongs to it: PrKeys, PrReservation, ReportCapabilities or PrFullStatus.
        """
        return self.session.run_steps(self.persistent_reserve_in_steps(action))

    def persistent_reserve_out(self, action: int, parameters: Any, type: int = 0) -> None:
        """PERSISTENT RESERVE OUT. ``action`` is a PersistentReserveOutAction.

        ``parameters`` is the parameter list: PrOut, PrOutSpecIPt or PrOutMove. ``type`` is a PersistentReserveType, for
        the actions that need one. Raises ReservationConflict. After TaskAborted, or CheckCondition with ABORTED COMMAND,
        it is not known whether the command was carried out. REGISTER AND IGNORE EXISTING KEY may be carried out twice,
        so it has been retried before one of these is raised.
        """
        self.session.run_steps(self.persistent_reserve_out_steps(action, parameters, type))

    def run(
        self, ops: int | bytes, lbas: Iterable[int], blocks: int | Iterable[int], **options: Any
    ) -> Workload:
        """Many reads and writes; see :meth:`Session.run`."""
        return self.session.run(self, ops, lbas, blocks, **options)

    def execute(
        self,
        cdb: Any,
        *,
        data_out: Any = None,
        data_in_length: int = 0,
        timeout: float = 60,
        check: bool = True,
        **more: Any,
    ) -> Result:
        """Any command; see :meth:`Session.execute`."""
        return self.session.execute(
            self.lun,
            cdb,
            data_out=data_out,
            data_in_length=data_in_length,
            timeout=timeout,
            check=check,
            **more,
        )

    def reset(self, timeout: float = 0) -> None:
        """LUN RESET."""
        self.session.lun_reset(self.lun, timeout)


class Session(LaneRuns):
    """One connection in blocking calls; see the module, and :class:`Base` for the arguments."""

    def connect(self, timeout: float | None = 60) -> None:
        """Open the queue and log in.

        Raises LoginRejected, or TimedOut when it takes more than ``timeout`` seconds. After TimedOut, later calls of
        this session go on with the login.
        """
        check_timeout(timeout)
        self._start()
        self.wait_connected(timeout)

    def wait_connected(self, timeout: float | None = 60) -> None:
        """Wait until the session is logged in (again), after looking at what has arrived. Raises as :meth:`connect`."""
        check_timeout(timeout)
        if not self._opened:
            raise self._not_open()
        limit = FOREVER if timeout is None else time.monotonic() + timeout
        if self.engine.state is not State.CLOSED:
            self.poll()
        while not self.connected:
            engine = self.engine
            if engine.rejection is not None and engine.state is State.REJECTED:
                raise engine.rejection
            if engine.state is State.CLOSED:
                raise PartnerGone("the session is closed")
            if timeout is not None and time.monotonic() >= limit:
                raise TimedOut(self._not_logged_in(timeout))
            self._once(limit)

    def close(self) -> None:
        """Close the queue. Harmless when repeated.

        Commands under way are aborted first, and this waits for the target's answers, at most the options' ``give_up``
        seconds. Some targets (QEMU) answer a request even after its queue was closed, and would then write to memory
        that another client may have by then.
        """
        try:
            if self._live and self._opened and not self._inside and self.connected:
                with contextlib.suppress(SrpError):
                    self._drain(time.monotonic() + self.engine.options.give_up)
        finally:
            self._shut()

    def _drain(self, limit: float) -> None:
        self._give_up_all()
        while self._is_heard and time.monotonic() < limit:
            self._once(limit)

    def __enter__(self) -> Session:
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll(self) -> None:
        """Do what can be done without waiting, for a caller that itself waits for ``port.fileno()``."""
        self._work()

    def wait(self, pending: Pending | Request, timeout: float | None = None) -> None:
        """Wait until a request is done. Raises TimedOut after ``timeout`` seconds; the request then stays under way."""
        check_timeout(timeout)
        limit = FOREVER if timeout is None else time.monotonic() + timeout
        command = isinstance(pending, Pending)
        while not (pending.done if command else pending.ended):  # type: ignore[union-attr]
            if timeout is not None and time.monotonic() >= limit:
                raise TimedOut(f"not done within {timeout:g} s")
            self._once(limit)

    def gather(self, commands: Iterable[Pending], check: bool = True) -> list[Result]:
        """Wait for all commands and return their results in order. Raises the first error, when all are done.

        If an exception such as KeyboardInterrupt ends the wait, all of them are given up.
        """
        commands = list(commands)
        try:
            for pending in commands:
                while not pending.done:
                    self._once(FOREVER)
        except BaseException:
            self.give_up(commands)
            raise
        return [pending.outcome(check) for pending in commands]

    def run_steps(self, steps: Steps[T]) -> T:
        """Carry out a sequence of :mod:`pysrp.initiator.units`, and return its result.

        If this raises, the commands of the sequence that are still under way are given up.
        """
        with Walk(self, steps) as walk:
            for pending in walk:
                while not pending.done:
                    self._once(FOREVER)
        return walk.result

    def scan(
        self, channels: Iterable[int] = range(BUSES), ids: Iterable[int] = range(64), luns: int = 32
    ) -> list[Device]:
        """All logical units, as Linux looks for them: 64 ids, 32 LUNs, and all 8 channels that a LUN can name.

        Linux's ibmvscsi looks at the first four.
        """

        def make(lun: Lun, address: Hctl, data: Inquiry) -> Device:
            return Device(self, lun, address, data)

        return self.run_steps(scan(self, make, channels, ids, luns))

    def execute(
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
        """Send any command and return its result; ``cdb`` is a CDB of :mod:`pysrp.scsi` or its bytes.

        With ``check`` a status other than GOOD raises a ScsiError. The other arguments are those of :meth:`submit`.
        """
        pending = self.submit(
            lun, cdb_of(cdb), data_out=data_out, data_in_length=data_in_length, timeout=timeout,
            retries=retries, block_size=block_size, replay=replay, attribute=attribute,
        )  # fmt: skip
        self.complete(pending)
        return pending.outcome(check)

    def abort(self, pending: Pending, timeout: float = 0) -> bool:
        """ABORT TASK. Returns True when the command has ended; see its outcome.

        Raises TransportError if the target refused the function.
        """
        if self._end_unsent(pending):
            return True
        return self.task_management(TskMgmtFunc.ABORT_TASK, pending.lun, pending, timeout)

    def lun_reset(self, lun: Lun | Device, timeout: float = 0) -> None:
        """LUN RESET: commands that this session has sent to the unit end with :class:`Aborted`."""
        self.task_management(
            TskMgmtFunc.LUN_RESET, lun.lun if isinstance(lun, Device) else lun, None, timeout
        )

    def task_management(
        self, function: TskMgmtFunc, lun: Lun, task: Pending | None = None, timeout: float = 0
    ) -> bool:
        """Send any task management function. Raises TransportError if the target answers anything but success."""
        request = self._task(function, lun, task, timeout)
        while not request.ended:
            self._once(FOREVER)
        return self._task_outcome(request)

    def run(
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
        """Carry out many reads and writes of one unit, ``depth`` at a time, without an object for each.

        Columns: ``ops`` (``pysrp.initiator.READ`` or ``WRITE``), ``lbas``, ``blocks``; ``ops`` and ``blocks`` may be one value for
        all. ``data`` has the bytes of all commands, in order: writes take them from there, reads put them there. Without it,
        what is read is not given to the caller. With ``retry`` the commands that Linux would try again are tried again
        at the end. On shared-memory transports the loop runs in C without the GIL.

        Raises ValueError if other commands are under way, for other operations than READ and WRITE, for writes without
        data, for a ``depth`` below 1, and for a command of more than :attr:`max_transfer` bytes. A session that is not
        logged in waits for its login first, as :meth:`submit` does, and raises TimedOut after ``timeout`` seconds.
        Raises PartnerGone if the connection breaks, and TimedOut after ``timeout`` seconds without an answer, or
        without a credit to send a command. With the session's ``replay``, commands without an answer are sent again on the
        next connection instead, until a connection breaks more than ``timeout`` seconds after the last answer.
        """
        check_timeout(timeout)
        if not self.connected:  # after a login READ CAPACITY is sent again
            self.wait_connected(timeout or 60)
        self._staying = not self.replay
        try:
            return self._run(unit, ops, lbas, blocks, depth, data, timeout, fua, retry)
        finally:
            self._staying = False

    def _run(
        self, unit: ScannedUnit, ops: Any, lbas: Any, blocks: Any, depth: int, data: Any, timeout: float,
        fua: bool, retry: bool,
    ) -> Workload:  # fmt: skip
        """The part of :meth:`run` that needs a login."""
        size = self.run_steps(unit.block_size_steps(min(timeout or SHORT_TIMEOUT, SHORT_TIMEOUT)))
        run = WorkloadRun(unit, size, ops, lbas, blocks, data, timeout, fua)
        self._check_run(run, depth)
        begun = time.perf_counter()
        link = self.port.native_client()
        if link is not None:
            self._carry(self._lane_steps(run, depth, link.capsule))
        else:
            self._run_plain(run, depth)
        for item, pending in sorted(run.troubled.items()):
            if retry and pending.worth_retrying():
                pending = run.submit(item, IO_RETRIES)
                self.complete(pending)
                if self._staying and isinstance(pending.error, PartnerGone):
                    raise pending.error
            run.account(item, pending)
        run.work.seconds = time.perf_counter() - begun
        return run.work

    def _carry(self, steps: LaneSteps) -> None:
        """Carry out what :meth:`_lane_steps` asks for; an exception from it is raised in the generator."""
        with contextlib.closing(steps):
            for wanted in steps:
                try:
                    if wanted is None:
                        self.wait_connected()
                    elif isinstance(wanted, ClientLane):
                        while not self._drive_lane(wanted):
                            pass
                    else:
                        self.run_steps(wanted)
                except BaseException as error:
                    steps.throw(error)

    def _drive_lane(self, lane: ClientLane) -> bool:
        """Run the lane for one slice. True when the workload is done, or the session is not logged in any more."""
        return self._heed(lane, lane.run(LANE_SLICE))

    def _run_plain(self, run: WorkloadRun, depth: int) -> None:
        """A workload on a port without a native link: one command object each."""
        flying: deque[tuple[int, Pending, int]] = deque()
        scope = self._scope = []
        try:
            for item in range(run.count + depth):
                if flying and (len(flying) == depth or item >= run.count):
                    number, pending, begun = flying[0]
                    self.complete(pending)
                    run.work.latency[number] = time.perf_counter_ns() - begun
                    run.ended(number, pending)
                    flying.popleft()
                if item < run.count:
                    if run.unit.known_capacity is None:
                        self.run_steps(run.unit.block_size_steps())
                    scope.clear()
                    flying.append((item, run.submit(item, 0), time.perf_counter_ns()))
        except BaseException:
            self._scope = None
            self.give_up([*scope, *(pending for _, pending, _ in flying)])
            raise
        finally:
            self._scope = None

    def host_reset(self, timeout: float | None = 60) -> None:
        """Close and reopen the queue and log in again, as Linux does when nothing else helps.

        Commands that were sent end with PartnerGone, or are sent again if they were submitted with ``replay``.
        """
        check_timeout(timeout)
        self._reset()
        self._work()
        self.wait_connected(timeout)
