"""Builds the floor, collects the medians, and prints the ratios of the benchmarks."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import sysconfig
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from system.rows import held

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "benchmarks"


def build_floor() -> ModuleType:
    """Compile floor.pyx with the flags of a release build, once per change."""
    BUILD.mkdir(parents=True, exist_ok=True)
    source, c_file = HERE / "floor.pyx", BUILD / f"floor.{os.getpid()}.c"
    library = BUILD / f"floor{sysconfig.get_config_var('EXT_SUFFIX')}"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        subprocess.run([sys.executable, "-m", "cython", "-3", "-o", c_file, source], check=True)
        include = ["-I", sysconfig.get_paths()["include"], "-I", str(resources.files("pysrp._fast"))]
        command = [
            *shlex.split(os.environ.get("CC", "gcc")),
            "-O2",
            "-g0",
            "-shared",
            "-fPIC",
            *include,
            "-o",
            c_file.with_suffix(".so"),
            c_file,
        ]
        subprocess.run(command, check=True)
        c_file.with_suffix(".so").replace(library)  # another process may build it at the same time
    spec = importlib.util.spec_from_file_location("floor", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OWN = ("pysrp", "the initiator", "floor", "C loop", "hand-written")
"""Prefixes of the rows by which a change is judged: ours, and the floors."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmarks of pysrp")
    group.addoption("--own", action="store_true", help="without rivals: the rows that a change is judged by")
    group.addoption(
        "--pairs", action="store_true", help="each row twice, one after the other: what noise does"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """With --pairs every row has two turns; compare.py tells the machine's noise by their difference."""
    if metafunc.config.getoption("--pairs"):
        metafunc.fixturenames.append("turn")
        metafunc.parametrize("turn", [1, 2], ids=["turn 1", "turn 2"])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--own"):
        rivals = [item for item in items if not _is_own(item)]
        config.hook.pytest_deselected(items=rivals)
        items[:] = [item for item in items if _is_own(item)]


def _is_own(item: pytest.Item) -> bool:
    who = getattr(item, "callspec", None) and item.callspec.params.get("who", OWN[0])  # type: ignore[attr-defined]
    return str(who or OWN[0]).startswith(OWN)


@pytest.fixture(scope="session")
def floor() -> ModuleType:
    return build_floor()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """For each group: every median as a multiple of pysrp's, and as JSON in build/ratios.json."""
    session = getattr(config, "_benchmarksession", None)
    if session is None or not session.benchmarks:
        return
    groups: dict[str, dict[str, float]] = {}
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for bench in session.benchmarks:
        if bench.stats is not None and getattr(bench.stats, "data", True):
            who = (bench.params or {}).get("who", bench.name)
            groups.setdefault(bench.group or "", {})[who] = bench.stats.median
            told.setdefault(bench.group or "", {})[who] = bench.extra_info
    terminalreporter.section("ratios (median; pysrp = 1)")
    for group, rows in groups.items():
        own = rows.get("pysrp")
        terminalreporter.write_line(group)
        for who, median in sorted(rows.items(), key=lambda row: row[1]):
            ratio = f"{median / own:8.2f}x" if own else ""
            us = told[group][who].get("us") or {}
            tail = "".join(f"  p{at} {value:,.1f} us" for at, value in us.items())
            terminalreporter.write_line(f"  {who:<28} {median * 1e9:12.1f} ns  {ratio}{tail}")
        own_aims = [sentence for info in told[group].values() for sentence in info.get("held", [])]
        for sentence in held(group, told[group]) + own_aims:
            terminalreporter.write_line(f"  {sentence}")
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "ratios.json").write_text(json.dumps(groups, indent=1))
