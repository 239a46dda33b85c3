"""The SCSI devices of this machine in blocking calls."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Any, TypeVar

from pysrp.initiator import session
from pysrp.initiator.requests import cdb_of
from pysrp.initiator.units import IO_RETRIES, IO_TIMEOUT, Pending, Result, ScannedUnit, Steps, Walk
from pysrp.initiator.workload import Workload, WorkloadRun, check_depth
from pysrp.lun import Lun
from pysrp.sg.crew import UnitCrew
from pysrp.sg.units import PlacedUnit, Units

__all__ = ["Device", "Session", "SgUnit"]

T = TypeVar("T")


class SgUnit(UnitCrew):
    """One logical unit: the ``session`` of a device, in the role of :class:`pysrp.initiator.session.Session`."""

    def execute(
        self, lun: Lun, cdb: Any, *, data_out: Any = None, data_in_length: int = 0, timeout: float = 60,
        check: bool = True, **more: Any,
    ) -> Result:  # fmt: skip
        """Send any command and return its result; see :meth:`pysrp.initiator.session.Session.execute`."""
        pending = self.submit(
            lun, cdb_of(cdb), data_out=data_out, data_in_length=data_in_length, timeout=timeout, **more
        )
        self.complete(pending)
        return pending.outcome(check)

    def run_steps(self, steps: Steps[T]) -> T:
        """Carry out a sequence of :mod:`pysrp.initiator.units`, and return its result.

        If this raises, the commands of the sequence that are still under way are given up.
        """
        with Walk(self, steps) as walk:
            for pending in walk:
                self._await(pending)
        return walk.result

    def lun_reset(self, lun: Lun, timeout: float = 0) -> None:
        """LUN RESET by the kernel, which has its own timeout; ``timeout`` is not used."""
        self.carrier.reset()

    def abort(self, pending: Pending, timeout: float = 0) -> bool:
        """End a command that has not begun; UnavailableError for one that the kernel has (:meth:`UnitCrew.withdraw`)."""
        return self.withdraw(pending)

    def run(
        self, unit: ScannedUnit, ops: Any, lbas: Iterable[int], blocks: Any, *, depth: int = 32, data: Any = None,
        timeout: float = IO_TIMEOUT, fua: bool = False, retry: bool = True,
    ) -> Workload:  # fmt: skip
        """Many reads and writes, at most 16 at a time; see :meth:`pysrp.initiator.session.Session.run`."""
        check_depth(depth)
        size = self.run_steps(unit.block_size_steps())
        run = WorkloadRun(unit, size, ops, lbas, blocks, data, timeout, fua)
        flying: deque[tuple[int, Pending, int]] = deque()
        begun = time.perf_counter()
        try:
            for item in range(run.count + depth):
                if flying and (len(flying) == depth or item >= run.count):
                    number, pending, sent = flying[0]
                    self._await(pending)
                    run.work.latency[number] = time.perf_counter_ns() - sent
                    run.account(number, pending)
                    flying.popleft()
                if item < run.count:
                    flying.append(
                        (item, run.submit(item, IO_RETRIES if retry else 0), time.perf_counter_ns())
                    )
        except BaseException:
            self.give_up(pending for _, pending, _ in flying)
            raise
        run.work.seconds = time.perf_counter() - begun
        return run.work


class Device(PlacedUnit, session.Device):
    """A logical unit; the methods are those of :class:`pysrp.initiator.session.Device`."""

    session: SgUnit  # type: ignore[assignment]


class Session(Units[SgUnit]):
    """The units of this machine in blocking calls. They belong to one thread, as the devices of an SRP session do."""

    _make = SgUnit

    def scan(
        self, channels: Iterable[int] | None = None, ids: Iterable[int] | None = None, luns: int | None = None
    ) -> list[Device]:
        """The units that the kernel found when it last scanned; no command is sent. The arguments select units; None: all.

        Raises PartnerGone for a unit that has gone meanwhile, or when the session is closed.
        """
        return [Device(*found) for found in self._found(channels, ids, luns)]

    def gather(self, commands: Iterable[Pending], check: bool = True) -> list[Result]:
        """Wait for commands of any of the units and return their results in order. Raises the first error, when all are done."""
        commands = list(commands)
        try:
            for pending in commands:
                pending.session.complete(pending)
        except BaseException:
            for pending in commands:
                pending.session.give_up((pending,))
            raise
        return [pending.outcome(check) for pending in commands]

    def close(self) -> None:
        """Close all units. Harmless when repeated. The results of commands that the kernel still has are dropped."""
        self._close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
