"""The command table of a logical unit: one entry per CDB, one handler each.

A handler is a method marked with :func:`command`. All commands of a class, with the inherited ones, are in its
``commands``, a :class:`CommandTable`; REPORT SUPPORTED OPERATION CODES is made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, TypeVar

from pysrp.fields import Int
from pysrp.scsi.cdb import Cdb
from pysrp.target.effects import Effects
from pysrp.target.fault import Fault, Pointer
from pysrp.target.task import Task

__all__ = ["CommandTable", "Conflict", "Fault", "Pointer", "SupportedCdb", "command", "pointer"]

Handler = TypeVar("Handler", bound=Callable[..., Any])

IGNORED = frozenset(
    {
        "obsolete_lun",  # Linux fills it in until it has read the version of the INQUIRY data
        "group_number",
        "fua_nv",
        "sync_nv",
        "dld",
        "dld0",
        "dld1",
        "dld2",
        "streaming",
        "control_vendor_specific",
        "reservation_identification",  # of extents and third parties, both refused
        "third_party_device_id",
        "extent_list_length",
        # Values to compare protection information with: commands that ask for that are refused.
        "expected_initial_logical_block_reference_tag",
        "expected_logical_block_application_tag",
        "logical_block_application_tag_mask",
    }
)
"""CDB fields that are ignored: hints without use here, and fields that old initiators fill in."""

REFUSED = frozenset(
    {"naca", "control_obsolete", "reladr", "rdprotect", "wrprotect", "vrprotect", "orprotect"}
)
"""CDB fields that must be zero, as no unit here supports ACA, linked commands, relative addresses, or protection
information (SBC-3, 5.8 and its siblings: INVALID FIELD IN CDB from a unit without any).
"""


class Conflict(IntEnum):
    """With which reservations of another nexus a command conflicts; each member includes the ones before it.

    The tables of SPC-2, 5.5.1 (RESERVE), and SPC-5, 5.14.1, and SBC-4, 4.17 (persistent reservations), have these four
    kinds of rows, and no other.
    """

    NEVER = 0
    """With none: INQUIRY."""
    RESERVE = 1
    """With RESERVE of SPC-2, but with no persistent reservation: TEST UNIT READY."""
    EXCLUSIVE_ACCESS = 2
    """With the types Exclusive Access too, as the command reads from the unit: READ."""
    ALWAYS = 3
    """With the types Write Exclusive too, as the command changes something: WRITE."""


SHORT = 60
"""Recommended timeout, in seconds, of a command for one transfer: the timeout of Linux' ibmvscsi."""

LONG = 3600
"""Recommended timeout, in seconds, of a command that may affect all blocks, or all cached data."""


def pointer(field: Any, base: int | None = None) -> Pointer:
    """A pointer to a field of a CDB, or of a structure that begins ``base`` bytes into the data-out."""
    at: tuple[int, int | None] = (field.offset, None)
    if isinstance(field, Int) and field.width != 8 * field.size:
        top = field.shift + field.width - 1
        at = field.offset + field.size - 1 - top // 8, top % 8
    return ("cdb", *at) if base is None else ("data", base + at[0], at[1])


@dataclass(frozen=True)
class SupportedCdb:
    """One supported CDB: its class, the method that handles it, and when it may run."""

    cdb: type[Cdb]
    handler: Callable[[Any, Task, Any], Effects]
    medium: bool = False
    """Whether it needs the unit started and its medium present."""
    reports_attention: bool = True
    """Whether a pending unit attention is reported instead of executing it (SAM-5, 5.14)."""
    conflicts: Conflict | Callable[[bytes], Conflict] = Conflict.ALWAYS
    """RESERVATION CONFLICT while another nexus has such a reservation; a function decides by the CDB."""
    refuses: frozenset[str] = frozenset()
    ignores: frozenset[str] = frozenset()
    """Fields that are ignored, beside :data:`IGNORED`."""
    timeout: int = SHORT
    """Seconds that an initiator should give it (RECOMMENDED COMMAND TIMEOUT; SPC-4, 6.35.4)."""
    when: str | None = None
    """The name of a unit's attribute that is true if the unit has the command; None: every unit of the class has it."""
    only: int | None = None
    """The service action, if the CDB's class is used for several."""
    refused: int = field(default=0, repr=False)
    """Mask over the CDB, as one integer of its bytes from the first up, of the bits that must be zero."""

    @property
    def opcode(self) -> int:
        """First byte of the CDB."""
        found: Any = self.cdb.opcode
        return int(found.must)

    @property
    def action(self) -> int | None:
        """Service action, None for a command without one."""
        if self.only is not None:
            return self.only
        found = getattr(self.cdb, "service_action", None)
        return None if found is None else int(found.must)

    def there(self, unit: object) -> bool:
        """Whether this unit has the command."""
        return self.when is None or bool(getattr(unit, self.when))

    def conflict(self, cdb: bytes) -> Conflict:
        """The reservations that this CDB conflicts with."""
        return self.conflicts(cdb) if callable(self.conflicts) else self.conflicts

    @property
    def usage(self) -> bytes:
        """CDB usage data (SPC-5, 6.35.3): the opcode and service action, and ones for all other bits that are evaluated."""
        mask = 0
        for f in _fields(self.cdb):
            if f.name == "service_action":
                mask |= _mask(f, self.action)
            elif f.name not in IGNORED | self.refuses | self.ignores:
                mask |= _mask(f, f.must)
        return mask.to_bytes(self.cdb.SIZE, "little")

    def first_refused(self, bits: int) -> Pointer:
        """A pointer to the first field that must be zero and is not."""
        for f in sorted((f for f in self.cdb.FIELDS if f.name in self.refuses), key=lambda f: f.offset):
            if bits & _mask(f):
                return pointer(f)
        raise ValueError("every refused field is zero")


def _fields(cdb: type[Cdb]) -> Iterator[Any]:
    return (f for f in cdb.FIELDS if not f.reserved and not f.variable)


def _mask(f: Any, value: int | None = None) -> int:
    """The bits of a field, or a value in it, in a little-endian integer of all bytes."""
    width, shift = (f.width, f.shift) if isinstance(f, Int) else (8 * f.size, 0)
    bits: int = ((1 << width) - 1 if value is None else int(value)) << shift
    mask: int = int.from_bytes(bits.to_bytes(f.size, "big"), "little") << 8 * f.offset
    return mask


def command(
    *cdbs: type[Cdb],
    medium: bool = False,
    reports_attention: bool = True,
    conflicts: Conflict | bool | Callable[[bytes], Conflict | bool] = Conflict.ALWAYS,
    refuses: Iterable[str] = (),
    ignores: Iterable[str] = (),
    actions: Iterable[int] | None = None,
    timeout: int = SHORT,
    when: str | None = None,
    strict: bool = False,
) -> Callable[[Handler], Handler]:
    """Mark a method ``handler(self, task, cdb)`` as the handler of these CDB classes.

    ``refuses`` names fields that must be zero in addition to :data:`REFUSED`; with ``strict`` reserved fields must be zero too,
    which a device server may check (SPC-4, 4.3.2). ``actions`` are the service actions, for a CDB class that has several
    (PERSISTENT RESERVE IN). The other keywords are :class:`SupportedCdb`'s; for ``conflicts``, True is ALWAYS and False NEVER.
    """
    conflicting = _by_cdb(conflicts) if callable(conflicts) else _conflict(conflicts)
    ignored = frozenset(ignores)
    marked: list[tuple[type[Cdb], frozenset[str], int]] = []
    for cdb in cdbs:
        names = {f.name for f in _fields(cdb)}
        refused = frozenset(refuses) | REFUSED & names
        if not refused <= names:
            raise TypeError(f"{cdb.__name__} has no {', '.join(sorted(refused - names))}")
        if strict:
            refused |= {f.name for f in cdb.FIELDS if f.reserved}
        mask = sum(_mask(f) for f in cdb.FIELDS if f.name in refused)
        marked.append((cdb, refused, mask))

    def mark(handler: Handler) -> Handler:
        found = getattr(handler, "__scsi__", ())
        more = [
            SupportedCdb(
                cdb,
                handler,
                medium,
                reports_attention,
                conflicting,
                refused,
                ignored,
                timeout,
                when,
                only,
                mask,
            )
            for cdb, refused, mask in marked
            for only in ([None] if actions is None else map(int, actions))
        ]
        handler.__scsi__ = [*found, *more]  # type: ignore[attr-defined]
        return handler

    return mark


def _conflict(given: Conflict | bool) -> Conflict:
    if isinstance(given, bool):
        return Conflict.ALWAYS if given else Conflict.NEVER
    return Conflict(given)


def _by_cdb(decide: Callable[[bytes], Conflict | bool]) -> Callable[[bytes], Conflict]:
    return lambda cdb: _conflict(decide(cdb))


class CommandTable:
    """The commands of a class of logical units, by opcode: a :class:`SupportedCdb`, or a dictionary by service action."""

    def __init__(self, cls: type) -> None:
        self.by_opcode: dict[int, SupportedCdb | dict[int, SupportedCdb]] = {}
        handlers = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if hasattr(value, "__scsi__"):
                    handlers[name] = value.__scsi__
        for name, marked in handlers.items():
            for entry in marked:
                # A method that overrides a marked one is the handler, even if it is not marked itself.
                self._add(replace(entry, handler=getattr(cls, name)))

    def _add(self, entry: SupportedCdb) -> None:
        if entry.action is None:
            self.by_opcode[entry.opcode] = entry
            return
        actions = self.by_opcode.setdefault(entry.opcode, {})
        assert isinstance(actions, dict)
        actions[entry.action] = entry

    def __iter__(self) -> Iterator[SupportedCdb]:
        """Every command, by opcode and service action."""
        for _, entry in sorted(self.by_opcode.items()):
            if isinstance(entry, SupportedCdb):
                yield entry
            else:
                yield from (entry[action] for action in sorted(entry))
