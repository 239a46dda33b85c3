"""Requests of a client: commands, task management functions, and the login; and the errors that they end with."""

from __future__ import annotations

import math
import operator
from typing import Any

from pysrp._fast.commands import Command, Request
from pysrp.errors import SrpError, TransportError
from pysrp.lun import Lun
from pysrp.srp import LoginRejReason, TskMgmtFunc

__all__ = [
    "Aborted",
    "Command",
    "Exchange",
    "LoginRejected",
    "Request",
    "Segment",
    "TaskManagement",
    "TimedOut",
    "cdb_of",
    "check_attribute",
    "check_timeout",
]

LONGEST_WAIT = 86400 * 365
"""The longest timeout that a caller may give, in seconds."""

Segment = tuple[int, int] | tuple[int, int, int]
"""A stretch of memory that the server can reach: address, length in bytes, and memory handle, as the target's
(:data:`pysrp.target.link.Segment`). A transport that needs no handles, as VSCSI, leaves it out, or has 0 for it."""


def check_timeout(timeout: float | None) -> None:
    """Raise ValueError for a timeout that is negative, not finite, or longer than :data:`LONGEST_WAIT`."""
    if timeout is not None and not (math.isfinite(timeout) and 0 <= timeout <= LONGEST_WAIT):
        raise ValueError(f"a timeout of {timeout} s: from 0 to {LONGEST_WAIT}")


def check_attribute(attribute: int) -> None:
    """Raise ValueError for a task attribute that does not fit its three bits, TypeError if it is not an integer."""
    if not 0 <= operator.index(attribute) <= 7:
        raise ValueError(f"task attribute {attribute}: from 0 to 7, as pysrp.srp.TaskAttribute names them")


def cdb_of(cdb: Any) -> bytes:
    """The bytes of a CDB, from a bytes-like object, a structure, or a list of integers.

    TypeError for an integer: ``bytes(6)`` would be six zeros, which are TEST UNIT READY. ValueError for an empty CDB.
    """
    if hasattr(type(cdb), "__index__"):
        raise TypeError(f"{cdb!r} in place of a CDB")
    found = cdb if type(cdb) is bytes else bytes(cdb)
    if not found:
        raise ValueError("an empty CDB")
    return found


class TimedOut(TransportError, TimeoutError):
    """A request was not sent or not answered before its timeout, or a call that waits reached its own."""


class Aborted(SrpError):
    """This initiator ended the command, by task management or by giving it up. How far it was carried out is not known."""


class LoginRejected(TransportError):
    """The server does not let this initiator in (SRP_LOGIN_REJ).

    ``reason`` is the server's reason code, a :class:`~pysrp.srp.LoginRejReason` where assigned; None if the
    server's IU was not a valid answer to a login.
    """

    def __init__(self, message: str, reason: LoginRejReason | int | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class TaskManagement(Request):
    """A task management function (SAM-5, 7). ``task`` is the command that ABORT TASK is about.

    ``code`` is the response code, 0 for success. Some servers, such as ibmvstgt, answer with a SCSI status
    instead; for a status other than GOOD ``code`` is TSK_MGMT_FUNC_FAILED.
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
        self.function: TskMgmtFunc = function
        self.lun: Lun = lun
        self.task: Command | None = task
        self.escalate: bool = escalate
        self.code: int | None = None


class Exchange(Request):
    """A request that is neither command nor function: the login, or a datagram. ``what`` describes it in messages."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        super().__init__(0)
        self.what: str = what
