"""Disks on media that finish later: what a target makes of short results, errors, lies, aborts and stragglers."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest

from later_rig import LaterRig
from media_rig import LateMedium
from pysrp.errors import ConfigError
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.data import CHUNK
from pysrp.target.disk import Disk
from pysrp.target.effects import Flush, Read, Work, Write
from pysrp.target.link import Later
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import FUA, Feature, Loop, MediumRequest, Operation
from unit_bench import Bench
from waiting import until

MIB = 1 << 20
READ, WRITE, FLUSH, ZERO, DISCARD, *_ = Operation
SYNC = "35000000000000000000"


def cdb(opcode: int, lba: int, blocks: int, flags: int = 0) -> bytes:
    return bytes((opcode, flags, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0))


class Scene(LaterRig):
    """A disk on a late medium, copies that are over at once, and answers that are waited for."""

    def __init__(self, medium: LateMedium, disk: Disk | None = None, **options: Any) -> None:
        self.medium = medium
        super().__init__(LunMap([(0, disk or Disk(medium, "late"))]), **options)
        self.memory.now = lambda: True

    def read(self, lba: int, blocks: int) -> int:
        return self.cmd(0, cdb(0x28, lba, blocks), room=(4 * MIB, blocks * 512))

    def write(self, lba: int, data: bytes, flags: int = 0) -> int:
        self.memory.bytes[: len(data)] = data
        return self.cmd(0, cdb(0x2A, lba, len(data) // 512, flags), out=(0, len(data)))

    def ended(self, tag: int) -> Any:
        self.settle(lambda: tag in self.link.answers)
        return self.link.answers[tag]

    def good(self, tag: int) -> Any:
        answer = self.ended(tag)
        assert answer.status == 0, answer.sense.hex()
        return answer

    def bad(self, tag: int) -> Any:
        """Its sense data."""
        answer = self.ended(tag)
        assert answer.status == 2
        return parse_sense(answer.sense)

    def got(self, length: int) -> bytes:
        return bytes(self.memory.bytes[4 * MIB : 4 * MIB + length])


@pytest.fixture
def medium() -> Iterator[LateMedium]:
    medium = LateMedium(MIB)
    yield medium
    medium.close()


@pytest.fixture
def scene(medium: LateMedium) -> Iterator[Scene]:
    scene = Scene(medium)
    yield scene
    scene.check()


DATA = bytes(range(256)) * 2400  # three chunks


@pytest.mark.parametrize("now", [False, True], ids=["later", "now"])
@pytest.mark.parametrize("most", [MIB, 5000], ids=["whole", "short"])
def test_reads_and_writes(scene: Scene, now: bool, most: int) -> None:
    """In chunks, and whole however little the medium moves at a time."""
    scene.medium.now, scene.medium.most = lambda: now, most
    assert scene.good(scene.write(3, DATA)).moved_out == len(DATA)
    assert bytes(scene.medium.bytes[3 * 512 : 3 * 512 + len(DATA)]) == DATA
    assert scene.good(scene.read(3, len(DATA) // 512)).moved_in == len(DATA)
    assert scene.got(len(DATA)) == DATA
    assert all(length <= CHUNK for _, _, length, _ in scene.medium.asked)


def test_many_that_finish_in_any_order(scene: Scene) -> None:
    scene.medium.go.clear()
    tags = [scene.cmd(0, cdb(0x28, lba, 8), room=(4 * MIB + lba * 512, 4096)) for lba in range(0, 256, 8)]
    scene.medium.bytes[: len(DATA)] = DATA
    scene.medium.go.set()
    for tag in tags:
        scene.good(tag)
    assert scene.got(256 * 512) == DATA[: 256 * 512]


@pytest.mark.parametrize("most", [MIB, 700], ids=["whole", "short"])
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_the_first_bad_byte_is_told_and_what_is_before_it_is_moved(
    scene: Scene, write: bool, most: int
) -> None:
    """INFORMATION is its block (SPC-4, 4.5.4), whatever the chunk."""
    scene.medium.most = most
    for lba, bad in (0, 0), (0, 777), (2, 600 * 512 + 511):
        scene.medium.bad = {bad, bad + 4096}
        tag = scene.write(lba, DATA) if write else scene.read(lba, len(DATA) // 512)
        if bad < lba * 512:
            continue
        sense = scene.bad(tag)
        assert (sense.sense_key, sense.asc, sense.ascq) == ((3, 0x0C, 0) if write else (3, 0x11, 0))
        assert sense.information == bad // 512
        answer = scene.link.answers[tag]
        assert (answer.moved_out if write else answer.moved_in) == (bad // 512 - lba) * 512


def test_an_error_without_a_place(scene: Scene) -> None:
    scene.medium.fails = lambda: True
    sense = scene.bad(scene.read(0, 4))
    assert (sense.sense_key, sense.information) == (3, None)


class Lying(LateMedium):
    """Says what cannot be, or does not say anything."""

    lie: Any = None

    def perform(self, request: MediumRequest) -> None:
        self.lie(request)


class Raising(LateMedium):
    def submit(self, loop: Loop, request: MediumRequest) -> Later | None:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("lie", "key"),
    [
        (lambda request: request.ends(done=request.length + 1), 4),
        (lambda request: request.ends(done=-1), 4),
        (lambda request: request.ends(errno.EIO, bad=request.offset - 1), 4),
        (lambda request: request.ends(errno.EIO, bad=request.offset + request.length), 4),
        (lambda request: request.ends(), 3),  # nothing done, nothing wrong
        (lambda request: request.ends(12345), 4),
        (lambda request: request.ends(errno.EOPNOTSUPP), 4),
    ],
)
@pytest.mark.parametrize("now", [False, True], ids=["later", "now"])
def test_lies(lie: Any, key: int, now: bool) -> None:
    medium = Lying(MIB)
    medium.lie, medium.now = lie, lambda: now
    scene = Scene(medium)
    for tag in scene.read(8, 8), scene.write(8, bytes(512)):
        assert scene.bad(tag).sense_key == key
        answer = scene.link.answers[tag]
        assert answer.moved_in == answer.moved_out == 0
    scene.check()
    medium.close()


def test_a_medium_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    medium = Raising(MIB)
    scene = Scene(medium)
    assert scene.bad(scene.read(0, 1)).sense_key == 4
    assert "ZeroDivisionError" in caplog.text
    scene.check()
    medium.close()


def test_a_medium_that_takes_nothing_now() -> None:
    """BUSY: the initiator comes again."""
    medium = Lying(MIB)
    medium.lie, medium.now = lambda request: request.ends(errno.EAGAIN), lambda: True
    scene = Scene(medium)
    for tag in scene.read(0, 1), scene.cmd(0, SYNC):
        assert scene.ended(tag).status == 8
    scene.check()
    medium.close()


def test_a_medium_in_blocks(medium: LateMedium) -> None:
    """It is asked for whole ones, whatever the initiator has room for and however it cuts short."""
    medium.block = 1024
    with pytest.raises(ConfigError, match="512"):
        Disk(medium, "late")
    scene = Scene(medium, Disk(medium, "late", block_size=1024))
    data = bytes(range(256)) * 12
    scene.memory.bytes[:3072] = data
    scene.good(scene.cmd(0, cdb(0x2A, 1, 3), out=(0, 3072)))
    for most in MIB, 1500:
        medium.most = most
        tag = scene.cmd(0, cdb(0x28, 1, 3), room=(4 * MIB, 2100))
        assert scene.good(tag).moved_in == 2100
        assert scene.got(2101) == data[:2100] + b"\0"
    medium.most = 1000
    assert scene.bad(scene.cmd(0, cdb(0x28, 1, 3), room=(4 * MIB, 2100))).information == 1
    scene.check()


# On the medium.


def test_synchronize_cache_and_its_failure(scene: Scene) -> None:
    scene.good(scene.cmd(0, SYNC))
    assert [each[0] for each in scene.medium.asked] == [FLUSH]
    scene.medium.fails = lambda: True
    assert scene.bad(scene.cmd(0, SYNC)).sense_key == 3


@pytest.mark.parametrize("knows", [False, True], ids=["flush", "FUA"])
def test_a_write_with_fua(scene: Scene, knows: bool) -> None:
    """One request where the medium knows the flag and one chunk is enough; else a flush follows the last chunk."""
    scene.medium.features = Feature.FUA if knows else Feature(0)
    scene.good(scene.write(0, bytes(1024), flags=8))
    if knows:
        assert scene.medium.asked == [(WRITE, 0, 1024, FUA)]
    else:
        assert scene.medium.asked == [(WRITE, 0, 1024, 0), (FLUSH, 0, 0, 0)]
    scene.medium.asked.clear()
    scene.good(scene.write(0, DATA, flags=8))
    assert [each[0] for each in scene.medium.asked] == [WRITE, WRITE, WRITE, FLUSH]
    assert not any(each[3] for each in scene.medium.asked)


@pytest.mark.parametrize("knows", [False, True], ids=["flush", "FUA"])
def test_what_is_read_and_verified_is_on_the_medium_first(scene: Scene, knows: bool) -> None:
    """READ with FUA, in three chunks, and VERIFY in one: each request says so, or comes after a flush."""
    medium = scene.medium
    medium.features = Feature.FUA if knows else Feature(0)
    medium.bytes[: len(DATA)] = DATA
    for command in cdb(0x28, 0, len(DATA) // 512, 8), cdb(0x2F, 0, len(DATA) // 512):
        medium.asked.clear()
        scene.good(scene.cmd(0, command, **({"room": (4 * MIB, len(DATA))} if command[0] == 0x28 else {})))
        parts = 3 if command[0] == 0x28 else 1
        if knows:
            assert [(each[0], each[3]) for each in medium.asked] == [(READ, FUA)] * parts
        else:
            assert [(each[0], each[3]) for each in medium.asked] == [(FLUSH, 0), (READ, 0)] * parts
    assert scene.got(len(DATA)) == DATA
    medium.asked.clear()
    scene.good(scene.cmd(0, cdb(0x28, 0, 8, 2), room=(4 * MIB, 4096)))  # FUA_NV: there is no such cache
    assert medium.asked == [(READ, 0, 4096, 0)]
    medium.fails = lambda: medium.asked[-1][0] is FLUSH or bool(medium.asked[-1][3])
    for command in cdb(0x28, 0, 8, 8), cdb(0x2F, 0, 8):
        assert scene.bad(scene.cmd(0, command, room=(4 * MIB, 4096))).sense_key == 3


@pytest.mark.parametrize("length", [512, len(DATA)])
def test_a_flush_that_fails_after_the_writes(scene: Scene, length: int) -> None:
    scene.medium.fails = lambda: scene.medium.asked[-1][0] is FLUSH
    tag = scene.write(0, bytes(length), flags=8)
    assert scene.bad(tag).sense_key == 3
    assert scene.link.answers[tag].moved_out == length


def test_verify_and_handlers_in_steps(medium: LateMedium) -> None:
    class Own(Disk):
        def execute(self, task: Any) -> Any:
            return self.steps() if task.cdb[0] == 0xC0 else super().execute(task)

        def steps(self) -> Any:
            yield Write(self.backend, 100, b"by hand", flush=True)
            assert (yield Read(self.backend, 98, 11)) == b"\0\0by hand\0\0"
            yield Flush(self.backend)
            assert (yield Work(self.backend, lambda: 7)) == 7
            medium.bad = {4096}
            with pytest.raises(OSError, match="EIO"):
                yield Read(self.backend, 0, 8192)

    scene = Scene(medium, Own(medium, "own"))
    scene.good(scene.cmd(0, b"\xc0"))
    medium.bad.clear()
    scene.memory.bytes[:512] = bytes(100) + b"by hand" + bytes(405)
    scene.good(scene.cmd(0, cdb(0x2F, 0, 1, 2), out=(0, 512)))
    scene.good(scene.cmd(0, cdb(0x2F, 0, 2048)))
    sense = scene.bad(scene.cmd(0, cdb(0x2F, 1, 1, 2), out=(0, 512)))
    assert (sense.sense_key, sense.information) == (0xE, 100)
    medium.bad = {1500}
    sense = scene.bad(scene.cmd(0, cdb(0x2F, 0, 2048)))
    assert (sense.sense_key, sense.information) == (3, 2)
    scene.check()


# Over at once, in the initiator's own memory.


def test_in_the_memory_of_the_initiator(medium: LateMedium) -> None:
    """Where the medium says it can: what it cannot do at once goes by staged memory."""
    medium.features = Feature.NOWAIT
    medium.now = lambda: True
    with Bench(Disk(medium, "late")) as bench:
        bench.good(cdb(0x2A, 0, 4), bytes(range(256)) * 8, cuts=(700,))
        assert [each[1:3] for each in medium.asked] == [(0, 2048)]
        assert bench.good(cdb(0x28, 0, 4), room=2048, cuts=(512, 513)) == bytes(range(256)) * 8
        medium.most = 700
        assert bench.good(cdb(0x28, 0, 4), room=2048) == bytes(range(256)) * 8
        medium.bad = {1100}
        result = bench.tainted(cdb(0x28, 0, 4), room=2048)
        assert result.code == (3, 0x11, 0)
        assert result.task.moved_in == 1024
        medium.bad.clear()
        assert not bench.mover.staging.busy
        bench.good(cdb(0x2A, 0, 4, 8), bytes(2048))
        assert medium.asked[-1][0] is FLUSH


def test_what_cannot_be_done_at_once(medium: LateMedium) -> None:
    """The first part is done in place, the rest is staged, and then flushed."""
    medium.features, medium.most = Feature.NOWAIT, 1024
    answers = iter([True, False])
    medium.now = lambda: next(answers, True)
    with Bench(Disk(medium, "late")) as bench:
        bench.good(cdb(0x2A, 0, 4, 8), bytes(range(256)) * 8)
        assert bytes(medium.bytes[:2048]) == bytes(range(256)) * 8
        assert [each[:3] for each in medium.asked] == [
            (WRITE, 0, 2048), (WRITE, 1024, 1024), (WRITE, 1024, 1024), (FLUSH, 0, 0),
        ]  # fmt: skip


def test_a_medium_that_takes_its_time_though_it_must_not(medium: LateMedium) -> None:
    """The command has failed: nobody knows what has been moved."""

    class Slow(LateMedium):
        def submit(self, loop: Loop, request: MediumRequest) -> Later | None:
            request.flags = 0
            return super().submit(loop, request)

    slow = Slow(MIB)
    slow.features = Feature.NOWAIT
    slow.go.clear()
    with Bench(Disk(slow, "slow")) as bench:
        result = bench.tainted(cdb(0x28, 0, 4), room=2048)
        assert result.code == (4, 0x44, 0)
        assert result.task.moved_in == 0
        slow.go.set()
        bench.loop.until(lambda: not slow.stragglers)
    slow.close()


# Aborts.


@pytest.mark.parametrize("patient", [False, True], ids=["runs on", "never began"])
def test_an_abort_is_answered_while_the_medium_hangs(scene: Scene, patient: bool) -> None:
    scene.medium.patient = patient
    scene.medium.go.clear()
    tag = scene.write(0, b"a" * 4096)
    flush = scene.cmd(0, SYNC)
    function = scene.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    assert scene.link.answers[function].status == 0
    assert not scene.session.tasks
    scene.medium.go.set()
    scene.settle(lambda: not scene.mover.staging.busy and not scene.medium.stragglers)
    assert bytes(scene.medium.bytes[:4096]) == (bytes(4096) if patient else b"a" * 4096)
    assert not {tag, flush} & scene.link.answers.keys()


def test_what_is_abandoned_is_not_overtaken(scene: Scene) -> None:
    """By whatever changes or reads those blocks, of whoever; all the rest goes on."""
    medium, other = scene.medium, Scene(scene.medium, scene.luns[0].unit, name="b")
    medium.go.clear()
    scene.write(8, b"old" * 1024 + bytes(1024))
    scene.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    assert len(medium.stragglers) == 1
    medium.asked.clear()
    held = [each.write(15, b"n" * 512) for each in (scene, other)] + [scene.read(8, 1)]
    assert not medium.asked
    gone = other.write(8, b"gone" * 128)
    free = scene.write(16, b"f" * 512), other.read(0, 8), other.cmd(0, SYNC)
    assert len(medium.asked) == len(free)
    other.manage(0, TskMgmtFunc.ABORT_TASK, gone)
    medium.go.set()
    for tag in held[0], free[0], held[2]:
        scene.good(tag)
    for tag in held[1], *free[1:]:
        other.good(tag)
    assert gone not in other.link.answers
    assert scene.got(512) == (b"old" * 171)[:512]
    assert bytes(medium.bytes[15 * 512 : 17 * 512]) == b"n" * 512 + b"f" * 512
    other.check()


def test_two_reads_do_not_wait_for_each_other(scene: Scene) -> None:
    scene.medium.go.clear()
    scene.read(0, 8)
    scene.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    tag = scene.read(0, 8)
    assert len(scene.medium.asked) == 2
    write = scene.write(0, bytes(512))
    assert len(scene.medium.asked) == 2, "a write must not be seen by a read that was there before"
    scene.medium.go.set()
    scene.good(tag)
    scene.good(write)


def test_who_waits_for_two(scene: Scene) -> None:
    """Until both are over: the other one too, when the first one is."""
    scene.medium.go.clear()
    for lba in 0, 8:
        scene.write(lba, b"old" * 1024 + bytes(1024))
    scene.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    tags = scene.write(0, b"n" * 8192), scene.write(8, b"m" * 512)
    assert len(scene.medium.got) == 2
    scene.medium.finish(0)
    scene.turn()
    assert len(scene.medium.got) == 1
    scene.medium.finish(0)
    scene.turn()
    assert len(scene.medium.got) == 2
    scene.medium.finish(0)
    scene.medium.finish(0)
    for tag in tags:
        scene.good(tag)
    assert bytes(scene.medium.bytes[:8192]) == b"n" * 4096 + b"m" * 512 + b"n" * 3584


def test_an_abort_just_when_it_need_not_wait_any_more(scene: Scene) -> None:
    scene.medium.go.clear()
    scene.write(0, b"a" * 4096)
    scene.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    gone = scene.write(0, b"b" * 4096)
    scene.medium.finish()
    until(lambda: scene.inbox)
    scene.inbox.popleft()()
    assert scene.inbox, "it goes on with the next turn"
    scene.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    scene.turn()
    assert not scene.medium.got
    assert gone not in scene.link.answers
    assert bytes(scene.medium.bytes[:4096]) == b"a" * 4096


def test_another_one_is_abandoned_just_then(scene: Scene) -> None:
    """What need not wait any more looks again."""
    scene.medium.go.clear()
    scene.write(0, b"a" * 4096)
    first = scene.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    held = scene.write(0, b"b" * 4096)
    other = Scene(scene.medium, scene.luns[0].unit, name="b")
    scene.medium.finish()
    scene.inbox.popleft()()
    other.write(0, b"c" * 4096)
    other.manage(0, TskMgmtFunc.ABORT_TASK_SET)
    scene.turn()
    assert len(scene.medium.got) == 1
    scene.medium.finish()
    other.turn()
    scene.turn()
    scene.medium.finish()
    scene.good(held)
    assert bytes(scene.medium.bytes[:4096]) == b"b" * 4096
    assert first in scene.link.answers
    other.check()
