"""A checking wrapper around a medium's channel, for media that the target does not trust."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from functools import partial
from operator import index
from typing import Any, NamedTuple

from pysrp._fast.lane import NativeRequest
from pysrp.target.backend_medium import BackendChannel, Call, Workers
from pysrp.target.link import PENDING, Later
from pysrp.target.medium import FUA, NOWAIT, Feature, Medium, MediumChannel, MediumRequest, Operation

__all__ = ["Guarded", "excused"]

log: logging.Logger = logging.getLogger("pysrp.target")

READ = Operation.READ


class Ended(NamedTuple):
    """The result of a part that is over, as the medium reports it."""

    errno: int
    done: int
    bad: int | None
    value: Any
    cause: Exception | None


class Posted(partial[None]):
    """A function that a medium posted to its loop."""

    guard: Guarded


def excused(work: Callable[[], None]) -> bool:
    """Whether a loop goes on after the posted function ``work`` has raised, as the medium that posted it is to blame.

    Call it while the exception is handled. The engine's own errors are not excused.
    """
    return isinstance(work, Posted) and work.guard.excuses()


class Guarded(MediumChannel):
    """A medium's channel with guarantees that the target relies on, even if the medium does not give them.

    A request is done whole or has an error: after a short one, the rest is submitted. Where the medium does not support FUA, a
    FLUSH is sent after the request, or before a READ. A later request for the same bytes waits until a withdrawn one that still
    runs has ended. A request fails if the medium raises for it or reports an impossible result. An exception from a function
    that the medium posted is :func:`excused`. A completion told from within ``submit`` or ``withdraw`` counts in the loop's next
    turn.

    A :class:`~pysrp.target.backend_medium.Call` runs on ``workers``, in place without them. Its bytes are unknown: it waits for
    all stragglers, and if it is withdrawn and runs on, every later request waits for it.

    The medium gets this object as its loop. Raises what :meth:`pysrp.target.medium.Medium.channel` raises.
    """

    def __init__(
        self, medium: Medium, post: Callable[[Callable[[], None]], None], workers: Workers | None = None
    ) -> None:
        self._medium, self._post = medium, post
        self._calls = BackendChannel(medium, workers, self)
        self._stragglers = medium.stragglers
        self._telling = False
        """Whether a request's ``over`` is being called, so that an exception is not the medium's."""
        self._within = False
        """Whether ``submit`` or ``withdraw`` of the medium is being called: completions told meanwhile are posted."""
        self._awaited: set[MediumRequest] = set()
        """Requests that are under way or held, and not withdrawn."""
        self._dawdles = False
        """Whether the medium once returned PENDING for a request with NOWAIT: it gets no more of these."""
        self._channel = medium.channel(self)

    def post(self, call: Callable[[], None]) -> None:
        """See :meth:`pysrp.target.medium.Loop.post`."""
        posted = Posted(call)
        posted.guard = self
        self._post(posted)

    def excuses(self) -> bool:
        """Whether the exception that a posted function has raised is the medium's, which is then logged. Call it once."""
        if self._telling:
            self._telling = False
            return False
        log.exception("%r: what it posted", self._medium)
        return True

    def submit(self, request: MediumRequest) -> Later | None:
        """See :meth:`pysrp.target.medium.MediumChannel.submit`."""
        try:
            size, block = index(self._medium.size), index(self._medium.block)
            # A read may end in the middle of the last block.
            whole = not (request.offset % block or (request.length % block and request.operation is not READ))
        except Exception as error:
            request.fails(error)
            return None
        if isinstance(request, Call):
            request.operation, request.length = Operation.WRITE, size
        elif not (whole and 0 <= request.offset <= request.offset + request.length <= size):
            request.ends(errno.EINVAL)
            return None
        request.channel = self
        return self._submit(request)

    @property
    def busy(self) -> bool:
        """Whether requests are awaited here, which may still need this channel."""
        return bool(self._awaited)

    def native(self) -> Any:
        """See :meth:`pysrp.target.medium.MediumChannel.native`. It is not guarded: the caller keeps the rules of native.h."""
        return self._channel.native()

    def adopt(self, request: MediumRequest, late: NativeRequest) -> Later | None:
        """As :meth:`submit`, for a request that the native lane has begun: the lane's part counts as the first one."""
        if not late.begun:
            return self.submit(request)
        request.channel = self
        part, length = self._rest(request)
        part.over = partial(self._over, request, length)
        request.own = part
        if late.adopt(part):
            return self._later(request)
        return None if self._ends(request, part, length) else self._begin(request)

    def _ends(self, request: MediumRequest, part: MediumRequest, length: int) -> bool:
        """Note that a part of ``length`` bytes is over; whether the whole request is."""
        ended = self._taken(request, part, length)
        if ended:
            request.own = None
        return ended

    def withdraw(self, request: MediumRequest) -> bool:
        """See :meth:`pysrp.target.medium.MediumChannel.withdraw`."""
        request.channel = None
        self._awaited.discard(request)
        part = request.own
        if part is None:  # held by a straggler, or just released by one
            self._stragglers.withdraw(request)
            return True
        self._within = True
        try:
            never_began = bool(self._asked(part).withdraw(part))
        except Exception:
            log.exception("%r: withdrawing a request", self._medium)
            never_began = False
        finally:
            self._within = False
        if never_began:
            request.own = None
            return True
        self._stragglers.add(request)
        return False

    def retire(self) -> None:
        """See :meth:`pysrp.target.medium.MediumChannel.retire`."""
        try:
            self._channel.retire()
        except Exception:
            log.exception("%r: retiring a channel", self._medium)

    def _submit(self, request: MediumRequest) -> Later | None:
        running = self._stragglers.running
        if request.flags & NOWAIT:
            if running or self._dawdles:
                request.errno = errno.EAGAIN
                return None
        elif running and self._stragglers.hold(request, partial(self._post, partial(self._go_on, request))):
            self._awaited.add(request)
            return PENDING
        return self._begin(request)

    def _go_on(self, request: MediumRequest) -> None:
        """The request was held, and may be submitted now, unless a new straggler holds it again."""
        if request.channel is not None and self._submit(request) is None:
            self._awaited.discard(request)
            request.over(request)

    def _begin(self, request: MediumRequest) -> Later | None:
        """Submit what is left of the request, until it is over or a part is PENDING."""
        while True:
            try:
                part, length = self._rest(request)
            except Exception as error:
                request.fails(error)
                request.own = None
                return None
            part.over = partial(self._over, request, length)
            request.own = part
            self._within = True
            try:
                later = self._asked(part).submit(part) is PENDING
            except Exception as error:
                part.fails(error)
                later = False
            finally:
                self._within = False
            if later:
                return self._later(request)
            if self._ends(request, part, length):
                return None

    def _later(self, request: MediumRequest) -> Later | None:
        """The medium returned PENDING. With NOWAIT it must not: the request fails, but runs on, in memory that is only lent."""
        if not request.flags & NOWAIT:
            self._awaited.add(request)
            return PENDING
        self._dawdles = True
        self.withdraw(request)
        log.error("%r: %r takes time, though it was not to", self._medium, request)
        request.errno = errno.EPROTO
        return None

    def _over(self, request: MediumRequest, length: int, part: MediumRequest) -> None:
        """A PENDING part of ``length`` bytes is over. While the medium is being called, by this thread or while another one
        tells it, it is not known yet what the call returns: then it is posted.
        """
        if self._within:
            self._post(partial(self._part_over, request, length, part))
        else:
            self._part_over(request, length, part)

    def _part_over(self, request: MediumRequest, length: int, part: MediumRequest) -> None:
        """A PENDING part is over. A completion told twice, or for a part withdrawn before it began, is logged and ignored."""
        if request.own is not part:
            log.error("%r: %r is over, and nobody waits for that", self._medium, part)
            return
        ended = self._taken(request, part, length)
        if request.channel is not None and not ended and self._begin(request) is PENDING:
            return
        self._telling = True
        if request.channel is None:
            self._stragglers.over(request)
        request.own = None
        self._awaited.discard(request)
        request.over(request)
        self._telling = False

    def _fua(self, request: MediumRequest) -> bool:
        """Whether a FLUSH is needed after a write, or before a read, as the medium does not support FUA."""
        return bool(request.flags & FUA) and Feature.FUA not in self._medium.features

    def _asked(self, part: MediumRequest) -> MediumChannel:
        return self._calls if isinstance(part, Call) else self._channel

    def _rest(self, request: MediumRequest) -> tuple[MediumRequest, int]:
        """The next part to submit of a request, some of which may be done, and its length in bytes."""
        if isinstance(request, Call):
            return Call(request.call), 0
        flags = request.flags
        if self._fua(request):
            flags &= ~FUA
            if request.operation is READ or request.done == request.length:
                request.flags = flags
                return MediumRequest(Operation.FLUSH, flags=flags), 0
        skip = request.done
        views = []
        for view in request.buffers:
            if skip < len(view):
                views.append(view[skip:])
            skip = max(skip - len(view), 0)
        begin, left = request.offset + request.done, request.length - request.done
        more = -left % self._medium.block
        if more:
            views.append(memoryview(bytearray(more)))
            left += more
        return MediumRequest(request.operation, begin, left, views, flags, request.block), left

    def _taken(self, request: MediumRequest, part: MediumRequest, length: int) -> bool:
        """Note the result of a part of ``length`` bytes; whether the request is over."""
        if isinstance(part, Call):
            request.value, request.errno, request.cause = part.value, part.errno, part.cause
            return True
        try:
            ended = self._said(request, part, length)
            whole = bool(ended.errno) or not self._fua(request)
        except Exception:
            log.exception(
                "%r: %r cannot have ended so: done %r, bad %r", self._medium, part, part.done, part.bad
            )
            ended, whole = Ended(errno.EPROTO, 0, None, None, None), True
        request.done = min(request.done + ended.done, request.length)
        if request.operation is Operation.EXTENTS and not ended.errno:
            request.value = [*(request.value or ()), *ended.value]
        if ended.errno:
            request.errno, request.bad, request.cause = ended.errno, ended.bad, ended.cause
        elif not ended.done and length:
            log.error("%r: %r has ended without an error, and nothing of it is done", self._medium, part)
            request.errno, request.bad = errno.EIO, request.offset + request.done
        return bool(request.errno) or (request.done == request.length and whole)

    def _said(self, request: MediumRequest, part: MediumRequest, length: int) -> Ended:
        """The result of a part, in whole blocks. Raises ValueError for an impossible one, and whatever reading it raises.

        Everything is read here, once, and converted to plain integers: the medium may have stored any object.
        """
        code, done, bad = index(part.errno), index(part.done), part.bad
        begin, value = request.offset + request.done, part.value
        cause = part.cause if isinstance(part.cause, Exception) else None
        if bad is not None:
            bad = index(bad)
        operation = request.operation if length else Operation.FLUSH
        if (
            code < 0
            or not 0 <= done <= length
            or (bad is not None and not begin <= bad < begin + length)
            or (operation is Operation.EXTENTS and not code and not isinstance(value, list))
            or (operation is Operation.COMPARE and not code and done != length)
        ):
            raise ValueError(f"errno {code}, done {done}, bad {bad}")
        if done < length:
            done -= done % self._medium.block
        return Ended(code, done, bad, value, cause)
