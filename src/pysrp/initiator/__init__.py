"""The initiator: the counterpart of Linux's ibmvscsi.

::

    from pysrp.initiator import Session

:mod:`.srp_session` is SRP on any transport, :mod:`.units` has what a client does with logical units (scan, read,
write), :mod:`.workload` has many reads and writes as columns. :mod:`.session` joins them and
:mod:`pysrp.vscsi.client` to a port, with blocking calls; :mod:`.aio` does the same with asyncio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pysrp.initiator.device import ScsiDevice, ScsiHost
    from pysrp.initiator.hosts import connect
    from pysrp.initiator.session import (
        READ,
        WRITE,
        Aborted,
        Capacity,
        Device,
        LoginRejected,
        Options,
        Pending,
        Result,
        Session,
        TimedOut,
        UnitChanged,
        Workload,
    )
else:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "READ",
    "WRITE",
    "Aborted",
    "Capacity",
    "Device",
    "LoginRejected",
    "Options",
    "Pending",
    "Result",
    "ScsiDevice",
    "ScsiHost",
    "Session",
    "TimedOut",
    "UnitChanged",
    "Workload",
    "connect",
]

_HOMES = {
    "READ": "session",
    "WRITE": "session",
    "Aborted": "session",
    "Capacity": "session",
    "Device": "session",
    "LoginRejected": "session",
    "Options": "session",
    "Pending": "session",
    "Result": "session",
    "ScsiDevice": "device",
    "ScsiHost": "device",
    "Session": "session",
    "TimedOut": "session",
    "UnitChanged": "session",
    "Workload": "session",
    "connect": "hosts",
}
"""The modules of these names, imported on first use: a program that uses the engines alone loads no threads, clocks or sockets."""


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
