"""Wheels for processors that this machine does not have: compiled by zig, run by QEMU, without a container.

::

    make wheels ARCHS="aarch64 ppc64le s390x"            CPython 3.11, manylinux, into dist/
    make wheels ARCHS=s390x MUSL=1                       a musllinux wheel as well
    python tools/foreign.py --help

Headers and interpreter are Debian's for that architecture, unpacked into ~/.cache/pysrp; nothing is installed. They are
of Debian 12, and so of CPython 3.11; a forge builds the wheels for other versions (.github/workflows/wheels.yml).
Needs mmdebstrap and qemu-user-static.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import checks
import wheels

VERSION, SUITE = "3.11", "bookworm"
"""A Python version, and the Debian suite that has it as its default."""

PACKAGES = ["libpython3.11-dev", "python3.11-minimal", "python3.11"]

ACCEPTED = ["manylinux_2_28", "manylinux_2_17", "manylinux2014"]
"""Platforms of wheels that pip may choose for such a machine."""

QUICK = [
    f"tests/codec/test_{name}.py" for name in ("wire_h", "lun", "crq", "mad", "srp", "view", "reference")
]
"""Tests of what may differ on another processor: byte order, word size, alignment. The lab runs the others on s390x."""

# Emulation is some twenty times slower, and a difference between processors shows in the first examples.
EMULATED = """
from hypothesis import HealthCheck, settings

settings.register_profile("emulated", max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""


@dataclass(frozen=True)
class Architecture:
    """A processor: its name in wheels, in Debian, and in compilers."""

    name: str
    debian: str
    compiler: str

    @property
    def suffix(self) -> str:
        """The suffix of extension modules that its Python imports."""
        return f".cpython-{VERSION.replace('.', '')}-{self.compiler}-linux-gnu.so"


ARCHITECTURES = {
    each.name: each
    for each in (
        Architecture("aarch64", "arm64", "aarch64"),
        Architecture("ppc64le", "ppc64el", "powerpc64le"),
        Architecture("s390x", "s390x", "s390x"),
    )
}


def cache() -> Path:
    """The folder of unpacked systems."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PYSRP_CACHE") or Path(base) / "pysrp")


def root(arch: Architecture) -> Path:
    """A folder with Debian's Python of an architecture, its headers and the libraries that it needs."""
    folder = cache() / f"{SUITE}-{arch.debian}-python{VERSION}"
    if not folder.exists():
        new = folder.with_name(f"{folder.name}.{os.getpid()}")
        new.parent.mkdir(parents=True, exist_ok=True)
        words = ["mmdebstrap", "--quiet", "--variant=extract", f"--architectures={arch.debian}"]
        wheels.run([*words, f"--include={','.join(PACKAGES)}", SUITE, new, mirror()])
        relative(new)
        new.rename(folder)
    return folder


def mirror() -> str:
    """The Debian mirror of this machine; only a release without its updates, since the lists of a release never change."""
    said = wheels.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"]
    )
    found = [words[1] for line in said.splitlines() if (words := line.split())[0] == "Debian"]
    return next((each for each in found if "security" not in each), "http://deb.debian.org/debian")


def relative(folder: Path) -> None:
    """Make absolute symbolic links relative, such as that of ppc64el's loader, as if ``folder`` were the root folder."""
    for link in folder.rglob("*"):
        if link.is_symlink() and (target := str(link.readlink())).startswith("/"):
            link.unlink()
            link.symlink_to(os.path.relpath(folder / target[1:], link.parent))


def make(sdist: Path, arch: Architecture, out: Path, libc: str = "gnu") -> Path:
    """Build and audit the wheel of an architecture; returns its path. ``libc``: ``gnu``, or ``musl``."""
    python = checks.find_python(VERSION)
    if not python:
        raise SystemExit(f"a CPython {VERSION} of this machine is needed, to build for another one")
    headers = root(arch) / "usr/include"
    target = f"{arch.compiler}-linux-{libc}"
    glibc = ".".join(map(str, wheels.GLIBC))
    compiler = wheels.zig(
        target if libc == "musl" else f"{target}.{glibc}",
        SETUPTOOLS_EXT_SUFFIX=arch.suffix.replace("gnu", libc),
        # These come before this machine's headers, whose pyconfig.h describes its own processor. Debian's pyconfig.h
        # includes another one, from a folder named after the other processor.
        CFLAGS=f"-I{headers}/python{VERSION} -idirafter {headers} -ffile-prefix-map={headers}=python",
    )
    policy = wheels.MUSL if libc == "musl" else f"manylinux_{glibc.replace('.', '_')}"
    named = policy if libc == "musl" else "linux"
    with tempfile.TemporaryDirectory() as folder:
        wheel = wheels.make_wheel(sdist, python, Path(folder), compiler, f"{named}_{arch.name}")
        return wheels.audited(wheel, out, f"{policy}_{arch.name}")


def interpreter(arch: Architecture, folder: Path, imports: Path) -> Path:
    """A program of this machine that runs another processor's Python by QEMU; its child processes start it by its name, too."""
    program, inside = folder / "python", root(arch) / f"usr/bin/python{VERSION}"
    (folder / "sitecustomize.py").write_text(f"import sys\n\nsys.executable = {str(program)!r}\n")
    (folder / "emulated.py").write_text(EMULATED)
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH='{folder}:{imports}' PYTHONDONTWRITEBYTECODE=1 export PYTHONPATH PYTHONDONTWRITEBYTECODE\n"
        f"exec qemu-{arch.name}-static -L '{root(arch)}' '{inside}' \"$@\"\n"
    )
    program.chmod(0o755)
    return program


def tried(wheel: Path, sdist: Path, arch: Architecture) -> None:
    """Install a wheel as pip would on such a machine, and use it by QEMU: the command, a disk, the quick tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tree, imports = wheels.unpacked(sdist, folder), folder / "imports"
        wheels.installed_for([f"{each}_{arch.name}" for each in ACCEPTED], VERSION, wheel, imports)
        python = interpreter(arch, folder, imports)
        print("   ", wheels.run([python, imports / "bin/pysrp", "--version"], cwd=folder).strip())
        for program in wheels.IMPORTS, wheels.TALK:
            print("   ", wheels.run([python, "-c", program], cwd=folder).strip())
        tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "emulated"]
        tests += ["--hypothesis-profile", "emulated", "-m", "not slow and not power", *QUICK]
        print("   ", wheels.run(tests, cwd=tree).strip().splitlines()[-1], flush=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archs", nargs="+", choices=ARCHITECTURES, help="as wheels are named after them")
    parser.add_argument("--out", type=Path, default=wheels.ROOT / "dist", help="the folder; dist")
    parser.add_argument("--musl", action="store_true", help="musllinux wheels as well")
    parser.add_argument("--untried", action="store_true", help="do not run them")
    options = parser.parse_args()
    for program in (
        "mmdebstrap",
        *(() if options.untried else (f"qemu-{name}-static" for name in options.archs)),
    ):
        if not shutil.which(program):
            raise SystemExit(f"{program} is needed: apt-get install mmdebstrap qemu-user-static")
    sdist = wheels.make_sdist(options.out)
    for arch in map(ARCHITECTURES.__getitem__, options.archs):
        print(f"CPython {VERSION} on {arch.name}", flush=True)
        wheels.judged(wheel := make(sdist, arch, options.out))
        if not options.untried:
            tried(wheel, sdist, arch)
        if options.musl:
            wheels.judged(make(sdist, arch, options.out, "musl"))
    wheels.sums(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
