"""The interface between a target and a medium, whose requests may take time. It knows neither a transport nor SCSI.

A request completes now or later, as in :mod:`.link`. If :meth:`MediumChannel.submit` returns :data:`~pysrp.target.link.PENDING`,
the loop that submitted the request calls its ``over`` later, never from within ``submit``. Otherwise the request is over when
``submit`` returns, and ``over`` is not called. Either way the result stands in the request.

A complete medium in memory::

    class Bytes(Medium, MediumChannel):
        features = Feature.NOWAIT | Feature.VOLATILE

        def __init__(self, size):
            super().__init__()
            self.size = size
            self.bytes = memoryview(bytearray(size))

        def channel(self, loop):
            return self         # no state per loop is needed

        def submit(self, request):
            at = request.offset
            for view in request.buffers or [bytearray(request.length)]:  # ZERO, DISCARD
                part = self.bytes[at : at + len(view)]
                if request.operation is Operation.READ:
                    view[:] = part
                else:
                    part[:] = view
                at += len(view)
            request.done = request.length

One that takes longer returns PENDING from ``submit``. When the request has ended, it gives ``loop.post``, from any thread,
a function that calls ``request.ends(...)`` and ``request.over(request)``.
"""

from __future__ import annotations

import errno as codes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from threading import Lock
from typing import Any, Protocol

from pysrp._fast.gate import REVOKED, STRAGGLERS, Gate
from pysrp.errors import Busy
from pysrp.scsi.codes import Status
from pysrp.target.link import Later

__all__ = [
    "FUA",
    "NOWAIT",
    "BadBlock",
    "Feature",
    "Loop",
    "Medium",
    "MediumChannel",
    "MediumRequest",
    "Operation",
    "Stragglers",
]  # fmt: skip


class Operation(IntEnum):
    """The operations of a request. The numbers are those of ``native.h``."""

    READ = 1
    WRITE = 2
    FLUSH = 3
    """All data written before it is on stable storage when it is over."""
    ZERO = 4
    """``length`` bytes read as zeros from then on."""
    DISCARD = 5
    """``length`` bytes are not needed any more; what they read as afterwards is undefined."""
    EXTENTS = 6
    """Tell which of ``length`` bytes, 1 or more, are allocated. ``value`` becomes a list of pairs from ``offset`` on: a length in
    bytes, 1 or more, and whether these bytes are allocated. Others read as zeros. The list may end early. For a medium with
    :attr:`Feature.EXTENTS`.
    """
    COMPARE = 7
    """Compare and write, atomically against every other user of the medium. There are two buffers of ``length`` bytes: if the
    medium's bytes equal the first one, the second one is written, all of it or nothing. EILSEQ: they differ. EOPNOTSUPP: the
    medium cannot do this here, and has no other user; EXDEV: it may have one. For a medium with :attr:`Feature.COMPARE`.
    """


READS = frozenset({Operation.READ, Operation.FLUSH, Operation.EXTENTS})
"""Operations that change no byte."""

FUA = 1
"""Flag. Of a WRITE, ZERO or COMPARE: its data is on stable storage when it is over. Of a READ: those of its bytes that are only
in a volatile cache are written to stable storage first. For a medium with :attr:`Feature.FUA`."""
NOWAIT = 2
"""Flag: the request is over when ``submit`` returns, with EAGAIN if it would have to wait; its buffers are not held. More than
``done`` bytes may have been moved: a request for the rest moves them again. For a medium with :attr:`Feature.NOWAIT`."""


class Feature(IntFlag):
    """The properties and abilities of a medium. The numbers are those of ``native.h``."""

    FUA = 1
    """Supports the flag :data:`FUA`. Without it the target sends a FLUSH after a WRITE, or before a READ."""
    DISCARD = 2
    """DISCARD frees room."""
    ZERO = 4
    """ZERO does not write the zeros out."""
    NOWAIT = 8
    """Can complete some requests at once, so that the flag :data:`NOWAIT` is worth a try."""
    VOLATILE = 16
    """A loss of power loses even flushed data."""
    ROTATING = 32
    READ_ONLY = 64
    DISCARD_ZEROS = 128
    """Bytes after a DISCARD read as zeros."""
    EXTENTS = 256
    """Supports EXTENTS."""
    ATOMIC = 512
    """A WRITE is atomic: a READ, also after a loss of power, sees all of its data or none."""
    COMPARE = 1024
    """Supports COMPARE, atomically against every other process that has the medium open."""


class BadBlock(OSError):
    """A medium's error at a known place: ``offset``, in bytes, is where the first bad block begins.

    The blocks of the transfer before that one have been moved.
    """

    def __init__(self, error: OSError, offset: int) -> None:
        super().__init__(error.errno, error.strerror)
        self.offset = offset


def _nobody(request: MediumRequest) -> None:
    """The default ``over``: nothing waits for the request."""


@dataclass(eq=False, repr=False)
class MediumRequest:
    """One request to a medium, and its result. It keeps its buffers alive until it is over.

    ``offset`` and ``length`` are bytes. ``buffers`` of a READ or WRITE are views, of ``length`` bytes together. ``block`` is the
    block size, in bytes, that errors are located in: a medium that does not know where it failed may retry in pieces, none
    smaller than a block. 0: it need not locate errors.
    """

    operation: Operation
    offset: int = 0
    length: int = 0
    buffers: Sequence[memoryview] = ()
    flags: int = 0
    block: int = 0
    over: Callable[[MediumRequest], None] = _nobody
    """Called by the loop that submitted the request, once a PENDING request is over."""
    value: Any = None
    """What the waiter is given: the caller sets it beforehand, or the operation defines it."""

    # The result: attributes of the class until the request has one.

    errno: int = field(default=0, init=False)
    done: int = field(default=0, init=False)
    """Bytes moved, from the first on. Fewer than ``length`` without an error: the rest was not tried."""
    bad: int | None = field(default=None, init=False)
    """The offset on the medium, in bytes, of the first bad byte, where that is known."""
    cause: Exception | None = field(default=None, init=False)
    """The exception, where a medium in Python raised one."""
    channel: Any = field(default=None, init=False)
    """The channel that the request was submitted to."""
    own: Any = field(default=None, init=False)
    """The channel's private data for the request."""

    def __repr__(self) -> str:
        return f"<{self.operation.name} {self.length} at {self.offset}>"

    def ends(self, errno: int = 0, done: int = 0, bad: int | None = None) -> None:
        """Set the result."""
        self.errno, self.done, self.bad, self.cause = errno, done, bad, None

    def fails(self, error: BaseException) -> None:
        """Set ``errno`` and ``cause`` from an exception; ``done`` and ``bad`` stay as they are.

        SystemExit and the like, StopIteration, and an OSError whose errno is no integer are wrapped in a RuntimeError.
        """
        code: object = None
        try:
            sound = isinstance(error, Exception) and not isinstance(error, StopIteration)
            if isinstance(error, OSError):
                code = error.errno
                sound = code is None or isinstance(code, int)
        except Exception:
            sound = False
        self.errno = code if isinstance(code, int) and code > 0 else codes.EINVAL
        if sound:
            self.cause = error  # type: ignore[assignment]
            return
        self.cause = RuntimeError(f"{type(error).__name__} in a medium")
        if isinstance(error, BaseException):
            self.cause.__cause__ = error

    def withdraw(self) -> bool:
        """See :meth:`MediumChannel.withdraw`."""
        withdrawn: bool = self.channel.withdraw(self)
        return withdrawn

    @property
    def whole(self) -> int:
        """Bytes moved; after an error, those of the whole blocks before the bad one."""
        if not self.errno:
            return self.done
        block = self.block or 1
        end = self.offset + self.done if self.bad is None else self.bad
        return max(end // block * block - self.offset, 0)

    def failure(self) -> Exception | None:
        """The error that the request ended with, or None. Busy (BUSY) for EAGAIN: the medium accepts no request now."""
        if not self.errno:
            return None
        cause = self.cause
        if self.bad is not None:
            block = self.block or 1
            error = cause if isinstance(cause, OSError) else OSError(self.errno, _name(self.errno))
            return BadBlock(error, self.bad // block * block)
        if cause is not None:
            return cause
        if self.errno == codes.EAGAIN:
            return Busy("the medium takes nothing now", status=Status.BUSY)
        return OSError(self.errno, _name(self.errno))


def _name(errno: int) -> str:
    return codes.errorcode.get(errno, f"error {errno}")


class Loop(Protocol):
    """One thread that submits requests to media, and waits for their completions."""

    def post(self, call: Callable[[], None], /) -> None:
        """Let the loop call a function soon. From any thread."""


class MediumChannel(Protocol):
    """The channel by which one loop submits requests to a medium. Only the loop's thread calls it.

    A medium's class inherits it for the methods that it does not need itself. A target submits only requests inside the
    medium and, but for the end of a READ, in whole blocks.
    """

    def submit(self, request: MediumRequest, /) -> Later | None:
        """Carry out a request, now or later. Raises nothing: errors are set in the request.

        EAGAIN: too many requests are under way. EOPNOTSUPP: the medium does not support this one.
        """
        raise NotImplementedError

    def withdraw(self, request: MediumRequest, /) -> bool:
        """Cancel a request. True: it never begins, and ``over`` is not called. False: it runs on, and ``over`` is called."""
        return False

    def retire(self) -> None:
        """The loop submits no more requests. Withdrawn ones that still run end some time."""
        return

    def native(self) -> Any:
        """The channel in C that takes READ and WRITE (:class:`pysrp._fast.medium.NativeChannel`), None where there is none."""
        return None


class Medium:
    """Bytes at any offset, used by several loops at once. A subclass has to call ``Medium.__init__``."""

    size: int
    """Size in bytes. May change."""
    block: int = 1
    """Bytes, 1 or more: every offset, length and ``done`` of a request is a multiple of it."""
    physical_block: int = 4096
    """Bytes of the smallest access that is efficient."""
    discard_granularity: int = 0
    """Bytes of the pieces in which DISCARD frees room; 0: physical blocks, as far as is known."""
    discard_alignment: int = 0
    """Bytes before the first such piece."""
    features: Feature = Feature(0)
    identity: str = ""
    """A name of the stored bytes that is the same on every server that opens them; "": unknown."""
    reservations: Any = None
    """The :class:`~pysrp.target.units.persistent.SharedStore` that keeps its units' persistent reservations with the medium."""
    away: bool = False
    """Whether another server owns the medium now, so that every request fails with ESHUTDOWN. May change."""

    def __init__(self) -> None:
        self.stragglers: Stragglers = Stragglers()

    @property
    def read_only(self) -> bool:
        """Whether every WRITE would fail."""
        return Feature.READ_ONLY in self.features

    def channel(self, loop: Loop) -> MediumChannel:
        """Make a channel for this loop."""
        raise NotImplementedError

    def look(self) -> None:
        """Update :attr:`size` where the medium may have grown by itself. Must not wait. Any thread."""
        return

    def memory(self) -> memoryview | None:
        """All ``size`` bytes, writable, where they are memory of this process; else None."""
        return None

    def native(self) -> bool:
        """Whether the native lane may READ and WRITE past the methods in Python: in :meth:`memory`, where there is that, or by
        what :meth:`MediumChannel.native` of the channels gives.

        A class that replaces :meth:`channel` or :meth:`memory` has to replace this method too, as only it knows the answer.
        """
        return False

    def space(self) -> tuple[int | None, int | None] | None:
        """Bytes that the medium occupies now, and bytes that it could occupy beside these, maybe shared with other users; each
        None where it is not known. None: neither is. May wait. Any thread.

        A thin disk over it decides at its creation which of the two it reports, and leaves out a value that is unknown later.
        While thresholds are watched, writes wait for this call now and then: if its answer or its failure takes long, cache
        that for a while.
        """
        return None

    def trouble(self) -> str:
        """Why requests fail now, and what to do about it, for people; empty: nothing is known. Any thread."""
        return ""

    def close(self) -> None:
        """Release its resources, without a flush. No request may be submitted any more. Harmless when repeated."""


class Stragglers:
    """Requests of one medium that were withdrawn and still run. Safe from any thread.

    A straggler must not write over later data: a later request for the same bytes, from any loop, waits until it has ended. The
    native lane does not look at stragglers, so its gates are closed as long as there are any.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._gates: list[Gate] = []
        self.running: list[MediumRequest] = []
        """May be read without the lock: a request need only wait for stragglers that were added before it came."""
        self._waiting: list[tuple[MediumRequest, Callable[[], None]]] = []
        self._asking: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self.running)

    def add(self, request: MediumRequest) -> None:
        """A request was withdrawn, and still runs."""
        with self._lock:
            self.running.append(request)
            for gate in self._gates:
                gate.close(STRAGGLERS)

    def guard(self, gate: Gate) -> None:
        """Close and open this gate of the native lane with the rest, until it is revoked."""
        with self._lock:
            self._gates = [each for each in self._gates if not each.reasons & REVOKED]
            self._gates.append(gate)
            if self.running:
                gate.close(STRAGGLERS)

    def hold(self, request: MediumRequest, go_on: Callable[[], None]) -> bool:
        """Whether a new request has to wait. If so, ``go_on`` is called, on any thread, when it need not any more."""
        if not self.running:
            return False
        with self._lock:
            if not self._hinder(request):
                return False
            self._waiting.append((request, go_on))
        return True

    def withdraw(self, request: MediumRequest) -> bool:
        """Take a waiting request out; whether it was waiting here."""
        with self._lock:
            before = len(self._waiting)
            self._waiting = [each for each in self._waiting if each[0] is not request]
            return len(self._waiting) < before

    def over(self, request: MediumRequest) -> None:
        """A straggler has ended."""
        with self._lock:
            self.running.remove(request)
            ready = [go_on for each, go_on in self._waiting if not self._hinder(each)]
            self._waiting = [each for each in self._waiting if self._hinder(each[0])]
            if not self.running:
                ready += self._asking
                self._asking = []
                for gate in self._gates:
                    gate.open(STRAGGLERS)
        for call in ready:
            call()

    def when_over(self, done: Callable[[], None]) -> None:
        """Call ``done`` as soon as no straggler runs: now, or later on any thread."""
        with self._lock:
            if self.running:
                self._asking.append(done)
                return
        done()

    def _hinder(self, request: MediumRequest) -> bool:
        """Whether a straggler overlaps the request, and at least one of the two changes bytes."""
        end = request.offset + request.length
        return any(
            each.offset < end
            and request.offset < each.offset + each.length
            and not (each.operation in READS and request.operation in READS)
            for each in self.running
        )
