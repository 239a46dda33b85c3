"""NBD servers for tests, as people run them: nbdkit, qemu-nbd and qemu-storage-daemon, on a Unix socket, or behind a wire."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast.nbd_medium import library

from compiled import run
from waiting import until

PACKAGES = {
    "nbdkit": "nbdkit",
    "qemu-nbd": "qemu-utils",
    "qemu-img": "qemu-utils",
    "qemu-storage-daemon": "qemu-system-common",
    "ip": "iproute2",
    "nsenter": "util-linux",
}

DIES_WITH_PARENT = "setpriv", "--pdeathsig", "KILL"
"""Before a command: a test that is killed leaves no server. In place of ``preexec_fn``, for which Python forks: before 3.12 the
child waits for ever if a medium's thread is just then on its way into Python."""


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

    def __enter__(self) -> NbdServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

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
            [*DIES_WITH_PARENT, *self.command(pid, *words)], env=alone, stderr=subprocess.DEVNULL
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

    def leave(self) -> None:
        """There is no other one."""
        self.kill()

    def replace(self, *words: object) -> None:
        """kill -9, and another one."""
        self.kill()
        self.begin(*words)


class QemuNbd(NbdServer):
    """qemu-nbd. Its words are the image and options."""

    def command(self, pid: Path, *words: object) -> list[str]:
        tool = [needed("qemu-nbd"), "--persistent", "--socket", str(self.socket), "--pid-file", str(pid)]
        return [*tool, *map(str, words)]


class StorageDaemon(NbdServer):
    """qemu-storage-daemon with a qcow2 image. Its word is the image."""

    def command(self, pid: Path, *words: object) -> list[str]:
        return [
            needed("qemu-storage-daemon"), f"--pidfile={pid}",
            f"--blockdev=driver=file,node-name=file,filename={words[0]}",
            "--blockdev=driver=qcow2,node-name=disk,file=file",
            f"--nbd-server=addr.type=unix,addr.path={self.socket}",
            "--export=type=nbd,id=first,node-name=disk,name=,writable=on",
            f"--chardev=socket,path={self.folder}/qmp.sock,server=on,wait=off,id=qmp", "--monitor=chardev=qmp",
        ]  # fmt: skip

    def ask(self, *commands: tuple[str, dict[str, Any]]) -> None:
        """QMP (QEMU's docs/interop/qmp-spec.txt): some commands, each of which succeeds."""
        with socket.socket(socket.AF_UNIX) as near:
            near.connect(f"{self.folder}/qmp.sock")
            lines = near.makefile("rw")
            assert "QMP" in json.loads(lines.readline())
            for name, arguments in ("qmp_capabilities", {}), *commands:
                lines.write(json.dumps({"execute": name, "arguments": arguments}))
                lines.flush()
                while "event" in (answer := json.loads(lines.readline())):
                    pass
                assert "return" in answer, answer

    def pause(self) -> None:
        """It exports nothing, and nobody reaches it."""
        self.ask(("nbd-server-stop", {}))

    def resume(self) -> None:
        """The same image again."""
        address = {"type": "unix", "data": {"path": str(self.socket)}}
        export = {"type": "nbd", "id": "again", "node-name": "disk", "name": "", "writable": True}
        self.ask(("nbd-server-start", {"addr": address}), ("block-export-add", export))


class FarServer(NbdServer):
    """nbdkit in a network namespace of its own, at the other end of a wire that can be cut."""

    def __init__(self, folder: Path, *words: object) -> None:
        self.tools = {tool: needed(tool) for tool in ("ip", "nsenter")}
        if os.geteuid():
            pytest.skip("NO ROOT HERE: a network namespace needs it")
        self.room = subprocess.Popen([*DIES_WITH_PARENT, "unshare", "--net", "sleep", "infinity"])
        pid = self.room.pid
        mine = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{pid}/ns/net").readlink() != mine)
        self.near, self.far = f"pysrp{pid}n", f"pysrp{pid}f"
        net = f"198.18.{pid >> 6 & 255}"
        near, self.address = (f"{net}.{(pid & 63) * 4 + number}" for number in (1, 2))
        self.ip("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", str(pid))
        self.ip("address", "add", f"{near}/30", "dev", self.near)
        self.ip("link", "set", self.near, "up")
        self.inside(self.tools["ip"], "address", "add", f"{self.address}/30", "dev", self.far)
        self.mend()
        super().__init__(folder, *words)
        self.uri = f"nbd://{self.address}"

    def ip(self, *words: str) -> None:
        subprocess.run([self.tools["ip"], *words], check=True)

    def within(self, *words: str) -> list[str]:
        return [self.tools["nsenter"], f"--net=/proc/{self.room.pid}/ns/net", *words]

    def inside(self, *words: str) -> None:
        subprocess.run(self.within(*words), check=True)

    def command(self, pid: Path, *words: object) -> list[str]:
        tool = [needed("nbdkit"), "--foreground", "--ipaddr", self.address, "--pidfile", str(pid)]
        return self.within(*tool, *map(str, words))

    def cut(self) -> None:
        """What is sent from now on gets lost, either way."""
        self.inside(self.tools["ip"], "link", "set", self.far, "down")

    def mend(self) -> None:
        self.inside(self.tools["ip"], "link", "set", self.far, "up")

    def leave(self) -> None:
        """The room, and with it the wire."""
        self.kill()
        self.room.kill()
        self.room.wait()


def qcow2(folder: Path, size: int) -> Path:
    """An empty image."""
    path = folder / "image.qcow2"
    done = run([needed("qemu-img"), "create", "-q", "-f", "qcow2", path, size])
    assert (done.returncode, done.stderr) == (0, "")
    return path
