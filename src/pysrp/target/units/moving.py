"""READ and WRITE, PRE-FETCH, and SYNCHRONIZE CACHE (SBC-4, 5); the counts of what was read and written (SPC-4, 7.3.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import LogPage
from pysrp.scsi.log import LogParameter
from pysrp.target.effects import GOOD, Effect, Flush, Move
from pysrp.target.task import Nexus, Task
from pysrp.target.units.blocks import BlockUnit, LogPages, in_binary
from pysrp.target.units.commands import LONG, Conflict, command

__all__ = ["STATISTICS", "MoveCommands", "TrafficCounts"]

STATISTICS = LogPage.GENERAL_STATISTICS_AND_PERFORMANCE
NONE = 0, 0, 0, 0


class TrafficCounts(BlockUnit):
    """Counts READs and WRITEs and their blocks: those of the engine here, those of the native lane in its gates. UNMAP counts
    as a write command without blocks; READ(6) and WRITE(6) do not count (SPC-4, 7.3.9).

    Each nexus has its own counts, which only its thread changes, without a lock. A command counts when it may begin, however it
    ends. No times are measured: the intervals and processing times are 0.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._traffic: dict[Nexus, list[int]] = {}
        self._traffic_left = [0, 0, 0, 0]
        """The counts of nexuses that were lost."""
        self._traffic_from: Sequence[int] = NONE
        """The counts when LOG SELECT last reset them."""
        super().__init__(*arguments, **options)

    def log_pages(self) -> LogPages:
        """The page with commands and blocks, and the pages of the other parts."""
        return {**super().log_pages(), STATISTICS: self._statistics}

    def _statistics(self) -> list[LogParameter]:
        with self._lock:
            counts = [now - before for now, before in zip(self._moved(), self._traffic_from, strict=True)]
        reads, writes, read, written = counts
        values = (reads, writes, written, read, 0, 0, 0, 0)
        return [
            _counters(1, *values),
            _counters(2, 0),  # idle time, which is mandatory
            in_binary(3, bytes(8)),
        ]

    def _count(self, task: Task, write: bool, blocks: int) -> None:
        """Count a READ or WRITE that begins."""
        counts = self._traffic.get(task.nexus)
        if counts is None:
            counts = [0, 0, 0, 0]
            with self._lock:
                if task.nexus in self._nexuses:  # of a lost nexus they would never be removed
                    self._traffic[task.nexus] = counts
        counts[write] += 1
        counts[2 + write] += blocks

    def _moved(self) -> list[int]:
        """READs, WRITEs, blocks read, blocks written, since the unit was made. With the lock."""
        every = (self._traffic_left, self._gates.moved(), *self._traffic.values())
        return [sum(each) for each in zip(*every, strict=True)]

    def _count_traffic_anew(self) -> bool:
        """Reset the counts; whether any was not 0. With the lock."""
        before, self._traffic_from = self._traffic_from, self._moved()
        return any(now != then for now, then in zip(self._traffic_from, before, strict=True))

    def _left(self, nexus: Nexus) -> None:
        super()._left(nexus)
        gone = self._traffic.pop(nexus, NONE)
        self._traffic_left = [each + more for each, more in zip(self._traffic_left, gone, strict=True)]


def _counters(code: int, *values: int) -> LogParameter:
    """A log parameter of unbounded counters (SPC-4, 7.3.2.2.2.3)."""
    return LogParameter.build(
        parameter_code=code,
        format_and_linking=0b10,
        parameter_value=b"".join((value % (1 << 64)).to_bytes(8, "big") for value in values),
    )


class MoveCommands(TrafficCounts):
    """READ(6), (10), (12), (16), (32), WRITE likewise, PRE-FETCH and SYNCHRONIZE CACHE(10) and (16)."""

    @command(
        cdbs.Read10, cdbs.Read12, cdbs.Read16, cdbs.Read32, medium=True, conflicts=Conflict.EXCLUSIVE_ACCESS
    )
    def read(self, task: Task, cdb: Any) -> Effect:
        """READ(10), (12), (16), (32). With FUA cached writes are put on the medium first (SBC-4, 5.13); DPO is ignored.

        There is no non-volatile cache (NV_SUP), so FUA_NV of SBC-3 is ignored.
        """
        start, length = self._extent(cdb, cdb.transfer_length)
        self._count(task, False, cdb.transfer_length)
        return Move(self.backend, start, length, self.block_size, flush=bool(cdb.fua) or not self._read_cache)

    @command(cdbs.Read6, medium=True, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def read_6(self, task: Task, cdb: cdbs.Read6) -> Effect:
        """READ(6), of 1 to 256 blocks."""
        start, length = self._extent(cdb, cdb.blocks)
        return Move(self.backend, start, length, self.block_size, flush=not self._read_cache)

    @command(cdbs.Write10, cdbs.Write12, cdbs.Write16, cdbs.Write32, medium=True)
    def write(self, task: Task, cdb: Any) -> Effect:
        """WRITE(10), (12), (16), (32)."""
        effect = self._write(task, cdb, cdb.transfer_length, cdb.fua)
        self._count(task, True, cdb.transfer_length)
        return effect

    @command(cdbs.Write6, medium=True)
    def write_6(self, task: Task, cdb: cdbs.Write6) -> Effect:
        """WRITE(6), of 1 to 256 blocks."""
        return self._write(task, cdb, cdb.blocks, False)

    def _write(self, task: Task, cdb: Any, blocks: int, fua: bool) -> Effect:
        start, length = self._extent(cdb, blocks)
        self._writable(task)
        flush = fua or not self._write_cache
        return Move(self.backend, start, length, self.block_size, True, flush)

    def _extent(self, cdb: Any, blocks: int) -> tuple[int, int]:
        """The offset and the length, in bytes, of the blocks that a command moves."""
        lba, limit = cdb.lba, self.max_transfer
        length = blocks * self.block_size
        if lba >= self.blocks or blocks > self.blocks - lba or (limit is not None and length > limit):
            return self._start(cdb, blocks), self._length(
                cdb, blocks
            )  # one of which raises, unless it has grown
        return lba * self.block_size, length

    @command(cdbs.PreFetch10, cdbs.PreFetch16, medium=True, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def pre_fetch(self, task: Task, cdb: Any) -> Effect:
        """PRE-FETCH(10) and (16): checks the range only. GOOD, not CONDITION MET: no cache has room for the blocks."""
        self._start(cdb, cdb.blocks)
        return GOOD

    @command(cdbs.SynchronizeCache10, cdbs.SynchronizeCache16, medium=True, timeout=LONG)
    def synchronize_cache(self, task: Task, cdb: Any) -> Effect:
        """SYNCHRONIZE CACHE(10) and (16): flushes the whole disk. It ends GOOD after that, even with IMMED."""
        self._start(cdb, cdb.blocks)
        return Flush(self.backend)
