"""Memory of this process as a backend."""

from __future__ import annotations

import contextlib
import mmap

from pysrp.backends.base import Backend
from pysrp.errors import ConfigError

__all__ = ["Ram"]

PAGE = mmap.PAGESIZE


class Ram(Backend):
    """``size`` bytes of zeros. The kernel gives a page when it is first written, so size costs nothing.

    Raises ConfigError for a size below 1, OSError where the machine will not promise that much.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ConfigError(f"a RAM disk of {size} bytes")
        self.size = size
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
        self._map = mmap.mmap(-1, size, flags=flags)
        self._view = memoryview(self._map)

    def __repr__(self) -> str:
        return f"Ram({self.size})"

    def read_into(self, offset: int, view: memoryview) -> None:
        """Copy from memory; never fails."""
        if not 0 <= offset <= self.size - len(view):
            self._inside(offset, len(view))
        view[:] = self._view[offset : offset + len(view)]

    def write_from(self, offset: int, view: memoryview) -> None:
        """Copy to memory. Raises OSError never, though a machine out of memory may kill the process."""
        if not 0 <= offset <= self.size - len(view):
            self._inside(offset, len(view))
        self._view[offset : offset + len(view)] = view

    def flush(self) -> None:
        """Nothing to do: the memory is the medium."""

    def memory(self) -> memoryview:
        """The memory itself."""
        return self._view[:]

    def zero(self, offset: int, length: int) -> None:
        """Zero it; whole pages are given back to the kernel instead."""
        self._inside(offset, length)
        end = offset + length
        first, last = -(-offset // PAGE) * PAGE, end // PAGE * PAGE
        if first < last:
            self._map.madvise(mmap.MADV_DONTNEED, first, last - first)
            super().zero(offset, first - offset)
            super().zero(last, end - last)
        else:
            super().zero(offset, length)

    def discard(self, offset: int, length: int) -> None:
        """As :meth:`zero`: pages that hold nothing cost nothing."""
        self.zero(offset, length)

    def close(self) -> None:
        """Give the memory back, as soon as nobody holds a view of it."""
        self._view.release()
        with contextlib.suppress(BufferError):  # memory() is in use: then the last view frees it
            self._map.close()
