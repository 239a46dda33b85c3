"""Benchmarks that run many commands in a round, and record the time of one command.

pytest-benchmark takes the time of a round. These times cannot be compared where a round has a fixed length, or where the
rows of a group do different amounts of work in a round. Rows marked with :func:`each` are timed by a clock that advances
only by the seconds that :func:`record` adds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

_now = 0.0


def counted() -> float:
    """The timer of the rows that :func:`each` marks, in seconds."""
    return _now


def each(group: str | None = None) -> pytest.MarkDecorator:
    """A row whose figures are the time of one command or element, as :func:`record` gets it."""
    return pytest.mark.benchmark(timer=counted, **({"group": group} if group else {}))


def record(benchmark: Any, run: Callable[[], T], seconds: Callable[[T], float], rounds: int) -> list[T]:
    """Run ``rounds`` times; returns all results. ``seconds`` gets a result, and returns the time of one command."""
    runs: list[T] = []

    def once() -> None:
        global _now
        runs.append(run())
        _now += seconds(runs[-1])

    benchmark.pedantic(once, rounds=rounds, iterations=1)
    return runs


def stopwatch(call: Callable[[], object], count: int) -> Callable[[], float]:
    """``call`` as a run for :func:`record`, which returns the seconds that each of ``count`` elements took."""

    def run() -> float:
        start = time.perf_counter()
        call()
        return (time.perf_counter() - start) / count

    return run
