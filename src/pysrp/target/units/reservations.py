"""The holder of a unit by RESERVE, and which commands conflict with that."""

from __future__ import annotations

from pysrp.errors import ReservationConflict
from pysrp.scsi.codes import Status
from pysrp.target.task import Nexus
from pysrp.target.units.commands import Conflict, SupportedCdb

__all__ = ["Spc2Reservation"]


class Spc2Reservation:
    """The reservation of RESERVE (SPC-2): one holder of the whole unit. It is changed under the unit's lock.

    Another kind of reservation is another class with these methods.
    """

    __slots__ = ("holder",)

    def __init__(self) -> None:
        self.holder: Nexus | None = None

    def closes(self, nexus: Nexus) -> bool:
        """Whether some commands of this nexus conflict."""
        return self.holder is not None and self.holder is not nexus

    def check(self, nexus: Nexus, entry: SupportedCdb | None, cdb: bytes) -> None:
        """Raise ReservationConflict if this command conflicts; ``entry`` is None for a command that the unit does not have."""
        if self.closes(nexus) and (entry is None or entry.conflict(cdb) >= Conflict.RESERVE):
            raise conflict()

    def left(self, nexus: Nexus) -> None:
        """The nexus releases the unit, or is lost."""
        if self.holder is nexus:
            self.holder = None

    def reset(self) -> None:
        """The unit is reset."""
        self.holder = None


def conflict() -> ReservationConflict:
    """RESERVATION CONFLICT."""
    return ReservationConflict("reserved by another nexus", status=Status.RESERVATION_CONFLICT)
