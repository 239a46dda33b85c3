"""A disk: a direct access block device over a backend (SBC-4).

Linux ``sd``, sg3_utils, SLOF and AIX are the readers that its answers have been made for.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from pysrp.errors import ConfigError
from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import (
    ByteCheck,
    ModePage,
    Opcode,
    PeripheralDeviceType,
    SenseKey,
    VpdPage,
)
from pysrp.scsi.inquiry import BlockDeviceCharacteristics, BlockLimits, ExtendedInquiryData, Vpd
from pysrp.scsi.mode import (
    BlockDescriptor,
    CachingPage,
    ControlPage,
    LongBlockDescriptor,
    ReadWriteErrorRecoveryPage,
)
from pysrp.scsi.params import ReadCapacity10, ReadCapacity16
from pysrp.target.data import move
from pysrp.target.task import Backend, BadBlock, Task
from pysrp.target.unit import Attention, LogicalUnit, SenseCode, invalid
from pysrp.target.unit_commands import Fault, command, pointer
from pysrp.target.unit_identity import Identity
from pysrp.target.unit_modes import Page

__all__ = ["Disk", "Medium"]

log = logging.getLogger("pysrp.target")

BLOCK_SIZES = 512, 1024, 2048, 4096
CHUNK = 1 << 20
"""Bytes that VERIFY reads at a time."""

MAX_IN_PLACE = 256 << 20
"""Bytes that VERIFY may compare with one block where the backend is called in place."""

READS = frozenset(
    {
        Opcode.READ_6,
        Opcode.READ_10,
        Opcode.READ_12,
        Opcode.READ_16,
        Opcode.VERIFY_10,
        Opcode.VERIFY_16,
    }
)
"""Commands whose failure is the medium's when it is read."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PROTECTED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
NO_MEDIUM = frozenset({errno.ENOMEDIUM})
MEDIUM = frozenset(
    {errno.EIO, errno.EILSEQ, errno.ENODATA, errno.EBADMSG, errno.EREMOTEIO, errno.EUCLEAN, errno.EOVERFLOW}
)


class Medium(Backend, Protocol):
    """What a disk needs of a backend: see :class:`pysrp.backends.Backend`."""

    size: int
    """Size in bytes."""

    read_only: bool
    """Whether every write would fail."""


class Disk(LogicalUnit):
    """A disk with blocks of ``block_size`` bytes: 512, 1024, 2048 or 4096. What is past the last is not used.

    ``read_only`` protects it even if the backend does not. ``write_through``: a write is on the medium
    before it is GOOD (initiators see and may change that as WCE). ``physical_block_size`` and
    ``rotation_rate`` (0 not reported, 1 no rotation, else per minute) are hints to initiators. The other
    keywords are :class:`~pysrp.target.unit.LogicalUnit`'s; ``max_transfer`` is rounded down to whole blocks.

    The backend is the caller's: nothing here closes it. Raises ConfigError for a block size that is none of
    these, a physical one that is no multiple by a power of two, a backend smaller than a block.
    """

    device_type = PeripheralDeviceType.DIRECT_ACCESS_BLOCK

    def __init__(
        self,
        backend: Medium,
        name: str | None = None,
        *,
        block_size: int = 512,
        read_only: bool = False,
        write_through: bool = False,
        physical_block_size: int = 4096,
        rotation_rate: int = 1,
        identity: Identity | None = None,
        removable: bool = False,
        max_transfer: int | None = None,
    ) -> None:
        if block_size not in BLOCK_SIZES:
            raise ConfigError(f"block size {block_size}: 512, 1024, 2048 or 4096")
        self._exponent = (physical_block_size // block_size).bit_length() - 1
        if physical_block_size != block_size << max(self._exponent, 0) or self._exponent > 15:
            raise ConfigError(
                f"{physical_block_size} is no size of physical blocks of {block_size} bytes each"
            )
        if backend.size < block_size:
            raise ConfigError(f"{backend!r} is smaller than a block of {block_size} bytes")
        if max_transfer is not None and max_transfer < block_size:
            raise ConfigError(f"max_transfer {max_transfer} is smaller than a block of {block_size} bytes")
        self.backend = backend
        self.block_size = block_size
        self.blocks = backend.size // block_size
        self.read_only = read_only or backend.read_only
        self.rotation_rate = rotation_rate
        self._write_cache = not (write_through or self.read_only)
        self._software_protected = False
        super().__init__(
            name,
            identity=identity,
            removable=removable,
            max_transfer=None if max_transfer is None else max_transfer // block_size * block_size,
            pages=[Page(*one) for one in _pages(self._write_cache, self.read_only)],
        )

    def resized(self) -> None:
        """The backend has another size: say so to every nexus (06/2A/09).

        Raises ConfigError, and stays as it was, if it is smaller than a block now.
        """
        blocks = self.backend.size // self.block_size
        if not blocks:
            raise ConfigError(f"{self.backend!r} is smaller than a block of {self.block_size} bytes")
        with self._lock:
            if blocks != self.blocks:
                self.blocks = blocks
                self._establish(Attention.CAPACITY_CHANGED, self._nexuses)

    @property
    def write_cache(self) -> bool:
        """WCE: whether a write may be GOOD before it is on the medium."""
        return self._write_cache

    def failed(self, task: Task, error: Exception) -> None:
        """The backend raised ``error``, or work of ours a Fault: end the task with sense."""
        if isinstance(error, OSError):
            number = error.errno
            lba = error.offset // self.block_size if isinstance(error, BadBlock) else None
            if number in NO_SPACE:
                error = Fault(SenseKey.DATA_PROTECT, SenseCode.SPACE_ALLOCATION_FAILED_WRITE_PROTECT)
            elif number in PROTECTED:
                error = Fault(SenseKey.DATA_PROTECT, SenseCode.WRITE_PROTECTED)
            elif number in NO_MEDIUM:
                error = Fault(SenseKey.NOT_READY, SenseCode.MEDIUM_NOT_PRESENT)
            elif number in MEDIUM:
                reads = task.cdb[0] in READS
                error = Fault(
                    SenseKey.MEDIUM_ERROR,
                    SenseCode.UNRECOVERED_READ_ERROR if reads else SenseCode.WRITE_ERROR,
                    information=lba,
                )
            else:
                error = Fault(SenseKey.HARDWARE_ERROR, SenseCode.INTERNAL_TARGET_FAILURE, information=lba)
        super().failed(task, error)

    # Reading and writing.

    def _start(self, cdb: Any, blocks: int) -> int:
        """Where the command's blocks begin, in bytes, if all of them are on the disk."""
        lba: int = cdb.lba
        if lba >= self.blocks or blocks > self.blocks - lba:
            raise Fault(
                SenseKey.ILLEGAL_REQUEST,
                SenseCode.LBA_OUT_OF_RANGE,
                pointer(type(cdb).lba),
                information=max(lba, self.blocks),
            )
        return lba * self.block_size

    def _length(self, cdb: Any, blocks: int, name: str = "transfer_length") -> int:
        """Bytes that the command moves, if that is not too much at once."""
        length = blocks * self.block_size
        if self.max_transfer is not None and length > self.max_transfer:
            raise invalid(type(cdb), name)
        return length

    @command(cdbs.Read10, cdbs.Read12, cdbs.Read16, medium=True)
    def read(self, task: Task, cdb: Any) -> None:
        """READ(10), (12), (16). FUA and DPO ask for nothing here: a backend has one copy of a byte."""
        self._read(task, cdb, cdb.transfer_length)

    @command(cdbs.Read6, medium=True)
    def read_6(self, task: Task, cdb: cdbs.Read6) -> None:
        """READ(6), of 1 to 256 blocks."""
        self._read(task, cdb, cdb.blocks)

    def _read(self, task: Task, cdb: Any, blocks: int) -> None:
        start, length = self._start(cdb, blocks), self._length(cdb, blocks)
        task.read(self.backend, start, length, block=self.block_size)

    @command(cdbs.Write10, cdbs.Write12, cdbs.Write16, medium=True)
    def write(self, task: Task, cdb: Any) -> None:
        """WRITE(10), (12), (16)."""
        self._write(task, cdb, cdb.transfer_length, cdb.fua)

    @command(cdbs.Write6, medium=True)
    def write_6(self, task: Task, cdb: cdbs.Write6) -> None:
        """WRITE(6), of 1 to 256 blocks."""
        self._write(task, cdb, cdb.blocks, False)

    def _write(self, task: Task, cdb: Any, blocks: int, fua: bool) -> None:
        start, length = self._start(cdb, blocks), self._length(cdb, blocks)
        if self.read_only or task.read_only:
            raise Fault(SenseKey.DATA_PROTECT, SenseCode.WRITE_PROTECTED)
        if self._software_protected:
            raise Fault(SenseKey.DATA_PROTECT, SenseCode.SOFTWARE_WRITE_PROTECTED)
        flush = fua or not self._write_cache
        task.write(self.backend, start, length, flush=flush, block=self.block_size)

    @command(cdbs.Verify10, cdbs.Verify16, medium=True)
    def verify(self, task: Task, cdb: Any) -> None:
        """VERIFY(10) and (16): that the blocks can be read (BYTCHK 0), are the data-out (1), or are all like
        the one block of it (3).
        """
        blocks = cdb.blocks
        start = self._start(cdb, blocks)
        length = blocks * self.block_size
        check = cdb.bytchk
        data = None
        if check == ByteCheck.COMPARE:
            data = task.fetch(self._length(cdb, blocks, "verification_length"))
        elif check == ByteCheck.COMPARE_ONE_BLOCK:
            if length > MAX_IN_PLACE and not self.backend.blocking:
                raise invalid(type(cdb), "verification_length")
            data = task.fetch(self.block_size if blocks else 0)
        elif check:
            raise invalid(type(cdb), "bytchk")
        if data is not None and len(data) < cdb.data_length(self.block_size):
            raise invalid(type(cdb), "verification_length")
        if not length or (data is None and not self.backend.blocking):
            task.good()
            return
        task.run(self.backend, self._comparison(task, start, length, data))

    def _comparison(self, task: Task, start: int, length: int, data: memoryview | None) -> Callable[[], None]:
        """Work that reads ``length`` bytes, and raises Fault where they are not ``data`` over and over."""

        def compare() -> None:
            expected = data
            if expected is not None and len(expected) < length:
                expected = memoryview(bytes(expected) * (min(length, CHUNK) // len(expected)))
            done = 0
            while done < length and not task.aborted:
                found = bytearray(min(length - done, CHUNK))
                move(self.backend, start + done, memoryview(found), False, self.block_size)
                if expected is not None:
                    at = done % len(expected)
                    wanted = expected[at : at + len(found)]
                    if found != wanted:
                        differs = next(i for i, byte in enumerate(found) if byte != wanted[i])
                        raise Fault(
                            SenseKey.MISCOMPARE,
                            SenseCode.MISCOMPARE_DURING_VERIFY,
                            information=(done + differs) % len(data or found),
                        )
                done += len(found)

        return compare

    @command(cdbs.SynchronizeCache10, cdbs.SynchronizeCache16, medium=True)
    def synchronize_cache(self, task: Task, cdb: Any) -> None:
        """SYNCHRONIZE CACHE(10) and (16): all of the disk. With IMMED too, GOOD comes when it is done."""
        self._start(cdb, cdb.blocks)
        task.run(self.backend, self.backend.flush)

    # Capacity.

    @command(cdbs.ReadCapacity10, medium=True)
    def read_capacity_10(self, task: Task, cdb: cdbs.ReadCapacity10) -> None:
        """READ CAPACITY(10); a last LBA of FFFFFFFFh says: ask with READ CAPACITY(16)."""
        if cdb.lba and not cdb.pmi:
            raise invalid(cdbs.ReadCapacity10, "lba")
        last = min(self.blocks - 1, 0xFFFFFFFF)
        task.reply(bytes(ReadCapacity10.build(returned_lba=last, block_length=self.block_size)))

    @command(cdbs.ReadCapacity16, medium=True)
    def read_capacity_16(self, task: Task, cdb: cdbs.ReadCapacity16) -> None:
        """READ CAPACITY(16)."""
        if cdb.lba and not cdb.pmi:
            raise invalid(cdbs.ReadCapacity16, "lba")
        data = ReadCapacity16.build(
            returned_lba=self.blocks - 1, block_length=self.block_size, lbppbe=self._exponent
        )
        task.reply(bytes(data), cdb.allocation_length)

    # The medium.

    @command(cdbs.StartStopUnit)
    def start_stop_unit(self, task: Task, cdb: cdbs.StartStopUnit) -> None:
        """START STOP UNIT: flushes and stops, starts; ejects and loads a removable medium (LOEJ).

        It is one state for all: who stops it stops it for every initiator, whose commands for the medium are
        NOT READY until one of them starts it. There are no power conditions. With IMMED too, GOOD comes when
        it is done.
        """
        for name in "power_condition_modifier", "power_condition", *(() if self.removable else ("loej",)):
            if getattr(cdb, name):
                raise invalid(cdbs.StartStopUnit, name)
        if cdb.start:
            with self._lock:
                if self._not_ready == SenseCode.MEDIUM_NOT_PRESENT:
                    if not cdb.loej:
                        raise Fault(SenseKey.NOT_READY, SenseCode.MEDIUM_NOT_PRESENT)
                    self._establish(Attention.MEDIUM_MAY_HAVE_CHANGED, self._nexuses, but=task.nexus)
                before, self._not_ready = self._not_ready, None
            if before is not None:
                log.warning("%s: started by %s", self.name, task.nexus.name)
            task.good()
            return
        with self._lock:
            if cdb.loej and self._preventing:
                raise Fault(SenseKey.ILLEGAL_REQUEST, SenseCode.MEDIUM_REMOVAL_PREVENTED)
        reason = SenseCode.MEDIUM_NOT_PRESENT if cdb.loej else SenseCode.INITIALIZING_COMMAND_REQUIRED

        def stopped() -> None:
            with self._lock:
                before = self._not_ready
                if before != SenseCode.MEDIUM_NOT_PRESENT:
                    self._not_ready = reason
                after, others = self._not_ready, len(self._nexuses) - (task.nexus in self._nexuses)
            if after is not before:
                log.warning(
                    "%s: %s by %s: for %d other initiators too it is NOT READY, %02x/%02x, until one starts it",
                    self.name,
                    "ejected" if cdb.loej else "stopped",
                    task.nexus.name,
                    others,
                    reason >> 8,
                    reason & 0xFF,
                )
            task.good()

        if cdb.no_flush:
            stopped()
        else:
            task.run(self.backend, self.backend.flush, then=stopped)

    @command(cdbs.PreventAllowMediumRemoval, conflicts=lambda cdb: bool(cdb[4] & 3))
    def prevent_allow_medium_removal(self, task: Task, cdb: cdbs.PreventAllowMediumRemoval) -> None:
        """PREVENT ALLOW MEDIUM REMOVAL: while one nexus prevents it, nobody ejects the medium."""
        if cdb.prevent > 1:
            raise invalid(cdbs.PreventAllowMediumRemoval, "prevent")
        with self._lock:
            if cdb.prevent:
                self._preventing.add(task.nexus)
            else:
                self._preventing.discard(task.nexus)
        task.good()

    # INQUIRY and mode pages.

    def vpd_pages(self) -> dict[int, Callable[[], Vpd]]:
        """Those of every unit, Block Limits and Block Device Characteristics."""
        return {
            **super().vpd_pages(),
            VpdPage.BLOCK_LIMITS: self.block_limits,
            VpdPage.BLOCK_DEVICE_CHARACTERISTICS: lambda: BlockDeviceCharacteristics.build(
                medium_rotation_rate=self.rotation_rate
            ),
        }

    def block_limits(self) -> BlockLimits:
        """VPD page B0h."""
        most = 0 if self.max_transfer is None else self.max_transfer // self.block_size
        return BlockLimits.build(
            optimal_transfer_length_granularity=1 << self._exponent,
            maximum_transfer_length=min(most, 0xFFFFFFFF),
        )

    def extended_inquiry_data(self) -> ExtendedInquiryData:
        """VPD page 86h: V_SUP, as there is a volatile cache unless it is off."""
        data = super().extended_inquiry_data()
        data.v_sup = self._write_cache
        return data

    def device_specific_parameter(self, task: Task) -> int:
        """WP and DPOFUA (SBC-4, 6.5.1)."""
        protected = self.read_only or task.read_only or self._software_protected
        return (0x80 if protected else 0) | 0x10

    def block_descriptor(self, long: bool) -> bytes:
        """Number and length of the blocks: the long one where it is allowed and needed."""
        if long and self.blocks > 0xFFFFFFFF:
            data: Any = LongBlockDescriptor.build(
                number_of_logical_blocks=self.blocks, logical_block_length=self.block_size
            )
        else:
            data = BlockDescriptor.build(
                number_of_logical_blocks=min(self.blocks, 0xFFFFFFFF), logical_block_length=self.block_size
            )
        return bytes(data)

    def check_block_descriptor(self, descriptor: bytes, base: int) -> None:
        """Refuse another block length, and a number of blocks that is neither all, nor 0 (as it is)."""
        kind: Any = LongBlockDescriptor if len(descriptor) == 16 else BlockDescriptor
        asked = kind(descriptor)
        field = kind.number_of_logical_blocks
        everything = 1 << 8 * field.size  # all ones: as many as there are
        wrong = None
        if asked.number_of_logical_blocks not in (0, self.blocks, everything - 1):
            wrong = field
        elif asked.logical_block_length != self.block_size:
            wrong = kind.logical_block_length
        if wrong is not None:
            raise Fault(
                SenseKey.ILLEGAL_REQUEST, SenseCode.INVALID_FIELD_IN_PARAMETER_LIST, pointer(wrong, base)
            )

    def _modes_changed(self) -> None:
        super()._modes_changed()
        self._write_cache = bool(CachingPage(self.modes[ModePage.CACHING].current).wce)
        self._software_protected = bool(ControlPage(self.modes[ModePage.CONTROL].current).swp)

    def modes_selected(self, task: Task) -> None:
        """Without WCE, what was cached before has to reach the medium too."""
        if self._write_cache:
            task.good()
        else:
            task.run(self.backend, self.backend.flush)


@cache
def _pages(write_cache: bool, read_only: bool) -> tuple[tuple[bytes, bytes | None], ...]:
    """Read-Write Error Recovery and Caching, of which WCE can change where anything can be written."""
    changeable = CachingPage.build(wce=not read_only)
    return (
        (bytes(ReadWriteErrorRecoveryPage.build()), None),
        (bytes(CachingPage.build(wce=write_cache)), bytes(changeable)),
    )
