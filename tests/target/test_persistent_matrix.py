"""Which commands conflict with which reservations of whom: the tables of SPC-5 and SBC-4, and those of SPC-2 for RESERVE."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from persistent_rig import (
    CONFLICT,
    EA,
    EA_AR,
    EA_RO,
    IGNORE,
    TYPES,
    WE,
    WE_AR,
    WE_RO,
    Keeper,
    in_cdb,
    out_cdb,
    out_list,
)
from pysrp.backends import Ram
from pysrp.target.disk import ThinDisk
from pysrp.target.saved_files import SavedFile
from pysrp.target.units.port_groups import PortGroup, PortGroups
from unit_bench import Bench

# SPC-5, table 48 (5.14.1), and SBC-4, table 11 (4.17): A is allowed, C is a conflict. The columns:
# from any nexus but the holder, Write Exclusive; the same, Exclusive Access; from a registered nexus, the four types for
# registrants; from one that is not registered, Write Exclusive and Exclusive Access of these four.
TABLE = """
INQUIRY                          A A A A A   12 00 00 00 60 00
REPORT LUNS                      A A A A A   a0 00 00 00 00 00 00 00 00 40 00 00
REQUEST SENSE                    A A A A A   03 00 00 00 60 00
TEST UNIT READY                  A A A A A   00 00 00 00 00 00
MODE SELECT(6)                   C C A C C   15 10 00 00 04 00
MODE SELECT(10)                  C C A C C   55 10 00 00 00 00 00 00 08 00
MODE SENSE(6)                    A C A A C   1a 00 3f 00 ff 00
MODE SENSE(10)                   A C A A C   5a 00 3f 00 00 00 00 00 ff 00
PERSISTENT RESERVE IN 0          A A A A A   5e 00 00 00 00 00 00 01 00 00
PERSISTENT RESERVE IN 1          A A A A A   5e 01 00 00 00 00 00 01 00 00
PERSISTENT RESERVE IN 2          A A A A A   5e 02 00 00 00 00 00 01 00 00
PERSISTENT RESERVE IN 3          A A A A A   5e 03 00 00 00 00 00 01 00 00
REPORT SUPPORTED OPERATION CODES A C A A C   a3 0c 00 00 00 00 00 00 10 00 00 00
REPORT SUPPORTED TMFS            A C A A C   a3 0d 00 00 00 00 00 00 00 10 00 00
REPORT TIMESTAMP                 A A A A A   a3 0f 00 00 00 00 00 00 00 10 00 00
SET TIMESTAMP                    C C A C C   a4 0f 00 00 00 00 00 00 00 00 00 00
REPORT IDENTIFYING INFORMATION   A A A A A   a3 05 00 00 00 00 00 00 00 10 00 00
SET IDENTIFYING INFORMATION      C C A C C   a4 06 00 00 00 00 00 00 00 00 00 00
REPORT TARGET PORT GROUPS        A A A A A   a3 0a 00 00 00 00 00 00 00 10 00 00
SET TARGET PORT GROUPS           C C A C C   a4 0a 00 00 00 00 00 00 00 00 00 00
SEND DIAGNOSTIC                  C C A C C   1d 04 00 00 00 00
RECEIVE DIAGNOSTIC RESULTS       C C A C C   1c 01 00 00 10 00
READ BUFFER(10)                  A C A A C   3c 03 00 00 00 00 00 00 04 00
EXTENDED COPY(LID1)              C C A C C   83 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00
RECEIVE COPY STATUS(LID1)        C C A C C   84 00 01 00 00 00 00 00 00 00 00 00 00 0c 00 00
RECEIVE COPY OPERATING PARAMS    C C A C C   84 03 00 00 00 00 00 00 00 00 00 00 00 40 00 00
RECEIVE COPY FAILURE DETAILS     C C A C C   84 04 01 00 00 00 00 00 00 00 00 00 00 40 00 00
WRITE BUFFER(10)                 C C A C C   3b 02 00 00 00 00 00 00 00 00
LOG SENSE                        A A A A A   4d 00 40 00 00 00 00 00 10 00
LOG SELECT                       C C A C C   4c 02 00 00 00 00 00 00 00 00
READ DEFECT DATA(10)             A C A A C   37 00 18 00 00 00 00 00 08 00
READ DEFECT DATA(12)             A C A A C   b7 18 00 00 00 00 00 00 00 08 00 00
READ(6)                          A C A A C   08 00 00 00 01 00
READ(10)                         A C A A C   28 00 00 00 00 00 00 00 01 00
READ(12)                         A C A A C   a8 00 00 00 00 00 00 00 00 01 00 00
READ(16)                         A C A A C   88 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
VERIFY(10)                       A C A A C   2f 00 00 00 00 00 00 00 01 00
VERIFY(16)                       A C A A C   8f 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
WRITE(6)                         C C A C C   0a 00 00 00 01 00
WRITE(10)                        C C A C C   2a 00 00 00 00 00 00 00 01 00
WRITE(12)                        C C A C C   aa 00 00 00 00 00 00 00 00 01 00 00
WRITE(16)                        C C A C C   8a 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
VERIFY(12)                       A C A A C   af 00 00 00 00 00 00 00 00 01 00 00
VERIFY(32)                       A C A A C   7f 00 00 00 00 00 00 18 00 0a 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
READ(32)                         A C A A C   7f 00 00 00 00 00 00 18 00 09 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
PRE-FETCH(10)                    A C A A C   34 00 00 00 00 00 00 00 01 00
PRE-FETCH(16)                    A C A A C   90 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
WRITE(32)                        C C A C C   7f 00 00 00 00 00 00 18 00 0b 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
WRITE AND VERIFY(10)             C C A C C   2e 00 00 00 00 00 00 00 01 00
WRITE AND VERIFY(12)             C C A C C   ae 00 00 00 00 00 00 00 00 01 00 00
WRITE AND VERIFY(16)             C C A C C   8e 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
WRITE AND VERIFY(32)             C C A C C   7f 00 00 00 00 00 00 18 00 0c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
COMPARE AND WRITE                C C A C C   89 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
WRITE ATOMIC(16)                 C C A C C   9c 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
ORWRITE(16)                      C C A C C   8b 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
FORMAT UNIT                      C C A C C   04 00 00 00 00 00
SANITIZE, OVERWRITE              C C A C C   48 01 00 00 00 00 00 00 05 00
SANITIZE, BLOCK ERASE            C C A C C   48 02 00 00 00 00 00 00 00 00
SANITIZE, EXIT FAILURE MODE      C C A C C   48 1f 00 00 00 00 00 00 00 00
WRITE SAME(10)                   C C A C C   41 00 00 00 00 00 00 00 01 00
WRITE SAME(16)                   C C A C C   93 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
WRITE SAME(32)                   C C A C C   7f 00 00 00 00 00 00 18 00 0d 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
SYNCHRONIZE CACHE(10)            C C A C C   35 00 00 00 00 00 00 00 00 00
SYNCHRONIZE CACHE(16)            C C A C C   91 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
UNMAP                            C C A C C   42 00 00 00 00 00 00 00 00 00
GET LBA STATUS(16)               A C A A C   9e 12 00 00 00 00 00 00 00 00 00 00 00 20 00 00
READ CAPACITY(10)                A A A A A   25 00 00 00 00 00 00 00 00 00
READ CAPACITY(16)                A A A A A   9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00
START STOP UNIT, stop            C C A C C   1b 00 00 00 00 00
START STOP UNIT, start           A A A A A   1b 00 00 00 01 00
PREVENT ALLOW, prevent           C C A C C   1e 00 00 00 01 00
PREVENT ALLOW, allow             A A A A A   1e 00 00 00 00 00
"""

ROWS = [
    (line[:33].strip(), dict(zip("ABCDE", line[33:42].split(), strict=True)), bytes.fromhex(line[43:]))
    for line in TABLE.strip().splitlines()
]

COLUMNS = {
    **{("holder", kind): None for kind in TYPES},
    ("registrant", WE): "A",
    ("registrant", EA): "B",
    **{("registrant", kind): "C" for kind in (WE_RO, EA_RO, WE_AR, EA_AR)},
    ("stranger", WE): "A",
    ("stranger", EA): "B",
    ("stranger", WE_RO): "D",
    ("stranger", WE_AR): "D",
    ("stranger", EA_RO): "E",
    ("stranger", EA_AR): "E",
}
"""Where the table says what becomes of a command; None: the holder's are all allowed."""

ELSEWHERE = {0x16, 0x17, 0x56, 0x57, 0x5F}
"""RESERVE, RELEASE and PERSISTENT RESERVE OUT, which have tables of their own."""

CONDITION_MET = 4

BLOCK_OUT = {0x0A, 0x2A, 0xAA, 0x8A, 0x2E, 0xAE, 0x8E, 0x8B, 0x9C, 0x41, 0x93, 0x7F}
"""What brings a block."""

DATA = {0x15: bytes(4), 0x48: b"\1\0\0\1x", 0x55: bytes(8), 0x83: b"\1" + bytes(15)}


def ask(bench: Bench, raw: bytes, nexus: object) -> str:
    data = DATA.get(raw[0], bytes(512) if raw[0] in BLOCK_OUT else b"")
    status = bench(raw, data, nexus=nexus).status  # type: ignore[arg-type]
    assert status in (0, CONDITION_MET, CONFLICT), f"{raw.hex()}: {status:#x}"
    return "C" if status == CONFLICT else "A"


def with_everything(store: SavedFile) -> ThinDisk:
    """A disk that has every command."""
    disk = ThinDisk(Ram(1 << 20), saved=store)
    disk.port_groups = PortGroups([PortGroup(1, (1,))])
    return disk


def action(raw: bytes) -> int | None:
    if raw[0] == 0x7F:
        return int.from_bytes(raw[8:10], "big")
    return raw[1] & 0x1F if raw[0] in (0x48, 0x5E, 0x83, 0x84, 0x9E, 0xA3, 0xA4) else None


def test_every_command_is_in_a_table() -> None:
    have = {(one.opcode, one.action) for one in ThinDisk.commands if one.opcode not in ELSEWHERE}
    listed = {(raw[0], action(raw)) for _, _, raw in ROWS}
    assert have == listed


@pytest.mark.parametrize(("who", "kind"), COLUMNS, ids=lambda each: str(each))
def test_commands_and_persistent_reservations(who: str, kind: int, tmp_path: Path) -> None:
    with SavedFile(tmp_path / "d.saved") as store, Bench(with_everything(store)) as bench:
        keeper = Keeper(bench).registered([1, 2], kind)
        nexus = keeper.nexuses[("holder", "registrant", "stranger").index(who)]
        column = COLUMNS[who, kind]
        found, expected = {}, {}
        for name, columns, raw in ROWS:
            found[name] = ask(bench, raw, nexus)
            expected[name] = columns[column] if column else "A"
            if raw[0] == 0x1B and not raw[4]:
                bench.good("1b0000000100")
        assert found == expected


@pytest.mark.parametrize("kind", TYPES)
def test_the_short_way_is_closed_to_whom_a_reservation_restricts(kind: int) -> None:
    with Bench(ThinDisk(Ram(1 << 20))) as bench:
        keeper = Keeper(bench).registered([1, 2], kind)
        open_ = [bench.unit.plain(nexus) for nexus in keeper.nexuses]
        assert open_ == [True, kind not in (WE, EA), False]
        late = bench.login("late")
        assert not bench.unit.plain(late)
        keeper.good(0, 2, 1, kind=kind)
        keeper.told()
        assert all(bench.unit.plain(nexus) for nexus in [*keeper.nexuses, late])


# SPC-5, 5.14.3, and SPC-2, 5.5.1: RESERVE and RELEASE with persistent reservations (CRH).

LEGACY = ["160000000000", "170000000000", "56" + "00" * 9, "57" + "00" * 9]


@pytest.mark.parametrize("raw", LEGACY)
@pytest.mark.parametrize("kind", [None, *TYPES])
def test_reserve_and_release_with_persistent_ones(kind: int | None, raw: str) -> None:
    """GOOD, and nothing else, for the holder and, with the types for registrants, who is registered; else a conflict."""
    with Bench(ThinDisk(Ram(1 << 20))) as bench:
        keeper = Keeper(bench).registered([1, 2], kind)
        before = bench.unit.persistent
        found = [bench(raw, nexus=nexus).status for nexus in keeper.nexuses]
        holder = 0 if kind is not None else CONFLICT
        registrant = 0 if kind not in (None, WE, EA) else CONFLICT
        assert found == [holder, registrant, CONFLICT]
        assert bench.unit.persistent is before
        assert bench.unit.reserved_by is None


def test_with_reserve_all_persistent_ones_conflict() -> None:
    """Whoever has it (SPC-2, 5.5.1): the two kinds are never there at once."""
    with Bench(ThinDisk(Ram(1 << 20))) as bench:
        keeper = Keeper(bench)
        bench.good("160000000000")
        for nexus in keeper.nexuses:
            for action in range(4):
                assert bench(in_cdb(action), nexus=nexus).status == CONFLICT
            for action in range(8):
                data = out_list(0, 7) + (struct.pack(">I", 0) if action == 7 else b"")
                assert bench(out_cdb(action, WE, length=len(data)), data, nexus=nexus).status == CONFLICT
        assert not bench.unit.persistent.keys
        bench.good("170000000000")
        keeper.good(1, IGNORE, 0, 7)


def test_a_persistent_reservation_outlasts_what_reserve_does_not() -> None:
    with Bench(ThinDisk(Ram(1 << 20))) as bench:
        keeper = Keeper(bench).registered([1, 2], EA)
        bench.unit.reset()
        keeper.told()
        bench.unit.detach(keeper.nexuses[0])
        write = bytes.fromhex("2a000000000000000100")
        assert bench(write, bytes(512), nexus=keeper.nexuses[1]).status == CONFLICT
        assert bench(write, bytes(512), nexus=keeper.nexuses[2]).status == CONFLICT
        back = bench.login("back", int.from_bytes(keeper.port(0), "big"))
        bench.good(write, bytes(512), nexus=back)
        other_port = bench.login(
            "the same through another target port", int.from_bytes(keeper.port(0), "big"), 2
        )
        assert bench(write, bytes(512), nexus=other_port).status == CONFLICT
