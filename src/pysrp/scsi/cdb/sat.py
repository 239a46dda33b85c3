"""CDBs of SAT: ATA commands, passed through."""

from __future__ import annotations

from pysrp.fields import U8, U16, U32, Bits, Flag, Int
from pysrp.scsi import texts
from pysrp.scsi.cdb.base import Cdb, Cdb12, Cdb16, Cdb32, Group
from pysrp.scsi.codes import AtaProtocol, AtaTransferLength, DataDirection, Opcode, VariableLengthAction

__all__ = [
    "AtaPassThrough12",
    "AtaPassThrough16",
    "AtaPassThrough32",
]


class _AtaTransfer(Cdb):
    """ATA PASS-THROUGH: direction and length stand in bits and in the ATA registers (SAT-4)."""

    __slots__ = ()
    TEXTS = texts.ATA
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


class _AtaFlags(Group):
    """Bytes 1 and 2 of ATA PASS-THROUGH(12) and (16)."""

    __slots__ = ()
    TEXTS = texts.ATA
    multiple_count = Bits(1, 5, 3)
    protocol = Bits(1, 1, 4, enum=AtaProtocol)
    off_line = Bits(2, 6, 2)
    ck_cond = Flag(2, 5)
    t_type = Flag(2, 4)
    t_dir = Flag(2, 3)
    byt_blok = Flag(2, 2)
    t_length = Bits(2, 0, 2, enum=AtaTransferLength)


class AtaPassThrough12(
    _AtaTransfer, _AtaFlags, Cdb12, opcode=Opcode.ATA_PASS_THROUGH_12, name="ATA PASS-THROUGH(12)"
):
    """ATA PASS-THROUGH(12), 12 bytes (SAT-4)."""

    __slots__ = ()
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


class AtaPassThrough16(
    _AtaTransfer, _AtaFlags, Cdb16, opcode=Opcode.ATA_PASS_THROUGH_16, name="ATA PASS-THROUGH(16)"
):
    """ATA PASS-THROUGH(16), 16 bytes (SAT-4)."""

    __slots__ = ()
    extend = Flag(1, 0)
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
