"""The name to install is pysrp-vscsi everywhere; on PyPI, ``pysrp`` is somebody else's package."""

from __future__ import annotations

import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

import pysrp

ROOT = Path(__file__).parents[1]

STRANGER = re.compile(
    r"""(?:pip\S*|pipx|uv|poetry) \s+ (?:install|add|download|tool\s+install) \b [^\n#]* (?<![\w./-]) pysrp (?![\w./-])
    | (?<![\w.-]) pysrp \[ (?:[a-z]+,?)+ \]                     # a requirement with extras
    | (?:version|distribution|requires) \( \s* ['"]pysrp['"]    # importlib.metadata
    | package_name \s* = \s* ['"]pysrp['"]                      # click
    | pypi\.org/p(?:roject)?/pysrp (?![\w-])""",
    re.VERBOSE,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pip install pysrp", True),
        ("python -m pip install -U 'pysrp>=0.1'", True),
        ("pip install --user 'pysrp[cli]'", True),
        ("uv tool install pysrp", True),
        ("dependencies = ['pysrp[cli,fuse]']", True),
        ("metadata.version('pysrp')", True),
        ("pip install 'pysrp-vscsi[cli]'", False),
        ("pip install dist/pysrp_vscsi-0.1.0.tar.gz", False),
        ("pip install build/pysrp", False),
    ],
)  # fmt: skip
def test_what_names_the_stranger(text: str, found: bool) -> None:
    assert bool(STRANGER.search(text)) == found


def test_nothing_here_installs_the_stranger() -> None:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    assert len(files) > 100
    wrong = []
    for file in files:
        if file == Path(__file__) or not file.is_file():
            continue
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            if STRANGER.search(line.replace(r"\-", "-")):  # a manual page writes it so
                wrong.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()}")
    assert wrong == []


def test_what_is_installed_has_our_name() -> None:
    ours = metadata.distribution("pysrp-vscsi")
    assert ours.version == pysrp.__version__
    assert {"cli", "fuse", "numpy", "fuzz"} <= set(ours.metadata.get_all("Provides-Extra") or [])
    assert {entry.name for entry in ours.entry_points} == {"pysrp"}
