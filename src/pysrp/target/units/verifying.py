"""VERIFY and WRITE AND VERIFY (SBC-4, 5.33 to 5.36 and 5.41 to 5.44), and comparing data with a medium."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import ByteCheck, LogPage, SenseKey
from pysrp.target.effects import GOOD, Effect, Fetch, Move, NextTurn, Read, Write
from pysrp.target.fault import Fault
from pysrp.target.task import Task
from pysrp.target.units.blocks import READING, VERIFYING
from pysrp.target.units.codes import SenseCode, invalid
from pysrp.target.units.commands import LONG, Conflict, command
from pysrp.target.units.moving import TrafficCounts

__all__ = ["Comparing", "VerifyCommands"]

CHUNK = 1 << 20
"""Bytes that VERIFY reads at a time."""

TURN = 16 << 20
"""Bytes after which other commands have their turn."""


class Comparing(TrafficCounts):
    """The common part of commands that read the medium's data themselves, to compare or combine it."""

    def _found(
        self, start: int, length: int, flush: bool = False, doing: LogPage = READING
    ) -> Generator[Effect, Any, bytearray]:
        """Read bytes of the medium; ``flush``: with FUA. A failure counts as an error of reading, or of ``doing``, even if the
        command is a write.
        """
        try:
            found: bytearray = yield Read(self.backend, start, length, self.block_size, flush)
        except OSError as error:
            raise self.fault_of(error, doing) from error
        return found

    def _fetched(self, cdb: Any, length: int, field: str) -> Generator[Effect, Any, memoryview]:
        """The whole data-out of a command. Raises Fault, with a pointer to ``field``, if the initiator offers less."""
        data: memoryview = yield Fetch(length)
        if len(data) < length:
            raise invalid(type(cdb), field)
        return data

    def _put(self, start: int, data: memoryview | bytes, fua: bool) -> Effect:
        """Write data, with FUA if ``fua`` is set or there is no write cache."""
        return Write(self.backend, start, data, flush=fua or not self._write_cache)

    def _compare(
        self, start: int, length: int, data: memoryview | None, flush: bool, doing: LogPage = READING
    ) -> Generator[Effect, Any, None]:
        """Read ``length`` bytes; with ``data``, raise Fault MISCOMPARE unless they equal ``data``, repeated as needed."""
        expected = data
        if expected is not None and len(expected) < length:
            expected = memoryview(bytes(expected) * (min(length, CHUNK) // len(expected)))
        done = 0
        while done < length:
            found = yield from self._found(start + done, min(length - done, CHUNK), flush, doing)
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

    def _verify(
        self, start: int, length: int, data: memoryview | None, flush: bool
    ) -> Generator[Effect, Any, Effect]:
        """As :meth:`_compare`. Without data, a backend that does not block is not read: its bytes are in memory."""
        if length and (data is not None or getattr(self.backend, "blocking", True)):
            yield from self._compare(start, length, data, flush, VERIFYING)
        return GOOD


class VerifyCommands(Comparing):
    """VERIFY and WRITE AND VERIFY(10), (12), (16) and (32). The data is put on the medium before it is verified (SBC-4, 5.33)."""

    @command(
        cdbs.Verify10,
        cdbs.Verify12,
        cdbs.Verify16,
        cdbs.Verify32,
        medium=True,
        conflicts=Conflict.EXCLUSIVE_ACCESS,
        timeout=LONG,
    )
    def verify(self, task: Task, cdb: Any) -> Generator[Effect, Any, Effect]:
        """VERIFY: whether the blocks can be read (BYTCHK 0), equal the data-out (1), or each equal its one block (3)."""
        blocks = cdb.blocks
        start = self._start(cdb, blocks)
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
        return (yield from self._verify(start, blocks * self.block_size, data, True))

    @command(
        cdbs.WriteAndVerify10,
        cdbs.WriteAndVerify12,
        cdbs.WriteAndVerify16,
        cdbs.WriteAndVerify32,
        medium=True,
    )
    def write_and_verify(self, task: Task, cdb: Any) -> Generator[Effect, Any, Effect]:
        """WRITE AND VERIFY: write with FUA; then check that the blocks can be read (BYTCHK 0) or equal the data-out (1)."""
        if cdb.bytchk not in (ByteCheck.NO_COMPARE, ByteCheck.COMPARE):
            raise invalid(type(cdb), "bytchk")
        start, length = self._start(cdb, cdb.blocks), self._length(cdb, cdb.blocks)
        self._writable(task)
        self._count(task, True, cdb.blocks)
        data = None
        if cdb.bytchk:
            data = yield from self._fetched(cdb, length, "transfer_length")
            yield self._put(start, data, True)
        else:
            yield Move(self.backend, start, length, self.block_size, True, True)
        return (yield from self._verify(start, length, data, False))  # on the medium already
