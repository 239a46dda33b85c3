"""The task set of one logical unit for one nexus, and when a task may begin (SAM-5, 8.6 to 8.8)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pysrp.srp import TaskAttribute
from pysrp.target.task import Task

__all__ = ["TaskSet"]

SIMPLE, HEAD_OF_QUEUE, ORDERED = TaskAttribute.SIMPLE, TaskAttribute.HEAD_OF_QUEUE, TaskAttribute.ORDERED


class TaskSet:
    """Tasks in order of arrival: dormant ones wait, enabled ones are with the unit.

    HEAD OF QUEUE begins at once. ORDERED begins when nothing older is left. SIMPLE begins when no ORDERED
    one that is older is left and no HEAD OF QUEUE one. So the oldest dormant task decides: if it has to wait,
    all behind it do.
    """

    def __init__(self, begin: Callable[[Task], None]) -> None:
        self._begin = begin
        self._dormant: deque[Task] = deque()
        self._enabled: set[Task] = set()
        self._barriers = 0
        self._busy = False

    def __len__(self) -> int:
        return len(self._dormant) + len(self._enabled)

    def add(self, task: Task) -> None:
        """A task arrives."""
        if task.attribute == HEAD_OF_QUEUE:
            self._enable(task)
        else:
            self._dormant.append(task)
            self.pump()

    def discard(self, task: Task) -> None:
        """A task has ended or been aborted. What waited for it begins with :meth:`pump`."""
        if task in self._enabled:
            self._enabled.remove(task)
            self._barriers -= task.attribute != SIMPLE
        elif task in self._dormant:
            self._dormant.remove(task)

    def pump(self) -> None:
        """Begin what may begin."""
        if self._busy:  # a task that ends at once comes here from within
            return
        self._busy = True
        try:
            while self._dormant:
                if self._dormant[0].attribute == ORDERED:
                    if self._enabled:
                        return
                elif self._barriers:
                    return
                self._enable(self._dormant.popleft())
        finally:
            self._busy = False

    def _enable(self, task: Task) -> None:
        self._enabled.add(task)
        self._barriers += task.attribute != SIMPLE
        self._begin(task)
