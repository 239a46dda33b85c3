"""What a client does with logical units: commands with results, and sequences of commands.

The sequences are generators, so that they are written once for blocking callers and for asyncio: each
``yield`` hands out commands that have been submitted, and goes on when all of them are done.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from pysrp.errors import (
    Busy,
    CheckCondition,
    DecodeError,
    ReservationConflict,
    ScsiError,
    SrpError,
    TaskAborted,
    TaskSetFull,
)
from pysrp.initiator.requests import Command
from pysrp.lun import Hctl, Lun, from_hctl, hctl, scsilun_to_int
from pysrp.scsi import cdb as cdbs
from pysrp.scsi import params
from pysrp.scsi.codes import PeripheralQualifier, PersistentReserveOutAction, SenseKey, Status
from pysrp.scsi.data import parse_data_in
from pysrp.scsi.inquiry import Inquiry
from pysrp.scsi.sense import parse_sense

__all__ = ["SUCCESS", "Capacity", "Pending", "Result", "ScannedUnit", "Steps", "UnitChanged", "scan"]

T = TypeVar("T")
Steps = Generator["Iterable[Pending]", None, T]
"""A sequence of commands; see the module."""

SCAN_TIMEOUT = 20
"""Seconds for an INQUIRY during a scan (Linux, ``inq_timeout``)."""

SHORT_TIMEOUT = 30
"""Seconds for commands that ask what a unit is (Linux)."""

IO_TIMEOUT = 120
"""Seconds for reads and writes (ibmvscsi sets it for disks)."""

IO_RETRIES = 5
"""How often a read or write is tried again (Linux, SD_MAX_RETRIES)."""

SCAN_RETRIES = 3

BUSES = 8
"""Buses that the logical unit method can name (SAM-5, 4.7.8); Linux calls them channels."""

BLOCKS_10 = 0xFFFF
LAST_LBA_10 = 0xFFFFFFFF


class Result(NamedTuple):
    """How a command ended.

    ``data`` are the bytes that came (none if they were read into a buffer of the caller's);
    ``residual`` and ``overflow`` are those of :class:`~pysrp.initiator.requests.Command`, in bytes.
    """

    status: int
    data: bytes
    sense: bytes
    residual: int
    overflow: int


class Capacity(NamedTuple):
    """READ CAPACITY: number of logical blocks, and bytes in one."""

    blocks: int
    block_size: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.blocks * self.block_size


_ERRORS: dict[int, type[ScsiError]] = {
    Status.CHECK_CONDITION: CheckCondition,
    Status.BUSY: Busy,
    Status.RESERVATION_CONFLICT: ReservationConflict,
    Status.TASK_SET_FULL: TaskSetFull,
    Status.TASK_ABORTED: TaskAborted,
}


class UnitChanged(SrpError):
    """The unit's blocks are not those that a call was meant in: it has been replaced, or formatted.

    Nothing of the call was moved, unless parts of it had been carried out before. :meth:`Device.capacity` tells
    what the unit is now; the call then means that.
    """


SUCCESS = frozenset({Status.GOOD, Status.CONDITION_MET})
"""Statuses of a command that was carried out; PRE-FETCH ends with the second one (SAM-5, 5.3.1)."""

CHANGES = frozenset(
    {(0x2A, 0x01), (0x2A, 0x09), (0x3F, 0x01), (0x3F, 0x02), (0x3F, 0x03), (0x3F, 0x05), (0x3F, 0x0E)}
)
"""Unit attentions after which nothing that is known of a unit need be so (SPC-5, annex F): mode parameters and
capacity changed, firmware, definition, INQUIRY data, identifier and LUN inventory changed; and with these all of
28h, a medium that may have changed, and 29h, power on, reset or nexus loss."""


def tells_of_change(sense: bytes) -> bool:
    """Whether sense data is a unit attention of :data:`CHANGES`."""
    try:
        view = parse_sense(sense)
        asc, ascq = int(view.asc), int(view.ascq)
        return view.sense_key == SenseKey.UNIT_ATTENTION and (asc in (0x28, 0x29) or (asc, ascq) in CHANGES)
    except DecodeError:
        return False


ONCE = (
    cdbs.CompareAndWrite, cdbs.OrWrite32, cdbs.ExtendedCopy, cdbs.ExtendedCopyLid1, cdbs.PopulateToken,
    cdbs.WriteUsingToken, cdbs.PersistentReserveOut,
)  # fmt: skip
"""Commands whose effect depends on what was there before: carried out twice, they do or answer something else."""


def may_be_repeated(cdb: bytes) -> bool:
    """Whether a command that may have been carried out may be sent again; yes for one without a table.

    Of PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY may: it leaves the same key (SPC-5, 5.14.7). The second
    REGISTER or PREEMPT meets other keys, and a second RELEASE may end a reservation that was made meanwhile.
    """
    command = cdbs.parse_cdb(cdb)
    if isinstance(command, cdbs.PersistentReserveOut):
        action = command.service_action
        return bool(action == PersistentReserveOutAction.REGISTER_AND_IGNORE_EXISTING_KEY)
    return not isinstance(command, ONCE)


def scsi_error(cdb: bytes, status: int, sense: bytes) -> ScsiError:
    """The exception that stands for a status other than GOOD."""
    try:
        what = Status(status).name.replace("_", " ")
    except ValueError:
        what = f"status {status:02X}h"
    if sense:
        try:
            what += f": {parse_sense(sense).text}"
        except DecodeError:
            what += f": sense {sense.hex()}"
    try:
        name = cdbs.parse_cdb(cdb).name
    except DecodeError:
        name = f"CDB {cdb.hex()}"
    return _ERRORS.get(status, ScsiError)(f"{name}: {what}", status=status, sense=sense)


class Pending(Command):
    """A command that has been submitted; :meth:`Session.submit` makes them.

    ``done`` says whether :meth:`outcome` has something to tell; ``abandoned`` why nobody waits for it
    any more.
    """

    __slots__ = (
        "abandoned",
        "began",
        "chunks",
        "data",
        "done",
        "epoch",
        "into",
        "length",
        "out",
        "retries",
        "session",
        "waiter",
    )

    def __init__(self, session: Any, lun: Lun, cdb: bytes, length: int, timeout: float) -> None:
        super().__init__(lun, cdb, timeout=timeout)
        self.session = session
        self.length = length
        self.out: memoryview | bytes | None = None
        self.into: memoryview | None = None
        self.chunks: Sequence[int] = ()
        self.retries = self.epoch = 0
        self.began = 0.0
        self.data = b""
        self.done = False
        self.abandoned: SrpError | None = None
        self.waiter: Callable[[Pending], None] | None = None

    def outcome(self, check: bool = True) -> Result:
        """The result. Raises what prevented it, with ``check`` a ScsiError for a status that is no success."""
        if self.error is not None:
            raise self.error
        status = self.status
        if status is None:
            raise ValueError("the command has not ended")
        if check and status not in SUCCESS:
            raise scsi_error(self.cdb, status, self.sense)
        return Result(status, self.data, self.sense, self.residual, self.overflow)

    def result(self, check: bool = True) -> Result:
        """Wait for the result; otherwise as :meth:`outcome`. For blocking sessions."""
        if not self.done:
            self.session.complete(self)
        return self.outcome(check)

    def worth_retrying(self) -> bool:
        """Whether to try again: as Linux after a unit attention, becoming ready, busy, none of which begins a command;
        after an abort, which may come at any point of one, if it may be carried out twice."""
        if self.status == Status.TASK_ABORTED:
            return may_be_repeated(self.cdb)
        if self.status != Status.CHECK_CONDITION:
            return self.status in (Status.BUSY, Status.TASK_SET_FULL)
        try:
            sense = parse_sense(self.sense)
            key = int(sense.sense_key)
            if key == SenseKey.NOT_READY:
                return int(sense.asc) == 0x04 and int(sense.ascq) == 0x01
            return key == SenseKey.UNIT_ATTENTION or (
                key == SenseKey.ABORTED_COMMAND and may_be_repeated(self.cdb)
            )
        except DecodeError:
            return False


class Commander(Protocol):
    """What sequences need of a session."""

    host: int
    replay: bool

    def changed(self, lun: Lun) -> int:
        """The epoch in which a unit was last heard to have changed; see :attr:`Pending.epoch`."""

    @property
    def max_transfer(self) -> int:
        """Bytes that one command may move."""

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
    ) -> Pending:
        """Start a command."""


class ScannedUnit:
    """A logical unit that a scan has found."""

    def __init__(self, session: Commander, lun: Lun, address: Hctl, data: Inquiry) -> None:
        self.session = session
        self.lun = lun
        """The eight bytes, as sent."""
        self.hctl = address
        """Linux's channel, id and lun."""
        self.inquiry_data = data
        """Standard INQUIRY data, from the scan."""
        self._capacity: Capacity | None = None
        self._asked = session.changed(lun)
        """The epoch in which the unit was last asked what it is."""
        self._meant: int | None = None
        """Bytes of the blocks in which calls are meant: what the caller was told last."""

    @property
    def known_capacity(self) -> Capacity | None:
        """The last answer to READ CAPACITY; None if there was none since the unit last said that it has changed."""
        return self._capacity if self._asked >= self.session.changed(self.lun) else None

    @known_capacity.setter
    def known_capacity(self, value: Capacity | None) -> None:
        self._capacity, self._asked = value, self.session.changed(self.lun)
        self._meant = None if value is None else value.block_size

    @property
    def host(self) -> int:
        """Number of the SCSI host, the first of the four in Linux's addresses."""
        return self.session.host

    @property
    def max_transfer(self) -> int:
        """Bytes that one command may move."""
        return self.session.max_transfer

    @property
    def type(self) -> int:
        """Peripheral device type."""
        return int(self.inquiry_data.peripheral_device_type)

    @property
    def vendor(self) -> str:
        """T10 vendor identification, without the blanks at its end."""
        return _text(self.inquiry_data, "vendor")

    @property
    def product(self) -> str:
        """Product identification, without the blanks at its end."""
        return _text(self.inquiry_data, "product")

    @property
    def revision(self) -> str:
        """Product revision level, without the blanks at its end."""
        return _text(self.inquiry_data, "revision")

    def __repr__(self) -> str:
        address = ":".join(map(str, (self.host, *self.hctl)))
        return f"<{type(self).__name__} [{address}] {self.vendor} {self.product} {self.revision}>"

    # Sequences.

    def _ask(self, cdb: Any, length: int, **options: Any) -> Pending:
        session = self.session
        return session.submit(self.lun, bytes(cdb), data_in_length=length, replay=session.replay, **options)

    def inquiry_steps(self, vpd: int | None) -> Steps[Any]:
        """INQUIRY; of a VPD page that has more than 252 bytes the rest in a second one.

        Raises DecodeError for another page than the one that was asked for.
        """
        length = 255
        while True:
            cdb = cdbs.Inquiry.build(evpd=vpd is not None, page_code=vpd or 0, allocation_length=length)
            pending = self._ask(cdb, length, retries=SCAN_RETRIES)
            yield (pending,)
            data = pending.outcome().data
            found = parse_data_in(cdb, data)
            have = len(data)
            need = have
            if have > 4:
                need = int.from_bytes(data[2:4], "big") + 4 if vpd is not None else data[4] + 5
            if need <= have or length != 255:
                return found if need >= have else parse_data_in(cdb, data[:need])
            length = min(need, 0xFFFF)

    def capacity_steps(self) -> Steps[Capacity]:
        """Number of blocks and bytes in one; later calls are meant in these."""
        capacity = yield from self._what_it_is(SHORT_TIMEOUT)
        self._meant = capacity.block_size
        return capacity

    def _what_it_is(self, timeout: float) -> Steps[Capacity]:
        """Ask for the capacity; and for INQUIRY data, if the unit may be another one than it was."""
        if self._asked < self.session.changed(self.lun):
            self.inquiry_data = yield from self.inquiry_steps(None)
        modern = int(self.inquiry_data.version) & 7 >= 5
        self._capacity, self._asked = yield from ask_capacity(self.session, self.lun, modern, timeout)
        return self._capacity

    def block_size_steps(self, timeout: float = SHORT_TIMEOUT) -> Steps[int]:
        """Bytes in a block, asked for once. Raises UnitChanged if the caller was last told of others."""
        known = self.known_capacity
        if known is None:
            known = yield from self._what_it_is(timeout)
        if not known.block_size:
            raise DecodeError("the unit says that its blocks have 0 bytes", field="block_length")
        if self._meant is None:
            self._meant = known.block_size
        if known.block_size != self._meant:
            raise block_size_changed(self._meant, known.block_size)
        return known.block_size

    def _within(self, lba: int, blocks: int, size: int) -> Steps[None]:
        """Refuse what would run over the end after a part of it has been written."""
        known = self.known_capacity
        if known is None or lba + blocks > known.blocks:
            known = yield from self._what_it_is(SHORT_TIMEOUT)
        if known.block_size != size:
            raise block_size_changed(size, known.block_size)
        if lba + blocks > known.blocks:
            raise ValueError(f"{blocks} blocks at {lba}, the unit has {known.blocks}; nothing was written")

    def read_steps(self, lba: int, blocks: int, into: memoryview | None) -> Steps[bytes]:
        """Read, in parts that the server and the CDB can take."""
        size = yield from self.block_size_steps()
        if into is not None and into.nbytes != blocks * size:
            raise ValueError(f"a buffer of {into.nbytes} bytes for {blocks} blocks of {size} bytes")
        parts: list[Pending] = []
        for at, count in self._parts(lba, blocks, size):
            start = (at - lba) * size
            part = None if into is None else into[start : start + count * size]
            parts.append(self.start_read(at, count, size, into=part))
        yield parts
        results = [part.outcome() for part in parts]
        short = sum(result.residual for result in results)
        if short:
            raise SrpError(f"{short} bytes of {blocks * size} were not read, without an error")
        return results[0].data if len(results) == 1 else b"".join(result.data for result in results)

    def write_steps(self, lba: int, data: Any, fua: bool) -> Steps[None]:
        """Write, in parts that the server and the CDB can take."""
        size = yield from self.block_size_steps()
        view = memoryview(data).cast("B")
        blocks, rest = divmod(view.nbytes, size)
        if rest:
            raise ValueError(f"{view.nbytes} bytes are not whole blocks of {size} bytes")
        if view.nbytes > self.session.max_transfer:
            yield from self._within(lba, blocks, size)
        parts: list[Pending] = []
        for at, count in self._parts(lba, blocks, size):
            start = (at - lba) * size
            parts.append(self.start_write(at, view[start : start + count * size], size, fua=fua))
        yield parts
        short = sum(part.outcome().residual for part in parts)
        if short:
            raise SrpError(f"{short} bytes of {view.nbytes} were not written, without an error")

    def flush_steps(self) -> Steps[None]:
        """SYNCHRONIZE CACHE (10) over the whole unit."""
        pending = self._ask(cdbs.SynchronizeCache10.build(), 0, timeout=2 * IO_TIMEOUT, retries=IO_RETRIES)
        yield (pending,)
        pending.outcome()

    def ready_steps(self) -> Steps[None]:
        """TEST UNIT READY."""
        pending = self._ask(cdbs.TestUnitReady.build(), 0, retries=SCAN_RETRIES)
        yield (pending,)
        pending.outcome()

    def persistent_reserve_in_steps(self, action: int) -> Steps[Any]:
        """PERSISTENT RESERVE IN; what has more than 4 KiB in a second one."""
        length = 4096
        while True:
            cdb = cdbs.PersistentReserveIn.build(service_action=action, allocation_length=length)
            pending = self._ask(cdb, length, retries=SCAN_RETRIES)
            yield (pending,)
            data = pending.outcome().data
            found: Any = parse_data_in(cdb, data)
            if isinstance(found, params.ReportCapabilities) or length > 4096:
                return found
            need = found.additional_length + 8
            if need <= length:
                return found
            length = min(need, 0xFFFF)

    def persistent_reserve_out_steps(self, action: int, parameters: Any, type: int) -> Steps[None]:
        """PERSISTENT RESERVE OUT: again after a unit attention or BUSY; see :func:`may_be_repeated` for an abort."""
        data = bytes(parameters)
        cdb = cdbs.PersistentReserveOut.build(
            service_action=action, type=type, parameter_list_length=len(data)
        )
        pending = self.session.submit(self.lun, bytes(cdb), data_out=data, retries=IO_RETRIES)
        yield (pending,)
        pending.outcome()

    def _parts(self, lba: int, blocks: int, size: int) -> Iterable[tuple[int, int]]:
        if lba < 0 or blocks < 0 or lba + blocks > 1 << 64:
            raise ValueError(f"{blocks} blocks at {lba}")
        most = min(self.session.max_transfer // size, BLOCKS_10)
        if not most:
            raise ValueError(f"one block has {size} bytes, one command can move {self.session.max_transfer}")
        return [(at, min(most, lba + blocks - at)) for at in range(lba, lba + blocks, most)] or [(lba, 0)]

    def start_read(
        self,
        lba: int,
        blocks: int,
        block_size: int,
        into: memoryview | None = None,
        retries: int = IO_RETRIES,
    ) -> Pending:
        """Submit one READ: (10) where that can say it, else (16), as Linux does."""
        session = self.session
        if lba + blocks <= LAST_LBA_10 and blocks <= BLOCKS_10:
            cdb: Any = cdbs.Read10.build(lba=lba, transfer_length=blocks)
        else:
            cdb = cdbs.Read16.build(lba=lba, transfer_length=blocks)
        return session.submit(
            self.lun, bytes(cdb), data_in_length=blocks * block_size, into=into, timeout=IO_TIMEOUT,
            retries=retries, block_size=block_size, replay=session.replay,
        )  # fmt: skip

    def start_write(
        self, lba: int, data: Any, block_size: int, fua: bool = False, retries: int = IO_RETRIES
    ) -> Pending:
        """Submit one WRITE of whole blocks, as :meth:`start_read`."""
        session = self.session
        blocks = len(data) // block_size
        if lba + blocks <= LAST_LBA_10 and blocks <= BLOCKS_10:
            cdb: Any = cdbs.Write10.build(lba=lba, transfer_length=blocks, fua=fua)
        else:
            cdb = cdbs.Write16.build(lba=lba, transfer_length=blocks, fua=fua)
        return session.submit(
            self.lun, bytes(cdb), data_out=data, timeout=IO_TIMEOUT, retries=retries,
            block_size=block_size, replay=session.replay,
        )  # fmt: skip


def block_size_changed(meant: int, now: int) -> UnitChanged:
    """What to say to a call that was meant in other blocks."""
    return UnitChanged(
        f"the unit has changed: its blocks have {now} bytes, not {meant}; ask for its capacity, then try again"
    )


def ask_capacity(
    session: Commander, lun: Lun, modern: bool = True, timeout: float = SHORT_TIMEOUT
) -> Steps[tuple[Capacity, int]]:
    """READ CAPACITY, and the epoch of its answer: (16) first if ``modern``, as Linux does, else (10) first."""
    data: params.ReadCapacity10 | params.ReadCapacity16
    options: dict[str, Any] = {"retries": SCAN_RETRIES, "timeout": timeout, "replay": session.replay}

    def ask(cdb: Any, length: int) -> Pending:
        return session.submit(lun, bytes(cdb), data_in_length=length, **options)

    sixteen = cdbs.ReadCapacity16.build(allocation_length=32)
    if modern:
        pending = ask(sixteen, 32)
        yield (pending,)
        try:
            data = params.ReadCapacity16(pending.outcome().data)
        except CheckCondition as error:
            if not _is_illegal(error):
                raise
            modern = False
    if not modern:
        pending = ask(cdbs.ReadCapacity10.build(), 8)
        yield (pending,)
        data = params.ReadCapacity10(pending.outcome().data)
        if data.returned_lba == LAST_LBA_10:
            pending = ask(sixteen, 32)
            yield (pending,)
            data = params.ReadCapacity16(pending.outcome().data)
    return Capacity(data.blocks, int(data.block_length)), pending.epoch


def _text(data: Inquiry, name: str) -> str:
    try:
        return str(getattr(data, name)).rstrip(" \0")
    except DecodeError:
        return ""


def _is_illegal(error: CheckCondition) -> bool:
    try:
        return bool(parse_sense(error.sense).sense_key == SenseKey.ILLEGAL_REQUEST)
    except DecodeError:
        return False


def scan(
    session: Commander,
    make: Callable[[Lun, Hctl, Inquiry], T],
    channels: Iterable[int],
    ids: Iterable[int],
    luns: int,
) -> Steps[list[T]]:
    """Look for units as Linux does: INQUIRY to LUN 0 of every id, then REPORT LUNS, else LUN after LUN.

    A LUN in REPORT LUNS counts if its number, as Linux reads it, is below ``luns``. Beyond Linux, so does
    one in the logical unit method that names the very channel and id (SCST lists its LUNs like that).
    """
    found: list[T] = []
    ids = tuple(ids)
    for channel in channels:
        for target in ids:
            first = yield from _probe(session, Hctl(channel, target, 0))
            if first is None:
                continue
            present = _is_present(first)
            if present:
                found.append(make(from_hctl(channel, target, 0), Hctl(channel, target, 0), first))
            listed = yield from _report(session, channel, target, luns)
            sequential = listed is None
            for number in range(1, luns) if listed is None else listed:
                data = yield from _probe(session, Hctl(channel, target, number))
                if data is not None and _is_present(data):
                    found.append(
                        make(from_hctl(channel, target, number), Hctl(channel, target, number), data)
                    )
                elif sequential:
                    break
    return found


def _is_present(data: Inquiry) -> bool:
    """Whether Linux makes a device of it: not for qualifier 3, nor for 1 and 2 with an unknown type."""
    return data.peripheral_qualifier != PeripheralQualifier.NOT_CAPABLE and not (
        data.peripheral_qualifier and data.peripheral_device_type == 0x1F
    )


def _probe(session: Commander, address: Hctl) -> Steps[Inquiry | None]:
    """INQUIRY: 36 bytes, then all there are. None for anything but an answer."""
    length = 36
    data = b""
    while True:
        cdb = bytes(cdbs.Inquiry.build(allocation_length=length))
        pending = session.submit(
            from_hctl(*address),
            cdb,
            data_in_length=length,
            timeout=SCAN_TIMEOUT,
            retries=SCAN_RETRIES,
            replay=True,
        )
        yield (pending,)
        try:
            new = pending.outcome().data
        except ScsiError:
            break
        if len(new) < 5:
            break
        data = new
        need = data[4] + 5
        if need <= length or length > 36 or data[0] >> 5:
            break
        length = min(need, 255)
    return Inquiry(data) if len(data) >= 5 else None


def _report(session: Commander, channel: int, target: int, luns: int) -> Steps[list[int] | None]:
    """The LUNs of one target but 0, by REPORT LUNS to its LUN 0; None if it cannot tell."""
    length = 4096
    while True:
        cdb = bytes(cdbs.ReportLuns.build(allocation_length=length))
        pending = session.submit(
            from_hctl(channel, target, 0), cdb, data_in_length=length, timeout=SHORT_TIMEOUT,
            retries=SCAN_RETRIES, replay=True,
        )  # fmt: skip
        yield (pending,)
        try:
            data = params.ReportLuns(pending.outcome().data)
        except (ScsiError, DecodeError):
            return None
        need = 8 + int(data.lun_list_length)
        if need <= length or length > 4096:
            break
        length = min(need, 1 << 20, session.max_transfer)
    numbers: set[int] = set()
    for lun in data.luns:
        number = scsilun_to_int(lun)
        if number < luns:
            numbers.add(number)
        else:
            try:
                address = hctl(lun)
            except DecodeError:
                continue
            if address[:2] == (channel, target) and address.lun < luns:
                numbers.add(address.lun)
    return sorted(numbers - {0})
