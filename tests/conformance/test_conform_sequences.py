"""What one command does to the next ones, of the same initiator (A) and of another one (B)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from conformance_cdbs import EXTENTS, c16
from conformance_rig import (
    CHANGED,
    CONFLICT,
    GOOD,
    IN_CDB,
    NO_MEDIUM,
    PREVENTED,
    PROTECTED,
    STOPPED,
    SWP,
    Answer,
    Unit,
    how,
)

A, B = 0, 1
Step = tuple[int, str, Answer]
"""Who, the CDB in hex, and the answer."""

READY = "000000000000"
START, STOP, EJECT, LOAD = "1b0000000100", "1b0000000000", "1b0000000200", "1b0000000300"
PREVENT, ALLOW = "1e0000000100", "1e0000000000"
RESERVE, RELEASE = "160000000000", "170000000000"
STANDBY, IDLE, ACTIVE = "1b0000003000", "1b0000002000", "1b0000001000"

ANY: dict[str, list[Step]] = {
    "stopped for all, until it is started": [
        (A, STOP, GOOD), (A, READY, STOPPED), (B, READY, STOPPED), (A, STOP, GOOD), (B, START, GOOD), (A, READY, GOOD),
        (A, START, GOOD), (B, READY, GOOD),
    ],
    "a power condition ends with a command": [
        (A, STANDBY, GOOD), (B, READY, GOOD), (A, IDLE, GOOD), (A, ACTIVE, GOOD), (B, READY, GOOD),
    ],
    "a power condition starts what was stopped": [(A, STOP, GOOD), (A, IDLE, GOOD), (A, READY, GOOD), (B, READY, GOOD)],
    "RESERVE of SPC-2": [
        (A, RESERVE, GOOD), (A, RESERVE, GOOD), (B, READY, CONFLICT), (B, RESERVE, CONFLICT), (B, RELEASE, GOOD),
        (A, READY, GOOD), (B, "12000000ff00", GOOD), (B, "03000000ff00", GOOD), (B, STOP, CONFLICT),
        (A, RELEASE, GOOD), (B, READY, GOOD),
    ],
}  # fmt: skip
FIXED: dict[str, list[Step]] = {
    "there is nothing to eject": [(A, EJECT, IN_CDB), (A, LOAD, IN_CDB), (A, READY, GOOD)],
}
REMOVABLE: dict[str, list[Step]] = {
    "ejected and loaded": [
        (A, EJECT, GOOD), (A, READY, NO_MEDIUM), (B, READY, NO_MEDIUM), (A, START, NO_MEDIUM), (A, EJECT, GOOD),
        (A, LOAD, GOOD), (A, READY, GOOD), (B, READY, CHANGED), (B, READY, GOOD),
    ],
    "prevented by one, for both": [
        (A, PREVENT, GOOD), (A, EJECT, PREVENTED), (B, EJECT, PREVENTED), (A, READY, GOOD), (B, PREVENT, GOOD), (A, ALLOW, GOOD),
        (A, EJECT, PREVENTED), (B, ALLOW, GOOD), (A, EJECT, GOOD), (A, LOAD, GOOD), (B, READY, CHANGED),
    ],
    "stopped, though prevented": [
        (A, PREVENT, GOOD), (A, STOP, GOOD), (A, READY, STOPPED), (A, START, GOOD), (A, ALLOW, GOOD), (B, READY, GOOD),
    ],
}  # fmt: skip


def of(kind: str) -> list[tuple[str, str, list[Step]]]:
    return [
        (kind, name, steps)
        for name, steps in {"any": ANY, "fixed": FIXED, "removable": REMOVABLE}[kind].items()
    ]


@pytest.mark.parametrize(("kind", "name", "steps"), [*of("any"), *of("fixed"), *of("removable")])
def test_sequence(disk: Unit, kind: str, name: str, steps: list[Step]) -> None:
    if kind != "any" and (kind == "removable") != disk.kind.removable:
        pytest.skip(f"{name}: of the other ones")
    found = [
        (who, raw, disk.answer(bytes.fromhex(raw), b"", 0 if raw[:2] != "03" else 255, who))
        for who, raw, _ in steps
    ]
    assert found == steps


def medium_commands(disk: Unit) -> Iterator[tuple[str, bytes, bytes, int]]:
    for what in EXTENTS:
        if what.needs and not getattr(disk, what.needs):
            continue
        data = bytes(what.length(1, disk.size) or disk.size) if what.writes else b""
        yield what.name, what.build(1, 1, 0), data, disk.size if what.data == "in" else 0
    yield "TEST UNIT READY", bytes(6), b"", 0
    yield "READ CAPACITY(10)", b"\x25" + bytes(9), b"", 8
    yield "READ CAPACITY(16)", struct.pack(">BB8xI2x", 0x9E, 0x10, 32), b"", 32
    yield "READ DEFECT DATA(10)", bytes.fromhex("37000000000000ff0000")[:10], b"", 255
    yield "FORMAT UNIT", bytes((4, 0, 0, 0, 0, 0)), b"", 0
    yield "SANITIZE, OVERWRITE", struct.pack(">BB5xHB", 0x48, 1, 5, 0), b"\1\0\0\1x", 0
    if disk.kind.thin:
        yield "UNMAP", struct.pack(">BB5xHx", 0x42, 0, 24), struct.pack(">HH4xQI4x", 22, 16, 0, 1), 0
        yield "GET LBA STATUS", struct.pack(">BBQIBB", 0x9E, 0x12, 0, 24, 0, 0), b"", 24


def test_without_a_medium(disk: Unit) -> None:
    """Every command for the medium says so; the others are answered as ever."""
    removable = disk.kind.removable
    disk.good(bytes.fromhex(EJECT if removable else STOP))
    wanted = NO_MEDIUM if removable else STOPPED
    try:
        found = {name: disk.answer(cdb, data, room) for name, cdb, data, room in medium_commands(disk)}
        assert found == dict.fromkeys(found, wanted)
        for raw in (
            "12000000ff00",
            "12018300ff00",
            "1a003f00ff00",
            "4d004000000000 00ff00",
            "a30c00000000000010000000",
        ):
            assert disk.answer(bytes.fromhex(raw), room=4096) == GOOD, raw
        sense = disk.good(bytes.fromhex("03000000ff00"), room=255)
        assert (sense[2] & 15, sense[12], sense[13]) == wanted
    finally:
        disk.good(bytes.fromhex(LOAD if removable else START))
    assert disk.answer(bytes(6), who=B) == (CHANGED if removable else GOOD)
    assert disk.answer(bytes(6)) == GOOD


def control_page(disk: Unit, byte: int, bits: int) -> None:
    """MODE SELECT(6) of the control page with these bits of it set or, at 0, as they are by default."""
    page = bytearray(disk.good(bytes((0x1A, 8, 0x8A, 0, 255, 0)), room=255)[4:])
    page[0] &= 0x3F
    page[byte] |= bits
    disk.good(bytes((0x15, 0x10, 0, 0, 4 + len(page), 0)), bytes(4) + bytes(page))
    assert disk.answer(bytes(6), who=B) == (6, 0x2A, 1), "MODE PARAMETERS CHANGED"


def test_software_write_protect(disk: Unit) -> None:
    """SWP: nothing is written by anybody, and WP says so."""
    control_page(disk, 4, 8)
    try:
        protected = PROTECTED if disk.kind.read_only else SWP
        for who in A, B:
            for what in EXTENTS:
                if what.writes and not what.needs:
                    data = bytes(what.length(1, disk.size) or disk.size)
                    assert disk.answer(what.build(1, 1, 0), data, who=who) == protected, what.name
            assert disk.answer(c16(0x88)(1, 1, 0), room=disk.size, who=who) == GOOD
            assert disk.good(bytes((0x1A, 0, 0x3F, 0, 4, 0)), room=4, who=who)[2] & 0x80
    finally:
        control_page(disk, 4, 0)
    write = disk.answer(c16(0x8A)(1, 1, 0), bytes(disk.size))
    assert write == (PROTECTED if disk.kind.read_only else GOOD)


def test_descriptor_sense(disk: Unit) -> None:
    """D_SENSE: 72h, and the address that is out of range in an information descriptor."""
    control_page(disk, 2, 4)
    try:
        result = disk(c16(0x88)(disk.blocks, 1, 0), b"", disk.size)
        assert (result.status, result.sense[:4]) == (2, bytes((0x72, 5, 0x21, 0)))
    finally:
        control_page(disk, 2, 0)
    assert disk(c16(0x88)(disk.blocks, 1, 0), b"", disk.size).sense[0] & 0x7F == 0x70


TYPES = {1: "Write Exclusive", 3: "Exclusive Access", 5: "WE, Registrants Only", 6: "EA, Registrants Only", 7: "WE, All Registrants", 8: "EA, All Registrants"}  # fmt: skip


def persistent(disk: Unit, who: int, action: int, kind: int = 0, key: int = 0, new: int = 0) -> Answer:
    return disk.answer(
        struct.pack(">BBB2xIx", 0x5F, action, kind, 24), struct.pack(">QQ8x", key, new), who=who
    )


@pytest.mark.parametrize("kind", TYPES, ids=TYPES.get)
@pytest.mark.parametrize("registered", [False, True], ids=["stranger", "registrant"])
def test_persistent_reservation(disk: Unit, kind: int, registered: bool) -> None:
    """Who may read and write beside the holder; who is no registrant of an all registrants type holds nothing (SPC-4, 5.13)."""
    read, write = c16(0x88)(1, 1, 0), c16(0x8A)(1, 1, 0)
    assert persistent(disk, A, 0, new=0xA) == GOOD
    if registered:
        assert persistent(disk, B, 0, new=0xB) == GOOD
    assert persistent(disk, A, 1, kind, key=0xA) == GOOD
    assert persistent(disk, A, 1, kind, key=0xA) == GOOD, "the same again"
    assert persistent(disk, B, 1, kind, key=0xB) == (GOOD if registered and kind in (7, 8) else CONFLICT)
    in_all = registered and kind in (5, 6, 7, 8)
    may_write = PROTECTED if disk.kind.read_only else GOOD
    assert disk.answer(read, room=disk.size, who=B) == (GOOD if in_all or kind in (1, 5, 7) else CONFLICT)
    assert disk.answer(write, bytes(disk.size), who=B) == (may_write if in_all else CONFLICT)
    assert disk.answer(write, bytes(disk.size), who=A) == may_write
    told = disk.good(bytes((0x5E, 1, 0, 0, 0, 0, 0, 0, 24, 0)), room=24, who=B)
    assert told[21] == kind
    assert persistent(disk, A, 3, key=0xA) == GOOD, "CLEAR"
    wanted: list[Answer] = [(6, 0x2A, 3), GOOD] if registered else [GOOD]
    assert [disk.answer(bytes(6), who=B) for _ in wanted] == wanted
    assert disk.good(bytes((0x5E, 0, 0, 0, 0, 0, 0, 0, 24, 0)), room=24)[4:] == bytes(4), "no keys"
    assert how(disk(write, bytes(disk.size), who=B)) == may_write
