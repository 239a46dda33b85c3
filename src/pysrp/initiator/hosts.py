"""Logical units by URL, over any transport."""

from __future__ import annotations

from typing import Any

from pysrp import fabric
from pysrp.errors import ConfigError
from pysrp.initiator.device import ScsiHost
from pysrp.initiator.session import Session
from pysrp.sg.session import Session as Generic

__all__ = ["check", "connect"]


def check(url: str) -> None:
    """Raise ConfigError for a URL whose scheme is not known."""
    if url.partition(":")[0] not in {*fabric.TRANSPORTS, "sg"} or ":" not in url:
        known = ", ".join(f"{name}:" for name in fabric.TRANSPORTS)
        raise ConfigError(
            f"{url!r}: the URL of a target begins with one of {known}; sg: is for the devices of this machine"
        )


def connect(url: str, *, timeout: float | None = 60, **options: Any) -> ScsiHost:
    """Open the host that ``url`` names, ready for commands. Use it in a ``with`` statement, or call its ``close()``.

    ``sg:/dev/sg0`` is a device of this machine, ``sg:`` all of them (:class:`pysrp.sg.Session`). Every other URL is that
    of a target: a :class:`pysrp.initiator.Session` logs in within ``timeout`` seconds. ``options`` are those of
    the session's class. Raises the errors of that class.

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
