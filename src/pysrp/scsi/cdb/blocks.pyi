# Made from the field tables by tools/stubs.py; do not edit.
"""Groups of fields that several commands of SBC have in the same place, for the classes in :mod:`pysrp.scsi.cdb.sbc`.

Each command defines its other fields, and names its own count of blocks. A group with ``_blocks`` and ``_data`` replaces
the command's keywords ``blocks``, ``data_in`` and ``data_out``."""

from typing import Any


import pysrp.fields
from pysrp.scsi.cdb.base import Group

class Blocks6(Group):
    """READ(6) and WRITE(6): a transfer length of 0 means 256 blocks."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    lba: pysrp.fields.Bits
    """First logical block that is meant, counted from 0"""
    transfer_length: pysrp.fields.U8
    """How many blocks move; 0 means none, but 256 in READ(6) and WRITE(6)"""
    @property
    def blocks(self: Any) -> int:
        """Logical blocks, 1 to 256."""

class ReadFlags(Group):
    """READ(10), (12) and (16): byte 1; the data-in is the blocks."""
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

class WriteFlags(Group):
    """WRITE CDBs of up to 16 bytes: byte 1; the data-out is the blocks."""
    wrprotect: pysrp.fields.Bits
    """Whether protection information goes with the blocks, and which parts of it are checked; 0: none is sent"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    fua: pysrp.fields.Flag
    """Set: the medium itself is read or written, not a volatile cache alone"""

class WriteFlags32(Group):
    """WRITE CDBs of 32 bytes: byte 10; the data-out is the blocks."""
    wrprotect: pysrp.fields.Bits
    """Whether protection information goes with the blocks, and which parts of it are checked; 0: none is sent"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    fua: pysrp.fields.Flag
    """Set: the medium itself is read or written, not a volatile cache alone"""

class WriteAndVerifyFlags(Group):
    """WRITE AND VERIFY(10), (12) and (16): byte 1; the data-out is the blocks."""
    wrprotect: pysrp.fields.Bits
    """Whether protection information goes with the blocks, and which parts of it are checked; 0: none is sent"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    bytchk: pysrp.fields.Bits
    """What is compared with data-out: 0 nothing, 1 each block, 3 one block with all"""

class VerifyFlags(Group):
    """VERIFY(10), (12) and (16): byte 1."""
    vrprotect: pysrp.fields.Bits
    """Which parts of the protection information on the medium are checked; 0: those of INQUIRY's page 86h"""
    dpo: pysrp.fields.Flag
    """Set: the blocks need not stay in the cache, as they are not wanted again soon"""
    bytchk: pysrp.fields.Bits
    """What is compared with data-out: 0 nothing, 1 each block, 3 one block with all"""

class WriteSameFlags(Group):
    """WRITE SAME(10) and (16): byte 1."""
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

class Extent10(Group):
    """LBA and group number in a CDB of 10 bytes."""
    lba: pysrp.fields.U32
    """First logical block that is meant, counted from 0"""
    group_number: pysrp.fields.Bits
    """Class of the command for statistics and hints, 1 to 63; 0: none (SBC-4)"""

class Extent12(Group):
    """LBA and group number in a CDB of 12 bytes."""
    lba: pysrp.fields.U32
    """First logical block that is meant, counted from 0"""
    group_number: pysrp.fields.Bits
    """Class of the command for statistics and hints, 1 to 63; 0: none (SBC-4)"""

class Extent16(Group):
    """LBA and group number in a CDB of 16 bytes."""
    lba: pysrp.fields.U64
    """First logical block that is meant, counted from 0"""
    group_number: pysrp.fields.Bits
    """Class of the command for statistics and hints, 1 to 63; 0: none (SBC-4)"""

class Extent32(Group):
    """LBA and group number in a CDB of 32 bytes."""
    group_number: pysrp.fields.Bits
    """Class of the command for statistics and hints, 1 to 63; 0: none (SBC-4)"""
    lba: pysrp.fields.U64
    """First logical block that is meant, counted from 0"""

class Tags32(Group):
    """The expected tags of the blocks' protection information."""
    expected_initial_logical_block_reference_tag: pysrp.fields.U32
    """Reference tag of the first block; each next one's is one more (SBC-4, protection information)"""
    expected_logical_block_application_tag: pysrp.fields.U16
    """Application tag that each block has to have, in the bits of the mask"""
    logical_block_application_tag_mask: pysrp.fields.U16
    """Bits of the application tag that are compared"""

class DurationLimit16(Group):
    """The duration limit descriptor of READ(16) and WRITE(16), whose bits stand in two places."""
    dld2: pysrp.fields.Flag
    """Highest bit of the three that choose a duration limit"""
    dld1: pysrp.fields.Flag
    """Middle bit of the three that choose a duration limit"""
    dld0: pysrp.fields.Flag
    """Lowest bit of the three that choose a duration limit; all three clear: none"""

class Token16(Group):
    """POPULATE TOKEN and WRITE USING TOKEN."""
    list_identifier: pysrp.fields.U32
    """Number by which later commands ask for the state of this copy"""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    group_number: pysrp.fields.Bits
    """Class of the command for statistics and hints, 1 to 63; 0: none (SBC-4)"""
