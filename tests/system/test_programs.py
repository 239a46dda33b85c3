"""The programs of examples/programs, each used for what it is for."""

from __future__ import annotations

import asyncio
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pysrp import fabric
from pysrp.backends import Ram
from pysrp.errors import ScsiError
from pysrp.fabric.recorder import Recorder
from pysrp.initiator import Session
from pysrp.target import Disk, LunMap, Server
from pysrp.target.native_medium import NativeMedium
from waiting import PATIENCE

PROGRAMS = Path(__file__).parents[2] / "examples/programs"
DATA = bytes(range(256)) * 1024


def program(name: str) -> dict[str, Any]:
    """What a program defines."""
    return runpy.run_path(str(PROGRAMS / f"{name}.py"))


def a_server(tmp_path: Path, unit: Any = None) -> Server:
    return Server(f"unix:{tmp_path}/vios", LunMap([(256, unit or Disk(Ram(8 << 20), "ram"))]))


def test_each_is_short() -> None:
    found = {each.name: each.read_text().count("\n") for each in PROGRAMS.iterdir() if each.is_file()}
    assert [name for name in found if name not in (PROGRAMS / "README.md").read_text()] == ["README.md"]
    assert [name for name, lines in found.items() if lines >= 60] == []


def test_analyse(tmp_path: Path) -> None:
    """Counts are those of what was done, a failure among them; times are after what came first."""
    pytest.importorskip("polars")
    path = tmp_path / "session.jsonl"
    with a_server(tmp_path) as server:
        with Recorder(fabric.connect(server.url), path) as port, Session(port) as session:
            (disk,) = session.scan()
            disk.write(8, DATA[:4096])
            for _ in range(3):
                disk.read(8, 8)
            with pytest.raises(ScsiError):
                disk.read(1 << 20, 1)
        table = program("analyse")["analyse"](str(path))
    rows = {row["command"]: row for row in table.to_dicts()}
    assert (rows["READ(10)"]["count"], rows["READ(10)"]["not_good"]) == (4, 1)
    assert (rows["WRITE(10)"]["count"], rows["WRITE(10)"]["not_good"]) == (1, 0)
    assert all(0 <= row["median"] <= row["longest"] for row in rows.values())


def test_bench_asyncio(tmp_path: Path) -> None:
    with a_server(tmp_path) as server:
        found = asyncio.run(program("bench_asyncio")["bench"](server.url, sessions=2, tasks=3, reads=5))
    assert found["reads"] == 30
    assert 0 < found["median"] <= found["p99"]


def test_compressing(tmp_path: Path) -> None:
    """Data come back from the middle of chunks; READ KEPT says 0 before, then less than was written."""
    url, read_kept = f"unix:{tmp_path}/vios", bytes([0xD5, 0, 0, 0, 8, 0])
    with subprocess.Popen([sys.executable, PROGRAMS / "compressing.py", url]) as server:
        try:
            with fabric.connect(url, timeout=PATIENCE) as port, Session(port) as session:
                (disk,) = session.scan()
                assert disk.read(0, 1) == bytes(512), "the unit attention is over"
                assert disk.execute(read_kept, data_in_length=8).data == bytes(8)
                disk.write(100, DATA)
                assert disk.read(100, 512) == DATA
                assert disk.read(99, 514) == bytes(512) + DATA + bytes(512)
                kept = disk.execute(read_kept, data_in_length=8).data
                assert 0 < int.from_bytes(kept, "big") < len(DATA) // 10
        finally:
            server.terminate()


def test_editing(tmp_path: Path) -> None:
    """What the client calls block 0 is another one of the target's."""
    ram = Ram(8 << 20)
    ram.write_from(512 * 100, memoryview(DATA)[:512])
    with a_server(tmp_path, Disk(ram, "ram")) as server:
        shown = subprocess.check_output(
            [sys.executable, PROGRAMS / "editing.py", server.url, "100"], text=True
        )
    assert shown.splitlines() == ["VDASD blkdev " + DATA[:16].hex(" "), "1 edited"]


def test_own_mad(tmp_path: Path) -> None:
    """Our server does not know it, and says so; what it did not know comes back as it was."""
    with a_server(tmp_path) as server:
        shown = subprocess.check_output([sys.executable, PROGRAMS / "own_mad.py", server.url], text=True)
    found = {line.split()[1]: line.split()[-1] for line in shown.splitlines()[1:]}
    assert shown.startswith("Weather, ")
    assert (found["tag"], found["station"], found["status"]) == ("0x7", "3", "NOT_SUPPORTED")


def test_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built with what get_include() says and nothing else of the package's."""
    (tmp_path / "pattern.pyx").write_text((PROGRAMS / "pattern.pyx").read_text())
    build = (
        "from Cython.Build import cythonize; from setuptools import Extension, setup; import pysrp\n"
        "include = [pysrp.get_include()]\n"
        "setup(script_args=['-q', 'build_ext', '-i'], ext_modules=cythonize(\n"
        "    Extension('pattern', ['pattern.pyx'], include_dirs=include), include_path=include, language_level=3))\n"
    )
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.syspath_prepend(tmp_path)
    import pattern  # type: ignore[import-not-found]

    with a_server(tmp_path, Disk(NativeMedium(pattern.medium()), "pattern")) as server:
        with Session(server.url) as session:
            (device,) = session.scan()
            assert device.capacity().blocks == 2048
            assert device.read(3, 2) == b"".join(at.to_bytes(8, "big") for at in range(1536, 2560, 8))
            with pytest.raises(ScsiError):
                device.write(0, bytes(512))
