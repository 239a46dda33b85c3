"""A slow reference for codecs: the standards' tables as rows of bits, most significant first; and what every class has to bear.

A row is ``name.bits`` or ``name:bytes``, one behind the other as the standard prints them; ``-`` is reserved.
Nothing here knows an offset: a field that moved in a table moves every field behind it.
"""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from pysrp.errors import DecodeError, EncodeError
from pysrp.fields import Int, Structure

CAPTURES = Path(__file__).parent.parent / "vectors" / "captures"


def rows_of(text: str) -> list[tuple[str, int]]:
    """(name, bits) of each row."""
    rows = []
    for token in text.split():
        name, colon, size = token.partition(":")
        if colon:
            rows.append((name, 8 * int(size)))
        else:
            name, _, size = token.partition(".")
            rows.append((name, int(size or 1)))
    assert sum(bits for _, bits in rows) % 8 == 0, text
    return rows


def size_of(text: str) -> int:
    return sum(bits for _, bits in rows_of(text)) // 8


def reference_decode(text: str, data: bytes) -> dict[str, int]:
    stream = "".join(f"{byte:08b}" for byte in data)
    values = {}
    for name, bits in rows_of(text):
        if name != "-":
            values[name] = int(stream[:bits], 2)
        stream = stream[bits:]
    return values


def reference_encode(text: str, values: dict[str, int]) -> bytes:
    stream = "".join(f"{values.get(name, 0):0{bits}b}" for name, bits in rows_of(text))
    return bytes(int(stream[i : i + 8], 2) for i in range(0, len(stream), 8))


def classes_of(module: Any) -> list[type[Structure]]:
    """Every structure that a module offers, bases without a table left out."""
    found = [getattr(module, name) for name in module.__all__]
    return [c for c in found if isinstance(c, type) and issubclass(c, Structure) and c.FIELDS]


def check_table(cls: type[Structure], text: str, data: bytes) -> None:
    """``cls`` reads ``data`` and builds from its values exactly as the rows say."""
    fields = {f.name: f for f in cls.FIELDS if not f.variable and not f.reserved}
    expected = reference_decode(text, data)
    assert set(fields) == set(expected)
    view = cls(data)
    given_values: dict[str, Any] = {}
    for name, value in expected.items():
        if isinstance(fields[name], Int):
            assert int(getattr(view, name)) == value, name
            given_values[name] = value
        else:
            raw = bytes(view.raw(name))
            assert int.from_bytes(raw, "big") == value, name
            size = dict(rows_of(text))[name] // 8
            given_values[name] = value.to_bytes(size, "big")
            if name == "version_descriptors":
                given_values[name] = struct.unpack(">8H", given_values[name])
    wanted = reference_encode(text, expected)
    assert bytes(cls.build(**given_values))[: len(wanted)] == wanted
    for name in expected:
        changed = cls.build(**given_values)
        if isinstance(fields[name], Int):
            ones = (1 << dict(rows_of(text))[name]) - 1
            setattr(changed, name, ones)
            assert bytes(changed)[: len(wanted)] == reference_encode(text, {**expected, name: ones}), name


def check_view(view: Any) -> None:
    """Whatever the bytes: every way to look at a view works or raises DecodeError, and it can be rebuilt."""
    cls = type(view)
    names = [f.name for f in cls.FIELDS]
    names += [n for n in dir(cls) if isinstance(getattr(cls, n), property)]
    for name in names:
        with suppress(DecodeError):
            getattr(view, name)
    for look in (view.extent, view.trim, view.copy, view.show, view.problems, lambda: repr(view)):
        with suppress(DecodeError):
            look()
    fields = view.to_dict()
    assert bytes(cls.build(**fields)) == bytes(view)
    room = bytearray(len(view) + 3)
    assert cls.pack_into(room, 2, **fields) == len(view)
    assert bytes(room) == bytes(2) + bytes(view) + bytes(1)
    with pytest.raises(EncodeError):
        cls.pack_into(bytearray(len(view)), 1, **fields)


#: Random bytes, and bytes that look more like the small numbers of real data.
noise = st.one_of(
    st.binary(max_size=80), st.lists(st.sampled_from([0, 0, 0, 1, 2, 4, 8, 16, 255]), max_size=120).map(bytes)
)


def data_records(*words: str) -> list[tuple[str, bytes]]:
    """(note, bytes) of the captured data whose note has one of the words."""
    found = []
    for path in sorted(CAPTURES.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            whole = record["what"] == "data" and not record.get("truncated")
            if whole and any(word in record["note"] for word in words):
                found.append((record["note"], bytes.fromhex(record["hex"])))
    return found


def check_capture(view: Any, data: bytes) -> None:
    """Real data: rebuilt byte for byte, and no problem but that an allocation length cut it short."""
    assert bytes(type(view).build(**view.to_dict())) == data
    assert [p for p in view.problems() if not p.message.startswith("claims")] == []
    for problem in view.problems():
        assert problem.message.endswith(f"{len(data) - problem.offset} there")
