"""The syntax of writes to SCST's files, and the errors for refused ones (SCST ``README``, ``scst_sysfs.c``)."""

from __future__ import annotations

import errno
import os
import re

from pysrp.errors import ConfigError, SrpError
from pysrp.text import size

__all__ = ["CommandText", "TreeError", "flag", "number", "octets", "quote", "refuse", "within"]


class TreeError(SrpError, OSError):
    """A file of the tree refused an operation: ``errno`` as in SCST, ``strerror`` with advice on what to do instead.

    ``filename`` is the path of the file within the tree; ``done`` is how many of several writes were carried out before.
    """

    done: int = 0


def refuse(code: int, hint: str) -> TreeError:
    """The exception for errno ``code``; ``hint`` says what was wrong and what to do."""
    return TreeError(code, f"{os.strerror(code)}: {hint}")


_NUMBER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|[0-9]+)\n?")


def number(text: str, what: str = "value", *, signed: bool = False) -> int:
    """Parse a number as ``kstrtoul`` does: decimal, 0x hexadecimal or 0 octal, with one newline allowed at the end.

    EINVAL for anything else, ERANGE beyond 64 bits.
    """
    if not text:
        raise refuse(errno.EINVAL, f"{what} is missing")
    match = _NUMBER.fullmatch(text)
    try:
        if not match or (match[1] == "-" and not signed):
            raise ValueError
        digits = match[2]
        base = 16 if digits[1:2] in ("x", "X") else 8 if digits[0] == "0" else 10
        # Twenty-two octal digits hold 64 bits; int() of a page of digits would take long.
        value = int(digits, base) if len(digits.lstrip("0xX")) <= 22 else 1 << 64
    except ValueError:
        raise refuse(errno.EINVAL, f"{what}: {text.strip()!r} is not a number") from None
    if value >> (63 if signed else 64):
        raise refuse(errno.ERANGE, f"{what}: {text.strip()} does not fit 64 bits")
    return -value if match[1] == "-" else value


def octets(text: str, what: str = "size") -> int:
    """A :func:`number` of bytes, or one with a unit, which SCST itself does not accept: 64k, 64M, 1GiB."""
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


BLANKS = " \t\r\n\v\f="
"""The characters that end a word."""

_QUOTED = r'"((?:[^"\\\n]|\\[^\n])*)"'
_WORD = re.compile(rf"[ \t\r\n\v\f=]*(?:{_QUOTED}|([^ \t\r\n\v\f=]*))")
_PART = re.compile(rf"[ \t\r\v\f=]*(?:{_QUOTED}|([^ \t\r\n\v\f=;]*))")


def quote(word: str) -> str:
    """A word in the syntax of :class:`CommandText`, in quotes where it needs them. ConfigError if it has a line break."""
    if "\n" in word:
        raise ConfigError(f"{word!r} has a line break")
    if word and word[0] != '"' and not any(c in word for c in BLANKS + ";"):
        return word
    return '"' + re.sub(r'([\\"])', r"\\\1", word) + '"'


class CommandText:
    """The text of a write to a ``mgmt`` file, parsed from the left.

    Words end at whitespace or ``=``; parameters, at the end of some commands, at ``;`` or newline. A word that contains
    such a character, or is empty, has to be in double quotes, where a backslash escapes the next character. SCST has no
    quotes, and so no such words.
    """

    def __init__(self, text: str) -> None:
        self._rest = text

    def word(self) -> str:
        """The next word, empty if there is none."""
        return self._next(_WORD, BLANKS) or ""

    def _next(self, pattern: re.Pattern[str], ends: str) -> str | None:
        """The next word, up to one of the characters ``ends``; None if there is none."""
        found = pattern.match(self._rest)
        assert found  # the pattern also matches the empty string
        self._rest = self._rest[found.end() :]
        if found[1] is None:
            return found[2] or None
        if self._rest[:1] not in ends:
            raise refuse(errno.EINVAL, f"{found[0].strip()}: there is no blank behind the quote")
        return re.sub(r"\\(.)", r"\1", found[1])

    def keyword(self, *known: str) -> str:
        """The next word in lower case, EINVAL unless it is one of ``known``."""
        word = self.word().lower()
        if word not in known:
            raise refuse(errno.EINVAL, f"unknown command {word!r}: one of {', '.join(known)}")
        return word

    def end(self) -> None:
        """EINVAL if there is another word."""
        if (extra := self._next(_WORD, BLANKS)) is not None:
            raise refuse(errno.EINVAL, f"{extra!r} is too much")

    def parameters(self) -> list[tuple[str, str]]:
        """The rest of the text, as pairs of a name in lower case and a value; EINVAL unless each name has one value."""
        pairs = []
        while self._rest:
            if (name := self._part()) is not None:
                value = self._part()
                if value is None:
                    raise refuse(errno.EINVAL, f"parameter {name!r} has no value")
                if (extra := self._part()) is not None:
                    raise refuse(errno.EINVAL, f"{extra!r} is too much: a ; goes between parameters")
                pairs.append((name.lower(), value))
            self._rest = self._rest[1:]
        return pairs

    def _part(self) -> str | None:
        return self._next(_PART, BLANKS + ";")
