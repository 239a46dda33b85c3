"""Two clients of one disk, which servers have one after the other: one has reserved it, and whoever dies, the other is shut out."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from integrity import BLOCK
from pysrp.errors import PartnerGone
from pysrp.fabric import Identity
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from pysrp.scsi import cdb
from pysrp.scsi.codes import PersistentReserveInAction as In
from pysrp.scsi.codes import PersistentReserveOutAction as Out
from pysrp.scsi.codes import PersistentReserveType, Status
from pysrp.scsi.params import PrFullStatus, PrOut
from system_rig import Child
from waiting import PATIENCE, until

BLOCKS = 32
"""That are written."""

LUN = scst_pack(256, "LUN")
ADDRESSES = 0x30000002, 0x30000003
REGISTRANTS_ONLY = PersistentReserveType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY
UNIT_ATTENTION = 6

Held = tuple[int, int, int | None]
"""Who is registered, by unit address, with which key, and the type of what it holds."""


def ask(session: Session, command: Any, **data: Any) -> Any:
    """A command, after the unit attentions that come first."""
    while True:
        done = session.execute(LUN, command, check=False, **data)
        if done.status != Status.CHECK_CONDITION or done.sense[2] & 0xF != UNIT_ATTENTION:
            return done


class Rivals:
    """``words`` tell ``pysrp serve`` of a disk at LUN 256, ``aptpl`` whether reservations are asked to outlast it."""

    def __init__(
        self, child: Callable[..., Child], folder: Path, *words: str, aptpl: bool, seed: int = 0
    ) -> None:
        self.child, self.words, self.aptpl = child, words, aptpl
        self.fabrics = [f"unix:{folder}/{name}" for name in ("a", "b")]
        self.rng = random.Random(seed)
        self.servers: list[Child] = []
        self.begun = 0
        self.rounds = 0
        self.held: list[Held] = []
        self.number = 0
        """Of the last write; the blocks take turns."""
        self.tried, self.answered, self.safe = ([0] * BLOCKS for _ in range(3))
        """What was last written to each block, was answered GOOD, and is flushed."""
        self.wrong: list[str] = []

    def begin(self) -> None:
        """One more server, where the last one is not."""
        fabric = self.fabrics[self.begun % 2]
        self.servers.append(
            self.child("system_serve.py", "sound", "serve", fabric, "--json", "--quiet", *self.words)
        )
        self.begun += 1
        assert self.servers[-1].line(), "no server"

    def kill(self) -> None:
        """kill -9 of the server that has the disk: the next one, if there is one, has it from now on."""
        self.servers.pop(0).kill()

    def enter(self, number: int) -> Session:
        fabric = self.fabrics[(self.begun - len(self.servers)) % 2]
        return Session(fabric, identity=Identity(unit_address=ADDRESSES[number]))

    def round(self, happens: Callable[[], None], *, loses_cache: bool = False) -> None:
        """All is as it was; the one who was shut out shuts the other out and writes, and something happens to that."""
        winner, loser = self.rounds % 2, 1 - self.rounds % 2
        with self.enter(winner) as one, self.enter(loser) as other:
            for each in one, other:
                until(lambda each=each: not ask(each, cdb.TestUnitReady.build()).status)  # type: ignore[misc]
            self.look(other)
            self.preempt(one, winner)
            self.rounds += 1
            self.load(one, other, happens)
        assert not self.wrong
        if loses_cache:
            self.answered = self.safe.copy()

    # Parts of a round.

    def look(self, session: Session) -> None:
        """Who has reserved it, and what was written, which is flushed."""
        assert self.found(session) == self.held
        length = BLOCKS * BLOCK
        data = bytes(
            ask(session, cdb.Read10.build(lba=0, transfer_length=BLOCKS), data_in_length=length).data
        )
        numbers = [int.from_bytes(data[at : at + 8], "big") for at in range(0, length, BLOCK)]
        assert data == b"".join(map(pattern, numbers)), "a write is torn"
        lost = [lba for lba in range(BLOCKS) if not self.answered[lba] <= numbers[lba] <= self.tried[lba]]
        assert not lost, f"{numbers}, of {self.answered} to {self.tried}"
        assert not ask(session, cdb.SynchronizeCache10.build()).status
        self.tried, self.answered, self.safe = (numbers.copy() for _ in range(3))

    @staticmethod
    def found(session: Session) -> list[Held]:
        command = cdb.PersistentReserveIn.build(service_action=In.READ_FULL_STATUS, allocation_length=4096)
        full = PrFullStatus(ask(session, command, data_in_length=4096).data)
        return [
            (
                int.from_bytes(each.transport_id.initiator_port_identifier[12:], "big"),
                each.reservation_key,
                each.type if each.r_holder else None,
            )
            for each in full.descriptors
        ]

    def preempt(self, session: Session, number: int) -> None:
        """Register, and reserve it or take it from who has; which a reset does not change."""
        key = self.rounds + 1
        self.out(session, Out.REGISTER_AND_IGNORE_EXISTING_KEY, 0, key)
        if self.held:
            self.out(session, Out.PREEMPT, key, self.held[0][1])
        else:
            self.out(session, Out.RESERVE, key)
        self.held = [(ADDRESSES[number], key, REGISTRANTS_ONLY)]
        session.lun_reset(LUN)
        assert self.found(session) == self.held

    def out(self, session: Session, action: int, key: int, new: int = 0) -> None:
        data = PrOut.build(reservation_key=key, service_action_reservation_key=new, aptpl=self.aptpl)
        command = cdb.PersistentReserveOut.build(
            service_action=action, type=REGISTRANTS_ONLY, parameter_list_length=len(data)
        )
        assert not ask(session, command, data_out=bytes(data)).status

    def load(self, one: Session, other: Session, happens: Callable[[], None]) -> None:
        """Both write, until the server is dead or, if it lives on, some more has been written."""
        done, over = [0], threading.Event()

        def work() -> None:
            with suppress(PartnerGone):
                while not (over.is_set() or self.wrong):
                    self.write(one, other)
                    done[0] += 1

        thread = threading.Thread(target=work)
        thread.start()

        def goes_on(writes: int) -> None:
            enough = done[0] + writes
            until(lambda: done[0] >= enough or not thread.is_alive())

        goes_on(self.rng.randrange(1, 40))
        alive = thread.is_alive()
        happens()
        goes_on(3)
        over.set()
        thread.join(PATIENCE)
        assert alive, "it worked until something happened"

    def write(self, one: Session, other: Session) -> None:
        """The next number; the other one's write is refused."""
        self.number += 1
        lba, fua = self.number % BLOCKS, not self.rng.randrange(4)
        self.tried[lba] = self.number
        write = cdb.Write10.build(lba=lba, transfer_length=1, fua=fua)
        if status := ask(one, write, data_out=pattern(self.number)).status:
            self.wrong.append(f"write {self.number}: {status:#x}")
            return
        self.answered[lba] = self.number
        if fua:
            self.safe[lba] = self.number
        status = ask(other, write, data_out=bytes(BLOCK)).status
        if status != Status.RESERVATION_CONFLICT:
            self.wrong.append(f"beside write {self.number}: {status:#x}")


def pattern(number: int) -> bytes:
    return number.to_bytes(8, "big") * (BLOCK // 8)
