"""How tests see that nothing stays open."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator


@contextlib.contextmanager
def none_left() -> Iterator[None]:
    """Fails when the block leaves a descriptor open that was not open before.

    The collector runs before the block and not in it. So what earlier tests left cannot go meanwhile, and what the
    block leaves to the collector counts as open. A descriptor that another thread closes meanwhile is no leak.
    """
    gc.collect()
    gc.disable()
    try:
        before = open_ones()
        yield
        assert open_ones() <= before
    finally:
        gc.enable()


def open_ones() -> set[str]:
    """The numbers of this process's open descriptors, one of them for the question."""
    return set(os.listdir("/proc/self/fd"))
