"""The integrity checker: what is in each block that is written, and what a block may hold when it is read.

A block says itself which run wrote it, where it belongs, and by which write (its generation); its bytes follow from these three,
and a checksum is over all. So whoever reads it knows which write it comes from, or that it is nothing that was ever written.

Clients note what they do, with times of the clock that all processes of a machine share: a write before it is sent, and what
became of it; what each read has found; flushes that were answered. :class:`History` puts that together and says which reads
no disk could have answered, whatever it did in which order: by atomicity of each block (Gibbons and Korach, "Testing shared
memories", 1997), and after a power cut by what had been flushed, or written with FUA.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import shake_128

__all__ = [
    "BLOCK",
    "DONE",
    "OVER",
    "REFUSED",
    "History",
    "Wrong",
    "content",
    "generation_of",
    "place",
    "where",
]

BLOCK = 512
HEADER = struct.Struct(">4sIQQQ")
MAGIC = b"pSRP"

DONE, OVER, REFUSED = "done", "over", "refused"
"""What becomes of a write: it was answered with GOOD; it had begun, perhaps, and changes nothing any more; it never began."""

ALWAYS, NEVER = -1, 1 << 63


def content(run: int, place: int, generation: int) -> bytes:
    """What a block holds after that write. Generation 0 are the zeros of a new disk."""
    if not generation:
        return bytes(BLOCK)
    names = struct.pack(">QQQ", run, place, generation)
    rest = names + shake_128(names).digest(BLOCK - HEADER.size)
    return MAGIC + zlib.crc32(rest).to_bytes(4, "big") + rest


def generation_of(run: int, place: int, block: bytes) -> int | str:
    """Which write a block comes from; or what is wrong with it."""
    if block == bytes(BLOCK):
        return 0
    magic, checksum, other_run, other_place, generation = HEADER.unpack_from(block)
    if magic != MAGIC:
        return f"nothing that was ever written: {block[:32].hex(' ', 4)}..."
    if zlib.crc32(block[8:]) != checksum:
        return f"parts of several: its checksum is wrong (it begins as {where(other_place)}, generation {generation:#x})"
    if other_run != run:
        return f"what another run wrote ({other_run:#x}): {where(other_place)}, generation {generation:#x}"
    if other_place != place:
        return f"what belongs to {where(other_place)}, generation {generation:#x}"
    if block != content(run, place, generation):
        return f"a header of generation {generation:#x}, and other data behind it"
    return int(generation)


def place(unit: int, lba: int) -> int:
    """One number for a block of one of several units."""
    return unit << 40 | lba


def where(place: int) -> str:
    """The same for a person."""
    return f"LBA {place & (1 << 40) - 1} of unit {place >> 40}"


class Wrong(AssertionError):
    """A disk has done what no disk may."""


@dataclass(eq=False)
class Write:
    """One write, of any blocks."""

    generation: int
    blocks: list[int]
    begun: int
    fua: bool
    outcome: str = ""
    ended: int = NEVER

    def before(self, other: Write) -> bool:
        """Whether it was over when the other one began."""
        return self.ended < other.begun


NEW = Write(0, [], ALWAYS, True, DONE, ALWAYS)
"""What made the zeros of a new disk."""


@dataclass
class History:
    """All that clients have noted. Times are nanoseconds of ``time.monotonic_ns``."""

    always_durable: bool = False
    """The disk says that it has no cache (WCE 0): every write is on the medium when it is answered."""
    writes: dict[int, Write] = field(default_factory=dict)
    reads: dict[int, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    """Of each block: generation, when the read was sent, when it was answered."""
    flushes: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    """Of each unit: when each was sent, and answered with GOOD."""
    cuts: list[int] = field(default_factory=list)
    """When the power went. All that is answered later was answered after it was back."""
    wrong: list[str] = field(default_factory=list)
    """What clients have found by themselves."""
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    base: dict[int, Write] = field(default_factory=dict)
    """What blocks held when all before was forgotten, if not zeros."""

    # What clients say.

    def note(self, what: str, *said: object) -> None:
        """One note of a client, by the name of a method below."""
        self.counts[what] += 1
        getattr(self, f"on_{what}")(*said)

    def on_write(self, generation: int, stretches: list[list[int]], fua: bool, begun: int) -> None:
        """It is about to be sent."""
        blocks = [each for first, count in stretches for each in range(first, first + count)]
        assert generation not in self.writes
        self.writes[generation] = Write(generation, blocks, begun, fua)

    def on_wrote(self, generation: int, outcome: str, ended: int) -> None:
        """This became of it."""
        self.counts[outcome] += 1
        write = self.writes[generation]
        write.outcome, write.ended = outcome, ended

    def on_read(self, blocks: list[int], generations: list[int], begun: int, ended: int) -> None:
        """This was there."""
        for block, generation in zip(blocks, generations, strict=True):
            self.reads[block].append((generation, begun, ended))

    def on_flushed(self, unit: int, begun: int, ended: int) -> None:
        """SYNCHRONIZE CACHE was GOOD."""
        self.flushes[unit].append((begun, ended))

    def on_wrong(self, text: str) -> None:
        """What no time explains."""
        self.wrong.append(text)

    # What happened.

    def client_gone(self, client: int, now: int) -> None:
        """It is dead, and the server knows: of what it has sent nothing happens any more."""
        for write in self.writes.values():
            if write.generation >> 32 == client and not write.outcome:
                write.outcome, write.ended = OVER, now

    def power_cut(self, now: int) -> None:
        """All that had not been flushed may be gone."""
        self.cuts.append(now)

    # Whether all that can be.

    def check(self) -> None:
        """Raises :class:`Wrong` with all that no disk may do."""
        found = self.wrong + [text for each in self.by_block() for text in self._of_block(*each)]
        if found:
            more = f"\n... and {len(found) - 10} more" if len(found) > 10 else ""
            raise Wrong("\n".join(found[:10]) + more)

    def forget(self) -> None:
        """Check, and keep of each block only what the last read has found. While nothing is under way, all blocks have
        been read since the last write, and no power cut is to come."""
        self.check()
        for block, reads in self.reads.items():
            generation = max(reads, key=lambda each: each[1])[0]
            self.base[block] = self.writes.get(generation) or self.base.get(block, NEW)
        for write in set(self.base.values()):
            write.begun = write.ended = ALWAYS
        self.writes = {each.generation: each for each in self.base.values()}
        self.reads.clear()
        self.flushes.clear()

    def by_block(self) -> Iterator[tuple[int, list[Write]]]:
        """Each block that anybody has touched, and what was written there."""
        of_block: dict[int, list[Write]] = {block: [] for block in self.reads}
        for write in self.writes.values():
            for block in write.blocks:
                of_block.setdefault(block, []).append(write)
        yield from of_block.items()

    def _of_block(self, block: int, writes: list[Write]) -> Iterator[str]:
        before, since = [self.base.get(block, NEW)], ALWAYS
        for until in [*self.cuts, NEVER]:
            here = [each for each in writes if each.begun < until and each.ended > since]
            reads = [each for each in self.reads.get(block, ()) if since < each[2] <= until]
            age = Age(block, before, here, reads, since)
            yield from age.problems()
            before = self._left(block, age, until)
            since = until

    def _left(self, block: int, age: Age, cut: int) -> list[Write]:
        """What a block may hold after a power cut: all that was written there, but for what is older than what was durable."""
        old = [each for each in ([age.known] if age.known else age.before) if each not in age.writes]
        candidates = old + [each for each in age.writes if each.outcome != REFUSED]
        durable = [each for each in age.writes if self._durable(block, each, cut)]
        return [
            each
            for each in candidates
            if not any(other is not each and (each in old or each.before(other)) for other in durable)
        ]

    def _durable(self, block: int, write: Write, cut: int) -> bool:
        """Whether it had been acknowledged and was on the medium by then."""
        if write.outcome != DONE or write.ended >= cut:
            return False
        if write.fua or self.always_durable:
            return True
        flushes = self.flushes.get(block >> 40, ())
        later = flushes[bisect_left(flushes, (write.ended, 0)) :]
        return any(ended < cut for _, ended in later)


class Age:
    """One block between two power cuts. It holds one of ``before`` at first."""

    def __init__(
        self,
        block: int,
        before: list[Write],
        writes: list[Write],
        reads: Iterable[tuple[int, int, int]],
        since: int,
    ) -> None:
        self.block, self.before, self.since = block, before, since
        self.writes = writes
        self.reads = sorted(reads, key=lambda each: each[2])
        self.known: Write | None = before[0] if len(before) == 1 else None
        """What it held at first, where that is certain."""

    def problems(self) -> Iterator[str]:
        """What cannot be."""
        here = {each.generation: each for each in self.writes}
        old = {each.generation: each for each in self.before}
        zones = {each: Zone(each.begun, each.ended) for each in self.writes if each.outcome == DONE}
        for generation, begun, ended in self.reads:
            write = here.get(generation) or old.get(generation)
            if write is None:
                yield self._says(generation, "which it cannot hold: lost, or never written there")
                continue
            if write.outcome == REFUSED:
                yield self._says(generation, "though that write was refused")
            if write in self.before and write not in self.writes:
                if self.known not in (None, write):
                    yield self._says(generation, f"and also {self.known.generation:#x}, both from before")  # type: ignore[union-attr]
                self.known = write
                zone = zones.setdefault(write, Zone(self.since, self.since))
            elif write.begun > ended:
                yield self._says(generation, "before that was written")
                continue
            else:
                zone = zones.setdefault(write, Zone(write.begun, write.ended))
            zone.add(begun, ended)
        yield from self._conflicts(zones)

    def _conflicts(self, zones: dict[Write, Zone]) -> Iterator[str]:
        """A value is there from the end of what saw it first to the beginning of what saw it last: no other can be then."""
        forward = sorted(
            ((zone.first_end, zone.last_begin, write) for write, zone in zones.items() if zone.forward),
            key=lambda each: each[:2],
        )
        for (_, end, write), (begin, _, other) in zip(forward, forward[1:], strict=False):
            if begin < end:
                yield self._says(write.generation, f"and {other.generation:#x} between")
        begins = [each[0] for each in forward]
        for write, zone in zones.items():
            if zone.forward:
                continue
            index = bisect_left(begins, zone.last_begin) - 1
            if index >= 0 and zone.first_end < forward[index][1]:
                older = forward[index][2]
                yield self._says(older.generation, f"after {write.generation:#x} had been written over it")

    def _says(self, generation: int, what: str) -> str:
        return f"{where(self.block)} held generation {generation:#x}, {what}"


class Zone:
    """When a value was there for certain, by the write and the reads of it (Gibbons and Korach)."""

    __slots__ = ("first_end", "last_begin")

    def __init__(self, begun: int, ended: int) -> None:
        self.first_end, self.last_begin = ended, begun

    def add(self, begun: int, ended: int) -> None:
        """A read saw it."""
        self.first_end = min(self.first_end, ended)
        self.last_begin = max(self.last_begin, begun)

    @property
    def forward(self) -> bool:
        """Whether it was there from :attr:`first_end` to :attr:`last_begin`; else it was there somewhere between the two."""
        return self.first_end < self.last_begin
