"""Messages over a socket pair: IUs, and the reads and writes of the other end's memory that RDMA hardware would do.

======  ==============================================================================  ==========================
kind    sent by                                                                          payload
======  ==============================================================================  ==========================
IU      both                                                                             an SRP IU
READ    target: send me ``length`` bytes at ``address`` of the region ``key``            none
DATA    initiator, to READ ``number``                                                    the bytes
WRITE   target: put this at ``address`` of the region ``key``                            the bytes
DONE    initiator, to WRITE ``number``                                                   none
ERROR   initiator, to READ or WRITE ``number``: there is no such memory                  none
======  ==============================================================================  ==========================
"""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pysrp.errors import TransportError
from pysrp.target.data import Chunk
from pysrp.target.link import PENDING, Done, Later, Segment

IU, READ, DATA, WRITE, DONE, ERROR = range(1, 7)
HEAD = struct.Struct(">BxxxIQQI")
IU_SIZE = 1024
LARGEST = 2 << 20
"""Most bytes that one command may move; both ends use this value."""
PIECE = 16384
"""Bytes that one READ or WRITE moves."""


class Message(NamedTuple):
    """One message."""

    kind: int
    key: int = 0
    number: int = 0
    address: int = 0
    length: int = 0
    payload: bytes = b""


class Wire:
    """One end of a SOCK_SEQPACKET connection. Messages that the socket has no room for wait, in order."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.closed = False
        self._waiting: deque[bytes] = deque()

    def send(self, message: Message) -> None:
        """Send the message now, or with a later :meth:`flush`."""
        head = HEAD.pack(*message[:5])
        self._waiting.append(head + message.payload)
        self.flush()

    def flush(self) -> None:
        """Send the waiting messages, as far as the socket has room."""
        try:
            while self._waiting and not self.closed:
                self.socket.send(self._waiting[0])
                self._waiting.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    @property
    def waiting(self) -> int:
        """Number of messages that wait for room in the socket."""
        return len(self._waiting)

    def receive(self) -> list[Message]:
        """The messages that have arrived. A peer that has gone, or sends an invalid message, counts as closed."""
        found = []
        try:
            while not self.closed:
                raw = self.socket.recv(HEAD.size + PIECE + 1)
                if not HEAD.size <= len(raw) <= HEAD.size + PIECE:
                    self.close()
                    break
                found.append(Message(*HEAD.unpack_from(raw), raw[HEAD.size :]))
        except BlockingIOError:
            pass
        except OSError:
            self.close()
        return found

    def close(self) -> None:
        """Tell the peer that the connection ends; may be called again. The socket itself is its owner's to close."""
        self.closed = True
        self._waiting.clear()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)


# The target's side.


class Together:
    """The pieces of one copy, which has completed when all pieces have, with the first error."""

    def __init__(self, count: int, done: Done) -> None:
        self._left, self._done = count, done
        self._error: Exception | None = None

    def one(self, error: Exception | None = None) -> None:
        """One piece has completed."""
        self._error = self._error or error
        self._left -= 1
        if not self._left:
            self._done(self._error)


class FarMemory:
    """:class:`pysrp.target.link.InitiatorMemory` at the other end of a wire: every copy finishes later."""

    allocate = bytearray

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._numbers = itertools.count(1)
        self._pieces: dict[int, tuple[int, Together, memoryview | None]] = {}

    def reach(self, segments: Sequence[Segment], access: int, /) -> None:
        """No memory is shared."""

    def fetch(self, segments: Sequence[Segment], chunk: Chunk, done: Done, /) -> Later | None:
        """READ each piece."""
        return self._copy(READ, segments, chunk, done)

    def store(self, chunk: Chunk, segments: Sequence[Segment], done: Done, /) -> Later | None:
        """WRITE each piece."""
        return self._copy(WRITE, segments, chunk, done)

    def _copy(self, kind: int, segments: Sequence[Segment], chunk: Chunk, done: Done) -> Later | None:
        if self._wire.closed:
            raise TransportError("the connection is closed")
        pieces = [
            (address + at, min(PIECE, size - at), key)
            for address, size, key in segments
            for at in range(0, size, PIECE)
        ]
        together, at = Together(len(pieces), done), 0
        for address, size, key in pieces:
            view, number = chunk.view[at : at + size], next(self._numbers)
            at += size
            if kind == READ:
                self._pieces[number] = DATA, together, view
                self._wire.send(Message(READ, key, number, address, size))
            else:
                self._pieces[number] = DONE, together, None
                self._wire.send(Message(WRITE, key, number, address, size, bytes(view)))
        return PENDING if pieces else None

    def answered(self, message: Message) -> bool:
        """Handle a DATA, DONE or ERROR message; False if it answers no request."""
        kind, together, view = self._pieces.pop(message.number, (0, None, None))
        if together is None:
            return False
        if message.kind == ERROR:
            together.one(TransportError(f"no memory for piece {message.number}"))
        elif message.kind != kind or len(message.payload) != (0 if view is None else len(view)):
            together.one(TransportError(f"piece {message.number} was answered with something else"))
            return False
        else:
            if view is not None:
                view[:] = message.payload
            together.one()
        return True

    def lost(self) -> None:
        """The connection is closed: all copies under way fail."""
        pieces, self._pieces = self._pieces, {}
        for _, together, _ in pieces.values():
            together.one(TransportError("the connection was closed"))


# The initiator's side.


@dataclass
class Region:
    """Memory that the target may reach with a key."""

    view: memoryview
    address: int
    key: int
    writable: bool

    def part(self, address: int, length: int) -> memoryview | None:
        """The bytes of that range, if it lies within the region."""
        at = address - self.address
        return self.view[at : at + length] if 0 <= at <= len(self.view) - length else None


class NearMemory:
    """The regions of one initiator, and the target's reads and writes of them, in any order when :attr:`hold` is set."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._regions: dict[int, Region] = {}
        self._next = 0x10000
        self.hold = False
        """Do nothing before :meth:`let_go`."""
        self.held: list[Message] = []
        self.refused = 0
        """Number of reads and writes outside any region."""

    def register(self, size: int, *, writable: bool = True) -> Region:
        """New memory, with a key of its own."""
        key = random.getrandbits(32) | 1
        region = self._regions[key] = Region(memoryview(bytearray(size)), self._next, key, writable)
        self._next += (size | 0xFFFF) + 0x10001  # no two regions adjoin
        return region

    def near(self, segment: tuple[int, ...]) -> memoryview | None:
        """The bytes of a segment, if its region has them."""
        region = self._regions.get(segment[-1])
        return region.part(*segment[:2]) if region else None

    def arrived(self, message: Message) -> None:
        """Handle a READ or WRITE message."""
        if self.hold:
            self.held.append(message)
        else:
            self._serve(message)

    def let_go(self, choose: Callable[[list[Message]], None] = random.shuffle, count: int = 1 << 30) -> int:
        """Serve up to ``count`` held requests, in the order that ``choose`` gives; returns how many."""
        choose(self.held)
        serve, self.held = self.held[:count], self.held[count:]
        for message in serve:
            self._serve(message)
        return len(serve)

    def _serve(self, message: Message) -> None:
        region = self._regions.get(message.key)
        part = region.part(message.address, message.length) if region else None
        if part is None or (message.kind == WRITE and region and not region.writable):
            self.refused += 1
            self._wire.send(Message(ERROR, number=message.number))
        elif message.kind == READ:
            self._wire.send(Message(DATA, number=message.number, payload=bytes(part)))
        else:
            part[:] = message.payload
            self._wire.send(Message(DONE, number=message.number))
