"""A SCSI target in user space, on anything that carries SRP (SRP r16a, SAM-5).

::

    from pysrp.target import Disk, LunMap, Server

:class:`~pysrp.target.serve.Server` serves logical units at a URL; :class:`~pysrp.target.lunmap.LunMap` says which it
exports. :class:`~pysrp.target.srp_session.TargetSession` is the protocol; :mod:`pysrp.vscsi.server` is what joins it to the
queue of a virtual SCSI adapter.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pysrp.target.disk import Disk, ThinDisk
    from pysrp.target.lunmap import LunMap
    from pysrp.target.serve import Server
else:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


__all__ = [
    "Disk",
    "LunMap",
    "Server",
    "ThinDisk",
]

_HOMES = {
    "Disk": "disk",
    "LunMap": "lunmap",
    "Server": "serve",
    "ThinDisk": "disk",
}
"""Where these names live. A program that wants the engines alone loads no threads, clocks or sockets."""


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
