"""What a task awaits while its command is under way: a future to the task, and one call of the loop for many."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pysrp._fast.aio_promise import Alarm, Promise

from pysrp.backends import Ram
from pysrp.errors import PartnerGone
from pysrp.initiator import aio
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

SIZE = 1 << 20
_names = itertools.count()
said: contextvars.ContextVar[str] = contextvars.ContextVar("said", default="nothing")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(f"local:answers{next(_names)}", LunMap([(256, Disk(Ram(SIZE), "a"))])) as server:
        yield server


async def disk_of(session: aio.Session) -> aio.Device:
    (disk,) = await session.scan(channels=[0], ids=[1])
    await disk.capacity()
    return disk


def in_python(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> Any:
    return asyncio.tasks._PyTask(coro, loop=loop, **more)  # type: ignore[attr-defined]


@pytest.mark.parametrize("factory", [None, in_python])
def test_many_tasks(server: Server, factory: Any) -> None:
    """Each gets its own blocks, in its own context, by tasks in C and in Python."""

    async def one(disk: aio.Device, lba: int) -> None:
        said.set(f"block {lba}")
        data = b"%08d" % lba * 64
        buffer = bytearray(512)
        await disk.write(lba, data)
        assert await disk.read(lba) == data
        await disk.write(lba, bytearray(data[::-1]))
        await disk.read_into(lba, buffer)
        assert buffer == data[::-1]
        assert (
            await disk.execute(b"\x28\0" + lba.to_bytes(4, "big") + b"\0\0\1\0", data_in_length=512)
        ).data == buffer
        assert said.get() == f"block {lba}"

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        async with aio.Session(server.url) as session:
            disk = await disk_of(session)
            await asyncio.gather(*(one(disk, lba) for lba in range(150)))
            assert await disk.read(0, 150) == b"".join((b"%08d" % n * 64)[::-1] for n in range(150))
            for wrong in disk.read_into(0, bytearray(513)), disk.write(0, bytes(513)):
                with pytest.raises(ValueError, match="513 bytes"):
                    await wrong

    asyncio.run(main())


def test_two_tasks_await_one_command(server: Server) -> None:
    async def main() -> None:
        async with aio.Session(server.url) as session:
            disk = await disk_of(session)
            pending = disk.start_read(0, 1, 512)
            await asyncio.gather(session.wait(pending), session.wait(pending), session.gather([pending]))
            assert pending.done
            await session.wait(pending)
        with pytest.raises(PartnerGone):
            disk.start_read(0, 1, 512)

    asyncio.run(main())


class Woken:
    """A loop and its tasks, as an answer sees them."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.woken: list[Any] = []
        self.alarm = Alarm(self)  # type: ignore[arg-type]

    def call_soon(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def run(self) -> None:
        soon, self.soon = self.soon, []
        for call in soon:
            call()

    def awaited(self, wake: Callable[[Any], None] | None = None) -> Promise:
        answer = Promise(self.alarm)
        assert next(answer.__await__()) is answer
        assert answer._asyncio_future_blocking
        assert answer.get_loop() is self  # type: ignore[comparison-overlap]
        answer.add_done_callback(wake or self.woken.append, context=contextvars.copy_context())
        return answer


def test_one_call_wakes_all() -> None:
    loop = Woken()
    answers = [loop.awaited() for _ in range(5)]
    for answer in answers:
        answer(None)  # type: ignore[arg-type]
        answer(None)  # type: ignore[arg-type]
        assert answer.done()
    assert len(loop.soon) == 1
    assert not loop.woken
    loop.run()
    assert loop.woken == answers
    assert not loop.soon
    for answer in answers:
        assert answer.result() is None  # type: ignore[func-returns-value]
        with pytest.raises(StopIteration):
            next(answer)
        assert not answer.cancel()


def test_held_until_the_turn_is_over() -> None:
    loop = Woken()
    loop.alarm.held = True
    answer = loop.awaited()
    answer(None)  # type: ignore[arg-type]
    assert not loop.soon
    loop.alarm.ring()
    assert loop.woken == [answer]
    assert not loop.alarm.held


def test_cancelled() -> None:
    loop = Woken()
    answer = loop.awaited()
    with pytest.raises(RuntimeError, match="awaits this answer already"):
        answer.add_done_callback(loop.woken.append, context=contextvars.copy_context())
    assert answer.cancel("enough")
    assert answer.cancelled()
    answer(None)  # type: ignore[arg-type]
    loop.run()
    assert loop.woken == [answer]
    with pytest.raises(asyncio.CancelledError):
        answer.result()
    nobody = Promise(loop.alarm)
    assert nobody.cancel()
    with pytest.raises(asyncio.CancelledError):
        next(iter(nobody))
    nobody.add_done_callback(loop.woken.append, context=contextvars.copy_context())
    loop.run()
    assert loop.woken == [answer, nobody]


@pytest.mark.parametrize(
    "thrown", [(KeyError("gone"),), (KeyError, None), (KeyError, KeyError("gone"), None)]
)
def test_what_is_thrown_in_goes_on(thrown: Any) -> None:
    """As into a generator: an exception, or its type with it."""
    with pytest.raises(KeyError):
        Woken().awaited().throw(*thrown)


def test_what_is_thrown_in_keeps_its_traceback() -> None:
    try:
        raise KeyError("gone")
    except KeyError as error:
        known = error
    with pytest.raises(KeyError) as found:
        Woken().awaited().throw(KeyError, known, known.__traceback__)
    assert "known" not in found.value.args
    assert found.traceback[-1].name == "test_what_is_thrown_in_keeps_its_traceback"


def test_an_interrupt_forgets_nobody() -> None:
    loop = Woken()

    def interrupt(_: Any) -> None:
        raise KeyboardInterrupt

    for answer in loop.awaited(), loop.awaited(interrupt), loop.awaited(), loop.awaited():
        answer(None)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    assert len(loop.woken) == 1
    loop.run()
    assert len(loop.woken) == 3


def test_what_is_no_alarm() -> None:
    with pytest.raises(TypeError):
        Promise(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Promise(5)  # type: ignore[arg-type]
