"""LOG SENSE and LOG SELECT (SPC-4, 6.7, 6.8 and 7.3), READ DEFECT DATA (SBC-4, 5.19 and 5.20)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import DefectListFormat, LogPage, LogPageControl
from pysrp.scsi.log import LogPage as LogPageData
from pysrp.scsi.log import SupportedLogPages, SupportedLogSubpage, SupportedLogSubpages
from pysrp.target.effects import GOOD, Effect, Reply
from pysrp.target.task import Task
from pysrp.target.units.blocks import LogPages, in_binary
from pysrp.target.units.codes import Attention, invalid
from pysrp.target.units.commands import Conflict, command
from pysrp.target.units.moving import STATISTICS, TrafficCounts

__all__ = ["LogCommands"]

SUPPORTED = int(LogPage.SUPPORTED_LOG_PAGES)
ALL_SUBPAGES = 0xFF

UNKNOWN_TEMPERATURE = 0xFF


class LogCommands(TrafficCounts):
    """LOG SENSE, LOG SELECT; READ DEFECT DATA(10) and (12). No parameter is saved, and none has a threshold."""

    def log_pages(self) -> LogPages:
        """The error pages; and Temperature and Informational Exceptions, which report that nothing is known."""
        return {
            **super().log_pages(),
            LogPage.TEMPERATURE: lambda: [in_binary(0, bytes((0, UNKNOWN_TEMPERATURE)))],
            LogPage.INFORMATIONAL_EXCEPTIONS: lambda: [in_binary(0, bytes((0, 0, UNKNOWN_TEMPERATURE)))],
        }

    @command(cdbs.LogSense, conflicts=Conflict.NEVER, refuses=["sp"], ignores=["obsolete_lun", "ppc"])
    def log_sense(self, task: Task, cdb: cdbs.LogSense) -> Generator[Effect, Any, Effect]:
        """LOG SENSE: cumulative values, from the parameter that PARAMETER POINTER names."""
        if cdb.pc != LogPageControl.CUMULATIVE:
            raise invalid(cdbs.LogSense, "pc")
        code, subpage, first = cdb.page_code, cdb.subpage_code, cdb.parameter_pointer
        pages = self.log_pages()
        if code != SUPPORTED and code not in pages:
            raise invalid(cdbs.LogSense, "page_code")
        if subpage not in (0, ALL_SUBPAGES):
            raise invalid(cdbs.LogSense, "subpage_code")
        if code == SUPPORTED or subpage:
            if first:
                raise invalid(cdbs.LogSense, "parameter_pointer")
            return Reply(bytes(_list(sorted(pages), code, subpage)), cdb.allocation_length)
        told = pages[code]()
        parameters = (yield told) if isinstance(told, Effect) else told
        found = [one for one in parameters if one.parameter_code >= first]
        if first and not found:
            raise invalid(cdbs.LogSense, "parameter_pointer")
        return Reply(
            bytes(LogPageData.build(ds=True, page_code=code, parameters=found)), cdb.allocation_length
        )

    @command(cdbs.LogSelect, refuses=["sp"], ignores=["obsolete_lun"])
    def log_select(self, task: Task, cdb: cdbs.LogSelect) -> Effect:
        """LOG SELECT without a list: PCR, or PC with default cumulative values, resets the counters of one page or of all
        pages, with 06/2A/02 for the other nexuses. Other parameters do not change.
        """
        if cdb.parameter_list_length:
            raise invalid(cdbs.LogSelect, "parameter_list_length")
        if cdb.page_code != SUPPORTED and cdb.page_code not in self.log_pages():
            raise invalid(cdbs.LogSelect, "page_code")
        if cdb.subpage_code not in (0, ALL_SUBPAGES):
            raise invalid(cdbs.LogSelect, "subpage_code")
        if not cdb.pcr and cdb.pc != LogPageControl.DEFAULT_CUMULATIVE:
            return GOOD
        with self._changing():
            if self._count_anew(cdb.page_code):
                self._establish(Attention.LOG_PARAMETERS_CHANGED, self._nexuses, but=task.nexus)
        return GOOD

    def _count_anew(self, page: int) -> bool:
        """Reset the counters of a page, or with page 0 of all; whether any was not 0. With the lock."""
        gone = [each for each, count in self._errors.items() if count and page in (SUPPORTED, each)]
        for each in gone:
            del self._errors[each]
        traffic = page in (SUPPORTED, STATISTICS) and self._count_traffic_anew()
        return bool(gone) or traffic

    @command(
        cdbs.ReadDefectData10,
        cdbs.ReadDefectData12,
        medium=True,
        conflicts=Conflict.EXCLUSIVE_ACCESS,
        ignores=["obsolete_lun"],
    )
    def read_defect_data(self, task: Task, cdb: Any) -> Effect:
        """READ DEFECT DATA: both lists are empty, in any format, as media have no defect lists."""
        listed = cdb.defect_list_format
        if not isinstance(listed, DefectListFormat) or listed == DefectListFormat.VENDOR_SPECIFIC:
            raise invalid(type(cdb), "defect_list_format")
        head = bytes((0, cdb.req_plist << 4 | cdb.req_glist << 3 | listed))
        return Reply(head + bytes(2 if isinstance(cdb, cdbs.ReadDefectData10) else 6), cdb.allocation_length)


def _list(pages: list[int], code: int, subpage: int) -> SupportedLogPages | SupportedLogSubpages:
    """The list of supported pages; or of pages and subpages, for one page or for all."""
    if not subpage:
        return SupportedLogPages.build(ds=True, supported_page_list=bytes((SUPPORTED, *pages)))
    found = [(SUPPORTED, 0), (SUPPORTED, ALL_SUBPAGES), *((page, 0) for page in pages)]
    listed = [
        SupportedLogSubpage.build(page_code=page, subpage_code=below)
        for page, below in found
        if code in (SUPPORTED, page)
    ]
    return SupportedLogSubpages.build(ds=True, page_code=code, supported_subpages=listed)
