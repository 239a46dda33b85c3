"""Blocking waits for media, in any thread: until written data is flushed, and until no straggler runs any more."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any
from weakref import WeakSet

from pysrp.target.backend_medium import Workers
from pysrp.target.data import Media
from pysrp.target.link import PENDING
from pysrp.target.medium import Medium, MediumRequest, Operation
from pysrp.target.workers import WaitingLoop

__all__ = ["StillUnderWay", "WaitingLoop", "end_of_stragglers", "flush", "goes_on", "trouble_of"]

log: logging.Logger = logging.getLogger("pysrp.target")


class StillUnderWay(Exception):
    """A flush has timed out, and is still running."""


_left: WeakSet[Medium] = WeakSet()
"""Media with a flush that timed out and is still running."""


def trouble_of(medium: Any) -> str:
    """What :meth:`pysrp.target.medium.Medium.trouble` of a medium returns; empty for a backend, and if it raises."""
    if not isinstance(medium, Medium):
        return ""
    try:
        return str(medium.trouble())
    except Exception:
        log.exception("%r: what its trouble is", medium)
        return ""


def goes_on(medium: Any) -> bool:
    """Whether a flush of ``medium`` timed out and is still running."""
    return medium in _left


def flush(
    media: Iterable[Any], workers: Workers | None, timeout: float | None
) -> dict[Any, Exception | None]:
    """Flush these media and backends. The result of each: None, or the error.

    The error is StillUnderWay for a flush that takes longer than ``timeout`` seconds; it is not cancelled.
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
    """Wait until media have no stragglers (:class:`~pysrp.target.medium.Stragglers`); False if ``timeout`` seconds pass first."""
    loop = WaitingLoop()
    busy = {each for each in media if isinstance(each, Medium)}
    for medium in list(busy):
        medium.stragglers.when_over(partial(loop.post, partial(busy.discard, medium)))
    return loop.run_while(busy, timeout)
