"""Results that nobody has any more are filled again; those that somebody has are never touched."""

from __future__ import annotations

import ctypes
import itertools
import os
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.initiator.session import Device, Session
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

LONG = 256 << 10
BLOCKS = LONG // 512
PLACES = 16
_names = itertools.count()


@pytest.fixture(scope="module")
def content() -> bytes:
    return os.urandom(PLACES * LONG)


@pytest.fixture
def session(content: bytes) -> Iterator[Session]:
    ram = Ram(PLACES * LONG)
    ram.write_from(0, memoryview(content))
    url = f"local:again{next(_names)}"
    with Server(url, LunMap([(256, Disk(ram, "a"))])), Session(url, buffers=2 << 20) as session:
        yield session


@pytest.fixture
def disk(session: Session) -> Device:
    (disk,) = session.scan(channels=[0], ids=[1])
    disk.capacity()
    return disk


def place(content: bytes, number: int) -> bytes:
    number %= PLACES
    return content[number * LONG : (number + 1) * LONG]


def lba(number: int) -> int:
    return number % PLACES * BLOCKS


def test_one_after_the_other(session: Session, disk: Device, content: bytes) -> None:
    where = set()
    for number in range(40):
        data = disk.read(lba(number), BLOCKS)
        assert data == place(content, number)
        where.add(id(data))
        del data
    assert len(where) == 1
    assert session.staging.kept is not None
    assert len(session.staging.kept) == 1


@pytest.mark.parametrize("depth", [2, 4, 8])
def test_several_at_a_time(session: Session, disk: Device, content: bytes, depth: int) -> None:
    flying = deque(disk.submit_read(lba(number), BLOCKS) for number in range(depth))
    for number in range(100):
        assert flying.popleft().result().data == place(content, number)
        flying.append(disk.submit_read(lba(number + depth), BLOCKS))
    for number, (_, data, *_) in enumerate(session.gather(flying), 100):
        assert data == place(content, number)
    assert session.staging.kept is not None
    assert len(session.staging.kept) <= 8  # as much as it has for data


@pytest.mark.parametrize("blocks", [2, 8, 128])
def test_short_ones_too(session: Session, disk: Device, content: bytes, blocks: int) -> None:
    """Up to 128 are kept, and no more than the session has for data."""
    size, have = 512 * blocks, []
    for number in range(300):
        data = disk.read(number, blocks)
        assert data == content[512 * number : 512 * number + size]
        if number < 200 and number % 4:
            have.append((number, data))
        del data
    for number, data in have:
        assert data == content[512 * number : 512 * number + size]
    assert session.staging.kept is not None
    assert {len(data) for data in session.staging.kept} == {size}
    assert len(session.staging.kept) == min(128, session.staging.all_chunks * session.staging.chunk // size)


def test_two_lengths_by_turns(session: Session, disk: Device, content: bytes) -> None:
    """One of them is kept; when the other one has come often enough, that one."""
    for number in range(200):
        assert (
            disk.read(number, 8 + 2 * (number % 2)) == content[512 * number :][: 4096 + 1024 * (number % 2)]
        )
    assert session.staging.kept is not None
    assert {len(data) for data in session.staging.kept} == {4096}
    for number in range(100):
        assert disk.read(number, 10) == content[512 * number :][:5120]
    assert {len(data) for data in session.staging.kept} == {5120}


def test_what_somebody_has_is_left_alone(session: Session, disk: Device, content: bytes) -> None:
    """As it is, as a part of a result, or by a view of it; whichever of them are kept, for however long."""
    kept, views, results = [], [], []
    for number in range(48):
        data = disk.read(lba(number), BLOCKS)
        if number % 3:
            kept.append((number, data))
        elif number % 2:
            views.append((number, memoryview(data)[:1000]))
        result = disk.submit_read(lba(number + 1), BLOCKS).result()
        if number < 6:
            results.append((number + 1, result))
        del data, result
    for number, data in kept:
        assert data == place(content, number)
    for number, view in views:
        assert view == place(content, number)[:1000]
    for number, result in results:
        assert result.data == place(content, number)


def generator(data: bytes) -> Iterator[bytes]:
    yield b""
    yield data


def begun(data: bytes) -> Iterator[bytes]:
    held = generator(data)
    next(held)
    return held


HOLDERS: list[Callable[[bytes], tuple[Any, Callable[[Any], bytes]]]] = [
    lambda data: (data, bytes),
    lambda data: ({data: hash(data)}, lambda held: next(iter(held))),
    lambda data: (data[:], bytes),
    lambda data: (
        memoryview(memoryview(data)[1:-1]),
        lambda held: b"%c%b%c" % (held.obj[0], held, held.obj[-1]),
    ),
    lambda data: (ctypes.c_char_p(data), lambda held: ctypes.string_at(held, len(held._objects))),
    lambda data: (ctypes.py_object(data), lambda held: held.value),
    lambda data: (begun(data), next),
    lambda data: (lambda: data, lambda held: held()),
    lambda data: ((1, [data]), lambda held: held[1][0]),
]
"""Ways to have a result, each with the way to get at it again."""


@pytest.mark.parametrize("seed", range(4))
def test_however_it_is_held(session: Session, disk: Device, content: bytes, seed: int) -> None:
    """Many results, of lengths that come again, by all calls, held for a while or for ever, some by another thread."""
    rng = random.Random(seed)
    lengths = [rng.choice([1, 2, 3, 8, 128, 129, 256, 512]) for _ in range(3)]
    have: list[tuple[Any, Callable[[Any], bytes], int, int]] = []
    wrong: list[tuple[int, int]] = []

    def check(held: Any, get: Callable[[Any], bytes], at: int, size: int) -> None:
        if get(held) != content[at : at + size]:
            wrong.append((at, size))

    for _ in range(400):
        blocks = rng.choice(lengths)
        at = rng.randrange(len(content) // 512 - blocks)
        many = [disk.submit_read(at, blocks) for _ in range(rng.choice([0, 0, 1, 5]))]
        for data in (disk.read(at, blocks), *(result.data for result in session.gather(many))):
            have.append((*rng.choice(HOLDERS)(data), at * 512, blocks * 512))
        del data, many
        for _ in range(rng.choice([0, 1, 4])):
            check(*have.pop(rng.randrange(len(have))))
            if not have:
                break
    other = threading.Thread(target=lambda: [check(*each) for each in have[::2]])
    other.start()
    for number in range(100):
        disk.read(number, rng.choice(lengths))
    other.join()
    for each in have[1::2]:
        check(*each)
    assert not wrong


def test_somebody_takes_those_that_are_kept(session: Session, disk: Device, content: bytes) -> None:
    for number in range(20):
        assert disk.read(number, 8) == content[512 * number :][:4096]
        flying = [disk.submit_read(each, 8) for each in range(number)]
        assert [each.result().data for each in flying] == [
            content[512 * each :][:4096] for each in range(number)
        ]
        del flying
        if session.staging.kept is not None:
            del session.staging.kept[number % 5 :]


def test_it_is_bytes_like_any_others(disk: Device, content: bytes) -> None:
    """Also to whoever asks for its hash, before and after."""
    for number in range(6):
        data = disk.read(lba(number), BLOCKS)
        assert hash(data) == hash(place(content, number))
        assert {place(content, number): number}[data] == number
        del data


def test_lengths_that_change(session: Session, disk: Device, content: bytes) -> None:
    for number, blocks in enumerate([BLOCKS, BLOCKS + 8, 8, BLOCKS, BLOCKS, 256, 255, BLOCKS - 1]):
        assert disk.read(0, blocks) == content[: blocks * 512], number
    assert session.max_transfer >= LONG
    assert disk.read(3, 3 * BLOCKS) == content[1536 : 1536 + 3 * LONG]
    session.close()
    assert session.staging.kept is None
