"""A target in this thread: what a port would bring comes, and what would end a connection ends the session."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

import pytest

from pysrp import fuzz, scsi, srp
from pysrp.backends import Ram
from pysrp.errors import SrpError
from pysrp.fuzz.inprocess import Ending, InProcess
from pysrp.lun import Lun
from pysrp.target.backend_medium import perform
from pysrp.target.disk import Disk
from pysrp.target.link import PENDING, Later
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Medium, MediumChannel, MediumRequest

READY = bytes(6)
WRITE, READ = bytes.fromhex("2a000000000800000200"), bytes.fromhex("28000000000800000200")
DATA = bytes(range(256)) * 4


def target(backend: Ram | Medium | None = None, memory: int = 1 << 20) -> InProcess:
    """Whose disk has told that it is new."""
    made = InProcess(LunMap([(0, Disk(backend or Ram(1 << 20))), (5, Disk(Ram(1 << 20)))]), memory)
    for lun in (0, 5):
        assert made.run(READY, lun=lun).status == scsi.Status.CHECK_CONDITION
    return made


def test_commands_and_their_data() -> None:
    one = target()
    assert one.run(READY) == Ending(0, b"", b"")
    assert one.run(WRITE, data=DATA) == Ending(0, b"", b"")
    assert one.run(READ, room=1024).data == DATA
    assert one.run(READ, room=1024, lun=5).data == bytes(1024)
    assert one.run(READ, room=1024, lun=Lun("4005"), attribute=srp.TaskAttribute.ORDERED).data == bytes(1024)
    inquiry = one.run(bytes.fromhex("12000000ff00"), room=255)
    assert scsi.parse_data_in(scsi.parse_cdb(bytes.fromhex("12000000ff00")), inquiry.data).vendor == "IBM"  # type: ignore[union-attr]
    assert len(inquiry.data) < 255
    refused = one.run(b"\xff" * 16, room=64)
    assert (refused.status, refused.data) == (scsi.Status.CHECK_CONDITION, b"")
    sense = scsi.parse_sense(refused.sense)
    assert (sense.sense_key, sense.asc) == (scsi.SenseKey.ILLEGAL_REQUEST, 0x20)
    assert scsi.parse_sense(one.run(READY, lun=7).sense).asc == 0x25
    one.close()


def test_memory_is_as_large_as_it_is() -> None:
    one = target(memory=2048)
    assert one.run(WRITE, data=DATA, room=1024).status == 0
    with pytest.raises(ValueError, match="has 2048"):
        one.run(WRITE, data=DATA, room=1025)
    iu = bytes(srp.Cmd.build(tag=9, cdb=READ, data_in=(1025, 1024)))
    (answer,) = one.send(iu)
    assert srp.Rsp(answer).status or srp.Rsp(answer).flags & srp.RspFlags.RSPVALID


def test_any_iu_goes_in() -> None:
    one = target()
    (answer,) = one.send(bytes(srp.TskMgmt.build(tag=7, tsk_mgmt_func=srp.TskMgmtFunc.LUN_RESET, lun=Lun())))
    assert srp.Rsp(answer).tag == 7
    for bad in (b"", b"\2", bytes(15), bytes([srp.Opcode.RSP]) + bytes(63)):
        before = one.violations
        with pytest.raises(SrpError):
            one.send(bad)
        assert one.violations == before + 1
    assert one.run(READY).status == scsi.Status.CHECK_CONDITION  # a new session, and who logs in is told
    assert one.run(READY).status == 0


def test_bent_ius_and_commands_always_get_an_answer() -> None:
    one, rng = target(), Random(5)
    mutator = fuzz.Mutator(5)
    for _ in range(300):
        cdb = fuzz.valid(rng.choice([cls for cls in scsi.commands.classes() if 6 <= cls.SIZE <= 16]), rng)
        answer = one.run(mutator.mutate(cdb)[:16] or b"\0", room=512, data=DATA)
        assert (answer.status == scsi.Status.CHECK_CONDITION) == bool(answer.sense)
        assert len(answer.data) <= 512
    for _ in range(300):
        iu = mutator.mutate(fuzz.valid(rng.choice((srp.Cmd, srp.TskMgmt)), rng))
        try:
            answers = one.send(iu)
        except SrpError:
            continue
        assert len(answers) <= 1
        assert all(srp.Rsp(each).tag == int.from_bytes(iu[8:16], "big") for each in answers)


class LateChannel(MediumChannel):
    """Requests are done by another thread, which tells the loop."""

    def __init__(self, medium: Late, loop: Any) -> None:
        self.medium, self.loop = medium, loop

    def submit(self, request: MediumRequest) -> Later:
        self.medium.thread.submit(self.work, request)
        return PENDING

    def withdraw(self, request: MediumRequest) -> bool:
        return False

    def work(self, request: MediumRequest) -> None:
        perform(self.medium.ram, request)
        self.loop.post(partial(request.over, request))


class Late(Medium):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.ram, self.thread = size, Ram(size), ThreadPoolExecutor(1)

    def channel(self, loop: Any) -> LateChannel:
        return LateChannel(self, loop)


def test_a_medium_that_finishes_later_is_waited_for() -> None:
    medium = Late(1 << 20)
    one = target(medium)
    assert one.run(WRITE, data=DATA).status == 0
    assert one.run(READ, room=1024).data == DATA
    one.close()
    medium.thread.shutdown()
