"""Fixtures: see target_rig."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from target_rig import MIB, Rig


@pytest.fixture
def make() -> Iterator[Callable[..., Rig]]:
    """Makes rigs, and takes them down."""
    rigs: list[Rig] = []

    def build(*args: Any, **keywords: Any) -> Rig:
        rigs.append(Rig(*args, **keywords))
        return rigs[-1]

    yield build
    for rig in rigs:
        rig.close()


@pytest.fixture
def disk() -> Disk:
    return Disk(Ram(4 * MIB))


@pytest.fixture
def rig(make: Callable[..., Rig], disk: Disk) -> Rig:
    """One disk of 4 MiB at LUN 256, enabled and logged in without datagrams."""
    rig = make(LunMap([(256, disk)]))
    rig.login()
    return rig
