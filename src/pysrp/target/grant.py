"""Grants: a unit's medium, which the native lane (:mod:`pysrp._fast.lane`) may use without calls to the unit, and its gates.

A unit that grants its medium keeps the gates, one for each nexus and LUN. It closes them while
:meth:`~pysrp.target.task.Unit.execute` would treat a READ or WRITE differently. The session closes them too, while it has tasks
for the unit, and so does the map when it removes the unit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pysrp._fast.gate import REVOKED, Gate
from pysrp.target.task import Nexus

__all__ = ["Gates", "Grant"]


class Grant(NamedTuple):
    """What one nexus may use of a unit at one LUN, as long as ``gate`` is open."""

    lun: int
    memory: memoryview | None
    """The memory with all blocks. None: requests are submitted to ``medium``."""
    block_size: int
    limit: int
    """Bytes that one command may move."""
    gate: Gate
    medium: Any = None
    """The :class:`~pysrp.target.medium.Medium` in C, if ``memory`` is None."""
    size: int = 0
    """Bytes of all blocks."""
    stable: bool = False
    """Whether ``memory`` needs no flush."""


class Gates(dict[Nexus, tuple[tuple[int, Gate], ...]]):
    """The gates of one unit: by nexus, each with its LUN.

    The caller holds the unit's lock when it adds or drops gates, but need not when it revokes them.
    """

    __slots__ = ("_gone", "_moved")

    def __init__(self) -> None:
        super().__init__()
        self._gone: list[tuple[Nexus, Gate]] = []
        """Gates that were dropped while commands were under way behind them."""
        self._moved = [0, 0, 0, 0]
        """The sum of :attr:`Gate.moved` of all gates that were dropped and forgotten."""

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
        """Add a gate. The gate of an earlier grant to the nexus for the same LUN is revoked."""
        kept = []
        for each in self.get(nexus, ()):
            if each[0] == lun:
                self._drop(nexus, each[1])
            else:
                kept.append(each)
        self[nexus] = (*kept, (lun, gate))

    def drop(self, nexus: Nexus) -> None:
        """Revoke and drop the gates of a nexus that cannot reach the unit any more."""
        for _, gate in self.pop(nexus, ()):
            self._drop(nexus, gate)

    def set(self, nexus: Nexus, owned: int, reasons: int) -> None:
        """Close or open the nexus's gates: of the unit's own reasons, ``owned``, only ``reasons`` hold now."""
        for _, gate in self[nexus]:
            gate.close(reasons)
            gate.open(owned & ~reasons)

    def revoke(self, lun: int | None = None) -> None:
        """Revoke the grants at this LUN, or at all LUNs."""
        for gates in list(self.values()):
            for where, gate in gates:
                if lun is None or where == lun:
                    gate.close(REVOKED)
