"""The server is killed (kill -9) with commands in flight, again and again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pysrp.errors import PartnerGone
from pysrp.initiator.session import WRITE, Session

HERE = Path(__file__).parent
SIZE = 1 << 20


class Process:
    """The server, replaceable."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix:{folder}/s"
        self.path = folder / "disk"
        self.path.write_bytes(bytes(SIZE))
        self.child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.child = subprocess.Popen(
            [sys.executable, str(HERE / "serve_disk.py"), self.url, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """kill -9."""
        if self.child is not None:
            self.child.kill()
            self.child.communicate()
            self.child = None


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    process.start()
    yield process
    process.kill()


def test_every_acknowledged_write_is_kept(process: Process) -> None:
    rng = random.Random(11)
    with Session(process.url, window_size=64 << 20) as session:
        (disk,) = session.scan(channels=[0], ids=[1])
        disk.capacity()
        for life in range(4):
            data = {lba: os.urandom(512) for lba in rng.sample(range(SIZE // 512), 100)}
            flying = {lba: disk.submit_write(lba, block) for lba, block in data.items()}
            for pending in list(flying.values())[: rng.randrange(100)]:
                session.wait(pending)
            process.kill()
            for pending in flying.values():
                session.wait(pending)
                assert pending.error is None or isinstance(pending.error, PartnerGone)
            process.start()
            session.wait_connected()
            assert session.engine.logins == life + 2
            assert (session.engine.srp.credits, session.engine.srp.debits) == (128, 0)
            assert len(session.staging.chunks) == session.staging.all_chunks
            for lba, pending in flying.items():
                if pending.error is None:
                    assert disk.read(lba) == data[lba]


def test_a_workload_survives(process: Process) -> None:
    content = os.urandom(SIZE)
    with Session(process.url, window_size=64 << 20, replay=True) as session:
        (disk,) = session.scan(channels=[0], ids=[1])
        half = SIZE // 1024
        assert disk.run(WRITE, range(half), 1, data=content[: SIZE // 2]).errors == {}
        process.kill()
        process.start()
        assert disk.run(WRITE, range(half, 2 * half), 1, data=content[SIZE // 2 :]).errors == {}
        assert session.engine.logins == 2
        assert disk.read(0, 2 * half) == content
