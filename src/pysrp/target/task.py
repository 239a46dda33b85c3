"""A task: one SCSI command on its way through a target, and the joint between engine and logical units.

The engine (:mod:`.engine`) makes a :class:`Task` of an SRP_CMD and gives it to a logical unit, which is
anything that has the methods of :class:`Unit`. The unit checks the CDB, moves data with the task's own
methods and ends it, once::

    def execute(self, task):
        match task.cdb[0]:
            case 0x00: task.good()                                        # TEST UNIT READY
            case 0x12: task.reply(self.inquiry, allocation)               # small data-in; ends it GOOD
            case 0x28: task.read(self.backend, lba * 512, blocks * 512)   # bulk; ends it when it is done
            case 0x55: self.mode_select(task.fetch(length)); task.good()  # parameter list, copied in once
            case 0x35: task.run(self.backend, self.backend.flush)         # whatever may block
            case _: task.check(sense)

Everything here is called in the thread that owns the port, the ``then`` functions too; only the
transfers and ``work`` of a blocking backend run elsewhere. A task management function may end a task
while a worker is busy with it: then nothing of the task happens any more, no byte and no answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pysrp.errors import CheckCondition, ScsiError, TransportError
from pysrp.lun import Lun
from pysrp.scsi.sense import sense
from pysrp.srp import TaskAttribute

if TYPE_CHECKING:
    from pysrp.target.data import Transfer

__all__ = ["Backend", "BadBlock", "Job", "Mover", "Nexus", "Segment", "Task", "Unit", "Workers"]

log = logging.getLogger("pysrp.target")


_DESCRIPTORS: dict[bytes, bytes] = {}
"""What :func:`fixed_sense` has made, in descriptor format (SPC-5, 4.4.2)."""


def fixed_sense(key: int, code: int) -> bytes:
    """Sense data of 18 bytes: a sense key and ``asc << 8 | ascq``, nothing else (SPC-5, 4.4.3)."""
    made = bytes(sense(key, code >> 8, code & 0xFF, fmt="fixed"))
    _DESCRIPTORS[made] = bytes(sense(key, code >> 8, code & 0xFF, fmt="descriptor"))
    return made


INVALID_FIELD_IN_CDB = fixed_sense(5, 0x2400)
LOGICAL_UNIT_NOT_SUPPORTED = fixed_sense(5, 0x2500)
INVALID_FIELD_IN_IU = fixed_sense(5, 0x0E03)
"""INVALID FIELD IN COMMAND INFORMATION UNIT: what is wrong with an SRP_CMD rather than its CDB."""
DATA_PHASE_ERROR = fixed_sense(0xB, 0x4B00)
"""The initiator's descriptors do not lead to memory that it shares."""
INVALID_MESSAGE = fixed_sense(0xB, 0x4900)
INTERNAL_TARGET_FAILURE = fixed_sense(4, 0x4400)

Segment = tuple[int, int]
"""Address and length in bytes of one stretch of the initiator's memory."""


class BadBlock(OSError):
    """A backend's error, and where: ``offset`` is the first byte of the first block that it is about.

    The blocks of the transfer before that one have been moved.
    """

    def __init__(self, error: OSError, offset: int) -> None:
        super().__init__(error.errno, error.strerror)
        self.offset = offset


class Nexus:
    """One I_T nexus: an initiator that is logged in at one adapter. Compared and hashed by identity.

    ``name`` is for people; ``port_id`` the 16 bytes of the initiator port; ``max_transfer`` the bytes that
    one command may move, and ``announced`` whether the initiator was told so. ``overrun`` is whether it can be
    told that a command wanted more data than it offered: Linux takes that for the opposite.
    """

    __slots__ = ("abort", "announced", "max_transfer", "name", "overrun", "port_id", "post")

    abort: Callable[[Unit, Callable[[], None]], None]
    """End its tasks for a unit with TASK ABORTED, then call a function. Owner's thread: see ``post``."""

    def __init__(
        self,
        name: str,
        post: Callable[[Callable[[], None]], None],
        port_id: bytes = bytes(16),
        max_transfer: int = 1 << 32,
        announced: bool = False,
    ) -> None:
        self.name = name
        self.port_id = port_id
        self.max_transfer = max_transfer
        self.announced = announced
        self.overrun = True
        self.post = post
        """Let the thread that owns this nexus call a function soon. From any thread."""

    def __repr__(self) -> str:
        return f"<Nexus {self.name}>"


class Backend(Protocol):
    """What a task needs of bytes on a medium: see :mod:`pysrp.backends`."""

    blocking: bool

    def read_into(self, offset: int, view: memoryview, /) -> None:
        """Fill ``view`` with the bytes from ``offset`` on."""

    def write_from(self, offset: int, view: memoryview, /) -> None:
        """Put the bytes of ``view`` at ``offset``."""

    def flush(self) -> None:
        """Return when what was written is on the medium."""


class Unit(Protocol):
    """What the engine asks of a logical unit (SAM-5, 4.6.19). Several engines may call, from several threads.

    Each nexus has a task set of its own, and a task that another nexus' reset ends is answered TASK ABORTED:
    the control mode page says TST 001b and TAS 1.
    """

    max_transfer: int | None
    """Bytes that one command can move, None: any number. A nexus that was told more does not see the unit."""

    def execute(self, task: Task) -> None:
        """Carry out a command: end the task, or start work that will. Owner's thread.

        May raise CheckCondition (or another ScsiError) to end it so. A TransportError of the task's own
        methods may be let through; any other exception is a bug here, and HARDWARE ERROR there.
        """

    def failed(self, task: Task, error: Exception) -> None:
        """A backend raised ``error`` (OSError, ValueError): end ``task`` with sense. Owner's thread.

        It is a :class:`BadBlock` where data was to be moved and could not.
        """

    def attach(self, nexus: Nexus) -> None:
        """A nexus can reach this unit from now on. Raises no unit attention by itself. May be repeated."""

    def detach(self, nexus: Nexus) -> None:
        """It cannot any more (nexus loss, LUN removed): its reservations and unit attentions are void."""

    def nexuses(self) -> Sequence[Nexus]:
        """A snapshot of those that are attached."""

    def reset(self) -> None:
        """Logical unit reset (SAM-5, 6.3.3), no task is left: modes, reservations, 29/00 for every nexus."""

    def attention(self, asc: int, ascq: int, nexus: Nexus | None = None) -> None:
        """Establish a unit attention for one nexus, or for all."""

    def forget(self, nexus: Nexus, asc: int, ascq: int) -> bool:
        """Take such a unit attention back (REPORT LUNS tells it too); whether it was pending."""

    def plain(self, nexus: Nexus) -> bool:
        """Whether a READ or WRITE from this nexus meets nothing special: no unit attention, no reservation of
        another, a medium that is ready. Asked before each batch: cheap, without the lock.
        """


class Job(Protocol):
    """Work that was given to :class:`Workers`."""

    def abandon(self) -> bool:
        """True: it had not begun and never will. False: it runs or is over, and ``ended`` is called as usual.

        In the second case later work with the same key waits until it is over.
        """


class Workers(Protocol):
    """A pool of threads for what may block."""

    def submit(self, key: object, work: Callable[[], None], ended: Callable[[Exception | None], None]) -> Job:
        """Call ``work``, then ``ended`` with its exception, on some thread. No key can hold up another.

        Whatever it raises itself, ``work`` will then not be called. RuntimeError: not now.
        """


class Mover(Protocol):
    """Moves the bytes of tasks between initiator, backends and units (:class:`pysrp.target.data.DataMover`).

    ``fetch`` and ``store`` raise TransportError where the initiator's memory is not what it said.
    """

    def fetch(self, segments: Sequence[Segment], length: int) -> memoryview:
        """The first ``length`` bytes, as private memory."""

    def store(self, segments: Sequence[Segment], data: memoryview) -> None:
        """Put ``data`` there, from the first segment on."""

    def transfer(
        self,
        task: Task,
        backend: Backend,
        offset: int,
        length: int,
        write: bool,
        flush: bool,
        block: int,
        then: Callable[[], None],
    ) -> Transfer | None:
        """Move ``length`` bytes and call ``then``; what is still going on then, or None.

        ``offset`` is a multiple of ``block``, in which errors of the backend are told.
        """

    def run(
        self, task: Task, backend: Backend, work: Callable[[], None], then: Callable[[], None]
    ) -> Transfer | None:
        """Call ``work`` where it may block, then ``then``."""


class Task:
    """One command. A unit ends it with one of :meth:`good`, :meth:`check`, :meth:`end` and :meth:`reply`, or
    leaves that to :meth:`read`, :meth:`write` or :meth:`run`.
    """

    __slots__ = (
        "aborted",
        "attribute",
        "cdb",
        "data_in",
        "data_in_length",
        "data_out",
        "data_out_length",
        "ended",
        "finish",
        "lost",
        "lun",
        "moved_in",
        "moved_out",
        "mover",
        "nexus",
        "read_only",
        "sense",
        "status",
        "tag",
        "too_large",
        "transfer",
        "unit",
        "wanted_in",
        "wanted_out",
    )

    def __init__(
        self,
        nexus: Nexus,
        lun: Lun,
        tag: int,
        cdb: bytes,
        *,
        unit: Any,
        mover: Mover,
        finish: Callable[[Task], None],
        attribute: int = TaskAttribute.SIMPLE,
        data_out: Sequence[Segment] = (),
        data_in: Sequence[Segment] = (),
        data_out_length: int | None = None,
        data_in_length: int | None = None,
        read_only: bool = False,
    ) -> None:
        self.nexus = nexus
        self.lun = lun
        self.tag = tag
        self.cdb = cdb
        """The CDB, 16 bytes or more (with the additional CDB)."""
        self.unit: Unit = unit
        self.attribute = attribute
        self.read_only = read_only
        """Whether this unit is exported read-only at the LUN that was addressed."""
        self.data_out = data_out
        self.data_in = data_in
        self.data_out_length = sum(n for _, n in data_out) if data_out_length is None else data_out_length
        """Bytes that the initiator offers."""
        self.data_in_length = sum(n for _, n in data_in) if data_in_length is None else data_in_length
        """Bytes that the initiator has room for."""
        self.mover = mover
        self.finish = finish
        self.transfer: Transfer | None = None
        self.aborted = False
        """Whether a task management function or the loss of the nexus has ended it: nothing counts now."""
        self.ended = False
        self.status = 0
        self.sense = b""
        self.too_large = False
        """Whether it wanted to move more than was announced to the initiator."""
        self.lost: Callable[[], None] | None = None
        """Puts back what its answer reports, such as a unit attention: see :meth:`undelivered`."""
        self.wanted_out = self.wanted_in = self.moved_out = self.moved_in = 0

    def __repr__(self) -> str:
        return f"<Task {self.tag:#x} {self.lun} {self.cdb[:10].hex()}>"

    # Data.

    def fetch(self, length: int) -> memoryview:
        """The first ``length`` bytes of data-out, copied in once; fewer if the initiator offers fewer.

        Raises TransportError where its descriptors point outside its memory.
        """
        self.wanted_out = max(self.wanted_out, length)
        self._limit(length)
        data = self.mover.fetch(self.data_out, min(length, self.data_out_length))
        self.moved_out = max(self.moved_out, len(data))
        return data

    def reply(
        self,
        data: bytes | bytearray | memoryview,
        allocation: int | None = None,
        *,
        lost: Callable[[], None] | None = None,
    ) -> None:
        """Send ``data``, cut to ``allocation`` bytes (ALLOCATION LENGTH) and to the room, and end GOOD.

        ``lost`` is called if nothing of it reaches the initiator.
        """
        self.lost = lost
        view = memoryview(data).cast("B")[:allocation]
        self.wanted_in = len(view)
        room = view[: self.data_in_length]
        try:
            if room:
                self.mover.store(self.data_in, room)
        except TransportError:
            self.undelivered()
            raise
        if not room:
            self.undelivered()
        self.moved_in = len(room)
        self.good()

    def undelivered(self) -> None:
        """The answer does not reach the initiator: what it reports has not been reported."""
        lost, self.lost = self.lost, None
        if lost is not None:
            lost()

    def read(
        self,
        backend: Backend,
        offset: int,
        length: int,
        *,
        block: int = 1,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Data-in: ``length`` bytes of ``backend`` from ``offset`` on, as far as there is room; then GOOD.

        ``then`` is called instead of ending GOOD. Backend errors go to :meth:`Unit.failed`, when the whole
        blocks of ``block`` bytes before the error have been moved.
        """
        self._limit(length)
        self.wanted_in = length
        length = min(length, self.data_in_length)
        self.moving(
            self.mover.transfer(self, backend, offset, length, False, False, block, then or self.good)
        )

    def write(
        self,
        backend: Backend,
        offset: int,
        length: int,
        *,
        flush: bool = False,
        block: int = 1,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Data-out: ``length`` bytes to ``backend`` at ``offset``, ``flush``: on its medium (FUA); then GOOD.

        When the initiator offers fewer, whole blocks of ``block`` bytes are written of what it offers, and its
        residual says so. From one that would not understand (:attr:`Nexus.overrun`) nothing is written, as
        FCP-4, 9.4.2 b) has it: 05/0E/03.
        """
        self._limit(length)
        self.wanted_out = length
        if length > self.data_out_length:
            if not self.nexus.overrun:
                raise CheckCondition(
                    f"{length} bytes wanted, {self.data_out_length} offered",
                    status=2,
                    sense=INVALID_FIELD_IN_IU,
                )
            length = self.data_out_length // block * block
        self.moving(self.mover.transfer(self, backend, offset, length, True, flush, block, then or self.good))

    def run(
        self, backend: Backend, work: Callable[[], None], *, then: Callable[[], None] | None = None
    ) -> None:
        """Call ``work()``: on a worker if ``backend`` blocks, else at once; then GOOD, or ``then()`` instead.

        What ``work`` raises goes to :meth:`Unit.failed`. It must not touch the task.
        """
        self.moving(self.mover.run(self, backend, work, then or self.good))

    # Ends.

    def good(self) -> None:
        """End with GOOD."""
        self.end(0)

    def check(self, sense: bytes | bytearray | memoryview) -> None:
        """End with CHECK CONDITION and this sense data; SRP's clients take 96 bytes of it at most."""
        self.end(2, sense)

    def end(self, status: int, sense: bytes | bytearray | memoryview = b"") -> None:
        """End with a SAM status (SAM-5, 5.3.1).

        What is not the unit's own sense data is in the format that its control mode page says (D_SENSE), too.
        """
        if self.ended:
            return
        self.ended = True
        self.status = status
        self.sense = bytes(sense)
        if self.sense and getattr(self.unit, "descriptor_sense", False):
            self.sense = _DESCRIPTORS.get(self.sense, self.sense)
        self.transfer = None
        self.finish(self)

    def moved(self, size: int, write: bool) -> None:
        """Count bytes that have been moved between the initiator and a backend."""
        if write:
            self.moved_out += size
        else:
            self.moved_in += size

    def moving(self, transfer: Transfer | None) -> None:
        """Remember what a worker does for this task, unless that is over already."""
        if transfer is not None and not self.ended:
            self.transfer = transfer

    def attempt(self, call: Callable[..., None], *arguments: object) -> None:
        """Call something that carries this task on; what it raises ends the task."""
        try:
            call(*arguments)
        except ScsiError as error:
            self.end(error.status, error.sense)
        except TransportError as error:
            log.warning("%r: the initiator's memory: %s", self, error)
            self.check(DATA_PHASE_ERROR)
        except Exception:
            log.exception("%r: a bug", self)
            self.check(INTERNAL_TARGET_FAILURE)

    def _limit(self, length: int) -> None:
        limit = self.nexus.max_transfer
        if length > limit:
            self.too_large = True
            raise CheckCondition(
                f"{length} bytes wanted, {limit} allowed", status=2, sense=INVALID_FIELD_IN_CDB
            )
