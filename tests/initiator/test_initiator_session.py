"""Blocking sessions against the real target, in this process, over both simulated transports."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from captured_server import CapturedServer
from pysrp import srp
from pysrp.backends import Ram
from pysrp.errors import CheckCondition, PartnerGone, TransportError
from pysrp.fabric import Identity, ReturnCode, connect
from pysrp.fabric.local import LocalPort, pair
from pysrp.fabric.recorder import Recorder
from pysrp.initiator.requests import Aborted, LoginRejected, TimedOut
from pysrp.initiator.session import Session
from pysrp.initiator.staging import CHUNK
from pysrp.lun import Hctl, Lun
from pysrp.scsi import cdb
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from waiting import PATIENCE

SIZE = 16 << 20
READY = bytes(cdb.TestUnitReady.build())
_names = itertools.count()


class Gate(Ram):
    """A backend that blocks: reads pass only while the gate is open."""

    blocking = True

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.opened = threading.Event()
        self.opened.set()
        self.entered = threading.Semaphore(0)

    def read_into(self, offset: int, view: memoryview) -> None:
        self.entered.release()
        self.opened.wait(PATIENCE)
        super().read_into(offset, view)


@pytest.fixture(params=["local", "unix"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a server of the test's may listen."""
    return f"local:initiator{next(_names)}" if request.param == "local" else f"unix:{tmp_path}/s"


@pytest.fixture
def gate() -> Iterator[Gate]:
    """The backend of the last disk."""
    gate = Gate(SIZE)
    yield gate
    gate.opened.set()


def disks(gate: Gate) -> LunMap:
    """512-byte blocks at id 1, 4096-byte blocks at id 2, the gate at id 3."""
    return LunMap(
        [(256, Disk(Ram(SIZE), "a")), (512, Disk(Ram(SIZE), "b", block_size=4096)), (768, Disk(gate, "gate"))]
    )


@pytest.fixture
def server(url: str, gate: Gate) -> Iterator[Server]:
    """Three disks."""
    with Server(url, disks(gate), Settings(partition_name="VIOS3-P6", partition_number=40)) as server:
        yield server
        gate.opened.set()


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    """Logged in to them."""
    identity = Identity(unit_address=0x30000028, partition_name="lparA")
    with Session(server.url, identity=identity, host=2, window_size=64 << 20) as session:
        yield session
        assert session.engine.srp.debits == 0
        assert session.engine.srp.credits == 128
        assert len(session.staging.chunks) == session.staging.all_chunks


def test_scan(session: Session) -> None:
    assert session.server is not None
    assert (session.server.partition_name, session.server.partition_number) == ("VIOS3-P6", 40)
    found = session.scan()
    assert [device.hctl for device in found] == [Hctl(0, n, 0) for n in (1, 2, 3)]
    assert [device.lun for device in found] == [Lun.logical_unit(n) for n in (1, 2, 3)]
    assert {(d.type, d.vendor, d.product, d.revision) for d in found} == {(0, "IBM", "VDASD blkdev", "0001")}
    assert repr(found[0]) == "<Device [2:0:1:0] IBM VDASD blkdev 0001>"
    assert [tuple(device.capacity()) for device in found] == [
        (SIZE >> 9, 512),
        (SIZE >> 12, 4096),
        (SIZE >> 9, 512),
    ]


def test_what_a_disk_says_of_itself(session: Session) -> None:
    disk = session.scan(ids=[1], channels=[0])[0]
    assert disk.inquiry().vendor.strip() == "IBM"
    assert 0x83 in bytes(disk.inquiry(vpd=0))[4:]
    assert disk.inquiry(vpd=0x80).page_code == 0x80
    disk.test_unit_ready()
    disk.flush()


def test_reads_and_writes_of_every_length(session: Session) -> None:
    """Direct, indirect in the IU, an external table, several commands; against a model."""
    rng = random.Random(1)
    for disk in session.scan():
        block = disk.capacity().block_size
        model = bytearray(SIZE)
        chunk, most = CHUNK // block, session.max_transfer // block
        for length in 1, 2, chunk, chunk + 1, 10 * chunk, 11 * chunk, most, most + 3, 2 * most + 1:
            lba = rng.randrange(SIZE // block - length + 1)
            data = rng.randbytes(length * block)
            disk.write(lba, data, fua=bool(length & 1))
            model[lba * block : lba * block + len(data)] = data
            assert disk.read(lba, length) == data
        whole = bytearray(SIZE)
        disk.read_into(0, whole)
        assert whole == model
    assert session.scan(channels=[0], ids=[1])[0].read(0, 0) == b""


def test_many_at_a_time(session: Session) -> None:
    disk = session.scan(channels=[0], ids=[1])[0]
    data = os.urandom(1000 * 512)
    session.gather(disk.submit_write(i, data[i * 512 : i * 512 + 512]) for i in range(1000))
    order = random.Random(2).sample(range(1000), 1000)
    reads = [disk.submit_read(i) for i in order]
    for i, result in zip(order, session.gather(reads), strict=True):
        assert result.data == data[i * 512 : i * 512 + 512]


def test_more_data_than_memory_waits_its_turn(server: Server) -> None:
    with Session(server.url, buffers=4 * CHUNK, max_transfer=2 * CHUNK, window_size=16 << 20) as session:
        disk = session.scan(channels=[0], ids=[1])[0]
        assert session.max_transfer == 2 * CHUNK
        data = os.urandom(4 << 20)
        disk.write(3, data)
        assert disk.read(3, len(data) // 512) == data
        with pytest.raises(ValueError, match="one command can move"):
            disk.submit_read(0, 3 * CHUNK // 512)
        assert len(session.staging.chunks) == session.staging.all_chunks == 3, "one is for READ CAPACITY"


def test_the_largest_command_of_a_transport(session: Session) -> None:
    """Long reads and writes go in parts of that size; one command cannot be longer."""
    disk = session.scan(channels=[0], ids=[1])[0]
    data = os.urandom(5000 // 512 * 512 * 3)
    session.engine.srp.largest = 5000
    assert session.max_transfer == 5000
    disk.write(8, data)
    assert disk.read(8, len(data) // 512) == data
    with pytest.raises(ValueError, match="one command can move 5000"):
        disk.submit_read(8, 10)
    with pytest.raises(ValueError, match="one command can move 5000"):
        disk.submit_write(8, bytes(5120))
    disk.submit_read(8, 9).result()


def test_errors_are_raised_and_may_be_looked_at(session: Session) -> None:
    disk = session.scan(channels=[0], ids=[1])[0]
    with pytest.raises(CheckCondition, match=r"READ\(10\): CHECK CONDITION: ILLEGAL REQUEST") as found:
        disk.read(SIZE // 512, 1)
    assert found.value.status == 2
    assert parse_sense(found.value.sense).asc == 0x21
    result = disk.execute(bytes.fromhex("ff0000000000"), check=False)
    assert (result.status, result.data) == (2, b"")
    assert parse_sense(result.sense).asc == 0x20
    with pytest.raises(ValueError, match="whole blocks"):
        disk.write(0, b"abc")
    with pytest.raises(ValueError, match="buffer of 100 bytes"):
        disk.read_into(0, bytearray(100))
    disk.test_unit_ready()


def test_short_answers(session: Session) -> None:
    """What comes is cut to what has come, whichever way the target says so."""
    session.scan(channels=[0], ids=[1])[0].test_unit_ready()
    result = session.execute(Lun.logical_unit(1), cdb.ReadCapacity10.build(), data_in_length=100)
    assert len(result.data) == 8
    assert result.residual == 92
    data = bytearray(b"x" * 100)
    pending = session.submit(
        Lun.logical_unit(1), bytes(cdb.ReadCapacity10.build()), data_in_length=100, into=memoryview(data)
    )
    assert pending.result().data == b""
    assert data[8:] == b"x" * 92


def test_unit_attentions(session: Session) -> None:
    disk = session.scan(channels=[0], ids=[1])[0]
    disk.capacity()
    disk.reset()
    with pytest.raises(CheckCondition, match="UNIT ATTENTION"):
        disk.execute(READY)
    disk.reset()
    assert disk.read(0) == bytes(512), "tried again, as Linux does"


def blocked(session: Session, gate: Gate) -> Callable[[], object]:
    """A read that hangs in the backend."""
    disk = session.scan(channels=[0], ids=[3])[0]
    disk.capacity()
    while gate.entered.acquire(blocking=False):
        pass
    gate.opened.clear()
    return lambda **more: session.submit(
        disk.lun, bytes(cdb.Read10.build(transfer_length=1)), data_in_length=512, **more
    )


def test_abort(session: Session, gate: Gate) -> None:
    start = blocked(session, gate)
    pending = start()
    assert gate.entered.acquire(timeout=PATIENCE)
    free = session.scan(channels=[0], ids=[1])[0]
    assert free.read(0) == bytes(512), "others are not held up"
    gate.opened.set()
    assert session.abort(pending)
    assert pending.done
    assert pending.error is None or isinstance(pending.error, Aborted), "whichever was faster"
    assert session.abort(pending)


def test_abort_before_sending(server: Server) -> None:
    with Session(server.url, buffers=1, max_transfer=CHUNK, max_requests=4, window_size=16 << 20) as session:
        first, second = (session.submit(Lun.logical_unit(1), READY, data_in_length=10) for _ in range(2))
        assert session.abort(second)
        with pytest.raises(Aborted):
            second.result()
        first.result(check=False)


def test_lun_reset_ends_commands(session: Session, gate: Gate) -> None:
    pending = blocked(session, gate)()
    assert gate.entered.acquire(timeout=PATIENCE)
    gate.opened.set()
    session.lun_reset(Lun.logical_unit(3))
    assert pending.done


def test_task_management_that_is_refused(session: Session) -> None:
    with pytest.raises(TransportError, match="CLEAR ACA: response code 4"):
        session.task_management(TskMgmtFunc.CLEAR_ACA, Lun.logical_unit(1))
    with pytest.raises(TransportError, match="LUN RESET: response code 2"):
        session.lun_reset(Lun.logical_unit(60))


def test_host_reset_with_io_in_flight(session: Session, gate: Gate) -> None:
    start = blocked(session, gate)
    lost, kept = start(), start(replay=True)
    assert gate.entered.acquire(timeout=PATIENCE)
    gate.opened.set()
    session.host_reset()
    assert session.engine.logins == 2
    session.wait(lost)
    assert isinstance(lost.error, (PartnerGone, type(None)))
    kept.retries = 5
    assert kept.result().data == bytes(512)


def test_the_server_comes_back(server: Server, session: Session, gate: Gate) -> None:
    """Disabled and enabled: what was in flight is lost or replayed, what comes later waits."""
    disk = session.scan(channels=[0], ids=[1])[0]
    disk.write(5, b"a" * 512)
    server.disable()
    pending = session.submit(disk.lun, READY, retries=3)
    while session.connected:
        session._once(float("inf"))
    server.enable()
    session.wait_connected()
    assert session.engine.logins == 2
    assert pending.done or session.wait(pending) is None
    assert disk.read(5) == b"a" * 512


def test_another_server_takes_over(tmp_path: Path) -> None:
    """The process at the other end is replaced: the client finds the new one by itself."""
    url = f"unix:{tmp_path}/s"
    backend = Ram(SIZE)
    first = Server(url, LunMap([(256, Disk(backend, "a"))]))
    with Session(url, window_size=64 << 20, replay=True) as session:
        disk = session.scan(channels=[0], ids=[1])[0]
        disk.write(1, b"kept" * 128)
        first.stop()
        with Server(url, LunMap([(256, Disk(backend, "a"))])):
            assert disk.read(1) == b"kept" * 128
            assert session.engine.logins == 2


def test_the_session_starts_before_the_server(tmp_path: Path, gate: Gate) -> None:
    url = f"unix:{tmp_path}/s"
    with connect(url, timeout=0, window_size=64 << 20) as port:
        session = Session(port)
        with pytest.raises(TimedOut, match="waiting for the partner"):
            session.connect(timeout=0)
        with Server(url, disks(gate)):
            session.wait_connected()
            assert len(session.scan(channels=[0], ids=range(5))) == 3
            session.close()


def test_waiting_has_an_end(url: str, server: Server, gate: Gate) -> None:
    with Session(server.url, window_size=64 << 20) as session:
        start = blocked(session, gate)
        pending = start()  # with no limit of its own: only the wait has one
        with pytest.raises(TimedOut):
            session.wait(pending, timeout=0.01)
        assert not pending.done
        limited = start(timeout=0.01)
        assert gate.entered.acquire(timeout=PATIENCE)
        gate.opened.set()
        session.wait(limited)
        assert limited.error is None or isinstance(limited.error, TimedOut)
        session.wait(pending)
        assert pending.error is None
        assert session.connected


# What only the hypervisor's model can do.


@pytest.fixture
def qemu() -> Iterator[tuple[LocalPort, CapturedServer]]:
    """A client port whose partner is the captured QEMU."""
    client, port = pair(window_size=64 << 20)
    server = CapturedServer(port, "boot_login", "readwrite_small")
    server.start()
    yield client, server
    client.close()
    server.join(PATIENCE)
    assert server.error is None


DISK = Lun("8100")


def test_migration(qemu: tuple[LocalPort, CapturedServer]) -> None:
    client, _ = qemu
    client.inject("H_ENABLE_CRQ", ReturnCode.H_LONG_BUSY_1_MSEC, 3)
    with Session(client) as session:
        client.suspend()
        assert session.execute(DISK, READY).status == 0
        assert session.engine.logins == 2


def test_a_queue_that_cannot_be_enabled_is_reset(qemu: tuple[LocalPort, CapturedServer]) -> None:
    client, _ = qemu
    client.inject("H_ENABLE_CRQ", ReturnCode.H_HARDWARE, 1)
    with Session(client) as session:
        client.suspend()
        assert session.execute(DISK, READY).status == 0


def test_busy_hypervisor(qemu: tuple[LocalPort, CapturedServer]) -> None:
    client, _ = qemu
    with Session(client) as session:
        client.inject("H_FREE_CRQ", ReturnCode.H_BUSY, 3)
        session.host_reset()
        assert session.execute(DISK, READY).status == 0
        client.inject("H_FREE_CRQ", ReturnCode.H_BUSY, 3)


def test_hypervisor_that_refuses(qemu: tuple[LocalPort, CapturedServer]) -> None:
    client, _ = qemu
    with Session(client) as session:
        pending = session.submit(DISK, READY)
        client.inject("H_FREE_CRQ", ReturnCode.H_HARDWARE, 1)
        with pytest.raises(TransportError, match="H_HARDWARE"):
            session.host_reset()
        assert pending.done
        with pytest.raises(PartnerGone):
            session.wait_connected()


@pytest.mark.parametrize(
    ("code", "said"), [(ReturnCode.H_HARDWARE, "H_HARDWARE"), (-5, r"unknown return code \(-5\)")]
)
def test_closing_lets_go_of_the_port_whatever_the_hypervisor_says(code: int, said: str) -> None:
    url = f"local:session-{next(_names)}"
    with Server(url, LunMap()):
        session = Session(url)
        session.connect()
        session.port.inject("H_FREE_CRQ", code, 1)  # type: ignore[attr-defined]
        with pytest.raises(TransportError, match=said):
            session.close()
        with pytest.raises(ValueError, match="closed"):
            session.port.poll()


def test_queue_left_open_by_somebody_else(qemu: tuple[LocalPort, CapturedServer]) -> None:
    client, _ = qemu
    client.register()
    with Session(client) as session:
        assert session.execute(DISK, READY).status == 0


def test_full_queue_of_the_partner(qemu: tuple[LocalPort, CapturedServer]) -> None:
    client, _ = qemu
    with Session(client) as session:
        client.inject("H_SEND_CRQ", ReturnCode.H_DROPPED, 3)
        assert session.execute(DISK, READY).status == 0
        client.inject("H_SEND_CRQ", ReturnCode.H_CLOSED, 1)
        assert session.execute(DISK, READY).status == 0


class Answers(CapturedServer):
    """Gives answers of its own to commands first; ``answers`` are fields of SRP_RSP."""

    script: tuple[dict[str, object], ...] = ()
    reject: bool = False

    def reply(self, form: int, iu: bytes) -> tuple[bytes, bytes]:
        tag = int.from_bytes(iu[8:16], "big")
        if self.reject and form == 1 and iu[0] == srp.Opcode.LOGIN_REQ:
            return bytes(srp.LoginRej.build(tag=tag, reason=srp.LoginRejReason.INSUFFICIENT_RESOURCES)), b""
        if self.script and form == 1 and iu[0] == srp.Opcode.CMD:
            first, *rest = self.script
            self.script = tuple(rest)
            return bytes(srp.Rsp.build(tag=tag, req_lim_delta=1, **first)), b""
        return super().reply(form, iu)


@pytest.fixture
def scripted() -> Iterator[tuple[LocalPort, Answers]]:
    """A client port whose partner says what the test wants."""
    client, port = pair(window_size=64 << 20)
    server = Answers(port, "boot_login")
    server.start()
    yield client, server
    client.close()
    server.join(PATIENCE)
    assert server.error is None


def test_rejected(scripted: tuple[LocalPort, Answers]) -> None:
    client, server = scripted
    server.reject = True
    with pytest.raises(LoginRejected, match="insufficient resources") as found, Session(client):
        pass
    assert found.value.reason is srp.LoginRejReason.INSUFFICIENT_RESOURCES
    server.reject = False
    with Session(client) as session:
        assert session.connected


def test_what_passes_is_waited_for(scripted: tuple[LocalPort, Answers]) -> None:
    client, server = scripted
    with Session(client) as session:
        server.script = ({"status": 8}, {"status": 0x28}, {"status": 0x40})
        assert session.execute(DISK, READY, retries=3).status == 0
        for status in 8, 0x28, 0x40, 0x18, 0x30, 0x99:
            server.script = ({"status": status},)
            assert session.execute(DISK, READY, check=False).status == status


def test_closing_ends_everything(scripted: tuple[LocalPort, Answers]) -> None:
    client, _ = scripted
    session = Session(client, buffers=1, max_transfer=CHUNK)
    waiting = [session.submit(DISK, READY, data_in_length=1) for _ in range(3)]
    session.close()
    session.close()
    assert all(isinstance(pending.error, PartnerGone) for pending in waiting)


def test_the_platform_takes_the_adapter_away(server: Server, gate: Gate) -> None:
    """As POWER does when a slot is unbound: nothing hangs, neither what was sent nor what comes later."""

    class Slot(Recorder):
        gone = False

        @property
        def ended(self) -> bool:
            return self.gone

    with Slot(connect(server.url), os.devnull) as port:
        session = Session(port)
        session.connect()
        unit = session.scan(channels=[0], ids=[3])[0]
        gate.opened.clear()
        sent = unit.submit_read(0)
        session.flush()
        assert gate.entered.acquire(timeout=PATIENCE)
        port.gone = True
        port.wake()
        session.wait(sent, 60)
        assert isinstance(sent.error, PartnerGone)
        with pytest.raises(PartnerGone, match="the adapter has gone"):
            unit.read(0)
        with pytest.raises(PartnerGone):
            session.connect()
        gate.opened.set()
        session.close()


WRONG: list[Callable[[Session, Lun, Session], object]] = [
    *(
        lambda session, lun, _, wrong=wrong: session.execute(lun, READY, attribute=wrong)  # type: ignore[misc]
        for wrong in (8, -1, "ORDERED", None, 1.5)
    ),
    *(
        lambda session, lun, _, wrong=wrong: session.submit(lun, wrong)  # type: ignore[misc]
        for wrong in (None, 6, "00", [256] * 6, b"", [])
    ),
    lambda session, lun, _: session.submit(lun, READY, data_in_length=-1),
    lambda session, lun, _: session.execute(lun, 6),
    *(
        lambda session, lun, _, wrong=wrong: session.task_management(wrong, lun)  # type: ignore[misc]
        for wrong in (99, "LUN_RESET", None)
    ),
    lambda session, lun, _: session.task_management(TskMgmtFunc.LUN_RESET, None),  # type: ignore[arg-type]
    lambda session, lun, _: session.task_management(TskMgmtFunc.ABORT_TASK, lun, "one"),  # type: ignore[arg-type]
    lambda session, lun, other: session.abort(other.submit(lun, READY)),
]


def test_what_no_iu_carries_is_refused_where_it_is_said(server: Server) -> None:
    """It costs no connection: what is under way goes on."""
    lun = Lun.logical_unit(1)
    with Session(server.url) as session, Session(server.url) as other:
        engine = session.engine
        for call in WRONG:
            with pytest.raises((TypeError, ValueError)):
                call(session, lun, other)
        assert session.engine is engine
        assert session.engine.srp.debits == 0
        session.execute(lun, READY, check=False)  # it is new
        for ready in (list(READY), bytearray(READY), cdb.TestUnitReady.build()):
            assert session.execute(lun, ready).status == session.submit(lun, ready).result().status == 0
    with pytest.raises(ValueError, match="max_transfer 0: at least 1 byte"):
        Session(server.url, max_transfer=0)
