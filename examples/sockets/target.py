"""A target port over socket pairs: sessions with any number of channels, in one loop."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from wire import IU, IU_SIZE, LARGEST, FarMemory, Message, Wire

from pysrp import srp
from pysrp.errors import DecodeError
from pysrp.srp import LoginRspFlags, ReqFlags
from pysrp.target.answers import pack_command, pack_function
from pysrp.target.backend_medium import Workers
from pysrp.target.data import DataMover
from pysrp.target.guarded import excused
from pysrp.target.link import Limits
from pysrp.target.login import Acquaintance, accept, immediate_offset, refusal, reject
from pysrp.target.lunmap import LunMap
from pysrp.target.srp_session import Channel, SrpTask, TargetSession
from pysrp.target.task import Nexus

BACKLOG = 4096
"""Most messages that may wait for an initiator that receives none."""

LIMITS = Limits(IU_SIZE, IU_SIZE, sense=252, channels=True, immediate=True, largest=LARGEST)


class Connection:
    """The link of one channel."""

    def __init__(self, target: SocketTarget, sock: socket.socket) -> None:
        self.target = target
        self.wire = Wire(sock)
        self.memory = FarMemory(self.wire)
        self.mover = DataMover(self.memory, target.workers, target.post)
        self.channel: Channel | None = None
        self._answer = bytearray(LIMITS.iu_out)
        self._exports: object = None
        """The units to whose media this connection keeps channels."""

    def readable(self) -> None:
        """Messages have arrived, or the peer has closed the connection."""
        for message in self.wire.receive():
            if message.kind != IU:
                if not self.memory.answered(message):
                    self.violated(f"message {message.kind} answers nothing")
            elif not 16 <= len(message.payload) <= LIMITS.iu_in:
                self.violated(f"an IU of {len(message.payload)} bytes")
            elif message.payload[0] == srp.Opcode.LOGIN_REQ:
                self.target.login(self, message.payload)
            elif self.channel is None or message.payload[0] == srp.Opcode.I_LOGOUT:
                self.wire.close()
            else:
                self.channel.arrived(None, message.payload)
            if self.wire.closed:
                break
        if self.wire.closed:
            self.target.lost(self)

    def follow(self) -> None:
        """Keep channels to the media that the units have now, and to no others."""
        media = self.mover.media
        if self.channel is not None and self._exports is not self.target.luns.exports:
            self._exports = self.target.luns.exports
            media.keep(self.channel.session.media())
        if media.leaving:
            media.let_go()

    # pysrp.target.link.Link

    def answer(self, task: SrpTask, credits: int) -> bool:
        """Send the SRP_RSP to a command."""
        length = pack_command(self._answer, task, credits, task.sense[: LIMITS.sense])
        return self._send(task.channel, length)

    def answer_function(
        self, channel: Channel, where: Any, tag: int, sol_not: int, credits: int, code: int
    ) -> bool:
        """Send the SRP_RSP to a task management function."""
        return self._send(channel, pack_function(self._answer, tag, sol_not, credits, code))

    def send_credits(self, channel: Channel, tag: int, credits: int) -> bool:
        """Send an SRP_CRED_REQ."""
        self.wire.send(Message(IU, payload=bytes(srp.CredReq.build(tag=tag, req_lim_delta=credits))))
        return not self.wire.closed

    def _send(self, channel: Channel, length: int) -> bool:
        self.wire.send(Message(IU, payload=bytes(self._answer[:length])))
        channel.sent()
        if self.wire.waiting > BACKLOG:
            self.violated("answers are not fetched")
        return not self.wire.closed

    def flush(self) -> None:
        """Send the waiting messages."""
        self.wire.flush()

    def violated(self, reason: str, code: int = 0) -> None:
        """End the connection."""
        self.target.violations.append(reason)
        self.wire.close()


class SocketTarget:
    """The sessions of one target port, found by the id of the initiator port. Everything happens in :meth:`turn`."""

    def __init__(self, luns: LunMap, workers: Workers | None = None, *, credits: int = 32) -> None:
        self.luns, self.workers, self.credits = luns, workers, credits
        self.sessions: dict[bytes, TargetSession] = {}
        self.violations: list[str] = []
        self._acquaintances: dict[bytes, Acquaintance] = {}
        self._inbox: deque[Callable[[], None]] = deque()
        self._bell, self._clapper = socket.socketpair()
        self._bell.setblocking(False)
        self._clapper.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._connections: set[Connection] = set()

    def connect(self, sock: socket.socket) -> Connection:
        """Serve an initiator at the other end of a SOCK_SEQPACKET socket."""
        connection = Connection(self, sock)
        self._connections.add(connection)
        self._selector.register(sock, selectors.EVENT_READ, connection)
        return connection

    def post(self, work: Callable[[], None]) -> None:
        """Let the loop call ``work``. From any thread."""
        self._inbox.append(work)
        with contextlib.suppress(OSError):  # the wake-up is pending already, or close() came first
            self._clapper.send(b"!")

    def turn(self, timeout: float | None = 0) -> None:
        """Handle everything that is ready; wait up to ``timeout`` seconds for it (None: for ever)."""
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                self._bell.recv(4096)
            elif key.data in self._connections:
                key.data.readable()
        for _ in range(len(self._inbox)):
            work = self._inbox.popleft()
            try:
                work()
            except Exception:
                if not excused(work):
                    raise
        for connection in list(self._connections):
            connection.follow()
            connection.flush()
            if connection.wire.closed:
                self.lost(connection)

    def login(self, connection: Connection, raw: bytes) -> None:
        """A login on a connection: it becomes a channel of a new session, or of one that its initiator port has."""
        try:
            request = srp.LoginReq(raw)
        except DecodeError as error:
            connection.violated(str(error))
            return
        reason = refusal(request, LIMITS, bytes(16))
        if reason is None and connection.channel is not None:
            reason = srp.LoginRejReason.UNABLE_ASSOCIATE_CHANNEL
        if reason is not None:
            connection.wire.send(Message(IU, payload=bytes(reject(request, LIMITS, reason))))
            return
        port = bytes(request.initiator_port_id)
        session, flags = self.sessions.get(port), LoginRspFlags(0)
        if session is not None and request.req_flags & ReqFlags.MULTICHAN_MULTI:
            flags = LoginRspFlags.MULTICHAN_MAINTAINED
        elif session is not None:
            flags = LoginRspFlags.MULTICHAN_TERMINATED
            for each in [each for each in self._connections if each.channel in session.channels]:
                each.wire.close()
                self.lost(each)
            session = None
        if session is None:
            nexus = Nexus(port.hex(), self.post, port, LIMITS.largest)
            session = self.sessions[port] = TargetSession(nexus, self.luns, self.post, name="sockets")
            self._acquaintances.setdefault(port, Acquaintance()).attend(session, login=True)
        connection.channel = Channel(
            session, connection, connection.mover, self.credits, immediate=immediate_offset(request, LIMITS)
        )
        connection.wire.send(Message(IU, payload=bytes(accept(request, LIMITS, self.credits, int(flags)))))

    def lost(self, connection: Connection) -> None:
        """A connection is closed; with its last channel a session ends."""
        if connection not in self._connections:
            return
        self._connections.remove(connection)
        self._selector.unregister(connection.wire.socket)
        connection.wire.socket.close()
        channel, connection.channel = connection.channel, None
        if channel is not None:
            session = channel.session
            session.drop(channel)
            if not session.channels:
                del self.sessions[session.nexus.port_id]
                session.end()
        connection.memory.lost()
        connection.mover.retire()

    def close(self) -> None:
        """End every session."""
        for connection in list(self._connections):
            connection.wire.close()
            self.lost(connection)
        self._selector.close()
        self._bell.close()
        self._clapper.close()
