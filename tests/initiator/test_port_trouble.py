"""What a session does when its port refuses: nothing is left under way, and its owner is told."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import HcallError, PartnerGone
from pysrp.fabric import ReturnCode, connect
from pysrp.initiator.session import Device, Session, TimedOut
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

    def none(size: int) -> Any:
        raise MemoryError

    monkeypatch.setattr(
        port, "allocate", none
    )  # not of its class: the server's own port may be made just now
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


def test_what_ended_with_a_command_that_cannot_be_tried_again(url: str) -> None:
    """The queue refuses the second try of one: those whose answers came with its own have ended all the same."""
    with Session(url) as session, Session(url) as other:
        disk = disk_of(session)
        other.lun_reset(disk.lun)  # the next command here is told
        first = session.submit(disk.lun, bytes(6), retries=1)
        second = session.submit(disk.lun, bytes(6))
        session.flush()
        port: Any = session.port
        came: list[bytes] = []
        while len(came) < 2:
            assert port.wait(PATIENCE)
            came += port.poll()
        port.inject("H_SEND_CRQ", ReturnCode.H_PARAMETER, 1)
        with pytest.raises(HcallError, match="H_PARAMETER"):
            session._turn(came)
        port.inject("H_SEND_CRQ", times=0)
        session.complete(second)
        session.complete(first)
        assert (first.status, first.retries, second.status) == (0, 0, 0)


class Held(Ram):
    """Bytes that are read when somebody says so."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.blocking = True
        self.go = threading.Event()

    def memory(self) -> Any:
        return None

    def read_into(self, offset: int, view: memoryview) -> None:
        assert self.go.wait(PATIENCE)
        super().read_into(offset, view)


def test_no_data_memory_for_as_long_as_a_command_may_take() -> None:
    """It ends when its time is over, as one does that waits for a credit; what it waited for goes on."""
    held = Held(8 << 20)
    with (
        Server(f"local:held{next(_names)}", LunMap([(256, Disk(held, "a"))])) as server,
        Session(server.url, buffers=1, max_transfer=CHUNK) as session,
    ):
        disk = disk_of(session)
        first = disk.submit_read(0, CHUNK // 512)
        read = bytes.fromhex("28000000000000000100")
        late, patient = (
            session.submit(disk.lun, read, data_in_length=512, timeout=limit) for limit in (0.05, PATIENCE)
        )
        with pytest.raises(
            TimedOut, match=r"not sent within 0\.05 s: others have all of the session's data memory"
        ):
            late.result()
        assert not first.done
        assert not patient.done
        held.go.set()
        assert [len(each.result().data) for each in (first, patient)] == [CHUNK, 512]
