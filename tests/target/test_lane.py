"""The short way of reads and writes: it must not be told from the long one."""

from __future__ import annotations

import random
import selectors
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lane_rig import BLOCKS, commands, lane, send, went_short
from pysrp import crq, mad, srp
from pysrp.backends import Ram
from pysrp.fabric import ReturnCode
from pysrp.lun import scst_pack
from pysrp.mad import OsType
from pysrp.srp import TaskAttribute, TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import Settings
from pysrp.vscsi.server_states import State
from target_rig import MIB, Rig

Make = Callable[..., Rig]


# What goes there, and what does not


def test_plain_reads_and_writes(rig: Rig, disk: Disk) -> None:
    client = rig.client
    data = random.Random(1).randbytes(4096)
    tags = []
    assert went_short(rig, lambda: tags.append(client.write(256, 8, data)))
    assert disk.backend.memory()[8 * 512 : 16 * 512] == data
    assert went_short(rig, lambda: tags.append(client.read(256, 8, 8, offset=8192)))
    assert client.peek(4096, 8192) == data
    for tag in tags:
        answer = client.answer(tag)
        assert (answer.status, answer.flags, answer.req_lim_delta) == (0, 0, 1)
        assert len(bytes(answer)) == 36


@pytest.mark.parametrize(
    ("cdb", "short"),
    [
        ("28 00 00000001 00 0001 00", True),
        ("28 10 00000001 00 0001 00", True),  # DPO: a hint
        ("08 00 0001 01 00", True),
        ("08 e0 0001 01 00", True),  # the LUN of SCSI-2
        ("88 00 0000000000000001 00000001 00 00", True),
        ("a8 00 00000001 00000001 00 00", True),
        ("28 20 00000001 00 0001 00", False),  # RDPROTECT
        ("a8 80 00000001 00000001 00 00", False),
        ("88 e0 0000000000000001 00000001 00 00", False),
        ("28 08 00000001 00 0001 00", True),  # FUA: memory is the medium
        ("28 00 00000001 00 0001 04", False),  # NACA
        ("28 00 00000001 01 0001 00", False),  # a group number
        ("28 00 00000001 00 0000 00", False),  # no blocks
        ("28 00 00002000 00 0001 00", False),  # past the end
        ("28 00 ffffffff 00 0001 00", False),
        ("88 00 ffffffffffffffff 00000001 00 00", False),
        ("2f 00 00000001 00 0001 00", False),  # VERIFY
    ],
)
def test_cdbs(rig: Rig, cdb: str, short: bool) -> None:
    client = rig.client
    assert went_short(rig, lambda: client.cmd(256, cdb, data_in=(client.data(), 512))) is short


@pytest.mark.parametrize(
    ("fields", "short"),
    [
        ({}, True),
        ({"sol_not": 6}, True),
        ({"data_in_desc_cnt": 1}, True),
        ({"task_attr": TaskAttribute.ORDERED}, False),
        ({"task_attr": TaskAttribute.HEAD_OF_QUEUE}, False),
        ({"task_attr": TaskAttribute.ACA}, False),
    ],
)
def test_fields(rig: Rig, fields: dict[str, int], short: bool) -> None:
    assert went_short(rig, lambda: rig.client.read(256, 0, 1, **fields)) is short


def test_descriptors(rig: Rig) -> None:
    client = rig.client
    at = client.data()
    for where, short in (
        ([(at, 100), (at + 4096, 412)], True),
        ([(at, 0), (at, 512), (at, 0)], True),
        ([(at, 256), (at, 256)], True),  # overlapping
        ([(at, 100), (at + 4096, 411)], False),  # too little
        ([(at, 100), (at + 4096, 413)], False),  # too much
        ([(at, 100), (1 << 40, 412)], False),
        ((at, 511), False),
        ((at, 513), False),
        ((1 << 40, 512), False),
        ((2**64 - 256, 512), False),
    ):
        assert went_short(rig, lambda where=where: client.read(256, 0, 1, data_in=where)) is short, where


def test_unit_attention_comes_first(rig: Rig, disk: Disk) -> None:
    client = rig.client
    disk.attention(0x2A, 0x09)
    tag = client.read(256, 0, 1)
    rig.run()
    assert client.answer(tag).sense[12:14] == b"\x2a\x09"
    assert went_short(rig, lambda: client.read(256, 0, 1))


def test_reservations(make: Make, disk: Disk) -> None:
    one, other = make(LunMap([(256, disk)])), make(LunMap([(256, disk)]))
    for rig in (one, other):
        rig.login()
    reserve = one.client.cmd(256, "16")
    one.run()
    assert one.client.answer(reserve).status == 0
    assert went_short(one, lambda: one.client.read(256, 0, 1))
    assert not went_short(other, lambda: other.client.read(256, 0, 1))
    assert other.client.port.poll() == []
    tag = other.client.read(256, 0, 1)
    other.run()
    assert other.client.answer(tag).status == 0x18
    one.client.cmd(256, "17")
    one.run()
    assert went_short(other, lambda: other.client.read(256, 0, 1))


def test_protected_disks(make: Make) -> None:
    plain, protected, through = (
        Disk(Ram(MIB)),
        Disk(Ram(MIB), read_only=True),
        Disk(Ram(MIB), write_through=True),
    )
    luns = LunMap([(256, plain), (512, protected), (768, through)])
    luns.add(1024, plain, read_only=True)
    rig = make(luns)
    client = rig.login()
    for lun, writes in ((256, True), (512, False), (768, True), (1024, False)):
        assert went_short(rig, lambda lun=lun: client.read(lun, 0, 1))
        assert went_short(rig, lambda lun=lun: client.write(lun, 0, bytes(512))) is writes


class Flushed(Ram):
    """What is written has to be flushed, whatever is said of its like."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def test_memory_that_is_not_the_medium(make: Make) -> None:
    """The lane copies, and does not know how to flush: by class, and by a function in front of it."""
    backends = [Flushed(MIB), Ram(MIB)]
    rig = make(LunMap([(256 * (at + 1), Disk(each)) for at, each in enumerate(backends)]))
    client, flushed = rig.login(), []
    fua, flush, verify = "2a08 00000000 00 0001 00", "35 00 00000000 00 0000 00", "2f 00 00000000 00 0001 00"
    for lun, short in (256, False), (512, True):
        assert went_short(rig, lambda lun=lun: client.write(lun, 0, bytes(512)))
        assert went_short(rig, lambda lun=lun: client.cmd(lun, fua, data_out=(client.data(), 512))) is short
        for cdb in flush, verify:
            assert went_short(rig, lambda lun=lun, cdb=cdb: client.cmd(lun, cdb)) is short
    assert isinstance(backends[0], Flushed)
    assert backends[0].flushes == 2
    backends[1].flush = lambda: flushed.append(1)  # type: ignore[method-assign]
    went_short(rig, lambda: client.read(512, 0, 1))  # this one finds that the grant is another one
    assert went_short(rig, lambda: client.read(512, 0, 1))
    for cdb in flush, verify:
        assert not went_short(rig, lambda cdb=cdb: client.cmd(512, cdb))
    assert flushed == [1]


def test_map_that_changes(rig: Rig, disk: Disk) -> None:
    client = rig.client
    other = Disk(Ram(MIB), name="other")
    other.backend.write_from(0, memoryview(b"o" * 512))
    assert went_short(rig, lambda: client.read(256, 0, 1))
    rig.luns.replace(256, other, attention=False)
    assert went_short(rig, lambda: client.read(256, 0, 1))
    assert client.peek(512) == b"o" * 512
    rig.luns.remove(256)
    assert not went_short(rig, lambda: client.read(256, 0, 1))


def test_backends_that_are_not_what_they_seem(make: Make) -> None:
    class Odd(Ram):
        def read_into(self, offset: int, view: memoryview) -> None:
            raise OSError(5, "as a fault test does it")

    rig = make(LunMap([(256, Disk(Odd(MIB)))]))
    client = rig.login()
    tag = client.read(256, 0, 1)
    rig.run()
    assert client.answer(tag).sense[2] == 3
    assert not lane(rig).total


def test_closed_backend(rig: Rig, disk: Disk) -> None:
    disk.backend.close()
    tag = rig.client.read(256, 0, 1)
    rig.run()
    assert rig.client.answer(tag).status == 2


# In order


def test_what_is_special_keeps_its_place(rig: Rig) -> None:
    client = rig.client
    expected = []
    for at in range(300):
        kind = at % 5
        if kind == 4:
            expected.append(client.cmd(256, "00"))
        elif kind == 3:
            expected.append(client.manage(256, TskMgmtFunc.ABORT_TASK, 1))
        elif kind == 2:
            expected.append(client.write(256, 0, bytes([at & 255]) * 512, offset=512 * (at % 100)))
        else:
            expected.append(client.read(256, 0, 1, offset=MIB + 512 * at))
        if at % 50 == 49:
            rig.run()
    rig.run()
    assert sorted(int.from_bytes(raw[8:], "big") for raw in client.answers) == expected
    last = b"\0"
    for at in range(300):
        if at % 5 == 2:
            last = bytes([at & 255])
        elif at % 5 < 2:
            assert client.peek(512, MIB + 512 * at) == last * 512


def test_second_login_between_reads(rig: Rig) -> None:
    client = rig.client
    first, login, second = client.read(256, 0, 1), client.login(), client.read(256, 1, 1)
    rig.run()
    assert [raw[8:] for raw in client.answers] == [each.to_bytes(8, "big") for each in (first, login, second)]


def test_reads_behind_a_logout_are_violations(rig: Rig) -> None:
    client = rig.client
    client.iu(bytes(srp.ILogout.build(tag=5)))
    client.read(256, 0, 1)
    client.read(256, 0, 1)
    rig.run()
    assert rig.reconnected()
    assert lane(rig).total == 0


def test_flood(make: Make, disk: Disk) -> None:
    rig = make(LunMap([(256, disk)]), Settings(request_limit=20))
    client = rig.login()
    for _ in range(20):
        client.read(256, 0, 1)
    rig.run()
    assert len(client.answers) == 20
    assert rig.target.session
    for at in range(21):
        if at % 3:
            client.read(256, 0, 1)
        else:
            client.cmd(256, "00")
    rig.run()
    assert rig.target.state is State.WAIT_CONNECTION


# What goes wrong on the way


def test_full_client_queue(rig: Rig) -> None:
    client = rig.client
    tags = [client.read(256, 0, 1) for _ in range(40)]
    rig.server.inject("H_SEND_CRQ", ReturnCode.H_DROPPED, 1)
    rig.run()  # faults are the engine's
    rig.run(0.01)
    for tag in tags:
        client.answer(tag)


def test_really_full_client_queue(rig: Rig) -> None:
    client, session = rig.client, rig.target.session
    assert session
    given = 0
    tags: list[int] = []
    for _ in range(3):
        tags += [client.read(256, 0, 1) for _ in range(100)]
        rig.target.process(rig.now)
    assert rig.target.session is session
    assert session.outstanding
    assert len(client.port.poll(1000)) == 256
    for _ in range(5):
        rig.target.process(rig.now + 2)
    assert session.outstanding == 0
    client.answers.extend(client.port.poll(1000))
    assert len(client.answers) == 300 - 256
    for raw in client.answers:
        slot = client.sent[int.from_bytes(raw[8:], "big")]
        given += srp.Rsp(bytes(client.view[slot : slot + 36])).req_lim_delta
    assert given == 44


def test_client_gone_when_sending(rig: Rig) -> None:
    client = rig.client
    for _ in range(10):
        client.read(256, 0, 1)
    client.port.free()
    rig.run()
    assert rig.target.state is State.WAIT_CONNECTION
    assert rig.target.session is None


def test_event_behind_a_violation(rig: Rig) -> None:
    """The lane holds what comes after the offence: the new connection must not be closed for the old one's."""
    client = rig.client
    for _ in range(3):
        client.read(256, 0, 1)
    client.iu(b"\x04" + bytes(63))
    client.port.free()
    client.port.register()
    client.element(crq.Element.init())
    rig.run()
    assert rig.target.state is State.CONNECTED


def test_elements_of_an_old_connection(rig: Rig) -> None:
    client = rig.client
    client.iu(b"\x04" + bytes(63))
    for _ in range(30):
        client.read(256, 0, 1)
    rig.run()
    assert rig.reconnected()
    assert rig.target.state is State.WAIT_CONNECTION


def test_no_views_are_left_behind(make: Make) -> None:
    backend = Ram(MIB)
    rig = make(LunMap([(256, Disk(backend))]))
    client = rig.login()
    client.read(256, 0, 1)
    rig.run()
    assert lane(rig).total == 1
    rig.target.remove()
    rig.luns.clear()
    backend.close()
    assert backend._map.closed


def test_watched_by_its_descriptor(rig: Rig) -> None:
    """As asyncio does it: signals on, poll once, then only when the descriptor is readable."""
    client = rig.client
    rig.server.signal(True)
    rig.run()
    with selectors.DefaultSelector() as selector:
        selector.register(rig.server, selectors.EVENT_READ)
        for turn in range(5):
            assert not selector.select(0)
            tag = client.read(256, turn, 1)
            assert selector.select(20)
            rig.run()
            assert client.answer(tag).status == 0


# Both ways, side by side


@given(st.lists(st.lists(commands, min_size=1, max_size=8), min_size=1, max_size=4), st.booleans())
def test_both_ways_give_the_same(batches: list[list[dict[str, Any]]], linux: bool) -> None:
    rigs = []
    try:
        for fast in (True, False):
            luns = LunMap(
                [
                    (256, Disk(Ram(BLOCKS * 512), name="a")),
                    (512, Disk(Ram(BLOCKS * 512), name="b", read_only=True)),
                ]
            )
            rig = Rig(luns, Settings(max_transfer=1 << 20), fast=fast, window_size=16 * MIB)
            rigs.append(rig)
            rig.login(tag=99)
            if linux:
                rig.client.poke(bytes(mad.AdapterInfoData.build(os_type=OsType.LINUX)))
                rig.client.mad(mad.AdapterInfo.build(tag=98, buffer=rig.client.data()))
                rig.run()
            rig.client.poke(random.Random(7).randbytes(1 << 18))
        tag = 1
        for batch in batches:
            for fields in batch:
                for rig in rigs:
                    send(rig, fields, tag)
                tag += 1
            for rig in rigs:
                rig.run()
            short, long = (list(rig.client.answers) for rig in rigs)
            assert short == long
            short, long = (bytes(rig.client.view) for rig in rigs)  # type: ignore[assignment]
            assert short == long
            short, long = (  # type: ignore[assignment]
                [bytes(export.unit.backend.memory()) for export in rig.luns]  # type: ignore[attr-defined]
                for rig in rigs
            )
            assert short == long
            assert rigs[1].target.queue.lane is None
    finally:
        for rig in rigs:
            rig.close()


def test_lun_table_is_scst_s(rig: Rig) -> None:
    client = rig.client
    for method in ("LUN", "FLAT", "PERIPHERAL"):
        where = bytes(scst_pack(256, method))
        assert went_short(
            rig,
            lambda where=where: client.cmd(where, "28 00 00000000 00 0001 00", data_in=(client.data(), 512)),
        )
