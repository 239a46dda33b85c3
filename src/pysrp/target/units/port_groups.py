"""Target port groups, and which commands a unit carries out through their ports (SPC-5, 5.16).

::

    groups = PortGroups([PortGroup(1, (1,)), PortGroup(2, (2,), state=State.STANDBY)])
    disk.port_groups = groups                       # and those of every other unit that has them
    groups.change(2, state=State.ACTIVE_OPTIMIZED)  # 2A/06 for every nexus

The numbers of ports are relative target port identifiers: ``Settings(relative_port=...)``, ``rel_tgt_id`` in SCST's tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

from pysrp.errors import ConfigError
from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import AsymmetricAccessState, ReadBufferMode, SenseKey, WriteBufferMode
from pysrp.target.fault import Fault
from pysrp.target.units.codes import SenseCode
from pysrp.target.units.commands import SupportedCdb

if TYPE_CHECKING:
    from pysrp.target.task import Nexus

__all__ = ["ACTIVE", "BY_COMMAND", "SETTABLE", "PortGroup", "PortGroups"]

State = AsymmetricAccessState

ACTIVE = frozenset({State.ACTIVE_OPTIMIZED, State.ACTIVE_NON_OPTIMIZED})
SETTABLE = ACTIVE | {State.STANDBY, State.UNAVAILABLE}
"""The states that SET TARGET PORT GROUPS may set."""
STATES = SETTABLE | {State.OFFLINE, State.TRANSITIONING}

Commands = frozenset[type[cdbs.Cdb]]
IN_TRANSITION: Commands = frozenset(
    {cdbs.Inquiry, cdbs.ReportLuns, cdbs.RequestSense, cdbs.ReportTargetPortGroups}
)
IN_UNAVAILABLE: Commands = IN_TRANSITION | {cdbs.SetTargetPortGroups}
IN_STANDBY: Commands = IN_UNAVAILABLE | {
    cdbs.LogSelect,
    cdbs.LogSense,
    cdbs.ModeSelect6,
    cdbs.ModeSelect10,
    cdbs.ModeSense6,
    cdbs.ModeSense10,
    cdbs.PersistentReserveIn,
    cdbs.PersistentReserveOut,
    cdbs.ReceiveDiagnosticResults,
    cdbs.SendDiagnostic,
}
LIMITED: dict[State, tuple[SenseCode, Commands]] = {
    State.STANDBY: (SenseCode.PORT_IN_STANDBY, IN_STANDBY),
    State.UNAVAILABLE: (SenseCode.PORT_UNAVAILABLE, IN_UNAVAILABLE),
    State.OFFLINE: (SenseCode.PORT_OFFLINE, IN_UNAVAILABLE),
    State.TRANSITIONING: (SenseCode.PORT_IN_TRANSITION, IN_TRANSITION),
}
"""By state, the commands that are carried out, and the NOT READY sense code of all others (SPC-5, 5.16.2.4)."""

ECHO: dict[type[cdbs.Cdb], frozenset[int]] = {
    cdbs.ReadBuffer10: frozenset(
        {ReadBufferMode.READ_DATA_FROM_ECHO_BUFFER, ReadBufferMode.ECHO_BUFFER_DESCRIPTOR}
    ),
    cdbs.WriteBuffer10: frozenset({WriteBufferMode.WRITE_DATA_TO_ECHO_BUFFER}),
}
"""The modes of the echo buffer, which are carried out in every state."""

BY_COMMAND, BY_ITSELF = 1, 2
"""STATUS CODE: the state was last changed by SET TARGET PORT GROUPS, or implicitly; 0: never."""


@dataclass(frozen=True)
class PortGroup:
    """Target ports with the same access to a unit: the group's identifier, the ports' relative identifiers, the state."""

    number: int
    ports: tuple[int, ...] = ()
    state: AsymmetricAccessState = State.ACTIVE_OPTIMIZED
    preferred: bool = False
    status_code: int = 0
    """STATUS CODE of REPORT TARGET PORT GROUPS: how the state was last changed."""

    def __post_init__(self) -> None:
        if not 0 <= self.number <= 0xFFFF:
            raise ConfigError(f"target port group {self.number}: 0 to 65535")
        if not all(0 < port <= 0xFFFF for port in self.ports) or len(self.ports) > 0xFF:
            raise ConfigError(f"target port group {self.number}: at most 255 ports, 1 to 65535 each")
        if self.state not in STATES:
            raise ConfigError(f"target port group {self.number} cannot be {self.state!r}")


class Grouped(Protocol):
    """A unit that has target port groups."""

    def access_changed(self, but: Nexus | None = None, /) -> None:
        """The groups or their states have changed; no unit attention for the nexus ``but``."""


class PortGroups:
    """The groups of any number of units, which may change at any time, from any thread.

    A port that is in no group is active. ConfigError for a port in two groups, or an identifier that two groups have.
    """

    def __init__(self, groups: Iterable[PortGroup] = ()) -> None:
        self._lock = Lock()
        self._units: WeakSet[Grouped] = WeakSet()
        self._groups: tuple[PortGroup, ...] = ()
        """Replaced as a whole."""
        self._by_port: dict[int, PortGroup] = {}
        for group in groups:
            self.add(group)

    def __iter__(self) -> Iterator[PortGroup]:
        return iter(self._groups)

    def of(self, port: int) -> PortGroup | None:
        """The group of a port."""
        return self._by_port.get(port)

    def active(self, port: int) -> bool:
        """Whether all commands that come through this port are carried out."""
        group = self._by_port.get(port)
        return group is None or group.state in ACTIVE

    def add(self, group: PortGroup) -> None:
        """Add a group."""
        with self._lock:
            self._replace((*self._groups, group))

    def remove(self, number: int) -> None:
        """Remove a group. KeyError if there is none of that number."""
        with self._lock:
            self._find(number)
            self._replace(tuple(each for each in self._groups if each.number != number))

    def change(self, number: int, **fields: Any) -> None:
        """Change the state, the ports or other fields of a group. KeyError if there is none of that number."""
        if "state" in fields:
            fields.setdefault("status_code", BY_ITSELF)
        self.changed({number: fields})

    def changed(
        self, groups: dict[int, dict[str, Any]], unit: Grouped | None = None, but: Nexus | None = None
    ) -> None:
        """Change several groups at once; ``but`` is the nexus that sent SET TARGET PORT GROUPS to ``unit``."""
        with self._lock:
            for number in groups:
                self._find(number)
            self._replace(
                tuple(replace(each, **groups.get(each.number, {})) for each in self._groups), unit, but
            )

    def _find(self, number: int) -> PortGroup:
        for each in self._groups:
            if each.number == number:
                return each
        raise KeyError(number)

    def _replace(
        self, groups: tuple[PortGroup, ...], unit: Grouped | None = None, but: Nexus | None = None
    ) -> None:
        """Replace the groups, and establish unit attentions. With the lock."""
        by_port = {port: each for each in groups for port in each.ports}
        if len(by_port) != sum(len(each.ports) for each in groups):
            raise ConfigError("a target port is in one group")
        if len({each.number for each in groups}) != len(groups):
            raise ConfigError("there is a target port group of that number")
        self._groups = tuple(sorted(groups, key=lambda each: each.number))
        self._by_port = by_port
        for each in list(self._units):
            each.access_changed(but if each is unit else None)

    def join(self, unit: Grouped) -> None:
        """Tell a unit of changes from now on."""
        with self._lock:
            self._units.add(unit)

    def leave(self, unit: Grouped) -> None:
        """Tell a unit of changes no longer."""
        with self._lock:
            self._units.discard(unit)

    def check(self, port: int, entry: SupportedCdb, cdb: bytes) -> None:
        """Raise Fault if a command that comes through this port is not carried out in its state."""
        group = self._by_port.get(port)
        if group is None or group.state in ACTIVE:
            return
        code, allowed = LIMITED[group.state]
        if entry.cdb not in allowed and cdb[1] & 0x1F not in ECHO.get(entry.cdb, ()):
            raise Fault(SenseKey.NOT_READY, code)
