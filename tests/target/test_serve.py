"""The server: threads, several clients, going away, stopping."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from pysrp import crq, fabric, srp
from pysrp.backends import File, Ram
from pysrp.errors import ConfigError
from pysrp.initiator.session import Session
from pysrp.scsi import inquiry
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.target.unit import LogicalUnit
from pysrp.vscsi.server import Settings
from pysrp.vscsi.server_states import State
from target_rig import MIB, Client, SlowRam
from waiting import PATIENCE, until

names = itertools.count()


@pytest.fixture(params=["local", "unix"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"local:serve{next(names)}" if request.param == "local" else f"unix:{tmp_path}/vscsi"


class Remote(Client):
    """A client whose target lives in a thread of its own."""

    def __init__(self, url: str) -> None:
        super().__init__(fabric.connect(url, window_size=32 * MIB))  # type: ignore[arg-type]
        self.elements: list[bytes] = []

    def until(self, found: Callable[[], Any]) -> None:
        while not found():
            assert self.port.wait(PATIENCE), "nothing comes"
            self.answers.extend(self.port.poll())

    def until_answered(self, tag: int) -> Any:
        self.until(lambda: any(raw[8:] == tag.to_bytes(8, "big") for raw in self.answers))
        return self.answer(tag)

    def greet(self) -> None:
        """INIT both ways, whoever was first."""
        if self.port.register():
            self.element(crq.Element.init())
        while True:
            self.until(lambda: self.answers)
            raw = self.answers.popleft()
            if raw[:2] == b"\xc0\x02":
                return
            if raw[:2] == b"\xc0\x01":
                self.element(crq.Element.init_complete())
                if not any(each[:2] == b"\xc0\x02" for each in self.answers):
                    return

    def enter(self) -> None:
        self.greet()
        answer = self.until_answered(self.login())
        assert isinstance(answer, srp.LoginRsp)

    def do(self, tag: int) -> Any:
        """The answer of a command, after the unit attentions that come first."""
        return self.until_answered(tag)

    def ready(self, lun: int) -> None:
        for _ in range(5):
            if not self.do(self.cmd(lun, "00")).status:
                return
        raise AssertionError("not ready")

    def close(self) -> None:
        self.view.release()
        self.port.close()


@pytest.fixture
def clients(url: str) -> Iterator[Callable[[], Remote]]:
    made: list[Remote] = []

    def make() -> Remote:
        made.append(Remote(url))
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_serves(url: str, clients: Callable[[], Remote]) -> None:
    disk = Disk(Ram(4 * MIB))
    with Server(url, LunMap([(256, disk)])) as server:
        client = clients()
        client.enter()
        client.ready(256)
        assert client.do(client.write(256, 7, b"served" * 256)).status == 0
        assert client.do(client.read(256, 7, 3, offset=8192)).status == 0
        assert client.peek(1536, 8192) == b"served" * 256
        (adapter,) = server.adapters()
        assert adapter.target.state is State.SRP_PROCESSING
        assert not server.wait(0)
    assert server.wait(0)
    client.until(lambda: any(raw[0] == 0xFF for raw in client.answers))


def test_several_clients_see_each_others_writes_only_on_shared_disks(
    url: str, clients: Callable[[], Remote]
) -> None:
    shared, own = Disk(Ram(MIB), name="shared"), itertools.count()

    def luns(who: fabric.Identity | None) -> LunMap:
        assert who is not None
        return LunMap([(256, shared), (512, Disk(Ram(MIB), name=f"own{next(own)}"))])

    with Server(url, luns) as server:
        first, second = clients(), clients()
        for client in (first, second):
            client.enter()
            client.ready(256)
            client.ready(512)
        assert len(server.adapters()) == 2
        for lun in (256, 512):
            assert first.do(first.write(lun, 0, b"1" * 512)).status == 0
        for lun, expected in ((256, b"1"), (512, b"\0")):
            assert second.do(second.read(lun, 0, 1)).status == 0
            assert second.peek(512) == expected * 512


def test_client_goes_and_another_comes(url: str, clients: Callable[[], Remote]) -> None:
    disk = Disk(Ram(MIB))
    with Server(url, LunMap([(256, disk)])) as server:
        for turn in range(5):
            client = clients()
            client.enter()
            client.ready(256)
            assert client.do(client.write(256, turn, bytes([turn]) * 512)).status == 0
            for _ in range(20):
                client.read(256, 0, 8)
            client.close()
        client = clients()
        client.enter()
        client.ready(256)
        assert client.do(client.read(256, 0, 5)).status == 0
        assert client.peek(2560) == b"".join(bytes([turn]) * 512 for turn in range(5))
        until(lambda: len(server.adapters()) == 1)
        assert len(disk.nexuses()) == 1


def test_disable_and_enable(url: str, clients: Callable[[], Remote]) -> None:
    with Server(url, LunMap([(256, Disk(Ram(MIB)))]), enabled=False) as server:
        client = clients()
        assert not client.port.register()
        server.enable()
        client.until(lambda: client.answers)
        assert client.answers.popleft()[:2] == b"\xc0\x01"
        client.element(crq.Element.init_complete())
        assert isinstance(client.until_answered(client.login()), srp.LoginRsp)
        server.disable()
        client.until(lambda: client.answers)
        assert client.answers.popleft()[:2] == b"\xff\x02"
        server.enable()
        client.until(lambda: client.answers)
        assert client.answers.popleft()[:2] == b"\xc0\x01"
        client.element(crq.Element.init_complete())
        assert isinstance(client.until_answered(client.login()), srp.LoginRsp)


def test_the_only_adapter_is_gone(
    url: str, clients: Callable[[], Remote], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On POWER there is one: whoever waits for the server hears that nobody can come any more."""
    with Server(url, LunMap([(256, Disk(Ram(MIB)))])) as server:
        listener = type(server._listener)
        client = clients()
        client.enter()
        assert not server.wait(0.05)
        monkeypatch.setattr(listener, "ended", True)
        client.port.close()
        assert server.wait(PATIENCE)
        assert server.ended


def test_a_port_that_cannot_be_wrapped_is_closed(
    url: str, clients: Callable[[], Remote], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(port: fabric.Port) -> fabric.Port:
        ports.append(port)
        raise OSError("no room")

    ports: list[fabric.Port] = []
    with Server(url, LunMap(), wrap=refuse) as server:
        client = clients()
        until(lambda: ports and ports[0].ended)
        client.port.close()
        until(lambda: "turned away: no room" in caplog.text)
        assert server.adapters() == []


def test_interrupt(url: str) -> None:
    with Server(url, LunMap()) as server:
        server.interrupt()
        assert server.wait(0)
        assert not server.ended


def test_stop_flushes(url: str, clients: Callable[[], Remote], tmp_path: Path) -> None:
    flushed: list[int] = []

    class Watched(File):
        def flush(self) -> None:
            flushed.append(1)
            super().flush()

    with Watched(tmp_path / "disk", MIB) as backend:
        server = Server(url, LunMap([(256, Disk(backend))]))
        client = clients()
        client.enter()
        client.ready(256)
        assert client.do(client.write(256, 1, b"kept" * 128)).status == 0
        assert not flushed
        server.stop()
        server.stop()
        assert flushed
        assert not server.adapters()
    assert (tmp_path / "disk").read_bytes()[512:1024] == b"kept" * 128


def test_stop_in_the_middle_of_stop(url: str, clients: Callable[[], Remote]) -> None:
    """As a signal handler calls it, that interrupts the thread which is stopping."""
    calls: list[int] = []

    class Interrupted(Ram):
        def flush(self) -> None:
            calls.append(1)
            server.stop()
            assert server.wait(0)

    server = Server(url, LunMap([(256, Disk(Interrupted(MIB)))]))
    clients().enter()
    server.stop()
    server.stop()
    assert calls == [1]


def test_stop_with_commands_under_way(url: str, clients: Callable[[], Remote]) -> None:
    slow = SlowRam(MIB)
    server = Server(url, LunMap([(256, Disk(slow))]))
    client = clients()
    client.enter()
    client.ready(256)
    client.write(256, 0, b"late" * 128)
    assert slow.started.acquire(timeout=PATIENCE)
    server.stop(timeout=0.1)  # the disk hangs: told in the log, and not waited for
    slow.gate.set()
    assert server.pool.drain(timeout=PATIENCE)


def test_a_thread_that_is_late_when_it_stops_is_told_of(
    url: str, clients: Callable[[], Remote], caplog: pytest.LogCaptureFixture
) -> None:
    """It has not come to withdraw what its clients wait for: nobody knows yet what is busy with it."""
    begun, go = Event(), Event()

    class Slow(Disk):
        def execute(self, task: Any) -> Any:
            if task.cdb[0] == 0x25:
                begun.set()
                go.wait()
            return super().execute(task)

    with Server(url, LunMap([(256, Slow(Ram(MIB)))])) as server:
        client = clients()
        client.enter()
        client.ready(256)
        client.cmd(256, "25" + "00" * 9)
        begun.wait()
        server.stop(0)
        go.set()
    assert "a backend is still busy" in caplog.text


def test_drain(url: str, clients: Callable[[], Remote]) -> None:
    slow = SlowRam(MIB)
    disk = Disk(slow)
    luns = LunMap([(256, disk)])
    with Server(url, luns) as server:
        client = clients()
        client.enter()
        client.ready(256)
        tag = client.read(256, 0, 1)
        assert slow.started.acquire(timeout=PATIENCE)
        luns.remove(256)
        assert not server.drain(disk, 0.01)
        assert server.drain(LogicalUnit("without a medium"), PATIENCE), "it waits for nobody's"
        slow.gate.set()
        assert server.drain(disk, 20)
        assert client.do(tag).status == 0


def test_a_name_in_use(url: str) -> None:
    with Server(url, LunMap()), pytest.raises(ConfigError):
        Server(url, LunMap())


# Who the disks are


def identification(url: str) -> list[bytes]:
    """The serial number and designators of every disk, as an initiator sees them."""
    with Session(url) as session:
        disks = session.scan()
        return [bytes(disk.inquiry(page)) for disk in disks for page in (0x80, 0x83)]


def test_disks_of_one_name_on_two_servers_are_two_disks(tmp_path: Path) -> None:
    """And stay the ones they are when their server starts again, from whatever folder."""

    def serve(name: str) -> list[bytes]:
        luns = LunMap([(256, Disk(Ram(MIB), "ram000")), (512, Disk(Ram(MIB))), (768, Disk(Ram(MIB)))])
        with Server(f"unix:{tmp_path}/{name}", luns):
            return identification(f"unix:{tmp_path}/{name}")

    here, there, again = serve("here"), serve("there"), serve("here")
    assert len({*here, *there}) == 12
    assert again == here


def test_one_disk_on_two_servers_is_one_disk(tmp_path: Path) -> None:
    """What names the unit is the same; what names the target port is not."""
    luns = LunMap([(256, Disk(Ram(MIB), "ram000"))])
    with Server(f"unix:{tmp_path}/a", luns), Server(f"unix:{tmp_path}/b", LunMap([(0, luns[256].unit)])):
        here, there = identification(f"unix:{tmp_path}/a"), identification(f"unix:{tmp_path}/b")
    port = bytes.fromhex("01140004 0000 0001")
    assert here[1].count(port) == 1
    assert here[0] == there[0]
    assert here[1].replace(port, port[:-1] + b"\2") == there[1]


def test_relative_target_ports(tmp_path: Path) -> None:
    """The lowest that is free in the process, or what was said; another one is for the next login."""

    def seen(url: str) -> int:
        with Session(url) as session:
            page = inquiry.DeviceIdentification(session.scan()[0].inquiry(0x83))
            return int(page.designators[1].relative_target_port_identifier)

    luns = LunMap([(256, Disk(Ram(MIB), "ram000"))])
    one, two = f"unix:{tmp_path}/a", f"unix:{tmp_path}/b"
    with Server(one, luns), Server(two, luns, Settings(relative_port=77)) as server:
        assert (seen(one), seen(two)) == (1, 77)
        server.renumber(5)
        assert seen(two) == 5
        server.renumber(2)
        with Server(f"{two}2", luns):
            assert seen(f"{two}2") == 3
    with Server(two, luns) as server:
        assert seen(two) == 1
        server.renumber(None)
        assert seen(two) == 2
    for bad in 0, 65536, -1:
        with pytest.raises(ConfigError):
            Settings(relative_port=bad)


def test_two_target_ports_have_two_numbers(tmp_path: Path) -> None:
    """Of those that are enabled, for else one could not tell whose registration is whose."""
    one, two = f"unix:{tmp_path}/a", f"unix:{tmp_path}/b"
    with Server(one, LunMap(), Settings(relative_port=7)) as first:
        taken = "identifier 7 is that of unix:.*/a: renumber"
        with pytest.raises(ConfigError, match=taken):
            Server(two, LunMap(), Settings(relative_port=7))
        with Server(two, LunMap(), Settings(relative_port=7), enabled=False) as second:
            with pytest.raises(ConfigError, match=taken):
                second.enable()
            assert not second.enabled
            first.disable()
            second.enable()
            with pytest.raises(ConfigError, match="is that of unix:.*/b"):
                first.enable()
            first.renumber(8)
            first.enable()
            with pytest.raises(ConfigError, match=taken.replace("/a", "/b")):
                first.renumber(7)
            assert first.settings.relative_port == 8
    with Server(two, LunMap(), Settings(relative_port=7)):
        pass


def test_a_relative_path_is_the_same_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for url in f"unix:{tmp_path}/s", "unix:s":
        monkeypatch.chdir(tmp_path)
        with Server(url, LunMap()) as server:
            names.append(server.name)
    assert names[0] == names[1]
