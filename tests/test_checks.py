"""The tools that judge a change: which steps there are and how they end; which rows of a benchmark are slower."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "benchmarks")]

import checks  # noqa: E402
import public_types  # noqa: E402
import release  # noqa: E402
from checks import Checks, Step  # noqa: E402

import compare  # noqa: E402
import counts  # noqa: E402


@pytest.fixture
def makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Makefile in a tree of its own, where steps can be run."""
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.setattr(checks, "LOGS", tmp_path / "logs")
    return tmp_path / "Makefile"


def test_a_step_that_fails_is_shown_and_others_go_on(
    makefile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    makefile.write_text("good:\n\t@echo 4 passed in 1 s\nbad:\n\t@echo the reason; exit 3\n")
    run = Checks(
        [Step("bad", "bad", mend="mend it"), Step("after", "good", ("bad",)), Step("good", "good")], cores=2
    )
    run.run()
    assert run.passed == ["good"]
    assert run.failed == ["bad", "after"]
    said = capsys.readouterr().out
    assert "the reason" in said
    assert "alone: make bad" in said
    assert "to do: mend it" in said
    assert "the last 2 of 2 lines" in said
    assert "not run: it needs bad" in said
    assert "4 passed in 1 s" in said


def test_what_hangs_is_ended(
    makefile: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "LIMIT", 0.2)
    makefile.write_text("hang:\n\t@echo begun; sleep 1000\n")
    run = Checks([Step("hang", "hang")], cores=1)
    run.run()
    assert run.failed == ["hang"]
    assert "hung: ended after 0.2 s" in capsys.readouterr().out


def test_an_interrupt_ends_what_runs_and_says_so(
    makefile: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    makefile.write_text("hang:\n\t@sleep 1000\n")
    processes = []

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    def begin(*words: Any, **given: Any) -> subprocess.Popen[bytes]:
        processes.append(Popen(*words, **given))
        return processes[0]

    Popen = subprocess.Popen
    monkeypatch.setattr(checks.subprocess, "Popen", begin)
    monkeypatch.setattr(checks.time, "sleep", interrupted)
    monkeypatch.setattr(
        checks, "steps", lambda: ([Step("hang", "hang"), Step("late", "hang", ("hang",))], [])
    )
    monkeypatch.setattr(checks.sys, "argv", ["checks.py"])
    assert checks.main() == 130
    assert "interrupted; ended: hang; 0 passed, 0 failed" in capsys.readouterr().out
    assert processes[0].wait() == -signal.SIGKILL


def test_steps_share_the_processors_and_one_more(makefile: Path) -> None:
    # The first two wait for each other; the third needs both processors, and comes after the one that has them.
    meet = "\t@touch {0}; until [ -e {1} ]; do sleep 0.01; done; touch {0}-over\n"
    makefile.write_text(
        f"both:\n{meet.format('both', 'one')}\none:\n{meet.format('one', 'both')}\nmore:\n\t@test -e both-over\n"
    )
    run = Checks([Step("both", "both", cores=2), Step("more", "more", cores=2), Step("one", "one")], cores=2)
    run.run()
    assert sorted(run.passed) == ["both", "more", "one"]


def test_every_step_is_a_target_of_the_makefile() -> None:
    everything, _ = checks.steps()
    names = [step.name for step in everything]
    assert len(set(names)) == len(names)
    for step in everything:
        assert set(step.needs) <= set(names)
        done = subprocess.run([*step.command, "--dry-run"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{step}: {done.stderr}"


def test_pythons_are_those_that_are_promised() -> None:
    versions = checks.supported()
    assert versions[0] == "3.10"
    assert versions == sorted(versions, key=lambda version: int(version.split(".")[1]))
    assert checks.find_python("3.99") is None
    own = "{}.{}".format(*sys.version_info)
    found = checks.find_python(own)
    assert found is None or Path(found).exists()


def test_a_pyenv_that_may_not_be_read_has_no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYENV_ROOT is root's still, where root has become another user by su."""

    def glob(self: Path, pattern: str) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(checks.Path, "glob", glob)
    monkeypatch.setattr(checks.shutil, "which", lambda name: None)
    assert checks.find_python("3.13") is None


def on_pythons(monkeypatch: pytest.MonkeyPatch, own: tuple[int, int], *here: str) -> list[tuple[str, str]]:
    """Names and commands of the steps where these versions are found; ``own`` runs the checks."""
    monkeypatch.setattr(checks, "supported", lambda: ["3.10", "3.11", "3.12", "3.13"])
    monkeypatch.setattr(
        checks, "find_python", lambda version: f"/python{version}" if version in here else None
    )
    monkeypatch.setattr(checks.sys, "version_info", own)
    monkeypatch.setattr(checks.sys, "executable", "/own")
    found, missing = checks.pythons()
    assert missing == [version for version in checks.supported() if version not in here]
    return [(step.name, step.make) for step in found]


TEST = "demo test PYSRP_LAB_REQUIRED=1"


def test_all_tests_run_on_the_oldest_and_the_newest_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_pythons(monkeypatch, (3, 11), "3.10", "3.11", "3.12", "3.13") == [
        ("test", f"{TEST} VENV=.venv-3.10 BASE_PYTHON=/python3.10"),
        ("coverage", "coverage BASE_PYTHON=/python3.13"),
        ("python3.11", "demo quick WORKERS=-n1"),
        ("python3.12", "quick WORKERS=-n1 VENV=.venv-3.12 BASE_PYTHON=/python3.12"),
    ]


@pytest.mark.parametrize("here", [(), ("3.11",)], ids=["without headers", "found"])
def test_the_systems_python_alone_runs_all_tests(
    monkeypatch: pytest.MonkeyPatch, here: tuple[str, ...]
) -> None:
    newest = "/python3.11" if here else "/own"
    assert on_pythons(monkeypatch, (3, 11), *here) == [
        ("test", TEST),
        ("coverage", f"coverage BASE_PYTHON={newest}"),
    ]


def test_the_systems_python_shows_the_demo_though_it_is_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = on_pythons(monkeypatch, (3, 12), "3.10", "3.12")
    assert [name for name, _ in steps] == ["test", "coverage", "python3.12"]
    assert steps[2] == ("python3.12", "demo quick WORKERS=-n1")
    # A Python that is newer than those which are promised is used, and not counted among them.
    steps = on_pythons(monkeypatch, (3, 14), "3.10")
    assert steps[1:] == [
        ("coverage", "coverage BASE_PYTHON=/python3.10"),
        ("python3.14", "demo quick WORKERS=-n1"),
    ]


def test_every_step_that_can_fail_says_what_to_do() -> None:
    assert [step.name for step in checks.steps()[0] if not step.mend] == ["environment"]


@pytest.mark.parametrize(("tests", "verb"), [((), "check"), (("TESTS=tests/codec",), "report")])
def test_floors_hold_for_all_tests_and_not_for_some(tests: tuple[str, ...], verb: str) -> None:
    command = ["make", "--no-print-directory", "--dry-run", "BASE_PYTHON=python3", *tests, "coverage"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.endswith(f"tools/covered.py {verb}\n")


def test_unknown_steps_are_named() -> None:
    with pytest.raises(SystemExit, match="there is no step nonsense; there are: environment"):
        checks.chosen(checks.steps()[0], ["nonsense"])
    assert [step.name for step in checks.chosen(checks.steps()[0], ["lint"])] == [
        "environment",
        "setup",
        "lint",
    ]


def report(rows: dict[str, list[float]], **extra: float) -> dict[str, Any]:
    return {
        "machine_info": {"python_version": "3.11", "cpu": {"brand_raw": "a processor"}},
        "benchmarks": [
            {
                "fullname": f"benchmarks/bench_x.py::{name}[turn {turn}-pysrp]",
                "stats": {"median": seconds},
                "extra_info": extra,
            }
            for name, turns in rows.items()
            for turn, seconds in enumerate(turns, 1)
        ],
    }


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ([100, 101], [104, 105], ""),
        ([100, 101], [115, 116], "SLOWER"),
        ([100, 130], [115, 116], ""),
        ([100, 101], [115, 140], ""),
        ([100, 130], [140, 150], "SLOWER"),
        ([100, 101], [50, 51], "faster"),
    ],
)
def test_a_row_is_slower_beyond_bound_and_noise(before: list[float], now: list[float], verdict: str) -> None:
    base, after = compare.figures(report({"row": before})), compare.figures(report({"row": now}))
    assert [row.verdict(1.1) for row in compare.compare(base, after)] == [verdict]


def test_a_floor_tells_of_the_machine() -> None:
    [row] = compare.compare({"test_floor_x": [1, 1]}, {"test_floor_x": [2, 2]})
    assert row.verdict(1.1) == "machine"


def compared(tmp_path: Path, before: Any, now: Any, *options: str) -> subprocess.CompletedProcess[str]:
    paths = tmp_path / "before.json", tmp_path / "now.json"
    for path, content in zip(paths, (before, now), strict=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    command = [sys.executable, ROOT / "benchmarks" / "compare.py", *paths, *options]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_slowdown_fails_with_what_to_do(tmp_path: Path) -> None:
    before = report({"a": [1e-6, 1.01e-6], "b": [1e-6, 1e-6], "gone": [1e-6, 1e-6]}, cpu_us=1.0)
    now = report({"a": [1e-6, 1.01e-6], "b": [1.2e-6, 1.2e-6], "new": [1e-6, 1e-6]}, cpu_us=1.0)
    done = compared(tmp_path, before, now)
    assert done.returncode == 1
    assert "1.20    1.00  b[pysrp]  SLOWER" in done.stdout
    assert "a[pysrp] (processor)" in done.stdout
    assert "only before: gone[pysrp]" in done.stdout
    assert "only now: new[pysrp]" in done.stdout
    assert "Measure again on a quiet machine" in done.stdout
    assert compared(tmp_path, before, now, "--bound", "1.3").returncode == 0


def test_reports_that_cannot_be_compared(tmp_path: Path) -> None:
    good = report({"a": [1, 1]})
    done = compared(tmp_path, "{}", good)
    assert done.returncode == 1
    assert "no benchmark report" in done.stderr
    assert "no row in common" in compared(tmp_path, report({"b": [1, 1]}), good).stderr
    other = {**good, "machine_info": {"python_version": "3.10"}}
    assert "NOT THE SAME MACHINE" in compared(tmp_path, good, other).stdout


def test_types_that_are_unknown_or_ambiguous_are_holes() -> None:
    def symbol(name: str, known: bool, ambiguous: bool, *said: str) -> dict[str, Any]:
        return {
            "name": name, "isTypeKnown": known, "isTypeAmbiguous": ambiguous,
            "diagnostics": [{"message": text} for text in said],
        }  # fmt: skip

    found = {
        "symbols": [
            symbol("pysrp.a", True, False), symbol("pysrp.b", False, True), symbol("pysrp.c", False, False, "is unknown"),
        ]
    }  # fmt: skip
    assert public_types.holes(found) == ["pysrp.b: built from one of these", "pysrp.c: is unknown"]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that could be released."""
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "mended.fixed.md").write_text("Something is mended.\n")
    (tmp_path / "version.py").write_text('__version__ = "0.2.0"\n')
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "VERSION_FILE", tmp_path / "version.py")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "somebody@example.org")
    for words in ("init -q -b main", "add .", "commit -qm one"):
        subprocess.run(["git", *words.split()], cwd=tmp_path, check=True)
    return tmp_path


def test_what_can_be_released(tree: Path) -> None:
    assert release.fault("0.3.0") is None
    assert release.fault("0.2.0") is None
    assert release.fault("0.10.0") is None
    assert release.fault("0.1.9") == "0.1.9 is not newer than 0.2.0"
    assert release.fault("v1") == "'v1' is no version such as 1.2.3"
    subprocess.run(["git", "tag", "v0.2.0"], cwd=tree, check=True)
    assert release.fault("0.2.0") == "0.2.0 is not newer than 0.2.0"
    subprocess.run(["git", "checkout", "-qb", "other"], cwd=tree, check=True)
    assert release.fault("0.3.0") == "releases are made on main"
    (tree / "new").touch()
    assert release.fault("0.3.0") == "the tree has changes that are not committed"


def test_nothing_changed_is_no_release(tree: Path) -> None:
    subprocess.run(["git", "rm", "-q", "changes/mended.fixed.md"], cwd=tree, check=True)
    subprocess.run(["git", "commit", "-qm", "two"], cwd=tree, check=True)
    assert release.fault("0.3.0") == "changes/ is empty: there is nothing to release"


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.skipif(not WORKFLOWS, reason="no checkout: an sdist has no workflows")
def test_workflows_call_the_makefile_and_nothing_else() -> None:
    lines = [line for path in WORKFLOWS for line in path.read_text().splitlines()]
    commands = [line.partition("run: ")[2] for line in lines if "run: " in line]
    makes = [command for command in commands if not command.startswith("apt-get ")]
    assert len(makes) >= 6
    for command in makes:
        words = command.replace("${{ matrix.python }}", "3").replace("${{ github.run_number }}", "1").split()
        assert words[0] == "make"
        done = subprocess.run([*words, "--dry-run"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_five_percent_more_instructions_fail_with_what_to_do() -> None:
    was = {"read": 100_000, "write": 100_000, "login": 1000, "gone": 5}
    now = {"read": 105_000, "write": 102_900, "login": 960, "new": 7}
    status, said = counts.verdict(was, now, {"cython": "3.1"}, "3.2")
    assert status == 1
    assert "read: was 100,000, is 105,000 instructions: 5.0% MORE" in said
    assert "login: was 1,000, is 960 instructions: 4.0% fewer" in said
    assert "write" not in said
    assert "gone: gone, was 5" in said
    assert "new: new, 7 instructions; there is no baseline" in said
    assert "4 of 4 paths have changed" in said
    assert "Cython 3.1's, this build is 3.2's" in said
    assert "make counts-accept REASON=" in said
    assert counts.verdict(was, {**was, "read": 102_000}, {"cython": "3.1"}, "3.1")[0] == 0


def test_what_takes_more_is_counted_again() -> None:
    """Not what takes fewer, or is new; who takes more each time has changed."""
    was = {"slower": 100_000, "late": 100_000, "faster": 100_000, "same": 100_000}
    first = {"slower": 106_000, "late": 106_000, "faster": 90_000, "same": 100_100, "new": 5}
    asked: list[list[str]] = []

    def again(names: list[str]) -> counts.Counts:
        asked.append(names)
        return {name: {"slower": 105_000, "late": 100_010}[name] for name in names}

    assert counts.settled(was, first, again) == {**first, "slower": 105_000, "late": 100_010}
    assert asked == [["slower", "late"], ["slower"]]


def test_counts_are_of_paths_that_exist() -> None:
    table = counts.table()
    assert len(table) > 20
    for key, entry in json.loads(counts.BASELINES.read_text()).items():
        assert key.startswith("CPython 3.")
        assert list(entry["instructions"]) == table


def test_a_release_says_its_version_in_every_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "DKMS", tmp_path / "dkms.conf")
    monkeypatch.setattr(release, "DEBIAN", tmp_path / "changelog")
    release.DKMS.write_text('PACKAGE_NAME="x"\nPACKAGE_VERSION="0.1.0"\n')
    old = "pysrp (0.1.0-1) unstable; urgency=medium\n\n  * First.\n\n -- A <a@b>  Mon, 30 Nov 2026 03:00:00 +0000\n"
    release.DEBIAN.write_text(old)
    for _ in range(2):
        release.packages("0.2.0", "Tue, 01 Dec 2026 03:00:00 +0000")
    assert release.DKMS.read_text() == 'PACKAGE_NAME="x"\nPACKAGE_VERSION="0.2.0"\n'
    new = "pysrp (0.2.0-1) unstable; urgency=medium\n\n  * New version.\n\n -- A <a@b>  Tue, 01 Dec 2026 03:00:00 +0000\n"
    assert release.DEBIAN.read_text() == f"{new}\n{old}"


def test_a_module_that_hangs_while_it_is_imported_ends_as_a_test_does(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pytest's own timeout is for what runs, not for what is collected."""
    conftest = pytestconfig.pluginmanager.getplugin(str(ROOT / "tests/conftest.py"))
    told: list[Any] = []
    monkeypatch.setattr(
        conftest.faulthandler, "dump_traceback_later", lambda *given, **more: told.append((given, more))
    )
    monkeypatch.setattr(conftest.faulthandler, "cancel_dump_traceback_later", lambda: told.append("over"))
    stderr = pytestconfig.stash[conftest.fault_handler_stderr_fd_key]
    config = SimpleNamespace(getini=lambda name: "300", stash=pytestconfig.stash)
    collecting = conftest.pytest_make_collect_report(SimpleNamespace(config=config))
    next(collecting)
    assert told == [((300.0,), {"exit": True, "file": stderr})]
    with pytest.raises(StopIteration, match="report"):
        collecting.send("report")
    assert told[1:] == ["over"]


def test_two_makes_at_once_install_once(tmp_path: Path) -> None:
    """The other one would take away what the first one is using already."""
    for name in "Makefile", "setup.py", "pyproject.toml":
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for name in "src", "tools", "build":
        (tmp_path / name).mkdir()
    venv = tmp_path / "tools/venv.sh"
    venv.write_text(
        '#!/bin/sh\nmkdir -p $1/bin\nprintf "#!/bin/sh\\necho \\$* >>told\\n" >$1/bin/python\nchmod +x $1/bin/python\n'
    )
    venv.chmod(0o755)
    # Not what the make of this test was told.
    alone = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")
    }
    command = ["make", "-s", "VENV=.venv", ".venv/installed"]
    with (tmp_path / "build/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        makes = [subprocess.Popen(command, cwd=tmp_path, env=alone) for _ in range(2)]
        waits = re.compile(rf"-> FLOCK .*:{os.fstat(lock.fileno()).st_ino} ")
        while len(waits.findall(Path("/proc/locks").read_text())) < 2:
            assert all(make.poll() is None for make in makes)
            time.sleep(0.01)
    assert [make.wait() for make in makes] == [0, 0]
    told = (tmp_path / "told").read_text()
    assert told.count(" install ") == 1, told
    subprocess.run(["touch", "setup.py"], cwd=tmp_path, check=True)
    subprocess.run(command, cwd=tmp_path, env=alone, check=True)
    assert (tmp_path / "told").read_text() == 2 * told


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def environment(tmp_path: Path, python: str) -> tuple[int, str]:
    """Status of tools/venv.sh, and what it says."""
    done = subprocess.run(
        [ROOT / "tools/venv.sh", "v"],
        cwd=tmp_path,
        env={**os.environ, "PYTHON": python},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


def test_an_environment_whose_making_was_interrupted_is_made_again(tmp_path: Path) -> None:
    script(tmp_path / "v/bin/python", 'case "$*" in *"import pip"*) exit 1;; esac; echo "v $*" >>told')
    python = script(tmp_path / "python", 'echo "$*" >>told')
    assert environment(tmp_path, str(python)) == (0, "")
    told = (tmp_path / "told").read_text()
    assert "\n-m venv v\nv -m pip install" in told


def test_an_environment_of_another_python_is_not_taken(tmp_path: Path) -> None:
    script(tmp_path / "v/bin/python", "echo 3.11")
    python = script(tmp_path / "python", "echo 3.12")
    status, said = environment(tmp_path, str(python))
    assert status == 1
    assert "v has Python 3.11, and not 3.12: remove it, or give another one" in said
    assert environment(tmp_path, "") == (0, "")
    assert environment(tmp_path, str(tmp_path / "v/bin/python")) == (0, "")
