"""Claims: the byte ranges of a unit's medium that its commands use, shared or exclusively.

COMPARE AND WRITE reads, compares and writes, and no other command may come in between (SBC-4, 5.3). So each command that moves
bytes claims them first, and keeps the claim until it claims other bytes or is over. Claims are shared, except that of a command
that wants to be alone: this command waits for all earlier claims on its bytes, and later claims wait for it.

As long as no command wants to be alone, a claim costs an entry in a dictionary, and no lock. The native lane makes no claims:
its gates are closed while a command wants to be alone, which also waits until nothing is under way behind them.
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
    """A claim in the queue: a task waits for the bytes from ``begin`` to before ``end``, or is alone with them.

    While the task waits, the claim is the task's ``transfer`` (:class:`pysrp.target.task.Underway`).
    """

    __slots__ = ("alone", "begin", "claims", "end", "go_on", "granted", "job", "lanes", "refusal", "task")

    request: MediumRequest | None = None
    """Always None: no medium is busy with it."""

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
        """The owner: the task, or the job that has taken the claim over."""
        self.job: Job | None = None
        """The job that has taken it over."""
        self.refusal: Fault | None = None
        """Why it is refused: a job has begun that does not let other commands wait."""
        self.begin, self.end = offset, offset + length
        self.granted: bool = False
        self.lanes: int = 0
        """Gates behind which the native lane still has commands under way that are older than the claim."""

    def overlaps(self, begin: int, end: int) -> bool:
        """Whether it shares a byte with the range from ``begin`` to before ``end``."""
        return self.begin < end and begin < self.end

    def refuse(self) -> None:
        """Raise the refusal, if there is one."""
        if self.refusal is not None:
            raise self.refusal

    def cancel(self, quiet: Callable[[], None]) -> bool:
        """The task gives up waiting. Always True, as nothing has begun."""
        self.claims.leave(self.task)
        return True


class Claims:
    """The claims of one unit. Safe from any thread; but the claims of one task only from its owner's thread.

    ``over`` is called, without a lock, when the queue has become empty: no command is alone or wants to be.
    """

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over
        self._lock = Lock()
        self.shared: dict[Task, tuple[int, int]] = {}
        """Shared claims: the first byte of each task, and the one behind its last. A task puts itself here, and then looks at
        the queue: so either a command that wants to be alone sees the task, or the task sees the command. Each step is atomic
        without a lock.
        """
        self.queue: list[Claim] = []
        """Claims of commands that are alone or want to be, and of those that wait for them, oldest first. Replaced under the
        lock.
        """

    @property
    def alone(self) -> bool:
        """Whether a command is alone with some bytes, or wants to be."""
        return bool(self.queue)

    def wait(self, task: Task, offset: int, length: int, go_on: Callable[[], None]) -> Claim | None:
        """The claim that a task in :attr:`shared` has to wait for, as it has found a queue: ``go_on`` is posted to its nexus
        once that is granted. None: it need not wait. Raises Fault, as :meth:`want` does, where a job refuses it.
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
        """Let a task be alone with these bytes until it leaves; returns and raises as :meth:`wait`. ``gates`` returns the gates
        before the unit.
        """
        claim = Claim(self, task, offset, length, go_on, True)
        claim.lanes = 1  # until all gates are closed
        with self._lock:
            self._admit(claim)
            self.shared.pop(task, None)
            self.queue = [*self.queue, claim]
        for nexus, gate in gates():
            with self._lock:
                claim.lanes += 1
            # Requests that the lane hands over become tasks with claims before its loop calls the posted function.
            if gate.close(ALONE, partial(nexus.post, partial(self._drained, claim))):
                self._drained(claim)
        with self._lock:
            claim.lanes -= 1
            ready = self._ready()
        _call(each for each in ready if each is not claim)
        return None if claim in ready else claim

    def _drained(self, claim: Claim) -> None:
        """Behind one more gate nothing is under way any more."""
        with self._lock:
            claim.lanes -= 1
            ready = self._ready()
        _call(ready)

    def leave(self, task: Task | Job) -> None:
        """Drop the claims of a task that is not in :attr:`shared`. Harmless when repeated."""
        with self._lock:
            self.queue = [each for each in self.queue if each.task is not task]
            ready = self._ready()
            over = not self.queue
        if over:
            self._over()
        _call(ready)

    def keep(self, task: Task, job: Job) -> None:
        """A job takes a task's exclusive claims over, until it leaves. Commands that wait for them already are refused as later
        ones are: the job might take hours, and overwrite the data that they were meant for.
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
        """Raise the Fault of a job that refuses this claim at once. With the lock."""
        claim.refusal = self._refusal(claim)
        claim.refuse()

    def _refusal(self, claim: Claim) -> Fault | None:
        """The Fault of a job that does not let this claim wait for it; None: there is none. With the lock."""
        for each in self.queue:
            job = each.job
            if job is not None and each.overlaps(claim.begin, claim.end) and job.turns_away(claim.task):
                return job.fault()
        return None

    def _ready(self) -> list[Claim]:
        """Grant the claims that need not wait any more; these claims. With the lock."""
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
        """Whether an older command still uses these bytes."""
        return claim.lanes > 0 or any(claim.overlaps(*where) for where in list(self.shared.values()))


def _free(claim: Claim, before: Iterable[Claim]) -> bool:
    """Whether a claim need not wait for any of these."""
    return not any((each.alone or claim.alone) and each.overlaps(claim.begin, claim.end) for each in before)


def _call(ready: Iterable[Claim]) -> None:
    """Let the tasks of these claims go on, each in its own thread."""
    for claim in ready:
        claim.task.nexus.post(claim.go_on)
