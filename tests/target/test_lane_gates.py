"""The native lane and what closes the gates before it: between two commands, whatever the reason."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysrp._fast.gate import RESERVED

from lane_rig import (
    BLOCKS,
    CHANGES,
    NOTHING,
    PASSING,
    SWP,
    TST,
    WCE,
    WRITES,
    Side,
    commands,
    lane,
    plain_commands,
    send,
    went_short,
)
from pysrp.scsi import cdb as cdbs
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk, ThinDisk, adds_only
from pysrp.target.effects import GOOD
from pysrp.target.unit import command
from target_rig import MIB
from waiting import PATIENCE


@pytest.fixture
def side() -> Iterator[Side]:
    made = Side(True)
    yield made
    made.close()


def ways(side: Side) -> tuple[bool, bool]:
    """Whether a READ and a WRITE go the short way; what they end with is somebody else's business."""
    rig = side.first
    found = (
        went_short(rig, lambda: rig.client.read(256, 0, 1)),
        went_short(rig, lambda: rig.client.write(256, 0, bytes(512))),
    )
    rig.client.answers.clear()
    return found


@pytest.mark.parametrize("name", CHANGES)
def test_each_reason_closes_the_gate_until_it_is_gone(side: Side, name: str) -> None:
    close, open_again = CHANGES[name]
    assert ways(side) == (True, True)
    for _ in range(2):
        close(side)
        if name in PASSING:
            side.first.client.cmd(256, "00")
            side.first.run()
            ways(side)  # where the grant is another one the first command sees it
            assert ways(side) == (True, True)
        elif name in {"attention", "deferred"}:
            assert ways(side) == (False, True), "it has been told with the READ"
            close(side)
        elif name in WRITES:
            assert ways(side)[1] is False
            assert ways(side) == (True, False)
        elif name in NOTHING:
            assert ways(side) == (True, True)
        else:
            assert ways(side) == (False, False)
        open_again(side)
        ways(side)
        assert ways(side) == (True, True)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", ["stopped", "protected", "ordered"])
def test_a_reason_that_comes_between_two_commands_of_a_batch(fast: bool, name: str) -> None:
    """They have arrived together: what the first one does is true of the next one."""
    side = Side(fast)
    try:
        client, rig = side.first.client, side.first
        client.write(256, 0, b"1" * 512)
        if name == "stopped":
            client.cmd(256, "1b0000000000")
        elif name == "protected":
            cdb, data = side.page(*SWP, True)
            client.cmd(256, cdb, **side.out(rig, data))
        else:
            rig.run()
            side.disk.backend.blocking = True
            client.cmd(256, "35" + "00" * 9, task_attr=2)
        tag = client.write(256, 0, b"2" * 512, offset=512)
        rig.run()
        expected = {"stopped": 2, "protected": 7}
        assert bytes(side.disk.backend.memory()[:512]) == b"1" * 512
        if name in expected:
            assert client.answer(tag).sense[2] & 15 == expected[name]
        else:
            side.disk.backend.blocking = False
            side.workers.let_go()
            rig.run()
            assert client.answer(tag).status == 0
            assert bytes(side.disk.backend.memory()[:512]) == b"2" * 512
    finally:
        side.close()


def test_a_unit_at_two_luns_has_a_gate_at_each(side: Side) -> None:
    rig = side.first
    side.luns.add(768, side.disk, read_only=True)
    side.told()
    assert ways(side) == (True, True)
    assert went_short(rig, lambda: rig.client.read(768, 0, 1))
    assert not went_short(rig, lambda: rig.client.write(768, 0, bytes(512)))
    side.luns.remove(768)
    side.told()
    assert not went_short(rig, lambda: rig.client.read(768, 0, 1))
    assert ways(side) == (True, True)


def test_a_disk_that_becomes_one_of_another_class_is_asked(side: Side) -> None:
    class Asked(Disk):
        def execute(self, task: Any) -> Any:
            return super().execute(task)

    assert ways(side) == (True, True)
    side.disk.__class__ = Asked
    assert ways(side) == (False, False)


class Own(cdbs.Cdb10, opcode=0xD8, name="OWN"):
    __slots__ = ()


class More:
    """A part with a command of its own."""

    @command(Own, medium=True)
    def own(self, task: Any, cdb: Own) -> Any:
        return GOOD


ADDS: dict[str, Any] = {
    "nothing": {},
    "a command": {"own": More.own},
    "an init": {"__init__": lambda self, *given, **named: Disk.__init__(self, *given, **named), "state": 5},
    "an identity": {
        "inquiry": lambda self, task, cdb: Disk.inquiry(self, task, cdb),
        "vpd_pages": lambda self: Disk.vpd_pages(self),
        "block_limits": lambda self: Disk.block_limits(self),
    },
    "a helper": {"_helper": property(lambda self: 1 // 0), "__repr__": lambda self: "<one>"},
}

REPLACES: dict[str, Any] = {
    "execute": lambda self, task: Disk.execute(self, task),
    "read": Disk.read,
    "failed": lambda self, task, error: None,
    "blocks": property(lambda self: 8, lambda self, blocks: None),
    "__setattr__": lambda self, name, value: object.__setattr__(self, name, value),
    "__getattribute__": lambda self, name: object.__getattribute__(self, name),
    "other": command(cdbs.Read10)(lambda self, task, cdb: GOOD),
}


@pytest.mark.parametrize("what", ADDS)
@pytest.mark.parametrize("base", [Disk, ThinDisk])
def test_a_disk_with_more_is_granted_as_one(side: Side, base: type[Disk], what: str) -> None:
    kind = type("Mine", (base,), ADDS[what])
    assert adds_only(kind)
    assert adds_only(type("Both", (More, kind), {}))
    side.disk.__class__ = kind
    ways(side)  # what was granted is asked for again
    assert ways(side) == (True, True)


@pytest.mark.parametrize("name", REPLACES)
@pytest.mark.parametrize("base", [Disk, ThinDisk])
def test_a_disk_with_something_else_is_asked(base: type[Disk], name: str) -> None:
    part = type("Part", (), {name: REPLACES[name]})
    assert not adds_only(type("Mine", (base,), {name: REPLACES[name]}))
    assert not adds_only(type("Mine", (part, base), {}))
    assert not adds_only(type("Mine", (type("Base", (base,), {name: REPLACES[name]}),), {}))


def test_a_change_of_one_lun_leaves_the_grants_of_the_others(side: Side) -> None:
    assert ways(side) == (True, True)
    session: Any = side.first.target.session
    before = {grant.lun: grant for grant in session.grants()}
    side.luns.remove(512)
    (left,) = session.grants()
    assert left is before[256]
    assert left.gate.reasons & 1, "LUNs have changed: that is to be told"
    assert "REVOKED" in repr(before[512].gate)


def test_a_session_that_ends_leaves_no_gate_open(side: Side) -> None:
    assert ways(side) == (True, True)
    session: Any = side.first.target.session
    grants = session.grants()
    side.first.client.port.free()
    side.first.run()
    assert side.first.target.session is None
    assert all("REVOKED" in repr(grant.gate) for grant in grants)
    assert not side.disk.grant(session.nexus, 256).gate.reasons & ~32


def test_what_is_changed_behind_a_drained_gate_is_seen_whole(side: Side) -> None:
    """Two threads: one fills the disk anew, whenever the gate is closed and drained; the other one's READs see no mixture.

    Those of the lane. The engine enters no gate: without a GIL the other thread goes on while it copies.
    """
    rig, memory, size = side.first, side.media[0], BLOCKS * 512
    assert ways(side) == (True, True)
    session: Any = rig.target.session
    gate = session.grants()[0].gate
    rounds = 0
    over = threading.Event()

    def change() -> None:
        nonlocal rounds
        while not over.is_set():
            drained = threading.Event()
            if not gate.close(RESERVED, drained.set):
                assert drained.wait(PATIENCE)
            memory[:] = bytes((rounds % 251,)) * size
            gate.open(RESERVED)
            rounds += 1
            over.wait(0)  # the other one's turn

    memory[:] = bytes(size)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        while rounds < 2000 or lane(rig).total < 2000:
            for at in range(8):
                rig.client.read(256, 0, BLOCKS, offset=at * size)
            before = lane(rig).total
            rig.run()
            rig.client.answers.clear()
            if lane(rig).total - before == 8:
                for at in range(8):
                    seen = rig.client.peek(size, at * size)
                    assert seen == seen[:1] * size
    finally:
        over.set()
        thread.join(PATIENCE)


OWN = ["1b0000000000", "1b0000000100", "160000000000", "170000000000", "000000000000", "030000002000"]
"""START STOP UNIT, RESERVE, RELEASE, TEST UNIT READY, REQUEST SENSE: from either client."""


MODES = [(SWP, True), (SWP, False), (WCE, True), (WCE, False), (TST, True), (TST, False)]

steps = st.one_of(
    commands,
    *[plain_commands] * 6,
    st.tuples(st.just("ask"), st.booleans(), st.sampled_from(OWN)),
    st.tuples(st.just("select"), st.booleans(), st.sampled_from(MODES)),
    st.tuples(st.just("reset"), st.booleans()),
    st.tuples(st.just("change"), st.sampled_from(sorted(CHANGES))),
    *[st.just(("open",))] * 2,
)


class Both:
    """The same steps on two sides."""

    def __init__(self) -> None:
        self.sides = [Side(True), Side(False)]
        self.closed = ""
        """The change that is in force: one at a time."""
        self.tag = 99

    def open(self) -> None:
        """Nothing is in the way any more, but perhaps what was told to the second client."""
        if self.closed:
            self.take(("change", self.closed))
        for side in self.sides:
            side.run()
            for rig in side.first, side.other:
                for cdb in "170000000000", "1b0000000100":
                    side.ask(cdb, rig=rig)
            for page, on in (SWP, False), (WCE, True), (TST, True):
                side.ask(*side.page(*page, on))
            side.told()

    def take(self, step: Any) -> None:
        self.tag += 1
        if step == ("open",):
            self.open()
            return
        if isinstance(step, tuple) and step[0] == "change" and step[1] not in PASSING:
            name, self.closed = self.closed or step[1], "" if self.closed else step[1]
            step = "change", name, not self.closed
        for side in self.sides:
            self._take(side, step)

    def _take(self, side: Side, step: Any) -> None:
        if isinstance(step, dict):
            send(side.first, step, self.tag)
            return
        kind, *rest = step
        rig = side.other if rest and rest[0] is True else side.first
        if kind == "change":
            side.run()  # what has come before it
            CHANGES[rest[0]][rest[1:] == [True]](side)
        elif kind == "reset":
            rig.client.manage(256, TskMgmtFunc.LUN_RESET, tag=self.tag)
        elif kind == "ask":
            rig.client.cmd(256, rest[1], tag=self.tag, data_in=(rig.client.data(2 * MIB), 32))
        else:
            page, on = rest[1]
            cdb, data = side.page(*page, on)
            rig.client.cmd(256, cdb, tag=self.tag, **side.out(rig, data))

    def compare(self) -> None:
        for side in self.sides:
            side.run()
        short, long = ([list(rig.client.answers) for rig in (side.first, side.other)] for side in self.sides)
        assert short == long
        short, long = ([bytes(rig.client.view) for rig in (side.first, side.other)] for side in self.sides)
        assert short == long
        short, long = (list(map(bytes, side.media)) for side in self.sides)
        assert short == long

    def close(self) -> None:
        for side in self.sides:
            side.close()


@pytest.mark.slow
@given(st.lists(st.lists(steps, min_size=8, max_size=30), min_size=1, max_size=4))
def test_both_ways_give_the_same_whatever_closes_the_gates(batches: list[list[Any]]) -> None:
    both = Both()
    try:
        for side in both.sides:
            side.first.client.poke(random.Random(7).randbytes(1 << 18))
        for batch in batches:
            for step in batch:
                both.take(step)
            both.compare()
    finally:
        both.close()
