"""Whatever is typed: a result, or a line that says what is wrong. Never a traceback, never silence."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("click")

from pysrp.cli import COMMANDS, main
from pysrp.scst import Control, Tree, socket_of
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

# click closes no files that it had opened before something was found to be wrong; the collector may come at any moment.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def test_an_interrupt_while_it_still_loads(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run(
        [sys.executable, "-m", "pysrp.cli", "lsscsi"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "\nAborted!\n")


WORDS = [
    "", "0", "1", "-1", "0x10", "9" * 25, "1.5", "\udcff", "ü", "a b", "../..", "/", "/dev/null", "/dev/full", "{here}/file",
    "{here}/garbage", "{here}/conf", "{here}", "-", "unix:", "unix:" + "x" * 200, "tcp:1", ":", "unix:/nowhere", "8100",
    "[0:0:1:0]", "0:0:1:0", "0:0:-1:0", "999:999:999:999", "1:2:3:4:5", "٣", "00", "12 0 0 0 24 0", "12", "zz", "7f" + "00" * 300,
    "7f00000000000000", "1k", "16E", "%s", "{{}}", "\n", "=", "000", "f" * 16, "fff", "--", "crq", "iu", "sense", "targets",
    "devices/a", "devices/a/usn", "devices/a/sync", "version", "--json", "--help", "--nonsense", "-v",
]  # fmt: skip
DIRECTORIES = "../..", "/", "{here}"
"""On which a mount would succeed, and stay."""
OPTIONS: dict[str, list[str]] = {
    "lsscsi": ["--host", "-s", "--record"], "rescan": ["--channels", "--ids", "-s"], "inq": ["-p"], "luns": ["--select"], "vpd": ["-p", "-a", "-H"],
    "modes": ["-p", "-c", "-6"], "logs": ["-p"], "opcodes": ["-o", "-t"], "sense": ["-d"], "persist": ["-K", "-G", "-s"],
    "readcap": [], "read": ["--lba", "--count", "--size", "--record"], "write": ["--lba"], "raw": ["-r", "-i", "-o"],
    "reset": [], "decode": ["--as", "--strict", "--cdb"], "fields": [], "scst ls": ["-l", "-s"], "scst cat": [],
    "scst write": [], "scst load": [], "scst save": ["-s"], "scst mount": [],
    "capture convert": ["--user"],
}  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a disk, and files to be named, in the directory of its socket."""
    here = tmp_path_factory.mktemp("arguments")
    (here / "file").write_bytes(bytes(2048))
    (here / "garbage").write_bytes(b"\xff\xfe{ \0" * 20)
    (here / "conf").write_text("HANDLER x {")
    url, luns = f"unix:{here}/v", LunMap()
    with Server(url, luns, enabled=False) as server, Tree() as tree, Control(tree, socket_of(url)):
        target = f"targets/ibmvstgt/{tree.add_target(server, luns)}"
        tree.write("handlers/vdisk_ram/mgmt", "add_device a size=1M")
        tree.write(f"{target}/luns/mgmt", "add a 256")
        tree.write(f"{target}/enabled", "1")
        before = Path.cwd()
        os.chdir(here)  # where files are made whose names are words such as 8100
        yield url
        os.chdir(before)
        # The tree's devices may be closed when nobody serves them any more.
        server.stop()


def run(arguments: list[str], url: str, given: bytes = b"") -> tuple[object, str, str]:
    """The command in this process: what it exits with, and what it wrote to standard error and to standard output."""
    streams = [
        io.TextIOWrapper(io.BytesIO(given if n == 0 else b""), errors="backslashreplace") for n in range(3)
    ]
    with (
        patch.multiple(
            sys, argv=["pysrp", *arguments], stdin=streams[0], stdout=streams[1], stderr=streams[2]
        ),
        patch.dict(os.environ, {"PYSRP_SERVER": url}),
    ):
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code
    if code:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
    texts = []
    for stream in streams[:0:-1]:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(errors="replace"))  # type: ignore[attr-defined]
    errors, shown = texts
    return (1, f"{code}\n{errors}", shown) if isinstance(code, str) else (code or 0, errors, shown)


@settings(max_examples=150)
@given(data=st.data())
def test_any_arguments(url: str, data: st.DataObject) -> None:
    command = data.draw(st.sampled_from(sorted(OPTIONS)))
    known = [word for word in WORDS if command != "scst mount" or word not in DIRECTORIES]
    words = data.draw(st.lists(st.sampled_from([*OPTIONS[command] * 4, *known]), max_size=5))
    here = url.removeprefix("unix:").rpartition("/")[0]
    arguments = [*command.split(), *(word.format(here=here) if "{" in word else word for word in words)]
    code, errors, _ = run(
        arguments, url, data.draw(st.sampled_from([b"", b"12 0 0 0 24 0\n", b"\0\xff", bytes(700)]))
    )
    assert code in (0, 1, 2), (arguments, code)
    if code == 2:
        assert "Error: " in errors, arguments
    elif code and command not in ("decode", "raw"):
        assert errors.startswith("pysrp: "), (arguments, errors)


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS), *(name.split() for name in OPTIONS if " " in name)]
)
def test_every_command_has_help_and_an_example(url: str, command: list[str]) -> None:
    code, errors, shown = run([*command, "-h"], url)
    assert (code, errors, shown) == run([*command, "--help"], url)
    assert (code, errors) == (0, "")
    assert shown.startswith(f"Usage: {' '.join(['pysrp', *command])}")
    if command not in ([], ["scst"], ["demo"], ["scst", "save"], ["scst", "mount"]):
        assert f"pysrp {' '.join(command)} " in shown.split("Example", 1)[1]


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        ("lsscsi", "<&- >&- 2>&-"), ("decode", "<&-"), ("read 1 -", "<&- 2>&-"), ("read 1 -", ">&-"), ("write 1", "<&-"),
        ("read 1 {here}/out", "<&- >&- 2>&-"), ("scst write devices/a/usn", "<&-"), ("fields", ">&-"), ("raw 1 000000000000", "2>&-"),
    ],
)  # fmt: skip
def test_streams_that_are_closed(url: str, command: str, closed: str, tmp_path: Path) -> None:
    """No traceback, and nobody's socket becomes somebody's standard output."""
    shell = f"{sys.executable} -m pysrp.cli {command.format(here=tmp_path)} {closed}"
    environment = {**os.environ, "PYSRP_SERVER": url}
    done = subprocess.run(
        ["sh", "-c", shell], input="", capture_output=True, text=True, timeout=60, env=environment
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if command == "read 1 -" and ">&-" in closed.replace("2>&-", "") else 0), (
        done.stderr
    )
    if "out" in command:
        assert (tmp_path / "out").read_bytes() == bytes(1 << 20)


def test_standard_input_without_end(url: str) -> None:
    """What can be moved is read, and no more."""
    code, errors, _ = run(["raw", "1", "2a 0 0 0 0 0 0 0 1 0", "-i", "/dev/zero"], url)
    assert (code, "one command here can move" in errors) == (1, True)
