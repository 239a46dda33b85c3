"""Run all checks that a change must pass: steps of the Makefile, in parallel, each with its own log.

::

    python3 tools/checks.py            all of them
    python3 tools/checks.py lint test  these, and what they need
    python3 tools/checks.py --list     their names, commands and needs
    python3 tools/checks.py --newest   the newest supported Python on this machine: make coverage uses it

A step is a make target that can be run alone; CONTRIBUTING.md says what each is for. Steps whose needs are met run in
parallel, one more than there are processors, since no step keeps its processors busy all the time. A step's line has its
wall time and its processor time in seconds. Logs are in build/checks/. The exit status is 1 if a step failed.

It needs only the system's Python, 3.9 or later, and sets up the others.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "checks"

LIMIT = 75 * 60
"""Seconds after which a step is taken to hang: what CI has for the whole, less what the others need. A test that hangs ends long before
(pyproject.toml)."""

TAIL = 80
"""Lines of a failed step's log to print."""


@dataclass(frozen=True)
class Step:
    """One make target: its arguments, the steps it needs, how many processors it keeps busy, a hint how to mend a failure."""

    name: str
    make: str
    needs: tuple[str, ...] = ()
    cores: int = 1
    mend: str = ""

    @property
    def command(self) -> list[str]:
        """The words to run, and to run it alone."""
        return ["make", "--no-print-directory", *shlex.split(self.make)]


@dataclass
class Running:
    """A running step."""

    step: Step
    process: subprocess.Popen[bytes]
    log: Path
    start: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.start


MEND = {
    "setup": "install what it names; tests/setup.sh and tests/power/lab say where each piece comes from",
    "test": "mend what the failed tests name; a worker that crashed at a 'Timeout' above hung, and its threads' stacks"
    " say where",
    "coverage": "mend failed tests; test the lines that are named, delete what is dead, or exclude it with its reason"
    " (pragma: no cover: REASON)",
    "fuzz": "the input is in fuzz/work/: make it a test, and mend the parser",
    "types": "annotate what is named, pass what its types say, or make it private",
    "docs": "mend the page or the docstring that is named; .venv/bin/python -m sphinx docs build/docs shows it with its context",
    "lint": ".venv/bin/ruff check --fix . && .venv/bin/ruff format ., then what is left by hand",
    "corpus": ".venv/bin/python tests/corpus/corpus.py explain shows the first answer that differs; if it is meant, corpus.py accept,"
    " and the reason into the commit",
    "counts": "callgrind_annotate build/counts/NAME shows where they went; if it is meant,"
    ' make counts-accept REASON="why", and the reason into the commit',
    "bench": "mend the benchmark that does not run, or what it calls",
}
"""Step: a hint how to mend what it found."""


def supported() -> list[str]:
    """The Python versions that pyproject.toml promises, as ``3.10``, oldest first."""
    text = (ROOT / "pyproject.toml").read_text()
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def find_python(version: str) -> str | None:
    """The path of a CPython of that version that can build extensions, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    try:
        built = sorted(pyenv.glob(f"{version}.*/bin/python3"), reverse=True)
    except OSError:  # PYENV_ROOT is another user's, as after su
        built = []
    candidates = [shutil.which(f"python{version}"), *built]
    program = (
        "import pathlib, sys, sysconfig; import ensurepip, venv;"
        f"sys.exit('%d.%d' % sys.version_info[:2] != {version!r}"
        " or not pathlib.Path(sysconfig.get_paths()['include'], 'Python.h').exists())"
    )
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", program], capture_output=True).returncode == 0:
            return str(candidate)
    return None


def pythons() -> tuple[list[Step], list[str]]:
    """Which checks run on which Python, and the supported versions that this machine does not have.

    The README's steps, the demo and all tests with the POWER lab run on the oldest; all tests on the newest, with
    coverage; the quick tests on those between. .venv is made with the Python that runs this program, the system's own.
    Unless that is the oldest, the demo and the quick tests run on it, too: a user installs pysrp there first.
    """
    found = {version: path for version in supported() if (path := find_python(version))}
    own = "{}.{}".format(*sys.version_info)
    here = {own: sys.executable, **found}  # make installs what the system's own Python lacks
    oldest, *others = sorted(here, key=_number)

    def place(version: str) -> str:
        return "" if version == own else f" VENV=.venv-{version} BASE_PYTHON={here[version]}"

    steps = [
        Step("test", f"demo test PYSRP_LAB_REQUIRED=1{place(oldest)}", ("setup",), cores=2),
        Step("coverage", f"coverage BASE_PYTHON={newest() or sys.executable}", ("setup",), cores=2),
    ]
    for version in others:
        if version == own or here[version] != newest():
            make = f"{'demo ' if version == own else ''}quick WORKERS=-n1{place(version)}"
            steps.append(Step(f"python{version}", make, ("setup",), mend=MEND["test"]))
    return steps, [version for version in supported() if version not in found]


def newest() -> str | None:
    """The newest supported Python on this machine."""
    return next((path for version in reversed(supported()) if (path := find_python(version))), None)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def steps() -> tuple[list[Step], list[str]]:
    """All steps, long ones first; and the steps that are left out, with the reasons."""
    versions, missing = pythons()
    # All Pythons: the tests take longest, so their environments are set up first.
    after = ("setup",)
    found = [
        Step("environment", "environment PYSRP_WERROR=1"),
        Step(
            "setup", "setup", ("environment",)
        ),  # Debian's packages are installed once, not by each step that needs some
        Step("fuzz", "fuzz SECONDS_PER_PARSER=1"),
        *versions,
        Step("types", "types", after),
        Step("lint", "lint", after),
        Step("docs", "docs", after),
        Step("corpus", "corpus", after),
        Step("counts", "counts", after),
        Step("bench", "bench-smoke", after),
    ]
    found = [replace(step, mend=step.mend or MEND.get(step.name, "")) for step in found]
    return found, [f"no Python {version} on this machine: its tests did not run" for version in missing]


def chosen(all_steps: list[Step], names: Iterable[str]) -> list[Step]:
    """The named steps and what they need, in the order of ``all_steps``."""
    by_name = {step.name: step for step in all_steps}
    wanted: set[str] = set()
    todo = list(names) or list(by_name)
    while todo:
        name = todo.pop()
        if name not in by_name:
            raise SystemExit(f"there is no step {name}; there are: {', '.join(by_name)}")
        if name not in wanted:
            wanted.add(name)
            todo += by_name[name].needs
    return [step for step in all_steps if step.name in wanted]


def last_line(log: Path) -> str:
    """The last line of a step's log, or pytest's closing line if there is one."""
    lines = [line.strip("= ") for line in log.read_text(errors="replace").splitlines() if line.strip("= ")]
    closing = [line for line in lines if re.search(r"\d+ (passed|failed|error)", line)]
    return (closing or lines or [""])[-1][:110]


class Checks:
    """Runs steps in parallel and reports on them."""

    def __init__(self, todo: list[Step], cores: int) -> None:
        self._todo = list(todo)
        self._cores = cores
        self._running: list[Running] = []
        self.passed: list[str] = []
        self.failed: list[str] = []
        self.ended: list[str] = []

    def run(self) -> None:
        """Run all steps. A step that needs a failed one is not run, and counts as failed."""
        try:
            while self._todo or self._running:
                self._begin()
                time.sleep(0.2)
                self._collect()
        finally:
            for running in self._running:
                os.killpg(running.process.pid, signal.SIGKILL)
                self.ended.append(running.step.name)

    def _begin(self) -> None:
        for step in list(self._todo):
            lost = [need for need in step.needs if need in self.failed]
            if lost:
                self._todo.remove(step)
                self.failed.append(step.name)
                say(f"FAILED  {step.name:<12} not run: it needs {', '.join(lost)}")
            elif all(need in self.passed for need in step.needs) and self._fits(step):
                self._todo.remove(step)
                self._start(step)

    def _fits(self, step: Step) -> bool:
        busy = sum(running.step.cores for running in self._running)
        return not self._running or busy + step.cores <= self._cores + 1

    def _start(self, step: Step) -> None:
        LOGS.mkdir(parents=True, exist_ok=True)
        log = LOGS / f"{step.name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                step.command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(Running(step, process, log))
        say(f"begin   {step.name:<12} make {step.make}")

    def _collect(self) -> None:
        for running in list(self._running):
            hangs = running.seconds > LIMIT
            if hangs:
                os.killpg(running.process.pid, signal.SIGKILL)
            before = processor_time()
            if not hangs and running.process.poll() is None:
                continue
            status = running.process.wait()  # from now on RUSAGE_CHILDREN includes its processor time
            self._running.remove(running)
            self._tell(running, status, hangs, processor_time() - before)

    def _tell(self, running: Running, status: int, hangs: bool, used: float) -> None:
        name, log = running.step.name, running.log
        took = f"{running.seconds:5.0f} s {used:5.0f} s"
        if status == 0:
            self.passed.append(name)
            say(f"passed  {name:<12} {took}   {last_line(log)}")
            return
        self.failed.append(name)
        lines = log.read_text(errors="replace").splitlines()
        say(
            f"\n---- {name}: the last {min(TAIL, len(lines))} of {len(lines)} lines of {log.relative_to(ROOT)}"
        )
        say("\n".join(lines[-TAIL:]))
        why = f"hung: ended after {LIMIT} s" if hangs else f"exit status {status}"
        say(f"FAILED  {name:<12} {took}   {why}; alone: make {running.step.make}")
        say(f"        to do: {running.step.mend}\n" if running.step.mend else "")


def processor_time() -> float:
    """Processor seconds of all child processes that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def say(text: str) -> None:
    """Print a line and flush it."""
    print(text, flush=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help="these and what they need (default: all)")
    parser.add_argument(
        "-j", "--cores", type=int, default=os.cpu_count() or 1, help="processors to keep busy"
    )
    parser.add_argument("--list", action="store_true", help="print the steps and end")
    parser.add_argument("--newest", action="store_true", help="print the newest Python and end")
    options = parser.parse_args()
    if options.newest:
        say(newest() or sys.executable)
        return 0
    all_steps, left_out = steps()
    todo = chosen(all_steps, options.steps)
    if options.list:
        for step in todo:
            say(
                f"{step.name:<12} make {step.make}"
                + (f"   (after {', '.join(step.needs)})" if step.needs else "")
            )
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()
    checks = Checks(todo, options.cores)
    try:
        checks.run()
    except KeyboardInterrupt:
        say(
            f"interrupted; ended: {', '.join(checks.ended)}; {len(checks.passed)} passed, {len(checks.failed)} failed"
        )
        return 130
    for line in left_out:
        say(f"SKIPPED {line}")
    say(
        f"checks: all of {len(todo)} steps in {time.monotonic() - start:.0f} s,"
        f" {processor_time():.0f} s of processor time"
    )
    say(f"{len(checks.passed)} passed, {len(checks.failed)} failed")
    if checks.failed:
        say(
            f'failed: {", ".join(checks.failed)}; CONTRIBUTING.md, "Checks", says what each is for and how to mend it'
        )
    return bool(checks.failed)


if __name__ == "__main__":
    sys.exit(main())
