"""How much room there is behind a thin disk, and thresholds of it (SBC-4, 4.7.3.7, 6.4.5 and 6.5.9)."""

from __future__ import annotations

import errno
import itertools
import mmap
import os
import re
import shutil
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast.gate import WATCHED

from jobs_rig import Pair, code
from pysrp.backends import File, Null, Ram, holes
from pysrp.errors import CheckCondition
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.media.faulty import Faulty
from pysrp.media.file import FileMedium
from pysrp.media.power_cut import PowerCut
from pysrp.scsi import cdb, inquiry
from pysrp.scsi.log import parse_log_page
from pysrp.scsi.mode import (
    LogicalBlockProvisioningPage,
    ReadWriteErrorRecoveryPage,
    ThresholdDescriptor,
    parse_mode10,
)
from pysrp.scsi.sense import parse_sense
from pysrp.target.backend_medium import BackendMedium, space_of
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.target.saved_files import SavedFile
from pysrp.target.serve import Server
from target_rig import BLOCK, MIB
from test_thin import unmap, unmap_list
from unit_bench import Bench
from waiting import PATIENCE, until

SIZE = 32 * MIB
PIECE = 64 << 10
AVAILABLE, USED = 1, 2
REACHED, CHANGED, FULL = (6, 0x38, 7), (6, 0x2A, 1), (7, 0x27, 7)
TUR, SENSE = "000000000000", "03000000fc00"
CURRENT, CHANGEABLE, DEFAULT, SAVED = range(4)


class Pool(Ram):
    """Memory that has no more than so much room, of which somebody else may take some."""

    def __init__(self, size: int = SIZE, room: int = SIZE) -> None:
        super().__init__(size)
        self._map.madvise(mmap.MADV_NOHUGEPAGE)  # else a page may be 2 MiB, where the machine says so
        self.room = room
        self.looked = 0

    def write_from(self, offset: int, view: memoryview) -> None:
        if len(view) > self.left:
            raise OSError(errno.ENOSPC, "no room")
        super().write_from(offset, view)

    @property
    def left(self) -> int:
        used, _ = super().space() or (0, None)
        return self.room - (used or 0)

    def space(self) -> tuple[int | None, int | None]:
        self.looked += 1
        used, _ = super().space() or (0, None)
        return used, max(self.left, 0)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool() as pool:
        yield pool


@pytest.fixture
def bench(pool: Pool) -> Iterator[Bench]:
    with Bench(ThinDisk(pool)) as bench:
        yield bench


def sense10(page: int, subpage: int = 0, control: int = CURRENT) -> bytes:
    return struct.pack(">BBBBxxxHx", 0x5A, 8, control << 6 | page, subpage, 512)


def mode_page(bench: Bench, control: int = CURRENT) -> Any:
    return parse_mode10(bench.good(sense10(0x1C, 2, control))).pages[0]


def descriptor(resource: int, count: int = 0, enabled: bool = True, arming: int | None = None) -> bytes:
    return bytes(
        ThresholdDescriptor.build(
            enabled=enabled,
            threshold_arming=resource - 1 if arming is None else arming,
            threshold_resource=resource,
            threshold_count=count,
        )
    )


OFF = descriptor(AVAILABLE, 0, False), descriptor(USED, 0, False)


def thresholds(available: int | None = None, used: int | None = None, *, situa: bool = False) -> bytes:
    """The page with these thresholds enabled."""
    given = (AVAILABLE, available), (USED, used)
    return bytes(
        LogicalBlockProvisioningPage.build(
            situa=situa,
            descriptors=[descriptor(each, count or 0, count is not None) for each, count in given],
        )
    )


def recovery(lbpere: bool = True) -> bytes:
    return bytes(ReadWriteErrorRecoveryPage.build(lbpere=lbpere))


def select(*pages: bytes, sp: bool = False) -> tuple[bytes, bytes]:
    """MODE SELECT(10), and its list."""
    data = bytes(8) + b"".join(pages)
    return struct.pack(">BBxxxxxHx", 0x55, 0x10 | sp, len(data)), data


def write(lba: int, length: int = PIECE) -> tuple[bytes, bytes]:
    return bytes(cdb.Write10.build(lba=lba, transfer_length=length // BLOCK)), bytes([0xEE]) * length


def fill(bench: Bench, start: int, end: int) -> int | None:
    """Write from byte ``start`` on, piece by piece, up to ``end``, or to where a threshold is told: there."""
    for at in range(start, end, PIECE):
        result = bench(*write(at // BLOCK))
        if result.status:
            assert result.code == REACHED
            return at
    return None


def told(bench: Bench, nexus: Any = None) -> Any:
    """The sense data of a unit attention that is to come now."""
    result = bench(TUR, nexus=nexus)
    assert result.code == REACHED
    return parse_sense(result.sense)


def log_page(bench: Bench, pointer: int = 0) -> list[Any]:
    data = bench.good(struct.pack(">BBBBxHHx", 0x4D, 0, 0x4C, 0, pointer, 255))
    return list(parse_log_page(data).parameters)


# What it says of itself.


def test_what_it_says_of_itself(bench: Bench) -> None:
    page = bench.good(cdb.Inquiry.build(evpd=1, page_code=0xB2, allocation_length=255))
    assert page == bytes.fromhex("00b20004 0b e4 02 00")
    pages = {page.page_code for page in parse_mode10(bench.good(sense10(0x3F))).pages if not page.spf}
    assert pages == {1, 8, 0x0A, 0x1A, 0x1C}
    assert bytes(mode_page(bench)) == bytes.fromhex("5c02001c") + bytes(12) + b"".join(OFF)
    assert bytes(mode_page(bench, CHANGEABLE)) == bytes.fromhex(
        "5c02001c 01" + 11 * "00" + "80000000ffffffff" * 2
    )
    assert parse_mode10(bench.good(sense10(1, 0, CHANGEABLE))).pages[0].lbpere
    assert 0x0C in bench.good(cdb.LogSense.build(pc=1, allocation_length=255))[4:]


def test_pages_and_subpages(bench: Bench) -> None:
    """SPC-5, table 169."""

    def asked(page: int, subpage: int) -> list[tuple[int, int]]:
        found = parse_mode10(bench.good(sense10(page, subpage))).pages
        return [(one.page_code, one.subpage_code if one.spf else 0) for one in found]

    every = [(1, 0), (8, 0), (0x0A, 0), (0x1A, 0), (0x1C, 0)]
    assert asked(0x3F, 0) == every
    assert asked(0x3F, 0xFF) == [*every, (0x1C, 2)]
    assert asked(0x1C, 0) == [(0x1C, 0)]
    assert asked(0x1C, 2) == [(0x1C, 2)]
    assert asked(0x1C, 0xFF) == [(0x1C, 0), (0x1C, 2)]
    assert asked(8, 0xFF) == [(8, 0)]
    for page, subpage, byte in (0x3F, 2, 3), (0x1C, 1, 3), (8, 2, 3), (0x1B, 0, 2), (0x1B, 0xFF, 2):
        result = bench(sense10(page, subpage))
        assert (result.code, result.pointer and result.pointer[:2]) == ((5, 0x24, 0), (True, byte))


def test_a_disk_that_knows_nothing_of_its_room() -> None:
    for unit in ThinDisk(Null(MIB)), Disk(Pool()):
        with Bench(unit) as bench:
            result = bench(sense10(0x1C, 2))
            assert (result.code, result.pointer and result.pointer[:2]) == ((5, 0x24, 0), (True, 3))
            assert not parse_mode10(bench.good(sense10(1, 0, CHANGEABLE))).pages[0].lbpere
            assert bench(cdb.LogSense.build(pc=1, page_code=0x0C, allocation_length=255)).code == (5, 0x24, 0)
    with Bench(ThinDisk(Null(MIB))) as bench:
        page = bench.good(cdb.Inquiry.build(evpd=1, page_code=0xB2, allocation_length=255))
        assert inquiry.LogicalBlockProvisioning(page).threshold_exponent == 0


class Vast(Null):
    def space(self) -> tuple[int, int]:
        return 0, self.size


@pytest.mark.parametrize(
    ("size", "block", "exponent"),
    [(MIB, 512, 11), (MIB, 4096, 8), (1 << 52, 512, 12), ((1 << 52) - 512, 512, 11)],
)
def test_how_large_a_set_is(size: int, block: int, exponent: int) -> None:
    """Capacity by the size of a set is less than 2^32 (SBC-4, 6.6.7)."""
    with Bench(ThinDisk(Vast(size), block_size=block)) as bench:
        page = bench.good(cdb.Inquiry.build(evpd=1, page_code=0xB2, allocation_length=255))
        assert inquiry.LogicalBlockProvisioning(page).threshold_exponent == exponent
        assert (size // block) >> exponent < 1 << 32
        free = log_page(bench)[0]
        assert int.from_bytes(free.parameter_value[:4], "big") == (size // block) >> exponent


def test_counts(bench: Bench, pool: Pool) -> None:
    """Available ones are whole, and what is used in part is used."""
    assert bench.good(cdb.LogSense.build(pc=1, page_code=0x0C, allocation_length=255)) == bytes.fromhex(
        "8c000018 0001 03 08 00000020 02 000000 0002 03 08 00000000 01 000000"
    )
    bench.good(*write(0, 4096))
    available, used = log_page(bench)
    assert (available.number >> 32, used.number >> 32) == (31, 1)
    assert [one.parameter_code for one in log_page(bench, 2)] == [2]
    assert bench(cdb.LogSense.build(pc=1, page_code=0x0C, parameter_pointer=3)).code == (5, 0x24, 0)
    assert bench.good(cdb.LogSelect.build(pcr=1, page_code=0x0C)) == b""
    assert log_page(bench)[1].number >> 32 == 1, "nothing that is reset"


@pytest.mark.skipif(shutil.which("sg_logs") is None, reason="sg3-utils are not installed")
def test_what_sg3_utils_make_of_it(bench: Bench, tmp_path: Path) -> None:
    def shown(tool: str, option: str, data: bytes) -> str:
        path = tmp_path / "answer"
        path.write_text(data.hex(" ") + "\n")
        return subprocess.run([tool, f"{option}={path}"], capture_output=True, text=True, check=True).stdout

    page = bench.good(cdb.Inquiry.build(evpd=1, page_code=0xB2, allocation_length=255))
    assert "Threshold exponent: 11" in shown("sg_vpd", "--inhex", page)
    bench.good(*write(0, 2 * MIB))
    text = shown(
        "sg_logs", "--in", bench.good(cdb.LogSense.build(pc=1, page_code=0x0C, allocation_length=255))
    )
    assert re.search("Available LBA mapping .*resource count: 30\n.*Scope: not dedicated to lu", text)
    assert re.search("Used LBA mapping .*resource count: 2\n.*Scope: dedicated to lu", text)


def test_what_a_medium_says_of_its_room(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with File(path, SIZE) as file, closing(FileMedium(path, lock=False)) as medium:
        file.write_from(MIB, memoryview(bytes(3 * PIECE)))
        file.flush()
        taken = os.stat(path).st_blocks * 512
        assert 3 * PIECE <= taken < MIB
        whole = os.statvfs(path)
        for each in file, medium, Faulty(file), PowerCut(medium), BackendMedium(file):
            used, available = space_of(each)
            assert used == taken
            assert available is not None
            assert 0 < available <= whole.f_blocks * whole.f_frsize
    with pytest.raises(ValueError, match="closed"):
        medium.space()
    with Ram(SIZE) as ram:
        assert ram.space() == (0, None)
        ram.memory()[MIB + 1] = ram.memory()[MIB + 2] = ram.memory()[0] = 1
        used, _ = ram.space() or (0, None)
        assert used
        assert used % 4096 == 0
    assert space_of(Null(MIB)) == (None, None)
    assert space_of(object()) == (None, None)
    with open("/dev/null", "rb") as device:  # noqa: PTH123
        assert holes.space(device.fileno()) is None
    with open("/proc/self/status", "rb") as file:  # noqa: PTH123
        assert os.fstatvfs(file.fileno()).f_blocks == 0, "a file system that does not say how large it is"
        assert holes.space(file.fileno()) == (0, None)


def test_memory_that_is_only_read_takes_no_room() -> None:
    with Pool(MIB) as ram:
        ram.write_from(0, memoryview(b"x"))
        used = ram.space()[0]
        ram.read_into(0, memoryview(bytearray(MIB)))
        assert ram.space()[0] == used == mmap.PAGESIZE


def test_where_linux_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pysrp.backends.ram.PAGEMAP", Path("/nowhere/pagemap"))
    assert Ram(SIZE).space() is None


# Thresholds.


def test_used_room_increases(bench: Bench) -> None:
    """It is told past the end of its range, once, and anew when it has gone back past the beginning (SBC-4, figure 8)."""
    other = bench.login()
    bench.good(*select(recovery(), thresholds(used=4)))
    assert bench(TUR, nexus=other).code == CHANGED
    at = fill(bench, 0, SIZE)
    assert at is not None
    assert at - PIECE == 4 * MIB + MIB // 2, "the piece before it went past the end"
    sense = told(bench, other)
    assert (sense.sense_key, sense.information) == (6, 24)
    assert fill(bench, at, 6 * MIB) is None, "nobody is told again"
    bench.good(unmap(unmap_list((0, 2 * MIB // BLOCK))), unmap_list((0, 2 * MIB // BLOCK)))
    assert fill(bench, 0, 2 * MIB) is None, "it has not gone back far enough"
    bench.good(unmap(unmap_list((0, 3 * MIB // BLOCK))), unmap_list((0, 3 * MIB // BLOCK)))
    assert fill(bench, 0, 3 * MIB) == MIB + MIB // 2 + PIECE
    assert told(bench, other).information == 24


def test_available_room_decreases(bench: Bench, pool: Pool) -> None:
    """Also where somebody else takes it (SBC-4, figure 7)."""
    bench.good(*select(recovery(), thresholds(available=30)))
    assert fill(bench, 0, 2 * MIB) is None
    pool.room -= MIB
    assert fill(bench, 0, MIB) is not None, "it is looked at least each half set"
    bench.good(TUR)
    pool.room += 2 * MIB
    assert fill(bench, 0, MIB) is None
    pool.room -= 2 * MIB
    assert fill(bench, 0, MIB) is not None


def test_both_are_told_each_with_its_place(bench: Bench) -> None:
    bench.good(*write(0, 2 * MIB))
    bench.good(*select(recovery(), thresholds(31, 1)))
    assert [told(bench).information for _ in range(2)] == [16, 24]
    bench.good(TUR)


def test_in_descriptor_format(bench: Bench) -> None:
    control = bytearray(parse_mode10(bench.good(sense10(0x0A))).pages[0])
    control[2] |= 4
    bench.good(*write(0, 2 * MIB))
    bench.good(*select(bytes(control), recovery(), thresholds(used=1)))
    sense = told(bench)
    assert (sense.sense_key, sense.asc, sense.ascq, sense.information) == (*REACHED, 24)


def test_what_was_reached_before_it_was_asked_for(bench: Bench, pool: Pool) -> None:
    bench.good(*write(0, 2 * MIB))
    bench.good(*select(thresholds(used=1)))
    bench.good(TUR)
    bench.good(*select(recovery()))
    assert told(bench).information == 24
    bench.good(*select(thresholds(used=1)))
    bench.good(TUR)
    bench.good(*select(recovery(False)))
    bench.good(*select(recovery()))
    assert told(bench).information == 24, "it was off in between"
    bench.good(*select(thresholds(used=0)))
    assert told(bench).information == 24, "it is another one"
    looked = pool.looked
    bench.good(*select(recovery(False)))
    bench.good(*write(0))
    assert pool.looked == looked


def test_one_initiator_is_told(bench: Bench) -> None:
    """SITUA: whose command comes next, of those that can tell it."""
    others = [bench.login() for _ in range(2)]
    bench.good(*write(0, 2 * MIB))
    bench.good(*select(recovery(), thresholds(used=1, situa=True)))
    assert [bench(TUR, nexus=others[0]).code for _ in range(2)] == [CHANGED, REACHED]
    assert bench(TUR, nexus=others[1]).code == CHANGED
    for each in bench.nexus, *others:
        bench.good(TUR, nexus=each)
    # Anew, where nothing else is to be told.
    bench.good(*select(recovery(False)))
    bench.good(*select(recovery()))
    assert [bench.unit.plain(each) for each in (bench.nexus, *others)] == [False] * 3
    bench.good(cdb.Inquiry.build(allocation_length=36), nexus=others[1])
    bench.good(bytes.fromhex("a00000000000000000100000"), nexus=others[1])
    for each in others:
        bench.unit.forget(each, 0x2A, 1)
    sense = parse_sense(bench.good(SENSE, nexus=others[1]))
    assert (sense.sense_key, sense.asc, sense.ascq, sense.information) == (*REACHED, 24)
    for each in bench.nexus, *others:
        bench.good(TUR, nexus=each)
    # Not one that has gone, with a command on its way.
    bench.unit.detach(others[0])
    bench.good(*select(recovery(False)))
    bench.good(*select(recovery()))
    bench.good(TUR, nexus=others[0])
    assert told(bench).information == 24


def test_the_native_lane_leaves_writes_to_the_engine() -> None:
    with Ram(SIZE) as ram, Bench(ThinDisk(ram)) as bench:
        nexus = bench.nexus
        gate = bench.unit.grant(nexus, 0).gate
        only = bytes(LogicalBlockProvisioningPage.build(descriptors=[descriptor(USED, 1)]))
        bench.good(*select(only))
        assert not gate.reasons & WATCHED
        bench.good(*select(recovery()))
        assert gate.reasons == WATCHED
        bench.good(*write(0, 2 * MIB))
        assert told(bench).information == 16
        bench.unit.reset()
        assert not gate.reasons & WATCHED


@pytest.mark.parametrize(
    "command",
    [
        cdb.WriteSame16.build(lba=0, number_of_logical_blocks=2 * MIB // BLOCK),
        cdb.WriteAndVerify10.build(lba=0, transfer_length=2 * MIB // BLOCK),
        cdb.Write16.build(lba=0, transfer_length=2 * MIB // BLOCK),
    ],
    ids=lambda each: each.name,
)
def test_whatever_writes(bench: Bench, command: Any) -> None:
    bench.good(*select(recovery(), thresholds(used=1)))
    length = command.data_length(BLOCK)
    bench.good(command, bytes([1]) * length)
    assert told(bench).information == 24


def test_no_room_at_all() -> None:
    with Pool(room=2 * MIB) as pool, Bench(ThinDisk(pool)) as bench:
        bench.good(*select(recovery(), thresholds(available=1)))
        pool.room = MIB // 4
        assert bench(*write(0, MIB)).code == FULL
        assert told(bench).information == 16
        assert bench(*write(0, MIB)).code == FULL
        bench.good(TUR)


def test_short_writes_are_looked_after_now_and_then(bench: Bench, pool: Pool) -> None:
    bench.good(*select(recovery(), thresholds(used=30)))
    looked = pool.looked
    for i in range(64):
        bench.good(*write(i * 8, 4096))
    assert 4 <= pool.looked - looked <= 16


def test_a_medium_that_cannot_say(bench: Bench, pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> Any:
        raise OSError(errno.EIO, "no answer")

    bench.good(*select(recovery(), thresholds(used=4)))
    pool.space = fails  # type: ignore[method-assign]
    bench.good(*write(0, MIB))
    assert "how much room there is" in caplog.text
    assert bench(cdb.LogSense.build(pc=1, page_code=0x0C, allocation_length=255)).code == (3, 0x11, 0)


def test_a_medium_that_cannot_say_is_not_asked_behind_each_write(bench: Bench, pool: Pool) -> None:
    """Each of them might wait for it."""

    def fails() -> Any:
        pool.looked += 1
        raise OSError(errno.ETIMEDOUT, "no answer")

    bench.good(*select(recovery(), thresholds(used=4)))
    pool.space = fails  # type: ignore[method-assign]
    looked = pool.looked
    for at in range(0, 6 * MIB, PIECE):
        bench.good(*write(at // BLOCK))
    assert 6 <= pool.looked - looked <= 12
    del pool.space
    assert fill(bench, 0, MIB) is not None


def test_a_medium_that_takes_long_to_say() -> None:
    """Two commands wait for it, and the others go on; what they write is looked for as well."""
    pair = Pair(ThinDisk, SIZE)
    client, asked, answers, used = pair.first.client, [], threading.Event(), 0

    def space() -> tuple[int, None]:
        asked.append(used)
        assert answers.wait(PATIENCE)
        return asked[-1], None

    def looking() -> bool:
        pair.first.run()
        return bool(asked)

    def ended(tags: list[int]) -> int:
        return sum(any(raw[8:16] == tag.to_bytes(8, "big") for raw in client.answers) for tag in tags)

    try:
        page = LogicalBlockProvisioningPage.build(descriptors=[descriptor(USED, 100)])
        assert pair.ended(pair.command(pair.first, *select(recovery(), bytes(page)))).status == 0
        pair.medium.space = space  # type: ignore[method-assign]
        pair.turns.open()
        looks = pair.command(pair.first, *write(0, MIB))
        until(looking)
        tags = [pair.command(pair.first, *write(0, MIB)) for _ in range(8)]
        pair.first.settle(lambda: ended(tags) >= 7)
        assert ended([looks]) == 0
        used = 101 * MIB
        answers.set()
        pair.first.settle(lambda: ended([looks, *tags]) == 9)
        assert asked == [0, used]
        assert code(pair.bad(pair.first, TUR)) == REACHED
    finally:
        answers.set()
        pair.close()


def test_a_medium_that_cannot_say_from_the_beginning(caplog: pytest.LogCaptureFixture) -> None:
    class Mute(Ram):
        def space(self) -> Any:
            raise OSError(errno.ENOSYS, "no statfs")

    with Mute(MIB) as ram, Bench(ThinDisk(ram)) as bench:
        assert bench.unit.threshold_exponent == 0
        assert "cannot tell its room, so there are no thresholds: [Errno" in caplog.text


NO_ANSWERS = [5, "ab", (1,), (-1, None), (0, -1), ("a", "b"), (1.5, 2.5), ValueError("it is closed")]


def telling(answer: Any) -> Callable[[], Any]:
    """What gives or raises that."""

    def tell() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return tell


@pytest.mark.parametrize("answer", NO_ANSWERS, ids=repr)
def test_an_answer_that_is_none(
    pool: Pool, bench: Bench, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with Pool() as other:
        other.space = telling(answer)  # type: ignore[method-assign]
        with Bench(ThinDisk(other)) as without:
            assert without(sense10(0x1C, 2)).code == (5, 0x24, 0)
    assert "cannot tell its room" in caplog.text
    bench.good(*select(recovery(), thresholds(available=4)))
    pool.space = telling(answer)  # type: ignore[method-assign]
    bench.good(*write(0, MIB))
    bench.good(TUR)
    assert bench(cdb.LogSense.build(pc=1, page_code=0x0C, allocation_length=255)).code == (4, 0x44, 0)


def test_room_that_is_not_known_any_more_is_no_alarm(bench: Bench, pool: Pool) -> None:
    bench.good(*select(recovery(), thresholds(available=4)))
    for answer, resources in (None, []), ((None, None), []), ((MIB, None), [USED]), ((None, 0), [AVAILABLE]):
        pool.space = telling(answer)  # type: ignore[method-assign]
        assert [one.parameter_code for one in log_page(bench)] == resources
    assert told(bench).information == 16, "of the last answer"
    assert bench(cdb.LogSense.build(pc=1, page_code=0x0C, parameter_pointer=3)).code == (5, 0x24, 0)


def test_reads_fail_as_before(bench: Bench, pool: Pool) -> None:
    """READ(32) shares its operation code with WRITE(32)."""

    def fails(offset: int, view: memoryview) -> None:
        raise OSError(errno.EIO, "no answer")

    bench.good(*select(recovery(), thresholds(used=4)))
    pool.read_into = fails  # type: ignore[method-assign]
    assert bench.tainted(cdb.Read32.build(lba=0, transfer_length=1)).code == (3, 0x11, 0)


def test_where_no_thread_is_free_to_look(bench: Bench, pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    """What has been compared and written is GOOD: who repeated it would find that it differs."""

    class Exhausted:
        def submit(self, *_: Any) -> Any:
            raise RuntimeError("can't start new thread")

    def may_block_from_now_on(offset: int, view: memoryview) -> None:
        Pool.write_from(pool, offset, view)
        pool.blocking = True

    bench.good(*select(recovery(), thresholds(used=4)))
    bench.mover.media.workers = Exhausted()
    pool.write_from = may_block_from_now_on  # type: ignore[method-assign]
    bench.good(cdb.CompareAndWrite.build(lba=0, number_of_logical_blocks=1), bytes(BLOCK) + b"x" * BLOCK)
    assert bytes(pool.memory()[:BLOCK]) == b"x" * BLOCK
    assert "how much room there is" in caplog.text


def test_a_job_that_begins_before_it_has_looked(caplog: pytest.LogCaptureFixture) -> None:
    """FORMAT UNIT waits for a WRITE, and what looks behind that would wait for the formatting: it has been done all the same."""
    pair = Pair(ThinDisk, SIZE)
    try:
        page = LogicalBlockProvisioningPage.build(descriptors=[descriptor(USED, 100)])
        assert pair.ended(pair.command(pair.first, *select(recovery(), bytes(page)))).status == 0
        assert (pair.bad(pair.other, TUR).asc, len(pair.unit.claims.queue)) == (0x2A, 0)
        tag = pair.command(pair.first, *write(0, MIB))
        pair.turns.in_step(0)
        pair.command(pair.other, bytes(cdb.FormatUnit.build()))
        pair.turns.open()
        pair.first.settle(lambda: len(pair.unit.claims.queue) == 2)
        pair.other.run()
        assert pair.ended(tag).status == 0
        pair.other.settle(lambda: pair.unit.job is None)
        assert not caplog.records
    finally:
        pair.close()


def test_after_a_reset(bench: Bench) -> None:
    bench.good(*write(0, 2 * MIB))
    bench.good(*select(recovery(), thresholds(used=1, situa=True)))
    bench.unit.reset()
    assert bench.bad(TUR) == (6, 0x29, 0)
    bench.good(TUR)
    assert not mode_page(bench).descriptors[1].enabled


@pytest.mark.parametrize(
    ("change", "byte", "bit"),
    [
        (lambda page: page[:16] + descriptor(USED, 1) + page[24:], 24, 0),
        (lambda page: page[:16] + descriptor(AVAILABLE, 1, arming=1) + page[24:], 24, 0),
        (lambda page: page[:5] + b"\1" + page[6:], 13, 0),
        (lambda page: page[:3] + b"\x14" + page[4:24], 10, None),
        (lambda page: page[:1] + b"\3" + page[2:], 8, 6),
    ],
)
def test_what_cannot_be_so(
    bench: Bench, change: Callable[[bytes], bytes], byte: int, bit: int | None
) -> None:
    result = bench(*select(change(thresholds(used=1))))
    assert result.code == (5, 0x26, 0)
    assert result.pointer is not None
    assert result.pointer == (False, byte, bit)


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 31])
def test_a_page_that_is_cut_off(bench: Bench, cut: int) -> None:
    assert bench(*select(thresholds(used=1)[:cut])).code == (5, 0x1A, 0)


def test_it_is_saved(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "d.saved"
    with SavedFile(path, "u") as store, Bench(ThinDisk(pool, saved=store)) as bench:
        bench.good(*select(recovery(), thresholds(used=4), sp=True))
        assert mode_page(bench).ps
        bench.good(*select(recovery(), thresholds(used=8)))
        bench.unit.reset()
        assert bench.bad(TUR) == (6, 0x29, 0)
        assert mode_page(bench).descriptors[1].threshold_count == 4
    assert '"1c02": "5c02001c' in path.read_text()
    with SavedFile(path, "u") as store, Bench(ThinDisk(pool, saved=store)) as bench:
        assert mode_page(bench, SAVED).descriptors[1].threshold_count == 4
        assert fill(bench, 0, 8 * MIB) == 4 * MIB + MIB // 2 + PIECE
    with SavedFile(path, "u") as store, Bench(Disk(pool, saved=store)) as bench:
        bench.good(TUR)


_names = itertools.count()


@pytest.mark.parametrize("kind", [File, FileMedium])
def test_served(kind: Any, tmp_path: Path) -> None:
    """Through a session, on the native lane until somebody wants to be told."""
    url, lun = f"local:thresholds{next(_names)}", scst_pack(0, "LUN")
    with (
        closing(kind(tmp_path / "disk", SIZE)) as medium,
        Server(url, LunMap([(0, ThinDisk(medium, "thin"))])),
        Session(url) as session,
    ):

        def run(command: Any, data: bytes | None = None, room: int = 0) -> Any:
            return session.execute(lun, command, data_out=data, data_in_length=room)

        def page() -> tuple[int, int]:
            told = run(cdb.LogSense.build(pc=1, page_code=0x0C, allocation_length=255), room=255)
            return tuple(one.number >> 32 for one in parse_log_page(told.data).parameters)  # type: ignore[return-value]

        def settle() -> None:
            while session.execute(lun, cdb.TestUnitReady.build(), check=False).status:
                pass

        def fill() -> None:
            for at in range(0, SIZE, PIECE):
                run(*write(at // BLOCK))

        settle()
        available, used = page()
        assert used <= 1
        assert available > 0
        run(*select(recovery(), thresholds(used=used + 2)))
        with pytest.raises(CheckCondition) as caught:
            fill()
        sense = parse_sense(caught.value.sense)
        assert (sense.sense_key, sense.asc, sense.ascq, sense.information) == (*REACHED, 24)
        assert page()[1] >= used + 2
        settle()
        run(*write(0))


def test_the_program_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/thin-disks.md sets a threshold without sdparm, fills the disk, and is told."""
    page = Path(__file__).parents[2] / "docs/thin-disks.md"
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    (tmp_path / "disk").write_bytes(b"")
    os.truncate(tmp_path / "disk", SIZE)
    luns = LunMap([(256, ThinDisk(File(tmp_path / "disk"), "thin"))])
    with Server("local:thin-disks-page", luns) as server:
        exec(compile(program, page.name, "exec"), {"url": server.url})
        said = capsys.readouterr().out
        assert re.fullmatch(r"before MiB [56]: .*Thin provisioning soft threshold reached.*\n", said), said
