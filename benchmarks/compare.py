"""Compare two runs of the benchmarks, with regard to the machine's noise.

::

    make bench                                    here, before the change
    cp build/benchmarks.json /tmp/before.json
    make bench-compare BASE=/tmp/before.json      after it
    make bench-compare BASE=/tmp/before.json BOUND=1.2

``make bench`` measures every row twice. The two figures of one run differ by noise alone; a row is slower if its
better figure is more than ``BOUND`` times the better one of before, and by more than the noise of both runs. Exit
status 1 says that a row is. A slower floor shows a slower machine, and is no failure. Rows of the whole system are
compared by processor time per command, too: on a shared machine it is more reliable than the rate.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, list[float]]
"""Row: the figures of its turns, in seconds."""

FLOOR = re.compile("floor|C loop|hand-written")
"""Parts of the names of rows that measure code other than ours."""

TURN = re.compile(r"-?turn \d+-?")


@dataclass(frozen=True)
class Row:
    """A row that both runs have."""

    name: str
    base: float
    now: float
    noise: float

    @property
    def ratio(self) -> float:
        """Time now over time before."""
        return self.now / self.base

    def verdict(self, bound: float) -> str:
        """``SLOWER``, ``faster``, ``machine``; empty if the difference is within the noise or the bound."""
        limit = max(bound, self.noise)
        if 1 / limit <= self.ratio <= limit:
            return ""
        if FLOOR.search(self.name):
            return "machine"
        return "SLOWER" if self.ratio > 1 else "faster"


def figures(report: dict[str, Any]) -> Figures:
    """Medians, and processor time per command, of pytest-benchmark's JSON."""
    found: Figures = {}
    for record in report["benchmarks"]:
        name = TURN.sub("", record["fullname"].partition("::")[2]).replace("[]", "")
        found.setdefault(name, []).append(record["stats"]["median"])
        if cpu := record.get("extra_info", {}).get("cpu_us"):
            found.setdefault(f"{name} (processor)", []).append(cpu / 1e6)
    return found


def compare(base: Figures, now: Figures) -> list[Row]:
    """The rows that both runs have, in the order of the later run."""
    return [
        Row(
            name,
            min(base[name]),
            min(values),
            max(max(turns) / min(turns) for turns in (base[name], values)),
        )
        for name, values in now.items()
        if name in base
    ]


def read(path: Path) -> dict[str, Any]:
    """Read a report. If there is none, SystemExit says how to make one."""
    try:
        report: dict[str, Any] = json.loads(path.read_text())
        report["benchmarks"][0]["stats"]["median"]
    except (OSError, ValueError, LookupError, TypeError) as problem:
        raise SystemExit(
            f"{path}: no benchmark report ({problem}); make bench writes build/benchmarks.json"
        ) from None
    return report


def machine(report: dict[str, Any]) -> str:
    """The things besides the code on which figures depend."""
    info = report.get("machine_info", {})
    return f"{info.get('cpu', {}).get('brand_raw', '?')}, CPython {info.get('python_version', '?')}"


def main() -> int:
    """Print the rows and 1 if one is slower."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", type=Path, help="report of before")
    parser.add_argument("now", type=Path, help="report of after")
    parser.add_argument(
        "--bound", type=float, default=1.1, help="how many times slower is too slow (default: 1.1)"
    )
    options = parser.parse_args()
    if options.bound < 1:
        parser.error("a bound is 1 or more")
    reports = read(options.base), read(options.now)
    if machine(reports[0]) != machine(reports[1]):
        print(f"NOT THE SAME MACHINE: {machine(reports[0])}; now {machine(reports[1])}")
    base, now = map(figures, reports)
    rows = compare(base, now)
    if not rows:
        raise SystemExit("the reports have no row in common")
    print(f"{'before':>14} {'now':>14} {'ratio':>7} {'noise':>7}")
    for row in rows:
        times = f"{row.base * 1e9:>11,.0f} ns {row.now * 1e9:>11,.0f} ns"
        print(
            f"{times} {row.ratio:>7.2f} {row.noise:>7.2f}  {row.name}  {row.verdict(options.bound)}".rstrip()
        )
    for what, names in (("only before", base.keys() - now.keys()), ("only now", now.keys() - base.keys())):
        for name in sorted(names):
            print(f"{what}: {name}")
    slower = [row for row in rows if row.verdict(options.bound) == "SLOWER"]
    if slower:
        print(
            f"{len(slower)} of {len(rows)} rows are more than {options.bound:g} times slower, and noise does not explain it."
        )
        print(
            "Measure again on a quiet machine; then find the cause, or say in the commit why it is worth it."
        )
    else:
        print(f"none of {len(rows)} rows is more than {options.bound:g} times slower than noise explains")
    return bool(slower)


if __name__ == "__main__":
    sys.exit(main())
