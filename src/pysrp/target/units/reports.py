"""REPORT LUNS, REPORT SUPPORTED OPERATION CODES from the table of commands, REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
(SPC-4, 6.33, 6.35 and 6.36).
"""

from __future__ import annotations

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import ReportingOptions, SelectReport
from pysrp.scsi.params import (
    CommandDescriptor,
    CommandTimeouts,
    ReportLuns,
    SupportedCommand,
    SupportedCommands,
    SupportedTaskManagement,
)
from pysrp.target.effects import Effect, Reply
from pysrp.target.task import Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import invalid
from pysrp.target.units.commands import Conflict, SupportedCdb, command

__all__ = ["ReportCommands"]


class ReportCommands(UnitBase):
    """REPORT LUNS, REPORT SUPPORTED OPERATION CODES, REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS."""

    @command(cdbs.ReportLuns, reports_attention=False, conflicts=Conflict.NEVER)
    def report_luns(self, task: Task, cdb: cdbs.ReportLuns) -> Effect:
        """REPORT LUNS, of a unit without a target: the LUN that was addressed. A target answers for all its units itself."""
        if cdb.select_report not in (SelectReport.ADDRESSABLE, SelectReport.WELL_KNOWN, SelectReport.ALL):
            raise invalid(cdbs.ReportLuns, "select_report")
        luns = [] if cdb.select_report == SelectReport.WELL_KNOWN else [task.lun]
        return Reply(bytes(ReportLuns.build(luns=luns)), cdb.allocation_length)

    @command(cdbs.ReportSupportedOperationCodes, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def report_supported_operation_codes(self, task: Task, cdb: cdbs.ReportSupportedOperationCodes) -> Effect:
        """REPORT SUPPORTED OPERATION CODES, from the table of commands."""
        rctd = bool(cdb.rctd)
        option, opcode = cdb.reporting_options, cdb.requested_operation_code
        if option == ReportingOptions.ALL:
            descriptors = [_descriptor(entry, rctd) for entry in self.commands if entry.there(self)]
            return Reply(bytes(SupportedCommands.build(commands=descriptors)), cdb.allocation_length)
        if not isinstance(option, ReportingOptions):
            raise invalid(cdbs.ReportSupportedOperationCodes, "reporting_options")
        found = self.commands.by_opcode.get(opcode)
        if isinstance(found, dict):
            found = {action: entry for action, entry in found.items() if entry.there(self)} or None
        if option == ReportingOptions.ONE_OPCODE and isinstance(found, dict):
            raise invalid(cdbs.ReportSupportedOperationCodes, "requested_operation_code")
        if option == ReportingOptions.ONE_OPCODE_AND_SERVICE_ACTION and isinstance(found, SupportedCdb):
            raise invalid(cdbs.ReportSupportedOperationCodes, "requested_service_action")
        if isinstance(found, dict):
            found = found.get(cdb.requested_service_action)
        elif option != ReportingOptions.ONE_OPCODE and cdb.requested_service_action:
            found = None
        if found is None or not found.there(self):
            data = SupportedCommand.build(support=1)
        else:
            data = SupportedCommand.build(
                support=3, ctdp=rctd, cdb_usage_data=found.usage, command_timeouts=_timeouts(found, rctd)
            )
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.ReportSupportedTaskManagementFunctions, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def report_supported_task_management_functions(
        self, task: Task, cdb: cdbs.ReportSupportedTaskManagementFunctions
    ) -> Effect:
        """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS: those of SRP except CLEAR ACA; without timeouts."""
        extended = bytes(12) if cdb.repd else b""
        data = SupportedTaskManagement.build(ats=True, atss=True, ctss=True, lurs=True, extended=extended)
        return Reply(bytes(data), cdb.allocation_length)


NOMINAL = 1
"""NOMINAL COMMAND PROCESSING TIMEOUT, in seconds: after it an initiator may ask for a command's progress."""


def _timeouts(entry: SupportedCdb, wanted: bool) -> list[CommandTimeouts]:
    if not wanted:
        return []
    return [
        CommandTimeouts.build(
            nominal_command_processing_timeout=NOMINAL, recommended_command_timeout=entry.timeout
        )
    ]


def _descriptor(entry: SupportedCdb, rctd: bool) -> CommandDescriptor:
    return CommandDescriptor.build(
        operation_code=entry.opcode,
        service_action=entry.action or 0,
        servactv=entry.action is not None,
        ctdp=rctd,
        cdb_length=entry.cdb.SIZE,
        command_timeouts=_timeouts(entry, rctd),
    )
