"""A latch that a signal handler may set. :class:`threading.Event` does not allow that, as its lock is not re-entrant."""

from __future__ import annotations

import queue
import time

LOOK = 0.5
"""The longest sleep in seconds. A signal that comes just before a thread sleeps does not wake it, so its Python handler runs
only after the sleep."""


class Latch:
    """An event that is set once and cannot be cleared.

    :meth:`set` may be called by any thread and by a signal handler, also one that interrupts :meth:`set` or
    :meth:`wait` of its own thread (``queue.SimpleQueue.put`` is re-entrant).
    """

    def __init__(self) -> None:
        self._set = False
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()

    def is_set(self) -> bool:
        """Whether :meth:`set` was called."""
        return self._set

    def set(self) -> None:
        """Wake all threads that wait; later calls of :meth:`wait` return at once. Harmless when repeated."""
        self._set = True
        self._wakes.put(None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until :meth:`set` is called; False if ``timeout`` seconds passed first. Signal handlers run meanwhile."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self._set:
            left = LOOK if end is None else min(LOOK, end - time.monotonic())
            if left <= 0:
                return False
            try:
                self._wakes.get(timeout=left)
            except queue.Empty:
                continue
            self._wakes.put(None)  # for the next thread that waits
        return True
