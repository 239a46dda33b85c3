"""A unit's state that survives restarts, beside persistent reservations: saved mode pages, identifying information, damage."""

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
"""The kinds of damage that a medium may have until it is formatted, or sanitized."""

LONGEST: Mapping[int, int] = MappingProxyType({0: 64, 2: 256})
"""The most bytes of identifying information, by type: peripheral device identifying information, and the same as text."""


@dataclass(frozen=True)
class Saved:
    """The saved state of one unit."""

    pages: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Saved mode pages by their codes, subpages by ``page << 8 | subpage``, each whole, with its header."""
    information: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """Identifying information by its type (SPC-5, 6.44)."""
    damage: SenseCode | None = None
    """One of :data:`DAMAGES`: FORMAT UNIT or SANITIZE has begun, and has not succeeded."""
    restricted: bool = False
    """Whether it was a SANITIZE with AUSE 0, whose failure only another SANITIZE ends."""


class SavedStore(Protocol):
    """A store in which the :class:`Saved` of one unit survives a power loss. Called by one thread at a time."""

    blocking: bool
    """Whether saving may take long, and so is done on a worker."""

    def load(self) -> Saved | None:
        """The state saved last; None: there is none. If it raises ConfigError or OSError the unit cannot be made."""

    def save(self, state: Saved) -> None:
        """Save a state in place of the one before; it is saved when this returns. After an OSError the store has either one."""


class Keeping:
    """The part of a unit that saves its state."""

    name: str

    def _load(self, store: SavedStore | None) -> None:
        if store is not None and not hasattr(store, "load"):
            raise ConfigError(
                f"saved={store!r} is no store: pysrp.target.saved_files.SavedFile makes one of a path"
            )
        self._keeper = store
        self._saved = (store.load() if store is not None else None) or Saved()
        self._saving = Lock()
        """Held while the saved state changes, which may take long. Taken before the unit's other lock."""

    @property
    def keeps(self) -> bool:
        """Whether the unit has a :class:`SavedStore`."""
        return self._keeper is not None

    def _keep(self, **changes: Any) -> None:
        """Save these changes, if there is a store. On a worker, with :attr:`_saving` held; raises Fault if saving fails."""
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
        """Save the state again, as other contents of the store, such as the unit's name, have changed. May raise OSError."""
        with self._saving:
            if self._keeper is not None and self._saved != Saved():
                self._keeper.save(self._saved)
