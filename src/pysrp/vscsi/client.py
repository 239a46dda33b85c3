"""The adapter of a VSCSI client, the counterpart of Linux's ibmvscsi, without sockets, threads or clocks.

It joins an SRP session (:class:`~pysrp.initiator.srp_session.SrpSession`) to a command/response queue. A driver opens
the queue and then passes events to the :class:`ClientAdapter`::

    adapter.opened(now)                     # H_REG_CRQ has been called
    adapter.receive(port.poll(), now)       # 16-byte elements
    adapter.srp.submit(Command(...), now)
    adapter.tick(now)                       # when adapter.deadline() has come

and after each call sends ``adapter.output`` in order, does ``adapter.queue_work`` (close and reopen the queue, or enable
it), and takes the requests in ``adapter.srp.ended``. Times are seconds of any monotonic clock.

The rules are those of LoPAR (virtual SCSI); where ibmvscsi of Linux differs in a way that a server can see, the comment
says which of the two is done and why. The state machine is in :mod:`pysrp.vscsi.client_states`.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pysrp import mad
from pysrp._fast.client_queue import Connection, Elements, take_plain
from pysrp.crq import Format, InitFormat, PingCode, Status, TransportEvent, Valid
from pysrp.errors import PartnerGone, ProtocolError, SrpError, TransportError
from pysrp.initiator.ius import IuMemory
from pysrp.initiator.requests import Exchange, LoginRejected
from pysrp.initiator.srp_session import Limits, SrpSession
from pysrp.loglimit import limit
from pysrp.mad import CapFlags, MadStatus, OsType
from pysrp.srp import SupportedFormats
from pysrp.text import printable
from pysrp.vscsi.client_options import Options
from pysrp.vscsi.client_states import QUEUE_WORK, TRANSITIONS, Action, Event, QueueWork, State

__all__ = ["IU_SIZE", "ClientAdapter", "Host", "QueueWork", "State", "element_fault"]

IU_SIZE = 256
"""Bytes of the largest IU on VSCSI (viosrp.h); ibmvscsi announces this length in every element."""

INLINE_DESCRIPTORS = 10
"""Entries of an indirect descriptor that fit beside it in an IU of 256 bytes (ibmvscsi's limit)."""

DEFAULT_MAX_TRANSFER = 256 * 512
"""The largest transfer in bytes that ibmvscsi assumes if the server does not tell one: 256 sectors."""

BACKLOG = 4096
"""When so many elements wait to be sent, a PING gets no answer, as the partner does not take any."""

RETRY_CLOSED = 0.1
"""Seconds until sending is tried again when the partner's queue was closed and no event has come."""


@dataclass(frozen=True)
class Host:
    """The server's adapter info; ``max_transfer`` is in bytes."""

    srp_version: str = ""
    partition_name: str = ""
    partition_number: int = 0
    mad_version: int = 0
    os_type: int = 0
    max_transfer: int = DEFAULT_MAX_TRANSFER

    @classmethod
    def of(cls, data: mad.AdapterInfoData) -> Host:
        """The values in the datagram's buffer, texts made printable."""
        largest = data.port_max_txu[0]
        return cls(
            printable(data.srp_version),
            printable(data.partition_name),
            data.partition_number,
            data.mad_version,
            int(data.os_type),
            largest if largest >= 512 else DEFAULT_MAX_TRANSFER,
        )


_log = limit(logging.getLogger("pysrp.initiator"))
_numbers = itertools.count(1)


if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter  # takes no parameter on Python 3.10


class _Prefix(_Adapter):
    """Lines begin as ibmvscsi's do in a kernel log. For the limit on log lines, each connection is a peer of its own."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        kwargs["extra"] = {"peer": self.extra["peer"]}  # type: ignore[index]
        return f"ibmvscsi {self.extra['name']}: {msg}", kwargs  # type: ignore[index]


_INIT = bytes((Valid.INIT, InitFormat.INIT)).ljust(16, b"\0")
_INIT_COMPLETE = bytes((Valid.INIT, InitFormat.INIT_COMPLETE)).ljust(16, b"\0")
_PONG = bytes((Valid.CMD_RESP, Format.MESSAGE_IN_CRQ, 0, PingCode.PING_RESPONSE)).ljust(16, b"\0")
_SRP = int(Format.SRP)
_MAD = int(Format.MAD)


def _capabilities(options: Options) -> mad.CapabilitiesData:
    """The capabilities that ibmvscsi offers."""
    records: list[Any] = [mad.MigrationCap.build(server_support=1, ecl=1)]
    if options.client_reserve:
        records.append(mad.ReserveCap.build(server_support=1, type=1))
    return mad.CapabilitiesData.build(
        flags=CapFlags.CAP_LIST_SUPPORTED, name=options.host_name, loc=options.location_code, records=records
    )


def element_fault(status: int, kind: int) -> SrpError | None:
    """The error that an element's status and format mean for the answer to an SRP request; None if there is none."""
    if status != 0 and status != Status.OK2:
        try:
            text = Status(status).name
        except ValueError:
            text = "unknown"
        return TransportError(f"the server failed: status 0x{status:02x} ({text}) in the element")
    if kind != _SRP:
        return ProtocolError(f"an SRP request was answered in format {kind}")
    return None


class Outbox(Elements):
    """The link of a session: makes an element for each IU, to be sent in order."""

    limits: Limits = Limits(IU_SIZE, INLINE_DESCRIPTORS, SupportedFormats.DIRECT | SupportedFormats.INDIRECT)

    def slot_of(self, element: bytes) -> int:
        """The slot of an IU that an element announces; -1 if it announces none."""
        if element[0] != Valid.CMD_RESP or element[1] == Format.MESSAGE_IN_CRQ:
            return -1
        return (int.from_bytes(element[8:], "big") - self.address) // IU_SIZE


class ClientAdapter(Connection):
    """One client adapter's end of a connection.

    ``memory`` is :meth:`memory_size` bytes of DMA memory at bus address ``address``. It holds the IUs of
    up to ``slots`` requests at a time (requests that wait for a credit need none), their tables of up to
    ``segments`` descriptors, and two buffers for datagrams. ``name`` is the adapter's unit address as
    text, for the log. ``serial`` is that of :class:`~pysrp.initiator.srp_session.SrpSession`.
    """

    state: State
    logins: int
    unanswered: bool

    def __init__(
        self,
        memory: memoryview,
        address: int,
        *,
        slots: int = 104,
        segments: int = 64,
        name: str = "",
        options: Options | None = None,
        serial: int = 0,
    ) -> None:
        self.options: Options = options or Options()
        self.log: logging.LoggerAdapter[logging.Logger] = _Prefix(
            _log, {"name": name, "peer": f"pysrp server of {name} {next(_numbers)}"}
        )
        self.state = State.CLOSED
        self.queue_work: QueueWork | None = None
        self._outbox = Outbox()
        self.output: list[bytes] = self._outbox.elements
        """Elements to send, in order. The driver removes those that it has sent."""
        view = memory.cast("B") if memory.format != "B" else memory
        self._memory = view
        ius = IuMemory(
            view, address, slots=slots, iu_size=IU_SIZE, segments=segments, inline=INLINE_DESCRIPTORS
        )
        self.srp: SrpSession = SrpSession(self._outbox, ius, self.options, self.log, serial)
        """The session, to which a driver submits commands."""
        if memory.nbytes < self.memory_size(slots, segments):
            raise ValueError(f"{memory.nbytes} bytes of memory, {self.memory_size(slots, segments)} needed")
        self._info = IuMemory.size(slots, IU_SIZE, segments)
        self._outbox.moved(address)
        self.host: Host | None = None
        self.capabilities: mad.CapabilitiesData | None = None
        self.rejection: LoginRejected | None = None
        """Why the last login was rejected; None if it was not."""
        self.logins = 0
        """How often the login has succeeded."""
        self.unanswered = False
        """Whether the driver has to change the memory when it reopens the queue, as the target may still write to the old one."""
        self._own_info = mad.AdapterInfoData.build(
            partition_name=self.options.partition_name or "UNKNOWN",
            partition_number=self.options.partition_number,
            os_type=self.options.os_type,
        )
        self._own_capabilities = _capabilities(self.options)
        self.exchange: Exchange | None = None
        """The datagram or login that the connection waits for, while it is being set up."""
        self._init_wanted = False
        self._migrated = False
        self._closed_until = 0.0

    @staticmethod
    def memory_size(slots: int, segments: int) -> int:
        """Bytes of memory that an adapter with that many slots and segments needs."""
        return IuMemory.size(slots, IU_SIZE, segments) + 2 * IU_SIZE

    # Called by the driver.

    def moved(self, memory: memoryview, address: int) -> None:
        """Use other memory of the same size from now on. No request may be under way."""
        self._memory = memory.cast("B") if memory.format != "B" else memory
        self.srp.memory.moved(self._memory, address)
        self._outbox.moved(address)

    def opened(self, now: float) -> None:
        """The queue has been registered (or enabled again): initialization begins."""
        self.unanswered = False
        self._happened(Event.OPENED, now)

    def closed(self, error: Exception | None = None) -> None:
        """The queue has been closed for good: all requests end with ``error``."""
        self.unanswered = False
        self._happened(Event.CLOSED, error=error or PartnerGone("the queue has been closed"))

    def undelivered(self, now: float) -> None:
        """The partner's queue is not open: no element of ``output`` has arrived.

        A transport event or the partner's INIT will say what happened; before it there may still be answers in this
        end's queue. Commands that were not delivered wait to be sent again, as ibmvscsi's do.
        """
        while self.output:
            slot = self._outbox.slot_of(self.output.pop())
            exchange = self.exchange
            if exchange is not None and exchange.slot == slot:
                self.exchange = None
                self.srp.release(exchange)
                self.log.warning("the partner closed its queue while %s", exchange.what)
                self._happened(Event.UNDELIVERED, now)
            elif slot >= 0:
                self.srp.unsent(slot)
        self._closed_until = now + RETRY_CLOSED
        self.srp.paused = True
        self.srp.note(self._closed_until)

    def receive(self, elements: Iterable[bytes], now: float) -> None:
        """Process elements from this end's queue, in order."""
        session, memory = self.srp, self._memory
        for element in elements:
            if self.exchange is None and take_plain(session, element):
                continue
            header = element[0]
            kind = element[1]
            if header == 0x80 and (kind == 1 or kind == 2):
                tag = int.from_bytes(element[8:16], "big")
                claimed = element[6] << 8 | element[7]
                start = (tag & 0xFFFF) * IU_SIZE
                # Copied once, and only the copy is used: the partner can still write to the memory.
                answer = bytes(memory[start : start + (claimed if claimed < IU_SIZE else IU_SIZE)])
                if kind == 1 and not element[3] and self.exchange is None:
                    session.answered(tag, answer, now)
                else:
                    self._answered(tag, answer, element[3], kind, now)
                if session.hopeless:
                    self.host_reset(session.hopeless)
            elif header == Valid.INIT:
                self._initialization(kind, now)
            elif header == Valid.TRANSPORT_EVENT:
                self._transport_event(kind, element[3], now)
            elif header == Valid.CMD_RESP and kind == Format.MESSAGE_IN_CRQ:
                self._message(element)
            else:
                self.log.error("got an invalid message type 0x%02x%02x", header, kind)
        if self._init_wanted:
            self._init_wanted = False
            if self.state is State.WAIT_PARTNER:
                self.output.append(_INIT)
        session.send_waiting()

    def host_reset(self, reason: str = "host reset", *, unanswered: bool = False) -> None:
        """Have the queue closed and reopened, as ibmvscsi does as a last resort: :attr:`queue_work` becomes RESET.

        Requests that were sent end with PartnerGone or are replayed; requests that wait to be sent go on waiting.
        ``unanswered``: the server also has commands that a lane sent.
        """
        if Event.RESET in STEPS[self.state]:
            self.unanswered |= unanswered
            self.log.warning("resetting the connection: %s", reason)
            self._happened(Event.RESET, error=PartnerGone(f"the connection was reset: {reason}"))

    @property
    def pending(self) -> int:
        """Number of commands and task management functions that have not ended."""
        return self.srp.pending

    @property
    def credits(self) -> int:
        """Number of requests that the server would accept now (SRP r16a, 4.7)."""
        return self.srp.credits

    def deadline(self) -> float:
        """The time at which :meth:`tick` has to be called at the latest; infinity if nothing is pending."""
        return self.srp.next_deadline

    def tick(self, now: float) -> None:
        """Handle deadlines that have come by ``now``."""
        session = self.srp
        if now < session.next_deadline:
            return
        if self._closed_until and now >= self._closed_until:
            self._go_on()
            session.send_waiting()
        session.tick(now)
        while session.hopeless:
            self.host_reset(session.hopeless)
            session.tick(now)
        if self._closed_until:
            session.note(self._closed_until)

    # The machine.

    def _happened(self, event: Event, now: float = 0.0, error: Exception | None = None) -> bool:
        """Take the step for an event in this state; False if the table has none. Requests that the step ends get ``error``."""
        step = STEPS[self.state].get(event)
        if step is None:
            return False
        self.state, self.queue_work, self.srp.stage, actions = step
        self.srp.refusal = None
        for action in actions:
            action(self, now, error)
        return True

    def _keep_memory(self, now: float, error: Exception | None) -> None:
        self.unanswered |= self.srp.awaited

    def _end_requests(self, now: float, error: Exception | None) -> None:
        assert error is not None
        self.srp.lost(error)

    def _repeat_requests(self, now: float, error: Exception | None) -> None:
        self._migrated = True
        self.srp.lost(PartnerGone("the partition was migrated"), replay=True)

    def _end_all(self, now: float, error: Exception | None) -> None:
        assert error is not None
        self.srp.lost(error, replay=False)
        self.srp.refuse(error)

    def _forget_partner(self, now: float, error: Exception | None) -> None:
        self.output.clear()
        self._go_on()
        self._init_wanted = False
        if self.exchange is not None:
            self.srp.release(self.exchange)
            self.exchange = None

    def _forget_host(self, now: float, error: Exception | None) -> None:
        self.host = None
        self.capabilities = None

    def _send_init(self, now: float, error: Exception | None) -> None:
        self.output.append(_INIT)

    def _send_init_later(self, now: float, error: Exception | None) -> None:
        self._init_wanted = True

    def _send_init_complete(self, now: float, error: Exception | None) -> None:
        self.output.append(_INIT_COMPLETE)

    def _let_go(self, now: float, error: Exception | None) -> None:
        self.logins += 1
        self.srp.send_waiting()

    def _refuse(self, now: float, error: Exception | None) -> None:
        assert self.rejection is not None
        self.srp.refuse(self.rejection)

    def _go_on(self) -> None:
        """The partner's queue may be open again: resume sending."""
        self._closed_until = 0.0
        self.srp.paused = False

    # Elements.

    def _initialization(self, kind: int, now: float) -> None:
        if kind == InitFormat.INIT:
            if self.state is State.LOGGED_IN:
                self.log.warning("the partner initialized again without closing its queue")
            self._happened(Event.INIT, now, PartnerGone("the partner began a new connection"))
        elif kind == InitFormat.INIT_COMPLETE:
            if not self._happened(Event.INIT_COMPLETE, now):
                self.log.debug("initialization complete, in state %s", self.state.name)
        else:
            self.log.error("unknown initialization message type 0x%02x", kind)

    def _transport_event(self, code: int, status: int, now: float) -> None:
        if self.state is State.CLOSED or self.state is State.RESETTING:
            return
        if code == TransportEvent.MIGRATED:
            self.log.info("the partition was migrated, enabling the adapter again")
            self._happened(Event.MIGRATED, now)
            return
        try:
            text = TransportEvent(code).name.lower().replace("_", " ")
        except ValueError:
            text = "unknown"
        self.log.error("virtual adapter failed: transport event %d (%s)", code, text)
        self._happened(Event.PARTNER_LOST, now, PartnerGone(f"transport event {code}: {text}"))
        if status == Status.OVERWRITTEN:
            self.log.warning("the queue was full: the event replaced an element")

    def _message(self, element: bytes) -> None:
        """Handle a message inside the element. LoPAR puts its code at byte 2 in one place, byte 3 in another."""
        if PingCode.PING in element[2:4]:
            # A partner that takes no elements could send PINGs for ever.
            if len(self.output) < BACKLOG:
                self.output.append(_PONG)
        elif PingCode.PING_RESPONSE not in element[2:4]:
            self.log.error("unknown message %s", element.hex())

    def _answered(self, tag: int, answer: bytes, status: int, kind: int, now: float) -> None:
        """Handle an answer with an error in its element, or one that belongs to the handshake."""
        exchange = self.exchange
        if exchange is None or exchange.tag != tag:
            self.srp.answered(tag, answer if kind == _SRP else b"", now, element_fault(status, kind))
            return
        self.exchange = None
        if self.state is State.LOGIN:
            self._login_answered(exchange, answer, status, kind, now)
        else:
            self.srp.release(exchange)
            self._mad_answered(answer, status, kind, now)

    # The handshake (LoPAR, virtual SCSI; the order is ibmvscsi's).

    def _begin(self, what: State, now: float) -> tuple[int, int]:
        """Take a slot for a datagram and queue its element; returns the offset of its IU, and its tag."""
        self.exchange = exchange = self.srp.exchange(what.value, now, self.options.mad_timeout)
        self._outbox.send(exchange.slot, IU_SIZE, self.options.mad_timeout, _MAD)
        return exchange.slot * IU_SIZE, exchange.tag

    def _send_info(self, now: float, error: Exception | None) -> None:
        self.log.info("partner initialized")
        self.rejection = None
        self._go_on()
        at = self._info
        self._memory[at : at + len(self._own_info)] = memoryview(self._own_info)
        start, tag = self._begin(State.ADAPTER_INFO, now)
        mad.AdapterInfo.pack_into(self._memory, start, tag=tag, buffer=self.srp.memory.address + at)

    def _send_fast_fail(self, now: float, error: Exception | None) -> None:
        start, tag = self._begin(State.FAST_FAIL, now)
        mad.EnableFastFail.pack_into(self._memory, start, tag=tag)

    def _send_capabilities(self, now: float, error: Exception | None) -> None:
        data = self._own_capabilities
        if self._migrated:
            data.flags |= CapFlags.CLIENT_MIGRATED
        at = self._info + IU_SIZE
        self._memory[at : at + len(data)] = memoryview(data)
        start, tag = self._begin(State.CAPABILITIES, now)
        mad.Capabilities.pack_into(
            self._memory, start, tag=tag, buffer=self.srp.memory.address + at, length=len(data)
        )

    def _send_login(self, now: float, error: Exception | None) -> None:
        self.exchange = self.srp.login(now, self.options.login_timeout)
        self.log.info("sent SRP login")

    def _mad_answered(self, answer: bytes, status: int, kind: int, now: float) -> None:
        problem = ""
        if status not in (Status.OK, Status.OK2):
            problem = f"status 0x{status:02x} in the element"
        elif kind != _MAD:
            problem = f"answered in format {kind}"
        elif len(answer) < 16:
            # QEMU does not know fast fail and answers with nothing; ibmvscsi then reads its own request,
            # where the status is 0, and takes that for success.
            if self.options.strict or answer:
                problem = f"an answer of {len(answer)} bytes"
        else:
            code = int(mad.Mad(answer).status)
            if code == MadStatus.NOT_SUPPORTED:
                problem = "not supported by the server"
            elif code:
                problem = f"status 0x{code:02x}"
        if problem:
            self.log.error("%s failed: %s", self.state.value, problem)
        event = Event.ANSWERED
        if self.state is State.ADAPTER_INFO:
            self.host = Host() if problem else self._read_host()
            event = Event.INFO
            if self.host.os_type == OsType.AIX:
                event = Event.INFO_AIX_FAST if self.options.fast_fail else Event.INFO_AIX
        elif self.state is State.FAST_FAIL and not problem:
            self.log.info("fast fail enabled")
        elif self.state is State.CAPABILITIES and not problem:
            self._read_capabilities()
        self._happened(event, now)

    def _read_capabilities(self) -> None:
        start = self._info + IU_SIZE
        self.capabilities = mad.CapabilitiesData(
            bytes(self._memory[start : start + len(self._own_capabilities)])
        )
        self._migrated = False
        self._own_capabilities = _capabilities(self.options)

    def _read_host(self) -> Host:
        data = mad.AdapterInfoData(bytes(self._memory[self._info : self._info + mad.AdapterInfoData.SIZE]))
        host = Host.of(data)
        self.log.info(
            "host srp version: %s, host partition %s (%d), OS %d, max io %d",
            host.srp_version, host.partition_name, host.partition_number, host.os_type, data.port_max_txu[0],
        )  # fmt: skip
        # VIO servers with such an old version cannot fetch a table ("16.a", the usual one, compares greater).
        old = host.os_type == OsType.AIX and host.srp_version <= "1.6a"
        segments = self.srp.memory.segments
        self.srp.max_segments = min(segments, INLINE_DESCRIPTORS) if old else segments
        return host

    def _login_answered(self, exchange: Exchange, answer: bytes, status: int, kind: int, now: float) -> None:
        error: LoginRejected | None
        if status not in (Status.OK, Status.OK2):
            error = LoginRejected(f"login failed: status 0x{status:02x} in the element")
            self.srp.release(exchange)
        elif kind != _SRP:
            error = LoginRejected(f"login was answered in format {kind}")
            self.srp.release(exchange)
        else:
            error = self.srp.login_answered(exchange, answer)
        if error is not None:
            self.log.error("%s", error)
            self.rejection = error
            self._happened(Event.REFUSED, now)
        else:
            self.log.info("SRP_LOGIN succeeded")
            self._happened(Event.ACCEPTED, now)


Carry = Callable[[ClientAdapter, float, "Exception | None"], None]

ACTIONS: dict[Action, Carry] = {
    action: getattr(ClientAdapter, f"_{action.name.lower()}") for action in Action
}
"""The method for each action."""

STEPS: dict[State, dict[Event, tuple[State, QueueWork | None, str, tuple[Carry, ...]]]] = {
    state: {
        event: (
            step.state,
            QUEUE_WORK.get(step.state),
            "" if step.state is State.LOGGED_IN else step.state.value,
            tuple(ACTIONS[action] for action in step.actions),
        )
        for event, step in steps.items()
    }
    for state, steps in TRANSITIONS.items()
}
"""The transition table with, for each step, the session's stage, and methods in place of actions."""
