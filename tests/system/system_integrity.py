"""Clients that do all that a disk can be asked for, and note it for the checker (integrity.py).

    system_integrity.py URL RUN FIRST CLIENTS UNITS BLOCKS KINDS

CLIENTS sessions, a thread each, numbered from FIRST on, on disks at ids 1 to UNITS, of BLOCKS blocks each. Each client has a share of
the blocks to itself until it is given another one, so that nobody's data is torn by somebody else's. A line on standard input begins
a round: ["round", SHARE of the first client, SHARES, COMMANDS], or ["read", SHARE, SHARES] to read only. KINDS are the names
of what is done, as often as they stand there.
"""

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from integrity import BLOCK, DONE, OVER, REFUSED, content, generation_of, place
from pysrp.errors import PartnerGone, SrpError
from pysrp.fabric import Identity
from pysrp.initiator.requests import Aborted
from pysrp.initiator.session import READ, WRITE, Device, Pending, Session
from pysrp.scsi import cdb, parse_sense
from pysrp.scsi.codes import (
    PersistentReserveOutAction,
    PersistentReserveType,
    SenseKey,
    Status,
)
from pysrp.scsi.params import PrOut
from pysrp.srp import TskMgmtFunc
from system_rig import at, resident

DEPTH = 12
"""Commands under way of one client."""

BATCH = 1000
"""Commands of a workload."""

LONGEST = 40
"""Blocks of one of them."""

_speaking = threading.Lock()
now = time.monotonic_ns


def say(*what: object) -> None:
    """A line; whole, whoever else speaks, and whenever somebody kills us."""
    line = json.dumps(what).encode() + b"\n"
    with _speaking:
        while line:
            line = line[os.write(1, line) :]


def outcome(pending: Pending) -> str:
    """What became of a write."""
    if pending.error is not None:
        return OVER
    match pending.status:
        case Status.GOOD:
            return OVER if pending.residual else DONE
        case Status.BUSY | Status.TASK_SET_FULL | Status.RESERVATION_CONFLICT:
            return REFUSED
        case Status.CHECK_CONDITION:
            key = parse_sense(pending.sense).sense_key
            never = key in (SenseKey.UNIT_ATTENTION, SenseKey.NOT_READY, SenseKey.ILLEGAL_REQUEST)
            return REFUSED if never else OVER
    return OVER


class Client:
    """One session, and what it does in its share."""

    def __init__(self, url: str, run: int, number: int, units: int, blocks: int, kinds: list[str]) -> None:
        self.run, self.number, self.blocks = run, number, blocks
        self.units = range(1, units + 1)
        self.rng = random.Random(run << 16 | number)
        self.kinds = [getattr(self, each) for each in kinds]
        self.serial = number << 32
        self.commands = 0
        self.flying: list[tuple[int, range, Pending, Any]] = []
        """Unit, blocks, command, and what to do when it is over."""
        identity = Identity(unit_address=0x30000000 + number, partition_name=f"client {number}")
        self.session = Session(url, identity=identity, window_size=64 << 20)
        self.session.connect()
        self.devices = {each.hctl.id: each for each in self.session.scan(channels=[0], ids=self.units)}
        for unit in self.units:
            self.settle(unit)

    def settle(self, unit: int) -> None:
        """Take the unit attentions that a login brings, and what a dead one has left."""
        self.reserve_out(unit, PersistentReserveOutAction.REGISTER_AND_IGNORE_EXISTING_KEY, own=0)
        self.reserve_out(unit, PersistentReserveOutAction.CLEAR)

    def work(self, share: int, shares: int, commands: int) -> None:
        """A round."""
        self.mine = range(share * self.blocks // shares, (share + 1) * self.blocks // shares)
        self.session.poll()
        if not self.session.connected:
            self.again()
        self.look()
        for _ in range(commands):
            if not self.session.connected:
                self.again()
            try:
                self.rng.choice(self.kinds)()
            except SrpError:
                pass  # whoever had a command under way says what became of it
            self.reap(DEPTH)
        self.reap(0)
        say("rests", self.number)

    def again(self) -> None:
        """The server is gone: so is what it had got. Wait for the next one."""
        for each in self.flying:
            if each[2].error is not None:
                self.over(each)
        say("lost", self.number)
        self.session.wait_connected()
        self.reap(0)

    def look(self) -> None:
        """Read the whole share."""
        for unit in self.units:
            for first in range(self.mine.start, self.mine.stop, LONGEST):
                self.read(unit, range(first, min(first + LONGEST, self.mine.stop)), retries=20)
                self.reap(DEPTH)
        self.reap(0)

    # Commands.

    def free(self, longest: int = LONGEST) -> tuple[int, range]:
        """Some blocks that nothing is under way for."""
        while True:
            unit = self.rng.choice(self.units)
            first = self.rng.choice(self.mine)
            count = min(self.rng.choice((1, 1, 2, 3, 8, longest)), self.mine.stop - first)
            found = range(first, first + count)
            if not any(
                each[0] == unit and each[1].start < found.stop and found.start < each[1].stop
                for each in self.flying
            ):
                return unit, found

    def start(self, unit: int, blocks: range, command: Any, end: Any, **more: Any) -> Pending:
        pending = self.session.submit(at(unit << 8), bytes(command), **more)
        self.commands += 1
        self.flying.append((unit, blocks, pending, end))
        return pending

    def write(self) -> Pending:
        unit, blocks = self.free()
        generation, data = self.written(unit, blocks)
        fua = self.rng.random() < 1 / 3
        kind = self.rng.choice((cdb.Write10, cdb.Write12, cdb.Write16))
        command = kind.build(lba=blocks.start, transfer_length=len(blocks), fua=fua)
        say("write", generation, [[place(unit, blocks.start), len(blocks)]], fua, now())
        return self.start(
            unit, blocks, command, lambda pending: self.wrote(generation, outcome(pending)), data_out=data
        )

    def written(self, unit: int, blocks: range) -> tuple[int, bytes]:
        """A new generation, and its data."""
        self.serial += 1
        return self.serial, b"".join(content(self.run, place(unit, lba), self.serial) for lba in blocks)

    def wrote(self, generation: int, outcome: str) -> None:
        say("wrote", generation, outcome, now())

    def read(self, unit: int = 0, blocks: range = range(0), retries: int = 0) -> Pending:
        if not unit:
            unit, blocks = self.free()
        command = cdb.Read10.build(lba=blocks.start, transfer_length=len(blocks))
        begun = now()

        def over(pending: Pending) -> None:
            if pending.error is None and pending.status == Status.GOOD:
                self.found(unit, blocks, pending.outcome().data, begun)

        return self.start(unit, blocks, command, over, data_in_length=len(blocks) * BLOCK, retries=retries)

    def found(self, unit: int, blocks: Sequence[int], data: bytes, begun: int) -> None:
        """Say what a read has found."""
        ended, generations = now(), []
        if len(data) != len(blocks) * BLOCK:
            say("wrong", f"{len(data)} bytes for {len(blocks)} blocks")
            return
        for number, lba in enumerate(blocks):
            found = generation_of(self.run, place(unit, lba), data[number * BLOCK : (number + 1) * BLOCK])
            if isinstance(found, str):
                say("wrong", f"LBA {lba} of unit {unit}: {found}")
                return
            generations.append(found)
        say("read", [place(unit, lba) for lba in blocks], generations, begun, ended)

    def flush(self) -> None:
        unit, begun = self.rng.choice(self.units), now()

        def over(pending: Pending) -> None:
            if pending.error is None and pending.status == Status.GOOD:
                say("flushed", unit, begun, now())

        self.start(unit, range(0), cdb.SynchronizeCache10.build(), over)

    def batch(self) -> None:
        """Many of one block each, by a workload."""
        self.reap(0)
        unit = self.rng.choice(self.units)
        if not self.session.connected:
            return
        some = self.rng.sample(self.mine, min(BATCH, len(self.mine)))
        self.commands += len(some)
        # A workload may wait for the next server before it says that the old one has gone: nobody waits for that.
        say("rests", self.number)
        try:
            if self.rng.random() < 0.5:
                self.read_many(self.devices[unit], unit, some)
            else:
                self.write_many(self.devices[unit], unit, some)
        finally:
            say("works", self.number)

    def read_many(self, device: Device, unit: int, some: list[int]) -> None:
        data, begun, login = bytearray(len(some) * BLOCK), now(), self.session.engine.logins
        work = device.run(READ, some, 1, data=data, retry=False)
        here = [number for number in range(len(some)) if number not in work.errors]
        blocks = b"".join(data[number * BLOCK : (number + 1) * BLOCK] for number in here)
        if self.same(login):
            self.found(unit, [some[number] for number in here], blocks, begun)

    def write_many(self, device: Device, unit: int, some: list[int]) -> None:
        self.serial += 1
        generation, fua = self.serial, self.rng.random() < 1 / 3
        data = bytearray().join(content(self.run, place(unit, lba), generation) for lba in some)
        say("write", generation, [[place(unit, lba), 1] for lba in some], fua, now())
        result, login = OVER, self.session.engine.logins
        try:
            if not device.run(WRITE, some, 1, data=data, fua=fua, retry=False).errors:
                result = DONE
        finally:
            ended = now()
            say("wrote", generation, result if self.same(login) else OVER, ended)

    def same(self, login: int) -> bool:
        """Whether the server of that login is still there, so that all answers were its."""
        self.session.poll()
        return self.session.connected and self.session.engine.logins == login

    def abort(self) -> None:
        """Take one back, and write there at once."""
        pending = self.write() if self.rng.random() < 0.7 else self.read()
        unit, blocks = self.flying[-1][:2]
        self.session.flush()
        if not pending.tag:
            return  # there was no room to send it
        self.manage(TskMgmtFunc.ABORT_TASK, unit, pending)
        self.wait(lambda: pending.done)
        self.reap_done()
        generation, data = self.written(unit, blocks)
        command = cdb.Write10.build(lba=blocks.start, transfer_length=len(blocks))
        say("write", generation, [[place(unit, blocks.start), len(blocks)]], False, now())
        self.start(
            unit, blocks, command, lambda pending: self.wrote(generation, outcome(pending)), data_out=data
        )

    def reset(self) -> None:
        """LUN RESET, with everything under way."""
        self.manage(TskMgmtFunc.LUN_RESET, self.rng.choice(self.units))

    def manage(self, function: TskMgmtFunc, unit: int, pending: Pending | None = None) -> None:
        request = self.session._task(function, at(unit << 8), pending, 0)
        self.wait(lambda: request.ended)

    def reserve(self) -> None:
        """A persistent reservation for a while: the others write nothing meanwhile."""
        unit = self.rng.choice(self.units)
        self.reap(0)
        self.reserve_out(unit, PersistentReserveOutAction.REGISTER_AND_IGNORE_EXISTING_KEY, own=0)
        self.reserve_out(unit, PersistentReserveOutAction.RESERVE)
        for _ in range(6):
            self.write() if self.rng.random() < 0.6 else self.read()
        self.reap(0)
        self.reserve_out(unit, PersistentReserveOutAction.RELEASE)

    def reserve_out(self, unit: int, action: int, own: int | None = None) -> None:
        key = self.number + 1
        parameters = PrOut.build(
            reservation_key=key if own is None else own, service_action_reservation_key=key
        )
        command = cdb.PersistentReserveOut.build(
            service_action=action, type=PersistentReserveType.WRITE_EXCLUSIVE, parameter_list_length=24
        )
        pending = self.session.submit(at(unit << 8), bytes(command), data_out=bytes(parameters), retries=20)
        self.wait(lambda: pending.done)

    def ask(self) -> None:
        """What has an answer, and what has none."""
        unit = self.rng.choice(self.units)
        for command, room in (
            (cdb.TestUnitReady.build(), 0),
            (cdb.Inquiry.build(evpd=1, page_code=0x83, allocation_length=255), 255),
            (cdb.ModeSense10.build(page_code=0x3F, allocation_length=255), 255),
            (cdb.ReportLuns.build(allocation_length=4096), 4096),
            (bytes([0xC1]) + bytes(5), 0),
            (cdb.Read10.build(lba=1 << 31, transfer_length=1), BLOCK),
        ):
            self.start(unit, range(0), command, lambda pending: None, data_in_length=room)

    # Ends.

    def reap(self, most: int) -> None:
        """See to what is over, and wait until no more than so many are under way."""
        self.reap_done()
        while len(self.flying) > most:
            try:
                self.wait(lambda: self.flying[0][2].done)
            except PartnerGone:
                self.again()
            self.reap_done()

    def wait(self, over: Callable[[], bool]) -> None:
        """PartnerGone when the server has gone meanwhile: that is to be said before another one comes."""
        while not over():
            if not self.session.connected:
                raise PartnerGone("the server")
            self.session._once(float("inf"))

    def reap_done(self) -> None:
        for each in [each for each in self.flying if each[2].done]:
            self.over(each)

    def over(self, each: tuple[int, range, Pending, Any]) -> None:
        self.flying.remove(each)
        error = each[2].error
        if error is not None and not isinstance(error, (SrpError, Aborted)):
            raise error
        each[3](each[2])

    def state(self) -> dict[str, int]:
        """Of the session, when a round is over."""
        srp = self.session.engine.srp
        return {
            "commands": self.commands,
            "credits": srp.credits + srp._owed,
            "debits": srp.debits,
            "logins": self.session.engine.logins,
        }


def lines() -> Iterator[Any]:
    for line in sys.stdin:
        yield json.loads(line)


def main(url: str, run: int, first: int, clients: int, units: int, blocks: int, kinds: str) -> None:
    """All rounds, until standard input ends."""
    made = [Client(url, run, first + each, units, blocks, kinds.split()) for each in range(clients)]
    say("ready")
    for what, share, shares, *more in lines():
        threads = []
        for number, client in enumerate(made):
            mine = (share + number) % shares
            if what == "round":
                threads.append(threading.Thread(target=client.work, args=(mine, shares, *more)))
            else:
                threads.append(threading.Thread(target=client.work, args=(mine, shares, 0)))
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        say("over", resident(), [each.state() for each in made])
    for client in made:
        client.session.close()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:7]), " ".join(sys.argv[7:]))  # type: ignore[misc]
