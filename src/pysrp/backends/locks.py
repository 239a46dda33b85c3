"""Locks on files that are served, released when the last descriptor is closed, however that happens (fcntl(2)).

They are open file description locks, as QEMU takes them: so one process cannot serve a file twice either, and a file that a
running QEMU uses is refused. A lock belongs to the inode: it does not cover another device node of the same block device, its
partitions, or the file behind a loop device.
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
"""The numbers of linux/fcntl.h, for a Python whose C library did not have these names."""
FLOCK = "hhqqi4x"
"""struct flock: l_type, l_whence, l_start, l_len (0: to the end of the file, wherever that is), l_pid."""
QEMU_WRITES = 101
"""The byte that QEMU locks while it writes: RAW_LOCK_PERM_BASE and BLK_PERM_WRITE of its block/file-posix.c."""
LINGERS = 1.0
"""Seconds to wait for a lock: a killed process keeps its locks until its requests under way have ended."""
STEP = 0.01
UNKNOWN = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""The errors of a file system that does not support such locks, or has none left."""


def hold(fd: int, path: str, *, read_only: bool) -> None:
    """Lock the file for as long as ``fd``, or a copy of it by dup or fork, is open. OSError EBUSY: another holder has the lock.

    A writer's lock is exclusive; readers (``read_only``) share the lock.
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
    """Lock the whole file; False if another holder has a lock."""
    kind = fcntl.F_RDLCK if read_only else fcntl.F_WRLCK
    try:
        fcntl.fcntl(fd, F_OFD_SETLK, struct.pack(FLOCK, kind, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    # QEMU takes shared locks on single bytes, whose numbers say what they are for. Another reader of pysrp has the whole file.
    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, QEMU_WRITES, 1, 0)
    other, _, begin, length, _ = struct.unpack(FLOCK, fcntl.fcntl(fd, F_OFD_GETLK, asked))
    if other == fcntl.F_UNLCK or (begin, length) == (0, 0):
        return True
    fcntl.fcntl(fd, F_OFD_SETLK, struct.pack(FLOCK, fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0))
    return False
