"""``rbd:``: an image of a Ceph cluster as a medium, by librbd. Requests are carried out in C, by ``_fast/rbd_medium.h``."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from functools import partial
from typing import Any

from pysrp._fast.rbd_medium import POLICIES, RbdTable, library
from pysrp.errors import ConfigError
from pysrp.media.plain import options
from pysrp.media.rbd_reservations import ImageReservations
from pysrp.target.native_medium import NativeMedium
from pysrp.text import seconds

__all__ = ["LIMIT", "RbdMedium", "RbdStatus"]

log: logging.Logger = logging.getLogger("pysrp.media")

LIMIT = 60.0
"""Seconds that a request may wait for the cluster."""

FRESH = 1.0
"""Seconds for which an answer about space is cached at least: the cluster itself counts every few seconds."""

STALE = 60.0
"""Seconds for which it is cached at most, even if it took long: after an outage it takes a request's limit."""

RbdStatus = dict[str, Any]
"""What :meth:`RbdMedium.status` returns."""

_PLACE = re.compile(r"(?P<pool>[^/@]+)/(?:(?P<space>[^/@]+)/)?(?P<image>[^/@]+)(?:@(?P<snap>[^/@]+))?")


class RbdMedium(NativeMedium):
    """An image of a Ceph cluster: ``POOL[/NAMESPACE]/IMAGE[@SNAPSHOT]``, with the image's size.

    ``conf`` is the path of Ceph's configuration (None: Ceph's default), ``id`` the client without ``client.`` (None: admin).
    ``limit`` (seconds): a request that the cluster has not done by then fails with ETIMEDOUT.

    ``lock`` says what to do if another client has the image's exclusive lock: ``wait`` until that client releases it, and be
    :attr:`away` meanwhile; ``take`` it, once, by blocklisting that client; ``refuse`` to open. A dead client loses the lock when
    Ceph has noticed its death. A lock that is lost later is always waited for. An image without the exclusive-lock feature may
    be open in several clients, and ``lock`` must not be given. A snapshot, or a ``read_only`` image, needs no lock.

    Raises ConfigError where librbd is missing and for a malformed place; OSError as opening does.
    """

    def __init__(
        self,
        place: str,
        *,
        conf: str | os.PathLike[str] | None = None,
        id: str | None = None,
        lock: str | None = None,
        limit: float = LIMIT,
        read_only: bool = False,
    ) -> None:
        self.url: str = f"rbd:{place}"
        if missing := library():
            raise ConfigError(
                f"{self.url}: needs librbd 16 or newer ({missing} is not here): apt-get install librbd1 librados2"
            )
        found = _PLACE.fullmatch(place)
        if found is None:
            raise ConfigError(f"{self.url!a}: rbd:POOL[/NAMESPACE]/IMAGE[@SNAPSHOT] names an image")
        if lock is not None and lock not in POLICIES:
            raise ConfigError(f"{self.url}: lock={lock} is none of {', '.join(POLICIES)}")
        if not 1 <= limit < 1e6:
            raise ConfigError(f"{self.url}: a limit of {limit} s; 1 s is the least")
        read_only = read_only or found["snap"] is not None
        path = None if conf is None else os.fspath(conf)
        words = (path, id, found["pool"], found["space"], found["image"], found["snap"])
        self._image = self._opened(words, lock or "wait", read_only, limit)
        if lock is not None and not self._image.locks:
            self._image.close()
            why = "what is only read needs none" if read_only else "the image has no exclusive-lock"
            raise ConfigError(f"{self.url}: lock={lock}, but {why}")
        super().__init__(self._image.capsule)
        self._room: tuple[int | None, int | None] | OSError = (None, None)
        self._fresh = 0.0
        self.identity: str = f"rbd:{self._image.key}"
        if self._image.locks:
            self.reservations: Any = ImageReservations(self._image)
        self.discard_granularity: int = self._image.granularity
        if self.away:
            log.warning("%s: another client has its lock; it is waited for", self.url)

    def _opened(self, words: tuple[str | None, ...], lock: str, read_only: bool, limit: float) -> RbdTable:
        place: Any = tuple(None if word is None else os.fsencode(word) for word in words)
        if any(b"\0" in word for word in place if word):
            raise ConfigError(f"{self.url!a}: a NUL byte in it")
        try:
            told = partial(_told, self.url)
            return RbdTable(place, POLICIES[lock], read_only, int(limit * 1e9), told)
        except OSError as error:
            raise OSError(error.errno, f"{self.url}: {error.strerror}") from None

    def __repr__(self) -> str:
        return f"RbdMedium({self.url[4:]!r}, {self.size}{', read_only=True' if self.read_only else ''})"

    @property
    def away(self) -> bool:  # type: ignore[override]
        """Whether another client has the image's lock, or the cluster is lost, so that every request fails with ESHUTDOWN."""
        return self._image.away

    def size_now(self) -> int:
        """The size in bytes that the cluster told last; :attr:`size` is that of the last :meth:`look` or :meth:`resize`."""
        return self._image.size_now

    def look(self) -> None:
        """See :meth:`pysrp.target.medium.Medium.look`. A smaller size is ignored."""
        self._image.resize(grown=True)

    def resize(self) -> None:
        """Set :attr:`size` to :meth:`size_now`. Afterwards call ``resized()`` of the disk that uses this medium."""
        self._image.resize()

    def space(self) -> tuple[int | None, int | None]:
        """See :meth:`pysrp.target.medium.Medium.space`: whole objects of the image, where it has a map of them (``fast-diff``),
        without those of its snapshots; and the free room of its data pool, as ``ceph df`` says, up to the pool's quota.

        The answer, or the OSError that the cluster gave, is cached for a second, or for ten times as long as it took, up to a
        minute. Each of the requests that it needs takes no longer than ``limit``.
        """
        if (begun := time.monotonic()) >= self._fresh:
            try:
                used, pool, told = self._image.room()
                self._room = used, None if told is None else _available(json.loads(told), pool)
            except OSError as error:
                self._room = OSError(*error.args)
            self._fresh = (ended := time.monotonic()) + max(FRESH, min(10 * (ended - begun), STALE))
        if isinstance(room := self._room, OSError):
            raise OSError(*room.args)
        return room

    def status(self) -> RbdStatus:
        """Whether this process owns the image, how often it lost it, and why it did last."""
        return self._image.status()

    def close(self) -> None:
        """See :meth:`pysrp.target.medium.Medium.close`. Waits until the lock is released, some seconds at most."""
        self._image.close()


def _available(df: Any, pool: int) -> int | None:
    """Free bytes of a pool, up to its quota; None: no manager has counted them."""
    found = [each["stats"] for each in df["pools"] if each["id"] == pool]
    if not found or not df["stats"]["total_bytes"]:
        return None
    (stats,) = found
    left = int(stats["max_avail"])
    quota = int(stats["quota_bytes"])
    return max(min(left, quota - int(stats["stored"])), 0) if quota else left


def _told(url: str, up: bool, status: RbdStatus) -> None:
    """Log that this process has lost the image, or owns it again."""
    if up:
        log.warning("%s: it is ours", url)
    else:
        log.warning("%s: it is not ours any more (%s)", url, status["trouble"])


OURS: dict[str, Any] = {"conf": str, "id": str, "lock": str, "limit": seconds}


def open_rbd(text: str, *, read_only: bool = False) -> RbdMedium:
    """``rbd:POOL[/NAMESPACE]/IMAGE[@SNAPSHOT][?conf=PATH&id=NAME&lock=wait&limit=60s]``."""
    place, _, query = text.partition("?")
    given: dict[str, Any] = options(query, OURS)
    return RbdMedium(place, read_only=read_only, **given)
