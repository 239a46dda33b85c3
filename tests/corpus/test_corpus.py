"""Both engines answer the corpus as they did when its answers were accepted; the native path as the engine does."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

import corpus
import corpus_target

GROUPS = corpus.groups()
TARGET = corpus_target.sequences()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Hostile sequences make log lines by the thousand."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    ("engine", "number"),
    [(engine, number) for engine, found in GROUPS.items() for number in range(len(found))],
)
def test_the_answers_are_those_that_were_accepted(engine: str, number: int) -> None:
    accepted = json.loads(corpus.ANSWERS.read_text())[engine]
    assert len(accepted) == len(GROUPS[engine]), "sequences were added or taken away: corpus.py accept"
    assert corpus.digest(GROUPS[engine][number]) == accepted[number], (
        "an engine answers otherwise than before: `python tests/corpus/corpus.py explain` shows the first difference. "
        "If it is meant, `python tests/corpus/corpus.py accept`, and the commit says why."
    )


@pytest.mark.parametrize("start", range(4))
def test_the_native_path_answers_as_the_engine(start: int) -> None:
    for name, play in TARGET[start::12]:
        assert play(fast=True) == play(fast=False), name


def test_a_difference_is_explained_by_the_answer_that_differs() -> None:
    name, play = TARGET[300]
    lines = play()
    at = next(i for i, line in enumerate(lines) if line.startswith("<"))
    other = [*lines[:at], "< A c1", *lines[at + 1 :]]
    text = corpus.first_difference(lines, other)
    assert f"line {at}" in text
    assert lines[at] in text
    assert "now:    < A c1" in text
