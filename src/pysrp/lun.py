"""Logical unit numbers: the SAM-5 value type, and how SCST and Linux number units.

``Lun`` holds the eight bytes and knows every addressing method. Programs differ in how they number
units, so each program's way is a function with that program's name.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, SupportsIndex

from pysrp._fast.lun import Lun
from pysrp.errors import DecodeError, EncodeError

__all__ = [
    "ACCESS_CONTROLS",
    "REPORT_LUNS",
    "TARGET_LOG_PAGES",
    "AddressMethod",
    "Hctl",
    "Lun",
    "from_hctl",
    "hctl",
    "int_to_scsilun",
    "scsilun_to_int",
    "scst_pack",
    "scst_unpack",
]

REPORT_LUNS = Lun.well_known(0x01)
ACCESS_CONTROLS = Lun.well_known(0x02)
TARGET_LOG_PAGES = Lun.well_known(0x03)


class AddressMethod(IntEnum):
    """The two top bits of a level (SAM-5, 4.7.4)."""

    PERIPHERAL = 0
    FLAT = 1
    LUN = 2
    EXTENDED = 3


class Hctl(NamedTuple):
    """Linux's address below a host: channel (the bus), id (the target), lun."""

    channel: int
    id: int
    lun: int


def _method(method: AddressMethod | int | str) -> AddressMethod:
    if isinstance(method, str):
        try:
            return AddressMethod[method.strip().upper()]
        except KeyError:
            raise EncodeError(
                f"{method!r} is no addressing method: PERIPHERAL, FLAT or LUN", field="method"
            ) from None
    return AddressMethod(method)


def scst_pack(lun: int, method: AddressMethod | int | str = AddressMethod.PERIPHERAL) -> Lun:
    """SCST's LUN number (14 bits) in an addressing method: PERIPHERAL, FLAT or LUN (scst_lib.c).

    LUN 0 is eight zero bytes in every method; others are ``method << 14 | lun``, even where the method
    gives these bits another meaning. Raises EncodeError above 16383 or for another method.
    """
    chosen = _method(method)
    if chosen > AddressMethod.LUN:
        raise EncodeError(f"SCST has no {chosen.name} method", field="method")
    if not 0 <= lun <= 0x3FFF:
        raise EncodeError(f"lun: {lun} is not in 0..16383", field="lun")
    return Lun() if lun == 0 else Lun.multi_level(chosen << 14 | lun)


def scst_unpack(lun: Lun | bytes | bytearray | memoryview) -> int:
    """The 14-bit number SCST reads from 2, 4, 6 or 8 bytes, in any of its three methods (scst_lib.c).

    Raises DecodeError where SCST finds no unit: the extended method, further levels, or another length.
    """
    raw = bytes(lun)
    if len(raw) not in (2, 4, 6, 8):
        raise DecodeError(f"a LUN of {len(raw)} bytes", field="lun", need=8, have=len(raw))
    if any(raw[2:]):
        raise DecodeError(f"LUN {raw.hex()} has more than one level", field="lun", offset=2)
    if raw[0] >> 6 == AddressMethod.EXTENDED:
        raise DecodeError(f"LUN {raw.hex()} uses the extended method", field="lun")
    return (raw[0] & 0x3F) << 8 | raw[1]


def hctl(lun: Lun) -> Hctl:
    """Linux's channel, id and lun of a logical unit method LUN, as ibmvscsi numbers them.

    Raises DecodeError for another method or further levels.
    """
    if lun.method != AddressMethod.LUN or any(lun.levels[1:]):
        raise DecodeError(f"LUN {lun} is not in the logical unit addressing method", field="lun")
    return Hctl(lun.bus, lun.target, lun.lun)


def from_hctl(channel: int, id: int, lun: int) -> Lun:
    """The LUN that ibmvscsi sends for a Linux address: ``8000h | id << 8 | channel << 5 | lun``.

    Raises EncodeError beyond 3, 6 and 5 bits.
    """
    return Lun.logical_unit(id, channel, lun)


def int_to_scsilun(lun: SupportsIndex) -> Lun:
    """Linux's ``int_to_scsilun``: 16-bit groups of the integer, least significant first (scsi_common.c)."""
    value = lun.__index__()
    if not 0 <= value < 1 << 64:
        raise EncodeError(f"lun: {value} does not fit 64 bits", field="lun")
    return Lun.multi_level(*(value >> shift & 0xFFFF for shift in (0, 16, 32, 48)))


def scsilun_to_int(lun: Lun | bytes | bytearray | memoryview) -> int:
    """Linux's ``scsilun_to_int``, the inverse of :func:`int_to_scsilun` (scsi_common.c)."""
    return sum(level << 16 * i for i, level in enumerate(Lun(bytes(lun)).levels))
