"""Parameter data of disks: capacity and provisioning (SBC-4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pysrp.fields import U8, U16, U32, U64, Bits, Flag, List, Part, Structure
from pysrp.scsi import texts
from pysrp.scsi.codes import ProvisioningStatus
from pysrp.scsi.params.base import ParameterData

__all__ = [
    "GetLbaStatus",
    "LbaStatus",
    "ReadCapacity10",
    "ReadCapacity16",
    "Unmap",
    "UnmapBlock",
]


class ReadCapacity10(Structure):
    """READ CAPACITY (10) parameter data, 8 bytes (SBC-4, 5.20.2); LBA FFFFFFFFh: ask READ CAPACITY (16)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    returned_lba = U32(0)
    block_length = U32(4)

    @property
    def blocks(self) -> int:
        """Number of logical blocks."""
        return int(self.returned_lba) + 1

    @property
    def capacity(self) -> int:
        """Size of the medium in bytes."""
        return self.blocks * int(self.block_length)


class ReadCapacity16(ParameterData, cover="payload", full=32):
    """READ CAPACITY (16) parameter data, 32 bytes (SBC-4, 5.21.2); the first 12 have the capacity."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    returned_lba = U64(0, hex=False)
    block_length = U32(8)
    rc_basis = Bits(12, 4, 2)
    p_type = Bits(12, 1, 3)
    prot_en = Flag(12, 0)
    p_i_exponent = Bits(13, 4, 4)
    lbppbe = Bits(13, 0, 4)
    lbpme = Flag(14, 7)
    lbprz = Flag(14, 6)
    lowest_aligned_lba = Bits(14, 0, 14, 2)
    payload = Part(12, 20, clamp=True)

    @property
    def blocks(self) -> int:
        """Number of logical blocks."""
        return int(self.returned_lba) + 1

    @property
    def capacity(self) -> int:
        """Size of the medium in bytes."""
        return self.blocks * int(self.block_length)

    @property
    def physical_block_length(self) -> int:
        """Bytes in a physical block, computed from the exponent."""
        return int(self.block_length) << int(self.lbppbe)


class LbaStatus(Structure, size=16):
    """LBA status descriptor, 16 bytes (SBC-4, 5.7.2)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    lba = U64(0, hex=False)
    number_of_logical_blocks = U32(8)
    provisioning_status = Bits(12, 0, 4, enum=ProvisioningStatus)
    additional_status = U8(13)


class GetLbaStatus(Structure, size=8):
    """GET LBA STATUS parameter data, 8 + 16 n bytes (SBC-4, 5.7.2); the length counts from byte 4."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    parameter_data_length = U32(0, default=4)
    completion_condition = Bits(7, 1, 3)
    rtp = Flag(7, 0)
    descriptors = List(
        8, parameter_data_length, bias=-4, item=LbaStatus, clamp=True, doc="What blocks are, in their order"
    )


class UnmapBlock(Structure, size=16):
    """UNMAP block descriptor, 16 bytes (SBC-4, 5.35.2)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    lba = U64(0, hex=False)
    number_of_logical_blocks = U32(8)


class Unmap(ParameterData, size=8):
    """UNMAP parameter list, 8 + 16 n bytes (SBC-4, 5.35.2)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    unmap_data_length = U16(0)
    unmap_block_descriptor_data_length = U16(2)
    descriptors = List(
        8, unmap_block_descriptor_data_length, item=UnmapBlock, clamp=True, doc="Which blocks, in any order"
    )

    @classmethod
    def build(cls, **fields: Any) -> Unmap:
        """A new parameter list from ``descriptors``; both lengths follow from it unless named."""
        made = super().build(**fields)
        if "unmap_data_length" not in fields:
            made.unmap_data_length = min(int(made.unmap_block_descriptor_data_length) + 6, 0xFFFF)
        return made

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.unmap_data_length != self.unmap_block_descriptor_data_length + 6:
            yield "unmap_data_length", 0, "not the length of the block descriptors plus 6"
        if self.unmap_block_descriptor_data_length % 16:
            yield "unmap_block_descriptor_data_length", 2, "not whole descriptors of 16 bytes"
