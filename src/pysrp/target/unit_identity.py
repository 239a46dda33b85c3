"""Where :mod:`pysrp.target.units.identity` was in version 0.1."""

from __future__ import annotations

import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    from pysrp.target.units import identity

    found = getattr(identity, "UnitIdentity" if name == "Identity" else name)
    if not name.startswith("__"):
        warnings.warn(f"{__name__} is {identity.__name__} now", DeprecationWarning, stacklevel=2)
    return found
