# Made from the field tables by tools/stubs.py; do not edit.
"""Third-party copies: the parameter list of EXTENDED COPY(LID1), the data of RECEIVE COPY RESULTS (SPC-4, 6.4 to 6.6, 6.18 to 6.25)."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.fields import Structure
from pysrp.scsi.params.base import ParameterData
__all__ = ['BlockToBlock', 'CopyFailureDetails', 'CopyList', 'CopyOperatingParameters', 'CopySegment', 'CopyStatus', 'Cscd', 'IdentificationCscd']

class _CscdFields(TypedDict, total=False):
    descriptor_type_code: int
    lu_id_type: int
    nul: int
    peripheral_device_type: int
    relative_initiator_port_identifier: int
    parameters: ReadableBuffer
    device_type_specific: ReadableBuffer
    trailing: ReadableBuffer

class Cscd(Structure, size=32):
    """CSCD descriptor of a type without a table here, 32 bytes (SPC-4, 6.4.5.1): a copy source or copy destination."""
    TEXTS: ClassVar[dict[str, str]]
    descriptor_type_code: pysrp.fields.U8
    """What kind of descriptor it is: segments below C0h, 02h block to block; CSCDs from E0h, E4h by a name"""
    lu_id_type: pysrp.fields.Bits
    """How the unit is named: 0 as the type has it, 1 by a proxy token; others are ignored"""
    nul: pysrp.fields.Flag
    """Obsolete; set: nothing is there, and data are made of nothing (SPC-3)"""
    peripheral_device_type: pysrp.fields.Bits
    """What commands the unit has: 00h disk, 01h tape, 05h CD or DVD, 1Fh unknown or none"""
    relative_initiator_port_identifier: pysrp.fields.U16
    """Port of the copy manager that is to be used, from 1; 0: any"""
    parameters: pysrp.fields.Raw
    """Name or address of the device, as the type has it"""
    device_type_specific: pysrp.fields.Raw
    """What the kind of device needs: of blocks, their size"""
    @classmethod
    def build(cls, **fields: Unpack[_CscdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CscdFields]) -> int: ...  # type: ignore[override]

class _IdentificationCscdFields(TypedDict, total=False):
    descriptor_type_code: int
    lu_id_type: int
    nul: int
    peripheral_device_type: int
    relative_initiator_port_identifier: int
    code_set: int
    association: int
    designator_type: int
    designator_length: int
    designator: ReadableBuffer
    pad: int
    disk_block_length: int
    trailing: ReadableBuffer

class IdentificationCscd(Structure, size=32):
    """Identification descriptor CSCD descriptor, E4h: 32 bytes (SPC-4, 6.4.5.3), of a device with blocks (6.4.5.1.2)."""
    TEXTS: ClassVar[dict[str, str]]
    descriptor_type_code: pysrp.fields.U8
    """What kind of descriptor it is: segments below C0h, 02h block to block; CSCDs from E0h, E4h by a name"""
    lu_id_type: pysrp.fields.Bits
    """How the unit is named: 0 as the type has it, 1 by a proxy token; others are ignored"""
    nul: pysrp.fields.Flag
    """Obsolete; set: nothing is there, and data are made of nothing (SPC-3)"""
    peripheral_device_type: pysrp.fields.Bits
    """What commands the unit has: 00h disk, 01h tape, 05h CD or DVD, 1Fh unknown or none"""
    relative_initiator_port_identifier: pysrp.fields.U16
    """Port of the copy manager that is to be used, from 1; 0: any"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    association: pysrp.fields.Bits
    """Whose name this is: 0 the unit's, 1 the port's, 2 the target device's (SPC-5, 7.7.6)"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    designator_length: pysrp.fields.U8
    """Bytes of the name behind this field"""
    designator: pysrp.fields.Raw
    """The name itself, as its type has it"""
    pad: pysrp.fields.Flag
    """Set: what is left of a block is filled up with zeros"""
    disk_block_length: pysrp.fields.U24
    """Bytes of a logical block of the device, without protection information"""
    @classmethod
    def build(cls, **fields: Unpack[_IdentificationCscdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_IdentificationCscdFields]) -> int: ...  # type: ignore[override]
cscds: pysrp.fields.Dispatch

class _CopySegmentFields(TypedDict, total=False):
    descriptor_type_code: int
    dc: int
    cat: int
    descriptor_length: int
    parameters: ReadableBuffer | None
    trailing: ReadableBuffer

class CopySegment(Structure, size=4):
    """Segment descriptor of a type without a table here, 4 + n bytes (SPC-4, 6.4.6.1)."""
    TEXTS: ClassVar[dict[str, str]]
    descriptor_type_code: pysrp.fields.U8
    """What kind of descriptor it is: segments below C0h, 02h block to block; CSCDs from E0h, E4h by a name"""
    dc: pysrp.fields.Flag
    """Set: the destination's blocks are counted; clear: the source's"""
    cat: pysrp.fields.Flag
    """Set: what is left over goes in front of the next segment"""
    descriptor_length: pysrp.fields.U16
    """Bytes of the descriptor behind this field"""
    parameters: pysrp.fields.Part
    """What is copied, as the type has it"""
    @classmethod
    def build(cls, **fields: Unpack[_CopySegmentFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CopySegmentFields]) -> int: ...  # type: ignore[override]

class _BlockToBlockFields(TypedDict, total=False):
    descriptor_type_code: int
    dc: int
    cat: int
    descriptor_length: int
    source_cscd_descriptor_id: int
    destination_cscd_descriptor_id: int
    block_device_number_of_blocks: int
    source_lba: int
    destination_lba: int
    trailing: ReadableBuffer

class BlockToBlock(Structure, size=28):
    """Segment descriptor block device to block device, 02h: 28 bytes (SPC-4, 6.4.6.3)."""
    TEXTS: ClassVar[dict[str, str]]
    descriptor_type_code: pysrp.fields.U8
    """What kind of descriptor it is: segments below C0h, 02h block to block; CSCDs from E0h, E4h by a name"""
    dc: pysrp.fields.Flag
    """Set: the destination's blocks are counted; clear: the source's"""
    cat: pysrp.fields.Flag
    """Set: what is left over goes in front of the next segment"""
    descriptor_length: pysrp.fields.U16
    """Bytes of the descriptor behind this field"""
    source_cscd_descriptor_id: pysrp.fields.U16
    """Which CSCD descriptor of the list the data come from, from 0"""
    destination_cscd_descriptor_id: pysrp.fields.U16
    """Which CSCD descriptor of the list they go to, from 0"""
    block_device_number_of_blocks: pysrp.fields.U16
    """How much is copied, in logical blocks of the device that DC says"""
    source_lba: pysrp.fields.U64
    """First logical block that is read"""
    destination_lba: pysrp.fields.U64
    """First logical block that is written"""
    @classmethod
    def build(cls, **fields: Unpack[_BlockToBlockFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_BlockToBlockFields]) -> int: ...  # type: ignore[override]
segments: pysrp.fields.Dispatch

class _CopyListFields(TypedDict, total=False):
    list_identifier: int
    str: int
    list_id_usage: int
    priority: int
    cscd_descriptor_list_length: int
    segment_descriptor_list_length: int
    inline_data_length: int
    cscds: ReadableBuffer | Iterable[Any] | None
    segments: ReadableBuffer | Iterable[Any] | None
    inline_data: ReadableBuffer | None
    trailing: ReadableBuffer

class CopyList(ParameterData, size=16):
    """EXTENDED COPY(LID1) parameter list, 16 + n bytes (SPC-4, 6.5): descriptors and inline data follow one another."""
    list_identifier: pysrp.fields.U8
    """Name that the initiator asks for the copy by"""
    str: pysrp.fields.Flag
    """Set: a copy from a tape goes on as a stream; of tapes"""
    list_id_usage: pysrp.fields.Bits
    """0: what became of it is held; 2: it need not be; 3: there is no list identifier"""
    priority: pysrp.fields.Bits
    """Whether this copy goes before others, 0 first"""
    cscd_descriptor_list_length: pysrp.fields.U16
    """Bytes of the CSCD descriptors, 32 each"""
    segment_descriptor_list_length: pysrp.fields.U32
    """Bytes of the segment descriptors behind those"""
    inline_data_length: pysrp.fields.U32
    """Bytes of data that come with the list, behind the descriptors"""
    cscds: pysrp.fields.List[IdentificationCscd | Cscd]
    """Copy sources and copy destinations, which segments name by their place"""
    segments: pysrp.fields.List[BlockToBlock | CopySegment]
    """What is copied, one after the other"""
    inline_data: pysrp.fields.Part
    """Data to copy from the list itself"""
    @classmethod
    def build(cls, **fields: Unpack[_CopyListFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CopyListFields]) -> int: ...  # type: ignore[override]

class _CopyOperatingParametersFields(TypedDict, total=False):
    available_data: int
    snlid: int
    maximum_cscd_descriptor_count: int
    maximum_segment_descriptor_count: int
    maximum_descriptor_list_length: int
    maximum_segment_length: int
    maximum_inline_data_length: int
    held_data_limit: int
    maximum_stream_device_transfer_size: int
    total_concurrent_copies: int
    maximum_concurrent_copies: int
    data_segment_granularity: int
    inline_data_granularity: int
    held_data_granularity: int
    implemented_descriptor_list_length: int
    implemented_descriptors: ReadableBuffer | None
    trailing: ReadableBuffer

class CopyOperatingParameters(ParameterData, size=44):
    """RECEIVE COPY OPERATING PARAMETERS data, 44 + n bytes (SPC-4, 6.23); granularities are exponents of 2, in bytes."""
    available_data: pysrp.fields.U32
    """Bytes that there are behind this field, whether they have come or not"""
    snlid: pysrp.fields.Flag
    """Set: copies without a list identifier are known"""
    maximum_cscd_descriptor_count: pysrp.fields.U16
    """CSCD descriptors that one list may have"""
    maximum_segment_descriptor_count: pysrp.fields.U16
    """Segment descriptors that one list may have"""
    maximum_descriptor_list_length: pysrp.fields.U32
    """Bytes of descriptors that one list may have, of both kinds together"""
    maximum_segment_length: pysrp.fields.U32
    """Bytes that one segment may copy; 0: any number"""
    maximum_inline_data_length: pysrp.fields.U32
    """Bytes that may come with a list"""
    held_data_limit: pysrp.fields.U32
    """Bytes that are kept for who has not asked yet"""
    maximum_stream_device_transfer_size: pysrp.fields.U32
    """Bytes of one transfer of a tape"""
    total_concurrent_copies: pysrp.fields.U16
    """Copies that may be under way at a time, with names or without"""
    maximum_concurrent_copies: pysrp.fields.U8
    """Copies with names that may be under way at a time"""
    data_segment_granularity: pysrp.fields.U8
    """Smallest piece that is copied, as a power of two of bytes"""
    inline_data_granularity: pysrp.fields.U8
    """Smallest piece that comes with a list, likewise"""
    held_data_granularity: pysrp.fields.U8
    """Smallest piece that is kept, likewise"""
    implemented_descriptor_list_length: pysrp.fields.U8
    """How many types of descriptors are known, a byte each"""
    implemented_descriptors: pysrp.fields.Part
    """Their type codes, ascending"""
    @classmethod
    def build(cls, **fields: Unpack[_CopyOperatingParametersFields]) -> Self:  # type: ignore[override]
        """New data; ``available_data`` follows from ``implemented_descriptors`` unless it is named."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CopyOperatingParametersFields]) -> int: ...  # type: ignore[override]

class _CopyStatusFields(TypedDict, total=False):
    available_data: int
    hdd: int
    copy_command_status: int
    segments_processed: int
    transfer_count_units: int
    transfer_count: int
    trailing: ReadableBuffer

class CopyStatus(ParameterData, size=12):
    """RECEIVE COPY STATUS(LID1) data, 12 bytes (SPC-4, 6.25); the transfer count is in 2 ** (10 * units) bytes."""
    available_data: pysrp.fields.U32
    """Bytes that there are behind this field, whether they have come or not"""
    hdd: pysrp.fields.Flag
    """Set: what was held of it has been discarded"""
    copy_command_status: pysrp.fields.Bits
    """0 under way, 1 ended without errors, 2 ended with some"""
    segments_processed: pysrp.fields.U16
    """Segments that are done with"""
    transfer_count_units: pysrp.fields.U8
    """What is counted: 0 bytes, 1 KiB, 2 MiB and so on"""
    transfer_count: pysrp.fields.U32
    """How much has been written, in these units"""
    @classmethod
    def build(cls, **fields: Unpack[_CopyStatusFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CopyStatusFields]) -> int: ...  # type: ignore[override]

class _CopyFailureDetailsFields(TypedDict, total=False):
    available_data: int
    extended_copy_command_status: int
    sense_data_length: int
    sense_data: ReadableBuffer | None
    trailing: ReadableBuffer

class CopyFailureDetails(ParameterData, size=60):
    """RECEIVE COPY FAILURE DETAILS(LID1) data, 60 bytes and sense data (SPC-4, 6.22)."""
    available_data: pysrp.fields.U32
    """Bytes that there are behind this field, whether they have come or not"""
    extended_copy_command_status: pysrp.fields.U8
    """SAM status that the EXTENDED COPY ended with"""
    sense_data_length: pysrp.fields.U16
    """Bytes of sense behind this field"""
    sense_data: pysrp.fields.Part
    """What the EXTENDED COPY ended with, to be parsed as sense data"""
    @classmethod
    def build(cls, **fields: Unpack[_CopyFailureDetailsFields]) -> Self:  # type: ignore[override]
        """New data; ``available_data`` follows from ``sense_data`` unless it is named."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CopyFailureDetailsFields]) -> int: ...  # type: ignore[override]
