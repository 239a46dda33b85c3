"""Task sets, task management, and units that block: with real workers."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pysrp import srp
from pysrp.backends import Ram
from pysrp.fabric import ReturnCode
from pysrp.lun import Lun
from pysrp.scsi.sense import parse_sense
from pysrp.srp import RspCode, RspFlags, TaskAttribute, TskMgmtFunc
from pysrp.target import workers
from pysrp.target.data import CHUNK, CHUNKS
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.srp_session import TaskSet
from pysrp.target.task import Nexus, Task
from pysrp.target.workers import THREADS, Pool
from pysrp.vscsi.server import Settings
from target_rig import BLOCK, MIB, Rig, SlowRam, Spotted
from waiting import PATIENCE, until

SIMPLE, HEAD, ORDERED = TaskAttribute.SIMPLE, TaskAttribute.HEAD_OF_QUEUE, TaskAttribute.ORDERED
Make = Callable[..., Rig]
RESET = b"\x29\x00"


# Task sets by themselves


class Bench:
    """A task set whose tasks go on until they are told to end."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.began: list[str] = []
        self.tasks: dict[str, Task] = {}
        self.set = TaskSet()
        self._nexus = Nexus("test", lambda work: None)

    def _begin(self, task: Task) -> None:
        name = next(name for name, each in self.tasks.items() if each is task)
        self.running.append(name)
        self.began.append(name)

    def add(self, *names: str) -> None:
        """``s`` SIMPLE, ``o`` ORDERED, ``h`` HEAD OF QUEUE, by first letter."""
        for name in names:
            attribute = {"s": SIMPLE, "o": ORDERED, "h": HEAD}[name[0]]
            task = Task(
                self._nexus, Lun(), 0, bytes(16), unit=None, mover=None, finish=None, attribute=attribute
            )  # type: ignore[arg-type]
            self.tasks[name] = task
            if self.set.add(task):
                self._begin(task)

    def end(self, *names: str) -> None:
        for name in names:
            if name in self.running:
                self.running.remove(name)
            self.set.discard(self.tasks[name])
            while (task := self.set.next()) is not None:
                self._begin(task)


def test_simple_tasks_run_together() -> None:
    bench = Bench()
    bench.add("s1", "s2", "s3")
    assert bench.running == ["s1", "s2", "s3"]
    bench.end("s2")
    bench.add("s4")
    assert bench.running == ["s1", "s3", "s4"]
    assert len(bench.set) == 3


def test_ordered_waits_for_all_before_it_and_all_after_wait() -> None:
    bench = Bench()
    bench.add("s1", "s2", "o1", "s3", "s4", "o2", "s5")
    assert bench.running == ["s1", "s2"]
    bench.end("s2")
    assert bench.running == ["s1"]
    bench.end("s1")
    assert bench.running == ["o1"]
    bench.end("o1")
    assert bench.running == ["s3", "s4"]
    bench.end("s3", "s4")
    assert bench.running == ["o2"]
    bench.end("o2")
    assert bench.running == ["s5"]


def test_head_of_queue_begins_at_once_and_simple_ones_wait_for_it() -> None:
    bench = Bench()
    bench.add("s1", "o1", "s2", "h1", "h2", "s3")
    assert bench.running == ["s1", "h1", "h2"]
    bench.end("s1", "h1")
    assert bench.running == ["h2"]
    bench.end("h2")
    assert bench.running == ["o1"]
    bench.end("o1")
    assert bench.running == ["s2", "s3"]
    bench.add("h3", "s4")
    assert bench.running == ["s2", "s3", "h3"]
    bench.end("h3")
    assert bench.running == ["s2", "s3", "s4"]


def test_a_dormant_task_that_is_aborted_frees_the_way() -> None:
    bench = Bench()
    bench.add("s1", "o1", "s2")
    bench.end("o1")
    assert bench.running == ["s1", "s2"]


def test_many_tasks_that_end_at_once_do_not_nest(slow: SlowRam, pool: Pool) -> None:
    """400 ORDERED ones that wait for one, and end as soon as they begin: nested, they would be too many calls."""
    rig = Rig(
        LunMap([(0, Disk(slow, "slow"))]), Settings(request_limit=500), workers=pool, queue_size=64 << 10
    )
    try:
        client = rig.login()
        client.read(0, 0, 1)
        tags = [client.cmd(0, "00", task_attr=ORDERED) for _ in range(400)]
        rig.run()
        assert not client.answers
        slow.gate.set()

        def answered() -> bool:
            client.answers.extend(client.port.poll())  # no more than 256 at a time
            return len(client.answers) == 401

        rig.settle(answered)
        assert [client.answer(tag).status for tag in tags] == [0] * 400
        assert rig.target.session
        assert not rig.target.session.tasks
    finally:
        rig.close()


# Blocking backends


@pytest.fixture
def slow(pool: Pool) -> Iterator[SlowRam]:
    backend = SlowRam(4 * MIB)
    yield backend
    backend.gate.set()


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    assert pool.drain(timeout=PATIENCE)


@pytest.fixture
def busy(make: Make, slow: SlowRam, pool: Pool) -> Rig:
    """A slow disk at LUN 256, a fast one at LUN 512."""
    rig = make(LunMap([(256, Disk(slow, name="slow")), (512, Disk(Ram(MIB), name="fast"))]), None, pool)
    rig.login()
    return rig


def free(rig: Rig, slow: SlowRam) -> None:
    """Let the slow disk go on, and wait until nothing is under way."""
    slow.gate.set()
    rig.run()
    session = rig.target.session
    assert session
    rig.settle(lambda: session.outstanding == 0)


def test_slow_disk_holds_up_nobody_else(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    late = [client.read(256, at, 1, offset=4096 * at) for at in range(40)]
    fast = [client.write(512, at, bytes([at]) * 512, offset=MIB + 512 * at) for at in range(40)]
    busy.run()
    for tag in fast:
        assert client.answer(tag).status == 0
    assert not client.answers
    free(busy, slow)
    for tag in late:
        assert client.answer(tag).status == 0


def test_data_through_workers(busy: Rig, slow: SlowRam) -> None:
    slow.gate.set()
    client = busy.client
    data = bytes(range(256)) * 4096
    tag = client.write(256, 3, data)
    free(busy, slow)
    assert client.answer(tag).status == 0
    assert slow.memory()[3 * 512 : 3 * 512 + len(data)] == data
    segments = [(client.data(2 * MIB + 100 * at), 100) for at in range(10)]
    tag = client.read(256, 3, 2, data_in=segments)
    free(busy, slow)
    answer = client.answer(tag)
    assert answer.data_in_res_cnt == 24
    assert answer.flags == RspFlags.DIOVER
    assert client.peek(1000, 2 * MIB) == data[:1000]


def test_more_transfers_than_staged_memory(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    blocks = CHUNK // 512 + 1  # two chunks each
    tags = [client.read(256, 0, blocks) for _ in range(3 * CHUNKS)]
    busy.run()
    free(busy, slow)
    for tag in tags:
        assert client.answer(tag).status == 0
    assert not busy.target.mover.staging.busy
    assert not busy.target.mover.staging.waiting


@pytest.mark.parametrize(("hung", "window"), [(1, None), (5, None), (30, None), (1, 4 * MIB + 4 * 4096)])
def test_a_unit_that_hangs_holds_up_no_other(make: Make, pool: Pool, hung: int, window: int | None) -> None:
    """However many commands wait for it, however many such units there are, and where no more memory is."""
    luns = LunMap([(0, Disk(SlowRam(MIB), "well"))])
    slow = [SlowRam(MIB) for _ in range(hung)]
    for at, backend in enumerate(slow, 1):
        luns.add(at, Disk(backend, f"hung{at}"))
    well: Any = luns[0].unit
    well.backend.gate.set()
    rig = make(luns, workers=pool, server_window=window)
    client = rig.login()
    tags = [client.read(at, 0, 1) for at in range(1, hung + 1) for _ in range(90 // hung)]
    rig.run()
    try:
        for at in range(20):
            tag = client.read(0, at, 2) if at % 2 else client.write(0, at, bytes(1024))
            rig.settle(lambda: bool(client.answers))
            assert client.answer(tag).status == 0
    finally:
        for backend in slow:
            backend.gate.set()
    rig.settle(lambda: len(client.answers) == len(tags))
    assert {client.answer(tag).status for tag in tags} == {0}
    assert not rig.target.mover.staging.busy


def test_memory_to_stage_in_ends_with_the_window(make: Make, pool: Pool) -> None:
    """Then the next unit waits, and goes on when one of the others does."""
    luns = LunMap()
    slow = [SlowRam(MIB) for _ in range(40)]
    for at, backend in enumerate(slow):
        luns.add(at, Disk(backend, f"d{at}"))
    rig = make(luns, workers=pool, server_window=6 * MIB)
    client = rig.login()
    tags = [client.read(at, 0, 1) for at in range(40)]
    rig.run()
    assert rig.target.mover.staging.waiting
    for backend in slow:
        backend.gate.set()
    rig.settle(lambda: len(client.answers) == len(tags))
    assert {client.answer(tag).status for tag in tags} == {0}


@pytest.mark.parametrize("first", [True, False])
def test_a_thread_that_cannot_be_had(
    make: Make, pool: Pool, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """BUSY, and its memory is free again; where there is a thread already, that one does it."""
    slow = SlowRam(MIB)
    slow.memory()[: 8 * BLOCK] = b"".join(bytes((at,)) * BLOCK for at in range(8))
    slow.gate.set()
    rig = make(LunMap([(256, Disk(slow))]), workers=pool)
    client = rig.login()
    if not first:
        slow.gate.clear()
        before = client.read(256, 0, 1)
        rig.run()
        assert slow.started.acquire(timeout=PATIENCE)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        tag = client.read(256, 1, 1, offset=4096)
        rig.run()
        flush = client.cmd(256, "35")
        rig.run()
        slow.gate.set()
        rig.settle(lambda: len(client.answers) == (2 if first else 3))
    expected = 8 if first else 0
    assert client.answer(tag).status == client.answer(flush).status == expected
    if not first:
        assert client.answer(before).status == 0
        assert client.peek(BLOCK, 4096) == b"\1" * BLOCK
    assert not rig.target.mover.staging.busy
    tags = {client.read(256, at, 1, offset=4096 * at): at for at in range(2, 8)}
    rig.settle(lambda: len(client.answers) == len(tags))
    for tag, at in tags.items():
        assert client.answer(tag).status == 0
        assert client.peek(BLOCK, 4096 * at) == bytes((at,)) * BLOCK
    calls = 0
    while slow.started.acquire(blocking=False):
        calls += 1
    assert calls == len(tags) + (not first), "what was refused never began"


def test_a_pool_lets_go_of_a_backend_that_has_nothing_to_do(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "IDLE", 0.001)
    backend = Ram(MIB)
    gone = weakref.ref(backend)
    done = threading.Event()
    pool.submit(backend, lambda: None, lambda _: done.set())
    assert done.wait(PATIENCE)
    del backend
    until(lambda: gc.collect() >= 0 and gone() is None)


def test_a_backend_that_would_end_its_thread(make: Make, pool: Pool) -> None:
    class Leaving(SlowRam):
        def read_into(self, offset: int, view: memoryview) -> None:
            raise SystemExit(1)

    backend = Leaving(MIB)
    backend.gate.set()
    rig = make(LunMap([(256, Disk(backend))]), workers=pool)
    client = rig.login()
    tags = [client.read(256, 0, 1) for _ in range(2 * THREADS)] + [client.write(256, 0, bytes(512))]
    rig.settle(lambda: len(client.answers) == len(tags))
    assert [client.answer(tag).status for tag in tags] == [2] * 2 * THREADS + [0]
    assert not rig.target.mover.staging.busy


@pytest.mark.parametrize("number", [5, 28])
def test_errors_of_a_worker(busy: Rig, slow: SlowRam, number: int) -> None:
    client = busy.client
    slow.error = number
    read, write = client.read(256, 0, 1), client.write(256, 0, bytes(512), offset=8192)
    busy.run()
    free(busy, slow)
    key = 3 if number == 5 else 7  # MEDIUM ERROR, DATA PROTECT: the unit decides
    assert client.answer(read).sense[2] == key
    answer = client.answer(write)
    assert answer.sense[2] == key
    assert answer.data_out_res_cnt == 512
    assert not busy.target.mover.staging.busy


def test_bad_address_after_work(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    tag = client.read(256, 0, 1, data_in=(1 << 40, 512))
    bad = client.cmd(256, "2a 00 00000000 00 0001 00", data_out=(1 << 40, 512))
    busy.run()
    assert client.answer(bad).sense[12] == 0x4B  # at once: nothing had to be read for it
    free(busy, slow)
    assert client.answer(tag).sense[12] == 0x4B
    assert not busy.target.mover.staging.busy


# Ordering, with work that overlaps


def test_ordered_command_waits(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    first = client.write(256, 0, b"1" * 512)
    barrier = client.write(256, 0, b"2" * 512, offset=4096, task_attr=ORDERED)
    after = client.read(256, 0, 1, offset=8192)
    other = client.cmd(512, "00")  # another unit, another task set
    ahead = client.cmd(256, "00", task_attr=HEAD)
    busy.run()
    assert client.answer(other).status == 0
    assert client.answer(ahead).status == 0
    assert not client.answers
    free(busy, slow)
    assert [raw[8:] for raw in client.answers] == [tag.to_bytes(8, "big") for tag in (first, barrier, after)]
    assert client.peek(512, 8192) == b"2" * 512


@pytest.mark.parametrize("attribute", [3, 5, 6, 7])
def test_attributes_that_are_none_count_as_ordered(busy: Rig, slow: SlowRam, attribute: int) -> None:
    client = busy.client
    client.read(256, 0, 1)
    client.cmd(256, "00", task_attr=attribute)
    busy.run()
    assert not client.answers
    free(busy, slow)


def test_aca_attribute(rig: Rig) -> None:
    tag = rig.client.cmd(256, "00", task_attr=TaskAttribute.ACA)
    rig.run()
    answer = rig.client.answer(tag)
    assert answer.sense[2] == 0xB
    assert answer.sense[12:14] == b"\x49\x00"


# Task management


def managed(rig: Rig, tag: int, code: int, credits: int = 1, sol_not: int = 0) -> None:
    """The answer of a function; it is the last thing that was sent."""
    assert rig.client.answers[-1][8:] == tag.to_bytes(8, "big")
    answer = rig.client.answer(tag)
    assert isinstance(answer, srp.Rsp)
    assert len(bytes(answer)) == 40
    assert (answer.flags, answer.status, answer.resp_data_len) == (RspFlags.RSPVALID, 0, 4)
    assert bytes(answer.resp_data) == bytes((0, 0, 0, code))
    assert answer.req_lim_delta == credits
    assert answer.sol_not == sol_not


def test_abort_of_what_a_worker_is_busy_with(busy: Rig, slow: SlowRam) -> None:
    """Answered at once, though the disk still hangs; nothing of the command ever arrives."""
    client = busy.client
    client.poke(b"before" * 100)
    victim = client.read(256, 0, 1)
    busy.run()
    assert slow.started.acquire(timeout=PATIENCE)
    tag = client.manage(256, TskMgmtFunc.ABORT_TASK, victim)
    busy.run()
    managed(busy, tag, RspCode.NO_FAILURE, credits=2)
    slow.gate.set()
    assert slow.started.acquire(timeout=0) is False
    tag = client.cmd(256, "00")
    busy.settle(lambda: not busy.target.mover.staging.busy)
    assert client.answer(tag).status == 0
    assert not client.answers
    assert client.peek(600) == b"before" * 100


def test_abort_of_what_waits(busy: Rig, slow: SlowRam) -> None:
    """In the task set, in the pool's queue, and for staged memory."""
    client = busy.client
    reads = [client.read(256, 0, 1) for _ in range(CHUNKS + 8)]
    dormant = client.cmd(256, "00", task_attr=ORDERED)
    busy.run()
    for victim in (dormant, reads[-1], reads[THREADS], reads[CHUNKS - 2]):
        tag = client.manage(256, TskMgmtFunc.ABORT_TASK, victim)
        busy.run()
        managed(busy, tag, RspCode.NO_FAILURE, credits=2)
        reads = [each for each in reads if each != victim]
    free(busy, slow)
    for tag in reads:
        assert client.answer(tag).status == 0
    assert not client.answers
    assert not busy.target.mover.staging.busy


def test_aborted_write_does_not_overtake_a_later_one(busy: Rig, slow: SlowRam, pool: Pool) -> None:
    client = busy.client
    victim = client.write(256, 0, b"old" * 170 + b"ol")
    busy.run()
    assert slow.started.acquire(timeout=PATIENCE)
    tag = client.manage(256, TskMgmtFunc.ABORT_TASK, victim)
    busy.run()
    managed(busy, tag, RspCode.NO_FAILURE, credits=2)
    later = client.write(256, 0, b"new" * 170 + b"ne", offset=4096)
    busy.run()
    assert slow.started.acquire(timeout=0.05) is False, "it began beside the aborted one"
    free(busy, slow)
    assert client.answer(later).status == 0
    assert bytes(slow.memory()[:510]) == b"new" * 170


def test_abort_of_what_has_ended_or_never_was(rig: Rig) -> None:
    client = rig.client
    done = client.cmd(256, "00")
    tag = client.manage(256, TskMgmtFunc.ABORT_TASK, done)
    other = client.manage(256, TskMgmtFunc.ABORT_TASK, 0x123456)
    rig.run()
    assert client.answer(done).status == 0
    assert client.answer(tag).rsp_code == RspCode.NO_FAILURE
    managed(rig, other, RspCode.NO_FAILURE)


def test_abort_looks_at_the_lun(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    victim = client.read(256, 0, 1)
    tag = client.manage(512, TskMgmtFunc.ABORT_TASK, victim)
    busy.run()
    managed(busy, tag, RspCode.NO_FAILURE)
    free(busy, slow)
    assert client.answer(victim).status == 0


@pytest.mark.parametrize("function", [TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.CLEAR_TASK_SET])
def test_abort_task_set(busy: Rig, slow: SlowRam, function: int) -> None:
    client = busy.client
    for at in range(10):
        client.read(256, at, 1)
    client.cmd(256, "00", task_attr=ORDERED)
    client.cmd(256, "00")
    tag = client.manage(256, function, sol_not=2)
    busy.run()
    managed(busy, tag, RspCode.NO_FAILURE, credits=13, sol_not=1)
    assert not client.answers
    fine = client.cmd(256, "00")
    busy.run()
    assert client.answer(fine).status == 0  # no unit attention
    slow.gate.set()
    busy.settle(lambda: not busy.target.mover.staging.busy)
    assert not client.answers


def test_lun_reset(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    for at in range(3):
        client.read(256, at, 1)
    tag = client.manage(256, TskMgmtFunc.LUN_RESET)
    busy.run()
    managed(busy, tag, RspCode.NO_FAILURE, credits=4)
    told, again, other = client.cmd(256, "00"), client.cmd(256, "00"), client.cmd(512, "00")
    busy.run()
    assert client.answer(told).sense[12:14] == RESET
    assert client.answer(again).status == 0
    assert client.answer(other).status == 0


@pytest.mark.parametrize("function", [0, 3, 0x10, 0x20, 0x40, 0x80, 0xFF])
def test_function_not_supported(rig: Rig, function: int) -> None:
    tag = rig.client.manage(256, function, sol_not=4)
    rig.run()
    managed(rig, tag, RspCode.TSK_MGMT_FUNC_NOT_SUPP, sol_not=1)


@pytest.mark.parametrize("lun", [512, bytes.fromhex("c101000000000000"), bytes.fromhex("8100000100000000")])
@pytest.mark.parametrize("function", [1, 2, 4, 8])
def test_lun_without_a_unit(rig: Rig, lun: int | bytes, function: int) -> None:
    tag = rig.client.manage(lun, function)
    rig.run()
    managed(rig, tag, RspCode.FIELDS_INVALID)


def test_tsk_mgmt_cut_short(rig: Rig) -> None:
    tag = rig.client.iu(bytes(srp.TskMgmt.build(tag=0x44, tsk_mgmt_func=1))[:47])
    rig.run()
    managed(rig, tag, RspCode.FIELDS_INVALID)


def test_what_waited_for_an_aborted_task_begins(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    client.read(256, 0, 1)
    barrier = client.cmd(256, "00", task_attr=ORDERED)
    after = client.cmd(256, "00")
    busy.run()
    assert not client.answers
    tag = client.manage(256, TskMgmtFunc.ABORT_TASK, barrier)
    busy.run()
    assert client.answer(tag).rsp_code == RspCode.NO_FAILURE
    assert client.answer(after).status == 0
    free(busy, slow)


# Credits


def test_no_credit_is_lost_or_made(make: Make, slow: SlowRam, pool: Pool) -> None:
    """What every answer gives back adds up to what was sent, whatever was aborted."""
    rig = make(LunMap([(256, Disk(slow, name="slow"))]), Settings(request_limit=16), pool)
    client = rig.login()
    sent = given = 0
    for turn in range(200):
        tags = [client.read(256, at, 1) for at in range(turn % 14)]
        function = (TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.LUN_RESET)[turn % 3]
        tag = client.manage(256, function, tags[0] if tags else 0)
        sent += len(tags) + 1
        rig.run()
        assert rig.target.session, "the client was thrown out"
        if turn % 3 == 0:
            free(rig, slow)
            slow.gate.clear()
        for each in [*tags, tag]:
            if any(raw[8:] == each.to_bytes(8, "big") for raw in client.answers):
                given += client.answer(each).req_lim_delta
        assert given == sent
    slow.gate.set()


def test_linux_counts_aborted_commands_itself(make: Make, slow: SlowRam, pool: Pool) -> None:
    """It then sends more than it was granted; that is not held against it."""
    rig = make(LunMap([(256, Disk(slow, name="slow"))]), Settings(request_limit=8), pool)
    client = rig.login()
    for _ in range(3):
        victim = client.read(256, 0, 1)
        client.manage(256, TskMgmtFunc.ABORT_TASK, victim)
        rig.run()
    for _ in range(11):
        client.read(256, 0, 1)
    rig.run()
    assert rig.target.session
    client.read(256, 0, 1)
    rig.run()
    assert rig.target.session is None, "this one was granted by nobody"


# Two initiators


@pytest.fixture
def two(make: Make, slow: SlowRam, pool: Pool) -> tuple[Rig, Rig]:
    """Two adapters that export one slow disk."""
    disk = Disk(slow, name="shared")
    first, second = (make(LunMap([(256, disk)]), None, pool) for _ in range(2))
    first.login()
    second.login()
    return first, second


def test_lun_reset_ends_the_others_tasks(two: tuple[Rig, Rig], slow: SlowRam) -> None:
    one, other = two
    victims = [other.client.read(256, at, 1) for at in range(3)]
    victims.append(other.client.cmd(256, "00", task_attr=ORDERED))
    other.run()
    tag = one.client.manage(256, TskMgmtFunc.LUN_RESET)
    one.run()
    assert not one.client.answers, "before the other nexus' tasks have ended"
    other.run()
    for victim in victims:
        answer = other.client.answer(victim)
        assert answer.status == 0x40
        assert answer.req_lim_delta == 1
    one.run()
    managed(one, tag, RspCode.NO_FAILURE)
    for rig in two:
        told = rig.client.cmd(256, "00")
        rig.run()
        assert rig.client.answer(told).sense[12:14] == RESET


def test_abort_task_set_leaves_the_others_tasks_alone(two: tuple[Rig, Rig], slow: SlowRam) -> None:
    one, other = two
    theirs = other.client.read(256, 0, 1)
    other.run()
    for function in (TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.CLEAR_TASK_SET):
        tag = one.client.manage(256, function)
        one.run()
        managed(one, tag, RspCode.NO_FAILURE)
    free(other, slow)
    assert other.client.answer(theirs).status == 0


@pytest.mark.parametrize("before", [True, False])
def test_lun_reset_while_the_other_adapter_goes(two: tuple[Rig, Rig], before: bool) -> None:
    one, other = two
    other.client.read(256, 0, 1)
    other.run()
    if before:
        other.target.remove()
    tag = one.client.manage(256, TskMgmtFunc.LUN_RESET)
    one.run()
    if not before:
        other.target.retire()
    one.run()
    managed(one, tag, RspCode.NO_FAILURE)


def test_a_session_that_ends_takes_its_tasks_along(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    client.poke(b"mine" * 128)
    client.read(256, 0, 1)
    client.write(256, 1, bytes(512), offset=4096)
    busy.run()
    assert slow.started.acquire(timeout=PATIENCE)
    client.port.free()
    busy.run()
    assert busy.target.session is None
    client.port.register()
    client.element(bytes.fromhex("c001" + "00" * 14))
    client.login()
    busy.run()
    busy.attended()
    slow.gate.set()
    client.answers.clear()
    tag = client.read(256, 8, 1, offset=16384)
    busy.run()
    session: Any = busy.target.session
    busy.settle(lambda: session.outstanding == 0)
    assert client.answer(tag).status == 0
    assert not client.answers
    assert client.peek(512) == b"mine" * 128


def test_more_tasks_than_staged_memory_end_together(busy: Rig, slow: SlowRam) -> None:
    """What a running task gives back must not start one that ends with it: the client's memory has gone."""
    client = busy.client
    tags = [client.write(256, i, bytes(512), offset=4096) for i in range(CHUNKS + 8)]
    busy.run()
    assert slow.started.acquire(timeout=PATIENCE)
    session: Any = busy.target.session
    assert len(session.tasks) == len(tags)
    assert busy.target.mover.staging.waiting == len(tags) - CHUNKS // 2
    client.port.free()
    busy.run()
    assert busy.target.session is None
    assert not busy.target.mover.staging.waiting
    slow.gate.set()
    busy.settle(lambda: not busy.target.mover.staging.busy)
    assert not session.tasks


def test_logout_and_login_of_another_port_abort_too(busy: Rig, slow: SlowRam) -> None:
    client = busy.client
    client.read(256, 0, 1)
    client.login(initiator_port_id=b"of another port!")
    busy.run()
    busy.attended()
    client.answers.clear()
    client.read(256, 0, 1)
    client.iu(bytes(srp.ILogout.build(tag=9)))
    busy.run()
    assert client.element_of(9).IU_length == 16
    slow.gate.set()
    busy.settle(lambda: not busy.target.mover.staging.busy)
    assert not client.answers


def test_login_in_a_session_loses_nothing(make: Make, pool: Pool, slow: SlowRam) -> None:
    """Linux logs in twice when both sides say INIT, and has commands under way by then."""
    rig = make(LunMap([(256, Disk(slow))]), Settings(request_limit=8), pool)
    client = rig.login()
    before = [client.read(256, 0, 1, offset=BLOCK * at) for at in range(3)]
    rig.run()
    login = client.login()
    rig.run()
    assert client.answer(login).req_lim_delta == 5
    # What Linux sends while it waits for the login does not count for it.
    behind = [client.read(256, 0, 1) for _ in range(8)]
    rig.run()
    slow.gate.set()
    rig.settle(lambda: len(client.answers) == 11)
    assert all(client.answer(tag).req_lim_delta == 1 for tag in [*before, *behind])
    # All credits are there again, and a login now has them all.
    login = client.login()
    rig.run()
    assert client.answer(login).req_lim_delta == 8
    assert rig.target.session
    assert rig.target.session.outstanding == 0


def test_login_behind_answers_counts_their_credits_as_given(make: Make) -> None:
    """They arrive before it does."""
    rig = make(LunMap([(256, Disk(Ram(MIB)))]), Settings(request_limit=8))
    client = rig.login()
    for _ in range(3):
        client.read(256, 0, 1)
    client.cmd(256, "12 00 00 00 24 00", data_in=(client.data(0), 36))
    login = client.login()
    rig.run()
    assert len(client.answers) == 5
    assert client.answer(login).req_lim_delta == 8


def test_login_pays_the_credits_owed(busy: Rig, slow: SlowRam) -> None:
    """The credit of an answer that could not be written comes with the next one, or with a login."""
    client = busy.client
    client.write(256, 0, bytes(512))
    busy.run()
    assert slow.started.acquire(timeout=PATIENCE)
    busy.server.inject("H_COPY_RDMA", ReturnCode.H_PERMISSION, 1)
    slow.gate.set()
    busy.settle(lambda: len(client.answers) == 1)
    assert busy.target.session
    assert busy.target.session.channels[0].owed == 1
    login = client.login()
    busy.run()
    assert client.answer(login).req_lim_delta == busy.target.session.channels[0].limit
    tag = client.cmd(512, "00")
    busy.run()
    assert client.answer(tag).req_lim_delta == 1


@pytest.mark.parametrize("bad", [0, CHUNK // BLOCK - 1, CHUNK // BLOCK, 3 * CHUNK // BLOCK - 1])
def test_blocks_before_one_that_cannot_be_read_are_moved(make: Make, pool: Pool, bad: int) -> None:
    """Whatever chunk it is in; and so for what is written."""
    backend = Spotted(4 * CHUNK, {bad * BLOCK + 7}, blocking=True)
    there = bytes(i // BLOCK & 255 | 1 for i in range(4 * CHUNK))
    backend.memory()[:] = there
    rig = make(LunMap([(256, Disk(backend))]), workers=pool)
    client = rig.login()
    blocks = 3 * CHUNK // BLOCK
    client.poke(b"\xee" * 3 * CHUNK)
    tag = client.read(256, 0, blocks)
    rig.settle(lambda: bool(client.answers))
    answer = client.answer(tag)
    sense = parse_sense(answer.sense)
    assert (answer.status, sense.sense_key, sense.asc, sense.information) == (2, 3, 0x11, bad)
    assert (answer.flags, answer.data_in_res_cnt) == (
        RspFlags.SNSVALID | RspFlags.DIUNDER,
        (blocks - bad) * BLOCK,
    )
    assert client.peek(3 * CHUNK) == there[: bad * BLOCK].ljust(3 * CHUNK, b"\xee")
    tag = client.write(256, 0, bytes(3 * CHUNK))
    rig.settle(lambda: bool(client.answers))
    answer = client.answer(tag)
    sense = parse_sense(answer.sense)
    assert (answer.status, sense.sense_key, sense.asc, sense.information) == (2, 3, 0x0C, bad)
    assert answer.data_out_res_cnt == (blocks - bad) * BLOCK
    assert bytes(backend.memory()) == bytes(bad * BLOCK) + there[bad * BLOCK :]
    assert not rig.target.mover.staging.waiting


def test_a_medium_that_is_closed_between_two_chunks(make: Make, pool: Pool) -> None:
    """The first has been moved, of the second nothing."""

    class Short(SlowRam):
        def read_into(self, offset: int, view: memoryview) -> None:
            if offset:
                raise ValueError("closed")
            super().read_into(offset, view)

    backend = Short(2 * CHUNK)
    backend.gate.set()
    rig = make(LunMap([(256, Disk(backend))]), workers=pool)
    client = rig.login()
    tag = client.read(256, 0, 2 * CHUNK // BLOCK)
    rig.settle(lambda: bool(client.answers))
    answer = client.answer(tag)
    assert (answer.sense[2], answer.sense[0]) == (4, 0x70)
    assert answer.data_in_res_cnt == CHUNK


# The pool


def test_pool_keeps_keys_apart(pool: Pool) -> None:
    gate, done = threading.Event(), threading.Semaphore(0)
    for _ in range(2 * THREADS):
        pool.submit("slow", lambda: gate.wait(PATIENCE) and None, lambda error: done.release())
    pool.submit("fast", lambda: None, lambda error: done.release())
    assert done.acquire(timeout=PATIENCE)
    assert pool.drain("fast", 20)
    assert not pool.drain("slow", 0.01)
    gate.set()
    assert pool.drain("slow", 20)


def test_pool_hands_on_exceptions(pool: Pool) -> None:
    errors: list[Exception | None] = []
    done = threading.Event()

    def work() -> None:
        raise OSError(5, "bad")

    def ended(error: Exception | None) -> None:
        errors.append(error)
        done.set()

    pool.submit(1, work, ended)
    assert done.wait(PATIENCE)
    assert isinstance(errors[0], OSError)


def test_abandoned_work(pool: Pool) -> None:
    gate, began = threading.Event(), threading.Semaphore(0)
    order: list[str] = []

    def hold() -> None:
        began.release()
        assert gate.wait(PATIENCE)
        order.append("abandoned")

    running = pool.submit("disk", hold, lambda error: None)
    assert began.acquire(timeout=PATIENCE)
    assert running.abandon() is False
    pool.submit("disk", lambda: order.append("later"), lambda error: None)
    waiting = pool.submit("disk", lambda: order.append("never"), lambda error: None)
    assert waiting.abandon() is True
    gate.set()
    assert pool.drain("disk", 20)
    assert order == ["abandoned", "later"]
    assert running.abandon() is False


def test_drain_does_not_wait_for_what_was_abandoned() -> None:
    """Whoever waits for the pool must hear of it when the last work is withdrawn."""
    pool, gate = Pool(), threading.Event()
    jobs = [
        pool.submit("disk", lambda: gate.wait(PATIENCE) and None, lambda error: None)
        for _ in range(THREADS + 1)
    ]
    drained = threading.Event()
    waiter = threading.Thread(target=lambda: pool.drain(timeout=PATIENCE) and drained.set())
    waiter.start()
    jobs[-1].abandon()
    gate.set()
    assert drained.wait(PATIENCE)
    waiter.join()
