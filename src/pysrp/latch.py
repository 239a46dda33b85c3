"""A latch that a signal handler may set: :class:`threading.Event` may not be, its lock is not reentrant."""

from __future__ import annotations

import queue
import time

LOOK = 0.5
"""Seconds after which a wait lets Python's signal handlers run: a signal that comes just as a thread goes to sleep
does not wake it, and its handler would run only then."""


class Latch:
    """Set once, for ever.

    :meth:`set` may be called by any thread and by a signal handler, also one that interrupts :meth:`set` or
    :meth:`wait` of its own thread (``queue.SimpleQueue.put`` is reentrant).
    """

    def __init__(self) -> None:
        self._set = False
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()

    def is_set(self) -> bool:
        """Whether :meth:`set` was called."""
        return self._set

    def set(self) -> None:
        """Let all threads go that wait, now and later. Harmless when repeated."""
        self._set = True
        self._wakes.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Until :meth:`set` is called; False if ``timeout`` seconds passed first. Signal handlers run meanwhile."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._set:
            left = LOOK if end is None else min(LOOK, end - time.monotonic())
            if left <= 0:
                return False
            try:
                self._wakes.get(timeout=left)
            except queue.Empty:
                continue
            self._wakes.put(None)  # there may be another thread
        return True
