"""LOG SENSE, LOG SELECT and READ DEFECT DATA of a disk."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.scsi import params
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.workers import Pool
from target_rig import BLOCK, MIB, Rig, Spotted
from turns import Stepped, Turns
from unit_bench import Bench
from waiting import until

CUMULATIVE = 1


def sense(
    page: int, subpage: int = 0, *, pc: int = CUMULATIVE, sp: int = 0, pointer: int = 0, length: int = 255
) -> bytes:
    return struct.pack(">BBBBxHHx", 0x4D, sp, pc << 6 | page, subpage, pointer, length)


def select(
    page: int = 0, subpage: int = 0, *, pcr: int = 1, pc: int = 0, sp: int = 0, length: int = 0
) -> bytes:
    return struct.pack(">BBBBxxxHx", 0x4C, pcr << 1 | sp, pc << 6 | page, subpage, length)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Spotted(64 * BLOCK, {5 * BLOCK}) as ram, Bench(Disk(ram)) as bench:
        yield bench


def counters(bench: Bench) -> list[int]:
    """Uncorrected errors of writing, of reading and of verifying (SPC-4, 7.3.6)."""
    found = []
    for page in 2, 3, 5:
        data = bench.good(sense(page))
        assert data[:9] == bytes((0x80 | page, 0, 0, 8, 0, 6, 0, 4)) + data[8:9]
        found.append(int.from_bytes(data[8:12], "big"))
    return found


def test_lists_of_pages(bench: Bench) -> None:
    assert bench.good(sense(0)) == bytes.fromhex("8000000a 00 02030506 0d0e1019 2f")
    assert bench.good(sense(0, 0xFF)) == bytes.fromhex(
        "c0ff0016 0000 00ff 0200 0300 0500 0600 0d00 0e00 1000 1900 2f00"
    )
    assert bench.good(sense(3, 0xFF)) == bytes.fromhex("c3ff0002 0300")
    assert bench.good(sense(0, length=5)) == bytes.fromhex("8000000a 00")


def test_there_are_no_exceptions(bench: Bench) -> None:
    assert bench.good(sense(0x2F)) == bytes.fromhex("af000007 0000 03 03 0000ff")


def test_no_temperature_is_known(bench: Bench) -> None:
    assert bench.good(sense(0x0D)) == bytes.fromhex("8d000006 0000 03 02 00ff")


def test_what_is_no_error_of_the_medium(bench: Bench) -> None:
    """HARDWARE ERROR, and nothing else (SPC-4, 7.3.14)."""
    assert bench.good(sense(6)) == bytes.fromhex("86000008 0000 00 04 00000000")
    with bench.unit.backend.other(errno.ETIMEDOUT):
        assert bench.tainted("28000000000000000100").code[0] == 4
    assert bench.tainted("28000000000500000100").code[0] == 3
    with bench.unit.backend.other(errno.EROFS):
        assert bench.tainted("2a000000000000000100", bytes(512)).code[0] == 7
    assert bench.good(sense(6))[-4:] == bytes((0, 0, 0, 1))
    bench.good(select(6))
    assert bench.good(sense(6))[-4:] == bytes(4)


def test_times_that_it_was_stopped(bench: Bench) -> None:
    """Stopping what is stopped is none more; no LOG SELECT counts them anew (SPC-4, 7.3.17)."""
    for expected, cdb in ((1, "1b0000000000"), (1, "1b0000000000"), (1, "1b0000000100"), (2, "1b0000000000")):
        bench.good(cdb)
        assert bench.good(sense(0x0E)) == bytes.fromhex("8e000008 0004 03 04") + expected.to_bytes(4, "big")
    other = bench.login()
    bench.good(select(0x0E))
    assert bench.good(sense(0x0E))[-1] == 2
    assert bench.unit.attentions(other) == []


def tests(bench: Bench) -> list[bytes]:
    """The results of self-tests: 20 of 16 bytes, numbered from 1 on (SPC-4, 7.3.16)."""
    data = bench.good(sense(0x10, length=1000))
    assert data[:4] == bytes.fromhex("90000190")
    found = [data[at : at + 20] for at in range(4, 404, 20)]
    assert [each[:4] for each in found] == [bytes((0, n, 3, 16)) for n in range(1, 21)]
    return [each[4:] for each in found]


NOWHERE = b"\xff" * 8


def test_results_of_self_tests(bench: Bench) -> None:
    short, extended = (struct.pack(">BBxHx", 0x1D, code << 5, 0) for code in (5, 6))
    assert tests(bench) == [bytes(16)] * 20
    bench.good("1d0400000000")
    assert tests(bench) == [bytes(16)] * 20, "the default self-test is not listed"
    bench.good(short)
    assert bench(extended).code == (4, 0x3E, 3)
    passed = b"\xa0\0\0\0" + NOWHERE + bytes(4)
    failed = b"\xc5\0\0\0" + (5).to_bytes(8, "big") + bytes((3, 0x11, 0, 0))
    assert tests(bench) == [failed, passed, *[bytes(16)] * 18]
    bench.good(select(0x10))
    bench.unit.backend.bad = {63 * BLOCK}
    assert bench(short).code == (4, 0x3E, 3)
    second = b"\xa6\0\0\0" + (63).to_bytes(8, "big") + bytes((3, 0x11, 0, 0))
    assert tests(bench)[:3] == [second, failed, passed]
    bench.unit.backend.bad = set()
    for _ in range(20):
        bench.good(extended)
    assert tests(bench) == [b"\xc0\0\0\0" + NOWHERE + bytes(4)] * 20
    assert bench.good(sense(0x10, pointer=20))[:6] == bytes.fromhex("90000014 0014")
    assert bench(sense(0x10, pointer=21)).pointer == (True, 5, None)


def test_a_self_test_that_is_aborted() -> None:
    """Somebody resets the unit while it reads: 2h (SPC-4, 7.3.16)."""
    turns = Turns()
    unit = Disk(Stepped(MIB, turns))
    pool = Pool()
    rig = Rig(LunMap([(0, unit)]), workers=pool)
    client = rig.login()
    client.cmd(0, struct.pack(">BBxHx", 0x1D, 6 << 5, 0))
    rig.run()
    until(lambda: turns.count == 1)
    managed = client.manage(0, TskMgmtFunc.LUN_RESET)
    rig.run()
    assert bytes(client.answer(managed).resp_data) == bytes(4)
    turns.open()
    assert pool.drain(timeout=60)
    rig.close()
    with Bench(unit) as bench:
        assert tests(bench)[:2] == [b"\xc2\0\0\0" + NOWHERE + bytes(4), bytes(16)]


def test_errors_are_counted(bench: Bench) -> None:
    other = bench.login()
    assert counters(bench) == [0, 0, 0]
    for cdb, data in (
        ("28000000000500000100", b""),
        ("2f000000000500000100", b""),
        ("2a000000000500000100", bytes(512)),
    ):
        if cdb.startswith("2f"):
            bench.unit.backend.blocking = True
        assert bench.tainted(cdb, data).code[0] == 3
        bench.unit.backend.blocking = False
    assert counters(bench) == [1, 1, 1]
    bench.good(select(2))
    assert counters(bench) == [0, 1, 1]
    assert bench.unit.attentions(other) == [0x2A02]
    assert bench.unit.attentions(bench.nexus) == []
    bench.good(select(pcr=0))
    assert counters(bench) == [0, 1, 1]
    bench.good(select())
    assert counters(bench) == [0, 0, 0]
    assert bench.unit.forget(other, 0x2A, 2)
    bench.good(select())
    assert bench.unit.attentions(other) == [], "nothing has changed"


@pytest.mark.parametrize(
    ("cdb", "left"),
    [
        (select(pcr=0, pc=3), [0, 0]),
        (select(3, 0xFF), [1, 0]),
        (select(0, 0xFF), [0, 0]),
        (select(2, 0xFF, pcr=0, pc=3), [0, 1]),
        (select(2, pcr=0, pc=CUMULATIVE), [1, 1]),
        (select(2, pcr=0, pc=2), [1, 1]),
    ],
)
def test_which_counters_begin_anew(bench: Bench, cdb: bytes, left: list[int]) -> None:
    bench.tainted("2a000000000500000100", bytes(512))
    bench.tainted("28000000000500000100")
    bench.good(cdb)
    assert counters(bench) == [*left, 0]


def test_parameters_from_one_on(bench: Bench) -> None:
    assert bench.good(sense(2, pointer=6)) == bench.good(sense(2)) == bench.good(sense(2, pointer=1))


@pytest.mark.parametrize(
    ("cdb", "pointer"),
    [
        (sense(0, pc=0), (True, 2, 7)),
        (sense(0, pc=3), (True, 2, 7)),
        (sense(0, sp=1), (True, 1, 0)),
        (sense(0x0C), (True, 2, 5)),
        (sense(0x0D, pointer=1), (True, 5, None)),
        (sense(2, 1), (True, 3, None)),
        (select(sp=1), (True, 1, 0)),
        (select(length=4), (True, 7, None)),
        (select(0x12), (True, 2, 5)),
        (select(0, 1), (True, 3, None)),
        (select(2, 1), (True, 3, None)),
        (sense(0, pointer=1), (True, 5, None)),
        (sense(2, pointer=7), (True, 5, None)),
        (sense(2, 0xFF, pointer=6), (True, 5, None)),
        (sense(0x2F, pointer=1), (True, 5, None)),
    ],
)
def test_logs_that_there_are_not(bench: Bench, cdb: bytes, pointer: Any) -> None:
    result = bench(cdb, bytes(4))
    assert (result.code, result.pointer) == ((5, 0x24, 0), pointer)


@pytest.mark.parametrize("listed", range(6))
def test_no_defects_are_known(bench: Bench, listed: int) -> None:
    for lists in 0, 0x08, 0x10, 0x18:
        flags = lists | listed
        assert bench.good(struct.pack(">BBBxxxxHx", 0x37, 0, flags, 100)) == bytes((0, flags, 0, 0))
        found = bench.good(struct.pack(">BBIIxx", 0xB7, flags, 7, 100))
        assert found == bytes((0, flags, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("listed", [6, 7])
def test_formats_of_defects_that_there_are_not(bench: Bench, listed: int) -> None:
    result = bench(struct.pack(">BBBxxxxHx", 0x37, 0, listed, 100))
    assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 2, 2))
    result = bench(struct.pack(">BBIIxx", 0xB7, listed, 0, 100))
    assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 1, 2))


def test_task_management_functions() -> None:
    with Ram(64 * BLOCK) as ram, Bench(Disk(ram)) as bench:
        assert bench.good("a30d000000000000001000" + "00") == bytes.fromhex("d8000000")
        extended = params.SupportedTaskManagement(bench.good("a30d800000000000001000" + "00"))
        assert len(extended) == 16
        assert (extended.ats, extended.atss, extended.ctss, extended.lurs) == (1, 1, 1, 1)
        assert (extended.cacas, extended.qts, extended.itnrs, extended.additional_data_length) == (
            0,
            0,
            0,
            12,
        )


def test_timeouts_are_told() -> None:
    with Ram(64 * BLOCK) as ram, Bench(Disk(ram)) as bench:
        found = params.SupportedCommands(bench.good("a30c80000000000040000000"))
        told = {
            (one.operation_code, one.service_action): one.timeouts.recommended_command_timeout
            for one in found.commands
        }
        assert all(one.timeouts.nominal_command_processing_timeout == 1 for one in found.commands)
        assert set(told.values()) == {60, 3600}
        assert told[0x28, 0] == 60
        assert told[0x35, 0] == told[0x7F, 0x0A] == told[0x1D, 0] == 3600
