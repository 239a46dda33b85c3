"""Who has a file: a lock for whoever serves it, which goes with its last descriptor, however that is closed (fcntl(2)).

Of open file descriptions, as QEMU takes them: so one process cannot serve a file twice either, and a file of a QEMU that runs
is refused. They are of the inode. Another node of the same block device, and its partitions, are others.
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

F_OFD_SETLK: int = getattr(fcntl, "F_OFD_SETLK", 37)
"""Python has it if it was built for a C library that has it (linux/fcntl.h)."""
LINGERS = 1.0
"""Seconds for which a lock is waited for: whoever has been killed has it until what was under way has ended."""
STEP = 0.01
UNKNOWN = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""What a file system says that has no such locks, or none now."""


def hold(fd: int, path: str, *, read_only: bool) -> None:
    """Lock the file as long as ``fd``, or what is made of it by dup or fork, is open. OSError EBUSY: somebody else has it.

    For who writes there is one; who only reads shares it with others who do.
    """
    kind = fcntl.F_RDLCK if read_only else fcntl.F_WRLCK
    # struct flock: type, whence, and 0 for where it begins, how long it is (to the end, wherever that is), whose it is.
    lock = struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)
    limit = time.monotonic() + LINGERS
    while True:
        try:
            fcntl.fcntl(fd, F_OFD_SETLK, lock)
        except OSError as error:
            if error.errno in UNKNOWN:
                log.warning("%s: no locks there (%s): see that nobody else serves it", path, error.strerror)
                return
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            if time.monotonic() < limit:
                time.sleep(STEP)
                continue
            raise OSError(
                errno.EBUSY,
                f"{path} is locked: another disk, server or program such as QEMU has it; end that one, "
                "or leave out the lock (file:PATH?lock=off) where they keep apart what they write",
            ) from None
        return
