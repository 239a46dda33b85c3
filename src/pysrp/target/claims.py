"""Which bytes of a unit's medium its commands are at, and who is alone with some of them.

COMPARE AND WRITE reads, compares and writes, and nobody may come in between (SBC-4, 5.3). So each command that moves bytes
claims them before it does, and keeps them until it wants others or is over. It shares them with all others, but a
command that wants to be alone: that waits for whoever was there before, and whoever comes later waits for it.

As long as nobody wants to be alone, a claim costs an entry in a dictionary, and no lock. What the native lane does is
not claimed: its gates are closed while somebody wants to be alone, who also waits until nothing is under way behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from pysrp._fast.gate import ALONE, Gate

if TYPE_CHECKING:
    from pysrp.target.fault import Fault
    from pysrp.target.medium import MediumRequest
    from pysrp.target.task import Nexus, Task
    from pysrp.target.units.jobs import Job

__all__ = ["EVERYTHING", "Claim", "Claims"]

EVERYTHING = 1 << 64
"""More bytes than any medium has."""


class Claim:
    """What a task waits for, or is alone with: the bytes from ``begin`` to before ``end``.

    While the task waits it is what is under way for it (:class:`pysrp.target.task.Underway`).
    """

    __slots__ = ("alone", "begin", "claims", "end", "go_on", "granted", "job", "lanes", "refusal", "task")

    request: MediumRequest | None = None
    """Nothing that a medium does."""

    alone: bool
    begin: int
    claims: Claims
    end: int
    go_on: Callable[[], None]

    def __init__(
        self, claims: Claims, task: Task, offset: int, length: int, go_on: Callable[[], None], alone: bool
    ) -> None:
        self.claims, self.go_on, self.alone = claims, go_on, alone
        self.task: Any = task
        """Whose it is: a job's, where it is not waited for any more."""
        self.job: Job | None = None
        """The job that has it."""
        self.refusal: Fault | None = None
        """Why it is not granted: a job has begun that refuses what waits."""
        self.begin, self.end = offset, offset + length
        self.granted: bool = False
        self.lanes: int = 0
        """Gates behind which the native lane has had commands under way since before it came."""

    def overlaps(self, begin: int, end: int) -> bool:
        """Whether some of these bytes are among its own."""
        return self.begin < end and begin < self.end

    def refuse(self) -> None:
        """Raise why it is not granted."""
        if self.refusal is not None:
            raise self.refusal

    def cancel(self, quiet: Callable[[], None]) -> bool:
        """The task does not want it any more: nothing has begun."""
        self.claims.leave(self.task)
        return True


class Claims:
    """Those of one unit. Any thread; a task's own claims are its owner's thread's.

    ``over`` is called, without a lock, when nobody is alone any more, or wants to be.
    """

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over
        self._lock = Lock()
        self.shared: dict[Task, tuple[int, int]] = {}
        """Where tasks are. A task that is about to be somewhere puts itself here, and then looks at the queue: so it is seen by
        who wants to be alone, or sees that. Each of that is one step, and takes no lock.
        """
        self.queue: list[Claim] = []
        """Who is alone or wants to be, and who waits for them, in order of arrival. Replaced, with the lock."""

    @property
    def alone(self) -> bool:
        """Whether somebody is alone with some bytes, or wants to be."""
        return bool(self.queue)

    def wait(self, task: Task, offset: int, length: int, go_on: Callable[[], None]) -> Claim | None:
        """What a task in :attr:`shared` that has found a queue has to wait for: its nexus is posted ``go_on`` then. None: it
        need not. Raises Fault, as :meth:`want`, where a job refuses it.
        """
        claim = Claim(self, task, offset, length, go_on, False)
        with self._lock:
            self._admit(claim)
            mine = any(each.task is task for each in self.queue)
            waits = not mine and not _free(claim, self.queue)
            if mine or waits:
                self.shared.pop(task, None)
            if waits:
                self.queue = [*self.queue, claim]
            ready = self._ready()
        _call(ready)
        return claim if waits else None

    def want(
        self,
        task: Task,
        offset: int,
        length: int,
        go_on: Callable[[], None],
        gates: Callable[[], Iterable[tuple[Nexus, Gate]]],
    ) -> Claim | None:
        """Let a task be alone with these bytes until it leaves: as :meth:`wait`. ``gates`` gives those before the unit."""
        claim = Claim(self, task, offset, length, go_on, True)
        claim.lanes = 1  # until all gates are closed
        with self._lock:
            self._admit(claim)
            self.shared.pop(task, None)
            self.queue = [*self.queue, claim]
        for nexus, gate in gates():
            with self._lock:
                claim.lanes += 1
            # What the lane hands over becomes tasks, with claims, before its loop calls what is posted.
            if gate.close(ALONE, partial(nexus.post, partial(self._drained, claim))):
                self._drained(claim)
        with self._lock:
            claim.lanes -= 1
            ready = self._ready()
        _call(each for each in ready if each is not claim)
        return None if claim in ready else claim

    def _drained(self, claim: Claim) -> None:
        """Of what was under way behind one gate nothing is any more."""
        with self._lock:
            claim.lanes -= 1
            ready = self._ready()
        _call(ready)

    def leave(self, task: Task | Job) -> None:
        """A task that is not in :attr:`shared` any more is nowhere. Harmless when repeated."""
        with self._lock:
            self.queue = [each for each in self.queue if each.task is not task]
            ready = self._ready()
            over = not self.queue
        if over:
            self._over()
        _call(ready)

    def keep(self, task: Task, job: Job) -> None:
        """What a task is alone with a job is alone with from now on, until that leaves: who waits for it already is refused
        as who comes later is. It might take hours, and leave nothing there that was meant.
        """
        refused = []
        with self._lock:
            for each in self.queue:
                if each.task is task:
                    each.task = each.job = job
            for each in self.queue:
                if not each.granted:
                    each.refusal = self._refusal(each)
                    if each.refusal is not None:
                        refused.append(each)
            self.queue = [each for each in self.queue if each.refusal is None]
        _call(refused)

    def _admit(self, claim: Claim) -> None:
        """Raise what refuses a claim at once. With the lock."""
        claim.refusal = self._refusal(claim)
        claim.refuse()

    def _refusal(self, claim: Claim) -> Fault | None:
        """What a job says to a claim that would wait for it. With the lock."""
        for each in self.queue:
            job = each.job
            if job is not None and each.overlaps(claim.begin, claim.end) and job.turns_away(claim.task):
                return job.fault()
        return None

    def _ready(self) -> list[Claim]:
        """Grant what waits for nobody any more. With the lock."""
        found: list[Claim] = []
        kept: list[Claim] = []
        for claim in self.queue:
            if not claim.granted and _free(claim, kept) and not (claim.alone and self._meets(claim)):
                claim.granted = True
                found.append(claim)
                if not claim.alone:
                    self.shared[claim.task] = claim.begin, claim.end
                    continue
            kept.append(claim)
        self.queue = kept
        return found

    def _meets(self, claim: Claim) -> bool:
        """Whether somebody is there still who was before."""
        return claim.lanes > 0 or any(claim.overlaps(*where) for where in list(self.shared.values()))


def _free(claim: Claim, before: Iterable[Claim]) -> bool:
    """Whether a claim need not wait for any of these."""
    return not any((each.alone or claim.alone) and each.overlaps(claim.begin, claim.end) for each in before)


def _call(ready: Iterable[Claim]) -> None:
    """Let these go on, each in its own thread."""
    for claim in ready:
        claim.task.nexus.post(claim.go_on)
