"""What is published: the wheel and the sdist, in a fresh environment."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import wheels  # noqa: E402

pytestmark = pytest.mark.slow

ONE_IU = (
    "from pysrp import srp; iu = srp.parse(bytes(srp.Cmd.build(tag=5, cdb=b'\\x28' + bytes(9), data_in=(4096, 512))));"
    "assert iu.tag == 5 and iu.data_in.len == 512 and iu.problems() == []; print(iu)"
)

STALE = f"build/lib.linux-x86_64-cpython-{sys.version_info[0]}{sys.version_info[1]}/pysrp/_fast/stale.so"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist of a tree where builds have left things, and the wheel of the sdist: one build for a run's processes."""
    if os.environ.get("PYSRP_SANITIZED"):
        pytest.skip("artifacts are built without the sanitizers")
    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    # A compiler beside others takes as long as it takes: the limit of a test (pyproject.toml) is not for this one.
    faulthandler.cancel_dump_traceback_later()
    with (run / "artifacts.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (run / "artifacts").exists():
            build(tmp_path_factory.mktemp("tree") / "pysrp", run / "artifacts-new")
            (run / "artifacts-new").rename(run / "artifacts")
    (wheel,), (sdist,) = (run / "artifacts").glob("*.whl"), (run / "artifacts").glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def build(copy: Path, out: Path) -> None:
    """Of a copy of the tree where builds have left things."""
    subprocess.run(["git", "-C", ROOT, "checkout-index", "-a", f"--prefix={copy}/"], check=True)
    subprocess.run(["git", "init", "-q", copy], check=True)
    subprocess.run(["git", "-C", copy, "add", "-A"], check=True)
    for left in (
        STALE,
        "build/cython/src/_fast/view.c",
        "src/_fast/stale.c",
        "src/_fast/stale.so",
        "src/pysrp/stale.py",
    ):
        (copy / left).parent.mkdir(parents=True, exist_ok=True)
        (copy / left).touch()
    wheels.make_wheel(wheels.make_sdist(out, copy), sys.executable, out)


@pytest.fixture(scope="module")
def python(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment's, with the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, with_pip=True)
    subprocess.run(
        [folder / "bin/pip", "install", "--quiet", artifacts["wheel"]], check=True, capture_output=True
    )
    return folder / "bin/python"


def test_wheel_holds_what_others_need(artifacts: dict[str, Path]) -> None:
    assert artifacts["wheel"].name.startswith("pysrp_vscsi-")
    names = zipfile.ZipFile(artifacts["wheel"]).namelist()
    for wanted in (
        "pysrp/py.typed", "pysrp/_fast/wire.h", "pysrp/_fast/view.pxd", "pysrp/_fast/view.pyi", "pysrp/_fast/lun.pxd",
        "pysrp/tables/asc-ascq.csv", "pysrp/tables/opcodes.csv",
    ):  # fmt: skip
        assert wanted in names
    assert any(n.startswith("pysrp/_fast/view.") and n.endswith(".so") for n in names)
    for shared in "man/man1/pysrp.1", "bash-completion/completions/pysrp", "zsh/site-functions/_pysrp":
        assert any(n.endswith(f".data/data/share/{shared}") for n in names)
    assert not [n for n in names if n.startswith("_fast") or n.endswith((".c", ".pyx", ".pxi"))]
    modules = {n.split(".")[0] for n in names if n.startswith("pysrp/_fast/") and n.endswith(".so")}
    assert {m for m in modules if f"{m}.pyi" not in names} == set(), "a Cython module has no stub"


def test_sdist_holds_all_sources_and_nothing_else(artifacts: dict[str, Path]) -> None:
    with tarfile.open(artifacts["sdist"]) as archive:
        names = [n.split("/", 1)[1] for n in archive.getnames() if "/" in n]
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=True).stdout
    tracked = {name for name in listed.decode().split("\0") if name and not name.startswith(".")}
    assert len(tracked) > 500
    assert tracked - set(names) == set()
    generated = (n for n in names if n.endswith((".c", ".o")) and n.startswith(("src/", "build/")))
    assert not [*generated, *(n for n in names if n.endswith(".so"))]


def test_what_was_left_lying_about_is_in_neither(artifacts: dict[str, Path]) -> None:
    with tarfile.open(artifacts["sdist"]) as archive:
        names = archive.getnames() + zipfile.ZipFile(artifacts["wheel"]).namelist()
    assert len(names) > 500
    assert [name for name in names if "stale" in name] == []


def test_size_and_import_are_bounded(artifacts: dict[str, Path], python: Path) -> None:
    """Processor time, so that what else the machine does is not in it; about a third of the bound on an idle one."""
    assert artifacts["wheel"].stat().st_size < wheels.MOST_BYTES
    assert wheels.import_time(python) < wheels.MOST_SECONDS


def test_no_path_of_this_machine_is_in_the_wheel(artifacts: dict[str, Path]) -> None:
    paths = [str(ROOT).encode(), b"/tmp/", sysconfig.get_path("include").encode()]
    with zipfile.ZipFile(artifacts["wheel"]) as wheel:
        modules = {name: wheel.read(name) for name in wheel.namelist() if name.endswith(".so")}
    assert len(modules) > 15
    assert [name for name, data in modules.items() if any(path in data for path in paths)] == []


def test_wheel_works_in_a_fresh_environment(python: Path, tmp_path: Path) -> None:
    shown = subprocess.run([python, "-c", ONE_IU], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "tag=0x5" in shown.stdout
    talked = subprocess.run(
        [python, "-c", wheels.TALK], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert "VDASD" in talked.stdout
    missing = subprocess.run([python.with_name("pysrp")], capture_output=True, text=True, cwd=tmp_path)
    assert missing.returncode == 1
    assert "pip install 'pysrp-vscsi[cli]'" in missing.stderr


PATTERN = """
import pattern
from pysrp.initiator import Session
from pysrp.target import Disk, LunMap, Server
from pysrp.target.native_medium import NativeMedium

with Server("local:x", LunMap([(256, Disk(NativeMedium(pattern.medium()), "pattern"))])), Session("local:x") as session:
    print(session.scan()[0].read(3, 1)[:8])
"""


def test_extensions_of_others_are_built_on_it(python: Path, tmp_path: Path) -> None:
    """Cython that looks into our views, and the medium of examples/programs, as its README says."""
    (tmp_path / "user.pyx").write_text(
        "from pysrp._fast.view cimport View\n"
        "from pysrp._fast.lun cimport Lun\n"
        "def first(View v): return v.p[0], v.n\n"
        "def top(Lun lun): return lun.b[0]\n"
    )
    (tmp_path / "pattern.pyx").write_text((ROOT / "examples/programs/pattern.pyx").read_text())
    (tmp_path / "setup.py").write_text(
        "from setuptools import setup, Extension\nfrom Cython.Build import cythonize\nimport pysrp\n"
        "include = [pysrp.get_include()]\n"
        "setup(ext_modules=cythonize([Extension(name, [name + '.pyx'], include_dirs=include)\n"
        "    for name in ('user', 'pattern')], include_path=include, language_level=3))\n"
    )
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "cython", "setuptools"], check=True, capture_output=True)
    subprocess.run([python, "setup.py", "build_ext", "-i"], check=True, capture_output=True, cwd=tmp_path)
    code = "import user; from pysrp import srp; from pysrp.lun import Lun; print(user.first(srp.Cmd.build()), user.top(Lun.flat(1)))"
    for program, said in (code, "(2, 48) 64\n"), (PATTERN, f"{(3 * 512).to_bytes(8, 'big')}\n"):
        shown = subprocess.run(
            [python, "-c", program], check=True, capture_output=True, text=True, cwd=tmp_path
        )
        assert shown.stdout == said
