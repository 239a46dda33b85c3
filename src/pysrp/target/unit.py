"""A logical unit: what every device type has in common (SAM-5, SPC-4, and SPC-2 for RESERVE and RELEASE).

:class:`LogicalUnit` holds what several nexuses share, behind one lock: unit attentions, the reservation,
mode pages, whether the medium may be removed and the unit is started. A device type is a subclass whose
methods, marked with :func:`~pysrp.target.unit_commands.command`, handle one kind of CDB each::

    class Printer(LogicalUnit):
        device_type = PeripheralDeviceType.PRINTER

        @command(Print, medium=True)
        def print(self, task, cdb):
            ...
            task.good()

A handler ends its task or starts work that will, or raises :class:`~pysrp.target.unit_commands.Fault`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import cache, partial
from typing import Any, ClassVar

from pysrp.errors import ReservationConflict, ScsiError
from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import (
    ModePage,
    ModePageControl,
    Opcode,
    PeripheralDeviceType,
    ReportingOptions,
    SelectReport,
    SenseKey,
    Status,
    VpdPage,
)
from pysrp.scsi.inquiry import (
    DeviceIdentification,
    ExtendedInquiryData,
    Inquiry,
    InquiryVersion,
    SupportedVpdPages,
    UnitSerialNumber,
    Vpd,
)
from pysrp.scsi.mode import (
    ControlPage,
    InformationalExceptionsPage,
    ModeParameters6,
    ModeParameters10,
)
from pysrp.scsi.params import (
    CommandDescriptor,
    CommandTimeouts,
    ReportLuns,
    SupportedCommand,
    SupportedCommands,
)
from pysrp.target.task import Nexus, Task
from pysrp.target.unit_commands import Command, CommandTable, Fault, Pointer, command, pointer
from pysrp.target.unit_identity import Identity, server_setup_id
from pysrp.target.unit_modes import ModePages, Page

__all__ = ["Attention", "LogicalUnit", "SenseCode"]


class SenseCode(IntEnum):
    """Additional sense codes used here, ``asc << 8 | ascq`` (SPC-5, annex F.2)."""

    NONE = 0x0000
    INITIALIZING_COMMAND_REQUIRED = 0x0402
    WRITE_ERROR = 0x0C00
    UNRECOVERED_READ_ERROR = 0x1100
    PARAMETER_LIST_LENGTH_ERROR = 0x1A00
    MISCOMPARE_DURING_VERIFY = 0x1D00
    INVALID_COMMAND_OPERATION_CODE = 0x2000
    LBA_OUT_OF_RANGE = 0x2100
    INVALID_FIELD_IN_CDB = 0x2400
    INVALID_FIELD_IN_PARAMETER_LIST = 0x2600
    WRITE_PROTECTED = 0x2700
    SOFTWARE_WRITE_PROTECTED = 0x2702
    SPACE_ALLOCATION_FAILED_WRITE_PROTECT = 0x2707
    SAVING_PARAMETERS_NOT_SUPPORTED = 0x3900
    MEDIUM_NOT_PRESENT = 0x3A00
    INTERNAL_TARGET_FAILURE = 0x4400
    MEDIUM_REMOVAL_PREVENTED = 0x5302


class Attention(IntEnum):
    """Unit attention conditions, ``asc << 8 | ascq`` (SPC-5, annex F.2)."""

    MEDIUM_MAY_HAVE_CHANGED = 0x2800
    POWER_ON_OR_RESET = 0x2900
    NEXUS_LOSS = 0x2907
    MODE_PARAMETERS_CHANGED = 0x2A01
    CAPACITY_CHANGED = 0x2A09
    COMMANDS_CLEARED = 0x2F00
    INQUIRY_DATA_CHANGED = 0x3F03
    REPORTED_LUNS_CHANGED = 0x3F0E


VERSION_DESCRIPTORS = [0x008B, 0x0955, 0x0463]
"""SAM-4, SRP revision 16a, SPC-4 (SPC-5, annex F.8). A device type adds its standard when it has all of that."""

_RESET = 0x29


class LogicalUnit:
    """One logical unit. Several engines may call it from several threads; it calls none of them.

    ``identity`` is what INQUIRY tells and may be replaced at any time (tell the nexuses with
    ``attention(0x3F, 0x03)``), ``removable`` its RMB bit, ``max_transfer`` the most bytes that one READ or
    WRITE moves (None: any number). Without an identity the unit has the ids of a device named ``name`` of the
    server where it is exported first, and without a name those of the LUN that it has there.
    """

    device_type: ClassVar[PeripheralDeviceType] = PeripheralDeviceType.UNKNOWN_OR_NO_DEVICE
    version_descriptors: ClassVar[list[int]] = VERSION_DESCRIPTORS
    commands: ClassVar[CommandTable]
    """What it supports."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.commands = CommandTable(cls)

    def __init__(
        self,
        name: str | None = None,
        *,
        identity: Identity | None = None,
        removable: bool = False,
        max_transfer: int | None = None,
        pages: Iterable[Page] = (),
    ) -> None:
        self.name = "disk" if name is None else name
        self._named = name is not None
        self._place: tuple[str, int | None] | None = None if identity else ("", None)
        self._identity = identity or Identity.named(self.name)
        self.removable = removable
        self.max_transfer = max_transfer
        self._lock = threading.Lock()
        self._nexuses: dict[Nexus, None] = {}
        self._pending: dict[Nexus, list[int]] = {}  # unit attentions, the next one first; no empty lists
        self._holder: Nexus | None = None
        self._preventing: set[Nexus] = set()
        self._not_ready: SenseCode | None = None
        self.descriptor_sense = False
        """Whether sense data is in descriptor format: D_SENSE of the control mode page."""
        self.modes = ModePages([*(Page(*one) for one in _common_pages()), *pages])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    # Who it is.

    @property
    def identity(self) -> Identity:
        """What INQUIRY tells."""
        return self._identity

    @identity.setter
    def identity(self, identity: Identity) -> None:
        self._identity, self._place = identity, None

    def exported(self, lun: int, server: str = "") -> None:
        """It is exported there. The first LUN and the first server go into the ids of a unit without an identity.

        ``server`` is what the server calls itself, empty while that is not known.
        """
        with self._lock:
            if self._place is None:
                return
            first, place = self._place
            self._place = first or server, lun if place is None else place
            name = self.name if self._named else f"{self.name}{self._place[1]}"
            self._identity = Identity.named(name, setup_id=server_setup_id(self._place[0]))

    # Nexuses and what is kept for each.

    def attach(self, nexus: Nexus) -> None:
        """A nexus can reach this unit from now on: attentions for all are for it too. May be repeated."""
        with self._lock:
            self._nexuses[nexus] = None

    def detach(self, nexus: Nexus) -> None:
        """It cannot any more: its reservation, attentions and wish to keep the medium are void."""
        with self._lock:
            self._nexuses.pop(nexus, None)
            self._pending.pop(nexus, None)
            self._preventing.discard(nexus)
            if self._holder is nexus:
                self._holder = None

    def nexuses(self) -> list[Nexus]:
        """Those attached now."""
        with self._lock:
            return list(self._nexuses)

    def attention(self, asc: int, ascq: int, nexus: Nexus | None = None) -> None:
        """Establish a unit attention for one attached nexus, or for all (SAM-5, 5.14).

        One that is pending already stays where it is. Resets (29h) come before the rest.
        """
        with self._lock:
            self._establish(asc << 8 | ascq, list(self._nexuses) if nexus is None else [nexus])

    def forget(self, nexus: Nexus, asc: int, ascq: int) -> bool:
        """Take a unit attention back; whether it was pending."""
        code = asc << 8 | ascq
        with self._lock:
            pending = code in self._pending.get(nexus, ())
            self._withdraw(nexus, code)
        return pending

    def attentions(self, nexus: Nexus) -> list[int]:
        """What is pending for a nexus, ``asc << 8 | ascq`` each, the next one first."""
        with self._lock:
            return list(self._pending.get(nexus, ()))

    def _establish(self, code: int, nexuses: Iterable[Nexus], but: Nexus | None = None) -> None:
        for nexus in nexuses:
            if nexus is but or nexus not in self._nexuses:
                continue
            pending = self._pending.setdefault(nexus, [])
            if code not in pending:
                # A new list: plain() and attentions() may be looking at the old one.
                self._pending[nexus] = sorted([*pending, code], key=lambda x: x >> 8 != _RESET)

    def _withdraw(self, nexus: Nexus, code: int) -> None:
        left = [x for x in self._pending.get(nexus, ()) if x != code]
        if left:
            self._pending[nexus] = left
        else:
            self._pending.pop(nexus, None)

    def reset(self) -> None:
        """Logical unit reset (SAM-5, 6.3.3): as after power on, and 29/00 for every nexus."""
        with self._lock:
            self._holder = None
            self._preventing.clear()
            self.modes.reset()
            self._modes_changed()
            if self._not_ready == SenseCode.INITIALIZING_COMMAND_REQUIRED:
                self._not_ready = None
            self._establish(Attention.POWER_ON_OR_RESET, self._nexuses)

    @property
    def reserved_by(self) -> Nexus | None:
        """Who holds the unit with RESERVE (SPC-2), if anybody does."""
        return self._holder

    def plain(self, nexus: Nexus) -> bool:
        """Whether a READ or WRITE of this nexus meets nothing special. Takes no lock."""
        return nexus not in self._pending and self._holder in (None, nexus) and self._not_ready is None

    # Commands.

    def execute(self, task: Task) -> None:
        """Carry out a command: end the task, or start work that will.

        Raises ReservationConflict, or what the task's own methods raise.
        """
        cdb = task.cdb
        found = self.commands.by_opcode.get(cdb[0])
        try:
            if type(found) is dict:
                action = cdb[1] & 0x1F if cdb[0] != Opcode.VARIABLE_LENGTH else cdb[8] << 8 | cdb[9]
                entry = found.get(action)
            else:
                entry = found  # type: ignore[assignment]
            if task.nexus in self._pending or self._holder is not None or self._not_ready is not None:
                self._admit(task, entry)
            if entry is None:
                if found is None:
                    raise Fault(
                        SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_COMMAND_OPERATION_CODE, ("cdb", 0, None)
                    )
                raise invalid(next(iter(found.values())).cdb, "service_action")  # type: ignore[union-attr]
            if len(cdb) < entry.cdb.SIZE:
                raise invalid(entry.cdb, "additional_cdb_length")
            bits = int.from_bytes(cdb, "little")
            if bits & entry.refused:
                raise _invalid_at(entry.first_refused(bits))
            entry.handler(self, task, entry.cdb(cdb))
        except Fault as fault:
            task.check(fault.data(self.descriptor_sense))

    def failed(self, task: Task, error: Exception) -> None:
        """Work for the task raised ``error``: end it with sense, HARDWARE ERROR for what is no Fault."""
        if isinstance(error, ScsiError):
            task.end(error.status, error.sense)
            return
        if not isinstance(error, Fault):
            error = Fault(SenseKey.HARDWARE_ERROR, SenseCode.INTERNAL_TARGET_FAILURE)
        task.check(error.data(self.descriptor_sense))

    def _admit(self, task: Task, entry: Command | None) -> None:
        """Raise what comes before the command itself, in the order of SAM-5, 5.3.3."""
        nexus = task.nexus
        with self._lock:
            pending = self._pending.get(nexus)
            if pending and (entry is None or entry.reports_attention):
                code = pending[0]
            else:
                code = 0
            if code >> 8 != _RESET and self._holder not in (None, nexus):
                conflicts = entry.conflicts if entry is not None else True
                if conflicts is True or (conflicts and conflicts(task.cdb)):
                    raise ReservationConflict("reserved by another nexus", status=Status.RESERVATION_CONFLICT)
            if code:
                self._withdraw(nexus, code)
                task.lost = partial(self.attention, code >> 8, code & 0xFF, nexus)
                raise Fault(SenseKey.UNIT_ATTENTION, code)
            if self._not_ready is not None and entry is not None and entry.medium:
                raise Fault(SenseKey.NOT_READY, self._not_ready)

    @command(cdbs.TestUnitReady, medium=True)
    def test_unit_ready(self, task: Task, cdb: cdbs.TestUnitReady) -> None:
        """TEST UNIT READY: what makes it not GOOD has been seen to."""
        task.good()

    @command(cdbs.RequestSense, reports_attention=False, conflicts=False)
    def request_sense(self, task: Task, cdb: cdbs.RequestSense) -> None:
        """REQUEST SENSE: a pending unit attention, or why the unit is not ready.

        An attention is cleared when it has arrived (SAM-5, 5.14; SPC-4, 6.39), not by a command that fails or
        has no room for it. The sense data of a command has gone with its status and is not kept.
        """
        lost = None
        with self._lock:
            pending = self._pending.get(task.nexus)
            if pending:
                code = pending[0]
                fault = Fault(SenseKey.UNIT_ATTENTION, code)
                self._withdraw(task.nexus, code)
                lost = partial(self.attention, code >> 8, code & 0xFF, task.nexus)
            elif self._not_ready is not None:
                fault = Fault(SenseKey.NOT_READY, self._not_ready)
            else:
                fault = Fault(SenseKey.NO_SENSE, SenseCode.NONE)
        task.reply(fault.data(bool(cdb.desc)), cdb.allocation_length, lost=lost)

    # INQUIRY.

    @command(cdbs.Inquiry, reports_attention=False, conflicts=False, refuses=["cmddt"])
    def inquiry(self, task: Task, cdb: cdbs.Inquiry) -> None:
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
            data.peripheral_device_type = self.device_type
        task.reply(bytes(data), cdb.allocation_length)

    def inquiry_data(self) -> Inquiry:
        """Standard INQUIRY data (SPC-4, 6.6.2)."""
        who = self.identity
        return Inquiry.build(
            peripheral_device_type=self.device_type,
            rmb=self.removable,
            version=InquiryVersion.SPC_4,
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
        }

    def extended_inquiry_data(self) -> ExtendedInquiryData:
        """VPD page 86h: the task attributes, and that a reset clears unit attentions of nobody else."""
        return ExtendedInquiryData.build(headsup=True, ordsup=True, simpsup=True)

    # Mode pages.

    def device_specific_parameter(self, task: Task) -> int:
        """The byte of that name in the mode parameter header; the device type knows."""
        return 0

    def block_descriptor(self, long: bool) -> bytes:
        """The mode parameter block descriptor: 8 bytes, or 16 where ``long`` is allowed, or none."""
        return b""

    def check_block_descriptor(self, descriptor: bytes, base: int) -> None:
        """Raise Fault if MODE SELECT's block descriptor, ``base`` bytes into the list, asks for a change."""
        raise _unfit(base)

    @command(cdbs.ModeSense6, cdbs.ModeSense10)
    def mode_sense(self, task: Task, cdb: Any) -> None:
        """MODE SENSE(6) and (10)."""
        ten = isinstance(cdb, cdbs.ModeSense10)
        if cdb.pc == ModePageControl.SAVED:
            raise Fault(
                SenseKey.ILLEGAL_REQUEST,
                SenseCode.SAVING_PARAMETERS_NOT_SUPPORTED,
                pointer(type(cdb).pc),
            )
        if cdb.subpage_code not in (0, 0xFF):
            raise invalid(type(cdb), "subpage_code")
        codes = [cdb.page_code] if cdb.page_code != ModePage.ALL_PAGES else self.modes.codes()
        with self._lock:
            pages = [self.modes.get(code) for code in codes]
            if None in pages:
                raise invalid(type(cdb), "page_code")
            values = b"".join(page.values(cdb.pc) for page in pages if page)
        fields: dict[str, Any] = {
            "device_specific_parameter": self.device_specific_parameter(task),
            "pages": values,
        }
        descriptor = b"" if cdb.dbd else self.block_descriptor(ten and bool(cdb.llbaa))
        if not ten:
            data: Any = ModeParameters6.build(block_descriptors=descriptor, **fields)
        elif len(descriptor) == 16:
            data = ModeParameters10.build(longlba=True, long_block_descriptors=descriptor, **fields)
        else:
            data = ModeParameters10.build(block_descriptors=descriptor, **fields)
        task.reply(bytes(data), cdb.allocation_length)

    @command(cdbs.ModeSelect6, cdbs.ModeSelect10, refuses=["rtd", "sp"])
    def mode_select(self, task: Task, cdb: Any) -> None:
        """MODE SELECT(6) and (10): all of the list, or nothing of it, and 2A/01 for the other nexuses."""
        length = cdb.parameter_list_length
        if not cdb.pf and length:
            raise invalid(type(cdb), "pf")
        data = bytes(task.fetch(length))
        if not length:
            task.good()
            return
        header = 8 if isinstance(cdb, cdbs.ModeSelect10) else 4
        if len(data) < min(length, header) or length < header:
            raise _short()
        medium_type, described = (data[2], 6) if header == 8 else (data[1], 3)
        if medium_type:
            raise _unfit(header // 4)
        extent = int.from_bytes(data[6:8], "big") if header == 8 else data[3]
        start = header + extent
        if start > len(data) or len(data) < length:
            raise _short()
        if extent:
            if extent != (16 if header == 8 and data[4] & 1 else 8):
                raise _unfit(described)
            self.check_block_descriptor(data[header:start], header)
        with self._lock:
            changed = False
            for page, values in self._selected(data, start):
                changed = changed or page.current[2:] != values[2:]
                page.current[2:] = values[2:]
            if changed:
                self._modes_changed()
                self._establish(Attention.MODE_PARAMETERS_CHANGED, self._nexuses, but=task.nexus)
        self.modes_selected(task)

    def _selected(self, data: bytes, at: int) -> list[tuple[Page, bytes]]:
        """The pages in a parameter list from byte ``at`` on, each of them acceptable."""
        found = []
        while at < len(data):
            if len(data) - at < 2:
                raise _short()
            page = self.modes.get(data[at] & 0x7F)  # with SPF set it is none of ours
            if page is None:
                raise _unfit(at, 6)
            if data[at + 1] != len(page.default) - 2:
                raise _unfit(at + 1)
            values = data[at : at + len(page.default)]
            if len(values) < len(page.default):
                raise _short()
            wrong = page.refused(values)
            if wrong:
                raise _unfit(at + wrong[0], wrong[1])
            found.append((page, values))
            at += len(values)
        return found

    def modes_selected(self, task: Task) -> None:
        """MODE SELECT has set the pages: end its task."""
        task.good()

    def _modes_changed(self) -> None:
        """Note what the current values of the mode pages say. Called with the lock held."""
        self.descriptor_sense = ControlPage(self.modes[ModePage.CONTROL].current).d_sense

    # Reservations (SPC-2, 7.21 and 7.17): the unit as a whole, for the nexus itself.

    @command(cdbs.Reserve6, refuses=["third_party", "extent_bit"])
    @command(cdbs.Reserve10, refuses=["third_party", "longid", "extent_bit"])
    def reserve(self, task: Task, cdb: Any) -> None:
        """RESERVE(6) and (10): another nexus' reservation has been seen to."""
        with self._lock:
            if self._holder not in (None, task.nexus):
                raise ReservationConflict("reserved by another nexus", status=Status.RESERVATION_CONFLICT)
            self._holder = task.nexus
        task.good()

    @command(cdbs.Release6, conflicts=False, refuses=["third_party", "extent_bit"])
    @command(cdbs.Release10, conflicts=False, refuses=["third_party", "longid", "extent_bit"])
    def release(self, task: Task, cdb: Any) -> None:
        """RELEASE(6) and (10): GOOD, and nothing else, for whoever does not hold the unit."""
        with self._lock:
            if self._holder is task.nexus:
                self._holder = None
        task.good()

    # Reports.

    @command(cdbs.ReportLuns, reports_attention=False, conflicts=False)
    def report_luns(self, task: Task, cdb: cdbs.ReportLuns) -> None:
        """REPORT LUNS, of a unit on its own: the LUN it was asked at. A target answers for all its units."""
        if cdb.select_report not in (SelectReport.ADDRESSABLE, SelectReport.WELL_KNOWN, SelectReport.ALL):
            raise invalid(cdbs.ReportLuns, "select_report")
        luns = [] if cdb.select_report == SelectReport.WELL_KNOWN else [task.lun]
        task.reply(bytes(ReportLuns.build(luns=luns)), cdb.allocation_length)

    @command(cdbs.ReportSupportedOperationCodes)
    def report_supported_operation_codes(self, task: Task, cdb: cdbs.ReportSupportedOperationCodes) -> None:
        """REPORT SUPPORTED OPERATION CODES, from the table of commands; timeouts are not given (0)."""
        timeouts = [CommandTimeouts.build()] if cdb.rctd else []
        option, opcode = cdb.reporting_options, cdb.requested_operation_code
        if option == ReportingOptions.ALL:
            descriptors = [_descriptor(entry, timeouts) for entry in self.commands]
            task.reply(bytes(SupportedCommands.build(commands=descriptors)), cdb.allocation_length)
            return
        if not isinstance(option, ReportingOptions):
            raise invalid(cdbs.ReportSupportedOperationCodes, "reporting_options")
        found = self.commands.by_opcode.get(opcode)
        if option == ReportingOptions.ONE_OPCODE and isinstance(found, dict):
            raise invalid(cdbs.ReportSupportedOperationCodes, "requested_operation_code")
        if option == ReportingOptions.ONE_OPCODE_AND_SERVICE_ACTION and isinstance(found, Command):
            raise invalid(cdbs.ReportSupportedOperationCodes, "requested_service_action")
        if isinstance(found, dict):
            found = found.get(cdb.requested_service_action)
        elif option != ReportingOptions.ONE_OPCODE and cdb.requested_service_action:
            found = None
        if found is None:
            data = SupportedCommand.build(support=1)
        else:
            data = SupportedCommand.build(
                support=3, ctdp=bool(timeouts), cdb_usage_data=found.usage, command_timeouts=timeouts
            )
        task.reply(bytes(data), cdb.allocation_length)


LogicalUnit.commands = CommandTable(LogicalUnit)


def invalid(cdb: type[cdbs.Cdb], name: str) -> Fault:
    """INVALID FIELD IN CDB, pointing to the field ``name``."""
    return _invalid_at(pointer(getattr(cdb, name)))


def _invalid_at(where: Pointer) -> Fault:
    return Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_FIELD_IN_CDB, where)


def _unfit(byte: int, bit: int | None = None) -> Fault:
    """INVALID FIELD IN PARAMETER LIST, pointing into the list."""
    return Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_FIELD_IN_PARAMETER_LIST, ("data", byte, bit))


def _short() -> Fault:
    """PARAMETER LIST LENGTH ERROR: it ends in the middle of something."""
    return Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.PARAMETER_LIST_LENGTH_ERROR)


def _descriptor(entry: Command, timeouts: list[CommandTimeouts]) -> CommandDescriptor:
    return CommandDescriptor.build(
        operation_code=entry.opcode,
        service_action=entry.action or 0,
        servactv=entry.action is not None,
        ctdp=bool(timeouts),
        cdb_length=entry.cdb.SIZE,
        command_timeouts=timeouts,
    )


@cache
def _common_pages() -> tuple[tuple[bytes, bytes | None], ...]:
    """Control and Informational Exceptions Control: each nexus has its task set, another's reset is told
    with TASK ABORTED, commands may be reordered, exceptions are not reported. What :class:`Page` is made of.
    """
    control = ControlPage.build(
        tst=1, gltsd=True, queue_algorithm_modifier=1, tas=True, busy_timeout_period=0xFFFF
    )
    return (
        (bytes(control), bytes(ControlPage.build(d_sense=True, swp=True))),
        (bytes(InformationalExceptionsPage.build(dexcpt=True)), None),
    )
