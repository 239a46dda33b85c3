"""The sessions of one event loop: looked after together, and in nobody's way."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast.turns import Roster, roster_of

from descriptors import none_left
from pysrp.backends import Ram
from pysrp.errors import PartnerGone
from pysrp.fabric import connect
from pysrp.fabric.recorder import Recorder
from pysrp.initiator.aio import Device, Session
from pysrp.initiator.requests import Exchange
from pysrp.scsi import Read10
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from waiting import PATIENCE, until

SIZE = 1 << 20
READ = bytes(Read10.build(transfer_length=1))
"""Bytes: what is not plain takes another way (Bookkeeping.begin)."""
SERVE = Path(__file__).parent / "serve_disk.py"
_names = itertools.count()


@pytest.fixture(params=["local", "unix"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    url = f"local:roster{next(_names)}" if request.param == "local" else f"unix:{tmp_path}/s"
    with Server(url, LunMap([(256, Disk(Ram(SIZE), "a"))])) as server:
        yield server


async def disk_of(session: Session) -> Device:
    (disk,) = await session.scan(channels=[0], ids=[1])
    await disk.capacity()
    return disk


def opened(url: Any) -> Session:
    return Session(url, buffers=1 << 20, max_transfer=64 << 10, max_requests=8)


async def busy(disk: Device, until: asyncio.Event) -> int:
    """Reads, one after the other."""
    count = 0
    while not until.is_set():
        assert len(await disk.read(count % 100)) == 512
        count += 1
    return count


def run(main: Any) -> list[dict[str, Any]]:
    """What the loop was told of exceptions."""
    problems: list[dict[str, Any]] = []

    async def whole() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        await asyncio.wait_for(main(), PATIENCE)

    asyncio.run(whole())
    return problems


def test_many_sessions(server: Server) -> None:
    """Each gets what it has written; the last one to leave takes the loop's reader with it."""

    async def one(number: int) -> None:
        async with opened(server.url) as session:
            disk = await disk_of(session)
            assert session._roster is roster_of(asyncio.get_running_loop())
            for turn in range(20):
                data = bytes([number, turn]) * 256
                await disk.write(number, data)
                assert await disk.read(number) == data
        assert session._roster is None

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(24)))
        roster = roster_of(asyncio.get_running_loop())
        roster.look()
        roster.send()
        async with opened(server.url) as session:
            assert session._roster is roster
            roster.join(session, session.port.fileno())
            roster.leave(session, 0)
            assert await (await disk_of(session)).read(0) == b"\0\x13" * 256

    assert run(main) == []


def test_a_loop_each(server: Server) -> None:
    rosters = []

    async def main() -> None:
        async with opened(server.url) as session:
            rosters.append(session._roster)
            await disk_of(session)

    assert run(main) == run(main) == []
    assert rosters[0] is not rosters[1]


def test_another_loop(server: Server) -> None:
    """It looks after a session from connect() on, though the first one was about to look at it, and never will."""
    loop, session = asyncio.new_event_loop(), opened(server.url)

    async def begin() -> Device:
        disk = await first(session)
        loop.stop()
        return disk

    task = loop.create_task(begin())
    loop.run_forever()
    disk = task.result()
    loop.close()

    async def main() -> None:
        for _ in range(3):
            await session.connect()
            for lba in range(20):
                assert await disk.read(lba) == bytes(512)
            await asyncio.gather(*map(disk.read, range(20)))
        await session.close()

    assert run(main) == []


@asynccontextmanager
async def company(server: Server) -> AsyncIterator[None]:
    """As many sessions as it takes until the doorbells of a round wait for each other."""
    async with AsyncExitStack() as stack:
        for _ in range(8):
            await stack.enter_async_context(opened(server.url))
        yield


def let_sleep(server: Server) -> None:
    """Its threads sleep until they are rung for, not in the lane, which looks by itself after a second."""
    for adapter in server.adapters():
        called = threading.Event()
        adapter.call(called.set)
        assert called.wait(PATIENCE)
    time.sleep(0.05)


def test_what_a_task_has_sent_before_it_goes_on_for_long(server: Server) -> None:
    """In a round the doorbells of sessions wait for each other: who does not want that says so."""

    async def main() -> None:
        async with company(server), opened(server.url) as session:
            disk = await disk_of(session)
            await disk.read(0)  # from here on in a round
            let_sleep(server)
            pending = session.submit(disk.lun, READ, data_in_length=512)
            session.flush()
            until(lambda: session.port.available_now)
            await session.wait(pending)

    assert run(main) == []


def test_a_session_that_is_closed_in_the_round_in_which_it_has_sent_something(server: Server) -> None:
    """The server hears of that, though it has not been rung for what was sent."""

    async def main() -> None:
        async with company(server), opened(server.url) as other:
            kept = await disk_of(other)
            # The port stays: nothing else tells that the session is over.
            with closing(connect(server.url)) as port:
                session = opened(port)
                await session.connect()
                disk = await disk_of(session)
                await disk.read(0)
                let_sleep(server)
                pending = session.submit(disk.lun, READ, data_in_length=512)
                session._end()
                with pytest.raises(PartnerGone):
                    pending.outcome(True)
                until(lambda: [each.target.session for each in server.adapters()].count(None) == 1)
            assert await kept.read(0) == bytes(512)

    assert run(main) == []


def test_a_server_that_goes_while_others_are_busy(server: Server, tmp_path: Path) -> None:
    """Its sessions hear of it, though the loop always has something to do for another."""

    async def main() -> None:
        done = asyncio.Event()
        (tmp_path / "disk").write_bytes(bytes(SIZE))
        command = [sys.executable, str(SERVE), url := f"unix:{tmp_path}/other", str(tmp_path / "disk")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
            async with opened(server.url) as session, opened(url) as left:
                disk, lost = await disk_of(session), await disk_of(left)
                task = asyncio.ensure_future(busy(disk, done))
                assert len(await lost.read(0)) == 512
                other.kill()
                while left.connected:
                    await asyncio.sleep(0)
                done.set()
                assert await task

    assert run(main) == []


def test_ports_of_all_kinds(server: Server, tmp_path: Path) -> None:
    """One whose queue is in reach, one that is recorded, one with a way of polling of its own."""

    class Odd:
        """A port like the one that it has."""

        def __init__(self, port: Any) -> None:
            self._port = port
            self.polls = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._port, name)

        def poll(self, *most: int) -> list[bytes]:
            self.polls += 1
            found: list[bytes] = self._port.poll(*most)
            return found

    async def main() -> None:
        odd = Odd(connect(server.url))
        recorder = Recorder(connect(server.url), tmp_path / "records")
        async with opened(server.url) as near, opened(recorder) as recorded, opened(odd) as own:
            disks = [await disk_of(session) for session in (near, recorded, own)]
            await asyncio.gather(*(disk.write(n, os.urandom(512)) for disk in disks for n in range(40)))
            for n in range(40):
                first, *others = await asyncio.gather(*(disk.read(n) for disk in disks))
                assert others == [first, first]
        assert odd.polls
        odd.close()
        recorder.close()

    assert run(main) == []


def test_the_timer_is_for_time_limits(server: Server) -> None:
    """Not for what the round sends anyway."""

    async def main() -> None:
        async with Session(server.url, buffers=4 << 20) as session:
            disk = await disk_of(session)
            await disk.read(0)
            set_for: list[float] = []
            schedule = session._schedule

            def watched() -> None:
                schedule()
                set_for.append(session._timer_at)

            session._schedule = watched  # type: ignore[method-assign]

            async def read() -> None:
                for n in range(40):
                    await disk.read(n)

            await asyncio.gather(*(read() for _ in range(24)))
            assert len(set_for) < 10

    assert run(main) == []


@pytest.mark.parametrize("name", ["poll", "send_many"])
def test_what_is_set_on_a_port_is_used(name: str) -> None:
    """As what its class has."""
    calls = []

    async def main() -> None:
        port = connect(server.url)
        ours = getattr(port, name)

        def noted(*arguments: Any) -> Any:
            calls.append(arguments)
            return ours(*arguments)

        setattr(port, name, noted)
        async with opened(port) as session:
            disk = await disk_of(session)
            calls.clear()
            await disk.read(0)
            assert calls
        port.close()

    with Server(f"local:roster{next(_names)}", LunMap([(256, Disk(Ram(SIZE), "a"))])) as server:
        assert run(main) == []


@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt])
def test_what_comes_out_of_a_turn_is_nobody_elses(server: Server, problem: type[BaseException]) -> None:
    """An exception is told as asyncio does; an interrupt leaves the loop, which goes on with the others after it."""
    loop = asyncio.new_event_loop()
    problems: list[Any] = []
    loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))
    sessions = [opened(server.url) for _ in range(4)]
    try:
        disks = [loop.run_until_complete(first(session)) for session in sessions]
        struck = sessions[1]

        engine = struck.engine

        def strike(elements: list[bytes], now: float) -> None:
            del engine.receive  # type: ignore[method-assign]
            engine.exchange = None
            raise problem

        # While an exchange is under way, no answer is taken but by the engine.
        engine.receive = strike  # type: ignore[method-assign, assignment]
        engine.exchange = Exchange("a test")
        tasks = [loop.create_task(disk.read(0)) for disk in disks]
        waiting = asyncio.wait(tasks, timeout=PATIENCE)
        if struck._timer is not None:
            struck._timer.cancel()  # it would mend the session in the end, and is not to be waited for
        if problem is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                loop.run_until_complete(asyncio.sleep(PATIENCE))
        done, _ = loop.run_until_complete(waiting)
        assert len(done) == 4
        assert [type(task.exception()) for task in tasks] == [type(None), PartnerGone] + 2 * [type(None)]
        assert [type(each) for each in problems] == [problem] * (problem is RuntimeError)
    finally:
        for session in sessions:
            loop.run_until_complete(session.close())
        loop.close()


async def first(session: Session) -> Device:
    await session.connect()
    return await disk_of(session)


def test_what_is_no_loop_or_session() -> None:
    loop = asyncio.new_event_loop()
    roster = Roster(loop)
    for call in roster.join, roster.leave:
        with pytest.raises(TypeError):
            call(None, 0)  # type: ignore[arg-type]
    roster.look()
    loop.close()
    assert roster_of(loop) is not roster


def test_a_descriptor_that_cannot_be_watched(server: Server, tmp_path: Path) -> None:
    async def main() -> None:
        session = opened(server.url)
        with (tmp_path / "plain").open("wb") as file:
            with pytest.raises(OSError, match="not permitted"):
                roster_of(asyncio.get_running_loop()).join(session, file.fileno())
        await session.close()

    assert run(main) == []


def test_nobody_could_join(server: Server) -> None:
    """What the first one had been given a loop's reader for is not there any more."""

    async def main() -> None:
        async with opened(server.url) as session:
            left = session._roster
            left.leave(session, session.port.fileno())
            with none_left():
                for _ in range(3):
                    with (
                        open(__file__) as file,
                        pytest.raises(PermissionError),
                    ):  # no epoll takes a regular file
                        left.join(session, file.fileno())
            left.join(session, session.port.fileno())
            assert len(await (await disk_of(session)).read(0)) == 512

    assert run(main) == []
