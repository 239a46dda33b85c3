"""How SCST reads what is written into its files, and how it refuses (SCST ``README``, ``scst_sysfs.c``)."""

from __future__ import annotations

import errno
import os
import re

from pysrp.errors import ConfigError, SrpError
from pysrp.text import size

__all__ = ["Command", "TreeError", "flag", "number", "octets", "refuse", "within"]


class TreeError(SrpError, OSError):
    """A file of the tree refused: ``errno`` as SCST has it, ``strerror`` with what to do instead.

    ``filename`` is the path of the file within the tree.
    """


def refuse(code: int, hint: str) -> TreeError:
    """The exception for errno ``code``; ``hint`` says what was wrong and what to do."""
    return TreeError(code, f"{os.strerror(code)}: {hint}")


_NUMBER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|[0-9]+)\n?")


def number(text: str, what: str = "value", *, signed: bool = False) -> int:
    """A number as ``kstrtoul`` reads it: decimal, 0x hexadecimal or 0 octal, one newline at its end allowed.

    EINVAL for anything else, ERANGE beyond 64 bits.
    """
    match = _NUMBER.fullmatch(text)
    try:
        if not match or (match[1] == "-" and not signed):
            raise ValueError
        digits = match[2]
        base = 16 if digits[1:2] in ("x", "X") else 8 if digits[0] == "0" else 10
        # Twenty-two octal digits hold 64 bits; int() must not be made to chew on a page of digits.
        value = int(digits, base) if len(digits.lstrip("0xX")) <= 22 else 1 << 64
    except ValueError:
        raise refuse(errno.EINVAL, f"{what}: {text.strip()!r} is not a number") from None
    if value >> (63 if signed else 64):
        raise refuse(errno.ERANGE, f"{what}: {text.strip()} does not fit 64 bits")
    return -value if match[1] == "-" else value


def octets(text: str, what: str = "size") -> int:
    """A :func:`number` of bytes, or, which SCST does not understand, one with a unit: 64k, 64M, 1GiB."""
    found = re.fullmatch(r"([0-9]+[kKmMgGtT](?:i?[bB])?)\n?", text, re.ASCII)
    if not found:
        return number(text, what)
    try:
        value = size(found[1])
    except ConfigError as problem:
        raise refuse(errno.EINVAL, f"{what}: {problem}") from None
    if value >> 64:
        raise refuse(errno.ERANGE, f"{what}: {found[1]} does not fit 64 bits")
    return value


def within(text: str, low: int, high: int, what: str = "value") -> int:
    """A :func:`number` from ``low`` to ``high``, else EINVAL."""
    value = number(text, what)
    if not low <= value <= high:
        raise refuse(errno.EINVAL, f"{what}: {value} is not in {low}..{high}")
    return value


def flag(text: str, what: str = "value") -> bool:
    """A number, true unless it is 0."""
    return number(text, what) != 0


class Command:
    """What is written to a ``mgmt`` file, taken apart from the left.

    Words end at whitespace or ``=``; parameters, at the end of some commands, at ``;`` or newline.
    """

    def __init__(self, text: str) -> None:
        self._rest = text

    def word(self) -> str:
        """The next word as it is, empty when there is none."""
        word, _, self._rest = _cut(self._rest.lstrip(" \t\r\n\v\f="), " \t\r\n\v\f=")
        return word

    def keyword(self, *known: str) -> str:
        """The next word in lower case, EINVAL unless it is one of ``known``."""
        word = self.word().lower()
        if word not in known:
            raise refuse(errno.EINVAL, f"unknown command {word!r}: one of {', '.join(known)}")
        return word

    def end(self) -> None:
        """EINVAL if there is another word."""
        if extra := self.word():
            raise refuse(errno.EINVAL, f"{extra!r} is too much")

    def parameters(self) -> list[tuple[str, str]]:
        """What is left, as pairs of a name in lower case and a value; EINVAL unless each has one value."""
        pairs = []
        while self._rest:
            part, _, self._rest = _cut(self._rest, ";\n")
            words = Command(part)
            if name := words.word():
                value = words.word()
                if not value:
                    raise refuse(errno.EINVAL, f"parameter {name!r} has no value")
                words.end()
                pairs.append((name.lower(), value))
        return pairs


def _cut(text: str, separators: str) -> tuple[str, str, str]:
    """As str.partition, at the first of several characters."""
    for at, character in enumerate(text):
        if character in separators:
            return text[:at], character, text[at + 1 :]
    return text, "", ""
