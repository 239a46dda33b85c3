"""Logical units by URL, whatever carries the commands."""

from __future__ import annotations

from typing import Any

from pysrp import fabric
from pysrp.errors import ConfigError
from pysrp.initiator.device import ScsiHost
from pysrp.initiator.session import Session
from pysrp.sg.session import Session as Generic

__all__ = ["check", "connect"]


def check(url: str) -> None:
    """ConfigError for a URL that can lead to no units, by how it begins."""
    if url.partition(":")[0] not in {*fabric.TRANSPORTS, "sg"} or ":" not in url:
        known = ", ".join(f"{name}:" for name in fabric.TRANSPORTS)
        raise ConfigError(
            f"{url!r}: the URL of a target begins with one of {known}; sg: is for the devices of this machine"
        )


def connect(url: str, *, timeout: float | None = 60, **options: Any) -> ScsiHost:
    """What leads to the units that ``url`` names, ready for commands; it is closed by ``with``, or ``close()``.

    ``sg:/dev/sg0`` is a device of this machine, ``sg:`` all of them (:class:`pysrp.sg.Session`); every other URL is that
    of a target, at which a :class:`pysrp.initiator.Session` logs in within ``timeout`` seconds. ``options`` are those of
    the session's class. Raises what opening it raises.

    ::

        with connect("sg:") as host:
            for device in host.scan():
                print(device.host, device.hctl, device.vendor, device.product)
    """
    check(url)
    if url.startswith("sg:"):
        return Generic(url, **options)
    session = Session(url, **options)
    try:
        session.connect(timeout)
    except BaseException:
        session.close()
        raise
    return session
