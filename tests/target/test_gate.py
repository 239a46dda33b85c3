"""A gate by itself: reasons, what is under way, and the order of memory around both."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysrp._fast import gate
from pysrp._fast.gate import NAMES, STOPS_READS, STOPS_WRITES, Gate

from compiled import run as with_own_sanitizers
from pysrp import _fast

HERE = Path(__file__).parent
HEADER = (Path(next(iter(_fast.__path__))) / "gate.h").read_text()
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]

# Reasons


def test_reasons_are_bits_of_their_own() -> None:
    assert all(reason & reason - 1 == 0 for reason in NAMES)
    assert sum(NAMES) <= STOPS_WRITES
    assert {name for reason, name in NAMES.items() if not reason & STOPS_READS} == {
        "PROTECTED",
        "SWP",
        "NO_CACHE",
        "WATCHED",
    }
    assert {reason: getattr(gate, name) for reason, name in NAMES.items()} == {
        reason: reason for reason in NAMES
    }


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 0xFFFFFFFF))))
def test_who_sets_a_bit_clears_it(changes: list[tuple[bool, int]]) -> None:
    made, expected = Gate(), 0
    for closes, reasons in changes:
        if closes:
            assert made.close(reasons), "nothing is under way"
            expected |= reasons
        else:
            made.open(reasons)
            expected &= ~reasons
        assert (made.reasons, made.under_way) == (expected, 0)


def test_what_it_says_of_itself() -> None:
    made = Gate(gate.SWP)
    assert repr(made) == "<Gate closed: SWP>"
    made.close(gate.TASKS | 1 << 30)
    assert repr(made) == "<Gate closed: TASKS SWP 0x40000000>"
    made.open(0xFFFFFFFF)
    assert repr(made) == "<Gate open>"
    for wrong in -1, 1 << 32, "1", None:
        with pytest.raises((OverflowError, TypeError)):
            made.close(wrong)  # type: ignore[arg-type]


def test_who_closes_an_empty_gate_is_not_called() -> None:
    def never() -> None:
        raise AssertionError

    assert Gate().close(gate.JOB, never)


# The order of memory

ROUNDS = 300
FUNCTIONS = ["enter", "leave", "close", "open", "await"]


def relaxed(name: str) -> str:
    """The header, without the order that one function names."""
    head, found, rest = re.split(
        rf"(^static inline \w+ pysrp_gate_{name}\(.*?^}}$)", HEADER, flags=re.M | re.S
    )
    changed = re.sub("__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)", "__ATOMIC_RELAXED", found)
    assert changed != found
    return head + changed + rest


def compiled(folder: Path, header: str) -> Path:
    """The two threads, under ThreadSanitizer."""
    (folder / "gate.h").write_text(header)
    program = folder / "gate_order"
    done = subprocess.run(
        [COMPILER, "-std=gnu11", "-O1", "-g", "-fsanitize=thread", "-pthread", f"-I{folder}", "-o", program,
         HERE / "gate_order.c"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and "tsan" in done.stderr:
        pytest.skip(f"{COMPILER} has no ThreadSanitizer: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return program


def run(program: Path, rounds: int, how: int) -> subprocess.CompletedProcess[str]:
    return with_own_sanitizers((program, rounds, how))


def test_the_orders_that_are_named_are_enough(tmp_path: Path) -> None:
    program = compiled(tmp_path, HEADER)
    for how in 0, 1:
        done = run(program, ROUNDS, how)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_and_each_of_them_is_needed(tmp_path: Path, name: str) -> None:
    program = compiled(tmp_path, relaxed(name))
    assert any("data race" in run(program, ROUNDS, how).stderr for how in (0, 1))
