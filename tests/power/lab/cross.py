"""pysrp, and any cffi module, compiled on this host for a guest of another architecture."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from .debian import Debian, digest, digest_files, made, run

TRIPLET = {"ppc64el": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu"}
PIP = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:",
       "--target"]  # fmt: skip
SOURCES = (".py", ".pyx", ".pxi", ".pxd", ".pyi", ".h", ".c", ".csv", ".json", ".toml", ".typed", ".txt")

# Runs setup.py in a copy of the tree and writes down, instead of building, what it would build.
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

# A pytest plugin: emulation is twenty times slower, and what it looks for shows in the first examples.
EMULATED = """
from hypothesis import HealthCheck, settings

settings.register_profile("emulated", max_examples=20, deadline=None,
                          suppress_health_check=[HealthCheck.too_slow])
"""


def suffix(arch: str) -> str:
    """The file name ending under which Debian's Python 3.11 finds an extension module."""
    return f".cpython-311-{TRIPLET[arch]}.so"


def wheels(cache: Path, *packages: str) -> Path:
    """A folder with packages from the index, pure Python only, so that a guest can import them too."""
    return made(
        cache / f"wheels-{digest(packages, 1)}",
        lambda to: run(*PIP, to, "--platform", "any", "--python-version", "3.11", *packages) and None,
    )


def python_with(cache: Path, *modules: str) -> tuple[list[str], dict[str, str]]:
    """A host Python, and an environment, that can import `modules`: this one, or with a private folder."""
    lacking = [m for m in modules if importlib.util.find_spec(m) is None]
    environment = dict(os.environ)
    if lacking:
        extra = made(
            cache / f"python-{digest(lacking, sys.version)}",
            lambda to: run(*PIP, to, *lacking) and None,
        )
        environment["PYTHONPATH"] = f"{extra}:{environment.get('PYTHONPATH', '')}"
    return [sys.executable], environment


def _extensions(cache: Path, work: Path, cffi: str = "") -> list[dict[str, list[str]]]:
    (work / "build").mkdir(exist_ok=True)
    python, environment = python_with(
        cache, *(("cffi", "setuptools") if cffi else ("Cython", "cffi", "setuptools"))
    )
    run(*python, "-c", f"CFFI = {cffi!r}\n" + ASK_SETUP, cwd=work, env=environment)
    return list(json.loads((work / "extensions.json").read_text())["extensions"])


def _compile_all(
    debian: Debian, arch: str, work: Path, extensions: list[dict[str, list[str]]], target: Path
) -> None:
    """Compile extension modules for `arch`, as many at a time as there are processors."""
    headers = debian.sysroot(arch) / "usr/include"

    def make(e: dict[str, list[str]]) -> None:
        output = target / (str(e["name"]).replace(".", "/") + suffix(arch))
        output.parent.mkdir(parents=True, exist_ok=True)
        macros = [f"-D{name}={value}" if value is not None else f"-D{name}" for name, value in e["macros"]]
        flags = [*e["cflags"], *macros, *(f"-I{work / i}" for i in e["include"]), *e["ldflags"]]
        # the second -I serves pyconfig.h, which is in a folder named after the architecture
        run(f"{TRIPLET[arch]}-gcc", "-O2", "-shared", "-fPIC", f"-I{headers}/python3.11", f"-I{headers}",
            *flags, *(work / s for s in e["sources"]), "-o", output)  # fmt: skip

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(make, extensions))


def _byte_compile(folder: Path) -> None:
    python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if python:
        run(python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", folder, folder)


def _generate(cache: Path, repo: Path) -> Path:
    """A copy of the tree with the C text of every extension, and extensions.json; good for every target."""
    tree = [repo / "setup.py", repo / "pyproject.toml"]
    for part in ("src", "kernel/include"):
        tree += [p for p in (repo / part).rglob("*") if p.suffix in SOURCES and ".egg-info" not in str(p)]
    tree = sorted(p for p in tree if p.is_file())
    key = digest(
        digest_files([Path(__file__)]), [(str(p.relative_to(repo)), digest_files([p])) for p in tree]
    )

    def make(work: Path) -> None:
        for file in tree:
            copy = work / file.relative_to(repo)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        _extensions(cache, work)

    return made(cache / f"generated-{key}", make)


def build_pysrp(debian: Debian, cache: Path, repo: Path, arch: str) -> Path:
    """The whole package for `arch`, as setup.py describes it, in a folder to import from."""
    work = _generate(cache, repo)

    def make(target: Path) -> None:
        _compile_all(
            debian, arch, work, json.loads((work / "extensions.json").read_text())["extensions"], target
        )
        for source, package in ((work / "src/pysrp", "pysrp"), (work / "src/_fast", "pysrp/_fast")):
            if source.is_dir():
                shutil.copytree(source, target / package, dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("*.c", "*.pyx", "*.pxi", "__pycache__"))  # fmt: skip
        _byte_compile(target)

    return made(cache / f"pysrp-{arch}-{work.name.removeprefix('generated-')}", make)


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
    """Debian's Python of another architecture, run on this host through qemu-user; pysrp is importable in it.

    Its sys.executable is a script of the host that starts it again, so children work too, without binfmt.
    """

    def __init__(self, debian: Debian, cache: Path, repo: Path, arch: str) -> None:
        self.arch = arch
        self.cache = cache
        self.root = debian.guest_root(arch)
        self._make = lambda: build_pysrp(debian, cache, repo, arch)

    @cached_property
    def pysrp(self) -> Path:
        """Folder with the cross-built pysrp; built when first asked for."""
        return self._make()

    @cached_property
    def executable(self) -> Path:
        """The Python, as a program of this host."""
        inside = self.root / "usr/bin/python3.11"
        script = f'#!/bin/sh\nexec qemu-{self.arch}-static -L {self.root} {inside} "$@"\n'

        def make(target: Path) -> None:
            (target / "python3.11").write_text(script)
            (target / "python3.11").chmod(0o755)
            name = str(target.with_name(target.name.removesuffix(".new")) / "python3.11")
            (target / "sitecustomize.py").write_text(f"import sys\n\nsys.executable = {name!r}\n")
            (target / "emulated.py").write_text(EMULATED)

        return made(self.cache / f"python-{self.arch}-{digest(script, EMULATED)}", make) / "python3.11"

    def python(
        self, *args: object, pysrp: bool = True, path: Sequence[Path] = (), timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run `python3.11 ARGS` of that architecture; paths are the host's. Captures, never raises."""
        imports = [self.executable.parent, *([self.pysrp] if pysrp else []), *path]
        environment = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": ":".join(map(str, imports)),
        }
        return subprocess.run([str(self.executable), *map(str, args)], env=environment, capture_output=True,
                              text=True, timeout=timeout, check=False)  # fmt: skip

    def pytest(self, *args: object, timeout: float = 1200) -> subprocess.CompletedProcess[str]:
        """Run pytest in that Python, hypothesis with fewer examples; paths are the host's."""
        path = [wheels(self.cache, "pytest>=8", "hypothesis>=6.100")]
        options = ["-p", "no:cacheprovider", "-p", "emulated", "--hypothesis-profile", "emulated"]
        return self.python("-m", "pytest", *options, *args, path=path, timeout=timeout)
