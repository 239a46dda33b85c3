"""The checker itself: what it lets pass, what it finds, and what it says of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity import BLOCK, DONE, OVER, REFUSED, History, Wrong, content, generation_of, place

RUN = 7
HERE = place(1, 17)


def test_a_block_says_what_it_is() -> None:
    block = content(RUN, HERE, 3)
    assert len(block) == BLOCK
    assert generation_of(RUN, HERE, block) == 3
    assert generation_of(RUN, HERE, content(RUN, HERE, 0)) == 0


@given(st.integers(0, BLOCK - 1), st.integers(1, 255))
def test_every_byte_counts(offset: int, change: int) -> None:
    block = bytearray(content(RUN, HERE, 3))
    block[offset] ^= change
    assert isinstance(generation_of(RUN, HERE, bytes(block)), str)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (content(RUN, HERE, 3)[:256] + content(RUN, HERE, 4)[256:], "parts of several"),
        (content(RUN, HERE + 1, 3), "what belongs to LBA 18 of unit 1, generation 0x3"),
        (content(RUN + 1, HERE, 3), "what another run wrote (0x8)"),
        (b"x" * BLOCK, "nothing that was ever written"),
    ],
)
def test_what_is_wrong_with_a_block(block: bytes, says: str) -> None:
    assert says in str(generation_of(RUN, HERE, block))


def history(*events: str, **more: Any) -> History:
    """Of one block. Its events in their order: ``w1 W1`` a write begins, and is done (``O1`` over, ``X1`` refused), ``fw1`` with FUA;
    ``r R1`` a read begins, and finds generation 1; ``f F`` a flush; ``cut``."""
    made, begun = History(**more), 0
    for now, event in enumerate(" ".join(events).split(), 1):
        match event.rstrip("0123456789"), event.lstrip("wfWOXrRFcut"):
            case "w" | "fw" as kind, number:
                made.note("write", int(number), [[HERE, 1]], kind == "fw", now)
            case "W" | "O" | "X" as kind, number:
                made.note("wrote", int(number), {"W": DONE, "O": OVER, "X": REFUSED}[kind], now)
            case "r" | "f", _:
                begun = now
            case "R", number:
                made.note("read", [HERE], [int(number)], begun, now)
            case "F", _:
                made.note("flushed", 1, begun, now)
            case "cut", _:
                made.power_cut(now)
    return made


@pytest.mark.parametrize(
    "events",
    [
        "r R0 w1 W1 r R1 r R1 w2 W2 r R2",
        "w1 r R0 r R1 W1",  # while it is under way: old, then new
        "w1 w2 W2 W1 r R1 r R1",  # two at once: either is the last
        "w1 w2 W1 W2 r R1 r R1",
        "w1 O1 r R0 r R0",  # aborted: done or not, and that for good
        "w1 O1 r R1 r R1",
        "w1 X1 r R0",
        "w1 W1 cut r R0 r R0",  # not flushed: there or not
        "w1 W1 cut r R1 r R1",
        "w1 W1 w2 W2 cut r R1",  # in any order
        "w1 W1 f F w2 W2 cut r R1",
        "w1 W1 f F w2 W2 cut r R2",
        "fw1 W1 w2 cut O2 r R2",
        "fw1 W1 w2 cut O2 r R1",
        "w1 W1 w2 W2 fw3 W3 cut r R3",
        "w1 W1 cut w2 W2 cut r R0",
        "w1 W1 cut r R0 w2 W2 cut r R2",
        "fw1 w2 W2 W1 cut r R2",  # it may be the later one
        "w1 cut w2 W1 W2 r R1",  # sent to the next server
        "w1 W1 f w2 W2 F cut r R1",
    ],
)
def test_what_a_disk_may_do(events: str) -> None:
    history(events).check()


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ("w1 W1 r R0", "generation 0x0, after 0x1 had been written over it"),
        ("w1 W1 w2 W2 r R1", "generation 0x1, after 0x2"),
        ("w1 W1 r R2", "lost, or never written there"),
        ("w1 r R1 r R0", "0x0, after 0x1"),
        ("w1 w2 W1 W2 r R1 r R2 r R1", "0x1, and 0x2 between"),
        ("w1 O1 r R0 r R1", "0x0, and 0x1 between"),
        ("w1 O1 w2 W2 r R1", "0x1, after 0x2"),  # it came after what was written later
        ("w1 X1 r R1", "though that write was refused"),
        ("r R1 w1 W1", "before that was written"),
        ("w1 W1 f F cut r R0", "lost"),
        ("fw1 W1 cut r R0", "lost"),
        ("fw1 W1 w2 W2 cut r R0", "lost"),
        ("w1 W1 fw2 W2 cut r R1", "lost"),
        ("w1 W1 w2 W2 f F cut r R1", "lost"),
        ("w1 W1 cut r R0 r R1", "both from before"),
        ("w1 W1 cut r R0 cut r R1", "lost"),
        ("fw1 W1 w2 W2 cut r R1 cut r R2", "lost"),
        ("w1 W1 cut r R1 w2 W2 r R1", "0x1, after 0x2"),
    ],
)
def test_what_no_disk_may_do(events: str, says: str) -> None:
    with pytest.raises(Wrong) as caught:
        history(events).check()
    assert "LBA 17 of unit 1" in str(caught.value)
    assert says in str(caught.value)


def test_a_disk_without_a_cache_loses_nothing() -> None:
    with pytest.raises(Wrong, match="lost"):
        history("w1 W1 cut r R0", always_durable=True).check()


def test_what_has_been_checked_is_forgotten() -> None:
    made = history("w1 W1 w2 W2 r R2")
    made.forget()
    assert len(made.writes) == 1
    made.note("read", [HERE], [2], 20, 21)
    made.check()
    made.note("read", [HERE], [1], 22, 23)
    with pytest.raises(Wrong, match="lost"):
        made.check()


class Disk:
    """One block of a disk that does what it may: each command at some moment of its time, with a cache."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.history, self.now = rng, History(), 0
        self.cached = self.safe = self.last = 0
        self.flying: list[tuple[str, int, int]] = []

    def tick(self) -> int:
        self.now += 1
        return self.now

    def step(self) -> None:
        what = self.rng.choice(["write", "write", "read", "flush", "end", "end", "end", "cut"])
        if what == "end" and self.flying:
            self.end(*self.flying.pop(self.rng.randrange(len(self.flying))))
        elif what == "cut" and self.rng.random() < 0.3:
            for each in self.flying:
                if each[0] != "write" or self.rng.random() < 0.5:
                    continue
                self.cached = each[2]
            self.flying.clear()
            self.history.client_gone(0, self.tick())
            self.history.power_cut(self.tick())
            self.safe = self.cached = self.rng.choice([self.safe, self.cached])
        elif what in ("write", "read", "flush") and len(self.flying) < 4:
            begun = self.tick()
            if what == "write":
                self.last += 1
                fua = self.rng.random() < 0.3
                self.history.note("write", self.last, [[HERE, 1]], fua, begun)
                self.flying.append(("fua" if fua else "write", begun, self.last))
            else:
                self.flying.append((what, begun, 0))

    def end(self, what: str, begun: int, generation: int) -> None:
        """It happens now."""
        if what == "read":
            self.history.note("read", [HERE], [self.cached], begun, self.tick())
        elif what == "flush":
            self.safe = self.cached
            self.history.note("flushed", 1, begun, self.tick())
        else:
            fate = self.rng.random()
            if fate < 0.8 or fate < 0.9:
                self.cached = generation
                if what == "fua":
                    self.safe = generation
            self.history.note("wrote", generation, DONE if fate < 0.8 else OVER, self.tick())


@given(st.integers(0, 1 << 32))
def test_no_disk_is_blamed_without_reason(seed: int) -> None:
    disk = Disk(random.Random(seed))
    for _ in range(60):
        disk.step()
    disk.history.check()


@given(st.integers(0, 1 << 32))
def test_one_that_forgets_is(seed: int) -> None:
    """What is read last of all is older than it may be."""
    disk = Disk(random.Random(seed))
    for _ in range(60):
        disk.step()
    while disk.flying:
        disk.end(*disk.flying.pop())
    disk.last += 1
    disk.history.note("write", disk.last, [[HERE, 1]], False, disk.tick())
    disk.history.note("wrote", disk.last, DONE, disk.tick())
    disk.history.note("read", [HERE], [disk.cached], disk.tick(), disk.tick())
    with pytest.raises(Wrong):
        disk.history.check()
