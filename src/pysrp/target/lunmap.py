"""Which logical units a target exports, and at which LUN, in SCST's numbering (scst_lib.c)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pysrp.errors import ConfigError, DecodeError
from pysrp.lun import AddressMethod, Lun, scst_pack, scst_unpack
from pysrp.scsi import cdb, params
from pysrp.scsi.codes import SelectReport
from pysrp.scsi.inquiry import Inquiry
from pysrp.scsi.sense import sense
from pysrp.target.effects import Effect, Reply, check
from pysrp.target.task import (
    INVALID_FIELD_IN_CDB,
    LOGICAL_UNIT_NOT_SUPPORTED,
    Nexus,
    Task,
    Unit,
)

__all__ = ["Export", "LunMap"]

log: logging.Logger = logging.getLogger("pysrp.target")

LINUX_BUSES = 4
"""Buses that ibmvscsi scans (its ``max_channel`` is 3)."""

REPORTED_LUNS_DATA_HAS_CHANGED = 0x3F, 0x0E
INQUIRY_DATA_HAS_CHANGED = 0x3F, 0x03
HIGHEST = 0x3FFF

REPORTS = SelectReport.ADDRESSABLE, SelectReport.WELL_KNOWN, SelectReport.ALL

ABSENT = bytes(
    Inquiry.build(
        peripheral_qualifier=3,
        peripheral_device_type=0x1F,
        version=6,
        additional_length=31,
        vendor="IBM",
    )
)
"""Standard INQUIRY data of a LUN without a unit, 36 bytes."""


@dataclass(frozen=True, slots=True)
class Export:
    """A unit at a LUN. ``lun`` is SCST's number, 0 to 16383."""

    lun: int
    unit: Unit
    read_only: bool = False


class LunMap:
    """SCST's LUN numbers (14 bits) and the units behind them, for any number of sessions at once.

    ::

        luns = LunMap()                      # addressing method LUN, as ibmvstgt's default
        luns.add(256, disk)                  # 3F/0E to every session: REPORTED LUNS DATA HAS CHANGED
        luns.replace(256, other)             # 3F/03 as well: INQUIRY DATA HAS CHANGED
        luns.remove(256)

    In an IU the number is eight bytes: ``pysrp.lun.scst_pack(256, luns.method)``.

    May be changed at any time from any thread. Tasks of a unit that is removed run to their end
    (:meth:`pysrp.target.serve.Server.drain` waits for them). Iterating gives :class:`Export` in order.
    """

    def __init__(
        self, units: Iterable[tuple[int, Unit]] = (), *, method: AddressMethod | int | str = AddressMethod.LUN
    ) -> None:
        self._lock = threading.Lock()
        self.exports: dict[int, Export] = {}
        """The current map, by LUN. Never modified: a change replaces the whole dictionary."""
        self._draft: dict[int, Export] | None = None
        """Within :meth:`together`, the map to come."""
        self._together = 0
        self._places: dict[int, set[int]] = {}
        """Each unit's LUNs, by the ``id()`` of the unit, which an export keeps alive."""
        self._serials: dict[str, int] = {}
        """By serial number, the ``id()`` of the unit that was exported with it last."""
        self._server = ""
        self._clock: Callable[[], float] | None = None
        self._nexuses: set[Nexus] = set()
        self.method = method
        with self.together():
            for lun, unit in units:
                self.add(lun, unit)

    @property
    def method(self) -> AddressMethod:
        """How REPORT LUNS writes the numbers: PERIPHERAL, FLAT or LUN. Commands may use all three."""
        return self._method

    @method.setter
    def method(self, value: AddressMethod | int | str) -> None:
        scst_pack(0, value)
        self._method = (
            AddressMethod[value.strip().upper()] if isinstance(value, str) else AddressMethod(value)
        )

    @property
    def _now(self) -> dict[int, Export]:
        draft = self._draft  # once: another thread may publish it
        return self.exports if draft is None else draft

    def __len__(self) -> int:
        return len(self._now)

    def __iter__(self) -> Iterator[Export]:
        exports = dict(self._now)  # another thread may be drafting
        return iter([exports[lun] for lun in sorted(exports)])

    def __contains__(self, lun: int) -> bool:
        return lun in self._now

    def __getitem__(self, lun: int) -> Export:
        return self._now[lun]

    def get(self, lun: int) -> Export | None:
        """The export at a LUN, or None: in one step, as another thread may change the map."""
        return self._now.get(lun)

    def places(self, unit: Unit) -> list[int]:
        """The LUNs of a unit, in order."""
        return sorted(self._places.get(id(unit), ()))

    # Changing it.

    @contextmanager
    def together(self) -> Iterator[None]:
        """A context that collects :meth:`add` calls: sessions see them, and get one unit attention, when it ends. So adding
        thousands of LUNs takes linear time.

        Any other change to the map within takes effect at once, together with the LUNs added so far.
        """
        with self._lock:
            self._together += 1
        try:
            yield
        finally:
            with self._lock:
                self._together -= 1
                self._publish()

    def add(self, lun: int, unit: Unit, *, read_only: bool = False) -> None:
        """Export ``unit`` at ``lun``. ConfigError when the number is taken or not in 0..16383."""
        with self._lock:
            if lun in self._now:
                raise ConfigError(f"LUN {lun} is in use")
            self._put(Export(lun, unit, read_only))
            if not self._together:
                self._publish()

    def replace(self, lun: int, unit: Unit, *, read_only: bool = False, attention: bool = True) -> None:
        """Export ``unit`` in place of the present one, or :meth:`add` it. ``attention``: establish unit attentions."""
        with self._lock:
            self._publish()
            old = self.exports.get(lun)
            self._put(Export(lun, unit, read_only))
            self._publish(tell=attention and old is None)
            if old is not None and not self._places.get(id(old.unit)):
                self._detach([old.unit])
            if old is not None and attention:
                for nexus in self._nexuses:
                    if self.sees(nexus, unit):
                        unit.attention(*INQUIRY_DATA_HAS_CHANGED, nexus)

    def remove(self, lun: int) -> None:
        """Remove a LUN. ConfigError if it is not exported."""
        with self._lock:
            if lun not in self._now:
                raise ConfigError(f"LUN {lun} is not in use")
            self._drop({lun})

    def clear(self) -> None:
        """Remove all LUNs; one unit attention."""
        with self._lock:
            self._drop(set(self._now))

    def withdraw(self, unit: Unit) -> None:
        """Remove all LUNs of one unit; one unit attention."""
        with self._lock:
            self._drop(set(self._places.get(id(unit), ())))

    def _put(self, export: Export) -> None:
        """Put an export into the draft; :meth:`_publish` makes the draft the map."""
        if not 0 <= export.lun <= HIGHEST:
            raise ConfigError(f"LUN {export.lun} is not in 0..{HIGHEST}")
        if export.lun >> 5 & 7 >= LINUX_BUSES:
            log.warning(
                "LUN %d is on bus %d: Linux's ibmvscsi looks at buses 0 to 3", export.lun, export.lun >> 5 & 7
            )
        if self._draft is None:
            self._draft = dict(self.exports)
        if old := self._draft.get(export.lun):
            self._forget(old)
        self._draft[export.lun] = export
        self._places.setdefault(id(export.unit), set()).add(export.lun)
        self._name(export)
        for nexus in self._nexuses:
            self._show(nexus, export)

    def served(self, server: str, clock: Callable[[], float] | None = None) -> None:
        """Tell the map the name of a server that serves it. The first such name goes into the ids of units without identity.

        ``clock`` returns seconds since 1970 (UTC), for the units' timestamps.
        """
        with self._lock:
            if not self._server:
                self._server, self._clock = server, clock
                self._serials.clear()
                for _, export in sorted(self._now.items()):
                    self._name(export)

    def _name(self, export: Export) -> None:
        """Tell a unit its LUN and server; warn in the log if another unit has the same serial number."""
        unit: Any = export.unit
        if hasattr(unit, "exported"):
            unit.exported(export.lun, self._server)
        if self._clock is not None and getattr(unit, "clock", self._clock) is None:
            unit.clock = self._clock
        serial = _serial(unit)
        if serial is None:
            return
        before = self._serials.get(serial)
        self._serials[serial] = id(unit)
        if before is None or before == id(unit) or before not in self._places:
            return
        other = self._now[min(self._places[before])].unit
        if _serial(other) == serial:
            log.warning(
                "LUN %d: %r has the serial number of %r, %s: initiators may take the two for one disk",
                export.lun,
                unit,
                other,
                serial,
            )

    def _publish(self, tell: bool = True) -> None:
        if self._draft is not None:
            self.exports, self._draft = self._draft, None
            if tell:
                self._changed()

    def _drop(self, luns: set[int]) -> None:
        self._publish()
        gone = [self.exports[lun] for lun in luns]
        self.exports = {lun: export for lun, export in self.exports.items() if lun not in luns}
        for export in gone:
            self._forget(export)
        self._detach([export.unit for export in gone if id(export.unit) not in self._places])
        if gone:
            self._changed()

    def _forget(self, export: Export) -> None:
        unit: Any = export.unit
        if hasattr(unit, "revoke"):
            unit.revoke(export.lun)
        places = self._places[id(export.unit)]
        places.discard(export.lun)
        if not places:
            del self._places[id(export.unit)]
            serial = _serial(export.unit)
            if serial is not None and self._serials.get(serial) == id(export.unit):
                del self._serials[serial]

    def _detach(self, units: list[Unit]) -> None:
        for unit in units:
            for nexus in self._nexuses:
                unit.detach(nexus)

    def _changed(self) -> None:
        for nexus in self._nexuses:
            for export in self.visible(nexus):
                export.unit.attention(*REPORTED_LUNS_DATA_HAS_CHANGED, nexus)

    # Sessions.

    def bind(self, nexus: Nexus) -> None:
        """A session begins, or another largest transfer was announced to it, which changes the units that it sees."""
        with self._lock:
            self._nexuses.add(nexus)
            for export in self._now.values():
                self._show(nexus, export)

    def _show(self, nexus: Nexus, export: Export) -> None:
        """Let a session reach a unit, or log why it cannot."""
        if self.sees(nexus, export.unit):
            export.unit.attach(nexus)
            return
        export.unit.detach(nexus)
        log.warning(
            "LUN %d is hidden from %s: %r moves %s bytes at once, and %d were promised",
            export.lun,
            nexus.name,
            export.unit,
            export.unit.max_transfer,
            nexus.max_transfer,
        )

    def unbind(self, nexus: Nexus) -> None:
        """A session has ended."""
        with self._lock:
            self._nexuses.discard(nexus)
            for export in self._now.values():
                export.unit.detach(nexus)

    def nexuses(self) -> list[Nexus]:
        """The nexuses that are bound."""
        with self._lock:
            return list(self._nexuses)

    @staticmethod
    def sees(nexus: Nexus, unit: Unit) -> bool:
        """Whether the unit can move as many bytes at once as were announced to the initiator (LoPAR: other units are hidden)."""
        return not nexus.announced or unit.max_transfer is None or unit.max_transfer >= nexus.max_transfer

    def visible(self, nexus: Nexus) -> list[Export]:
        """The exports that one session sees, by LUN."""
        exports = self.exports
        return [exports[lun] for lun in sorted(exports) if self.sees(nexus, exports[lun].unit)]

    def find(self, nexus: Nexus, lun: Lun | bytes) -> Export | None:
        """The export at the LUN in eight bytes of a command, in any of SCST's three methods; None if there is none."""
        try:
            export = self.exports.get(scst_unpack(lun))
        except DecodeError:
            return None
        return export if export is not None and self.sees(nexus, export.unit) else None

    # Commands that need no unit.

    def report_luns(self, task: Task, per_target: bool = False) -> Effect:
        """Answer REPORT LUNS (SPC-5, 6.33), which SCST does at any LUN.

        ``per_target`` is for SLOF, which asks LUN 0 of every bus and target and does not understand the
        logical unit method: the LUNs of the bus and target that were addressed, in the peripheral method.
        """
        wanted = cdb.ReportLuns(task.cdb)
        # SPC-2 refuses less than 16 bytes, and so do devices since; later editions leave it open.
        if wanted.select_report not in REPORTS or wanted.allocation_length < 16:
            return check(INVALID_FIELD_IN_CDB)
        # Unit attentions are cleared before the map is read: a change in between is reported again, and none is lost.
        told = [
            export.unit
            for export in self.visible(task.nexus)
            if export.unit.forget(task.nexus, *REPORTED_LUNS_DATA_HAS_CHANGED)
        ]
        exports = self.visible(task.nexus)
        if wanted.select_report == SelectReport.WELL_KNOWN:
            found = []
        elif per_target:
            try:
                here = scst_unpack(task.lun) >> 5
            except DecodeError:
                here = -1
            found = [Lun.multi_level(export.lun & 31) for export in exports if export.lun >> 5 == here]
        else:
            found = [scst_pack(export.lun, self._method) for export in exports]

        def lost() -> None:
            for unit in told:
                unit.attention(*REPORTED_LUNS_DATA_HAS_CHANGED, task.nexus)

        return Reply(bytes(params.ReportLuns.build(luns=found)), wanted.allocation_length, lost=lost)

    @staticmethod
    def absent(task: Task) -> Effect:
        """Answer a command to a LUN without a unit (SPC-5, 4.2.5.5 and 6.5.2)."""
        match cdb.parse_cdb(task.cdb):
            case cdb.Inquiry() as inquiry:
                if inquiry.evpd or inquiry.page_code:
                    return check(INVALID_FIELD_IN_CDB)
                return Reply(ABSENT, inquiry.allocation_length)
            case cdb.RequestSense() as request:
                data = sense(5, 0x25, fmt="descriptor" if request.desc else "fixed")
                return Reply(bytes(data), request.allocation_length)
        return check(LOGICAL_UNIT_NOT_SUPPORTED)


def _serial(unit: Any) -> str | None:
    """The serial number of a unit, None where it has none."""
    found: str | None = getattr(getattr(unit, "identity", None), "serial", None)
    return found
