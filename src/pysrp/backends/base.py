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
    """Who has been lent a backend's memory."""

    def revoke(self) -> None:
        """Do not use it any more. From any thread; repeated."""


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
    """Whether a transfer or a flush may sleep. If not, it is called in place, else from a pool of threads."""

    read_only: bool = False
    """Whether every :meth:`write_from` would fail."""

    physical_block: int = 4096
    """Bytes of what it likes to move at least."""

    discard_granularity: int = 0
    """Bytes of the pieces that :meth:`discard` gives room back in; 0: physical blocks, as far as is known."""

    discard_alignment: int = 0
    """Bytes before the first such piece."""

    zeroes: bool = False
    """Whether :meth:`zero` is cheaper than to write zeros."""

    discards: bool = False
    """Whether :meth:`discard` gives room back where it can, and leaves zeros."""

    maps: bool = False
    """Whether :meth:`extents` knows what takes no room."""

    stable: bool = False
    """Whether what is written is on the medium at once, or never will be: nobody need call :meth:`flush`."""

    @property
    def atomic(self) -> bool:
        """Whether what one :meth:`write_from` brings is there whole or not at all, as long as nobody reads or writes the same
        bytes meanwhile: also after the end of the process, or of the machine.
        """
        return False

    @abstractmethod
    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill ``view``, which must be writable, with the bytes from ``offset`` on."""

    @abstractmethod
    def write_from(self, offset: int, view: memoryview) -> None:
        """Put the bytes of ``view`` at ``offset``. They need not be on the medium before :meth:`flush`."""

    @abstractmethod
    def flush(self) -> None:
        """Return when everything written so far is on the medium (or never will be: volatile backends)."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the medium, without flushing. Harmless when repeated, not during a transfer."""

    def memory(self) -> memoryview | None:
        """All ``size`` bytes as writable memory, or None where they are not memory of this process.

        Valid as long as it is referred to, though nobody finds there what is written after :meth:`close`.
        """
        return None

    def lend(self, borrower: Borrower) -> memoryview | None:
        """:meth:`memory`, for somebody who reads and writes there without asking again; None: ask each time.

        Who lends has to call ``borrower.revoke()`` when a transfer is more than a copy from now on, or fails: when it is
        closed. Only the class that wrote ``read_into`` and ``write_from`` knows, so a subclass that replaces one of them
        and not this one is not asked. The borrower is not kept alive. ValueError after :meth:`close`.
        """
        return None

    def native(self) -> object | None:
        """It as a medium in C, ``struct pysrp_medium`` (``native.h``) in a capsule, or None where there is none."""
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
        """Say that these bytes are of no use any more; what they read as afterwards is undefined, unless it
        :attr:`discards`.

        Does nothing where the medium cannot make use of it.
        """
        self._inside(offset, length)

    def extents(self, offset: int, length: int) -> list[tuple[int, bool]]:
        """What of these bytes takes room: lengths from ``offset`` on, each with whether it does; some of it at least.

        What takes none reads as zeros. Where that is not known, everything does.
        """
        self._inside(offset, length)
        return [(length, True)] if length else []

    def space(self) -> tuple[int | None, int | None] | None:
        """Bytes of room that it takes now, and those that it could have beside them, maybe with others; each None where that
        is not known. None: neither is.
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
