"""REPORT LUNS, and REPORT SUPPORTED OPERATION CODES from the table of commands (SPC-4, 6.33 and 6.35)."""

from __future__ import annotations

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import ReportingOptions, SelectReport
from pysrp.scsi.params import (
    CommandDescriptor,
    CommandTimeouts,
    ReportLuns,
    SupportedCommand,
    SupportedCommands,
)
from pysrp.target.effects import Effect, Reply
from pysrp.target.task import Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import invalid
from pysrp.target.units.commands import Conflict, SupportedCdb, command

__all__ = ["ReportCommands"]


class ReportCommands(UnitBase):
    """REPORT LUNS, REPORT SUPPORTED OPERATION CODES."""

    @command(cdbs.ReportLuns, reports_attention=False, conflicts=Conflict.NEVER)
    def report_luns(self, task: Task, cdb: cdbs.ReportLuns) -> Effect:
        """REPORT LUNS, of a unit on its own: the LUN it was asked at. A target answers for all its units."""
        if cdb.select_report not in (SelectReport.ADDRESSABLE, SelectReport.WELL_KNOWN, SelectReport.ALL):
            raise invalid(cdbs.ReportLuns, "select_report")
        luns = [] if cdb.select_report == SelectReport.WELL_KNOWN else [task.lun]
        return Reply(bytes(ReportLuns.build(luns=luns)), cdb.allocation_length)

    @command(cdbs.ReportSupportedOperationCodes, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def report_supported_operation_codes(self, task: Task, cdb: cdbs.ReportSupportedOperationCodes) -> Effect:
        """REPORT SUPPORTED OPERATION CODES, from the table of commands; timeouts are not given (0)."""
        timeouts = [CommandTimeouts.build()] if cdb.rctd else []
        option, opcode = cdb.reporting_options, cdb.requested_operation_code
        if option == ReportingOptions.ALL:
            descriptors = [_descriptor(entry, timeouts) for entry in self.commands]
            return Reply(bytes(SupportedCommands.build(commands=descriptors)), cdb.allocation_length)
        if not isinstance(option, ReportingOptions):
            raise invalid(cdbs.ReportSupportedOperationCodes, "reporting_options")
        found = self.commands.by_opcode.get(opcode)
        if option == ReportingOptions.ONE_OPCODE and isinstance(found, dict):
            raise invalid(cdbs.ReportSupportedOperationCodes, "requested_operation_code")
        if option == ReportingOptions.ONE_OPCODE_AND_SERVICE_ACTION and isinstance(found, SupportedCdb):
            raise invalid(cdbs.ReportSupportedOperationCodes, "requested_service_action")
        if isinstance(found, dict):
            found = found.get(cdb.requested_service_action)
        elif option != ReportingOptions.ONE_OPCODE and cdb.requested_service_action:
            found = None
        if found is None:
            data = SupportedCommand.build(support=1)
        else:
            data = SupportedCommand.build(
                support=3, ctdp=bool(timeouts), cdb_usage_data=found.usage, command_timeouts=timeouts
            )
        return Reply(bytes(data), cdb.allocation_length)


def _descriptor(entry: SupportedCdb, timeouts: list[CommandTimeouts]) -> CommandDescriptor:
    return CommandDescriptor.build(
        operation_code=entry.opcode,
        service_action=entry.action or 0,
        servactv=entry.action is not None,
        ctdp=bool(timeouts),
        cdb_length=entry.cdb.SIZE,
        command_timeouts=timeouts,
    )
