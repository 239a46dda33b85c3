"""What a client asks of a server: commands, task management functions, what comes before; and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pysrp.errors import SrpError, TransportError
from pysrp.lun import Lun
from pysrp.srp import LoginRejReason, TaskAttribute, TskMgmtFunc

__all__ = [
    "Aborted",
    "Command",
    "Exchange",
    "LoginRejected",
    "Request",
    "Segment",
    "TaskManagement",
    "TimedOut",
]

LONGEST_WAIT = 86400 * 365
"""Seconds that a time limit may have."""

Segment = tuple[int, int] | tuple[int, int, int]
"""A stretch of memory that the server can reach: address, length in bytes, and memory handle, as the target's
(:data:`pysrp.target.link.Segment`). A transport that needs no handles, as VSCSI, leaves it out, or has 0 for it."""


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

    ``data_out`` and ``data_in`` are stretches of memory, each a :data:`Segment`; not more than the session has been
    made for. ``block_size`` in bytes is needed to know what a CDB that
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


class Exchange(Request):
    """What comes before the commands: the login, or a message of the adapter's own. ``what`` is done by it."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        super().__init__(0)
        self.what = what
