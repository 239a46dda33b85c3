"""How tests wait for something that another thread or process does: until it is so, however long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds after which a test that waits gives up: none depends on it but one that fails."""


def until(condition: Callable[[], T], what: str = "it did not happen") -> T:
    """Look again and again until something is so; what it is."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.001)
    return found
