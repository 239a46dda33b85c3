"""A file or a block device as a backend."""

from __future__ import annotations

import errno
import os
import stat

from pysrp.backends.base import Backend
from pysrp.errors import ConfigError

__all__ = ["File"]


class File(Backend):
    """A regular file or a block device, read and written at offsets (pread, pwrite).

    Without ``size`` the file must exist, and is as large as it is. With ``size`` (bytes) it is made, mode
    0600, if it does not exist, and grown if it is shorter, in both cases sparsely; of a longer file the
    first ``size`` bytes are used. Nothing is ever truncated.

    Written bytes are the operating system's until :meth:`flush`, which is fdatasync; a read-only file is
    never made or grown. Raises ConfigError for what is neither file nor block device, for a size below 1
    and for one that a read-only file does not have, OSError as opening does.
    """

    blocking = True

    def __init__(
        self, path: str | os.PathLike[str], size: int | None = None, *, read_only: bool = False
    ) -> None:
        self.path = os.fspath(path)
        self.read_only = read_only
        if size is not None and size < 1:
            raise ConfigError(f"{self.path}: a disk of {size} bytes")
        mode = os.O_RDONLY if read_only else os.O_RDWR | (0 if size is None else os.O_CREAT)
        # O_NONBLOCK: a FIFO is refused below, not waited for.
        self._fd = os.open(self.path, mode | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            self.size = self._measure(size)
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"File({self.path!r}, {self.size}{', read_only=True' if self.read_only else ''})"

    def _measure(self, wanted: int | None) -> int:
        kind = os.fstat(self._fd).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISBLK(kind)):
            raise ConfigError(f"{self.path} is neither a file nor a block device")
        have = os.lseek(self._fd, 0, os.SEEK_END)
        if wanted is None:
            if not have:
                raise ConfigError(f"{self.path} is empty: give a size")
            return have
        if wanted > have:
            if self.read_only or not stat.S_ISREG(kind):
                raise ConfigError(f"{self.path} has {have} bytes, not {wanted}, and cannot grow")
            os.ftruncate(self._fd, wanted)
        return wanted

    def _descriptor(self) -> int:
        if self._fd < 0:
            raise ValueError(f"{self.path} is closed")
        return self._fd

    def read_into(self, offset: int, view: memoryview) -> None:
        """Read; OSError EIO also where the file has become shorter than it was."""
        self._inside(offset, len(view))
        fd = self._descriptor()
        while view:
            done = os.preadv(fd, [view], offset)
            if not done:
                raise OSError(errno.EIO, f"ends at {offset}, {self.size} bytes were there", self.path)
            offset += done
            view = view[done:]

    def write_from(self, offset: int, view: memoryview) -> None:
        """Write; OSError ENOSPC where a sparse file finds no room, EROFS where it is read-only."""
        self._inside(offset, len(view))
        fd = self._descriptor()
        if self.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), self.path)
        while view:
            done = os.pwrite(fd, view, offset)
            if not done:
                raise OSError(errno.EIO, f"took nothing at {offset}", self.path)
            offset += done
            view = view[done:]

    def flush(self) -> None:
        """Make what was written durable."""
        fd = self._descriptor()
        if not self.read_only:
            os.fdatasync(fd)

    def resize(self, size: int | None = None) -> None:
        """Look at the file's size again (after somebody else changed it), or grow it to ``size`` bytes.

        Raises what opening it raises, and then is as it was. Whoever serves this backend has to be told.
        """
        self._descriptor()
        self.size = self._measure(size)

    def size_now(self) -> int:
        """The file's size now, in bytes; :attr:`size` is what it was when it was opened or resized."""
        return os.lseek(self._descriptor(), 0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
