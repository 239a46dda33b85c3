"""What a medium is to do wrong, as rules: a line of text each.

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
    """A kind of fault: of which operations it can be, of which it is where none are named, and its own words."""

    of: frozenset[Operation]
    usually: frozenset[Operation]
    words: frozenset[str] = frozenset()
    needs: str = ""
    waits: bool = False
    """It takes time; what becomes of the request is for another rule to say."""


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
"""What a rule can do, by the word that it begins with."""


def _time(value: float) -> str:
    """A time that :func:`seconds` reads as just this one."""
    for unit, scale in ("s", 1.0), ("ms", 1e-3), ("us", 1e-6):
        text = f"{value / scale:.12f}".rstrip("0").rstrip(".")
        if (value >= scale or unit == "us") and seconds(f"{text}{unit}") == value:
            return f"{text}{unit}"
    return f"{value:.12f}s"


@dataclass(frozen=True)
class Delay:
    """How long something takes, by a distribution: constant, uniform from low to high, exponential with a mean."""

    kind: str
    low: float
    high: float = 0.0

    def draw(self, random: Random) -> float:
        """Seconds."""
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
    """One rule. ConfigError for one that cannot be.

    It is about requests of ``operations`` (empty: those of the action) that touch a block from ``first`` to ``last`` (None:
    all; a FLUSH is about none), of ``block`` bytes. The first ``after`` of them it leaves alone; then it happens
    with ``probability``, ``count`` times at most.
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
    """Of ``error``."""
    delay: Delay | None = None
    """Of ``delay``, and of ``hang``: None is until it is released."""
    withdraw: bool = False
    """Whether who aborts what waits can take it back; if not it runs on, as it does at most media."""
    keep: int | None = None
    """Of ``torn``: so many bytes reach the medium; None: as many blocks as chance wants."""
    by: int | None = None
    """Of ``misdirected``: so many bytes further on; None: one block."""
    fill: str = ""
    """Of ``no-space``: bytes, or a share of the size in per cent."""

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
        """Whether it takes time, and says nothing of what becomes of the request."""
        return ACTIONS[self.action].waits

    @property
    def bytes(self) -> tuple[int, int]:
        """The first byte that it is about, and the one behind the last."""
        if self.first is None or self.last is None:
            return 0, 1 << 64
        return self.first * self.block, (self.last + 1) * self.block

    def about(self, request: MediumRequest) -> bool:
        """Whether it is about that request, now or at another time."""
        if request.operation not in self.operations:
            return False
        if self.action == "lying" and request.operation is WRITE and not request.flags & FUA:
            return False
        if self.first is None:
            return True
        begin, end = self.bytes
        return request.offset < end and begin < request.offset + request.length

    def level(self, total: int) -> int:
        """Bytes of a medium of ``total`` that can be written, of ``no-space``."""
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
        """What :meth:`parse` makes this rule of, with the same ``block``."""
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
        """The rule in a line of text; ``block``: bytes of a block where it does not say so. ConfigError."""
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
    """What a word of a rule sets."""
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
    """Which bytes of a medium are in use: those that have been written, and not been discarded since."""

    used: int

    def __init__(self) -> None:
        self.used = 0
        self._stretches: list[tuple[int, int]] = []
        """First byte and the one behind the last, in order, with a gap between any two."""

    def new(self, begin: int, end: int) -> int:
        """How many bytes of these are not in use."""
        first, last = self._range(begin, end)
        return end - begin - sum(min(e, end) - max(b, begin) for b, e in self._stretches[first:last])

    def take(self, begin: int, end: int) -> None:
        """They are in use."""
        if begin < end:
            self.used += self.new(begin, end)
            first, last = self._range(begin - 1, end + 1)
            joined = [(begin, end), *self._stretches[first:last]]
            self._stretches[first:last] = [(min(b for b, _ in joined), max(e for _, e in joined))]

    def free(self, begin: int, end: int) -> None:
        """They are not."""
        first, last = self._range(begin, end)
        inside = self._stretches[first:last]
        if inside and begin < end:
            self.used -= end - begin - self.new(begin, end)
            rest = (inside[0][0], begin), (end, inside[-1][1])
            self._stretches[first:last] = [(b, e) for b, e in rest if b < e]

    def _range(self, begin: int, end: int) -> tuple[int, int]:
        """Where the stretches are that have a byte of these."""
        first = bisect_left(self._stretches, (begin, begin))
        if first and self._stretches[first - 1][1] > begin:
            first -= 1
        return first, bisect_left(self._stretches, (end, -1), first)
