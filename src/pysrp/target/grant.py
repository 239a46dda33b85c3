"""What a unit lets the native lane (:mod:`pysrp._fast.lane`) do without asking: its medium, and the gate before it.

A unit that grants its medium keeps the gates, one for each nexus and LUN, and closes them while a READ or WRITE there
could be told from one that :meth:`~pysrp.target.task.Unit.execute` does. So do the session, while it has tasks of its
own for the unit, and the map, when it takes the unit away.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pysrp._fast.gate import REVOKED, Gate
from pysrp.target.task import Nexus

__all__ = ["Gates", "Grant"]


class Grant(NamedTuple):
    """What one nexus may reach of a unit at one LUN, as long as ``gate`` is open."""

    lun: int
    memory: memoryview | None
    """All its blocks. None: what is moved is submitted to ``medium``."""
    block_size: int
    limit: int
    """Bytes that one command may move."""
    gate: Gate
    medium: Any = None
    """A :class:`~pysrp.target.medium.Medium` in C, where that is so."""
    size: int = 0
    """Bytes of all blocks, likewise."""
    stable: bool = False
    """Of memory: it is the medium, so that there is nothing to flush."""


class Gates(dict[Nexus, tuple[tuple[int, Gate], ...]]):
    """The gates of one unit: by nexus, each with its LUN.

    The unit's lock is held where one is added or dropped, not where they are revoked.
    """

    __slots__ = ("_gone", "_moved")

    def __init__(self) -> None:
        super().__init__()
        self._gone: list[tuple[Nexus, Gate]] = []
        """Those that were dropped while commands were under way behind them."""
        self._moved = [0, 0, 0, 0]
        """What went through those that are no more."""

    def all(self) -> list[tuple[Nexus, Gate]]:
        """Every gate behind which something may be under way, and its nexus."""
        kept = [(nexus, gate) for nexus, gates in self.items() for _, gate in gates]
        return kept + [each for each in self._gone if each[1].under_way]

    def _drop(self, nexus: Nexus, gate: Gate) -> None:
        gate.close(REVOKED)
        kept = []
        for each in (*self._gone, (nexus, gate)):
            if each[1].under_way:
                kept.append(each)
            else:
                self._moved = [sum(counts) for counts in zip(self._moved, each[1].moved, strict=True)]
        self._gone = kept

    def moved(self) -> tuple[int, ...]:
        """READs and WRITEs that have gone through all of them, and the blocks of each."""
        gates = [gate for gates in self.values() for _, gate in gates] + [gate for _, gate in self._gone]
        return tuple(map(sum, zip(self._moved, *(gate.moved for gate in gates), strict=True)))

    def add(self, nexus: Nexus, lun: int, gate: Gate) -> None:
        """One more. That of an earlier grant to the nexus for the LUN is revoked."""
        kept = []
        for each in self.get(nexus, ()):
            if each[0] == lun:
                self._drop(nexus, each[1])
            else:
                kept.append(each)
        self[nexus] = (*kept, (lun, gate))

    def drop(self, nexus: Nexus) -> None:
        """The nexus cannot reach the unit any more."""
        for _, gate in self.pop(nexus, ()):
            self._drop(nexus, gate)

    def set(self, nexus: Nexus, owned: int, reasons: int) -> None:
        """Of the reasons that the unit owns, these are there now."""
        for _, gate in self[nexus]:
            gate.close(reasons)
            gate.open(owned & ~reasons)

    def revoke(self, lun: int | None = None) -> None:
        """What was granted, at this LUN or at all of them, is not so any more."""
        for gates in list(self.values()):
            for where, gate in gates:
                if lun is None or where == lun:
                    gate.close(REVOKED)
