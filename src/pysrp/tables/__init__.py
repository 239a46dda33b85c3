"""Names of additional sense codes and operation codes.

The numbers are T10's, in two CSV files beside this module: ``asc-ascq.csv`` (asc, first and last ascq, text,
in which ``0x%x`` stands for the ascq) and ``opcodes.csv`` (table, value, device type, name). A file is read
when it is first needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

__all__ = ["asc_ascq_text", "opcode_name", "opcodes"]

# Opcodes whose service action, or the mode in its place, has a table. False: its text alone does not name the command.
_SERVICE_ACTIONS = {
    0x34: ("read_pos", False),
    0x3B: ("write_buff", False),
    0x3C: ("read_buff", False),
    0x48: ("sanitize", False),
    0x5E: ("pr_in", False),
    0x5F: ("pr_out", False),
    0x7F: ("variable_length", True),
    0x83: ("xcopy_sa", True),
    0x84: ("rec_copy_sa", True),
    0x8C: ("read_attr", False),
    0x94: ("zoning_out", True),
    0x95: ("zoning_in", True),
    0x9E: ("serv_in16", True),
    0x9F: ("serv_out16", True),
    0xA3: ("maint_in", True),
    0xA4: ("maint_out", True),
    0xA9: ("serv_out12", True),
    0xAB: ("serv_in12", True),
}
# The data's device types, by peripheral device type.
_DEVICE_TYPES = {
    0x00: ("DISK_ZBC", "DISK"),
    0x01: ("TAPE",),
    0x02: ("PRINTER",),
    0x03: ("PROCESSOR",),
    0x04: ("OPTICAL", "DISK_ZBC", "DISK"),
    0x05: ("MMC",),
    0x07: ("OPTICAL", "DISK_ZBC", "DISK"),
    0x08: ("MCHANGER",),
    0x0C: ("SAC",),
    0x0E: ("DISK_ZBC", "DISK"),
    0x0F: ("OCRW",),
    0x12: ("ADC",),
    0x14: ("DISK_ZBC",),
}


def _rows(name: str) -> Iterable[list[str]]:
    """The lines of a file below its heading."""
    import csv
    from importlib.resources import files

    text = (files(__name__) / name).read_text(encoding="utf-8")
    return csv.reader(text.splitlines()[1:])


@cache
def _additional_sense() -> dict[tuple[int, int], str]:
    return {
        (int(asc, 16), ascq): text.replace("0x%x", f"{ascq:#x}")
        for asc, first, last, text in _rows("asc-ascq.csv")
        for ascq in range(int(first, 16), int(last, 16) + 1)
    }


@cache
def _names() -> dict[str, dict[int, dict[str, str]]]:
    """Table to value to device type to name."""
    tables: dict[str, dict[int, dict[str, str]]] = {}
    for table, value, device_type, name in _rows("opcodes.csv"):
        tables.setdefault(table, {}).setdefault(int(value, 16), {})[device_type] = name.upper()
    return tables


def asc_ascq_text(asc: int, ascq: int) -> str:
    """The text of an additional sense code (byte) with its qualifier (byte) (SPC-5, annex of ASC and ASCQ).

    Codes that are not assigned are "Vendor specific" where either byte is 80h or more, else "Unassigned".
    """
    text = _additional_sense().get((asc, ascq))
    if text is not None:
        return text
    return "Vendor specific" if asc >= 0x80 or ascq >= 0x80 else "Unassigned"


def opcodes(device_type: int) -> list[tuple[int, list[int]]]:
    """The assigned opcodes of a peripheral device type, ascending, each with its service actions, if it has any.

    READ BUFFER and WRITE BUFFER have their modes in place of service actions.
    """
    names = _names()
    kinds = {*_DEVICE_TYPES.get(device_type, ()), "ALL"}
    found = []
    for opcode, by_kind in sorted(names["normal_opcodes"].items()):
        if not kinds.isdisjoint(by_kind):
            table = _SERVICE_ACTIONS.get(opcode, ("", False))[0]
            actions = [
                action
                for action, of_kind in sorted(names.get(table, {}).items())
                if not kinds.isdisjoint(of_kind)
            ]
            found.append((opcode, actions))
    return found


def opcode_name(opcode: int, device_type: int | None = None, service_action: int | None = None) -> str:
    """The standard's name of a command, in capitals.

    ``opcode`` is the first byte of the CDB, ``device_type`` the peripheral device type: some opcodes mean
    different commands for different device types (None: the command of a disk, or if disks have none, of any type that
    has one). ``service_action`` counts only for opcodes that have service actions; READ BUFFER and WRITE BUFFER take
    their mode for it. Where the text of a service action does not name the command, the result is the command's name, a
    comma, and the service action's. Codes that are not assigned are "VENDOR SPECIFIC (C1h)", from C0h on, or
    "UNASSIGNED (1Fh)".
    """
    names = _names()
    kinds = (*_DEVICE_TYPES.get(0 if device_type is None else device_type, ()), "ALL")
    found = names["normal_opcodes"].get(opcode)
    if not found:
        return f"{'VENDOR SPECIFIC' if opcode >= 0xC0 else 'UNASSIGNED'} ({opcode:02X}h)"
    kind = next((k for k in kinds if k in found), next(iter(found)))
    if service_action is None or opcode not in _SERVICE_ACTIONS or (kind == "TAPE") != (opcode == 0x34):
        return found[kind]
    table, standalone = _SERVICE_ACTIONS[opcode]
    if kind == "MMC":
        return found[kind]
    actions = names[table].get(service_action)
    if not actions:
        return f"{found[kind]}, SERVICE ACTION {service_action:02X}h"
    action = actions[next((k for k in kinds if k in actions), next(iter(actions)))]
    return action if standalone else f"{found[kind]}, {action}"
