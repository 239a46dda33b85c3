"""From an open queue to the login: every order of events, every answer."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from initiator_bench import INIT, INIT_COMPLETE, Bench, event
from pysrp import crq, mad, srp
from pysrp.errors import PartnerGone
from pysrp.initiator.requests import LoginRejected, TimedOut
from pysrp.vscsi.client_states import QueueWork, State


def test_our_init_is_answered() -> None:
    bench = Bench().login()
    assert bench.engine.srp.credits == 22
    assert bench.engine.logins == 1


def test_the_partner_comes_later() -> None:
    bench = Bench()
    bench.engine.opened(bench.now)
    assert bench.sent() == [INIT]
    bench.engine.output.append(INIT)  # as the driver leaves it when the partner is not there
    bench.engine.undelivered(bench.now)
    assert bench.engine.state is State.WAIT_PARTNER
    assert bench.pass_time(1000) == []
    bench.take(INIT)
    complete, request = bench.sent()
    assert complete == INIT_COMPLETE
    assert isinstance(request, mad.AdapterInfo)


def test_crossing_inits() -> None:
    bench = Bench()
    bench.engine.opened(bench.now)
    assert bench.sent() == [INIT]
    bench.take(INIT)
    complete, request = bench.sent()
    assert complete == INIT_COMPLETE
    bench.take(INIT_COMPLETE)
    assert bench.sent() == [], "adapter info once, not twice"
    bench.info()
    bench.mad_answer(request)
    bench.grant(bench.one(srp.LoginReq))


def test_init_after_its_completion_begins_anew() -> None:
    bench = Bench()
    first = bench.begin()
    bench.take(INIT)
    complete, second = bench.sent()
    assert complete == INIT_COMPLETE
    assert second.tag != first.tag
    assert bench.slot_of(second.tag) != bench.slot_of(first.tag), "the first may still be answered there"
    bench.mad_answer(first)
    assert bench.sent() == []
    bench.info()
    bench.mad_answer(second)
    bench.grant(bench.one(srp.LoginReq))


def test_init_while_logged_in_is_a_new_connection() -> None:
    bench = Bench().login()
    lost = bench.read()
    kept = bench.read(replay=True)
    bench.sent()
    assert bench.take(INIT) == [lost]
    assert isinstance(lost.error, PartnerGone)
    _, request = bench.sent()
    bench.info()
    bench.mad_answer(request)
    bench.grant(bench.one(srp.LoginReq))
    again = bench.one(srp.Cmd)
    assert bench.rsp(again) == [kept]
    assert kept.status == 0


def test_adapter_info_carries_its_buffer() -> None:
    bench = Bench(partition_name="lparA", partition_number=7)
    request = bench.begin()
    assert (request.length, request.status) == (148, 0)
    at = request.buffer - 0x10000
    own = mad.AdapterInfoData(bench.memory[at : at + 148])
    assert (own.srp_version, own.partition_name, own.partition_number) == ("16.a", "lparA", 7)
    assert (own.mad_version, own.os_type, list(own.port_max_txu)) == (1, mad.OsType.LINUX, [0] * 8)


def test_log_lines_of_the_driver(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "pysrp.initiator"):
        Bench().login()
    assert [r.getMessage() for r in caplog.records] == [
        "ibmvscsi 30000028: partner initialized",
        "ibmvscsi 30000028: host srp version: 16.a, host partition VIOS3-P6 (40), OS 2, max io 67108864",
        "ibmvscsi 30000028: sent SRP login",
        "ibmvscsi 30000028: SRP_LOGIN succeeded",
    ]


def test_vio_servers_are_asked_more() -> None:
    bench = Bench(host_name="host2", location_code="U9117.MMA-V6-C5")
    request = bench.begin()
    bench.info(os_type=mad.OsType.AIX)
    bench.mad_answer(request)
    fast_fail = bench.one(mad.EnableFastFail)
    assert fast_fail.length == 16
    bench.mad_answer(fast_fail)
    ask = bench.one(mad.Capabilities)
    at = ask.buffer - 0x10000
    data = mad.CapabilitiesData(bench.memory[at : at + ask.length])
    assert ask.length == 92
    assert (data.flags, data.name, data.loc) == (mad.CapFlags.CAP_LIST_SUPPORTED, "host2", "U9117.MMA-V6-C5")
    assert data.migration.ecl == data.reserve.type == 1
    data.migration.server_support = mad.ServerSupport.NOT_SUPPORTED
    bench.memory[at : at + 92] = bytes(data)
    bench.mad_answer(ask)
    bench.grant(bench.one(srp.LoginReq))
    assert bench.engine.capabilities is not None
    assert bench.engine.capabilities.migration.server_support == mad.ServerSupport.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("fast_fail", "reserve", "length"), [(True, False, 80), (False, True, 92), (False, False, 80)]
)
def test_what_is_switched_off_is_not_sent(fast_fail: bool, reserve: bool, length: int) -> None:
    bench = Bench(fast_fail=fast_fail, client_reserve=reserve)
    request = bench.begin()
    bench.info(os_type=mad.OsType.AIX)
    bench.mad_answer(request)
    if fast_fail:
        bench.mad_answer(bench.one(mad.EnableFastFail))
    ask = bench.one(mad.Capabilities)
    assert ask.length == length
    bench.mad_answer(ask)
    bench.one(srp.LoginReq)


def test_fast_fail_as_qemu_answers_it() -> None:
    """An element of length 0 and no bytes: the request stands there unchanged, and says success."""
    for strict, line in (
        (False, "fast fail enabled"),
        (True, "enabling fast fail failed: an answer of 0 bytes"),
    ):
        bench = Bench(strict=strict)
        request = bench.begin()
        bench.info(os_type=mad.OsType.AIX)
        bench.mad_answer(request)
        fast_fail = bench.one(mad.EnableFastFail)
        lines: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record, lines=lines: lines.append(record.getMessage())  # type: ignore[method-assign, misc]
        log = logging.getLogger("pysrp.initiator")
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            bench.answer(fast_fail.tag, b"", form=crq.Format.MAD)
        finally:
            log.removeHandler(handler)
            log.setLevel(logging.NOTSET)
        assert lines == [f"ibmvscsi 30000028: {line}"]
        bench.one(mad.Capabilities)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 0xF1}, {"status": 0xF7}, {"status": 1}, {"crq": 1}, {"form": crq.Format.SRP},
        {"length": 7}, {"length": 65535},
    ],
    ids=str,
)  # fmt: skip
def test_login_follows_whatever_the_adapter_info_says(answer: dict[str, int]) -> None:
    bench = Bench()
    request = bench.begin()
    bench.info()
    reply = request.copy()
    reply.status = answer.get("status", 0)
    bench.answer(
        request.tag, bytes(reply)[:24], form=answer.get("form", crq.Format.MAD), status=answer.get("crq", 0),
        length=answer.get("length"),
    )  # fmt: skip
    assert bench.engine.host is not None
    assert bench.engine.host.max_transfer == (67108864 if answer == {"length": 65535} else 131072)
    bench.grant(bench.one(srp.LoginReq))


def test_answer_of_the_header_alone() -> None:
    """ibmvscsis answers a datagram by 16 bytes."""
    bench = Bench()
    request = bench.begin()
    bench.info(partition_name="lio")
    bench.answer(request.tag, bytes(request)[:16], form=crq.Format.MAD)
    assert bench.engine.host is not None
    assert bench.engine.host.partition_name == "lio"
    bench.one(srp.LoginReq)


@pytest.mark.parametrize(("version", "limit"), [("16.a", 16), ("1.6a", 10), ("1.5", 10)])
def test_old_vio_servers_get_no_external_tables(version: str, limit: int) -> None:
    bench = Bench()
    request = bench.begin()
    bench.info(os_type=mad.OsType.AIX, srp_version=version)
    bench.mad_answer(request)
    assert bench.engine.srp.max_segments == limit


def test_login_request() -> None:
    login = Bench().at_login()
    assert bytes(login)[:8] == bytes(8)
    assert (login.req_it_iu_len, login.req_buf_fmt, login.req_flags) == (256, 6, 0)
    assert bytes(login)[28:] == bytes(228)


def test_login_rejected() -> None:
    bench = Bench()
    waiting = bench.read()
    login = bench.at_login()
    # ibmvstgt sends 52 bytes where the IU has 32.
    rej = bytes(srp.LoginRej.build(tag=login.tag, reason=srp.LoginRejReason.INSUFFICIENT_RESOURCES)).ljust(
        52, b"\0"
    )
    assert bench.answer(login.tag, rej) == [waiting]
    assert bench.engine.state is State.REJECTED
    error = bench.engine.rejection
    assert isinstance(error, LoginRejected)
    assert error.reason is srp.LoginRejReason.INSUFFICIENT_RESOURCES
    assert "insufficient resources" in str(error)
    assert waiting.error is error
    late = bench.read()
    assert bench.ended() == [late]
    assert late.error is error
    assert bench.pass_time(10000) == []
    assert bench.sent() == []
    # The partner's INIT is a new chance.
    bench.take(INIT)
    _, request = bench.sent()
    bench.info()
    bench.mad_answer(request)
    bench.grant(bench.one(srp.LoginReq))


@pytest.mark.parametrize(
    ("answer", "more"),
    [
        (srp.LoginRej.build(reason=0x12345678), {}),
        (srp.Rsp.build(req_lim_delta=20), {}),
        (srp.LoginRsp.build(req_lim_delta=0, max_it_iu_len=256), {}),
        (srp.LoginRsp.build(req_lim_delta=-5, max_it_iu_len=256), {}),
        (srp.LoginRsp.build(req_lim_delta=5, max_it_iu_len=63), {}),
        (srp.LoginRsp.build(req_lim_delta=5, max_it_iu_len=256), {"length": 51}),
        (srp.LoginRsp.build(req_lim_delta=5, max_it_iu_len=256), {"status": 1}),
        (srp.LoginRsp.build(req_lim_delta=5, max_it_iu_len=256), {"form": crq.Format.MAD}),
        (srp.LoginRsp.build(req_lim_delta=5, max_it_iu_len=256), {"tag": 99}),
        (b"", {}),
    ],
    ids=lambda x: repr(x)[:60],
)
def test_answers_that_are_no_login(answer: Any, more: dict[str, int]) -> None:
    bench = Bench()
    login = bench.at_login()
    reply = bytearray(bytes(answer))
    if reply:
        reply[8:16] = more.pop("tag", login.tag).to_bytes(8, "big")
    assert bench.answer(login.tag, reply, **more) == []
    assert bench.engine.state is State.REJECTED
    assert isinstance(bench.engine.rejection, LoginRejected)


@pytest.mark.parametrize("steps", [0, 1], ids=["adapter info", "login"])
def test_no_answer_resets_the_connection(steps: int) -> None:
    bench = Bench()
    if steps:
        bench.at_login()
    else:
        bench.begin()
    patience = 120 if steps else 60
    assert bench.pass_time(patience - 1) == []
    assert bench.engine.queue_work is None
    bench.pass_time(2)
    assert bench.engine.queue_work is QueueWork.RESET
    bench.engine.opened(bench.now)
    assert bench.engine.queue_work is None
    assert bench.sent() == [INIT]
    bench.take(INIT_COMPLETE)
    bench.one(mad.AdapterInfo)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 7, 8, 9, 10, 0x55, 0xFF])
def test_transport_events_end_what_was_sent(code: int) -> None:
    bench = Bench().login()
    lost, kept = bench.read(), bench.read(replay=True)
    sent = bench.sent()
    assert bench.take(event(code)) == [lost]
    assert isinstance(lost.error, PartnerGone)
    assert not kept.ended
    assert bench.engine.state is State.WAIT_PARTNER
    assert bench.sent() == [INIT]
    assert bench.engine.queue_work is None
    assert bench.rsp(sent[0]) == [], "an answer from before is none"
    bench.take(INIT_COMPLETE)
    bench.info()
    bench.mad_answer(bench.one(mad.AdapterInfo))
    bench.grant(bench.one(srp.LoginReq), 5)
    assert (bench.engine.srp.credits, bench.engine.srp.debits) == (4, 1)
    assert bench.rsp(bench.one(srp.Cmd)) == [kept]


def test_event_with_the_successors_init_behind_it() -> None:
    bench = Bench().login()
    bench.take(event(2), INIT)
    complete, _ = bench.sent()
    assert complete == INIT_COMPLETE, "and no INIT, which would meet a partner that is connected already"


def test_event_that_replaced_an_element(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench().login()
    bench.take(event(2, crq.Status.OVERWRITTEN))
    assert "replaced" in caplog.text


def test_events_during_the_handshake() -> None:
    for login in False, True:
        bench = Bench()
        if login:
            bench.at_login()
        else:
            bench.begin()
        bench.take(event(1))
        assert bench.engine.state is State.WAIT_PARTNER
        assert bench.sent() == [INIT]
        bench.take(INIT_COMPLETE)
        bench.info()
        bench.mad_answer(bench.one(mad.AdapterInfo))
        bench.grant(bench.one(srp.LoginReq))


def test_migration() -> None:
    bench = Bench().login()
    first, second = bench.read(), bench.read()
    bench.sent()
    assert bench.take(event(6)) == [], "everything is asked for again"
    assert bench.engine.state is State.SUSPENDED
    assert bench.engine.queue_work is QueueWork.ENABLE
    assert bench.take(INIT) == []
    assert bench.sent() == [], "the queue is disabled"
    bench.engine.opened(bench.now)
    assert bench.engine.queue_work is None
    assert bench.sent() == [INIT]
    bench.take(INIT_COMPLETE)
    request = bench.one(mad.AdapterInfo)
    bench.info(os_type=mad.OsType.AIX)
    bench.mad_answer(request)
    bench.mad_answer(bench.one(mad.EnableFastFail))
    ask = bench.one(mad.Capabilities)
    at = ask.buffer - 0x10000
    flags = mad.CapabilitiesData(bench.memory[at : at + 92]).flags
    assert flags == mad.CapFlags.CAP_LIST_SUPPORTED | mad.CapFlags.CLIENT_MIGRATED
    bench.mad_answer(ask)
    bench.grant(bench.one(srp.LoginReq))
    for command, iu in zip((first, second), bench.sent(), strict=True):
        assert bench.rsp(iu) == [command]
        assert command.status == 0


def test_ping() -> None:
    bench = Bench()
    bench.engine.opened(bench.now)
    bench.sent()
    answer = bytes.fromhex("800600f6") + bytes(12)
    for ping in "800600f5", "8006f500":  # LoPAR has it both ways
        assert bench.take(bytes.fromhex(ping) + bytes(12)) == []
        assert bench.sent() == [answer]
    bench.take(answer)
    assert bench.sent() == []


def test_pings_of_a_partner_that_fetches_no_answers() -> None:
    bench = Bench()
    bench.engine.opened(bench.now)
    for _ in range(40):
        bench.take(*[bytes.fromhex("800600f5") + bytes(12)] * 256)
    assert 2048 < len(bench.engine.output) < 10000


@pytest.mark.parametrize(
    "element", ["8106", "c003", "c100", "8003", "8004", "8005", "8007", "800600aa", "fe01"]
)
def test_elements_that_mean_nothing(element: str) -> None:
    bench = Bench().login()
    bench.sent()
    command = bench.read()
    iu = bench.one(srp.Cmd)
    assert bench.take(bytes.fromhex(element).ljust(16, b"\0")) == []
    assert bench.sent() == []
    assert bench.rsp(iu) == [command]


def test_partner_closes_while_we_send() -> None:
    bench = Bench().login()
    commands = [bench.read() for _ in range(3)]
    bench.engine.undelivered(bench.now)
    assert (bench.engine.srp.credits, bench.engine.srp.debits) == (22, 0)
    assert bench.sent() == []
    bench.pass_time(0.2)
    ius = bench.sent()  # tried again, in order
    for command, iu in zip(commands, ius, strict=True):
        assert bench.rsp(iu) == [command]


def test_partner_closes_during_the_handshake() -> None:
    bench = Bench()
    bench.engine.opened(bench.now)
    bench.sent()
    bench.take(INIT_COMPLETE)
    bench.engine.undelivered(bench.now)
    assert bench.engine.state is State.WAIT_PARTNER
    bench.take(event(2), INIT)
    _, request = bench.sent()
    bench.info()
    bench.mad_answer(request)
    bench.grant(bench.one(srp.LoginReq))


def test_commands_wait_for_the_login_but_not_for_ever() -> None:
    bench = Bench()
    command = bench.read(timeout=5)
    assert bench.pass_time(4) == []
    assert bench.pass_time(2) == [command]
    assert isinstance(command.error, TimedOut)


def test_closed_for_good() -> None:
    bench = Bench().login()
    command = bench.read()
    bench.sent()
    bench.engine.closed()
    assert bench.ended() == [command]
    assert isinstance(command.error, PartnerGone)
    assert bench.take(INIT, event(2)) == []
    assert bench.sent() == []
    late = bench.read(timeout=0)
    assert bench.ended() == [late], "it would wait for ever"
    assert isinstance(late.error, PartnerGone)


def test_names_that_cannot_be_sent_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="partition_name"):
        Bench(partition_name="Straße")
