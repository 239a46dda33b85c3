"""A server's port that does several things in one call: IUs come together, answers go with the elements that tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from gathering import Gathering
from pysrp import crq
from pysrp.backends import Ram
from pysrp.fabric import Memory, ReturnCode
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from target_rig import BLOCK, MIB, Client, Rig

DISK = 256


@pytest.fixture
def rig() -> Iterator[Rig]:
    ram = Ram(MIB)
    ram.write_from(0, memoryview(bytes(range(256)) * 64))
    rig = Rig(LunMap([(DISK, Disk(ram, "disk"))]), wrap=Gathering)
    yield rig
    rig.close()


@pytest.fixture
def client(rig: Rig) -> Client:
    client = rig.login()
    rig.server.calls.clear()
    return client


def reads(client: Client, count: int) -> list[int]:
    return [client.read(DISK, at, 1, at * BLOCK) for at in range(count)]


def good(client: Client, tag: int) -> bool:
    answer = client.answer(tag)
    return bool(answer.status == 0 and answer.req_lim_delta == 1)


def test_several_commands(rig: Rig, client: Client) -> None:
    """Two calls: one for all IUs, one for all answers and the elements that tell of them."""
    tags = reads(client, 8)
    rig.run()
    assert rig.server.calls == [(8, 0), (8, 8)]
    assert all(good(client, tag) for tag in tags)
    assert client.peek(8 * BLOCK) == (bytes(range(256)) * 64)[: 8 * BLOCK]


def test_one_command(rig: Rig, client: Client) -> None:
    """Its IU is copied as ever."""
    tag = client.write(DISK, 4, b"w" * BLOCK)
    rig.run()
    assert rig.server.calls == [(1, 1)]
    assert good(client, tag)


def test_scattered_data(rig: Rig, client: Client) -> None:
    """Its segments are copied together too; one that leads nowhere is told as ever."""
    places = [(client.data(at), BLOCK) for at in (4096, 0, 9000)]
    tag = client.cmd(DISK, bytes.fromhex("28000000000000000300"), data_in=places)
    rig.run()
    assert rig.server.calls == [(3, 0), (1, 1)]
    assert good(client, tag)
    expected = bytes(range(256)) * 6
    assert [client.peek(BLOCK, at) for at in (4096, 0, 9000)] == [
        expected[at : at + BLOCK] for at in (0, BLOCK, 2 * BLOCK)
    ]
    tag = client.cmd(DISK, bytes.fromhex("2A000000000000000300"), data_out=places)
    rig.run()
    assert good(client, tag)
    places[1] = (1 << 40, BLOCK)
    tag = client.cmd(DISK, bytes.fromhex("28000000000000000300"), data_in=places)
    rig.run()
    assert client.answer(tag).status == 2


def test_an_iu_that_cannot_be_fetched(rig: Rig, client: Client) -> None:
    """What follows it has not been fetched either, and the connection begins anew."""
    first = client.read(DISK, 0, 1)
    client.element(crq.Element.build(valid=0x80, format=1, IU_length=64, IU_data_ptr=1 << 40))
    client.read(DISK, 0, 1)
    rig.run()
    assert good(client, first)
    assert rig.reconnected()


@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_answer_that_cannot_be_written(rig: Rig, client: Client, which: int) -> None:
    """Its element says so, those before and behind it are written, and the next answer brings its credit."""
    tags = [client.cmd(DISK, bytes(6)) for _ in range(3)]
    fetched: list[int] = []
    ours: Any = rig.server
    copy_out = ours.copy_out

    def refuse(local: Memory, remote: int, offset: int = 0, length: int | None = None) -> None:
        if remote == client.base + client.sent[tags[which]]:
            fetched.append(remote)
            ours.port.copy_out(local, 1 << 40, offset, length)
        copy_out(local, remote, offset, length)

    ours.copy_out = refuse
    rig.run()
    ours.copy_out = copy_out
    assert len(fetched) == 2  # with the others, and by itself to be told why
    for at, tag in enumerate(tags):
        if at == which:
            element = client.element_of(tag)
            assert (element.status, element.IU_length) == (crq.Status.NONRECOVERABLE_ERR, 0)
        else:
            assert good(client, tag)
    tag = client.cmd(DISK, bytes(6))
    rig.run()
    assert client.answer(tag).req_lim_delta == 2


def test_one_that_could_not_be_written_at_first(rig: Rig, client: Client) -> None:
    rig.server.port.inject("H_COPY_RDMA", ReturnCode.H_PERMISSION, 1)
    tags = [client.cmd(DISK, bytes(6)) for _ in range(3)]  # their IUs are fetched one by one then
    rig.run()
    assert all(good(client, tag) for tag in tags)


def test_the_client_s_queue_is_full(rig: Rig, client: Client) -> None:
    """The answers are written, and their elements go later."""
    rig.server.port.inject("H_SEND_CRQ", ReturnCode.H_DROPPED, 1)
    tags = reads(client, 4)
    rig.run()
    assert not client.answers
    assert rig.target.queue.backlog
    assert not rig.target.queue.unwritten
    rig.run(1)
    assert all(good(client, tag) for tag in tags)


def test_a_client_that_goes_before_its_answers_do(rig: Rig, client: Client) -> None:
    reads(client, 4)
    rig.server.port.inject("H_SEND_CRQ", ReturnCode.H_CLOSED, 1)
    rig.run()
    assert not rig.target.queue.out
    assert not rig.target.queue.unwritten
