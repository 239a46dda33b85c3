"""A port that records what passes through it in both directions, as JSON lines.

::

    with Recorder(fabric.connect("vio:30000003"), "session.jsonl") as port, Session(port) as session:
        ...

A line is one record, in the form that ``pysrp decode`` and :mod:`pysrp.fabric.recording` read:

============  ======================================================================================
``seq``       number of the record, from 1
``dir``       ``i2t`` from the initiator to the target, ``t2i`` the other way
``what``      ``crq`` a queue element, ``iu`` an information unit or datagram, ``data`` memory that
              belongs to one, ``hcall`` a call of this end: its arguments as big-endian u64
``hex``       the bytes; of more than 8192 only the first 64, with ``truncated`` and ``sha256`` of all
``len``       how many bytes there were
``addr``      bus address in the client's window, hexadecimal
``txn``       the same number for all that belongs to one request
``note``      for the reader
``time``      when it was recorded, in seconds since the epoch
============  ======================================================================================

On the server's side the records of memory are its copies. A client's port cannot see the server's accesses to
its memory, so it reads the data of a request when that is sent, and the data of an answer when that is taken from
the queue. :meth:`Recorder.window` returns None, so that all data has to be copied and can be recorded. The target's
native path notes what it does; the notes are written before later records, at the latest when the port
is polled, waited for or closed. What passes through the initiator's native path is recorded at once.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from pysrp import crq, mad, srp
from pysrp.errors import DecodeError
from pysrp.fabric import Access, Memory, Port
from pysrp.fabric.recording import MOST_TRANSACTIONS, Direction, Record, What, name_of
from pysrp.fabric.wrapped import Wrapped

__all__ = ["Recorder"]

LONGEST = 8192
HEAD = 64

Element = bytes | bytearray | memoryview
Stretch = tuple[int, int]
Notes = list[tuple[str, int, bytes]]


class _Exchange:
    """One request: its number, its element, and, when its IU is known, the addresses of its data."""

    def __init__(self, number: int, element: bytes) -> None:
        self.number = number
        self.format = element[1]
        self.length, self.address = struct.unpack_from(">HQ", element, 6)
        self.iu = b""
        self.name = ""
        self.table: Stretch | None = None
        self.outgoing: list[Stretch] = []
        self.incoming: list[Stretch] = []

    @property
    def tag(self) -> bytes:
        """The tag, by which the element of the answer names the request."""
        return self.iu[8:16]

    def holds(self, address: int) -> bool:
        """Whether an address belongs to the buffers of the request."""
        stretches = [*self.outgoing, *self.incoming, *([self.table] if self.table else [])]
        return any(start <= address < start + size for start, size in stretches)

    def before(self, address: int) -> int:
        """Bytes in the data-in stretches before the one that begins at ``address``."""
        total = 0
        for start, size in self.incoming:
            if start == address:
                break
            total += size
        return total

    def brought(self, iu: bytes) -> int:
        """How many bytes of data-in the server has written, according to its answer."""
        total = sum(size for _, size in self.incoming)
        if self.format == crq.Format.MAD:
            return total
        try:
            answer = srp.parse(iu)
        except DecodeError:
            return 0
        if not isinstance(answer, srp.Rsp):
            return 0
        if answer.flags & srp.RspFlags.DIUNDER:
            return total - int(answer.data_in_res_cnt)
        return 0 if answer.status else total


class Recorder(Wrapped):
    """Wraps an open ``port``; use it instead. ``file`` is a path, which is written anew (and made with mode 0600),
    or an open text file.

    Closing it closes the port, and the file if it was given as a path. Other attributes of the port can be
    used through the recorder.

    When the file cannot be written, the call that was to be recorded raises an OSError with the file's name. If there is
    ``failed``, it is called once with the OSError instead; then recording stops, and the calls go on.
    """

    def __init__(
        self,
        port: Port,
        file: str | os.PathLike[str] | TextIO,
        failed: Callable[[OSError], object] | None = None,
    ) -> None:
        super().__init__(port)
        self._failed = failed
        self._given_up = False
        self._owns_file = isinstance(file, (str, os.PathLike))
        self._file: TextIO = _made(file) if isinstance(file, (str, os.PathLike)) else file
        self._name = os.fspath(file) if isinstance(file, (str, os.PathLike)) else getattr(file, "name", None)
        self._seq = 0
        self._transactions = 0
        self._by_address: dict[int, _Exchange] = {}
        self._by_tag: dict[bytes, _Exchange] = {}
        self._link: Any = None

    # Records.

    def _record(
        self,
        direction: Direction,
        what: What,
        data: bytes,
        note: str,
        *,
        address: int | None = None,
        exchange: _Exchange | None = None,
    ) -> None:
        self._seq += 1
        record = Record(
            direction=direction,
            what=what,
            data=data if len(data) <= LONGEST else data[:HEAD],
            length=len(data),
            seq=self._seq,
            note=note,
            time=round(time.time(), 6),
            address=address,
            transaction=exchange.number if exchange else None,
            sha256=hashlib.sha256(data).hexdigest() if len(data) > LONGEST else "",
        )
        if not (self._file.closed or self._given_up):
            with self._writing():
                self._file.write(record.line() + "\n")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Handle errors of writing. The file's name is added to them, as write does not set it."""
        try:
            yield
        except OSError as problem:
            problem.filename = self._name
            if not self._failed:
                raise
            if not self._given_up:
                self._given_up = True
                self._failed(problem)

    def _flush(self, close: bool = False) -> None:
        with self._writing():
            if not self._file.closed:
                (self._file.close if close else self._file.flush)()

    def _call(self, name: str, *arguments: int) -> None:
        text = ", ".join(f"{a:x}" for a in arguments)
        data = struct.pack(f">{len(arguments)}Q", *arguments)
        self._record("t2i" if self.is_server else "i2t", "hcall", data, f"{name}({text})")

    def _request(self, element: bytes) -> _Exchange | None:
        """The request that an element from the initiator begins; None if it begins none."""
        self._transactions += 1
        exchange = _Exchange(self._transactions, element)
        if element[0] != crq.Valid.CMD_RESP or exchange.format not in (crq.Format.SRP, crq.Format.MAD):
            return None
        # An answer is written over its request: once the memory is used again, the earlier request gets no answer.
        self._forget(self._by_address.get(exchange.address))
        if len(self._by_address) >= MOST_TRANSACTIONS:
            self._forget(next(iter(self._by_address.values())))
        self._by_address[exchange.address] = exchange
        return exchange

    def _over(self, element: bytes) -> _Exchange | None:
        """The request that an element from the target answers, removed from the tables; None if there is none."""
        exchange = self._by_tag.get(element[8:16]) if element[0] == crq.Valid.CMD_RESP else None
        self._forget(exchange)
        return exchange

    def _forget(self, exchange: _Exchange | None) -> None:
        """Remove a request from the tables."""
        if exchange is not None:
            if self._by_address.get(exchange.address) is exchange:
                del self._by_address[exchange.address]
            if self._by_tag.get(exchange.tag) is exchange:
                del self._by_tag[exchange.tag]

    def _understand(self, exchange: _Exchange, iu: bytes) -> None:
        """Read the addresses of a request's data from its IU; none if the IU cannot be decoded."""
        exchange.iu = iu
        self._by_tag[exchange.tag] = exchange
        exchange.name = name_of(exchange.format, iu)
        with suppress(DecodeError):
            unit = mad.parse(iu) if exchange.format == crq.Format.MAD else srp.parse(iu)
            if isinstance(unit, (mad.AdapterInfo, mad.Capabilities)):
                exchange.outgoing = exchange.incoming = [(int.from_bytes(iu[16:24], "big"), int(unit.length))]
            elif isinstance(unit, srp.Cmd):
                exchange.outgoing = self._stretches(exchange, unit.data_out)
                exchange.incoming = self._stretches(exchange, unit.data_in)

    def _stretches(self, exchange: _Exchange, descriptor: Any) -> list[Stretch]:
        if isinstance(descriptor, srp.DirectBuf):
            return [(descriptor.va, descriptor.len)]
        if not isinstance(descriptor, srp.IndirectBuf):
            return []

        def fetch(address: int, size: int) -> bytes:
            exchange.table = (address, size)
            return self._own(address, size)

        return [(each.va, each.len) for each in descriptor.segments(fetch)]

    def _own(self, address: int, size: int) -> bytes:
        """The client's memory by bus address, as far as it is mapped; empty on a server, which has to copy it."""
        if self.is_server:
            return b""
        with self._stretch(address, size) as view:
            return bytes(view)

    # The queue.

    def register(self) -> bool:
        """See :meth:`Port.register`."""
        self._catch_up()
        there = self.port.register()
        self._by_address.clear()
        self._by_tag.clear()
        # PAPR's second argument, the queue's address, is not known here.
        self._call("H_REG_CRQ", self.identity.unit_address, 0, self.queue_size)
        return there

    def free(self) -> None:
        """See :meth:`Port.free`."""
        self._catch_up()
        self.port.free()
        self._call("H_FREE_CRQ", self.identity.unit_address)

    def enable(self) -> None:
        """See :meth:`Port.enable`."""
        self._catch_up()
        self.port.enable()
        self._call("H_ENABLE_CRQ", self.identity.unit_address)

    def send(self, element: Element) -> None:
        """See :meth:`Port.send`."""
        self._catch_up()
        pending = self._before(bytes(element))
        self.port.send(element)
        self._sent(bytes(element), *pending)

    def send_many(self, elements: Iterable[Element]) -> int:
        """See :meth:`Port.send_many`."""
        self._catch_up()
        batch = [bytes(one) for one in elements]
        # A target can answer, and so overwrite the request, before the call returns.
        pending = [self._before(one) for one in batch]
        count = self.port.send_many(batch)
        for one, before in zip(batch[:count], pending[:count], strict=True):
            self._sent(one, *before)
        return count

    def _before(self, element: bytes) -> tuple[_Exchange | None, list[tuple[Stretch, bytes]]]:
        """On the client's side: the request that an element begins, and a copy of the memory that it refers to."""
        if self.is_server or len(element) != crq.Element.SIZE:
            return None, []
        exchange = self._request(element)
        if exchange is None:
            return None, []
        self._understand(exchange, self._own(exchange.address, exchange.length))
        stretches = ([exchange.table] if exchange.table else []) + exchange.outgoing
        return exchange, [(each, self._own(*each)) for each in stretches]

    def _sent(self, element: bytes, exchange: _Exchange | None, memory: list[tuple[Stretch, bytes]]) -> None:
        if self.is_server:
            self._record("t2i", "crq", element, _title(element), exchange=self._over(element))
            return
        self._record("i2t", "crq", element, _title(element), exchange=exchange)
        if exchange is not None:
            self._record("i2t", "iu", exchange.iu, exchange.name, address=exchange.address, exchange=exchange)
            for (address, _), data in memory:
                self._data("i2t", data, address, exchange)

    def _data(self, direction: Direction, data: bytes, address: int, exchange: _Exchange | None) -> None:
        name = exchange.name if exchange else "nothing known"
        if exchange and exchange.table and exchange.table[0] <= address < sum(exchange.table):
            name += ", descriptor table"
        self._record(direction, "data", data, f"of {name}", address=address, exchange=exchange)

    def poll(self, max: int = 256) -> list[bytes]:
        """See :meth:`Port.poll`."""
        self._catch_up()
        elements = self.port.poll(max)
        for element in elements:
            if self.is_server:
                self._asked(element)
            else:
                self._answered(element)
        return elements

    def _asked(self, element: bytes) -> None:
        self._record("i2t", "crq", element, _title(element), exchange=self._request(element))

    def _answered(self, element: bytes) -> None:
        exchange = self._over(element)
        if exchange is not None:
            (length,) = struct.unpack_from(">H", element, 6)
            iu = self._own(exchange.address, length)
            for address, size in exchange.incoming:
                here = min(size, exchange.brought(iu) - exchange.before(address))
                if here > 0:
                    self._data("t2i", self._own(address, here), address, exchange)
            self._record(
                "t2i", "iu", iu, f"answer to {exchange.name}", address=exchange.address, exchange=exchange
            )
        self._record("t2i", "crq", element, _title(element), exchange=exchange)

    # Memory.

    def copy_in(self, remote: int, local: Memory, offset: int = 0, length: int | None = None) -> None:
        """See :meth:`Port.copy_in`."""
        self._catch_up()
        self.port.copy_in(remote, local, offset, length)
        self._fetched(remote, self._copied(local, offset, length))

    def _fetched(self, remote: int, data: bytes) -> None:
        exchange = self._by_address.get(remote)
        if exchange is not None and not exchange.iu:
            self._understand(exchange, data)
            self._record("i2t", "iu", data, exchange.name, address=remote, exchange=exchange)
        elif data:
            owner = self._owner(remote)
            self._data("i2t", data, remote, owner)
            if owner is not None and not owner.outgoing and not owner.incoming:
                self._learn(owner, remote, data)

    def copy_out(self, local: Memory, remote: int, offset: int = 0, length: int | None = None) -> None:
        """See :meth:`Port.copy_out`."""
        self._catch_up()
        self.port.copy_out(local, remote, offset, length)
        self._stored(remote, self._copied(local, offset, length))

    def _stored(self, remote: int, data: bytes) -> None:
        exchange = self._by_address.get(remote)
        if exchange is not None and exchange.iu:
            self._record("t2i", "iu", data, f"answer to {exchange.name}", address=remote, exchange=exchange)
        elif data:
            self._data("t2i", data, remote, self._owner(remote))

    @staticmethod
    def _copied(local: Memory, offset: int, length: int | None) -> bytes:
        with memoryview(local) as view:
            return bytes(view[offset : None if length is None else offset + length])

    def _owner(self, address: int) -> _Exchange | None:
        return next((each for each in self._by_address.values() if each.holds(address)), None)

    def _learn(self, exchange: _Exchange, address: int, data: bytes) -> None:
        """Read the addresses of the data from a descriptor table, all of it or its rest, that the server has fetched."""
        if exchange.table is None:
            return
        before, rest = divmod(address - exchange.table[0], 16)
        unit = srp.parse(exchange.iu)
        for name in ("data_out", "data_in"):
            descriptor = getattr(unit, name)
            if rest or not isinstance(descriptor, srp.IndirectBuf):
                continue
            table = b"".join(map(bytes, descriptor.desc_list[:before])) + data
            try:
                stretches = [(d.va, d.len) for d in descriptor.segments(lambda _a, _s, t=table: t)]  # type: ignore[misc]
            except DecodeError:
                continue
            setattr(exchange, "outgoing" if name == "data_out" else "incoming", stretches)

    def window(self, remote: int, length: int, access: Access = Access.READ) -> memoryview | None:
        """None: so all data is copied, and can be recorded."""
        return None

    # The native path.

    def native(self, tap: Callable[[Notes], object] | None = None) -> Any:
        """See :meth:`Port.native`: a link that notes what passes through it."""

        def passed(notes: Notes) -> None:
            for what, address, data in notes:
                NOTED[what](self, address, data)
            if tap is not None:
                tap(notes)

        self._link = self.port.native(passed)
        return self._link

    def native_client(self, tap: Callable[[str, bytes], object] | None = None) -> Any:
        """See :meth:`Port.native_client`: a link that records what passes through it at once."""
        pending: list[tuple[_Exchange | None, list[tuple[Stretch, bytes]]]] = []

        def passes(what: str, element: bytes) -> None:
            if what == "sends":
                pending[:] = [self._before(element)]
            elif what == "sent":
                self._sent(element, *pending.pop())
            else:
                self._answered(element)
            if tap is not None:
                tap(what, element)

        self._link = self.port.native_client(passes)
        return self._link

    def _catch_up(self) -> None:
        """Record what has passed by the native path before anything newer, and raise its errors first."""
        if self._link is not None:
            self._link.tell()

    # The rest.

    def wait(self, timeout: float | None = None) -> bool:
        """See :meth:`Port.wait`."""
        self._catch_up()
        self._flush()  # so that a reader of the file has all records while the port is idle
        return self.port.wait(timeout)

    def close(self) -> None:
        """Close the port and, if the recorder opened it, the file."""
        try:
            self._catch_up()
        finally:
            self.port.close()
        self._memories.clear()
        self._flush(self._owns_file)


def _made(path: str | os.PathLike[str]) -> TextIO:
    """Open an empty file, with mode 0600 if it is new, as it will have the contents of disks."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w")  # noqa: PTH123


def _title(element: bytes) -> str:
    """A short description of a queue element."""
    header, kind = element[0], element[1]
    if header == crq.Valid.INIT:
        return {1: "INIT", 2: "INIT COMPLETE"}.get(kind, f"initialization {kind}")
    if header == crq.Valid.TRANSPORT_EVENT:
        return f"transport event {kind}"
    length, address = struct.unpack_from(">HQ", element, 6)
    return f"format {kind}, {length} bytes, {address:x}"


NOTED: dict[str, Callable[[Recorder, int, bytes], None]] = {
    "took": lambda recorder, _, element: recorder._asked(element),
    "fetched": Recorder._fetched,
    "stored": Recorder._stored,
    "sent": lambda recorder, _, element: recorder._sent(element, None, []),
}
"""How each note of the native path is recorded: as if the engine had done the same."""
