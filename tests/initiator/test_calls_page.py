"""The programs of docs/calls.md do what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pysrp.backends import Ram
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

PAGE = Path(__file__).parents[2] / "docs/calls.md"
PROGRAMS = re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n(.*?)```", PAGE.read_text(), re.M | re.S)


def test_each_call_has_a_program() -> None:
    text = PAGE.read_text()
    assert [name for name, _ in PROGRAMS] == re.findall(r"^## (.*)$", text, re.M)
    assert len(PROGRAMS) == 6


@pytest.mark.parametrize(("name", "program"), PROGRAMS, ids=[name for name, _ in PROGRAMS])
def test_a_program(name: str, program: str) -> None:
    with Server("local:calls-page", LunMap([(256, Disk(Ram(4 << 20), "page"))])) as server:
        exec(compile(program, f"{PAGE.name}, {name}", "exec"), {"url": server.url})
