"""What a client does with logical units: commands with results, and sequences of commands.

A sequence is a generator, written once for blocking callers and for asyncio: each ``yield`` gives the caller
commands that have been submitted, and the caller resumes the sequence when all of them are done.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pysrp._fast.commands import BLOCKS_10, IO_RETRIES, IO_TIMEOUT, LAST_LBA_10, CalledUnit, Pending
from pysrp.errors import CheckCondition, DecodeError, ScsiError, SrpError
from pysrp.initiator.outcomes import SUCCESS, Result, tells_of_change
from pysrp.lun import Hctl, Lun, from_hctl, hctl, scsilun_to_int
from pysrp.scsi import cdb as cdbs
from pysrp.scsi import params
from pysrp.scsi.codes import PeripheralQualifier, SenseKey
from pysrp.scsi.data import parse_data_in
from pysrp.scsi.inquiry import Inquiry
from pysrp.scsi.sense import parse_sense

__all__ = [
    "IO_RETRIES",
    "IO_TIMEOUT",
    "SUCCESS",
    "Capacity",
    "Pending",
    "Result",
    "ScannedUnit",
    "Steps",
    "UnitChanged",
    "Walk",
    "scan",
    "tells_of_change",
]

T = TypeVar("T")
Steps = Generator["Iterable[Pending]", None, T]
"""A sequence of commands, whose result is a ``T``; see the module."""

SCAN_TIMEOUT = 20
"""Seconds for an INQUIRY during a scan (Linux, ``inq_timeout``)."""

SHORT_TIMEOUT = 30
"""Seconds for commands that ask what a unit is (Linux)."""

SCAN_RETRIES = 3

BUSES = 8
"""Buses that the logical unit method can name (SAM-5, 4.7.8); Linux calls them channels."""


class Capacity(NamedTuple):
    """READ CAPACITY: number of logical blocks, and bytes in one."""

    blocks: int
    block_size: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.blocks * self.block_size


class UnitChanged(SrpError):
    """The unit's block size is not the one that the caller was last told: the unit has been replaced, or formatted.

    No data was moved, unless some commands of a long call had been carried out before the change. Call
    :meth:`Device.capacity`; from then on LBAs and lengths are taken in the new block size.
    """


class Commander(Protocol):
    """What sequences need from a session."""

    host: int
    replay: bool

    def changed(self, lun: Lun) -> int:
        """The epoch in which a unit last reported a change; see :attr:`Pending.epoch`."""

    @property
    def max_transfer(self) -> int:
        """The most bytes that one command may move."""

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


class Walker(Protocol):
    """What carries out sequences: an SRP session, or a unit's crew (:mod:`pysrp.sg.crew`)."""

    _scope: list[Pending] | None
    """The list to which commands are added as they are submitted, so that a call that fails can give them up."""

    def give_up(self, commands: Iterable[Pending]) -> None:
        """End these commands, for which no caller waits any more."""


class Walk(Generic[T]):
    """A sequence that is being carried out. Iterating gives each command to wait for; then ``result`` is set.

    ::

        with Walk(session, steps) as walk:
            for pending in walk:
                ...  # wait for it
        return walk.result

    If an exception ends the block, the commands that the sequence has submitted are given up.
    """

    result: T

    def __init__(self, session: Walker, steps: Steps[T]) -> None:
        self._session = session
        self._steps = steps
        self._submitted: list[Pending] = []

    def __enter__(self) -> Walk[T]:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._session.give_up(self._submitted)
            self._steps.close()

    def __iter__(self) -> Iterator[Pending]:
        session = self._session
        while True:
            outer, session._scope = session._scope, self._submitted
            try:
                waiting = next(self._steps)
            except StopIteration as end:
                self.result = end.value
                return
            finally:
                session._scope = outer
            yield from waiting


class ScannedUnit(CalledUnit):
    """A logical unit that a scan has found."""

    session: Commander
    inquiry_data: Inquiry
    _capacity: Capacity | None

    def __init__(self, session: Commander, lun: Lun, address: Hctl, data: Inquiry) -> None:
        self.session = session
        self.lun = lun
        """The eight bytes, as sent."""
        self.hctl = address
        """Linux's channel, id and lun."""
        self.inquiry_data = data
        """Standard INQUIRY data, from the scan."""
        self._asked = session.changed(lun)
        """The epoch of the last READ CAPACITY. ``_capacity`` is its answer, ``_meant`` the block size that the caller was
        last told, in which its LBAs and lengths count."""

    @property
    def known_capacity(self) -> Capacity | None:
        """The last answer to READ CAPACITY; None if the unit has reported a change since."""
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
        """INQUIRY, and a second one with a larger allocation length if there are more than 255 bytes.

        Raises DecodeError if the unit returns another VPD page than the one that was asked for.
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
        """The number of blocks, and the bytes in a block; LBAs and lengths of later calls are in these blocks."""
        capacity = yield from self._what_it_is(SHORT_TIMEOUT)
        self._meant = capacity.block_size
        return capacity

    def _what_it_is(self, timeout: float) -> Steps[Capacity]:
        """READ CAPACITY, after an INQUIRY if the unit has reported a change."""
        if self._asked < self.session.changed(self.lun):
            self.inquiry_data = yield from self.inquiry_steps(None)
        modern = int(self.inquiry_data.version) & 7 >= 5
        self._capacity, self._asked = yield from ask_capacity(self.session, self.lun, modern, timeout)
        return self._capacity

    def block_size_steps(self, timeout: float = SHORT_TIMEOUT) -> Steps[int]:
        """Bytes in a block, by READ CAPACITY unless known. Raises UnitChanged if the caller was last told another size."""
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

    def _within(self, lba: int, blocks: int, size: int, moved: str) -> Steps[None]:
        """Raise ValueError for a call of several commands that would run over the end of the unit."""
        known = self.known_capacity
        if known is None or lba + blocks > known.blocks:
            known = yield from self._what_it_is(SHORT_TIMEOUT)
        if known.block_size != size:
            raise block_size_changed(size, known.block_size)
        if lba + blocks > known.blocks:
            raise ValueError(f"{blocks} blocks at {lba}, the unit has {known.blocks}; nothing was {moved}")

    def read_steps(self, lba: int, blocks: int, into: memoryview | None) -> Steps[bytes]:
        """Read with as many commands as the server and the CDB need."""
        size = yield from self.block_size_steps()
        if into is not None and into.nbytes != blocks * size:
            raise ValueError(f"a buffer of {into.nbytes} bytes for {blocks} blocks of {size} bytes")
        if blocks * size > self.session.max_transfer:
            yield from self._within(lba, blocks, size, "read")
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
        """Write with as many commands as the server and the CDB need."""
        size = yield from self.block_size_steps()
        view = memoryview(data).cast("B")
        blocks, rest = divmod(view.nbytes, size)
        if rest:
            raise ValueError(f"{view.nbytes} bytes are not whole blocks of {size} bytes")
        if view.nbytes > self.session.max_transfer:
            yield from self._within(lba, blocks, size, "written")
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
        """PERSISTENT RESERVE IN, and a second one with a larger allocation length if there are more than 4 KiB."""
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
        """PERSISTENT RESERVE OUT, retried after a unit attention or BUSY; for aborts see :func:`may_be_repeated`."""
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


def block_size_changed(meant: int, now: int) -> UnitChanged:
    """The error of a call that was made for blocks of ``meant`` bytes."""
    return UnitChanged(
        f"the unit has changed: its blocks have {now} bytes, not {meant}; ask for its capacity, then try again"
    )


def ask_capacity(
    session: Commander, lun: Lun, modern: bool = True, timeout: float = SHORT_TIMEOUT
) -> Steps[tuple[Capacity, int]]:
    """READ CAPACITY: its answer, and the answer's epoch. (16) is tried first if ``modern``, as in Linux, else (10)."""
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

    A LUN in REPORT LUNS is used if its number, as Linux reads it, is below ``luns``. Unlike Linux, this also uses
    a LUN in the logical unit method that names this channel and id (SCST lists its LUNs like that).
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
    """Whether Linux makes a device of the unit: not for qualifier 3, nor for 1 and 2 with an unknown type."""
    return data.peripheral_qualifier != PeripheralQualifier.NOT_CAPABLE and not (
        data.peripheral_qualifier and data.peripheral_device_type == 0x1F
    )


def _probe(session: Commander, address: Hctl) -> Steps[Inquiry | None]:
    """INQUIRY for 36 bytes, then for all that the unit has. None if the first one gives no usable data."""
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
    """The LUNs of one target except 0, by REPORT LUNS to its LUN 0; None if that command fails."""
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
