"""EXTENDED COPY(LID1) and RECEIVE COPY RESULTS (SPC-4, 5.17, 6.5, 6.22, 6.23 and 6.25): blocks from one unit to another.

A disk copies between the disks that the initiator sees at the same target, itself included, and may do there only what the
initiator may: reservations, write protection and jobs of each unit count as for READs and WRITEs of the initiator itself.
Unit attentions are not reported by the copy: they are for the initiator's own commands.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any

from pysrp.errors import ScsiError
from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import (
    Association,
    Opcode,
    SenseKey,
    ThirdPartyCopyInAction,
    ThirdPartyCopyOutAction,
    VpdPage,
)
from pysrp.scsi.inquiry import CopyDescriptor, Inquiry, ThirdPartyCopy, Vpd
from pysrp.scsi.params import (
    BlockToBlock,
    CopyFailureDetails,
    CopyList,
    CopyOperatingParameters,
    CopySegment,
    CopyStatus,
    IdentificationCscd,
)
from pysrp.target.effects import GOOD, Effect, Fetch, NextTurn, Read, Reply, Write
from pysrp.target.fault import Fault, Pointer
from pysrp.target.task import Nexus, Task
from pysrp.target.units.blocks import READING, BlockUnit
from pysrp.target.units.codes import SenseCode, invalid, short, unfit
from pysrp.target.units.commands import LONG, command, pointer

__all__ = ["CopyCommands"]

MAX_CSCDS = 16
MAX_SEGMENTS = 64
MAX_LIST = MAX_CSCDS * IdentificationCscd.SIZE + MAX_SEGMENTS * BlockToBlock.SIZE
"""Bytes of all descriptors of a parameter list."""
MAX_SEGMENT = 0xFFFF * 4096
"""Bytes of one segment: the most that its field can express."""
COPIES, IDENTIFIED = 0xFFFF, 0xFF
"""Concurrent copies, and those with a list identifier, of which one initiator has no more."""
GRANULARITY = 9
"""Exponent of the smallest piece that can be copied: a block of 512 bytes."""

LARGEST = 1 << 17
"""Bytes of the longest parameter list that is fetched, to tell which limit its descriptors exceed."""

CHUNK = 1 << 20
"""Bytes that are read and then written before other commands have their turn."""

HOLD, NO_IDENTIFIER = 0b00, 0b11
RESERVED_USAGE = 0b01
"""LIST ID USAGE (SPC-4, 6.4.3.2); the fourth value, 10b: no result is held."""

IMPLEMENTED = bytes((0x02, 0xE4))
"""Descriptor types: block to block, identification."""

OUT, IN = int(Opcode.THIRD_PARTY_COPY_OUT), int(Opcode.THIRD_PARTY_COPY_IN)
COMMANDS: dict[int, list[int]] = {
    OUT: [ThirdPartyCopyOutAction.EXTENDED_COPY_LID1],
    IN: [
        ThirdPartyCopyInAction.RECEIVE_COPY_STATUS_LID1,
        ThirdPartyCopyInAction.RECEIVE_COPY_OPERATING_PARAMETERS,
        ThirdPartyCopyInAction.RECEIVE_COPY_FAILURE_DETAILS_LID1,
    ],
}


class CopyState(IntEnum):
    """COPY COMMAND STATUS (SPC-4, 6.25)."""

    IN_PROGRESS = 0
    COMPLETED = 1
    FAILED = 2


@dataclass(slots=True)
class CopyProgress:
    """The progress of one EXTENDED COPY, and its result."""

    state: CopyState = CopyState.IN_PROGRESS
    segments: int = 0
    moved: int = 0
    """Bytes written."""
    status: int = 0
    sense: bytes = b""
    told: bool = False
    """Whether RECEIVE COPY STATUS has reported its end, which it does once."""


class CopyCommands(BlockUnit):
    """EXTENDED COPY(LID1), RECEIVE COPY STATUS(LID1), FAILURE DETAILS(LID1) and OPERATING PARAMETERS."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._copies: dict[Nexus, dict[int, CopyProgress]] = {}
        """By nexus and list identifier: copies that are under way, and held results."""

    def _left(self, nexus: Nexus) -> None:
        super()._left(nexus)
        self._copies.pop(nexus, None)

    def _was_reset(self) -> None:
        super()._was_reset()
        self._copies.clear()

    def inquiry_data(self) -> Inquiry:
        """Standard INQUIRY data with 3PC."""
        data = super().inquiry_data()
        data.third_party_copy = True
        return data

    def vpd_pages(self) -> dict[int, Callable[[], Vpd]]:
        """The VPD pages, with Third-party Copy."""
        return {**super().vpd_pages(), VpdPage.THIRD_PARTY_COPY: third_party_copy}

    @command(cdbs.ExtendedCopyLid1, timeout=LONG)
    def extended_copy(self, task: Task, cdb: cdbs.ExtendedCopyLid1) -> Generator[Effect, Any, Effect]:
        """EXTENDED COPY(LID1): the whole list is checked before anything is copied; it ends GOOD when all is copied."""
        length = cdb.parameter_list_length
        if length > LARGEST:
            raise invalid(cdbs.ExtendedCopyLid1, "parameter_list_length")
        data = bytes((yield Fetch(length)))
        if not length:
            return GOOD
        if len(data) < max(length, CopyList.SIZE):
            raise short()
        header = CopyList(data)
        cscds, segments = parsed(data)
        copy = self._copy_begins(task.nexus, header)
        try:
            for number, segment in enumerate(segments):
                yield from self._copy_segment(task, copy, number, segment, cscds)
                copy.segments += 1
            copy.state = CopyState.COMPLETED
        except Fault as fault:
            copy.status, copy.sense = 2, fault.data(self.descriptor_sense)
            raise
        finally:
            if copy.state == CopyState.IN_PROGRESS:
                copy.state = CopyState.FAILED
            self._copy_ends(task.nexus, header, copy)
        return GOOD

    # Held results.

    def _copy_begins(self, nexus: Nexus, header: CopyList) -> CopyProgress:
        copy, usage, name = CopyProgress(), header.list_id_usage, header.list_identifier
        if usage == RESERVED_USAGE:
            raise unfit(1, 4)
        if usage == NO_IDENTIFIER:
            if name:
                raise unfit(0)
            return copy
        with self._lock:
            if nexus not in self._nexuses:
                return copy
            held = self._copies.setdefault(nexus, {})
            if name in held and held[name].state == CopyState.IN_PROGRESS:
                raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.OPERATION_IN_PROGRESS_ALREADY)
            held[name] = copy
        return copy

    def _copy_ends(self, nexus: Nexus, header: CopyList, copy: CopyProgress) -> None:
        with self._lock:
            held = self._copies.get(nexus, {})
            if header.list_id_usage != HOLD and held.get(header.list_identifier) is copy:
                del held[header.list_identifier]

    def _held(self, task: Task, cdb: Any) -> CopyProgress:
        with self._lock:
            found = self._copies.get(task.nexus, {}).get(cdb.list_identifier)
        if found is None:
            raise invalid(type(cdb), "list_identifier")
        return found

    @command(cdbs.ReceiveCopyStatusLid1)
    def receive_copy_status(self, task: Task, cdb: cdbs.ReceiveCopyStatusLid1) -> Effect:
        """RECEIVE COPY STATUS(LID1), also of a copy under way. TRANSFER COUNT is in KiB if 32 bits cannot count the bytes.

        The end is reported once; then the list identifier is invalid for this command (SPC-4, 6.25).
        """
        found = self._held(task, cdb)
        with self._lock:
            if found.told:
                raise invalid(cdbs.ReceiveCopyStatusLid1, "list_identifier")
            found.told = found.state != CopyState.IN_PROGRESS
        units = int(found.moved > 0xFFFFFFFF)
        data = CopyStatus.build(
            copy_command_status=found.state,
            segments_processed=found.segments,
            transfer_count_units=units,
            transfer_count=found.moved >> 10 * units,
        )
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.ReceiveCopyFailureDetailsLid1)
    def receive_copy_failure_details(self, task: Task, cdb: cdbs.ReceiveCopyFailureDetailsLid1) -> Effect:
        """RECEIVE COPY FAILURE DETAILS(LID1), of a copy that ended with sense data; else AVAILABLE DATA is 0."""
        found = self._held(task, cdb)
        if not found.sense:
            return Reply(bytes(4), cdb.allocation_length)
        data = CopyFailureDetails.build(extended_copy_command_status=found.status, sense_data=found.sense)
        return Reply(bytes(data), cdb.allocation_length)

    @command(cdbs.ReceiveCopyOperatingParameters)
    def receive_copy_operating_parameters(
        self, task: Task, cdb: cdbs.ReceiveCopyOperatingParameters
    ) -> Effect:
        """RECEIVE COPY OPERATING PARAMETERS: the limits of EXTENDED COPY."""
        data = CopyOperatingParameters.build(
            snlid=True,
            maximum_cscd_descriptor_count=MAX_CSCDS,
            maximum_segment_descriptor_count=MAX_SEGMENTS,
            maximum_descriptor_list_length=MAX_LIST,
            maximum_segment_length=MAX_SEGMENT,
            total_concurrent_copies=COPIES,
            maximum_concurrent_copies=IDENTIFIED,
            data_segment_granularity=GRANULARITY,
            implemented_descriptors=IMPLEMENTED,
        )
        return Reply(bytes(data), cdb.allocation_length)

    # Copying.

    def _copy_segment(
        self,
        task: Task,
        copy: CopyProgress,
        number: int,
        segment: BlockToBlock,
        cscds: Sequence[IdentificationCscd],
    ) -> Generator[Effect, Any, None]:
        """Copy the blocks of one segment; raises Fault COPY ABORTED with the segment's number."""
        aborted = partial(Fault, SenseKey.COPY_ABORTED, command_specific=number)
        source = _at(task, segment, BlockToBlock.source_cscd_descriptor_id, cscds, aborted)
        target = _at(task, segment, BlockToBlock.destination_cscd_descriptor_id, cscds, aborted)
        task.others = source, target
        length = segment.block_device_number_of_blocks * (target if segment.dc else source).block_size
        if length % source.block_size or length % target.block_size:
            raise aborted(
                SenseCode.UNEXPECTED_INEXACT_SEGMENT, _in_segment(BlockToBlock.block_device_number_of_blocks)
            )
        for unit, field in (source, BlockToBlock.source_lba), (target, BlockToBlock.destination_lba):
            if getattr(segment, field.name) + length // unit.block_size > unit.blocks:
                raise aborted(SenseCode.COPY_TARGET_DEVICE_NOT_REACHABLE, _in_segment(field))
        start, to = segment.source_lba * source.block_size, segment.destination_lba * target.block_size
        for done in range(0, length, CHUNK):
            size = min(CHUNK, length - done)
            try:
                data = yield from _read(task, source, start + done, size)
                yield from _write(task, target, to + done, data)
            except Unreachable as error:
                raise aborted(SenseCode.COPY_TARGET_DEVICE_NOT_REACHABLE) from error
            except (Fault, ScsiError) as error:
                raise aborted(SenseCode.THIRD_PARTY_DEVICE_FAILURE) from error
            copy.moved += size
            yield NextTurn()


class Unreachable(Exception):
    """The initiator cannot reach this unit any more."""


def _in_segment(field: Any) -> Pointer:
    _, byte, bit = pointer(field)
    return "segment", byte, bit


def _reached(task: Task) -> dict[BlockUnit, bool]:
    """The disks that the initiator can reach, the addressed one included, and whether they are read-only to it."""
    found = {task.unit: task.read_only}
    for export in task.nexus.reaches():
        if isinstance(export.unit, BlockUnit):
            found[export.unit] = export.read_only and found.get(export.unit, True)
    return found


def _at(
    task: Task,
    segment: BlockToBlock,
    field: Any,
    cscds: Sequence[IdentificationCscd],
    aborted: Callable[..., Fault],
) -> BlockUnit:
    """The disk that a segment names by this field; raises ``aborted(...)`` if it does not name exactly one."""
    which = getattr(segment, field.name)
    units = [unit for unit in _reached(task) if _is(unit, cscds[which])] if which < len(cscds) else []
    if len(units) != 1:
        raise aborted(SenseCode.COPY_TARGET_DEVICE_NOT_REACHABLE, _in_segment(field))
    (unit,) = units
    cscd = cscds[which]
    if cscd.peripheral_device_type != unit.device_type or cscd.disk_block_length != unit.block_size:
        raise aborted(SenseCode.INCORRECT_COPY_TARGET_DEVICE_TYPE, _in_segment(field))
    return unit


def _is(unit: Any, cscd: IdentificationCscd) -> bool:
    """Whether this designator is one of the unit's (VPD page 83h)."""
    wanted = bytes(cscd.designator[: cscd.designator_length])
    return any(
        each.association == Association.LOGICAL_UNIT == cscd.association
        and (each.designator_type, each.code_set) == (cscd.designator_type, cscd.code_set)
        and bytes(each.designator) == wanted
        for each in unit.identity.designators()
    )


def _let(
    task: Task, unit: BlockUnit, kind: type[cdbs.Read16 | cdbs.Write16], start: int, length: int
) -> None:
    """Raise Unreachable, Fault or ScsiError if a READ(16) or WRITE(16) of the initiator would be refused there.

    Called before each read and write, as the map and the units' state may change meanwhile.
    """
    found = _reached(task)
    if unit not in found:
        raise Unreachable
    lba, blocks = start // unit.block_size, length // unit.block_size
    unit.let(task.nexus, bytes(kind.build(lba=lba, transfer_length=blocks)))
    if kind is cdbs.Write16:
        unit.let_write(found[unit])


def _read(task: Task, unit: BlockUnit, start: int, length: int) -> Generator[Effect, Any, bytearray]:
    _let(task, unit, cdbs.Read16, start, length)
    try:
        found: bytearray = yield Read(unit.backend, start, length, unit=unit)
    except OSError as error:
        raise unit.fault_of(error, READING) from error
    return found


def _write(task: Task, unit: BlockUnit, start: int, data: bytearray) -> Generator[Effect, Any, None]:
    _let(task, unit, cdbs.Write16, start, len(data))
    try:
        yield Write(unit.backend, start, data, flush=not unit.write_cache, unit=unit)
    except OSError as error:
        raise unit.fault_of(error) from error


# The parameter list, and the VPD page.


def parsed(data: bytes) -> tuple[list[IdentificationCscd], list[BlockToBlock]]:
    """The descriptors of a parameter list of 16 bytes or more. Raises Fault if they are incomplete or not supported."""
    header = CopyList(data)
    targets, segments = header.cscd_descriptor_list_length, header.segment_descriptor_list_length
    if targets % IdentificationCscd.SIZE:
        raise unfit(2)
    if targets + segments > MAX_LIST:
        raise short()
    if targets > MAX_CSCDS * IdentificationCscd.SIZE:
        raise _wrong(SenseCode.TOO_MANY_TARGET_DESCRIPTORS, 2)
    if segments > MAX_SEGMENTS * BlockToBlock.SIZE:
        raise _wrong(SenseCode.TOO_MANY_SEGMENT_DESCRIPTORS, 8)
    if header.inline_data_length:
        raise _wrong(SenseCode.INLINE_DATA_LENGTH_EXCEEDED, 12)
    first = CopyList.SIZE + targets
    end = first + segments
    if end > len(data):
        raise short()
    cscds = [_cscd(data, at) for at in range(CopyList.SIZE, first, IdentificationCscd.SIZE)]
    return cscds, [_segment(data[:end], at) for at in range(first, end, BlockToBlock.SIZE)]


def _wrong(code: int, byte: int) -> Fault:
    return Fault(SenseKey.ILLEGAL_REQUEST, code, ("data", byte, None))


def _cscd(data: bytes, at: int) -> IdentificationCscd:
    if data[at] != IMPLEMENTED[1]:
        raise _wrong(SenseCode.UNSUPPORTED_TARGET_DESCRIPTOR_TYPE_CODE, at)
    found = IdentificationCscd(data[at : at + IdentificationCscd.SIZE])
    if found.designator_length > len(found.designator):
        raise unfit(at + IdentificationCscd.designator_length.offset)
    return found


def _segment(data: bytes, at: int) -> BlockToBlock:
    if data[at] != IMPLEMENTED[0]:
        raise _wrong(SenseCode.UNSUPPORTED_SEGMENT_DESCRIPTOR_TYPE_CODE, at)
    raw = data[at : at + BlockToBlock.SIZE]
    if len(raw) < BlockToBlock.SIZE:
        raise short()
    found = BlockToBlock(raw)
    if found.descriptor_length != BlockToBlock.SIZE - CopySegment.SIZE:
        raise unfit(at + BlockToBlock.descriptor_length.offset)
    return found


def third_party_copy() -> ThirdPartyCopy:
    """VPD page 8Fh: the values of RECEIVE COPY OPERATING PARAMETERS, and the supported commands (SPC-4, 7.8.17)."""
    commands = b"".join(bytes((opcode, len(actions), *actions)) for opcode, actions in COMMANDS.items())
    return ThirdPartyCopy.build(
        descriptors=[
            CopyDescriptor.build(descriptor_type=kind, parameters=data + bytes(-len(data) % 4))
            for kind, data in (
                (0x0001, bytes((len(commands),)) + commands),
                (0x0004, struct.pack(">4xHHII12x", MAX_CSCDS, MAX_SEGMENTS, MAX_LIST, 0)),
                (0x0008, bytes((len(IMPLEMENTED),)) + IMPLEMENTED),
                (0x000C, bytes(2)),
                (0x8001, struct.pack(">IIIBB18x", COPIES, IDENTIFIED, MAX_SEGMENT, GRANULARITY, 0)),
            )
        ]
    )
