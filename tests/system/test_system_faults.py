"""What goes wrong between real partners: death at any moment, lies, floods, media that fail."""

from __future__ import annotations

import errno
import logging
import os
import random
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrity import content
from pysrp import crq, srp
from pysrp.backends import File, Ram
from pysrp.errors import CheckCondition, PartnerGone
from pysrp.initiator.session import WRITE, Device, Session
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings
from system_rig import BLOCK, MIB, Child, Raw, at, code
from waiting import PATIENCE, until

SIZE = MIB
BLOCKS = SIZE // BLOCK
DATA_PHASE_ERROR = 0xB, 0x4B, 0
Start = Callable[..., Child]


def first_disk(session: Session) -> Device:
    (disk,) = session.scan(channels=[0], ids=[1])
    disk.capacity()
    return disk


# kill -9; what becomes of the data is in test_integrity.py.


def test_who_is_left_says_that_the_server_was_killed(
    url: str, tmp_path: Path, child: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """And has all its credits again with the next one, to which goes what was not sent."""
    (tmp_path / "disk").write_bytes(bytes(SIZE))
    server = child("system_server.py", url, tmp_path / "disk")
    assert server.line() == "ready"
    with Session(url, window_size=64 * MIB) as session:
        disk = first_disk(session)
        for life in range(2, 4):
            caplog.clear()
            server.kill()
            with pytest.raises(PartnerGone):
                disk.write(0, bytes(BLOCK))
            assert "virtual adapter failed: transport event" in caplog.text
            assert not session.connected
            unsent = disk.submit_write(life, content(1, life, life))
            server = child("system_server.py", url, tmp_path / "disk")
            assert server.line() == "ready"
            assert not unsent.result().residual
            assert session.engine.logins == life
            assert (session.engine.srp.credits, session.engine.srp.debits) == (128, 0)
            assert disk.read(life) == content(1, life, life)


def test_who_is_left_says_that_a_client_was_killed(
    url: str, tmp_path: Path, child: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pysrp.target")
    luns = LunMap([(256, Disk(Ram(SIZE), "its")), (512, Disk(Ram(SIZE), "mine"))])
    with Server(url, luns) as server, Session(url, window_size=64 * MIB) as other:
        (mine,) = other.scan(channels=[0], ids=[2])
        client = child("system_client.py", url, 1)
        assert client.line() == "ready"
        assert client.line()
        client.kill()
        until(lambda: len(server.adapters()) == 1)
        assert "the client has gone" in caplog.text
        assert not [record for record in caplog.records if record.exc_info]
        mine.write(1, content(1, 1, 1))
        assert mine.read(1) == content(1, 1, 1)
        assert (other.engine.srp.credits, other.engine.srp.debits, other.engine.logins) == (128, 0, 1)


# Raw clients.


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Callable[[], LunMap]]:
    """Makes LUN maps: 256 in a file, 512 in memory."""
    made: list[File] = []

    def luns() -> LunMap:
        made.append(File(tmp_path / f"disk{len(made)}", SIZE))
        return LunMap([(256, Disk(made[-1], f"file{len(made)}")), (512, Disk(Ram(SIZE), f"ram{len(made)}"))])

    yield luns
    for each in made:
        each.close()


@pytest.fixture
def server(url: str, files: Callable[[], LunMap]) -> Iterator[Server]:
    """Every client has disks of its own."""
    with Server(url, lambda who: files(), Settings(request_limit=16)) as server:
        yield server


def read10(lba: int, blocks: int) -> bytes:
    return struct.pack(">BxIxHx", 0x28, lba, blocks)


def write10(lba: int, blocks: int) -> bytes:
    return struct.pack(">BxIxHx", 0x2A, lba, blocks)


def refused(client: Raw, tag: int, expected: tuple[int, int, int] = DATA_PHASE_ERROR) -> Any:
    answer = client.answer(tag)
    assert answer.status == 2
    assert code(bytes(answer.sense)) == expected
    return answer


@pytest.mark.parametrize("lun", [256, 512], ids=["file", "ram"])
def test_a_client_reaches_nothing_of_anothers(server: Server, url: str, lun: int) -> None:
    """Whatever addresses and LUNs it names: it gets its own bytes or an error, and changes its own only."""
    secret = b"the first one's " * 32
    rng = random.Random(7)
    with Raw(url) as first, Raw(url) as second:
        for client in first, second:
            client.enter()
            client.settle(lun)
        first.view[MIB:] = secret * (len(first.view[MIB:]) // len(secret))
        assert first.answer(first.cmd(lun, write10(0, 64), data_out=(first.data(), 64 * BLOCK))).status == 0
        before = bytes(first.view[MIB:])
        second.view[MIB:] = b"2" * len(second.view[MIB:])
        own = range(second.base, second.base + len(second.view) - BLOCK + 1)
        places = [4096 * rng.randrange(2 * second.port.window_size // 4096) for _ in range(150)]
        places += [rng.getrandbits(64) for _ in range(50)]
        places += [second.data(), second.data(1), own[-1], own[-1] + 1, 0, (1 << 64) - 1, (1 << 64) - BLOCK]
        for place in places:
            answer = second.answer(second.cmd(lun, write10(1, 1), data_out=(place, BLOCK)))
            if place in own:
                assert answer.status == 0
            else:
                assert answer.status == 2
                assert code(bytes(answer.sense)) == DATA_PHASE_ERROR
            answer = second.answer(second.cmd(lun, read10(0, 1), data_in=(place, BLOCK)))
            assert (answer.status == 0) == (place in own)
        assert second.answer(second.cmd(lun, read10(0, 64), data_in=(second.data(), 64 * BLOCK))).status == 0
        for end in first, second:
            assert (secret[:16] in bytes(end.view)) == (end is first)
        assert bytes(first.view[MIB:]) == before
        maps = [adapter.target.luns for adapter in server.adapters()]
        assert len(maps) == 2
        assert maps[0] is not maps[1]
        # What was read for nobody is not given to anybody: a room larger than the data keeps its bytes.
        second.view[MIB : MIB + 8192] = b"?" * 8192
        answer = second.answer(second.cmd(lun, bytes.fromhex("120000002400"), data_in=(second.data(), 8192)))
        assert bytes(second.view[MIB + 36 : MIB + 8192]) == b"?" * (8192 - 36)


def table(client: Raw, entries: list[tuple[int, int]], total: int, place: int | None = None) -> bytes:
    """An external table of descriptors, and the descriptor that leads there."""
    raw = b"".join(struct.pack(">QII", address, 0, length) for address, length in entries)
    client.view[512 << 10 : (512 << 10) + len(raw)] = raw
    where = client.base + (512 << 10) if place is None else place
    return struct.pack(">QIII", where, 0, len(raw), total)


def indirect(client: Raw, lun: int, command: bytes, descriptor: bytes) -> int:
    """A command whose only descriptor is that one, all of its table elsewhere."""
    tag = client.tag()
    iu = bytearray(srp.Cmd.build(tag=tag, lun=at(lun), cdb=command.ljust(16, b"\0")))
    iu[5] = 0x20 if command[0] == 0x2A else 0x02
    client.send(bytes(iu) + descriptor)
    return tag


@pytest.mark.parametrize("lun", [256, 512], ids=["file", "ram"])
def test_descriptors_that_lie(server: Server, url: str, lun: int) -> None:
    size = 64 * BLOCK
    with Raw(url) as client:
        client.enter()
        client.settle(lun)
        data = random.Random(8).randbytes(size)
        client.view[MIB : MIB + size] = data
        assert client.answer(client.cmd(lun, write10(0, 64), data_out=(client.data(), size))).status == 0
        pieces = [(client.data(MIB + 8192 * i), 4096) for i in range(8)]
        bad_places = (1 << 40, client.port.window_size - 100, (1 << 64) - 100, client.port.window_size // 2)
        for bad in bad_places:
            for entries in ([*pieces[:3], (bad, 4096), *pieces[3:7]], [(bad, size)]):
                for command in read10(0, 64), write10(0, 64):
                    refused(client, indirect(client, lun, command, table(client, entries, size)))
            answer = client.answer(indirect(client, lun, read10(0, 64), table(client, pieces, size, bad)))
            assert answer.status == 2
            assert code(bytes(answer.sense))[0] in (0x5, 0xB)
        # Entries of more than 4 GiB in all: what is not needed is not touched.
        huge = [*pieces, *[(client.data(), 0xFFFFFFFF)] * 9]
        tag = indirect(client, lun, read10(0, 64), table(client, huge, 0xFFFFFFFF))
        assert client.answer(tag).status == 0
        for i, (address, length) in enumerate(pieces):
            start = address - client.base
            assert bytes(client.view[start : start + length]) == data[4096 * i : 4096 * i + 4096]
        # All over one another, and over the IU itself: the client's own affair.
        overlapping = [(client.data(MIB), 4096)] * 7 + [(client.data(MIB), 4096)]
        assert (
            client.answer(indirect(client, lun, read10(0, 64), table(client, overlapping, size))).status == 0
        )
        assert bytes(client.view[2 * MIB : 2 * MIB + 4096]) == data[-4096:]
        assert client.answer(client.cmd(lun, read10(0, 8), data_in=(client.base, 4096))).status == 0
        # Nothing of all that reached the medium, and no credit is gone.
        tag = client.cmd(lun, read10(0, 64), data_in=(client.data(MIB), size))
        assert client.answer(tag).req_lim_delta == 1
        assert bytes(client.view[2 * MIB : 2 * MIB + size]) == data
        (adapter,) = server.adapters()
        until(lambda: adapter.target.session and adapter.target.session.outstanding == 0)


class Gate(Ram):
    """Memory that lets nobody through until it is opened."""

    blocking = True

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.open = threading.Event()

    def read_into(self, offset: int, view: memoryview) -> None:
        assert self.open.wait(PATIENCE)
        super().read_into(offset, view)


def test_a_flood_beyond_the_credits(url: str) -> None:
    """The client is thrown out, hears of it, may come back; what it had asked for does not come any more."""
    gate = Gate(SIZE)
    luns = LunMap([(256, Disk(gate, "gate")), (512, Disk(Ram(SIZE), "ram"))])
    with Server(url, luns, Settings(request_limit=8)) as server, Session(url) as other, Raw(url) as client:
        (disk,) = other.scan(channels=[0], ids=[2])
        client.enter()
        client.settle(256)
        for _ in range(3):
            for number in range(9):
                client.cmd(256, read10(0, 1), data_in=(client.data(BLOCK * number), BLOCK))
            assert client.event()[1] == crq.TransportEvent.PARTNER_DEREGISTERED
            client.view[MIB : MIB + 9 * BLOCK] = b"?" * 9 * BLOCK
            client.greet()
            assert client.login().req_lim_delta == 8
            disk.write(0, b"undisturbed." * 128)
        gate.open.set()
        assert server.pool.drain(timeout=PATIENCE)
        client.settle(256)
        assert bytes(client.view[MIB : MIB + 9 * BLOCK]) == b"?" * 9 * BLOCK
        # As many as there are credits are no flood, again and again.
        for _ in range(20):
            tags = [client.cmd(512, read10(0, 1), data_in=(client.data(), BLOCK)) for _ in range(8)]
            for tag in tags:
                assert client.answer(tag).req_lim_delta == 1
        assert disk.read(0, 3) == b"undisturbed." * 128
        assert (other.engine.srp.credits, other.engine.logins) == (8, 1)


def test_everything_changes_under_the_target_s_feet(
    server: Server, url: str, child: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """IUs and tables that a hostile process rewrites all the time; another client works on meanwhile."""
    caplog.set_level(logging.WARNING, "pysrp.target")
    rng = random.Random(9)
    with Session(url, window_size=64 * MIB) as session:
        disk = first_disk(session)
        hostile = child("system_hostile.py", url, 1, 3000)
        model = bytearray(SIZE)
        said: list[Any] = []
        listener = threading.Thread(target=lambda: said.append(hostile.line()))
        listener.start()
        while listener.is_alive():
            lba = rng.randrange(BLOCKS - 8)
            data = rng.randbytes(8 * BLOCK)
            disk.write(lba, data)
            model[lba * BLOCK : (lba + 8) * BLOCK] = data
            assert disk.read(lba, 8) == data
        assert disk.read(0, BLOCKS) == model
        assert session.engine.logins == 1
        assert said[0]["kept"]
        assert said[0]["answers"] > 100
        assert said[0]["thrown_out"] > 0
        assert not [record.getMessage() for record in caplog.records if record.exc_info]


# Media that fail.


class Worn(File):
    """A file whose last quarter has errors of one kind."""

    error = errno.EIO

    def read_into(self, offset: int, view: memoryview) -> None:
        self._worn(offset + len(view))
        super().read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        self._worn(offset + len(view))
        super().write_from(offset, view)

    def _worn(self, end: int) -> None:
        if end > self.size * 3 // 4:
            raise OSError(self.error, os.strerror(self.error))


@pytest.mark.parametrize(
    ("error", "on_read", "on_write"),
    [(errno.EIO, (3, 0x11, 0), (3, 0x0C, 0)), (errno.ENOSPC, None, (7, 0x27, 7))],
    ids=["EIO", "ENOSPC"],
)
def test_a_medium_that_fails(
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: int,
    on_read: tuple[int, int, int] | None,
    on_write: tuple[int, int, int],
) -> None:
    """The initiator sees the sense data, once, and everything else goes on."""
    monkeypatch.setattr(Worn, "error", error)
    last = BLOCKS - 8
    with Worn(tmp_path / "disk", SIZE) as worn, Ram(SIZE) as ram:
        luns = LunMap([(256, Disk(worn, "worn")), (512, Disk(ram, "ram"))])
        with Server(url, luns), Session(url, window_size=64 * MIB) as session:
            disk, other = session.scan(channels=[0], ids=[1, 2])
            disk.capacity(), other.capacity()
            flying = [disk.submit_write(lba, bytes(BLOCK)) for lba in range(last - 8, last + 8)]
            fine = [other.submit_write(lba, b"fine" * 128) for lba in range(16)]
            for pending in flying:
                with pytest.raises(CheckCondition) as caught:
                    pending.result()
                assert code(caught.value.sense) == on_write
            assert all(pending.result().status == 0 for pending in fine)
            # A long write that fails in the middle, and the same by a workload.
            with pytest.raises(CheckCondition) as caught:
                disk.write(0, bytes(SIZE))
            assert code(caught.value.sense) == on_write
            work = disk.run(WRITE, [0, last], 8, data=b"12345678" * 1024)
            assert list(work.errors) == [1]
            assert isinstance(work.errors[1], CheckCondition)
            assert code(work.errors[1].sense) == on_write
            if on_read:
                with pytest.raises(CheckCondition) as caught:
                    disk.read(last, 8)
                assert code(caught.value.sense) == on_read
            assert disk.read(0, 8) == b"12345678" * 512
            assert other.read(0, 16) == b"fine" * 128 * 16
            assert (session.engine.srp.credits, session.engine.srp.debits) == (128, 0)


def test_a_file_that_may_not_grow(url: str, tmp_path: Path, child: Start) -> None:
    """The kernel itself refuses: a sparse file behind the process's limit."""
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(SIZE)
    server = child("system_server.py", url, tmp_path / "disk", SIZE // 2)
    assert server.line() == "ready"
    with Session(url, window_size=64 * MIB) as session:
        disk = first_disk(session)
        disk.write(0, b"kept" * 1024)
        with pytest.raises(CheckCondition, match="Space allocation failed write protect") as caught:
            disk.write(BLOCKS - 8, bytes(8 * BLOCK))
        assert code(caught.value.sense) == (7, 0x27, 7)
        assert disk.read(BLOCKS - 8, 8) == bytes(8 * BLOCK)
        assert disk.read(0, 8) == b"kept" * 1024
        disk.flush()
    with Session(url, window_size=64 * MIB) as session:
        assert first_disk(session).read(0, 8) == b"kept" * 1024
