"""START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL (SBC-4, 5.31; SPC-4, 6.19)."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import LogPage, PowerCondition, SenseKey
from pysrp.target.effects import GOOD, Effect, Flush
from pysrp.target.fault import Fault
from pysrp.target.task import Nexus, Task
from pysrp.target.units.blocks import BlockUnit, LogPages, in_binary
from pysrp.target.units.codes import Attention, SenseCode, invalid
from pysrp.target.units.commands import LONG, Conflict, command

__all__ = ["StopCommands"]

log: logging.Logger = logging.getLogger("pysrp.target")

ACCUMULATED_CYCLES = 0x0004
"""Accumulated start-stop cycles, the only parameter: the dates and the lifetime are not known (SPC-4, 7.3.17)."""


CONDITIONS: dict[int, SenseCode | None] = {
    PowerCondition.ACTIVE: None,
    PowerCondition.IDLE: SenseCode.IDLE_BY_COMMAND,
    PowerCondition.STANDBY: SenseCode.STANDBY_BY_COMMAND,
    PowerCondition.LU_CONTROL: None,
}
"""The power conditions that START STOP UNIT may set, and the sense code of REQUEST SENSE in each."""


def _starting(cdb: bytes) -> Conflict:
    """START STOP UNIT: no conflict with persistent reservations if it only starts the unit (SBC-4, 4.17)."""
    return Conflict.RESERVE if cdb[4] & 1 and not cdb[4] & 0xF0 else Conflict.ALWAYS


def _preventing(cdb: bytes) -> Conflict:
    """PREVENT ALLOW MEDIUM REMOVAL conflicts unless it allows removal."""
    return Conflict.ALWAYS if cdb[4] & 3 else Conflict.NEVER


class StopCommands(BlockUnit):
    """START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._preventing: set[Nexus] = set()
        self._cycles = 0
        """How many times the unit has been stopped."""

    def log_pages(self) -> LogPages:
        """The Start-Stop Cycle Counter page, and the pages of the other parts."""
        return {
            **super().log_pages(),
            LogPage.START_STOP_CYCLE_COUNTER: lambda: [
                in_binary(ACCUMULATED_CYCLES, min(self._cycles, 0xFFFFFFFF).to_bytes(4, "big"))
            ],
        }

    def _left(self, nexus: Nexus) -> None:
        super()._left(nexus)
        self._preventing.discard(nexus)

    def _was_reset(self) -> None:
        super()._was_reset()
        self._preventing.clear()

    @command(cdbs.StartStopUnit, conflicts=_starting, timeout=LONG)
    def start_stop_unit(self, task: Task, cdb: cdbs.StartStopUnit) -> Generator[Effect, Any, None]:
        """START STOP UNIT: flushes and stops, starts; ejects and loads a removable medium (LOEJ).

        All initiators share one state: after one has stopped the unit, every initiator's commands for the medium are NOT READY
        until one of them starts it. The power conditions are shared too; the next command for the medium ends them. It ends
        GOOD when all is done, even with IMMED. It ends a self-test in the background.
        """
        if cdb.power_condition_modifier:
            raise invalid(cdbs.StartStopUnit, "power_condition_modifier")
        if cdb.power_condition:
            yield from self._save_power(cdb)
            return
        if cdb.loej and not self.removable:
            raise invalid(cdbs.StartStopUnit, "loej")
        if cdb.start:
            self._start_unit(task.nexus, bool(cdb.loej))
            return
        with self._lock:
            if cdb.loej and self._preventing:
                raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.MEDIUM_REMOVAL_PREVENTED)
            self._end_what_gives_way()
        if not cdb.no_flush:
            yield Flush(self.backend)
        self._stop_unit(task.nexus, bool(cdb.loej))

    def _save_power(self, cdb: cdbs.StartStopUnit) -> Generator[Effect, Any, None]:
        """ACTIVE, IDLE, STANDBY; START and LOEJ are ignored. LU CONTROL changes nothing, and forcing a timer to zero neither, as
        there are no timers.
        """
        condition = cdb.power_condition
        if condition not in CONDITIONS:
            raise invalid(cdbs.StartStopUnit, "power_condition")
        with self._lock:
            self._end_what_gives_way()
        if condition == PowerCondition.LU_CONTROL:
            return
        if condition == PowerCondition.STANDBY and not cdb.no_flush:
            yield Flush(self.backend)
        with self._changing():
            if self._not_ready == SenseCode.MEDIUM_NOT_PRESENT:
                raise Fault(SenseKey.NOT_READY, SenseCode.MEDIUM_NOT_PRESENT)
            self._not_ready, self._low_power = None, CONDITIONS[condition]

    def _start_unit(self, nexus: Nexus, load: bool) -> None:
        with self._changing():
            if self._not_ready == SenseCode.MEDIUM_NOT_PRESENT:
                if not load:
                    raise Fault(SenseKey.NOT_READY, SenseCode.MEDIUM_NOT_PRESENT)
                self._establish(Attention.MEDIUM_MAY_HAVE_CHANGED, self._nexuses, but=nexus)
            self._end_what_gives_way()
            before, self._not_ready, self._low_power = self._not_ready, None, None
        if before is not None:
            log.warning("%s: started by %s", self.name, nexus.name)

    def _stop_unit(self, nexus: Nexus, eject: bool) -> None:
        reason = SenseCode.MEDIUM_NOT_PRESENT if eject else SenseCode.INITIALIZING_COMMAND_REQUIRED
        with self._changing():
            before, self._low_power = self._not_ready, None
            if before != SenseCode.MEDIUM_NOT_PRESENT:
                self._not_ready = reason
            self._cycles += before is None
            after, others = self._not_ready, len(self._nexuses) - (nexus in self._nexuses)
        if after is not before:
            log.warning(
                "%s: %s by %s: for %d other initiators too it is NOT READY, %02x/%02x, until one starts it",
                self.name,
                "ejected" if eject else "stopped",
                nexus.name,
                others,
                reason >> 8,
                reason & 0xFF,
            )

    @command(cdbs.PreventAllowMediumRemoval, conflicts=_preventing)
    def prevent_allow_medium_removal(self, task: Task, cdb: cdbs.PreventAllowMediumRemoval) -> Effect:
        """PREVENT ALLOW MEDIUM REMOVAL: while one nexus prevents removal, no initiator can eject the medium."""
        if cdb.prevent > 1:
            raise invalid(cdbs.PreventAllowMediumRemoval, "prevent")
        with self._lock:
            if not cdb.prevent:
                self._preventing.discard(task.nexus)
            elif task.nexus in self._nexuses:
                self._preventing.add(task.nexus)
        return GOOD
