"""The data path between the initiator's memory and media.

There are two ways. A medium that can complete at once is handed the initiator's own memory, where the transport shares it
(:meth:`~pysrp.target.link.InitiatorMemory.reach`). All other data is staged, a :class:`Chunk` at a time: the link copies between
chunk and initiator, and the medium works on the chunk, each now or later. So a task can be aborted in the middle: a medium that
is still busy then reaches only the chunk, which is not used again before the medium is done with it. :class:`Staging` shares
the chunks out; :class:`Media` has the channels that a loop submits to.
"""

from __future__ import annotations

import errno
import logging
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import Any, Protocol
from weakref import WeakSet

from pysrp._fast.lane import NativeRequest
from pysrp._fast.srp import clip
from pysrp._fast.stretch import Stretch
from pysrp.errors import HcallError
from pysrp.target.backend_medium import BackendMedium, Workers, ask
from pysrp.target.effects import Move
from pysrp.target.guarded import Guarded
from pysrp.target.link import FOR_READING, FOR_WRITING, PENDING, Done, InitiatorMemory, Later, Segment
from pysrp.target.medium import FUA, NOWAIT, Feature, Medium, MediumRequest, Operation
from pysrp.target.task import Task

__all__ = ["CHUNK", "CHUNKS", "Chunk", "Copy", "DataMover", "Media", "Staging", "Transfer"]

log: logging.Logger = logging.getLogger("pysrp.target")

READ, WRITE, FLUSH = Operation.READ, Operation.WRITE, Operation.FLUSH

CHUNK = 256 << 10
"""Bytes that one task has staged at a time."""

CHUNKS = 16
"""Chunks that are allocated at first; one of them is reserved for transfers that cannot hang."""


class Allocating(Protocol):
    """The part of :class:`pysrp.fabric.Port` that staging needs."""

    def allocate(self, size: int, /) -> Any:
        """DMA memory."""


class Chunk:
    """:data:`CHUNK` bytes at ``offset`` of DMA memory, and a view of them for the loop."""

    __slots__ = ("memory", "offset", "stretch", "view")

    memory: Any
    offset: int

    def __init__(self, memory: Any, offset: int) -> None:
        self.memory, self.offset = memory, offset
        self.stretch: Stretch = Stretch(memory, offset, CHUNK)  # a medium's thread makes its own views of it
        self.view: memoryview = memoryview(self.stretch)


class Staging:
    """Chunks, shared out by owner: the medium that may hang with them.

    An owner gets a chunk while it has fewer than are free, so a medium that hangs leaves half of the free ones. An owner
    without a chunk always gets its first: if none is free, more memory is allocated, as far as the port's window reaches. So
    an owner waits for its first only when hung media fill the window. Transfers that cannot hang never wait for media: their
    owner is the staging itself, for which one chunk is reserved.
    """

    def __init__(self, port: Allocating) -> None:
        self._port = port
        self._kept: Chunk | None = None
        """The reserved chunk, None while it is in use."""
        self._prepared = self._sharing = False
        self._free: list[Chunk] = []
        self._held: dict[Any, int] = {}
        self._waiting: dict[Any, deque[Staged]] = {}
        """By owner, those that wait for a chunk, oldest first; no empty queues."""

    def prepare(self) -> None:
        """Allocate the first chunks, unless they are there. HcallError when the window is full."""
        if not self._prepared:
            memory = self._port.allocate(CHUNK * CHUNKS)
            self._kept, *self._free = (Chunk(memory, at) for at in range(0, CHUNK * CHUNKS, CHUNK))
            self._prepared = True

    def retire(self) -> None:
        """Drop the free chunks, as the port is about to be closed. A chunk that a worker still uses stays readable for it."""
        self._kept = None
        self._free.clear()

    @property
    def busy(self) -> int:
        """Chunks in use."""
        return sum(self._held.values())

    @property
    def waiting(self) -> int:
        """How many transfers wait for a chunk."""
        return sum(map(len, self._waiting.values()))

    def ask(self, waiter: Staged) -> None:
        """Grant a chunk now or later."""
        self.prepare()
        queue = self._waiting.get(waiter.owner)
        chunk = None if queue else self._chunk_for(waiter.owner)
        if chunk is not None:
            waiter.granted(chunk)
        elif queue:
            queue.append(waiter)
        else:
            self._waiting[waiter.owner] = deque((waiter,))

    def withdraw(self, waiter: Staged) -> None:
        """Take a waiter out of its queue. ValueError if it does not wait."""
        queue = self._waiting.get(waiter.owner)
        if queue is None:
            raise ValueError("not waiting")
        queue.remove(waiter)
        if not queue:
            del self._waiting[waiter.owner]

    def release(self, owner: Any, chunk: Chunk) -> None:
        """Take a chunk back, and grant chunks to waiters that may have one now, the longest waiting owner first."""
        if owner is self and self._kept is None:
            self._kept = chunk
        else:
            self._free.append(chunk)
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        if self._sharing:  # re-entered by a transfer that was granted a chunk below and is over at once
            return
        self._sharing = True
        try:
            while (found := self._next()) is not None:
                waiter, chunk = found
                waiter.task.attempt(waiter.granted, chunk)
        finally:
            self._sharing = False

    def _next(self) -> tuple[Staged, Chunk] | None:
        """The waiter that gets a chunk now, and the chunk."""
        for owner, queue in self._waiting.items():
            chunk = self._chunk_for(owner)
            if chunk is not None:
                waiter = queue.popleft()
                if not queue:
                    del self._waiting[owner]
                return waiter, chunk
        return None

    def _chunk_for(self, owner: Any) -> Chunk | None:
        held = self._held.get(owner, 0)
        kept = self._kept if owner is self else None
        if not self._free and not held and kept is None:
            self._grow()
        if self._free and (not held or held < len(self._free)):
            chunk = self._free.pop()
        elif kept is not None:
            chunk, self._kept = kept, None
        else:
            return None
        self._held[owner] = held + 1
        return chunk

    def _grow(self) -> None:
        try:
            self._free.append(Chunk(self._port.allocate(CHUNK), 0))
        except (HcallError, MemoryError) as error:
            log.warning("no more memory to stage data in: %s", error)


class Staged:
    """A transfer of one task by staged memory, a chunk at a time, in steps that complete now or later.

    A subclass has the steps; after the last part it calls :meth:`end`, which calls ``then``.
    """

    __slots__ = (
        "at", "cancelled", "chunk", "copying", "done", "length", "mover", "quiet", "request", "task", "then",
    )  # fmt: skip

    owner: Any
    """For whom the chunk is counted: the medium that may hang, or the :class:`Staging` itself."""

    at: int
    done: int
    length: int
    mover: DataMover
    task: Task
    then: Callable[[], None]

    def __init__(self, mover: DataMover, task: Task, length: int, then: Callable[[], None]) -> None:
        self.mover, self.task, self.length, self.then = mover, task, length, then
        self.at = self.done = 0
        self.chunk: Chunk | None = None
        self.request: MediumRequest | None = None
        """The request that a medium is busy with."""
        self.copying: bool = False
        self.cancelled: bool = False
        self.quiet: Callable[[], None] | None = None

    @property
    def size(self) -> int:
        """Bytes of this part."""
        return min(CHUNK, self.length - self.done)

    def cancel(self, quiet: Callable[[], None]) -> bool:
        """Stop: from now on this must not touch the initiator's memory.

        False: the link is still copying, and ``quiet`` is called when it has ended. A medium's request that still runs reaches
        staged memory only, and need not be waited for.
        """
        self.cancelled = True
        if self.copying:
            self.quiet = quiet
            return False
        if self.request is not None:
            if self.request.withdraw():
                self.mover.release(self)
        elif self.chunk is None:
            self.mover.staging.withdraw(self)
        else:
            self.mover.release(self)
        return True

    def granted(self, chunk: Chunk) -> None:
        """Begin, with the chunk that :class:`Staging` has granted."""
        self.chunk = chunk
        self.go_on()

    def go_on(self) -> None:
        """Take steps as long as each is over at once."""
        try:
            while self.chunk is not None and not self.cancelled:
                if self.step() is PENDING:
                    return
                self.at += 1
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Give the chunk back; the task may begin another transfer now."""
        if self.task.transfer is self:
            self.task.transfer = None
        self.mover.release(self)

    def end(self, problem: Exception | None = None) -> None:
        """The last part is over."""
        self.leave()
        if problem is not None:
            self.task.failed(problem)
        else:
            self.then()

    def step(self) -> Later | None:
        """The step numbered :attr:`at`."""
        raise NotImplementedError

    def fetch(self, segments: Sequence[Segment], size: int) -> Later | None:
        """Let the link fill the chunk with the current part of the segments."""
        assert self.chunk is not None
        later = self.mover.memory.fetch(clip(segments, self.done, size), self.chunk, self.copied)
        self.copying = later is PENDING
        return later

    def store(self, segments: Sequence[Segment], size: int) -> Later | None:
        """Copy the chunk to the current part of the segments; by the link, where they are not within reach."""
        assert self.chunk is not None
        memory, part = self.mover.memory, clip(segments, self.done, size)
        near = memory.reach(part, FOR_WRITING)
        if near is not None:
            put(self.chunk.view, near)
            return None
        later = memory.store(self.chunk, part, self.copied)
        self.copying = later is PENDING
        return later

    def copied(self, error: Exception | None) -> None:
        """The link has ended a copy that was PENDING."""
        self.copying = False
        if not self.cancelled:
            self.resume(error)
            return
        self.mover.release(self)
        quiet, self.quiet = self.quiet, None
        if quiet is not None:
            quiet()

    def resume(self, error: Exception | None = None) -> None:
        """A step that was PENDING is over."""
        if error is not None:
            self.leave()
            self.task.caught(error)
            return
        self.at += 1
        try:
            self.go_on()
        except Exception as raised:
            self.task.caught(raised)


class Copy(Staged):
    """Parameter data, between private memory and the initiator's."""

    __slots__ = ("data", "inward", "segments")

    data: memoryview
    done: int
    inward: bool
    segments: Sequence[Segment]

    def __init__(
        self,
        mover: DataMover,
        task: Task,
        segments: Sequence[Segment],
        data: memoryview,
        inward: bool,
        then: Callable[[], None],
    ) -> None:
        super().__init__(mover, task, len(data), then)
        self.segments, self.data, self.inward = segments, data, inward

    @property
    def owner(self) -> Any:
        """No medium takes part: only the staging's own queue may delay it."""
        return self.mover.staging

    def step(self) -> Later | None:
        """Even steps copy between chunk and initiator, odd ones end the part."""
        assert self.chunk is not None
        size = self.size
        part = self.data[self.done : self.done + size]
        if not self.at % 2:
            if not self.inward:
                return self.fetch(self.segments, size)
            self.chunk.view[:size] = part
            return self.store(self.segments, size)
        if not self.inward:
            part[:] = self.chunk.view[:size]
        self.done += size
        if self.done == self.length:
            self.end()
        return None


class Transfer(Staged):
    """A :class:`Move` between the initiator and a medium, of which the first ``done`` bytes have been moved already."""

    __slots__ = ("_owner", "flush", "move", "moved", "problem")

    move: Move
    done: int

    def __init__(
        self, mover: DataMover, task: Task, move: Move, length: int, done: int, then: Callable[[], None]
    ) -> None:
        super().__init__(mover, task, length, then)
        self.move, self.done = move, done
        self._owner: Any = move.backend if mover.media.may_hang(move.backend) else mover.staging
        self.flush: bool = move.flush
        self.moved: int = 0
        self.problem: Exception | None = None

    @property
    def owner(self) -> Any:
        """The medium, if it may hang."""
        return self._owner

    def step(self) -> Later | None:
        """Fetch, write, next part; or read, store, next part."""
        if self.done == self.length:
            return self._last()
        number = self.at % 3
        if number == 2:
            self._next()
            return None
        if not self.move.write:
            return self._work() if number == 0 else self._store()
        return self.fetch(self.task.data_out, self.size) if number == 0 else self._work()

    def _work(self) -> Later | None:
        assert self.chunk is not None
        move, size = self.move, self.size
        flags = 0
        if self.flush and not move.write:
            flags = FUA
        elif self.flush and size == self.length:
            flags, self.flush = FUA, False
        return self._submit(
            MediumRequest(
                WRITE if move.write else READ,
                move.offset + self.done,
                size,
                (self.chunk.stretch.part(0, size),),
                flags,
                move.block,
                self._over,
            )
        )

    def _submit(self, request: MediumRequest) -> Later | None:
        self.request = request
        if self.mover.media.submit(self.move.backend, request) is PENDING:
            return PENDING
        self._took(request)
        return None

    def _over(self, request: MediumRequest) -> None:
        """A request that was PENDING is over."""
        if self.cancelled:
            self.request = None
            self.mover.release(self)
            return
        self._took(request)
        self.resume()

    def _took(self, request: MediumRequest) -> None:
        self.request = None
        if request.errno:
            self.problem, self.moved = request.failure(), request.whole
        else:
            self.moved = request.done

    def _store(self) -> Later | None:
        return self.store(self.task.data_in, self.moved) if self.moved > 0 else None

    def _next(self) -> None:
        if self.move.write:
            self.task.moved_out += self.moved
        else:
            self.task.moved_in += self.moved
        self.done += self.moved
        self.moved = 0
        if self.problem is not None:
            self.end(self.problem)

    def _last(self) -> Later | None:
        """All data has been moved: flush it if the move wants that, then end."""
        if self.flush and self.move.write:
            self.flush = False
            return self._submit(MediumRequest(FLUSH, over=self._over))
        self.end(self.problem)
        return None


class Errand:
    """A request of one task whose bytes are not the initiator's; ``then`` follows, with the request's value."""

    __slots__ = ("cancelled", "request", "task", "then")

    task: Task
    then: Callable[[Any], None]

    def __init__(self, task: Task, request: MediumRequest, then: Callable[[Any], None]) -> None:
        self.task, self.then = task, then
        self.cancelled: bool = False
        self.request: MediumRequest | None = request
        request.over = self._over

    def cancel(self, quiet: Callable[[], None]) -> bool:
        """Stop. Always True, as this never touches the initiator's memory."""
        self.cancelled = True
        if self.request is not None and self.request.withdraw():
            self.request = None  # frees its buffers
        return True

    def _over(self, request: MediumRequest) -> None:
        self.request = None
        if self.cancelled:
            return
        self.task.transfer = None
        error = request.failure()
        if error is not None:
            self.task.attempt(self.task.failed, error)
        else:
            self.task.attempt(self.then, request.value)


class Adopted(Errand):
    """A request that the native lane has begun, in memory of its own, for a command that has become a task."""

    __slots__ = ("mover", "moves")

    mover: DataMover
    moves: bool
    request: MediumRequest | None

    def __init__(self, mover: DataMover, task: Task, late: NativeRequest) -> None:
        operation = Operation(late.operation)
        views = (memoryview(late),)
        super().__init__(
            task, MediumRequest(operation, late.offset, late.size, views, late.flags, late.block), task.done
        )
        self.mover, self.moves = mover, late.moves
        if not self.moves:
            return
        if operation is WRITE:
            task.wanted_out = late.size
        else:
            task.wanted_in = late.size

    def begin(self, medium: Any, late: NativeRequest) -> None:
        """Hand the lane's request over to the medium's channel here."""
        request = self.request
        assert request is not None
        self.task.transfer = self
        if self.mover.media.adopt(medium, request, late) is not PENDING:
            self._over(request)

    def _over(self, request: MediumRequest) -> None:
        self.request = None
        if self.cancelled:
            return
        self.task.transfer = None
        self.task.attempt(self._moved, request)

    def _moved(self, request: MediumRequest) -> None:
        task, moved, error = self.task, request.whole, request.failure()
        end = task.done if error is None else partial(task.failed, error)
        if not self.moves:
            end()
            return
        if request.operation is WRITE:
            task.moved_out = moved
            end()
            return

        def stored() -> None:
            task.moved_in = moved
            end()

        if moved:
            self.mover.store(task, clip(task.data_in, 0, moved), request.buffers[0][:moved], stored)
        else:
            stored()


class Media:
    """One loop's channels, one for each medium, made at its first use. Backends (:mod:`pysrp.backends`) count as media too.

    A channel may have threads and file descriptors. So :meth:`keep` is told which media the units have: a medium that no unit
    has any more loses its channel as soon as no request is awaited there.

    ``workers`` run calls to backends that block, and jobs; without them all is called in place. ``post`` lets the loop call a
    function soon, from any thread.
    """

    workers: Workers | None
    post: Callable[[Callable[[], None]], None]
    leaving: bool

    def __init__(self, workers: Workers | None, post: Callable[[Callable[[], None]], None]) -> None:
        self.workers, self.post = workers, post
        self._channels: dict[Medium, Any] = {}
        """Each is a :class:`~pysrp.target.guarded.Guarded`, or a :class:`~pysrp.target.backend_medium.BackendChannel`."""
        self._kept: set[Medium] = set()
        self._gone: WeakSet[Medium] = WeakSet()
        """Media that units had, and have no more. Late requests may still use one."""
        self.leaving = False
        """Whether :attr:`_gone` media may have channels that :meth:`let_go` could not retire yet."""

    def submit(self, medium: Any, request: MediumRequest) -> Later | None:
        """Submit a request, which is done now or later, whole or with an error."""
        if isinstance(medium, Medium):
            try:
                channel = self._channel(medium)
            except Exception as error:
                request.fails(error)
                return None
            later: Later | None = channel.submit(request)
            return later
        return ask(medium, self.workers, self, request)

    def native(self, medium: Medium) -> Any:
        """The C part of a medium's channel (:meth:`pysrp.target.medium.MediumChannel.native`), None where there is none."""
        try:
            return self._channel(medium).native()
        except Exception:
            log.exception("%r: a channel for the native lane", medium)
            return None

    def adopt(self, medium: Medium, request: MediumRequest, late: NativeRequest) -> Later | None:
        """See :meth:`pysrp.target.guarded.Guarded.adopt`."""
        later: Later | None = self._channel(medium).adopt(request, late)
        return later

    def may_hang(self, medium: Any) -> bool:
        """Whether a request may never complete."""
        return isinstance(medium, Medium) or (self.workers is not None and medium.blocking)

    def tries(self, medium: Any) -> bool:
        """Whether to try a request with NOWAIT first."""
        if isinstance(medium, Medium):
            return Feature.NOWAIT in medium.features
        return not medium.blocking or self.workers is None

    def keep(self, media: set[Medium]) -> None:
        """Set the media that units have from now on. The native lane must have nothing under way for any other medium."""
        if media == self._kept:
            return
        self._gone |= self._kept - media
        self._gone -= media
        self._kept = media
        self.post(self.let_go)

    def let_go(self) -> None:
        """Retire the channels of media that no unit has any more. The loop calls it, between two turns."""
        self.leaving = False
        for medium, channel in list(self._channels.items()):
            if medium not in self._gone:
                continue
            if channel.busy:
                self.leaving = True
            else:
                del self._channels[medium]
                channel.retire()

    def retire(self) -> None:
        """Retire all channels; no request is submitted any more."""
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.retire()

    def _channel(self, medium: Medium) -> Any:
        found = self._channels.get(medium)
        if found is None:
            ours = type(medium).channel is BackendMedium.channel  # needs no Guarded, and supports Call
            found = medium.channel(self) if ours else Guarded(medium, self.post, self.workers)
            self._channels[medium] = found
            self.leaving |= medium in self._gone
        return found


def put(data: memoryview, near: Sequence[memoryview]) -> None:
    """Copy ``data`` to views of the initiator's memory, one after the other."""
    done = 0
    for view in near:
        view[:] = data[done : done + len(view)]
        done += len(view)


class ImmediateData:
    """:class:`~pysrp.target.link.InitiatorMemory` of one command whose data-out came with it, as private memory.

    Addresses of data-out count from the beginning of ``data``; data-in goes to ``memory``, the link's.
    """

    allocate: Callable[[int], Any]

    def __init__(self, data: memoryview, memory: InitiatorMemory) -> None:
        self._data, self._memory = data, memory
        self.allocate = memory.allocate
        self.store: Callable[..., Later | None] = memory.store

    def reach(self, segments: Sequence[Segment], access: int, /) -> list[memoryview] | None:
        """Data-out is always within reach."""
        if access == FOR_WRITING:
            return self._memory.reach(segments, access)
        return [self._data[at : at + length] for at, length, _ in segments]

    def fetch(self, segments: Sequence[Segment], chunk: Chunk, done: Done, /) -> None:
        """Copy at once from the private memory."""
        filled = 0
        for at, length, _ in segments:
            chunk.view[filled : filled + length] = self._data[at : at + length]
            filled += length


class DataMover:
    """The data path of one channel. ``post`` lets the loop that owns it call a function soon, from any thread."""

    def __init__(
        self, memory: InitiatorMemory, workers: Workers | None, post: Callable[[Callable[[], None]], None]
    ) -> None:
        self.memory = memory
        self.media: Media = Media(workers, post)
        self.staging: Staging = Staging(memory)

    def prepare(self) -> None:
        """Allocate the staged memory, if it is not there yet. HcallError when the window is full."""
        self.staging.prepare()

    def retire(self) -> None:
        """Release channels and memory, as the link is about to be closed."""
        self.media.retire()
        self.staging.retire()

    def release(self, staged: Staged) -> None:
        """Return the transfer's chunk, if it has one, to :class:`Staging`, which may grant it to the next waiter."""
        chunk, staged.chunk = staged.chunk, None
        if chunk is not None:
            self.staging.release(staged.owner, chunk)

    # pysrp.target.task.Mover

    def carrying(self, data: memoryview) -> DataMover:
        """A mover for one command whose data-out is ``data``. It shares media and staged memory with this one."""
        mover = copy(self)
        mover.memory = ImmediateData(data, self.memory)
        return mover

    def fetch(
        self, task: Task, segments: Sequence[Segment], length: int, then: Callable[[memoryview], None]
    ) -> None:
        """Call ``then`` with a private copy of the first ``length`` bytes: at once where the memory is within reach."""
        data = memoryview(bytearray(length))
        near = self.memory.reach(clip(segments, 0, length), FOR_READING)
        if near is None:
            self._begin(Copy(self, task, segments, data, False, lambda: then(data)))
            return
        done = 0
        for view in near:
            data[done : done + len(view)] = view
            done += len(view)
        then(data[:done])

    def store(
        self, task: Task, segments: Sequence[Segment], data: memoryview, then: Callable[[], None]
    ) -> None:
        """Copy ``data`` to the segments, from the first one on, and call ``then``."""
        near = self.memory.reach(clip(segments, 0, len(data)), FOR_WRITING)
        if near is None:
            self._begin(Copy(self, task, segments, data, True, then))
            return
        put(data, near)
        then()

    def _begin(self, staged: Staged) -> None:
        staged.task.transfer = staged
        try:
            self.staging.ask(staged)
        except BaseException:
            staged.leave()
            raise

    def transfer(self, task: Task, move: Move, length: int, then: Callable[[], None]) -> None:
        """Move the first ``length`` bytes of ``move`` and call ``then``."""
        if not length:
            then()
            return
        done: int | None = 0
        if self.media.tries(move.backend):
            done = self._in_place(task, move, length, then)
        if done is not None:
            self._begin(Transfer(self, task, move, length, done, then))

    def adopt(self, task: Task, medium: Medium, late: NativeRequest) -> None:
        """Go on, for a task, with the request that the native lane has begun."""
        Adopted(self, task, late).begin(medium, late)

    def submit(self, task: Task, medium: Any, request: MediumRequest, then: Callable[[Any], None]) -> None:
        """Submit a request to a medium, and call ``then`` with its value."""
        errand = Errand(task, request, then)
        if self.media.submit(medium, request) is PENDING:
            task.transfer = errand
            return
        error = request.failure()
        if error is not None:
            task.failed(error)
        else:
            then(request.value)

    def _in_place(self, task: Task, move: Move, length: int, then: Callable[[], None]) -> int | None:
        """Move data straight to or from the initiator's memory. None if the move is over; else the bytes that have been moved."""
        # All segments are resolved first: a bad descriptor is found before a byte has moved.
        write = move.write
        if write:
            near = self.memory.reach(clip(task.data_out, 0, length), FOR_READING)
        else:
            near = self.memory.reach(clip(task.data_in, 0, length), FOR_WRITING)
        if near is None:
            return 0
        flags = NOWAIT | FUA if move.flush else NOWAIT
        request = MediumRequest(WRITE if write else READ, move.offset, length, near, flags, move.block)
        self.media.submit(move.backend, request)
        moved = request.whole if request.errno else length
        if write:
            task.moved_out += moved
        else:
            task.moved_in += moved
        if not request.errno:
            then()
            return None
        if request.errno == errno.EAGAIN:
            return moved
        error = request.failure()
        assert error is not None
        task.failed(error)
        return None
