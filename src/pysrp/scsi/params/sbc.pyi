# Made from the field tables by tools/stubs.py; do not edit.
"""Parameter data of disks: capacity and provisioning (SBC-4)."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.fields import Structure
from pysrp.scsi.params.base import ParameterData
__all__ = ['GetLbaStatus', 'LbaStatus', 'ReadCapacity10', 'ReadCapacity16', 'Unmap', 'UnmapBlock']

class _ReadCapacity10Fields(TypedDict, total=False):
    returned_lba: int
    block_length: int
    trailing: ReadableBuffer

class ReadCapacity10(Structure):
    """READ CAPACITY (10) parameter data, 8 bytes (SBC-4, 5.20.2); LBA FFFFFFFFh: ask READ CAPACITY (16)."""
    TEXTS: ClassVar[dict[str, str]]
    returned_lba: pysrp.fields.U32
    """Address of the last logical block; of READ CAPACITY(10), FFFFFFFFh means to ask for 16 bytes"""
    block_length: pysrp.fields.U32
    """Bytes of a logical block, without protection information"""
    @property
    def blocks(self) -> int:
        """Number of logical blocks."""
    @property
    def capacity(self) -> int:
        """Size of the medium in bytes."""
    @classmethod
    def build(cls, **fields: Unpack[_ReadCapacity10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadCapacity10Fields]) -> int: ...  # type: ignore[override]

class _ReadCapacity16Fields(TypedDict, total=False):
    returned_lba: int
    block_length: int
    rc_basis: int
    p_type: int
    prot_en: int
    p_i_exponent: int
    lbppbe: int
    lbpme: int
    lbprz: int
    lowest_aligned_lba: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class ReadCapacity16(ParameterData, cover='payload', full=32):
    """READ CAPACITY (16) parameter data, 32 bytes (SBC-4, 5.21.2); the first 12 have the capacity."""
    returned_lba: pysrp.fields.U64
    """Address of the last logical block; of READ CAPACITY(10), FFFFFFFFh means to ask for 16 bytes"""
    block_length: pysrp.fields.U32
    """Bytes of a logical block, without protection information"""
    rc_basis: pysrp.fields.Bits
    """What RETURNED LOGICAL BLOCK ADDRESS is of a zoned disk: 0 the last of the conventional zones, 1 the last of all (ZBC)"""
    p_type: pysrp.fields.Bits
    """Type of protection, less one; counts with PROT_EN: 0 type 1, 1 type 2, 2 type 3"""
    prot_en: pysrp.fields.Flag
    """Set: the unit is formatted with protection information"""
    p_i_exponent: pysrp.fields.Bits
    """2^n pieces of protection information for each block"""
    lbppbe: pysrp.fields.Bits
    """A physical block has 2^n logical ones; 0: one or more, how many is not said"""
    lbpme: pysrp.fields.Flag
    """Set: blocks can be unmapped (logical block provisioning, SBC-4, 4.7)"""
    lbprz: pysrp.fields.Flag
    """Set: a block that is not mapped reads as zeros"""
    lowest_aligned_lba: pysrp.fields.Bits
    """First logical block that begins with a physical one"""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""
    @property
    def blocks(self) -> int:
        """Number of logical blocks."""
    @property
    def capacity(self) -> int:
        """Size of the medium in bytes."""
    @property
    def physical_block_length(self) -> int:
        """Bytes in a physical block, computed from the exponent."""
    @classmethod
    def build(cls, **fields: Unpack[_ReadCapacity16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadCapacity16Fields]) -> int: ...  # type: ignore[override]

class _LbaStatusFields(TypedDict, total=False):
    lba: int
    number_of_logical_blocks: int
    provisioning_status: int
    additional_status: int
    trailing: ReadableBuffer

class LbaStatus(Structure, size=16):
    """LBA status descriptor, 16 bytes (SBC-4, 5.7.2)."""
    TEXTS: ClassVar[dict[str, str]]
    lba: pysrp.fields.U64
    """First logical block that the entry is about"""
    number_of_logical_blocks: pysrp.fields.U32
    """How many blocks the entry is about, from that one on"""
    provisioning_status: pysrp.fields.Bits
    """What these blocks are: 0 mapped or not known, 1 deallocated, 2 anchored, 3 mapped, 4 not known"""
    additional_status: pysrp.fields.U8
    """More about these blocks, as the report type has it: 0 nothing, 1 a read may fail"""
    @classmethod
    def build(cls, **fields: Unpack[_LbaStatusFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LbaStatusFields]) -> int: ...  # type: ignore[override]

class _GetLbaStatusFields(TypedDict, total=False):
    parameter_data_length: int
    completion_condition: int
    rtp: int
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class GetLbaStatus(Structure, size=8):
    """GET LBA STATUS parameter data, 8 + 16 n bytes (SBC-4, 5.7.2); the length counts from byte 4."""
    TEXTS: ClassVar[dict[str, str]]
    parameter_data_length: pysrp.fields.U32
    """Bytes behind this field, room or not"""
    completion_condition: pysrp.fields.Bits
    """Why the report ends: 0 not said, 1 there was no more room, 2 all that was asked for is told, 3 the end of the unit"""
    rtp: pysrp.fields.Flag
    """Set: the report type was heeded; clear: all blocks are told of"""
    descriptors: pysrp.fields.List[LbaStatus]
    """What blocks are, in their order"""
    @classmethod
    def build(cls, **fields: Unpack[_GetLbaStatusFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_GetLbaStatusFields]) -> int: ...  # type: ignore[override]

class _UnmapBlockFields(TypedDict, total=False):
    lba: int
    number_of_logical_blocks: int
    trailing: ReadableBuffer

class UnmapBlock(Structure, size=16):
    """UNMAP block descriptor, 16 bytes (SBC-4, 5.35.2)."""
    TEXTS: ClassVar[dict[str, str]]
    lba: pysrp.fields.U64
    """First logical block that the entry is about"""
    number_of_logical_blocks: pysrp.fields.U32
    """How many blocks the entry is about, from that one on"""
    @classmethod
    def build(cls, **fields: Unpack[_UnmapBlockFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UnmapBlockFields]) -> int: ...  # type: ignore[override]

class _UnmapFields(TypedDict, total=False):
    unmap_data_length: int
    unmap_block_descriptor_data_length: int
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class Unmap(ParameterData, size=8):
    """UNMAP parameter list, 8 + 16 n bytes (SBC-4, 5.35.2)."""
    unmap_data_length: pysrp.fields.U16
    """Bytes of the list behind this field"""
    unmap_block_descriptor_data_length: pysrp.fields.U16
    """Bytes of descriptors, a multiple of 16; 0: nothing is unmapped, and no error"""
    descriptors: pysrp.fields.List[UnmapBlock]
    """Which blocks, in any order"""
    @classmethod
    def build(cls, **fields: Unpack[_UnmapFields]) -> Self:  # type: ignore[override]
        """A new parameter list from ``descriptors``; both lengths follow from it unless named."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UnmapFields]) -> int: ...  # type: ignore[override]
