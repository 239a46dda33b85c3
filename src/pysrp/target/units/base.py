"""The state of a logical unit, behind one lock, and the checks before a command is carried out (SAM-5, 5.3.3)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ClassVar

from pysrp._fast.gate import (
    ALONE,
    ATTENTION,
    JOB,
    NOT_READY,
    RESERVED,
    Gate,
)
from pysrp.errors import ScsiError
from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import ModePage, Opcode, PeripheralDeviceType, SenseKey, Status
from pysrp.scsi.mode import ControlPage
from pysrp.target.claims import Claim, Claims
from pysrp.target.effects import Effects
from pysrp.target.fault import Fault
from pysrp.target.grant import Grant
from pysrp.target.shared_tasks import Order
from pysrp.target.task import Nexus, Task
from pysrp.target.units.attentions import RESET
from pysrp.target.units.codes import Attention, SenseCode, invalid
from pysrp.target.units.commands import CommandTable, SupportedCdb
from pysrp.target.units.identity import UnitIdentity
from pysrp.target.units.jobs import Job
from pysrp.target.units.nexuses import NexusStates
from pysrp.target.units.pages import ModePages, PageValues, common_pages
from pysrp.target.units.persistent import Memory, Persistent, ReservationStore, SharedStore
from pysrp.target.units.port_groups import PortGroups
from pysrp.target.units.reservations import Spc2Reservation
from pysrp.target.units.saved import SavedStore

__all__ = ["UnitBase"]

log: logging.Logger = logging.getLogger("pysrp.target")

VARIABLE_LENGTH = int(Opcode.VARIABLE_LENGTH)

MENDS: dict[SenseCode, frozenset[type[cdbs.Cdb]]] = {
    SenseCode.MEDIUM_FORMAT_CORRUPTED: frozenset({cdbs.FormatUnit, cdbs.Sanitize}),
    SenseCode.SANITIZE_COMMAND_FAILED: frozenset({cdbs.Sanitize}),
}
"""The commands that are allowed while a medium is damaged so."""


class UnitBase(NexusStates):
    """A unit without commands. Commands are in classes that inherit this one; :class:`~pysrp.target.unit.LogicalUnit` has
    those of every unit.

    State that several nexuses share is changed within :meth:`_changing`, which holds the lock.
    """

    device_type: ClassVar[PeripheralDeviceType] = PeripheralDeviceType.UNKNOWN_OR_NO_DEVICE
    commands: ClassVar[CommandTable]
    """The commands that it supports."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.commands = CommandTable(cls)

    def __init__(
        self,
        name: str | None = None,
        *,
        identity: UnitIdentity | None = None,
        removable: bool = False,
        max_transfer: int | None = None,
        pages: Iterable[PageValues] = (),
        reservations: ReservationStore | None = None,
        saved: SavedStore | None = None,
    ) -> None:
        super().__init__()
        self.name: str = "disk" if name is None else name
        self._named = name is not None
        self._place: tuple[str, int | None] | None = None if identity else ("", None)
        self._identity = identity or UnitIdentity.named(self.name)
        self.removable = removable
        self.max_transfer = max_transfer
        self._mode_reasons = 0  # gate reasons of the mode pages, which stop the native lane
        self._reservation = Spc2Reservation()
        self._store = reservations or Memory()
        self._persistent = Persistent()
        if not isinstance(self._store, SharedStore):
            self._persistent = replace(self._store.load() or Persistent(), generation=0)
        self._registering = threading.Lock()
        """Held while the persistent reservation changes and is saved, which may take long. Taken before the other lock."""
        self._stale = False
        """Whether the store may hold another state than the unit's, as saving failed."""
        self._load(saved)
        self._job: Job | None = None
        self.claims: Claims = Claims(self._gates_may_open)
        """The byte ranges of its medium that commands use."""
        self._order = Order(self._all_gates, self._gates_may_open)
        self.order: Order | None = None
        """The task set that all nexuses share (TST 000b); None: each has its own."""
        self._not_ready: SenseCode | None = None
        self._damage = self._saved.damage
        """The damage of the medium, until it is formatted or sanitized."""
        self._restricted = self._saved.restricted
        """Whether only SANITIZE ends the damage."""
        self._low_power: SenseCode | None = None
        """The IDLE or STANDBY power condition, which the next command for the medium ends."""
        self._port_groups: PortGroups | None = None
        self.descriptor_sense: bool = False
        """Whether sense data is in descriptor format: D_SENSE of the control mode page."""
        self.task_aborted: bool = True
        """TAS: tasks that another nexus has aborted end with TASK ABORTED."""
        self.qerr: int = 0
        """QERR: whether CHECK CONDITION ends the other tasks of its nexus."""
        self.modes: ModePages = ModePages([*common_pages(), *pages])
        self.modes.restore(self._saved.pages)
        self._modes_changed()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    # Reasons to refuse or delay a command.

    def _reasons(self, nexus: Nexus) -> int:
        """Why this nexus' commands, or its writes, may be refused or delayed (:mod:`pysrp._fast.gate`). With the lock."""
        reasons = self._mode_reasons
        if nexus in self._attentions or nexus in self._deferred:
            reasons |= ATTENTION
        # Evaluated at every change: without reservations it makes no call for them.
        if self._reservation.holder is not None and self._reservation.closes(nexus):
            reasons |= RESERVED
        if self._persistent.type is not None and self._persistent.closes(nexus):
            reasons |= RESERVED
        if self._not_ready is not None or self._damage is not None or self._low_power is not None:
            reasons |= NOT_READY
        if self._port_groups is not None and not self._port_groups.active(nexus.relative_port):
            reasons |= NOT_READY
        if self._job is not None and self._job.closes:
            reasons |= JOB
        if self.claims.alone or self._order.bars:
            reasons |= ALONE
        return reasons

    def grant(self, nexus: Nexus, lun: int, read_only: bool = False) -> Grant | None:
        """What an attached nexus may use at a LUN without :meth:`execute`: nothing, unless the device type overrides this."""
        return None

    def _left(self, nexus: Nexus) -> None:
        super()._left(nexus)
        self._reservation.left(nexus)

    # Exclusive claims.

    def want_alone(self, task: Task, offset: int, length: int, go_on: Callable[[], None]) -> Claim | None:
        """Let a task be alone with these bytes: see :meth:`~pysrp.target.claims.Claims.want`."""
        return self.claims.want(task, offset, length, go_on, self._all_gates)

    def _all_gates(self) -> list[tuple[Nexus, Gate]]:
        """All gates. A later gate is made closed while a command is alone or wants to be."""
        with self._lock:
            return self._gates.all()

    def _gates_may_open(self) -> None:
        with self._changing():
            """Opens the gates for which no reason is left."""

    # Its job.

    @property
    def job(self) -> Job | None:
        """The job that is under way, if there is one."""
        return self._job

    def job_begins(self, job: Job) -> None:
        """Register a job that begins. Raises Fault if another one is under way that does not give way to it."""
        with self._changing():
            if self._job is not None and not (self._job.gives_way and job.closes):
                raise Fault(SenseKey.NOT_READY, self._job.code, progress=self._job.progress)
            self._end_what_gives_way()
            self._job = job

    def _end_what_gives_way(self) -> None:
        """Stop a job that gives way to a command that has come. With the lock."""
        if self._job is not None and self._job.gives_way:
            self._job.stop()

    def job_ends(self, job: Job, nexus: Nexus | None = None, fault: Fault | None = None) -> None:
        """A job is over; ``fault``, if there is one, becomes a deferred error of that nexus."""
        with self._changing():
            if self._job is job:  # else it has given way to another job
                self._job = None
            if nexus is not None and fault is not None:
                self._defer(nexus, fault)

    # State that survives a power loss.

    def _damaged(self, damage: SenseCode | None, restricted: bool = False) -> None:
        """Set the damage of the medium, and save it; None: there is none any more. On a worker."""
        with self._saving:
            self._keep(damage=damage, restricted=restricted)
            with self._changing():
                self._damage, self._restricted = damage, restricted

    def reset(self) -> None:
        """Logical unit reset (SAM-5, 6.3.3): as after power on, and 29/00 for every nexus."""
        with self._changing():
            self._was_reset()
            for nexus in self._nexuses:
                self._attentions.withdraw(Attention.COMMANDS_CLEARED, nexus)
            self._establish(Attention.POWER_ON_OR_RESET, self._nexuses)

    def _was_reset(self) -> None:
        """Reset the state to that after power on. With the lock."""
        self._reservation.reset()
        self._deferred.clear()
        self.modes.reset()
        self._modes_changed()
        if self._not_ready == SenseCode.INITIALIZING_COMMAND_REQUIRED:
            self._not_ready = None
        self._low_power = None
        if self._job is not None and not self._job.lasting:
            self._job.stop()

    def _modes_changed(self) -> None:
        """Apply the current values of the mode pages. With the lock."""
        control = ControlPage(self.modes[ModePage.CONTROL].current)
        self.descriptor_sense = control.d_sense
        self.task_aborted = control.tas
        self.qerr = control.qerr
        self.order = self._order if control.tst == 0 else None
        self._interlock = control.ua_intlck_ctrl

    # Commands.

    def execute(self, task: Task) -> Effects:
        """Check a command and call its handler; the effects that the command needs. Raises Fault, ReservationConflict, or what
        the handler raises.
        """
        cdb = task.cdb
        found = self.commands.by_opcode.get(cdb[0])
        if type(found) is dict:
            action = cdb[1] & 0x1F if cdb[0] != VARIABLE_LENGTH else cdb[8] << 8 | cdb[9]
            entry = found.get(action)
        else:
            entry = found  # type: ignore[assignment]
        if entry is not None and entry.when is not None and not entry.there(self):
            entry = None
        if task.nexus not in self._open:
            self._admit(task, entry)
        if entry is None:
            actions = list(found.values()) if type(found) is dict else []
            if not any(each.there(self) for each in actions):
                raise Fault(
                    SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_COMMAND_OPERATION_CODE, ("cdb", 0, None)
                )
            raise invalid(actions[0].cdb, "service_action")
        size = entry.cdb.SIZE
        # A CDB with 7Fh has its own length (SPC-4, 4.2.3): bytes beyond it would be ignored.
        if len(cdb) < size or (cdb[0] == VARIABLE_LENGTH and cdb[7] != size - 8):
            raise invalid(entry.cdb, "additional_cdb_length")
        bits = int.from_bytes(cdb, "little")
        if bits & entry.refused:
            pointer = entry.first_refused(bits)
            raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_FIELD_IN_CDB, pointer)
        task.effect = effect = entry.handler(self, task, entry.cdb(cdb))
        if effect is None and not task.ended and task.transfer is None:
            log.warning(
                "%s: the handler of %s returned nothing and has not ended its task: whoever keeps that has to",
                self.name,
                entry.cdb.__name__,
            )
        return effect

    def _admit(self, task: Task, entry: SupportedCdb | None) -> None:
        """Raise unit attentions, conflicts and other conditions that are reported instead of the command, in the order of SAM-5,
        5.3.3.
        """
        nexus = task.nexus
        told = entry is None or entry.reports_attention
        with self._changing(nexus):
            pending = self._attentions.of(nexus) if told else []
            if not pending or pending[0] >> 8 != RESET:
                self._reservation.check(nexus, entry, task.cdb)
                self._persistent.check(nexus, entry, task.cdb)
            fault = (self._tell_attention(task) or self._tell_deferred(task)) if told else None
            if fault is not None:
                raise fault
            if entry is not None:
                self._let(nexus, entry, task.cdb)

    def _let(self, nexus: Nexus, entry: SupportedCdb, cdb: bytes) -> None:
        """Raise the Fault that refuses a command, unit attentions and reservations aside. With the lock."""
        if self._port_groups is not None:
            self._port_groups.check(nexus.relative_port, entry, cdb)
        if self._job is not None and self._job.refuses(entry):
            raise self._job.fault()
        if not entry.medium:
            return
        if self._not_ready is not None:
            raise Fault(SenseKey.NOT_READY, self._not_ready)
        if self._damage is not None and entry.cdb not in MENDS[self._damage]:
            raise Fault(SenseKey.MEDIUM_ERROR, self._damage)
        if entry.cdb is not cdbs.TestUnitReady:
            self._low_power = None

    def let(self, nexus: Nexus, cdb: bytes) -> None:
        """Raise Fault or ReservationConflict if a command (16-byte CDB) is refused that another unit of the target does here for
        a nexus. Unit attentions do not count: they are for the initiator's own commands.
        """
        entry = self.commands.by_opcode.get(cdb[0])
        if not isinstance(entry, SupportedCdb):
            raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_COMMAND_OPERATION_CODE)
        with self._lock:
            self._reservation.check(nexus, entry, cdb)
            self._persistent.check(nexus, entry, cdb)
            self._let(nexus, entry, cdb)

    def _unready(self) -> SenseCode | None:
        """Why commands for the medium are NOT READY, if they are."""
        return self._not_ready

    def failed(self, task: Task, error: Exception) -> None:
        """Work for the task raised ``error``: end the task with sense data."""
        if isinstance(error, ScsiError):
            task.end(error.status, error.sense)
            return
        if not isinstance(error, Fault):
            log.error("%s: %r: %r", self.name, task, error, exc_info=error)
        task.end(Status.CHECK_CONDITION, self.fault_of(error).data(self.descriptor_sense))

    def fault_of(self, error: Exception) -> Fault:
        """The Fault by which an error of a backend, or of other work, is reported: HARDWARE ERROR, if it is no Fault itself."""
        if isinstance(error, Fault):
            return error
        return Fault(SenseKey.HARDWARE_ERROR, SenseCode.INTERNAL_TARGET_FAILURE)
