"""Session and target back to back under hypothesis, against an array of bytes."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pysrp.backends import Ram
from pysrp.errors import CheckCondition, PartnerGone
from pysrp.fabric import connect
from pysrp.initiator.requests import Aborted
from pysrp.initiator.session import READ, WRITE, Session
from pysrp.initiator.staging import CHUNK
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import Settings

BLOCKS = 4096
_names = itertools.count()

lbas = st.integers(0, BLOCKS - 1)
lengths = st.one_of(st.integers(0, 4), st.sampled_from([127, 128, 129, 11 * 128, 12 * 128 + 1]))
seeds = st.integers(0, 1 << 32)


class Conversation(RuleBasedStateMachine):
    """One disk of 2 MiB, and everything that a client does to one."""

    def __init__(self) -> None:
        super().__init__()
        self.model = bytearray(BLOCKS * 512)
        url = f"local:stateful{next(_names)}"
        disk = Disk(Ram(len(self.model)), "a")
        self.server = Server(url, LunMap([(256, disk)]), Settings(request_limit=12))
        self.port = connect(url, window_size=64 << 20)
        self.session = Session(self.port, buffers=20 * CHUNK, max_transfer=16 * CHUNK, max_requests=16)
        self.session.connect()
        (self.disk,) = self.session.scan(channels=[0], ids=[1])
        self.disk.capacity()

    def teardown(self) -> None:
        self.session.close()
        self.port.close()
        self.server.stop()

    @rule(lba=lbas, blocks=lengths, seed=seeds, fua=st.booleans())
    def write(self, lba: int, blocks: int, seed: int, fua: bool) -> None:
        data = random.Random(seed).randbytes(512 * min(blocks, BLOCKS - lba))
        self.disk.write(lba, data, fua)
        self.model[lba * 512 : lba * 512 + len(data)] = data

    @rule(lba=lbas, blocks=lengths)
    def read(self, lba: int, blocks: int) -> None:
        blocks = min(blocks, BLOCKS - lba)
        assert self.disk.read(lba, blocks) == self.model[lba * 512 : (lba + blocks) * 512]

    @rule(lba=lbas, blocks=lengths)
    def read_beyond_the_end(self, lba: int, blocks: int) -> None:
        with pytest.raises(CheckCondition, match="ILLEGAL REQUEST"):
            self.disk.read(BLOCKS + lba, blocks)

    @rule(seed=seeds, count=st.integers(1, 60))
    def many(self, seed: int, count: int) -> None:
        rng = random.Random(seed)
        places = rng.sample(range(BLOCKS), count)
        pending = []
        for lba in places:
            if rng.random() < 0.5:
                data = rng.randbytes(512)
                pending.append((self.disk.submit_write(lba, data), b""))
                self.model[lba * 512 : lba * 512 + 512] = data
            else:
                pending.append((self.disk.submit_read(lba), bytes(self.model[lba * 512 : lba * 512 + 512])))
        for command, data in pending:
            assert command.result().data == data

    @rule(seed=seeds, count=st.integers(0, 200), depth=st.integers(1, 30))
    def workload(self, seed: int, count: int, depth: int) -> None:
        rng = random.Random(seed)
        places = rng.sample(range(BLOCKS), count)
        data = bytearray(rng.randbytes(count * 512))
        ops = bytes(rng.choice((READ, WRITE)) for _ in places)
        expected = bytearray(data)
        for at, (op, lba) in enumerate(zip(ops, places, strict=True)):
            here, there = slice(at * 512, at * 512 + 512), slice(lba * 512, lba * 512 + 512)
            if op == WRITE:
                self.model[there] = data[here]
            else:
                expected[here] = self.model[there]
        assert self.disk.run(ops, places, 1, data=data, depth=depth).errors == {}
        assert data == expected

    @rule()
    def lun_reset(self) -> None:
        self.disk.reset()

    @rule(count=st.integers(1, 30), hard=st.booleans())
    def reset_in_the_middle(self, count: int, hard: bool) -> None:
        reads = [self.disk.submit_read(lba) for lba in range(count)]
        if hard:
            self.session.host_reset()
        else:
            self.disk.reset()
        for lba, pending in enumerate(reads):
            self.session.wait(pending)
            if pending.error is None:
                assert pending.data == self.model[lba * 512 : lba * 512 + 512]
            else:
                assert isinstance(pending.error, PartnerGone if hard else Aborted)

    @rule(count=st.integers(1, 30), which=st.integers(0, 29))
    def abort(self, count: int, which: int) -> None:
        reads = [self.disk.submit_read(lba) for lba in range(count)]
        self.session.abort(reads[which % count])
        for pending in reads:
            self.session.wait(pending)
            assert pending.error is None or (
                pending is reads[which % count] and isinstance(pending.error, Aborted)
            )

    @rule()
    def the_server_goes_and_comes(self) -> None:
        self.server.disable()
        while self.session.connected:
            self.session._once(float("inf"))
        self.server.enable()
        self.session.wait_connected()

    @rule()
    def close_and_open(self) -> None:
        self.session.close()
        self.session = Session(self.port, buffers=20 * CHUNK, max_transfer=16 * CHUNK, max_requests=16)
        self.session.connect()
        (self.disk,) = self.session.scan(channels=[0], ids=[1])
        self.disk.capacity()

    @invariant()
    def nothing_is_lost(self) -> None:
        engine = self.session.engine
        assert engine.srp.debits == 0
        # What an abort owes is settled by the next answer but one at the latest.
        assert engine.srp.credits + engine.srp._owed == 12
        assert len(self.session.staging.chunks) == self.session.staging.all_chunks
        assert len(engine.srp._free) == 20


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=25, stateful_step_count=40)
