"""Every wire field of the protocols says what its value decides, and says more than its name does."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("click")

from pysrp.cli.fields import everything
from pysrp.fields import Field, Structure
from pysrp.scsi import texts

FIELDS = [(cls, f) for cls in everything() for f in cls.FIELDS if not f.reserved]
BASES = texts.CDB, texts.DATA
"""What the other tables begin with."""
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


def test_every_field_has_a_text() -> None:
    assert len(FIELDS) > 2000
    assert [f"{cls.__module__}.{cls.__name__}.{f.name}" for cls, f in FIELDS if not f.doc] == []


def test_no_text_only_repeats_the_name() -> None:
    told = [(cls, f) for cls, f in FIELDS if f.doc]
    assert [f"{cls.__name__}.{f.name}: {f.doc}" for cls, f in told if repeats(f)] == []
    # Wireshark and `pysrp fields` show a text in one line.
    assert [f.doc for _, f in told if "\n" in f.doc or f.doc != f.doc.strip() or f.doc.endswith(".")] == []


@pytest.mark.parametrize("table", texts.__all__)
def test_every_shared_text_is_somebodys(table: str) -> None:
    shared = getattr(texts, table)
    own = dict(set(shared.items()) - set().union(*(base.items() for base in BASES if base is not shared)))
    assert own
    used = {(f.name, f.doc) for _, f in FIELDS}
    assert set(own.items()) - used == set()


def test_a_text_of_a_field_goes_before_a_shared_one() -> None:
    class Shared(Structure):
        __slots__ = ()
        TEXTS = {"length": "Bytes that follow", "kind": "What follows"}

    class Header(Shared):
        __slots__ = ()
        length = Field(0, 1)
        kind = Field(1, 1, doc="0 nothing, 1 something")
        other = Field(2, 1)

    assert [f.doc for f in (Header.length, Header.kind, Header.other)] == [
        "Bytes that follow",
        "0 nothing, 1 something",
        "",
    ]


def test_a_text_that_repeats_is_found() -> None:
    class Header(Structure):
        __slots__ = ()
        data_length = Field(0, 1, doc="The data length of this field")
        data_units = Field(1, 1, doc="How many blocks follow")

    assert repeats(Header.data_length)
    assert not repeats(Header.data_units)
