"""Every exception that pysrp raises, in one tree.

The class says where the fault is: :class:`DecodeError` in bytes that came from elsewhere,
:class:`EncodeError` in a value that the caller gave, :class:`ProtocolError` in a peer that broke the protocol,
:class:`TransportError` in the path between the partners, :class:`ConfigError` in a configuration,
:class:`UnavailableError` in this machine. :class:`ScsiError` is a device's status other than GOOD.
"""

from __future__ import annotations

import errno
from typing import Any

from pysrp import papr

__all__ = [
    "Busy",
    "CheckCondition",
    "ConfigError",
    "DecodeError",
    "EncodeError",
    "HcallError",
    "PartnerGone",
    "ProtocolError",
    "QueueFull",
    "ReservationConflict",
    "ScsiError",
    "SrpError",
    "TaskAborted",
    "TaskSetFull",
    "TransportError",
    "TruncatedError",
    "UnavailableError",
]


class SrpError(Exception):
    """Root of every exception of this package."""


class DecodeError(SrpError, ValueError):
    """Bytes that cannot be what they claim to be.

    ``field`` names the field, ``offset`` is the byte at which the bytes of that field begin (from the
    start of the structure), ``need`` and ``have`` are the byte counts wanted and present (-1 where they
    do not apply).
    """

    def __init__(
        self, message: str, *, field: str = "", offset: int = 0, need: int = -1, have: int = -1
    ) -> None:
        super().__init__(message)
        self.field = field
        self.offset = offset
        self.need = need
        self.have = have

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), self.field, self.offset, self.need, self.have)


def _rebuild(
    cls: type[DecodeError], message: str, field: str, offset: int, need: int, have: int
) -> DecodeError:
    return cls(message, field=field, offset=offset, need=need, have=have)


class TruncatedError(DecodeError):
    """Fewer bytes than the fixed part of the structure takes."""


class EncodeError(SrpError, ValueError):
    """A value that does not fit the width of its field; ``field`` names it."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class ProtocolError(SrpError):
    """The partner did what the protocol forbids at this point (SRP r16a, LoPAR virtual SCSI)."""


class ScsiError(SrpError):
    """A command ended with a SCSI status other than GOOD (SAM-5, 5.3.1).

    ``status`` is the status byte, ``sense`` the sense data as bytes (empty where there is none).
    """

    def __init__(self, message: str, *, status: int, sense: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.sense: bytes = bytes(sense)


class CheckCondition(ScsiError):
    """CHECK CONDITION (02h): ``sense`` says why."""


class ReservationConflict(ScsiError):
    """RESERVATION CONFLICT (18h): another initiator holds the logical unit."""


class Busy(ScsiError):
    """BUSY (08h): try again later."""


class TaskSetFull(ScsiError):
    """TASK SET FULL (28h): try again when a command has ended."""


class TaskAborted(ScsiError):
    """TASK ABORTED (40h): another initiator's task management ended the command."""


class TransportError(SrpError, OSError):
    """The path to the partner failed."""


class HcallError(TransportError):
    """A hypervisor call answered with a PAPR return code other than success; ``code`` is that number."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the same call should be made again; None if the code does not ask for that."""
        return papr.retry_after(self.code)


class PartnerGone(TransportError):
    """The partner closed its queue, died, or was never there."""


class QueueFull(TransportError):
    """The partner's queue has no free slot (H_DROPPED); nothing was sent."""


USED_UP = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of accept(2) when the process or the machine has no descriptors or memory for another connection."""


def check_text(name: str, text: object, most: int) -> None:
    """Raise ConfigError unless ``text`` is a string of at most ``most`` ASCII characters without NUL, as wire fields need."""
    if not isinstance(text, str) or not text.isascii() or "\0" in text or len(text) > most:
        raise ConfigError(f"{name} {text!r}: at most {most} ASCII characters are possible")


def check_number(name: str, value: object, least: int, most: int) -> None:
    """Raise ConfigError unless ``value`` is an integer from ``least`` to ``most``."""
    if not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(f"{name} {value!r}: a whole number from {least} to {most} is possible")


class ConfigError(SrpError, ValueError):
    """A configuration that cannot be carried out; the message says what to change."""


class UnavailableError(SrpError, RuntimeError):
    """Something this machine does not have; the message says what to install or load."""
