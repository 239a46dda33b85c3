"""What a server adapter does for many commands in one call of the platform, where the port :attr:`gathers`: IUs come, answers go.

Where it does not, each is copied by itself, at once.
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
"""IUs that are fetched together, or answers that wait to be written, at most: a page of 64 KiB, as POWER has them."""

SRP_COMMAND = bytes((crq.Valid.CMD_RESP, crq.Format.SRP))


class GatheringPort(DmaPort, Protocol):
    """What is needed of a :class:`pysrp.fabric.Port` besides."""

    def send_many(self, elements: Sequence[bytes], /) -> int:
        """H_SEND_CRQ."""


def slots(port: DmaPort) -> int:
    """How many IUs there should be memory for."""
    return SLOTS if port.gathers else 1


class FetchedIus:
    """IUs of the client's that are copied before their turn, many in one call. Each is made once and then believed."""

    def __init__(self, port: DmaPort) -> None:
        self._port = port
        self._memory = port.allocate(SLOTS * IU_SIZE)
        self._view = memoryview(self._memory).cast("B")
        self._places: dict[tuple[int, int], int] = {}

    def retire(self) -> None:
        """The port is about to be closed."""
        self._places.clear()
        self._view.release()

    def expect(self, elements: Sequence[bytes]) -> None:
        """These have come, and nothing else will be asked for before they have been dealt with."""
        wanted: dict[tuple[int, int], int] = {}
        for raw in elements:
            length = int.from_bytes(raw[6:8], "big")
            if raw[:2] == SRP_COMMAND and SMALLEST_IU <= length <= IU_SIZE:
                wanted.setdefault((int.from_bytes(raw[8:16], "big"), length), len(wanted) * IU_SIZE)
        self._places.clear()
        if len(wanted) > 1:  # alone it is no cheaper
            pieces = [(False, self._memory, at, address, length) for (address, length), at in wanted.items()]
            done, _ = self._port.together(pieces[:SLOTS])
            self._places.update(list(wanted.items())[:done])

    def forget(self) -> None:
        """What was expected belongs to a connection that is over."""
        self._places.clear()

    def take(self, address: int, length: int) -> bytes | None:
        """The IU there, once; None if it has to be copied by itself."""
        at = self._places.pop((address, length), None)
        return None if at is None else bytes(self._view[at : at + length])


class Unwritten(NamedTuple):
    """An answer that goes to the client with the next elements."""

    piece: Piece
    element: bytes
    """What tells the client of it."""
    lost: Callable[[TransportError], bytes]
    """It could not be written: the element that says so."""


class Unwrittens:
    """Answers that are written when the elements that tell of them are sent, in order."""

    def __init__(self, port: GatheringPort) -> None:
        self._port = port
        self._waiting: deque[Unwritten] = deque()
        self.append: Callable[[Unwritten], None] = self._waiting.append
        self.clear: Callable[[], None] = self._waiting.clear

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, out: deque[tuple[bytes, Any]]) -> int:
        """Write them, and send what is in ``out``; how many elements were accepted. Raises as ``send_many`` does."""
        waiting = self._waiting
        while waiting:
            try:
                done, sent = self._port.together([each.piece for each in waiting], [raw for raw, _ in out])
            except BaseException:
                waiting.clear()  # all have been written, or nobody is there to read them
                raise
            if done == len(waiting):
                waiting.clear()
                return int(sent)
            for _ in range(done):
                waiting.popleft()
            self._write(waiting.popleft(), out)
        return int(self._port.send_many([raw for raw, _ in out]))

    def _write(self, answer: Unwritten, out: deque[tuple[bytes, Any]]) -> None:
        """By itself, to be told why not."""
        _, local, offset, remote, length = answer.piece
        try:
            self._port.copy_out(local, remote, offset, length)
        except TransportError as error:
            told = answer.lost(error)
            for at, (raw, channel) in enumerate(out):
                if raw is answer.element:
                    out[at] = told, channel
                    break
