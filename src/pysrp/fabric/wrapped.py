"""What a port is that stands in front of another one: it passes on what it has nothing to add to."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from pysrp.fabric import Access, Identity, Memory, Port

__all__ = ["Wrapped"]


class Wrapped(Port):
    """In front of an open ``port``; use it instead. Closing it closes the port.

    Attributes of the port's own are reached through it. Memory allocated through it is looked at as long as somebody
    has it. All data has to be copied, and all elements pass: it has no windows and no native links.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.identity: Identity = port.identity
        self.is_server: bool = port.is_server
        self.queue_size: int = port.queue_size
        self.window_size: int = port.window_size
        self.max_transfer: int = port.max_transfer
        self._memories: list[weakref.ref[Memory]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.port, name)

    @property
    def partner(self) -> Identity | None:
        """See :attr:`Port.partner`."""
        return self.port.partner

    @property
    def connected(self) -> bool:
        """See :attr:`Port.connected`."""
        return self.port.connected

    @property
    def ended(self) -> bool:
        """See :attr:`Port.ended`."""
        return self.port.ended

    def signal(self, on: bool) -> None:
        """See :meth:`Port.signal`."""
        self.port.signal(on)

    def wake(self) -> None:
        """See :meth:`Port.wake`."""
        self.port.wake()

    def fileno(self) -> int:
        """See :meth:`Port.fileno`."""
        return self.port.fileno()

    def allocate(self, size: int, access: Access = Access.BOTH) -> Memory:
        """See :meth:`Port.allocate`."""
        memory = self.port.allocate(size, access)
        self._memories.append(weakref.ref(memory, self._memories.remove))
        return memory

    def _stretch(self, address: int, size: int) -> memoryview:
        """This end's memory by bus address, as far as it is there: what was allocated through it, and what the port itself
        knows where somebody else allocates (:class:`pysrp.fabric.relay.LentPort`)."""
        for each in tuple(self._memories):
            memory = each()
            if memory is None:
                continue  # it is being forgotten
            start = address - memory.address
            try:
                if 0 <= start < len(memory):
                    return memoryview(memory)[start : start + size]
            except (BufferError, ValueError):
                continue  # freed
        lent: Callable[[int, int], memoryview] | None = getattr(self.port, "stretch", None)
        return memoryview(b"") if lent is None else lent(address, size)
