"""The staged memory of one port, and how the units that its client uses share it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from pysrp.errors import HcallError

__all__ = ["CHUNK", "CHUNKS", "Chunk", "Staging"]

log = logging.getLogger("pysrp.target")

CHUNK = 256 << 10
"""Bytes that one task has staged at a time."""

CHUNKS = 16
"""How many there are at first; one of them is scratch memory for what is done at once."""


class Allocating(Protocol):
    """What is needed of a :class:`pysrp.fabric.Port`."""

    def allocate(self, size: int, /) -> Any:
        """DMA memory."""


class Chunk:
    """:data:`CHUNK` bytes at ``offset`` of DMA memory, and a view of them."""

    __slots__ = ("memory", "offset", "view")

    def __init__(self, memory: Any, offset: int) -> None:
        self.memory, self.offset = memory, offset
        self.view = memoryview(memory).cast("B")[offset : offset + CHUNK]


class Waiter(Protocol):
    """Who wants a chunk."""

    @property
    def owner(self) -> Any:
        """What it is for: one that hangs must not hold up another."""

    def granted(self, chunk: Chunk) -> None:
        """Here it is. May give it back at once."""


class Staging:
    """Chunks, shared out by owner.

    An owner gets a chunk while it has fewer than are free, so one that hangs leaves half of what there was. One
    that has none gets the first in any case: if none is free, more memory is allocated, as far as the port's
    window reaches. So only with a window full of hung owners does another one wait.
    """

    def __init__(self, port: Allocating) -> None:
        self._port = port
        self._scratch: Chunk | None = None
        self._free: list[Chunk] = []
        self._held: dict[Any, int] = {}
        self._waiting: dict[Any, deque[Waiter]] = {}
        """By owner, who waited first; no empty queues."""

    def prepare(self) -> None:
        """Allocate the first chunks, unless they are there. HcallError when the window is full."""
        if self._scratch is None:
            memory = self._port.allocate(CHUNK * CHUNKS)
            self._scratch, *self._free = (Chunk(memory, at) for at in range(0, CHUNK * CHUNKS, CHUNK))

    def retire(self) -> None:
        """The port is about to be closed. What a worker still has stays readable for it."""
        self._scratch = None
        self._free.clear()

    @property
    def scratch(self) -> Chunk:
        """For what is over before anything else happens. HcallError when there is no memory for it."""
        self.prepare()
        assert self._scratch is not None
        return self._scratch

    @property
    def busy(self) -> int:
        """Chunks that somebody has."""
        return sum(self._held.values())

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return sum(map(len, self._waiting.values()))

    def ask(self, waiter: Waiter) -> None:
        """Grant a chunk now or later."""
        queue = self._waiting.get(waiter.owner)
        chunk = None if queue else self._chunk_for(waiter.owner)
        if chunk is not None:
            waiter.granted(chunk)
        elif queue:
            queue.append(waiter)
        else:
            self._waiting[waiter.owner] = deque((waiter,))

    def withdraw(self, waiter: Waiter) -> None:
        """It does not want one any more. ValueError if it does not wait."""
        queue = self._waiting.get(waiter.owner)
        if queue is None:
            raise ValueError("not waiting")
        queue.remove(waiter)
        if not queue:
            del self._waiting[waiter.owner]

    def release(self, owner: Any, chunk: Chunk, attempt: Callable[[Waiter, Chunk], None]) -> None:
        """Take a chunk back. Those who may have one now get it with ``attempt``, the longest waiting owner first."""
        self._free.append(chunk)
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        for each in list(self._waiting):
            while each in self._waiting:
                found = self._chunk_for(each)
                if found is None:
                    break
                waiter = self._waiting[each].popleft()
                if not self._waiting[each]:
                    del self._waiting[each]
                attempt(waiter, found)

    def _chunk_for(self, owner: Any) -> Chunk | None:
        held = self._held.get(owner, 0)
        if not self._free and not held:
            self._grow()
        if not self._free or (held and held >= len(self._free)):
            return None
        self._held[owner] = held + 1
        return self._free.pop()

    def _grow(self) -> None:
        try:
            self._free.append(Chunk(self._port.allocate(CHUNK), 0))
        except HcallError as error:
            log.warning("no more memory to stage data in: %s", error)
