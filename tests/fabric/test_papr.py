"""PAPR's return codes: written once, and the same in C."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pysrp import fabric, papr
from pysrp.errors import HcallError
from pysrp.papr import ReturnCode, name_of, retry_after

SOURCES = Path(__file__).parents[2] / "src"


def test_what_asks_to_be_called_again() -> None:
    assert ReturnCode.H_BUSY.retry_after == ReturnCode.H_IN_PROGRESS.retry_after == 0
    assert ReturnCode.H_LONG_BUSY_1_MSEC.retry_after == pytest.approx(0.001)
    assert ReturnCode.H_LONG_BUSY_100_SEC.retry_after == pytest.approx(100)
    assert ReturnCode.H_DROPPED.retry_after is None
    assert (retry_after(9903), retry_after(9906), retry_after(9899), retry_after(-5)) == (1, None, None, None)
    assert HcallError(9904, "busy").retry_after == 10
    assert HcallError(-5, "unknown").retry_after is None


def test_names() -> None:
    assert (name_of(0), name_of(-12), name_of(-5)) == ("H_SUCCESS", "H_DROPPED", "unknown return code")
    assert fabric.ReturnCode is papr.ReturnCode


def test_no_other_file_has_a_number() -> None:
    """But fabric.h, which is held against them when the module loads."""
    written = re.compile(r"\bH_[A-Z0-9_]+ *= *-?\d|\b990[0-5]\b|#define +H_[A-Z]")
    found = {
        path.name
        for path in SOURCES.rglob("*")
        if path.suffix in (".py", ".pyx", ".pxd", ".pxi", ".h") and written.search(path.read_text())
    }
    assert found == {"papr.py", "fabric.h"}


@pytest.mark.parametrize("name", ["H_SUCCESS", "H_DROPPED", "H_NO_MEM", "H_RESOURCE"])
def test_a_module_whose_numbers_differ_does_not_load(name: str) -> None:
    program = f"""
import enum, pysrp.papr
codes = {{x.name: int(x) for x in pysrp.papr.ReturnCode}}
codes["{name}"] = -99
pysrp.papr.ReturnCode = enum.IntEnum("ReturnCode", codes)
import pysrp._fast.fabric
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert f"for {name}, pysrp.papr -99" in ran.stderr
    assert ran.returncode == 1


def test_all_that_c_has_is_held_against_papr() -> None:
    in_c = set(re.findall(r"^\t(H_[A-Z0-9_]+) = ", (SOURCES / "_fast/fabric.h").read_text(), re.M))
    compared = set(re.findall(r'"(H_[A-Z0-9_]+)": H_', (SOURCES / "_fast/fabric.pyx").read_text()))
    assert in_c == compared
