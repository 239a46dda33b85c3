"""What a Ceph image takes, and what its pool could take yet: asked of real clusters, with and without a manager that counts."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import ceph_lab
from ceph_lab import CephLab, OwnCephLab
from media_rig import User
from pysrp.media import rbd
from pysrp.media.rbd import RbdMedium
from pysrp.scsi import cdb
from pysrp.scsi.codes import LogPage, ModePage, ProvisioningResource
from pysrp.scsi.log import parse_log_page
from pysrp.scsi.mode import parse_mode10
from pysrp.target.disk import ThinDisk
from pysrp.target.medium import Operation
from unit_bench import Bench
from waiting import until

MIB = 1 << 20
SIZE = 16 * MIB
OBJECT = 4 * MIB
USED = ProvisioningResource.USED_LBA_MAPPING_RESOURCES
AVAILABLE = ProvisioningResource.AVAILABLE_LBA_MAPPING_RESOURCES
FULL_RATIO = 0.95
"""Ceph's own: of a full cluster nothing is available."""


lab, fragile = ceph_lab.lab, ceph_lab.fragile()


Make = Callable[..., RbdMedium]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Open an image: a lab, its name, keywords. What it tells is as old as nothing."""
    monkeypatch.setattr(rbd, "FRESH", 0.0)
    with ExitStack() as stack:

        def made(lab: CephLab, image: str, **given: Any) -> RbdMedium:
            medium = RbdMedium(image, conf=lab.conf, **given)
            stack.callback(medium.close)
            return medium

        yield made


def write(medium: RbdMedium, *places: int) -> None:
    user = User(medium)
    for each in places:
        user.whole(Operation.WRITE, each, b"x" * 512)
    user.channel.retire()


def used(medium: RbdMedium) -> int | None:
    return medium.space()[0]


def test_whole_objects(lab: CephLab, make: Make) -> None:
    """Of the image itself, and not of what it is a clone of, nor of its snapshots."""
    image = lab.image(SIZE)
    medium = make(lab, image)
    assert used(medium) == 0
    write(medium, 0, 4096, OBJECT)
    until(lambda: used(medium) == 2 * OBJECT)
    lab.run("rbd", "snap", "create", f"{image}@then")
    lab.run("rbd", "snap", "protect", f"{image}@then")
    write(medium, 2 * OBJECT)
    until(lambda: used(medium) == 3 * OBJECT)
    assert used(make(lab, f"{image}@then")) == 2 * OBJECT
    lab.run("rbd", "clone", f"{image}@then", f"{image}clone")
    clone = make(lab, f"{image}clone")
    assert used(clone) == 0
    user = User(clone)
    assert user.read(0, 1) == b"x"
    user.channel.retire()
    assert used(clone) == 0


def test_without_a_map_of_objects(lab: CephLab, make: Make) -> None:
    """It has none, or that is not true: to ask each object would take too long."""
    image = lab.image(SIZE, "--image-feature=layering,exclusive-lock")
    medium = make(lab, image)
    write(medium, 0)
    assert used(medium) is None
    medium.close()
    lab.run("rbd", "feature", "enable", image, "object-map", "fast-diff")
    assert used(make(lab, image)) is None
    lab.run("rbd", "object-map", "rebuild", image)
    assert used(make(lab, image)) == OBJECT


def test_whoever_has_its_lock(lab: CephLab, make: Make) -> None:
    """Who stands by tells it too, so that its disk has the same pages."""
    image = lab.image(SIZE)
    first, second = make(lab, image), make(lab, image)
    assert second.away
    write(first, 0)
    until(lambda: used(second) == OBJECT)
    first.close()
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        first.space()
    assert caught.value.errno == errno.EBADF
    until(lambda: not second.away)
    assert used(second) == OBJECT


def test_a_monitor_that_is_away(fragile: OwnCephLab, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes no longer than the limit, and is not waited for again at once."""
    image = fragile.image(SIZE)
    medium, patient = make(fragile, image, limit=1), make(fragile, image, limit=1)
    assert medium.space()[0] == patient.space()[0] == 0
    fragile.kill("mon")
    until(lambda: failure(medium) == errno.ETIMEDOUT)
    with monkeypatch.context() as patch:
        patch.setattr(rbd, "FRESH", 1e6)
        assert failure(patient) == errno.ETIMEDOUT
    fragile.begin("mon")
    until(lambda: failure(medium) is None)
    assert failure(patient) == errno.ETIMEDOUT


def failure(medium: RbdMedium) -> int | None:
    try:
        medium.space()
    except OSError as error:
        return error.errno
    return None


def test_no_more_than_once_a_second(lab: CephLab, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    medium = make(lab, lab.image(SIZE))
    with monkeypatch.context() as patch:
        patch.setattr(rbd, "FRESH", 1e6)
        assert used(medium) == 0
    write(medium, 0)
    other = make(lab, medium.url.removeprefix("rbd:"))
    until(lambda: used(other) == OBJECT)
    assert used(medium) == 0


def resources(bench: Bench) -> list[int]:
    """Those of the disk's threshold descriptors."""
    page = parse_mode10(
        bench.good(
            cdb.ModeSense10.build(
                page_code=ModePage.INFORMATIONAL_EXCEPTIONS_CONTROL, subpage_code=2, allocation_length=255
            )
        )
    ).pages[0]
    return [int(each.threshold_resource) for each in page.descriptors]


def log_page(bench: Bench) -> dict[int, int]:
    """Threshold sets of each resource."""
    asked = cdb.LogSense.build(pc=1, page_code=LogPage.LOGICAL_BLOCK_PROVISIONING, allocation_length=255)
    return {
        each.parameter_code: int(each.resource_count) for each in parse_log_page(bench.good(asked)).parameters
    }


def test_a_thin_disk_without_a_manager(lab: CephLab, make: Make) -> None:
    """Nobody has counted what is available, so that is not told; what is used is."""
    medium = make(lab, lab.image(SIZE))
    with Bench(ThinDisk(medium)) as bench:
        assert resources(bench) == [USED]
        write(medium, 0)
        until(lambda: log_page(bench) == {USED: OBJECT // MIB})


def test_a_thin_disk_on_a_cluster_that_counts(fragile: OwnCephLab, make: Make) -> None:
    """As ``ceph df`` says; a quota of the pool is no more than that; what has its data in another pool asks for that one."""
    if why := fragile.manage():
        pytest.skip(why)
    medium = make(fragile, fragile.image(SIZE))
    until(lambda: medium.space()[1])
    with Bench(ThinDisk(medium)) as bench:
        assert resources(bench) == [AVAILABLE, USED]
        assert 0 < log_page(bench)[AVAILABLE] <= FULL_RATIO * 4096
    fragile.run("ceph", "osd", "pool", "set-quota", "rbd", "max_bytes", 64 * MIB)
    until(lambda: 0 < (medium.space()[1] or 0) <= 64 * MIB)
    fragile.run("ceph", "osd", "pool", "create", "data", 8)
    elsewhere = make(fragile, fragile.image(SIZE, "--data-pool=data"))
    until(lambda: (elsewhere.space()[1] or 0) > 64 * MIB)


DF = {"stats": {"total_bytes": 1 << 32}, "pools": []}
"""Of ``ceph df detail --format json``, Ceph 16.2, what is looked at."""


@pytest.mark.parametrize(
    ("quota", "stored", "left"),
    [(0, 0, 1000), (0, 5000, 1000), (500, 100, 400), (5000, 100, 1000), (500, 600, 0)],
)
def test_what_is_made_of_ceph_df(quota: int, stored: int, left: int) -> None:
    pool = {"id": 2, "stats": {"max_avail": 1000, "quota_bytes": quota, "stored": stored}}
    assert rbd._available({**DF, "pools": [{"id": 1, "stats": {}}, pool]}, 2) == left
    assert rbd._available({**DF, "pools": [pool]}, 3) is None
    assert rbd._available({"stats": {"total_bytes": 0}, "pools": [pool]}, 2) is None
