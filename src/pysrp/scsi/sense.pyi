# Made from the field tables by tools/stubs.py; do not edit.
"""Sense data, fixed and descriptor format, current and deferred (SPC-5, 4.4; SBC-4, 4.18; SAT-4; OSD-3).

``parse_sense(buf)`` gives a FixedSense or a DescriptorSense; both answer to ``sense_key``, ``asc``, ``ascq``,
``information``, ``command_specific``, ``fru``, ``sks``, ``deferred``, ``text``, ``explanation`` alike. ``sense()`` makes one."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.scsi.inquiry import Designator
from enum import IntEnum
from typing import Literal, TypeVar
from pysrp.fields import Structure
from pysrp.scsi.params.base import ParameterData
__all__ = ['ActualRetryCount', 'AnotherProgressDescriptor', 'AtaStatusReturnDescriptor', 'BlockCommandsDescriptor', 'CommandSpecificDescriptor', 'DescriptorSense', 'DescriptorType', 'DeviceDesignationDescriptor', 'DirectAccessBlockDescriptor', 'FieldPointer', 'FixedSense', 'ForwardedSenseDescriptor', 'FruDescriptor', 'InformationDescriptor', 'MicrocodeActivationDescriptor', 'OsdAttribute', 'OsdAttributeDescriptor', 'OsdIntegrityCheckDescriptor', 'OsdObjectDescriptor', 'ProgressIndication', 'ResponseCode', 'SegmentPointer', 'SenseDescriptor', 'SenseKeySpecific', 'SenseKeySpecificDescriptor', 'SenseTargetPortGroup', 'StreamCommandsDescriptor', 'UnitAttentionOverflow', 'UnknownSenseDescriptor', 'UserDataSegment', 'UserDataSegmentReferralDescriptor', 'parse_sense', 'record_sense', 'sense']
AnyStructure = TypeVar('AnyStructure', bound=Structure)

class ResponseCode(IntEnum):
    """Response code in byte 0 of sense data: format, current or deferred (SPC-5, 4.4.1)."""
    CURRENT_FIXED = 112
    DEFERRED_FIXED = 113
    CURRENT_DESCRIPTOR = 114
    DEFERRED_DESCRIPTOR = 115

class DescriptorType(IntEnum):
    """Type of a sense data descriptor (SPC-5, 4.4.2.1); 80h and up are the vendor's."""
    INFORMATION = 0
    COMMAND_SPECIFIC = 1
    SENSE_KEY_SPECIFIC = 2
    FIELD_REPLACEABLE_UNIT = 3
    STREAM_COMMANDS = 4
    BLOCK_COMMANDS = 5
    OSD_OBJECT_IDENTIFICATION = 6
    OSD_RESPONSE_INTEGRITY_CHECK = 7
    OSD_ATTRIBUTE_IDENTIFICATION = 8
    ATA_STATUS_RETURN = 9
    ANOTHER_PROGRESS_INDICATION = 10
    USER_DATA_SEGMENT_REFERRAL = 11
    FORWARDED_SENSE_DATA = 12
    DIRECT_ACCESS_BLOCK_DEVICE = 13
    DEVICE_DESIGNATION = 14
    MICROCODE_ACTIVATION = 15

class _SenseKeySpecificFields(TypedDict, total=False):
    sksv: int
    value: int
    trailing: ReadableBuffer

class SenseKeySpecific(Structure, size=3):
    """Sense-key specific bytes, 3 bytes, of a sense key without a table of its own (SPC-5, 4.4.2.4)."""
    TEXTS: ClassVar[dict[str, str]]
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    value: pysrp.fields.Bits
    """23 bits whose meaning the sense key decides"""
    @classmethod
    def build(cls, **fields: Unpack[_SenseKeySpecificFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SenseKeySpecificFields]) -> int: ...  # type: ignore[override]

class _FieldPointerFields(TypedDict, total=False):
    sksv: int
    c_d: int
    bpv: int
    bit_pointer: int
    field_pointer: int
    trailing: ReadableBuffer

class FieldPointer(Structure, size=3):
    """Field pointer of ILLEGAL REQUEST, 3 bytes (SPC-5, 4.4.2.4.2): the byte, with BPV the bit, in error."""
    TEXTS: ClassVar[dict[str, str]]
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    c_d: pysrp.fields.Flag
    """Set: the field is in the CDB; clear: in the data-out parameters"""
    bpv: pysrp.fields.Flag
    """Set: the number of the bit counts"""
    bit_pointer: pysrp.fields.Bits
    """Highest bit of the field that is wrong, 7 to 0, in its byte"""
    field_pointer: pysrp.fields.U16
    """First byte of the field that is wrong, counted from 0"""
    @classmethod
    def at(cls, where: Literal['cdb', 'data'], byte: int, bit: int | None=None) -> FieldPointer:
        """A field pointer to a byte, or to a bit of it, in the CDB or in the data-out parameters.

        Raises ValueError for another ``where``, EncodeError for a byte or bit that does not fit."""
    @classmethod
    def build(cls, **fields: Unpack[_FieldPointerFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_FieldPointerFields]) -> int: ...  # type: ignore[override]

class _ActualRetryCountFields(TypedDict, total=False):
    sksv: int
    actual_retry_count: int
    trailing: ReadableBuffer

class ActualRetryCount(Structure, size=3):
    """Retry count of RECOVERED, MEDIUM and HARDWARE ERROR, 3 bytes (SPC-5, 4.4.2.4.3)."""
    TEXTS: ClassVar[dict[str, str]]
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    actual_retry_count: pysrp.fields.U16
    """How often recovery was tried"""
    @classmethod
    def build(cls, **fields: Unpack[_ActualRetryCountFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ActualRetryCountFields]) -> int: ...  # type: ignore[override]

class _ProgressIndicationFields(TypedDict, total=False):
    sksv: int
    progress_indication: int
    trailing: ReadableBuffer

class ProgressIndication(Structure, size=3):
    """Progress of NO SENSE and NOT READY, 3 bytes (SPC-5, 4.4.2.4.4): done so far, of 65536."""
    TEXTS: ClassVar[dict[str, str]]
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    progress_indication: pysrp.fields.U16
    """How much is done, in 65536ths"""
    @classmethod
    def build(cls, **fields: Unpack[_ProgressIndicationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ProgressIndicationFields]) -> int: ...  # type: ignore[override]

class _SegmentPointerFields(TypedDict, total=False):
    sksv: int
    sd: int
    bpv: int
    bit_pointer: int
    field_pointer: int
    trailing: ReadableBuffer

class SegmentPointer(Structure, size=3):
    """Segment pointer of COPY ABORTED, 3 bytes (SPC-5, 4.4.2.4.5)."""
    TEXTS: ClassVar[dict[str, str]]
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    sd: pysrp.fields.Flag
    """Set: counted from the start of the segment descriptor; clear: of the parameter list"""
    bpv: pysrp.fields.Flag
    """Set: the number of the bit counts"""
    bit_pointer: pysrp.fields.Bits
    """Highest bit of the field that is wrong, 7 to 0, in its byte"""
    field_pointer: pysrp.fields.U16
    """First byte of the field that is wrong, counted from 0"""
    @classmethod
    def at(cls, byte: int, bit: int | None=None, *, descriptor: bool=False) -> SegmentPointer:
        """A segment pointer to a byte, or to a bit of it, in the parameter list or in the segment descriptor.

        Raises EncodeError for a byte or bit that does not fit."""
    @classmethod
    def build(cls, **fields: Unpack[_SegmentPointerFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SegmentPointerFields]) -> int: ...  # type: ignore[override]

class _UnitAttentionOverflowFields(TypedDict, total=False):
    sksv: int
    overflow: int
    trailing: ReadableBuffer

class UnitAttentionOverflow(Structure, size=3):
    """Queue overflow of UNIT ATTENTION, 3 bytes (SPC-5, 4.4.2.4.6)."""
    TEXTS: ClassVar[dict[str, str]]
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    overflow: pysrp.fields.Flag
    """Set: there were more unit attentions than could be kept; clear: there is room again"""
    @classmethod
    def build(cls, **fields: Unpack[_UnitAttentionOverflowFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UnitAttentionOverflowFields]) -> int: ...  # type: ignore[override]

class _Header(ParameterData):
    """The two bytes that every descriptor begins with; a subclass with ``type=`` stands for that type."""
    def __init_subclass__(cls, type: int | None=None, **options: Any) -> None: ...
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    additional_length: pysrp.fields.U8
    """Bytes behind this field, also where fewer have come"""

class SenseDescriptor(_Header, cover='payload'):
    """Base of the descriptors that have a fixed length."""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""
    def __init_subclass__(cls, **options: Any) -> None: ...

class _UnknownSenseDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class UnknownSenseDescriptor(SenseDescriptor):
    """A descriptor of a type without a table here, or of the vendor's: 2 + n bytes (SPC-5, 4.4.2.1)."""
    @classmethod
    def build(cls, **fields: Unpack[_UnknownSenseDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UnknownSenseDescriptorFields]) -> int: ...  # type: ignore[override]
descriptors: pysrp.fields.Dispatch

class _InformationDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    valid: int
    information: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class InformationDescriptor(SenseDescriptor, type=DescriptorType.INFORMATION):
    """Information, 12 bytes (SPC-5, 4.4.2.2)."""
    valid: pysrp.fields.Flag
    """Set: INFORMATION means what the standard says"""
    information: pysrp.fields.U64
    """What the command or sense key has to say, most often the address of the block that failed"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_InformationDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_InformationDescriptorFields]) -> int: ...  # type: ignore[override]

class _CommandSpecificDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    command_specific_information: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class CommandSpecificDescriptor(SenseDescriptor, type=DescriptorType.COMMAND_SPECIFIC):
    """Command-specific information, 12 bytes (SPC-5, 4.4.2.3)."""
    command_specific_information: pysrp.fields.U64
    """What the command that failed makes of it"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_CommandSpecificDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CommandSpecificDescriptorFields]) -> int: ...  # type: ignore[override]

class _SenseKeySpecificDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    sksv: int
    sense_key_specific: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class SenseKeySpecificDescriptor(SenseDescriptor, type=DescriptorType.SENSE_KEY_SPECIFIC, full=8):
    """Sense-key specific, 8 bytes (SPC-5, 4.4.2.4); what bytes 4 to 6 mean depends on the sense key."""
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    sense_key_specific: pysrp.fields.Bits
    """23 bits that the sense key reads: a field that is wrong, retries, progress"""
    def decode(self, sense_key: int) -> Any:
        """Bytes 4 to 6 as ``sense_key`` reads them (a view over them), or None without SKSV."""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SenseKeySpecificDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SenseKeySpecificDescriptorFields]) -> int: ...  # type: ignore[override]

class _FruDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    field_replaceable_unit_code: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class FruDescriptor(SenseDescriptor, type=DescriptorType.FIELD_REPLACEABLE_UNIT):
    """Field replaceable unit, 4 bytes (SPC-5, 4.4.2.5)."""
    field_replaceable_unit_code: pysrp.fields.U8
    """Part that should be replaced, as the vendor counts them; 0: not known"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_FruDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_FruDescriptorFields]) -> int: ...  # type: ignore[override]

class _StreamCommandsDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    filemark: int
    eom: int
    ili: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class StreamCommandsDescriptor(SenseDescriptor, type=DescriptorType.STREAM_COMMANDS, full=4):
    """Stream commands, 4 bytes (SSC-4)."""
    filemark: pysrp.fields.Flag
    """Set: a filemark or setmark was read; of tapes"""
    eom: pysrp.fields.Flag
    """Set: the end of the medium is near or reached; of tapes"""
    ili: pysrp.fields.Flag
    """Set: the length that was asked for is not the block's"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_StreamCommandsDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_StreamCommandsDescriptorFields]) -> int: ...  # type: ignore[override]

class _BlockCommandsDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    ili: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class BlockCommandsDescriptor(SenseDescriptor, type=DescriptorType.BLOCK_COMMANDS, full=4):
    """Block commands, 4 bytes (SBC-4, 4.18.3)."""
    ili: pysrp.fields.Flag
    """Set: the length that was asked for is not the block's"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_BlockCommandsDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_BlockCommandsDescriptorFields]) -> int: ...  # type: ignore[override]

class _OsdObjectDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    not_initiated_command_functions: int
    completed_command_functions: int
    partition_id: int
    object_id: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class OsdObjectDescriptor(SenseDescriptor, type=DescriptorType.OSD_OBJECT_IDENTIFICATION):
    """OSD error identification, 32 bytes (OSD-3)."""
    not_initiated_command_functions: pysrp.fields.U32
    """A bit for each part of the command that was not begun (OSD-3)"""
    completed_command_functions: pysrp.fields.U32
    """A bit for each part of the command that was done (OSD-3)"""
    partition_id: pysrp.fields.U64
    """Which partition of the object store the error is about"""
    object_id: pysrp.fields.U64
    """Which object, or collection, the error is about; 0: the partition itself"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_OsdObjectDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_OsdObjectDescriptorFields]) -> int: ...  # type: ignore[override]

class _OsdIntegrityCheckDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    response_integrity_check_value: ReadableBuffer
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class OsdIntegrityCheckDescriptor(SenseDescriptor, type=DescriptorType.OSD_RESPONSE_INTEGRITY_CHECK):
    """OSD response integrity check value, 34 bytes (OSD-3)."""
    response_integrity_check_value: pysrp.fields.Raw
    """Proof that the answer was not changed on its way, made with the capability's key (OSD-3)"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_OsdIntegrityCheckDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_OsdIntegrityCheckDescriptorFields]) -> int: ...  # type: ignore[override]

class _OsdAttributeFields(TypedDict, total=False):
    attributes_page: int
    attribute_number: int
    trailing: ReadableBuffer

class OsdAttribute(Structure):
    """One attribute of an OSD attribute descriptor, 8 bytes (OSD-3)."""
    TEXTS: ClassVar[dict[str, str]]
    attributes_page: pysrp.fields.U32
    """Which page of attributes of the object"""
    attribute_number: pysrp.fields.U32
    """Which one in that page"""
    @classmethod
    def build(cls, **fields: Unpack[_OsdAttributeFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_OsdAttributeFields]) -> int: ...  # type: ignore[override]

class _OsdAttributeDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    attributes: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class OsdAttributeDescriptor(_Header, type=DescriptorType.OSD_ATTRIBUTE_IDENTIFICATION, size=4):
    """OSD attribute identification, 4 + 8 n bytes (OSD-3)."""
    attributes: pysrp.fields.List[OsdAttribute]
    """What attributes the error is about, 8 bytes each"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_OsdAttributeDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_OsdAttributeDescriptorFields]) -> int: ...  # type: ignore[override]

class _AtaStatusReturnDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    extend: int
    error: int
    count: int
    lba_31_24: int
    lba_7_0: int
    lba_39_32: int
    lba_15_8: int
    lba_47_40: int
    lba_23_16: int
    device: int
    status: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class AtaStatusReturnDescriptor(SenseDescriptor, type=DescriptorType.ATA_STATUS_RETURN):
    """ATA status return, 14 bytes (SAT-4, 12.2.6): the registers when an ATA command ended."""
    extend: pysrp.fields.Flag
    """Set: the command was one of 48 bits, and the high bytes of COUNT and LBA count"""
    error: pysrp.fields.U8
    """The ATA register ERROR: why the command failed, a bit each"""
    count: pysrp.fields.U16
    """The ATA register COUNT, as the command has left it"""
    lba_31_24: pysrp.fields.U8
    """The ATA register LBA, bits 24 to 31; of 48 bits only"""
    lba_7_0: pysrp.fields.U8
    """The ATA register LBA, bits 0 to 7"""
    lba_39_32: pysrp.fields.U8
    """The ATA register LBA, bits 32 to 39; of 48 bits only"""
    lba_15_8: pysrp.fields.U8
    """The ATA register LBA, bits 8 to 15"""
    lba_47_40: pysrp.fields.U8
    """The ATA register LBA, bits 40 to 47; of 48 bits only"""
    lba_23_16: pysrp.fields.U8
    """The ATA register LBA, bits 16 to 23"""
    device: pysrp.fields.U8
    """The ATA register DEVICE; its low bits are bits 24 to 27 of an LBA of 28 bits"""
    status: pysrp.fields.U8
    """The ATA register STATUS: bit 0 set for an error, bit 5 for a device fault, bit 7 for busy"""
    @property
    def lba(self) -> int:
        """The LBA, assembled from its bytes; its upper 24 bits count only with EXTEND."""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_AtaStatusReturnDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AtaStatusReturnDescriptorFields]) -> int: ...  # type: ignore[override]

class _AnotherProgressDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    another_sense_key: int
    another_additional_sense_code: int
    another_additional_sense_code_qualifier: int
    another_progress_indication: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class AnotherProgressDescriptor(SenseDescriptor, type=DescriptorType.ANOTHER_PROGRESS_INDICATION):
    """Another progress indication, 8 bytes (SPC-5, 4.4.2.6)."""
    another_sense_key: pysrp.fields.U8
    """What is going on, as a sense key: NO SENSE, or NOT READY"""
    another_additional_sense_code: pysrp.fields.U8
    """What is going on, in general, as an ASC"""
    another_additional_sense_code_qualifier: pysrp.fields.U8
    """What is going on, in particular, as an ASCQ"""
    another_progress_indication: pysrp.fields.U16
    """How much of that is done, in 65536ths"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_AnotherProgressDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AnotherProgressDescriptorFields]) -> int: ...  # type: ignore[override]

class _SenseTargetPortGroupFields(TypedDict, total=False):
    asymmetric_access_state: int
    target_port_group: int
    trailing: ReadableBuffer

class SenseTargetPortGroup(Structure, size=4):
    """Target port group of a referral, 4 bytes (SBC-4, 4.18.4)."""
    TEXTS: ClassVar[dict[str, str]]
    asymmetric_access_state: pysrp.fields.Bits
    """How these ports reach the blocks: 0 optimized, 1 not optimized, 2 standby, 3 not at all, Fh changing"""
    target_port_group: pysrp.fields.U16
    """Which group of ports, as REPORT TARGET PORT GROUPS counts them"""
    @classmethod
    def build(cls, **fields: Unpack[_SenseTargetPortGroupFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SenseTargetPortGroupFields]) -> int: ...  # type: ignore[override]

class _UserDataSegmentFields(TypedDict, total=False):
    number_of_target_port_group_descriptors: int
    first_user_data_segment_lba: int
    last_user_data_segment_lba: int
    target_port_groups: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class UserDataSegment(Structure, size=20):
    """User data segment referral descriptor, 20 + 4 n bytes (SBC-4, 4.18.4)."""
    TEXTS: ClassVar[dict[str, str]]
    number_of_target_port_group_descriptors: pysrp.fields.U8
    """How many groups of ports follow, 4 bytes each"""
    first_user_data_segment_lba: pysrp.fields.U64
    """First block that those ports reach"""
    last_user_data_segment_lba: pysrp.fields.U64
    """Last block that those ports reach"""
    target_port_groups: pysrp.fields.List[SenseTargetPortGroup]
    """By which groups of ports the blocks are reached, and how"""
    @classmethod
    def build(cls, **fields: Unpack[_UserDataSegmentFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UserDataSegmentFields]) -> int: ...  # type: ignore[override]

class _UserDataSegmentReferralDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    not_all_r: int
    referrals: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class UserDataSegmentReferralDescriptor(_Header, type=DescriptorType.USER_DATA_SEGMENT_REFERRAL, size=4):
    """User data segment referral, 4 + n bytes (SBC-4, 4.18.4)."""
    not_all_r: pysrp.fields.Flag
    """Set: there are more referrals than are listed; REPORT REFERRALS has all"""
    referrals: pysrp.fields.List[UserDataSegment]
    """Which blocks are reached by which ports"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_UserDataSegmentReferralDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UserDataSegmentReferralDescriptorFields]) -> int: ...  # type: ignore[override]

class _ForwardedSenseDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    fsdt: int
    sense_data_source: int
    forwarded_status: int
    forwarded_sense_data: ReadableBuffer | None
    trailing: ReadableBuffer

class ForwardedSenseDescriptor(_Header, type=DescriptorType.FORWARDED_SENSE_DATA, size=4):
    """Forwarded sense data, 4 + n bytes (SPC-5, 4.4.2.7): what a copy source or destination answered."""
    fsdt: pysrp.fields.Flag
    """Set: the sense data below was cut to fit"""
    sense_data_source: pysrp.fields.Bits
    """Who has answered so: 0 not known, 1 the source of the copy, 2 and up its destinations"""
    forwarded_status: pysrp.fields.U8
    """SCSI status that the other device has answered with"""
    forwarded_sense_data: pysrp.fields.Part
    """Sense data of the other device, fixed or descriptor format"""
    @property
    def forwarded(self) -> FixedSense | DescriptorSense:
        """The forwarded sense data; raises DecodeError if it is not sense data."""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ForwardedSenseDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ForwardedSenseDescriptorFields]) -> int: ...  # type: ignore[override]

class _DirectAccessBlockDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    valid: int
    ili: int
    sksv: int
    sense_key_specific: int
    field_replaceable_unit_code: int
    information: int
    command_specific_information: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class DirectAccessBlockDescriptor(SenseDescriptor, type=DescriptorType.DIRECT_ACCESS_BLOCK_DEVICE):
    """Direct access block device, 24 bytes (SBC-4, 4.18.5): five other descriptors in one."""
    valid: pysrp.fields.Flag
    """Set: INFORMATION means what the standard says"""
    ili: pysrp.fields.Flag
    """Set: the length that was asked for is not the block's"""
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    sense_key_specific: pysrp.fields.Bits
    """23 bits that the sense key reads: a field that is wrong, retries, progress"""
    field_replaceable_unit_code: pysrp.fields.U8
    """Part that should be replaced, as the vendor counts them; 0: not known"""
    information: pysrp.fields.U64
    """What the command or sense key has to say, most often the address of the block that failed"""
    command_specific_information: pysrp.fields.U64
    """What the command that failed makes of it"""
    def decode(self, sense_key: int) -> Any:
        """Bytes 4 to 6 as ``sense_key`` reads them (a view over them), or None without SKSV."""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_DirectAccessBlockDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_DirectAccessBlockDescriptorFields]) -> int: ...  # type: ignore[override]

class _DeviceDesignationDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    descriptor_usage_reason: int
    designation_descriptor: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class DeviceDesignationDescriptor(_Header, type=DescriptorType.DEVICE_DESIGNATION, size=4):
    """Device designation, 4 + n bytes (SPC-6): the device that the sense data is about."""
    descriptor_usage_reason: pysrp.fields.Bits
    """What to do with that device; 1: commands go there from now on (SPC-6)"""
    designation_descriptor: pysrp.fields.List[Designator]
    """Which device, by one of the names that VPD page 83h has"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_DeviceDesignationDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_DeviceDesignationDescriptorFields]) -> int: ...  # type: ignore[override]

class _MicrocodeActivationDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    additional_length: int
    microcode_activation_time: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class MicrocodeActivationDescriptor(SenseDescriptor, type=DescriptorType.MICROCODE_ACTIVATION):
    """Microcode activation, 8 bytes (SPC-6): the time it takes, in seconds."""
    microcode_activation_time: pysrp.fields.U16
    """Seconds that activation will take; 0: not known"""
    descriptor_type: pysrp.fields.U8
    """What the descriptor is about (SPC-5, 4.4.2.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_MicrocodeActivationDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_MicrocodeActivationDescriptorFields]) -> int: ...  # type: ignore[override]

class _Sense(ParameterData):
    """The common part of both formats."""
    response_code: Any
    sense_key: Any
    asc: Any
    ascq: Any
    @property
    def deferred(self) -> bool:
        """True if the sense data is about an earlier command."""
    @property
    def text(self) -> str:
        """Sense key and additional sense code in words, as far as they are there."""
    @property
    def explanation(self) -> str:
        """:attr:`text`, and what the sense-key specific bytes add: the field that is wrong, how much is done."""

class _FixedSenseFields(TypedDict, total=False):
    valid: int
    response_code: int
    segment_number: int
    filemark: int
    eom: int
    ili: int
    sdat_ovfl: int
    sense_key: int
    info: int
    additional_sense_length: int
    command_specific_information: int
    asc: int
    ascq: int
    field_replaceable_unit_code: int
    sksv: int
    sense_key_specific: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class FixedSense(_Sense, cover='payload', full=18):
    """Fixed format sense data, 8 + n bytes, mostly 18 (SPC-5, 4.4.3); it may end anywhere from byte 8 on.

    ``info`` is the INFORMATION field as it stands; ``information`` heeds the VALID bit."""
    valid: pysrp.fields.Flag
    """Set: INFORMATION means what the standard says"""
    response_code: pysrp.fields.Bits
    """70h fixed and 72h descriptor format of now, 71h and 73h of an earlier command (SPC-5, 4.4)"""
    segment_number: pysrp.fields.U8
    """Obsolete; which segment of COPY the error is about, from 0"""
    filemark: pysrp.fields.Flag
    """Set: a filemark or setmark was read; of tapes"""
    eom: pysrp.fields.Flag
    """Set: the end of the medium is near or reached; of tapes"""
    ili: pysrp.fields.Flag
    """Set: the length that was asked for is not the block's"""
    sdat_ovfl: pysrp.fields.Flag
    """Set: there was more sense than fits"""
    sense_key: pysrp.fields.Bits
    """What to do about it: 2 not ready, 3 medium, 4 hardware, 5 request, 6 attention, Bh aborted (SPC-5, 4.4)"""
    info: pysrp.fields.U32
    """What the command or sense key has to say, most often the address of the block that failed; as far as 32 bits go"""
    additional_sense_length: pysrp.fields.U8
    """Bytes of sense behind this field"""
    command_specific_information: pysrp.fields.U32
    """What the command that failed makes of it"""
    asc: pysrp.fields.U8
    """What happened, in general; FFh and 80h up are vendors'"""
    ascq: pysrp.fields.U8
    """What happened, in particular, within that code"""
    field_replaceable_unit_code: pysrp.fields.U8
    """Part that should be replaced, as the vendor counts them; 0: not known"""
    sksv: pysrp.fields.Flag
    """Set: the sense-key specific bytes count"""
    sense_key_specific: pysrp.fields.Bits
    """23 bits that the sense key reads: a field that is wrong, retries, progress"""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""
    @property
    def information(self) -> int | None:
        """INFORMATION, or None without the VALID bit."""
    @property
    def command_specific(self) -> int | None:
        """COMMAND-SPECIFIC INFORMATION, or None where the sense data ends before it."""
    @property
    def fru(self) -> int | None:
        """FIELD REPLACEABLE UNIT CODE, or None where the sense data ends before it; 0 names no unit."""
    @property
    def sks(self) -> Any:
        """The sense-key specific bytes as the sense key reads them (FieldPointer, ...); None without SKSV."""
    @property
    def additional_sense_bytes(self) -> memoryview:
        """The bytes after byte 17, as far as ADDITIONAL SENSE LENGTH reaches."""
    @classmethod
    def build(cls, **fields: Unpack[_FixedSenseFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_FixedSenseFields]) -> int: ...  # type: ignore[override]

class _DescriptorSenseFields(TypedDict, total=False):
    response_code: int
    sense_key: int
    asc: int
    ascq: int
    sdat_ovfl: int
    additional_sense_length: int
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class DescriptorSense(_Sense, size=8):
    """Descriptor format sense data, 8 + n bytes (SPC-5, 4.4.2)."""
    response_code: pysrp.fields.Bits
    """70h fixed and 72h descriptor format of now, 71h and 73h of an earlier command (SPC-5, 4.4)"""
    sense_key: pysrp.fields.Bits
    """What to do about it: 2 not ready, 3 medium, 4 hardware, 5 request, 6 attention, Bh aborted (SPC-5, 4.4)"""
    asc: pysrp.fields.U8
    """What happened, in general; FFh and 80h up are vendors'"""
    ascq: pysrp.fields.U8
    """What happened, in particular, within that code"""
    sdat_ovfl: pysrp.fields.Flag
    """Set: there was more sense than fits"""
    additional_sense_length: pysrp.fields.U8
    """Bytes of sense behind this field"""
    descriptors: pysrp.fields.List[UnknownSenseDescriptor | InformationDescriptor | CommandSpecificDescriptor | SenseKeySpecificDescriptor | FruDescriptor | StreamCommandsDescriptor | BlockCommandsDescriptor | OsdObjectDescriptor | OsdIntegrityCheckDescriptor | OsdAttributeDescriptor | AtaStatusReturnDescriptor | AnotherProgressDescriptor | UserDataSegmentReferralDescriptor | ForwardedSenseDescriptor | DirectAccessBlockDescriptor | DeviceDesignationDescriptor | MicrocodeActivationDescriptor]
    """What else there is to say, one descriptor behind the other, none of a type twice"""
    def descriptor(self, kind: type[AnyStructure]) -> AnyStructure | None:
        """The first descriptor of class ``kind``, or None."""
    @property
    def information(self) -> int | None:
        """INFORMATION, or None where no descriptor has it with the VALID bit."""
    @property
    def command_specific(self) -> int | None:
        """COMMAND-SPECIFIC INFORMATION, or None where no descriptor has it."""
    @property
    def fru(self) -> int | None:
        """FIELD REPLACEABLE UNIT CODE, or None where no descriptor has it; 0 names no unit."""
    @property
    def sks(self) -> Any:
        """The sense-key specific bytes as the sense key reads them (FieldPointer, ...); None without SKSV."""
    @property
    def filemark(self) -> bool:
        """FILEMARK, from a stream commands descriptor."""
    @property
    def eom(self) -> bool:
        """End of medium, from a stream commands descriptor."""
    @property
    def ili(self) -> bool:
        """Incorrect length, from a stream or block commands descriptor."""
    @classmethod
    def build(cls, **fields: Unpack[_DescriptorSenseFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_DescriptorSenseFields]) -> int: ...  # type: ignore[override]
def parse_sense(buf: ReadableBuffer, /, *, strict: bool = False) -> FixedSense | DescriptorSense:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""
def record_sense(buf: ReadableBuffer, /) -> FixedSense | DescriptorSense:
    """A record (see Structure.record) of the class that the bytes of ``buf`` select; raises as parse() does."""
def sense(key: int, asc: int=0, ascq: int=0, *, fmt: Literal['fixed', 'descriptor']='fixed', deferred: bool=False, information: int | None=None, command_specific: int | None=None, fru: int | None=None, sks: Any=None, descriptors: Iterable[Any]=(), **flags: Any) -> FixedSense | DescriptorSense:
    """Sense data for the usual cases; fixed format is 18 bytes.

    ``sks`` is the sense-key specific information: a structure such as ``FieldPointer.at("cdb", 2)``, three bytes, or
    a mapping with the fields of the structure that the sense key has, ``{"progress_indication": 32768}``; SKSV is
    set. ``flags`` are ``filemark``, ``eom`` and ``ili``. ``descriptors`` are further ones, structures or bytes, for
    the descriptor format. The fixed format has 32 bits for ``information`` and ``command_specific``: a larger value
    is left out, as SPC-5, 4.4.3 wants it. The keywords ``field_pointer``, ``segment_pointer``, ``progress``,
    ``retries`` and ``overflow`` are older forms of ``sks``.

    Raises EncodeError for a value that does not fit, ValueError for what the format has no room for, TypeError for
    an unknown keyword."""
