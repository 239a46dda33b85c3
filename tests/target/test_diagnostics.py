"""SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS, READ BUFFER and WRITE BUFFER of a disk."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.scsi.sense import parse_sense
from pysrp.target.disk import Disk
from target_rig import BLOCK, Spotted
from unit_bench import Bench

BLOCKS = 64
ECHO, ROOM = 4096, 65536

Pointer = tuple[bool, int, "int | None"] | None


def refused(bench: Bench, cdb: str | bytes, data: bytes = b"") -> Any:
    result = bench(cdb, data)
    return result.code, result.pointer


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Ram(BLOCKS * BLOCK) as ram, Bench(Disk(ram)) as bench:
        yield bench


def send(flags: int, length: int = 0) -> bytes:
    return struct.pack(">BBxHx", 0x1D, flags, length)


DEFAULT, SHORT, EXTENDED, PF = 4, 5 << 5, 6 << 5, 0x10


@pytest.mark.parametrize("test", [0, DEFAULT, DEFAULT | 3, SHORT, EXTENDED])
def test_self_tests_that_pass(bench: Bench, test: int) -> None:
    bench.good(send(test))


@pytest.mark.parametrize(
    ("test", "bad", "found"),
    [
        (DEFAULT, 0, True),
        (DEFAULT, BLOCKS - 1, True),
        (DEFAULT, 17, False),
        (SHORT, BLOCKS - 1, True),
        (SHORT, 17, False),
        (EXTENDED, 17, True),
    ],
)
def test_self_tests_look_at_the_medium(test: int, bad: int, found: bool) -> None:
    with Spotted(BLOCKS * BLOCK, {bad * BLOCK}) as ram, Bench(Disk(ram)) as bench:
        result = bench(send(test))
        if not found:
            assert result.status == 0
            return
        assert result.code == (4, 0x3E, 3)
        assert parse_sense(result.sense).information == bad


@pytest.mark.parametrize(
    ("cdb", "data", "code", "pointer"),
    [
        (send(3 << 5), b"", (5, 0x24, 0), (True, 1, 7)),
        (send(7 << 5), b"", (5, 0x24, 0), (True, 1, 7)),
        (send(1 << 5 | DEFAULT), b"", (5, 0x24, 0), (True, 1, 7)),
        (send(4 << 5 | DEFAULT), b"", (5, 0x24, 0), (True, 1, 7)),
        (send(4 << 5, 4), bytes(4), (5, 0x24, 0), (True, 1, 7)),
        (send(1 << 5, 4), bytes(4), (5, 0x24, 0), (True, 3, None)),
        # there is none in the background
        (send(4 << 5), b"", (5, 0x24, 0), (True, 1, 7)),
        (send(SHORT | DEFAULT), b"", (5, 0x24, 0), (True, 1, 7)),
        (send(DEFAULT, 4), bytes(4), (5, 0x24, 0), (True, 3, None)),
        (send(SHORT, 4), bytes(4), (5, 0x24, 0), (True, 3, None)),
        (send(0, 4), bytes(4), (5, 0x24, 0), (True, 3, None)),
        (send(PF, 4), bytes((0, 0, 1, 0)), (5, 0x26, 0), (False, 2, None)),
        (send(PF, 8), bytes((0x40, *[0] * 7)), (5, 0x26, 0), (False, 0, None)),
        (send(PF, 8), bytes(8), (5, 0x1A, 0), None),
        (send(PF, 3), bytes(3), (5, 0x1A, 0), None),
        (send(PF, 4), bytes(3), (5, 0x1A, 0), None),
        ("1c0101001000", b"", (5, 0x24, 0), (True, 2, None)),
    ],
)
def test_diagnostics_that_there_are_not(
    bench: Bench, cdb: bytes | str, data: bytes, code: Any, pointer: Pointer
) -> None:
    assert refused(bench, cdb, data) == (code, pointer)


def test_list_of_diagnostic_pages(bench: Bench) -> None:
    bench.good(send(PF, 4), bytes(4))
    for cdb in "1c0000001000", "1c0100001000":
        assert bench.good(cdb) == bytes((0, 0, 0, 1, 0))
    assert bench.good("1c0100000400") == bytes((0, 0, 0, 1))


def read(mode: int, length: int, offset: int = 0, number: int = 0) -> bytes:
    return bytes((0x3C, mode, number)) + offset.to_bytes(3, "big") + length.to_bytes(3, "big") + b"\0"


def write(mode: int, length: int, offset: int = 0, number: int = 0) -> bytes:
    return bytes((0x3B, mode, number)) + offset.to_bytes(3, "big") + length.to_bytes(3, "big") + b"\0"


def test_descriptors(bench: Bench) -> None:
    assert bench.good(read(3, 4)) == b"\0" + ROOM.to_bytes(3, "big")
    assert bench.good(read(3, 4, number=1)) == bytes(4), "there is no such buffer"
    assert bench.good(read(0x0B, 4)) == bytes((1, 0)) + ECHO.to_bytes(2, "big")


def test_what_is_written_into_a_buffer_is_read(bench: Bench) -> None:
    assert bench.good(read(2, 8)) == bytes(8)
    bench.good(write(2, 4, 2), b"abcd")
    bench.good(write(2, 2, 3), b"XY")
    other = bench.login()
    assert bench.good(read(2, 8), nexus=other) == b"\0\0aXYd\0\0"
    assert bench.good(read(2, 100, ROOM - 3)) == bytes(3)
    bench.good(write(2, 2, ROOM - 2), b"!!")
    assert bench.good(read(2, 100, ROOM - 3)) == b"\0!!"
    assert bench.good(read(2, 100, ROOM)) == b""
    bench.unit.reset()
    bench.unit.forget(bench.nexus, 0x29, 0)
    assert bench.good(read(2, 8)) == bytes(8)


def test_each_nexus_has_an_echo(bench: Bench) -> None:
    other = bench.login()
    assert refused(bench, read(0x0A, 8)) == ((5, 0x2C, 0), None)
    bench.good(write(0x0A, 5), b"first")
    bench.good(write(0x0A, 6), b"second", nexus=other)
    assert bench.good(read(0x0A, 8)) == b"first"
    assert bench.good(read(0x0A, 3), nexus=other) == b"sec"
    bench.unit.detach(other)
    bench.good(write(0x0A, 4), b"gone", nexus=other)
    bench.unit.attach(other)
    assert bench(read(0x0A, 8), nexus=other).code == (5, 0x2C, 0)
    bench.unit.reset()
    bench.unit.forget(bench.nexus, 0x29, 0)
    assert bench(read(0x0A, 8)).code == (5, 0x2C, 0)


@pytest.mark.parametrize(
    ("cdb", "data", "code", "pointer"),
    [
        (write(0, 4), bytes(4), (5, 0x24, 0), (True, 1, 4)),
        (write(5, 4), bytes(4), (5, 0x24, 0), (True, 1, 4)),  # microcode
        (write(2 | 0x20, 4), bytes(4), (5, 0x24, 0), (True, 1, 7)),
        (write(2, 4, number=1), bytes(4), (5, 0x24, 0), (True, 2, None)),
        (write(2, 4, ROOM + 1), bytes(4), (5, 0x24, 0), (True, 3, None)),
        (write(2, 4, ROOM - 3), bytes(4), (5, 0x24, 0), (True, 6, None)),
        (write(2, 4), bytes(3), (5, 0x1A, 0), None),
        (write(0x0A, ECHO + 1), bytes(ECHO + 1), (5, 0x24, 0), (True, 6, None)),
        (read(0x1C, 4), b"", (5, 0x24, 0), (True, 1, 4)),
        (read(2, 4, number=9), b"", (5, 0x24, 0), (True, 2, None)),
        (read(2, 4, ROOM + 1), b"", (5, 0x24, 0), (True, 3, None)),
    ],
)
def test_buffers_that_there_are_not(
    bench: Bench, cdb: bytes, data: bytes, code: Any, pointer: Pointer
) -> None:
    assert refused(bench, cdb, data) == (code, pointer)
    assert bench.good(read(2, 8)) == bytes(8)
