"""docs/commands.md: it says what the tables of commands do, and what is refused is refused so."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from pysrp.backends import Ram
from pysrp.target.disk import Disk, ThinDisk
from unit_bench import Bench

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("commands_tool", ROOT / "tools" / "commands.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_that_of_the_tables(tool: ModuleType) -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert written == tool.page(), "tools/commands.py --write"


def test_every_supported_command_is_on_it(tool: ModuleType) -> None:
    listed = {(row.opcode, row.action) for row in tool.rows()}
    assert {(one.opcode, one.action) for one in ThinDisk.commands} <= listed
    assert all((ROOT / "tests" / "target" / each).exists() for each in tool.HELD.values())


def cdb(opcode: int, action: int | None) -> bytes:
    raw = bytearray(32)
    raw[0] = opcode
    if opcode == 0x7F:
        raw[7], raw[8:10] = 24, (action or 0).to_bytes(2, "big")
    elif action is not None:
        raw[1] = action
    return bytes(raw)


@pytest.mark.parametrize("kind", [Disk, ThinDisk])
def test_what_is_refused_is_refused_so(tool: ModuleType, kind: type[Disk]) -> None:
    said = {
        "05/20/00, byte 0": ((5, 0x20, 0), (True, 0, None)),
        "05/24/00, byte 1, bit 4": ((5, 0x24, 0), (True, 1, 4)),
        "05/24/00, bytes 8 and 9": ((5, 0x24, 0), (True, 8, None)),
    }
    count = 0
    with Ram(1 << 20) as ram, Bench(kind(ram)) as bench:
        for row in tool.rows():
            if tool.entry(row, kind) is not None:
                continue
            text = tool.cells(row)[2].rpartition("else ")[2]
            result = bench(cdb(row.opcode, row.action))
            assert (result.code, result.pointer) == said[text], row
            count += 1
    assert count > 100
