"""Media and handlers that do what they must not: no answer is wrong, early, or missing, and the engine goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from later_rig import LaterRig
from pysrp.backends import Ram
from pysrp.errors import CheckCondition
from pysrp.target.disk import Disk
from pysrp.target.effects import Effect, Work
from pysrp.target.guarded import Guarded
from pysrp.target.link import PENDING, Later
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Feature, Loop, Medium, MediumChannel, MediumRequest, Operation
from pysrp.target.workers import Pool
from target_rig import MIB, Rig, SlowRam

CHUNK = 256 << 10
ABORT = 1


class Strange(Medium, MediumChannel):
    """A medium that does what it is told by hand, as often as it is told, and may raise when it should withdraw."""

    def __init__(self, raises: bool = False) -> None:
        super().__init__()
        self.size = 4 * MIB
        self.raises = raises
        self.bytes = memoryview(bytearray(b"\x5a" * CHUNK + b"\xa5" * (self.size - CHUNK)))
        self.requests: list[MediumRequest] = []
        self.loop: Loop | None = None

    def channel(self, loop: Loop) -> Strange:
        self.loop = loop
        return self

    def submit(self, request: MediumRequest) -> Later | None:
        self.requests.append(request)
        return PENDING

    def withdraw(self, request: MediumRequest) -> bool:
        if self.raises:
            raise OSError(5, "Input/output error")
        return False

    def does(self, times: int = 1) -> None:
        """The oldest request is done, and told so many times."""
        request = self.requests.pop(0)
        at = request.offset
        for view in request.buffers:
            if request.operation is Operation.READ:
                view[:] = self.bytes[at : at + len(view)]
            else:
                self.bytes[at : at + len(view)] = view
            at += len(view)
        request.ends(0, request.length)
        assert self.loop is not None
        for _ in range(times):
            self.loop.post(lambda: request.over(request))


def test_a_part_that_is_told_twice_is_one_part() -> None:
    medium = Strange()
    rig = Rig(LunMap([(256, Disk(medium))]))
    client = rig.login()
    client.poke(b"\x11" * (2 * CHUNK))
    tag = client.read(256, 0, 2 * CHUNK // 512)
    rig.run()
    medium.does(times=2)
    rig.run()
    assert len(medium.requests) == 1, "the second part is still to be done"
    assert not client.answers
    medium.does(times=3)
    rig.run()
    assert client.answer(tag).status == 0
    assert client.peek(2 * CHUNK) == b"\x5a" * CHUNK + b"\xa5" * CHUNK


@pytest.mark.parametrize("raises", [False, True])
def test_what_was_aborted_may_be_told_twice_and_withdraw_may_raise(raises: bool) -> None:
    medium = Strange(raises)
    rig = Rig(LunMap([(256, Disk(medium))]))
    client = rig.login()
    first = client.write(256, 0, bytes(512))
    rig.run()
    aborted = client.manage(256, ABORT, first)
    rig.run()
    client.answer(aborted)
    later = client.write(256, 0, b"\x77" * 512)
    rig.run()
    assert len(medium.requests) == 1, "it waits for the straggler"
    medium.does(times=2)
    rig.run()
    medium.does()
    rig.run()
    assert client.answer(later).status == 0
    assert bytes(medium.bytes[:512]) == b"\x77" * 512
    assert not medium.stragglers.running
    assert not rig.target.session.tasks


def test_extents_that_come_in_parts_are_put_together() -> None:
    class Brief(Medium, MediumChannel):
        features = Feature.EXTENTS
        size = 4 * CHUNK

        def channel(self, loop: Loop) -> Brief:
            return self

        def submit(self, request: MediumRequest) -> None:
            request.done = min(request.length, CHUNK)
            request.value = [(request.done, request.offset != 0)]

    medium = Brief()
    request = MediumRequest(Operation.EXTENTS, 0, 3 * CHUNK)
    assert Guarded(medium, medium.channel(None), lambda call: call()).submit(request) is None  # type: ignore[arg-type]
    assert (request.errno, request.done) == (0, 3 * CHUNK)
    assert request.value == [(CHUNK, False), (CHUNK, True), (CHUNK, True)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("fails", [True, False])
def test_an_answer_waits_for_what_the_link_copies(fails: bool) -> None:
    """A handler of version 0.1 that begins a transfer, and ends its task at once."""

    class Hasty(Disk):
        def execute(self, task: Any) -> Any:
            if task.cdb[0] != 0xC1:
                return super().execute(task)
            task.read(self.backend, 0, 512)
            if fails:
                raise CheckCondition("no", status=2, sense=bytes(18))
            task.good()
            return None

    rig = LaterRig(LunMap([(0, Hasty(Ram(MIB)))]))
    tag = rig.cmd(0, "c1", room=(4096, 512))
    assert rig.memory.under_way
    assert tag not in rig.link.answers
    rig.memory.end_all()
    rig.turn()
    assert rig.link.answers[tag].status == (2 if fails else 0)
    assert not rig.memory.under_way


def test_a_handler_that_ends_its_task_while_it_is_aborted() -> None:
    class Late(Disk):
        def execute(self, task: Any) -> Any:
            return self.slow(task) if task.cdb[0] == 0xC1 else super().execute(task)

        def slow(self, task: Any) -> Iterator[Effect]:
            try:
                yield Work(self.backend, self.backend._pass)  # type: ignore[attr-defined]
            finally:
                task.check(bytes(18))

    medium = SlowRam(MIB)
    disk = Late(medium)
    rig = Rig(LunMap([(256, disk)]), workers=Pool())
    client = rig.login()
    with contextlib.ExitStack() as stack:
        stack.callback(medium.gate.set)
        tag = client.cmd(256, "c1")
        rig.run()
        aborted = client.manage(256, ABORT, tag)
        rig.run()
        client.answer(aborted)
        assert not client.answers, "what was aborted is not answered"
        assert not rig.target.session.tasks
        client.cmd(256, "c1")
        rig.run()
        rig.target.disable()
        assert not disk.nexuses()
