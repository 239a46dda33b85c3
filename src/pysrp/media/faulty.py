"""``fault:``: a medium around another one that injects faults by rules (:mod:`.fault_rules`).

::

    medium = Faulty(Ram(64 << 20), ["error op=read lba=100 count=2", "delay exponential=2ms"], seed=7)
    hang = medium.add("hang op=write after=2 count=1")
    ...
    medium.release()

The same requests in the same order meet the same faults, for the same seed. Each rule has its own random numbers, so that an
added rule does not change the others. No thread is blocked while a request hangs or is delayed.
"""

from __future__ import annotations

import errno as codes
import re
from collections.abc import Iterable
from functools import partial
from random import Random
from threading import Lock
from typing import NamedTuple

from pysrp.backends import Backend
from pysrp.errors import Busy, ConfigError, ScsiError, TaskSetFull
from pysrp.media import open_medium, schemes
from pysrp.media.around import Around
from pysrp.media.fault_rules import ACTIONS, FaultRule, FillLevel
from pysrp.media.timers import TIMERS, Timer, Timers
from pysrp.scsi.codes import Status
from pysrp.target.backend_medium import features_of
from pysrp.target.data import Media
from pysrp.target.link import PENDING, Later
from pysrp.target.medium import FUA, NOWAIT, Feature, Loop, Medium, MediumChannel, MediumRequest, Operation

__all__ = ["ActiveRule", "Faulty", "open_fault"]

WRITE, FLUSH, ZERO, DISCARD = Operation.WRITE, Operation.FLUSH, Operation.ZERO, Operation.DISCARD
TAKING = WRITE, ZERO
"""Operations that allocate room."""

REFUSALS: dict[str, tuple[type[ScsiError], Status]] = {
    "busy": (Busy, Status.BUSY),
    "task-set-full": (TaskSetFull, Status.TASK_SET_FULL),
}
"""Actions that refuse a request, with the error that it gets and the status that the initiator sees."""


class Fate(NamedTuple):
    """The decided outcome of a request, which takes effect when it has waited."""

    action: str = ""
    amount: int = 0
    """Bytes that are moved before the error, or that reach the medium; of ``misdirected`` the new offset."""
    errno: int = 0

    def reaches(self, request: MediumRequest) -> tuple[int, int]:
        """The offset and the number of bytes of the medium that the request reaches."""
        match self.action:
            case "error" | "torn":
                return request.offset, self.amount
            case "misdirected":
                return self.amount, request.length
            case "lost" | "busy" | "task-set-full":
                return request.offset, 0
            case _:
                return request.offset, request.length


class Verdict(NamedTuple):
    """What the rules decide for one request."""

    fate: Fate
    seconds: float
    """How long the request waits first."""
    hangs: tuple[ActiveRule, ...]
    """The rules whose release it waits for."""
    withdraw: bool

    @property
    def waits(self) -> bool:
        """Whether the request has to wait."""
        return bool(self.seconds or self.hangs)


class ActiveRule:
    """A rule of a medium, with its counters."""

    seen: int
    happened: int

    def __init__(self, number: int, rule: FaultRule, seed: int) -> None:
        self.number = number
        """Its number, from 1 on; none is used twice."""
        self.rule = rule
        self.seen = 0
        """Requests that it has matched."""
        self.happened = 0
        """Requests that it has struck."""
        self.holds = 0
        """Requests that hang until it is released."""
        self._random = Random(f"{seed} {number}")
        self._fill = FillLevel()

    def __str__(self) -> str:
        return self.text()

    def text(self, block: int = 512) -> str:
        """Its number, its text with ``lba=`` in blocks of ``block`` bytes, and its counters."""
        held = f", {self.holds} held" if self.holds else ""
        return f"{self.number} {self.rule.text(block)} # {self.happened} of {self.seen}{held}"

    def strikes(self, request: MediumRequest, total: int) -> bool:
        """Whether it strikes this request, of a medium of ``total`` bytes; the counters are updated."""
        rule = self.rule
        if rule.fill and self._has_room(request, total):
            return False
        if not rule.about(request):
            return False
        self.seen += 1
        if self.seen <= rule.after or (rule.count is not None and self.happened >= rule.count):
            return False
        if rule.probability < 1 and self._random.random() >= rule.probability:
            return False
        self.happened += 1
        return True

    def _has_room(self, request: MediumRequest, total: int) -> bool:
        """Whether the request fits below the level of ``no-space``."""
        if request.operation not in TAKING:
            return True
        new = self._fill.new(request.offset, request.offset + request.length)
        return not new or self._fill.used + new <= self.rule.level(total)

    def note(self, request: MediumRequest, fate: Fate) -> None:
        """For ``no-space``: update the bytes in use with the outcome of a request."""
        if not self.rule.fill:
            return
        begin, length = fate.reaches(request)
        if request.operation in TAKING:
            self._fill.take(begin, begin + length)
        elif request.operation is DISCARD:
            self._fill.free(begin, begin + length)

    def seconds(self) -> float:
        """How long a request that it strikes waits."""
        delay = self.rule.delay
        return 0.0 if delay is None else delay.draw(self._random)

    def fate(self, request: MediumRequest, total: int) -> Fate:
        """The outcome of a request that it strikes."""
        rule, block = self.rule, self.rule.block
        match rule.action:
            case "error":
                before = max(rule.bytes[0] - request.offset, 0) if rule.first is not None else 0
                return Fate("error", before, rule.errno)
            case "torn" if rule.keep is None:
                return Fate("torn", block * self._random.randrange(-(-request.length // block) or 1))
            case "torn":
                return Fate("torn", min(rule.keep or 0, request.length))
            case "misdirected" if request.length < total:
                to = (request.offset + (block if rule.by is None else rule.by)) % total
                return Fate("misdirected", min(to, (total - request.length) // block * block))
            case "misdirected":
                return Fate()  # the request covers the whole medium
            case "no-space":
                return Fate("error", 0, codes.ENOSPC)
            case action:
                return Fate(action)


class Faulty(Around):
    """``medium``, a Medium or a backend, with faults. Closing it closes ``medium``.

    ``rules`` are :class:`FaultRule` or their text; ``block`` is the unit of ``lba=``, in bytes, for a text without ``block=``.
    Rules may be added and removed at any time, from any thread. Raises ConfigError for an impossible rule.
    """

    seed: int
    timers: Timers

    def __init__(
        self,
        medium: Medium | Backend,
        rules: Iterable[FaultRule | str] = (),
        *,
        seed: int = 0,
        block: int = 512,
        timers: Timers = TIMERS,
    ) -> None:
        super().__init__(medium)
        self.seed, self.timers = seed, timers
        self.rule_block = block
        """The default block size, in bytes, of rules that are added as text."""
        # So each request comes once (no NOWAIT) and with its FUA, and COMPARE AND WRITE comes as a read and a write.
        self.features: Feature = (features_of(medium) | Feature.FUA) & ~(
            Feature.NOWAIT | Feature.ATOMIC | Feature.COMPARE
        )
        self._lock = Lock()
        self._numbers = 0
        self._rules: tuple[ActiveRule, ...] = ()
        self._waiting: dict[Waiting, None] = {}
        for rule in rules:
            self.add(rule)

    def __repr__(self) -> str:
        return f"Faulty({self.medium!r}, {[str(each.rule) for each in self._rules]}, seed={self.seed})"

    @property
    def rules(self) -> tuple[ActiveRule, ...]:
        """The rules, with their counters, in the order in which they are applied."""
        return self._rules

    def add(self, rule: FaultRule | str) -> ActiveRule:
        """Add a rule behind the others. ConfigError for an impossible one."""
        if isinstance(rule, str):
            rule = FaultRule.parse(rule, self.rule_block)
        with self._lock:
            self._numbers += 1
            active = ActiveRule(self._numbers, rule, self.seed)
            self._rules += (active,)
        return active

    def remove(self, rule: ActiveRule) -> None:
        """Remove a rule; requests that hang for it go on. ValueError if it is not a rule of this medium."""
        with self._lock:
            if rule not in self._rules:
                raise ValueError(f"no rule of this medium: {rule}")
            self._rules = tuple(each for each in self._rules if each is not rule)
        self.release(rule)

    def clear(self) -> None:
        """Remove all rules; requests that hang or are delayed go on."""
        with self._lock:
            self._rules = ()
        self.release()

    def release(self, rule: ActiveRule | None = None) -> None:
        """Let requests go on: those that hang for ``rule``, or (None) all that hang or are delayed. The rules stay."""
        with self._lock:
            waiting = [each for each in self._waiting if rule is None or each.lets_go(rule)]
        for each in waiting:
            each.go()

    def close(self) -> None:
        """Let waiting requests go on, and close the inner medium."""
        self.clear()
        self.medium.close()

    def channel(self, loop: Loop) -> FaultyChannel:
        """See :meth:`pysrp.target.medium.Medium.channel`."""
        return FaultyChannel(self, loop)

    # For its channels.

    def judge(self, request: MediumRequest) -> Verdict:
        """Apply the rules to a request: all rules that delay it, and the first one that decides its outcome."""
        fate, seconds = None, 0.0
        waits = []
        total = self.size
        if request.offset + request.length > total:
            return Verdict(Fate(), 0.0, (), False)  # out of range: the inner medium refuses it
        with self._lock:
            for each in self._rules:
                if each.rule.waits:
                    if each.strikes(request, total):
                        seconds += each.seconds()
                        waits.append(each)
                elif fate is None and each.strikes(request, total):
                    fate = each.fate(request, total)
            for each in self._rules:
                each.note(request, fate or Fate())
        hangs = tuple(each for each in waits if each.rule.action == "hang")
        return Verdict(fate or Fate(), seconds, hangs, all(each.rule.withdraw for each in waits))

    def wait(self, waiting: Waiting) -> None:
        """Keep a request until its time has come, or it is released. RuntimeError: the timer thread cannot be started."""
        verdict = waiting.verdict
        with self._lock:
            if all(each.rule.delay is not None for each in verdict.hangs):
                waiting.timer = self.timers.after(verdict.seconds, waiting.go)
            self._waiting[waiting] = None
            for each in verdict.hangs:
                each.holds += 1

    def ends(self, waiting: Waiting) -> bool:
        """End a wait; False if it had ended already."""
        with self._lock:
            if waiting not in self._waiting:
                return False
            del self._waiting[waiting]
            for each in waiting.hangs:
                each.holds -= 1
        if waiting.timer is not None:
            waiting.timer.cancel()
        return True


class Waiting:
    """A request that hangs, or is delayed."""

    channel: FaultyChannel
    request: MediumRequest
    verdict: Verdict

    def __init__(self, channel: FaultyChannel, request: MediumRequest, verdict: Verdict) -> None:
        self.channel, self.request, self.verdict = channel, request, verdict
        self.timer: Timer | None = None
        self.hangs: tuple[ActiveRule, ...] = verdict.hangs
        """The rules whose release it still waits for."""

    def lets_go(self, rule: ActiveRule) -> bool:
        """Stop waiting for ``rule``; whether no other rule holds the request now. The caller holds the medium's lock."""
        if rule not in self.hangs:
            return False
        self.hangs = tuple(each for each in self.hangs if each is not rule)
        rule.holds -= 1
        return not self.hangs or (
            self.timer is None and all(each.rule.delay is not None for each in self.hangs)
        )

    def go(self) -> None:
        """Let the request go on, in the loop that submitted it. From any thread."""
        if self.channel.medium.ends(self):
            self.channel.loop.post(partial(self.channel.go_on, self))


class FaultyChannel(MediumChannel):
    """The channel of one loop."""

    medium: Faulty
    loop: Loop

    def __init__(self, medium: Faulty, loop: Loop) -> None:
        self.medium, self.loop = medium, loop
        self._media = Media(medium.workers, loop.post)
        self._waiting = 0
        self._retired = False

    def submit(self, request: MediumRequest) -> Later | None:
        """See :meth:`pysrp.target.medium.MediumChannel.submit`."""
        if request.flags & NOWAIT:
            request.ends(codes.EAGAIN)
            return None
        request.channel = self
        verdict = self.medium.judge(request)
        if not verdict.waits:
            return self._begin(request, verdict.fate)
        waiting = Waiting(self, request, verdict)
        request.own = waiting
        try:
            self.medium.wait(waiting)
        except RuntimeError as error:
            request.ends(codes.EAGAIN)
            request.cause = Busy(f"{self.medium!r}: {error}", status=Status.BUSY)
            return None
        self._waiting += 1
        return PENDING

    def withdraw(self, request: MediumRequest) -> bool:
        """See :meth:`pysrp.target.medium.MediumChannel.withdraw`."""
        own = request.own
        if not isinstance(own, Waiting):
            withdrawn: bool = own.withdraw()
            return withdrawn
        if not own.verdict.withdraw:
            return False
        self.medium.ends(own)
        request.own = None
        self._ended()
        return True

    def retire(self) -> None:
        """See :meth:`pysrp.target.medium.MediumChannel.retire`."""
        self._retired = True
        if not self._waiting:
            self._media.retire()

    def go_on(self, waiting: Waiting) -> None:
        """The wait of a request is over: begin it."""
        request = waiting.request
        if request.own is not waiting:
            return  # withdrawn meanwhile
        request.own = None
        later = self._begin(request, waiting.verdict.fate)
        self._ended()
        if later is None:
            request.over(request)

    def _ended(self) -> None:
        self._waiting -= 1
        if self._retired and not self._waiting:
            self._media.retire()

    def _begin(self, request: MediumRequest, fate: Fate) -> Later | None:
        """Submit the part of the request that its fate lets through to the inner medium."""
        action, amount = fate.action, fate.amount - fate.amount % self.medium.block
        offset, length, flags = request.offset, request.length, request.flags
        if action in REFUSALS:
            error, status = REFUSALS[action]
            request.ends(codes.EAGAIN)
            request.cause = error("a rule says so", status=status)
            return None
        if action == "error" or action == "torn":
            length = amount
        elif action == "misdirected":
            offset = amount
        elif action == "lying":
            flags &= ~FUA
        if action == "lost" or (action == "lying" and request.operation is FLUSH):
            request.ends(done=request.length)
            return None
        if action in ("error", "torn") and not length:
            _over(request, fate, MediumRequest(request.operation, request.offset, value=request.value))
            return None
        part = MediumRequest(
            request.operation, offset, length, _first(request.buffers, length), flags, request.block,
            partial(self._part_over, request, fate), request.value,
        )  # fmt: skip
        request.own = part
        if self._media.submit(self.medium.medium, part) is PENDING:
            return PENDING
        request.own = None
        _over(request, fate, part)
        return None

    def _part_over(self, request: MediumRequest, fate: Fate, part: MediumRequest) -> None:
        request.own = None
        _over(request, fate, part)
        request.over(request)


def _first(buffers: Iterable[memoryview], length: int) -> list[memoryview]:
    """The buffers of the first ``length`` bytes."""
    found = []
    for view in buffers:
        found.append(view[:length])
        length -= len(found[-1])
    return found


def _over(request: MediumRequest, fate: Fate, part: MediumRequest) -> None:
    """Set the result of a request, from its fate and from the part that the inner medium has done."""
    request.value = part.value
    if part.errno:
        request.ends(part.errno, part.done, part.bad if part.offset == request.offset else None)
        request.cause = part.cause
    elif fate.action == "error":
        bad = (
            None if request.operation is FLUSH or fate.errno == codes.ENOSPC else request.offset + fate.amount
        )
        request.ends(fate.errno, part.done, bad)
    elif fate.action in ("torn", "lost"):
        request.ends(done=request.length)
    else:
        request.ends(done=part.done)


def open_fault(text: str, *, read_only: bool = False) -> Faulty:
    """``fault:RULE:RULE:URL``: rules with commas between their words, ``seed=NUMBER`` among them, and any medium's URL."""
    rules, seed, rest = [], 0, text
    while True:
        word, colon, behind = rest.partition(":")
        if re.fullmatch(r"seed=[0-9]{1,18}", word, re.ASCII):
            seed = int(word[5:])
        elif word.partition(",")[0].strip() in ACTIONS:
            rules.append(FaultRule.parse(word))
        else:
            break
        rest = behind
    if not rest:
        raise ConfigError(
            f"{'fault:' + text!r}: the URL of a medium follows the rules, such as fault:error,op=read:ram:64M"
        )
    if colon and word[:1] not in ("/", ".") and word.lower() not in schemes():
        raise ConfigError(
            f"{'fault:' + text!r}: {word!r} is neither a fault ({', '.join(ACTIONS)}) nor a medium"
        )
    return Faulty(open_medium(rest, read_only=read_only), rules, seed=seed)
