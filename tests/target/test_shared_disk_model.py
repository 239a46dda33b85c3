"""A thin disk that two nexuses share: random commands beside bytes, registered keys and the tables of the standards."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from persistent_rig import (
    CLEAR,
    CONFLICT,
    EA,
    EA_AR,
    IGNORE,
    PREEMPT,
    RELEASE,
    RESERVE,
    TYPES,
    WE,
    WE_AR,
    WE_RO,
    Keeper,
)  # fmt: skip
from pysrp.backends import Ram
from pysrp.scsi import cdb, params
from pysrp.target.disk import ThinDisk
from test_extended_copy import parameters
from unit_bench import Bench

BLOCK, BLOCKS = 512, 64
MISCOMPARE, OUT_OF_RANGE, STOPPED = (0xE, 0x1D, 0), (5, 0x21, 0), (2, 4, 2)

whos, lbas, counts = st.integers(0, 1), st.integers(0, BLOCKS - 1), st.integers(1, 12)
keys, types = st.integers(0, 3), st.sampled_from(TYPES)
seeds = st.integers(0, 3)


def pattern(count: int, seed: int) -> bytes:
    """Few different blocks, so that what is compared is equal now and then; 0 is zeros."""
    return b"".join(bytes([seed * (1 + at % 2)]) * BLOCK for at in range(count))


class SharedDisk(RuleBasedStateMachine):
    """``bytes`` is what is there; ``key`` what each nexus has registered, 0 for nothing; ``type`` and ``holder`` the
    reservation; what is told of that besides is :mod:`test_persistent_model`'s.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(ThinDisk(Ram(BLOCK * BLOCKS)))
        self.keeper = Keeper(self.bench, 2)
        self.bytes = bytearray(BLOCK * BLOCKS)
        self.key = [0, 0]
        self.type: int | None = None
        self.holder = 0
        self.started = True

    def teardown(self) -> None:
        self.bench.close()

    # What the tables say.

    def lets(self, who: int, writes: bool) -> bool:
        """SPC-5, table of 5.14.1, for commands like READ and for those like WRITE."""
        if self.type is None or (self.type not in (WE_AR, EA_AR) and who == self.holder):
            return True
        if self.type not in (WE, EA) and self.key[who]:
            return True
        return self.type in (WE, WE_RO, WE_AR) and not writes

    def ask(self, who: int, lba: int, blocks: int, raw: Any, data: bytes = b"", *, writes: bool) -> Any:
        """The result, unless it was refused as it must be."""
        self.keeper.told()
        result = self.bench(raw, data, nexus=self.keeper.nexuses[who])
        if not self.lets(who, writes):
            assert result.status == CONFLICT
        elif not self.started:
            assert result.code == STOPPED
        elif lba + blocks > BLOCKS:
            assert result.code == OUT_OF_RANGE
        else:
            return result
        return None

    def put(self, lba: int, data: bytes) -> None:
        self.bytes[lba * BLOCK : lba * BLOCK + len(data)] = data

    def there(self, lba: int, count: int) -> bytes:
        return bytes(self.bytes[lba * BLOCK : (lba + count) * BLOCK])

    # Blocks.

    @rule(who=whos, lba=lbas, count=counts)
    def read(self, who: int, lba: int, count: int) -> None:
        result = self.ask(who, lba, count, cdb.Read16.build(lba=lba, transfer_length=count), writes=False)
        if result:
            assert result.data == self.there(lba, count)

    @rule(
        who=whos,
        lba=lbas,
        count=counts,
        seed=seeds,
        kind=st.sampled_from([cdb.Write10, cdb.Write16, cdb.WriteAtomic16, cdb.WriteAndVerify16]),
    )
    def write(self, who: int, lba: int, count: int, seed: int, kind: Any) -> None:
        data = pattern(count, seed)
        result = self.ask(who, lba, count, kind.build(lba=lba, transfer_length=count), data, writes=True)
        if result:
            assert result.status == 0
            self.put(lba, data)

    @rule(who=whos, lba=lbas, count=counts, seed=seeds)
    def verify(self, who: int, lba: int, count: int, seed: int) -> None:
        data = pattern(count, seed)
        raw = cdb.Verify16.build(lba=lba, verification_length=count, bytchk=1)
        result = self.ask(who, lba, count, raw, data, writes=False)
        if result:
            assert (result.status == 0) == (data == self.there(lba, count))
            assert result.status == 0 or result.code == MISCOMPARE

    @rule(who=whos, lba=lbas, count=counts, old=seeds, new=seeds)
    def compare_and_write(self, who: int, lba: int, count: int, old: int, new: int) -> None:
        raw = cdb.CompareAndWrite.build(lba=lba, number_of_logical_blocks=count)
        result = self.ask(who, lba, count, raw, pattern(count, old) + pattern(count, new), writes=True)
        if result:
            assert (result.status == 0) == (pattern(count, old) == self.there(lba, count))
            if not result.status:
                self.put(lba, pattern(count, new))

    @rule(who=whos, lba=lbas, count=counts, seed=seeds)
    def or_write(self, who: int, lba: int, count: int, seed: int) -> None:
        data = pattern(count, seed)
        result = self.ask(
            who, lba, count, cdb.OrWrite16.build(lba=lba, transfer_length=count), data, writes=True
        )
        if result:
            assert result.status == 0
            self.put(lba, bytes(a | b for a, b in zip(data, self.there(lba, count), strict=True)))

    @rule(who=whos, lba=lbas, count=counts, seed=seeds, unmap=st.booleans())
    def write_same(self, who: int, lba: int, count: int, seed: int, unmap: bool) -> None:
        raw = cdb.WriteSame16.build(lba=lba, number_of_logical_blocks=count, unmap=unmap)
        result = self.ask(who, lba, count, raw, pattern(1, seed), writes=True)
        if result:
            assert result.status == 0
            self.put(lba, pattern(1, seed) * count)

    @rule(who=whos, lba=lbas, count=counts)
    def unmap(self, who: int, lba: int, count: int) -> None:
        data = struct.pack(">HH4xQI4x", 22, 16, lba, count)
        raw = cdb.Unmap.build(parameter_list_length=len(data))
        result = self.ask(who, lba, count, raw, data, writes=True)
        if result:
            assert result.status == 0
            self.put(lba, bytes(count * BLOCK))

    @rule(who=whos, lba=lbas)
    def get_lba_status(self, who: int, lba: int) -> None:
        """What takes no room reads as zeros; the descriptors follow one another to the end."""
        raw = cdb.GetLbaStatus16.build(lba=lba, allocation_length=4096)
        result = self.ask(who, lba, 1, raw, writes=False)
        if result:
            at = lba
            for one in params.GetLbaStatus(result.data).descriptors:
                assert one.lba == at
                if one.provisioning_status:
                    assert not any(self.there(at, one.number_of_logical_blocks))
                at += one.number_of_logical_blocks
            assert at == BLOCKS

    @rule(who=whos, lba=lbas, to=lbas, count=counts)
    def extended_copy(self, who: int, lba: int, to: int, count: int) -> None:
        """From the disk to itself: what does not fit is COPY ABORTED, and so is what a stopped disk is asked for."""
        data = parameters([self.bench.unit], (0, 0, count, lba, to))
        raw = cdb.ExtendedCopyLid1.build(parameter_list_length=len(data))
        self.keeper.told()
        result = self.bench(raw, data, nexus=self.keeper.nexuses[who])
        if not self.lets(who, True):
            assert result.status == CONFLICT
        elif max(lba, to) + count > BLOCKS:
            assert result.code == (0xA, 0x0D, 2)
        elif not self.started:
            assert result.code == (0xA, 0x0D, 1)
        else:
            assert result.status == 0
            self.put(to, self.there(lba, count))

    @rule(who=whos)
    def format_unit(self, who: int) -> None:
        result = self.ask(who, 0, 0, cdb.FormatUnit.build(), writes=True)
        if result:
            assert result.status == 0
            self.bytes[:] = bytes(len(self.bytes))

    @rule(who=whos, start=st.booleans())
    def start_stop(self, who: int, start: bool) -> None:
        """To start is allowed to everybody (SBC-4, 4.17)."""
        self.keeper.told()
        result = self.bench(cdb.StartStopUnit.build(start=start), nexus=self.keeper.nexuses[who])
        if not start and not self.lets(who, True):
            assert result.status == CONFLICT
        else:
            assert result.status == 0
            self.started = start

    # Reservations.

    @rule(who=whos, key=keys)
    def register(self, who: int, key: int) -> None:
        self.keeper.told()
        self.keeper.good(who, IGNORE, 0, key)
        was, self.key[who] = self.key[who], key
        if was and not key and self.type is not None:
            nobody = self.type in (WE_AR, EA_AR) and not any(self.key)
            if nobody or (self.type not in (WE_AR, EA_AR) and who == self.holder):
                self.type = None

    def asks(self, who: int, action: int, new: int = 0, kind: int = 0) -> bool:
        """Whether an action that wants the nexus' own key is GOOD; without a registration it conflicts."""
        self.keeper.told()
        status = self.keeper.out(who, action, self.key[who], new, kind).status
        assert self.key[who] or status == CONFLICT
        return status == 0

    @rule(who=whos, kind=types)
    def reserve(self, who: int, kind: int) -> None:
        holds = self.type is None or (
            self.type == kind and (self.type in (WE_AR, EA_AR) or who == self.holder)
        )
        good = self.asks(who, RESERVE, kind=kind)
        assert good == bool(self.key[who] and holds)
        if good and self.type is None:
            self.type, self.holder = kind, who

    @rule(who=whos, kind=types)
    def release(self, who: int, kind: int) -> None:
        """GOOD for whoever is registered; only the holder's, of the same type, releases anything."""
        good = self.asks(who, RELEASE, kind=kind)
        holds = self.type is not None and (self.type in (WE_AR, EA_AR) or who == self.holder)
        assert good == bool(self.key[who] and (not holds or self.type == kind))
        if good and holds:
            self.type = None

    @rule(who=whos)
    def clear(self, who: int) -> None:
        if self.asks(who, CLEAR):
            self.key, self.type = [0, 0], None

    @rule(who=whos, kind=types)
    def preempt(self, who: int, kind: int) -> None:
        """The other one, which is registered with another key: it is fenced."""
        other = 1 - who
        if not self.key[who] or not self.key[other] or self.key[who] == self.key[other]:
            return
        assert self.asks(who, PREEMPT, self.key[other], kind)
        self.key[other] = 0
        if self.type is not None and self.type not in (WE_AR, EA_AR) and self.holder == other:
            self.type, self.holder = kind, who

    @rule()
    def reset(self) -> None:
        """Persistent reservations stay, and so does what was written."""
        self.bench.unit.reset()
        self.started = True

    @invariant()
    def as_it_should_be(self) -> None:
        self.keeper.told()
        assert self.bench.unit.backend.memory() == self.bytes
        assert sorted(self.keeper.keys()) == sorted(filter(None, self.key))
        found = self.keeper.reservation()
        assert (found and found[1]) == self.type


SharedDisk.TestCase.settings = settings(max_examples=80, stateful_step_count=40)
TestSharedDisk = SharedDisk.TestCase
