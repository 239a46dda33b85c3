"""How a VSCSI client presents itself, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pysrp import mad
from pysrp.errors import ConfigError, check_number, check_text
from pysrp.initiator.requests import LONGEST_WAIT
from pysrp.mad import OsType

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """An initiator's adapter info and timeouts. Times in seconds.

    ``mad_timeout``, ``login_timeout`` and ``task_timeout`` are the timeouts that the elements carry as hints; the
    session's own timers run ``patience`` times as long. ``give_up`` is how long ending a command may take that was not
    answered in time or was given up: half for ABORT TASK, half for LUN RESET, then the connection
    is reset. So a command with a timeout ends at most ``give_up`` seconds after its timeout, each time that it is tried.
    ``fast_fail`` and ``client_reserve`` are ibmvscsi's parameters of these names; they matter to a server that runs AIX
    (as VIO servers do). ``strict`` turns unusual answers into errors: an answer to a datagram that is shorter than its
    header (QEMU, which leaves the request unchanged), and an overrun that is really an underrun (see
    :class:`~pysrp.initiator.requests.Command`).

    Raises ConfigError for values that do not fit in the datagrams and elements that carry them.
    """

    partition_name: str = ""
    partition_number: int = 0xFFFFFFFF
    os_type: int = OsType.LINUX
    host_name: str = "host0"
    location_code: str = ""
    fast_fail: bool = True
    client_reserve: bool = True
    mad_timeout: int = 30
    login_timeout: int = 60
    task_timeout: int = 60
    patience: float = 2.0
    give_up: float = 4.0
    strict: bool = False

    @classmethod
    def of(cls, identity: Any, host_name: str = "host0", **given: Any) -> Options:
        """Options with the names and numbers of a port's ``identity`` (:class:`pysrp.fabric.Identity`); ``given`` are others."""
        own = {
            "partition_name": identity.partition_name,
            "partition_number": identity.partition_number or cls.partition_number,
            "location_code": identity.location_code[: _TEXTS["location_code"]],
            "host_name": host_name,
        }
        return cls(**{**own, **given})

    def __post_init__(self) -> None:
        for name, most in _TEXTS.items():
            check_text(name, getattr(self, name), most)
        for name, (least, largest) in _NUMBERS.items():
            check_number(name, getattr(self, name), least, largest)
        for name in ("patience", "give_up"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 < value <= LONGEST_WAIT:
                raise ConfigError(f"{name} {value!r}: a number above 0, at most {LONGEST_WAIT}")


_TEXTS = {
    "partition_name": mad.AdapterInfoData.partition_name.size,
    "host_name": mad.CapabilitiesData.name.size,
    "location_code": mad.CapabilitiesData.loc.size,
}
"""The texts of :class:`Options`, and the sizes of their fields in bytes."""

_SECONDS = 1, 0xFFFF
_NUMBERS = {
    "partition_number": (0, 0xFFFFFFFF),
    "os_type": (0, 0xFFFFFFFF),
    "mad_timeout": _SECONDS,
    "login_timeout": _SECONDS,
    "task_timeout": _SECONDS,
}
"""The numbers of :class:`Options`, and the ranges of their fields; the timeout in an element has 16 bits."""
