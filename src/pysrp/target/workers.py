"""Worker threads for backends that block, and a loop for threads that wait for media."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial

from pysrp.target.data import Media
from pysrp.target.guarded import excused
from pysrp.target.link import PENDING
from pysrp.target.medium import Medium, MediumRequest

__all__ = ["Pool", "WaitingLoop"]

log: logging.Logger = logging.getLogger("pysrp.target")

THREADS = 4
"""Threads for one backend: enough to keep a disk busy. Backends do not share them, so that none waits for another."""


def nothing(*arguments: object) -> None:
    """Does nothing."""


class Submission:
    """One piece of work: :class:`pysrp.target.backend_medium.Submitted`."""

    __slots__ = ("_crew", "call", "ended")

    def __init__(
        self, crew: Crew, call: Callable[[], None], ended: Callable[[Exception | None], None]
    ) -> None:
        self._crew = crew
        self.call: Callable[[], None] = call
        self.ended: Callable[[Exception | None], None] = ended

    def forget(self) -> None:
        """Drop the references to the functions, as this object may be kept for long after its end."""
        self.call = nothing
        self.ended = nothing

    def abandon(self) -> bool:
        """See :class:`pysrp.target.backend_medium.Submitted`."""
        return self._crew.abandon(self)


class Crew:
    """The work of one backend, and up to :data:`THREADS` threads, which are started and ended by need.

    ``over`` is called when a thread ends.
    """

    threads: int

    def __init__(self, over: Callable[[], None] = nothing) -> None:
        self.over = over
        self.lock: threading.Condition = threading.Condition()
        self.waiting: deque[Submission] = deque()
        self.running: set[Submission] = set()
        self.stragglers: set[Submission] = set()
        self.threads = 0

    def submit(self, work: Submission) -> None:
        """Begin the work, or queue it. If this raises, the work will not begin."""
        with self.lock:
            self.waiting.append(work)
            if self.threads >= THREADS or self.threads - len(self.running) >= len(self.waiting):
                self.lock.notify()
                return
            # No thread takes the work before the lock is released.
            thread = threading.Thread(target=self._serve, name="pysrp backend", daemon=True)
            self.threads += 1
            try:
                thread.start()
            except BaseException as error:
                if not thread.is_alive():
                    self.threads -= 1
                if self.threads and isinstance(error, RuntimeError):
                    log.warning("%s; %d threads have to do", error, self.threads)
                    self.lock.notify()
                    return
                self.waiting.remove(work)
                work.forget()
                raise

    def abandon(self, work: Submission) -> bool:
        """Cancel work; True if it had not begun. Running work becomes a straggler, for which all later work waits."""
        with self.lock:
            if work in self.waiting:
                self.waiting.remove(work)
                work.forget()
                if not self.waiting and not self.running:
                    self.lock.notify_all()
                return True
            if work in self.running:
                self.stragglers.add(work)
            return False

    def drain(self, timeout: float | None) -> bool:
        """Wait until there is no work; False if ``timeout`` seconds pass first."""
        with self.lock:
            return self.lock.wait_for(lambda: not self.waiting and not self.running, timeout)

    def _next(self) -> Submission | None:
        with self.lock:
            # An abandoned write that still runs must not overwrite the data of a later one.
            while not self.waiting or self.stragglers:
                if not self.lock.wait(IDLE) and not self.waiting:
                    self.threads -= 1
                    return None
            work = self.waiting.popleft()
            self.running.add(work)
            return work

    def _serve(self) -> None:
        while (work := self._next()) is not None:
            error: Exception | None = None
            ended = work.ended
            try:
                work.call()
            except Exception as raised:
                error = raised
            except BaseException as raised:  # SystemExit: a backend must not end this thread
                error = RuntimeError(f"{raised!r} in a backend")
            work.forget()
            with self.lock:
                self.running.remove(work)
                if work in self.stragglers or not self.running:
                    self.stragglers.discard(work)
                    self.lock.notify_all()
            try:
                ended(error)
            except Exception:
                log.exception("what waits for %r", self)
            del work, ended, error
        self.over()


IDLE = 5.0
"""Seconds after which a thread without work ends."""


class WaitingLoop:
    """The loop (:class:`pysrp.target.medium.Loop`) of a thread that waits for media."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._left = False

    def post(self, call: Callable[[], None]) -> None:
        """Have a function called by the waiting thread, or here once that has left. From any thread."""
        self._calls.put(call)
        if self._left:
            self._call_all()  # the waiting thread has left; the queue gives each function to one thread only

    def run_while(self, waiting: Collection[object], timeout: float | None) -> bool:
        """Call posted functions until ``waiting`` is empty; False if ``timeout`` seconds pass first."""
        end = None if timeout is None else time.monotonic() + timeout
        while waiting:
            try:
                call = self._calls.get(timeout=None if end is None else max(0.0, end - time.monotonic()))
            except queue.Empty:
                return False
            _call(call)
        return True

    def leave(self) -> None:
        """Stop waiting: from now on posted functions are called on the threads that post them."""
        self._left = True
        self._call_all()

    def _call_all(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            _call(call)


def _call(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        if not excused(call):
            raise


class Pool:
    """The crews of all backends. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._crews: dict[object, Crew] = {}

    def submit(
        self, key: object, work: Callable[[], None], ended: Callable[[Exception | None], None]
    ) -> Submission:
        """Call ``work``, then ``ended`` with what it raised. See :class:`pysrp.target.backend_medium.Workers`.

        RuntimeError where the system gives no thread and there is none yet.
        """
        with self._lock:
            crew = self._crews.get(key)
            if crew is None:
                crew = self._crews[key] = Crew(partial(self._forget, key))
            submitted = Submission(crew, work, ended)
            crew.submit(submitted)
        return submitted

    @contextmanager
    def waiting(self, medium: Medium) -> Iterator[Callable[[MediumRequest], None]]:
        """See :class:`pysrp.target.backend_medium.Workers`."""
        loop = WaitingLoop()
        media = Media(None, loop.post)
        under_way: set[MediumRequest] = set()

        def do(request: MediumRequest) -> None:
            request.over = under_way.discard
            if media.submit(medium, request) is PENDING:
                under_way.add(request)
                loop.run_while(under_way, None)

        try:
            yield do
        finally:
            media.retire()
            loop.leave()

    def _forget(self, key: object) -> None:
        """Drop the crew of a backend that has no threads any more."""
        with self._lock:
            crew = self._crews.get(key)
            if crew is not None and not crew.threads:
                del self._crews[key]

    def drain(self, key: object = None, timeout: float | None = None) -> bool:
        """Wait until all work, or that of one ``key``, is over; False if ``timeout`` seconds pass first."""
        end = None if timeout is None else time.monotonic() + timeout
        with self._lock:
            crews = [crew for each, crew in self._crews.items() if key is None or each == key]
        for crew in crews:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not crew.drain(left):
                return False  # the timeout is over for the other crews too
        return True
