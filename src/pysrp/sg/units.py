"""The units that a URL of SCSI generic names: what the blocking and the asyncio session have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pysrp.errors import ConfigError, PartnerGone
from pysrp.initiator.units import ScannedUnit
from pysrp.lun import int_to_scsilun
from pysrp.scsi.inquiry import Inquiry
from pysrp.sg.crew import UnitCrew
from pysrp.sg.node import SYSFS, Node, Place, find, places

__all__ = ["PlacedUnit", "Units"]

U = TypeVar("U", bound=UnitCrew)


class PlacedUnit(ScannedUnit):
    """A unit of this machine, with its node."""

    place: Place
    """Its node, and its directory in sysfs."""

    def __init__(self, unit: UnitCrew, place: Place, data: Inquiry) -> None:
        super().__init__(unit, unit.lun, place.hctl, data)
        self.place = place


SCHEME = "sg:"


class Units(Generic[U]):
    """One unit (``sg:/dev/sg0``; or another node of it, as ``/dev/bsg/0:0:1:0``), or with ``sg:`` all units of this machine.

    A unit that is named is opened at once. With ``sg:`` each is opened at its first command, so that a user without
    permission can still scan. Raises ConfigError for a node that is no SCSI device, TransportError if it cannot be opened,
    UnavailableError if the kernel has no SCSI generic.
    """

    _make: type[U]
    _node: type[Node] = Node

    def __init__(self, url: str = SCHEME, *, sysfs: Path = SYSFS) -> None:
        if not url.startswith(SCHEME):
            raise ConfigError(f"{url!r} is no place of SCSI generic: write sg:/dev/sg0, or sg: for all")
        path = url.removeprefix(SCHEME)
        self.url = url
        self._closed = False
        self._units: list[tuple[Place, U]] = []
        for place in [find(path, sysfs)] if path else places(sysfs):
            node = self._node(place)
            if path:
                node.open()
            self._units.append((place, self._make(node, place.host, int_to_scsilun(place.hctl.lun))))

    def _found(
        self, channels: Iterable[int] | None, ids: Iterable[int] | None, luns: int | None
    ) -> Iterator[tuple[U, Place, Inquiry]]:
        """The units on these channels and ids, with LUN numbers below ``luns``; None stands for all."""
        if self._closed:
            raise PartnerGone("the session is closed")
        for place, unit in self._units:
            channel, number, lun = place.hctl
            if (
                (channels is None or channel in channels)
                and (ids is None or number in ids)
                and (luns is None or lun < luns)
            ):
                yield unit, place, place.inquiry()

    def _close(self) -> None:
        self._closed = True
        for _, unit in self._units:
            unit.close()
