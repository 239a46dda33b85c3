"""The disk: every command good and bad, all block sizes, the medium's errors, and what real drivers asked."""

import errno
import json
import logging
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pysrp import srp
from pysrp.backends import File, Null, Ram
from pysrp.errors import ConfigError
from pysrp.scsi import cdb, inquiry, params
from pysrp.scsi.mode import parse_mode6, parse_mode10
from pysrp.scsi.sense import parse_sense
from pysrp.target.backend_medium import BackendMedium
from pysrp.target.disk import Disk
from target_rig import Spotted
from unit_bench import Bench

CAPTURES = Path(__file__).parents[1] / "vectors" / "captures"
BAD_FIELD = 5, 0x24, 0
OUT_OF_RANGE = 5, 0x21, 0
PROTECTED = 7, 0x27, 0
MISCOMPARE = 0xE, 0x1D, 0
TUR = "000000000000"

READS = [cdb.Read6, cdb.Read10, cdb.Read12, cdb.Read16]
WRITES = [cdb.Write6, cdb.Write10, cdb.Write12, cdb.Write16]
VERIFIES = [cdb.Verify10, cdb.Verify16]
SYNCS = [cdb.SynchronizeCache10, cdb.SynchronizeCache16]


class Counted(Ram):
    """Memory that counts its flushes."""

    flushes = 0

    def flush(self):
        self.flushes += 1


class Failing(Ram):
    """Memory that fails with a given errno, from a given byte on."""

    def __init__(self, size, number, start=0):
        super().__init__(size)
        self.number, self.start = number, start

    def check(self, end):
        if self.number and end > self.start:
            raise OSError(self.number, "as told")

    def read_into(self, offset, view):
        self.check(offset + len(view))
        super().read_into(offset, view)

    def write_from(self, offset, view):
        self.check(offset + len(view))
        super().write_from(offset, view)

    def flush(self):
        self.check(self.size)


@pytest.fixture
def bench():
    with Bench(Disk(Counted(1 << 20))) as bench:
        yield bench


@pytest.fixture(params=[512, 1024, 2048, 4096])
def block(request):
    return request.param


def pattern(length, seed=0):
    return bytes((i * 7 + i // 251 + seed) & 0xFF for i in range(length))


# Reading and writing


@pytest.mark.parametrize("kind", range(4))
def test_write_and_read(block, kind):
    backend = Ram(100 * block)
    with Bench(Disk(backend, block_size=block)) as bench:
        data = pattern(3 * block)
        bench.good(WRITES[kind].build(lba=5, transfer_length=3), data)
        assert bytes(backend.memory()[5 * block : 8 * block]) == data
        assert bytes(backend.memory()[: 5 * block]) == bytes(5 * block)
        for read in READS:
            assert bench.good(read.build(lba=5, transfer_length=3)) == data
            assert bench.good(read.build(lba=99, transfer_length=1)) == bytes(block)


def test_a_length_of_0_is_256_blocks_in_the_6_byte_commands_and_none_in_the_others(bench):
    data = pattern(256 * 512)
    bench.good(cdb.Write6.build(lba=1, transfer_length=0), data)
    assert bench.good(cdb.Read6.build(lba=1, transfer_length=0), room=256 * 512) == data
    for kind in READS[1:] + WRITES[1:]:
        assert bench.good(kind.build(lba=2047, transfer_length=0)) == b""
        assert bench.bad(kind.build(lba=2048, transfer_length=0)) == OUT_OF_RANGE


@pytest.mark.parametrize("kind", READS + WRITES + VERIFIES + SYNCS)
def test_out_of_range(bench, kind):
    count = next(
        n for n in ("transfer_length", "verification_length", "number_of_logical_blocks") if hasattr(kind, n)
    )
    lbas = [(2048, 1), (2047, 2), (2000, 49)]
    if kind.lba.width > 21:
        lbas.append(((1 << kind.lba.width) - 1, 1))
    if kind.SIZE > 6:
        lbas.append((0, 2049))
    for lba, blocks in lbas:
        result = bench(kind.build(lba=lba, **{count: blocks}), bytes(2049 * 512))
        assert result.code == OUT_OF_RANGE
        at = 2 if kind.SIZE > 6 else 1
        assert result.pointer == (True, at, None if kind.SIZE > 6 else 4)
        first = max(lba, 2048)
        assert parse_sense(result.sense).information == (first if first <= 0xFFFFFFFF else None)
    assert bytes(bench.unit.backend.memory()) == bytes(1 << 20)


@pytest.mark.parametrize("protect", range(1, 8))
@pytest.mark.parametrize("kind", [*READS[1:], *WRITES[1:], *VERIFIES])
def test_protection_information_that_no_block_has(bench, kind, protect):
    """SBC-3, 5.8 ff.: a unit without protection information refuses the protect field, whatever it asks."""
    name = next(n for n in ("rdprotect", "wrprotect", "vrprotect") if hasattr(kind, n))
    result = bench(kind.build(lba=1, **{name: protect}), b"\1" * 512)
    assert (result.code, result.pointer) == (BAD_FIELD, (True, 1, 7))
    assert bytes(bench.unit.backend.memory()) == bytes(1 << 20)


def test_the_lun_bits_of_the_6_byte_commands_are_no_protection(bench):
    bench.good("0ae000010100", b"\1" * 512)
    assert bench.good("08e000010100") == b"\1" * 512


def test_residuals(bench):
    bench.good(cdb.Write10.build(lba=0, transfer_length=4), pattern(2048))
    short = bench(cdb.Read10.build(transfer_length=4), room=1000)
    assert (short.status, short.data, short.task.wanted_in) == (0, pattern(2048)[:1000], 2048)
    long = bench(cdb.Read10.build(transfer_length=1), room=4096)
    assert (long.data, long.task.wanted_in) == (pattern(2048)[:512], 512)
    none = bench(cdb.Read10.build(transfer_length=1), room=0)
    assert (none.status, none.data, none.task.wanted_in) == (0, b"", 512)
    fewer = bench(cdb.Write10.build(lba=8, transfer_length=4), b"\1" * 1200)
    assert fewer.task.wanted_out == 2048
    assert bench.good(cdb.Read10.build(lba=8, transfer_length=4))[1024:] == bytes(1024), "whole blocks only"


def test_force_unit_access(bench):
    backend = bench.unit.backend
    for kind in WRITES[1:]:
        bench.good(kind.build(transfer_length=1, dpo=1), bytes(512))
        assert backend.flushes == 0
        bench.good(kind.build(transfer_length=1, dpo=1, fua=1), bytes(512))
        assert backend.flushes == 1
        backend.flushes = 0
    for kind in READS[1:]:
        bench.good(kind.build(transfer_length=1, dpo=1, fua_nv=1))
        assert backend.flushes == 0
        bench.good(kind.build(transfer_length=1, dpo=1, fua=1))
        assert backend.flushes == 1  # what is read is there first
        backend.flushes = 0
    for kind in SYNCS:
        bench.good(kind.build())
        bench.good(kind.build(immed=1, lba=3, number_of_logical_blocks=5))
    assert backend.flushes == 4


def test_write_through():
    backend = Counted(1 << 20)
    with Bench(Disk(backend, write_through=True)) as bench:
        assert not parse_mode6(bench.good("1a000800ff00")).pages[0].wce
        assert not inquiry.parse_vpd(bench.good("12018600ff00")).v_sup
        bench.good(cdb.Write6.build(transfer_length=1), bytes(512))
        assert backend.flushes == 1


def test_a_write_cache_that_is_switched_off_is_emptied(bench):
    caching = bytes.fromhex("00000000 0812 00" + "00" * 17)
    bench.good("15100000180000", caching)
    backend = bench.unit.backend
    assert backend.flushes == 1
    bench.good(cdb.Write10.build(transfer_length=1), bytes(512))
    assert backend.flushes == 2
    assert not inquiry.parse_vpd(bench.good("12018600ff00")).v_sup


# Write protection


def test_read_only(tmp_path, bench):
    path = tmp_path / "disk"
    path.write_bytes(bytes(4096))
    with File(path, read_only=True) as backend, Bench(Disk(backend)) as protected:
        for kind in WRITES:
            result = protected(kind.build(transfer_length=1), bytes(512))
            assert (result.code, result.task.moved_out) == (PROTECTED, 0)
        assert parse_mode6(protected.good("1a003f000400")).wp
        assert not parse_mode6(protected.good("1a000800ff00")).pages[0].wce
        assert not inquiry.parse_vpd(protected.good("12018600ff00")).v_sup
        assert protected.good(cdb.Read10.build(transfer_length=8)) == bytes(4096)
        protected.good(cdb.SynchronizeCache10.build())
    with Bench(Disk(Ram(4096), read_only=True)) as protected:
        assert protected.bad(cdb.Write10.build(transfer_length=1), bytes(512)) == PROTECTED


def test_read_only_at_one_lun(bench):
    write = cdb.Write10.build(transfer_length=1)
    assert bench.bad(write, bytes(512), read_only=True) == PROTECTED
    assert parse_mode6(bench.good("1a003f000400", read_only=True)).wp
    bench.good(write, bytes(512))
    assert not parse_mode6(bench.good("1a003f000400")).wp


def test_software_write_protect(bench):
    page = bytearray(bench.good("1a080a00ff00")[4:])
    page[4] |= 8
    bench.good("15100000100000", bytes(4) + page)
    assert bench.bad(cdb.Write10.build(transfer_length=1), bytes(512)) == (7, 0x27, 2)
    assert parse_mode6(bench.good("1a003f000400")).wp
    bench.unit.reset()
    bench.unit.detach(bench.nexus)
    bench.good(cdb.Write10.build(transfer_length=1), bytes(512))


# The medium's errors

ERRORS = [
    (errno.EIO, (3, 0x11, 0), (3, 0x0C, 0)),
    (errno.EILSEQ, (3, 0x11, 0), (3, 0x0C, 0)),
    (errno.ENOSPC, (7, 0x27, 7), (7, 0x27, 7)),
    (errno.EDQUOT, (7, 0x27, 7), (7, 0x27, 7)),
    (errno.EFBIG, (7, 0x27, 7), (7, 0x27, 7)),
    (errno.EROFS, (7, 0x27, 0), (7, 0x27, 0)),
    (errno.ENOMEDIUM, (2, 0x3A, 0), (2, 0x3A, 0)),
    (errno.ENXIO, (4, 0x44, 0), (4, 0x44, 0)),
]


@pytest.mark.parametrize(("number", "read", "write"), ERRORS)
def test_errors_of_the_backend(number, read, write):
    backend = Failing(1 << 20, number, 4096)
    with Bench(Disk(backend)) as bench:
        for kind in READS:
            assert bench(kind.build(lba=8, transfer_length=1)).code == read
        for kind in WRITES:
            assert bench(kind.build(lba=8, transfer_length=1), bytes(512)).code == write
        for kind in VERIFIES:
            assert bench(kind.build(lba=8, verification_length=1, bytchk=1), bytes(512)).code == read
        for kind in SYNCS:
            assert bench(kind.build()).code == write
        assert bench(cdb.Write10.build(transfer_length=1, fua=1), bytes(512)).code == write
        # Nothing else is disturbed.
        bench.good(TUR)
        bench.good(cdb.Write10.build(transfer_length=8), pattern(4096))
        assert bench.good(cdb.Read10.build(transfer_length=8)) == pattern(4096)
        backend.number = 0
        assert bench.good(cdb.Read10.build(lba=8, transfer_length=1)) == bytes(512)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [True, False])
@given(
    st.integers(0, 5000), st.integers(1, 300), st.sets(st.integers(0, 4095), max_size=3),
    st.sampled_from([512, 4096]), st.lists(st.integers(1, 300 * 512), max_size=4),
)  # fmt: skip
@example(0, 2, {1}, 4096, [2, 4098])  # a segment of one block's size in two blocks
def test_an_unreadable_block_is_named_and_those_before_it_are_moved(shared, lba, blocks, bad, size, cuts):
    """SBC-3, 4.18.1: the first one's LBA in INFORMATION; the residual says how much has come."""
    lba %= 4096 - blocks
    backend = Spotted(4096 * size, {at * size + at % size for at in bad})
    backend.memory()[:] = (pattern(1 << 18) * (4096 * size >> 18))[: 4096 * size]
    hit = min((at for at in bad if lba <= at < lba + blocks), default=None)
    moved = (blocks if hit is None else hit - lba) * size
    there = bytes(backend.memory()[lba * size : lba * size + moved])
    with Bench(Disk(backend, block_size=size), shared=shared) as bench:
        result = bench.tainted(
            cdb.Read10.build(lba=lba, transfer_length=blocks), room=300 * size, cuts=sorted(cuts)
        )
        assert (result.task.moved_in, result.data) == (moved, there)
        if hit is None:
            assert result.status == 0
            return
        assert result.code == (3, 0x11, 0)
        assert parse_sense(result.sense).information == hit
        data = bytes(blocks * size)
        result = bench(cdb.Write10.build(lba=lba, transfer_length=blocks), data, cuts=sorted(cuts))
        assert (result.code, result.task.moved_out) == ((3, 0x0C, 0), moved)
        assert parse_sense(result.sense).information == hit
        assert bytes(backend.memory()[lba * size : lba * size + moved]) == bytes(moved)
        assert any(backend.memory()[(hit + 1) * size : (hit + 1) * size + size]) or hit == 4095
        result = bench(cdb.Verify10.build(lba=lba, verification_length=blocks, bytchk=1), data)
        if result.code == (3, 0x11, 0):
            assert parse_sense(result.sense).information == hit


def test_an_unreadable_block_beyond_32_bits():
    """In fixed format there is no room for it, so VALID is 0 (SPC-5, 4.4.3); the descriptor has it."""

    class Huge(Null):
        def read_into(self, offset, view):
            if offset + len(view) > 512 << 33:
                raise OSError(errno.EIO, "there")
            super().read_into(offset, view)

    with Bench(Disk(Huge(1 << 50))) as bench:
        read = cdb.Read16.build(lba=(1 << 33) - 2, transfer_length=4)
        sense = parse_sense(bench.tainted(read).sense)
        assert (sense.sense_key, sense.information, sense.info) == (3, None, 0)
        page = bytearray(bench.good("1a080a00ff00")[4:])
        page[2] |= 4  # D_SENSE
        bench.good("15100000100000", bytes(4) + page)
        assert parse_sense(bench.tainted(read).sense).information == 1 << 33
        past = cdb.Read16.build(lba=(1 << 41) - 2, transfer_length=4)
        assert parse_sense(bench(past).sense).information == 1 << 41


def test_an_error_of_no_block_names_none():
    backend = Failing(1 << 20, 0)
    with Bench(Disk(backend)) as bench:
        backend.number, backend.start = errno.EIO, (1 << 20) - 1
        for command in cdb.SynchronizeCache10.build(), cdb.Write10.build(transfer_length=1, fua=1):
            result = bench(command, bytes(512))
            assert result.code == (3, 0x0C, 0)
            assert parse_sense(result.sense).information is None


def test_a_medium_that_can_do_it_the_second_time():
    class Fickle(Ram):
        failures = 1

        def read_into(self, offset, view):
            self.failures -= 1
            if not self.failures:
                raise OSError(errno.EIO, "once")
            super().read_into(offset, view)

    with Bench(Disk(Fickle(1 << 20))) as bench:
        bench.good(cdb.Write10.build(transfer_length=100), pattern(51200))
        assert bench.good(cdb.Read10.build(transfer_length=100)) == pattern(51200)


def test_a_closed_backend(tmp_path):
    backend = File(tmp_path / "disk", 1 << 20)
    with Bench(Disk(backend)) as bench:
        backend.close()
        assert bench(cdb.Read10.build(transfer_length=1)).code == (4, 0x44, 0)
        assert bench(cdb.SynchronizeCache10.build()).code == (4, 0x44, 0)
        bench.good(TUR)


# VERIFY


@pytest.mark.parametrize("kind", VERIFIES)
@pytest.mark.parametrize("medium", [Ram, File])
def test_verify(tmp_path, kind, medium):
    size = 3 << 20
    with (
        Ram(size) if medium is Ram else File(tmp_path / "disk", size) as backend,
        Bench(Disk(backend)) as bench,
    ):
        data = pattern(5000 * 512)
        backend.write_from(512, memoryview(data))
        verify = lambda **fields: kind.build(lba=1, **fields)  # noqa: E731
        bench.good(verify(verification_length=5000))
        bench.good(verify(verification_length=5000, bytchk=1), data)
        bench.good(verify(verification_length=0, bytchk=1))
        bench.good(verify(verification_length=0, bytchk=3))
        for at in 0, 1 << 20, len(data) - 1:
            wrong = bytearray(data)
            wrong[at] ^= 1
            result = bench(verify(verification_length=5000, bytchk=1), bytes(wrong))
            assert result.code == MISCOMPARE, at
            assert parse_sense(result.sense).information == at, "offset in the data-out buffer"
        one = data[:512]
        for i in range(4500):
            backend.write_from(512 * (i + 1), memoryview(one))
        bench.good(verify(verification_length=4500, bytchk=3), one)
        result = bench(verify(verification_length=4501, bytchk=3), one)
        assert result.code == MISCOMPARE
        differs = next(i for i in range(512) if data[4500 * 512 + i] != one[i])
        assert parse_sense(result.sense).information == differs


@pytest.mark.parametrize("kind", VERIFIES)
def test_bad_verify(bench, kind):
    result = bench(kind.build(verification_length=1, bytchk=2))
    assert (result.code, result.pointer) == (BAD_FIELD, (True, 1, 2))
    result = bench(kind.build(verification_length=2, bytchk=1), bytes(512))
    assert (result.code, result.pointer) == (BAD_FIELD, (True, 10 if kind is cdb.Verify16 else 7, None))
    assert bench.bad(kind.build(verification_length=1, bytchk=3), bytes(511)) == BAD_FIELD


def test_verify_reads_a_medium_that_can_fail(tmp_path):
    with File(tmp_path / "disk", 1 << 20) as backend, Bench(Disk(backend)) as bench:
        (tmp_path / "disk").write_bytes(bytes(4096))
        bench.good(cdb.Verify10.build(verification_length=8))
        result = bench(cdb.Verify10.build(lba=2, verification_length=9))
        assert result.code == (3, 0x11, 0)
        assert parse_sense(result.sense).information == 8


def test_verify_does_not_take_the_owner_for_hours():
    with Bench(Disk(Null(1 << 50))) as bench:
        bench.good(cdb.Verify16.build(verification_length=0xFFFFFFFF))


def test_verify_compares_any_length_with_one_block():
    """No page of VPD has a limit for that."""
    with Bench(Disk(Null(1 << 30))) as bench:
        whole = cdb.Verify16.build(verification_length=(1 << 30) // 512, bytchk=3)
        bench.good(whole, bytes(512))
        result = bench(whole, bytes(511) + b"x")
        assert (result.code, parse_sense(result.sense).information) == ((0xE, 0x1D, 0), 511)


# Capacity


def test_capacity(block):
    with Bench(Disk(Ram(100 * block + 300), block_size=block)) as bench:
        ten = params.ReadCapacity10(bench.good(cdb.ReadCapacity10.build()))
        assert (ten.blocks, ten.block_length) == (100, block)
        sixteen = params.ReadCapacity16(bench.good(cdb.ReadCapacity16.build(allocation_length=32)))
        assert (sixteen.blocks, sixteen.block_length, sixteen.physical_block_length) == (100, block, 4096)
        assert len(sixteen) == 32
        assert len(bench.good(cdb.ReadCapacity16.build(allocation_length=12))) == 12
        (descriptor,) = parse_mode6(bench.good("1a003f00ff00")).block_descriptors
        assert (descriptor.number_of_logical_blocks, descriptor.logical_block_length) == (100, block)
        limits = inquiry.parse_vpd(bench.good("1201b000ff00"))
        assert limits.optimal_transfer_length_granularity == 4096 // block


def test_more_blocks_than_32_bits():
    with Bench(Disk(Null(1 << 45))) as bench:
        assert params.ReadCapacity10(bench.good(cdb.ReadCapacity10.build())).returned_lba == 0xFFFFFFFF
        assert (
            params.ReadCapacity16(bench.good(cdb.ReadCapacity16.build(allocation_length=32))).blocks
            == 1 << 36
        )
        (short,) = parse_mode6(bench.good("1a003f00ff00")).block_descriptors
        assert short.number_of_logical_blocks == 0xFFFFFFFF
        ten = parse_mode10(bench.good(cdb.ModeSense10.build(page_code=0x3F, llbaa=1, allocation_length=255)))
        assert ten.longlba
        (long,) = ten.long_block_descriptors
        assert (long.number_of_logical_blocks, long.logical_block_length) == (1 << 36, 512)
        assert bench.good(cdb.Read16.build(lba=(1 << 36) - 1, transfer_length=1)) == bytes(512)
        assert bench.bad(cdb.Read16.build(lba=(1 << 36) - 1, transfer_length=2)) == OUT_OF_RANGE


@pytest.mark.parametrize("kind", [cdb.ReadCapacity10, cdb.ReadCapacity16])
def test_bad_read_capacity(bench, kind):
    result = bench(kind.build(lba=1))
    assert (result.code, result.pointer) == (BAD_FIELD, (True, 2, None))
    bench.good(kind.build(lba=1, pmi=1))


def test_resized(tmp_path):
    with File(tmp_path / "disk", 1 << 20) as backend, Bench(Disk(backend)) as bench:
        bench.unit.resized()
        bench.good(TUR)
        backend.resize(2 << 20)
        bench.unit.resized()
        assert bench.bad(TUR) == (6, 0x2A, 9)
        assert bench.good(cdb.Read10.build(lba=4095, transfer_length=1)) == bytes(512)
        backend.size = 100
        with pytest.raises(ConfigError):
            bench.unit.resized()


def test_max_transfer():
    with Bench(Disk(Ram(1 << 20), max_transfer=10_000)) as bench:
        assert bench.unit.max_transfer == 9728
        assert inquiry.parse_vpd(bench.good("1201b000ff00")).maximum_transfer_length == 19
        bench.good(cdb.Read10.build(transfer_length=19))
        for refused, at in (
            (cdb.Read6.build(transfer_length=20), 4),
            (cdb.Read10.build(transfer_length=20), 7),
            (cdb.Write16.build(transfer_length=20), 10),
            (cdb.Verify10.build(verification_length=20, bytchk=1), 7),
        ):
            result = bench(refused, bytes(10240))
            assert (result.code, result.pointer) == (BAD_FIELD, (True, at, None))


@pytest.mark.parametrize(
    "wrong",
    [
        {"block_size": 256},
        {"block_size": 520},
        {"block_size": 8192},
        {"physical_block_size": 511},
        {"physical_block_size": 1536},
        {"physical_block_size": 512 << 16},
        {"max_transfer": 511},
        {"block_size": 4096, "backend": Ram(4095)},
    ],
)
def test_disks_that_cannot_be(wrong):
    with pytest.raises(ConfigError):
        Disk(**{"backend": Ram(1 << 20), **wrong})


@pytest.mark.parametrize("block", [0, -512])
def test_a_medium_with_blocks_that_cannot_be(block):
    """Whoever wrote it is told what to write instead."""
    medium = BackendMedium(Ram(1 << 20))
    medium.block = block
    with pytest.raises(ConfigError, match=f"blocks of {block} bytes: give it 1 where any bytes"):
        Disk(medium)


# The medium


def test_stop_and_start(bench):
    other = bench.login()
    bench.good("1b0000000000")
    assert bench.unit.backend.flushes == 1
    for refused in TUR, cdb.Read10.build(transfer_length=1), cdb.ReadCapacity10.build(), cdb.Verify10.build():
        assert bench.bad(refused, nexus=other) == (2, 4, 2)
    assert parse_sense(bench.good("03000000fc00")).asc == 4
    for allowed in "120000002400", "1a003f00ff00", "160000000000", "170000000000", "1e0000000000":
        bench.good(allowed)
    bench.good("1b0000000100", nexus=other)
    bench.good(TUR)
    bench.good("1b0100000400")
    assert bench.unit.backend.flushes == 1, "NO_FLUSH"
    bench.unit.reset()
    assert bench.bad(TUR) == (6, 0x29, 0)
    bench.good(TUR)


def test_the_administrator_hears_of_a_stop(caplog):
    """It stops the unit for everybody, so it says who did it, once."""
    caplog.set_level(logging.INFO, "pysrp.target")
    with Bench(Disk(Ram(1 << 20), "payroll", removable=True)) as bench:
        bench.login()
        for stop in "1b0000000000", "1b0000000000", "1b0000000200":
            bench.good(stop)
        for start in "1b0000000300", "1b0000000100", "1b0000000100":
            bench.good(start)
    others = "for 1 other initiators too it is NOT READY"
    assert caplog.messages == [
        f"payroll: stopped by first: {others}, 04/02, until one starts it",
        f"payroll: ejected by first: {others}, 3a/00, until one starts it",
        "payroll: started by first",
    ]


@pytest.mark.parametrize(
    ("bits", "pointer"), [("00a0", (4, 7)), ("0040", (4, 7)), ("0300", (3, 3)), ("0002", (4, 1))]
)
def test_nothing_to_force_and_nothing_to_eject(bench, bits, pointer):
    result = bench(f"1b0000{bits}00")
    assert (result.code, result.pointer) == (BAD_FIELD, (True, *pointer))


def test_removable():
    with Bench(Disk(Ram(1 << 20), removable=True)) as bench:
        other = bench.login()
        assert inquiry.Inquiry(bench.good("120000006000")).rmb
        bench.good("1e0000000100", nexus=other)
        assert bench.bad("1b0000000200") == (5, 0x53, 2)
        bench.good("1e0000000000", nexus=other)
        bench.good("1b0000000200")
        assert bench.bad(TUR, nexus=other) == (2, 0x3A, 0)
        bench.good("1b0000000000")
        assert bench.bad("1b0000000100") == (2, 0x3A, 0)
        bench.good("1b0000000300")
        bench.good(TUR)
        assert bench.bad(TUR, nexus=other) == (6, 0x28, 0)


def test_a_nexus_that_is_gone_prevents_nothing():
    with Bench(Disk(Ram(1 << 20), removable=True)) as bench:
        other = bench.login()
        bench.good("1e0000000100", nexus=other)
        bench.unit.detach(other)
        bench.good("1b0000000200")
        bench.good("1b0000000300")
        bench.good("1e0000000100", nexus=other)  # which was on the way
        bench.good("1b0000000200")
        result = bench("1e0000000200")
        assert (result.code, result.pointer) == (BAD_FIELD, (True, 4, 1))


def test_block_device_characteristics(bench):
    assert inquiry.parse_vpd(bench.good("1201b100ff00")).medium_rotation_rate == 1
    with Bench(Disk(Ram(1 << 20), rotation_rate=15000)) as spinning:
        assert inquiry.parse_vpd(spinning.good("1201b100ff00")).medium_rotation_rate == 0x3A98


# What sg3_utils make of it


def sg(tool, data, tmp_path, *options):
    """The output of a tool that reads an answer from a file of hexadecimal bytes."""
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (sg3-utils)")
    path = tmp_path / "answer"
    path.write_text(data.hex(" ") + "\n")
    done = subprocess.run([tool, *options, f"--inhex={path}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
    return done.stdout


def test_sg_inq(bench, tmp_path):
    text = sg("sg_inq", bench.good("120000010000"), tmp_path, "--descriptors")
    for words in (
        "[SPC-4]",
        "CmdQue=1",
        "Vendor identification: IBM",
        "Product identification: VDASD blkdev",
        "Product revision level: 0001",
        "SRP T10/1415-D revision 16a",
        "SAM-4 T10/1683-D revision 14",
        "SPC-4 T10/BSR INCITS 513 revision 23",
    ):
        assert words in text


def test_sg_vpd(tmp_path):
    with Bench(Disk(Ram(1 << 20), "disk1", max_transfer=1 << 20)) as bench:
        text = "".join(
            sg("sg_vpd", bench.good(f"1201{page:02x}00ff00"), tmp_path)
            for page in (0, 0x80, 0x83, 0x86, 0x87, 0x88, 0x8F, 0xB0, 0xB1)
        )
        serial = bench.unit.identity.serial
    for words in (
        "Block limits (SBC) [bl]",
        f"Unit serial number: {serial}",
        f"vendor specific: {serial}-disk1",
        "Relative target port: 0x1",
        "HEADSUP=1 ORDSUP=1 SIMPSUP=1",
        "MLUS=0,  Policy: shared",
        "Relative port=1",
        "Maximum transfer length: 2048 blocks",
        "Optimal transfer length granularity: 8 blocks",
        "Non-rotating medium",
    ):
        assert words in text


def test_nothing_is_claimed_that_is_not_there(bench):
    data = inquiry.Inquiry(bench.good("120000006000"))
    assert not data.multip, "one port, and none other is told of"
    assert list(data.version_descriptors) == [0x008B, 0x0955, 0x0463, 0x04C0, 0, 0, 0, 0]
    assert data.cmdque
    recovery = parse_mode6(bench.good("1a000100ff00")).pages[0]
    assert (recovery.awre, recovery.arre) == (False, False), "nothing is reassigned"
    assert inquiry.parse_vpd(bench.good("1201b100ff00")).medium_rotation_rate == 1


@pytest.mark.parametrize("descriptor", [False, True])
def test_sg_decode_sense(bench, descriptor):
    if shutil.which("sg_decode_sense") is None:
        pytest.skip("sg_decode_sense is not installed (sg3-utils)")
    page = bytearray(bench.good("1a080a00ff00")[4:])
    page[2] |= 4 * descriptor
    bench.good("15100000100000", bytes(4) + page)
    for refused, words in (
        ("1a00c8", ("Saving parameters not supported", "byte 2 bit 7")),
        (cdb.Read10.build(lba=4096), ("Logical block address out of range", "byte 2")),
    ):
        sense = bench(refused).sense
        text = subprocess.run(
            ["sg_decode_sense", *sense.hex(" ").split()], capture_output=True, text=True, check=True
        ).stdout
        assert ("Descriptor format" in text) == descriptor
        assert all(w in text for w in ("Illegal Request", *words))


# What the real drivers sent to QEMU's disk

OTHERWISE = {
    "a30c": "QEMU has no REPORT SUPPORTED OPERATION CODES",
    "1201b2": "no thin provisioning here",
    "04": "no FORMAT UNIT here",
    "2e": "no WRITE AND VERIFY here",
    "41": "no WRITE SAME here",
    "93": "no WRITE SAME here",
    "42": "no UNMAP here",
    "1a00048": "other pages",
    "a0": "the target's",
}
SENSE_OTHERWISE = {
    "15": "garbage that two checks find fault with",
    "9e1f": "a field, not an opcode",
}


def conversations():
    for path in sorted(CAPTURES.glob("*.jsonl")):
        commands = {}
        for line in path.read_text().splitlines():
            record = json.loads(line)
            number, raw = record.get("txn"), bytes.fromhex(record["hex"])
            if number is None:
                continue
            if record["what"] == "iu" and record["dir"] == "i2t" and raw[:1] == b"\2":
                if raw[20:22] == b"\x81\x00":
                    room = srp.parse(raw).data_in
                    commands[number] = {
                        "cdb": raw[32:48],
                        "out": b"",
                        "in": 0,
                        "room": room.len if room is not None else 0,
                        "whole": True,
                    }
            elif number in commands:
                one = commands[number]
                if record["what"] == "data" and record["dir"] == "i2t":
                    one["out"] += raw
                    one["whole"] = one["whole"] and not record.get("truncated")
                elif record["what"] == "data":
                    one["in"] += record.get("len", len(raw))
                elif record["what"] == "iu" and raw[:1] == b"\xc1" and not raw[18] & 1:
                    one["status"], one["sense"] = raw[19], raw[36:]
        for one in commands.values():
            if "status" in one and one["whole"]:
                yield path.stem, one


def test_captured_commands():
    """Every command for LUN 8100: the status that QEMU's disk gave, and no more data than that one sent."""
    seen = set()
    with Bench(Disk(Ram(64 << 20))) as bench:
        for name, one in conversations():
            text = one["cdb"].hex()
            result = bench(one["cdb"], one["out"], room=one["room"])
            if any(text.startswith(x) for x in OTHERWISE):
                continue
            if one["sense"][2:3] == b"\6":  # QEMU's reset
                continue
            seen.add(text[:2])
            assert result.status == one["status"], (name, text, result.sense.hex())
            if one["status"] == 2 and not any(text.startswith(x) for x in SENSE_OTHERWISE):
                assert result.code == (one["sense"][2] & 15, one["sense"][12], one["sense"][13]), (name, text)
            if text[:2] in ("08", "28", "a8", "88", "25"):
                assert len(result.data) == one["in"], (name, text)
            assert len(result.data) <= one["room"]
    assert {"00", "03", "08", "12", "1a", "25", "28", "2a", "5a", "88", "9e", "a8"} <= seen


# Anything at all


@pytest.fixture(scope="module")
def victim():
    with Bench(Disk(Ram(1 << 20))) as bench:
        yield bench


@given(
    head=st.one_of(
        st.sampled_from(sorted(Disk.commands.by_opcode)).map(lambda o: bytes([o])),
        st.binary(min_size=1, max_size=1),
        st.sampled_from([b"\x9e\x10", b"\xa3\x0c"]),
    ),
    rest=st.one_of(
        st.binary(min_size=15, max_size=31),
        st.lists(st.sampled_from([0, 0, 0, 1, 2, 0x10, 0x3F, 0xFF]), min_size=15, max_size=15).map(bytes),
    ),
    data=st.binary(max_size=600),
    room=st.integers(0, 4096),
    who=st.booleans(),
)
@settings(max_examples=1500)
def test_no_command_is_too_strange(victim, head, rest, data, room, who):
    """The bench checks that it ends once and that nothing is written past the data it sent."""
    raw = (head + rest)[: len(rest) + 1]
    nexus = victim.nexus if who else victim.unit.nexuses()[-1]
    result = victim(raw, data, room=room, nexus=nexus)
    assert result.status in (0, 2, 4, 0x18)
    if result.status == 2:
        sense = parse_sense(result.sense)
        assert sense.problems() == []
        assert not sense.deferred
        key = sense.sense_key
        assert key in (2, 5, 6, 7, 0xE), f"{key}: {raw.hex()}"
        if key == 5 and sense.asc in (0x20, 0x21, 0x24):
            assert sense.sks.c_d
            assert sense.sks.field_pointer < 32
    assert len(result.data) <= room


class Model(RuleBasedStateMachine):
    """A disk against a bytearray: reads, writes, verifies, protection, resets and reservations."""

    blocks = 64

    def __init__(self):
        super().__init__()
        self.block = 512
        self.bench = Bench(Disk(Ram(self.blocks * self.block)))
        self.other = self.bench.login()
        self.model = bytearray(self.blocks * self.block)
        self.holder = None

    def teardown(self):
        self.bench.close()

    def span(self, lba, count):
        return slice(lba * self.block, (lba + count) * self.block)

    def run(self, who, lba, count, command, data=b"", room=65536):
        """The result, if it was not refused as the model says it must be."""
        nexus = (self.bench.nexus, self.other)[who]
        result = self.bench(command, data, room=room, nexus=nexus)
        if self.holder not in (None, nexus):
            assert result.status == 0x18
        elif lba + count > self.blocks or lba >= self.blocks:
            assert result.code == OUT_OF_RANGE
        else:
            return result
        return None

    whos, lbas, counts = st.integers(0, 1), st.integers(0, 66), st.integers(0, 20)

    @rule(
        who=whos,
        lba=lbas,
        count=counts,
        kind=st.sampled_from(WRITES[1:]),
        seed=st.integers(0, 255),
        fua=st.booleans(),
    )
    def write(self, who, lba, count, kind, seed, fua):
        data = pattern(count * self.block, seed)
        result = self.run(who, lba, count, kind.build(lba=lba, transfer_length=count, fua=fua), data)
        if result is not None:
            assert result.status == 0
            self.model[self.span(lba, count)] = data

    @rule(who=whos, lba=lbas, count=counts, kind=st.sampled_from(READS[1:]), room=st.integers(0, 12000))
    def read(self, who, lba, count, kind, room):
        result = self.run(who, lba, count, kind.build(lba=lba, transfer_length=count), room=room)
        if result is not None:
            assert result.data == bytes(self.model[self.span(lba, count)][:room])

    @rule(who=whos, lba=lbas, count=st.integers(1, 20), kind=st.sampled_from(VERIFIES), flip=st.booleans())
    def verify(self, who, lba, count, kind, flip):
        data = bytearray(self.model[self.span(lba, count)].ljust(count * self.block, b"\0"))
        data[count * 37] ^= flip
        command = kind.build(lba=lba, verification_length=count, bytchk=1)
        result = self.run(who, lba, count, command, bytes(data))
        if result is not None:
            assert result.status == (2 if flip else 0)
            assert not flip or result.code == MISCOMPARE

    @rule(who=whos)
    def reserve(self, who):
        nexus = (self.bench.nexus, self.other)[who]
        free = self.holder in (None, nexus)
        assert self.bench("160000000000", nexus=nexus).status == (0 if free else 0x18)
        if free:
            self.holder = nexus

    @rule(who=whos)
    def release(self, who):
        nexus = (self.bench.nexus, self.other)[who]
        self.bench.good("170000000000", nexus=nexus)
        if self.holder is nexus:
            self.holder = None

    @precondition(lambda self: self.holder is not None)
    @rule()
    def reset(self):
        self.bench.unit.reset()
        self.holder = None
        for nexus in self.bench.nexus, self.other:
            assert self.bench.bad(TUR, nexus=nexus) == (6, 0x29, 0)

    @invariant()
    def same(self):
        assert bytes(self.bench.unit.backend.memory()) == self.model


Model.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestModel = Model.TestCase
