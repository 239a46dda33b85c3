"""REPORT TIMESTAMP and SET TIMESTAMP (SPC-5, 5.3, 6.38 and 6.48)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.params import SetTimestamp, Timestamp
from pysrp.target.effects import GOOD, Effect, Fetch, Reply
from pysrp.target.task import Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import Attention, short
from pysrp.target.units.commands import Conflict, command

__all__ = ["TimestampCommands"]

AT_POWER_ON, SET, OTHERWISE = 0, 2, 3
"""TIMESTAMP ORIGIN: zero since power on; SET TIMESTAMP; the host's clock."""


class TimestampCommands(UnitBase):
    """REPORT TIMESTAMP, SET TIMESTAMP: milliseconds since 1970 (UTC), by the clock of the server."""

    clock: Callable[[], float] | None = None
    """Returns seconds since 1970 (UTC); None: the unit has no clock, and its time does not advance."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timestamp: tuple[int, int] | None = None
        """The value of SET TIMESTAMP, and the clock's time then, in milliseconds."""

    def _now(self) -> int:
        return 0 if self.clock is None else int(self.clock() * 1000)

    @command(cdbs.ReportTimestamp, conflicts=Conflict.NEVER)
    def report_timestamp(self, task: Task, cdb: cdbs.ReportTimestamp) -> Effect:
        """REPORT TIMESTAMP."""
        with self._lock:
            found, now = self._timestamp, self._now()
        if found is None:
            origin, time = AT_POWER_ON if self.clock is None else OTHERWISE, now
        else:
            said, then = found
            origin, time = SET, said + max(now - then, 0)  # the host's clock may be set back
        data = Timestamp.build(timestamp_origin=origin, timestamp=time & (1 << 48) - 1)
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.SetTimestamp)
    def set_timestamp(self, task: Task, cdb: cdbs.SetTimestamp) -> Generator[Effect, Any, Effect]:
        """SET TIMESTAMP, for all nexuses, as long as the unit exists; 2A/10 for the other nexuses."""
        length = cdb.parameter_list_length
        if not length:
            return GOOD
        data = bytes((yield Fetch(min(length, SetTimestamp.SIZE))))
        if len(data) < SetTimestamp.SIZE:
            raise short()
        with self._changing():
            self._timestamp = SetTimestamp(data).timestamp, self._now()
            self._establish(Attention.TIMESTAMP_CHANGED, self._nexuses, but=task.nexus)
        return GOOD
