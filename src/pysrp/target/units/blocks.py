"""A medium in blocks: capacity, the range of a command, write protection, and errors of the medium as sense data."""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from operator import index
from typing import Any, ClassVar

from pysrp._fast.gate import NO_CACHE, SWP, UNCACHED
from pysrp.errors import ConfigError
from pysrp.scsi.codes import LogPage, ModePage, Opcode, SenseKey, VariableLengthAction
from pysrp.scsi.log import LogParameter
from pysrp.scsi.mode import (
    CachingPage,
    ControlPage,
    PowerConditionPage,
    ReadWriteErrorRecoveryPage,
)
from pysrp.target.backend_medium import Backend, pieces_of, size_of
from pysrp.target.effects import GOOD, Effect, Flush
from pysrp.target.fault import Fault
from pysrp.target.medium import BadBlock, Medium
from pysrp.target.task import Task
from pysrp.target.unit import LogicalUnit
from pysrp.target.units.codes import Attention, SenseCode, invalid
from pysrp.target.units.commands import pointer
from pysrp.target.units.identity import UnitIdentity
from pysrp.target.units.pages import PageValues
from pysrp.target.units.persistent import ReservationStore
from pysrp.target.units.saved import SavedStore

__all__ = ["BlockUnit", "LogPages", "doing", "in_binary"]

log: logging.Logger = logging.getLogger("pysrp.target")

LogPages = dict[int, Callable[[], Sequence[LogParameter] | Effect]]
"""See :meth:`BlockUnit.log_pages`."""

BLOCK_SIZES = 512, 1024, 2048, 4096

WRITING, READING = LogPage.WRITE_ERROR_COUNTERS, LogPage.READ_ERROR_COUNTERS
VERIFYING, OTHER = LogPage.VERIFY_ERROR_COUNTERS, LogPage.NON_MEDIUM_ERROR
"""The log pages that errors are counted on."""

DOING = {
    Opcode.READ_6: READING,
    Opcode.READ_10: READING,
    Opcode.READ_12: READING,
    Opcode.READ_16: READING,
    Opcode.VERIFY_10: VERIFYING,
    Opcode.VERIFY_16: VERIFYING,
    Opcode.SERVICE_ACTION_IN_16: READING,
    Opcode.LOG_SENSE: OTHER,
}
"""The log page that counts medium errors of a command, where that is not :data:`WRITING`; of the VERIFY commands, those that the
native lane may have begun. LOG SENSE is here as it may ask the medium for its space."""

UNCORRECTED = 0x0006
"""Total uncorrected errors: the one counter of an error page that is known here (SPC-4, 7.3.6)."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PROTECTED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
NO_MEDIUM = frozenset({errno.ENOMEDIUM})
AWAY = frozenset({errno.ESHUTDOWN})
MEDIUM = frozenset(
    {errno.EIO, errno.EILSEQ, errno.ENODATA, errno.EBADMSG, errno.EREMOTEIO, errno.EUCLEAN, errno.EOVERFLOW}
)


OF_A_BACKEND = "size", "blocking", "read_only", "read_into", "write_from", "flush"
"""The attributes that a backend must have if it is no :class:`pysrp.backends.Backend`."""


def _is_one(backend: object) -> None:
    """Raise ConfigError for an object that is neither a backend nor a medium; the message says how to make one."""
    if not isinstance(backend, Medium):
        for name in OF_A_BACKEND:
            if not hasattr(backend, name):
                raise ConfigError(
                    f"{backend!r} is no Medium, nor a backend, which has {name}: pysrp.media.open_medium makes one of "
                    "a URL or path, pysrp.target.native_medium.NativeMedium of a capsule"
                )
    elif not hasattr(backend, "size"):
        raise ConfigError(f"{backend!r} has no size, which a Medium tells in bytes")
    elif not hasattr(backend, "stragglers"):
        raise ConfigError(f"{type(backend).__name__}.__init__ has to call Medium.__init__")
    kind: Any = type(backend)
    if kind.__eq__ is not object.__eq__ or kind.__hash__ is not object.__hash__:
        raise ConfigError(
            f"{kind.__name__} has an __eq__ or __hash__ of its own, as a dataclass has without eq=False: media and backends "
            "are compared by identity"
        )


class BlockUnit(LogicalUnit):
    """A unit over a medium, in blocks of ``block_size`` bytes, without the commands for them.

    The keywords and the errors are those of :class:`~pysrp.target.disk.Disk`.
    """

    thin: ClassVar[bool] = False
    """Whether it is thinly provisioned, and blocks that are unmapped read as zeros (SBC-4, 4.7.3)."""

    def __init__(
        self,
        backend: Backend | Medium,
        name: str | None = None,
        *,
        block_size: int = 512,
        read_only: bool = False,
        write_through: bool = False,
        physical_block_size: int | None = None,
        identity: UnitIdentity | None = None,
        removable: bool = False,
        max_transfer: int | None = None,
        reservations: ReservationStore | None = None,
        saved: SavedStore | None = None,
    ) -> None:
        if block_size not in BLOCK_SIZES:
            raise ConfigError(f"block size {block_size}: 512, 1024, 2048 or 4096")
        if physical_block_size is None:
            physical_block_size = max(pieces_of(backend)[0], block_size)
        self._exponent = (physical_block_size // block_size).bit_length() - 1
        if physical_block_size != block_size << max(self._exponent, 0) or self._exponent > 15:
            raise ConfigError(
                f"{physical_block_size} is no size of physical blocks of {block_size} bytes each"
            )
        _is_one(backend)
        if size_of(backend) < block_size:
            raise ConfigError(f"{backend!r} is smaller than a block of {block_size} bytes")
        block = index(getattr(backend, "block", 1))
        if block < 1:
            raise ConfigError(
                f"{backend!r} has blocks of {block} bytes: give it 1 where any bytes can be moved"
            )
        if block_size % block:
            raise ConfigError(f"blocks of {block_size} bytes; those of {backend!r} have {block}")
        if max_transfer is not None and max_transfer < block_size:
            raise ConfigError(f"max_transfer {max_transfer} is smaller than a block of {block_size} bytes")
        self.backend = backend
        self.block_size = block_size
        self.blocks: int = size_of(backend) // block_size
        self.read_only: bool = read_only or backend.read_only
        self._write_cache = not (write_through or self.read_only)
        self._read_cache = True
        self._software_protected = False
        self._errors: Counter[LogPage] = Counter()
        """Errors so far, by the page that counts them."""
        super().__init__(
            name,
            identity=identity,
            removable=removable,
            max_transfer=None if max_transfer is None else max_transfer // block_size * block_size,
            reservations=reservations or getattr(backend, "reservations", None),
            saved=saved,
            pages=self.block_pages(),
        )

    def block_pages(self) -> list[PageValues]:
        """The mode pages that it has beside those of every unit. Called once, when the unit is made."""
        return [PageValues(*one) for one in _pages(self._write_cache, self.read_only)]

    @property
    def write_cache(self) -> bool:
        """WCE: whether a write may end GOOD before its data is on stable storage."""
        return self._write_cache

    def _unready(self) -> SenseCode | None:
        """As :meth:`UnitBase._unready`; also NOT READY while another server owns the medium."""
        away = isinstance(self.backend, Medium) and self.backend.away
        return super()._unready() or (SenseCode.PORT_IN_STANDBY if away else None)

    def failed(self, task: Task, error: Exception) -> None:
        """The medium failed with ``error``, or other work with a Fault: end the task with sense data."""
        if isinstance(error, OSError):
            error = self.fault_of(error, doing(task.cdb))
        super().failed(task, error)

    def fault_of(self, error: Exception, doing: LogPage = WRITING) -> Fault:
        """The Fault by which an error of the medium is reported; ``doing``: the log page that counts medium errors."""
        if isinstance(error, OSError):
            number = error.errno
            lba = error.offset // self.block_size if isinstance(error, BadBlock) else None
            if number in NO_SPACE:
                return Fault(SenseKey.DATA_PROTECT, SenseCode.SPACE_ALLOCATION_FAILED_WRITE_PROTECT)
            if number in PROTECTED:
                return Fault(SenseKey.DATA_PROTECT, SenseCode.WRITE_PROTECTED)
            if number in NO_MEDIUM:
                return Fault(SenseKey.NOT_READY, SenseCode.MEDIUM_NOT_PRESENT)
            if number in AWAY:
                return Fault(SenseKey.NOT_READY, SenseCode.PORT_IN_STANDBY)
            if number in MEDIUM:
                self._count_error(doing)
                return Fault(
                    SenseKey.MEDIUM_ERROR,
                    SenseCode.WRITE_ERROR if doing == WRITING else SenseCode.UNRECOVERED_READ_ERROR,
                    information=lba,
                )
            self._count_error(OTHER)
            if number == errno.ETIMEDOUT:
                return Fault(SenseKey.HARDWARE_ERROR, SenseCode.LOGICAL_UNIT_COMMUNICATION_TIME_OUT)
            return Fault(SenseKey.HARDWARE_ERROR, SenseCode.INTERNAL_TARGET_FAILURE, information=lba)
        return super().fault_of(error)

    def _count_error(self, page: LogPage) -> None:
        with self._lock:
            self._errors[page] += 1

    def log_pages(self) -> LogPages:
        """Log pages by page code: a function that returns the page's parameters, in order of their codes, or an effect that gives
        them. Each part of the unit adds its pages.
        """
        return {
            WRITING: partial(self._counter, WRITING, UNCORRECTED),
            READING: partial(self._counter, READING, UNCORRECTED),
            VERIFYING: partial(self._counter, VERIFYING, UNCORRECTED),
            OTHER: partial(self._counter, OTHER, 0),
        }

    def _counter(self, page: LogPage, code: int) -> list[LogParameter]:
        with self._lock:
            count = self._errors[page]
        value = min(count, 0xFFFFFFFF).to_bytes(4, "big")
        return [LogParameter.build(parameter_code=code, parameter_value=value)]

    def resized(self) -> None:
        """Take over the backend's new size, with a unit attention for every nexus (06/2A/09).

        Raises ConfigError, and changes nothing, if the backend is smaller than a block now.
        """
        blocks = size_of(self.backend) // self.block_size
        if not blocks:
            raise ConfigError(f"{self.backend!r} is smaller than a block of {self.block_size} bytes")
        with self._changing():
            if blocks != self.blocks:
                self.blocks = blocks
                self._establish(Attention.CAPACITY_CHANGED, self._nexuses)

    def has_grown(self) -> bool:
        """Check whether the backend has grown by itself, and then do as :meth:`resized`; whether it has. Does not wait.

        Called by READ CAPACITY, and for blocks past the end. A backend that shrank is ignored here: after shrinking it, call
        :meth:`resized`.
        """
        try:
            if isinstance(self.backend, Medium):
                self.backend.look()
            grown = size_of(self.backend) // self.block_size > self.blocks
        except Exception:
            log.exception("%s: looking for its size", self.name)
            return False
        if grown:
            log.info("%s: it has grown to %d bytes", self.name, size_of(self.backend))
            self.resized()
        return grown

    def _start(self, cdb: Any, blocks: int) -> int:
        """The offset of the command's blocks, in bytes. Raises Fault if one of them is past the end."""
        lba: int = cdb.lba
        while lba >= self.blocks or blocks > self.blocks - lba:
            if not self.has_grown():
                raise Fault(
                    SenseKey.ILLEGAL_REQUEST,
                    SenseCode.LBA_OUT_OF_RANGE,
                    pointer(type(cdb).lba),
                    information=max(lba, self.blocks),
                )
        return lba * self.block_size

    def _length(self, cdb: Any, blocks: int, name: str = "transfer_length") -> int:
        """Bytes that the command moves. Raises Fault if they are more than ``max_transfer``."""
        length = blocks * self.block_size
        if self.max_transfer is not None and length > self.max_transfer:
            raise invalid(type(cdb), name)
        return length

    def _writable(self, task: Task) -> None:
        """Raise Fault if this task may not write."""
        self.let_write(task.read_only)

    def let_write(self, read_only: bool) -> None:
        """Raise Fault if the unit is write protected, or ``read_only``, as it is exported, is true."""
        if self.read_only or read_only:
            raise Fault(SenseKey.DATA_PROTECT, SenseCode.WRITE_PROTECTED)
        if self._software_protected:
            raise Fault(SenseKey.DATA_PROTECT, SenseCode.SOFTWARE_WRITE_PROTECTED)

    def device_specific_parameter(self, task: Task) -> int:
        """WP and DPOFUA (SBC-4, 6.5.1)."""
        protected = self.read_only or task.read_only or self._software_protected
        return (0x80 if protected else 0) | 0x10

    def _modes_changed(self) -> None:
        super()._modes_changed()
        caching = CachingPage(self.modes[ModePage.CACHING].current)
        self._write_cache, self._read_cache = bool(caching.wce), not caching.rcd
        self._software_protected = bool(ControlPage(self.modes[ModePage.CONTROL].current).swp)
        self._mode_reasons = (
            (0 if self._write_cache else NO_CACHE)
            | (0 if self._read_cache else UNCACHED)
            | (SWP if self._software_protected else 0)
        )

    def modes_selected(self, task: Task) -> Effect:
        """Without WCE, flush the data that was cached before."""
        return GOOD if self._write_cache else Flush(self.backend)


def in_binary(code: int, value: bytes) -> LogParameter:
    """A log parameter that is no counter, but a list in binary (SPC-4, 7.3.2.2.2.5)."""
    return LogParameter.build(parameter_code=code, format_and_linking=0b11, parameter_value=value)


def doing(cdb: bytes) -> LogPage:
    """The log page that counts medium errors of a command."""
    if cdb[0] == Opcode.VARIABLE_LENGTH and cdb[8:10] == bytes((0, VariableLengthAction.READ_32)):
        return READING
    return DOING.get(cdb[0], WRITING)  # type: ignore[call-overload,no-any-return]


@cache
def _pages(write_cache: bool, read_only: bool) -> tuple[tuple[bytes, bytes | None], ...]:
    """The mode pages Read-Write Error Recovery; Caching, with changeable RCD, and changeable WCE unless read-only; and Power
    Condition, without timers.
    """
    changeable = CachingPage.build(wce=not read_only, rcd=True)
    return (
        (bytes(ReadWriteErrorRecoveryPage.build()), None),
        (bytes(CachingPage.build(wce=write_cache)), bytes(changeable)),
        (bytes(PowerConditionPage.build()), None),
    )
