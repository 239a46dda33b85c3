"""Random valid structures, and structures with one deliberate change: a field, a length, or a cut.

All of this follows from the field tables, so a user's own structure can be fuzzed, too. All of it is
reproducible: the same seed (or ``random.Random``) gives the same bytes::

    from pysrp import fuzz, srp

    cmd = fuzz.valid(srp.Cmd, random.Random(1))
    for bend in fuzz.bends(cmd):            # every field at every boundary value
        send(bend.data)
    mutator = fuzz.Mutator(seed=1)
    while True:
        send(mutator.mutate(cmd))           # one to three random bends

Hypothesis strategies are in :mod:`pysrp.fuzz.strategies`, a target to send the bytes to is in :mod:`pysrp.fuzz.inprocess`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntFlag
from random import Random
from typing import Any, NamedTuple

from pysrp import crq, mad, scsi, srp
from pysrp._fast.mutator import Bender
from pysrp._fast.srp import Descriptor
from pysrp.errors import DecodeError, EncodeError
from pysrp.fields import Array, Dispatch, Field, Int, List, LunField, Part, Raw, Struct, Structure, Text, View
from pysrp.lun import ACCESS_CONTROLS, REPORT_LUNS, TARGET_LOG_PAGES, Lun

__all__ = ["KINDS", "Bend", "Mutator", "bends", "boundaries", "valid"]

KINDS: dict[str, Any] = {
    "iu": srp.parse,
    "mad": mad.parse,
    "crq": crq.parse,
    "cdb": scsi.parse_cdb,
    "sense": scsi.parse_sense,
}
"""The usual targets of a fuzzer: kind of bytes, and its parser."""


class Bend(NamedTuple):
    """One deliberate change: the name of the field, its new value, and the resulting bytes."""

    field: str
    value: Any
    data: bytes


def boundaries(field: Int, value: int = 0) -> list[int]:
    """The values of an integer field at which programs break, and the neighbours of ``value``."""
    low, high = (
        (-(1 << field.width - 1), (1 << field.width - 1) - 1) if field.signed else (0, (1 << field.width) - 1)
    )
    near = [0, 1, high, high - 1, low, high >> 1, (high >> 1) + 1, value - 1, value + 1, value ^ 1]
    if field.enum is not None:
        near += [int(member) for member in field.enum]
    return [v for v in dict.fromkeys(near) if low <= v <= high]


# ---------------------------------------------------------------------------------------------
# Valid structures
# ---------------------------------------------------------------------------------------------


def _lun(rng: Random) -> Lun:
    method = rng.randrange(7)
    if method == 0:
        return Lun()
    if method == 1:
        return Lun.peripheral(rng.getrandbits(8))
    if method == 2:
        return Lun.flat(rng.getrandbits(14))
    if method == 3:
        return Lun.logical_unit(rng.getrandbits(6), rng.getrandbits(3), rng.getrandbits(5))
    if method == 4:
        return Lun.extended_flat(rng.getrandbits(24))
    if method == 5:
        return rng.choice([REPORT_LUNS, ACCESS_CONTROLS, TARGET_LOG_PAGES])
    return Lun.multi_level(*(rng.getrandbits(14) for _ in range(4)))


def _integer(field: Int, rng: Random) -> int:
    if field.enum is not None:
        member = int(rng.choice(list(field.enum)))
        return rng.choice([0, member]) if issubclass(field.enum, IntFlag) else member
    if rng.random() < 0.3:
        return rng.choice(boundaries(field))
    number = rng.getrandbits(field.width)
    return number - (1 << field.width - 1) if field.signed else number


def _part(part: Part, rng: Random) -> Any:
    if isinstance(part, Descriptor):
        entries = [(rng.getrandbits(40), rng.getrandbits(20)) for _ in range(rng.randrange(6))]
        return rng.choice([None, *entries[:1], entries])
    if isinstance(part, List):
        item = part.item
        classes = item.classes() if isinstance(item, Dispatch) else [item]
        return [bytes(valid(rng.choice(classes), rng)) for _ in range(rng.randrange(4))]
    return rng.randbytes(rng.choice([0, 1, 4, 18, rng.randrange(64)]) * min(part.unit, 16))


def _value(field: Field, rng: Random) -> Any:
    if isinstance(field, Int):
        return _integer(field, rng)
    if isinstance(field, LunField):
        return _lun(rng)
    if isinstance(field, Text):
        return "".join(chr(rng.randrange(0x21, 0x7F)) for _ in range(rng.randrange(field.size + 1)))
    if isinstance(field, Struct):
        return bytes(valid(field.cls, rng))
    if isinstance(field, Array):
        return [rng.getrandbits(8 * field.size // field.count) for _ in range(field.count)]
    if isinstance(field, Raw):
        return rng.randbytes(field.size)
    return _part(field, rng) if isinstance(field, Part) else None


def valid(cls: type[Structure], rng: Random, *, tries: int = 20) -> Structure:
    """A structure of ``cls`` with random contents, for which :meth:`problems` reports nothing.

    Fields that count or announce a part are set from the part. If no valid structure is found in ``tries`` random
    attempts, the result is that of ``cls.build()`` without arguments; if that is not valid either, a structure that
    is the same each time. Raises ValueError if there is none.
    """
    free = _free_fields(cls)
    for _ in range(tries):
        made = _attempt(cls, free, rng)
        if made is not None:
            return made
    made = cls.build()
    if not made.problems():
        return made
    steady = Random(cls.__name__)
    for _ in range(1000):
        made = _attempt(cls, free, steady)
        if made is not None:
            return made
    raise ValueError(f"found no valid {cls.__name__}")


def _free_fields(cls: type[Structure]) -> list[Field]:
    """The fields whose values can be chosen freely, that is, are not computed from other fields."""
    derived: set[Field] = set()
    for field in cls.FIELDS:
        if isinstance(field, Part):
            derived |= {f for f in (field.length, field.when) if isinstance(f, Int)}
            if isinstance(field, Descriptor):
                derived |= {field.format, field.entries}
    counted = {(f.offset, f.size) for f in derived}
    return [
        field
        for field in cls.FIELDS
        if not field.reserved
        and not (isinstance(field, Int) and (field.must is not None or field in derived))
        and (field.variable or (field.offset, field.size) not in counted)
        and not (isinstance(field, Part) and callable(field.length) and not isinstance(field, Descriptor))
    ]


def _attempt(cls: type[Structure], free: list[Field], rng: Random) -> Structure | None:
    """A structure with random values in some of the fields; None if it is not valid."""
    values = {
        field.name: _value(field, rng)
        for field in free
        if rng.random() < 0.8 or (isinstance(field, Int) and field.enum is not None)
    }
    try:
        made = cls.build(**values)
        return None if made.problems() else made
    except (EncodeError, DecodeError):
        return None


# ---------------------------------------------------------------------------------------------
# Bent structures
# ---------------------------------------------------------------------------------------------


def bends(view: View) -> Iterator[Bend]:
    """Every single-field change of ``view`` at a boundary value, then every cut at a field's edge.

    Counts and lengths are changed like all other fields, and nothing else is adjusted to fit a wrong length. Nested
    structures are bent in their places.
    """
    data = bytes(view)
    edges = {len(data) - 1}
    for field in view.FIELDS:
        try:
            offset, length = view.locate(field.name)
            value = getattr(view, field.name)
        except DecodeError:
            continue
        edges |= {offset, offset + length - 1}
        if isinstance(field, Int):
            for number in boundaries(field, int(value)):
                changed = view.copy()
                setattr(changed, field.name, number)
                yield Bend(field.name, number, bytes(changed))
        elif isinstance(value, View) or (isinstance(value, list) and value):
            at = offset
            for nested in value if isinstance(value, list) else [value]:
                for bend in bends(nested):
                    if len(bend.data) == len(nested):
                        whole = data[:at] + bend.data + data[at + len(nested) :]
                        yield Bend(f"{field.name}.{bend.field}", bend.value, whole)
                at += len(nested)
        else:
            for pattern in (b"\0", b"\xff", b"\x55"):
                filled = data[:offset] + pattern * length + data[offset + length :]
                yield Bend(field.name, pattern * length, filled)
    for edge in sorted(edges):
        if 0 <= edge < len(data):
            yield Bend("", edge, data[:edge])


class Mutator(Bender):
    """Mutator(seed): random bends without end, the same ones for the same seed, on every platform.

    ``mutate(view)`` returns new bytes. Half of the changes are aimed at a field (a boundary value, a lie
    about a length, reserved bits), the rest at the bytes (flips, cuts, growth, splices with ``other``). Of an integer the
    lowest 64 bits are the seed; of a ``random.Random`` 64 bits are taken. Views and ``other`` whose memory others
    write to meanwhile are read once, in pieces. One thread at a time may use it.
    """

    def __init__(self, seed: int | Random = 0) -> None:
        super().__init__(seed.getrandbits(64) if isinstance(seed, Random) else seed)

    def _integers(self, cls: type[View]) -> list[tuple[Int, list[int]]]:
        return [(f, boundaries(f)) for f in cls.FIELDS if isinstance(f, Int)]
