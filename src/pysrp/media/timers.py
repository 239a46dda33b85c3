"""Timers: any number of functions that are called after a delay, on one thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

__all__ = ["TIMERS", "Timer", "Timers"]

log: logging.Logger = logging.getLogger("pysrp.media")


FEW = 64
"""Up to this many cancelled timers are left in the queue."""


def nothing() -> None:
    """Does nothing."""


class Timer:
    """One function that is to be called later."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] = call

    def cancel(self) -> None:
        """Do not call the function, if it has not begun. Its reference is dropped at once."""
        self.call = nothing


class Timers:
    """Calls functions after a delay. Its thread runs only while a timer waits. Safe from any thread."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._waiting: list[tuple[float, int, Timer]] = []
        self._most = FEW
        """When so many timers wait, the cancelled ones are removed."""
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call a function in so many seconds, on the timer thread. It must not wait. RuntimeError: no thread can be started."""
        timer = Timer(call)
        with self._turn:
            entry = (time.monotonic() + seconds, next(self._numbers), timer)
            if len(self._waiting) >= self._most:
                self._waiting = [each for each in self._waiting if each[2].call is not nothing]
                heapq.heapify(self._waiting)
                self._most = max(FEW, 2 * len(self._waiting))
            heapq.heappush(self._waiting, entry)
            if self._thread is None or not self._thread.is_alive():  # not in a process that was forked
                thread = threading.Thread(target=self._serve, name="pysrp timers", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    self._waiting.remove(entry)
                    heapq.heapify(self._waiting)
                    raise
                self._thread = thread
            elif self._waiting[0] is entry:
                self._turn.notify()
        return timer

    def _next(self) -> Timer | None:
        with self._turn:
            while self._waiting:
                left = self._waiting[0][0] - time.monotonic()
                if left <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._turn.wait(min(left, threading.TIMEOUT_MAX))
            self._thread = None
            return None

    def _serve(self) -> None:
        while (timer := self._next()) is not None:
            try:
                timer.call()
            except Exception:
                log.exception("what was to be called at its time")


TIMERS = Timers()
"""The timers of this process."""
