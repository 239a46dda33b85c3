"""Workloads in the initiator's lane: what blocking and asyncio sessions have in common."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TypeAlias

from pysrp._fast import queue
from pysrp._fast.queue import ClientLane
from pysrp.errors import PartnerGone
from pysrp.initiator.driver import Base
from pysrp.initiator.requests import TimedOut
from pysrp.initiator.turns import OURS
from pysrp.initiator.units import Steps
from pysrp.initiator.workload import WorkloadRun, check_depth
from pysrp.vscsi.client_states import State

__all__ = ["LaneRuns", "LaneSteps"]

CLOSED_WAIT = 0.01
"""Seconds that a workload waits for the transport event after it has found the partner's queue closed."""

LaneSteps: TypeAlias = "Generator[ClientLane | Steps[int] | None, None, None]"
"""Each value is something for the session to do: run a lane until it is done, carry out steps, or (None) wait for a login.
An exception from that is thrown into the generator."""


class LaneRuns(Base):
    """A session that lends a lane its memory, slots and credits."""

    def _check_run(self, run: WorkloadRun, depth: int) -> None:
        """Raise ValueError for a workload that this session cannot begin, TypeError for a depth that is no integer."""
        check_depth(depth)
        most = max(run.blocks, default=0) * run.size
        if most > self.max_transfer:
            raise ValueError(f"a command of {most} bytes, one can move {self.max_transfer}")
        if self._live or len(self.staging.chunks) < self.staging.all_chunks:
            raise ValueError("other commands are under way")

    def _lane_steps(self, run: WorkloadRun, depth: int, link: object) -> LaneSteps:
        """Send all commands of a run. Each connection, and each change of the unit, needs a new lane."""
        self.flush()
        answered = time.monotonic()
        while True:
            if not self.connected:
                if not self.replay:
                    raise PartnerGone(f"the connection is broken: {self.engine.state.value}")
                yield None
            lane = yield from self._one_lane(run, depth, link)
            left = run.take(lane)
            if lane.done:
                answered = time.monotonic()
            if lane.halted:
                # block_size_steps raises UnitChanged if the unit has another block size now.
                for pending in run.troubled.values():
                    self._heard(pending)
                yield run.unit.block_size_steps()
                if left and self.connected:
                    continue
            if not left:
                return
            if not self.replay:
                raise PartnerGone(f"the connection broke, {left} of {run.count} commands were not answered")
            if run.timeout and time.monotonic() - answered > run.timeout:
                raise TimedOut(f"the connection broke again, with no answer within {run.timeout:g} s")
            yield None

    def _one_lane(
        self, run: WorkloadRun, depth: int, link: object
    ) -> Generator[ClientLane, None, ClientLane]:
        """Send the commands that are left of a run, until all are answered or the connection has broken."""
        lane: ClientLane | None = None
        if self._inside:
            self.recover()
        srp, staging = self.srp, self.staging
        self._inside = True
        slots: list[int] = []
        try:
            slots = srp.lend(max(1, min(depth, staging.all_chunks * staging.chunk // run.stride)))
            lane = run.lane(
                link, staging.iu_view, staging.iu_address, staging.data, staging.data_address,
                slots, srp.serial, srp.credits,
            )  # fmt: skip
            yield lane
        except OURS:
            self._lane_over(lane, slots)
            raise
        except BaseException as error:
            self._lane_interrupted(lane, slots, error)
            raise
        self._lane_over(lane, slots)
        self._work()
        return lane

    def _lane_over(self, lane: ClientLane | None, slots: list[int]) -> None:
        """Give slots, serial number and credits back to the engine; reset the connection if commands are unanswered."""
        engine = self.engine
        if lane is None:
            self.srp.settle(slots, self.srp.serial, self.srp.credits)
        else:
            lane.release()  # else a traceback with a reference to the lane would keep the session's and the caller's memory
            if lane.in_flight and engine.state is State.LOGGED_IN:
                engine.host_reset("a workload was not answered", unanswered=True)
            self.srp.settle(slots, lane.serial, lane.credits)
        self._inside = False

    def _lane_interrupted(self, lane: ClientLane | None, slots: list[int], error: BaseException) -> None:
        """An exception came at an unknown point of the lane's work: reset the session."""
        if lane is not None:
            lane.release()
        self.recover()

    def _heed(self, lane: ClientLane, why: int) -> bool:
        """Handle the reasons for which a lane has returned, a bit each in ``why``. True when it is done or the login is lost."""
        engine = self.engine
        if why & queue.LOOK:
            self.port.wait(0)  # lets the port handle what is not an element, such as a closed socket
        if why & queue.ODD:
            elements = lane.odd[:]
            lane.odd.clear()
            engine.receive(elements, time.monotonic())
            self._flush()
        if why & queue.LATE:
            if lane.in_flight:
                raise TimedOut("a command of a workload was not answered in time")
            raise TimedOut("a command of a workload was not sent in time: the target gives no credit for it")
        if why & queue.CLOSED and not why & queue.ODD:
            self.port.wait(CLOSED_WAIT)  # the transport event that says why has not arrived yet
        return bool(why & queue.FINISHED) or engine.state is not State.LOGGED_IN
