"""WRITE SAME; UNMAP and GET LBA STATUS of thin disks (SBC-4, 4.7, 5.6, 5.35, 5.49 to 5.51)."""

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
"""Bytes that are unmapped at a time, up to a multiple of this; other commands have their turn in between."""

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
        """WRITE SAME: writes the block of data-out, or with NDOB a block of zeros, to each LBA. 0 blocks are refused (WSNZ).

        Zeros are left to the medium where it supports ZERO, or, with UNMAP, DISCARD that leaves zeros.
        """
        blocks = cdb.number_of_logical_blocks
        start, length = self._start(cdb, blocks), blocks * self.block_size
        if not 0 < length <= MAX_WRITE_SAME:
            raise invalid(type(cdb), "number_of_logical_blocks")
        self._writable(task)
        block = bytes(self.block_size)
        if cdb.data_length(self.block_size):
            if task.data_out_length != self.block_size:  # not one block: the initiator may mean a WRITE
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
    """UNMAP, GET LBA STATUS(16), and WRITE SAME with UNMAP. No block is ever anchored.

    Unmapped blocks read as zeros (LBPRZ), which the medium has to guarantee.
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
        """WRITE SAME, with UNMAP too. A block that is not zeros is written even then, as it must read back unchanged."""
        return super().write_same(task, cdb)

    @command(cdbs.Unmap, medium=True, timeout=LONG, refuses=["anchor"])
    def unmap(self, task: Task, cdb: cdbs.Unmap) -> Generator[Effect, Any, Effect]:
        """UNMAP: the whole list is checked before anything is unmapped."""
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
        """The bytes that a parameter list names, as offsets and lengths, no two of which touch. A truncated descriptor is
        ignored.
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
        """GET LBA STATUS(16): the medium's extents, as far as one request returns them; 0h where the medium does not know.

        A block is deallocated if no byte of it is allocated.
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
    """A Fault that points to a field of the structure ``base`` bytes into the parameter list."""
    return Fault(SenseKey.ILLEGAL_REQUEST, code, pointer(field, base), information=lba)


def _joined(stretches: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same bytes in as few stretches as possible, in order."""
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
    """Extents in bytes as extents in blocks: alternately mapped and not, and 1 to ``blocks`` blocks together."""
    run, kind, at, done = 0, True, 0, 0
    for length, mapped in extents:
        begin, at = at, min(at + length, blocks * block)
        # A block that is in a mapped and in an unmapped extent is mapped.
        steps = [(-(-at // block), True)] if mapped else [(-(-begin // block), True), (at // block, False)]
        for until, state in steps:
            if until <= done:
                continue
            if state != kind and run:
                yield run, kind
                run = 0
            run, kind, done = run + until - done, state, until
    yield run or 1, kind
