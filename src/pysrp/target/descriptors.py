"""Indirect tables that are not wholly in the IU: the rest is fetched from the initiator's memory (SRP r16a, 6.8 and 5.6.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pysrp import srp
from pysrp.target.link import Segment

__all__ = ["LARGEST_TABLE", "IndirectTable"]

LARGEST_TABLE = 65536
"""Bytes of an indirect table: 4096 descriptors."""


class IndirectTable(NamedTuple):
    """An indirect descriptor whose table is incomplete: where the ``rest`` of the table is, the segments ``known`` from the IU,
    and the total ``length`` in bytes that the descriptor claims.
    """

    rest: Segment
    known: Sequence[Segment]
    length: int

    def segments(self, data: Any) -> tuple[list[Segment], int]:
        """All segments, with ``data`` as the rest of the table, and the bytes that they allow."""
        found = [srp.DirectBuf(data[at : at + 16]) for at in range(0, len(data), 16)]
        every = [*self.known, *((entry.va, entry.len, entry.key) for entry in found)]
        return every, min(sum(length for _, length, _ in every), self.length)
