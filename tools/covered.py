"""Test coverage: lines and branches of Python, lines of Cython and C headers; and the minimum (floor) for each file.

::

    make coverage                                      build, test and report
    .venv-coverage/bin/python tools/covered.py report  the full report of the last run
    .venv-coverage/bin/python tools/covered.py check   compare the last run with the floors of tests/coverage.toml
    .venv-coverage/bin/python tools/covered.py raise   raise floors to today's coverage, never lower one

Python is counted by coverage.py. Cython's line tracing would take the interpreter's lock where the code has released it.
So gcov counts the generated C, whose comments name the Cython line of each piece: a line is covered if any of its C is.
(#line directives do not work: Cython does not end them, so that a wrapper's C counts for the lines that follow.)
"""

from __future__ import annotations

import argparse
import html
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "tests" / "coverage.toml"
WORK = ROOT / "build" / "coverage"

SPARE = 2
"""Lines and branches by which a new floor is lower than today's coverage, since threads make it differ a little from run to
run. A file that is covered completely has a floor of 100, so that one lost line is too much."""

FROM = re.compile(r'/\* "([^"]+)":(\d+)$')
EXCUSE = re.compile(r"pragma: no (?:cover|branch)(.*)")


@dataclass
class File:
    """Coverage of one source file: its lines of code, the lines not reached, and the same of branches."""

    lines: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    branches: int = 0
    branches_missing: int = 0

    def percent(self, spare: int = 0) -> tuple[float, float]:
        """Lines and branches in per cent, rounded down to a tenth; where some are missing, ``spare`` more."""
        return (
            _percent(len(self.lines), len(self.missing) + (spare if self.missing else 0)),
            _percent(self.branches, self.branches_missing + (spare if self.branches_missing else 0)),
        )


Files = dict[str, File]
Floors = Mapping[str, "list[float]"]


def _percent(total: int, missing: int) -> float:
    return max(0, 1000 * (total - missing) // total) / 10 if total else 100.0


def whole(files: Files) -> File:
    """The sum of all files."""
    found = File()
    for number, one in enumerate(files.values()):
        found.lines |= {number << 20 | line for line in one.lines}
        found.missing |= {number << 20 | line for line in one.missing}
        found.branches += one.branches
        found.branches_missing += one.branches_missing
    return found


def ranges(lines: Iterable[int]) -> str:
    """Line numbers as text: ``3-5, 9``."""
    parts: list[list[int]] = []
    for line in sorted(lines):
        if parts and line == parts[-1][1] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in parts)


def origins(text: str) -> dict[int, tuple[str, int]]:
    """For each line of generated C, the Cython line it was made from: file name and number."""
    found: dict[int, tuple[str, int]] = {}
    current: tuple[str, int] | None = None
    comment = False
    for number, line in enumerate(text.splitlines(), 1):
        if match := FROM.search(line):
            current, comment = (Path(match[1]).name, int(match[2])), True
        elif comment:
            comment = "*/" not in line
        elif line == "}" or "/* function exit code */" in line or "/* Python wrapper */" in line:
            current = None
        elif current:
            found[number] = current
    return found


def cython_counts(report: Mapping[str, Any], folder: Path) -> dict[tuple[str, int], int]:
    """Counts by Cython or header line, from one of gcov's JSON reports."""
    counts: dict[tuple[str, int], int] = {}
    for one in report["files"]:
        path = Path(one["file"])
        made = origins((folder / path).read_text()) if path.suffix == ".c" else None
        if made is None and not (path.suffix == ".h" and (ROOT / "src/_fast" / path.name).exists()):
            continue
        for line in one["lines"]:
            number = line["line_number"]
            key = (path.name, number) if made is None else made.get(number)
            if key:
                counts[key] = counts.get(key, 0) + line["count"]
    return counts


def cython_files() -> Files:
    """The Cython modules and headers, by gcov."""
    counts: dict[tuple[str, int], int] = {}
    for notes in sorted((WORK / "build").rglob("*.gcno")):
        with tempfile.TemporaryDirectory() as empty:
            said = subprocess.run(
                ["gcov", "--json-format", "--stdout", notes],
                cwd=empty,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        for key, count in cython_counts(json.loads(said), ROOT).items():
            counts[key] = counts.get(key, 0) + count
    files: Files = {}
    excuses = {name: excused(ROOT / "src/_fast" / name) for name, _ in counts}
    for (name, line), count in sorted(counts.items()):
        if line not in excuses[name]:
            one = files.setdefault(f"_fast/{name}", File())
            one.lines.add(line)
            if not count:
                one.missing.add(line)
    return files


def excused(path: Path) -> set[int]:
    """The lines of Cython or C that are marked as excluded from coverage."""
    return {number for number, line in enumerate(path.read_text().splitlines(), 1) if EXCUSE.search(line)}


def python_files() -> Files:
    """The Python modules, by coverage.py; also its HTML."""
    import coverage

    measured = coverage.Coverage(config_file=str(CONFIG))
    data = WORK / "data"
    measured.combine([str(path) for path in data.glob("python.*")], keep=True)
    measured.json_report(outfile=str(WORK / "python.json"))
    measured.html_report(directory=str(WORK / "html"))
    files: Files = {}
    for name, one in json.loads((WORK / "python.json").read_text())["files"].items():
        files[name.partition("pysrp/")[2]] = File(
            set(one["executed_lines"]) | set(one["missing_lines"]),
            set(one["missing_lines"]),
            one["summary"]["num_branches"],
            one["summary"]["missing_branches"],
        )
    return files


def source(name: str) -> Path:
    """The path of a file."""
    return ROOT / "src" / (name if name.startswith("_fast/") else f"pysrp/{name}")


def report(files: Files) -> str:
    """The report as text."""
    rows = [f"{'lines':>6} {'branches':>8}  file and lines not reached"]
    for name, one in sorted(files.items()):
        lines, branches = one.percent()
        shown = f"{branches:8.1f}" if one.branches else " " * 8
        rows.append(f"{lines:6.1f} {shown}  {name}  {ranges(one.missing)}".rstrip())
    lines, branches = whole(files).percent()
    return "\n".join([*rows, f"{lines:6.1f} {branches:8.1f}  whole"])


def cython_html(files: Files) -> None:
    """The Cython sources with what was not reached in red: build/coverage/html/cython.html."""
    parts = ["<!doctype html><meta charset=utf-8><title>Cython</title><style>b{background:#fcc}</style>"]
    for name, one in files.items():
        parts.append(f"<h2>{name}</h2><pre>")
        for number, line in enumerate(source(name).read_text().splitlines(), 1):
            text = html.escape(f"{number:5} {line}")
            parts.append(f"<b>{text}</b>" if number in one.missing else text)
        parts.append("</pre>")
    (WORK / "html" / "cython.html").write_text("\n".join(parts))


def least(config: Mapping[str, Any], files: Files) -> Floors:
    """The floor of each file. A file of the goal without a floor has the goal as its floor, unless a reason is given."""
    floors, reasons, goal = config["floors"], config["reasons"], config["goal"]
    without = [
        name for name in goal["files"] if name in files and name not in floors and not reasons.get(name)
    ]
    return {**floors, **{name: [goal["percent"], 0.0] for name in without}}


def of_goal(patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """The files of the goal: ``target/units/*.py`` has also those that nobody has named yet."""
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def compare(files: Files, floors: Floors, new: Mapping[str, set[int]], goal: Iterable[str] = ()) -> list[str]:
    """The files below their floors, and in the files of the ``goal`` each new line that is not reached.

    ``new``: by file, the lines written after the floors.
    """
    said = []
    for name in goal:
        if name in files and (fresh := files[name].missing & new.get(name, set())):
            said.append(f"{name}: new lines not reached: {ranges(fresh)}")
    for name, floor in floors.items():
        one = whole(files) if name == "whole" else files.get(name)
        if one is None:
            said.append(
                f"{name}: has a floor and was not measured; is it gone? Then take it out of {CONFIG.name}"
            )
            continue
        for kind, now, lowest in zip(("lines", "branches"), one.percent(), floor, strict=True):
            if now < lowest:
                said.append(f"{name}: {now} % of its {kind}, and not {lowest} % or more")
                if name != "whole":
                    said.append(f"    lines not reached: {ranges(one.missing)}")
    return said


def unreasoned(config: Mapping[str, Any], sources: Iterable[Path]) -> list[str]:
    """Exclusions, and floors below the goal, without a reason."""
    said = []
    for path in sources:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if (match := EXCUSE.search(line)) and not re.match(r": *\w", match[1]):
                said.append(f"{path}:{number}: says no reason; write 'pragma: no cover: REASON'")
    for name in config["goal"]["files"]:
        floor = config["floors"].get(name, [100.0])[0]
        if floor < config["goal"]["percent"] and not config["reasons"].get(name):
            said.append(
                f"{name}: its floor is {floor} %; test it, delete what is dead, or write why under [reasons]"
            )
    return said


def raised(files: Files, floors: Floors, goal: Mapping[str, Any]) -> dict[str, list[float]]:
    """New floors: as high as today's coverage allows, and never lower; of a file that reaches the goal, at least the goal."""
    found = {}
    for name, one in [("whole", whole(files)), *sorted(files.items())]:
        now, old = one.percent(SPARE), floors.get(name, [0.0, 0.0])
        reached = min(one.percent()[0], goal["percent"]) if name in goal["files"] else 0.0
        pair = [max(now[0], old[0], reached), max(now[1] if one.branches else 100.0, old[1])]
        found[name] = pair if one.branches else [pair[0], old[1] or 100.0]
    return {**{name: list(floor) for name, floor in floors.items()}, **found}


def write_floors(floors: Floors, path: Path) -> None:
    """Replace the section [floors] at the file's end."""
    head = path.read_text().partition("\n[floors]\n")[0]
    rows = [f'"{name}" = [{lines}, {branches}]' for name, (lines, branches) in floors.items()]
    path.write_text("\n".join([head, "[floors]", *rows, ""]))


def written_since() -> dict[str, set[int]]:
    """By file, the lines that are newer than the last commit of the floors; empty without git."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout

    # Whoever has changed another table of the file has not looked at floors.
    since = git("log", "-1", "--format=%H", "-G", r'^"[^"]+" = \[', "--", str(CONFIG)).strip()
    found: dict[str, set[int]] = {}
    name = ""
    for line in git("diff", "-U0", since, "--", "src").splitlines() if since else []:
        if line.startswith("+++ "):
            name = line.removeprefix("+++ b/src/").removeprefix("pysrp/")
        elif match := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))?", line):
            first = int(match[1])
            found.setdefault(name, set()).update(range(first, first + int(match[2] or 1)))
    return found


def read_config() -> dict[str, Any]:
    """The contents of tests/coverage.toml."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(CONFIG.read_text())


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=["report", "check", "raise"])
    verb = parser.parse_args().verb
    config = read_config()
    cython = cython_files()
    files = {**python_files(), **cython}
    files = {name: one for name, one in files.items() if one.lines and name not in config["elsewhere"]}
    config["goal"]["files"] = of_goal(config["goal"]["files"], sorted({*files, *config["floors"]}))
    cython_html(cython)
    (WORK / "report.txt").write_text(report(files) + "\n")
    print(report(files))
    if verb == "raise":
        write_floors(raised(files, config["floors"], config["goal"]), CONFIG)
    if verb != "check":
        return 0
    every = [
        path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".pyx", ".pxi", ".pxd", ".h")
    ]
    said = compare(files, least(config, files), written_since(), config["goal"]["files"])
    said += unreasoned(config, every)
    if without := [name for name in files if name not in config["floors"]]:
        print(f"no floor yet, covered.py raise writes them: {', '.join(without)}")
    if said:
        print(
            "\n".join(
                ["", *said, "", "Test these lines, delete what is dead, or exclude a line with its reason"]
            )
        )
        print(
            "(# pragma: no cover: REASON). The report is build/coverage/report.txt and build/coverage/html/."
        )
    else:
        print("coverage: nothing fell; covered.py raise writes higher floors where there is more")
    return bool(said)


if __name__ == "__main__":
    sys.exit(main())
