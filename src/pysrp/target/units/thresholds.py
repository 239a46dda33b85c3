"""How much room there is behind a thin disk, and thresholds of it (SBC-4, 4.7.3.7, 6.4.5, 6.5.9 and 6.6.7)."""

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
"""THRESHOLD ARMING: what is available decreases, what is used increases (SBC-4, table 7)."""

SCOPE = {AVAILABLE: 2, USED: 1}
"""SCOPE: others may take what is available; what is used is this unit's (SBC-4, table 199)."""

PAGE = ModePage.INFORMATIONAL_EXCEPTIONS_CONTROL << 8 | 2
"""The Logical Block Provisioning mode page."""

FIRST, EACH = 16, 8
"""Where its descriptors begin, and bytes of one."""

SET = 1 << 20
"""Bytes of a threshold set, unless the unit is so large that 32 bits could not count them."""

PLAIN = frozenset({Opcode.WRITE_6, Opcode.WRITE_10, Opcode.WRITE_12, Opcode.WRITE_16})
"""These write as much as they bring."""

SELECTS = frozenset({Opcode.MODE_SELECT_6, Opcode.MODE_SELECT_10})
"""These change what is looked for."""

LOOKED_AFTER = (
    PLAIN
    | SELECTS
    | {
        Opcode.WRITE_AND_VERIFY_10, Opcode.WRITE_AND_VERIFY_12, Opcode.WRITE_AND_VERIFY_16, Opcode.WRITE_SAME_10,
        Opcode.WRITE_SAME_16, Opcode.COMPARE_AND_WRITE, Opcode.WRITE_ATOMIC_16, Opcode.ORWRITE_16,
        Opcode.VARIABLE_LENGTH, Opcode.UNMAP, Opcode.FORMAT_UNIT, Opcode.SANITIZE, Opcode.THIRD_PARTY_COPY_OUT,
    }
)  # fmt: skip
"""Behind which there may be more room, or less."""

LEAST = 64 << 10
"""Bytes of room that a short write may take: media have units of their own."""


class Threshold(NamedTuple):
    """One that is enabled."""

    at: int
    """Where its descriptor is in the page, which INFORMATION tells."""
    resource: ProvisioningResource
    sets: int
    """THRESHOLD COUNT."""

    def past(self, value: int, size: int) -> int:
        """How many bytes the resource is past that end of the threshold's range where it is told; less than
        ``-size``, a set: it has gone back past the other one.
        """
        up = value - self.sets * size
        return (up if self.resource == USED else -up) - size // 2


class ThresholdUnit(BlockUnit):
    """What the medium takes and could have: a log page, and thresholds that are told with 06/38/07.

    As far as the medium knows (:meth:`pysrp.target.medium.Medium.space`): a threshold for each resource that it tells of. While
    they are watched (LBPERE) every WRITE goes through here, and behind what may have changed much is looked.
    """

    _resources: tuple[ProvisioningResource, ...] = ()
    """Those that the medium tells of."""
    _thresholds: tuple[Threshold, ...] = ()
    """Those that are watched."""
    _to_one: bool = False
    """SITUA: one nexus is told."""
    _reached: frozenset[Threshold] = frozenset()
    """Those that have been told, and that the resource has not gone back from."""
    _for_one: tuple[int, ...] = ()
    """Attentions for whoever comes first."""
    _slack: int = 0
    """Bytes that may be written before it is looked again."""
    _asking: Lock
    """Who has it asks the medium, for a command that waits for that."""
    _awaited: object = None
    """A look that has not begun, and so is for all that have written before it; a command waits for it."""

    @property
    def threshold_exponent(self) -> int:
        """Of 2: how many blocks a threshold set has; 0: there are no thresholds."""
        if not self._resources:
            return 0
        return max((SET // self.block_size).bit_length() - 1, self.blocks.bit_length() - 32)

    @property
    def _set(self) -> int:
        """Bytes of a threshold set."""
        return self.block_size << self.threshold_exponent

    # What it says of itself.

    def block_pages(self) -> list[PageValues]:
        """With LBPERE, and Logical Block Provisioning, where the medium tells of its room."""
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
        """With Logical Block Provisioning, where the medium tells of its room."""
        pages = super().log_pages()
        if self._resources:
            pages[LogPage.LOGICAL_BLOCK_PROVISIONING] = lambda: Work(self.backend, self._counts)
        return pages

    def _counts(self) -> list[LogParameter]:
        """How many sets there are of each resource; what is used in part counts as used."""
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
        """See :meth:`~pysrp.target.units.base.UnitBase.execute`; and look for thresholds behind it."""
        effect = super().execute(task)
        opcode = task.cdb[0]
        if effect is None or opcode not in LOOKED_AFTER or not (self._thresholds or opcode in SELECTS):
            return effect
        return self._and_look(task, effect)

    def _and_look(self, task: Task, effect: Any) -> Generator[Effect, Any, Effect]:
        """Do what a command is, and look whether that has reached a threshold: also when there is no room left for it."""
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
        """Look, for a command that is over but for that: what goes wrong there is not the command's, and no thread may be free for it.

        However long a medium takes to tell, no more than two commands wait for it: that for which it is asked, and one of those
        that ended meanwhile.
        """
        look = object()
        with self._lock:
            if self._awaited:
                return
            self._awaited = look
        try:
            yield Work(self.backend, partial(self._look_for, look))
        except Fault:
            """A job has begun that turns away what is still to be done: the next write looks."""
        except Exception:
            log.exception("%s: how much room there is", self.name)
        finally:
            self._look_begins(look)

    def _look_for(self, look: object) -> None:
        with self._asking:
            self._look_begins(look)
            self._look()

    def _look_begins(self, look: object) -> None:
        """Who comes now has to look again."""
        with self._lock:
            if self._awaited is look:
                self._awaited = None

    def _resources_now(self) -> dict[ProvisioningResource, int]:
        """How many bytes there are of each resource that the medium tells of now. May wait, and raise whatever that raises."""
        room = zip((USED, AVAILABLE), space_of(self.backend), strict=True)
        return {each: told for each, told in room if told is not None}

    def _look(self) -> dict[ProvisioningResource, int]:
        """Likewise, and tell of the thresholds that have been reached."""
        size = self._set
        # What is written from here on counts; and where this fails, no write tries it again before.
        with self._lock:
            self._slack = least = size // 2
        found = self._resources_now()
        with self._changing():
            for each in self._thresholds:
                if each.resource not in found:  # which is no reason for an alarm
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
        """That a threshold is reached: to all nexuses, or to that whose command comes next. With the lock."""
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
