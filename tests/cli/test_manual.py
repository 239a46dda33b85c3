"""The manual page and the completions: made of the commands, and of use where the package is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

click = pytest.importorskip("click")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def manual() -> ModuleType:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import manual

        return manual
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_the_page_is_that_of_the_commands(manual: ModuleType) -> None:
    """Where it is not: tools/manual.py --write. Releases of click differ in blanks alone."""
    assert manual.PAGE.read_text().split() == manual.page().split()


def test_the_page_tells_of_each_command(manual: ModuleType) -> None:
    text = manual.page()
    for command in "serve", "scst", "scst write", "capture convert", "fields":
        assert f".SS pysrp {command}\n" in text
    assert r"\-\-record FILE" in text


def test_text_is_no_request(manual: ModuleType) -> None:
    assert manual.roff(".so /etc/passwd\n'x\na-b\\c") == "\\&.so /etc/passwd\n\\&'x\na\\-b\\ec"


def test_man_has_nothing_to_say_against_it(manual: ModuleType) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("no groff here")
    said = subprocess.run(
        [groff, "-man", "-ww", "-Wbreak", "-z", "-Tutf8", manual.PAGE],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stderr == ""


@pytest.mark.parametrize(
    ("typed", "found"),
    [("pysrp lss", "lsscsi"), ("pysrp scst sa", "save"), ("pysrp serve --ra", "--ram"), ("pysrp wireshark --in", "--install")],
)  # fmt: skip
def test_bash_completes(manual: ModuleType, typed: str, found: str) -> None:
    """By the script as it is installed, in a bash as a user has it."""
    words = typed.split()
    script = (
        f"source {manual.COMPLETIONS['bash']}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1};"
        ' _pysrp_completion pysrp; echo "${COMPREPLY[@]}"'
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = subprocess.run(
        ["bash", "-c", script], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == [found]


def test_each_shell_has_its_script(manual: ModuleType) -> None:
    for shell, place in manual.COMPLETIONS.items():
        assert f"_PYSRP_COMPLETE={shell}_complete" in place.read_text()
