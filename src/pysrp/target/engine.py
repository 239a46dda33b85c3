"""The engine of one VIO server adapter: elements in, data and answers out (SRP r16a, LoPAR virtual SCSI).

:class:`Target` joins a port, the state machine (:mod:`.states`), datagrams (:mod:`.mads`), the exported units
(:mod:`.lunmap`) and the task sets (:mod:`.taskset`). It belongs to one thread, which calls
:meth:`Target.process` whenever the port has something, with the time of any monotonic clock::

    target = Target(port, luns)
    target.enable()
    while target.state is not State.REMOVED:
        port.wait(until(target.process(time.monotonic())))

What it answers to what is out of place (drivers differ much in this):

====================================================  ======================================================
queue element or IU                                   answer
====================================================  ======================================================
unknown header or format; IU length below 16 or       protocol violation: log, T_LOGOUT if the client parked
above 256; an IU that cannot be fetched; unknown      a buffer for it, close the queue and open it again
opcode, or one that only targets send; a command
before login; more commands than credits
CMD with bad descriptors or too short for what        CHECK CONDITION, 05/0E/03 INVALID FIELD IN COMMAND
it claims                                             INFORMATION UNIT
descriptors that lead outside the client's memory     CHECK CONDITION, 0B/4B/00 DATA PHASE ERROR
task attribute ACA; unassigned ones                   CHECK CONDITION, 0B/49/00; as ORDERED
TSK_MGMT too short, LUN without a unit                response code 2, REQUEST FIELDS INVALID
unknown function, CLEAR ACA (there is no ACA)         response code 4, FUNCTION NOT SUPPORTED
I_LOGOUT                                              tasks aborted, the element is answered
LOGIN_REQ in a session of the same initiator port     the session goes on; its limit less what is under way
LOGIN_REQ of another initiator port                   the old session ends, as single channel logins say
====================================================  ======================================================

Residuals. UNDER is set where fewer bytes moved than the descriptors allow, OVER where the command wanted
more, with the difference, as SRP has it. Linux looks at the OVER flags alone, and takes the count for bytes
that did *not* move. So a client that calls itself Linux in its adapter info finds, for the first case, both
flags set (who looks for UNDER first reads the same count), and for the second none: the flag would tell it
that data is missing which has come. So it could not learn that a WRITE wanted more than it offered; its WRITE
ends with 05/0E/03, and nothing is written.

Credits. Every answer to a CMD or TSK_MGMT gives one back. An aborted command has no answer: the answer to
the function that aborted it gives its credit back too. Linux counts such commands itself and so counts them
twice; that many more than the limit are not held against a client.

Two logins. When both sides say INIT at once, Linux logs in for each, and between the two it sends commands whose
answers it waits for. It sets its count of credits to what a login says, whatever has come back meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from pysrp import crq, mad, srp
from pysrp._fast.fabric import Adapter
from pysrp._fast.lane import Lane
from pysrp.errors import (
    ConfigError,
    DecodeError,
    HcallError,
    PartnerGone,
    SrpError,
    TransportError,
    check_number,
    check_text,
)
from pysrp.loglimit import limit
from pysrp.lun import Lun
from pysrp.mad import OsType
from pysrp.srp import RspCode, RspFlags, SolNot, TaskAttribute, TskMgmtFunc
from pysrp.target.data import DataMover, DmaPort
from pysrp.target.direct import doors
from pysrp.target.lunmap import LunMap
from pysrp.target.mads import Client, Host, MadServer
from pysrp.target.states import TRANSITIONS, Action, Event, State
from pysrp.target.task import (
    INVALID_FIELD_IN_IU,
    INVALID_MESSAGE,
    Nexus,
    Segment,
    Task,
    Unit,
    Workers,
)
from pysrp.target.taskset import TaskSet

__all__ = ["Settings", "Target"]

log = limit(logging.getLogger("pysrp.target"))

IU_SIZE = 256
"""Largest IU of virtual SCSI (viosrp.h)."""

SMALLEST_IU = 16
SMALLEST_LOGIN = 64
SENSE_SIZE = 96
"""What ibmvscsi has room for."""

LARGEST_TABLE = 65536
"""Bytes of an indirect table: 4096 descriptors."""

SMALLEST_TRANSFER = 4096
"""Bytes of the largest block: with less a disk could not be read."""

LEAST_TRANSFER = 0x40000
"""Bytes that every client may expect (LoPAR)."""

BATCH = 256
ROUNDS = 16
BACKLOG = 4096
RESERVED_SLOTS = 16
EXTRA_CREDITS = 1024
TASK_ABORTED = 0x40
POWER_ON = 0x29, 0x00
NEXUS_LOSS = 0x29, 0x07
REPORT_LUNS = 0xA0
READ_WRITE = 0x08, 0x0A
HARDWARE_ERROR = 4
ANSWERED = crq.Status.OK
FORMATS = int(srp.SupportedFormats.DIRECT | srp.SupportedFormats.INDIRECT)

SNSVALID = int(RspFlags.SNSVALID)
DOOVER, DOUNDER = int(RspFlags.DOOVER), int(RspFlags.DOUNDER)
DIOVER, DIUNDER = int(RspFlags.DIOVER), int(RspFlags.DIUNDER)
SCSOLNT, UCSOLNT = int(SolNot.SCSOLNT), int(SolNot.UCSOLNT)

EVENTS = {
    crq.TransportEvent.MIGRATED: Event.MIGRATE,
    crq.TransportEvent.PREPARE_FOR_SUSPEND: Event.SUSPEND,
    crq.TransportEvent.RESUME: Event.RESUME,
}
"""Transport events that do not mean that the partner is lost."""


@dataclass(frozen=True)
class Settings:
    """What an administrator can say about a target. Lengths in bytes.

    ``partition_name`` and ``partition_number`` default to those of the port. ``os_type`` 3 (AIX) makes Linux
    send fast fail and capabilities. ``max_transfer`` is announced as port_max_txu. ``request_limit`` are the
    credits of a session, 2 at least. ``require_login`` False also serves clients that never log in, such as
    SLOF. With ``relogin`` False a login in a session is rejected, as ibmvscsis does. With ``reject_disabled`` a
    disabled target keeps its queue open and rejects logins, as ibmvstgt did; otherwise it closes the queue, as
    ibmvscsis does.
    ``report_per_target``: as SLOF understands it, see :meth:`LunMap.report_luns`; that is so anyway without
    login. ``name`` is the adapter's, for capabilities. ``target_port_id`` is what a login may ask for besides
    zeros.
    """

    partition_name: str = ""
    partition_number: int | None = None
    os_type: int = OsType.LINUX
    max_transfer: int = 1 << 26
    request_limit: int = 128
    require_login: bool = True
    relogin: bool = True
    reject_disabled: bool = False
    report_per_target: bool = False
    name: str = "ibmvstgt"
    target_port_id: bytes = bytes(16)

    def __post_init__(self) -> None:
        check_text("partition name", self.partition_name, mad.AdapterInfoData.partition_name.size)
        check_text("name", self.name, mad.CapabilitiesData.name.size)
        if self.partition_number is not None:
            check_number("partition number", self.partition_number, 0, 0xFFFFFFFF)
        check_number("OS type", self.os_type, 0, 0xFFFFFFFF)
        check_number("max transfer", self.max_transfer, SMALLEST_TRANSFER, 0xFFFFFFFF)
        check_number("request limit", self.request_limit, 1, 0x7FFFFFFF)
        if len(self.target_port_id) != 16:
            raise ConfigError(f"a target port id of {len(self.target_port_id)} bytes, it has 16")


class Port(DmaPort, Protocol):
    """What is needed of a :class:`pysrp.fabric.Port`."""

    identity: Any
    queue_size: int

    @property
    def partner(self) -> Any:
        """The other end."""

    @property
    def connected(self) -> bool:
        """Whether both queues are open."""

    def register(self) -> bool:
        """H_REG_CRQ."""

    def free(self) -> None:
        """H_FREE_CRQ."""

    def enable(self) -> None:
        """H_ENABLE_CRQ."""

    def send_many(self, elements: Sequence[bytes], /) -> int:
        """H_SEND_CRQ."""

    def poll(self, max: int, /) -> list[bytes]:
        """Take elements."""

    def wake(self) -> None:
        """Make the owner call :meth:`Target.process`."""


class Command(Task):
    """A task, and where its answer goes."""

    __slots__ = ("address", "session", "sol_not")
    address: int
    sol_not: int
    session: Session


class Session:
    """One login: its credits and its tasks."""

    def __init__(self, nexus: Nexus, limit: int, per_target: bool) -> None:
        self.nexus = nexus
        self.per_target = per_target
        self.limit = limit
        self.allowed = limit
        """How many requests may be outstanding: the limit, and what a client may have counted twice."""
        self.outstanding = 0
        """Requests whose answer has not been sent."""
        self.before = self.seen = 0
        """How many there were when elements were last taken from the queue, and how many were among those."""
        self.owed = 0
        """Credits that could not be given back, as an answer could not be written."""
        self.tasks: dict[Command, None] = {}
        self.sets: dict[Unit, TaskSet] = {}
        self.over = False
        self.told = False
        """Whether a login has told what it means for the units that this is a new nexus."""
        self.idle: list[tuple[Unit, Callable[[], None]]] = []
        self.found: dict[bytes, Any] = {}
        self.exports: Any = None
        self.opened: Any = None
        """The map for which the short way is laid."""

    def allow(self, more: int) -> None:
        """Do not hold it against the client if it has counted that many credits twice."""
        self.allowed = min(self.allowed + more, self.limit + EXTRA_CREDITS)

    def find(self, luns: LunMap, lun: bytes) -> Any:
        """What is at a LUN; asked for each command, so remembered until the map changes."""
        if luns.exports is not self.exports:
            self.exports, self.found = luns.exports, {}
        try:
            return self.found[lun]
        except KeyError:
            export = luns.find(self.nexus, lun)
            if len(self.found) < 1024:
                self.found[lun] = export
            return export

    def busy(self, unit: Unit) -> bool:
        """Whether there is a task for a unit."""
        return any(task.unit is unit for task in self.tasks)

    def tell_idle(self) -> None:
        """Call those who waited for a unit that has no tasks any more."""
        ready = [done for unit, done in self.idle if not self.busy(unit)]
        self.idle = [(unit, done) for unit, done in self.idle if self.busy(unit)]
        for done in ready:
            done()


@dataclass(eq=False)
class Reset:
    """A LOGICAL UNIT RESET that waits until the unit's other nexuses have ended their tasks."""

    answer: Callable[[], None]
    unit: Unit
    waiting: int


class Target:
    """The engine of one adapter. ``workers`` runs what may block; without it, that is done in place.

    Plain reads and writes of disks in memory are done by :mod:`pysrp._fast.lane` where the transport shares
    memory too; not with ``fast`` False.

    ``state`` says where it is, ``session`` is the login (None without one), ``client`` who the client is.
    """

    def __init__(
        self,
        port: Port,
        luns: LunMap,
        settings: Settings | None = None,
        workers: Workers | None = None,
        *,
        fast: bool = True,
    ) -> None:
        self.port = port
        self.luns = luns
        self.settings = settings or Settings()
        self.state = State.WAIT_ENABLED
        self.enabled = False
        self.session: Session | None = None
        self.name = f"{port.identity.unit_address:08x}"
        self._inbox: deque[Callable[[], None]] = deque()
        self._mover = DataMover(port, workers, self.post)
        self._mads = MadServer(self._mover)
        self._iu = port.allocate(2 * IU_SIZE)
        self._request = memoryview(self._iu).cast("B")[:IU_SIZE]
        self._answer = memoryview(self._iu).cast("B")[IU_SIZE:]
        # What waits for room in the client's queue, and beside each element the session whose credit it is.
        self._out: deque[bytes] = deque()
        self._credits: deque[Session | None] = deque()
        self._backlog = False
        self._held: list[bytes] | None = None
        self._batch: list[bytes] = []
        self._calling: Callable[[], None] | None = None
        # The initiator port of the last login, and of the last session.
        self._known: bytes | None = None
        self._seen: bytes | None = None
        self._turned_away = False
        self._lane = Lane(port) if fast and isinstance(port, Adapter) else None
        self._now = 0.0
        self._due = 0.0
        self._pause = 0.0

    def __repr__(self) -> str:
        return f"<Target {self.name} {self.state.name}>"

    # For the administrator: owner's thread.

    @property
    def client(self) -> Client:
        """Who the client is, by its adapter info."""
        return self._mads.client

    def enable(self) -> None:
        """Let the client log in: open the queue and greet it. One whose login was rejected begins anew."""
        self.enabled = True
        if self._turned_away:
            self._turned_away = False
            self._fire(Event.RESTART)
        self._fire(Event.ENABLE)

    def disable(self) -> None:
        """End the session, whose tasks are aborted. The client sees its server go down.

        It stays down; with ``reject_disabled`` it comes back, but lets nobody log in.
        """
        self.enabled = False
        for event in (Event.RESTART, Event.ENABLE) if self.settings.reject_disabled else (Event.DISABLE,):
            self._fire(event)

    def remove(self) -> None:
        """Close the queue for good. When that is done the state is REMOVED; closing the port is up to you."""
        self._fire(Event.REMOVE)

    def retire(self) -> None:
        """The port is about to be closed: whatever the state is, the client hears nothing any more."""
        self._end_session()
        self._clear()
        self.state = State.REMOVED
        self._request.release()
        self._answer.release()
        self._mover.retire()
        self._errands()

    def when_idle(self, unit: Unit, done: Callable[[], None]) -> None:
        """Call ``done`` as soon as this session has no task for ``unit``."""
        if self.session is None or not self.session.busy(unit):
            done()
        else:
            self.session.idle.append((unit, done))

    # For the driver.

    @property
    def removed(self) -> bool:
        """Whether :meth:`remove` is done."""
        return self.state is State.REMOVED

    def post(self, work: Callable[[], None]) -> None:
        """Let :meth:`process` call ``work``. From any thread."""
        self._inbox.append(work)
        if self.state is State.REMOVED:
            self._errands()  # nobody else will; each is taken once, whoever takes it
        else:
            self.port.wake()

    def process(self, now: float) -> float | None:
        """Do what is to be done; when to call again even if nothing comes, None if there is no need.

        ``now`` and the result are seconds of the same clock.
        """
        self._now = now
        for _ in range(ROUNDS):
            self._errands()
            if self._calling and now >= self._due:
                self._call()
            if self.state in DEAF:
                break
            self._flush()
            more = self._receive_some()
            if len(self._out) > BACKLOG:
                self._violation("answers are not fetched")
            if not more and not self._inbox and (not self._out or self._backlog or self._held is not None):
                break
        else:
            return now  # there is more, but the caller may have something else to do
        return self._due if self._calling or self._backlog else None

    def _receive_some(self) -> bool:
        """Deal with a batch of elements; False when there were none."""
        for count in range(BATCH):
            raw = self._batch.pop() if self._batch else self._next()
            if not raw:
                return raw is not None or count > 0
            self._receive(raw)
            if self.state in DEAF:
                self._discard()
                break
        return True

    def _next(self) -> bytes | None:
        """The next element; None if there is none now, nothing if something else should be done first."""
        if self._out and not self._backlog:
            self._flush()  # answers keep their order: the lane sends its own at once
        lane, session = self._lane, self.session
        if lane is None:
            if session is not None:
                session.before, session.seen = session.outstanding, 0
            self._batch = self.port.poll(BATCH)
            self._batch.reverse()
            return self._batch.pop() if self._batch else None
        fast = (
            session is not None
            and self.state is State.SRP_PROCESSING
            and not self._backlog
            and self._held is None
            and not session.owed
        )
        outstanding = allowed = 0
        if session is not None:
            outstanding, allowed = session.outstanding, session.allowed
        if fast:
            assert session
            if session.opened is not self.luns.exports:
                session.opened = self.luns.exports
                visible = self.luns.visible(session.nexus)
                lane.bind(doors(visible, session.nexus, session.sets), session.nexus.max_transfer)
        raw = lane.next(fast, outstanding, allowed)
        if raw is None:
            if lane.signalled:
                # Who watches the descriptor is told of what comes from now on only by a poll that sees nothing.
                self._batch = self.port.poll(BATCH)
                self._batch.reverse()
                return self._batch.pop() if self._batch else None
        elif len(raw) == 1:
            assert session
            session.outstanding += 1
            self._send(lane.unsent(), session)
            return b""
        return raw

    def _discard(self) -> None:
        """What has been taken from the queue belongs to a connection that is over."""
        self._batch.clear()
        if self._lane is not None:
            self._lane.clear()

    def _errands(self) -> None:
        while self._inbox:
            try:
                work = self._inbox.popleft()
            except IndexError:
                return
            work()

    # The state machine.

    def _fire(self, event: Event) -> None:
        step = TRANSITIONS[self.state].get(event)
        if step is None:
            return
        if step.state is not self.state:
            log.debug("%s: %s: %s -> %s", self.name, event.name, self.state.name, step.state.name)
        self.state = step.state
        for action in step.actions:
            ACTIONS[action](self)
        if self.state is State.REMOVED:
            self._errands()

    def _register(self) -> None:
        try:
            there = self.port.register()
        except SrpError as error:
            log.error("%s: %s", self.name, error)
            self._fire(Event.FAILED)
            return
        if there:
            self._send_init()

    def _send_init(self) -> None:
        self._send(INIT)

    def _send_init_complete(self) -> None:
        self._send(INIT_COMPLETE)
        log.info("%s: partner initialized", self.name)

    def _free(self) -> None:
        self._begin(self.port.free)

    def _enable_queue(self) -> None:
        self._begin(self.port.enable)

    def _begin(self, call: Callable[[], None]) -> None:
        """A hypervisor call that ends the connection: what belonged to it is void, once answers are sent."""
        if self._out:
            with contextlib.suppress(TransportError):
                self.port.send_many(self._out)
        self._clear()
        self._discard()
        self._mads.reset()
        self._calling = call
        self._call()

    def _call(self) -> None:
        """Make that call, which may have to be repeated."""
        assert self._calling
        event = Event.DONE
        try:
            self._calling()
        except HcallError as error:
            again = retry_after(error.code)
            if again is not None:
                self._due = self._now + again
                return
            log.error("%s: %s", self.name, error)
            event = Event.FAILED
        except ValueError:
            log.debug("%s: the port is closed", self.name)
        self._calling = None
        self._fire(event)

    def _clear(self) -> None:
        """Forget what waits to be sent, and what was held back."""
        self._out.clear()
        self._credits.clear()
        self._backlog = False
        self._held = None

    def _end_session(self) -> None:
        session, self.session = self.session, None
        if session is None:
            return
        session.over = True
        if self._lane is not None:
            self._lane.bind((), 0)
        self._abort(session, list(session.tasks))
        self.luns.unbind(session.nexus)
        log.info("%s: session of %s ended", self.name, session.nexus.name)

    def _forget_client(self) -> None:
        self._clear()
        self._mads.forget()

    def _hold(self) -> None:
        self._held = []

    def _let_go(self) -> None:
        held, self._held = self._held or [], None
        self._batch.extend(reversed(held))

    def _violation(self, why: str, reason: int = srp.TLogoutReason.NO_REASON) -> None:
        log.error("%s: protocol violation: %s", self.name, why)
        if any(raw[0] == crq.Valid.TRANSPORT_EVENT for raw in self._batch) or (
            self._lane is not None and self._lane.event_ahead()
        ):
            # The client has gone already, so this was its old connection: what follows is the new one.
            self._fire(Event.CLIENT_GONE)
            return
        parked, self._mads.parked = self._mads.parked, None
        if parked is not None and self.session is not None:
            logout = srp.TLogout.build(reason=reason, tag=parked.tag)
            try:
                self._mover.store([(parked.buffer, logout.SIZE)], memoryview(logout))
            except TransportError as error:
                log.warning("%s: T_LOGOUT: %s", self.name, error)
            else:
                self._send(answered(crq.Format.SRP, ANSWERED, logout.SIZE, parked.tag))
        self._fire(Event.VIOLATION)

    # Elements.

    def _receive(self, raw: bytes) -> None:
        header, form, reserved, status, _, length, address = crq.Element.unpack(raw)
        if header == crq.Valid.TRANSPORT_EVENT:
            log.info("%s: transport event %d, status %d", self.name, form, status)
            self._fire(EVENTS.get(form, Event.PARTNER_LOST))
        elif self._held is not None:
            self._held.append(raw)
        elif self.state is State.CLIENT_FAILED and header != crq.Valid.INIT:
            pass
        elif header == crq.Valid.CMD_RESP:
            if form == crq.Format.SRP:
                self._srp(address, length)
            elif form in MAD_FORMATS:
                self._mad(address, length, form)
            elif form == crq.Format.MESSAGE_IN_CRQ:
                # LoPAR has the code in byte 2 and in byte 3.
                if crq.PingCode.PING in (reserved, status):
                    self._send(PONG)
            else:
                self._violation(f"element of format {form:#x}")
        elif header == crq.Valid.INIT and form == crq.InitFormat.INIT:
            self._fire(Event.INIT)
        elif header == crq.Valid.INIT and form == crq.InitFormat.INIT_COMPLETE:
            self._fire(Event.INIT_COMPLETE)
        else:
            self._violation(f"element with header {header:#x}, format {form:#x}")

    def _fetch_iu(self, address: int, length: int) -> bytes | None:
        """The IU as private bytes: copied once, then believed."""
        if not SMALLEST_IU <= length <= IU_SIZE:
            self._violation(f"IU of {length} bytes")
            return None
        try:
            self.port.copy_in(address, self._iu, 0, length)
        except TransportError as error:
            if self.port.connected:
                self._violation(f"IU at {address:#x}: {error}")
            else:
                self._fire(Event.CLIENT_GONE)  # its transport event comes next
            return None
        return bytes(self._request[:length])

    def _send(self, raw: bytes, session: Session | None = None) -> None:
        self._out.append(raw)
        self._credits.append(session)

    def _flush(self) -> None:
        """Send what waits, as far as the client's queue has room."""
        out = self._out
        while out and self._held is None:
            try:
                sent = self.port.send_many(out)
            except PartnerGone:
                self._clear()
                self._fire(Event.CLIENT_GONE)
                return
            except HcallError as error:
                log.error("%s: %s", self.name, error)
                self._clear()
                self._fire(Event.VIOLATION)
                return
            if not sent:
                # H_DROPPED: the answers are written, only the elements wait. A client that takes nothing
                # for a while is tried ever more rarely.
                if not self._backlog or self._now >= self._due:
                    self._pause = min(2 * self._pause, 1.0) if self._backlog else 0.001
                    self._due = self._now + self._pause
                    self._backlog = True
                return
            for _ in range(sent):
                out.popleft()
                session = self._credits.popleft()
                if session is not None:
                    session.outstanding -= 1
        self._backlog = False

    # Datagrams.

    def _mad(self, address: int, length: int, form: int) -> None:
        if self.state is State.WAIT_CONNECTION:
            return
        raw = self._fetch_iu(address, length)
        if raw is None:
            return
        before = self._mads.announced
        answer = self._mads.answer(raw, self._host(), self.session is not None)[:length]
        if self.session is not None:
            self.session.nexus.name = self._client_name()
            self._tell(self.session.nexus)
            if self._mads.announced != before:
                self.session.exports = self.session.opened = None
                self.luns.bind(self.session.nexus)
        status = self._write(address, answer)
        self._send(answered(form, status, len(answer), tag_of(raw)))

    def _host(self) -> Host:
        settings, identity = self.settings, self.port.identity
        number = settings.partition_number
        limits = [unit.max_transfer for unit in {export.unit for export in self.luns}]
        least = [limit for limit in limits if limit is not None and limit >= LEAST_TRANSFER]
        return Host(
            settings.partition_name or identity.partition_name,
            identity.partition_number if number is None else number,
            settings.os_type,
            min([settings.max_transfer, *least]),
            settings.name,
            identity.location_code,
        )

    def _tell(self, nexus: Nexus) -> None:
        announced = self._mads.announced
        nexus.overrun = not self._mads.client.linux
        nexus.announced = announced is not None
        nexus.max_transfer = self.settings.max_transfer if announced is None else announced

    # IUs.

    def _srp(self, address: int, length: int) -> None:
        if self.state is State.WAIT_CONNECTION:
            self._violation("an SRP IU before INIT")
            return
        raw = self._fetch_iu(address, length)
        if raw is None:
            return
        opcode = raw[0]
        if opcode == srp.Opcode.LOGIN_REQ:
            self._login(raw, address)
            return
        if self.session is None and opcode in (srp.Opcode.CMD, srp.Opcode.TSK_MGMT):
            if self.settings.require_login or not self.enabled:
                self._violation("a command before login")
                return
            if not self._prepared():
                self._violation("no memory for a session")
                return
            self._attend(self._open(self._port_id(), per_target=True), login=False)
        session = self.session
        if opcode == srp.Opcode.CMD or opcode == srp.Opcode.TSK_MGMT:
            assert session
            count = self._lane or session
            if count.before + count.seen >= session.allowed:
                self._violation(f"more than {session.limit} requests at once")
                return
            count.seen += 1
            session.outstanding += 1
            if opcode == srp.Opcode.CMD:
                self._command(session, raw, address)
            else:
                self._manage(session, raw, address)
        elif opcode == srp.Opcode.I_LOGOUT and session is not None:
            self._fire(Event.LOGOUT)
            self._send(answered(crq.Format.SRP, ANSWERED, srp.ILogout.SIZE, tag_of(raw)))
        else:
            self._violation(f"an IU with opcode {opcode:#x}", srp.TLogoutReason.INVALID_IU_TYPE)

    def _login(self, raw: bytes, address: int) -> None:
        try:
            request = srp.LoginReq(raw)
        except DecodeError as error:
            self._violation(f"SRP_LOGIN_REQ: {error}")
            return
        reason = self._login_fault(request)
        if reason is None and not self._prepared():
            reason = srp.LoginRejReason.INSUFFICIENT_RESOURCES
        if reason is None:
            before = self.session
            session, credits = self._log_in(self._port_id(bytes(request.initiator_port_id)))
            self._attend(session, login=True)
            answer: srp.IU = srp.LoginRsp.build(
                req_lim_delta=credits,
                tag=request.tag,
                max_it_iu_len=IU_SIZE,
                max_ti_iu_len=IU_SIZE,
                buf_fmt=FORMATS,
                rsp_flags=srp.LoginRspFlags.MULTICHAN_TERMINATED if before not in (None, session) else 0,
            )
            log.info("%s: SRP_LOGIN of %s succeeded", self.name, session.nexus.name)
        else:
            log.warning("%s: SRP_LOGIN rejected: %s", self.name, reason.name)
            answer = srp.LoginRej.build(reason=reason, tag=request.tag, buf_fmt=FORMATS)
        status = self._write(address, bytes(answer))
        self._send(answered(crq.Format.SRP, status, answer.SIZE, tag_of(raw)))

    def _login_fault(self, request: srp.LoginReq) -> srp.LoginRejReason | None:
        reasons = srp.LoginRejReason
        if not self.enabled:
            self._turned_away = True
            return reasons.INSUFFICIENT_RESOURCES
        size = request.req_it_iu_len
        if size > IU_SIZE:
            return reasons.REQ_IT_IU_LENGTH_TOO_LARGE
        if 0 < size < SMALLEST_LOGIN:  # 0 is FreeBSD's, which has it elsewhere
            return reasons.UNABLE_ESTABLISH_CHANNEL
        if request.req_buf_fmt & 0xFF & ~FORMATS:
            return reasons.UNSUPPORTED_DESCRIPTOR_FMT
        if any(request.target_port_id) and bytes(request.target_port_id) != self.settings.target_port_id:
            return reasons.UNABLE_ASSOCIATE_CHANNEL
        if request.req_flags & 3:
            return reasons.MULTI_CHANNEL_UNSUPPORTED
        if self.session is not None and not self.settings.relogin:
            return reasons.CHANNEL_LIMIT_REACHED
        return None

    def _prepared(self) -> bool:
        """Whether there is the memory that a session needs."""
        try:
            self._mover.prepare()
        except HcallError as error:
            log.error("%s: no memory for a session: %s", self.name, error)
            return False
        return True

    def _port_id(self, given: bytes = bytes(16)) -> bytes:
        """An initiator port's id; that of one that gives none, as Linux, is its unit address."""
        return given if any(given) else (self._client_unit() & 0xFFFFFFFF).to_bytes(16, "big")

    def _client_unit(self) -> int:
        partner = self.port.partner
        return partner.unit_address if partner else 0

    def _client_name(self) -> str:
        partner = self.port.partner
        return (
            self.client.partition_name
            or (partner.partition_name if partner else "")
            or f"{self._client_unit():08x}"
        )

    def _log_in(self, port_id: bytes) -> tuple[Session, int]:
        """The session of an initiator port, begun unless it is there, and the credits that the port has now."""
        session = self.session
        if session is None or session.nexus.port_id != port_id:
            session = self._open(port_id, self.settings.report_per_target)
            return session, session.limit
        session.per_target = self.settings.report_per_target
        # Answers that are on their way arrive before the login's, so their credits are those of the time before.
        to_come = session.outstanding - sum(each is session for each in self._credits)
        session.allow(session.limit)
        session.owed = 0
        return session, max(session.limit - to_come, 0)

    def _attend(self, session: Session, *, login: bool) -> None:
        """Tell a nexus that is new or comes back what that means for its units (SAM-5, 5.14 and 6.3.4).

        A new one: power on. One that comes back: nexus loss, as its reservations are void. Firmware does not
        log in, and may not expect the first; so what it is told takes nothing from the operating system that
        logs in after it.
        """
        port_id = session.nexus.port_id
        code = NEXUS_LOSS if port_id in (self._known, None if login else self._seen) else POWER_ON
        news = not session.told if login else code is NEXUS_LOSS
        self._seen = port_id
        if login:
            self._known, session.told = port_id, True
        if news:
            for export in self.luns.visible(session.nexus):
                export.unit.attention(*code, session.nexus)

    def _open(self, port_id: bytes, per_target: bool) -> Session:
        """Begin a session; one that there is ends."""
        self._fire(Event.LOGIN)
        nexus = Nexus(self._client_name(), self.post, port_id)
        self._tell(nexus)
        slots = self.port.queue_size // 16 - RESERVED_SLOTS
        session = Session(nexus, max(min(self.settings.request_limit, slots), 2), per_target)
        nexus.abort = partial(self._abort_for_other, session)
        self.session = session
        if self._lane is not None:
            self._lane.before = self._lane.seen = 0
        self.luns.bind(nexus)
        return session

    # Commands.

    def _command(self, session: Session, raw: bytes, address: int) -> None:
        task = Command.__new__(Command)
        task.session, task.address = session, address
        try:
            iu = srp.Cmd(raw)
        except DecodeError:
            task.sol_not = raw[1]
            Task.__init__(
                task,
                session.nexus,
                Lun(),
                tag_of(raw),
                bytes(16),
                unit=None,
                mover=self._mover,
                finish=self._finish,
            )
            session.tasks[task] = None
            task.check(INVALID_FIELD_IN_IU)
            return
        task.sol_not = raw[1]
        fault: Exception | None = None
        out: list[Segment] = []
        inward: list[Segment] = []
        out_length = in_length = 0
        cdb = raw[32:48]
        try:
            if raw[31] & 0xFC:
                cdb = bytes(iu.cdb)
            if raw[5]:
                out, out_length = self._segments(iu.data_out, raw[5] >> 4)
                inward, in_length = self._segments(iu.data_in, raw[5] & 15)
        except (DecodeError, TransportError) as error:
            fault = error
        lun = raw[20:28]
        export = session.find(self.luns, lun)
        Task.__init__(
            task,
            session.nexus,
            Lun(lun),
            tag_of(raw),
            cdb,
            unit=export.unit if export else None,
            mover=self._mover,
            finish=self._finish,
            attribute=raw[29] & 7,
            data_out=out,
            data_in=inward,
            data_out_length=out_length,
            data_in_length=in_length,
            read_only=export.read_only if export else False,
        )
        session.tasks[task] = None
        if fault is not None:
            log.warning("%s: %r: %s", self.name, task, fault)
            task.check(INVALID_FIELD_IN_IU)
        elif task.attribute == TaskAttribute.ACA:
            task.check(INVALID_MESSAGE)
        elif cdb[0] == REPORT_LUNS:
            task.attempt(self.luns.report_luns, task, session.per_target)
        elif export is None:
            task.attempt(self.luns.absent, task)
        else:
            if task.attribute not in ATTRIBUTES:
                task.attribute = TaskAttribute.ORDERED
            unit = export.unit
            tasks = session.sets.get(unit)
            if tasks is None:
                tasks = session.sets[unit] = TaskSet(begin)
            tasks.add(task)

    def _segments(self, descriptor: Any, form: int) -> tuple[list[Segment], int]:
        """What a descriptor allows: stretches of the client's memory, and bytes in all."""
        if form == srp.BufferFormat.NONE:
            return [], 0
        if isinstance(descriptor, srp.DirectBuf):
            length = descriptor.len
            return [(descriptor.va, length)], length
        if isinstance(descriptor, srp.IndirectBuf):
            entries = self._entries(descriptor)
            segments = [(entry.va, entry.len) for entry in entries]
            return segments, min(sum(length for _, length in segments), descriptor.len)
        raise DecodeError(f"buffer format {form} was not agreed on at login", field="buf_fmt", offset=5)

    def _entries(self, descriptor: srp.IndirectBuf) -> list[srp.DirectBuf]:
        """The entries of an indirect descriptor: those in the IU, the rest from where the table is."""
        table, inline = descriptor.table_desc, descriptor.desc_list
        va, length, have = table.va, table.len, 16 * len(inline)
        if have < length <= LARGEST_TABLE and not length % 16:
            rest = self._mover.fetch([(va + have, length - have)], length - have)
            return [*inline, *(srp.DirectBuf(rest[at : at + 16]) for at in range(0, length - have, 16))]
        return descriptor.segments(
            lambda va, length: self._mover.fetch([(va, length)], length), limit=LARGEST_TABLE
        )

    def _finish(self, task: Task) -> None:
        """A task has ended: answer it."""
        assert isinstance(task, Command)
        session = task.session
        del session.tasks[task]
        flags = 0  # plain numbers: operators of enum flags are slow
        out_residual = in_residual = 0
        linux = self._mads.client.linux
        if task.data_out_length or task.wanted_out:
            under, over, out_residual = residual(
                task.data_out_length, task.wanted_out, task.moved_out, task.status, linux
            )
            flags |= (DOUNDER if under else 0) | (DOOVER if over else 0)
        if task.data_in_length or task.wanted_in:
            under, over, in_residual = residual(
                task.data_in_length, task.wanted_in, task.moved_in, task.status, linux
            )
            flags |= (DIUNDER if under else 0) | (DIOVER if over else 0)
        sense = task.sense[:SENSE_SIZE]
        if sense:
            flags |= SNSVALID
        delta = 1 + session.owed
        wish = UCSOLNT if task.status else SCSOLNT
        length = srp.Rsp.pack_into(
            self._answer,
            sol_not=1 if int(task.sol_not) & wish else 0,
            req_lim_delta=delta,
            tag=task.tag,
            status=task.status,
            data_out_res_cnt=out_residual,
            data_in_res_cnt=in_residual,
            sense=sense,
            flags=flags,
        )
        crq_status = int(crq.Status.VIOLATES_MAX_XFER) if task.too_large else 0
        if self._mads.fast_fail and task.cdb[0] & 0x1F in READ_WRITE and sense_key(sense) == HARDWARE_ERROR:
            crq_status = int(crq.Status.ADAPTER_FAIL)
        if not self._reply(session, task.address, length, task.tag, delta, crq_status):
            task.undelivered()
        if task.unit is not None:
            tasks = session.sets.get(task.unit)
            if tasks is not None:
                tasks.discard(task)
                tasks.pump()
        if session.idle:
            session.tell_idle()

    def _reply(
        self, session: Session, address: int, length: int, tag: int, delta: int, crq_status: int = 0
    ) -> bool:
        """Write the answer that lies in our memory over its request, and tell the client; whether it is written."""
        try:
            self.port.copy_out(self._iu, address, IU_SIZE, length)
        except TransportError as error:
            log.warning("%s: answer at %#x: %s", self.name, address, error)
            crq_status, length = int(crq.Status.NONRECOVERABLE_ERR), 0
            session.owed = delta
        else:
            session.owed = 0
        self._send(answered(crq.Format.SRP, crq_status, length, tag), session)
        return bool(length)

    def _write(self, address: int, answer: bytes) -> int:
        """Write an answer over its request; the status byte for its element."""
        self._answer[: len(answer)] = answer
        try:
            self.port.copy_out(self._iu, address, IU_SIZE, len(answer))
        except TransportError as error:
            log.warning("%s: answer at %#x: %s", self.name, address, error)
            return int(crq.Status.NONRECOVERABLE_ERR)
        return int(ANSWERED)

    # Task management.

    def _manage(self, session: Session, raw: bytes, address: int) -> None:
        tag, sol_not = tag_of(raw), raw[1]
        answer = partial(self._managed, session, address, tag, sol_not)
        try:
            iu = srp.TskMgmt(raw)
        except DecodeError:
            answer(RspCode.FIELDS_INVALID)
            return
        export = session.find(self.luns, raw[20:28])
        function = int(iu.tsk_mgmt_func)
        log.info("%s: task management function %#x, LUN %s", self.name, function, raw[20:28].hex())
        if function not in FUNCTIONS:
            answer(RspCode.TSK_MGMT_FUNC_NOT_SUPP)
        elif export is None:
            answer(RspCode.FIELDS_INVALID)
        else:
            unit = export.unit
            tasks = [task for task in session.tasks if task.unit is unit]
            if function == TskMgmtFunc.ABORT_TASK:
                # No such task is a success too: it has ended, which is what was asked for (SAM-5, 7.2).
                tasks = [task for task in tasks if task.tag == iu.task_tag]
            # CLEAR TASK SET is ABORT TASK SET: each nexus has a task set of its own (TST 001b).
            aborted = len(tasks)
            self._abort(session, tasks)
            if function == TskMgmtFunc.LUN_RESET:
                self._reset(session, unit, partial(answer, RspCode.NO_FAILURE, aborted))
            else:
                answer(RspCode.NO_FAILURE, aborted)
            if unit in session.sets:
                session.sets[unit].pump()

    def _managed(
        self, session: Session, address: int, tag: int, sol_not: int, code: int, aborted: int = 0
    ) -> None:
        """Answer a task management function; with it, the credits of the commands that it aborted."""
        if session.over:
            return
        session.outstanding -= aborted
        session.allow(aborted)
        delta = 1 + aborted + session.owed
        wish = UCSOLNT if code else SCSOLNT
        srp.Rsp.pack_into(
            self._answer,
            sol_not=1 if int(sol_not) & wish else 0,
            req_lim_delta=delta,
            tag=tag,
            resp_data=bytes((0, 0, 0, code)),
        )
        self._reply(session, address, srp.Rsp.SIZE + 4, tag, delta)

    def _take_back(self, session: Session, tasks: Sequence[Command]) -> None:
        """Nothing more happens in these tasks, and they stand in nobody's way."""
        transfers = [task.transfer for task in tasks if task.transfer is not None]
        # Those that wait for staged memory first: what a running one gives back must not start them.
        for transfer in sorted(transfers, key=lambda transfer: transfer.job is not None):
            transfer.cancel()
        for task in tasks:
            task.transfer = None
            if task.unit in session.sets:
                session.sets[task.unit].discard(task)

    def _abort(self, session: Session, tasks: Sequence[Command]) -> None:
        """End tasks without an answer."""
        self._take_back(session, tasks)
        for task in tasks:
            task.aborted = task.ended = True
            del session.tasks[task]
        session.tell_idle()

    def _reset(self, session: Session, unit: Unit, answer: Callable[[], None]) -> None:
        """LOGICAL UNIT RESET: the tasks of every nexus end before it is done."""
        others = [nexus for nexus in unit.nexuses() if nexus is not session.nexus]
        reset = Reset(answer, unit, len(others))
        for nexus in others:
            nexus.post(partial(nexus.abort, unit, partial(self.post, partial(self._acknowledged, reset))))
        if not others:
            self._reset_done(reset)

    def _acknowledged(self, reset: Reset) -> None:
        reset.waiting -= 1
        if not reset.waiting:
            self._reset_done(reset)

    def _reset_done(self, reset: Reset) -> None:
        reset.unit.reset()
        reset.answer()

    def _abort_for_other(self, session: Session, unit: Unit, done: Callable[[], None]) -> None:
        """Another nexus resets the unit: our tasks end TASK ABORTED, so that they cost no credit."""
        tasks = [task for task in session.tasks if task.unit is unit]
        self._take_back(session, tasks)
        for task in tasks:
            task.end(TASK_ABORTED)
        self._flush()
        done()


def begin(task: Task) -> None:
    """Hand a task to its unit."""
    task.attempt(task.unit.execute, task)


def residual(offered: int, wanted: int, moved: int, status: int, linux: bool) -> tuple[bool, bool, int]:
    """Whether UNDER and OVER are set for one direction, and the count with them.

    Of a command that failed it matters more how much has been moved than how much would not have been.
    """
    if wanted > offered and (not status or moved == offered):
        return (False, False, 0) if linux else (False, True, min(wanted - offered, 0xFFFFFFFF))
    if moved < offered:
        return True, linux, min(offered - moved, 0xFFFFFFFF)
    return False, False, 0


def sense_key(sense: bytes) -> int:
    """The sense key of either format, -1 without sense data (SPC-5, 4.4)."""
    if len(sense) < 3:
        return -1
    return (sense[1] if sense[0] & 0x7E == 0x72 else sense[2]) & 15


def tag_of(raw: bytes) -> int:
    """The tag, which stands at the same place in every IU and datagram."""
    return int.from_bytes(raw[8:16], "big")


def answered(form: int, status: int, length: int, tag: int) -> bytes:
    """The element that tells the client of an answer."""
    return bytes(
        crq.Element.build(
            valid=crq.Valid.CMD_RESP, format=form, status=status, IU_length=length, IU_data_ptr=tag
        )
    )


def retry_after(code: int) -> float | None:
    """Seconds after which a hypervisor call is to be repeated; None if its code does not ask for that."""
    if code in (1, 14):  # H_BUSY, H_IN_PROGRESS
        return 0.0
    if 9900 <= code <= 9905:  # H_LONG_BUSY: 1 ms to 100 s
        return float(10 ** (code - 9903))
    return None


INIT = bytes(crq.Element.init())
INIT_COMPLETE = bytes(crq.Element.init_complete())
PONG = bytes(crq.Element.ping(crq.PingCode.PING_RESPONSE))
MAD_FORMATS = crq.Format.MAD, crq.Format.OS400, crq.Format.AIX, crq.Format.LINUX
ATTRIBUTES = TaskAttribute.SIMPLE, TaskAttribute.HEAD_OF_QUEUE, TaskAttribute.ORDERED
FUNCTIONS = (
    TskMgmtFunc.ABORT_TASK,
    TskMgmtFunc.ABORT_TASK_SET,
    TskMgmtFunc.CLEAR_TASK_SET,
    TskMgmtFunc.LUN_RESET,
)

DEAF = frozenset(
    {
        State.WAIT_ENABLED,
        State.MIGRATED,
        State.ERR_DISCONNECT_RECONNECT,
        State.ERR_DISCONNECT,
        State.UNCONFIGURING,
        State.ERR_DISCONNECTED,
        State.REMOVED,
    }
)
"""States in which the queue is not looked at."""

ACTIONS: dict[Action, Callable[[Target], None]] = {
    Action.REGISTER: Target._register,
    Action.FREE: Target._free,
    Action.ENABLE_QUEUE: Target._enable_queue,
    Action.SEND_INIT: Target._send_init,
    Action.SEND_INIT_COMPLETE: Target._send_init_complete,
    Action.END_SESSION: Target._end_session,
    Action.FORGET_CLIENT: Target._forget_client,
    Action.HOLD: Target._hold,
    Action.LET_GO: Target._let_go,
}
