"""Where :mod:`pysrp.target.units.pages` was in version 0.1."""

from __future__ import annotations

import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    from pysrp.target.units import pages

    found = getattr(pages, "PageValues" if name == "Page" else name)
    if not name.startswith("__"):
        warnings.warn(f"{__name__} is {pages.__name__} now", DeprecationWarning, stacklevel=2)
    return found
