import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, final

from pysrp._fast.aio_promise import Alarm
from pysrp._fast.commands import Pending, Starter
from pysrp._fast.queue import ClientLane

from pysrp.fabric import Port
from pysrp.initiator.srp_session import SrpSession
from pysrp.initiator.staging import SessionMemory
from pysrp.lun import Lun
from pysrp.vscsi.client import ClientAdapter

SEND_BATCH: int
"""Elements that are collected and then sent together."""

LONGEST_SLEEP: float
"""Seconds of one wait of a port at most, as a signal just before the system call does not end the wait."""

QUEUE_FULL_WAIT: float
"""Seconds until sending is tried again when the partner's queue was full."""

def roster_of(loop: asyncio.AbstractEventLoop) -> Roster:
    """The roster of an event loop. It is made for the first session that asks."""

@final
class Roster:
    """The sessions of an event loop, which watches one descriptor for all of them and makes one call for a round."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    @property
    def alarm(self) -> Alarm: ...
    def __new__(cls, loop: asyncio.AbstractEventLoop) -> Roster: ...
    def join(self, session: Bookkeeping, fd: int) -> None:
        """Serve a session: call its ``_readable`` when ``fd``, its port's descriptor, is readable. Raises OSError."""
    def leave(self, session: Bookkeeping, fd: int) -> None:
        """The opposite of :meth:`join`. Does nothing if the session has not joined."""
    def heard(self) -> None: ...
    def look(self) -> None: ...
    def send(self) -> None: ...

class Bookkeeping(Starter):
    engine: ClientAdapter
    port: Port
    srp: SrpSession
    staging: SessionMemory
    _inside: bool
    _asking: bool
    _opened: bool
    _closed: bool
    _gone: bool
    _signals: bool
    _staying: bool
    _looped: bool
    _flushing: bool
    _scope: list[Pending] | None
    _staged: deque[Pending]
    _delayed: deque[tuple[float, Pending]]
    _told: deque[Callable[[], None]]
    _output: list[bytes]
    _watchers: list[asyncio.Future[None]]
    _lane: ClientLane | None
    """The lane that uses the port, the slots and the data memory while a workload runs."""
    @property
    def _roster(self) -> Roster | None:
        """The roster of the session's event loop, in asyncio."""
    _login_epoch: int
    _logins: int
    _max_transfer: int
    _retry_output: float
    _retry_action: float
    _timer_at: float
    @property
    def max_transfer(self) -> int: ...
    def submit(
        self,
        lun: Lun,
        cdb: bytes,
        *,
        data_out: Any = None,
        data_in_length: int = 0,
        into: memoryview | None = None,
        timeout: float = ...,
        retries: int = 0,
        block_size: int = 0,
        replay: bool = False,
        attribute: int = ...,
    ) -> Pending: ...
    _alarm: Alarm
    def awaited(self, pending: Pending) -> Awaitable[None]:
        """An awaitable, for one use, that ends when a command is done. For asyncio.

        If the task is cancelled or closed, the command is given up. PartnerGone when the session is closed,
        TransportError when it has not been connected.
        """
    def _promise(self, pending: Pending) -> Awaitable[None]: ...
    def flush(self) -> None:
        """Send what :meth:`submit` has collected."""
    def complete(self, pending: Pending) -> None: ...
    def _work(self) -> None: ...
    def _turn(self, elements: list[bytes]) -> None: ...
    def _pause(self) -> float: ...
    def _ready(self) -> None: ...
    def _once(self, limit: float) -> None: ...
    def _flush(self) -> None: ...
    def _finish(self) -> None: ...
