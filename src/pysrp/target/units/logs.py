"""LOG SENSE and LOG SELECT (SPC-4, 6.7, 6.8 and 7.3), READ DEFECT DATA (SBC-4, 5.19 and 5.20)."""

from __future__ import annotations

from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import DefectListFormat, LogPage, LogPageControl
from pysrp.scsi.mode import LogPage as LogPageData
from pysrp.scsi.mode import LogParameter, SupportedLogPages, SupportedLogSubpage, SupportedLogSubpages
from pysrp.target.effects import GOOD, Effect, Reply
from pysrp.target.task import Task
from pysrp.target.units.blocks import BlockUnit
from pysrp.target.units.codes import Attention, invalid
from pysrp.target.units.commands import Conflict, command

__all__ = ["LogCommands"]

SUPPORTED = int(LogPage.SUPPORTED_LOG_PAGES)
ALL_SUBPAGES = 0xFF
COUNTERS = {LogPage.WRITE_ERROR_COUNTERS: False, LogPage.READ_ERROR_COUNTERS: True}
"""Pages with errors, and whether those are of reading."""
INFORMATIONAL = int(LogPage.INFORMATIONAL_EXCEPTIONS)
PAGES = sorted((SUPPORTED, *map(int, COUNTERS), INFORMATIONAL))
SUBPAGES = [(SUPPORTED, 0), (SUPPORTED, ALL_SUBPAGES), *((page, 0) for page in PAGES[1:])]

UNCORRECTED = 0x0006
"""Total uncorrected errors: the one counter of an error page that is known here."""
LARGEST = dict.fromkeys(map(int, COUNTERS), UNCORRECTED)
"""The largest parameter code of a page, where it is not 0."""
UNKNOWN_TEMPERATURE = 0xFF

BINARY = 0b11
"""Format and linking of a parameter that is no counter."""


class LogCommands(BlockUnit):
    """LOG SENSE, LOG SELECT; READ DEFECT DATA(10) and (12). Nothing is saved, and no value has a threshold."""

    @command(cdbs.LogSense, conflicts=Conflict.NEVER, refuses=["sp"], ignores=["obsolete_lun", "ppc"])
    def log_sense(self, task: Task, cdb: cdbs.LogSense) -> Effect:
        """LOG SENSE: cumulative values. No page has more than one parameter, so none is left out (PARAMETER POINTER)."""
        if cdb.pc != LogPageControl.CUMULATIVE:
            raise invalid(cdbs.LogSense, "pc")
        if cdb.page_code not in PAGES:
            raise invalid(cdbs.LogSense, "page_code")
        if cdb.subpage_code not in (0, ALL_SUBPAGES):
            raise invalid(cdbs.LogSense, "subpage_code")
        if cdb.parameter_pointer > (0 if cdb.subpage_code else LARGEST.get(cdb.page_code, 0)):
            raise invalid(cdbs.LogSense, "parameter_pointer")
        return Reply(bytes(self._page(cdb.page_code, cdb.subpage_code)), cdb.allocation_length)

    def _page(self, code: int, subpage: int) -> Any:
        if subpage:
            found = [each for each in SUBPAGES if code in (SUPPORTED, each[0])]
            pages = [SupportedLogSubpage.build(page_code=page, subpage_code=below) for page, below in found]
            return SupportedLogSubpages.build(ds=True, page_code=code, supported_subpages=pages)
        if code == SUPPORTED:
            return SupportedLogPages.build(ds=True, supported_page_list=bytes(PAGES))
        if code == INFORMATIONAL:
            # No exception, and no temperature that is known (SPC-4, 7.3.8).
            value = bytes((0, 0, UNKNOWN_TEMPERATURE))
            parameter = LogParameter.build(format_and_linking=BINARY, parameter_value=value)
        else:
            with self._lock:
                count = self._errors[COUNTERS[LogPage(code)]]
            parameter = LogParameter.build(
                parameter_code=UNCORRECTED, parameter_value=min(count, 0xFFFFFFFF).to_bytes(4, "big")
            )
        return LogPageData.build(ds=True, page_code=code, parameters=[parameter])

    @command(cdbs.LogSelect, refuses=["sp"], ignores=["obsolete_lun"])
    def log_select(self, task: Task, cdb: cdbs.LogSelect) -> Effect:
        """LOG SELECT without a list: PCR, or PC with default cumulative values, begins to count anew, on one page or on
        all, and tells the other nexuses (06/2A/02).
        """
        if cdb.parameter_list_length:
            raise invalid(cdbs.LogSelect, "parameter_list_length")
        if cdb.page_code not in PAGES:
            raise invalid(cdbs.LogSelect, "page_code")
        if cdb.subpage_code not in ((0,) if cdb.page_code == SUPPORTED else (0, ALL_SUBPAGES)):
            raise invalid(cdbs.LogSelect, "subpage_code")
        if not cdb.pcr and cdb.pc != LogPageControl.DEFAULT_CUMULATIVE:
            return GOOD
        with self._changing():
            before = dict(self._errors)
            for page, reads in COUNTERS.items():
                if cdb.page_code in (SUPPORTED, page):
                    self._errors[reads] = 0
            if self._errors != before:
                self._establish(Attention.LOG_PARAMETERS_CHANGED, self._nexuses, but=task.nexus)
        return GOOD

    @command(
        cdbs.ReadDefectData10,
        cdbs.ReadDefectData12,
        medium=True,
        conflicts=Conflict.EXCLUSIVE_ACCESS,
        ignores=["obsolete_lun"],
    )
    def read_defect_data(self, task: Task, cdb: Any) -> Effect:
        """READ DEFECT DATA: a medium here has no list of its defects, so both are empty, in any format."""
        listed = cdb.defect_list_format
        if not isinstance(listed, DefectListFormat) or listed == DefectListFormat.VENDOR_SPECIFIC:
            raise invalid(type(cdb), "defect_list_format")
        head = bytes((0, cdb.req_plist << 4 | cdb.req_glist << 3 | listed))
        return Reply(head + bytes(2 if isinstance(cdb, cdbs.ReadDefectData10) else 6), cdb.allocation_length)
