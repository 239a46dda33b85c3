"""What a file does when the system cannot write what it took: a real file system, whose fsync does as the test says."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from media_rig import TestLoop
from pysrp.backends import File
from pysrp.media.file import FileMedium
from pysrp.scst.fuse import unavailable
from pysrp.target.link import PENDING
from pysrp.target.medium import FUA, MediumRequest, Operation
from waiting import PATIENCE, until

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=f"NO FUSE HERE: {unavailable()}")

SYSTEM = textwrap.dedent(
    """
    import stat, sys, mfusepy

    class OneFile(mfusepy.Operations):
        use_ns = True

        def getattr(self, path, fh=None):
            if path == "/":
                return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": 1 << 20}

        def open(self, path, flags):
            return 1

        def write(self, path, data, offset, fh):
            return len(data)

        def fsync(self, path, datasync, fh):
            print("fsync", flush=True)
            number = int(sys.stdin.readline())
            if number:
                raise mfusepy.FuseOSError(number)
            return 0

    mfusepy.FUSE(OneFile(), sys.argv[1], foreground=True)
    """
)


class System:
    """The file system: each fsync says so, and waits for an errno to end with."""

    def __init__(self, process: Any, path: Path) -> None:
        self.process, self.path = process, path

    def asked(self) -> None:
        assert self.process.stdout.readline() == "fsync\n"

    def end(self, number: int) -> None:
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    folder = tmp_path / "mounted"
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", SYSTEM, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        until(folder.is_mount)
        yield System(process, folder / "disk")
        subprocess.run(["fusermount3", "-u", str(folder)], check=True)
        assert process.wait(PATIENCE) == 0


class Flush(threading.Thread):
    """One flush, on a thread of its own, as workers do it."""

    def __init__(self, file: File) -> None:
        super().__init__(daemon=True)
        self.file = file
        self.error: OSError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.file.flush()
        except OSError as error:
            self.error = error

    def result(self) -> int | None:
        self.join(PATIENCE)
        assert not self.is_alive()
        return self.error.errno if self.error else None


def test_after_a_failed_flush_every_flush_fails_until_it_is_opened_again(system: System) -> None:
    """The system says it once, and would call the next fdatasync a success: it has forgotten what it could not write."""
    with File(system.path) as file:
        file.write_from(0, memoryview(bytes(512)))
        flush = Flush(file)
        system.asked()
        system.end(errno.EIO)
        assert flush.result() == errno.EIO
        for _ in range(2):
            with pytest.raises(OSError, match="open it again") as info:
                file.flush()
            assert info.value.errno == errno.EIO
    with File(system.path) as file:
        flush = Flush(file)
        system.asked()
        system.end(0)
        assert flush.result() is None


def test_flushes_that_come_meanwhile_share_the_next_one(system: System) -> None:
    with File(system.path) as file:
        first = Flush(file)
        system.asked()
        later = [Flush(file) for _ in range(3)]
        until(lambda: len(file._flushes._turn._waiters) == 3)  # type: ignore[attr-defined]
        system.end(0)
        assert first.result() is None
        system.asked()
        assert all(flush.is_alive() for flush in later), "what they have written is not in the first one"
        system.end(0)
        assert [flush.result() for flush in later] == [None] * 3


def test_a_flush_that_waits_for_one_that_fails_fails_too(system: System) -> None:
    """The error may be about what it has written, and is told to nobody else."""
    with File(system.path) as file:
        first = Flush(file)
        system.asked()
        later = [Flush(file) for _ in range(3)]
        until(lambda: len(file._flushes._turn._waiters) == 3)  # type: ignore[attr-defined]
        system.end(errno.ENOSPC)
        assert [flush.result() for flush in (first, *later)] == [errno.ENOSPC] * 4


class InC:
    """The same file as a medium in C, for a loop."""

    def __init__(self, path: Path) -> None:
        self.medium, self.loop = FileMedium(path), TestLoop()
        self.channel = self.medium.channel(self.loop)
        self.over: list[MediumRequest] = []

    def begin(self, operation: Operation, flags: int = 0) -> MediumRequest:
        views = [memoryview(bytes(512))] if operation is Operation.WRITE else []
        request = MediumRequest(operation, 0, 512 * len(views), views, flags, over=self.over.append)
        assert self.channel.submit(request) is PENDING
        return request

    def errno(self, request: MediumRequest) -> int:
        self.loop.until(lambda: request in self.over)
        return request.errno

    def close(self) -> None:
        self.channel.retire()
        self.medium.close()


@pytest.mark.parametrize("fua", [False, True])
def test_in_c_what_failed_once_fails_for_good(system: System, fua: bool) -> None:
    """A write with FUA that the system could not put on the medium is a flush that failed."""
    with closing(InC(system.path)) as file:
        lost = file.begin(Operation.WRITE, FUA) if fua else file.begin(Operation.FLUSH)
        system.asked()
        system.end(errno.EIO)
        assert file.errno(lost) == errno.EIO
        assert file.errno(file.begin(Operation.WRITE)) == 0
        assert file.errno(file.begin(Operation.FLUSH)) == errno.EIO
        refused = MediumRequest(Operation.WRITE, 0, 512, [memoryview(bytes(512))], FUA)
        assert file.channel.submit(refused) is None
        assert refused.errno == errno.EIO
    with closing(InC(system.path)) as file:
        later = file.begin(Operation.WRITE, FUA) if fua else file.begin(Operation.FLUSH)
        system.asked()
        system.end(0)
        assert file.errno(later) == 0


def test_in_c_flushes_that_come_meanwhile_share_the_next_one(system: System) -> None:
    with closing(InC(system.path)) as file:
        first = file.begin(Operation.FLUSH)
        system.asked()
        later = [file.begin(Operation.FLUSH) for _ in range(3)]
        gone = file.begin(Operation.FLUSH)
        assert file.channel.withdraw(gone)
        assert not file.channel.withdraw(first)
        system.end(0)
        assert file.errno(first) == 0
        system.asked()
        assert file.over == [first], "what they have written is not in the first one"
        system.end(0)
        assert [file.errno(flush) for flush in later] == [0] * 3
        assert gone not in file.over


def test_an_interrupted_flush_is_none(system: System) -> None:
    """Nothing is known of it: the next one asks again."""
    program = textwrap.dedent(
        f"""
        import signal
        from pysrp.backends import File
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with File({os.fspath(system.path)!r}) as file:
            try:
                file.flush()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            file.flush()
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        system.asked()
        child.send_signal(2)
        system.end(0)
        assert child.stdout
        assert child.stdout.readline() == "interrupted\n"
        system.asked()
        system.end(0)
        assert child.wait(PATIENCE) == 0
