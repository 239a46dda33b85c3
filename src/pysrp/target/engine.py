"""Where the target's engine was in version 0.1: :mod:`pysrp.vscsi.server` has what was here."""

from __future__ import annotations

import warnings
from typing import Any

MOVED = {"Settings": "Settings", "Target": "ServerAdapter"}


def __getattr__(name: str) -> Any:
    if name not in MOVED:
        raise AttributeError(f"module 'pysrp.target.engine' has no attribute {name!r}")
    from pysrp.vscsi import server

    warnings.warn(
        f"pysrp.target.engine.{name} is pysrp.vscsi.server.{MOVED[name]} now",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(server, MOVED[name])
