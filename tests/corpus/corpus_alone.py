"""Sequences with commands that are alone with their blocks, for corpus_target.py."""

from __future__ import annotations

import struct
from random import Random

from corpus_target_machine import HAND, Machine
from pysrp.srp import TskMgmtFunc

OLD = Random(1).randbytes(64 << 10)
"""What is on the disk at first."""


def alone(m: Machine, rng: Random, number: int) -> None:
    """COMPARE AND WRITE and ORWRITE among READs, WRITEs and VERIFYs of two nexuses, for the same few blocks; some aborted."""
    m.ready()
    for _ in range(16):
        who, lba, kind = rng.randrange(2), rng.randrange(4), rng.randrange(8)
        if kind < 3:
            new = rng.choice((OLD[lba * 512 : lba * 512 + 512], bytes(512)))
            old = rng.choice((OLD[lba * 512 : lba * 512 + 512], OLD[lba * 512 : lba * 512 + 512], bytes(512)))
            tag = m.cmd(who, HAND, struct.pack(">BBQ3xBxx", 0x89, 0, lba, 1), out=old + new)
        elif kind == 3:
            tag = m.cmd(who, HAND, struct.pack(">BBQIxx", 0x8B, 0, lba, 1), out=rng.randbytes(512))
        elif kind == 4:
            tag = m.write(who, HAND, lba, 1)
        elif kind == 5:
            tag = m.cmd(who, HAND, struct.pack(">BxIxHx", 0x2F, lba, 2))
        else:
            tag = m.read(who, HAND, lba, 2)
        if rng.randrange(6) == 0:
            m.manage(who, HAND, TskMgmtFunc.ABORT_TASK, tag)
        for _ in range(rng.randrange(3)):
            m.begin()
            m.end()
    m.finish()
    m.cmd(0, HAND, bytes(6))
