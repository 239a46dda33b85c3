"""Third-party copies: the parameter list of EXTENDED COPY(LID1), the data of RECEIVE COPY RESULTS (SPC-4, 6.4 to 6.6, 6.18 to 6.25)."""

from __future__ import annotations

from pysrp.fields import U8, U16, U24, U32, U64, Bits, Dispatch, Flag, List, Part, Raw, Structure
from pysrp.scsi import texts
from pysrp.scsi.codes import Association, CodeSet, DesignatorType, PeripheralDeviceType
from pysrp.scsi.params.base import ParameterData

__all__ = [
    "BlockToBlock",
    "CopyFailureDetails",
    "CopyList",
    "CopyOperatingParameters",
    "CopySegment",
    "CopyStatus",
    "Cscd",
    "IdentificationCscd",
]


class Cscd(Structure, size=32):
    """CSCD descriptor of a type without a table here, 32 bytes (SPC-4, 6.4.5.1): a copy source or copy destination."""

    __slots__ = ()
    TEXTS = texts.COPYING
    descriptor_type_code = U8(0, hex=True)
    lu_id_type = Bits(1, 6, 2)
    nul = Flag(1, 5)
    peripheral_device_type = Bits(1, 0, 5, enum=PeripheralDeviceType)
    relative_initiator_port_identifier = U16(2)
    parameters = Raw(4, 24, doc="Name or address of the device, as the type has it")
    device_type_specific = Raw(28, 4)


class IdentificationCscd(Structure, size=32):
    """Identification descriptor CSCD descriptor, E4h: 32 bytes (SPC-4, 6.4.5.3), of a device with blocks (6.4.5.1.2)."""

    __slots__ = ()
    TEXTS = texts.COPYING
    descriptor_type_code = U8(0, hex=True, must=0xE4)
    lu_id_type = Bits(1, 6, 2)
    nul = Flag(1, 5)
    peripheral_device_type = Bits(1, 0, 5, enum=PeripheralDeviceType)
    relative_initiator_port_identifier = U16(2)
    code_set = Bits(4, 0, 4, enum=CodeSet)
    association = Bits(5, 4, 2, enum=Association)
    designator_type = Bits(5, 0, 4, enum=DesignatorType)
    designator_length = U8(7)
    designator = Raw(8, 20)
    pad = Flag(28, 2)
    disk_block_length = U24(29)


cscds = Dispatch("CSCD descriptor type", 0, default=Cscd)
cscds.add(0xE4, IdentificationCscd)


class CopySegment(Structure, size=4):
    """Segment descriptor of a type without a table here, 4 + n bytes (SPC-4, 6.4.6.1)."""

    __slots__ = ()
    TEXTS = texts.COPYING
    descriptor_type_code = U8(0, hex=True)
    dc = Flag(1, 1)
    cat = Flag(1, 0)
    descriptor_length = U16(2)
    parameters = Part(4, descriptor_length, clamp=True, doc="What is copied, as the type has it")


class BlockToBlock(Structure, size=28):
    """Segment descriptor block device to block device, 02h: 28 bytes (SPC-4, 6.4.6.3)."""

    __slots__ = ()
    TEXTS = texts.COPYING
    descriptor_type_code = U8(0, hex=True, must=0x02)
    dc = Flag(1, 1)
    cat = Flag(1, 0)
    descriptor_length = U16(2, must=24)
    source_cscd_descriptor_id = U16(4, hex=True)
    destination_cscd_descriptor_id = U16(6, hex=True)
    block_device_number_of_blocks = U16(10)
    source_lba = U64(12, hex=False)
    destination_lba = U64(20, hex=False)


segments = Dispatch("segment descriptor type", 0, default=CopySegment)
segments.add(0x02, BlockToBlock)


class CopyList(ParameterData, size=16):
    """EXTENDED COPY(LID1) parameter list, 16 + n bytes (SPC-4, 6.5): descriptors and inline data follow one another."""

    __slots__ = ()
    TEXTS = texts.COPYING
    list_identifier = U8(0, hex=True)
    str = Flag(1, 5)
    list_id_usage = Bits(1, 3, 2)
    priority = Bits(1, 0, 3)
    cscd_descriptor_list_length = U16(2)
    segment_descriptor_list_length = U32(8)
    inline_data_length = U32(12)
    cscds = List(16, cscd_descriptor_list_length, item=cscds, clamp=True)
    segments = List(cscds, segment_descriptor_list_length, item=segments, clamp=True)
    inline_data = Part(segments, inline_data_length, clamp=True)


class CopyOperatingParameters(ParameterData, size=44):
    """RECEIVE COPY OPERATING PARAMETERS data, 44 + n bytes (SPC-4, 6.23); granularities are exponents of 2, in bytes."""

    __slots__ = ()
    TEXTS = texts.COPYING
    available_data = U32(0)
    snlid = Flag(4, 0)
    maximum_cscd_descriptor_count = U16(8)
    maximum_segment_descriptor_count = U16(10)
    maximum_descriptor_list_length = U32(12)
    maximum_segment_length = U32(16)
    maximum_inline_data_length = U32(20)
    held_data_limit = U32(24)
    maximum_stream_device_transfer_size = U32(28)
    total_concurrent_copies = U16(34)
    maximum_concurrent_copies = U8(36)
    data_segment_granularity = U8(37)
    inline_data_granularity = U8(38)
    held_data_granularity = U8(39)
    implemented_descriptor_list_length = U8(43)
    implemented_descriptors = Part(44, implemented_descriptor_list_length, clamp=True)

    @classmethod
    def build(cls, **fields: object) -> CopyOperatingParameters:
        """New data; ``available_data`` follows from ``implemented_descriptors`` unless it is named."""
        made = super().build(**fields)
        if "available_data" not in fields:
            made.available_data = len(made) - 4
        return made


class CopyStatus(ParameterData, size=12):
    """RECEIVE COPY STATUS(LID1) data, 12 bytes (SPC-4, 6.25); the transfer count is in 2 ** (10 * units) bytes."""

    __slots__ = ()
    TEXTS = texts.COPYING
    available_data = U32(0, default=8)
    hdd = Flag(4, 7)
    copy_command_status = Bits(4, 0, 7)
    segments_processed = U16(5)
    transfer_count_units = U8(7)
    transfer_count = U32(8)


class CopyFailureDetails(ParameterData, size=60):
    """RECEIVE COPY FAILURE DETAILS(LID1) data, 60 bytes and sense data (SPC-4, 6.22)."""

    __slots__ = ()
    TEXTS = texts.COPYING
    available_data = U32(0)
    extended_copy_command_status = U8(56, hex=True)
    sense_data_length = U16(58)
    sense_data = Part(60, sense_data_length, clamp=True)

    @classmethod
    def build(cls, **fields: object) -> CopyFailureDetails:
        """New data; ``available_data`` follows from ``sense_data`` unless it is named."""
        made = super().build(**fields)
        if "available_data" not in fields:
            made.available_data = len(made) - 4
        return made
