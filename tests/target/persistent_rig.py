"""What PERSISTENT RESERVE OUT sends and PERSISTENT RESERVE IN brings, in the bytes of SPC-5, 6.16 and 6.17."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from pysrp.scsi import params
from pysrp.target.task import Nexus
from unit_bench import Bench, Result

REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, IGNORE, MOVE, REPLACE_LOST = range(9)
READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL_STATUS = range(4)

WE, EA, WE_RO, EA_RO, WE_AR, EA_AR = 1, 3, 5, 6, 7, 8
TYPES = WE, EA, WE_RO, EA_RO, WE_AR, EA_AR

CONFLICT = 0x18
PREEMPTED, RELEASED, UNREGISTERED = 0x2A03, 0x2A04, 0x2A05
"""RESERVATIONS PREEMPTED, RESERVATIONS RELEASED, REGISTRATIONS PREEMPTED."""


def out_cdb(action: int, kind: int = 0, scope: int = 0, length: int = 24) -> bytes:
    return struct.pack(">BBBxxIx", 0x5F, action, scope << 4 | kind, length)


def in_cdb(action: int, allocation: int = 4096) -> bytes:
    return struct.pack(">BB5xHx", 0x5E, action, allocation)


def transport_id(port: int | bytes) -> bytes:
    """An initiator port of SRP (SPC-5, 7.6.4.4)."""
    return b"\4" + bytes(7) + (port if isinstance(port, bytes) else port.to_bytes(16, "big"))


def out_list(
    key: int = 0,
    new: int = 0,
    *,
    aptpl: bool = False,
    all_tg_pt: bool = False,
    ids: Sequence[bytes] | None = None,
) -> bytes:
    """The list of all actions but REGISTER AND MOVE; with ``ids`` (SPEC_I_PT) also TransportIDs."""
    flags = (ids is not None) << 3 | all_tg_pt << 2 | aptpl
    data = struct.pack(">QQ4xB3x", key, new, flags)
    if ids is not None:
        tail = b"".join(ids)
        data += struct.pack(">I", len(tail)) + tail
    return data


def move_list(
    key: int, new: int, port: int | bytes, *, relative: int = 1, unreg: bool = False, aptpl: bool = False
) -> bytes:
    tail = transport_id(port)
    return struct.pack(">QQxBHI", key, new, unreg << 1 | aptpl, relative, len(tail)) + tail


class Keeper:
    """Three nexuses of a bench, by number, and what they ask."""

    def __init__(self, bench: Bench, count: int = 3) -> None:
        self.bench = bench
        self.unit = bench.unit
        self._observer = bench.login("observer")
        self.nexuses = [bench.nexus, *(bench.login(f"nexus {n}") for n in range(1, count))]

    def nexus(self, who: int | Nexus) -> Nexus:
        return self.nexuses[who] if isinstance(who, int) else who

    def port(self, who: int) -> bytes:
        return self.nexuses[who].port_id

    def out(
        self,
        who: int | Nexus,
        action: int,
        key: int = 0,
        new: int = 0,
        kind: int = 0,
        *,
        scope: int = 0,
        data: bytes | None = None,
        length: int | None = None,
        **fields: Any,
    ) -> Result:
        raw = out_list(key, new, **fields) if data is None else data
        cdb = out_cdb(action, kind, scope, len(raw) if length is None else length)
        return self.bench(cdb, raw, nexus=self.nexus(who))

    def good(self, *arguments: Any, **fields: Any) -> None:
        result = self.out(*arguments, **fields)
        assert result.status == 0, f"{result.status:#x} {result.sense.hex()}"

    def conflicts(self, *arguments: Any, **fields: Any) -> None:
        """The answer is RESERVATION CONFLICT, and nothing has changed."""
        before = self.unit.persistent
        assert self.out(*arguments, **fields).status == CONFLICT
        assert self.unit.persistent is before

    def refused(self, *arguments: Any, **fields: Any) -> tuple[tuple[int, int, int], Any]:
        """Sense key and codes, and the field pointer; nothing has changed."""
        before = self.unit.persistent
        result = self.out(*arguments, **fields)
        assert self.unit.persistent is before
        return result.code, result.pointer

    def read(self, action: int) -> bytes:
        """As seen by one who is never registered, and so is told nothing."""
        return self.bench.good(in_cdb(action), nexus=self._observer)

    def keys(self) -> list[int]:
        return params.PrKeys(self.read(READ_KEYS)).keys

    @property
    def generation(self) -> int:
        return int.from_bytes(self.read(READ_KEYS)[:4], "big")

    def reservation(self) -> tuple[int, int] | None:
        """Key and type."""
        found = params.PrReservation(self.read(READ_RESERVATION)).reservation
        return (found.reservation_key, int(found.type)) if found is not None else None

    def told(self) -> list[list[int]]:
        """Unit attentions of each nexus; they are gone then."""
        everybody = [*self.nexuses, self._observer]
        found = [self.unit.attentions(nexus) for nexus in everybody]
        for nexus, codes in zip(everybody, found, strict=True):
            for code in codes:
                assert self.unit.forget(nexus, code >> 8, code & 0xFF)
        return found[:-1]

    def registered(self, keys: Sequence[int], kind: int | None = None, holder: int = 0) -> Keeper:
        """Register each nexus that has a key here, and let one of them reserve the unit."""
        for who, key in enumerate(keys):
            if key:
                self.good(who, REGISTER, 0, key)
        if kind is not None:
            self.good(holder, RESERVE, keys[holder], kind=kind)
        return self
