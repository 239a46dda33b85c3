"""Persistent reservations in files, one for each unit, so that they survive a power loss as APTPL demands (SPC-5, 5.14.5).

::

    store = ReservationFile("/var/lib/pysrp/pr/data")
    disk = Disk(File("/srv/data.img"), "data", reservations=store)

The format is in ``docs/reservations.md``.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pysrp.scsi.codes import PersistentReserveType
from pysrp.target.kept_files import KeptFile, file_name
from pysrp.target.saved_files import SavedFile
from pysrp.target.units.persistent import ALL_REGISTRANTS, MOST, TYPES, Persistent, Registrant

__all__ = ["MAGIC", "ReservationFile", "ReservationFolder", "decoded", "encoded"]

MAGIC = b"pysrp persistent reservations 1 "
"""The first bytes of saved reservations, in a file or elsewhere."""


class ReservationFile(KeptFile[Persistent]):
    """The store of one unit: a file that exists as long as there is a registration to keep."""

    durable = True
    blocking = True
    magic = MAGIC
    what = "persistent reservations"

    def _encode(self, state: Persistent) -> dict[str, Any]:
        return encoded(state)

    def _decode(self, found: dict[str, Any]) -> Persistent:
        return decoded(found)


class ReservationFolder:
    """A folder with the files of each unit, by the unit's name. It is created, mode 0700, if it does not exist."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Path = Path(path).absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def of(self, name: str) -> ReservationFile:
        """The store of the unit of that name."""
        return ReservationFile(self.path / file_name(name, ".pr"))

    def saved(self, name: str) -> SavedFile:
        """The store of the unit's other state that survives a power loss."""
        return SavedFile(self.path / file_name(name, ".saved"))


def encoded(state: Persistent) -> dict[str, Any]:
    """Registrants and reservation, for JSON."""
    registrants = [
        {"initiator_port": one.initiator_port.hex(), "target_port": one.target_port, "key": f"{key:016x}"}
        for one, key in state.keys.items()
    ]
    reservation = None
    if state.type is not None:
        holder = None if state.holder is None else list(state.keys).index(state.holder)
        reservation = {"type": int(state.type), "holder": holder}
    return {"registrants": registrants, "reservation": reservation}


def decoded(found: dict[str, Any]) -> Persistent:
    """The state from JSON, with ``kept`` set; raises one of UNREADABLE (:mod:`~pysrp.target.kept_files`) if it is malformed."""
    keys: dict[Registrant, int] = {}
    for one in found["registrants"]:
        port, target, key = bytes.fromhex(one["initiator_port"]), one["target_port"], int(one["key"], 16)
        if len(port) != 16 or type(target) is not int or not 0 <= target <= 0xFFFF or not 0 < key < 1 << 64:
            raise ValueError("a registrant is none")
        keys[Registrant(port, target)] = key
    if len(keys) != len(found["registrants"]) or len(keys) > MOST:
        raise ValueError("registrants are there twice, or there are too many")
    kind, holder = _reservation(found["reservation"], list(keys))
    return Persistent(MappingProxyType(keys), kind, holder, kept=True)


def _reservation(
    given: Any, registrants: list[Registrant]
) -> tuple[PersistentReserveType | None, Registrant | None]:
    if given is None:
        return None, None
    kind, holder = given["type"], given["holder"]
    if kind not in TYPES or not registrants or (holder is None) is not (kind in ALL_REGISTRANTS):
        raise ValueError("the reservation is none")
    if holder is not None and not (type(holder) is int and 0 <= holder < len(registrants)):
        raise ValueError("the holder is not registered")
    return PersistentReserveType(kind), None if holder is None else registrants[holder]
