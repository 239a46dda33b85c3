"""VERIFY (SBC-4, 5.35)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import ByteCheck, SenseKey
from pysrp.target.effects import GOOD, Effect, Fetch, NextTurn, Read
from pysrp.target.fault import Fault
from pysrp.target.task import Task
from pysrp.target.units.blocks import BlockUnit
from pysrp.target.units.codes import SenseCode, invalid
from pysrp.target.units.commands import Conflict, command

__all__ = ["VerifyCommands"]

CHUNK = 1 << 20
"""Bytes that VERIFY reads at a time."""

TURN = 16 << 20
"""Bytes after which others have their turn."""


class VerifyCommands(BlockUnit):
    """VERIFY(10) and (16). What is verified is on the medium first, as by SYNCHRONIZE CACHE (SBC-4, 5.33)."""

    @command(cdbs.Verify10, cdbs.Verify16, medium=True, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def verify(self, task: Task, cdb: Any) -> Generator[Effect, Any, Effect]:
        """VERIFY(10) and (16): that the blocks can be read (BYTCHK 0), are the data-out (1), or are all like
        the one block of it (3).
        """
        blocks = cdb.blocks
        start = self._start(cdb, blocks)
        length = blocks * self.block_size
        check = cdb.bytchk
        data = None
        if check == ByteCheck.COMPARE:
            data = yield Fetch(self._length(cdb, blocks, "verification_length"))
        elif check == ByteCheck.COMPARE_ONE_BLOCK:
            data = yield Fetch(self.block_size if blocks else 0)
        elif check:
            raise invalid(type(cdb), "bytchk")
        if data is not None and len(data) < cdb.data_length(self.block_size):
            raise invalid(type(cdb), "verification_length")
        if not length or (data is None and not getattr(self.backend, "blocking", True)):
            return GOOD  # what is called in place has its bytes
        yield from self._compare(start, length, data)
        return GOOD

    def _compare(self, start: int, length: int, data: memoryview | None) -> Generator[Effect, Any, None]:
        """Read ``length`` bytes; raise Fault where they are not ``data`` over and over."""
        expected = data
        if expected is not None and len(expected) < length:
            expected = memoryview(bytes(expected) * (min(length, CHUNK) // len(expected)))
        done = 0
        while done < length:
            found = yield Read(self.backend, start + done, min(length - done, CHUNK), self.block_size, True)
            if expected is not None:
                at = done % len(expected)
                wanted = expected[at : at + len(found)]
                if found != wanted:
                    differs = next(i for i, byte in enumerate(found) if byte != wanted[i])
                    raise Fault(
                        SenseKey.MISCOMPARE,
                        SenseCode.MISCOMPARE_DURING_VERIFY,
                        information=(done + differs) % len(data or found),
                    )
            done += len(found)
            if not done % TURN:
                yield NextTurn()
