"""The requests of one client: who has which slot and tag, what credit there is, what waits for it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

from pysrp._fast.commands import SPARE_SLOTS, RequestSlots, Slots
from pysrp.initiator.requests import Command, Exchange, Request, TaskManagement

__all__ = ["RequestTable"]


class RequestTable(RequestSlots):
    """Up to ``slots`` requests that the server has, and any number that it has not got yet.

    Tags go on from ``serial``, below 1 << 48. The lower 16 bits of a tag are the slot.
    """

    credits: int
    debits: int

    def __init__(self, slots: int, serial: int, log: logging.LoggerAdapter[logging.Logger]) -> None:
        if not SPARE_SLOTS < slots < 1 << 16:
            raise ValueError(f"{slots} slots: {SPARE_SLOTS + 1} to 65535 are possible")
        self.log = log
        self.stage = "the connection is not open"
        """What is being waited for before commands can be sent; empty: they can."""
        self.refusal: Exception | None = None
        """Why requests end at once, if they do."""
        self.hopeless = ""
        """Why the connection has to be reset, if it has to."""
        self.ended: list[Request] = []
        """Requests that have ended since the driver last emptied this list."""
        self.credits = 0
        self.debits = 0
        """Commands and task management functions that the server has and has not answered."""
        self.next_deadline = float("inf")
        """When the session's ``tick`` is wanted at the latest."""
        self.serial = serial
        """Of the last request sent; the upper bits of its tag."""
        self._requests: list[Request | None] = [None] * slots
        self._free: Slots = Slots(slots)
        self._waiting: deque[Command] = deque()
        self._urgent: deque[TaskManagement] = deque()
        self._owed = 0
        self._owed_since = 0

    @property
    def pending(self) -> int:
        """Commands and task management functions that have not ended."""
        sent = sum(
            request is not None and not request.ended and not isinstance(request, Exchange)
            for request in self._requests
        )
        return sent + len(self._waiting) + len(self._urgent)

    @property
    def awaited(self) -> bool:
        """Whether there is an IU that the server may still answer, into memory that it was given."""
        return any(request is not None for request in self._requests)

    def note(self, deadline: float) -> None:
        """:meth:`tick` is wanted at that time, or before it."""
        if deadline < self.next_deadline:
            self.next_deadline: float = deadline

    def _take_slot(self, request: Request) -> None:
        """A free slot and a tag that says which: the serial number above 16 bits of slot."""
        slot = self._free.popleft()
        self.serial += 1
        request.serial = self.serial
        request.slot = slot
        request.tag = self.serial << 16 | slot
        self._requests[slot] = request

    def release(self, request: Request) -> None:
        """The slot of a request is free, if it has it."""
        if self._requests[request.slot] is request:
            self._requests[request.slot] = None
            self._free.append(request.slot)
        request.tag = 0

    def lost(self, error: Exception, replay: bool | None = None) -> None:
        """The server has forgotten all it had, which ends with ``error``, or waits to be sent again.

        ``replay``: whether commands do; None: those that say so. Functions never do: what was to be managed is gone.
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
        """End what waits to be sent, and what is submitted from now on."""
        self.refusal = error
        while self._urgent:
            self._end(self._urgent.popleft(), error)
        while self._waiting:
            self._end(self._waiting.popleft(), error)

    def unsent(self, slot: int) -> None:
        """What was sent from this slot has not arrived, nor will it: it waits again."""
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
        """Up to ``count`` slots for a driver that sends commands itself, while nothing else is under way.

        The driver counts on from :attr:`serial` and :attr:`credits`, gives each tag as this session would
        (``serial << 16 | slot``), hands in what is not for it, and ends with :meth:`settle`.
        Raises ValueError if something is under way, or nobody is logged in.
        """
        if self.stage or self.debits or self._waiting or self._urgent:
            raise ValueError(
                f"other commands are under way, or none can be sent: {self.stage or 'logged in'}"
            )
        take = self._free.popleft
        return [take() for _ in range(min(count, len(self._free) - SPARE_SLOTS))]

    def settle(self, slots: Sequence[int], serial: int, credits: int) -> None:
        """Take back what :meth:`lend` gave; ``serial`` is the last one used, ``credits`` what is left."""
        self.serial: int = max(self.serial, serial)
        for slot in slots:
            self._free.append(slot)
        if not self.stage:
            self.credits = credits

    def _settle_credit(self, delta: int, request: Request) -> None:
        """Add what an answer gives back.

        The credit of an aborted command has no answer to come back with. ibmvstgt and ibmvscsis add it
        to the next answer's delta, QEMU never does and counts on ibmvscsi taking it. So it is owed, until
        either an answer gives more than one, or the target has answered a request that was sent after
        the abort and gave no more: then it keeps no account of it.
        """
        if self._owed:
            self._owed -= min(self._owed, max(0, delta - 1))
            if request.serial > self._owed_since:
                delta += self._owed
                self._owed = 0
        self._add_credit(delta)

    def _regain(self, delta: int) -> None:
        """Add what the server gives without an answer: first what is owed."""
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
