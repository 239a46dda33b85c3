"""A long time: nothing grows, no credit is lost, all data is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from system_rig import MIB, Child, resident
from waiting import PATIENCE, until

WARM_UP = 4
"""Rounds in which caches, pools and free lists fill."""

GROWTH = 4 * MIB
"""Bytes by which a process may grow after that; a leak of a hundred bytes a command would be more."""


def soak(url: str, folder: Path, child: Callable[..., Child], rounds: int, fast: int, slow: int) -> int:
    """Run it, in two processes; how many commands there were."""
    with (folder / "disk").open("wb") as file:
        file.truncate(16 * MIB)
    server = child("system_server.py", url, folder / "disk")
    assert server.line() == "ready"
    client = child("system_soak.py", url, rounds, fast, slow)
    sizes = []
    for _ in range(rounds):
        report = client.line()
        assert report, "the client has died"
        assert (report["credits"], report["debits"], report["logins"]) == (128, 0, 1)

        def quiet() -> bool:
            server.tell("how are you?")
            return bool(server.line() == [[0, 0]])

        until(quiet, "requests that nobody answers")
        sizes.append((report["resident"], resident(server.process.pid)))
        client.tell("go on")
    assert client.line() is None
    assert client.process.wait(PATIENCE) == 0
    for of_one in zip(*sizes[WARM_UP:], strict=True):
        assert max(of_one) - of_one[0] < GROWTH, sizes
    return int(report["done"])


@pytest.mark.slow
def test_a_million_commands(url: str, tmp_path: Path, child: Callable[..., Child]) -> None:
    assert soak(url, tmp_path, child, rounds=25, fast=40000, slow=800) >= 1_000_000


def test_commands_one_by_one(url: str, tmp_path: Path, child: Callable[..., Child]) -> None:
    assert soak(url, tmp_path, child, rounds=20, fast=0, slow=2000) >= 40_000
