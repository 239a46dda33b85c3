"""The asyncio form against the real target."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from captured_server import CapturedServer
from pysrp.backends import Ram
from pysrp.errors import CheckCondition, HcallError, PartnerGone, TransportError
from pysrp.fabric import ReturnCode, connect
from pysrp.fabric.local import pair
from pysrp.initiator import Session as BlockingSession
from pysrp.initiator.aio import Device, Session
from pysrp.initiator.requests import Aborted, TimedOut
from pysrp.lun import Lun
from pysrp.scsi import cdb
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from waiting import PATIENCE

SIZE = 8 << 20
READY = bytes(cdb.TestUnitReady.build())
READ = bytes(cdb.Read10.build(transfer_length=1))
_names = itertools.count()


class Gate(Ram):
    """Reads pass only while the gate is open."""

    blocking = True

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.opened = threading.Event()

    def read_into(self, offset: int, view: memoryview) -> None:
        self.opened.wait(PATIENCE)
        super().read_into(offset, view)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate(SIZE)
    yield gate
    gate.opened.set()


@pytest.fixture(params=["local", "unix"])
def server(request: pytest.FixtureRequest, tmp_path: Path, gate: Gate) -> Iterator[Server]:
    url = f"local:aio{next(_names)}" if request.param == "local" else f"unix:{tmp_path}/s"
    with Server(url, LunMap([(256, Disk(Ram(SIZE), "a")), (512, Disk(gate, "gate"))])) as server:
        yield server
        gate.opened.set()


def run(server: Server, main: Callable[[Session, Device], Awaitable[None]]) -> None:
    """``main`` in a loop of its own, with a session and its first disk."""

    async def whole() -> None:
        async with Session(server.url, window_size=64 << 20) as session:
            disk, _ = await session.scan(channels=[0], ids=range(4))
            await main(session, disk)

    asyncio.run(asyncio.wait_for(whole(), PATIENCE))


def test_reads_and_writes(server: Server) -> None:
    async def main(session: Session, disk: Device) -> None:
        assert (await disk.capacity()).size == SIZE
        assert (await disk.inquiry()).vendor.strip() == "IBM"
        data = os.urandom(5 << 20)
        await disk.write(3, data)
        assert await disk.read(3, len(data) // 512) == data
        into = bytearray(8192)
        await disk.read_into(3, into)
        assert into == data[:8192]
        await disk.flush()
        await disk.test_unit_ready()
        parts = await asyncio.gather(*(disk.read(3 + i) for i in range(500)))
        assert b"".join(parts) == data[: 500 * 512]
        pending = [session.submit(disk.lun, READ, data_in_length=512) for _ in range(300)]
        assert len(await session.gather(pending)) == 300

    run(server, main)


def test_errors_and_resets(server: Server) -> None:
    async def main(session: Session, disk: Device) -> None:
        with pytest.raises(CheckCondition):
            await disk.read(SIZE // 512)
        assert (await disk.execute(bytes(6), check=False)).status == 0
        await disk.reset()
        with pytest.raises(CheckCondition, match="UNIT ATTENTION"):
            await disk.execute(READY)
        with pytest.raises(TransportError, match="CLEAR ACA"):
            await session.task_management(TskMgmtFunc.CLEAR_ACA, disk.lun)
        await session.host_reset()
        assert session.engine.logins == 2
        assert await disk.read(0) == bytes(512)

    run(server, main)


def test_cancelling_aborts(server: Server, gate: Gate) -> None:
    async def main(session: Session, disk: Device) -> None:
        other = Lun.logical_unit(2)
        task = asyncio.ensure_future(session.execute(other, READ, data_in_length=512))
        while not session.engine.srp.debits:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.opened.set()
        assert await disk.read(0) == bytes(512)
        while session.engine.srp.debits:
            await disk.test_unit_ready()
        assert session.engine.srp.credits == 128

    run(server, main)


def test_aborting(server: Server, gate: Gate) -> None:
    async def main(session: Session, disk: Device) -> None:
        pending = session.submit(Lun.logical_unit(2), READ, data_in_length=512)
        waiting = asyncio.gather(session.wait(pending), session.wait(pending))
        gate.opened.set()
        assert await session.abort(pending)
        await waiting
        assert pending.error is None or isinstance(pending.error, Aborted)
        assert await session.abort(pending)

    run(server, main)


def test_the_server_comes_back(server: Server) -> None:
    async def main(session: Session, disk: Device) -> None:
        server.disable()
        while session.connected:
            await asyncio.sleep(0)
        with pytest.raises(TimedOut):
            await session.wait_connected(0)
        later = asyncio.ensure_future(disk.read(0))
        server.enable()
        await session.wait_connected()
        assert await later == bytes(512)

    run(server, main)


def test_closing(server: Server, gate: Gate) -> None:
    async def main(session: Session, disk: Device) -> None:
        pending = session.submit(Lun.logical_unit(2), READ, data_in_length=512, retries=3)
        await session.execute(Lun.logical_unit(2), bytes(6), retries=3)
        await session.close()
        with pytest.raises(PartnerGone):
            await session.gather([pending])
        with pytest.raises(PartnerGone):
            await session.wait_connected()

    run(server, main)


def test_time_passes_without_elements() -> None:
    """Retries of the hypervisor's and of busy queues happen although nothing comes in."""

    async def main() -> None:
        client, port = pair(window_size=64 << 20)
        partner = CapturedServer(port, "boot_login")
        partner.start()
        client.inject("H_SEND_CRQ", ReturnCode.H_DROPPED, 3)
        async with Session(client) as session:
            client.inject("H_ENABLE_CRQ", ReturnCode.H_LONG_BUSY_1_MSEC, 3)
            client.suspend()
            await session.execute(Lun("8100"), READY)
            assert session.engine.logins == 2
            client.inject("H_SEND_CRQ", ReturnCode.H_DROPPED, 3)
            await session.execute(Lun("8100"), READY)
        client.close()
        partner.join(PATIENCE)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_hypervisor_that_refuses_ends_what_is_awaited() -> None:
    async def main() -> None:
        client, port = pair(window_size=64 << 20)
        partner = CapturedServer(port, "boot_login")
        partner.start()
        async with Session(client) as session:
            waiting = asyncio.ensure_future(session.execute(Lun("8100"), READY))
            await asyncio.sleep(0)
            client.inject("H_FREE_CRQ", ReturnCode.H_HARDWARE, 1)
            with pytest.raises(HcallError, match="H_HARDWARE"):
                await session.host_reset()
            for call in waiting, session.execute(Lun("8100"), READY, timeout=0):
                with pytest.raises(TransportError):
                    await call
        client.close()
        partner.join(PATIENCE)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_port_that_its_owner_closes_ends_what_is_awaited(server: Server) -> None:
    async def main() -> None:
        problems: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        port = connect(server.url)
        session = Session(port)
        await session.connect()
        disk = (await session.scan(channels=[0], ids=[2]))[0]
        waiting = asyncio.ensure_future(disk.execute(READ, data_in_length=512, timeout=0.1))
        await asyncio.sleep(0)
        port.close()
        with pytest.raises(PartnerGone):
            await waiting
        await session.close()
        assert problems == []

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize("call", ["read", "flush", "execute", "reset"])
def test_a_port_that_its_owner_has_closed(server: Server, call: str) -> None:
    """What is begun then ends as what was under way does, and so it does in the blocking session."""
    arguments = [READ] if call == "execute" else [0] if call == "read" else []

    async def main() -> None:
        port = connect(server.url)
        async with Session(port) as session:
            disk = (await session.scan(channels=[0], ids=[2]))[0]
            port.close()
            with pytest.raises(PartnerGone, match="the port was closed"):
                await getattr(disk, call)(*arguments)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
    port = connect(server.url)
    with BlockingSession(port) as session:
        blocking = session.scan(channels=[0], ids=[2])[0]
        waiting = blocking.submit_read(0)
        port.close()
        with pytest.raises(PartnerGone, match="the port was closed"):
            waiting.result()
        with pytest.raises(PartnerGone):
            getattr(blocking, call)(*arguments)
