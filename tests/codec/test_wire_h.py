"""wire.h, as a C compiler reads it."""

from __future__ import annotations

import os
import shlex
import subprocess
from importlib import resources
from pathlib import Path

import pytest

COMPILER = shlex.split(os.environ.get("CC", "gcc"))


def test_other_compilers_are_refused(tmp_path: Path) -> None:
    header = resources.files("pysrp._fast") / "wire.h"
    with resources.as_file(header) as path:
        result = subprocess.run(
            [*COMPILER, "-U__GNUC__", "-fsyntax-only", "-x", "c", path],
            capture_output=True,
            text=True,
        )
    if result.returncode == 0:
        pytest.fail("wire.h must not compile where its builtins are missing")
    assert "pysrp needs gcc or clang" in result.stderr
