"""Results that nobody has any more are filled again; those that somebody has are never touched."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator

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
