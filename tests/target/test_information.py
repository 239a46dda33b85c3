"""REPORT and SET IDENTIFYING INFORMATION (SPC-5, 6.31 and 6.44)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.scsi.params import IdentifyingInformation, SupportedCommands
from pysrp.target.disk import Disk
from pysrp.target.saved_files import SavedFile
from unit_bench import Bench

BYTES, TEXT, TYPES = 0, 2, 0x7F


def report(kind: int, room: int = 512) -> bytes:
    return bytes((0xA3, 5, 0, 0, 0, 0, *room.to_bytes(4, "big"), kind << 1, 0))


def set_(kind: int, data: bytes, length: int | None = None) -> tuple[bytes, bytes]:
    size = len(data) if length is None else length
    return bytes((0xA4, 6, 0, 0, 0, 0, *size.to_bytes(4, "big"), kind << 1, 0)), data


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SavedFile]:
    with SavedFile(tmp_path / "d.saved", "u") as store:
        yield store


@pytest.fixture
def bench(store: SavedFile) -> Iterator[Bench]:
    with Ram(1 << 20) as ram, Bench(Disk(ram, saved=store)) as bench:
        yield bench


def information(bench: Bench, kind: int) -> bytes:
    return bytes(IdentifyingInformation(bench.good(report(kind))).identifying_information)


def test_without_a_place_there_is_none() -> None:
    with Ram(1 << 20) as ram, Bench(Disk(ram)) as bench:
        for raw in report(BYTES), set_(BYTES, b"")[0]:
            result = bench(raw)
            assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 1, 4))
        listed = SupportedCommands(bench.good("a30c00000000000040000000", room=16384)).commands
        assert not [one for one in listed if one.operation_code == 0xA3 and one.service_action == 5]


def test_it_is_kept(bench: Bench, store: SavedFile) -> None:
    other = bench.login()
    assert bench.good(report(BYTES)) == bytes(4)
    assert bench.good(report(TYPES)) == bytes.fromhex("00000008 00000040 04000100")
    bench.good(*set_(BYTES, b"\0" * 64))
    assert bench.unit.attentions(other) == [0x3F05]
    assert bench.unit.attentions(bench.nexus) == []
    bench.good(*set_(TEXT, "Zählwerk".encode() + b"\0"))
    assert information(bench, TEXT) == "Zählwerk".encode() + b"\0"
    with Ram(1 << 20) as ram, Bench(Disk(ram, saved=store)) as again:
        assert information(again, BYTES) == bytes(64)
        again.good(*set_(TEXT, "Zählwerk".encode() + b"\0"))
        again.good(*set_(BYTES, b""))
        assert information(again, BYTES) == b""
        assert information(again, TEXT) == "Zählwerk".encode() + b"\0"


@pytest.mark.parametrize(
    ("raw", "data", "code", "pointer"),
    [
        (report(1), b"", (5, 0x24, 0), (True, 10, 7)),
        (set_(1, b"a")[0], b"a", (5, 0x24, 0), (True, 10, 7)),
        (set_(TYPES, b"a")[0], b"a", (5, 0x24, 0), (True, 10, 7)),
        (set_(BYTES, bytes(65))[0], bytes(65), (5, 0x24, 0), (True, 6, None)),
        (set_(TEXT, bytes(257))[0], bytes(257), (5, 0x24, 0), (True, 6, None)),
        (set_(BYTES, b"", 5)[0], b"abc", (5, 0x1A, 0), None),
        (set_(TEXT, b"abc")[0], b"abc", (5, 0x26, 0), (False, 0, None)),
        (set_(TEXT, b"a\0c\0")[0], b"a\0c\0", (5, 0x26, 0), (False, 0, None)),
        (set_(TEXT, b"\xff\0")[0], b"\xff\0", (5, 0x26, 0), (False, 0, None)),
    ],
)
def test_what_it_refuses(bench: Bench, raw: bytes, data: bytes, code: Any, pointer: Any) -> None:
    result = bench(raw, data)
    assert (result.code, result.pointer) == (code, pointer)
    assert information(bench, BYTES) == information(bench, TEXT) == b""


def test_what_cannot_be_kept_is_not_so(bench: Bench, store: SavedFile) -> None:
    store.close()
    assert bench.bad(*set_(BYTES, b"a")) == (4, 0x44, 0)
    assert information(bench, BYTES) == b""
