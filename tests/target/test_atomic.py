"""COMPARE AND WRITE and ORWRITE: what comes out, and that nobody comes in between: engine, native lane, two servers."""

from __future__ import annotations

import errno
import itertools
import random
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast.gate import ALONE

from lane_rig import ByHand, lane
from media_rig import LateMedium
from medium_by_hand import HandMedium, close
from pysrp.backends import Ram
from pysrp.fabric import Identity
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.media import open_medium
from pysrp.scsi import inquiry, params
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import FUA, Feature, MediumRequest, Operation
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from target_rig import BLOCK, MIB, Rig, SlowRam, Spotted
from unit_bench import Bench
from waiting import PATIENCE

A, B, C = (bytes([value]) * BLOCK for value in b"abc")


def caw(lba: int, blocks: int = 1, flags: int = 0) -> bytes:
    return struct.pack(">BBQ3xBBx", 0x89, flags, lba, blocks, 0)


def orwrite(lba: int, blocks: int, flags: int = 0) -> bytes:
    return struct.pack(">BBQIBB", 0x8B, flags, lba, blocks, 0, 0)


# What comes out.


@pytest.fixture
def ram() -> Iterator[Ram]:
    with Ram(64 * BLOCK) as ram:
        yield ram


@pytest.fixture
def bench(ram: Ram) -> Iterator[Bench]:
    with Bench(Disk(ram)) as bench:
        yield bench


def test_what_is_equal_is_replaced(bench: Bench, ram: Ram) -> None:
    bench.good(caw(3, 2), bytes(2 * BLOCK) + A + B)
    assert bytes(ram.memory()[2 * BLOCK : 6 * BLOCK]) == bytes(BLOCK) + A + B + bytes(BLOCK)
    bench.good(caw(3, 2, 0x18), A + B + C + C)
    assert bytes(ram.memory()[3 * BLOCK : 5 * BLOCK]) == C + C


@pytest.mark.parametrize("at", [0, 511, 512, 700, 1023])
def test_what_differs_is_left_and_told(bench: Bench, ram: Ram, at: int) -> None:
    ram.memory()[BLOCK : 3 * BLOCK] = A + B
    expected = bytearray(A + B)
    expected[at] ^= 1
    result = bench(caw(1, 2), bytes(expected) + C + C)
    assert result.code == (0xE, 0x1D, 0)
    sense = parse_sense(result.sense)
    assert (sense.valid, sense.information) == (1, at)
    assert bytes(ram.memory()[BLOCK : 3 * BLOCK]) == A + B


def test_no_blocks_are_no_error(bench: Bench) -> None:
    bench.good(caw(0, 0))
    bench.good(orwrite(0, 0))


@pytest.mark.parametrize(
    ("cdb", "data", "code", "pointer"),
    [
        (caw(64), bytes(1024), (5, 0x21, 0), (True, 2, None)),
        (caw(63, 2), bytes(2048), (5, 0x21, 0), (True, 2, None)),
        (caw(0, 2), bytes(2047), (5, 0x24, 0), (True, 13, None)),
        (caw(0, 2), bytes(2049), (5, 0x24, 0), (True, 13, None)),
        (caw(0, 0), bytes(512 * BLOCK), (5, 0x24, 0), (True, 13, None)),  # 256, in a byte
        (caw(0, 1, 0x20), bytes(1024), (5, 0x24, 0), (True, 1, 7)),
        (orwrite(64, 1), bytes(512), (5, 0x21, 0), (True, 2, None)),
        (orwrite(0, 1), bytes(511), (5, 0x24, 0), (True, 10, None)),
        (orwrite(0, 1, 0x40), bytes(512), (5, 0x24, 0), (True, 1, 7)),
    ],
)
def test_what_cannot_be(bench: Bench, ram: Ram, cdb: bytes, data: bytes, code: Any, pointer: Any) -> None:
    result = bench(cdb, data)
    assert (result.code, result.pointer) == (code, pointer)
    assert bytes(ram.memory()) == bytes(ram.size)


@pytest.mark.parametrize(("largest", "most"), [(None, 255), (64 * BLOCK, 32), (BLOCK, 1)])
def test_limit_in_block_limits(largest: int | None, most: int) -> None:
    with Ram(300 * BLOCK) as ram, Bench(Disk(ram, max_transfer=largest)) as bench:
        limits = inquiry.BlockLimits(bench.good("1201b000ff00"))
        assert limits.maximum_compare_and_write_length == most
        bench.good(caw(0, most), bytes(most * BLOCK) + b"n" * (most * BLOCK))
        if most < 255:
            result = bench(caw(0, most + 1), bytes(2 * (most + 1) * BLOCK))
            assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 13, None))


def test_protected(ram: Ram) -> None:
    with Bench(Disk(ram, read_only=True)) as bench:
        assert bench.bad(caw(0), bytes(2 * BLOCK)) == (7, 0x27, 0)
        assert bench.bad(orwrite(0, 1), bytes(BLOCK)) == (7, 0x27, 0)


def test_bits_are_set_beside_others(bench: Bench, ram: Ram) -> None:
    ram.memory()[: 2 * BLOCK] = b"\x0f" * BLOCK + b"\x80" * BLOCK
    bench.good(orwrite(0, 2, 8), b"\xf0" * BLOCK + b"\x01" * BLOCK)
    assert bytes(ram.memory()[: 2 * BLOCK]) == b"\xff" * BLOCK + b"\x81" * BLOCK


@pytest.mark.parametrize("cdb", [caw(2, 2), orwrite(2, 2)], ids=["compare", "or"])
def test_a_block_that_cannot_be_read(cdb: bytes) -> None:
    with Spotted(64 * BLOCK, {3 * BLOCK}) as spotted, Bench(Disk(spotted)) as bench:
        result = bench(cdb, bytes(4 * BLOCK))
        assert result.code == (3, 0x11, 0), "it is read when that happens"
        assert parse_sense(result.sense).information == 3


def test_without_a_cache_it_is_on_the_medium() -> None:
    flushed = []

    class Flushed(Ram):
        def flush(self) -> None:
            flushed.append(True)

    with Flushed(64 * BLOCK) as ram:
        with Bench(Disk(ram)) as bench:
            bench.good(caw(0), bytes(BLOCK) + A)
            assert not flushed
            bench.good(caw(0, 1, 8), A + B)
            assert len(flushed) == 1
        with Bench(Disk(ram, write_through=True)) as bench:
            bench.good(caw(0), B + C)
            assert len(flushed) == 2


# Nobody in between: two clients of one disk whose medium takes its time, in one thread.


class Pair:
    """Two adapters with one disk over memory that is asked by workers, which do nothing until they are told."""

    def __init__(self) -> None:
        self.ram = Ram(MIB)
        self.workers = ByHand()
        self.disk = Disk(self.ram, "d")
        luns = LunMap([(256, self.disk)])
        self.one, self.two = (Rig(luns, Settings(max_transfer=MIB), self.workers) for _ in range(2))
        for rig in self.one, self.two:
            rig.login()
        for rig in self.one, self.two:
            rig.attended()
        self.slow(True)

    def slow(self, blocking: bool) -> None:
        self.ram.blocking = blocking

    def go(self) -> int:
        """What the medium has been asked for is done; how much that was."""
        held, self.workers.held = self.workers.held, []
        for work, ended in held:
            work()
            ended(None)
        self.run()
        return len(held)

    def run(self) -> None:
        self.one.run()
        self.two.run()

    def compare(self, rig: Rig, lba: int, old: bytes, new: bytes) -> int:
        rig.client.poke(old + new, 4096)
        tag = rig.client.cmd(256, caw(lba, len(old) // BLOCK), data_out=(rig.client.data(4096), 2 * len(old)))
        rig.run()
        return tag

    def write(self, rig: Rig, lba: int, data: bytes) -> int:
        tag = rig.client.write(256, lba, data, lba * 8192)
        rig.run()
        return tag

    def gates(self) -> list[int]:
        return [gate.reasons & ALONE for gates in self.disk._gates.values() for _, gate in gates]

    def close(self) -> None:
        while self.go():
            pass
        for rig in self.one, self.two:
            rig.close()
        self.ram.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


def silent(rig: Rig, tag: int) -> bool:
    return all(raw[8:16] != tag.to_bytes(8, "big") for raw in rig.client.answers)


def status(rig: Rig, tag: int) -> int:
    return int(rig.client.answer(tag).status)


def test_a_write_waits_for_who_is_alone(pair: Pair) -> None:
    one, two = pair.one, pair.two
    compare = pair.compare(one, 8, bytes(2 * BLOCK), A + A)
    assert len(pair.workers.held) == 1, "it reads"
    inside = pair.write(two, 9, B)
    read = two.client.read(256, 8, 1, offset=65536)
    two.run()
    assert len(pair.workers.held) == 1, "they wait"
    beside = pair.write(two, 10, C)
    assert len(pair.workers.held) == 2, "this one does not"
    assert pair.go() == 2
    assert status(two, beside) == 0
    assert silent(one, compare)
    assert silent(two, inside)
    assert pair.go() == 1
    assert status(one, compare) == 0
    assert pair.go() == 2
    assert (status(two, inside), status(two, read)) == (0, 0)
    assert two.client.peek(BLOCK, 65536) == A
    assert bytes(pair.ram.memory()[8 * BLOCK : 11 * BLOCK]) == A + B + C
    assert pair.disk.claims.shared == {}


def test_who_wants_to_be_alone_waits_for_who_was_there(pair: Pair) -> None:
    one, two = pair.one, pair.two
    before = pair.write(two, 8, B)
    compare = pair.compare(one, 8, B, A)
    later = pair.compare(two, 8, A, C)
    assert len(pair.workers.held) == 1
    assert pair.go() == 1
    assert status(two, before) == 0
    pair.run()
    while pair.go():
        pair.run()
    assert (status(one, compare), status(two, later)) == (0, 0)
    assert bytes(pair.ram.memory()[8 * BLOCK : 9 * BLOCK]) == C


def test_two_that_do_not_meet_do_not_wait(pair: Pair) -> None:
    first = pair.compare(pair.one, 8, bytes(BLOCK), A)
    second = pair.compare(pair.two, 9, bytes(BLOCK), B)
    assert (pair.go(), pair.go()) == (2, 2)
    assert (status(pair.one, first), status(pair.two, second)) == (0, 0)


def test_one_that_begins_and_does_not_match_lets_others_go(pair: Pair) -> None:
    compare = pair.compare(pair.one, 8, A, B)
    write = pair.write(pair.two, 8, C)
    assert pair.go() == 1
    assert status(pair.one, compare) == 2
    assert pair.go() == 1
    assert status(pair.two, write) == 0


@pytest.mark.parametrize("what", ["alone", "wants", "waits"])
def test_an_abort_lets_the_others_go(pair: Pair, what: str) -> None:
    one, two = pair.one, pair.two
    first = pair.compare(one, 8, bytes(BLOCK), A)
    second = pair.compare(one, 8, A, B)
    third = pair.write(two, 8, C)
    rig, tag = {"alone": (one, first), "wants": (one, second), "waits": (two, third)}[what]
    rig.client.manage(256, TskMgmtFunc.ABORT_TASK, tag)
    pair.run()
    while pair.go():
        pass
    assert silent(rig, tag)
    left = {"alone": [second, third], "wants": [first, third], "waits": [first, second]}[what]
    # Without the first the second finds no A there.
    expected = [2 if what == "alone" and each == second else 0 for each in left]
    assert [status(two if each == third else one, each) for each in left] == expected
    assert bytes(pair.ram.memory()[8 * BLOCK : 9 * BLOCK]) == (B if what == "waits" else C)
    assert not pair.disk.claims.alone
    assert pair.disk.claims.shared == {}


def test_a_session_that_ends_lets_the_others_go(pair: Pair) -> None:
    pair.compare(pair.one, 8, bytes(BLOCK), A)
    write = pair.write(pair.two, 8, C)
    pair.one.client.login()
    pair.run()
    while pair.go():
        pass
    assert status(pair.two, write) == 0


def test_what_a_backend_is_called_for_waits_too(pair: Pair) -> None:
    """VERIFY reads in pieces, WRITE SAME writes: whatever way bytes are reached."""
    pair.compare(pair.one, 8, bytes(BLOCK), A)
    two = pair.two
    verify = two.client.cmd(256, struct.pack(">BBIBHB", 0x2F, 0, 8, 0, 1, 0))
    two.client.poke(B)
    same = two.client.cmd(
        256, struct.pack(">BBIBHB", 0x41, 0, 8, 0, 1, 0), data_out=(two.client.data(), BLOCK)
    )
    two.run()
    assert len(pair.workers.held) == 1
    while pair.go():
        pass
    assert (status(two, verify), status(two, same)) == (0, 0)
    assert bytes(pair.ram.memory()[8 * BLOCK : 9 * BLOCK]) == B


def test_gates_are_closed_while_somebody_is_alone(pair: Pair) -> None:
    pair.slow(False)
    assert pair.write(pair.two, 0, C)
    assert lane(pair.two).total
    assert len(pair.gates()) == 2
    assert not any(pair.gates())
    pair.slow(True)
    compare = pair.compare(pair.one, 8, bytes(BLOCK), A)
    assert all(pair.gates())
    pair.slow(False)
    done = lane(pair.two).total
    write = pair.write(pair.two, 8, B)
    assert silent(pair.two, write)
    while pair.go():
        pass
    assert (status(pair.one, compare), status(pair.two, write)) == (0, 0)
    assert not any(pair.gates())
    assert lane(pair.two).total == done
    assert bytes(pair.ram.memory()[8 * BLOCK : 9 * BLOCK]) == B
    assert status(pair.two, pair.write(pair.two, 8, C)) == 0
    assert lane(pair.two).total == done + 1


# What the native lane has under way.


@pytest.fixture
def hand() -> Iterator[HandMedium]:
    medium = HandMedium(MIB)
    yield medium
    close(medium)


@pytest.fixture
def lanes(hand: HandMedium) -> Iterator[tuple[Rig, Rig]]:
    luns = LunMap([(256, Disk(hand, "by hand"))])
    rigs = Rig(luns), Rig(luns)
    for rig in rigs:
        rig.login()
    for rig in rigs:
        rig.attended()
        rig.client.read(256, 0, 1)
        rig.run()  # the lane is laid
        hand.finish_all()
        rig.run()
    yield rigs
    for rig in rigs:
        rig.close()


def begin(rig: Rig, cdb: bytes, data: bytes) -> int:
    rig.client.poke(data, 4096)
    tag = rig.client.cmd(256, cdb, data_out=(rig.client.data(4096), len(data)))
    rig.run()
    return tag


def test_it_waits_for_what_lanes_have_under_way(hand: HandMedium, lanes: tuple[Rig, Rig]) -> None:
    one, two = lanes
    before = lane(two).total
    write = two.client.write(256, 8, B)
    two.run()
    compare = begin(one, caw(8), B + A)
    assert hand.waiting == 1
    later = two.client.write(256, 8, C)
    two.run()
    assert hand.waiting == 1
    hand.finish()
    two.run()
    assert status(two, write) == 0
    assert lane(two).total == before + 1
    for _ in range(2):  # it reads, then it writes
        one.run()
        assert hand.waiting == 1
        hand.finish()
    one.run()
    assert status(one, compare) == 0
    assert hand.content[8 * BLOCK : 9 * BLOCK] == A
    two.run()
    hand.finish()
    two.run()
    assert status(two, later) == 0
    assert hand.content[8 * BLOCK : 9 * BLOCK] == C


def test_what_a_lane_hands_over_is_waited_for_too(hand: HandMedium, lanes: tuple[Rig, Rig]) -> None:
    one, two = lanes
    write = two.client.write(256, 8, B)
    two.run()
    compare = begin(one, caw(8), B + A)
    two.client.cmd(256, bytes(6), task_attr=2)  # ORDERED: what is under way becomes tasks
    two.run()
    one.run()
    assert (lane(two).under_way, hand.waiting) == (0, 1)
    hand.finish()
    two.run()
    assert status(two, write) == 0
    for _ in range(2):
        one.run()
        hand.finish()
    one.run()
    assert status(one, compare) == 0


def test_a_nexus_that_cannot_reach_the_unit_any_more_is_waited_for(
    hand: HandMedium, lanes: tuple[Rig, Rig]
) -> None:
    one, two = lanes
    write = two.client.write(256, 8, B)
    two.run()
    disk = next(iter(one.luns)).unit
    disk.detach(two.target.session.nexus)  # type: ignore[union-attr]
    compare = begin(one, caw(8), B + A)
    assert hand.waiting == 1
    hand.finish()
    two.run()
    assert status(two, write) == 0
    for _ in range(2):
        one.run()
        hand.finish()
    one.run()
    assert status(one, compare) == 0
    assert len(disk._gates.all()) == 1


# From threads.

VALUES = 8
"""What blocks hold: a word, and zeros. So a copy that is under way shows one or the other."""


def block(word: int) -> bytes:
    return word.to_bytes(8, "big") + bytes(BLOCK - 8)


Event = tuple[float, float, str, int, int, bool]
"""Begin, end, READ, WRITE or CAW, what was read or expected, what was written, whether it was."""


def linearisable(history: list[Event], first: int) -> bool:
    """Whether there is an order, in which who was over before another began comes first, that explains what each has seen
    of one block (Wing and Gong, 1993).
    """
    events = sorted(history)
    seen = set()
    stack = [((1 << len(events)) - 1, first)]
    while stack:
        left, value = stack.pop()
        if not left:
            return True
        if (left, value) in seen:
            continue
        seen.add((left, value))
        until = min(events[i][1] for i in range(len(events)) if left >> i & 1)
        for i, (begin, _, kind, old, new, good) in enumerate(events):
            if begin > until:
                break
            if not left >> i & 1:
                continue
            if kind == "write":
                stack.append((left & ~(1 << i), new))
            elif (value == old) == good:
                stack.append((left & ~(1 << i), new if kind == "caw" and good else value))
    return False


def test_the_checker_knows_what_is_wrong() -> None:
    lost = [(0, 1, "caw", 0, 1, True), (0.5, 2, "caw", 0, 2, True)]
    assert not linearisable(lost, 0)
    assert linearisable([(0, 1, "caw", 0, 1, True), (0.5, 2, "caw", 0, 2, False)], 0)
    assert linearisable([(0, 3, "caw", 0, 1, True), (1, 2, "write", 0, 0, True)], 0)
    assert not linearisable([(0, 1, "write", 0, 5, True), (2, 3, "read", 0, 0, True)], 0)
    assert linearisable([(0, 1, "write", 0, 5, True), (0, 3, "read", 0, 0, True)], 0)


class Worker(threading.Thread):
    """Reads, writes, compares and writes one block, over and over; keeps what it has seen."""

    def __init__(self, url: str, number: int, start: threading.Barrier, rounds: int) -> None:
        super().__init__(daemon=True)
        self.number, self.rounds, self.begins = number, rounds, start
        self.lun = scst_pack(256, "LUN")
        self.session = Session(url, identity=Identity(unit_address=0x100 + number))
        self.session.connect(PATIENCE)
        while self.session.execute(self.lun, bytes(6), check=False).status:
            pass
        self.history: list[Event] = []
        self.odd: list[str] = []

    def run(self) -> None:
        choose = random.Random(self.number)
        fresh = itertools.count(self.number * 1000 + 1)
        known = 0
        self.begins.wait(PATIENCE)
        for _ in range(self.rounds):
            kind = choose.choice(["read", "caw", "caw", "caw", "write"])
            old, new, good = known, next(fresh), True
            begin = time.monotonic()
            if kind == "read":
                found = self.session.execute(
                    self.lun, bytes.fromhex("28000000000500000100"), data_in_length=BLOCK
                )
                old = known = int.from_bytes(found.data[:8], "big")
            elif kind == "write":
                self.session.execute(self.lun, bytes.fromhex("2a000000000500000100"), data_out=block(new))
                known = new
            else:
                result = self.session.execute(self.lun, caw(5), data_out=block(old) + block(new), check=False)
                good = not result.status
                if good:
                    known = new
                elif parse_sense(result.sense).sense_key != 0xE:
                    self.odd.append(result.sense.hex())
            end = time.monotonic()
            self.history.append((begin, end, kind, old, new, good))
            if kind == "caw" and not good:
                found = self.session.execute(
                    self.lun, bytes.fromhex("28000000000500000100"), data_in_length=BLOCK
                )
                known = int.from_bytes(found.data[:8], "big")
                self.history.append((end, time.monotonic(), "read", known, 0, True))


@pytest.mark.parametrize("kind", [Ram, SlowRam], ids=["native", "engine"])
def test_eight_threads_of_two_servers(kind: type[Ram]) -> None:
    with kind(MIB) as ram:
        if isinstance(ram, SlowRam):
            ram.gate.set()
        disk = Disk(ram, "shared")
        urls = [f"local:atomic-{kind.__name__}-{number}" for number in range(2)]
        with Server(urls[0], LunMap([(256, disk)])), Server(urls[1], LunMap([(256, disk)])):
            start = threading.Barrier(8)
            workers = [Worker(urls[number % 2], number, start, 40) for number in range(8)]
            for each in workers:
                each.start()
            for each in workers:
                each.join(PATIENCE)
                each.session.close()
        history = [event for each in workers for event in each.history]
        assert all(len(each.history) >= 40 and not each.odd for each in workers)
        assert any(kind == "caw" and good for _, _, kind, _, _, good in history)
        assert linearisable(history, 0)
        assert not disk.claims.alone
        assert disk.claims.shared == {}


def test_an_error_of_the_medium_lets_the_others_go(pair: Pair) -> None:
    compare = pair.compare(pair.one, 8, bytes(BLOCK), A)
    write = pair.write(pair.two, 8, B)
    ((_, ended),) = pair.workers.held
    pair.workers.held.clear()
    ended(OSError(errno.EIO, "as it happens"))
    pair.run()
    assert status(pair.one, compare) == 2
    assert pair.go() == 1
    assert status(pair.two, write) == 0


def atomic(lba: int, blocks: int, boundary: int = 0, flags: int = 0) -> bytes:
    return struct.pack(">BBQHHBB", 0x9C, flags, lba, boundary, blocks, 0, 0)


def supported(bench: Bench) -> bool:
    """What REPORT SUPPORTED OPERATION CODES says of WRITE ATOMIC, asked for one and for all."""
    all_of_them = params.SupportedCommands(bench.good("a30c00000000000040000000")).commands
    one = params.SupportedCommand(bench.good("a30c019c0000000001000000"))
    listed = any(each.operation_code == 0x9C for each in all_of_them)
    assert listed == one.supported
    return listed


def limits(bench: Bench) -> inquiry.BlockLimits:
    return inquiry.BlockLimits(bench.good("1201b0004000"))


def test_write_atomic(bench: Bench, ram: Ram) -> None:
    assert supported(bench)
    assert limits(bench).maximum_atomic_transfer_length == 2048
    assert (limits(bench).atomic_alignment, limits(bench).atomic_transfer_length_granularity) == (0, 0)
    assert limits(bench).maximum_atomic_transfer_length_with_atomic_boundary == 0
    bench.good(atomic(5, 3), A + B + C)
    assert bytes(ram.memory()[4 * BLOCK : 9 * BLOCK]) == bytes(BLOCK) + A + B + C + bytes(BLOCK)
    bench.good(atomic(63, 0))
    bench.good(atomic(5, 1, flags=8), C)
    assert bytes(ram.memory()[5 * BLOCK : 6 * BLOCK]) == C
    assert not bench.unit.claims.alone


@pytest.mark.parametrize(
    ("cdb", "data", "code", "pointer"),
    [
        (atomic(5, 1, boundary=1), A, (5, 0x24, 0), (True, 10, None)),
        (atomic(5, 17), A * 17, (5, 0x24, 0), (True, 12, None)),
        (atomic(63, 2), A * 2, (5, 0x21, 0), (True, 2, None)),
        (atomic(5, 2), A, (5, 0x24, 0), (True, 12, None)),
        (atomic(5, 1, flags=0x20), A, (5, 0x24, 0), (True, 1, 7)),
    ],
)
def test_write_atomic_that_cannot_be(ram: Ram, cdb: bytes, data: bytes, code: Any, pointer: Any) -> None:
    with Bench(Disk(ram, max_transfer=16 * BLOCK)) as bench:
        result = bench(cdb, data)
        assert (result.code, result.pointer) == (code, pointer)
    assert not any(ram.memory())


class Halves(Ram):
    """Writes in two steps: its author promises nothing."""

    def write_from(self, offset: int, view: memoryview) -> None:
        super().write_from(offset, view[:1])
        super().write_from(offset + 1, view[1:])


def test_write_atomic_needs_a_medium_that_promises_it(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(MIB))
    with Ram(MIB) as ram, Halves(MIB) as halves:
        file, bad = open_medium(str(path)), open_medium("fault:ram:1M")
        for medium in halves, file, bad:
            with Bench(Disk(medium)) as bench:
                assert not supported(bench)
                assert limits(bench).maximum_atomic_transfer_length == 0
                result = bench(atomic(0, 1), A)
                assert (result.code, result.pointer) == ((5, 0x20, 0), (True, 0, None))
        file.close()
        bad.close()
        disk = Disk(ram)
        with Bench(disk) as bench:
            bench.good(atomic(0, 1), A)
            disk.backend = halves
            assert not supported(bench)
            ram.write_from = halves.write_from  # type: ignore[method-assign]
            disk.backend = ram
            assert not supported(bench)


def test_nobody_sees_half_of_a_write_atomic(pair: Pair) -> None:
    """Who reads the same blocks waits, who reads others does not."""
    pair.one.client.poke(A + B, 4096)
    write = pair.one.client.cmd(256, atomic(8, 2), data_out=(pair.one.client.data(4096), 2 * BLOCK))
    pair.one.run()
    inside = pair.two.client.read(256, 8, 2, offset=65536)
    aside = pair.two.client.read(256, 10, 1, offset=131072)
    pair.two.run()
    assert len(pair.workers.held) == 2, "the write, and what is aside"
    assert all(pair.gates())
    assert pair.go() == 2
    assert status(pair.one, write) == status(pair.two, aside) == 0
    assert silent(pair.two, inside)
    assert pair.go() == 1
    assert status(pair.two, inside) == 0
    assert pair.two.client.peek(2 * BLOCK, 65536) == A + B


# On a medium that several servers have, and that compares and writes itself.


class Shared(LateMedium):
    """It does as it is told: an errno for each COMPARE, in order, and then what it should."""

    features = Feature.COMPARE | Feature.FUA

    def __init__(self) -> None:
        super().__init__(64 * BLOCK)
        self.now = lambda: True
        self.says: list[int] = []

    def perform(self, request: MediumRequest) -> None:
        if request.operation is not Operation.COMPARE:
            super().perform(request)
            return
        expected, data = request.buffers
        place = self.bytes[request.offset : request.offset + request.length]
        says = self.says.pop(0) if self.says else 0 if place == expected else errno.EILSEQ
        if not says:
            place[:] = data
        request.ends(says, 0 if says else request.length)


@pytest.fixture
def shared() -> Iterator[Shared]:
    made = Shared()
    yield made
    made.close()


def test_the_medium_compares(shared: Shared) -> None:
    with Bench(Disk(shared)) as bench:
        bench.good(caw(3, 2, 8), bytes(2 * BLOCK) + A + B)
        assert shared.asked == [(Operation.COMPARE, 3 * BLOCK, 2 * BLOCK, FUA)]
        assert bytes(shared.bytes[3 * BLOCK : 5 * BLOCK]) == A + B
        result = bench(caw(3, 2), A + A + C + C)
        sense = parse_sense(result.sense)
        assert (result.code, sense.information) == ((0xE, 0x1D, 0), BLOCK)
        assert bytes(shared.bytes[3 * BLOCK : 5 * BLOCK]) == A + B


def test_what_another_server_has_changed_back_is_compared_again(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time in another turn of the loop: a medium that always errs holds up nobody."""
    turns: list[int] = []
    with Bench(Disk(shared)) as bench:
        post = bench.nexus.post
        monkeypatch.setattr(bench.nexus, "post", lambda call: (turns.append(len(shared.asked)), post(call)))
        shared.says = [errno.EILSEQ, errno.EILSEQ]
        bench.good(caw(3), bytes(BLOCK) + A)
    assert turns == [2, 4]
    assert [each[0].name for each in shared.asked] == ["COMPARE", "READ", "COMPARE", "READ", "COMPARE"]
    assert bytes(shared.bytes[3 * BLOCK : 4 * BLOCK]) == A


def test_a_medium_that_always_says_that_they_differ(shared: Shared) -> None:
    with Bench(Disk(shared)) as bench:
        shared.says = [errno.EILSEQ] * 1000
        assert bench(caw(3), bytes(BLOCK) + A).code == (4, 0x44, 0)
    assert len(shared.asked) == 32
    assert bytes(shared.bytes[3 * BLOCK : 4 * BLOCK]) == bytes(BLOCK)


@pytest.mark.parametrize(
    ("says", "code"), [(errno.EOPNOTSUPP, None), (errno.EXDEV, (5, 0x24, 0)), (errno.EIO, (3, 0x0C, 0))]
)
def test_what_the_medium_cannot_compare(shared: Shared, says: int, code: Any) -> None:
    """Where nobody else changes it, it is read and written."""
    with Bench(Disk(shared)) as bench:
        shared.says = [says]
        result = bench(caw(3), bytes(BLOCK) + A)
    assert result.code == code if code else not result.status
    assert bytes(shared.bytes[3 * BLOCK : 4 * BLOCK]) == (bytes(BLOCK) if code else A)


def test_a_part_of_it_is_no_answer(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "perform", lambda request: request.ends(done=request.length // 2))
    with Bench(Disk(shared)) as bench:
        assert bench(caw(3, 2), bytes(4 * BLOCK)).code == (4, 0x44, 0)


def test_another_server_has_it(shared: Shared) -> None:
    """Nobody is told that it is ready, whatever he asks."""
    standby = (2, 0x04, 0x0B)
    with Bench(Disk(shared)) as bench:
        bench.good(bytes(6))
        shared.away = True
        shared.fails = lambda: True
        assert bench(bytes(6)).code == standby
        sense = parse_sense(bench.good("030000001200"))
        assert (int(sense.sense_key), int(sense.asc), int(sense.ascq)) == standby
        shared.away = False
        bench.good(bytes(6))
    assert Disk(shared).fault_of(OSError(errno.ESHUTDOWN, "")).data()[2] == 2
