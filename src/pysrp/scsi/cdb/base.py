"""The parts of every CDB: group, length, CONTROL, direction and amount of data; and the choice of a class for a CDB."""

from __future__ import annotations

from types import EllipsisType
from typing import Any, ClassVar

from pysrp import tables
from pysrp.fields import U8, U16, Bits, Dispatch, Field, Flag, Part, Structure
from pysrp.scsi import texts
from pysrp.scsi.codes import (
    DataDirection,
    MaintenanceInAction,
    MaintenanceOutAction,
    Opcode,
    ServiceActionIn16,
    ServiceActionOut16,
    ThirdPartyCopyInAction,
    ThirdPartyCopyOutAction,
    VariableLengthAction,
)

__all__ = [
    "Cdb",
    "Cdb6",
    "Cdb10",
    "Cdb12",
    "Cdb16",
    "Cdb32",
    "commands",
    "parse_cdb",
    "record_cdb",
]


_ACTIONS: dict[int, Any] = {
    Opcode.VARIABLE_LENGTH: VariableLengthAction,
    Opcode.THIRD_PARTY_COPY_OUT: ThirdPartyCopyOutAction,
    Opcode.THIRD_PARTY_COPY_IN: ThirdPartyCopyInAction,
    Opcode.SERVICE_ACTION_IN_16: ServiceActionIn16,
    Opcode.SERVICE_ACTION_OUT_16: ServiceActionOut16,
    Opcode.MAINTENANCE_IN: MaintenanceInAction,
    Opcode.MAINTENANCE_OUT: MaintenanceOutAction,
}


_GROUP_LENGTH = 6, 10, 10, None, 16, 12, None, None


def _body_length(cdb: Cdb) -> int:
    """Bytes after the opcode, by its group (SPC-4, 4.2.5.1); all that there are, where the group has no fixed length."""
    raw = memoryview(cdb)
    opcode = raw[0]
    if opcode == Opcode.VARIABLE_LENGTH and len(raw) >= 8:
        return 7 + raw[7]
    return (_GROUP_LENGTH[opcode >> 5] or len(raw)) - 1


class Group:
    """Base of a group of fields that commands inherit. A group may also define blocks and data (see :class:`Cdb`)."""

    __slots__ = ()
    TEXTS: ClassVar[dict[str, str]] = texts.CDB
    _data: ClassVar[tuple[DataDirection | None, str | int | EllipsisType | None]] = (None, None)
    _blocks: ClassVar[str | None] = None


class Cdb(Group, Structure):
    """Any CDB, 1 to 263 bytes: the opcode, and the bytes after it, whose number the group code gives (SPC-4, 4.2.5).

    :func:`parse_cdb` returns a subclass with ``opcode=`` for that opcode, one with ``service_action=`` for that service
    action of the opcode. Further keywords: ``name`` (the standard's), ``size`` in bytes, ``control`` (offset of the CONTROL
    byte), ``blocks`` (name of the field that counts logical blocks), and ``data_in`` or ``data_out`` for the amount of data:
    the name of a field that counts bytes, or ``"blocks"``, or a number of bytes, or ``...`` where the CDB does not tell.
    Blocks and data that are not given are inherited; a base may be a plain class with a group of fields. Raises TypeError
    for a field that does not exist.
    """

    __slots__ = ()

    def __init_subclass__(
        cls,
        opcode: int | None = None,
        service_action: int | None = None,
        name: str | None = None,
        control: int | None = None,
        blocks: str | None = None,
        data_in: str | int | EllipsisType | None = None,
        data_out: str | int | EllipsisType | None = None,
        **options: Any,
    ) -> None:
        own: dict[str, Any] = {"body": None}  # only a plain Cdb has ``body``: a command has a table
        if opcode is not None:
            own["name"] = name or cls.__name__
            own["opcode"] = U8(0, must=opcode, hex=True, enum=_if_known(Opcode, opcode))
        if service_action is not None:
            actions = _if_known(_ACTIONS.get(opcode or 0), service_action)
            if opcode == Opcode.VARIABLE_LENGTH:
                own["service_action"] = U16(8, must=service_action, hex=True, enum=actions)
            else:
                own["service_action"] = Bits(1, 0, 5, must=service_action, hex=True, enum=actions)
        if control is not None:
            own["control_vendor_specific"] = Bits(control, 6, 2)
            own["naca"] = Flag(control, 2)
            own["control_obsolete"] = Bits(control, 0, 2)
        for key, value in own.items():
            if key not in cls.__dict__:
                setattr(cls, key, value)
                if isinstance(value, Field):
                    value.__set_name__(cls, key)
        super().__init_subclass__(**options)
        if opcode is None:
            return
        if blocks is not None:
            cls._blocks = blocks
        if data_in is not None:
            cls._data = DataDirection.IN, data_in
        elif data_out is not None:
            cls._data = DataDirection.OUT, data_out
        elif cls._data[0] is None:
            cls._data = DataDirection.NONE, 0
        for field in cls._blocks, cls._data[1]:
            if isinstance(field, str) and not hasattr(cls, field):
                raise TypeError(f"{cls.__name__} has no field {field!r}")
        _register(cls, opcode, service_action)

    opcode = U8(0, hex=True)
    body = Part(1, _body_length, clamp=True)

    @property
    def name(self) -> str:
        """The standard's name of the command; also a class attribute, where the class has a table."""
        raw = memoryview(self)
        action = None
        if raw[0] == Opcode.VARIABLE_LENGTH:
            action = int.from_bytes(raw[8:10], "big") if len(raw) >= 10 else None
        elif len(raw) >= 2:
            action = raw[1] & 0x1F
        return tables.opcode_name(raw[0], service_action=action)

    @property
    def data_direction(self) -> DataDirection | None:
        """Direction of the data, NONE if the command has no data; None if it is not known."""
        return self._data[0]

    def data_length(self, block_size: int = 512) -> int | None:
        """The most bytes that the command may transfer; None where the CDB does not tell.

        ``block_size`` is the bytes of a logical block as transferred: with its protection information, if
        the protect field of the CDB asks for that.
        """
        source = self._data[1]
        if source == "blocks":
            return (self.blocks or 0) * block_size
        if isinstance(source, str):
            return int(getattr(self, source))
        return source if isinstance(source, int) else None

    @property
    def blocks(self) -> int | None:
        """Number of logical blocks in the command's field; None if the command has no such field.

        0 means no blocks in a read, write or verify, and all blocks up to the last in SYNCHRONIZE CACHE, PRE-FETCH
        and (unless WSNZ is set) WRITE SAME.
        """
        return None if self._blocks is None else int(getattr(self, self._blocks))


commands = Dispatch("opcode", 0, default=Cdb, trim=True)


_nested: dict[int, Dispatch] = {}


def _if_known(codes: Any, value: int) -> Any:
    """``codes``, if it has the value, else None: a command that a user adds must not violate the standard's list."""
    try:
        if codes is not None:
            codes(value)
        return codes
    except ValueError:
        return None


def _register(cls: type[Cdb], opcode: int, service_action: int | None) -> None:
    if service_action is None:
        commands.add(opcode, cls)
        return
    if opcode not in _nested:
        if opcode == Opcode.VARIABLE_LENGTH:
            actions = Dispatch("service action", 8, 2, default=Cdb)
        else:
            actions = Dispatch("service action", 1, 1, 0, 5, default=Cdb)
        commands.add(opcode, actions)
        _nested[opcode] = actions
    _nested[opcode].add(service_action, cls)


class Cdb6(Cdb, size=6, control=5):
    """The 6-byte CDBs, opcodes 00h to 1Fh (SPC-4, 4.2.5.2); CONTROL is the last byte."""

    __slots__ = ()


class Cdb10(Cdb, size=10, control=9):
    """The 10-byte CDBs, opcodes 20h to 5Fh (SPC-4, 4.2.5.3); CONTROL is the last byte."""

    __slots__ = ()


class Cdb12(Cdb, size=12, control=11):
    """The 12-byte CDBs, opcodes A0h to BFh (SPC-4, 4.2.5.4); CONTROL is the last byte."""

    __slots__ = ()


class Cdb16(Cdb, size=16, control=15):
    """The 16-byte CDBs, opcodes 80h to 9Fh (SPC-4, 4.2.5.5); CONTROL is the last byte."""

    __slots__ = ()


class Cdb32(Cdb, size=32, control=1):
    """The 32-byte form of the variable length CDB, opcode 7Fh (SPC-4, 4.2.5.6); CONTROL is byte 1."""

    __slots__ = ()
    additional_cdb_length = U8(7, must=24)


parse_cdb = commands.parse
record_cdb = commands.record
