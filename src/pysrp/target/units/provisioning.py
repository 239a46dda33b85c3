"""WRITE SAME, and what a thin disk has beside it: UNMAP and GET LBA STATUS (SBC-4, 4.7, 5.6, 5.35, 5.49 to 5.51)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import ProvisioningStatus, SenseKey
from pysrp.scsi.params import GetLbaStatus, LbaStatus, Unmap, UnmapBlock
from pysrp.target.backend_medium import features_of
from pysrp.target.effects import GOOD, Effect, Extents, Fetch, Flush, NextTurn, Reply, Write, Zero
from pysrp.target.fault import Fault
from pysrp.target.medium import Feature
from pysrp.target.task import Task
from pysrp.target.units.blocks import BlockUnit
from pysrp.target.units.codes import SenseCode, invalid, short
from pysrp.target.units.commands import LONG, Conflict, command, pointer
from pysrp.target.units.moving import TrafficCounts

__all__ = ["MAX_DESCRIPTORS", "MAX_UNMAP", "MAX_WRITE_SAME", "ThinCommands", "WriteSameCommands"]

MAX_WRITE_SAME = 64 << 20
"""Bytes that one WRITE SAME fills at most."""

MAX_UNMAP = 512 << 20
"""Bytes that one UNMAP unmaps at most, with all its descriptors."""

MAX_DESCRIPTORS = 256
"""Descriptors of one UNMAP."""

CHUNK = 256 << 10
"""Bytes of a pattern that are written at a time."""

PIECE = 64 << 20
"""Bytes that are unmapped at a time: they end at a multiple of it, and others have their turn in between."""

OBSOLETE = "pbdata", "lbdata"


class WriteSameCommands(BlockUnit):
    """WRITE SAME(10), (16) and (32)."""

    @command(
        cdbs.WriteSame10,
        cdbs.WriteSame16,
        cdbs.WriteSame32,
        medium=True,
        refuses=["anchor", "unmap", *OBSOLETE],
        timeout=LONG,
    )
    def write_same(self, task: Task, cdb: Any) -> Generator[Effect, Any, Effect]:
        """WRITE SAME: the one block of data-out, or with NDOB one of zeros, over and over. 0 blocks are refused (WSNZ).

        The medium makes zeros itself where it can, or with UNMAP a hole.
        """
        blocks = cdb.number_of_logical_blocks
        start, length = self._start(cdb, blocks), blocks * self.block_size
        if not 0 < length <= MAX_WRITE_SAME:
            raise invalid(type(cdb), "number_of_logical_blocks")
        self._writable(task)
        block = bytes(self.block_size)
        if cdb.data_length(self.block_size):
            if task.data_out_length != self.block_size:  # more than one block are meant for a WRITE
                raise invalid(type(cdb), "number_of_logical_blocks")
            block = bytes((yield Fetch(self.block_size)))
        features = features_of(self.backend)
        discard = bool(cdb.unmap) and Feature.DISCARD_ZEROS in features
        if block == bytes(len(block)) and (discard or Feature.ZERO in features):
            yield Zero(self.backend, start, length, discard)
        else:
            yield from self._fill(start, length, block)
        if not self._write_cache:
            yield Flush(self.backend)
        return GOOD

    def _fill(self, start: int, length: int, block: bytes) -> Generator[Effect, Any, None]:
        part = memoryview(block * (min(CHUNK, length) // len(block)))
        for done in range(0, length, len(part)):
            yield Write(self.backend, start + done, part[: length - done])


class ThinCommands(WriteSameCommands, TrafficCounts):
    """UNMAP, GET LBA STATUS(16), and WRITE SAME with UNMAP. Nothing is ever anchored.

    What is unmapped reads as zeros (LBPRZ): the medium has to see to that.
    """

    thin = True

    @command(
        cdbs.WriteSame10,
        cdbs.WriteSame16,
        cdbs.WriteSame32,
        medium=True,
        refuses=["anchor", *OBSOLETE],
        timeout=LONG,
    )
    def write_same(self, task: Task, cdb: Any) -> Generator[Effect, Any, Effect]:
        """WRITE SAME, which may say UNMAP too; what is no zeros is written then, as it has to read as it is."""
        return super().write_same(task, cdb)

    @command(cdbs.Unmap, medium=True, timeout=LONG, refuses=["anchor"])
    def unmap(self, task: Task, cdb: cdbs.Unmap) -> Generator[Effect, Any, Effect]:
        """UNMAP: all of the list is checked before anything is unmapped."""
        self._writable(task)
        self._count(task, True, 0)
        announced = cdb.parameter_list_length
        data = bytes((yield Fetch(announced)))
        if len(data) < announced:
            raise short()
        discard = Feature.DISCARD_ZEROS in features_of(self.backend)
        for start, length in _pieces(self._to_unmap(data)):
            yield Zero(self.backend, start, length, discard)
            if not (start + length) % PIECE:
                yield NextTurn()
        if not self._write_cache:
            yield Flush(self.backend)
        return GOOD

    def _to_unmap(self, data: bytes) -> list[tuple[int, int]]:
        """Which bytes a parameter list means: offsets and lengths, no two of which touch. Descriptors that are cut off mean
        nothing.
        """
        if not data:
            return []
        if len(data) < Unmap.SIZE:
            raise short()
        count = min(Unmap(data).unmap_block_descriptor_data_length, len(data) - Unmap.SIZE) // UnmapBlock.SIZE
        if count > MAX_DESCRIPTORS:
            raise _wrong(Unmap.unmap_block_descriptor_data_length, 0)
        found, total = [], 0
        for at in range(Unmap.SIZE, Unmap.SIZE + count * UnmapBlock.SIZE, UnmapBlock.SIZE):
            one = UnmapBlock(data[at : at + UnmapBlock.SIZE])
            lba, blocks = one.lba, one.number_of_logical_blocks
            if lba + blocks > self.blocks:
                raise _wrong(UnmapBlock.lba, at, SenseCode.LBA_OUT_OF_RANGE, max(lba, self.blocks))
            total += blocks * self.block_size
            if total > MAX_UNMAP:
                raise _wrong(UnmapBlock.number_of_logical_blocks, at)
            found.append((lba * self.block_size, blocks * self.block_size))
        return list(_joined(found))

    @command(cdbs.GetLbaStatus16, medium=True, conflicts=Conflict.EXCLUSIVE_ACCESS, refuses=["report_type"])
    def get_lba_status(self, task: Task, cdb: cdbs.GetLbaStatus16) -> Generator[Effect, Any, Effect]:
        """GET LBA STATUS(16): what the medium says, up to where it says it; 0h where it does not know.

        A block is deallocated when none of it takes room.
        """
        start, lba = self._start(cdb, 0), cdb.lba
        blocks = min(self.blocks - lba, 0xFFFFFFFF)
        extents = [(blocks * self.block_size, True)]
        if Feature.EXTENTS in features_of(self.backend):
            extents = yield Extents(self.backend, start, blocks * self.block_size)
        descriptors = []
        most = max((cdb.allocation_length - GetLbaStatus.SIZE) // LbaStatus.SIZE, 1)
        for count, mapped in _in_blocks(extents, self.block_size, blocks):
            status = ProvisioningStatus.MAPPED_OR_UNKNOWN if mapped else ProvisioningStatus.DEALLOCATED
            descriptors.append(
                LbaStatus.build(lba=lba, number_of_logical_blocks=count, provisioning_status=status)
            )
            lba += count
            if len(descriptors) == most:
                break
        return Reply(bytes(GetLbaStatus.build(descriptors=descriptors)), cdb.allocation_length)


def _wrong(
    field: Any, base: int, code: int = SenseCode.INVALID_FIELD_IN_PARAMETER_LIST, lba: int | None = None
) -> Fault:
    """Of the structure that stands ``base`` bytes into the parameter list, this field is."""
    return Fault(SenseKey.ILLEGAL_REQUEST, code, pointer(field, base), information=lba)


def _joined(stretches: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same bytes, in order, in as few stretches as there can be."""
    begin = end = 0
    for start, length in sorted(stretches):
        if start > end:
            if end > begin:
                yield begin, end - begin
            begin = start
        end = max(end, start + length)
    if end > begin:
        yield begin, end - begin


def _pieces(stretches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same bytes, no more than :data:`PIECE` at a time."""
    for start, length in stretches:
        end = start + length
        while start < end:
            upto = min(end, (start // PIECE + 1) * PIECE)
            yield start, upto - start
            start = upto


def _in_blocks(extents: Iterable[tuple[int, bool]], block: int, blocks: int) -> Iterator[tuple[int, bool]]:
    """Extents in bytes as extents in blocks, no two neighbours alike: 1 block at least, and up to ``blocks``."""
    run, kind, at, done = 0, True, 0, 0
    for length, mapped in extents:
        begin, at = at, min(at + length, blocks * block)
        # A block that is in both is mapped.
        steps = [(-(-at // block), True)] if mapped else [(-(-begin // block), True), (at // block, False)]
        for until, state in steps:
            if until <= done:
                continue
            if state != kind and run:
                yield run, kind
                run = 0
            run, kind, done = run + until - done, state, until
    yield run or 1, kind
