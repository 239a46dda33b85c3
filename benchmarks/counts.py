"""Count the instructions of hot paths with valgrind's callgrind, and compare them with the accepted counts.

::

    make counts                                     python benchmarks/counts.py check
    make counts-accept REASON="what made it so"     python benchmarks/counts.py accept --reason TEXT
    python benchmarks/counts.py show [WORD ...]     count the paths whose names have these words

Unlike time, the number of instructions is the same on a busy machine: a change of 3 % is a change of the code. The
accepted counts are in counts.json, for each CPython and compiler. The paths are in hot_paths.py. A profile of each path
is left in build/counts, for ``callgrind_annotate``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import util
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BASELINES = HERE / "counts.json"
WORK = HERE.parent / "build" / "counts"
TOLERANCE = 0.03

LIMIT = 40 * 60
"""Seconds after which valgrind is taken to hang: it takes one and a half minutes, and ten on a machine that is very busy."""

NO_CPU_VARIANTS = "glibc.cpu.hwcaps=-AVX2,-AVX,-AVX2_Usable,-AVX_Usable,-ERMS,-FSRM,-Prefer_ERMS"
"""Makes glibc use the baseline x86-64 versions of memcpy and the like, not those for this processor."""

Counts = dict[str, int]
"""Instructions of one run, by path."""


@dataclass(frozen=True)
class Change:
    """A path whose count has changed. None as a count: the path is missing on that side."""

    path: str
    was: int | None
    now: int | None

    @property
    def ratio(self) -> float:
        """Count now over count before; 1 if one of them is missing."""
        return self.now / self.was if self.now and self.was else 1.0

    def __str__(self) -> str:
        if self.was is None:
            return f"{self.path}: new, {self.now:,} instructions; there is no baseline for it"
        if self.now is None:
            return f"{self.path}: gone, was {self.was:,} instructions"
        verb = "MORE" if self.ratio > 1 else "fewer"
        return (
            f"{self.path}: was {self.was:,}, is {self.now:,} instructions: {abs(self.ratio - 1):.1%} {verb}"
        )


def compare(was: Counts, now: Counts, tolerance: float = TOLERANCE) -> list[Change]:
    """The paths that differ by more than the tolerance, in either direction, or are in one of the two only."""
    changes = [Change(path, was.get(path), now.get(path)) for path in {**was, **now}]
    return [one for one in changes if one.was is None or one.now is None or abs(one.ratio - 1) > tolerance]


def verdict(was: Counts, now: Counts, entry: dict[str, Any], cython: str) -> tuple[int, str]:
    """Exit status, and the text to print."""
    changes = compare(was, now)
    if not changes:
        return 0, f"{len(now)} paths take as many instructions as they did, within {TOLERANCE:.0%}"
    lines = [
        *map(str, changes),
        "",
        f"{len(changes)} of {len(now)} paths have changed by more than {TOLERANCE:.0%}.",
    ]
    if entry.get("cython") != cython:
        lines.append(
            f"The baseline is Cython {entry.get('cython')}'s, this build is {cython}'s: that may be why."
        )
    lines += [
        f"Find the cause: callgrind_annotate {WORK.relative_to(HERE.parent)}/NAME shows where a path spends them,",
        "`git stash` and once more what it was before. If it is meant, faster or worth its price, accept it:",
        '    make counts-accept REASON="why"',
        "and put benchmarks/counts.json into the commit, whose message says the reason.",
    ]
    return 1, "\n".join(lines)


def compiler() -> str:
    """The compiler of the installed extension modules, from the text that it leaves in them."""
    found = util.find_spec("pysrp._fast.view")
    if found is None or found.origin is None:
        raise SystemExit("pysrp is not installed for this Python: make counts sees to that")
    names = re.findall(rb"(?:GCC: \([^)]*\) |clang version )[\d.]+", Path(found.origin).read_bytes())
    return re.sub(r" ?\([^)]*\)", "", names[0].decode()).replace(":", "") if names else "unknown compiler"


def cython() -> str:
    """The version of Cython that made them."""
    __import__("pysrp._fast.view")
    found = [name for name in sys.modules if re.fullmatch(r"_cython_[\d_a-z]+", name)]
    return found[0].removeprefix("_cython_").replace("_", ".") if found else "unknown"


def key() -> str:
    """The things besides the code on which instruction counts depend: the interpreter's build, and the compiler."""
    level = (re.findall(r"-O\w", sysconfig.get_config_var("PY_CFLAGS") or "") or ["-O?"])[-1]
    arguments = sysconfig.get_config_var("CONFIG_ARGS") or ""
    facts = [platform.python_compiler().split("(")[0].strip(), level]
    facts += [name for name, word in (("PGO", "optimizations"), ("LTO", "with-lto")) if word in arguments]
    facts += ["shared"] if sysconfig.get_config_var("Py_ENABLE_SHARED") else []
    python = f"{platform.python_implementation()} {platform.python_version()}{sys.abiflags}"
    return f"{python} ({' '.join(facts)}); pysrp by {compiler()}; {platform.machine()}"


def measure(jobs: int, names: list[str]) -> Counts:
    """Run these paths under callgrind. Raises SystemExit if that is not possible."""
    if not shutil.which("valgrind"):
        raise SystemExit(
            "valgrind is missing: tests/setup.sh installs it, or on Debian: apt-get install valgrind"
        )
    WORK.mkdir(parents=True, exist_ok=True)
    command = [
        "valgrind",
        "--tool=callgrind",
        "--dump-before=getsid",
        f"--callgrind-out-file={WORK}/%p",
        sys.executable,
        str(HERE / "hot_paths.py"),
        str(WORK),
        str(jobs),
        *names,
    ]
    if (
        shutil.which("setarch")
        and subprocess.run(["setarch", "-R", "true"], capture_output=True).returncode == 0
    ):
        command[:0] = ["setarch", "-R"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "GLIBC_TUNABLES": NO_CPU_VARIANTS,
    }
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise SystemExit(
            f"the paths took more than {LIMIT} s: one hangs, and `counts.py show WORD` finds out which"
        ) from None
    if done.returncode:
        raise SystemExit(f"a path failed:\n{done.stderr[-4000:]}")
    paths = json.loads((WORK / "paths.json").read_text())
    return {name: evaluate(name, paths[name]["pid"], paths[name]["runs"]) for name in names}


def evaluate(name: str, pid: int, runs: int) -> int:
    """Instructions of one run, from callgrind's dumps at the second, third and fourth mark."""
    parts = [WORK / f"{pid}.{part}" for part in (1, 2, 3)]
    few, many = (int(re.findall(r"^summary: (\d+)", part.read_text(), re.M)[0]) for part in parts[1:])
    parts[2].rename(WORK / re.sub(r"\W+", "-", name))
    for rest in WORK.glob(f"{pid}*"):
        rest.unlink()
    return round((many - few) / runs)


def settled(was: Counts, now: Counts, again: Callable[[list[str]], Counts]) -> Counts:
    """Count paths that seem to take more than before twice ``again``; the lowest counts are kept.

    On a machine that pauses for long, some paths take more instructions: things unused for a second are freed.
    """
    for _ in range(2):
        names = [each.path for each in compare(was, now) if each.ratio > 1]
        if not names:
            break
        now = {**now, **{name: min(count, now[name]) for name, count in again(names).items()}}
    return now


def table() -> list[str]:
    """The names of all paths."""
    sys.path.insert(0, str(HERE))
    from hot_paths import PATHS

    return list(PATHS)


def main() -> int:
    """The command line. 0: no change, or no baseline for this Python and compiler; 1: a count has changed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["check", "accept", "show"])
    parser.add_argument("words", nargs="*", help="show: only the paths with these words in their names")
    parser.add_argument("-j", "--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--reason", default="", help="accept: why the counts are other than before")
    options = parser.parse_args()
    if options.words and options.what != "show":
        parser.error("only show takes words")
    known = json.loads(BASELINES.read_text()) if BASELINES.exists() else {}
    here, made_by = key(), cython()
    entry = known.get(here, {})
    was: Counts = entry.get("instructions", {})
    names = [name for name in table() if all(word in name for word in options.words)]
    if not names:
        parser.error(f"no path has {' and '.join(options.words)} in its name")
    shutil.rmtree(WORK, ignore_errors=True)
    now = settled(was, measure(options.jobs, names), partial(measure, options.jobs))
    if options.what == "show":
        for name, count in now.items():
            change = f"{count / was[name] - 1:+8.2%}" if name in was else ""
            print(f"{count:>12,} {change:>9}  {name}")
        return 0
    if options.what == "accept":
        known[here] = {"cython": made_by, "instructions": now}
        BASELINES.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
        for change in compare(was, now):
            print(change)
        print(f"accepted for {here}: put benchmarks/counts.json into the commit, and its reason:")
        print(f"    {options.reason or '(none was given: --reason)'}")
        return 0
    if not was:
        print(
            f"NOTHING WAS COMPARED: benchmarks/counts.json has no baseline for\n    {here}\nbut for",
            file=sys.stderr,
        )
        print(*(f"    {one}" for one in known), sep="\n", file=sys.stderr)
        print("make counts-accept on a commit that is known to be good makes one.", file=sys.stderr)
        return 0
    status, text = verdict(was, now, entry, made_by)
    print(text)
    return status


if __name__ == "__main__":
    sys.exit(main())
