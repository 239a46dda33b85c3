"""``rbd:``: an image of a Ceph cluster as a medium, by librbd. ``_fast/rbd_medium.h`` does what is asked of it."""

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
"""Seconds that it is believed what room there is: the cluster itself counts every few seconds."""

STALE = 60.0
"""Seconds after which it is asked again, however long that took: after an outage it took a request's limit."""

RbdStatus = dict[str, Any]
"""What :meth:`RbdMedium.status` returns."""

_PLACE = re.compile(r"(?P<pool>[^/@]+)/(?:(?P<space>[^/@]+)/)?(?P<image>[^/@]+)(?:@(?P<snap>[^/@]+))?")


class RbdMedium(NativeMedium):
    """An image of a Ceph cluster: ``POOL[/NAMESPACE]/IMAGE[@SNAPSHOT]``, as large as it is.

    ``conf`` is the file of Ceph's configuration (None: where Ceph looks for one), ``id`` the client without ``client.``
    (None: admin). ``limit`` (seconds): a request that the cluster has not done by then fails with ETIMEDOUT.

    ``lock`` says what to do about somebody else who has the image's exclusive lock: ``wait`` until he has it no more, and be
    :attr:`away` meanwhile; ``take`` it, once, by shutting him out of the cluster; ``refuse`` to be opened. Whoever is dead has it
    no more when Ceph has noticed that. When the lock is lost, it is waited for, whatever was said. An image without that
    feature is for all who open it, and ``lock`` must not be given. A snapshot, or what is ``read_only``, needs none.

    Raises ConfigError where librbd is missing and for what names no image; OSError as opening does.
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
        """Whether another client has the image's lock, or we have lost the cluster: every request fails with ESHUTDOWN."""
        return self._image.away

    def size_now(self) -> int:
        """Bytes, as the cluster told last; :attr:`size` is what it was when somebody last looked."""
        return self._image.size_now

    def look(self) -> None:
        """See :meth:`pysrp.target.medium.Medium.look`. One that became smaller is left as it was."""
        self._image.resize(grown=True)

    def resize(self) -> None:
        """:attr:`size` is :meth:`size_now` from now on. Whoever serves this medium has to be told."""
        self._image.resize()

    def space(self) -> tuple[int | None, int | None]:
        """See :meth:`pysrp.target.medium.Medium.space`: whole objects of the image, where it has a map of them (``fast-diff``),
        without those of its snapshots; and what the pool that has them could take, as ``ceph df`` says, up to its quota.

        It is asked again after a second, or ten times as long as that takes, up to a minute. Raises OSError as the cluster does, and
        likewise the same until then. Each question of which this is made takes no longer than ``limit``.
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
        """Whether the image is ours, how often it was lost, and why last."""
        return self._image.status()

    def close(self) -> None:
        """See :meth:`pysrp.target.medium.Medium.close`. Waits until others can have the lock, some seconds at most."""
        self._image.close()


def _available(df: Any, pool: int) -> int | None:
    """Bytes that a pool could take yet, None: no manager has counted them."""
    found = [each["stats"] for each in df["pools"] if each["id"] == pool]
    if not found or not df["stats"]["total_bytes"]:
        return None
    (stats,) = found
    left = int(stats["max_avail"])
    quota = int(stats["quota_bytes"])
    return max(min(left, quota - int(stats["stored"])), 0) if quota else left


def _told(url: str, up: bool, status: RbdStatus) -> None:
    """The image is lost, or ours again."""
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
