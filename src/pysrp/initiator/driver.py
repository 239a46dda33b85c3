"""The client's adapter joined to a port: what blocking and asyncio sessions share.

:class:`Base` is the uppermost of four layers and submits commands. :mod:`pysrp.initiator.giving_up` ends commands early,
:mod:`pysrp.initiator.changed_units` ends answered commands or retries them, :mod:`pysrp.initiator.turns` passes elements
to and from the port. :mod:`pysrp.initiator.staging` has the memory.
"""

from __future__ import annotations

import time
from typing import Any

from pysrp._fast.turns import SEND_BATCH
from pysrp.errors import TransportError
from pysrp.initiator.giving_up import GivingUp
from pysrp.initiator.requests import Command, TaskManagement, cdb_of, check_attribute, check_timeout
from pysrp.initiator.turns import OURS
from pysrp.initiator.units import Pending
from pysrp.lun import Lun
from pysrp.srp import RspCode, TskMgmtFunc

__all__ = ["Base"]


class Base(GivingUp):
    """What blocking and asyncio sessions share: engine, port, data memory.

    ``port`` is an open client port, or the URL of one, which is then opened here and closed with the
    session. ``identity`` is this end (for a URL; a port has its own). ``host`` is the host number in the
    addresses of devices. ``options`` are the engine's. ``max_requests`` is how many requests may be under way at a time
    (ibmvscsi: 100; 1 to 65531), ``max_transfer`` the most bytes of one command, ``buffers`` the bytes of data memory for
    all commands. A command gets data memory in chunks of ``chunk`` bytes (512 to 1 MiB; 64 KiB, as in Linux's scatter
    lists), each a segment of its IU. Raises ConfigError for names that are not ASCII, HcallError for memory that the port
    does not have.

    Data of results, as ``bytes`` of 1 KiB and more, is kept and filled again when the caller has no reference to it any more:
    at most 128 objects, and at most ``buffers`` bytes. ``replay``: the calls of this package send a command again that was
    left unanswered when the connection broke, which is right as long as no other initiator writes. Further arguments go
    to :func:`pysrp.fabric.connect`.
    """

    def _start_command(self, pending: Pending) -> None:
        """Begin a command that is not plain, or cannot be sent just now.

        CDB and attribute are checked before the bookkeeping changes: an error in the middle would cost the connection.
        """
        pending.cdb = cdb_of(pending.cdb)
        check_attribute(pending.attribute)
        self._inside = True
        try:
            if self._scope is not None:
                self._scope.append(pending)
            self._live.add(pending)
            pending.epoch = self._epoch
            if self._asking and self.staging.place_spare(pending):
                self._send(pending)
                self._flush()
            elif self._staged or self.engine.unanswered or not self.staging.place(pending):
                self._stage(pending)
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
        if task is not None:
            self._check_own(task)
        request = TaskManagement(TskMgmtFunc(function), Lun(lun), task, timeout=timeout)
        self._ready()
        request.owner = done
        self._inside = True
        try:
            self._live.add(request)
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
