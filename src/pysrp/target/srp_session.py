"""One SRP session of a target port: credits, commands, answers, on any transport (SRP r16a, clauses 5 and 6).

A :class:`TargetSession` is an I_T nexus that is logged in. It has one :class:`Channel` for each connection, and a channel has a
:class:`~pysrp.target.link.Link`: the adapter that delivers the IUs and writes the answers. All channels of a session belong to
one thread.

Errors are answered as follows (drivers differ much in this):

====================================================  ======================================================
IU                                                    answer
====================================================  ======================================================
more requests than credits; an opcode that only       Link.violated() is called
targets send, or an unknown one
CMD with bad descriptors or too short for what        CHECK CONDITION, 05/0E/03 INVALID FIELD IN COMMAND
it claims; immediate data that was not agreed on      INFORMATION UNIT
descriptors that lead outside the client's memory     CHECK CONDITION, 0B/4B/00 DATA PHASE ERROR
task attribute ACA; unassigned ones                   CHECK CONDITION, 0B/49/00; as ORDERED
====================================================  ======================================================

Credits. Every answer to a CMD or TSK_MGMT gives one back. An aborted command has no answer: the answer to the function
that aborted it gives its credit back too. Linux takes such a credit back by itself as well, and so counts it twice; so a client
may exceed the limit by as many requests.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pysrp import srp
from pysrp._fast.gate import REVOKED, TASKS, Gate
from pysrp._fast.lane import NativeRequest
from pysrp.errors import DecodeError, TransportError
from pysrp.loglimit import limit
from pysrp.lun import Lun
from pysrp.srp import TaskAttribute
from pysrp.target.descriptors import LARGEST_TABLE, IndirectTable
from pysrp.target.effects import check
from pysrp.target.grant import Grant
from pysrp.target.link import Link, Segment
from pysrp.target.lunmap import LunMap
from pysrp.target.management import Awaited, Management
from pysrp.target.medium import Medium
from pysrp.target.shared_tasks import SharedTaskSet
from pysrp.target.task import (
    INVALID_FIELD_IN_IU,
    INVALID_MESSAGE,
    Mover,
    Nexus,
    Task,
    Underway,
    Unit,
)

__all__ = ["Arrivals", "Channel", "SrpTask", "TargetSession", "TaskSet"]

log: logging.Logger = limit(logging.getLogger("pysrp.target"))

EXTRA_CREDITS = 1024
MOST_FOUND = 1024
"""LUNs whose units a session remembers."""

CHECK_CONDITION = 0x02
ALL_OF_THE_SET = 1
"""QERR 01b: CHECK CONDITION ends all commands of the task set, of every nexus."""
REPORT_LUNS = 0xA0
CMD, TSK_MGMT, CRED_RSP = int(srp.Opcode.CMD), int(srp.Opcode.TSK_MGMT), int(srp.Opcode.CRED_RSP)
DATA_OUT, DATA_IN = srp.Cmd.data_out.segments, srp.Cmd.data_in.segments
IMMEDIATE = int(srp.BufferFormat.IMMEDIATE)
Data = tuple[Sequence[Segment], int, Any]
"""An SRP_CMD's data in one direction: segments, bytes, and the arguments of an IndirectTable if its table is incomplete."""
NO_DATA: Data = (), 0, None
SIMPLE, HEAD_OF_QUEUE, ORDERED = TaskAttribute.SIMPLE, TaskAttribute.HEAD_OF_QUEUE, TaskAttribute.ORDERED
ATTRIBUTES = SIMPLE, HEAD_OF_QUEUE, ORDERED


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class SrpTask(Task):
    """A task, with what its answer needs from the SRP_CMD."""

    where: Any
    sol_not: int
    channel: Channel
    tables: list[tuple[bool, IndirectTable]] | None = field(default=None, init=False)
    """Indirect tables that have to be fetched before it can begin, and whether they are for data-out."""
    begins: tuple[Any, ...] | None = field(default=None, init=False)
    """The call that begins the task then, once its task set permits it."""

    def unreachable(self, error: TransportError) -> None:
        """As :meth:`Task.unreachable`; while a table is fetched, end with an error of the IU."""
        if self.tables is None:
            Task.unreachable(
                self, error
            )  # not super(): dataclass(slots=True) makes a new class, and super() means the old one
        else:
            log.warning("%r: %s", self, error)
            self.end(CHECK_CONDITION, INVALID_FIELD_IN_IU)


class Arrivals:
    """How many requests were outstanding ``before`` IUs were last taken from the link, and how many of the IUs taken were
    requests (``seen``).

    This is the part of a native lane (:class:`pysrp._fast.lane.Lane`) that a session uses, for a link without a lane.
    """

    __slots__ = ("before", "seen")

    under_way = 0

    before: int
    seen: int

    def __init__(self) -> None:
        self.before = self.seen = 0

    def hand_over(self, luns: Collection[int] | None = None) -> Sequence[NativeRequest]:
        """No requests: there is no lane."""
        return ()


class Channel:
    """One connection of a session, and its credits. ``credits`` is how many requests it may have outstanding.

    ``immediate`` is where in an SRP_CMD immediate data begins, in bytes, as agreed at login
    (:func:`~pysrp.target.login.immediate_offset`); 0: there is none.

    ``arrivals`` counts requests that were taken together, for a link that takes many at once: they were all outstanding
    at that time, even if some are answered by now. Without it the requests that are outstanding now are counted.
    """

    __slots__ = (
        "allowed",
        "arrivals",
        "asked",
        "immediate",
        "limit",
        "link",
        "mover",
        "outstanding",
        "owed",
        "session",
        "told",
    )

    asked: bool
    outstanding: int
    owed: int
    told: int

    def __init__(
        self,
        session: TargetSession,
        link: Link,
        mover: Mover,
        credits: int,
        arrivals: Any = None,
        immediate: int = 0,
    ) -> None:
        self.session: TargetSession = session
        self.link: Link = link
        self.mover: Mover = mover
        self.limit: int = credits
        self.arrivals: Any = arrivals
        self.immediate: int = immediate
        self.allowed: int = credits
        """How many requests may be outstanding: the limit, and the credits that a client may have counted twice."""
        self.outstanding = 0
        """Requests whose answer has not been sent."""
        self.owed = 0
        """Credits still to be given back: an answer could not be written, or there was none on this channel."""
        self.told = 0
        """How many times credits were given without an answer, which is the tag of the last SRP_CRED_REQ."""
        self.asked = False
        """Whether the last SRP_CRED_REQ has no SRP_CRED_RSP yet: a target has one request at a time."""
        session.channels.append(self)

    def arrived(self, where: Any, iu: bytes) -> None:
        """The initiator sent a request: ``iu`` is private memory, of 16 bytes at least."""
        opcode = iu[0]
        if opcode != CMD and opcode != TSK_MGMT:
            if opcode == CRED_RSP and self.asked and int.from_bytes(iu[8:16], "big") == self.told:
                self.asked = False
                self.settle()
                return
            self.link.violated(f"an IU with opcode {opcode:#x}", srp.TLogoutReason.INVALID_IU_TYPE)
            return
        count = self.arrivals
        if (self.outstanding if count is None else count.before + count.seen) >= self.allowed:
            self.link.violated(f"more than {self.limit} requests at once")
            return
        if count is not None:
            count.seen += 1
        self.outstanding += 1
        if opcode == CMD:
            self.session.command(self, where, iu)
        else:
            self.session.management.request(self, where, iu)

    def sent(self) -> None:
        """An answer has been sent: its request is not outstanding any more."""
        self.outstanding -= 1

    def allow(self, more: int) -> None:
        """Permit ``more`` requests beyond the limit, as the client may have counted that many credits twice."""
        self.allowed = min(self.allowed + more, self.limit + EXTRA_CREDITS)

    def forgive(self) -> None:
        """A request of this channel was aborted through another channel: without an answer here, its credit is owed."""
        self.outstanding -= 1
        self.owed += 1

    def settle(self) -> None:
        """Give owed credits back by an SRP_CRED_REQ, if the link can send one; else the next answer has them."""
        if not self.owed or self.asked:
            return
        credits, self.owed, self.asked = self.owed, 0, True
        self.told += 1
        if not self.link.send_credits(self, self.told, credits):
            self.owed, self.asked = self.owed + credits, False


class TaskSet:
    """The task set of one unit for one nexus.

    Tasks in order of arrival: dormant ones wait, enabled ones are with the unit.

    HEAD OF QUEUE begins at once. ORDERED begins when no older task is left. SIMPLE begins when no older ORDERED task
    and no HEAD OF QUEUE task is left. So the oldest dormant task decides: if it has to wait, all behind it do.
    ``gates`` are closed while there are tasks, as the native lane keeps no order.
    """

    __slots__ = ("_barriers", "_enabled", "_gates", "beginning", "dormant")

    order = None
    """None: it is not shared with other nexuses."""

    def __init__(self, gates: Sequence[Gate] = ()) -> None:
        self._gates = gates
        self.dormant: deque[Task] = deque()
        self.beginning: bool = False
        """Whether :meth:`TargetSession.pump` is beginning dormant tasks: a task that ends meanwhile need not call it."""
        self._enabled: set[Task] = set()
        self._barriers = 0

    def __len__(self) -> int:
        return len(self.dormant) + len(self._enabled)

    def guard(self, gates: Sequence[Gate]) -> None:
        """Replace the gates."""
        self._gates = gates
        if len(self):
            for gate in gates:
                gate.close(TASKS)

    def add(self, task: Task) -> bool:
        """Add a task that has arrived; whether it begins at once."""
        for gate in self._gates:
            gate.close(TASKS)
        if task.attribute == SIMPLE and not self.dormant and not self._barriers:
            self._enabled.add(task)
            return True
        if task.attribute != HEAD_OF_QUEUE and (self.dormant or not self._ready(task)):
            self.dormant.append(task)
            return False
        self._enable(task)
        return True

    def adopt(self, task: Task) -> None:
        """Add a task that has begun already: it is older than any task that has to keep an order with it."""
        for gate in self._gates:
            gate.close(TASKS)
        self._enable(task)

    def leave(self) -> tuple[list[Task], list[Task]]:
        """Its tasks, as they move to another set: those that have begun, and those that have not."""
        return list(self._enabled), list(self.dormant)

    def discard(self, task: Task) -> None:
        """Remove a task that has ended or was aborted. :meth:`next` then gives the tasks that waited for it."""
        if task in self._enabled:
            self._enabled.remove(task)
            self._barriers -= task.attribute != SIMPLE
        elif task in self.dormant:
            self.dormant.remove(task)
        if self._gates and not len(self):
            for gate in self._gates:
                gate.open(TASKS)

    def next(self) -> Task | None:
        """Take the next dormant task out, if it may begin; else None."""
        if not self.dormant or not self._ready(self.dormant[0]):
            return None
        task = self.dormant.popleft()
        self._enable(task)
        return task

    def _ready(self, task: Task) -> bool:
        return not (self._enabled if task.attribute == ORDERED else self._barriers)

    def _enable(self, task: Task) -> None:
        self._enabled.add(task)
        self._barriers += task.attribute != SIMPLE


class TargetSession:
    """One I_T nexus that is logged in.

    ``post`` lets the thread that owns it call a function soon; ``name`` is the adapter's, for the log; ``per_target`` is
    for :meth:`~pysrp.target.lunmap.LunMap.report_luns`.
    """

    def __init__(
        self,
        nexus: Nexus,
        luns: LunMap,
        post: Callable[[Callable[[], None]], None],
        *,
        name: str = "",
        per_target: bool = False,
    ) -> None:
        self.nexus = nexus
        self.name = name
        self.luns = luns
        self.per_target = per_target
        self.channels: list[Channel] = []
        self.tasks: dict[SrpTask, None] = {}
        self.sets: dict[Unit, TaskSet | SharedTaskSet] = {}
        self._granted: dict[int, tuple[Any, Grant]] = {}
        """By LUN: the export, and what it grants to the native lane."""
        self._gates: dict[Unit, tuple[Gate, ...]] = {}
        self.over: bool = False
        self.told = False
        """Whether a login has established the unit attentions of a new nexus."""
        self.management: Management = Management(self, post)
        nexus.abort = self.management.end_tasks
        nexus.reaches = partial(luns.visible, nexus)
        self._copying: dict[Underway, SrpTask] = {}
        """Transfers of aborted tasks that the link still copies for, and the tasks."""
        self.idle: Awaited = Awaited(lambda: self.tasks)
        """Waits until there is no task of some kind."""
        self.quiet: Awaited = Awaited(self._copying.values)
        """Waits until no link copies for an aborted task of some kind."""
        self._found: dict[bytes, Any] = {}
        self._exports: Any = None
        luns.bind(nexus)

    def end(self) -> None:
        """The nexus is lost (SAM-5, 6.3.4): its tasks are aborted, without answers."""
        self.over = True
        self.take_over()
        self.abort(list(self.tasks))
        self._granted, self._gates = {}, {}
        self.luns.unbind(self.nexus)
        log.info("%s: session of %s ended", self.name, self.nexus.name)

    @property
    def outstanding(self) -> int:
        """Requests whose answers have not been sent."""
        return sum(channel.outstanding for channel in self.channels)

    def told_limits(self) -> None:
        """Another largest transfer was announced to the initiator, which changes the units that it sees."""
        self.take_over()
        self._exports = None
        self._granted = {}
        self.luns.bind(self.nexus)

    def find(self, lun: bytes) -> Any:
        """The export at a LUN, None where there is none. Called for each command, so cached until the map changes."""
        if self.luns.exports is not self._exports:
            self._exports, self._found = self.luns.exports, {}
            # Empty task sets are dropped, also of removed units: this may be the last reference to a unit.
            self.sets = {unit: tasks for unit, tasks in self.sets.items() if len(tasks)}
        try:
            return self._found[lun]
        except KeyError:
            export = self.luns.find(self.nexus, lun)
            if len(self._found) < MOST_FOUND:
                self._found[lun] = export
            return export

    def grants(self) -> list[Grant]:
        """Renew the grants of its units to the native lane, and tie the gates to the task sets; the grants."""
        self.take_over()
        before, self._granted, self._gates = self._granted, {}, {}
        for export in self.luns.visible(self.nexus):
            unit: Any = export.unit
            old, grant = before.get(export.lun, (None, None))
            if old is not export or grant is None or grant.gate.reasons & REVOKED:
                grant = (
                    unit.grant(self.nexus, export.lun, export.read_only) if hasattr(unit, "grant") else None
                )
            if grant is not None:
                self._granted[export.lun] = export, grant
                self._gates[unit] = (*self._gates.get(unit, ()), grant.gate)
        for unit, tasks in self.sets.items():
            tasks.guard(self._gates.get(unit, ()))
        return [grant for _, grant in self._granted.values()]

    def media(self) -> set[Medium]:
        """The media of its units now, and those granted to the native lane; another thread may be changing the former."""
        found = [getattr(export.unit, "backend", None) for export in self.luns.exports.values()]
        found += [grant.medium for _, grant in self._granted.values()]
        return {each for each in found if isinstance(each, Medium)}

    def drop(self, channel: Channel) -> None:
        """A channel is closed: abort its tasks, as they cannot be answered any more."""
        self.take_over()
        self.channels.remove(channel)
        self.abort([task for task in self.tasks if task.channel is channel])
        for tasks in self.sets.values():
            self.pump(tasks)

    def when_idle(self, unit: Unit, done: Callable[[], None]) -> None:
        """Call ``done`` as soon as there is no task at ``unit``."""
        self.take_over(unit)
        self.idle.when(lambda task: task.concerns(unit), done)

    # The native lane's requests.

    def take_over(self, unit: Unit | None = None) -> None:
        """Make tasks of the requests that the native lane has under way, for one unit or for all.

        Also of those for units that are not at their LUN any more: a task management function for that LUN concerns them too.
        """
        there = self.luns.exports
        for channel in self.channels:
            count = channel.arrivals
            if count is not None and count.under_way:
                luns = None
                if unit is not None:
                    luns = {
                        lun
                        for lun, (export, _) in self._granted.items()
                        if export.unit is unit or there.get(lun) is not export
                    }
                for late in count.hand_over(luns):
                    self.adopt(channel, late)

    def adopt(self, channel: Channel, late: NativeRequest) -> None:
        """Make a task of one request of the native lane."""
        export, grant = self._granted[late.lun]
        raw = late.iu
        iu = srp.Cmd(raw)
        task = self._task(
            channel,
            late.where,
            raw,
            raw[32:48],
            export,
            DATA_OUT(iu, LARGEST_TABLE),
            DATA_IN(iu, LARGEST_TABLE),
        )
        channel.outstanding += 1
        self._set_of(export.unit).adopt(task)
        task.claim(late.offset, late.size)  # it runs already: a command that wants to be alone waits for it
        task.mover.adopt(task, grant.medium, late)

    # Commands.

    def command(self, channel: Channel, where: Any, raw: bytes) -> None:
        """An SRP_CMD arrived."""
        try:
            iu = srp.Cmd(raw)
        except DecodeError:
            self._malformed(channel, where, raw)
            return
        fault: Exception | None = None
        out = inward = NO_DATA
        data = None
        cdb = raw[32:48]
        try:
            if raw[31] & 0xFC:
                cdb = bytes(iu.cdb)
            if raw[5]:
                if channel.immediate and raw[5] >> 4 == IMMEDIATE:
                    data = iu.imm_data(channel.immediate)
                    out = [(0, len(data), 0)], len(data), None
                else:
                    out = DATA_OUT(iu, LARGEST_TABLE)
                inward = DATA_IN(iu, LARGEST_TABLE)
        except DecodeError as error:
            fault = error
        export = self.find(raw[20:28])
        task = self._task(channel, where, raw, cdb, export, out, inward)
        if data is not None:
            task.mover = channel.mover.carrying(data)
        if fault is not None:
            log.warning("%s: %r: %s", self.name, task, fault)
            task.end(CHECK_CONDITION, INVALID_FIELD_IN_IU)
            return
        if out[2] or inward[2]:
            task.tables = [
                (outward, IndirectTable(*table))
                for outward, table in ((True, out[2]), (False, inward[2]))
                if table is not None
            ]
            task.attempt(self._fetch_table, task)
            if task.ended:
                return
        self._order(task, export)

    def _task(
        self, channel: Channel, where: Any, raw: bytes, cdb: bytes, export: Any, out: Data, inward: Data
    ) -> SrpTask:
        """The task of an SRP_CMD that arrived."""
        task = SrpTask(
            self.nexus,
            Lun(raw[20:28]),
            int.from_bytes(raw[8:16], "big"),
            cdb,
            where=where,
            sol_not=raw[1],
            channel=channel,
            unit=export.unit if export else None,
            mover=channel.mover,
            finish=self.finish,
            attribute=raw[29] & 7,
            data_out=out[0],
            data_in=inward[0],
            data_out_length=out[1],
            data_in_length=inward[1],
            read_only=export.read_only if export else False,
        )
        self.tasks[task] = None
        return task

    def _order(self, task: SrpTask, export: Any) -> None:
        """Let a command begin when its task attribute and those of others allow it."""
        if task.attribute == TaskAttribute.ACA:
            self._begin(task, check, INVALID_MESSAGE)
        elif task.cdb[0] == REPORT_LUNS:
            self._begin(task, self.luns.report_luns, task, self.per_target)
        elif export is None:
            self._begin(task, self.luns.absent, task)
        else:
            if task.attribute not in ATTRIBUTES:
                task.attribute = ORDERED
            unit = export.unit
            if task.attribute == ORDERED:  # it has to wait for the native lane's requests too
                self.take_over(unit)
            tasks = self.sets.get(unit)
            if tasks is None or tasks.order is not getattr(unit, "order", None):
                tasks = self._set_of(unit)
            if tasks.add(task):
                self._begin(task, unit.execute, task)

    def _set_of(self, unit: Unit) -> TaskSet | SharedTaskSet:
        """The task set for a unit: shared with other nexuses, if the unit's TST says so."""
        order = getattr(unit, "order", None)
        before = self.sets.get(unit)
        if before is not None and before.order is order:
            return before
        gates = self._gates.get(unit, ())
        tasks = TaskSet(gates) if order is None else SharedTaskSet(order, self._begin_shared, gates)
        self.sets[unit] = tasks
        if before is not None:
            begun, dormant = before.leave()
            for task in begun:
                tasks.adopt(task)
            for task in dormant:
                if tasks.add(task):  # the task that it waited for may be in another task set now
                    self._begin_shared(task)
        return tasks

    def _begin_shared(self, task: Task) -> None:
        self._begin(task, task.unit.execute, task)

    @staticmethod
    def _begin(task: Any, *call: Any) -> None:
        """Begin a command, or have it begin when its tables have been fetched."""
        if task.tables is None:
            task.attempt(*call)
        else:
            task.begins = call

    def _fetch_table(self, task: SrpTask) -> None:
        assert task.tables
        table = task.tables[0][1]
        # By the channel's own mover: a table is never immediate data.
        task.channel.mover.fetch(task, [table.rest], table.rest[1], partial(self._table, task))

    def _table(self, task: SrpTask, data: memoryview) -> None:
        """A table has been fetched."""
        assert task.tables
        outward, table = task.tables[0]
        if outward:
            task.data_out, task.data_out_length = table.segments(data)
        else:
            task.data_in, task.data_in_length = table.segments(data)
        if len(task.tables) > 1:
            del task.tables[0]
            self._fetch_table(task)
            return
        task.tables = None
        if task.begins is not None:
            task.attempt(*task.begins)

    def _malformed(self, channel: Channel, where: Any, raw: bytes) -> None:
        """Answer an SRP_CMD that is too short for what it claims."""
        task = SrpTask(
            self.nexus,
            Lun(),
            int.from_bytes(raw[8:16], "big"),
            bytes(16),
            where=where,
            sol_not=raw[1],
            channel=channel,
            unit=None,
            mover=channel.mover,
            finish=self.finish,
        )
        self.tasks[task] = None
        task.end(CHECK_CONDITION, INVALID_FIELD_IN_IU)

    def finish(self, task: Task) -> None:
        """A task has ended: answer it."""
        assert isinstance(task, SrpTask)
        del self.tasks[task]
        channel = task.channel
        credits = 1 + channel.owed
        if channel.link.answer(task, credits):
            channel.owed = 0
        else:
            channel.owed = credits
            task.undelivered()
        if task.status == CHECK_CONDITION and getattr(task.unit, "qerr", False):
            self._clear_affected(task.unit)
        tasks = self.sets.get(task.unit)
        if tasks is not None:
            tasks.discard(task)
            if tasks.dormant:
                self.pump(tasks)
        if self.idle.waiting:
            self.idle.tell()

    def _clear_affected(self, unit: Any) -> None:
        """QERR: after CHECK CONDITION, end the other commands of this nexus, and with 01b those of the whole task set."""
        self.take_over(unit)
        self.clear([each for each in self.tasks if each.unit is unit])
        if unit.qerr == ALL_OF_THE_SET and unit.order is not None:
            self.management.clear_others(unit, lambda: None)

    @staticmethod
    def pump(tasks: TaskSet | SharedTaskSet) -> None:
        """Begin all dormant tasks that may begin."""
        if tasks.beginning:  # re-entered by a task that has ended at once
            return
        tasks.beginning = True
        try:
            while (task := tasks.next()) is not None:
                TargetSession._begin(task, task.unit.execute, task)
        finally:
            tasks.beginning = False

    # Aborting.

    def take_back(self, tasks: Sequence[SrpTask]) -> None:
        """Cancel these tasks and take them out of their task sets. The link may still copy for some: see :attr:`quiet`."""
        ending = [(task.transfer, task) for task in tasks if task.transfer is not None]
        # Tasks that wait for staged memory first: a chunk that a running one returns must not start them.
        for transfer, task in sorted(ending, key=lambda each: each[0].request is not None):
            if not transfer.cancel(partial(self._copied, transfer)):
                self._copying[transfer] = task
        for task in tasks:
            task.transfer = None
            task.close()
            if task.unit in self.sets:
                self.sets[task.unit].discard(task)

    def abort(self, tasks: Sequence[SrpTask]) -> None:
        """End tasks without an answer."""
        for task in tasks:
            task.aborted = task.ended = True  # so that a handler that is closed cannot send an answer
        self.take_back(tasks)
        for task in tasks:
            del self.tasks[task]
        self.idle.tell()

    def clear(self, tasks: Sequence[SrpTask]) -> None:
        """End tasks without an answer, other than by a function of this nexus: give their credits back separately."""
        self.abort(tasks)
        for task in tasks:
            task.channel.allow(1)  # the client may count this credit by itself, too
            task.channel.forgive()
        for channel in dict.fromkeys(task.channel for task in tasks):
            channel.settle()

    def _copied(self, transfer: Underway) -> None:
        del self._copying[transfer]
        self.quiet.tell()
