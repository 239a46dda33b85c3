"""Workloads: many reads and writes of one unit as columns, and their results."""

from __future__ import annotations

import itertools
import operator
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pysrp._fast.queue import NO_ANSWER, ClientLane
from pysrp.crq import Format
from pysrp.errors import SrpError
from pysrp.initiator.answers import conclude, read_answer
from pysrp.initiator.units import Pending, ScannedUnit
from pysrp.vscsi.client import element_fault

__all__ = ["NO_ANSWER", "READ", "WRITE", "Workload", "WorkloadRun", "check_depth"]

READ, WRITE = 0, 1

PAGE = 4096


@dataclass
class Workload:
    """The results of many commands: columns with a value for each, in the order given.

    ``status`` are SCSI statuses (:data:`NO_ANSWER`, FFh: none), ``latency`` nanoseconds from sending to
    answer, ``errors`` the exceptions by the command's number, ``seconds`` the time that all took together.
    """

    status: array[int]
    latency: array[int]
    errors: dict[int, Exception] = field(default_factory=dict)
    seconds: float = 0.0

    def __repr__(self) -> str:
        """Counts only: there may be a million values."""
        return f"<Workload: {len(self.status)} commands, {len(self.errors)} errors, {self.seconds:.6f} s>"


def check_depth(depth: int) -> None:
    """Raise ValueError for a number of commands at a time below 1, TypeError if it is not an integer."""
    if operator.index(depth) < 1:
        raise ValueError(f"depth {depth}: so many commands at a time, at least 1")


class WorkloadRun:
    """A workload that is being carried out. ``todo`` are the numbers of the commands that have not been answered; None: all.

    Arguments as in :meth:`pysrp.initiator.session.Session.run`; ``size`` is the unit's block size. Raises
    ValueError for operations that are neither READ nor WRITE, writes without data, columns of different lengths
    or data of another length than theirs, TypeError for reads into memory that cannot be written.
    """

    count: int

    def __init__(
        self,
        unit: ScannedUnit,
        size: int,
        ops: int | bytes | bytearray,
        lbas: Iterable[int],
        blocks: int | Iterable[int],
        data: Any,
        timeout: float,
        fua: bool,
    ) -> None:
        self.unit = unit
        self.size = size
        self.lbas: array[int] = lbas if isinstance(lbas, array) and lbas.typecode == "Q" else array("Q", lbas)
        self.count = count = len(self.lbas)
        self.blocks: array[int] = (
            array("I", [blocks]) * count if isinstance(blocks, int) else array("I", blocks)
        )
        self.ops: bytes = (
            (bytes((ops,)) if ops in (READ, WRITE) else b"?") * count if isinstance(ops, int) else bytes(ops)
        )
        if self.ops.translate(None, bytes((READ, WRITE))):
            raise ValueError(f"ops has other values than READ ({READ}) and WRITE ({WRITE}); they are no CDBs")
        if data is None and WRITE in self.ops:
            raise ValueError("writes need data")
        if len(self.ops) != count or len(self.blocks) != count:
            raise ValueError(f"columns of {len(self.ops)}, {count} and {len(self.blocks)} entries")
        self.data: memoryview | None = None if data is None else memoryview(data).cast("B")
        if self.data is not None and self.data.nbytes != sum(self.blocks) * size:
            raise ValueError(f"{self.data.nbytes} bytes for {sum(self.blocks) * size} bytes of data")
        if self.data is not None and self.data.readonly and not all(self.ops):
            raise TypeError("reads into a buffer that is read-only")
        self.timeout = timeout
        self.fua = fua
        most = blocks if count and isinstance(blocks, int) else max(self.blocks, default=0)
        self.stride: int = max(PAGE, -(-most * size // PAGE) * PAGE)
        self.work: Workload = Workload(array("B", bytes(count)), array("Q", bytes(8 * count)))
        self.troubled: dict[int, Pending] = {}
        """By number: commands that were answered with anything but GOOD alone; some of them may be retried."""
        self.todo: list[int] | None = None
        self._part: WorkloadRun | None = None
        self._offsets: list[int] | None = None

    def view(self, item: int) -> memoryview | None:
        """The part of ``data`` that belongs to one command."""
        if self.data is None:
            return None
        if self._offsets is None:
            self._offsets = list(itertools.accumulate((n * self.size for n in self.blocks), initial=0))
        return self.data[self._offsets[item] : self._offsets[item + 1]]

    def submit(self, item: int, retries: int) -> Pending:
        """Start one command as an object of its own, without a lane."""
        view = self.view(item)
        lba, blocks = self.lbas[item], self.blocks[item]
        if self.ops[item]:
            return self.unit.start_write(lba, view, self.size, fua=self.fua, retries=retries)
        return self.unit.start_read(lba, blocks, self.size, into=view, retries=retries)

    def ended(self, item: int, pending: Pending) -> None:
        """Note the result of a command that was started by :meth:`submit`, or keep it for a retry at the end."""
        if pending.error is None and pending.worth_retrying():
            self.troubled[item] = pending
        else:
            self.account(item, pending)

    def account(self, item: int, pending: Pending) -> None:
        """Enter the result of one command in the columns."""
        self.work.status[item] = NO_ANSWER if pending.status is None else pending.status
        self.work.errors.pop(item, None)
        try:
            short, length = pending.outcome().residual, self.blocks[item] * self.size
            if short:
                raise SrpError(f"{short} bytes of {length} were not moved, without an error")
        except SrpError as error:
            self.work.errors[item] = error

    def lane(
        self, capsule: object, iu: memoryview, iu_address: int, data: memoryview, data_address: int,
        slots: list[int], serial: int, credits: int,
    ) -> ClientLane:  # fmt: skip
        """A lane for all commands, or for those that are left."""
        part = self if self.todo is None else self._rest(self.todo)
        # None for self: a reference cycle would keep all the data until the garbage collector runs.
        self._part = None if part is self else part
        return ClientLane(
            capsule, iu, iu_address, slots, data, data_address, self.stride,
            int.from_bytes(bytes(self.unit.lun), "big"), part.ops, part.lbas, part.blocks,
            part.work.status, part.work.latency, part.data, self.size, serial=serial, credits=credits,
            timeout=min(0xFFFF, -int(-self.timeout // 1)), limit=int(self.timeout * 1e9), fua=self.fua,
        )  # fmt: skip

    def _rest(self, items: list[int]) -> WorkloadRun:
        """Some of the commands as a workload of their own, with data copied into a new buffer."""
        data = None
        if self.data is not None:
            data = bytearray().join(self.view(item) or b"" for item in items)
        return WorkloadRun(
            self.unit, self.size, bytes(self.ops[i] for i in items), (self.lbas[i] for i in items),
            (self.blocks[i] for i in items), data, self.timeout, self.fua,
        )  # fmt: skip

    def take(self, lane: ClientLane) -> int:
        """Take over the results of a lane; returns how many commands are left."""
        numbers = range(self.count) if self.todo is None else self.todo
        part = self._part or self
        if part is not self:
            for place, item in enumerate(numbers):
                self.work.status[item] = part.work.status[place]
                self.work.latency[item] = part.work.latency[place]
                mine, its = self.view(item), part.view(place)
                if mine is not None and its is not None and not self.ops[item]:
                    mine[:] = its
        for place, (tag, answer, status) in lane.trouble.items():
            self.troubled[numbers[place]] = self._explain(numbers[place], tag, answer, status)
        self.todo = [numbers[place] for place in lane.unfinished()]
        return len(self.todo)

    def _explain(self, item: int, tag: int, answer: bytes, status: int) -> Pending:
        """A command of a lane as an object, as if it had been started by :meth:`submit`, with its result."""
        blocks = self.blocks[item]
        length = blocks * self.size
        short = self.lbas[item] + blocks <= 0xFFFFFFFF and blocks <= 0xFFFF  # as the lane has it
        code = (0x2A if short else 0x8A) if self.ops[item] else (0x28 if short else 0x88)
        cdb = bytes((code,)).ljust(10 if short else 16, b"\0")
        pending = Pending(self.unit.session, self.unit.lun, cdb, length, 0)
        if self.ops[item]:
            pending.data_out = ((0, length),)
        else:
            pending.data_in = ((0, length),)
        rsp, _ = read_answer(answer, tag, element_fault(status, Format.SRP))
        conclude(pending, rsp, strict=True)
        # The CDB asks for exactly the buffer's length, so an overflow here means data that was not moved.
        pending.residual = pending.residual or min(pending.overflow, length)
        pending.done = True
        return pending
