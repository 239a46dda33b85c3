"""Answers of a server adapter: each is written over its request in the client's memory, and an element announces it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from pysrp import crq
from pysrp.errors import TransportError
from pysrp.loglimit import limit
from pysrp.target.answers import pack_command, pack_function, sense_key
from pysrp.target.link import Limits
from pysrp.target.srp_session import Channel, SrpTask
from pysrp.vscsi.gathered import IU_SIZE, Unwritten, Unwrittens, slots
from pysrp.vscsi.server_mads import MadServer
from pysrp.vscsi.server_queue import ServerQueue

__all__ = ["LIMITS", "ServerLink", "answered"]

log: logging.Logger = limit(logging.getLogger("pysrp.target"))

SENSE_SIZE = 96
"""Bytes of sense data for which ibmvscsi has room."""

LIMITS = Limits(IU_SIZE, IU_SIZE, SENSE_SIZE)

READ_WRITE = 0x08, 0x0A
HARDWARE_ERROR = 4
ANSWERED = int(crq.Status.OK)
NOT_WRITTEN = int(crq.Status.NONRECOVERABLE_ERR)
VIOLATES_MAX_XFER = int(crq.Status.VIOLATES_MAX_XFER)
ADAPTER_FAIL = int(crq.Status.ADAPTER_FAIL)


class ServerLink:
    """The link of a session's channel (:class:`pysrp.target.link.Link`). It identifies a request by its IU's bus address.

    ``flush`` and ``violated`` are methods of the adapter.
    """

    flush: Callable[[], None]
    violated: Callable[..., None]

    def __init__(
        self, queue: ServerQueue, mads: MadServer, flush: Callable[[], None], violated: Callable[..., None]
    ) -> None:
        self._port = queue.port
        self._queue = queue
        self._mads = mads
        self.flush, self.violated = flush, violated
        count = slots(queue.port)
        self._iu = queue.port.allocate(count * IU_SIZE)
        self._view = memoryview(self._iu).cast("B")
        self._rooms = [self._view[at : at + IU_SIZE] for at in range(0, count * IU_SIZE, IU_SIZE)]
        self._at = 0
        """Index of the room for the next answer. Answers in other rooms may wait to be written."""

    def retire(self) -> None:
        """Release the memory before the port is closed."""
        for room in self._rooms:
            room.release()
        self._view.release()

    @property
    def _answer(self) -> memoryview:
        return self._rooms[self._at]

    def write(self, address: int, answer: bytes) -> int:
        """Write an answer over its request; returns the status byte for its element."""
        self._answer[: len(answer)] = answer
        return ANSWERED if self._put(address, len(answer)) else NOT_WRITTEN

    def answer(self, task: SrpTask, credits: int) -> bool:
        """Answer a command; False if the answer could not be written."""
        sense = task.sense[:SENSE_SIZE]
        length = pack_command(self._rooms[self._at], task, credits, sense)
        status = VIOLATES_MAX_XFER if task.too_large else 0
        if (
            task.status
            and self._mads.fast_fail
            and sense_key(sense) == HARDWARE_ERROR
            and task.cdb[0] & 0x1F in READ_WRITE
        ):
            status = ADAPTER_FAIL
        unwritten = self._queue.unwritten
        if unwritten is not None and len(unwritten) < len(self._rooms) - 1:
            self._reply_later(unwritten, task, credits, length, status)
            return True
        return self._reply(task.channel, task.where, length, task.tag, status)

    def answer_function(
        self, channel: Channel, where: Any, tag: int, sol_not: int, credits: int, code: int
    ) -> bool:
        """Answer a task management function; False if the answer could not be written."""
        length = pack_function(self._answer, tag, sol_not, credits, code)
        return self._reply(channel, where, length, tag, 0)

    def send_credits(self, channel: Channel, tag: int, credits: int) -> bool:
        """False: a VSCSI server cannot send requests (LoPAR), as there is no buffer for them in the client's memory."""
        return False

    def _reply(self, channel: Channel, address: int, length: int, tag: int, status: int) -> bool:
        """Write the answer in the current room over its request, and queue its element; False if it could not be written."""
        if not self._put(address, length):
            status, length = NOT_WRITTEN, 0
        self._queue.send((answered(crq.Format.SRP, status, length, tag), channel))
        return bool(length)

    def _reply_later(
        self, unwritten: Unwrittens, task: SrpTask, credits: int, length: int, status: int
    ) -> None:
        """Have the answer in the current room written when its element is sent."""
        channel = task.channel

        def lost(error: TransportError) -> bytes:
            log.warning("%s: answer at %#x: %s", self._queue.name, task.where, error)
            channel.owed += credits
            task.undelivered()
            return answered(crq.Format.SRP, NOT_WRITTEN, 0, task.tag)

        element = answered(crq.Format.SRP, status, length, task.tag)
        unwritten.append(Unwritten((True, self._iu, self._at * IU_SIZE, task.where, length), element, lost))
        self._queue.send((element, channel))
        self._at = (self._at + 1) % len(self._rooms)

    def _put(self, address: int, length: int) -> bool:
        """Copy the answer in the current room to the client's memory; logs an error and returns False if that fails."""
        try:
            self._port.copy_out(self._iu, address, self._at * IU_SIZE, length)
        except TransportError as error:
            log.warning("%s: answer at %#x: %s", self._queue.name, address, error)
            return False
        return True


def answered(form: int, status: int, length: int, tag: int) -> bytes:
    """The element that announces an answer."""
    return bytes(
        crq.Element.build(
            valid=crq.Valid.CMD_RESP, format=form, status=status, IU_length=length, IU_data_ptr=tag
        )
    )
