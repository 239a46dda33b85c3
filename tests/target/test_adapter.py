"""The life of a server adapter: registration, INIT, transport events, errors, closing."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from pysrp import crq, srp
from pysrp.fabric import ReturnCode
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import Settings
from pysrp.vscsi.server_states import State
from target_rig import Client, Rig

INIT, INIT_COMPLETE = bytes(crq.Element.init()), bytes(crq.Element.init_complete())
Make = Callable[..., Rig]


def srp_element(address: int, length: int) -> bytes:
    return struct.pack(">BBHHHQ", 0x80, 1, 0, 0, length, address)


def works(rig: Rig) -> None:
    """The client can log in and read, and so could another one."""
    client = rig.client
    tag = client.login()
    rig.run()
    assert isinstance(client.answer(tag), srp.LoginRsp)
    tag = client.cmd(256, "00")
    rig.run()
    assert client.answer(tag).tag == tag


def again(rig: Rig) -> None:
    """What a client does after a reset of either side."""
    client = rig.client
    client.port.free()
    rig.run()
    client.answers.clear()
    assert client.port.register()
    client.element(INIT)
    rig.run()
    assert client.answers.popleft() == INIT_COMPLETE
    works(rig)


# The handshake


def test_client_comes_later(make: Make) -> None:
    rig = make()
    rig.target.enable()
    assert rig.run() is None
    assert rig.target.state is State.WAIT_CONNECTION
    assert rig.client.port.register()
    rig.client.element(INIT)
    rig.run()
    assert list(rig.client.answers) == [INIT_COMPLETE]
    assert rig.target.state is State.CONNECTED


def test_client_is_there_first(make: Make) -> None:
    rig = make()
    assert not rig.client.port.register()
    rig.target.enable()
    rig.run()
    assert list(rig.client.answers) == [INIT]
    rig.client.element(INIT_COMPLETE)
    rig.run()
    assert rig.target.state is State.CONNECTED


def test_both_say_init_at_once(make: Make) -> None:
    """As ibmvscsi does it: COMPLETE for ours, and then its own INIT."""
    rig = make(LunMap())
    rig.client.port.register()
    rig.target.enable()
    rig.client.element(INIT)
    rig.client.element(INIT_COMPLETE)
    rig.client.element(INIT)
    rig.run()
    assert list(rig.client.answers) == [INIT, INIT_COMPLETE, INIT_COMPLETE]
    assert rig.target.state is State.CONNECTED


def test_nothing_happens_while_disabled(make: Make) -> None:
    rig = make()
    assert not rig.client.port.register()
    assert rig.run() is None
    assert rig.target.state is State.WAIT_ENABLED


def test_init_after_login_is_a_violation(rig: Rig) -> None:
    rig.client.element(INIT)
    rig.run()
    assert rig.reconnected()
    again(rig)


def test_ping(rig: Rig) -> None:
    rig.client.element(crq.Element.ping())
    rig.client.element(bytes.fromhex("8006f500000000000000000000000000"))  # the code in LoPAR's other place
    rig.client.element(bytes(crq.Element.ping(crq.PingCode.PING_RESPONSE)))
    rig.run()
    assert [raw.hex() for raw in rig.client.answers] == ["800600f6" + "00" * 12] * 2


def test_garbage_in_bytes_2_to_5_does_not_matter(rig: Rig) -> None:
    """FreeBSD leaves its stack there."""
    client = rig.client
    raw = bytes(srp.Cmd.build(tag=7, lun=bytes.fromhex("8100") + bytes(6), cdb=bytes(16)))
    client.view[:48] = raw
    client.element(bytes.fromhex("8001deadbeef0030") + client.base.to_bytes(8, "big"))
    rig.run()
    assert client.element_of(7).IU_length == 36


# Transport events


@pytest.mark.parametrize("code", [1, 2, 4, 3, 0x55])
def test_partner_lost(rig: Rig, code: int) -> None:
    rig.client.port.post_event(code)
    rig.run()
    assert rig.target.state is State.WAIT_CONNECTION
    assert rig.target.session is None
    assert not rig.luns.nexuses()
    # The queue stays open, and the client may say INIT at once.
    rig.client.element(INIT)
    rig.run()
    assert rig.client.answers.popleft() == INIT_COMPLETE
    works(rig)


def test_client_registers_again(rig: Rig) -> None:
    again(rig)
    again(rig)


def test_client_partition_fails(rig: Rig) -> None:
    client = rig.client
    client.read(256, 0, 8)
    client.port.crash()
    rig.run()
    assert rig.target.state is State.WAIT_CONNECTION
    client.answers.clear()
    client.memory = client.port.allocate(1 << 20)  # what was mapped before is not any more
    client.view.release()
    client.view = memoryview(client.memory).cast("B")
    client.base = client.memory.address
    client.port.register()
    client.element(INIT)
    rig.run()
    assert client.answers.popleft() == INIT_COMPLETE
    works(rig)


def test_client_that_fails_with_a_command_on_its_way(rig: Rig) -> None:
    """Its memory is gone before its transport event is seen: no violation, and no reset of ours."""
    client = rig.client
    for _ in range(3):
        client.cmd(256, "00")
    assert rig.target.queue.link
    first = rig.target.queue.link.next()  # the queue has been emptied just before
    assert first
    client.port.crash()
    rig.run()
    assert rig.target.state is State.WAIT_CONNECTION
    client.port.register()
    assert [raw[:2] for raw in client.port.poll()] == []


def test_event_that_overwrote_the_last_element(make: Make) -> None:
    rig = make()
    rig.login()
    for _ in range(256):
        rig.client.element(crq.Element.ping())
    rig.client.port.free()
    rig.run()
    assert rig.target.state is State.WAIT_CONNECTION


def test_elements_of_the_old_connection_do_not_harm_the_new_one(rig: Rig) -> None:
    """A command that is bad, then the client's reset, then its INIT: all seen at once."""
    client = rig.client
    client.element(srp_element(0xDEAD0000, 64))
    client.port.free()
    client.port.register()
    client.element(INIT)
    rig.run()
    assert list(client.answers) == [INIT_COMPLETE]
    client.answers.clear()
    works(rig)


def test_suspend_and_resume(rig: Rig) -> None:
    client = rig.client
    client.port.post_event(9)
    tag = client.cmd(256, "00")
    rig.run()
    assert rig.target.state is State.SRP_SUSPENDED
    assert not client.answers
    client.port.post_event(10)
    rig.run()
    assert client.answer(tag).status == 0
    assert rig.target.state is State.SRP_PROCESSING


def test_client_lost_while_suspended(rig: Rig) -> None:
    rig.client.port.post_event(9)
    rig.client.cmd(256, "00")
    rig.client.port.free()
    rig.run()
    assert rig.target.state is State.WAIT_CONNECTION
    again(rig)


def test_migrated(rig: Rig) -> None:
    client = rig.client
    rig.server.inject("H_ENABLE_CRQ", ReturnCode.H_LONG_BUSY_100_MSEC, 2)
    rig.server.suspend()
    due = rig.run()
    assert rig.target.state is State.MIGRATED
    assert due == pytest.approx(rig.now + 0.1)
    due = rig.run(0.05)
    assert rig.target.state is State.MIGRATED
    rig.run(0.06)
    assert rig.target.state is State.MIGRATED
    rig.run(0.11)
    assert rig.target.state is State.WAIT_CONNECTION
    assert client.answers[-1] == INIT
    client.element(INIT_COMPLETE)
    rig.run()
    works(rig)


# Sending


def test_client_gone_is_seen_when_sending(rig: Rig) -> None:
    client = rig.client
    client.cmd(256, "00")
    rig.server.inject("H_SEND_CRQ", ReturnCode.H_CLOSED)
    rig.run()
    assert rig.target.state is State.CLIENT_FAILED
    assert rig.target.session is None
    client.cmd(256, "00")  # of a connection that is no more: neither answered nor a violation
    rig.run()
    assert rig.target.state is State.CLIENT_FAILED
    again(rig)


def test_full_client_queue(make: Make) -> None:
    """H_DROPPED: answers are kept and sent later, rarer and rarer, and no credit is lost."""
    rig = make(settings=Settings(request_limit=128))
    client = rig.login()
    tags = [client.cmd(256, "00") for _ in range(100)]
    rig.server.inject("H_SEND_CRQ", ReturnCode.H_DROPPED, 3)
    due = rig.target.process(rig.now)
    assert due == pytest.approx(rig.now + 0.001)
    assert not client.port.poll()
    assert rig.target.session
    assert rig.target.session.outstanding == 100
    due = rig.target.process(rig.now + 0.0015)
    assert due == pytest.approx(rig.now + 0.0035)
    rig.run(0.002)
    rig.run(0.01)
    assert rig.target.session.outstanding == 0
    for tag in tags:
        assert client.answer(tag).req_lim_delta == 1
    assert rig.run() is None


def test_really_full_client_queue(make: Make) -> None:
    rig = make()
    client = rig.login()
    for _ in range(300):
        client.element(crq.Element.ping())
        rig.target.process(rig.now)
    tag = client.cmd(256, "00")
    assert rig.target.process(rig.now) is not None
    while not any(raw[1] == crq.Format.SRP for raw in client.answers):
        assert rig.run(1.5) is None or client.answers
    assert client.answer(tag).req_lim_delta == 1


def test_client_that_never_takes_its_answers(make: Make) -> None:
    rig = make()
    client = rig.login()
    for _ in range(5000):
        client.element(crq.Element.ping())
        rig.target.process(rig.now)
        if rig.target.state is not State.SRP_PROCESSING:
            break
    else:
        raise AssertionError("memory without end")


def test_hypervisor_refuses_to_send(rig: Rig) -> None:
    rig.client.cmd(256, "00")
    rig.server.inject("H_SEND_CRQ", ReturnCode.H_HARDWARE)
    rig.run()
    assert rig.reconnected()
    again(rig)


# Violations: what each leads to is one thing, and a client can always come back.

VIOLATIONS: dict[str, Callable[[Client], object]] = {
    "element: reserved header": lambda c: c.element(b"\x81" + bytes(15)),
    "element: reserved format": lambda c: c.element(b"\x80\x00" + bytes(14)),
    "element: unknown format": lambda c: c.element(b"\x80\x77" + bytes(14)),
    "element: unknown initialization": lambda c: c.element(b"\xc0\x03" + bytes(14)),
    "element: IU length 0": lambda c: c.element(srp_element(c.base, 0)),
    "element: IU shorter than a tag": lambda c: c.element(srp_element(c.base, 15)),
    "element: IU longer than 256": lambda c: c.element(srp_element(c.base, 257)),
    "element: IU length 65535": lambda c: c.element(srp_element(c.base, 65535)),
    "element: datagram of no length": lambda c: c.mad(bytes(16), length=0),
    "IU outside the window": lambda c: c.element(srp_element(1 << 40, 64)),
    "IU that wraps": lambda c: c.element(srp_element(2**64 - 8, 64)),
    "IU in memory that is not mapped": lambda c: c.element(srp_element(60 << 20, 64)),
    "datagram outside the window": lambda c: c.element(b"\x80\x02" + srp_element(1 << 40, 64)[2:]),
    "opcode 4": lambda c: c.iu(b"\x04" + bytes(63)),
    "LOGIN_RSP": lambda c: c.iu(bytes(srp.LoginRsp.build(tag=1))),
    "RSP": lambda c: c.iu(bytes(srp.Rsp.build(tag=1))),
    "CRED_RSP": lambda c: c.iu(bytes(srp.CredRsp.build(tag=1))),
    "AER_RSP": lambda c: c.iu(bytes(srp.AerRsp.build(tag=1))),
    "T_LOGOUT": lambda c: c.iu(bytes(srp.TLogout.build(tag=1))),
    "LOGIN_REQ cut short": lambda c: c.iu(bytes(srp.LoginReq.build(tag=1))[:40]),
}


@pytest.mark.parametrize("offence", VIOLATIONS.values(), ids=VIOLATIONS)
def test_violation(rig: Rig, offence: Callable[[Client], object]) -> None:
    pending = rig.client.read(256, 0, 1)
    offence(rig.client)
    rig.run()
    assert rig.client.answers
    assert rig.reconnected()
    assert rig.target.session is None
    assert pending
    again(rig)


@pytest.mark.parametrize("kind", ["cmd", "tsk_mgmt", "logout"])
def test_before_login(make: Make, kind: str) -> None:
    rig = make()
    client = rig.connect()
    if kind == "cmd":
        client.cmd(256, "00")
    elif kind == "tsk_mgmt":
        client.manage(256, 8)
    else:
        client.iu(bytes(srp.ILogout.build(tag=1)))
    rig.run()
    assert rig.reconnected()
    again(rig)


def test_before_init(make: Make) -> None:
    rig = make()
    rig.target.enable()
    rig.client.port.register()
    rig.client.mad(bytes(16))  # is ignored
    rig.run()
    assert rig.target.state is State.WAIT_CONNECTION
    assert not rig.client.answers
    rig.client.cmd(256, "00")
    rig.run()
    assert rig.reconnected()
    again(rig)


def test_logout(rig: Rig) -> None:
    tag = rig.client.iu(bytes(srp.ILogout.build(tag=0x1234)))
    rig.run()
    element = rig.client.element_of(tag)
    assert (element.format, element.IU_length) == (crq.Format.SRP, 16)
    assert rig.target.state is State.CONNECTED
    assert rig.target.session is None
    assert not rig.luns.nexuses()
    works(rig)


def test_flood_beyond_the_credits(make: Make, disk: object) -> None:
    rig = make(LunMap([(256, disk)]), Settings(request_limit=4))
    client = rig.login()
    for _ in range(4):
        client.cmd(256, "00")
    rig.run()
    assert rig.target.state is State.SRP_PROCESSING
    for _ in range(5):
        client.cmd(256, "00")
    rig.run()
    assert rig.reconnected()
    again(rig)


# The administrator


def test_disable_and_enable(rig: Rig) -> None:
    client = rig.client
    rig.target.disable()
    rig.run()
    assert rig.target.state is State.WAIT_ENABLED
    assert [raw[:2].hex() for raw in client.answers] == ["ff02"]
    client.answers.clear()
    rig.target.enable()
    rig.run()
    assert client.answers.pop() == INIT
    client.element(INIT_COMPLETE)
    rig.run()
    works(rig)


def test_disabled_target_that_rejects(make: Make) -> None:
    """As ibmvstgt did: the queue is open, logins are rejected, and enabling brings those back who were turned away."""
    rig = make(settings=Settings(reject_disabled=True, require_login=False))
    client = rig.client

    def handshake() -> None:
        client.element(INIT)
        rig.run()
        assert INIT_COMPLETE in client.answers
        client.answers.clear()

    def rejected() -> bool:
        tag = client.login()
        rig.run()
        answer = client.answer(tag)
        return isinstance(answer, srp.LoginRej) and answer.reason == srp.LoginRejReason.INSUFFICIENT_RESOURCES

    rig.target.disable()
    assert rig.target.state is State.WAIT_CONNECTION
    client.port.register()
    handshake()
    assert rejected()
    assert rejected()
    assert rig.target.state is State.CONNECTED

    rig.target.enable()
    rig.run()
    assert rig.reconnected()
    client.answers.clear()
    client.element(INIT_COMPLETE)
    rig.run()
    works(rig)
    rig.target.enable()
    rig.run()
    assert not client.answers, "enabled already"
    works(rig)

    rig.target.disable()
    rig.run()
    assert rig.reconnected()
    client.answers.clear()
    handshake()
    assert rejected()
    client.cmd(256, "00")
    rig.run()
    assert rig.reconnected(), "nor is a client served that never logs in"


def test_disabled_target_that_rejects_after_the_hypervisor_refused(make: Make) -> None:
    rig = make(settings=Settings(reject_disabled=True))
    rig.server.inject("H_REG_CRQ", ReturnCode.H_RESOURCE, 1)
    rig.target.disable()
    assert rig.target.state is State.ERR_DISCONNECTED
    rig.target.disable()
    assert rig.target.state is State.WAIT_CONNECTION


def test_closing_takes_time(rig: Rig) -> None:
    rig.server.inject("H_FREE_CRQ", ReturnCode.H_LONG_BUSY_1_SEC, 1)
    rig.target.disable()
    assert rig.target.state is State.ERR_DISCONNECT
    assert rig.run() == pytest.approx(rig.now + 1)
    rig.target.enable()
    assert rig.target.state is State.ERR_DISCONNECT_RECONNECT
    rig.run(1.1)
    assert rig.target.state is State.WAIT_CONNECTION
    again(rig)


def test_closing_fails(rig: Rig) -> None:
    rig.server.inject("H_FREE_CRQ", ReturnCode.H_HARDWARE, 1)
    rig.client.element(b"\x81" + bytes(15))
    rig.run()
    assert rig.target.state is State.ERR_DISCONNECTED
    rig.target.disable()
    assert rig.target.state is State.WAIT_ENABLED
    rig.target.enable()
    again(rig)


def test_opening_fails(make: Make) -> None:
    rig = make()
    rig.server.inject("H_REG_CRQ", ReturnCode.H_RESOURCE, 1)
    rig.target.enable()
    assert rig.target.state is State.ERR_DISCONNECTED
    rig.target.remove()
    assert rig.target.state is State.REMOVED


def test_remove(rig: Rig) -> None:
    rig.target.remove()
    assert rig.target.removed
    rig.run()
    assert [raw[:2].hex() for raw in rig.client.answers] == ["ff02"]
    called = []
    rig.target.post(lambda: called.append(1))  # nobody processes any more, but nothing is lost
    assert called


def test_t_logout_where_the_client_parked_a_buffer(rig: Rig) -> None:
    from pysrp import mad

    client = rig.client
    tag = client.mad(mad.EmptyIu.build(tag=0x77, buffer=client.data()))
    rig.run()
    assert client.answer(tag).status == mad.MadStatus.SUCCESS
    client.iu(b"\x04" + bytes(63))
    rig.run()
    assert client.answers[0][8:] == (0x77).to_bytes(8, "big")
    logout = srp.parse(client.peek(client.answers[0][7]))
    assert isinstance(logout, srp.TLogout)
    assert logout.reason == srp.TLogoutReason.INVALID_IU_TYPE
    assert rig.reconnected()
