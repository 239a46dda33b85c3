"""A file as a medium in C: by itself under the sanitizers, with faults that no file has; and its face in Python."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from compiled import run as with_own_sanitizers
from descriptors import none_left
from loop_device import loop_device, partition
from media_rig import TestLoop
from pysrp import _fast
from pysrp.backends import File
from pysrp.errors import ConfigError
from pysrp.media import file as module
from pysrp.media.file import FileMedium
from pysrp.target.disk import ThinDisk
from pysrp.target.link import PENDING
from pysrp.target.medium import FUA, NOWAIT, Feature, MediumRequest, Operation
from waiting import until

READ, WRITE, FLUSH, ZERO, DISCARD, EXTENTS, _ = Operation

SIZE = 1 << 20
HERE = Path(__file__).parent
HEADERS = Path(next(iter(_fast.__path__)))
COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]

# By itself

ONE_BY_ONE = [
    "bad",
    "lost-through",
    "lost-flush",
    "lost-before",
    "no-flags",
    "refused",
    "no-threads",
    "no-rings",
    "extents",
]
KERNELS = ["takes-none", "old", "stop"]
"""What is amiss with io_uring."""
STORMS = ["storm", "rough", "closing"]
THREADS, RUNG, LISTENS, TURNS = range(4)
"""What the C program calls RINGS."""


COUNTED = Path.cwd() / "build/coverage/build/alone" / os.environ.get("PYTEST_XDIST_WORKER", "")
"""Where what the program carries out is counted, by make coverage: tools/covered.py finds it there."""
BUILDS = {
    "thread": ["-fsanitize=thread"],
    "address,undefined": ["-fsanitize=address,undefined"],
    "counted": ["--coverage", "-O0"],
}


@pytest.fixture(
    scope="module",
    params=[each for each in BUILDS if each != "counted" or "coverage" in Path(sys.prefix).name],
)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = COUNTED if request.param == "counted" else tmp_path_factory.mktemp("file_medium")
    folder.mkdir(parents=True, exist_ok=True)
    return built(folder, *BUILDS[request.param])


def built(folder: Path, *options: str) -> Path:
    made = folder / "alone"
    done = subprocess.run(
        [COMPILER, "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-unused-function",
         *options, "-pthread", f"-I{HEADERS}", "-o", made, HERE / "file_medium_alone.c"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode and ("tsan" in done.stderr or "asan" in done.stderr):
        pytest.skip(f"{COMPILER} HAS NO SANITIZER: {done.stderr.splitlines()[-1]}")
    assert (done.returncode, done.stderr) == (0, "")
    return made


def run(program: Path, path: Path, scenario: str, align: int, rings: int = THREADS, seed: int = 1) -> None:
    path.write_bytes(bytes(SIZE))
    done = with_own_sanitizers((program, path, scenario, align, rings, seed))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("align", [1, 512, 4096])
@pytest.mark.parametrize("scenario", ONE_BY_ONE)
def test_faults(program: Path, tmp_path: Path, scenario: str, align: int) -> None:
    """In the page cache, and past it with units of that size."""
    run(program, tmp_path / "disk", scenario, align, RUNG if scenario == "no-rings" else THREADS)


@pytest.mark.parametrize("scenario", ["lost-before", "refused", "no-waiter"])
def test_faults_where_a_loop_listens(program: Path, tmp_path: Path, scenario: str) -> None:
    run(program, tmp_path / "disk", scenario, 4096, LISTENS)


@pytest.mark.parametrize("align", [1, 4096])
@pytest.mark.parametrize("rings", [RUNG, LISTENS], ids=["rung", "listens"])
@pytest.mark.parametrize("scenario", KERNELS)
def test_kernels(program: Path, tmp_path: Path, scenario: str, rings: int, align: int) -> None:
    """That take no request just now, or know less; nothing is lost."""
    run(program, tmp_path / "disk", scenario, align, rings)


@pytest.mark.parametrize(
    "rings", [THREADS, RUNG, LISTENS, TURNS], ids=["threads", "rung", "listens", "turns"]
)
@pytest.mark.parametrize("align", [1, 512, 4096])
@pytest.mark.parametrize("scenario", STORMS)
def test_loops_that_submit_all_there_is(
    program: Path, tmp_path: Path, scenario: str, align: int, rings: int
) -> None:
    """What they read is what they wrote, in blocks that share the units of O_DIRECT; so it is in the file then."""
    run(program, tmp_path / "disk", scenario, align, rings)


def test_built_where_there_is_no_io_uring(tmp_path: Path) -> None:
    """Headers of an older Linux: threads do it all."""
    program = built(tmp_path, "-fsanitize=thread", "-DPYSRP_NO_URING", "-Wno-unused-parameter")
    for align in 1, 4096:
        run(program, tmp_path / "disk", "storm", align, RUNG)


# In Python


class User:
    """A loop that waits for each request."""

    def __init__(self, medium: FileMedium) -> None:
        self.loop = TestLoop()
        self.channel = medium.channel(self.loop)
        self.over: list[MediumRequest] = []

    def do(
        self, operation: Operation, offset: int = 0, data: Any = b"", length: int = 0, flags: int = 0
    ) -> MediumRequest:
        views = [memoryview(data)] if data else []
        request = MediumRequest(operation, offset, len(data) or length, views, flags, over=self.over.append)
        if self.channel.submit(request) is PENDING:
            self.loop.until(lambda: request in self.over)
        return request


@pytest.fixture
def medium(tmp_path: Path) -> Iterator[FileMedium]:
    medium = FileMedium(tmp_path / "disk", SIZE)
    yield medium
    medium.close()


@pytest.fixture
def user(medium: FileMedium) -> Iterator[User]:
    user = User(medium)
    yield user
    user.channel.retire()


def test_another_size(medium: FileMedium, user: User, tmp_path: Path) -> None:
    os.truncate(tmp_path / "disk", 2 * SIZE)
    assert (medium.size, medium.size_now()) == (SIZE, 2 * SIZE)
    assert user.do(READ, SIZE, bytearray(1)).errno == errno.EINVAL
    medium.resize()
    assert medium.size == 2 * SIZE
    assert user.do(READ, SIZE, bytearray(1)).errno == 0
    medium.resize(3 * SIZE)
    assert (tmp_path / "disk").stat().st_size == medium.size == 3 * SIZE
    os.truncate(tmp_path / "disk", 4096)
    request = user.do(READ, 0, bytearray(8192))
    assert (request.errno, request.done, request.bad) == (errno.EIO, 4096, 4096)
    os.truncate(tmp_path / "disk", 0)
    with pytest.raises(ConfigError, match="is empty"):
        medium.resize()
    assert medium.size == 3 * SIZE


def test_it_has_grown(tmp_path: Path) -> None:
    """Seen by who looks, where it is as large as the file is; what shrank is left alone."""
    path = tmp_path / "disk"
    path.write_bytes(bytes(SIZE))
    with (
        closing(FileMedium(path, lock=False)) as medium,
        closing(FileMedium(path, SIZE, lock=False)) as first,
        closing(FileMedium(path, direct=True, lock=False)) as direct,
    ):
        for size, seen in (
            (2 * SIZE, 2 * SIZE),
            (SIZE, 2 * SIZE),
            (0, 2 * SIZE),
            (3 * SIZE + 77, 3 * SIZE + 77),
        ):
            os.truncate(path, size)
            for each in medium, first, direct:
                each.look()
            assert (medium.size, first.size, direct.size) == (
                seen,
                SIZE,
                seen // direct._align * direct._align,
            )
        first.resize()
        os.truncate(path, 4 * SIZE)
        first.look()
        assert first.size == 4 * SIZE
        os.truncate(path, 5 * SIZE)
    for each in medium, first:  # closed
        each.look()
        assert each.size < 5 * SIZE


def test_a_device_that_has_grown(tmp_path: Path) -> None:
    with loop_device(tmp_path / "disk", SIZE) as path, closing(FileMedium(path)) as medium:
        os.truncate(tmp_path / "disk", 2 * SIZE)
        medium.look()
        assert medium.size == SIZE  # the device has not noticed
        subprocess.run(["losetup", "-c", path], check=True)
        medium.look()
        assert medium.size == 2 * SIZE


def test_closed(medium: FileMedium, user: User) -> None:
    medium.close()
    medium.close()
    for operation in READ, WRITE, ZERO, EXTENTS:
        data = bytearray(512) if operation in (READ, WRITE) else b""
        assert user.do(operation, 0, data, length=512).failure() is not None
    assert user.do(FLUSH).errno == errno.EBADF
    for call in medium.resize, medium.size_now:
        with pytest.raises(ValueError, match="is closed"):
            call()


def test_closed_by_another_thread_while_it_grows(
    medium: FileMedium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of its descriptor is used again: that file is none of its business."""
    (tmp_path / "other").write_bytes(b"x")
    measured, number, others = module.measured, medium._fd, []

    def closing(fd: int, *given: Any, **named: Any) -> int:
        medium.close()
        while number not in others:
            others.append(os.open(tmp_path / "other", os.O_RDWR))
        return measured(fd, *given, **named)

    monkeypatch.setattr(module, "measured", closing)
    medium.resize(3 * SIZE)
    for each in others:
        os.close(each)
    assert (tmp_path / "other").stat().st_size == 1
    assert Path(medium.path).stat().st_size == 3 * SIZE


FORKED = """
import gc, os, signal, sys
sys.path[:0] = PATHS
from test_file_medium import *
medium = FileMedium(PATH, SIZE, direct=DIRECT)
user = User(medium)
os.posix_fadvise(medium._fd, 0, 0, os.POSIX_FADV_DONTNEED)
assert not user.do(READ, 0, bytearray(SIZE)).errno
assert not user.do(FLUSH).errno
child = os.fork()
if not child:
    signal.alarm(60)
    user.channel.retire()
    medium.close()
    del user, medium
    gc.collect()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
os.posix_fadvise(medium._fd, 0, 0, os.POSIX_FADV_DONTNEED)
assert not user.do(READ, 0, bytearray(SIZE)).errno
assert not user.do(FLUSH).errno
user.channel.retire()
medium.close()
"""


@pytest.mark.parametrize("direct", [False, True])
def test_a_child_that_was_forked(tmp_path: Path, direct: bool) -> None:
    """It lets go of what it has, does not wait for threads that it has not, and its parent goes on."""
    values = f"PATHS, PATH, DIRECT = {sys.path!r}, {str(tmp_path / 'disk')!r}, {direct}"
    subprocess.run([sys.executable, "-c", values + FORKED], check=True, timeout=120)


@pytest.mark.parametrize("direct", [False, True])
def test_nothing_stays_open(tmp_path: Path, direct: bool) -> None:
    """Threads have descriptors of their own, and a channel its io_uring."""
    FileMedium(tmp_path / "disk", SIZE).close()
    with none_left():
        medium = FileMedium(tmp_path / "disk", direct=direct)
        user = User(medium)
        os.posix_fadvise(medium._fd, 0, 0, os.POSIX_FADV_DONTNEED)
        assert not user.do(READ, 0, bytearray(SIZE)).errno
        for _ in range(3):
            assert not user.do(WRITE, 0, bytes(4096), flags=FUA).errno
        user.channel.retire()
        medium.close()
        folder = str(tmp_path)
        until(lambda: not any(folder in target(each) for each in os.listdir("/proc/self/fd")))
    for refused in tmp_path, tmp_path / "none":
        with none_left(), pytest.raises(OSError):
            FileMedium(refused, direct=direct)


def target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return ""


def test_extents_while_nobody_waits(medium: FileMedium, user: User) -> None:
    """They take a thread."""
    user.do(WRITE, 8192, b"x" * 4096)
    assert user.do(EXTENTS, 0, length=SIZE, flags=NOWAIT).errno == errno.EAGAIN
    found = user.do(EXTENTS, 0, length=16384)
    assert (found.errno, found.done) == (0, 16384)
    assert sum(length for length, _ in found.value) == 16384
    request = MediumRequest(EXTENTS, 0, SIZE, over=user.over.append)
    assert user.channel.submit(request) is PENDING
    if not user.channel.withdraw(request):
        user.loop.until(lambda: request in user.over)


FULL = """
import subprocess, sys
if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"]).returncode:
    raise SystemExit(77)
sys.path[:0] = PATHS
from test_file_medium import *
medium = FileMedium("/mnt/disk", SIZE)
user = User(medium)
full = user.do(WRITE, 4096, b"x" * (128 << 10))
assert (full.errno, full.done, full.bad) == (errno.ENOSPC, 64 << 10, 68 << 10), vars(full)
assert not user.do(DISCARD, 0, length=32 << 10).errno
assert not user.do(WRITE, 256 << 10, b"y" * 8192, flags=FUA).errno
assert not user.do(FLUSH).errno
data = bytearray(SIZE)
assert not user.do(READ, 0, data).errno
assert data == bytes(32 << 10) + b"x" * (36 << 10) + bytes(188 << 10) + b"y" * 8192 + bytes(SIZE - (264 << 10))
user.channel.retire()
medium.close()
"""


def test_a_full_file_system() -> None:
    """In the middle of a write, on one of 64 KiB that only the child sees; what is discarded gives room."""
    code = FULL.replace("PATHS", repr([str(HERE), str(HERE.parent)]))
    command = ["unshare", "-Urm", sys.executable, "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NO UNSHARE HERE (util-linux)")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"NO PRIVATE MOUNTS HERE: {done.stderr.strip()}")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_no_disk(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    (tmp_path / "short").write_bytes(b"x" * 100)
    for path, direct in (
        ("fifo", False),
        ("empty", False),
        ("empty", True),
        ("/dev/null", False),
        ("short", True),
    ):
        with none_left(), pytest.raises(ConfigError):
            FileMedium(tmp_path / path, direct=direct)
    with none_left(), pytest.raises(ConfigError, match="no O_DIRECT"):
        FileMedium("/sys/kernel/mm/transparent_hugepage/enabled", read_only=True, direct=True)


def test_past_the_last_unit_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(b"x" * 10_000)
    medium = FileMedium(tmp_path / "disk", direct=True)
    assert 8192 <= medium.size < 10_000
    user = User(medium)
    assert not user.do(WRITE, medium.size - 5, b"y" * 5).errno
    user.channel.retire()
    medium.close()
    assert (tmp_path / "disk").read_bytes() == b"x" * (medium.size - 5) + b"yyyyy" + b"x" * (
        10_000 - medium.size
    )


def test_what_a_device_says_of_itself(tmp_path: Path) -> None:
    with loop_device(tmp_path / "disk", SIZE, 4096) as path:
        medium = FileMedium(path)
        queue = Path("/sys/block") / Path(path).name / "queue"
        assert medium.physical_block == int((queue / "physical_block_size").read_text())
        assert (Feature.ROTATING in medium.features) == ((queue / "rotational").read_text() == "1\n")
        medium.close()
    assert Feature.ROTATING not in FileMedium(tmp_path / "disk", read_only=True).features


@pytest.mark.parametrize("medium", [File, FileMedium])
def test_what_room_is_given_back_in(tmp_path: Path, medium: type[File] | type[FileMedium]) -> None:
    """Blocks of the file system; what a device's driver says, and where that begins in a partition."""
    (tmp_path / "plain").write_bytes(bytes(SIZE))
    with closing(medium(tmp_path / "plain")) as file:
        assert (file.discard_granularity, file.discard_alignment) == (os.statvfs(tmp_path).f_frsize, 0)
    with loop_device(tmp_path / "disk", SIZE) as path:
        queue = Path("/sys/block") / Path(path).name / "queue"
        granularity = int((queue / "discard_granularity").read_text())
        with closing(medium(path)) as device:
            assert (device.discard_granularity, device.discard_alignment) == (granularity, 0)
        with partition(path, 3, 64) as part, closing(medium(part)) as device:
            found = device.discard_granularity, device.discard_alignment
            assert found == (granularity, -3 * 512 % granularity)
            limits = ThinDisk(device, physical_block_size=512).block_limits()
            assert (limits.optimal_unmap_granularity, limits.unmap_granularity_alignment) == (
                granularity // 512,
                -3 % (granularity // 512),
            )


FORBIDDEN = """
import ctypes, logging, struct, sys
call = ctypes.CDLL(None, use_errno=True).prctl
NO_NEW_PRIVS, SECCOMP, FILTER, NR = 38, 22, 2, 425
program = b"".join(struct.pack("HBBI", *each) for each in [
    (0x20, 0, 0, 0), (0x15, 0, 1, NR), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7FFF0000),  # EPERM, or go on
])
kept = ctypes.create_string_buffer(program)
given = struct.pack("HxxxxxxP" if ctypes.sizeof(ctypes.c_void_p) == 8 else "HxxP", 4, ctypes.addressof(kept))
if call(NO_NEW_PRIVS, 1, 0, 0, 0) or call(SECCOMP, FILTER, given, 0, 0):
    raise SystemExit(77)
sys.path[:0] = PATHS
from test_file_medium import *
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
for direct in False, True:
    medium = FileMedium(PATH, SIZE, direct=direct)
    user = User(medium)
    os.posix_fadvise(medium._fd, 0, 0, os.POSIX_FADV_DONTNEED)
    assert not user.do(WRITE, 4096, b"x" * 8192).errno
    data = bytearray(16384)
    assert not user.do(READ, 0, data).errno
    assert data == bytes(4096) + b"x" * 8192 + bytes(4096)
    user.channel.retire()
    medium.close()
"""


def test_where_the_kernel_refuses_io_uring(tmp_path: Path) -> None:
    """As a container may have it (seccomp): threads do it all, and it is said."""
    code = FORBIDDEN.replace("PATHS", repr([str(HERE), str(HERE.parent)]))
    code = code.replace("PATH,", f"{str(tmp_path / 'disk')!r},")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("NO SECCOMP FILTERS HERE")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the kernel refuses io_uring (Operation not permitted)" in done.stdout


@pytest.mark.parametrize(
    ("direct", "refused", "says"),
    [
        (False, 0, "files: what is in the page cache is read at once; other reads go by io_uring; writes go by up to 8 threads for each"),
        (True, 0, "files with O_DIRECT: reads and writes go by io_uring"),
        (False, errno.EPERM, "the kernel refuses io_uring (Operation not permitted)"),
        (True, errno.ENOSYS, "files with O_DIRECT: reads and writes go by up to 8 threads for each; the kernel refuses io_uring (Function not implemented)"),
    ],
)  # fmt: skip
def test_the_way_is_logged_once(
    direct: bool, refused: int, says: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(module, "_refused", lambda: refused)
    monkeypatch.setattr(module, "_reads_at_once", lambda fd: True)
    module._say.cache_clear()
    caplog.set_level(logging.INFO, "pysrp.media")
    for _ in range(2):
        medium = FileMedium(tmp_path / "disk", SIZE, direct=direct)
        user = User(medium)
        assert not user.do(WRITE, 0, b"x" * 4096).errno
        user.channel.retire()
        medium.close()
    assert [says in record.getMessage() for record in caplog.records] == [True]
    module._say.cache_clear()
