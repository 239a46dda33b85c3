"""The tutorials, followed line by line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ceph_lab
from documents import blocks, follow, steps

pytest.importorskip("click")

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    *sorted((DOCS / "tutorials").glob("*.md")),
    DOCS / "explanation" / "words.md",
    DOCS / "diagnostics.md",
]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_is_true(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with around(page, monkeypatch):
        assert follow(page, tmp_path) > 1


@contextmanager
def around(page: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a page takes for granted: a cluster."""
    if page.stem != "cluster":
        yield
        return
    lab = ceph_lab.shared()
    monkeypatch.setenv("CEPH_CONF", str(lab.conf))
    with lab.inside():
        yield


def test_every_block_of_a_tutorial_is_run() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.file or block.kind in ("console", "pycon"), f"{page.name}:{block.line}"


def page(folder: Path, text: str) -> Path:
    there = folder / "page.md"
    there.write_text(text)
    return there


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```console\n$ echo one\ntwo\n```\n", "page.md:2: echo one"),
        ("```console\n$ true\n$ false\n```\n", "exit status 1"),
        ("```pycon\n>>> 1 + 1\n3\n\n```\n", "Expected:\n    3\nGot:\n    2"),
        ("```console\n$ exit 3\n```\n", "the shell has ended"),
    ],
)
def test_a_page_that_lies_is_found(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as problem:
        follow(page(tmp_path, text), tmp_path)
    assert said in str(problem.value)


def test_blocks_share_what_they_make(tmp_path: Path) -> None:
    text = (
        "```{code-block} python\n:caption: made.py\n\nVALUE = 7\n```\n"
        "```console\n$ ONE=1 TWO=$(\n> echo 2)\n$ echo $ONE$TWO; sleep 600 &\n12\n```\n"
        "```pycon\n>>> from made import VALUE\n\n```\n```pycon\n>>> VALUE\n7\n\n```\n"
    )
    assert follow(page(tmp_path, text), tmp_path) == 5
    assert [typed for typed, _, _ in steps("$ a\n> b\nc\n$ d\n")] == ["a\nb\n", "d\n"]
