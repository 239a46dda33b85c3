"""Who waits until tasks of some kind are over: each is told, whatever another one raises."""

from __future__ import annotations

from functools import partial

import pytest

from pysrp.target.management import Awaited


def test_what_one_raises_drops_no_other() -> None:
    under_way: list[str] = ["a", "b"]
    awaited = Awaited(lambda: under_way)  # type: ignore[arg-type, return-value]
    told: list[str] = []

    def fail() -> None:
        raise ValueError("of the first")

    awaited.when(lambda task: task == "a", fail)  # type: ignore[comparison-overlap]
    awaited.when(lambda task: task == "a", partial(told.append, "second"))  # type: ignore[comparison-overlap]
    awaited.when(lambda task: task == "b", partial(told.append, "third"))  # type: ignore[comparison-overlap]
    under_way.remove("a")
    with pytest.raises(ValueError, match="of the first"):
        awaited.tell()
    assert told == []
    awaited.tell()
    assert told == ["second"]
    under_way.clear()
    awaited.tell()
    assert told == ["second", "third"]
    assert not awaited.waiting


def test_who_is_told_may_tell() -> None:
    under_way: list[str] = ["a"]
    awaited = Awaited(lambda: under_way)  # type: ignore[arg-type, return-value]
    told: list[int] = []

    def tell() -> None:
        told.append(1)
        awaited.tell()

    awaited.when(bool, tell)
    awaited.when(bool, partial(told.append, 2))
    under_way.clear()
    awaited.tell()
    assert told == [1, 2]
