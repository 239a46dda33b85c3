"""What the benchmarks record can be compared: the time of one command, whatever a run was made of."""

from __future__ import annotations

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
    row = "benchmarks/bench_system.py::bench_system[256 KiB sequential read at depth 32-{}]"
    records = recorded(row.format("pysrp"), row.format("floor (not spinning)"))
    assert len(records) == 2
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
