"""Which units the short way of READ and WRITE (:mod:`pysrp._fast.lane`) leads to, and when.

A :class:`Door` stands for one unit at one LUN for one nexus. It leads straight to memory, so it is open only
while doing so cannot be told from :meth:`Disk.execute`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pysrp.target.disk import Disk
from pysrp.target.lunmap import Export
from pysrp.target.task import Nexus, Unit
from pysrp.target.taskset import TaskSet

__all__ = ["Door", "doors"]

READABLE, WRITABLE = 1, 2


class Door:
    """One unit's memory. Use :func:`doors` to make them."""

    __slots__ = ("_backend", "_disk", "_nexus", "_read_only", "_sets", "block_size", "lun", "memory")

    def __init__(
        self, export: Export, disk: Disk, memory: memoryview, nexus: Nexus, sets: Mapping[Unit, TaskSet]
    ) -> None:
        self.lun = export.lun
        self.memory = memory
        self.block_size = disk.block_size
        self._disk = disk
        self._backend = disk.backend
        self._read_only = export.read_only
        self._nexus = nexus
        self._sets = sets

    def allows(self) -> int:
        """1: reads, 2: writes. Asked for each batch of commands, after it has arrived."""
        disk, backend = self._disk, self._backend
        if not disk.plain(self._nexus) or disk.backend is not backend or "execute" in vars(disk):
            return 0
        if disk.blocks * self.block_size != len(self.memory):
            return 0
        # Somebody may have put methods of his own in front of the class's, to watch or to disturb.
        if "read_into" in vars(backend) or "write_from" in vars(backend):
            return 0
        try:
            backend.memory()  # type: ignore[attr-defined]
        except ValueError:  # it is closed
            return 0
        tasks = self._sets.get(disk)
        if tasks is not None and len(tasks):
            return 0
        # Without a write cache a write has to be flushed, which is not this way's business.
        protected = self._read_only or disk.read_only or disk._software_protected
        return READABLE if protected or not disk.write_cache else READABLE | WRITABLE


def doors(exports: list[Export], nexus: Nexus, sets: Mapping[Unit, TaskSet]) -> list[Door]:
    """Doors for those of a session's units that are disks in memory."""
    found = []
    for export in exports:
        disk = export.unit
        if type(disk) is not Disk or not speaks_for_all(type(disk.backend)):
            continue
        memory = disk.backend.memory()  # type: ignore[attr-defined]
        if memory is None or disk.max_transfer is not None:
            continue
        size = disk.blocks * disk.block_size
        if len(memory) >= size:
            found.append(Door(export, disk, memory[:size], nexus, sets))
    return found


def speaks_for_all(backend: type) -> bool:
    """Whether ``memory`` was written by who wrote ``read_into`` and ``write_from``, and so says all about them."""

    def author(name: str) -> Any:
        return next((each for each in backend.__mro__ if name in vars(each)), None)

    return author("memory") is author("read_into") is author("write_from") is not None
