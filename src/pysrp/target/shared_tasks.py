"""One task set for all nexuses of a unit (TST 000b; SPC-5, 7.5.9; SAM-6, 8.6 to 8.8).

The task set is an :class:`Order`; each session has its own tasks in it as a :class:`SharedTaskSet`. By default each nexus has a
task set of its own instead, a :class:`~pysrp.target.srp_session.TaskSet`: it is used by its session's thread only, so that a
command takes no lock.
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
    """The tasks of all nexuses of one unit, where these share one task set. Any thread.

    The rules are those of :class:`~pysrp.target.srp_session.TaskSet`. While a task has to wait, or others have to wait for it,
    the gates of all nexuses are closed (ALONE): so all later commands come to the engine and into this set, and commands that
    are under way behind a gate are older.
    ``gates`` returns the unit's gates; ``over`` is called, without a lock, when they may open again.
    """

    def __init__(self, gates: Callable[[], Iterable[tuple[Nexus, Gate]]], over: Callable[[], None]) -> None:
        self._gates = gates
        self._over = over
        self._lock = Lock()
        self._enabled: set[Task] = set()
        self._barriers = 0
        self._dormant: deque[tuple[Task, SharedTaskSet]] = deque()
        self._lanes = 0
        """Gates behind which commands are under way that are older than a waiting task."""

    @property
    def bars(self) -> bool:
        """Whether a new command may have to wait."""
        return bool(self._barriers or self._dormant)

    def add(self, task: Task, part: SharedTaskSet) -> bool:
        """Add a task that has arrived; whether it may begin now. If not, :meth:`SharedTaskSet.begin` of ``part`` is posted to the
        task's nexus when it may, perhaps before this returns.
        """
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
            # Requests that the lane hands over become tasks in this set before its loop calls the posted function.
            if gate.close(ALONE, partial(nexus.post, self._drained)):
                with self._lock:
                    self._lanes -= 1
        with self._lock:
            self._lanes -= 1
            ready = self._ready()
        self._tell(each for each in ready if each[0] is not task)
        return self._may_begin(task)

    def adopt(self, task: Task) -> None:
        """Add a task that has begun already."""
        with self._lock:
            self._enable(task)

    def _may_begin(self, task: Task) -> bool:
        with self._lock:
            return task in self._enabled

    def discard(self, task: Task) -> None:
        """Remove a task that has ended, was aborted, or has moved to another task set."""
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
        """Behind one more gate nothing is under way any more."""
        with self._lock:
            self._lanes -= 1
            ready = self._ready()
        self._tell(ready)

    def _enable(self, task: Task) -> None:
        self._enabled.add(task)
        self._barriers += task.attribute != SIMPLE

    def _ready(self) -> list[tuple[Task, SharedTaskSet]]:
        """Take the dormant tasks that may begin now out of the queue. With the lock."""
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
        """Let these tasks begin, each in its nexus's thread."""
        for task, part in ready:
            task.nexus.post(partial(part.begin, task))


class SharedTaskSet:
    """One nexus's tasks in the shared task set. Its session uses it in place of a :class:`~pysrp.target.srp_session.TaskSet`.

    ``call`` begins a task. Only the session's thread may call the methods.
    """

    __slots__ = ("_call", "_gates", "_tasks", "beginning", "order")

    dormant: tuple[()] = ()
    """Always empty: the :class:`Order` has the waiting tasks, and lets them begin."""

    def __init__(self, order: Order, call: Callable[[Task], None], gates: Sequence[Gate] = ()) -> None:
        self.order: Order = order
        self._call = call
        self._gates = gates
        self._tasks: dict[Task, bool] = {}
        """Whether each task has begun here: the order may let it begin some time before the posted call comes."""
        self.beginning: bool = False

    def __len__(self) -> int:
        return len(self._tasks)

    def guard(self, gates: Sequence[Gate]) -> None:
        """Replace the gates, which are closed while there are tasks."""
        self._gates = gates
        if len(self):
            self._close()

    def _close(self) -> None:
        for gate in self._gates:
            gate.close(TASKS)

    def add(self, task: Task) -> bool:
        """Add a task that has arrived; whether it begins at once."""
        self._close()
        self._tasks[task] = False
        self._tasks[task] = self.order.add(task, self)
        return self._tasks[task]

    def adopt(self, task: Task) -> None:
        """Add a task that has begun already."""
        self._close()
        self._tasks[task] = True
        self.order.adopt(task)

    def discard(self, task: Task) -> None:
        """Remove a task that has ended or was aborted."""
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
        """Begin a task, as the order permits it, unless it has begun or was aborted meanwhile."""
        if self._tasks.get(task) is False:
            self._tasks[task] = True
            self._call(task)

    def leave(self) -> tuple[list[Task], list[Task]]:
        """Remove all tasks, as they move to another set: those that have begun, and those that have not."""
        begun = [task for task, has_begun in self._tasks.items() if has_begun]
        dormant = [task for task, has_begun in self._tasks.items() if not has_begun]
        self._tasks = {}
        for task in (*dormant, *begun):
            self.order.discard(task)
        return begun, dormant
