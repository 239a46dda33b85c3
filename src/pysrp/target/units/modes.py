"""MODE SENSE and MODE SELECT (SPC-4, 6.9 to 6.14)."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import ModePage, ModePageControl, SenseKey
from pysrp.scsi.mode import ModeParameters6, ModeParameters10
from pysrp.target.effects import GOOD, Effect, Fetch, Reply, Work
from pysrp.target.fault import Fault
from pysrp.target.task import Nexus, Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import Attention, SenseCode, invalid, short, unfit
from pysrp.target.units.commands import Conflict, command, pointer
from pysrp.target.units.pages import ALL_SUBPAGES, SPF, PageValues

__all__ = ["ModeCommands"]


class ModeCommands(UnitBase):
    """MODE SENSE, MODE SELECT. A device type defines parts of the header, and the block descriptor."""

    def device_specific_parameter(self, task: Task) -> int:
        """DEVICE-SPECIFIC PARAMETER of the mode parameter header; a device type overrides it."""
        return 0

    def block_descriptor(self, long: bool) -> bytes:
        """The mode parameter block descriptor: 8 bytes, or 16 where ``long`` is allowed, or none."""
        return b""

    def check_block_descriptor(self, descriptor: bytes, base: int) -> None:
        """Raise Fault if MODE SELECT's block descriptor, ``base`` bytes into the list, asks for a change."""
        raise unfit(base)

    @command(cdbs.ModeSense6, cdbs.ModeSense10, conflicts=Conflict.EXCLUSIVE_ACCESS)
    def mode_sense(self, task: Task, cdb: Any) -> Effect:
        """MODE SENSE(6) and (10)."""
        ten = isinstance(cdb, cdbs.ModeSense10)
        if cdb.pc == ModePageControl.SAVED and not self.keeps:
            raise Fault(
                SenseKey.ILLEGAL_REQUEST,
                SenseCode.SAVING_PARAMETERS_NOT_SUPPORTED,
                pointer(type(cdb).pc),
            )
        code, subpage = cdb.page_code, cdb.subpage_code
        if code == ModePage.ALL_PAGES and subpage not in (0, ALL_SUBPAGES):
            raise invalid(type(cdb), "subpage_code")
        pages = self.modes.asked(code, subpage)
        if not pages:
            known = self.modes.asked(code, ALL_SUBPAGES)
            raise invalid(type(cdb), "subpage_code" if known else "page_code")
        with self._lock:
            values = b"".join(page.values(cdb.pc, self.keeps) for page in pages)
        fields: dict[str, Any] = {
            "device_specific_parameter": self.device_specific_parameter(task),
            "pages": values,
        }
        descriptor = b"" if cdb.dbd else self.block_descriptor(ten and bool(cdb.llbaa))
        if not ten:
            data: Any = ModeParameters6.build(block_descriptors=descriptor, **fields)
        elif len(descriptor) == 16:
            data = ModeParameters10.build(longlba=True, long_block_descriptors=descriptor, **fields)
        else:
            data = ModeParameters10.build(block_descriptors=descriptor, **fields)
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.ModeSelect6, cdbs.ModeSelect10, refuses=["rtd"])
    def mode_select(self, task: Task, cdb: Any) -> Generator[Effect, Any, Effect]:
        """MODE SELECT(6) and (10): applies the whole list or nothing, with 2A/01 for the other nexuses.

        With SP all savable pages are saved, and it ends GOOD when they are.
        """
        if cdb.sp and not self.keeps:
            raise invalid(type(cdb), "sp")
        length = cdb.parameter_list_length
        if not cdb.pf and length:
            raise invalid(type(cdb), "pf")
        data = bytes((yield Fetch(length)))
        start = 0
        if length:
            start = self._start_of_pages(data, length, isinstance(cdb, cdbs.ModeSelect10))
        if cdb.sp:
            yield Work(self._keeper, partial(self._select_and_save, task.nexus, data, start))
        else:
            with self._changing():
                self._select(task.nexus, self._selected(data, start))
        return self.modes_selected(task)

    def _start_of_pages(self, data: bytes, length: int, long: bool) -> int:
        """Check the header and the block descriptor of a parameter list; the offset of the pages."""
        header = 8 if long else 4
        if len(data) < min(length, header) or length < header:
            raise short()
        medium_type, described = (data[2], 6) if header == 8 else (data[1], 3)
        if medium_type:
            raise unfit(header // 4)
        extent = int.from_bytes(data[6:8], "big") if header == 8 else data[3]
        start = header + extent
        if start > len(data) or len(data) < length:
            raise short()
        if extent:
            if extent != (16 if header == 8 and data[4] & 1 else 8):
                raise unfit(described)
            self.check_block_descriptor(data[header:start], header)
        return start

    def _select(self, nexus: Nexus, selected: list[tuple[PageValues, bytes]]) -> None:
        """Make these the current values. With the lock."""
        changed = False
        for page, values in selected:
            head = page.header
            changed = changed or page.current[head:] != values[head:]
            page.current[head:] = values[head:]
        if changed:
            self._modes_changed()
            self._establish(Attention.MODE_PARAMETERS_CHANGED, self._nexuses, but=nexus)

    def _select_and_save(self, nexus: Nexus, data: bytes, start: int) -> None:
        """Save the pages, then make them current. On a worker."""
        with self._saving:
            with self._lock:
                selected = self._selected(data, start)
                pages = self.modes.to_save()
            for page, values in selected:
                if page.changes:
                    pages[page.code] = page.default[: page.header] + values[page.header :]
            self._keep(pages=pages)
            with self._changing():
                self.modes.saved(pages)
                self._select(nexus, selected)

    def _selected(self, data: bytes, at: int) -> list[tuple[PageValues, bytes]]:
        """The pages in a parameter list from byte ``at`` on, with their new values. Raises Fault for an unacceptable one."""
        found = []
        while at < len(data):
            if len(data) - at < (4 if data[at] & SPF else 2):
                raise short()
            page = self.modes.meant(data[at:])
            if page is None:
                raise unfit(at, 6)
            length = slice(page.header // 2, page.header)  # PAGE LENGTH: a byte, or two
            if data[at:][length] != page.default[length]:
                raise unfit(at + length.start)
            values = data[at : at + len(page.default)]
            if len(values) < len(page.default):
                raise short()
            wrong = page.refused(values)
            if wrong:
                raise unfit(at + wrong[0], wrong[1])
            found.append((page, values))
            at += len(values)
        return found

    def modes_selected(self, task: Task) -> Effect:
        """The effect that ends a MODE SELECT which has set the pages."""
        return GOOD
