"""The pending unit attention conditions of each nexus (SAM-5, 5.14)."""

from __future__ import annotations

from pysrp.target.task import Nexus

__all__ = ["RESET", "Attentions"]

RESET = 0x29
"""The ASC of resets, which are reported before the other conditions, and before a reservation conflict."""


class Attentions:
    """The conditions of one unit, ``information << 16 | asc << 8 | ascq`` each. They are changed under the unit's lock."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[Nexus, list[int]] = {}  # the next one first; no empty lists

    def __contains__(self, nexus: Nexus) -> bool:
        return nexus in self._pending

    def of(self, nexus: Nexus) -> list[int]:
        """The conditions that are pending for a nexus, the next one first."""
        return self._pending.get(nexus, [])

    def establish(self, code: int, nexus: Nexus) -> None:
        """Add a condition for a nexus. One that is pending already keeps its place; resets come before the rest."""
        pending = self.of(nexus)
        if code not in pending:
            self._pending[nexus] = sorted([*pending, code], key=lambda each: each >> 8 != RESET)

    def withdraw(self, code: int, nexus: Nexus) -> bool:
        """Clear a condition, as it was reported or is not true any more; whether it was pending."""
        pending = self.of(nexus)
        if code not in pending:
            return False
        left = [each for each in pending if each != code]
        if left:
            self._pending[nexus] = left
        else:
            del self._pending[nexus]
        return True

    def drop(self, nexus: Nexus) -> None:
        """Clear all conditions of a nexus that is lost."""
        self._pending.pop(nexus, None)
