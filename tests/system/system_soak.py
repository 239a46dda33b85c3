"""A client that works for a long time, and says after every round what it has done and how large it is.

    system_soak.py URL ROUNDS FAST SLOW

A round is FAST reads and writes by a workload, and SLOW commands of all kinds one by one. All data is
compared with what it must be.
"""

import json
import random
import sys
from typing import Any

from pysrp.errors import CheckCondition
from pysrp.initiator.requests import Aborted
from pysrp.initiator.session import READ, WRITE, Device, Session
from pysrp.scsi import cdb
from system_rig import BLOCK, MIB, resident

USED = 20000
"""Blocks of each disk that are written."""


class Soak:
    """A session, its disks, and what must be on them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.rng = random.Random(3)
        self.disks: list[Device] = session.scan(channels=[0], ids=[1, 2])
        self.models = [bytearray(self.rng.randbytes(USED * BLOCK)) for _ in self.disks]
        for disk, model in zip(self.disks, self.models, strict=True):
            disk.capacity()
            disk.write(0, model)
        self.done = 0

    def fast(self, count: int) -> None:
        """Reads and writes of one block, each of another one."""
        rng, disk, model = self.rng, self.disks[1], self.models[1]
        for start in range(0, count, USED):
            places = rng.sample(range(USED), min(USED, count - start))
            size = len(places) * BLOCK
            ops = bytes(WRITE if n < 100 else READ for n in rng.randbytes(len(places)))
            data = bytearray(rng.randbytes(size))
            for item, (op, lba) in enumerate(zip(ops, places, strict=True)):
                if op == WRITE:
                    model[lba * BLOCK : (lba + 1) * BLOCK] = data[item * BLOCK : (item + 1) * BLOCK]
            assert disk.run(ops, places, 1, data=data).errors == {}
            for item, lba in enumerate(places):
                assert data[item * BLOCK : (item + 1) * BLOCK] == model[lba * BLOCK : (lba + 1) * BLOCK]
            self.done += len(places)

    def slow(self, count: int) -> None:
        """Everything else."""
        end = self.done + count
        while self.done < end:
            which = self.rng.randrange(2)
            self.done += self.rng.choice(KINDS)(self, self.disks[which], self.models[which])

    def data(self, disk: Device, model: bytearray) -> int:
        """Some at once, of several sizes."""
        rng, flying = self.rng, []
        for place in rng.sample(range(USED // 200), 24):
            lba, blocks = 200 * place, rng.choice((1, 8, 64, 200))
            here = slice(lba * BLOCK, (lba + blocks) * BLOCK)
            if rng.random() < 0.5:
                data = rng.randbytes(blocks * BLOCK)
                model[here] = data
                flying.append((disk.submit_write(lba, data), b""))
            else:
                flying.append((disk.submit_read(lba, blocks), bytes(model[here])))
        for pending, expected in flying:
            assert pending.result().data == expected
        return len(flying)

    def questions(self, disk: Device, model: bytearray) -> int:
        """What has an answer."""
        disk.test_unit_ready()
        disk.inquiry()
        disk.inquiry(0x83)
        disk.capacity()
        disk.execute(cdb.ModeSense10.build(page_code=0x3F, allocation_length=255), data_in_length=255)
        disk.execute(cdb.ReportLuns.build(allocation_length=4096), data_in_length=4096)
        return 6

    def nonsense(self, disk: Device, model: bytearray) -> int:
        """What has none."""
        for command in (bytes([0xC1]) + bytes(5), cdb.Read10.build(lba=1 << 31, transfer_length=1)):
            try:
                disk.execute(command, data_in_length=BLOCK)
            except CheckCondition:
                continue
            raise AssertionError("it was answered")
        return 2

    def flush(self, disk: Device, model: bytearray) -> int:
        """SYNCHRONIZE CACHE."""
        disk.flush()
        return 1

    def aborts(self, disk: Device, model: bytearray) -> int:
        """Reads that are taken back, one by one or all at once."""
        flying = [disk.submit_read(lba) for lba in range(20)]
        for pending in flying[::5]:
            self.session.abort(pending)
        if self.rng.random() < 0.2:
            disk.reset()
        for lba, pending in enumerate(flying):
            self.session.wait(pending)
            if pending.error is None:
                assert pending.outcome().data == model[lba * BLOCK : (lba + 1) * BLOCK]
            else:
                assert isinstance(pending.error, Aborted)
        return 20


KINDS: list[Any] = [Soak.data, Soak.data, Soak.questions, Soak.nonsense, Soak.flush, Soak.aborts]


def main(url: str, rounds: int, fast: int, slow: int) -> None:
    """All rounds."""
    with Session(url, window_size=64 * MIB) as session:
        soak = Soak(session)
        for _ in range(rounds):
            soak.fast(fast)
            soak.slow(slow)
            engine = session.engine
            print(
                json.dumps(
                    {
                        "done": soak.done,
                        "resident": resident(),
                        "credits": engine.srp.credits + engine.srp._owed,
                        "debits": engine.srp.debits,
                        "logins": engine.logins,
                    }
                ),
                flush=True,
            )
            sys.stdin.readline()


main(sys.argv[1], *map(int, sys.argv[2:]))
