# Made from the field tables by tools/stubs.py; do not edit.
"""CDBs of MMC: CD, DVD and their kind."""

from _typeshed import ReadableBuffer, WriteableBuffer
from typing import TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.scsi import texts
from pysrp.scsi.cdb.base import Cdb10, Cdb12, Group
from pysrp.scsi.codes import Opcode
__all__ = ['GetConfiguration', 'GetEventStatusNotification', 'MechanismStatus', 'ReadBufferCapacity', 'ReadCd', 'ReadCdMsf', 'ReadDiscInformation', 'ReadDiscStructure', 'ReadToc', 'ReadTrackInformation', 'SetCdSpeed']

class _Sectors(Group):
    """The parts of a sector that READ CD and READ CD MSF return."""
    TEXTS = texts.MMC
    expected_sector_type: pysrp.fields.Bits
    """What sectors may be: 0 any, 1 sound, 2 mode 1, 3 mode 2, 4 and 5 its form 1 and 2; others are an error"""
    dap: pysrp.fields.Flag
    """Set: errors in sound may be covered up, by the mean of their neighbours"""
    sync: pysrp.fields.Flag
    """Set: the 12 bytes of the sync pattern are wanted"""
    header_codes: pysrp.fields.Bits
    """Which headers are wanted: 0 none, 1 the sector's 4 bytes, 2 XA's 8 bytes, 3 both"""
    user_data: pysrp.fields.Flag
    """Set: the data of the sector are wanted"""
    edc_ecc: pysrp.fields.Flag
    """Set: the bytes of error detection and correction are wanted"""
    c2_error_information: pysrp.fields.Bits
    """Which marks of bytes beyond correction are wanted: 0 none, 1 a bit for each byte, 2 also their sum"""
    sub_channel_selection: pysrp.fields.Bits
    """Which sub-channel data are wanted: 0 none, 1 P to W raw, 2 Q, 4 R to W corrected"""

class _ReadTocFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    msf: int
    format: int
    track_session_number: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadToc(Cdb10, opcode=Opcode.READ_TOC, name='READ TOC/PMA/ATIP', data_in='allocation_length'):
    """READ TOC/PMA/ATIP, 10 bytes (MMC-6); old drivers put the format into the top bits of CONTROL."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    msf: pysrp.fields.Flag
    """Set: addresses are minutes, seconds, frames; clear: blocks"""
    format: pysrp.fields.Bits
    """What is wanted: tracks, sessions, the raw table, the PMA, ATIP, CD-Text"""
    track_session_number: pysrp.fields.U8
    """From which track or session on, as the format has it"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadTocFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadTocFields]) -> int: ...  # type: ignore[override]

class _GetConfigurationFields(TypedDict, total=False):
    opcode: int
    rt: int
    starting_feature_number: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class GetConfiguration(Cdb10, opcode=Opcode.GET_CONFIGURATION, name='GET CONFIGURATION', data_in='allocation_length'):
    """GET CONFIGURATION, 10 bytes (MMC-6)."""
    rt: pysrp.fields.Bits
    """Which features: 0 all, 1 those that are current, 2 the one of that number"""
    starting_feature_number: pysrp.fields.U16
    """Number of the first feature that is wanted"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_GetConfigurationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_GetConfigurationFields]) -> int: ...  # type: ignore[override]

class _GetEventStatusNotificationFields(TypedDict, total=False):
    opcode: int
    polled: int
    notification_class_request: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class GetEventStatusNotification(Cdb10, opcode=Opcode.GET_EVENT_STATUS_NOTIFICATION, name='GET EVENT STATUS NOTIFICATION', data_in='allocation_length'):
    """GET EVENT STATUS NOTIFICATION, 10 bytes (MMC-6)."""
    polled: pysrp.fields.Flag
    """Set: the answer comes at once, clear: with the next event, which few devices know"""
    notification_class_request: pysrp.fields.U8
    """A bit for each class of events that is asked for: 2 operation, 4 power, 8 external, 10h medium, 20h several hosts, 40h busy"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_GetEventStatusNotificationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_GetEventStatusNotificationFields]) -> int: ...  # type: ignore[override]

class _ReadDiscInformationFields(TypedDict, total=False):
    opcode: int
    data_type: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadDiscInformation(Cdb10, opcode=Opcode.READ_DISC_INFORMATION, name='READ DISC INFORMATION', data_in='allocation_length'):
    """READ DISC INFORMATION, 10 bytes (MMC-6)."""
    data_type: pysrp.fields.Bits
    """What is wanted: 0 the disc, 1 track resources, 2 resources of BD-R's pseudo overwrite"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadDiscInformationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadDiscInformationFields]) -> int: ...  # type: ignore[override]

class _ReadTrackInformationFields(TypedDict, total=False):
    opcode: int
    open: int
    address_number_type: int
    address: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadTrackInformation(Cdb10, opcode=Opcode.READ_TRACK_INFORMATION, name='READ TRACK INFORMATION', data_in='allocation_length'):
    """READ TRACK INFORMATION, 10 bytes (MMC-6); ``address_number_type`` decides what ``address`` is."""
    open: pysrp.fields.Flag
    """Set: only a track that can still be written is meant"""
    address_number_type: pysrp.fields.Bits
    """What the address is: 0 a block, 1 a track, 2 a session"""
    address: pysrp.fields.U32
    """Which block, track or session, as the type of the address says"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadTrackInformationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadTrackInformationFields]) -> int: ...  # type: ignore[override]

class _ReadBufferCapacityFields(TypedDict, total=False):
    opcode: int
    block: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadBufferCapacity(Cdb10, opcode=Opcode.READ_BUFFER_CAPACITY, name='READ BUFFER CAPACITY', data_in='allocation_length'):
    """READ BUFFER CAPACITY, 10 bytes (MMC-6)."""
    block: pysrp.fields.Flag
    """Set: the capacity is told in blocks; clear: in bytes"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadBufferCapacityFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadBufferCapacityFields]) -> int: ...  # type: ignore[override]

class _ReadDiscStructureFields(TypedDict, total=False):
    opcode: int
    media_type: int
    address: int
    layer_number: int
    format: int
    allocation_length: int
    agid: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadDiscStructure(Cdb12, opcode=Opcode.READ_DISC_STRUCTURE, name='READ DISC STRUCTURE', data_in='allocation_length'):
    """READ DISC STRUCTURE (once READ DVD STRUCTURE), 12 bytes (MMC-6)."""
    media_type: pysrp.fields.Bits
    """Whose structures: 0 of DVD and HD DVD, 1 of BD"""
    address: pysrp.fields.U32
    """Where on the disc, as the format has it; most do not look at it"""
    layer_number: pysrp.fields.U8
    """Which layer of the disc, from 0"""
    format: pysrp.fields.U8
    """Which structure, as the kind of medium has it: 00h its physical format"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    agid: pysrp.fields.Bits
    """Grant of an authentication that is under way; 0 without one"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadDiscStructureFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadDiscStructureFields]) -> int: ...  # type: ignore[override]

class _ReadCdMsfFields(TypedDict, total=False):
    opcode: int
    expected_sector_type: int
    dap: int
    starting_m: int
    starting_s: int
    starting_f: int
    ending_m: int
    ending_s: int
    ending_f: int
    sync: int
    header_codes: int
    user_data: int
    edc_ecc: int
    c2_error_information: int
    sub_channel_selection: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadCdMsf(_Sectors, Cdb12, opcode=Opcode.READ_CD_MSF, name='READ CD MSF', data_in=...):
    """READ CD MSF, 12 bytes (MMC-6); the bytes of a sector depend on what is on the disc."""
    starting_m: pysrp.fields.U8
    """Minute of the first frame"""
    starting_s: pysrp.fields.U8
    """Second of the first frame"""
    starting_f: pysrp.fields.U8
    """The first frame, of 75 a second"""
    ending_m: pysrp.fields.U8
    """Minute of the frame behind the last one"""
    ending_s: pysrp.fields.U8
    """Second of the frame behind the last one"""
    ending_f: pysrp.fields.U8
    """The frame behind the last one, of 75 a second; it is not read"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadCdMsfFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadCdMsfFields]) -> int: ...  # type: ignore[override]

class _SetCdSpeedFields(TypedDict, total=False):
    opcode: int
    rotational_control: int
    logical_unit_read_speed: int
    logical_unit_write_speed: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SetCdSpeed(Cdb12, opcode=Opcode.SET_CD_SPEED, name='SET CD SPEED'):
    """SET CD SPEED, 12 bytes (MMC-6); speeds in kB/s."""
    rotational_control: pysrp.fields.Bits
    """How the disc turns: 0 as by default, 1 at constant angular velocity"""
    logical_unit_read_speed: pysrp.fields.U16
    """How fast to read, in 1000 bytes a second; FFFFh: as fast as it can"""
    logical_unit_write_speed: pysrp.fields.U16
    """How fast to write, in 1000 bytes a second; FFFFh: as fast as it can"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SetCdSpeedFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SetCdSpeedFields]) -> int: ...  # type: ignore[override]

class _MechanismStatusFields(TypedDict, total=False):
    opcode: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class MechanismStatus(Cdb12, opcode=Opcode.MECHANISM_STATUS, name='MECHANISM STATUS', data_in='allocation_length'):
    """MECHANISM STATUS, 12 bytes (MMC-6)."""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_MechanismStatusFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_MechanismStatusFields]) -> int: ...  # type: ignore[override]

class _ReadCdFields(TypedDict, total=False):
    opcode: int
    expected_sector_type: int
    dap: int
    reladr: int
    lba: int
    transfer_length: int
    sync: int
    header_codes: int
    user_data: int
    edc_ecc: int
    c2_error_information: int
    sub_channel_selection: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadCd(_Sectors, Cdb12, opcode=Opcode.READ_CD, name='READ CD', blocks='transfer_length', data_in=...):
    """READ CD, 12 bytes (MMC-6); the bytes of a sector depend on what is on the disc."""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    lba: pysrp.fields.U32
    """First logical block that is meant, counted from 0"""
    transfer_length: pysrp.fields.U24
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadCdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadCdFields]) -> int: ...  # type: ignore[override]
