"""Task management functions of a session (SAM-5, clause 7; SRP r16a, 6.7).

====================================================  ======================================================
request                                               response code
====================================================  ======================================================
TSK_MGMT too short, LUN without a unit and a task     2, REQUEST FIELDS INVALID
unknown function, CLEAR ACA (there is no ACA)         4, FUNCTION NOT SUPPORTED
ABORT TASK of an unknown task                         0: it has ended, which is all that is needed
====================================================  ======================================================
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pysrp import srp
from pysrp.errors import DecodeError
from pysrp.loglimit import limit
from pysrp.srp import RspCode, TskMgmtFunc
from pysrp.target.task import Task, Unit, end_tasks

if TYPE_CHECKING:
    from pysrp.target.srp_session import Channel, SrpTask, TargetSession

__all__ = ["Awaited", "Management"]

log: logging.Logger = limit(logging.getLogger("pysrp.target"))

TASK_ABORTED = 0x40
COMMANDS_CLEARED = 0x2F, 0x00
FUNCTIONS = (
    TskMgmtFunc.ABORT_TASK,
    TskMgmtFunc.ABORT_TASK_SET,
    TskMgmtFunc.CLEAR_TASK_SET,
    TskMgmtFunc.LUN_RESET,
)


class Awaited:
    """Functions that are called once no task of some kind is among those that ``under_way`` returns."""

    __slots__ = ("_under_way", "waiting")

    def __init__(self, under_way: Callable[[], Collection[SrpTask]]) -> None:
        self._under_way = under_way
        self.waiting: list[tuple[Callable[[SrpTask], bool], Callable[[], None]]] = []

    def when(self, concerned: Callable[[SrpTask], bool], done: Callable[[], None]) -> None:
        """Call ``done`` as soon as ``concerned`` is true of no task under way: now, or from :meth:`tell`."""
        if any(map(concerned, self._under_way())):
            self.waiting.append((concerned, done))
        else:
            done()

    def tell(self) -> None:
        """Call the functions that need not wait any more."""
        for each in [each for each in self.waiting if not any(map(each[0], self._under_way()))]:
            if each in self.waiting:  # not called yet by a nested tell()
                # Removed first, and one by one: if it raises, it is not called again, and the others still wait.
                self.waiting.remove(each)
                each[1]()


class Management:
    """Carries out the task management functions of one session's initiator, and the effects here of other nexuses' functions."""

    def __init__(self, session: TargetSession, post: Callable[[Callable[[], None]], None]) -> None:
        self._session = session
        self._post = post

    def request(self, channel: Channel, where: Any, raw: bytes) -> None:
        """An SRP_TSK_MGMT arrived."""
        session = self._session
        answer = partial(self._answer, channel, where, int.from_bytes(raw[8:16], "big"), raw[1])
        try:
            iu = srp.TskMgmt(raw)
        except DecodeError:
            answer(RspCode.FIELDS_INVALID)
            return
        lun = raw[20:28]
        export = session.find(lun)
        function = int(iu.tsk_mgmt_func)
        log.info("%s: task management function %#x, LUN %s", session.name, function, lun.hex())
        if function not in FUNCTIONS:
            answer(RspCode.TSK_MGMT_FUNC_NOT_SUPP)
            return
        unit = export.unit if export else None
        session.take_over(unit)

        # Also tasks of a unit that was at this LUN when they came, and has been replaced or removed since.
        def concerned(task: SrpTask) -> bool:
            return bytes(task.lun) == lun or (unit is not None and task.concerns(unit))

        tasks = [
            task
            for task in session.tasks
            if bytes(task.lun) == lun or (unit is not None and task.unit is unit)
        ]
        if function == TskMgmtFunc.ABORT_TASK:
            tasks = [task for task in tasks if task.tag == iu.task_tag]
        if unit is None and not tasks:
            answer(RspCode.FIELDS_INVALID)
            return
        session.abort(tasks)
        aborted = 0
        for task in tasks:
            # Now, as the client may count the credit before the answer to this function is sent.
            task.channel.allow(1)
            if task.channel is channel:
                aborted += 1
            else:
                task.channel.forgive()
        for other in dict.fromkeys(task.channel for task in tasks if task.channel is not channel):
            other.settle()
        done = partial(answer, RspCode.NO_FAILURE, aborted)
        if function == TskMgmtFunc.LUN_RESET and unit is not None:
            # Commands of other units that use this unit end too, with an answer: the initiator has not aborted them.
            copies = [task for task in session.tasks if task.concerns(unit)]
            session.take_back(copies)
            done = partial(self._aborted, copies, partial(self._reset, unit, done))
        elif function == TskMgmtFunc.CLEAR_TASK_SET and getattr(unit, "order", None) is not None:
            # Without a shared task set, CLEAR TASK SET is ABORT TASK SET: each nexus has a task set of its own.
            done = partial(self.clear_others, unit, done)
        session.quiet.when(concerned, done)
        for each in {unit, *(task.unit for task in tasks)}:
            if each in session.sets:
                session.pump(session.sets[each])

    def _answer(
        self, channel: Channel, where: Any, tag: int, sol_not: int, code: int, aborted: int = 0
    ) -> None:
        """Answer a function; the answer also returns the credits of the commands that were aborted."""
        if self._session.over or channel not in self._session.channels:
            return
        channel.outstanding -= aborted
        credits = 1 + aborted + channel.owed
        written = channel.link.answer_function(channel, where, tag, sol_not, credits, code)
        channel.owed = 0 if written else credits

    def clear_others(self, unit: Any, done: Callable[[], None]) -> None:
        """End the tasks of the other nexuses in the shared task set, then call ``done``."""
        others = [nexus for nexus in unit.nexuses() if nexus is not self._session.nexus]
        end_tasks(unit, others, self._post, done, own=True)

    def _reset(self, unit: Unit, answer: Callable[[], None]) -> None:
        """LOGICAL UNIT RESET: reset the unit after the tasks of every nexus have ended."""
        others = [nexus for nexus in unit.nexuses() if nexus is not self._session.nexus]
        end_tasks(unit, others, self._post, partial(self._reset_done, unit, answer))

    @staticmethod
    def _reset_done(unit: Unit, answer: Callable[[], None]) -> None:
        unit.reset()
        answer()

    def end_tasks(
        self, unit: Unit, done: Callable[[], None], but: Task | None = None, own: bool = False
    ) -> None:
        """End this nexus's tasks for a unit with TASK ABORTED, except ``but``, then call ``done``: another nexus resets the unit
        or clears the task set, or a nexus preempts and aborts. ``own``: only tasks of the unit itself, as for CLEAR TASK SET.

        Their answers return the credits. Without TAS they end without an answer, and a unit attention follows (06/2F/00).
        """
        session = self._session
        session.take_over(unit)
        tasks = [
            task
            for task in session.tasks
            if (task.unit is unit or (not own and task.concerns(unit))) and task is not but
        ]
        if tasks and not getattr(unit, "task_aborted", True):
            session.clear(tasks)
            unit.attention(*COMMANDS_CLEARED, session.nexus)
            tasks = []
        session.take_back(tasks)
        session.quiet.when(lambda task: task.concerns(unit), partial(self._aborted, tasks, done))

    def _aborted(self, tasks: Sequence[SrpTask], done: Callable[[], None]) -> None:
        """The tasks cannot touch the initiator's memory any more: answer them."""
        for task in tasks:
            task.end(TASK_ABORTED)
        for channel in self._session.channels:
            channel.link.flush()
        done()
