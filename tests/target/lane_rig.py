"""Two targets beside each other, one with the native lane and one without: they must not be told apart."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from pysrp._fast.lane import Lane

from pysrp import srp
from pysrp.backends import Ram
from pysrp.scsi.codes import ModePage, SenseKey
from pysrp.srp import TaskAttribute
from pysrp.target.disk import Disk
from pysrp.target.fault import Fault
from pysrp.target.lunmap import LunMap
from pysrp.target.units.codes import SenseCode
from pysrp.target.units.jobs import Job
from pysrp.vscsi.server import Settings
from target_rig import MIB, Rig

BLOCKS = 256
LUNS = [bytes.fromhex(each) for each in ("81", "82", "8200000100000000", "c1", "41", "00", "83")]
UNMOVED = [0x2F, 0x8F, 0x35, 0x91]
"""VERIFY, SYNCHRONIZE CACHE."""
OPCODES = [0x08, 0x0A, 0x28, 0x2A, 0x88, 0x8A, 0xA8, 0xAA, 0x00, *UNMOVED]


def lane(rig: Rig) -> Lane:
    found = rig.target.queue.lane
    assert found is not None
    return found


def went_short(rig: Rig, work: Callable[[], Any]) -> bool:
    before = lane(rig).total
    work()
    rig.run()
    return lane(rig).total > before


def command(draw: Any) -> dict[str, Any]:
    """A command that is right, nearly right, or wrong."""
    number = draw(st.sampled_from(OPCODES))
    lba = draw(st.one_of(st.integers(0, BLOCKS), st.integers(0, 0xFFFFFFFF)))
    blocks = draw(st.integers(0, 5))
    flags = draw(st.sampled_from([0, 0, 0, 0, 0x08, 0x10, 0x20, 0x60, 0xE0, 1]))
    control = draw(st.sampled_from([0, 0, 0, 0, 4, 1]))
    if number in (0x08, 0x0A):
        cdb = bytes((number, lba >> 16 & 31 | flags & 0xE0, lba >> 8 & 255, lba & 255, blocks, control))
    elif number in (0x88, 0x8A, 0x8F, 0x91):
        cdb = struct.pack(">BBQIBB", number, flags, lba, blocks, 0, control)
    elif number in (0xA8, 0xAA):
        cdb = struct.pack(">BBIIBB", number, flags, lba, blocks, 0, control)
    else:
        cdb = struct.pack(">BBIBHB", number, flags, lba, 0, blocks, control)
    write = number in (0x0A, 0x2A, 0x8A, 0xAA)
    length = (blocks or 256 if number in (0x08, 0x0A) else blocks) * 512
    length = max(0, length + draw(st.sampled_from([0, 0, 0, 0, 1, -1, 512, -512])))
    offset = draw(st.integers(0, 100_000))
    cut = sorted(draw(st.lists(st.integers(0, length), max_size=draw(st.sampled_from([0, 0, 3, 12])))))
    segments = [(offset + a, b - a) for a, b in zip([0, *cut], [*cut, length], strict=True)]
    if number in UNMOVED and draw(st.booleans()):
        segments = []
    stray = draw(st.sampled_from([None, None, None, None, None, 1 << 40, 2**64 - 100]))
    return {
        "lun": draw(st.sampled_from(LUNS)),
        "cdb": cdb,
        "segments": segments,
        "stray": stray,
        "write": write != draw(st.sampled_from([False, False, False, False, True])),
        "sol_not": draw(st.sampled_from([0, 2, 4, 6])),
        "task_attr": draw(st.sampled_from([0, 0, 0, 0, 1, 2, 4])),
        "length": draw(st.sampled_from([None, None, None, 256, 63, 47])),
    }


commands = st.composite(command)()


def plain_command(draw: Any) -> dict[str, Any]:
    """One of those that go the short way where nothing is against it."""
    write = draw(st.booleans())
    cdb = struct.pack(">BBIBHB", 0x2A if write else 0x28, 0, draw(st.integers(0, 20)), 0, 1, 0)
    return {
        "lun": draw(st.sampled_from(LUNS[:2])),
        "cdb": cdb,
        "segments": [(512 * draw(st.integers(0, 200)), 512)],
        "stray": None,
        "write": write,
        "sol_not": 0,
        "task_attr": 0,
        "length": None,
    }


plain_commands = st.composite(plain_command)()


def send(rig: Rig, fields: dict[str, Any], tag: int) -> None:
    client = rig.client
    segments = [(client.data(at), size) for at, size in fields["segments"]]
    if fields["stray"] is not None and segments:
        segments[-1] = (fields["stray"], segments[-1][1])
    where = segments[0] if len(segments) == 1 else segments
    moved = {"data_out" if fields["write"] else "data_in": where} if segments else {}
    raw = bytes(
        srp.Cmd.build(
            tag=tag,
            lun=fields["lun"].ljust(8, b"\0"),
            cdb=fields["cdb"].ljust(16, b"\0"),
            sol_not=fields["sol_not"],
            task_attr=fields["task_attr"],
            **moved,
        )
    )
    if len(raw) > 256:
        raw = raw[:256]
    length = fields["length"]
    client.iu(raw, length=None if length is None else max(16, min(length, 256)))


class ByHand:
    """Workers that do nothing until they are told."""

    def __init__(self) -> None:
        self.held: list[tuple[Callable[[], None], Callable[[Exception | None], None]]] = []

    def submit(self, key: object, work: Callable[[], None], ended: Callable[[Exception | None], None]) -> Any:
        self.held.append((work, ended))
        return self

    def abandon(self) -> bool:
        return False

    def let_go(self) -> None:
        held, self.held = self.held, []
        for work, ended in held:
            work()
            ended(None)


class Side:
    """Two clients of one disk at LUN 256; a second one is at 512, which is read-only."""

    def __init__(self, fast: bool) -> None:
        self.workers = ByHand()
        self.disk = Disk(Ram(BLOCKS * 512), name="a")
        self.media = [self.disk.backend.memory()]
        """What is on every disk there was, for as long as this is."""
        self.luns = LunMap([(256, self.disk), (512, Disk(Ram(BLOCKS * 512), name="b", read_only=True))])
        settings = Settings(max_transfer=MIB)
        self.first, self.other = (
            Rig(self.luns, settings, self.workers, fast=fast, window_size=16 * MIB) for _ in range(2)
        )
        for rig in self.first, self.other:
            rig.login(tag=99)
        for rig in self.first, self.other:
            rig.attended()

    def close(self) -> None:
        self.workers.let_go()
        for rig in self.first, self.other:
            rig.run()
            rig.close()

    @property
    def nexus(self) -> Any:
        """The first client's."""
        assert self.first.target.session
        return self.first.target.session.nexus

    def run(self) -> None:
        for rig in self.first, self.other:
            rig.run()

    def told(self) -> None:
        """The first client is told what there is to tell."""
        for _ in range(3):
            self.ask("030000002000", rig=self.first)

    def ask(self, cdb: str, data: bytes = b"", rig: Rig | None = None) -> None:
        """A command of the other client, or of ``rig``'s."""
        rig = rig or self.other
        room = {} if data else {"data_in": (rig.client.data(2 * MIB), 32)}
        rig.client.cmd(256, cdb, tag=99, **self.out(rig, data), **room)
        rig.run()

    @staticmethod
    def out(rig: Rig, data: bytes) -> dict[str, Any]:
        """``data`` as what a command brings with it."""
        if not data:
            return {}
        rig.client.poke(data, MIB)
        return {"data_out": (rig.client.data(MIB), len(data))}

    def page(self, code: ModePage, byte: int, bit: int, on: bool) -> tuple[str, bytes]:
        """MODE SELECT(6) that sets one bit of a page, and its parameter list."""
        values = bytearray(self.disk.modes[code].current)
        values[byte] = values[byte] | bit if on else values[byte] & ~bit
        return f"15100000{4 + len(values):02x}00", bytes(4) + bytes(values)

    def persist(self, action: int, kind: int, keys: bytes) -> None:
        """PERSISTENT RESERVE OUT of the other client."""
        self.ask(f"5f{action:02x}{kind:02x}0000" + "00000018" + "00", keys.ljust(24, b"\0"))

    def hold(self) -> None:
        """The first client's SYNCHRONIZE CACHE begins and does not end."""
        self.disk.backend.blocking = True
        self.first.client.cmd(256, "35000000000001000000", tag=2)  # the lane knows no group number
        self.first.run()
        self.disk.backend.blocking = False

    def release(self) -> None:
        """It ends."""
        self.workers.let_go()
        self.first.run()

    def order(self) -> None:
        """The other client's ORDERED SYNCHRONIZE CACHE begins and does not end, in the task set that both have together."""
        self.ask(*self.page(*TST, False))
        self.told()
        self.disk.backend.blocking = True
        self.other.client.cmd(256, "35000000000001000000", tag=2, task_attr=TaskAttribute.ORDERED)
        self.other.run()
        self.disk.backend.blocking = False

    def in_order(self) -> None:
        """It ends, and each has its own task set again."""
        self.workers.let_go()
        self.run()
        self.ask(*self.page(*TST, True))
        self.told()

    def put(self, disk: Disk, read_only: bool = False) -> None:
        """At LUN 256, without a word."""
        self.luns.replace(256, disk, read_only=read_only, attention=False)
        for rig in self.first, self.other:
            rig.attended()

    def another(self) -> None:
        """Another disk there, which is the disk from now on; what the clients did to it is over."""
        self.disk = Disk(Ram(BLOCKS * 512), name=f"another {len(self.media)}")
        self.media.append(self.disk.backend.memory())
        self.put(self.disk)

    def resize(self, blocks: int) -> None:
        self.disk.backend = Ram(blocks * 512)
        self.media.append(self.disk.backend.memory())
        self.disk.resized()
        self.told()

    def watch(self) -> None:
        """Somebody looks at every READ."""
        original = self.disk.backend.read_into
        self.disk.backend.read_into = lambda *each: original(*each)

    def watch_unit(self) -> None:
        """Somebody looks at every command."""
        original = self.disk.execute
        self.disk.execute = lambda task: original(task)  # type: ignore[method-assign]


KEY = b"the key."
SWP, WCE, TST = (ModePage.CONTROL, 4, 8), (ModePage.CACHING, 2, 4), (ModePage.CONTROL, 2, 0x20)

Change = Callable[[Side], object]

CHANGES: dict[str, tuple[Change, Change]] = {
    "attention": (lambda side: side.disk.attention(0x2A, 9, side.nexus), Side.told),
    "deferred": (
        lambda side: side.disk.defer(side.nexus, Fault(SenseKey.MEDIUM_ERROR, SenseCode.WRITE_ERROR)),
        Side.told,
    ),
    "reserved": (lambda side: side.ask("160000000000"), lambda side: side.ask("170000000000")),
    "reserved for good": (
        lambda side: (side.persist(0, 0, bytes(8) + KEY), side.persist(1, 3, KEY)),
        lambda side: side.persist(3, 0, KEY),
    ),
    "stopped": (lambda side: side.ask("1b0000000000"), lambda side: side.ask("1b0000000100")),
    "job": (
        lambda side: side.disk.job_begins(Job(None, (_ for _ in ()), SenseCode.FORMAT_IN_PROGRESS)),
        lambda side: side.disk.job_ends(side.disk.job),
    ),
    "tasks": (Side.hold, Side.release),
    "another's order": (Side.order, Side.in_order),
    "removed": (
        lambda side: (side.luns.remove(256), side.run()),
        lambda side: side.put(side.disk),
    ),
    "watched": (Side.watch, Side.another),
    "unit watched": (Side.watch_unit, Side.another),
    "backend closed": (lambda side: side.disk.backend.close(), Side.another),
    "read-only LUN": (lambda side: side.put(side.disk, read_only=True), lambda side: side.put(side.disk)),
    "read-only disk": (
        lambda side: setattr(side.disk, "read_only", True),
        lambda side: setattr(side.disk, "read_only", False),
    ),
    "software protection": (
        lambda side: (side.ask(*side.page(*SWP, True)), side.told()),
        lambda side: (side.ask(*side.page(*SWP, False)), side.told()),
    ),
    "no write cache": (
        lambda side: (side.ask(*side.page(*WCE, False)), side.told()),
        lambda side: (side.ask(*side.page(*WCE, True)), side.told()),
    ),
    "larger": (lambda side: side.resize(2 * BLOCKS), lambda side: side.resize(BLOCKS)),
    "another": (Side.another, Side.another),
    "reset": (lambda side: (side.disk.reset(), side.told()), Side.told),
}
"""What closes the first client's gate, and what opens it again."""

WRITES = {"read-only LUN", "read-only disk", "software protection"}
"""Those of them that leave READs alone."""

NOTHING = {"no write cache"}
"""Those that memory has nothing to do for: it is the medium."""

PASSING = {"larger", "another", "reset"}
"""Those after which it is open again, with another grant perhaps."""
