"""``power-cut:``: a medium around another one, with a write cache that is lost when the power goes.

::

    disk = Ram(64 << 20)
    medium = PowerCut(disk, seed=7)
    ...
    medium.cut()            # and then, as when the power is back:
    medium = PowerCut(disk)

Written data stays in the cache until a FLUSH, or the write's own FUA, puts it on the medium below. Some sectors go there
earlier, in a random order that only the seed decides. So after a power cut a write may be there whole, not at all, or with some
of its sectors, and a later write may be there without an earlier one. Killing the process is a power cut too.
"""

from __future__ import annotations

import contextlib
import errno as codes
import queue
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from random import Random
from threading import Lock
from typing import Any

from pysrp.backends import Backend
from pysrp.errors import Busy, ConfigError
from pysrp.media import open_medium
from pysrp.media.around import Around
from pysrp.scsi.codes import Status
from pysrp.target.backend_medium import features_of
from pysrp.target.data import Media
from pysrp.target.guarded import excused
from pysrp.target.link import PENDING, Later
from pysrp.target.medium import FUA, NOWAIT, Feature, Loop, Medium, MediumChannel, MediumRequest, Operation

__all__ = ["PowerCut", "open_power_cut"]

READ, WRITE, FLUSH, ZERO = Operation.READ, Operation.WRITE, Operation.FLUSH, Operation.ZERO

AT_ONCE = 0.25
"""The probability that a written sector goes to the medium below at once, and then that another cached one does."""

MOST = 1 << 16
"""Sectors in the cache at most; beyond that, random ones go to the medium below."""


class PowerCut(Around):
    """``medium``, a Medium or a backend, behind a volatile cache. Closing it loses the cache, and closes ``medium``.

    A sector of ``sector`` bytes reaches the medium below whole or not at all. Requests are done one at a time, on threads of its
    own. After :meth:`cut` every request fails with ENXIO. Raises ConfigError if a sector is not a whole number of blocks.
    """

    seed: int

    def __init__(self, medium: Medium | Backend, *, seed: int = 0, sector: int = 512) -> None:
        super().__init__(medium)
        self.seed = seed
        self.sector = sector
        if sector < 1 or sector % self.block:
            raise ConfigError(f"sectors of {sector} bytes on a medium with blocks of {self.block}")
        self.features: Feature = Feature.FUA | features_of(medium) & (Feature.READ_ONLY | Feature.ROTATING)
        self._below = Below(medium)
        self._random = Random(seed)
        self._lock = Lock()
        self._cache: dict[int, bytes] = {}
        """Sectors that are not on the medium below, by number."""
        self._order: list[int] = []
        """Numbers to choose cached sectors from; some of these sectors may have left the cache."""
        self._dead = False

    def __repr__(self) -> str:
        return f"PowerCut({self.medium!r}, seed={self.seed})"

    @property
    def kept(self) -> int:
        """Bytes in the cache, which a power cut may lose now."""
        return sum(map(len, self._cache.values()))

    def channel(self, loop: Loop) -> PowerCutChannel:
        """See :meth:`pysrp.target.medium.Medium.channel`."""
        return PowerCutChannel(self, loop)

    def cut(self) -> None:
        """Cut the power: some sectors of the cache still reach the medium below, and the others are lost."""
        with self._lock:
            for number in list(self._cache):
                if self._random.random() < 0.5:
                    with contextlib.suppress(OSError):  # then it is lost too
                        self._put((number,))
            self._lose()

    def close(self) -> None:
        """Lose the cache, and close the medium below."""
        with self._lock:
            self._lose()
            self._below.retire()
        self.medium.close()

    def _lose(self) -> None:
        self._dead = True
        self._cache.clear()
        self._order.clear()

    def perform(self, request: MediumRequest) -> None:
        """Carry out a request. On a thread that may wait."""
        with self._lock:
            if self._dead:
                request.ends(codes.ENXIO)
                return
            try:
                self._perform(request)
                request.done = request.length
            except OSError as error:
                request.fails(error)

    def _perform(self, request: MediumRequest) -> None:
        match request.operation:
            case Operation.READ:
                if request.flags & FUA:
                    self._settle(request)
                self._read(request)
            case Operation.WRITE | Operation.ZERO:
                data = memoryview(b"".join(request.buffers) or bytes(request.length))
                for number, begin, end in self._pieces(request):
                    at = number * self.sector + begin - request.offset
                    self._keep(number, self._whole(number, begin, data[at : at + end - begin]))
                if request.flags & FUA:
                    self._settle(request)
            case Operation.FLUSH:
                self._put(list(self._cache))
                self._below.move(FLUSH)
            case Operation.DISCARD:
                return  # DISCARD does nothing here
            case _:
                raise OSError(codes.EOPNOTSUPP, "no such thing on this medium")

    def _settle(self, request: MediumRequest) -> None:
        """Put the request's sectors on the medium below, and flush that."""
        self._put(number for number, _, _ in self._pieces(request))
        self._below.move(FLUSH)

    def _pieces(self, request: MediumRequest) -> Iterator[tuple[int, int, int]]:
        """The request's sectors: the number, and within the sector the first byte and the one behind the last."""
        at, end = request.offset, request.offset + request.length
        while at < end:
            number, begin = divmod(at, self.sector)
            stop = min(self.sector, end - number * self.sector)
            yield number, begin, stop
            at = number * self.sector + stop

    def _whole(self, number: int, begin: int, data: memoryview) -> bytes:
        """The bytes of a sector after ``data`` is written into it at ``begin``."""
        first = number * self.sector
        size = min(self.sector, self.size - first)
        if len(data) == size:
            return bytes(data)
        sector = memoryview(bytearray(size))
        kept = self._cache.get(number)
        if kept is None:
            self._below.move(READ, first, sector)
        else:
            sector[:] = kept
        sector[begin : begin + len(data)] = data
        return bytes(sector)

    def _read(self, request: MediumRequest) -> None:
        data = memoryview(bytearray(request.length))
        self._below.move(READ, request.offset, data)
        for number, begin, end in self._pieces(request):
            kept = self._cache.get(number)
            if kept is not None:
                at = number * self.sector + begin - request.offset
                data[at : at + end - begin] = kept[begin:end]
        done = 0
        for view in request.buffers:
            view[:] = data[done : done + len(view)]
            done += len(view)

    def _keep(self, number: int, data: bytes) -> None:
        """Put a written sector into the cache, and perhaps it or another one on the medium below."""
        chance = self._random
        if number not in self._cache:
            self._order.append(number)
        self._cache[number] = data
        if chance.random() < AT_ONCE:
            self._put((number,))
        while self._order and (chance.random() < AT_ONCE or len(self._order) > MOST):
            place = chance.randrange(len(self._order))
            self._order[place], self._order[-1] = self._order[-1], self._order[place]
            self._put((self._order.pop(),))

    def _put(self, numbers: Iterable[int]) -> None:
        """Move those of these sectors that are in the cache to the medium below."""
        for number in numbers:
            data = self._cache.get(number)
            if data is not None:
                self._below.move(WRITE, number * self.sector, memoryview(data))
                del self._cache[number]


class Below:
    """Blocking access to the medium below, from any thread, but one call at a time, as its channel has one loop."""

    def __init__(self, medium: Medium | Backend) -> None:
        self._medium = medium
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.post: Callable[[Callable[[], None]], None] = self._calls.put
        self._media = Media(None, self.post)
        self.retire: Callable[[], None] = self._media.retire

    def move(self, operation: Operation, offset: int = 0, view: memoryview | None = None) -> None:
        """Carry out one request, and wait for its end. OSError if it fails."""
        over: list[Any] = []
        views = [] if view is None else [view]
        request = MediumRequest(operation, offset, sum(map(len, views)), views, over=over.append)
        if self._media.submit(self._medium, request) is PENDING:
            while not over:
                call = self._calls.get()
                try:
                    call()
                except Exception:
                    if not excused(call):
                        raise
        if request.errno:
            raise request.cause or OSError(request.errno, f"{operation.name} of {self._medium!r}")


class PowerCutChannel(MediumChannel):
    """The channel of one loop."""

    medium: PowerCut
    loop: Loop

    def __init__(self, medium: PowerCut, loop: Loop) -> None:
        self.medium, self.loop = medium, loop

    def submit(self, request: MediumRequest) -> Later | None:
        """See :meth:`pysrp.target.medium.MediumChannel.submit`."""
        medium = self.medium
        if request.flags & NOWAIT:
            request.ends(codes.EAGAIN)
            return None
        request.channel = self
        try:
            request.own = medium.workers.submit(
                medium, partial(medium.perform, request), partial(self._over, request)
            )
        except RuntimeError as error:
            request.ends(codes.EAGAIN)
            request.cause = Busy(f"{medium!r}: {error}", status=Status.BUSY)
            return None
        return PENDING

    def _over(self, request: MediumRequest, error: Exception | None) -> None:
        # On a worker.
        if error is not None:
            request.fails(error)
        self.loop.post(partial(request.over, request))

    def withdraw(self, request: MediumRequest) -> bool:
        """See :meth:`pysrp.target.medium.MediumChannel.withdraw`."""
        never_began: bool = request.own.abandon()
        return never_began


def open_power_cut(text: str, *, read_only: bool = False) -> PowerCut:
    """``power-cut:[seed=NUMBER:]URL``, with any medium's URL."""
    found = re.fullmatch(r"(?:seed=([0-9]{1,18}):|(?!seed=))(.+)", text, re.ASCII | re.DOTALL)
    if found is None:
        raise ConfigError(
            f"{'power-cut:' + text!r}: the URL of a medium follows, such as power-cut:seed=7:ram:64M"
        )
    return PowerCut(open_medium(found[2], read_only=read_only), seed=int(found[1] or 0))
