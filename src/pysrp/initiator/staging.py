"""A session's DMA memory: for its IUs, and for the data of its commands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from pysrp._fast.commands import CHUNK, DataMemory
from pysrp.errors import HcallError
from pysrp.fabric import Port
from pysrp.initiator.requests import Request
from pysrp.initiator.units import Pending
from pysrp.vscsi.client import ClientAdapter

__all__ = ["CHUNK", "SessionMemory"]

SPARE = 32
"""Bytes of READ CAPACITY data."""

OLD_MEMORY = 2
"""How many earlier sets of memory are kept, as a target may still write to them after the queue was closed."""


def free(memory: Any) -> None:
    """Free DMA memory; if a traceback still holds a view of it, it is freed with the view."""
    with contextlib.suppress(BufferError):
        memory.free()


class SessionMemory(DataMemory):
    """The memory of one session: IUs for ``slots`` requests of ``segments`` each, and ``buffers`` bytes for data, in chunks
    of ``chunk`` bytes.

    Raises HcallError for memory that the port does not have.
    """

    kept: list[bytes] | None
    iu_view: memoryview
    data: memoryview

    def __init__(self, port: Port, slots: int, segments: int, buffers: int, chunk: int = CHUNK) -> None:
        self._port = port
        self._shape = slots, segments
        self.chunk = chunk
        # The last chunk is for READ CAPACITY, see `spares`, and counts as part of `buffers`: a port on POWER gives no more
        # than 16 MiB in one piece.
        self.all_chunks: int = max(-(-buffers // self.chunk) - 1, segments)
        self._old: list[tuple[Any, Any]] = []
        self._ius = port.allocate(ClientAdapter.memory_size(slots, segments))
        self.iu_view = memoryview(self._ius).cast("B")
        self._memory = port.allocate((self.all_chunks + 1) * self.chunk)
        self.data = memoryview(self._memory).cast("B")
        self.data_address: int = self._memory.address
        self.begin()

    def begin(self) -> None:
        """Make all chunks free."""
        self.chunks: list[int] = list(range(self.all_chunks - 1, -1, -1))
        self.spares: list[int] = list(range(-(self.chunk // SPARE), 0))
        """Room behind the chunks for READ CAPACITY of units that have changed: the commands that wait for its answer
        may hold all the chunks."""

    @property
    def iu_address(self) -> int:
        """Bus address of the IUs."""
        address: int = self._ius.address
        return address

    def check_size(self, inward: int, outward: int, segments: int, largest: int | None = None) -> None:
        """Raise ValueError for more data than a command can have here: ``segments``, or ``largest`` bytes, each way."""
        size = max(inward, outward)
        if largest is not None and size > largest:
            raise ValueError(f"{size} bytes of data, one command can move {largest}")
        if -(-size // self.chunk) > segments:
            raise ValueError(f"{size} bytes of data, one command can move {segments * self.chunk}")
        if -(-inward // self.chunk) + -(-outward // self.chunk) > self.all_chunks:
            have = self.all_chunks * self.chunk
            raise ValueError(f"{inward + outward} bytes of data, this session has memory for {have}")

    def place(self, pending: Pending) -> bool:
        """Give a command its data memory; False if there is not enough now.

        Room for data-in is zeroed, unless the command reads whole blocks: a server may send less without a residual
        (QEMU answers INQUIRY like that), and the caller must not see the data of an earlier command.
        """
        length = pending.length
        out = pending.out
        if out is None:
            if not length:
                return True
            if length <= self.chunk:
                if not self.chunks:
                    return False
                chunk = self.chunks.pop()
                pending.chunks = (chunk,)
                start = chunk * self.chunk
                pending.data_in = ((self.data_address + start, length),)
                if not pending.block_size:
                    self.data[start : start + length] = bytes(length)
                return True
        outgoing = 0 if out is None else len(out)
        need_in, need_out = -(-length // self.chunk), -(-outgoing // self.chunk)
        if need_in + need_out > len(self.chunks):
            return False
        chunks = self.chunks[-(need_in + need_out) :][::-1] if need_in + need_out else []
        del self.chunks[len(self.chunks) - len(chunks) :]
        pending.chunks = chunks
        pending.data_in = self._segments(chunks[:need_in], length)
        pending.data_out = self._segments(chunks[need_in:], outgoing)
        if not pending.block_size:
            for address, size in pending.data_in:
                start = address - self.data_address
                self.data[start : start + size] = bytes(size)
        if out is not None:
            at = 0
            for address, size in pending.data_out:
                start = address - self.data_address
                self.data[start : start + size] = out[at : at + size]
                at += size
            pending.out = None
        return True

    def place_spare(self, pending: Pending) -> bool:
        """Give READ CAPACITY memory that is reserved for it."""
        if not self.spares or pending.length > SPARE:
            return False
        spare = self.spares.pop()
        start = (self.all_chunks + 1) * self.chunk + spare * SPARE
        pending.chunks = (spare,)
        pending.data_in = ((self.data_address + start, pending.length),)
        self.data[start : start + pending.length] = bytes(pending.length)
        return True

    def _segments(self, chunks: Sequence[int], length: int) -> list[tuple[int, int]]:
        base = self.data_address
        last = len(chunks) - 1
        return [
            (base + c * self.chunk, self.chunk if i < last else length - last * self.chunk)
            for i, c in enumerate(chunks)
        ]

    def move(self, adapter: ClientAdapter, live: Iterable[Request]) -> None:
        """Go on in other memory: a target may write to the old one though the queue is closed (QEMU does).

        The data of the requests ``live`` is copied, for those that are sent again. Where the port has no memory left,
        the old memory stays in use.
        """
        while len(self._old) >= OLD_MEMORY:
            self._free_old()
        try:
            iu_memory = self._port.allocate(ClientAdapter.memory_size(*self._shape))
        except (HcallError, MemoryError):
            return
        try:
            memory = self._port.allocate((self.all_chunks + 1) * self.chunk)
        except (HcallError, MemoryError):
            iu_memory.free()
            return
        data = memoryview(memory).cast("B")
        data[:] = self.data
        shift = memory.address - self.data_address
        for request in live:
            if isinstance(request, Pending):
                request.data_in = [(each[0] + shift, each[1]) for each in request.data_in]
                request.data_out = [(each[0] + shift, each[1]) for each in request.data_out]
        views = self.iu_view, self.data
        self._old.append((self._ius, self._memory))
        self._ius, self._memory = iu_memory, memory
        self.iu_view, self.data = memoryview(iu_memory).cast("B"), data
        self.data_address = memory.address
        adapter.moved(self.iu_view, iu_memory.address)
        for view in views:
            view.release()

    def _free_old(self) -> None:
        for memory in self._old.pop(0):
            free(memory)

    def free(self) -> None:
        """Give all of it back to the port. Harmless when repeated."""
        self.kept = None
        self.data.release()
        self.iu_view.release()
        while self._old:
            self._free_old()
        free(self._memory)
        free(self._ius)
