"""Disks that come and go in one session: a medium that no LUN has any more loses its channel, and nothing is left of it."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from medium_by_hand import HandMedium
from pysrp.media.file import FileMedium
from pysrp.target.disk import Disk
from target_rig import MIB
from test_lane_media import Scene, close
from waiting import until


@pytest.fixture(params=[True, False], ids=["lane", "engine"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    scene = Scene(HandMedium(MIB), fast=request.param)
    yield scene
    scene.close()
    close(scene.medium)


def test_a_medium_that_no_lun_has_any_more_loses_its_channel(scene: Scene) -> None:
    client, media = scene.client, scene.target.mover.media
    gone = []
    for number in range(8):
        medium = HandMedium(MIB)
        gone.append(medium)
        scene.luns.add(1, Disk(medium, f"disk {number}"))
        tags = [client.read(1, 0, 1), client.read(1, 1, 1)]
        scene.run()
        for tag in tags:
            if medium.waiting:
                assert medium.finish()
                scene.run()
            client.answer(tag)
        assert medium.channels == 1
        scene.luns.remove(1)
        scene.run()
        assert medium.channels == 0
        assert list(media._channels) == [scene.medium]
    assert scene.medium.channels == 1
    for medium in gone:
        close(medium)


def test_a_medium_that_no_lun_has_any_more_keeps_its_channel_for_what_is_under_way(scene: Scene) -> None:
    """Of two units, the one that stays has it still; what takes several requests has all of them."""
    client, medium = scene.client, scene.medium
    scene.luns.add(1, Disk(medium, "another one"))
    scene.run()
    scene.luns.remove(1)
    scene.run()
    assert medium.channels == 1
    scene.disk.forget(scene.session.nexus, 0x3F, 0x0E)
    medium.content[:1024] = b"a" * 512 + b"b" * 512
    medium.set(most=512)
    tag = client.read(256, 0, 2)
    scene.run()
    other = HandMedium(MIB)
    scene.luns.replace(256, Disk(other, "other"), attention=False)
    scene.run()
    scene.finish()
    assert medium.channels == 1
    assert scene.silent(tag)
    scene.finish()
    scene.good(tag)
    assert client.peek(1024) == medium.content[:1024]
    scene.run()
    assert medium.channels == 0
    assert not medium.waiting
    scene.close()
    close(other)


def test_disks_come_and_go_and_leave_no_threads_and_descriptors(scene: Scene, tmp_path: Path) -> None:

    def come_and_go(number: int) -> None:
        medium = FileMedium(tmp_path / f"{number}", MIB, direct=True)
        scene.luns.add(1, Disk(medium, f"disk {number}"))
        for _ in range(3):  # of which the first may be told that there are other LUNs
            scene.client.answers.clear()
            scene.client.read(1, 0, 1)
            scene.run()
            scene.settle(lambda: bool(scene.client.answers))
        scene.luns.remove(1)
        scene.run()
        medium.close()

    def left() -> tuple[int, int]:
        return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

    come_and_go(0)
    gc.collect()
    before = left()
    for number in range(1, 9):
        come_and_go(number)
    until(lambda: all(now <= then for now, then in zip(left(), before, strict=True)))
