"""Several threads at the same thing: what tests of free-threaded CPython do, and quickly where there is a GIL."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

THREADS = 4

GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()

ROUNDS = 20 if GIL else 300
"""How often a test does it again: with a GIL little can happen that has not been seen the first time."""


@contextmanager
def hasty() -> Iterator[None]:
    """A GIL changes hands as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Call all at the same time, each in a thread of its own; their results. Raises what the first one raised."""
    barrier = threading.Barrier(len(functions))
    results: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait()
            results[number] = functions[number]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(functions))]
    with hasty():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
    return results


def each(function: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """The same with one function of the thread's number."""
    return together(*(lambda number=number: function(number) for number in range(threads)))  # type: ignore[misc]
