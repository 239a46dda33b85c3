"""Examples that are no tests of their own, done as their README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_medium_in_c(tmp_path: Path) -> None:
    """The shell lines, and then the Python."""
    folder = EXAMPLES / "medium"
    text = (folder / "README.md").read_text()
    shell = textwrap.dedent("\n".join(re.findall(r"^    .*$", text.split("```")[0], re.MULTILINE)))
    python = text.split("```python\n")[1].split("```")[0]
    shutil.copy(folder / "counted.c", tmp_path)
    (tmp_path / "python").symlink_to(sys.executable)
    run = {
        "cwd": tmp_path,
        "env": os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        "check": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }
    built = subprocess.run(["sh", "-ec", shell], **run)  # type: ignore[call-overload]
    assert built.stdout == b"", "the compiler warns of nothing"
    said = subprocess.run([sys.executable, "-c", python], **run)  # type: ignore[call-overload]
    assert said.stdout.decode().strip() == re.findall(r"print\(.*# (.*)$", python, re.MULTILINE)[0]
