"""Parameter data of all device types (SPC-5): LUN lists, target port groups, supported commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pysrp.fields import U8, U16, U32, U48, Bits, Dispatch, Flag, List, LunField, Part, Structure
from pysrp.lun import Lun
from pysrp.scsi import texts
from pysrp.scsi.codes import AsymmetricAccessState
from pysrp.scsi.params.base import ParameterData

__all__ = [
    "CommandDescriptor",
    "CommandTimeouts",
    "IdentifyingInformation",
    "LunEntry",
    "ReportLuns",
    "ReportTargetPortGroups",
    "ReportTargetPortGroupsExtended",
    "SetTargetPortGroup",
    "SetTargetPortGroups",
    "SetTimestamp",
    "SupportedCommand",
    "SupportedCommands",
    "SupportedInformation",
    "SupportedInformationType",
    "SupportedTaskManagement",
    "TargetPort",
    "TargetPortGroup",
    "Timestamp",
    "parse_rtpg",
]


class LunEntry(Structure):
    """One LUN of a list, 8 bytes (SAM-5, 4.7)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    lun = LunField(0)


class ReportLuns(ParameterData, size=8):
    """REPORT LUNS parameter data, 8 + 8 n bytes (SPC-5, 6.33)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    lun_list_length = U32(0)
    lun_list = List(8, lun_list_length, item=LunEntry, clamp=True)

    @classmethod
    def build(cls, *, luns: Any = None, **fields: Any) -> ReportLuns:
        """New parameter data; ``luns``, an iterable of what ``Lun(...)`` takes, may replace ``lun_list``."""
        if luns is not None:
            fields["lun_list"] = b"".join(bytes(Lun(x)) for x in luns)
        return super().build(**fields)

    @property
    def luns(self) -> list[Lun]:
        """The LUNs that are there, in order."""
        return [entry.lun for entry in self.lun_list]

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.lun_list_length % 8:
            yield "lun_list_length", 0, f"{self.lun_list_length} is not whole LUNs of 8 bytes"


# ---------------------------------------------------------------------------------------------
# Target port groups (SPC-5, 6.36 and 6.46)
# ---------------------------------------------------------------------------------------------


class TargetPort(Structure, size=4):
    """Target port descriptor, 4 bytes (SPC-5, 6.36)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    obsolete = U16(0)
    relative_target_port_identifier = U16(2)


class TargetPortGroup(Structure, size=8):
    """Target port group descriptor, 8 + 4 n bytes (SPC-5, 6.36)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    pref = Flag(0, 7)
    rtpg_fmt = Bits(0, 4, 3, must=0)
    asymmetric_access_state = Bits(0, 0, 4, enum=AsymmetricAccessState)
    t_sup = Flag(1, 7)
    o_sup = Flag(1, 6)
    lbd_sup = Flag(1, 4)
    u_sup = Flag(1, 3)
    s_sup = Flag(1, 2)
    an_sup = Flag(1, 1)
    ao_sup = Flag(1, 0)
    target_port_group = U16(2)
    status_code = U8(5)
    vendor_specific = U8(6)
    target_port_count = U8(7)
    target_ports = List(8, target_port_count, unit=4, item=TargetPort)


class ReportTargetPortGroups(Structure, size=4):
    """REPORT TARGET PORT GROUPS parameter data, length only header: 4 + n bytes (SPC-5, 6.36)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    return_data_length = U32(0)
    groups = List(4, return_data_length, item=TargetPortGroup, clamp=True)


class ReportTargetPortGroupsExtended(Structure, size=8):
    """REPORT TARGET PORT GROUPS parameter data, extended header: 8 + n bytes (SPC-5, 6.36)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    return_data_length = U32(0, default=4)
    rtpg_fmt = Bits(4, 4, 3, must=1)
    implicit_transition_time = U8(5)
    groups = List(8, return_data_length, bias=-4, item=TargetPortGroup, clamp=True)


_rtpg = Dispatch("RTPG_FMT", 4, shift=4, width=3, default=ReportTargetPortGroups)
_rtpg.add(1, ReportTargetPortGroupsExtended)
parse_rtpg = _rtpg.parse


class SetTargetPortGroup(Structure, size=4):
    """Set target port group descriptor, 4 bytes (SPC-5, 6.46)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    asymmetric_access_state = Bits(0, 0, 4, enum=AsymmetricAccessState)
    target_port_group = U16(2, doc="Which group changes its state, or where SPC allows it which port")


class SetTargetPortGroups(Structure, size=4):
    """SET TARGET PORT GROUPS parameter list, 4 + 4 n bytes (SPC-5, 6.46)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    groups = List(4, item=SetTargetPortGroup)


# ---------------------------------------------------------------------------------------------
# What a logical unit can do (SPC-5, 6.35 and 6.37)
# ---------------------------------------------------------------------------------------------


class CommandTimeouts(Structure, size=12):
    """Command timeouts descriptor, 12 bytes (SPC-5, 6.35.4); timeouts in seconds, 0 for none given."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    descriptor_length = U16(0, must=10)
    command_specific = U8(3)
    nominal_command_processing_timeout = U32(4)
    recommended_command_timeout = U32(8)


class CommandDescriptor(Structure, size=8):
    """Command descriptor, 8 bytes, 20 with timeouts (SPC-5, 6.35.2; CDLP, RWCDLP and MLU: SPC-6)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    operation_code = U8(0, hex=True)
    service_action = U16(2, hex=True)
    rwcdlp = Flag(5, 6)
    mlu = Bits(5, 4, 2)
    cdlp = Bits(5, 2, 2)
    ctdp = Flag(5, 1)
    servactv = Flag(5, 0)
    cdb_length = U16(6)
    command_timeouts = List(8, 12, when=(ctdp, 1), item=CommandTimeouts)

    @property
    def timeouts(self) -> CommandTimeouts | None:
        """The timeouts, or None where CTDP is not set."""
        found = self.command_timeouts
        return found[0] if found else None


class SupportedCommands(Structure, size=4):
    """REPORT SUPPORTED OPERATION CODES, all commands: 4 + n bytes (SPC-5, 6.35.2)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    command_data_length = U32(0)
    commands = List(4, command_data_length, item=CommandDescriptor, clamp=True)


class SupportedCommand(Structure, size=4):
    """REPORT SUPPORTED OPERATION CODES, one command: 4 bytes + CDB usage data + timeouts (SPC-5, 6.35.3)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    rwcdlp = Flag(0, 0)
    ctdp = Flag(1, 7)
    mlu = Bits(1, 5, 2)
    cdlp = Bits(1, 3, 2)
    support = Bits(1, 0, 3)
    cdb_size = U16(2)
    cdb_usage_data = Part(4, cdb_size, clamp=True)
    command_timeouts = List(cdb_usage_data, 12, when=(ctdp, 1), item=CommandTimeouts, clamp=True)

    @property
    def supported(self) -> bool:
        """True if the command is supported: as in the standard (3), or in a vendor specific manner (5)."""
        return self.support in (3, 5)

    @property
    def timeouts(self) -> CommandTimeouts | None:
        """The timeouts, or None where there are none."""
        found = self.command_timeouts
        return found[0] if found else None


class SupportedTaskManagement(ParameterData, cover="extended", full=4):
    """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, 4 bytes, 16 with timeouts in 100 ms (SPC-5, 6.37)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    ats = Flag(0, 7)
    atss = Flag(0, 6)
    cacas = Flag(0, 5)
    ctss = Flag(0, 4)
    lurs = Flag(0, 3)
    qts = Flag(0, 2)
    trs = Flag(0, 1)
    wakes = Flag(0, 0)
    qaes = Flag(1, 2)
    qtss = Flag(1, 1)
    itnrs = Flag(1, 0)
    additional_data_length = U8(3)
    tmftmov = Flag(4, 0)
    atts = Flag(6, 7)
    atsts = Flag(6, 6)
    cacats = Flag(6, 5)
    ctsts = Flag(6, 4)
    lurts = Flag(6, 3)
    qtts = Flag(6, 2)
    qaets = Flag(7, 2)
    qtsts = Flag(7, 1)
    itnrts = Flag(7, 0)
    long_timeout = U32(8)
    short_timeout = U32(12)
    extended = Part(4, additional_data_length, clamp=True)

    @classmethod
    def build(cls, **fields: Any) -> SupportedTaskManagement:
        """New parameter data: 4 bytes, or 16 if one of the fields after byte 3 is given."""
        if fields.get("extended") is None and any(f.name in fields and f.offset >= 4 for f in cls.FIELDS):
            fields["extended"] = bytes(12)
        return super().build(**fields)


class IdentifyingInformation(ParameterData, size=4):
    """REPORT IDENTIFYING INFORMATION parameter data, 4 + n bytes (SPC-5, 6.31), of a type that is not 7Fh."""

    __slots__ = ()
    identifying_information_length = U16(2, doc="Bytes that follow")
    identifying_information = Part(
        4, identifying_information_length, clamp=True, doc="What an administrator has said of the unit"
    )


class SupportedInformationType(Structure, size=4):
    """Identifying information type descriptor, 4 bytes (SPC-5, 6.31)."""

    __slots__ = ()
    identifying_information_type = Bits(0, 1, 7, doc="0 bytes, 2 text, 7Fh this list")
    maximum_identifying_information_length = U16(2, doc="Bytes that it takes")


class SupportedInformation(Structure, size=4):
    """REPORT IDENTIFYING INFORMATION parameter data of type 7Fh, 4 + 4 n bytes (SPC-5, 6.31)."""

    __slots__ = ()
    page_length = U16(2, doc="Bytes that follow")
    types = List(4, page_length, item=SupportedInformationType, clamp=True, doc="Those that there are")


class Timestamp(Structure, size=12):
    """REPORT TIMESTAMP parameter data, 12 bytes (SPC-5, 6.38); milliseconds since 1970-01-01 UTC."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    timestamp_parameter_data_length = U16(0, must=10)
    timestamp_origin = Bits(2, 0, 3)
    timestamp = U48(4)


class SetTimestamp(Structure, size=12):
    """SET TIMESTAMP parameter list, 12 bytes (SPC-5, 6.48); milliseconds since 1970-01-01 UTC."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    timestamp = U48(4)
