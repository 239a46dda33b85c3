"""SANITIZE (SBC-4, 4.11 and 5.27)."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import SanitizeAction
from pysrp.target.backend_medium import features_of
from pysrp.target.effects import GOOD, Alone, Begin, Effect, Flush, Work
from pysrp.target.medium import Feature
from pysrp.target.task import Task
from pysrp.target.units.codes import SenseCode, invalid, short, unfit
from pysrp.target.units.commands import LONG, command
from pysrp.target.units.formatting import FormatCommands, Going, first
from pysrp.target.units.jobs import Job

__all__ = ["SanitizeCommands"]

HEADER = 4
"""Bytes of OVERWRITE's parameter list before the pattern (SBC-4, 5.27.2)."""
INVERT = 0x80

FAILED = SenseCode.SANITIZE_COMMAND_FAILED


class SanitizeCommands(FormatCommands):
    """SANITIZE: every block is written and flushed, by OVERWRITE with a pattern and by BLOCK ERASE with zeros.

    Blocks are written, and neither discarded nor zeroed by the medium, which might leave the old data in place. Layers below the
    medium, such as a copy-on-write file system, may still keep old data. BLOCK ERASE, of thin disks, discards the blocks after
    the zeros are flushed. Without encryption there is no CRYPTOGRAPHIC ERASE. As SANITIZE cannot be undone, a CDB with a
    reserved bit set is refused.
    """

    @command(
        cdbs.Sanitize,
        medium=True,
        actions=[SanitizeAction.OVERWRITE],
        refuses=["znr"],
        strict=True,
        timeout=LONG,
    )
    @command(
        cdbs.Sanitize,
        medium=True,
        actions=[SanitizeAction.BLOCK_ERASE],
        refuses=["znr"],
        strict=True,
        timeout=LONG,
        when="thin",
    )
    def sanitize(self, task: Task, cdb: cdbs.Sanitize) -> Generator[Effect, Any, Effect]:
        """OVERWRITE, BLOCK ERASE: with exclusive access to all blocks. It runs on after a nexus loss, a reset or an abort.

        Meanwhile other commands get 02/04/1B. If it fails the medium cannot be used (03/31/03) until another SANITIZE has
        succeeded, or, if AUSE was set, EXIT FAILURE MODE.
        """
        passes = [bytes(self.block_size)]
        erase = cdb.service_action == SanitizeAction.BLOCK_ERASE
        if not erase:
            passes = yield from self._passes(cdb.parameter_list_length)
        elif cdb.parameter_list_length:
            raise invalid(cdbs.Sanitize, "parameter_list_length")
        self._writable(task)
        restricted = not cdb.ause
        yield Alone(0, self.blocks * self.block_size)
        with self._lock:
            if self._damage == FAILED and self._restricted and not restricted:
                raise invalid(cdbs.Sanitize, "ause")
        steps = self._sanitize(passes, restricted, erase)
        job = Job(self.backend, steps, SenseCode.SANITIZE_IN_PROGRESS, lasting=True)
        if cdb.immed:
            return Begin(job)
        yield Begin(job)
        return GOOD

    def _sanitize(self, passes: list[bytes], restricted: bool, erase: bool) -> Going:
        self._damaged(FAILED, restricted)
        share = 1 / (len(passes) + erase)
        for number, block in enumerate(passes):
            yield from self._pieces(number * share, share, partial(self._fill, block=block))
            yield Flush(self.backend)
        if erase:
            discard = Feature.DISCARD_ZEROS in features_of(self.backend)
            # In few pieces: a medium cannot free pieces that do not cover a whole page.
            yield from self._pieces(1 - share, share, partial(self._zero, discard=discard), least=1)
            yield Flush(self.backend)
        self._damaged(None)

    def _passes(self, length: int) -> Generator[Effect, Any, list[bytes]]:
        """The block that each pass of OVERWRITE writes."""
        if not HEADER < length <= HEADER + self.block_size:
            raise invalid(cdbs.Sanitize, "parameter_list_length")
        data = yield from first(length)
        if data[0] & 0x60:  # TEST
            raise unfit(0, 6)
        count = data[0] & 0x1F
        if not count:
            raise unfit(0, 4)
        size = int.from_bytes(data[2:HEADER], "big")
        if not 0 < size <= self.block_size:
            raise unfit(2)
        if length < HEADER + size:
            raise short()
        pattern = data[HEADER : HEADER + size]
        block = (pattern * (self.block_size // size + 1))[: self.block_size]
        other = bytes(each ^ 0xFF for each in block) if data[0] & INVERT else block
        return [other if number % 2 else block for number in range(count)]

    @command(
        cdbs.Sanitize,
        medium=True,
        actions=[SanitizeAction.EXIT_FAILURE_MODE],
        refuses=["znr"],
        ignores=["immed", "ause"],
        strict=True,
    )
    def exit_failure_mode(self, task: Task, cdb: cdbs.Sanitize) -> Generator[Effect, Any, Effect]:
        """EXIT FAILURE MODE: the medium may be used again, with undefined data. Refused after a SANITIZE without AUSE."""
        if cdb.parameter_list_length:
            raise invalid(cdbs.Sanitize, "parameter_list_length")
        with self._lock:
            failed, restricted = self._damage == FAILED, self._restricted
        if failed and restricted:
            raise invalid(cdbs.Sanitize, "service_action")
        if failed:
            yield Work(self.backend, partial(self._damaged, None))
        return GOOD
