"""The used and available space of a thin disk's medium, and thresholds of it (SBC-4, 4.7.3.7, 6.4.5, 6.5.9 and 6.6.7)."""

from __future__ import annotations

import logging
from collections.abc import Generator
from functools import partial
from threading import Lock
from types import GeneratorType
from typing import Any, NamedTuple

from pysrp._fast.gate import ATTENTION, WATCHED
from pysrp.scsi.codes import LogPage, ModePage, Opcode, ProvisioningResource
from pysrp.scsi.log import LogParameter
from pysrp.scsi.mode import (
    LogicalBlockProvisioningPage,
    ReadWriteErrorRecoveryPage,
    ThresholdDescriptor,
)
from pysrp.target.backend_medium import space_of
from pysrp.target.effects import GOOD, Effect, Effects, MediumEffect, Move, Work
from pysrp.target.fault import Fault
from pysrp.target.task import Nexus, Task
from pysrp.target.units.blocks import BlockUnit, LogPages, doing, in_binary
from pysrp.target.units.codes import Attention
from pysrp.target.units.commands import SupportedCdb
from pysrp.target.units.pages import PageValues

__all__ = ["ThresholdUnit"]

log: logging.Logger = logging.getLogger("pysrp.target")

AVAILABLE = ProvisioningResource.AVAILABLE_LBA_MAPPING_RESOURCES
USED = ProvisioningResource.USED_LBA_MAPPING_RESOURCES

ARMING = {AVAILABLE: 0, USED: 1}
"""THRESHOLD ARMING: the available space triggers when it decreases, the used space when it increases (SBC-4, table 7)."""

SCOPE = {AVAILABLE: 2, USED: 1}
"""SCOPE: the available space may be shared with other units; the used space is this unit's (SBC-4, table 199)."""

PAGE = ModePage.INFORMATIONAL_EXCEPTIONS_CONTROL << 8 | 2
"""The Logical Block Provisioning mode page."""

FIRST, EACH = 16, 8
"""The offset of the page's descriptors, and the bytes of one."""

SET = 1 << 20
"""Bytes of a threshold set, unless the unit is so large that 32 bits could not count its sets."""

PLAIN = frozenset({Opcode.WRITE_6, Opcode.WRITE_10, Opcode.WRITE_12, Opcode.WRITE_16})
"""Commands that write as many bytes as their data-out has."""

SELECTS = frozenset({Opcode.MODE_SELECT_6, Opcode.MODE_SELECT_10})
"""Commands that may change the thresholds."""

LOOKED_AFTER = (
    PLAIN
    | SELECTS
    | {
        Opcode.WRITE_AND_VERIFY_10, Opcode.WRITE_AND_VERIFY_12, Opcode.WRITE_AND_VERIFY_16, Opcode.WRITE_SAME_10,
        Opcode.WRITE_SAME_16, Opcode.COMPARE_AND_WRITE, Opcode.WRITE_ATOMIC_16, Opcode.ORWRITE_16,
        Opcode.VARIABLE_LENGTH, Opcode.UNMAP, Opcode.FORMAT_UNIT, Opcode.SANITIZE, Opcode.THIRD_PARTY_COPY_OUT,
    }
)  # fmt: skip
"""Commands after which the space may have changed."""

LEAST = 64 << 10
"""Bytes of space that even a short write may take, as media allocate in larger units."""


class Threshold(NamedTuple):
    """An enabled threshold."""

    at: int
    """The offset of its descriptor in the page, which is reported in INFORMATION."""
    resource: ProvisioningResource
    sets: int
    """THRESHOLD COUNT."""

    def past(self, value: int, size: int) -> int:
        """How many bytes the resource is past the end of the threshold's range where it triggers; if less than ``-size``, the
        bytes of a set, it has gone back past the other end.
        """
        up = value - self.sets * size
        return (up if self.resource == USED else -up) - size // 2


class ThresholdUnit(BlockUnit):
    """The used and available space of the medium: a log page, and thresholds, which are reported with 06/38/07.

    There is a threshold for each resource that the medium reports (:meth:`pysrp.target.medium.Medium.space`). While thresholds
    are watched (LBPERE) every WRITE goes through here, and the space is checked after commands that may have changed it much.
    """

    _resources: tuple[ProvisioningResource, ...] = ()
    """The resources that the medium reports."""
    _thresholds: tuple[Threshold, ...] = ()
    """The thresholds that are watched."""
    _to_one: bool = False
    """SITUA: only one nexus gets the unit attention."""
    _reached: frozenset[Threshold] = frozenset()
    """Thresholds that have been reported, and that the resource has not gone back from."""
    _for_one: tuple[int, ...] = ()
    """With SITUA: attentions for the nexus whose command comes first."""
    _slack: int = 0
    """Bytes that may be written before the space is checked again."""
    _asking: Lock
    """Held while the medium is asked for its space, for a command that waits for the answer."""
    _awaited: object = None
    """A check that has not begun yet, and so covers all writes before it; one command waits for it."""

    @property
    def threshold_exponent(self) -> int:
        """The exponent, to base 2, of the number of blocks in a threshold set; 0: there are no thresholds."""
        if not self._resources:
            return 0
        return max((SET // self.block_size).bit_length() - 1, self.blocks.bit_length() - 32)

    @property
    def _set(self) -> int:
        """Bytes of a threshold set."""
        return self.block_size << self.threshold_exponent

    # Mode pages and log page.

    def block_pages(self) -> list[PageValues]:
        """The mode pages, with LBPERE and Logical Block Provisioning if the medium reports its space."""
        self._asking = Lock()
        try:
            found = self._resources_now()
        except Exception as error:
            log.warning("%r cannot tell its room, so there are no thresholds: %s", self.backend, error)
            found = {}
        self._resources = tuple(sorted(found))
        pages = super().block_pages()
        if not self._resources:
            return pages
        recovery = bytes(ReadWriteErrorRecoveryPage.build(lbpere=True))
        return [
            PageValues(page.default, recovery) if page.code == ModePage.READ_WRITE_ERROR_RECOVERY else page
            for page in pages
        ] + [self._page()]

    def _page(self) -> PageValues:
        default = LogicalBlockProvisioningPage.build(
            descriptors=[
                ThresholdDescriptor.build(threshold_resource=each, threshold_arming=ARMING[each])
                for each in self._resources
            ]
        )
        one = ThresholdDescriptor.build(enabled=True, threshold_count=0xFFFFFFFF)
        changeable = LogicalBlockProvisioningPage.build(situa=True, descriptors=[one] * len(self._resources))
        return PageValues(bytes(default), bytes(changeable))

    def log_pages(self) -> LogPages:
        """The log pages, with Logical Block Provisioning if the medium reports its space."""
        pages = super().log_pages()
        if self._resources:
            pages[LogPage.LOGICAL_BLOCK_PROVISIONING] = lambda: Work(self.backend, self._counts)
        return pages

    def _counts(self) -> list[LogParameter]:
        """The number of threshold sets of each resource; a partly used set counts as used."""
        told, size = self._look(), self._set
        found = []
        for each in self._resources:
            if each not in told:
                continue
            count = -(-told[each] // size) if each == USED else told[each] // size
            value = min(count, 0xFFFFFFFF).to_bytes(4, "big") + bytes((SCOPE[each], 0, 0, 0))
            found.append(in_binary(each, value))
        return found

    # Thresholds.

    def _modes_changed(self) -> None:
        super()._modes_changed()
        if not self._resources:
            return
        page = LogicalBlockProvisioningPage(self.modes[PAGE].current)
        watched = ReadWriteErrorRecoveryPage(self.modes[ModePage.READ_WRITE_ERROR_RECOVERY].current).lbpere
        self._to_one = bool(page.situa)
        self._thresholds = tuple(
            Threshold(FIRST + i * EACH, self._resources[i], int(one.threshold_count))
            for i, one in enumerate(page.descriptors)
            if watched and one.enabled
        )
        self._reached = self._reached.intersection(self._thresholds)
        self._slack = 0
        if self._thresholds:
            self._mode_reasons |= WATCHED

    def _was_reset(self) -> None:
        self._reached, self._for_one = frozenset(), ()
        super()._was_reset()

    def execute(self, task: Task) -> Effects:
        """See :meth:`~pysrp.target.units.base.UnitBase.execute`; then check the thresholds."""
        effect = super().execute(task)
        opcode = task.cdb[0]
        if effect is None or opcode not in LOOKED_AFTER or not (self._thresholds or opcode in SELECTS):
            return effect
        return self._and_look(task, effect)

    def _and_look(self, task: Task, effect: Any) -> Generator[Effect, Any, Effect]:
        """Carry a command out, then check whether a threshold is reached, also if the command failed for lack of space."""
        try:
            end = (yield from effect) if isinstance(effect, GeneratorType) else effect
            if isinstance(end, Move | MediumEffect):
                yield end
                end = GOOD
        except OSError as error:
            yield from self._look_behind()
            raise self.fault_of(error, doing(task.cdb)) from error
        with self._lock:
            self._slack -= max(task.data_out_length, LEAST) if task.cdb[0] in PLAIN else self._set
            due = self._slack < 0 and self._thresholds
        if due:
            yield from self._look_behind()
        return end or GOOD

    def _look_behind(self) -> Generator[Effect, Any, None]:
        """Check the thresholds before a finished command ends. A failure of the check, as when no thread is free, does not fail
        the command.

        However long a medium takes to answer, no more than two commands wait: the one for which it is asked, and one of those
        that finished meanwhile.
        """
        look = object()
        with self._lock:
            if self._awaited:
                return
            self._awaited = look
        try:
            yield Work(self.backend, partial(self._look_for, look))
        except Fault:
            """A job has begun that refuses the check: the next write repeats it."""
        except Exception:
            log.exception("%s: how much room there is", self.name)
        finally:
            self._look_begins(look)

    def _look_for(self, look: object) -> None:
        with self._asking:
            self._look_begins(look)
            self._look()

    def _look_begins(self, look: object) -> None:
        """The check begins: it does not cover later writes, which need another check."""
        with self._lock:
            if self._awaited is look:
                self._awaited = None

    def _resources_now(self) -> dict[ProvisioningResource, int]:
        """The bytes of each resource that the medium reports now. May wait; raises what :func:`space_of` raises."""
        room = zip((USED, AVAILABLE), space_of(self.backend), strict=True)
        return {each: told for each, told in room if told is not None}

    def _look(self) -> dict[ProvisioningResource, int]:
        """As :meth:`_resources_now`; also establish unit attentions for the thresholds that have been reached."""
        size = self._set
        # Set first: later writes count from here on, and if this fails the next check is only due after so many bytes.
        with self._lock:
            self._slack = least = size // 2
        found = self._resources_now()
        with self._changing():
            for each in self._thresholds:
                if each.resource not in found:  # unknown now: no threshold is reached
                    continue
                past = each.past(found[each.resource], size)
                if past < -size:
                    self._reached -= {each}
                if each in self._reached:
                    continue
                if past > 0:
                    self._reached |= {each}
                    self._tell(Attention.SOFT_THRESHOLD_REACHED | each.at << 16)
                else:
                    least = min(least, -past)
            self._slack -= size // 2 - least
        return found

    def _tell(self, code: int) -> None:
        """Establish a unit attention for all nexuses, or with SITUA for the one whose command comes next. With the lock."""
        if self._to_one:
            self._for_one += (code,)
        else:
            self._establish(code, self._nexuses)

    def _reasons(self, nexus: Nexus) -> int:
        return super()._reasons(nexus) | (ATTENTION if self._for_one else 0)

    def _admit(self, task: Task, entry: SupportedCdb | None) -> None:
        told = entry is None or entry.reports_attention or task.cdb[0] == Opcode.REQUEST_SENSE
        if self._for_one and told and task.nexus in self._nexuses:
            with self._changing():
                codes, self._for_one = self._for_one, ()
                for code in codes:
                    self._establish(code, [task.nexus])
        super()._admit(task, entry)
