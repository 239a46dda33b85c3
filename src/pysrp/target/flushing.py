"""Waiting for media in a thread that is no loop of theirs: until what was written is on them, until nothing runs on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from weakref import WeakSet

from pysrp.target.backend_medium import Workers
from pysrp.target.data import Media
from pysrp.target.link import PENDING
from pysrp.target.medium import Medium, MediumRequest, Operation
from pysrp.target.workers import WaitingLoop

__all__ = ["StillUnderWay", "WaitingLoop", "end_of_stragglers", "flush", "goes_on"]


class StillUnderWay(Exception):
    """It takes longer than somebody waits, and goes on."""


_left: WeakSet[Medium] = WeakSet()
"""Media with a flush that has been waited for in vain, and that goes on."""


def goes_on(medium: Any) -> bool:
    """Whether somebody has waited in vain for a flush of it that has not ended yet."""
    return medium in _left


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
        _left.discard(medium_of[request])
        if not waiting:
            channels.retire()

    requests = {medium: MediumRequest(Operation.FLUSH, over=over) for medium in media}
    medium_of = {request: medium for medium, request in requests.items()}
    for medium, request in requests.items():
        if channels.submit(medium, request) is PENDING:
            waiting.add(request)
    if not waiting:
        channels.retire()
    try:
        if not loop.run_while(waiting, timeout):
            _left.update(
                medium for medium in map(medium_of.__getitem__, waiting) if isinstance(medium, Medium)
            )
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
