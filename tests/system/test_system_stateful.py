"""Initiator and target back to back, under hypothesis: data, resets, hot plug, faults; against arrays of bytes.

Beside tests/initiator/test_initiator_stateful.py, which is about the initiator's own bookkeeping on one disk:
here are several units that come and go, both transports, and everything that can go wrong between the partners.
"""

from __future__ import annotations

import itertools
import random
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pysrp.backends import File, Ram
from pysrp.errors import PartnerGone
from pysrp.fabric import ReturnCode, connect
from pysrp.initiator.requests import Aborted, TimedOut
from pysrp.initiator.session import Pending, Session
from pysrp.scsi import cdb, inquiry, params
from pysrp.scsi.codes import Status
from pysrp.srp import TaskAttribute, TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import AdapterThread, Server
from pysrp.vscsi.server import Settings
from system_rig import BLOCK, MIB, at, code
from waiting import PATIENCE, until

BLOCKS = 1024
LIMIT = 12
"""Credits at login."""

LUNS = (0, 256, 512, 768)
RETRIES = 20
"""More than there can be unit attentions waiting."""

BUSY = (ReturnCode.H_BUSY, ReturnCode.H_LONG_BUSY_1_MSEC)
_names = itertools.count()

lbas = st.integers(0, BLOCKS - 1)
lengths = st.one_of(st.integers(0, 4), st.sampled_from([127, 128, 129, 300, 511]))
seeds = st.integers(0, 1 << 32)
# What can be sent at random: commands that ask, and opcodes that nobody knows. None writes, stops or reserves.
questions = st.sampled_from(
    [0x00, 0x03, 0x08, 0x12, 0x1A, 0x25, 0x28, 0x2F, 0x3C, 0x4D, 0x5A, 0x88, 0x8F, 0x9E, 0xA0, 0xA3, 0xA8]
    + [0x01, 0x02, 0x0C, 0x48, 0x7F, 0x83, 0xA1, 0xBE, 0xC0, 0xD7, 0xFF]
)  # fmt: skip


class Medium:
    """A disk and what must be on it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.model = bytearray(BLOCKS * BLOCK)
        self.write_cache = bool(disk.backend.blocking)


class Conversation(RuleBasedStateMachine):
    """One client and a target with four LUNs and five disks, two of them in files."""

    scheme = "local"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="pysrp-system-"))
        self.url = f"local:system{next(_names)}" if self.scheme == "local" else f"unix:{self.folder}/s"
        self.media = [Medium(Disk(Ram(BLOCKS * BLOCK), f"ram{i}")) for i in range(3)]
        self.media += [
            Medium(Disk(File(self.folder / f"file{i}", BLOCKS * BLOCK), f"file{i}")) for i in range(2)
        ]
        self.luns = LunMap([(256, self.media[0].disk), (512, self.media[3].disk)])
        self.plugged = {256: self.media[0], 512: self.media[3]}
        self.serve()
        self.join()

    def serve(self) -> None:
        self.server = Server(self.url, self.luns, Settings(request_limit=LIMIT))

    def join(self) -> None:
        self.port: Any = connect(self.url, window_size=64 * MIB)
        self.session = Session(self.port, buffers=2 * MIB, max_transfer=512 << 10, max_requests=16)
        self.session.connect()
        self.ended: list[Pending] = []

    def teardown(self) -> None:
        self.session.close()
        self.port.close()
        self.server.stop()
        for medium in self.media:
            medium.disk.backend.close()  # type: ignore[attr-defined]
        shutil.rmtree(self.folder)

    # Tools.

    def choose(self, number: int) -> tuple[int, Medium]:
        """One of the exported units."""
        lun = sorted(self.plugged)[number % len(self.plugged)]
        return lun, self.plugged[lun]

    def start(self, lun: int, command: Any, out: bytes | None = None, room: int = 0, **more: Any) -> Pending:
        """Submit a command, and see to it that it ends once and no more."""
        pending = self.session.submit(
            at(lun), bytes(command), data_out=out, data_in_length=room, **{"retries": RETRIES, **more}
        )
        if not pending.done:
            pending.waiter = self.once
        return pending

    def once(self, pending: Pending) -> None:
        assert pending not in self.ended
        self.ended.append(pending)

    def do(self, lun: int, command: Any, out: bytes | None = None, room: int = 0, **more: Any) -> Any:
        """Submit a command and wait; its result, whatever the status."""
        return self.start(lun, command, out, room, **more).result(check=False)

    def refused(self, lun: int, command: Any, room: int = 0) -> tuple[int, int, int]:
        result = self.do(lun, command, room=room)
        assert result.status == Status.CHECK_CONDITION
        return code(result.sense)

    def ready(self, lun: int) -> set[tuple[int, int]]:
        """TEST UNIT READY until it is; the unit attentions that came first."""
        seen = set()
        for _ in range(RETRIES):
            result = self.do(lun, cdb.TestUnitReady.build(), retries=0)
            if not result.status:
                return seen
            key, asc, ascq = code(result.sense)
            assert key == 6
            seen.add((asc, ascq))
        raise AssertionError(f"unit attentions without end: {seen}")

    def adapter(self) -> AdapterThread:
        """The other end."""
        return until(lambda: next((a for a in self.server.adapters() if a.target.session), None))  # type: ignore[no-any-return]

    def there(self, work: Callable[[AdapterThread], Any]) -> None:
        """Have something done by the thread that owns the other end, and wait until it is."""
        adapter, done = self.adapter(), threading.Event()
        adapter.call(lambda: (work(adapter), done.set()))
        assert done.wait(PATIENCE)

    def flight(self, lun: int, medium: Medium, seed: int, count: int) -> list[tuple[Pending, int, bytes]]:
        """Start reads and writes of single blocks, each of another one."""
        rng = random.Random(seed)
        flying = []
        for lba in rng.sample(range(BLOCKS), count):
            attribute = rng.choice(
                [TaskAttribute.SIMPLE] * 6 + [TaskAttribute.ORDERED, TaskAttribute.HEAD_OF_QUEUE]
            )
            if rng.random() < 0.5:
                data = rng.randbytes(BLOCK)
                command = cdb.Write10.build(lba=lba, transfer_length=1, fua=rng.random() < 0.2)
                flying.append((self.start(lun, command, data, attribute=attribute), lba, data))
            else:
                command = cdb.Read10.build(lba=lba, transfer_length=1)
                flying.append((self.start(lun, command, room=BLOCK, attribute=attribute), lba, b""))
        return flying

    def landed(
        self, lun: int, medium: Medium, flying: list[tuple[Pending, int, bytes]], *errors: type[Exception]
    ) -> None:
        """Wait for them. Who was told of success has it; otherwise a block is the old one or the new one."""
        doubtful = []
        for pending, lba, data in flying:
            self.session.wait(pending)
            place = slice(lba * BLOCK, (lba + 1) * BLOCK)
            if pending.error is not None:
                assert isinstance(pending.error, errors), pending.error
                if data:
                    doubtful.append((lba, data, place))
            elif data:
                pending.outcome()
                medium.model[place] = data
            else:
                assert pending.outcome().data == medium.model[place]
        for lba, data, place in doubtful:
            now = self.do(lun, cdb.Read10.build(lba=lba, transfer_length=1), room=BLOCK).data
            assert now in (data, medium.model[place])
            medium.model[place] = now

    def alive(self) -> None:
        """Back, with everything there."""
        self.session.wait_connected()
        for lun in self.plugged:
            self.ready(lun)

    # Data.

    @rule(number=st.integers(0, 3), lba=lbas, blocks=lengths, seed=seeds, size=st.sampled_from([10, 12, 16]))
    def write(self, number: int, lba: int, blocks: int, seed: int, size: int) -> None:
        lun, medium = self.choose(number)
        blocks = min(blocks, BLOCKS - lba)
        data = random.Random(seed).randbytes(blocks * BLOCK)
        kind = {10: cdb.Write10, 12: cdb.Write12, 16: cdb.Write16}[size]
        result = self.do(lun, kind.build(lba=lba, transfer_length=blocks, fua=seed & 1), data or None)
        assert (result.status, result.residual) == (0, 0)
        medium.model[lba * BLOCK : (lba + blocks) * BLOCK] = data

    @rule(number=st.integers(0, 3), lba=lbas, blocks=lengths, size=st.sampled_from([10, 12, 16]))
    def read(self, number: int, lba: int, blocks: int, size: int) -> None:
        lun, medium = self.choose(number)
        blocks = min(blocks, BLOCKS - lba)
        kind = {10: cdb.Read10, 12: cdb.Read12, 16: cdb.Read16}[size]
        result = self.do(lun, kind.build(lba=lba, transfer_length=blocks), room=blocks * BLOCK)
        assert (result.status, result.residual) == (0, 0)
        assert result.data == medium.model[lba * BLOCK : (lba + blocks) * BLOCK]

    @rule(number=st.integers(0, 3), lba=lbas, blocks=st.integers(1, 255), more=st.integers(0, 3))
    def read_6_with_room_to_spare(self, number: int, lba: int, blocks: int, more: int) -> None:
        lun, medium = self.choose(number)
        blocks = min(blocks, BLOCKS - lba)
        result = self.do(lun, cdb.Read6.build(lba=lba, transfer_length=blocks), room=(blocks + more) * BLOCK)
        assert (result.status, result.residual) == (0, more * BLOCK)
        assert result.data == medium.model[lba * BLOCK : (lba + blocks) * BLOCK]

    @rule(number=st.integers(0, 3), lba=lbas, blocks=st.integers(1, 129), wrong=st.booleans(), seed=seeds)
    def verify(self, number: int, lba: int, blocks: int, wrong: bool, seed: int) -> None:
        lun, medium = self.choose(number)
        blocks = min(blocks, BLOCKS - lba)
        data = bytearray(medium.model[lba * BLOCK : (lba + blocks) * BLOCK])
        if wrong:
            data[seed % len(data)] ^= 1 + seed % 255
        command = cdb.Verify16.build(lba=lba, verification_length=blocks, bytchk=1)
        result = self.do(lun, command, bytes(data))
        if wrong:
            assert code(result.sense) == (0xE, 0x1D, 0)
        else:
            assert result.status == 0
        assert self.do(lun, cdb.Verify10.build(lba=lba, verification_length=blocks)).status == 0

    @rule(number=st.integers(0, 3))
    def synchronize(self, number: int) -> None:
        lun, _ = self.choose(number)
        assert self.do(lun, cdb.SynchronizeCache10.build()).status == 0

    @rule(number=st.integers(0, 3), seed=seeds, count=st.integers(1, 40))
    def many(self, number: int, seed: int, count: int) -> None:
        lun, medium = self.choose(number)
        self.landed(lun, medium, self.flight(lun, medium, seed, count))

    # Questions, and what cannot be answered.

    @rule(number=st.integers(0, 3), page=st.sampled_from([None, 0x00, 0x80, 0x83, 0xB0, 0xB1]))
    def inquire(self, number: int, page: int | None) -> None:
        lun, medium = self.choose(number)
        command = cdb.Inquiry.build(evpd=page is not None, page_code=page or 0, allocation_length=255)
        result = self.do(lun, command, room=255)
        assert result.status == 0
        assert len(result.data) == 255 - result.residual
        if page is None:
            assert inquiry.Inquiry(result.data).vendor.rstrip() == "IBM"
        else:
            assert result.data[1] == page
            assert len(result.data) == 4 + int.from_bytes(result.data[2:4], "big")

    @rule(number=st.integers(0, 3))
    def capacity(self, number: int) -> None:
        lun, _ = self.choose(number)
        data = params.ReadCapacity16(
            self.do(lun, cdb.ReadCapacity16.build(allocation_length=32), room=32).data
        )
        assert (data.blocks, data.block_length) == (BLOCKS, BLOCK)

    @rule(lun=st.sampled_from(LUNS))
    def list_luns(self, lun: int) -> None:
        result = self.do(lun, cdb.ReportLuns.build(allocation_length=4096), room=4096)
        listed = params.ReportLuns(result.data).luns
        numbers = [int.from_bytes(bytes(each)[:2], "big") & 0x3FFF for each in listed]
        # LUN 0 is there always: somebody has to answer.
        assert sorted({0, *numbers}) == sorted({0, *self.plugged})

    @rule(number=st.integers(0, 3), on=st.booleans())
    def write_cache(self, number: int, on: bool) -> None:
        """MODE SELECT changes what MODE SENSE says, and nothing else."""
        lun, _ = self.choose(number)
        sense = cdb.ModeSense10.build(dbd=1, page_code=8, allocation_length=255)
        before = self.do(lun, sense, room=255)
        assert before.status == 0
        page = bytearray(before.data[8:])
        page[0] &= 0x3F
        page[2] = page[2] & ~4 | on << 2
        parameters = bytes(8) + page
        select = cdb.ModeSelect10.build(pf=1, parameter_list_length=len(parameters))
        result = self.do(lun, select, parameters)
        after = self.do(lun, sense, room=255)
        if result.status:
            assert code(result.sense) == (5, 0x26, 0)  # a medium without a cache of its own
            assert after.data == before.data
        else:
            assert after.data[8:][2] & 4 == on << 2

    @rule(number=st.integers(0, 3), opcode=questions, rest=st.binary(min_size=15, max_size=15))
    def anything(self, number: int, opcode: int, rest: bytes) -> None:
        """A CDB of any bytes has an answer, in the room that there is, and touches no data."""
        lun, _ = self.choose(number)
        result = self.do(lun, bytes([opcode]) + rest, room=700)
        assert result.residual <= 700
        if result.status:
            assert result.status == Status.CHECK_CONDITION
            assert code(result.sense)[0] in (0x5, 0xE)

    @rule(
        number=st.integers(0, 3),
        lba=st.integers(0, 1 << 63),
        blocks=st.integers(1, 1 << 31),
        form=st.integers(0, 2),
    )
    def outside(self, number: int, lba: int, blocks: int, form: int) -> None:
        lun, _ = self.choose(number)
        lba = lba if lba + blocks > BLOCKS else BLOCKS
        commands = (
            cdb.Read16.build(lba=lba, transfer_length=blocks),
            cdb.Verify16.build(lba=lba, verification_length=blocks),
            cdb.SynchronizeCache16.build(lba=lba, number_of_logical_blocks=blocks),
        )
        assert self.refused(lun, commands[form], 512 if form == 0 else 0) == (5, 0x21, 0)

    @rule(number=st.integers(0, 3))
    def stop_and_start(self, number: int) -> None:
        lun, medium = self.choose(number)
        assert self.do(lun, cdb.StartStopUnit.build(start=0)).status == 0
        assert self.refused(lun, cdb.Read10.build(lba=0, transfer_length=1), BLOCK) == (2, 4, 2)
        assert self.do(lun, cdb.StartStopUnit.build(start=1)).status == 0
        assert self.do(lun, cdb.TestUnitReady.build()).status == 0

    # Aborts and resets, with commands in flight.

    @rule(
        number=st.integers(0, 3),
        seed=seeds,
        count=st.integers(1, 25),
        which=st.sets(st.integers(0, 24), max_size=4),
    )
    def abort(self, number: int, seed: int, count: int, which: set[int]) -> None:
        lun, medium = self.choose(number)
        flying = self.flight(lun, medium, seed, count)
        for one in which:
            self.session.abort(flying[one % count][0])
        self.landed(lun, medium, flying, Aborted)

    @rule(
        number=st.integers(0, 3), seed=seeds, count=st.integers(0, 25),
        function=st.sampled_from(
            [TskMgmtFunc.LUN_RESET, TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.CLEAR_TASK_SET]
        ),
    )  # fmt: skip
    def reset_unit(self, number: int, seed: int, count: int, function: TskMgmtFunc) -> None:
        lun, medium = self.choose(number)
        flying = self.flight(lun, medium, seed, count)
        assert self.session.task_management(function, at(lun))
        self.landed(lun, medium, flying, Aborted)
        if function is TskMgmtFunc.LUN_RESET:
            assert not flying or self.ready(lun) is not None

    @rule(number=st.integers(0, 3), seed=seeds, count=st.integers(0, 25))
    def reset_host(self, number: int, seed: int, count: int) -> None:
        lun, medium = self.choose(number)
        flying = self.flight(lun, medium, seed, count)
        self.session.host_reset()
        self.landed(lun, medium, flying, PartnerGone)

    # Hot plug.

    @precondition(lambda self: len(self.plugged) < len(LUNS))
    @rule(lun=st.sampled_from(LUNS), which=st.integers(0, 4))
    def plug(self, lun: int, which: int) -> None:
        free = [medium for medium in self.media if medium not in self.plugged.values()]
        lun = next(each for each in (lun, *LUNS) if each not in self.plugged)
        assert self.refused(lun, cdb.TestUnitReady.build()) == (5, 0x25, 0)
        medium = free[which % len(free)]
        self.luns.add(lun, medium.disk)
        for each in self.plugged:
            assert (0x3F, 0x0E) in self.ready(each)
        self.plugged[lun] = medium
        self.ready(lun)

    @precondition(lambda self: len(self.plugged) > 1)
    @rule(number=st.integers(0, 3), seed=seeds, count=st.integers(0, 12))
    def unplug(self, number: int, seed: int, count: int) -> None:
        lun, medium = self.choose(number)
        flying = self.flight(lun, medium, seed, count)
        self.luns.remove(lun)
        for pending, lba, data in flying:
            self.session.wait(pending)
            place = slice(lba * BLOCK, (lba + 1) * BLOCK)
            if pending.status:
                assert code(pending.sense) == (5, 0x25, 0)
            elif data:
                medium.model[place] = data
            else:
                assert pending.outcome().data == medium.model[place]
        assert self.server.drain(medium.disk, 60)
        del self.plugged[lun]
        for each in self.plugged:
            assert (0x3F, 0x0E) in self.ready(each)
        assert self.refused(lun, cdb.Read10.build(lba=0, transfer_length=1), BLOCK) == (5, 0x25, 0)
        answer = self.do(lun, cdb.Inquiry.build(allocation_length=36), room=36)
        assert answer.data[0] == 0x7F

    @rule(number=st.integers(0, 3), which=st.integers(0, 4))
    def replace(self, number: int, which: int) -> None:
        lun, _ = self.choose(number)
        free = [medium for medium in self.media if medium not in self.plugged.values()]
        self.plugged[lun] = free[which % len(free)]
        self.luns.replace(lun, self.plugged[lun].disk)
        assert (0x3F, 0x03) in self.ready(lun)

    # Partners that go and come.

    @rule(number=st.integers(0, 3), seed=seeds, count=st.integers(0, 25))
    def disable_and_enable(self, number: int, seed: int, count: int) -> None:
        lun, medium = self.choose(number)
        flying = self.flight(lun, medium, seed, count)
        self.session.flush()
        logins = self.session.engine.logins
        self.server.disable()
        self.server.enable()
        while self.session.engine.logins == logins:
            self.session._once(float("inf"))
        self.landed(lun, medium, flying, PartnerGone)
        self.alive()

    @rule(number=st.integers(0, 3), seed=seeds, count=st.integers(0, 25))
    def the_client_is_replaced(self, number: int, seed: int, count: int) -> None:
        """It says nothing, it just goes: memory, queue and all."""
        lun, medium = self.choose(number)
        flying = self.flight(lun, medium, seed, count)
        self.session.flush()
        if self.scheme == "local":
            self.port.crash()
        self.session.close()
        self.port.close()
        until(lambda: not self.server.adapters())
        assert self.server.pool.drain(timeout=PATIENCE)
        self.join()
        self.landed(lun, medium, flying, PartnerGone)
        self.alive()

    @rule(number=st.integers(0, 3), seed=seeds, count=st.integers(0, 25))
    def the_server_is_replaced(self, number: int, seed: int, count: int) -> None:
        lun, medium = self.choose(number)
        flying = self.flight(lun, medium, seed, count)
        self.session.flush()
        self.server.stop()
        self.serve()
        if self.scheme == "local":
            self.session.close()  # this port has lost its partner for good
            self.port.close()
            self.join()
        else:
            logins = self.session.engine.logins
            while self.session.engine.logins == logins:
                self.session._once(float("inf"))
        self.landed(lun, medium, flying, PartnerGone)
        self.alive()

    @rule(number=st.integers(0, 3), seed=seeds, count=st.integers(0, 25), busy=st.sampled_from((0, *BUSY)))
    def the_client_migrates(self, number: int, seed: int, count: int, busy: int) -> None:
        """What it had sent is sent again, as ibmvscsi has it."""
        lun, medium = self.choose(number)
        flying = self.flight(lun, medium, seed, count)
        self.session.flush()
        if busy:
            self.port.inject("H_ENABLE_CRQ", busy, 2)
        self.port.suspend()
        self.landed(lun, medium, flying)
        self.alive()

    @rule(busy=st.sampled_from((0, *BUSY)))
    def the_server_migrates(self, busy: int) -> None:
        logins = self.session.engine.logins

        def migrate(adapter: AdapterThread) -> None:
            if busy:
                adapter.port.inject("H_ENABLE_CRQ", busy, 2)  # type: ignore[attr-defined]
            adapter.port.suspend()  # type: ignore[attr-defined]

        self.there(migrate)
        while self.session.engine.logins == logins:
            self.session._once(float("inf"))
        self.alive()

    # A hypervisor that has moods.

    @rule(times=st.integers(1, 5), code=st.sampled_from(BUSY), server=st.booleans())
    def closing_takes_its_time(self, times: int, code: int, server: bool) -> None:
        if server:
            self.there(lambda adapter: adapter.port.inject("H_FREE_CRQ", code, times))  # type: ignore[attr-defined]
            self.disable_and_enable(0, 0, 0)
        else:
            self.port.inject("H_FREE_CRQ", code, times)
            self.session.host_reset()
        self.alive()

    @rule(number=st.integers(0, 3), seed=seeds, times=st.integers(1, 4), server=st.booleans())
    def no_free_slot(self, number: int, seed: int, times: int, server: bool) -> None:
        """H_DROPPED is no loss: what was not sent is sent later."""
        lun, medium = self.choose(number)
        code = ReturnCode.H_DROPPED
        if server:
            self.there(lambda adapter: adapter.port.inject("H_SEND_CRQ", code, times))  # type: ignore[attr-defined]
        else:
            self.port.inject("H_SEND_CRQ", code, times)
        self.landed(lun, medium, self.flight(lun, medium, seed, 20))

    @rule(number=st.integers(0, 3), lba=lbas, seed=seeds, server=st.booleans())
    def an_element_is_lost(self, number: int, lba: int, seed: int, server: bool) -> None:
        """A request or its answer never arrives: the command times out, is aborted, and costs nothing."""
        lun, medium = self.choose(number)
        self.ready(lun)
        data = random.Random(seed).randbytes(BLOCK)
        # In place, so that it is the answer that is lost, and not that of the abort which may come before.
        server = server and not medium.disk.backend.blocking
        if server:
            self.there(lambda adapter: adapter.port.inject("H_SEND_CRQ", 0, 1))  # type: ignore[attr-defined]
        else:
            self.port.inject("H_SEND_CRQ", 0, 1)
        lost = self.start(lun, cdb.Write10.build(lba=lba, transfer_length=1), data, timeout=0.02)
        self.session.wait(lost)
        assert isinstance(lost.error, TimedOut)
        self.landed(lun, medium, [(lost, lba, data)], TimedOut)
        if server:
            assert medium.model[lba * BLOCK : (lba + 1) * BLOCK] == data

    @rule(number=st.integers(0, 3), lba=lbas, seed=seeds)
    def a_copy_fails(self, number: int, lba: int, seed: int) -> None:
        """The IU cannot be fetched, so the target closes the connection; the client comes back."""
        lun, medium = self.choose(number)
        self.ready(lun)
        logins = self.session.engine.logins
        data = random.Random(seed).randbytes(BLOCK)
        self.there(
            lambda adapter: adapter.port.inject("H_COPY_RDMA", ReturnCode.H_PERMISSION, 1)  # type: ignore[attr-defined]
        )
        lost = self.start(lun, cdb.Write10.build(lba=lba, transfer_length=1), data)
        self.session.wait(lost)
        assert isinstance(lost.error, PartnerGone)
        while self.session.engine.logins == logins:
            self.session._once(float("inf"))
        self.landed(lun, medium, [(lost, lba, data)], PartnerGone)
        assert medium.model[lba * BLOCK : (lba + 1) * BLOCK] != data
        self.alive()

    # What is always so.

    @invariant()
    def nothing_is_lost(self) -> None:
        engine = self.session.engine
        assert self.session.connected
        assert engine.srp.debits == 0
        assert engine.srp.credits + engine.srp._owed == LIMIT
        assert len(self.session.staging.chunks) == self.session.staging.all_chunks

        def look(adapter: AdapterThread) -> None:
            session = adapter.target.session
            assert session is not None
            state.append((session.outstanding, len(session.tasks)))

        state: list[tuple[int, int]] = []
        self.there(look)
        assert state == [(0, 0)]


class OverShared(Conversation):
    scheme = "unix"


# Threads do not run twice the same way: shrinking would take minutes and find little.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
TestLocal = Conversation.TestCase
TestLocal.settings = settings(max_examples=60, stateful_step_count=25, phases=PHASES)
TestUnix = OverShared.TestCase
TestUnix.settings = settings(max_examples=40, stateful_step_count=25, phases=PHASES)
