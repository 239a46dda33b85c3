"""The initiator's state machine: what ibmvscsi is to a Linux client, without sockets, threads or clocks.

A driver opens the queue and then feeds the :class:`Initiator` with what happens::

    engine.opened(now)                     # H_REG_CRQ has been called
    engine.receive(port.poll(), now)       # 16-byte elements
    engine.submit(Command(...), now)
    engine.tick(now)                       # when engine.deadline() has come

and after each call does what the engine wants: sends ``engine.output`` in order, carries out
``engine.action`` (close and reopen the queue, or enable it), and takes the requests in
``engine.ended``. Times are seconds of any monotonic clock.

The rules are those of LoPAR (virtual SCSI), SRP r16a and SAM-5; where ibmvscsi of Linux differs in a
way that a server can see, the comment says which of the two is done and why.
"""

from __future__ import annotations

import logging
import struct
from collections import deque
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from pysrp import mad, srp
from pysrp.crq import Format, InitFormat, PingCode, Status, TransportEvent, Valid
from pysrp.errors import (
    ConfigError,
    DecodeError,
    PartnerGone,
    ProtocolError,
    SrpError,
    TransportError,
    check_number,
    check_text,
)
from pysrp.lun import Lun
from pysrp.mad import CapFlags, MadStatus, OsType
from pysrp.scsi.cdb import parse_cdb
from pysrp.srp import LoginRejReason, RspFlags, SupportedFormats, TaskAttribute, TskMgmtFunc

__all__ = [
    "IU_SIZE",
    "Aborted",
    "Action",
    "Command",
    "Host",
    "Initiator",
    "LoginRejected",
    "Options",
    "State",
    "TaskManagement",
    "TimedOut",
]

IU_SIZE = 256
"""Bytes of the largest IU on VSCSI (viosrp.h); ibmvscsi announces this length in every element."""

INLINE_DESCRIPTORS = 10
"""Entries of an indirect descriptor that fit beside it in an IU of 256 bytes (ibmvscsi's limit)."""

RESERVED_CREDITS = 2
"""Requests that commands leave to task management while the server grants more than that (ibmvscsi)."""

SPARE_SLOTS = 4
"""Slots that commands leave to task management and the handshake."""

DEFAULT_MAX_TRANSFER = 256 * 512
"""What ibmvscsi assumes of a server that does not say: 256 sectors."""

LONGEST_WAIT = 86400 * 365
"""Seconds that a time limit may have."""

RETRY_CLOSED = 0.1
"""Seconds until sending is tried again when the partner's queue was closed and no event has come."""

Segment = tuple[int, int]
"""A stretch of the port's memory: bus address, length in bytes."""


class TimedOut(TransportError, TimeoutError):
    """A request was not answered in time, and has been aborted."""


class Aborted(SrpError):
    """A task management function of this initiator ended the command; how far it got is not known."""


class LoginRejected(TransportError):
    """The server does not let this initiator in (SRP_LOGIN_REJ).

    ``reason`` is the number it gave, a :class:`~pysrp.srp.LoginRejReason` where assigned; None if it
    answered the login with something that is no answer.
    """

    def __init__(self, message: str, reason: LoginRejReason | int | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class State(Enum):
    """Where the connection stands."""

    CLOSED = "the queue is not open"
    WAIT_PARTNER = "waiting for the partner's initialization"
    ADAPTER_INFO = "exchanging adapter info"
    FAST_FAIL = "enabling fast fail"
    CAPABILITIES = "exchanging capabilities"
    LOGIN = "logging in"
    LOGGED_IN = "logged in"
    REJECTED = "rejected by the server"
    SUSPENDED = "migrated, the queue has to be enabled"


class Action(Enum):
    """What the driver has to do to the queue; then it calls :meth:`Initiator.opened`."""

    RESET = "H_FREE_CRQ, then H_REG_CRQ"
    ENABLE = "H_ENABLE_CRQ"


@dataclass(frozen=True)
class Options:
    """How an initiator presents itself, and how patient it is. Times in seconds.

    ``mad_timeout``, ``login_timeout`` and ``task_timeout`` are the hints that the elements carry; the
    own timers run ``patience`` times as long. ``give_up`` is how long ending a command may take that was not
    answered in time or that nobody wants any more: half for ABORT TASK, half for LUN RESET, then the connection
    is reset. A command with a time limit has ended after its limit and this, each time that it is tried.
    ``fast_fail`` and ``client_reserve`` are what ibmvscsi's parameters of that name say to a server that runs AIX
    (as VIO servers do). ``strict``
    turns answers that are only unusual into errors: an answer to a datagram shorter than its header (QEMU,
    which leaves the request unchanged), an overrun that is really a shortfall (see :class:`Command`).

    Raises ConfigError for what does not fit the datagrams and elements that carry it.
    """

    partition_name: str = ""
    partition_number: int = 0xFFFFFFFF
    os_type: int = OsType.LINUX
    host_name: str = "host0"
    location_code: str = ""
    fast_fail: bool = True
    client_reserve: bool = True
    mad_timeout: int = 30
    login_timeout: int = 60
    task_timeout: int = 60
    patience: float = 2.0
    give_up: float = 4.0
    strict: bool = False

    @classmethod
    def of(cls, identity: Any, host_name: str = "host0", **given: Any) -> Options:
        """Those of the partition that a port's ``identity`` (:class:`pysrp.fabric.Identity`) says; more may be given."""
        own = {
            "partition_name": identity.partition_name,
            "partition_number": identity.partition_number or cls.partition_number,
            "location_code": identity.location_code[: _TEXTS["location_code"]],
            "host_name": host_name,
        }
        return cls(**{**own, **given})

    def __post_init__(self) -> None:
        for name, most in _TEXTS.items():
            check_text(name, getattr(self, name), most)
        for name, (least, largest) in _NUMBERS.items():
            check_number(name, getattr(self, name), least, largest)
        for name in ("patience", "give_up"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 < value <= LONGEST_WAIT:
                raise ConfigError(f"{name} {value!r}: a number above 0, at most {LONGEST_WAIT}")


_TEXTS = {
    "partition_name": mad.AdapterInfoData.partition_name.size,
    "host_name": mad.CapabilitiesData.name.size,
    "location_code": mad.CapabilitiesData.loc.size,
}
"""Texts of :class:`Options`, and the bytes that their fields have."""

_SECONDS = 1, 0xFFFF
_NUMBERS = {
    "partition_number": (0, 0xFFFFFFFF),
    "os_type": (0, 0xFFFFFFFF),
    "mad_timeout": _SECONDS,
    "login_timeout": _SECONDS,
    "task_timeout": _SECONDS,
}
"""Numbers of :class:`Options`, and what their fields can say; the time in an element has 16 bits."""


@dataclass(frozen=True)
class Host:
    """What the server told of itself in the adapter info; ``max_transfer`` is in bytes."""

    srp_version: str = ""
    partition_name: str = ""
    partition_number: int = 0
    mad_version: int = 0
    os_type: int = 0
    max_transfer: int = DEFAULT_MAX_TRANSFER


class Request:
    """Something that takes an IU and is answered by one. ``error`` says why it was not, if it was not."""

    __slots__ = ("deadline", "ended", "error", "owner", "serial", "slot", "tag", "timeout")

    tag: int
    """Tag on the wire, 0 until it is sent. Never used twice by one initiator."""

    ended: bool
    error: Exception | None

    owner: Any
    """The driver's own."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.tag = self.serial = 0
        self.slot = -1
        self.deadline = 0.0
        self.ended = False
        self.error = None
        self.owner = None


class Command(Request):
    """One SCSI command, and how it ended.

    ``data_out`` and ``data_in`` are stretches of the port's memory, (bus address, length) each; not
    more than the engine has been made for. ``block_size`` in bytes is needed to know what a CDB that
    counts in blocks asks for (0: not known). ``timeout`` is in seconds: 0 means
    none, otherwise the command is aborted then, its LUN reset if that does not help, and at last the
    connection. ``replay``: send it again when the connection comes back, instead of ending it with
    PartnerGone; right for what may be carried out twice.

    Results: ``status`` is the SCSI status, None as long as there is ``error`` instead. ``sense`` is
    sense data. ``residual`` counts the bytes that were *not* moved, of the direction that has data
    (data-in if both have), ``overflow`` those that the command had more than the buffer could take.

    SRP r16a reports a shortfall as DIUNDER or DOUNDER. Servers made for ibmvscsi report it as DIOVER or
    DOOVER, the only flags that ibmvscsi reads. Both are understood: an overrun of a command whose CDB
    asked for no more than the buffer holds cannot be one, so it is a shortfall.
    """

    __slots__ = (
        "aborting", "attribute", "block_size", "cdb", "data_in", "data_out",
        "lun", "overflow", "replay", "residual", "sense", "status", "why",
    )  # fmt: skip

    def __init__(
        self,
        lun: Lun,
        cdb: bytes,
        data_out: Sequence[Segment] = (),
        data_in: Sequence[Segment] = (),
        *,
        timeout: float = 0,
        attribute: int = TaskAttribute.SIMPLE,
        block_size: int = 0,
        replay: bool = False,
    ) -> None:
        # Request.__init__ written out: there is one of these for every I/O.
        self.timeout = timeout
        self.tag = self.serial = 0
        self.slot = -1
        self.deadline = 0.0
        self.ended = False
        self.error: Exception | None = None
        self.owner = None
        self.lun = lun
        self.cdb = cdb
        self.data_out = data_out
        self.data_in = data_in
        self.attribute = attribute
        self.block_size = block_size
        self.replay = replay
        self.aborting: TskMgmtFunc | None = None
        self.why: Exception | None = None
        self.status: int | None = None
        self.sense = b""
        self.residual = self.overflow = 0


class TaskManagement(Request):
    """A task management function (SAM-5, 7). ``task`` is the command that ABORT TASK is about.

    ``code`` is the response code, 0 for success. A server that answers with a SCSI status instead, as
    ibmvstgt does, has failed if the status is not GOOD: then ``code`` is TSK_MGMT_FUNC_FAILED.
    """

    __slots__ = ("code", "escalate", "function", "lun", "task")

    def __init__(
        self,
        function: TskMgmtFunc,
        lun: Lun,
        task: Command | None = None,
        *,
        timeout: float = 0,
        escalate: bool = False,
    ) -> None:
        super().__init__(timeout)
        self.function = function
        self.lun = lun
        self.task = task
        self.escalate = escalate
        self.code: int | None = None


class _Exchange(Request):
    """A step of the handshake: a datagram, or the login."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        super().__init__(0)
        self.state = state


_log = logging.getLogger("pysrp.initiator")


if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter  # takes no parameter on Python 3.10


class _Prefix(_Adapter):
    """Lines begin as ibmvscsi's do in a kernel log."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        return f"ibmvscsi {self.extra['name']}: {msg}", kwargs  # type: ignore[index]


_ELEMENT_HEAD = struct.Struct(">BBBBHH").pack
_TABLE = struct.Struct(">QIII").pack_into
_INIT = bytes((Valid.INIT, InitFormat.INIT)).ljust(16, b"\0")
_INIT_COMPLETE = bytes((Valid.INIT, InitFormat.INIT_COMPLETE)).ljust(16, b"\0")
_PONG = bytes((Valid.CMD_RESP, Format.MESSAGE_IN_CRQ, 0, PingCode.PING_RESPONSE)).ljust(16, b"\0")
_EMPTY = bytes(IU_SIZE)
_SRP = Format.SRP
_MAD = Format.MAD
_RSP = int(srp.Opcode.RSP)
_UNDER = {True: int(RspFlags.DIUNDER), False: int(RspFlags.DOUNDER)}
_OVER = {True: int(RspFlags.DIOVER), False: int(RspFlags.DOOVER)}
_RESIDUALS = int(RspFlags.DIUNDER | RspFlags.DOUNDER | RspFlags.DIOVER | RspFlags.DOOVER)
_RSPVALID = int(RspFlags.RSPVALID)
_SNSVALID = int(RspFlags.SNSVALID)
_DIRECT_LOGIN = SupportedFormats.DIRECT | SupportedFormats.INDIRECT


def _capabilities(options: Options) -> mad.CapabilitiesData:
    """The capabilities that ibmvscsi offers."""
    records: list[Any] = [mad.MigrationCap.build(server_support=1, ecl=1)]
    if options.client_reserve:
        records.append(mad.ReserveCap.build(server_support=1, type=1))
    return mad.CapabilitiesData.build(
        flags=CapFlags.CAP_LIST_SUPPORTED, name=options.host_name, loc=options.location_code, records=records
    )


def _asked(command: Command) -> int | None:
    """Bytes that the CDB asks for, None if that is not known."""
    try:
        cdb = parse_cdb(command.cdb)
        return cdb.data_length(command.block_size) if command.block_size or cdb.blocks is None else None
    except DecodeError:
        return None


def read_answer(
    answer: bytes, tag: int, status: int, kind: int, claimed: int
) -> tuple[srp.Rsp | SrpError, int]:
    """The SRP_RSP that answers tag ``tag``, or what is wrong with it; and the credits that it brings.

    ``status``, ``kind`` and ``claimed`` are the element's status, format and length. Answered is answered:
    where there is no delta to be read, one credit has come back.
    """
    wrong: SrpError | None = None
    delta = 1
    rsp: srp.Rsp | None = None
    if kind != _SRP:
        wrong = ProtocolError(f"an SRP request was answered in format {kind}")
    elif len(answer) < 36:
        wrong = ProtocolError(f"an answer of {claimed} bytes, SRP_RSP has 36")
    elif answer[0] != _RSP:
        wrong = ProtocolError(f"the answer has opcode 0x{answer[0]:02x}, which does not answer a request")
    else:
        rsp = srp.Rsp(answer)
        if rsp.tag != tag:
            wrong = ProtocolError(f"the answer to tag 0x{tag:x} has tag 0x{rsp.tag:x}")
        else:
            delta = rsp.req_lim_delta
    if status != 0 and status != Status.OK2:
        try:
            text = Status(status).name
        except ValueError:
            text = "unknown"
        wrong = TransportError(f"the server failed: status 0x{status:02x} ({text}) in the element")
    return wrong or rsp, delta  # type: ignore[return-value]


def conclude(command: Command, rsp: srp.Rsp | SrpError, strict: bool = False) -> None:
    """Write what an answer says into its command; ``strict`` as in :class:`Options`."""
    if isinstance(rsp, SrpError):
        command.error = rsp
        return
    flags = int(rsp.flags)
    if flags:
        answer = memoryview(rsp)
        if flags & _RSPVALID and any(answer[36:40]) and rsp.resp_data_len >= 4:
            command.error = ProtocolError(f"the command was not carried out: response code {answer[39]}")
            return
        if flags & _SNSVALID:
            try:
                command.sense = bytes(rsp.sense)
            except DecodeError:
                # It claims more than it sent: what there is, is what there is.
                skip = rsp.resp_data_len if flags & _RSPVALID else 0
                command.sense = bytes(answer[min(36 + skip, len(answer)) :])
        if flags & _RESIDUALS:
            _residual(command, rsp, flags, strict)
    command.status = rsp.status


def _residual(command: Command, rsp: srp.Rsp, flags: int, strict: bool) -> None:
    inward = bool(command.data_in) or not command.data_out
    count = int(rsp.data_in_res_cnt if inward else rsp.data_out_res_cnt)
    length = sum(size for _, size in (command.data_in if inward else command.data_out))
    over, under = flags & _OVER[inward], flags & _UNDER[inward]
    if over and not under and not strict:
        asked = _asked(command)
        under = asked is not None and asked <= length
    if under:
        command.residual = min(count, length)
    elif over:
        command.overflow = count


class Initiator:
    """One client adapter's end of a connection.

    ``memory`` is :meth:`memory_size` bytes of DMA memory at bus address ``address``. It holds the IUs of
    up to ``slots`` requests at a time (requests that wait for a credit need none), their tables of up to
    ``segments`` descriptors, and two buffers for datagrams. ``name`` is the adapter's unit address as
    text, for the log. Tags go on from ``serial``, below 1 << 48: a driver gives one that no earlier engine on
    this adapter has come to, as a target may answer into a new queue what it was asked in an old one (QEMU).
    """

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
        if not SPARE_SLOTS < slots < 1 << 16:
            raise ValueError(f"{slots} slots: {SPARE_SLOTS + 1} to 65535 are possible")
        if memory.nbytes < self.memory_size(slots, segments):
            raise ValueError(f"{memory.nbytes} bytes of memory, {self.memory_size(slots, segments)} needed")
        self.options = options or Options()
        self.log: logging.LoggerAdapter[logging.Logger] = _Prefix(_log, {"name": name})
        self.state = State.CLOSED
        self.action: Action | None = None
        self.output: deque[bytes] = deque()
        """Elements to send, first one first. What was sent is taken out by the driver."""
        self.ended: list[Request] = []
        """Requests that have ended since the driver last emptied this list."""
        self.host: Host | None = None
        self.capabilities: mad.CapabilitiesData | None = None
        self.rejection: LoginRejected | None = None
        """Why state is REJECTED."""
        self.failure: Exception | None = None
        """Why the queue has been closed for good."""
        self.logins = 0
        """How often the login has succeeded."""
        self.max_segments = segments
        self.credits = 0
        self.debits = 0
        """Commands and task management functions that the server has and has not answered."""

        info = mad.AdapterInfoData.build(
            partition_name=self.options.partition_name or "UNKNOWN",
            partition_number=self.options.partition_number,
            os_type=self.options.os_type,
        )
        self._own_info = bytes(info)
        self._own_capabilities = _capabilities(self.options)
        self._requests: list[Request | None] = [None] * slots
        self._table_size = 16 * segments
        self._info = slots * (IU_SIZE + self._table_size)
        self.moved(memory, address)
        self.unanswered = False
        """Whether the queue is to be closed while a target may still write to what it was given."""
        # First in, first out: the memory of a request that a dead connection left behind rests longest.
        self._free: deque[int] = deque(range(slots))
        self._heads: dict[float, bytes] = {}
        self.serial = serial
        """Of the last request sent; the upper bits of its tag."""
        self._waiting: deque[Command] = deque()
        self._urgent: deque[TaskManagement] = deque()
        self._exchange: _Exchange | None = None
        self._init_wanted = False
        self._migrated = False
        self._next_deadline = float("inf")
        self._closed_until = 0.0
        self._owed = 0
        self._owed_since = 0
        self._inline = INLINE_DESCRIPTORS

    @staticmethod
    def memory_size(slots: int, segments: int) -> int:
        """Bytes of memory that an initiator with that many slots and segments needs."""
        return slots * (IU_SIZE + 16 * segments) + 2 * IU_SIZE

    # What the driver tells.

    def moved(self, memory: memoryview, address: int) -> None:
        """The memory is another, of the same size, from now on. Nothing may be under way."""
        self._memory = memory.cast("B") if memory.format != "B" else memory
        self._address = address
        self._tables = address + len(self._requests) * IU_SIZE
        self._addresses = [(address + i * IU_SIZE).to_bytes(8, "big") for i in range(len(self._requests))]

    def opened(self, now: float) -> None:
        """The queue has been registered (or enabled again): initialization begins."""
        self.action = self.failure = None
        self.unanswered = False
        self._forget_partner()
        self._wait_for_partner()
        self.output.append(_INIT)

    def closed(self, error: Exception | None = None) -> None:
        """The queue has been closed for good: everything that is under way ends with ``error``."""
        self.failure = error = error or PartnerGone("the queue has been closed")
        self._forget_partner()
        self._drop_requests(error, replay=False)
        self._drop_waiting(error)
        self.state = State.CLOSED
        self.action = None
        self.unanswered = False

    def undelivered(self, now: float) -> None:
        """The partner's queue is not open: nothing of ``output`` has arrived.

        A transport event or the partner's INIT will say what happened; what stands in the own queue
        until then may still be answers. Commands go back and wait, as ibmvscsi's do.
        """
        while self.output:
            element = self.output.pop()
            if element[0] != Valid.CMD_RESP or element[1] == Format.MESSAGE_IN_CRQ:
                continue
            slot = (int.from_bytes(element[8:], "big") - self._address) // IU_SIZE
            request = self._requests[slot]
            if isinstance(request, _Exchange):
                self._release(request)
                self.log.warning("the partner closed its queue while %s", request.state.value)
                self._wait_for_partner()
            elif request is not None and not request.ended:
                self._unsend(request)
            elif request is not None:
                self._release(request)
        self._closed_until = now + RETRY_CLOSED
        self._note(self._closed_until)

    def receive(self, elements: Iterable[bytes], now: float) -> None:
        """Take elements of the own queue, in order."""
        for element in elements:
            header = element[0]
            kind = element[1]
            if header == 0x80 and (kind == 1 or kind == 2):
                self._answered(element, now)
            elif header == Valid.INIT:
                self._initialization(kind, now)
            elif header == Valid.TRANSPORT_EVENT:
                self._transport_event(kind, element[3], now)
            elif header == Valid.CMD_RESP and kind == Format.MESSAGE_IN_CRQ:
                self._message(element)
            else:
                self.log.error("got an invalid message type 0x%02x%02x", header, kind)
        if self._init_wanted:
            # The partner went, and no INIT of a successor was behind: ask, in case it is back silently.
            self._init_wanted = False
            if self.state is State.WAIT_PARTNER:
                self.output.append(_INIT)
        if self._waiting or self._urgent:
            self._send_waiting(now)

    def submit(self, request: Command | TaskManagement, now: float) -> None:
        """Send a command or task management function as soon as state and credits allow it.

        It ends in ``ended`` in any case, also when its values do not fit an IU (EncodeError). Raises
        ValueError for more segments than :attr:`max_segments`.
        """
        if self.state is State.REJECTED or self.failure is not None:
            self._end(request, self.failure or self.rejection)
            return
        if isinstance(request, Command):
            if len(request.data_out) > self.max_segments or len(request.data_in) > self.max_segments:
                raise ValueError(f"more than {self.max_segments} segments")
            self._arm(request, now, request.timeout)
            self._waiting.append(request)
        else:
            patience = self.options.give_up / 2 if request.escalate else request.timeout
            self._arm(request, now, patience or self.options.task_timeout * self.options.patience)
            self._urgent.append(request)
        if self.state is State.LOGGED_IN:
            self._send_waiting(now)

    def abort(self, command: Command, now: float) -> TaskManagement | None:
        """ABORT TASK for a command; None if it has ended, or had not been sent and ends so at once."""
        if command.ended:
            return None
        if not command.tag:
            self._withdraw(command, Aborted("the command was aborted before it was sent"))
            return None
        function = TaskManagement(TskMgmtFunc.ABORT_TASK, command.lun, command)
        self.submit(function, now)
        return function

    def take_back(self, command: Command) -> bool:
        """Take a command back that has not been sent, as if it had not been submitted; False if it was sent."""
        if command not in self._waiting:
            return False
        self._waiting.remove(command)
        command.deadline = 0.0
        return True

    def give_up(self, command: Command, now: float, error: Exception) -> None:
        """Nobody waits for a command any more: end it with ``error``, as one that is late (see :class:`Options`)."""
        if command.ended:
            return
        command.deadline = 0.0
        command.replay = False
        command.why = error
        if not command.tag:
            self._withdraw(command, error)
        elif command.aborting is None:
            self._try(TskMgmtFunc.ABORT_TASK, command, now)

    def host_reset(self, reason: str = "host reset", *, unanswered: bool = False) -> None:
        """Close and reopen the queue, as ibmvscsi's last resort: :attr:`action` becomes RESET.

        What the server has got ends with PartnerGone or is replayed; what waits goes on waiting. ``unanswered``:
        it has also got commands that a driver sent itself.
        """
        if self.state is State.CLOSED:
            return
        self.unanswered |= unanswered or any(request is not None for request in self._requests)
        self.log.warning("resetting the connection: %s", reason)
        self._drop_requests(PartnerGone(f"the connection was reset: {reason}"))
        self._forget_partner()
        self._wait_for_partner()
        self.action = Action.RESET

    def lend(self, count: int) -> list[int]:
        """Up to ``count`` slots for a driver that sends commands itself, while nothing else is under way.

        The driver counts on from :attr:`serial` and :attr:`credits`, gives each tag as this engine would
        (``serial << 16 | slot``), hands in elements that are not for it, and ends with :meth:`settle`.
        Raises ValueError if something is under way, or nobody is logged in.
        """
        if self.state is not State.LOGGED_IN or self.debits or self._waiting or self._urgent:
            raise ValueError(f"other commands are under way, or none can be sent: {self.state.value}")
        return [self._free.popleft() for _ in range(min(count, len(self._free) - SPARE_SLOTS))]

    def settle(self, slots: Sequence[int], serial: int, credits: int) -> None:
        """Take back what :meth:`lend` gave; ``serial`` is the last one used, ``credits`` what is left."""
        self.serial = max(self.serial, serial)
        self._free.extend(slots)
        if self.state is State.LOGGED_IN:
            self.credits = credits

    def deadline(self) -> float:
        """When :meth:`tick` is wanted at the latest; infinity if nothing is pending."""
        return self._next_deadline

    def tick(self, now: float) -> None:
        """Time has passed."""
        if now < self._next_deadline:
            return
        self._next_deadline = float("inf")
        if self._closed_until:
            if now >= self._closed_until:
                self._closed_until = 0.0
                self._send_waiting(now)
            else:
                self._note(self._closed_until)
        late: list[Request] = []
        for request in (*self._requests, *self._waiting, *self._urgent):
            if request is not None and request.deadline:
                if request.deadline <= now:
                    late.append(request)
                else:
                    self._note(request.deadline)
        for request in late:
            if request.deadline:
                request.deadline = 0.0
                self._expired(request, now)

    @property
    def pending(self) -> int:
        """Commands and task management functions that have not ended."""
        sent = sum(request is not None and not request.ended for request in self._requests)
        return sent + len(self._waiting) + len(self._urgent) - (self._exchange is not None)

    # Elements.

    def _initialization(self, kind: int, now: float) -> None:
        if kind == InitFormat.INIT:
            # A new connection of the partner's, whatever was before. ibmvscsi answers and starts over
            # in any state, too; the requests that it leaves hanging would never be answered.
            if self.state is State.CLOSED or self.state is State.SUSPENDED or self.action:
                return
            if self.state is State.LOGGED_IN:
                self.log.warning("the partner initialized again without closing its queue")
            self._drop_requests(PartnerGone("the partner began a new connection"))
            self._forget_partner()
            self.output.append(_INIT_COMPLETE)
            self._begin(now)
        elif kind == InitFormat.INIT_COMPLETE:
            # After crossing INITs this one comes when the sequence runs already. ibmvscsi then sends
            # its adapter info a second time; once is enough.
            if self.state is State.WAIT_PARTNER and not self.action:
                self._begin(now)
            else:
                self.log.debug("initialization complete, in state %s", self.state.name)
        else:
            self.log.error("unknown initialization message type 0x%02x", kind)

    def _transport_event(self, code: int, status: int, now: float) -> None:
        if self.state is State.CLOSED or self.action is Action.RESET:
            return
        if code == TransportEvent.MIGRATED:
            self.log.info("the partition was migrated, enabling the adapter again")
            # The partner's queue is not closed by this: what it has got it would answer to a disabled
            # queue. ibmvscsi asks the block layer for all of it again (DID_REQUEUE); so do we.
            self._migrated = True
            self.unanswered |= any(request is not None for request in self._requests)
            self._drop_requests(None)
            self._forget_partner()
            self._wait_for_partner()
            self.state = State.SUSPENDED
            self.action = Action.ENABLE
            return
        try:
            text = TransportEvent(code).name.lower().replace("_", " ")
        except ValueError:
            text = "unknown"
        # ibmvscsi closes its queue and opens it again. LoPAR lets a client wait for the partner's INIT
        # instead, which cannot set off a partner that does the same. Should the partner be back without
        # one (it was dropped by a full queue), receive() sends ours.
        self.log.error("virtual adapter failed: transport event %d (%s)", code, text)
        self._drop_requests(PartnerGone(f"transport event {code}: {text}"))
        self._forget_partner()
        self._wait_for_partner()
        self._init_wanted = True
        if status == Status.OVERWRITTEN:
            self.log.warning("the queue was full: the event replaced an element")

    def _message(self, element: bytes) -> None:
        """A message inside the element. LoPAR puts its code at byte 2 in one place, byte 3 in another."""
        if PingCode.PING in element[2:4]:
            self.output.append(_PONG)
        elif PingCode.PING_RESPONSE not in element[2:4]:
            self.log.error("unknown message %s", element.hex())

    def _answered(self, element: bytes, now: float) -> None:
        tag = int.from_bytes(element[8:16], "big")
        slot = tag & 0xFFFF
        request = self._requests[slot] if slot < len(self._requests) else None
        if request is None or request.tag != tag:
            # Answered already, of an earlier connection, or never sent.
            self.log.error("returned correlation token 0x%016x is invalid", tag)
            return
        claimed = element[6] << 8 | element[7]
        start = slot * IU_SIZE
        # The partner can still write there: copied once, then believed.
        answer = bytes(self._memory[start : start + (claimed if claimed < IU_SIZE else IU_SIZE)])
        self._requests[slot] = None
        self._free.append(slot)
        status = element[3]
        if isinstance(request, Command):
            self._command_answered(request, answer, status, element[1], claimed)
        elif isinstance(request, TaskManagement):
            self._task_answered(request, answer, status, element[1], claimed, now)
        elif isinstance(request, _Exchange):
            self._exchange = None
            if self.state is State.LOGIN:
                self._login_answered(answer, status, element[1], request, now)
            else:
                self._mad_answered(answer, status, element[1], now)

    # Answers.

    def _open_answer(
        self, answer: bytes, request: Request, status: int, kind: int, claimed: int
    ) -> srp.Rsp | SrpError:
        """As :func:`read_answer`, and its credit is taken."""
        rsp, delta = read_answer(answer, request.tag, status, kind, claimed)
        self._credit(delta, request)
        return rsp

    def _command_answered(
        self, command: Command, answer: bytes, status: int, kind: int, claimed: int
    ) -> None:
        self.debits -= 1
        rsp = self._open_answer(answer, command, status, kind, claimed)
        if command.ended:
            return  # given up before; its slot and its credit are back now
        command.ended = True
        command.deadline = 0.0
        self.ended.append(command)
        if isinstance(rsp, Exception):
            self.log.error("%s", rsp)
        conclude(command, rsp, self.options.strict)

    def _task_answered(
        self, function: TaskManagement, answer: bytes, status: int, kind: int, claimed: int, now: float
    ) -> None:
        self.debits -= 1
        credits = self.credits + self._owed
        rsp = self._open_answer(answer, function, status, kind, claimed)
        if function.ended:
            return
        if isinstance(rsp, Exception):
            self.log.error("%s", rsp)
            function.error = rsp
        elif not rsp.flags & RspFlags.RSPVALID:
            function.code = srp.RspCode.TSK_MGMT_FUNC_FAILED if rsp.status else srp.RspCode.NO_FAILURE
        elif rsp.resp_data_len < 4 or len(answer) < 40:
            function.error = ProtocolError(f"{rsp.resp_data_len} bytes of response data, not 4")
        else:
            # The code is the last byte. ibmvscsi takes anything in the four for a failure.
            function.code = int.from_bytes(answer[36:40], "big")
        function.ended = True
        self.ended.append(function)
        if function.code == 0:
            self._managed(function, self.credits + self._owed - credits - 1)
        self._follow_up(function, now)

    def _managed(self, function: TaskManagement, spare: int) -> None:
        """The commands that a successful function ended get no answer of their own (SAM-5, 5.6).

        ``spare`` credits came with the function's answer beyond its own.
        """
        if function.function is TskMgmtFunc.CLEAR_ACA:
            return
        for command in self._requests:
            if not isinstance(command, Command) or command.serial > function.serial:
                continue
            if command is function.task or (function.task is None and command.lun == function.lun):
                if not command.ended and command.why is not None:
                    self._end(command, command.why)
                elif not command.ended:
                    self._end(command, Aborted(f"ended by {function.function.name.replace('_', ' ')}"))
                self._requests[command.slot] = None
                self._free.append(command.slot)
                self.debits -= 1
                spare -= 1
                if spare < 0:
                    self._owed += 1
        self._owed_since = self.serial

    def _credit(self, delta: int, request: Request) -> None:
        """Add what an answer gives back.

        The credit of an aborted command has no answer to come back with. ibmvstgt and ibmvscsis add it
        to the next answer's delta, QEMU never does and counts on ibmvscsi taking it. So it is owed, until
        either an answer gives more than one, or the target has answered a request that was sent after
        the abort and gave no more: then it keeps no account of it.
        """
        if self._owed:
            self._owed -= min(self._owed, max(0, delta - 1))
            if request.serial > self._owed_since:
                delta += self._owed
                self._owed = 0
        if delta < 0:
            self.log.warning("the server takes %d requests back, which LoPAR forbids", -delta)
        self.credits += delta

    # The handshake (LoPAR, virtual SCSI; the order is ibmvscsi's).

    def _wait_for_partner(self) -> None:
        self.state = State.WAIT_PARTNER
        self.host = None
        self.capabilities = None

    def _begin(self, now: float) -> None:
        self.log.info("partner initialized")
        self._memory[self._info : self._info + len(self._own_info)] = self._own_info
        self.rejection = None
        self._closed_until = 0.0
        self._start(State.ADAPTER_INFO, now)

    def _start(self, state: State, now: float) -> None:
        """Send the IU of a step."""
        self.state = state
        own = self.options
        self._exchange = request = _Exchange(state)
        slot, tag = self._take_slot(request)
        start = slot * IU_SIZE
        self._memory[start : start + IU_SIZE] = _EMPTY
        hint, kind = own.mad_timeout, Format.MAD
        buffer = self._address + self._info
        if state is State.ADAPTER_INFO:
            mad.AdapterInfo.pack_into(self._memory, start, tag=tag, buffer=buffer)
        elif state is State.FAST_FAIL:
            mad.EnableFastFail.pack_into(self._memory, start, tag=tag)
        elif state is State.CAPABILITIES:
            data = self._own_capabilities
            if self._migrated:
                data.flags |= CapFlags.CLIENT_MIGRATED
            self._memory[self._info + IU_SIZE : self._info + IU_SIZE + len(data)] = memoryview(data)
            mad.Capabilities.pack_into(
                self._memory, start, tag=tag, buffer=buffer + IU_SIZE, length=len(data)
            )
        else:
            hint, kind = own.login_timeout, Format.SRP
            srp.LoginReq.pack_into(
                self._memory, start, tag=tag, req_it_iu_len=IU_SIZE, req_buf_fmt=_DIRECT_LOGIN
            )
            self.log.info("sent SRP login")
        self._arm(request, 0.0, 0)
        request.deadline = now + hint * own.patience
        self._note(request.deadline)
        self.output.append(_ELEMENT_HEAD(Valid.CMD_RESP, kind, 0, 0, hint, IU_SIZE) + self._addresses[slot])

    def _mad_answered(self, answer: bytes, status: int, kind: int, now: float) -> None:
        step = self.state
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
            # None of these keeps ibmvscsi from logging in.
            self.log.error("%s failed: %s", step.value, problem)
        if step is State.ADAPTER_INFO:
            self.host = Host() if problem else self._read_host()
            if self.host.os_type == OsType.AIX:
                self._start(State.FAST_FAIL if self.options.fast_fail else State.CAPABILITIES, now)
                return
        elif step is State.FAST_FAIL:
            if not problem:
                self.log.info("fast fail enabled")
            self._start(State.CAPABILITIES, now)
            return
        elif not problem:
            start = self._info + IU_SIZE
            self.capabilities = mad.CapabilitiesData(
                bytes(self._memory[start : start + len(self._own_capabilities)])
            )
            self._migrated = False
            self._own_capabilities = _capabilities(self.options)
        self._start(State.LOGIN, now)

    def _read_host(self) -> Host:
        data = mad.AdapterInfoData(bytes(self._memory[self._info : self._info + mad.AdapterInfoData.SIZE]))
        largest = data.port_max_txu[0]
        host = Host(
            data.srp_version,
            data.partition_name,
            data.partition_number,
            data.mad_version,
            int(data.os_type),
            largest if largest >= 512 else DEFAULT_MAX_TRANSFER,
        )
        self.log.info(
            "host srp version: %s, host partition %s (%d), OS %d, max io %d",
            host.srp_version, host.partition_name, host.partition_number, host.os_type, largest,
        )  # fmt: skip
        # VIO servers of that age cannot fetch a table ("16.a", the usual one, compares greater).
        old = host.os_type == OsType.AIX and host.srp_version <= "1.6a"
        self.max_segments = min(self._table_size // 16, INLINE_DESCRIPTORS) if old else self._table_size // 16
        return host

    def _login_answered(self, answer: bytes, status: int, kind: int, request: _Exchange, now: float) -> None:
        error: LoginRejected | None = None
        if status not in (Status.OK, Status.OK2):
            error = LoginRejected(f"login failed: status 0x{status:02x} in the element")
        elif kind != _SRP:
            error = LoginRejected(f"login was answered in format {kind}")
        elif answer[:1] == bytes((srp.Opcode.LOGIN_REJ,)) and len(answer) >= srp.LoginRej.SIZE:
            reason = srp.LoginRej(answer).reason
            text = reason.name if isinstance(reason, LoginRejReason) else "unknown reason"
            error = LoginRejected(
                f"SRP_LOGIN_REJ reason 0x{int(reason):08x}: {text.replace('_', ' ').lower()}", reason
            )
        elif answer[:1] != bytes((srp.Opcode.LOGIN_RSP,)) or len(answer) < srp.LoginRsp.SIZE:
            error = LoginRejected(f"login was answered by {len(answer)} bytes: {answer[:4].hex()}")
        else:
            rsp = srp.LoginRsp(answer)
            largest = rsp.max_it_iu_len or IU_SIZE
            if rsp.tag != request.tag:
                error = LoginRejected(f"login with tag 0x{request.tag:x} was answered with tag 0x{rsp.tag:x}")
            elif rsp.req_lim_delta < 1:
                error = LoginRejected(f"the server grants {rsp.req_lim_delta} requests")
            elif largest < 64:
                error = LoginRejected(f"the server takes no more than {largest} bytes, a command has 64")
        if error:
            # No second try, as in ibmvscsi: the partner's INIT, a transport event or host_reset() begin anew.
            self.log.error("%s", error)
            self.rejection = error
            self.state = State.REJECTED
            self._drop_waiting(error)
            return
        self.log.info("SRP_LOGIN succeeded")
        self._inline = max(0, min(INLINE_DESCRIPTORS, (min(largest, IU_SIZE) - 68) // 16))
        self.credits = rsp.req_lim_delta
        self.debits = self._owed = 0
        self.state = State.LOGGED_IN
        self.logins += 1
        self._send_waiting(now)

    # Requests.

    def _send_waiting(self, now: float) -> None:
        if self.state is not State.LOGGED_IN or self._closed_until or self.action:
            return
        waiting = self._waiting
        while self._urgent and self.credits > 0 and self._free:
            function = self._urgent.popleft()
            task = function.task
            if task is not None and task in waiting and function.function is TskMgmtFunc.ABORT_TASK:
                # It has not been sent, or has not arrived, as the partner's queue was closed.
                self._withdraw(task, Aborted("the command was aborted before it was sent"))
            if task is not None and task.ended:
                # Its answer crossed the wish to abort it: nothing is left to be done.
                function.code = 0
                function.ended = True
                self.ended.append(function)
                continue
            self._send_task(function)
        while waiting and len(self._free) > SPARE_SLOTS:
            # With more than two credits in circulation the last two are left to task management.
            if self.credits <= (RESERVED_CREDITS if self.credits + self.debits > RESERVED_CREDITS else 0):
                break
            command = waiting.popleft()
            try:
                self._send_command(command)
            except SrpError as error:
                self._end(command, error)

    def _send_command(self, command: Command) -> None:
        slot = self._free[0]
        start = slot * IU_SIZE
        memory = self._memory
        # ibmvscsi's commands end in zeros too.
        memory[start : start + IU_SIZE] = _EMPTY
        tag = (self.serial + 1) << 16 | slot
        out, into = command.data_out, command.data_in
        if not out and len(into) == 1:
            srp.Cmd.pack_into(
                memory,
                start,
                tag=tag,
                lun=command.lun,
                task_attr=command.attribute,
                cdb=command.cdb,
                data_in=into[0],
            )
        elif not out and not into:
            srp.Cmd.pack_into(
                memory, start, tag=tag, lun=command.lun, task_attr=command.attribute, cdb=command.cdb
            )
        else:
            self._pack_buffers(command, slot, tag)
        self._take_slot(command)
        self.credits -= 1
        self.debits += 1
        timeout = command.timeout
        head = self._heads.get(timeout)
        if head is None:
            head = _ELEMENT_HEAD(Valid.CMD_RESP, _SRP, 0, 0, min(0xFFFF, -int(-timeout // 1)), IU_SIZE)
            if len(self._heads) < 256:
                self._heads[timeout] = head
        self.output.append(head + self._addresses[slot])

    def _pack_buffers(self, command: Command, slot: int, tag: int) -> None:
        """Pack a command with indirect descriptors, laid out as ibmvscsi does, or data in both directions.

        Up to ten entries stand in the IU, and the table descriptor points at them there. Of more the
        first ten do, and the table descriptor points at a table of all.
        """
        start = slot * IU_SIZE
        room = self._inline
        arguments: dict[str, Any] = {}
        tables: list[tuple[Sequence[Segment], int]] = []
        offset = 48 + max(0, len(command.cdb) - 16 + 3 & ~3)
        for name, segments in (("data_out", command.data_out), ("data_in", command.data_in)):
            if not segments:
                continue
            if len(segments) == 1:
                arguments[name] = segments[0]
                offset += 16
                continue
            inline = list(segments[: room if len(segments) > room or not tables else INLINE_DESCRIPTORS])
            arguments[name] = inline
            tables.append((segments, offset))
            room -= len(inline)
            offset += 20 + 16 * len(inline)
        srp.Cmd.pack_into(
            self._memory,
            start,
            tag=tag,
            lun=command.lun,
            task_attr=command.attribute,
            cdb=command.cdb,
            **arguments,
        )
        at = self._table_size * slot
        for segments, offset in tables:
            counted = self._memory[start + (6 if segments is command.data_out else 7)]
            if counted == len(segments):
                table = self._address + start + offset + 20
            else:
                table = self._tables + at
                where = table - self._address
                self._memory[where : where + 16 * len(segments)] = b"".join(
                    address.to_bytes(8, "big") + length.to_bytes(8, "big") for address, length in segments
                )
                at += 16 * len(segments)
            total = sum(length for _, length in segments)
            _TABLE(self._memory, start + offset, table, 0, 16 * len(segments), total)

    def _send_task(self, function: TaskManagement) -> None:
        slot, tag = self._take_slot(function)
        start = slot * IU_SIZE
        self._memory[start : start + IU_SIZE] = _EMPTY
        srp.TskMgmt.pack_into(
            self._memory,
            start,
            tag=tag,
            lun=function.lun,
            tsk_mgmt_func=function.function,
            task_tag=function.task.tag if function.task is not None else 0,
        )
        self.credits -= 1
        self.debits += 1
        timeout = min(0xFFFF, int(function.timeout) or self.options.task_timeout)
        self.output.append(
            _ELEMENT_HEAD(Valid.CMD_RESP, _SRP, 0, 0, timeout, IU_SIZE) + self._addresses[slot]
        )

    def _take_slot(self, request: Request) -> tuple[int, int]:
        """A free slot and a tag that says which: the serial number above 16 bits of slot."""
        slot = self._free.popleft()
        self.serial += 1
        request.serial = self.serial
        request.slot = slot
        request.tag = tag = self.serial << 16 | slot
        self._requests[slot] = request
        return slot, tag

    def _release(self, request: Request) -> None:
        self._requests[request.slot] = None
        self._free.append(request.slot)
        request.tag = 0
        if self._exchange is request:
            self._exchange = None
        elif not isinstance(request, _Exchange):
            self.credits += 1
            self.debits -= 1

    def _unsend(self, request: Request) -> None:
        self._release(request)
        if isinstance(request, TaskManagement):
            self._urgent.appendleft(request)
        elif isinstance(request, Command) and request.why is not None:
            self._end(request, request.why)
        elif isinstance(request, Command):
            self._waiting.appendleft(request)

    def _end(self, request: Request, error: Exception | None) -> None:
        request.ended = True
        request.error = error
        request.deadline = 0.0
        self.ended.append(request)

    def _withdraw(self, request: Command | TaskManagement, error: Exception) -> None:
        """End a request that has not been sent."""
        (self._urgent if isinstance(request, TaskManagement) else self._waiting).remove(request)  # type: ignore[arg-type]
        self._end(request, error)

    def _drop_requests(self, error: Exception | None, replay: bool = True) -> None:
        """The server has forgotten all it had. Without an error everything is sent again."""
        again: list[Request] = []
        for request in self._requests:
            if request is None:
                continue
            self._free.append(request.slot)
            if request.ended or isinstance(request, _Exchange):
                continue
            if isinstance(request, Command) and request.why is not None:
                self._end(request, request.why)
            elif isinstance(request, Command) and (error is None or (replay and request.replay)):
                request.tag = 0
                again.append(request)
            else:
                self._end(request, error or PartnerGone("the partition was migrated"))
        again.sort(key=lambda request: request.serial)
        self._waiting.extendleft(reversed(again))  # type: ignore[arg-type]
        self._requests = [None] * len(self._requests)
        # What was to be managed is gone with the connection.
        while self._urgent:
            self._end(self._urgent.popleft(), error or PartnerGone("the partition was migrated"))

    def _drop_waiting(self, error: Exception) -> None:
        while self._urgent:
            self._end(self._urgent.popleft(), error)
        while self._waiting:
            self._end(self._waiting.popleft(), error)

    def _forget_partner(self) -> None:
        """What was to be sent to the former partner is not for the next one."""
        self.output.clear()
        self.credits = self.debits = self._owed = 0
        self._closed_until = 0.0
        self._init_wanted = False
        if self._exchange is not None:
            if self._requests[self._exchange.slot] is self._exchange:
                self._requests[self._exchange.slot] = None
                self._free.append(self._exchange.slot)
            self._exchange = None

    # Time.

    def _arm(self, request: Request, now: float, seconds: float) -> None:
        if seconds:
            request.deadline = deadline = now + seconds
            if deadline < self._next_deadline:
                self._next_deadline = deadline

    def _note(self, deadline: float) -> None:
        if deadline < self._next_deadline:
            self._next_deadline = deadline

    def _expired(self, request: Request, now: float) -> None:
        if request.ended:
            return
        if isinstance(request, _Exchange):
            self.host_reset(f"no answer while {request.state.value}")
        elif isinstance(request, TaskManagement):
            error = TimedOut(f"no answer to {request.function.name.replace('_', ' ')}")
            if request.tag:
                # Its slot stays taken: the answer may still be written there.
                self._end(request, error)
            else:
                self._withdraw(request, error)
            self._follow_up(request, now)
        elif isinstance(request, Command):
            if not request.tag:
                text = f"not sent within {request.timeout:g} s: {self.state.value}"
                self._withdraw(request, TimedOut(text))
            elif request.aborting is None:
                self.log.warning("command %s timed out, aborting it", request.cdb[:1].hex())
                request.why = TimedOut(f"no answer within {request.timeout:g} s")
                self._try(TskMgmtFunc.ABORT_TASK, request, now)

    def _try(self, function: TskMgmtFunc, command: Command, now: float) -> None:
        command.aborting = function
        task = command if function is TskMgmtFunc.ABORT_TASK else None
        self.submit(TaskManagement(function, command.lun, task, escalate=True), now)

    def _follow_up(self, function: TaskManagement, now: float) -> None:
        """When ending late commands did not work: the next stronger measure, in Linux's order."""
        if not function.escalate or function.code == 0:
            return
        for command in self._requests:
            if not isinstance(command, Command) or command.ended or command.aborting is not function.function:
                continue
            if command is not function.task and (function.task is not None or command.lun != function.lun):
                continue
            if function.function is TskMgmtFunc.ABORT_TASK:
                self._try(TskMgmtFunc.LUN_RESET, command, now)
            else:
                self.host_reset("LUN reset failed")
            return
