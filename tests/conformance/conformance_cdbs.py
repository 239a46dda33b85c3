"""CDBs as SPC-4 and SBC-4 print them, and the commands that mean blocks: made here by hand, not by the codecs."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

IN, OUT, NONE = "in", "out", ""

Builder = Callable[[int, int, int], bytes]
"""CDB of an address, a number of blocks, and bits of the byte behind opcode or service action."""


def c6(opcode: int) -> Builder:
    return lambda lba, blocks, flags: struct.pack(">IBB", opcode << 24 | lba, blocks & 0xFF, 0)


def c10(opcode: int) -> Builder:
    return lambda lba, blocks, flags: struct.pack(">BBIBHB", opcode, flags, lba & 0xFFFFFFFF, 0, blocks, 0)


def c12(opcode: int) -> Builder:
    return lambda lba, blocks, flags: struct.pack(">BBIIBB", opcode, flags, lba & 0xFFFFFFFF, blocks, 0, 0)


def c16(opcode: int) -> Builder:
    return lambda lba, blocks, flags: struct.pack(">BBQIBB", opcode, flags, lba, blocks, 0, 0)


def c16_short(opcode: int) -> Builder:
    """COMPARE AND WRITE has one byte for its count, WRITE ATOMIC two, before the group number."""
    if opcode == 0x89:
        return lambda lba, blocks, flags: struct.pack(">BBQxxxBBx", opcode, flags, lba, blocks, 0)
    return lambda lba, blocks, flags: struct.pack(">BBQHHBB", opcode, flags, lba, 0, blocks, 0, 0)


def c32(action: int) -> Builder:
    return lambda lba, blocks, flags: struct.pack(">BB5xBHBxQ8xI", 0x7F, 0, 0x18, action, flags, lba, blocks)


@dataclass(frozen=True)
class Extent:
    """A command that means blocks: its CDB, where its data goes, and what bits it has."""

    name: str
    build: Builder
    data: str = NONE
    writes: bool = False
    protect: bool = True
    """Whether it has RDPROTECT, WRPROTECT, VRPROTECT or ORPROTECT."""
    flags: int = 0
    """DPO and FUA, those that it has."""
    times: int = 1
    """Blocks of data for each block."""
    most: int = 128
    """Blocks that one may mean in a test."""
    needs: str = ""
    """Attribute of a unit without which there is no such command."""
    no_blocks: int = 0
    """What 0 blocks are: 256 of a 6-byte command; -1, an error (WSNZ)."""
    byte: int = 1
    """Where the flags are."""

    def length(self, blocks: int, size: int) -> int:
        """Bytes of data."""
        return self.times * blocks * size if self.data else 0


DPO, FUA = 0x10, 0x08
READS = [
    Extent("READ(6)", c6(0x08), IN, protect=False, no_blocks=256),
    Extent("READ(10)", c10(0x28), IN, flags=DPO | FUA),
    Extent("READ(12)", c12(0xA8), IN, flags=DPO | FUA),
    Extent("READ(16)", c16(0x88), IN, flags=DPO | FUA),
    Extent("READ(32)", c32(0x09), IN, flags=DPO | FUA, byte=10),
]
WRITES = [
    Extent("WRITE(6)", c6(0x0A), OUT, True, protect=False, no_blocks=256),
    Extent("WRITE(10)", c10(0x2A), OUT, True, flags=DPO | FUA),
    Extent("WRITE(12)", c12(0xAA), OUT, True, flags=DPO | FUA),
    Extent("WRITE(16)", c16(0x8A), OUT, True, flags=DPO | FUA),
    Extent("WRITE(32)", c32(0x0B), OUT, True, flags=DPO | FUA, byte=10),
    Extent("WRITE AND VERIFY(10)", c10(0x2E), OUT, True, flags=DPO),
    Extent("WRITE AND VERIFY(12)", c12(0xAE), OUT, True, flags=DPO),
    Extent("WRITE AND VERIFY(16)", c16(0x8E), OUT, True, flags=DPO),
    Extent("WRITE AND VERIFY(32)", c32(0x0C), OUT, True, flags=DPO, byte=10),
    Extent("WRITE ATOMIC(16)", c16_short(0x9C), OUT, True, flags=DPO | FUA, needs="atomic"),
]
OTHERS = [
    Extent("VERIFY(10)", c10(0x2F), flags=DPO),
    Extent("VERIFY(12)", c12(0xAF), flags=DPO),
    Extent("VERIFY(16)", c16(0x8F), flags=DPO),
    Extent("VERIFY(32)", c32(0x0A), flags=DPO, byte=10),
    Extent("PRE-FETCH(10)", c10(0x34), protect=False, flags=2),
    Extent("PRE-FETCH(16)", c16(0x90), protect=False, flags=2),
    Extent("SYNCHRONIZE CACHE(10)", c10(0x35), protect=False, flags=2),
    Extent("SYNCHRONIZE CACHE(16)", c16(0x91), protect=False, flags=2),
    Extent("ORWRITE(16)", c16(0x8B), OUT, True, flags=DPO | FUA),
    Extent("COMPARE AND WRITE", c16_short(0x89), OUT, True, flags=DPO | FUA, times=2),
    Extent("WRITE SAME(10)", c10(0x41), OUT, True, times=0, no_blocks=-1),
    Extent("WRITE SAME(16)", c16(0x93), OUT, True, times=0, no_blocks=-1),
    Extent("WRITE SAME(32)", c32(0x0D), OUT, True, times=0, no_blocks=-1, byte=10),
]
EXTENTS = [*READS, *WRITES, *OTHERS]
