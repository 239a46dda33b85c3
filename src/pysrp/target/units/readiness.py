"""TEST UNIT READY and REQUEST SENSE: whether the unit is ready, and if not, why."""

from __future__ import annotations

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import SenseKey
from pysrp.target.effects import GOOD, Effect, Reply
from pysrp.target.fault import Fault
from pysrp.target.task import Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import SenseCode
from pysrp.target.units.commands import Conflict, command

__all__ = ["ReadinessCommands"]


class ReadinessCommands(UnitBase):
    """TEST UNIT READY, REQUEST SENSE."""

    @command(cdbs.TestUnitReady, medium=True, conflicts=Conflict.RESERVE)
    def test_unit_ready(self, task: Task, cdb: cdbs.TestUnitReady) -> Effect:
        """TEST UNIT READY. Other reasons for NOT READY have been checked before (:meth:`UnitBase.execute`)."""
        why = self._unready()
        if why is not None:
            raise Fault(SenseKey.NOT_READY, why)
        return GOOD

    @command(cdbs.RequestSense, reports_attention=False, conflicts=Conflict.NEVER)
    def request_sense(self, task: Task, cdb: cdbs.RequestSense) -> Effect:
        """REQUEST SENSE: a pending unit attention, a deferred error, the progress of a job, why the unit is not ready, the damage
        of its medium, or its power condition.

        A unit attention is cleared when its report arrives (SAM-5, 5.14; SPC-4, 6.39), not by a command that fails or
        has no room for it. The sense data of other commands came with their status and is not kept.
        """
        with self._changing(task.nexus):
            fault = self._tell_attention(task) or self._tell_deferred(task)
            if fault is None:
                fault = self._state()
        lost, task.lost = task.lost, None
        return Reply(fault.data(bool(cdb.desc)), cdb.allocation_length, lost=lost)

    def _state(self) -> Fault:
        if self._job is not None:
            return self._job.fault()
        why = self._unready()
        if why is not None:
            return Fault(SenseKey.NOT_READY, why)
        if self._damage is not None:
            return Fault(SenseKey.MEDIUM_ERROR, self._damage)
        return Fault(SenseKey.NO_SENSE, self._low_power or SenseCode.NONE)
