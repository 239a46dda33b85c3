"""An initiator port over socket pairs: a channel is a connection with an SRP session of its own."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from wire import IU, IU_SIZE, LARGEST, Message, NearMemory, Region, Wire

from pysrp import srp
from pysrp.errors import PartnerGone
from pysrp.initiator.ius import IuMemory
from pysrp.initiator.requests import Command, Exchange, Request, TaskManagement
from pysrp.initiator.srp_session import Limits, SrpSession
from pysrp.lun import Lun
from pysrp.srp import SupportedFormats

SLOTS, SEGMENTS, INLINE = 40, 64, 8
MULTICHANNEL = int(srp.LoginRspFlags.MULTICHAN_TERMINATED | srp.LoginRspFlags.MULTICHAN_MAINTAINED)
ASKING = bytes([srp.Opcode.CRED_REQ]), bytes([srp.Opcode.AER_REQ])
IMMEDIATE = 68
"""Where immediate data begins: behind a command with a CDB of up to 32 bytes."""
LIMITS = Limits(IU_SIZE, INLINE, SupportedFormats.DIRECT | SupportedFormats.INDIRECT, IMMEDIATE, LARGEST)


@dataclass(frozen=True)
class Options:
    """The timeouts: :class:`pysrp.initiator.srp_session.Patience`."""

    task_timeout: int = 60
    patience: float = 2.0
    give_up: float = 4.0
    strict: bool = True


class SocketInitiator:
    """One channel. ``turn`` runs the other end, if that is in the same thread."""

    limits = LIMITS

    def __init__(self, sock: socket.socket, port_id: bytes, turn: Callable[[], None] = lambda: None) -> None:
        self.wire = Wire(sock)
        self.memory = NearMemory(self.wire)
        self.port_id = port_id
        self._turn = turn
        region = self.memory.register(IuMemory.size(SLOTS, IU_SIZE, SEGMENTS))
        self._ius = IuMemory(
            region.view, region.address, slots=SLOTS, iu_size=IU_SIZE, segments=SEGMENTS, inline=INLINE, key=region.key,
            near=self.memory.near,
        )  # fmt: skip
        log: Any = logging.LoggerAdapter(logging.getLogger("pysrp.initiator"), {})
        self.session = SrpSession(self, self._ius, Options(), log)
        self.login_flags = 0
        self._exchange: Exchange | None = None

    # pysrp.initiator.srp_session.Link

    def send(self, slot: int, length: int, seconds: float) -> None:
        """Send the IU in a slot."""
        start = slot * IU_SIZE
        self.wire.send(Message(IU, payload=bytes(self._ius.view[start : start + length])))

    # For a caller.

    def login(self, *, join: bool = False) -> int:
        """Log in, as another channel of this port's session with ``join``. Returns what happened to the other channels.

        Raises LoginRejected, PartnerGone.
        """
        flags = srp.ReqFlags.MULTICHAN_MULTI if join else 0
        self._exchange = self.session.login(
            time.monotonic(), 60, initiator_port_id=self.port_id, req_flags=int(flags)
        )
        self._until(lambda: self._exchange is None)
        if self.session.refusal is not None:
            raise self.session.refusal
        return self.login_flags

    def submit(self, request: Command | TaskManagement) -> None:
        """Send a command or task management function as soon as there is credit for it."""
        self.session.submit(request, time.monotonic())
        if not self.session.stage:
            self.session.send_waiting()

    def run(self, lun: Lun, cdb: bytes, *, data: bytes = b"", room: int = 0, cuts: int = 1) -> Result:
        """Send a command and wait: ``data`` is data-out, ``room`` the most bytes of data-in, in ``cuts`` segments."""
        region = self.memory.register(max(len(data), room))
        region.view[: len(data)] = data
        segments = cut(region, len(data) or room, cuts)
        command = Command(lun, cdb, segments if data else (), segments if room else ())
        self.submit(command)
        self.wait(command)
        if command.error is not None:
            raise command.error
        assert command.status is not None
        moved = 0 if data else room - command.residual
        return Result(command.status, command.sense, bytes(region.view[:moved]), command.residual)

    def poll(self) -> None:
        """Handle the messages that have arrived."""
        for message in self.wire.receive():
            if message.kind == IU:
                self._iu(message.payload)
            else:
                self.memory.arrived(message)
        if self.wire.closed:
            gone = PartnerGone("the connection was closed")
            self._exchange = None
            self.session.lost(gone, replay=False)
            self.session.refuse(gone)
        self.wire.flush()
        self.session.tick(time.monotonic())

    def wait(self, request: Request) -> None:
        """Wait until the command has ended, in whatever way."""
        self._until(lambda: request.ended)
        self.session.ended.clear()

    def _until(self, over: Callable[[], bool]) -> None:
        while not over():
            self._turn()
            self.poll()

    def _iu(self, iu: bytes) -> None:
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            error = self.session.login_answered(exchange, iu)
            if error is not None:
                self.session.refuse(error)
            else:
                self.login_flags = int(srp.LoginRsp(iu).rsp_flags) & MULTICHANNEL
                self.session.stage = ""
        elif iu[:1] in ASKING:
            answer = self.session.asked(iu)
            if answer is not None:
                self.wire.send(Message(IU, payload=answer))
            if self.wire.waiting > SLOTS:
                self.wire.close()  # the target sends requests, and takes no answers
        elif len(iu) >= 16:
            self.session.answered(int.from_bytes(iu[8:16], "big"), iu, time.monotonic())
        self.session.send_waiting()


class Result(NamedTuple):
    """How a command ended."""

    status: int
    sense: bytes
    data: bytes
    residual: int


def cut(region: Region, length: int, count: int) -> list[tuple[int, int, int]]:
    """The first ``length`` bytes of a region as ``count`` segments."""
    ends = [length * n // count for n in range(1, count + 1)]
    return [
        (region.address + start, end - start, region.key)
        for start, end in zip([0, *ends], ends, strict=False)
        if end > start
    ]
