"""A medium's channel as a target relies on it, whoever wrote it."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from functools import partial

from pysrp.target.backend_medium import Call
from pysrp.target.link import PENDING, Later
from pysrp.target.medium import FUA, NOWAIT, Feature, Medium, MediumChannel, MediumRequest, Operation

__all__ = ["Guarded"]

log = logging.getLogger("pysrp.target")


class Guarded(MediumChannel):
    """A medium's channel as a target relies on it, whoever wrote it.

    A request is whole or has an error: the rest of one that is short is submitted too. FUA is a FLUSH behind it where the
    medium does not know it. What is withdrawn and runs on is not overtaken. What raises, or says what cannot be, has
    failed.
    """

    def __init__(
        self, medium: Medium, channel: MediumChannel, post: Callable[[Callable[[], None]], None]
    ) -> None:
        self._medium, self._channel, self._post = medium, channel, post
        self._stragglers = medium.stragglers

    def submit(self, request: MediumRequest) -> Later | None:
        """See :meth:`pysrp.target.medium.MediumChannel.submit`."""
        if isinstance(request, Call):
            try:
                request.value = request.call()
            except Exception as error:
                request.fails(error)
            return None
        if not 0 <= request.offset <= request.offset + request.length <= self._medium.size:
            request.ends(errno.EINVAL)
            return None
        request.channel = self
        return self._submit(request)

    def withdraw(self, request: MediumRequest) -> bool:
        """See :meth:`pysrp.target.medium.MediumChannel.withdraw`."""
        request.channel = None
        part = request.own
        if part is None:  # held, or about to go on
            self._stragglers.withdraw(request)
            return True
        try:
            never_began = self._channel.withdraw(part)
        except Exception:
            log.exception("%r: withdrawing a request", self._medium)
            never_began = False
        if never_began:
            request.own = None
            return True
        self._stragglers.add(request)
        return False

    def retire(self) -> None:
        """See :meth:`pysrp.target.medium.MediumChannel.retire`."""
        self._channel.retire()

    def _submit(self, request: MediumRequest) -> Later | None:
        if self._stragglers.running:
            if request.flags & NOWAIT:
                request.errno = errno.EAGAIN
                return None
            if self._stragglers.hold(request, partial(self._post, partial(self._go_on, request))):
                return PENDING
        return self._begin(request)

    def _go_on(self, request: MediumRequest) -> None:
        """It has been held, and need not wait any more, unless there is another one by now."""
        if request.channel is not None and self._submit(request) is None:
            request.over(request)

    def _begin(self, request: MediumRequest) -> Later | None:
        """Submit what is left of it, until it is over or takes time."""
        while True:
            part = self._rest(request)
            part.over = partial(self._over, request)
            request.own = part
            try:
                if self._channel.submit(part) is PENDING:
                    return self._later(request)
            except Exception as error:
                part.fails(error)
            if self._taken(request, part):
                request.own = None
                return None

    def _later(self, request: MediumRequest) -> Later | None:
        """It takes time, which it must not with NOWAIT: then it has failed, and runs on."""
        if not request.flags & NOWAIT:
            return PENDING
        self.withdraw(request)
        request.errno = errno.EPROTO
        return None

    def _over(self, request: MediumRequest, part: MediumRequest) -> None:
        """A part of it is over that took time; told twice, or after it was withdrawn, it is told once too often."""
        if request.own is not part:
            log.error("%r: %r is over, and nobody waits for that", self._medium, part)
            return
        ended = self._taken(request, part)
        if request.channel is None:
            self._stragglers.over(request)
        elif not ended and self._begin(request) is PENDING:
            return
        request.own = None
        request.over(request)

    def _fua(self, request: MediumRequest) -> bool:
        """Whether a FLUSH has to follow."""
        return bool(request.flags & FUA) and Feature.FUA not in self._medium.features

    def _rest(self, request: MediumRequest) -> MediumRequest:
        """What is to be submitted of a request that has been done in part."""
        flags = request.flags
        if self._fua(request):
            flags &= ~FUA
            if request.done == request.length:
                request.flags = flags
                return MediumRequest(Operation.FLUSH, flags=flags)
        skip = request.done
        views = []
        for view in request.buffers:
            if skip < len(view):
                views.append(view[skip:])
            skip = max(skip - len(view), 0)
        begin, left = request.offset + request.done, request.length - request.done
        more = -left % self._medium.block  # of the last block a read may want a part
        if more:
            views.append(memoryview(bytearray(more)))
            left += more
        return MediumRequest(request.operation, begin, left, views, flags, request.block)

    def _taken(self, request: MediumRequest, part: MediumRequest) -> bool:
        """Note what became of a part; whether that was all."""
        begin, end = part.offset, part.offset + part.length
        if not 0 <= part.done <= part.length or (part.bad is not None and not begin <= part.bad < end):
            part.ends(errno.EPROTO)
        done = part.done
        if done < part.length:
            done -= done % self._medium.block
        request.done = min(request.done + done, request.length)
        if request.operation is Operation.EXTENTS and not part.errno:
            request.value = [*(request.value or ()), *part.value]
        if part.errno:
            request.errno, request.bad, request.cause = part.errno, part.bad, part.cause
        elif not done and part.length:
            request.errno, request.bad = errno.EIO, begin
        return bool(request.errno) or (request.done == request.length and not self._fua(request))
