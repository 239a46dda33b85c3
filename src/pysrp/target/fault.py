"""Sense data that a command ends with (SPC-5, 4.4), as an exception."""

from __future__ import annotations

from typing import Literal

from pysrp.scsi.codes import SenseKey
from pysrp.scsi.sense import FieldPointer, ProgressIndication, sense

__all__ = ["Fault", "Pointer"]

Pointer = tuple[Literal["cdb", "data"], int, int | None]
"""The field in error (SPC-5, 4.4.2.4.2): in the CDB or in the data-out, its first byte, and its highest bit
where it is not whole bytes."""


class Fault(Exception):
    """Ends a command with CHECK CONDITION: sense key, ``asc << 8 | ascq``, the field in error if one is.

    ``information`` is the INFORMATION field, of up to 64 bits (SBC-3, 4.18.1): an LBA, or the offset of a
    miscompare. In fixed format what needs more than 32 bits is left out, with VALID 0. ``progress`` is how far
    what goes on is, from 0 to 1 (SPC-5, 4.4.2.4.4). ``deferred`` is set of what an earlier command has led to.
    """

    def __init__(
        self,
        key: SenseKey,
        code: int,
        pointer: Pointer | None = None,
        *,
        information: int | None = None,
        progress: float | None = None,
    ) -> None:
        super().__init__(f"{key.name} {code >> 8:02x}/{code & 0xFF:02x}")
        self.key = key
        self.code = code
        self.pointer = pointer
        self.information = information
        self.progress = progress
        self.deferred = False

    def data(self, descriptor: bool = False) -> bytes:
        """The sense data, in descriptor format or in fixed."""
        specific: FieldPointer | ProgressIndication | None = None
        if self.pointer is not None:
            specific = FieldPointer.at(*self.pointer)
        elif self.progress is not None:
            done = min(max(int(self.progress * 0x10000), 0), 0xFFFF)
            specific = ProgressIndication.build(sksv=True, progress_indication=done)
        return bytes(
            sense(
                self.key,
                self.code >> 8,
                self.code & 0xFF,
                fmt="descriptor" if descriptor else "fixed",
                deferred=self.deferred,
                sks=specific,
                information=self.information,
            )
        )
