"""Command descriptor blocks (SPC-5, SBC-4, MMC-6, SAT-4).

Each class is the standard's table. ``parse_cdb(buf)`` chooses the class by opcode and service action and
gives a view that ends where the CDB ends; a CDB without a table gives a plain :class:`Cdb`.

A field has the standard's name in lower case with underscores. LOGICAL BLOCK ADDRESS, STARTING or not, is
``lba``; OPERATION CODE is ``opcode``. Obsolete fields keep the last name they had: FUA_NV, RELADR, and the
LUN of SCSI-2 as ``obsolete_lun`` (byte 1, bits 5 to 7; Linux still fills them for a target whose SCSI level
it does not know yet). They are fields like others, and no violation. Reserved ones have no name.

What an engine needs of any CDB: ``name``, ``data_direction``, ``data_length(block_size)``, ``blocks``.

Docstrings name standard and clause: SPC-4 for what is in it, else SPC-5; SBC-4 with the numbers of the drafts
that have READ(10) at 5.13; MMC-6 and SAT-4 without.

A command of your own::

    class ReadSecret(Cdb10, opcode=0xC8, name="READ SECRET", data_in="allocation_length"):
        __slots__ = ()
        key = U32(2)
        allocation_length = U16(7)
"""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import Any, ClassVar

from pysrp import tables
from pysrp.fields import U8, U16, U24, U32, U64, Bits, Dispatch, Field, Flag, Int, Part, Structure
from pysrp.scsi.codes import (
    AddressNumberType,
    AtaProtocol,
    AtaTransferLength,
    ByteCheck,
    DataDirection,
    DefectListFormat,
    DiscInformationType,
    ExpectedSectorType,
    LogPageControl,
    MaintenanceInAction,
    MaintenanceOutAction,
    ModePageControl,
    NotificationClass,
    Opcode,
    PersistentReserveInAction,
    PersistentReserveOutAction,
    PersistentReserveScope,
    PersistentReserveType,
    PowerCondition,
    ReadBufferMode,
    ReportingOptions,
    RequestedType,
    SanitizeAction,
    SelfTestCode,
    ServiceActionIn16,
    ServiceActionOut16,
    SubChannelSelection,
    ThirdPartyCopyInAction,
    ThirdPartyCopyOutAction,
    TocFormat,
    VariableLengthAction,
    WriteBufferMode,
)

__all__ = [
    "AtaPassThrough12",
    "AtaPassThrough16",
    "AtaPassThrough32",
    "Cdb",
    "Cdb6",
    "Cdb10",
    "Cdb12",
    "Cdb16",
    "Cdb32",
    "ChangeAliases",
    "CompareAndWrite",
    "CopyOperationAbort",
    "ExtendedCopy",
    "ExtendedCopyLid1",
    "FormatUnit",
    "GetConfiguration",
    "GetEventStatusNotification",
    "GetLbaStatus16",
    "GetLbaStatus32",
    "GetStreamStatus",
    "Inquiry",
    "LogSelect",
    "LogSense",
    "MechanismStatus",
    "ModeSelect6",
    "ModeSelect10",
    "ModeSense6",
    "ModeSense10",
    "OrWrite16",
    "OrWrite32",
    "PersistentReserveIn",
    "PersistentReserveOut",
    "PopulateToken",
    "PreFetch10",
    "PreFetch16",
    "PreventAllowMediumRemoval",
    "Read6",
    "Read10",
    "Read12",
    "Read16",
    "Read32",
    "ReadBuffer10",
    "ReadBuffer16",
    "ReadBufferCapacity",
    "ReadCapacity10",
    "ReadCapacity16",
    "ReadCd",
    "ReadCdMsf",
    "ReadDefectData10",
    "ReadDefectData12",
    "ReadDiscInformation",
    "ReadDiscStructure",
    "ReadToc",
    "ReadTrackInformation",
    "ReassignBlocks",
    "ReceiveCopyData",
    "ReceiveCopyDataLid1",
    "ReceiveCopyFailureDetailsLid1",
    "ReceiveCopyOperatingParameters",
    "ReceiveCopyStatus",
    "ReceiveCopyStatusLid1",
    "ReceiveDiagnosticResults",
    "ReceiveRodTokenInformation",
    "Release6",
    "Release10",
    "ReportAliases",
    "ReportAllRodTokens",
    "ReportIdentifyingInformation",
    "ReportLuns",
    "ReportPriority",
    "ReportReferrals",
    "ReportSupportedOperationCodes",
    "ReportSupportedTaskManagementFunctions",
    "ReportTargetPortGroups",
    "ReportTimestamp",
    "RequestSense",
    "Reserve6",
    "Reserve10",
    "Sanitize",
    "SecurityProtocolIn",
    "SecurityProtocolOut",
    "SendDiagnostic",
    "SetCdSpeed",
    "SetIdentifyingInformation",
    "SetPriority",
    "SetTargetPortGroups",
    "SetTimestamp",
    "StartStopUnit",
    "SynchronizeCache10",
    "SynchronizeCache16",
    "TestUnitReady",
    "Unmap",
    "Verify10",
    "Verify12",
    "Verify16",
    "Verify32",
    "Write6",
    "Write10",
    "Write12",
    "Write16",
    "Write32",
    "WriteAndVerify10",
    "WriteAndVerify12",
    "WriteAndVerify16",
    "WriteAndVerify32",
    "WriteAtomic16",
    "WriteAtomic32",
    "WriteBuffer10",
    "WriteBuffer16",
    "WriteSame10",
    "WriteSame16",
    "WriteSame32",
    "WriteStream16",
    "WriteStream32",
    "WriteUsingToken",
    "commands",
    "parse_cdb",
]

_ACTIONS: dict[int, Any] = {
    Opcode.VARIABLE_LENGTH: VariableLengthAction,
    Opcode.THIRD_PARTY_COPY_OUT: ThirdPartyCopyOutAction,
    Opcode.THIRD_PARTY_COPY_IN: ThirdPartyCopyInAction,
    Opcode.SERVICE_ACTION_IN_16: ServiceActionIn16,
    Opcode.SERVICE_ACTION_OUT_16: ServiceActionOut16,
    Opcode.MAINTENANCE_IN: MaintenanceInAction,
    Opcode.MAINTENANCE_OUT: MaintenanceOutAction,
}
_GROUP_LENGTH = 6, 10, 10, None, 16, 12, None, None


def _body_length(cdb: Cdb) -> int:
    """Bytes behind the opcode by the rule of its group (SPC-4, 4.2.5.1): where it has none, all there are."""
    raw = memoryview(cdb)
    opcode = raw[0]
    if opcode == Opcode.VARIABLE_LENGTH and len(raw) >= 8:
        return 7 + raw[7]
    return (_GROUP_LENGTH[opcode >> 5] or len(raw)) - 1


class Cdb(Structure):
    """Any CDB, 1 to 263 bytes: the opcode, and what follows it as its group code has it (SPC-4, 4.2.5).

    A subclass with ``opcode=`` is what :func:`parse_cdb` returns for that opcode, with ``service_action=``
    for that service action of it. Further keywords: ``name`` (the standard's), ``size`` in bytes, ``control``
    (where the CONTROL byte stands), ``blocks`` (the field that counts logical blocks), ``data_in`` or
    ``data_out``: how much data comes or goes, as the name of a field that counts bytes, or ``"blocks"``, or a
    number of bytes, or ``...`` where the CDB does not tell. TypeError for a field that is not there.
    """

    __slots__ = ()
    _data: ClassVar[tuple[DataDirection | None, str | int | EllipsisType | None]] = (None, None)
    _blocks: ClassVar[str | None] = None

    def __init_subclass__(
        cls,
        opcode: int | None = None,
        service_action: int | None = None,
        name: str | None = None,
        control: int | None = None,
        blocks: str | None = None,
        data_in: str | int | EllipsisType | None = None,
        data_out: str | int | EllipsisType | None = None,
        **options: Any,
    ) -> None:
        own: dict[str, Any] = {"body": None}  # the opaque view's alone: a command has a table
        if opcode is not None:
            own["name"] = name or cls.__name__
            own["opcode"] = U8(0, must=opcode, hex=True, enum=_if_known(Opcode, opcode))
        if service_action is not None:
            actions = _if_known(_ACTIONS.get(opcode or 0), service_action)
            if opcode == Opcode.VARIABLE_LENGTH:
                own["service_action"] = U16(8, must=service_action, hex=True, enum=actions)
            else:
                own["service_action"] = Bits(1, 0, 5, must=service_action, hex=True, enum=actions)
        if control is not None:
            own["control_vendor_specific"] = Bits(control, 6, 2)
            own["naca"] = Flag(control, 2)
            own["control_obsolete"] = Bits(control, 0, 2)
        for key, value in own.items():
            if key not in cls.__dict__:
                setattr(cls, key, value)
                if isinstance(value, Field):
                    value.__set_name__(cls, key)
        super().__init_subclass__(**options)
        if opcode is None:
            return
        cls._blocks = blocks
        if data_in is not None:
            cls._data = DataDirection.IN, data_in
        elif data_out is not None:
            cls._data = DataDirection.OUT, data_out
        else:
            cls._data = DataDirection.NONE, 0
        for field in blocks, cls._data[1]:
            if isinstance(field, str) and not hasattr(cls, field):
                raise TypeError(f"{cls.__name__} has no field {field!r}")
        _register(cls, opcode, service_action)

    opcode = U8(0, hex=True)
    body = Part(1, _body_length, clamp=True)

    @property
    def name(self) -> str:
        """The standard's name of the command; of a class with a table also on the class."""
        raw = memoryview(self)
        action = None
        if raw[0] == Opcode.VARIABLE_LENGTH:
            action = int.from_bytes(raw[8:10], "big") if len(raw) >= 10 else None
        elif len(raw) >= 2:
            action = raw[1] & 0x1F
        return tables.opcode_name(raw[0], service_action=action)

    @property
    def data_direction(self) -> DataDirection | None:
        """Where the data goes, if there is any; None: not known."""
        return self._data[0]

    def data_length(self, block_size: int = 512) -> int | None:
        """Bytes that the command may transfer at most; None where the CDB does not tell.

        ``block_size`` is the bytes of a logical block as transferred: with its protection information, if
        the protect field of the CDB asks for that.
        """
        source = self._data[1]
        if source == "blocks":
            return (self.blocks or 0) * block_size
        if isinstance(source, str):
            return int(getattr(self, source))
        return source if isinstance(source, int) else None

    @property
    def blocks(self) -> int | None:
        """Logical blocks that the command is about; None: it is not about any. 0 is as the field says.

        That is none for a read, write or verify, and up to the last one for SYNCHRONIZE CACHE, PRE-FETCH
        and (unless WSNZ is set) WRITE SAME.
        """
        return None if self._blocks is None else int(getattr(self, self._blocks))


commands = Dispatch("opcode", 0, default=Cdb, trim=True)
_nested: dict[int, Dispatch] = {}


def _if_known(codes: Any, value: int) -> Any:
    """The enum, if it has the value: a command that a user adds is no violation of the standard's list."""
    try:
        if codes is not None:
            codes(value)
        return codes
    except ValueError:
        return None


def _register(cls: type[Cdb], opcode: int, service_action: int | None) -> None:
    if service_action is None:
        commands.add(opcode, cls)
        return
    if opcode not in _nested:
        if opcode == Opcode.VARIABLE_LENGTH:
            actions = Dispatch("service action", 8, 2, default=Cdb)
        else:
            actions = Dispatch("service action", 1, 1, 0, 5, default=Cdb)
        commands.add(opcode, actions)
        _nested[opcode] = actions
    _nested[opcode].add(service_action, cls)


class Cdb6(Cdb, size=6, control=5):
    """The 6-byte CDBs, opcodes 00h to 1Fh (SPC-4, 4.2.5.2); CONTROL is the last byte."""

    __slots__ = ()


class Cdb10(Cdb, size=10, control=9):
    """The 10-byte CDBs, opcodes 20h to 5Fh (SPC-4, 4.2.5.3); CONTROL is the last byte."""

    __slots__ = ()


class Cdb12(Cdb, size=12, control=11):
    """The 12-byte CDBs, opcodes A0h to BFh (SPC-4, 4.2.5.4); CONTROL is the last byte."""

    __slots__ = ()


class Cdb16(Cdb, size=16, control=15):
    """The 16-byte CDBs, opcodes 80h to 9Fh (SPC-4, 4.2.5.5); CONTROL is the last byte."""

    __slots__ = ()


class Cdb32(Cdb, size=32, control=1):
    """The 32-byte form of the variable length CDB, opcode 7Fh (SPC-4, 4.2.5.6); CONTROL is byte 1."""

    __slots__ = ()
    additional_cdb_length = U8(7, must=24)


class _ByteChecked(Cdb):
    """VERIFY: the data-out buffer has as many blocks as BYTCHK wants compared (SBC-4, 5.33)."""

    __slots__ = ()
    bytchk: Bits

    @property
    def data_direction(self) -> DataDirection:
        """OUT where something is compared, else NONE."""
        return DataDirection.OUT if self.bytchk & 1 else DataDirection.NONE

    def data_length(self, block_size: int = 512) -> int:
        """Nothing, all the blocks, or one block that all are compared with."""
        blocks = self.blocks or 0
        if self.bytchk == ByteCheck.COMPARE_ONE_BLOCK:
            blocks = min(blocks, 1)
        return blocks * block_size if self.bytchk & 1 else 0


class _OneBlock(Cdb):
    """WRITE SAME: one block goes out, or with NDOB none (SBC-4, 5.50)."""

    __slots__ = ()

    @property
    def data_direction(self) -> DataDirection:
        """OUT, or NONE if NDOB is set."""
        return DataDirection.NONE if getattr(self, "ndob", False) else DataDirection.OUT

    def data_length(self, block_size: int = 512) -> int:
        """One block, or nothing if NDOB is set."""
        return 0 if getattr(self, "ndob", False) else block_size


class _Inc512(Cdb):
    """SECURITY PROTOCOL IN and OUT: with INC_512 the length counts units of 512 bytes (SPC-4, 6.40)."""

    __slots__ = ()
    inc_512: Flag

    def data_length(self, block_size: int = 512) -> int:
        """The length field, in bytes."""
        return (super().data_length() or 0) * (512 if self.inc_512 else 1)


class _AtaTransfer(Cdb):
    """ATA PASS-THROUGH: direction and length stand in bits and in the ATA registers (SAT-4)."""

    __slots__ = ()
    t_length: Bits
    t_dir: Flag
    t_type: Flag
    byt_blok: Flag
    features: Int
    count: Int

    @property
    def data_direction(self) -> DataDirection:
        """As T_LENGTH and T_DIR say."""
        if self.t_length == AtaTransferLength.NO_DATA:
            return DataDirection.NONE
        return DataDirection.IN if self.t_dir else DataDirection.OUT

    def data_length(self, block_size: int = 512) -> int | None:
        """Bytes by T_LENGTH, BYT_BLOK and T_TYPE; None where the transport knows it (TPSIU)."""
        if self.t_length == AtaTransferLength.TPSIU:
            return None
        count = (0, self.features, self.count)[self.t_length]
        if not self.byt_blok:
            return count
        return count * (block_size if self.t_type else 512)


# ---------------------------------------------------------------------------------------------
# 6 bytes
# ---------------------------------------------------------------------------------------------


class TestUnitReady(Cdb6, opcode=Opcode.TEST_UNIT_READY, name="TEST UNIT READY"):
    """TEST UNIT READY, 6 bytes (SPC-4, 6.47)."""

    __slots__ = ()
    __test__ = False  # not a test class, whatever pytest makes of the name
    obsolete_lun = Bits(1, 5, 3)


class RequestSense(Cdb6, opcode=Opcode.REQUEST_SENSE, name="REQUEST SENSE", data_in="allocation_length"):
    """REQUEST SENSE, 6 bytes (SPC-4, 6.39)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    desc = Flag(1, 0)
    allocation_length = U8(4)


class FormatUnit(Cdb6, opcode=Opcode.FORMAT_UNIT, name="FORMAT UNIT"):
    """FORMAT UNIT, 6 bytes (SBC-4, 5.4); FFMT is where the interleave had its last bits."""

    __slots__ = ()
    fmtpinfo = Bits(1, 6, 2)
    longlist = Flag(1, 5)
    fmtdata = Flag(1, 4)
    cmplist = Flag(1, 3)
    defect_list_format = Bits(1, 0, 3, enum=DefectListFormat)
    vendor_specific = U8(2, hex=True)
    obsolete_interleave = U8(3)
    ffmt = Bits(4, 0, 2)

    @property
    def data_direction(self) -> DataDirection:
        """OUT if FMTDATA announces a parameter list."""
        return DataDirection.OUT if self.fmtdata else DataDirection.NONE

    def data_length(self, block_size: int = 512) -> int | None:
        """0, or None with FMTDATA: the parameter list itself says how long it is."""
        return None if self.fmtdata else 0


class ReassignBlocks(Cdb6, opcode=Opcode.REASSIGN_BLOCKS, name="REASSIGN BLOCKS", data_out=...):
    """REASSIGN BLOCKS, 6 bytes (SBC-4, 5.23); the parameter list itself says how long it is."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    longlba = Flag(1, 1)
    longlist = Flag(1, 0)


class Read6(Cdb6, opcode=Opcode.READ_6, name="READ(6)", blocks="transfer_length", data_in="blocks"):
    """READ(6), 6 bytes (SBC-2, 5.5); a transfer length of 0 means 256 blocks."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    lba = Bits(1, 0, 21, 3)
    transfer_length = U8(4)

    @property
    def blocks(self) -> int:
        """Logical blocks, 1 to 256."""
        return self.transfer_length or 256


class Write6(Cdb6, opcode=Opcode.WRITE_6, name="WRITE(6)", blocks="transfer_length", data_out="blocks"):
    """WRITE(6), 6 bytes (SBC-2, 5.24); a transfer length of 0 means 256 blocks."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    lba = Bits(1, 0, 21, 3)
    transfer_length = U8(4)

    @property
    def blocks(self) -> int:
        """Logical blocks, 1 to 256."""
        return self.transfer_length or 256


class Inquiry(Cdb6, opcode=Opcode.INQUIRY, name="INQUIRY", data_in="allocation_length"):
    """INQUIRY, 6 bytes (SPC-4, 6.6); ``page_code`` is a VpdPage, and only with EVPD."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    cmddt = Flag(1, 1)
    evpd = Flag(1, 0)
    page_code = U8(2, hex=True)
    allocation_length = U16(3)

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.page_code and not self.evpd and not self.cmddt:
            yield "page_code", 2, "a page code without EVPD"


class ModeSelect6(Cdb6, opcode=Opcode.MODE_SELECT_6, name="MODE SELECT(6)", data_out="parameter_list_length"):
    """MODE SELECT(6), 6 bytes (SPC-4, 6.11)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    pf = Flag(1, 4)
    rtd = Flag(1, 1)
    sp = Flag(1, 0)
    parameter_list_length = U8(4)


class Reserve6(Cdb6, opcode=Opcode.RESERVE_6, name="RESERVE(6)", data_out="extent_list_length"):
    """RESERVE(6), 6 bytes (SPC-2, 7.21; obsolete since); the extents and third parties are SCSI-2's."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    third_party = Flag(1, 4)
    third_party_device_id = Bits(1, 1, 3)
    extent_bit = Flag(1, 0)
    reservation_identification = U8(2)
    extent_list_length = U16(3)


class Release6(Cdb6, opcode=Opcode.RELEASE_6, name="RELEASE(6)"):
    """RELEASE(6), 6 bytes (SPC-2, 7.16; obsolete since); the extents and third parties are SCSI-2's."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    third_party = Flag(1, 4)
    third_party_device_id = Bits(1, 1, 3)
    extent_bit = Flag(1, 0)
    reservation_identification = U8(2)


class ModeSense6(Cdb6, opcode=Opcode.MODE_SENSE_6, name="MODE SENSE(6)", data_in="allocation_length"):
    """MODE SENSE(6), 6 bytes (SPC-4, 6.13); ``page_code`` is a ModePage."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    dbd = Flag(1, 3)
    pc = Bits(2, 6, 2, enum=ModePageControl)
    page_code = Bits(2, 0, 6, hex=True)
    subpage_code = U8(3, hex=True)
    allocation_length = U8(4)


class StartStopUnit(Cdb6, opcode=Opcode.START_STOP_UNIT, name="START STOP UNIT"):
    """START STOP UNIT, 6 bytes (SBC-4, 5.28)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    immed = Flag(1, 0)
    power_condition_modifier = Bits(3, 0, 4)
    power_condition = Bits(4, 4, 4, enum=PowerCondition)
    no_flush = Flag(4, 2)
    loej = Flag(4, 1)
    start = Flag(4, 0)


class ReceiveDiagnosticResults(
    Cdb6,
    opcode=Opcode.RECEIVE_DIAGNOSTIC_RESULTS,
    name="RECEIVE DIAGNOSTIC RESULTS",
    data_in="allocation_length",
):
    """RECEIVE DIAGNOSTIC RESULTS, 6 bytes (SPC-4, 6.27)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    pcv = Flag(1, 0)
    page_code = U8(2, hex=True)
    allocation_length = U16(3)


class SendDiagnostic(
    Cdb6, opcode=Opcode.SEND_DIAGNOSTIC, name="SEND DIAGNOSTIC", data_out="parameter_list_length"
):
    """SEND DIAGNOSTIC, 6 bytes (SPC-4, 6.42)."""

    __slots__ = ()
    self_test_code = Bits(1, 5, 3, enum=SelfTestCode)
    pf = Flag(1, 4)
    selftest = Flag(1, 2)
    devoffl = Flag(1, 1)
    unitoffl = Flag(1, 0)
    parameter_list_length = U16(3)


class PreventAllowMediumRemoval(
    Cdb6, opcode=Opcode.PREVENT_ALLOW_MEDIUM_REMOVAL, name="PREVENT ALLOW MEDIUM REMOVAL"
):
    """PREVENT ALLOW MEDIUM REMOVAL, 6 bytes (SBC-4, 5.12)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    prevent = Bits(4, 0, 2)


# ---------------------------------------------------------------------------------------------
# 10 bytes
# ---------------------------------------------------------------------------------------------


class ReadCapacity10(Cdb10, opcode=Opcode.READ_CAPACITY_10, name="READ CAPACITY(10)", data_in=8):
    """READ CAPACITY(10), 10 bytes (SBC-4, 5.17); LBA and PMI are obsolete."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    reladr = Flag(1, 0)
    lba = U32(2)
    pmi = Flag(8, 0)


class Read10(Cdb10, opcode=Opcode.READ_10, name="READ(10)", blocks="transfer_length", data_in="blocks"):
    """READ(10), 10 bytes (SBC-4, 5.13)."""

    __slots__ = ()
    rdprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    rarc = Flag(1, 2)
    fua_nv = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U32(2)
    group_number = Bits(6, 0, 6)
    transfer_length = U16(7)


class Write10(Cdb10, opcode=Opcode.WRITE_10, name="WRITE(10)", blocks="transfer_length", data_out="blocks"):
    """WRITE(10), 10 bytes (SBC-4, 5.37)."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    fua_nv = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U32(2)
    group_number = Bits(6, 0, 6)
    transfer_length = U16(7)


class WriteAndVerify10(
    Cdb10,
    opcode=Opcode.WRITE_AND_VERIFY_10,
    name="WRITE AND VERIFY(10)",
    blocks="transfer_length",
    data_out="blocks",
):
    """WRITE AND VERIFY(10), 10 bytes (SBC-4, 5.41)."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    bytchk = Bits(1, 1, 2, enum=ByteCheck)
    reladr = Flag(1, 0)
    lba = U32(2)
    group_number = Bits(6, 0, 6)
    transfer_length = U16(7)


class Verify10(_ByteChecked, Cdb10, opcode=Opcode.VERIFY_10, name="VERIFY(10)", blocks="verification_length"):
    """VERIFY(10), 10 bytes (SBC-4, 5.33)."""

    __slots__ = ()
    vrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    bytchk = Bits(1, 1, 2, enum=ByteCheck)
    reladr = Flag(1, 0)
    lba = U32(2)
    group_number = Bits(6, 0, 6)
    verification_length = U16(7)


class PreFetch10(Cdb10, opcode=Opcode.PRE_FETCH_10, name="PRE-FETCH(10)", blocks="prefetch_length"):
    """PRE-FETCH(10), 10 bytes (SBC-4, 5.10)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    immed = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U32(2)
    group_number = Bits(6, 0, 6)
    prefetch_length = U16(7)


class SynchronizeCache10(
    Cdb10, opcode=Opcode.SYNCHRONIZE_CACHE_10, name="SYNCHRONIZE CACHE(10)", blocks="number_of_logical_blocks"
):
    """SYNCHRONIZE CACHE(10), 10 bytes (SBC-4, 5.30); SYNC_NV is obsolete."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    sync_nv = Flag(1, 2)
    immed = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U32(2)
    group_number = Bits(6, 0, 6)
    number_of_logical_blocks = U16(7)


class ReadDefectData10(
    Cdb10, opcode=Opcode.READ_DEFECT_DATA_10, name="READ DEFECT DATA(10)", data_in="allocation_length"
):
    """READ DEFECT DATA(10), 10 bytes (SBC-4, 5.19)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    req_plist = Flag(2, 4)
    req_glist = Flag(2, 3)
    defect_list_format = Bits(2, 0, 3, enum=DefectListFormat)
    allocation_length = U16(7)


class WriteBuffer10(
    Cdb10, opcode=Opcode.WRITE_BUFFER_10, name="WRITE BUFFER(10)", data_out="parameter_list_length"
):
    """WRITE BUFFER(10), 10 bytes (SPC-4, 6.49)."""

    __slots__ = ()
    mode_specific = Bits(1, 5, 3)
    mode = Bits(1, 0, 5, enum=WriteBufferMode)
    buffer_id = U8(2)
    buffer_offset = U24(3)
    parameter_list_length = U24(6)


class ReadBuffer10(Cdb10, opcode=Opcode.READ_BUFFER_10, name="READ BUFFER(10)", data_in="allocation_length"):
    """READ BUFFER(10), 10 bytes (SPC-4, 6.18)."""

    __slots__ = ()
    mode_specific = Bits(1, 5, 3)
    mode = Bits(1, 0, 5, enum=ReadBufferMode)
    buffer_id = U8(2)
    buffer_offset = U24(3)
    allocation_length = U24(6)


class WriteSame10(
    _OneBlock, Cdb10, opcode=Opcode.WRITE_SAME_10, name="WRITE SAME(10)", blocks="number_of_logical_blocks"
):
    """WRITE SAME(10), 10 bytes (SBC-4, 5.49); PBDATA and LBDATA are obsolete."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    anchor = Flag(1, 4)
    unmap = Flag(1, 3)
    pbdata = Flag(1, 2)
    lbdata = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U32(2)
    group_number = Bits(6, 0, 6)
    number_of_logical_blocks = U16(7)


class Unmap(Cdb10, opcode=Opcode.UNMAP, name="UNMAP", data_out="parameter_list_length"):
    """UNMAP, 10 bytes (SBC-4, 5.32)."""

    __slots__ = ()
    anchor = Flag(1, 0)
    group_number = Bits(6, 0, 6)
    parameter_list_length = U16(7)


class ReadToc(Cdb10, opcode=Opcode.READ_TOC, name="READ TOC/PMA/ATIP", data_in="allocation_length"):
    """READ TOC/PMA/ATIP, 10 bytes (MMC-6); old drivers put the format into the top bits of CONTROL."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    msf = Flag(1, 1)
    format = Bits(2, 0, 4, enum=TocFormat)
    track_session_number = U8(6)
    allocation_length = U16(7)


class GetConfiguration(
    Cdb10, opcode=Opcode.GET_CONFIGURATION, name="GET CONFIGURATION", data_in="allocation_length"
):
    """GET CONFIGURATION, 10 bytes (MMC-6)."""

    __slots__ = ()
    rt = Bits(1, 0, 2, enum=RequestedType)
    starting_feature_number = U16(2, hex=True)
    allocation_length = U16(7)


class Sanitize(Cdb10, opcode=Opcode.SANITIZE, name="SANITIZE", data_out="parameter_list_length"):
    """SANITIZE, 10 bytes, all service actions (SBC-4, 5.27); a parameter list is OVERWRITE's alone."""

    __slots__ = ()
    immed = Flag(1, 7)
    znr = Flag(1, 6)
    ause = Flag(1, 5)
    service_action = Bits(1, 0, 5, enum=SanitizeAction)
    parameter_list_length = U16(7)

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.parameter_list_length and self.service_action != SanitizeAction.OVERWRITE:
            yield "parameter_list_length", 7, "a parameter list for a service action other than OVERWRITE"


class GetEventStatusNotification(
    Cdb10,
    opcode=Opcode.GET_EVENT_STATUS_NOTIFICATION,
    name="GET EVENT STATUS NOTIFICATION",
    data_in="allocation_length",
):
    """GET EVENT STATUS NOTIFICATION, 10 bytes (MMC-6)."""

    __slots__ = ()
    polled = Flag(1, 0)
    notification_class_request = U8(4, enum=NotificationClass)
    allocation_length = U16(7)


class LogSelect(Cdb10, opcode=Opcode.LOG_SELECT, name="LOG SELECT", data_out="parameter_list_length"):
    """LOG SELECT, 10 bytes (SPC-4, 6.7); ``page_code`` is a LogPage."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    pcr = Flag(1, 1)
    sp = Flag(1, 0)
    pc = Bits(2, 6, 2, enum=LogPageControl)
    page_code = Bits(2, 0, 6, hex=True)
    subpage_code = U8(3, hex=True)
    parameter_list_length = U16(7)


class LogSense(Cdb10, opcode=Opcode.LOG_SENSE, name="LOG SENSE", data_in="allocation_length"):
    """LOG SENSE, 10 bytes (SPC-4, 6.8); ``page_code`` is a LogPage; PPC is obsolete."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    ppc = Flag(1, 1)
    sp = Flag(1, 0)
    pc = Bits(2, 6, 2, enum=LogPageControl)
    page_code = Bits(2, 0, 6, hex=True)
    subpage_code = U8(3, hex=True)
    parameter_pointer = U16(5)
    allocation_length = U16(7)


class ReadDiscInformation(
    Cdb10, opcode=Opcode.READ_DISC_INFORMATION, name="READ DISC INFORMATION", data_in="allocation_length"
):
    """READ DISC INFORMATION, 10 bytes (MMC-6)."""

    __slots__ = ()
    data_type = Bits(1, 0, 3, enum=DiscInformationType)
    allocation_length = U16(7)


class ReadTrackInformation(
    Cdb10, opcode=Opcode.READ_TRACK_INFORMATION, name="READ TRACK INFORMATION", data_in="allocation_length"
):
    """READ TRACK INFORMATION, 10 bytes (MMC-6); what ``address`` is, ``address_number_type`` says."""

    __slots__ = ()
    open = Flag(1, 2)
    address_number_type = Bits(1, 0, 2, enum=AddressNumberType)
    address = U32(2)
    allocation_length = U16(7)


class ModeSelect10(
    Cdb10, opcode=Opcode.MODE_SELECT_10, name="MODE SELECT(10)", data_out="parameter_list_length"
):
    """MODE SELECT(10), 10 bytes (SPC-4, 6.12)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    pf = Flag(1, 4)
    rtd = Flag(1, 1)
    sp = Flag(1, 0)
    parameter_list_length = U16(7)


class Reserve10(Cdb10, opcode=Opcode.RESERVE_10, name="RESERVE(10)", data_out="parameter_list_length"):
    """RESERVE(10), 10 bytes (SPC-2, 7.22; obsolete since)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    third_party = Flag(1, 4)
    longid = Flag(1, 1)
    extent_bit = Flag(1, 0)
    reservation_identification = U8(2)
    third_party_device_id = U8(3)
    parameter_list_length = U16(7)


class Release10(Cdb10, opcode=Opcode.RELEASE_10, name="RELEASE(10)", data_out="parameter_list_length"):
    """RELEASE(10), 10 bytes (SPC-2, 7.17; obsolete since)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    third_party = Flag(1, 4)
    longid = Flag(1, 1)
    extent_bit = Flag(1, 0)
    reservation_identification = U8(2)
    third_party_device_id = U8(3)
    parameter_list_length = U16(7)


class ModeSense10(Cdb10, opcode=Opcode.MODE_SENSE_10, name="MODE SENSE(10)", data_in="allocation_length"):
    """MODE SENSE(10), 10 bytes (SPC-4, 6.14); ``page_code`` is a ModePage."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    llbaa = Flag(1, 4)
    dbd = Flag(1, 3)
    pc = Bits(2, 6, 2, enum=ModePageControl)
    page_code = Bits(2, 0, 6, hex=True)
    subpage_code = U8(3, hex=True)
    allocation_length = U16(7)


class ReadBufferCapacity(
    Cdb10, opcode=Opcode.READ_BUFFER_CAPACITY, name="READ BUFFER CAPACITY", data_in="allocation_length"
):
    """READ BUFFER CAPACITY, 10 bytes (MMC-6)."""

    __slots__ = ()
    block = Flag(1, 0)
    allocation_length = U16(7)


class PersistentReserveIn(
    Cdb10, opcode=Opcode.PERSISTENT_RESERVE_IN, name="PERSISTENT RESERVE IN", data_in="allocation_length"
):
    """PERSISTENT RESERVE IN, 10 bytes, all service actions (SPC-4, 6.15)."""

    __slots__ = ()
    service_action = Bits(1, 0, 5, enum=PersistentReserveInAction)
    allocation_length = U16(7)


class PersistentReserveOut(
    Cdb10,
    opcode=Opcode.PERSISTENT_RESERVE_OUT,
    name="PERSISTENT RESERVE OUT",
    data_out="parameter_list_length",
):
    """PERSISTENT RESERVE OUT, 10 bytes, all service actions (SPC-4, 6.16)."""

    __slots__ = ()
    service_action = Bits(1, 0, 5, enum=PersistentReserveOutAction)
    scope = Bits(2, 4, 4, enum=PersistentReserveScope)
    type = Bits(2, 0, 4, enum=PersistentReserveType)
    parameter_list_length = U32(5)


# ---------------------------------------------------------------------------------------------
# 12 bytes
# ---------------------------------------------------------------------------------------------


class ReportLuns(Cdb12, opcode=Opcode.REPORT_LUNS, name="REPORT LUNS", data_in="allocation_length"):
    """REPORT LUNS, 12 bytes (SPC-4, 6.33); ``select_report`` is a SelectReport."""

    __slots__ = ()
    select_report = U8(2, hex=True)
    allocation_length = U32(6)


class AtaPassThrough12(_AtaTransfer, Cdb12, opcode=Opcode.ATA_PASS_THROUGH_12, name="ATA PASS-THROUGH(12)"):
    """ATA PASS-THROUGH(12), 12 bytes (SAT-4)."""

    __slots__ = ()
    multiple_count = Bits(1, 5, 3)
    protocol = Bits(1, 1, 4, enum=AtaProtocol)
    off_line = Bits(2, 6, 2)
    ck_cond = Flag(2, 5)
    t_type = Flag(2, 4)
    t_dir = Flag(2, 3)
    byt_blok = Flag(2, 2)
    t_length = Bits(2, 0, 2, enum=AtaTransferLength)
    features = U8(3, hex=True)
    count = U8(4)
    lba_7_0 = U8(5, hex=True)
    lba_15_8 = U8(6, hex=True)
    lba_23_16 = U8(7, hex=True)
    device = U8(8, hex=True)
    command = U8(9, hex=True)

    @property
    def lba(self) -> int:
        """The three LBA bytes put together; bits 24 to 27 of a 28-bit LBA stand in ``device``."""
        return self.lba_23_16 << 16 | self.lba_15_8 << 8 | self.lba_7_0


class SecurityProtocolIn(
    _Inc512,
    Cdb12,
    opcode=Opcode.SECURITY_PROTOCOL_IN,
    name="SECURITY PROTOCOL IN",
    data_in="allocation_length",
):
    """SECURITY PROTOCOL IN, 12 bytes (SPC-4, 6.40); ``security_protocol`` is a SecurityProtocol."""

    __slots__ = ()
    security_protocol = U8(1, hex=True)
    security_protocol_specific = U16(2, hex=True)
    inc_512 = Flag(4, 7)
    allocation_length = U32(6)


class ReportIdentifyingInformation(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_IDENTIFYING_INFORMATION,
    name="REPORT IDENTIFYING INFORMATION",
    data_in="allocation_length",
):
    """REPORT IDENTIFYING INFORMATION, 12 bytes (SPC-4, 6.32)."""

    __slots__ = ()
    allocation_length = U32(6)
    identifying_information_type = Bits(10, 1, 7)


class ReportTargetPortGroups(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_TARGET_PORT_GROUPS,
    name="REPORT TARGET PORT GROUPS",
    data_in="allocation_length",
):
    """REPORT TARGET PORT GROUPS, 12 bytes (SPC-4, 6.37)."""

    __slots__ = ()
    parameter_data_format = Bits(1, 5, 3)
    allocation_length = U32(6)


class ReportAliases(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_ALIASES,
    name="REPORT ALIASES",
    data_in="allocation_length",
):
    """REPORT ALIASES, 12 bytes (SPC-4, 6.30)."""

    __slots__ = ()
    allocation_length = U32(6)


class ReportSupportedOperationCodes(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_SUPPORTED_OPERATION_CODES,
    name="REPORT SUPPORTED OPERATION CODES",
    data_in="allocation_length",
):
    """REPORT SUPPORTED OPERATION CODES, 12 bytes (SPC-4, 6.35)."""

    __slots__ = ()
    rctd = Flag(2, 7)
    reporting_options = Bits(2, 0, 3, enum=ReportingOptions)
    requested_operation_code = U8(3, hex=True)
    requested_service_action = U16(4, hex=True)
    allocation_length = U32(6)


class ReportSupportedTaskManagementFunctions(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS,
    name="REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    data_in="allocation_length",
):
    """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, 12 bytes (SPC-4, 6.36)."""

    __slots__ = ()
    repd = Flag(2, 7)
    allocation_length = U32(6)


class ReportPriority(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_PRIORITY,
    name="REPORT PRIORITY",
    data_in="allocation_length",
):
    """REPORT PRIORITY, 12 bytes (SPC-4, 6.34)."""

    __slots__ = ()
    priority_reported = Bits(2, 6, 2)
    allocation_length = U32(6)


class ReportTimestamp(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_TIMESTAMP,
    name="REPORT TIMESTAMP",
    data_in="allocation_length",
):
    """REPORT TIMESTAMP, 12 bytes (SPC-4, 6.38)."""

    __slots__ = ()
    allocation_length = U32(6)


class SetIdentifyingInformation(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.SET_IDENTIFYING_INFORMATION,
    name="SET IDENTIFYING INFORMATION",
    data_out="parameter_list_length",
):
    """SET IDENTIFYING INFORMATION, 12 bytes (SPC-4, 6.43)."""

    __slots__ = ()
    parameter_list_length = U32(6)
    identifying_information_type = Bits(10, 1, 7)


class SetTargetPortGroups(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.SET_TARGET_PORT_GROUPS,
    name="SET TARGET PORT GROUPS",
    data_out="parameter_list_length",
):
    """SET TARGET PORT GROUPS, 12 bytes (SPC-4, 6.45)."""

    __slots__ = ()
    parameter_list_length = U32(6)


class ChangeAliases(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.CHANGE_ALIASES,
    name="CHANGE ALIASES",
    data_out="parameter_list_length",
):
    """CHANGE ALIASES, 12 bytes (SPC-4, 6.2)."""

    __slots__ = ()
    parameter_list_length = U32(6)


class SetPriority(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.SET_PRIORITY,
    name="SET PRIORITY",
    data_out="parameter_list_length",
):
    """SET PRIORITY, 12 bytes (SPC-4, 6.44)."""

    __slots__ = ()
    i_t_l_nexus_to_set = Bits(2, 6, 2)
    parameter_list_length = U32(6)


class SetTimestamp(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.SET_TIMESTAMP,
    name="SET TIMESTAMP",
    data_out="parameter_list_length",
):
    """SET TIMESTAMP, 12 bytes (SPC-4, 6.46)."""

    __slots__ = ()
    parameter_list_length = U32(6)


class Read12(Cdb12, opcode=Opcode.READ_12, name="READ(12)", blocks="transfer_length", data_in="blocks"):
    """READ(12), 12 bytes (SBC-4, 5.14); STREAMING is MMC-6's."""

    __slots__ = ()
    rdprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    rarc = Flag(1, 2)
    fua_nv = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U32(2)
    transfer_length = U32(6)
    streaming = Flag(10, 7)
    group_number = Bits(10, 0, 6)


class Write12(Cdb12, opcode=Opcode.WRITE_12, name="WRITE(12)", blocks="transfer_length", data_out="blocks"):
    """WRITE(12), 12 bytes (SBC-4, 5.38); STREAMING is MMC-6's."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    fua_nv = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U32(2)
    transfer_length = U32(6)
    streaming = Flag(10, 7)
    group_number = Bits(10, 0, 6)


class ReadDiscStructure(
    Cdb12, opcode=Opcode.READ_DISC_STRUCTURE, name="READ DISC STRUCTURE", data_in="allocation_length"
):
    """READ DISC STRUCTURE (once READ DVD STRUCTURE), 12 bytes (MMC-6)."""

    __slots__ = ()
    media_type = Bits(1, 0, 4)
    address = U32(2)
    layer_number = U8(6)
    format = U8(7, hex=True)
    allocation_length = U16(8)
    agid = Bits(10, 6, 2)


class WriteAndVerify12(
    Cdb12,
    opcode=Opcode.WRITE_AND_VERIFY_12,
    name="WRITE AND VERIFY(12)",
    blocks="transfer_length",
    data_out="blocks",
):
    """WRITE AND VERIFY(12), 12 bytes (SBC-4, 5.42)."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    bytchk = Bits(1, 1, 2, enum=ByteCheck)
    reladr = Flag(1, 0)
    lba = U32(2)
    transfer_length = U32(6)
    group_number = Bits(10, 0, 6)


class Verify12(_ByteChecked, Cdb12, opcode=Opcode.VERIFY_12, name="VERIFY(12)", blocks="verification_length"):
    """VERIFY(12), 12 bytes (SBC-4, 5.34)."""

    __slots__ = ()
    vrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    bytchk = Bits(1, 1, 2, enum=ByteCheck)
    reladr = Flag(1, 0)
    lba = U32(2)
    verification_length = U32(6)
    group_number = Bits(10, 0, 6)


class SecurityProtocolOut(
    _Inc512,
    Cdb12,
    opcode=Opcode.SECURITY_PROTOCOL_OUT,
    name="SECURITY PROTOCOL OUT",
    data_out="transfer_length",
):
    """SECURITY PROTOCOL OUT, 12 bytes (SPC-4, 6.41); ``security_protocol`` is a SecurityProtocol."""

    __slots__ = ()
    security_protocol = U8(1, hex=True)
    security_protocol_specific = U16(2, hex=True)
    inc_512 = Flag(4, 7)
    transfer_length = U32(6)


class ReadDefectData12(
    Cdb12, opcode=Opcode.READ_DEFECT_DATA_12, name="READ DEFECT DATA(12)", data_in="allocation_length"
):
    """READ DEFECT DATA(12), 12 bytes (SBC-4, 5.20); lists and format stand in byte 1, in (10) in byte 2."""

    __slots__ = ()
    req_plist = Flag(1, 4)
    req_glist = Flag(1, 3)
    defect_list_format = Bits(1, 0, 3, enum=DefectListFormat)
    address_descriptor_index = U32(2)
    allocation_length = U32(6)


class ReadCdMsf(Cdb12, opcode=Opcode.READ_CD_MSF, name="READ CD MSF", data_in=...):
    """READ CD MSF, 12 bytes (MMC-6); the bytes of a sector depend on what is on the disc."""

    __slots__ = ()
    expected_sector_type = Bits(1, 2, 3, enum=ExpectedSectorType)
    dap = Flag(1, 1)
    starting_m = U8(3)
    starting_s = U8(4)
    starting_f = U8(5)
    ending_m = U8(6)
    ending_s = U8(7)
    ending_f = U8(8)
    sync = Flag(9, 7)
    header_codes = Bits(9, 5, 2)
    user_data = Flag(9, 4)
    edc_ecc = Flag(9, 3)
    c2_error_information = Bits(9, 1, 2)
    sub_channel_selection = Bits(10, 0, 3, enum=SubChannelSelection)


class SetCdSpeed(Cdb12, opcode=Opcode.SET_CD_SPEED, name="SET CD SPEED"):
    """SET CD SPEED, 12 bytes (MMC-6); speeds in kB/s."""

    __slots__ = ()
    rotational_control = Bits(1, 0, 2)
    logical_unit_read_speed = U16(2)
    logical_unit_write_speed = U16(4)


class MechanismStatus(
    Cdb12, opcode=Opcode.MECHANISM_STATUS, name="MECHANISM STATUS", data_in="allocation_length"
):
    """MECHANISM STATUS, 12 bytes (MMC-6)."""

    __slots__ = ()
    allocation_length = U16(8)


class ReadCd(Cdb12, opcode=Opcode.READ_CD, name="READ CD", blocks="transfer_length", data_in=...):
    """READ CD, 12 bytes (MMC-6); the bytes of a sector depend on what is on the disc."""

    __slots__ = ()
    expected_sector_type = Bits(1, 2, 3, enum=ExpectedSectorType)
    dap = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U32(2)
    transfer_length = U24(6)
    sync = Flag(9, 7)
    header_codes = Bits(9, 5, 2)
    user_data = Flag(9, 4)
    edc_ecc = Flag(9, 3)
    c2_error_information = Bits(9, 1, 2)
    sub_channel_selection = Bits(10, 0, 3, enum=SubChannelSelection)


# ---------------------------------------------------------------------------------------------
# 16 bytes
# ---------------------------------------------------------------------------------------------


class ExtendedCopyLid1(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.EXTENDED_COPY_LID1,
    name="EXTENDED COPY(LID1)",
    data_out="parameter_list_length",
):
    """EXTENDED COPY(LID1), 16 bytes (SPC-4, 6.5), the EXTENDED COPY of SPC-3."""

    __slots__ = ()
    parameter_list_length = U32(10)


class ExtendedCopy(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.EXTENDED_COPY,
    name="EXTENDED COPY",
    data_out="parameter_list_length",
):
    """EXTENDED COPY(LID4), 16 bytes (SPC-4, 6.4)."""

    __slots__ = ()
    parameter_list_length = U32(10)


class PopulateToken(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.POPULATE_TOKEN,
    name="POPULATE TOKEN",
    data_out="parameter_list_length",
):
    """POPULATE TOKEN, 16 bytes (SBC-4, 5.9)."""

    __slots__ = ()
    list_identifier = U32(6, hex=True)
    parameter_list_length = U32(10)
    group_number = Bits(14, 0, 6)


class WriteUsingToken(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.WRITE_USING_TOKEN,
    name="WRITE USING TOKEN",
    data_out="parameter_list_length",
):
    """WRITE USING TOKEN, 16 bytes (SBC-4, 5.54)."""

    __slots__ = ()
    list_identifier = U32(6, hex=True)
    parameter_list_length = U32(10)
    group_number = Bits(14, 0, 6)


class CopyOperationAbort(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.COPY_OPERATION_ABORT,
    name="COPY OPERATION ABORT",
):
    """COPY OPERATION ABORT, 16 bytes (SPC-4, 6.3)."""

    __slots__ = ()
    list_identifier = U32(2, hex=True)


class ReceiveCopyStatusLid1(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_STATUS_LID1,
    name="RECEIVE COPY STATUS(LID1)",
    data_in="allocation_length",
):
    """RECEIVE COPY STATUS(LID1), 16 bytes (SPC-4, 6.25), RECEIVE COPY RESULTS of SPC-3."""

    __slots__ = ()
    list_identifier = U8(2, hex=True)
    allocation_length = U32(10)


class ReceiveCopyDataLid1(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_DATA_LID1,
    name="RECEIVE COPY DATA(LID1)",
    data_in="allocation_length",
):
    """RECEIVE COPY DATA(LID1), 16 bytes (SPC-4, 6.21), RECEIVE COPY RESULTS of SPC-3."""

    __slots__ = ()
    list_identifier = U8(2, hex=True)
    allocation_length = U32(10)


class ReceiveCopyOperatingParameters(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_OPERATING_PARAMETERS,
    name="RECEIVE COPY OPERATING PARAMETERS",
    data_in="allocation_length",
):
    """RECEIVE COPY OPERATING PARAMETERS, 16 bytes (SPC-4, 6.23), RECEIVE COPY RESULTS of SPC-3."""

    __slots__ = ()
    allocation_length = U32(10)


class ReceiveCopyFailureDetailsLid1(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_FAILURE_DETAILS_LID1,
    name="RECEIVE COPY FAILURE DETAILS(LID1)",
    data_in="allocation_length",
):
    """RECEIVE COPY FAILURE DETAILS(LID1), 16 bytes (SPC-4, 6.22), RECEIVE COPY RESULTS of SPC-3."""

    __slots__ = ()
    list_identifier = U8(2, hex=True)
    allocation_length = U32(10)


class ReceiveCopyStatus(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_STATUS,
    name="RECEIVE COPY STATUS",
    data_in="allocation_length",
):
    """RECEIVE COPY STATUS(LID4), 16 bytes (SPC-4, 6.24)."""

    __slots__ = ()
    list_identifier = U32(2, hex=True)
    allocation_length = U32(10)


class ReceiveCopyData(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_DATA,
    name="RECEIVE COPY DATA",
    data_in="allocation_length",
):
    """RECEIVE COPY DATA(LID4), 16 bytes (SPC-4, 6.20)."""

    __slots__ = ()
    list_identifier = U32(2, hex=True)
    allocation_length = U32(10)


class ReceiveRodTokenInformation(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_ROD_TOKEN_INFORMATION,
    name="RECEIVE ROD TOKEN INFORMATION",
    data_in="allocation_length",
):
    """RECEIVE ROD TOKEN INFORMATION, 16 bytes (SPC-4, 6.28)."""

    __slots__ = ()
    list_identifier = U32(2, hex=True)
    allocation_length = U32(10)


class ReportAllRodTokens(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.REPORT_ALL_ROD_TOKENS,
    name="REPORT ALL ROD TOKENS",
    data_in="allocation_length",
):
    """REPORT ALL ROD TOKENS, 16 bytes (SPC-4, 6.31)."""

    __slots__ = ()
    allocation_length = U32(10)


class AtaPassThrough16(_AtaTransfer, Cdb16, opcode=Opcode.ATA_PASS_THROUGH_16, name="ATA PASS-THROUGH(16)"):
    """ATA PASS-THROUGH(16), 16 bytes (SAT-4)."""

    __slots__ = ()
    multiple_count = Bits(1, 5, 3)
    protocol = Bits(1, 1, 4, enum=AtaProtocol)
    extend = Flag(1, 0)
    off_line = Bits(2, 6, 2)
    ck_cond = Flag(2, 5)
    t_type = Flag(2, 4)
    t_dir = Flag(2, 3)
    byt_blok = Flag(2, 2)
    t_length = Bits(2, 0, 2, enum=AtaTransferLength)
    features = U16(3, hex=True)
    count = U16(5)
    lba_31_24 = U8(7, hex=True)
    lba_7_0 = U8(8, hex=True)
    lba_39_32 = U8(9, hex=True)
    lba_15_8 = U8(10, hex=True)
    lba_47_40 = U8(11, hex=True)
    lba_23_16 = U8(12, hex=True)
    device = U8(13, hex=True)
    command = U8(14, hex=True)

    @property
    def lba(self) -> int:
        """The six LBA bytes put together; bits 24 to 27 of a 28-bit LBA stand in ``device``."""
        low = self.lba_23_16 << 16 | self.lba_15_8 << 8 | self.lba_7_0
        return self.lba_47_40 << 40 | self.lba_39_32 << 32 | self.lba_31_24 << 24 | low


class Read16(Cdb16, opcode=Opcode.READ_16, name="READ(16)", blocks="transfer_length", data_in="blocks"):
    """READ(16), 16 bytes (SBC-4, 5.15); DLD, the duration limit descriptor, has its bits in two places."""

    __slots__ = ()
    rdprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    rarc = Flag(1, 2)
    fua_nv = Flag(1, 1)
    dld2 = Flag(1, 0)
    lba = U64(2, hex=False)
    transfer_length = U32(10)
    dld1 = Flag(14, 7)
    dld0 = Flag(14, 6)
    group_number = Bits(14, 0, 6)


class CompareAndWrite(
    Cdb16,
    opcode=Opcode.COMPARE_AND_WRITE,
    name="COMPARE AND WRITE",
    blocks="number_of_logical_blocks",
    data_out="blocks",
):
    """COMPARE AND WRITE, 16 bytes (SBC-4, 5.3); the blocks to compare go out, then as many to write."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    fua_nv = Flag(1, 1)
    lba = U64(2, hex=False)
    number_of_logical_blocks = U8(13)
    group_number = Bits(14, 0, 6)

    def data_length(self, block_size: int = 512) -> int:
        """Twice the blocks: compare data, then write data."""
        return 2 * self.number_of_logical_blocks * block_size


class Write16(Cdb16, opcode=Opcode.WRITE_16, name="WRITE(16)", blocks="transfer_length", data_out="blocks"):
    """WRITE(16), 16 bytes (SBC-4, 5.39); DLD, the duration limit descriptor, has its bits in two places."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    fua_nv = Flag(1, 1)
    dld2 = Flag(1, 0)
    lba = U64(2, hex=False)
    transfer_length = U32(10)
    dld1 = Flag(14, 7)
    dld0 = Flag(14, 6)
    group_number = Bits(14, 0, 6)


class OrWrite16(
    Cdb16, opcode=Opcode.ORWRITE_16, name="ORWRITE(16)", blocks="transfer_length", data_out="blocks"
):
    """ORWRITE(16), 16 bytes (SBC-4, 5.7)."""

    __slots__ = ()
    orprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    fua_nv = Flag(1, 1)
    lba = U64(2, hex=False)
    transfer_length = U32(10)
    group_number = Bits(14, 0, 6)


class WriteAndVerify16(
    Cdb16,
    opcode=Opcode.WRITE_AND_VERIFY_16,
    name="WRITE AND VERIFY(16)",
    blocks="transfer_length",
    data_out="blocks",
):
    """WRITE AND VERIFY(16), 16 bytes (SBC-4, 5.43)."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    bytchk = Bits(1, 1, 2, enum=ByteCheck)
    lba = U64(2, hex=False)
    transfer_length = U32(10)
    group_number = Bits(14, 0, 6)


class Verify16(_ByteChecked, Cdb16, opcode=Opcode.VERIFY_16, name="VERIFY(16)", blocks="verification_length"):
    """VERIFY(16), 16 bytes (SBC-4, 5.35)."""

    __slots__ = ()
    vrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    bytchk = Bits(1, 1, 2, enum=ByteCheck)
    lba = U64(2, hex=False)
    verification_length = U32(10)
    group_number = Bits(14, 0, 6)


class PreFetch16(Cdb16, opcode=Opcode.PRE_FETCH_16, name="PRE-FETCH(16)", blocks="prefetch_length"):
    """PRE-FETCH(16), 16 bytes (SBC-4, 5.11)."""

    __slots__ = ()
    immed = Flag(1, 1)
    reladr = Flag(1, 0)
    lba = U64(2, hex=False)
    prefetch_length = U32(10)
    group_number = Bits(14, 0, 6)


class SynchronizeCache16(
    Cdb16, opcode=Opcode.SYNCHRONIZE_CACHE_16, name="SYNCHRONIZE CACHE(16)", blocks="number_of_logical_blocks"
):
    """SYNCHRONIZE CACHE(16), 16 bytes (SBC-4, 5.31); SYNC_NV is obsolete."""

    __slots__ = ()
    sync_nv = Flag(1, 2)
    immed = Flag(1, 1)
    lba = U64(2, hex=False)
    number_of_logical_blocks = U32(10)
    group_number = Bits(14, 0, 6)


class WriteSame16(
    _OneBlock, Cdb16, opcode=Opcode.WRITE_SAME_16, name="WRITE SAME(16)", blocks="number_of_logical_blocks"
):
    """WRITE SAME(16), 16 bytes (SBC-4, 5.50); PBDATA and LBDATA are obsolete."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    anchor = Flag(1, 4)
    unmap = Flag(1, 3)
    pbdata = Flag(1, 2)
    lbdata = Flag(1, 1)
    ndob = Flag(1, 0)
    lba = U64(2, hex=False)
    number_of_logical_blocks = U32(10)
    group_number = Bits(14, 0, 6)


class WriteBuffer16(
    Cdb16, opcode=Opcode.WRITE_BUFFER_16, name="WRITE BUFFER(16)", data_out="parameter_list_length"
):
    """WRITE BUFFER(16), 16 bytes (opcode of T10's list; laid out as READ BUFFER(16))."""

    __slots__ = ()
    mode_specific = Bits(1, 5, 3)
    mode = Bits(1, 0, 5, enum=WriteBufferMode)
    buffer_offset = U64(2)
    parameter_list_length = U32(10)
    buffer_id = U8(14)


class WriteStream16(
    Cdb16, opcode=Opcode.WRITE_STREAM_16, name="WRITE STREAM(16)", blocks="transfer_length", data_out="blocks"
):
    """WRITE STREAM(16), 16 bytes (SBC-4, 5.52)."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    lba = U64(2, hex=False)
    str_id = U16(10)
    transfer_length = U16(12)
    group_number = Bits(14, 0, 6)


class ReadBuffer16(Cdb16, opcode=Opcode.READ_BUFFER_16, name="READ BUFFER(16)", data_in="allocation_length"):
    """READ BUFFER(16), 16 bytes (SPC-5)."""

    __slots__ = ()
    mode_specific = Bits(1, 5, 3)
    mode = Bits(1, 0, 5, enum=ReadBufferMode)
    buffer_offset = U64(2)
    allocation_length = U32(10)
    buffer_id = U8(14)


class WriteAtomic16(
    Cdb16, opcode=Opcode.WRITE_ATOMIC_16, name="WRITE ATOMIC(16)", blocks="transfer_length", data_out="blocks"
):
    """WRITE ATOMIC(16), 16 bytes (SBC-4, 5.45)."""

    __slots__ = ()
    wrprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    lba = U64(2, hex=False)
    atomic_boundary = U16(10)
    transfer_length = U16(12)
    group_number = Bits(14, 0, 6)


class ReadCapacity16(
    Cdb16,
    opcode=Opcode.SERVICE_ACTION_IN_16,
    service_action=ServiceActionIn16.READ_CAPACITY_16,
    name="READ CAPACITY(16)",
    data_in="allocation_length",
):
    """READ CAPACITY(16), 16 bytes (SBC-4, 5.18); LBA and PMI are obsolete."""

    __slots__ = ()
    lba = U64(2, hex=False)
    allocation_length = U32(10)
    pmi = Flag(14, 0)


class GetLbaStatus16(
    Cdb16,
    opcode=Opcode.SERVICE_ACTION_IN_16,
    service_action=ServiceActionIn16.GET_LBA_STATUS_16,
    name="GET LBA STATUS(16)",
    data_in="allocation_length",
):
    """GET LBA STATUS(16), 16 bytes (SBC-4, 5.5)."""

    __slots__ = ()
    lba = U64(2, hex=False)
    allocation_length = U32(10)
    report_type = U8(14)


class ReportReferrals(
    Cdb16,
    opcode=Opcode.SERVICE_ACTION_IN_16,
    service_action=ServiceActionIn16.REPORT_REFERRALS,
    name="REPORT REFERRALS",
    data_in="allocation_length",
):
    """REPORT REFERRALS, 16 bytes (SBC-4, 5.25)."""

    __slots__ = ()
    lba = U64(2, hex=False)
    allocation_length = U32(10)
    one_seg = Flag(14, 0)


class GetStreamStatus(
    Cdb16,
    opcode=Opcode.SERVICE_ACTION_IN_16,
    service_action=ServiceActionIn16.GET_STREAM_STATUS,
    name="GET STREAM STATUS",
    data_in="allocation_length",
):
    """GET STREAM STATUS, 16 bytes (SBC-4, 5.6)."""

    __slots__ = ()
    starting_stream_identifier = U16(4)
    allocation_length = U32(10)


# ---------------------------------------------------------------------------------------------
# 32 bytes
# ---------------------------------------------------------------------------------------------


class Read32(
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.READ_32,
    name="READ(32)",
    blocks="transfer_length",
    data_in="blocks",
):
    """READ(32), 32 bytes (SBC-4, 5.16)."""

    __slots__ = ()
    group_number = Bits(6, 0, 6)
    rdprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    fua = Flag(10, 3)
    rarc = Flag(10, 2)
    fua_nv = Flag(10, 1)
    dld = Bits(11, 0, 3)
    lba = U64(12, hex=False)
    expected_initial_logical_block_reference_tag = U32(20, hex=True)
    expected_logical_block_application_tag = U16(24, hex=True)
    logical_block_application_tag_mask = U16(26, hex=True)
    transfer_length = U32(28)


class Verify32(
    _ByteChecked,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.VERIFY_32,
    name="VERIFY(32)",
    blocks="verification_length",
):
    """VERIFY(32), 32 bytes (SBC-4, 5.36)."""

    __slots__ = ()
    group_number = Bits(6, 0, 6)
    vrprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    bytchk = Bits(10, 1, 2, enum=ByteCheck)
    lba = U64(12, hex=False)
    expected_initial_logical_block_reference_tag = U32(20, hex=True)
    expected_logical_block_application_tag = U16(24, hex=True)
    logical_block_application_tag_mask = U16(26, hex=True)
    verification_length = U32(28)


class Write32(
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_32,
    name="WRITE(32)",
    blocks="transfer_length",
    data_out="blocks",
):
    """WRITE(32), 32 bytes (SBC-4, 5.40)."""

    __slots__ = ()
    group_number = Bits(6, 0, 6)
    wrprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    fua = Flag(10, 3)
    fua_nv = Flag(10, 1)
    dld = Bits(11, 0, 3)
    lba = U64(12, hex=False)
    expected_initial_logical_block_reference_tag = U32(20, hex=True)
    expected_logical_block_application_tag = U16(24, hex=True)
    logical_block_application_tag_mask = U16(26, hex=True)
    transfer_length = U32(28)


class WriteAndVerify32(
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_AND_VERIFY_32,
    name="WRITE AND VERIFY(32)",
    blocks="transfer_length",
    data_out="blocks",
):
    """WRITE AND VERIFY(32), 32 bytes (SBC-4, 5.44)."""

    __slots__ = ()
    group_number = Bits(6, 0, 6)
    wrprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    bytchk = Bits(10, 1, 2, enum=ByteCheck)
    lba = U64(12, hex=False)
    expected_initial_logical_block_reference_tag = U32(20, hex=True)
    expected_logical_block_application_tag = U16(24, hex=True)
    logical_block_application_tag_mask = U16(26, hex=True)
    transfer_length = U32(28)


class WriteSame32(
    _OneBlock,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_SAME_32,
    name="WRITE SAME(32)",
    blocks="number_of_logical_blocks",
):
    """WRITE SAME(32), 32 bytes (SBC-4, 5.51); PBDATA and LBDATA are obsolete."""

    __slots__ = ()
    group_number = Bits(6, 0, 6)
    wrprotect = Bits(10, 5, 3)
    anchor = Flag(10, 4)
    unmap = Flag(10, 3)
    pbdata = Flag(10, 2)
    lbdata = Flag(10, 1)
    ndob = Flag(10, 0)
    lba = U64(12, hex=False)
    expected_initial_logical_block_reference_tag = U32(20, hex=True)
    expected_logical_block_application_tag = U16(24, hex=True)
    logical_block_application_tag_mask = U16(26, hex=True)
    number_of_logical_blocks = U32(28)


class OrWrite32(
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.ORWRITE_32,
    name="ORWRITE(32)",
    blocks="transfer_length",
    data_out="blocks",
):
    """ORWRITE(32), 32 bytes (SBC-4, 5.8)."""

    __slots__ = ()
    bmop = Bits(2, 0, 3)
    previous_generation_processing = Bits(3, 0, 4)
    group_number = Bits(6, 0, 6)
    orprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    fua = Flag(10, 3)
    fua_nv = Flag(10, 1)
    lba = U64(12, hex=False)
    expected_orwgeneration = U32(20)
    new_orwgeneration = U32(24)
    transfer_length = U32(28)


class WriteAtomic32(
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_ATOMIC_32,
    name="WRITE ATOMIC(32)",
    blocks="transfer_length",
    data_out="blocks",
):
    """WRITE ATOMIC(32), 32 bytes (SBC-4, 5.46)."""

    __slots__ = ()
    atomic_boundary = U16(4)
    group_number = Bits(6, 0, 6)
    wrprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    fua = Flag(10, 3)
    fua_nv = Flag(10, 1)
    lba = U64(12, hex=False)
    expected_initial_logical_block_reference_tag = U32(20, hex=True)
    expected_logical_block_application_tag = U16(24, hex=True)
    logical_block_application_tag_mask = U16(26, hex=True)
    transfer_length = U32(28)


class WriteStream32(
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_STREAM_32,
    name="WRITE STREAM(32)",
    blocks="transfer_length",
    data_out="blocks",
):
    """WRITE STREAM(32), 32 bytes (SBC-4, 5.53)."""

    __slots__ = ()
    str_id = U16(4)
    group_number = Bits(6, 0, 6)
    wrprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    fua = Flag(10, 3)
    lba = U64(12, hex=False)
    expected_initial_logical_block_reference_tag = U32(20, hex=True)
    expected_logical_block_application_tag = U16(24, hex=True)
    logical_block_application_tag_mask = U16(26, hex=True)
    transfer_length = U32(28)


class GetLbaStatus32(
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.GET_LBA_STATUS_32,
    name="GET LBA STATUS(32)",
    data_in="allocation_length",
):
    """GET LBA STATUS(32), 32 bytes (SBC-4)."""

    __slots__ = ()
    report_type = U8(10)
    lba = U64(12, hex=False)
    scan_length = U32(20)
    element_identifier = U32(24)
    allocation_length = U32(28)


class AtaPassThrough32(
    _AtaTransfer,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.ATA_PASS_THROUGH_32,
    name="ATA PASS-THROUGH(32)",
):
    """ATA PASS-THROUGH(32), 32 bytes (SAT-4)."""

    __slots__ = ()
    multiple_count = Bits(10, 5, 3)
    protocol = Bits(10, 1, 4, enum=AtaProtocol)
    extend = Flag(10, 0)
    off_line = Bits(11, 6, 2)
    ck_cond = Flag(11, 5)
    t_type = Flag(11, 4)
    t_dir = Flag(11, 3)
    byt_blok = Flag(11, 2)
    t_length = Bits(11, 0, 2, enum=AtaTransferLength)
    lba = Bits(14, 0, 48, 6)
    features = U16(20, hex=True)
    count = U16(22)
    device = U8(24, hex=True)
    command = U8(25, hex=True)
    icc = U8(27)
    auxiliary = U32(28, hex=True)


parse_cdb = commands.parse
