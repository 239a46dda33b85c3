"""A synchronous backend (:mod:`pysrp.backends`) as a medium: on threads if it can block, else in place."""

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
"""Into so many a stretch is divided to find the block that cannot be read."""

READ, WRITE, FLUSH = Operation.READ, Operation.WRITE, Operation.FLUSH


class Backend(Protocol):
    """What is needed of bytes that are read and written by calls: see :mod:`pysrp.backends`."""

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
        """Return when what was written is on the medium."""


class Submitted(Protocol):
    """Work that was given to :class:`Workers`."""

    def abandon(self) -> bool:
        """True: it had not begun and never will. False: it runs or is over, and ``ended`` is called as usual.

        In the second case later work with the same key waits until it is over.
        """


class Workers(Protocol):
    """A pool of threads for what may block."""

    def submit(
        self, key: object, work: Callable[[], None], ended: Callable[[Exception | None], None]
    ) -> Submitted:
        """Call ``work``, then ``ended`` with its exception, on some thread. No key can hold up another.

        Whatever it raises itself, ``work`` will then not be called. RuntimeError: not now.
        """

    def waiting(self, medium: Medium) -> AbstractContextManager[Callable[[MediumRequest], None]]:
        """On such a thread: what has a medium do something, and returns when that is over."""


class Call(MediumRequest):
    """Something else that may block, for a backend: ``call()``, whose result is the :attr:`value`."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__(FLUSH)
        self.call = call

    def __repr__(self) -> str:
        return f"<{self.call!r}>"


def perform(backend: Any, request: MediumRequest) -> None:
    """Do what is asked for, in place."""
    try:
        operation = request.operation
        if operation is READ and request.flags & FUA:
            backend.flush()
        if operation is READ or operation is WRITE:
            # A backend refuses what is outside: but not the first of several views.
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
    """Move a view that could not be moved as a whole, or of it the blocks before the first one that cannot be.

    A backend does not say where it failed. So what failed is tried again in ever smaller pieces, down to that
    block.
    """
    block = request.block
    done, end = 0, len(view)
    size = end
    # What failed is in more than one block: a view may begin in the middle of one, however short it is.
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
    """A backend, for one loop, by ``workers``; in place without them.

    What is abandoned on a worker is not overtaken: those see to it.
    ``stragglers`` are told of it, where there are others who wait for its end than those who have the workers.
    """

    __slots__ = ("_backend", "_loop", "_stragglers", "_workers")

    busy = False
    """Whether it has to stay: what it began comes to its end without it."""

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
        request.buffers = ()  # here, not when the worker forgets it: the loop may be about to make others like them

    def withdraw(self, request: MediumRequest) -> bool:
        """See :meth:`pysrp.target.medium.MediumChannel.withdraw`."""
        request.channel = None
        withdrawn: bool = request.own.abandon()
        if not withdrawn and self._stragglers is not None:
            self._stragglers.add(request)
        return withdrawn


def ask(backend: Any, workers: Workers | None, loop: Loop, request: MediumRequest) -> Later | None:
    """Have a backend do it, now or later, by a channel that lives no longer than the request."""
    if workers is None or not backend.blocking:
        perform(backend, request)
        return None
    return BackendChannel(backend, workers, loop).submit(request)


def features_of(medium: Any) -> Feature:
    """What a medium can do, or a backend as one."""
    if isinstance(medium, Medium):
        return medium.features
    found = Feature.FUA
    for name, feature in BACKENDS_FEATURES.items():
        if getattr(medium, name, False):
            found |= feature
    return found


def pieces_of(medium: Any) -> tuple[int, int, int]:
    """Bytes of its physical blocks, of the pieces that it gives room back in (0: of those), and before the first of these: see
    :attr:`pysrp.target.medium.Medium.discard_granularity`. A backend need not say.
    """
    physical, granularity, alignment = (
        index(getattr(medium, name, getattr(Medium, name))) for name in PIECES_OF
    )
    return physical, granularity, alignment


def size_of(medium: Any) -> int:
    """Bytes of a medium, as an integer of Python's own: those of others, as numpy's, count in their own way."""
    return index(medium.size)


PIECES_OF = "physical_block", "discard_granularity", "discard_alignment"


def space_of(medium: Any) -> tuple[int | None, int | None]:
    """What a medium says of the room that it takes, and could have: see :meth:`pysrp.target.medium.Medium.space`. May wait.

    Raises what that raises; TypeError or ValueError for what is no such answer.
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
"""Attributes of a backend (:class:`pysrp.backends.Backend`), and what they mean."""


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
        """The backend's, now."""
        return size_of(self.backend)

    def space(self) -> tuple[int | None, int | None] | None:
        """The backend's."""
        return space_of(self.backend)

    def channel(self, loop: Loop) -> BackendChannel:
        """See :meth:`pysrp.target.medium.Medium.channel`."""
        workers = self._workers if self.backend.blocking else None
        return BackendChannel(self.backend, workers, loop, self.stragglers)

    def memory(self) -> memoryview | None:
        """The backend's."""
        found: memoryview | None = self.backend.memory()
        return found
