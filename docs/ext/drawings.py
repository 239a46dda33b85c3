"""Drawings as SVG, made of the tables that the code itself works with: field tables and tables of transitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import accumulate, pairwise
from typing import Any

from pysrp.fields import Field, Structure

LETTER = 6.3
"""Width of a letter of the drawings' font, in pixels."""


class Drawing:
    """An SVG under way."""

    def __init__(self, width: float, title: str) -> None:
        self.width, self.height, self.title = width, 0.0, title
        self._parts: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, kind: str = "box", tip: str = "") -> None:
        """A rectangle; ``tip`` is what a pointer over it shows."""
        title = f"<title>{escape(tip)}</title>" if tip else ""
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}">{title}</rect>'
        )
        self.height = max(self.height, y + height)

    def text(self, x: float, y: float, text: str, kind: str = "", room: float = 0) -> None:
        """Text whose baseline is at ``y``; cut where it has no ``room``."""
        if room and len(text) * LETTER > room:
            text = text[: max(int(room / LETTER) - 1, 1)].rstrip("_ ") + ("…" if room > 3 * LETTER else "")
        self._parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>')
        self.height = max(self.height, y)

    def line(self, *points: tuple[float, float], kind: str = "line") -> None:
        """A line through the points; one of the kind ``arrow`` has a head at its end."""
        path = " L".join(f"{x:g},{y:g}" for x, y in points)
        head = ' marker-end="url(#head)"' if kind == "arrow" else ""
        self._parts.append(f'<path class="{kind}" d="M{path}"{head}/>')

    def svg(self) -> str:
        """All of it."""
        head = (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path class="head" d="M0,0 L8,4 L0,8 z"/></marker></defs>'
        )
        return (
            f'<svg class="drawn" role="img" viewBox="0 0 {self.width:g} {self.height + 2:g}"'
            f' style="max-width:{self.width:g}px"><title>{escape(self.title)}</title>'
            f"{head}{''.join(self._parts)}</svg>"
        )


# ---------------------------------------------------------------------------------------------
# Layouts
# ---------------------------------------------------------------------------------------------


def span(f: Field) -> tuple[int, int]:
    """First bit of a field, and the one behind its last; counted from the top bit of byte 0."""
    width, shift = getattr(f, "width", 8 * f.size), getattr(f, "shift", 0)
    end = 8 * (f.offset + f.size) - shift
    return end - width, end


def pieces(start: int, end: int, row: int) -> Iterator[tuple[int, int]]:
    """The rectangles that a stretch of bits is drawn as, in rows of so many bits."""
    whole, last = -(-start // row) * row, end // row * row
    if whole >= last:
        cuts = [start, *range(whole, end, row), end] if start < whole < end else [start, end]
    else:
        cuts = [start, whole, last, end]
    yield from ((a, b) for a, b in pairwise(cuts) if a < b)


HIGH = 26.0
"""Pixels of a row."""


def tops(fixed: list[Field], size: int, bits: int) -> list[float]:
    """Where the rows begin, and the end of the last: those in the middle of a tall field share one row's height."""
    heights = [HIGH] * -(-8 * size // bits)
    for f in fixed:
        for start, end in pieces(*span(f), bits):
            first, rows = start // bits, (end - start) // bits
            if rows > 3:
                heights[first + 1 : first + rows - 1] = [HIGH / (rows - 2)] * (rows - 2)
    return list(accumulate(heights, initial=18.0))


def layout(cls: type[Structure], row: int = 0) -> str:
    """A structure as the standards draw it, ``row`` bytes side by side: its fixed part, then what varies."""
    fixed = [f for f in cls.FIELDS if not f.variable]
    size = max((f.offset + f.size for f in fixed), default=0)
    narrow = min((span(f)[1] - span(f)[0] for f in fixed if not f.reserved), default=8)
    row = row or (1 if narrow < 3 or (size <= 16 and narrow < 8) else 4)
    left, bits, bit = 44.0, 8 * row, 88.0 if row == 1 else 704.0 / (8 * row)
    at = tops(fixed, size, bits)
    out = Drawing(left + bits * bit + 1, f"{cls.__name__}: bytes and bits")
    for column in range(8 if row == 1 else row):
        step = bit if row == 1 else 8 * bit
        out.text(left + (column + 0.5) * step, 12, str(7 - column if row == 1 else column), "mark middle")
    for f in fixed:
        name = "" if f.reserved else f.name
        for start, end in pieces(*span(f), bits):
            x, y, width = left + start % bits * bit, at[start // bits], min(end - start, bits) * bit
            below = at[start // bits + max((end - start) // bits, 1)]
            out.box(x, y, width, below - y, "reserved" if f.reserved else "box", name or "reserved")
            out.text(x + width / 2, (y + below) / 2 + 4, name, "middle", width - 4)
    for number, (y, below) in enumerate(pairwise(at)):
        if below - y == HIGH:
            out.text(left - 8, y + 17, str(number * row), "mark end")
    y = at[-1]
    for f in cls.FIELDS:
        if f.variable:
            out.box(left, y, bits * bit, HIGH, "varies", f.name)
            out.text(left + bits * bit / 2, y + 17, f.name, "middle")
            y += HIGH
    return out.svg()


# ---------------------------------------------------------------------------------------------
# State machines
# ---------------------------------------------------------------------------------------------


def common(transitions: Mapping[Any, Mapping[Any, Any]]) -> set[tuple[Any, Any]]:
    """Events with the step that they take from more than three states: too many lines to draw."""
    count: dict[tuple[Any, Any], int] = {}
    for steps in transitions.values():
        for event, step in steps.items():
            count[event, step] = count.get((event, step), 0) + 1
    return {each for each, number in count.items() if number > 3}


def states(title: str, transitions: Mapping[Any, Mapping[Any, Any]]) -> str:
    """A state machine: a box for each state, in it a row for each event, from there a line to the next state.

    What happens alike in more than three states is in a box of its own at the end.
    """
    often = common(transitions)
    width, high, gap, left = 520.0, 17.0, 14.0, 1.0
    rows: dict[Any, list[tuple[Any, Any]]] = {
        state: [(event, step) for event, step in steps.items() if (event, step) not in often]
        for state, steps in transitions.items()
    }
    at, y = {}, 1.0
    for state, steps in rows.items():
        at[state] = y
        y += 34 + high * len(steps) + (4 if steps else 0) + gap
    edges = [
        (at[state] + 34 + high * number + 8, step.state)
        for state, steps in rows.items()
        for number, (_, step) in enumerate(steps)
        if step.state is not state
    ]
    lanes = lanes_of([(start, at[state] + 10) for start, state in edges])
    out = Drawing(left + width + 22 + 12 * (max(lanes, default=0) + 1), title)
    for state, steps in rows.items():
        _state(out, left, at[state], width, state, [_said(event, step, state) for event, step in steps])
    for (start, state), lane in zip(edges, lanes, strict=True):
        x, right = left + width + 16 + 12 * lane, left + width
        out.line((right, start), (x, start), (x, at[state] + 10), (right + 1, at[state] + 10), kind="arrow")
    told: dict[tuple[Any, Any], list[str]] = {}
    for state, steps in transitions.items():
        for event, step in steps.items():
            if (event, step) in often:
                told.setdefault((event, step), []).append(state.name)
    y += 16
    for (event, step), names in sorted(told.items(), key=lambda each: each[0][0].name):
        without = [state.name for state in transitions if state.name not in names]
        where = f"in all but {', '.join(without)}" if len(without) < len(names) else f"in {', '.join(names)}"
        where = where if without else "in all"
        lines = [f"to {step.state.name}" + _doing(step), *wrapped(where, width - 14)]
        _state(out, left, y, width, event, lines)
        y += 34 + high * len(lines) + 4 + gap
    return out.svg()


def _state(out: Drawing, x: float, y: float, width: float, what: Any, lines: Iterable[str]) -> None:
    """A box: a name, what it means, lines."""
    lines = list(lines)
    out.box(x, y, width, 34 + 17 * len(lines) + (4 if lines else 0), "box", what.value)
    out.text(x + 7, y + 14, what.name, "strong")
    out.text(x + 7, y + 28, what.value, "mark", width - 14)
    for number, line in enumerate(lines):
        out.text(x + 7, y + 34 + 17 * number + 12, line, "", width - 10)


def _said(event: Any, step: Any, here: Any) -> str:
    """A row of a state."""
    return event.name + (f" → {step.state.name}" if step.state is not here else " (stays)") + _doing(step)


def _doing(step: Any) -> str:
    """What is done in a step."""
    done = ", ".join(each.name.lower().replace("_", " ") for each in step.actions)
    return f": {done}" if done else ""


def wrapped(text: str, room: float) -> list[str]:
    """Text in lines that have room."""
    lines = [""]
    for word in text.split():
        if lines[-1] and (len(lines[-1]) + len(word) + 1) * LETTER > room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def lanes_of(edges: list[tuple[float, float]]) -> list[int]:
    """For each line the lane in which it runs, so that no two that overlap share one; the short ones are inside."""
    taken: list[list[tuple[float, float]]] = []
    lanes = [0] * len(edges)
    for index in sorted(range(len(edges)), key=lambda one: abs(edges[one][0] - edges[one][1])):
        low, high = sorted(edges[index])
        free = (lane for lane, there in enumerate(taken) if all(high < a or b < low for a, b in there))
        lane = next(free, len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        lanes[index] = lane
    return lanes
