"""The tree as a file system: the shell commands of SCST's documentation work below the mount point.

The mounting process may be the server, or another one with a :class:`~pysrp.scst.control.Client`. Files
behave as sysfs files do: no caching, every ``write`` is one store, whatever its offset, and truncating does
nothing. Only the user who mounted it has access.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import itertools
import os
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from pysrp.errors import UnavailableError
from pysrp.scst.files import Files, start_programs_by_fork
from pysrp.scst.grammar import refuse

__all__ = ["Mount", "mount"]

SIGNALLED = 7, 8
"""The return values of fuse_main, depending on its version, if a signal made it unmount."""

KINDS = {"directory": stat.S_IFDIR, "file": stat.S_IFREG, "link": stat.S_IFLNK}


def _mfusepy() -> Any:
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise UnavailableError("a FUSE mount needs /dev/fuse: load the kernel module (modprobe fuse)")
    try:
        return importlib.import_module("mfusepy")
    except ImportError as problem:
        raise UnavailableError("a FUSE mount needs mfusepy: pip install 'pysrp-vscsi[fuse]'") from problem
    except OSError as problem:
        raise UnavailableError(
            f"mfusepy finds no libfuse ({problem}): install libfuse3-3 or libfuse2"
        ) from problem


def _keep_broken_pipes() -> None:
    """Make sure that a write to a broken connection fails with EPIPE, and does not kill the process, after the mount too.

    Python ignores SIGPIPE. libfuse, when it unmounts, resets SIGPIPE to its default if it is ignored, but leaves a handler
    alone. So this installs a C function without effect, abs(), as a handler. It is never removed, as another mount may last
    longer than this one.
    """
    if signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN:
        libc = ctypes.CDLL(None)
        libc.signal.argtypes, libc.signal.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
        libc.signal(
            signal.SIGPIPE, ctypes.cast(libc.abs, ctypes.c_void_p)
        )  # signal.signal is for the main thread


def unavailable() -> str:
    """Why this machine cannot mount; empty if it can."""
    try:
        _mfusepy()
    except UnavailableError as problem:
        return str(problem)
    return ""


Refused = Callable[[str, OSError], None]
"""Called with the path of a file, and the error of a refused write to it."""


def mount(
    tree: Files,
    where: str | os.PathLike[str],
    ready: Callable[[], None] | None = None,
    refused: Refused | None = None,
) -> None:
    """Mount ``tree`` on the directory ``where``; returns when it has been unmounted.

    ``ready`` is called once when the tree is mounted; ``refused`` for each write that the tree refuses, as the process that
    writes to a mounted file only gets the errno. Both are called from libfuse's threads. UnavailableError where FUSE is not
    available, OSError when mounting fails.
    """
    fuse = _mfusepy()
    path = Path(where)
    if not path.is_dir():
        raise refuse(errno.ENOTDIR, f"{path} is not a directory to mount on")
    start_programs_by_fork()
    _keep_broken_pipes()
    options = {"fsname": "scst_tgt", "subtype": "pysrp", "direct_io": True}
    options |= dict.fromkeys(("attr_timeout", "entry_timeout", "negative_timeout"), 0)
    operations = _operations(fuse, tree, refused)
    before = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def begin(_: object) -> None:
        """Handle the kernel's first request (FUSE_INIT), which shows that the tree is mounted."""
        # libfuse has changed the working directory to /: relative paths, such as that of a server's socket, must still work.
        os.fchdir(before)
        if ready:
            ready()

    operations.init = begin
    try:
        fuse.FUSE(operations, str(path), foreground=True, default_permissions=True, **options)
    except RuntimeError as problem:
        if problem.args[0] in SIGNALLED:
            return
        raise refuse(errno.EIO, f"libfuse could not mount on {path} (it printed why)") from problem
    finally:
        os.close(before)


class Mount:
    """``tree`` mounted on ``where`` by a thread of this process, until the context ends or :meth:`close`.

    As long as it lasts, libfuse unmounts on SIGTERM and SIGHUP unless the process handles them itself. This process may use
    the mounted files as any other may, but not from C code that holds the interpreter's lock meanwhile (``dlopen``, ``exec``).
    """

    def __init__(self, tree: Files, where: str | os.PathLike[str]) -> None:
        self.path: Path = Path(
            where
        ).absolute()  # for unmount, as the working directory may have changed by then
        self._problem: BaseException | None = None
        _mfusepy()
        if not self.path.is_dir():
            raise refuse(errno.ENOTDIR, f"{self.path} is not a directory to mount on")
        device = self.path.stat().st_dev
        self._thread = threading.Thread(target=self._run, args=(tree,), name="scst-fuse", daemon=True)
        self._thread.start()
        while self._thread.is_alive() and self.path.stat().st_dev == device:
            self._thread.join(0.01)
        if self._problem:
            raise self._problem

    def _run(self, tree: Files) -> None:
        try:
            mount(tree, self.path)
        except BaseException as problem:
            self._problem = problem

    def close(self) -> None:
        """Unmount, at once even if files are open there. Harmless when repeated."""
        if self._thread.is_alive():
            unmount(self.path)
        self._thread.join()

    def __enter__(self) -> Mount:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def unmount(where: str | os.PathLike[str]) -> None:
    """Unmount what :func:`mount` mounted; OSError when that fails."""
    tool = shutil.which("fusermount3") or shutil.which("fusermount")
    command = [tool, "-u", "-z"] if tool else ["umount", "-l"]
    done = subprocess.run([*command, os.fspath(where)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise refuse(errno.EBUSY, done.stderr.strip() or f"{where} cannot be unmounted")


class _Operations:
    """The callbacks of libfuse."""

    use_ns = True

    def __init__(self, tree: Files, refused: Refused | None) -> None:
        self._tree = tree
        self._refused = refused
        self._started = time.time_ns()
        self._lock = threading.Lock()
        self._texts: dict[int, bytes] = {}
        self._handles = itertools.count(1)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        kind, mode = self._tree.stat(path)
        size = 4096 if kind == "file" else 0
        times = dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), self._started)
        owner = {"st_uid": os.geteuid(), "st_gid": os.getegid()}
        return {"st_mode": KINDS[kind] | mode, "st_nlink": 1, "st_size": size, **times, **owner}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *self._tree.ls(path)]

    def readlink(self, path: str) -> str:
        return self._tree.readlink(path)

    def open(self, path: str, flags: int) -> int:
        # The kernel does not apply permission bits to root, but sysfs does.
        mode = self._tree.stat(path).mode
        access = flags & os.O_ACCMODE
        if (access != os.O_WRONLY and not mode & 0o400) or (access != os.O_RDONLY and not mode & 0o200):
            raise refuse(errno.EACCES, path)
        return next(self._handles)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        # All reads of an open file get parts of one text, which is read anew when offset 0 is read again.
        with self._lock:
            text = self._texts.get(fh)
        if text is None or not offset:
            text = self._tree.read(path).encode("utf-8", "surrogateescape")
            with self._lock:
                self._texts[fh] = text
        return text[offset : offset + size]

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        try:
            self._tree.write(path, data.decode("utf-8", "surrogateescape"))
        except OSError as problem:
            if self._refused:
                self._refused(path.strip("/"), problem)
            raise
        return len(data)

    def release(self, path: str, fh: int) -> int:
        with self._lock:
            self._texts.pop(fh, None)
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        return 0  # a shell's > truncates first

    def utimens(self, path: str, times: Any = None) -> int:
        return 0

    def create(self, path: str, mode: int, flags: Any = None) -> int:
        raise refuse(errno.EACCES, path)

    def forbid(self, *_: Any) -> int:
        raise refuse(errno.EPERM, "this tree is made by writing to its files")

    mkdir = rmdir = unlink = rename = link = symlink = mknod = chmod = chown = forbid


def _operations(fuse: Any, tree: Files, refused: Refused | None) -> Any:
    """The callbacks as a subclass of mfusepy's class; a function, as mfusepy is imported late."""
    return type("Operations", (_Operations, fuse.Operations), {})(tree, refused)
