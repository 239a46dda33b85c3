"""The capacity: READ CAPACITY, and the mode parameter block descriptor."""

from __future__ import annotations

from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import SenseKey
from pysrp.scsi.mode import BlockDescriptor, LongBlockDescriptor
from pysrp.scsi.params import ReadCapacity10, ReadCapacity16
from pysrp.target.effects import Effect, Reply
from pysrp.target.fault import Fault
from pysrp.target.task import Task
from pysrp.target.units.blocks import BlockUnit
from pysrp.target.units.codes import SenseCode, invalid
from pysrp.target.units.commands import Conflict, command, pointer

__all__ = ["CapacityCommands"]


class CapacityCommands(BlockUnit):
    """READ CAPACITY(10) and (16)."""

    @command(cdbs.ReadCapacity10, medium=True, conflicts=Conflict.RESERVE)
    def read_capacity_10(self, task: Task, cdb: cdbs.ReadCapacity10) -> Effect:
        """READ CAPACITY(10); a last LBA of FFFFFFFFh means that READ CAPACITY(16) has to be used."""
        if cdb.lba and not cdb.pmi:
            raise invalid(cdbs.ReadCapacity10, "lba")
        self.has_grown()
        last = min(self.blocks - 1, 0xFFFFFFFF)
        return Reply(bytes(ReadCapacity10.build(returned_lba=last, block_length=self.block_size)))

    @command(cdbs.ReadCapacity16, medium=True, conflicts=Conflict.RESERVE)
    def read_capacity_16(self, task: Task, cdb: cdbs.ReadCapacity16) -> Effect:
        """READ CAPACITY(16)."""
        if cdb.lba and not cdb.pmi:
            raise invalid(cdbs.ReadCapacity16, "lba")
        self.has_grown()
        data = ReadCapacity16.build(
            returned_lba=self.blocks - 1,
            block_length=self.block_size,
            lbppbe=self._exponent,
            lbpme=self.thin,
            lbprz=self.thin,
        )
        return Reply(bytes(data), cdb.allocation_length)

    def block_descriptor(self, long: bool) -> bytes:
        """Number and length of the blocks: the long descriptor where it is allowed and needed."""
        if long and self.blocks > 0xFFFFFFFF:
            data: Any = LongBlockDescriptor.build(
                number_of_logical_blocks=self.blocks, logical_block_length=self.block_size
            )
        else:
            data = BlockDescriptor.build(
                number_of_logical_blocks=min(self.blocks, 0xFFFFFFFF), logical_block_length=self.block_size
            )
        return bytes(data)

    def check_block_descriptor(self, descriptor: bytes, base: int) -> None:
        """Raise Fault for another block length, and for a number of blocks that is neither all nor 0 (no change)."""
        kind: Any = LongBlockDescriptor if len(descriptor) == 16 else BlockDescriptor
        asked = kind(descriptor)
        field = kind.number_of_logical_blocks
        everything = 1 << 8 * field.size  # all ones: the maximum capacity
        wrong = None
        if asked.number_of_logical_blocks not in (0, self.blocks, everything - 1):
            wrong = field
        elif asked.logical_block_length != self.block_size:
            wrong = kind.logical_block_length
        if wrong is not None:
            raise Fault(
                SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_FIELD_IN_PARAMETER_LIST, pointer(wrong, base)
            )
