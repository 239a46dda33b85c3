"""REPORT TARGET PORT GROUPS and SET TARGET PORT GROUPS (SPC-5, 6.36 and 6.46)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.params import (
    ReportTargetPortGroups,
    ReportTargetPortGroupsExtended,
    SetTargetPortGroup,
    SetTargetPortGroups,
    TargetPort,
    TargetPortGroup,
)
from pysrp.target.effects import GOOD, Effect, Fetch, Reply
from pysrp.target.task import Nexus, Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import Attention, invalid, short, unfit
from pysrp.target.units.commands import Conflict, command
from pysrp.target.units.port_groups import BY_COMMAND, SETTABLE, PortGroup, PortGroups

__all__ = ["PortGroupCommands"]

EXTENDED = 1
"""PARAMETER DATA FORMAT, beside 0 (length only header)."""


class PortGroupCommands(UnitBase):
    """REPORT and SET TARGET PORT GROUPS, of units with such groups; without, TPGS is 0 and the commands are not supported."""

    @property
    def port_groups(self) -> PortGroups | None:
        """Its target port groups; None: all ports are equal. May be set at any time, with 3F/03 for every nexus."""
        return self._port_groups

    @port_groups.setter
    def port_groups(self, groups: PortGroups | None) -> None:
        before = self._port_groups
        if before is not None:
            before.leave(self)
        if groups is not None:
            groups.join(self)
        with self._changing():
            self._port_groups = groups
            self._establish(Attention.INQUIRY_DATA_CHANGED, self._nexuses)

    def access_changed(self, but: Nexus | None = None) -> None:
        """Its groups or their states have changed: 2A/06 for each nexus, except ``but``, which sent the command."""
        with self._changing():
            self._establish(Attention.ACCESS_STATE_CHANGED, self._nexuses, but=but)

    @command(cdbs.ReportTargetPortGroups, conflicts=Conflict.NEVER, when="port_groups")
    def report_target_port_groups(self, task: Task, cdb: cdbs.ReportTargetPortGroups) -> Effect:
        """REPORT TARGET PORT GROUPS, with the short header or the extended one, whose IMPLICIT TRANSITION TIME is 0."""
        if cdb.parameter_data_format > EXTENDED:
            raise invalid(cdbs.ReportTargetPortGroups, "parameter_data_format")
        groups = [_descriptor(each) for each in self._port_groups or ()]
        if cdb.parameter_data_format == EXTENDED:
            data: Any = ReportTargetPortGroupsExtended.build(groups=groups)
        else:
            data = ReportTargetPortGroups.build(groups=groups)
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.SetTargetPortGroups, when="port_groups")
    def set_target_port_groups(
        self, task: Task, cdb: cdbs.SetTargetPortGroups
    ) -> Generator[Effect, Any, Effect]:
        """SET TARGET PORT GROUPS: applies the whole list or nothing, and then ends GOOD."""
        length = cdb.parameter_list_length
        if not length:
            return GOOD
        data = bytes((yield Fetch(length)))
        head, each = SetTargetPortGroups.SIZE, SetTargetPortGroup.SIZE
        if len(data) < length or length < head or (length - head) % each:
            raise short()
        groups = self._port_groups or PortGroups()
        there = {group.number for group in groups}
        wanted: dict[int, dict[str, Any]] = {}
        for at in range(head, length, each):
            one = SetTargetPortGroup(data[at : at + each])
            if one.asymmetric_access_state not in SETTABLE:
                raise unfit(at, 3)
            if one.target_port_group not in there or one.target_port_group in wanted:
                raise unfit(at + 2)
            wanted[one.target_port_group] = {"state": one.asymmetric_access_state, "status_code": BY_COMMAND}
        if wanted:
            groups.changed(wanted, self, task.nexus)
        return GOOD


def _descriptor(group: PortGroup) -> TargetPortGroup:
    return TargetPortGroup.build(
        pref=group.preferred,
        asymmetric_access_state=group.state,
        t_sup=True,
        o_sup=True,
        u_sup=True,
        s_sup=True,
        an_sup=True,
        ao_sup=True,
        target_port_group=group.number,
        status_code=group.status_code,
        target_ports=[TargetPort.build(relative_target_port_identifier=port) for port in group.ports],
    )
