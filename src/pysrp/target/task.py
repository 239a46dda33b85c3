"""A task: one SCSI command on its way through a target, and the interface between engine and logical units.

The session (:mod:`pysrp.target.srp_session`) makes a :class:`Task` of an SRP_CMD and gives it to a logical unit, which is any
object with the methods of :class:`Unit`. The unit checks the CDB and returns the effects that the command needs
(:mod:`.effects`); the task carries them out and ends, once.

All of this runs in the thread that owns the port; only a medium's requests may run elsewhere. A task management function may
end a task while a worker is busy with it: from then on the task moves no byte to or from the initiator, and has no answer.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Protocol

from pysrp.errors import CheckCondition, ScsiError, SrpError, TransportError
from pysrp.lun import Lun
from pysrp.scsi.sense import sense
from pysrp.srp import TaskAttribute
from pysrp.target.backend_medium import Call
from pysrp.target.claims import EVERYTHING, Claim, Claims
from pysrp.target.effects import (
    GOOD,
    AbortTasks,
    Alone,
    Begin,
    Effect,
    Effects,
    End,
    Fetch,
    MediumEffect,
    Move,
    NextTurn,
    Reply,
    Work,
    check_status,
)  # fmt: skip
from pysrp.target.fault import Fault
from pysrp.target.link import Segment
from pysrp.target.medium import BadBlock, MediumRequest

if TYPE_CHECKING:
    from pysrp._fast.lane import NativeRequest
    from pysrp.target.data import Media

__all__ = ["BadBlock", "Mover", "Nexus", "Segment", "Task", "Unit"]

log: logging.Logger = logging.getLogger("pysrp.target")

LARGEST = 1 << 32
"""Bytes of one command: SRP has 32 bits for their number."""

_DESCRIPTORS: dict[bytes, bytes] = {}
"""The descriptor format (SPC-5, 4.4.2) of all that :func:`fixed_sense` has made, by the fixed format."""


def fixed_sense(key: int, code: int) -> bytes:
    """Sense data of 18 bytes: a sense key and ``asc << 8 | ascq``, nothing else (SPC-5, 4.4.3)."""
    made = bytes(sense(key, code >> 8, code & 0xFF, fmt="fixed"))
    _DESCRIPTORS[made] = bytes(sense(key, code >> 8, code & 0xFF, fmt="descriptor"))
    return made


INVALID_FIELD_IN_CDB = fixed_sense(5, 0x2400)
LOGICAL_UNIT_NOT_SUPPORTED = fixed_sense(5, 0x2500)
INVALID_FIELD_IN_IU = fixed_sense(5, 0x0E03)
"""INVALID FIELD IN COMMAND INFORMATION UNIT: an error in the SRP_CMD rather than in its CDB."""
DATA_PHASE_ERROR = fixed_sense(0xB, 0x4B00)
"""The initiator's descriptors do not lead to memory that it shares."""
INVALID_MESSAGE = fixed_sense(0xB, 0x4900)
INTERNAL_TARGET_FAILURE = fixed_sense(4, 0x4400)


REFUSALS = frozenset({0x08, 0x18, 0x28})
"""BUSY, RESERVATION CONFLICT, TASK SET FULL: with UA_INTLCK_CTRL 11b a unit establishes a unit attention for these."""


class Nexus:
    """One I_T nexus: an initiator that is logged in at one adapter. Compared and hashed by identity.

    ``name`` is for people. ``port_id`` is the initiator port identifier, 16 bytes. ``largest`` is the most bytes that one
    command may move, as announced to the initiator (:class:`~pysrp.target.link.Limits`; None: nothing was announced);
    ``max_transfer`` and ``announced`` are made from it. ``overrun`` is whether the initiator understands a residual overrun, a
    command that wants more data than it offers: Linux takes that for an underrun. ``relative_port`` is the relative target
    port identifier (SAM-5, 4.6.5.2), 1 or more. By ``port_id`` and ``relative_port`` a nexus is recognised when it comes back.
    """

    __slots__ = (
        "abort", "announced", "max_transfer", "name", "overrun", "port_id", "post", "reaches", "relative_port",
    )  # fmt: skip

    abort: Callable[[Unit, Callable[[], None], Task | None, bool], None]
    """``abort(unit, done, but, own)``: end the nexus's tasks for a unit with TASK ABORTED, except ``but``, then call ``done``.
    ``own``: only tasks of the unit itself. Only in the owner's thread: see ``post``.
    """
    reaches: Callable[[], Sequence[Any]]
    """Each :class:`~pysrp.target.lunmap.Export` of its target that it can reach. Any thread."""

    def __init__(
        self,
        name: str,
        post: Callable[[Callable[[], None]], None],
        port_id: bytes = bytes(16),
        largest: int | None = None,
        relative_port: int = 1,
    ) -> None:
        self.name: str = name
        self.relative_port: int = relative_port
        self.port_id: bytes = port_id
        self.max_transfer: int = LARGEST if largest is None else largest
        self.announced: bool = largest is not None
        self.overrun: bool = True
        self.post: Callable[[Callable[[], None]], None] = post
        """Let the thread that owns this nexus call a function soon. From any thread."""
        self.reaches = tuple

    def __repr__(self) -> str:
        return f"<Nexus {self.name}>"


def end_tasks(
    unit: Unit,
    nexuses: Sequence[Nexus],
    post: Callable[[Callable[[], None]], None],
    done: Callable[[], None],
    but: Task | None = None,
    own: bool = False,
) -> None:
    """End the tasks that these nexuses have for a unit, except ``but``, each in its nexus's thread; then ``post`` ``done``.

    ``own``: spare tasks of other units that are at its medium. Without any nexus ``done`` is called at once.
    """
    if not nexuses:
        done()
        return
    waiting = len(nexuses)

    def ended() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            done()

    for nexus in nexuses:
        nexus.post(partial(nexus.abort, unit, partial(post, ended), but, own))


class Unit(Protocol):
    """A logical unit (SAM-5, 4.6.19), as a session calls it. Several sessions may call, from several threads.

    Each nexus has a task set of its own, unless there is an ``order`` (:mod:`.shared_tasks`).
    """

    max_transfer: int | None
    """Bytes that one command can move, None: any number. The unit is hidden from a nexus to which more was announced."""

    def execute(self, task: Task) -> Effects:
        """Return the effects that a command needs. Owner's thread.

        May raise :class:`~pysrp.target.fault.Fault` or a ScsiError, which the command ends with. Any other exception is a bug
        in the unit: it is logged, and the initiator gets HARDWARE ERROR.
        """

    def failed(self, task: Task, error: Exception) -> None:
        """A medium, or other work for ``task``, failed with ``error``: end the task with sense data. Owner's thread.

        ``error`` is a :class:`BadBlock` where the medium told which block could not be moved.
        """

    def attach(self, nexus: Nexus) -> None:
        """A nexus can reach this unit from now on. Raises no unit attention by itself. May be repeated."""

    def detach(self, nexus: Nexus) -> None:
        """A nexus cannot reach this unit any more (nexus loss, LUN removed): drop its reservations and unit attentions."""

    def nexuses(self) -> Sequence[Nexus]:
        """A snapshot of the nexuses that are attached."""

    def reset(self) -> None:
        """Logical unit reset (SAM-5, 6.3.3), when no task is left: reset modes and reservations, 29/00 for every nexus."""

    def attention(self, asc: int, ascq: int, nexus: Nexus | None = None) -> None:
        """Establish a unit attention for one nexus, or for all."""

    def forget(self, nexus: Nexus, asc: int, ascq: int) -> bool:
        """Clear a unit attention, as REPORT LUNS reports its cause too; whether it was pending."""

    def plain(self, nexus: Nexus) -> bool:
        """Whether a READ from this nexus can just be done: no unit attention is pending, no other nexus has a reservation, and
        the medium is ready. Cheap, without the lock.
        """


class Underway(Protocol):
    """A transfer, a request or a wait that a task has under way (:mod:`.data`, :mod:`.claims`)."""

    request: MediumRequest | None
    """The request that a medium is busy with, if there is one."""

    def cancel(self, quiet: Callable[[], None]) -> bool:
        """Stop: it must not touch the initiator's memory from now on. False: it still may, until it calls ``quiet``."""


class Mover(Protocol):
    """Moves the bytes of tasks between initiator, media and units (:class:`pysrp.target.data.DataMover`).

    Each method calls ``then`` when it is done, perhaps at once. Where a descriptor does not lead to the initiator's memory, it
    raises TransportError or ends the task with it.
    """

    media: Media
    """The channels that it submits to."""

    def carrying(self, data: memoryview, /) -> Mover:
        """A mover for one command whose data-out is ``data``, private memory; a segment's address is an offset in it."""

    def fetch(
        self, task: Task, segments: Sequence[Segment], length: int, then: Callable[[memoryview], None]
    ) -> None:
        """Give ``then`` a private copy of the first ``length`` bytes of the segments."""

    def store(
        self, task: Task, segments: Sequence[Segment], data: memoryview, then: Callable[[], None]
    ) -> None:
        """Copy ``data`` to the segments, from the first one on."""

    def transfer(self, task: Task, move: Move, length: int, then: Callable[[], None]) -> None:
        """Move the first ``length`` bytes of ``move``."""

    def submit(self, task: Task, medium: Any, request: MediumRequest, then: Callable[[Any], None]) -> None:
        """Submit a request to a medium, then call ``then`` with its value."""

    def adopt(self, task: Task, medium: Any, late: NativeRequest) -> None:
        """Go on with the request that the native lane has begun for the task, then end the task."""


@dataclass(slots=True, eq=False, repr=False)
class Task:
    """One command: :meth:`attempt` gives it to its unit and carries out the effects that the unit returns."""

    nexus: Nexus
    lun: Lun
    tag: int
    cdb: bytes
    """The CDB, 16 bytes or more (with the additional CDB)."""
    _: KW_ONLY
    unit: Any
    """A :class:`Unit`, None where there is none at this LUN."""
    mover: Mover
    finish: Callable[[Task], None]
    attribute: int = TaskAttribute.SIMPLE
    data_out: Sequence[Segment] = ()
    data_in: Sequence[Segment] = ()
    data_out_length: int = 0
    """Bytes that the initiator offers."""
    data_in_length: int = 0
    """Bytes that the initiator has room for."""
    read_only: bool = False
    """Whether this unit is exported read-only at the LUN that was addressed."""

    effect: Effects = field(default=None, init=False)
    """What :meth:`LogicalUnit.execute` returned, in case a subclass's override in the style of 0.1 does not return it."""
    transfer: Underway | None = field(default=None, init=False)
    """The transfer, request or wait that is under way for it."""
    steps: Steps | None = field(default=None, init=False)
    """The state of a handler that is a generator."""
    claims: Claims | None = field(default=None, init=False)
    """The claims of the unit at whose medium it is: its own unit, or one of :attr:`others`."""
    others: tuple[Any, ...] = field(default=(), init=False)
    """Units of the same target whose media it uses too. Ending all tasks of one of them ends it too."""
    aborted: bool = field(default=False, init=False)
    """Whether a task management function or a nexus loss has ended it, without an answer."""
    ended: bool = field(default=False, init=False)
    status: int = field(default=0, init=False)
    sense: bytes = field(default=b"", init=False)
    too_large: bool = field(default=False, init=False)
    """Whether it wanted to move more bytes than were announced to the initiator."""
    lost: Callable[[], None] | None = field(default=None, init=False)
    """Restores what its answer reports and clears, such as a unit attention: see :meth:`undelivered`."""
    wanted_out: int = field(default=0, init=False)
    """Bytes of data-out that the command asks for, and those moved; then the same of data-in."""
    moved_out: int = field(default=0, init=False)
    wanted_in: int = field(default=0, init=False)
    moved_in: int = field(default=0, init=False)

    def __repr__(self) -> str:
        return f"<Task {self.tag:#x} {self.lun} {self.cdb[:10].hex()}>"

    def concerns(self, unit: Unit) -> bool:
        """Whether it uses this unit: it is addressed to the unit, or the unit is one of :attr:`others`."""
        return self.unit is unit or any(each is unit for each in self.others)

    # Carrying out the effects of a handler.

    def attempt(self, call: Callable[..., Effects], *arguments: object) -> None:
        """Call a function that continues this task, and carry out the effect that it returns; an exception ends the task."""
        try:
            effect = call(*arguments) or self.effect
            self.effect = None
            if type(effect) is Move and not self.ended:
                self.move(effect, self.done)
            elif effect is not None:
                self.carry_out(effect)
        except Exception as error:
            self.caught(error)

    def caught(self, error: Exception) -> None:
        """Code that continues this task has raised ``error``: raise it in the handler that waits, else end the task."""
        if self.steps is None:
            self._end_with(error)
        else:  # not raised by the handler, which would be over: the effect that it waits for has failed
            self.attempt(self.steps.fail, error)

    def _end_with(self, error: Exception) -> None:
        """End with an error that the handler has not caught."""
        if isinstance(error, Fault):
            self.end(2, error.data(getattr(self.unit, "descriptor_sense", False)))
        elif isinstance(error, ScsiError):
            self.end(error.status, error.sense)
        elif isinstance(error, TransportError):
            self.undelivered()
            self.unreachable(error)
        else:
            log.error("%r: a bug", self, exc_info=error)
            self.undelivered()
            self.end(2, INTERNAL_TARGET_FAILURE)

    def unreachable(self, error: TransportError) -> None:
        """The descriptors do not lead to the initiator's memory: end with DATA PHASE ERROR."""
        log.warning("%r: the initiator's memory: %s", self, error)
        self.end(2, DATA_PHASE_ERROR)

    def carry_out(self, effect: Effect | Generator[Effect, Any, Effect | None]) -> None:
        """Carry out the effect that a handler returned, and then end."""
        if self.ended and not isinstance(effect, End):
            log.error("%r: a bug: it has been ended, and then its handler returned %r", self, effect)
        elif isinstance(effect, Move):
            self.move(effect, self.done)
        elif isinstance(effect, End):
            self.end(effect.status, effect.sense)
        elif isinstance(effect, Reply):
            self._reply(effect)
        elif isinstance(effect, GeneratorType):
            self.steps = Steps(self, effect)
            self.steps.go_on()
        elif isinstance(effect, MediumEffect):
            self.access(effect, self.done)
        elif isinstance(effect, Begin):
            effect.job.begin(self)
            self.end(0)
        else:
            raise TypeError(f"{effect!r} ends no command")

    def done(self, result: object = None) -> None:
        """The effect that the handler returned has been carried out: end GOOD."""
        self.end(0)

    def failed(self, error: Exception) -> None:
        """A medium, or other work of this task, failed with ``error``."""
        if self.steps is not None:
            self.steps.failed(error)
            return
        self.unit.failed(self, error)

    def close(self) -> None:
        """The task has been aborted: close its handler, and restore what its answer would have reported."""
        self.undelivered()
        steps, self.steps = self.steps, None
        if steps is not None:
            steps.close()
        self._leave()

    def fetch_out(self, length: int, then: Callable[[memoryview], None]) -> None:
        """See :class:`~pysrp.target.effects.Fetch`; call ``then`` with the data."""
        self.wanted_out = max(self.wanted_out, length)
        self._limit(length)

        def fetched(data: memoryview) -> None:
            self.moved_out = max(self.moved_out, len(data))
            then(data)

        self.mover.fetch(self, self.data_out, min(length, self.data_out_length), fetched)

    def _reply(self, effect: Reply) -> None:
        self.lost = effect.lost
        view = memoryview(effect.data).cast("B")[: effect.allocation]
        self.wanted_in = len(view)
        room = view[: self.data_in_length]
        if not room:
            self.undelivered()
            self.end(0)
            return

        def stored() -> None:
            self.moved_in = len(room)
            self.end(0)

        self.mover.store(self, self.data_in, room, stored)

    def undelivered(self) -> None:
        """The answer does not reach the initiator: restore what it would have reported, by :attr:`lost`."""
        lost, self.lost = self.lost, None
        if lost is not None:
            try:
                lost()
            except Exception:
                log.exception("%r: a bug", self)

    def move(self, effect: Move, then: Callable[[], None]) -> None:
        """See :class:`~pysrp.target.effects.Move`; call ``then`` when it is done."""
        length = effect.length
        self._limit(length)
        if not effect.write:
            self.wanted_in = length
            length = min(length, self.data_in_length)
        else:
            self.wanted_out = length
            if length > self.data_out_length:
                if not self.nexus.overrun:
                    raise CheckCondition(
                        f"{length} bytes wanted, {self.data_out_length} offered",
                        status=2,
                        sense=INVALID_FIELD_IN_IU,
                    )
                length = self.data_out_length // effect.block * effect.block
        claims = self.claim(effect.offset, length)
        if claims is None:
            self.mover.transfer(self, effect, length, then)
        else:
            go_on = partial(self.mover.transfer, self, effect, length, then)
            self._wait(claims.wait, effect.offset, length, go_on)

    def access(self, effect: MediumEffect, then: Callable[[object], None]) -> None:
        """See :class:`~pysrp.target.effects.MediumEffect`; call ``then`` with the result when it is done."""
        request = effect.request()
        begin, length = (0, EVERYTHING) if isinstance(request, Call) else (request.offset, request.length)
        claims = self.claim(begin, length, effect.unit)
        if claims is None:
            self.mover.submit(self, effect.backend, request, then)
        else:
            go_on = partial(self.mover.submit, self, effect.backend, request, then)
            self._wait(claims.wait, begin, length, go_on)

    def claim(self, offset: int, length: int, unit: Any = None) -> Claims | None:
        """Claim these bytes of its unit, or of ``unit``, in place of earlier ones (:mod:`.claims`). None: the task may go on.
        Otherwise it has to call :meth:`~pysrp.target.claims.Claims.wait` of the result.
        """
        claims: Claims = (self.unit if unit is None else unit).claims
        if claims is not self.claims:
            self._leave()
            self.claims = claims
        claims.shared[self] = offset, offset + length
        return claims if claims.queue else None

    def be_alone(self, effect: Alone, then: Callable[[], None]) -> None:
        """See :class:`~pysrp.target.effects.Alone`; call ``then`` when the task is alone there."""
        self.claims = self.unit.claims
        self._wait(self.unit.want_alone, effect.offset, effect.length, then)

    def _wait(
        self, claim: Callable[..., Claim | None], offset: int, length: int, go_on: Callable[[], None]
    ) -> None:
        """Claim these bytes, and go on as soon as the claim is granted."""

        def granted() -> None:
            if waiting is not None and self.transfer is waiting:  # neither ended nor aborted
                self.transfer = None
                self.attempt(go_on if waiting.refusal is None else waiting.refuse)

        waiting = claim(self, offset, length, granted)
        if waiting is None:
            go_on()
        else:
            self.transfer = waiting

    def _leave(self) -> None:
        """Give up its claim."""
        claims, self.claims = self.claims, None
        if claims is not None:
            claims.shared.pop(self, None)
            if claims.queue:
                claims.leave(self)

    # Ends.

    def end(self, status: int, sense: bytes | bytearray | memoryview = b"") -> None:
        """End with a SAM status (SAM-5, 5.3.1).

        Sense data of :func:`fixed_sense` is converted to the format that the unit's control mode page asks for (D_SENSE).
        """
        if self.ended:
            return
        if status:
            check_status(status)
            if status in REFUSALS and (refused := getattr(self.unit, "refused", None)) is not None:
                refused(self.nexus, status)
        self.ended = True
        self.status = status
        self.sense = bytes(sense)
        if self.sense and getattr(self.unit, "descriptor_sense", False):
            self.sense = _DESCRIPTORS.get(self.sense, self.sense)
        steps, self.steps = self.steps, None
        # Only a handler that has ended its task itself leaves a transfer: it is cancelled, and the answer waits until the
        # link copies no more.
        waits = self.transfer is not None and not self.transfer.cancel(self._quiet)
        if steps is not None:
            steps.close()
        if not waits:
            self._quiet()

    def _quiet(self) -> None:
        """Nothing is under way any more: answer the command."""
        self.transfer = None
        self._leave()
        self.finish(self)

    def _limit(self, length: int) -> None:
        limit = self.nexus.max_transfer
        if length > limit:
            self.too_large = True
            raise CheckCondition(
                f"{length} bytes wanted, {limit} allowed", status=2, sense=INVALID_FIELD_IN_CDB
            )

    # Methods that handlers of version 0.1 called.

    def good(self) -> None:
        """Return :data:`~pysrp.target.effects.GOOD` instead."""
        _old("task.good()", "return GOOD")
        self.end(0)

    def check(self, sense: bytes | bytearray | memoryview) -> None:
        """Return :func:`~pysrp.target.effects.check` instead."""
        _old("task.check(sense)", "return check(sense)")
        self.end(2, sense)

    def fetch(self, length: int) -> memoryview:
        """Yield :class:`~pysrp.target.effects.Fetch` instead."""
        _old("task.fetch(length)", "data = yield Fetch(length)")
        found: list[memoryview] = []
        self.fetch_out(length, found.append)
        if not found:
            if self.transfer is not None:
                self.transfer.cancel(lambda: None)
                self.transfer = None
            raise TransportError(
                "this transport copies later, and task.fetch() cannot wait: yield Fetch(length)"
            )
        return found[0]

    def reply(
        self, data: Any, allocation: int | None = None, *, lost: Callable[[], None] | None = None
    ) -> None:
        """Return :class:`~pysrp.target.effects.Reply` instead."""
        _old("task.reply(...)", "return Reply(...)")
        self._reply(Reply(data, allocation, lost=lost))

    def read(
        self,
        backend: Any,
        offset: int,
        length: int,
        *,
        block: int = 1,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Return :class:`~pysrp.target.effects.Move` instead, or yield it where something follows."""
        _old("task.read(...)", "return Move(...)")
        self.move(Move(backend, offset, length, block), then or self.done)

    def write(
        self,
        backend: Any,
        offset: int,
        length: int,
        *,
        flush: bool = False,
        block: int = 1,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Return :class:`~pysrp.target.effects.Move` with ``write`` instead, or yield it."""
        _old("task.write(...)", "return Move(..., write=True)")
        self.move(Move(backend, offset, length, block, write=True, flush=flush), then or self.done)

    def run(self, backend: Any, work: Callable[[], None], *, then: Callable[[], None] | None = None) -> None:
        """Return :class:`~pysrp.target.effects.Work` instead, or yield it where something follows."""
        _old("task.run(...)", "return Work(...)")
        self.access(Work(backend, work), self.done if then is None else partial(_alone, then))


def _alone(then: Callable[[], object], result: object) -> None:
    """Call ``then`` without the result, and drop what it returns."""
    then()


def _old(call: str, better: str) -> None:
    warnings.warn(f"{call} in a handler: {better} (pysrp.target.effects)", DeprecationWarning, stacklevel=3)


class Steps:
    """A handler that is a generator, and its state.

    An effect that it yields is carried out at once or later. If at once, the generator is resumed by the loop in :meth:`go_on`
    and not by the callback, so that nothing recurses.
    """

    __slots__ = ("_error", "_handler", "_ready", "_result", "_running", "_task", "_units")

    def __init__(self, task: Task, handler: Generator[Effect, Any, Effect | None]) -> None:
        self._task = task
        self._handler = handler
        self._running = False
        self._ready = True
        self._result: object = None
        self._error: Exception | None = None
        self._units = False
        """Whether the error is from a medium or other work of the unit, not from the initiator's memory or command."""

    def go_on(self) -> None:
        """Resume the handler for as long as its effects are carried out at once."""
        self._running = True
        try:
            while self._ready:
                self._step()
        finally:
            self._running = False

    def _step(self) -> None:
        result, self._result = self._result, None
        error, self._error = self._error, None
        units, self._units = self._units, False
        self._ready = False
        try:
            if error is None:
                effect = self._handler.send(result)
            else:
                effect = self._handler.throw(error)
        except StopIteration as stop:
            self._task.steps = None
            self._task.carry_out(GOOD if stop.value is None else stop.value)
        except Exception as raised:
            self._task.steps = None
            if raised is not error or (isinstance(raised, (Fault, SrpError)) and not units):
                raise
            self._task.failed(raised)
        else:
            if self._task.steps is self:
                self._want(effect)
            else:
                log.error("%r: a bug: it has been ended, and then its handler yielded %r", self._task, effect)
                self._close()

    def _want(self, effect: Effect) -> None:
        task = self._task
        try:
            if isinstance(effect, Fetch):
                task.fetch_out(effect.length, self.done)
            elif isinstance(effect, Move):
                task.move(effect, self.done)
            elif isinstance(effect, MediumEffect):
                task.access(effect, self.done)
            elif isinstance(effect, Begin):
                effect.job.begin(task, self.done, self.failed)
            elif isinstance(effect, AbortTasks):
                end_tasks(task.unit, effect.nexuses, task.nexus.post, partial(task.attempt, self.done), task)
            elif isinstance(effect, Alone):
                task.be_alone(effect, self.done)
            elif isinstance(effect, NextTurn):
                task.nexus.post(partial(task.attempt, self.done))
            else:
                raise TypeError(f"{effect!r} gives nothing back: return it")
        except Exception as error:
            self.fail(error)

    def done(self, result: object = None) -> None:
        """The effect that the handler yielded has been carried out."""
        if self._task.steps is not self:  # aborted: a job that the handler waited for goes on all the same
            return
        self._result = result
        self._ready = True
        if not self._running:
            self.go_on()

    def fail(self, error: Exception) -> None:
        """The effect that the handler yielded failed."""
        self._error = error
        self.done()

    def failed(self, error: Exception) -> None:
        """A medium or other work of the unit failed."""
        self._units = True
        self.fail(error)

    def close(self) -> None:
        """The task has ended: close the handler now, or at its next yield if it is running."""
        self._ready = False
        if not self._running:
            self._close()

    def _close(self) -> None:
        try:
            self._handler.close()
        except Exception:
            log.exception("%r: a bug while its handler was closed", self._task)
