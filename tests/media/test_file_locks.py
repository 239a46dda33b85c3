"""Who may serve a file at the same time as somebody else: one who writes, or all who read."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from descriptors import none_left
from loop_device import loop_device
from pysrp.backends import File, locks
from pysrp.errors import ConfigError
from pysrp.media import file as file_medium
from pysrp.media import open_medium
from pysrp.media.file import FileMedium
from pysrp.scst import Tree, TreeError
from waiting import PATIENCE, until

SIZE = 1 << 20
Open = Callable[..., Any]
KINDS = pytest.mark.parametrize(
    "kind", [File, FileMedium, partial(FileMedium, direct=True)], ids=["file", "medium", "direct"]
)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    path.write_bytes(bytes(SIZE))
    return path


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for."""
    monkeypatch.setattr(locks, "LINGERS", 0.0)


def refused(kind: Open, path: str | os.PathLike[str], *more: Any, **options: Any) -> None:
    """It is, with words that say what to do, and leaves nothing open."""
    with none_left():
        with pytest.raises(OSError, match="is locked: another disk, server or program") as caught:
            kind(path, *more, **options)
        assert caught.value.errno == errno.EBUSY
        del caught


@KINDS
def test_one_writes_or_all_read(kind: Open, disk: Path, at_once: None) -> None:
    with closing(kind(disk)):
        for other in File, FileMedium, partial(FileMedium, direct=True):
            refused(other, disk)
            refused(other, disk, read_only=True)
        with closing(kind(disk, lock=False)):
            refused(kind, disk)
    with closing(kind(disk, read_only=True)), closing(FileMedium(disk, read_only=True)):
        refused(kind, disk)
    with closing(kind(disk, lock=False)), closing(kind(disk)):
        """Who has no lock is in nobody's way."""


@KINDS
def test_what_somebody_has_is_not_made_longer(kind: Open, disk: Path, at_once: None) -> None:
    with closing(File(disk, read_only=True)):
        refused(kind, disk, 2 * SIZE)
    assert disk.stat().st_size == SIZE


@KINDS
def test_a_file_that_takes_its_name_is_another(kind: Open, disk: Path, at_once: None) -> None:
    (disk.parent / "new").write_bytes(bytes(SIZE))
    with closing(kind(disk)) as first:
        (disk.parent / "link").hardlink_to(disk)
        (disk.parent / "new").replace(disk)
        with closing(kind(disk)):
            refused(kind, disk)
        refused(kind, disk.parent / "link")
        first.resize()


def test_somebody_is_quicker(disk: Path, at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the page cache it is opened a second time, and locked again."""
    real = file_medium._direct

    with ExitStack() as rivals:

        def opened(*words: Any) -> int:
            found = real(*words)
            rivals.enter_context(closing(File(disk)))
            return found

        monkeypatch.setattr(file_medium, "_direct", opened)
        with pytest.raises(OSError, match="is locked"):
            FileMedium(disk, direct=True)
        rivals.close()
        monkeypatch.undo()
        FileMedium(disk, direct=True).close()


HOLDER = """
import os, sys
from pysrp.media.file import FileMedium
medium = FileMedium(sys.argv[1], direct=sys.argv[2] == "direct")
if sys.argv[2] == "forks" and os.fork():
    os._exit(0)
print("has it", flush=True)
sys.stdin.read()
"""


Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def holder(disk: Path) -> Iterator[Start]:
    """Another process that serves it, until it hears nothing more."""
    with ExitStack() as stack:

        def start(how: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", HOLDER, str(disk), how]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            assert process.stdout is not None
            assert process.stdout.readline() == "has it\n"
            return process

        yield start


@pytest.mark.parametrize("how", ["plain", "direct"])
def test_who_is_killed_has_it_no_more(
    holder: Start, disk: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    process = holder(how)
    with monkeypatch.context() as now:
        now.setattr(locks, "LINGERS", 0.0)
        refused(FileMedium, disk)
    process.send_signal(signal.SIGKILL)
    FileMedium(disk).close()  # it may not even be dead yet
    assert process.wait(60) == -signal.SIGKILL


def test_a_child_that_was_forked_has_it_too(holder: Start, disk: Path, at_once: None) -> None:
    """It could write as well as its parent, which has ended."""
    process = holder("forks")
    assert process.wait(60) == 0
    refused(FileMedium, disk)
    assert process.stdin is not None
    process.stdin.close()

    def free() -> bool:
        try:
            FileMedium(disk).close()
        except OSError:
            return False
        return True

    until(free)


RAW = "-f", "raw"
with_qemu = pytest.mark.skipif(
    shutil.which("qemu-io") is None, reason="qemu-io is not installed (qemu-utils)"
)


@contextmanager
def guest(disk: Path, *options: str) -> Iterator[None]:
    """QEMU has the image."""
    command = ["qemu-io", *options, *RAW, disk]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as qemu:
        assert qemu.stdin is not None
        assert qemu.stdout is not None
        qemu.stdin.write("length\n")
        qemu.stdin.flush()
        assert "1 MiB" in qemu.stdout.readline()
        yield
        qemu.communicate("quit\n", timeout=60)


@with_qemu
def test_qemu_hears_of_it(disk: Path, at_once: None) -> None:
    """Both ways, as its locks are of the same kind."""
    with closing(FileMedium(disk)):
        command = ["qemu-io", *RAW, disk, "-c", "read 0 512"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "lock" in done.stderr
    with guest(disk):
        refused(FileMedium, disk)
        refused(FileMedium, disk, read_only=True)  # its locks are to be read, though it writes
        refused(FileMedium, disk, read_only=True, direct=True)
    FileMedium(disk).close()


@with_qemu
def test_a_guest_that_only_reads_is_a_reader(disk: Path, at_once: None) -> None:
    """As of a backing file."""
    with guest(disk, "-r"):
        refused(FileMedium, disk)
        with closing(FileMedium(disk, read_only=True)), closing(File(disk, read_only=True)):
            refused(FileMedium, disk)


def test_a_device(tmp_path: Path, at_once: None) -> None:
    with loop_device(tmp_path / "below", SIZE) as path:
        with closing(FileMedium(path, direct=True)):
            refused(FileMedium, path)
            (tmp_path / "link").symlink_to(path)
            refused(File, tmp_path / "link", read_only=True)
        FileMedium(path).close()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_where_there_are_no_locks(
    disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    """As on NFS without its lock daemon, of which there is none here."""

    def none(*words: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "fcntl", none)
    File(disk).close()
    assert caplog.messages == [
        f"{disk}: no locks there ({os.strerror(code)}): see that nobody else serves it"
    ]


def test_another_failure_is_told_as_it_is(disk: Path) -> None:
    with disk.open("rb") as file, pytest.raises(OSError, match="Bad file descriptor"):
        locks.hold(file.fileno(), "disk", read_only=False)


# By URL and in the tree.


def test_by_url(disk: Path, at_once: None) -> None:
    for url in str(disk), f"file:{disk}", f"file:{disk}?lock=on", f"fault:file:{disk}", f"power-cut:{disk}":
        with closing(open_medium(url)):
            refused(open_medium, f"file:{disk}")
            open_medium(f"file:{disk}?lock=off").close()
    with pytest.raises(ConfigError, match="lock=0 is neither on nor off"):
        open_medium(f"file:{disk}?lock=0")


def test_two_devices_of_one_file(disk: Path, at_once: None) -> None:
    tree = Tree()
    with closing(tree):
        tree.write("handlers/vdisk_fileio/mgmt", f"add_device a filename={disk}")
        for words in f"add_device b filename={disk}", f"add_device b filename={disk}; read_only=1":
            with pytest.raises(TreeError, match=f"Device or resource busy: {disk} is locked: ") as caught:
                tree.write("handlers/vdisk_fileio/mgmt", words)
            assert caught.value.errno == errno.EBUSY
        tree.write("handlers/vdisk_url/mgmt", f'add_device b url="file:{disk}?lock=off"')
        assert tree.ls("devices") == ["a", "b"]
        tree.write("handlers/vdisk_fileio/mgmt", "del_device a")
        tree.write("handlers/vdisk_fileio/mgmt", f"add_device a filename={disk};read_only=1")
        tree.write("handlers/vdisk_fileio/mgmt", f"add_device c filename={disk};read_only=1")


def test_who_reads_the_tree_does_not_wait_for_a_lock(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes do, one behind the other, as with SCST: a write goes on as soon as what had the file has ended."""
    monkeypatch.setattr(locks, "LINGERS", PATIENCE)
    with closing(Tree(patience=0)) as tree, ExitStack() as stack:
        stack.enter_context(closing(FileMedium(disk)))
        for kind, words in ("fileio", f"add_device a filename={disk}"), ("nullio", "add_device b size_mb=1"):
            with pytest.raises(TreeError) as caught:
                tree.write(f"handlers/vdisk_{kind}/mgmt", words)
            assert caught.value.errno == errno.EAGAIN
        assert tree.ls("devices") == []
        assert "add_device" in tree.read("handlers/vdisk_fileio/mgmt")
        stack.close()
        until(lambda: tree.ls("devices") == ["a", "b"])
