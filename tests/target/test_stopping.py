"""Stopping a server: by a signal handler wherever it comes, within one limit of time, and not before what is under way."""

from __future__ import annotations

import errno
import itertools
import logging
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from media_rig import LateMedium
from pysrp import fabric
from pysrp.backends import Ram
from pysrp.errors import ConfigError, SrpError
from pysrp.initiator.session import Session
from pysrp.scst import Tree, TreeError, device
from pysrp.scst.devices import UrlIo
from pysrp.target import flushing, serve
from pysrp.target.backend_medium import BackendMedium
from pysrp.target.disk import Disk
from pysrp.target.flushing import StillUnderWay, flush
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Loop, Medium, MediumChannel, MediumRequest, Operation
from pysrp.target.serve import Server
from pysrp.target.workers import Pool
from target_rig import MIB, SlowRam
from waiting import PATIENCE, until

_names = itertools.count()


@pytest.fixture
def url() -> str:
    return f"local:stopping{next(_names)}"


CALLS = {
    "renumber": lambda server: server.renumber(7),
    "renumber to any": lambda server: server.renumber(None),
    "adapters": Server.adapters,
    "enable": Server.enable,
    "disable": Server.disable,
}


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("line", range(12))
def test_a_handler_that_stops_at_any_line(url: str, call: Any, line: int) -> None:
    """As a signal handler does that comes between two lines of its own thread: nobody hangs, no number is kept."""
    server = Server(url, LunMap([(256, Disk(Ram(MIB)))]))
    with Session(url) as session:
        session.scan()
    left = line
    before = sys.gettrace()  # coverage.py's, which counts the tests that follow in this process

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename == serve.__file__ and event == "line":
            if left == 0:
                sys.settrace(before)
                server.stop(None)
            left -= 1
        return trace

    sys.settrace(trace)
    try:
        call(server)
    finally:
        sys.settrace(before)
    server.stop()
    assert not server.adapters()
    assert server not in serve._relative_ports


def test_an_adapter_that_is_just_being_made_is_told(url: str) -> None:
    class WhileMade(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.threadName == f"pysrp {url}":
                server.renumber(9)

    log = logging.getLogger("pysrp.target")
    between, level = WhileMade(), log.level
    log.addHandler(between)
    log.setLevel(logging.INFO)
    try:
        with Server(url, LunMap([(256, Disk(Ram(MIB)))])) as server, Session(url) as session:
            session.scan()
            (adapter,) = server.adapters()
            assert adapter.target.settings.relative_port == 9
    finally:
        log.removeHandler(between)
        log.setLevel(level)


def test_a_number_that_is_refused_is_not_noted(url: str) -> None:
    with Server(url, LunMap()) as server:
        number = server.settings.relative_port
        assert number is not None
        for bad in 0, 65536:
            with pytest.raises(ConfigError):
                server.renumber(bad)
        assert server.settings.relative_port == number
        with Server(url + "b", LunMap()) as other:
            assert other.settings.relative_port == number + 1


def test_a_server_without_a_thread_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    numbers = dict(serve._relative_ports)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            Server(url, LunMap())
    assert serve._relative_ports == numbers
    Server(url, LunMap()).stop()


def test_a_client_that_comes_while_the_server_stops(url: str) -> None:
    """Its adapter is made when nobody waits for that any more, and goes at once."""
    asked, go = threading.Event(), threading.Event()

    def luns(who: object) -> LunMap:
        asked.set()
        assert go.wait(PATIENCE)
        return LunMap()

    server = Server(url, luns)
    port = fabric.connect(url)
    assert asked.wait(PATIENCE)
    server.stop(0.01)
    assert not server.adapters()
    go.set()
    until(lambda: server._adapters and server._adapters[0].gone)
    port.close()


@pytest.fixture
def slow() -> Iterator[SlowRam]:
    slow = SlowRam(MIB)
    yield slow
    slow.gate.set()


def busy_with_a_write(url: str, slow: SlowRam) -> None:
    """A client that has gone, and its write is still under way."""
    with Session(url) as session:
        disk = session.scan()[0]
        disk.capacity()
        disk.submit_write(0, bytes(512))
        session.flush()
        until(lambda: session.poll() or slow.started.acquire(blocking=False))


def test_workers_of_a_medium_are_waited_for(url: str, slow: SlowRam) -> None:
    medium = BackendMedium(slow, Pool())
    disk = Disk(medium)
    with Server(url, LunMap([(256, disk)])) as server:
        busy_with_a_write(url, slow)
        until(lambda: not server.adapters())
        assert len(medium.stragglers) == 1
        assert not server.drain(disk, 0.01)
        slow.gate.set()
        assert server.drain(disk, PATIENCE)
        assert not medium.stragglers


def test_stopping_has_one_limit_of_time(
    url: str, slow: SlowRam, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """However many of its parts hang: the flush has what is left, and a hung disk leaves it a third."""
    hung = LateMedium(MIB)
    hung.go.clear()
    server = Server(url, LunMap([(256, Disk(slow)), (512, Disk(hung))]))
    busy_with_a_write(url, slow)
    limits: list[float] = []

    def noting(name: str, where: Any) -> None:
        plain = getattr(where, name)

        def noted(*arguments: Any, **more: Any) -> Any:
            limits.append(more.get("timeout", arguments[-1] if arguments else None))
            return plain(*arguments, **more)

        monkeypatch.setattr(where, name, noted)

    noting("end_of_stragglers", serve)
    noting("drain", server.pool)
    noting("flush", serve)
    server.stop(0.3)
    stragglers, drain, left = limits
    assert drain <= stragglers <= 0.2
    assert left <= 0.1 + 1e-6
    assert "still busy" in caplog.text
    assert "and goes on: what was written last may be lost" in caplog.text
    hung.go.set()
    hung.close()


def test_what_flushing_leaves_goes_on() -> None:
    late, good = LateMedium(MIB), LateMedium(MIB)
    late.go.clear()
    found = flush([late, good, Ram(MIB)], None, 0.01)
    assert isinstance(found.pop(late), StillUnderWay)
    assert list(found.values())[1:] == [None]
    late.go.set()
    late.close()
    good.close()


@pytest.fixture
def left(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Tree, LateMedium]]:
    """A tree whose server has stopped, and told that the flush of its disk goes on."""
    medium, luns = LateMedium(MIB), LunMap()
    monkeypatch.setattr(UrlIo, "open", lambda self: medium)
    with Tree() as tree, Server(url, luns, enabled=False) as server:
        name = tree.add_target(server, luns)
        tree.write("handlers/vdisk_url/mgmt", "add_device late url=late:")
        tree.write(f"targets/ibmvstgt/{name}/luns/mgmt", "add late 256")
        tree.write(f"targets/ibmvstgt/{name}/enabled", "1")
        with Session(url) as session:
            assert len(session.scan()) == 1
        medium.go.clear()
        server.stop(0.03)
        try:
            yield tree, medium
        finally:
            medium.go.set()


def test_what_a_server_has_waited_for_in_vain_is_not_waited_for_again(
    left: tuple[Tree, LateMedium], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that serves ends when it has told what was not written."""
    tree, medium = left
    assert flushing.goes_on(medium)
    asked = []
    monkeypatch.setattr(device, "flush", lambda media, *rest: asked.append(media) or dict.fromkeys(media))
    with pytest.raises(TreeError, match="it has been waited for, and goes on") as caught:
        tree.close()
    assert caught.value.errno == errno.EAGAIN
    assert not any(asked)


def test_what_has_ended_since_is_flushed_when_it_is_closed(left: tuple[Tree, LateMedium]) -> None:
    tree, medium = left
    medium.go.set()
    until(lambda: not flushing.goes_on(medium))
    before = len(medium.asked)
    tree.close()
    assert [operation for operation, *_ in medium.asked[before:]] == [Operation.FLUSH]


def test_who_leaves_a_loop_leaves_its_calls_to_others() -> None:
    loop = flushing.WaitingLoop()
    called: list[int] = []
    loop.post(lambda: called.append(1))
    assert called == []
    loop.leave()
    assert called == [1]
    loop.post(lambda: called.append(2))
    assert called == [1, 2]


class Awkward(Medium, MediumChannel):
    """Its ``raises`` is what each request meets, and what its trouble is."""

    size = MIB

    def __init__(self, raises: BaseException) -> None:
        super().__init__()
        self.raises = raises

    def channel(self, loop: Loop) -> MediumChannel:
        return self

    def submit(self, request: MediumRequest, /) -> None:
        raise self.raises

    def trouble(self) -> str:
        raise self.raises


def test_a_medium_that_cannot_tell_its_trouble(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """The server has stopped all the same, and given its number back."""
    medium = Awkward(ZeroDivisionError("no trouble"))
    server = Server(url, LunMap([(256, Disk(medium, "awkward"))]))
    with Session(url) as session:
        session.scan()
    server.stop()
    assert server not in serve._relative_ports
    assert "flushing <Disk awkward>: no trouble" in caplog.text


def test_a_medium_that_ends_its_thread_is_told_of(url: str, caplog: pytest.LogCaptureFixture) -> None:
    medium = Awkward(SystemExit(3))
    with Server(url, LunMap([(256, Disk(medium, "awkward")), (512, Disk(Ram(MIB)))])):
        with Session(url) as session:
            disk = session.scan()[0]
            with pytest.raises(SrpError):
                disk.read(0, 1)
            until(lambda: "the adapter's engine failed" in caplog.text)
        medium.raises = OSError(errno.EIO, "as it happens")
        with Session(url) as session:
            assert len(session.scan()) == 2
