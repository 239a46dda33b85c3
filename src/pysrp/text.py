"""Sizes, times and bytes as users write them, text that is safe to print, and a hint."""

from __future__ import annotations

import math
import re

from pysrp.errors import ConfigError

__all__ = ["LONGEST", "NAME_A_SERVER", "octets", "printable", "seconds", "size"]

_SIZE = re.compile(r"(?:0[xX]([0-9a-fA-F]{1,16})|([0-9]{1,20})\s*([kKmMgGtT]?)(?:i?[bB])?)", re.ASCII)
_POWERS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


def size(text: str) -> int:
    """The number in text such as 4096, 0x1000, 64k, 256M or 1GiB; k, M, G and T are powers of 1024.

    Raises ConfigError for anything else.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ConfigError(f"{text!r} is no size; write 4096, 0x1000, 64k, 256M or 1G")
    if found[1]:
        return int(found[1], 16)
    return int(found[2]) << _POWERS[found[3].lower()]


LONGEST = 1e9
"""The longest time that :func:`seconds` accepts, in seconds."""

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def seconds(text: str) -> float:
    """The seconds in a time such as 30, 30s, 5ms, 200us, 2m. ConfigError for anything else."""
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(us|ms|s|m|h|)", text, re.ASCII)
    value = float(found[1]) * _UNITS[found[2]] if found else math.inf
    if value > LONGEST:
        raise ConfigError(f"{text!r} is no time: write 30s, 5ms, 200us or 2m")
    return value


def octets(text: str) -> bytes:
    """The bytes in hexadecimal text such as ``12 0 0 0 24 0``, ``12:00:00``, ``0x12,0x00`` or ``120000002400``.

    Words are separated by blanks and ``: , ; _ -``. A word of one digit is one byte; in longer words, each two digits are a
    byte. Raises ConfigError for an odd number of digits above one in a word, and for text that is not hexadecimal.
    """
    found = bytearray()
    for word in re.split(r"[\s:,;_-]+", text.strip()):
        digits = word[2:] if word[:2] in ("0x", "0X") else word
        if not re.fullmatch(r"[0-9a-fA-F]*", digits) or (word and not digits):
            raise ConfigError(f"{word!r} is not hexadecimal text")
        if len(digits) > 1 and len(digits) % 2:
            raise ConfigError(f"{word!r} has an odd number of hexadecimal digits")
        found += bytes.fromhex(digits if len(digits) != 1 else f"0{digits}")
    return bytes(found)


def printable(text: str) -> str:
    """Text from a partner, safe for a log or a terminal: characters that are not printable ASCII become question marks."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in text)


NAME_A_SERVER = "-s unix:PATH, as it was given to 'pysrp serve', or PYSRP_SERVER in the environment"
"""The hint of every command that needs a server when none is named."""
