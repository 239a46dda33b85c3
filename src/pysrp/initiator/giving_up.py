"""Ending commands whose caller does not wait for them any more.

When a call that has submitted commands ends early (an error, a timeout, a cancelled task, Ctrl-C),
:meth:`GivingUp.give_up` drops the references to the caller's buffers and aborts the commands. Their DMA memory is used
again when the target has answered, or cannot reach it any more. A signal handler may raise in the middle of the
bookkeeping itself. The next call sees that by ``_inside`` and calls :meth:`GivingUp.recover`: the connection is reset,
and every command that was under way ends with PartnerGone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from pysrp.errors import HcallError, PartnerGone, SrpError
from pysrp.initiator.changed_units import ChangedUnits
from pysrp.initiator.requests import Aborted, Command
from pysrp.initiator.turns import OURS, TAKEN_BACK
from pysrp.initiator.units import (
    Pending,
)
from pysrp.vscsi.client_states import State

__all__ = ["GivingUp"]


class GivingUp(ChangedUnits):
    """The layer of a session that ends commands early, and recovers after an exception in its bookkeeping."""

    def give_up(self, commands: Iterable[Pending], error: SrpError | None = None) -> None:
        """End commands that no caller waits for any more, and drop the references to their buffers.

        Commands that have not been sent are not sent. Those that the target has are aborted, within the options'
        ``give_up`` seconds. They end with ``error`` (:class:`~pysrp.initiator.requests.Aborted` by default), unless the
        answer arrives first.
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
                self.srp.give_up(pending, now, error)
        try:
            self._flush()
            self._finish()
        except OURS:
            pass  # a fault of the connection, which the next call will see
        self._inside = False
        self._tell()

    def _abandon(self, pending: Pending, error: Exception) -> bool:
        """End a command that the engine has not got: one that waits for memory, for READ CAPACITY, or for a retry.

        False if the engine has it.
        """
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
        """Begin again with empty bookkeeping, after an exception has left it inconsistent.

        Every command that was under way ends with PartnerGone; the connection is reset and goes on in other memory.
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
        """Close the queue, and the port if it is ours. If an exception interrupts this, calling it again does the rest."""
        if self._gone and not self._opened:
            return
        if self._inside:
            self.recover()
        self._closed = self._inside = True
        self.engine.closed()
        for request in list(self._live):
            if isinstance(request, Pending):
                self._abandon(request, PartnerGone("the session was closed"))
        self._finish()
        self._inside = False
        try:
            if self._opened:
                try:
                    self._free_port()
                except SrpError:
                    self._opened = False
                    raise
                self._opened = False
        finally:
            self.staging.free()
            if self._owns_port:
                self.port.close()
            self._gone = True
            self._tell()

    def _free_port(self) -> None:
        for _ in range(100):
            try:
                self.port.free()
                return
            except HcallError as problem:
                if problem.retry_after is None:
                    raise
            except ValueError:
                return  # closed by its owner already

    def _give_up_all(self) -> None:
        """Abort all commands under way, before the session is closed."""
        commands = [request for request in self._live if isinstance(request, Pending)]
        self.give_up(commands, PartnerGone("the session was closed"))

    def _check_own(self, command: Command) -> None:
        """Raise ValueError for a command of another session, whose tag would name another one here; TypeError for no command."""
        if not isinstance(command, Command):
            raise TypeError(f"{type(command).__name__} in place of a command")
        if isinstance(command, Pending) and command.session is not self:
            raise ValueError("the command is another session's")

    def _end_unsent(self, pending: Pending) -> bool:
        """End a command if it has not been sent. True if it has ended, now or before; False if the target has it."""
        self._check_own(pending)
        if self._inside:
            self.recover()
        if pending.done:
            return True
        self._inside = True
        if not self._abandon(pending, Aborted("the command was aborted before it was sent")):
            if pending.tag:
                self._inside = False
                return False
            self.srp.abort(pending, time.monotonic())
        self._finish()
        self._inside = False
        self._tell()
        return True
