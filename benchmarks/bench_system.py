"""How many commands a second does the whole system do, from one process to another, and how long do they take?

::

    python benchmarks/bench_system.py [--seconds 2] [--rounds 3] [--only pysrp,floor] [--rows random] [--json FILE]
    pytest benchmarks/bench_system.py

Each side is a process of its own on this machine: pysrp over ``unix:``, given columns of commands and given each by
a call; compared with other tools for the same purpose (tgtd and libiscsi; NBD by nbdkit or qemu-storage-daemon, loaded by
fio), and with the floor: the same messages in C over shared memory (``system/floor.c``). A disk is memory whose pages
all exist; or a file, which is read before each run and so in the page cache, compared with fio on that file; or a loop
device without the page cache; or an NBD server; or an image of a one-node Ceph cluster in memory, compared with fio's
rbd engine. The rows and their aims are in ``system/rows.py``. The figures are the load generators' own.

Contestants take turns in short runs, row by row, so that other load of the machine affects all of them alike. The
median of a contestant's runs is printed, with the lowest and highest rate. "cpu us" is the processor time that both
sides together spend on a command: on a shared machine it is more reliable than the rate.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from clock import each, record
from system.contestants import Failed, Figures, Missing
from system.files import CONTESTANTS
from system.rows import ROWS, Row, held

OWN = "pysrp"
SHORT, RUNS, SMOKE = 0.25, 3, 0.05
"""Seconds of a run under pytest; runs of a row; seconds of the single run where nothing is measured."""

PERCENTILES = "50", "99", "99.9"


class Field:
    """The contestants. A server is started when it is first loaded, and runs until the end."""

    def __init__(self, where: Path) -> None:
        self._where = where
        self._stack = ExitStack()
        self._runs: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Field:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def enter(self, who: str, row: Row) -> Any:
        """A contestant whose server runs. Raises Missing, saying what to install or what this machine lacks."""
        cores = len(os.sched_getaffinity(0))
        if row.cores > cores:
            raise Missing(f"{row.name} needs {row.cores} processors, here are {cores}")
        key = who, row.on
        if key not in self._runs:
            where = Path(tempfile.mkdtemp(dir=self._where))
            self._runs[key] = self._stack.enter_context(CONTESTANTS[row.on][who](where))
        return self._runs[key]

    def run(self, who: str, row: Row, seconds: float) -> Figures:
        figures: Figures = self.enter(who, row)(row, seconds)
        return figures


@contextmanager
def field() -> Iterator[Field]:
    with tempfile.TemporaryDirectory(prefix="pysrp-bench-") as where, Field(Path(where)) as entered:
        yield entered


def median(runs: list[Figures]) -> dict[str, Any]:
    rates = [run.iops for run in runs]
    known = [run.us for run in runs if run.us]
    us = {at: statistics.median(us[at] for us in known) for at in PERCENTILES} if known else {}
    cpu = [run.cpu for run in runs if run.cpu is not None]
    return {
        "iops": statistics.median(rates),
        "lowest": min(rates),
        "highest": max(rates),
        "cpu_us": statistics.median(cpu) if cpu else None,
        "us": us,
    }


def print_row(row: Row, results: dict[str, dict[str, Any]]) -> None:
    own = results.get(OWN, {}).get("iops")
    mib = row.size / (1 << 20)
    print(f"\n{row.name:<30}{'IOPS':>10}  {'lowest..highest':>20}{'MiB/s':>8}{'cpu us':>8}", end="")
    print("".join(f"{'p' + at + ' us':>10}" for at in PERCENTILES) + f"{'x pysrp':>9}")
    for who, result in sorted(results.items(), key=lambda each: -each[1]["iops"]):
        spread = f"{result['lowest']:,.0f}..{result['highest']:,.0f}"
        print(f"  {who:<28}{result['iops']:>10,.0f}  {spread:>20}{result['iops'] * mib:>8,.0f}", end="")
        print(f"{result['cpu_us']:>8.1f}" if result["cpu_us"] else f"{'-':>8}", end="")
        print(
            "".join(f"{result['us'][at]:>10,.1f}" if result["us"] else f"{'-':>10}" for at in PERCENTILES),
            end="",
        )
        print(f"{result['iops'] / own:>9.2f}" if own else "", flush=True)


def print_aims(table: dict[str, dict[str, dict[str, Any]]]) -> None:
    print()
    for row, results in table.items():
        for sentence in held(row, results):
            print(sentence)


def choose(names: list[str], wanted: str, what: str) -> list[str]:
    """The contestants whose names contain one of the words."""
    words = [word.strip() for word in wanted.split(",")]  # an empty word is in every name
    unknown = [word for word in words if not any(word in name for name in names)]
    if unknown:
        raise SystemExit(f"no {what} is called {', '.join(unknown)}; there are: {'; '.join(names)}")
    return [name for name in names if any(word in name for word in words)]


def take_turns(
    entered: Field, row: Row, who: list[str], rounds: int, seconds: float, report: dict[str, Any]
) -> dict[str, list[Figures]]:
    """Make the runs of a row. A contestant that is missing or fails is reported, also in the JSON report."""
    runs: dict[str, list[Figures]] = {}
    for turn in range(rounds):
        for name in [*who[turn % len(who) :], *who[: turn % len(who)]] if who else ():
            try:
                figures = entered.run(name, row, seconds)
            except Missing as why:
                who.remove(name)
                if report["missing"].setdefault(name, {}).setdefault(str(why), row.name) == row.name:
                    print(f"NOT MEASURED: {name}: {why}", flush=True)
            except Failed as why:
                report["failed"].setdefault(name, []).append(f"{row.name}: {why}")
                print(f"FAILED: {name}, {row.name}: {why}", flush=True)
            else:
                runs.setdefault(name, []).append(figures)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of load per contestant and row, in all rounds"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs that the seconds are divided into")
    parser.add_argument(
        "--only", metavar="WORD,...", default="", help="contestants with such a word in their name"
    )
    parser.add_argument("--rows", metavar="WORD,...", default="", help="rows with such a word in their name")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all figures there")
    args = parser.parse_args()
    if args.rounds < 1 or not 0.05 <= args.seconds / args.rounds <= 600:
        parser.error("a run takes 0.05 to 600 seconds")
    everybody = list(dict.fromkeys(who for table in CONTESTANTS.values() for who in table))
    chosen = choose(everybody, args.only, "contestant")
    wanted = choose([row.name for row in ROWS], args.rows, "row")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that all clean-up code runs

    report: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "seconds": args.seconds,
        "rounds": args.rounds,
        "missing": {},
        "failed": {},
        "rows": {},
    }
    load = report["load"][0]
    print(
        f"{args.rounds} runs of {args.seconds / args.rounds:.2f} s each, {os.cpu_count()} CPUs, load {load:.1f}",
        end="",
    )
    print(": others are using this machine, see the spread" if load > 0.5 else "")
    with field() as entered:
        for row in (row for row in ROWS if row.name in wanted):
            who = [name for name in CONTESTANTS[row.on] if name in chosen]
            runs = take_turns(entered, row, who, args.rounds, args.seconds / args.rounds, report)
            if runs:
                report["rows"][row.name] = {name: median(each) for name, each in runs.items()}
                print_row(row, report["rows"][row.name])
    print_aims(report["rows"])
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")
    if report["failed"]:
        sys.exit(1)


@pytest.fixture(scope="module")
def contestants() -> Iterator[Field]:
    with field() as entered:
        yield entered


@each()
@pytest.mark.parametrize(
    ("row", "who"),
    [pytest.param(row.name, who, id=f"{row.name}-{who}") for row in ROWS for who in CONTESTANTS[row.on]],
)
def bench_system(benchmark: Any, contestants: Field, row: str, who: str) -> None:
    """A few short runs. The recorded time is that of one command: the seconds of a run divided by its commands."""
    asked = next(known for known in ROWS if known.name == row)
    benchmark.group = row
    seconds = SMOKE if benchmark.disabled else SHORT
    try:
        contestants.enter(who, asked)
        runs = record(
            benchmark, lambda: contestants.run(who, asked, seconds), lambda figures: 1 / figures.iops, RUNS
        )
    except Missing as why:
        pytest.skip(f"NOT MEASURED: {why}")
    benchmark.extra_info.update(median(runs))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
