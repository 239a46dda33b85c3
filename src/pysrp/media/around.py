"""The base class of a medium that wraps another one, and passes on all that it does not change."""

from __future__ import annotations

from operator import index
from typing import Any

from pysrp.backends import Backend
from pysrp.target.backend_medium import pieces_of, size_of, space_of
from pysrp.target.medium import Medium
from pysrp.target.workers import Pool

__all__ = ["Around"]


class Around(Medium):
    """A wrapper around ``medium``, a Medium or a backend. A subclass adds ``features``, ``channel`` and ``close``.

    Size, block sizes, identity, reservations, ``away`` and space are those of the inner medium.
    """

    def __init__(self, medium: Medium | Backend) -> None:
        super().__init__()
        self.medium: Medium | Backend = medium
        self.block: int = index(getattr(medium, "block", 1))
        physical, granularity, alignment = pieces_of(medium)
        self.physical_block: int = physical
        self.discard_granularity: int = granularity
        self.discard_alignment: int = alignment
        self.identity: str = getattr(medium, "identity", "")
        self.workers: Pool = Pool()
        """Threads for calls of the inner medium that block."""

    @property
    def size(self) -> int:  # type: ignore[override]
        """See :attr:`Medium.size`."""
        return size_of(self.medium)

    @property
    def away(self) -> bool:  # type: ignore[override]
        """See :attr:`Medium.away`."""
        return isinstance(self.medium, Medium) and self.medium.away

    @property
    def reservations(self) -> Any:
        """See :attr:`Medium.reservations`."""
        return self.medium.reservations if isinstance(self.medium, Medium) else None

    def look(self) -> None:
        """See :meth:`Medium.look`."""
        if isinstance(self.medium, Medium):
            self.medium.look()

    def space(self) -> tuple[int | None, int | None] | None:
        """See :meth:`Medium.space`."""
        return space_of(self.medium)

    def trouble(self) -> str:
        """See :meth:`Medium.trouble`."""
        return self.medium.trouble() if isinstance(self.medium, Medium) else ""
