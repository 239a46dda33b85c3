"""The commands of one logical unit: threads that carry them out, as SG_IO returns only when a command has ended.

A :class:`UnitCrew` is the ``Commander`` that the sequences of :mod:`pysrp.initiator.units` need. As with the
other transports, when a call that waits has ended, by a result or by an exception, the buffers that were passed to it are not
used any more, and no other memory of the caller is ever written. Data is copied from the caller's buffer when its command
begins, and to it when the command has ended. The kernel cannot end one command of SG_IO: a command that was given up goes on
in its thread until it is answered or its timeout is over, and its result is dropped. A command that had not begun is not sent.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from pysrp._fast.commands import own_view
from pysrp.errors import ConfigError, PartnerGone, SrpError, UnavailableError
from pysrp.initiator.requests import LONGEST_WAIT, Aborted, cdb_of
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
from pysrp.sg.call import SgCall, failure
from pysrp.srp import TaskAttribute

__all__ = ["Carrier", "UnitCrew"]

DEPTH = 16
"""The most commands under way at a time: as many as sg accepts for one open file."""

BUSY_WAIT = 0.1
"""Seconds until a command is tried again that was answered with BUSY or TASK SET FULL."""


IDLE = 5
"""Seconds after which a thread without a command ends."""


LONGEST_SLEEP = 0.5
"""Seconds that a caller waits at a time, as a signal that comes just before the system call does not interrupt it."""


class Carrier(Protocol):
    """The interface that carries out commands: that of an open :class:`~pysrp.sg.node.Node`."""

    max_transfer: int

    def exchange(self, cdb: bytes, data_out: Any, room: int, timeout: float) -> SgCall:
        """Carry out one command; see :meth:`pysrp.sg.node.Node.exchange`."""

    def reset(self) -> None:
        """LUN RESET."""

    def close(self) -> None:
        """Accept no more commands."""


class UnitCrew:
    """Commands of one logical unit; ``host`` is the number of its SCSI host, ``lun`` its LUN at that host."""

    replay = False
    """There is no connection here that could lose commands."""

    def __init__(self, carrier: Carrier, host: int, lun: Lun, depth: int = DEPTH) -> None:
        self.host = host
        self.lun = lun
        self.carrier = carrier
        self._depth = depth
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._ended = threading.Condition(self._lock)
        self._waiting: deque[Pending] = deque()
        self._threads = self._idle = 0
        self._closed = False
        self._epoch = self._changed_at = 0
        self._scope: list[Pending] | None = None
        """The list to which commands are added as they are submitted, so that a call that fails can give them up."""

    @property
    def max_transfer(self) -> int:
        """The most bytes that one command may move."""
        return self.carrier.max_transfer

    def changed(self, lun: Lun) -> int:
        """The epoch in which the unit last reported a change."""
        return self._changed_at

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
        """Start a command; the arguments are those of :meth:`pysrp.initiator.driver.Base.submit`.

        Raises ConfigError, which is a ValueError, for data in both directions; ValueError for another unit's LUN, more data
        than one command can move, a task attribute other than SIMPLE, an invalid timeout, and an ``into`` that has another
        length or is not contiguous; TypeError for an ``into`` that is read-only; PartnerGone when the device is closed.
        """
        if lun != self.lun:
            raise ValueError(f"LUN {lun}: this node leads to LUN {self.lun} alone")
        if attribute != TaskAttribute.SIMPLE:
            raise ValueError("Linux's SG_IO sends every command with the task attribute SIMPLE")
        if not 0 <= timeout <= LONGEST_WAIT:
            raise ValueError(f"a timeout of {timeout} s: from 0 to {LONGEST_WAIT}")
        pending = Pending(self, lun, cdb_of(cdb), data_in_length, timeout)
        pending.retries, pending.block_size = retries, block_size
        if into is not None:
            pending.into = own_view(into, data_in_length)
        if data_out is not None:
            pending.out = memoryview(data_out).cast("B")
        size = max(data_in_length, 0 if pending.out is None else len(pending.out))
        if data_in_length and pending.out:
            raise ConfigError("data-in and data-out: SG_IO moves data one way")
        if data_in_length < 0 or size > self.max_transfer:
            wrong = min(data_in_length, 0) or size
            raise ValueError(f"a command of {wrong} bytes, one can move {self.max_transfer}")
        self._start(pending)
        return pending

    def _start(self, pending: Pending) -> None:
        with self._lock:
            if self._closed:
                raise PartnerGone("the device has been closed")
            if self._scope is not None:
                self._scope.append(pending)
            pending.began = time.monotonic()
            self._waiting.append(pending)
            if self._idle < len(self._waiting) and self._threads < self._depth:
                self._threads += 1
                threading.Thread(target=self._member, name="pysrp-sg", daemon=True).start()
            self._work.notify()

    # In the threads.

    def _member(self) -> None:
        """A thread: carry out one command after the other, until there is none for :data:`IDLE` seconds, or at the close."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # for the threads that wait
        while True:
            with self._lock:
                self._idle += 1
                if not self._waiting and not self._closed:
                    self._work.wait(IDLE)
                self._idle -= 1
                if not self._waiting:
                    self._threads -= 1
                    return
                pending = self._waiting.popleft()
            self._carry_out(pending)
            waiter = None
            with self._lock:
                if not pending.done:
                    pending.done = pending.ended = True
                    pending.out = pending.into = None
                    waiter = pending.waiter
                    self._ended.notify_all()
            if waiter is not None:
                waiter(pending)

    def _carry_out(self, pending: Pending) -> None:
        """Carry out a command, with retries, and set its result or error."""
        try:
            with self._lock:
                data_out = None if pending.out is None else bytes(pending.out)
            while True:
                self._try(pending, data_out)
                again = bool(pending.status) and pending.retries > 0 and pending.worth_retrying()
                again = again and self._has_time(pending)
                if again or pending.status in SUCCESS:
                    self._doubt(pending)
                if not again:
                    return
                pending.retries -= 1
                if pending.status in (Status.BUSY, Status.TASK_SET_FULL):
                    time.sleep(BUSY_WAIT)
        except SrpError as error:
            pending.error, pending.status = error, None
        except Exception as error:  # no memory, or a bug: the thread goes on
            pending.error, pending.status = SrpError(f"the command could not be carried out: {error!r}"), None

    def _try(self, pending: Pending, data_out: bytes | None) -> None:
        with self._lock:
            if pending.abandoned is not None:
                raise pending.abandoned
            pending.epoch = self._epoch
        exchange = self.carrier.exchange(pending.cdb, data_out, pending.length, pending.timeout)
        answer = exchange.answer()
        if error := failure(pending.cdb, answer, pending.timeout):
            raise error
        size = len(exchange.data)
        with self._lock:
            if answer.status == Status.CHECK_CONDITION and tells_of_change(answer.sense):
                self._epoch += 1
                self._changed_at = self._epoch
            if pending.abandoned is not None:
                raise pending.abandoned  # it was given up while the kernel had it
            pending.status, pending.sense = answer.status, answer.sense
            pending.residual = min(max(answer.residual, 0), size)
            pending.overflow = max(-answer.residual, 0)
            if data_out is None:
                came = memoryview(exchange.data)[: size - pending.residual]
                if pending.into is None:
                    pending.data = bytes(came)
                else:
                    pending.into[: len(came)] = came

    @staticmethod
    def _has_time(pending: Pending) -> bool:
        """Whether the timeout leaves time for another try."""
        return not pending.timeout or time.monotonic() + BUSY_WAIT < pending.began + pending.timeout

    def _doubt(self, pending: Pending) -> None:
        """Raise UnitChanged if the unit has reported a change, and its block size is not the one that the command was made for.

        Also for a command that succeeded: another command may have got the report of a change that came before this one.
        """
        while pending.block_size and pending.epoch < self._changed_at:
            capacity, pending.epoch = self._capacity()
            if capacity.block_size != pending.block_size:
                raise block_size_changed(pending.block_size, capacity.block_size)

    def _capacity(self) -> tuple[Capacity, int]:
        """READ CAPACITY, carried out in this thread; returns its answer and the answer's epoch."""
        steps: Steps[tuple[Capacity, int]] = ask_capacity(_AtOnce(self), self.lun)
        try:
            while True:
                next(steps)
        except StopIteration as end:
            found: tuple[Capacity, int] = end.value
            return found

    # In the callers' threads.

    def complete(self, pending: Pending) -> None:
        """Wait until a command is done. If an exception such as KeyboardInterrupt ends the wait, the command is given up."""
        try:
            self._await(pending)
        except BaseException:
            self.give_up((pending,))
            raise

    def _await(self, pending: Pending) -> None:
        with self._lock:
            while not pending.done:
                self._ended.wait(LONGEST_SLEEP)

    def give_up(self, commands: Iterable[Pending], error: SrpError | None = None) -> None:
        """End commands that no caller waits for any more, and use their buffers no more; see the module."""
        told = []
        with self._lock:
            for pending in commands:
                if not pending.done:
                    pending.abandoned = pending.error = error or Aborted("the command was given up")
                    pending.status = pending.into = pending.out = None
                    pending.done = pending.ended = True
                    if pending in self._waiting:
                        self._waiting.remove(pending)
                    if pending.waiter is not None:
                        told.append(pending)
            self._ended.notify_all()
        for pending in told:
            assert pending.waiter is not None
            pending.waiter(pending)

    def withdraw(self, pending: Pending) -> bool:
        """End a command that has not begun. Raises UnavailableError for one that the kernel has already."""
        with self._lock:
            begun = not pending.done and pending not in self._waiting
        if begun:
            raise UnavailableError(
                "Linux has no way to end one command of SG_IO: it ends at its time limit, or when the unit is reset"
            )
        self.give_up((pending,), Aborted("the command was aborted before it was sent"))
        return True

    def close(self) -> None:
        """Accept no more commands, and end those that wait. The node is closed when the last command in the kernel has ended."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
            self._work.notify_all()
        self.give_up(waiting, PartnerGone("the device was closed"))
        self.carrier.close()


class _AtOnce:
    """A commander for use in a thread of the crew: ``submit`` carries the command out before it returns."""

    replay = False

    def __init__(self, crew: UnitCrew) -> None:
        self._crew = crew
        self.host = crew.host
        self.max_transfer = crew.max_transfer

    def changed(self, lun: Lun) -> int:
        """See :meth:`UnitCrew.changed`."""
        return self._crew.changed(lun)

    def submit(
        self, lun: Lun, cdb: bytes, *, data_in_length: int = 0, retries: int = 0, timeout: float = 0, **_: Any
    ) -> Pending:
        """Carry out a command."""
        pending = Pending(self._crew, lun, cdb, data_in_length, timeout)
        pending.retries, pending.began = retries, time.monotonic()
        self._crew._carry_out(pending)
        pending.done = True
        return pending
