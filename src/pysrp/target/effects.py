"""What a command's handler wants done: it says so, and the target carries it out.

A handler of a logical unit returns one of these effects, which ends the command::

    @command(cdbs.TestUnitReady)
    def test_unit_ready(self, task, cdb):
        return GOOD

    @command(cdbs.Read10, medium=True)
    def read(self, task, cdb):
        return Move(self.backend, cdb.lba * 512, cdb.transfer_length * 512, 512)

Or it is a generator, where what it wants comes in steps: it yields effects that give something back, and goes on
with that::

    @command(cdbs.ModeSelect10)
    def mode_select(self, task, cdb):
        data = yield Fetch(cdb.parameter_list_length)
        self.set_pages(data)
        yield Flush(self.backend)

A generator that comes to its end without an effect has ended the command GOOD. An error is raised where the effect
was yielded: what nobody catches there ends the command. When the command is aborted the generator is closed, so
``finally`` is the place to undo something. Nothing here calls back: a handler may be in the middle of things only where
it yields.
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
    """One of the effects below."""

    __slots__ = ()


Effects = Effect | Generator[Effect, Any, Effect | None] | None
"""What a handler returns. None: it ends the task itself, with the methods that a task had in version 0.1."""


class End(Effect):
    """End with a SAM status (SAM-5, 5.3.1) and sense data, of which SRP's clients take 96 bytes. For a return.

    Raises ValueError for a status that is no byte, TypeError for sense data that is not bytes.
    """

    __slots__ = ("sense", "status")

    def __init__(self, status: int, sense: bytes | bytearray | memoryview = b"") -> None:
        check_status(status)
        self.status: int = status
        self.sense: bytes = bytes(memoryview(sense))


def check_status(status: int) -> None:
    """Raise ValueError for what is no SAM status: it has one byte in an answer."""
    if not 0 <= status <= 0xFF:
        raise ValueError(f"status {status}: it is one byte")


GOOD = End(0)
"""End with GOOD."""


def check(sense: bytes | bytearray | memoryview) -> End:
    """End with CHECK CONDITION and this sense data."""
    return End(2, sense)


@dataclass(slots=True, eq=False)
class Reply(Effect):
    """Send ``data``, cut to ``allocation`` bytes (ALLOCATION LENGTH) and to the room, and end GOOD. For a return.

    ``lost`` is called if nothing of it reaches the initiator: what it reports has then not been reported.
    """

    data: Any = field(repr=False)
    allocation: int | None = None
    _: KW_ONLY
    lost: Callable[[], None] | None = None


@dataclass(slots=True, eq=False)
class Move(Effect):
    """Move ``length`` bytes between the initiator and a medium or a backend, where they begin at ``offset``.

    ``write``: data-out, to the medium; else data-in. ``flush``: and be on the medium (FUA), before it is read. ``offset`` is a multiple
    of ``block``, in which errors are told: the whole blocks before one have been moved.

    Of a read, as many bytes as the initiator has room for are moved. When it offers less than a write wants, whole
    blocks are written of what it offers, and its residual says so; from an initiator that would not understand that
    (:attr:`~pysrp.target.task.Nexus.overrun`) nothing is written, as FCP-4, 9.4.2 b) has it: 05/0E/03.

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
    """Give the first ``length`` bytes of data-out, copied once; fewer if the initiator offers fewer. For a yield.

    Raises TransportError where its descriptors lead outside its memory.
    """

    length: int


@dataclass(slots=True, eq=False)
class MediumEffect(Effect):
    """Have a medium, or a backend, do something, and give what it gives. Returned, it ends the command GOOD.

    It runs to its end even if the command is aborted meanwhile, unless it has not begun. ``unit``: whose medium it is, where
    that is not the command's own unit (:attr:`pysrp.target.task.Task.others`).
    """

    backend: Any
    _: KW_ONLY
    unit: Any = None

    def request(self) -> MediumRequest:
        """What it is to do."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Work(MediumEffect):
    """Call ``call()`` where it may block, if ``backend`` can, and give what it returns.

    It must not touch the task. For a :class:`~pysrp.target.medium.Medium` it is called on a thread too; as nobody knows which
    bytes it is about, it waits for what was aborted there and runs on, and if it is aborted itself all that comes later
    waits for it.
    """

    call: Callable[[], Any]

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        return Call(self.call)


class Flush(MediumEffect):
    """Have all that was written on the medium."""

    __slots__ = ()

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        return MediumRequest(Operation.FLUSH)


@dataclass(slots=True, eq=False)
class AbortTasks(Effect):
    """End what these nexuses have under way for this unit, but this command, with TASK ABORTED. For a yield.

    The handler goes on when nothing of it can reach an initiator's memory any more.
    """

    nexuses: Sequence[Nexus]


@dataclass(slots=True, eq=False)
class Alone(Effect):
    """Be alone with ``length`` bytes of the unit's medium from ``offset`` on, until the command is over. For a yield.

    The handler goes on when no other command of the unit, from whichever nexus, is at these bytes; those that come later wait
    (:mod:`.claims`). It may be alone with nothing else before it is over.
    """

    offset: int
    length: int


@dataclass(slots=True, eq=False)
class NextTurn(Effect):
    """Go on in the loop's next turn, so that what takes long with a medium that is called in place holds up nobody.

    Between two turns the command can be aborted. For a yield.
    """


@dataclass(slots=True, eq=False)
class Begin(Effect):
    """Begin what goes on in the unit and reports how far it is (:class:`~pysrp.target.units.jobs.Job`).

    Returned, it ends the command GOOD now, and what goes wrong is told later. Yielded, the handler goes on when it is
    over.
    """

    job: Job


@dataclass(slots=True, eq=False)
class Read(MediumEffect):
    """Give ``length`` bytes of a medium from ``offset`` on, as a bytearray. For a yield.

    With ``block`` an error says in which of its blocks it is (:class:`~pysrp.target.medium.BadBlock`). ``flush``: they are
    on the medium before they are read (FUA).
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
    """Have ``length`` bytes from ``offset`` on read as zeros. ``discard``: they are of no use, which leaves zeros only
    where the medium says so. For a yield.
    """

    offset: int
    length: int
    discard: bool = False

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        return MediumRequest(Operation.DISCARD if self.discard else Operation.ZERO, self.offset, self.length)


@dataclass(slots=True, eq=False)
class Extents(MediumEffect):
    """Give which of ``length`` bytes from ``offset`` on take room, as :attr:`~pysrp.target.medium.Operation.EXTENTS` has it.

    For a yield.
    """

    offset: int
    length: int

    def request(self) -> MediumRequest:
        """See :class:`MediumEffect`."""
        return MediumRequest(Operation.EXTENTS, self.offset, self.length)


class Write(MediumEffect):
    """Put ``data`` on a medium at ``offset``; ``flush``: and be on it (FUA). For a yield."""

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
    """Put ``data`` on a medium at ``offset`` if what is there is ``expected``, which is as long, as
    :attr:`~pysrp.target.medium.Operation.COMPARE` has it; ``flush``: and be on it (FUA). For a yield.
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
