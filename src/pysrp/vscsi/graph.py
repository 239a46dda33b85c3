"""A transition table as a graph."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

__all__ = ["graph"]


def graph(name: str, transitions: Mapping[Any, Mapping[Any, tuple[Any, tuple[Enum, ...]]]]) -> str:
    """The table in Graphviz' language. States have their meaning as tooltips; events are labelled with the step's actions."""
    lines = [f"digraph {name} {{"]
    for state in transitions:
        lines.append(f'  {state.name} [tooltip="{state.value}"];')
    for state, steps in transitions.items():
        for event, (after, done) in steps.items():
            label = "\\n".join([event.name, *(each.name.lower() for each in done)])
            lines.append(f'  {state.name} -> {after.name} [label="{label}"];')
    return "\n".join([*lines, "}"])
