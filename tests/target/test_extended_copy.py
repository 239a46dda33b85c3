"""EXTENDED COPY (SPC-4, 6.4, LID1) between two LUNs as one generator, disturbed in every step."""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest

from pysrp.backends import Ram
from pysrp.scsi import cdb
from pysrp.scsi.codes import SenseKey
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.effects import GOOD, Effect, Fetch, Read, Write
from pysrp.target.fault import Fault
from pysrp.target.lunmap import LunMap
from pysrp.target.task import Task
from pysrp.target.units.codes import SenseCode, invalid, short, unfit
from pysrp.target.units.commands import command
from pysrp.target.workers import Pool
from target_rig import BLOCK, MIB, Rig
from turns import Stepped, Turns
from waiting import until

THIRD_PARTY_DEVICE_FAILURE, NOT_REACHABLE = 0x0D01, 0x0D02
UNSUPPORTED_TARGET, UNSUPPORTED_SEGMENT = 0x2607, 0x2609
STEPS = 4
"""Two segments, each read and written."""


class Segment(NamedTuple):
    source: Disk
    target: Disk
    start: int
    to: int
    length: int


class Copying(Disk):
    """EXTENDED COPY, block to block (segment descriptor 02h), between units that an EUI-64 names (E4h)."""

    luns: LunMap
    open = 0
    """Copies that are under way."""

    @command(cdb.ExtendedCopyLid1, medium=True)
    def extended_copy(self, task: Task, cdb_: Any) -> Generator[Effect, Any, Effect]:
        length = cdb_.parameter_list_length
        if length > 1 << 16:
            raise invalid(type(cdb_), "parameter_list_length")
        data = bytes((yield Fetch(length)))
        if not length:
            return GOOD
        segments = self.parsed(data, length)
        self.open += 1
        try:
            for segment in segments:
                yield from self.copied(task, segment)
        finally:
            self.open -= 1
        return GOOD

    def copied(self, task: Task, segment: Segment) -> Generator[Effect, Any, None]:
        self.reachable(task, segment)
        try:
            data = yield Read(segment.source.backend, segment.start, segment.length)
            self.reachable(task, segment)
            yield Write(segment.target.backend, segment.to, data)
        except OSError as error:
            raise Fault(SenseKey.COPY_ABORTED, THIRD_PARTY_DEVICE_FAILURE) from error

    def reachable(self, task: Task, segment: Segment) -> None:
        """Asked before each step: the map and what stands in the way of this nexus change meanwhile."""
        for unit in segment.source, segment.target:
            if not self.luns.places(unit) or not unit.plain(task.nexus):
                raise Fault(SenseKey.COPY_ABORTED, NOT_REACHABLE)
        if segment.target.read_only:
            raise Fault(SenseKey.DATA_PROTECT, SenseCode.WRITE_PROTECTED)

    def parsed(self, data: bytes, length: int) -> list[Segment]:
        if len(data) < max(length, 16):
            raise short()
        targets, segments = int.from_bytes(data[2:4], "big"), int.from_bytes(data[8:12], "big")
        if targets % 32 or segments % 28:
            raise unfit(2 if targets % 32 else 8)
        if 16 + targets + segments > len(data):
            raise short()
        units = [self.named(data[at : at + 32]) for at in range(16, 16 + targets, 32)]
        found = []
        for at in range(16 + targets, 16 + targets + segments, 28):
            kind, size, source, target, blocks, lba, to = struct.unpack_from(">BxHHH2xHQQ", data, at)
            if kind != 2 or size != 0x18:
                raise Fault(SenseKey.ILLEGAL_REQUEST, UNSUPPORTED_SEGMENT)
            if max(source, target) >= len(units):
                raise unfit(at + 4)
            one, other = units[source], units[target]
            if lba + blocks > one.blocks or to + blocks > other.blocks or one.block_size != other.block_size:
                raise unfit(at + 10)
            found.append(
                Segment(one, other, lba * one.block_size, to * one.block_size, blocks * one.block_size)
            )
        return found

    def named(self, descriptor: bytes) -> Disk:
        wanted = descriptor[8 : 8 + descriptor[7]]
        for export in self.luns:
            unit: Any = export.unit
            if descriptor[0] == 0xE4 and any(
                each.designator_type == 2 and bytes(each.designator) == wanted
                for each in unit.identity.designators()
            ):
                return unit  # type: ignore[no-any-return]
        raise Fault(SenseKey.ILLEGAL_REQUEST, UNSUPPORTED_TARGET)


def eui64(unit: Disk) -> bytes:
    return next(bytes(each.designator) for each in unit.identity.designators() if each.designator_type == 2)


def parameters(units: list[Disk], *segments: tuple[int, int, int, int, int]) -> bytes:
    """A list: segments are source, target, blocks, LBA there, LBA here."""
    targets = b"".join(struct.pack(">BBHBBxB20s4x", 0xE4, 0, 0, 1, 2, 8, eui64(unit)) for unit in units)
    told = b"".join(struct.pack(">BBHHH2xHQQ", 2, 0, 0x18, *segment) for segment in segments)
    return struct.pack(">BBH4xII", 0, 0, len(targets), len(told), 0) + targets + told


class Copies:
    """A disk that copies (LUN 0), one to copy from (1), one to copy to (2), and a client."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.source = Stepped(MIB, self.turns)
        self.target = Stepped(MIB, self.turns)
        self.source.memory()[: 4 * BLOCK] = b"".join(bytes([65 + n]) * BLOCK for n in range(4))
        self.manager = Copying(Ram(MIB), "manager")
        self.units = [Disk(self.source, "source"), Disk(self.target, "target")]
        self.luns = LunMap([(0, self.manager), *enumerate(self.units, 1)])
        self.manager.luns = self.luns
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
    assert copies.manager.open == 0
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
def test_an_error_in_a_step(copies: Copies, step: int) -> None:
    copies.turns.fail = step
    copies.turns.open()
    assert copies.bad(copies.copy()) == (0xA, 0x0D, 1)
    assert copies.manager.open == 0
    assert copies.copied() == step // 2


@pytest.mark.parametrize("lun", [1, 2])
@pytest.mark.parametrize("step", range(STEPS))
def test_a_unit_that_is_replaced_meanwhile(copies: Copies, lun: int, step: int) -> None:
    """What is under way runs on; the step after it finds the unit gone."""
    tag = copies.copy()
    copies.in_step(step)
    new = Ram(MIB)
    copies.luns.replace(lun, Disk(new, "new"))
    copies.turns.open()
    if step == STEPS - 1:
        assert copies.ended(tag).status == 0
    else:
        assert copies.bad(tag) == (0xA, 0x0D, 2)
    assert copies.copied() == (step + 1) // 2
    assert bytes(new.memory()) == bytes(MIB)


@pytest.mark.parametrize("step", range(STEPS))
def test_a_target_that_somebody_reserves_or_resets_meanwhile(copies: Copies, step: int) -> None:
    tag = copies.copy()
    copies.in_step(step)
    if step % 2:
        reserved = copies.other.client.cmd(2, "160000000000")
        copies.other.run()
        assert copies.other.client.answer(reserved).status == 0
    else:
        copies.units[1].reset()
    copies.turns.open()
    if step == STEPS - 1:
        assert copies.ended(tag).status == 0
    else:
        assert copies.bad(tag) == (0xA, 0x0D, 2)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({0: b"\0" * 15}, (5, 0x1A, 0)),
        ({2: b"\0\x21"}, (5, 0x26, 0)),
        ({8: b"\0\0\0\x01"}, (5, 0x26, 0)),
        ({8: b"\0\0\0\x54"}, (5, 0x1A, 0)),
        ({16: b"\xe0"}, (5, 0x26, 7)),
        ({24: b"12345678"}, (5, 0x26, 7)),
        ({80: b"\x0b"}, (5, 0x26, 9)),
        ({84: b"\0\x02"}, (5, 0x26, 0)),
        ({90: b"\xff\xff"}, (5, 0x26, 0)),
    ],
)
def test_bad_lists(copies: Copies, change: dict[int, bytes], wanted: tuple[int, int, int]) -> None:
    data = parameters(copies.units, (0, 1, 2, 0, 8), (0, 1, 1, 3, 16))
    for at, new in change.items():
        data = new if at == 0 else data[:at] + new + data[at + len(new) :]
    assert copies.bad(copies.begin(data)) == wanted


def test_a_list_that_cannot_be_fetched(copies: Copies) -> None:
    raw = bytes(cdb.ExtendedCopyLid1.build(parameter_list_length=32))
    assert copies.bad(copies.rig.client.cmd(0, raw, data_out=(1 << 40, 32))) == (0xB, 0x4B, 0)
