"""What disks of each kind say of themselves, and what they refuse: SPC-4, 6 and 7; SBC-4, 5 and 6."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from conformance_cdbs import EXTENTS, c16
from conformance_rig import (
    CUT,
    GOOD,
    IN_CDB,
    IN_LIST,
    NO_COMMAND,
    NO_SAVING,
    OUT_OF_RANGE,
    PROTECTED,
    Answer,
    Unit,
    how,
)


def inquiry(page: int | None, room: int = 0xFF, code: int = 0) -> bytes:
    return struct.pack(">BBBHB", 0x12, page is not None, code if page is None else page, room, 0)


def mode_sense(page: int, subpage: int = 0, control: int = 0, room: int = 0xFF, dbd: int = 0) -> bytes:
    return bytes((0x1A, dbd << 3, control << 6 | page, subpage, room, 0))


def opcodes(option: int, opcode: int = 0, action: int = 0, rctd: int = 0) -> bytes:
    return struct.pack(">BBBBHIxx", 0xA3, 0x0C, rctd << 7 | option, opcode, action, 65535)


def unmap(room: int, anchor: int = 0) -> bytes:
    return struct.pack(">BB5xHx", 0x42, anchor, room)


def unmap_list(*stretches: tuple[int, int]) -> bytes:
    body = b"".join(struct.pack(">QI4x", lba, blocks) for lba, blocks in stretches)
    return struct.pack(">HH4x", len(body) + 6, len(body)) + body


def lba_status(lba: int, room: int = 24) -> bytes:
    return struct.pack(">BBQIBB", 0x9E, 0x12, lba, room, 0, 0)


def sanitize(action: int, length: int = 0, flags: int = 0) -> bytes:
    return struct.pack(">BB5xHB", 0x48, flags | action, length, 0)


def test_standard_inquiry(disk: Unit) -> None:
    data = disk.good(inquiry(None), room=255)
    assert (data[0], data[1]) == (0, 0x80 if disk.kind.removable else 0), "connected; a disk; RMB"
    assert (data[2], data[3] & 0xF) == (6, 2), "SPC-4; the one response data format"
    assert data[4] == len(data) - 5 >= 31
    assert data[7] & 2, "CMDQUE"
    assert data[8:36].isascii()
    assert b"\0" not in data[8:36]
    versions = [int.from_bytes(data[at : at + 2], "big") & 0xFFE0 for at in range(58, 74, 2)]
    assert {0x0080, 0x0940, 0x0460, 0x04C0} <= set(versions), "SAM-4, SRP, SPC-4, SBC-3"
    for room in 0, 1, 5, 36, 74:
        found = disk(inquiry(None, room), b"", 255)
        assert (how(found), found.data) == (GOOD, data[:room])
        assert found.residual == 255 - len(found.data)
    assert disk.answer(inquiry(None, code=0x80), room=255) == IN_CDB
    assert disk.answer(bytes((0x12, 2, 0, 0, 255, 0)), room=255) == IN_CDB, "CMDDT"


def test_vital_product_data(disk: Unit) -> None:
    """Each page that is listed is there, and no other one."""
    listed = disk.good(inquiry(0), room=255)
    pages = list(listed[4:])
    assert pages == sorted(pages)
    assert {0x00, 0x80, 0x83, 0x86, 0xB0, 0xB1} <= set(pages)
    assert (0xB2 in pages) == disk.kind.thin
    for page in range(256):
        result = disk(inquiry(page, 1024), b"", 1024)
        if page not in pages:
            assert how(result) == IN_CDB
            continue
        assert how(result) == GOOD
        assert (result.data[0], result.data[1]) == (0, page)
        assert int.from_bytes(result.data[2:4], "big") == len(result.data) - 4
        assert disk.good(inquiry(page, 4), room=255) == result.data[:4]


def test_block_limits_agree_with_the_commands(disk: Unit) -> None:
    data = disk.good(inquiry(0xB0), room=255)
    assert len(data) == 64
    (most,) = struct.unpack_from(">I", data, 8)
    unmap_blocks, descriptors = struct.unpack_from(">II", data, 20)
    (atomic,) = struct.unpack_from(">I", data, 44)
    assert data[5] == 255, "COMPARE AND WRITE"
    assert 0 < atomic <= most if disk.atomic else not atomic
    assert bool(unmap_blocks) == bool(descriptors) == disk.kind.thin
    assert unmap_blocks <= 1 << 20
    assert int.from_bytes(data[6:8], "big") == disk.physical, "granularity: physical blocks"
    if disk.kind.thin:
        granularity, alignment = struct.unpack_from(">II", data, 28)
        pieces = getattr(disk.medium, "discard_granularity", 0)
        assert (granularity, alignment) == (max(disk.physical, pieces // disk.size), 1 << 31)
        page = disk.good(inquiry(0xB2), room=255)
        assert page[5] & 0xE0 == 0xE0, "LBPU, LBPWS, LBPWS10"
        assert page[6] & 7 == 2, "thin"
        assert page[5] >> 2 & 7 == 1, "LBPRZ"


def test_capacity(disk: Unit) -> None:
    wanted = struct.pack(">II", disk.blocks - 1, disk.size)
    assert disk.good(bytes((0x25, *bytes(9))), room=8) == wanted
    long = disk.good(struct.pack(">BB8xI2x", 0x9E, 0x10, 32), room=32)
    assert long[:12] == struct.pack(">QI", disk.blocks - 1, disk.size)
    assert long[12] & 1 == 0, "PROT_EN"
    assert long[14] & 0xC0 == (0xC0 if disk.kind.thin else 0), "LBPME and LBPRZ"
    for room in 0, 8, 16:
        assert disk.good(struct.pack(">BB8xI2x", 0x9E, 0x10, room), room=32) == long[:room]
    assert disk.answer(b"\x25\0\0\0\0\1\0\0\0\0", room=8) == IN_CDB, "an address without PMI"


def test_mode_sense(disk: Unit) -> None:
    """All pages and subpages are those that there are one by one; there are no others, and none is saved."""
    for build in (mode_sense, long_mode_sense):
        short = build is mode_sense
        head = 4 if short else 8
        every = disk.good(build(0x3F, 0xFF), room=255)
        told = every[0] + 1 if short else int.from_bytes(every[:2], "big") + 2
        assert told == len(every)
        special = every[2] if short else every[3]
        assert special == (0x80 if disk.kind.read_only else 0) | 0x10, "WP, DPOFUA"
        described = every[3] if short else every[7]
        assert described == 8
        pages = dict(pages_of(every[head + described :]))
        assert {(0x01, 0), (0x08, 0), (0x0A, 0), (0x1C, 0)} <= set(pages)
        plain = [data for (_, subpage), data in pages.items() if not subpage]
        assert disk.good(build(0x3F), room=255)[head + 8 :] == b"".join(plain)
        for page, subpage in pages.keys() | {
            (page, subpage) for page in range(0x3F) for subpage in (0, 1, 2)
        }:
            result = disk(build(page, subpage), b"", 255)
            if (page, subpage) not in pages:
                assert how(result) == IN_CDB, (hex(page), subpage)
                continue
            assert result.data[head + 8 :] == pages[page, subpage]
            assert disk.good(build(page, subpage, dbd=1), room=255)[head:] == pages[page, subpage]
            for control in 1, 2:
                assert len(disk.good(build(page, subpage, control), room=255)) == len(result.data)
            assert disk.answer(build(page, subpage, 3), room=255) == NO_SAVING
        for page in {page for page, _ in pages}:
            own = b"".join(data for (each, _), data in pages.items() if each == page)
            assert disk.good(build(page, 0xFF), room=255)[head + 8 :] == own
        for room in 0, 3, head, head + 8:
            assert disk.good(build(0x3F, 0xFF, room=room), room=255) == every[:room]


def long_mode_sense(page: int, subpage: int = 0, control: int = 0, room: int = 0xFF, dbd: int = 0) -> bytes:
    return struct.pack(">BBBB3xHx", 0x5A, dbd << 3, control << 6 | page, subpage, room)


def pages_of(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    while data:
        subpage = data[1] if data[0] & 0x40 else 0
        length = 4 + int.from_bytes(data[2:4], "big") if data[0] & 0x40 else 2 + data[1]
        yield (data[0] & 0x3F, subpage), data[:length]
        data = data[length:]


def test_every_command_is_reported(disk: Unit) -> None:
    """One by one as all together, with SERVACTV and RCTD; what is not reported is refused as unknown."""
    every = disk.good(opcodes(0), room=65535)
    assert int.from_bytes(every[:4], "big") == len(every) - 4
    found: dict[int, set[int | None]] = {}
    for at in range(4, len(every), 8):
        opcode, action, flags, length = struct.unpack(">BxHxBH", every[at : at + 8])
        acts = bool(flags & 1)
        found.setdefault(opcode, set()).add(action if acts else None)
        one = disk.good(opcodes(2 if acts else 1, opcode, action if acts else 0), room=512)
        assert (one[1] & 7, int.from_bytes(one[2:4], "big")) == (3, length)
        assert one[4] == opcode
        assert len(one) == 4 + length
        timed = disk.good(opcodes(2 if acts else 1, opcode, action if acts else 0, rctd=1), room=512)
        assert timed[1] & 0x80
        assert timed[4 : 4 + length] == one[4:]
        assert len(timed) == 4 + length + 12
        assert disk.answer(opcodes(1 if acts else 2, opcode, action), room=512) == IN_CDB
    with_times = disk.good(opcodes(0, rctd=1), room=65535)
    assert len(with_times) - 4 == (len(every) - 4) // 8 * 20
    assert disk.answer(opcodes(4), room=512) == IN_CDB
    for opcode in range(256):
        if opcode not in found:
            assert disk.good(opcodes(1, opcode), room=512)[1] & 7 == 1
            length = 32 if opcode == 0x7F else 16
            assert disk.answer(bytes((opcode, *bytes(length - 1)))) == NO_COMMAND, hex(opcode)
    for opcode, actions in found.items():
        for action in set(range(32)) - actions if None not in actions and opcode != 0x7F else ():
            assert disk.good(opcodes(2, opcode, action), room=512)[1] & 7 == 1
            assert disk.answer(bytes((opcode, action, *bytes(14)))) == IN_CDB, (hex(opcode), action)


def test_log_pages(disk: Unit) -> None:
    def sense(page: int, subpage: int = 0, pointer: int = 0, room: int = 1024) -> bytes:
        return struct.pack(">BBBBxHHx", 0x4D, 0, 0x40 | page, subpage, pointer, room)

    pages = list(disk.good(sense(0), room=1024)[4:])
    assert pages == sorted(pages)
    assert {0x00, 0x02, 0x03, 0x05, 0x06, 0x0D, 0x0E, 0x10, 0x19, 0x2F} <= set(pages)
    for page in range(0x40):
        result = disk(sense(page), b"", 1024)
        if page not in pages:
            assert how(result) == IN_CDB
            continue
        assert result.data[0] & 0x3F == page
        assert int.from_bytes(result.data[2:4], "big") == len(result.data) - 4
        assert disk.good(sense(page, room=4), room=1024) == result.data[:4]
        assert disk.answer(sense(page, 1), room=1024) == IN_CDB
        assert disk.answer(sense(page, pointer=0xFFFF), room=1024) == IN_CDB


UNMAPS: list[tuple[str, bytes, bytes, Answer]] = [
    ("nothing", unmap(0), b"", GOOD),
    ("no descriptors", unmap(8), unmap_list(), GOOD),
    *((f"{length} bytes", unmap(length), unmap_list()[:length], CUT) for length in range(1, 8)),
    ("a part of a descriptor", unmap(23), unmap_list((0, 1))[:23], GOOD),
    ("less than is said", unmap(24), unmap_list((0, 1))[:16], CUT),
    ("no blocks", unmap(24), unmap_list((0, 0)), GOOD),
    ("overlapping", unmap(40), unmap_list((0, 8), (4, 8)), GOOD),
    ("the highest address", unmap(24), unmap_list(((1 << 64) - 1, 1)), OUT_OF_RANGE),
    ("the highest count", unmap(24), unmap_list((0, (1 << 32) - 1)), OUT_OF_RANGE),
    ("too many descriptors", unmap(8 + 16 * 257), unmap_list(*[(0, 0)] * 257), IN_LIST),
    ("as many as may be", unmap(8 + 16 * 256), unmap_list(*[(0, 0)] * 256), GOOD),
    ("anchored", unmap(8, 1), unmap_list(), IN_CDB),
]


@pytest.mark.parametrize(("name", "cdb", "data", "wanted"), UNMAPS, ids=[each[0] for each in UNMAPS])
def test_unmap(disk: Unit, name: str, cdb: bytes, data: bytes, wanted: Answer) -> None:
    allowed = {wanted} if disk.kind.thin else {NO_COMMAND}
    if disk.kind.thin and disk.kind.read_only:
        allowed |= {PROTECTED}
    assert disk.answer(cdb, data) in allowed


def test_unmap_and_lba_status(disk: Unit) -> None:
    """What is unmapped reads as zeros (LBPRZ), and a status of blocks begins with the one that was asked for."""
    if not disk.kind.thin:
        assert disk.answer(lba_status(0), room=24) == IN_CDB
        return
    assert disk.answer(lba_status(disk.blocks), room=24) == OUT_OF_RANGE
    assert disk.answer(lba_status(disk.blocks - 1), room=24) == GOOD
    assert disk.answer(unmap(24), unmap_list((disk.blocks - 1, 2))) in (OUT_OF_RANGE, PROTECTED)
    page = max((disk.kind.granule or 4096) // disk.size, 1)
    if not disk.kind.read_only:
        disk.good(c16(0x8A)(0, 3 * page, 0), b"w" * (3 * page * disk.size))
        disk.good(unmap(24), unmap_list((page, page)))
        assert disk.good(c16(0x88)(page, page, 0), room=page * disk.size) == bytes(page * disk.size)
    for lba in range(3 * page):
        data = disk.good(lba_status(lba), room=24)
        length, first, blocks, status = struct.unpack(">I4xQIB3x", data)
        assert (length >= 20, first) == (True, lba)
        assert blocks
        if not disk.kind.read_only:
            assert status == (1 if page <= lba < 2 * page and disk.kind.granule else 0)
    for room in 0, 4, 8:
        assert len(disk.good(lba_status(0, room), room=64)) == room
    if not disk.kind.read_only:
        disk.good(unmap(24), unmap_list((0, 3 * page)))


SANITIZES: list[tuple[str, bytes, bytes]] = [
    *((f"service action {action:#x}", sanitize(action), b"") for action in (0, 3, *range(4, 0x1F))),
    ("BLOCK ERASE with a list", sanitize(2, 8), bytes(8)),
    ("EXIT FAILURE MODE with a list", sanitize(0x1F, 8), bytes(8)),
    ("OVERWRITE without one", sanitize(1), b""),
    *((f"OVERWRITE with {length} bytes", sanitize(1, length), bytes(length)) for length in (1, 2, 3, 4)),
    ("OVERWRITE with more than a block", sanitize(1, 4101), bytes(4101)),
    *((f"action {action:#x}, bit 6", sanitize(action, 0, 0x40), b"") for action in (1, 2, 0x1F)),
    *((f"byte {at} of {action:#x}", sanitize(action)[:at] + b"\1" + sanitize(action)[at + 1 :], b"")
      for action in (1, 2, 0x1F) for at in range(2, 7)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "cdb", "data"), SANITIZES, ids=[each[0] for each in SANITIZES])
def test_sanitize_refuses(disk: Unit, name: str, cdb: bytes, data: bytes) -> None:
    assert disk.answer(cdb, data) == IN_CDB


@pytest.mark.parametrize("count", [0, 1, 31, 32])
def test_overwrite(disk: Unit, count: int) -> None:
    """0 passes are refused, as is an INITIALIZATION PATTERN LENGTH of 0 or of more than a block."""
    if count == 31 and disk.kind.medium == "rbd":
        pytest.skip("31 passes: the unit counts them, and a cluster takes long")
    data = struct.pack(">BBH", count & 31, 0, 4) + b"\0" * 4
    protected = {PROTECTED} if disk.kind.read_only else set()
    good = protected or {GOOD}
    assert disk.answer(sanitize(1, 8), data) in (good if count & 31 else {IN_LIST} | protected)
    for length in 0, disk.size + 1:
        bad = struct.pack(">BBH", 1, 0, length) + b"\0" * 4
        assert disk.answer(sanitize(1, 8), bad) in {IN_LIST} | protected


def test_block_erase(disk: Unit) -> None:
    """WABEREQ says what follows it where there is such a thing, and 00b where there is none (SBC-4, 6.6.3)."""
    assert bool(disk.good(inquiry(0xB1), room=64)[7] & 0xC0) == disk.kind.thin
    wanted = PROTECTED if disk.kind.read_only else GOOD
    assert disk.answer(sanitize(2)) == (wanted if disk.kind.thin else IN_CDB)
    if disk.kind.thin and not disk.kind.read_only:
        assert disk.good(lba_status(0), room=24)[20] == bool(disk.kind.granule), "deallocated"


COPIES: list[tuple[str, int, bytes, Answer]] = [
    ("no list", 0, b"", GOOD),
    ("a part of a header", 15, bytes(15), CUT),
    ("no descriptors", 16, bytes(16), GOOD),
    ("less than is said", 16, b"\1\0\0\x20" + bytes(12), CUT),
    ("too many CSCD descriptors", 16 + 17 * 32, b"\1\0" + struct.pack(">H", 17 * 32) + bytes(12 + 17 * 32), (5, 0x26, 6)),
    ("too many segments", 16 + 65 * 28, bytes(8) + struct.pack(">I", 65 * 28) + bytes(4 + 65 * 28), (5, 0x26, 8)),
    ("too long a list", 16 + 17 * 32 + 65 * 28, b"\1\0" + struct.pack(">H4xI", 17 * 32, 65 * 28) + bytes(4 + 17 * 32 + 65 * 28), CUT),
    ("an unknown CSCD type", 48, b"\1\0\0\x20" + bytes(12) + b"\xff" + bytes(31), (5, 0x26, 7)),
    ("an unknown segment type", 44, bytes(8) + struct.pack(">I", 28) + bytes(4) + b"\xbe" + bytes(27), (5, 0x26, 9)),
    ("inline data", 16, bytes(15) + b"\1", (5, 0x26, 0x0B)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "length", "data", "wanted"), COPIES, ids=[each[0] for each in COPIES])
def test_extended_copy_lists(disk: Unit, name: str, length: int, data: bytes, wanted: Answer) -> None:
    assert disk.answer(struct.pack(">B9xI2x", 0x83, length), data) == wanted


def test_receive_copy_results(disk: Unit) -> None:
    def ask(action: int, name: int = 0) -> bytes:
        return struct.pack(">BBB7xI2x", 0x84, action, name, 1024)

    told = disk.good(ask(3), room=1024)
    assert int.from_bytes(told[:4], "big") == len(told) - 4
    cscds, segments, length = struct.unpack_from(">HHI", told, 8)
    assert (cscds, segments, length) == (16, 64, 16 * 32 + 64 * 28)
    assert disk.answer(ask(0, 77), room=1024) == IN_CDB
    disk.good(struct.pack(">B9xI2x", 0x83, 16), b"\x4d" + bytes(15))
    assert disk.answer(ask(0, 77), room=1024, who=1) == IN_CDB, "another nexus'"
    assert disk.good(ask(0, 77), room=1024)[4] & 0x7F == 1, "over"
    assert disk.answer(ask(0, 77), room=1024) == IN_CDB, "it has been told"


OTHERS: list[tuple[str, str, int, Answer]] = [
    ("TEST UNIT READY", "000000000000", 0, GOOD),
    ("REQUEST SENSE", "03000000fc00", 252, GOOD),
    ("REPORT LUNS", "a00000000000000000400000", 64, GOOD),
    ("REPORT LUNS, reserved SELECT REPORT", "a00007000000000000400000", 64, IN_CDB),
    ("READ DEFECT DATA(10), block format", "37001b00000000ff0000"[:20], 255, GOOD),
    ("READ DEFECT DATA(10), reserved format", "37001f00000000ff0000"[:20], 255, IN_CDB),
    ("READ DEFECT DATA(12), long block format", "b71b00000000000000ff0000", 255, GOOD),
    ("READ DEFECT DATA(12), reserved format", "b71f00000000000000ff0000", 255, IN_CDB),
    *((f"PERSISTENT RESERVE IN {action}", f"5e{action:02x}0000000000004000", 64, GOOD) for action in range(4)),
    *((f"PERSISTENT RESERVE IN {action}", f"5e{action:02x}0000000000004000", 64, IN_CDB) for action in range(4, 32)),
    ("REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", "a30d00000000000000100000", 16, GOOD),
    ("SEND DIAGNOSTIC, self-test", "1d0400000000", 0, GOOD),
    ("SEND DIAGNOSTIC, reserved code", "1d6000000000", 0, IN_CDB),
    ("READ BUFFER, descriptor", "3c030000000000000400", 4, GOOD),
    ("READ BUFFER, reserved mode", "3c1f0000000000000400", 4, IN_CDB),
    ("START STOP UNIT, start", "1b0000000100", 0, GOOD),
    ("START STOP UNIT, ACTIVE", "1b0000001000", 0, GOOD),
    ("START STOP UNIT, IDLE", "1b0000002000", 0, GOOD),
    ("START STOP UNIT, STANDBY", "1b0000003000", 0, GOOD),
    ("START STOP UNIT, LU CONTROL", "1b0000007000", 0, GOOD),
    *((f"START STOP UNIT, power condition {code}", f"1b000000{code}000", 0, IN_CDB) for code in "4689cdef"),
    ("START STOP UNIT, modifier", "1b0000012000", 0, IN_CDB),
    ("PREVENT ALLOW, reserved", "1e0000000200", 0, IN_CDB),
]  # fmt: skip


@pytest.mark.parametrize(("name", "cdb", "room", "wanted"), OTHERS, ids=[each[0] for each in OTHERS])
def test_others(disk: Unit, name: str, cdb: str, room: int, wanted: Answer) -> None:
    raw = bytes.fromhex(cdb)
    result = disk(raw, b"", room)
    assert how(result) == wanted
    assert disk.good(bytes(6)) == b""


def test_read_only(disk: Unit) -> None:
    """What changes a block is refused, by what it is and not by what it would find; what does not, is not."""
    if not disk.kind.read_only:
        pytest.skip("it can be written")
    for what in EXTENTS:
        if what.needs and not getattr(disk, what.needs):
            continue
        data = bytes(what.length(1, disk.size) or disk.size) if what.writes else b""
        room = disk.size if what.data == "in" else 0
        assert disk.answer(what.build(1, 1, 0), data, room) == (PROTECTED if what.writes else GOOD), what.name
