"""The medium whose power can be cut: what it keeps, what it loses, and that a seed says it all."""

from __future__ import annotations

import errno
import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media_rig import SIZE, LateMedium, TestLoop
from pysrp.backends import Backend, Ram
from pysrp.errors import ConfigError
from pysrp.media import open_medium
from pysrp.media.faulty import Faulty
from pysrp.media.power_cut import PowerCut
from pysrp.target.link import PENDING
from pysrp.target.medium import FUA, NOWAIT, Feature, Medium, MediumRequest, Operation

READ, WRITE, FLUSH, ZERO, DISCARD, EXTENTS, _ = Operation


class Rig:
    """One loop of a medium behind a cache."""

    def __init__(self, below: Medium | Backend, seed: int = 1, **more: Any) -> None:
        self.medium = PowerCut(below, seed=seed, **more)
        self.loop = TestLoop()
        self.channel = self.medium.channel(self.loop)

    def begin(
        self, operation: Operation, offset: int = 0, data: Any = b"", length: int = 0, flags: int = 0
    ) -> Any:
        over: list[MediumRequest] = []
        views = [memoryview(data)] if data else []
        request = MediumRequest(operation, offset, len(data) or length, views, flags, 512, over=over.append)
        if self.channel.submit(request) is PENDING:
            self.loop.until(over.copy)
        return request

    def write(self, sector: int, data: bytes, flags: int = 0) -> None:
        assert self.begin(WRITE, sector * 512, data, flags=flags).failure() is None

    def read(self, sector: int, count: int = 1) -> bytes:
        data = bytearray(count * 512)
        assert self.begin(READ, sector * 512, data).failure() is None
        return bytes(data)

    def flush(self) -> None:
        assert self.begin(FLUSH).failure() is None


@pytest.fixture
def ram() -> Iterator[Ram]:
    with Ram(SIZE) as ram:
        yield ram


def test_what_it_says_of_itself(ram: Ram) -> None:
    medium = PowerCut(ram, seed=3)
    assert repr(medium) == f"PowerCut(Ram({SIZE}), seed=3)"
    assert (medium.size, medium.block, medium.memory(), medium.kept) == (SIZE, 1, None, 0)
    assert medium.features == Feature.FUA
    over = PowerCut(LateMedium(), sector=4096)
    assert (over.block, over.sector) == (1, 4096)
    over.close()
    with pytest.raises(ConfigError, match="sectors of 0 bytes"):
        PowerCut(ram, sector=0)


def test_by_url() -> None:
    for url, seed in ("power-cut:ram:1M", 0), ("power-cut:seed=7:ram:1M", 7):
        medium = open_medium(url)
        assert isinstance(medium, PowerCut)
        assert (medium.seed, medium.size) == (seed, SIZE)
        medium.close()
    for url, says in (
        ("power-cut:", "the URL of a medium follows"),
        ("power-cut:seed=x:ram:1M", "the URL of a medium follows"),
    ):
        with pytest.raises(ConfigError, match=says):
            open_medium(url)


def test_what_was_flushed_is_there_and_of_the_rest_some_sectors(ram: Ram) -> None:
    rig = Rig(ram)
    rig.write(0, b"a" * 512 * 64)
    rig.flush()
    assert rig.medium.kept == 0
    rig.write(0, b"b" * 512 * 64)
    rig.write(64, b"c" * 512, flags=FUA)
    assert rig.read(0, 65) == b"b" * 512 * 64 + b"c" * 512
    assert 0 < rig.medium.kept < 512 * 64
    rig.medium.cut()
    left = [bytes(ram.memory()[number * 512 : number * 512 + 512]) for number in range(65)]
    assert left[64] == b"c" * 512
    assert set(left[:64]) == {b"a" * 512, b"b" * 512}
    for operation in READ, WRITE, FLUSH:
        assert (
            rig.begin(operation, 0, bytearray(b"" if operation is FLUSH else b"x" * 512)).errno == errno.ENXIO
        )
    assert rig.medium.kept == 0


def test_fua_is_about_its_own_sectors(ram: Ram) -> None:
    """As with a disk that takes it for no more than it is."""
    lost = 0
    for seed in range(20):
        rig = Rig(ram, seed)
        rig.write(0, b"x" * 512)
        rig.write(1, b"y" * 512, flags=FUA)
        assert bytes(ram.memory()[512:1024]) == b"y" * 512
        rig.medium.cut()
        lost += bytes(ram.memory()[:512]) != b"x" * 512
        ram.memory()[:1024] = bytes(1024)
    assert 0 < lost < 20


def test_what_is_read_with_fua_has_been_put_there(ram: Ram) -> None:
    rig = Rig(ram)
    rig.write(0, b"x" * 512 * 64)
    rig.write(64, b"y" * 512 * 64)
    data = bytearray(512 * 64)
    assert rig.begin(READ, 0, data, flags=FUA).failure() is None
    assert bytes(ram.memory()[: 512 * 64]) == data == b"x" * 512 * 64
    assert 0 < rig.medium.kept < 512 * 64  # of the others some are there


def test_a_seed_says_it_all() -> None:
    def left(seed: int) -> bytes:
        with Ram(SIZE) as ram:
            rig, rng = Rig(ram, seed), random.Random(9)
            for _ in range(50):
                rig.write(rng.randrange(100), rng.randbytes(512) * 8)
            rig.medium.cut()
            return bytes(ram.memory())

    assert left(1) == left(1) != left(2)


def test_parts_of_sectors_zeros_and_what_it_cannot(ram: Ram) -> None:
    rig = Rig(ram)
    rig.write(0, b"a" * 1024)
    assert not rig.begin(WRITE, 500, b"b" * 20).errno
    assert not rig.begin(ZERO, 700, length=24).errno
    assert not rig.begin(DISCARD, 0, length=1024).errno
    expected = b"a" * 500 + b"b" * 20 + b"a" * 180 + bytes(24) + b"a" * 300
    assert rig.read(0, 2) == expected
    rig.flush()
    assert bytes(ram.memory()[:1024]) == expected
    assert rig.begin(EXTENTS, 0, length=512).errno == errno.EOPNOTSUPP
    assert rig.begin(READ, 0, bytearray(512), flags=NOWAIT).errno == errno.EAGAIN


def test_the_cache_is_not_without_end(ram: Ram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pysrp.media.power_cut.MOST", 8)
    rig = Rig(ram)
    rig.write(0, b"a" * 512 * 200)
    assert rig.medium.kept <= 8 * 512


def test_errors_of_the_medium_below_are_told_and_lose_nothing() -> None:
    below = Faulty(Ram(SIZE), ["error op=write+flush count=2"])
    rig = Rig(below)
    failed = 0
    for _ in range(100):
        failed += rig.begin(WRITE, 0, b"a" * 512).errno == errno.EIO
        failed += rig.begin(FLUSH).errno == errno.EIO
    assert failed == 2
    assert rig.read(0) == b"a" * 512
    rig.flush()
    assert rig.medium.kept == 0
    rig.medium.close()


class Worn(Ram):
    """Whose writes fail, when it is told so."""

    worn = False

    def write_from(self, offset: int, view: memoryview, *more: Any) -> Any:
        if self.worn:
            raise OSError(errno.EIO, "worn out")
        return super().write_from(offset, view, *more)


def test_a_cut_while_the_medium_below_fails() -> None:
    """What does not reach it is lost as the rest is."""
    with Worn(SIZE) as worn:
        rig = Rig(worn)
        for sector in range(32):
            rig.write(sector, b"x" * 512)
        assert rig.medium.kept
        worn.worn = True
        rig.medium.cut()
        assert rig.medium.kept == 0
        assert rig.begin(READ, 0, bytearray(512)).errno == errno.ENXIO


def test_without_threads_it_is_busy(ram: Ram, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(ram)

    def none(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(rig.medium.workers, "submit", none)
    assert rig.begin(FLUSH).errno == errno.EAGAIN


@given(st.integers(0, 1 << 32), st.booleans())
@settings(max_examples=30)
def test_each_sector_holds_what_was_durable_or_something_later(seed: int, late: bool) -> None:
    rng = random.Random(seed)
    below: Any = LateMedium(1 << 14) if late else Ram(1 << 14)
    may: list[list[bytes]] = [[bytes(512)] for _ in range(32)]
    """What was durable, and all that was written later."""
    serials = itertools.count(1)
    for life in range(3):
        rig = Rig(below, seed + life)
        for _ in range(rng.randrange(30)):
            first = rng.randrange(32)
            data = [next(serials).to_bytes(8, "big") * 64 for _ in range(rng.randrange(1, 33 - first))]
            fua = rng.random() < 0.3
            rig.write(first, b"".join(data), flags=FUA if fua else 0)
            for number, each in enumerate(data, first):
                may[number] = [each] if fua else [*may[number], each]
            assert rig.read(0, 32) == b"".join(each[-1] for each in may)
            if rng.random() < 0.1:
                rig.flush()
                may = [each[-1:] for each in may]
        rig.medium.cut()
        rig = Rig(below)
        for number, each in enumerate(may):
            left = rig.read(number)
            assert left in each
            may[number] = [left]
    below.close()


def test_what_is_withdrawn_never_begins(ram: Ram) -> None:
    rig = Rig(ram)
    over: list[MediumRequest] = []
    request = MediumRequest(WRITE, 0, 512, [memoryview(b"x" * 512)], over=over.append)
    assert rig.channel.submit(request) is PENDING
    withdrawn = rig.channel.withdraw(request)
    if not withdrawn:
        rig.loop.until(over.copy)
    assert rig.read(0) == (bytes(512) if withdrawn else b"x" * 512)
