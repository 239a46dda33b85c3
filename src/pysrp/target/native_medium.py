"""A medium in C: ``struct pysrp_medium`` of ``native.h``, in the folder that ``pysrp.get_include()`` returns.

``examples/medium/`` has a small example.
"""

from __future__ import annotations

from pysrp._fast.medium import MediumTable
from pysrp.target.medium import Feature, Loop, Medium, MediumChannel

__all__ = ["NativeMedium"]


class NativeMedium(Medium):
    """NativeMedium(capsule). ValueError for a capsule of another kind, or a struct of another size."""

    def __init__(self, capsule: object) -> None:
        super().__init__()
        self._table = MediumTable(capsule)
        self.block: int = self._table.block
        self.features: Feature = Feature(self._table.features)

    def __repr__(self) -> str:
        return f"NativeMedium({self.size})"

    @property
    def size(self) -> int:  # type: ignore[override]
        """The size in bytes that the medium reports now."""
        return self._table.size

    def channel(self, loop: Loop) -> MediumChannel:
        """See :meth:`pysrp.target.medium.Medium.channel`."""
        return self._table.channel(loop.post)

    def native(self) -> bool:
        """See :meth:`pysrp.target.medium.Medium.native`."""
        return True

    def memory(self) -> memoryview | None:
        """See :meth:`pysrp.target.medium.Medium.memory`."""
        return self._table.memory()
