"""A file or a block device as a backend."""

from __future__ import annotations

import errno
import os
import stat
import threading

from pysrp.backends import holes
from pysrp.backends.base import Backend
from pysrp.backends.locks import hold
from pysrp.errors import ConfigError

__all__ = ["File"]


class File(Backend):
    """A regular file or a block device, read and written at offsets (pread, pwrite).

    Without ``size`` the file must exist, and is used with its own size. With ``size`` (bytes) it is created, mode
    0600, if it does not exist, and grown if it is shorter, both sparsely; of a longer file the first ``size`` bytes
    are used. It is never truncated.

    Written data is in the page cache until :meth:`flush`, which calls fdatasync. After a failed flush every later one fails
    until the file is opened anew, as Linux drops the data that it could not write, and reports the error once only. A
    read-only file is never created or grown. Raises ConfigError if the path is neither file nor block device, for a size
    below 1, and for a size that a read-only file does not have; OSError as opening does.

    It is locked, unless ``lock`` is False: OSError EBUSY if another process or object has it locked
    (:func:`pysrp.backends.locks.hold`).
    """

    blocking = zeroes = discards = maps = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: int | None = None,
        *,
        read_only: bool = False,
        lock: bool = True,
    ) -> None:
        self.path: str = os.fspath(path)
        self.read_only = read_only
        self._flushes = Flushes()
        self._fd = opened(self.path, size, read_only=read_only)
        try:
            if lock:
                hold(self._fd, self.path, read_only=read_only)
            self.size = self._measure(size)
            granularity, alignment = holes.granularity(self._fd)
            self.discard_granularity: int = granularity
            self.discard_alignment: int = alignment
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"File({self.path!r}, {self.size}{', read_only=True' if self.read_only else ''})"

    def _measure(self, wanted: int | None) -> int:
        return measured(self._fd, self.path, wanted, read_only=self.read_only)

    def _descriptor(self) -> int:
        if self._fd < 0:
            raise ValueError(f"{self.path} is closed")
        return self._fd

    def _writable(self) -> int:
        fd = self._descriptor()
        if self.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), self.path)
        return fd

    def read_into(self, offset: int, view: memoryview) -> None:
        """Read; OSError EIO also where the file has been truncated."""
        self._inside(offset, len(view))
        fd = self._descriptor()
        while view:
            done = os.preadv(fd, [view], offset)
            if not done:
                raise OSError(errno.EIO, f"ends at {offset}, {self.size} bytes were there", self.path)
            offset += done
            view = view[done:]

    def write_from(self, offset: int, view: memoryview) -> None:
        """Write; OSError ENOSPC where the file system has no room for a sparse file, EROFS where the backend is read-only."""
        self._inside(offset, len(view))
        fd = self._writable()
        while view:
            done = os.pwrite(fd, view, offset)
            if not done:
                raise OSError(errno.EIO, f"took nothing at {offset}", self.path)
            offset += done
            view = view[done:]

    def zero(self, offset: int, length: int) -> None:
        """Zero the bytes by fallocate, which keeps room allocated for later writes; where that is not supported, write zeros."""
        self._inside(offset, length)
        fd = self._writable()
        if length and not holes.fallocate(fd, holes.ZERO_RANGE | holes.KEEP_SIZE, offset, length):
            super().zero(offset, length)

    def discard(self, offset: int, length: int) -> None:
        """Punch a hole, which reads as zeros; :meth:`zero` where the file system has no holes."""
        self._inside(offset, length)
        fd = self._writable()
        if length and not holes.fallocate(fd, holes.PUNCH_HOLE | holes.KEEP_SIZE, offset, length):
            self.zero(offset, length)

    def extents(self, offset: int, length: int) -> list[tuple[int, bool]]:
        """See :meth:`Backend.extents`; bytes zeroed and not written since may count as allocated or not."""
        self._inside(offset, length)
        return holes.extents(self._descriptor(), offset, length)

    def space(self) -> tuple[int | None, int | None] | None:
        """See :meth:`Backend.space`: the room that the file takes, and the free room of its file system. None of a device."""
        return holes.space(self._descriptor())

    def flush(self) -> None:
        """Make written data durable. Once it has failed, it fails for good, with the same error."""
        fd = self._descriptor()
        if not self.read_only:
            self._flushes.flush(fd)

    def resize(self, size: int | None = None) -> None:
        """Read the file's size again (after another process changed it), or grow it to ``size`` bytes.

        Raises what opening raises, and then changes nothing. Afterwards call ``resized()`` of the disk that uses this backend.
        """
        self._descriptor()
        self.size: int = self._measure(size)

    def size_now(self) -> int:
        """The file's size now, in bytes; :attr:`size` is that of the opening or of the last :meth:`resize`."""
        return os.lseek(self._descriptor(), 0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def opened(path: str, size: int | None = None, *, read_only: bool = False, flags: int = 0) -> int:
    """Open a disk's file, with these flags too; the descriptor. With a size it is created, mode 0600, if it does not exist.

    Raises ConfigError for a size below 1, OSError as opening does.
    """
    if size is not None and size < 1:
        raise ConfigError(f"{path}: a disk of {size} bytes")
    mode = os.O_RDONLY if read_only else os.O_RDWR | (0 if size is None else os.O_CREAT)
    # O_NONBLOCK: opening a FIFO must not wait; measured() refuses it.
    return os.open(path, mode | flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)


def measured(fd: int, path: str, wanted: int | None = None, *, read_only: bool = False) -> int:
    """How many bytes of the file are used: all, or ``wanted``, to which a shorter file is grown. ConfigError as :class:`File`."""
    kind = os.fstat(fd).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISBLK(kind)):
        raise ConfigError(f"{path} is neither a file nor a block device")
    have = os.lseek(fd, 0, os.SEEK_END)
    if wanted is None:
        if not have:
            raise ConfigError(f"{path} is empty: give a size")
        return have
    if wanted > have:
        if read_only or not stat.S_ISREG(kind):
            raise ConfigError(f"{path} has {have} bytes, not {wanted}, and cannot grow")
        os.ftruncate(fd, wanted)
    return wanted


class Flushes:
    """The flushes of one open file. Callers that come while an fdatasync runs share the next one.

    Linux reports a writeback error to one caller of fdatasync only, even if another caller wrote the data. So there are no two
    calls at once, and none after one that failed.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._begun = self._ended = 0
        self._failed: int | None = None

    def flush(self, fd: int) -> None:
        """Return when an fdatasync that began after this call has ended. Raises OSError."""
        with self._turn:
            wanted = self._begun + 1
            while self._ended < wanted and self._failed is None:
                if self._begun > self._ended:
                    self._turn.wait()
                else:
                    self._sync(fd)
            if self._failed is not None:
                raise OSError(
                    self._failed, f"{os.strerror(self._failed)} (a flush has failed: open it again)"
                )

    def _sync(self, fd: int) -> None:
        self._begun += 1
        self._turn.release()
        error: int | None = None
        done = False
        try:
            os.fdatasync(fd)
            done = True
        except OSError as raised:
            error = raised.errno
        finally:
            self._turn.acquire()
            self._failed = error
            self._ended, self._begun = (self._begun, self._begun) if done else (self._ended, self._ended)
            self._turn.notify_all()
