"""CDBs of SBC: disks. The groups of fields that they share are in :mod:`pysrp.scsi.cdb.blocks`."""

from __future__ import annotations

from collections.abc import Iterator

from pysrp.fields import U8, U16, U32, U64, Bits, Flag
from pysrp.scsi.cdb.base import Cdb, Cdb6, Cdb10, Cdb12, Cdb16, Cdb32
from pysrp.scsi.cdb.blocks import (
    Blocks6,
    DurationLimit16,
    Extent10,
    Extent12,
    Extent16,
    Extent32,
    ReadFlags,
    Tags32,
    Token16,
    VerifyFlags,
    WriteAndVerifyFlags,
    WriteFlags,
    WriteFlags32,
    WriteSameFlags,
)
from pysrp.scsi.codes import (
    ByteCheck,
    DataDirection,
    DefectListFormat,
    Opcode,
    PowerCondition,
    SanitizeAction,
    ServiceActionIn16,
    ThirdPartyCopyOutAction,
    VariableLengthAction,
)

__all__ = [
    "CompareAndWrite",
    "FormatUnit",
    "GetLbaStatus16",
    "GetLbaStatus32",
    "GetStreamStatus",
    "OrWrite16",
    "OrWrite32",
    "PopulateToken",
    "PreFetch10",
    "PreFetch16",
    "PreventAllowMediumRemoval",
    "Read6",
    "Read10",
    "Read12",
    "Read16",
    "Read32",
    "ReadCapacity10",
    "ReadCapacity16",
    "ReadDefectData10",
    "ReadDefectData12",
    "ReassignBlocks",
    "ReportReferrals",
    "Sanitize",
    "StartStopUnit",
    "SynchronizeCache10",
    "SynchronizeCache16",
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
    "WriteSame10",
    "WriteSame16",
    "WriteSame32",
    "WriteStream16",
    "WriteStream32",
    "WriteUsingToken",
]


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


class FormatUnit(Cdb6, opcode=Opcode.FORMAT_UNIT, name="FORMAT UNIT"):
    """FORMAT UNIT, 6 bytes (SBC-4, 5.4); FFMT took over the low bits of the old interleave field."""

    __slots__ = ()
    fmtpinfo = Bits(1, 6, 2)
    longlist = Flag(1, 5)
    fmtdata = Flag(1, 4)
    cmplist = Flag(1, 3)
    defect_list_format = Bits(1, 0, 3, enum=DefectListFormat)
    vendor_specific = U8(2, hex=True, doc="What the vendor has made of it; no standard says")
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


class Read6(Blocks6, Cdb6, opcode=Opcode.READ_6, name="READ(6)", blocks="transfer_length", data_in="blocks"):
    """READ(6), 6 bytes (SBC-2, 5.5); a transfer length of 0 means 256 blocks."""

    __slots__ = ()


class Write6(
    Blocks6, Cdb6, opcode=Opcode.WRITE_6, name="WRITE(6)", blocks="transfer_length", data_out="blocks"
):
    """WRITE(6), 6 bytes (SBC-2, 5.24); a transfer length of 0 means 256 blocks."""

    __slots__ = ()


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


class PreventAllowMediumRemoval(
    Cdb6, opcode=Opcode.PREVENT_ALLOW_MEDIUM_REMOVAL, name="PREVENT ALLOW MEDIUM REMOVAL"
):
    """PREVENT ALLOW MEDIUM REMOVAL, 6 bytes (SBC-4, 5.12)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    prevent = Bits(4, 0, 2)


class ReadCapacity10(Cdb10, opcode=Opcode.READ_CAPACITY_10, name="READ CAPACITY(10)", data_in=8):
    """READ CAPACITY(10), 10 bytes (SBC-4, 5.17); LBA and PMI are obsolete."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    reladr = Flag(1, 0)
    lba = U32(2)
    pmi = Flag(8, 0)


class Read10(ReadFlags, Extent10, Cdb10, opcode=Opcode.READ_10, name="READ(10)"):
    """READ(10), 10 bytes (SBC-4, 5.13)."""

    __slots__ = ()
    reladr = Flag(1, 0)
    transfer_length = U16(7)


class Write10(WriteFlags, Extent10, Cdb10, opcode=Opcode.WRITE_10, name="WRITE(10)"):
    """WRITE(10), 10 bytes (SBC-4, 5.37)."""

    __slots__ = ()
    fua_nv = Flag(1, 1)
    reladr = Flag(1, 0)
    transfer_length = U16(7)


class WriteAndVerify10(
    WriteAndVerifyFlags, Extent10, Cdb10, opcode=Opcode.WRITE_AND_VERIFY_10, name="WRITE AND VERIFY(10)"
):
    """WRITE AND VERIFY(10), 10 bytes (SBC-4, 5.41)."""

    __slots__ = ()
    reladr = Flag(1, 0)
    transfer_length = U16(7)


class Verify10(_ByteChecked, VerifyFlags, Extent10, Cdb10, opcode=Opcode.VERIFY_10, name="VERIFY(10)"):
    """VERIFY(10), 10 bytes (SBC-4, 5.33)."""

    __slots__ = ()
    reladr = Flag(1, 0)
    verification_length = U16(7)


class PreFetch10(Extent10, Cdb10, opcode=Opcode.PRE_FETCH_10, name="PRE-FETCH(10)", blocks="prefetch_length"):
    """PRE-FETCH(10), 10 bytes (SBC-4, 5.10)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    immed = Flag(1, 1)
    reladr = Flag(1, 0)
    prefetch_length = U16(7)


class SynchronizeCache10(
    Extent10,
    Cdb10,
    opcode=Opcode.SYNCHRONIZE_CACHE_10,
    name="SYNCHRONIZE CACHE(10)",
    blocks="number_of_logical_blocks",
):
    """SYNCHRONIZE CACHE(10), 10 bytes (SBC-4, 5.30); SYNC_NV is obsolete."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    sync_nv = Flag(1, 2)
    immed = Flag(1, 1)
    reladr = Flag(1, 0)
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


class WriteSame10(
    _OneBlock, WriteSameFlags, Extent10, Cdb10, opcode=Opcode.WRITE_SAME_10, name="WRITE SAME(10)"
):
    """WRITE SAME(10), 10 bytes (SBC-4, 5.49); PBDATA and LBDATA are obsolete."""

    __slots__ = ()
    reladr = Flag(1, 0)
    number_of_logical_blocks = U16(7)


class Unmap(Cdb10, opcode=Opcode.UNMAP, name="UNMAP", data_out="parameter_list_length"):
    """UNMAP, 10 bytes (SBC-4, 5.32)."""

    __slots__ = ()
    anchor = Flag(1, 0)
    group_number = Bits(6, 0, 6)
    parameter_list_length = U16(7)


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


class Read12(ReadFlags, Extent12, Cdb12, opcode=Opcode.READ_12, name="READ(12)"):
    """READ(12), 12 bytes (SBC-4, 5.14); STREAMING is MMC-6's."""

    __slots__ = ()
    reladr = Flag(1, 0)
    transfer_length = U32(6)
    streaming = Flag(10, 7)


class Write12(WriteFlags, Extent12, Cdb12, opcode=Opcode.WRITE_12, name="WRITE(12)"):
    """WRITE(12), 12 bytes (SBC-4, 5.38); STREAMING is MMC-6's."""

    __slots__ = ()
    fua_nv = Flag(1, 1)
    reladr = Flag(1, 0)
    transfer_length = U32(6)
    streaming = Flag(10, 7)


class WriteAndVerify12(
    WriteAndVerifyFlags, Extent12, Cdb12, opcode=Opcode.WRITE_AND_VERIFY_12, name="WRITE AND VERIFY(12)"
):
    """WRITE AND VERIFY(12), 12 bytes (SBC-4, 5.42)."""

    __slots__ = ()
    reladr = Flag(1, 0)
    transfer_length = U32(6)


class Verify12(_ByteChecked, VerifyFlags, Extent12, Cdb12, opcode=Opcode.VERIFY_12, name="VERIFY(12)"):
    """VERIFY(12), 12 bytes (SBC-4, 5.34)."""

    __slots__ = ()
    reladr = Flag(1, 0)
    verification_length = U32(6)


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


class PopulateToken(
    Token16,
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.POPULATE_TOKEN,
    name="POPULATE TOKEN",
    data_out="parameter_list_length",
):
    """POPULATE TOKEN, 16 bytes (SBC-4, 5.9)."""

    __slots__ = ()


class WriteUsingToken(
    Token16,
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.WRITE_USING_TOKEN,
    name="WRITE USING TOKEN",
    data_out="parameter_list_length",
):
    """WRITE USING TOKEN, 16 bytes (SBC-4, 5.54)."""

    __slots__ = ()


class Read16(ReadFlags, Extent16, DurationLimit16, Cdb16, opcode=Opcode.READ_16, name="READ(16)"):
    """READ(16), 16 bytes (SBC-4, 5.15); DLD, the duration limit descriptor, has its bits in two places."""

    __slots__ = ()
    transfer_length = U32(10)


class CompareAndWrite(
    WriteFlags,
    Extent16,
    Cdb16,
    opcode=Opcode.COMPARE_AND_WRITE,
    name="COMPARE AND WRITE",
    blocks="number_of_logical_blocks",
):
    """COMPARE AND WRITE, 16 bytes (SBC-4, 5.3); the blocks to compare go out, then as many to write."""

    __slots__ = ()
    fua_nv = Flag(1, 1)
    number_of_logical_blocks = U8(13)

    def data_length(self, block_size: int = 512) -> int:
        """Twice the blocks: compare data, then write data."""
        return 2 * self.number_of_logical_blocks * block_size


class Write16(WriteFlags, Extent16, DurationLimit16, Cdb16, opcode=Opcode.WRITE_16, name="WRITE(16)"):
    """WRITE(16), 16 bytes (SBC-4, 5.39); DLD, the duration limit descriptor, has its bits in two places."""

    __slots__ = ()
    fua_nv = Flag(1, 1)
    transfer_length = U32(10)


class OrWrite16(
    Extent16,
    Cdb16,
    opcode=Opcode.ORWRITE_16,
    name="ORWRITE(16)",
    blocks="transfer_length",
    data_out="blocks",
):
    """ORWRITE(16), 16 bytes (SBC-4, 5.7)."""

    __slots__ = ()
    orprotect = Bits(1, 5, 3)
    dpo = Flag(1, 4)
    fua = Flag(1, 3)
    fua_nv = Flag(1, 1)
    transfer_length = U32(10)


class WriteAndVerify16(
    WriteAndVerifyFlags, Extent16, Cdb16, opcode=Opcode.WRITE_AND_VERIFY_16, name="WRITE AND VERIFY(16)"
):
    """WRITE AND VERIFY(16), 16 bytes (SBC-4, 5.43)."""

    __slots__ = ()
    transfer_length = U32(10)


class Verify16(_ByteChecked, VerifyFlags, Extent16, Cdb16, opcode=Opcode.VERIFY_16, name="VERIFY(16)"):
    """VERIFY(16), 16 bytes (SBC-4, 5.35)."""

    __slots__ = ()
    verification_length = U32(10)


class PreFetch16(Extent16, Cdb16, opcode=Opcode.PRE_FETCH_16, name="PRE-FETCH(16)", blocks="prefetch_length"):
    """PRE-FETCH(16), 16 bytes (SBC-4, 5.11)."""

    __slots__ = ()
    immed = Flag(1, 1)
    reladr = Flag(1, 0)
    prefetch_length = U32(10)


class SynchronizeCache16(
    Extent16,
    Cdb16,
    opcode=Opcode.SYNCHRONIZE_CACHE_16,
    name="SYNCHRONIZE CACHE(16)",
    blocks="number_of_logical_blocks",
):
    """SYNCHRONIZE CACHE(16), 16 bytes (SBC-4, 5.31); SYNC_NV is obsolete."""

    __slots__ = ()
    sync_nv = Flag(1, 2)
    immed = Flag(1, 1)
    number_of_logical_blocks = U32(10)


class WriteSame16(
    _OneBlock, WriteSameFlags, Extent16, Cdb16, opcode=Opcode.WRITE_SAME_16, name="WRITE SAME(16)"
):
    """WRITE SAME(16), 16 bytes (SBC-4, 5.50); PBDATA and LBDATA are obsolete."""

    __slots__ = ()
    ndob = Flag(1, 0)
    number_of_logical_blocks = U32(10)


class WriteStream16(WriteFlags, Extent16, Cdb16, opcode=Opcode.WRITE_STREAM_16, name="WRITE STREAM(16)"):
    """WRITE STREAM(16), 16 bytes (SBC-4, 5.52)."""

    __slots__ = ()
    str_id = U16(10)
    transfer_length = U16(12)


class WriteAtomic16(WriteFlags, Extent16, Cdb16, opcode=Opcode.WRITE_ATOMIC_16, name="WRITE ATOMIC(16)"):
    """WRITE ATOMIC(16), 16 bytes (SBC-4, 5.45)."""

    __slots__ = ()
    atomic_boundary = U16(10)
    transfer_length = U16(12)


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


class Read32(
    Extent32,
    Tags32,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.READ_32,
    name="READ(32)",
    blocks="transfer_length",
    data_in="blocks",
):
    """READ(32), 32 bytes (SBC-4, 5.16)."""

    __slots__ = ()
    rdprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    fua = Flag(10, 3)
    rarc = Flag(10, 2)
    fua_nv = Flag(10, 1)
    dld = Bits(11, 0, 3)
    transfer_length = U32(28)


class Verify32(
    _ByteChecked,
    Extent32,
    Tags32,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.VERIFY_32,
    name="VERIFY(32)",
    blocks="verification_length",
):
    """VERIFY(32), 32 bytes (SBC-4, 5.36)."""

    __slots__ = ()
    vrprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    bytchk = Bits(10, 1, 2, enum=ByteCheck)
    verification_length = U32(28)


class Write32(
    WriteFlags32,
    Extent32,
    Tags32,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_32,
    name="WRITE(32)",
):
    """WRITE(32), 32 bytes (SBC-4, 5.40)."""

    __slots__ = ()
    fua_nv = Flag(10, 1)
    dld = Bits(11, 0, 3)
    transfer_length = U32(28)


class WriteAndVerify32(
    Extent32,
    Tags32,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_AND_VERIFY_32,
    name="WRITE AND VERIFY(32)",
    blocks="transfer_length",
    data_out="blocks",
):
    """WRITE AND VERIFY(32), 32 bytes (SBC-4, 5.44)."""

    __slots__ = ()
    wrprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    bytchk = Bits(10, 1, 2, enum=ByteCheck)
    transfer_length = U32(28)


class WriteSame32(
    _OneBlock,
    Extent32,
    Tags32,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_SAME_32,
    name="WRITE SAME(32)",
    blocks="number_of_logical_blocks",
):
    """WRITE SAME(32), 32 bytes (SBC-4, 5.51); PBDATA and LBDATA are obsolete."""

    __slots__ = ()
    wrprotect = Bits(10, 5, 3)
    anchor = Flag(10, 4)
    unmap = Flag(10, 3)
    pbdata = Flag(10, 2)
    lbdata = Flag(10, 1)
    ndob = Flag(10, 0)
    number_of_logical_blocks = U32(28)


class OrWrite32(
    Extent32,
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
    orprotect = Bits(10, 5, 3)
    dpo = Flag(10, 4)
    fua = Flag(10, 3)
    fua_nv = Flag(10, 1)
    expected_orwgeneration = U32(20)
    new_orwgeneration = U32(24)
    transfer_length = U32(28)


class WriteAtomic32(
    WriteFlags32,
    Extent32,
    Tags32,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_ATOMIC_32,
    name="WRITE ATOMIC(32)",
):
    """WRITE ATOMIC(32), 32 bytes (SBC-4, 5.46)."""

    __slots__ = ()
    atomic_boundary = U16(4)
    fua_nv = Flag(10, 1)
    transfer_length = U32(28)


class WriteStream32(
    WriteFlags32,
    Extent32,
    Tags32,
    Cdb32,
    opcode=Opcode.VARIABLE_LENGTH,
    service_action=VariableLengthAction.WRITE_STREAM_32,
    name="WRITE STREAM(32)",
):
    """WRITE STREAM(32), 32 bytes (SBC-4, 5.53)."""

    __slots__ = ()
    str_id = U16(4)
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
