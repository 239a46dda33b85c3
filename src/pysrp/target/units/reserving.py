"""RESERVE and RELEASE (SPC-2, 7.21 and 7.17)."""

from __future__ import annotations

from typing import Any

from pysrp.errors import Busy
from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import Status
from pysrp.target.effects import GOOD, Effect
from pysrp.target.task import Nexus, Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.commands import Conflict, command
from pysrp.target.units.reservations import conflict

__all__ = ["ReservationCommands"]


class ReservationCommands(UnitBase):
    """RESERVE and RELEASE: the unit as a whole, for the nexus itself."""

    @property
    def reserved_by(self) -> Nexus | None:
        """The nexus that holds the unit with RESERVE (SPC-2), or None."""
        return self._reservation.holder

    @command(cdbs.Reserve6, refuses=["third_party", "extent_bit"])
    @command(cdbs.Reserve10, refuses=["third_party", "longid", "extent_bit"])
    def reserve(self, task: Task, cdb: Any) -> Effect:
        """RESERVE(6) and (10). Raises ReservationConflict if another nexus holds the unit, Busy while a persistent reservation
        is changing.
        """
        with self._changing():
            if self._registering.locked():
                raise Busy("a persistent reservation is changing", status=Status.BUSY)
            if self._is_persistent(task.nexus):
                return GOOD
            if self._reservation.closes(task.nexus):
                raise conflict()
            if task.nexus in self._nexuses:
                self._reservation.holder = task.nexus
        return GOOD

    @command(cdbs.Release6, conflicts=Conflict.NEVER, refuses=["third_party", "extent_bit"])
    @command(cdbs.Release10, conflicts=Conflict.NEVER, refuses=["third_party", "longid", "extent_bit"])
    def release(self, task: Task, cdb: Any) -> Effect:
        """RELEASE(6) and (10): GOOD, without effect, for a nexus that does not hold the unit."""
        with self._changing():
            if not self._is_persistent(task.nexus):
                self._reservation.left(task.nexus)
        return GOOD

    def _is_persistent(self, nexus: Nexus) -> bool:
        """Whether there are persistent registrations and the command so has no effect, but ends GOOD (CRH; SPC-5, 5.14.3).

        Raises ReservationConflict if they do not permit all commands of this nexus. With the lock.
        """
        state = self._persistent
        if not state.keys:
            return False
        if not state.passes(nexus):
            raise conflict()
        return True
