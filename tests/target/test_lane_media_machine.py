"""The native lane held against the engine over media that take their time: the same steps, the same answers and bytes.

Requests finish in any order, fail, and come short; functions abort them and gates close at every step, from two nexuses.
"""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysrp._fast import gate as gates

from lane_rig import SWP, WCE, lane
from media_rig import TestLoop, User, nbd_server
from medium_by_hand import HandMedium
from pysrp import crq
from pysrp.backends import Ram
from pysrp.media.nbd import NbdMedium
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Feature, Operation
from pysrp.target.native_medium import NativeMedium
from pysrp.vscsi.server import Settings
from target_rig import MIB, Rig
from waiting import until

BLOCKS = 64
SIZE = BLOCKS * 512
SLOTS = 40
ON_DISK, IN_MEMORY = random.Random(5).randbytes(SIZE), random.Random(7).randbytes(SLOTS * 4096)
"""Places of the initiator's memory."""

MOST = 6
"""Commands under way: the engine, which stages more of them in fewer chunks, has none of them wait for one."""


class RamInC(NativeMedium):
    """Memory, by its table of functions."""

    def __init__(self) -> None:
        self.ram = Ram(SIZE)
        super().__init__(self.ram.native())

    @property
    def content(self) -> Any:
        return self.ram.memory()

    def finish(self, number: int = 0) -> bool:
        return False

    waiting = 0
    channels = 0

    def close(self) -> None:
        self.ram.close()


def by_hand(features: int = 0, memory: bool = False, **how: Any) -> Callable[[], HandMedium]:
    def made() -> HandMedium:
        medium = HandMedium(SIZE, features, memory=memory)
        medium.set(**how)
        return medium

    return made


class OnNbd(NbdMedium):
    """On an NBD server. When it is done is its own affair: a side waits for it."""

    waiting = 0

    def __init__(self) -> None:
        super().__init__(nbd_server("nbdkit", next(self.numbers)).uri)
        self.user, self.content = User(self), self

    numbers = itertools.cycle((1, 2))
    """Of servers: two sides follow each other."""

    def __setitem__(self, where: slice, data: bytes) -> None:
        self.user.whole(Operation.WRITE, 0, data)

    def __bytes__(self) -> bytes:
        return self.user.read(0, SIZE)

    def finish(self, number: int = 0) -> bool:
        return False

    def close(self) -> None:
        self.user.channel.retire()
        super().close()


NOWAIT, FUA = int(Feature.NOWAIT), int(Feature.FUA)
MEDIA: dict[str, Callable[[], Any]] = {
    "ram": RamInC,
    "memory": by_hand(NOWAIT, modulus=1, memory=True),
    "late": by_hand(),
    "late, patient": by_hand(FUA, patient=True),
    "failing": by_hand(bad=20 * 512 + 100),
    "short": by_hand(most=700),
    "at once, some": by_hand(NOWAIT | FUA, modulus=3),
    "at once, some, failing": by_hand(NOWAIT, modulus=2, bad=21 * 512),
    "nbd": OnNbd,
}


class Side:
    """Two clients of one disk."""

    def __init__(self, kind: str, fast: bool) -> None:
        self.medium = MEDIA[kind]()
        self.fast = fast
        self.medium.content[:] = ON_DISK
        self.disk = Disk(self.medium, "disk")
        self.luns = LunMap([(256, self.disk)])
        settings = Settings(max_transfer=MIB)
        self.rigs = [
            Rig(self.luns, settings, fast=fast, window_size=16 * MIB, client_memory=2 * MIB) for _ in "ab"
        ]
        for rig in self.rigs:
            rig.login(tag=1)
            rig.client.poke(IN_MEMORY)
        self.seen: list[list[bytes]] = [[], []]
        self.attended()
        self.fresh: set[Any] = set()
        """Blocks and places of memory that commands are about which may not be over."""

    def attended(self) -> None:
        for rig in self.rigs:
            if rig.target.session:
                rig.attended()

    def run(self) -> None:
        for _ in range(2):  # what one of them begins the other one may have to go on with
            for rig in self.rigs:
                rig.run()
        if isinstance(self.medium, OnNbd):
            until(self.quiet)
            self.fresh.clear()
        for seen, rig in zip(self.seen, self.rigs, strict=True):
            seen += rig.client.answers
            rig.client.answers.clear()

    def quiet(self) -> bool:
        """Whether all is over by now."""
        for rig in self.rigs:
            rig.run()
        sessions: list[Any] = [rig.target.session for rig in self.rigs if rig.target.session]
        gates = [grant.gate for session in sessions for _, grant in session._granted.values()]
        return not any(session.tasks or session.outstanding for session in sessions) and not (
            len(self.medium.stragglers) or any(gate.under_way for gate in gates)
        )

    def finish(self, number: int) -> None:
        waiting = self.medium.waiting
        if waiting:
            self.medium.finish(number % waiting)
            self.run()

    def settle(self) -> None:
        """All is over."""
        self.run()
        while self.medium.finish():
            self.run()

    def state(self) -> Any:
        """What either way must have come to."""
        return (
            [sorted(seen) for seen in self.seen],
            [bytes(rig.client.view) for rig in self.rigs],
            bytes(self.medium.content),
            self.medium.waiting,
            len(self.medium.stragglers),
            [rig.target.state for rig in self.rigs],
        )

    def check(self) -> None:
        """Nothing is left."""
        for rig in self.rigs:
            session: Any = rig.target.session
            if session is not None:
                assert not session.tasks
                assert session.outstanding == 0
                assert not any(grant.gate.under_way for _, grant in session._granted.values())
            if self.fast:
                assert lane(rig).under_way == 0
                assert lane(rig).hand_over() == []

    def close(self) -> None:
        for rig in self.rigs:
            rig.close()
        if isinstance(self.medium, HandMedium):
            self.medium.finish_all()
            self.medium.channel(TestLoop()).retire()
            assert not self.medium.channels
        self.medium.close()

    # Steps.

    def command(
        self, who: int, tag: int, cdb: bytes, write: bool, slot: int, length: int, **fields: Any
    ) -> None:
        client = self.rigs[who].client
        lba = int.from_bytes(cdb[2:6], "big")
        what = {*range(lba, lba + length // 512), (who, slot)}
        if isinstance(self.medium, OnNbd) and self.fresh & what:
            self.run()  # it has no order for these
        self.fresh |= what
        where = client.data(slot * 4096), length
        if length > 512:  # in two pieces, the second one first
            where = [(where[0] + 512, length - 512), (where[0], 512)]  # type: ignore[assignment]
        client.cmd(256, cdb, tag=tag, **{"data_out" if write else "data_in": where}, **fields)

    def reconnect(self, who: int) -> None:
        """The connection is lost, and there is another one."""
        rig = self.rigs[who]
        rig.client.port.free()
        rig.run()
        rig.client.port.register()
        rig.client.element(crq.Element.init())
        rig.run()
        rig.client.login(tag=2)
        self.run()
        self.attended()

    def page(self, page: Any, on: bool, who: int, tag: int) -> None:
        code, byte, bit = page
        values = bytearray(self.disk.modes[code].current)
        values[byte] = values[byte] | bit if on else values[byte] & ~bit
        data = bytes(4) + bytes(values)
        client = self.rigs[who].client
        client.poke(data, SLOTS * 4096)
        client.cmd(
            256, f"15100000{len(data):02x}00", tag=tag, data_out=(client.data(SLOTS * 4096), len(data))
        )

    def close_gate(self, reason: int) -> None:
        """For no reason that the engine knows of: only the way is another one."""
        for rig in self.rigs if self.fast else ():
            session: Any = rig.target.session
            for _, grant in session._granted.values() if session else ():
                (grant.gate.open if grant.gate.reasons & reason else grant.gate.close)(reason)

    def another(self) -> None:
        """The disk is taken away, and put there again."""
        self.run()
        self.luns.replace(256, self.disk, attention=False)


def move(draw: Any) -> tuple[Any, ...]:
    write, blocks = draw(st.booleans()), draw(st.integers(1, 8))
    lba = draw(st.integers(0, BLOCKS - blocks))
    flags = draw(st.sampled_from([0] * 8 + [8, 0x10]))
    cdb = struct.pack(">BBIBHB", 0x2A if write else 0x28, flags, lba, 0, blocks, 0)
    attribute = draw(st.sampled_from([0] * 10 + [1, 2, 2]))
    return "move", draw(who), cdb, write, draw(st.integers(0, SLOTS - 1)), blocks * 512, attribute


def unmoved(draw: Any) -> tuple[Any, ...]:
    """VERIFY, SYNCHRONIZE CACHE."""
    number = draw(st.sampled_from([0x2F, 0x8F, 0x35, 0x91]))
    blocks = draw(st.integers(0, 8))
    lba = draw(st.integers(0, BLOCKS - blocks))
    flags = draw(st.sampled_from([0, 0, 0, 2, 0x10]))  # IMMED, or BYTCHK; DPO
    layout = ">BBIBHB" if number < 0x80 else ">BBQIBB"
    middle = (0, blocks) if number < 0x80 else (blocks, 0)
    attribute = draw(st.sampled_from([0] * 5 + [1, 2]))
    return "unmoved", draw(who), struct.pack(layout, number, flags, lba, *middle, 0), attribute


who = st.sampled_from([0, 0, 0, 1])
FUNCTIONS = [
    TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET,
    TskMgmtFunc.CLEAR_TASK_SET, TskMgmtFunc.LUN_RESET,
]  # fmt: skip
OTHERS = ["00", "35", "16", "17", "1b0000000000", "1b0000000100"]
"""TEST UNIT READY, SYNCHRONIZE CACHE, RESERVE, RELEASE, START STOP UNIT."""

steps = st.one_of(
    *[st.composite(move)()] * 8,
    *[st.composite(unmoved)()] * 2,
    *[st.tuples(st.just("finish"), st.integers(0, 9))] * 4,
    st.tuples(st.just("abort"), who, st.sampled_from(FUNCTIONS), st.integers(1, 8)),
    st.tuples(st.just("other"), who, st.sampled_from(OTHERS)),
    st.tuples(st.just("page"), who, st.sampled_from([(SWP, True), (SWP, False), (WCE, True), (WCE, False)])),
    st.tuples(st.just("gate"), st.sampled_from([gates.ATTENTION << 9, gates.ATTENTION << 20])),
    st.tuples(st.just("attention"), who),
    st.tuples(st.just("reconnect"), who),
    st.tuples(st.just("another")),
    st.tuples(st.just("run")),
)


class Both:
    """The same steps on two sides."""

    def __init__(self, kind: str) -> None:
        self.sides = [Side(kind, True), Side(kind, False)]
        self.tag = 100

    def take(self, step: Any) -> None:
        self.tag += 1
        for side in self.sides:
            alone = step[0] != "move" and isinstance(
                side.medium, OnNbd
            )  # what is over by then is nobody's choice
            if alone:
                side.run()
            self._take(side, *step)
            if alone:
                side.run()

    def _take(self, side: Side, kind: str, *rest: Any) -> None:
        if kind == "finish":
            side.finish(*rest)
        elif kind == "run":
            side.run()
        elif kind == "another":
            side.another()
        elif kind == "gate":
            side.close_gate(*rest)
        elif kind == "reconnect":
            side.reconnect(*rest)
        elif kind == "attention":
            rig = side.rigs[rest[0]]
            if rig.target.session:
                side.run()
                side.disk.attention(0x2A, 9, rig.target.session.nexus)
        elif kind == "page":
            side.page(*rest[1], rest[0], self.tag)
        elif kind == "other":
            side.rigs[rest[0]].client.cmd(256, rest[1].ljust(12, "0"), tag=self.tag)
        elif kind == "unmoved":
            sender, cdb, attribute = rest
            side.rigs[sender].client.cmd(256, cdb, tag=self.tag, task_attr=attribute)
        elif kind == "abort":
            side.rigs[rest[0]].client.manage(256, rest[1], self.tag - rest[2], tag=self.tag)
            side.run()
        else:
            sender, cdb, write, slot, length, attribute = rest
            while side.medium.waiting >= MOST:
                side.finish(0)
            side.command(sender, self.tag, cdb, write, slot, length, task_attr=attribute)
            if len(side.rigs[sender].client.sent) % 2:
                side.run()

    def compare(self) -> None:
        one, other = (side.state() for side in self.sides)
        assert one == other

    def close(self) -> None:
        for side in self.sides:
            side.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", MEDIA)
@given(st.lists(st.lists(steps, min_size=8, max_size=30), min_size=1, max_size=3))
def test_both_ways_give_the_same_over_media(kind: str, batches: list[list[Any]]) -> None:
    both = Both(kind)
    try:
        for batch in batches:
            for step in batch:
                both.take(step)
            for side in both.sides:
                side.settle()
                side.check()
            both.compare()
    finally:
        both.close()


@pytest.mark.parametrize("kind", ["late", "nbd"])
def test_the_short_way_is_taken(kind: str) -> None:
    """Where nothing is against it: else the test above would compare the engine with itself."""
    both = Both(kind)
    try:
        both.take(("run",))
        for at in range(40):
            cdb = struct.pack(">BBIBHB", 0x2A if at % 3 else 0x28, 0, at, 0, 1, 0)
            both.take(("move", 0, cdb, at % 3 > 0, at, 512, 0))
            both.take(("unmoved", 0, bytes.fromhex("3500000000050000030000"), 0))
        for side in both.sides:
            side.settle()
        both.compare()
        assert lane(both.sides[0].rigs[0]).total == 80
        assert both.sides[1].rigs[0].target.queue.lane is None
    finally:
        both.close()
