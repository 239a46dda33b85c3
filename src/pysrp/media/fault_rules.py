"""Rules for the faults that a medium injects, each a line of text.

A rule is an action and words ``NAME=VALUE``, with blanks or commas between them: ``error op=read lba=100-107 count=2``.
``docs/media/fault.md`` has a table of all.
"""

from __future__ import annotations

import errno as codes
import math
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from random import Random

from pysrp.errors import ConfigError
from pysrp.target.medium import FUA, MediumRequest, Operation
from pysrp.text import LONGEST, seconds, size

__all__ = ["ACTIONS", "Delay", "FaultRule", "FillLevel"]

READ, WRITE, FLUSH = Operation.READ, Operation.WRITE, Operation.FLUSH
ZERO, DISCARD = Operation.ZERO, Operation.DISCARD
ALL = frozenset(Operation)


@dataclass(frozen=True)
class FaultKind:
    """A kind of fault: the operations ``of`` that it can affect, those that it ``usually`` affects if a rule names none, and the
    words that only it takes, with those that it ``needs``.
    """

    of: frozenset[Operation]
    usually: frozenset[Operation]
    words: frozenset[str] = frozenset()
    needs: str = ""
    waits: bool = False
    """Whether it only delays the request, whose result another rule may decide."""


TIME = frozenset({"constant", "uniform", "exponential"})

ACTIONS = {
    "error": FaultKind(ALL, frozenset({READ, WRITE}), frozenset({"errno"})),
    "hang": FaultKind(ALL, ALL, frozenset({"for", "withdraw"}), waits=True),
    "delay": FaultKind(ALL, ALL, TIME | {"withdraw"}, "constant=, uniform= or exponential=", waits=True),
    "torn": FaultKind(frozenset({WRITE, ZERO}), frozenset({WRITE}), frozenset({"keep"})),
    "misdirected": FaultKind(frozenset({READ, WRITE}), frozenset({WRITE}), frozenset({"by"})),
    "lost": FaultKind(frozenset({WRITE, ZERO, DISCARD}), frozenset({WRITE})),
    "lying": FaultKind(frozenset({FLUSH, WRITE}), frozenset({FLUSH, WRITE})),
    "no-space": FaultKind(frozenset({WRITE, ZERO}), frozenset({WRITE, ZERO}), frozenset({"fill"}), "fill="),
    "busy": FaultKind(ALL, ALL),
    "task-set-full": FaultKind(ALL, ALL),
}
"""The kinds of fault, by the first word of a rule."""


def _time(value: float) -> str:
    """A time as text, which :func:`seconds` reads back as exactly this value."""
    for unit, scale in ("s", 1.0), ("ms", 1e-3), ("us", 1e-6):
        text = f"{value / scale:.12f}".rstrip("0").rstrip(".")
        if (value >= scale or unit == "us") and seconds(f"{text}{unit}") == value:
            return f"{text}{unit}"
    return f"{value:.12f}s"


@dataclass(frozen=True)
class Delay:
    """A distribution of seconds: constant ``low``, uniform from ``low`` to ``high``, or exponential with the mean ``low``."""

    kind: str
    low: float
    high: float = 0.0

    def draw(self, random: Random) -> float:
        """A random time, in seconds."""
        if self.kind == "constant":
            return self.low
        if self.kind == "uniform":
            return random.uniform(self.low, self.high)
        return min(random.expovariate(1 / self.low) if self.low else 0.0, LONGEST)

    def __str__(self) -> str:
        high = f"-{_time(self.high)}" if self.kind == "uniform" else ""
        return f"{self.kind}={_time(self.low)}{high}"

    @classmethod
    def parse(cls, kind: str, text: str) -> Delay:
        """``constant=5ms``, ``uniform=1ms-10ms``, ``exponential=2ms``. ConfigError for anything else."""
        if kind != "uniform":
            return cls(kind, seconds(text))
        low, dash, high = text.partition("-")
        delay = cls(kind, seconds(low), seconds(high))
        if not dash or delay.low > delay.high:
            raise ConfigError(f"uniform={text}: write uniform=1ms-10ms")
        return delay


@dataclass(frozen=True)
class FaultRule:
    """One rule. ConfigError for an impossible one.

    It matches requests of ``operations`` (empty: the action's usual ones) that touch a block from ``first`` to ``last`` (None:
    all blocks; a FLUSH touches none), of ``block`` bytes each. It spares the first ``after`` matching requests, and then strikes
    with ``probability``, ``count`` times at most (None: without limit).
    """

    action: str
    operations: frozenset[Operation] = frozenset()
    first: int | None = None
    last: int | None = None
    block: int = 512
    after: int = 0
    count: int | None = None
    probability: float = 1.0
    errno: int = codes.EIO
    """For ``error``: the errno."""
    delay: Delay | None = None
    """For ``delay`` and ``hang``: the time; None, for ``hang``: until the rule is released."""
    withdraw: bool = False
    """Whether a waiting request can be withdrawn; if not it runs on when it is aborted, as with most media."""
    keep: int | None = None
    """For ``torn``: how many bytes reach the medium; None: a random number of blocks."""
    by: int | None = None
    """For ``misdirected``: by how many bytes the offset is shifted; None: one block."""
    fill: str = ""
    """For ``no-space``: the bytes that can be written, or a percentage of the size."""

    def __post_init__(self) -> None:
        action = ACTIONS.get(self.action)
        if action is None:
            raise ConfigError(f"no fault is called {self.action!r}: {', '.join(ACTIONS)}")
        operations = self.operations or action.usually
        if self.first is not None and not self.operations:
            operations -= {FLUSH}
        object.__setattr__(self, "operations", operations)
        if not operations <= action.of:
            raise ConfigError(f"{self.action} is for {_names(action.of)}")
        if (self.first is None) != (self.last is None) or not 0 <= (self.first or 0) <= (self.last or 0):
            raise ConfigError(f"blocks {self.first} to {self.last}")
        if self.first is not None and FLUSH in operations:
            raise ConfigError("a flush is not about any blocks")
        if not 0 < self.block <= 1 << 30 or self.after < 0 or (self.count is not None and self.count < 1):
            raise ConfigError(f"block={self.block} after={self.after} count={self.count}")
        if not 0 <= self.probability <= 1:
            raise ConfigError(f"probability={self.probability}: from 0 to 1")
        if action.needs and not (self.fill or self.delay):
            raise ConfigError(f"{self.action} needs {action.needs}")
        if self.fill:
            self.level(1 << 40)

    @property
    def waits(self) -> bool:
        """Whether it only delays requests: see :attr:`FaultKind.waits`."""
        return ACTIONS[self.action].waits

    @property
    def bytes(self) -> tuple[int, int]:
        """The first byte that it covers, and the one behind the last."""
        if self.first is None or self.last is None:
            return 0, 1 << 64
        return self.first * self.block, (self.last + 1) * self.block

    def about(self, request: MediumRequest) -> bool:
        """Whether it matches the request, whether or not it strikes this time."""
        if request.operation not in self.operations:
            return False
        if self.action == "lying" and request.operation is WRITE and not request.flags & FUA:
            return False
        if self.first is None:
            return True
        begin, end = self.bytes
        return request.offset < end and begin < request.offset + request.length

    def level(self, total: int) -> int:
        """For ``no-space``: how many of a medium's ``total`` bytes can be written."""
        if not self.fill.endswith("%"):
            return size(self.fill)
        try:
            share = float(self.fill[:-1])
        except ValueError:
            share = math.nan
        if not 0 <= share <= 100:
            raise ConfigError(f"fill={self.fill}: write fill=90% or fill=64M")
        return int(total * share / 100)

    def __str__(self) -> str:
        return self.text()

    def text(self, block: int = 512) -> str:
        """The text of this rule, which :meth:`parse` reads back with the same ``block``."""
        return " ".join((self.action, *self._words(block)))

    def _words(self, block: int) -> Iterator[str]:
        if self.operations != ACTIONS[self.action].usually - ({FLUSH} if self.first is not None else set()):
            yield f"op={_names(self.operations)}"
        if self.first is not None:
            yield f"lba={self.first}" + (f"-{self.last}" if self.last != self.first else "")
        for each in fields(self)[4:]:
            value = getattr(self, each.name)
            default = block if each.name == "block" else each.default
            if value == (default if default is not MISSING else None):
                continue
            match each.name:
                case "delay":
                    yield f"for={_time(value.low)}" if self.action == "hang" else str(value)
                case "errno":
                    yield f"errno={codes.errorcode.get(value, value)}"
                case "withdraw":
                    yield "withdraw=yes"
                case "probability":
                    yield f"probability={value!r}"
                case name:
                    yield f"{name}={value}"

    @classmethod
    def parse(cls, text: str, block: int = 512) -> FaultRule:
        """Parse a line of text; ``block``: bytes of a block if the text has no ``block=``. Raises ConfigError."""
        action, *words = re.split(r"[\s,]+", text.strip())
        if action not in ACTIONS:
            raise ConfigError(f"no fault is called {action!r}: {', '.join(ACTIONS)}")
        given: dict[str, object] = {"block": block}
        seen: set[str] = set()
        for word in words:
            name, equals, value = word.partition("=")
            known = COMMON | ACTIONS[action].words
            if not (equals and value) or name not in known or name in seen:
                raise ConfigError(f"{word!r} in {text!r}: {action} takes, once each: {_sorted(known)}")
            seen.add(name)
            given |= _value(name, value)
        if len(seen & TIME) > 1:
            raise ConfigError(f"{text!r}: one distribution")
        return cls(action, **given)  # type: ignore[arg-type]


COMMON = frozenset({"op", "lba", "block", "after", "count", "probability"})


def _value(name: str, text: str) -> dict[str, object]:
    """The attributes that a word of a rule sets."""
    match name:
        case "op":
            return {"operations": frozenset(map(_operation, text.split("+")))}
        case "lba":
            first, _, last = text.partition("-")
            return {"first": _number(name, first), "last": _number(name, last or first)}
        case "block" | "keep":
            return {name: size(text)}
        case "by":
            return {name: -size(text[1:]) if text.startswith("-") else size(text)}
        case "after" | "count":
            return {name: _number(name, text)}
        case "probability":
            if not re.fullmatch(r"[0-9]*\.?[0-9]+(e-[0-9]+)?", text, re.ASCII):
                raise ConfigError(f"probability={text}: from 0 to 1")
            return {name: float(text)}
        case "errno":
            number = getattr(codes, text, None)
            if text not in codes.errorcode.values():
                raise ConfigError(f"errno={text}: a name such as EIO, ENODATA or ENOMEDIUM")
            return {name: number}
        case "for":
            return {"delay": Delay("constant", seconds(text))}
        case "withdraw":
            if text not in ("yes", "no"):
                raise ConfigError(f"withdraw={text}: yes or no")
            return {name: text == "yes"}
        case "fill":
            return {name: text}
        case _:
            return {"delay": Delay.parse(name, text)}


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,19}", text, re.ASCII):
        raise ConfigError(f"{name}={text}: {text!r} is no number")
    return int(text)


def _operation(name: str) -> Operation:
    try:
        return Operation[name.upper()]
    except KeyError:
        raise ConfigError(f"op={name}: {_names(ALL, ', ')}; several with a + between them") from None


def _names(operations: frozenset[Operation], between: str = "+") -> str:
    return between.join(each.name.lower() for each in sorted(operations))


def _sorted(names: frozenset[str]) -> str:
    return ", ".join(f"{name}=" for name in sorted(names))


class FillLevel:
    """The bytes of a medium that are in use: written, and not discarded since."""

    used: int

    def __init__(self) -> None:
        self.used = 0
        self._stretches: list[tuple[int, int]] = []
        """Pairs of the first byte and the one behind the last, in order, with a gap between any two."""

    def new(self, begin: int, end: int) -> int:
        """How many bytes of these are not in use."""
        first, last = self._range(begin, end)
        return end - begin - sum(min(e, end) - max(b, begin) for b, e in self._stretches[first:last])

    def take(self, begin: int, end: int) -> None:
        """Mark these bytes as in use."""
        if begin < end:
            self.used += self.new(begin, end)
            first, last = self._range(begin - 1, end + 1)
            joined = [(begin, end), *self._stretches[first:last]]
            self._stretches[first:last] = [(min(b for b, _ in joined), max(e for _, e in joined))]

    def free(self, begin: int, end: int) -> None:
        """Mark these bytes as not in use."""
        first, last = self._range(begin, end)
        inside = self._stretches[first:last]
        if inside and begin < end:
            self.used -= end - begin - self.new(begin, end)
            rest = (inside[0][0], begin), (end, inside[-1][1])
            self._stretches[first:last] = [(b, e) for b, e in rest if b < e]

    def _range(self, begin: int, end: int) -> tuple[int, int]:
        """The slice of the stretches that overlap these bytes."""
        first = bisect_left(self._stretches, (begin, begin))
        if first and self._stretches[first - 1][1] > begin:
            first -= 1
        return first, bisect_left(self._stretches, (end, -1), first)
