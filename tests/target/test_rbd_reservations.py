"""Persistent reservations that a Ceph image keeps: who takes it over finds them, and nobody else changes them."""

from __future__ import annotations

import errno
import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import MappingProxyType
from typing import Any

import pytest

import ceph_lab
from ceph_lab import CephLab
from persistent_rig import (
    CONFLICT,
    READ_KEYS,
    REGISTER,
    RESERVE,
    UNREGISTERED,
    WE_RO,
    Keeper,
    in_cdb,
    out_cdb,
    out_list,
)
from pysrp.errors import ConfigError
from pysrp.media.faulty import Faulty
from pysrp.media.power_cut import PowerCut
from pysrp.media.rbd import RbdMedium
from pysrp.target.disk import Disk
from pysrp.target.units.persistent import MOST, Persistent, Registrant, SharedStore
from unit_bench import Bench
from waiting import until

SIZE = 1 << 20
STANDBY = 2, 0x04, 0x0B
NOTE = "pysrp.reservations"


@pytest.fixture
def lab() -> Iterator[CephLab]:
    shared = ceph_lab.shared()
    with shared.inside():
        yield shared


class Server:
    """What one server makes of an image."""

    def __init__(self, lab: CephLab, image: str, **given: Any) -> None:
        self.medium = RbdMedium(image, conf=lab.conf, **given)
        try:
            self.disk = Disk(self.medium, "data")
        except BaseException:
            self.medium.close()
            raise
        self.bench = Bench(self.disk)
        self.keeper = Keeper(self.bench)

    @property
    def ours(self) -> bool:
        return not self.medium.away

    def close(self) -> None:
        self.bench.close()
        self.medium.close()


Make = Callable[..., Server]


@pytest.fixture
def make() -> Iterator[Make]:
    with ExitStack() as stack:

        def made(lab: CephLab, image: str, **given: Any) -> Server:
            server = Server(lab, image, **given)
            stack.callback(server.close)
            return server

        yield made


def same(one: Server, other: Server) -> bool:
    return one.disk.persistent == other.disk.persistent


def test_who_takes_over_finds_them(lab: CephLab, make: Make) -> None:
    """APTPL or not: the unit goes on, and has lost no power."""
    image = lab.image(SIZE)
    first, second = make(lab, image), make(lab, image)
    assert (first.ours, second.ours) == (True, False)
    first.keeper.registered([0xA, 0xB], WE_RO)
    assert isinstance(first.medium.reservations, SharedStore)
    held = first.disk.persistent
    assert not held.kept
    first.medium.close()
    until(lambda: second.ours)
    assert second.disk.persistent == held
    assert second.keeper.keys() == [0xA, 0xB]
    assert second.keeper.generation == 2
    write = "2a 00 00 00 00 00 00 00 01 00"
    assert second.bench(write, bytes(512), nexus=second.keeper.nexus(2)).status == CONFLICT
    second.keeper.good(1, REGISTER, 0xB, 0xC, aptpl=True)
    third = make(lab, image)
    second.medium.close()
    until(lambda: third.ours)
    assert same(second, third)
    assert third.disk.persistent.kept


def test_who_gets_it_back_forgets_what_it_knew(lab: CephLab, make: Make) -> None:
    """And tells those who were registered, and are not any more."""
    image = lab.image(SIZE)
    first = make(lab, image)
    first.keeper.registered([0xA, 0xB], WE_RO)
    second = make(lab, image, lock="take")
    assert same(first, second)
    until(lambda: not first.ours)
    second.keeper.good(1, REGISTER, 0xB, 0)
    second.medium.close()
    until(lambda: first.ours)
    assert first.keeper.keys() == [0xA]
    assert first.disk.attentions(first.keeper.nexuses[1]) == [UNREGISTERED]
    assert first.disk.attentions(first.keeper.nexuses[0]) == []


def test_nobody_is_left(lab: CephLab, make: Make) -> None:
    """Then the image keeps nothing."""
    image = lab.image(SIZE)
    server = make(lab, image)
    server.keeper.good(0, REGISTER, 0, 0xA)
    assert NOTE in lab.run("rbd", "image-meta", "list", image)
    server.keeper.good(0, REGISTER, 0xA, 0)
    assert NOTE not in lab.run("rbd", "image-meta", "list", image)
    server.medium.reservations.save(None)  # there is none
    assert server.medium.reservations.load() is None


def test_a_server_that_stands_by_says_so(lab: CephLab, make: Make) -> None:
    """It knows nothing of them, and changes nothing."""
    image = lab.image(SIZE)
    first, second = make(lab, image), make(lab, image)
    first.keeper.registered([0xA])
    assert second.bench(in_cdb(READ_KEYS)).code == STANDBY
    assert second.bench(out_cdb(REGISTER), out_list(0, 0xB)).code == STANDBY
    assert first.keeper.keys() == [0xA]
    for call in second.medium.reservations.load, lambda: second.medium.reservations.save(None):
        with pytest.raises(OSError, match="shutdown") as caught:
            call()
        assert caught.value.errno == errno.ESHUTDOWN


def test_who_has_lost_it_writes_no_more(lab: CephLab, make: Make) -> None:
    """Whether it has noticed that or not."""
    image = lab.image(SIZE)
    first = make(lab, image)
    first.keeper.registered([0xA])
    second = make(lab, image, lock="take")
    assert first.keeper.out(0, RESERVE, 0xA, kind=WE_RO).status
    assert second.medium.reservations.load() == second.disk.persistent
    assert second.keeper.reservation() is None


def test_more_than_most_have(lab: CephLab, make: Make) -> None:
    server = make(lab, lab.image(SIZE))
    keys = {Registrant(number.to_bytes(16, "big"), 1): number for number in range(1, MOST + 1)}
    state = Persistent(MappingProxyType(keys), generation=MOST)
    server.medium.reservations.save(state)
    assert server.medium.reservations.load() == state


def test_copies_and_clones_reserve_nothing(lab: CephLab, make: Make) -> None:
    image = lab.image(SIZE)
    make(lab, image).keeper.registered([0xA], WE_RO)
    lab.run("rbd", "deep", "cp", image, f"{image}-copy")
    lab.run(
        "rbd",
        "image-meta",
        "set",
        f"{image}-copy",
        NOTE,
        lab.run("rbd", "image-meta", "get", image, NOTE)[:-1],
    )
    assert make(lab, f"{image}-copy").keeper.keys() == []


def test_which_images_keep_them(lab: CephLab, make: Make) -> None:
    """Those that one server has at a time."""
    image = lab.image(SIZE)
    server = make(lab, image)
    assert (
        Faulty(server.medium).reservations
        is PowerCut(server.medium).reservations
        is server.medium.reservations
    )
    lab.run("rbd", "snap", "create", f"{image}@then")
    for other in f"{image}@then", lab.image(SIZE, "--image-feature=layering"):
        kept = make(lab, other)
        assert kept.medium.reservations is None
        assert kept.bench(out_cdb(REGISTER), out_list(0, 0xA, aptpl=True)).code == (5, 0x26, 0x00)


@pytest.mark.parametrize("text", ["garbage", "pysrp persistent reservations 1 00000000\n{}"])
def test_what_is_not_as_it_was_written(lab: CephLab, make: Make, text: str) -> None:
    """No server comes up with it, and none takes over, until somebody has taken it away."""
    image = lab.image(SIZE)
    first, second = make(lab, image), make(lab, image)
    lab.run("rbd", "image-meta", "set", image, NOTE, text)
    first.medium.close()
    until(lambda: "reservations that the image keeps" in second.medium.status()["trouble"])
    assert second.medium.away
    lab.run("rbd", "image-meta", "remove", image, NOTE)
    until(lambda: second.ours)
    lab.run("rbd", "image-meta", "set", image, NOTE, text)
    second.medium.close()
    with pytest.raises(ConfigError, match="rbd image-meta remove"):
        make(lab, image)


def test_what_says_that_it_is_ours_and_is_not(
    lab: CephLab, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is looked at."""
    server = make(lab, lab.image(SIZE))
    store = server.medium.reservations
    for generation in -1, 1 << 32, "1":
        store.save(Persistent(generation=generation))
        with pytest.raises(ConfigError, match="generation"):
            store.load()


def test_told_by_whichever_thread(lab: CephLab, make: Make) -> None:
    """What is read is in force; a unit that has gone is told nothing."""
    server = make(lab, lab.image(SIZE))
    server.keeper.registered([0xA])
    found = server.medium._image.read_text()
    takes = server.medium._image.takes
    assert takes is not None
    takes(None)
    assert server.disk.persistent == Persistent()
    gone = Disk(server.medium, "gone")
    del gone
    gc.collect()
    takes(found)
    assert server.keeper.keys() == [0xA]


def test_a_unit_that_is_no_more(lab: CephLab, make: Make) -> None:
    """Nobody keeps it for its medium's sake."""
    image = lab.image(SIZE)
    first = make(lab, image)
    medium = RbdMedium(image, conf=lab.conf)
    Disk(medium, "gone")
    gc.collect()
    first.medium.close()
    until(lambda: not medium.away)
    medium.close()
