"""The words between an SRP session and what carries it: IUs and memory, on any transport.

Now or later: what may take time returns :data:`PENDING`, and then ``done`` is called by the loop that owns the session,
never from within the call; or it is over when it returns, and ``done`` is not called. So nothing recurses.
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
"""What the initiator's memory is wanted for. The numbers are those of :class:`pysrp.fabric.Access`."""

Done = Callable[["Exception | None"], None]
"""Told that something is over, or what went wrong."""


class Later(Enum):
    """The type of :data:`PENDING`."""

    PENDING = "it goes on"


PENDING: Final = Later.PENDING
"""What is not over yet: ``done`` is called when it is."""


@dataclass(frozen=True)
class Limits:
    """What a link carries: the largest IU each way and the most sense data in an answer, in bytes; buffer formats."""

    iu_in: int
    iu_out: int
    sense: int
    formats: int = int(SupportedFormats.DIRECT | SupportedFormats.INDIRECT)
    channels: bool = False
    """Whether a session may have several."""
    immediate: bool = False
    """Whether an SRP_CMD may have its data-out in itself (SRP2); the initiator says at login where in it."""
    largest: int | None = None
    """Bytes that one command may move, where initiators are told so."""


class InitiatorMemory(Protocol):
    """The initiator's memory, as a link reaches it. Segments come from the initiator: every one may be a lie.

    Raises, or gives ``done``, TransportError for what is not the initiator's, or not for this.
    """

    def allocate(self, size: int, /) -> Any:
        """Memory of ours that the transport reaches, as a buffer. HcallError, MemoryError when there is none."""

    def reach(self, segments: Sequence[Segment], access: int, /) -> list[memoryview] | None:
        """The initiator's memory itself, segment by segment, where all of it is shared; else None.

        ``access`` is :data:`FOR_READING` or :data:`FOR_WRITING`.

        For what is over before the caller returns to the loop: an initiator whose command was aborted, or whose
        connection was reset, has given that memory to something else already.
        """

    def fetch(self, segments: Sequence[Segment], chunk: Chunk, done: Done, /) -> Later | None:
        """Copy the segments, one behind the other, to the beginning of a chunk. Now or later."""

    def store(self, chunk: Chunk, segments: Sequence[Segment], done: Done, /) -> Later | None:
        """Copy the beginning of a chunk to the segments. Now or later."""


class Link(Protocol):
    """What a channel needs of the adapter that carries its IUs.

    ``where`` is the adapter's own word for a request, as it gave it to :meth:`Channel.arrived`.
    """

    def answer(self, task: SrpTask, credits: int, /) -> bool:
        """Answer a command, and give ``credits`` back; False if the answer could not be written.

        The request is outstanding until :meth:`Channel.sent`.
        """

    def answer_function(
        self, channel: Channel, where: Any, tag: int, sol_not: int, credits: int, code: int, /
    ) -> bool:
        """Answer a task management function, whose response code is ``code``, likewise."""

    def send_credits(self, channel: Channel, tag: int, credits: int, /) -> bool:
        """Give ``credits`` without an answer: an SRP_CRED_REQ (SRP r16a, 6.10), whose SRP_CRED_RSP then arrives.

        False where a target sends no IU that was not asked for: they come with the next answer.
        """

    def flush(self) -> None:
        """Send the answers that wait for that, as far as there is room."""

    def violated(self, reason: str, code: int = 0, /) -> None:
        """The initiator broke the protocol: end the connection. ``code`` is the reason of a T_LOGOUT."""
