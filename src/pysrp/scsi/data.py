"""Find the class of a command's parameter data by the CDB.

Commands that transfer blocks have no parameter data, and some parameter data has no table here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pysrp.errors import DecodeError
from pysrp.fields import View
from pysrp.scsi import cdb as c
from pysrp.scsi import inquiry, log, mode, params, sense
from pysrp.scsi.codes import PersistentReserveInAction as PrIn
from pysrp.scsi.codes import PersistentReserveOutAction as PrOut

__all__ = ["parse_data_in", "parse_data_out"]

_Parse = Callable[[Any], View]
"""A class, or the ``parse`` of a Dispatch."""
_By = tuple[str, dict[int, _Parse], _Parse | None]
"""A field of the CDB, the parser for each of its values, and the parser for any other value."""

DATA_IN: dict[type[c.Cdb], _Parse | _By] = {
    c.Inquiry: ("evpd", {0: inquiry.Inquiry, 1: inquiry.parse_vpd}, None),
    c.RequestSense: sense.parse_sense,
    c.ModeSense6: mode.ModeParameters6,
    c.ModeSense10: mode.ModeParameters10,
    c.LogSense: log.parse_log_page,
    c.ReadCapacity10: params.ReadCapacity10,
    c.ReadCapacity16: params.ReadCapacity16,
    c.GetLbaStatus16: params.GetLbaStatus,
    c.GetLbaStatus32: params.GetLbaStatus,
    c.ReportLuns: params.ReportLuns,
    c.PersistentReserveIn: (
        "service_action",
        {
            PrIn.READ_KEYS: params.PrKeys,
            PrIn.READ_RESERVATION: params.PrReservation,
            PrIn.REPORT_CAPABILITIES: params.ReportCapabilities,
            PrIn.READ_FULL_STATUS: params.PrFullStatus,
        },
        None,
    ),
    c.ReportIdentifyingInformation: (
        "identifying_information_type",
        {0x7F: params.SupportedInformation},
        params.IdentifyingInformation,
    ),
    c.ReportTargetPortGroups: params.parse_rtpg,
    c.ReportSupportedOperationCodes: (
        "reporting_options",
        {0: params.SupportedCommands},
        params.SupportedCommand,
    ),
    c.ReportSupportedTaskManagementFunctions: params.SupportedTaskManagement,
    c.ReportTimestamp: params.Timestamp,
    c.ReceiveCopyOperatingParameters: params.CopyOperatingParameters,
    c.ReceiveCopyStatusLid1: params.CopyStatus,
    c.ReceiveCopyFailureDetailsLid1: params.CopyFailureDetails,
}
"""CDB class: the parser of the data-in that a device returns."""

DATA_OUT: dict[type[c.Cdb], _Parse | _By] = {
    c.ModeSelect6: mode.ModeParameters6,
    c.ModeSelect10: mode.ModeParameters10,
    c.PersistentReserveOut: (
        "service_action",
        {PrOut.REGISTER_AND_MOVE: params.PrOutMove},
        params.parse_pr_out,
    ),
    c.Unmap: params.Unmap,
    c.ExtendedCopyLid1: params.CopyList,
    c.SetTargetPortGroups: params.SetTargetPortGroups,
    c.SetTimestamp: params.SetTimestamp,
}
"""CDB class: the parser of the data-out that an initiator sends."""


def _parse(table: dict[type[c.Cdb], _Parse | _By], cdb: c.Cdb, buf: Any) -> View | None:
    found = next((table[cls] for cls in type(cdb).__mro__ if cls in table), None)
    if isinstance(found, tuple):
        field, kinds, other = found
        found = kinds.get(int(getattr(cdb, field)), other)
    return found(buf) if found else None


def _page(view: Any) -> tuple[int, int]:
    """Page and subpage code of a mode or log page."""
    return int(view.page_code), int(view.subpage_code) if view.spf else 0


def _first_mode_page(view: Any) -> tuple[int, int] | None:
    first = next(iter(view.pages), None)  # none where even the first page is cut short
    return None if first is None else _page(first)


def _came(cdb: Any, view: Any) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Page and subpage code in the CDB, and those in the data; None where the CDB asks for no single page."""
    if isinstance(cdb, c.Inquiry):
        return ((int(cdb.page_code), 0), (int(view.page_code), 0)) if cdb.evpd else None
    asked = int(cdb.page_code), int(cdb.subpage_code)
    if isinstance(cdb, c.LogSense):
        return asked, _page(view)
    came = _first_mode_page(view)
    if came is None or asked[0] == ALL_PAGES:
        return None
    return asked, (came[0], ALL_SUBPAGES) if asked[1] == ALL_SUBPAGES else came


ALL_PAGES, ALL_SUBPAGES = 0x3F, 0xFF
PAGED = c.Inquiry, c.ModeSense6, c.ModeSense10, c.LogSense
"""Commands that ask for a page; the data they return contains its page code."""


def parse_data_in(cdb: c.Cdb, buf: Any) -> View | None:
    """A view of the parameter data that a device returned for ``cdb``; None if it has no table here.

    Raises DecodeError if ``buf`` (bytes-like) cannot be that data, or holds another page than the CDB asks for (the
    page code in the data tells: SPC-5, 7.3.2, 7.5.5 and 7.7.2).
    """
    view = _parse(DATA_IN, cdb, buf)
    if isinstance(cdb, PAGED):
        pages = _came(cdb, view)
        if pages is not None and pages[0] != pages[1]:
            asked, came = (f"{page:02X}h" + (f"/{sub:02X}h" if sub else "") for page, sub in pages)
            raise DecodeError(f"{cdb.name}: page {asked} was asked for, page {came} came", field="page_code")
    return view


def parse_data_out(cdb: c.Cdb, buf: Any) -> View | None:
    """A view of the parameter list that an initiator sends with ``cdb``; None if it has no table here.

    Raises DecodeError if ``buf`` (bytes-like) cannot be that list.
    """
    return _parse(DATA_OUT, cdb, buf)
