"""The words between a target and a medium: bytes that may take time. Neither a transport nor SCSI is in them.

Now or later, as in :mod:`.link`: :meth:`MediumChannel.submit` returns :data:`~pysrp.target.link.PENDING`, and then the loop
that submitted calls the request's ``over``, never from within the call; or the request is over when it returns, and
``over`` is not called. What became of it stands in the request.

A medium in memory, with all that it takes::

    class Bytes(Medium, MediumChannel):
        features = Feature.NOWAIT | Feature.VOLATILE

        def __init__(self, size):
            super().__init__()
            self.size = size
            self.bytes = memoryview(bytearray(size))

        def channel(self, loop):
            return self         # nothing here is a loop's own

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

One that takes longer returns PENDING, and gives ``loop.post`` a function that calls ``request.ends(...)`` and
``request.over(request)``, from whatever thread it has found out.
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
    """What a medium is asked to do. The numbers are those of ``native.h``."""

    READ = 1
    WRITE = 2
    FLUSH = 3
    """All that was written before is on the medium when it is over."""
    ZERO = 4
    """``length`` bytes read as zeros from then on."""
    DISCARD = 5
    """``length`` bytes are of no use any more; what they read as afterwards is undefined."""
    EXTENTS = 6
    """Which of ``length`` bytes take room, 1 or more. ``value`` is a list of lengths from ``offset`` on, 1 or more each, with
    whether these do; what does not reads as zeros. It may end early. For a medium with :attr:`Feature.EXTENTS`.
    """
    COMPARE = 7
    """There are two buffers of ``length`` bytes: if what is on the medium is the first one, the second one takes its place, and
    nobody who reaches the medium by whatever way comes in between. All of it, or nothing. EILSEQ: it is not. EOPNOTSUPP:
    it cannot do that with these bytes, and nobody else changes the medium; EXDEV: it cannot, and somebody else may. For a medium with :attr:`Feature.COMPARE`.
    """


READS = frozenset({Operation.READ, Operation.FLUSH, Operation.EXTENTS})
"""What changes no byte."""

FUA = 1
"""Flag of a WRITE, ZERO or COMPARE: it is on the medium when it is over; of a READ: what of these bytes is only in a volatile cache has
been put on the medium first. For a medium with :attr:`Feature.FUA`."""
NOWAIT = 2
"""Flag: over at once, or EAGAIN for what cannot be; its buffers are not held. More than ``done`` may have been moved by
then: who goes on moves it again. For a medium with :attr:`Feature.NOWAIT`."""


class Feature(IntFlag):
    """What a medium is, or can do. The numbers are those of ``native.h``."""

    FUA = 1
    """Takes the flag; without it a FLUSH follows, or comes before a READ."""
    DISCARD = 2
    """Makes use of it."""
    ZERO = 4
    """Writes no zeros for it."""
    NOWAIT = 8
    """Does some things at once: worth asking."""
    VOLATILE = 16
    """What is flushed is gone with the power all the same."""
    ROTATING = 32
    READ_ONLY = 64
    DISCARD_ZEROS = 128
    """What it has been told to DISCARD reads as zeros."""
    EXTENTS = 256
    """Knows them."""
    ATOMIC = 512
    """What one WRITE brings is there whole or not at all whenever somebody looks: also after a loss of power."""
    COMPARE = 1024
    """Compares and writes as one, whoever else has it open."""


class BadBlock(OSError):
    """A medium's error, and where: ``offset`` is the first byte of the first block that it is about.

    The blocks of the transfer before that one have been moved.
    """

    def __init__(self, error: OSError, offset: int) -> None:
        super().__init__(error.errno, error.strerror)
        self.offset = offset


def _nobody(request: MediumRequest) -> None:
    """Nobody waits for it."""


@dataclass(eq=False, repr=False)
class MediumRequest:
    """One thing that a medium is to do, and what became of it. It keeps its buffers alive until it is over.

    ``offset`` and ``length`` are bytes; ``buffers`` views of ``length`` bytes together, of a READ or WRITE. ``block`` is what
    errors are told in: a medium that does not know where it failed may try again down to that, and no further; 0: it
    need not.
    """

    operation: Operation
    offset: int = 0
    length: int = 0
    buffers: Sequence[memoryview] = ()
    flags: int = 0
    block: int = 0
    over: Callable[[MediumRequest], None] = _nobody
    """Called by the loop that submitted it, when it was PENDING and is over."""
    value: Any = None
    """What whoever waits for it is given then."""

    # What became of it: attributes of the class until something does.

    errno: int = field(default=0, init=False)
    done: int = field(default=0, init=False)
    """Bytes that have been moved, from the first on. Fewer than ``length`` without an error: the rest was not tried."""
    bad: int | None = field(default=None, init=False)
    """The first byte of the medium that the error is about, where that is known."""
    cause: Exception | None = field(default=None, init=False)
    """What was raised, where a medium in Python did that."""
    channel: Any = field(default=None, init=False)
    """Where it was submitted."""
    own: Any = field(default=None, init=False)
    """The channel's own word for it."""

    def __repr__(self) -> str:
        return f"<{self.operation.name} {self.length} at {self.offset}>"

    def ends(self, errno: int = 0, done: int = 0, bad: int | None = None) -> None:
        """What became of it."""
        self.errno, self.done, self.bad, self.cause = errno, done, bad, None

    def fails(self, error: Exception) -> None:
        """This was raised; ``done`` and ``bad`` stay as they are."""
        self.errno = (error.errno if isinstance(error, OSError) else None) or codes.EINVAL
        self.cause = error

    def withdraw(self) -> bool:
        """See :meth:`MediumChannel.withdraw`."""
        withdrawn: bool = self.channel.withdraw(self)
        return withdrawn

    @property
    def whole(self) -> int:
        """Bytes that have been moved: in an error, the blocks before that which it is about."""
        if not self.errno:
            return self.done
        block = self.block or 1
        end = self.offset + self.done if self.bad is None else self.bad
        return max(end // block * block - self.offset, 0)

    def failure(self) -> Exception | None:
        """The error that it ended with. Busy (BUSY) for EAGAIN: the medium takes nothing now."""
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
    """One thread that submits to media, and waits for what they answer."""

    def post(self, call: Callable[[], None], /) -> None:
        """Let the loop call a function soon. From any thread."""


class MediumChannel(Protocol):
    """What one loop submits to. Only its thread calls. Inherit it for the two that most have no use for.

    What a target submits is inside the medium, and in whole blocks.
    """

    def submit(self, request: MediumRequest, /) -> Later | None:
        """Do it, now or later. Raises nothing: what is wrong stands in the request.

        EAGAIN: there are too many already. EOPNOTSUPP: it cannot do that.
        """
        raise NotImplementedError

    def withdraw(self, request: MediumRequest, /) -> bool:
        """True: it never began, and never will; ``over`` is not called. False: it runs on, and ``over`` is called."""
        return False

    def retire(self) -> None:
        """The loop submits nothing more. What runs on is over some time."""
        return

    def native(self) -> Any:
        """What READ and WRITE are submitted to in C (:class:`pysrp._fast.medium.NativeChannel`), None where there is no such."""
        return None


class Medium:
    """Bytes at any offset, that several loops use at once. Who makes one calls ``Medium.__init__``."""

    size: int
    """Size in bytes. May change."""
    block: int = 1
    """Offsets and lengths are multiples of this many bytes, 1 or more, and what is done of a request."""
    physical_block: int = 4096
    """Bytes of what it likes to move at least."""
    discard_granularity: int = 0
    """Bytes of the pieces that room is given back in; 0: physical blocks, as far as is known."""
    discard_alignment: int = 0
    """Bytes before the first such piece."""
    features: Feature = Feature(0)
    identity: str = ""
    """Which bytes these are, whichever server has opened them; "": nobody knows."""
    reservations: Any = None
    """Where the persistent reservations of its units are kept with it (:class:`~pysrp.target.units.persistent.SharedStore`)."""
    away: bool = False
    """Whether another server has it now, so that every request fails with ESHUTDOWN. May change."""

    def __init__(self) -> None:
        self.stragglers: Stragglers = Stragglers()

    @property
    def read_only(self) -> bool:
        """Whether every WRITE would fail."""
        return Feature.READ_ONLY in self.features

    def channel(self, loop: Loop) -> MediumChannel:
        """What this loop submits to."""
        raise NotImplementedError

    def look(self) -> None:
        """Where :attr:`size` may have become larger by itself, see to it that it says so. Must not wait. Any thread."""
        return

    def memory(self) -> memoryview | None:
        """All ``size`` bytes, writable, where they are memory of this process; else None."""
        return None

    def native(self) -> bool:
        """Whether the native lane may READ and WRITE by what :meth:`MediumChannel.native` of its channels gives, or, where
        this is memory, by that, and ask nobody.

        Only who wrote :meth:`channel` and :meth:`memory` knows: a class that replaces one of them says this anew.
        """
        return False

    def space(self) -> tuple[int | None, int | None] | None:
        """Bytes of room that it takes now, and those that it could have beside them, maybe with others; each None where that is
        not known. May wait. Any thread.

        A thin disk that is made of it tells from then on what is known at that time; what is not known for a while is left out.
        None: neither is. While thresholds are watched, writes wait for it now and then: where it takes long, to tell or to fail,
        remember that for a while.
        """
        return None

    def trouble(self) -> str:
        """Why it cannot do now what it is asked for, and what to do about it; empty: nothing is known. Any thread."""
        return ""

    def close(self) -> None:
        """Let go of it, without a flush. Nothing is submitted any more; harmless when repeated."""


class Stragglers:
    """Requests of one medium that nobody waits for any more, and that run on. Safe from any thread.

    What they still put on the medium must not overtake what is written later, by whichever loop: that waits. The native lane
    knows nothing of them, and so its gates are closed meanwhile.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._gates: list[Gate] = []
        self.running: list[MediumRequest] = []
        """May be looked at without the lock: those that count were added before a request came."""
        self._waiting: list[tuple[MediumRequest, Callable[[], None]]] = []
        self._asking: list[Callable[[], None]] = []

    def __len__(self) -> int:
        return len(self.running)

    def add(self, request: MediumRequest) -> None:
        """It runs on."""
        with self._lock:
            self.running.append(request)
            for gate in self._gates:
                gate.close(STRAGGLERS)

    def guard(self, gate: Gate) -> None:
        """This is a gate of the native lane before the medium, until it is revoked."""
        with self._lock:
            self._gates = [each for each in self._gates if not each.reasons & REVOKED]
            self._gates.append(gate)
            if self.running:
                gate.close(STRAGGLERS)

    def hold(self, request: MediumRequest, go_on: Callable[[], None]) -> bool:
        """Whether it has to wait; ``go_on`` is called then, on any thread, when it need not any more."""
        if not self.running:
            return False
        with self._lock:
            if not self._hinder(request):
                return False
            self._waiting.append((request, go_on))
        return True

    def withdraw(self, request: MediumRequest) -> bool:
        """Whether it has waited here until now; it does not any more."""
        with self._lock:
            before = len(self._waiting)
            self._waiting = [each for each in self._waiting if each[0] is not request]
            return len(self._waiting) < before

    def over(self, request: MediumRequest) -> None:
        """It has come to its end."""
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
        """Call ``done`` as soon as none runs, now or on any thread."""
        with self._lock:
            if self.running:
                self._asking.append(done)
                return
        done()

    def _hinder(self, request: MediumRequest) -> bool:
        """Whether one is about the same bytes, and one of the two changes them."""
        end = request.offset + request.length
        return any(
            each.offset < end
            and request.offset < each.offset + each.length
            and not (each.operation in READS and request.operation in READS)
            for each in self.running
        )
