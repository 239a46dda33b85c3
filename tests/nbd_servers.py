"""NBD servers for tests, as people run them: nbdkit and qemu-nbd, on a Unix socket."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from pysrp._fast.nbd_medium import library

from compiled import run
from waiting import until

PACKAGES = {"nbdkit": "nbdkit", "qemu-nbd": "qemu-utils", "qemu-img": "qemu-utils"}


PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """A test that is killed leaves no server."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def needed(tool: str) -> str:
    """Its path; skips where it is not installed."""
    if missing := library():
        pytest.skip(f"NO LIBNBD HERE ({missing}): apt-get install libnbd0")
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"NO {tool.upper()} HERE: apt-get install {PACKAGES[tool]}")
    return found


class NbdServer:
    """One that runs, and whose place another one can take, on the same socket."""

    def __init__(self, folder: Path, *words: object) -> None:
        self.folder, self.socket = folder, folder / "nbd.sock"
        self.uri = f"nbd+unix:///?socket={self.socket}"
        self.process: subprocess.Popen[bytes] | None = None
        self.begin(*words)

    def command(self, pid: Path, *words: object) -> list[str]:
        tool = [needed("nbdkit"), "--foreground", "--unix", str(self.socket)]
        return [*tool, "--pidfile", str(pid), *map(str, words)]

    def begin(self, *words: object) -> None:
        """A server where there is none. It is there when it has written its number."""
        pid = self.folder / "nbd.pid"
        pid.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)
        # Sanitizers that are preloaded here are not meant for it.
        alone = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        self.process = process = subprocess.Popen(
            self.command(pid, *words), env=alone, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent
        )
        until(lambda: process.poll() is not None or (pid.exists() and pid.read_text()))
        assert process.returncode is None, f"{process.args} has ended: {process.returncode}"

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """It says and does nothing any more, and is there."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        threads = list(Path(f"/proc/{self.process.pid}/task").iterdir())
        until(lambda: all("\nState:\tT" in (each / "status").read_text() for each in threads))

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def replace(self, *words: object) -> None:
        """kill -9, and another one."""
        self.kill()
        self.begin(*words)


class QemuNbd(NbdServer):
    """qemu-nbd. Its words are the image and options."""

    def command(self, pid: Path, *words: object) -> list[str]:
        tool = [needed("qemu-nbd"), "--persistent", "--socket", str(self.socket), "--pid-file", str(pid)]
        return [*tool, *map(str, words)]


def qcow2(folder: Path, size: int) -> Path:
    """An empty image."""
    path = folder / "image.qcow2"
    done = run([needed("qemu-img"), "create", "-q", "-f", "qcow2", path, size])
    assert (done.returncode, done.stderr) == (0, "")
    return path
