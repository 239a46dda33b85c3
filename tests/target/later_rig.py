"""A session over a link that does with every copy what a test wants: now, later, not at all. No transport, one thread."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pysrp import srp
from pysrp.errors import HcallError, TransportError
from pysrp.lun import scst_pack
from pysrp.target.data import CHUNK, Chunk, DataMover
from pysrp.target.link import PENDING, Done, Later, Segment
from pysrp.target.lunmap import LunMap
from pysrp.target.srp_session import Channel, SrpTask, TargetSession
from pysrp.target.task import Nexus
from waiting import until

tags = itertools.count(0x1000)


@dataclass
class Answer:
    """What the link was told of one request."""

    status: int
    credits: int
    sense: bytes = b""
    moved_in: int = 0
    moved_out: int = 0
    function: bool = False


@dataclass(eq=False)
class Copy:
    """A copy that is under way."""

    inward: bool
    segments: Sequence[Segment]
    chunk: Chunk
    done: Done


class FarMemory:
    """The initiator's memory, of ``size`` bytes; segments have key 1.

    ``now`` says of each copy whether it is over at once, ``refuse`` what it raises or ends with.
    """

    def __init__(self, size: int = 8 << 20, room: int = 1 << 40) -> None:
        self.short: Exception = HcallError(-9, "no room")
        self.bytes = bytearray(size)
        self.room = room
        """What can still be allocated."""
        self.now: Callable[[], bool] = lambda: False
        self.refuse: Callable[[], Exception | None] = lambda: None
        self.under_way: list[Copy] = []

    def allocate(self, size: int, /) -> bytearray:
        self.room -= size
        if self.room < 0:
            self.room += size
            raise self.short
        return bytearray(size)

    def reach(self, segments: Sequence[Segment], access: int, /) -> None:
        return None

    def fetch(self, segments: Sequence[Segment], chunk: Chunk, done: Done, /) -> Later | None:
        return self._copy(Copy(False, list(segments), chunk, done))

    def store(self, chunk: Chunk, segments: Sequence[Segment], done: Done, /) -> Later | None:
        return self._copy(Copy(True, list(segments), chunk, done))

    def _copy(self, copy: Copy) -> Later | None:
        assert sum(size for _, size, _ in copy.segments) <= CHUNK
        if self.now():
            error = self.refuse()
            if error is not None:
                raise error
            self._do(copy)
            return None
        self.under_way.append(copy)
        return PENDING

    def _do(self, copy: Copy) -> None:
        at = 0
        for address, size, key in copy.segments:
            if key != 1 or address + size > len(self.bytes):
                raise TransportError("no such memory")
            part = copy.chunk.view[at : at + size]
            if copy.inward:
                self.bytes[address : address + size] = part
            else:
                part[:] = self.bytes[address : address + size]
            at += size

    def end(self, copy: Copy, error: Exception | None = None) -> None:
        """One of those that are under way is over."""
        self.under_way.remove(copy)
        if error is None:
            try:
                self._do(copy)
            except TransportError as wrong:
                error = wrong
        copy.done(error)

    def end_all(self, error: Exception | None = None) -> None:
        while self.under_way:
            self.end(self.under_way[0], error)


class FarLink:
    """Keeps the answers by tag."""

    def __init__(self) -> None:
        self.answers: dict[int, Answer] = {}
        self.violations: list[str] = []
        self.deaf = False
        """Whether answers cannot be written."""
        self.channel: Any = None

    def answer(self, task: SrpTask, credits: int, /) -> bool:
        return self._keep(task.tag, Answer(task.status, credits, task.sense, task.moved_in, task.moved_out))

    def answer_function(
        self, channel: Channel, where: Any, tag: int, sol_not: int, credits: int, code: int, /
    ) -> bool:
        return self._keep(tag, Answer(code, credits, function=True))

    def _keep(self, tag: int, answer: Answer) -> bool:
        self.channel.sent()
        if self.deaf:
            return False
        assert tag not in self.answers, "answered twice"
        self.answers[tag] = answer
        return True

    def send_credits(self, channel: Channel, tag: int, credits: int, /) -> bool:
        return False

    def flush(self) -> None:
        pass

    def violated(self, reason: str, code: int = 0, /) -> None:
        self.violations.append(reason)


class LaterRig:
    """One session with a channel; ``memory`` and ``link`` are its."""

    def __init__(
        self, luns: LunMap, workers: Any = None, *, room: int = 1 << 40, name: str = "a", credits: int = 64
    ) -> None:
        self.luns = luns
        self.inbox: deque[Callable[[], None]] = deque()
        self.session = TargetSession(Nexus(name, self.inbox.append), luns, self.inbox.append, name=name)
        self.memory = FarMemory(room=room)
        self.mover = DataMover(self.memory, workers, self.inbox.append)
        self.link = FarLink()
        self.channel = self.link.channel = Channel(self.session, self.link, self.mover, credits)

    def turn(self) -> None:
        while self.inbox:
            self.inbox.popleft()()

    def settle(self, condition: Callable[[], Any]) -> None:
        def turned() -> Any:
            self.turn()
            return condition()

        until(turned)

    def cmd(self, lun: int, cdb: bytes | str, *, out: Any = (), room: Any = (), **fields: Any) -> int:
        """Send a command, with addresses and lengths of its data; its tag."""
        raw = bytes.fromhex(cdb) if isinstance(cdb, str) else cdb
        tag = next(tags)
        if out:
            fields["data_out"] = (out[0], 1, out[1])
        if room:
            fields["data_in"] = (room[0], 1, room[1])
        iu = srp.Cmd.build(tag=tag, lun=bytes(scst_pack(lun, "LUN")), cdb=raw.ljust(16, b"\0"), **fields)
        self.channel.arrived(None, bytes(iu))
        return tag

    def manage(self, lun: int, function: int, task_tag: int = 0) -> int:
        tag = next(tags)
        iu = srp.TskMgmt.build(
            tag=tag, lun=bytes(scst_pack(lun, "LUN")), tsk_mgmt_func=function, task_tag=task_tag
        )
        self.channel.arrived(None, bytes(iu))
        return tag

    def check(self) -> None:
        """Nothing is left of what has been done."""
        assert not self.session.tasks
        assert not self.memory.under_way
        assert not self.session._copying
        assert not self.session.quiet.waiting
        assert not self.mover.staging.busy
        assert not self.mover.staging.waiting
        assert self.session.outstanding == 0
