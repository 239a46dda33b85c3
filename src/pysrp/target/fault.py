"""Sense data that a command ends with (SPC-5, 4.4), as an exception."""

from __future__ import annotations

from typing import Literal

from pysrp.scsi.codes import SenseKey
from pysrp.scsi.sense import FieldPointer, ProgressIndication, SegmentPointer, sense

__all__ = ["Fault", "Pointer"]

Pointer = tuple[Literal["cdb", "data", "segment"], int, int | None]
"""The field in error (SPC-5, 4.4.2.4.2 and 4.4.2.4.5): in the CDB, in the data-out or in a segment descriptor there, its first
byte, and its highest bit where it is not whole bytes."""


class Fault(Exception):
    """Ends a command with CHECK CONDITION: sense key, ``asc << 8 | ascq``, and the field in error, if there is one.

    ``information`` is the INFORMATION field, of up to 64 bits (SBC-3, 4.18.1): an LBA, or the offset of a miscompare. Fixed
    format leaves out a value of more than 32 bits, with VALID 0. ``progress`` is the PROGRESS INDICATION of a job, from 0 to 1
    (SPC-5, 4.4.2.4.4). ``command_specific`` is the COMMAND-SPECIFIC INFORMATION field, of up to 64 bits: for COPY ABORTED the
    segment number. ``deferred`` is set for the deferred error of an earlier command.
    """

    def __init__(
        self,
        key: SenseKey,
        code: int,
        pointer: Pointer | None = None,
        *,
        information: int | None = None,
        progress: float | None = None,
        command_specific: int | None = None,
    ) -> None:
        super().__init__(f"{key.name} {code >> 8:02x}/{code & 0xFF:02x}")
        self.key = key
        self.code = code
        self.pointer = pointer
        self.information = information
        self.progress = progress
        self.command_specific = command_specific
        self.deferred = False

    def data(self, descriptor: bool = False) -> bytes:
        """The sense data, in descriptor format or in fixed format."""
        specific: FieldPointer | ProgressIndication | SegmentPointer | None = None
        if self.pointer is not None:
            where, byte, bit = self.pointer
            if where == "segment":
                specific = SegmentPointer.at(byte, bit, descriptor=True)
            else:
                specific = FieldPointer.at(where, byte, bit)
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
                command_specific=self.command_specific,
            )
        )
