"""A medium that lets one call through at a time, so that a test can do something between two steps, or in one."""

from __future__ import annotations

import threading

from pysrp.backends import Ram
from waiting import PATIENCE


class Turns:
    """Lets calls through: ``fail`` is the number of the one that raises ``error``, from 0."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.turn = threading.Semaphore(0)
        self.count = 0
        self.fail: int | None = None
        self.error = 5

    def enter(self) -> None:
        number, self.count = self.count, self.count + 1
        self.begun.release()
        assert self.turn.acquire(timeout=PATIENCE)
        if number == self.fail:
            raise OSError(self.error, "as it happens")

    def in_step(self, number: int) -> None:
        """Let calls through until the one of this number has begun."""
        for _ in range(number):
            assert self.begun.acquire(timeout=PATIENCE)
            self.turn.release()
        assert self.begun.acquire(timeout=PATIENCE)

    def open(self) -> None:
        """Let everything through."""
        self.turn.release(10000)


class Stepped(Ram):
    """A RAM disk that blocks at every call until it is its turn."""

    blocking = True

    def __init__(self, size: int, turns: Turns) -> None:
        super().__init__(size)
        self.turns = turns

    def read_into(self, offset: int, view: memoryview) -> None:
        self.turns.enter()
        super().read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        self.turns.enter()
        super().write_from(offset, view)
