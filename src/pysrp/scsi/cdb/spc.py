"""CDBs of SPC: commands of all device types, persistent reservations, third-party copy.

A group of fields that several commands have in the same place is a class of its own, before the commands.
"""

from __future__ import annotations

from collections.abc import Iterator

from pysrp.fields import U8, U16, U24, U32, U64, Bits, Flag
from pysrp.scsi.cdb.base import Cdb, Cdb6, Cdb10, Cdb12, Cdb16, Group
from pysrp.scsi.codes import (
    LogPageControl,
    MaintenanceInAction,
    MaintenanceOutAction,
    ModePageControl,
    Opcode,
    PersistentReserveInAction,
    PersistentReserveOutAction,
    PersistentReserveScope,
    PersistentReserveType,
    ReadBufferMode,
    ReportingOptions,
    SelfTestCode,
    ThirdPartyCopyInAction,
    ThirdPartyCopyOutAction,
    WriteBufferMode,
)

__all__ = [
    "ChangeAliases",
    "CopyOperationAbort",
    "ExtendedCopy",
    "ExtendedCopyLid1",
    "Inquiry",
    "LogSelect",
    "LogSense",
    "ModeSelect6",
    "ModeSelect10",
    "ModeSense6",
    "ModeSense10",
    "PersistentReserveIn",
    "PersistentReserveOut",
    "ReadBuffer10",
    "ReadBuffer16",
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
    "ReportSupportedOperationCodes",
    "ReportSupportedTaskManagementFunctions",
    "ReportTargetPortGroups",
    "ReportTimestamp",
    "RequestSense",
    "Reserve6",
    "Reserve10",
    "SecurityProtocolIn",
    "SecurityProtocolOut",
    "SendDiagnostic",
    "SetIdentifyingInformation",
    "SetPriority",
    "SetTargetPortGroups",
    "SetTimestamp",
    "TestUnitReady",
    "WriteBuffer10",
    "WriteBuffer16",
]


class _Inc512(Cdb):
    """SECURITY PROTOCOL IN and OUT: with INC_512 the length counts units of 512 bytes (SPC-4, 6.40)."""

    __slots__ = ()
    inc_512: Flag

    def data_length(self, block_size: int = 512) -> int:
        """The length field, in bytes."""
        return (super().data_length() or 0) * (512 if self.inc_512 else 1)


class _ThirdParty6(Group):
    """Third parties and extents of RESERVE(6) and RELEASE(6)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    third_party = Flag(1, 4)
    third_party_device_id = Bits(1, 1, 3)
    extent_bit = Flag(1, 0)
    reservation_identification = U8(2)


class _ThirdParty10(Group):
    """Third parties and extents of RESERVE(10) and RELEASE(10)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    third_party = Flag(1, 4)
    longid = Flag(1, 1)
    extent_bit = Flag(1, 0)
    reservation_identification = U8(2)
    third_party_device_id = U8(3)
    parameter_list_length = U16(7)


class _ModeSelect(Group):
    """Byte 1 of MODE SELECT."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    pf = Flag(1, 4)
    rtd = Flag(1, 1)
    sp = Flag(1, 0)


class _ModeSense(Group):
    """The page that MODE SENSE asks for; ``page_code`` is a ModePage."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    dbd = Flag(1, 3)
    pc = Bits(2, 6, 2, enum=ModePageControl)
    page_code = Bits(2, 0, 6, hex=True)
    subpage_code = U8(3, hex=True)


class _LogPage(Group):
    """The page that LOG SELECT and LOG SENSE are about; ``page_code`` is a LogPage."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    sp = Flag(1, 0)
    pc = Bits(2, 6, 2, enum=LogPageControl)
    page_code = Bits(2, 0, 6, hex=True)
    subpage_code = U8(3, hex=True)


class _Buffer10(Group):
    """The place in a buffer of READ BUFFER(10) and WRITE BUFFER(10)."""

    __slots__ = ()
    mode_specific = Bits(1, 5, 3)
    buffer_id = U8(2)
    buffer_offset = U24(3)


class _Buffer16(Group):
    """The place in a buffer of READ BUFFER(16) and WRITE BUFFER(16)."""

    __slots__ = ()
    mode_specific = Bits(1, 5, 3)
    buffer_offset = U64(2)
    buffer_id = U8(14)


class _Security(Group):
    """The protocol of SECURITY PROTOCOL IN and OUT; ``security_protocol`` is a SecurityProtocol."""

    __slots__ = ()
    security_protocol = U8(1, hex=True)
    security_protocol_specific = U16(2, hex=True)
    inc_512 = Flag(4, 7)


class TestUnitReady(Cdb6, opcode=Opcode.TEST_UNIT_READY, name="TEST UNIT READY"):
    """TEST UNIT READY, 6 bytes (SPC-4, 6.47)."""

    __slots__ = ()
    __test__ = False  # pytest must not collect it for its name
    obsolete_lun = Bits(1, 5, 3)


class RequestSense(Cdb6, opcode=Opcode.REQUEST_SENSE, name="REQUEST SENSE", data_in="allocation_length"):
    """REQUEST SENSE, 6 bytes (SPC-4, 6.39)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    desc = Flag(1, 0)
    allocation_length = U8(4)


class Inquiry(Cdb6, opcode=Opcode.INQUIRY, name="INQUIRY", data_in="allocation_length"):
    """INQUIRY, 6 bytes (SPC-4, 6.6); ``page_code`` is a VpdPage, and only with EVPD."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    cmddt = Flag(1, 1)
    evpd = Flag(1, 0)
    page_code = U8(2, hex=True)
    allocation_length = U16(3)

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.page_code and not self.evpd and not self.cmddt:
            yield "page_code", 2, "a page code without EVPD"


class ModeSelect6(
    _ModeSelect, Cdb6, opcode=Opcode.MODE_SELECT_6, name="MODE SELECT(6)", data_out="parameter_list_length"
):
    """MODE SELECT(6), 6 bytes (SPC-4, 6.11)."""

    __slots__ = ()
    parameter_list_length = U8(4)


class Reserve6(_ThirdParty6, Cdb6, opcode=Opcode.RESERVE_6, name="RESERVE(6)", data_out="extent_list_length"):
    """RESERVE(6), 6 bytes (SPC-2, 7.21; obsolete since); the extents and third parties are SCSI-2's."""

    __slots__ = ()
    extent_list_length = U16(3)


class Release6(_ThirdParty6, Cdb6, opcode=Opcode.RELEASE_6, name="RELEASE(6)"):
    """RELEASE(6), 6 bytes (SPC-2, 7.16; obsolete since); the extents and third parties are SCSI-2's."""

    __slots__ = ()


class ModeSense6(
    _ModeSense, Cdb6, opcode=Opcode.MODE_SENSE_6, name="MODE SENSE(6)", data_in="allocation_length"
):
    """MODE SENSE(6), 6 bytes (SPC-4, 6.13); ``page_code`` is a ModePage."""

    __slots__ = ()
    allocation_length = U8(4)


class ReceiveDiagnosticResults(
    Cdb6,
    opcode=Opcode.RECEIVE_DIAGNOSTIC_RESULTS,
    name="RECEIVE DIAGNOSTIC RESULTS",
    data_in="allocation_length",
):
    """RECEIVE DIAGNOSTIC RESULTS, 6 bytes (SPC-4, 6.27)."""

    __slots__ = ()
    obsolete_lun = Bits(1, 5, 3)
    pcv = Flag(1, 0)
    page_code = U8(2, hex=True)
    allocation_length = U16(3)


class SendDiagnostic(
    Cdb6, opcode=Opcode.SEND_DIAGNOSTIC, name="SEND DIAGNOSTIC", data_out="parameter_list_length"
):
    """SEND DIAGNOSTIC, 6 bytes (SPC-4, 6.42)."""

    __slots__ = ()
    self_test_code = Bits(1, 5, 3, enum=SelfTestCode)
    pf = Flag(1, 4)
    selftest = Flag(1, 2)
    devoffl = Flag(1, 1)
    unitoffl = Flag(1, 0)
    parameter_list_length = U16(3)


class WriteBuffer10(
    _Buffer10, Cdb10, opcode=Opcode.WRITE_BUFFER_10, name="WRITE BUFFER(10)", data_out="parameter_list_length"
):
    """WRITE BUFFER(10), 10 bytes (SPC-4, 6.49)."""

    __slots__ = ()
    mode = Bits(1, 0, 5, enum=WriteBufferMode)
    parameter_list_length = U24(6)


class ReadBuffer10(
    _Buffer10, Cdb10, opcode=Opcode.READ_BUFFER_10, name="READ BUFFER(10)", data_in="allocation_length"
):
    """READ BUFFER(10), 10 bytes (SPC-4, 6.18)."""

    __slots__ = ()
    mode = Bits(1, 0, 5, enum=ReadBufferMode)
    allocation_length = U24(6)


class LogSelect(
    _LogPage, Cdb10, opcode=Opcode.LOG_SELECT, name="LOG SELECT", data_out="parameter_list_length"
):
    """LOG SELECT, 10 bytes (SPC-4, 6.7); ``page_code`` is a LogPage."""

    __slots__ = ()
    pcr = Flag(1, 1)
    parameter_list_length = U16(7)


class LogSense(_LogPage, Cdb10, opcode=Opcode.LOG_SENSE, name="LOG SENSE", data_in="allocation_length"):
    """LOG SENSE, 10 bytes (SPC-4, 6.8); ``page_code`` is a LogPage; PPC is obsolete."""

    __slots__ = ()
    ppc = Flag(1, 1)
    parameter_pointer = U16(5)
    allocation_length = U16(7)


class ModeSelect10(
    _ModeSelect, Cdb10, opcode=Opcode.MODE_SELECT_10, name="MODE SELECT(10)", data_out="parameter_list_length"
):
    """MODE SELECT(10), 10 bytes (SPC-4, 6.12)."""

    __slots__ = ()
    parameter_list_length = U16(7)


class Reserve10(
    _ThirdParty10, Cdb10, opcode=Opcode.RESERVE_10, name="RESERVE(10)", data_out="parameter_list_length"
):
    """RESERVE(10), 10 bytes (SPC-2, 7.22; obsolete since)."""

    __slots__ = ()


class Release10(
    _ThirdParty10, Cdb10, opcode=Opcode.RELEASE_10, name="RELEASE(10)", data_out="parameter_list_length"
):
    """RELEASE(10), 10 bytes (SPC-2, 7.17; obsolete since)."""

    __slots__ = ()


class ModeSense10(
    _ModeSense, Cdb10, opcode=Opcode.MODE_SENSE_10, name="MODE SENSE(10)", data_in="allocation_length"
):
    """MODE SENSE(10), 10 bytes (SPC-4, 6.14); ``page_code`` is a ModePage."""

    __slots__ = ()
    llbaa = Flag(1, 4)
    allocation_length = U16(7)


class PersistentReserveIn(
    Cdb10, opcode=Opcode.PERSISTENT_RESERVE_IN, name="PERSISTENT RESERVE IN", data_in="allocation_length"
):
    """PERSISTENT RESERVE IN, 10 bytes, all service actions (SPC-4, 6.15)."""

    __slots__ = ()
    service_action = Bits(1, 0, 5, enum=PersistentReserveInAction)
    allocation_length = U16(7)


class PersistentReserveOut(
    Cdb10,
    opcode=Opcode.PERSISTENT_RESERVE_OUT,
    name="PERSISTENT RESERVE OUT",
    data_out="parameter_list_length",
):
    """PERSISTENT RESERVE OUT, 10 bytes, all service actions (SPC-4, 6.16)."""

    __slots__ = ()
    service_action = Bits(1, 0, 5, enum=PersistentReserveOutAction)
    scope = Bits(2, 4, 4, enum=PersistentReserveScope)
    type = Bits(2, 0, 4, enum=PersistentReserveType)
    parameter_list_length = U32(5)


class ReportLuns(Cdb12, opcode=Opcode.REPORT_LUNS, name="REPORT LUNS", data_in="allocation_length"):
    """REPORT LUNS, 12 bytes (SPC-4, 6.33); ``select_report`` is a SelectReport."""

    __slots__ = ()
    select_report = U8(2, hex=True)
    allocation_length = U32(6)


class SecurityProtocolIn(
    _Inc512,
    _Security,
    Cdb12,
    opcode=Opcode.SECURITY_PROTOCOL_IN,
    name="SECURITY PROTOCOL IN",
    data_in="allocation_length",
):
    """SECURITY PROTOCOL IN, 12 bytes (SPC-4, 6.40); ``security_protocol`` is a SecurityProtocol."""

    __slots__ = ()
    allocation_length = U32(6)


class ReportIdentifyingInformation(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_IDENTIFYING_INFORMATION,
    name="REPORT IDENTIFYING INFORMATION",
    data_in="allocation_length",
):
    """REPORT IDENTIFYING INFORMATION, 12 bytes (SPC-4, 6.32)."""

    __slots__ = ()
    allocation_length = U32(6)
    identifying_information_type = Bits(10, 1, 7)


class ReportTargetPortGroups(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_TARGET_PORT_GROUPS,
    name="REPORT TARGET PORT GROUPS",
    data_in="allocation_length",
):
    """REPORT TARGET PORT GROUPS, 12 bytes (SPC-4, 6.37)."""

    __slots__ = ()
    parameter_data_format = Bits(1, 5, 3)
    allocation_length = U32(6)


class ReportAliases(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_ALIASES,
    name="REPORT ALIASES",
    data_in="allocation_length",
):
    """REPORT ALIASES, 12 bytes (SPC-4, 6.30)."""

    __slots__ = ()
    allocation_length = U32(6)


class ReportSupportedOperationCodes(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_SUPPORTED_OPERATION_CODES,
    name="REPORT SUPPORTED OPERATION CODES",
    data_in="allocation_length",
):
    """REPORT SUPPORTED OPERATION CODES, 12 bytes (SPC-4, 6.35)."""

    __slots__ = ()
    rctd = Flag(2, 7)
    reporting_options = Bits(2, 0, 3, enum=ReportingOptions)
    requested_operation_code = U8(3, hex=True)
    requested_service_action = U16(4, hex=True)
    allocation_length = U32(6)


class ReportSupportedTaskManagementFunctions(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS,
    name="REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
    data_in="allocation_length",
):
    """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, 12 bytes (SPC-4, 6.36)."""

    __slots__ = ()
    repd = Flag(2, 7)
    allocation_length = U32(6)


class ReportPriority(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_PRIORITY,
    name="REPORT PRIORITY",
    data_in="allocation_length",
):
    """REPORT PRIORITY, 12 bytes (SPC-4, 6.34)."""

    __slots__ = ()
    priority_reported = Bits(2, 6, 2)
    allocation_length = U32(6)


class ReportTimestamp(
    Cdb12,
    opcode=Opcode.MAINTENANCE_IN,
    service_action=MaintenanceInAction.REPORT_TIMESTAMP,
    name="REPORT TIMESTAMP",
    data_in="allocation_length",
):
    """REPORT TIMESTAMP, 12 bytes (SPC-4, 6.38)."""

    __slots__ = ()
    allocation_length = U32(6)


class SetIdentifyingInformation(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.SET_IDENTIFYING_INFORMATION,
    name="SET IDENTIFYING INFORMATION",
    data_out="parameter_list_length",
):
    """SET IDENTIFYING INFORMATION, 12 bytes (SPC-4, 6.43)."""

    __slots__ = ()
    parameter_list_length = U32(6)
    identifying_information_type = Bits(10, 1, 7)


class SetTargetPortGroups(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.SET_TARGET_PORT_GROUPS,
    name="SET TARGET PORT GROUPS",
    data_out="parameter_list_length",
):
    """SET TARGET PORT GROUPS, 12 bytes (SPC-4, 6.45)."""

    __slots__ = ()
    parameter_list_length = U32(6)


class ChangeAliases(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.CHANGE_ALIASES,
    name="CHANGE ALIASES",
    data_out="parameter_list_length",
):
    """CHANGE ALIASES, 12 bytes (SPC-4, 6.2)."""

    __slots__ = ()
    parameter_list_length = U32(6)


class SetPriority(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.SET_PRIORITY,
    name="SET PRIORITY",
    data_out="parameter_list_length",
):
    """SET PRIORITY, 12 bytes (SPC-4, 6.44)."""

    __slots__ = ()
    i_t_l_nexus_to_set = Bits(2, 6, 2)
    parameter_list_length = U32(6)


class SetTimestamp(
    Cdb12,
    opcode=Opcode.MAINTENANCE_OUT,
    service_action=MaintenanceOutAction.SET_TIMESTAMP,
    name="SET TIMESTAMP",
    data_out="parameter_list_length",
):
    """SET TIMESTAMP, 12 bytes (SPC-4, 6.46)."""

    __slots__ = ()
    parameter_list_length = U32(6)


class SecurityProtocolOut(
    _Inc512,
    _Security,
    Cdb12,
    opcode=Opcode.SECURITY_PROTOCOL_OUT,
    name="SECURITY PROTOCOL OUT",
    data_out="transfer_length",
):
    """SECURITY PROTOCOL OUT, 12 bytes (SPC-4, 6.41); ``security_protocol`` is a SecurityProtocol."""

    __slots__ = ()
    transfer_length = U32(6, doc="Bytes of data-out, or units of 512 bytes where INC_512 is set (SPC-5)")


class ExtendedCopyLid1(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.EXTENDED_COPY_LID1,
    name="EXTENDED COPY(LID1)",
    data_out="parameter_list_length",
):
    """EXTENDED COPY(LID1), 16 bytes (SPC-4, 6.5), the EXTENDED COPY of SPC-3."""

    __slots__ = ()
    parameter_list_length = U32(10)


class ExtendedCopy(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.EXTENDED_COPY,
    name="EXTENDED COPY",
    data_out="parameter_list_length",
):
    """EXTENDED COPY(LID4), 16 bytes (SPC-4, 6.4)."""

    __slots__ = ()
    parameter_list_length = U32(10)


class CopyOperationAbort(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_OUT,
    service_action=ThirdPartyCopyOutAction.COPY_OPERATION_ABORT,
    name="COPY OPERATION ABORT",
):
    """COPY OPERATION ABORT, 16 bytes (SPC-4, 6.3)."""

    __slots__ = ()
    list_identifier = U32(2, hex=True)


class ReceiveCopyStatusLid1(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_STATUS_LID1,
    name="RECEIVE COPY STATUS(LID1)",
    data_in="allocation_length",
):
    """RECEIVE COPY STATUS(LID1), 16 bytes (SPC-4, 6.25), RECEIVE COPY RESULTS of SPC-3."""

    __slots__ = ()
    list_identifier = U8(2, hex=True)
    allocation_length = U32(10)


class ReceiveCopyDataLid1(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_DATA_LID1,
    name="RECEIVE COPY DATA(LID1)",
    data_in="allocation_length",
):
    """RECEIVE COPY DATA(LID1), 16 bytes (SPC-4, 6.21), RECEIVE COPY RESULTS of SPC-3."""

    __slots__ = ()
    list_identifier = U8(2, hex=True)
    allocation_length = U32(10)


class ReceiveCopyOperatingParameters(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_OPERATING_PARAMETERS,
    name="RECEIVE COPY OPERATING PARAMETERS",
    data_in="allocation_length",
):
    """RECEIVE COPY OPERATING PARAMETERS, 16 bytes (SPC-4, 6.23), RECEIVE COPY RESULTS of SPC-3."""

    __slots__ = ()
    allocation_length = U32(10)


class ReceiveCopyFailureDetailsLid1(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_FAILURE_DETAILS_LID1,
    name="RECEIVE COPY FAILURE DETAILS(LID1)",
    data_in="allocation_length",
):
    """RECEIVE COPY FAILURE DETAILS(LID1), 16 bytes (SPC-4, 6.22), RECEIVE COPY RESULTS of SPC-3."""

    __slots__ = ()
    list_identifier = U8(2, hex=True)
    allocation_length = U32(10)


class ReceiveCopyStatus(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_STATUS,
    name="RECEIVE COPY STATUS",
    data_in="allocation_length",
):
    """RECEIVE COPY STATUS(LID4), 16 bytes (SPC-4, 6.24)."""

    __slots__ = ()
    list_identifier = U32(2, hex=True)
    allocation_length = U32(10)


class ReceiveCopyData(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_COPY_DATA,
    name="RECEIVE COPY DATA",
    data_in="allocation_length",
):
    """RECEIVE COPY DATA(LID4), 16 bytes (SPC-4, 6.20)."""

    __slots__ = ()
    list_identifier = U32(2, hex=True)
    allocation_length = U32(10)


class ReceiveRodTokenInformation(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.RECEIVE_ROD_TOKEN_INFORMATION,
    name="RECEIVE ROD TOKEN INFORMATION",
    data_in="allocation_length",
):
    """RECEIVE ROD TOKEN INFORMATION, 16 bytes (SPC-4, 6.28)."""

    __slots__ = ()
    list_identifier = U32(2, hex=True)
    allocation_length = U32(10)


class ReportAllRodTokens(
    Cdb16,
    opcode=Opcode.THIRD_PARTY_COPY_IN,
    service_action=ThirdPartyCopyInAction.REPORT_ALL_ROD_TOKENS,
    name="REPORT ALL ROD TOKENS",
    data_in="allocation_length",
):
    """REPORT ALL ROD TOKENS, 16 bytes (SPC-4, 6.31)."""

    __slots__ = ()
    allocation_length = U32(10)


class WriteBuffer16(
    _Buffer16, Cdb16, opcode=Opcode.WRITE_BUFFER_16, name="WRITE BUFFER(16)", data_out="parameter_list_length"
):
    """WRITE BUFFER(16), 16 bytes (opcode of T10's list; laid out as READ BUFFER(16))."""

    __slots__ = ()
    mode = Bits(1, 0, 5, enum=WriteBufferMode)
    parameter_list_length = U32(10)


class ReadBuffer16(
    _Buffer16, Cdb16, opcode=Opcode.READ_BUFFER_16, name="READ BUFFER(16)", data_in="allocation_length"
):
    """READ BUFFER(16), 16 bytes (SPC-5)."""

    __slots__ = ()
    mode = Bits(1, 0, 5, enum=ReadBufferMode)
    allocation_length = U32(10)
