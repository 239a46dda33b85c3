"""What a unit keeps across restarts beside its persistent reservations: saved mode pages, and what else outlasts the power."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from types import MappingProxyType
from typing import Any, Protocol

from pysrp.errors import ConfigError
from pysrp.scsi.codes import SenseKey
from pysrp.target.fault import Fault
from pysrp.target.units.codes import SenseCode

__all__ = ["DAMAGES", "LONGEST", "Keeping", "Saved", "SavedStore"]

log: logging.Logger = logging.getLogger("pysrp.target")

DAMAGES = frozenset({SenseCode.MEDIUM_FORMAT_CORRUPTED, SenseCode.SANITIZE_COMMAND_FAILED})
"""What can be wrong with a medium until it is formatted, or sanitized."""

LONGEST: Mapping[int, int] = MappingProxyType({0: 64, 2: 256})
"""Bytes of identifying information at most, by its type: that of the peripheral device, the same as text."""


@dataclass(frozen=True)
class Saved:
    """That of one unit at one moment."""

    pages: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Saved mode pages by their codes, subpages by ``page << 8 | subpage``, each whole, with its header."""
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


class Keeping:
    """What of a unit has to do with that."""

    name: str

    def _load(self, store: SavedStore | None) -> None:
        if store is not None and not hasattr(store, "load"):
            raise ConfigError(
                f"saved={store!r} is no store: pysrp.target.saved_files.SavedFile makes one of a path"
            )
        self._keeper = store
        self._saved = (store.load() if store is not None else None) or Saved()
        self._saving = Lock()
        """Held while that changes, which may take long. Before the unit's other lock."""

    @property
    def keeps(self) -> bool:
        """Whether anything does, but for persistent reservations."""
        return self._keeper is not None

    def _keep(self, **changes: Any) -> None:
        """Keep this too, where anything is kept. On a worker, with :attr:`_saving`; raises Fault where that cannot be."""
        if self._keeper is None:
            return
        state = replace(self._saved, **changes)
        try:
            self._keeper.save(state)
        except OSError as error:
            log.error("%s: what is to outlast it cannot be kept: %s", self.name, error)
            raise Fault(SenseKey.HARDWARE_ERROR, SenseCode.INTERNAL_TARGET_FAILURE) from error
        self._saved = state

    def keep_saved(self) -> None:
        """Save what is kept once more: the store says more of the unit than this, and that has changed. May raise OSError."""
        with self._saving:
            if self._keeper is not None and self._saved != Saved():
                self._keeper.save(self._saved)
