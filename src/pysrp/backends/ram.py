"""Memory of this process as a backend."""

from __future__ import annotations

import contextlib
import mmap
import sys
import weakref
from itertools import groupby
from pathlib import Path
from typing import Any

from pysrp._fast.ram import RamTable
from pysrp._fast.stretch import Stretch
from pysrp.backends.base import Backend, Borrower
from pysrp.errors import ConfigError

__all__ = ["Ram"]

PAGE = mmap.PAGESIZE
PAGES = 1 << 14
"""The most pages that one call of :meth:`Ram.extents` looks at."""
ZEROS = bytes(PAGE)
PAGEMAP = Path("/proc/self/pagemap")
THERE = 0b11 << 62
"""The bits of a page's entry in pagemap: present (63), swapped (62)."""
TOP = 7 if sys.byteorder == "little" else 0
"""The index in an entry of the byte with these bits."""
OWN = 1 << 56 | 1 << 62
"""The bits of a page that was written: exclusively mapped (56), or swapped. The zero page, mapped by reads, is shared."""
TAKEN = bytes(each for each in range(256) if each & OWN >> 56)
TRANSFERS = frozenset({"read_into", "write_from"})


class Ram(Backend):
    """``size`` bytes of memory, zeros at first. The kernel allocates a page when it is first written, so size costs nothing.

    Raises ConfigError for a size below 1, OSError where the kernel refuses to map that much.
    """

    zeroes = discards = maps = stable = True
    discard_granularity = PAGE

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ConfigError(f"a RAM disk of {size} bytes")
        self.size = size
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
        self._map = mmap.mmap(-1, size, flags=flags)
        self._memory: Stretch | None = Stretch(self._map)
        self._lent: set[weakref.ref[Borrower]] = set()

    def __repr__(self) -> str:
        return f"Ram({self.size})"

    @property
    def atomic(self) -> bool:
        """True, as the memory ends with the process. False if ``write_from`` was replaced: a subclass has to say it anew."""
        return type(self).write_from is Ram.write_from and "write_from" not in vars(self)

    def read_into(self, offset: int, view: memoryview) -> None:
        """Copy from memory; never fails."""
        memory = self._memory or self._opened()
        if not 0 <= offset <= self.size - len(view):
            self._inside(offset, len(view))
        memory.read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        """Copy to memory. Raises OSError never, though a machine out of memory may kill the process."""
        memory = self._memory or self._opened()
        if not 0 <= offset <= self.size - len(view):
            self._inside(offset, len(view))
        memory.write_from(offset, view)

    def flush(self) -> None:
        """Nothing to do: the memory is the medium."""

    def memory(self) -> memoryview:
        """All ``size`` bytes. ValueError after :meth:`close`."""
        return memoryview(self._opened())

    def lend(self, borrower: Borrower) -> memoryview | None:
        """The memory, until :meth:`close`, or until an attribute of the instance replaces a transfer method."""
        self._lent.add(weakref.ref(borrower, self._lent.discard))
        return self.memory() if TRANSFERS.isdisjoint(vars(self)) else None

    def _call_back(self) -> None:
        for each in list(self._lent):
            borrower = each()
            if borrower is not None:
                borrower.revoke()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if (name in TRANSFERS or name == "flush") and hasattr(self, "_lent"):
            self._call_back()

    def native(self) -> object:
        """See :meth:`Backend.native`; the capsule keeps the memory alive."""
        return RamTable(self._opened()).capsule

    def zero(self, offset: int, length: int) -> None:
        """Zero the bytes; whole pages are given back to the kernel instead."""
        self._inside(offset, length)
        end = offset + length
        first, last = -(-offset // PAGE) * PAGE, end // PAGE * PAGE
        if first < last and self._give_back(first, last - first):
            super().zero(offset, first - offset)
            super().zero(last, end - last)
        else:
            super().zero(offset, length)

    def _give_back(self, offset: int, length: int) -> bool:
        """Give these pages back to the kernel; False if it refuses, as for locked pages (mlockall)."""
        try:
            self._map.madvise(mmap.MADV_DONTNEED, offset, length)
        except OSError:
            return False
        return True

    def _inside(self, offset: int, length: int) -> None:
        self._opened()
        super()._inside(offset, length)

    def _opened(self) -> Stretch:
        memory = self._memory
        if memory is None:  # even if views of it still exist
            raise ValueError(f"{self!r} is closed")
        return memory

    def discard(self, offset: int, length: int) -> None:
        """As :meth:`zero`, which frees whole pages."""
        self.zero(offset, length)

    def extents(self, offset: int, length: int) -> list[tuple[int, bool]]:
        """See :meth:`Backend.extents`: pages, by pagemap. A page of zeros counts as unallocated: it may only have been read."""
        self._inside(offset, length)
        page = offset // PAGE
        count = min(-(-(offset + length) // PAGE) - page, PAGES) if length else 0
        try:
            entries = self._entries(page, count)
        except OSError:  # no /proc, or another system
            return super().extents(offset, length)
        end = offset + length
        found: list[tuple[int, bool]] = []
        pages = enumerate(entries, page)
        for mapped, run in groupby(entry & THERE != 0 and self._holds(number) for number, entry in pages):
            page += sum(1 for _ in run)
            until = min(page * PAGE, end)
            found.append((until - offset, mapped))
            offset = until
        return found

    def space(self) -> tuple[int | None, int | None] | None:
        """See :meth:`Backend.space`: the pages that have been written, by pagemap; pages that a forked child shares do not count.
        The free room is unknown.

        It looks at every page: a GiB of them takes some milliseconds.
        """
        pages = -(-self.size // PAGE)
        taken = 0
        try:
            for page in range(0, pages, PAGES):
                tops = bytes(self._entries(page, min(PAGES, pages - page)).cast("B")[TOP::8])
                taken += len(tops) - len(tops.translate(None, TAKEN))
        except OSError:  # no /proc, or another system
            return None
        return taken * PAGE, None

    def _holds(self, page: int) -> bool:
        """Whether the page has a byte other than zero."""
        at = page * PAGE
        found = bytes(self.memory()[at : at + PAGE])
        return found != ZEROS[: len(found)]

    def _entries(self, page: int, count: int) -> memoryview:
        """The pagemap entries of so many pages. Raises OSError."""
        page += self._opened().address // PAGE
        with PAGEMAP.open("rb", buffering=0) as file:
            file.seek(8 * page)
            told = file.read(8 * count)
        if len(told) < 8 * count:
            raise OSError("told less than it was asked")
        return memoryview(told).cast("Q")

    def close(self) -> None:
        """Free the memory, as soon as no view of it is left."""
        self._memory = None
        self._call_back()
        with contextlib.suppress(BufferError):  # memory() is in use: then the last view frees it
            self._map.close()
