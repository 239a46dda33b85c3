"""What goes on in a unit after the status of the command that began it, or reports how far it is meanwhile.

FORMAT UNIT, in the background or not::

    @command(cdbs.FormatUnit, medium=True)
    def format_unit(self, task, cdb):
        yield Alone(0, size)
        job = Job(self.backend, self.zero(), SenseCode.FORMAT_IN_PROGRESS)
        if immed:
            return Begin(job)          # GOOD now; what goes wrong is told later
        try:
            yield Begin(job)           # goes on here when it is over; what goes wrong is raised here
        finally:
            job.stop()                 # aborted

    def zero(self):
        for at in range(0, size, CHUNK):
            yield Zero(self.backend, at, CHUNK)
            yield at / size
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pysrp.errors import Busy
from pysrp.scsi.cdb import Cdb
from pysrp.scsi.codes import SenseKey, Status
from pysrp.target.backend_medium import Workers, perform
from pysrp.target.data import Media
from pysrp.target.effects import MediumEffect
from pysrp.target.fault import Fault
from pysrp.target.link import PENDING
from pysrp.target.medium import Medium, MediumRequest
from pysrp.target.task import Nexus, Task
from pysrp.target.units.commands import SupportedCdb

if TYPE_CHECKING:
    from pysrp.target.units.base import UnitBase

__all__ = ["Job"]

log: logging.Logger = logging.getLogger("pysrp.target")


class Job:
    """One thing that goes on in a unit, which has one at a time. Begun with :class:`~pysrp.target.effects.Begin`.

    ``steps`` is a generator that does the work. It yields what a medium is to do, and is sent what that gives, as a handler;
    and how much is done, from 0 to 1. It runs on a thread
    of ``backend``, in place where there is none, without the unit's lock. It is closed between two steps when the job
    is to stop: by :meth:`stop`, and, unless ``lasting``, by LOGICAL UNIT RESET. What it raises, then too, is told
    to who began it: the command that waits for the job, or with deferred sense data the next one of that nexus.
    What that command was alone with the job is alone with. Who waited for that is refused, too, when it begins.

    Until it is over REQUEST SENSE says ``key``, ``code`` and the progress. With the key NOT READY other commands
    fail so too, but for those that leave unit attentions alone (INQUIRY, REPORT LUNS, REQUEST SENSE), and ``allowed``
    ones; with NO SENSE they go on beside it.
    """

    gives_way: ClassVar[bool] = False
    """Whether it ends where one is to begin that other commands are refused for."""

    def __init__(
        self,
        backend: Any,
        steps: Generator[float | MediumEffect, Any, None],
        code: int,
        *,
        key: SenseKey = SenseKey.NOT_READY,
        allowed: Collection[type[Cdb]] = (),
        lasting: bool = False,
    ) -> None:
        self.backend = backend
        self.code = code
        self.key = key
        self.allowed: frozenset[type[Cdb]] = frozenset(allowed)
        self.lasting = lasting
        self.progress: float = 0.0
        self._steps = steps
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Job {self.key.name} {self.code >> 8:02x}/{self.code & 0xFF:02x} {self.progress:.0%}>"

    def stop(self) -> None:
        """Let it end after the step that it is in. From any thread; harmless when it is over."""
        self._stopped = True

    @property
    def closes(self) -> bool:
        """Whether commands are refused meanwhile."""
        return self.key == SenseKey.NOT_READY

    def refuses(self, entry: SupportedCdb) -> bool:
        """Whether this command is."""
        return self.closes and entry.reports_attention and entry.cdb not in self.allowed

    def turns_away(self, task: Task) -> bool:
        """Whether a task is that has come to the medium meanwhile, or was there and waits."""
        return self.closes and all(task.cdb[0] != each.opcode.must for each in self.allowed)

    def fault(self) -> Fault:
        """What a command ends with that is refused."""
        return Fault(self.key, self.code, progress=self.progress)

    def begin(
        self,
        task: Task,
        then: Callable[[], None] | None = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Go on, for the unit of ``task``. Call ``then`` or ``failed`` in the task's thread when it is over.

        Raises Fault if another one goes on, Busy if there is no thread for it; it has not begun then.
        """
        unit: UnitBase = task.unit
        unit.job_begins(self)
        unit.claims.keep(task, self)
        over = partial(self._over, unit, task, then, failed)
        media: Media = task.mover.media
        workers = media.workers
        try:
            if workers is None:
                error = self._in_place(media)
            else:
                workers.submit(self.backend, partial(self._on_a_worker, workers), over)
        except BaseException as raised:
            self._is_over(unit, None, None)
            if isinstance(raised, RuntimeError):
                raise Busy(f"{self.backend!r}: {raised}", status=Status.BUSY) from raised
            raise
        if workers is None:
            over(error)

    def _in_place(self, media: Media) -> Exception | None:
        try:
            self._run(partial(_at_once, media, self.backend))
        except Exception as error:
            return error
        return None

    def _on_a_worker(self, workers: Workers) -> None:
        if isinstance(self.backend, Medium):
            with workers.waiting(self.backend) as do:
                self._run(do)
        else:
            self._run(partial(perform, self.backend))

    def _run(self, do: Do) -> None:
        result: Any = None
        error: Exception | None = None
        try:
            while not self._stopped:
                try:
                    step = self._steps.send(result) if error is None else self._steps.throw(error)
                except StopIteration:
                    return
                result = error = None
                if isinstance(step, MediumEffect):
                    result, error = _done(do, step)
                else:
                    self.progress = step
        finally:
            # Not left to garbage collection: the steps' last actions take the unit's lock, which the collecting thread may hold.
            self._steps.close()
        raise Stopped

    def _over(
        self,
        unit: UnitBase,
        task: Task,
        then: Callable[[], None] | None,
        failed: Callable[[Exception], None] | None,
        error: Exception | None,
    ) -> None:
        # On a worker.
        bug = error is not None and not isinstance(error, Fault)
        said = "is over" if error is None else f"has ended: {error!r}"
        log.log(logging.ERROR if bug else logging.INFO, "%s: %r %s", unit.name, self, said)
        waits = then is not None and failed is not None
        deferred = None
        try:
            if error is not None and not waits and not isinstance(error, Stopped):
                deferred = unit.fault_of(error)
        finally:
            self._is_over(unit, task.nexus, deferred)
        if then is not None and failed is not None:
            task.nexus.post(partial(_go_on, task, then, failed, error))

    def _is_over(self, unit: UnitBase, nexus: Nexus | None, fault: Fault | None) -> None:
        unit.job_ends(self, nexus, fault)
        unit.claims.leave(self)


Do = Callable[[MediumRequest], None]
"""What has the backend do something, and returns when that is over."""


def _done(do: Do, step: MediumEffect) -> tuple[Any, Exception | None]:
    """The result and the error of a step. What ``do`` itself raises, such as Busy, is thrown into the steps too."""
    try:
        request = step.request()
        do(request)
        return request.value, request.failure()
    except Exception as error:
        return None, error


def _at_once(media: Media, backend: Any, request: MediumRequest) -> None:
    """Have it done on the loop's own thread, which can wait for nothing: Busy for what takes its time."""
    if media.submit(backend, request) is PENDING:
        request.withdraw()
        raise Busy(f"{backend!r} takes its time, and there are no workers", status=Status.BUSY)


class Stopped(Fault):
    """The job has been stopped before its end."""

    def __init__(self) -> None:
        super().__init__(SenseKey.ABORTED_COMMAND, 0)


def _go_on(
    task: Task, then: Callable[[], None], failed: Callable[[Exception], None], error: Exception | None
) -> None:
    if task.ended:
        return
    if error is None:
        task.attempt(then)
    else:
        task.attempt(failed, error)
