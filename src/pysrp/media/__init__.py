"""Media by URL: the place of a disk's bytes in one line of text.

======================================  ========================================================================
URL                                     medium
======================================  ========================================================================
``ram:64M``                             memory of this process, zeros at first
``null:1G``                             reads as zeros, whatever is written
``file:/PATH[?size=1G]``, or a path     a file or a block device; with a size it is created, or grown;
                                        with ``direct=1`` past the page cache; with ``lock=off`` even if
                                        another process has locked it
``nbd://HOST/EXPORT``, ``nbds://...``,  an export of an NBD server (:mod:`.nbd`): by TCP, with TLS,
``nbd+unix:///EXPORT?socket=/PATH``     by a Unix socket
``rbd:POOL/IMAGE``                      an image of a Ceph cluster (:mod:`.rbd`), or with ``@SNAPSHOT`` one of its
                                        snapshots
``fault:RULE:RULE:URL``                 any of these, with faults (:mod:`.faulty`)
``power-cut:[seed=N:]URL``              any of these, with a cache that is lost with the power (:mod:`.power_cut`)
======================================  ========================================================================

``docs/media/`` has a page for each. The module of a scheme is imported when the first such URL is opened. Other distributions
may add schemes (:mod:`.installed`).
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
"""By scheme, the module and name of the function that opens it. The function is called with the text behind the colon, and
``read_only=``. An entry added here is one more kind of URL.
"""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)


def split(url: str) -> tuple[str, str]:
    """The scheme, in lower case, and the text behind the colon. A path (begins with / or ., or has no colon) has the scheme
    ``path``, and is returned unchanged: only after ``file:`` does a ``?`` begin options. ``file:///PATH`` is ``file:/PATH``.
    """
    found = _SCHEME.fullmatch(url)
    if not url or url[0] in "/." or found is None:
        return "path", url
    scheme, rest = found[1].lower(), found[2]
    return scheme, rest[2:] if scheme == "file" and rest.startswith("///") else rest


def open_medium(url: str, *, read_only: bool = False) -> Medium | Backend:
    """Open the medium of a URL, for a :class:`~pysrp.target.disk.Disk`. The caller has to close it.

    Raises ConfigError for a malformed URL, an unknown scheme or a missing library; OSError as opening the medium does.
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
    """The schemes that a URL can begin with: the built-in ones, and those of installed media."""
    return sorted({*SCHEMES, *(each for each in installed.schemes() if _SCHEME.fullmatch(f"{each}:"))})


def _known() -> str:
    return f"write a path, or one of {', '.join(f'{each}:' for each in schemes())}"
