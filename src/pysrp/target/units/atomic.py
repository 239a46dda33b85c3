"""Atomic commands: COMPARE AND WRITE, ORWRITE, WRITE ATOMIC (SBC-4, 4.30, 5.3, 5.7 and 5.45)."""

from __future__ import annotations

import errno
import logging
from collections.abc import Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import SenseKey
from pysrp.target.backend_medium import features_of
from pysrp.target.effects import GOOD, Alone, Compare, Effect, NextTurn
from pysrp.target.fault import Fault
from pysrp.target.medium import Feature
from pysrp.target.task import Task
from pysrp.target.units.codes import SenseCode, invalid
from pysrp.target.units.commands import command
from pysrp.target.units.verifying import Comparing

__all__ = ["AtomicCommands"]

log: logging.Logger = logging.getLogger("pysrp.target")

MAX_COMPARE = 255
"""Blocks of one COMPARE AND WRITE: the field for their number has one byte."""

LIES = 16
"""How often a medium may report that blocks differ which turn out equal when they are read."""

MAX_ATOMIC = 1 << 20
"""Bytes of one WRITE ATOMIC."""


class AtomicCommands(Comparing):
    """COMPARE AND WRITE, ORWRITE(16), WRITE ATOMIC(16): atomic against all other commands of the unit, from any nexus."""

    @property
    def max_compare(self) -> int:
        """Blocks that one COMPARE AND WRITE compares at most: its data-out is twice as long."""
        if self.max_transfer is None:
            return MAX_COMPARE
        return max(1, min(MAX_COMPARE, self.max_transfer // self.block_size // 2))

    @property
    def max_atomic(self) -> int:
        """Blocks that one WRITE ATOMIC writes at most; 0 if the medium has no atomic writes."""
        if Feature.ATOMIC not in features_of(self.backend):
            return 0
        most = MAX_ATOMIC if self.max_transfer is None else min(MAX_ATOMIC, self.max_transfer)
        return most // self.block_size

    @command(cdbs.WriteAtomic16, medium=True, when="max_atomic")
    def write_atomic(self, task: Task, cdb: cdbs.WriteAtomic16) -> Generator[Effect, Any, Effect]:
        """WRITE ATOMIC(16), as one operation, of up to :attr:`max_atomic` blocks: ATOMIC BOUNDARY must be 0."""
        blocks = cdb.transfer_length
        if cdb.atomic_boundary:
            raise invalid(cdbs.WriteAtomic16, "atomic_boundary")
        start, length = self._start(cdb, blocks), blocks * self.block_size
        if blocks > self.max_atomic:
            raise invalid(cdbs.WriteAtomic16, "transfer_length")
        self._writable(task)
        self._count(task, True, blocks)
        data = yield from self._fetched(cdb, length, "transfer_length")
        if not length:
            return GOOD
        yield Alone(start, length)
        return self._put(start, data, bool(cdb.fua))

    @command(cdbs.CompareAndWrite, medium=True)
    def compare_and_write(self, task: Task, cdb: cdbs.CompareAndWrite) -> Generator[Effect, Any, Effect]:
        """COMPARE AND WRITE: if the blocks equal the first half of data-out, the second half is written.

        Refused if data-out is not twice the blocks of the CDB: the halves would not be the ones that the initiator means.
        """
        blocks = cdb.number_of_logical_blocks
        start, length = self._start(cdb, blocks), blocks * self.block_size
        if blocks > self.max_compare:
            raise invalid(cdbs.CompareAndWrite, "number_of_logical_blocks")
        if task.data_out_length != 2 * length:
            raise invalid(cdbs.CompareAndWrite, "number_of_logical_blocks")
        self._writable(task)
        if not length:
            return GOOD
        data = yield from self._fetched(cdb, 2 * length, "number_of_logical_blocks")
        yield Alone(start, length)
        expected, data = data[:length], data[length:]
        if Feature.COMPARE in features_of(self.backend) and (
            yield from self._compare_and_put(start, expected, data, bool(cdb.fua))
        ):
            return GOOD
        yield from self._compare(start, length, expected, False)
        return self._put(start, data, bool(cdb.fua))

    def _compare_and_put(
        self, start: int, expected: memoryview, data: memoryview, fua: bool
    ) -> Generator[Effect, Any, bool]:
        """Let the medium compare and write, atomically against its other users. False: it cannot, and has no other users.

        Raise Fault if it reports :data:`LIES` times that the blocks differ when a READ finds them equal: another user would
        hardly change them back in time so often.
        """
        for _ in range(LIES):
            try:
                yield Compare(self.backend, start, expected, data, flush=fua or not self._write_cache)
                return True
            except OSError as error:
                if error.errno == errno.EOPNOTSUPP:
                    return False
                if error.errno == errno.EXDEV:
                    raise invalid(cdbs.CompareAndWrite, "number_of_logical_blocks") from error
                if error.errno != errno.EILSEQ:
                    raise
            # Raises the miscompare, with its place. If the blocks are equal now, another server has changed them back.
            yield from self._compare(start, len(data), expected, False)
            yield NextTurn()  # even if the medium fails at once, others have their turn, and an abort is seen
        log.error("%s: %r says that blocks differ which do not", self.name, self.backend)
        raise Fault(SenseKey.HARDWARE_ERROR, SenseCode.INTERNAL_TARGET_FAILURE)

    @command(cdbs.OrWrite16, medium=True)
    def or_write(self, task: Task, cdb: cdbs.OrWrite16) -> Generator[Effect, Any, Effect]:
        """ORWRITE(16): the blocks become the bitwise OR of their data and data-out."""
        blocks = cdb.transfer_length
        start, length = self._start(cdb, blocks), self._length(cdb, blocks)
        self._writable(task)
        data = yield from self._fetched(cdb, length, "transfer_length")
        if not length:
            return GOOD
        yield Alone(start, length)
        found = yield from self._found(start, length)
        both = int.from_bytes(found, "little") | int.from_bytes(data, "little")
        return self._put(start, both.to_bytes(length, "little"), bool(cdb.fua))
