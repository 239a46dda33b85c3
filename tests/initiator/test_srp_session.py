"""A client's SRP session by itself: over a link that is a list, with memory handles, and no queue, datagram or element."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from pysrp import srp
from pysrp.errors import EncodeError, PartnerGone, TransportError
from pysrp.initiator.ius import IuMemory
from pysrp.initiator.requests import Command, LoginRejected, TaskManagement, TimedOut
from pysrp.initiator.srp_session import Limits, SrpSession
from pysrp.lun import Lun
from pysrp.scsi import cdb
from pysrp.srp import SupportedFormats, TskMgmtFunc
from pysrp.vscsi.client_options import Options

BASE, KEY = 0x7F0000000000, 0x1234
DISK = Lun.logical_unit(1)
READ = bytes(cdb.Read10.build(lba=8, transfer_length=8))


class Wire:
    """A link with IUs of another size than VSCSI's, and its session."""

    def __init__(self, size: int = 512, inline: int = 20, segments: int = 32, slots: int = 12) -> None:
        self.limits = Limits(size, inline, SupportedFormats.DIRECT | SupportedFormats.INDIRECT)
        self.sent: list[tuple[Any, float]] = []
        self.memory = bytearray(IuMemory.size(slots, size, segments))
        ius = IuMemory(
            memoryview(self.memory),
            BASE,
            slots=slots,
            iu_size=size,
            segments=segments,
            inline=inline,
            key=KEY,
        )
        log = logging.LoggerAdapter(logging.getLogger("pysrp.test"), {})
        self.session = SrpSession(self, ius, Options(), log)
        self.now = 5.0

    def send(self, slot: int, length: int, seconds: float) -> None:
        start = slot * self.limits.request
        self.sent.append((srp.parse(bytes(self.memory[start : start + length])), seconds))

    def login(self, limit: int = 8, size: int = 0) -> Wire:
        exchange = self.session.login(self.now, 9)
        ((iu, seconds),) = self.take()
        assert isinstance(iu, srp.LoginReq)
        assert (iu.tag, iu.req_it_iu_len, seconds) == (exchange.tag, self.limits.request, 9)
        answer = srp.LoginRsp.build(tag=iu.tag, req_lim_delta=limit, max_it_iu_len=size)
        assert self.session.login_answered(exchange, bytes(answer)) is None
        self.session.stage = ""
        return self

    def take(self) -> list[tuple[Any, float]]:
        sent, self.sent = self.sent, []
        return sent

    def answer(self, iu: Any, **fields: Any) -> None:
        answer = srp.Rsp.build(**{"tag": iu.tag, "req_lim_delta": 1, **fields})
        self.session.answered(iu.tag, bytes(answer), self.now)


def test_a_command_and_its_answer() -> None:
    wire = Wire().login()
    command = Command(DISK, READ, data_in=[(0x10000, 4096, 0xABCD)], timeout=30)
    wire.session.submit(command, wire.now)
    ((iu, seconds),) = wire.take()
    assert (iu.data_in.va, iu.data_in.key, iu.data_in.len, seconds) == (0x10000, 0xABCD, 4096, 30)
    wire.answer(iu)
    assert wire.session.ended == [command]
    assert (command.status, command.error) == (0, None)
    assert (wire.session.credits, wire.session.debits) == (8, 0)


def test_residuals_count_segments_with_handles() -> None:
    wire = Wire().login()
    command = Command(DISK, READ, data_in=[(0, 512, 1), (4096, 512, 2)])
    wire.session.submit(command, wire.now)
    ((iu, _),) = wire.take()
    wire.answer(iu, flags=srp.RspFlags.DIUNDER, data_in_res_cnt=5000)
    assert command.residual == 1024


@pytest.mark.parametrize("count", [2, 20, 21, 32])
def test_handles_of_tables(count: int) -> None:
    """Entries keep their handles in the IU and in a table outside; the table has the session's own."""
    wire = Wire().login()
    segments = [(0x1000 * i, 512, 7 + i) for i in range(count)]
    wire.session.submit(Command(DISK, READ, data_in=segments), wire.now)
    ((iu, _),) = wire.take()
    desc = iu.data_in
    assert [(d.va, d.len, d.key) for d in desc.desc_list] == segments[:20]
    assert (desc.table_desc.key, desc.table_desc.len, desc.len) == (KEY, 16 * count, 512 * count)
    at = desc.table_desc.va - BASE
    table = wire.memory[at : at + desc.table_desc.len]
    entries = [srp.DirectBuf(bytes(table[i : i + 16])) for i in range(0, len(table), 16)]
    assert [(d.va, d.len, d.key) for d in entries] == segments


def test_tables_of_both_directions() -> None:
    """One lies behind the other, and they do not reach into those of another command."""
    wire = Wire().login()
    out, into = [(i, 512, 1) for i in range(32)], [(i, 512, 2) for i in range(32)]
    for _ in range(2):
        wire.session.submit(Command(DISK, READ, out, into), wire.now)
    for iu, _ in wire.take():
        for desc, segments in ((iu.data_out, out), (iu.data_in, into)):
            at = desc.table_desc.va - BASE
            table = bytes(wire.memory[at : at + desc.table_desc.len])
            entries = [srp.DirectBuf(table[i : i + 16]) for i in range(0, len(table), 16)]
            assert [(d.va, d.len, d.key) for d in entries] == segments


def test_a_server_that_takes_less_gets_shorter_lists() -> None:
    wire = Wire().login(size=100)
    wire.session.submit(Command(DISK, READ, data_in=[(0, 512)] * 5), wire.now)
    ((iu, _),) = wire.take()
    assert len(iu.data_in.desc_list) == 2


@pytest.mark.parametrize(
    "segments",
    [
        [(0, 1 << 32)],
        [(1 << 64, 1)],
        [(0, 1 << 32, 1)],
        [(0, 512)] * 20 + [(0, 1 << 32)],
        [(0, 512)] * 20 + [(1 << 64, 512)],
        [(0, 512)] * 20 + [(0, 1 << 32, 512)],
        [(0, 1 << 28)] * 21,
    ],
)
def test_segments_that_fit_no_descriptor(segments: list[Any]) -> None:
    """Also in the part of a list that stands outside the IU, and in its sum."""
    wire = Wire().login()
    command = Command(DISK, READ, data_in=segments)
    wire.session.submit(command, wire.now)
    assert wire.session.ended == [command]
    assert isinstance(command.error, EncodeError)
    assert (wire.take(), wire.session.credits, wire.session.pending) == ([], 8, 0)


def test_commands_wait_for_the_login_and_for_the_link() -> None:
    wire = Wire()
    session = wire.session
    session.submit(Command(DISK, READ), wire.now)
    assert wire.take() == []
    wire.login()
    session.paused = True
    session.send_waiting()
    assert wire.take() == []
    session.paused = False
    session.send_waiting()
    assert len(wire.take()) == 1


def test_a_rejected_login() -> None:
    wire = Wire()
    exchange = wire.session.login(wire.now, 9)
    answer = srp.LoginRej.build(tag=exchange.tag, reason=srp.LoginRejReason.INSUFFICIENT_RESOURCES)
    error = wire.session.login_answered(exchange, bytes(answer))
    assert isinstance(error, LoginRejected)
    assert error.reason == srp.LoginRejReason.INSUFFICIENT_RESOURCES
    assert not wire.session.awaited


def test_a_login_that_nobody_answers_is_hopeless() -> None:
    wire = Wire()
    wire.session.login(wire.now, 9)
    assert wire.session.next_deadline == wire.now + 18, "twice as long as it says"
    wire.session.tick(wire.now + 18)
    assert wire.session.hopeless == "no answer while logging in"
    wire.session.lost(PartnerGone("closed"))
    assert not wire.session.hopeless


def test_what_the_transport_says_against_an_answer() -> None:
    wire = Wire().login()
    command = Command(DISK, READ)
    wire.session.submit(command, wire.now)
    ((iu, _),) = wire.take()
    fault = TransportError("flushed")
    wire.session.answered(iu.tag, bytes(srp.Rsp.build(tag=iu.tag, req_lim_delta=3)), wire.now, fault)
    assert command.error is fault
    assert wire.session.credits == 10, "its credits count all the same"


def test_the_ladder_ends_in_a_session_without_hope() -> None:
    """ABORT TASK, LUN RESET; the rest of what is late is seen to after the reset."""
    wire = Wire().login(3)
    session = wire.session
    late, waiting = Command(DISK, READ, timeout=2), Command(DISK, READ, timeout=6)
    for command in (late, waiting):
        session.submit(command, wire.now)
    ((first, _),) = wire.take()
    wire.now += 2
    session.tick(wire.now)
    ((abort, _),) = wire.take()
    assert (abort.tsk_mgmt_func, abort.task_tag) == (TskMgmtFunc.ABORT_TASK, first.tag)
    wire.now += 2
    session.tick(wire.now)
    ((reset, _),) = wire.take()
    assert reset.tsk_mgmt_func == TskMgmtFunc.LUN_RESET
    wire.now += 2
    session.tick(wire.now)
    assert session.hopeless == "LUN reset failed"
    session.stage = "resetting"
    session.lost(PartnerGone("reset"))
    assert isinstance(late.error, TimedOut)
    assert not waiting.ended
    session.tick(wire.now)
    assert str(waiting.error) == "not sent within 6 s: resetting"


def test_task_management_takes_the_credits_that_commands_leave() -> None:
    wire = Wire().login(3)
    for _ in range(3):
        wire.session.submit(Command(DISK, READ), wire.now)
    assert len(wire.take()) == 1
    function = TaskManagement(TskMgmtFunc.LUN_RESET, DISK)
    wire.session.submit(function, wire.now)
    ((iu, seconds),) = wire.take()
    assert seconds == 60
    wire.answer(iu, resp_data=bytes(4))
    assert function.code == 0


def test_names_of_the_former_engine() -> None:
    from pysrp.initiator import engine

    with pytest.warns(DeprecationWarning, match=r"pysrp\.initiator\.requests\.TimedOut now"):
        assert engine.TimedOut is TimedOut
    with pytest.raises(AttributeError, match="Initiator"):
        engine.Initiator  # noqa: B018


def test_what_the_server_asks() -> None:
    """Credits without an answer of a request's; events; and what it may not ask."""
    wire = Wire().login(limit=3)
    session = wire.session
    assert session.asked(bytes(srp.CredReq.build(tag=7, req_lim_delta=2))) == bytes(srp.CredRsp.build(tag=7))
    assert session.credits == 5
    event = srp.AerReq.build(tag=8, req_lim_delta=1, lun=DISK, sense=bytes(18))
    assert session.asked(bytes(event)) == bytes(srp.AerRsp.build(tag=8))
    assert (session.credits, session.debits, session.pending) == (6, 0, 0)
    for raw in (bytes(srp.Rsp.build(tag=1)), bytes(srp.CredReq.build())[:15], bytes([0x99]) + bytes(15)):
        assert session.asked(raw) is None
    assert session.credits == 6


def test_credits_that_come_without_an_answer_are_those_owed() -> None:
    """A target that pays for an aborted command so is not thought to keep no account of it."""
    wire = Wire().login()
    session = wire.session
    command = Command(DISK, READ, data_in=[(0, 4096, 1)])
    session.submit(command, wire.now)
    function = session.abort(command, wire.now)
    ((_, _), (managed, _)) = wire.take()
    wire.answer(managed, resp_data=bytes(4))
    assert function is not None
    assert (function.code, session.credits, session._owed) == (0, 7, 1)
    session.asked(bytes(srp.CredReq.build(tag=1, req_lim_delta=1)))
    assert (session.credits, session._owed) == (8, 0)
    session.submit(Command(DISK, READ, data_in=[(0, 4096, 1)]), wire.now)
    ((iu, _),) = wire.take()
    wire.answer(iu)
    assert session.credits == 8


# Limits of the link: immediate data, the largest command.

WRITE = bytes(cdb.Write10.build(lba=8, transfer_length=1))
DATA = bytes(range(256)) * 8
WHERE = 0x10000


class ImmediateWire(Wire):
    """A link with immediate data at byte 68 of an IU, whose memory for data is :data:`DATA`, at :data:`WHERE`."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = self.limits._replace(immediate=68)
        self.session.memory.near = self.near
        self.lengths: list[int] = []

    def near(self, segment: Any) -> memoryview | None:
        at = segment[0] - WHERE
        return memoryview(DATA)[at : at + segment[1]] if 0 <= at <= len(DATA) - segment[1] else None

    def send(self, slot: int, length: int, seconds: float) -> None:
        super().send(slot, length, seconds)
        self.lengths.append(length)

    def agreed(self, flags: int = srp.LoginRspFlags.IMMED_SUPP, size: int = 0) -> ImmediateWire:
        exchange = self.session.login(self.now, 9, req_flags=srp.ReqFlags.MULTICHAN_MULTI)
        ((iu, _),) = self.take()
        assert (iu.imm_data_offset, iu.req_flags) == (68, 0x81)
        answer = srp.LoginRsp.build(tag=iu.tag, req_lim_delta=8, max_it_iu_len=size, rsp_flags=int(flags))
        assert self.session.login_answered(exchange, bytes(answer)) is None
        self.session.stage = ""
        return self

    def sent_write(self, data_out: Any, raw: bytes = WRITE, **more: Any) -> Any:
        self.session.submit(Command(DISK, raw, data_out, **more), self.now)
        ((iu, _),) = self.take()
        return iu


@pytest.mark.parametrize("cuts", [[444], [1, 443], [200, 0, 244]])
def test_data_that_fits_goes_in_the_iu(cuts: list[int]) -> None:
    wire = ImmediateWire().agreed()
    at, segments = WHERE, []
    for size in cuts:
        segments.append((at, size, 0xABCD))
        at += size
    command = Command(DISK, WRITE, segments)
    wire.session.submit(command, wire.now)
    ((iu, _),) = wire.take()
    assert bytes(iu.imm_data(68)) == DATA[:444]
    assert wire.lengths[-1] == 512 == len(memoryview(iu))
    wire.answer(iu, data_out_res_cnt=44, flags=srp.RspFlags.DOUNDER)
    assert (command.residual, wire.session.credits) == (44, 8)


def test_a_command_without_immediate_data_follows_one_with() -> None:
    """Of the first nothing is left in the slot."""
    wire = ImmediateWire().agreed()
    iu = wire.sent_write([(WHERE, 444, 1)])
    wire.answer(iu)
    for _ in range(12):
        again = wire.sent_write([(WHERE, 445, 1)])
        assert isinstance(again.data_out, srp.DirectBuf)
        wire.answer(again)
    assert not any(wire.memory[64:512])


@pytest.mark.parametrize(
    ("data_out", "more"),
    [
        ([(WHERE, 445, 1)], {}),
        ([(WHERE, 0, 1)], {}),
        ([(WHERE - 1, 100, 1)], {}),
        ([(WHERE, 100, 1), (WHERE + 1 << 20, 100, 1)], {}),
        ([(WHERE, 100, 1)], {"data_in": [(WHERE, 100, 1)]}),
        ([(WHERE, 100, 1)], {"raw": WRITE + bytes(26)}),
    ],
    ids=["too long", "empty", "elsewhere", "half of it elsewhere", "data-in too", "a long CDB"],
)
def test_data_that_goes_by_descriptor(data_out: Any, more: Any) -> None:
    wire = ImmediateWire().agreed()
    raw = more.pop("raw", WRITE)
    iu = wire.sent_write(data_out, raw, **more)
    assert isinstance(iu.data_out, srp.DirectBuf | srp.IndirectBuf)


def test_a_cdb_that_just_fits() -> None:
    wire = ImmediateWire().agreed()
    iu = wire.sent_write([(WHERE, 100, 1)], WRITE + bytes(22))
    assert bytes(iu.imm_data(68)) == DATA[:100]
    assert len(iu.cdb) == 32


def test_immediate_data_that_is_not_granted() -> None:
    wire = ImmediateWire().agreed(flags=srp.LoginRspFlags.MULTICHAN_MAINTAINED)
    assert isinstance(wire.sent_write([(WHERE, 100, 1)]).data_out, srp.DirectBuf)


def test_immediate_data_for_a_target_with_shorter_ius() -> None:
    wire = ImmediateWire().agreed(size=168)
    assert isinstance(wire.sent_write([(WHERE, 101, 1)]).data_out, srp.DirectBuf)
    assert bytes(wire.sent_write([(WHERE, 100, 1)]).imm_data(68)) == DATA[:100]


def test_immediate_data_that_was_not_asked_for() -> None:
    wire = Wire()
    exchange = wire.session.login(wire.now, 9)
    ((iu, _),) = wire.take()
    assert (iu.imm_data_offset, iu.req_flags) == (0, 0)
    answer = srp.LoginRsp.build(tag=iu.tag, req_lim_delta=8, rsp_flags=srp.LoginRspFlags.IMMED_SUPP)
    assert wire.session.login_answered(exchange, bytes(answer)) is None
    assert wire.session.memory.immediate == 0


def test_more_than_the_largest_command() -> None:
    wire = Wire().login()
    wire.session.largest = 1000
    half, rest = (0x10000, 500, 1), (0x20000, 501, 1)
    for directions in ([half, rest], ()), ((), [half, rest]):
        with pytest.raises(ValueError, match="1001 bytes of data, one command can move 1000"):
            wire.session.submit(Command(DISK, READ, *directions), wire.now)
    wire.session.submit(Command(DISK, READ, [half, half], [half, half]), wire.now)
    assert len(wire.take()) == 1
