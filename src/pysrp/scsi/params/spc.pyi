# Made from the field tables by tools/stubs.py; do not edit.
"""Parameter data of all device types (SPC-5): LUN lists, target port groups, supported commands."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.lun import Lun
from pysrp.fields import Structure
from pysrp.scsi.params.base import ParameterData
__all__ = ['CommandDescriptor', 'CommandTimeouts', 'IdentifyingInformation', 'LunEntry', 'ReportLuns', 'ReportTargetPortGroups', 'ReportTargetPortGroupsExtended', 'SetTargetPortGroup', 'SetTargetPortGroups', 'SetTimestamp', 'SupportedCommand', 'SupportedCommands', 'SupportedInformation', 'SupportedInformationType', 'SupportedTaskManagement', 'TargetPort', 'TargetPortGroup', 'Timestamp', 'parse_rtpg']

class _LunEntryFields(TypedDict, total=False):
    lun: Lun | ReadableBuffer | int | str
    trailing: ReadableBuffer

class LunEntry(Structure):
    """One LUN of a list, 8 bytes (SAM-5, 4.7)."""
    TEXTS: ClassVar[dict[str, str]]
    lun: pysrp.fields.LunField
    """A logical unit that is there, 8 bytes (SAM-5, 4.7)"""
    @classmethod
    def build(cls, **fields: Unpack[_LunEntryFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LunEntryFields]) -> int: ...  # type: ignore[override]

class _ReportLunsFields(TypedDict, total=False):
    lun_list_length: int
    lun_list: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ReportLuns(ParameterData, size=8):
    """REPORT LUNS parameter data, 8 + 8 n bytes (SPC-5, 6.33)."""
    lun_list_length: pysrp.fields.U32
    """Bytes of LUNs that there are, 8 each, room or not"""
    lun_list: pysrp.fields.List[LunEntry]
    """LUNs that the initiator can reach"""
    @classmethod
    def build(cls, *, luns: Any = None, **fields: Unpack[_ReportLunsFields]) -> Self:  # type: ignore[override]
        """New parameter data; ``luns``, an iterable of what ``Lun(...)`` takes, may replace ``lun_list``."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, *, luns: Any = None, **fields: Unpack[_ReportLunsFields]) -> int: ...  # type: ignore[override]
    @property
    def luns(self) -> list[Lun]:
        """The LUNs that are there, in order."""

class _TargetPortFields(TypedDict, total=False):
    obsolete: int
    relative_target_port_identifier: int
    trailing: ReadableBuffer

class TargetPort(Structure, size=4):
    """Target port descriptor, 4 bytes (SPC-5, 6.36)."""
    TEXTS: ClassVar[dict[str, str]]
    obsolete: pysrp.fields.U16
    """Two bytes that meant something once, and nothing since SPC-3"""
    relative_target_port_identifier: pysrp.fields.U16
    """Number of the target port, from 1"""
    @classmethod
    def build(cls, **fields: Unpack[_TargetPortFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TargetPortFields]) -> int: ...  # type: ignore[override]

class _TargetPortGroupFields(TypedDict, total=False):
    pref: int
    rtpg_fmt: int
    asymmetric_access_state: int
    t_sup: int
    o_sup: int
    lbd_sup: int
    u_sup: int
    s_sup: int
    an_sup: int
    ao_sup: int
    target_port_group: int
    status_code: int
    vendor_specific: int
    target_port_count: int
    target_ports: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class TargetPortGroup(Structure, size=8):
    """Target port group descriptor, 8 + 4 n bytes (SPC-5, 6.36)."""
    TEXTS: ClassVar[dict[str, str]]
    pref: pysrp.fields.Flag
    """Set: this group is the one to use, all else being equal"""
    rtpg_fmt: pysrp.fields.Bits
    """Form of the answer: 0 with a header of 4 bytes, 1 with one of 8"""
    asymmetric_access_state: pysrp.fields.Bits
    """How the ports reach the unit: 0 optimized, 1 not optimized, 2 standby, 3 not at all, 4 some blocks, Eh offline, Fh changing"""
    t_sup: pysrp.fields.Flag
    """Set: the state transitioning is told"""
    o_sup: pysrp.fields.Flag
    """Set: there can be the state offline"""
    lbd_sup: pysrp.fields.Flag
    """Set: there can be the state that depends on the block"""
    u_sup: pysrp.fields.Flag
    """Set: there can be the state unavailable"""
    s_sup: pysrp.fields.Flag
    """Set: there can be the state standby"""
    an_sup: pysrp.fields.Flag
    """Set: there can be the state active/not optimized"""
    ao_sup: pysrp.fields.Flag
    """Set: there can be the state active/optimized"""
    target_port_group: pysrp.fields.U16
    """Which group of target ports this is about"""
    status_code: pysrp.fields.U8
    """Why it is in that state: 0 not said, 1 SET TARGET PORT GROUPS wanted it, 2 the target itself"""
    vendor_specific: pysrp.fields.U8
    """What the vendor has made of it; no standard says"""
    target_port_count: pysrp.fields.U8
    """How many ports follow, 4 bytes each"""
    target_ports: pysrp.fields.List[TargetPort]
    """The ports of the group"""
    @classmethod
    def build(cls, **fields: Unpack[_TargetPortGroupFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TargetPortGroupFields]) -> int: ...  # type: ignore[override]

class _ReportTargetPortGroupsFields(TypedDict, total=False):
    return_data_length: int
    groups: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ReportTargetPortGroups(Structure, size=4):
    """REPORT TARGET PORT GROUPS parameter data, length only header: 4 + n bytes (SPC-5, 6.36)."""
    TEXTS: ClassVar[dict[str, str]]
    return_data_length: pysrp.fields.U32
    """Bytes behind this field, room or not"""
    groups: pysrp.fields.List[TargetPortGroup]
    """Groups of target ports, each with its state"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportTargetPortGroupsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportTargetPortGroupsFields]) -> int: ...  # type: ignore[override]

class _ReportTargetPortGroupsExtendedFields(TypedDict, total=False):
    return_data_length: int
    rtpg_fmt: int
    implicit_transition_time: int
    groups: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ReportTargetPortGroupsExtended(Structure, size=8):
    """REPORT TARGET PORT GROUPS parameter data, extended header: 8 + n bytes (SPC-5, 6.36)."""
    TEXTS: ClassVar[dict[str, str]]
    return_data_length: pysrp.fields.U32
    """Bytes behind this field, room or not"""
    rtpg_fmt: pysrp.fields.Bits
    """Form of the answer: 0 with a header of 4 bytes, 1 with one of 8"""
    implicit_transition_time: pysrp.fields.U8
    """Seconds that a change of states takes at most; 0: not said"""
    groups: pysrp.fields.List[TargetPortGroup]
    """Groups of target ports, each with its state"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportTargetPortGroupsExtendedFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportTargetPortGroupsExtendedFields]) -> int: ...  # type: ignore[override]
def parse_rtpg(buf: ReadableBuffer, /, *, strict: bool = False) -> ReportTargetPortGroupsExtended | ReportTargetPortGroups:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""

class _SetTargetPortGroupFields(TypedDict, total=False):
    asymmetric_access_state: int
    target_port_group: int
    trailing: ReadableBuffer

class SetTargetPortGroup(Structure, size=4):
    """Set target port group descriptor, 4 bytes (SPC-5, 6.46)."""
    TEXTS: ClassVar[dict[str, str]]
    asymmetric_access_state: pysrp.fields.Bits
    """How the ports reach the unit: 0 optimized, 1 not optimized, 2 standby, 3 not at all, 4 some blocks, Eh offline, Fh changing"""
    target_port_group: pysrp.fields.U16
    """Which group changes its state, or where SPC allows it which port"""
    @classmethod
    def build(cls, **fields: Unpack[_SetTargetPortGroupFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SetTargetPortGroupFields]) -> int: ...  # type: ignore[override]

class _SetTargetPortGroupsFields(TypedDict, total=False):
    groups: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class SetTargetPortGroups(Structure, size=4):
    """SET TARGET PORT GROUPS parameter list, 4 + 4 n bytes (SPC-5, 6.46)."""
    TEXTS: ClassVar[dict[str, str]]
    groups: pysrp.fields.List[SetTargetPortGroup]
    """Groups of target ports, each with its state"""
    @classmethod
    def build(cls, **fields: Unpack[_SetTargetPortGroupsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SetTargetPortGroupsFields]) -> int: ...  # type: ignore[override]

class _CommandTimeoutsFields(TypedDict, total=False):
    descriptor_length: int
    command_specific: int
    nominal_command_processing_timeout: int
    recommended_command_timeout: int
    trailing: ReadableBuffer

class CommandTimeouts(Structure, size=12):
    """Command timeouts descriptor, 12 bytes (SPC-5, 6.35.4); timeouts in seconds, 0 for none given."""
    TEXTS: ClassVar[dict[str, str]]
    descriptor_length: pysrp.fields.U16
    """Bytes of the timeouts behind this field: 10"""
    command_specific: pysrp.fields.U8
    """What the standard of the command says of it, such as the mode of WRITE BUFFER"""
    nominal_command_processing_timeout: pysrp.fields.U32
    """Seconds after which it is worth asking what became of the command; 0: not said"""
    recommended_command_timeout: pysrp.fields.U32
    """Seconds after which the command is to be given up; 0: not said"""
    @classmethod
    def build(cls, **fields: Unpack[_CommandTimeoutsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CommandTimeoutsFields]) -> int: ...  # type: ignore[override]

class _CommandDescriptorFields(TypedDict, total=False):
    operation_code: int
    service_action: int
    rwcdlp: int
    mlu: int
    cdlp: int
    ctdp: int
    servactv: int
    cdb_length: int
    command_timeouts: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class CommandDescriptor(Structure, size=8):
    """Command descriptor, 8 bytes, 20 with timeouts (SPC-5, 6.35.2; CDLP, RWCDLP and MLU: SPC-6)."""
    TEXTS: ClassVar[dict[str, str]]
    operation_code: pysrp.fields.U8
    """First byte of the CDB"""
    service_action: pysrp.fields.U16
    """Which of the commands of that code; counts with SERVACTV"""
    rwcdlp: pysrp.fields.Flag
    """Set: CDLP tells of two kinds of mode pages; clear: of the older one (SPC-6)"""
    mlu: pysrp.fields.Bits
    """Which units of a conglomerate the command changes: 0 not said, 1 only its own, 2 several, 3 all"""
    cdlp: pysrp.fields.Bits
    """Mode page of the command's duration limits: 0 none, 1 A, 2 B, with RWCDLP T2A and T2B"""
    ctdp: pysrp.fields.Flag
    """Set: timeouts of the command follow"""
    servactv: pysrp.fields.Flag
    """Set: the command has a service action"""
    cdb_length: pysrp.fields.U16
    """Bytes of the command's CDB"""
    command_timeouts: pysrp.fields.List[CommandTimeouts]
    """How long the command may take, 12 bytes"""
    @property
    def timeouts(self) -> CommandTimeouts | None:
        """The timeouts, or None where CTDP is not set."""
    @classmethod
    def build(cls, **fields: Unpack[_CommandDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CommandDescriptorFields]) -> int: ...  # type: ignore[override]

class _SupportedCommandsFields(TypedDict, total=False):
    command_data_length: int
    commands: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class SupportedCommands(Structure, size=4):
    """REPORT SUPPORTED OPERATION CODES, all commands: 4 + n bytes (SPC-5, 6.35.2)."""
    TEXTS: ClassVar[dict[str, str]]
    command_data_length: pysrp.fields.U32
    """Bytes of the descriptors behind this field, room or not"""
    commands: pysrp.fields.List[CommandDescriptor]
    """Each command that is supported, 8 bytes, 20 with timeouts"""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedCommandsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedCommandsFields]) -> int: ...  # type: ignore[override]

class _SupportedCommandFields(TypedDict, total=False):
    rwcdlp: int
    ctdp: int
    mlu: int
    cdlp: int
    support: int
    cdb_size: int
    cdb_usage_data: ReadableBuffer | None
    command_timeouts: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class SupportedCommand(Structure, size=4):
    """REPORT SUPPORTED OPERATION CODES, one command: 4 bytes + CDB usage data + timeouts (SPC-5, 6.35.3)."""
    TEXTS: ClassVar[dict[str, str]]
    rwcdlp: pysrp.fields.Flag
    """Set: CDLP tells of two kinds of mode pages; clear: of the older one (SPC-6)"""
    ctdp: pysrp.fields.Flag
    """Set: timeouts of the command follow"""
    mlu: pysrp.fields.Bits
    """Which units of a conglomerate the command changes: 0 not said, 1 only its own, 2 several, 3 all"""
    cdlp: pysrp.fields.Bits
    """Mode page of the command's duration limits: 0 none, 1 A, 2 B, with RWCDLP T2A and T2B"""
    support: pysrp.fields.Bits
    """Whether the command is known: 0 not told now, 1 no, 3 as a standard has it, 5 as a vendor has it"""
    cdb_size: pysrp.fields.U16
    """Bytes of the map behind this field, as many as the CDB has"""
    cdb_usage_data: pysrp.fields.Part
    """The opcode, then a set bit for each one of the CDB that is looked at"""
    command_timeouts: pysrp.fields.List[CommandTimeouts]
    """How long the command may take, 12 bytes"""
    @property
    def supported(self) -> bool:
        """True if the command is supported: as in the standard (3), or in a vendor specific manner (5)."""
    @property
    def timeouts(self) -> CommandTimeouts | None:
        """The timeouts, or None where there are none."""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedCommandFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedCommandFields]) -> int: ...  # type: ignore[override]

class _SupportedTaskManagementFields(TypedDict, total=False):
    ats: int
    atss: int
    cacas: int
    ctss: int
    lurs: int
    qts: int
    trs: int
    wakes: int
    qaes: int
    qtss: int
    itnrs: int
    additional_data_length: int
    tmftmov: int
    atts: int
    atsts: int
    cacats: int
    ctsts: int
    lurts: int
    qtts: int
    qaets: int
    qtsts: int
    itnrts: int
    long_timeout: int
    short_timeout: int
    extended: ReadableBuffer | None
    trailing: ReadableBuffer

class SupportedTaskManagement(ParameterData, cover='extended', full=4):
    """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, 4 bytes, 16 with timeouts in 100 ms (SPC-5, 6.37)."""
    ats: pysrp.fields.Flag
    """Set: ABORT TASK is known"""
    atss: pysrp.fields.Flag
    """Set: ABORT TASK SET is known"""
    cacas: pysrp.fields.Flag
    """Set: CLEAR ACA is known"""
    ctss: pysrp.fields.Flag
    """Set: CLEAR TASK SET is known"""
    lurs: pysrp.fields.Flag
    """Set: LOGICAL UNIT RESET is known"""
    qts: pysrp.fields.Flag
    """Set: QUERY TASK is known"""
    trs: pysrp.fields.Flag
    """Obsolete; set: TARGET RESET is known (SAM-2)"""
    wakes: pysrp.fields.Flag
    """Obsolete; set: WAKEUP is known (SAM-2)"""
    qaes: pysrp.fields.Flag
    """Set: QUERY ASYNCHRONOUS EVENT is known"""
    qtss: pysrp.fields.Flag
    """Set: QUERY TASK SET is known"""
    itnrs: pysrp.fields.Flag
    """Set: I_T NEXUS RESET is known"""
    additional_data_length: pysrp.fields.U8
    """Bytes behind this field: 0, or 12 with timeouts"""
    tmftmov: pysrp.fields.Flag
    """Set: the two timeouts count, for the functions whose bits are set"""
    atts: pysrp.fields.Flag
    """Which timeout ABORT TASK has: set the short one, clear the long one"""
    atsts: pysrp.fields.Flag
    """Which timeout ABORT TASK SET has: set the short one, clear the long one"""
    cacats: pysrp.fields.Flag
    """Which timeout CLEAR ACA has: set the short one, clear the long one"""
    ctsts: pysrp.fields.Flag
    """Which timeout CLEAR TASK SET has: set the short one, clear the long one"""
    lurts: pysrp.fields.Flag
    """Which timeout LOGICAL UNIT RESET has: set the short one, clear the long one"""
    qtts: pysrp.fields.Flag
    """Which timeout QUERY TASK has: set the short one, clear the long one"""
    qaets: pysrp.fields.Flag
    """Which timeout QUERY ASYNCHRONOUS EVENT has: set the short one, clear the long one"""
    qtsts: pysrp.fields.Flag
    """Which timeout QUERY TASK SET has: set the short one, clear the long one"""
    itnrts: pysrp.fields.Flag
    """Which timeout I_T NEXUS RESET has: set the short one, clear the long one"""
    long_timeout: pysrp.fields.U32
    """Time for the slow functions, in 100 ms"""
    short_timeout: pysrp.fields.U32
    """Time for the fast functions, in 100 ms"""
    extended: pysrp.fields.Part
    """The 12 bytes with timeouts, if they are there"""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedTaskManagementFields]) -> Self:  # type: ignore[override]
        """New parameter data: 4 bytes, or 16 if one of the fields after byte 3 is given."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedTaskManagementFields]) -> int: ...  # type: ignore[override]

class _IdentifyingInformationFields(TypedDict, total=False):
    identifying_information_length: int
    identifying_information: ReadableBuffer | None
    trailing: ReadableBuffer

class IdentifyingInformation(ParameterData, size=4):
    """REPORT IDENTIFYING INFORMATION parameter data, 4 + n bytes (SPC-5, 6.31), of a type that is not 7Fh."""
    identifying_information_length: pysrp.fields.U16
    """Bytes that follow"""
    identifying_information: pysrp.fields.Part
    """What an administrator has said of the unit"""
    @classmethod
    def build(cls, **fields: Unpack[_IdentifyingInformationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_IdentifyingInformationFields]) -> int: ...  # type: ignore[override]

class _SupportedInformationTypeFields(TypedDict, total=False):
    identifying_information_type: int
    maximum_identifying_information_length: int
    trailing: ReadableBuffer

class SupportedInformationType(Structure, size=4):
    """Identifying information type descriptor, 4 bytes (SPC-5, 6.31)."""
    identifying_information_type: pysrp.fields.Bits
    """0 bytes, 2 text, 7Fh this list"""
    maximum_identifying_information_length: pysrp.fields.U16
    """Bytes that it takes"""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedInformationTypeFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedInformationTypeFields]) -> int: ...  # type: ignore[override]

class _SupportedInformationFields(TypedDict, total=False):
    page_length: int
    types: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class SupportedInformation(Structure, size=4):
    """REPORT IDENTIFYING INFORMATION parameter data of type 7Fh, 4 + 4 n bytes (SPC-5, 6.31)."""
    page_length: pysrp.fields.U16
    """Bytes that follow"""
    types: pysrp.fields.List[SupportedInformationType]
    """Those that there are"""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedInformationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedInformationFields]) -> int: ...  # type: ignore[override]

class _TimestampFields(TypedDict, total=False):
    timestamp_parameter_data_length: int
    timestamp_origin: int
    timestamp: int
    trailing: ReadableBuffer

class Timestamp(Structure, size=12):
    """REPORT TIMESTAMP parameter data, 12 bytes (SPC-5, 6.38); milliseconds since 1970-01-01 UTC."""
    TEXTS: ClassVar[dict[str, str]]
    timestamp_parameter_data_length: pysrp.fields.U16
    """Bytes behind this field: 10"""
    timestamp_origin: pysrp.fields.Bits
    """What the clock was set by: 0 power on or reset, 2 SET TIMESTAMP, 3 something else"""
    timestamp: pysrp.fields.U48
    """Milliseconds since 1970-01-01 00:00 UTC, or since the device began where nobody has set it"""
    @classmethod
    def build(cls, **fields: Unpack[_TimestampFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TimestampFields]) -> int: ...  # type: ignore[override]

class _SetTimestampFields(TypedDict, total=False):
    timestamp: int
    trailing: ReadableBuffer

class SetTimestamp(Structure, size=12):
    """SET TIMESTAMP parameter list, 12 bytes (SPC-5, 6.48); milliseconds since 1970-01-01 UTC."""
    TEXTS: ClassVar[dict[str, str]]
    timestamp: pysrp.fields.U48
    """Milliseconds since 1970-01-01 00:00 UTC, or since the device began where nobody has set it"""
    @classmethod
    def build(cls, **fields: Unpack[_SetTimestampFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SetTimestampFields]) -> int: ...  # type: ignore[override]
