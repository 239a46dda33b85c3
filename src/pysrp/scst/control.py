"""The tree of a running server, from another process: a Unix socket with one JSON object a line.

=============================================  ========================================================
request                                        answer
=============================================  ========================================================
``{"read": PATH}``                             ``{"ok": TEXT}``
``{"write": PATH, "text": TEXT}``              ``{"ok": null}``
``{"write": PATH, "texts": [TEXT, ...]}``      ``{"ok": null}``; refused: ``"done"`` says how many were written
``{"ls": PATH}``                               ``{"ok": [NAME, ...]}``
``{"stat": PATH}``                             ``{"ok": [KIND, MODE]}``
``{"readlink": PATH}``                         ``{"ok": TARGET}``
anything refused                               ``{"errno": NUMBER, "error": TEXT}``
=============================================  ========================================================

Lines are UTF-8, at most 64 KiB, answered in order. An invalid request is answered with EINVAL; after a line that is too long
the connection is closed. Access: the socket's mode is 0600, and the peer's user id must be the server's own or root's.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from pysrp.errors import USED_UP, ConfigError, UnavailableError
from pysrp.scst.files import Files, Stat, start_programs_by_fork
from pysrp.scst.grammar import TreeError, refuse

__all__ = ["Client", "Control", "socket_of"]

log: logging.Logger = logging.getLogger("pysrp.scst")

LONGEST = 1 << 16
CONNECTIONS = 64
BUSY = float("inf")
PATIENCE = 30.0
"""Seconds that a client waits for an answer by default."""
REQUESTS = ("read",), ("write", "text"), ("write", "texts"), ("ls",), ("stat",), ("readlink",)
"""The keys of each kind of request."""


def socket_of(address: str | os.PathLike[str]) -> Path:
    """The path of a server's control socket: ``PATH.scst`` for ``unix:PATH`` and for ``PATH``.

    For ``vio:UNIT`` it is ``/run/pysrp-vio-UNIT.scst``, or in XDG_RUNTIME_DIR for other users than root. A path that ends in
    ``.scst`` is returned unchanged. ConfigError for the URL of another transport.
    """
    text = os.fspath(address)
    scheme, colon, rest = text.partition(":")
    if colon and "/" not in scheme:
        if scheme == "vio":
            folder = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/run")
            rest = f"{folder}/pysrp-vio-{rest}"
        elif scheme != "unix":
            raise ConfigError(f"{text!r}: only a server at unix:PATH or vio:UNIT has a control socket")
        text = rest
    return Path(text if text.endswith(".scst") else f"{text}.scst")


class Control:
    """Serves a tree at ``path`` (see :func:`socket_of`) from threads of its own until :meth:`close`.

    ``uids`` are the user ids that may use it, by default the process's own and root's. ConfigError if another server listens
    at ``path``, or something there is no socket; OSError where the socket cannot be made.
    """

    def __init__(
        self, tree: Files, path: str | os.PathLike[str], *, uids: Collection[int] | None = None
    ) -> None:
        self.path: Path = Path(path)
        self._tree = tree
        self._uids = {os.geteuid(), 0} if uids is None else set(uids)
        self._lock = threading.Lock()
        self._peers: dict[socket.socket, float] = {}
        """The connected clients, and the time since which each has been idle (BUSY: it is not)."""
        start_programs_by_fork()  # another process may have mounted the tree
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._inode = _claim(self._listener, self.path)
        except BaseException:
            self._listener.close()
            raise
        self._thread = threading.Thread(target=self._accept, name="scst-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Remove the socket and close all connections. Harmless when repeated."""
        with contextlib.suppress(OSError):
            if self.path.lstat().st_ino == self._inode:
                self.path.unlink()
        self._inode = -1
        _wake(self._listener)
        self._thread.join()
        self._listener.close()
        with self._lock:
            for peer in self._peers:
                _wake(peer)

    def __enter__(self) -> Control:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError as problem:
                if problem.errno in (errno.ECONNABORTED, errno.EINTR):
                    continue
                if problem.errno in USED_UP:
                    threading.Event().wait(0.1)  # until a file descriptor has been closed
                    continue
                return
            with self._lock:
                welcome = _uid(peer) in self._uids and self._has_room()
                if welcome:
                    self._peers[peer] = time.monotonic()
            if not welcome:
                peer.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(peer,), name="scst-peer", daemon=True).start()
            except RuntimeError as problem:  # no thread could be started: a later client may be served
                log.error("%s: a client was turned away: %s", self.path, problem)
                self._leave(peer)

    def _has_room(self) -> bool:
        """Whether one more client may connect; if need be the client that has been idle longest is disconnected."""
        if len(self._peers) < CONNECTIONS:
            return True
        idle, since = min(self._peers.items(), key=lambda each: each[1])
        if since == BUSY:
            return False
        del self._peers[idle]
        _wake(idle)
        return True

    def _is(self, peer: socket.socket, since: float) -> None:
        with self._lock:
            if peer in self._peers:
                self._peers[peer] = since

    def _serve(self, peer: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):  # the peer is gone
                for line in _lines(peer):
                    self._is(peer, BUSY)
                    if line is None:
                        problem = refuse(errno.EMSGSIZE, f"a line is at most {LONGEST} bytes")
                        peer.sendall(_encode(_refusal(problem)))
                        break
                    peer.sendall(_encode(self._answer(line)))
                    self._is(peer, time.monotonic())
        finally:
            self._leave(peer)

    def _leave(self, peer: socket.socket) -> None:
        with self._lock:
            self._peers.pop(peer, None)
            peer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        request: dict[str, Any] = {}
        try:
            request = _request(line)
            if "texts" in request:
                self._tree.write_all(request["write"], request["texts"])
                return {"ok": None}
            if "text" in request:
                self._tree.write(request["write"], request["text"])
                return {"ok": None}
            ((verb, path),) = request.items()
            return {"ok": getattr(self._tree, verb)(path)}
        except OSError as problem:
            return _refusal(problem)
        except Exception as problem:  # a bug, in a medium or in pysrp, must not end the server
            # Without the written text, which may be a URL with a password.
            asked = {what: path for what, path in request.items() if what not in ("text", "texts")}
            log.exception("%s: %s", self.path, asked)
            return _refusal(
                refuse(errno.EIO, f"{type(problem).__name__}, of which the server's log says more")
            )


class Client:
    """The tree of the server whose control socket is at ``path``; the methods of :class:`Files`.

    Any thread may call. UnavailableError if no server answers when it is made. Later failures are those of the tree, ENOTCONN
    if the server has gone, and ETIMEDOUT if it does not answer within ``timeout`` seconds (a write may have been carried out
    then, or may still be).
    """

    def __init__(self, path: str | os.PathLike[str], timeout: float = PATIENCE) -> None:
        self.path: Path = Path(path)
        self.timeout = timeout
        self._lock = threading.Lock()
        self._idle = [self._connect()]

    def read(self, path: str) -> str:
        """The text of a file."""
        return str(self._ask({"read": path}))

    def write(self, path: str, text: str) -> None:
        """One write to a file."""
        self._ask({"write": path, "text": text})

    def write_all(self, path: str, texts: Sequence[str]) -> None:
        """Several writes to one file, in their order, in as few jobs as possible; see :meth:`Filesystem.write_all`."""
        done = 0
        while done < len(texts):
            size, count = len(json.dumps(path)), 0
            # As many as fit into a line that the server accepts, but at least one, which the server may refuse.
            while done + count < len(texts) and (not count or size < LONGEST // 2):
                size += len(json.dumps(texts[done + count])) + 2
                count += 1
            try:
                self._ask({"write": path, "texts": list(texts[done : done + count])})
            except TreeError as problem:
                problem.done += done
                raise
            done += count

    def ls(self, path: str = "") -> list[str]:
        """The names in a directory."""
        return [str(name) for name in self._ask({"ls": path})]

    def stat(self, path: str) -> Stat:
        """The kind and mode of what ``path`` names; a link at its end is not followed."""
        kind, mode = self._ask({"stat": path})
        return Stat(str(kind), int(mode))

    def readlink(self, path: str) -> str:
        """Where a link leads, relative to its directory."""
        return str(self._ask({"readlink": path}))

    def close(self) -> None:
        """Close the connections. Harmless when repeated; a later call connects again."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Not settimeout(), which makes the socket non-blocking: connect would fail while the server's backlog is full.
            seconds, rest = divmod(self.timeout, 1)
            sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), int(rest * 1e6))
            )
            sock.connect(str(self.path))
            sock.settimeout(self.timeout)
        except OSError as problem:
            sock.close()
            raise UnavailableError(
                f"no server answers at {self.path}: {problem.strerror or problem}; pysrp serve starts one"
            ) from problem
        return sock

    def _ask(self, request: dict[str, Any]) -> Any:
        # One connection per call under way: a long write must not delay the reads of other threads.
        with self._lock:
            sock = self._idle.pop() if self._idle else None
        message = _encode(request)
        try:
            if sock:
                try:
                    sock.sendall(message)
                except TimeoutError:
                    raise
                except OSError:  # the server is gone, and has not got the request: there may be a new one
                    sock.close()
                    sock = None
            if not sock:
                sock = self._connect()
                sock.sendall(message)
            line = next(_lines(sock, limit=None), None)
            if line is None:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        except TimeoutError as problem:
            assert sock
            sock.close()  # a late answer would be taken for that to the next request
            raise refuse(
                errno.ETIMEDOUT, f"the server at {self.path} did not answer within {self.timeout:g} s"
            ) from problem
        except (OSError, UnavailableError) as problem:
            if sock:
                sock.close()
            raise refuse(errno.ENOTCONN, f"the server at {self.path} is gone") from problem
        with self._lock:
            self._idle.append(sock)
        answer = json.loads(line)
        if "errno" in answer:
            refusal = TreeError(answer["errno"], answer["error"], next(iter(request.values())))
            refusal.done = answer.get("done", 0)
            raise refusal
        return answer["ok"]


def _request(line: bytes) -> dict[str, Any]:
    """Parse one of the six requests; EINVAL for anything else."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if (
        isinstance(request, dict)
        and tuple(request) in REQUESTS
        and all(isinstance(value, str) for name, value in request.items() if name != "texts")
        and isinstance(texts := request.get("texts", []), list)
        and all(isinstance(text, str) for text in texts)
    ):
        return request
    raise refuse(
        errno.EINVAL, "no request: a JSON object with read, write and text or texts, ls, stat or readlink"
    )


def _encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _refusal(problem: OSError) -> dict[str, Any]:
    done = {"done": problem.done} if isinstance(problem, TreeError) and problem.done else {}
    return {"errno": problem.errno, "error": problem.strerror or str(problem), **done}


def _lines(sock: socket.socket, limit: int | None = LONGEST) -> Iterator[bytes | None]:
    """The lines that arrive; None, as the last, for a line longer than ``limit`` bytes."""
    buffer = bytearray()
    while chunk := sock.recv(1 << 16):
        start = len(buffer)
        buffer += chunk
        while (end := buffer.find(b"\n", start)) >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]
            start = 0
        if limit is not None and len(buffer) > limit:
            yield None
            return


def _wake(sock: socket.socket) -> None:
    """Make a thread that sleeps in accept or recv return, which closing the socket would not do."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _uid(peer: socket.socket) -> int:
    uid: int = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    return uid


def _claim(listener: socket.socket, path: Path) -> int:
    """Listen at ``path``, whose mode is 0600 from the first moment; returns the inode number."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigError(f"{path}: there is a file of that name, and it is not a socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if not probe.connect_ex(str(path)):
                raise ConfigError(f"{path}: a server answers there already")
    # A short name, as the path of a socket has 107 bytes at most.
    hidden = path.with_name(f".{os.getpid():x}-{threading.get_ident() & 0xFFFF:x}")
    os.fchmod(listener.fileno(), 0o600)
    listener.bind(str(hidden))
    try:
        hidden.chmod(0o600)
        listener.listen(CONNECTIONS)
        hidden.rename(path)
        return path.lstat().st_ino
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
