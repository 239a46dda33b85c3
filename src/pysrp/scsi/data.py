"""What a command's data is: from the CDB to the parameter data that goes with it.

Commands that move blocks, and those whose data has no table here, have none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pysrp.fields import View
from pysrp.scsi import cdb as c
from pysrp.scsi import inquiry, mode, params, sense
from pysrp.scsi.codes import PersistentReserveInAction as PrIn

__all__ = ["parse_data_in", "parse_data_out"]

_Parse = Callable[[Any], View]


def _supported_commands(cdb: Any) -> _Parse:
    return params.SupportedCommands if cdb.reporting_options == 0 else params.SupportedCommand


_DATA_IN: dict[type[c.Cdb], Callable[[Any], _Parse | None]] = {
    c.Inquiry: lambda cdb: inquiry.parse_vpd if cdb.evpd else inquiry.Inquiry,
    c.RequestSense: lambda cdb: sense.parse_sense,
    c.ModeSense6: lambda cdb: mode.parse_mode6,
    c.ModeSense10: lambda cdb: mode.parse_mode10,
    c.LogSense: lambda cdb: mode.LogPage,
    c.ReadCapacity10: lambda cdb: params.ReadCapacity10,
    c.ReadCapacity16: lambda cdb: params.ReadCapacity16,
    c.GetLbaStatus16: lambda cdb: params.GetLbaStatus,
    c.GetLbaStatus32: lambda cdb: params.GetLbaStatus,
    c.ReportLuns: lambda cdb: params.ReportLuns,
    c.PersistentReserveIn: lambda cdb: {
        PrIn.READ_KEYS: params.PrKeys,
        PrIn.READ_RESERVATION: params.PrReservation,
        PrIn.REPORT_CAPABILITIES: params.ReportCapabilities,
        PrIn.READ_FULL_STATUS: params.PrFullStatus,
    }.get(cdb.service_action),
    c.ReportTargetPortGroups: lambda cdb: params.parse_rtpg,
    c.ReportSupportedOperationCodes: _supported_commands,
    c.ReportSupportedTaskManagementFunctions: lambda cdb: params.SupportedTaskManagement,
    c.ReportTimestamp: lambda cdb: params.Timestamp,
}

_DATA_OUT: dict[type[c.Cdb], Callable[[Any], _Parse | None]] = {
    c.ModeSelect6: lambda cdb: mode.parse_mode6,
    c.ModeSelect10: lambda cdb: mode.parse_mode10,
    c.PersistentReserveOut: lambda cdb: params.parse_pr_out,
    c.Unmap: lambda cdb: params.Unmap,
    c.SetTargetPortGroups: lambda cdb: params.SetTargetPortGroups,
    c.SetTimestamp: lambda cdb: params.SetTimestamp,
}


def _parse(table: dict[type[c.Cdb], Callable[[Any], _Parse | None]], cdb: c.Cdb, buf: Any) -> View | None:
    choose = table.get(type(cdb))
    parse = choose(cdb) if choose else None
    return parse(buf) if parse else None


def parse_data_in(cdb: c.Cdb, buf: Any) -> View | None:
    """A view of the parameter data that a device returned for ``cdb``; None if it has no table here.

    Raises DecodeError if ``buf`` (bytes-like) cannot be that data.
    """
    return _parse(_DATA_IN, cdb, buf)


def parse_data_out(cdb: c.Cdb, buf: Any) -> View | None:
    """A view of the parameter list that an initiator sends with ``cdb``; None if it has no table here.

    Raises DecodeError if ``buf`` (bytes-like) cannot be that list.
    """
    return _parse(_DATA_OUT, cdb, buf)
