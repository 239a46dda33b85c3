"""One VIO server adapter: joins one SRP session to a command/response queue (LoPAR, virtual SCSI; SRP r16a).

:class:`ServerAdapter` joins a port (:mod:`.server_queue`), the state machine (:mod:`.server_states`), datagrams
(:mod:`.server_mads`) and the session (:mod:`pysrp.target.srp_session`). It belongs to one thread, which calls
:meth:`ServerAdapter.process` whenever the port has something, with the time of any monotonic clock::

    adapter = ServerAdapter(port, luns)
    adapter.enable()
    while not adapter.removed:
        port.wait(until(adapter.process(time.monotonic())))

What it does about protocol errors. Errors inside an IU are handled by the session:

====================================================  ======================================================
queue element or IU                                   answer
====================================================  ======================================================
unknown header or format; IU length below 16 or       protocol violation: log, T_LOGOUT if the client parked
above 256; an IU that cannot be fetched; unknown      a buffer for it, close the queue and open it again
opcode, or one that only targets send; a command
before login; more commands than credits
I_LOGOUT                                              tasks aborted, the element is answered
LOGIN_REQ in a session of the same initiator port     the session goes on; its limit less what is under way
LOGIN_REQ of another initiator port                   the old session ends, as single channel logins say
====================================================  ======================================================

About a second login: when both sides send INIT at once, Linux logs in twice, and between the two logins it sends commands
that must be answered. At each login it sets its count of credits to REQUEST LIMIT DELTA of the answer, and forgets its own.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from pysrp import crq, srp
from pysrp.errors import (
    DecodeError,
    HcallError,
    SrpError,
    TransportError,
)
from pysrp.loglimit import limit
from pysrp.srp import LoginRejReason
from pysrp.target.backend_medium import Workers
from pysrp.target.data import DataMover
from pysrp.target.guarded import excused
from pysrp.target.login import Acquaintance, accept, refusal, reject
from pysrp.target.lunmap import LunMap
from pysrp.target.srp_session import Channel, TargetSession
from pysrp.target.task import Nexus, Unit
from pysrp.vscsi.dma import Dma
from pysrp.vscsi.gathered import SMALLEST_IU
from pysrp.vscsi.server_link import LIMITS, ServerLink, answered
from pysrp.vscsi.server_mads import ClientInfo, MadServer
from pysrp.vscsi.server_queue import BACKLOG, BATCH, CrqPort, ServerQueue
from pysrp.vscsi.server_settings import Settings
from pysrp.vscsi.server_states import TRANSITIONS, Action, Event, State

__all__ = ["ServerAdapter", "Settings"]

log: logging.Logger = limit(logging.getLogger("pysrp.target"))

ROUNDS = 16
RESERVED_SLOTS = 16
ANSWERED = crq.Status.OK
CMD, TSK_MGMT = int(srp.Opcode.CMD), int(srp.Opcode.TSK_MGMT)

EVENTS = {
    crq.TransportEvent.MIGRATED: Event.MIGRATE,
    crq.TransportEvent.PREPARE_FOR_SUSPEND: Event.SUSPEND,
    crq.TransportEvent.RESUME: Event.RESUME,
}
"""Transport events after which the connection goes on, or can be enabled again."""


def _carry_out(inbox: deque[Callable[[], None]]) -> None:
    """Call the functions that were posted until now. Those that they post are left for the next turn."""
    for _ in range(len(inbox)):
        try:
            work = inbox.popleft()
        except IndexError:  # another thread was faster
            return
        try:
            work()
        except Exception:
            if not excused(work):
                raise


class ServerAdapter:
    """The server's end of one adapter. ``workers`` runs calls that may block; without it, this thread makes them.

    Plain reads and writes are done by :mod:`pysrp._fast.lane` where the transport shares memory, unless ``fast`` is False.

    ``state`` is the connection's, ``session`` that of the login (None without one), ``client`` the client's adapter info.
    """

    def __init__(
        self,
        port: CrqPort,
        luns: LunMap,
        settings: Settings | None = None,
        workers: Workers | None = None,
        *,
        fast: bool = True,
    ) -> None:
        self.port = port
        self.luns = luns
        self.settings: Settings = settings or Settings()
        self.state: State = State.WAIT_ENABLED
        self.enabled: bool = False
        self.session: TargetSession | None = None
        self.name: str = f"{port.identity.unit_address:08x}"
        self.queue: ServerQueue = ServerQueue(port, self.name, fast=fast)
        self._dma = Dma(port)
        self.mover: DataMover = DataMover(self._dma, workers, self.post)
        self._inbox: deque[Callable[[], None]] = deque()
        self._channel: Channel | None = None
        self._mads = MadServer(self._dma)
        self._link = ServerLink(self.queue, self._mads, self.flush, self.violated)
        self._iu = port.allocate(LIMITS.iu_in)
        self._view = memoryview(self._iu).cast("B")
        self._acquaintance = Acquaintance()
        self._turned_away = False
        self._opened: Any = None
        """The version of the LUN map that the lane's grants are for; None if it has none."""

    def __repr__(self) -> str:
        return f"<ServerAdapter {self.name} {self.state.name}>"

    # For the administrator; to be called in the owner's thread.

    @property
    def client(self) -> ClientInfo:
        """The client's adapter info; empty until the client has sent it."""
        return self._mads.client

    def enable(self) -> None:
        """Let the client log in: open the queue and send INIT. After a rejected login, reset the connection for a new one."""
        self.enabled = True
        if self._turned_away:
            self._turned_away = False
            self._fire(Event.RESTART)
        self._fire(Event.ENABLE)

    def disable(self) -> None:
        """End the session and abort its tasks. The queue is closed, which the client sees as a transport event.

        It stays closed. With the setting ``reject_disabled`` it is opened again, but logins are rejected.
        """
        self.enabled = False
        for event in (Event.RESTART, Event.ENABLE) if self.settings.reject_disabled else (Event.DISABLE,):
            self._fire(event)

    def remove(self) -> None:
        """Close the queue for good. When that is done, the state is REMOVED, and the caller can close the port."""
        self._fire(Event.REMOVE)

    def retire(self) -> None:
        """Release everything before the port is closed, in any state; nothing more is sent to the client."""
        self._end_session()
        self.queue.retire()
        self.state = State.REMOVED
        self._link.retire()
        self._view.release()
        self.mover.retire()
        _carry_out(self._inbox)

    def when_idle(self, unit: Unit, done: Callable[[], None]) -> None:
        """Call ``done`` as soon as this session has no task for ``unit``."""
        if self.session is None:
            done()
        else:
            self.session.when_idle(unit, done)

    # For the driver.

    @property
    def removed(self) -> bool:
        """Whether :meth:`remove` is done."""
        return self.state is State.REMOVED

    def post(self, work: Callable[[], None]) -> None:
        """Have :meth:`process` call ``work``. May be called from any thread."""
        self._inbox.append(work)
        if self.state is State.REMOVED:
            _carry_out(self._inbox)  # process() is not called any more; each function is called once
        else:
            self.port.wake()

    def process(self, now: float) -> float | None:
        """Do what can be done now. Returns the time for the next call even if the port has nothing, None if there is no need.

        ``now`` and the result are seconds of the same monotonic clock.
        """
        queue = self.queue
        queue.now = now
        for _ in range(ROUNDS):
            if self._inbox:
                _carry_out(self._inbox)
            if self.mover.media.leaving:
                self.mover.media.let_go()
            if queue.calling is not None and now >= queue.due:
                self._fire(queue.call())
            if self.state in DEAF:
                break
            if queue.out:
                self.flush()
            more = self._receive_some()
            waiting = len(queue.out)
            if waiting > BACKLOG:
                self.violated("answers are not fetched")
            if not more and not self._inbox and (not waiting or queue.backlog or queue.held is not None):
                break
        else:
            return now  # there is more to do, but the caller has its turn now
        return queue.due if queue.calling or queue.backlog else queue.rest()

    def _receive_some(self) -> bool:
        """Process a batch of elements; False when none are left."""
        queue = self.queue
        for _ in range(BATCH):
            if queue.batch:
                raw: bytes | None = queue.batch.pop()
            else:
                if queue.out and not queue.backlog:
                    self.flush()  # before the lane runs, as it sends its answers at once: answers keep their order
                raw = queue.next(self._channel, self._laid())
            if not raw:
                return raw is not None
            self._receive(raw)
            if self.state in DEAF:
                queue.discard()
                break
        return True

    def _laid(self) -> bool:
        """Whether the lane may do plain commands now. If so, it has the grants of the current LUN map."""
        session, lane = self.session, self.queue.lane
        if session is None or self.state is not State.SRP_PROCESSING:
            return False
        if self._opened is not self.luns.exports or (lane is not None and lane.revoked):
            self._opened = self.luns.exports
            if lane is not None:
                lane.bind(session.grants(), self.mover.media.native)
            self.mover.media.keep(session.media())
        return lane is not None

    # The state machine.

    def _fire(self, event: Event | None) -> None:
        step = None if event is None else TRANSITIONS[self.state].get(event)
        if step is None or event is None:
            return
        if step.state is not self.state:
            log.debug("%s: %s: %s -> %s", self.name, event.name, self.state.name, step.state.name)
        self.state = step.state
        for action in step.actions:
            ACTIONS[action](self)
        if self.state is State.REMOVED:
            _carry_out(self._inbox)

    def flush(self) -> None:
        """Send the elements that wait, as far as the client's queue has room."""
        self._fire(self.queue.flush())

    def _register(self) -> None:
        try:
            there = self.port.register()
        except SrpError as error:
            log.error("%s: %s", self.name, error)
            self._fire(Event.FAILED)
            return
        if there:
            self.queue.send((INIT, None))

    def _send_init_complete(self) -> None:
        self.queue.send((INIT_COMPLETE, None))
        log.info("%s: partner initialized", self.name)

    def _free(self) -> None:
        self._mads.reset()
        self._fire(self.queue.begin(self.port.free))

    def _enable_queue(self) -> None:
        self._mads.reset()
        self._fire(self.queue.begin(self.port.enable))

    def _end_session(self) -> None:
        session, self.session, self._channel = self.session, None, None
        if session is None:
            return
        session.end()
        self.queue.unbind()
        self.mover.media.keep(set())
        self._opened = None

    def _forget_client(self) -> None:
        self.queue.clear()
        self._mads.forget()

    def violated(self, reason: str, code: int = srp.TLogoutReason.NO_REASON) -> None:
        """The client broke the protocol: log it, send a T_LOGOUT if there is a buffer for it, and reset the connection."""
        log.error("%s: protocol violation: %s", self.name, reason)
        if self.queue.event_ahead():
            # A transport event follows in the queue: the error belongs to the old connection, which is over.
            self._fire(Event.CLIENT_GONE)
            return
        parked, self._mads.parked = self._mads.parked, None
        if parked is not None and self.session is not None:
            logout = srp.TLogout.build(reason=code, tag=parked.tag)
            try:
                self._dma.write(parked.buffer, memoryview(logout))
            except TransportError as error:
                log.warning("%s: T_LOGOUT: %s", self.name, error)
            else:
                self.queue.send((answered(crq.Format.SRP, ANSWERED, logout.SIZE, parked.tag), None))
        self._fire(Event.VIOLATION)

    # Elements.

    def _receive(self, raw: bytes) -> None:
        header, form, reserved, status, _, length, address = crq.Element.unpack(raw)
        if header == crq.Valid.TRANSPORT_EVENT:
            log.info("%s: transport event %d, status %d", self.name, form, status)
            self._fire(EVENTS.get(form, Event.PARTNER_LOST))
        elif self.queue.held is not None:
            self.queue.held.append(raw)
        elif self.state is State.CLIENT_FAILED and header != crq.Valid.INIT:
            pass
        elif header == crq.Valid.CMD_RESP:
            if form == crq.Format.SRP:
                self._srp(address, length)
            elif form in MAD_FORMATS:
                self._mad(address, length, form)
            elif form == crq.Format.MESSAGE_IN_CRQ:
                # LoPAR has the code in byte 2 in one place, in byte 3 in another.
                if crq.PingCode.PING in (reserved, status):
                    self.queue.send((PONG, None))
            else:
                self.violated(f"element of format {form:#x}")
        elif header == crq.Valid.INIT and form == crq.InitFormat.INIT:
            self._fire(Event.INIT)
        elif header == crq.Valid.INIT and form == crq.InitFormat.INIT_COMPLETE:
            self._fire(Event.INIT_COMPLETE)
        else:
            self.violated(f"element with header {header:#x}, format {form:#x}")

    def _fetch_iu(self, address: int, length: int) -> bytes | None:
        """Copy the IU once, as the client can still change its memory; None if there is none, which has been handled."""
        if not SMALLEST_IU <= length <= LIMITS.iu_in:
            self.violated(f"IU of {length} bytes")
            return None
        ius = self.queue.ius
        if ius is not None and (found := ius.take(address, length)) is not None:
            return found
        try:
            self.port.copy_in(address, self._iu, 0, length)
        except TransportError as error:
            if self.port.connected:
                self.violated(f"IU at {address:#x}: {error}")
            else:
                self._fire(Event.CLIENT_GONE)  # the transport event comes next
            return None
        return bytes(self._view[:length])

    def _srp(self, address: int, length: int) -> None:
        if self.state is State.WAIT_CONNECTION:
            self.violated("an SRP IU before INIT")
            return
        raw = self._fetch_iu(address, length)
        if raw is None:
            return
        opcode = raw[0]
        if opcode == srp.Opcode.LOGIN_REQ:
            self._login(raw, address)
        elif self._channel is None and opcode in (CMD, TSK_MGMT) and not self._begun_without_login():
            pass  # _begun_without_login has reported the violation
        elif self._channel is None:
            self.violated(f"an IU with opcode {opcode:#x}", srp.TLogoutReason.INVALID_IU_TYPE)
        elif opcode == srp.Opcode.I_LOGOUT:
            self._fire(Event.LOGOUT)
            self.queue.send((answered(crq.Format.SRP, ANSWERED, srp.ILogout.SIZE, tag_of(raw)), None))
        else:
            self._channel.arrived(address, raw)

    # Sessions.

    def _begun_without_login(self) -> bool:
        """Begin a session for a client that does not log in. False after reporting a violation, if that is not possible."""
        if self.settings.require_login or not self.enabled:
            self.violated("a command before login")
        elif not prepared(self):
            self.violated("no memory for a session")
        else:
            self._acquaintance.attend(
                self._open(port_id(self.port.partner), per_target=True).session, login=False
            )
            return True
        return False

    def _login(self, raw: bytes, address: int) -> None:
        try:
            request = srp.LoginReq(raw)
        except DecodeError as error:
            self.violated(f"SRP_LOGIN_REQ: {error}")
            return
        reason = self._login_fault(request)
        if reason is None and not prepared(self):
            reason = LoginRejReason.INSUFFICIENT_RESOURCES
        answer: srp.IU
        if reason is None:
            before = self.session
            channel, credits = self._log_in(port_id(self.port.partner, bytes(request.initiator_port_id)))
            session = channel.session
            self._acquaintance.attend(session, login=True)
            flags = srp.LoginRspFlags.MULTICHAN_TERMINATED if before not in (None, session) else 0
            answer = accept(request, LIMITS, credits, flags)
            log.info("%s: SRP_LOGIN of %s succeeded", self.name, session.nexus.name)
        else:
            log.warning("%s: SRP_LOGIN rejected: %s", self.name, reason.name)
            answer = reject(request, LIMITS, reason)
        status = self._link.write(address, bytes(answer))
        self.queue.send((answered(crq.Format.SRP, status, answer.SIZE, tag_of(raw)), None))

    def _login_fault(self, request: srp.LoginReq) -> LoginRejReason | None:
        if not self.enabled:
            self._turned_away = True
            return LoginRejReason.INSUFFICIENT_RESOURCES
        reason = refusal(request, LIMITS, self.settings.target_port_id)
        if reason is None and self.session is not None and not self.settings.relogin:
            return LoginRejReason.CHANNEL_LIMIT_REACHED
        return reason

    def _log_in(self, port_id: bytes) -> tuple[Channel, int]:
        """The channel of an initiator port, in a new session unless it has one, and the credits for the login's answer."""
        session, channel = self.session, self._channel
        if session is None or channel is None or session.nexus.port_id != port_id:
            channel = self._open(port_id, self.settings.report_per_target)
            return channel, channel.limit
        session.take_over()  # so that the lane's requests count as outstanding, too
        session.per_target = self.settings.report_per_target
        # Answers that wait to be sent arrive before the login's answer, so the client forgets their credits.
        to_come = channel.outstanding - self.queue.waiting(channel)
        channel.allow(channel.limit)
        channel.owed = 0
        return channel, max(channel.limit - to_come, 0)

    def _open(self, port_id: bytes, per_target: bool) -> Channel:
        """Begin a session. The current one, if any, ends."""
        self._fire(Event.LOGIN)
        relative_port = self.settings.relative_port or 1
        nexus = Nexus(self._mads.name(self.port.partner), self.post, port_id, relative_port=relative_port)
        self._tell(nexus)
        arrivals = self.queue.arrivals
        arrivals.before = arrivals.seen = 0
        slots = self.port.queue_size // 16 - RESERVED_SLOTS
        credits = max(min(self.settings.request_limit, slots), 2)
        session = TargetSession(nexus, self.luns, self.post, name=self.name, per_target=per_target)
        self.session, self._channel = session, Channel(session, self._link, self.mover, credits, arrivals)
        return self._channel

    def _tell(self, nexus: Nexus) -> None:
        announced = self._mads.announced
        nexus.overrun = not self._mads.client.linux
        nexus.announced = announced is not None
        nexus.max_transfer = self.settings.max_transfer if announced is None else announced

    # Datagrams.

    def _mad(self, address: int, length: int, form: int) -> None:
        if self.state is State.WAIT_CONNECTION:
            return
        raw = self._fetch_iu(address, length)
        if raw is None:
            return
        before = self._mads.announced
        session = self.session
        answer = self._mads.answer(
            raw, self.settings.host(self.port.identity, self.luns), session is not None
        )[:length]
        if session is not None:
            session.nexus.name = self._mads.name(self.port.partner)
            self._tell(session.nexus)
            if self._mads.announced != before:
                self._opened = None
                session.told_limits()
        status = self._link.write(address, answer)
        self.queue.send((answered(form, status, len(answer), tag_of(raw)), None))


def prepared(adapter: ServerAdapter) -> bool:
    """Allocate the memory that a session needs; False if there is none."""
    try:
        adapter.mover.prepare()
    except (HcallError, MemoryError) as error:
        log.error("%s: no memory for a session: %r", adapter.name, error)
        return False
    return True


def port_id(partner: Any, given: bytes = bytes(16)) -> bytes:
    """The initiator port identifier: ``given`` from the login, or if that is zero, as from Linux, the unit address."""
    unit = partner.unit_address if partner else 0
    return given if any(given) else (unit & 0xFFFFFFFF).to_bytes(16, "big")


def tag_of(raw: bytes) -> int:
    """The tag, which is at the same offset in every IU and datagram."""
    return int.from_bytes(raw[8:16], "big")


INIT = bytes(crq.Element.init())
INIT_COMPLETE = bytes(crq.Element.init_complete())
PONG = bytes(crq.Element.ping(crq.PingCode.PING_RESPONSE))
MAD_FORMATS = crq.Format.MAD, crq.Format.OS400, crq.Format.AIX, crq.Format.LINUX

DEAF = (
    State.WAIT_ENABLED,
    State.MIGRATED,
    State.ERR_DISCONNECT_RECONNECT,
    State.ERR_DISCONNECT,
    State.UNCONFIGURING,
    State.ERR_DISCONNECTED,
    State.REMOVED,
)
"""States in which elements are not taken from the queue."""

ACTIONS: dict[Action, Callable[[ServerAdapter], None]] = {
    Action.REGISTER: ServerAdapter._register,
    Action.FREE: ServerAdapter._free,
    Action.ENABLE_QUEUE: ServerAdapter._enable_queue,
    Action.SEND_INIT: lambda adapter: adapter.queue.send((INIT, None)),
    Action.SEND_INIT_COMPLETE: ServerAdapter._send_init_complete,
    Action.END_SESSION: ServerAdapter._end_session,
    Action.FORGET_CLIENT: ServerAdapter._forget_client,
    Action.HOLD: lambda adapter: adapter.queue.hold(),
    Action.LET_GO: lambda adapter: adapter.queue.let_go(),
}
