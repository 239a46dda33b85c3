"""Everything at once over copies that end now or later, well or not: two initiators, channels, resets, new logins."""

from __future__ import annotations

import errno
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from later_rig import Copy, FarLink, FarMemory, tags
from media_rig import LateMedium
from pysrp import srp
from pysrp.backends import Ram
from pysrp.errors import TransportError
from pysrp.lun import scst_pack
from pysrp.media.faulty import Faulty
from pysrp.scsi import cdb
from pysrp.srp import TskMgmtFunc
from pysrp.target.data import CHUNK, CHUNKS, DataMover
from pysrp.target.disk import Disk
from pysrp.target.effects import Fetch, Move, Read, Write
from pysrp.target.lunmap import LunMap
from pysrp.target.srp_session import Channel, TargetSession
from pysrp.target.task import Nexus
from pysrp.target.units.commands import command
from pysrp.target.workers import Pool
from waiting import PATIENCE, until

BLOCK = 512
SLOTS, SIZE = 24, 600 << 10
SLOT = SIZE + 4096  # a table lies behind the data
CREDITS = 12
PORTS, LUNS = 2, 3
CDBS = {
    "read": b"\x28", "bad": b"\x28", "write": b"\x2a", "verify": b"\x2f\x02", "sync": b"\x35",
    "inquiry": bytes.fromhex("120000002400"),
}  # fmt: skip


class Flaky(Ram):
    """Fails at times."""

    def __init__(self, size: int, choose: random.Random, blocking: bool) -> None:
        super().__init__(size)
        self.choose, self.blocking, self.rate = choose, blocking, 0.05

    def _perhaps(self) -> None:
        if self.choose.random() < self.rate:
            raise OSError(errno.EIO, "at random")

    def read_into(self, offset: int, view: memoryview) -> None:
        self._perhaps()
        super().read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        self._perhaps()
        super().write_from(offset, view)

    def flush(self) -> None:
        self._perhaps()


class FlakyMedium(LateMedium):
    """The same with requests that finish later, in any order."""

    def __init__(self, size: int, choose: random.Random) -> None:
        super().__init__(size)
        self.rate = 0.0
        self.most = 100_000
        self.patient = choose.random() < 0.5
        self.now = lambda: choose.random() < 0.2
        self.fails = lambda: choose.random() < self.rate

    def memory(self) -> memoryview:
        return self.bytes


class FlakyFault(Faulty):
    """The same by rules, over one that finishes later or over memory; some of it hangs to the end."""

    RULES = (
        "error probability=0.03",
        "error op=flush probability=0.2",
        "busy probability=0.02",
        "task-set-full op=read probability=0.02",
        "delay uniform=0us-300us probability=0.2",
        "delay exponential=100us probability=0.1 withdraw=yes",
        "hang op=write probability=0.01",
        "hang op=read+flush probability=0.02 withdraw=yes",
        "hang for=1ms probability=0.05",
    )

    def __init__(self, size: int, choose: random.Random) -> None:
        self.late = FlakyMedium(size, choose) if choose.random() < 0.5 else None
        super().__init__(self.late or Ram(size), self.RULES, seed=choose.randrange(1 << 30))

    @property
    def rate(self) -> float:
        """0: well from now on."""
        return 0.05 if self.rules else 0

    @rate.setter
    def rate(self, rate: float) -> None:
        if not rate:
            self.clear()

    def memory(self) -> memoryview | None:
        return self.medium.memory()


class Stepping(Disk):
    """READ and WRITE in steps."""

    open = 0
    """Handlers that have begun and not come to their end."""

    @command(cdb.Read10, medium=True)
    def read(self, task: Any, cdb_: Any) -> Any:
        start, length = self._extent(cdb_, cdb_.transfer_length)
        self.open += 1
        try:
            yield Read(self.backend, start, min(length, 4096))
            yield Move(self.backend, start, length, BLOCK)
        finally:
            self.open -= 1

    @command(cdb.Write10, medium=True)
    def write(self, task: Any, cdb_: Any) -> Any:
        start, length = self._extent(cdb_, cdb_.transfer_length)
        self.open += 1
        try:
            data = yield Fetch(length)
            yield Write(self.backend, start, data)
        finally:
            self.open -= 1


@dataclass(eq=False)
class Sent:
    """A command whose answer has not come: on ``slot`` of the memory, and the same place of a disk."""

    tag: int
    slot: int
    area: int
    channel: Any
    data: bytes | None
    """What it writes."""
    expected: bytes | None
    """What it has to read."""
    before: bytes | None
    """What that place had."""
    length: int
    lun: int


@dataclass(eq=False)
class Port:
    """An initiator port, and its session."""

    number: int
    session: Any = None
    inbox: deque[Any] = field(default_factory=deque)
    channels: list[Any] = field(default_factory=list)
    free: list[int] = field(default_factory=lambda: list(range(SLOTS)))
    sent: dict[int, Sent] = field(default_factory=dict)
    functions: dict[int, tuple[Any, list[Sent]]] = field(default_factory=dict)


class Memory(FarMemory):
    """Memory of which only what belongs to a command that is not over may be reached."""

    def __init__(self, machine: Machine, port: Port) -> None:
        super().__init__(SLOTS * SLOT, room=machine.room)
        self.machine, self.port = machine, port
        choose = machine.choose
        self.now = lambda: choose.random() < 0.3
        self.refuse = lambda: TransportError("at random") if choose.random() < machine.rate else None
        self.epoch = machine.epochs[port.number]

    def _do(self, copy: Copy) -> None:
        assert self.epoch == self.machine.epochs[self.port.number], "a copy for a session that is over"
        for address, size, _ in copy.segments:
            assert address // SLOT not in self.port.free, "memory of a command that is over"
            assert (address + size - 1) // SLOT == address // SLOT
        super()._do(copy)


class Link(FarLink):
    """Tells the machine of answers."""

    def __init__(self, machine: Machine, port: Port) -> None:
        super().__init__()
        self.machine, self.port = machine, port
        self.credits, self.count, self.back = CREDITS, 0, 0
        self.open = True
        self.asked: int | None = None

    def send_credits(self, channel: Any, tag: int, credits: int, /) -> bool:
        assert self.open, "credits on a channel that is closed"
        assert self.asked is None, "one request at a time"
        if self.machine.choose.random() < self.machine.rate / 2:
            return False
        self.asked = tag
        self.credits += credits
        self.back += credits
        assert self.credits <= CREDITS
        return True

    def reply(self) -> None:
        """Answer the target's request, if there is one."""
        if self.asked is not None:
            tag, self.asked = self.asked, None
            self.channel.arrived(None, bytes(srp.CredRsp.build(tag=tag)))

    def _keep(self, tag: int, answer: Any) -> bool:
        assert self.open, "an answer on a channel that is closed"
        self.channel.sent()
        lost = self.machine.choose.random() < self.machine.rate / 2
        if not lost:
            self.credits += answer.credits
            self.back += answer.credits
            assert self.credits <= CREDITS
        self.machine.answered(self.port, self, tag, answer, lost)
        return not lost


class Machine:
    """Does one thing after another. ``rate`` is how often something fails, ``room`` the staged memory of a channel.

    ``media``: what the disks are on.
    """

    def __init__(self, seed: int, *, rate: float, room: int, media: str) -> None:
        self.choose = choose = random.Random(seed)
        self.rate, self.room = rate, room
        self.pool = Pool() if media == "workers" else None
        size = PORTS * SLOTS * SIZE
        self.backends: list[Any] = [
            FlakyMedium(size, random.Random(seed))
            if media == "media"
            else FlakyFault(size, random.Random(f"{seed} {blocking}"))
            if media == "faults"
            else Flaky(size, random.Random(seed), blocking)
            for blocking in (True, False, True)
        ]
        for backend in self.backends:
            backend.rate = rate
        kinds = [Disk, Disk, Stepping] if choose.random() < 0.5 else [Stepping, Stepping, Disk]
        self.luns = LunMap([(n, kinds[n](self.backends[n], f"disk{n}")) for n in range(LUNS)])
        self.units = [export.unit for export in self.luns]
        """All that there were."""
        self.content: dict[tuple[int, int], bytes | None] = {}
        self.epochs = [0] * PORTS
        self.dead: list[tuple[Any, Any, list[Memory]]] = []
        """Sessions that are over, their inboxes, and memories of channels that are closed."""
        self.ports = [Port(number) for number in range(PORTS)]
        for port in self.ports:
            self.login(port)

    # What an initiator does.

    def login(self, port: Port) -> None:
        """A new session; the one before ends."""
        if port.session is not None:
            for link in port.channels:
                link.open = False
            port.session.end()
            self.dead.append((port.session, port.inbox, [link.memory for link in port.channels]))
            self.epochs[port.number] += 1
            for sent in port.sent.values():
                self.over(port, sent)
            port.sent.clear()
            port.functions.clear()
        port.inbox = deque()
        port.session = TargetSession(Nexus(str(port.number), port.inbox.append), self.luns, port.inbox.append)
        port.channels = []
        for _ in range(self.choose.randrange(1, 3)):
            self.join(port)

    def join(self, port: Port) -> None:
        link: Any = Link(self, port)
        link.memory = Memory(self, port)
        mover = DataMover(link.memory, self.pool, port.inbox.append)
        link.channel = Channel(port.session, link, mover, CREDITS)
        port.channels.append(link)

    def drop(self, port: Port) -> None:
        if len(port.channels) < 2:
            self.join(port)
            return
        link = port.channels.pop(self.choose.randrange(len(port.channels)))
        link.open = False
        port.session.drop(link.channel)
        # The connection has gone: what is under way for it ends, and reaches nothing.
        link.memory.end_all(TransportError("closed"))
        for sent in [each for each in port.sent.values() if each.channel is link]:
            del port.sent[sent.tag]
            self.over(port, sent)
        for tag in [tag for tag, (channel, _) in port.functions.items() if channel is link]:
            _, victims = port.functions.pop(tag)
            for sent in victims:
                port.sent.pop(sent.tag, None)  # nobody is told when it is over: its memory is not used again
        self.dead.append((port.session, port.inbox, [link.memory]))

    def command(self, port: Port) -> None:
        """Any command, on a slot that is free."""
        choose = self.choose
        link = choose.choice(port.channels)
        if link.credits < 3 or not port.free:
            return
        slot = port.free.pop(choose.randrange(len(port.free)))
        lun, area = choose.randrange(LUNS), port.number * SLOTS + slot
        kind = choose.choice(["read", "write", "write", "read", "inquiry", "verify", "sync", "bad"])
        blocks = choose.choice([1, 3, 8, 70, 513, 1100, SIZE // BLOCK])
        length = 36 if kind == "inquiry" else blocks * BLOCK
        before = self.content.get((lun, area), bytes(SIZE))
        raw = CDBS[kind].ljust(16, b"\0")
        if kind != "inquiry":
            where = (area * (SIZE // BLOCK)).to_bytes(4, "big"), blocks.to_bytes(2, "big")
            raw = raw[:2] + where[0] + b"\0" + where[1] + raw[9:]
        fields: dict[str, Any] = {}
        data = None
        if kind in ("write", "verify"):
            data = choose.randbytes(length)
            link.memory.bytes[slot * SLOT : slot * SLOT + length] = data
        if kind != "sync":
            self.segments(
                link.memory, slot * SLOT, length, fields, "data_out" if data else "data_in", kind == "bad"
            )
        if kind != "write":
            data = None
        else:
            self.content[lun, area] = None
        expected = before[:length] if kind == "read" and before is not None else None
        tag = next(tags)
        port.sent[tag] = Sent(tag, slot, area, link, data, expected, before, length, lun)
        attribute = choose.choice([0, 0, 0, 0, 1, 2])
        self.send(
            link,
            srp.Cmd.build(tag=tag, lun=bytes(scst_pack(lun, "LUN")), cdb=raw, task_attr=attribute, **fields),
        )

    @staticmethod
    def send(link: Any, iu: Any) -> None:
        link.credits -= 1
        link.count += 1
        link.channel.arrived(None, bytes(iu))
        assert not link.violations

    def segments(
        self, memory: Any, base: int, length: int, fields: Any, name: str, bad: bool = False
    ) -> None:
        choose = self.choose
        count = choose.choice([1, 1, 2, 5, 30])
        ends = [length * n // count for n in range(1, count + 1)]
        parts = [(base + s, 1, e - s) for s, e in zip([0, *ends], ends, strict=False) if e > s]
        if bad:
            at = choose.randrange(len(parts))
            parts[at] = (parts[at][0], 2, parts[at][2])
        if len(parts) == 1 and choose.random() < 0.5:
            fields[name] = parts[0]
            return
        table = b"".join(bytes(srp.DirectBuf.build(va=a, key=k, len=n)) for a, k, n in parts)
        where = base + SIZE
        memory.bytes[where : where + len(table)] = table
        inline = parts[: choose.choice([0, 1, 4])]
        fields[name] = srp.IndirectBuf.build(
            table_desc=srp.DirectBuf.build(va=where, key=1, len=len(table)),
            len=length,
            desc_list=[srp.DirectBuf.build(va=a, key=k, len=n) for a, k, n in inline],
        )
        fields["data_out_desc_cnt" if name == "data_out" else "data_in_desc_cnt"] = len(inline)

    def manage(self, port: Port) -> None:
        choose = self.choose
        link = choose.choice(port.channels)
        if link.credits < 1:
            return
        function = choose.choice(
            [TskMgmtFunc.ABORT_TASK] * 4
            + [TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.CLEAR_TASK_SET, TskMgmtFunc.LUN_RESET]
        )
        lun, task_tag = choose.randrange(LUNS), 0
        if function is TskMgmtFunc.ABORT_TASK:
            if not port.sent:
                return
            victim = choose.choice(list(port.sent.values()))
            lun, task_tag = victim.lun, victim.tag
            victims = [victim]
        else:
            victims = [each for each in port.sent.values() if each.lun == lun]
        tag = next(tags)
        port.functions[tag] = link, victims
        where = bytes(scst_pack(lun, "LUN"))
        self.send(link, srp.TskMgmt.build(tag=tag, lun=where, tsk_mgmt_func=function, task_tag=task_tag))

    # What comes back.

    def answered(self, port: Port, link: Any, tag: int, answer: Any, lost: bool) -> None:
        if answer.function:
            assert answer.status == 0
            _, victims = port.functions.pop(tag)
            for victim in victims:
                if port.sent.pop(victim.tag, None):
                    self.over(port, victim)
            return
        sent = port.sent.pop(tag)
        assert sent.channel is link
        if answer.status == 0:
            if sent.data is not None:
                assert answer.moved_out == sent.length
                if sent.before is not None:
                    self.content[sent.lun, sent.area] = sent.data + sent.before[sent.length :]
                elif sent.length == SIZE:
                    self.content[sent.lun, sent.area] = sent.data
            if sent.expected is not None:
                assert answer.moved_in == sent.length
                at = sent.slot * SLOT
                assert link.memory.bytes[at : at + sent.length] == sent.expected
        self.over(port, sent)

    def over(self, port: Port, sent: Sent) -> None:
        assert sent.slot not in port.free
        port.free.append(sent.slot)

    # Everything else.

    def copy(self, port: Port) -> None:
        link = self.choose.choice(port.channels)
        if link.memory.under_way:
            error = TransportError("later") if self.choose.random() < self.rate else None
            link.memory.end(self.choose.choice(link.memory.under_way), error)

    def turn(self, port: Port) -> None:
        for _ in range(self.choose.randrange(1, 5)):
            if port.inbox:
                port.inbox.popleft()()
        self.choose.choice(port.channels).reply()

    def bury(self, port: Port | None = None) -> None:
        """Copies of sessions and channels that are over end at some time."""
        for _, inbox, memories in self.dead:
            while inbox:
                inbox.popleft()()
            for memory in memories:
                memory.end_all(TransportError("closed"))

    def replace(self, port: Port) -> None:
        """Another unit with the same medium; what is under way goes on with the one before."""
        lun = self.choose.randrange(LUNS)
        self.units.append(self.choose.choice([Disk, Stepping])(self.backends[lun], f"disk{lun}"))
        self.luns.replace(lun, self.units[-1])

    def step(self) -> None:
        port = self.choose.choice(self.ports)
        what = self.choose.choices(
            [self.command, self.copy, self.turn, self.manage, self.bury, self.drop, self.login, self.replace],
            [30, 60, 40, 4, 2, 0.5, 0.3, 0.3],
        )[0]
        what(port)

    def finish(self) -> None:
        self.rate = 0
        for backend in self.backends:
            backend.rate = 0

        def quiet() -> bool:
            for port in self.ports:
                while port.inbox:
                    port.inbox.popleft()()
                for link in port.channels:
                    link.reply()
                    link.memory.end_all()
                self.bury()
            return not any(port.sent or port.functions for port in self.ports)

        until(quiet, str([(port.sent, port.functions) for port in self.ports]))
        if self.pool is not None:
            assert self.pool.drain(timeout=PATIENCE)
        until(lambda: quiet() and not any(getattr(each, "stragglers", ()) for each in self.backends))
        for _ in range(3):
            quiet()
        for session in [port.session for port in self.ports] + [session for session, _, _ in self.dead]:
            assert not session.tasks
            assert not session._copying
            assert not session.quiet.waiting
            assert not any(map(len, session.sets.values()))
        for port in self.ports:
            for link in port.channels:
                staging = link.channel.mover.staging
                assert not staging.busy
                assert not staging.waiting
                assert link.channel.outstanding == 0
                assert link.count == link.back + link.channel.owed
        for unit in self.units:
            assert not getattr(unit, "open", 0), "a handler was left where it was"
        for (lun, area), data in self.content.items():
            if data is not None:
                found = self.backends[lun].memory()[area * SIZE : area * SIZE + SIZE]
                assert found == data
        for backend in self.backends:
            backend.close()


@pytest.mark.slow
@pytest.mark.parametrize("media", ["workers", "in place", "media", "faults"])
@pytest.mark.parametrize("room", [CHUNKS * CHUNK, 1 << 40], ids=["short", "roomy"])
@pytest.mark.parametrize("seed", range(2))
def test_everything_at_once(seed: int, room: int, media: str) -> None:
    machine = Machine(seed, rate=0.05, room=room, media=media)
    for _ in range(800):
        machine.step()
    machine.finish()
