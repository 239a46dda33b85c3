import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, final

from pysrp.errors import SrpError
from pysrp.initiator.ius import IuMemory
from pysrp.initiator.outcomes import Result
from pysrp.initiator.requests import Segment, TaskManagement
from pysrp.lun import Lun
from pysrp.srp import TskMgmtFunc

CHUNK: int
"""Bytes of a piece of data memory, and of the longest segment (Linux's default for a scatter list)."""

SPARE_SLOTS: int
"""Slots that commands leave to task management and the login."""

RESERVED_CREDITS: int
"""Credits that commands leave to task management while the server grants more than that (ibmvscsi)."""

BLOCKS_10: int
"""Most blocks that one READ (10) or WRITE (10) can move."""

LAST_LBA_10: int
"""Last LBA that READ (10) and WRITE (10) can address."""

IO_TIMEOUT: int
"""Timeout of reads and writes, in seconds (ibmvscsi sets it for disks)."""

IO_RETRIES: int
"""How often a read or write is tried again (Linux, SD_MAX_RETRIES)."""

class Request:
    timeout: float
    deadline: float
    tag: int
    serial: int
    slot: int
    ended: bool
    error: Exception | None
    owner: Any
    def __init__(self, timeout: float) -> None: ...

@final
class Live:
    """Requests that are under way, in the order in which they were begun. A request may be in one Live only."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Request]: ...
    def __contains__(self, request: Request, /) -> bool: ...
    def add(self, request: Request) -> None: ...
    def discard(self, request: Request) -> bool:
        """Remove a request that has ended. Whether it was here."""

class Command(Request):
    lun: Lun
    cdb: bytes
    data_out: Sequence[Segment]
    data_in: Sequence[Segment]
    attribute: int
    block_size: int
    replay: bool
    aborting: TskMgmtFunc | None
    why: Exception | None
    status: int | None
    sense: bytes
    residual: int
    overflow: int
    def __init__(
        self,
        lun: Lun,
        cdb: bytes,
        data_out: Sequence[Segment] = (),
        data_in: Sequence[Segment] = (),
        *,
        timeout: float = 0,
        attribute: int = ...,
        block_size: int = 0,
        replay: bool = False,
    ) -> None: ...

@final
class Pending(Command):
    session: Any
    length: int
    out: memoryview | bytes | None
    into: memoryview | None
    chunks: Sequence[int]
    retries: int
    epoch: int
    began: float
    data: bytes
    done: bool
    abandoned: SrpError | None
    waiter: Callable[[Pending], None] | None
    def __init__(self, session: Any, lun: Lun, cdb: bytes, length: int, timeout: float) -> None: ...
    def outcome(self, check: bool = True) -> Result: ...
    def result(self, check: bool = True) -> Result: ...
    def worth_retrying(self) -> bool: ...

class Ius:
    view: memoryview
    address: int
    slots: int
    segments: int
    iu_size: int
    largest: int
    inline: int
    immediate: int
    key: int

class Link: ...

@final
class Slots:
    """The free slots, numbers below ``count``, first in, first out.

    IndexError from :meth:`popleft` if none is free, from :meth:`append` for a number out of range or if all are free.
    """

    def __new__(cls, count: int) -> Slots: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[int]: ...
    @property
    def first(self) -> int: ...
    def popleft(self) -> int: ...
    def append(self, slot: int) -> None: ...

class RequestSlots:
    log: logging.LoggerAdapter[logging.Logger]
    stage: str
    refusal: Exception | None
    hopeless: str
    largest: int | None
    memory: IuMemory
    ended: list[Request]
    credits: int
    debits: int
    serial: int
    next_deadline: float
    paused: bool
    max_segments: int
    _link: Any
    _requests: list[Request | None]
    _free: Slots
    _waiting: deque[Command]
    _urgent: deque[TaskManagement]
    _owed: int
    _owed_since: int
    def take_plain(self, tag: int, length: int) -> bool: ...

def own_view(into: memoryview, size: int) -> memoryview:
    """A view of our own of a caller's buffer: the caller may release theirs meanwhile.

    TypeError if it cannot be written, ValueError if it does not have ``size`` bytes in one piece.
    """

class DataMemory:
    chunks: list[int]
    spares: list[int]
    data: memoryview
    iu_view: memoryview
    data_address: int
    all_chunks: int
    chunk: int
    kept: list[bytes] | None
    """Earlier results of one length, to be filled again when nothing else refers to them."""
    def give_back(self, pending: Pending) -> None: ...

class Starter:
    replay: bool
    _epoch: int
    _live: Live

class CalledUnit:
    session: Any
    lun: Lun
    _capacity: Any
    _meant: int | None
    _asked: int
    def size_known(self) -> int: ...
    def start_read(
        self, lba: int, blocks: int, block_size: int, into: memoryview | None = None, retries: int = ...
    ) -> Pending: ...
    def start_write(
        self, lba: int, data: Any, block_size: int, fua: bool = False, retries: int = ...
    ) -> Pending: ...
    def begin_read(self, lba: int, blocks: int, into: memoryview | None = None) -> Pending | None: ...
    def begin_write(self, lba: int, data: Any, fua: bool) -> Pending | None: ...
    def read_now(self, lba: int, blocks: int, into: memoryview | None = None) -> bytes | None: ...
    def write_now(self, lba: int, data: Any, fua: bool) -> bool: ...

class BlockingUnit(CalledUnit):
    """A unit of a blocking session: the methods that only such a session has."""

    def submit_read(self, lba: int, blocks: int = 1, into: Any = None) -> Pending:
        """Start one READ of up to ``max_transfer`` bytes; :meth:`Session.gather` waits for many.

        ``into`` is a writable buffer of that length, which gets the data instead of a new object.
        """
    def submit_write(self, lba: int, data: Any) -> Pending:
        """Start one WRITE of up to ``max_transfer`` bytes of ``data``, whole blocks."""
    def _block_size(self) -> int: ...

def data_of(pending: Pending) -> bytes | None: ...
def check_written(pending: Pending) -> None: ...
