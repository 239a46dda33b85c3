"""The base class of ports that wrap another one: it passes on the calls that its subclass does not change."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from pysrp.fabric import Access, Identity, Memory, Port

__all__ = ["Wrapped"]


class Wrapped(Port):
    """Wraps an open ``port``; use it instead. Closing it closes the port.

    Other attributes of the port can be used through it. Weak references to memory allocated through it let :meth:`_stretch`
    find it. All data has to be copied, and all elements pass through it: it has no windows and no native links.
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
        """This end's memory by bus address, as far as it is mapped: memory that was allocated through this port, or that the
        wrapped port finds if another process allocates it (:class:`pysrp.fabric.relay.LentPort`)."""
        for each in tuple(self._memories):
            memory = each()
            if memory is None:
                continue  # it has been deallocated
            start = address - memory.address
            try:
                if 0 <= start < len(memory):
                    return memoryview(memory)[start : start + size]
            except (BufferError, ValueError):
                continue  # freed
        lent: Callable[[int, int], memoryview] | None = getattr(self.port, "stretch", None)
        return memoryview(b"") if lent is None else lent(address, size)
