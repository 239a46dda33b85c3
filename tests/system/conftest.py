"""Fixtures: see system_rig."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from system_rig import Child


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where a server of this test listens."""
    return f"unix:{tmp_path}/vscsi"


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    """Starts scripts in processes of their own, and ends them."""
    children: list[Child] = []

    def start(script: str, *arguments: object) -> Child:
        children.append(Child(script, *arguments))
        return children[-1]

    yield start
    for each in children:
        each.close()
