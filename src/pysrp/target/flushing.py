"""Waiting for media in a thread that is no loop of theirs: until what was written is on them, until nothing runs on."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from pysrp.target.backend_medium import Workers
from pysrp.target.data import Media
from pysrp.target.guarded import excused
from pysrp.target.link import PENDING
from pysrp.target.medium import Medium, MediumRequest, Operation

__all__ = ["StillUnderWay", "WaitingLoop", "end_of_stragglers", "flush"]


class StillUnderWay(Exception):
    """It takes longer than somebody waits, and goes on."""


class WaitingLoop:
    """The loop of who waits for media: :class:`pysrp.target.medium.Loop`."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._left = False

    def post(self, call: Callable[[], None]) -> None:
        """Let whoever waits call it. From any thread."""
        self._calls.put(call)
        if self._left:
            self._call_all()  # nobody else will; each is taken once, whoever takes it

    def run_while(self, waiting: Collection[object], timeout: float | None) -> bool:
        """Until nothing is waited for any more; False if ``timeout`` seconds pass first."""
        end = None if timeout is None else time.monotonic() + timeout
        while waiting:
            try:
                call = self._calls.get(timeout=None if end is None else max(0.0, end - time.monotonic()))
            except queue.Empty:
                return False
            _call(call)
        return True

    def leave(self) -> None:
        """Nobody waits any more: what is under way goes on, on the threads that post."""
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


def flush(
    media: Iterable[Any], workers: Workers | None, timeout: float | None
) -> dict[Any, Exception | None]:
    """Put what was written on these media and backends. What became of each: None, or the error.

    StillUnderWay for what takes longer than ``timeout`` seconds: that goes on.
    """
    loop = WaitingLoop()
    channels = Media(workers, loop.post)
    waiting: set[MediumRequest] = set()

    def over(request: MediumRequest) -> None:
        waiting.discard(request)
        if not waiting:
            channels.retire()

    requests = {medium: MediumRequest(Operation.FLUSH, over=over) for medium in media}
    for medium, request in requests.items():
        if channels.submit(medium, request) is PENDING:
            waiting.add(request)
    if not waiting:
        channels.retire()
    try:
        loop.run_while(waiting, timeout)
    finally:
        loop.leave()
    late = frozenset(waiting)
    slow = StillUnderWay(f"it takes longer than {timeout:.3g} s, and goes on") if late else None
    return {medium: slow if request in late else request.failure() for medium, request in requests.items()}


def end_of_stragglers(media: Iterable[Any], timeout: float | None) -> bool:
    """Wait for what nobody else waits for any more on media; False if ``timeout`` seconds pass first."""
    loop = WaitingLoop()
    busy = {each for each in media if isinstance(each, Medium)}
    for medium in list(busy):
        medium.stragglers.when_over(partial(loop.post, partial(busy.discard, medium)))
    return loop.run_while(busy, timeout)
