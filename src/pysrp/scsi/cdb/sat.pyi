# Made from the field tables by tools/stubs.py; do not edit.
"""CDBs of SAT: ATA commands, passed through."""

from _typeshed import ReadableBuffer, WriteableBuffer
from typing import TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.fields import Bits, Flag, Int
from pysrp.scsi import texts
from pysrp.scsi.cdb.base import Cdb, Cdb12, Cdb16, Cdb32, Group
from pysrp.scsi.codes import DataDirection, Opcode, VariableLengthAction
__all__ = ['AtaPassThrough12', 'AtaPassThrough16', 'AtaPassThrough32']

class _AtaTransfer(Cdb):
    """ATA PASS-THROUGH: direction and length stand in bits and in the ATA registers (SAT-4)."""
    t_length: Bits
    t_dir: Flag
    t_type: Flag
    byt_blok: Flag
    features: Int
    count: Int
    @property
    def data_direction(self) -> DataDirection:
        """As T_LENGTH and T_DIR say."""
    def data_length(self, block_size: int=512) -> int | None:
        """Bytes by T_LENGTH, BYT_BLOK and T_TYPE; None where the transport knows it (TPSIU)."""

class _AtaFlags(Group):
    """Bytes 1 and 2 of ATA PASS-THROUGH(12) and (16)."""
    TEXTS = texts.ATA
    multiple_count: pysrp.fields.Bits
    """Sectors of one DRQ block, as a power of two, in READ and WRITE MULTIPLE"""
    protocol: pysrp.fields.Bits
    """How the ATA command goes: without data, PIO, DMA, FPDMA (SAT-4)"""
    off_line: pysrp.fields.Bits
    """Seconds, as 2^(n+1)-2, in which the bus may be in no order after the command"""
    ck_cond: pysrp.fields.Flag
    """Set: CHECK CONDITION with the ATA registers comes also if all went well"""
    t_type: pysrp.fields.Flag
    """Set: lengths are in the unit's blocks, clear: in 512 bytes"""
    t_dir: pysrp.fields.Flag
    """Set: data comes from the device, clear: it goes there"""
    byt_blok: pysrp.fields.Flag
    """Set: the length is in blocks, clear: in bytes"""
    t_length: pysrp.fields.Bits
    """Where the length stands: 0 no data, 1 FEATURES, 2 COUNT, 3 as the transport says"""

class _AtaPassThrough12Fields(TypedDict, total=False):
    opcode: int
    multiple_count: int
    protocol: int
    off_line: int
    ck_cond: int
    t_type: int
    t_dir: int
    byt_blok: int
    t_length: int
    features: int
    count: int
    lba_7_0: int
    lba_15_8: int
    lba_23_16: int
    device: int
    command: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class AtaPassThrough12(_AtaTransfer, _AtaFlags, Cdb12, opcode=Opcode.ATA_PASS_THROUGH_12, name='ATA PASS-THROUGH(12)'):
    """ATA PASS-THROUGH(12), 12 bytes (SAT-4)."""
    features: pysrp.fields.U8
    """The ATA register FEATURES"""
    count: pysrp.fields.U8
    """The ATA register COUNT, often how many sectors"""
    lba_7_0: pysrp.fields.U8
    """The ATA register LBA, bits 0 to 7"""
    lba_15_8: pysrp.fields.U8
    """The ATA register LBA, bits 8 to 15"""
    lba_23_16: pysrp.fields.U8
    """The ATA register LBA, bits 16 to 23"""
    device: pysrp.fields.U8
    """The ATA register DEVICE; bit 6 set: LBA is an address of a block"""
    command: pysrp.fields.U8
    """The ATA register COMMAND: which ATA command it is"""
    @property
    def lba(self) -> int:
        """The three LBA bytes put together; bits 24 to 27 of a 28-bit LBA stand in ``device``."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_AtaPassThrough12Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AtaPassThrough12Fields]) -> int: ...  # type: ignore[override]

class _AtaPassThrough16Fields(TypedDict, total=False):
    opcode: int
    multiple_count: int
    protocol: int
    extend: int
    off_line: int
    ck_cond: int
    t_type: int
    t_dir: int
    byt_blok: int
    t_length: int
    features: int
    count: int
    lba_31_24: int
    lba_7_0: int
    lba_39_32: int
    lba_15_8: int
    lba_47_40: int
    lba_23_16: int
    device: int
    command: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class AtaPassThrough16(_AtaTransfer, _AtaFlags, Cdb16, opcode=Opcode.ATA_PASS_THROUGH_16, name='ATA PASS-THROUGH(16)'):
    """ATA PASS-THROUGH(16), 16 bytes (SAT-4)."""
    extend: pysrp.fields.Flag
    """Set: the ATA command is one of 48 bits, and high bytes of its registers count"""
    features: pysrp.fields.U16
    """The ATA register FEATURES"""
    count: pysrp.fields.U16
    """The ATA register COUNT, often how many sectors"""
    lba_31_24: pysrp.fields.U8
    """The ATA register LBA, bits 24 to 31; counts with EXTEND"""
    lba_7_0: pysrp.fields.U8
    """The ATA register LBA, bits 0 to 7"""
    lba_39_32: pysrp.fields.U8
    """The ATA register LBA, bits 32 to 39; counts with EXTEND"""
    lba_15_8: pysrp.fields.U8
    """The ATA register LBA, bits 8 to 15"""
    lba_47_40: pysrp.fields.U8
    """The ATA register LBA, bits 40 to 47; counts with EXTEND"""
    lba_23_16: pysrp.fields.U8
    """The ATA register LBA, bits 16 to 23"""
    device: pysrp.fields.U8
    """The ATA register DEVICE; bit 6 set: LBA is an address of a block"""
    command: pysrp.fields.U8
    """The ATA register COMMAND: which ATA command it is"""
    @property
    def lba(self) -> int:
        """The six LBA bytes put together; bits 24 to 27 of a 28-bit LBA stand in ``device``."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_AtaPassThrough16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AtaPassThrough16Fields]) -> int: ...  # type: ignore[override]

class _AtaPassThrough32Fields(TypedDict, total=False):
    opcode: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    additional_cdb_length: int
    service_action: int
    multiple_count: int
    protocol: int
    extend: int
    off_line: int
    ck_cond: int
    t_type: int
    t_dir: int
    byt_blok: int
    t_length: int
    lba: int
    features: int
    count: int
    device: int
    command: int
    icc: int
    auxiliary: int
    trailing: ReadableBuffer

class AtaPassThrough32(_AtaTransfer, Cdb32, opcode=Opcode.VARIABLE_LENGTH, service_action=VariableLengthAction.ATA_PASS_THROUGH_32, name='ATA PASS-THROUGH(32)'):
    """ATA PASS-THROUGH(32), 32 bytes (SAT-4)."""
    multiple_count: pysrp.fields.Bits
    """Sectors of one DRQ block, as a power of two, in READ and WRITE MULTIPLE"""
    protocol: pysrp.fields.Bits
    """How the ATA command goes: without data, PIO, DMA, FPDMA (SAT-4)"""
    extend: pysrp.fields.Flag
    """Set: the ATA command is one of 48 bits, and high bytes of its registers count"""
    off_line: pysrp.fields.Bits
    """Seconds, as 2^(n+1)-2, in which the bus may be in no order after the command"""
    ck_cond: pysrp.fields.Flag
    """Set: CHECK CONDITION with the ATA registers comes also if all went well"""
    t_type: pysrp.fields.Flag
    """Set: lengths are in the unit's blocks, clear: in 512 bytes"""
    t_dir: pysrp.fields.Flag
    """Set: data comes from the device, clear: it goes there"""
    byt_blok: pysrp.fields.Flag
    """Set: the length is in blocks, clear: in bytes"""
    t_length: pysrp.fields.Bits
    """Where the length stands: 0 no data, 1 FEATURES, 2 COUNT, 3 as the transport says"""
    lba: pysrp.fields.Bits
    """First logical block that is meant, counted from 0"""
    features: pysrp.fields.U16
    """The ATA register FEATURES"""
    count: pysrp.fields.U16
    """The ATA register COUNT, often how many sectors"""
    device: pysrp.fields.U8
    """The ATA register DEVICE; bit 6 set: LBA is an address of a block"""
    command: pysrp.fields.U8
    """The ATA register COMMAND: which ATA command it is"""
    icc: pysrp.fields.U8
    """The ATA register ICC: time limit of a command of streams"""
    auxiliary: pysrp.fields.U32
    """The ATA register AUXILIARY: 32 more bits that some commands read"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.U16
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_AtaPassThrough32Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AtaPassThrough32Fields]) -> int: ...  # type: ignore[override]
