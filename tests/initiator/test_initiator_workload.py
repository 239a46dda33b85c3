"""Workloads in C: the same as command by command, and whatever comes between."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from captured_server import CapturedServer
from pysrp import srp
from pysrp.backends import Ram
from pysrp.crq import Element, TransportEvent
from pysrp.errors import CheckCondition, PartnerGone, ProtocolError, SrpError, TransportError
from pysrp.fabric import ReturnCode, connect
from pysrp.fabric.local import LocalPort, pair
from pysrp.initiator.requests import TimedOut
from pysrp.initiator.session import READ, WRITE, Capacity, Device, Session
from pysrp.initiator.workload import NO_ANSWER
from pysrp.lun import Hctl, Lun
from pysrp.scsi.inquiry import Inquiry
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from waiting import PATIENCE

SIZE = 4 << 20
_names = itertools.count()


class Plain:
    """A port that C code does not know."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def native_client(self) -> None:
        """None."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


@pytest.fixture(params=["local", "unix"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"local:workload{next(_names)}" if request.param == "local" else f"unix:{tmp_path}/s"


@pytest.fixture(params=[3, 128], ids=["3 credits", "128 credits"])
def server(request: pytest.FixtureRequest, url: str) -> Iterator[Server]:
    with Server(url, LunMap([(256, Disk(Ram(SIZE), "a"))]), Settings(request_limit=request.param)) as server:
        yield server


@pytest.fixture(params=["in C", "in Python"])
def session(request: pytest.FixtureRequest, server: Server) -> Iterator[Session]:
    port = connect(server.url, window_size=64 << 20)
    with port, Session(port if request.param == "in C" else Plain(port)) as session:  # type: ignore[arg-type]
        yield session
        assert session.engine.srp.debits == 0
        assert session.engine.srp.credits == server.settings.request_limit
        assert len(session.engine.srp._free) == 104


def disk_of(session: Session) -> Device:
    """The only disk."""
    return session.scan(channels=[0], ids=[1])[0]


def test_what_is_said_of_a_workload(session: Session) -> None:
    """What it comes to, not a million values; a command that failed by the name it was sent under."""
    disk = disk_of(session)
    work = disk.run(READ, [0, SIZE, 1 << 40], 1)
    assert repr(work) == f"<Workload: 3 commands, 2 errors, {work.seconds:.6f} s>"
    assert [str(work.errors[item]).partition(":")[0] for item in (1, 2)] == ["READ(10)", "READ(16)"]


def test_a_depth_that_is_none(session: Session) -> None:
    """It is refused before anything is sent."""
    disk = disk_of(session)
    for depth in 0, -1:
        with pytest.raises(ValueError, match=f"depth {depth}: so many commands at a time, at least 1"):
            disk.run(READ, [0], 1, depth=depth)
    for wrong in 1.5, "x":
        with pytest.raises(TypeError):
            disk.run(READ, [0], 1, depth=wrong)  # type: ignore[arg-type]
    assert not disk.run(READ, [0, 1], 1, depth=1).errors
    assert session.engine.logins == 1


def test_against_a_model(session: Session) -> None:
    rng = random.Random(5)
    disk = disk_of(session)
    model = bytearray(SIZE)
    for depth in 1, 5, 40, 1000:
        # Within one workload no two commands overlap: their order is not said.
        starts = rng.sample(range(0, SIZE // 512, 32), 60)
        blocks = [rng.randrange(33) for _ in starts]
        ops = bytes(rng.randrange(2) for _ in starts)
        data = bytearray(rng.randbytes(sum(blocks) * 512))
        expected = bytearray()
        at = 0
        for op, lba, count in zip(ops, starts, blocks, strict=True):
            part = data[at : at + count * 512]
            if op == WRITE:
                model[lba * 512 : (lba + count) * 512] = part
                expected += part
            else:
                expected += model[lba * 512 : (lba + count) * 512]
            at += count * 512
        work = disk.run(ops, starts, blocks, depth=depth, data=data)
        assert work.errors == {}
        assert set(work.status) == {0}
        assert min(work.latency) > 0
        assert work.seconds > 0
        assert data == expected
    assert disk.read(0, SIZE // 512) == model


def test_large_commands(session: Session) -> None:
    disk = disk_of(session)
    data = os.urandom(SIZE)
    assert disk.run(WRITE, range(0, SIZE // 512, 2048), 2048, data=data, fua=True).errors == {}
    back = bytearray(SIZE)
    assert disk.run(READ, range(0, SIZE // 512, 4096), 4096, data=back).errors == {}
    assert back == data


def test_without_data(session: Session) -> None:
    disk = disk_of(session)
    assert disk.run(READ, range(100), 1).errors == {}
    assert disk.run(READ, [], 1).errors == {}
    assert list(disk.run(READ, [0], 0).status) == [0]


def test_what_is_over_is_let_go(session: Session) -> None:
    disk = disk_of(session)
    disk.capacity()
    count, blocks = 400, 128
    tracemalloc.start()
    try:
        assert disk.run(READ, [0] * count, blocks, depth=8).errors == {}
        assert tracemalloc.get_traced_memory()[1] < count * blocks * 512 // 4
    finally:
        tracemalloc.stop()


def test_errors_are_told_by_number(session: Session) -> None:
    disk = disk_of(session)
    disk.reset()
    end = SIZE // 512
    work = disk.run(READ, [0, end, 1, 1 << 40, 2], 1, depth=2)
    assert sorted(work.errors) == [1, 3]
    assert list(work.status) == [0, 2, 0, 2, 0], "the unit attention was retried"
    assert all(isinstance(error, CheckCondition) for error in work.errors.values())
    disk.reset()
    work = disk.run(READ, [0, 1, 2], 1, depth=1, retry=False)
    assert list(work.status) == [2, 0, 0]
    assert "UNIT ATTENTION" in str(work.errors[0])


def test_what_is_refused(session: Session) -> None:
    disk = disk_of(session)
    disk.capacity()
    for arguments, message in (
        ((READ, [0, 1], [1]), "columns"),
        ((b"\0", [0, 1], 1), "columns"),
        ((READ, [0], 1 << 20), "one can move"),
    ):
        with pytest.raises(ValueError, match=message):
            disk.run(*arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="511 bytes for 512"):
        disk.run(READ, [0], 1, data=bytearray(511))
    assert disk.run(READ, [0], 1).errors == {}


def test_reads_need_room_that_can_be_written(session: Session) -> None:
    disk = disk_of(session)
    with pytest.raises(TypeError, match="read-only"):
        disk.run(bytes((WRITE, READ)), [0, 1], 1, data=bytes(1024))
    assert disk.run(WRITE, [0], 1, data=bytes(512)).errors == {}


def test_nothing_else_may_be_under_way(url: str) -> None:
    with Server(url, LunMap([(256, Disk(Ram(SIZE), "a"))])) as server, Session(server.url) as session:
        disk = disk_of(session)
        disk.capacity()
        pending = disk.submit_read(0)
        with pytest.raises(ValueError, match="under way"):
            disk.run(READ, [0], 1)
        pending.result()
        assert disk.run(READ, [0], 1).errors == {}


# What comes between.


class Gate(Ram):
    """Reads of the second half pass only while the gate is open."""

    blocking = True

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.opened = threading.Event()
        self.entered = threading.Event()

    def read_into(self, offset: int, view: memoryview) -> None:
        if offset >= self.size // 2:
            self.entered.set()
            self.opened.wait(PATIENCE)
        super().read_into(offset, view)


@pytest.mark.parametrize("replay", [True, False])
def test_the_server_is_replaced_in_the_middle(tmp_path: Path, replay: bool) -> None:
    url = f"unix:{tmp_path}/s"
    gate = Gate(SIZE)
    content = os.urandom(SIZE)
    gate.write_from(0, memoryview(content))
    first = Server(url, LunMap([(256, Disk(gate, "a"))]))
    with Session(url, window_size=64 << 20, replay=replay) as session:
        disk = disk_of(session)
        disk.capacity()
        second: list[Server] = []

        def replace() -> None:
            gate.entered.wait(PATIENCE)
            first.disable()
            gate.opened.set()
            first.stop()
            second.append(Server(url, LunMap([(256, Disk(gate, "a"))])))

        thread = threading.Thread(target=replace)
        thread.start()
        order = random.Random(7).sample(range(0, SIZE // 512, 8), SIZE // 4096)
        data = bytearray(SIZE)
        try:
            if replay:
                assert disk.run(READ, order, 8, data=data, depth=16).errors == {}
                for at, lba in enumerate(order):
                    assert data[at * 4096 : at * 4096 + 4096] == content[lba * 512 : lba * 512 + 4096]
            else:
                with pytest.raises(PartnerGone, match="were not answered"):
                    disk.run(READ, order, 8, data=data, depth=16)
                session.wait_connected()
            assert disk.read(0, 8) == content[:4096]
        finally:
            thread.join()
            gate.opened.set()
            for server in second:
                server.stop()


def test_no_answer_in_time(url: str) -> None:
    gate = Gate(SIZE)
    with Server(url, LunMap([(256, Disk(gate, "a"))])) as server, Session(server.url) as session:
        disk = disk_of(session)
        disk.capacity()
        with pytest.raises(TimedOut):
            disk.run(READ, [0, SIZE // 512 - 1], 1, timeout=0.01)
        gate.opened.set()
        session.wait_connected()
        assert session.engine.logins == 2
        assert disk.run(READ, [0, SIZE // 512 - 1], 1).errors == {}


class Script(CapturedServer):
    """Answers commands as a list of functions says, then well."""

    script: list[Any]

    def take(self, element: bytes) -> None:
        if element[0] == 0x80 and element[1] == 1 and self.script:
            address = int.from_bytes(element[8:], "big")
            self.port.copy_in(address, self.memory, 0, 256)
            iu = bytes(self.view[:256])
            if iu[0] == srp.Opcode.CMD:
                tag = int.from_bytes(iu[8:16], "big")
                answer, head = self.script.pop(0)(self, tag)
                self.put(address, answer)
                self.port.send((head or b"\x80\x01\0\0\0\0" + len(answer).to_bytes(2, "big")) + iu[8:16])
                return
        super().take(element)

    def reply(self, form: int, iu: bytes) -> tuple[bytes, bytes]:
        if form == 1 and iu[0] == srp.Opcode.CMD:
            return bytes(srp.Rsp.build(tag=int.from_bytes(iu[8:16], "big"), req_lim_delta=1)), b""
        return super().reply(form, iu)


@pytest.fixture
def scripted() -> Iterator[tuple[LocalPort, Script, Session, Device]]:
    client, port = pair(window_size=64 << 20)
    server = Script(port, "boot_login")
    server.script = []
    server.start()
    with client, Session(client) as session:
        disk = Device(session, Lun("8100"), Hctl(0, 1, 0), Inquiry(bytes(36)))
        disk.known_capacity = Capacity(1 << 20, 512)
        yield client, server, session, disk
    server.join(PATIENCE)
    assert server.error is None


def good(tag: int, **fields: Any) -> bytes:
    """SRP_RSP."""
    return bytes(srp.Rsp.build(tag=tag, **{"req_lim_delta": 1, **fields}))


def element(status: int = 0, length: int = 36, form: int = 1) -> bytes:
    """First half of an element."""
    return bytes((0x80, form, 0, status, 0, 0)) + length.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("answer", "head", "status", "error"),
    [
        (good, element(0x99), 0, None),
        (good, element(0, 65535), 0, None),
        (good, element(1), NO_ANSWER, TransportError),
        (good, element(0, 35), NO_ANSWER, ProtocolError),
        (good, element(0, 0), NO_ANSWER, ProtocolError),
        (lambda tag: good(tag + 1), None, NO_ANSWER, ProtocolError),
        (lambda tag: b"\xc0" + good(tag)[1:], None, NO_ANSWER, ProtocolError),
        (lambda tag: good(tag, resp_data=b"\0\0\0\2"), None, NO_ANSWER, ProtocolError),
        (lambda tag: good(tag, flags=0x20, data_in_res_cnt=5), None, 0, SrpError),
        (lambda tag: good(tag, flags=0x10, data_in_res_cnt=5), None, 0, SrpError),
        (lambda tag: good(tag, status=2, flags=2, sense_data_len=0xFFFFFFFF), None, 2, CheckCondition),
        (lambda tag: good(tag, status=0x18), None, 0x18, SrpError),
    ],
)  # fmt: skip
def test_answers(
    scripted: tuple[LocalPort, Script, Session, Device],
    answer: Any,
    head: bytes | None,
    status: int,
    error: Any,
) -> None:
    _, server, session, disk = scripted
    server.script = [lambda self, tag: (good(tag), None), lambda self, tag: (answer(tag), head)]
    work = disk.run(READ, range(5), 1, depth=1, retry=False)
    assert list(work.status) == [0, status, 0, 0, 0]
    assert (error is None and not work.errors) or isinstance(work.errors[1], error)
    assert session.engine.srp.credits == 22
    assert disk.execute(bytes(6)).status == 0


def test_elements_for_others(scripted: tuple[LocalPort, Script, Session, Device]) -> None:
    """A PING, answers to tags of nobody, and nonsense, between answers."""
    _, server, _, disk = scripted

    def interrupt(self: Script, tag: int) -> tuple[bytes, None]:
        for head in "800600f5", "80010000", "80020000", "9f000000":
            self.port.send(bytes.fromhex(head) + bytes(12))
        self.port.send(element() + (tag ^ 1 << 20).to_bytes(8, "big"))
        self.port.send(element() + (tag | 0xFFFF).to_bytes(8, "big"))
        return good(tag), None

    server.script = [interrupt] * 7
    assert disk.run(READ, range(20), 1, depth=3).errors == {}
    disk.execute(bytes(6))
    assert sum(e[:4] == bytes.fromhex("800600f6") for e, _ in server.pongs) == 7


def test_the_queue_is_full_and_closed(scripted: tuple[LocalPort, Script, Session, Device]) -> None:
    client, _, _, disk = scripted
    client.inject("H_SEND_CRQ", ReturnCode.H_DROPPED, 5)
    assert disk.run(READ, range(50), 1).errors == {}
    client.inject("H_SEND_CRQ", ReturnCode.H_CLOSED, 2)
    assert disk.run(READ, range(50), 1).errors == {}


@pytest.mark.parametrize("what", ["800600f5", "80010000", "9f000000"])
def test_other_elements_do_not_stop_the_clock(
    scripted: tuple[LocalPort, Script, Session, Device], what: str
) -> None:
    _, server, session, disk = scripted
    end = time.monotonic() + PATIENCE

    def flood(self: Script, tag: int) -> tuple[bytes, None]:
        while self.port.connected and time.monotonic() < end:
            with contextlib.suppress(TransportError):
                self.port.send(bytes.fromhex(what) + bytes(12))
        return good(tag), None

    server.script = [flood]
    with pytest.raises(TimedOut):
        disk.run(READ, range(5), 1, timeout=0.2)
    session.close()


def test_a_closed_queue_does_not_stop_the_clock(
    scripted: tuple[LocalPort, Script, Session, Device],
) -> None:
    client, _, session, disk = scripted
    client.inject("H_SEND_CRQ", ReturnCode.H_CLOSED, 2000)
    with pytest.raises(TimedOut):
        disk.run(READ, range(50), 1, timeout=0.2)
    with pytest.raises(PartnerGone):
        client.send(bytes.fromhex("800600f5") + bytes(12))  # it is closed still
    client.inject("H_SEND_CRQ", times=0)
    session.wait_connected()
    assert disk.run(READ, range(50), 1).errors == {}


def test_signals_do_not_stop_the_clock(scripted: tuple[LocalPort, Script, Session, Device]) -> None:
    _, server, session, disk = scripted
    end = time.monotonic() + PATIENCE

    def silent(self: Script, tag: int) -> tuple[bytes, None]:
        while self.port.connected and time.monotonic() < end:
            time.sleep(0.01)
        return good(tag), None

    server.script = [silent]
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        with pytest.raises(TimedOut):
            disk.run(READ, range(5), 1, timeout=0.2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    session.close()


def test_a_connection_that_breaks_for_ever(scripted: tuple[LocalPort, Script, Session, Device]) -> None:
    _, server, session, disk = scripted
    session.replay = True
    end = time.monotonic() + PATIENCE

    def again(self: Script, tag: int) -> tuple[bytes, None]:
        if time.monotonic() > end:
            self.script.clear()
        self.port.send(bytes.fromhex("c001") + bytes(14))
        return good(tag), bytes.fromhex("8006000000000000")  # an answer to nothing

    server.script = [again] * 1_000_000
    with pytest.raises(
        TimedOut, match=r"broke again|not answered"
    ):  # whichever is seen when the time is over
        disk.run(READ, range(5), 1, depth=2, timeout=0.2)
    server.script.clear()
    session.wait_connected()
    assert disk.execute(bytes(6)).status == 0


@pytest.mark.parametrize("replay", [True, False])
def test_a_run_right_after_a_reset_of_its_own(session: Session, replay: bool) -> None:
    """Nothing of it is lost: it waits for the connection."""
    session.replay = replay
    disk = disk_of(session)
    disk.capacity()
    for _ in range(3):
        session._reset()
        assert not session.connected
        assert disk.run(READ, range(50), 1, depth=4).errors == {}
    assert session.engine.logins == 4


@pytest.mark.parametrize("sent", [False, True])
def test_a_retry_does_not_wait_for_another_server(
    scripted: tuple[LocalPort, Script, Session, Device], monkeypatch: pytest.MonkeyPatch, sent: bool
) -> None:
    """BUSY is tried again; by then the server has gone, and the command has arrived or not."""
    client, server, session, disk = scripted
    gone = bytes(Element.transport_event(TransportEvent.PARTNER_DEREGISTERED))
    undelivered = session.engine.undelivered

    def heard(now: float) -> None:
        undelivered(now)
        session.engine.receive([gone], now)

    monkeypatch.setattr(session.engine, "undelivered", heard)

    def busy(self: Script, tag: int) -> tuple[bytes, None]:
        if not sent:
            client.inject("H_SEND_CRQ", ReturnCode.H_CLOSED)
        return good(tag, status=8), None

    def goes(self: Script, tag: int) -> tuple[bytes, bytes]:
        return good(tag), bytes.fromhex("c001") + bytes(6)  # a new connection

    server.script = [busy, goes]
    with pytest.raises(PartnerGone):
        disk.run(READ, [0], 1, depth=1)


def test_migration(scripted: tuple[LocalPort, Script, Session, Device]) -> None:
    client, _, session, disk = scripted
    session.replay = True
    client.suspend()
    assert disk.run(READ, range(50), 1, depth=4).errors == {}
    assert session.engine.logins == 2


def test_ius_are_those_of_the_engine(scripted: tuple[LocalPort, Script, Session, Device]) -> None:
    _, server, session, disk = scripted
    lbas = [0, 7, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 32, 1 << 60, 0xFFFFFFF0]
    blocks = [1, 0, 1, 1, 1, 1, 127]
    ops = bytes((0, 0, 0, 1, 0, 1, 1))
    seen: list[list[tuple[bytes, bytes]]] = []
    for way in "in C", "in Python":
        server.seen.clear()
        if way == "in Python":
            session.port = Plain(session.port)  # type: ignore[assignment]
        assert disk.run(ops, lbas, blocks, depth=1, fua=True, data=bytearray(132 * 512)).errors == {}
        seen.append([(e[:8], iu[:8] + bytes(8) + iu[16:48] + bytes(8) + iu[56:80]) for e, iu in server.seen])
    for mine, its in zip(*seen, strict=True):
        assert mine[0] == its[0]
        cdb = mine[1][32:48]
        assert mine[1] == its[1], cdb.hex()
