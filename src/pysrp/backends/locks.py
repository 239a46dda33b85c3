"""Who has a file: a lock for whoever serves it, which goes with its last descriptor, however that is closed (fcntl(2)).

Of open file descriptions, as QEMU takes them: so one process cannot serve a file twice either, and a file of a QEMU that runs
is refused. They are of the inode. Another node of the same block device, its partitions, and the file behind a loop device are
others.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import struct
import time

__all__ = ["hold"]

log: logging.Logger = logging.getLogger("pysrp.media")

F_OFD_GETLK: int = getattr(fcntl, "F_OFD_GETLK", 36)
F_OFD_SETLK: int = getattr(fcntl, "F_OFD_SETLK", 37)
"""Python has them if it was built for a C library that has them (linux/fcntl.h)."""
FLOCK = "hhqqi4x"
"""struct flock: type, whence, where it begins, how long it is (0: to the end, wherever that is), whose it is."""
QEMU_WRITES = 101
"""The byte that QEMU has a lock of while it writes: RAW_LOCK_PERM_BASE and BLK_PERM_WRITE of its block/file-posix.c."""
LINGERS = 1.0
"""Seconds for which a lock is waited for: whoever has been killed has it until what was under way has ended."""
STEP = 0.01
UNKNOWN = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""What a file system says that has no such locks, or none now."""


def hold(fd: int, path: str, *, read_only: bool) -> None:
    """Lock the file as long as ``fd``, or what is made of it by dup or fork, is open. OSError EBUSY: somebody else has it.

    For who writes there is one; who only reads shares it with others who do.
    """
    limit = time.monotonic() + LINGERS
    while True:
        try:
            if _taken(fd, read_only):
                return
        except OSError as error:
            if error.errno not in UNKNOWN:
                raise
            log.warning("%s: no locks there (%s): see that nobody else serves it", path, error.strerror)
            return
        if time.monotonic() >= limit:
            raise OSError(
                errno.EBUSY,
                f"{path} is locked: another disk, server or program such as QEMU has it; end that one, "
                "or leave out the lock (file:/PATH?lock=off) where they keep apart what they write",
            )
        time.sleep(STEP)


def _taken(fd: int, read_only: bool) -> bool:
    """Lock all of it, unless somebody else has it."""
    kind = fcntl.F_RDLCK if read_only else fcntl.F_WRLCK
    try:
        fcntl.fcntl(fd, F_OFD_SETLK, struct.pack(FLOCK, kind, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    # QEMU's locks are of single bytes, and to be read as ours are, which byte says what for. Who reads as we do has the whole.
    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, QEMU_WRITES, 1, 0)
    other, _, begin, length, _ = struct.unpack(FLOCK, fcntl.fcntl(fd, F_OFD_GETLK, asked))
    if other == fcntl.F_UNLCK or (begin, length) == (0, 0):
        return True
    fcntl.fcntl(fd, F_OFD_SETLK, struct.pack(FLOCK, fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0))
    return False
