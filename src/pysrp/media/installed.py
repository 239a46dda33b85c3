"""Media of other distributions: entry points of the group ``pysrp.media``, each named as the scheme of its URLs.

The ``pyproject.toml`` of such a distribution has ``[project.entry-points."pysrp.media"]``, and below that
``mirror = "mirror_medium:open_mirror"``. The function is called as those of :data:`pysrp.media.SCHEMES` are. Entry points are
searched only for a scheme that is not built in, and only that scheme's module is imported.

A broken distribution makes only its own media fail to open.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from operator import index
from typing import TYPE_CHECKING

from pysrp.backends import Backend
from pysrp.errors import ConfigError, SrpError
from pysrp.target.medium import Medium

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

__all__ = ["GROUP", "open_installed", "schemes"]

log: logging.Logger = logging.getLogger("pysrp.media")

GROUP = "pysrp.media"

NUMBERS = "size", "block", "physical_block", "discard_granularity", "discard_alignment"
"""Attributes of a medium that are in bytes."""


def _all() -> dict[str, dict[str, EntryPoint]]:
    """All entry points, by scheme and distribution. Of one installed twice the first on the path counts, as for imports."""
    from importlib.metadata import distributions

    found: dict[str, dict[str, EntryPoint]] = {}
    for each in distributions():
        try:
            points = each.entry_points.select(group=GROUP)
            name = (each.metadata["Name"] or "?") if points else ""
        except Exception as error:
            log.warning(
                "%s: its entry points cannot be read: %s: %s", _named(each), type(error).__name__, error
            )
            continue
        for point in points:
            found.setdefault(point.name.lower(), {}).setdefault(name, point)
    return found


def _named(distribution: Distribution) -> str:
    with suppress(Exception):
        if name := distribution.metadata["Name"]:
            return f"{name}"
    return f"a distribution in {distribution.locate_file('')}"


def schemes() -> list[str]:
    """The schemes of installed media."""
    return sorted(_all())


def open_installed(scheme: str, rest: str, *, read_only: bool = False) -> Medium | Backend:
    """Open the medium of another distribution. KeyError if no distribution has the scheme.

    ConfigError if two have it, if the module cannot be imported, if the function raises SystemExit or anything but SrpError,
    OSError and MemoryError, and if it returns no medium or one with impossible attributes.
    """
    points = _all()[scheme]
    places = " and ".join(f"{point.value} of {name}" for name, point in points.items())
    if len(points) > 1:
        raise ConfigError(f"{scheme}: is a medium of {places}: uninstall all but one")
    (point,) = points.values()
    try:
        medium = point.load()(rest, read_only=read_only)
    except (SrpError, OSError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{scheme}: {places}: {type(error).__name__}: {error}") from error
    if not isinstance(medium, (Medium, Backend)):
        kind = type(medium).__name__
        raise ConfigError(
            f"{scheme}: {places}: gave an object of class {kind}, which is neither a Medium nor a Backend"
        )
    if wrong := _lie(medium):
        with suppress(Exception):
            medium.close()
        raise ConfigError(f"{scheme}: {places}: {wrong}")
    return medium


def _lie(medium: Medium | Backend) -> str:
    """Describe an impossible attribute of a medium; empty if there is none."""
    for name in NUMBERS:
        try:
            value = getattr(medium, name, 0)
            if not hasattr(value, "__index__") or not 0 <= index(value) < 1 << 63:
                return f"its {name} is {value!r:.40}, which is no number of bytes"
        except Exception as error:
            return f"its {name}: {type(error).__name__}: {error}"
    return ""
