"""What the benchmarks record can be compared: the time of one command, whatever a run was made of."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not shutil.which("cc") or len(os.sched_getaffinity(0)) < 2, reason="needs a C compiler and two processors"
)


@pytest.fixture
def recorded(tmp_path: Path) -> Any:
    """A function that runs benchmarks; the records of their JSON."""

    def recorded(*chosen: str) -> list[dict[str, Any]]:
        report = tmp_path / "report.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--benchmark-json={report}",
        ]
        # Under a worker of pytest-xdist nothing would be measured.
        environment = {name: value for name, value in os.environ.items() if "PYTEST_XDIST" not in name}
        done = subprocess.run([*command, *chosen], cwd=ROOT, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stdout
        records: list[dict[str, Any]] = json.loads(report.read_text())["benchmarks"]
        return records

    return recorded


def test_rows_of_the_system_record_the_time_of_a_command(recorded: Any) -> None:
    rows = [
        "256 KiB sequential read at depth 32-pysrp",
        "256 KiB sequential read at depth 32-floor (not spinning)",
        "cached file, 4 KiB random, 70 % reads, at depth 32-pysrp",
        "2 clients on one RAM disk, 4 KiB random read at depth 32-pysrp (a server each)",
    ]
    records = recorded(*(f"benchmarks/bench_system.py::bench_system[{row}]" for row in rows))
    assert len(records) == len(rows)
    for record in records:
        assert record["stats"]["median"] * record["extra_info"]["iops"] == pytest.approx(1)
        assert record["stats"]["min"] * record["extra_info"]["highest"] == pytest.approx(1)
    by_time = sorted(records, key=lambda record: float(record["stats"]["median"]))
    assert by_time == sorted(records, key=lambda record: -float(record["extra_info"]["iops"]))


def test_rows_of_the_fabric_record_the_time_of_an_element(recorded: Any) -> None:
    # Of these two, one makes a quarter of the other's elements in a round.
    records = recorded(
        "benchmarks/bench_fabric.py::test_port_stream",
        "benchmarks/bench_fabric.py::test_port_stream_from_python",
    )
    for record in records:
        per_element = record["extra_info"]["nanoseconds_per_element"]
        assert record["stats"]["min"] * 1e9 == pytest.approx(per_element, abs=0.1)


def test_aims_are_held_against_rivals_that_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    rows = importlib.import_module("system.rows")

    def result(iops: float, cpu: float | None, p99: float) -> dict[str, Any]:
        return {"iops": iops, "cpu_us": cpu, "us": {"99": p99}}

    row = "7 clients on one RAM disk, 4 KiB random read at depth 1"
    rival = "pysrp (a server each)"
    assert rows.held(row, {"pysrp": result(89, 1, 19), rival: result(100, 1, 10)}) == [
        f"MISSED: {row}: rate 0.89 x that of {rival}, aim at least 0.9",
        f"met: {row}: p99 1.90 x that of {rival}, aim at most 2",
    ]
    assert rows.held(row, {"pysrp": result(89, 1, 19)}) == []
    row, rival = "2 clients on one RAM disk, 4 KiB random read at depth 32", "pysrp (one client)"
    assert rows.held(row, {"pysrp": result(1, 1.4, 1), rival: result(1, 1, 1)}) == [
        f"MISSED: {row}: CPU time 1.40 x that of {rival}, aim at most 1.3"
    ]
    assert rows.held(row, {"pysrp": result(1, None, 1), rival: result(1, 1, 1)}) == []


def test_every_aim_of_a_row_names_one_of_its_contestants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    rows, files = (importlib.import_module(f"system.{name}") for name in ("rows", "files"))
    for row in rows.ROWS:
        assert {aim.rival for aim in row.aims} < set(files.CONTESTANTS[row.on]), row.name
