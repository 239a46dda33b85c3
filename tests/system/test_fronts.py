"""The short ways in: ``from pysrp.initiator import Session``, ``from pysrp.target import Server``, ``python -m pysrp``."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

import pysrp.initiator
import pysrp.target
from pysrp import __version__
from pysrp.backends import Ram

FRONTS = pytest.mark.parametrize("front", [pysrp.initiator, pysrp.target], ids=lambda front: front.__name__)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60)


def test_a_disk_is_served_and_read() -> None:
    from pysrp.initiator import Session
    from pysrp.target import Disk, LunMap, Server

    with (
        Server("local:fronts", LunMap([(256, Disk(Ram(1 << 20), "front"))])),
        Session("local:fronts") as session,
    ):
        (disk,) = session.scan()
        disk.write(3, b"front".ljust(512))
        assert bytes(disk.read(3, 1)).startswith(b"front")


@FRONTS
def test_every_name_is_that_of_its_home(front: ModuleType) -> None:
    assert front._HOMES.keys() == set(front.__all__)
    for name, home in front._HOMES.items():
        module = importlib.import_module(f"{front.__name__}.{home}")
        assert getattr(front, name) is getattr(module, name)
        assert name in module.__all__
        assert name in dir(front)
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        front.Nobody  # noqa: B018


@pytest.mark.parametrize(
    "engine",
    [
        "pysrp.initiator.srp_session",
        "pysrp.vscsi.client",
        "pysrp.target.engine",
        "pysrp.initiator",
        "pysrp.target",
    ],
)
def test_an_engine_loads_no_driver(engine: str) -> None:
    ran = python("-c", f"import sys, {engine}; print(*sys.modules)")
    loaded = set(ran.stdout.split())
    assert engine in loaded
    assert not loaded & {"pysrp.initiator.turns", "pysrp.initiator.session", "pysrp.target.serve", "asyncio"}


@pytest.mark.parametrize("module", ["pysrp", "pysrp.cli"])
def test_the_command_line_is_a_module(module: str) -> None:
    assert python("-m", module, "--version").stdout == f"pysrp, version {__version__}\n"
    assert "Usage: pysrp" in python("-m", module, "--help").stdout
