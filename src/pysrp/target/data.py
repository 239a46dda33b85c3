"""Moving data between the initiator's memory and backends.

Two ways. A backend that cannot block is handed the initiator's own memory where the transport shares it
(:meth:`pysrp.fabric.Port.window`), else staged DMA memory, and is called in place. One that can block works
on staged memory only, on a worker: then a task can be aborted in the middle, and the worker that is still
busy with it reaches nothing of the initiator's, only staged memory that is not used again before it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from pysrp.errors import Busy, TransportError
from pysrp.scsi.codes import Status
from pysrp.target.staging import CHUNK, Chunk, Staging
from pysrp.target.task import Backend, BadBlock, Job, Segment, Task, Workers

__all__ = ["DataMover", "DmaPort", "Transfer", "move"]

PIECES = 16
"""Into so many a stretch is divided to find the block that cannot be read."""

READ, WRITE = 1, 2
ADDRESSES = 1 << 64


class DmaPort(Protocol):
    """What is needed of a :class:`pysrp.fabric.Port`."""

    def allocate(self, size: int, /) -> Any:
        """DMA memory."""

    def copy_in(self, remote: int, local: Any, offset: int, length: int, /) -> None:
        """From the partner."""

    def copy_out(self, local: Any, remote: int, offset: int, length: int, /) -> None:
        """To the partner."""

    def window(self, remote: int, length: int, access: Any, /) -> memoryview | None:
        """The partner's memory itself."""


def clip(segments: Sequence[Segment], skip: int, length: int) -> Iterator[Segment]:
    """The stretches that hold bytes ``skip`` to ``skip + length`` of the segments.

    Raises TransportError for one that goes past the end of all addresses.
    """
    for address, size in segments:
        if skip >= size:
            skip -= size
            continue
        size = min(size - skip, length)
        if not size:
            return
        if address + skip + size > ADDRESSES:
            raise TransportError(f"{size} bytes at {address + skip:#x} wrap")
        yield address + skip, size
        skip = 0
        length -= size


def move(backend: Backend, offset: int, view: memoryview, write: bool, block: int) -> None:
    """Read or write ``view``, or of it the blocks before the first one that cannot be.

    A backend does not say where it failed. So what failed is tried again in ever smaller pieces, down to that
    block. Raises BadBlock, or what else the backend raises.
    """
    step = backend.write_from if write else backend.read_into
    done, size = 0, len(view)
    while done < len(view):
        at = offset + done
        end = at // block * block + max(size, block)
        part = view[done : end - offset]
        try:
            step(at, part)
        except OSError as error:
            if size <= block:
                raise BadBlock(error, at // block * block) from error
            size = max(size // PIECES // block, 1) * block
        else:
            done += len(part)


class Transfer:
    """What workers do for one task: a chain of jobs, one chunk each, or one ``work`` without data."""

    __slots__ = (
        "backend",
        "block",
        "cancelled",
        "chunk",
        "done",
        "flush",
        "job",
        "length",
        "moved",
        "mover",
        "offset",
        "task",
        "then",
        "write",
    )

    def __init__(
        self,
        mover: DataMover,
        task: Task,
        backend: Backend,
        then: Callable[[], None],
        offset: int = 0,
        length: int = 0,
        write: bool = False,
        flush: bool = False,
        block: int = 1,
    ) -> None:
        self.mover, self.task, self.backend, self.then = mover, task, backend, then
        self.offset, self.length, self.write, self.flush, self.block = offset, length, write, flush, block
        self.done = self.moved = 0
        self.chunk: Chunk | None = None
        self.job: Job | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Nothing of this must have an effect on the initiator from now on."""
        self.cancelled = True
        if self.job is None:
            self.mover.staging.withdraw(self)
        elif self.job.abandon():
            self.mover.release(self)

    def run(self, work: Callable[[], None]) -> None:
        """Give ``work`` to the pool. Busy where that has no thread for it."""
        assert self.mover.workers
        try:
            self.job = self.mover.workers.submit(self.backend, work, self._ended)
        except RuntimeError as error:
            raise Busy(f"{self.backend!r}: {error}", status=Status.BUSY) from error

    @property
    def owner(self) -> Backend:
        """Who staged memory is shared out to: what hangs is a backend."""
        return self.backend

    def granted(self, chunk: Chunk) -> None:
        """The next part, staged in ``chunk``."""
        self.chunk = chunk
        self.moved = 0
        size = min(CHUNK, self.length - self.done)
        try:
            if self.write:
                self.mover.stage_in(self.task.data_out, self.done, size, chunk)
            last = self.done + size == self.length
            self.run(partial(self._work, chunk.view[:size], last))
        except BaseException:
            self.mover.release(self)
            raise

    def _work(self, view: memoryview, last: bool) -> None:
        # On a worker.
        move(self.backend, self.offset + self.done, view, self.write, self.block)
        self.moved = len(view)
        if self.write and last and self.flush:
            self.backend.flush()

    def _ended(self, error: Exception | None) -> None:
        # On a worker.
        self.mover.post(partial(self._after, error))

    def _after(self, error: Exception | None) -> None:
        if self.cancelled:
            self.mover.release(self)
        elif error is not None:
            self.task.attempt(self._fail, error)
        else:
            self.task.attempt(self._advance)

    def _fail(self, error: Exception) -> None:
        """The backend failed: the blocks before that have been moved."""
        try:
            if self.chunk is not None:
                if isinstance(error, BadBlock):
                    self.moved = error.offset - self.offset - self.done
                self._count(self.moved, self.chunk)
        finally:
            self.mover.release(self)
        self.task.unit.failed(self.task, error)

    def _count(self, size: int, chunk: Chunk) -> None:
        """So many bytes of this chunk have been moved between it and the backend."""
        if not self.write:
            self.mover.stage_out(self.task.data_in, self.done, size, chunk)
        self.task.moved(size, self.write)

    def _advance(self) -> None:
        if self.chunk is None:
            self.then()
            return
        chunk, size = self.chunk, min(CHUNK, self.length - self.done)
        try:
            self._count(size, chunk)
        except BaseException:
            self.mover.release(self)
            raise
        self.done += size
        if self.done < self.length:
            self.granted(chunk)
        else:
            self.mover.release(self)
            self.then()


def grant(transfer: Any, chunk: Chunk) -> None:
    """Let a transfer that waited for a chunk go on; what is wrong then ends its task."""
    transfer.task.attempt(transfer.granted, chunk)


class DataMover:
    """The data path of one port. ``post`` lets the port's owner call a function soon, from any thread."""

    def __init__(
        self, port: DmaPort, workers: Workers | None, post: Callable[[Callable[[], None]], None]
    ) -> None:
        self.port, self.workers, self.post = port, workers, post
        self.staging = Staging(port)

    def prepare(self) -> None:
        """Allocate the staged memory, if it is not there yet. HcallError when the window is full."""
        self.staging.prepare()

    def retire(self) -> None:
        """The port is about to be closed."""
        self.staging.retire()

    # Staged memory.

    def stage_in(self, segments: Sequence[Segment], skip: int, length: int, chunk: Chunk) -> None:
        """Copy a part of the initiator's data into a chunk."""
        at = chunk.offset
        for address, size in clip(segments, skip, length):
            self.port.copy_in(address, chunk.memory, at, size)
            at += size

    def stage_out(self, segments: Sequence[Segment], skip: int, length: int, chunk: Chunk) -> None:
        """Copy a chunk to its part of the initiator's memory."""
        at = chunk.offset
        for address, size in clip(segments, skip, length):
            self.port.copy_out(chunk.memory, address, at, size)
            at += size

    def release(self, transfer: Transfer) -> None:
        """Take its chunk back, if it has one, and give it to who may have one now."""
        chunk, transfer.chunk = transfer.chunk, None
        if chunk is not None:
            self.staging.release(transfer.owner, chunk, grant)

    # pysrp.target.task.Mover

    def fetch(self, segments: Sequence[Segment], length: int) -> memoryview:
        """Private memory with the first ``length`` bytes."""
        data = memoryview(bytearray(length))
        done = 0
        for address, size in clip(segments, 0, length):
            near = self.port.window(address, size, READ)
            if near is not None:
                data[done : done + size] = near
                done += size
                continue
            chunk = self.staging.scratch
            while size:
                part = min(size, CHUNK)
                self.port.copy_in(address, chunk.memory, chunk.offset, part)
                data[done : done + part] = chunk.view[:part]
                address, size, done = address + part, size - part, done + part
        return data[:done]

    def store(self, segments: Sequence[Segment], data: memoryview) -> None:
        """Put ``data`` into the initiator's memory."""
        done = 0
        for address, size in clip(segments, 0, len(data)):
            near = self.port.window(address, size, WRITE)
            if near is not None:
                near[:] = data[done : done + size]
                done += size
                continue
            chunk = self.staging.scratch
            while size:
                part = min(size, CHUNK)
                chunk.view[:part] = data[done : done + part]
                self.port.copy_out(chunk.memory, address, chunk.offset, part)
                address, size, done = address + part, size - part, done + part

    def transfer(
        self,
        task: Task,
        backend: Backend,
        offset: int,
        length: int,
        write: bool,
        flush: bool,
        block: int,
        then: Callable[[], None],
    ) -> Transfer | None:
        """Move data and call ``then``."""
        if length and backend.blocking and self.workers is not None:
            transfer = Transfer(self, task, backend, then, offset, length, write, flush, block)
            self.staging.ask(transfer)
            return transfer
        if self._in_place(task, backend, offset, length, write, flush, block):
            then()
        return None

    def run(
        self, task: Task, backend: Backend, work: Callable[[], None], then: Callable[[], None]
    ) -> Transfer | None:
        """Call ``work``, then ``then``."""
        if backend.blocking and self.workers is not None:
            transfer = Transfer(self, task, backend, then)
            transfer.run(work)
            return transfer
        try:
            work()
        except (OSError, ValueError) as error:
            task.unit.failed(task, error)
        else:
            then()
        return None

    def _in_place(
        self, task: Task, backend: Backend, offset: int, length: int, write: bool, flush: bool, block: int
    ) -> bool:
        segments = list(clip(task.data_out if write else task.data_in, 0, length))
        # All of them first: a descriptor that leads nowhere is found before a byte has moved.
        windows = [self.port.window(address, size, READ if write else WRITE) for address, size in segments]
        chunk = self.staging.scratch
        for (address, size), near in zip(segments, windows, strict=True):
            done = 0
            while done < size:
                part = size - done if near is not None else min(size - done, CHUNK)
                view = near if near is not None else chunk.view[:part]
                if near is None and write:
                    self.port.copy_in(address + done, chunk.memory, chunk.offset, part)
                problem: Exception | None = None
                whole = part
                try:
                    move(backend, offset, view, write, block)
                except (OSError, ValueError) as error:
                    problem = error
                    # Less than nothing: the block may have begun in the segment before.
                    whole = error.offset - offset if isinstance(error, BadBlock) else 0
                if near is None and not write and whole > 0:
                    self.port.copy_out(chunk.memory, address + done, chunk.offset, whole)
                task.moved(whole, write)
                if problem is not None:
                    task.unit.failed(task, problem)
                    return False
                done += part
                offset += part
        if write and flush and length:
            try:
                backend.flush()
            except (OSError, ValueError) as error:
                task.unit.failed(task, error)
                return False
        return True
