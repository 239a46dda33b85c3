"""Both engines answer the corpus as they did when its answers were accepted; the native path as the engine does."""

from __future__ import annotations

import itertools
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

import corpus
import corpus_target
from corpus_alone import alone
from corpus_target_machine import Machine

GROUPS = corpus.groups()
NATIVE = ["native" in given for _, count, given in corpus_target.FAMILIES for _ in range(count)]
"""Which of them are on a medium in C: the lane begins most of their commands."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Hostile sequences make log lines by the thousand."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def is_aborted(line: str) -> bool:
    """Whether a client was answered TASK ABORTED."""
    answer = line.partition(" tag ")[2].partition(" ")[2]
    return line.startswith("<") and answer[:2] == "c1" and answer[38:40] == "40"


def in_any_order(lines: list[str]) -> list[str]:
    """Tasks that are aborted together are answered in no order that SAM knows of: here in one of their own."""
    found: list[str] = []
    for aborted, group in itertools.groupby(lines, is_aborted):
        together = list(group)
        found += sorted(together) if aborted else together
    return found


def natively(at: int) -> bool:
    """Whether the target's sequence of that number is played on its native path too: a third, and all of a medium in C."""
    return at % 12 < 4 or NATIVE[at]


@pytest.mark.parametrize(
    ("engine", "number"),
    [(engine, number) for engine, found in GROUPS.items() for number in range(len(found))],
)
def test_the_answers_are_those_that_were_accepted(engine: str, number: int) -> None:
    """And those of the native path, where the engine's have just been seen."""
    accepted = json.loads(corpus.ANSWERS.read_text())[engine]
    assert len(accepted) == len(GROUPS[engine]), "sequences were added or taken away: corpus.py accept"
    played = [(name, play()) for name, play in GROUPS[engine][number]]
    assert corpus.digest(played) == accepted[number], (
        "an engine answers otherwise than before: `.venv/bin/python tests/corpus/corpus.py explain` shows the first difference. "
        "If it is meant, `.venv/bin/python tests/corpus/corpus.py accept`, and the commit says why."
    )
    if engine == "target":
        for at, ((name, lines), (_, play)) in enumerate(zip(played, GROUPS[engine][number], strict=True)):
            if natively(corpus.GROUP * number + at):
                assert in_any_order(play(fast=True)) == in_any_order(lines), f"the native path: {name}"


def test_who_is_alone_over_a_native_medium_changes_no_answer() -> None:
    """COMPARE AND WRITE waits for all that the native lane has under way, the engine for what is at the same blocks: so other
    commands may be over first. But what conflicts comes in the order of arrival both ways: the same answers, the same disks.
    """
    others = 0
    for number in range(36):
        played = []
        for fast in False, True:
            machine = Machine(fast=fast, native=True)
            alone(machine, Random(f"alone {number}"), number)
            machine.close()
            played.append(machine.lines)
        slow, fast_ones = (sorted(line for line in lines if line[0] != ">") for lines in played)
        assert slow == fast_ones, number
        others += played[0] != played[1]
    assert others, "some are in another order"


def test_a_difference_is_explained_by_the_answer_that_differs() -> None:
    name, play = corpus_target.sequences()[300]
    lines = play()
    at = next(i for i, line in enumerate(lines) if line.startswith("<"))
    other = [*lines[:at], "< A c1", *lines[at + 1 :]]
    text = corpus.first_difference(lines, other)
    assert f"line {at}" in text
    assert lines[at] in text
    assert "now:    < A c1" in text


@pytest.fixture
def one_sequence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus of one sequence, whose accepted answers are others."""
    monkeypatch.setattr(corpus, "groups", lambda: {"target": [[("one", lambda: ["< B"])]]})
    monkeypatch.setattr(corpus, "ANSWERS", tmp_path / "answers.json")
    corpus.ANSWERS.write_text(json.dumps({"target": [corpus.digest([("one", ["< A"])])]}))


@pytest.mark.usefixtures("one_sequence")
@pytest.mark.parametrize("then", ["< A", "< B"])
def test_who_has_committed_the_change_is_told_of_an_earlier_commit(
    then: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(corpus, "lines_of", lambda base: [("target", "one", [then])])
    monkeypatch.setattr(corpus, "accepted_by", lambda: "1234567")
    assert corpus.explain("HEAD", 5) == 1
    said = capsys.readouterr().out
    if then == "< A":
        assert "now:    < B" in said
        assert "--base" not in said
    else:
        assert "0 sequences differ from HEAD" in said
        assert "python tests/corpus/corpus.py explain --base 1234567" in said.replace(
            Path(sys.executable).name, "python"
        )


def test_a_revision_whose_build_was_cut_off_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, installed = tmp_path / "build/corpus/0123456789ab", []

    def run(words: list[str], **_: Any) -> SimpleNamespace:
        if "venv" in words:
            (tree / ".venv/bin").mkdir(parents=True)
            (tree / ".venv/bin/python").touch()
        if "pip" in words:
            installed.append(words)
            if len(installed) == 1:
                raise KeyboardInterrupt
        return SimpleNamespace(stdout="0123456789abcdef\n")

    monkeypatch.setattr(corpus, "ROOT", tmp_path)
    monkeypatch.setattr(corpus.subprocess, "run", run)
    played = SimpleNamespace(stdout=['["target", "one", []]\n'], wait=lambda: 0)
    monkeypatch.setattr(corpus.subprocess, "Popen", lambda *_, **__: played)
    with pytest.raises(KeyboardInterrupt):
        list(corpus.lines_of("HEAD"))
    for _ in range(2):
        assert list(corpus.lines_of("HEAD")) == [("target", "one", [])]
    assert len(installed) == 2
