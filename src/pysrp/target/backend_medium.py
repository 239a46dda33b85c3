"""A synchronous backend (:mod:`pysrp.backends`) as a medium: called on worker threads if it can block, else in place."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from operator import index
from typing import Any, Protocol

from pysrp.errors import Busy
from pysrp.scsi.codes import Status
from pysrp.target.link import PENDING, Later
from pysrp.target.medium import (
    FUA,
    NOWAIT,
    Feature,
    Loop,
    Medium,
    MediumChannel,
    MediumRequest,
    Operation,
    Stragglers,
)

__all__ = [
    "Backend", "BackendChannel", "BackendMedium", "Call", "Submitted", "Workers", "ask", "features_of", "perform",
    "pieces_of", "size_of", "space_of",
]  # fmt: skip

PIECES = 16
"""How many pieces a failed transfer is divided into, in each round, to find the bad block."""

READ, WRITE, FLUSH = Operation.READ, Operation.WRITE, Operation.FLUSH


class Backend(Protocol):
    """The least that a backend has: bytes that are read and written by calls. See :mod:`pysrp.backends`."""

    size: int
    """Size in bytes."""

    blocking: bool
    """Whether a call may sleep."""

    read_only: bool
    """Whether every write would fail."""

    def read_into(self, offset: int, view: memoryview, /) -> None:
        """Fill ``view`` with the bytes from ``offset`` on."""

    def write_from(self, offset: int, view: memoryview, /) -> None:
        """Put the bytes of ``view`` at ``offset``."""

    def flush(self) -> None:
        """Return when all data written before is on stable storage."""


class Submitted(Protocol):
    """Work that was given to :class:`Workers`."""

    def abandon(self) -> bool:
        """True: the work had not begun and never will. False: it runs or is over, and ``ended`` is called as usual.

        In the second case later work with the same key waits until it is over.
        """


class Workers(Protocol):
    """A pool of threads for calls that may block."""

    def submit(
        self, key: object, work: Callable[[], None], ended: Callable[[Exception | None], None]
    ) -> Submitted:
        """Call ``work``, then ``ended`` with its exception or None, on some thread. Work of one key never delays that of another.

        If this method raises, ``work`` will not be called. RuntimeError: there is no thread for it now.
        """

    def waiting(self, medium: Medium) -> AbstractContextManager[Callable[[MediumRequest], None]]:
        """For use on a worker thread: a function that submits a request to ``medium`` and returns when it is over."""


class Call(MediumRequest):
    """Any other call for a backend that may block: ``call()``, whose result becomes :attr:`value`."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(FLUSH)
        self.call = call

    def __repr__(self) -> str:
        return f"<{self.call!r}>"


def perform(backend: Any, request: MediumRequest) -> None:
    """Carry out a request by calls to the backend, in this thread."""
    try:
        operation = request.operation
        if operation is READ and request.flags & FUA:
            backend.flush()
        if operation is READ or operation is WRITE:
            # A backend refuses what is outside, but would not refuse the first of several views.
            if len(request.buffers) > 1 and request.offset + request.length > size_of(backend):
                raise ValueError(f"{request!r} is not inside a medium of {backend.size} bytes")
            _move(backend.read_into if operation is READ else backend.write_from, request)
        elif isinstance(request, Call):
            request.value = request.call()
        elif operation is Operation.ZERO:
            backend.zero(request.offset, request.length)
        elif operation is Operation.DISCARD:
            backend.discard(request.offset, request.length)
        elif operation is Operation.EXTENTS:
            request.value = backend.extents(request.offset, request.length)
        else:
            backend.flush()
        request.done = request.length
        if request.flags & FUA and operation is not READ:
            backend.flush()
    except Exception as error:
        request.fails(error)


def _move(step: Callable[[int, memoryview], None], request: MediumRequest) -> None:
    at = request.offset
    for view in request.buffers:
        try:
            step(at, view)
        except OSError as error:
            if not request.block:
                raise
            _search(step, at, view, request, error)
        at += len(view)
        request.done = at - request.offset


def _search(
    step: Callable[[int, memoryview], None],
    offset: int,
    view: memoryview,
    request: MediumRequest,
    error: OSError,
) -> None:
    """Retry a view whose transfer failed: move all of it, or the blocks before the first bad one.

    A backend does not say where it failed. So the failed part is tried again in ever smaller pieces, down to one block.
    """
    block = request.block
    done, end = 0, len(view)
    size = end
    # While the failed piece touches more than one block; even a short view may, as it may begin in the middle of one.
    while (offset + done) // block != (offset + end - 1) // block:
        size = max(size // PIECES // block, 1) * block
        try:
            while done < len(view):
                at = offset + done
                end = min(at // block * block + size - offset, len(view))
                step(at, view[done:end])
                done = end
            return
        except OSError as raised:
            error = raised
    request.bad = (offset + done) // block * block
    raise error


class BackendChannel(MediumChannel):
    """A backend's channel for one loop. Requests run on ``workers``; without them, in place.

    The workers themselves let later work wait for work that was abandoned and still runs.
    With ``stragglers``, a withdrawn request that still runs is added there too, for waiters that do not use these workers.
    """

    __slots__ = ("_backend", "_loop", "_stragglers", "_workers")

    busy = False
    """Always False: requests that are under way end without this channel, so it may be dropped at any time."""

    def __init__(
        self, backend: Any, workers: Workers | None, loop: Loop, stragglers: Stragglers | None = None
    ) -> None:
        self._backend, self._workers, self._loop = backend, workers, loop
        self._stragglers = stragglers

    def submit(self, request: MediumRequest) -> Later | None:
        """See :meth:`pysrp.target.medium.MediumChannel.submit`."""
        backend, workers = self._backend, self._workers
        if workers is None:
            perform(backend, request)
            return None
        if request.flags & NOWAIT:
            request.errno = errno.EAGAIN
            return None
        request.channel = self
        try:
            request.own = workers.submit(
                backend, partial(perform, backend, request), partial(self._ended, request)
            )
        except RuntimeError as error:
            request.ends(errno.EAGAIN)
            request.cause = Busy(f"{backend!r}: {error}", status=Status.BUSY)
            return None
        return PENDING

    def _ended(self, request: MediumRequest, error: Exception | None) -> None:
        # On a worker.
        if error is not None:
            request.fails(error)
        self._loop.post(partial(self._over, request))

    def _over(self, request: MediumRequest) -> None:
        if request.channel is None and self._stragglers is not None:
            self._stragglers.over(request)
        request.over(request)
        request.buffers = ()  # freed now, not when the worker drops the request: the loop may soon allocate as much again

    def withdraw(self, request: MediumRequest) -> bool:
        """See :meth:`pysrp.target.medium.MediumChannel.withdraw`."""
        request.channel = None
        withdrawn: bool = request.own.abandon()
        if not withdrawn and self._stragglers is not None:
            self._stragglers.add(request)
        return withdrawn


def ask(backend: Any, workers: Workers | None, loop: Loop, request: MediumRequest) -> Later | None:
    """Carry out a request on a backend, now or later, by a channel that lives no longer than the request."""
    if workers is None or not backend.blocking:
        perform(backend, request)
        return None
    return BackendChannel(backend, workers, loop).submit(request)


def features_of(medium: Any) -> Feature:
    """The features of a medium, or those that a backend has as one."""
    if isinstance(medium, Medium):
        return medium.features
    found = Feature.FUA
    for name, feature in BACKENDS_FEATURES.items():
        if getattr(medium, name, False):
            found |= feature
    return found


def pieces_of(medium: Any) -> tuple[int, int, int]:
    """Bytes of a physical block, ``discard_granularity`` (0: a physical block) and ``discard_alignment``: see
    :class:`pysrp.target.medium.Medium`, whose defaults hold for a backend that has no such attribute.
    """
    physical, granularity, alignment = (
        index(getattr(medium, name, getattr(Medium, name))) for name in PIECES_OF
    )
    return physical, granularity, alignment


def size_of(medium: Any) -> int:
    """Bytes of a medium, as a Python ``int``: integers of other types, as numpy's, may overflow."""
    return index(medium.size)


PIECES_OF = "physical_block", "discard_granularity", "discard_alignment"


def space_of(medium: Any) -> tuple[int | None, int | None]:
    """Bytes that a medium occupies, and could occupy beside these: see :meth:`pysrp.target.medium.Medium.space`. May wait.

    Raises what that method raises; TypeError or ValueError if its answer is malformed.
    """
    tells = getattr(medium, "space", None)
    told = None if tells is None else tells()
    if told is None:
        return None, None
    used, available = (None if each is None else index(each) for each in told)
    if min(used or 0, available or 0) < 0:
        raise ValueError(f"less than nothing: {used} bytes used, {available} available")
    return used, available


BACKENDS_FEATURES = {
    "read_only": Feature.READ_ONLY,
    "zeroes": Feature.ZERO,
    "discards": Feature.DISCARD | Feature.DISCARD_ZEROS,
    "maps": Feature.EXTENTS,
    "atomic": Feature.ATOMIC,
}
"""Attributes of a backend (:class:`pysrp.backends.Backend`), and the features that they stand for."""


class BackendMedium(Medium):
    """A backend as a medium. Without ``workers`` it is called in place, whether it blocks or not."""

    backend: Any
    features: Feature

    def __init__(self, backend: Any, workers: Workers | None = None) -> None:
        super().__init__()
        self.backend, self._workers = backend, workers
        self.features = features_of(backend)
        physical, granularity, alignment = pieces_of(backend)
        self.physical_block: int = physical
        self.discard_granularity: int = granularity
        self.discard_alignment: int = alignment
        if not backend.blocking or workers is None:
            self.features |= Feature.NOWAIT

    def __repr__(self) -> str:
        return f"BackendMedium({self.backend!r})"

    @property
    def size(self) -> int:  # type: ignore[override]
        """The backend's size in bytes now."""
        return size_of(self.backend)

    def space(self) -> tuple[int | None, int | None] | None:
        """The backend's space (:func:`space_of`)."""
        return space_of(self.backend)

    def channel(self, loop: Loop) -> BackendChannel:
        """See :meth:`pysrp.target.medium.Medium.channel`."""
        workers = self._workers if self.backend.blocking else None
        return BackendChannel(self.backend, workers, loop, self.stragglers)

    def memory(self) -> memoryview | None:
        """The backend's memory."""
        found: memoryview | None = self.backend.memory()
        return found
