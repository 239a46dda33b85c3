"""An indirect table that does not stand in the IU: it is fetched from the initiator's memory (SRP r16a, 6.8 and 5.6.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pysrp import srp
from pysrp.target.link import Segment

__all__ = ["LARGEST_TABLE", "IndirectTable"]

LARGEST_TABLE = 65536
"""Bytes of an indirect table: 4096 descriptors."""


class IndirectTable(NamedTuple):
    """What is still to be known of an indirect descriptor: where the rest of its table is, and what is known."""

    rest: Segment
    known: Sequence[Segment]
    length: int

    def segments(self, data: Any) -> tuple[list[Segment], int]:
        """What it allows, the rest of the table being ``data``."""
        found = [srp.DirectBuf(data[at : at + 16]) for at in range(0, len(data), 16)]
        every = [*self.known, *((entry.va, entry.len, entry.key) for entry in found)]
        return every, min(sum(length for _, length, _ in every), self.length)
