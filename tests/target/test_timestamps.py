"""REPORT TIMESTAMP and SET TIMESTAMP (SPC-5, 5.3, 6.38 and 6.48)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysrp.backends import Ram
from pysrp.initiator.session import Session
from pysrp.scsi import ReportTimestamp, Timestamp
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from unit_bench import Bench

REPORT, SET = "a30f00000000000000200000", "a40f000000000000000c0000"


def said(milliseconds: int) -> bytes:
    return bytes(4) + milliseconds.to_bytes(6, "big") + bytes(2)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Ram(1 << 20) as ram, Bench(Disk(ram)) as bench:
        yield bench


def test_without_a_clock_it_stands_still(bench: Bench) -> None:
    assert bench.good(REPORT) == bytes.fromhex("000a 00 00 000000000000 0000")
    bench.good(SET, said(5))
    assert bench.good(REPORT) == bytes.fromhex("000a 02 00 000000000005 0000")


def test_with_one(bench: Bench) -> None:
    now = 1000.5
    bench.unit.clock = lambda: now
    found = Timestamp(bench.good(REPORT))
    assert (found.timestamp_origin, found.timestamp) == (3, 1_000_500)
    other = bench.login()
    bench.good(SET, said(0xFFFFFFFFFFFF))
    assert bench.unit.attentions(other) == [0x2A10]
    assert bench.unit.attentions(bench.nexus) == []
    now += 3
    found = Timestamp(bench.good(REPORT))
    assert (found.timestamp_origin, found.timestamp) == (2, 2999)
    now = 0
    assert Timestamp(bench.good(REPORT)).timestamp == 0xFFFFFFFFFFFF, "a clock that is set back"
    bench.unit.reset()
    assert bench.bad("000000000000") == (6, 0x29, 0)
    assert Timestamp(bench.good(REPORT)).timestamp_origin == 2


def test_lists(bench: Bench) -> None:
    bench.good("a40f00000000000000000000")
    assert bench.bad("a40f000000000000000b0000", bytes(11)) == (5, 0x1A, 0)
    assert bench.bad(SET, bytes(8)) == (5, 0x1A, 0)
    bench.good("a40f00000000000000100000", said(7) + bytes(4))
    assert Timestamp(bench.good(REPORT)).timestamp == 7


def test_a_server_has_a_clock(tmp_path: Path) -> None:
    url = f"unix:{tmp_path}/s"
    before = int(time.time() * 1000)
    with Ram(1 << 20) as ram, Server(url, LunMap([(0, Disk(ram))])), Session(url) as session:
        device = session.scan()[0]
        cdb = ReportTimestamp.build(allocation_length=12)
        found = Timestamp(device.execute(cdb, data_in_length=12, retries=3).data)
    assert found.timestamp_origin == 3
    assert before <= found.timestamp <= int(time.time() * 1000)
