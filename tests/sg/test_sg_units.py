"""The commands of a unit over SG_IO: the device's face, giving up, changes, errors; in blocking calls and in asyncio."""

from __future__ import annotations

import asyncio
import re
import signal
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pysrp import initiator, scsi
from pysrp.errors import (
    Busy,
    CheckCondition,
    ConfigError,
    PartnerGone,
    ReservationConflict,
    SrpError,
    TransportError,
    UnavailableError,
)
from pysrp.initiator import READ, WRITE, Aborted, ScsiDevice, ScsiHost, TimedOut, UnitChanged
from pysrp.initiator import aio as initiator_aio
from pysrp.lun import Lun
from pysrp.scsi import codes
from pysrp.scsi.sense import sense
from pysrp.sg import crew
from pysrp.sg.session import Device, SgUnit
from pysrp.srp import TaskAttribute
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from sg_rig import SIZE, AioSession, BlockingSession, Sysfs, Wired, wired
from waiting import PATIENCE

BLOCKS = SIZE // 512
CAPACITY_CHANGED = bytes(sense(codes.SenseKey.UNIT_ATTENTION, 0x2A, 0x09))


@pytest.fixture
def version() -> str:
    """The subsystem of the node, which says by which version of the header."""
    return "scsi_generic"


both = pytest.mark.parametrize("version", ["scsi_generic", "bsg"])


@pytest.fixture
def leads_to(tmp_path: Path) -> Iterator[tuple[type[Wired], Disk, Sysfs]]:
    """Kind of the nodes, the disk they lead to, and a sysfs that has one."""
    with wired() as (node, disk):
        sysfs = Sysfs(tmp_path)
        inquiry = bytes(
            node.target.execute(node.lun, scsi.Inquiry.build(allocation_length=96), data_in_length=96).data
        )
        sysfs.add("2:0:1:0", inquiry=inquiry)
        sysfs.add("2:0:1:0", subsystem="bsg", name="2:0:1:0", number="1:5")
        yield node, disk, sysfs


@pytest.fixture
def node(leads_to: tuple[type[Wired], Disk, Sysfs]) -> type[Wired]:
    return leads_to[0]


@pytest.fixture
def session(leads_to: tuple[type[Wired], Disk, Sysfs], version: str) -> Iterator[BlockingSession]:
    node, _, sysfs = leads_to
    with BlockingSession(
        node, "sg:/dev/null" if version == "scsi_generic" else "sg:/dev/zero", sysfs=sysfs.folder
    ) as it:
        yield it


@pytest.fixture
def device(session: BlockingSession) -> Device:
    (found,) = session.scan()
    return found


def unit_of(device: Device) -> SgUnit:
    return device.session


# The face.


@both
def test_it_is_a_device_like_the_others(session: BlockingSession, device: Device) -> None:
    assert isinstance(session, ScsiHost)
    assert isinstance(device, ScsiDevice)
    assert repr(device) == "<Device [2:0:1:0] IBM VDASD blkdev 0001>"
    assert (device.host, device.hctl, device.lun) == (2, (0, 1, 0), Lun())
    assert device.max_transfer == 512 << 10
    device.test_unit_ready()
    assert device.capacity() == (BLOCKS, 512)
    assert device.inquiry().product.rstrip() == "VDASD blkdev"
    assert device.inquiry(0x80).page_code == 0x80
    device.write(0, bytes(range(256)) * 2 * BLOCKS, fua=True)  # in two parts
    device.flush()
    assert device.read(0, BLOCKS) == bytes(range(256)) * 2 * BLOCKS
    room = bytearray(1024)
    device.read_into(7, room)
    assert room == bytes(range(256)) * 4
    assert device.execute(scsi.TestUnitReady.build()).status == 0
    device.reset()
    with pytest.raises(CheckCondition, match="reset"):
        device.execute(scsi.TestUnitReady.build(), check=True)


@both
def test_reservations(device: Device) -> None:
    action = codes.PersistentReserveOutAction
    device.persistent_reserve_out(action.REGISTER, scsi.PrOut.build(service_action_reservation_key=7))
    keys = device.persistent_reserve_in(codes.PersistentReserveInAction.READ_KEYS)
    assert list(keys.keys) == [7]


def test_columns(device: Device) -> None:
    data = bytearray(b"".join(bytes([n]) * 512 for n in range(40)))
    work = device.run(WRITE, range(40), 1, data=data, depth=3)
    assert set(work.status) == {0}
    assert all(work.latency)
    back = bytearray(len(data))
    assert not device.run(READ, range(40), 1, data=back).errors
    assert back == data
    over = device.run(READ, [0, BLOCKS], 1, retry=False)
    assert list(over.status) == [0, 2]
    assert isinstance(over.errors[1], CheckCondition)
    with pytest.raises(ValueError, match="depth 0"):
        device.run(READ, [0], 1, depth=0)


def test_many_at_a_time(session: BlockingSession, device: Device) -> None:
    device.write(0, bytes(512 * 64))
    started = [device.submit_write(n, bytes([n]) * 512) for n in range(64)]
    assert all(result.residual == 0 for result in session.gather(started))
    reads = session.gather([device.submit_read(n) for n in range(64)])
    assert [result.data[:1] for result in reads] == [bytes([n]) for n in range(64)]
    assert unit_of(device)._threads <= crew.DEPTH
    with pytest.raises(CheckCondition):
        session.gather([device.submit_read(BLOCKS), device.submit_read(0)])


def test_connect_by_url(leads_to: tuple[type[Wired], Disk, Sysfs]) -> None:
    node, _, sysfs = leads_to
    with initiator.connect("sg:", sysfs=sysfs.folder) as host:
        assert [str(found.hctl) for found in host.scan()] == ["Hctl(channel=0, id=1, lun=0)"]
    with initiator.connect(node.url, host=5) as host:
        (found,) = host.scan(channels=[0], ids=[1])
        assert isinstance(found, ScsiDevice)
        assert (found.host, found.product) == (5, "VDASD blkdev")
    with pytest.raises(TransportError):
        initiator.connect("unix:/nowhere/at/all", timeout=0.01)
    with Server("local:nobody_logs_in", LunMap(), enabled=False) as server, pytest.raises(TimedOut):
        initiator.connect(server.url, timeout=0)


# Refusals.


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"lun": Lun.multi_level(1)}, ValueError, "this node leads to LUN 0000000000000000 alone"),
        ({"attribute": TaskAttribute.ORDERED}, ValueError, "task attribute SIMPLE"),
        ({"timeout": -1}, ValueError, "a timeout of -1 s"),
        ({"timeout": float("nan")}, ValueError, "a timeout of nan s"),
        ({"into": memoryview(bytes(4)), "data_in_length": 4}, TypeError, "read-only"),
        ({"into": memoryview(bytearray(4)), "data_in_length": 5}, ValueError, "a buffer of 4 bytes for 5"),
        ({"into": memoryview(bytearray(8))[::2], "data_in_length": 4}, ValueError, "in pieces"),
        ({"data_in_length": 4, "data_out": b"1"}, ValueError, "SG_IO moves data one way"),
        ({"data_in_length": (512 << 10) + 1}, ValueError, "a command of 524289 bytes, one can move 524288"),
        ({"data_in_length": -1}, ValueError, "a command of -1 bytes"),
        ({"data_out": "text"}, TypeError, "bytes-like"),
        ({"data_out": memoryview(bytearray(8))[::2]}, TypeError, "contiguous"),
    ],
)
def test_what_is_refused(device: Device, arguments: dict[str, Any], kind: type[Exception], said: str) -> None:
    lun = arguments.pop("lun", device.lun)
    with pytest.raises(kind, match=said):
        unit_of(device).submit(lun, bytes(6), **arguments)


def test_released_memory(device: Device) -> None:
    view = memoryview(bytearray(512))
    view.release()
    with pytest.raises(ValueError, match="released"):
        device.write(0, view)
    with pytest.raises(ValueError, match="released"):
        device.read_into(0, view)
    with pytest.raises((TypeError, BufferError)):
        device.read_into(0, bytes(512))


def test_a_buffer_that_its_owner_lets_go_of(device: Device) -> None:
    with memoryview(buffer := bytearray(b"x" * 512)) as view:
        pending = device.submit_read(0, 1, into=view)
    assert pending.result().data == b""
    assert buffer == device.read(0)


def test_a_cdb_that_is_none(device: Device) -> None:
    with pytest.raises(SrpError, match="a CDB of 3 bytes; SG_IO takes 6 to 252"):
        device.execute(b"abc")


# Answers.


def answers(node: type[Wired], *given: Any) -> None:
    """What the next commands get in place of the unit's answer; None for that."""
    left = list(given)
    node.before = lambda cdb: left.pop(0) if left else None  # type: ignore[method-assign,assignment]


GOOD = (0, b"", 0, 0, 0)


@both
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((0, b"", 0, 3, 0), TimedOut),
        ((0, b"", 0, 1, 0), PartnerGone),
        ((0, b"", 0, 7, 0), TransportError),
        ((0, b"", 0, 5, 0), Aborted),
        ((2, b"", 0, 0, 8), CheckCondition),
        ((0x18, b"", 0, 0x11, 0), ReservationConflict),
    ],
)
def test_errors_say_whose_fault_it_is(
    node: type[Wired], device: Device, answer: tuple[Any, ...], kind: type[Exception]
) -> None:
    answers(node, answer)
    with pytest.raises(kind):
        device.execute(scsi.TestUnitReady.build())
    device.test_unit_ready()


@both
@pytest.mark.parametrize(("residual", "told"), [(100, (100, 0)), (-5, (0, 5)), (4096, (512, 0))])
def test_residuals(node: type[Wired], device: Device, residual: int, told: tuple[int, int]) -> None:
    answers(node, (0, b"", residual, 0, 0))
    result = device.execute(scsi.Read10.build(transfer_length=1), data_in_length=512)
    assert (result.residual, result.overflow) == told
    assert len(result.data) == 512 - told[0]
    device.capacity()
    answers(node, *[(0, b"", 100, 0, 0)] * 2)  # it looks a second time
    with pytest.raises(SrpError, match="100 bytes of 512 were not read"):
        device.read(0)


def test_what_passes_is_tried_again(
    node: type[Wired], device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "BUSY_WAIT", 0)
    device.test_unit_ready()
    ready = bytes(sense(codes.SenseKey.UNIT_ATTENTION, 0x29, 0))
    answers(node, (2, ready, 0, 0, 8), (8, b"", 0, 0, 0), (0x28, b"", 0, 0, 0))
    device.test_unit_ready()
    answers(node, *[(8, b"", 0, 0, 0)] * 4)
    with pytest.raises(Busy):
        device.test_unit_ready()
    # Not where its limit leaves no time.
    monkeypatch.setattr(crew, "BUSY_WAIT", 60)
    answers(node, (8, b"", 0, 0, 0))
    with pytest.raises(Busy):
        unit_of(device).execute(device.lun, bytes(6), timeout=1, retries=1)


def test_a_unit_that_has_changed(leads_to: tuple[type[Wired], Disk, Sysfs], device: Device) -> None:
    """A command in blocks goes on if they are the same, and does not if they are others."""
    node = leads_to[0]
    device.write(5, b"a" * 512)
    attention = (2, CAPACITY_CHANGED, 0, 0, 8)
    answers(node, attention)
    assert device.read(5) == b"a" * 512
    assert device.known_capacity is None
    assert device.capacity().block_size == 512
    seen: list[int] = []

    def other_blocks(cdb: bytes) -> Any:
        """READ, its attention, and what READ CAPACITY says then."""
        seen.append(cdb[0])
        if cdb[0] == 0x28:
            return attention
        return (0x18, b"", 0, 0, 0) if cdb[0] == 0x9E else None

    node.before = other_blocks  # type: ignore[method-assign,assignment]
    with pytest.raises(ReservationConflict):
        device.read(5)
    assert seen[:2] == [0x28, 0x9E]


def test_other_blocks(tmp_path: Path) -> None:
    """The unit now has blocks of 4 KiB: nothing is read or written in the old ones."""
    with wired(4096) as (node, _):
        sysfs = Sysfs(tmp_path)
        sysfs.add("2:0:1:0", inquiry=bytes(36))
        with BlockingSession(node, "sg:", sysfs=sysfs.folder) as session:
            (device,) = session.scan()
            device.known_capacity = initiator.Capacity(BLOCKS, 512)
            answers(node, (2, CAPACITY_CHANGED, 0, 0, 8))
            with pytest.raises(UnitChanged, match="its blocks have 4096 bytes, not 512"):
                device.write(0, bytes(512))


def test_a_change_that_another_command_hears_of(node: type[Wired], device: Device) -> None:
    """What was under way then is believed only if the blocks are the same."""
    device.capacity()
    begun, go_on = threading.Event(), threading.Event()
    asked: list[int] = []

    def before(cdb: bytes) -> Any:
        asked.append(cdb[0])
        if cdb[0] == 0x28:
            begun.set()
            assert go_on.wait(PATIENCE)
        return (2, CAPACITY_CHANGED, 0, 0, 8) if cdb[0] == 0 else None

    node.before = before  # type: ignore[method-assign,assignment]
    started = device.submit_read(0)
    assert begun.wait(PATIENCE)
    with pytest.raises(CheckCondition):
        unit_of(device).execute(device.lun, bytes(6))
    go_on.set()
    assert started.result().status == 0
    assert asked[-1] in (0x9E, 0x25)


# Giving up.


class Hold:
    """Holds back each command of an opcode until it is let go."""

    def __init__(self, node: type[Wired], opcode: int = 0x28) -> None:
        self.opcode = opcode
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()
        self.left = threading.Semaphore(0)
        node.before = self.before  # type: ignore[method-assign,assignment]

    def before(self, cdb: bytes) -> None:
        if cdb[0] == self.opcode:
            self.entered.release()
            assert self.opened.wait(PATIENCE)
            self.left.release()


@pytest.fixture
def hold(node: type[Wired]) -> Iterator[Hold]:
    hold = Hold(node)
    yield hold
    hold.opened.set()


def test_given_up_reads_write_nowhere(device: Device, hold: Hold) -> None:
    device.write(0, b"x" * 512)
    room = bytearray(b"o" * 512)
    unit = unit_of(device)
    pending = device.start_read(0, 1, 512, into=memoryview(room))
    assert hold.entered.acquire(timeout=PATIENCE)
    unit.give_up([pending])
    unit.give_up([pending])
    with pytest.raises(Aborted, match="the command was given up"):
        pending.result()
    room += b"!"  # nobody holds it
    hold.opened.set()
    device.test_unit_ready()
    unit.close()
    assert room == b"o" * 512 + b"!"


def test_what_has_not_begun_never_does(device: Device, hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = unit_of(device)
    unit._depth = 1
    device.capacity()
    first = device.submit_read(0)
    assert hold.entered.acquire(timeout=PATIENCE)
    second, third = device.submit_write(0, b"y" * 512), device.submit_write(1, b"z" * 512)
    assert unit.abort(second) is True
    with pytest.raises(Aborted, match="before it was sent"):
        second.result()
    with pytest.raises(UnavailableError, match="no way to end one command of SG_IO"):
        unit.abort(first)
    unit.close()
    with pytest.raises(PartnerGone, match="the device was closed"):
        third.result()
    assert unit.abort(third) is True
    hold.opened.set()
    assert first.result().status == 0
    with pytest.raises(PartnerGone):
        device.submit_read(0)


def test_an_interrupt(session: BlockingSession, device: Device, hold: Hold) -> None:
    """Ctrl-C while it waits: of a call, of a sequence, of many, of columns."""
    device.capacity()
    room = bytearray(512)

    def interrupt_when_begun() -> None:
        assert hold.entered.acquire(timeout=PATIENCE)
        ident = threading.main_thread().ident
        assert ident
        signal.pthread_kill(ident, signal.SIGINT)

    waits: list[Callable[[], Any]] = [
        lambda: device.submit_read(0).result(),
        lambda: device.read_into(0, room),
        lambda: session.gather([device.submit_read(0)]),
        lambda: device.run(READ, [0, 1], 1, depth=1),
    ]
    for wait in waits:
        interrupt = threading.Thread(target=interrupt_when_begun)
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            wait()
        interrupt.join()
    room += b"free"
    hold.opened.set()
    device.test_unit_ready()


def test_gather_gives_all_up_when_it_is_interrupted(
    session: BlockingSession, device: Device, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    started = [device.submit_read(0), device.submit_read(1)]
    with monkeypatch.context() as patch:
        patch.setattr(type(started[0].session), "complete", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.gather(started)
    hold.opened.set()
    device.test_unit_ready()


def test_a_thread_survives_what_it_does_not_expect(node: type[Wired], device: Device) -> None:
    def before(cdb: bytes) -> None:
        raise MemoryError("no more")

    node.before = before  # type: ignore[method-assign,assignment]
    with pytest.raises(SrpError, match="could not be carried out: MemoryError"):
        device.test_unit_ready()
    node.before = None
    device.test_unit_ready()


def test_idle_threads_end(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "IDLE", 0)
    device.test_unit_ready()
    for thread in threading.enumerate():
        if thread.name == "pysrp-sg":
            thread.join(PATIENCE)
    assert unit_of(device)._threads == 0
    device.test_unit_ready()


# asyncio.


@both
def test_asyncio(leads_to: tuple[type[Wired], Disk, Sysfs], version: str) -> None:
    node, _, sysfs = leads_to
    url = "sg:/dev/null" if version == "scsi_generic" else "sg:/dev/zero"

    async def use() -> None:
        async with AioSession(node, url, sysfs=sysfs.folder) as session:
            (disk,) = await session.scan()
            await disk.write(0, b"one" + bytes(509) + b"two" + bytes(509))
            first, second = await asyncio.gather(disk.read(0), disk.read(1))
            assert (first[:3], second[:3]) == (b"one", b"two")
            assert await disk.capacity() == (BLOCKS, 512)
            assert (await disk.execute(scsi.TestUnitReady.build())).status == 0
            with pytest.raises(CheckCondition):
                await disk.read(BLOCKS)
            await disk.reset()
            await disk.test_unit_ready()
            await session.close()
            with pytest.raises(PartnerGone):
                await disk.read(0)

    asyncio.run(use())


def test_a_cancelled_await_gives_up(leads_to: tuple[type[Wired], Disk, Sysfs], hold: Hold) -> None:
    node, _, sysfs = leads_to
    room = bytearray(b"o" * 512)

    async def use() -> None:
        async with AioSession(node, "sg:/dev/null", sysfs=sysfs.folder) as session:
            (disk,) = await session.scan()
            await disk.capacity()
            unit = disk.session
            pending = unit.submit(disk.lun, bytes(scsi.Read10.build(transfer_length=1)), data_in_length=512)
            assert hold.entered.acquire(timeout=PATIENCE)  # it has begun, and waits for nobody of this loop
            for begun, waiting in ((False, disk.read_into(0, room)), (True, unit.wait(pending))):
                task = asyncio.ensure_future(waiting)
                await asyncio.sleep(0)
                assert begun or hold.entered.acquire(timeout=PATIENCE)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert pending.done
            await unit.wait(pending)
            room.extend(b"free")
            hold.opened.set()
            await disk.test_unit_ready()

    asyncio.run(use())
    assert room == b"o" * 512 + b"free"


def test_a_loop_that_has_gone(leads_to: tuple[type[Wired], Disk, Sysfs], hold: Hold) -> None:
    """A command ends after its loop: the thread goes on."""
    node, _, sysfs = leads_to
    session = AioSession(node, "sg:/dev/null", sysfs=sysfs.folder)

    async def begin() -> Any:
        (disk,) = await session.scan()
        await disk.capacity()
        pending = disk.start_read(0, 1, 512)
        task = asyncio.ensure_future(disk.session._done(pending))
        await asyncio.sleep(0)
        task.cancel()
        return disk, pending

    disk, pending = asyncio.run(begin())
    hold.opened.set()

    async def again() -> None:
        await disk.session.wait(pending)
        await disk.test_unit_ready()
        await session.close()

    asyncio.run(again())


# The page in the documentation.


def test_what_the_page_shows(node: type[Wired], capsys: pytest.CaptureFixture[str]) -> None:
    """Its Python, over a target in place of this machine."""
    page = (Path(__file__).parents[2] / "docs/sg.md").read_text().split("## In Python\n")[1].split("\n## ")[0]
    shown = "".join(re.findall(r"(?:^(?:    .*)?\n)+", page, re.MULTILINE))
    assert 'connect("sg:")' in shown
    space: dict[str, Any] = {}
    exec(textwrap.dedent(shown.replace('"sg:"', repr(node.url))), space)
    assert "VDASD blkdev" in capsys.readouterr().out
    with initiator.connect(node.url) as host:
        (device,) = host.scan(channels=[0], ids=[1])
        assert space["serial"](device) == device.inquiry(0x80).serial


@pytest.mark.parametrize("url", ["sg:", "sg:/dev/sg0"])
def test_a_session_with_a_target_says_who_opens_these(url: str) -> None:
    for kind in initiator.Session, initiator_aio.Session:
        with pytest.raises(
            ConfigError, match=rf"pysrp\.initiator\.connect\('{url}'\) opens devices of this machine"
        ):
            kind(url)
