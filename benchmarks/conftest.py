"""Builds the floor, collects the medians, and prints the ratios that the benchmarks are about."""

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

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "benchmarks"


def build_floor() -> ModuleType:
    """Compile floor.pyx with the flags of a release build, once per change."""
    BUILD.mkdir(parents=True, exist_ok=True)
    source, c_file = HERE / "floor.pyx", BUILD / "floor.c"
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
            library,
            c_file,
        ]
        subprocess.run(command, check=True)
    spec = importlib.util.spec_from_file_location("floor", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def floor() -> ModuleType:
    return build_floor()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """For each group: every median as a multiple of pysrp's, and as JSON in build/ratios.json."""
    session = getattr(config, "_benchmarksession", None)
    if session is None or not session.benchmarks:
        return
    groups: dict[str, dict[str, float]] = {}
    for bench in session.benchmarks:
        if bench.stats is not None and getattr(bench.stats, "data", True):
            who = (bench.params or {}).get("who", bench.name)
            groups.setdefault(bench.group or "", {})[who] = bench.stats.median
    terminalreporter.section("ratios (median; pysrp = 1)")
    for group, rows in groups.items():
        own = rows.get("pysrp")
        terminalreporter.write_line(group)
        for who, median in sorted(rows.items(), key=lambda row: row[1]):
            ratio = f"{median / own:8.2f}x" if own else ""
            terminalreporter.write_line(f"  {who:<24} {median * 1e9:12.1f} ns  {ratio}")
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "ratios.json").write_text(json.dumps(groups, indent=1))
