"""A backend without storage, for measuring everything else."""

from __future__ import annotations

from pysrp.backends.base import ZEROS, Backend
from pysrp.errors import ConfigError

__all__ = ["Null"]


class Null(Backend):
    """``size`` bytes that read as zeros whatever is written. ``size`` may be changed at any time.

    Raises ConfigError for a size below 1.
    """

    zeroes = discards = maps = True

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ConfigError(f"a null disk of {size} bytes")
        self.size = size

    def __repr__(self) -> str:
        return f"Null({self.size})"

    def read_into(self, offset: int, view: memoryview) -> None:
        """Zero ``view``."""
        self._inside(offset, len(view))
        for done in range(0, len(view), len(ZEROS)):
            part = view[done : done + len(ZEROS)]
            part[:] = memoryview(ZEROS)[: len(part)]

    def write_from(self, offset: int, view: memoryview) -> None:
        """Drop the data."""
        self._inside(offset, len(view))

    def zero(self, offset: int, length: int) -> None:
        """Do nothing: all bytes are zeros already."""
        self._inside(offset, length)

    def extents(self, offset: int, length: int) -> list[tuple[int, bool]]:
        """No byte is allocated."""
        self._inside(offset, length)
        return [(length, False)] if length else []

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Set the size to 0."""
        self.size: int = 0
