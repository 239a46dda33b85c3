# Made from the field tables by tools/stubs.py; do not edit.
"""CDBs of SBC: disks. The groups of fields that they share are in :mod:`pysrp.scsi.cdb.blocks`."""

from _typeshed import ReadableBuffer, WriteableBuffer
from typing import TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.fields import Bits
from pysrp.scsi.cdb.base import Cdb, Cdb6, Cdb10, Cdb12, Cdb16, Cdb32
from pysrp.scsi.cdb.blocks import Blocks6, DurationLimit16, Extent10, Extent12, Extent16, Extent32, ReadFlags, Tags32, Token16, VerifyFlags, WriteAndVerifyFlags, WriteFlags, WriteFlags32, WriteSameFlags
from pysrp.scsi.codes import DataDirection, Opcode, ServiceActionIn16, ThirdPartyCopyOutAction, VariableLengthAction
__all__ = ['CompareAndWrite', 'FormatUnit', 'GetLbaStatus16', 'GetLbaStatus32', 'GetStreamStatus', 'OrWrite16', 'OrWrite32', 'PopulateToken', 'PreFetch10', 'PreFetch16', 'PreventAllowMediumRemoval', 'Read6', 'Read10', 'Read12', 'Read16', 'Read32', 'ReadCapacity10', 'ReadCapacity16', 'ReadDefectData10', 'ReadDefectData12', 'ReassignBlocks', 'ReportReferrals', 'Sanitize', 'StartStopUnit', 'SynchronizeCache10', 'SynchronizeCache16', 'Unmap', 'Verify10', 'Verify12', 'Verify16', 'Verify32', 'Write6', 'Write10', 'Write12', 'Write16', 'Write32', 'WriteAndVerify10', 'WriteAndVerify12', 'WriteAndVerify16', 'WriteAndVerify32', 'WriteAtomic16', 'WriteAtomic32', 'WriteSame10', 'WriteSame16', 'WriteSame32', 'WriteStream16', 'WriteStream32', 'WriteUsingToken']

class _ByteChecked(Cdb):
    """VERIFY: the data-out buffer has as many blocks as BYTCHK wants compared (SBC-4, 5.33)."""
    bytchk: Bits
    @property
    def data_direction(self) -> DataDirection:
        """OUT where something is compared, else NONE."""
    def data_length(self, block_size: int=512) -> int:
        """Nothing, all the blocks, or one block that all are compared with."""

class _OneBlock(Cdb):
    """WRITE SAME: one block goes out, or with NDOB none (SBC-4, 5.50)."""
    @property
    def data_direction(self) -> DataDirection:
        """OUT, or NONE if NDOB is set."""
    def data_length(self, block_size: int=512) -> int:
        """One block, or nothing if NDOB is set."""

class _FormatUnitFields(TypedDict, total=False):
    opcode: int
    fmtpinfo: int
    longlist: int
    fmtdata: int
    cmplist: int
    defect_list_format: int
    vendor_specific: int
    obsolete_interleave: int
    ffmt: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class FormatUnit(Cdb6, opcode=Opcode.FORMAT_UNIT, name='FORMAT UNIT'):
    """FORMAT UNIT, 6 bytes (SBC-4, 5.4); FFMT took over the low bits of the old interleave field."""
    fmtpinfo: pysrp.fields.Bits
    """Protection after formatting: 0 none, 2 type 1, 3 type 2 or 3 as the parameter list says (SBC-4, 5.4)"""
    longlist: pysrp.fields.Flag
    """Set: the length in the parameter list has 4 bytes; clear: 2"""
    fmtdata: pysrp.fields.Flag
    """Set: a parameter list comes as data-out; clear: all is as the device would have it"""
    cmplist: pysrp.fields.Flag
    """Set: the defects that are listed are all there are; clear: they come on top of the known ones"""
    defect_list_format: pysrp.fields.Bits
    """How defects are told: 0 blocks of 4 bytes, 3 of 8 bytes, 4 bytes from index, 5 physical sectors"""
    vendor_specific: pysrp.fields.U8
    """What the vendor has made of it; no standard says"""
    obsolete_interleave: pysrp.fields.U8
    """Obsolete; order of physical sectors on a track, 0: by default (SBC-2)"""
    ffmt: pysrp.fields.Bits
    """How fast: 0 all blocks are initialized, 1 and 2 none need be, and until a write a read may fail (SBC-4, 5.4)"""
    @property
    def data_direction(self) -> DataDirection:
        """OUT if FMTDATA announces a parameter list."""
    def data_length(self, block_size: int=512) -> int | None:
        """0, or None with FMTDATA: the parameter list itself says how long it is."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_FormatUnitFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_FormatUnitFields]) -> int: ...  # type: ignore[override]

class _ReassignBlocksFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    longlba: int
    longlist: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReassignBlocks(Cdb6, opcode=Opcode.REASSIGN_BLOCKS, name='REASSIGN BLOCKS', data_out=...):
    """REASSIGN BLOCKS, 6 bytes (SBC-4, 5.23); the parameter list itself says how long it is."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    longlba: pysrp.fields.Flag
    """Set: addresses of blocks in the list have 8 bytes; clear: 4"""
    longlist: pysrp.fields.Flag
    """Set: the length in the parameter list has 4 bytes; clear: 2"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReassignBlocksFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReassignBlocksFields]) -> int: ...  # type: ignore[override]

class _Read6Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    lba: int
    transfer_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Read6(Blocks6, Cdb6, opcode=Opcode.READ_6, name='READ(6)', blocks='transfer_length', data_in='blocks'):
    """READ(6), 6 bytes (SBC-2, 5.5); a transfer length of 0 means 256 blocks."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Read6Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Read6Fields]) -> int: ...  # type: ignore[override]

class _Write6Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    lba: int
    transfer_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Write6(Blocks6, Cdb6, opcode=Opcode.WRITE_6, name='WRITE(6)', blocks='transfer_length', data_out='blocks'):
    """WRITE(6), 6 bytes (SBC-2, 5.24); a transfer length of 0 means 256 blocks."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Write6Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Write6Fields]) -> int: ...  # type: ignore[override]

class _StartStopUnitFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    immed: int
    power_condition_modifier: int
    power_condition: int
    no_flush: int
    loej: int
    start: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class StartStopUnit(Cdb6, opcode=Opcode.START_STOP_UNIT, name='START STOP UNIT'):
    """START STOP UNIT, 6 bytes (SBC-4, 5.28)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    immed: pysrp.fields.Flag
    """Set: the status comes as soon as the CDB is checked, and the work goes on after it"""
    power_condition_modifier: pysrp.fields.Bits
    """Which idle or standby: with idle 0 a, 1 b, 2 c; with standby 0 z, 1 y"""
    power_condition: pysrp.fields.Bits
    """Power condition that the unit goes to; 0: what START and LOEJ say (SBC-4, START STOP UNIT)"""
    no_flush: pysrp.fields.Flag
    """Set: the cache need not be written before the condition changes"""
    loej: pysrp.fields.Flag
    """Set: the medium is loaded with START, and ejected without"""
    start: pysrp.fields.Flag
    """Set: the unit becomes ready, clear: it stops"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_StartStopUnitFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_StartStopUnitFields]) -> int: ...  # type: ignore[override]

class _PreventAllowMediumRemovalFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    prevent: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class PreventAllowMediumRemoval(Cdb6, opcode=Opcode.PREVENT_ALLOW_MEDIUM_REMOVAL, name='PREVENT ALLOW MEDIUM REMOVAL'):
    """PREVENT ALLOW MEDIUM REMOVAL, 6 bytes (SBC-4, 5.12)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    prevent: pysrp.fields.Bits
    """Bit 0: the medium cannot be taken out; bit 1 is obsolete"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_PreventAllowMediumRemovalFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PreventAllowMediumRemovalFields]) -> int: ...  # type: ignore[override]

class _ReadCapacity10Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    reladr: int
    lba: int
    pmi: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadCapacity10(Cdb10, opcode=Opcode.READ_CAPACITY_10, name='READ CAPACITY(10)', data_in=8):
    """READ CAPACITY(10), 10 bytes (SBC-4, 5.17); LBA and PMI are obsolete."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    lba: pysrp.fields.U32
    """First logical block that is meant, counted from 0"""
    pmi: pysrp.fields.Flag
    """Set: how far one can read from the address without delay is asked; obsolete"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadCapacity10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadCapacity10Fields]) -> int: ...  # type: ignore[override]

class _Read10Fields(TypedDict, total=False):
    opcode: int
    rdprotect: int
    dpo: int
    fua: int
    rarc: int
    fua_nv: int
    reladr: int
    lba: int
    group_number: int
    transfer_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Read10(ReadFlags, Extent10, Cdb10, opcode=Opcode.READ_10, name='READ(10)'):
    """READ(10), 10 bytes (SBC-4, 5.13)."""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    transfer_length: pysrp.fields.U16
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Read10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Read10Fields]) -> int: ...  # type: ignore[override]

class _Write10Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    fua: int
    fua_nv: int
    reladr: int
    lba: int
    group_number: int
    transfer_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Write10(WriteFlags, Extent10, Cdb10, opcode=Opcode.WRITE_10, name='WRITE(10)'):
    """WRITE(10), 10 bytes (SBC-4, 5.37)."""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    transfer_length: pysrp.fields.U16
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Write10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Write10Fields]) -> int: ...  # type: ignore[override]

class _WriteAndVerify10Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    bytchk: int
    reladr: int
    lba: int
    group_number: int
    transfer_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteAndVerify10(WriteAndVerifyFlags, Extent10, Cdb10, opcode=Opcode.WRITE_AND_VERIFY_10, name='WRITE AND VERIFY(10)'):
    """WRITE AND VERIFY(10), 10 bytes (SBC-4, 5.41)."""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    transfer_length: pysrp.fields.U16
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteAndVerify10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteAndVerify10Fields]) -> int: ...  # type: ignore[override]

class _Verify10Fields(TypedDict, total=False):
    opcode: int
    vrprotect: int
    dpo: int
    bytchk: int
    reladr: int
    lba: int
    group_number: int
    verification_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Verify10(_ByteChecked, VerifyFlags, Extent10, Cdb10, opcode=Opcode.VERIFY_10, name='VERIFY(10)'):
    """VERIFY(10), 10 bytes (SBC-4, 5.33)."""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    verification_length: pysrp.fields.U16
    """How many blocks are verified; 0 is none, and no error"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Verify10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Verify10Fields]) -> int: ...  # type: ignore[override]

class _PreFetch10Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    immed: int
    reladr: int
    lba: int
    group_number: int
    prefetch_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class PreFetch10(Extent10, Cdb10, opcode=Opcode.PRE_FETCH_10, name='PRE-FETCH(10)', blocks='prefetch_length'):
    """PRE-FETCH(10), 10 bytes (SBC-4, 5.10)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    immed: pysrp.fields.Flag
    """Set: the status comes as soon as the CDB is checked, and the work goes on after it"""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    prefetch_length: pysrp.fields.U16
    """How many blocks go to the cache; 0: all up to the last one"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_PreFetch10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PreFetch10Fields]) -> int: ...  # type: ignore[override]

class _SynchronizeCache10Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    sync_nv: int
    immed: int
    reladr: int
    lba: int
    group_number: int
    number_of_logical_blocks: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SynchronizeCache10(Extent10, Cdb10, opcode=Opcode.SYNCHRONIZE_CACHE_10, name='SYNCHRONIZE CACHE(10)', blocks='number_of_logical_blocks'):
    """SYNCHRONIZE CACHE(10), 10 bytes (SBC-4, 5.30); SYNC_NV is obsolete."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    sync_nv: pysrp.fields.Flag
    """Set: a cache that survives a loss of power is enough; obsolete"""
    immed: pysrp.fields.Flag
    """Set: the status comes as soon as the CDB is checked, and the work goes on after it"""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    number_of_logical_blocks: pysrp.fields.U16
    """How many blocks are meant; 0 is none, or all up to the last one, as the command has it"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SynchronizeCache10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SynchronizeCache10Fields]) -> int: ...  # type: ignore[override]

class _ReadDefectData10Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    req_plist: int
    req_glist: int
    defect_list_format: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadDefectData10(Cdb10, opcode=Opcode.READ_DEFECT_DATA_10, name='READ DEFECT DATA(10)', data_in='allocation_length'):
    """READ DEFECT DATA(10), 10 bytes (SBC-4, 5.19)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    req_plist: pysrp.fields.Flag
    """Set: defects that the maker has found are wanted"""
    req_glist: pysrp.fields.Flag
    """Set: defects that were found since are wanted"""
    defect_list_format: pysrp.fields.Bits
    """How defects are told: 0 blocks of 4 bytes, 3 of 8 bytes, 4 bytes from index, 5 physical sectors"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadDefectData10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadDefectData10Fields]) -> int: ...  # type: ignore[override]

class _WriteSame10Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    anchor: int
    unmap: int
    pbdata: int
    lbdata: int
    reladr: int
    lba: int
    group_number: int
    number_of_logical_blocks: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteSame10(_OneBlock, WriteSameFlags, Extent10, Cdb10, opcode=Opcode.WRITE_SAME_10, name='WRITE SAME(10)'):
    """WRITE SAME(10), 10 bytes (SBC-4, 5.49); PBDATA and LBDATA are obsolete."""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    number_of_logical_blocks: pysrp.fields.U16
    """How many blocks are meant; 0 is none, or all up to the last one, as the command has it"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteSame10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteSame10Fields]) -> int: ...  # type: ignore[override]

class _UnmapFields(TypedDict, total=False):
    opcode: int
    anchor: int
    group_number: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Unmap(Cdb10, opcode=Opcode.UNMAP, name='UNMAP', data_out='parameter_list_length'):
    """UNMAP, 10 bytes (SBC-4, 5.32)."""
    anchor: pysrp.fields.Flag
    """Set with UNMAP: blocks are anchored instead of deallocated (SBC-4, 4.7)"""
    group_number: pysrp.fields.Bits
    """Class of the command for statistics and hints, 1 to 63; 0: none (SBC-4)"""
    parameter_list_length: pysrp.fields.U16
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_UnmapFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UnmapFields]) -> int: ...  # type: ignore[override]

class _SanitizeFields(TypedDict, total=False):
    opcode: int
    immed: int
    znr: int
    ause: int
    service_action: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Sanitize(Cdb10, opcode=Opcode.SANITIZE, name='SANITIZE', data_out='parameter_list_length'):
    """SANITIZE, 10 bytes, all service actions (SBC-4, 5.27); a parameter list is OVERWRITE's alone."""
    immed: pysrp.fields.Flag
    """Set: the status comes as soon as the CDB is checked, and the work goes on after it"""
    znr: pysrp.fields.Flag
    """Set: write pointers of zones are left where they are (ZBC)"""
    ause: pysrp.fields.Flag
    """Set: a failed SANITIZE may be left by EXIT FAILURE MODE (allow unrestricted exit)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    parameter_list_length: pysrp.fields.U16
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SanitizeFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SanitizeFields]) -> int: ...  # type: ignore[override]

class _Read12Fields(TypedDict, total=False):
    opcode: int
    rdprotect: int
    dpo: int
    fua: int
    rarc: int
    fua_nv: int
    reladr: int
    lba: int
    transfer_length: int
    streaming: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Read12(ReadFlags, Extent12, Cdb12, opcode=Opcode.READ_12, name='READ(12)'):
    """READ(12), 12 bytes (SBC-4, 5.14); STREAMING is MMC-6's."""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    streaming: pysrp.fields.Flag
    """Set: to go on in time is worth more than to have every byte right (MMC-6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Read12Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Read12Fields]) -> int: ...  # type: ignore[override]

class _Write12Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    fua: int
    fua_nv: int
    reladr: int
    lba: int
    transfer_length: int
    streaming: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Write12(WriteFlags, Extent12, Cdb12, opcode=Opcode.WRITE_12, name='WRITE(12)'):
    """WRITE(12), 12 bytes (SBC-4, 5.38); STREAMING is MMC-6's."""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    streaming: pysrp.fields.Flag
    """Set: to go on in time is worth more than to have every byte right (MMC-6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Write12Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Write12Fields]) -> int: ...  # type: ignore[override]

class _WriteAndVerify12Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    bytchk: int
    reladr: int
    lba: int
    transfer_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteAndVerify12(WriteAndVerifyFlags, Extent12, Cdb12, opcode=Opcode.WRITE_AND_VERIFY_12, name='WRITE AND VERIFY(12)'):
    """WRITE AND VERIFY(12), 12 bytes (SBC-4, 5.42)."""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteAndVerify12Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteAndVerify12Fields]) -> int: ...  # type: ignore[override]

class _Verify12Fields(TypedDict, total=False):
    opcode: int
    vrprotect: int
    dpo: int
    bytchk: int
    reladr: int
    lba: int
    verification_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Verify12(_ByteChecked, VerifyFlags, Extent12, Cdb12, opcode=Opcode.VERIFY_12, name='VERIFY(12)'):
    """VERIFY(12), 12 bytes (SBC-4, 5.34)."""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    verification_length: pysrp.fields.U32
    """How many blocks are verified; 0 is none, and no error"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Verify12Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Verify12Fields]) -> int: ...  # type: ignore[override]

class _ReadDefectData12Fields(TypedDict, total=False):
    opcode: int
    req_plist: int
    req_glist: int
    defect_list_format: int
    address_descriptor_index: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadDefectData12(Cdb12, opcode=Opcode.READ_DEFECT_DATA_12, name='READ DEFECT DATA(12)', data_in='allocation_length'):
    """READ DEFECT DATA(12), 12 bytes (SBC-4, 5.20); lists and format stand in byte 1, in (10) in byte 2."""
    req_plist: pysrp.fields.Flag
    """Set: defects that the maker has found are wanted"""
    req_glist: pysrp.fields.Flag
    """Set: defects that were found since are wanted"""
    defect_list_format: pysrp.fields.Bits
    """How defects are told: 0 blocks of 4 bytes, 3 of 8 bytes, 4 bytes from index, 5 physical sectors"""
    address_descriptor_index: pysrp.fields.U32
    """From which entry of the list on, counted from 0"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadDefectData12Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadDefectData12Fields]) -> int: ...  # type: ignore[override]

class _PopulateTokenFields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    parameter_list_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class PopulateToken(Token16, Cdb16, opcode=Opcode.THIRD_PARTY_COPY_OUT, service_action=ThirdPartyCopyOutAction.POPULATE_TOKEN, name='POPULATE TOKEN', data_out='parameter_list_length'):
    """POPULATE TOKEN, 16 bytes (SBC-4, 5.9)."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_PopulateTokenFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PopulateTokenFields]) -> int: ...  # type: ignore[override]

class _WriteUsingTokenFields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    parameter_list_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteUsingToken(Token16, Cdb16, opcode=Opcode.THIRD_PARTY_COPY_OUT, service_action=ThirdPartyCopyOutAction.WRITE_USING_TOKEN, name='WRITE USING TOKEN', data_out='parameter_list_length'):
    """WRITE USING TOKEN, 16 bytes (SBC-4, 5.54)."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteUsingTokenFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteUsingTokenFields]) -> int: ...  # type: ignore[override]

class _Read16Fields(TypedDict, total=False):
    opcode: int
    rdprotect: int
    dpo: int
    fua: int
    rarc: int
    fua_nv: int
    dld2: int
    lba: int
    transfer_length: int
    dld1: int
    dld0: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Read16(ReadFlags, Extent16, DurationLimit16, Cdb16, opcode=Opcode.READ_16, name='READ(16)'):
    """READ(16), 16 bytes (SBC-4, 5.15); DLD, the duration limit descriptor, has its bits in two places."""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Read16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Read16Fields]) -> int: ...  # type: ignore[override]

class _CompareAndWriteFields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    fua: int
    fua_nv: int
    lba: int
    number_of_logical_blocks: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class CompareAndWrite(WriteFlags, Extent16, Cdb16, opcode=Opcode.COMPARE_AND_WRITE, name='COMPARE AND WRITE', blocks='number_of_logical_blocks'):
    """COMPARE AND WRITE, 16 bytes (SBC-4, 5.3); the blocks to compare go out, then as many to write."""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    number_of_logical_blocks: pysrp.fields.U8
    """How many blocks are meant; 0 is none, or all up to the last one, as the command has it"""
    def data_length(self, block_size: int=512) -> int:
        """Twice the blocks: compare data, then write data."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_CompareAndWriteFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CompareAndWriteFields]) -> int: ...  # type: ignore[override]

class _Write16Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    fua: int
    fua_nv: int
    dld2: int
    lba: int
    transfer_length: int
    dld1: int
    dld0: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Write16(WriteFlags, Extent16, DurationLimit16, Cdb16, opcode=Opcode.WRITE_16, name='WRITE(16)'):
    """WRITE(16), 16 bytes (SBC-4, 5.39); DLD, the duration limit descriptor, has its bits in two places."""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Write16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Write16Fields]) -> int: ...  # type: ignore[override]

class _OrWrite16Fields(TypedDict, total=False):
    opcode: int
    orprotect: int
    dpo: int
    fua: int
    fua_nv: int
    lba: int
    transfer_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class OrWrite16(Extent16, Cdb16, opcode=Opcode.ORWRITE_16, name='ORWRITE(16)', blocks='transfer_length', data_out='blocks'):
    """ORWRITE(16), 16 bytes (SBC-4, 5.7)."""
    orprotect: pysrp.fields.Bits
    """Whether protection information goes with the blocks, and which parts of it are checked; 0: none is sent"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    fua: pysrp.fields.Flag
    """Set: the medium itself is read or written, not a volatile cache alone"""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_OrWrite16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_OrWrite16Fields]) -> int: ...  # type: ignore[override]

class _WriteAndVerify16Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    bytchk: int
    lba: int
    transfer_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteAndVerify16(WriteAndVerifyFlags, Extent16, Cdb16, opcode=Opcode.WRITE_AND_VERIFY_16, name='WRITE AND VERIFY(16)'):
    """WRITE AND VERIFY(16), 16 bytes (SBC-4, 5.43)."""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteAndVerify16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteAndVerify16Fields]) -> int: ...  # type: ignore[override]

class _Verify16Fields(TypedDict, total=False):
    opcode: int
    vrprotect: int
    dpo: int
    bytchk: int
    lba: int
    verification_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Verify16(_ByteChecked, VerifyFlags, Extent16, Cdb16, opcode=Opcode.VERIFY_16, name='VERIFY(16)'):
    """VERIFY(16), 16 bytes (SBC-4, 5.35)."""
    verification_length: pysrp.fields.U32
    """How many blocks are verified; 0 is none, and no error"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Verify16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Verify16Fields]) -> int: ...  # type: ignore[override]

class _PreFetch16Fields(TypedDict, total=False):
    opcode: int
    immed: int
    reladr: int
    lba: int
    prefetch_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class PreFetch16(Extent16, Cdb16, opcode=Opcode.PRE_FETCH_16, name='PRE-FETCH(16)', blocks='prefetch_length'):
    """PRE-FETCH(16), 16 bytes (SBC-4, 5.11)."""
    immed: pysrp.fields.Flag
    """Set: the status comes as soon as the CDB is checked, and the work goes on after it"""
    reladr: pysrp.fields.Flag
    """Set: the address counts from that of the command before; obsolete with linked commands"""
    prefetch_length: pysrp.fields.U32
    """How many blocks go to the cache; 0: all up to the last one"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_PreFetch16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PreFetch16Fields]) -> int: ...  # type: ignore[override]

class _SynchronizeCache16Fields(TypedDict, total=False):
    opcode: int
    sync_nv: int
    immed: int
    lba: int
    number_of_logical_blocks: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SynchronizeCache16(Extent16, Cdb16, opcode=Opcode.SYNCHRONIZE_CACHE_16, name='SYNCHRONIZE CACHE(16)', blocks='number_of_logical_blocks'):
    """SYNCHRONIZE CACHE(16), 16 bytes (SBC-4, 5.31); SYNC_NV is obsolete."""
    sync_nv: pysrp.fields.Flag
    """Set: a cache that survives a loss of power is enough; obsolete"""
    immed: pysrp.fields.Flag
    """Set: the status comes as soon as the CDB is checked, and the work goes on after it"""
    number_of_logical_blocks: pysrp.fields.U32
    """How many blocks are meant; 0 is none, or all up to the last one, as the command has it"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SynchronizeCache16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SynchronizeCache16Fields]) -> int: ...  # type: ignore[override]

class _WriteSame16Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    anchor: int
    unmap: int
    pbdata: int
    lbdata: int
    ndob: int
    lba: int
    number_of_logical_blocks: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteSame16(_OneBlock, WriteSameFlags, Extent16, Cdb16, opcode=Opcode.WRITE_SAME_16, name='WRITE SAME(16)'):
    """WRITE SAME(16), 16 bytes (SBC-4, 5.50); PBDATA and LBDATA are obsolete."""
    ndob: pysrp.fields.Flag
    """Set: no block of data-out comes, zeros are meant"""
    number_of_logical_blocks: pysrp.fields.U32
    """How many blocks are meant; 0 is none, or all up to the last one, as the command has it"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteSame16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteSame16Fields]) -> int: ...  # type: ignore[override]

class _WriteStream16Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    fua: int
    lba: int
    str_id: int
    transfer_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteStream16(WriteFlags, Extent16, Cdb16, opcode=Opcode.WRITE_STREAM_16, name='WRITE STREAM(16)'):
    """WRITE STREAM(16), 16 bytes (SBC-4, 5.52)."""
    str_id: pysrp.fields.U16
    """Number of the stream that the blocks belong to, 1 and up"""
    transfer_length: pysrp.fields.U16
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteStream16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteStream16Fields]) -> int: ...  # type: ignore[override]

class _WriteAtomic16Fields(TypedDict, total=False):
    opcode: int
    wrprotect: int
    dpo: int
    fua: int
    lba: int
    atomic_boundary: int
    transfer_length: int
    group_number: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteAtomic16(WriteFlags, Extent16, Cdb16, opcode=Opcode.WRITE_ATOMIC_16, name='WRITE ATOMIC(16)'):
    """WRITE ATOMIC(16), 16 bytes (SBC-4, 5.45)."""
    atomic_boundary: pysrp.fields.U16
    """Blocks that are atomic in themselves, where the whole is more; 0: the whole is atomic"""
    transfer_length: pysrp.fields.U16
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteAtomic16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteAtomic16Fields]) -> int: ...  # type: ignore[override]

class _ReadCapacity16Fields(TypedDict, total=False):
    opcode: int
    service_action: int
    lba: int
    allocation_length: int
    pmi: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadCapacity16(Cdb16, opcode=Opcode.SERVICE_ACTION_IN_16, service_action=ServiceActionIn16.READ_CAPACITY_16, name='READ CAPACITY(16)', data_in='allocation_length'):
    """READ CAPACITY(16), 16 bytes (SBC-4, 5.18); LBA and PMI are obsolete."""
    lba: pysrp.fields.U64
    """First logical block that is meant, counted from 0"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    pmi: pysrp.fields.Flag
    """Set: how far one can read from the address without delay is asked; obsolete"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadCapacity16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadCapacity16Fields]) -> int: ...  # type: ignore[override]

class _GetLbaStatus16Fields(TypedDict, total=False):
    opcode: int
    service_action: int
    lba: int
    allocation_length: int
    report_type: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class GetLbaStatus16(Cdb16, opcode=Opcode.SERVICE_ACTION_IN_16, service_action=ServiceActionIn16.GET_LBA_STATUS_16, name='GET LBA STATUS(16)', data_in='allocation_length'):
    """GET LBA STATUS(16), 16 bytes (SBC-4, 5.5)."""
    lba: pysrp.fields.U64
    """First logical block that is meant, counted from 0"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    report_type: pysrp.fields.U8
    """Which blocks are told of: 0 all, 1 those not plainly mapped, 2 mapped, 3 deallocated, 4 anchored, 10h those whose reading may fail"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_GetLbaStatus16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_GetLbaStatus16Fields]) -> int: ...  # type: ignore[override]

class _ReportReferralsFields(TypedDict, total=False):
    opcode: int
    service_action: int
    lba: int
    allocation_length: int
    one_seg: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportReferrals(Cdb16, opcode=Opcode.SERVICE_ACTION_IN_16, service_action=ServiceActionIn16.REPORT_REFERRALS, name='REPORT REFERRALS', data_in='allocation_length'):
    """REPORT REFERRALS, 16 bytes (SBC-4, 5.25)."""
    lba: pysrp.fields.U64
    """First logical block that is meant, counted from 0"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    one_seg: pysrp.fields.Flag
    """Set: only the segment of that address is wanted; clear: those behind it, too"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportReferralsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportReferralsFields]) -> int: ...  # type: ignore[override]

class _GetStreamStatusFields(TypedDict, total=False):
    opcode: int
    service_action: int
    starting_stream_identifier: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class GetStreamStatus(Cdb16, opcode=Opcode.SERVICE_ACTION_IN_16, service_action=ServiceActionIn16.GET_STREAM_STATUS, name='GET STREAM STATUS', data_in='allocation_length'):
    """GET STREAM STATUS, 16 bytes (SBC-4, 5.6)."""
    starting_stream_identifier: pysrp.fields.U16
    """Number of the first stream that is wanted"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_GetStreamStatusFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_GetStreamStatusFields]) -> int: ...  # type: ignore[override]

class _Read32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    group_number: int
    additional_cdb_length: int
    service_action: int
    rdprotect: int
    dpo: int
    fua: int
    rarc: int
    fua_nv: int
    dld: int
    lba: int
    expected_initial_logical_block_reference_tag: int
    expected_logical_block_application_tag: int
    logical_block_application_tag_mask: int
    transfer_length: int
    trailing: ReadableBuffer

class Read32(Extent32, Tags32, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.READ_32, name='READ(32)', blocks='transfer_length', data_in='blocks'):
    """READ(32), 32 bytes (SBC-4, 5.16)."""
    rdprotect: pysrp.fields.Bits
    """Whether protection information comes with the blocks, and which parts of it are checked; 0: none is sent"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    fua: pysrp.fields.Flag
    """Set: the medium itself is read or written, not a volatile cache alone"""
    rarc: pysrp.fields.Flag
    """Set: recovery may take its time; clear: a streaming reader prefers errors"""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    dld: pysrp.fields.Bits
    """Which of the duration limits of the mode page is the command's, 1 to 7; 0: none"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_Read32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Read32Fields]) -> int: ...  # type: ignore[override]

class _Verify32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    group_number: int
    additional_cdb_length: int
    service_action: int
    vrprotect: int
    dpo: int
    bytchk: int
    lba: int
    expected_initial_logical_block_reference_tag: int
    expected_logical_block_application_tag: int
    logical_block_application_tag_mask: int
    verification_length: int
    trailing: ReadableBuffer

class Verify32(_ByteChecked, Extent32, Tags32, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.VERIFY_32, name='VERIFY(32)', blocks='verification_length'):
    """VERIFY(32), 32 bytes (SBC-4, 5.36)."""
    vrprotect: pysrp.fields.Bits
    """Which parts of the protection information on the medium are checked; 0: those of INQUIRY's page 86h"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    bytchk: pysrp.fields.Bits
    """What is compared with data-out: 0 nothing, 1 each block, 3 one block with all"""
    verification_length: pysrp.fields.U32
    """How many blocks are verified; 0 is none, and no error"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_Verify32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Verify32Fields]) -> int: ...  # type: ignore[override]

class _Write32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    group_number: int
    additional_cdb_length: int
    service_action: int
    wrprotect: int
    dpo: int
    fua: int
    fua_nv: int
    dld: int
    lba: int
    expected_initial_logical_block_reference_tag: int
    expected_logical_block_application_tag: int
    logical_block_application_tag_mask: int
    transfer_length: int
    trailing: ReadableBuffer

class Write32(WriteFlags32, Extent32, Tags32, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.WRITE_32, name='WRITE(32)'):
    """WRITE(32), 32 bytes (SBC-4, 5.40)."""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    dld: pysrp.fields.Bits
    """Which of the duration limits of the mode page is the command's, 1 to 7; 0: none"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_Write32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Write32Fields]) -> int: ...  # type: ignore[override]

class _WriteAndVerify32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    group_number: int
    additional_cdb_length: int
    service_action: int
    wrprotect: int
    dpo: int
    bytchk: int
    lba: int
    expected_initial_logical_block_reference_tag: int
    expected_logical_block_application_tag: int
    logical_block_application_tag_mask: int
    transfer_length: int
    trailing: ReadableBuffer

class WriteAndVerify32(Extent32, Tags32, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.WRITE_AND_VERIFY_32, name='WRITE AND VERIFY(32)', blocks='transfer_length', data_out='blocks'):
    """WRITE AND VERIFY(32), 32 bytes (SBC-4, 5.44)."""
    wrprotect: pysrp.fields.Bits
    """Whether protection information goes with the blocks, and which parts of it are checked; 0: none is sent"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    bytchk: pysrp.fields.Bits
    """What is compared with data-out: 0 nothing, 1 each block, 3 one block with all"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteAndVerify32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteAndVerify32Fields]) -> int: ...  # type: ignore[override]

class _WriteSame32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    group_number: int
    additional_cdb_length: int
    service_action: int
    wrprotect: int
    anchor: int
    unmap: int
    pbdata: int
    lbdata: int
    ndob: int
    lba: int
    expected_initial_logical_block_reference_tag: int
    expected_logical_block_application_tag: int
    logical_block_application_tag_mask: int
    number_of_logical_blocks: int
    trailing: ReadableBuffer

class WriteSame32(_OneBlock, Extent32, Tags32, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.WRITE_SAME_32, name='WRITE SAME(32)', blocks='number_of_logical_blocks'):
    """WRITE SAME(32), 32 bytes (SBC-4, 5.51); PBDATA and LBDATA are obsolete."""
    wrprotect: pysrp.fields.Bits
    """Whether protection information goes with the blocks, and which parts of it are checked; 0: none is sent"""
    anchor: pysrp.fields.Flag
    """Set with UNMAP: blocks are anchored instead of deallocated (SBC-4, 4.7)"""
    unmap: pysrp.fields.Flag
    """Set: blocks may be unmapped instead of written, if they then read as the data would"""
    pbdata: pysrp.fields.Flag
    """Set: the first bytes of each block become its physical address; obsolete"""
    lbdata: pysrp.fields.Flag
    """Set: the first bytes of each block become its logical address; obsolete"""
    ndob: pysrp.fields.Flag
    """Set: no block of data-out comes, zeros are meant"""
    number_of_logical_blocks: pysrp.fields.U32
    """How many blocks are meant; 0 is none, or all up to the last one, as the command has it"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteSame32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteSame32Fields]) -> int: ...  # type: ignore[override]

class _OrWrite32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    bmop: int
    previous_generation_processing: int
    group_number: int
    additional_cdb_length: int
    service_action: int
    orprotect: int
    dpo: int
    fua: int
    fua_nv: int
    lba: int
    expected_orwgeneration: int
    new_orwgeneration: int
    transfer_length: int
    trailing: ReadableBuffer

class OrWrite32(Extent32, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.ORWRITE_32, name='ORWRITE(32)', blocks='transfer_length', data_out='blocks'):
    """ORWRITE(32), 32 bytes (SBC-4, 5.8)."""
    bmop: pysrp.fields.Bits
    """What to do: 0 the data are ORed into the bit map, 1 the bit map is cleared and gets a new generation"""
    previous_generation_processing: pysrp.fields.Bits
    """What becomes of commands that are of the generation before (SBC-4, 5.8)"""
    orprotect: pysrp.fields.Bits
    """Whether protection information goes with the blocks, and which parts of it are checked; 0: none is sent"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    fua: pysrp.fields.Flag
    """Set: the medium itself is read or written, not a volatile cache alone"""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    expected_orwgeneration: pysrp.fields.U32
    """Generation that the bit map has to have, or the command is refused"""
    new_orwgeneration: pysrp.fields.U32
    """Generation that the bit map has after it"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_OrWrite32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_OrWrite32Fields]) -> int: ...  # type: ignore[override]

class _WriteAtomic32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    atomic_boundary: int
    group_number: int
    additional_cdb_length: int
    service_action: int
    wrprotect: int
    dpo: int
    fua: int
    fua_nv: int
    lba: int
    expected_initial_logical_block_reference_tag: int
    expected_logical_block_application_tag: int
    logical_block_application_tag_mask: int
    transfer_length: int
    trailing: ReadableBuffer

class WriteAtomic32(WriteFlags32, Extent32, Tags32, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.WRITE_ATOMIC_32, name='WRITE ATOMIC(32)'):
    """WRITE ATOMIC(32), 32 bytes (SBC-4, 5.46)."""
    atomic_boundary: pysrp.fields.U16
    """Blocks that are atomic in themselves, where the whole is more; 0: the whole is atomic"""
    fua_nv: pysrp.fields.Flag
    """Set: of caches only one that survives a loss of power would do; obsolete"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteAtomic32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteAtomic32Fields]) -> int: ...  # type: ignore[override]

class _WriteStream32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    str_id: int
    group_number: int
    additional_cdb_length: int
    service_action: int
    wrprotect: int
    dpo: int
    fua: int
    lba: int
    expected_initial_logical_block_reference_tag: int
    expected_logical_block_application_tag: int
    logical_block_application_tag_mask: int
    transfer_length: int
    trailing: ReadableBuffer

class WriteStream32(WriteFlags32, Extent32, Tags32, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.WRITE_STREAM_32, name='WRITE STREAM(32)'):
    """WRITE STREAM(32), 32 bytes (SBC-4, 5.53)."""
    str_id: pysrp.fields.U16
    """Number of the stream that the blocks belong to, 1 and up"""
    transfer_length: pysrp.fields.U32
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteStream32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteStream32Fields]) -> int: ...  # type: ignore[override]

class _GetLbaStatus32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    additional_cdb_length: int
    service_action: int
    report_type: int
    lba: int
    scan_length: int
    element_identifier: int
    allocation_length: int
    trailing: ReadableBuffer

class GetLbaStatus32(Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.GET_LBA_STATUS_32, name='GET LBA STATUS(32)', data_in='allocation_length'):
    """GET LBA STATUS(32), 32 bytes (SBC-4)."""
    report_type: pysrp.fields.U8
    """Which blocks are told of: 0 all, 1 those not plainly mapped, 2 mapped, 3 deallocated, 4 anchored, 10h those whose reading may fail"""
    lba: pysrp.fields.U64
    """First logical block that is meant, counted from 0"""
    scan_length: pysrp.fields.U32
    """How many blocks are looked at most; 0: no limit"""
    element_identifier: pysrp.fields.U32
    """Physical element whose blocks are meant; 0: those of all"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_GetLbaStatus32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_GetLbaStatus32Fields]) -> int: ...  # type: ignore[override]
