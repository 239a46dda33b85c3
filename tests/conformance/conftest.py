"""One unit of each kind for all tests of a module that come one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance_rig import KINDS, Unit, unit


@pytest.fixture(scope="module", params=KINDS, ids=str)
def disk(request: pytest.FixtureRequest) -> Iterator[Unit]:
    """A unit of each kind: whatever a test does to it, it undoes."""
    with tempfile.TemporaryDirectory() as folder, unit(request.param, Path(folder)) as found:
        yield found
