"""``ram:``, ``null:``, ``file:``: how their URLs are parsed, and options in the query of any URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

from pysrp.backends import Backend, Null, Ram
from pysrp.errors import ConfigError
from pysrp.media.file import FileMedium
from pysrp.text import size

__all__ = ["open_file", "open_null", "open_ram", "options"]

T = TypeVar("T")


def options(text: str, known: Mapping[str, Callable[[str], T]]) -> dict[str, T]:
    """Parse the text behind a ``?``: ``NAME=VALUE&NAME=VALUE``. ConfigError for an unknown or repeated name.

    ``known`` has a parser by name; a name that ends with a hyphen stands for all that begin with it.
    """
    words = ", ".join(f"{name}..." if name.endswith("-") else name for name in sorted(known))
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        raise ConfigError(f"?{text}: write ?NAME=VALUE&NAME=VALUE, of {words}") from None
    found: dict[str, T] = {}
    for name, value in pairs:
        of = name if name in known else "".join(name.partition("-")[:2])
        if of not in known or name in found:
            why = "is there twice" if name in found else "is no option"
            raise ConfigError(f"?{text}: {name!r} {why}: {words}")
        found[name] = known[of](value)
    return found


def open_ram(text: str, *, read_only: bool = False) -> Backend:
    """``ram:SIZE``."""
    return Ram(size(text))


def open_null(text: str, *, read_only: bool = False) -> Backend:
    """``null:SIZE``."""
    return Null(size(text))


def switch(text: str) -> bool:
    """``0`` or ``1``."""
    if text not in ("0", "1"):
        raise ConfigError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def locked(text: str) -> bool:
    """``on`` or ``off``."""
    if text not in ("on", "off"):
        raise ConfigError(f"lock={text} is neither on nor off")
    return text == "on"


def open_file(text: str, *, read_only: bool = False) -> FileMedium:
    """``file:/PATH[?size=SIZE&direct=1&lock=off]``; in the path ``%3F`` is a question mark, and ``%25`` a percent sign."""
    path, _, rest = text.partition("?")
    given: dict[str, Any] = options(rest, {"size": size, "direct": switch, "lock": locked})
    if not path.startswith("/"):
        raise ConfigError(f"file:{text}: the path begins with a slash")
    return FileMedium(unquote(path, errors="surrogateescape"), read_only=read_only, **given)
