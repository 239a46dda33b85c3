"""Sense data, fixed and descriptor format, current and deferred (SPC-5, 4.4; SBC-4, 4.18; SAT-4; OSD-3).

``parse_sense(buf)`` gives a FixedSense or a DescriptorSense; both answer to ``sense_key``, ``asc``, ``ascq``,
``information``, ``command_specific``, ``fru``, ``sks``, ``deferred``, ``text``, ``explanation`` alike. ``sense()`` makes one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Literal, TypeVar

from pysrp.errors import DecodeError
from pysrp.fields import U8, U16, U32, U64, Bits, Dispatch, Flag, List, Part, Raw, Structure
from pysrp.scsi import texts
from pysrp.scsi.codes import AsymmetricAccessState, SenseKey, Status
from pysrp.scsi.inquiry import designators
from pysrp.scsi.params.base import ParameterData, graded

__all__ = [
    "ActualRetryCount",
    "AnotherProgressDescriptor",
    "AtaStatusReturnDescriptor",
    "BlockCommandsDescriptor",
    "CommandSpecificDescriptor",
    "DescriptorSense",
    "DescriptorType",
    "DeviceDesignationDescriptor",
    "DirectAccessBlockDescriptor",
    "FieldPointer",
    "FixedSense",
    "ForwardedSenseDescriptor",
    "FruDescriptor",
    "InformationDescriptor",
    "MicrocodeActivationDescriptor",
    "OsdAttribute",
    "OsdAttributeDescriptor",
    "OsdIntegrityCheckDescriptor",
    "OsdObjectDescriptor",
    "ProgressIndication",
    "ResponseCode",
    "SegmentPointer",
    "SenseDescriptor",
    "SenseKeySpecific",
    "SenseKeySpecificDescriptor",
    "SenseTargetPortGroup",
    "StreamCommandsDescriptor",
    "UnitAttentionOverflow",
    "UnknownSenseDescriptor",
    "UserDataSegment",
    "UserDataSegmentReferralDescriptor",
    "parse_sense",
    "record_sense",
    "sense",
]

AnyStructure = TypeVar("AnyStructure", bound=Structure)


class ResponseCode(IntEnum):
    """Response code in byte 0 of sense data: format, current or deferred (SPC-5, 4.4.1)."""

    CURRENT_FIXED = 0x70
    DEFERRED_FIXED = 0x71
    CURRENT_DESCRIPTOR = 0x72
    DEFERRED_DESCRIPTOR = 0x73


class DescriptorType(IntEnum):
    """Type of a sense data descriptor (SPC-5, 4.4.2.1); 80h and up are the vendor's."""

    INFORMATION = 0x00
    COMMAND_SPECIFIC = 0x01
    SENSE_KEY_SPECIFIC = 0x02
    FIELD_REPLACEABLE_UNIT = 0x03
    STREAM_COMMANDS = 0x04
    BLOCK_COMMANDS = 0x05
    OSD_OBJECT_IDENTIFICATION = 0x06
    OSD_RESPONSE_INTEGRITY_CHECK = 0x07
    OSD_ATTRIBUTE_IDENTIFICATION = 0x08
    ATA_STATUS_RETURN = 0x09
    ANOTHER_PROGRESS_INDICATION = 0x0A
    USER_DATA_SEGMENT_REFERRAL = 0x0B
    FORWARDED_SENSE_DATA = 0x0C
    DIRECT_ACCESS_BLOCK_DEVICE = 0x0D
    DEVICE_DESIGNATION = 0x0E
    MICROCODE_ACTIVATION = 0x0F


# ---------------------------------------------------------------------------------------------
# The three sense-key specific bytes
# ---------------------------------------------------------------------------------------------


class SenseKeySpecific(Structure, size=3):
    """Sense-key specific bytes, 3 bytes, of a sense key without a table of its own (SPC-5, 4.4.2.4)."""

    __slots__ = ()
    TEXTS = texts.SENSE
    sksv = Flag(0, 7)
    value = Bits(0, 0, 23, 3, hex=True)


class FieldPointer(Structure, size=3):
    """Field pointer of ILLEGAL REQUEST, 3 bytes (SPC-5, 4.4.2.4.2): the byte, with BPV the bit, in error."""

    __slots__ = ()
    TEXTS = texts.SENSE
    sksv = Flag(0, 7)
    c_d = Flag(0, 6, doc="Set: the field is in the CDB; clear: in the data-out parameters")
    bpv = Flag(0, 3)
    bit_pointer = Bits(0, 0, 3)
    field_pointer = U16(1)

    @classmethod
    def at(cls, where: Literal["cdb", "data"], byte: int, bit: int | None = None) -> FieldPointer:
        """A field pointer to a byte, or to a bit of it, in the CDB or in the data-out parameters.

        Raises ValueError for another ``where``, EncodeError for a byte or bit that does not fit.
        """
        if where not in ("cdb", "data"):
            raise ValueError(f"field pointer: {where!r} is neither 'cdb' nor 'data'")
        return cls.build(
            sksv=True, c_d=where == "cdb", bpv=bit is not None, bit_pointer=bit or 0, field_pointer=byte
        )


class ActualRetryCount(Structure, size=3):
    """Retry count of RECOVERED, MEDIUM and HARDWARE ERROR, 3 bytes (SPC-5, 4.4.2.4.3)."""

    __slots__ = ()
    TEXTS = texts.SENSE
    sksv = Flag(0, 7)
    actual_retry_count = U16(1)


class ProgressIndication(Structure, size=3):
    """Progress of NO SENSE and NOT READY, 3 bytes (SPC-5, 4.4.2.4.4): done so far, of 65536."""

    __slots__ = ()
    TEXTS = texts.SENSE
    sksv = Flag(0, 7)
    progress_indication = U16(1)


class SegmentPointer(Structure, size=3):
    """Segment pointer of COPY ABORTED, 3 bytes (SPC-5, 4.4.2.4.5)."""

    __slots__ = ()
    TEXTS = texts.SENSE
    sksv = Flag(0, 7)
    sd = Flag(0, 5, doc="Set: counted from the start of the segment descriptor; clear: of the parameter list")
    bpv = Flag(0, 3)
    bit_pointer = Bits(0, 0, 3)
    field_pointer = U16(1)

    @classmethod
    def at(cls, byte: int, bit: int | None = None, *, descriptor: bool = False) -> SegmentPointer:
        """A segment pointer to a byte, or to a bit of it, in the parameter list or in the segment descriptor.

        Raises EncodeError for a byte or bit that does not fit.
        """
        return cls.build(
            sksv=True, sd=descriptor, bpv=bit is not None, bit_pointer=bit or 0, field_pointer=byte
        )


class UnitAttentionOverflow(Structure, size=3):
    """Queue overflow of UNIT ATTENTION, 3 bytes (SPC-5, 4.4.2.4.6)."""

    __slots__ = ()
    TEXTS = texts.SENSE
    sksv = Flag(0, 7)
    overflow = Flag(0, 0)


_SKS: dict[int, type[Structure]] = {
    SenseKey.NO_SENSE: ProgressIndication,
    SenseKey.RECOVERED_ERROR: ActualRetryCount,
    SenseKey.NOT_READY: ProgressIndication,
    SenseKey.MEDIUM_ERROR: ActualRetryCount,
    SenseKey.HARDWARE_ERROR: ActualRetryCount,
    SenseKey.ILLEGAL_REQUEST: FieldPointer,
    SenseKey.UNIT_ATTENTION: UnitAttentionOverflow,
    SenseKey.COPY_ABORTED: SegmentPointer,
}


def _sks(view: Any, offset: int, key: int) -> Any:
    """The sense-key specific bytes at ``offset`` as the sense key reads them; None without SKSV."""
    raw = memoryview(view)[offset : offset + 3]
    if len(raw) < 3 or not raw[0] & 0x80:
        return None
    return _SKS.get(key, SenseKeySpecific)(raw)


# ---------------------------------------------------------------------------------------------
# Sense data descriptors
# ---------------------------------------------------------------------------------------------


class _Header(ParameterData):
    """The two bytes that every descriptor begins with; a subclass with ``type=`` stands for that type."""

    __slots__ = ()
    TEXTS = texts.SENSE
    _exact = False

    def __init_subclass__(cls, type: int | None = None, **options: Any) -> None:
        if type is not None:
            field = U8(0, enum=DescriptorType, must=type)
            field.__set_name__(cls, "descriptor_type")
            cls.descriptor_type = field
        super().__init_subclass__(**options)
        if type is not None:
            exact = graded("descriptor length", 1, 1, UnknownSenseDescriptor, cls) if cls._cover else cls
            descriptors.add(type, exact)

    descriptor_type = U8(0, enum=DescriptorType)
    additional_length = U8(1)


class SenseDescriptor(_Header, cover="payload"):
    """Base of the descriptors that have a fixed length."""

    __slots__ = ()
    payload = Part(2, _Header.additional_length, clamp=True)

    def _check(self) -> Iterator[tuple[str, int, str]]:
        yield from super()._check()
        if self._exact and self.additional_length != self._full - 2:
            yield "additional_length", 1, f"{self.additional_length} where the standard has {self._full - 2}"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._exact = "type" in options


class UnknownSenseDescriptor(SenseDescriptor):
    """A descriptor of a type without a table here, or of the vendor's: 2 + n bytes (SPC-5, 4.4.2.1)."""

    __slots__ = ()


descriptors = Dispatch("sense data descriptor", 0, default=UnknownSenseDescriptor)


class InformationDescriptor(SenseDescriptor, type=DescriptorType.INFORMATION):
    """Information, 12 bytes (SPC-5, 4.4.2.2)."""

    __slots__ = ()
    valid = Flag(2, 7)
    information = U64(4)


class CommandSpecificDescriptor(SenseDescriptor, type=DescriptorType.COMMAND_SPECIFIC):
    """Command-specific information, 12 bytes (SPC-5, 4.4.2.3)."""

    __slots__ = ()
    command_specific_information = U64(4)


class SenseKeySpecificDescriptor(SenseDescriptor, type=DescriptorType.SENSE_KEY_SPECIFIC, full=8):
    """Sense-key specific, 8 bytes (SPC-5, 4.4.2.4); what bytes 4 to 6 mean depends on the sense key."""

    __slots__ = ()
    sksv = Flag(4, 7)
    sense_key_specific = Bits(4, 0, 23, 3, hex=True)

    def decode(self, sense_key: int) -> Any:
        """Bytes 4 to 6 as ``sense_key`` reads them (a view over them), or None without SKSV."""
        return _sks(self, 4, sense_key)


class FruDescriptor(SenseDescriptor, type=DescriptorType.FIELD_REPLACEABLE_UNIT):
    """Field replaceable unit, 4 bytes (SPC-5, 4.4.2.5)."""

    __slots__ = ()
    field_replaceable_unit_code = U8(3, hex=True)


class StreamCommandsDescriptor(SenseDescriptor, type=DescriptorType.STREAM_COMMANDS, full=4):
    """Stream commands, 4 bytes (SSC-4)."""

    __slots__ = ()
    filemark = Flag(3, 7)
    eom = Flag(3, 6)
    ili = Flag(3, 5)


class BlockCommandsDescriptor(SenseDescriptor, type=DescriptorType.BLOCK_COMMANDS, full=4):
    """Block commands, 4 bytes (SBC-4, 4.18.3)."""

    __slots__ = ()
    ili = Flag(3, 5)


class OsdObjectDescriptor(SenseDescriptor, type=DescriptorType.OSD_OBJECT_IDENTIFICATION):
    """OSD error identification, 32 bytes (OSD-3)."""

    __slots__ = ()
    not_initiated_command_functions = U32(8, hex=True)
    completed_command_functions = U32(12, hex=True)
    partition_id = U64(16)
    object_id = U64(24)


class OsdIntegrityCheckDescriptor(SenseDescriptor, type=DescriptorType.OSD_RESPONSE_INTEGRITY_CHECK):
    """OSD response integrity check value, 34 bytes (OSD-3)."""

    __slots__ = ()
    response_integrity_check_value = Raw(2, 32)


class OsdAttribute(Structure):
    """One attribute of an OSD attribute descriptor, 8 bytes (OSD-3)."""

    __slots__ = ()
    TEXTS = texts.SENSE
    attributes_page = U32(0, hex=True)
    attribute_number = U32(4, hex=True)


class OsdAttributeDescriptor(_Header, type=DescriptorType.OSD_ATTRIBUTE_IDENTIFICATION, size=4):
    """OSD attribute identification, 4 + 8 n bytes (OSD-3)."""

    __slots__ = ()
    attributes = List(4, _Header.additional_length, bias=-2, item=OsdAttribute, clamp=True)


class AtaStatusReturnDescriptor(SenseDescriptor, type=DescriptorType.ATA_STATUS_RETURN):
    """ATA status return, 14 bytes (SAT-4, 12.2.6): the registers when an ATA command ended."""

    __slots__ = ()
    extend = Flag(2, 0)
    error = U8(3, hex=True)
    count = U16(4)
    lba_31_24 = U8(6, hex=True)
    lba_7_0 = U8(7, hex=True)
    lba_39_32 = U8(8, hex=True)
    lba_15_8 = U8(9, hex=True)
    lba_47_40 = U8(10, hex=True)
    lba_23_16 = U8(11, hex=True)
    device = U8(12, hex=True)
    status = U8(13, hex=True)

    @property
    def lba(self) -> int:
        """The LBA, assembled from its bytes; its upper 24 bits count only with EXTEND."""
        low = int(self.lba_23_16) << 16 | int(self.lba_15_8) << 8 | int(self.lba_7_0)
        high = int(self.lba_47_40) << 16 | int(self.lba_39_32) << 8 | int(self.lba_31_24)
        return high << 24 | low


class AnotherProgressDescriptor(SenseDescriptor, type=DescriptorType.ANOTHER_PROGRESS_INDICATION):
    """Another progress indication, 8 bytes (SPC-5, 4.4.2.6)."""

    __slots__ = ()
    another_sense_key = U8(2, enum=SenseKey)
    another_additional_sense_code = U8(3, hex=True)
    another_additional_sense_code_qualifier = U8(4, hex=True)
    another_progress_indication = U16(6)


class SenseTargetPortGroup(Structure, size=4):
    """Target port group of a referral, 4 bytes (SBC-4, 4.18.4)."""

    __slots__ = ()
    TEXTS = texts.SENSE
    asymmetric_access_state = Bits(0, 0, 4, enum=AsymmetricAccessState)
    target_port_group = U16(2)


class UserDataSegment(Structure, size=20):
    """User data segment referral descriptor, 20 + 4 n bytes (SBC-4, 4.18.4)."""

    __slots__ = ()
    TEXTS = texts.SENSE
    number_of_target_port_group_descriptors = U8(3)
    first_user_data_segment_lba = U64(4, hex=False)
    last_user_data_segment_lba = U64(12, hex=False)
    target_port_groups = List(20, number_of_target_port_group_descriptors, unit=4, item=SenseTargetPortGroup)


class UserDataSegmentReferralDescriptor(_Header, type=DescriptorType.USER_DATA_SEGMENT_REFERRAL, size=4):
    """User data segment referral, 4 + n bytes (SBC-4, 4.18.4)."""

    __slots__ = ()
    not_all_r = Flag(2, 0)
    referrals = List(4, _Header.additional_length, bias=-2, item=UserDataSegment, clamp=True)


class ForwardedSenseDescriptor(_Header, type=DescriptorType.FORWARDED_SENSE_DATA, size=4):
    """Forwarded sense data, 4 + n bytes (SPC-5, 4.4.2.7): what a copy source or destination answered."""

    __slots__ = ()
    fsdt = Flag(2, 7)
    sense_data_source = Bits(2, 0, 4)
    forwarded_status = U8(3, enum=Status)
    forwarded_sense_data = Part(4, _Header.additional_length, bias=-2, clamp=True)

    @property
    def forwarded(self) -> FixedSense | DescriptorSense:
        """The forwarded sense data; raises DecodeError if it is not sense data."""
        found: FixedSense | DescriptorSense = parse_sense(self.forwarded_sense_data)
        return found


class DirectAccessBlockDescriptor(SenseDescriptor, type=DescriptorType.DIRECT_ACCESS_BLOCK_DEVICE):
    """Direct access block device, 24 bytes (SBC-4, 4.18.5): five other descriptors in one."""

    __slots__ = ()
    valid = Flag(2, 7)
    ili = Flag(2, 5)
    sksv = Flag(4, 7)
    sense_key_specific = Bits(4, 0, 23, 3, hex=True)
    field_replaceable_unit_code = U8(7, hex=True)
    information = U64(8)
    command_specific_information = U64(16)

    def decode(self, sense_key: int) -> Any:
        """Bytes 4 to 6 as ``sense_key`` reads them (a view over them), or None without SKSV."""
        return _sks(self, 4, sense_key)


class DeviceDesignationDescriptor(_Header, type=DescriptorType.DEVICE_DESIGNATION, size=4):
    """Device designation, 4 + n bytes (SPC-6): the device that the sense data is about."""

    __slots__ = ()
    descriptor_usage_reason = Bits(3, 0, 4)
    designation_descriptor = List(4, _Header.additional_length, bias=-2, item=designators, clamp=True)


class MicrocodeActivationDescriptor(SenseDescriptor, type=DescriptorType.MICROCODE_ACTIVATION):
    """Microcode activation, 8 bytes (SPC-6): the time it takes, in seconds."""

    __slots__ = ()
    microcode_activation_time = U16(6)


# ---------------------------------------------------------------------------------------------
# Sense data
# ---------------------------------------------------------------------------------------------


class _Sense(ParameterData):
    """The common part of both formats."""

    __slots__ = ()
    TEXTS = texts.SENSE
    response_code: Any
    sense_key: Any
    asc: Any
    ascq: Any

    @property
    def deferred(self) -> bool:
        """True if the sense data is about an earlier command."""
        return bool(self.response_code & 1)

    @property
    def text(self) -> str:
        """Sense key and additional sense code in words, as far as they are there."""
        from pysrp.tables import asc_ascq_text

        key = self.sense_key
        words = key.name.replace("_", " ") if isinstance(key, SenseKey) else f"SENSE KEY {key:X}h"
        try:
            asc, ascq = int(self.asc), int(self.ascq)
        except DecodeError:
            return words
        return f"{words}, {asc_ascq_text(asc, ascq) or f'ASC {asc:02X}h, ASCQ {ascq:02X}h'}"

    @property
    def explanation(self) -> str:
        """:attr:`text`, and what the sense-key specific bytes add: the field that is wrong, how much is done."""
        either: Any = self
        sks = either.sks
        if isinstance(sks, FieldPointer):
            bit = f", bit {sks.bit_pointer}" if sks.bpv else ""
            return f"{self.text}: byte {sks.field_pointer}{bit} of the {'CDB' if sks.c_d else 'data-out'}"
        if isinstance(sks, ProgressIndication):
            return f"{self.text}: {sks.progress_indication * 100 // 65536} % done"
        return self.text


class FixedSense(_Sense, cover="payload", full=18):
    """Fixed format sense data, 8 + n bytes, mostly 18 (SPC-5, 4.4.3); it may end anywhere from byte 8 on.

    ``info`` is the INFORMATION field as it stands; ``information`` heeds the VALID bit.
    """

    __slots__ = ()
    valid = Flag(0, 7)
    response_code = Bits(0, 0, 7, enum=ResponseCode, default=ResponseCode.CURRENT_FIXED)
    segment_number = U8(1)
    filemark = Flag(2, 7)
    eom = Flag(2, 6)
    ili = Flag(2, 5)
    sdat_ovfl = Flag(2, 4)
    sense_key = Bits(2, 0, 4, enum=SenseKey)
    info = U32(3, hex=True)
    additional_sense_length = U8(7)
    command_specific_information = U32(8, hex=True)
    asc = U8(12, hex=True)
    ascq = U8(13, hex=True)
    field_replaceable_unit_code = U8(14, hex=True)
    sksv = Flag(15, 7)
    sense_key_specific = Bits(15, 0, 23, 3, hex=True)
    payload = Part(8, additional_sense_length, clamp=True)

    @property
    def information(self) -> int | None:
        """INFORMATION, or None without the VALID bit."""
        return int(self.info) if self.valid else None

    @property
    def command_specific(self) -> int | None:
        """COMMAND-SPECIFIC INFORMATION, or None where the sense data ends before it."""
        return int(self.command_specific_information) if len(self) >= 12 else None

    @property
    def fru(self) -> int | None:
        """FIELD REPLACEABLE UNIT CODE, or None where the sense data ends before it; 0 names no unit."""
        return int(self.field_replaceable_unit_code) if len(self) >= 15 else None

    @property
    def sks(self) -> Any:
        """The sense-key specific bytes as the sense key reads them (FieldPointer, ...); None without SKSV."""
        return _sks(self, 15, self.sense_key)

    @property
    def additional_sense_bytes(self) -> memoryview:
        """The bytes after byte 17, as far as ADDITIONAL SENSE LENGTH reaches."""
        return memoryview(self)[18 : max(self.extent(), 18)]

    def _check(self) -> Iterator[tuple[str, int, str]]:
        yield from super()._check()
        if self.additional_sense_length < 10:
            yield "additional_sense_length", 7, f"{self.additional_sense_length}, less than the standard's 10"


class DescriptorSense(_Sense, size=8):
    """Descriptor format sense data, 8 + n bytes (SPC-5, 4.4.2)."""

    __slots__ = ()
    response_code = Bits(0, 0, 7, enum=ResponseCode, default=ResponseCode.CURRENT_DESCRIPTOR)
    sense_key = Bits(1, 0, 4, enum=SenseKey)
    asc = U8(2, hex=True)
    ascq = U8(3, hex=True)
    sdat_ovfl = Flag(4, 7)
    additional_sense_length = U8(7)
    descriptors = List(8, additional_sense_length, item=descriptors, clamp=True)

    def descriptor(self, kind: type[AnyStructure]) -> AnyStructure | None:
        """The first descriptor of class ``kind``, or None."""
        for found in self.descriptors:
            if isinstance(found, kind):
                return found
        return None

    def _first(self, kind: type[Structure], name: str) -> Any:
        """Field ``name`` of the first descriptor that has it: one of class ``kind``, or a direct access block descriptor."""
        for found in self.descriptors:
            if isinstance(found, (kind, DirectAccessBlockDescriptor)):
                return getattr(found, name)
        return None

    @property
    def information(self) -> int | None:
        """INFORMATION, or None where no descriptor has it with the VALID bit."""
        if not self._first(InformationDescriptor, "valid"):
            return None
        found: int = self._first(InformationDescriptor, "information")
        return found

    @property
    def command_specific(self) -> int | None:
        """COMMAND-SPECIFIC INFORMATION, or None where no descriptor has it."""
        found: int | None = self._first(CommandSpecificDescriptor, "command_specific_information")
        return found

    @property
    def fru(self) -> int | None:
        """FIELD REPLACEABLE UNIT CODE, or None where no descriptor has it; 0 names no unit."""
        found: int | None = self._first(FruDescriptor, "field_replaceable_unit_code")
        return found

    @property
    def sks(self) -> Any:
        """The sense-key specific bytes as the sense key reads them (FieldPointer, ...); None without SKSV."""
        decode = self._first(SenseKeySpecificDescriptor, "decode")
        return decode(self.sense_key) if decode is not None else None

    def _flag(self, name: str) -> bool:
        kinds = StreamCommandsDescriptor, BlockCommandsDescriptor, DirectAccessBlockDescriptor
        return any(getattr(d, name, False) for d in self.descriptors if isinstance(d, kinds))

    @property
    def filemark(self) -> bool:
        """FILEMARK, from a stream commands descriptor."""
        return self._flag("filemark")

    @property
    def eom(self) -> bool:
        """End of medium, from a stream commands descriptor."""
        return self._flag("eom")

    @property
    def ili(self) -> bool:
        """Incorrect length, from a stream or block commands descriptor."""
        return self._flag("ili")


_sense = Dispatch("response code", 0, width=7)
_sense.add(ResponseCode.CURRENT_FIXED, FixedSense)
_sense.add(ResponseCode.DEFERRED_FIXED, FixedSense)
_sense.add(ResponseCode.CURRENT_DESCRIPTOR, DescriptorSense)
_sense.add(ResponseCode.DEFERRED_DESCRIPTOR, DescriptorSense)

#: A view over sense data. The response code chooses the class; 00h to 6Fh (no sense data), 74h to 7Eh
#: (reserved) and 7Fh (vendor specific) raise DecodeError, fewer than 8 bytes TruncatedError.
parse_sense = _sense.parse
record_sense = _sense.record


def sense(
    key: int,
    asc: int = 0,
    ascq: int = 0,
    *,
    fmt: Literal["fixed", "descriptor"] = "fixed",
    deferred: bool = False,
    information: int | None = None,
    command_specific: int | None = None,
    fru: int | None = None,
    sks: Any = None,
    descriptors: Iterable[Any] = (),
    **flags: Any,
) -> FixedSense | DescriptorSense:
    """Sense data for the usual cases; fixed format is 18 bytes.

    ``sks`` is the sense-key specific information: a structure such as ``FieldPointer.at("cdb", 2)``, three bytes, or
    a mapping with the fields of the structure that the sense key has, ``{"progress_indication": 32768}``; SKSV is
    set. ``flags`` are ``filemark``, ``eom`` and ``ili``. ``descriptors`` are further ones, structures or bytes, for
    the descriptor format. The fixed format has 32 bits for ``information`` and ``command_specific``: a larger value
    is left out, as SPC-5, 4.4.3 wants it. The keywords ``field_pointer``, ``segment_pointer``, ``progress``,
    ``retries`` and ``overflow`` are older forms of ``sks``.

    Raises EncodeError for a value that does not fit, ValueError for what the format has no room for, TypeError for
    an unknown keyword.
    """
    older = {name: flags.pop(name) for name in _OLDER if name in flags}
    if unknown := flags.keys() - {"filemark", "eom", "ili"}:
        raise TypeError(f"sense() has no keyword {', '.join(sorted(unknown))}")
    specific = _specific(key, sks, {name: value for name, value in older.items() if value is not None})
    common = {"sense_key": key, "asc": asc, "ascq": ascq}
    if fmt == "fixed":
        if descriptors:
            raise ValueError("fixed format sense data has no descriptors")
        code = ResponseCode.DEFERRED_FIXED if deferred else ResponseCode.CURRENT_FIXED
        small = information is not None and information >> 32 == 0
        return FixedSense.build(
            valid=small,
            response_code=code,
            info=information if small else 0,
            command_specific_information=command_specific if (command_specific or 1 << 32) >> 32 == 0 else 0,
            field_replaceable_unit_code=fru or 0,
            sksv=specific is not None,
            sense_key_specific=specific or 0,
            **common,
            **flags,
        )
    if fmt != "descriptor":
        raise ValueError(f"fmt: {fmt!r} is neither 'fixed' nor 'descriptor'")
    code = ResponseCode.DEFERRED_DESCRIPTOR if deferred else ResponseCode.CURRENT_DESCRIPTOR
    parts = [*_described(information, command_specific, specific, fru, flags), *descriptors]
    return DescriptorSense.build(response_code=code, descriptors=b"".join(map(bytes, parts)), **common)


def _specific(key: int, sks: Any, older: dict[str, Any]) -> int | None:
    """The 23 bits after SKSV; None if there is no sense-key specific information."""
    if len(older) + (sks is not None) > 1:
        raise ValueError(
            f"{len(older) + (sks is not None)} kinds of sense-key specific information where one has room"
        )
    for name, value in older.items():
        better, make = _OLDER[name]
        warnings.warn(f"sense({name}=...): write {better}", DeprecationWarning, stacklevel=3)
        sks = make(value)
    if sks is None:
        return None
    raw = bytes(_SKS.get(key, SenseKeySpecific).build(**sks) if isinstance(sks, Mapping) else sks)
    if len(raw) != 3:
        raise ValueError(f"sks: {len(raw)} bytes, sense-key specific information has 3")
    return int.from_bytes(raw, "big") & 0x7FFFFF


_OLDER: dict[str, tuple[str, Callable[[Any], Structure]]] = {
    "field_pointer": (
        'sks=FieldPointer.at("cdb" or "data", byte, bit)',
        lambda value: FieldPointer.at(*value),
    ),
    "segment_pointer": (
        "sks=SegmentPointer.at(byte, bit)",
        lambda value: SegmentPointer.at(*value) if isinstance(value, tuple) else SegmentPointer.at(value),
    ),
    "progress": (
        'sks={"progress_indication": progress}',
        lambda value: ProgressIndication.build(progress_indication=value),
    ),
    "retries": (
        'sks={"actual_retry_count": retries}',
        lambda value: ActualRetryCount.build(actual_retry_count=value),
    ),
    "overflow": ('sks={"overflow": overflow}', lambda value: UnitAttentionOverflow.build(overflow=value)),
}
"""Keywords that are kept for old callers: the keyword that replaces each, and the function that converts its value."""


def _described(
    information: int | None, command_specific: int | None, specific: int | None, fru: int | None, flags: Any
) -> Iterator[Structure]:
    """Descriptors for the values that have fields in the fixed format."""
    if information is not None:
        yield InformationDescriptor.build(valid=1, information=information)
    if command_specific is not None:
        yield CommandSpecificDescriptor.build(command_specific_information=command_specific)
    if specific is not None:
        yield SenseKeySpecificDescriptor.build(sksv=1, sense_key_specific=specific)
    if fru is not None:
        yield FruDescriptor.build(field_replaceable_unit_code=fru)
    if flags.get("filemark") or flags.get("eom"):
        yield StreamCommandsDescriptor.build(**flags)
    elif flags.get("ili"):
        yield BlockCommandsDescriptor.build(ili=1)
