"""Debian packages of any architecture, fetched with the host's apt but without touching its configuration."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SUITE = "bookworm"  # the guest's Python and tools are its, and its kernel is the one to boot by default
ARCHITECTURES = ("ppc64el", "s390x")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
APPLETS = Path(__file__).parents[1] / "guest/applets.txt"  # of busybox, that scripts may use
FRESH = 7 * 24 * 3600  # seconds for which package lists are believed
FORGET = 30 * 24 * 3600  # and for which what was built is kept unused

PYTHON = [
    "libc6",
    "libgcc-s1",
    "zlib1g",
    "libexpat1",
    "libssl3",
    "libffi8",
    "libbz2-1.0",
    "liblzma5",
    "libcrypt1",
    "libsqlite3-0",
    "libuuid1",
    "libncursesw6",
    "libtinfo6",
    "libreadline8",
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "python3-cffi-backend",
]
TOOLS = [
    "busybox-static",
    "lsscsi",
    "sg3-utils",
    "libsgutils2-1.46-2",
    "e2fsprogs",
    "libext2fs2",
    "libcom-err2",
    "libss2",
    "libblkid1",
    "fdisk",
    "libfdisk1",
    "libmount1",
    "libsmartcols1",
    "libselinux1",
    "libpcre2-8-0",
    "fuse3",
    "libfuse3-3",
    "sdparm",
    "ddpt",
    "smartmontools",
    "util-linux",
    "libstdc++6",
    "libcap-ng0",
    "libcap2",
    "libsystemd0",
    "libgcrypt20",
    "libgpg-error0",
    "liblz4-1",
    "libzstd1",
    "multipath-tools",
    "libaio1",
    "libdevmapper1.02.1",
    "libedit2",
    "libbsd0",
    "libmd0",
    "libjson-c5",
    "libudev1",
    "liburcu8",
    "libiscsi-bin",
    "libiscsi7",
    "libcunit1",
    "libibverbs1",
    "librdmacm1",
    "libnl-3-200",
    "libnl-route-3-200",
]
GUEST = {"ppc64el": PYTHON + TOOLS, "s390x": PYTHON}
HEADERS = ["libpython3.11-dev"]


class LabUnavailable(Exception):
    """The lab cannot be set up here; the text names what is missing."""


def digest(*parts: object) -> str:
    """A short content hash for a folder's name."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def digest_files(files: Sequence[Path]) -> str:
    return digest([(f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in sorted(files)])


@contextlib.contextmanager
def locked(thing: Path) -> Iterator[None]:
    """One thread of all processes makes `thing`, a place in the cache. Whoever has the lock may take it again."""
    holder = threading.get_ident(), thing
    if holder in _held:
        yield
        return
    locks = thing.parent / "locks"
    locks.mkdir(exist_ok=True)
    with (locks / thing.name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _held.add(holder)
        try:
            yield
        finally:
            _held.discard(holder)


_held: set[tuple[int, Path]] = set()


def made(target: Path, make: Callable[[Path], None]) -> Path:
    """The folder `target`, made by `make(folder)` if it is not there: complete or absent, never half.

    Others of its kind (the name up to the last dash) that no one has asked for in a month are removed.
    """
    if target.exists():
        os.utime(target)
        return target
    with locked(target):
        if not target.exists():
            building = target.with_name(target.name + ".new")
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir(parents=True)
            make(building)
            os.utime(building)
            building.rename(target)
            for other in target.parent.glob(target.name.rpartition("-")[0] + "-*"):
                if other.is_dir() and time.time() - other.stat().st_mtime > FORGET:
                    shutil.rmtree(other, ignore_errors=True)
    return target


def run(*command: object, **options: object) -> str:
    """Run a tool; its output, or an exception that shows it."""
    words = [str(c) for c in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        said = done.stdout[-4000:] + done.stderr[-4000:]
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}\n{said}")
    return str(done.stdout)


class Debian:
    """A private apt for one suite: own lists, own archives, own idea of what is installed (nothing)."""

    def __init__(self, cache: Path, suite: str = SUITE, architectures: Sequence[str] = ARCHITECTURES) -> None:
        self.cache = cache
        self.suite = suite
        self.architectures = architectures
        self.apt = cache / f"apt-{suite}"
        self.debs = cache / "debs"
        self.native = run("dpkg", "--print-architecture").strip()
        self.environment = {**os.environ, "APT_CONFIG": str(self.apt / "apt.conf"), "LC_ALL": "C"}

    # -- lists -----------------------------------------------------------------------------------------

    def _mirror(self) -> str:
        """The mirror this host uses for Debian, or $PYSRP_LAB_MIRROR."""
        given = os.environ.get("PYSRP_LAB_MIRROR")
        if given:
            return given
        lines = run("apt-get", "indextargets", "Created-By: Packages", "Origin: Debian", "--format",
                    "$(REPO_URI) $(RELEASE)")  # fmt: skip
        for line in lines.splitlines():
            uri, _, release = line.partition(" ")
            if not re.search("security|updates|backports", release):
                return uri
        raise LabUnavailable(
            "no Debian mirror among this host's apt sources (apt-get update first), nor in PYSRP_LAB_MIRROR"
        )

    def _configure(self) -> None:
        for folder in (
            "etc/preferences.d",
            "etc/apt.conf.d",
            "state/lists/partial",
            "cache/archives/partial",
        ):
            (self.apt / folder).mkdir(parents=True, exist_ok=True)
        self.debs.mkdir(exist_ok=True)
        (self.apt / "status").touch()
        all_of_them = [self.native, *self.architectures]
        (self.apt / "etc/sources.list").write_text(
            f"deb [arch={','.join(all_of_them)} signed-by={KEYRING}] {self._mirror()} {self.suite} main\n"
        )
        (self.apt / "apt.conf").write_text(
            f'Dir::Etc "{self.apt}/etc";\nDir::State "{self.apt}/state";\nDir::Cache "{self.apt}/cache";\n'
            f'Dir::State::status "{self.apt}/status";\nAPT::Architecture "{self.native}";\n'
            f"APT::Architectures {{ {' '.join(f'{a!r};' for a in all_of_them)} }};\n".replace("'", '"')
            + 'Acquire::Languages "none";\nAcquire::Retries "3";\nAPT::Sandbox::User "";\n'
            # a mirror may lag behind, above all for sid; what it has is still signed
            + 'Acquire::Check-Valid-Until "false";\n'
        )

    def _refresh(self) -> None:
        """Bring the lists up to date when they are old; old ones are better than none."""
        stamp = self.apt / "stamp"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH:
            return
        self._configure()
        # without the option a mirror that does not answer is only a warning, and the lists are empty
        update = ["apt-get", "update", "-qq", "--error-on=any"]
        done = subprocess.run(update, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            stamp.touch()
        elif not stamp.exists():
            raise LabUnavailable(f"cannot fetch Debian's package lists: {done.stderr.strip()[-500:]}")

    # -- packages --------------------------------------------------------------------------------------

    def show(self, *names: str) -> list[dict[str, str]]:
        """The current record of each package ("name:arch" or "name:arch=version"), in the order asked for."""
        self._refresh()
        text = run("apt-cache", "show", "--no-all-versions", *names, env=self.environment)
        records = []
        for paragraph in text.strip().split("\n\n"):
            found = re.findall(r"^([\w-]+): *(.*)$", paragraph, re.M)
            records.append(dict(found))
        by_name = {f"{r['Package']}:{r['Architecture']}": r for r in records}
        by_name |= {f"{r['Package']}:all": r for r in records if r["Architecture"] == "all"}
        result = []
        for name in names:
            plain = name.partition("=")[0]
            record = by_name.get(plain) or by_name.get(plain.partition(":")[0] + ":all")
            if record is None:
                raise LabUnavailable(f"Debian {self.suite} has no package {name}")
            result.append(record)
        return result

    def resolve(self, key: str, ask: Callable[[], list[dict[str, str]]]) -> list[dict[str, str]]:
        """What `ask` answers, remembered for as long as the lists are fresh, and longer without a network."""
        with locked(self.apt):
            memory = self.cache / f"resolved-{key}.json"
            if memory.exists() and time.time() - memory.stat().st_mtime < FRESH:
                return list(json.loads(memory.read_text()))
            try:
                records = ask()
            except (LabUnavailable, RuntimeError) as error:
                if not memory.exists():
                    if isinstance(error, LabUnavailable):
                        raise
                    raise LabUnavailable(str(error)) from error
                return list(json.loads(memory.read_text()))
            memory.write_text(json.dumps(records))
            return records

    def packages(self, names: Sequence[str], arch: str) -> list[dict[str, str]]:
        """Records of the current versions of `names` for `arch`."""
        key = digest(self.suite, arch, *names)
        return self.resolve(key, lambda: self.show(*(f"{n}:{arch}" for n in names)))

    def fetch(self, records: Sequence[dict[str, str]]) -> None:
        """Have packages in the cache; `LabUnavailable` if the mirror does not give them."""
        wanted = {r["SHA256"]: r for r in records}
        with locked(self.apt), locked(self.debs):
            self._fetch(wanted)

    def _fetch(self, wanted: dict[str, dict[str, str]]) -> None:
        absent = [r for sha, r in wanted.items() if not (self.debs / f"{sha}.deb").exists()]
        if absent:
            self._refresh()
            fetching = self.debs / "fetching"
            shutil.rmtree(fetching, ignore_errors=True)
            fetching.mkdir()
            names = [
                f"{r['Package']}:{r['Architecture']}={r['Version']}".replace(":all=", "=") for r in absent
            ]
            try:
                run("apt-get", "download", "-qq", *names, env=self.environment, cwd=fetching)
            except RuntimeError as error:
                raise LabUnavailable(f"cannot fetch Debian packages: {error}") from error
            for deb in fetching.iterdir():
                sha = hashlib.sha256(deb.read_bytes()).hexdigest()
                if sha not in wanted:
                    raise LabUnavailable(f"{deb.name} is not the package that was asked for")
                deb.rename(self.debs / f"{sha}.deb")
            fetching.rmdir()

    def unpack(self, records: Sequence[dict[str, str]], into: Path) -> None:
        """Fetch and unpack packages; nothing is installed, no script of theirs runs."""
        self.fetch(records)
        for record in records:
            run("dpkg-deb", "-x", self.debs / f"{record['SHA256']}.deb", into)

    # -- what the lab makes of them --------------------------------------------------------------------

    def sysroot(self, arch: str) -> Path:
        """Headers of Debian's Python for `arch`, for cross compilers: usr/include, usr/include/python3.11."""
        records = self.packages(HEADERS, arch)
        return made(self.cache / f"sysroot-{arch}-{digest(records)}", lambda to: self.unpack(records, to))

    def guest_root(self, arch: str) -> Path:
        """A file system with Debian's Python, byte-compiled, and on ppc64el the tools of scenarios."""
        records = self.packages(GUEST[arch], arch)
        return made(
            self.cache / f"root-{arch}-{digest(records, APPLETS.read_text())}",
            lambda to: self._make_root(records, to),
        )

    def _make_root(self, records: Sequence[dict[str, str]], root: Path) -> None:
        self.unpack(records, root)
        for useless in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian"):
            shutil.rmtree(root / useless, ignore_errors=True)
        for point in ("dev", "proc", "sys", "tmp", "run", "root", "mnt", "share", "guest", "modules", "pysrp",
                      "lib/modules", "etc"):  # fmt: skip
            (root / point).mkdir(parents=True, exist_ok=True)
        for number in range(4):
            (root / f"shares/{number}").mkdir(parents=True)
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\n")
        (root / "etc/mtab").symlink_to("/proc/self/mounts")
        if (root / "bin/busybox").exists():
            for applet in APPLETS.read_text().split():
                place = root / "bin" / applet
                if not place.exists():
                    place.symlink_to("busybox")
        # dpkg-deb makes no .pyc, and without them Python starts three times slower under emulation.
        python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
        if python:
            # Exits 1 for files that are templates, not Python.
            subprocess.run(
                [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-x",
                 r"/(test|idlelib|lib2to3|ensurepip|tkinter|turtledemo)/", "-s", str(root),
                 str(root / "usr/lib/python3.11")],
                check=False, capture_output=True,
            )  # fmt: skip
