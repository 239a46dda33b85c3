"""Persistent reservations in the metadata of a Ceph image, where each server that gets the image finds them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakMethod

from pysrp._fast.rbd_medium import RbdTable
from pysrp.errors import ConfigError
from pysrp.target.kept_files import UNREADABLE, packed, unpacked
from pysrp.target.reservation_files import MAGIC, decoded, encoded
from pysrp.target.units.persistent import Persistent

__all__ = ["ImageReservations"]

Told = Callable[[Persistent | None], None]


class ImageReservations:
    """The store of the units of one image (:class:`~pysrp.target.units.persistent.SharedStore`).

    Only the owner of the image's exclusive lock changes them, so that a server's copy is valid until it loses the image. The
    text names its image: a copy or clone of the image has the same metadata, but the reservations do not count for it.
    """

    durable = True
    blocking = True

    def __init__(self, image: RbdTable) -> None:
        self._image = image
        self._lock = threading.Lock()
        self._told: list[WeakMethod[Told]] = []
        taken = WeakMethod(self._taken)

        def takes(text: bytes | None) -> None:
            if (mine := taken()) is not None:
                mine(text)

        image.takes = takes

    @property
    def away(self) -> bool:
        """Whether another server has the image now."""
        return self._image.away

    def load(self) -> Persistent | None:
        """The state that was saved last. OSError ESHUTDOWN while another server owns the image, ConfigError if it is corrupt."""
        return self._read(self._image.read_text())

    def save(self, state: Persistent | None) -> None:
        """Save a state. OSError if that fails: ESHUTDOWN if another server owns the image now."""
        if state is None:
            self._image.write_text(None)
            return
        more = {"aptpl": state.kept, "generation": state.generation}
        self._image.write_text(packed(MAGIC, {"unit": self._image.key, **encoded(state), **more}))

    def follow(self, told: Told) -> None:
        """See :class:`~pysrp.target.units.persistent.SharedStore`."""
        with self._lock:
            self._told.append(WeakMethod(told))
            if not self._image.away:
                told(self.load())

    def _taken(self, text: bytes | None) -> None:
        """This process is about to own the image: tell the units the reservations in it."""
        with self._lock:
            found = self._read(text)
            for each in self._told:
                if (unit := each()) is not None:
                    unit(found)

    def _read(self, text: bytes | None) -> Persistent | None:
        if text is None:
            return None
        try:
            found: Any = unpacked(MAGIC, text)
            if found["unit"] != self._image.key:
                return None
            kept, generation = found["aptpl"], found["generation"]
            if type(kept) is not bool or type(generation) is not int or not 0 <= generation < 1 << 32:
                raise ValueError("APTPL or the generation is none")
            return replace(decoded(found), kept=kept, generation=generation)
        except UNREADABLE as error:
            raise ConfigError(
                f"the metadata of {self._image.key} do not have the reservations that were kept there ({error}): "
                "rbd image-meta remove IMAGE pysrp.reservations if no initiator relies on them any more"
            ) from error
