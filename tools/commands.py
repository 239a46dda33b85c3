"""docs/commands.md: each command of SPC and SBC, and how a disk handles it.

::

    .venv/bin/python tools/commands.py           print the page
    .venv/bin/python tools/commands.py --write   write docs/commands.md, which a test compares

Names come from pysrp's table of opcodes, the rest from the units' tables of commands.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pysrp.tables import opcode_name, opcodes
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.units.commands import IGNORED, REFUSED, Conflict, SupportedCdb

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

HELD = {
    "AtomicCommands": "test_atomic.py",
    "CapacityCommands": "test_disk.py",
    "CopyCommands": "test_extended_copy.py",
    "DiagnosticCommands": "test_diagnostics.py",
    "FormatCommands": "test_format.py",
    "InformationCommands": "test_information.py",
    "InquiryCommands": "test_unit.py",
    "LogCommands": "test_logs.py",
    "ModeCommands": "test_modes.py",
    "MoveCommands": "test_disk.py",
    "PersistentCommands": "test_persistent.py",
    "PortGroupCommands": "test_port_groups.py",
    "ReadinessCommands": "test_unit.py",
    "ReportCommands": "test_unit.py",
    "ReservationCommands": "test_unit.py",
    "SanitizeCommands": "test_sanitize.py",
    "StopCommands": "test_power.py",
    "TimestampCommands": "test_timestamps.py",
    "ThinCommands": "test_thin.py",
    "VerifyCommands": "test_long_commands.py",
    "WriteSameCommands": "test_write_same.py",
}
"""The test of each part's commands, in tests/target/."""

OF_PERSISTENT = frozenset({0x5E, 0x5F})
"""Opcodes for which each service action has its own rule of reservation conflicts: docs/reservations.md."""

WHEN = {
    "keeps": "units that keep it",
    "max_atomic": "over a medium that promises it",
    "port_groups": "units with target port groups",
    "thin": "thin ones",
}
"""Attribute of a unit: which units have the commands that depend on it."""

OF_MODES = frozenset({0x3B, 0x3C})
"""Opcodes with a mode in place of the service action; the handler itself checks the mode."""

LATE = frozenset({0x34, 0x7F, 0x90})
"""PRE-FETCH, and CDBs of 32 bytes."""

LONG = 0x7F
LAST_OF_SBC = 0x1FFF
"""Service actions of 32-byte CDBs from here on belong to OSD."""

HEAD = """# Commands

Each command of SPC and SBC, and what a disk makes of it. `tools/commands.py` writes this page from the tables of commands;
`tests/target/test_commands_page.py` holds it against them, and sends what is refused. Other devices have other tables: REPORT
SUPPORTED OPERATION CODES tells what one has.

*must be 0*: fields whose commands end with 05/24/00 at the field, if they are set; NACA, protection information and relative
addresses are among them wherever there are such. *conflicts with*: reservations of another nexus (SPC-5, 5.14.1; SBC-4, 4.17): none;
RESERVE of SPC-2; types Exclusive Access too; all types.

| | command | a disk | must be 0 | conflicts with | test (`tests/target/`) |
|---|---|---|---|---|---|
"""

CONFLICTS = {
    Conflict.NEVER: "none",
    Conflict.RESERVE: "RESERVE",
    Conflict.EXCLUSIVE_ACCESS: "Exclusive Access",
    Conflict.ALWAYS: "all",
}


class Row(NamedTuple):
    """One command."""

    opcode: int
    action: int | None
    name: str

    @property
    def code(self) -> str:
        """Opcode and service action as text."""
        if self.action is None:
            return f"{self.opcode:02X}"
        return f"{self.opcode:02X}/{self.action:0{4 if self.opcode == LONG else 2}X}"


def rows() -> Iterator[Row]:
    """All commands that a disk may have."""
    for opcode, actions in opcodes(0):
        if not actions or opcode in OF_MODES:
            yield Row(opcode, None, opcode_name(opcode, 0))
            continue
        for action in actions:
            if opcode != LONG or action <= LAST_OF_SBC:
                yield Row(opcode, action, opcode_name(opcode, 0, action))


def entry(row: Row, unit: type[Disk]) -> SupportedCdb | None:
    """The entry for a command in a unit's table."""
    found = unit.commands.by_opcode.get(row.opcode)
    if isinstance(found, dict):
        return None if row.action is None else found.get(row.action)
    return found


def refusal(row: Row) -> str:
    """How a command without an entry is refused."""
    if isinstance(ThinDisk.commands.by_opcode.get(row.opcode), dict):
        at = "bytes 8 and 9" if row.opcode == LONG else "byte 1, bit 4"
        return f"05/24/00, {at}"
    return "05/20/00, byte 0"


def cells(row: Row) -> list[str]:
    """The cells of a row of the page's table."""
    found = entry(row, ThinDisk)
    if found is None:
        return [row.code, row.name, refusal(row), "", "", "test_commands_page.py"]
    where = "yes" if entry(row, Disk) is not None else "thin ones; else 05/20/00, byte 0"
    if row.opcode == 0x9E and where != "yes":
        where = "thin ones; else 05/24/00, byte 1, bit 4"
    here = entry(row, Disk) or found
    names = {field.name for field in found.cdb.FIELDS if not field.reserved}
    zero = sorted((here.refuses & names) - REFUSED - IGNORED)
    if found.when is not None:
        where = f"{WHEN[found.when]}; else {refusal(row)}"
    if row.opcode in OF_PERSISTENT:
        conflicts = "see [reservations](reservations.md)"
    elif callable(found.conflicts):
        conflicts = "by what it asks for"
    else:
        conflicts = CONFLICTS[found.conflicts]
    part = found.handler.__qualname__.partition(".")[0]  # type: ignore[attr-defined]
    test = "test_long_commands.py" if part == "MoveCommands" and row.opcode in LATE else HELD[part]
    return [row.code, row.name, where, ", ".join(zero), conflicts, test]


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {' | '.join(cells(row))} |\n" for row in rows())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write docs/commands.md")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
