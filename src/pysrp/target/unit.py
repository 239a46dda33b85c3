"""A logical unit: what every device type has in common (SAM-5, SPC-4, and SPC-2 for RESERVE and RELEASE).

:class:`LogicalUnit` is put together from the parts in :mod:`pysrp.target.units`: the state that several nexuses share,
behind one lock (unit attentions, reservations, mode pages, the job, whether the unit is started), and the commands of
every unit. A device type is a subclass whose methods, marked with :func:`~pysrp.target.units.commands.command`, handle one
kind of CDB each::

    class Printer(LogicalUnit):
        device_type = PeripheralDeviceType.PRINTER

        @command(Print, medium=True)
        def print(self, task, cdb):
            ...
            return GOOD

A handler returns an effect or is a generator of them (:mod:`.effects`), or raises :class:`~pysrp.target.fault.Fault`.
"""

from __future__ import annotations

from pysrp.target.units.codes import Attention, SenseCode, invalid
from pysrp.target.units.commands import command
from pysrp.target.units.information import InformationCommands
from pysrp.target.units.inquiry import InquiryCommands
from pysrp.target.units.modes import ModeCommands
from pysrp.target.units.persistent_commands import PersistentCommands
from pysrp.target.units.port_group_commands import PortGroupCommands
from pysrp.target.units.readiness import ReadinessCommands
from pysrp.target.units.reports import ReportCommands
from pysrp.target.units.reserving import ReservationCommands
from pysrp.target.units.timestamps import TimestampCommands

__all__ = ["Attention", "LogicalUnit", "SenseCode", "command", "invalid"]


class LogicalUnit(
    ReadinessCommands,
    InquiryCommands,
    ModeCommands,
    ReservationCommands,
    PersistentCommands,
    ReportCommands,
    TimestampCommands,
    InformationCommands,
    PortGroupCommands,
):
    """One logical unit. Several sessions may call it from several threads; it calls none of them.

    ``identity`` is the unit's INQUIRY data and may be replaced at any time (then call ``attention(0x3F, 0x03)``),
    ``removable`` its RMB bit, ``max_transfer`` the most bytes that one READ or WRITE moves (None: any number), ``pages`` its
    mode pages beside those of every unit. Without an identity the unit's ids are made of ``name`` and of the first server
    that exports it; without a name, of its LUN there. ``reservations`` keeps persistent reservations
    (:class:`~pysrp.target.units.persistent.ReservationStore`); without it they end with the unit. ``saved`` keeps the other
    state that survives a power loss (:class:`~pysrp.target.units.saved.SavedStore`); without it there is no such state.

    The other methods that a subclass may replace are in the parts: ``inquiry_data``, ``vpd_pages``, ``block_descriptor``,
    ``device_specific_parameter``, ``modes_selected``, ``failed``, every handler.
    """
