"""A call that has ended has let go of everything, however it ended.

Its buffers are the caller's, nothing that was not passed is ever written, and what it had begun is aborted. The tests
know the public names alone: sessions, devices, servers, disks.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from captured_server import CapturedServer
from descriptors import open_ones
from pysrp import srp
from pysrp.backends import Ram
from pysrp.errors import CheckCondition, ConfigError, PartnerGone, SrpError, TransportError
from pysrp.fabric import Port, ReturnCode
from pysrp.fabric.local import pair
from pysrp.initiator import aio
from pysrp.initiator.session import READ, WRITE, Aborted, Device, Options, Session, TimedOut
from pysrp.lun import Lun
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from waiting import PATIENCE, until

MIB = 1 << 20
DISK = Lun.logical_unit(1)
READ_ONE = bytes.fromhex("28000000000000000100")
PASSED, LATER = 0x41, 0x45
"""What was passed to a call, and what its buffer has after the call."""


class Medium(Ram):
    """A disk that works only while it is let; ``busy`` counts what has begun."""

    blocking = True

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.go = threading.Event()
        self.busy = threading.Semaphore(0)

    def _pass(self) -> None:
        self.busy.release()
        self.go.wait()

    def read_into(self, offset: int, view: memoryview) -> None:
        self._pass()
        super().read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        self._pass()
        super().write_from(offset, view)


@pytest.fixture
def medium() -> Iterator[Medium]:
    medium = Medium(16 * MIB)
    yield medium
    medium.go.set()


@pytest.fixture(params=["local", "unix"])
def url(request: pytest.FixtureRequest, tmp_path: Path, medium: Medium) -> Iterator[str]:
    name = f"local:giving-up-{os.getpid()}" if request.param == "local" else f"unix:{tmp_path}/v"
    with Server(name, LunMap([(256, Disk(medium, "slow")), (512, Disk(Ram(MIB), "quick"))])):
        yield name
        medium.go.set()


@pytest.fixture
def session(url: str) -> Iterator[Session]:
    with Session(url, buffers=MIB, max_transfer=MIB // 2, options=Options(give_up=0.5)) as session:
        yield session


def device(session: Session) -> Device:
    disk = session.scan(channels=[0], ids=[1])[0]
    disk.capacity()
    return disk


def interrupted(medium: Medium, call: Callable[[], Any]) -> None:
    """Ctrl-C as soon as the medium is busy and the call waits for it."""
    main = threading.get_ident()
    calling = threading.Event()

    def waits() -> bool:
        return "pysrp/initiator" in sys._current_frames()[main].f_code.co_filename

    def interrupt() -> None:
        medium.busy.acquire()
        calling.wait()
        while not waits():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    waiting = threading.Thread(target=interrupt)
    waiting.start()
    try:
        calling.set()
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        medium.busy.release()
        waiting.join()


def only_what_was_passed(medium: Medium) -> None:
    assert bytes(medium.memory()).count(LATER) == 0  # type: ignore[arg-type]


# Blocking calls.


def test_an_interrupted_write_writes_nothing_of_what_comes_later(session: Session, medium: Medium) -> None:
    disk = device(session)
    buffer = bytearray([PASSED]) * (8 * MIB)
    interrupted(medium, lambda: disk.write(0, buffer))
    buffer[:] = bytes([LATER]) * len(buffer)
    del buffer[:]
    medium.go.set()
    assert disk.read(0, 1)[:1] in (b"\0", b"A")
    session.scan(channels=[0], ids=[1])
    only_what_was_passed(medium)


def test_an_interrupted_read_into_leaves_the_buffer_alone(session: Session, medium: Medium) -> None:
    disk = device(session)
    buffer = bytearray([LATER]) * (8 * MIB)
    interrupted(medium, lambda: disk.read_into(0, buffer))
    medium.go.set()
    assert len(disk.read(0, 8192)) == 4 * MIB
    assert buffer.count(LATER) == len(buffer)
    del buffer[:]


@pytest.mark.parametrize("inward", [True, False], ids=["in", "out"])
def test_an_interrupted_command_is_aborted(session: Session, medium: Medium, inward: bool) -> None:
    disk = device(session)
    data = {"data_in_length": 512} if inward else {"data_out": bytearray([PASSED]) * 512}
    cdb = READ_ONE if inward else b"\x2a" + READ_ONE[1:]
    interrupted(medium, lambda: disk.execute(cdb, **data))
    # It runs on in the medium; the target answers for it no more, and the session is of use.
    other = session.scan(channels=[0], ids=[2])
    assert len(other) == 1
    other[0].write(0, bytes(512))
    medium.go.set()
    disk.read(0, 1)


def test_what_was_gathered_is_given_up_together(session: Session, medium: Medium) -> None:
    disk = device(session)
    commands = [disk.submit_read(at) for at in range(3)]
    interrupted(medium, lambda: session.gather(commands))
    session.scan(channels=[0], ids=[2])
    assert all(command.done for command in commands)
    for command in commands:
        with pytest.raises((Aborted, PartnerGone)):  # the second, where the interrupt came at a bad moment
            command.outcome()


def test_an_interrupted_workload_lets_go_of_its_data(session: Session, medium: Medium) -> None:
    disk = device(session)
    buffer = bytearray([PASSED]) * (64 * 512)
    interrupted(medium, lambda: disk.run(WRITE, range(64), 1, data=buffer))
    buffer[:] = bytes([LATER]) * len(buffer)
    del buffer[:]
    medium.go.set()
    disk.read(0, 64)
    only_what_was_passed(medium)


def test_a_command_that_is_late_costs_its_limit_and_give_up(session: Session, medium: Medium) -> None:
    disk = device(session)
    with pytest.raises(TimedOut, match=r"no answer within 0\.1 s"):
        disk.execute(READ_ONE, data_in_length=512, timeout=0.1)
    assert session.scan(channels=[0], ids=[2])


def test_waiting_with_a_limit_ends_for_every_request(session: Session, medium: Medium) -> None:
    disk = device(session)
    pending = disk.submit_read(0)
    with pytest.raises(TimedOut, match=r"not done within 0\.05 s"):
        session.wait(pending, 0.05)
    medium.go.set()
    session.wait(pending, 20)
    assert pending.outcome().status == 0


def test_what_fails_to_begin_is_not_begun(session: Session, medium: Medium) -> None:
    """A sequence whose second command is refused takes its first one back."""
    disk = device(session)

    def steps() -> Iterator[Any]:
        first = disk.start_write(0, memoryview(bytearray([LATER]) * 512), 512)
        assert not first.done
        disk.start_write(1, b"", 512, retries=0)
        raise ZeroDivisionError
        yield

    with pytest.raises(ZeroDivisionError):
        session.run_steps(steps())  # type: ignore[arg-type]
    session.scan(channels=[0], ids=[2])
    with pytest.raises(ValueError, match="one command can move"):
        session.execute(DISK, READ_ONE, data_in_length=1 << 40)
    medium.go.set()
    disk.read(0, 1)


def test_closing_takes_back_what_is_under_way(url: str, medium: Medium) -> None:
    buffer = bytearray([LATER]) * 512
    with Session(url, options=Options(give_up=0.5)) as session:
        disk = device(session)
        view = memoryview(buffer)
        pending = session.submit(DISK, READ_ONE, data_in_length=512, into=view)
        medium.busy.acquire()
    with pytest.raises(PartnerGone):
        pending.outcome()
    view.release()
    del buffer[:]
    with pytest.raises(PartnerGone):
        disk.read(0)
    with pytest.raises(PartnerGone):
        session.submit(DISK, READ_ONE)


class Interruptions:
    """Raises KeyboardInterrupt at the n-th line that the initiator, or something else, carries out."""

    def __init__(self, at: int, *where: str) -> None:
        self.left = at
        self.where = where or ("pysrp/initiator", "pysrp/vscsi")
        self.hit = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if self.hit or not any(each in frame.f_code.co_filename for each in self.where):
            return None
        if event == "line":
            self.left -= 1
            if self.left < 0:
                self.hit = True
                raise KeyboardInterrupt
        return self

    def during(self, call: Callable[[], Any]) -> None:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            call()
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)


CALLS: dict[str, Callable[[Session, Device, bytearray], Any]] = {
    "write": lambda session, disk, buffer: disk.write(0, buffer),
    "read_into": lambda session, disk, buffer: disk.read_into(0, buffer),
    "execute": lambda session, disk, buffer: disk.execute(
        struct.pack(">BxIxHx", 0x2A, 0, len(buffer) // 512), data_out=buffer
    ),
    "run": lambda session, disk, buffer: disk.run(WRITE, range(len(buffer) // 512), 1, data=buffer),
    "gather": lambda session, disk, buffer: session.gather(
        [disk.submit_write(0, buffer), disk.submit_read(1)]
    ),
}


class Roundabout(Session):
    """None of its commands is plain, so that all of them go the way of those that meet something special."""

    def _begin(self) -> None:
        super()._begin()
        self.srp.largest = 1 << 40


@pytest.mark.parametrize("kind", [Session, Roundabout])
@pytest.mark.parametrize("name", CALLS)
def test_an_interrupt_at_any_line(name: str, kind: type[Session]) -> None:
    """Wherever it comes, the buffer is free, nothing later is written, and the session goes on."""
    medium = Ram(MIB)
    url = f"local:any-line-{os.getpid()}"
    with (
        Server(url, LunMap([(256, Disk(medium, "any"))])),
        kind(url, buffers=256 << 10, max_transfer=128 << 10, max_requests=2) as session,
    ):
        disk = device(session)
        at = 0
        while True:
            buffer = bytearray([PASSED]) * (192 << 10 if name == "write" else 64 << 10)
            interruptions = Interruptions(at)
            interruptions.during(lambda buffer=buffer: CALLS[name](session, disk, buffer))  # type: ignore[misc]
            buffer[:] = bytes([LATER]) * len(buffer)
            try:
                assert len(disk.read(0, 256)) == 128 << 10
            except (PartnerGone, CheckCondition) as error:
                pytest.fail(f"after line {at}: {error}")
            assert bytes(medium.memory()).count(LATER) == 0, f"after line {at}"
            if name == "read_into":
                assert buffer.count(LATER) == len(buffer), f"after line {at}"
            if not interruptions.hit:
                break
            at += 1 if at < 40 else 7
        assert at > (40 if kind is Roundabout else 5)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_an_interrupt_while_a_server_is_replaced(tmp_path: Path) -> None:
    """Wherever it comes in the port, the session finds the next server, and nothing stays open."""
    url = f"unix:{tmp_path}/s"
    luns = LunMap([(256, Disk(Ram(MIB), "any"))])
    server = Server(url, luns)
    opened: list[int] = []
    hit = True
    while hit:
        session = Session(url, window_size=16 << 20, buffers=1 << 20)
        session.connect()
        server.stop()
        server = Server(url, luns)
        waiting = Interruptions(len(opened), "fabric/shm.py")
        waiting.during(session.wait_connected)
        session.wait_connected(PATIENCE / 10)
        assert len(device(session).read(0, 8)) == 4096
        closing = Interruptions(len(opened), "fabric/shm.py")
        closing.during(session.close)
        session.close()
        hit = waiting.hit or closing.hit
        del session
        gc.collect()  # the exception may have left a socket in a cycle
        until(lambda server=server: not server.adapters())  # type: ignore[misc]
        opened.append(len(open_ones()))
        assert opened[-1] <= opened[0], f"after line {len(opened)}"
    server.stop()
    assert len(opened) > 60


def test_a_later_session_does_not_believe_answers_of_an_earlier_one(url: str, medium: Medium) -> None:
    """Tags say which session they are of: QEMU answers requests of a freed queue into the next one."""
    tags = []
    for _ in range(3):
        with Session(url, options=Options(give_up=0.2)) as session:
            pending = session.submit(DISK, READ_ONE, data_in_length=512)
            session.flush()
            tags.append(pending.tag >> 16)
    assert all(abs(one - other) > 1 << 20 for one in tags for other in tags if one is not other)


class Late(CapturedServer):
    """Answers no reads, but writes to where they should go whenever it likes; keeps what is written."""

    def __init__(self, port: Port) -> None:
        super().__init__(port, "boot_login")
        self.asked = threading.Event()
        self.where = 0
        self.written: list[bytes] = []

    def take(self, element: bytes) -> None:
        if element[:2] == b"\x80\x01":
            self.port.copy_in(int.from_bytes(element[8:], "big"), self.memory, 0, 256)
            cmd = srp.Cmd(bytes(self.view[:256]))
            if cmd.opcode == srp.Opcode.CMD and cmd.cdb[0] == 0x28:
                self.where = cmd.data_in.va
                self.asked.set()
                return
            if cmd.opcode == srp.Opcode.CMD and cmd.cdb[0] == 0x2A:
                self.port.copy_in(cmd.data_out.va, self.memory, 0, 512)
                self.written.append(bytes(self.view[:512]))
        super().take(element)


def test_what_waits_for_a_reset_is_not_where_a_target_still_writes() -> None:
    client, port = pair(window_size=64 << 20)
    server = Late(port)
    server.start()
    with client, Session(client, buffers=1, max_transfer=64 << 10) as session:
        session.submit(DISK, READ_ONE, data_in_length=512)
        session.flush()
        assert server.asked.wait(PATIENCE)
        client.inject("H_FREE_CRQ", ReturnCode.H_BUSY, 1)
        session.engine.host_reset()
        session.poll()
        write = session.submit(DISK, b"\x2a" + READ_ONE[1:], data_out=bytes([PASSED]) * 512)
        server.put(server.where, bytes([LATER]) * 512)
        write.result(check=False)
    server.join(PATIENCE)
    assert server.written == [bytes([PASSED]) * 512]


def test_an_interrupt_at_any_line_of_a_reset() -> None:
    client, port = pair(window_size=64 << 20)
    server = Late(port)
    server.start()
    with client, Session(client, buffers=1, max_transfer=64 << 10) as session:
        for at in range(1000):
            interruptions = Interruptions(at)
            server.asked.clear()
            read = session.submit(DISK, READ_ONE, data_in_length=512)
            session.flush()
            assert server.asked.wait(PATIENCE)
            interruptions.during(session.host_reset)
            try:
                if not read.done:
                    session.host_reset()  # it had not begun
                session.wait_connected()
                write = session.submit(DISK, b"\x2a" + READ_ONE[1:], data_out=bytes([PASSED]) * 512)
                write.result(check=False)
            except (SrpError, ValueError) as error:
                pytest.fail(f"after line {at}: {error!r}")
            if not interruptions.hit:
                break
        assert at > 40
    server.join(PATIENCE)
    assert set(server.written) == {bytes([PASSED]) * 512}


def test_a_session_that_is_not_connected_says_so(url: str) -> None:
    session = Session(url)
    try:
        for call in (session.scan, lambda: session.execute(DISK, bytes(6)), lambda: session.lun_reset(DISK)):
            with pytest.raises(TransportError, match=r"connect\(\)"):
                call()
        session.connect()
        assert session.scan(channels=[0])
    finally:
        session.close()
    with pytest.raises(PartnerGone, match="closed"):
        session.scan()


def test_one_request_at_a_time_is_possible(url: str, medium: Medium) -> None:
    medium.go.set()
    for most in (1, 2):
        with Session(url, max_requests=most) as session:
            disk = device(session)
            disk.write(0, bytes(MIB))
            assert disk.run(READ, range(10), 1).errors == {}
    for wrong in (0, -1, 65532):
        with pytest.raises(ValueError, match="max_requests"):
            Session(url, max_requests=wrong)


@pytest.mark.parametrize("ops", [0x28, 7, -1, 256, b"\x28", b"\0\1\2", bytearray(b"\2")])
def test_a_workload_reads_or_writes(session: Session, medium: Medium, ops: Any) -> None:
    medium.go.set()
    disk = device(session)
    count = 1 if isinstance(ops, int) else len(ops)
    with pytest.raises(ValueError, match="READ"):
        disk.run(ops, range(count), 1, data=bytearray(512 * count))
    assert not any(bytes(medium.memory()))


def test_a_workload_writes_nothing_but_data(session: Session, medium: Medium) -> None:
    medium.go.set()
    disk = device(session)
    with pytest.raises(ValueError, match="need data"):
        disk.run(WRITE, [1], 1)
    with pytest.raises(ValueError, match="need data"):
        disk.run(bytes((READ, WRITE)), [1, 2], 1)


@pytest.mark.parametrize("timeout", [-1, float("inf"), float("nan"), 1e12])
def test_a_time_limit_is_one(session: Session, timeout: float) -> None:
    disk = device(session)
    for call in (
        lambda: session.execute(DISK, bytes(6), timeout=timeout),
        lambda: session.lun_reset(DISK, timeout),
        lambda: session.wait(disk.session.submit(DISK, bytes(6)), timeout),
        lambda: session.wait_connected(timeout),
        lambda: session.host_reset(timeout),
        lambda: disk.run(READ, [0], 1, timeout=timeout),
    ):
        with pytest.raises(ValueError, match="timeout of"):
            call()


@pytest.mark.parametrize(
    "wrong",
    [
        {"partition_name": "ü"}, {"partition_name": "x" * 97}, {"host_name": "x" * 33}, {"location_code": "x" * 33},
        {"partition_number": -1}, {"partition_number": 1 << 32}, {"os_type": -1}, {"mad_timeout": 0.3},
        {"mad_timeout": 0}, {"login_timeout": 1 << 16}, {"task_timeout": -1}, {"patience": 0},
        {"patience": float("inf")}, {"give_up": float("nan")}, {"give_up": 0}, {"partition_name": None},
    ],
    ids=str,
)  # fmt: skip
def test_options_are_what_their_fields_can_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Options(**wrong)


# asyncio.


def run(url: str, main: Callable[[aio.Session, aio.Device], Any]) -> None:
    async def whole() -> None:
        async with aio.Session(
            url, buffers=MIB, max_transfer=MIB // 2, options=Options(give_up=0.5)
        ) as session:
            disk = (await session.scan(channels=[0], ids=[1]))[0]
            await disk.capacity()
            await main(session, disk)

    asyncio.run(asyncio.wait_for(whole(), 120))


async def begun(medium: Medium) -> None:
    """The medium is busy with something."""
    while not medium.busy.acquire(blocking=False):
        await asyncio.sleep(0.001)


async def cancelled(call: Any, medium: Medium) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)  # a task that is cancelled before it begins runs nothing of the call
    await begun(medium)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_cancelled_write_writes_nothing_of_what_comes_later(url: str, medium: Medium) -> None:
    async def main(session: aio.Session, disk: aio.Device) -> None:
        buffer = bytearray([PASSED]) * (8 * MIB)
        await cancelled(disk.write(0, buffer), medium)
        buffer[:] = bytes([LATER]) * len(buffer)
        del buffer[:]
        medium.go.set()
        await disk.read(0, 8192)
        only_what_was_passed(medium)

    run(url, main)


def test_a_cancelled_read_into_leaves_the_buffer_alone(url: str, medium: Medium) -> None:
    async def main(session: aio.Session, disk: aio.Device) -> None:
        buffer = bytearray([LATER]) * (8 * MIB)
        await cancelled(disk.read_into(0, buffer), medium)
        medium.go.set()
        await disk.read(0, 8192)
        assert buffer.count(LATER) == len(buffer)
        del buffer[:]

    run(url, main)


def test_a_time_limit_of_asyncio_is_a_timeout(url: str, medium: Medium) -> None:
    async def main(session: aio.Session, disk: aio.Device) -> None:
        for call in (
            disk.read(0, 16384),
            disk.write(0, bytes(MIB)),
            disk.execute(READ_ONE, data_in_length=512),
        ):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(call, 0.05)
        medium.go.set()
        assert len(await disk.read(0, 8)) == 4096

    run(url, main)


def test_a_cancelled_gather_gives_up_all(url: str, medium: Medium) -> None:
    async def main(session: aio.Session, disk: aio.Device) -> None:
        commands = [disk.start_read(at, 1, 512) for at in range(3)]
        await cancelled(session.gather(commands), medium)
        for command in commands:
            with pytest.raises(Aborted):
                await session.gather([command])

    run(url, main)


def test_cancelling_one_call_leaves_the_others(url: str, medium: Medium) -> None:
    async def main(session: aio.Session, disk: aio.Device) -> None:
        kept = asyncio.ensure_future(disk.read(100, 16))
        await begun(medium)
        await cancelled(disk.read(0, 16384), medium)
        medium.go.set()
        assert len(await kept) == 8192

    run(url, main)


def test_closing_in_asyncio_takes_back_what_is_under_way(url: str, medium: Medium) -> None:
    async def main() -> None:
        buffer = bytearray([LATER]) * 512
        session = aio.Session(url, options=Options(give_up=0.5))
        await session.connect()
        view = memoryview(buffer)
        pending = session.submit(DISK, READ_ONE, data_in_length=512, into=view, retries=2)
        task = asyncio.ensure_future(session.wait(pending))
        await begun(medium)
        await session.close()
        await task
        with pytest.raises(SrpError):
            pending.outcome()
        view.release()
        del buffer[:]
        with pytest.raises(PartnerGone):
            await session.execute(DISK, bytes(6))

    asyncio.run(main())


def test_asyncio_sessions_that_are_not_connected_say_so(url: str) -> None:
    async def main() -> None:
        session = aio.Session(url)
        try:
            with pytest.raises(TransportError, match=r"connect\(\)"):
                await session.scan()
            await session.connect()
        finally:
            await session.close()

    asyncio.run(main())
