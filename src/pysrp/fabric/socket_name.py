"""The name of a listening Unix socket, which belongs to one server at a time: how a server creates and claims it."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from pysrp.errors import ConfigError, TransportError

__all__ = ["claim", "directory"]

_serial = itertools.count(1)

LOCK_PATIENCE = 2.0
"""Seconds to wait for other servers that start or stop in the same directory."""


@contextlib.contextmanager
def directory(path: Path) -> Iterator[None]:
    """Lock the directory of ``path`` against other servers that start or stop there.

    Any process that may read the directory can hold the lock for ever: ConfigError after LOCK_PATIENCE seconds.
    """
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise ConfigError(
                        f"{path.parent}: another process holds a lock on this directory (lslocks says which); "
                        "use a directory that is yours alone, such as one in /run"
                    ) from None
            time.sleep(0.01)
        yield
    finally:
        os.close(fd)


def claim(sock: socket.socket, path: Path, mode: int) -> int:
    """Listen at ``path`` and return the socket file's inode number.

    The name appears by a rename, when the socket has its permissions and listens already. So no client can
    connect too early, and inotify tells a waiting client at the right moment.
    """
    hidden = path.with_name(f"{path.name}.{os.getpid()}-{next(_serial)}")
    try:
        with directory(path):
            if os.path.lexists(path):
                _check_stale(path)
            os.fchmod(sock.fileno(), mode)
            sock.bind(str(hidden))
            try:
                hidden.chmod(mode)
                sock.listen(socket.SOMAXCONN)
                inode = hidden.lstat().st_ino
                hidden.rename(path)
            except BaseException:
                hidden.unlink()
                raise
    except OSError as problem:
        raise TransportError(f"unix:{path}: {problem.strerror or problem}") from problem
    return inode


def _check_stale(path: Path) -> None:
    """ConfigError unless ``path`` is the socket of a server that is gone."""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise ConfigError(f"unix:{path}: there is a file of that name, and it is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
        except OSError:
            pass
    raise ConfigError(f"unix:{path}: somebody listens there already")
