"""What a unit keeps across restarts beside its persistent reservations: saved mode pages, and what else outlasts the power."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from pysrp.target.units.codes import SenseCode

__all__ = ["DAMAGES", "Saved", "SavedStore"]

DAMAGES = frozenset({SenseCode.MEDIUM_FORMAT_CORRUPTED, SenseCode.SANITIZE_COMMAND_FAILED})
"""What can be wrong with a medium until it is formatted, or sanitized."""


@dataclass(frozen=True)
class Saved:
    """That of one unit at one moment."""

    pages: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Saved mode pages by their codes, each whole, with its header of 2 bytes."""
    information: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Identifying information by its type (SPC-5, 6.44)."""
    damage: SenseCode | None = None
    """One of :data:`DAMAGES`: FORMAT UNIT or SANITIZE has begun, and has not come to its end."""
    restricted: bool = False
    """Whether that was a SANITIZE whose failure only another one ends (AUSE 0)."""


class SavedStore(Protocol):
    """Where a unit's :class:`Saved` outlasts a loss of power. Of one unit; called by one thread at a time."""

    blocking: bool
    """Whether saving may take long: it is done by a worker then."""

    def load(self) -> Saved | None:
        """What was saved last; None: nothing. ConfigError or OSError where that cannot be told: there is no unit then."""

    def save(self, state: Saved) -> None:
        """Keep this in place of what was saved before; it is kept when this returns. After an OSError it is one of the two."""
