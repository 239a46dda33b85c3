"""A medium in C with a thread of its own behind the real server: it wakes loops that sleep, without the interpreter's lock."""

from __future__ import annotations

import gc
import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from media_in_c import MediumInC
from media_rig import TestLoop
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.media.file import FileMedium
from pysrp.scsi import cdb
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Medium
from pysrp.target.serve import Server
from waiting import PATIENCE, until

LUN = bytes(scst_pack(256, "LUN"))
BLOCKS, PART = 512, 64
"""Blocks of the disk, and those of one client."""

_names = itertools.count()


@pytest.fixture
def medium() -> Iterator[MediumInC]:
    made = MediumInC(BLOCKS * 512)
    yield made
    made.set()

    def closed() -> bool:
        made.channel(TestLoop()).retire()  # and what could not be closed before
        gc.collect()
        return not made.channels

    until(closed)
    made.close()


def client(server: Server, number: int, rounds: int, wrong: list[str]) -> None:
    """Write and read in a part of the disk that is its own, by the short way."""
    choose, base = random.Random(number), number * PART
    there = bytearray(PART * 512)
    with Session(server.url) as session:
        while session.execute(LUN, cdb.TestUnitReady.build(), check=False).status:
            pass
        session.execute(LUN, cdb.Write10.build(lba=base, transfer_length=PART), data_out=bytes(there))
        for _ in range(rounds):
            at, count = choose.randrange(PART), choose.randint(1, 16)
            count = min(count, PART - at)
            if choose.random() < 0.5:
                data = choose.randbytes(count * 512)
                there[at * 512 : (at + count) * 512] = data
                session.execute(LUN, cdb.Write10.build(lba=base + at, transfer_length=count), data_out=data)
            else:
                read = cdb.Read10.build(lba=base + at, transfer_length=count)
                found = session.execute(LUN, read, data_in_length=count * 512).data
                if bytes(found) != there[at * 512 : (at + count) * 512]:
                    wrong.append(f"client {number}: {count} blocks at {at}")
        lanes = [each.target.queue.lane for each in server.adapters()]  # while this client is there
        if not any(lane.total for lane in lanes if lane is not None):
            wrong.append(f"client {number}: nobody has taken the short way")


@pytest.mark.parametrize("kind", ["in C", "file", "file, io_uring"])
@pytest.mark.parametrize("scheme", ["local", "unix"])
def test_clients_side_by_side(medium: Medium, scheme: str, kind: str, tmp_path: Path) -> None:
    url = f"local:media{next(_names)}" if scheme == "local" else f"unix:{tmp_path}/socket"
    if kind != "in C":
        medium = FileMedium(tmp_path / "disk", BLOCKS * 512, uring=kind != "file")
    wrong: list[str] = []
    with Server(url, LunMap([(256, Disk(medium, "in C"))])) as server:
        threads = [threading.Thread(target=client, args=(server, number, 100, wrong)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    if isinstance(medium, FileMedium):
        medium.close()
    assert not wrong


def test_a_server_that_stops_while_a_medium_hangs(medium: MediumInC) -> None:
    """What was written is waited for as long as it may take; then it runs on, in memory that is nobody else's."""
    url = f"local:media{next(_names)}"
    server = Server(url, LunMap([(256, Disk(medium, "in C"))]))
    session = Session(url)
    session.connect()
    while session.execute(LUN, cdb.TestUnitReady.build(), check=False).status:
        pass
    session.execute(LUN, cdb.Write10.build(lba=0, transfer_length=1), data_out=bytes(512))
    medium.set(hung=True)
    (adapter,) = server.adapters()
    writes = threading.Thread(target=write, args=(session,))
    writes.start()
    until(lambda: adapter.target.queue.lane.under_way)
    server.stop(0.1)
    session.close()
    writes.join(PATIENCE)
    assert len(medium.stragglers) == 1
    medium.set()
    until(lambda: not len(medium.stragglers))
    assert medium.content[:512] == b"w" * 512


def write(session: Session) -> None:
    try:
        session.execute(LUN, cdb.Write10.build(lba=0, transfer_length=1), data_out=b"w" * 512)
    except Exception:  # whatever a client is told of a server that goes away
        return
