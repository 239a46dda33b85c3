"""Where :mod:`pysrp.target.units.commands` was in version 0.1."""

from __future__ import annotations

import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    from pysrp.target.units import commands

    found = getattr(commands, "SupportedCdb" if name == "Command" else name)
    if not name.startswith("__"):
        warnings.warn(f"{__name__} is {commands.__name__} now", DeprecationWarning, stacklevel=2)
    return found
