"""A target in this thread: commands and IUs go directly to its engine, without a port, a queue or a client.

    from pysrp.backends import Ram
    from pysrp.fuzz.inprocess import InProcess
    from pysrp.target import Disk, LunMap

    target = InProcess(LunMap([(0, Disk(Ram(1 << 20)))]))
    answer = target.run(bytes.fromhex("120000006000"), room=96)      # INQUIRY
    assert answer.status == 0 and len(answer.data) == 96

For fuzzers, and for tests of your own commands. It has all parts of a session (LUNs, task sets, sense, residuals), and an
IU may be invalid in any way: :meth:`InProcess.send` takes any bytes for an IU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from pysrp import srp
from pysrp.errors import SrpError, TransportError
from pysrp.lun import Lun, scst_pack
from pysrp.target.answers import pack_command, pack_function
from pysrp.target.data import Chunk, DataMover
from pysrp.target.link import FOR_READING, FOR_WRITING, Done, Limits, Segment
from pysrp.target.login import Acquaintance
from pysrp.target.lunmap import LunMap
from pysrp.target.srp_session import Channel, SrpTask, TargetSession
from pysrp.target.task import Nexus

__all__ = ["Ending", "InProcess"]

CREDITS = 32
"""Requests that may be outstanding."""

LARGEST_IU = 4096
"""The most bytes of a response IU."""

PATIENCE = 30
"""Timeout, in seconds, of a command whose medium finishes later."""


class Ending(NamedTuple):
    """The result of a command: SCSI status, sense data, and data-in (without the residual)."""

    status: int
    sense: bytes
    data: bytes


class InProcess:
    """InProcess(luns, memory=1 << 20): one initiator that is logged in to a target with these LUNs.

    ``memory`` is the size of the initiator's memory in bytes. Addresses in IUs are offsets in it; other addresses are
    refused. Only the thread that made the object may use it. As for any new initiator, each unit first reports a unit
    attention.
    """

    limits: Limits = Limits(iu_in=LARGEST_IU, iu_out=LARGEST_IU, sense=252)
    allocate = bytearray

    violations: int

    def __init__(self, luns: LunMap, memory: int = 1 << 20) -> None:
        self.luns = luns
        self.memory: bytearray = bytearray(memory)
        self.violations = 0
        """How often the initiator violated the protocol; each time it logged in again."""
        self._far = memoryview(self.memory)
        self._tag = 0
        self._room = bytearray(LARGEST_IU)
        self._sent: list[bytes] = []
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._login()

    def _login(self) -> None:
        self._session = TargetSession(Nexus("inprocess", self._inbox.put), self.luns, self._inbox.put)
        Acquaintance().attend(self._session, login=True)
        self._channel = Channel(self._session, self, DataMover(self, None, self._inbox.put), CREDITS)

    def close(self) -> None:
        """Log out; tasks are aborted."""
        self._session.end()

    # What is done with it.

    def run(
        self,
        cdb: bytes,
        *,
        lun: Any = 0,
        data: bytes | bytearray | memoryview = b"",
        room: int = 0,
        attribute: int = 0,
    ) -> Ending:
        """Run one command to its end.

        ``cdb`` has 1 to 16 bytes. ``lun`` is SCST's number, or anything that :class:`pysrp.lun.Lun` takes. ``data`` is
        data-out; ``room`` bytes of data-in are announced. Raises ValueError where the memory is too small for both,
        SrpError if there is no answer.
        """
        if room + len(data) > len(self.memory):
            raise ValueError(f"{room} bytes in and {len(data)} out: the initiator has {len(self.memory)}")
        self._far[room : room + len(data)] = data
        self._tag += 1
        fields: dict[str, Any] = {"data_in": (0, room)} if room else {}
        if len(data):
            fields["data_out"] = (room, len(data))
        where = scst_pack(lun) if type(lun) is int else Lun(lun)
        iu = srp.Cmd.build(tag=self._tag, lun=where, task_attr=attribute, cdb=cdb, **fields)
        for each in self.send(bytes(iu)):
            answer = srp.Rsp(each)
            if answer.tag == self._tag:
                short = answer.data_in_res_cnt if answer.flags & srp.RspFlags.DIUNDER else 0
                return Ending(answer.status, bytes(answer.sense), bytes(self._far[: max(room - short, 0)]))
        raise SrpError("there was no answer")

    def send(self, iu: bytes) -> list[bytes]:
        """Send any bytes as an IU; returns the IUs that come back. SrpError if they violate the protocol, which ends the session."""
        self._sent = []
        try:
            if len(iu) < 16:
                self.violated(f"an IU of {len(iu)} bytes")
            self._channel.arrived(None, iu)
            self._work()
        except SrpError:
            self.violations += 1
            self._session.end()
            self._login()
            raise
        return self._sent

    def _work(self) -> None:
        """Run the loop until no task is under way."""
        while True:
            try:
                late = self._inbox.get(timeout=PATIENCE) if self._session.tasks else self._inbox.get_nowait()
            except Empty:
                return
            late()

    # pysrp.target.link

    def reach(self, segments: Sequence[Segment], access: int) -> list[memoryview]:
        """Segments of the initiator's memory."""
        for address, length, _ in segments:
            if address + length > len(self.memory):
                raise TransportError(f"{length} bytes at {address:#x} are not the initiator's")
        return [self._far[address : address + length] for address, length, _ in segments]

    def fetch(self, segments: Sequence[Segment], chunk: Chunk, done: Done) -> None:
        """Copy segments of the initiator's memory to staged memory."""
        at = 0
        for near in self.reach(segments, FOR_READING):
            chunk.view[at : at + len(near)] = near
            at += len(near)

    def store(self, chunk: Chunk, segments: Sequence[Segment], done: Done) -> None:
        """Copy staged memory to segments of the initiator's memory."""
        at = 0
        for near in self.reach(segments, FOR_WRITING):
            near[:] = chunk.view[at : at + len(near)]
            at += len(near)

    def answer(self, task: SrpTask, credits: int) -> bool:
        """Take the response to a command."""
        sense = task.sense[: self.limits.sense]
        return self._answer(task.channel, pack_command(self._room, task, credits, sense))

    def answer_function(
        self, channel: Channel, where: Any, tag: int, sol_not: int, credits: int, code: int
    ) -> bool:
        """Take the response to a task management function."""
        return self._answer(channel, pack_function(self._room, tag, sol_not, credits, code))

    def _answer(self, channel: Channel, length: int) -> bool:
        self._sent.append(bytes(self._room[:length]))
        channel.sent()
        return True

    def send_credits(self, channel: Channel, tag: int, credits: int) -> bool:
        """Nothing is sent: the credits go with the next response."""
        return False

    def flush(self) -> None:
        """Nothing to do: no element is held back."""

    def violated(self, reason: str, code: int = 0) -> None:
        """The initiator has violated the protocol."""
        raise SrpError(reason)
