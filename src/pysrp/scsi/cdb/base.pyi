# Made from the field tables by tools/stubs.py; do not edit.
"""The parts of every CDB: group, length, CONTROL, direction and amount of data; and the choice of a class for a CDB."""

from _typeshed import ReadableBuffer
from typing import Any, ClassVar


import pysrp.fields
from types import EllipsisType
from pysrp.fields import Structure
from pysrp.scsi.codes import DataDirection
__all__ = ['Cdb', 'Cdb6', 'Cdb10', 'Cdb12', 'Cdb16', 'Cdb32', 'commands', 'parse_cdb', 'record_cdb']

class Group:
    """Base of a group of fields that commands inherit. A group may also define blocks and data (see :class:`Cdb`)."""
    TEXTS: ClassVar[dict[str, str]]

class Cdb(Group, Structure):
    """Any CDB, 1 to 263 bytes: the opcode, and the bytes after it, whose number the group code gives (SPC-4, 4.2.5).

    :func:`parse_cdb` returns a subclass with ``opcode=`` for that opcode, one with ``service_action=`` for that service
    action of the opcode. Further keywords: ``name`` (the standard's), ``size`` in bytes, ``control`` (offset of the CONTROL
    byte), ``blocks`` (name of the field that counts logical blocks), and ``data_in`` or ``data_out`` for the amount of data:
    the name of a field that counts bytes, or ``"blocks"``, or a number of bytes, or ``...`` where the CDB does not tell.
    Blocks and data that are not given are inherited; a base may be a plain class with a group of fields. Raises TypeError
    for a field that does not exist."""
    def __init_subclass__(cls, opcode: int | None=None, service_action: int | None=None, name: str | None=None, control: int | None=None, blocks: str | None=None, data_in: str | int | EllipsisType | None=None, data_out: str | int | EllipsisType | None=None, **options: Any) -> None: ...
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    body: pysrp.fields.Part
    """What is behind the opcode, as long as its group says, or byte 7 of 7Fh"""
    @property
    def name(self) -> str:
        """The standard's name of the command; also a class attribute, where the class has a table."""
    @property
    def data_direction(self) -> DataDirection | None:
        """Direction of the data, NONE if the command has no data; None if it is not known."""
    def data_length(self, block_size: int=512) -> int | None:
        """The most bytes that the command may transfer; None where the CDB does not tell.

        ``block_size`` is the bytes of a logical block as transferred: with its protection information, if
        the protect field of the CDB asks for that."""
    @property
    def blocks(self) -> int | None:
        """Number of logical blocks in the command's field; None if the command has no such field.

        0 means no blocks in a read, write or verify, and all blocks up to the last in SYNCHRONIZE CACHE, PRE-FETCH
        and (unless WSNZ is set) WRITE SAME."""
commands: pysrp.fields.Dispatch

class Cdb6(Cdb, size=6, control=5):
    """The 6-byte CDBs, opcodes 00h to 1Fh (SPC-4, 4.2.5.2); CONTROL is the last byte."""
    control_vendor_specific: pysrp.fields.Bits
    """The two bits of CONTROL that a vendor may use (SAM-5, 5.2)"""
    naca: pysrp.fields.Flag
    """Set: CHECK CONDITION begins an ACA condition, which holds others up until CLEAR ACA (SAM-5)"""
    control_obsolete: pysrp.fields.Bits
    """LINK and FLAG of SCSI-2; 0 since"""

class Cdb10(Cdb, size=10, control=9):
    """The 10-byte CDBs, opcodes 20h to 5Fh (SPC-4, 4.2.5.3); CONTROL is the last byte."""
    control_vendor_specific: pysrp.fields.Bits
    """The two bits of CONTROL that a vendor may use (SAM-5, 5.2)"""
    naca: pysrp.fields.Flag
    """Set: CHECK CONDITION begins an ACA condition, which holds others up until CLEAR ACA (SAM-5)"""
    control_obsolete: pysrp.fields.Bits
    """LINK and FLAG of SCSI-2; 0 since"""

class Cdb12(Cdb, size=12, control=11):
    """The 12-byte CDBs, opcodes A0h to BFh (SPC-4, 4.2.5.4); CONTROL is the last byte."""
    control_vendor_specific: pysrp.fields.Bits
    """The two bits of CONTROL that a vendor may use (SAM-5, 5.2)"""
    naca: pysrp.fields.Flag
    """Set: CHECK CONDITION begins an ACA condition, which holds others up until CLEAR ACA (SAM-5)"""
    control_obsolete: pysrp.fields.Bits
    """LINK and FLAG of SCSI-2; 0 since"""

class Cdb16(Cdb, size=16, control=15):
    """The 16-byte CDBs, opcodes 80h to 9Fh (SPC-4, 4.2.5.5); CONTROL is the last byte."""
    control_vendor_specific: pysrp.fields.Bits
    """The two bits of CONTROL that a vendor may use (SAM-5, 5.2)"""
    naca: pysrp.fields.Flag
    """Set: CHECK CONDITION begins an ACA condition, which holds others up until CLEAR ACA (SAM-5)"""
    control_obsolete: pysrp.fields.Bits
    """LINK and FLAG of SCSI-2; 0 since"""

class Cdb32(Cdb, size=32, control=1):
    """The 32-byte form of the variable length CDB, opcode 7Fh (SPC-4, 4.2.5.6); CONTROL is byte 1."""
    additional_cdb_length: pysrp.fields.U8
    """Bytes behind this one: 24 in a CDB of 32 bytes (SPC-4, 4.2.5.6)"""
    control_vendor_specific: pysrp.fields.Bits
    """The two bits of CONTROL that a vendor may use (SAM-5, 5.2)"""
    naca: pysrp.fields.Flag
    """Set: CHECK CONDITION begins an ACA condition, which holds others up until CLEAR ACA (SAM-5)"""
    control_obsolete: pysrp.fields.Bits
    """LINK and FLAG of SCSI-2; 0 since"""
def parse_cdb(buf: ReadableBuffer, /, *, strict: bool = False) -> Cdb:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""
def record_cdb(buf: ReadableBuffer, /) -> Cdb:
    """A record (see Structure.record) of the class that the bytes of ``buf`` select; raises as parse() does."""
