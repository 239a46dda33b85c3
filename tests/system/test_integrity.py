"""Nothing that was acknowledged is lost, and nothing is read that was never written: on every medium, whatever happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrity import BLOCK, Wrong
from integrity_rig import BLOCKS, Field
from system_rig import Child

ROUNDS = int(os.environ.get("PYSRP_SOAK_ROUNDS", "10"))
"""How often somebody is killed; make soak has more of them."""

SIZE = BLOCKS * BLOCK
MEDIA = {
    "ram": "ram:{size}",
    "file": "file:{folder}/disk?size={size}",
    "file past the cache": "file:{folder}/disk?size={size}&direct=1",
    "fault": "fault:seed=3:delay,uniform=0us-2ms,probability=0.2:file:{folder}/disk?size={size}",
    "late": "late:{size}",
    "c": "c:{size}",
    "power-cut": "power-cut:seed=5:file:{folder}/disk?size={size}",
}
Begin = Callable[..., Field]


@pytest.fixture
def begin(tmp_path: Path, child: Callable[..., Child]) -> Iterator[Begin]:
    """Begin with these media, by their names or URLs."""
    fields: list[Field] = []

    def begin(*media: str, **more: Any) -> Field:
        urls = [MEDIA.get(each, each).format(folder=tmp_path, size=SIZE) for each in media]
        fields.append(Field(child, tmp_path, urls, **more))
        return fields[-1]

    yield begin
    for field in fields:
        field.close()


@pytest.mark.parametrize("medium", MEDIA)
def test_whatever_happens(medium: str, begin: Begin) -> None:
    """Aborts, resets, reservations, workloads; meanwhile disks are plugged, clients die, media fail."""
    field = begin(medium, "ram", seed=1)
    events: list[Any] = [None, field.replug, field.kill_clients, field.replug]
    if medium == "fault":
        events += [field.fail] * 4
    for happens in events:
        field.round(60, happens)
    field.check()
    counts = field.history.counts
    assert min(counts["done"], counts["over"], counts["refused"], counts["flushed"]) > 5, counts


@pytest.mark.parametrize("medium", ["file", "power-cut"])
def test_server_and_clients_are_killed_again_and_again(medium: str, begin: Begin) -> None:
    """kill -9 at any moment; for the second medium that is a power cut."""
    field = begin(medium, seed=2, loses_power=medium == "power-cut")
    for number in range(ROUNDS):
        field.round(40, field.kill_clients if number % 3 == 2 else field.kill_server)
    field.check()


def found(look: Callable[[], None]) -> str:
    """What is wrong, when somebody has looked often enough."""
    for _ in range(20):
        try:
            look()
        except Wrong as wrong:
            return str(wrong)
    raise AssertionError("nothing was found")


PLANTED = {
    "a write is lost": ("fault:lost,probability=0.05:ram:{size}", "sound"),
    "a write is torn": ("fault:torn,probability=0.05:ram:{size}", "sound"),
    "half a block is written": ("fault:torn,probability=0.05,keep=256:ram:{size}", "sound"),
    "a write goes elsewhere": ("fault:misdirected,probability=0.05:ram:{size}", "sound"),
    "a read comes from elsewhere": ("fault:misdirected,op=read,probability=0.05:ram:{size}", "sound"),
    "an aborted write is overtaken": (
        "fault:delay,op=write,uniform=0us-5ms,probability=0.5:ram:{size}",
        "aborted_writes_are_overtaken",
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_fault_is_found(what: str, begin: Begin) -> None:
    medium, fault = PLANTED[what]
    field = begin(medium, seed=3, fault=fault, crews=1)

    def look() -> None:
        field.round(60)
        field.history.check()

    found(look)


LYING = {
    "flushes are lies of the medium": ("fault:lying:{medium}", "sound"),
    "SYNCHRONIZE CACHE flushes nothing": ("{medium}", "flush_is_a_lie"),
    "FUA is ignored": ("{medium}", "fua_is_ignored"),
}


@pytest.mark.parametrize("what", LYING)
def test_a_loss_of_what_was_flushed_is_found(what: str, begin: Begin) -> None:
    medium, fault = LYING[what]
    field = begin(medium.format(medium=MEDIA["power-cut"]), seed=4, fault=fault, loses_power=True)

    def look() -> None:
        field.round(40, field.kill_server)
        field.round(0, what="read")
        field.history.check()

    assert "lost" in found(look)
