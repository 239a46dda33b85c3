"""Datagrams and the login."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import Mock

import pytest

from pysrp import crq, mad, srp
from pysrp.backends import Ram
from pysrp.fabric import Identity, ReturnCode
from pysrp.mad import CapFlags, MadStatus, OsType
from pysrp.srp import LoginRejReason
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import Settings
from pysrp.vscsi.server_states import State
from target_rig import MIB, Rig

Make = Callable[..., Rig]
PARTITION = {"partition_name": "lparA", "partition_number": 3}


def adapter_info(rig: Rig, *, os_type: int = OsType.LINUX, length: int = 148, **fields: object) -> mad.Mad:
    client = rig.client
    client.poke(bytes(mad.AdapterInfoData.build(os_type=os_type, **PARTITION)))
    tag = client.mad(mad.AdapterInfo.build(tag=0x51, buffer=client.data(), length=length, **fields), 256)
    rig.run()
    element = client.element_of(tag)
    assert (element.format, element.status, element.IU_length) == (crq.Format.MAD, 0, 24)
    slot = client.sent[tag]
    return mad.parse(bytes(client.view[slot : slot + 24]))


def test_adapter_info(make: Make) -> None:
    rig = make(settings=Settings(os_type=OsType.AIX, max_transfer=1 << 20))
    rig.connect()
    answer = adapter_info(rig)
    assert (answer.status, answer.length, answer.tag) == (MadStatus.SUCCESS, 148, 0x51)
    ours = mad.AdapterInfoData(rig.client.peek(148))
    assert ours.srp_version == "16.a"
    assert ours.partition_name == "VIOS3-P6"
    assert ours.partition_number == 40
    assert ours.mad_version == 1
    assert ours.os_type == OsType.AIX
    assert list(ours.port_max_txu) == [1 << 20] + [0] * 7
    assert rig.target.client.partition_name == "lparA"
    assert rig.target.client.linux
    assert adapter_info(rig).status == MadStatus.SUCCESS  # twice is well


def test_a_name_cannot_write_lines_of_the_log(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    rig = make()
    rig.connect()
    name = "a\n30000028: SRP_LOGIN of root succeeded\x1b[2J"
    rig.client.poke(bytes(mad.AdapterInfoData.build(partition_name=name)))
    with caplog.at_level("INFO", "pysrp.target"):
        rig.client.mad(mad.AdapterInfo.build(tag=0x51, buffer=rig.client.data(), length=148), 256)
        rig.run()
    assert rig.target.client.partition_name == "a?30000028: SRP_LOGIN of root succeeded?[2J"
    assert all(each.getMessage().isprintable() for each in caplog.records)


def test_client_that_repeats_what_it_was_told(make: Make) -> None:
    """As Linux does, which sends the buffer that our answer was written to."""
    rig = make(settings=Settings(os_type=OsType.AIX))
    client = rig.connect()
    adapter_info(rig)
    before = rig.target.client
    assert before.linux
    for _ in range(2):
        client.mad(mad.AdapterInfo.build(tag=0x52, buffer=client.data(), length=148), 256)
        rig.run()
        assert rig.target.client is before
    adapter_info(rig, os_type=OsType.AIX)
    assert not rig.target.client.linux


def test_adapter_info_of_the_administrator(make: Make) -> None:
    rig = make(settings=Settings(partition_name="other", partition_number=0))
    rig.connect()
    adapter_info(rig)
    ours = mad.AdapterInfoData(rig.client.peek(148))
    assert (ours.partition_name, ours.partition_number) == ("other", 0)
    assert ours.port_max_txu[0] == 64 << 20


def test_adapter_info_without_properties(make: Make) -> None:
    """What Linux sends where the device tree has no names, and bytes that are no text."""
    rig = make()
    client = rig.connect()
    client.poke(b"\xff" * 148)
    tag = client.mad(mad.AdapterInfo.build(tag=1, buffer=client.data()))
    rig.run()
    assert client.answer(tag).status == MadStatus.SUCCESS
    assert rig.target.client.partition_number == 0xFFFFFFFF


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"buffer": 1 << 40}, 24),  # outside the window
        ({"buffer": 2**64 - 8}, 24),  # wraps
        ({"buffer": 50 << 20}, 24),  # not mapped
        ({"length": 147}, 24),
        ({"length": 0}, 24),
        ({}, 16),  # the datagram itself ends before its buffer's address
    ],
)
def test_bad_adapter_info(make: Make, fields: dict[str, int], size: int) -> None:
    rig = make()
    client = rig.connect()
    raw = bytes(mad.AdapterInfo.build(**{"tag": 9, "buffer": client.data(), **fields}))
    tag = client.mad(raw, size)
    rig.run()
    answer = client.answer(tag)
    assert answer.status == MadStatus.FAILED
    assert len(bytes(answer)) == size
    assert rig.target.state is State.CONNECTED


def test_capabilities(make: Make) -> None:
    rig = make()
    client = rig.connect()
    data = mad.CapabilitiesData.build(
        flags=CapFlags.CAP_LIST_SUPPORTED,
        name="host0",
        loc="71000002",
        records=[
            mad.MigrationCap.build(server_support=1, ecl=1),
            mad.ReserveCap.build(server_support=1, type=1),
        ],
    )
    assert len(bytes(data)) == 92
    client.poke(bytes(data))
    tag = client.mad(mad.Capabilities.build(tag=2, buffer=client.data()))
    rig.run()
    answer = client.answer(tag)
    assert (answer.status, len(bytes(answer))) == (MadStatus.SUCCESS, 24)
    ours = mad.CapabilitiesData(client.peek(92))
    assert ours.flags == 0
    assert (ours.name, ours.loc) == ("ibmvstgt", "U9117-V6-C40")
    assert ours.migration.server_support == 0
    assert ours.reserve.server_support == 1


@pytest.mark.parametrize("length", [0, 67, 4097, 65535])
def test_capabilities_of_a_bad_length(make: Make, length: int) -> None:
    rig = make()
    client = rig.connect()
    tag = client.mad(mad.Capabilities.build(tag=2, buffer=client.data(), length=length))
    rig.run()
    assert client.answer(tag).status == MadStatus.FAILED


@pytest.mark.parametrize("records", ["0000000100000001", "00000001000b0001", "00000001ffff0001" + "00" * 4])
def test_capability_records_that_lie(make: Make, records: str) -> None:
    rig = make()
    client = rig.connect()
    raw = bytes(68) + bytes.fromhex(records)
    client.poke(raw)
    tag = client.mad(mad.Capabilities.build(tag=2, buffer=client.data(), length=len(raw)))
    rig.run()
    assert client.answer(tag).status == MadStatus.FAILED


def test_fast_fail(make: Make, disk: Disk) -> None:
    rig = make(LunMap([(256, disk)]))
    client = rig.connect()
    tag = client.mad(mad.EnableFastFail.build(tag=3), 256)
    rig.run()
    answer = client.answer(tag)
    assert (answer.status, len(bytes(answer))) == (MadStatus.SUCCESS, 16)
    client.login()
    tag = client.mad(mad.EnableFastFail.build(tag=4))
    rig.run()
    assert client.answer(tag).status == MadStatus.FAILED
    rig.run()
    rig.attended()
    # A failure of the hardware is told in the element too.
    disk.backend.close()
    tag = client.read(256, 0, 1)
    rig.run()
    element = client.element_of(tag)
    assert element.status == crq.Status.ADAPTER_FAIL
    tag = client.cmd(256, "ff")
    rig.run()
    assert client.element_of(tag).status == crq.Status.OK


def test_empty_iu_and_error_log(make: Make) -> None:
    rig = make()
    client = rig.connect()
    tag = client.mad(mad.EmptyIu.build(tag=5, buffer=client.data()))
    log = client.mad(mad.ErrorLog.build(tag=6, buffer=client.data(4096)))
    bad = client.mad(mad.ErrorLog.build(tag=7, buffer=client.data(4096), length=103))
    rig.run()
    assert client.answer(tag).status == MadStatus.SUCCESS
    assert client.answer(log).status == MadStatus.SUCCESS
    assert client.answer(bad).status == MadStatus.FAILED


@pytest.mark.parametrize("kind", [0, 4, 6, 7, 9, 0x55, 0xFFFFFFFF])
def test_datagram_that_is_not_supported(make: Make, kind: int) -> None:
    rig = make()
    client = rig.connect()
    tag = client.mad(kind.to_bytes(4, "big") + bytes(4) + bytes(range(8)) + bytes(16))
    rig.run()
    answer = client.answer(tag)
    assert answer.status == MadStatus.NOT_SUPPORTED
    assert answer.type == kind


@pytest.mark.parametrize("form", [crq.Format.OS400, crq.Format.AIX, crq.Format.LINUX])
def test_private_formats_are_datagrams(make: Make, form: int) -> None:
    rig = make()
    client = rig.connect()
    tag = client.iu(bytes(mad.Mad.build(type=0x99, tag=8)), form=form)
    rig.run()
    assert client.element_of(tag).format == form


def test_datagrams_after_login(rig: Rig) -> None:
    assert adapter_info(rig).status == MadStatus.SUCCESS
    session = rig.target.session
    assert session
    assert session.nexus.announced


def test_answer_that_cannot_be_written(make: Make) -> None:
    rig = make()
    client = rig.connect()
    rig.server.inject("H_COPY_RDMA", ReturnCode.H_PERMISSION, 0)
    memory = client.port.allocate(4096, 1)  # the target may only read it
    view = memoryview(memory)
    view[:16] = bytes(mad.EnableFastFail.build(tag=0xABC))
    client.element(bytes.fromhex("8002000000000010") + memory.address.to_bytes(8, "big"))
    rig.run()
    assert client.element_of(0xABC).status == crq.Status.NONRECOVERABLE_ERR
    view.release()


# Login


def test_login(make: Make) -> None:
    rig = make(settings=Settings(request_limit=22))
    client = rig.connect()
    tag = client.login(tag=0x6003F803000000C0)
    rig.run()
    element = client.element_of(tag)
    assert (element.format, element.status, element.IU_length) == (crq.Format.SRP, 0, 52)
    answer = srp.parse(bytes(client.view[client.sent[tag] :][:52]))
    assert isinstance(answer, srp.LoginRsp)
    assert answer.tag == tag
    assert answer.req_lim_delta == 22
    assert (answer.max_it_iu_len, answer.max_ti_iu_len) == (256, 256)
    assert answer.buf_fmt == 6
    assert answer.rsp_flags == 0
    nexus = rig.target.session.nexus  # type: ignore[union-attr]
    assert nexus.name == "lparA"
    assert nexus.port_id == bytes(12) + client.port.identity.unit_address.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"req_it_iu_len": 257}, LoginRejReason.REQ_IT_IU_LENGTH_TOO_LARGE),
        ({"req_it_iu_len": 0xFFFFFFFF}, LoginRejReason.REQ_IT_IU_LENGTH_TOO_LARGE),
        ({"req_it_iu_len": 63}, LoginRejReason.UNABLE_ESTABLISH_CHANNEL),
        ({"req_buf_fmt": 8}, LoginRejReason.UNSUPPORTED_DESCRIPTOR_FMT),
        ({"req_buf_fmt": 1}, LoginRejReason.UNSUPPORTED_DESCRIPTOR_FMT),
        ({"target_port_id": b"\1" * 16}, LoginRejReason.UNABLE_ASSOCIATE_CHANNEL),
        ({"req_flags": 1}, LoginRejReason.MULTI_CHANNEL_UNSUPPORTED),
    ],
)
def test_login_rejected(make: Make, fields: dict[str, object], reason: LoginRejReason) -> None:
    rig = make()
    client = rig.connect()
    tag = client.login(**fields)
    rig.run()
    answer = client.answer(tag)
    assert isinstance(answer, srp.LoginRej)
    assert (answer.reason, answer.tag, answer.buf_fmt) == (reason, tag, 6)
    assert len(bytes(answer)) == 32
    assert rig.target.state is State.CONNECTED
    tag = client.login()
    rig.run()
    assert isinstance(client.answer(tag), srp.LoginRsp)


@pytest.mark.parametrize("window", [True, False], ids=["window", "machine"])
def test_login_rejected_without_memory(make: Make, monkeypatch: pytest.MonkeyPatch, window: bool) -> None:
    rig = make(server_window=MIB if window else None)  # too little to stage data in
    if not window:
        monkeypatch.setattr(rig.target.mover.memory, "allocate", Mock(side_effect=MemoryError))
    client = rig.connect()
    tag = client.login()
    rig.run()
    answer = client.answer(tag)
    assert isinstance(answer, srp.LoginRej)
    assert answer.reason == LoginRejReason.INSUFFICIENT_RESOURCES


@pytest.mark.parametrize(
    "fields",
    [
        {"req_it_iu_len": 0},  # FreeBSD has the length elsewhere
        {"req_it_iu_len": 64},
        {"req_buf_fmt": 0},
        {"req_buf_fmt": 2},
        {"req_buf_fmt": 0xFF06},  # only the low byte has flags
        {"initiator_port_id": b"\7" * 16},
        {"req_flags": 0xF0},  # solicited notification, immediate data: wishes
    ],
)
def test_login_tolerated(make: Make, fields: dict[str, object]) -> None:
    rig = make()
    client = rig.connect()
    tag = client.login(**fields)
    rig.run()
    answer = client.answer(tag)
    assert isinstance(answer, srp.LoginRsp)
    assert answer.rsp_flags == 0
    assert rig.target.session
    if "initiator_port_id" in fields:
        assert rig.target.session.nexus.port_id == b"\7" * 16


def test_target_port_id_of_ours(make: Make) -> None:
    rig = make(settings=Settings(target_port_id=b"T" * 16))
    client = rig.connect()
    tag = client.login(target_port_id=b"T" * 16)
    rig.run()
    assert isinstance(client.answer(tag), srp.LoginRsp)


def test_power_on_is_told_once(make: Make, disk: Disk) -> None:
    """To a client that is new, but not when it comes back."""
    rig = make(LunMap([(256, disk)]))
    client = rig.connect()
    for expected in 2, 0:
        client.login()
        tag = client.cmd(256, "00")
        rig.run()
        answer = client.answer(tag)
        assert answer.status == expected
        assert bytes(answer.sense[12:14]) == b"\x29\x00"[:expected]


OTHER = bytes(15) + b"\7"


def again(rig: Rig) -> None:
    """The client resets its queue and says INIT."""
    rig.client.port.free()
    rig.client.port.register()
    rig.client.element(crq.Element.init())
    rig.run()
    rig.client.answers.clear()


def told(rig: Rig, lun: int = 256) -> list[str]:
    """The unit attentions that a nexus finds at a unit, ASC and ASCQ each, in hex."""
    found = []
    while True:
        tag = rig.client.cmd(lun, "00")
        rig.run()
        answer = rig.client.answer(tag)
        if not answer.status:
            return found
        found.append(bytes(answer.sense[12:14]).hex())


def test_a_nexus_that_is_lost_and_comes_back_is_told(make: Make) -> None:
    """Its reservation is void: another may have written meanwhile (SAM-5, 5.14 and 6.3.4)."""
    disks = Disk(Ram(MIB), "one"), Disk(Ram(MIB), "two")
    first, second = (make(LunMap([(256, disks[0]), (512, disks[1])])) for _ in range(2))
    first.login()
    second.login()
    reserve = first.client.cmd(256, "16")
    first.run()
    assert first.client.answer(reserve).status == 0
    refused = second.client.write(256, 0, b"2" * 512)
    second.run()
    assert second.client.answer(refused).status == 0x18
    again(first)
    first.client.login()
    first.run()
    first.client.answers.clear()
    written = second.client.write(256, 0, b"2" * 512)
    second.run()
    assert second.client.answer(written).status == 0
    late = first.client.write(256, 0, b"1" * 512)
    first.run()
    assert bytes(first.client.answer(late).sense[12:14]) == b"\x29\x07"
    assert disks[0].backend.memory()[:512] == b"2" * 512  # type: ignore[attr-defined]
    assert told(first) == []
    assert told(first, 512) == ["2907"], "on every unit"
    assert told(second) == told(second, 512) == [], "nobody else"


@pytest.mark.parametrize("how", ["logout", "violation", "disable"])
def test_however_a_nexus_is_lost(make: Make, disk: Disk, how: str) -> None:
    rig = make(LunMap([(256, disk)]))
    client = rig.login()
    if how == "logout":
        client.iu(bytes(srp.ILogout.build(tag=9)))
    elif how == "violation":
        client.iu(b"\x04" + bytes(63))
    else:
        rig.target.disable()
        rig.run()
        rig.target.enable()
    rig.run()
    if how != "logout":
        client.element(crq.Element.init())
    client.login()
    rig.run()
    assert told(rig) == ["2907"]


@pytest.mark.parametrize(
    "cdb", ["00", "03 00 00 00 12 00", "a0 00 00 000000 00001000 00 00", "28 00 00000000 00 0001 00"]
)
def test_an_attention_in_an_answer_that_cannot_be_written(rig: Rig, disk: Disk, cdb: str) -> None:
    """Autosense, REQUEST SENSE and REPORT LUNS: told again, as the initiator has not heard of it."""
    client = rig.client
    disk.attention(0x3F, 0x0E)
    memory = client.port.allocate(4096, 1)  # the target may only read it
    view = memoryview(memory)
    raw = bytes.fromhex(cdb).ljust(16, b"\0")
    iu = bytes(srp.Cmd.build(tag=0xABC, lun=b"\x81" + bytes(7), cdb=raw, data_in=(client.data(), 4096)))
    view[: len(iu)] = iu
    client.element(bytes.fromhex("80010000000000") + bytes((len(iu),)) + memory.address.to_bytes(8, "big"))
    rig.run()
    assert client.element_of(0xABC).status == crq.Status.NONRECOVERABLE_ERR
    assert told(rig) == ["3f0e"]
    view.release()


def test_another_initiator_port_is_a_new_nexus(rig: Rig) -> None:
    rig.client.login(initiator_port_id=OTHER)
    rig.run()
    assert told(rig) == ["2900"]


def test_what_firmware_was_told_takes_nothing_from_the_operating_system(make: Make, disk: Disk) -> None:
    """Firmware need not log in. An operating system does, after it, and again after the next boot."""
    rig = make(LunMap([(256, disk)]), Settings(require_login=False))
    rig.connect()
    assert told(rig) == []
    again(rig)
    rig.client.login()
    rig.run()
    assert told(rig) == ["2900"]
    again(rig)
    assert told(rig) == ["2907"], "firmware of the next boot"
    rig.client.login()
    rig.run()
    assert told(rig) == ["2907"]
    rig.client.login()
    rig.run()
    assert told(rig) == [], "in one session"
    again(rig)
    rig.client.login()
    rig.run()
    assert told(rig) == ["2907"]


def test_login_of_another_port_replaces_the_session(rig: Rig, disk: Disk) -> None:
    client = rig.client
    first = rig.target.session
    assert first
    tag = client.cmd(256, "16")  # RESERVE(6)
    rig.run()
    assert client.answer(tag).status == 0
    assert disk.reserved_by is first.nexus
    tag = client.login(initiator_port_id=OTHER)
    rig.run()
    answer = client.answer(tag)
    assert answer.rsp_flags == srp.LoginRspFlags.MULTICHAN_TERMINATED
    assert answer.req_lim_delta == 128
    assert disk.reserved_by is None
    assert rig.luns.nexuses() == [rig.target.session.nexus]  # type: ignore[union-attr]
    assert first.over


@pytest.mark.parametrize("port", [bytes(16), OTHER])
def test_login_of_the_same_port_goes_on(make: Make, disk: Disk, port: bytes) -> None:
    rig = make(LunMap([(256, disk)]))
    client = rig.login(initiator_port_id=port)
    session = rig.target.session
    assert session
    tag = client.cmd(256, "16")  # RESERVE(6)
    rig.run()
    tag = client.login(initiator_port_id=port)
    rig.run()
    answer = client.answer(tag)
    assert answer.rsp_flags == 0
    assert answer.req_lim_delta == 128
    assert rig.target.session is session
    assert disk.reserved_by is session.nexus
    assert rig.luns.nexuses() == [session.nexus]


def test_client_that_says_who_it_is_after_login(make: Make) -> None:
    rig = make(client=Identity(partition_name="unknown yet"))
    rig.login()
    session = rig.target.session
    assert session
    assert session.nexus.name == "unknown yet"
    adapter_info(rig)
    assert session.nexus.name == PARTITION["partition_name"]


@pytest.mark.parametrize("port", [bytes(16), OTHER])
def test_login_in_a_session_rejected(make: Make, port: bytes) -> None:
    rig = make(settings=Settings(relogin=False))
    client = rig.login()
    session = rig.target.session
    tag = client.login(initiator_port_id=port)
    rig.run()
    answer = client.answer(tag)
    assert isinstance(answer, srp.LoginRej)
    assert answer.reason == LoginRejReason.CHANNEL_LIMIT_REACHED
    assert rig.target.session is session


def test_no_login_mode(make: Make, disk: Disk) -> None:
    """SLOF: INIT, then commands, all with tag 1."""
    rig = make(LunMap([(256, disk)]), Settings(require_login=False))
    client = rig.connect()
    for _ in range(3):
        tag = client.cmd(256, "00", tag=1)
        rig.run()
        assert client.answer(tag).status == 0
    client.login()  # Linux comes after it
    rig.run()
    assert rig.target.state is State.SRP_PROCESSING


@pytest.mark.parametrize(("limit", "granted"), [(1, 2), (2, 2), (100, 100), (100000, 240)])
def test_request_limit(make: Make, limit: int, granted: int) -> None:
    """Never 1, which would stall Linux, and never more than the queue has room for."""
    rig = make(settings=Settings(request_limit=limit))
    client = rig.connect()
    tag = client.login()
    rig.run()
    assert client.answer(tag).req_lim_delta == granted


# What was announced


def test_unit_that_cannot_take_what_was_announced(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The least that is announced is 256 KiB; a unit that takes less is hidden, others lower the rest."""
    small = Disk(Ram(MIB), name="small", max_transfer=0x20000)
    large = Disk(Ram(MIB), name="large", max_transfer=0x80000)
    rig = make(LunMap([(256, small), (512, large)]))
    rig.connect()
    adapter_info(rig)
    assert mad.AdapterInfoData(rig.client.peek(148)).port_max_txu[0] == 0x80000
    client = rig.client
    client.login()
    rig.run()
    rig.attended()
    absent, there = client.cmd(256, "00"), client.cmd(512, "00")
    rig.run()
    assert client.answer(absent).sense[12:14] == b"\x25\x00"
    assert client.answer(there).status == 0
    nexus = rig.target.session.nexus  # type: ignore[union-attr]
    assert small.nexuses() == []
    assert large.nexuses() == [nexus]
    hidden = [text for text in caplog.messages if "hidden" in text]
    assert hidden == [
        "LUN 256 is hidden from lparA: <Disk small> moves 131072 bytes at once, and 524288 were promised"
    ]
    # Without an announcement nothing was promised, and nothing is hidden.
    client.port.free()
    client.port.register()
    client.element(crq.Element.init())
    client.login()
    rig.run()
    rig.attended()
    client.answers.clear()
    tag = client.cmd(256, "00")
    rig.run()
    assert client.answer(tag).status == 0


def test_unit_that_comes_later_is_hidden_until_adapter_info_is_repeated(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make()
    rig.connect()
    adapter_info(rig)
    client = rig.client
    client.login()
    rig.run()
    assert not caplog.records
    late = Disk(Ram(MIB), name="late", max_transfer=0x40000)
    rig.luns.add(256, late)
    assert "<Disk late> moves 262144 bytes at once" in caplog.text
    tag = client.cmd(256, "00")
    rig.run()
    assert client.answer(tag).status == 2
    adapter_info(rig)
    assert mad.AdapterInfoData(client.peek(148)).port_max_txu[0] == 0x40000
    tag = client.cmd(256, "00")
    rig.run()
    assert client.answer(tag).status == 0


def test_larger_transfers_than_announced_are_refused(make: Make, disk: Disk) -> None:
    rig = make(LunMap([(256, disk)]), Settings(max_transfer=0x40000))
    rig.connect()
    adapter_info(rig)
    client = rig.client
    client.login()
    rig.run()
    rig.attended()
    fits, larger = client.read(256, 0, 512), client.read(256, 0, 513)
    rig.run()
    assert client.answer(fits).status == 0
    slot = client.sent[larger]
    assert client.element_of(larger).status == crq.Status.VIOLATES_MAX_XFER
    answer = srp.parse(bytes(client.view[slot : slot + 54]))
    assert answer.status == 2
    assert answer.sense[2] == 5
    assert answer.sense[12:14] == b"\x24\x00"
