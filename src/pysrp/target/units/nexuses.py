"""The nexuses of a logical unit: which may go on, and their unit attentions and deferred errors (SAM-5, 5.14; SPC-5, 4.4.7)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from pysrp._fast.gate import (
    ALONE,
    ATTENTION,
    JOB,
    NO_CACHE,
    NOT_READY,
    RESERVED,
    REVOKED,
    STOPS_READS,
    SWP,
    UNCACHED,
    WATCHED,
    Gate,
)
from pysrp.scsi.codes import Opcode, SenseKey, Status
from pysrp.target.fault import Fault
from pysrp.target.grant import Gates
from pysrp.target.task import Nexus, Task
from pysrp.target.units.attentions import Attentions
from pysrp.target.units.codes import Attention
from pysrp.target.units.saved import Keeping

__all__ = ["NexusStates"]

PREVIOUS = {
    Status.BUSY: Attention.PREVIOUS_BUSY,
    Status.TASK_SET_FULL: Attention.PREVIOUS_TASK_SET_FULL,
    Status.RESERVATION_CONFLICT: Attention.PREVIOUS_CONFLICT,
}
"""The unit attention that follows a status if UA_INTLCK_CTRL is 11b."""

OWN_REASONS = ATTENTION | RESERVED | NOT_READY | JOB | ALONE | UNCACHED | SWP | NO_CACHE | WATCHED
"""The reasons for which a unit closes its gates, and opens them again."""


class NexusStates(Keeping):
    """A unit's state of each nexus, and its lock. A subclass has the reasons that close the gates (:meth:`_reasons`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nexuses: dict[Nexus, None] = {}
        self._open: set[Nexus] = set()
        """Nexuses for whose commands nothing has to be checked or reported first. Read without the lock."""
        self._gates = Gates()
        self._attentions = Attentions()
        self._deferred: dict[Nexus, Fault] = {}
        self._interlock = 0
        """UA_INTLCK_CTRL of the control mode page."""

    def _reasons(self, nexus: Nexus) -> int:
        """The reasons (:mod:`pysrp._fast.gate`) for which the gates of this nexus are closed. With the lock."""
        raise NotImplementedError

    def _left(self, nexus: Nexus) -> None:
        """Drop the state of a lost nexus. With the lock."""
        self._attentions.drop(nexus)
        self._deferred.pop(nexus, None)

    @contextmanager
    def _changing(self, *nexuses: Nexus) -> Iterator[None]:
        """Hold the lock; at the end evaluate the reasons again, and open or close the gates, of these nexuses or of all."""
        with self._lock:
            try:
                yield
            finally:
                for nexus in nexuses or self._nexuses:
                    reasons = self._reasons(nexus)
                    if nexus in self._nexuses and not reasons & STOPS_READS:
                        self._open.add(nexus)
                    else:
                        self._open.discard(nexus)
                    if nexus in self._gates:
                        self._gates.set(nexus, OWN_REASONS, reasons)

    def plain(self, nexus: Nexus) -> bool:
        """Whether nothing has to be checked or reported before a READ of this nexus. Takes no lock."""
        return nexus in self._open

    def revoke(self, lun: int | None = None) -> None:
        """Revoke the grants at this LUN, or at all LUNs. Any thread; takes no lock."""
        self._gates.revoke(lun)

    def _gate(self, nexus: Nexus, lun: int) -> Gate:
        """Make a gate for a nexus and a LUN, which the unit closes and opens from now on; a revoked one if the nexus is lost."""
        with self._lock:
            if nexus not in self._nexuses:
                return Gate(REVOKED)
            gate = Gate(self._reasons(nexus))
            self._gates.add(nexus, lun, gate)
            return gate

    def attach(self, nexus: Nexus) -> None:
        """A nexus can reach this unit from now on, and gets the unit attentions for all nexuses. May be repeated."""
        with self._changing(nexus):
            self._nexuses[nexus] = None

    def detach(self, nexus: Nexus) -> None:
        """A nexus cannot reach this unit any more: drop its reservation, attentions and prevention of medium removal."""
        with self._changing():
            self._nexuses.pop(nexus, None)
            self._open.discard(nexus)
            self._gates.drop(nexus)
            self._left(nexus)

    def nexuses(self) -> list[Nexus]:
        """The nexuses attached now."""
        with self._lock:
            return list(self._nexuses)

    # Unit attentions and deferred errors.

    def attention(self, asc: int, ascq: int, nexus: Nexus | None = None) -> None:
        """Establish a unit attention for one attached nexus, or for all (SAM-5, 5.14).

        One that is pending already keeps its place. Resets (29h) come before the rest.
        """
        nexuses = () if nexus is None else (nexus,)
        with self._changing(*nexuses):
            self._establish(asc << 8 | ascq, nexuses or self._nexuses)

    def forget(self, nexus: Nexus, asc: int, ascq: int) -> bool:
        """Clear a unit attention; whether it was pending."""
        with self._changing(nexus):
            return self._attentions.withdraw(asc << 8 | ascq, nexus)

    def attentions(self, nexus: Nexus) -> list[int]:
        """The pending unit attentions of a nexus, ``information << 16 | asc << 8 | ascq`` each, the next one first.

        ``information`` is the INFORMATION field, 0 if there is none.
        """
        with self._lock:
            return list(self._attentions.of(nexus))

    def _establish(self, code: int, nexuses: Iterable[Nexus], but: Nexus | None = None) -> None:
        """Establish a unit attention for those of these nexuses that are attached, except ``but``. With the lock."""
        for nexus in nexuses:
            if nexus is not but and nexus in self._nexuses:
                self._attentions.establish(code, nexus)

    def _tell_attention(self, task: Task) -> Fault | None:
        """The next unit attention of a task's nexus, as the Fault to end the task with. It is cleared, but established again if
        the answer is lost. With the lock.

        With UA_INTLCK_CTRL only REQUEST SENSE clears it (SPC-5, 7.5.9).
        """
        pending = self._attentions.of(task.nexus)
        if not pending:
            return None
        code = pending[0]
        if self._interlock and task.cdb[0] != Opcode.REQUEST_SENSE:
            return _attention(code)
        self._attentions.withdraw(code, task.nexus)
        task.lost = partial(self.attention, code >> 8, code & 0xFF, task.nexus)
        return _attention(code)

    def refused(self, nexus: Nexus, status: int) -> None:
        """A command of this nexus has ended with this status: establish a unit attention if UA_INTLCK_CTRL is 11b."""
        if self._interlock == 3 and status in PREVIOUS:
            with self._changing(nexus):
                self._establish(PREVIOUS[Status(status)], [nexus])

    def defer(self, nexus: Nexus, fault: Fault) -> None:
        """Set a deferred error, which the next command of the nexus reports (SPC-5, 4.4.7). It replaces an earlier one."""
        with self._changing(nexus):
            self._defer(nexus, fault)

    def _defer(self, nexus: Nexus, fault: Fault) -> None:
        fault.deferred = True
        if nexus in self._nexuses:
            self._deferred[nexus] = fault

    def _tell_deferred(self, task: Task) -> Fault | None:
        """The deferred error of a task's nexus, cleared and restored likewise. With the lock."""
        fault = self._deferred.pop(task.nexus, None)
        if fault is not None:
            task.lost = partial(self.defer, task.nexus, fault)
        return fault


def _attention(code: int) -> Fault:
    return Fault(SenseKey.UNIT_ATTENTION, code & 0xFFFF, information=code >> 16 or None)
