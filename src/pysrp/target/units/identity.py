"""The identity of a logical unit: standard INQUIRY data and the identification pages of VPD.

The defaults are what AIX and IBM i look for in a virtual disk; the numbers are those that SCST gives a device of that name
in a setup. They must differ between disks, or multipath takes two disks for one. SCST leaves it to the administrator to give
each server its own ``setup_id``; here it is made of the server's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from pysrp.errors import ConfigError
from pysrp.scsi.codes import Association, CodeSet, DesignatorType
from pysrp.scsi.inquiry import (
    Designator,
    RelativeTargetPortDesignator,
    ScsiNameDesignator,
    T10VendorDesignator,
)

__all__ = ["UnitIdentity", "device_number", "server_setup_id"]

_NUMBER = re.compile("([0-9a-f]{9,16})(-|$)")
"""A generated number with more than 8 digits, so that its text does not fit into the 8 bytes of an EUI-64."""

_LIMITS = {
    "vendor": 8,
    "product": 16,
    "revision": 4,
    "serial": 252,
    "t10_dev_id": 25,
    "vendor_specific_id": 128,
}


def device_number(name: str, setup_id: int = 0) -> int:
    """The number from which SCST makes ids: ``setup_id << 32``, and a CRC-32C of the name with its final NUL.

    The CRC starts at 0 and is not inverted at the end.
    """
    crc, table = 0, _crc32c()
    for byte in name.encode() + b"\0":
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return setup_id << 32 | crc


@cache
def _crc32c() -> list[int]:
    """The CRC table, by byte."""
    table = list(range(256))
    for _ in range(8):
        table = [crc >> 1 ^ (0x82F63B78 if crc & 1 else 0) for crc in table]
    return table


def server_setup_id(server: str) -> int:
    """A ``setup_id`` for a server by its name; 0, SCST's default, for an empty name."""
    return (device_number(server) or 1) if server else 0


@dataclass(frozen=True)
class UnitIdentity:
    """The identifying fields of INQUIRY data. Texts are ASCII; ``dataclasses.replace`` makes a changed copy.

    ``serial`` is page 80h (SCST's usn). ``vendor_specific`` is in the standard INQUIRY data from byte 36 on or, if it is longer
    than 20 bytes, from byte 96 on (None: the serial). ``t10_dev_id`` and ``vendor_specific_id`` name the unit in page 83h, as do
    ``naa`` (8 or 16 bytes) and ``eui64`` (8, 12 or 16 bytes). Without these two an EUI-64 is made of the first 8 characters of
    ``t10_dev_id``, or of the number that it begins with if that contains a ``setup_id`` (SCST truncates the text there too, so
    that little is left of the name). ``scsi_name`` names the target device that the unit is in.

    Raises ConfigError for a field that is too long or malformed.
    """

    vendor: str = "IBM"
    product: str = "VDASD blkdev"
    revision: str = "0001"
    serial: str = "0"
    t10_dev_id: str = ""
    vendor_specific_id: str = ""
    vendor_specific: bytes | None = None
    naa: bytes = b""
    eui64: bytes = b""
    scsi_name: str = ""

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if len(value) > limit or not value.isascii():
                raise ConfigError(f"{name}: {value!r} is not ASCII of at most {limit} characters")
        if len(self.vendor_specific or b"") > 160:
            raise ConfigError(f"vendor_specific: {len(self.vendor_specific or b'')} bytes, 160 fit")
        lengths = {2: 8, 3: 8, 5: 8, 6: 16}
        if self.naa and lengths.get(self.naa[0] >> 4) != len(self.naa):
            raise ConfigError(f"naa: {self.naa.hex()} is neither 8 bytes of type 2, 3 or 5 nor 16 of type 6")
        if len(self.eui64) not in (0, 8, 12, 16):
            raise ConfigError(f"eui64: {len(self.eui64)} bytes, not 8, 12 or 16")
        if len(self.scsi_name.encode()) > 251:
            raise ConfigError("scsi_name is longer than 251 bytes")

    @classmethod
    def of_medium(cls, identity: str, **given: Any) -> UnitIdentity:
        """With ids made of the medium's identity (:attr:`pysrp.target.medium.Medium.identity`): the same on every server,
        whatever name the device has there. Keywords are fields, and take precedence.
        """
        number = f"{int.from_bytes(sha256(identity.encode()).digest()[:8], 'big') | 1 << 63:x}"
        t10 = f"{number}-{identity.partition(':')[0]}"[:25]
        return cls(**{"serial": number, "t10_dev_id": t10, "vendor_specific_id": t10, **given})

    @classmethod
    def named(cls, name: str, *, setup_id: int = 0, **given: Any) -> UnitIdentity:
        """With the ids that SCST generates for a device of that name; keywords are fields, and take precedence.

        They differ between servers only where ``setup_id`` does: see :func:`server_setup_id`.
        """
        number = f"{device_number(name, setup_id):x}"
        t10 = f"{number}-{name}".encode("ascii", "replace").decode()[:25]
        return cls(**{"serial": number, "t10_dev_id": t10, "vendor_specific_id": t10, **given})

    @property
    def inquiry_tail(self) -> dict[str, Any]:
        """The vendor specific bytes, as keywords for ``Inquiry.build``."""
        own = self.serial.encode() if self.vendor_specific is None else self.vendor_specific
        if len(own) > 20:
            return {"vendor_specific_parameters": own}
        return {"vendor_specific": own.ljust(20, b" " if self.vendor_specific is None else b"\0")}

    def designators(self, relative_port: int = 1) -> list[Designator]:
        """The designators of page 83h, in SCST's order, for the target port with this relative identifier."""
        found: list[Designator] = []
        if self.scsi_name:
            found.append(ScsiNameDesignator.build(association=Association.TARGET_DEVICE, name=self.scsi_name))
        found.append(
            T10VendorDesignator.build(
                t10_vendor_identification=self.vendor,
                vendor_specific_identifier=self.vendor_specific_id or self.serial,
            )
        )
        found.append(
            RelativeTargetPortDesignator.build(
                association=Association.TARGET_PORT, relative_target_port_identifier=relative_port
            )
        )
        eui64 = self.eui64
        if not (eui64 or self.naa):
            text = self.t10_dev_id or self.serial
            number = _NUMBER.match(text)
            eui64 = int(number[1], 16).to_bytes(8, "big") if number else text.encode()[:8].ljust(8, b"\0")
        for kind, raw in (DesignatorType.EUI_64, eui64), (DesignatorType.NAA, self.naa):
            if raw:
                found.append(Designator.build(code_set=CodeSet.BINARY, designator_type=kind, designator=raw))
        return found
