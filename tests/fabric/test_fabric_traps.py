"""Descriptors that take as long to close as whoever passed them likes: they hold up nobody else."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import struct
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from descriptors import none_left
from fabric_rig import WINDOW
from pysrp import fabric
from pysrp.errors import TransportError
from pysrp.fabric import Identity, shm
from waiting import PATIENCE, until

LINGER = 60
"""Seconds: more than any test here waits."""


def greeters() -> int:
    return sum(thread.name == "pysrp greeting" for thread in threading.enumerate())


class Trap:
    """A connection that is not closed before all has been sent, to somebody who does not read."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.sock = socket.create_connection(listener.getsockname())
            self.peer, _ = listener.accept()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, LINGER))
        self.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self.sock.send(bytes(1 << 16)):
                pass

    def give(self, sock: socket.socket, message: bytes, count: int = 1) -> None:
        """To somebody who has not looked yet: what is under way counts as open."""
        socket.send_fds(sock, [message], [self.sock.fileno()] * count)
        self.sock.close()

    def spring(self) -> None:
        self.peer.close()


@pytest.fixture
def traps() -> Iterator[list[Trap]]:
    made: list[Trap] = []
    yield made
    for trap in made:
        trap.spring()
    until(lambda: not greeters())


def hello(**sizes: int) -> bytes:
    return shm._Greeting(Identity(), **{"queue_size": 4096, "window_size": WINDOW, **sizes}).pack()


def caller(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect(str(path))
    return sock


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_listener_goes_on(tmp_path: Path, traps: list[Trap], count: int) -> None:
    """Also where the kernel closes them, as there were more than are taken."""
    path = tmp_path / "v"
    with fabric.listen(f"unix:{path}") as listener, caller(path) as hostile:
        traps.append(Trap())
        traps[0].give(hostile, hello(), count)
        begun = time.monotonic()
        assert listener.accept(0) is None
        assert time.monotonic() - begun < LINGER / 4
        assert greeters() == 1
        with fabric.connect(f"unix:{path}", timeout=0) as client, listener.accept(20) as server:  # type: ignore[union-attr]
            client.poll()
            assert client.partner is not None
            assert server.partner is not None


def test_there_are_only_so_many(tmp_path: Path, traps: list[Trap], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shm, "MAX_PENDING", 1)
    path = tmp_path / "v"
    with fabric.listen(f"unix:{path}") as listener:
        with caller(path) as hostile:
            traps.append(Trap())
            traps[0].give(hostile, hello())
            assert listener.accept(0) is None
        with fabric.connect(f"unix:{path}", timeout=0) as client:
            with pytest.raises(TransportError, match="cannot be closed"):
                listener.accept(0)
            traps[0].spring()
            until(lambda: not greeters())
            with listener.accept(20):  # type: ignore[union-attr]
                client.poll()
                assert client.partner is not None


def test_a_listener_is_closed(tmp_path: Path, traps: list[Trap]) -> None:
    path = tmp_path / "v"
    with fabric.listen(f"unix:{path}") as listener, caller(path) as hostile:
        assert listener.accept(0) is None
        traps.append(Trap())
        traps[0].give(hostile, hello())
        begun = time.monotonic()
    assert time.monotonic() - begun < LINGER / 4


def test_what_follows_a_greeting_is_thrown_away_with_it(tmp_path: Path, traps: list[Trap]) -> None:
    """By then nobody waits for the connection: when it ends there is nothing left to close."""
    path = tmp_path / "v"
    fd = shm._memfd("window", shm.fast.window_bytes(WINDOW))
    with fabric.listen(f"unix:{path}") as listener:
        hostile = caller(path)
        socket.send_fds(hostile, [hello()], [fd])
        hostile.send(b"")  # looks like an end
        traps.append(Trap())
        traps[0].give(hostile, b"more")
        begun = time.monotonic()
        server = listener.accept(0)
        hostile.close()
        if server is not None:
            server.close()
        assert time.monotonic() - begun < LINGER / 4
    os.close(fd)


@pytest.mark.parametrize("count", [1, 3])
def test_a_client_says_what_is_wrong(tmp_path: Path, traps: list[Trap], count: int) -> None:
    path = tmp_path / "v"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hostile:
        hostile.bind(str(path))
        hostile.listen()
        client: Any = fabric.connect(f"unix:{path}", timeout=0)
        peer, _ = hostile.accept()
        traps.append(Trap())
        traps[0].give(peer, hello(), count)
        begun = time.monotonic()
        client.poll()
        assert client.partner is None
        assert "cannot be closed" in client.problem
        peer.close()
        client.close()
        assert time.monotonic() - begun < LINGER / 4


def test_a_client_waits_for_its_own_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a busy machine may not run for longer than a listener's other clients wait: no refusal by the server."""
    path = tmp_path / "v"
    with fabric.listen(f"unix:{path}") as listener, fabric.connect(f"unix:{path}", timeout=0) as client:
        with listener.accept(20):  # type: ignore[union-attr]
            monkeypatch.setattr(shm, "ASIDE", 0)
            client.poll()
            assert client.partner is not None, client.problem  # type: ignore[attr-defined]


@pytest.fixture
def greetings(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A listener's greetings take until this is set, and nobody waits for them."""
    go, real = threading.Event(), shm.UnixListener._greet

    def slow(self: shm.UnixListener, sock: socket.socket) -> shm.ServerPort | None:
        go.wait()
        return real(self, sock)

    monkeypatch.setattr(shm, "ASIDE", 0)
    monkeypatch.setattr(shm.UnixListener, "_greet", slow)
    yield go
    go.set()


def test_a_late_greeting_is_heard_all_the_same(tmp_path: Path, greetings: threading.Event) -> None:
    """On a machine that does not run its thread: who has called need not call again, and holds up nobody."""
    path = tmp_path / "v"
    with fabric.listen(f"unix:{path}") as listener, ExitStack() as stack:
        clients = [stack.enter_context(fabric.connect(f"unix:{path}", timeout=0)) for _ in range(3)]
        calls = [client._socket for client in clients]  # type: ignore[attr-defined]
        until(lambda: listener.accept(0) or len(listener._aside._left) == 3)  # type: ignore[attr-defined]
        assert listener.accept(0) is None
        greetings.set()
        for _ in clients:
            server = listener.accept(PATIENCE)
            assert server is not None
            stack.enter_context(server)
        assert listener.accept(0) is None
        for client in clients:
            until(lambda: client.poll() or client.partner is not None)  # noqa: B023
        assert [client._socket for client in clients] == calls  # type: ignore[attr-defined]


def test_a_greeting_that_is_later_than_its_listener_is_dropped(
    tmp_path: Path, greetings: threading.Event
) -> None:
    """Whether it is over when the listener closes, or not yet."""
    path = tmp_path / "v"
    for over in True, False:
        with none_left():
            listener: Any = fabric.listen(f"unix:{path}")
            client = fabric.connect(f"unix:{path}", timeout=0)
            greetings.clear()
            until(lambda: listener.accept(0) or listener._aside._left)  # noqa: B023
            threads = listener._aside._left[:]
            if over:
                greetings.set()
                threads[0].join()
            listener.close()
            greetings.set()
            client.close()
            until(lambda: not greeters())


def test_a_client_leaves_without_having_looked(tmp_path: Path, traps: list[Trap]) -> None:
    path = tmp_path / "v"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hostile:
        hostile.bind(str(path))
        hostile.listen()
        client = fabric.connect(f"unix:{path}", timeout=0)
        with hostile.accept()[0] as peer:
            traps.append(Trap())
            traps[0].give(peer, hello())
            begun = time.monotonic()
            client.close()
            assert time.monotonic() - begun < LINGER / 4


def test_what_failed_keeps_nothing() -> None:
    """No window stays mapped until Python's collector runs because its client was refused."""
    held: list[weakref.ref[socket.socket]] = []

    def work() -> None:
        memory = socket.socket(socket.AF_UNIX)
        memory.close()
        held.append(weakref.ref(memory))
        raise ConnectionResetError

    gc.disable()
    try:
        for _ in range(5):
            with pytest.raises(ConnectionResetError):
                shm._Aside().do(work)
        until(lambda: not any(one() for one in held))
    finally:
        gc.enable()


def test_a_name_is_fit_for_a_log() -> None:
    """The log of a server has a line for each client; one that forges lines, or commands a terminal, cannot."""
    greeting = shm._Greeting(Identity(partition_name="a\nb\x1b[2J", system_id="c\rd"))
    heard = shm._Greeting.unpack(greeting.pack()).identity
    assert (heard.partition_name, heard.system_id) == ("a?b?[2J", "c?d")
