"""What seldom is asked of a Ceph image, or seldom becomes of it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import ceph_lab
from ceph_lab import CephLab
from media_rig import User
from pysrp.media.rbd import RbdMedium
from pysrp.target.medium import FUA, Feature, Operation
from waiting import until

READ, WRITE, FLUSH, ZERO, DISCARD, EXTENTS, COMPARE = Operation
SIZE = 4 << 20


@pytest.fixture
def lab() -> Iterator[CephLab]:
    shared = ceph_lab.shared()
    with shared.inside():
        yield shared


class Used(User):
    """A loop, and what it uses."""

    def __init__(self, medium: RbdMedium) -> None:
        super().__init__(medium)
        self.medium = medium


Use = Callable[..., Used]


@pytest.fixture
def use(lab: CephLab) -> Iterator[Use]:
    """A loop that uses an image, by its name and keywords."""
    with ExitStack() as stack:

        def used(image: str, **given: Any) -> Used:
            medium = RbdMedium(image, conf=lab.conf, **given)
            stack.callback(medium.close)
            user = Used(medium)
            stack.callback(user.channel.retire)
            return user

        yield used


def test_read_with_fua(lab: CephLab, use: Use) -> None:
    """A flush, and then the reading."""
    user = use(lab.image(SIZE))
    user.whole(WRITE, 0, b"x" * 512)
    found = bytearray(512)
    assert user.do(READ, 0, found, flags=FUA).failure() is None
    assert found == b"x" * 512


def test_discarded(lab: CephLab, use: Use) -> None:
    """Whole objects take no room any more, and read as zeros."""
    user = use(lab.image(SIZE, "--object-size=1M"))
    assert Feature.DISCARD in user.medium.features
    user.whole(WRITE, 0, b"x" * SIZE)
    user.whole(DISCARD, 1 << 20, length=1 << 20)
    assert user.read(0, SIZE) == b"x" * (1 << 20) + bytes(1 << 20) + b"x" * (2 << 20)
    assert user.do(DISCARD, 0, length=0).errno == 0


def test_more_than_ceph_compares(lab: CephLab, use: Use) -> None:
    """Ceph 16 compares 512 bytes at a time; later ones all that are in an object."""
    for words, code in ([], errno.EOPNOTSUPP), (["--image-feature=layering"], errno.EXDEV):
        user = use(lab.image(SIZE, *words))
        over = user.do(COMPARE, 0, bytes(1024), b"y" * 1024, length=1024)
        assert over.errno in (0, code)
        assert user.read(0, 1024) == (bytes(1024) if over.errno else b"y" * 1024)


def test_read_over_an_end_that_has_come_nearer(lab: CephLab, use: Use) -> None:
    """What is behind it is an error, not whatever the memory held."""
    image = lab.image(SIZE)
    user = use(image)
    lab.run("rbd", "resize", "--allow-shrink", "--size", f"{SIZE - 512}B", image)
    until(lambda: user.medium.size_now() == SIZE - 512)
    assert user.do(READ, SIZE - 1024, bytearray(1024)).errno == errno.EIO
    assert user.do(READ, SIZE - 1024, bytearray(512)).errno == 0


def test_extents_up_to_the_end(lab: CephLab, use: Use) -> None:
    """An object is larger than what is asked of it."""
    user = use(lab.image(SIZE))
    user.whole(WRITE, 0, b"x" * 4096)
    over = user.do(EXTENTS, 1024, length=2048)
    assert over.errno == 0
    assert [tuple(each) for each in over.value] == [(2048, True)]
