"""Persistent reservations: the registrations, the holder, and the result of each service action (SPC-5, 5.14).

There are only values and rules here. A :class:`Persistent` is immutable: an action returns an :class:`Outcome` with the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import PersistentReserveType, SenseKey
from pysrp.target.fault import Fault
from pysrp.target.task import Nexus
from pysrp.target.units.codes import Attention, SenseCode, invalid, unfit
from pysrp.target.units.commands import Conflict, SupportedCdb
from pysrp.target.units.reservations import conflict

__all__ = [
    "ALL_PORTS",
    "MOST",
    "Memory",
    "Outcome",
    "Persistent",
    "Registrant",
    "ReservationStore",
    "SharedStore",
]

ALL_PORTS = 0
"""In place of a relative target port identifier, as 0 is no valid one: registered through every target port (ALL_TG_PT)."""

MOST = 1024
"""The most registrations of a unit."""

EXCLUSIVE_ACCESS = frozenset(
    {
        PersistentReserveType.EXCLUSIVE_ACCESS,
        PersistentReserveType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY,
        PersistentReserveType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
    }
)
REGISTRANTS_ONLY = frozenset(
    {
        PersistentReserveType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
        PersistentReserveType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY,
    }
)
ALL_REGISTRANTS = frozenset(
    {
        PersistentReserveType.WRITE_EXCLUSIVE_ALL_REGISTRANTS,
        PersistentReserveType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
    }
)
TYPES = EXCLUSIVE_ACCESS | REGISTRANTS_ONLY | ALL_REGISTRANTS | {PersistentReserveType.WRITE_EXCLUSIVE}
"""The types of a reservation; the other values are obsolete or reserved."""


class Registrant(NamedTuple):
    """The name of a registered I_T nexus: it outlasts the login."""

    initiator_port: bytes
    """The initiator port identifier, 16 bytes."""
    target_port: int
    """The relative target port identifier, or ALL_PORTS."""

    @classmethod
    def of(cls, nexus: Nexus) -> Registrant:
        """The name under which a logged in nexus registers itself."""
        return cls(nexus.port_id, nexus.relative_port)

    @property
    def everywhere(self) -> Registrant:
        """The same initiator port through every target port."""
        return Registrant(self.initiator_port, ALL_PORTS)

    def covers(self, nexus: Nexus) -> bool:
        """Whether this nexus is registered by this name."""
        return self.initiator_port == nexus.port_id and self.target_port in (ALL_PORTS, nexus.relative_port)


class Outcome(NamedTuple):
    """The result of a service action."""

    state: Persistent
    told: tuple[tuple[Registrant, Attention], ...] = ()
    """Unit attentions, for the logged in nexuses of these registrants, except the nexus that sent the command (SPC-5, 5.14.11).
    Other nexuses of its own registrant, if that is registered through every target port, get them too."""
    preempted: frozenset[Registrant] = frozenset()
    """Registrants whose registration was preempted: PREEMPT AND ABORT ends their tasks."""


@dataclass(frozen=True)
class Persistent:
    """The registrations and the reservation of one unit at one moment.

    The methods below take the registrant ``mine`` as :meth:`entitled` returned it, so that its key has been compared.
    """

    keys: Mapping[Registrant, int] = field(default_factory=lambda: MappingProxyType({}))
    """The registrants and their reservation keys, in the order in which they registered."""
    type: PersistentReserveType | None = None
    """The type of the reservation; None: there is no reservation."""
    holder: Registrant | None = None
    """The holder of the reservation; None also for the types All Registrants, which every registrant holds."""
    kept: bool = False
    """APTPL: whether it survives a power loss."""
    generation: int = 0
    """PRGENERATION, modulo 2**32: 0 after a power loss."""

    # Checks.

    def find(self, who: Registrant) -> Registrant | None:
        """The name under which a nexus is registered: its own, or that for all target ports; None if it is not."""
        return next((one for one in (who, who.everywhere) if one in self.keys), None)

    def entitled(self, who: Registrant, key: int) -> Registrant:
        """The name under which a nexus is registered with this key; raises ReservationConflict if it is not."""
        found = self.find(who)
        if found is None or self.keys[found] != key:
            raise conflict()
        return found

    def holds(self, registrant: Registrant) -> bool:
        """Whether a registrant holds the reservation."""
        return self.type in ALL_REGISTRANTS or (self.holder is not None and registrant == self.holder)

    def passes(self, nexus: Nexus) -> bool:
        """Whether there is a reservation, and it permits all commands of this nexus."""
        found = None if self.type is None else self.find(Registrant.of(nexus))
        return found is not None and (self.holds(found) or self.type in REGISTRANTS_ONLY)

    def closes(self, nexus: Nexus) -> bool:
        """Whether some commands of this nexus conflict."""
        return self.type is not None and not self.passes(nexus)

    def check(self, nexus: Nexus, entry: SupportedCdb | None, cdb: bytes) -> None:
        """Raise ReservationConflict if this command conflicts. A command that the unit does not have (None) never does."""
        if self.type is None or entry is None:
            return
        worst = Conflict.EXCLUSIVE_ACCESS if self.type in EXCLUSIVE_ACCESS else Conflict.ALWAYS
        if entry.conflict(cdb) >= worst and self.closes(nexus):
            raise conflict()

    # Registering.

    def register(
        self,
        who: Registrant,
        key: int | None,
        new: int,
        *,
        everywhere: bool = False,
        others: Iterable[bytes] = (),
    ) -> Outcome:
        """REGISTER (SPC-5, 5.14.7), also of ``others``, further initiator ports; ``key`` None: the present key is ignored.

        With ``everywhere`` the registrations of one initiator port through several target ports become one.
        Raises ReservationConflict if ``key`` is not the present key, or one of the others is registered already.
        """
        found = self.find(who)
        mine = [
            one
            for one in self.keys
            if one == found or (everywhere and one.initiator_port == who.initiator_port)
        ]
        have = {self.keys[one] for one in mine} | ({0} if found is None else set())
        if key is not None and have != {key}:
            raise conflict()
        if not new:
            return self._unregistered(mine)
        keys = dict(self.keys)
        where = ALL_PORTS if everywhere else who.target_port
        if everywhere:
            keys = {one: value for one, value in keys.items() if one not in mine}
            found = who.everywhere
        keys[found or who] = new
        self._add_others(keys, others, where, new)
        if len(keys) > MOST:
            raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INSUFFICIENT_REGISTRATION_RESOURCES)
        holder = who.everywhere if everywhere and self.holder in mine else self.holder
        return Outcome(self._next(keys, holder=holder))

    @staticmethod
    def _add_others(keys: dict[Registrant, int], others: Iterable[bytes], where: int, new: int) -> None:
        """Register further initiator ports; raises ReservationConflict if one is registered through this target port already,
        or, for all target ports, through any.
        """
        through: dict[bytes, set[int]] = {}
        for port, target in keys:
            through.setdefault(port, set()).add(target)
        for port in others:
            targets = through.setdefault(port, set())
            if targets and (where == ALL_PORTS or targets & {ALL_PORTS, where}):
                raise conflict()
            targets.add(where)
            keys[Registrant(port, where)] = new

    def _unregistered(self, gone: Collection[Registrant]) -> Outcome:
        """These registrants have given up their registrations; without any, nothing changes (SPC-5, 5.14.11.3)."""
        if not gone:
            return Outcome(self)
        left = self._without(gone)
        if self.type is not None and left.type is None and self.type in REGISTRANTS_ONLY:
            return Outcome(left, _tell(self.keys, Attention.RESERVATIONS_RELEASED))
        return Outcome(left)

    def _without(self, gone: Collection[Registrant]) -> Persistent:
        """The next state, without these registrations, and without the reservation if no remaining registrant holds it."""
        keys = {one: key for one, key in self.keys.items() if one not in gone}
        if (self.type in ALL_REGISTRANTS and not keys) or self.holder in gone:
            return self._next(keys, type=None, holder=None)
        return self._next(keys)

    def _next(self, keys: dict[Registrant, int], **changed: object) -> Persistent:
        generation = (self.generation + 1) & 0xFFFFFFFF
        return replace(self, keys=MappingProxyType(keys), generation=generation, **changed)  # type: ignore[arg-type]

    def move(self, mine: Registrant, new: int, other: Registrant, *, unregister: bool) -> Outcome:
        """REGISTER AND MOVE (SPC-5, 5.14.8): the reservation goes to another nexus, registered with a new key."""
        if self.type is None:
            raise invalid(cdbs.PersistentReserveOut, "service_action")
        if self.holder != mine:
            raise conflict()
        if not new:
            raise unfit(8)
        to = self.find(other) or other
        if to == mine:
            raise unfit(24)
        keys = {**self.keys, to: new}
        if unregister:
            del keys[mine]
        if len(keys) > MOST:
            raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INSUFFICIENT_REGISTRATION_RESOURCES)
        return Outcome(self._next(keys, holder=to))

    # Reserving.

    def reserve(self, mine: Registrant, type: PersistentReserveType) -> Outcome:
        """RESERVE (SPC-5, 5.14.9). A different reservation conflicts; repeating one's own changes nothing."""
        if self.type is None:
            return Outcome(self._held(mine, type))
        if not self.holds(mine) or type != self.type:
            raise conflict()
        return Outcome(self)

    def _held(self, mine: Registrant, type: PersistentReserveType) -> Persistent:
        return replace(self, type=type, holder=None if type in ALL_REGISTRANTS else mine)

    def release(self, mine: Registrant, type: int | None) -> Outcome:
        """RELEASE (SPC-5, 5.14.11.2); no effect for a registrant that is no holder. ``type`` None: an unsupported scope."""
        if self.type is None or not self.holds(mine):
            return Outcome(self)
        if type != self.type:
            raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_RELEASE)
        free = replace(self, type=None, holder=None)
        if self.type in REGISTRANTS_ONLY | ALL_REGISTRANTS:
            return Outcome(free, _tell(self.keys, Attention.RESERVATIONS_RELEASED))
        return Outcome(free)

    def clear(self, mine: Registrant) -> Outcome:
        """CLEAR (SPC-5, 5.14.11.6): remove the reservation and all registrations."""
        free = self._next({}, type=None, holder=None)
        return Outcome(free, _tell(self.keys, Attention.RESERVATIONS_PREEMPTED))

    def takes_over(self, key: int) -> bool:
        """Whether PREEMPT of this key preempts the reservation, rather than registrations only (SPC-5, 5.14.11.4)."""
        if self.type in ALL_REGISTRANTS:
            return not key
        return self.holder is not None and self.keys[self.holder] == key

    def preempt(self, mine: Registrant, key: int, type: PersistentReserveType | None) -> Outcome:
        """PREEMPT (SPC-5, 5.14.11.4); ``type`` is needed if it takes over the reservation."""
        whose = {one for one, value in self.keys.items() if value == key}
        if not self.takes_over(key):
            if not key:
                raise unfit(8)
            if not whose:
                raise conflict()
            told = _tell(whose, Attention.REGISTRATIONS_PREEMPTED)
            return Outcome(self._without(whose), told, frozenset(whose))
        assert type is not None
        gone = frozenset((whose if key else self.keys.keys()) - {mine})
        told = _tell(gone, Attention.REGISTRATIONS_PREEMPTED)
        if type != self.type:
            told += _tell(self.keys.keys() - gone, Attention.RESERVATIONS_RELEASED)
        keys = {one: value for one, value in self.keys.items() if one not in gone}
        return Outcome(self._next(keys)._held(mine, type), told, gone)


def _tell(whom: Iterable[Registrant], what: Attention) -> tuple[tuple[Registrant, Attention], ...]:
    return tuple((one, what) for one in whom)


class ReservationStore(Protocol):
    """A store for the persistent reservations of one unit, which outlast the unit, and a power loss if it is ``durable``.

    Called by one thread at a time. Only with ``blocking`` may a call take long.
    """

    durable: bool
    """Whether a saved state survives a power loss; if not, APTPL is refused."""
    blocking: bool
    """Whether saving may take long, and so is done on a worker."""

    def load(self) -> Persistent | None:
        """The state saved last; None: there is none. If it raises ConfigError or OSError the unit cannot be made."""

    def save(self, state: Persistent | None) -> None:
        """Save a state in place of the one before; None: remove it. It is saved when this returns.

        After an OSError the store has either state, the command fails, and the state in force does not change.
        """


@runtime_checkable
class SharedStore(ReservationStore, Protocol):
    """A store beside the medium that several servers own, one after the other. It saves every state, with APTPL or without.

    It also saves ``kept`` and ``generation``, as a takeover is no power loss: the next server's unit is the same unit.
    """

    away: bool
    """Whether another server owns it now, so that the reservations are not known."""

    def follow(self, told: Callable[[Persistent | None], None]) -> None:
        """Call ``told`` with the saved state, from any thread, each time this server becomes the owner, before the medium serves
        a request; and once now, if it is the owner. If ``told`` raises, the medium is not used.
        """


class Memory:
    """The store of a unit that was given none: it saves nothing."""

    durable = False
    blocking = False

    def load(self) -> None:
        """None: there is no saved state."""
        return

    def save(self, state: Persistent | None) -> None:
        """Do nothing: APTPL has been refused."""
