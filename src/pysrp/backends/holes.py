"""Holes in files: made with fallocate, found with lseek (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "EXTENTS", "KEEP_SIZE", "PUNCH_HOLE", "ZERO_RANGE", "extents", "fallocate", "granularity", "of_device", "space",
]  # fmt: skip

KEEP_SIZE = 0x01
PUNCH_HOLE = 0x02
ZERO_RANGE = 0x10

EXTENTS = 256
"""The most extents that one call looks for: a file may have millions."""

_LIBRARY = ctypes.CDLL(None, use_errno=True)


def _found() -> Callable[[int, int, int, int], int] | None:
    # With 32 bits the plain name takes an offset of 32 bits.
    call = getattr(_LIBRARY, "fallocate64", None) or getattr(_LIBRARY, "fallocate", None)
    if call is None:
        return None
    call.argtypes = ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64
    found: Callable[[int, int, int, int], int] = call
    return found


_fallocate = _found()


def fallocate(fd: int, mode: int, offset: int, length: int) -> bool:
    """Call fallocate for these bytes of a file, 1 or more. False: the file does not support the mode. Raises OSError."""
    while _fallocate is not None:
        if not _fallocate(fd, mode, offset, length):
            return True
        number = ctypes.get_errno()
        if number in (
            errno.EOPNOTSUPP,
            errno.ENOSYS,
            errno.EINVAL,
            errno.ENODEV,
        ):  # EINVAL: not aligned, of a device
            return False
        if number != errno.EINTR:
            raise OSError(number, os.strerror(number))
    return False


def extents(fd: int, offset: int, length: int) -> list[tuple[int, bool]]:
    """Which of these bytes are allocated: pairs from ``offset`` on, a length and whether it is allocated.

    At most :data:`EXTENTS` pairs. A file whose holes are not known counts as allocated.
    """
    end = offset + length
    found: list[tuple[int, bool]] = []
    while offset < end and len(found) < EXTENTS:
        data = _seek(fd, offset, os.SEEK_DATA, end)
        mapped = data == offset
        until = _seek(fd, offset, os.SEEK_HOLE, end) if mapped else data
        if until <= offset:  # it changes while we look
            until = end
        found.append((until - offset, mapped))
        offset = until
    return found


UNIT = 512
"""Bytes that st_blocks counts in, on Linux."""


def space(fd: int) -> tuple[int, int | None] | None:
    """Bytes that an open file occupies in its file system, and the free bytes there that users may have; None for the latter
    where the file system does not tell its size (FUSE without statfs, a tmpfs without a limit). None: it is a device.

    Raises OSError.
    """
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        return None
    whole = os.fstatvfs(fd)
    return found.st_blocks * UNIT, whole.f_bavail * whole.f_frsize if whole.f_blocks else None


def granularity(fd: int) -> tuple[int, int]:
    """Bytes of the pieces in which an open file or device frees room, and bytes before the first piece: of a file, the block
    size of its file system; of a device, what its driver says; 0: unknown.
    """
    if stat.S_ISREG(os.fstat(fd).st_mode):
        try:
            return os.fstatvfs(fd).f_frsize, 0
        except OSError:  # FUSE without statfs
            return 0, 0
    found = (of_device(fd, name) for name in ("queue/discard_granularity", "discard_alignment"))
    size, before = (int(each or 0) for each in found)
    return size, before


def of_device(fd: int, name: str) -> str | None:
    """The text of an attribute of an open block device under /sys, for a partition perhaps its disk's; None where there is none,
    or the file is no block device.
    """
    found = os.fstat(fd)
    if stat.S_ISBLK(found.st_mode):
        place = Path(f"/sys/dev/block/{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}")
        for folder in place, place / "..":
            with contextlib.suppress(OSError):
                return (folder / name).read_text().strip()
    return None


def _seek(fd: int, offset: int, whence: int, end: int) -> int:
    try:
        return min(os.lseek(fd, offset, whence), end)
    except OSError as error:
        if error.errno == errno.ENXIO:  # only a hole up to the end
            return end
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return offset if whence == os.SEEK_DATA else end
        raise
