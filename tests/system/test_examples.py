"""Examples that are no tests of their own, done as their README says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pysrp import srp
from pysrp.lun import Lun

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


def test_what_the_readme_shows_in_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it; where the target waits for clients the initiator is one."""
    text = (EXAMPLES.parent / "README.md").read_text().split("## In Python\n")[1].split("\n## ")[0]
    shown = [
        textwrap.dedent(each)
        for each in re.findall(r"(?:^(?:    .*)?\n)+", text, re.MULTILINE)
        if each.strip()
    ]
    decode, initiator, target, bends = [each.replace("/tmp/vios", f"{tmp_path}/vios") for each in shown]
    buf = bytearray(512)
    for at in 0, 256:
        srp.Cmd.pack_into(buf, at, tag=1, lun=Lun.logical_unit(1), cdb=bytes(16), data_in=(4096, 36))
    space = {"buf": buf, "send": bytes}
    exec(decode, space)
    assert space["columns"]["tag"].tolist() == [7, 1]  # type: ignore[index]
    assert "server.wait()" in target
    exec(target.replace("server.wait()", "exec(initiator)"), space | {"initiator": initiator})
    exec(bends, space)
    assert "VDASD blkdev" in capsys.readouterr().out
