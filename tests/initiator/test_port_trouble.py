"""What a session does when its port refuses: nothing is left under way, and its owner is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import HcallError, PartnerGone
from pysrp.fabric import ReturnCode, connect
from pysrp.initiator.session import Device, Session
from pysrp.initiator.staging import CHUNK
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from waiting import PATIENCE

_names = itertools.count()


@pytest.fixture
def url() -> Iterator[str]:
    with Server(f"local:trouble{next(_names)}", LunMap([(256, Disk(Ram(8 << 20), "a"))])) as server:
        yield server.url


def disk_of(session: Session) -> Device:
    disk = session.scan(channels=[0], ids=[1])[0]
    disk.capacity()
    return disk


LATE: list[Callable[[Session, Device], Any]] = [
    lambda session, disk: session.lun_reset(disk.lun),
    lambda session, disk: disk.submit_read(0, 2 * CHUNK // 512),
    lambda session, disk: ([disk.submit_read(0) for _ in range(2)], session.flush()),
]


@pytest.mark.parametrize("call", LATE, ids=["task management", "a long command", "flush"])
def test_a_queue_that_refuses_elements(url: str, call: Callable[[Session, Device], Any]) -> None:
    with Session(url) as session:
        disk = disk_of(session)
        port: Any = session.port
        port.inject("H_SEND_CRQ", ReturnCode.H_PARAMETER, 1)
        with pytest.raises(HcallError, match="H_PARAMETER"):
            call(session, disk)
        port.inject("H_SEND_CRQ", times=0)
        assert not session._inside
        assert len(disk.read(0)) == 512


def test_a_port_without_memory(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port: Any = connect(url)

    def none(self: object, size: int) -> Any:
        raise MemoryError

    monkeypatch.setattr(type(port), "allocate", none)
    with pytest.raises(MemoryError):
        Session(port)
    monkeypatch.undo()
    with Session(port) as session:
        assert len(disk_of(session).read(0)) == 512
    with pytest.raises(PartnerGone, match="the session is closed"):
        session.connect()
    port.close()


def test_more_data_than_the_session_has_memory_for(url: str) -> None:
    with Session(url, buffers=1, max_transfer=2 * CHUNK) as session:
        disk = disk_of(session)
        with pytest.raises(ValueError, match="this session has memory for"):
            session.submit(disk.lun, bytes(6), data_in_length=2 * CHUNK, data_out=bytes(CHUNK))


def test_a_unit_that_was_asked_again(url: str) -> None:
    """What waited for READ CAPACITY goes on, though the queue refuses it; or a turn was left half way before."""
    with Session(url) as session:
        disk = disk_of(session)
        port: Any = session.port
        waiting = [disk.submit_read(0) for _ in range(2)]
        port.inject("H_SEND_CRQ", ReturnCode.H_PARAMETER, 1)
        with pytest.raises(HcallError, match="H_PARAMETER"):
            session._undoubt(bytes(disk.lun), 512, None)
        port.inject("H_SEND_CRQ", times=0)
        assert [len(each.result().data) for each in waiting] == [512, 512]
        session._inside = True  # as an interrupt leaves it
        session._undoubt(bytes(disk.lun), 512, None)
        assert not session._inside
        session.wait_connected(PATIENCE)
        assert len(disk.read(0)) == 512
