"""SRP over something that is no VSCSI (examples/sockets): two channels, keys, copies that finish later and out of order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wire import DATA, DONE, IU, READ, WRITE, Message

from medium_by_hand import HandMedium, close
from pysrp import srp
from pysrp.backends import Ram
from pysrp.errors import PartnerGone
from pysrp.initiator.requests import Command, LoginRejected
from pysrp.lun import scst_pack
from pysrp.srp import TaskAttribute, TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.medium import Feature
from sockets_rig import (
    FIRST,
    MIB,
    PORT_A,
    PORT_B,
    SECOND,
    Hostile,
    Rig,
    SocketInitiator,
    cdb10,
    cut,
    manage,
    read,
    reading,
    sense,
    write,
)
from target_rig import SlowRam
from waiting import PATIENCE, until


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def slow() -> Iterator[tuple[Rig, SlowRam]]:
    backend = SlowRam(4 * MIB)
    rig = Rig(backend)
    yield rig, backend
    backend.gate.set()
    rig.close()


# Login and I/O.


def test_data_by_every_kind_of_descriptor(rig: Rig) -> None:
    """Direct; indirect with the table in the IU; a table that has to be fetched; more than one chunk."""
    initiator = rig.login()
    for cuts, blocks in [(1, 1), (8, 16), (9, 64), (64, 2048), (3, 1025)]:
        data = random.randbytes(512 * blocks)
        assert write(initiator, 5, data, cuts).status == 0
        found = read(initiator, 5, blocks, cuts)
        assert (found.status, found.data, found.residual) == (0, data, 0)
    assert initiator.run(FIRST, bytes.fromhex("120000002400"), room=255).residual == 255 - 36


def test_a_new_nexus_is_told(rig: Rig) -> None:
    initiator = rig.connect()
    assert initiator.login() == 0
    assert sense(initiator.run(FIRST, bytes(6))) == "06/29/00"
    assert initiator.run(FIRST, bytes(6)).status == 0


def test_two_channels_are_one_nexus(rig: Rig) -> None:
    """What one is told the other is not told again; a reservation belongs to both; the session ends with the last."""
    one = rig.login()
    two = rig.connect()
    assert two.login(join=True) == srp.LoginRspFlags.MULTICHAN_MAINTAINED
    other = rig.login(PORT_B)
    assert len(rig.target.sessions) == 2
    assert one.run(FIRST, bytes.fromhex("160000000000")).status == 0
    assert two.run(FIRST, bytes(6)).status == 0
    assert other.run(FIRST, bytes(6)).status == 0x18
    one.wire.close()
    rig.settle(lambda: len(rig.target.sessions[PORT_A].channels) == 1)
    assert two.run(FIRST, bytes(6)).status == 0
    assert other.run(FIRST, bytes(6)).status == 0x18
    two.wire.close()
    rig.settle(lambda: PORT_A not in rig.target.sessions)
    assert other.run(FIRST, bytes(6)).status == 0
    again = rig.connect()
    assert again.login(join=True) == 0, "there is no session to join: this is a new one"
    assert sense(again.run(FIRST, bytes(6))) == "06/29/07"


def test_a_single_channel_login_ends_the_others(rig: Rig) -> None:
    one, two = rig.login(), rig.login(join=True)
    three = rig.connect()
    assert three.login() == srp.LoginRspFlags.MULTICHAN_TERMINATED
    for gone in one, two:
        with pytest.raises(PartnerGone):
            gone.run(FIRST, bytes(6))
    assert sense(three.run(FIRST, bytes(6))) == "06/29/07"


def test_logins_that_cannot_be(rig: Rig) -> None:
    initiator = rig.connect()
    session: Any = initiator.session
    initiator._exchange = session.login(0.0, 60, target_port_id=b"t" * 16)
    initiator._until(lambda: initiator._exchange is None)
    assert isinstance(session.refusal, LoginRejected)
    assert session.refusal.reason == srp.LoginRejReason.UNABLE_ASSOCIATE_CHANNEL


# Keys.


@pytest.mark.parametrize("cuts", [1, 4, 40])
@pytest.mark.parametrize("inward", [True, False])
def test_a_wrong_key_reaches_nothing(rig: Rig, cuts: int, inward: bool) -> None:
    initiator = rig.login()
    region = initiator.memory.register(40 * 512)
    before = bytes(region.view)
    segments = cut(region, 40 * 512, cuts)
    bad = [*segments[:-1], (segments[-1][0], segments[-1][1], segments[-1][2] ^ 2)]
    for wrong in bad, [(0, *segments[0][1:]), *segments[1:]], [(region.address + 1, 40 * 512, region.key)]:
        raw = cdb10(0x28 if inward else 0x2A, 0, 40)
        command = Command(FIRST, raw, () if inward else wrong, wrong if inward else ())
        initiator.submit(command)
        initiator.wait(command)
        assert sense(command) == "0b/4b/00"
    assert initiator.memory.refused >= 3
    assert bytes(region.view) == before or inward
    assert bytes(rig.backend.memory()[: 40 * 512]) == bytes(40 * 512) or not inward
    assert read(initiator, 0, 1).status == 0


def test_a_table_that_is_not_there(rig: Rig) -> None:
    initiator = rig.login()
    initiator.session.memory.key ^= 4
    assert sense(read(initiator, 0, 64, cuts=20)) == "05/0e/03"
    initiator.session.memory.key ^= 4
    assert read(initiator, 0, 64, cuts=20).status == 0


def test_memory_that_may_not_be_written(rig: Rig) -> None:
    initiator = rig.login()
    region = initiator.memory.register(512, writable=False)
    command = Command(FIRST, cdb10(0x28, 0, 1), (), cut(region, 512, 1))
    initiator.submit(command)
    initiator.wait(command)
    assert sense(command) == "0b/4b/00"


# Copies in the middle.


def held(rig: Rig, initiator: SocketInitiator, count: int = 1) -> None:
    rig.settle(lambda: len(initiator.memory.held) >= count)


@pytest.mark.parametrize(
    "function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.LUN_RESET], ids=str
)
@pytest.mark.parametrize("kind", ["read", "write", "reply", "list", "table"])
def test_an_abort_in_mid_copy_is_answered_when_the_copy_is_over(
    rig: Rig, function: TskMgmtFunc, kind: str
) -> None:
    """After the answer nothing of the command reaches the initiator; a second function waits as the first does."""
    initiator = rig.login()
    memory = initiator.memory
    memory.hold = True
    region = memory.register(64 * 512)
    region.view[:] = b"\xee" * (64 * 512)
    whole, parts = cut(region, 64 * 512, 1), cut(region, 64 * 512, 32)
    command = {
        "read": Command(FIRST, cdb10(0x28, 0, 64), (), whole),
        "write": Command(FIRST, cdb10(0x2A, 0, 64), whole),
        "reply": Command(FIRST, bytes.fromhex("120000002400"), (), whole),
        "list": Command(FIRST, bytes.fromhex("151000001800"), whole),
        "table": Command(FIRST, cdb10(0x28, 0, 64), (), parts),
    }[kind]
    initiator.submit(command)
    held(rig, initiator)
    first = manage(initiator, function, task=command if function is TskMgmtFunc.ABORT_TASK else None)
    second = manage(initiator, TskMgmtFunc.LUN_RESET)
    other = Command(SECOND, bytes(6))
    initiator.submit(other)
    initiator.wait(other)
    assert not first.ended
    assert not second.ended
    while not (first.ended and second.ended):
        memory.let_go(count=1)
        rig.turn()
        if memory.held:
            assert not first.ended
            assert not second.ended
    assert first.code == second.code == 0
    assert not memory.held
    region.view[:] = b"\x11" * (64 * 512)
    memory.hold = False
    assert sense(initiator.run(FIRST, bytes(6))) == "06/29/00"
    assert read(initiator, 0, 64).data == bytes(64 * 512)
    assert bytes(region.view) == b"\x11" * (64 * 512)
    session = rig.target.sessions[PORT_A]
    assert not session.tasks
    assert session.outstanding == 0


def test_a_reset_by_another_nexus_waits_for_the_copy(rig: Rig) -> None:
    """The command ends TASK ABORTED when its copy is over, and the reset is answered after that."""
    victim, other = rig.login(), rig.login(PORT_B)
    victim.memory.hold = True
    command, region = reading(victim, 0, 64)
    held(rig, victim)
    reset = manage(other, TskMgmtFunc.LUN_RESET)
    for _ in range(20):
        rig.turn()
    assert not command.ended
    assert not reset.ended
    victim.memory.let_go(count=1)
    rig.turn()
    victim.memory.let_go()
    rig.settle(lambda: reset.ended and command.ended)
    assert (command.status, reset.code) == (0x40, 0)
    assert not victim.memory.held
    victim.memory.hold = False
    assert sense(victim.run(FIRST, bytes(6))) == "06/29/00"
    assert bytes(region.view).count(0xEE) + bytes(region.view).count(0) == len(region.view)


def test_a_connection_that_closes_in_mid_copy(rig: Rig) -> None:
    """Its memory is staged memory again, the other channel goes on, and what waited for its task begins."""
    one, two = rig.login(), rig.login(join=True)
    one.memory.hold = True
    _, _ = reading(one, 0, 1024)
    ordered = Command(FIRST, bytes(6), attribute=TaskAttribute.ORDERED)
    held(rig, one)
    two.submit(ordered)
    rig.turn()
    assert not ordered.ended
    mover = next(iter(rig.target.sessions[PORT_A].tasks)).mover
    one.wire.close()
    two.wait(ordered)
    assert ordered.status == 0
    assert not mover.staging.busy  # type: ignore[attr-defined]
    assert read(two, 0, 8).status == 0


def test_copies_out_of_order(rig: Rig) -> None:
    initiator = rig.login()
    memory = initiator.memory
    data = random.randbytes(64 * 16384)
    region = memory.register(len(data))
    region.view[:] = data
    memory.hold = True
    command = Command(FIRST, cdb10(0x2A, 0, len(data) // 512), cut(region, len(data), 7))
    initiator.submit(command)
    while not command.ended:
        memory.let_go(count=1)
        rig.turn()
    memory.hold = False
    assert command.status == 0
    assert read(initiator, 0, len(data) // 512, cuts=5).data == data


def test_replace_in_mid_copy(rig: Rig) -> None:
    """The command goes on with the disk that it began with; the next one is told, and finds the other."""
    initiator = rig.login()
    write(initiator, 0, b"old." * 128)
    initiator.memory.hold = True
    command, region = reading(initiator, 0, 1)
    held(rig, initiator)
    rig.luns.replace(0, Disk(Ram(MIB), "new"))
    initiator.memory.hold = False
    initiator.memory.let_go()
    initiator.wait(command)
    assert bytes(region.view) == b"old." * 128
    assert sense(initiator.run(FIRST, bytes(6)))[:2] == "06"
    while initiator.run(FIRST, bytes(6)).status:
        pass
    assert read(initiator, 0, 1).data == bytes(512)


# Credits.


def test_more_requests_than_credits_end_the_connection(rig: Rig) -> None:
    initiator = rig.login()
    initiator.memory.hold = True
    initiator.session.credits += 5
    for _ in range(33):
        reading(initiator, 0, 1)
    rig.settle(lambda: initiator.wire.closed)
    assert rig.target.violations == ["more than 32 requests at once"]
    assert rig.login().run(FIRST, bytes(6)).status == 0


def test_credits_of_commands_that_another_channel_aborts(rig: Rig) -> None:
    """Nothing answers them on the channel that they came by: an SRP_CRED_REQ gives the credits back."""
    one, two = rig.login(), rig.login(join=True)
    one.memory.hold = True
    commands = [reading(one, 0, 1)[0] for _ in range(4)]
    held(rig, one, 4)
    assert one.session.credits == 28
    function = manage(two, TskMgmtFunc.ABORT_TASK_SET)
    rig.settle(lambda: one.session.credits == 32)
    channels = next(iter(rig.target.sessions.values())).channels
    rig.settle(lambda: not channels[0].asked)
    assert [channel.owed for channel in channels] == [0, 0]
    one.memory.hold = False
    one.memory.let_go()
    two.wait(function)
    assert function.code == 0
    assert two.session.credits == 32
    assert one.run(FIRST, bytes(6)).status == 0
    assert one.session.credits == 32
    assert not any(command.ended for command in commands), "this channel was told nothing"


def test_credits_that_are_owed_while_others_are_given(rig: Rig) -> None:
    """A target has one request at a time."""
    one, two = rig.login(), rig.login(join=True)
    one.memory.hold = True
    commands = [reading(one, lba, 1)[0] for lba in range(4)]
    held(rig, one, 4)
    for command in commands[:3]:
        manage(two, TskMgmtFunc.ABORT_TASK, task=command)
    rig.target.turn()
    channel = next(iter(rig.target.sessions.values())).channels[0]
    assert (channel.asked, channel.owed, channel.told) == (True, 2, 1)
    rig.settle(lambda: one.session.credits == 31)
    rig.settle(lambda: not channel.asked)
    assert (channel.owed, channel.told, channel.outstanding) == (0, 2, 1)


@pytest.mark.parametrize("tag", [0, 1, 2])
def test_an_answer_to_what_was_not_asked(rig: Rig, tag: int) -> None:
    one = rig.login()
    one.wire.send(Message(IU, payload=bytes(srp.CredRsp.build(tag=tag))))
    rig.settle(lambda: one.wire.closed)
    assert rig.target.violations == ["an IU with opcode 0x41"]
    assert rig.login().run(FIRST, bytes(6)).status == 0


def test_who_asks_without_end_and_takes_no_answers(rig: Rig) -> None:
    one = rig.login()
    (connection,) = rig.target._connections
    request = Message(IU, payload=bytes(srp.CredReq.build(tag=1)))

    def flood() -> bool:
        connection.wire.send(request)
        one.poll()
        return one.wire.closed

    until(flood)


# Media that hang.


def test_a_hung_medium_holds_up_nobody(slow: tuple[Rig, SlowRam]) -> None:
    rig, backend = slow
    initiator = rig.login()
    hung, region = reading(initiator, 0, 8)
    rig.settle(lambda: backend.started.acquire(blocking=False))
    assert initiator.run(FIRST, bytes.fromhex("120000002400"), room=36).status == 0
    assert read(initiator, 0, 64, lun=SECOND).status == 0
    for function in TskMgmtFunc.ABORT_TASK, TskMgmtFunc.LUN_RESET:
        request = manage(initiator, function, task=hung if function is TskMgmtFunc.ABORT_TASK else None)
        initiator.wait(request)
        assert request.code == 0
    backend.gate.set()
    assert rig.pool.drain(backend, PATIENCE)
    for _ in range(5):
        rig.turn()
    assert bytes(region.view) == b"\xee" * (8 * 512)
    assert sense(initiator.run(FIRST, bytes(6))) == "06/29/00"
    assert read(initiator, 0, 8).status == 0


# Hostile peers.


def test_a_medium_that_no_lun_has_any_more_is_let_go(rig: Rig) -> None:
    """And those of a connection that is lost."""
    initiator = rig.login()
    kept, gone = HandMedium(MIB, int(Feature.NOWAIT)), HandMedium(MIB, int(Feature.NOWAIT))
    for medium in kept, gone:
        medium.set(modulus=1)
    for lun, medium in (7, kept), (8, gone):
        rig.luns.add(lun, Disk(medium, f"disk {lun}"))
        for _ in range(3):  # of which the first is told that there are other LUNs
            result = read(initiator, 0, 1, lun=scst_pack(lun, "LUN"))
    assert (result.status, kept.channels, gone.channels) == (0, 1, 1)
    rig.luns.remove(8)
    rig.settle(lambda: not gone.channels)
    assert kept.channels == 1
    rig.sockets[0].close()
    rig.settle(lambda: not kept.channels)
    rig.luns.remove(7)
    for medium in kept, gone:
        close(medium)


def test_answers_to_nothing(rig: Rig) -> None:
    good = rig.login(PORT_B)
    for kind in DATA, DONE, READ, WRITE, 0, 99:
        hostile = Hostile(rig)
        hostile.login()
        hostile.send(kind, number=7, payload=b"x" * 100)
        rig.turn()
        hostile.wire.receive()
        assert hostile.wire.closed
    assert good.run(FIRST, bytes(6)).status == 0


@pytest.mark.parametrize(
    ("kind", "payload"), [(DATA, b""), (DATA, b"x" * 511), (DATA, b"x" * 513), (DONE, b""), (DONE, b"x")]
)
def test_wrong_answers_to_a_read(rig: Rig, kind: int, payload: bytes) -> None:
    hostile = Hostile(rig)
    hostile.login()
    command = srp.Cmd.build(tag=5, lun=bytes(FIRST), cdb=cdb10(0x2A, 0, 1), data_out=(0, 1, 512))
    hostile.send(IU, payload=bytes(command))
    wanted = [m for m in hostile.wire.receive() if m.kind == READ]
    assert len(wanted) == 1
    hostile.send(kind, number=wanted[0].number, payload=payload)
    rig.turn()
    assert not rig.target.sessions
    assert bytes(rig.backend.memory()[:512]) == bytes(512)


def test_an_initiator_that_takes_no_answers(rig: Rig) -> None:
    """What waits for it does not grow for ever."""
    hostile = Hostile(rig)
    hostile.login()
    for tag in range(20000):
        hostile.send(IU, payload=bytes(srp.Cmd.build(tag=tag, lun=bytes(FIRST), cdb=bytes(16))))
        if rig.target.violations:
            break
    assert rig.target.violations == ["answers are not fetched"]
    assert not rig.target.sessions


def test_work_that_ends_after_the_target_was_closed(caplog: pytest.LogCaptureFixture) -> None:
    """A worker rings no bell that is another file's by now."""
    backend = SlowRam(MIB)
    rig = Rig(backend)
    reading(rig.login(), 0, 8)
    rig.settle(lambda: backend.started.acquire(blocking=False))
    rig.target.close()
    with open(__file__, "rb"):
        backend.gate.set()
        assert rig.pool.drain(timeout=PATIENCE)
        until(lambda: rig.target._inbox)
    for sock in rig.sockets:
        sock.close()
    assert not caplog.records


def test_random_messages(rig: Rig) -> None:
    """Whoever sends them is served or thrown out; the other initiator's reads and writes are right all the time."""
    good = rig.login(PORT_B)
    choose = random.Random(1)
    hostile = Hostile(rig)
    thrown_out = 0
    for step in range(3000):
        hostile.wire.receive()
        if hostile.wire.closed:
            hostile, thrown_out = Hostile(rig), thrown_out + 1
            if choose.random() < 0.9:
                hostile.login()
        if choose.random() < 0.6:
            raw = bytearray(
                bytes(
                    srp.Cmd.build(
                        tag=choose.getrandbits(64), lun=bytes(SECOND),
                        cdb=cdb10(choose.choice([0x28, 0x2A, 0x12, 0x55, 0xA0, 0x2F]), choose.randrange(9000), choose.randrange(70)),
                        data_in=(choose.getrandbits(20), choose.getrandbits(3), choose.randrange(1 << 16)),
                    )
                )
            )  # fmt: skip
            for _ in range(choose.randrange(4)):
                raw[choose.randrange(len(raw))] = choose.randrange(256)
            hostile.send(
                IU, payload=bytes(raw[: choose.randrange(1, len(raw) + 1)] if choose.random() < 0.1 else raw)
            )
        else:
            hostile.send(
                choose.randrange(8), choose.getrandbits(3), choose.randrange(40), choose.getrandbits(20),
                choose.getrandbits(12), choose.randbytes(choose.choice([0, 1, 16, 64, 512, 16384])),
            )  # fmt: skip
        if not step % 50:
            data = choose.randbytes(512 * 3)
            assert write(good, step // 50, data).status == 0
            assert read(good, step // 50, 3).data == data
    assert thrown_out > 20


# Everything at once.


class Machine:
    """Two initiators, three channels, one disk of 32 places: commands under way with copies held, aborts, resets."""

    PLACES = 32

    def __init__(self, rig: Rig, seed: int, blocks: int) -> None:
        self.rig = rig
        self.blocks, self.size = blocks, blocks * 512
        self.choose = random.Random(seed)
        self.channels = [rig.login(), rig.login(join=True), rig.login(PORT_B)]
        for channel in self.channels:
            channel.memory.hold = True
        self.certain: dict[int, bytes] = {place: bytes(self.size) for place in range(self.PLACES)}
        """What a place has for sure; none of one that an aborted write was for."""
        self.writes: dict[Any, tuple[int, bytes]] = {}
        self.reads: dict[Any, tuple[int, Any, Any]] = {}
        self.functions: list[tuple[Any, list[Any]]] = []
        self.busy: dict[int, int] = {}

    def _place(self) -> int | None:
        free = [place for place in range(self.PLACES) if not self.busy.get(place)]
        return self.choose.choice(free) if free else None

    def write(self) -> None:
        channel, place = self.choose.choice(self.channels), self._place()
        if place is None or channel.session.pending > 20:
            return
        data = self.choose.randbytes(self.size)
        region = channel.memory.register(self.size)
        region.view[:] = data
        segments = cut(region, self.size, self.choose.choice([1, 3, 12]))
        command = Command(FIRST, cdb10(0x2A, self.blocks * place, self.blocks), segments)
        channel.submit(command)
        self.busy[place] = 1
        self.writes[command] = place, data

    def read(self) -> None:
        channel, place = self.choose.choice(self.channels), self._place()
        if place is None or channel.session.pending > 20:
            return
        region = channel.memory.register(self.size)
        segments = cut(region, self.size, self.choose.choice([1, 3, 12]))
        command = Command(FIRST, cdb10(0x28, self.blocks * place, self.blocks), (), segments)
        channel.submit(command)
        self.busy[place] = 1
        self.reads[command] = place, region, self.certain.get(place)

    def manage(self) -> None:
        channel = self.choose.choice(self.channels)
        if channel.session.pending > 24:
            return
        own = [
            each
            for each in (*self.writes, *self.reads)
            if each.tag and channel.session._requests[each.slot] is each
        ]
        function = self.choose.choice(
            [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.LUN_RESET]
        )
        if function is TskMgmtFunc.ABORT_TASK and not own:
            return
        task = self.choose.choice(own) if function is TskMgmtFunc.ABORT_TASK else None
        self.functions.append((manage(channel, function, task=task), own))

    def let_go(self) -> None:
        channel = self.choose.choice(self.channels)
        channel.memory.let_go(self.choose.shuffle, self.choose.randrange(1, 6))

    def settle(self) -> None:
        """Let everything end that can."""
        for _ in range(400):
            for channel in self.channels:
                channel.memory.let_go(self.choose.shuffle)
            self.rig.turn()
            self.check()

    def check(self) -> None:
        """What has ended has ended as it may."""
        for command in [each for each in self.writes if each.ended]:
            place, data = self.writes.pop(command)
            self.busy[place] = 0
            if command.error is None and command.status == 0:
                self.certain[place] = data
            else:
                assert command.status in (None, 2, 0x40)
                if command.status != 2:
                    self.certain.pop(place, None)
        for command in [each for each in self.reads if each.ended]:
            place, region, wanted = self.reads.pop(command)
            self.busy[place] = 0
            if command.error is None and command.status == 0 and wanted is not None:
                assert bytes(region.view) == wanted
        for function, _ in [each for each in self.functions if each[0].ended]:
            assert function.error is None
            assert function.code == 0
        self.functions = [each for each in self.functions if not each[0].ended]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("blocks", [1, 4], ids=["immediate data", "segments"])
def test_random_work_with_aborts_and_copies_in_any_order(seed: int, blocking: bool, blocks: int) -> None:
    backend = Ram(4 * MIB)
    backend.blocking = blocking
    rig = Rig(backend)
    try:
        machine = Machine(rig, seed, blocks)
        steps = [machine.write] * 6 + [machine.read] * 6 + [machine.let_go] * 8 + [machine.manage]
        for _ in range(1500):
            machine.choose.choice(steps)()
            rig.turn()
            machine.check()
        machine.settle()
        assert rig.pool.drain(timeout=PATIENCE)
        machine.settle()
        assert not machine.functions
        for channel in machine.channels:
            channel.memory.hold = False
            assert sense_or_good(channel)
        for session in rig.target.sessions.values():
            assert not session.tasks
            assert not session._copying
            for each in session.channels:
                assert each.outstanding == 0
                assert not each.mover.staging.busy  # type: ignore[attr-defined]
        for (
            place,
            _,
        ) in machine.writes.values():  # aborted by another channel: nobody is told how far they got
            machine.certain.pop(place, None)
        for place, data in machine.certain.items():
            assert read(machine.channels[0], blocks * place, blocks).data == data
        assert not rig.target.violations
    finally:
        rig.close()


def sense_or_good(channel: SocketInitiator) -> bool:
    """Take what attentions are left."""
    while (found := channel.run(FIRST, bytes(6))).status:
        assert sense(found).startswith("06/29")
    return True


def test_what_the_readme_shows(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "examples" / "sockets" / "README.md").read_text()
    code = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert "IBM     VDASD blkdev" in capsys.readouterr().out
    names["target"].close()
    names["near"].close()
