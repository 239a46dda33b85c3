"""Parse hexadecimal text: one record a line, or dumps of the usual tools.

==============================  ==========================================================================
dump                            how it is recognized
==============================  ==========================================================================
``xxd``                         ``00000000: 4845 4c4c  HELL``: a colon; text behind the first two blanks
``hexdump -C``                  ``00000000  48 45 4c  4c  |HELL|``
``tshark -x``                   ``0000  48 45 4c 4c   HELL``: text behind three blanks
``sg_inq -H`` and its like      `` 00     48 45 4c  4c    HELL``; with ``-HH`` and more, without the offset
``od -tx1``, ``od -Ax -tx1z``   ``0000000 48 45 4c 4c``: offsets octal, decimal or hexadecimal
``hexdump``, ``od -x``          ``0000000 4548 4c4c``: words of a little-endian machine
``xxd -p``                      lines of 60 digits, and one that has fewer
==============================  ==========================================================================

``*`` stands for lines equal to the line above it. An offset alone, after the last line, is the length. Words of four
digits after an offset of seven digits can be hexdump's or od's; where ``*`` does not decide it, hexdump is assumed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from pysrp.errors import ConfigError
from pysrp.text import octets

__all__ = ["Found", "find"]

MOST = 1 << 24
"""The most bytes that an asterisk may stand for."""


class Found(NamedTuple):
    """The bytes of a record, the number of its first line (from 1), and an error text, empty if there is no error."""

    data: bytes
    line: int
    error: str = ""


@dataclass
class Row:
    """A line of a dump: its offset as digits, its bytes; ``sure``: the line cannot be anything else."""

    offset: str
    data: bytes
    sure: bool
    line: int
    word: int = 1
    """Bytes of a word; the tool may have padded the last word."""
    repeated: bool = False
    """A line with an asterisk is above it."""


_COLON = re.compile(r"(?:0[xX])?([0-9a-fA-F]{4,16}):\s+(.*)")
_BLANKS = re.compile(r"([0-9a-fA-F]{2,16})(\s{2,})(\S.*)")
_BYTES = re.compile(r"[0-9a-fA-F]{2}(?: {1,2}[0-9a-fA-F]{2})*")
_END = re.compile(r"(?:0[xX])?([0-9a-fA-F]{6,16})")
_PLAIN = re.compile(r"[0-9a-fA-F]{60}")
_SIXTEEN = re.compile(r"[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2}){7}  [0-9a-fA-F]{2}(?: [0-9a-fA-F]{2}){7}")
_EIGHT = re.compile(r"[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2}){0,7}")
_MORE = re.compile(_EIGHT.pattern.replace("{0,7}", "{7}") + "  " + _EIGHT.pattern)


class _Broken(Exception):
    """A line that can only belong to a dump, and cannot be read."""


def _row(line: str, number: int) -> Row | None:
    """A line as a row of a dump; None if it is not one. Raises _Broken for a row that cannot be read."""
    body = line.strip()
    if found := _COLON.fullmatch(body):
        digits, text, *_ = *re.split(r"\s{2,}", found[2], maxsplit=1), ""
        return Row(found[1], _checked(digits, text.strip()), True, number)
    bare, *drawn = re.split(r"\s{2,}[|>]", body, maxsplit=1)
    found = _BLANKS.fullmatch(bare)
    if found and (len(found[1]) >= 4 or len(found[2]) >= 3):
        digits = re.split(r"\s{3,}", found[3], maxsplit=1)[0]
        if _BYTES.fullmatch(digits):
            sure = bool(drawn) or len(found[1]) == 8 or not int(found[1], 16)
            return Row(found[1], octets(digits), sure, number)
        if drawn:
            raise _Broken(f"{digits[:40]!r} is not hexadecimal text")
    offset, *words = bare.split()
    widths = {len(word) for word in words}
    if 6 <= len(offset) <= 16 and len(widths) == 1 and re.fullmatch(r"[0-9a-fA-F ]+", bare):
        if widths == {6} and len(offset) == 7:
            raise _Broken("octal words, as od prints them by itself: od -tx1 prints bytes")
        if widths <= {2, 4, 8} and len(offset) not in widths:
            data = b"".join(bytes.fromhex(word)[::-1] for word in words)
            return Row(offset, data, bool(drawn) or len(offset) % 2 == 1, number, len(words[0]) // 2)
    return None


def _checked(digits: str, text: str) -> bytes:
    """The bytes of a line of xxd, whose right column is ``text``. Raises _Broken for the output of xxd -b and xxd -e."""
    words = digits.split()
    if len(words) == len(text) and all(re.fullmatch(r"[01]{8}", word) for word in words):
        raise _Broken("binary digits: xxd without -b prints hexadecimal ones")
    try:
        data = octets(digits)
        turned = b"".join(octets(word)[::-1] for word in words)
    except ConfigError:
        raise _Broken(f"{digits[:40]!r} is not hexadecimal text") from None

    def says(some: bytes) -> bool:
        return text == "".join(chr(x) if 32 <= x < 127 else "." for x in some).strip()

    if turned != data and says(turned) and not says(data):
        raise _Broken("groups of a little-endian machine: xxd without -e prints the bytes in order")
    return data


@dataclass
class _Reading:
    """A dump read with offsets in one number base: its first offset, and its bytes so far."""

    base: int
    start: int = -1
    data: bytearray = field(default_factory=bytearray)
    width: int = 0
    """Bytes of the last row."""

    def takes(self, row: Row) -> bool:
        """Add the row if its offset follows; returns whether it does."""
        try:
            offset = int(row.offset, self.base)
        except ValueError:
            return False
        self.start = offset if self.start < 0 else self.start
        gap = offset - self.start - len(self.data)
        if row.repeated and 0 < gap <= MOST and gap % self.width == 0:
            self.data += self.data[-self.width :] * (gap // self.width)
        elif gap:
            return False
        self.width = len(row.data)
        self.data += row.data
        return True

    def ends(self, digits: str, word: int, repeated: bool) -> bool:
        """Whether the dump can end at that offset. If so, padding of the last word is cut off, and the lines that an
        asterisk stands for are added.
        """
        try:
            length = int(digits, self.base) - self.start
        except ValueError:
            return False
        gap = length - len(self.data)
        if repeated and 0 < gap <= MOST and gap % self.width == 0:
            self.data += self.data[-self.width :] * (gap // self.width)
            return True
        if -word < gap <= 0:
            del self.data[length:]
            return True
        return False


def _dump(lines: list[str], start: int) -> tuple[Found, int] | None:
    """The dump that begins at line index ``start``, and the index after its last line; None if no dump begins there."""
    readings: list[_Reading] = []
    first, count, at, repeated = None, 0, start, False
    while at < len(lines):
        body = lines[at].strip()
        if first and body == "*":
            repeated = True
        elif first and _END.fullmatch(body):
            for one in readings:
                if one.ends(body, first.word, repeated):
                    return Found(bytes(one.data), start + 1), at + 1
            break
        else:
            row = _row(lines[at], at + 1) if body else None
            if row is None:
                break
            row.repeated, repeated = repeated, False
            if not first:
                # Offsets of seven digits: od's are octal or decimal; hexdump's, where it prints words, hexadecimal.
                bases = (16,) if len(row.offset) != 7 else (16, 8, 10) if row.word == 2 else (8, 10)
                readings = [_Reading(base) for base in bases]
            if not (left := [one for one in readings if one.takes(row)]):
                break
            readings, first, count = left, first or row, count + 1
        at += 1
    if first and (first.sure or count > 1):
        return Found(bytes(readings[0].data), start + 1), at
    return None


def find(text: str) -> list[Found]:
    """The records in a text. ``#`` begins a comment, and a line that ends with a colon is a heading.

    In a text with a dump that has offsets, or with the heading of the sense data that ``sg_raw -v`` prints without
    offsets, other lines that are not hexadecimal are the tool's own output and are no error.
    """
    lines = [line.split("#", 1)[0].rstrip() for line in text.splitlines()]
    found: list[Found] = []
    strange: list[Found] = []
    headings: list[Found] = []
    at, dumps = 0, 0
    while at < len(lines):
        start, body = at, lines[at].strip()
        at += 1
        if not body:
            continue
        try:
            if dump := _dump(lines, start):
                found.append(dump[0])
                at, dumps = dump[1], dumps + 1
                continue
            while at < len(lines) and _goes_on(lines[at - 1].strip(), lines[at].strip()):
                at += 1
            found.append(Found(octets(" ".join(lines[start:at])), start + 1))
        except ConfigError:
            if body.startswith("Raw sense data"):
                dumps += 1
            else:
                odd = headings if body.endswith(":") else strange
                odd.append(Found(b"", start + 1, f"{body[:40]!r} is not hexadecimal text"))
        except _Broken as problem:
            found.append(Found(b"", start + 1, str(problem)))
    if not found and not strange:
        return headings  # headings of nothing are errors
    return sorted([*found, *([] if dumps else strange)], key=lambda one: one.line)


def _goes_on(line: str, following: str) -> bool:
    """Whether a record continues on the next line: both lines are as xxd -p prints them, or as sg_inq -HH does."""
    if _PLAIN.fullmatch(line):
        return bool(re.fullmatch(r"(?:[0-9a-fA-F]{2}){1,30}", following))
    return bool(_SIXTEEN.fullmatch(line) and (_EIGHT.fullmatch(following) or _MORE.fullmatch(following)))
