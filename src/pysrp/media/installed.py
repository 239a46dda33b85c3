"""Media that other distributions bring: entry points of the group ``pysrp.media``, each named as the scheme of its URLs.

In the ``pyproject.toml`` of such a distribution stands ``[project.entry-points."pysrp.media"]``, and below that
``mirror = "mirror_medium:open_mirror"``. The function is called as those of :data:`pysrp.media.SCHEMES` are. What is installed is
looked at for a scheme that is not there, and nothing else of it is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pysrp.backends import Backend
from pysrp.errors import ConfigError, SrpError
from pysrp.target.medium import Medium

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "open_installed", "schemes"]

GROUP = "pysrp.media"


def _all() -> dict[str, list[EntryPoint]]:
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for each in entry_points(group=GROUP):
        found.setdefault(each.name.lower(), []).append(each)
    return found


def schemes() -> list[str]:
    """The schemes of installed media."""
    return sorted(_all())


def _where(point: EntryPoint) -> str:
    return f"{point.value} of {point.dist.name}" if point.dist else point.value


def open_installed(scheme: str, rest: str, *, read_only: bool = False) -> Medium | Backend:
    """The medium of another distribution whose scheme this is. What it raises that is neither SrpError nor OSError is a ConfigError.

    So is what cannot be imported, what is no medium, and two distributions that have the same scheme; KeyError: none has it.
    """
    points = _all()[scheme]
    places = " and ".join(map(_where, points))
    if len(points) > 1:
        raise ConfigError(f"{scheme}: is a medium of {places}: uninstall all but one")
    try:
        medium = points[0].load()(rest, read_only=read_only)
    except (SrpError, OSError, MemoryError):
        raise
    except Exception as error:
        raise ConfigError(f"{scheme}: {places}: {type(error).__name__}: {error}") from error
    if not isinstance(medium, (Medium, Backend)):
        raise ConfigError(f"{scheme}: {places}: gave {medium!r}, which is neither a Medium nor a Backend")
    return medium
