"""The client's end of an SRP session: credits, tags, commands, task management, and timeouts.

It knows no transport. Its adapter (:mod:`pysrp.vscsi.client` is one) logs it in, passes it the answers that arrive, and
tells it when the server has lost all requests::

    exchange = session.login(now, 60)               # the SRP_LOGIN_REQ is on its way
    session.login_answered(exchange, answer)        # now commands can be sent: stage = ""
    session.submit(Command(...), now)               # an SRP_CMD, as soon as there is credit for it
    session.answered(tag, answer, now)              # an SRP_RSP
    session.tick(now)                               # when session.next_deadline has come

The requests that have ended are in ``session.ended``. If ``session.hopeless`` is set after a call, only a reset of the
connection can end the requests under way: the adapter resets it, and calls :meth:`SrpSession.lost`.

The rules are those of SRP r16a and SAM-5; where ibmvscsi of Linux differs in a way that a server can see, the comment
says which of the two is done and why.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple, Protocol

from pysrp import srp
from pysrp._fast.commands import RESERVED_CREDITS, SPARE_SLOTS
from pysrp.errors import DecodeError, SrpError
from pysrp.initiator.answers import conclude, conclude_function, read_answer, read_login
from pysrp.initiator.ius import IuMemory
from pysrp.initiator.request_table import RequestTable
from pysrp.initiator.requests import (
    Aborted,
    Command,
    Exchange,
    LoginRejected,
    Request,
    TaskManagement,
    TimedOut,
)
from pysrp.srp import LoginRspFlags, ReqFlags, SupportedFormats, TskMgmtFunc

__all__ = ["Limits", "Link", "Patience", "SrpSession"]


class Limits(NamedTuple):
    """What a transport can carry."""

    request: int
    """Bytes of the largest IU to the server."""

    inline: int
    """Entries of an indirect descriptor that may stand beside it in the IU."""

    formats: SupportedFormats
    """Buffer formats that the server may be sent."""

    immediate: int = 0
    """Where in an SRP_CMD immediate data begins, in bytes from its start, if the server agrees (SRP2); 0: there is none."""

    largest: int | None = None
    """The most bytes that one command may move; None if the transport has no limit."""


class Link(Protocol):
    """What a session needs from its adapter."""

    limits: Limits

    def send(self, slot: int, length: int, seconds: float) -> None:
        """Send the IU in a slot, of ``length`` bytes. ``seconds`` is its timeout, for transports that pass it on (0: none)."""


class Patience(Protocol):
    """How long a session waits, and how strict it is; see :class:`pysrp.vscsi.client_options.Options`."""

    @property
    def task_timeout(self) -> int:
        """Timeout in seconds of a task management function that has none of its own."""

    @property
    def patience(self) -> float:
        """Factor by which the session's own timers are longer than the timeouts that it sends."""

    @property
    def give_up(self) -> float:
        """Seconds that aborting a command may take, ABORT TASK and LUN RESET together."""

    @property
    def strict(self) -> bool:
        """Whether a DOOVER or DIOVER flag is never read as an underflow."""


class SrpSession(RequestTable):
    """One client's end of a session; see the module.

    ``memory`` has a slot for every request under way (those that wait for a credit need none). A tag is a serial
    number above 16 bits of slot number. Serial numbers go on from ``serial``, below 1 << 48: an adapter passes one that
    no earlier session on its link has reached, as a target may answer a request of an old connection on the new one (QEMU).
    """

    credits: int
    debits: int

    def __init__(
        self,
        link: Link,
        memory: IuMemory,
        options: Patience,
        log: logging.LoggerAdapter[logging.Logger],
        serial: int = 0,
    ) -> None:
        super().__init__(memory.slots, serial, log)
        self._link = link
        self.memory = memory
        self.options = options
        self._strict = options.strict
        self.paused = False
        """Whether the link accepts no IU just now."""
        self.max_segments: int = memory.segments
        """Segments that a command may have each way; an adapter may lower it."""
        self.largest: int | None = link.limits.largest
        """The most bytes that a command may move each way; None: no limit. An adapter may lower it."""

    # Called by a driver.

    def submit(self, request: Command | TaskManagement, now: float) -> None:
        """Send a command or task management function as soon as state and credits allow it.

        The request always ends up in ``ended``, with EncodeError as its error if its values do not fit an IU. Raises
        ValueError for more segments than :attr:`max_segments`, and for more bytes than :attr:`largest`.
        """
        if self.refusal is not None:
            self._end(request, self.refusal)
            return
        if isinstance(request, Command):
            most = self.max_segments
            if len(request.data_out) > most or len(request.data_in) > most:
                raise ValueError(f"more than {most} segments")
            if self.largest is not None:
                self._check_size(request, self.largest)
            timeout = request.timeout
            if timeout:
                request.deadline = deadline = now + timeout
                if deadline < self.next_deadline:
                    self.next_deadline = deadline
            self._waiting.append(request)
        else:
            options = self.options
            patience = options.give_up / 2 if request.escalate else request.timeout
            request.deadline = now + (patience or options.task_timeout * options.patience)
            self.note(request.deadline)
            self._urgent.append(request)
        if not self.stage:
            self.send_waiting()

    @staticmethod
    def _check_size(command: Command, largest: int) -> None:
        for segments in command.data_out, command.data_in:
            size = sum(segment[1] for segment in segments)
            if size > largest:
                raise ValueError(f"{size} bytes of data, one command can move {largest}")

    def abort(self, command: Command, now: float) -> TaskManagement | None:
        """ABORT TASK for a command; None if it has ended already, or had not been sent, so that it ends at once."""
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
        """Abort a command that no caller waits for, as after a timeout, but end it with ``error``."""
        if command.ended:
            return
        command.deadline = 0.0
        command.replay = False
        command.why = error
        if not command.tag:
            self._withdraw(command, error)
        elif command.aborting is None:
            self._try(TskMgmtFunc.ABORT_TASK, command, now)

    def tick(self, now: float) -> None:
        """End or abort requests whose deadline has come. Returns early if :attr:`hopeless`; call it again after the reset."""
        if now < self.next_deadline:
            return
        self.next_deadline: float = float("inf")
        late: list[Request] = []
        for request in (*self._requests, *self._waiting, *self._urgent):
            if request is not None and request.deadline:
                if request.deadline <= now:
                    late.append(request)
                else:
                    self.note(request.deadline)
        for request in late:
            if self.hopeless:
                self.note(now)
                break
            if request.deadline:
                request.deadline = 0.0
                self._expired(request, now)

    # The login, and other messages that take a slot.

    def exchange(self, what: str, now: float, seconds: float) -> Exchange:
        """Take a slot for an IU that is neither a command nor a task management function, and fill its IU with zeros.

        Without an answer within ``seconds`` times the options' patience the session becomes :attr:`hopeless`.
        """
        request = Exchange(what)
        self._take_slot(request)
        self.memory.clear(request.slot)
        request.deadline = now + seconds * self.options.patience
        self.note(request.deadline)
        return request

    def login(self, now: float, seconds: float, **fields: Any) -> Exchange:
        """Send an SRP_LOGIN_REQ. ``fields`` are more of its fields: port ids and flags, where a transport has them.

        The login asks for immediate data if the link's limits allow it.
        """
        request = self.exchange("logging in", now, seconds)
        limits, memory = self._link.limits, self.memory
        if limits.immediate:
            fields["imm_data_offset"] = limits.immediate
            fields["req_flags"] = fields.get("req_flags", 0) | int(ReqFlags.IMMED_REQUESTED)
        length = srp.LoginReq.pack_into(
            memory.view, request.slot * memory.iu_size, tag=request.tag,
            req_it_iu_len=limits.request, req_buf_fmt=limits.formats, **fields,
        )  # fmt: skip
        self._link.send(request.slot, length, seconds)
        return request

    def login_answered(self, request: Exchange, answer: bytes) -> LoginRejected | None:
        """Read the answer to a login, and take its credits. Returns an error if the server rejected the login."""
        rsp = read_login(answer, request.tag)
        self.release(request)
        if isinstance(rsp, LoginRejected):
            return rsp
        limits = self._link.limits
        largest = min(rsp.max_it_iu_len or limits.request, limits.request)
        self.memory.largest = largest
        self.memory.inline = max(0, min(limits.inline, (largest - 68) // 16))
        self.memory.immediate = limits.immediate if rsp.rsp_flags & LoginRspFlags.IMMED_SUPP else 0
        self.credits = rsp.req_lim_delta
        self.debits = self._owed = 0
        return None

    # Called by the adapter when something arrives.

    def answered(self, tag: int, answer: bytes, now: float, fault: SrpError | None = None) -> None:
        """An answer has arrived; ``fault`` is an error that the transport reports for it."""
        slot = tag & 0xFFFF
        request = self._requests[slot] if slot < len(self._requests) else None
        if request is None or request.tag != tag or isinstance(request, Exchange):
            # The request was answered already, was sent on an earlier connection, or was never sent.
            self.log.error("returned correlation token 0x%016x is invalid", tag)
            return
        self._requests[slot] = None
        self._free.append(slot)
        self.debits -= 1
        rsp, delta = read_answer(answer, tag, fault)
        before = self.credits + self._owed
        if self._owed or delta < 0:
            self._settle_credit(delta, request)
        else:
            self.credits += delta
        if request.ended:
            return  # it was given up; only its slot and its credit come back now
        request.ended = True
        request.deadline = 0.0
        self.ended.append(request)
        if isinstance(rsp, Exception):
            self.log.error("%s", rsp)
        if isinstance(request, Command):
            conclude(request, rsp, self._strict)
        elif isinstance(request, TaskManagement):
            conclude_function(request, rsp)
            if request.code == 0:
                self._managed(request, self.credits + self._owed - before - 1)
            self._follow_up(request, now)

    def asked(self, iu: bytes) -> bytes | None:
        """Handle an SRP_CRED_REQ or SRP_AER_REQ of the server (SRP r16a, 6.10, 6.12): it gives credits, or reports an event.

        Returns the answer to send, which costs no credit and needs no slot; None for any other IU.
        """
        try:
            request = srp.parse(iu)
        except DecodeError as error:
            self.log.error("%s", error)
            return None
        if not isinstance(request, srp.CredReq | srp.AerReq):
            return None
        if isinstance(request, srp.AerReq):
            self.log.warning("event of LUN %s", request.lun)
        self._regain(request.req_lim_delta)
        kind = srp.AerRsp if isinstance(request, srp.AerReq) else srp.CredRsp
        return bytes(kind.build(tag=request.tag))

    def send_waiting(self) -> None:
        """Send waiting requests, as far as credits and slots allow."""
        if self.stage or self.paused:
            return
        if self._urgent:
            self._send_functions()
        waiting, free = self._waiting, self._free
        while waiting and len(free) > SPARE_SLOTS:
            # With more than two credits in all, the last two are kept for task management.
            credits = self.credits
            if credits <= (RESERVED_CREDITS if credits + self.debits > RESERVED_CREDITS else 0):
                break
            command = waiting.popleft()
            slot = free.first
            serial = self.serial + 1
            tag = serial << 16 | slot
            try:
                length = self.memory.pack_command(slot, tag, command)
            except SrpError as error:
                self._end(command, error)
                continue
            # _take_slot written out.
            free.popleft()
            self.serial = command.serial = serial
            command.slot = slot
            command.tag = tag
            self._requests[slot] = command
            self.credits = credits - 1
            self.debits += 1
            self._link.send(slot, length, command.timeout)

    def _send_functions(self) -> None:
        while self._urgent and self.credits > 0 and self._free:
            function = self._urgent.popleft()
            task = function.task
            if task is not None and task in self._waiting and function.function is TskMgmtFunc.ABORT_TASK:
                # The command has not been sent, or has not arrived, as the partner's queue was closed.
                self._withdraw(task, Aborted("the command was aborted before it was sent"))
            if task is not None and task.ended:
                # The command was answered before ABORT TASK was sent: nothing is left to abort.
                function.code = 0
                function.ended = True
                self.ended.append(function)
                continue
            self._take_slot(function)
            length = self.memory.pack_function(function.slot, function.tag, function)
            self.credits -= 1
            self.debits += 1
            self._link.send(function.slot, length, int(function.timeout) or self.options.task_timeout)

    # Requests without an answer.

    def _managed(self, function: TaskManagement, spare: int) -> None:
        """End the commands that a successful function ended: they get no answer of their own (SAM-5, 5.6).

        ``spare`` credits came with the function's answer in addition to the function's own credit.
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

    def _expired(self, request: Request, now: float) -> None:
        if request.ended:
            return
        if isinstance(request, Exchange):
            self.hopeless = f"no answer while {request.what}"
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
                text = f"not sent within {request.timeout:g} s: {self.stage or 'logged in'}"
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
        """If a function did not end its late command, try the next step, as Linux does: LUN RESET, then a new connection."""
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
                self.hopeless: str = "LUN reset failed"
                return
