"""A client adapter joined to a port: elements received, elements sent, timeouts.

This layer has the bookkeeping of a session. Decisions about its requests are made in the layers above:
:mod:`pysrp.initiator.changed_units`, :mod:`pysrp.initiator.giving_up`, :mod:`pysrp.initiator.driver`.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from pysrp import fabric
from pysrp._fast.commands import Live
from pysrp._fast.turns import Bookkeeping
from pysrp.errors import ConfigError, HcallError, PartnerGone, SrpError, TransportError
from pysrp.fabric import Identity, Port
from pysrp.initiator.requests import TimedOut
from pysrp.initiator.srp_session import SrpSession
from pysrp.initiator.staging import CHUNK, SessionMemory
from pysrp.initiator.units import (
    Pending,
)
from pysrp.papr import ReturnCode
from pysrp.vscsi.client import ClientAdapter, Host
from pysrp.vscsi.client_options import Options
from pysrp.vscsi.client_states import QueueWork, State

__all__ = ["BUSY_WAIT", "FOREVER", "OURS", "TAKEN_BACK", "Turns"]

BUSY_WAIT = 0.1
"""Seconds until a command is tried again that was answered with BUSY or TASK SET FULL."""

CHUNKS = 512, 1 << 20
"""The smallest and the largest size of a chunk of data memory, in bytes."""

TAKEN_BACK = memoryview(b"")
"""Replaces the caller's read buffer in a command that has been given up."""

FOREVER = float("inf")

OURS = SrpError, ValueError
"""Errors that the session's own parts raise only when its bookkeeping is consistent."""


class Turns(Bookkeeping):
    """The lowest layer of a session: adapter, port, and the lists of waiting commands. Arguments as of ``Base``."""

    engine: ClientAdapter
    srp: SrpSession

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
        chunk: int = CHUNK,
        replay: bool = False,
        **connect: Any,
    ) -> None:
        if not 1 <= max_requests <= 0xFFFF - 4:
            raise ValueError(f"max_requests {max_requests}: from 1 to {0xFFFF - 4}")
        if max_transfer < 1:
            raise ValueError(f"max_transfer {max_transfer}: at least 1 byte")
        if not CHUNKS[0] <= chunk <= CHUNKS[1]:
            raise ValueError(f"chunk {chunk}: from {CHUNKS[0]} to {CHUNKS[1]}")
        self.host = host
        self.replay = replay
        self._owns_port = isinstance(port, str)
        if isinstance(port, str) and port.startswith("sg:"):
            raise ConfigError(
                f"{port!r}: there is no target to log in to; pysrp.initiator.connect({port!r}) opens devices of this machine, "
                "in asyncio pysrp.sg.aio.Session"
            )
        self.port: Port = (
            fabric.connect(port, identity=identity, **connect) if isinstance(port, str) else port
        )
        segments = max(1, -(-max_transfer // chunk))
        self._max_transfer = max_transfer
        self._shape = max_requests + 4, segments
        try:
            self._options = options or Options.of(self.port.identity, f"host{host}")
            self.staging: SessionMemory = SessionMemory(self.port, *self._shape, buffers, chunk)
            self._begin()
        except BaseException:
            if self._owns_port:
                self.port.close()
            raise
        self._signals = False
        self._opened = self._closed = self._gone = False
        self._scope: list[Pending] | None = None
        """The list to which commands are added as they are submitted, so that a call that fails can give them up."""
        self._asking = False
        self._inside = False
        """Whether the bookkeeping is being changed. If it is still set at the next call, an exception left it inconsistent."""

    def _begin(self) -> None:
        """Begin with empty bookkeeping: a new engine, and all memory free."""
        slots, segments = self._shape
        own, partner = self.port.identity, self.port.partner
        unit = own.unit_address or (partner.unit_address if partner else 0)
        self.engine = ClientAdapter(
            self.staging.iu_view,
            self.staging.iu_address,
            slots=slots,
            segments=segments,
            name=f"{unit:x}",
            options=self._options,
            serial=secrets.randbits(47),
        )
        self.srp = self.engine.srp
        self._output = self.engine.output
        self.staging.begin()
        self._live: Live = Live()
        self._staged: deque[Pending] = deque()
        self._delayed: deque[tuple[float, Pending]] = deque()
        self._told: deque[Callable[[], None]] = deque()
        self._doubted: dict[bytes, list[Pending]] = {}
        """By LUN: commands that wait until READ CAPACITY has told whether their unit's block size is still the same."""
        self._changed: dict[bytes, int] = {}
        self._epoch = self._login_epoch = self._logins = 0
        self._retry_output = 0.0
        self._retry_action = 0.0

    @property
    def server(self) -> Host | None:
        """The server's adapter info; None before the login."""
        return self.engine.host

    @property
    def connected(self) -> bool:
        """Whether commands can be sent now."""
        return self.engine.state is State.LOGGED_IN

    # Defined by the layers above.

    def recover(self) -> None:
        """Reset the session; see :class:`~pysrp.initiator.giving_up.GivingUp`."""
        raise NotImplementedError  # pragma: no cover: that class has it

    def _abandon(self, pending: Pending, error: Exception) -> bool:
        """End a command that the engine has not got; see :class:`~pysrp.initiator.giving_up.GivingUp`."""
        raise NotImplementedError  # pragma: no cover: that class has it

    def _finish_command(self, pending: Pending) -> None:
        """Finish or retry a command that has ended; see :class:`~pysrp.initiator.changed_units.ChangedUnits`."""
        raise NotImplementedError  # pragma: no cover: that class has it

    # The queue.

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
                # An earlier user of this adapter left the queue registered (kexec, says ibmvscsi).
                self.port.free()
                self.port.register()
            if self._signals:
                self.port.signal(True)
            self.engine.opened(time.monotonic())
            self.flush()

    def _elements(self) -> list[bytes]:
        """The elements that have arrived."""
        try:
            return self.port.poll()
        except ValueError as error:
            self._port_closed(error)
            return []

    def _port_closed(self, error: ValueError) -> None:
        """End the session if the ValueError means that the port was closed; else raise it."""
        if not getattr(self.port, "closed", False):
            raise error
        self.engine.closed(PartnerGone("the port was closed"))

    def _do_queue_work(self, work: QueueWork, now: float) -> None:
        try:
            if work is QueueWork.RESET:
                self.port.free()
                if self.engine.unanswered:
                    self.staging.move(self.engine, self._live)
                    self.engine.unanswered = False
                self.port.register()
                if self._signals:
                    self.port.signal(True)
            else:
                self.port.enable()
        except HcallError as problem:
            pause = problem.retry_after
            if pause is not None:
                self._retry_action = now + max(pause, 0.001)
                return
            if work is QueueWork.ENABLE:
                # A queue that cannot be enabled may still be opened anew.
                self.engine.host_reset(f"{problem}")
                self._retry_action = now + BUSY_WAIT
                return
            self.engine.closed(problem)
            self._finish()
            raise
        self._retry_action = 0.0
        self.engine.opened(now)

    def _send(self, pending: Pending) -> None:
        """Submit a command, perhaps again: its timeout is for all its tries together."""
        if not pending.began:
            pending.began = time.monotonic()
        self.srp.submit(pending, pending.began)

    def _tell(self) -> None:
        """Call the callbacks of requests that have ended. They may use the session, so ``_inside`` is False here."""
        while self._told:
            self._told.popleft()()

    # Commands that wait for data memory.

    def _stage(self, pending: Pending) -> None:
        """Let a command wait for data memory, until its timeout."""
        if not pending.began:
            pending.began = time.monotonic()
        if pending.timeout:
            pending.deadline = pending.began + pending.timeout
            self.srp.note(pending.deadline)
        self._staged.append(pending)

    def _end_late(self, now: float) -> None:
        """End commands whose timeout passed while they waited for data memory."""
        for pending in list(self._staged):
            if not pending.deadline:
                continue
            if pending.deadline <= now:
                text = f"not sent within {pending.timeout:g} s: others have all of the session's data memory"
                self._abandon(pending, TimedOut(text))
            else:
                self.srp.note(pending.deadline)

    def _reset(self) -> None:
        """Begin a host reset; :meth:`_work` carries it out."""
        self._ready()
        self._inside = True
        self.engine.host_reset()
        self._inside = False

    @property
    def _is_heard(self) -> bool:
        """Whether requests are under way that a connected target may still answer."""
        return bool(self._live) and self.connected and self.port.connected

    def _not_open(self) -> TransportError:
        """The error of a call on a session that is not open."""
        if self._closed:
            return PartnerGone("the session is closed")
        return TransportError(
            "the session is not connected: call connect() first, or use it in a with statement"
        )

    def _not_logged_in(self, timeout: float) -> str:
        """The message of a login that reached its timeout."""
        state = self.engine.state
        text = f"not logged in within {timeout:g} s: {state.value}"
        if state is State.WAIT_PARTNER:
            text += (
                "; the server has not opened its queue: its target may be disabled, as that of a pysrp serve is which exports"
                " nothing, or it has turned this client away, and its log says why"
            )
        return text
