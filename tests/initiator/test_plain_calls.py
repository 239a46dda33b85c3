"""Plain commands go a short way in C: what is sent and what a caller gets is what the long way sends and gives."""

from __future__ import annotations

import itertools
import os
import random
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pysrp._fast.client_queue import Elements, take_plain
from pysrp._fast.commands import (
    CalledUnit,
    Command,
    DataMemory,
    Ius,
    Live,
    Pending,
    Request,
    RequestSlots,
    Slots,
    Starter,
)
from pysrp._fast.turns import Bookkeeping

from pysrp import srp
from pysrp.backends import Ram
from pysrp.errors import CheckCondition, EncodeError, SrpError
from pysrp.fabric import connect
from pysrp.initiator.session import Device, Session
from pysrp.lun import Lun
from pysrp.scsi import cdb as cdbs
from pysrp.srp import TaskAttribute
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from waiting import PATIENCE

SIZE = 1 << 20
READ_ONE = bytes.fromhex("28000000000000000100")
LAST = SIZE // 512 - 1
_names = itertools.count()


class Watched:
    """A port that notes the IUs of its client's commands; ``short``: 100 bytes of each are said not to have been moved."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.session: Session | None = None
        self.sent: list[tuple[bytes, bytes]] = []
        self.short = False

    def send_many(self, elements: Any) -> int:
        for element in elements:
            if element[:2] == b"\x80\x01" and self.session is not None:
                start = int.from_bytes(element[8:], "big") - self.session.staging.iu_address
                iu = bytes(self.session.staging.iu_view[start : start + 256])
                if iu[0] == srp.Opcode.CMD:
                    self.sent.append((element[:8], iu[:8] + bytes(8) + iu[16:48] + bytes(8) + iu[56:]))
        return int(self._port.send_many(elements))

    def poll(self) -> list[bytes]:
        elements: list[bytes] = self._port.poll()
        for element in elements if self.short and self.session is not None else ():
            start = (int.from_bytes(element[8:], "big") & 0xFFFF) * 256
            view = self.session.staging.iu_view[start : start + 36]
            view[18] = int(srp.RspFlags.DIUNDER | srp.RspFlags.DOUNDER)
            view[20:28] = (100).to_bytes(4, "big") * 2
        return elements

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class Roundabout(Session):
    """None of its commands is plain."""

    def _begin(self) -> None:
        super()._begin()
        self.srp.largest = 1 << 40


@pytest.fixture
def server() -> Iterator[Server]:
    url = f"local:plain{next(_names)}"
    with Server(url, LunMap([(256, Disk(Ram(SIZE), "a"))]), Settings(request_limit=8)) as server:
        yield server


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    with Session(server.url) as session:
        yield session
        assert not session._live
        assert session.srp.debits == 0
        assert session.srp.credits == 8
        assert len(session.srp._free) == 104
        assert sorted(session.staging.chunks) == list(range(session.staging.all_chunks))


def disk_of(session: Session) -> Device:
    disk = session.scan(channels=[0], ids=[1])[0]
    disk.capacity()
    return disk


CALLS: list[Callable[[Session, Device], Any]] = [
    lambda session, disk: disk.read(3, 8),
    lambda session, disk: disk.read(0, 128),
    lambda session, disk: disk.read(0, 129),
    lambda session, disk: disk.read(LAST, 1),
    lambda session, disk: disk.read(5, 0),
    lambda session, disk: disk.write(1, b"w" * 1024, fua=True),
    lambda session, disk: disk.write(1, memoryview(b"y" * 1024)),
    lambda session, disk: disk.submit_write(1, bytearray(b"z" * 512)).result(),
    lambda session, disk: disk.submit_write(1, memoryview(array("I", [7]) * 128)[::1].cast("B")).result(),
    lambda session, disk: disk.submit_write(1, b"").result(),
    lambda session, disk: disk.submit_read(True, 1).result(),
    lambda session, disk: disk.submit_read(0xFFFFFFFE, 1).result(check=False),
    lambda session, disk: disk.submit_read(0xFFFFFFFF, 1).result(check=False),
    lambda session, disk: disk.submit_read(1 << 63, 1).result(check=False),
    lambda session, disk: disk.submit_write(1 << 33, bytes(512)).result(check=False),
    lambda session, disk: disk.execute(bytes(cdbs.TestUnitReady.build())),
    lambda session, disk: disk.execute(bytes(cdbs.Inquiry.build(allocation_length=96)), data_in_length=96),
    lambda session, disk: disk.execute(bytes(cdbs.Inquiry.build(allocation_length=96)), data_in_length=5),
    lambda session, disk: disk.execute(bytes(5), check=False),
    lambda session, disk: disk.execute(bytes(17), check=False),
    lambda session, disk: disk.execute(bytearray(6)),
    lambda session, disk: disk.execute(bytes(6), attribute=TaskAttribute.ORDERED),
    lambda session, disk: session.submit(disk.lun, bytes(6), timeout=0.5).result(),
    lambda session, disk: session.submit(disk.lun, bytes(6), timeout=3e6).result(),
    lambda session, disk: session.submit(bytes(disk.lun), bytes(6)).result(),  # type: ignore[arg-type]
    lambda session, disk: [p.result() for p in [disk.submit_read(n, 8) for n in range(50)]],
    lambda session, disk: session.gather([disk.submit_write(n * 8, b"%c" % n * 4096) for n in range(50)]),
]


def test_both_ways_send_and_give_the_same(server: Server) -> None:
    seen = []
    for kind in Session, Roundabout:
        port = Watched(connect(server.url))
        with port._port, kind(port) as port.session:  # type: ignore[arg-type]
            disk = disk_of(port.session)
            disk.write(0, bytes(range(256)) * (SIZE // 256))
            port.sent.clear()
            found = []
            for call in CALLS:
                try:
                    found.append(call(port.session, disk))
                except (SrpError, ValueError) as error:
                    found.append((type(error), str(error)))
            seen.append((found, port.sent))
    for at, (short, long) in enumerate(zip(seen[0][0], seen[1][0], strict=True)):
        assert short == long, at
    assert len(seen[0][1]) > 100
    assert seen[0][1] == seen[1][1]


def test_reads_into_buffers(session: Session) -> None:
    disk = disk_of(session)
    data = os.urandom(70 << 10)
    disk.write(0, data)
    for size in 512, 65536, 70 << 10:
        buffer = bytearray(size)
        disk.read_into(0, buffer)
        assert buffer == data[:size]
    disk.submit_read(0, 128, buffer[:65536]).result()
    pending = disk.submit_read(0, 8, into := bytearray(4096))
    assert (pending.result().data, into) == (b"", data[:4096])
    for wrong in bytearray(513), b"x" * 512:
        with pytest.raises((ValueError, TypeError)):
            disk.read_into(0, wrong)
    with pytest.raises(ValueError, match="whole blocks"):
        disk.write(0, b"x" * 513)
    with pytest.raises(TypeError):
        disk.write(0, 5)
    with pytest.raises(TypeError):
        disk.submit_write(0, [1] * 512)
    with pytest.raises(EncodeError):
        disk.submit_read(-1, 1)
    with pytest.raises(CheckCondition, match="READ"):
        disk.read(LAST, 2)
    with pytest.raises(CheckCondition, match="WRITE"):
        disk.write(LAST, bytes(1024))


def test_a_buffer_that_its_owner_lets_go_of(session: Session) -> None:
    """What becomes of one answer's buffer is no matter to the others that come with it; one in pieces is refused."""
    disk = disk_of(session)
    disk.write(0, data := os.urandom(512))
    buffer = bytearray(512)
    with memoryview(buffer) as view:
        first = session.submit(disk.lun, READ_ONE, data_in_length=512, into=view, block_size=512)
        with pytest.raises(ValueError, match="in pieces"):
            session.submit(disk.lun, READ_ONE, data_in_length=512, into=memoryview(bytearray(1024))[::2])
    later = [disk.submit_read(0) for _ in range(3)]
    assert [each.result().data for each in [*later, first]] == [data] * 3 + [b""]
    assert buffer == data
    buffer += b"it is its owner's again"


def test_what_is_no_time_limit_or_number(session: Session) -> None:
    disk = disk_of(session)
    for wrong in {"timeout": float("nan")}, {"timeout": -1}:
        with pytest.raises(ValueError, match="timeout"):
            session.submit(disk.lun, bytes(6), **wrong)  # type: ignore[arg-type]
    for odd in {"timeout": "soon"}, {"retries": None}, {"data_in_length": 1.5}, {"block_size": []}:
        with pytest.raises(TypeError):
            session.submit(disk.lun, bytes(6), **odd)  # type: ignore[arg-type]
    assert session.submit(disk.lun, bytes(6)).result().status == 0


def test_somebody_s_own_submit_is_used_for_all(server: Server) -> None:
    class Counting(Session):
        count = 0

        def submit(self, *arguments: Any, **options: Any) -> Pending:
            self.count += 1
            return super().submit(*arguments, **options)

    with Counting(server.url) as session:
        disk = disk_of(session)
        before = session.count
        disk.write(0, bytes(512))
        assert disk.read(0) == bytes(512)
        assert disk.submit_read(0).result().data == bytes(512)
        assert session.count == before + 3


def test_a_session_s_own_submit_is_used_for_units_found_later(session: Session) -> None:
    calls = []

    def submit(*arguments: Any, **options: Any) -> Pending:
        calls.append(arguments)
        return Session.submit(session, *arguments, **options)

    session.submit = submit  # type: ignore[method-assign]
    disk = disk_of(session)
    calls.clear()
    disk.write(0, bytes(512))
    assert disk.submit_read(0).result().data == disk.read(0) == bytes(512)
    assert len(calls) == 3


def test_a_unit_s_own_way_of_reading_is_used_for_all(session: Session) -> None:
    calls = []

    class Noted(Device):
        def start_read(self, *arguments: Any, **options: Any) -> Pending:
            calls.append("read")
            return super().start_read(*arguments, **options)

        def start_write(self, *arguments: Any, **options: Any) -> Pending:
            calls.append("write")
            return super().start_write(*arguments, **options)

    found = disk_of(session)
    disk = Noted(session, found.lun, found.hctl, found.inquiry_data)
    disk.capacity()
    disk.write(0, data := os.urandom(512))
    disk.submit_write(1, data).result()
    assert disk.read(0) == disk.submit_read(1).result().data == data
    disk.read_into(0, bytearray(512))
    assert calls == ["write", "write", "read", "read", "read"]


def test_blocks_of_no_size(session: Session) -> None:
    disk = disk_of(session)
    for size in 0, -512:
        with pytest.raises(ValueError, match=f"blocks of {size} bytes"):
            disk.start_write(0, bytes(512), size)
    for blocks, size in (1, -512), (4, -1 << 60), (0xFFFF, 1 << 24):
        with pytest.raises(ValueError, match="data"):
            disk.start_read(0, blocks, size)

    class Unsure:
        @property
        def block_size(self) -> int:
            raise RuntimeError("not now")

    with pytest.raises(RuntimeError, match="not now"):
        disk._capacity = Unsure()  # type: ignore[assignment]
    assert disk.size_known() == 512


def test_a_number_that_calls_back(session: Session) -> None:
    """What an address does when it is asked for its number is done before the command has begun."""
    disk = disk_of(session)
    disk.write(7, data := os.urandom(512))

    class Number:
        def __index__(self) -> int:
            disk.read(0)
            return 7

        def __add__(self, other: Any) -> int:
            return 7 + int(other)

    assert disk.submit_read(Number()).result().data == data  # type: ignore[arg-type]


def test_a_result_is_a_tuple_like_any_other(session: Session) -> None:
    result = disk_of(session).submit_read(0).result()
    assert hash(result) == hash(tuple(result))
    assert tuple(result) in {result}


def test_nobody_awaits_a_blocking_session(session: Session) -> None:
    pending = disk_of(session).submit_read(0)
    with pytest.raises(TypeError, match="blocking"):
        session.awaited(pending)
    assert pending.result().data == bytes(512)


def test_less_than_was_asked_for(server: Server) -> None:
    """A residual without an error is one: SrpError, and of a call that can look at it, in its result."""
    port = Watched(connect(server.url))
    with port._port, Session(port) as port.session:  # type: ignore[arg-type]
        disk = disk_of(port.session)
        port.short = True
        for call in lambda: disk.read(0), lambda: disk.read_into(0, bytearray(512)):
            with pytest.raises(SrpError, match="100 bytes of 512 were not read, without an error"):
                call()
        for data in bytes(512), bytearray(512):
            with pytest.raises(SrpError, match="100 bytes of 512 were not written, without an error"):
                disk.write(0, data)
        result = disk.submit_read(0).result()
        assert (len(result.data), result.residual) == (412, 100)


def test_parts_by_themselves() -> None:
    """Whoever makes them by hand gets errors, not a crash."""
    lun = Lun.logical_unit(1)
    for wrong in (lambda: Request("x"), lambda: Command(lun), lambda: Pending(None, lun, b"", 0)):  # type: ignore[arg-type, call-arg]
        with pytest.raises(TypeError):
            wrong()
    command = Command(lun, bytes(6), ((0, 5),), timeout=3, block_size=512, replay=True)
    assert (command.timeout, command.block_size, command.replay, command.slot) == (3, 512, True, -1)
    pending = Pending(None, lun, bytes(6), 5, 1)
    with pytest.raises(ValueError, match="not ended"):
        pending.outcome()
    with pytest.raises(AttributeError):
        pending.result()
    with pytest.raises(TypeError):
        Bookkeeping().complete(None)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        Bookkeeping().submit(lun, bytes(6))
    with pytest.raises(AttributeError):
        Session.__new__(Session).submit(lun, bytes(6))
    with pytest.raises(TypeError):
        take_plain(None, bytes(16))  # type: ignore[arg-type]
    with pytest.raises((AttributeError, TypeError)):
        RequestSlots().take_plain(5, 36)
    with pytest.raises((AttributeError, IndexError, TypeError)):
        DataMemory().give_back(pending)
    unit = CalledUnit()
    assert unit.size_known() == 0
    assert unit.read_now(0, 1) is None
    assert not unit.write_now(0, b"", False)
    unit.session = Starter()
    with pytest.raises(AttributeError):
        unit.start_read(0, 1, 512)


def test_free_slots() -> None:
    """First in, first out, whatever is taken and comes back in between."""
    for wrong in (0, -1, 0x10001):
        with pytest.raises(ValueError, match="slots"):
            Slots(wrong)
    free, model = Slots(5), deque(range(5))
    for number in random.Random(3).choices(range(2), k=500):
        if number and model:
            assert free.first == model[0]
            assert free.popleft() == model.popleft()
        elif not number and len(model) < 5:
            slot = min({*range(5)} - {*model})
            free.append(slot)
            model.append(slot)
        assert (list(free), len(free)) == (list(model), len(model))
    while model:
        assert free.popleft() == model.popleft()
    for none in free.popleft, lambda: free.first:
        with pytest.raises(IndexError, match="no slot"):
            none()
    for wrong in (-1, 5):
        with pytest.raises(IndexError, match="slot"):
            free.append(wrong)
    full = Slots(0x10000)
    with pytest.raises(IndexError, match="65536 are free"):
        full.append(0)


def test_what_is_under_way() -> None:
    """In the order in which it was begun, however much has ended in between."""
    live, rng = Live(), random.Random(4)
    model: list[Request] = []
    for _ in range(2000):
        if model and rng.random() < 0.5:
            ended = model.pop(rng.randrange(len(model)))
            assert ended in live
            assert live.discard(ended)
            assert not live.discard(ended)
            assert ended not in live
        else:
            model.append(Request(1))
            live.add(model[-1])
        assert len(live) == len(model)
    assert list(live) == model
    with pytest.raises(ValueError, match="already"):
        live.add(model[0])
    assert not Live().discard(model[0])
    for other in (None, 5):
        with pytest.raises(TypeError):
            live.add(other)  # type: ignore[arg-type]


def test_where_its_data_is(session: Session) -> None:
    """A plain command's memory is told as that of any other, and can be moved like it."""
    disk = disk_of(session)
    start = session.staging.data_address
    reading, writing = disk.submit_read(0, 2), disk.submit_write(0, bytes(512))
    ((place, size),) = reading.data_in
    assert (reading.data_out, size, reading.chunks) == ((), 1024, ((place - start) // session.staging.chunk,))
    assert (writing.data_in, writing.data_out[0][1]) == ((), 512)
    assert {*reading.chunks}.isdisjoint(writing.chunks)
    assert {reading, writing} <= {*session._live}
    session.gather([reading, writing])
    assert (reading.chunks, writing.chunks, len(session._live)) == ((), (), 0)
    command = Command(disk.lun, bytes(6))
    command.data_in, command.data_out = [(1, 2)], ((3, 4),)
    assert (command.data_in, command.data_out) == ([(1, 2)], ((3, 4),))


def test_elements() -> None:
    sender = Elements()
    sender.moved(0x1000)
    for seconds in 0, 0.1, 1, 65534.5, 1e9:
        sender.send(2, 64, seconds)
    assert [int.from_bytes(element[4:6], "big") for element in sender.elements] == [0, 1, 1, 65535, 65535]
    assert {bytes(e[:4] + e[6:]) for e in sender.elements} == {bytes.fromhex("8001000001000000000000001200")}


def test_memory_that_is_not_the_session_s(session: Session) -> None:
    """Numbers that lead outside are refused, whoever has put them there."""
    disk = disk_of(session)
    table, ius = session.srp, session.srp.memory
    assert isinstance(ius, Ius)
    pending = disk.submit_read(0)
    tag = pending.tag
    assert not table.take_plain(tag + (1 << 16), 36)
    assert not table.take_plain(tag, 35)
    assert not table.take_plain(0xFFFF, 36)
    view, start = ius.view, (tag & 0xFFFF) * 256
    assert session.port.wait(PATIENCE)
    assert view[start] == srp.Opcode.RSP
    for at, wrong in (0, srp.Opcode.CMD), (4, 0x80), (8, 0xFF), (18, srp.RspFlags.DIUNDER), (19, 2):
        right, view[start + at] = view[start + at], wrong
        assert not table.take_plain(tag, 36), at
        view[start + at] = right
    ius.view = view[:10]
    with pytest.raises(ValueError, match="outside"):
        table.take_plain(tag, 36)
    ius.view = view
    pending.data_in = ((0, 512),)
    with pytest.raises(ValueError, match="outside"):
        session.complete(pending)
    pending = session.submit(disk.lun, READ_ONE, data_in_length=512, into=memoryview(bytearray(512)))
    pending.into = memoryview(bytearray(3))
    with pytest.raises(ValueError, match="3 bytes for 512"):
        session.complete(pending)
    session.recover()
    session.wait_connected()


def test_memory_in_smaller_pieces(server: Server) -> None:
    """As the lab takes it, to have more of them than fit an IU: a plain command takes one, whatever size it has."""
    for wrong in 0, 511, (1 << 20) + 1:
        with pytest.raises(ValueError, match=f"chunk {wrong}: from 512"):
            Session(server.url, chunk=wrong)
    with Session(server.url, max_transfer=64 << 10, buffers=128 << 10, chunk=4096) as session:
        disk = disk_of(session)
        for size in 512, 4096, 4608, 32 << 10, 64 << 10:
            disk.write(5, data := os.urandom(size))
            assert disk.read(5, size // 512) == data
        assert session.max_transfer == 64 << 10


def test_a_lun_that_is_no_lun_yet() -> None:
    """A number or a text is made a LUN at once; what is none is refused before anything is under way."""
    url = f"local:lun-as-text{next(_names)}"
    with Server(url, LunMap([(256, Disk(Ram(SIZE), "a"))])), Session(url) as session:
        for lun in "8100", 0x8100 << 48, bytes.fromhex("81") + bytes(7):
            session.execute(lun, bytes(6), retries=3)  # type: ignore[arg-type]  # after a unit attention
            assert len(session.execute(lun, READ_ONE, data_in_length=512).data) == 512  # type: ignore[arg-type]
        for wrong in None, 1, "x", b"short":
            with pytest.raises((TypeError, ValueError, SrpError)):
                session.submit(wrong, bytes(6))
        assert session.engine.logins == 1
