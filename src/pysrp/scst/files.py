"""Paths, reads and writes: a tree of :mod:`~pysrp.scst.nodes` as files."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from pysrp.errors import ConfigError
from pysrp.scst.grammar import TreeError, refuse
from pysrp.scst.nodes import Directory, File, Node, Symlink, by_number

__all__ = ["Files", "Filesystem", "Stat"]

PAGE = 4096
"""One write is at most this many bytes, as sysfs takes them."""

T = TypeVar("T")

PLACES = {"/sys/kernel/scst_tgt": "", "/sys/class/ibmvstgt": "class/ibmvstgt"}
"""The places of SCST's files on a machine that runs SCST, and in the tree; paths that begin so are accepted."""


class Stat(NamedTuple):
    """The status of a path: ``kind`` is ``directory``, ``file`` or ``link``, ``mode`` the permission bits."""

    kind: str
    mode: int


class Files(Protocol):
    """The operations on a tree, here or in another process."""

    def read(self, path: str) -> str:
        """The text of a file."""

    def write(self, path: str, text: str) -> None:
        """One write to a file."""

    def write_all(self, path: str, texts: Sequence[str]) -> None:
        """Several writes to one file, in their order, as one job."""

    def ls(self, path: str = "") -> list[str]:
        """The names in a directory."""

    def stat(self, path: str) -> Stat:
        """The kind and mode of what ``path`` names; a link at its end is not followed."""

    def readlink(self, path: str) -> str:
        """The target of a link, relative to the link's directory."""


def start_programs_by_fork() -> None:
    """Have :mod:`subprocess` use fork from now on, so that it cannot deadlock with a mounted tree of this process.

    Before 3.11, :mod:`subprocess` with vfork holds the interpreter's lock until the new program runs. If the program starts in
    a directory of the mounted tree, or is searched for in one, the kernel first sends a request to this process: both wait for
    ever. CPython documents this switch; it costs a copy of the page tables.
    """
    if sys.version_info < (3, 11):
        subprocess._USE_VFORK = False  # type: ignore[attr-defined, unused-ignore]


class Filesystem:
    """The files below a root directory. Any thread may call.

    Paths are relative to the root of the tree; a leading slash, ``.``, ``..`` and links are accepted, and
    so are the paths of a machine that runs SCST (``/sys/kernel/scst_tgt/...``). Every failure is a
    :class:`~pysrp.scst.TreeError`, an OSError. ENOENT, ENOTDIR, EISDIR and EACCES are used as in sysfs.

    One thread carries out the writes, one after the other, as in SCST. A writer waits up to ``patience`` seconds for
    the result; then it gets EAGAIN **although the job goes on**, and can poll ``last_sysfs_mgmt_res``: EAGAIN while
    any write is under way, then ``0`` or minus the errno.
    """

    def __init__(self, root: Directory, *, patience: float = 15.0) -> None:
        self._root = root
        self._patience = patience
        self._lock = threading.Lock()
        self._under_way = 0
        self._result = 0
        self._closed = False
        self._worker = ThreadPoolExecutor(1, "scst-mgmt")
        # Starts its thread now: if none can be started, this fails, and not the first write.
        self._worker.submit(bool)

    def read(self, path: str) -> str:
        """The text of a file, with its newline and, where it has one, its ``[key]`` line."""
        file = self._file(path)
        if not file.show:
            raise _at(path, refuse(errno.EACCES, "this file can only be written"))
        return _tell(path, file.show)

    def write(self, path: str, text: str) -> None:
        """Write ``text``, at most 4096 bytes, to a file in one piece.

        Errnos are those of the file; EAGAIN: the write is still being carried out.
        """
        self._writable(path)
        _fits(path, text)
        self.manage(lambda: self._store(path, [text]))

    def write_all(self, path: str, texts: Sequence[str]) -> None:
        """Write each of ``texts`` to a file, in their order, as one job among the writes.

        The first write that is refused ends it: the TreeError's ``done`` says how many were carried out. For thousands
        of writes this is much faster: for LUNs, initiators get one unit attention.
        """
        self._writable(path)
        self.manage(lambda: self._store(path, texts))

    def _store(self, path: str, texts: Sequence[str]) -> None:
        done = 0
        try:
            store = self._writable(path)
            with self._directory(path).together():
                for text in texts:
                    _fits(path, text)
                    _tell(path, lambda text=text: store(text))  # type: ignore[misc]
                    done += 1
        except TreeError as problem:
            problem.done = done
            raise

    def manage(self, job: Callable[[], T]) -> T:
        """Carry out ``job`` in turn with the writes; its result or exception, or EAGAIN when it takes too long."""
        with self._lock:
            if self._closed:
                raise refuse(errno.ENODEV, "the tree is closed")
            self._under_way += 1
            future: Future[T] = self._worker.submit(self._carry_out, job)
        if not wait([future], self._patience).done:
            raise refuse(errno.EAGAIN, "still under way: last_sysfs_mgmt_res will tell the result")
        return future.result()

    def _carry_out(self, job: Callable[[], T]) -> T:
        # The result is stored before the writer gets it, as its next read would otherwise see the old one.
        result = -errno.EIO
        try:
            value = job()
            result = 0
            return value
        except OSError as problem:
            result = -(problem.errno or errno.EIO)
            raise
        finally:
            with self._lock:
                self._under_way -= 1
                self._result = result

    def last_result(self) -> int:
        """0 or minus the errno of the last write; EAGAIN while one is under way."""
        with self._lock:
            if self._under_way:
                raise refuse(errno.EAGAIN, "a write is still under way")
            return self._result

    def ls(self, path: str = "") -> list[str]:
        """The names in a directory, numbers in numeric order."""
        node = self._find(path)
        if not isinstance(node, Directory):
            raise _at(path, refuse(errno.ENOTDIR, "this is a file: read it"))
        return by_number(node.entries())

    def stat(self, path: str) -> Stat:
        """The kind and mode of what ``path`` names; a link at its end is not followed."""
        node = self._find(path, follow=False)
        return Stat(node.kind, node.mode)

    def readlink(self, path: str) -> str:
        """The target of a link, relative to the link's directory; EINVAL if ``path`` is no link."""
        node = self._find(path, follow=False)
        if not isinstance(node, Symlink):
            raise _at(path, refuse(errno.EINVAL, "this is not a link"))
        return os.path.relpath(f"/{node.target}", Path("/", *_parts(path)).parent)

    def close(self) -> None:
        """Carry out the queued writes and accept no more. Harmless when repeated."""
        with self._lock:
            self._closed = True
        self._worker.shutdown()

    def _writable(self, path: str) -> Callable[[str], None]:
        store = self._file(path).store
        if not store:
            raise _at(path, refuse(errno.EACCES, "this file can only be read"))
        return store

    def _file(self, path: str) -> File:
        node = self._find(path)
        if not isinstance(node, File):
            raise _at(path, refuse(errno.EISDIR, "it has no content of its own: ls shows its files"))
        return node

    def _find(self, path: str, follow: bool = True) -> Node:
        """Walk to a node; a link at the end is followed if ``follow``, links on the way always are."""
        return self._walk(path, follow)[-1]

    def _directory(self, path: str) -> Directory:
        """The directory that a file is in."""
        parent = self._walk(path)[-2]
        assert isinstance(parent, Directory)
        return parent

    def _walk(self, path: str, follow: bool = True) -> list[Node]:
        """The directories on the way from the root, and the node."""
        trail: list[Node] = [self._root]
        todo = _parts(path)[::-1]
        hops = 0
        while todo:
            name = todo.pop()
            here = trail[-1]
            if not isinstance(here, Directory):
                raise _at(path, refuse(errno.ENOTDIR, f"there is nothing below a file ({name!r})"))
            if name == "..":
                if len(trail) > 1:
                    trail.pop()
                continue
            node = here.entry(name)
            if node is None:
                raise _at(path, refuse(errno.ENOENT, f"nothing is called {name!r} there"))
            if isinstance(node, Symlink) and (todo or follow):
                hops += 1
                if hops > 40:
                    raise _at(path, refuse(errno.ELOOP, "links that lead to links"))
                trail = [self._root]
                todo += _parts(node.target)[::-1]
                continue
            trail.append(node)
        return trail


def _parts(path: str) -> list[str]:
    for place, ours in PLACES.items():
        if path == place or path.startswith(place + "/"):
            path = ours + path[len(place) :]
    return [part for part in path.split("/") if part not in ("", ".")]


def _fits(path: str, text: str) -> None:
    try:
        size = len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError as problem:
        raise _at(path, refuse(errno.EINVAL, f"no text: {problem.reason}")) from problem
    if size > PAGE:
        raise _at(path, refuse(errno.EINVAL, f"one write is at most {PAGE} bytes"))
    if "\0" in text:
        raise _at(path, refuse(errno.EINVAL, "there is a NUL in it"))


def _at(path: str, problem: TreeError) -> TreeError:
    problem.filename = path
    return problem


def _tell(path: str, do: Callable[[], T]) -> T:
    """Call ``do``, and turn its exceptions, except bugs, into a TreeError with an errno and the path."""
    try:
        return do()
    except TreeError as problem:
        raise _at(path, problem) from problem.__cause__
    except ConfigError as problem:
        raise _at(path, refuse(errno.EINVAL, str(problem))) from problem
    except OverflowError as problem:
        raise _at(path, refuse(errno.ERANGE, str(problem))) from problem
    except MemoryError as problem:
        raise _at(path, refuse(errno.ENOMEM, "out of memory")) from problem
    except OSError as problem:
        hint = f"{problem.filename or problem.strerror or problem}"
        raise _at(path, refuse(problem.errno or errno.EIO, hint)) from problem
