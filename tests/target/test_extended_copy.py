"""EXTENDED COPY(LID1) and RECEIVE COPY RESULTS (SPC-4, 6.5, 6.22, 6.23, 6.25), between LUNs, disturbed in every step."""

from __future__ import annotations

import gc
import struct
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.scsi import cdb, params
from pysrp.scsi.codes import PeripheralDeviceType
from pysrp.scsi.inquiry import Inquiry, ThirdPartyCopy
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.target.units.blocks import BlockUnit
from pysrp.target.units.identity import UnitIdentity
from pysrp.target.workers import Pool
from target_rig import BLOCK, MIB, Rig, Spotted
from turns import Stepped, Turns
from unit_bench import Bench
from waiting import until

STEPS = 4
"""Two segments, each read and written."""


def eui64(unit: Disk) -> bytes:
    return next(bytes(each.designator) for each in unit.identity.designators() if each.designator_type == 2)


def cscd(unit: Disk) -> bytes:
    """An identification descriptor (E4h) with the EUI-64 of a disk (SPC-4, 6.4.5.3)."""
    return struct.pack(
        ">BBHBBxB20sB3s", 0xE4, 0, 0, 1, 2, 8, eui64(unit), 0, unit.block_size.to_bytes(3, "big")
    )


def parameters(
    units: list[Disk],
    *segments: tuple[int, int, int, int, int],
    name: int = 0,
    usage: int = 0,
    flags: int = 0,
) -> bytes:
    """A list: segments are source, target, blocks, LBA there, LBA here; their flags DC (2) and CAT (1)."""
    targets = b"".join(map(cscd, units))
    told = b"".join(struct.pack(">BBHHH2xHQQ", 2, flags, 0x18, *segment) for segment in segments)
    return struct.pack(">BBH4xII", name, usage << 3, len(targets), len(told), 0) + targets + told


class Copies:
    """A disk that copies (LUN 0), one to copy from (1), one to copy to (2), and a client."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.source = Stepped(MIB, self.turns)
        self.target = Stepped(MIB, self.turns)
        self.source.memory()[: 4 * BLOCK] = b"".join(bytes([65 + n]) * BLOCK for n in range(4))
        self.manager = Disk(Ram(MIB), "manager")
        self.units = [ThinDisk(self.source, "source"), ThinDisk(self.target, "target")]
        self.luns = LunMap([(0, self.manager), *enumerate(self.units, 1)])
        self.pool = Pool()
        self.rig, self.other = (Rig(self.luns, workers=self.pool) for _ in range(2))
        for rig in self.rig, self.other:
            rig.login()
            rig.attended()

    def close(self) -> None:
        self.turns.open()
        assert self.pool.drain(timeout=60)
        self.rig.close()
        self.other.close()

    def begin(self, data: bytes) -> int:
        client = self.rig.client
        client.poke(data)
        raw = bytes(cdb.ExtendedCopyLid1.build(parameter_list_length=len(data)))
        tag = client.cmd(0, raw, data_out=(client.data(), len(data)))
        self.rig.run()
        return tag

    def copy(self) -> int:
        """Two blocks to 8, another to 16."""
        return self.begin(parameters(self.units, (0, 1, 2, 0, 8), (0, 1, 1, 3, 16)))

    def in_step(self, number: int) -> None:
        """Let calls through until the one of this number has begun."""
        for wanted in range(number + 1):
            until(partial(self.begun, wanted))
            if wanted < number:
                self.turns.turn.release()

    def begun(self, number: int) -> bool:
        self.rig.run()
        return self.turns.count > number

    def ended(self, tag: int) -> Any:
        self.rig.settle(lambda: bool(self.rig.client.answers))
        return self.rig.client.answer(tag)

    def bad(self, tag: int) -> tuple[int, int, int]:
        answer = self.ended(tag)
        assert answer.status == 2
        sense = parse_sense(bytes(answer.sense))
        return sense.sense_key, sense.asc, sense.ascq

    def copied(self) -> int:
        """How many segments have reached the target; nothing else has."""
        held = bytes(self.target.memory())
        first, second = b"A" * BLOCK + b"B" * BLOCK, b"D" * BLOCK
        wanted = bytearray(MIB)
        count = 0
        for at, data in (8, first), (16, second):
            if held[at * BLOCK : at * BLOCK + len(data)] == data:
                wanted[at * BLOCK : at * BLOCK + len(data)] = data
                count += 1
        assert held == bytes(wanted)
        return count


@pytest.fixture
def copies() -> Iterator[Copies]:
    copies = Copies()
    yield copies
    copies.close()


def test_blocks_are_copied(copies: Copies) -> None:
    copies.turns.open()
    assert copies.ended(copies.copy()).status == 0
    assert copies.copied() == 2
    assert copies.ended(copies.begin(b"")).status == 0


@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize(
    "function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.LUN_RESET], ids=str
)
def test_an_abort_in_a_step_ends_it_there(copies: Copies, function: int, step: int) -> None:
    """The step itself runs on; no other follows, and there is no answer."""
    tag = copies.copy()
    copies.in_step(step)
    managed = copies.rig.client.manage(0, function, tag)
    for rig in copies.rig, copies.other, copies.rig:
        rig.run()
    assert bytes(copies.rig.client.answer(managed).resp_data) == bytes(4)
    copies.turns.open()
    assert copies.pool.drain(timeout=60)
    copies.rig.run()
    assert not copies.rig.client.answers
    assert copies.turns.count == step + 1
    assert copies.copied() == (step + 1) // 2


@pytest.mark.parametrize("step", range(STEPS))
def test_a_reset_by_another_nexus_ends_it_there(copies: Copies, step: int) -> None:
    tag = copies.copy()
    copies.in_step(step)
    copies.other.client.manage(0, TskMgmtFunc.LUN_RESET)
    copies.other.run()
    copies.rig.run()
    assert copies.rig.client.answer(tag).status == 0x40
    copies.turns.open()
    assert copies.pool.drain(timeout=60)
    assert copies.copied() == (step + 1) // 2


@pytest.mark.parametrize("step", range(STEPS))
@pytest.mark.parametrize("lun", [1, 2])
def test_a_reset_of_a_unit_that_it_is_at_ends_it_there(copies: Copies, lun: int, step: int) -> None:
    """The initiator's own reset, too, of a unit that it has not given the command to: that is answered TASK ABORTED."""
    tag = copies.copy()
    copies.in_step(step)
    managed = copies.rig.client.manage(lun, TskMgmtFunc.LUN_RESET)
    copies.rig.run()
    copies.turns.open()
    assert copies.pool.drain(timeout=60)
    for rig in copies.rig, copies.other, copies.rig:
        rig.run()
    assert bytes(copies.rig.client.answer(managed).resp_data) == bytes(4)
    assert copies.rig.client.answer(tag).status == 0x40
    assert copies.turns.count == step + 1
    assert copies.copied() == (step + 1) // 2


@pytest.mark.parametrize("function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET])
def test_no_abort_at_another_unit_ends_it(copies: Copies, function: int) -> None:
    tag = copies.copy()
    copies.in_step(1)
    managed = copies.rig.client.manage(2, function, tag)
    copies.rig.run()
    assert bytes(copies.rig.client.answer(managed).resp_data) == bytes(4)
    copies.turns.open()
    assert copies.ended(tag).status == 0


def pr_out(action: int, key: int, new: int, kind: int = 0) -> tuple[bytes, bytes]:
    return struct.pack(">BBB2xIx", 0x5F, action, kind, 24), struct.pack(">QQ8x", key, new)


@pytest.mark.parametrize("step", range(STEPS))
def test_who_is_preempted_and_aborted_copies_no_further(copies: Copies, step: int) -> None:
    """When PREEMPT AND ABORT is GOOD, nothing more of the other nexus reaches the unit (SPC-5, 5.14.11.2.6)."""

    def reserve(rig: Rig, cdb: bytes, data: bytes) -> int:
        rig.client.poke(data, 4096)
        return rig.client.cmd(2, cdb, data_out=(rig.client.data(4096), len(data)))

    for rig, key in (copies.rig, 1), (copies.other, 2):
        tag = reserve(rig, *pr_out(0, 0, key))
        rig.run()
        assert rig.client.answer(tag).status == 0
    copying = copies.copy()
    copies.in_step(step)
    tag = reserve(copies.other, *pr_out(5, 2, 1, 5))
    copies.other.run()
    copies.rig.run()
    assert not copies.other.client.answers or step % 2 == 0
    copies.turns.open()
    assert copies.pool.drain(timeout=60)
    for rig in copies.rig, copies.other, copies.rig:
        rig.run()
    assert copies.other.client.answer(tag).status == 0
    assert copies.rig.client.answer(copying).status == 0x40
    assert copies.copied() == (step + 1) // 2


@pytest.mark.parametrize("step", range(STEPS))
def test_an_error_in_a_step(copies: Copies, step: int) -> None:
    """COMMAND-SPECIFIC INFORMATION has the number of the segment (SPC-4, 5.17.7.4)."""
    copies.turns.fail = step
    copies.turns.open()
    answer = copies.ended(copies.copy())
    sense = parse_sense(bytes(answer.sense))
    assert (sense.sense_key, sense.asc, sense.ascq) == (0xA, 0x0D, 1)
    assert sense.command_specific_information == step // 2
    assert copies.copied() == step // 2
    disk = copies.units[step % 2]
    errors = [disk.log_pages()[page]()[0].number for page in (2, 3)]
    assert errors == [step % 2, 1 - step % 2], "it is the medium's error"


@pytest.mark.parametrize("lun", [1, 2])
@pytest.mark.parametrize("step", range(STEPS))
def test_a_unit_that_is_replaced_meanwhile(copies: Copies, lun: int, step: int) -> None:
    """What is under way runs on; the next step at that unit finds it gone. Until then somebody is at its medium."""
    tag = copies.copy()
    copies.in_step(step)
    new = Ram(MIB)
    copies.luns.replace(lun, Disk(new, "new"))
    idle: list[bool] = []
    assert copies.rig.target.session
    copies.rig.target.session.when_idle(copies.units[lun - 1], lambda: idle.append(True))
    assert not idle
    copies.turns.open()
    left = [later for later in range(step + 1, STEPS) if later % 2 == lun - 1 or later == 2]
    if not left:
        assert copies.ended(tag).status == 0
    else:
        assert copies.bad(tag) == (0xA, 0x0D, 2)
    assert idle
    assert copies.copied() == min([*left, STEPS]) // 2
    assert bytes(new.memory()) == bytes(MIB)


@pytest.mark.parametrize("step", range(STEPS))
def test_a_target_that_somebody_reserves_meanwhile(copies: Copies, step: int) -> None:
    tag = copies.copy()
    copies.in_step(step)
    reserved = copies.other.client.cmd(2, "160000000000")
    copies.other.run()
    assert copies.other.client.answer(reserved).status == 0
    copies.turns.open()
    if step == STEPS - 1:
        assert copies.ended(tag).status == 0
    else:
        assert copies.bad(tag) == (0xA, 0x0D, 1)
    assert copies.copied() == (step + 1) // 2


def test_a_unit_attention_is_for_the_initiator(copies: Copies) -> None:
    copies.units[0].attention(0x2A, 1)
    copies.turns.open()
    assert copies.ended(copies.copy()).status == 0
    assert copies.units[0].attentions(copies.rig.target.session.nexus) == [0x2A01]  # type: ignore[union-attr]


def test_compare_and_write_waits_for_what_is_being_written(copies: Copies) -> None:
    """It is alone with its block: the copy is there first (SBC-4, 5.3)."""
    tag = copies.copy()
    copies.in_step(1)
    client = copies.other.client
    client.poke(b"A" * BLOCK + b"Z" * BLOCK)
    swap = client.cmd(2, struct.pack(">BBQ3xBxx", 0x89, 0, 8, 1), data_out=(client.data(), 2 * BLOCK))
    copies.other.run()
    count = copies.turns.count
    copies.other.run()
    assert copies.turns.count == count == 2, "it has not looked yet"
    copies.turns.open()
    assert copies.ended(tag).status == 0
    copies.other.settle(lambda: bool(client.answers))
    assert client.answer(swap).status == 0
    assert bytes(copies.target.memory()[8 * BLOCK : 9 * BLOCK]) == b"Z" * BLOCK


def test_a_list_that_cannot_be_fetched(copies: Copies) -> None:
    raw = bytes(cdb.ExtendedCopyLid1.build(parameter_list_length=32))
    assert copies.bad(copies.rig.client.cmd(0, raw, data_out=(1 << 40, 32))) == (0xB, 0x4B, 0)


def test_what_is_under_way_is_told(copies: Copies) -> None:
    """And a list identifier that is in use is not used again (SPC-4, 6.4.3.2)."""
    data = parameters(copies.units, (0, 1, 2, 0, 8), (0, 1, 1, 3, 16), name=7)
    tag = copies.begin(data)
    copies.in_step(3)

    def status() -> tuple[int, ...]:
        client = copies.rig.client
        raw = bytes(cdb.ReceiveCopyStatusLid1.build(list_identifier=7, allocation_length=99))
        asked = client.cmd(0, raw, data_in=(client.data(8192), 99))
        copies.rig.run()
        answer = client.answer(asked)
        assert answer.status == 0
        assert answer.data_in_res_cnt == 99 - 12
        return struct.unpack(">IBHBI", client.peek(12, 8192))

    assert status() == (8, 0, 1, 0, 2 * BLOCK)
    assert copies.bad(copies.begin(data)) == (5, 0, 0x16)
    copies.turns.open()
    assert copies.ended(tag).status == 0
    assert status() == (8, 1, 2, 0, 3 * BLOCK)


# Without another thread.


class Alone:
    """Three disks of one target: 512, 512 and 4096 bytes a block, the last blocks of the first are bad."""

    def __init__(self) -> None:
        self.rams = [Spotted(MIB, {MIB - BLOCK}), Ram(MIB), Ram(MIB)]
        for number, ram in enumerate(self.rams):
            ram.memory()[: MIB // 2] = bytes([65 + number]) * (MIB // 2)
        sizes = 512, 512, 4096
        self.disks = [
            Disk(ram, f"disk{n}", block_size=size)
            for n, (ram, size) in enumerate(zip(self.rams, sizes, strict=True))
        ]
        self.luns = LunMap(enumerate(self.disks))
        self.bench = Bench(self.disks[0])
        self.read_only: set[int] = set()
        self.bench.nexus.reaches = lambda: list(self.luns)
        for disk in self.disks:
            disk.attach(self.bench.nexus)

    def copy(self, data: bytes, **options: Any) -> Any:
        raw = cdb.ExtendedCopyLid1.build(parameter_list_length=len(data))
        return self.bench(raw, data, **options)

    def good(self, *segments: tuple[int, int, int, int, int], **options: int) -> None:
        result = self.copy(parameters(self.disks, *segments, **options))
        assert (result.status, result.sense) == (0, b"")

    def bad(self, *segments: tuple[int, int, int, int, int], **options: int) -> tuple[Any, ...]:
        """Key, ASC, ASCQ, number of the segment, byte in it."""
        result = self.copy(parameters(self.disks, *segments, **options))
        sense = parse_sense(result.sense)
        found = sense.sks
        if found is not None:
            assert found.sd
        at = found and found.field_pointer
        return *result.code, sense.command_specific_information, at

    def held(self, name: int, nexus: Any = None) -> Any:
        return self.bench(
            cdb.ReceiveCopyStatusLid1.build(list_identifier=name, allocation_length=12), nexus=nexus
        )


@pytest.fixture
def alone() -> Iterator[Alone]:
    alone = Alone()
    yield alone
    alone.bench.close()


def test_what_is_said_of_it(alone: Alone) -> None:
    bench = alone.bench
    assert Inquiry(bench.good("120000006000")).third_party_copy
    page = ThirdPartyCopy(bench.good("12018f00ff00"))
    assert page.problems() == []
    found = {one.descriptor_type: bytes(one.parameters) for one in page.descriptors}
    assert found[0x0001] == bytes.fromhex("08 83 01 00 84 03 00 03 04 000000")
    assert found[0x0004] == struct.pack(">4xHHII12x", 16, 64, 16 * 32 + 64 * 28, 0)
    assert found[0x0008] == bytes.fromhex("02 02 e4 00")
    assert found[0x000C] == bytes(4)
    assert found[0x8001] == struct.pack(">IIIBB18x", 65535, 255, 65535 * 4096, 9, 0)
    data = bench.good(cdb.ReceiveCopyOperatingParameters.build(allocation_length=1000))
    assert data == struct.pack(
        ">IB3xHHIIIII2xHBBBB3xB2s", 42, 1, 16, 64, 16 * 32 + 64 * 28, 65535 * 4096, 0, 0, 0, 65535, 255, 9, 0, 0, 2,
        b"\x02\xe4",
    )  # fmt: skip
    assert params.CopyOperatingParameters(data).problems() == []


def test_from_a_disk_to_itself(alone: Alone) -> None:
    alone.good((0, 0, 8, 0, 1100))
    assert bytes(alone.rams[0].memory()[1100 * BLOCK : 1109 * BLOCK]) == b"A" * 8 * BLOCK + bytes(BLOCK)


def test_many_pieces_of_a_segment() -> None:
    with Ram(3 * MIB) as one, Ram(3 * MIB) as other:
        one.memory()[:] = bytes(range(256)) * (3 * MIB // 256)
        disks = [Disk(one, "one"), Disk(other, "other")]
        with Bench(disks[0]) as bench:
            bench.nexus.reaches = lambda: list(LunMap(enumerate(disks)))
            data = parameters(disks, (0, 1, 5000, 1, 0))
            bench.good(cdb.ExtendedCopyLid1.build(parameter_list_length=len(data)), data)
        assert other.memory()[: 5000 * BLOCK] == one.memory()[BLOCK : 5001 * BLOCK]


def test_a_nexus_that_has_left_is_not_held(alone: Alone) -> None:
    """Its unit was taken away from it while its command was on the way."""
    nexus = alone.bench.login()
    nexus.reaches = lambda: list(alone.luns)
    alone.disks[0].detach(nexus)
    data = parameters(alone.disks, (0, 2, 8, 0, 0))
    assert alone.copy(data, nexus=nexus).status == 0
    held = weakref.ref(nexus.reaches)
    del nexus
    gc.collect()
    assert held() is None


@pytest.mark.parametrize(
    ("segment", "flags", "length"),
    [
        ((0, 2, 16, 0, 200), 0, 8192),
        ((0, 2, 2, 0, 200), 2, 8192),
        ((2, 0, 2, 0, 1600), 0, 8192),
        ((2, 0, 16, 0, 1600), 2, 8192),
        ((2, 0, 16, 0, 1600), 3, 8192),
    ],
)
def test_between_blocks_of_other_sizes(alone: Alone, segment: Any, flags: int, length: int) -> None:
    """DC says whose blocks are counted (SPC-4, 6.4.6.3); where they come out even there is nothing to concatenate."""
    alone.good(segment, flags=flags)
    source, target = alone.rams[segment[0]], alone.rams[segment[1]]
    at = segment[4] * alone.disks[segment[1]].block_size
    assert target.memory()[at : at + length] == source.memory()[:length]
    assert bytes(target.memory()[at + length : at + length + BLOCK]) == bytes(BLOCK)


@pytest.mark.parametrize(
    ("segment", "code", "at"),
    [
        ((0, 2, 15, 0, 0), 0x260A, 10),
        ((9, 1, 1, 0, 0), 0x0D02, 4),
        ((0, 0xFFFF, 1, 0, 0), 0x0D02, 6),
        ((0, 1, 2, 2047, 0), 0x0D02, 12),
        ((0, 1, 2, 0, 2047), 0x0D02, 20),
        ((0, 1, 1, 1 << 63, 0), 0x0D02, 12),
        ((0, 2, 8, 0, 256), 0x0D02, 20),
        ((0, 1, 1, 2047, 0), 0x0D01, None),
    ],
)
def test_segments_that_cannot_be(alone: Alone, segment: Any, code: int, at: int | None) -> None:
    """The segments before one are done (SPC-4, 5.17.7.4)."""
    assert alone.bad((0, 1, 8, 0, 1200), segment, (0, 1, 8, 0, 1300)) == (0xA, code >> 8, code & 0xFF, 1, at)
    assert bytes(alone.rams[1].memory()[1200 * BLOCK : 1208 * BLOCK]) == b"A" * 8 * BLOCK
    assert bytes(alone.rams[1].memory()[1300 * BLOCK : 1308 * BLOCK]) == bytes(8 * BLOCK)


def stopped(alone: Alone) -> None:
    alone.disks[1]._not_ready = 0x0402  # type: ignore[assignment]


def shown_read_only(alone: Alone) -> None:
    alone.luns.replace(1, alone.disks[1], read_only=True)


def reserved(alone: Alone) -> None:
    alone.disks[1]._reservation.holder = alone.bench.login("who holds it")


def taken_away(alone: Alone) -> None:
    alone.luns.remove(1)


def another_of_that_name(alone: Alone) -> None:
    alone.luns.add(7, Disk(Ram(MIB), "disk1", identity=alone.disks[1].identity))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (stopped, 0x0D01),
        (shown_read_only, 0x0D01),
        (reserved, 0x0D01),
        (taken_away, 0x0D02),
        (another_of_that_name, 0x0D02),
    ],
)
def test_targets_that_cannot_be(alone: Alone, change: Callable[[Alone], None], code: int) -> None:
    change(alone)
    assert alone.bad((0, 1, 8, 0, 1200))[:3] == (0xA, code >> 8, code & 0xFF)
    assert bytes(alone.rams[1].memory()[1200 * BLOCK :]) == bytes(MIB - 1200 * BLOCK)


class Bare(BlockUnit):
    """Blocks, and none of a disk's commands."""

    device_type = PeripheralDeviceType.DIRECT_ACCESS_BLOCK


def test_a_unit_that_cannot_write(alone: Alone) -> None:
    """What would not be let write by itself is not written to by another (SPC-4, 5.17.7.4)."""
    disk = alone.disks[1]
    alone.luns.replace(1, Bare(disk.backend, "bare", identity=disk.identity))
    assert alone.bad((0, 1, 8, 0, 1200))[:3] == (0xA, 0x0D, 0x01)
    assert bytes(alone.rams[1].memory()[1200 * BLOCK :]) == bytes(MIB - 1200 * BLOCK)


def test_shown_once_more_and_writable(alone: Alone) -> None:
    shown_read_only(alone)
    alone.luns.add(5, alone.disks[1])
    alone.good((0, 1, 8, 0, 1200))


@pytest.mark.parametrize("wanted", ["vendor", "naa"])
def test_other_names_of_a_unit(alone: Alone, wanted: str) -> None:
    disk = alone.disks[1]
    disk.identity = UnitIdentity.named("d", naa=bytes.fromhex("3000000000000042"), vendor_specific_id="no 1")
    name = (2, 1, b"IBM     no 1") if wanted == "vendor" else (1, 3, bytes.fromhex("3000000000000042"))
    code_set, kind, text = name
    own = struct.pack(">BBHBBxB20sB3s", 0xE4, 0, 0, code_set, kind, len(text), text, 0, b"\0\x02\0")
    data = parameters([alone.disks[0]] * 2, (0, 1, 8, 0, 1200))
    assert alone.copy(data[:48] + own + data[80:]).status == 0
    assert bytes(alone.rams[1].memory()[1200 * BLOCK : 1208 * BLOCK]) == b"A" * 8 * BLOCK
    port = own[:5] + bytes((0x10 | kind,)) + own[6:]
    assert alone.copy(data[:48] + port + data[80:]).code == (0xA, 0x0D, 2), "that is the name of a port"


@pytest.mark.parametrize(("at", "new"), [(17, b"\x05"), (29 + 16, b"\0\x10\0")])
def test_a_device_that_is_not_what_is_said(alone: Alone, at: int, new: bytes) -> None:
    data = parameters(alone.disks, (0, 1, 8, 0, 1200))
    assert alone.copy(data[:at] + new + data[at + len(new) :]).code == (0xA, 0x0D, 3)


@pytest.mark.parametrize(
    ("change", "code", "at"),
    [
        ({0: b"\0" * 15}, 0x1A00, None),
        ({1: b"\x08"}, 0x2600, 1),
        ({0: b"\x07\x18"}, 0x2600, 0),
        ({2: b"\0\x21"}, 0x2600, 2),
        ({2: b"\x02\x20"}, 0x2606, 2),
        ({8: b"\0\0\0\x54"}, 0x1A00, None),
        ({8: b"\0\0\0\x01"}, 0x1A00, None),
        ({8: b"\0\0\x07\x1c"}, 0x2608, 8),
        ({8: b"\0\0\x08\xc4"}, 0x1A00, None),  # more than the list may have
        ({12: b"\0\0\0\x01"}, 0x260B, 12),
        ({16: b"\xe0"}, 0x2607, 16),
        ({16 + 32 + 7: b"\x15"}, 0x2600, 16 + 32 + 7),
        ({80: b"\x0b"}, 0x2609, 80),
        ({82: b"\0\x19"}, 0x2600, 82),
    ],
)
def test_bad_lists(alone: Alone, change: dict[int, bytes], code: int, at: int | None) -> None:
    data = parameters(alone.disks[:2], (0, 1, 2, 0, 1200), (0, 1, 1, 3, 1208))
    for where, new in change.items():
        data = new if not any(new) and not where else data[:where] + new + data[where + len(new) :]
    result = alone.copy(data)
    assert result.code == (5, code >> 8, code & 0xFF)
    assert result.pointer == (None if at is None else (False, at, {1: 4}.get(at)))
    assert bytes(alone.rams[1].memory()[1200 * BLOCK : 1209 * BLOCK]) == bytes(9 * BLOCK)


def test_no_list_and_no_segments(alone: Alone) -> None:
    assert alone.copy(b"").status == 0
    alone.good()
    raw = cdb.ExtendedCopyLid1.build(parameter_list_length=1 << 20)
    assert alone.bench(raw).pointer == (True, 10, None)
    raw = cdb.ExtendedCopyLid1.build(parameter_list_length=64)
    assert alone.bench(raw, bytes(32)).code == (5, 0x1A, 0)


def test_how_it_ended_is_held(alone: Alone) -> None:
    """For who has begun it, until it has been told, begins another of that name, is lost, or the unit is reset (SPC-4, 6.25)."""
    assert alone.held(3).pointer == (True, 2, None)
    alone.good((0, 1, 8, 0, 1200), name=3)
    other = alone.bench.login()
    assert alone.held(3, other).code == (5, 0x24, 0)
    assert alone.held(3).data == struct.pack(">IBHBI", 8, 1, 1, 0, 4096)
    assert alone.held(3).pointer == (True, 2, None), "once"
    details = cdb.ReceiveCopyFailureDetailsLid1.build(list_identifier=3, allocation_length=1000)
    assert alone.bench.good(details) == bytes(4), "there are none"
    assert alone.bad((0, 1, 8, 0, 1200), (0, 1, 1, 2047, 0), name=3)[:3] == (0xA, 0x0D, 1)
    assert alone.held(3).data == struct.pack(">IBHBI", 8, 2, 1, 0, 4096)
    found = alone.bench.good(details)
    sense = found[60:]
    assert found[:60] == struct.pack(">I52xBxH", 56 + len(sense), 2, len(sense))
    assert sense[:3] == b"\x70\0\x0a"
    assert params.CopyFailureDetails(found).problems() == []
    alone.good((0, 1, 8, 0, 1200), name=3, usage=2)
    assert alone.held(3).code == (5, 0x24, 0), "nothing was to be held"
    alone.good((0, 1, 8, 0, 1200), usage=3)
    assert alone.held(0).code == (5, 0x24, 0)
    for number in range(256):
        alone.good((0, 1, 1, 0, 1200), name=number)
    alone.bench.unit.reset()
    alone.bench.unit.forget(alone.bench.nexus, 0x29, 0)
    assert alone.held(3).code == (5, 0x24, 0)
    alone.good((0, 1, 1, 0, 1200), name=3)
    alone.bench.unit.detach(alone.bench.nexus)
    alone.good((0, 1, 1, 0, 1200), name=4)
    alone.bench.unit.attach(alone.bench.nexus)
    assert [alone.held(number).code for number in (3, 4)] == [(5, 0x24, 0)] * 2


def test_what_was_read_before_a_sanitize_is_not_written_after_it(copies: Copies) -> None:
    """The blocks of a unit that has been sanitized would have in them again what was there."""
    unit = copies.units[0]
    tag = copies.begin(parameters([unit], (0, 0, 1, 0, 8)))
    copies.in_step(0)
    sanitize = copies.other.client.cmd(1, bytes((0x48, 2, *bytes(8))))
    copies.other.run()
    copies.turns.open()

    def over() -> bool:
        copies.rig.run()
        copies.other.run()
        return bool(copies.rig.client.answers and copies.other.client.answers)

    until(over)
    assert copies.other.client.answer(sanitize).status == 0
    assert copies.bad(tag) == (0x0A, 0x0D, 1)
    assert bytes(copies.source.memory()) == bytes(MIB)
