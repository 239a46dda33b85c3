"""The server's end of a command/response queue: what comes out of it, what waits to go in, and the calls that end it."""

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
"""Seconds without a command in the lane after which it keeps no memory for the next ones."""


class CrqPort(GatheringPort, Protocol):
    """What is needed of a :class:`pysrp.fabric.CrqPort`."""

    identity: Any
    queue_size: int

    @property
    def partner(self) -> Any:
        """The other end."""

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
        """See :meth:`pysrp.fabric.CrqPort.native`."""


class NativeLink(Protocol):
    """A link for the native lane (``native.h``), and the elements that it leaves to the engine."""

    @property
    def capsule(self) -> object:
        """The table of functions."""

    @property
    def signalled(self) -> bool:
        """Whether somebody watches the port's descriptor: then :meth:`CrqPort.poll` has to see the queue empty."""

    def next(self) -> bytes | None:
        """The next element."""

    def unsent(self) -> bytes:
        """The element of an answer that found no room."""

    def clear(self) -> None:
        """Throw away what has been taken."""

    def event_ahead(self) -> bool:
        """Whether a transport event is among that."""


class ServerQueue:
    """Elements of one port, both ways. ``lane`` does plain READs and WRITEs on the way, where there is one."""

    def __init__(self, port: CrqPort, name: str, *, fast: bool) -> None:
        self.port = port
        self.name = name
        self.link: NativeLink | None = port.native() if fast and hasattr(port, "native") else None
        """What takes the elements where they lie in memory of this process, and the lane that it feeds."""
        self.lane: Lane | None = None if self.link is None else Lane(self.link.capsule)
        self.arrivals: Lane | Arrivals = self.lane or Arrivals()
        self.out: deque[tuple[bytes, Channel | None]] = deque()
        """What goes with the next :meth:`flush`, or waits for room in the client's queue."""
        self.send: Callable[[Any], None] = self.out.append
        """Send an element; beside it is the channel whose answer it announces, if it does."""
        self.unwritten: Unwrittens | None = Unwrittens(port) if port.gathers else None
        """The answers of some of these."""
        self.ius: FetchedIus | None = FetchedIus(port) if port.gathers else None
        self.backlog: bool = False
        """Whether the client's queue is full."""
        self.held: list[bytes] | None = None
        """What came while the client is suspended."""
        self.batch: list[bytes] = []
        """What has been taken from the queue and waits, the next element last."""
        self.calling: Callable[[], None] | None = None
        """A hypervisor call that has to be repeated."""
        self.now: float = 0.0
        self.due: float = 0.0
        """When to repeat that, or to try to send again."""
        self._pause = 0.0
        self._total, self._forget = 0, 0.0
        """Commands that the lane had answered when this was last looked at, and when it may give memory back."""

    # To the client.

    def flush(self) -> Event | None:
        """Send what waits, as far as the client's queue has room; what became of the connection."""
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
                # H_DROPPED: the answers are written, only the elements wait. A client that takes nothing
                # for a while is tried ever more rarely.
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
        """Answers of a channel that wait to be sent."""
        return sum(each is channel for _, each in self.out)

    def clear(self) -> None:
        """Forget what waits to be sent, and what was held back."""
        self.out.clear()
        if self.unwritten is not None:
            self.unwritten.clear()
        self.backlog = False
        self.held = None

    # From the client.

    def next(self, channel: Channel | None, fast: bool) -> bytes | None:
        """The next element when :attr:`batch` is empty; None if there is none now, nothing if something else should be
        done first.

        ``channel`` is the one that is logged in; ``fast`` whether its plain commands may be done on the way.
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
            # What is over on the media is told to who waits for it: the session, of what the lane has begun for it.
            assert channel
            for each in lane.late():
                channel.session.adopt(channel, each)
        return b""

    def rest(self) -> float | None:
        """There is nothing to do: when there is something all the same, None: never. The lane gives back what it keeps."""
        lane = self.lane
        if lane is None or not lane.kept:
            return None
        if lane.total != self._total:
            self._total, self._forget = lane.total, self.now + LANE_MEMORY
        elif self.now >= self._forget:
            lane.give_back()  # not what is under way: that is looked at again when it is over
            return None
        return self._forget

    def unbind(self) -> None:
        """There is no session any more that plain commands could be done for."""
        if self.lane is not None:
            self.lane.bind(())

    def retire(self) -> None:
        """The port is about to be closed."""
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
        """Keep what arrives, and what is to be sent."""
        self.held = []

    def let_go(self) -> None:
        """Go on with it."""
        held, self.held = self.held or [], None
        self.batch.extend(reversed(held))

    def discard(self) -> None:
        """What has been taken from the queue belongs to a connection that is over."""
        self.batch.clear()
        if self.ius is not None:
            self.ius.forget()
        if self.link is not None:
            self.link.clear()

    def event_ahead(self) -> bool:
        """Whether a transport event has been taken from the queue: what follows it is another connection."""
        return any(raw[0] == crq.Valid.TRANSPORT_EVENT for raw in self.batch) or (
            self.link is not None and self.link.event_ahead()
        )

    # Hypervisor calls that end the connection, and may have to be repeated.

    def begin(self, call: Callable[[], None]) -> Event | None:
        """Make such a call: what belonged to the connection is void, once answers are sent. As :meth:`call`."""
        if self.out:
            with contextlib.suppress(TransportError):
                self._send()
        self.clear()
        self.discard()
        self.calling = call
        return self.call()

    def call(self) -> Event | None:
        """Make it again; DONE, FAILED, or None if it has to be repeated."""
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
