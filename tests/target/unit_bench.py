"""Tasks for a logical unit without a target: real tasks and data movers, real ``local:`` memory."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from media_rig import TestLoop
from pysrp.fabric.local import pair
from pysrp.lun import Lun
from pysrp.scsi.sense import parse_sense
from pysrp.target.data import DataMover
from pysrp.target.task import Nexus, Task
from pysrp.vscsi.dma import Dma

ROOM = 4 << 20


@dataclass
class Result:
    """How a command ended."""

    status: int
    sense: bytes
    data: bytes
    task: Task

    @property
    def code(self) -> tuple[int, int, int]:
        """Sense key, ASC and ASCQ of a CHECK CONDITION."""
        assert self.status == 2, f"status {self.status:#x}"
        sense = parse_sense(self.sense)
        return sense.sense_key, sense.asc, sense.ascq

    @property
    def pointer(self) -> tuple[bool, int, int | None] | None:
        """Field pointer: in the CDB, byte, bit."""
        found = parse_sense(self.sense).sks
        if found is None:
            return None
        return found.c_d, found.field_pointer, found.bit_pointer if found.bpv else None


class Apart:
    """A port whose partner's memory can only be copied, as on POWER."""

    gathers = False

    def __init__(self, port: Any) -> None:
        self.allocate, self.copy_in, self.copy_out = port.allocate, port.copy_in, port.copy_out

    def windows(self, *_: Any) -> None:
        return None


class Bench:
    """An initiator's memory, and commands from it to one unit. ``shared``: its memory is within reach."""

    def __init__(self, unit: Any, *, shared: bool = True) -> None:
        self.unit = unit
        self.client, self.server = pair(window_size=16 << 20)
        self.client.register()
        self.server.register()
        self.memory = self.client.allocate(2 * ROOM)
        self.view = memoryview(self.memory)
        memory = Dma(self.server if shared else Apart(self.server))
        self.loop = TestLoop()
        """That of its media."""
        self.mover = DataMover(memory, None, self.loop.post)
        self.mover.prepare()
        self._ports = itertools.count(0x30000001)
        self.nexus = self.login("first")
        self.reachable = True

    def close(self) -> None:
        self.loop.turn()
        self.view.release()
        self.mover.retire()
        self.client.close()
        self.server.close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def unreachable(self) -> Iterator[None]:
        """For now, descriptors lead to memory that the initiator does not share."""
        self.reachable = False
        yield
        self.reachable = True

    def login(self, name: str = "another", port: int | None = None, relative_port: int = 1) -> Nexus:
        """A nexus that reaches the unit: of initiator port number ``port``, or of a new one."""
        number = next(self._ports) if port is None else port
        nexus = Nexus(name, lambda call: call(), number.to_bytes(16, "big"), relative_port=relative_port)
        nexus.abort = lambda unit, done, but=None, own=False: done()
        self.unit.attach(nexus)
        return nexus

    def __call__(
        self,
        cdb: Any,
        data: bytes = b"",
        *,
        room: int = 65536,
        nexus: Nexus | None = None,
        read_only: bool = False,
        cuts: Sequence[int] = (),
        tainted: bool = False,
    ) -> Result:
        """Run a command (a CDB, its bytes, or hex) with ``data`` to send and ``room`` for an answer.

        Their descriptors are cut at the bytes ``cuts``.
        """
        raw = bytes.fromhex(cdb) if isinstance(cdb, str) else bytes(cdb)
        ends = []
        base = self.memory.address
        inward = base + ROOM if self.reachable else 1 << 40
        self.view[: len(data)] = data
        self.view[ROOM : ROOM + room] = b"\xee" * room
        task = Task(
            nexus or self.nexus,
            Lun(bytes.fromhex("8100000000000000")),
            1,
            raw.ljust(16, b"\0"),
            unit=self.unit,
            mover=self.mover,
            finish=ends.append,
            data_out=_segments(base, len(data), cuts),
            data_in=_segments(inward, room, cuts),
            data_out_length=len(data),
            data_in_length=room,
            read_only=read_only,
        )
        task.attempt(self.unit.execute, task)
        self.loop.turn()
        assert ends == [task], "ended once"
        got = bytes(self.view[ROOM : ROOM + task.moved_in])
        rest = bytes(self.view[ROOM + task.moved_in : ROOM + room])
        assert tainted or rest == b"\xee" * (room - task.moved_in)
        return Result(task.status, task.sense, got, task)

    def tainted(self, cdb: Any, data: bytes = b"", **options: Any) -> Result:
        """As calling, where the room behind what counts as moved may hold anything: a medium has failed."""
        return self(cdb, data, tainted=True, **options)

    def good(self, cdb: Any, data: bytes = b"", **options: Any) -> bytes:
        """As calling, of a command that has to be GOOD: its data."""
        result = self(cdb, data, **options)
        assert result.status == 0, f"{result.status:#x} {result.sense.hex()}"
        return result.data

    def bad(self, cdb: Any, data: bytes = b"", **options: Any) -> tuple[int, int, int]:
        """As calling, of a command that has to be CHECK CONDITION: key, ASC and ASCQ."""
        result = self(cdb, data, **options)
        assert not result.data
        return result.code


def _segments(base: int, length: int, cuts: Sequence[int]) -> list[tuple[int, int, int]]:
    ends = [*(cut for cut in cuts if cut < length), length] if length else []
    return [(base + start, end - start, 0) for start, end in zip([0, *ends], ends, strict=False)]
