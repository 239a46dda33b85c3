"""pysrp, and any cffi module, compiled on this host for a guest of another architecture."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from .debian import Debian, digest, digest_files, made, run

TRIPLET = {"ppc64el": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu"}
SOURCES = (".py", ".pyx", ".pxd", ".pyi", ".h", ".c", ".csv", ".json", ".toml", ".typed", ".txt")

# Runs setup.py in a copy of the tree and writes down what it would build, C text included, instead of building.
ASK_SETUP = """
import json, runpy, sys, setuptools
found = {"extensions": []}

def setup(**arguments):
    for e in arguments.get("ext_modules", []):
        found["extensions"].append(
            {"name": e.name, "sources": e.sources, "include": e.include_dirs, "cflags": e.extra_compile_args,
             "ldflags": e.extra_link_args, "macros": e.define_macros})
    for spec in arguments.get("cffi_modules", []):
        path, _, name = spec.partition(":")
        found["extensions"].append(cffi(path, name))
    json.dump(found, open("extensions.json", "w"))

def cffi(path, name):
    builder = runpy.run_path(path)[name]
    builder = builder() if not hasattr(builder, "emit_c_code") else builder
    module, _, _, options = builder._assigned_source
    source = "build/" + module + ".c"
    builder.emit_c_code(source)
    return {"name": module, "sources": [source, *options.get("sources", [])],
            "include": options.get("include_dirs", []), "cflags": options.get("extra_compile_args", []),
            "ldflags": options.get("extra_link_args", []), "macros": options.get("define_macros", [])}

setuptools.setup = setup
sys.argv = ["setup.py", "build_ext"]
sys.path.insert(0, ".")
if CFFI:
    setup(cffi_modules=[CFFI])
else:
    runpy.run_path("setup.py")
"""


def suffix(arch: str) -> str:
    """The file name ending under which Debian's Python 3.11 finds an extension module."""
    return f".cpython-311-{TRIPLET[arch]}.so"


def compile_extensions(
    debian: Debian, arch: str, jobs: Sequence[tuple[Sequence[Path], Path]], flags: Sequence[str] = ()
) -> None:
    """Compile extension modules for `arch`: pairs of (C files, output .so)."""
    sysroot = debian.sysroot(arch)
    for sources, output in jobs:
        output.parent.mkdir(parents=True, exist_ok=True)
        # the second -I serves pyconfig.h, which is in a folder named after the architecture
        run(f"{TRIPLET[arch]}-gcc", "-O2", "-shared", "-fPIC", f"-I{sysroot}/usr/include/python3.11",
            f"-I{sysroot}/usr/include", *flags, *sources, "-o", output)  # fmt: skip


def python_with(cache: Path, *modules: str) -> tuple[list[str], dict[str, str]]:
    """A host Python, and an environment, that can import `modules`: this one, or this one plus a private folder."""
    lacking = [m for m in modules if importlib.util.find_spec(m) is None]
    environment = dict(os.environ)
    if lacking:
        extra = made(
            cache / f"python-{digest(lacking, sys.version)}",
            lambda to: run(sys.executable, "-m", "pip", "install", "-q", "--target", to, *lacking) and None,
        )
        environment["PYTHONPATH"] = f"{extra}:{environment.get('PYTHONPATH', '')}"
    return [sys.executable], environment


def _extensions(cache: Path, work: Path, cffi: str = "") -> list[dict[str, list[str]]]:
    (work / "build").mkdir(exist_ok=True)
    python, environment = python_with(cache, *(("cffi", "setuptools") if cffi else ("Cython", "cffi", "setuptools")))
    run(*python, "-c", f"CFFI = {cffi!r}\n" + ASK_SETUP, cwd=work, env=environment)
    return list(json.loads((work / "extensions.json").read_text())["extensions"])


def _compile_all(debian: Debian, arch: str, work: Path, extensions: list[dict[str, list[str]]], target: Path) -> None:
    for e in extensions:
        output = target / (str(e["name"]).replace(".", "/") + suffix(arch))
        macros = [f"-D{name}={value}" if value is not None else f"-D{name}" for name, value in e["macros"]]
        flags = [*e["cflags"], *macros, *(f"-I{work / i}" for i in e["include"]), *e["ldflags"]]
        compile_extensions(debian, arch, [([work / s for s in e["sources"]], output)], flags)


def _byte_compile(folder: Path) -> None:
    python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if python:
        run(python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", folder, folder)


def build_pysrp(debian: Debian, cache: Path, repo: Path, arch: str) -> Path:
    """The whole package for `arch`, as setup.py describes it (extensions and cffi modules), in a folder to import from."""
    tree = [repo / "setup.py", repo / "pyproject.toml"]
    for part in ("src", "kernel/include"):
        tree += [p for p in (repo / part).rglob("*") if p.suffix in SOURCES and ".egg-info" not in str(p)]
    tree = sorted(p for p in tree if p.is_file())
    key = digest(arch, sys.version, digest_files([Path(__file__)]),
                 [(str(p.relative_to(repo)), digest_files([p])) for p in tree])  # fmt: skip

    def make(target: Path) -> None:
        work = target / "build"
        for file in tree:
            copy = work / file.relative_to(repo)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        _compile_all(debian, arch, work, _extensions(cache, work), target)
        for source, package in ((work / "src/pysrp", "pysrp"), (work / "src/_fast", "pysrp/_fast")):
            if source.is_dir():
                shutil.copytree(source, target / package, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("*.c", "*.pyx", "__pycache__"))  # fmt: skip
        shutil.rmtree(work)
        _byte_compile(target)

    return made(cache / f"pysrp-{arch}-{key}", make)


def build_cffi(debian: Debian, cache: Path, script: Path, arch: str, *depends: Path) -> Path:
    """One cffi module, described by `script` (a global `ffibuilder`), for `arch`, in a folder to import from.

    `depends`: files the C text includes. They are found under their own names, without a folder.
    """
    key = digest(arch, sys.version, digest_files([Path(__file__), script, *depends]))

    def make(target: Path) -> None:
        work = target / "build"
        work.mkdir()
        for file in (script, *depends):
            shutil.copyfile(file, work / file.name)
        extensions = _extensions(cache, work, f"{script.name}:ffibuilder")
        for e in extensions:
            e["include"] = [*e["include"], "."]
        _compile_all(debian, arch, work, extensions, target)
        shutil.rmtree(work)

    return made(cache / f"cffi-{arch}-{key}", make)


class Foreign:
    """Debian's Python of another architecture, run on this host through qemu-user; pysrp is importable in it."""

    def __init__(self, debian: Debian, cache: Path, repo: Path, arch: str) -> None:
        self.arch = arch
        self.root = debian.guest_root(arch)
        self._make = lambda: build_pysrp(debian, cache, repo, arch)

    @cached_property
    def pysrp(self) -> Path:
        """Folder with the cross-built pysrp; built when first asked for."""
        return self._make()

    def python(self, *args: object, pysrp: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `python3.11 ARGS` of that architecture; paths are the host's. Output is captured, nothing is raised."""
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self.pysrp) if pysrp else ""}
        command = [f"qemu-{self.arch}-static", "-L", str(self.root), str(self.root / "usr/bin/python3.11")]
        return subprocess.run([*command, *map(str, args)], env=environment, capture_output=True, text=True,
                              timeout=timeout, check=False)  # fmt: skip
