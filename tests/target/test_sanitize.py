"""SANITIZE (SBC-4, 4.11 and 5.27): what blocks hold then, what others are told meanwhile, and what follows a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs_rig import TUR, Pair, code
from pysrp.backends import Ram
from pysrp.scsi.cdb import GetLbaStatus16
from pysrp.scsi.codes import ProvisioningStatus
from pysrp.scsi.params import GetLbaStatus
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.saved_files import SavedFile
from target_rig import BLOCK
from unit_bench import Bench
from waiting import until

SIZE = 16 * BLOCK
OVERWRITE, BLOCK_ERASE, CRYPTOGRAPHIC_ERASE, EXIT = 1, 2, 3, 0x1F
IMMED, AUSE = 0x80, 0x20
IN_CDB, IN_LIST, CUT = (5, 0x24, 0), (5, 0x26, 0), (5, 0x1A, 0)
GOING, FAILED = (2, 4, 0x1B), (3, 0x31, 3)


def cdb(action: int, flags: int = 0, length: int = 0) -> bytes:
    return bytes((0x48, flags | action, 0, 0, 0, 0, 0, *length.to_bytes(2, "big"), 0))


def passes(count: int, pattern: bytes, first: int = 0) -> bytes:
    return bytes((first | count, 0, *len(pattern).to_bytes(2, "big"))) + pattern


@pytest.fixture
def ram() -> Iterator[Ram]:
    with Ram(SIZE) as ram:
        ram.memory()[:] = b"x" * SIZE
        yield ram


@pytest.fixture(params=[Disk, ThinDisk])
def bench(request: pytest.FixtureRequest, ram: Ram) -> Iterator[Bench]:
    with Bench(request.param(ram)) as bench:
        yield bench


@pytest.mark.parametrize(
    ("data", "block"),
    [
        (passes(1, b"abc"), b"abc"),
        (passes(31, b"p" * BLOCK), b"p"),
        (passes(2, b"\x0f\x11", 0x80), b"\xf0\xee"),
        (passes(3, b"\x0f\x11", 0x80), b"\x0f\x11"),
    ],
)
def test_what_overwrite_leaves(bench: Bench, ram: Ram, data: bytes, block: bytes) -> None:
    bench.good(cdb(OVERWRITE, 0, len(data)), data)
    assert bytes(ram.memory()) == (block * BLOCK)[:BLOCK] * 16


def test_block_erase_leaves_zeros_that_have_been_written() -> None:
    class Written(Ram):
        blocks = 0

        def write_from(self, offset: int, view: memoryview) -> None:
            self.blocks += len(view) // BLOCK
            super().write_from(offset, view)

    with Written(SIZE) as ram, Bench(ThinDisk(ram)) as bench:
        ram.memory()[:] = b"x" * SIZE
        bench.good(cdb(BLOCK_ERASE))
        assert bytes(ram.memory()) == bytes(SIZE)
        assert ram.blocks >= 16


def test_block_erase_gives_the_blocks_back(ram: Ram) -> None:
    with Bench(ThinDisk(ram)) as bench:
        bench.good(cdb(BLOCK_ERASE))
        assert bench.good(bytes((0x28, 0, 0, 0, 0, 0, 0, 0, 16, 0)), room=SIZE) == bytes(SIZE)
        told = GetLbaStatus(bench.good(GetLbaStatus16.build(allocation_length=24)))
        (whole,) = told.descriptors
        assert (whole.number_of_logical_blocks, whole.provisioning_status) == (
            16,
            ProvisioningStatus.DEALLOCATED,
        )


def test_a_thick_disk_has_no_block_erase(ram: Ram) -> None:
    with Bench(Disk(ram)) as bench:
        result = bench(cdb(BLOCK_ERASE))
        assert (result.code, result.pointer) == (IN_CDB, (True, 1, 4))
        assert bytes(ram.memory()) == b"x" * SIZE


@pytest.mark.parametrize("action", [OVERWRITE, BLOCK_ERASE, EXIT])
def test_bits_that_mean_nothing_are_refused(action: int, ram: Ram) -> None:
    """Reserved ones, and ZNR, which SBC-3 reserves: what cannot be undone is asked for by who knows how."""
    data = passes(1, b"a") if action == OVERWRITE else b""
    with Bench(ThinDisk(ram)) as bench:
        for byte, bits, pointer in [
            (1, 0x40, (1, 6)),
            *((at, 1 << at, (2, None)) for at in range(2, 7)),
            (9, 8, (9, 5)),
        ]:
            raw = bytearray(cdb(action, 0, len(data)))
            raw[byte] |= bits
            result = bench(bytes(raw), data)
            assert (result.code, result.pointer) == (IN_CDB, (True, *pointer)), raw.hex()
    assert bytes(ram.memory()) == b"x" * SIZE


@pytest.mark.parametrize(
    ("raw", "data", "wanted", "pointer"),
    [
        (cdb(CRYPTOGRAPHIC_ERASE), b"", IN_CDB, (True, 1, 4)),
        (cdb(BLOCK_ERASE, 0, 1), b"a", IN_CDB, (True, 7, None)),
        (cdb(OVERWRITE), b"", IN_CDB, (True, 7, None)),
        (cdb(OVERWRITE, 0, 4), passes(1, b""), IN_CDB, (True, 7, None)),
        (cdb(OVERWRITE, 0, 5 + BLOCK), passes(1, bytes(BLOCK + 1)), IN_CDB, (True, 7, None)),
        (cdb(OVERWRITE, 0, 5), passes(1, b""), CUT, None),
        (cdb(OVERWRITE, 0, 5), passes(1, b"ab")[:5], CUT, None),
        (cdb(OVERWRITE, 0, 5), passes(0, b"a"), IN_LIST, (False, 0, 4)),
        (cdb(OVERWRITE, 0, 5), passes(1, b"a", 0x20), IN_LIST, (False, 0, 6)),
        (cdb(OVERWRITE, 0, 5), bytes((1, 0, 0, 0, 1)), IN_LIST, (False, 2, None)),
        (cdb(EXIT, 0, 1), b"a", IN_CDB, (True, 7, None)),
    ],
)
def test_what_it_refuses(bench: Bench, ram: Ram, raw: bytes, data: bytes, wanted: Any, pointer: Any) -> None:
    if raw[1] == BLOCK_ERASE and not bench.unit.thin:
        pointer = True, 1, 4
    result = bench(raw, data)
    assert (result.code, result.pointer) == (wanted, pointer)
    assert bytes(ram.memory()) == b"x" * SIZE


def test_protected(ram: Ram) -> None:
    with Bench(ThinDisk(ram, read_only=True)) as bench:
        assert bench.bad(cdb(BLOCK_ERASE)) == (7, 0x27, 0)


def test_nothing_to_exit(bench: Bench) -> None:
    bench.good(cdb(EXIT))


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair(ThinDisk, SIZE)
    yield pair
    pair.close()


@pytest.mark.parametrize("flags", [0, IMMED], ids=["waits", "immediate"])
def test_it_goes_on_whatever_happens_to_who_asked(pair: Pair, flags: int) -> None:
    """Neither an abort nor a reset ends it; others are told the progress, of all passes together."""
    data = passes(2, b"ab")
    tag = pair.command(pair.first, cdb(OVERWRITE, flags, len(data)), data)
    for step in range(32):
        pair.turns.in_step(0)
        for sense in pair.bad(pair.other, TUR), pair.reported(pair.other), pair.bad(pair.other, cdb(EXIT)):
            assert code(sense) == GOING
            assert abs(sense.sks.progress_indication - step * 0x10000 // 32) <= 1
        if step == 1 and not flags:
            pair.first.client.manage(0, TskMgmtFunc.ABORT_TASK, tag)
            pair.first.run()
        if step == 2:
            pair.unit.reset()
            pair.other.attended()
        pair.turns.turn.release()
    until(lambda: pair.unit.job is None)
    pair.good(pair.other)
    assert bytes(pair.medium.memory()) == b"ab" * (SIZE // 2)


@pytest.mark.parametrize("ause", [0, AUSE])
@pytest.mark.parametrize("flags", [0, IMMED])
def test_after_a_failure(pair: Pair, flags: int, ause: int) -> None:
    pair.turns.fail = 3
    tag = pair.command(pair.first, cdb(BLOCK_ERASE, flags | ause))
    pair.over()
    if flags:
        assert pair.first.client.answer(tag).status == 0
        assert pair.bad(pair.first, TUR).deferred
    else:
        assert code(parse_sense(bytes(pair.ended(tag).sense)))[0] == 3
    for raw in TUR, "28000000000000000100", "040000000000":
        assert code(pair.bad(pair.other, raw)) == FAILED
    assert code(pair.reported(pair.other)) == FAILED
    if ause:
        pair.other.settle(lambda: not pair.other.client.answers)
        exit = pair.command(pair.other, cdb(EXIT))
        pair.other.settle(lambda: bool(pair.other.client.answers))
        assert pair.other.client.answer(exit).status == 0
    else:
        sense = pair.bad(pair.other, cdb(EXIT))
        assert (code(sense), sense.sks.field_pointer) == (IN_CDB, 1)
        assert code(pair.bad(pair.other, cdb(BLOCK_ERASE, AUSE))) == IN_CDB
        again = pair.command(pair.first, cdb(BLOCK_ERASE))
        assert pair.ended(again).status == 0
        assert bytes(pair.medium.memory()) == bytes(SIZE)
    pair.good(pair.first)
    pair.good(pair.other)


@pytest.mark.parametrize("ause", [0, AUSE])
def test_what_was_cut_short_is_so_after_a_restart(tmp_path: Path, ause: int) -> None:
    """A disk that came up again as if nothing had been would have some blocks that are not sanitized."""
    path = tmp_path / "d.saved"
    with SavedFile(path, "u") as store:
        pair = Pair(lambda medium: ThinDisk(medium, saved=store), SIZE)
        pair.command(pair.first, cdb(BLOCK_ERASE, IMMED | ause))
        pair.turns.in_step(2)
        assert pair.unit.job is not None
        pair.unit.job.stop()
        pair.over()
        pair.close()
    with SavedFile(path, "u") as store, Ram(SIZE) as ram, Bench(ThinDisk(ram, saved=store)) as bench:
        assert bench.bad(TUR) == FAILED
        if ause:
            bench.good(cdb(EXIT))
        else:
            assert bench.bad(cdb(EXIT)) == IN_CDB
            bench.good(cdb(BLOCK_ERASE))
        bench.good(TUR)
    with SavedFile(path, "u") as store, Ram(SIZE) as ram, Bench(ThinDisk(ram, saved=store)) as bench:
        bench.good(TUR)


def test_what_cannot_be_kept_does_not_begin(tmp_path: Path, ram: Ram) -> None:
    store = SavedFile(tmp_path / "d.saved", "u")
    with Bench(ThinDisk(ram, saved=store)) as bench:
        store.close()
        assert bench.bad(cdb(BLOCK_ERASE)) == (4, 0x44, 0)
        assert bytes(ram.memory()) == b"x" * SIZE
        bench.good(TUR)


@pytest.mark.parametrize(
    "raw", ["28000000000000000100", "040000000000", cdb(BLOCK_ERASE, AUSE), "1dc000000000"]
)
def test_what_waited_when_it_began_does_not_go_on_when_it_has_failed(pair: Pair, raw: Any) -> None:
    """Nor does it wait for so long: it is told what goes on, as who comes later is."""
    reading = pair.command(pair.first, "28000000000000000100", room=BLOCK)
    pair.turns.in_step(0)
    pair.turns.fail = 2
    pair.command(pair.first, cdb(BLOCK_ERASE, IMMED))
    assert pair.unit.job is None
    waiting = pair.command(pair.other, raw, room=BLOCK)
    assert not pair.other.client.answers
    pair.turns.turn.release()
    pair.first.settle(lambda: pair.unit.job is not None)
    pair.turns.in_step(0)
    pair.other.settle(lambda: bool(pair.other.client.answers))
    assert code(parse_sense(bytes(pair.other.client.answer(waiting).sense))) == GOING
    pair.over()
    assert code(pair.bad(pair.other, TUR)) == FAILED
    assert code(pair.bad(pair.other, cdb(EXIT))) == IN_CDB
    assert pair.first.client.answer(reading).status == 0
