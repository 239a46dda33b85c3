"""A thin disk: UNMAP, WRITE SAME with UNMAP, GET LBA STATUS, what it says of itself, and a model of all that."""

from __future__ import annotations

import errno
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lane_rig import went_short
from media_rig import LateMedium
from pysrp.backends import File, Null, Ram
from pysrp.errors import ConfigError
from pysrp.media.faulty import Faulty
from pysrp.scsi import cdb, inquiry, params
from pysrp.scsi.codes import ProvisioningStatus, ProvisioningType
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.backend_medium import BackendMedium
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Feature, Operation
from pysrp.target.native_medium import NativeMedium
from pysrp.target.units.provisioning import MAX_DESCRIPTORS, MAX_UNMAP
from pysrp.target.workers import Pool
from target_rig import BLOCK, MIB, Rig
from unit_bench import Bench

BAD_FIELD = 5, 0x24, 0
BAD_LIST = 5, 0x26, 0
OUT_OF_RANGE = 5, 0x21, 0
SHORT = 5, 0x1A, 0
PROTECTED = 7, 0x27, 0
BLOCKS = MIB // BLOCK
PAGE = 4096 // BLOCK


def unmap_list(*stretches: tuple[int, int], size: int | None = None) -> bytes:
    """A parameter list, typed from SBC-4, 5.35.2; ``size``: what it says of its descriptors."""
    body = b"".join(struct.pack(">QI4x", lba, blocks) for lba, blocks in stretches)
    length = len(body) if size is None else size
    return struct.pack(">HH4x", (length + 6) & 0xFFFF, length) + body


def unmap(data: bytes, **fields: Any) -> bytes:
    return bytes(cdb.Unmap.build(**{"parameter_list_length": len(data), **fields}))


def status(bench: Bench, lba: int = 0, room: int = 65536) -> list[tuple[int, int, int]]:
    """All descriptors from there on: LBA, blocks, provisioning status."""
    found: list[tuple[int, int, int]] = []
    last = bench.unit.blocks
    while lba < last:
        told = params.GetLbaStatus(bench.good(cdb.GetLbaStatus16.build(lba=lba, allocation_length=room)))
        assert told.descriptors[0].lba == lba
        for one in told.descriptors:
            assert one.lba == lba
            assert one.number_of_logical_blocks > 0
            found.append((lba, one.number_of_logical_blocks, one.provisioning_status))
            lba += one.number_of_logical_blocks
    assert lba == last
    return found


def deallocated(bench: Bench) -> set[int]:
    """The blocks that are."""
    return {
        lba + i
        for lba, blocks, kind in status(bench)
        for i in range(blocks)
        if kind == ProvisioningStatus.DEALLOCATED
    }


@pytest.fixture
def ram() -> Ram:
    ram = Ram(MIB)
    ram.memory()[:] = b"\xff" * MIB
    return ram


@pytest.fixture
def bench(ram: Ram) -> Any:
    with Bench(ThinDisk(ram)) as bench:
        yield bench


def test_what_it_says_of_itself(bench: Bench) -> None:
    def page(number: int) -> bytes:
        return bench.good(cdb.Inquiry.build(evpd=1, page_code=number, allocation_length=255))

    assert 0xB2 in page(0)[4:]
    thin = inquiry.LogicalBlockProvisioning(page(0xB2))
    assert (thin.lbpu, thin.lbpws, thin.lbpws10, thin.lbprz, thin.anc_sup) == (1, 1, 1, 1, 0)
    assert thin.provisioning_type == ProvisioningType.THIN
    limits = inquiry.BlockLimits(page(0xB0))
    assert limits.maximum_unmap_lba_count == MAX_UNMAP // BLOCK
    assert limits.maximum_unmap_block_descriptor_count == MAX_DESCRIPTORS
    assert (limits.optimal_unmap_granularity, limits.ugavalid, limits.unmap_granularity_alignment) == (
        8,
        1,
        0,
    )
    capacity = params.ReadCapacity16(bench.good(cdb.ReadCapacity16.build(allocation_length=32)))
    assert (capacity.lbpme, capacity.lbprz) == (1, 1)


@pytest.mark.parametrize(
    ("pieces", "told"),
    [
        ((4096, 65536, 0), (128, 1, 0)),
        ((4096, 65536, 3584), (128, 1, 7)),
        ((4096, 65536, 65536 + 512), (128, 1, 1)),
        ((4096, 65536, 100), (128, 0, 0)),
        ((512, 3 << 16, 512), (384, 1, 1)),
        ((4096, 4096, 512), (8, 1, 1)),
        ((65536, 4096, 512), (128, 1, 0)),
        ((4096, 0, 512), (8, 1, 0)),
        ((4096, 65537, 0), (8, 1, 0)),
        ((4096, -4096, 512), (8, 1, 0)),
        ((4096, BLOCK << 31, -BLOCK), (1 << 31, 1, (1 << 31) - 1)),
        ((4096, (BLOCK << 31) + BLOCK, 512), (8, 1, 0)),
    ],
)
def test_the_granularity_of_unmap_is_the_mediums(
    pieces: tuple[int, int, int], told: tuple[int, int, int]
) -> None:
    """Multiples of it, and of a physical block: GRANULARITY, UGAVALID and ALIGNMENT (SBC-4, 6.6.4), through media around it too."""
    ram = Ram(MIB)
    ram.physical_block, ram.discard_granularity, ram.discard_alignment = pieces
    for medium in ram, BackendMedium(ram), Faulty(ram), Faulty(BackendMedium(ram)):
        disk = ThinDisk(medium)
        limits = disk.block_limits()
        assert limits.optimal_transfer_length_granularity == pieces[0] // BLOCK
        assert (limits.optimal_unmap_granularity, limits.ugavalid, limits.unmap_granularity_alignment) == told
        limits = Disk(medium).block_limits()
        assert (limits.optimal_unmap_granularity, limits.ugavalid) == (0, 0), "it takes nothing back"


def test_pieces_that_are_no_blocks() -> None:
    ram = Ram(MIB)
    ram.physical_block, ram.discard_granularity = 512, 512
    limits = ThinDisk(ram, block_size=4096).block_limits()
    assert (limits.optimal_transfer_length_granularity, limits.optimal_unmap_granularity) == (1, 1)


def test_a_thick_disk_says_so(ram: Ram) -> None:
    with Bench(Disk(ram)) as bench:
        capacity = params.ReadCapacity16(bench.good(cdb.ReadCapacity16.build(allocation_length=32)))
        assert (capacity.lbpme, capacity.lbprz) == (0, 0)
        assert bench.bad(cdb.Inquiry.build(evpd=1, page_code=0xB2, allocation_length=64)) == BAD_FIELD
        assert bench.bad(unmap(unmap_list((0, 1))), unmap_list((0, 1))) == (5, 0x20, 0)
        refused = bench(cdb.GetLbaStatus16.build(allocation_length=64))
        assert (refused.code, refused.pointer) == (BAD_FIELD, (True, 1, 4))
    opcodes = set(ThinDisk.commands.by_opcode) - set(Disk.commands.by_opcode)
    assert opcodes == {0x42}


def test_a_medium_that_leaves_no_zeros_is_refused() -> None:
    medium = LateMedium(MIB)
    try:
        with pytest.raises(ConfigError, match="cannot take blocks back"):
            ThinDisk(medium)
    finally:
        medium.close()


def test_unmap(bench: Bench, ram: Ram) -> None:
    asked: list[tuple[int, int]] = []
    discard = ram.discard
    ram.discard = lambda offset, length: (asked.append((offset, length)), discard(offset, length))  # type: ignore[method-assign, assignment]
    data = unmap_list((1, 3), (2040, 8), (100, 0), (2, 5), (7, 0))
    bench.good(unmap(data), data)
    assert asked == [(BLOCK, 6 * BLOCK), (2040 * BLOCK, 8 * BLOCK)], "what touches is one"
    assert bytes(ram.memory()) == b"\xff" * BLOCK + bytes(6 * BLOCK) + b"\xff" * 2033 * BLOCK + bytes(
        8 * BLOCK
    )
    assert bench.good(cdb.Read10.build(lba=0, transfer_length=8)) == bytes(ram.memory()[: 8 * BLOCK])


@pytest.mark.parametrize(
    ("data", "zeroed"),
    [
        (b"", 0),
        (unmap_list(), 0),
        (unmap_list((0, 0)), 0),
        (unmap_list((BLOCKS, 0)), 0),
        (unmap_list((0, 4))[:-1], 0),
        (unmap_list((0, 4), (4, 4))[:-8], 4),
        (unmap_list((0, 4), (4, 4), size=16), 4),
        (unmap_list((0, 4), (4, 4), size=31), 4),
        (unmap_list((0, 4), (4, 4), size=0), 0),
        (unmap_list((0, 4), (4, 4), size=0xFFFF), 8),
        (unmap_list(*[(0, 1)] * MAX_DESCRIPTORS), 1),
        (unmap_list((0, BLOCKS)), BLOCKS),
    ],
)
def test_lists_that_are_taken(bench: Bench, ram: Ram, data: bytes, zeroed: int) -> None:
    """What is cut off, or announced and not there, is ignored."""
    bench.good(unmap(data), data)
    assert bytes(ram.memory()) == bytes(zeroed * BLOCK) + b"\xff" * (MIB - zeroed * BLOCK)


@pytest.mark.parametrize(
    ("data", "code", "pointer", "information"),
    [
        (bytes(7), SHORT, None, None),
        (unmap_list((0, 1), (BLOCKS, 1)), OUT_OF_RANGE, (False, 24, None), BLOCKS),
        (unmap_list((BLOCKS + 1, 0)), OUT_OF_RANGE, (False, 8, None), BLOCKS + 1),
        (unmap_list((0, 1), (BLOCKS - 1, 2)), OUT_OF_RANGE, (False, 24, None), BLOCKS),
        (unmap_list(((1 << 64) - 1, 0xFFFFFFFF)), OUT_OF_RANGE, (False, 8, None), (1 << 64) - 1),
        (unmap_list(*[(0, 1)] * (MAX_DESCRIPTORS + 1)), BAD_LIST, (False, 2, None), None),
    ],
)
def test_lists_that_are_refused(
    bench: Bench, ram: Ram, data: bytes, code: Any, pointer: Any, information: int | None
) -> None:
    bench.unit.descriptor_sense = True
    result = bench(unmap(data), data)
    assert result.code == code
    assert result.pointer == pointer
    assert parse_sense(result.sense).information == information
    assert bytes(ram.memory()) == b"\xff" * MIB, "nothing of it is unmapped"


def test_more_blocks_than_it_takes_at_once() -> None:
    with Bench(ThinDisk(Null(4 << 30))) as bench:
        most = MAX_UNMAP // BLOCK
        for data in unmap_list((5, most)), unmap_list((0, most // 2), (0, most // 2)):
            bench.good(unmap(data), data)
        data = unmap_list((0, most // 2), (most, most // 2), (0, 1))
        result = bench(unmap(data), data)
        assert (result.code, result.pointer) == (BAD_LIST, (False, 48, None))


def test_who_may_not(bench: Bench, ram: Ram) -> None:
    data = unmap_list((0, 8))
    anchored = bench(unmap(data, anchor=True), data)
    assert (anchored.code, anchored.pointer) == (BAD_FIELD, (True, 1, 0))
    assert bench.bad(unmap(data), data, read_only=True) == PROTECTED
    assert bench.bad(unmap(data), data[:-1]) == SHORT
    other = bench.login()
    bench.good("160000000000")
    assert bench(unmap(data), data, nexus=other).status == 0x18
    assert bytes(ram.memory()) == b"\xff" * MIB


def test_protected_by_the_mode_page(bench: Bench, ram: Ram) -> None:
    page = bytearray(bench.good("1a080a00ff00")[4:])
    page[4] |= 0x08  # SWP
    bench.good(f"1510000{4 + len(page):03x}00", bytes(4) + bytes([page[0] & 0x3F]) + bytes(page[1:]))
    data = unmap_list((0, 8))
    assert bench.bad(unmap(data), data) == (7, 0x27, 2)
    assert bytes(ram.memory()) == b"\xff" * MIB


@pytest.mark.parametrize("kind", [cdb.WriteSame10, cdb.WriteSame16, cdb.WriteSame32])
def test_write_same_with_unmap(kind: Any, tmp_path: Path) -> None:
    with File(tmp_path / "disk", MIB) as file, Bench(ThinDisk(file)) as bench:
        bench.good(cdb.WriteSame10.build(number_of_logical_blocks=BLOCKS), b"x" * BLOCK)
        bench.good(kind.build(unmap=True, lba=8, number_of_logical_blocks=16), bytes(BLOCK))
        assert deallocated(bench) == set(range(8, 24))
        bench.good(kind.build(unmap=True, lba=16, number_of_logical_blocks=8), b"y" * BLOCK)
        assert deallocated(bench) == set(range(8, 16))
        assert bench.good(cdb.Read10.build(lba=7, transfer_length=18)) == (
            b"x" * BLOCK + bytes(8 * BLOCK) + b"y" * 8 * BLOCK + b"x" * BLOCK
        )
        refused = bench(kind.build(unmap=True, anchor=True, number_of_logical_blocks=8), bytes(BLOCK))
        assert (refused.code, refused.pointer) == (BAD_FIELD, (True, 10 if kind is cdb.WriteSame32 else 1, 4))


def test_holes_appear_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    with File(path, 4 * MIB) as file, Bench(ThinDisk(file)) as bench:
        bench.good(cdb.WriteSame16.build(number_of_logical_blocks=4 * BLOCKS), b"x" * BLOCK)
        file.flush()
        full = path.stat().st_blocks
        data = unmap_list((BLOCKS, BLOCKS), (3 * BLOCKS, BLOCKS))
        bench.good(unmap(data), data)
        assert path.stat().st_blocks <= full - 2 * BLOCKS
        assert status(bench) == [
            (0, BLOCKS, 0), (BLOCKS, BLOCKS, 1), (2 * BLOCKS, BLOCKS, 0), (3 * BLOCKS, BLOCKS, 1),
        ]  # fmt: skip
        bench.good(cdb.WriteSame16.build(unmap=1, ndob=1, number_of_logical_blocks=BLOCKS))
        assert path.stat().st_blocks <= full - 3 * BLOCKS
        assert path.stat().st_size == 4 * MIB


class Sync(Ram):
    """Memory that counts its flushes."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def test_without_a_cache_it_is_on_the_medium() -> None:
    for write_through in False, True:
        ram = Sync(MIB)
        with Bench(ThinDisk(ram, write_through=write_through)) as bench:
            data = unmap_list((0, 8))
            bench.good(unmap(data), data)
            assert ram.flushes == write_through


# GET LBA STATUS


def test_status_of_what_is_not_there(bench: Bench) -> None:
    for lba in BLOCKS, (1 << 64) - 1:
        bench.unit.descriptor_sense = True
        outside = bench(cdb.GetLbaStatus16.build(lba=lba, allocation_length=64))
        assert (outside.code, outside.pointer) == (OUT_OF_RANGE, (True, 2, None))
        assert parse_sense(outside.sense).information == lba
    other = bench(cdb.GetLbaStatus16.build(report_type=1, allocation_length=64))
    assert (other.code, other.pointer) == (BAD_FIELD, (True, 14, None))


def test_status_is_cut(tmp_path: Path) -> None:
    with File(tmp_path / "disk", MIB) as file, Bench(ThinDisk(file)) as bench:
        for lba in range(0, 80, 16):
            bench.good(cdb.WriteSame10.build(lba=lba, number_of_logical_blocks=8), b"x" * BLOCK)
        raw = bench.good(cdb.GetLbaStatus16.build(lba=3, allocation_length=40))
        assert raw == struct.pack(">IxxxB", 36, 0) + struct.pack(">QIBxxx", 3, 5, 0) + struct.pack(
            ">QIBxxx", 8, 8, 1
        )
        assert bench.good(cdb.GetLbaStatus16.build(lba=3, allocation_length=20)) == struct.pack(
            ">IxxxBQI", 20, 0, 3, 5
        )
        assert bench.good(cdb.GetLbaStatus16.build(allocation_length=0)) == b""
        assert [kind for _, _, kind in status(bench, room=24)] == [0, 1] * 5
        assert status(bench, lba=70) == [(70, 2, 0), (72, BLOCKS - 72, 1)]


def test_blocks_that_are_in_two_extents_are_mapped() -> None:
    class Odd(Ram):
        told: list[tuple[int, bool]]

        def extents(self, offset: int, length: int) -> list[tuple[int, bool]]:
            return self.told

    ram = Odd(64 * 4096)
    with Bench(ThinDisk(ram, block_size=4096)) as bench:
        for told, expected in (
            ([(100, True), (8092, False)], [(0, 1, 0), (1, 1, 1)]),
            ([(8192, False), (1, True), (4095, False), (4096, False)], [(0, 2, 1), (2, 1, 0), (3, 1, 1)]),
            ([(512, False)], [(0, 1, 0)]),
            ([], [(0, 1, 0)]),
            ([(5000, False), (5000, False), (2288, True)], [(0, 1, 1), (1, 2, 0)]),
            ([(1 << 40, False)], [(0, 64, 1)]),
        ):
            ram.told = told
            found = params.GetLbaStatus(bench.good(cdb.GetLbaStatus16.build(allocation_length=512)))
            got = [(d.lba, d.number_of_logical_blocks, int(d.provisioning_status)) for d in found.descriptors]
            assert got == expected, told


def test_a_medium_that_does_not_know_is_mapped() -> None:
    with Bench(ThinDisk(NativeMedium(Ram(MIB).native()))) as bench:
        data = unmap_list((0, BLOCKS))
        bench.good(unmap(data), data)
        assert status(bench) == [(0, BLOCKS, 0)]


def test_a_disk_of_more_blocks_than_a_descriptor_can_say() -> None:
    blocks = (1 << 32) + 5
    with Bench(ThinDisk(Null(blocks * BLOCK))) as bench:
        assert status(bench) == [(0, 0xFFFFFFFF, 1), (0xFFFFFFFF, 6, 1)]


class Broken(Ram):
    """Memory that fails with this."""

    number = 0

    def zero(self, offset: int, length: int) -> None:
        raise OSError(self.number, "as told")

    def extents(self, offset: int, length: int) -> list[tuple[int, bool]]:
        raise OSError(self.number, "as told")


@pytest.mark.parametrize(
    ("number", "unmapped", "told"),
    [
        (errno.ENOSPC, (7, 0x27, 7), (7, 0x27, 7)),
        (errno.EIO, (3, 0x0C, 0), (3, 0x11, 0)),
        (errno.EROFS, PROTECTED, PROTECTED),
    ],
)
def test_errors_of_the_medium(number: int, unmapped: Any, told: Any) -> None:
    broken = Broken(MIB)
    broken.number = number
    with Bench(ThinDisk(broken)) as bench:
        data = unmap_list((0, 8))
        assert bench.bad(unmap(data), data) == unmapped
        assert bench.bad(cdb.WriteSame16.build(ndob=1, unmap=1, number_of_logical_blocks=1)) == unmapped
        assert bench.bad(cdb.GetLbaStatus16.build(allocation_length=64)) == told


# Under way


class Discarding(LateMedium):
    """One that takes its time, and leaves zeros."""

    features = Feature.DISCARD | Feature.DISCARD_ZEROS | Feature.ZERO

    def perform(self, request: Any) -> None:
        if request.operation is Operation.DISCARD:
            self.bytes[request.offset : request.offset + request.length] = bytes(request.length)
        super().perform(request)


def test_an_unmap_that_is_aborted_is_not_overtaken() -> None:
    """It is answered at once, and a later write to the same blocks waits for what the medium still does."""
    medium = Discarding(MIB)
    medium.bytes[:] = b"\xff" * MIB
    medium.go.clear()
    rig = Rig(LunMap([(0, ThinDisk(medium, "disk"))]), workers=Pool())
    try:
        client = rig.login()
        data = unmap_list((0, 8), (16, 8))
        client.poke(data)
        tag = client.cmd(0, unmap(data), data_out=(client.data(), len(data)))
        rig.run()
        assert len(medium.asked) == 1
        managed = client.manage(0, TskMgmtFunc.ABORT_TASK, tag)
        rig.run()
        assert bytes(client.answer(managed).resp_data) == bytes(4)
        written = client.write(0, 4, b"y" * 8 * BLOCK)
        rig.run()
        assert [each[0] for each in medium.asked] == [Operation.DISCARD]
        medium.go.set()
        rig.settle(lambda: bool(client.answers))
        assert client.answer(written).status == 0
        assert not client.answers
        assert bytes(medium.bytes) == bytes(4 * BLOCK) + b"y" * 8 * BLOCK + b"\xff" * (MIB - 12 * BLOCK)
    finally:
        medium.go.set()
        rig.close()
        medium.close()


def test_the_native_lane_sees_what_is_unmapped() -> None:
    ram = Ram(MIB)
    ram.memory()[:] = b"\xff" * MIB
    rig = Rig(LunMap([(256, ThinDisk(ram, "disk"))]))
    try:
        client = rig.login()
        rig.attended()

        def read() -> bytes:
            assert went_short(rig, lambda: client.read(256, 0, 24, offset=MIB))
            client.answers.clear()
            return client.peek(24 * BLOCK, MIB)

        assert read() == b"\xff" * 24 * BLOCK
        data = unmap_list((1, 15))
        client.poke(data)
        client.cmd(256, unmap(data), data_out=(client.data(), len(data)))
        rig.run()
        assert read() == b"\xff" * BLOCK + bytes(15 * BLOCK) + b"\xff" * 8 * BLOCK
        assert went_short(rig, lambda: client.write(256, 3, b"x" * BLOCK))
        client.cmd(256, bytes(cdb.WriteSame16.build(ndob=1, unmap=1, lba=16, number_of_logical_blocks=8)))
        rig.run()
        assert read() == b"\xff" * BLOCK + bytes(2 * BLOCK) + b"x" * BLOCK + bytes(20 * BLOCK)
    finally:
        rig.close()


# A model


class Thin(RuleBasedStateMachine):
    """What is written and unmapped, in blocks, beside a thin disk."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bench = Bench(ThinDisk(self.open()))
        self.bytes = bytearray(64 * PAGE * BLOCK)
        self.mapped: set[int] = set()
        """Blocks that somebody wrote, and nobody unmapped since: with all of their page."""

    def open(self) -> Any:
        raise NotImplementedError

    def teardown(self) -> None:
        self.bench.close()
        self.bench.unit.backend.close()
        self.folder.cleanup()

    LBA = st.integers(0, 64 * PAGE - 1)
    COUNT = st.integers(1, 12 * PAGE)

    def put(self, lba: int, blocks: int, data: bytes) -> int:
        blocks = min(blocks, 64 * PAGE - lba)
        self.bytes[lba * BLOCK : (lba + blocks) * BLOCK] = data * blocks
        return blocks

    @rule(lba=LBA, blocks=st.integers(1, 3 * PAGE), byte=st.integers(1, 255))
    def write(self, lba: int, blocks: int, byte: int) -> None:
        blocks = self.put(lba, blocks, bytes([byte]) * BLOCK)
        self.bench.good(cdb.Write10.build(lba=lba, transfer_length=blocks), bytes([byte]) * blocks * BLOCK)
        self.mapped |= set(range(lba, lba + blocks))

    @rule(lba=LBA, blocks=COUNT, byte=st.integers(0, 3), may=st.booleans())
    def write_same(self, lba: int, blocks: int, byte: int, may: bool) -> None:
        blocks = self.put(lba, blocks, bytes([byte]) * BLOCK)
        self.bench.good(
            cdb.WriteSame16.build(lba=lba, number_of_logical_blocks=blocks, unmap=may), bytes([byte]) * BLOCK
        )
        if byte:
            self.mapped |= set(range(lba, lba + blocks))
        else:
            self.mapped -= set(range(lba, lba + blocks))

    @rule(stretches=st.lists(st.tuples(LBA, COUNT), max_size=4))
    def unmap(self, stretches: list[tuple[int, int]]) -> None:
        cut = [(lba, self.put(lba, blocks, bytes(BLOCK))) for lba, blocks in stretches]
        data = unmap_list(*cut)
        self.bench.good(unmap(data), data)
        unmapped = {lba + i for lba, blocks in cut for i in range(blocks)}
        self.mapped -= unmapped
        whole = {lba for lba in unmapped if all(lba // PAGE * PAGE + i in unmapped for i in range(PAGE))}
        assert whole <= deallocated(self.bench)

    @rule(lba=LBA, blocks=COUNT)
    def read(self, lba: int, blocks: int) -> None:
        blocks = min(blocks, 64 * PAGE - lba)
        found = self.bench.good(cdb.Read10.build(lba=lba, transfer_length=blocks), room=blocks * BLOCK)
        assert found == self.bytes[lba * BLOCK : (lba + blocks) * BLOCK]

    @invariant()
    def what_is_deallocated_was_not_written(self) -> None:
        gone = deallocated(self.bench)
        assert not gone & self.mapped
        assert all(not any(self.bytes[lba * BLOCK : (lba + 1) * BLOCK]) for lba in gone)


class ThinRam(Thin):
    def open(self) -> Any:
        return Ram(64 * PAGE * BLOCK)


class ThinFile(Thin):
    def open(self) -> Any:
        return File(Path(self.folder.name) / "disk", 64 * PAGE * BLOCK)


for _machine in ThinRam, ThinFile:
    _machine.TestCase.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
TestThinRam = ThinRam.TestCase
TestThinFile = ThinFile.TestCase
