"""Sessions that join an event loop and leave it as they please: all end what they have begun, and no doorbell is forgotten."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import SrpError
from pysrp.initiator.aio import Device, Session
from pysrp.scsi import Read10
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from waiting import PATIENCE

READ = bytes(Read10.build(transfer_length=1))
LIVES, STEPS = 2, 12
LOOK = 0.001
_names = itertools.count()


@pytest.fixture(params=["local", "unix"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    url = f"local:storm{next(_names)}" if request.param == "local" else f"unix:{tmp_path}/s"
    with Server(url, LunMap([(256, Disk(Ram(1 << 20), "a"))])):
        yield url


class Storm:
    """Sessions of one loop. Each does what its numbers say, closes others, and is closed by them."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.random = Random(seed)
        self.living: list[Session] = []
        self.steps = self.looks = 0
        self.forgotten = 0

    def look(self) -> None:
        """Between two rounds nobody owes a partner its doorbell."""
        self.looks += 1
        self.forgotten += sum(session.port.owed for session in self.living)  # type: ignore[attr-defined]

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            self.look()
            self.timer = loop.call_later(LOOK, again)

        self.timer = loop.call_later(LOOK, again)

    async def life(self) -> None:
        for _ in range(LIVES):
            session = Session(
                self.url, buffers=1 << 20, max_transfer=64 << 10, max_requests=self.random.choice((2, 16))
            )
            self.living.append(session)
            try:
                await session.connect()
                (disk,) = await session.scan(channels=[0], ids=[1])
                await disk.capacity()
                for _ in range(STEPS):
                    await self.random.choice(WHAT)(self, disk)
                    self.steps += 1
            except SrpError:  # somebody has closed it
                await self.close_another()
            finally:
                self.living.remove(session)
                await self.close(session)

    async def close(self, session: Session) -> None:
        if self.random.random() < 0.5:
            session._end()
        else:
            with suppress(SrpError):
                await session.close()

    async def close_another(self) -> None:
        if self.living and self.random.random() < 0.5:
            await self.close(self.random.choice(self.living))

    # What a session does.

    async def read(self, disk: Device) -> None:
        for lba in range(self.random.randrange(1, 8)):
            assert await disk.read(lba) == bytes(512)

    async def read_together(self, disk: Device) -> None:
        await asyncio.gather(*map(disk.read, range(self.random.randrange(1, 30))), return_exceptions=True)

    async def cancel(self, disk: Device) -> None:
        tasks = [asyncio.ensure_future(disk.read(lba)) for lba in range(self.random.randrange(1, 12))]
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def cancel_in_a_callback(self, disk: Device) -> None:
        first, second = (asyncio.ensure_future(disk.read(lba)) for lba in range(2))
        first.add_done_callback(lambda _: second.cancel())
        await asyncio.gather(first, second, return_exceptions=True)

    async def submit_in_a_callback(self, disk: Device) -> None:
        session, begun = disk.session, []

        def submit(_: object) -> None:
            with suppress(SrpError):
                begun.append(session.submit(disk.lun, READ, data_in_length=512))

        first = asyncio.ensure_future(disk.read(0))
        first.add_done_callback(submit)
        await asyncio.gather(first, return_exceptions=True)
        await session.gather(begun)

    async def submit(self, disk: Device) -> None:
        begun = [
            disk.session.submit(disk.lun, READ, data_in_length=512)
            for _ in range(self.random.randrange(1, 12))
        ]
        if self.random.random() < 0.5:
            disk.session.flush()
        if self.random.random() < 0.5:
            await disk.session.gather(begun)

    async def reset(self, disk: Device) -> None:
        if self.random.random() < 0.2:
            await disk.session.host_reset()

    async def another(self, disk: Device) -> None:
        if self.random.random() < 0.2:
            await self.close_another()


WHAT: list[Callable[[Storm, Device], Awaitable[Any]]] = [
    Storm.read, Storm.read, Storm.read_together, Storm.cancel, Storm.cancel_in_a_callback,
    Storm.submit_in_a_callback, Storm.submit, Storm.submit, Storm.reset, Storm.another,
]  # fmt: skip


@pytest.mark.parametrize("count", [1, 7, 8, 9, 60])
def test_storm(url: str, count: int) -> None:
    """As many as ring each by itself, as ring together, and one less and more."""
    storm, told = Storm(url, count), []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        await storm.watch()
        await asyncio.wait_for(asyncio.gather(*(storm.life() for _ in range(count))), PATIENCE)
        storm.timer.cancel()

    asyncio.run(main())
    assert storm.steps >= count
    assert storm.looks
    assert (storm.forgotten, told) == (0, [])
