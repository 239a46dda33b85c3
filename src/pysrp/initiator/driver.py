"""The initiator's engine joined to a port: what blocking and asyncio sessions share.

Giving up is written here, once. However a call ends that has submitted commands (an error, a time limit, a cancelled
task, Ctrl-C), :meth:`Base.give_up` takes the caller's buffers back and has the commands aborted; their memory is used
again when the target has answered, or cannot reach it any more. An exception that comes in the middle of the
bookkeeping itself, as one of a signal handler can, is seen by the next who looks (:meth:`Base.recover`): the
connection is reset, and every command that was under way ends with PartnerGone.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from pysrp import fabric
from pysrp.errors import HcallError, PartnerGone, SrpError, TransportError
from pysrp.fabric import Identity, Port, ReturnCode
from pysrp.initiator.engine import (
    LONGEST_WAIT,
    Aborted,
    Action,
    Command,
    Host,
    Initiator,
    Options,
    Request,
    State,
    TaskManagement,
)
from pysrp.initiator.units import (
    SHORT_TIMEOUT,
    SUCCESS,
    Capacity,
    Pending,
    Steps,
    ask_capacity,
    block_size_changed,
    tells_of_change,
)
from pysrp.lun import Lun
from pysrp.scsi.codes import Status
from pysrp.srp import RspCode, TaskAttribute, TskMgmtFunc

__all__ = ["FOREVER", "Base"]

CHUNK = 64 << 10
"""Bytes of a piece of data memory, and of the longest segment (Linux's default for a scatter list)."""

SPARE = 32
"""Bytes of READ CAPACITY data."""

SEND_BATCH = 8
"""Elements that are collected before they are sent."""

QUEUE_FULL_WAIT = 0.001
"""Seconds until sending is tried again when the partner's queue was full."""

BUSY_WAIT = 0.1
"""Seconds until a command is tried again that was answered with BUSY or TASK SET FULL."""

OLD_MEMORY = 2
"""How many times memory is kept aside that a target may still write to after its queue was closed."""

TAKEN_BACK = memoryview(b"")
"""In place of a buffer of the caller's that a command was to fill, when the command has been given up."""

FOREVER = float("inf")

OURS = SrpError, ValueError
"""What the session's own parts raise when they are done: after these the bookkeeping is in order."""


def check_timeout(timeout: float | None) -> None:
    """Raise ValueError for a time limit that is none."""
    if timeout is not None and not (math.isfinite(timeout) and 0 <= timeout <= LONGEST_WAIT):
        raise ValueError(f"a timeout of {timeout} s: from 0 to {LONGEST_WAIT}")


def free(memory: Any) -> None:
    """Give DMA memory back; if a traceback still holds a view of it, it goes with that."""
    with contextlib.suppress(BufferError):
        memory.free()


class Base:
    """What blocking and asyncio sessions share: engine, port, data memory.

    ``port`` is an open client port, or the URL of one, which is then opened here and closed with the
    session. ``identity`` is this end (for a URL; a port has its own). ``host`` is the host number in the
    addresses of devices. ``options`` are the engine's. ``max_requests`` bounds what is under way at a time
    (ibmvscsi: 100; 1 to 65531), ``max_transfer`` the bytes of one command, ``buffers`` the bytes of data memory for
    all of them (ConfigError for names that are not ASCII, HcallError for memory that the port does not have).
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
        if not 1 <= max_requests <= 0xFFFF - 4:
            raise ValueError(f"max_requests {max_requests}: from 1 to {0xFFFF - 4}")
        self.host = host
        self.replay = replay
        self._owns_port = isinstance(port, str)
        self.port: Port = (
            fabric.connect(port, identity=identity, **connect) if isinstance(port, str) else port
        )
        segments = max(1, -(-max_transfer // CHUNK))
        # One of them is for READ CAPACITY, see _spares; `buffers` is all that is allocated, in one piece, as a port on
        # POWER gives no more than 16 MiB in one.
        self._all_chunks = max(-(-buffers // CHUNK) - 1, segments)
        self._max_transfer = max_transfer
        self._shape = max_requests + 4, segments
        self._old: list[tuple[Any, Any]] = []
        try:
            self._options = options or Options.of(self.port.identity, f"host{host}")
            self._iu_memory = self.port.allocate(Initiator.memory_size(*self._shape))
            self._iu_view = memoryview(self._iu_memory).cast("B")
            self._memory = self.port.allocate((self._all_chunks + 1) * CHUNK)
            self._data = memoryview(self._memory).cast("B")
            self._data_address = self._memory.address
            self._begin()
        except BaseException:
            if self._owns_port:
                self.port.close()
            raise
        self._signals = False
        self._opened = self._closed = False
        self._scope: list[Pending] | None = None
        """Commands of the call that is just submitting some, so that it can give them up."""
        self._asking = False
        self._inside = False
        """Whether the bookkeeping is being changed; still set at the next call, it was left half way."""

    def _begin(self) -> None:
        """Fresh bookkeeping: an engine that has nothing, and all memory free."""
        slots, segments = self._shape
        own, partner = self.port.identity, self.port.partner
        unit = own.unit_address or (partner.unit_address if partner else 0)
        self.engine = Initiator(
            self._iu_view,
            self._iu_memory.address,
            slots=slots,
            segments=segments,
            name=f"{unit:x}",
            options=self._options,
            serial=secrets.randbits(47),
        )
        self._chunks = list(range(self._all_chunks - 1, -1, -1))
        self._spares = list(range(-(CHUNK // SPARE), 0))
        """Places behind the chunks for READ CAPACITY of units that have changed: commands that wait for what it
        says may hold all the chunks."""
        self._live: dict[Request, None] = {}
        self._staged: deque[Pending] = deque()
        self._delayed: deque[tuple[float, Pending]] = deque()
        self._told: deque[Callable[[], None]] = deque()
        self._doubted: dict[bytes, list[Pending]] = {}
        """Commands in blocks that wait until it is known whether their unit's blocks are still the same."""
        self._changed: dict[bytes, int] = {}
        self._epoch = self._login_epoch = self._logins = 0
        self._retry_output = 0.0
        self._retry_action = 0.0

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

    def changed(self, lun: Lun) -> int:
        """The epoch in which a unit last said that it has changed, or the session logged in again.

        What a command found out in an earlier one (:attr:`Pending.epoch`) may not be so any more.
        """
        return max(self._changed.get(bytes(lun), 0), self._login_epoch)

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
        ``replay`` are those of :class:`~pysrp.initiator.engine.Command`. If this raises, nothing is under way.

        Raises ValueError for more data than one command of this session can move, and for a time limit that is
        none; TypeError for an ``into`` that cannot be written; PartnerGone when the session is closed.
        """
        if into is not None:
            if into.readonly:
                raise TypeError("data-in for a buffer that is read-only")
            if into.nbytes != data_in_length or into.format != "B":
                raise ValueError(f"a buffer of {into.nbytes} bytes for {data_in_length} bytes of data-in")
        if not 0 <= timeout <= LONGEST_WAIT:
            check_timeout(timeout)
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
        if size > CHUNK or (data_in_length and data_out is not None):
            self._check_size(data_in_length, 0 if pending.out is None else len(pending.out))
        try:
            self._start_command(pending)
        except BaseException:
            self.give_up((pending,))
            raise
        return pending

    def _check_size(self, inward: int, outward: int) -> None:
        """Raise ValueError for more data than a command can have here."""
        size = max(inward, outward)
        if -(-size // CHUNK) > self.engine.max_segments:
            raise ValueError(f"{size} bytes of data, one command can move {self.engine.max_segments * CHUNK}")
        if -(-inward // CHUNK) + -(-outward // CHUNK) > self._all_chunks:
            have = self._all_chunks * CHUNK
            raise ValueError(f"{inward + outward} bytes of data, this session has memory for {have}")

    def _start_command(self, pending: Pending) -> None:
        if self._inside:
            self.recover()
        if self._closed:
            raise PartnerGone("the session is closed")
        self._inside = True
        try:
            if self._scope is not None:
                self._scope.append(pending)
            self._live[pending] = None
            pending.epoch = self._epoch
            if self._asking and self._place_spare(pending):
                self.engine.submit(pending, time.monotonic())
                self._flush()
            elif self._staged or not self._place(pending):
                self._staged.append(pending)
            else:
                engine = self.engine
                engine.submit(pending, time.monotonic())
                if engine.output and (engine.debits < 2 or len(engine.output) >= SEND_BATCH):
                    self._flush()
                if engine.ended:
                    self._finish()
        except OURS:
            self._inside = False
            raise
        self._inside = False
        if self._told:
            self._tell()

    def flush(self) -> None:
        """Send what :meth:`submit` has collected."""
        if self._inside:
            self.recover()
        if self.engine.output and time.monotonic() >= self._retry_output:
            self._inside = True
            try:
                self._flush()
            except OURS:
                self._inside = False
                raise
            self._inside = False

    # Memory.

    def _place(self, pending: Pending) -> bool:
        """Give a command its data memory; False if there is not enough now, or a target still writes to some of it.

        Room for data-in is zeroed, unless it is for whole blocks: a server may send less and not say so
        (QEMU answers INQUIRY like that), and what an earlier command left there is not an answer.
        """
        if self.engine.unanswered:
            return False
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
        outgoing = 0 if out is None else len(out)
        need_in, need_out = -(-length // CHUNK), -(-outgoing // CHUNK)
        if need_in + need_out > len(self._chunks):
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

    def _place_spare(self, pending: Pending) -> bool:
        """Give READ CAPACITY its memory, of that which no other command has."""
        if not self._spares or pending.length > SPARE:
            return False
        spare = self._spares.pop()
        start = (self._all_chunks + 1) * CHUNK + spare * SPARE
        pending.chunks = (spare,)
        pending.data_in = ((self._data_address + start, pending.length),)
        self._data[start : start + pending.length] = bytes(pending.length)
        return True

    def _segments(self, chunks: Sequence[int], length: int) -> list[tuple[int, int]]:
        base = self._data_address
        last = len(chunks) - 1
        return [
            (base + c * CHUNK, CHUNK if i < last else length - last * CHUNK) for i, c in enumerate(chunks)
        ]

    def _move(self) -> None:
        """Go on in other memory: a target may write to the old one though its queue is closed (QEMU does).

        What is yet to be sent keeps its data. Where the port has no memory left, everything stays where it is.
        """
        while len(self._old) >= OLD_MEMORY:
            self._free_old()
        try:
            iu_memory = self.port.allocate(Initiator.memory_size(*self._shape))
        except (HcallError, MemoryError):
            return
        try:
            memory = self.port.allocate((self._all_chunks + 1) * CHUNK)
        except (HcallError, MemoryError):
            iu_memory.free()
            return
        data = memoryview(memory).cast("B")
        data[:] = self._data
        shift = memory.address - self._data_address
        for request in self._live:
            if isinstance(request, Pending):
                request.data_in = [(address + shift, size) for address, size in request.data_in]
                request.data_out = [(address + shift, size) for address, size in request.data_out]
        views = self._iu_view, self._data
        self._old.append((self._iu_memory, self._memory))
        self._iu_memory, self._memory = iu_memory, memory
        self._iu_view, self._data = memoryview(iu_memory).cast("B"), data
        self._data_address = memory.address
        self.engine.moved(self._iu_view, iu_memory.address)
        for view in views:
            view.release()

    def _free_old(self) -> None:
        for memory in self._old.pop(0):
            free(memory)

    # What moves.

    def _start(self) -> None:
        """Register the queue."""
        if self._closed:
            raise PartnerGone("the session is closed")
        if self.port.ended:
            raise PartnerGone("the adapter has gone")
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
            self.flush()

    def _work(self) -> None:
        """Everything that can be done without waiting."""
        if self._inside:
            self.recover()
        self._inside = True
        try:
            self._turn(self._elements())
        except OURS:
            self._inside = False
            self._tell()
            raise
        self._inside = False
        if self._told:
            self._tell()

    def _elements(self) -> list[bytes]:
        """What has come."""
        try:
            return self.port.poll()
        except ValueError:
            self.engine.closed(PartnerGone("the port was closed"))
            return []

    def _turn(self, elements: list[bytes]) -> None:
        """Deal with ``elements``, which have come, and with what time has brought."""
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
        if engine.logins != self._logins:
            if self._logins:
                self._epoch += 1
                self._login_epoch = self._epoch
            self._logins = engine.logins
        if engine.ended or self._staged:
            self._finish()

    def _pause(self) -> float:
        """When :meth:`_work` is wanted again even if nothing comes (monotonic time)."""
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
                if self.engine.unanswered:
                    self._move()
                    self.engine.unanswered = False
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
        """Take in what has ended."""
        engine = self.engine
        while engine.ended:
            ended, engine.ended = engine.ended, []
            for request in ended:
                if isinstance(request, Pending):
                    self._finish_command(request)
                elif self._live.pop(request, self) is None and request.owner is not None:
                    self._told.append(partial(request.owner, request))
        while self._staged and self._place(self._staged[0]):
            engine.submit(self._staged.popleft(), time.monotonic())
            if engine.output:
                self._flush()

    def _tell(self) -> None:
        """Call those who wait for what has ended; outside the bookkeeping, as they may do anything."""
        while self._told:
            self._told.popleft()()

    def _finish_command(self, pending: Pending) -> None:
        status = pending.status
        if pending.abandoned is not None and status is not None:
            # Its answer was faster than the abort: not to be tried again, nor with a place for what it read.
            if pending.into is TAKEN_BACK or (status and pending.retries and pending.worth_retrying()):
                pending.error, pending.status = pending.abandoned, None
            pending.retries = 0
            status = pending.status
        changed = status == Status.CHECK_CONDITION and self._heard(pending)
        if status and pending.retries and pending.worth_retrying():
            pending.retries -= 1
            pending.tag = 0
            pending.ended = False
            pending.status = None
            pending.sense = b""
            pending.residual = pending.overflow = 0
            pending.aborting = pending.why = None
            pending.epoch = self._epoch
            now = time.monotonic()
            if changed and pending.block_size:
                self._doubt(pending)
            elif status in (Status.BUSY, Status.TASK_SET_FULL):
                self._delayed.append((now + BUSY_WAIT, pending))
            else:
                self.engine.submit(pending, now)
                self._flush()
            return
        if (
            pending.epoch != self._epoch
            and pending.block_size
            and status in SUCCESS
            and pending.epoch < self.changed(pending.lun)
        ):
            # Sent before the news of a change came: it may have been carried out after the change.
            self._doubt(pending)
            return
        chunks = pending.chunks
        if chunks:
            if pending.data_in and status is not None:
                self._collect(pending)
            (self._spares if chunks[0] < 0 else self._chunks).extend(chunks)
            pending.chunks = ()
        pending.out = None
        pending.done = True
        if pending.waiter is not None:
            self._told.append(partial(pending.waiter, pending))
        self._live.pop(pending, None)

    # Units that have changed.

    def _heard(self, pending: Pending) -> bool:
        """Whether an answer says that its unit has changed; what is known of it is forgotten then."""
        if not tells_of_change(pending.sense):
            return False
        self._epoch += 1
        self._changed[bytes(pending.lun)] = self._epoch
        return True

    def _doubt(self, pending: Pending) -> None:
        """The unit says that it has changed: are its blocks still those that this command is meant in?

        What has not been sent of the same kind waits too.
        """
        key = bytes(pending.lun)
        doubted = self._doubted.get(key)
        if doubted is not None:
            doubted.append(pending)
            return
        doubted = self._doubted[key] = [pending]
        for other in self._live:
            if isinstance(other, Pending) and other.block_size and not other.tag and bytes(other.lun) == key:
                if other in self._staged:
                    self._staged.remove(other)
                elif not self.engine.take_back(other):
                    continue
                doubted.append(other)
        patience = max(min(each.timeout or SHORT_TIMEOUT, SHORT_TIMEOUT) for each in doubted)
        self._told.append(partial(self._ask_again, key, ask_capacity(self, pending.lun, timeout=patience)))

    def _ask_again(self, key: bytes, steps: Steps[tuple[Capacity, int]], _: Pending | None = None) -> None:
        """The next command of READ CAPACITY, or what came of it."""
        scope, self._scope, self._asking = self._scope, None, True
        try:
            (pending,) = next(steps)
            pending.waiter = partial(self._ask_again, key, steps)
            if pending.done:
                self._told.append(partial(pending.waiter, pending))
        except StopIteration as end:
            self._undoubt(key, end.value[0].block_size, None)
        except SrpError as error:
            self._undoubt(key, 0, error)
        finally:
            self._scope, self._asking = scope, False

    def _undoubt(self, key: bytes, size: int, error: SrpError | None) -> None:
        """Send the commands that are meant in blocks of ``size`` bytes, end the others."""
        if self._inside:
            self.recover()
            return
        self._inside = True
        now = time.monotonic()
        for pending in self._doubted.pop(key, ()):
            pending.epoch = self._epoch
            if pending.status is not None and error is None and pending.block_size == size:
                self._finish_command(pending)
            elif error is not None or pending.block_size != size:
                pending.error = error or block_size_changed(pending.block_size, size)
                pending.status = None
                pending.ended = True
                self._finish_command(pending)
            elif pending.chunks or not (pending.length or pending.out):
                self.engine.submit(pending, now)
            else:
                self._staged.append(pending)
        try:
            self._finish()
            self._flush()
        except OURS:
            self._inside = False
            raise
        self._inside = False

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

    # Giving up.

    def give_up(self, commands: Iterable[Pending], error: SrpError | None = None) -> None:
        """Nobody waits for these commands any more: take their buffers back, and end them.

        What the target has not got is not sent; what it has is aborted, in the time that the options' ``give_up``
        says. They end with ``error`` (:class:`~pysrp.initiator.engine.Aborted`), unless their answer was faster.
        """
        error = error or Aborted("the command was given up")
        if self._inside:
            self.recover()
            return
        self._inside = True
        now = time.monotonic()
        for pending in commands:
            pending.abandoned = error
            pending.into = None if pending.into is None else TAKEN_BACK
            pending.out = None
            if pending in self._live and not self._abandon(pending, error):
                self.engine.give_up(pending, now, error)
        try:
            self._flush()
            self._finish()
        except OURS:
            pass  # the connection's own fault, which the next call will see
        self._inside = False
        self._tell()

    def _abandon(self, pending: Pending, error: Exception) -> bool:
        """End a command that the engine does not have: it waits for memory, or to be tried again."""
        doubted = self._doubted.get(bytes(pending.lun), ())
        if pending in self._staged:
            self._staged.remove(pending)
        elif pending in doubted:
            doubted.remove(pending)  # type: ignore[union-attr]
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

    def recover(self) -> None:
        """Somebody left in the middle of the bookkeeping: begin anew, and trust none of it.

        Every command that was under way ends with PartnerGone; the connection is reset and its memory changed.
        """
        self._inside = True
        live = list(self._live)
        told = list(self._told)
        epoch = self._epoch + 1
        for request in live:
            if isinstance(request, Pending):
                request.into = request.out = None
                request.chunks = ()
                request.retries = 0
                request.done = True
                request.status = None
            request.ended = True
            if request.error is None:
                request.error = PartnerGone(
                    "an interrupt came in the middle of the session's work; it was reset"
                )
        state = self.engine.state
        self._begin()
        self._epoch = self._login_epoch = epoch
        self._told.extend(told)
        for request in live:
            call: Any = request.waiter if isinstance(request, Pending) else request.owner
            if call is not None:
                self._told.append(partial(call, request))
        if state is not State.CLOSED and not self._closed:
            self.engine.opened(time.monotonic())
            self.engine.host_reset("the session was interrupted", unanswered=True)
        self._inside = False

    def _shut(self) -> None:
        """Close the queue and let go of the port."""
        if self._closed:
            return
        if self._inside:
            self.recover()
        self._closed = True
        self.engine.closed()
        for request in list(self._live):
            if isinstance(request, Pending):
                self._abandon(request, PartnerGone("the session was closed"))
        self._finish()
        try:
            if self._opened:
                self._opened = False
                self._free_port()
        finally:
            self._data.release()
            self._iu_view.release()
            while self._old:
                self._free_old()
            free(self._memory)
            free(self._iu_memory)
            if self._owns_port:
                self.port.close()
            self._tell()

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

    def _ready(self) -> None:
        """Before a call waits for anything: raise what it would wait for in vain, mend what was left half way."""
        if not self._opened:
            raise self._not_open()
        if self._inside:
            self.recover()

    def _reset(self) -> None:
        """Begin a host reset; :meth:`_work` carries it out."""
        self._ready()
        self._inside = True
        self.engine.host_reset()
        self._inside = False

    def _give_up_all(self) -> None:
        """The session is about to be closed: have all that is under way aborted."""
        commands = [request for request in self._live if isinstance(request, Pending)]
        self.give_up(commands, PartnerGone("the session was closed"))

    @property
    def _is_heard(self) -> bool:
        """Whether there is a target that may still say of something that it is over."""
        return bool(self._live) and self.connected and self.port.connected

    def _not_open(self) -> TransportError:
        """Why a call cannot wait for anything."""
        if self._closed:
            return PartnerGone("the session is closed")
        return TransportError(
            "the session is not connected: call connect() first, or use it in a with statement"
        )

    def _not_logged_in(self, timeout: float) -> str:
        """What to say of a login that took too long."""
        state = self.engine.state
        text = f"not logged in within {timeout:g} s: {state.value}"
        if state is State.WAIT_PARTNER:
            text += "; the server has not opened its queue: its target may be disabled"
        return text

    # Task management.

    def _task(
        self, function: TskMgmtFunc, lun: Lun, task: Command | None, timeout: float, done: Any = None
    ) -> TaskManagement:
        check_timeout(timeout)
        self._ready()
        request = TaskManagement(function, lun, task, timeout=timeout)
        request.owner = done
        self._inside = True
        try:
            self._live[request] = None
            self.engine.submit(request, time.monotonic())
            self._flush()
            self._finish()
        except OURS:
            self._inside = False
            raise
        self._inside = False
        self._tell()
        return request

    def _end_unsent(self, pending: Pending) -> bool:
        """End a command that has not been sent, if so it is; True when it is over."""
        if self._inside:
            self.recover()
        if pending.done:
            return True
        self._inside = True
        if not self._abandon(pending, Aborted("the command was aborted before it was sent")):
            if pending.tag:
                self._inside = False
                return False
            self.engine.abort(pending, time.monotonic())
        self._finish()
        self._inside = False
        self._tell()
        return True

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
