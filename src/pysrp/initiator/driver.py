"""The client's adapter joined to a port: what blocking and asyncio sessions share.

:class:`Base` is the uppermost of four layers: it submits; :mod:`pysrp.initiator.giving_up` ends what nobody waits for,
:mod:`pysrp.initiator.changed_units` what has been answered, :mod:`pysrp.initiator.turns` passes on what comes and goes.
:mod:`pysrp.initiator.staging` has the memory.
"""

from __future__ import annotations

import time
from typing import Any

from pysrp.errors import PartnerGone, TransportError
from pysrp.initiator.giving_up import GivingUp
from pysrp.initiator.requests import LONGEST_WAIT, Command, TaskManagement
from pysrp.initiator.staging import CHUNK
from pysrp.initiator.turns import OURS, check_timeout
from pysrp.initiator.units import (
    SHORT_TIMEOUT,
    Pending,
)
from pysrp.lun import Lun
from pysrp.srp import RspCode, TaskAttribute, TskMgmtFunc

__all__ = ["Base"]

SEND_BATCH = 8
"""Elements that are collected before they are sent."""


class Base(GivingUp):
    """What blocking and asyncio sessions share: engine, port, data memory.

    ``port`` is an open client port, or the URL of one, which is then opened here and closed with the
    session. ``identity`` is this end (for a URL; a port has its own). ``host`` is the host number in the
    addresses of devices. ``options`` are the engine's. ``max_requests`` bounds what is under way at a time
    (ibmvscsi: 100; 1 to 65531), ``max_transfer`` the bytes of one command, ``buffers`` the bytes of data memory for
    all of them (ConfigError for names that are not ASCII, HcallError for memory that the port does not have).
    ``replay``: sequences of this package send again what a dying partner has left unanswered,
    which is right as long as nobody else writes. Further arguments go to :func:`pysrp.fabric.connect`.
    """

    def submit(
        self,
        lun: Lun,
        cdb: bytes,
        *,
        data_out: Any = None,
        data_in_length: int = 0,
        into: memoryview | None = None,
        timeout: float = SHORT_TIMEOUT,
        retries: int = 0,
        block_size: int = 0,
        replay: bool = False,
        attribute: int = TaskAttribute.SIMPLE,
    ) -> Pending:
        """Start a command and return at once; it is sent as soon as credits and memory allow it.

        While others are unanswered up to eight are collected, as each sending may wake the server: they go
        out when the caller waits for anything, or by :meth:`flush`.

        ``data_out`` is bytes-like and copied before it is sent, which may be later: leave it alone until
        the command is done. ``data_in_length`` is the room for data in bytes; they end in the result, or in
        ``into``, a writable memoryview of bytes of that length. ``retries``: how often it is submitted
        again after a unit attention, BUSY, and what else passes by itself; after an abort only what may be carried out
        twice (COMPARE AND WRITE may not, nor most of PERSISTENT RESERVE OUT). ``timeout``, ``block_size`` and
        ``replay`` are those of :class:`~pysrp.initiator.requests.Command`. If this raises, nothing is under way.

        Raises ValueError for more data than one command of this session can move, and for a time limit that is
        none; TypeError for an ``into`` that cannot be written; PartnerGone when the session is closed.
        """
        if into is not None:
            if into.readonly:
                raise TypeError("data-in for a buffer that is read-only")
            if into.nbytes != data_in_length or into.format != "B":
                raise ValueError(f"a buffer of {into.nbytes} bytes for {data_in_length} bytes of data-in")
        if not 0 <= timeout <= LONGEST_WAIT:
            check_timeout(timeout)
        pending = Pending(self, lun, cdb, data_in_length, timeout)
        pending.retries = retries
        pending.block_size = block_size
        pending.replay = replay
        pending.attribute = attribute
        pending.into = into
        size = data_in_length
        if data_out is not None:
            out = memoryview(data_out)
            pending.out = out = out if out.format == "B" and out.ndim == 1 else out.cast("B")
            size = max(size, out.nbytes)
        largest = self.srp.largest
        if size > CHUNK or (data_in_length and data_out is not None) or largest is not None:
            outward = 0 if pending.out is None else len(pending.out)
            self.staging.check_size(data_in_length, outward, self.srp.max_segments, largest)
        try:
            self._start_command(pending)
        except BaseException:
            self.give_up((pending,))
            raise
        return pending

    def _start_command(self, pending: Pending) -> None:
        if self._inside:
            self.recover()
        if self._closed:
            raise PartnerGone("the session is closed")
        self._inside = True
        try:
            if self._scope is not None:
                self._scope.append(pending)
            self._live[pending] = None
            pending.epoch = self._epoch
            if self._asking and self.staging.place_spare(pending):
                self._send(pending)
                self._flush()
            elif self._staged or self.engine.unanswered or not self.staging.place(pending):
                self._staged.append(pending)
            else:
                srp = self.srp
                pending.began = now = time.monotonic()
                srp.submit(pending, now)
                output = self.engine.output
                if output and (srp.debits < 2 or len(output) >= SEND_BATCH):
                    self._flush()
                if srp.ended:
                    self._finish()
        except OURS:
            self._inside = False
            raise
        self._inside = False
        if self._told:
            self._tell()

    # Task management.

    def _task(
        self, function: TskMgmtFunc, lun: Lun, task: Command | None, timeout: float, done: Any = None
    ) -> TaskManagement:
        check_timeout(timeout)
        self._ready()
        request = TaskManagement(function, lun, task, timeout=timeout)
        request.owner = done
        self._inside = True
        try:
            self._live[request] = None
            self.srp.submit(request, time.monotonic())
            self._flush()
            self._finish()
        except OURS:
            self._inside = False
            raise
        self._inside = False
        self._tell()
        return request

    @staticmethod
    def _task_outcome(request: TaskManagement) -> bool:
        if request.error is not None:
            raise request.error
        if request.code:
            try:
                text = RspCode(request.code).name.replace("_", " ")
            except ValueError:
                text = "unknown"
            name = request.function.name.replace("_", " ")
            raise TransportError(f"{name}: response code {request.code} ({text})")
        return True
