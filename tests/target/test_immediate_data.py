"""Limits of a link: data in the IU of its command (SRP2), and the largest command; over examples/sockets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wire import DATA, DONE, IU, LARGEST, READ, WRITE, Message

from pysrp import srp
from pysrp.backends import Ram
from pysrp.initiator.requests import Command
from pysrp.media.file import FileMedium
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.link import Limits
from pysrp.target.login import accept, immediate_offset
from sockets_rig import FIRST, MIB, PORT_A, PORT_B, Hostile, Rig, cdb10, cut, manage, read, sense, write
from target_rig import SlowRam
from waiting import PATIENCE

AT = 68
"""Where these commands have their data."""

MODE_SELECT = bytes.fromhex("151000001800")
CACHING = bytes(4) + bytes((8, 18, 0)) + bytes(17)
"""A parameter list of 24 bytes: the caching page, write cache off."""


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


def blocking_ram(path: Path) -> Any:
    ram = Ram(4 * MIB)
    ram.blocking = True
    return ram


def a_file(path: Path) -> Any:
    (path / "disk").write_bytes(bytes(4 * MIB))
    return FileMedium(path / "disk")


@pytest.fixture(params=[lambda path: Ram(4 * MIB), blocking_ram, a_file], ids=["ram", "blocking", "file"])
def any_medium(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """Data in place, staged for a worker, and for a medium in C."""
    rig = Rig(request.param(tmp_path))
    yield rig
    rig.close()
    rig.backend.close()


class Raw(Hostile):
    """Whoever makes its SRP_CMDs by hand; :attr:`read` are what the target wanted to read of its memory."""

    def __init__(self, rig: Rig, *, agreed: bool = True, offset: int = AT) -> None:
        super().__init__(rig)
        self.read: list[Message] = []
        flags = srp.ReqFlags.IMMED_REQUESTED if agreed else 0
        answer = self.login(req_flags=int(flags), imm_data_offset=offset)
        self.granted = bool(answer.rsp_flags & srp.LoginRspFlags.IMMED_SUPP)

    def ask(self, raw: bytes, *, claims: int, data: bytes = b"", at: int = AT, **fields: Any) -> None:
        """Send a command with data at an offset, and claim that it has so many bytes."""
        fields.setdefault("data_out", srp.ImmBuf.build(len=claims))
        cmd = bytes(srp.Cmd.build(tag=7, lun=bytes(FIRST), cdb=raw, **fields))
        self.send(IU, payload=cmd.ljust(at, b"\xcc") + data if data else cmd)

    def answer(self) -> Any:
        """The SRP_RSP that has come, None without one."""
        found = None
        for _ in range(3):
            self.rig.turn()
            for message in self.wire.receive():
                if message.kind == IU:
                    assert found is None
                    found = srp.Rsp(message.payload)
                elif message.kind == READ:
                    self.read.append(message)
        return found


REFUSED = "05/0e/03"


def sense_of(rsp: srp.Rsp) -> str:
    assert rsp.status == 2
    found = bytes(rsp.sense)
    return f"{found[2] & 15:02x}/{found[12]:02x}/{found[13]:02x}"


# What it is for.


def test_a_small_write_goes_in_one_message(any_medium: Rig) -> None:
    """The target reads nothing of the initiator's memory."""
    rig = any_medium
    initiator = rig.login()
    initiator.memory.hold = True
    written = {lba: random.randbytes(512) for lba in (0, 7, 8191)}
    for lba, data in written.items():
        result = write(initiator, lba, data, cuts=3)
        assert (result.status, result.residual) == (0, 0)
    assert initiator.session.credits == 32
    initiator.memory.hold = False
    for lba, data in written.items():
        assert read(initiator, lba, 1).data == data


@pytest.mark.parametrize("fua", [0, 8])
def test_a_write_that_has_to_be_on_the_medium(any_medium: Rig, fua: int) -> None:
    initiator = any_medium.login()
    initiator.memory.hold = True
    raw = bytes((0x2A, fua)) + cdb10(0x2A, 3, 1)[2:]
    assert initiator.run(FIRST, raw, data=b"f" * 512).status == 0
    initiator.memory.hold = False
    assert read(initiator, 3, 1).data == b"f" * 512


def test_a_parameter_list_in_the_iu(rig: Rig) -> None:
    initiator = rig.login()
    initiator.memory.hold = True
    assert initiator.run(FIRST, MODE_SELECT, data=CACHING).status == 0
    initiator.memory.hold = False
    page = initiator.run(FIRST, bytes.fromhex("1a080800ff00"), room=255).data[4:]
    assert (page[0] & 63, page[2] & 4) == (8, 0), "WCE was 1"


def test_residuals_of_a_write(rig: Rig) -> None:
    """More data than the command wants; less, which is moved as far as there are whole blocks."""
    raw = Raw(rig)
    raw.ask(cdb10(0x2A, 0, 1), claims=600, data=b"a" * 600)
    rsp = raw.answer()
    assert (rsp.status, rsp.data_out_res_cnt, int(rsp.flags)) == (0, 88, srp.RspFlags.DOUNDER)
    raw.ask(cdb10(0x2A, 4, 2), claims=700, data=b"b" * 700)
    rsp = raw.answer()
    assert (rsp.status, rsp.data_out_res_cnt, int(rsp.flags)) == (0, 324, srp.RspFlags.DOOVER)
    assert bytes(rig.backend.memory()[: 6 * 512]) == b"a" * 512 + bytes(3 * 512) + b"b" * 512 + bytes(512)
    assert not raw.read


# Login.


@pytest.mark.parametrize(
    ("offset", "granted"), [(0, 0), (48, 0), (51, 0), (52, 52), (68, 68), (1024, 1024), (1025, 0), (65535, 0)]
)
def test_offsets_at_login(rig: Rig, offset: int, granted: int) -> None:
    raw = Raw(rig, offset=offset)
    assert raw.granted == bool(granted)
    assert rig.target.sessions[PORT_A].channels[0].immediate == granted


def test_a_login_that_does_not_ask(rig: Rig) -> None:
    """An offset alone asks for nothing: those bytes were reserved before SRP2."""
    raw = Raw(rig, agreed=False)
    assert not raw.granted
    assert rig.target.sessions[PORT_A].channels[0].immediate == 0


def test_a_link_without_immediate_data() -> None:
    limits = Limits(256, 256, 96)
    request = srp.LoginReq.build(req_flags=srp.ReqFlags.IMMED_REQUESTED, imm_data_offset=AT)
    assert immediate_offset(request, limits) == 0
    assert accept(request, limits, 8).rsp_flags == 0


def test_channels_agree_each_for_itself(rig: Rig) -> None:
    one = Raw(rig)
    assert one.granted
    two = Hostile(rig)
    two.login(req_flags=int(srp.ReqFlags.MULTICHAN_MULTI))
    assert [channel.immediate for channel in rig.target.sessions[PORT_A].channels] == [AT, 0]


# Hostile peers.


@pytest.mark.parametrize(
    ("claims", "there"), [(512, 511), (513, 512), (1024, 512), (0xFFFFFFFF, 512), (0xFFFFFFFF - AT + 1, 512), (1, 0)]
)  # fmt: skip
def test_a_length_past_the_end_of_the_iu(rig: Rig, claims: int, there: int) -> None:
    raw = Raw(rig)
    raw.ask(cdb10(0x2A, 0, 1), claims=claims, data=b"x" * there)
    assert sense_of(raw.answer()) == REFUSED
    raw.ask(cdb10(0x2A, 0, 1), claims=512, data=b"y" * 512)
    assert raw.answer().status == 0, "the connection goes on"
    assert bytes(rig.backend.memory()[:512]) == b"y" * 512


def test_an_iu_that_ends_before_its_data_begins(rig: Rig) -> None:
    raw = Raw(rig)
    for claims in 0, 1, 512:
        raw.ask(cdb10(0x2A, 0, 1), claims=claims)
        assert sense_of(raw.answer()) == REFUSED
    assert bytes(rig.backend.memory()[:512]) == bytes(512)


def test_data_that_would_begin_inside_the_command(rig: Rig) -> None:
    raw = Raw(rig, offset=52)
    raw.ask(cdb10(0x2A, 0, 1), claims=512, data=b"x" * 512, at=52)
    assert raw.answer().status == 0
    raw.ask(cdb10(0x2A, 1, 1), claims=512, data=b"x" * 512, data_in=(0, 1, 512))
    assert sense_of(raw.answer()) == REFUSED
    raw.ask(cdb10(0x2A, 1, 1).ljust(20, b"\0"), claims=512, data=b"x" * 512)
    assert sense_of(raw.answer()) == REFUSED
    assert bytes(rig.backend.memory()[512:1024]) == bytes(512)


def test_immediate_data_that_was_not_agreed_on(rig: Rig) -> None:
    raw = Raw(rig, agreed=False)
    raw.ask(cdb10(0x2A, 0, 1), claims=512, data=b"x" * 512)
    assert sense_of(raw.answer()) == REFUSED
    assert bytes(rig.backend.memory()[:512]) == bytes(512)


def test_no_bytes_of_immediate_data(rig: Rig) -> None:
    """A command that offers nothing."""
    raw = Raw(rig)
    raw.ask(cdb10(0x2A, 0, 1), claims=0, data=b"ignored")
    rsp = raw.answer()
    assert (rsp.status, rsp.data_out_res_cnt, int(rsp.flags)) == (0, 512, srp.RspFlags.DOOVER)
    raw.ask(bytes(6), claims=0, data=b"ignored")
    assert (raw.answer().status, bytes(rig.backend.memory()[:512])) == (0, bytes(512))
    raw.ask(MODE_SELECT, claims=0, data=b"ignored")
    assert raw.answer().status == 2


def test_immediate_data_as_data_in(rig: Rig) -> None:
    raw = Raw(rig)
    for out in None, srp.ImmBuf.build(len=512):
        raw.ask(cdb10(0x28, 0, 1), claims=512, data=b"x" * 512, data_out=out, data_in_fmt=3)
        assert sense_of(raw.answer()) == REFUSED


def test_data_of_a_command_that_wants_none(rig: Rig) -> None:
    raw = Raw(rig)
    raw.ask(bytes(6), claims=100, data=b"x" * 100)
    rsp = raw.answer()
    assert (rsp.status, rsp.data_out_res_cnt, int(rsp.flags)) == (0, 100, srp.RspFlags.DOUNDER)


def test_data_both_ways(rig: Rig) -> None:
    """A table of data-in is still the initiator's to give, and the data read goes to its memory, not to the IU."""
    rig.backend.memory()[:512] = b"r" * 512
    raw = Raw(rig, offset=96)
    table = {"va": 64, "key": 5, "len": 32}
    data_in = srp.IndirectBuf.build(table_desc=table, len=512)
    raw.ask(cdb10(0x28, 0, 1), claims=40, data=b"x" * 40, at=96, data_in=data_in)
    assert raw.answer() is None
    (wanted,) = raw.read
    assert (wanted.address, wanted.key, wanted.length) == (64, 5, 32)
    halves = b"".join(bytes(srp.DirectBuf.build(va=va, key=9, len=256)) for va in (4096, 8192))
    raw.send(DATA, number=wanted.number, payload=halves)
    put = []
    for _ in range(3):
        rig.turn()
        put += [message for message in raw.wire.receive() if message.kind == WRITE]
    assert [(message.address, message.key, message.payload) for message in put] == [
        (4096, 9, b"r" * 256), (8192, 9, b"r" * 256),
    ]  # fmt: skip
    for message in put:
        raw.send(DONE, number=message.number)
    rsp = raw.answer()
    assert (rsp.status, rsp.data_in_res_cnt, rsp.data_out_res_cnt) == (0, 0, 40)


@pytest.mark.parametrize(
    "function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.LUN_RESET], ids=str
)
def test_an_abort_while_a_medium_has_the_data(slow: tuple[Rig, SlowRam], function: TskMgmtFunc) -> None:
    """It is answered at once, as nothing of the initiator's is in use; a later write of those blocks comes second."""
    rig, backend = slow
    initiator = rig.login()
    region = initiator.memory.register(512)
    region.view[:] = b"1" * 512
    first = Command(FIRST, cdb10(0x2A, 0, 1), cut(region, 512, 1))
    initiator.submit(first)
    rig.settle(lambda: backend.started.acquire(blocking=False))
    region.view[:] = b"2" * 512  # has been sent, and is the caller's again when the abort has been answered
    request = manage(initiator, function, task=first if function is TskMgmtFunc.ABORT_TASK else None)
    initiator.wait(request)
    assert request.code == 0
    assert initiator.session.credits == 32
    session = rig.target.sessions[PORT_A]
    assert not session.tasks
    second = Command(FIRST, cdb10(0x2A, 0, 1), cut(region, 512, 1))
    while function is TskMgmtFunc.LUN_RESET and initiator.run(FIRST, bytes(6)).status:
        """The unit attention."""
    initiator.submit(second)
    backend.gate.set()
    initiator.wait(second)
    assert second.status == 0
    assert rig.pool.drain(backend, PATIENCE)
    rig.turn()
    assert read(initiator, 0, 1).data == b"2" * 512
    assert not session.channels[0].mover.staging.busy  # type: ignore[attr-defined]


def test_a_connection_that_closes_while_a_medium_has_the_data(slow: tuple[Rig, SlowRam]) -> None:
    rig, backend = slow
    initiator = rig.login()
    region = initiator.memory.register(512)
    initiator.submit(Command(FIRST, cdb10(0x2A, 0, 1), cut(region, 512, 1)))
    rig.settle(lambda: backend.started.acquire(blocking=False))
    initiator.wire.close()
    rig.settle(lambda: PORT_A not in rig.target.sessions)
    backend.gate.set()
    assert rig.pool.drain(backend, PATIENCE)
    assert read(rig.login(PORT_B), 0, 1).status == 0


# The largest command.


def test_the_largest_command_of_a_link(rig: Rig) -> None:
    initiator = rig.login()
    blocks = LARGEST // 512
    data = random.randbytes(LARGEST)
    assert write(initiator, 0, data).status == 0
    assert read(initiator, 0, blocks).data == data
    with pytest.raises(ValueError, match=f"one command can move {LARGEST}"):
        read(initiator, 0, blocks + 1)
    assert rig.target.sessions[PORT_A].nexus.announced


def test_a_command_larger_than_that(rig: Rig) -> None:
    """Of whoever does not keep to it."""
    initiator = rig.login()
    initiator.session.largest = None
    for opcode in 0x28, 0x2A:
        region = initiator.memory.register(LARGEST + 512)
        where = cut(region, LARGEST + 512, 1)
        command = Command(
            FIRST, cdb10(opcode, 0, LARGEST // 512 + 1), *((), where)[:: -1 if opcode == 0x2A else 1]
        )
        initiator.submit(command)
        initiator.wait(command)
        assert sense(command) == "05/24/00"


def test_a_unit_that_cannot_move_as_much_as_was_announced(rig: Rig) -> None:
    """It is hidden, as over VSCSI; one that can says its own limit in Block Limits."""
    initiator = rig.login()
    rig.luns.replace(0, Disk(Ram(MIB), "small", max_transfer=LARGEST - 512))
    assert sense(initiator.run(FIRST, bytes(6))) == "05/25/00"
    rig.luns.replace(0, Disk(Ram(MIB), "large", max_transfer=2 * LARGEST))
    while initiator.run(FIRST, bytes(6)).status:
        """What changed."""
    page = initiator.run(FIRST, bytes.fromhex("1201b0004000"), room=64).data
    assert int.from_bytes(page[8:12], "big") == 2 * LARGEST // 512
