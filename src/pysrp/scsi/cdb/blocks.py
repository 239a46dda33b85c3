"""Groups of fields that several commands of SBC have in the same place, for the classes in :mod:`pysrp.scsi.cdb.sbc`.

Each command defines its other fields, and names its own count of blocks. A group with ``_blocks`` and ``_data`` replaces
the command's keywords ``blocks``, ``data_in`` and ``data_out``.
"""

from __future__ import annotations

from typing import Any

from pysrp.fields import U8, U16, U32, U64, Bits, Flag
from pysrp.scsi.cdb.base import Group
from pysrp.scsi.codes import ByteCheck, DataDirection


class Blocks6(Group):
    """READ(6) and WRITE(6): a transfer length of 0 means 256 blocks."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    lba = Bits(1, 0, 21, 3)
    transfer_length = U8(4)

    @property
    def blocks(self: Any) -> int:
        """Logical blocks, 1 to 256."""
        count: int = self.transfer_length
        return count or 256


class ReadFlags(Group):
    """READ(10), (12) and (16): byte 1; the data-in is the blocks."""

    __slots__ = ()
    _blocks = "transfer_length"
    _data = DataDirection.IN, "blocks"
    rdprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    rarc = Flag(1, 2)
    fua_nv = Flag(1, 1)


class WriteFlags(Group):
    """WRITE CDBs of up to 16 bytes: byte 1; the data-out is the blocks."""

    __slots__ = ()
    _blocks = "transfer_length"
    _data = DataDirection.OUT, "blocks"
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)


class WriteFlags32(Group):
    """WRITE CDBs of 32 bytes: byte 10; the data-out is the blocks."""

    __slots__ = ()
    _blocks = "transfer_length"
    _data = DataDirection.OUT, "blocks"
    wrprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    fua = Flag(10, 3)


class WriteAndVerifyFlags(Group):
    """WRITE AND VERIFY(10), (12) and (16): byte 1; the data-out is the blocks."""

    __slots__ = ()
    _blocks = "transfer_length"
    _data = DataDirection.OUT, "blocks"
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    bytchk = Bits(1, 1, 2, enum=ByteCheck)


class VerifyFlags(Group):
    """VERIFY(10), (12) and (16): byte 1."""

    __slots__ = ()
    _blocks = "verification_length"
    vrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    bytchk = Bits(1, 1, 2, enum=ByteCheck)


class WriteSameFlags(Group):
    """WRITE SAME(10) and (16): byte 1."""

    __slots__ = ()
    _blocks = "number_of_logical_blocks"
    wrprotect = Bits(1, 5, 3)
    anchor = Flag(1, 4)
    unmap = Flag(1, 3)
    pbdata = Flag(1, 2)
    lbdata = Flag(1, 1)


class Extent10(Group):
    """LBA and group number in a CDB of 10 bytes."""

    __slots__ = ()
    lba = U32(2)
    group_number = Bits(6, 0, 6)


class Extent12(Group):
    """LBA and group number in a CDB of 12 bytes."""

    __slots__ = ()
    lba = U32(2)
    group_number = Bits(10, 0, 6)


class Extent16(Group):
    """LBA and group number in a CDB of 16 bytes."""

    __slots__ = ()
    lba = U64(2, hex=False)
    group_number = Bits(14, 0, 6)


class Extent32(Group):
    """LBA and group number in a CDB of 32 bytes."""

    __slots__ = ()
    group_number = Bits(6, 0, 6)
    lba = U64(12, hex=False)


class Tags32(Group):
    """The expected tags of the blocks' protection information."""

    __slots__ = ()
    expected_initial_logical_block_reference_tag = U32(20, hex=True)
    expected_logical_block_application_tag = U16(24, hex=True)
    logical_block_application_tag_mask = U16(26, hex=True)


class DurationLimit16(Group):
    """The duration limit descriptor of READ(16) and WRITE(16), whose bits stand in two places."""

    __slots__ = ()
    dld2 = Flag(1, 0)
    dld1 = Flag(14, 7)
    dld0 = Flag(14, 6)


class Token16(Group):
    """POPULATE TOKEN and WRITE USING TOKEN."""

    __slots__ = ()
    list_identifier = U32(6, hex=True)
    parameter_list_length = U32(10)
    group_number = Bits(14, 0, 6)
