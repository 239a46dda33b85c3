"""The number tables: what is in the files, what the questions answer, and when the files are read."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysrp.tables import asc_ascq_text, opcode_name, opcodes

DEVICE_TYPES = {"ALL", "DISK", "DISK_ZBC", "TAPE", "PRINTER", "PROCESSOR", "MMC", "OPTICAL", "MCHANGER"}
DEVICE_TYPES |= {"SAC", "OCRW", "ADC"}


def rows(name: str) -> list[dict[str, str]]:
    with (files("pysrp.tables") / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_asc_ascq_rows_neither_repeat_nor_overlap() -> None:
    seen: dict[tuple[int, int], str] = {}
    for row in rows("asc-ascq.csv"):
        first, last = int(row["ascq_first"], 16), int(row["ascq_last"], 16)
        assert 0 <= first <= last <= 255, row
        for ascq in range(first, last + 1):
            key = int(row["asc"], 16), ascq
            assert key not in seen, (row, seen[key])
            seen[key] = row["text"]
        assert row["text"] == row["text"].strip() != "", row
        assert "%" not in row["text"].replace("0x%x", "", 1), row
        assert ("%" in row["text"]) == (first != last), row
    assert len(seen) > 1200


def test_opcode_rows_do_not_repeat() -> None:
    keys = [(row["table"], int(row["value"], 16), row["device_type"]) for row in rows("opcodes.csv")]
    assert len(keys) == len(set(keys))
    assert {key[2] for key in keys} <= DEVICE_TYPES


@pytest.mark.parametrize(
    ("asc", "ascq", "text"),
    [
        (0x00, 0x00, "No additional sense information"),
        (0x04, 0x01, "Logical unit is in process of becoming ready"),
        (0x20, 0x00, "Invalid command operation code"),
        (0x24, 0x00, "Invalid field in cdb"),
        (0x25, 0x00, "Logical unit not supported"),
        (0x29, 0x00, "Power on, reset, or bus device reset occurred"),
        (0x3A, 0x00, "Medium not present"),
        (0x40, 0x85, "Diagnostic failure on component [0x85]"),
        (0x40, 0x00, "Ram failure (should use 40 nn)"),
        (0x4D, 0x00, "Tagged overlapped commands [0x0]"),
        (0x4D, 0xFF, "Tagged overlapped commands [0xff]"),
        (0x80, 0x00, "Vendor specific"),
        (0x04, 0x80, "Vendor specific"),
        (0x04, 0x7F, "Unassigned"),
        (0x7F, 0x00, "Unassigned"),
    ],
)
def test_asc_ascq_text(asc: int, ascq: int, text: str) -> None:
    assert asc_ascq_text(asc, ascq) == text


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0x00,), "TEST UNIT READY"),
        ((0x12,), "INQUIRY"),
        ((0x28,), "READ(10)"),
        ((0x08,), "READ(6)"),
        ((0x08, 3), "RECEIVE"),
        ((0x1B, 1), "LOAD UNLOAD"),
        ((0x42,), "UNMAP"),
        ((0x42, 5), "READ SUB-CHANNEL"),
        ((0x43,), "READ TOC/PMA/ATIP"),
        ((0xA3,), "MAINTENANCE IN"),
        ((0xA3, 0, 0x0C), "REPORT SUPPORTED OPERATION CODES"),
        ((0xA3, 5, 0x0C), "SEND KEY"),
        ((0xA3, 0, 0x1E), "READ DYNAMIC RUNTIME ATTRIBUTE"),
        ((0xA3, 0x12, 0x1E), "REPORT AUTOMATION DEVICE ATTRIBUTES"),
        ((0x9E, None, 0x10), "READ CAPACITY(16)"),
        ((0x9E, None, 0x1F), "SERVICE ACTION IN(16), SERVICE ACTION 1Fh"),
        ((0x7F, None, 0x09), "READ(32)"),
        ((0x7F, None, 0x8887), "APPEND (OSD-2)"),
        ((0x7F,), "VARIABLE LENGTH"),
        ((0x5E, None, 0x01), "PERSISTENT RESERVE IN, READ RESERVATION"),
        ((0x5F, None, 0x07), "PERSISTENT RESERVE OUT, REGISTER AND MOVE"),
        ((0x3C, None, 0x1C), "READ BUFFER(10), ERROR HISTORY"),
        ((0x83, None, 0x10), "POPULATE TOKEN"),
        ((0x84, None, 0x03), "RECEIVE COPY OPERATING PARAMETERS"),
        ((0x95, 0x14, 0x00), "REPORT ZONES"),
        ((0x34, None, 0x06), "PRE-FETCH(10)"),
        ((0x34, 1, 0x06), "READ POSITION, LONG FORM"),
        ((0x12, None, 0x01), "INQUIRY"),
        ((0x22,), "UNASSIGNED (22h)"),
        ((0xC1,), "VENDOR SPECIFIC (C1h)"),
    ],
)
def test_opcode_name(arguments: tuple[int, ...], name: str) -> None:
    assert opcode_name(*arguments) == name


@given(st.integers(0, 255), st.none() | st.integers(0, 31), st.none() | st.integers(0, 65535))
def test_every_opcode_has_a_name(opcode: int, device_type: int | None, service_action: int | None) -> None:
    assert re.fullmatch(r"\S.*\S", opcode_name(opcode, device_type, service_action))


@given(st.integers(0, 255), st.integers(0, 255))
def test_every_additional_sense_code_has_a_text(asc: int, ascq: int) -> None:
    assert "%" not in asc_ascq_text(asc, ascq)
    assert asc_ascq_text(asc, ascq)


def test_importing_reads_no_table() -> None:
    script = (
        "import sys, builtins, io\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: event == 'open' and opened.append(str(args[0])))\n"
        "import pysrp, pysrp.scsi, pysrp.tables\n"
        "assert 'csv' not in sys.modules and 'importlib.resources' not in sys.modules\n"
        "assert not [p for p in opened if p.endswith('.csv')]\n"
        "pysrp.tables.opcode_name(0)\n"
        "assert [p for p in opened if p.endswith('opcodes.csv')]\n"
        "assert not [p for p in opened if p.endswith('asc-ascq.csv')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_opcodes_of_a_device_type():
    found = dict(opcodes(0))
    assert found[0x00] == []
    assert found[0x5E] == [0, 1, 2, 3]
    assert 0x89 in found
    assert 0xBE in found
    assert found[0x9E][1:4] == [0x10, 0x11, 0x12]
    assert list(found) == sorted(found)
    assert 0x34 in found
    assert 0x43 not in found, "READ TOC is a CD drive's"
    assert 0x43 in dict(opcodes(5))
