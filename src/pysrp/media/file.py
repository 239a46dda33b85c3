"""``file:``: a regular file or a block device as a medium. Requests are carried out in C, by ``_fast/file_medium.h``."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import mmap
import os
import stat
import struct
from collections.abc import Iterator
from functools import cache

from pysrp._fast.file_medium import THREADS, FileTable, uring_refused
from pysrp.backends import holes
from pysrp.backends.file import measured, opened
from pysrp.backends.locks import hold
from pysrp.errors import ConfigError
from pysrp.target.medium import Feature
from pysrp.target.native_medium import NativeMedium

__all__ = ["FileMedium"]

log: logging.Logger = logging.getLogger("pysrp.media")

BLKSSZGET, BLKPBSZGET = 0x1268, 0x127B
"""Bytes of a logical and of a physical block of a device (linux/fs.h)."""

PAGE = 4096
ALIGNS = 512, 1024, 2048, PAGE
"""The alignments of offsets, lengths and addresses that O_DIRECT may require, in bytes."""

ALWAYS = Feature.FUA | Feature.ZERO | Feature.DISCARD | Feature.DISCARD_ZEROS | Feature.EXTENTS


class FileMedium(NativeMedium):
    """A regular file or a block device, with its own size; data in the page cache is read at once.

    With ``size`` (bytes) the file is created, mode 0600, if it does not exist, and grown if it is shorter, both sparsely; of a
    longer one the first ``size`` bytes are used. It is never truncated. It is locked, unless ``lock`` is False: OSError EBUSY
    if another process or object has it locked (:func:`pysrp.backends.locks.hold`). ``direct``: past the page cache (O_DIRECT),
    also for requests that are not aligned to the device's units; bytes past the last whole unit are not used. ``uring``: whether
    to use io_uring (None: where it is better, and the kernel permits it).

    After a failed flush every later one fails until the file is opened anew, as Linux drops the data that it could not write,
    and reports the error once only. Raises ConfigError if the path is neither file nor block device, for a size below 1, for a
    size that a read-only file does not have, and where O_DIRECT is not supported; OSError as opening does.
    """

    features: Feature
    path: str
    direct: bool
    physical_block: int
    discard_granularity: int
    discard_alignment: int

    def __init__(
        self,
        path: str | os.PathLike[str],
        size: int | None = None,
        *,
        read_only: bool = False,
        direct: bool = False,
        uring: bool | None = None,
        lock: bool = True,
    ) -> None:
        self.path, self.direct = os.fspath(path), direct
        self._as_large_as_it_is = size is None
        self._fd = fd = opened(self.path, size, read_only=read_only)
        try:
            if lock:  # before it is grown
                hold(fd, self.path, read_only=read_only)
            length = measured(fd, self.path, size, read_only=read_only)
            if direct:
                self._fd = fd = _direct(fd, self.path, read_only)
                if lock:
                    hold(fd, self.path, read_only=read_only)
            os.set_blocking(fd, True)  # with O_NONBLOCK, io_uring would fail where it has to wait
            self._align = _alignment(fd, self.path, length) if direct else 1
            length = self._whole(length)
            unit, self.physical_block = _blocks(fd)
            self.discard_granularity, self.discard_alignment = holes.granularity(fd)
            at_once = not direct and _reads_at_once(fd)
            features = ALWAYS | (Feature.READ_ONLY if read_only else 0) | (Feature.NOWAIT if at_once else 0)
            if holes.of_device(fd, "queue/rotational") == "1":  # never of a regular file
                features |= Feature.ROTATING
            wanted = (direct or at_once) if uring is None else uring
            refused = _refused() if wanted else 0
            rings = wanted and not refused
            self._file = FileTable(fd, length, features, self._align, unit, rings)
        except BaseException:
            os.close(self._fd)
            raise
        super().__init__(self._file.capsule)
        _say(direct, at_once, rings, refused)

    def __repr__(self) -> str:
        words = ", read_only=True" if self.read_only else ""
        words += ", direct=True" if self.direct else ""
        return f"FileMedium({self.path!r}, {self.size}{words})"

    def _whole(self, length: int) -> int:
        """The bytes in whole O_DIRECT units. ConfigError if there is none."""
        if length < self._align:
            raise ConfigError(f"{self.path} has {length} bytes; O_DIRECT moves {self._align} at a time")
        return length // self._align * self._align

    def size_now(self) -> int:
        """The file's size now, in bytes; :attr:`size` is that of the last :meth:`look` or :meth:`resize`. ValueError: closed."""
        with self._opened() as fd:
            return os.lseek(fd, 0, os.SEEK_END)

    def look(self) -> None:
        """See :meth:`pysrp.target.medium.Medium.look`. Only if it was opened without ``size``. A smaller size is ignored."""
        length = self._file.measure() // self._align * self._align
        if self._as_large_as_it_is and length > self._file.size:
            self._file.size = length

    def space(self) -> tuple[int | None, int | None] | None:
        """See :meth:`pysrp.target.medium.Medium.space`: the room that the file takes, and the free room of its file system. Of a
        device neither is known.
        """
        with self._opened() as fd:
            return holes.space(fd)

    def resize(self, size: int | None = None) -> None:
        """Read the file's size again (after another process changed it), or grow it to ``size`` bytes.

        Raises what opening raises, and then changes nothing. Afterwards call ``resized()`` of the disk that uses this medium.
        """
        with self._opened() as fd:
            self._file.size = self._whole(measured(fd, self.path, size, read_only=self.read_only))
            self._as_large_as_it_is = size is None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        """A duplicate file descriptor, which stays open if another thread calls :meth:`close`."""
        fd = self._duplicate()
        try:
            yield fd
        finally:
            os.close(fd)

    def _duplicate(self) -> int:
        try:
            return self._file.descriptor()
        except ValueError:
            raise ValueError(f"{self.path} is closed") from None

    def close(self) -> None:
        """See :meth:`pysrp.target.medium.Medium.close`. The file is closed when no request is under way any more."""
        self._fd = -1
        self._file.close()


def _direct(fd: int, path: str, read_only: bool) -> int:
    """Open the same file with O_DIRECT, and close ``fd``; the new descriptor."""
    try:
        found = opened(path, read_only=read_only, flags=os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ConfigError(f"{path}: there is no O_DIRECT on its file system") from None
    os.close(fd)
    return found


def _alignment(fd: int, path: str, size: int) -> int:
    """The alignment, in bytes, that O_DIRECT requires here: the smallest with which the kernel accepts a read."""
    with mmap.mmap(-1, 2 * PAGE) as memory, memoryview(memory) as view:
        for align in ALIGNS if size >= 2 * PAGE else ():
            with contextlib.suppress(OSError), view[align : 2 * align] as part:
                os.preadv(fd, [part], align)
                return align
    return PAGE


def _reads_at_once(fd: int) -> bool:
    """Whether a read of cached data never waits, and one of other data fails with EAGAIN (RWF_NOWAIT)."""
    flag = getattr(os, "RWF_NOWAIT", None)
    if flag is None:
        return False
    try:
        os.preadv(fd, [bytearray(1)], 0, flag)
    except OSError as error:
        return error.errno == errno.EAGAIN
    return True


def _blocks(fd: int) -> tuple[int, int]:
    """The unit in which room can be zeroed without writing, and a physical block, in bytes; for a file 1 and a page."""
    if not stat.S_ISBLK(os.fstat(fd).st_mode):
        return 1, PAGE
    logical, physical = (
        struct.unpack("i", fcntl.ioctl(fd, each, bytes(4)))[0] for each in (BLKSSZGET, BLKPBSZGET)
    )
    return logical, physical


@cache
def _refused() -> int:
    """The errno with which the kernel refuses io_uring to this process; 0: it permits it."""
    return uring_refused()


@cache
def _say(direct: bool, at_once: bool, rings: bool, refused: int) -> None:
    """Log how files are read and written, once for each way."""
    kind = (
        "files with O_DIRECT"
        if direct
        else "files"
        if at_once
        else "files on a file system without RWF_NOWAIT"
    )
    ways = []
    if at_once:
        ways.append("what is in the page cache is read at once")
    if rings:
        ways.append(f"{'reads and writes' if direct else 'other reads'} go by io_uring")
    if not (direct and rings):
        what = "writes" if rings else "other reads and writes" if at_once else "reads and writes"
        ways.append(f"{what} go by up to {THREADS} threads for each")
    if refused:
        ways.append(f"the kernel refuses io_uring ({os.strerror(refused)})")
    log.info("%s: %s", kind, "; ".join(ways))
