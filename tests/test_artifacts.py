"""What is published: the wheel and the sdist, in a fresh environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow

ONE_IU = (
    "from pysrp import srp; iu = srp.parse(bytes(srp.Cmd.build(tag=5, cdb=b'\\x28' + bytes(9), data_in=(4096, 512))));"
    "assert iu.tag == 5 and iu.data_in.len == 512 and iu.problems() == []; print(iu)"
)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel built from the sdist, and the sdist, both from a copy of the sources."""
    if os.environ.get("PYSRP_SANITIZED"):
        pytest.skip("artifacts are built without the sanitizers")
    out = tmp_path_factory.mktemp("dist")
    copy = tmp_path_factory.mktemp("tree") / "pysrp"
    subprocess.run(["git", "-C", ROOT, "checkout-index", "-a", f"--prefix={copy}/"], check=True)
    subprocess.run([sys.executable, "-m", "build", "--outdir", out, copy], check=True, capture_output=True)
    return {"wheel": next(out.glob("*.whl")), "sdist": next(out.glob("*.tar.gz"))}


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


def test_sdist_holds_sources_only(artifacts: dict[str, Path]) -> None:
    with tarfile.open(artifacts["sdist"]) as archive:
        names = [n.split("/", 1)[1] for n in archive.getnames() if "/" in n]
    for wanted in (
        "src/_fast/view.pyx",
        "src/_fast/view_field.pxi",
        "src/_fast/view.pxd",
        "src/_fast/wire.h",
        "setup.py",
        "LICENSE",
        "README.md",
    ):
        assert wanted in names
    generated = (n for n in names if n.endswith((".c", ".o")) and n.startswith(("src/", "build/")))
    assert not [*generated, *(n for n in names if n.endswith(".so"))]


def test_wheel_works_in_a_fresh_environment(artifacts: dict[str, Path], tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", artifacts["wheel"]], check=True, capture_output=True
    )
    shown = subprocess.run([python, "-c", ONE_IU], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "tag=0x5" in shown.stdout
    missing = subprocess.run([tmp_path / "venv/bin/pysrp"], capture_output=True, text=True, cwd=tmp_path)
    assert missing.returncode == 1
    assert "pip install 'pysrp-vscsi[cli]'" in missing.stderr


def test_other_cython_code_can_cimport(artifacts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "user.pyx").write_text(
        "from pysrp._fast.view cimport View\n"
        "from pysrp._fast.lun cimport Lun\n"
        "def first(View v): return v.p[0], v.n\n"
        "def top(Lun lun): return lun.b[0]\n"
    )
    (tmp_path / "setup.py").write_text(
        "from setuptools import setup, Extension\nfrom Cython.Build import cythonize\n"
        "import pysrp._fast, os\nhere = os.path.dirname(pysrp._fast.__file__)\n"
        "setup(ext_modules=cythonize([Extension('user', ['user.pyx'], include_dirs=[here])], language_level=3))\n"
    )
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, artifacts["wheel"], "cython", "setuptools"], check=True, capture_output=True)
    subprocess.run([python, "setup.py", "build_ext", "-i"], check=True, capture_output=True, cwd=tmp_path)
    code = "import user; from pysrp import srp; from pysrp.lun import Lun; print(user.first(srp.Cmd.build()), user.top(Lun.flat(1)))"
    assert subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path
    ).stdout == ("(2, 48) 64\n")
