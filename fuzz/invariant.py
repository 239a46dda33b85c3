"""The invariant of every parser, in one place.

For any bytes whatever, a parser returns a view or raises DecodeError; on a view, every field, ``show()``,
``repr()``, ``problems()``, ``to_dict()``, ``trailing`` and ``trim()`` give a value or raise DecodeError; the
fields of ``to_dict()`` rebuild the bytes; the same holds for views over writable memory, and writing a field's
own value back changes nothing. Nothing outside the bytes is read or written (the sanitizers watch that: so the bytes
are in memory that ends with them, which that of ``bytes`` and ``bytearray`` does not, as a 0 follows them).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from pysrp.errors import DecodeError
from pysrp.fields import Int, View


def check(parse: Callable[[Any], View], data: bytes) -> None:
    """Raise AssertionError, or whatever else came out, if ``data`` breaks the invariant."""
    try:
        view = parse(memoryview(exact(data)).toreadonly())
    except DecodeError:
        return
    look(view)
    rebuilt = type(view).build(**view.to_dict())
    assert bytes(rebuilt) == bytes(view), (bytes(view).hex(), bytes(rebuilt).hex())
    memory = exact(data)
    writable = parse(memory)
    for field in writable.FIELDS:
        if isinstance(field, Int) and not writable.readonly:
            try:
                setattr(writable, field.name, int(getattr(writable, field.name)))
            except DecodeError:
                continue
    assert memory.tobytes() == data


def exact(data: bytes) -> array[int]:
    """Memory of its own with these bytes, and not one more: a copy of an array has no room to grow."""
    return array("B", data)[:]


def look(view: View) -> None:
    """Touch everything a view offers."""
    for field in view.FIELDS:
        try:
            value = getattr(view, field.name)
        except DecodeError:
            continue
        if isinstance(value, memoryview):
            bytes(value)
        elif isinstance(value, View):
            look(value)
    for name in dir(type(view)):
        if isinstance(getattr(type(view), name, None), property):
            try:
                getattr(view, name)
            except DecodeError:
                continue
    view.show()
    repr(view)
    view.problems()
    view.to_dict()
    for touch in (view.extent, view.trim, lambda: view.trailing):
        try:
            touch()
        except DecodeError:
            continue
