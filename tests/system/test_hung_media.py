"""A medium that hangs, and all that has to go on: a test for each cell of docs/hung-media.md."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from media_rig import LateMedium
from pysrp.backends import Ram
from pysrp.errors import SrpError
from pysrp.initiator.session import Device, Session
from pysrp.media.faulty import Faulty, Waiting
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.link import Later
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Loop, MediumRequest
from pysrp.target.serve import Server
from waiting import PATIENCE, until

MIB = 1 << 20
LATER = b"\xbb"
DOCUMENT = Path(__file__).parents[2] / "docs" / "hung-media.md"


class Hung(Ram):
    """A disk that does nothing before it is let go."""

    blocking = True

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.go = threading.Event()
        self.busy = threading.Semaphore(0)

    def _wait(self) -> None:
        self.busy.release()
        self.go.wait()

    def read_into(self, offset: int, view: memoryview) -> None:
        self._wait()
        super().read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        self._wait()
        super().write_from(offset, view)

    def flush(self) -> None:
        self._wait()


class HungMedium(LateMedium):
    """Likewise, one that finishes its requests later."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.go.clear()
        self.busy = threading.Semaphore(0)

    def submit(self, loop: Loop, request: MediumRequest) -> Later | None:
        later = super().submit(loop, request)
        self.busy.release()
        return later


class Released(threading.Event):
    """Set when no rule lets anything hang any more."""

    def __init__(self, medium: Faulty) -> None:
        super().__init__()
        self._medium = medium

    def set(self) -> None:
        super().set()
        self._medium.clear()


class HungFault(Faulty):
    """Likewise, one that is well, but for a rule."""

    def __init__(self, size: int) -> None:
        super().__init__(Ram(size), ["hang"])
        self.go = Released(self)
        self.busy = threading.Semaphore(0)

    def wait(self, waiting: Waiting) -> None:
        super().wait(waiting)
        self.busy.release()


Kind = type[Hung] | type[HungMedium] | type[HungFault]


class Scene:
    """A server with a hung disk and a good one, and a client that has a command at the first."""

    def __init__(self, url: str, command: str, kind: Kind) -> None:
        self.medium = kind(MIB)
        self.disk = Disk(self.medium, "hung")
        self.luns = LunMap([(256, self.disk), (512, Disk(Ram(MIB), "good"))])
        self.server = Server(url, self.luns)
        self.session = Session(url)
        self.session.connect()
        self.hung, self.good = self.session.scan(channels=[0], ids=[1, 2])
        for device in self.hung, self.good:
            device.capacity()
        self.command = self.submit(command)
        self.wait_for_the_medium()

    def submit(self, command: str) -> Any:
        if command == "read":
            return self.hung.submit_read(0, 8)
        if command == "write":
            return self.hung.submit_write(0, b"\xaa" * 4096)
        return self.session.submit(self.hung.lun, bytes.fromhex("35000000000000000000"))

    def wait_for_the_medium(self) -> None:
        def begun() -> bool:
            self.session.poll()
            return self.medium.busy.acquire(blocking=False)

        until(begun)

    def let_go(self) -> None:
        self.medium.go.set()
        assert self.server.drain(self.disk, PATIENCE)

    def close(self) -> None:
        self.medium.go.set()
        self.session.close()
        self.server.stop()
        self.medium.close()


@pytest.fixture(params=["local", "unix"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"local:hung-{os.getpid()}" if request.param == "local" else f"unix:{tmp_path}/v"


@pytest.fixture(params=[Hung, HungMedium, HungFault], ids=["backend", "medium", "fault"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture(params=["read", "write", "flush"])
def scene(request: pytest.FixtureRequest, url: str, kind: Kind) -> Iterator[Scene]:
    scene = Scene(url, request.param, kind)
    yield scene
    scene.close()


def works(device: Device) -> None:
    """It does what it has to."""
    data = os.urandom(8192)
    device.write(16, data)
    assert device.read(16, 16) == data


def nothing_comes_later(scene: Scene) -> None:
    """The memory of the command is not touched when the medium goes on."""
    memory = scene.session.port.allocate(4096)  # type: ignore[attr-defined]
    view = memoryview(memory)
    view[:4096] = LATER * 4096
    scene.let_go()
    scene.good.read(0, 1)
    assert bytes(view[:4096]) == LATER * 4096
    view.release()


@pytest.mark.parametrize(
    "function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.CLEAR_TASK_SET, TskMgmtFunc.LUN_RESET],
    ids=lambda function: function.name,
)  # fmt: skip
def test_task_management_is_answered(scene: Scene, function: TskMgmtFunc) -> None:
    session = scene.session
    if function is TskMgmtFunc.ABORT_TASK:
        session.abort(scene.command)
    else:
        session.task_management(function, scene.hung.lun)
    assert not scene.medium.go.is_set()
    with pytest.raises(SrpError):
        scene.command.outcome()
    nothing_comes_later(scene)
    until(lambda: _ready(scene.hung))
    works(scene.hung)


def _ready(device: Device) -> bool:
    try:
        device.test_unit_ready()
    except SrpError:
        return False
    return True


def test_other_units_go_on(scene: Scene) -> None:
    for _ in range(50):
        works(scene.good)
    assert not scene.medium.go.is_set()
    assert not scene.command.done


def test_what_needs_no_medium_is_answered(scene: Scene) -> None:
    assert scene.hung.inquiry().vendor == "IBM"
    scene.hung.test_unit_ready()
    assert scene.hung.capacity().blocks == MIB // 512


def test_another_client_goes_on(scene: Scene) -> None:
    with Session(scene.server.url) as other:
        _, good = other.scan(channels=[0], ids=[1, 2])
        works(good)


def test_a_client_that_closes_is_gone(scene: Scene) -> None:
    scene.session.close()
    until(lambda: not scene.server.adapters())
    assert not scene.medium.go.is_set()
    with Session(scene.server.url) as other:
        _, good = other.scan(channels=[0], ids=[1, 2])
        works(good)


def test_a_client_that_resets_the_connection_goes_on(scene: Scene) -> None:
    scene.session.host_reset()
    works(scene.good)
    assert not scene.medium.go.is_set()
    nothing_comes_later(scene)


def test_the_unit_is_removed(scene: Scene) -> None:
    """At once from the map; who waits for its commands waits as long as it wants to."""
    scene.luns.remove(256)
    assert not scene.server.drain(scene.disk, 0.05)
    until(lambda: _ready(scene.good))
    works(scene.good)
    scene.medium.go.set()
    assert scene.server.drain(scene.disk, PATIENCE)


def test_the_unit_is_replaced(scene: Scene) -> None:
    scene.luns.replace(256, Disk(Ram(MIB), "new"))
    until(lambda: _ready(scene.good))
    works(scene.good)
    assert not scene.medium.go.is_set()


def test_a_server_that_is_stopped(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """It waits as long as it was told, of which a third is for the flush; then it says so."""
    with caplog.at_level(logging.ERROR):
        scene.server.stop(0.2)
    assert not scene.medium.go.is_set()
    assert "a backend is still busy" in caplog.text
    assert "flushing <Disk hung>: it takes longer" in caplog.text
    assert not scene.server.adapters()


def test_sigterm_ends_a_server(tmp_path: Path, kind: Kind) -> None:
    """A whole process, whose medium never comes back: gone within its limits."""
    program = textwrap.dedent(
        f"""
        import signal, sys, threading
        sys.path.insert(0, {str(Path(__file__).parent)!r}); sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from test_hung_media import {kind.__name__}, MIB
        from pysrp.target import Disk, LunMap, Server
        medium = {kind.__name__}(MIB)
        server = Server("unix:{tmp_path}/v", LunMap([(256, Disk(medium, "hung"))]))
        signal.signal(signal.SIGTERM, lambda *_: server.interrupt())
        print("serving", flush=True)
        server.wait()
        server.stop(0.2)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "serving\n"
        with Session(f"unix:{tmp_path}/v") as session:
            (hung,) = session.scan(channels=[0], ids=[1])
            hung.capacity()
            pending = hung.submit_write(0, bytes(512))
            session.poll()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
            with pytest.raises(SrpError):
                session.gather([pending])


def test_every_cell_of_the_document_has_its_test() -> None:
    named = re.findall(r"`(test_\w+)`", DOCUMENT.read_text())
    assert len(named) >= 10
    for name in named:
        assert name in globals() or any(
            name in path.read_text() for path in Path(__file__).parents[1].rglob("test_*.py")
        ), name
