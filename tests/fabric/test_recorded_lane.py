"""A recorder beside the native path: what is on record is the same whichever way commands went, and all of it."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysrp._fast.crq_link import TapLink

from pysrp import crq, srp
from pysrp.backends import Ram
from pysrp.fabric import Identity, local
from pysrp.fabric.recorder import Recorder
from pysrp.lun import scst_pack
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import ServerAdapter

MIB = 1 << 20
BATCH, SLOT = 10, 320 << 10
LUN = bytes(scst_pack(256, "LUN"))


class System:
    """A client of elements and a target whose end is on record, in one thread."""

    def __init__(self, *, fast: bool) -> None:
        self.near, far = local.pair(Identity(0x3000), Identity(0x3001))
        self.file = io.StringIO()
        self.recorder = Recorder(far, self.file)
        self.disk = Disk(Ram(2 * MIB))
        self.target = ServerAdapter(self.recorder, LunMap([(256, self.disk)]), fast=fast)
        self.memory = self.near.allocate(MIB + BATCH * SLOT)
        self.view = memoryview(self.memory).cast("B")
        self.base = self.memory.address
        self.sent = 0
        self.target.enable()
        self.near.register()
        self.near.send(bytes(crq.Element.init()))
        self.run()
        self.iu(srp.LoginReq.build(tag=1, req_it_iu_len=256, req_buf_fmt=6))
        self.run()
        for code in (0, 7):
            session = self.target.session
            assert session
            self.disk.forget(session.nexus, 0x29, code)

    def iu(self, iu: Any) -> None:
        raw = bytes(iu)
        slot = self.sent % 1024 * 256
        self.view[slot : slot + len(raw)] = raw
        # The rest of an element is the client's own: Linux tells a time limit.
        self.near.send(
            bytes((0x80, 1, 0, 0, 0, self.sent & 255)) + len(raw).to_bytes(2, "big") + self.at(slot)
        )
        self.sent += 1

    def at(self, offset: int) -> bytes:
        return (self.base + offset).to_bytes(8, "big")

    def run(self) -> list[bytes]:
        self.target.process(1.0)
        return self.near.poll()

    def move(self, opcode: int, lba: int, pieces: list[tuple[int, int]], tag: int) -> None:
        """A READ(10) or WRITE(10) of as many blocks as the pieces have."""
        segments = [(self.base + MIB + offset, size) for offset, size in pieces]
        blocks = sum(size for _, size in pieces) // 512
        cdb = bytes((opcode, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0)).ljust(16, b"\0")
        where = segments if len(segments) > 1 else segments[0]
        fields = {"data_out" if opcode == 0x2A else "data_in": where}
        self.iu(srp.Cmd.build(tag=tag, lun=LUN, cdb=cdb, **fields))

    @property
    def short(self) -> int:
        """Commands that went by the native path."""
        lane = self.target.queue.lane
        return 0 if lane is None else lane.total

    def records(self) -> list[dict[str, Any]]:
        self.recorder.wait(0)
        return untimed(self.file)

    def close(self) -> None:
        self.target.retire()
        self.view.release()
        self.near.close()
        self.recorder.close()


def untimed(file: io.StringIO) -> list[dict[str, Any]]:
    """Records without the time at which they were made."""
    found = [json.loads(line) for line in file.getvalue().splitlines()]
    assert all(each.pop("time") > 0 for each in found)
    return found


@pytest.fixture
def systems() -> Iterator[list[System]]:
    """One with the native path, one without."""
    made = [System(fast=True), System(fast=False)]
    yield made
    for each in made:
        each.close()


def by_request(records: list[dict[str, Any]]) -> dict[Any, list[dict[str, Any]]]:
    """Records without their place among those of other requests."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for each in records:
        found.setdefault(each["txn"], []).append({**each, "seq": None})
    return found


def work(system: System, kind: int, tag: int, chance: random.Random) -> None:
    """A command: mostly one for the native path. Data is said to be of the request whose memory it lies in."""
    lba, offset = chance.randrange(1024), tag % BATCH * SLOT + chance.randrange(4096)
    size = 512 * chance.choice([1, 1, 8, 16, 17, 128, 512, 600])
    cut = chance.randrange(size)
    one, two = [(offset, size)], [(offset, cut), (offset + cut + 8, size - cut)]
    if kind == 0:
        system.iu(srp.TskMgmt.build(tag=tag, lun=LUN, tsk_mgmt_func=TskMgmtFunc.ABORT_TASK, task_tag=1))
    elif kind == 1:
        system.iu(srp.Cmd.build(tag=tag, lun=LUN, cdb=bytes(16)))
    elif kind == 2:  # a segment that is nobody's
        system.move(chance.choice([0x28, 0x2A]), lba, [(offset, 512), (1 << 40, 512)], tag)
    else:
        system.move(chance.choice([0x28, 0x2A]), lba, one if kind % 2 else two, tag)


@pytest.mark.slow
@given(
    st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=BATCH), min_size=1, max_size=6),
    st.integers(0, 99),
)
def test_the_same_is_on_record(batches: list[list[int]], seed: int) -> None:
    systems = [System(fast=True), System(fast=False)]
    answers: list[list[bytes]] = [[], []]
    try:
        for system in systems:
            system.view[MIB:] = random.Random(seed).randbytes(BATCH * SLOT)
        tag = 100
        for batch in batches:
            for kind in batch:
                for system in systems:
                    work(system, kind, tag, random.Random(seed + tag))
                tag += 1
            for system, got in zip(systems, answers, strict=True):
                got += system.run()
        short, long = (system.records() for system in systems)
        assert by_request(short) == by_request(long)
        assert answers[0] == answers[1]
        assert bytes(systems[0].view) == bytes(systems[1].view)
        assert systems[0].disk.backend.memory() == systems[1].disk.backend.memory()
        assert [each["seq"] for each in short] == [*range(1, len(short) + 1)]
    finally:
        for system in systems:
            system.close()


def test_one_at_a_time_it_is_the_same_file(systems: list[System]) -> None:
    for system in systems:
        system.view[MIB:] = random.Random(5).randbytes(BATCH * SLOT)
        for tag in range(100, 200):
            work(system, tag % 21, tag, random.Random(tag))
            system.run()
    short, long = (system.records() for system in systems)
    assert short == long
    assert systems[0].short > 50
    assert systems[1].short == 0


def test_a_full_tap_loses_nothing(systems: list[System]) -> None:
    """100 times 16 KiB are more than it holds: the engine does some, once they have been written."""
    for system in systems:
        for tag in range(100, 200):
            offset = 16384 * (tag - 100)
            system.view[MIB + offset : MIB + offset + 16384] = tag.to_bytes(2, "big") * 8192
            system.move(0x2A, 0, [(offset, 8192), (offset + 8192, 8192)], tag)
        assert len(system.run()) == 100
    assert by_request(systems[0].records()) == by_request(systems[1].records())
    assert 90 < systems[0].short < 100


@pytest.mark.parametrize("blocks", range(480, 512, 2))
def test_what_comes_when_the_tap_is_nearly_full(systems: list[System], blocks: int) -> None:
    """There is room for the answer of what is in hand, and for the elements that are taken next."""
    for system in systems:
        for tag, size in enumerate([512, 512, 512, blocks]):
            system.move(0x2A, 0, [(tag * SLOT, size * 512)], 100 + tag)
        system.run()
        for tag in range(100):
            system.move(0x28, tag, [(4 * SLOT + tag * 512, 512)], 200 + tag)
        assert len(system.run()) == 100
    assert by_request(systems[0].records()) == by_request(systems[1].records())
    assert systems[0].short >= 102


def test_elements_without_end(systems: list[System]) -> None:
    """What the engine takes empties the tap too."""
    for system in systems:
        for turn in range(40):
            for _ in range(250):
                system.near.send(bytes(crq.Element.ping()))
            system.move(0x28, 0, [(0, 512)], 100 + turn)
            system.run()
            system.near.poll(1000)
    assert by_request(systems[0].records()) == by_request(systems[1].records())
    assert systems[0].short == 40


def test_what_is_written_is_what_is_on_record(systems: list[System]) -> None:
    """A client that changes its memory meanwhile changes neither."""
    system = systems[0]
    system.view[MIB : MIB + 1024] = b"a" * 1024
    system.move(0x2A, 7, [(0, 1024)], 100)
    system.run()
    system.view[MIB : MIB + 1024] = b"b" * 1024
    (data,) = (each for each in system.records() if each["what"] == "data" and each["len"] == 1024)
    assert bytes.fromhex(data["hex"]) == b"a" * 1024 == system.disk.backend.memory()[7 * 512 : 9 * 512]
    assert system.short == 1


def test_notes() -> None:
    """The link by itself: what is taken and thrown away has been told."""
    near, far = local.pair()
    with near, far:
        near.register()
        far.register()
        told: list[tuple[str, int, bytes]] = []
        link = far.native(told.extend)
        assert isinstance(link, TapLink)
        elements = [bytes(crq.Element.ping()), bytes(crq.Element.init())]
        for each in elements:
            near.send(each)
        assert link.next() == elements[0]
        assert told == [("took", 0, each) for each in elements]
        link.clear()
        assert link.next() is None
        link.tell()
        assert len(told) == 2


def test_a_recorder_of_a_recorder() -> None:
    near, far = local.pair()
    files = io.StringIO(), io.StringIO()
    with Recorder(Recorder(far, files[0]), files[1]) as outer, near:
        near.register()
        outer.register()
        link = outer.native()
        near.send(bytes(crq.Element.ping()))
        assert link.next() == bytes(crq.Element.ping())
    assert untimed(files[0]) == untimed(files[1])
    assert '"crq"' in files[0].getvalue()
