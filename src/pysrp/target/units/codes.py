"""Sense codes and unit attentions of the units here (SPC-5, annex F.2), and faults that point at a field."""

from __future__ import annotations

from enum import IntEnum

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import SenseKey
from pysrp.target.fault import Fault
from pysrp.target.units.commands import pointer

__all__ = ["Attention", "SenseCode", "invalid", "short", "unfit"]


class SenseCode(IntEnum):
    """Additional sense codes used here, ``asc << 8 | ascq``."""

    NONE = 0x0000
    OPERATION_IN_PROGRESS_ALREADY = 0x0016
    INITIALIZING_COMMAND_REQUIRED = 0x0402
    FORMAT_IN_PROGRESS = 0x0404
    OPERATION_IN_PROGRESS = 0x0407
    SANITIZE_IN_PROGRESS = 0x041B
    WRITE_ERROR = 0x0C00
    THIRD_PARTY_DEVICE_FAILURE = 0x0D01
    COPY_TARGET_DEVICE_NOT_REACHABLE = 0x0D02
    INCORRECT_COPY_TARGET_DEVICE_TYPE = 0x0D03
    UNRECOVERED_READ_ERROR = 0x1100
    PARAMETER_LIST_LENGTH_ERROR = 0x1A00
    MISCOMPARE_DURING_VERIFY = 0x1D00
    INVALID_COMMAND_OPERATION_CODE = 0x2000
    LBA_OUT_OF_RANGE = 0x2100
    INVALID_FIELD_IN_CDB = 0x2400
    INVALID_FIELD_IN_PARAMETER_LIST = 0x2600
    TOO_MANY_TARGET_DESCRIPTORS = 0x2606
    UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE = 0x2607
    TOO_MANY_SEGMENT_DESCRIPTORS = 0x2608
    UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE = 0x2609
    UNEXPECTED_INEXACT_SEGMENT = 0x260A
    INLINE_DATA_LENGTH_EXCEEDED = 0x260B
    WRITE_PROTECTED = 0x2700
    SOFTWARE_WRITE_PROTECTED = 0x2702
    SPACE_ALLOCATION_FAILED_WRITE_PROTECT = 0x2707
    INVALID_RELEASE = 0x2604
    COMMAND_SEQUENCE_ERROR = 0x2C00
    SAVING_PARAMETERS_NOT_SUPPORTED = 0x3900
    MEDIUM_NOT_PRESENT = 0x3A00
    LOGICAL_UNIT_COMMUNICATION_TIME_OUT = 0x0801
    LOGICAL_UNIT_FAILED_SELF_TEST = 0x3E03
    INTERNAL_TARGET_FAILURE = 0x4400
    MEDIUM_REMOVAL_PREVENTED = 0x5302
    INSUFFICIENT_REGISTRATION_RESOURCES = 0x5504


class Attention(IntEnum):
    """Unit attention conditions, ``asc << 8 | ascq``."""

    MEDIUM_MAY_HAVE_CHANGED = 0x2800
    POWER_ON_OR_RESET = 0x2900
    NEXUS_LOSS = 0x2907
    MODE_PARAMETERS_CHANGED = 0x2A01
    LOG_PARAMETERS_CHANGED = 0x2A02
    RESERVATIONS_PREEMPTED = 0x2A03
    RESERVATIONS_RELEASED = 0x2A04
    REGISTRATIONS_PREEMPTED = 0x2A05
    CAPACITY_CHANGED = 0x2A09
    COMMANDS_CLEARED = 0x2F00
    INQUIRY_DATA_CHANGED = 0x3F03
    REPORTED_LUNS_CHANGED = 0x3F0E


def invalid(cdb: type[cdbs.Cdb], name: str) -> Fault:
    """INVALID FIELD IN CDB, pointing to the field ``name``."""
    return Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_FIELD_IN_CDB, pointer(getattr(cdb, name)))


def unfit(byte: int, bit: int | None = None) -> Fault:
    """INVALID FIELD IN PARAMETER LIST, pointing into the list."""
    return Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_FIELD_IN_PARAMETER_LIST, ("data", byte, bit))


def short() -> Fault:
    """PARAMETER LIST LENGTH ERROR: it ends in the middle of something."""
    return Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.PARAMETER_LIST_LENGTH_ERROR)
