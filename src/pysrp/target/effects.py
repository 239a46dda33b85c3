"""Effects: what a command's handler asks the target to carry out.

A handler of a logical unit returns one effect, which ends the command::

    @command(cdbs.TestUnitReady)
    def test_unit_ready(self, task, cdb):
        return GOOD

    @command(cdbs.Read10, medium=True)
    def read(self, task, cdb):
        return Move(self.backend, cdb.lba * 512, cdb.transfer_length * 512, 512)

A handler with several steps is a generator. It yields effects, and each yield gives the effect's result back::

    @command(cdbs.ModeSelect10)
    def mode_select(self, task, cdb):
        data = yield Fetch(cdb.parameter_list_length)
        self.set_pages(data)
        yield Flush(self.backend)

A generator that returns no effect ends the command GOOD. If an effect fails, its error is raised at the yield; an error that the
generator does not catch ends the command. When the command is aborted the generator is closed, so ``finally`` is the place to
undo something. There are no callbacks: a handler is interrupted only where it yields.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from pysrp.target.backend_medium import Backend, Call
from pysrp.target.medium import FUA, Medium, MediumRequest, Operation

if TYPE_CHECKING:
    from pysrp.target.task import Nexus
    from pysrp.target.units.jobs import Job

__all__ = [
    "GOOD",
    "AbortTasks",
    "Alone",
    "Backend",
    "Begin",
    "Compare",
    "Effect",
    "Effects",
    "End",
    "Extents",
    "Fetch",
    "Flush",
    "MediumEffect",
    "Move",
    "NextTurn",
    "Read",
    "Reply",
    "Work",
    "Write",
    "Zero",
    "check",
]  # fmt: skip


class Effect:
    """The base of all effects."""

    __slots__ = ()


Effects = Effect | Generator[Effect, Any, Effect | None] | None
"""The type of what a handler returns. None: it has ended, or will end, the task by the methods that a task had in 0.1."""


class End(Effect):
    """End with a SAM status (SAM-5, 5.3.1) and sense data, of which SRP's clients take 96 bytes. To be returned.

    Raises ValueError for a status that is no byte, TypeError for sense data that is not bytes.
    """

    __slots__ = ("sense", "status")

    def __init__(self, status: int, sense: bytes | bytearray | memoryview = b"") -> None:
        check_status(status)
        self.status: int = status
        self.sense: bytes = bytes(memoryview(sense))


def check_status(status: int) -> None:
    """Raise ValueError for a SAM status that does not fit into its one byte of an answer."""
    if not 0 <= status <= 0xFF:
        raise ValueError(f"status {status}: it is one byte")


GOOD = End(0)
"""End with GOOD."""


def check(sense: bytes | bytearray | memoryview) -> End:
    """End with CHECK CONDITION and this sense data."""
    return End(2, sense)


@dataclass(slots=True, eq=False)
class Reply(Effect):
    """Send ``data``, cut to ``allocation`` bytes (ALLOCATION LENGTH) and to the initiator's buffer, and end GOOD. To be returned.

    ``lost`` is called if the answer does not reach the initiator, to restore what it reports, such as a unit attention.
    """

    data: Any = field(repr=False)
    allocation: int | None = None
    _: KW_ONLY
    lost: Callable[[], None] | None = None


@dataclass(slots=True, eq=False)
class Move(Effect):
    """Move ``length`` bytes between the initiator and a medium or a backend, where they begin at ``offset``.

    ``write``: data-out, to the medium; else data-in. ``flush``: FUA, the data is on stable storage at the end of a write, or
    before a read. ``offset`` is a multiple of ``block``, the block size in bytes that errors are located in: the whole blocks
    before an error have been moved.

    A read moves as many bytes as the initiator has room for. If the initiator offers less than a write wants, the whole blocks
    of that are written and the answer has a residual; but if it would not understand this residual
    (:attr:`~pysrp.target.task.Nexus.overrun`), nothing is written and the command ends with 05/0E/03, as FCP-4, 9.4.2 b) says.

    Returned, it ends the command GOOD when it is done; yielded, the handler goes on.
    """

    backend: Backend | Medium
    offset: int
    length: int
    block: int = 1
    write: bool = False
    flush: bool = False


@dataclass(slots=True, eq=False)
class Fetch(Effect):
    """Give a private copy of the first ``length`` bytes of data-out; fewer if the initiator offers fewer. To be yielded.

    Raises TransportError where the descriptors lead outside the initiator's memory.
    """

    length: int


@dataclass(slots=True, eq=False)
class MediumEffect(Effect):
    """Have a medium, or a backend, carry out a request, and give its value. Returned, it ends the command GOOD.

    If the command is aborted, a request that has begun runs to its end. ``unit``: the unit that the medium belongs to, where
    that is not the command's own (:attr:`pysrp.target.task.Task.others`).
    """

    backend: Any
    _: KW_ONLY
    unit: Any = None

    def request(self) -> MediumRequest:
        """Make the request."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Work(MediumEffect):
    """Call ``call()``, on a worker thread if ``backend`` can block or is a :class:`~pysrp.target.medium.Medium`; give its result.

    ``call`` must not touch the task. As it is not known which bytes of a Medium it uses, it waits there for aborted requests
    that still run; and if it is aborted itself and still runs, all later requests wait for it.
    """

    call: Callable[[], Any]

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        return Call(self.call)


class Flush(MediumEffect):
    """Have all data written before on stable storage."""

    __slots__ = ()

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        return MediumRequest(Operation.FLUSH)


@dataclass(slots=True, eq=False)
class AbortTasks(Effect):
    """End all commands of these nexuses for this unit with TASK ABORTED, except this command. To be yielded.

    The handler goes on when none of them can reach an initiator's memory any more.
    """

    nexuses: Sequence[Nexus]


@dataclass(slots=True, eq=False)
class Alone(Effect):
    """Exclusive access to ``length`` bytes of the unit's medium from ``offset`` on, until the command is over. To be yielded.

    The handler goes on when no other command of the unit, from any nexus, uses these bytes; later commands wait (:mod:`.claims`).
    A command may yield this once only.
    """

    offset: int
    length: int


@dataclass(slots=True, eq=False)
class NextTurn(Effect):
    """Go on in the loop's next turn, so that long work on a medium that is called in place does not delay other commands.

    Between two turns the command can be aborted. To be yielded.
    """


@dataclass(slots=True, eq=False)
class Begin(Effect):
    """Begin a job, which runs in the unit and reports its progress (:class:`~pysrp.target.units.jobs.Job`).

    Returned, it ends the command GOOD now, and an error of the job is reported later. Yielded, the handler goes on when the job
    is over.
    """

    job: Job


@dataclass(slots=True, eq=False)
class Read(MediumEffect):
    """Give ``length`` bytes of a medium from ``offset`` on, as a bytearray. To be yielded.

    With ``block``, a block size in bytes, an error names the bad block (:class:`~pysrp.target.medium.BadBlock`). ``flush``: the
    bytes are on stable storage before they are read (FUA).
    """

    offset: int
    length: int
    block: int = 0
    flush: bool = False

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        data = bytearray(self.length)
        flags = FUA if self.flush else 0
        return MediumRequest(
            Operation.READ, self.offset, self.length, (memoryview(data),), flags, self.block, value=data
        )


@dataclass(slots=True, eq=False)
class Zero(MediumEffect):
    """Have ``length`` bytes from ``offset`` on read as zeros. ``discard``: discard them, which leaves zeros only where the
    medium says so (DISCARD_ZEROS). To be yielded.
    """

    offset: int
    length: int
    discard: bool = False

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        return MediumRequest(Operation.DISCARD if self.discard else Operation.ZERO, self.offset, self.length)


@dataclass(slots=True, eq=False)
class Extents(MediumEffect):
    """Give which of ``length`` bytes from ``offset`` on are allocated, as :attr:`~pysrp.target.medium.Operation.EXTENTS` does.

    To be yielded.
    """

    offset: int
    length: int

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        return MediumRequest(Operation.EXTENTS, self.offset, self.length)


class Write(MediumEffect):
    """Write ``data`` to a medium at ``offset``; ``flush``: with FUA. To be yielded."""

    __slots__ = ("data", "flush", "offset")

    flush: bool
    offset: int
    backend: Any
    unit: Any

    def __init__(
        self, backend: Backend | Medium, offset: int, data: Any, *, flush: bool = False, unit: Any = None
    ) -> None:
        self.backend, self.offset, self.flush, self.unit = backend, offset, flush, unit
        self.data: memoryview = memoryview(data).cast("B")

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        flags = FUA if self.flush else 0
        return MediumRequest(Operation.WRITE, self.offset, len(self.data), (self.data,), flags)


class Compare(MediumEffect):
    """Write ``data`` to a medium at ``offset`` if the bytes there equal ``expected``, which is as long, as
    :attr:`~pysrp.target.medium.Operation.COMPARE` does; ``flush``: with FUA. To be yielded.
    """

    __slots__ = ("data", "expected", "flush", "offset")

    data: memoryview
    expected: memoryview
    flush: bool
    offset: int
    backend: Any
    unit: Any

    def __init__(
        self, backend: Backend | Medium, offset: int, expected: Any, data: Any, *, flush: bool = False
    ) -> None:
        self.backend, self.offset, self.flush, self.unit = backend, offset, flush, None
        self.expected, self.data = memoryview(expected).cast("B"), memoryview(data).cast("B")

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        flags = FUA if self.flush else 0
        return MediumRequest(
            Operation.COMPARE, self.offset, len(self.data), (self.expected, self.data), flags
        )
