"""A long time: nothing grows, no credit is lost, all data is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integrity import BLOCK
from integrity_rig import BLOCKS, KINDS, TARGET, Field
from system_rig import MIB, Child, resident
from waiting import until

WARM_UP = 4
"""Rounds in which caches, pools and free lists fill."""

GROWTH = 4 * MIB
"""Bytes by which a process may grow after that; a leak of a hundred bytes a command would be more."""


def soak(folder: Path, child: Callable[..., Child], rounds: int, commands: int, kinds: list[str]) -> int:
    """Run it, in two processes; how many commands there were."""
    disks = [f"file:{folder}/disk?size={BLOCKS * BLOCK}", f"ram:{BLOCKS * BLOCK}"]
    field = Field(child, folder, disks, seed=3, crews=1, clients=1, kinds=kinds)
    try:
        sizes, done = [], 0
        (crew,) = field.crews
        (session,) = field.tree.ls(f"{TARGET}/sessions")
        for _ in range(rounds):
            field.round(commands)
            size, (state,) = crew.states
            done = state.pop("commands")
            assert state == {"credits": 128, "debits": 0, "logins": 1}
            until(lambda: int(field.tree.read(f"{TARGET}/sessions/{session}/commands")) == 0)
            sizes.append((size, resident(field.server.process.pid)))
            field.round(0, what="read")
            field.history.forget()
        for of_one in zip(*sizes[WARM_UP:], strict=True):
            assert max(of_one) - of_one[0] < GROWTH, sizes
        return done
    finally:
        field.close()


@pytest.mark.slow
def test_a_million_commands(tmp_path: Path, child: Callable[..., Child]) -> None:
    assert soak(tmp_path, child, rounds=25, commands=40, kinds=["batch"]) >= 1_000_000


def test_commands_one_by_one(tmp_path: Path, child: Callable[..., Child]) -> None:
    assert (
        soak(tmp_path, child, rounds=20, commands=1800, kinds=[each for each in KINDS if each != "batch"])
        >= 40_000
    )
