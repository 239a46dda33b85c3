"""Relay: what passes between a client and its server is what it would be without it, or what was wished."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pysrp import crq, fabric, srp
from pysrp.backends import Ram
from pysrp.errors import ConfigError, QueueFull, TransportError
from pysrp.fabric import PAGE_SIZE, Identity, relay
from pysrp.fabric.recorder import Recorder
from pysrp.fabric.recording import read
from pysrp.fabric.relay import Relay
from pysrp.initiator.session import Session
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from waiting import PATIENCE, until

SERVER = Identity(0x30000002, "behind", 2)
CLIENT = Identity(0x30000003, "in front", 3)
INIT = bytes(crq.Element.init())


@contextmanager
def probed(listener: fabric.Listener | None) -> Iterator[None]:
    """A relay that begins looks whether there is a server: here it is one by hand."""
    if listener is None:
        yield
        return
    thread = threading.Thread(target=lambda: accepted(listener).close())
    thread.start()
    try:
        yield
    finally:
        thread.join(PATIENCE)


def accepted(listener: fabric.Listener) -> Any:
    """The port of the next client."""
    port = listener.accept(PATIENCE)
    assert port is not None
    return port


class Between:
    """A relay that runs in a thread, from ``mid`` to ``vios`` in a folder; what came out of it."""

    def __init__(
        self,
        folder: Path,
        edit: Callable[..., object] | None = None,
        listener: fabric.Listener | None = None,
        **options: Any,
    ) -> None:
        self.here = f"unix:{folder}/mid"
        options.setdefault("timeout", PATIENCE)
        with probed(listener):
            self.relay = Relay(
                self.here, f"unix:{folder}/vios", None if edit is None else lambda number: edit, **options
            )
        self.problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.relay.run()
        except Exception as problem:
            self.problem = problem

    def wait(self) -> None:
        """Until it has ended by itself."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def __enter__(self) -> Between:
        return self

    def __exit__(self, *_: object) -> None:
        self.relay.stop()
        self.wait()
        self.relay.close()
        self.relay.close()


@contextmanager
def by_hand(folder: Path, edit: Callable[..., object] | None = None, **options: Any) -> Iterator[Any]:
    """A client and a server, both registered, with a relay between them; and that."""
    with ExitStack() as stack:
        listener = stack.enter_context(fabric.listen(f"unix:{folder}/vios", identity=SERVER))
        between = stack.enter_context(Between(folder, edit, listener, **options))
        client = stack.enter_context(
            fabric.connect(between.here, timeout=PATIENCE, identity=CLIENT, window_size=1 << 20)
        )
        server = stack.enter_context(accepted(listener))
        assert not client.register()
        assert server.register()
        server.send(INIT)  # as who is second to open its queue does: nothing else tells of it
        until(lambda: INIT in client.poll())
        yield client, server, between


def polled(port: Any, count: int) -> list[bytes]:
    """So many elements."""
    found: list[bytes] = []
    until(lambda: found.extend(port.poll()) or len(found) >= count)
    return found


def command(address: int, size: int = 48) -> bytes:
    return bytes(crq.Element.srp(address, size))


def test_a_disk_behind_it(tmp_path: Path) -> None:
    """Who is on the other end each end sees; blocks are written and read; a recorder sees them pass."""
    ram = Ram(1 << 20)
    with (
        Server(f"unix:{tmp_path}/vios", LunMap([(256, Disk(ram))]), identity=SERVER) as server,
        Between(tmp_path, wrap=lambda number, port: Recorder(port, tmp_path / f"record{number}")) as between,
    ):
        with (
            fabric.connect(between.here, timeout=PATIENCE, identity=CLIENT) as port,
            Session(port) as session,
        ):
            assert port.partner == SERVER
            session.connect(PATIENCE)
            (disk,) = session.scan()
            disk.write(3, b"written!" * 64)
            assert disk.read(3)[:8] == b"written!"
            assert bytes(memoryview(ram.memory())[3 * 512 :][:8]) == b"written!"
            assert [each.port.partner for each in server.adapters()] == [CLIENT]
        until(lambda: not between.relay._joints)
        data = [record.data for record in read(tmp_path / "record1") if record.what == "data"]
        assert [one[:8] for one in data].count(b"written!") == 2


def test_a_server_that_closes_its_queue_or_goes(tmp_path: Path) -> None:
    """Its clients are told, and go on with the next one."""
    url = f"unix:{tmp_path}/vios"
    luns = LunMap([(256, Disk(Ram(1 << 20)))])
    with ExitStack() as stack:
        first = stack.enter_context(Server(url, luns))
        between = stack.enter_context(Between(tmp_path))
        port = stack.enter_context(fabric.connect(between.here, timeout=PATIENCE))
        session = stack.enter_context(Session(port))
        session.connect(PATIENCE)
        (disk,) = session.scan()
        first.disable()
        until(lambda: not port.connected)
        first.enable()
        session.connect(PATIENCE)
        assert disk.read(0) == bytes(512)
        first.stop()
        until(lambda: not port.connected)
        stack.enter_context(Server(url, luns))
        session.connect(PATIENCE)
        assert disk.read(0) == bytes(512)


def test_a_client_that_begins_anew(tmp_path: Path) -> None:
    with by_hand(tmp_path) as (client, server, _):
        client.free()
        until(lambda: any(one[:2] == b"\xff\x02" for one in server.poll()))
        client.register()
        client.send(INIT)
        until(lambda: INIT in server.poll())
        server.free()
        until(lambda: any(one[:2] == b"\xff\x02" for one in client.poll()))
        server.register()
        server.send(INIT)
        until(lambda: INIT in client.poll())


def test_a_server_that_begins_anew_while_nobody_looks(tmp_path: Path) -> None:
    """Its client sees both: that it closed its queue, and that it is there again."""
    looked, done = threading.Event(), threading.Event()

    def edit(direction: str, element: bytearray, iu: bytearray | None) -> None:
        if direction == "i2t":
            looked.set()
            done.wait(PATIENCE)

    with by_hand(tmp_path, edit) as (client, server, _):
        client.send(bytes(crq.Element.init_complete()))
        looked.wait(PATIENCE)
        server.free()
        server.register()
        server.send(INIT)
        done.set()
        found = polled(client, 2)
        assert [found[0][:2], *found[1:]] == [b"\xff\x02", INIT]


def test_late_twice_and_never(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What ``edit`` says; an answer is where its request was, no longer than that."""
    fates = {1: None, 2: [0, 0], 3: [], 4: [0.05], 5: None}
    seen = []

    def edit(direction: str, element: bytearray, iu: bytearray | None) -> object:
        if not iu:
            return None
        tag = int.from_bytes(iu[8:16], "big")
        seen.append((direction, tag, len(iu)))
        if direction == "t2i":
            iu[1] = 0xEE
            return None
        iu[16:24] = bytes(8)
        return fates[tag]

    caplog.set_level(logging.INFO, "pysrp.fabric.relay")
    with by_hand(tmp_path, edit) as (client, server, _):
        memory = client.allocate(PAGE_SIZE)
        with memoryview(memory) as view:
            for tag in fates:
                view[tag * 64 : tag * 64 + 48] = bytes(srp.Cmd.build(tag=tag, cdb=b"\xff" * 16))[:48]
                client.send(command(memory.address + tag * 64))
            got = [one for one in polled(server, 5) if one[0] == 0x80]
            at = [(int.from_bytes(one[8:], "big") - memory.address) // 64 for one in got]
            assert sorted(at) == [1, 2, 2, 4, 5]
            server.send(bytes(crq.Element.srp(5, 4096)))
            (answer,) = [one for one in polled(client, 1) if one[0] == 0x80]
            assert view[5 * 64 + 1] == 0xEE
        assert seen == [*(("i2t", tag, 48) for tag in fates), ("t2i", 5, 48)]
        assert answer == bytes(crq.Element.srp(5, 4096))
    said = "".join(caplog.messages)
    assert "client 1 i2t: VENDOR SPECIFIC (FFh), format 1, tag or address 0x10c0: dropped" in said
    assert "goes on 0 s, 0 s from now" in said
    assert "5 elements from it, 2 to it, 1 dropped, 1 late, 1 repeated" in said


def test_places_that_are_not_there(tmp_path: Path) -> None:
    """What is mapped and in one piece is shown; who alone allocates is the client."""
    seen = []
    with by_hand(
        tmp_path, lambda way, element, iu: seen.append(iu and len(iu)) if way == "i2t" else None
    ) as (
        client,
        server,
        between,
    ):
        memory = client.allocate(2 * PAGE_SIZE)
        end = memory.address + 2 * PAGE_SIZE
        client.send(command(end - 20))
        client.send(command(end))
        client.send(command(1 << 63, 0xFFFF))
        client.send(command(memory.address, 0))
        # The second page is elsewhere: it is not in one piece any more.
        client.hcall_put_tce(memory.address + PAGE_SIZE, memory.address | 3)
        client.send(command(memory.address + PAGE_SIZE - 16))
        until(lambda: len(seen) == 5)
        assert seen == [20, None, None, None, 16]
        (joint,) = between.relay._joints
        with pytest.raises(ConfigError):
            joint.port.allocate(1)


@pytest.mark.parametrize("returned", [7, "soon", [-1], [7200], ["x"], [float("nan")]])
def test_what_is_no_answer(tmp_path: Path, returned: object) -> None:
    with by_hand(tmp_path, lambda direction, element, iu: returned if direction == "i2t" else None) as (
        client,
        _,
        between,
    ):
        client.send(INIT)
        between.wait()
    assert isinstance(between.problem, ValueError)


def test_what_no_queue_takes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A header that may not be sent is refused, and said."""

    def edit(direction: str, element: bytearray, iu: bytearray | None) -> None:
        element[0] &= 0 if direction == "i2t" else 0xFF

    with by_hand(tmp_path, edit) as (client, _, _):
        client.send(INIT)
        until(lambda: "H_PARAMETER" in caplog.text)


def test_a_server_that_takes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What its queue has no room for waits, in its order; not for ever more of it."""
    caplog.set_level(logging.INFO, "pysrp.fabric.relay")
    count = relay.MOST + 1000

    def sent(number: int) -> bool:
        try:
            client.send(bytes([0x80, 7]) + number.to_bytes(14, "big"))
        except QueueFull:
            return False
        return True

    with by_hand(tmp_path) as (client, server, between):
        for number in range(count):
            until(partial(sent, number))
        (joint,) = between.relay._joints
        until(lambda: joint._counts["i2t"] >= count)
        found: list[int] = []

        def take() -> bool:
            found.extend(int.from_bytes(one[2:], "big") for one in server.poll() if one[1] == 7)
            return not joint._to_server._waiting and not server.available_now

        until(take)
        assert found == sorted(found)
        assert relay.MOST < len(found) < count
    assert f"{count - len(found)} overflowed" in caplog.text


def test_once_and_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "MAX_CLIENTS", 1)
    with fabric.listen(f"unix:{tmp_path}/vios") as listener, Between(tmp_path, listener=listener) as between:
        with fabric.connect(between.here, timeout=PATIENCE, identity=CLIENT):
            accepted(listener).close()
            second = fabric.connect(between.here, timeout=0, identity=CLIENT)
            second.poll()
            assert second.partner is None
        with second, accepted(listener):
            until(lambda: second.poll() or second.partner)
    with (
        fabric.listen(f"unix:{tmp_path}/vios") as listener,
        Between(tmp_path, listener=listener, once=True) as between,
    ):
        fabric.connect(between.here, timeout=PATIENCE, identity=CLIENT).close()
        between.wait()
    assert between.problem is None


def test_a_server_that_refuses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Why is said; the client waits for another one."""
    with fabric.listen(f"unix:{tmp_path}/vios") as listener, Between(tmp_path, listener=listener) as between:
        listener._max_window = 1 << 16  # type: ignore[attr-defined]
        with fabric.connect(between.here, timeout=PATIENCE, identity=CLIENT) as client:
            until(lambda: listener.accept(0.01) or "the limit is 65536" in caplog.text)
            assert not client.register()


def test_a_server_that_does_not_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One that is called has its time to answer; then it is said that it does not, once."""
    with fabric.listen(f"unix:{tmp_path}/vios") as listener, Between(tmp_path, listener=listener) as between:
        with fabric.connect(between.here, timeout=PATIENCE, identity=CLIENT):
            until(lambda: len(between.relay._joints) == 1)
            with accepted(listener):
                (joint,) = between.relay._joints
                until(lambda: joint.port.partner is not None)  # type: ignore[attr-defined]
        between.relay._grace = 0.01
        with fabric.connect(between.here, timeout=PATIENCE, identity=CLIENT):
            until(lambda: "does not answer" in caplog.text)
    assert caplog.messages == ["client 2: the server does not answer"]


def test_what_is_no_place(tmp_path: Path) -> None:
    url = f"unix:{tmp_path}/vios"
    for here, there in (("local:a", url), (url, "vio:30000003")):
        with pytest.raises(ConfigError, match="interposer"):
            Relay(here, there)
    with pytest.raises(TransportError, match="pysrp serve"):
        Relay(f"unix:{tmp_path}/mid", url, timeout=0.01)
    with fabric.listen(url) as listener:
        with probed(listener), pytest.raises(ConfigError, match="listens there already"):
            Relay(url, url)
