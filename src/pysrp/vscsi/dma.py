"""The client's memory as a port reaches it: by windows where memory is shared, else by H_COPY_RDMA, which is synchronous."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pysrp._fast.srp import clip
from pysrp.target.data import Chunk
from pysrp.target.link import FOR_READING, FOR_WRITING, Done, Segment

__all__ = ["Dma", "DmaPort", "Piece"]

Piece = tuple[bool, Any, int, int, int]
"""A copy of :meth:`pysrp.fabric.Port.together`: True for a copy to the client; memory of this end, and the offset in it; the
client's bus address; length in bytes."""

LARGEST_DATAGRAM = 4096
"""The most bytes of data that go with a datagram."""


class DmaPort(Protocol):
    """The part of :class:`pysrp.fabric.Port` that is used here."""

    gathers: bool
    """Whether :meth:`together` is faster than its parts."""

    def allocate(self, size: int, /) -> Any:
        """DMA memory."""

    def copy_in(self, remote: int, local: Any, offset: int, length: int, /) -> None:
        """Copy from the partner's memory."""

    def copy_out(self, local: Any, remote: int, offset: int, length: int, /) -> None:
        """Copy to the partner's memory."""

    def windows(self, stretches: Sequence[Segment], access: Any, /) -> list[memoryview] | None:
        """Views of the partner's memory itself; None where it is not shared."""

    def together(self, pieces: Sequence[Piece], elements: Sequence[bytes] = ..., /) -> tuple[int, int]:
        """Make several copies, then send elements; returns how many of each were done."""


class Dma:
    """:class:`pysrp.target.link.InitiatorMemory` of a port. There are no keys on this transport."""

    def __init__(self, port: DmaPort) -> None:
        self._port = port
        self.reach: Callable[[Sequence[Segment], Any], list[memoryview] | None] = port.windows
        self.allocate: Callable[[int], Any] = port.allocate
        self._buffer: Any = None

    def fetch(self, segments: Sequence[Segment], chunk: Chunk, done: Done, /) -> None:
        """See :meth:`pysrp.target.link.InitiatorMemory.fetch`."""
        self._move(False, segments, chunk)

    def store(self, chunk: Chunk, segments: Sequence[Segment], done: Done, /) -> None:
        """See :meth:`pysrp.target.link.InitiatorMemory.store`."""
        self._move(True, segments, chunk)

    def _move(self, outward: bool, segments: Sequence[Segment], chunk: Chunk) -> None:
        at = chunk.offset
        pieces: list[Piece] = []
        for address, size, _ in segments:
            pieces.append((outward, chunk.memory, at, address, size))
            at += size
        done = self._port.together(pieces)[0] if len(pieces) > 1 and self._port.gathers else 0
        for _, memory, at, address, size in pieces[done:]:  # a copy that failed is repeated to get its error
            if outward:
                self._port.copy_out(memory, address, at, size)
            else:
                self._port.copy_in(address, memory, at, size)

    # The data of datagrams.

    def read(self, address: int, length: int) -> bytes:
        """Copy up to 4096 bytes from the client's memory. Raises TransportError where it is not mapped."""
        near = self.reach(clip([(address, length, 0)], 0, length), FOR_READING)
        if near is not None:
            return b"".join(near)
        self._port.copy_in(address, self._own(), 0, length)
        return bytes(memoryview(self._own()).cast("B")[:length])

    def write(self, address: int, data: memoryview | bytes) -> None:
        """Copy up to 4096 bytes to the client's memory. Raises TransportError where it is not mapped."""
        length = len(data)
        near = self.reach(clip([(address, length, 0)], 0, length), FOR_WRITING)
        if near is not None:
            for view in near:
                view[:] = data
            return
        memoryview(self._own()).cast("B")[:length] = data
        self._port.copy_out(self._own(), address, 0, length)

    def _own(self) -> Any:
        if self._buffer is None:
            self._buffer = self._port.allocate(LARGEST_DATAGRAM)
        return self._buffer
