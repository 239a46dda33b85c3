"""The interface between an SRP session and the adapter that carries it: IUs and memory, on any transport.

A call that may take time completes now or later. If it returns :data:`PENDING`, the loop that owns the session calls ``done``
later, never from within the call. Otherwise it is over when it returns, and ``done`` is not called. So nothing recurses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol

from pysrp.srp import SupportedFormats

if TYPE_CHECKING:
    from pysrp.target.data import Chunk
    from pysrp.target.srp_session import Channel, SrpTask

__all__ = [
    "FOR_READING",
    "FOR_WRITING",
    "PENDING",
    "Done",
    "InitiatorMemory",
    "Later",
    "Limits",
    "Link",
    "Segment",
]

Segment = tuple[int, int, int]
"""Address, length in bytes and memory key of one stretch of the initiator's memory."""

FOR_READING, FOR_WRITING = 1, 2
"""The access that is needed to the initiator's memory. The numbers are those of :class:`pysrp.fabric.Access`."""

Done = Callable[["Exception | None"], None]
"""Called when an operation is over, with the error or None."""


class Later(Enum):
    """The type of :data:`PENDING`."""

    PENDING = "it goes on"


PENDING: Final = Later.PENDING
"""Returned by a call that is not over yet: ``done`` is called when it is."""


@dataclass(frozen=True)
class Limits:
    """The limits of a link: the largest IU each way and the most sense data in an answer, in bytes; buffer formats."""

    iu_in: int
    iu_out: int
    sense: int
    formats: int = int(SupportedFormats.DIRECT | SupportedFormats.INDIRECT)
    channels: bool = False
    """Whether a session may have several channels."""
    immediate: bool = False
    """Whether an SRP_CMD may contain its data-out (SRP2); the initiator sets the offset at login."""
    largest: int | None = None
    """Bytes that one command may move, if that is announced to initiators; None: it is not."""


class InitiatorMemory(Protocol):
    """The initiator's memory, as a link reaches it. Segments come from the initiator and are not to be trusted.

    Raises TransportError, or passes it to ``done``, if a segment is not the initiator's memory or does not permit the access.
    """

    def allocate(self, size: int, /) -> Any:
        """Memory of the target that the transport can use, as a buffer. HcallError or MemoryError when there is none."""

    def reach(self, segments: Sequence[Segment], access: int, /) -> list[memoryview] | None:
        """The initiator's memory itself, segment by segment, where all of it is shared; else None.

        ``access`` is :data:`FOR_READING` or :data:`FOR_WRITING`.

        The views must not be used after the caller has returned to the loop: once its command is aborted, or its connection is
        reset, the initiator uses the memory for something else.
        """

    def fetch(self, segments: Sequence[Segment], chunk: Chunk, done: Done, /) -> Later | None:
        """Copy the segments, one behind the other, to the beginning of a chunk. Now or later."""

    def store(self, chunk: Chunk, segments: Sequence[Segment], done: Done, /) -> Later | None:
        """Copy the beginning of a chunk to the segments. Now or later."""


class Link(Protocol):
    """The adapter that carries a channel's IUs, as the channel uses it.

    ``where`` is the adapter's private handle of a request, which it passed to :meth:`Channel.arrived`.
    """

    def answer(self, task: SrpTask, credits: int, /) -> bool:
        """Answer a command, with ``credits`` as REQUEST LIMIT DELTA; False if the answer could not be written.

        The request is outstanding until the adapter calls :meth:`Channel.sent`.
        """

    def answer_function(
        self, channel: Channel, where: Any, tag: int, sol_not: int, credits: int, code: int, /
    ) -> bool:
        """Answer a task management function, whose response code is ``code``, likewise."""

    def send_credits(self, channel: Channel, tag: int, credits: int, /) -> bool:
        """Give ``credits`` without an answer: an SRP_CRED_REQ (SRP r16a, 6.10), whose SRP_CRED_RSP then arrives.

        False where a target must not send an IU unasked: the credits come with the next answer.
        """

    def flush(self) -> None:
        """Send the answers that have been written, as far as there is room in the queue."""

    def violated(self, reason: str, code: int = 0, /) -> None:
        """The initiator broke the protocol: end the connection. ``code`` is the reason of a T_LOGOUT."""
