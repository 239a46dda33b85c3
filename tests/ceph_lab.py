"""A Ceph cluster for tests: one monitor and one bluestore OSD, in a network namespace of their own.

:func:`shared` is one for all tests of a run, whose daemons nobody kills; a test that does has an :class:`OwnCephLab`.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast.rbd_medium import library

from nbd_servers import DIES_WITH_PARENT
from waiting import until

PACKAGES = "apt-get install --no-install-recommends ceph-mon ceph-osd ceph-common librbd1 librados2"
ADDRESS = "v1:127.0.0.1:26789"
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1

# Of the 4 GiB of the OSD only what is written takes memory. RocksDB's log wants 300 MiB in one piece now and then: with 1 GiB the
# OSD found no room after some 100,000 small writes to an image of 256 MiB, twice, and aborted.
CONF = """[global]
fsid = {fsid}
mon host = [{address}]
ms bind msgr2 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
mon allow pool delete = true
osd crush chooseleaf type = 0
osd class update on start = false
osd crush update on start = false
osd objectstore = bluestore
bluestore block size = 4294967296
osd client watch timeout = {watch}
mon data = {folder}/mon
mgr data = {folder}/mgr
osd data = {folder}/osd
run dir = {folder}
admin socket = {folder}/$name.$pid.asok
log file = {folder}/$name.log
log to stderr = false
err to stderr = false
keyring = {folder}/keyring
"""

TRIES = 5

libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _own_network() -> None:
    """For this thread: a new namespace with a loopback that is up."""
    _checked(libc.unshare(CLONE_NEWNET))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def missing() -> str | None:
    """Why there can be no lab here."""
    if what := library():
        return f"NO CEPH HERE ({what}): {PACKAGES}"
    for tool in "ceph", "ceph-mon", "ceph-osd", "monmaptool", "rbd":
        if shutil.which(tool) is None:
            return f"NO CEPH HERE ({tool}): {PACKAGES}"
    if subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return "NO CEPH HERE: this user may make no network namespace"
    return None


def alone() -> dict[str, str]:
    """The environment without sanitizers that are preloaded here, which are not meant for Ceph."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


class CephLab:
    """A cluster that runs, by its folder and its network namespace."""

    def __init__(self, folder: Path, network: int) -> None:
        self.folder, self.network = folder, network
        self.conf = folder / "ceph.conf"

    @contextmanager
    def inside(self, enter: Callable[[], None] | None = None) -> Iterator[None]:
        """Let this thread, and the threads and processes that it begins, be in the cluster's network, or in that of ``enter``."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            (enter or self.enter)()
            yield
        finally:
            _checked(libc.setns(before, CLONE_NEWNET))
            os.close(before)

    def enter(self) -> None:
        """Likewise, for good."""
        _checked(libc.setns(self.network, CLONE_NEWNET))

    def run(self, tool: str, *words: object) -> str:
        """What one of Ceph's tools prints; it has to succeed."""
        command = [tool, "--conf", str(self.conf), *map(str, words)]
        for _ in range(TRIES):
            with self.inside():
                done = subprocess.run(command, env=alone(), capture_output=True, text=True, check=False)
            # It has asked for nothing yet then: seen of a busy monitor, once in some hundred runs.
            if "problem getting command descriptions" not in done.stderr:
                break
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def image(self, size: int, *words: object, pool: str = "rbd") -> str:
        """A new image of so many bytes: POOL/NAME."""
        name = f"{pool}/i{uuid.uuid4().hex[:12]}"
        self.run("rbd", "create", "--size", f"{size}B", *words, name)
        return name

    def url(self, image: str, more: str = "") -> str:
        return f"rbd:{image}?conf={self.conf}{more}"


class OwnCephLab(CephLab):
    """One that this process has begun, and whose daemons it may kill.

    ``watch``: seconds after which a client that has died counts as dead.
    """

    def __init__(self, folder: Path, watch: int = 5) -> None:
        super().__init__(folder, -1)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        fsid, osd = uuid.uuid4(), uuid.uuid4()
        for each in "mon", "mgr", "osd":
            (folder / each).mkdir(parents=True)
        self.conf.write_text(CONF.format(fsid=fsid, address=ADDRESS, folder=folder, watch=watch))
        monmap = folder / "monmap"
        self._once(
            "monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", f"[{ADDRESS}]", monmap
        )
        self._once("ceph-mon", "--conf", self.conf, "-i", "a", "--mkfs", "--monmap", monmap)
        try:
            self._start(fsid, osd)
        except BaseException:
            self.close()
            raise

    def _start(self, fsid: uuid.UUID, osd: uuid.UUID) -> None:
        self.begin("mon", _own_network)
        self.network = os.open(f"/proc/{self.running['mon'].pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.run("ceph", "osd", "new", osd)
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        # The OSD would do it itself, but may do so before it knows the monitor, and then ends: "wrong fsid".
        self.run("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=lab")
        self.begin("osd")
        self.run("ceph", "osd", "pool", "create", "rbd", "8", "8")
        self.run("rbd", "pool", "init", "rbd")
        assert self.run("ceph", "fsid").strip() == str(fsid)

    def _once(self, *command: object) -> None:
        words = list(map(str, command))
        done = subprocess.run(words, env=alone(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"

    def begin(self, daemon: str, network: Callable[[], None] | None = None) -> None:
        """Start ``mon``, ``mgr`` or ``osd``; the first one makes the network."""
        name = {"mon": "a", "mgr": "a", "osd": "0"}[daemon]
        command = [*DIES_WITH_PARENT, f"ceph-{daemon}", "--conf", str(self.conf), "-i", name, "-f"]
        with self.inside(network):
            self.running[daemon] = subprocess.Popen(
                command, env=alone(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )

    def manage(self) -> str | None:
        """Start a manager, which counts what the pools take; why there can be none here."""
        if shutil.which("ceph-mgr") is None:
            return "NO CEPH MANAGER HERE: apt-get install --no-install-recommends ceph-mgr"
        self.begin("mgr")
        return None

    def kill(self, daemon: str) -> None:
        """kill -9."""
        process = self.running.pop(daemon)
        process.kill()
        process.wait()

    def signal(self, daemon: str, number: signal.Signals) -> None:
        """Send a signal; SIGSTOP is over when all its threads have stopped."""
        self.running[daemon].send_signal(number)
        if number == signal.SIGSTOP:
            tasks = Path(f"/proc/{self.running[daemon].pid}/task")
            until(
                lambda: all(
                    " T (" in (each / "status").read_text().replace("\t", " ") for each in tasks.iterdir()
                )
            )

    def close(self) -> None:
        for daemon in list(self.running):
            self.kill(daemon)
        if self.network >= 0:
            os.close(self.network)
        shutil.rmtree(self.folder, ignore_errors=True)


def place() -> Path:
    """A folder for a cluster, in memory where that can be."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="pysrp-ceph-", dir=memory if memory.is_mount() else None))


@contextmanager
def own(watch: int = 5) -> Iterator[OwnCephLab]:
    """A cluster for one test."""
    if why := missing():
        pytest.skip(why)
    lab = OwnCephLab(place() / "c", watch)
    try:
        yield lab
    finally:
        lab.close()
        lab.folder.parent.rmdir()


def _run_of_tests() -> int:
    """The process that all of a run's tests have in common."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


@cache
def shared() -> CephLab:
    """The cluster of a run: begun by the first test of whichever process that wants it, ended with the run."""
    if why := missing():
        pytest.skip(why)
    run = _run_of_tests()
    note = Path(tempfile.gettempdir(), f"pysrp-ceph-of-{run}")
    with open(f"{note}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.exists():
            command = [sys.executable, __file__, str(run), str(note)]
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        until(note.exists)
    folder, pid = note.read_text().split()
    if folder == "failed":
        pytest.fail("Ceph has not started")
    return CephLab(Path(folder), os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC))


@pytest.fixture
def lab() -> Iterator[CephLab]:
    """That of the run, which has no manager; the test, and what it begins, are in its network. A module names it for its tests."""
    found = shared()
    with found.inside():
        yield found


def fragile(watch: int = 5) -> Any:
    """A fixture of a module: a cluster whose daemons may be stopped and killed."""

    @pytest.fixture(scope="module")
    def begun() -> Iterator[OwnCephLab]:
        with own(watch) as made, made.inside():
            yield made

    return begun


def _tend(run: int, note: Path) -> None:
    """Be the parent of a run's cluster, until the run has ended."""
    folder, text = place(), "failed 0"
    lab = None
    try:
        # No test that has it waits for a client to be dead; and a busy machine may stand still for some seconds.
        lab = OwnCephLab(folder / "c", watch=20)
        text = f"{lab.folder} {lab.running['mon'].pid}"
    finally:
        note.with_suffix(".new").write_text(text)
        note.with_suffix(".new").rename(note)
        select.select([os.pidfd_open(run)], [], [])
        if lab is not None:
            lab.close()
        shutil.rmtree(folder, ignore_errors=True)
        note.unlink()
        Path(f"{note}.lock").unlink(missing_ok=True)


if __name__ == "__main__" and not os.fork():
    os.setsid()
    _tend(int(sys.argv[1]), Path(sys.argv[2]))
