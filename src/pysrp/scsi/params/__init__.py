"""Parameter data of commands: capacities, LUN lists, reservations, provisioning, capabilities.

Each class is one of the standard's tables (SPC-5, SBC-4), for both directions: ``ReadCapacity16(buf)`` is a view over
received data, ``ReadCapacity16.build(returned_lba=..., block_length=...)`` makes data to send. Data cut short by an
ALLOCATION LENGTH can still be read: only a field that is missing raises DecodeError.
"""

# ruff: noqa: F403, F405
from __future__ import annotations

from pysrp.scsi.params.base import *
from pysrp.scsi.params.copying import *
from pysrp.scsi.params.reservations import *
from pysrp.scsi.params.sbc import *
from pysrp.scsi.params.spc import *

__all__ = [
    "BlockToBlock",
    "CommandDescriptor",
    "CommandTimeouts",
    "CopyFailureDetails",
    "CopyList",
    "CopyOperatingParameters",
    "CopySegment",
    "CopyStatus",
    "Cscd",
    "FibreChannelTransportId",
    "FullStatus",
    "GetLbaStatus",
    "IdentificationCscd",
    "IdentifyingInformation",
    "Ieee1394TransportId",
    "IscsiTransportId",
    "LbaStatus",
    "LunEntry",
    "ParallelScsiTransportId",
    "ParameterData",
    "PrFullStatus",
    "PrKeys",
    "PrOut",
    "PrOutMove",
    "PrOutSpecIPt",
    "PrReservation",
    "ReadCapacity10",
    "ReadCapacity16",
    "RegisteredKey",
    "ReportCapabilities",
    "ReportLuns",
    "ReportTargetPortGroups",
    "ReportTargetPortGroupsExtended",
    "Reservation",
    "SasTransportId",
    "ScsiOverPcieTransportId",
    "SetTargetPortGroup",
    "SetTargetPortGroups",
    "SetTimestamp",
    "SrpTransportId",
    "SupportedCommand",
    "SupportedCommands",
    "SupportedInformation",
    "SupportedInformationType",
    "SupportedTaskManagement",
    "TargetPort",
    "TargetPortGroup",
    "Timestamp",
    "TransportId",
    "Unmap",
    "UnmapBlock",
    "parse_pr_out",
    "parse_rtpg",
    "parse_transport_id",
]

for _name in __all__:
    _found = globals()[_name]
    if isinstance(_found, type):
        _found.__module__ = (
            __name__  # the module that users import it from; pickles and `pysrp fields` show it
        )
