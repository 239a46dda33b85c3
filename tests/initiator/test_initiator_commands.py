"""Commands and task management: what is sent, and an answer to every answer."""

from __future__ import annotations

import random

import pytest

from initiator_bench import BASE, DISK, INIT, OTHER, READ, Bench, event
from pysrp import crq, srp
from pysrp.errors import PartnerGone, ProtocolError, TransportError
from pysrp.initiator.requests import Aborted, Command, TaskManagement, TimedOut
from pysrp.scsi import cdb
from pysrp.scsi.sense import sense
from pysrp.srp import RspCode, TskMgmtFunc
from pysrp.vscsi.client_states import QueueWork


def logged_in(limit: int = 22, **more: int) -> Bench:
    """A bench behind the login."""
    return Bench(**more).login(limit)  # type: ignore[arg-type]


# What is sent.


def test_direct_descriptors() -> None:
    bench = logged_in()
    bench.read()
    iu = bench.one(srp.Cmd)
    assert (iu.data_in_fmt, iu.data_out_fmt, iu.data_in_desc_cnt) == (1, 0, 0)
    assert (iu.data_in.va, iu.data_in.key, iu.data_in.len) == (0x40000, 0, 4096)
    assert (iu.lun, iu.task_attr, iu.add_cdb_len, bytes(iu.cdb)) == (DISK, 0, 0, READ.ljust(16, b"\0"))
    assert bytes(iu)[64:] == bytes(192)


@pytest.mark.parametrize("count", [2, 10, 11, 16])
@pytest.mark.parametrize("outgoing", [True, False])
def test_indirect_descriptors(count: int, outgoing: bool) -> None:
    bench = logged_in()
    segments = [(0x40000 + i * 0x10000, 0x10000 - i) for i in range(count)]
    bench.read()
    bench.sent()
    command = Command(OTHER, READ, **{"data_out" if outgoing else "data_in": segments})  # type: ignore[arg-type]
    bench.engine.srp.submit(command, bench.now)
    element = crq.Element(bench.engine.output[0])
    iu = bench.one(srp.Cmd)
    desc = iu.data_out if outgoing else iu.data_in
    assert (iu.data_out if not outgoing else iu.data_in) is None
    assert (iu.data_out_desc_cnt, iu.data_in_desc_cnt) == (
        (min(count, 10), 0) if outgoing else (0, min(count, 10))
    )
    assert desc.len == sum(length for _, length in segments)
    assert desc.table_desc.len == 16 * count
    assert [(d.va, d.len) for d in desc.desc_list] == segments[:10]
    if count <= 10:
        assert desc.table_desc.va == element.IU_data_ptr + 68, "the list in the IU itself"
    found = desc.segments(lambda va, length: bytes(bench.memory[va - BASE : va - BASE + length]))
    assert [(d.va, d.key, d.len) for d in found] == [(va, 0, length) for va, length in segments]


def test_data_in_both_directions() -> None:
    bench = logged_in()
    out = [(0x40000 + i * 0x1000, 0x1000) for i in range(8)]
    into = [(0x80000 + i * 0x1000, 0x1000) for i in range(8)]
    bench.engine.srp.submit(Command(DISK, READ, out, into), bench.now)
    iu = bench.one(srp.Cmd)

    def fetch(va: int, length: int) -> bytes:
        return bytes(bench.memory[va - BASE : va - BASE + length])

    assert [(d.va, d.len) for d in iu.data_out.segments(fetch)] == out
    assert [(d.va, d.len) for d in iu.data_in.segments(fetch)] == into


def test_long_cdbs_carry_the_rest_behind() -> None:
    bench = logged_in()
    raw = bytes(cdb.Read32.build(lba=1, transfer_length=1))
    bench.engine.srp.submit(Command(DISK, raw, data_in=[(0x40000, 512), (0x50000, 512)]), bench.now)
    element = crq.Element(bench.engine.output[0])
    iu = bench.one(srp.Cmd)
    assert bytes(iu.cdb) == raw
    assert iu.data_in.table_desc.va == element.IU_data_ptr + 68 + 16


def test_servers_with_short_ius_get_external_tables() -> None:
    bench = Bench().login(max_it_iu_len=100)
    segments = [(0x40000 + i * 0x10000, 0x10000) for i in range(4)]
    bench.engine.srp.submit(Command(DISK, READ, data_in=segments), bench.now)
    iu = bench.one(srp.Cmd)
    assert iu.data_in_desc_cnt == 2
    assert iu.extent() == 100
    assert iu.data_in.table_desc.len == 64


def test_the_element_carries_the_timeout() -> None:
    bench = logged_in()
    for seconds, hint in (0, 0), (0.2, 1), (30, 30), (1e9, 0xFFFF):
        bench.read(timeout=seconds)
        assert crq.Element(bench.engine.output.pop(0)).timeout == hint


def test_too_many_segments_are_refused() -> None:
    bench = logged_in()
    with pytest.raises(ValueError, match="16 segments"):
        bench.engine.srp.submit(Command(DISK, READ, data_in=[(0, 1)] * 17), bench.now)


def test_a_command_that_fits_no_iu_ends_alone() -> None:
    bench = logged_in()
    bad = Command(DISK, READ, data_in=[(0, 1 << 32)])
    bench.engine.srp.submit(bad, bench.now)
    good = bench.read()
    assert bench.ended() == [bad]
    assert isinstance(bad.error, ValueError)
    assert bench.rsp(bench.one(srp.Cmd)) == [good]
    assert bench.engine.srp.credits == 22


# Answers.


def test_good() -> None:
    bench = logged_in()
    command = bench.read()
    assert bench.rsp(bench.one(srp.Cmd)) == [command]
    assert (command.status, command.error, command.sense, command.residual) == (0, None, b"", 0)


def test_the_answers_that_crqs_of_ibmvstgt_carry() -> None:
    """Status 99h for success, always 54 bytes, with leftovers of the request behind the first 36."""
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    rsp = bytes(srp.Rsp.build(tag=iu.tag, req_lim_delta=1)) + bytes(iu)[36:54]
    assert bench.answer(iu.tag, rsp, status=crq.Status.OK2) == [command]
    assert (command.status, command.sense) == (0, b"")


def test_sense() -> None:
    bench = logged_in()
    data = bytes(sense(5, 0x20))
    command = bench.read()
    bench.rsp(bench.one(srp.Cmd), status=2, sense=data)
    assert (command.status, command.sense) == (2, data)
    command = bench.read()
    bench.rsp(bench.one(srp.Cmd), status=2, sense=data, resp_data=bytes(4))
    assert command.sense == data, "behind the response data"
    command = bench.read()
    iu = bench.one(srp.Cmd)
    bench.answer(iu.tag, bytes(srp.Rsp.build(tag=iu.tag, status=2, sense_data_len=18)) + data)
    assert command.sense == b"", "not said to be valid"


@pytest.mark.parametrize("claims", [19, 220, 221, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("response", [0, 4, 0xFFFFFFF0])
def test_sense_that_claims_too_much_is_what_is_there(claims: int, response: int) -> None:
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    data = bytes(sense(5, 0x20))
    flags = srp.RspFlags.SNSVALID | (srp.RspFlags.RSPVALID if response else 0)
    rsp = srp.Rsp.build(tag=iu.tag, status=2, flags=flags, sense_data_len=claims, resp_data_len=response)
    assert bench.answer(iu.tag, bytes(rsp)[:36] + bytes(4 if response else 0) + data) == [command]
    assert command.status == 2
    assert command.sense == ((data if response < 5 else b"") if claims else b"")


@pytest.mark.parametrize(
    ("length", "data"),
    [(0, b""), (1, None), (35, None), (36, b"\xc0" + bytes(35)), (36, bytes(36)), (256, bytes(256))],
    ids=["nothing", "one byte", "35 bytes", "a login response", "a login request", "zeros"],
)
def test_answers_that_are_no_response(length: int, data: bytes | None) -> None:
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    good = bytes(srp.Rsp.build(tag=iu.tag, req_lim_delta=100))
    assert bench.answer(iu.tag, good if data is None else data, length=length) == [command]
    assert isinstance(command.error, ProtocolError)
    assert command.status is None
    assert bench.engine.srp.credits == 22, "one came back, as something was answered"
    assert bench.rsp([bench.read(), bench.one(srp.Cmd)][1]), "and the connection lives"


@pytest.mark.parametrize("length", [257, 4096, 65535])
def test_lengths_beyond_the_iu_are_cut(length: int) -> None:
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    bench.answer(iu.tag, srp.Rsp.build(tag=iu.tag, req_lim_delta=1), length=length)
    assert command.status == 0


def test_answer_in_the_wrong_format() -> None:
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    bench.answer(iu.tag, srp.Rsp.build(tag=iu.tag), form=crq.Format.MAD)
    assert isinstance(command.error, ProtocolError)


def test_answer_with_another_tag_inside() -> None:
    bench = logged_in()
    first, second = bench.read(), bench.read()
    one, two = bench.sent()
    assert bench.answer(one.tag, srp.Rsp.build(tag=two.tag, req_lim_delta=1)) == [first]
    assert isinstance(first.error, ProtocolError)
    assert bench.rsp(two) == [second]
    assert second.status == 0


def test_unknown_and_stale_and_repeated_tags_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    element = bench.put(iu.tag, srp.Rsp.build(tag=iu.tag, req_lim_delta=1))
    for tag in 0, 1, iu.tag ^ 1 << 16, iu.tag | 0xFFFF, (1 << 64) - 1:
        assert bench.take(bytes(crq.Element.srp(tag, 36))) == []
        assert f"0x{tag:016x} is invalid" in caplog.text
    assert bench.take(element) == [command]
    assert bench.take(element) == []
    assert (bench.engine.srp.credits, bench.engine.srp.debits) == (22, 0)


@pytest.mark.parametrize("status", [1, 2, 3, 8, 0x10, 0x20, 0x55, 0xF1, 0xFF])
def test_element_status_says_failure(status: int) -> None:
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    assert bench.answer(iu.tag, srp.Rsp.build(tag=iu.tag, req_lim_delta=3), status=status) == [command]
    assert isinstance(command.error, TransportError)
    assert f"0x{status:02x}" in str(command.error)
    assert command.status is None
    assert bench.engine.srp.credits == 24, "the delta counts all the same, as in ibmvscsi"


def test_response_code_of_a_command() -> None:
    bench = logged_in()
    command = bench.read()
    bench.rsp(bench.one(srp.Cmd), resp_data=bytes((0, 0, 0, RspCode.FIELDS_INVALID)))
    assert isinstance(command.error, ProtocolError)


# Residuals.

OVER, UNDER = srp.RspFlags.DIOVER, srp.RspFlags.DIUNDER


@pytest.mark.parametrize(
    ("flags", "count", "strict", "expected"),
    [
        (UNDER, 1000, False, (1000, 0)),
        (UNDER, 1 << 31, False, (4096, 0)),  # more than there was
        (OVER, 1000, True, (0, 1000)),  # SRP r16a: it wanted more
        (OVER, 1000, False, (1000, 0)),  # for ibmvscsi: as the CDB asked for 4096, it did not
        (OVER | UNDER, 1000, False, (1000, 0)),
        (srp.RspFlags.DOUNDER, 1000, False, (0, 0)),  # of data that it does not have
    ],
)
def test_residuals(flags: int, count: int, strict: bool, expected: tuple[int, int]) -> None:
    bench = Bench(strict=strict).login()
    command = bench.read()
    bench.rsp(bench.one(srp.Cmd), flags=flags, data_in_res_cnt=count)
    assert (command.residual, command.overflow) == expected


def test_overrun_of_a_cdb_that_asks_for_more_is_one() -> None:
    """What QEMU answers to READ of 1024 bytes into 512: all of the buffer has been filled."""
    bench = logged_in()
    raw = bytes(cdb.Read10.build(transfer_length=2))
    for block_size in 512, 0:
        command = Command(DISK, raw, data_in=[(0x40000, 512)], block_size=block_size)
        bench.engine.srp.submit(command, bench.now)
        bench.rsp(bench.one(srp.Cmd), flags=OVER, data_in_res_cnt=512)
        assert (command.residual, command.overflow) == (0, 512)
    inquiry = Command(DISK, bytes(cdb.Inquiry.build(allocation_length=255)), data_in=[(0x40000, 255)])
    bench.engine.srp.submit(inquiry, bench.now)
    bench.rsp(bench.one(srp.Cmd), flags=OVER, data_in_res_cnt=219)
    assert (inquiry.residual, inquiry.overflow) == (219, 0)


def test_residual_of_data_out() -> None:
    bench = logged_in()
    command = Command(
        DISK, bytes(cdb.Write10.build(transfer_length=1)), data_out=[(0x40000, 512)], block_size=512
    )
    bench.engine.srp.submit(command, bench.now)
    bench.rsp(bench.one(srp.Cmd), flags=srp.RspFlags.DOUNDER, data_out_res_cnt=100, data_in_res_cnt=7)
    assert command.residual == 100


# Credits.


def test_two_credits_are_left_to_task_management() -> None:
    bench = logged_in(22)
    commands = [bench.read() for _ in range(40)]
    ius = bench.sent()
    assert len(ius) == 20, "what Linux has in flight with QEMU's 22"
    assert (bench.engine.srp.credits, bench.engine.srp.debits) == (2, 20)
    for _ in range(3):
        bench.engine.srp.submit(TaskManagement(TskMgmtFunc.LUN_RESET, OTHER), bench.now)
    tasks = bench.sent()
    assert [type(iu) for iu in tasks] == [srp.TskMgmt] * 2
    assert bench.engine.srp.credits == 0
    bench.rsp(tasks[0], resp_data=bytes(4))
    (third,) = bench.sent()
    assert isinstance(third, srp.TskMgmt)
    bench.rsp(tasks[1], resp_data=bytes(4))
    bench.rsp(third, resp_data=bytes(4))
    assert bench.rsp(ius[0]) == [commands[0]]
    assert len(bench.sent()) == 1


@pytest.mark.parametrize(("limit", "in_flight"), [(1, 1), (2, 2), (3, 1), (4, 2)])
def test_small_limits(limit: int, in_flight: int) -> None:
    bench = logged_in(limit)
    for _ in range(5):
        bench.read()
    assert len(bench.sent()) == in_flight


def test_the_limit_is_never_exceeded() -> None:
    rng = random.Random(3)
    bench = logged_in(9)
    limit, out = 9, []
    for _ in range(3000):
        if rng.random() < 0.5 and bench.engine.srp.pending < 60:
            bench.read()
        elif out:
            delta = rng.choice((0, 1, 1, 1, 2)) if limit < 20 else 0
            limit += delta - 1
            bench.rsp(out.pop(rng.randrange(len(out))), delta)
            limit += 1
        out += bench.sent()
        granted = bench.engine.srp.credits + len(out)
        assert len(out) == bench.engine.srp.debits
        assert bench.engine.srp.credits >= 0
        assert len(out) <= max(granted - 2, min(granted, 2))


def test_credits_may_rise_and_even_fall(caplog: pytest.LogCaptureFixture) -> None:
    bench = logged_in(4)
    bench.read()
    bench.read()
    one, two = bench.sent()
    bench.rsp(one, 10)
    assert bench.engine.srp.credits == 12
    bench.rsp(two, -20)
    assert bench.engine.srp.credits == -8
    assert "takes 20 requests back" in caplog.text
    bench.read()
    assert bench.sent() == []


def test_slots_limit_too() -> None:
    bench = Bench(slots=12).login(1000)
    commands = [bench.read() for _ in range(30)]
    ius = bench.sent()
    assert len(ius) == 8
    done = []
    while ius:
        done += bench.rsp(ius.pop())
        ius += bench.sent()
    assert sorted(map(id, done)) == sorted(map(id, commands))


# Task management.


def test_abort() -> None:
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    function = bench.engine.srp.abort(command, bench.now)
    request = bench.one(srp.TskMgmt)
    assert (request.tsk_mgmt_func, request.task_tag, request.lun) == (TskMgmtFunc.ABORT_TASK, iu.tag, DISK)
    assert bench.rsp(request, resp_data=bytes(4)) == [function, command]
    assert isinstance(command.error, Aborted)
    assert bench.rsp(iu) == [], "too late"


def test_the_answer_crosses_the_abort() -> None:
    for code in RspCode.NO_FAILURE, RspCode.TSK_MGMT_FUNC_FAILED:
        bench = logged_in()
        command = bench.read()
        iu = bench.one(srp.Cmd)
        function = bench.engine.srp.abort(command, bench.now)
        request = bench.one(srp.TskMgmt)
        assert bench.rsp(iu) == [command]
        assert command.status == 0
        assert bench.rsp(request, resp_data=bytes((0, 0, 0, code))) == [function]
        assert (command.status, command.error) == (0, None)
        assert bench.engine.srp.credits == 22


def test_abort_of_what_has_not_been_sent() -> None:
    bench = logged_in(1)
    first, second = bench.read(), bench.read()
    assert bench.engine.srp.abort(second, bench.now) is None
    assert bench.ended() == [second]
    assert isinstance(second.error, Aborted)
    bench.rsp(bench.one(srp.Cmd))
    assert bench.engine.srp.abort(first, bench.now) is None


def test_abort_that_waits_for_a_credit_is_not_sent_for_nothing() -> None:
    bench = logged_in(1)
    command = bench.read()
    iu = bench.one(srp.Cmd)
    function = bench.engine.srp.abort(command, bench.now)
    assert bench.sent() == []
    assert bench.rsp(iu) == [command, function]
    assert function is not None
    assert function.code == 0
    assert bench.sent() == []


def test_abort_of_what_did_not_arrive() -> None:
    bench = logged_in()
    command = bench.read()
    function = bench.engine.srp.abort(command, bench.now)
    bench.engine.undelivered(bench.now)
    assert bench.pass_time(0.2) == [command, function]
    assert isinstance(command.error, Aborted)
    assert function is not None
    assert (function.code, bench.engine.srp.credits) == (0, 22)
    assert bench.sent() == []


def test_what_was_given_up_and_did_not_arrive_is_not_sent_again() -> None:
    bench = logged_in()
    command, other = bench.read(), bench.read()
    error = Aborted("nobody wants it any more")
    bench.engine.srp.give_up(command, bench.now, error)
    bench.engine.undelivered(bench.now)
    assert bench.ended() == [command]
    assert command.error is error
    bench.pass_time(0.2)
    assert bench.rsp(bench.one(srp.Cmd)) == [other]
    assert bench.engine.srp.credits == 22


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"resp_data": bytes((0, 0, 0, 5))}, 5),
        ({"resp_data": bytes((0, 0, 0, 4))}, 4),
        ({"resp_data": bytes((0, 0, 1, 0))}, 256),
        ({"status": 2, "sense": bytes(18)}, 5),  # ibmvstgt
        ({}, 0),  # ibmvstgt's success
    ],
)
def test_codes(fields: dict[str, bytes], code: int) -> None:
    bench = logged_in()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    function = bench.engine.srp.abort(command, bench.now)
    assert function is not None
    ended = bench.rsp(bench.one(srp.TskMgmt), **fields)
    assert function.code == code
    assert ended == ([function] if code else [function, command])
    if code:
        assert bench.rsp(iu) == [command]
        assert command.status == 0


@pytest.mark.parametrize("length", [0, 3, 5, 0xFFFFFFFF])
def test_response_data_that_lies(length: int) -> None:
    bench = logged_in()
    function = TaskManagement(TskMgmtFunc.LUN_RESET, DISK)
    bench.engine.srp.submit(function, bench.now)
    iu = bench.one(srp.TskMgmt)
    rsp = srp.Rsp.build(tag=iu.tag, flags=srp.RspFlags.RSPVALID, resp_data_len=length, req_lim_delta=1)
    assert bench.answer(iu.tag, bytes(rsp)[:36], length=36) == [function]
    assert isinstance(function.error, ProtocolError)


def test_lun_reset_ends_what_the_unit_had() -> None:
    bench = logged_in()
    mine, other = bench.read(), bench.read(OTHER)
    ius = bench.sent()
    function = TaskManagement(TskMgmtFunc.LUN_RESET, DISK)
    bench.engine.srp.submit(function, bench.now)
    later = bench.read()
    request, late = bench.sent()
    assert (request.tsk_mgmt_func, request.task_tag) == (TskMgmtFunc.LUN_RESET, 0)
    assert bench.rsp(request, resp_data=bytes(4)) == [function, mine]
    assert isinstance(mine.error, Aborted)
    assert bench.rsp(ius[1]) == [other]
    assert bench.rsp(late) == [later], "sent after the reset, so not ended by it"


def aborted(bench: Bench) -> None:
    """Abort a command."""
    command = bench.read()
    bench.sent()
    bench.engine.srp.abort(command, bench.now)
    bench.rsp(bench.one(srp.TskMgmt), resp_data=bytes(4))


def test_credit_of_an_aborted_command_that_the_server_gives_back() -> None:
    """ibmvstgt and ibmvscsis: one more with the next answer."""
    bench = logged_in()
    aborted(bench)
    bench.read()
    bench.rsp(bench.one(srp.Cmd), 2)
    bench.read()
    bench.rsp(bench.one(srp.Cmd))
    assert bench.engine.srp.credits == 22


def test_credit_of_an_aborted_command_that_nobody_gives_back() -> None:
    """QEMU counts on ibmvscsi taking it."""
    bench = logged_in(6)
    for _ in range(20):
        aborted(bench)
        bench.read()
        bench.rsp(bench.one(srp.Cmd))
        assert bench.engine.srp.credits == 6


def test_credit_given_with_the_answer_to_the_abort() -> None:
    bench = logged_in()
    command = bench.read()
    bench.sent()
    bench.engine.srp.abort(command, bench.now)
    request = bench.one(srp.TskMgmt)
    bench.rsp(request, 2, resp_data=bytes(4))
    bench.read()
    bench.rsp(bench.one(srp.Cmd))
    assert bench.engine.srp.credits == 22


def test_credit_of_a_second_aborted_command_is_owed_too() -> None:
    """The answer to the second abort settles what was owed for the first, not what it ends itself."""
    bench = logged_in()
    commands = [bench.read(), bench.read()]
    bench.sent()
    for command in commands:
        bench.engine.srp.abort(command, bench.now)
        bench.rsp(bench.one(srp.TskMgmt), resp_data=bytes(4))
    bench.read()
    bench.rsp(bench.one(srp.Cmd))
    assert (bench.engine.srp.credits, bench.engine.srp.debits) == (22, 0)


def test_what_has_not_arrived_or_was_forgotten_is_sent_again_in_order() -> None:
    """From every slot, the first one too, and also where the slots of later commands are before those of earlier."""
    bench = Bench(slots=8).login()
    for count in (4, 3, 2, 1) * 4:
        commands = [bench.read(replay=True) for _ in range(count)]
        bench.engine.undelivered(bench.now)
        assert (bench.engine.srp.credits, bench.engine.srp.debits) == (22, 0)
        bench.pass_time(0.1)
        bench.sent()
        bench.engine.host_reset()
        bench.grant(bench.at_login())
        ius = bench.sent()
        assert [iu.tag for iu in ius] == [command.tag for command in commands]
        for iu in ius:
            bench.rsp(iu)
        bench.read()
        bench.rsp(bench.one(srp.Cmd))


# Time.


def test_late_command_is_aborted() -> None:
    bench = logged_in()
    command = bench.read(timeout=30)
    bench.sent()
    assert bench.pass_time(29) == []
    assert bench.sent() == []
    assert bench.pass_time(2) == []
    request = bench.one(srp.TskMgmt)
    assert request.tsk_mgmt_func == TskMgmtFunc.ABORT_TASK
    bench.rsp(request, resp_data=bytes(4))
    assert isinstance(command.error, TimedOut)
    assert isinstance(command.error, TimeoutError)


def test_late_command_that_is_answered_after_all() -> None:
    bench = logged_in()
    command = bench.read(timeout=30)
    iu = bench.one(srp.Cmd)
    bench.pass_time(31)
    request = bench.one(srp.TskMgmt)
    assert bench.rsp(iu) == [command]
    bench.rsp(request, resp_data=bytes((0, 0, 0, 5)))
    assert command.status == 0
    assert bench.sent() == [], "no stronger measure"


@pytest.mark.parametrize("silent", [True, False], ids=["no answer", "refused"])
def test_stronger_and_stronger(silent: bool) -> None:
    bench = logged_in(give_up=20)
    late, other, kept = (
        bench.read(timeout=30),
        bench.read(OTHER, timeout=0),
        bench.read(timeout=0, replay=True),
    )
    bench.sent()
    bench.pass_time(30)
    for function in TskMgmtFunc.ABORT_TASK, TskMgmtFunc.LUN_RESET:
        request = bench.one(srp.TskMgmt)
        assert request.tsk_mgmt_func == function
        assert bench.engine.queue_work is None
        if silent:
            bench.pass_time(10)
        else:
            bench.rsp(request, resp_data=bytes((0, 0, 0, 5)))
    assert bench.engine.queue_work is QueueWork.RESET
    assert isinstance(late.error, TimedOut)
    assert isinstance(other.error, PartnerGone)
    assert not kept.ended
    bench.engine.opened(bench.now)
    assert bench.sent() == [INIT]
    assert len(bench.engine.srp._free) == 32


def test_lun_reset_after_a_refused_abort_ends_it() -> None:
    bench = logged_in()
    late, mate = bench.read(timeout=30), bench.read(timeout=0)
    bench.sent()
    bench.pass_time(31)
    bench.rsp(bench.one(srp.TskMgmt), resp_data=bytes((0, 0, 0, 5)))
    ended = bench.rsp(bench.one(srp.TskMgmt), resp_data=bytes(4))
    assert late in ended
    assert mate in ended
    assert isinstance(late.error, TimedOut)
    assert isinstance(mate.error, Aborted)
    assert bench.engine.queue_work is None


def test_a_task_function_that_is_not_answered() -> None:
    bench = logged_in()
    function = TaskManagement(TskMgmtFunc.LUN_RESET, DISK, timeout=10)
    bench.engine.srp.submit(function, bench.now)
    request = bench.one(srp.TskMgmt)
    assert bench.pass_time(9) == []
    assert bench.pass_time(2) == [function]
    assert isinstance(function.error, TimedOut)
    assert bench.engine.srp.credits == 21
    assert bench.rsp(request, resp_data=bytes(4)) == []
    assert bench.engine.srp.credits == 22, "its credit came at last"


# Resets.


def test_host_reset_with_io_in_flight() -> None:
    bench = logged_in()
    commands = [bench.read() for _ in range(25)]
    task = TaskManagement(TskMgmtFunc.LUN_RESET, OTHER)
    bench.engine.srp.submit(task, bench.now)
    old = bench.sent()
    bench.engine.host_reset()
    ended = bench.ended()
    assert {id(x) for x in ended} == {id(x) for x in [*commands[:20], task]}
    assert all(isinstance(x.error, PartnerGone) for x in ended)
    assert bench.engine.queue_work is QueueWork.RESET
    assert bench.take(event(2), INIT) == [], "of the queue that is about to be closed"
    assert bench.sent() == []
    bench.engine.opened(bench.now)
    assert bench.sent() == [INIT]
    bench.take(bytes(crq.Element.init_complete()))
    (request,) = bench.sent()
    bench.info()
    bench.mad_answer(request)
    bench.grant(bench.one(srp.LoginReq))
    ius = bench.sent()
    assert len(ius) == 5, "what waited is sent now"
    assert not {iu.tag for iu in ius} & {iu.tag for iu in old}
    assert not {bench.slot_of(iu.tag) for iu in ius} & {bench.slot_of(iu.tag) for iu in old}, (
        "the oldest rest longest"
    )
    for command, iu in zip(commands[20:], ius, strict=True):
        assert bench.rsp(iu) == [command]
    assert (bench.engine.srp.credits, bench.engine.srp.debits) == (22, 0)
