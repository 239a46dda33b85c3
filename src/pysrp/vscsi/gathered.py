"""Copies of many IUs and answers in one call of the platform, for a port with ``gathers``.

With other ports each IU and each answer is copied by itself, at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from pysrp import crq
from pysrp.errors import TransportError
from pysrp.vscsi.dma import DmaPort, Piece

__all__ = ["IU_SIZE", "SMALLEST_IU", "FetchedIus", "GatheringPort", "Unwritten", "Unwrittens", "slots"]

IU_SIZE = 256
"""Largest IU of virtual SCSI (viosrp.h)."""

SMALLEST_IU = 16

SLOTS = 256
"""The most IUs that are fetched together, and answers that wait to be written: as many as fit in POWER's page of 64 KiB."""

SRP_COMMAND = bytes((crq.Valid.CMD_RESP, crq.Format.SRP))


class GatheringPort(DmaPort, Protocol):
    """The part of :class:`pysrp.fabric.Port` that is used here."""

    def send_many(self, elements: Sequence[bytes], /) -> int:
        """H_SEND_CRQ."""


def slots(port: DmaPort) -> int:
    """The number of answers for which a server link needs memory."""
    return SLOTS if port.gathers else 1


class FetchedIus:
    """IUs that are copied from the client's memory before their turn, many in one call. Each copy is taken once."""

    def __init__(self, port: DmaPort) -> None:
        self._port = port
        self._memory = port.allocate(SLOTS * IU_SIZE)
        self._view = memoryview(self._memory).cast("B")
        self._places: dict[tuple[int, int], int] = {}

    def retire(self) -> None:
        """Release the memory before the port is closed."""
        self._places.clear()
        self._view.release()

    def expect(self, elements: Sequence[bytes]) -> None:
        """Copy the IUs of elements that have come. No other IU is taken before all of these have been processed."""
        wanted: dict[tuple[int, int], int] = {}
        for raw in elements:
            length = int.from_bytes(raw[6:8], "big")
            if raw[:2] == SRP_COMMAND and SMALLEST_IU <= length <= IU_SIZE:
                wanted.setdefault((int.from_bytes(raw[8:16], "big"), length), len(wanted) * IU_SIZE)
        self._places.clear()
        if len(wanted) > 1:  # one alone would not be faster
            pieces = [(False, self._memory, at, address, length) for (address, length), at in wanted.items()]
            done, _ = self._port.together(pieces[:SLOTS])
            self._places.update(list(wanted.items())[:done])

    def forget(self) -> None:
        """Drop the copies, as their connection is over."""
        self._places.clear()

    def take(self, address: int, length: int) -> bytes | None:
        """Take the copy of the IU at that address; None if the caller has to copy it itself."""
        at = self._places.pop((address, length), None)
        return None if at is None else bytes(self._view[at : at + length])


class Unwritten(NamedTuple):
    """An answer that will be written to the client's memory when the next elements are sent."""

    piece: Piece
    element: bytes
    """The element that tells the client of the answer."""
    lost: Callable[[TransportError], bytes]
    """Called if the answer cannot be written; returns the element to send in place of ``element``."""


class Unwrittens:
    """Answers that are written in order, in the same call that sends their elements."""

    def __init__(self, port: GatheringPort) -> None:
        self._port = port
        self._waiting: deque[Unwritten] = deque()
        self.append: Callable[[Unwritten], None] = self._waiting.append
        self.clear: Callable[[], None] = self._waiting.clear

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, out: deque[tuple[bytes, Any]]) -> int:
        """Write the answers and send the elements in ``out``; returns how many were accepted. Raises as ``send_many``."""
        waiting = self._waiting
        while waiting:
            try:
                done, sent = self._port.together([each.piece for each in waiting], [raw for raw, _ in out])
            except BaseException:
                waiting.clear()  # all have been written, or the client is gone
                raise
            if done == len(waiting):
                waiting.clear()
                return int(sent)
            for _ in range(done):
                waiting.popleft()
            self._write(waiting.popleft(), out)
        return int(self._port.send_many([raw for raw, _ in out]))

    def _write(self, answer: Unwritten, out: deque[tuple[bytes, Any]]) -> None:
        """Write one answer by itself, to get its error; then replace its element in ``out``."""
        _, local, offset, remote, length = answer.piece
        try:
            self._port.copy_out(local, remote, offset, length)
        except TransportError as error:
            told = answer.lost(error)
            for at, (raw, channel) in enumerate(out):
                if raw is answer.element:
                    out[at] = told, channel
                    break
