"""Benchmarks whose round is a run of many commands, recorded as the time of one.

pytest-benchmark takes the time of a round. Where a round is a run of fixed length, or rows of a group do different
amounts of work in one, that time compares nothing. Rows that are marked with :func:`each` are timed by a clock that
stands still but for what :func:`record` is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

_now = 0.0


def counted() -> float:
    """The timer of such rows, in seconds."""
    return _now


def each(group: str | None = None) -> pytest.MarkDecorator:
    """A row whose figures are the time of one command, element or whatever :func:`record` is told of."""
    return pytest.mark.benchmark(timer=counted, **({"group": group} if group else {}))


def record(benchmark: Any, run: Callable[[], T], seconds: Callable[[T], float], rounds: int) -> list[T]:
    """Run ``rounds`` times; ``seconds`` says what one command took in a run. All runs' results."""
    runs: list[T] = []

    def once() -> None:
        global _now
        runs.append(run())
        _now += seconds(runs[-1])

    benchmark.pedantic(once, rounds=rounds, iterations=1)
    return runs


def stopwatch(call: Callable[[], object], count: int) -> Callable[[], float]:
    """``call`` as a run for :func:`record`: the seconds that each of its ``count`` elements took."""

    def run() -> float:
        start = time.perf_counter()
        call()
        return (time.perf_counter() - start) / count

    return run
