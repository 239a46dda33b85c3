"""READ and WRITE, PRE-FETCH, and SYNCHRONIZE CACHE (SBC-4, 5)."""

from __future__ import annotations

from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import Status
from pysrp.target.effects import GOOD, Effect, End, Flush, Move
from pysrp.target.task import Task
from pysrp.target.units.blocks import BlockUnit
from pysrp.target.units.commands import LONG, Conflict, command

__all__ = ["MoveCommands"]


class MoveCommands(BlockUnit):
    """READ(6), (10), (12), (16), (32), WRITE likewise, PRE-FETCH and SYNCHRONIZE CACHE(10) and (16)."""

    @command(
        cdbs.Read10, cdbs.Read12, cdbs.Read16, cdbs.Read32, medium=True, conflicts=Conflict.EXCLUSIVE_ACCESS
    )
    def read(self, task: Task, cdb: Any) -> Effect:
        """READ(10), (12), (16), (32). With FUA what was written is on the medium before it is read (SBC-4, 5.13); DPO is a hint.

        There is no non-volatile cache (NV_SUP), so FUA_NV of SBC-3 asks for nothing.
        """
        start, length = self._extent(cdb, cdb.transfer_length)
        return Move(self.backend, start, length, self.block_size, flush=bool(cdb.fua) or not self._read_cache)

    @command(cdbs.Read6, medium=True, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def read_6(self, task: Task, cdb: cdbs.Read6) -> Effect:
        """READ(6), of 1 to 256 blocks."""
        start, length = self._extent(cdb, cdb.blocks)
        return Move(self.backend, start, length, self.block_size, flush=not self._read_cache)

    @command(cdbs.Write10, cdbs.Write12, cdbs.Write16, cdbs.Write32, medium=True)
    def write(self, task: Task, cdb: Any) -> Effect:
        """WRITE(10), (12), (16), (32)."""
        return self._write(task, cdb, cdb.transfer_length, cdb.fua)

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
        """Where the blocks that a command moves begin, and how long they are, in bytes."""
        lba, limit = cdb.lba, self.max_transfer
        length = blocks * self.block_size
        if lba >= self.blocks or blocks > self.blocks - lba or (limit is not None and length > limit):
            return self._start(cdb, blocks), self._length(
                cdb, blocks
            )  # one of which raises, unless it has grown
        return lba * self.block_size, length

    @command(cdbs.PreFetch10, cdbs.PreFetch16, medium=True, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def pre_fetch(self, task: Task, cdb: Any) -> Effect:
        """PRE-FETCH(10) and (16): a medium that is memory has all blocks there (CONDITION MET), another one none (GOOD)."""
        self._start(cdb, cdb.blocks)
        return GOOD if getattr(self.backend, "blocking", True) else End(Status.CONDITION_MET)

    @command(cdbs.SynchronizeCache10, cdbs.SynchronizeCache16, medium=True, timeout=LONG)
    def synchronize_cache(self, task: Task, cdb: Any) -> Effect:
        """SYNCHRONIZE CACHE(10) and (16): all of the disk. With IMMED too, GOOD comes when it is done."""
        self._start(cdb, cdb.blocks)
        return Flush(self.backend)
