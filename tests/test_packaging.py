"""The name to install is pysrp-vscsi everywhere; on PyPI, ``pysrp`` is somebody else's package."""

from __future__ import annotations

import io
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast import __path__ as fast
from pysrp._fast import lun, ram

import pysrp

ROOT = Path(__file__).parents[1]
DEBIAN = ROOT / "packaging" / "debian"
sys.path.insert(0, str(ROOT / "tools"))

import checks  # noqa: E402
import foreign  # noqa: E402
import wheels  # noqa: E402

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


def test_a_forge_builds_every_python_that_is_promised() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    table = text.partition("[tool.cibuildwheel]")[2].partition("[tool.setuptools")[0]
    built = set(re.findall(r'"cp(\d+)t?-\*"', table))
    assert {version.replace(".", "") for version in checks.supported()} <= built
    named = re.search(r"^archs = (\[.*\])", table, re.MULTILINE)
    assert named
    assert json.loads(named[1]) == ["x86_64", *foreign.ARCHITECTURES]
    for arch in json.loads(named[1]):
        assert f'manylinux-{arch}-image = "manylinux_{"_".join(map(str, wheels.GLIBC))}"' in table
    workflow = (ROOT / ".github/workflows/wheels.yml").read_text()
    assert all(command.startswith("make ") for command in re.findall(r"- run: (.*)", workflow))


def test_one_version_in_all_packages() -> None:
    assert f'PACKAGE_VERSION="{pysrp.__version__}"' in (ROOT / "kernel/dkms.conf").read_text()
    assert (DEBIAN / "changelog").read_text().startswith(f"pysrp ({pysrp.__version__}-")


def test_debian_builds_with_what_pyproject_asks_for() -> None:
    asked = re.search(r"^requires = \[(.*)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert asked
    control = (DEBIAN / "control").read_text()
    names = {"setuptools": "python3-setuptools", "cython": "cython3", "cffi": "python3-cffi"}
    found = re.findall(r'"(\w+)>=([\d.]+)', asked[1])
    assert {name for name, _ in found} == set(names)
    for name, version in found:
        assert f"{names[name]} (>= {version})" in control


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["sdist", "--formats", "gztar"], False),
        (["egg_info"], False),
        (["dist_info", "--output-dir", "there"], False),
        (["egg_info", "bdist_wheel"], True),
        (["sdist", "build_ext"], True),
        (["build_ext", "-i"], True),
        (["editable_wheel"], True),
    ],
)
def test_c_is_made_where_something_is_built(
    monkeypatch: pytest.MonkeyPatch, words: list[str], made: bool
) -> None:
    """Who packs the source, or asks what there would be, need not wait for Cython; the modules are the same."""
    build = pytest.importorskip("Cython.Build")
    setuptools = pytest.importorskip("setuptools")
    found: dict[str, Any] = {}
    given: list[Any] = []

    def cythonize(extensions: list[Any], **options: Any) -> list[Any]:
        given.extend(extensions)
        return extensions

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["setup.py", *words])
    monkeypatch.setattr(build, "cythonize", cythonize)
    monkeypatch.setattr(setuptools, "setup", found.update)
    runpy.run_path("setup.py")
    assert bool(given) is made
    modules = {f"pysrp._fast.{each.stem}" for each in (ROOT / "src" / "_fast").glob("*.pyx")}
    assert {each.name for each in found["ext_modules"]} == modules


def test_an_sdist_is_the_same_whoever_packs_it(tmp_path: Path) -> None:
    for user, names in (0, ["a", "b"]), (1000, ["b", "a"]):
        with tarfile.open(tmp_path / f"{user}.tar.gz", "w:gz") as archive:
            for name in names:
                info = tarfile.TarInfo(f"pysrp/{name}")
                info.size, info.uid, info.mtime, info.mode = 3, user, user + 1, 0o644 if user else 0o664
                info.uname = f"user{user}"
                archive.addfile(info, io.BytesIO(b"abc"))
        wheels.repacked(tmp_path / f"{user}.tar.gz", 1_000_000_000)
    one, other = ((tmp_path / f"{user}.tar.gz").read_bytes() for user in (0, 1000))
    assert one == other
    with tarfile.open(tmp_path / "0.tar.gz") as archive:
        assert [(info.name, info.mtime) for info in archive] == [("pysrp/a", 10**9), ("pysrp/b", 10**9)]


def test_hashes_are_those_that_sha256sum_finds(tmp_path: Path) -> None:
    for name in "pysrp.tar.gz", "b.whl", "a.whl", "of another kind":
        (tmp_path / name).write_text(name)
    wheels.sums(tmp_path)
    check = ["sha256sum", "--strict", "--check", "SHA256SUMS"]
    said = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["a.whl: OK", "b.whl: OK", "pysrp.tar.gz: OK"]
    (tmp_path / "a.whl").write_text("b")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_what_a_wheel_is_too_large_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = tmp_path / "pysrp.whl"
    with wheel.open("wb") as file:
        file.truncate(wheels.MOST_BYTES)
    wheels.judged(wheel)
    assert capsys.readouterr().out == "    pysrp.whl: 8.4 MB\n"
    with wheel.open("ab") as file:
        file.write(b"x")
    with pytest.raises(SystemExit, match="larger than 8.4 MB"):
        wheels.judged(wheel)


@pytest.mark.skipif(not shutil.which("readelf"), reason="binutils are not on this machine")
def test_the_libraries_that_a_wheel_needs(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pysrp.whl", "w") as archive:
        for module in ram, lun:
            archive.write(module.__file__, Path(module.__file__).name)
        archive.writestr("pysrp/srp.py", "")
    found = wheels.needed(tmp_path / "pysrp.whl")
    assert "libc.so.6" in found
    assert all(re.fullmatch(r"lib[a-z0-9_+]+\.so\.\d+|ld-.*", name) for name in found)


@pytest.mark.skipif(not shutil.which("readelf"), reason="binutils are not on this machine")
def test_modules_call_nothing_that_an_old_musl_has_not(tmp_path: Path) -> None:
    # An editable build has them beside their sources; an installed one has `_fast` within `pysrp`.
    folders = (*fast, Path(pysrp.__file__).parent)
    modules = {found for folder in folders for found in Path(folder).rglob("*.so")}
    assert len(modules) > 15
    with zipfile.ZipFile(tmp_path / "pysrp.whl", "w") as archive:
        for module in modules:
            archive.write(module, f"{module.parent.name}/{module.name}")
    found = wheels.called(tmp_path / "pysrp.whl")
    assert {"PyObject_Free", "malloc", "syscall"} <= found
    assert found & wheels.MUSL_LATER == set()


def test_links_of_an_unpacked_system_lead_into_it(tmp_path: Path) -> None:
    (tmp_path / "lib/ppc").mkdir(parents=True)
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib/ppc/ld.so").write_text("the loader")
    (tmp_path / "lib64/ld.so").symlink_to("/lib/ppc/ld.so")
    (tmp_path / "lib/ld.so").symlink_to("ppc/ld.so")
    (tmp_path / "dangling").symlink_to("/proc/self/mounts")
    foreign.relative(tmp_path)
    assert (tmp_path / "lib64/ld.so").read_text() == (tmp_path / "lib/ld.so").read_text() == "the loader"
    links = ("lib64/ld.so", "lib/ld.so", "dangling")
    assert [os.readlink(tmp_path / link) for link in links] == [
        "../lib/ppc/ld.so",
        "ppc/ld.so",
        "proc/self/mounts",
    ]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not on this machine")
def test_the_unit_is_one_that_systemd_takes_and_is_hardened(tmp_path: Path) -> None:
    unit = tmp_path / "pysrp.service"
    text = (ROOT / "packaging/systemd/pysrp.service").read_text()
    here = str(Path(sys.executable).with_name("pysrp"))
    # what is verified too: that the program and the page are there
    unit.write_text(text.replace("/usr/bin/pysrp", here).replace("Documentation=man:pysrp(1)\n", ""))
    quiet = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    for words in ["verify"], ["security", "--offline=yes", "--threshold=20"]:
        done = subprocess.run(
            ["systemd-analyze", *words, unit], capture_output=True, text=True, check=False, env=quiet
        )
        assert (done.returncode, done.stderr) == (0, "")
