"""Every backend against one contract, then what each has of its own."""

import ctypes
import errno
import mmap
import os
import resource
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descriptors import none_left
from pysrp.backends import Backend, File, Null, Ram, holes
from pysrp.errors import ConfigError

SIZE = 1 << 20


def ram(path):
    return Ram(SIZE)


def file(path):
    return File(path / "disk", SIZE)


@pytest.fixture(params=[ram, file])
def backend(request, tmp_path):
    with request.param(tmp_path) as backend:
        yield backend


def get(backend: Backend, offset: int, length: int) -> bytes:
    data = bytearray(b"\xee" * length)
    backend.read_into(offset, memoryview(data))
    return bytes(data)


def put(backend: Backend, offset: int, data: bytes) -> None:
    backend.write_from(offset, memoryview(data))


def test_new_bytes_are_zeros(backend):
    assert backend.size == SIZE
    assert get(backend, 0, SIZE) == bytes(SIZE)


def test_what_is_written_is_read(backend):
    put(backend, 0, b"first")
    put(backend, SIZE - 4, b"last")
    put(backend, 4093, b"across a page")
    backend.flush()
    assert get(backend, 0, 6) == b"first\0"
    assert get(backend, SIZE - 5, 5) == b"\0last"
    assert get(backend, 4092, 15) == b"\0across a page\0"


@pytest.mark.parametrize(
    ("offset", "length"), [(0, SIZE + 1), (SIZE, 1), (-1, 1), (SIZE - 1, 2), (1 << 70, 1)]
)
def test_outside(backend, offset, length):
    view = memoryview(bytearray(length))
    for call in backend.read_into, backend.write_from:
        with pytest.raises(ValueError):
            call(offset, view)
    for call in backend.zero, backend.discard, backend.extents:
        with pytest.raises(ValueError):
            call(offset, length)
    assert get(backend, 0, SIZE) == bytes(SIZE)


def test_nothing_may_be_moved_anywhere_inside(backend):
    for offset in 0, 77, SIZE:
        backend.read_into(offset, memoryview(bytearray()))
        backend.write_from(offset, memoryview(b""))
        backend.zero(offset, 0)
        backend.discard(offset, 0)
        assert backend.extents(offset, 0) == []


def test_closed(backend):
    backend.close()
    backend.close()
    for call in backend.read_into, backend.write_from:
        with pytest.raises(ValueError):
            call(0, memoryview(bytearray(1)))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40_000), st.binary(max_size=300)), max_size=20))
@settings(max_examples=60, deadline=None)
def test_ram_is_a_bytearray(steps):
    model = bytearray(40_300)
    with Ram(len(model)) as backend:
        for zero, offset, data in steps:
            if zero:
                length = min(len(data) * 70, len(model) - offset)
                backend.zero(offset, length)
                model[offset : offset + length] = bytes(length)
            else:
                put(backend, offset, data)
                model[offset : offset + len(data)] = data
        assert get(backend, 0, len(model)) == model


def test_zero(backend):
    put(backend, 0, b"\xff" * SIZE)
    backend.zero(5000, 300_000)
    assert get(backend, 0, SIZE) == b"\xff" * 5000 + bytes(300_000) + b"\xff" * (SIZE - 305_000)


def test_discard_leaves_zeros_and_the_rest(backend):
    put(backend, 0, b"\xff" * SIZE)
    backend.discard(8192, 4096)
    assert get(backend, 8192, 4096) == bytes(4096)
    assert get(backend, 0, 8192) == b"\xff" * 8192
    assert get(backend, 12288, SIZE - 12288) == b"\xff" * (SIZE - 12288)


def mapped(backend, length=SIZE):
    """The bytes that take room, of the pages up to there, by their first ones."""
    found, at = set(), 0
    while at < length:
        for size, there in backend.extents(at, length - at):
            assert size > 0
            found.update(range(-(-at // 4096) * 4096, at + size, 4096) if there else ())
            at += size
    assert at == length
    return found


def test_extents(backend):
    assert mapped(backend) == set()
    for at in 0, 40960, SIZE - 4096:
        put(backend, at, b"\xff" * 4096)
    assert {0, 40960, SIZE - 4096} <= mapped(backend) <= set(range(0, SIZE, 4096))
    backend.discard(40000, 10000)
    assert 40960 not in mapped(backend)
    assert {0, SIZE - 4096} <= mapped(backend)
    assert backend.extents(100, 50) == [(50, True)]
    assert backend.extents(40960, 4096) == [(4096, False)]


def test_pages_of_memory_that_were_only_read_take_no_room():
    with Ram(4 * mmap.PAGESIZE + 100) as ram:
        page = mmap.PAGESIZE
        ram.write_from(2 * page - 1, memoryview(b"x"))
        ram.write_from(3 * page, memoryview(bytes(page)))
        assert bytes(ram.memory()).count(b"x") == 1
        assert ram.extents(0, ram.size) == [(page, False), (page, True), (2 * page + 100, False)]
        ram.write_from(4 * page + 99, memoryview(b"y"))
        assert ram.extents(0, ram.size)[2:] == [(2 * page, False), (100, True)]


def test_extents_of_nowhere_and_of_who_does_not_know():
    with Null(SIZE) as null:
        assert null.extents(5, 100) == [(100, False)]
        assert null.extents(5, 0) == []
    with Ram(SIZE) as ram:
        assert Backend.extents(ram, 5, 100) == [(100, True)]
        assert Backend.extents(ram, 5, 0) == []


# RAM


def test_ram_memory_is_the_disk():
    backend = Ram(8192)
    memory = backend.memory()
    assert len(memory) == 8192
    memory[100:103] = b"abc"
    assert get(backend, 100, 3) == b"abc"
    put(backend, 4096, b"x")
    assert memory[4096] == ord("x")
    backend.close()
    assert memory[4096] == ord("x"), "a view outlives the backend"


def test_ram_costs_nothing_before_it_is_written():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Ram(1 << 32) as backend:
        put(backend, (1 << 32) - 1, b"!")
        assert get(backend, (1 << 32) - 2, 2) == b"\0!"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, "in KiB"


@pytest.mark.parametrize("kind", [Ram, Null])
def test_no_bytes(kind):
    with pytest.raises(ConfigError):
        kind(0)


def test_what_blocks():
    assert (Ram.blocking, Null.blocking, File.blocking) == (False, False, True)


# Null


def test_null():
    with Null(1 << 60) as backend:
        put(backend, (1 << 60) - 3, b"abc")
        assert get(backend, (1 << 60) - 600_000, 600_000) == bytes(600_000)
        assert backend.memory() is None
        backend.flush()
        backend.zero(0, 1 << 60)
        with pytest.raises(ValueError):
            put(backend, (1 << 60) - 2, b"abc")
        backend.size = 10
        with pytest.raises(ValueError):
            get(backend, 10, 1)
    with pytest.raises(ValueError):
        get(backend, 0, 1)


# Files


def test_file_is_sparse_and_private(tmp_path):
    with File(tmp_path / "disk", 1 << 40) as backend:
        put(backend, 1 << 39, b"middle")
        backend.flush()
    found = (tmp_path / "disk").stat()
    assert found.st_size == 1 << 40
    assert found.st_blocks * 512 < 1 << 20
    assert found.st_mode & 0o077 == 0


def test_file_keeps_what_it_has(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"content" * 100)
    with File(path) as backend:
        assert backend.size == 700
        assert get(backend, 7, 7) == b"content"
    with File(path, 500) as backend:
        assert backend.size == 500
    assert path.stat().st_size == 700
    with File(path, 1000) as backend:
        assert get(backend, 693, 20) == b"content" + bytes(13)


def test_file_read_only(tmp_path):
    path = tmp_path / "disk"
    path.write_bytes(b"content")
    with File(path, read_only=True) as backend:
        assert backend.read_only
        assert get(backend, 0, 7) == b"content"
        backend.flush()
        with pytest.raises(OSError) as info:
            put(backend, 0, b"C")
        assert info.value.errno == errno.EROFS
    with pytest.raises(ConfigError):
        File(path, 8, read_only=True)
    with pytest.raises(FileNotFoundError):
        File(tmp_path / "none", 8, read_only=True)


def test_what_is_no_disk(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    for path in tmp_path / "fifo", "/dev/null", tmp_path / "empty":
        with pytest.raises(ConfigError):
            File(path)
    with pytest.raises(ConfigError):
        File(tmp_path, read_only=True)
    with pytest.raises(IsADirectoryError):
        File(tmp_path, 512)
    with pytest.raises(FileNotFoundError):
        File(tmp_path / "none")
    with pytest.raises(ConfigError):
        File(tmp_path / "none", 0)


def test_no_descriptor_is_left(tmp_path):
    with none_left():
        for _ in range(3):
            with pytest.raises(ConfigError):
                File("/dev/null")
            File(tmp_path / "disk", 4096).close()


def test_file_that_became_shorter(tmp_path):
    with File(tmp_path / "disk", 8192) as backend:
        os.truncate(tmp_path / "disk", 4096)
        assert get(backend, 0, 4096) == bytes(4096)
        with pytest.raises(OSError) as info:
            get(backend, 4000, 200)
        assert info.value.errno == errno.EIO


def test_resize(tmp_path):
    with File(tmp_path / "disk", 4096) as backend:
        os.truncate(tmp_path / "disk", 8192)
        backend.resize()
        assert backend.size == 8192
        backend.resize(16384)
        assert get(backend, 16383, 1) == b"\0"
    with pytest.raises(ValueError):
        backend.resize(1)


def test_a_full_file_system():
    """ENOSPC in the middle of a transfer, on a file system of 64 KiB that only the child sees."""
    child = textwrap.dedent("""
        import errno, subprocess
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"]).returncode:
            raise SystemExit(77)
        from pysrp.backends import File
        with File("/mnt/disk", 1 << 20) as disk:
            disk.write_from(0, memoryview(bytes(32 << 10)))
            try:
                disk.write_from(32 << 10, memoryview(b"x" * (64 << 10)))
            except OSError as e:
                assert e.errno == errno.ENOSPC, e
            else:
                raise AssertionError("there was room")
            disk.write_from(0, memoryview(b"still here"))
            disk.flush()
    """)
    try:
        done = subprocess.run(
            ["unshare", "-Urm", sys.executable, "-c", child], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no unshare on this machine")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no private mounts on this machine: " + done.stderr.strip())
    assert done.returncode == 0, done.stderr


# Holes


def test_holes_are_in_the_file(tmp_path):
    with File(tmp_path / "disk", SIZE) as backend:
        put(backend, 0, b"\xff" * SIZE)
        backend.flush()
        full = os.stat(tmp_path / "disk").st_blocks
        backend.discard(0, SIZE // 2)
        assert os.stat(tmp_path / "disk").st_blocks <= full - SIZE // 2 // 512
        assert os.stat(tmp_path / "disk").st_size == SIZE
        assert get(backend, SIZE // 2 - 1, 2) == b"\0\xff"


def test_a_file_with_many_holes_tells_of_some(tmp_path):
    with File(tmp_path / "disk", 4 * SIZE) as backend:
        pages = range(0, 4 * SIZE, 8192)
        for at in pages:
            put(backend, at, b"x" * 4096)
        assert len(backend.extents(0, 4 * SIZE)) == holes.EXTENTS
        assert mapped(backend, 4 * SIZE) == set(pages)


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINTR, errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["zero", "discard"])
def test_what_fallocate_says(tmp_path, monkeypatch, call, number):
    """A file system without it gets zeros; a signal is nothing; the rest are errors."""
    real, answers = holes._fallocate, [number]

    def fallocate(*arguments):
        if not answers:
            return real(*arguments)
        ctypes.set_errno(number)
        if number != errno.EOPNOTSUPP:
            answers.clear()
        return -1

    monkeypatch.setattr(holes, "_fallocate", fallocate)
    with File(tmp_path / "disk", SIZE) as backend:
        put(backend, 0, b"\xff" * SIZE)
        if number in (errno.ENOSPC, errno.EIO):
            with pytest.raises(OSError) as caught:
                getattr(backend, call)(0, 300_000)
            assert caught.value.errno == number
        else:
            getattr(backend, call)(0, 300_000)
            assert get(backend, 0, SIZE) == bytes(300_000) + b"\xff" * (SIZE - 300_000)


def test_holes_are_not_made_in_what_is_read_only(tmp_path):
    File(tmp_path / "disk", SIZE).close()
    with File(tmp_path / "disk", read_only=True) as backend:
        for call in backend.zero, backend.discard:
            with pytest.raises(OSError, match="Read-only"):
                call(0, 4096)
        assert backend.extents(0, SIZE) == [(SIZE, False)]


def test_memory_that_is_locked_is_zeroed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under mlockall the kernel takes no pages back."""
    ram = Ram(1 << 16)
    ram.write_from(0, memoryview(b"x" * (1 << 16)))
    monkeypatch.setattr("mmap.MADV_DONTNEED", 0x7FFF)  # EINVAL, as for pages that are locked
    ram.zero(100, 50000)
    assert bytes(ram.memory()) == b"x" * 100 + bytes(50000) + b"x" * ((1 << 16) - 50100)


@pytest.mark.parametrize("method", ["zero", "discard", "extents"])
def test_closed_memory_that_somebody_holds(method: str) -> None:
    ram = Ram(1 << 16)
    held = ram.memory()
    held[:3] = b"abc"
    ram.close()
    with pytest.raises(ValueError, match="is closed"):
        getattr(ram, method)(0, 8192)
    assert held[:3] == b"abc"
