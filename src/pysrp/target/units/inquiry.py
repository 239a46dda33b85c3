"""INQUIRY: standard data and the VPD pages (SPC-4, 6.6 and 7.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import Association, VpdPage
from pysrp.scsi.inquiry import (
    Designator,
    DeviceIdentification,
    ExtendedInquiryData,
    Inquiry,
    InquiryVersion,
    ModePagePolicy,
    ModePagePolicyEntry,
    RelativeTargetPortDesignator,
    ScsiPort,
    ScsiPorts,
    SupportedVpdPages,
    TargetPortGroupDesignator,
    UnitSerialNumber,
    Vpd,
)
from pysrp.target.effects import Effect, Reply
from pysrp.target.task import Task
from pysrp.target.units.base import UnitBase
from pysrp.target.units.codes import invalid
from pysrp.target.units.commands import Conflict, command
from pysrp.target.units.identity import UnitIdentity, server_setup_id

__all__ = ["InquiryCommands"]

IMPLICIT, EXPLICIT = 1, 2
"""TPGS: implicit changes of state, and explicit ones by SET TARGET PORT GROUPS."""

VERSION_DESCRIPTORS = [0x008B, 0x0955, 0x0463]
"""SAM-4, SRP revision 16a, SPC-4 (SPC-5, annex F.8). A device type adds its standard if it has all that is mandatory there."""


class InquiryCommands(UnitBase):
    """INQUIRY, and the unit's identity."""

    version_descriptors: ClassVar[list[int]] = VERSION_DESCRIPTORS

    @property
    def identity(self) -> UnitIdentity:
        """The identity in the INQUIRY data; may be replaced."""
        return self._identity

    @identity.setter
    def identity(self, identity: UnitIdentity) -> None:
        self._identity, self._place = identity, None

    def exported(self, lun: int, server: str = "") -> None:
        """Tell the unit that it is exported at ``lun``. The ids of a unit without an identity are made of its first server, and
        of its first LUN if it has no name.

        ``server`` is the server's name, empty while it is not known.
        """
        with self._lock:
            if self._place is None:
                return
            first, place = self._place
            self._place = first or server, lun if place is None else place
            name = self.name if self._named else f"{self.name}{self._place[1]}"
            self._identity = UnitIdentity.named(name, setup_id=server_setup_id(self._place[0]))

    @command(cdbs.Inquiry, reports_attention=False, conflicts=Conflict.NEVER, refuses=["cmddt"])
    def inquiry(self, task: Task, cdb: cdbs.Inquiry) -> Effect:
        """INQUIRY: standard data, or a VPD page."""
        if not cdb.evpd:
            if cdb.page_code:
                raise invalid(cdbs.Inquiry, "page_code")
            data: Any = self.inquiry_data()
        else:
            page = self.vpd_pages().get(cdb.page_code)
            if page is None:
                raise invalid(cdbs.Inquiry, "page_code")
            data = page()
            if isinstance(data, DeviceIdentification):
                data = self._seen_through(task.nexus.relative_port, data)
            elif isinstance(data, ScsiPorts):
                data = self._ports(task.nexus.relative_port)
            data.peripheral_device_type = self.device_type
        return Reply(bytes(data), cdb.allocation_length)

    def _seen_through(self, port: int, page: DeviceIdentification) -> DeviceIdentification:
        """VPD page 83h with the designators of this target port and its group."""
        found: list[Designator] = []
        for one in page.designators:
            found += self._of_port(port) if isinstance(one, RelativeTargetPortDesignator) else [one]
        return DeviceIdentification.build(designators=found)

    def _ports(self, port: int) -> ScsiPorts:
        """VPD page 88h: the target port that the command came through, and those in the target port groups."""
        ports = {port}.union(*(each.ports for each in self._port_groups or ()))
        return ScsiPorts.build(
            ports=[
                ScsiPort.build(relative_port_identifier=each, target_port_descriptors=self._of_port(each))
                for each in sorted(ports)
            ]
        )

    def _of_port(self, port: int) -> list[Designator]:
        """The designators of a target port: its relative identifier, and its group, if it is in one."""
        found: list[Designator] = [
            RelativeTargetPortDesignator.build(
                association=Association.TARGET_PORT, relative_target_port_identifier=port
            )
        ]
        group = None if self._port_groups is None else self._port_groups.of(port)
        if group is not None:
            found.append(
                TargetPortGroupDesignator.build(
                    association=Association.TARGET_PORT, target_port_group=group.number
                )
            )
        return found

    def inquiry_data(self) -> Inquiry:
        """Standard INQUIRY data (SPC-4, 6.6.2)."""
        who = self.identity
        return Inquiry.build(
            peripheral_device_type=self.device_type,
            rmb=self.removable,
            version=InquiryVersion.SPC_4,
            tpgs=0 if self._port_groups is None else IMPLICIT | EXPLICIT,
            multip=sum(len(each.ports) for each in self._port_groups or ()) > 1,
            cmdque=True,
            vendor=who.vendor,
            product=who.product,
            revision=who.revision,
            version_descriptors=[*self.version_descriptors, *[0] * (8 - len(self.version_descriptors))],
            **who.inquiry_tail,
        )

    def vpd_pages(self) -> dict[int, Callable[[], Vpd]]:
        """VPD pages by page code. Device types add theirs."""
        return {
            VpdPage.SUPPORTED_VPD_PAGES: lambda: SupportedVpdPages.build(pages=sorted(self.vpd_pages())),
            VpdPage.UNIT_SERIAL_NUMBER: lambda: UnitSerialNumber.build(serial=self.identity.serial),
            VpdPage.DEVICE_IDENTIFICATION: lambda: DeviceIdentification.build(
                designators=self.identity.designators()
            ),
            VpdPage.EXTENDED_INQUIRY_DATA: self.extended_inquiry_data,
            VpdPage.MODE_PAGE_POLICY: mode_page_policy,
            VpdPage.SCSI_PORTS: ScsiPorts.build,
        }

    def extended_inquiry_data(self) -> ExtendedInquiryData:
        """VPD page 86h: the supported task attributes. LUICLR is 0: what one unit has reported stays pending in the others."""
        return ExtendedInquiryData.build(headsup=True, ordsup=True, simpsup=True)


def mode_page_policy() -> ModePagePolicy:
    """VPD page 87h: all nexuses of a unit share every page and subpage (SPC-5, 7.7.9)."""
    every = ModePagePolicyEntry.build(policy_page_code=0x3F, policy_subpage_code=0xFF)
    return ModePagePolicy.build(descriptors=[every])
