"""Every medium against one contract (:mod:`pysrp.target.medium`), as a loop sees it."""

from __future__ import annotations

import errno
import gc
import random
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_rig import KINDS, SIZE, LateMedium, User, close
from pysrp.backends import File
from pysrp.target.backend_medium import BackendMedium
from pysrp.target.data import Media
from pysrp.target.link import PENDING
from pysrp.target.medium import FUA, NOWAIT, Feature, Medium, MediumRequest, Operation
from waiting import PATIENCE

READ, WRITE, FLUSH, ZERO, DISCARD, EXTENTS, COMPARE = Operation


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def medium(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Medium]:
    made = request.param(tmp_path)
    yield made
    close(made)


@pytest.fixture
def user(medium: Medium) -> Iterator[User]:
    user = User(medium)
    yield user
    user.channel.retire()


def test_what_it_says_of_itself(medium: Medium) -> None:
    assert medium.size == SIZE
    assert SIZE % medium.block == 0
    assert medium.read_only == (Feature.READ_ONLY in medium.features)
    memory = medium.memory()
    assert memory is None or (len(memory) == SIZE and not memory.readonly)


def test_new_bytes_are_zeros_and_what_is_written_is_read(user: User) -> None:
    assert user.read() == bytes(SIZE)
    user.whole(WRITE, 0, b"first")
    user.whole(WRITE, SIZE - 4, b"last")
    user.whole(WRITE, 4090, b"in", b"", b" several ", b"buffers")
    user.whole(FLUSH)
    found = [bytearray(5), bytearray(1)]
    user.whole(READ, 0, *found)
    assert found == [b"first", b"\0"]
    assert user.read(4089, 21) == b"\0in several buffers\0\0"
    assert user.read(SIZE - 5, 5) == b"\0last"


def test_memory_is_the_medium(user: User, medium: Medium) -> None:
    memory = medium.memory()
    if memory is None:
        return
    user.whole(WRITE, 100, b"abc")
    assert memory[99:104] == b"\0abc\0"
    memory[50] = 7
    assert user.read(50, 1) == b"\x07"


@pytest.mark.parametrize("operation", [READ, WRITE, ZERO, DISCARD])
@pytest.mark.parametrize(
    ("offset", "length"), [(0, SIZE + 1), (SIZE, 1), (SIZE - 1, 2), ((1 << 64) - 1, 2), (-1, 1)]
)
def test_outside(user: User, medium: Medium, operation: Operation, offset: int, length: int) -> None:
    """A target asks for nothing there, whatever its handlers want."""
    views = [memoryview(bytearray(b"x" * length))] if operation in (READ, WRITE) else []
    request = MediumRequest(operation, offset, length, views, over=user.ended)
    media = Media(None, user.loop.post)
    if media.submit(medium, request) is PENDING:
        user.loop.until(lambda: user.over)
    media.retire()  # not by garbage collection, when the medium is gone
    assert request.failure() is not None
    assert user.read() == bytes(SIZE)


def test_reading_what_is_on_the_medium(user: User, medium: Medium) -> None:
    """FUA; which says nothing of NOWAIT, and where it is all the same is no more than a read."""
    if Feature.FUA not in medium.features:
        pytest.skip("it is flushed before, by who asks")
    user.whole(WRITE, 4096, b"x" * 8192)
    data = bytearray(8192)
    request = user.do(READ, 4096, data, flags=FUA)
    assert (request.errno, request.done, data) == (0, 8192, b"x" * 8192)
    request = user.do(READ, 4096, data, flags=FUA | NOWAIT)
    assert (request.errno, request.done) in ((0, 8192), (errno.EAGAIN, 0))


def test_zero_and_discard(user: User) -> None:
    user.whole(WRITE, 0, b"\xff" * SIZE)
    user.whole(ZERO, 5000, length=300_000)
    assert user.read() == b"\xff" * 5000 + bytes(300_000) + b"\xff" * (SIZE - 305_000)
    user.whole(DISCARD, 0, length=4096)
    assert user.read(4096, 1000) == b"\xff" * 904 + bytes(96)


def test_what_is_discarded_reads_as_zeros_where_it_says_so(user: User, medium: Medium) -> None:
    if Feature.DISCARD_ZEROS in medium.features:
        user.whole(WRITE, 0, b"\xff" * 16384)
        user.whole(DISCARD, 100, length=9000)
        assert user.read(0, 16384) == b"\xff" * 100 + bytes(9000) + b"\xff" * (16384 - 9100)


def test_extents(user: User, medium: Medium) -> None:
    """What takes no room reads as zeros. Only those that say so are asked."""
    if Feature.EXTENTS in medium.features:
        user.whole(WRITE, 8192, b"\xff" * 8192)
        extents = user.whole(EXTENTS, 4096, length=12288).value
        assert sum(length for length, _ in extents) == 12288
        mapped, at = set(), 4096
        for length, there in extents:
            mapped |= set(range(at, at + length)) if there else set()
            at += length
        assert mapped >= set(range(8192, 16384))


def test_compared_and_written(user: User, medium: Medium) -> None:
    """As one, where it says so: all of it or nothing. Not every block can be, and it is told whether others may come in between."""
    if Feature.COMPARE not in medium.features:
        return
    user.whole(WRITE, 4096, b"a" * 1024)
    for expected, code, found in (b"a", 0, b"b"), (b"a", errno.EILSEQ, b"b"), (b"b", 0, b"b"):
        data = expected * 511 + b"?" if code == errno.EILSEQ else expected * 512
        request = user.do(COMPARE, 4608, data, b"b" * 512, length=512, flags=FUA)
        assert (request.errno, request.done) == (code, 0 if code else 512)
        assert user.read(4096, 1024) == b"a" * 512 + found * 512
    for views in [b"a" * 512], [b"a" * 512, b"b" * 511], [b"a" * 512] * 3:
        assert user.do(COMPARE, 4096, *views, length=512).errno == errno.EINVAL
    request = user.do(COMPARE, 0, bytes(SIZE), bytes(SIZE), length=SIZE)
    assert request.errno in (0, errno.EILSEQ, errno.EOPNOTSUPP, errno.EXDEV)
    assert user.read(4096, 1024) == b"a" * 512 + b"b" * 512


def test_without_waiting(user: User, medium: Medium) -> None:
    """Over at once: done, or EAGAIN and nothing of it is. Only those that say so are asked."""
    if Feature.NOWAIT not in medium.features:
        return
    user.whole(WRITE, 0, b"a" * 4096)
    for operation, data in (READ, bytearray(4096)), (WRITE, b"b" * 4096):
        ended = user.begin(operation, 0, data, flags=NOWAIT)
        assert user.over[-1] is ended
        assert (ended.errno, ended.done) in [(0, 4096), (errno.EAGAIN, 0)]
        if not ended.errno and operation is READ:
            assert data == b"a" * 4096
    assert user.read(0, 4096) == (b"a" if ended.errno else b"b") * 4096


def test_many_at_once(user: User) -> None:
    """In any order, each once, and each with its own bytes."""
    parts = [random.Random(at).randbytes(4096) for at in range(0, SIZE, 4096)]
    writes = [user.begin(WRITE, number * 4096, part) for number, part in enumerate(parts)]
    user.loop.until(lambda: len(user.over) == len(parts))
    assert set(user.over) == set(writes)
    user.over.clear()
    found = [bytearray(4096) for _ in parts]
    for number, data in enumerate(found):
        user.begin(READ, number * 4096, data)
    user.loop.until(lambda: len(user.over) == len(parts))
    assert found == parts
    assert not any(each.failure() for each in user.over)


class Bytes(bytearray):
    """To be referred to weakly."""


def test_a_request_keeps_its_buffers(user: User) -> None:
    data = Bytes(b"kept" * 1024)
    kept = weakref.ref(data)
    begun = weakref.ref(user.begin(WRITE, 0, data))
    del data
    gc.collect()
    if not user.over:
        assert kept() is not None
    user.loop.until(lambda: user.over)
    user.over.clear()
    assert user.read(0, 4096) == b"kept" * 1024
    user.over.clear()
    user.loop.turn()
    gc.collect()
    assert begun() is None, "and lets go of them"
    assert kept() is None


def test_withdrawn(user: User, medium: Medium) -> None:
    """It never began, and nothing comes; or it runs on, and its end comes."""
    if isinstance(medium, LateMedium):
        medium.go.clear()
    requests = [user.begin(WRITE, number * 512, b"w" * 512) for number in range(64)]
    pending = [each for each in requests if each not in user.over]
    gone = [each for each in pending if user.channel.withdraw(each)]
    if isinstance(medium, LateMedium):
        medium.go.set()
    user.loop.until(lambda: len(user.over) == len(requests) - len(gone))
    user.whole(FLUSH)
    assert not set(gone) & set(user.over)
    data = user.read(0, 64 * 512)
    for number, each in enumerate(requests):
        assert data[number * 512 : number * 512 + 512] == (bytes(512) if each in gone else b"w" * 512)


def test_several_loops(medium: Medium) -> None:
    """Each is told of its own requests only, in its own thread."""
    errors: list[BaseException] = []

    def use(number: int) -> None:
        try:
            user = User(medium)
            for turn in range(20):
                data = bytes((number, turn)) * 256
                user.whole(WRITE, number * 512, data)
                assert user.read(number * 512, 512) == data
            user.channel.retire()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not errors


@given(st.data())
@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_is_a_bytearray(kind: Any, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    medium = kind(tmp_path_factory.mktemp("medium"))
    try:
        user, model = User(medium), bytearray(SIZE)
        for _ in range(data.draw(st.integers(1, 8))):
            parts = data.draw(st.lists(st.binary(max_size=300), max_size=3))
            length = sum(map(len, parts))
            offset = data.draw(st.integers(0, SIZE - length))
            if data.draw(st.booleans()):
                user.whole(ZERO, offset, length=length)
                model[offset : offset + length] = bytes(length)
            else:
                user.whole(WRITE, offset, *parts)
                model[offset : offset + length] = b"".join(parts)
        assert user.read() == model
        user.channel.retire()
    finally:
        close(medium)


def test_read_only(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(4096))
    with File(tmp_path / "disk", read_only=True) as file:
        medium = BackendMedium(file)
        assert medium.read_only
        ended = User(medium).do(WRITE, 0, b"x")
        assert ended.errno == errno.EROFS
        assert bytes(file.size) == (tmp_path / "disk").read_bytes()
