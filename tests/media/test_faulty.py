"""The fault medium, as a loop sees it: each rule, time, release, withdrawal, and that a seed says it all."""

from __future__ import annotations

import errno
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_rig import SIZE, HandTimers, LateMedium, TestLoop
from pysrp.backends import File, Null, Ram
from pysrp.errors import Busy, ConfigError, TaskSetFull
from pysrp.media import open_medium
from pysrp.media.faulty import Faulty
from pysrp.media.file import FileMedium
from pysrp.media.timers import Timers
from pysrp.target.backend_medium import features_of
from pysrp.target.link import PENDING
from pysrp.target.medium import FUA, NOWAIT, BadBlock, Feature, MediumRequest, Operation
from waiting import until

READ, WRITE, FLUSH, ZERO, DISCARD, EXTENTS, _ = Operation


class Counting(Ram):
    """Counts flushes."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


class Rig:
    """A fault medium over memory, one loop, and a clock."""

    def __init__(self, *rules: str, seed: int = 1, size: int = SIZE) -> None:
        self.timers = HandTimers()
        self.bytes = Counting(size)
        self.medium = Faulty(self.bytes, rules, seed=seed, timers=self.timers)
        self.loop = TestLoop()
        self.channel = self.medium.channel(self.loop)
        self.over: list[MediumRequest] = []

    def begin(
        self, operation: Operation, offset: int = 0, data: Any = b"", length: int = 0, flags: int = 0
    ) -> MediumRequest:
        views = [memoryview(data)] if data else []
        request = MediumRequest(
            operation, offset, len(data) or length, views, flags, 512, over=self.over.append
        )
        if self.channel.submit(request) is not PENDING:
            self.over.append(request)
        return request

    def write(self, lba: int, blocks: int = 1, flags: int = 0) -> MediumRequest:
        return self.begin(WRITE, lba * 512, b"w" * 512 * blocks, flags=flags)

    def read(self, lba: int, blocks: int = 1) -> MediumRequest:
        return self.begin(READ, lba * 512, bytearray(512 * blocks))

    def written(self) -> list[int]:
        """The blocks that have been."""
        memory = self.bytes.memory()
        return [lba for lba in range(len(memory) // 512) if memory[lba * 512] == ord("w")]

    def pass_by(self, seconds: float) -> None:
        self.timers.pass_by(seconds)
        self.loop.turn()


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    medium = Faulty(Ram(4096), ["error lba=1"], seed=3)
    assert repr(medium) == "Faulty(Ram(4096), ['error lba=1'], seed=3)"
    assert (medium.size, medium.block, medium.memory()) == (4096, 1, None)
    assert medium.features == features_of(Ram(512)) & ~(Feature.NOWAIT | Feature.ATOMIC)
    (tmp_path / "disk").write_bytes(bytes(512))
    with File(tmp_path / "disk", read_only=True) as file:
        assert Faulty(file).read_only
    over = Faulty(LateMedium())
    assert Feature.NOWAIT not in over.features
    over.close()


def test_extents_come_through(tmp_path: Path) -> None:
    for below in Ram(SIZE), File(tmp_path / "disk", SIZE), LateMedium():
        medium, loop, over = (
            Faulty(below, ["delay constant=1us", "error op=extents lba=8"]),
            TestLoop(),
            list[Any](),
        )
        if Feature.EXTENTS in medium.features:
            request = MediumRequest(EXTENTS, 0, 4096, over=over.append)
            assert medium.channel(loop).submit(request) is PENDING
            loop.until(over.copy)
            assert sum(length for length, _ in request.value) <= 4096
            assert not request.failure()
        medium.close()


def test_an_error_says_where_and_moves_what_is_before_it() -> None:
    rig = Rig("error lba=2-3 count=2", "error op=flush count=1 errno=ENODATA")
    for request in rig.write(0, 8), rig.read(1, 2):
        assert (request.errno, request.bad) == (errno.EIO, 1024)
        assert request.whole == 1024 - request.offset
        assert isinstance(request.failure(), BadBlock)
    assert rig.written() == [0, 1]
    for request in rig.write(0, 8), rig.read(1, 2), rig.write(3):
        assert request.failure() is None
    flush = rig.begin(FLUSH)
    assert (flush.errno, flush.bad) == (errno.ENODATA, None)
    assert rig.begin(FLUSH).errno == 0
    first, second = rig.medium.rules
    assert (first.seen, first.happened, str(first)) == (5, 2, "1 error lba=2-3 count=2 # 2 of 5")
    assert (second.seen, second.happened) == (2, 1)


def test_an_error_of_the_medium_below_comes_through() -> None:
    below = LateMedium(SIZE)
    below.now = lambda: True
    below.bad = {1024}
    medium = Faulty(below, ["misdirected op=read by=512 lba=0", "error lba=7"])
    channel = medium.channel(TestLoop())
    for offset, length, wanted in (
        (512, 2048, (512, 1024)),
        (0, 1024, (512, None)),
        (512, 8 * 512, (512, 1024)),
    ):
        request = MediumRequest(READ, offset, length, [memoryview(bytearray(length))], block=512)
        assert channel.submit(request) is None
        assert (request.errno, request.done, request.bad) == (errno.EIO, *wanted)
    medium.close()


def test_the_nth_of_an_operation() -> None:
    rig = Rig("error op=write after=2 count=1")
    rig.read(0)
    assert [bool(rig.write(0).errno) for _ in range(5)] == [False, False, True, False, False]


def test_torn_lost_misdirected() -> None:
    rig = Rig(
        "torn lba=0 keep=1024",
        "lost lba=10",
        "misdirected lba=20 by=4096",
        "misdirected lba=30",
        "misdirected lba=2047 by=512",
        "misdirected lba=40 by=-10240",
        "lost op=zero lba=0",
    )
    for lba, blocks in (0, 4), (10, 2), (20, 2), (30, 1), (2047, 1), (40, 1):
        request = rig.write(lba, blocks)
        assert (request.errno, request.done) == (0, blocks * 512), "it looks well"
    assert rig.written() == [0, 1, 20, 28, 29, 31]
    assert rig.begin(ZERO, 0, length=512).done == 512
    assert 0 in rig.written()


def test_torn_by_chance() -> None:
    """In whole blocks, never all of them."""
    kept = set()
    for seed in range(40):
        rig = Rig("torn", seed=seed)
        rig.write(0, 4)
        kept.add(len(rig.written()))
        assert rig.written() == list(range(len(rig.written())))
    assert kept == {0, 1, 2, 3}


def test_misdirected_stays_inside() -> None:
    rig = Rig("misdirected by=512", size=2048)
    assert rig.write(0, 4).errno == 0
    assert rig.written() == [0, 1, 2, 3], "it has no other place"
    rig = Rig("misdirected by=1536", size=2048)
    rig.write(0, 3)
    assert rig.written() == [1, 2, 3]


def test_a_flush_that_lies() -> None:
    rig = Rig("lying count=2")
    assert rig.begin(FLUSH).errno == rig.write(0, flags=FUA).errno == 0
    assert (rig.bytes.flushes, rig.written()) == (0, [0])
    rig.write(0)
    rig.begin(FLUSH)
    rig.write(1, flags=FUA)
    assert rig.bytes.flushes == 2


def test_no_space_above_a_level() -> None:
    rig = Rig("no-space fill=4k")
    assert [rig.write(lba).errno for lba in range(8)] == [0] * 8
    full = rig.write(100)
    assert (full.errno, full.bad, full.done) == (errno.ENOSPC, None, 0)
    assert rig.write(0, 8).errno == 0, "these have their place"
    assert rig.write(7, 2).errno == errno.ENOSPC
    assert rig.begin(ZERO, 100 * 512, length=512).errno == errno.ENOSPC
    rig.begin(DISCARD, 0, length=1024)
    assert [rig.write(lba).errno for lba in (100, 101, 102)] == [0, 0, errno.ENOSPC]
    assert Rig("no-space fill=50%", size=4096).write(0, 5).errno == errno.ENOSPC
    assert 100 not in Rig("no-space fill=0").written()


def test_what_other_rules_do_counts_as_it_is_done() -> None:
    """What never reaches the medium takes no room there, and what goes elsewhere takes it there."""
    full = errno.ENOSPC
    rig = Rig("busy op=write lba=6", "no-space fill=1k", "lost op=write lba=5", "error op=write lba=7-8")
    assert [rig.write(lba).errno for lba in (5, 6, 7)] == [0, errno.EAGAIN, errno.EIO]
    assert rig.begin(ZERO, length=512).errno == 0
    assert [rig.write(lba).errno for lba in (1, 0, 2)] == [0, 0, full]
    rig = Rig("error op=write lba=2", "no-space fill=1k")
    assert [rig.write(*each).errno for each in ((0, 3), (1,), (3,))] == [errno.EIO, 0, full]
    rig = Rig("misdirected lba=0 by=4096", "no-space fill=512")
    assert [rig.write(lba).errno for lba in (0, 8, 1)] == [0, 0, full]
    assert rig.written() == [8]
    rig = Rig("no-space op=write fill=1k")
    assert rig.begin(ZERO, length=4096).errno == 0
    assert [rig.write(lba).errno for lba in (1, 8)] == [0, full]
    rig = Rig("lost op=discard", "no-space fill=512")
    assert rig.write(0).errno == rig.begin(DISCARD, length=512).errno == 0
    assert rig.write(1).errno == full


def test_storms() -> None:
    rig = Rig("task-set-full count=3", "busy count=1")
    failures = [type(rig.read(0).failure()) for _ in range(5)]
    assert failures == [TaskSetFull, TaskSetFull, TaskSetFull, Busy, type(None)]


def test_outside_is_outside() -> None:
    rig = Rig("misdirected", "torn", "no-space fill=100%")
    assert rig.write(SIZE // 512).errno == errno.EINVAL
    assert rig.write(SIZE // 512 - 1, 2).errno == errno.EINVAL


def test_nothing_is_done_without_waiting() -> None:
    rig = Rig()
    assert rig.begin(READ, 0, bytearray(512), flags=NOWAIT).errno == errno.EAGAIN
    assert rig.begin(READ, 0, bytearray(512)).errno == 0


# Time.


def test_delays_add_up() -> None:
    rig = Rig("delay constant=5ms op=read", "delay constant=2ms lba=1", "error lba=1")
    slow, slower = rig.read(0), rig.read(1)
    assert rig.over == []
    rig.pass_by(0.005)
    assert rig.over == [slow]
    rig.pass_by(0.002)
    assert rig.over == [slow, slower]
    assert (slow.errno, slower.errno) == (0, errno.EIO)


def test_delays_are_of_their_distribution() -> None:
    rig = Rig("delay uniform=10ms-20ms")
    for _ in range(100):
        rig.read(0)
    due = [when for when, _ in rig.timers.waiting]
    assert 0.01 <= min(due) < 0.012 < 0.018 < max(due) <= 0.02


def test_what_hangs_is_released() -> None:
    rig = Rig("hang op=write after=1 count=1", "hang op=read for=30s", "hang op=flush")
    first, hung, read, flush = rig.write(0), rig.write(1), rig.read(0), rig.begin(FLUSH)
    writes, reads, flushes = rig.medium.rules
    assert (rig.over, rig.written()) == ([first], [0])
    assert (writes.holds, reads.holds, str(reads)) == (1, 1, "2 hang op=read for=30s # 1 of 1, 1 held")
    rig.pass_by(29)
    assert rig.over == [first]
    rig.medium.release(writes)
    assert rig.over == [first], "never from within the call"
    rig.loop.turn()
    assert (rig.over, rig.written()) == ([first, hung], [0, 1])
    rig.pass_by(1)
    assert rig.over == [first, hung, read]
    rig.medium.remove(flushes)
    rig.loop.turn()
    assert rig.over[-1] is flush
    assert (writes.holds, reads.holds, flushes.holds) == (0, 0, 0)
    with pytest.raises(ValueError, match="no rule of this medium"):
        rig.medium.remove(flushes)
    again = rig.read(0)
    rig.medium.clear()
    rig.loop.turn()
    assert rig.over[-1] is again
    rig.pass_by(100)
    assert len(rig.over) == 5, "each is over once"


def test_what_hangs_runs_on_or_is_taken_back() -> None:
    rig = Rig("hang lba=0 count=1", "hang lba=1 withdraw=yes count=1")
    runs_on, taken = rig.write(0), rig.write(1)
    assert rig.channel.withdraw(runs_on) is False
    assert rig.channel.withdraw(taken) is True
    assert [rule.holds for rule in rig.medium.rules] == [1, 0]
    rig.medium.release()
    rig.loop.turn()
    assert (rig.over, rig.written()) == ([runs_on], [0])


def test_taken_back_when_it_is_about_to_go_on() -> None:
    rig = Rig("hang withdraw=yes count=1")
    request = rig.write(0)
    rig.medium.release()
    assert rig.channel.withdraw(request)
    rig.loop.turn()
    assert (rig.over, rig.written()) == ([], [])


def test_withdrawn_from_the_medium_below() -> None:
    below = LateMedium(SIZE)
    below.patient = True
    below.go.clear()
    medium, loop = Faulty(below), TestLoop()
    channel = medium.channel(loop)
    over: list[MediumRequest] = []
    views = [memoryview(bytes(512))]
    requests = [MediumRequest(WRITE, lba * 512, 512, views, over=over.append) for lba in range(3)]
    for request in requests:
        assert channel.submit(request) is PENDING
    assert channel.withdraw(requests[2])
    below.patient = False
    below.go.set()
    loop.until(lambda: len(over) == 2)
    assert set(over) == set(requests[:2])
    medium.close()


def test_a_loop_that_has_gone() -> None:
    """What runs on comes to its end for the medium, and then the one below is retired."""
    rig = Rig("hang op=write", "hang op=read withdraw=yes")
    write, read = rig.write(0), rig.read(0)
    rig.channel.retire()
    assert rig.channel.withdraw(read)
    rig.medium.release()
    rig.loop.turn()
    assert (rig.over, rig.written()) == ([write], [0])


def test_closing_lets_all_go() -> None:
    rig = Rig("hang", "delay constant=1h")
    rig.write(0)
    rig.channel.retire()
    rig.medium.close()
    rig.loop.turn()
    assert len(rig.over) == 1
    rig.medium.close()


def test_many_wait_and_no_thread_does() -> None:
    """With the real clock; one thread for all."""
    medium, loop = Faulty(Null(SIZE), ["hang op=write for=1h", "delay uniform=0us-3ms op=read"]), TestLoop()
    before = set(threading.enumerate())
    channel = medium.channel(loop)
    over: list[MediumRequest] = []
    for number in range(2000):
        data = memoryview(bytearray(512))
        request = MediumRequest(READ if number % 2 else WRITE, 0, 512, [data], over=over.append)
        if channel.submit(request) is not PENDING:
            over.append(request)
    assert len(set(threading.enumerate()) - before) <= 1
    loop.until(lambda: len(over) == 1000)
    assert all(each.operation is READ for each in over)
    medium.clear()
    loop.turn()
    assert len(over) == 2000


def test_a_clock_s_thread_goes_and_comes() -> None:
    timers, called = Timers(), threading.Event()
    for _ in range(2):
        cancelled = timers.after(0, lambda: None)
        cancelled.cancel()
        timers.after(0.0001, called.set)
        until(called.is_set)
        until(lambda: not [each for each in threading.enumerate() if each is timers._thread])
        called.clear()


def test_a_clock_goes_on_after_an_error(caplog: pytest.LogCaptureFixture) -> None:
    timers, called = Timers(), threading.Event()
    timers.after(0, lambda: [][1])
    timers.after(0, called.set)
    until(called.is_set)
    assert "IndexError" in caplog.text


def test_no_thread_for_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused, and the next one tries again."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    medium, loop = Faulty(Null(SIZE), ["delay constant=1us"], timers=Timers()), TestLoop()
    channel, over = medium.channel(loop), list[MediumRequest]()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        request = MediumRequest(FLUSH, over=over.append)
        assert channel.submit(request) is None
        assert isinstance(request.failure(), Busy)
    assert channel.submit(MediumRequest(FLUSH, over=over.append)) is PENDING
    loop.until(lambda: over)


# The seed.

RULES = st.lists(
    st.sampled_from(
        [
            "error lba=0-3 probability=0.5",
            "torn probability=0.3",
            "misdirected by=1024 probability=0.2",
            "lost after=2 count=2 probability=0.9",
            "lying probability=0.5",
            "no-space fill=3k probability=0.7",
            "busy probability=0.1",
            "task-set-full op=flush probability=0.6",
            "delay exponential=1ms op=read+write probability=0.5",
            "hang for=2ms op=write after=1 probability=0.4",
        ]
    ),
    max_size=6,
)
REQUESTS = st.lists(
    st.tuples(st.sampled_from(sorted(Operation)), st.integers(0, 15), st.integers(1, 4)), max_size=25
)


def story(rules: list[str], requests: list[tuple[Operation, int, int]], seed: int) -> list[Any]:
    """All that can be seen of it."""
    rig = Rig(*rules, seed=seed, size=16384)
    told: list[Any] = []
    for number, (operation, lba, blocks) in enumerate(requests):
        if operation is FLUSH:
            request = rig.begin(FLUSH)
        elif operation in (ZERO, DISCARD, EXTENTS):
            request = rig.begin(operation, lba * 512, length=blocks * 512)
        else:
            request = rig.begin(operation, lba * 512, bytearray([number + 1]) * 512 * blocks)
        waits = request not in rig.over
        due = [when for when, _ in rig.timers.waiting]
        rig.pass_by(1)
        assert request in rig.over
        told.append((waits, due, request.errno, request.done, request.bad))
    told.append(bytes(rig.bytes.memory()))
    told.append(rig.bytes.flushes)
    told += [(each.seen, each.happened) for each in rig.medium.rules]
    return told


@given(RULES, REQUESTS, st.integers(0, 1 << 60))
@settings(max_examples=150, deadline=None)
def test_a_seed_says_it_all(rules: list[str], requests: list[tuple[Operation, int, int]], seed: int) -> None:
    assert story(rules, requests, seed) == story(rules, requests, seed)


def test_seeds_differ() -> None:
    requests = [(WRITE, lba % 16, 1) for lba in range(40)]
    assert len({str(story(["torn probability=0.5"], requests, seed)) for seed in range(10)}) == 10


def test_one_more_rule_changes_nothing_of_the_others() -> None:
    requests = [(READ, lba % 16, 1) for lba in range(100)]
    one = story(["error probability=0.3"], requests, 5)
    two = story(["error probability=0.3", "busy op=flush probability=0.5"], requests, 5)
    assert two[: len(one)] == one


# By URL.


def test_by_url(tmp_path: Path) -> None:
    (tmp_path / "seed=1:x").write_bytes(bytes(1024))
    for url, rules, seed, below in [
        ("fault:ram:1M", [], 0, Ram),
        ("fault:seed=7:error,op=read,lba=1-2,count=2:hang,after=1:null:1M", ["error op=read lba=1-2 count=2", "hang after=1"], 7, Null),
        (f"fault:busy:{tmp_path}/seed=1:x", ["busy"], 0, FileMedium),
        (f"FAULT:busy:file:{tmp_path}/seed=1:x", ["busy"], 0, FileMedium),
        ("fault:busy:fault:lost:ram:1M", ["busy"], 0, Faulty),
    ]:  # fmt: skip
        medium = open_medium(url)
        assert isinstance(medium, Faulty)
        assert ([str(each.rule) for each in medium.rules], medium.seed) == (rules, seed)
        assert isinstance(medium.medium, below)
        medium.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("fault:", "'fault:': the URL of a medium follows the rules"),
        ("fault:error", "the URL of a medium follows the rules"),
        ("fault:seed=4:", "the URL of a medium follows the rules"),
        ("fault:error:seed=4", "the URL of a medium follows the rules"),
        ("fault:wrong-word,lba=1:ram:1M", "'wrong-word,lba=1' is neither a fault (error, hang"),
        ("fault:error,lba=x:ram:1M", "'x' is no number"),
        ("fault:seed=x:ram:1M", "'seed=x' is neither a fault"),
        ("fault:error:ram:0", "a RAM disk of 0 bytes"),
        ("fault:error:rom:1M", "'rom' is neither a fault"),
    ],
)
def test_urls_that_are_refused(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_medium(url)
    assert says in str(caught.value)


def test_two_rules_hold_until_both_let_go() -> None:
    medium = Faulty(Ram(SIZE), ["hang op=write", "hang op=write"], timers=HandTimers())
    loop = TestLoop()
    over: list[MediumRequest] = []
    request = MediumRequest(WRITE, 0, 512, (memoryview(bytes(512)),), over=over.append)
    assert medium.channel(loop).submit(request) is PENDING
    first, second = medium.rules
    medium.release(first)
    loop.turn()
    assert not over
    medium.release(second)
    loop.turn()
    assert over == [request]
    assert [each.holds for each in medium.rules] == [0, 0]


def test_timers_that_were_cancelled_are_thrown_away() -> None:
    timers = Timers()
    for _ in range(10_000):
        timers.after(3600, lambda: None).cancel()
    assert len(timers._waiting) < 200
    kept = [timers.after(3600, lambda: None) for _ in range(500)]
    assert sum(each[2] in kept for each in timers._waiting) == 500
