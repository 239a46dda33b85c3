"""The client's memory as a port reaches it: windows where they are shared, else H_COPY_RDMA, over when it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pysrp._fast.srp import clip
from pysrp.target.data import Chunk
from pysrp.target.link import FOR_READING, FOR_WRITING, Done, Segment

__all__ = ["Dma", "DmaPort", "Piece"]

Piece = tuple[bool, Any, int, int, int]
"""A copy of :meth:`pysrp.fabric.Port.together`: whether it goes to the client; memory, and where there; the client's bus address;
bytes."""

LARGEST_DATAGRAM = 4096
"""Bytes of data that go with a datagram, at most."""


class DmaPort(Protocol):
    """What is needed of a :class:`pysrp.fabric.Port`."""

    gathers: bool
    """Whether :meth:`together` is cheaper than its parts."""

    def allocate(self, size: int, /) -> Any:
        """DMA memory."""

    def copy_in(self, remote: int, local: Any, offset: int, length: int, /) -> None:
        """From the partner."""

    def copy_out(self, local: Any, remote: int, offset: int, length: int, /) -> None:
        """To the partner."""

    def windows(self, stretches: Sequence[Segment], access: Any, /) -> list[memoryview] | None:
        """The partner's memory itself."""

    def together(self, pieces: Sequence[Piece], elements: Sequence[bytes] = ..., /) -> tuple[int, int]:
        """Several copies, and then elements; how many of each."""


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
        for _, memory, at, address, size in pieces[done:]:  # a copy that failed tells here why
            if outward:
                self._port.copy_out(memory, address, at, size)
            else:
                self._port.copy_in(address, memory, at, size)

    # What goes with a datagram.

    def read(self, address: int, length: int) -> bytes:
        """Up to 4096 bytes, copied once. Raises TransportError where they are not the client's."""
        near = self.reach(clip([(address, length, 0)], 0, length), FOR_READING)
        if near is not None:
            return b"".join(near)
        self._port.copy_in(address, self._own(), 0, length)
        return bytes(memoryview(self._own()).cast("B")[:length])

    def write(self, address: int, data: memoryview | bytes) -> None:
        """Likewise, the other way."""
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
