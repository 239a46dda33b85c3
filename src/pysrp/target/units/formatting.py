"""FORMAT UNIT (SBC-4, 5.4)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.target.backend_medium import features_of
from pysrp.target.effects import GOOD, Alone, Effect, Fetch, Flush, NextTurn, Zero
from pysrp.target.medium import Feature
from pysrp.target.task import Task
from pysrp.target.units.codes import SenseCode, invalid, short, unfit
from pysrp.target.units.commands import LONG, command
from pysrp.target.units.jobs import Job
from pysrp.target.units.provisioning import WriteSameCommands

__all__ = ["FormatCommands"]

PIECE = 16 << 20
"""Bytes that are formatted before others have their turn, and can be told how far it is."""

SHORT_HEADER, LONG_HEADER = 4, 8
"""Bytes of a parameter list header (SBC-4, 5.4.2.2)."""

DESCRIPTOR = 4
"""Bytes of an initialization pattern descriptor before its pattern (SBC-4, 5.4.2.3)."""

OF_A_LIST = "longlist", "cmplist", "defect_list_format"
"""What means nothing without FMTDATA."""

FOV, IP, IMMED = 0x80, 0x08, 0x02
OPTIONS = 0x70
"""DPRY, DCRT, STPF: what there is to verify or to spare is nothing here, so each may be asked for, with FOV."""


class FormatCommands(WriteSameCommands):
    """FORMAT UNIT: all blocks are zeros, or a pattern, when it is over; there is none that goes on after the status."""

    @command(
        cdbs.FormatUnit,
        medium=True,
        refuses=["fmtpinfo", "ffmt"],
        ignores=["vendor_specific", "obsolete_interleave"],
        timeout=LONG,
    )
    def format_unit(self, task: Task, cdb: cdbs.FormatUnit) -> Generator[Effect, Any, Effect]:
        """FORMAT UNIT: alone with all blocks. Meanwhile others are told so (02/04/04), and how far it is."""
        self._writable(task)
        block = bytes(self.block_size)
        if cdb.fmtdata:
            block = yield from self._pattern(bool(cdb.longlist))
        else:
            for name in OF_A_LIST:
                if getattr(cdb, name):
                    raise invalid(cdbs.FormatUnit, name)
        size = self.blocks * self.block_size
        yield Alone(0, size)
        # The handler does the work itself: a job has no effects.
        job = Job(self.backend, (0.0 for _ in ()), SenseCode.FORMAT_IN_PROGRESS)
        self.job_begins(job)
        try:
            for start in range(0, size, PIECE):
                yield from self._fill_piece(start, min(PIECE, size - start), block)
                job.progress = start / size
                yield NextTurn()
            yield Flush(self.backend)
        finally:
            self.job_ends()
        return GOOD

    def _pattern(self, longlist: bool) -> Generator[Effect, Any, bytes]:
        """What each block holds, as the parameter list says; raises Fault for all else that it asks for."""
        header = LONG_HEADER if longlist else SHORT_HEADER
        data = yield from _first(header)
        if data[0] & 7:  # PROTECTION FIELD USAGE
            raise unfit(0, 2)
        flags = data[1]
        if not flags & FOV and flags & (OPTIONS | IP):
            raise unfit(1, (flags & (OPTIONS | IP)).bit_length() - 1)
        if flags & IMMED:
            raise unfit(1, 1)
        if longlist and data[3]:  # P_I_INFORMATION, PROTECTION INTERVAL EXPONENT
            raise unfit(3)
        if any(data[header // 2 :]):  # DEFECT LIST LENGTH
            raise unfit(header // 2)
        if not flags & IP:
            return bytes(self.block_size)
        data = yield from _first(header + DESCRIPTOR)
        if data[header] & 0xE0:  # obsolete, SI
            raise unfit(header, (data[header] & 0xE0).bit_length() - 1)
        kind, length = data[header + 1], int.from_bytes(data[header + 2 : header + 4], "big")
        if kind > 1:
            raise unfit(header + 1)
        if not kind and not length:
            return bytes(self.block_size)
        if not kind or not 0 < length <= self.block_size:
            raise unfit(header + 2)
        data = yield from _first(header + DESCRIPTOR + length)
        pattern = data[header + DESCRIPTOR :]
        return (pattern * (self.block_size // length + 1))[: self.block_size]

    def _fill_piece(self, start: int, length: int, block: bytes) -> Generator[Effect, Any, None]:
        """Make these bytes that block, over and over: by the medium itself, where they are zeros and it can."""
        features = features_of(self.backend)
        discard = self.thin and Feature.DISCARD_ZEROS in features
        if not any(block) and (discard or Feature.ZERO in features):
            yield Zero(self.backend, start, length, discard)
        else:
            yield from self._fill(start, length, block)


def _first(length: int) -> Generator[Effect, Any, bytes]:
    """So much of the parameter list, which has it."""
    data = bytes((yield Fetch(length)))
    if len(data) < length:
        raise short()
    return data
