"""A disk: a direct access block device over a medium (SBC-4).

Linux ``sd``, sg3_utils, SLOF and AIX are the readers that its answers have been made for. Its commands are in
:mod:`pysrp.target.units`.
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
"""All that SBC-3 says a disk has to have is there, and no version of it is claimed (SPC-5, annex F.8)."""

GRANTED = frozenset({"__class__", "backend", "block_size", "blocks", "execute", "max_transfer", "read_only"})
"""What a grant has been made of, and is not true of any more when somebody sets another."""

TELLS = frozenset(
    {
        "block_limits", "commands", "exported", "extended_inquiry_data", "identity", "inquiry", "inquiry_data", "log_pages",
        "version_descriptors", "vpd_pages",
    }
)  # fmt: skip
"""What INQUIRY and LOG SENSE are made of: whatever they tell, READ and WRITE are what they were."""

LOOKED_UP = frozenset({"__delattr__", "__eq__", "__getattr__", "__getattribute__", "__hash__", "__setattr__"})
"""Of the names that Python gives a meaning to, those by which something of a disk may become another."""


def adds_only(kind: type[Disk]) -> bool:
    """Whether a subclass replaces nothing of a disk but what INQUIRY tells.

    It may have commands, state, and an ``__init__`` of its own.
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
    """A disk with blocks of ``block_size`` bytes: 512, 1024, 2048 or 4096. What is past the last is not used.

    ``read_only`` protects it even if the backend does not. ``write_through``: a write is on the medium
    before it is GOOD (initiators see and may change that as WCE). ``physical_block_size`` (bytes; None: as the
    medium says) and ``rotation_rate`` (0 not reported, 1 no rotation, else per minute) are hints to initiators. The other
    keywords are :class:`~pysrp.target.unit.LogicalUnit`'s; ``max_transfer`` is rounded down to whole blocks.

    It is fully provisioned, whatever its medium is: for one that takes blocks back see :class:`ThinDisk`.

    The native lane copies from and to a backend that lends its memory (:meth:`pysrp.backends.Backend.lend`), and submits to
    a medium in C (:class:`pysrp.target.native_medium.NativeMedium`), as long as nothing in :meth:`execute` would stand in
    the way. A subclass that replaces anything of a disk, but for what INQUIRY tells, is always asked.

    ``backend`` is a :class:`pysrp.backends.Backend` or a :class:`pysrp.target.medium.Medium`, and the caller's: nothing
    here closes it. Raises ConfigError for a block size that is none of
    these, a physical one that is no multiple by a power of two, a medium smaller than a block, or in blocks that are
    no part of these.
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
        object.__setattr__(self, name, value)  # half of what super() costs, at every attribute
        if name in GRANTED and hasattr(self, "_gates"):
            self.revoke()

    def grant(self, nexus: Nexus, lun: int, read_only: bool = False) -> Grant | None:
        """Its medium, if READ and WRITE are copies from and to that and nothing else."""
        if not adds_only(type(self)) or not speaks_for_all(self.backend):
            return None
        gate = self._gate(nexus, lun)
        # Only now is looked at what is granted: whoever changes it later finds the gate.
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
        """Those of every unit, Power Condition, Block Limits and Block Device Characteristics."""
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
        """VPD page 86h: V_SUP, as there is a volatile cache unless it is off."""
        data = super().extended_inquiry_data()
        data.v_sup = self._write_cache
        return data


class ThinDisk(ThinCommands, ThresholdUnit, Disk):
    """A disk that takes blocks back (SBC-4, 4.7.3.3): UNMAP, WRITE SAME with UNMAP, GET LBA STATUS; and where its medium
    tells of its room, how much there is, and thresholds.

    The keywords are :class:`Disk`'s. What is unmapped reads as zeros, and gives its room back where the medium can. Raises
    ConfigError too for a medium that cannot leave zeros without writing them.
    """

    def __init__(self, backend: Backend | Medium, name: str | None = None, **given: Any) -> None:
        super().__init__(backend, name, **given)
        if not features_of(backend) & (Feature.DISCARD_ZEROS | Feature.ZERO):
            raise ConfigError(
                f"{backend!r} cannot take blocks back, or leaves no zeros there: a Medium that does has Feature.ZERO or "
                "DISCARD_ZEROS, a backend the attribute zeroes or discards"
            )

    def vpd_pages(self) -> dict[int, Callable[[], Vpd]]:
        """Those of a disk, and Logical Block Provisioning."""
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
        """Blocks of the pieces that the medium gives room back in, physical blocks at least, and before the first one (SBC-4,
        6.6.4); None: that is within a block. Physical blocks if they are none, or too many for the page.
        """
        _, granularity, alignment = pieces_of(self.backend)
        blocks, part = divmod(granularity, self.block_size)
        if part or not 1 << self._exponent <= blocks <= 1 << 31:
            return 1 << self._exponent, 0
        before, within = divmod(alignment % granularity, self.block_size)
        return blocks, None if within else before


def lent(backend: Backend | Medium, unit: Any) -> tuple[memoryview | None, Medium | None]:
    """The memory of a medium, or itself where it is no memory and can be submitted to; neither where it is asked."""
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
    """Whether what says how to do without the others is theirs: written by who wrote those, or later."""
    first, *others = NATIVE if isinstance(backend, Medium) else LEND
    return by_its_author(backend, first, *others)


def needs_no_flush(backend: Backend | Medium) -> bool:
    """Whether a backend's flush has nothing to do, by the word of who wrote it, or later."""
    return (
        getattr(backend, "stable", False)
        and "flush" not in vars(backend)
        and by_its_author(backend, "stable", "flush")
    )


def by_its_author(backend: Backend | Medium, first: str, *others: str) -> bool:
    """Whether the first name is theirs who wrote the others, or wrote later."""

    def author(name: str) -> int:
        """How far from the class its author is."""
        return next((at for at, each in enumerate(type(backend).__mro__) if name in vars(each)), 1 << 30)

    return all(author(first) <= author(each) < 1 << 30 for each in others)
