"""One task set for all nexuses of a unit: TST 000b (SPC-5, 7.5.9; SAM-6, 8.6 to 8.8)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pysrp._fast.gate import ALONE, Gate

from jobs_rig import TUR, Pair, code
from medium_by_hand import HandMedium, close
from pysrp.lun import Lun
from pysrp.scsi.mode import ControlPage
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TaskAttribute, TskMgmtFunc
from pysrp.target.shared_tasks import Order, SharedTaskSet
from pysrp.target.task import Nexus, Task
from target_rig import BLOCK, MIB, Rig
from test_lane_media import Scene
from test_modes import READ, control, select, whole

SIMPLE, HEAD, ORDERED = TaskAttribute.SIMPLE, TaskAttribute.HEAD_OF_QUEUE, TaskAttribute.ORDERED
SIZE = 64 * BLOCK


class Bench:
    """The task set of several nexuses, with a gate each. Tasks go on until they are told to end: names begin with the nexus
    and the attribute, ``0s`` SIMPLE, ``1o`` ORDERED, ``0h`` HEAD OF QUEUE.
    """

    def __init__(self, count: int = 2) -> None:
        self.posted: list[Any] = []
        self.nexuses = [Nexus(f"n{at}", self.posted.append) for at in range(count)]
        self.gates = [Gate() for _ in self.nexuses]
        self.order = Order(lambda: zip(self.nexuses, self.gates, strict=True), self._over)
        self.parts = [SharedTaskSet(self.order, self._begin) for _ in self.nexuses]
        self.tasks: dict[str, Task] = {}
        self.running: list[str] = []
        self.over = 0

    def _over(self) -> None:
        self.over += 1
        for gate in self.gates:
            gate.open(ALONE)

    def _begin(self, task: Task) -> None:
        self.running.append(next(name for name, each in self.tasks.items() if each is task))

    def run(self) -> None:
        while self.posted:
            self.posted.pop(0)()

    def add(self, *names: str) -> list[str]:
        for name in names:
            at, attribute = int(name[0]), {"s": SIMPLE, "o": ORDERED, "h": HEAD}[name[1]]
            task = Task(
                self.nexuses[at], Lun(), 0, bytes(16), unit=None, mover=None, finish=None, attribute=attribute
            )  # type: ignore[arg-type]
            self.tasks[name] = task
            if self.parts[at].add(task):
                self._begin(task)
        self.run()
        return self.running

    def end(self, *names: str) -> list[str]:
        for name in names:
            if name in self.running:
                self.running.remove(name)
            self.parts[int(name[0])].discard(self.tasks[name])
        self.run()
        return self.running


def test_ordered_waits_for_those_of_others_and_they_wait_for_it() -> None:
    bench = Bench()
    assert bench.add("0s1", "1s1", "1o1", "0s2", "1s2", "0o2") == ["0s1", "1s1"]
    assert bench.end("1s1") == ["0s1"]
    assert bench.end("0s1") == ["1o1"]
    assert bench.end("1o1") == ["0s2", "1s2"]
    assert bench.end("0s2") == ["1s2"]
    assert bench.end("1s2") == ["0o2"]
    assert bench.order.bars
    assert bench.end("0o2") == []
    assert not bench.order.bars
    assert bench.over == 1
    assert [len(part) for part in bench.parts] == [0, 0]


def test_head_of_queue_of_another() -> None:
    bench = Bench()
    assert bench.add("0s1", "1h1", "0s2", "0h2") == ["0s1", "1h1", "0h2"]
    assert bench.end("1h1") == ["0s1", "0h2"]
    assert bench.end("0h2") == ["0s1", "0s2"]


def test_a_dormant_task_that_is_aborted_frees_the_way() -> None:
    bench = Bench()
    assert bench.add("0s1", "1o1", "0s2", "1s2") == ["0s1"]
    assert bench.end("1o1") == ["0s1", "0s2", "1s2"]


def test_a_task_that_may_begin_and_is_aborted_first_does_not() -> None:
    bench = Bench()
    bench.add("0s1", "1o1", "0s2")
    bench.running.remove("0s1")
    bench.parts[0].discard(bench.tasks["0s1"])
    assert bench.posted, "the ORDERED one is to be begun in its own thread"
    bench.parts[1].discard(bench.tasks["1o1"])
    bench.parts[1].discard(bench.tasks["1o1"])
    bench.run()
    assert bench.running == ["0s2"]


class Beside:
    """The lock of an order. When it is free for the first time ``then`` is done, as by another thread."""

    def __init__(self, bench: Bench, then: Callable[[], None]) -> None:
        self.lock, self.then = bench.order._lock, [then]
        bench.order._lock = self  # type: ignore[assignment]

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *error: object) -> None:
        self.lock.release()
        if self.then:
            self.then.pop()()


@pytest.mark.parametrize("name", ["1s1", "1o1"])
def test_one_that_another_lets_begin_as_it_arrives_begins_once(name: str) -> None:
    bench = Bench()
    bench.add("0o1")
    bench.running.clear()
    Beside(bench, lambda: bench.parts[0].discard(bench.tasks["0o1"]))
    assert bench.add(name) == [name]


def test_one_that_may_begin_and_moves_to_another_task_set_first_begins_there() -> None:
    bench = Bench()
    bench.add("0s1", "1o1")
    bench.parts[0].discard(bench.tasks["0s1"])
    assert bench.posted
    assert bench.parts[1].leave() == ([], [bench.tasks["1o1"]])
    assert bench.running == ["0s1"]
    bench.run()
    assert bench.running == ["0s1"]
    assert not bench.order.bars


def test_the_gates_of_all_are_closed_as_long_as_there_is_an_order() -> None:
    bench = Bench()
    bench.add("0s1", "1s1")
    assert [gate.reasons for gate in bench.gates] == [0, 0]
    bench.add("1o1")
    assert [gate.reasons for gate in bench.gates] == [ALONE, ALONE]
    bench.end("0s1", "1s1")
    assert bench.running == ["1o1"]
    assert [gate.reasons for gate in bench.gates] == [ALONE, ALONE]
    bench.end("1o1")
    assert [gate.reasons for gate in bench.gates] == [0, 0]


@pytest.mark.parametrize("seed", range(20))
def test_random_orders_beside_the_rules(seed: int) -> None:
    """Whenever something runs, nothing older is in its way by SAM-6, 8.7."""
    rng, bench = random.Random(seed), Bench(3)
    there: list[str] = []
    for number in range(200):
        if there and rng.random() < 0.5:
            name = rng.choice(bench.running if bench.running and rng.random() < 0.8 else there)
            there.remove(name)
            bench.end(name)
        else:
            name = f"{rng.randrange(3)}{rng.choice('sssoh')}{number}"
            there.append(name)
            bench.add(name)
        dormant = [name for name in there if name not in bench.running]
        if dormant:
            first = dormant[0]
            assert first[1] != "h"
            busy = bench.running if first[1] == "o" else [each for each in bench.running if each[1] != "s"]
            assert busy, f"{first} could run"
        for name in bench.running:
            before = dormant[: len(dormant)] if name[1] == "h" else []
            older = [each for each in there[: there.index(name)] if each not in before]
            if name[1] == "o":
                assert all(each[1] == "h" for each in older)
            elif name[1] == "s":
                assert not [each for each in older if each[1] == "o"]
    bench.end(*there)
    assert not bench.order.bars
    assert not bench.running


# Through two adapters.


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair(whole, SIZE)
    yield pair
    pair.close()


def one(pair: Pair, **fields: int) -> None:
    """One task set, and what else the control mode page is to say."""
    assert pair.answered(pair.other, *select(control(tst=0, **fields))).status == 0
    assert code(pair.bad(pair.first, TUR)) == (6, 0x2A, 1)


def read(rig: Rig, attribute: int = SIMPLE) -> int:
    tag = rig.client.cmd(0, READ, data_in=(rig.client.data(MIB), BLOCK), task_attr=attribute)
    rig.run()
    return tag


def ended(rig: Rig, tag: int) -> Any:
    def there() -> bool:
        return any(raw[8:16] == tag.to_bytes(8, "big") for raw in rig.client.answers)

    rig.settle(there)
    return rig.client.answer(tag)


def silent(rig: Rig, tag: int) -> bool:
    """Whether a command has had no answer."""
    return not any(raw[8:16] == tag.to_bytes(8, "big") for raw in rig.client.answers)


def at_rest(pair: Pair) -> None:
    """Nothing is under way, and both get on."""
    for rig in pair.first, pair.other:
        session = rig.target.session
        assert session is not None
        rig.settle(lambda session=session: not session.tasks)  # type: ignore[misc]
        assert session.outstanding == 0
        pair.good(rig)


def test_the_page_says_it_and_a_reset_takes_it_back(pair: Pair) -> None:
    one(pair)
    assert pair.unit.order is not None
    assert ControlPage(pair.unit.modes[0x0A].current).tst == 0
    managed = pair.other.client.manage(0, TskMgmtFunc.LUN_RESET)
    for rig in pair.other, pair.first, pair.other:
        rig.run()
    assert bytes(pair.other.client.answer(managed).resp_data) == bytes(4)
    assert pair.unit.order is None


@pytest.mark.parametrize("tst", [0, 1])
def test_ordered_of_one_nexus_and_reads_of_another(pair: Pair, tst: int) -> None:
    if tst == 0:
        one(pair)
    mine = read(pair.first)
    pair.turns.in_step(0)
    ordered = pair.other.client.cmd(0, TUR, task_attr=ORDERED)
    pair.other.run()
    assert silent(pair.other, ordered) == (tst == 0)
    later = pair.first.client.cmd(0, TUR)
    pair.first.run()
    assert silent(pair.first, later) == (tst == 0)
    pair.turns.open()
    assert ended(pair.first, mine).status == 0
    assert ended(pair.other, ordered).status == 0
    assert ended(pair.first, later).status == 0
    at_rest(pair)


@pytest.mark.parametrize("tas", [0, 1])
def test_clear_task_set_ends_those_of_the_others(pair: Pair, tas: int) -> None:
    """SAM-6, 7.5: TASK ABORTED, or the next command is told (SPC-5, 7.5.9)."""
    one(pair, tas=tas)
    mine, theirs = read(pair.first), read(pair.other)
    pair.turns.in_step(0)
    managed = pair.other.client.manage(0, TskMgmtFunc.CLEAR_TASK_SET)
    for rig in pair.other, pair.first, pair.other:
        rig.run()
    assert bytes(pair.other.client.answer(managed).resp_data) == bytes(4)
    pair.turns.open()
    if tas:
        assert ended(pair.first, mine).status == 0x40
    else:
        assert code(pair.bad(pair.first, TUR)) == (6, 0x2F, 0)
        assert silent(pair.first, mine)
    at_rest(pair)
    assert silent(pair.other, theirs)


@pytest.mark.parametrize("function", [TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.CLEAR_TASK_SET])
def test_abort_task_set_ends_those_of_its_nexus_only(pair: Pair, function: TskMgmtFunc) -> None:
    if function == TskMgmtFunc.ABORT_TASK_SET:
        one(pair)  # and with a task set each CLEAR TASK SET is the same
    mine, theirs = read(pair.first), read(pair.other)
    pair.turns.in_step(0)
    managed = pair.other.client.manage(0, function)
    pair.other.run()
    assert bytes(pair.other.client.answer(managed).resp_data) == bytes(4)
    pair.turns.open()
    assert ended(pair.first, mine).status == 0
    at_rest(pair)
    assert silent(pair.other, theirs)


@pytest.mark.parametrize("qerr", [1, 3])
def test_check_condition_ends_the_others_of_its_task_set(pair: Pair, qerr: int) -> None:
    """01b: of all nexuses. 11b: of that which has had it."""
    one(pair, qerr=qerr)
    mine, theirs = read(pair.first), read(pair.other)
    pair.turns.in_step(0)
    assert code(pair.bad(pair.other, "ff")) == (5, 0x20, 0)
    pair.first.run()
    pair.turns.open()
    assert ended(pair.first, mine).status == (0x40 if qerr == 1 else 0)
    at_rest(pair)
    assert silent(pair.other, theirs)


def test_a_nexus_that_is_lost_frees_the_way(pair: Pair) -> None:
    one(pair)
    read(pair.first)
    pair.turns.in_step(0)
    ordered = pair.other.client.cmd(0, TUR, task_attr=ORDERED)
    pair.other.run()
    later = pair.other.client.cmd(0, TUR)
    pair.other.run()
    assert silent(pair.other, ordered)
    pair.first.client.port.free()
    pair.first.run()
    assert pair.first.target.session is None
    assert ended(pair.other, ordered).status == 0
    assert ended(pair.other, later).status == 0
    assert not pair.unit.order.bars


@pytest.mark.parametrize("tst", [0, 1])
def test_what_is_under_way_when_it_changes_keeps_its_order(pair: Pair, tst: int) -> None:
    """A READ and an ORDERED one that waits; then the unit has the other kind, and a SIMPLE one comes."""
    one(pair)
    if tst == 0:
        assert pair.answered(pair.other, *select(control())).status == 0
        assert code(pair.bad(pair.first, TUR)) == (6, 0x2A, 1)
    mine = read(pair.first)
    pair.turns.in_step(0)
    ordered = pair.first.client.cmd(0, TUR, task_attr=ORDERED)
    raw, data = select(control(tst=tst))
    pair.other.client.poke(data)
    # As HEAD OF QUEUE: with one task set anything else would wait for the ORDERED one.
    tag = pair.other.client.cmd(0, raw, data_out=(pair.other.client.data(), len(data)), task_attr=HEAD)
    pair.first.run()
    assert ended(pair.other, tag).status == 0
    later = pair.first.client.cmd(0, "03000000fc00", data_in=(pair.first.client.data(MIB), 252))
    pair.first.run()
    assert silent(pair.first, ordered)
    assert silent(pair.first, later)
    pair.turns.open()
    assert ended(pair.first, mine).status == 0
    assert code_of(ended(pair.first, ordered)) == (6, 0x2A, 1)
    assert ended(pair.first, later).status == 0
    at_rest(pair)


def code_of(answer: Any) -> tuple[int, int, int]:
    assert answer.status == 2
    return code(parse_sense(bytes(answer.sense)))


@pytest.mark.parametrize("fast", [True, False])
def test_ordered_waits_for_what_another_has_under_way(fast: bool) -> None:
    """In its lane, too, which takes nothing more until the ORDERED command has ended."""
    medium = HandMedium(8 * MIB, 0, listens=False)
    scene = Scene(medium, fast=fast)
    other = Scene(medium, scene.luns, fast=fast)
    both = scene, other
    try:
        scene.disk.modes[0x0A].current[:] = control(tst=0)
        with scene.disk._changing():
            scene.disk._modes_changed()
        for each in both:
            each.attended()
        mine = scene.client.write(256, 0, b"1" * 512)
        scene.run()
        assert not fast or scene.under_way() == (1, 0)
        ordered = other.client.read(256, 0, 1, task_attr=2)
        other.run()
        assert (medium.waiting, other.silent(ordered)) == (1, True)
        behind = scene.client.write(256, 0, b"2" * 512, offset=1024)
        scene.run()
        assert medium.waiting == 1
        scene.finish()
        scene.good(mine)
        other.run()
        assert medium.waiting == 1
        other.finish()
        other.good(ordered)
        assert other.client.peek(512) == b"1" * 512
        scene.run()
        scene.finish()
        scene.good(behind)
        last = scene.client.write(256, 0, b"3" * 512)
        scene.run()
        assert not fast or scene.under_way() == (1, 0)
        scene.finish()
        scene.good(last)
        for each in both:
            assert not each.session.tasks
            assert each.session.outstanding == 0
            assert not fast or not each.gate().reasons
        assert not scene.disk.order.bars
    finally:
        for each in both:
            each.close()
        close(medium)
