"""Memory for the IUs of a client, and for the tables of descriptors that do not fit into them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from pysrp import srp
from pysrp._fast.commands import Ius
from pysrp.errors import EncodeError
from pysrp.initiator.requests import Command, Segment, TaskManagement

__all__ = ["IuMemory"]

_TABLE = struct.Struct(">QIII").pack_into
_ENTRY = struct.Struct(">QII").pack


def _descriptor(segment: Segment) -> Segment:
    """The segment in the order of :class:`pysrp.srp.DirectBuf`: the handle before the length."""
    return (segment[0], segment[2], segment[1]) if len(segment) == 3 else segment


class IuMemory(Ius):
    """Slots with an IU of ``iu_size`` bytes each. Behind the slots each has two tables of ``segments`` descriptors, as
    a command may have data in both directions.

    ``view`` is memory that the server can reach, at ``address`` and with memory handle ``key``; only its first
    :meth:`size` bytes are used. At most ``inline`` entries of an indirect descriptor stand beside it
    in the IU. ``near`` gives the bytes of a segment in this process' memory, or None where it cannot; then the data
    is not sent in the IU.
    """

    largest: int

    def __init__(
        self,
        view: memoryview,
        address: int,
        *,
        slots: int,
        iu_size: int,
        segments: int,
        inline: int,
        key: int = 0,
        near: Callable[[Segment], memoryview | None] = lambda _: None,
    ) -> None:
        self.slots = slots
        self.segments = segments
        self.inline = inline
        self.key = key
        self.iu_size = self.largest = iu_size
        """Bytes of a slot, and of the largest IU that the target takes."""
        self.near = near
        self.immediate = 0
        """Offset in an SRP_CMD at which immediate data begins, in bytes, as agreed at login; 0: there is none."""
        self._empty = bytes(iu_size)
        self.moved(view, address)

    @staticmethod
    def size(slots: int, iu_size: int, segments: int) -> int:
        """Bytes of memory that ``slots`` slots need."""
        return slots * (iu_size + 2 * 16 * segments)

    def moved(self, view: memoryview, address: int) -> None:
        """Use other memory from now on. No request may be under way."""
        self.view = view
        self.address = address
        self._tables = self.slots * self.iu_size

    def clear(self, slot: int) -> int:
        """Fill the IU of a slot with zeros, as ibmvscsi does; returns its offset in ``view``."""
        start = slot * self.iu_size
        self.view[start : start + self.iu_size] = self._empty
        return start

    def pack_command(self, slot: int, tag: int, command: Command) -> int:
        """Write an SRP_CMD and its tables; returns the length of the IU. Raises EncodeError for values that do not fit."""
        start = slot * self.iu_size
        view = self.view
        view[start : start + self.iu_size] = self._empty
        out, into = command.data_out, command.data_in
        if not out and len(into) == 1:
            return srp.Cmd.pack_into(
                view,
                start,
                tag=tag,
                lun=command.lun,
                task_attr=command.attribute,
                cdb=command.cdb,
                data_in=_descriptor(into[0]),
            )
        if not out and not into:
            return srp.Cmd.pack_into(
                view, start, tag=tag, lun=command.lun, task_attr=command.attribute, cdb=command.cdb
            )
        if self.immediate and not into:
            length = self._pack_immediate(command, start, tag)
            if length:
                return length
        return self._pack_buffers(command, slot, tag)

    def _pack_immediate(self, command: Command, start: int, tag: int) -> int:
        """Pack a command with its data-out behind it, and return the length; 0 if that does not fit, or ``near`` gives None."""
        at, segments = self.immediate, command.data_out
        size = sum(segment[1] for segment in segments)
        own = srp.Cmd.SIZE + max(0, len(command.cdb) - 16 + 3 & ~3) + srp.ImmBuf.SIZE
        if not size or own > at or at + size > self.largest:
            return 0
        parts = [part for part in map(self.near, segments) if part is not None]
        if len(parts) < len(segments):
            return 0
        srp.Cmd.pack_into(
            self.view,
            start,
            tag=tag,
            lun=command.lun,
            task_attr=command.attribute,
            cdb=command.cdb,
            data_out=srp.ImmBuf.build(len=size),
        )
        for segment, part in zip(segments, parts, strict=True):
            self.view[start + at : start + at + segment[1]] = part
            at += segment[1]
        return at

    def _pack_buffers(self, command: Command, slot: int, tag: int) -> int:
        """Pack a command with indirect descriptors, laid out as ibmvscsi does, or data in both directions.

        As many entries as fit stand in the IU. If these are all, the table descriptor points at them in the IU, else at
        a table of all entries outside it.
        """
        start = slot * self.iu_size
        room = self.inline
        arguments: dict[str, Any] = {}
        tables: list[tuple[Sequence[Segment], int]] = []
        offset = 48 + max(0, len(command.cdb) - 16 + 3 & ~3)
        for name, segments in (("data_out", command.data_out), ("data_in", command.data_in)):
            if not segments:
                continue
            if len(segments) == 1:
                arguments[name] = _descriptor(segments[0])
                offset += 16
                continue
            inline = [_descriptor(each) for each in segments[:room]]
            arguments[name] = inline
            tables.append((segments, offset))
            room -= len(inline)
            offset += 20 + 16 * len(inline)
        length = srp.Cmd.pack_into(
            self.view,
            start,
            tag=tag,
            lun=command.lun,
            task_attr=command.attribute,
            cdb=command.cdb,
            **arguments,
        )
        at = self._tables + 2 * 16 * self.segments * slot
        for segments, offset in tables:
            counted = self.view[start + (6 if segments is command.data_out else 7)]
            where = start + offset + 20
            if counted != len(segments):
                where = at
                at += self._pack_table(segments, at)
            self._pack_head(segments, start + offset, where)
        return length

    def _pack_table(self, segments: Sequence[Segment], at: int) -> int:
        """Write a table of all entries; returns its length."""
        try:
            table = b"".join(
                _ENTRY(entry[0], entry[2] if len(entry) == 3 else 0, entry[1]) for entry in segments
            )
        except struct.error:
            raise EncodeError("a segment does not fit 64 bits of address, 32 of handle and length") from None
        self.view[at : at + len(table)] = table
        return len(table)

    def _pack_head(self, segments: Sequence[Segment], at: int, table: int) -> None:
        """Write the head of an indirect descriptor, which points at the table."""
        total = sum(entry[1] for entry in segments)
        if total >> 32:
            raise EncodeError(f"{total} bytes in all do not fit 32 bits")
        _TABLE(self.view, at, self.address + table, self.key, 16 * len(segments), total)

    def pack_function(self, slot: int, tag: int, function: TaskManagement) -> int:
        """Write an SRP_TSK_MGMT; returns the length of the IU."""
        return srp.TskMgmt.pack_into(
            self.view,
            self.clear(slot),
            tag=tag,
            lun=function.lun,
            tsk_mgmt_func=function.function,
            task_tag=function.task.tag if function.task is not None else 0,
        )
