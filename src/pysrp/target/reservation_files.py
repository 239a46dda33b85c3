"""Persistent reservations in files, one for each unit: what APTPL asks for (SPC-5, 5.14.5).

::

    store = ReservationFile("/var/lib/pysrp/pr/data")
    disk = Disk(File("/srv/data.img"), "data", reservations=store)

The format is in ``docs/reservations.md``.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import zlib
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from pysrp.errors import ConfigError
from pysrp.scsi.codes import PersistentReserveType
from pysrp.target.units.persistent import ALL_REGISTRANTS, MOST, TYPES, Persistent, Registrant

__all__ = ["ReservationFile", "ReservationFolder"]

MAGIC = b"pysrp persistent reservations 1 "
LARGEST = 1 << 20
"""Bytes; a file of MOST registrants has a fifth of that."""
LONGEST_NAME = 255 - len(".pr.lock")
"""Characters that a file system takes of the name of a unit, in percent-encoding."""
CUT_NAME = 200
"""What is left of a longer one, before a checksum of it."""


class ReservationFile:
    """The store of one unit: a file that is there as long as there is something to keep.

    It is replaced as a whole: a new file beside it, ``.new``, is written, reaches the medium and takes its name, and
    the folder reaches the medium. So after a crash it is the one before or the one after. ``.lock`` beside it is locked
    while the store is open: one unit has a file. ConfigError if another one has it, OSError as opening raises it.

    ``unit`` is what the unit calls itself, such as its :attr:`~pysrp.target.units.identity.UnitIdentity.t10_dev_id`, and may
    be replaced before a :meth:`save`: it stands in the file, and a file that names another unit is refused. None: the one
    that :meth:`load` finds there, as whoever gave the path knows whose it is.
    """

    durable = True
    blocking = True

    def __init__(self, path: str | os.PathLike[str], unit: str | None = None) -> None:
        self.path = Path(path).absolute()
        self.unit = unit
        self._new = self.path.with_name(self.path.name + ".new")
        lock = self.path.with_name(self.path.name + ".lock")
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise ConfigError(f"{self.path}: another unit has its persistent reservations there") from error

    def __repr__(self) -> str:
        return f"ReservationFile({str(self.path)!r})"

    def __enter__(self) -> ReservationFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let another unit have the file. Nothing can be saved any more. Harmless when repeated."""
        lock, self._lock = getattr(self, "_lock", -1), -1
        if lock >= 0:
            os.close(lock)

    def load(self) -> Persistent | None:
        """What was saved last; None where there is no file. ConfigError if it is not as it was written, or another unit's."""
        try:
            # O_NONBLOCK: a FIFO is refused, not waited for.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ConfigError(f"{self.path} is no regular file")
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(LARGEST + 1)
        try:
            unit, state = _decode(raw)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ConfigError(
                f"{self.path} does not have the persistent reservations that were kept there ({error}): "
                "take it away if no initiator relies on them any more"
            ) from error
        if self.unit is None:
            self.unit = unit
        if unit != self.unit:
            raise ConfigError(
                f"{self.path} has the persistent reservations of {unit!r}, and this unit is {self.unit!r}: take the file away "
                "if that unit does not come back, or give this one the same t10_dev_id if it is that unit"
            )
        return state

    def save(self, state: Persistent | None) -> None:
        """Keep this; it is on the medium when this returns. OSError where that cannot be."""
        if self._lock < 0:
            raise OSError(f"{self.path}: it has been closed")
        if state is None:
            self.path.unlink(missing_ok=True)
        else:
            # Never what is there: that may be a FIFO, or lead elsewhere.
            self._new.unlink(missing_ok=True)
            descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_encode(state, self.unit))
                file.flush()
                os.fsync(descriptor)
            self._new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class ReservationFolder:
    """A folder with a file for each unit by its name. It is made, mode 0700, if it is not there."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def of(self, name: str) -> ReservationFile:
        """The store of the unit of that name."""
        # No name is that of another one's lock or new file, "." or "..".
        quoted = quote(name, safe="", errors="surrogateescape")
        if len(quoted) > LONGEST_NAME:
            # In percent-encoding there is no "%-".
            quoted = f"{quoted[:CUT_NAME]}%-{sha256(quoted.encode()).hexdigest()[:32]}"
        return ReservationFile(self.path / (quoted + ".pr"))


def _encode(state: Persistent, unit: str | None) -> bytes:
    """The bytes of a file."""
    registrants = [
        {"initiator_port": one.initiator_port.hex(), "target_port": one.target_port, "key": f"{key:016x}"}
        for one, key in state.keys.items()
    ]
    reservation = None
    if state.type is not None:
        holder = None if state.holder is None else list(state.keys).index(state.holder)
        reservation = {"type": int(state.type), "holder": holder}
    body = (
        json.dumps({"unit": unit, "registrants": registrants, "reservation": reservation}, indent=1).encode()
        + b"\n"
    )
    return b"%s%08x\n%s" % (MAGIC, zlib.crc32(body), body)


def _decode(raw: bytes) -> tuple[str | None, Persistent]:
    """Whose it is and what it says; ValueError, TypeError or KeyError if it is none of ours."""
    head, _, body = raw.partition(b"\n")
    if not head.startswith(MAGIC):
        raise ValueError("it does not begin as such a file does")
    if len(raw) > LARGEST or head[len(MAGIC) :] != b"%08x" % zlib.crc32(body):
        raise ValueError("its checksum is wrong")
    found = json.loads(body)
    keys: dict[Registrant, int] = {}
    for one in found["registrants"]:
        port, target, key = bytes.fromhex(one["initiator_port"]), one["target_port"], int(one["key"], 16)
        if len(port) != 16 or type(target) is not int or not 0 <= target <= 0xFFFF or not 0 < key < 1 << 64:
            raise ValueError("a registrant is none")
        keys[Registrant(port, target)] = key
    if len(keys) != len(found["registrants"]) or len(keys) > MOST:
        raise ValueError("registrants are there twice, or there are too many")
    kind, holder = _reservation(found["reservation"], list(keys))
    unit = found["unit"]
    if not isinstance(unit, str | None):
        raise ValueError("the unit has no name")
    return unit, Persistent(MappingProxyType(keys), kind, holder, kept=True)


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
