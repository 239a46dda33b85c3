"""Workloads through asyncio: what the blocking session's do, and the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import random
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import PartnerGone
from pysrp.fabric import connect
from pysrp.initiator import READ, WRITE, aio
from pysrp.initiator.requests import TimedOut
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from waiting import PATIENCE

SIZE = 4 << 20
END = SIZE // 512
_names = itertools.count()


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A workload goes on when something comes; that it looks at the clock now and then must not be what moves it."""
    monkeypatch.setattr(aio, "LOOK", 1e6)


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


class Plain:
    """A port that C code does not know."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def native_client(self) -> None:
        """None."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate(SIZE)
    yield gate
    gate.opened.set()


@pytest.fixture(params=["local", "unix"])
def server(request: pytest.FixtureRequest, tmp_path: Path, gate: Gate) -> Iterator[Server]:
    url = f"local:aio-run{next(_names)}" if request.param == "local" else f"unix:{tmp_path}/s"
    luns = LunMap([(256, Disk(Ram(SIZE), "a")), (512, Disk(gate, "gate"))])
    with Server(url, luns, Settings(request_limit=20)) as server:
        yield server
        gate.opened.set()


Story = Callable[[aio.Session, aio.Device, aio.Device], Coroutine[Any, Any, None]]


def tell(
    server: Server, story: Story, wrap: Callable[[Any], Any] = lambda port: port, **options: Any
) -> None:
    """Run ``story`` with a session and its two disks, the second of which is behind the gate."""

    async def main() -> None:
        with connect(server.url, window_size=64 << 20) as port:
            async with aio.Session(wrap(port), **options) as session:
                disks = [*await session.scan(channels=[0], ids=[1, 2])]
                for disk in disks:
                    await disk.capacity()
                await story(session, *disks)
                assert not session._live
                assert len(session.srp._free) == 104
                assert len(session.staging.chunks) == session.staging.all_chunks

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.usefixtures("no_clock")
@pytest.mark.parametrize("wrap", [lambda port: port, Plain], ids=["in C", "in Python"])
def test_against_a_model(server: Server, wrap: Any) -> None:
    async def story(session: aio.Session, disk: aio.Device, _: aio.Device) -> None:
        rng, model = random.Random(5), bytearray(SIZE)
        for depth in 1, 5, 1000:
            starts = rng.sample(range(0, END, 32), 60)
            blocks = [rng.randrange(33) for _ in starts]
            ops = bytes(rng.randrange(2) for _ in starts)
            data = bytearray(rng.randbytes(sum(blocks) * 512))
            expected, at = bytearray(), 0
            for op, lba, count in zip(ops, starts, blocks, strict=True):
                here = slice(lba * 512, (lba + count) * 512)
                if op == WRITE:
                    model[here] = data[at : at + count * 512]
                expected += model[here]
                at += count * 512
            work = await disk.run(ops, starts, blocks, depth=depth, data=data)
            assert (work.errors, set(work.status)) == ({}, {0})
            assert min(work.latency) > 0
            assert data == expected
        assert await disk.read(0, END) == model
        work = await disk.run(READ, [0, END, 1, 1 << 40, 2], 1, depth=2)
        assert sorted(work.errors) == [1, 3]
        with pytest.raises(ValueError, match="one can move"):
            await disk.run(READ, [0], 1 << 14)
        with pytest.raises(ValueError, match="depth 0"):
            await disk.run(READ, [0], 1, depth=0)

    tell(server, story, wrap)


@pytest.mark.parametrize("wrap", [lambda port: port, Plain], ids=["in C", "in Python"])
def test_what_passes_is_tried_again(server: Server, wrap: Any) -> None:
    async def story(session: aio.Session, disk: aio.Device, _: aio.Device) -> None:
        await disk.reset()  # a unit attention
        assert (await disk.run(READ, range(20), 1, depth=4)).errors == {}
        await session.host_reset()
        assert (await disk.run(READ, range(20), 1, depth=4)).errors == {}

    tell(server, story, wrap)


def test_commands_of_others_wait(server: Server, gate: Gate) -> None:
    """Until the workload is over; the loop goes on."""

    async def story(session: aio.Session, disk: aio.Device, slow: aio.Device) -> None:
        work = asyncio.ensure_future(slow.run(READ, [END - 1, *range(100)], 1, depth=3))
        await asyncio.to_thread(gate.entered.wait, PATIENCE)
        late = asyncio.ensure_future(disk.execute(bytes(6), timeout=0.01))
        await asyncio.sleep(0)
        reads = [asyncio.ensure_future(disk.read(n)) for n in range(30)]
        gone = asyncio.ensure_future(disk.read(5))
        with pytest.raises(TimedOut, match="not sent"):
            await late
        gone.cancel()
        await asyncio.wait([gone])
        with pytest.raises(ValueError, match="under way"):
            await disk.run(READ, [0], 1)
        assert not work.done()
        assert not any(read.done() for read in reads)
        gate.opened.set()
        assert (await work).errors == {}
        assert await asyncio.gather(*reads) == [bytes(512)] * 30

    tell(server, story)


def test_cancelled(server: Server, gate: Gate) -> None:
    async def story(session: aio.Session, disk: aio.Device, slow: aio.Device) -> None:
        data = bytearray(b"x" * 512 * 2)
        work = asyncio.ensure_future(slow.run(READ, [END - 1, END - 2], 1, data=data))
        await asyncio.to_thread(gate.entered.wait, PATIENCE)
        other = asyncio.ensure_future(disk.read(0))
        await asyncio.sleep(0)
        work.cancel()
        await asyncio.wait([work])
        assert work.cancelled()
        del work  # and its traceback
        gc.collect()
        data.clear()  # it is the caller's again
        assert await other == bytes(512)
        assert session.engine.logins == 2
        gate.opened.set()
        assert (await disk.run(READ, range(9), 1)).errors == {}

    tell(server, story)


def test_not_answered_in_time(server: Server, gate: Gate) -> None:
    async def story(session: aio.Session, disk: aio.Device, slow: aio.Device) -> None:
        with pytest.raises(TimedOut):
            await slow.run(READ, [END - 1], 1, timeout=0.01)
        gate.opened.set()
        await session.wait_connected()
        assert (await slow.run(READ, [END - 1], 1)).errors == {}

    tell(server, story)


def test_closed_in_the_middle(server: Server, gate: Gate) -> None:
    async def main() -> None:
        session = aio.Session(server.url, window_size=64 << 20)
        await session.connect()
        (slow,) = await session.scan(channels=[0], ids=[2])
        work = asyncio.ensure_future(slow.run(READ, [END - 1], 1))
        await asyncio.to_thread(gate.entered.wait, PATIENCE)
        await session.close()
        with pytest.raises(PartnerGone, match="closed"):
            await work
        with pytest.raises(PartnerGone):
            await slow.run(READ, [0], 1)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize("replay", [True, False])
@pytest.mark.parametrize("wrap", [lambda port: port, Plain], ids=["in C", "in Python"])
def test_the_server_is_replaced_in_the_middle(tmp_path: Path, gate: Gate, replay: bool, wrap: Any) -> None:
    url = f"unix:{tmp_path}/s"
    content = os.urandom(SIZE)
    gate.write_from(0, memoryview(content))
    luns = LunMap([(512, Disk(gate, "gate"))])
    servers = [Server(url, luns)]

    def replace() -> None:
        gate.entered.wait(PATIENCE)
        servers[0].disable()
        gate.opened.set()
        servers[0].stop()
        servers.append(Server(url, luns))

    async def main() -> None:
        with connect(url, window_size=64 << 20) as port:
            async with aio.Session(wrap(port), replay=replay) as session:
                (disk,) = await session.scan(channels=[0], ids=[2])
                await disk.capacity()
                thread = asyncio.ensure_future(asyncio.to_thread(replace))
                lbas = random.Random(7).sample(range(0, END, 8), END // 8)
                data = bytearray(SIZE)
                if replay:
                    assert (await disk.run(READ, lbas, 8, data=data, depth=16)).errors == {}
                    for at, lba in enumerate(lbas):
                        assert data[at * 4096 :][:4096] == content[lba * 512 :][:4096]
                else:
                    with pytest.raises(PartnerGone):
                        await disk.run(READ, lbas, 8, data=data, depth=16)
                    await session.wait_connected()
                await thread
                assert await disk.read(0, 8) == content[:4096]

    try:
        asyncio.run(asyncio.wait_for(main(), PATIENCE))
    finally:
        for server in servers:
            server.stop()
