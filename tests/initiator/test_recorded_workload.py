"""A recorder beside the initiator's native lane: what is on record is the same whichever way commands went."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from pysrp._fast.crq_client_link import TapClientLink

from pysrp import fabric, srp
from pysrp.backends import Ram
from pysrp.fabric.recorder import Recorder
from pysrp.initiator import READ, WRITE, Device, Session
from pysrp.target import Disk, LunMap, Server

MIB = 1 << 20
COUNT, DEPTH = 60, 8


class PlainRecorder(Recorder):
    """One that C code does not know."""

    def native_client(self, tap: Any = None) -> None:
        return None


@pytest.fixture
def url() -> Iterator[str]:
    """A server with one disk."""
    address = f"local:{uuid4()}"
    with Server(address, LunMap([(256, Disk(Ram(MIB)))])):
        yield address


@contextlib.contextmanager
def recorded(
    url: str, file: Any, kind: type[Recorder] = Recorder, **options: Any
) -> Iterator[tuple[Session, Device]]:
    with kind(fabric.connect(url), file, **options) as port, Session(port) as session:
        (device,) = session.scan()
        yield session, device


def work(device: Device) -> tuple[bytes, list[int]]:
    """Reads and writes of one to eight blocks: the data that came, the statuses."""
    chance = random.Random(3)
    ops = bytes(chance.choice((READ, WRITE)) for _ in range(COUNT))
    blocks = [chance.randrange(1, 9) for _ in ops]
    data = bytearray(chance.randbytes(512 * sum(blocks)))
    # Each in a place of its own: which is first does not matter.
    done = device.run(ops, range(0, 16 * COUNT, 16), blocks, depth=DEPTH, data=data)
    assert not done.errors
    return bytes(data), list(done.status)


def requests(records: list[dict[str, Any]]) -> list[list[tuple[Any, ...]]]:
    """Of each command what stands on record of it, without tags and addresses."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for each in records:
        data = bytes.fromhex(each["hex"])
        if each["what"] == "iu":
            unit: Any = srp.parse(data) if data[0] in (srp.Opcode.CMD, srp.Opcode.RSP) else None
            data = bytes(unit.cdb) if isinstance(unit, srp.Cmd) else data[16:20]
        elif each["what"] == "crq":
            data = data[:2]
        if each["txn"] is not None:
            found.setdefault(each["txn"], []).append((each["dir"], each["what"], each["len"], data))
    moved = [
        each for each in found.values() if any(b"\x28" == one[3][:1] or b"\x2a" == one[3][:1] for one in each)
    ]
    return sorted(moved)


def test_the_same_is_on_record() -> None:
    records, results = [], []
    for kind in (Recorder, PlainRecorder):
        file = io.StringIO()
        url = f"local:{uuid4()}"
        with Server(url, LunMap([(256, Disk(Ram(MIB)))])), recorded(url, file, kind) as (session, device):
            assert (session.port.native_client() is None) == (kind is PlainRecorder)
            results.append(work(device))
        records.append([json.loads(line) for line in file.getvalue().splitlines()])
    assert results[0] == results[1]
    assert len(requests(records[0])) == COUNT
    assert requests(records[0]) == requests(records[1])
    for each in records:
        assert [one["seq"] for one in each] == [*range(1, len(each) + 1)]


class Full(io.StringIO):
    """A file that has room until it is told otherwise, and then for so many writes."""

    room: int | None = None

    def write(self, text: str) -> int:
        if self.room is not None:
            if not self.room:
                raise OSError(28, "No space left on device")
            self.room -= 1
        return super().write(text)


@pytest.mark.parametrize("room", [0, 1, 2, 3, 100])
def test_a_file_that_is_full_ends_the_run(url: str, room: int) -> None:
    file = Full()
    with contextlib.suppress(OSError), recorded(url, file) as (_, device):
        file.room = room
        with pytest.raises(OSError, match="No space left"):
            work(device)
        file.room = None
        work(device)  # a session goes on


def test_the_last_answer_that_cannot_be_written_ends_the_run(url: str) -> None:
    file = Full()
    with recorded(url, file) as (session, device):
        device.run(READ, [0], 1)  # it asks for the capacity first
        before = len(file.getvalue().splitlines())
        device.run(READ, [0], 1)
        file.room = len(file.getvalue().splitlines()) - before - 1
        with pytest.raises(OSError, match="No space left"):
            device.run(READ, [0], 1)
        file.room = None
        session.wait_connected()
        device.run(READ, [0], 1)


def test_a_file_that_is_full_is_told_and_the_run_goes_on(url: str) -> None:
    file, told = Full(), list[OSError]()
    with recorded(url, file, failed=told.append) as (_, device):
        file.room = 5
        work(device)
        assert len(told) == 1


def test_a_recorder_of_a_recorder(url: str) -> None:
    inner, outer = io.StringIO(), io.StringIO()
    with (
        Recorder(Recorder(fabric.connect(url), inner), outer) as port,
        Session(port) as session,
    ):
        work(session.scan()[0])
    both = [[json.loads(line) for line in each.getvalue().splitlines()] for each in (inner, outer)]
    assert requests(both[0]) == requests(both[1])
    assert len(requests(both[0])) == COUNT


def test_what_a_tap_raises_is_raised_once(url: str) -> None:
    def tap(what: str, element: bytes) -> None:
        raise KeyboardInterrupt

    with fabric.connect(url) as port, Session(port) as session:
        (device,) = session.scan()
        device.run(READ, [0], 1)
        made: list[TapClientLink] = []
        native: Callable[..., TapClientLink] = port.native_client
        session.port = Watched(port, lambda: made.append(native(tap)) or made[0])  # type: ignore[func-returns-value]
        with pytest.raises(TimeoutError):
            device.run(READ, [0], 1, timeout=0.05)
        with pytest.raises(KeyboardInterrupt):
            made[0].tell()
        made[0].tell()


class Watched:
    """A port whose link is another."""

    def __init__(self, port: fabric.Port, native_client: Callable[[], Any]) -> None:
        self._port, self.native_client = port, native_client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)
