"""``unix:PATH``: client and server are two processes, without a third one between them.

The server listens on a Unix socket. Per connection there are two memfds, sealed so that neither side
can shrink what the other has mapped: the client's window (made by the client, kept while servers come
and go, as PAPR keeps a window's table), and the two queues (made by the server for each connection, so that
a former partner cannot write to them). Two eventfds are the doorbells. After one message in
each direction the socket carries no data: each side learns from its hang-up that the other has died.

When its server is gone, a client port reports transport event 1 and looks for the next server by itself:
it tries once, and again whenever a file is moved into the socket's directory, which is how a server
puts its socket there. What a partner says in its message is checked here once (sizes, seals, kinds of
descriptors); what it writes into shared memory is checked in ``_fast/fabric.h``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import os
import select
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from io import FileIO
from pathlib import Path
from typing import Any

from pysrp._fast import fabric as fast
from pysrp.errors import USED_UP, ConfigError, TransportError
from pysrp.fabric import Identity, Listener, Port, fail
from pysrp.fabric.socket_name import claim, directory
from pysrp.text import printable

__all__ = ["ClientPort", "ServerPort", "UnixListener", "connect", "listen"]

FAILED = 1
"""Transport event: the partner's partition failed."""

MAX_PENDING = 64
"""The most clients that have connected and not sent their greeting; of more, the oldest is disconnected."""

ASIDE = 0.2
"""Seconds that a listener waits for a client's greeting to be handled in a thread of its own (:class:`_Aside`), before it
handles other clients. A greeting that takes longer, as on a busy machine, is accepted later.
"""

ANSWER = 2.0
"""The same for a client that handles its server's answer. It is longer, as no other client waits meanwhile, and a busy machine
may not run the thread for long."""

MAX_PATH = 107 - 20
"""Bytes of the longest path: those that the kernel takes, less the suffix of a socket that is being set up."""

LEAST_WINDOW = 8192
"""Bytes of the smallest window that a client may have: a page of IUs and one of data."""

SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
MFD_NOEXEC_SEAL = 8
"""Linux 6.3; Python does not name it."""


class _Greeting:
    """The one message that each side sends: its identity and sizes, or why it refuses the other side.

    Its fields: magic, version, whether the sender's queue is registered, queue size, window size, unit address, partition
    number, partition name, location code, system id, refusal (text is UTF-8, padded with zeros).
    """

    LAYOUT = struct.Struct("<8sIIQQQI96s96s96s128s")
    MAGIC, VERSION = b"pysrpCRQ", 1

    def __init__(
        self,
        identity: Identity,
        queue_size: int = 0,
        window_size: int = 0,
        *,
        registered: bool = False,
        refusal: str = "",
    ) -> None:
        self.identity = identity
        self.registered = registered
        self.queue_size = queue_size
        self.window_size = window_size
        self.refusal = refusal

    def pack(self) -> bytes:
        who = self.identity
        texts = (who.partition_name, who.location_code, who.system_id, self.refusal)
        numbers = (self.registered, self.queue_size, self.window_size, who.unit_address, who.partition_number)
        return self.LAYOUT.pack(self.MAGIC, self.VERSION, *numbers, *(text.encode() for text in texts))

    @classmethod
    def unpack(cls, data: bytes) -> _Greeting:
        if len(data) != cls.LAYOUT.size:
            raise _Refusal("this is not a pysrp greeting")
        magic, version, registered, queue, window, unit, number, *texts = cls.LAYOUT.unpack(data)
        if magic != cls.MAGIC:
            raise _Refusal("this is not a pysrp greeting")
        if version != cls.VERSION:
            raise _Refusal(f"greeting of version {version}, this is version {cls.VERSION}")
        name, location, system, refusal = (
            printable(text.rstrip(b"\0").decode("ascii", "replace")) for text in texts
        )
        if unit > 0xFFFFFFFF:
            raise _Refusal(f"unit address {unit:#x} has more than 32 bits")
        return cls(
            Identity(unit, name, number, location, system),
            queue,
            window,
            registered=registered != 0,
            refusal=refusal,
        )


class _Refusal(Exception):
    """The other side, or its greeting, is not acceptable; the text says why."""


def _memfd(name: str, size: int) -> int:
    """A sealed memfd of ``size`` zero bytes."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        fd = os.memfd_create(name, flags | MFD_NOEXEC_SEAL)
    except OSError:
        fd = os.memfd_create(name, flags)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


def _map(fd: int, size: int) -> fast.Region:
    """Map a memfd that the other side has made; _Refusal unless it is sealed, as a shrunk one would raise SIGBUS here."""
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:
        seals = 0
    if not seals & fcntl.F_SEAL_SHRINK or not fast.ordinary_memfd(fd):
        raise _Refusal("shared memory must be a memfd of ordinary pages, sealed against shrinking")
    if os.fstat(fd).st_size != size:
        raise _Refusal(f"shared memory of {os.fstat(fd).st_size} bytes where {size} were announced")
    try:
        return fast.Region(size, fd)
    except OSError as problem:
        raise _Refusal(f"shared memory cannot be mapped: {problem.strerror}") from None


def _check_bell(fd: int) -> None:
    """_Refusal for a descriptor that is no eventfd: a write to it could block, or misuse this process's rights."""
    if str(Path(f"/proc/self/fd/{fd}").readlink()) != "anon_inode:[eventfd]":
        raise _Refusal("a doorbell must be an eventfd")


def _check_user(sock: socket.socket, uids: Collection[int] | None) -> None:
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid not in ({os.geteuid(), 0} if uids is None else uids):
        raise _Refusal(f"process {pid} of user {uid} is not allowed; see the argument uids")


class _Aside:
    """Makes calls that a partner can delay without limit in threads of their own, which may be left running.

    Closing a descriptor that a partner has passed is such a call: it may be a connection with SO_LINGER, or a file of a
    file system that does not answer. The kernel also closes descriptors for which there was no room in a receive call, and
    those in messages that were never received.
    """

    def __init__(self) -> None:
        self._left: list[threading.Thread] = []

    def full(self) -> bool:
        """Whether :data:`MAX_PENDING` threads are still running, so that no more should be started."""
        self._left = [thread for thread in self._left if thread.is_alive()]
        return len(self._left) >= MAX_PENDING

    def do(
        self,
        work: Callable[[], Any],
        undo: Callable[[Any], None] = lambda result: None,
        seconds: float | None = None,
    ) -> Any:
        """Run ``work`` in a thread, and return or raise what it does.

        _Refusal if it takes longer than ``seconds`` (None: :data:`ASIDE`); its result, if not None, is passed to ``undo``
        when it comes. OSError if there can be no more threads.
        """

        def run(outcome: Future[Any]) -> None:
            try:
                outcome.set_result(work())
            except BaseException as problem:
                outcome.set_exception(problem)
            finally:
                del outcome  # else an exception and its traceback would be a cycle that keeps a window mapped

        def late(done: Future[Any]) -> None:
            if done.exception() is None and done.result() is not None:
                undo(done.result())

        outcome: Future[Any] = Future()
        thread = threading.Thread(target=run, args=(outcome,), name="pysrp greeting", daemon=True)
        try:
            if self.full():
                raise RuntimeError("too many partners' descriptors cannot be closed")
            thread.start()
        except RuntimeError as problem:
            raise OSError(errno.ENOBUFS, str(problem)) from None
        thread.join(ASIDE if seconds is None else seconds)
        if not outcome.done():
            self._left.append(thread)
            outcome.add_done_callback(late)
            raise _Refusal("the partner's descriptors cannot be closed")
        try:
            return outcome.result()
        finally:
            del outcome  # as above


def _close_bells(welcome: tuple[_Greeting, fast.Region, list[FileIO]]) -> None:
    for bell in welcome[2]:
        bell.close()


def _deafen(sock: socket.socket) -> None:
    """Drop what the client has sent after its greeting, and let the kernel refuse more.

    So closing the socket closes no descriptors that the client has passed. Only one end may do this: SHUT_RD on both ends
    would be a hang-up.
    """
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RD)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # to tell an empty message from the end
        while sock.recvmsg(1, socket.CMSG_SPACE(12), socket.MSG_DONTWAIT)[1]:
            pass


def _events(sock: socket.socket) -> int:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return sum(events for _, events in poll.poll(0))


@contextlib.contextmanager
def _receive(sock: socket.socket) -> Iterator[tuple[bytes, list[int]]]:
    """Receive a greeting and its descriptors, which are closed at the end of the block unless removed from the list."""
    data, fds, _, _ = socket.recv_fds(
        sock, _Greeting.LAYOUT.size + 1, 4, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
    )
    try:
        yield data, fds
    finally:
        for fd in fds:
            os.close(fd)


class _ShmPort(fast.Adapter, Port):
    """What both sides have in common: the socket, and what its hang-up means.

    A signal handler may raise between any two steps here. So each descriptor is owned by an object, which closes it
    once, at the latest when it is deallocated; and a connection that is half made is hung up, or finished by the next call
    (``Adapter.tend``).
    """

    def __init__(self, queue_size: int, window_size: int, region: fast.Region, identity: Identity) -> None:
        self.identity = identity
        self._socket: socket.socket | None = None
        self._partner: Identity | None = None
        self._bells: list[FileIO] = []
        self._aside = _Aside()

    @property
    def partner(self) -> Identity | None:
        """The other process' identity, from its greeting."""
        return self._partner

    def fail(self, call: str, code: int) -> None:
        """Raise the exception for a return code."""
        fail(call, code)

    def close(self) -> None:
        """Free the queue and hang up."""
        if self.closed:
            return
        self.inject("H_FREE_CRQ", times=0)
        self.free()
        self._hang_up()
        self.shut()

    def _join(
        self, link: fast.Region, partner: _Greeting, bells: list[FileIO], client_queue: int, server_queue: int
    ) -> None:
        self._bells = bells
        self._partner = partner.identity
        mine, other = (bells[1], bells[0]) if self.is_server else (bells[0], bells[1])
        self.link(link, self.is_server, client_queue, server_queue, mine.fileno(), other.fileno())

    def _hang_up(self) -> None:
        """Disconnect from the partner, which may be dead. Its elements, then transport event 1, can still be polled."""
        sock, self._socket = self._socket, None
        if sock is not None:
            self.unwatch(sock.fileno())
            with contextlib.suppress(OSError, _Refusal):
                self._aside.do(sock.close)
        if self._partner is not None:
            self.unlink(FAILED)
            self._partner = None
        for bell in self._bells:
            bell.close()
        self._bells = []


class ServerPort(_ShmPort):
    """The server's end of one connection; it ends with the connection."""

    is_server = True
    client_window: tuple[FileIO, int] | None = None
    """The memfd of the client's window, and its size in bytes, if the listener has ``keeps_windows``."""

    @property
    def ended(self) -> bool:
        """Whether the client is gone."""
        return self._socket is None

    def attend(self) -> None:
        """Check whether the client has hung up, and disconnect if so."""
        if self._socket is not None and _events(self._socket) & select.POLLHUP:
            self._hang_up()

    def greet(self, sock: socket.socket, hello: _Greeting, window: fast.Region) -> None:
        """Answer a client: give it the queues and the doorbells."""
        size = fast.link_bytes(hello.queue_size, self.queue_size)
        link = _memfd("pysrp-queues", size)
        bells = [FileIO(fast.make_bell(), "r+"), FileIO(fast.make_bell(), "r+")]
        try:
            region = fast.Region(size, link)
            welcome = _Greeting(self.identity, self.queue_size, self.window_size)
            socket.send_fds(sock, [welcome.pack()], [link, *(bell.fileno() for bell in bells)])
        except BaseException:
            for bell in bells:
                bell.close()
            raise
        finally:
            os.close(link)
        self.far_window(window, hello.window_size)
        self._join(region, hello, bells, hello.queue_size, self.queue_size)
        if hello.registered:
            self.presume_open()
        _deafen(sock)
        self._socket = sock
        self.watch(sock.fileno(), readable=False)


class ClientPort(_ShmPort):
    """The client's end; it stays open while servers come and go."""

    is_server = False

    def __init__(
        self,
        queue_size: int,
        window_size: int,
        region: fast.Region,
        identity: Identity,
        path: Path,
        window: FileIO,
        uids: Collection[int] | None,
    ) -> None:
        super().__init__(queue_size, window_size, region, identity)
        self._path = path
        self._window = window
        self._uids = uids
        self._watch: FileIO | None = None
        self.problem: str = ""
        """Why there is no partner, as text."""
        self.refused: bool = False
        """Whether there is no partner because one side refuses the other."""
        self._leaving = False

    @property
    def ended(self) -> bool:
        """True only when closed: another server may come."""
        return self.closed

    @property
    def calling(self) -> bool:
        """Whether a greeting has been sent to a server that has not answered yet."""
        return self._socket is not None and self._partner is None

    def attend(self) -> None:
        """Do the next step: notice a hang-up, take a server's answer, or look for a server."""
        if self.closed:
            return
        if self._socket is not None:
            self._stop_watching()
            if self._partner is not None:
                if not _events(self._socket):
                    return
                self.problem = "the server hung up"
                self._hang_up()
            elif self.available_now:
                return  # elements of the last partner are to be polled first; the socket stays readable
            else:
                self._hear_welcome()
        if self._socket is None and not self._leaving:
            self._seek()

    def hcall_register(self) -> int:
        """H_REG_CRQ; a server that has not answered the greeting yet gets a new one."""
        self.attend()
        code = super().hcall_register()
        self._call_again()
        return code

    def hcall_free(self) -> int:
        """H_FREE_CRQ; a server that has not answered the greeting yet gets a new one."""
        self.attend()
        code = super().hcall_free()
        self._call_again()
        return code

    def _call_again(self) -> None:
        """Send a new greeting, as it says whether this queue is registered, which the server's H_REG_CRQ returns."""
        if self.calling and not self._leaving:
            self._hang_up()
            self._seek()

    def _seek(self) -> None:
        if self._watch is None:
            try:
                watch = FileIO(str(self._path.parent), opener=fast.watch_directory)
            except OSError as problem:
                raise TransportError(
                    f"{self._path.parent} cannot be watched: {problem.strerror}"
                ) from problem
            self.watch(watch.fileno())
            self._watch = watch
            if self.refused:
                return  # the same server would refuse again: wait for another one
        else:
            with contextlib.suppress(BlockingIOError):
                os.read(self._watch.fileno(), 65536)
        self.refused = False
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            sock.connect(str(self._path))
            _check_user(sock, self._uids)
            hello = _Greeting(self.identity, self.queue_size, self.window_size, registered=self.is_open)
            socket.send_fds(sock, [hello.pack()], [self._window.fileno()])
        except (OSError, _Refusal) as problem:
            sock.close()
            self.problem = getattr(problem, "strerror", None) or str(problem)
            if isinstance(problem, (FileNotFoundError, ConnectionRefusedError)):
                self.problem += "; pysrp serve starts a server"
            self.refused = isinstance(problem, (PermissionError, _Refusal))
            return
        self.problem = "the server does not answer"
        self.watch(sock.fileno())
        self._socket = sock
        self._stop_watching()

    def _hear_welcome(self) -> None:
        sock, self._socket = self._socket, None  # closed with this local reference if a signal handler raises
        assert sock is not None
        try:
            welcome, link, bells = self._aside.do(lambda: self._take_welcome(sock), _close_bells, ANSWER)
        except BlockingIOError:
            self._socket = sock
            return
        except (OSError, _Refusal) as problem:
            self.problem = str(problem)
            self.refused = isinstance(problem, _Refusal)
            self._socket = sock
            self._hang_up()
            return
        self.problem = ""
        self._join(link, welcome, bells, self.queue_size, welcome.queue_size)
        self._socket = sock

    def _take_welcome(self, sock: socket.socket) -> tuple[_Greeting, fast.Region, list[FileIO]]:
        """Receive the server's answer: its greeting, the queues and the doorbells. Raises _Refusal or OSError."""
        with _receive(sock) as (data, fds):
            if not data:
                raise ConnectionResetError("the server hung up")
            welcome = _Greeting.unpack(data)
            if welcome.refusal:
                raise _Refusal(f"the server refuses: {welcome.refusal}")
            if len(fds) != 3 or not 0 < welcome.queue_size <= fast.MAX_QUEUE:
                raise _Refusal("the server's greeting is incomplete")
            link = _map(fds[0], fast.link_bytes(self.queue_size, welcome.queue_size))
            for fd in fds[1:]:
                _check_bell(fd)
            bells = [FileIO(fd, "r+") for fd in fds[1:]]
            del fds[1:]
        return welcome, link, bells

    def _stop_watching(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            self.unwatch(watch.fileno())
            watch.close()

    def close(self) -> None:
        """Free the queue, hang up, and close the window."""
        self._leaving = True
        self._stop_watching()
        super().close()
        self._window.close()

    def find(self, timeout: float | None) -> None:
        """Wait until there is a partner. After ``timeout`` seconds, or at a refusal, TransportError says why there is none.

        With 0 it returns at once.
        """
        end = None if timeout is None else time.monotonic() + timeout
        ready = select.poll()
        ready.register(self.fileno(), select.POLLIN)
        self._seek()
        while self._partner is None:
            left = None if end is None else max(0.0, end - time.monotonic())
            if self.refused or (not ready.poll(None if left is None else left * 1000) and timeout):
                raise TransportError(f"unix:{self._path}: {self.problem}")
            if not timeout and timeout is not None:
                return
            self.attend()


class UnixListener(Listener):
    """The server's side of a path: makes a new :class:`ServerPort`, with queues of its own, for each client."""

    keeps_windows = False
    """Whether its ports have :attr:`ServerPort.client_window`, for a relay, which passes it on to another server."""

    def __init__(
        self,
        path: Path,
        *,
        identity: Identity,
        window_size: int,
        queue_size: int,
        max_window: int,
        mode: int,
        uids: Collection[int] | None,
    ) -> None:
        if max_window < LEAST_WINDOW:
            raise ConfigError(
                f"max_window {max_window}: from {LEAST_WINDOW}, with less no client can connect"
            )
        self._path = path
        self.identity = identity
        self._window_size = window_size
        self._queue_size = queue_size
        self._max_window = max_window
        self._uids = uids
        self._pending: list[socket.socket] = []
        self._aside = _Aside()
        self._late: list[ServerPort] = []
        """Ports of clients whose greeting took longer than :data:`ASIDE`."""
        self._lock = threading.RLock()
        """For ``_late`` and its bell."""
        self._bell = FileIO(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK | os.EFD_SEMAPHORE), "r+")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            self._inode = claim(self._socket, path, mode)
        except BaseException:
            self._socket.close()
            self._bell.close()
            raise
        self._selector = selectors.EpollSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)

    def accept(self, timeout: float | None = None) -> ServerPort | None:
        """The port of the next client with a valid greeting, or None after ``timeout`` seconds.

        Other clients get a refusal that says why.
        OSError when the process or the machine has no descriptors left; TransportError when too many greetings hang.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            ready = self._selector.select(left)
            if not ready:
                return None
            for key, _ in ready:
                port = None
                if key.fileobj is self._socket:
                    self._take_call()
                elif key.fileobj is self._bell:
                    port = self._take_late()
                elif key.fileobj in self._pending:
                    assert isinstance(key.fileobj, socket.socket)
                    port = self._hear(key.fileobj)
                if port:
                    return port

    def _take_call(self) -> None:
        try:
            sock, _ = self._socket.accept()
        except OSError as error:
            if error.errno in USED_UP:
                raise  # the socket stays readable, so trying again at once would loop for ever
            return
        sock.setblocking(False)
        if len(self._pending) >= MAX_PENDING:
            self._drop(self._pending[:1])
        self._pending.append(sock)
        self._selector.register(sock, selectors.EVENT_READ)

    def _hear(self, sock: socket.socket) -> ServerPort | None:
        if self._aside.full():
            raise TransportError(f"{MAX_PENDING} clients have passed descriptors that cannot be closed")
        self._forget(sock)
        try:
            port: ServerPort | None = self._aside.do(lambda: self._greet(sock), self._comes_late)
        except (OSError, _Refusal):
            return None
        return port

    def _comes_late(self, port: ServerPort) -> None:
        """A greeting has been handled after its timeout: keep the port for :meth:`accept`. Called from any thread."""
        with self._lock:
            if not self._bell.closed:
                self._late.append(port)
                os.eventfd_write(self._bell.fileno(), 1)
                return
        port.close()

    def _take_late(self) -> ServerPort:
        with self._lock:
            os.eventfd_read(self._bell.fileno())
            return self._late.pop(0)

    def _greet(self, sock: socket.socket) -> ServerPort | None:
        port = None
        try:
            with _receive(sock) as (data, fds):
                if not data or _events(sock) & select.POLLHUP:
                    raise ConnectionResetError
                _check_user(sock, self._uids)
                hello = _Greeting.unpack(data)
                if len(fds) != 1:
                    raise _Refusal("a greeting without a window")
                if hello.queue_size % 4096 or not 0 < hello.queue_size <= fast.MAX_QUEUE:
                    raise _Refusal(f"queue of {hello.queue_size} bytes")
                if hello.window_size % 4096 or not LEAST_WINDOW <= hello.window_size <= self._max_window:
                    raise _Refusal(f"window of {hello.window_size} bytes, the limit is {self._max_window}")
                window = _map(fds[0], fast.window_bytes(hello.window_size))
                kept = FileIO(fds.pop(), "r+") if self.keeps_windows else None
            region = fast.Region(fast.window_bytes(self._window_size))
            port = ServerPort(self._queue_size, self._window_size, region, self.identity)
            port.greet(sock, hello, window)
            port.client_window = (kept, hello.window_size) if kept else None
        except _Refusal as refusal:
            self._refuse(sock, refusal)
            return None
        except OSError:
            sock.close()  # an error of this client, or no descriptors left: other clients are not affected
            return None
        return port

    def _forget(self, sock: socket.socket) -> socket.socket:
        self._pending.remove(sock)
        self._selector.unregister(sock)
        return sock

    def _drop(self, socks: list[socket.socket]) -> None:
        for sock in socks:
            self._forget(sock)

        def close() -> None:
            for sock in socks:
                sock.close()

        with contextlib.suppress(OSError, _Refusal):
            self._aside.do(close)

    def _refuse(self, sock: socket.socket, refusal: _Refusal) -> None:
        with contextlib.suppress(OSError), sock:
            sock.send(_Greeting(Identity(), refusal=str(refusal)).pack())

    def fileno(self) -> int:
        """Readable while a client connects, or has sent its greeting."""
        return self._selector.fileno()

    def close(self) -> None:
        """Stop listening and remove the socket's name, if it is still this listener's."""
        if self._socket.fileno() < 0:
            return
        self._drop(self._pending[:])
        self._selector.close()
        with self._lock:
            self._bell.close()
        for port in self._late:
            port.close()
        with contextlib.ExitStack() as stack:
            # Also without the lock: then only a server that starts at this very moment could lose its name.
            with contextlib.suppress(FileNotFoundError, ConfigError):
                stack.enter_context(directory(self._path))
            with contextlib.suppress(FileNotFoundError):
                if self._path.lstat().st_ino == self._inode:
                    self._path.unlink()
        self._socket.close()


def connect(
    address: str,
    *,
    identity: Identity,
    timeout: float | None,
    window_size: int,
    queue_size: int,
    uids: Collection[int] | None,
) -> ClientPort:
    """See :func:`pysrp.fabric.connect`."""
    path = _socket_path(address)
    if not identity.unit_address:
        # A random unit address, as each client of one server is an initiator port of its own.
        number = int.from_bytes(os.urandom(4), "big") & 0x0FFFFFFF
        identity = dataclasses.replace(identity, unit_address=0x70000000 | number)
    window = FileIO(_memfd("pysrp-window", fast.window_bytes(window_size)), "r+")
    port = None
    try:
        region = fast.Region(fast.window_bytes(window_size), window.fileno())
        port = ClientPort(queue_size, window_size, region, identity, path, window, uids)
        port.find(timeout)
    except BaseException:
        if port is not None:
            port.close()
        else:
            window.close()
        raise
    return port


def listen(
    address: str,
    *,
    identity: Identity,
    window_size: int,
    queue_size: int,
    max_window: int,
    mode: int,
    uids: Collection[int] | None,
) -> UnixListener:
    """See :func:`pysrp.fabric.listen`."""
    return UnixListener(
        _socket_path(address),
        identity=identity,
        window_size=window_size,
        queue_size=queue_size,
        max_window=max_window,
        mode=mode,
        uids=uids,
    )


def _socket_path(address: str) -> Path:
    path = Path(address)
    if not path.name:
        raise ConfigError("unix: needs the path of a socket")
    if len(os.fsencode(path)) > MAX_PATH:
        raise ConfigError(f"unix:{path}: longer than the {MAX_PATH} bytes that are possible")
    return path
