"""A disk: a direct access block device over a medium (SBC-4).

Its answers are made for Linux ``sd``, sg3_utils, SLOF and AIX. Its commands are in :mod:`pysrp.target.units`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pysrp._fast.gate import PROTECTED, REVOKED
from pysrp.errors import ConfigError
from pysrp.scsi.codes import Opcode, PeripheralDeviceType, ProvisioningType, VpdPage
from pysrp.scsi.inquiry import (
    BlockDeviceCharacteristics,
    BlockLimits,
    ExtendedInquiryData,
    LogicalBlockProvisioning,
    PowerConditions,
    Vpd,
)
from pysrp.target.backend_medium import Backend, features_of, pieces_of
from pysrp.target.grant import Grant
from pysrp.target.medium import Feature, Medium
from pysrp.target.task import LARGEST, Nexus
from pysrp.target.units.atomic import AtomicCommands
from pysrp.target.units.capacity import CapacityCommands
from pysrp.target.units.copying import CopyCommands
from pysrp.target.units.diagnostics import DiagnosticCommands
from pysrp.target.units.identity import UnitIdentity
from pysrp.target.units.inquiry import VERSION_DESCRIPTORS
from pysrp.target.units.logs import LogCommands
from pysrp.target.units.moving import MoveCommands
from pysrp.target.units.persistent import ReservationStore
from pysrp.target.units.provisioning import (
    MAX_DESCRIPTORS,
    MAX_UNMAP,
    MAX_WRITE_SAME,
    ThinCommands,
)
from pysrp.target.units.sanitizing import SanitizeCommands
from pysrp.target.units.saved import SavedStore
from pysrp.target.units.stopping import StopCommands
from pysrp.target.units.thresholds import ThresholdUnit
from pysrp.target.units.verifying import VerifyCommands

__all__ = ["Disk", "ThinDisk"]


SBC_3 = 0x04C0
"""Version descriptor of SBC-3, no version claimed (SPC-5, annex F.8): a disk has all that is mandatory there."""

GRANTED = frozenset({"__class__", "backend", "block_size", "blocks", "execute", "max_transfer", "read_only"})
"""Attributes that a grant depends on: setting one of them revokes the grants."""

TELLS = frozenset(
    {
        "block_limits", "commands", "exported", "extended_inquiry_data", "identity", "inquiry", "inquiry_data", "log_pages",
        "version_descriptors", "vpd_pages",
    }
)  # fmt: skip
"""Attributes that only INQUIRY and LOG SENSE use: a subclass may replace them without a change to READ and WRITE."""

LOOKED_UP = frozenset({"__delattr__", "__eq__", "__getattr__", "__getattribute__", "__hash__", "__setattr__"})
"""The special methods by which a subclass could change how a disk's attributes are found."""


def adds_only(kind: type[Disk]) -> bool:
    """Whether a subclass replaces nothing of a disk but :data:`TELLS`.

    It may add commands, state, and an ``__init__`` of its own.
    """
    disk = ThinDisk if issubclass(kind, ThinDisk) else Disk
    for each in kind.__mro__:
        if each in disk.__mro__:
            continue
        for name in vars(each):
            if name.startswith("__") and name.endswith("__"):
                replaces = name in LOOKED_UP
            else:
                replaces = name in GRANTED or (name not in TELLS and hasattr(disk, name))
            if replaces:
                return False
    ours, theirs = disk.commands.by_opcode, kind.commands.by_opcode
    return all(theirs[opcode] == entry for opcode, entry in ours.items() if opcode != Opcode.INQUIRY)


class Disk(
    MoveCommands,
    SanitizeCommands,
    VerifyCommands,
    AtomicCommands,
    DiagnosticCommands,
    LogCommands,
    CopyCommands,
    CapacityCommands,
    StopCommands,
):
    """A disk with blocks of ``block_size`` bytes: 512, 1024, 2048 or 4096. Bytes past the last whole block are not used.

    ``read_only`` protects it even if the backend is writable. ``write_through``: a write is on stable storage before it ends
    GOOD (initiators see and may change that as WCE). ``physical_block_size`` (bytes; None: as the medium says) and
    ``rotation_rate`` (0 not reported, 1 no rotation, else per minute) are hints to initiators. The other keywords are
    :class:`~pysrp.target.unit.LogicalUnit`'s; ``max_transfer`` (bytes) is rounded down to whole blocks.

    The disk reports full provisioning, whatever its medium is; for UNMAP see :class:`ThinDisk`.

    The native lane copies from and to a backend that lends its memory (:meth:`pysrp.backends.Backend.lend`), and submits to
    a medium in C (:class:`pysrp.target.native_medium.NativeMedium`), as long as :meth:`execute` would refuse or delay nothing.
    If a subclass replaces anything of a disk but the answers to INQUIRY, its ``execute`` is always called.

    ``backend`` is a :class:`pysrp.backends.Backend` or a :class:`pysrp.target.medium.Medium`; the caller has to close it. Raises
    ConfigError for another block size, for a physical block size that is not the block size times a power of two, and for a
    medium smaller than a block, whose own blocks do not divide the block size, or that has an ``__eq__`` or ``__hash__``
    of its own: media are compared by identity.
    """

    device_type = PeripheralDeviceType.DIRECT_ACCESS_BLOCK
    version_descriptors: ClassVar[list[int]] = [*VERSION_DESCRIPTORS, SBC_3]

    def __init__(
        self,
        backend: Backend | Medium,
        name: str | None = None,
        *,
        block_size: int = 512,
        read_only: bool = False,
        write_through: bool = False,
        physical_block_size: int | None = None,
        rotation_rate: int = 1,
        identity: UnitIdentity | None = None,
        removable: bool = False,
        max_transfer: int | None = None,
        reservations: ReservationStore | None = None,
        saved: SavedStore | None = None,
    ) -> None:
        super().__init__(
            backend,
            name,
            block_size=block_size,
            read_only=read_only,
            write_through=write_through,
            physical_block_size=physical_block_size,
            identity=identity,
            removable=removable,
            max_transfer=max_transfer,
            reservations=reservations,
            saved=saved,
        )
        self.rotation_rate = rotation_rate

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # half the cost of super(), for every attribute
        if name in GRANTED and hasattr(self, "_gates"):
            self.revoke()

    def grant(self, nexus: Nexus, lun: int, read_only: bool = False) -> Grant | None:
        """Grant its medium, if READ and WRITE only copy from and to that; else None."""
        if not adds_only(type(self)) or not speaks_for_all(self.backend):
            return None
        gate = self._gate(nexus, lun)
        # The attributes are read only after the gate is registered: a later change of them finds and revokes the gate.
        backend, size = self.backend, self.blocks * self.block_size
        memory, medium = (None, None) if "execute" in vars(self) else lent(backend, self)
        if (memory is None and medium is None) or (memory is not None and len(memory) < size):
            gate.close(REVOKED)
            return None
        if isinstance(backend, Medium):
            backend.stragglers.guard(gate)
        if read_only or self.read_only:
            gate.close(PROTECTED)
        limit = (
            nexus.max_transfer if self.max_transfer is None else min(nexus.max_transfer, self.max_transfer)
        )
        memory = None if memory is None else memory[:size]
        return Grant(lun, memory, self.block_size, limit, gate, medium, size, needs_no_flush(backend))

    def vpd_pages(self) -> dict[int, Callable[[], Vpd]]:
        """The VPD pages of every unit, Power Condition, Block Limits and Block Device Characteristics."""
        return {
            **super().vpd_pages(),
            VpdPage.POWER_CONDITION: lambda: PowerConditions.build(standby_z=True, idle_a=True),
            VpdPage.BLOCK_LIMITS: self.block_limits,
            VpdPage.BLOCK_DEVICE_CHARACTERISTICS: lambda: BlockDeviceCharacteristics.build(
                medium_rotation_rate=self.rotation_rate, wabereq=1 if self.thin else 0
            ),
        }

    def block_limits(self) -> BlockLimits:
        """VPD page B0h."""
        most = LARGEST if self.max_transfer is None else min(self.max_transfer, LARGEST)
        return BlockLimits.build(
            optimal_transfer_length_granularity=1 << self._exponent,
            maximum_transfer_length=most // self.block_size,
            wsnz=True,
            maximum_compare_and_write_length=self.max_compare,
            maximum_write_same_length=MAX_WRITE_SAME // self.block_size,
            maximum_atomic_transfer_length=self.max_atomic,
        )

    def extended_inquiry_data(self) -> ExtendedInquiryData:
        """VPD page 86h: V_SUP is set while the write cache is on."""
        data = super().extended_inquiry_data()
        data.v_sup = self._write_cache
        return data


class ThinDisk(ThinCommands, ThresholdUnit, Disk):
    """A thin provisioned disk (SBC-4, 4.7.3.3): UNMAP, WRITE SAME with UNMAP, GET LBA STATUS; and, where its medium tells its
    space, the used and available space, and thresholds.

    The keywords are :class:`Disk`'s. Unmapped blocks read as zeros, and their room is freed where the medium can. Also raises
    ConfigError for a medium that cannot make zeros without writing them.
    """

    def __init__(self, backend: Backend | Medium, name: str | None = None, **given: Any) -> None:
        super().__init__(backend, name, **given)
        if not features_of(backend) & (Feature.DISCARD_ZEROS | Feature.ZERO):
            raise ConfigError(
                f"{backend!r} cannot take blocks back, or leaves no zeros there: a Medium that does has Feature.ZERO or "
                "DISCARD_ZEROS, a backend the attribute zeroes or discards"
            )

    def vpd_pages(self) -> dict[int, Callable[[], Vpd]]:
        """The VPD pages of a disk, and Logical Block Provisioning."""
        return {
            **super().vpd_pages(),
            VpdPage.LOGICAL_BLOCK_PROVISIONING: lambda: LogicalBlockProvisioning.build(
                threshold_exponent=self.threshold_exponent,
                lbpu=True,
                lbpws=True,
                lbpws10=True,
                lbprz=1,
                provisioning_type=ProvisioningType.THIN,
            ),
        }

    def block_limits(self) -> BlockLimits:
        """VPD page B0h, with the limits of UNMAP."""
        granularity, alignment = self._unmap_granularity()
        data = super().block_limits()
        data.maximum_unmap_lba_count = MAX_UNMAP // self.block_size
        data.maximum_unmap_block_descriptor_count = MAX_DESCRIPTORS
        data.optimal_unmap_granularity = granularity
        data.ugavalid = alignment is not None
        data.unmap_granularity_alignment = alignment or 0
        return data

    def _unmap_granularity(self) -> tuple[int, int | None]:
        """Blocks of the pieces in which the medium frees room, at least a physical block, and blocks before the first piece
        (SBC-4, 6.6.4); None: the first piece begins within a block. A physical block and 0 if a piece is not whole blocks, or
        too large for the page.
        """
        _, granularity, alignment = pieces_of(self.backend)
        blocks, part = divmod(granularity, self.block_size)
        if part or not 1 << self._exponent <= blocks <= 1 << 31:
            return 1 << self._exponent, 0
        before, within = divmod(alignment % granularity, self.block_size)
        return blocks, None if within else before


def lent(backend: Backend | Medium, unit: Any) -> tuple[memoryview | None, Medium | None]:
    """For the native lane: a medium's memory, or the medium itself if it is in C; neither if each command has to be executed."""
    if isinstance(backend, Medium):
        if not backend.native():
            return None, None
        memory = backend.memory()
        return memory, None if memory is not None else backend
    try:
        return backend.lend(unit), None  # type: ignore[attr-defined]
    except ValueError:  # it is closed
        return None, None


LEND, NATIVE = ("lend", "read_into", "write_from"), ("native", "channel", "memory")


def speaks_for_all(backend: Backend | Medium) -> bool:
    """Whether ``lend`` or ``native`` is valid for the other methods: defined by the same class as these, or a subclass of it."""
    first, *others = NATIVE if isinstance(backend, Medium) else LEND
    return by_its_author(backend, first, *others)


def needs_no_flush(backend: Backend | Medium) -> bool:
    """Whether a backend's flush has nothing to do: ``stable`` is set by the class that defines ``flush``, or a subclass of it."""
    return (
        getattr(backend, "stable", False)
        and "flush" not in vars(backend)
        and by_its_author(backend, "stable", "flush")
    )


def by_its_author(backend: Backend | Medium, first: str, *others: str) -> bool:
    """Whether the first name is defined by the class that defines the others, or by a subclass of it."""

    def author(name: str) -> int:
        """The position in the method resolution order of the class that defines a name."""
        return next((at for at, each in enumerate(type(backend).__mro__) if name in vars(each)), 1 << 30)

    return all(author(first) <= author(each) < 1 << 30 for each in others)
