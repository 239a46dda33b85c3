"""Every wire field of the protocols says what its value decides, and says more than its name does."""

from __future__ import annotations

import re

import pytest

from pysrp.cli.fields import everything
from pysrp.fields import Field, Structure

FIELDS = [(cls, f) for cls in everything() for f in cls.FIELDS if not f.reserved]
TOLD = ["pysrp.crq", "pysrp.mad", "pysrp.srp"]
"""Modules whose fields all have a text."""
PLAIN = {
    "the",
    "a",
    "an",
    "of",
    "is",
    "in",
    "field",
    "value",
    "this",
    "number",
    "byte",
    "bytes",
    "bit",
    "bits",
    "its",
}


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def repeats(f: Field) -> bool:
    """Whether a text has no word that the name has not, but for words that say nothing."""
    return not words(f.doc) - words(f.name.replace("_", " ")) - PLAIN


@pytest.mark.parametrize("module", TOLD)
def test_every_field_has_a_text(module: str) -> None:
    there = [(cls, f) for cls, f in FIELDS if cls.__module__ == module]
    assert there
    assert [f"{cls.__name__}.{f.name}" for cls, f in there if not f.doc] == []


def test_no_text_only_repeats_the_name() -> None:
    told = [(cls, f) for cls, f in FIELDS if f.doc]
    assert [f"{cls.__name__}.{f.name}: {f.doc}" for cls, f in told if repeats(f)] == []
    # Wireshark and `pysrp fields` show a text in one line.
    assert [f.doc for _, f in told if "\n" in f.doc or f.doc != f.doc.strip() or f.doc.endswith(".")] == []


def test_a_text_that_repeats_is_found() -> None:
    class Header(Structure):
        __slots__ = ()
        data_length = Field(0, 1, doc="The data length of this field")
        data_units = Field(1, 1, doc="How many blocks follow")

    assert repeats(Header.data_length)
    assert not repeats(Header.data_units)
