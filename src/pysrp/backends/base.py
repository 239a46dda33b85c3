"""The interface of every backend."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Protocol, TypeVar

__all__ = ["ZEROS", "Backend", "Borrower"]

ZEROS = bytes(1 << 18)
"""256 KiB of zeros to copy from."""

Self = TypeVar("Self")


class Borrower(Protocol):
    """An object that a backend has lent its memory to."""

    def revoke(self) -> None:
        """The memory must not be used any more. Called from any thread, perhaps more than once."""


class Backend(ABC):
    """Bytes that can be read and written at any offset.

    A ``view`` below is a contiguous memoryview of bytes (format ``B``); its length is the length of the
    transfer, and a transfer is whole or raises OSError (part of it may then have happened). A transfer
    outside ``0 .. size`` raises ValueError, as does every transfer after :meth:`close`.

    Any thread may call, several at once; what overlapping transfers leave is some mixture of them.
    """

    size: int
    """Size in bytes."""

    blocking: bool = False
    """Whether a transfer or a flush may sleep. If so, they are called on worker threads, else in place."""

    read_only: bool = False
    """Whether every :meth:`write_from` would fail."""

    physical_block: int = 4096
    """Bytes of the smallest access that is efficient."""

    discard_granularity: int = 0
    """Bytes of the pieces in which :meth:`discard` frees room; 0: physical blocks, as far as is known."""

    discard_alignment: int = 0
    """Bytes before the first such piece."""

    zeroes: bool = False
    """Whether :meth:`zero` is cheaper than to write zeros."""

    discards: bool = False
    """Whether :meth:`discard` frees room where it can, and leaves zeros."""

    maps: bool = False
    """Whether :meth:`extents` can tell unallocated bytes."""

    stable: bool = False
    """Whether :meth:`flush` has nothing to do and need not be called: written data is stable at once, or never."""

    @property
    def atomic(self) -> bool:
        """Whether one :meth:`write_from` is done whole or not at all, also if the process or the machine ends meanwhile,
        provided that no other transfer touches the same bytes meanwhile.
        """
        return False

    @abstractmethod
    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill ``view``, which must be writable, with the bytes from ``offset`` on."""

    @abstractmethod
    def write_from(self, offset: int, view: memoryview) -> None:
        """Write the bytes of ``view`` at ``offset``. They need not be on stable storage before :meth:`flush`."""

    @abstractmethod
    def flush(self) -> None:
        """Return when everything written so far is on stable storage (at once, if the backend is volatile)."""

    @abstractmethod
    def close(self) -> None:
        """Release the storage, without flushing. Harmless when repeated; must not be called during a transfer."""

    def memory(self) -> memoryview | None:
        """All ``size`` bytes as writable memory, or None where they are not memory of this process.

        Valid as long as it is referenced; data written there after :meth:`close` is lost.
        """
        return None

    def lend(self, borrower: Borrower) -> memoryview | None:
        """:meth:`memory`, for a borrower that reads and writes there without calling the methods; None: it has to call them.

        The backend has to call ``borrower.revoke()`` as soon as a transfer is more than a copy, or fails, as after
        :meth:`close`. Only the class that defines ``read_into`` and ``write_from`` knows when: if a subclass replaces one of
        them and not ``lend``, ``lend`` is not called. Holds no strong reference to the borrower. ValueError after :meth:`close`.
        """
        return None

    def native(self) -> object | None:
        """This backend as a medium in C: a capsule with ``struct pysrp_medium`` (``native.h``), or None."""
        return None

    def zero(self, offset: int, length: int) -> None:
        """Make ``length`` bytes from ``offset`` on read as zeros, cheaply where the medium can."""
        self._inside(offset, length)
        end = offset + length
        while offset < end:
            step = min(len(ZEROS), end - offset)
            self.write_from(offset, memoryview(ZEROS)[:step])
            offset += step

    def discard(self, offset: int, length: int) -> None:
        """Discard these bytes, which are not needed any more. They read as zeros afterwards if the backend :attr:`discards`,
        else as anything.

        Does nothing where the medium does not support it.
        """
        self._inside(offset, length)

    def extents(self, offset: int, length: int) -> list[tuple[int, bool]]:
        """Which of these bytes are allocated: pairs from ``offset`` on, a length and whether it is allocated. The list may end
        before the last byte, but has at least one pair.

        Unallocated bytes read as zeros. Where allocation is not known, all bytes count as allocated.
        """
        self._inside(offset, length)
        return [(length, True)] if length else []

    def space(self) -> tuple[int | None, int | None] | None:
        """Bytes that it occupies now, and bytes that it could occupy beside these, maybe shared with other users; each None
        where it is not known. None: neither is.
        """
        return None

    def _inside(self, offset: int, length: int) -> None:
        if not 0 <= offset <= offset + length <= self.size:
            raise ValueError(f"{length} bytes at {offset} are not inside a backend of {self.size}")

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
