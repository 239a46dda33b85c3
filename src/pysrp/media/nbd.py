"""``nbd:`` and its variants: an export of an NBD server as a medium, by libnbd. Requests are carried out in C, by
``_fast/nbd_medium.h``.

The URLs are those of the NBD project (NBD's ``doc/uri.md``), as libnbd takes them, with two parameters of pysrp in the query:
``limit=`` and ``keep=``.
"""

from __future__ import annotations

import errno
import logging
import os
import re
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from pysrp._fast.nbd_medium import NbdTable, library
from pysrp.errors import ConfigError
from pysrp.media.plain import options
from pysrp.target.medium import Feature
from pysrp.target.native_medium import NativeMedium
from pysrp.text import seconds, size

__all__ = ["KEEP", "LIMIT", "NbdMedium", "NbdStatus"]

log: logging.Logger = logging.getLogger("pysrp.media")

LIMIT = 60.0
"""Seconds that a request may wait for a server that is disconnected or does not respond."""

KEEP = 64 << 20
"""Bytes of acknowledged writes that are kept until they are flushed."""

NbdStatus = dict[str, Any]
"""What :meth:`NbdMedium.status` returns."""


class NbdMedium(NativeMedium):
    """An export of an NBD server, by its URI, as large as the server says.

    ``limit`` (seconds): a request that has waited so long for a server that is disconnected or silent fails with ETIMEDOUT.
    ``keep`` (bytes): up to this many bytes of acknowledged writes are kept until they are flushed, and written again when the
    connection is made anew, as that may be another server. 0: none are kept.

    Raises ConfigError where libnbd is missing, for a malformed URI, and for an export that cannot be a medium; OSError as
    connecting does.
    """

    features: Feature

    def __init__(self, uri: str, *, read_only: bool = False, limit: float = LIMIT, keep: int = KEEP) -> None:
        if missing := library():
            raise ConfigError(
                f"{uri!r}: needs libnbd 1.12 or newer ({missing} is not here): apt-get install libnbd0"
            )
        if not 0 < limit < 1e9 or keep < 0:
            raise ConfigError(f"{uri!r}: a limit of {limit} s, {keep} bytes kept")
        self.uri = uri
        try:
            raw = uri.encode()
        except UnicodeEncodeError:
            raw = b"\0"
        if b"\0" in raw:
            raise ConfigError(f"{uri!a} is no URI")
        try:
            self._export = NbdTable(raw, int(limit * 1e9), keep, partial(_told, uri), read_only)
        except OSError as error:
            words = _plain(error.strerror or "")
            if error.errno in (errno.EINVAL, errno.ENODEV):
                raise ConfigError(f"{uri!r}: {words.removesuffix(f': {os.strerror(error.errno)}')}") from None
            raise OSError(error.errno, f"{uri!r}: {words}") from None
        super().__init__(self._export.capsule)
        preferred = self._export.preferred
        self.physical_block: int = (
            preferred if 512 <= preferred <= 1 << 24 and preferred & (preferred - 1) == 0 else 4096
        )
        self.discard_granularity: int = preferred
        if self._export.extents:
            self.features |= Feature.EXTENTS

    def __repr__(self) -> str:
        return f"NbdMedium({self.uri!r}, {self.size}{', read_only=True' if self.read_only else ''})"

    @property
    def limit(self) -> float:
        """Seconds that a request may wait; may be set."""
        return self._export.limit / 1e9

    @limit.setter
    def limit(self, limit: float) -> None:
        self._export.limit = int(limit * 1e9)

    def size_now(self) -> int:
        """The size in bytes that the server told when it was last connected to; :attr:`size` changes only by :meth:`resize`."""
        return self._export.size_now

    def resize(self) -> None:
        """Set :attr:`size` to :meth:`size_now`. Afterwards call ``resized()`` of the disk that uses this medium."""
        self._export.resize()

    def status(self) -> NbdStatus:
        """Whether it is connected, how often it was, how much was sent and written again, and the last connection error."""
        status = self._export.status()
        return {**status, "trouble": _plain(status["trouble"])}

    def trouble(self) -> str:
        """See :meth:`pysrp.target.medium.Medium.trouble`."""
        status = self.status()
        return "" if status["connected"] else f"the server is away ({status['trouble']}), and has to be there"

    def close(self) -> None:
        """See :meth:`pysrp.target.medium.Medium.close`. Requests that are under way fail."""
        self._export.close()


def _plain(words: str) -> str:
    """An error message of libnbd, without the name of the call."""
    return re.sub("^(nbd_[a-z_]+: )+", "", words)


def _told(uri: str, up: bool, status: NbdStatus) -> None:
    """Log that the connection was lost, or made again."""
    if up:
        log.warning(
            "%s: connected again; %d requests sent again, %d writes written again so far",
            uri, status["sent_again"], status["written_again"],
        )  # fmt: skip
    else:
        log.warning(
            "%s: the server is away (%s); it is tried again and again", uri, _plain(status["trouble"])
        )


def _opened(scheme: str, rest: str, *, read_only: bool = False) -> NbdMedium:
    """Open ``SCHEME:REST``, after the parameters of pysrp are taken out of the query."""
    place, _, query = rest.partition("?")
    given = options(query, OURS | LIBNBDS)
    theirs = {name: given.pop(name) for name in [*given] if name not in OURS}
    uri = f"{scheme}:{place}{'?' if theirs else ''}{urlencode(theirs, quote_via=quote, safe='/')}"
    return NbdMedium(uri, read_only=read_only, **given)


OURS: dict[str, Any] = {"limit": seconds, "keep": size}
LIBNBDS: dict[str, Any] = {"socket": str, "tls-": str}
"""Parameters of NBD's URIs (the NBD project's uri.md). Others are refused here, as libnbd ignores them silently."""

open_nbd: partial[NbdMedium] = partial(_opened, "nbd")
open_nbds: partial[NbdMedium] = partial(_opened, "nbds")
open_nbd_unix: partial[NbdMedium] = partial(_opened, "nbd+unix")
open_nbds_unix: partial[NbdMedium] = partial(_opened, "nbds+unix")
open_nbd_vsock: partial[NbdMedium] = partial(_opened, "nbd+vsock")
open_nbds_vsock: partial[NbdMedium] = partial(_opened, "nbds+vsock")
"""The functions that :mod:`pysrp.media` calls, by scheme."""
