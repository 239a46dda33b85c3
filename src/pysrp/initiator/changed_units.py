"""Commands that end, are retried, or wait until READ CAPACITY has told the block size of a changed unit.

When a unit reports a change, reads and writes are sent (again) only if READ CAPACITY says that its block size is still
the one that they were made for.
"""

from __future__ import annotations

import time
from functools import partial
from typing import cast

from pysrp.errors import SrpError
from pysrp.initiator.outcomes import SUCCESS, tells_of_change
from pysrp.initiator.turns import BUSY_WAIT, OURS, TAKEN_BACK, Turns
from pysrp.initiator.units import (
    SHORT_TIMEOUT,
    Capacity,
    Commander,
    Pending,
    Steps,
    ask_capacity,
    block_size_changed,
)
from pysrp.lun import Lun
from pysrp.scsi.codes import Status

__all__ = ["ChangedUnits"]


class ChangedUnits(Turns):
    """A session that does not write the blocks of one unit to another."""

    def changed(self, lun: Lun) -> int:
        """The epoch in which a unit last reported a change, or the session logged in again.

        The answer of a command from an earlier epoch (:attr:`Pending.epoch`) may be out of date.
        """
        return max(self._changed.get(bytes(lun), 0), self._login_epoch)

    def _finish_command(self, pending: Pending) -> None:
        status = pending.status
        if pending.abandoned is not None and status is not None:
            # The answer came before the abort: no retry, and no success if the caller's read buffer was taken back.
            if pending.into is TAKEN_BACK or (status and pending.retries and pending.worth_retrying()):
                pending.error, pending.status = pending.abandoned, None
            pending.retries = 0
            status = pending.status
        changed = status == Status.CHECK_CONDITION and self._heard(pending)
        if status and pending.retries and pending.worth_retrying() and self._has_time(pending):
            pending.retries -= 1
            pending.tag = 0
            pending.ended = False
            pending.status = None
            pending.sense = b""
            pending.residual = pending.overflow = 0
            pending.aborting = pending.why = None
            pending.epoch = self._epoch
            if changed and pending.block_size:
                self._doubt(pending)
            elif status in (Status.BUSY, Status.TASK_SET_FULL):
                self._delayed.append((time.monotonic() + BUSY_WAIT, pending))
            else:
                self._send(pending)
                self._flush()
            return
        if (
            pending.epoch != self._epoch
            and pending.block_size
            and status in SUCCESS
            and pending.epoch < self.changed(pending.lun)
        ):
            # Sent before the unit reported a change, so perhaps carried out after the change.
            self._doubt(pending)
            return
        if pending.chunks:
            self.staging.give_back(pending)
        pending.out = pending.into = None
        pending.done = True
        if pending.waiter is not None:
            self._told.append(partial(pending.waiter, pending))
        self._live.discard(pending)

    @staticmethod
    def _has_time(pending: Pending) -> bool:
        """Whether the timeout leaves time for another try, which begins after :data:`BUSY_WAIT` at the latest."""
        return not pending.timeout or time.monotonic() + BUSY_WAIT < pending.began + pending.timeout

    # Units that have changed.

    def _heard(self, pending: Pending) -> bool:
        """Whether an answer says that its unit has changed. If so, a new epoch begins, so its known capacity is out of date."""
        if not tells_of_change(pending.sense):
            return False
        self._epoch += 1
        self._changed[bytes(pending.lun)] = self._epoch
        return True

    def _doubt(self, pending: Pending) -> None:
        """Let a command wait until READ CAPACITY has told whether its unit still has the block size that it was made for.

        Reads and writes of the same unit that have not been sent wait with it.
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
                elif not self.srp.take_back(other):
                    continue
                doubted.append(other)
        patience = max(min(each.timeout or SHORT_TIMEOUT, SHORT_TIMEOUT) for each in doubted)
        self._told.append(
            partial(
                self._ask_again, key, ask_capacity(cast("Commander", self), pending.lun, timeout=patience)
            )
        )

    def _ask_again(self, key: bytes, steps: Steps[tuple[Capacity, int]], _: Pending | None = None) -> None:
        """Send the next command of READ CAPACITY, or use its result."""
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
        """Send the waiting commands that were made for blocks of ``size`` bytes, end the others."""
        if self._inside:
            self.recover()
            return
        self._inside = True
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
                self._send(pending)
            else:
                self._stage(pending)
        try:
            self._finish()
            self._flush()
        except OURS:
            self._inside = False
            raise
        self._inside = False
