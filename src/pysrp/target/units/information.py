"""REPORT IDENTIFYING INFORMATION and SET IDENTIFYING INFORMATION (SPC-5, 6.31 and 6.44)."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.params import IdentifyingInformation, SupportedInformation, SupportedInformationType
from pysrp.target.effects import GOOD, Effect, Fetch, Reply, Work
from pysrp.target.task import Nexus, Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import Attention, invalid, short, unfit
from pysrp.target.units.commands import Conflict, command
from pysrp.target.units.saved import LONGEST

__all__ = ["InformationCommands"]

TEXT, TYPES = 2, 0x7F
"""IDENTIFYING INFORMATION TYPE: peripheral device text identifying information; the list of supported types."""


class InformationCommands(UnitBase):
    """REPORT and SET IDENTIFYING INFORMATION, of units with a store for it: an administrator's name for the unit."""

    @command(cdbs.ReportIdentifyingInformation, conflicts=Conflict.NEVER, when="keeps")
    def report_identifying_information(self, task: Task, cdb: cdbs.ReportIdentifyingInformation) -> Effect:
        """REPORT IDENTIFYING INFORMATION: empty until it is set."""
        kind = cdb.identifying_information_type
        if kind == TYPES:
            types = [
                SupportedInformationType.build(
                    identifying_information_type=each, maximum_identifying_information_length=most
                )
                for each, most in LONGEST.items()
            ]
            data: Any = SupportedInformation.build(types=types)
        elif kind in LONGEST:
            found = self._saved.information.get(kind, b"")
            data = IdentifyingInformation.build(identifying_information=found)
        else:
            raise invalid(cdbs.ReportIdentifyingInformation, "identifying_information_type")
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.SetIdentifyingInformation, when="keeps")
    def set_identifying_information(
        self, task: Task, cdb: cdbs.SetIdentifyingInformation
    ) -> Generator[Effect, Any, Effect]:
        """SET IDENTIFYING INFORMATION: GOOD when it is saved; no reset clears it. 3F/05 for the other nexuses."""
        kind, length = cdb.identifying_information_type, cdb.parameter_list_length
        if kind not in LONGEST:
            raise invalid(cdbs.SetIdentifyingInformation, "identifying_information_type")
        if length > LONGEST[kind]:
            raise invalid(cdbs.SetIdentifyingInformation, "parameter_list_length")
        data = bytes((yield Fetch(length)))
        if len(data) < length:
            raise short()
        if kind == TEXT and data and not _is_text(data):
            raise unfit(0)
        yield Work(self._keeper, partial(self._inform, task.nexus, kind, data))
        return GOOD

    def _inform(self, nexus: Nexus, kind: int, data: bytes) -> None:
        """Save the information and establish 3F/05. On a worker."""
        with self._saving:
            left = {each: said for each, said in self._saved.information.items() if each != kind}
            said = {**left, kind: data} if data else left
            if said == dict(self._saved.information):
                return
            self._keep(information=said)
            with self._changing():
                self._establish(Attention.DEVICE_IDENTIFIER_CHANGED, self._nexuses, but=nexus)


def _is_text(data: bytes) -> bool:
    """Whether the data is UTF-8 that ends with a NUL, and has no other NUL."""
    try:
        return data.decode().find("\0") == len(data.decode()) - 1
    except UnicodeDecodeError:
        return False
