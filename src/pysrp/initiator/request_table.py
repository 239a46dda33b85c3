"""The requests of one client: their slots and tags, the credits, and the requests that wait for a credit."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from pysrp._fast.commands import SPARE_SLOTS, RequestSlots, Slots
from pysrp.initiator.requests import Command, Exchange, Request, TaskManagement

__all__ = ["RequestTable"]


class RequestTable(RequestSlots):
    """Up to ``slots`` requests that have been sent, and any number that wait to be sent.

    A tag is a serial number, counted on from ``serial`` (below 1 << 48), above 16 bits of slot number.
    """

    credits: int
    debits: int

    def __init__(self, slots: int, serial: int, log: logging.LoggerAdapter[logging.Logger]) -> None:
        if not SPARE_SLOTS < slots < 1 << 16:
            raise ValueError(f"{slots} slots: {SPARE_SLOTS + 1} to 65535 are possible")
        self.log = log
        self.stage = "the connection is not open"
        """Why commands cannot be sent now, as text for messages; empty when they can."""
        self.refusal: Exception | None = None
        """The error with which requests end at once when they are submitted; None when they are accepted."""
        self.hopeless = ""
        """Why the connection has to be reset; empty when it has not."""
        self.ended: list[Request] = []
        """Requests that have ended since the driver last emptied this list."""
        self.credits = 0
        self.debits = 0
        """Number of commands and task management functions that were sent and not answered."""
        self.next_deadline = float("inf")
        """The time at which the session's ``tick`` has to be called at the latest."""
        self.serial = serial
        """Serial number of the last request sent: the upper bits of its tag."""
        self._requests: list[Request | None] = [None] * slots
        self._free: Slots = Slots(slots)
        self._waiting: deque[Command] = deque()
        self._urgent: deque[TaskManagement] = deque()
        self._owed = 0
        self._owed_since = 0

    @property
    def pending(self) -> int:
        """Number of commands and task management functions that have not ended."""
        sent = sum(
            request is not None and not request.ended and not isinstance(request, Exchange)
            for request in self._requests
        )
        return sent + len(self._waiting) + len(self._urgent)

    @property
    def awaited(self) -> bool:
        """Whether an IU was sent that the server may still answer, by a write to this client's memory."""
        return any(request is not None for request in self._requests)

    def note(self, deadline: float) -> None:
        """Have ``tick`` called at that time, or before it."""
        if deadline < self.next_deadline:
            self.next_deadline: float = deadline

    def _take_slot(self, request: Request) -> None:
        """Give a request a free slot, and a tag: the serial number above 16 bits of slot number."""
        slot = self._free.popleft()
        self.serial += 1
        request.serial = self.serial
        request.slot = slot
        request.tag = self.serial << 16 | slot
        self._requests[slot] = request

    def release(self, request: Request) -> None:
        """Free the slot of a request, if the request still has it."""
        if self._requests[request.slot] is request:
            self._requests[request.slot] = None
            self._free.append(request.slot)
        request.tag = 0

    def lost(self, error: Exception, replay: bool | None = None) -> None:
        """End all requests that were sent with ``error``, as the server has lost them; or queue commands to be sent again.

        ``replay``: True to send all commands again, False none, None those whose own ``replay`` is set. Task management
        functions are never sent again, as the tasks that they were about are gone.
        """
        self.hopeless: str = ""
        again: list[Command] = []
        for request in self._requests:
            if request is None:
                continue
            self._free.append(request.slot)
            if request.ended or isinstance(request, Exchange):
                continue
            if isinstance(request, Command) and request.why is not None:
                self._end(request, request.why)
            elif isinstance(request, Command) and (request.replay if replay is None else replay):
                request.tag = 0
                again.append(request)
            else:
                self._end(request, error)
        again.sort(key=lambda command: command.serial)
        self._waiting.extendleft(reversed(again))
        self._requests = [None] * len(self._requests)
        self.credits = self.debits = self._owed = 0
        while self._urgent:
            self._end(self._urgent.popleft(), error)

    def refuse(self, error: Exception) -> None:
        """End requests that wait to be sent, and those submitted from now on, with ``error``."""
        self.refusal = error
        while self._urgent:
            self._end(self._urgent.popleft(), error)
        while self._waiting:
            self._end(self._waiting.popleft(), error)

    def unsent(self, slot: int) -> None:
        """Queue the request of this slot again: its IU has not reached the server, and never will."""
        request = self._requests[slot]
        if request is None:
            return
        self.release(request)
        self.credits += 1
        self.debits -= 1
        if request.ended:
            return
        if isinstance(request, TaskManagement):
            self._urgent.appendleft(request)
        elif isinstance(request, Command) and request.why is not None:
            self._end(request, request.why)
        elif isinstance(request, Command):
            self._waiting.appendleft(request)

    def lend(self, count: int) -> list[int]:
        """Lend up to ``count`` slots to a lane, which sends commands itself while no other request is under way.

        The lane goes on from :attr:`serial` and :attr:`credits`, makes tags as this session does
        (``serial << 16 | slot``), and gives back elements that are not for it. :meth:`settle` ends the loan.
        Raises ValueError if requests are under way, or the session is not logged in.
        """
        if self.stage or self.debits or self._waiting or self._urgent:
            raise ValueError(
                f"other commands are under way, or none can be sent: {self.stage or 'logged in'}"
            )
        take = self._free.popleft
        return [take() for _ in range(min(count, len(self._free) - SPARE_SLOTS))]

    def settle(self, slots: Sequence[int], serial: int, credits: int) -> None:
        """Take back the slots of :meth:`lend`; ``serial`` is the last one used, ``credits`` are those left."""
        self.serial: int = max(self.serial, serial)
        for slot in slots:
            self._free.append(slot)
        if not self.stage:
            self.credits = credits

    def _settle_credit(self, delta: int, request: Request) -> None:
        """Add the credits of an answer.

        An aborted command gets no answer that could return its credit. ibmvstgt and ibmvscsis add the credit
        to the next answer's delta; QEMU never returns it, and relies on ibmvscsi taking it back by itself. So it counts
        as owed until an answer brings more than one credit. If the target answers a request that was sent
        after the abort and brings no more than one, it does as QEMU, and we take the owed credits ourselves.
        """
        if self._owed:
            self._owed -= min(self._owed, max(0, delta - 1))
            if request.serial > self._owed_since:
                delta += self._owed
                self._owed = 0
        self._add_credit(delta)

    def _regain(self, delta: int) -> None:
        """Add credits that the server gives without an answer; they count against owed credits first."""
        self._owed -= min(self._owed, max(0, delta))
        self._add_credit(delta)

    def _add_credit(self, delta: int) -> None:
        if delta < 0:
            self.log.warning("the server takes %d requests back, which LoPAR forbids", -delta)
        self.credits += delta

    def _end(self, request: Request, error: Exception | None) -> None:
        request.ended = True
        request.error = error
        request.deadline = 0.0
        self.ended.append(request)

    def _withdraw(self, request: Command | TaskManagement, error: Exception) -> None:
        """End a request that has not been sent."""
        (self._urgent if isinstance(request, TaskManagement) else self._waiting).remove(request)  # type: ignore[arg-type]
        self._end(request, error)
