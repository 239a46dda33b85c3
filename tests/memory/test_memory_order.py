"""The orders that gate.h, fabric.h and ear.h name, in a model of C11's memory (model.h): enough, and each of them needed."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysrp import _fast

HERE = Path(__file__).parent
FAST = Path(next(iter(_fast.__path__)))
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]

HEADERS = {"gate_model.c": "gate.h", "ring_model.c": "fabric.h", "ear_model.c": "ear.h"}
PROGRAMS = [*HEADERS, "linger_model.c"]
WEAKER = {
    "ACQUIRE": ["RELAXED"],
    "RELEASE": ["RELAXED"],
    "ACQ_REL": ["ACQUIRE", "RELEASE"],
    "SEQ_CST": ["ACQ_REL"],
}

ASKED_BEFORE = "crq_header() has acquired already; what an exchange may find instead is an event, behind which is no data"
FENCED = "the fence beside it is what counts; beside a system call a full store costs nothing"
NO_DATA = "behind an event is no data"
FAILING = "C11 has no order of failing that is stronger than that of success"
STRONGER = {
    ("shared_get", "ACQUIRE", "RELAXED"): FENCED,
    ("shared_set", "SEQ_CST", "ACQ_REL"): FENCED,
    ("shared_swap", "SEQ_CST", "ACQ_REL"): FENCED,
    ("crq_post", "ACQ_REL", "ACQUIRE"): NO_DATA,
    ("crq_post", "ACQ_REL", "RELEASE"): NO_DATA,
    ("crq_take", "ACQ_REL", "RELEASE"): ASKED_BEFORE,
    ("pysrp_gate_await", "ACQUIRE", "RELAXED"): FAILING,
}
"""Orders that are more than what is modelled needs, and why that does no harm."""


def run(folder: Path, program: str, header: str | None = None) -> subprocess.CompletedProcess[str]:
    """Compile it with a header in place of ours, and run it."""
    if header is not None:
        (folder / HEADERS[program]).write_text(header)
    binary = folder / program.removesuffix(".c")
    subprocess.run(
        [
            COMPILER,
            "-std=gnu11",
            "-O1",
            "-w",
            f"-I{folder}",
            f"-I{HERE}",
            f"-I{FAST}",
            "-o",
            binary,
            HERE / program,
        ],
        check=True,
    )
    return subprocess.run([binary], capture_output=True, text=True, check=False)


def orders(header: str) -> Iterator[tuple[str, str, int, str]]:
    """Each order in a header that can be weaker: function, what it is, where it stands, and the weaker one."""
    text = (FAST / header).read_text()
    function = ""
    for found in re.finditer(r"^static inline [\w ]*[ *](\w+)\(|__ATOMIC_(\w+)", text, re.M):
        if found[1]:
            function = found[1]
        for weaker in WEAKER.get(found[2] or "", ()):
            yield function, found[2], found.start(2), weaker


def test_the_model_does_what_processors_do(tmp_path: Path) -> None:
    done = run(tmp_path, "litmus.c")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_orders_are_enough(tmp_path: Path, program: str) -> None:
    done = run(tmp_path, program)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("program", HEADERS)
def test_each_of_them_is_needed_and_a_weaker_one_is_found(tmp_path: Path, program: str) -> None:
    header = HEADERS[program]
    text = (FAST / header).read_text()
    left = []
    for function, order, place, weaker in orders(header):
        done = run(tmp_path, program, text[:place] + weaker + text[place + len(order) :])
        if done.returncode == 0:
            left.append((function, order, weaker))
    assert left == [each for each in STRONGER if f"{each[0]}(" in text]
