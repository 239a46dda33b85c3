"""One task set for all nexuses of a unit (TST 000b; SPC-5, 7.5.9; SAM-6, 8.6 to 8.8).

It is an :class:`Order`, of which each session has its own tasks as a :class:`SharedTaskSet`. Where each nexus has a task
set, which is so by default, that is a :class:`~pysrp.target.srp_session.TaskSet`, which its session's thread alone knows:
then no lock is taken for a command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from threading import Lock

from pysrp._fast.gate import ALONE, TASKS, Gate
from pysrp.srp import TaskAttribute
from pysrp.target.task import Nexus, Task

__all__ = ["Order", "SharedTaskSet"]

SIMPLE, HEAD_OF_QUEUE, ORDERED = TaskAttribute.SIMPLE, TaskAttribute.HEAD_OF_QUEUE, TaskAttribute.ORDERED


class Order:
    """The tasks of all nexuses of one unit, where those have one task set together. Any thread.

    The rules are those of :class:`~pysrp.target.srp_session.TaskSet`. While there is a task that has to wait, or that others
    have to wait for, the gates of all nexuses are closed (ALONE): who is at the engine is here, and what is under way behind
    a gate came before.
    ``gates`` gives those that there are, and ``over`` is called, without a lock, when they may open again.
    """

    def __init__(self, gates: Callable[[], Iterable[tuple[Nexus, Gate]]], over: Callable[[], None]) -> None:
        self._gates = gates
        self._over = over
        self._lock = Lock()
        self._enabled: set[Task] = set()
        self._barriers = 0
        self._dormant: deque[tuple[Task, SharedTaskSet]] = deque()
        self._lanes = 0
        """Gates behind which commands are under way that came before a task that waits."""

    @property
    def bars(self) -> bool:
        """Whether a command that comes now may have to wait."""
        return bool(self._barriers or self._dormant)

    def add(self, task: Task, part: SharedTaskSet) -> bool:
        """A task arrives; whether it may begin now. If not, or while this goes on, ``part`` is told, in the thread of its nexus."""
        special = task.attribute != SIMPLE
        with self._lock:
            if task.attribute == HEAD_OF_QUEUE or not (special or self.bars):
                self._enable(task)
            else:
                self._dormant.append((task, part))
            self._lanes += special  # until all gates are closed
        if not special:
            return self._may_begin(task)
        for nexus, gate in self._gates():
            with self._lock:
                self._lanes += 1
            # What the lane hands over becomes tasks, and is here, before its loop calls what is posted.
            if gate.close(ALONE, partial(nexus.post, self._drained)):
                with self._lock:
                    self._lanes -= 1
        with self._lock:
            self._lanes -= 1
            ready = self._ready()
        self._tell(each for each in ready if each[0] is not task)
        return self._may_begin(task)

    def adopt(self, task: Task) -> None:
        """A task is with the unit already."""
        with self._lock:
            self._enable(task)

    def _may_begin(self, task: Task) -> bool:
        with self._lock:
            return task in self._enabled

    def discard(self, task: Task) -> None:
        """A task has ended, or been aborted, or belongs elsewhere now."""
        with self._lock:
            barred = self.bars
            if task in self._enabled:
                self._enabled.remove(task)
                self._barriers -= task.attribute != SIMPLE
            else:
                self._dormant = deque(each for each in self._dormant if each[0] is not task)
            ready = self._ready()
            over = barred and not self.bars
        if over:
            self._over()
        self._tell(ready)

    def _drained(self) -> None:
        """Of what was under way behind one gate nothing is any more."""
        with self._lock:
            self._lanes -= 1
            ready = self._ready()
        self._tell(ready)

    def _enable(self, task: Task) -> None:
        self._enabled.add(task)
        self._barriers += task.attribute != SIMPLE

    def _ready(self) -> list[tuple[Task, SharedTaskSet]]:
        """Those that may begin now: they are not dormant any more. With the lock."""
        found = []
        while self._dormant:
            task = self._dormant[0][0]
            if (self._enabled or self._lanes) if task.attribute == ORDERED else self._barriers:
                break
            self._enable(task)
            found.append(self._dormant.popleft())
        return found

    @staticmethod
    def _tell(ready: Iterable[tuple[Task, SharedTaskSet]]) -> None:
        """Let these begin, each in its own thread."""
        for task, part in ready:
            task.nexus.post(partial(part.begin, task))


class SharedTaskSet:
    """The tasks that one nexus has in the task set of all: in its session what :class:`~pysrp.target.srp_session.TaskSet` is.

    ``call`` begins one. All of it is for the session's thread.
    """

    __slots__ = ("_call", "_gates", "_tasks", "beginning", "order")

    dormant: tuple[()] = ()
    """Whoever waits here is begun when it is told to."""

    def __init__(self, order: Order, call: Callable[[Task], None], gates: Sequence[Gate] = ()) -> None:
        self.order: Order = order
        self._call = call
        self._gates = gates
        self._tasks: dict[Task, bool] = {}
        """Whether each has begun: the order may let one begin some time before its thread hears of it."""
        self.beginning: bool = False

    def __len__(self) -> int:
        return len(self._tasks)

    def guard(self, gates: Sequence[Gate]) -> None:
        """From now on these are its gates."""
        self._gates = gates
        if len(self):
            self._close()

    def _close(self) -> None:
        for gate in self._gates:
            gate.close(TASKS)

    def add(self, task: Task) -> bool:
        """A task arrives; whether it begins at once."""
        self._close()
        self._tasks[task] = False
        self._tasks[task] = self.order.add(task, self)
        return self._tasks[task]

    def adopt(self, task: Task) -> None:
        """A task is with the unit already."""
        self._close()
        self._tasks[task] = True
        self.order.adopt(task)

    def discard(self, task: Task) -> None:
        """A task has ended or been aborted."""
        if task not in self._tasks:
            return
        del self._tasks[task]
        self.order.discard(task)
        if not self._tasks:
            for gate in self._gates:
                gate.open(TASKS)

    def next(self) -> Task | None:
        """None: see :attr:`dormant`."""
        return None

    def begin(self, task: Task) -> None:
        """The order lets a task begin: it does, unless it has begun or been aborted since."""
        if self._tasks.get(task) is False:
            self._tasks[task] = True
            self._call(task)

    def leave(self) -> tuple[list[Task], list[Task]]:
        """Its tasks, which belong into another set from now on: those that have begun, and those that have not."""
        begun = [task for task, has_begun in self._tasks.items() if has_begun]
        dormant = [task for task, has_begun in self._tasks.items() if not has_begun]
        self._tasks = {}
        for task in (*dormant, *begun):
            self.order.discard(task)
        return begun, dormant
