"""An image of a Ceph cluster as a medium, with a real cluster: what it can, whose it is, and what becomes of requests."""

from __future__ import annotations

import errno
import gc
import itertools
import logging
import os
import random
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast.rbd_medium import library

import ceph_lab
from ceph_lab import CephLab, OwnCephLab
from media_rig import User
from pysrp.errors import ConfigError
from pysrp.media import open_medium, rbd
from pysrp.media.faulty import Faulty
from pysrp.media.power_cut import PowerCut
from pysrp.media.rbd import RbdMedium
from pysrp.target.disk import ThinDisk
from pysrp.target.medium import FUA, NOWAIT, Feature, MediumRequest, Operation
from pysrp.target.units.identity import UnitIdentity
from unit_bench import Bench
from waiting import PATIENCE, until

READ, WRITE, FLUSH, ZERO, DISCARD, EXTENTS, COMPARE = Operation

MIB = 1 << 20
SIZE = 4 * MIB
FOR_ALL = "--image-feature=layering"
"""An image without a lock."""


lab, fragile = ceph_lab.lab, ceph_lab.fragile()


Make = Callable[..., RbdMedium]


@pytest.fixture
def make() -> Iterator[Make]:
    """Open an image: a lab, its name, keywords; it is closed at the end."""
    with ExitStack() as stack:

        def made(lab: CephLab, image: str, **given: Any) -> RbdMedium:
            medium = RbdMedium(image, conf=lab.conf, **given)
            stack.callback(medium.close)
            return medium

        yield made


@pytest.fixture
def use() -> Iterator[Callable[[RbdMedium], User]]:
    users: list[User] = []

    def used(medium: RbdMedium) -> User:
        users.append(User(medium))
        return users[-1]

    yield used
    for each in users:
        each.channel.retire()


Use = Callable[[RbdMedium], User]


# What an image is


def test_what_an_image_is(lab: CephLab, make: Make) -> None:
    image = lab.image(SIZE)
    medium = make(lab, image)
    assert (medium.size, medium.size_now(), medium.block, medium.physical_block) == (SIZE, SIZE, 1, 4096)
    assert medium.features == (
        Feature.FUA | Feature.ZERO | Feature.DISCARD | Feature.EXTENTS | Feature.COMPARE
    )
    assert medium.native()
    assert not medium.read_only
    assert repr(medium) == f"RbdMedium('{image}', {SIZE})"
    status = medium.status()
    assert (status["ours"], status["times_opened"], status["times_lost"], status["trouble"]) == (
        True,
        1,
        0,
        "",
    )


def test_what_room_is_given_back_in(lab: CephLab, make: Make, tmp_path: Path) -> None:
    """What Ceph's configuration says is worth a discard, but no more than an object."""
    image, small = lab.image(SIZE), lab.image(SIZE, "--object-size=16K")
    limits = ThinDisk(make(lab, image)).block_limits()
    assert (limits.optimal_unmap_granularity, limits.unmap_granularity_alignment) == (128, 0)
    assert make(lab, small).discard_granularity == 16384
    conf = tmp_path / "ceph.conf"
    conf.write_text(f"{lab.conf.read_text()}\nrbd_discard_granularity_bytes = {MIB}\n")
    medium = RbdMedium(image, conf=conf)
    assert medium.discard_granularity == MIB
    medium.close()


def test_a_namespace(lab: CephLab, make: Make, use: Use) -> None:
    lab.run("rbd", "namespace", "create", "rbd/mine")
    first, second = (make(lab, lab.image(SIZE, pool=pool)) for pool in ("rbd", "rbd/mine"))
    use(second).whole(WRITE, 0, b"mine")
    assert use(first).read(0, 4) == bytes(4)
    assert "/mine/" in second.identity


def test_who_it_is(lab: CephLab, make: Make) -> None:
    """It is the same wherever it is opened, and no other one."""
    image, other = lab.image(SIZE, FOR_ALL), lab.image(SIZE, FOR_ALL)
    one, again, another = make(lab, image), make(lab, image), make(lab, other)
    assert one.identity == again.identity != another.identity
    assert one.identity.startswith(f"rbd:{lab.run('ceph', 'fsid').strip()}/")
    ids = UnitIdentity.of_medium(one.identity)
    assert ids == UnitIdentity.of_medium(again.identity) != UnitIdentity.of_medium(another.identity)
    assert ids.t10_dev_id == f"{ids.serial}-rbd"
    assert len(ids.serial) == 16
    assert Faulty(one).identity == PowerCut(one).identity == one.identity


def test_a_snapshot(lab: CephLab, make: Make, use: Use) -> None:
    image = lab.image(SIZE)
    medium = make(lab, image)
    use(medium).whole(WRITE, 0, b"before")
    lab.run("rbd", "snap", "create", f"{image}@then")
    use(medium).whole(WRITE, 0, b"behind")
    snapshot = make(lab, f"{image}@then")
    assert snapshot.read_only
    assert snapshot.identity != medium.identity
    user = use(snapshot)
    assert user.read(0, 6) == b"before"
    assert use(medium).read(0, 6) == b"behind"
    for operation, *views in (WRITE, b"x"), (ZERO,), (DISCARD,), (COMPARE, b"x", b"x"):
        assert user.do(operation, 0, *views, length=1).errno == errno.EROFS
    assert user.whole(EXTENTS, length=SIZE).value == [(SIZE, True)]
    user.whole(FLUSH)


def test_read_only(lab: CephLab, make: Make, use: Use) -> None:
    """It needs no lock, and takes it from nobody."""
    image = lab.image(SIZE)
    writer, reader = make(lab, image), make(lab, image, read_only=True)
    assert (writer.away, reader.away, reader.read_only) == (False, False, True)
    assert repr(reader) == f"RbdMedium('{image}', {SIZE}, read_only=True)"
    use(writer).whole(WRITE, 0, b"new")
    assert use(reader).read(0, 3) == b"new"


def test_many_extents(lab: CephLab, make: Make, use: Use) -> None:
    """More than there is room for at once; without a map of objects each is asked about."""
    for words in [FOR_ALL, "--object-size=4K"], ["--object-size=4K"]:
        user = use(make(lab, lab.image(SIZE, *words)))
        begun = [user.begin(WRITE, at, b"x" * 4096) for at in range(0, 3 * MIB, 8192)]
        user.loop.until(lambda user=user, begun=begun: len(user.over) == len(begun))
        request = user.do(EXTENTS, 4096, length=SIZE - 4096)
        assert request.value == [(4096, number % 2 == 1) for number in range(256)]
        (first, *_) = user.do(EXTENTS, 3 * MIB, length=MIB).value
        assert first == (MIB, False)


def test_what_cannot_be_is_said_at_once(lab: CephLab, make: Make, use: Use) -> None:
    user = use(make(lab, lab.image(SIZE)))
    assert user.begin(READ, 0, bytearray(1), flags=NOWAIT).errno == errno.EAGAIN
    request = MediumRequest(READ, 0, 0, over=user.ended)
    assert user.channel.submit(request) is None
    assert request.errno == 0
    request.operation = 8  # type: ignore[assignment]
    user.channel.submit(request)
    assert request.errno == errno.EOPNOTSUPP


BAD = {
    "a": r"'rbd:a': rbd:POOL\[/NAMESPACE\]/IMAGE\[@SNAPSHOT\] names an image",
    "a/b/c/d": "names an image",
    "a/b@": "names an image",
    "a/b@c@d": "names an image",
    "a/\0": "a NUL byte",
    "a/b?lock=mine": "lock=mine is none of wait, take, refuse",
    "a/b?limit=0.5s": "a limit of 0.5 s",
    "a/b?pool=c": "'pool' is no option",
}


@pytest.mark.parametrize("url", BAD)
def test_bad_urls(url: str) -> None:
    if missing := library():
        pytest.skip(f"NO LIBRBD HERE ({missing})")
    with pytest.raises(ConfigError, match=BAD[url]):
        open_medium(f"rbd:{url}")


def test_what_is_not_there(lab: CephLab, tmp_path: Path) -> None:
    for url, code, words in (
        (f"rbd:rbd/none?conf={lab.conf}", errno.ENOENT, "rbd:rbd/none: the image: No such file"),
        (f"rbd:none/none?conf={lab.conf}", errno.ENOENT, "the pool: No such file"),
        (f"rbd:rbd/none?conf={tmp_path}/none", errno.ENOENT, f"{tmp_path}/none: No such file"),
        (f"rbd:rbd/none?conf={lab.conf}&id=a.b", errno.ENOENT, "the image: No such file"),
    ):
        with pytest.raises(OSError, match=words) as caught:
            open_medium(url)
        assert caught.value.errno == code
    image = lab.image(SIZE, FOR_ALL)
    lab.run("rbd", "snap", "create", f"{image}@s")
    for place, words in (image, "the image has no exclusive-lock"), (f"{image}@s", "is only read needs none"):
        with pytest.raises(ConfigError, match=words):
            RbdMedium(place, conf=lab.conf, lock="take")


def test_without_librbd(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to install."""
    assert library("libnobody.so.7") == "libnobody.so.7"
    assert library("libc.so.6") == "rados_create"
    if missing := library():
        pytest.skip(f"NO LIBRBD HERE ({missing})")
    assert library(None, "libnobody.so.7") == "libnobody.so.7"
    assert library(None, "libc.so.6") == "rbd_open"
    monkeypatch.setattr(rbd, "library", lambda: "librbd.so.1")
    with pytest.raises(ConfigError, match=r"\(librbd.so.1 is not here\): apt-get install librbd1 librados2"):
        RbdMedium("rbd/data")


# Whose it is


def test_refused_while_another_one_has_it(lab: CephLab, make: Make) -> None:
    image = lab.image(SIZE)
    first = make(lab, image, lock="refuse")
    with pytest.raises(OSError, match="the image's lock") as caught:
        make(lab, image, lock="refuse")
    assert caught.value.errno == errno.EBUSY
    assert not first.away
    first.close()
    assert not make(lab, image, lock="refuse").away


def test_waiting_for_it(lab: CephLab, make: Make, use: Use, caplog: pytest.LogCaptureFixture) -> None:
    """Until then all is refused, and its disks are NOT READY."""
    image = lab.image(SIZE)
    first = make(lab, image)
    use(first).whole(WRITE, 0, b"first")
    second = make(lab, image)
    assert second.away
    assert Faulty(second).away
    assert PowerCut(second).away
    assert use(second).do(READ, 0, bytearray(5)).errno == errno.ESHUTDOWN
    with Bench(ThinDisk(second)) as bench:
        assert bench(bytes(6)).code == (2, 0x04, 0x0B)
        first.close()
        until(lambda: not second.away)
        bench.good(bytes(6))
    assert use(second).read(0, 5) == b"first"
    assert "another client has its lock" in caplog.text
    until(lambda: "it is ours" in caplog.text)


def test_taking_it(lab: CephLab, make: Make, use: Use, caplog: pytest.LogCaptureFixture) -> None:
    """The other one is shut out: what it still wants to write fails. It gets it back when the taker is gone."""
    caplog.set_level(logging.WARNING, "pysrp.media")
    image = lab.image(SIZE)
    first = make(lab, image)
    user = use(first)
    user.whole(WRITE, 0, b"first")
    second = make(lab, image, lock="take")
    assert not second.away
    use(second).whole(WRITE, 0, b"again")
    assert user.do(WRITE, 0, b"first").errno == errno.ESHUTDOWN
    until(lambda: first.away and first.status()["times_lost"] == 1)
    assert use(second).read(0, 5) == b"again"
    second.close()
    until(lambda: not first.away)
    assert user.read(0, 5) == b"again"
    assert first.status()["times_opened"] == 2
    until(lambda: "it is ours" in caplog.text)
    assert "it is not ours any more" in caplog.text


def test_a_lock_that_is_gone_is_noticed_by_who_does_nothing(lab: CephLab, make: Make) -> None:
    image = lab.image(SIZE)
    first, _ = make(lab, image), make(lab, image, lock="take")
    until(lambda: first.away)


def test_who_looks_after_the_lock_is_not_woken_for_each_request(lab: CephLab, make: Make, use: Use) -> None:
    """A request at a time is the last one under way each time that it ends. The lock is looked at every five seconds."""

    def switches() -> dict[str, int]:
        told = {}
        for task in Path("/proc/self/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # others come and go
                status = (task / "status").read_text()
                if status.startswith("Name:\trbd-keeper\n"):
                    told[task.name] = int(re.findall(r"\nvoluntary_ctxt_switches:\s+(\d+)", status)[0])
        return told

    requests, before = 500, switches()
    user = use(make(lab, lab.image(SIZE)))
    # librados' threads are made by this one, and have its name until they have their own.
    until(lambda: len(switches().keys() - before.keys()) == 1)
    (keeper,) = switches().keys() - before.keys()
    begun = switches()[keeper]
    for _ in range(requests):
        user.whole(FLUSH)
    assert switches()[keeper] - begun < requests / 2


def test_another_image_of_its_name_is_not_it(lab: CephLab, make: Make, use: Use) -> None:
    """When it is opened again, as somebody has shut us out of the cluster."""
    image = lab.image(SIZE, FOR_ALL)
    medium = make(lab, image)
    user = use(medium)
    (us,) = re.findall(r"watcher=(\S+)", lab.run("rbd", "status", image))
    lab.run("rbd", "rename", image, f"{image}old")
    lab.run("rbd", "create", "--size", f"{SIZE}B", image)
    lab.run("ceph", "osd", "blocklist", "add", us)
    until(lambda: user.do(WRITE, 0, b"x").errno == errno.ESHUTDOWN)

    def hears(words: str) -> None:
        until(lambda: words in medium.status()["trouble"])

    hears("another image has its name")
    seen: list[object] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with suppress(OSError):
                seen.append(medium._image.room())

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(3):  # each time the other one is opened once more, and nobody hears of its room
            lab.run("rbd", "rename", image, f"{image}new")
            hears("No such file")
            lab.run("rbd", "rename", f"{image}new", image)
            hears("another image has its name")
        lab.run("rbd", "rename", image, f"{image}new")
        hears("No such file")
    finally:
        over.set()
        looker.join()
    assert not seen
    lab.run("rbd", "rename", f"{image}old", image)
    until(lambda: not medium.away)
    user.whole(WRITE, 0, b"x")


def test_two_servers_compare_and_write(lab: CephLab, make: Make) -> None:
    """Each of four threads adds to a number, as often as the others let it: none of it is lost."""
    image = lab.image(SIZE, FOR_ALL)
    media = [make(lab, image) for _ in range(2)]
    lost = []

    def add(medium: RbdMedium) -> None:
        user, done = User(medium), 0
        while done < 25:
            before = user.read(512, 512)
            after = (int.from_bytes(before, "big") + 1).to_bytes(512, "big")
            request = user.do(COMPARE, 512, before, after, length=512)
            done += not request.errno
            lost.append(request.errno)
        user.channel.retire()

    threads = [threading.Thread(target=add, args=(medium,)) for medium in media * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    user = User(media[0])
    assert int.from_bytes(user.read(512, 512), "big") == 100
    assert user.do(COMPARE, 4 * MIB - 512, bytes(512), bytes(512), length=512).errno == 0
    user.channel.retire()
    assert set(lost) <= {0, errno.EILSEQ}


def test_what_is_not_in_one_object_is_not_compared(lab: CephLab, make: Make, use: Use) -> None:
    """Where others may write too, that is the end of it."""
    for words, code in ([FOR_ALL], errno.EXDEV), ([], errno.EOPNOTSUPP):
        user = use(make(lab, lab.image(SIZE, "--object-size=1M", *words)))
        assert user.do(COMPARE, MIB - 256, bytes(512), bytes(512), length=512).errno == code


# What becomes of it


def test_resized(lab: CephLab, make: Make, use: Use) -> None:
    image = lab.image(SIZE)
    medium = make(lab, image)
    lab.run("rbd", "resize", "--size", f"{2 * SIZE}B", image)
    until(lambda: medium.size_now() == 2 * SIZE)
    assert medium.size == SIZE
    medium.look()
    assert medium.size == 2 * SIZE
    user = use(medium)
    user.whole(WRITE, 2 * SIZE - 4, b"last")
    lab.run("rbd", "resize", "--allow-shrink", "--size", f"{SIZE}B", image)
    until(lambda: medium.size_now() == SIZE)
    medium.look()
    assert medium.size == 2 * SIZE
    assert user.do(READ, 2 * SIZE - 4, bytearray(4)).failure() is not None
    medium.resize()
    assert medium.size == SIZE


def test_renamed(lab: CephLab, make: Make, use: Use) -> None:
    """Who has it keeps it, though somebody waits for it; who opens it anew needs the new name."""
    image = lab.image(SIZE)
    medium, other = make(lab, image), make(lab, image)
    user = use(medium)
    for names in ((image, f"{image}-b"), (f"{image}-b", image)) * 3:
        lab.run("rbd", "rename", *names)
        user.whole(WRITE, 0, b"renamed")
    lab.run("rbd", "rename", image, f"{image}-b")
    with pytest.raises(FileNotFoundError):
        make(lab, image)
    assert make(lab, f"{image}-b").identity == medium.identity
    assert medium.status()["times_lost"] == 0
    assert other.away


def test_closed_with_requests_under_way(lab: CephLab, make: Make, use: Use) -> None:
    """They end; it may be closed again."""
    medium = make(lab, lab.image(SIZE))
    user = use(medium)
    begun = [user.begin(WRITE, at, b"x" * 65536) for at in range(0, SIZE, 65536)]
    medium.close()
    user.loop.until(lambda: len(user.over) == len(begun))
    assert {each.errno for each in begun} == {0}
    assert user.do(WRITE, 0, b"x").errno == errno.EBADF
    assert user.do(EXTENTS, 0, length=1).errno == errno.EBADF
    medium.close()
    assert medium.away


def test_forgotten(lab: CephLab, make: Make) -> None:
    """Who lets go of it without closing it closes it."""
    image = lab.image(SIZE)
    medium = RbdMedium(image, conf=lab.conf)
    assert not medium.away
    del medium
    gc.collect()
    assert not make(lab, image, lock="refuse").away


def test_a_child_that_was_forked(lab: CephLab, make: Make, use: Use) -> None:
    """It has nothing of it, and harms nobody."""
    medium = make(lab, lab.image(SIZE))
    user = use(medium)
    user.whole(WRITE, 0, b"parent")
    child = os.fork()
    if not child:
        found = [user.begin(READ, 0, bytearray(1)).errno, medium.status()["ours"]]
        medium.close()
        medium.look()
        user.channel.retire()
        os._exit(found != [errno.EBADF, False])
    assert os.waitpid(child, 0)[1] == 0
    assert user.read(0, 6) == b"parent"


# What becomes of the cluster


def test_a_full_cluster(fragile: OwnCephLab, make: Make, use: Use) -> None:
    """7/27/07 for what takes room."""
    medium = make(fragile, fragile.image(1 << 33, "--object-size=1M"))
    user = use(medium)
    user.whole(WRITE, 0, b"x" * 512)
    for kind in "nearfull", "backfillfull", "full":
        fragile.run("ceph", "osd", f"set-{kind}-ratio", 0.001)
    places = itertools.count(MIB, MIB)  # an object each, that there is not yet
    failure = until(lambda: user.do(WRITE, next(places), b"y" * 512).failure())
    fault = ThinDisk(medium).fault_of(failure)
    assert (fault.key, fault.code) == (7, 0x2707)
    user.whole(WRITE, 0, b"z" * 512)
    for kind in "full", "backfillfull", "nearfull":
        fragile.run("ceph", "osd", f"set-{kind}-ratio", 0.95)
    until(lambda: not user.do(WRITE, next(places), b"z" * 512).errno)
    # An OSD that is started before its monitor has noticed waits for ever: "fullness state needs update". While it is full
    # its flags are "backfillfull,exists,up".
    until(lambda: " exists,up " in fragile.run("ceph", "osd", "dump"))


def test_an_osd_dies_and_comes_back(fragile: OwnCephLab, make: Make, use: Use) -> None:
    """What is under way waits for it."""
    medium = make(fragile, fragile.image(SIZE))
    user = use(medium)
    data = random.Random(3).randbytes(65536)
    user.whole(WRITE, 0, data)
    user.over.clear()
    fragile.kill("osd")
    found = bytearray(65536)
    begun = [
        user.begin(WRITE, 65536, data, flags=FUA),
        user.begin(READ, 0, found),
        user.begin(ZERO, MIB, length=MIB),
    ]
    assert not user.over
    assert medium.status()["under_way"] == 3
    fragile.begin("osd")
    user.loop.until(lambda: len(user.over) == 3)
    assert [each.failure() for each in begun] == [None] * 3
    assert found == data
    assert user.read(65536, 65536) == data


def test_a_cluster_that_does_nothing(fragile: OwnCephLab, make: Make, use: Use) -> None:
    """It is waited for up to the limit; what has not begun can be taken back."""
    medium = make(fragile, fragile.image(SIZE, FOR_ALL), limit=3)
    user = use(medium)
    user.whole(WRITE, 0, b"x" * 4096)
    user.over.clear()
    fragile.signal("osd", signal.SIGSTOP)
    try:
        begun = [user.begin(EXTENTS, 0, length=SIZE) for _ in range(3)]
        begun += [user.begin(WRITE, 4096, b"y" * 4096)]
        # One call is made after the other: how far they have come is the keeper's affair. The write has begun.
        withdrawn = [user.channel.withdraw(each) for each in begun]
        assert any(withdrawn)
        assert not withdrawn[-1]
        user.loop.until(lambda: len(user.over) == withdrawn.count(False))
        assert {each.errno for each in user.over} == {errno.ETIMEDOUT}
    finally:
        fragile.signal("osd", signal.SIGCONT)
    user.loop.until(lambda: not user.do(WRITE, 8192, b"z" * 4096).errno)


def test_a_monitor_dies(fragile: OwnCephLab, make: Make, use: Use) -> None:
    """Who has the image goes on; nobody else can open one."""
    image = fragile.image(SIZE)
    medium = make(fragile, image)
    user = use(medium)
    fragile.kill("mon")
    user.whole(WRITE, 0, b"x" * 4096)
    with pytest.raises(OSError, match="the cluster") as caught:
        make(fragile, image, limit=2)
    assert caught.value.errno == errno.ETIMEDOUT
    fragile.begin("mon")
    user.whole(WRITE, 4096, b"x" * 4096)
    assert make(fragile, image).away
