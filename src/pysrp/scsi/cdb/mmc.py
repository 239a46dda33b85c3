"""CDBs of MMC: CD, DVD and their kind."""

from __future__ import annotations

from pysrp.fields import U8, U16, U24, U32, Bits, Flag
from pysrp.scsi import texts
from pysrp.scsi.cdb.base import Cdb10, Cdb12, Group
from pysrp.scsi.codes import (
    AddressNumberType,
    DiscInformationType,
    ExpectedSectorType,
    NotificationClass,
    Opcode,
    RequestedType,
    SubChannelSelection,
    TocFormat,
)

__all__ = [
    "GetConfiguration",
    "GetEventStatusNotification",
    "MechanismStatus",
    "ReadBufferCapacity",
    "ReadCd",
    "ReadCdMsf",
    "ReadDiscInformation",
    "ReadDiscStructure",
    "ReadToc",
    "ReadTrackInformation",
    "SetCdSpeed",
]


class _Sectors(Group):
    """The parts of a sector that READ CD and READ CD MSF return."""

    __slots__ = ()
    TEXTS = texts.MMC
    expected_sector_type = Bits(1, 2, 3, enum=ExpectedSectorType)
    dap = Flag(1, 1)
    sync = Flag(9, 7)
    header_codes = Bits(9, 5, 2)
    user_data = Flag(9, 4)
    edc_ecc = Flag(9, 3)
    c2_error_information = Bits(9, 1, 2)
    sub_channel_selection = Bits(10, 0, 3, enum=SubChannelSelection)


class ReadToc(Cdb10, opcode=Opcode.READ_TOC, name="READ TOC/PMA/ATIP", data_in="allocation_length"):
    """READ TOC/PMA/ATIP, 10 bytes (MMC-6); old drivers put the format into the top bits of CONTROL."""

    __slots__ = ()
    TEXTS = texts.MMC
    obsolete_lun = Bits(1, 5, 3)
    msf = Flag(1, 1)
    format = Bits(
        2, 0, 4, enum=TocFormat, doc="What is wanted: tracks, sessions, the raw table, the PMA, ATIP, CD-Text"
    )
    track_session_number = U8(6)
    allocation_length = U16(7)


class GetConfiguration(
    Cdb10, opcode=Opcode.GET_CONFIGURATION, name="GET CONFIGURATION", data_in="allocation_length"
):
    """GET CONFIGURATION, 10 bytes (MMC-6)."""

    __slots__ = ()
    TEXTS = texts.MMC
    rt = Bits(1, 0, 2, enum=RequestedType)
    starting_feature_number = U16(2, hex=True)
    allocation_length = U16(7)


class GetEventStatusNotification(
    Cdb10,
    opcode=Opcode.GET_EVENT_STATUS_NOTIFICATION,
    name="GET EVENT STATUS NOTIFICATION",
    data_in="allocation_length",
):
    """GET EVENT STATUS NOTIFICATION, 10 bytes (MMC-6)."""

    __slots__ = ()
    TEXTS = texts.MMC
    polled = Flag(1, 0)
    notification_class_request = U8(4, enum=NotificationClass)
    allocation_length = U16(7)


class ReadDiscInformation(
    Cdb10, opcode=Opcode.READ_DISC_INFORMATION, name="READ DISC INFORMATION", data_in="allocation_length"
):
    """READ DISC INFORMATION, 10 bytes (MMC-6)."""

    __slots__ = ()
    TEXTS = texts.MMC
    data_type = Bits(1, 0, 3, enum=DiscInformationType)
    allocation_length = U16(7)


class ReadTrackInformation(
    Cdb10, opcode=Opcode.READ_TRACK_INFORMATION, name="READ TRACK INFORMATION", data_in="allocation_length"
):
    """READ TRACK INFORMATION, 10 bytes (MMC-6); ``address_number_type`` decides what ``address`` is."""

    __slots__ = ()
    TEXTS = texts.MMC
    open = Flag(1, 2)
    address_number_type = Bits(1, 0, 2, enum=AddressNumberType)
    address = U32(2, doc="Which block, track or session, as the type of the address says")
    allocation_length = U16(7)


class ReadBufferCapacity(
    Cdb10, opcode=Opcode.READ_BUFFER_CAPACITY, name="READ BUFFER CAPACITY", data_in="allocation_length"
):
    """READ BUFFER CAPACITY, 10 bytes (MMC-6)."""

    __slots__ = ()
    TEXTS = texts.MMC
    block = Flag(1, 0)
    allocation_length = U16(7)


class ReadDiscStructure(
    Cdb12, opcode=Opcode.READ_DISC_STRUCTURE, name="READ DISC STRUCTURE", data_in="allocation_length"
):
    """READ DISC STRUCTURE (once READ DVD STRUCTURE), 12 bytes (MMC-6)."""

    __slots__ = ()
    TEXTS = texts.MMC
    media_type = Bits(1, 0, 4)
    address = U32(2, doc="Where on the disc, as the format has it; most do not look at it")
    layer_number = U8(6)
    format = U8(7, hex=True, doc="Which structure, as the kind of medium has it: 00h its physical format")
    allocation_length = U16(8)
    agid = Bits(10, 6, 2)


class ReadCdMsf(_Sectors, Cdb12, opcode=Opcode.READ_CD_MSF, name="READ CD MSF", data_in=...):
    """READ CD MSF, 12 bytes (MMC-6); the bytes of a sector depend on what is on the disc."""

    __slots__ = ()
    TEXTS = texts.MMC
    starting_m = U8(3)
    starting_s = U8(4)
    starting_f = U8(5)
    ending_m = U8(6)
    ending_s = U8(7)
    ending_f = U8(8)


class SetCdSpeed(Cdb12, opcode=Opcode.SET_CD_SPEED, name="SET CD SPEED"):
    """SET CD SPEED, 12 bytes (MMC-6); speeds in kB/s."""

    __slots__ = ()
    TEXTS = texts.MMC
    rotational_control = Bits(1, 0, 2)
    logical_unit_read_speed = U16(2)
    logical_unit_write_speed = U16(4)


class MechanismStatus(
    Cdb12, opcode=Opcode.MECHANISM_STATUS, name="MECHANISM STATUS", data_in="allocation_length"
):
    """MECHANISM STATUS, 12 bytes (MMC-6)."""

    __slots__ = ()
    TEXTS = texts.MMC
    allocation_length = U16(8)


class ReadCd(_Sectors, Cdb12, opcode=Opcode.READ_CD, name="READ CD", blocks="transfer_length", data_in=...):
    """READ CD, 12 bytes (MMC-6); the bytes of a sector depend on what is on the disc."""

    __slots__ = ()
    TEXTS = texts.MMC
    reladr = Flag(1, 0)
    lba = U32(2)
    transfer_length = U24(6)
