from collections import deque
from collections.abc import Callable
from typing import Any

from pysrp._fast.commands import Pending, Starter

from pysrp.fabric import Port
from pysrp.initiator.requests import Request
from pysrp.initiator.srp_session import SrpSession
from pysrp.initiator.staging import SessionMemory
from pysrp.lun import Lun
from pysrp.vscsi.client import ClientAdapter

SEND_BATCH: int
"""Elements that are collected before they are sent."""

LONGEST_SLEEP: float
"""Seconds that a port waits at a time: a signal that comes just before the system call does not end it."""

QUEUE_FULL_WAIT: float
"""Seconds until sending is tried again when the partner's queue was full."""

class Bookkeeping(Starter):
    engine: ClientAdapter
    port: Port
    srp: SrpSession
    staging: SessionMemory
    _inside: bool
    _asking: bool
    _opened: bool
    _closed: bool
    _gone: bool
    _signals: bool
    _staying: bool
    _looped: bool
    _flushing: bool
    _scope: list[Pending] | None
    _staged: deque[Pending]
    _delayed: deque[tuple[float, Pending]]
    _told: deque[Callable[[], None]]
    _output: deque[bytes]
    _live: dict[Request, None]
    _login_epoch: int
    _logins: int
    _max_transfer: int
    _retry_output: float
    _retry_action: float
    _timer_at: float
    @property
    def max_transfer(self) -> int: ...
    def submit(
        self,
        lun: Lun,
        cdb: bytes,
        *,
        data_out: Any = None,
        data_in_length: int = 0,
        into: memoryview | None = None,
        timeout: float = ...,
        retries: int = 0,
        block_size: int = 0,
        replay: bool = False,
        attribute: int = ...,
    ) -> Pending: ...
    def complete(self, pending: Pending) -> None: ...
    def _begun(self) -> None: ...
    def _work(self) -> None: ...
    def _turn(self, elements: list[bytes]) -> None: ...
    def _pause(self) -> float: ...
    def _ready(self) -> None: ...
    def _once(self, limit: float) -> None: ...
    def _flush(self) -> None: ...
    def _finish(self) -> None: ...
