"""The server's end of a command/response queue: elements received, elements to send, and the calls that close the queue."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from pysrp import crq
from pysrp._fast.lane import EMPTY, LATE, OTHER, UNTOLD, Lane
from pysrp.errors import HcallError, PartnerGone, TransportError
from pysrp.loglimit import limit
from pysrp.target.srp_session import Arrivals, Channel
from pysrp.vscsi.gathered import FetchedIus, GatheringPort, Unwrittens
from pysrp.vscsi.server_states import Event

__all__ = ["CrqPort", "ServerQueue"]

log: logging.Logger = limit(logging.getLogger("pysrp.target"))

BATCH = 256
BACKLOG = 4096

LANE_MEMORY = 1.0
"""Seconds without a command in the lane after which it gives back the memory that it keeps for commands."""


class CrqPort(GatheringPort, Protocol):
    """The part of :class:`pysrp.fabric.Port` that a server adapter uses."""

    identity: Any
    queue_size: int

    @property
    def partner(self) -> Any:
        """The other end's identity."""

    @property
    def connected(self) -> bool:
        """Whether both queues are open."""

    def register(self) -> bool:
        """H_REG_CRQ."""

    def free(self) -> None:
        """H_FREE_CRQ."""

    def enable(self) -> None:
        """H_ENABLE_CRQ."""

    def poll(self, max: int, /) -> list[bytes]:
        """Take elements."""

    def wake(self) -> None:
        """Make the owner call :meth:`ServerAdapter.process`."""

    def native(self) -> NativeLink | None:
        """See :meth:`pysrp.fabric.Port.native`."""


class NativeLink(Protocol):
    """A link for the native lane (``native.h``), and the elements that it leaves to the engine."""

    @property
    def capsule(self) -> object:
        """The capsule with the link's table of C functions."""

    @property
    def signalled(self) -> bool:
        """Whether the owner waits for the port's descriptor: then :meth:`CrqPort.poll` must find the queue empty to re-arm it."""

    def next(self) -> bytes | None:
        """The next element."""

    def unsent(self) -> bytes:
        """The element of an answer for which the client's queue had no room."""

    def clear(self) -> None:
        """Drop the elements that have been taken from the queue and not processed."""

    def event_ahead(self) -> bool:
        """Whether a transport event is among these elements."""


class ServerQueue:
    """Elements of one port in both directions. If there is a ``lane``, it takes them first and does plain READs and WRITEs."""

    def __init__(self, port: CrqPort, name: str, *, fast: bool) -> None:
        self.port = port
        self.name = name
        self.link: NativeLink | None = port.native() if fast and hasattr(port, "native") else None
        """The native link, which takes elements in memory of this process, for the lane; None if there is none."""
        self.lane: Lane | None = None if self.link is None else Lane(self.link.capsule)
        self.arrivals: Lane | Arrivals = self.lane or Arrivals()
        self.out: deque[tuple[bytes, Channel | None]] = deque()
        """Elements that wait for the next :meth:`flush`, or for room in the client's queue."""
        self.send: Callable[[Any], None] = self.out.append
        """Queue an element to be sent: a tuple of the element, and the channel whose answer it announces, or None."""
        self.unwritten: Unwrittens | None = Unwrittens(port) if port.gathers else None
        """Answers of elements in ``out`` that will be written when these are sent."""
        self.ius: FetchedIus | None = FetchedIus(port) if port.gathers else None
        self.backlog: bool = False
        """Whether the client's queue is full."""
        self.held: list[bytes] | None = None
        """Elements that came while the client is suspended; None while it is not."""
        self.batch: list[bytes] = []
        """Elements taken from the queue that wait to be processed, in reverse order."""
        self.calling: Callable[[], None] | None = None
        """A hypervisor call that has to be repeated."""
        self.now: float = 0.0
        self.due: float = 0.0
        """When to repeat that call, or to try to send again."""
        self._pause = 0.0
        self._total, self._forget = 0, 0.0
        """For :meth:`rest`: how many commands the lane had answered at the last check, and when it may give memory back."""

    # To the client.

    def flush(self) -> Event | None:
        """Send the elements that wait, as far as the client's queue has room; returns an event if the connection is over."""
        out = self.out
        while out and self.held is None:
            try:
                sent = self._send()
            except PartnerGone:
                self.clear()
                return Event.CLIENT_GONE
            except HcallError as error:
                log.error("%s: %s", self.name, error)
                self.clear()
                return Event.VIOLATION
            if not sent:
                # H_DROPPED: the answers are written, only the elements wait. The pause between tries is doubled, up to
                # a second.
                if not self.backlog or self.now >= self.due:
                    self._pause = min(2 * self._pause, 1.0) if self.backlog else 0.001
                    self.due = self.now + self._pause
                    self.backlog = True
                return None
            for _ in range(sent):
                _, channel = out.popleft()
                if channel is not None:
                    channel.sent()
        self.backlog = False
        return None

    def _send(self) -> int:
        if self.unwritten:
            return self.unwritten.send(self.out)
        return self.port.send_many([raw for raw, _ in self.out])

    def waiting(self, channel: Channel) -> int:
        """Number of answers of a channel that wait to be sent."""
        return sum(each is channel for _, each in self.out)

    def clear(self) -> None:
        """Drop elements that wait to be sent, and those that were held back."""
        self.out.clear()
        if self.unwritten is not None:
            self.unwritten.clear()
        self.backlog = False
        self.held = None

    # From the client.

    def next(self, channel: Channel | None, fast: bool) -> bytes | None:
        """The next element when :attr:`batch` is empty; None if there is none now, ``b""`` if the caller should do other
        work first and call again.

        ``channel`` is the one that is logged in; ``fast`` whether the lane may do its plain commands.
        """
        lane, link = self.lane, self.link
        if lane is None or link is None:
            if channel is not None:
                self.arrivals.before, self.arrivals.seen = channel.outstanding, 0
            return self._poll()
        if channel is None:
            said = lane.next(False, 0, 0)
        else:
            fast = fast and not self.backlog and self.held is None and not channel.owed
            said = lane.next(fast, channel.outstanding, channel.allowed)
        if said == OTHER:
            return link.next()
        if said == EMPTY:
            # epoll re-arms only after a poll that finds nothing.
            return self._poll() if link.signalled else None
        if said == UNTOLD:
            assert channel
            channel.outstanding += 1
            self.send((link.unsent(), channel))
        elif said == LATE:
            # late() tells the engine's waiters of requests that have ended on the media, and returns the lane's requests
            # that need the engine: the session makes tasks of them.
            assert channel
            for each in lane.late():
                channel.session.adopt(channel, each)
        return b""

    def rest(self) -> float | None:
        """Called when there is nothing to do: let an idle lane give back memory. Returns when to call again, or None."""
        lane = self.lane
        if lane is None or not lane.kept:
            return None
        if lane.total != self._total:
            self._total, self._forget = lane.total, self.now + LANE_MEMORY
        elif self.now >= self._forget:
            lane.give_back()  # except that of requests under way, which is given back after they have ended
            return None
        return self._forget

    def unbind(self) -> None:
        """The session has ended: the lane gets no grants any more."""
        if self.lane is not None:
            self.lane.bind(())

    def retire(self) -> None:
        """Release memory before the port is closed."""
        self.clear()
        if self.ius is not None:
            self.ius.retire()

    def _poll(self) -> bytes | None:
        self.batch = self.port.poll(BATCH)
        if self.ius is not None:
            self.ius.expect(self.batch)
        self.batch.reverse()
        return self.batch.pop() if self.batch else None

    def hold(self) -> None:
        """From now on keep elements that arrive, and elements to be sent."""
        self.held = []

    def let_go(self) -> None:
        """Process and send the elements that were kept."""
        held, self.held = self.held or [], None
        self.batch.extend(reversed(held))

    def discard(self) -> None:
        """Drop the elements that have been taken from the queue, as their connection is over."""
        self.batch.clear()
        if self.ius is not None:
            self.ius.forget()
        if self.link is not None:
            self.link.clear()

    def event_ahead(self) -> bool:
        """Whether a transport event waits among the elements taken from the queue, so that the current connection is over."""
        return any(raw[0] == crq.Valid.TRANSPORT_EVENT for raw in self.batch) or (
            self.link is not None and self.link.event_ahead()
        )

    # Hypervisor calls that end the connection, and may have to be repeated.

    def begin(self, call: Callable[[], None]) -> Event | None:
        """Send the answers that wait, drop all other elements of the connection, and make a call; returns as :meth:`call`."""
        if self.out:
            with contextlib.suppress(TransportError):
                self._send()
        self.clear()
        self.discard()
        self.calling = call
        return self.call()

    def call(self) -> Event | None:
        """Make the call of :meth:`begin` again. Returns DONE, FAILED, or None if it has to be repeated."""
        assert self.calling
        event = Event.DONE
        try:
            self.calling()
        except HcallError as error:
            again = error.retry_after
            if again is not None:
                self.due = self.now + again
                return None
            log.error("%s: %s", self.name, error)
            event = Event.FAILED
        except ValueError:
            log.debug("%s: the port is closed", self.name)
        self.calling = None
        return event
