"""Old names of the client's state machine, which have modules of their own now; kept for one release.

The requests are in :mod:`pysrp.initiator.requests`, the session in
:mod:`pysrp.initiator.srp_session`, the adapter in :mod:`pysrp.vscsi.client`.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

_REQUESTS = "pysrp.initiator.requests"
_CLIENT = "pysrp.vscsi.client"
_MOVED = {
    "Aborted": _REQUESTS,
    "Command": _REQUESTS,
    "LoginRejected": _REQUESTS,
    "Request": _REQUESTS,
    "TaskManagement": _REQUESTS,
    "TimedOut": _REQUESTS,
    "Action": _CLIENT,
    "Host": _CLIENT,
    "IU_SIZE": _CLIENT,
    "State": _CLIENT,
    "Options": "pysrp.vscsi.client_options",
}


def __getattr__(name: str) -> Any:
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    now = "QueueWork" if name == "Action" else name
    warnings.warn(f"{__name__}.{name} is {_MOVED[name]}.{now} now", DeprecationWarning, stacklevel=2)
    return getattr(importlib.import_module(_MOVED[name]), now)
