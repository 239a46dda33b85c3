"""The old place, in version 0.1, of the target's engine, which is in :mod:`pysrp.vscsi.server` now."""

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
