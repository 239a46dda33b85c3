"""Media by URL: where the bytes of a disk are, in one line of text.

======================================  ========================================================================
URL                                     what it is
======================================  ========================================================================
``ram:64M``                             memory of this process, zeros at first
``null:1G``                             zeros; what is written is gone
``file:/PATH[?size=1G]``, or a path     a file or a block device; with a size it is made, or grown;
                                        with ``direct=1`` past the page cache; with ``lock=off`` though
                                        somebody else has it
``nbd://HOST/EXPORT``, ``nbds://...``,  an export of an NBD server (:mod:`.nbd`): by TCP, with TLS,
``nbd+unix:///EXPORT?socket=/PATH``     by a Unix socket
``rbd:POOL/IMAGE``                      an image of a Ceph cluster (:mod:`.rbd`), or with ``@SNAPSHOT`` one of its
                                        snapshots
``fault:RULE:RULE:URL``                 any of these, with faults (:mod:`.faulty`)
``power-cut:[seed=N:]URL``              any of these, with a cache that is lost with the power (:mod:`.power_cut`)
======================================  ========================================================================

``docs/media/`` has a page for each. What a scheme needs is imported when a URL of it is opened. Other distributions may bring
more (:mod:`.installed`).
"""

from __future__ import annotations

import re
from importlib import import_module

from pysrp.backends import Backend
from pysrp.errors import ConfigError
from pysrp.media import installed
from pysrp.target.medium import Medium

__all__ = ["SCHEMES", "open_medium", "schemes", "split"]

SCHEMES = {
    "fault": "pysrp.media.faulty.open_fault",
    "file": "pysrp.media.plain.open_file",
    "nbd": "pysrp.media.nbd.open_nbd",
    "nbd+unix": "pysrp.media.nbd.open_nbd_unix",
    "nbd+vsock": "pysrp.media.nbd.open_nbd_vsock",
    "nbds": "pysrp.media.nbd.open_nbds",
    "nbds+unix": "pysrp.media.nbd.open_nbds_unix",
    "nbds+vsock": "pysrp.media.nbd.open_nbds_vsock",
    "null": "pysrp.media.plain.open_null",
    "power-cut": "pysrp.media.power_cut.open_power_cut",
    "ram": "pysrp.media.plain.open_ram",
    "rbd": "pysrp.media.rbd.open_rbd",
}
"""A scheme, and the function for it: module and name. It is called with what follows the colon, and ``read_only``.

Who adds one here has one more kind of URL.
"""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)


def split(url: str) -> tuple[str, str]:
    """The scheme, in lower case, and what follows the colon. A path (/, ., or no colon) has the scheme ``path``.

    What is a path stays as it is, where of ``file:`` a ``?`` begins the options. ``file:///PATH`` is ``file:/PATH``.
    """
    found = _SCHEME.fullmatch(url)
    if not url or url[0] in "/." or found is None:
        return "path", url
    scheme, rest = found[1].lower(), found[2]
    return scheme, rest[2:] if scheme == "file" and rest.startswith("///") else rest


def open_medium(url: str, *, read_only: bool = False) -> Medium | Backend:
    """What a :class:`~pysrp.target.disk.Disk` is put on. Whoever opens it closes it.

    Raises ConfigError for what is no such URL, for a scheme that nobody knows or whose library is missing; OSError as
    opening does.
    """
    scheme, rest = split(url)
    if scheme == "path":
        if not url:
            raise ConfigError(f"a medium without a URL: {_known()}")
        from pysrp.media.file import FileMedium

        return FileMedium(url, read_only=read_only)
    if scheme not in SCHEMES:
        try:
            return installed.open_installed(scheme, rest, read_only=read_only)
        except KeyError:
            raise ConfigError(f"{url!r}: no medium is called {scheme!r}: {_known()}") from None
    module, _, name = SCHEMES[scheme].rpartition(".")
    try:
        opener = getattr(import_module(module), name)
    except ImportError as error:
        raise ConfigError(f"{scheme}: needs {error.name or error}, which is not here: {error}") from error
    medium: Medium | Backend = opener(rest, read_only=read_only)
    return medium


def schemes() -> list[str]:
    """Ours, and those of installed media that a URL can begin with."""
    return sorted({*SCHEMES, *(each for each in installed.schemes() if _SCHEME.fullmatch(f"{each}:"))})


def _known() -> str:
    return f"write a path, or one of {', '.join(f'{each}:' for each in schemes())}"
