"""Command descriptor blocks (SPC-5, SBC-4, MMC-6, SAT-4).

Each class is the standard's table. ``parse_cdb(buf)`` chooses the class by opcode and service action and
gives a view that ends where the CDB ends; a CDB without a table gives a plain :class:`Cdb`.

A field has the standard's name in lower case with underscores. Exceptions: LOGICAL BLOCK ADDRESS and STARTING LOGICAL
BLOCK ADDRESS are ``lba``; OPERATION CODE is ``opcode``. Obsolete fields keep the last name they had: FUA_NV, RELADR, and
the LUN of SCSI-2 as ``obsolete_lun`` (byte 1, bits 5 to 7; Linux still fills it for a target whose SCSI level it does not
know yet). A value in an obsolete field is no violation. Reserved fields have no name.

Every CDB has ``name``, ``data_direction``, ``data_length(block_size)`` and ``blocks``.

Docstrings name standard and clause: SPC-4 for commands in SPC-4, else SPC-5; SBC-4 with the clause numbers of the drafts
that have READ(10) at 5.13; MMC-6 and SAT-4 without a clause.

A command of your own::

    class ReadSecret(Cdb10, opcode=0xC8, name="READ SECRET", data_in="allocation_length"):
        __slots__ = ()
        key = U32(2)
        allocation_length = U16(7)
"""

# ruff: noqa: F403, F405
from __future__ import annotations

from pysrp.scsi.cdb.base import *
from pysrp.scsi.cdb.mmc import *
from pysrp.scsi.cdb.sat import *
from pysrp.scsi.cdb.sbc import *
from pysrp.scsi.cdb.spc import *

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
    "record_cdb",
]

for _name in __all__:
    _found = globals()[_name]
    if isinstance(_found, type):
        _found.__module__ = (
            __name__  # the module that users import it from; pickles and `pysrp fields` show it
        )
