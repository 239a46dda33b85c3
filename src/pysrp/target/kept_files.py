"""Files that keep a unit's state across restarts, one unit each, written atomically and durably.

To save, a new file ``.new`` beside the old one is written and synced, then renamed, and the folder is synced. So after a crash
there is the old file or the new one. A file ``.lock`` beside it is locked while the store is open: only one unit uses a file.

The file has one line with its kind and the CRC-32 (zlib's) of all that follows, and then JSON. :class:`KeptFile` is the common
part; a subclass converts its state to JSON and back.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote

from pysrp.errors import ConfigError

__all__ = ["UNREADABLE", "KeptFile", "file_name", "packed", "unpacked"]

LARGEST = 1 << 20
"""Bytes of the largest file that is accepted."""
LONGEST_NAME = 255 - len(".saved.lock")
"""Characters of the longest percent-encoded unit name that fits into a file name."""
CUT_NAME = 200
"""Characters that are kept of a longer name, before its checksum."""

UNREADABLE = ValueError, TypeError, KeyError, AttributeError, RecursionError
"""The exceptions that decoding a corrupt file may raise."""

State = TypeVar("State")
Self = TypeVar("Self", bound="KeptFile[Any]")


class KeptFile(Generic[State]):
    """One such file. ConfigError if another unit uses it, OSError as opening raises it.

    ``unit`` is the unit's name, such as its :attr:`~pysrp.target.units.identity.UnitIdentity.t10_dev_id`, and may be replaced
    before a :meth:`save`. It is written to the file, and a file that names another unit is refused. None: the name that
    :meth:`load` finds in the file, as the caller who gave the path knows which unit's it is.
    """

    magic: ClassVar[bytes]
    """The first bytes of the file."""
    what: ClassVar[str]
    """The contents in words, for error messages."""

    def __init__(self, path: str | os.PathLike[str], unit: str | None = None) -> None:
        self.path: Path = Path(path).absolute()
        self.unit = unit
        self._new = self.path.with_name(self.path.name + ".new")
        lock = self.path.with_name(self.path.name + ".lock")
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise ConfigError(f"{self.path}: another unit has its {self.what} there") from error

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Release the file for another unit. No more :meth:`save` is possible. Harmless when repeated."""
        lock, self._lock = getattr(self, "_lock", -1), -1
        if lock >= 0:
            os.close(lock)

    def load(self) -> State | None:
        """The state saved last; None where there is no file. ConfigError if the file is corrupt, or another unit's."""
        try:
            # O_NONBLOCK: opening a FIFO must not wait; it is refused below.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ConfigError(f"{self.path} is no regular file")
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(LARGEST + 1)
        try:
            unit, state = self._read(raw)
        except UNREADABLE as error:
            raise ConfigError(
                f"{self.path} does not have the {self.what} that were kept there ({error}): "
                "take it away if no initiator relies on them any more"
            ) from error
        if self.unit is None:
            self.unit = unit
        if unit != self.unit:
            raise ConfigError(
                f"{self.path} has the {self.what} of {unit!r}, and this unit is {self.unit!r}: take the file away "
                "if that unit does not come back, or give this one the same t10_dev_id if it is that unit"
            )
        return state

    def save(self, state: State | None) -> None:
        """Save a state, durably (None: remove the file). OSError if that fails."""
        if self._lock < 0:
            raise OSError(f"{self.path}: it has been closed")
        if state is None:
            self.path.unlink(missing_ok=True)
        else:
            # An existing ".new" is never opened: it may be a FIFO or a symbolic link.
            self._new.unlink(missing_ok=True)
            descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(packed(self.magic, {"unit": self.unit, **self._encode(state)}))
                file.flush()
                os.fsync(descriptor)
            self._new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, raw: bytes) -> tuple[str | None, State]:
        """The unit's name and the state; raises one of UNREADABLE if the bytes are no such file."""
        found = unpacked(self.magic, raw)
        unit = found["unit"]
        if not isinstance(unit, str | None):
            raise ValueError("the unit has no name")
        return unit, self._decode(found)

    def _encode(self, state: State) -> dict[str, Any]:
        """The state for JSON, beside ``unit``."""
        raise NotImplementedError  # pragma: no cover: the kinds of it have it

    def _decode(self, found: dict[str, Any]) -> State:
        """The state from JSON; raises as :meth:`_read`."""
        raise NotImplementedError  # pragma: no cover: the kinds of it have it


def packed(magic: bytes, found: dict[str, Any]) -> bytes:
    """The contents of a file: the line and the JSON, in ASCII."""
    body = json.dumps(found, indent=1).encode() + b"\n"
    return b"%s%08x\n%s" % (magic, zlib.crc32(body), body)


def unpacked(magic: bytes, raw: bytes) -> Any:
    """The JSON of a file's contents; ValueError or RecursionError if they are malformed, or the checksum is wrong."""
    head, _, body = raw.partition(b"\n")
    if not head.startswith(magic):
        raise ValueError("it does not begin as such a file does")
    if len(raw) > LARGEST or head[len(magic) :] != b"%08x" % zlib.crc32(body):
        raise ValueError("its checksum is wrong")
    return json.loads(body)


def file_name(unit: str, extension: str) -> str:
    """The name of a unit's file."""
    # An encoded name with an extension is never another unit's ".lock" or ".new" file, "." or "..".
    quoted = quote(unit, safe="", errors="surrogateescape")
    if len(quoted) > LONGEST_NAME:
        # In percent-encoding there is no "%-".
        quoted = f"{quoted[:CUT_NAME]}%-{sha256(quoted.encode()).hexdigest()[:32]}"
    return quoted + extension
