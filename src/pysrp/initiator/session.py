"""The initiator joined to a port: blocking calls.

::

    with Session("unix:/run/vios") as session:
        for disk in session.scan():
            print(disk.hctl, disk.vendor, disk.product, disk.capacity())
        disk.write(0, b"..." * 512)

A session belongs to one thread. Several commands at a time are started by :meth:`Session.submit` (or the
``submit_`` methods of a device) and waited for by :meth:`Session.gather`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pysrp import fabric
from pysrp._fast import queue
from pysrp._fast.fabric import Adapter
from pysrp._fast.queue import Lane
from pysrp.errors import HcallError, PartnerGone, TransportError
from pysrp.fabric import Identity, Port, ReturnCode
from pysrp.initiator.engine import (
    Aborted,
    Action,
    Command,
    Host,
    Initiator,
    LoginRejected,
    Options,
    Request,
    State,
    TaskManagement,
    TimedOut,
)
from pysrp.initiator.units import (
    IO_RETRIES,
    IO_TIMEOUT,
    SHORT_TIMEOUT,
    Capacity,
    Pending,
    Result,
    Steps,
    Unit,
    scan,
)
from pysrp.initiator.workload import READ, WRITE, Job, Workload
from pysrp.lun import Hctl, Lun
from pysrp.scsi.codes import Status
from pysrp.scsi.inquiry import Inquiry
from pysrp.srp import RspCode, TaskAttribute, TskMgmtFunc

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
    "Workload",
]

T = TypeVar("T")


CHUNK = 64 << 10
"""Bytes of a piece of data memory, and of the longest segment (Linux's default for a scatter list)."""

SEND_BATCH = 8
"""Elements that are collected before they are sent."""

QUEUE_FULL_WAIT = 0.001
"""Seconds until sending is tried again when the partner's queue was full."""

BUSY_WAIT = 0.1
"""Seconds until a command is tried again that was answered with BUSY or TASK SET FULL."""

LANE_SLICE = 50_000_000
"""Nanoseconds that a workload runs in C before Python sees to signals."""

CLOSED_WAIT = 0.01
"""Seconds that a workload waits for an event after it has found the partner's queue closed."""

FOREVER = float("inf")


class Base:
    """What blocking and asyncio sessions share: engine, port, data memory.

    ``port`` is an open client port, or the URL of one, which is then opened here and closed with the
    session. ``identity`` is this end (for a URL; a port has its own). ``host`` is the host number in the
    addresses of devices. ``options`` are the engine's. ``max_requests`` bounds what is under way at a time
    (ibmvscsi: 100), ``max_transfer`` the bytes of one command, ``buffers`` the bytes of data memory for all
    of them (EncodeError for names that are not ASCII, HcallError for memory that the port does not have).
    ``replay``: sequences of this package send again what a dying partner has left unanswered,
    which is right as long as nobody else writes. Further arguments go to :func:`pysrp.fabric.connect`.
    """

    engine: Initiator

    def __init__(
        self,
        port: Port | str,
        *,
        identity: Identity | None = None,
        host: int = 0,
        options: Options | None = None,
        max_requests: int = 100,
        max_transfer: int = 2 << 20,
        buffers: int = 16 << 20,
        replay: bool = False,
        **connect: Any,
    ) -> None:
        self.host = host
        self.replay = replay
        self._owns_port = isinstance(port, str)
        self.port: Port = (
            fabric.connect(port, identity=identity, **connect) if isinstance(port, str) else port
        )
        own = self.port.identity
        if options is None:
            options = Options(
                partition_name=own.partition_name,
                partition_number=own.partition_number or Options.partition_number,
                location_code=own.location_code[:32],
                host_name=f"host{host}",
            )
        segments = max(1, -(-max_transfer // CHUNK))
        slots = max_requests + 4
        chunks = max(-(-buffers // CHUNK), segments)
        unit = own.unit_address or (self.port.partner.unit_address if self.port.partner else 0)
        try:
            self._iu_memory = self.port.allocate(Initiator.memory_size(slots, segments))
            self._iu_view = memoryview(self._iu_memory).cast("B")
            self.engine = Initiator(
                self._iu_view,
                self._iu_memory.address,
                slots=slots,
                segments=segments,
                name=f"{unit:x}",
                options=options,
            )
            self._memory = self.port.allocate(chunks * CHUNK)
        except BaseException:
            if self._owns_port:
                self.port.close()
            raise
        self._data = memoryview(self._memory).cast("B")
        self._data_address = self._memory.address
        self._chunks = list(range(chunks - 1, -1, -1))
        self._all_chunks = chunks
        self._max_transfer = max_transfer
        self._staged: deque[Pending] = deque()
        self._delayed: deque[tuple[float, Pending]] = deque()
        self._retry_output = 0.0
        self._retry_action = 0.0
        self._signals = False
        self._opened = False

    @property
    def server(self) -> Host | None:
        """What the server told of itself; None before the login."""
        return self.engine.host

    @property
    def connected(self) -> bool:
        """Whether commands can be sent now."""
        return self.engine.state is State.LOGGED_IN

    @property
    def max_transfer(self) -> int:
        """Bytes that one command may move: the server's limit, or this session's if that is less."""
        host = self.engine.host
        segments = min(self.engine.max_segments * CHUNK, self._max_transfer)
        return min(host.max_transfer, segments) if host is not None else segments

    def submit(
        self,
        lun: Lun,
        cdb: bytes,
        *,
        data_out: Any = None,
        data_in_length: int = 0,
        into: memoryview | None = None,
        timeout: float = SHORT_TIMEOUT,
        retries: int = 0,
        block_size: int = 0,
        replay: bool = False,
        attribute: int = TaskAttribute.SIMPLE,
    ) -> Pending:
        """Start a command and return at once; it is sent as soon as credits and memory allow it.

        While others are unanswered up to eight are collected, as each sending may wake the server: they go
        out when the caller waits for anything, or by :meth:`flush`.

        ``data_out`` is bytes-like and copied before it is sent, which may be later: leave it alone until
        the command is done. ``data_in_length`` is the room for data in bytes; they end in the result, or in
        ``into``, a writable memoryview of bytes of that length. ``retries``: how often it is submitted
        again after a unit attention, BUSY, and what else passes by itself. ``timeout``, ``block_size`` and
        ``replay`` are those of :class:`~pysrp.initiator.engine.Command`.

        Raises ValueError for more data than one command of this session can move, TypeError for an
        ``into`` that cannot be written.
        """
        if into is not None:
            if into.readonly:
                raise TypeError("data-in for a buffer that is read-only")
            if into.nbytes != data_in_length or into.format != "B":
                raise ValueError(f"a buffer of {into.nbytes} bytes for {data_in_length} bytes of data-in")
        pending = Pending(self, lun, cdb, data_in_length, timeout)
        pending.retries = retries
        pending.block_size = block_size
        pending.replay = replay
        pending.attribute = attribute
        pending.into = into
        size = data_in_length
        if data_out is not None:
            out = memoryview(data_out)
            pending.out = out = out if out.format == "B" and out.ndim == 1 else out.cast("B")
            size = max(size, out.nbytes)
        if size > CHUNK and -(-size // CHUNK) > self.engine.max_segments:
            raise ValueError(f"{size} bytes of data, one command can move {self.engine.max_segments * CHUNK}")
        if self._staged or not self._place(pending):
            self._staged.append(pending)
            return pending
        engine = self.engine
        engine.submit(pending, time.monotonic())
        if engine.output and (engine.debits < 2 or len(engine.output) >= SEND_BATCH):
            self._flush()
        if engine.ended:
            self._finish()
        return pending

    def flush(self) -> None:
        """Send what :meth:`submit` has collected."""
        if self.engine.output and time.monotonic() >= self._retry_output:
            self._flush()

    def _place(self, pending: Pending) -> bool:
        """Give a command its data memory; False if there is not enough now.

        Room for data-in is zeroed, unless it is for whole blocks: a server may send less and not say so
        (QEMU answers INQUIRY like that), and what an earlier command left there is not an answer.
        """
        length = pending.length
        out = pending.out
        if out is None:
            if not length:
                return True
            if length <= CHUNK:
                if not self._chunks:
                    return False
                chunk = self._chunks.pop()
                pending.chunks = (chunk,)
                start = chunk * CHUNK
                pending.data_in = ((self._data_address + start, length),)
                if not pending.block_size:
                    self._data[start : start + length] = bytes(length)
                return True
        outgoing = out.nbytes if out is not None and isinstance(out, memoryview) else 0
        need_in, need_out = -(-length // CHUNK), -(-outgoing // CHUNK)
        if need_in + need_out > len(self._chunks):
            if need_in + need_out > self._all_chunks:
                have = self._all_chunks * CHUNK
                raise ValueError(f"{length + outgoing} bytes of data, this session has memory for {have}")
            return False
        chunks = self._chunks[-(need_in + need_out) :][::-1] if need_in + need_out else []
        del self._chunks[len(self._chunks) - len(chunks) :]
        pending.chunks = chunks
        pending.data_in = self._segments(chunks[:need_in], length)
        pending.data_out = self._segments(chunks[need_in:], outgoing)
        if not pending.block_size:
            for address, size in pending.data_in:
                start = address - self._data_address
                self._data[start : start + size] = bytes(size)
        if out is not None:
            at = 0
            for address, size in pending.data_out:
                start = address - self._data_address
                self._data[start : start + size] = out[at : at + size]
                at += size
            pending.out = None
        return True

    def _segments(self, chunks: Sequence[int], length: int) -> list[tuple[int, int]]:
        base = self._data_address
        last = len(chunks) - 1
        return [
            (base + c * CHUNK, CHUNK if i < last else length - last * CHUNK) for i, c in enumerate(chunks)
        ]

    # What moves.

    def _start(self) -> None:
        """Register the queue."""
        self._opened = True
        if self.engine.state is State.CLOSED:
            try:
                self.port.register()
            except HcallError as problem:
                if problem.code != ReturnCode.H_RESOURCE:
                    raise
                # Left open by somebody who used this adapter before (kexec, says ibmvscsi).
                self.port.free()
                self.port.register()
            if self._signals:
                self.port.signal(True)
            self.engine.opened(time.monotonic())
            self._flush()

    def _turn(self, elements: list[bytes]) -> None:
        """Everything that can be done without waiting; ``elements`` are what has come."""
        engine = self.engine
        now = time.monotonic()
        if elements:
            engine.receive(elements, now)
        elif self.port.ended:
            engine.closed(PartnerGone("the adapter has gone"))
        if now >= engine.deadline():
            engine.tick(now)
        while self._delayed and self._delayed[0][0] <= now:
            engine.submit(self._delayed.popleft()[1], now)
        if engine.action is not None and now >= self._retry_action:
            self._act(engine.action, now)
        if engine.output and now >= self._retry_output:
            self._flush()
        if engine.ended:
            self._finish()

    def _pause(self) -> float:
        """When :meth:`_turn` is wanted again even if nothing comes (monotonic time)."""
        until = self.engine.deadline()
        if self._delayed:
            until = min(until, self._delayed[0][0])
        if self.engine.action is not None:
            until = min(until, self._retry_action)
        if self.engine.output:
            until = min(until, self._retry_output)
        return until

    def _act(self, action: Action, now: float) -> None:
        try:
            if action is Action.RESET:
                self.port.free()
                self.port.register()
                if self._signals:
                    self.port.signal(True)
            else:
                self.port.enable()
        except HcallError as problem:
            try:
                pause = ReturnCode(problem.code).retry_after
            except ValueError:
                pause = None
            if pause is not None:
                self._retry_action = now + max(pause, 0.001)
                return
            if action is Action.ENABLE:
                # A queue that cannot be enabled may still be opened anew.
                self.engine.host_reset(f"{problem}")
                self._retry_action = now + BUSY_WAIT
                return
            self.engine.closed(problem)
            self._finish()
            raise
        self._retry_action = 0.0
        self.engine.opened(now)

    def _flush(self) -> None:
        """Send what the engine has to say."""
        output = self.engine.output
        try:
            while output:
                sent = self.port.send_many(output)
                if sent == len(output):
                    output.clear()
                elif sent:
                    for _ in range(sent):
                        output.popleft()
                else:
                    self._retry_output = time.monotonic() + QUEUE_FULL_WAIT
                    return
        except PartnerGone:
            self.engine.undelivered(time.monotonic())

    def _finish(self) -> None:
        """Hand out what has ended."""
        engine = self.engine
        while engine.ended:
            ended, engine.ended = engine.ended, []
            for request in ended:
                if isinstance(request, Pending):
                    self._finish_command(request)
                else:
                    owner = request.owner
                    if owner is not None:
                        owner(request)
        while self._staged and self._place(self._staged[0]):
            engine.submit(self._staged.popleft(), time.monotonic())
            if engine.output:
                self._flush()

    def _finish_command(self, pending: Pending) -> None:
        status = pending.status
        if status and pending.retries and pending.worth_retrying():
            pending.retries -= 1
            pending.tag = 0
            pending.ended = False
            pending.status = None
            pending.sense = b""
            pending.residual = pending.overflow = 0
            now = time.monotonic()
            if status in (Status.BUSY, Status.TASK_SET_FULL):
                self._delayed.append((now + BUSY_WAIT, pending))
            else:
                self.engine.submit(pending, now)
                self._flush()
            return
        chunks = pending.chunks
        if chunks:
            if pending.data_in and status is not None:
                self._collect(pending)
            self._chunks.extend(chunks)
            pending.chunks = ()
        pending.out = None
        pending.done = True
        waiter = pending.waiter
        if waiter is not None:
            waiter(pending)

    def _collect(self, pending: Pending) -> None:
        """Copy the data out of the memory that the server wrote to."""
        length = pending.length - pending.residual
        into = pending.into
        segments = pending.data_in
        if len(segments) == 1:
            start = segments[0][0] - self._data_address
            if into is None:
                pending.data = bytes(self._data[start : start + length])
            else:
                into[:length] = self._data[start : start + length]
            return
        parts = []
        at = 0
        for address, size in segments:
            size = min(size, length - at)
            if size <= 0:
                break
            start = address - self._data_address
            if into is None:
                parts.append(self._data[start : start + size])
            else:
                into[at : at + size] = self._data[start : start + size]
            at += size
        if into is None:
            pending.data = b"".join(parts)

    def _abandon(self, pending: Pending, error: Exception) -> bool:
        """End a command that the engine does not have: it waits for memory, or to be tried again."""
        if pending in self._staged:
            self._staged.remove(pending)
        else:
            for entry in self._delayed:
                if entry[1] is pending:
                    self._delayed.remove(entry)
                    break
            else:
                return False
        pending.error = error
        pending.status = None
        pending.ended = True
        self._finish_command(pending)
        return True

    def _shut(self) -> None:
        """Close the queue and let go of the port."""
        self.engine.closed()
        while self._staged or self._delayed:
            pending = self._staged[0] if self._staged else self._delayed[0][1]
            self._abandon(pending, PartnerGone("the session was closed"))
        self._finish()
        if self._opened:
            self._opened = False
            self._free_port()
        self._data.release()
        self._iu_view.release()
        self._memory.free()
        self._iu_memory.free()
        if self._owns_port:
            self.port.close()

    def _free_port(self) -> None:
        for _ in range(100):
            try:
                self.port.free()
                return
            except HcallError as problem:
                if ReturnCode(problem.code).retry_after is None:
                    raise
            except ValueError:
                return  # closed by its owner already

    def _task(
        self, function: TskMgmtFunc, lun: Lun, task: Command | None, timeout: float, done: Any = None
    ) -> TaskManagement:
        request = TaskManagement(function, lun, task, timeout=timeout)
        request.owner = done
        self.engine.submit(request, time.monotonic())
        self._flush()
        self._finish()
        return request

    @staticmethod
    def _task_outcome(request: TaskManagement) -> bool:
        if request.error is not None:
            raise request.error
        if request.code:
            try:
                text = RspCode(request.code).name.replace("_", " ")
            except ValueError:
                text = "unknown"
            name = request.function.name.replace("_", " ")
            raise TransportError(f"{name}: response code {request.code} ({text})")
        return True


class Device(Unit):
    """A logical unit, in blocking calls. Data is in bytes, addresses and lengths of reads are in blocks.

    All raise ScsiError for a status other than GOOD, after as many retries as Linux grants; TimedOut,
    PartnerGone and other TransportErrors when there was no answer.
    """

    session: Session

    def inquiry(self, vpd: int | None = None) -> Any:
        """Standard INQUIRY data as :class:`~pysrp.scsi.inquiry.Inquiry`, or the class of VPD page ``vpd``."""
        return self.session.run_steps(self.inquiry_steps(vpd))

    def capacity(self) -> Capacity:
        """Number of blocks and bytes in one."""
        return self.session.run_steps(self.capacity_steps())

    def test_unit_ready(self) -> None:
        """Return if the unit can take reads and writes."""
        self.session.run_steps(self.ready_steps())

    def read(self, lba: int, blocks: int = 1) -> bytes:
        """``blocks`` blocks from ``lba`` on, however many: long reads go out as several commands."""
        known = self.known_capacity
        if known is not None and 0 < blocks * known.block_size <= self.session.max_transfer:
            result = self.start_read(lba, blocks, known.block_size).result()
            if not result.residual:
                return result.data
        return self.session.run_steps(self.read_steps(lba, blocks, None))

    def read_into(self, lba: int, buffer: Any) -> None:
        """Fill ``buffer`` (writable, whole blocks) from ``lba`` on."""
        view = memoryview(buffer).cast("B")
        size = self.session.run_steps(self.block_size_steps())
        self.session.run_steps(self.read_steps(lba, view.nbytes // size, view))

    def write(self, lba: int, data: Any, fua: bool = False) -> None:
        """Write whole blocks from ``lba`` on; ``fua`` has each command force unit access."""
        self.session.run_steps(self.write_steps(lba, data, fua))

    def flush(self) -> None:
        """SYNCHRONIZE CACHE."""
        self.session.run_steps(self.flush_steps())

    def submit_read(self, lba: int, blocks: int = 1) -> Pending:
        """Start one READ of what one command can move; :meth:`Session.gather` waits for many."""
        known = self.known_capacity or self.capacity()
        return self.start_read(lba, blocks, known.block_size)

    def submit_write(self, lba: int, data: Any) -> Pending:
        """Start one WRITE of what one command can move."""
        known = self.known_capacity or self.capacity()
        return self.start_write(lba, data, known.block_size)

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


class Session(Base):
    """One connection in blocking calls; see the module, and :class:`Base` for the arguments."""

    def connect(self, timeout: float | None = 60) -> None:
        """Open the queue and log in.

        Raises LoginRejected, or TimedOut when it takes more than ``timeout`` seconds (then it goes on in the
        background of later calls).
        """
        self._start()
        self.wait_connected(timeout)

    def wait_connected(self, timeout: float | None = 60) -> None:
        """Wait until the session is logged in (again), if it is not; what has come meanwhile counts."""
        limit = FOREVER if timeout is None else time.monotonic() + timeout
        engine = self.engine
        if engine.state is not State.CLOSED:
            self.poll()
        while not self.connected:
            if engine.rejection is not None and engine.state is State.REJECTED:
                raise engine.rejection
            if engine.state is State.CLOSED:
                raise PartnerGone("the session is closed")
            if time.monotonic() >= limit:
                raise TimedOut(f"not logged in within {timeout:g} s: {engine.state.value}")
            self._once(limit)

    def close(self) -> None:
        """Close the queue, without more ado, as ibmvscsi does when it is unloaded. Harmless when repeated."""
        self._shut()

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
        """Do what can be done without waiting: for callers that wait elsewhere, on ``port.fileno()``."""
        self._turn(self.port.poll())

    def _once(self, limit: float) -> None:
        if self.engine.output:
            self.flush()
        until = min(limit, self._pause())
        port = self.port
        if until == FOREVER:
            port.wait()
        else:
            port.wait(max(0.0, until - time.monotonic()))
        self._turn(port.poll())

    def wait(self, pending: Pending | Request, timeout: float | None = None) -> None:
        """Wait until a command is done. TimedOut after ``timeout`` seconds; the command then goes on."""
        limit = FOREVER if timeout is None else time.monotonic() + timeout
        if isinstance(pending, Pending):
            while not pending.done:
                self._once(limit)
                if limit != FOREVER and not pending.done and time.monotonic() >= limit:
                    raise TimedOut(f"not done within {timeout:g} s")
        else:
            while not pending.ended:
                self._once(limit)

    def gather(self, commands: Iterable[Pending], check: bool = True) -> list[Result]:
        """Wait for all of them; their results in order. Raises the first error, when all are done."""
        commands = list(commands)
        for pending in commands:
            if not pending.done:
                self.wait(pending)
        return [pending.outcome(check) for pending in commands]

    def run_steps(self, steps: Steps[T]) -> T:
        """Carry out a sequence of :mod:`pysrp.initiator.units`."""
        try:
            while True:
                for pending in next(steps):
                    if not pending.done:
                        self.wait(pending)
        except StopIteration as end:
            result: T = end.value
            return result

    def scan(
        self, channels: Iterable[int] = range(4), ids: Iterable[int] = range(64), luns: int = 32
    ) -> list[Device]:
        """All logical units, as Linux looks for them: ibmvscsi's four channels, 64 ids, 32 LUNs."""

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
        """Any command, and its result; ``cdb`` is a CDB of :mod:`pysrp.scsi` or its bytes.

        With ``check`` a status other than GOOD raises a ScsiError. The rest is as in :meth:`submit`.
        """
        pending = self.submit(
            lun, bytes(cdb), data_out=data_out, data_in_length=data_in_length, timeout=timeout,
            retries=retries, block_size=block_size, replay=replay, attribute=attribute,
        )  # fmt: skip
        return pending.result(check)

    def abort(self, pending: Pending, timeout: float = 0) -> bool:
        """ABORT TASK: then the command is over, see its outcome. TransportError if the target refused."""
        if pending.done:
            return True
        if self._abandon(pending, Aborted("the command was aborted before it was sent")):
            return True
        if not pending.tag:
            self.engine.abort(pending, time.monotonic())
            self._finish()
            return True
        return self.task_management(TskMgmtFunc.ABORT_TASK, pending.lun, pending, timeout)

    def lun_reset(self, lun: Lun | Device, timeout: float = 0) -> None:
        """LUN RESET: commands of this session that the unit had end with :class:`Aborted`."""
        self.task_management(
            TskMgmtFunc.LUN_RESET, lun.lun if isinstance(lun, Device) else lun, None, timeout
        )

    def task_management(
        self, function: TskMgmtFunc, lun: Lun, task: Pending | None = None, timeout: float = 0
    ) -> bool:
        """Any task management function; TransportError if the target answers anything but success."""
        request = self._task(function, lun, task, timeout)
        self.wait(request)
        self._finish()
        return self._task_outcome(request)

    def run(
        self,
        unit: Unit,
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

        Columns: ``ops`` (READ or WRITE), ``lbas``, ``blocks``; ``ops`` and ``blocks`` may be one value for
        all. ``data`` holds the data of all commands one behind the other: what is written, and where reads
        go; without it the data stays behind in the session's memory. With ``retry`` commands that Linux
        would try again are, in the usual way, at the end. On shared-memory transports the loop runs in C
        without the GIL.

        Nothing else may be under way (ValueError). Raises ValueError for a command of more than
        :attr:`max_transfer` bytes. If the connection breaks, PartnerGone, or TimedOut after ``timeout``
        seconds without an answer; but with the session's ``replay`` what was not answered is sent again.
        """
        size = self.run_steps(unit.block_size_steps())
        job = Job(unit, size, ops, lbas, blocks, data, timeout, fua)
        if max(job.blocks, default=0) * size > self.max_transfer:
            most = max(job.blocks) * size
            raise ValueError(f"a command of {most} bytes, one can move {self.max_transfer}")
        if self._staged or self._delayed or len(self._chunks) < self._all_chunks:
            raise ValueError("other commands are under way")
        begun = time.perf_counter()
        if isinstance(self.port, Adapter):
            self._run_lane(job, depth)
        else:
            self._run_plain(job, depth)
        for item, pending in sorted(job.troubled.items()):
            if retry and pending.worth_retrying():
                pending = job.submit(item, IO_RETRIES)
                self.wait(pending)
            job.account(item, pending)
        job.work.seconds = time.perf_counter() - begun
        return job.work

    def _run_lane(self, job: Job, depth: int) -> None:
        engine = self.engine
        self.flush()
        while True:
            if not self.connected:
                if not self.replay:
                    raise PartnerGone(f"the connection is broken: {engine.state.value}")
                self.wait_connected()
            slots = engine.lend(max(1, min(depth, len(self._data) // job.stride)))
            lane: Lane | None = None
            try:
                lane = job.lane(
                    self.port, self._iu_view, self._iu_memory.address, self._data, self._data_address,
                    slots, engine.serial, engine.credits,
                )  # fmt: skip
                while not self._drive_lane(lane):
                    pass
            except BaseException:
                if lane is not None and lane.in_flight:
                    engine.host_reset("a workload was interrupted")
                raise
            finally:
                if lane is None:
                    engine.settle(slots, engine.serial, engine.credits)
                else:
                    engine.settle(slots, lane.serial, lane.credits)
                self._turn([])
            left = job.take(lane)
            lane = None  # a traceback that kept it would keep the session's memory from being freed
            if not left:
                return
            if not self.replay:
                raise PartnerGone(f"the connection broke, {left} of {job.count} commands were not answered")
            self.wait_connected()

    def _drive_lane(self, lane: Lane) -> bool:
        """One slice of a workload. True when it is over, be it that the connection is."""
        engine = self.engine
        why = lane.run(LANE_SLICE)
        if why & queue.LOOK:
            self.port.wait(0)  # sees to what is not an element
        if why & queue.ODD:
            elements = lane.odd[:]
            lane.odd.clear()
            engine.receive(elements, time.monotonic())
            self._flush()
        if why & queue.LATE:
            engine.host_reset("a command of a workload was not answered")
            raise TimedOut("a command of a workload was not answered in time")
        if why & queue.CLOSED and not why & queue.ODD:
            self.port.wait(CLOSED_WAIT)  # the event that says why has not come yet
        return bool(why & queue.FINISHED) or engine.state is not State.LOGGED_IN

    def _run_plain(self, job: Job, depth: int) -> None:
        """The same for ports that C code does not know."""
        flying: deque[tuple[int, Pending, int]] = deque()
        for item in range(job.count + depth):
            if flying and (len(flying) == depth or item >= job.count):
                number, pending, begun = flying.popleft()
                self.wait(pending)
                job.work.latency[number] = time.perf_counter_ns() - begun
                job.account(number, pending)
            if item < job.count:
                flying.append((item, job.submit(item, 0), time.perf_counter_ns()))

    def host_reset(self, timeout: float | None = 60) -> None:
        """Close and reopen the queue and log in again, as Linux does when nothing else helps.

        What the server had got ends with PartnerGone, or is sent again where ``replay`` was set.
        """
        self.engine.host_reset()
        self._turn([])
        self.wait_connected(timeout)
