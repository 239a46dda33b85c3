"""tools/covered.py: what is counted for which line, and what falling below a floor is called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import covered
from covered import File

GENERATED = """\
/* "src/_fast/x.pyx":3
 *     a = b
 */
  a = b;
  c = d;
/* "src/_fast/x.pyx":4
 *     return a
 */
  return a;
  /* function exit code */
  cleanup();
}
static void wrapper() {
  nothing();
"""


def test_generated_c_is_mapped_to_the_lines_it_was_made_from() -> None:
    assert covered.origins(GENERATED) == {4: ("x.pyx", 3), 5: ("x.pyx", 3), 9: ("x.pyx", 4)}
    included = GENERATED.replace("x.pyx", "x_part.pxi", 1)
    assert covered.origins(included) == {4: ("x_part.pxi", 3), 5: ("x_part.pxi", 3), 9: ("x.pyx", 4)}


def test_a_line_of_cython_is_covered_when_any_of_its_c_is(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text(GENERATED)
    lines = [{"line_number": number, "count": count} for number, count in ((4, 0), (5, 7), (9, 0), (11, 3))]
    report = {"files": [{"file": "x.c", "lines": lines}, {"file": "/usr/include/stdio.h", "lines": lines}]}
    assert covered.cython_counts(report, tmp_path) == {("x.pyx", 3): 7, ("x.pyx", 4): 0}


@pytest.mark.parametrize(
    ("lines", "text"), [([], ""), ([3], "3"), ([5, 3, 4, 9], "3-5, 9"), ([1, 3], "1, 3")]
)
def test_ranges(lines: list[int], text: str) -> None:
    assert covered.ranges(lines) == text


def file(total: int, missing: int, branches: int = 0, without: int = 0) -> File:
    return File(set(range(1, total + 1)), set(range(1, missing + 1)), branches, without)


def test_a_lost_line_is_said_with_the_lines() -> None:
    files = {"target/engine.py": file(100, 4, 10, 1)}
    floors = {"whole": [90.0, 50.0], "target/engine.py": [96.0, 90.0]}
    assert covered.compare(files, floors, {}) == []
    files["target/engine.py"].missing |= {50, 51}
    assert covered.compare(files, floors, {}) == [
        "target/engine.py: 94.0 % of its lines, and not 96.0 % or more", "    lines not reached: 1-4, 50-51",
    ]  # fmt: skip
    assert covered.compare(files, {**floors, "gone.py": [1.0, 1.0]}, {})[-1].startswith(
        "gone.py: has a floor"
    )


def test_one_lost_line_is_too_much() -> None:
    """In a file that was reached wholly; and of lines that are new in a file of the goal."""
    floors = covered.raised({"a.py": file(1500, 0)}, {}, {"percent": 95.0, "files": ["a.py"]})
    assert floors["a.py"] == [100.0, 100.0]
    assert covered.compare({"a.py": file(1500, 1)}, floors, {})[1:] == [
        "a.py: 99.9 % of its lines, and not 100.0 % or more", "    lines not reached: 1",
    ]  # fmt: skip
    files = {"a.py": file(100, 3), "b.py": file(100, 3)}
    floors = {"a.py": [90.0, 50.0], "b.py": [90.0, 50.0]}
    new = {"a.py": {2, 70}, "b.py": {2, 70}}
    assert covered.compare(files, floors, new, ["a.py", "gone.py"]) == ["a.py: new lines not reached: 2"]


def test_a_file_without_a_floor_is_held_against_the_goal() -> None:
    config = {
        "goal": {"percent": 95.0, "files": ["old.py", "new.py", "cut.py", "gone.py"]},
        "floors": {"old.py": [90.0, 50.0]},
        "reasons": {"cut.py": "it is being cut"},
    }
    files = {name: file(100, 6) for name in ("old.py", "new.py", "cut.py", "other.py")}
    floors = covered.least(config, files)
    assert floors == {"old.py": [90.0, 50.0], "new.py": [95.0, 0.0]}
    assert covered.compare(files, floors, {})[0] == "new.py: 94.0 % of its lines, and not 95.0 % or more"


def test_a_new_part_of_a_unit_belongs_to_the_goal() -> None:
    names = ["scsi/cdb/new.py", "target/serve.py", "target/units/new.py"]
    assert covered.of_goal(["target/units/*.py", "scsi/*.py", "gone.py"], names) == [names[0], names[2]]
    patterns = covered.read_config()["goal"]["files"]
    assert covered.of_goal(patterns, names) == [names[0], names[2]]


def test_lines_are_new_since_the_floors_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not since somebody gave a reason, or named a file."""
    monkeypatch.setattr(covered, "ROOT", tmp_path)
    monkeypatch.setattr(covered, "CONFIG", tmp_path / "coverage.toml")
    module = tmp_path / "src/pysrp/a.py"
    module.parent.mkdir(parents=True)

    def commit(lines: str, config: str) -> None:
        module.write_text(lines)
        covered.CONFIG.write_text(config)
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        for words in (["add", "."], [*who, "commit", "-qm", "x"]):
            subprocess.run(["git", *words], cwd=tmp_path, check=True)

    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    commit("1\n", '[floors]\n"a.py" = [1.0, 2.0]\n')
    commit("1\n2\n", '[reasons]\n"a.py" = "so"\n[floors]\n"a.py" = [1.0, 2.0]\n')
    assert covered.written_since() == {"a.py": {2}}
    commit("1\n2\n", '[floors]\n"a.py" = [2.0, 2.0]\n')
    module.write_text("1\n2\n3\n")
    assert covered.written_since() == {"a.py": {3}}


def test_floors_only_rise() -> None:
    files = {"a.py": file(1000, 0, 100, 1), "b.py": file(100, 50)}
    files["small.py"] = file(20, 1)
    goal = {"percent": 95.0, "files": ["small.py"]}
    found = covered.raised(files, {"a.py": [100.0, 10.0], "b.py": [70.0, 100.0], "gone.py": [5.0, 5.0]}, goal)
    assert found["a.py"] == [100.0, 97.0]
    assert found["b.py"] == [70.0, 100.0]
    assert found["gone.py"] == [5.0, 5.0]
    assert found["small.py"] == [95.0, 100.0]
    assert set(found) == {"whole", "a.py", "b.py", "gone.py", "small.py"}


def test_what_is_not_covered_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("x = 1  # pragma: no cover: POWER only\n")
    (tmp_path / "bad.py").write_text("x = 1  # pragma: no cover\n")
    config: dict[str, Any] = {
        "goal": {"percent": 95.0, "files": ["a.py", "b.py", "c.py"]},
        "floors": {"a.py": [96.0, 1.0], "b.py": [94.0, 1.0], "c.py": [94.0, 1.0]},
        "reasons": {"c.py": "its last words need a crash"},
    }
    said = covered.unreasoned(config, [tmp_path / "good.py", tmp_path / "bad.py"])
    assert len(said) == 2
    assert "bad.py:1: says no reason" in said[0]
    assert said[1].startswith("b.py: its floor is 94.0 %")


def test_floors_are_written_in_their_place(tmp_path: Path) -> None:
    config = tmp_path / "coverage.toml"
    config.write_text("[goal]\npercent = 95.0\n\n[floors]\nold = [1, 2]\n")
    covered.write_floors({"a.py": [96.5, 80.0]}, config)
    assert config.read_text() == '[goal]\npercent = 95.0\n\n[floors]\n"a.py" = [96.5, 80.0]\n'
