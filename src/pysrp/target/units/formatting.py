"""FORMAT UNIT (SBC-4, 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.target.backend_medium import features_of
from pysrp.target.effects import GOOD, Alone, Begin, Effect, Fetch, Flush, MediumEffect, Zero
from pysrp.target.medium import Feature
from pysrp.target.task import Task
from pysrp.target.units.codes import SenseCode, invalid, short, unfit
from pysrp.target.units.commands import LONG, command
from pysrp.target.units.jobs import Job
from pysrp.target.units.provisioning import WriteSameCommands

__all__ = ["FormatCommands", "Going", "first"]

PIECE = 16 << 20
"""The most bytes that are filled between two progress reports."""

PIECES = 256
"""A disk is filled in at least so many pieces, of a block or more each."""

Going = Generator[float | MediumEffect, Any, None]
"""The steps of a job over a medium."""

SHORT_HEADER, LONG_HEADER = 4, 8
"""Bytes of a parameter list header (SBC-4, 5.4.2.2)."""

DESCRIPTOR = 4
"""Bytes of an initialization pattern descriptor before its pattern (SBC-4, 5.4.2.3)."""

OF_A_LIST = "longlist", "cmplist", "defect_list_format"
"""Fields that are refused without FMTDATA."""

FOV, IP, IMMED = 0x80, 0x08, 0x02
OPTIONS = 0x70
"""DPRY, DCRT, STPF: accepted with FOV and ignored, as there is no defect list and no certification."""


class FormatCommands(WriteSameCommands):
    """FORMAT UNIT: fills all blocks with zeros, or with a pattern."""

    @command(
        cdbs.FormatUnit,
        medium=True,
        refuses=["fmtpinfo", "ffmt"],
        ignores=["vendor_specific", "obsolete_interleave"],
        timeout=LONG,
    )
    def format_unit(self, task: Task, cdb: cdbs.FormatUnit) -> Generator[Effect, Any, Effect]:
        """FORMAT UNIT: with exclusive access to all blocks. Meanwhile other commands get 02/04/04 with the progress.

        From its beginning until a FORMAT UNIT has succeeded, the medium is corrupted (03/31/00).
        """
        self._writable(task)
        block, immed = bytes(self.block_size), False
        if cdb.fmtdata:
            block, immed = yield from self._pattern(bool(cdb.longlist))
        else:
            for name in OF_A_LIST:
                if getattr(cdb, name):
                    raise invalid(cdbs.FormatUnit, name)
        yield Alone(0, self.blocks * self.block_size)
        self.let(task.nexus, task.cdb)  # checked again: a SANITIZE may have failed while it waited
        job = Job(self.backend, self._format(block), SenseCode.FORMAT_IN_PROGRESS)
        if immed:
            return Begin(job)
        try:
            yield Begin(job)
        finally:
            job.stop()
        return GOOD

    def _format(self, block: bytes) -> Going:
        self._damaged(SenseCode.MEDIUM_FORMAT_CORRUPTED)
        features = features_of(self.backend)
        discard = self.thin and Feature.DISCARD_ZEROS in features
        makes = not any(block) and (discard or Feature.ZERO in features)
        yield from self._pieces(
            0.0,
            1.0,
            lambda at, length: self._zero(at, length, discard) if makes else self._fill(at, length, block),
        )
        yield Flush(self.backend)
        self._damaged(None)

    def _zero(self, start: int, length: int, discard: bool) -> Generator[Effect, Any, None]:
        yield Zero(self.backend, start, length, discard)

    def _pattern(self, longlist: bool) -> Generator[Effect, Any, tuple[bytes, bool]]:
        """The contents of each block, and IMMED, from the parameter list; raises Fault for anything else that it asks for."""
        header = LONG_HEADER if longlist else SHORT_HEADER
        data = yield from first(header)
        if data[0] & 7:  # PROTECTION FIELD USAGE
            raise unfit(0, 2)
        flags = data[1]
        if not flags & FOV and flags & (OPTIONS | IP):
            raise unfit(1, (flags & (OPTIONS | IP)).bit_length() - 1)
        immed = bool(flags & IMMED)
        if longlist and data[3]:  # P_I_INFORMATION, PROTECTION INTERVAL EXPONENT
            raise unfit(3)
        if any(data[header // 2 :]):  # DEFECT LIST LENGTH
            raise unfit(header // 2)
        if not flags & IP:
            return bytes(self.block_size), immed
        data = yield from first(header + DESCRIPTOR)
        if data[header] & 0xE0:  # obsolete, SI
            raise unfit(header, (data[header] & 0xE0).bit_length() - 1)
        kind, length = data[header + 1], int.from_bytes(data[header + 2 : header + 4], "big")
        if kind > 1:
            raise unfit(header + 1)
        if not kind and not length:
            return bytes(self.block_size), immed
        if not kind or not 0 < length <= self.block_size:
            raise unfit(header + 2)
        data = yield from first(header + DESCRIPTOR + length)
        pattern = data[header + DESCRIPTOR :]
        return (pattern * (self.block_size // length + 1))[: self.block_size], immed

    def _pieces(
        self,
        begun: float,
        share: float,
        fill: Callable[[int, int], Generator[Any, Any, None]],
        least: int = PIECES,
    ) -> Going:
        """Fill all blocks by ``fill(offset, length)``, in ``least`` pieces or more. After each piece the job's progress is
        yielded: from ``begun`` on, of which this is ``share``.
        """
        size = self.blocks * self.block_size
        piece = min(PIECE, max(size // least // self.block_size, 1) * self.block_size)
        for start in range(0, size, piece):
            yield from fill(start, min(piece, size - start))
            yield begun + share * min(start + piece, size) / size


def first(length: int) -> Generator[Effect, Any, bytes]:
    """The first ``length`` bytes of the parameter list; raises Fault if it is shorter."""
    data = bytes((yield Fetch(length)))
    if len(data) < length:
        raise short()
    return data
