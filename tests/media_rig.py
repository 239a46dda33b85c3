"""Media for the tests: every kind that pysrp has, and one that finishes late, out of order, and not always well."""

from __future__ import annotations

import atexit
import errno
import os
import random
import shutil
import tempfile
import textwrap
import threading
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import ceph_lab
from loop_device import loop_device
from media_in_c import MediumInC
from nbd_servers import NbdServer, QemuNbd, qcow2
from pysrp.backends import Backend, File, Ram
from pysrp.media import open_medium
from pysrp.media.faulty import Faulty
from pysrp.media.file import FileMedium
from pysrp.media.nbd import NbdMedium
from pysrp.media.power_cut import PowerCut
from pysrp.media.rbd import RbdMedium
from pysrp.media.timers import Timer, Timers
from pysrp.target import medium as words
from pysrp.target.backend_medium import BackendMedium
from pysrp.target.link import PENDING, Later
from pysrp.target.medium import NOWAIT, Loop, Medium, MediumChannel, MediumRequest, Operation
from pysrp.target.native_medium import NativeMedium
from pysrp.target.workers import Pool
from waiting import until

SIZE = 1 << 20


class LateMedium(Medium):
    """Bytes that a thread of its own moves, one request after the other, in any order, when :attr:`go` lets it.

    It may lie and fail as the attributes say. Like most media it cannot take back what it has got, unless ``patient``.
    """

    def __init__(self, size: int = SIZE, seed: int = 1) -> None:
        super().__init__()
        self.size = size
        self.bytes = memoryview(bytearray(size))
        self.choose = random.Random(seed)
        self.now: Callable[[], bool] = lambda: False
        """Whether a request is over at once."""
        self.fails: Callable[[], bool] = lambda: False
        """Whether it fails, without saying where."""
        self.bad: set[int] = set()
        """Bytes that cannot be moved."""
        self.most = size
        """Bytes that it moves with one request."""
        self.patient = False
        self.asked: list[tuple[Operation, int, int, int]] = []
        """Operations, offsets, lengths and flags of all requests."""
        self.go = threading.Event()
        self.go.set()
        self._turn = threading.Condition()
        self.got: list[tuple[Loop, MediumRequest]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="a medium", daemon=True)
        self._thread.start()

    def channel(self, loop: Loop) -> LateChannel:
        return LateChannel(self, loop)

    def close(self) -> None:
        """End the thread, with what it has got."""
        with self._turn:
            self._closed = True
            self._turn.notify()
        self.go.set()
        self._thread.join()

    def submit(self, loop: Loop, request: MediumRequest) -> Later | None:
        assert request.offset % self.block == request.length % self.block == 0
        self.asked.append((request.operation, request.offset, request.length, request.flags))
        if self.now():
            self.perform(request)
            return None
        if request.flags & NOWAIT:
            request.ends(errno.EAGAIN)
            return None
        with self._turn:
            self.got.append((loop, request))
            self._turn.notify()
        return PENDING

    def finish(self, number: int = 0) -> None:
        """Be done with one of those that it has got, while :attr:`go` lets it do none."""
        loop, request = self.got.pop(number)
        self.perform(request)
        loop.post(lambda: request.over(request))

    def withdraw(self, request: MediumRequest) -> bool:
        with self._turn:
            before = len(self.got)
            if self.patient:
                self.got = [each for each in self.got if each[1] is not request]
            return len(self.got) < before

    def _serve(self) -> None:
        while True:
            with self._turn:
                while not self.got and not self._closed:
                    self._turn.wait()
                if not self.got:
                    return
            self.go.wait()
            with self._turn:
                if not self.got:
                    continue
                loop, request = self.got.pop(self.choose.randrange(len(self.got)))
            self.perform(request)
            loop.post(lambda request=request: request.over(request))  # type: ignore[misc]

    def perform(self, request: MediumRequest) -> None:
        if not 0 <= request.offset <= request.offset + request.length <= self.size:
            request.ends(errno.EINVAL)
        elif self.fails():
            request.ends(errno.EIO)
        elif request.operation in (Operation.FLUSH, Operation.DISCARD):
            request.ends(done=request.length)
        else:
            self._move(request)

    def _move(self, request: MediumRequest) -> None:
        views = request.buffers or [memoryview(bytes(request.length))]
        at, end = request.offset, request.offset + min(request.length, self.most)
        bad = min((byte for byte in self.bad if at <= byte < end), default=None)
        for view in views:
            part = self.bytes[at : min(at + len(view), end if bad is None else bad)]
            if request.operation is Operation.READ:
                view[: len(part)] = part
            else:
                part[:] = view[: len(part)]
            at += len(part)
        request.ends(0 if bad is None else errno.EIO, at - request.offset, bad)


class LateChannel(MediumChannel):
    """One loop's."""

    def __init__(self, medium: LateMedium, loop: Loop) -> None:
        self.medium, self.loop = medium, loop

    def submit(self, request: MediumRequest, /) -> Later | None:
        return self.medium.submit(self.loop, request)

    def withdraw(self, request: MediumRequest, /) -> bool:
        return self.medium.withdraw(request)


class TestLoop:
    """A loop that a test turns."""

    __test__ = False

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self.post = self._calls.append

    def turn(self) -> None:
        while self._calls:
            self._calls.popleft()()

    def until(self, condition: Callable[[], Any]) -> None:
        def turned() -> Any:
            self.turn()
            return condition()

        until(turned)


class User:
    """One loop that uses a medium."""

    def __init__(self, medium: Medium) -> None:
        self.loop = TestLoop()
        self.channel: MediumChannel = medium.channel(self.loop)
        self.over: list[MediumRequest] = []
        self.thread = threading.get_ident()

    def begin(
        self, operation: Operation, offset: int = 0, *parts: Any, length: int = 0, flags: int = 0
    ) -> MediumRequest:
        """Submit, of buffers or of so many bytes; it is in :attr:`over` when it is."""
        views = [memoryview(part) for part in parts]
        request = MediumRequest(
            operation, offset, length or sum(map(len, views)), views, flags, over=self.ended
        )
        before = len(self.over)
        if self.channel.submit(request) is not PENDING:
            assert len(self.over) == before, "called from within, or though it was over at once"
            self.over.append(request)
        return request

    def ended(self, request: MediumRequest) -> None:
        assert threading.get_ident() == self.thread
        self.over.append(request)

    def do(self, *arguments: Any, **options: Any) -> MediumRequest:
        """Submit, and wait until it is over."""
        request = self.begin(*arguments, **options)
        self.loop.until(lambda: request in self.over)
        assert self.over.count(request) == 1
        return request

    def whole(self, operation: Operation, offset: int = 0, *parts: Any, length: int = 0) -> MediumRequest:
        request = self.do(operation, offset, *parts, length=length)
        assert request.failure() is None
        assert request.done == request.length
        return request

    def read(self, offset: int = 0, length: int = SIZE) -> bytes:
        data = bytearray(length)
        self.whole(Operation.READ, offset, data)
        return bytes(data)


class HandTimers(Timers):
    """Whose clock a test turns."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.waiting: list[tuple[float, Timer]] = []

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.waiting.append((self.now + seconds, Timer(call)))
        return self.waiting[-1][1]

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        due = [each for each in self.waiting if each[0] <= self.now]
        self.waiting = [each for each in self.waiting if each[0] > self.now]
        for _, timer in sorted(due, key=lambda each: each[0]):
            timer.call()


def ram(path: Path) -> Medium:
    return BackendMedium(Ram(SIZE))


def file(path: Path) -> Medium:
    return BackendMedium(File(path / "disk", SIZE), Pool())


def file_in_place(path: Path) -> Medium:
    return BackendMedium(File(path / "disk", SIZE))


def late(path: Path) -> Medium:
    return LateMedium()


def in_c(path: Path) -> Medium:
    return MediumInC(SIZE)


def ram_in_c(path: Path) -> Medium:
    return NativeMedium(Ram(SIZE).native())


def ram_url(path: Path) -> Medium:
    return as_medium(open_medium("ram:1M"))


def file_in_c(path: Path) -> Medium:
    return FileMedium(path / "disk", SIZE)


def file_direct(path: Path) -> Medium:
    return FileMedium(path / "disk", SIZE, direct=True)


def file_direct_by_threads(path: Path) -> Medium:
    return FileMedium(path / "disk", SIZE, direct=True, uring=False)


def file_in_memory(path: Path) -> Medium:
    """On tmpfs, which reads nothing at once."""
    if not os.path.ismount("/dev/shm"):
        pytest.skip("NO TMPFS HERE: /dev/shm is none")
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        return FileMedium(file.name, SIZE)


def device(path: Path) -> Medium:
    with loop_device(path / "disk", SIZE) as found:
        return FileMedium(found)


def device_direct(path: Path) -> Medium:
    with loop_device(path / "disk", SIZE) as found:
        return FileMedium(found, direct=True)


def device_of_large_sectors(path: Path) -> Medium:
    """Whatever is not whole sectors is read, changed and written."""
    with loop_device(path / "disk", SIZE, 4096) as found:
        return FileMedium(found, direct=True)


def file_url(path: Path) -> Medium:
    return as_medium(open_medium(f"file:{path}/disk?size=1M"))


@cache
def nbd_server(kind: str, number: int = 0) -> NbdServer:
    """One for all tests of a process, or several."""
    folder = Path(tempfile.mkdtemp(prefix="pysrp-nbd-"))
    if kind == "nbdkit":
        server = NbdServer(folder, "memory", SIZE)
    else:
        server = QemuNbd(folder, "--format=qcow2", "--discard=unmap", qcow2(folder, SIZE))
    atexit.register(shutil.rmtree, folder)
    atexit.register(server.kill)
    return server


def emptied(medium: Medium) -> Medium:
    user = User(medium)
    user.whole(Operation.ZERO, length=SIZE)
    user.whole(Operation.FLUSH)
    user.channel.retire()
    return medium


def nbd(path: Path) -> Medium:
    return emptied(NbdMedium(nbd_server("nbdkit").uri))


def nbd_qcow2(path: Path) -> Medium:
    return emptied(NbdMedium(nbd_server("qemu-nbd").uri))


@cache
def rbd_image(*words: str) -> str:
    """One for all tests of a process."""
    return ceph_lab.shared().image(SIZE, *words)


def rbd(path: Path) -> Medium:
    lab = ceph_lab.shared()
    with lab.inside():
        return emptied(RbdMedium(rbd_image(), conf=lab.conf, lock="refuse"))


def rbd_for_all(path: Path) -> Medium:
    """An image without a lock, in small objects."""
    lab = ceph_lab.shared()
    with lab.inside():
        return emptied(RbdMedium(rbd_image("--image-feature=layering", "--object-size=64K"), conf=lab.conf))


def faulty(path: Path) -> Medium:
    """Without any rule."""
    return Faulty(Ram(SIZE))


def delayed(path: Path) -> Medium:
    """Over blocking ones too, what runs on and what can be taken back."""
    rules = "delay uniform=0us-200us probability=0.5", "delay constant=100us op=write withdraw=yes"
    return Faulty(File(path / "disk", SIZE), rules)


def delayed_late(path: Path) -> Medium:
    return Faulty(Faulty(LateMedium(), ["delay exponential=50us"]), ["delay exponential=100us"])


def power_cut(path: Path) -> Medium:
    return PowerCut(File(path / "disk", SIZE))


def power_cut_late(path: Path) -> Medium:
    """Over what finishes in its own time, in blocks of its own."""
    return PowerCut(LateMedium(), sector=4096)


def as_medium(opened: Medium | Backend) -> Medium:
    return opened if isinstance(opened, Medium) else BackendMedium(opened, Pool())


def as_documented(path: Path) -> Medium:
    """What the docstring of pysrp.target.medium has."""
    code = (words.__doc__ or "").split("::\n")[1].partition("\nOne that")[0]
    space = {each: getattr(words, each) for each in words.__all__}
    exec(textwrap.dedent(code), space)
    made: Medium = space["Bytes"](SIZE)
    return made


KINDS: list[Callable[[Path], Medium]] = [
    ram, file, file_in_place, late, as_documented, in_c, ram_in_c, ram_url, file_url,
    file_in_c, file_direct, file_direct_by_threads, file_in_memory, device, device_direct, device_of_large_sectors,
    nbd, nbd_qcow2, rbd, rbd_for_all, faulty, delayed, delayed_late, power_cut, power_cut_late,
]  # fmt: skip
"""Each makes a medium of SIZE bytes, zeros, in a folder of its own. A new one is a line here."""


def close(medium: Medium) -> None:
    """Let go of what one of them has opened."""
    owner = getattr(medium, "backend", medium)
    if hasattr(owner, "close"):
        owner.close()
