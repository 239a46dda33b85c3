"""iSCSI for programs that speak nothing else: as little of RFC 7143 as they need. Each command goes through our own initiator.

A session of iSCSI is one of SRP, from an initiator port of its own; what comes is carried out one by one. All data-out is asked
for (R2T). SRP has no reset of a target: it is one of its unit.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator

from pysrp.errors import SrpError
from pysrp.fabric import Identity
from pysrp.initiator.session import Options, Session
from pysrp.lun import Lun

NOBODY = 0xFFFFFFFF
"""No tag."""
MOST = 32 << 20
"""Bytes of one command; the suite's largest has so many."""
ANSWERS = {
    b"HeaderDigest": b"None",
    b"DataDigest": b"None",
    b"AuthMethod": b"None",
    b"InitialR2T": b"Yes",
    b"ImmediateData": b"No",
    b"MaxOutstandingR2T": b"1",
    b"MaxConnections": b"1",
    b"ErrorRecoveryLevel": b"0",
    b"DefaultTime2Wait": b"2",
    b"DefaultTime2Retain": b"0",
    b"IFMarker": b"No",
    b"OFMarker": b"No",
    b"DataPDUInOrder": b"Yes",
    b"DataSequenceInOrder": b"Yes",
    b"MaxBurstLength": b"262144",
    b"FirstBurstLength": b"65536",
    b"MaxRecvDataSegmentLength": b"262144",
}
BURST = 262144
LENGTHS = 6, 10, 10, 16, 16, 12, 16, 16
"""Of CDBs, by the group of their operation code."""


class Connection:
    """One connection, and the session that it is. It ends as the connection does."""

    def __init__(self, stream: socket.socket, url: str, lun: Lun, options: Options) -> None:
        self.stream, self.lun = stream, lun
        self.connect: Callable[[int], Session] = lambda unit: Session(
            url,
            identity=Identity(unit_address=unit),
            options=options,
            max_transfer=MOST,
            buffers=MOST + (1 << 20),
        )
        self.session: Session | None = None
        self.name, self.piece = b"", 8192
        self.status, self.expected = 0, 0
        self.writes: dict[int, tuple[bytes, bytearray]] = {}
        """Commands that wait for data, by their tags: header, and what has come."""

    def run(self) -> None:
        with self.stream, contextlib.suppress(EOFError, ConnectionError):
            try:
                while self.takes(*self.receive()):
                    pass
            except SrpError as error:
                print(f"iSCSI: a connection ends: {error!r}")
            finally:
                if self.session is not None:
                    self.session.close()

    def exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            part = self.stream.recv(length - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def receive(self) -> tuple[bytes, bytes]:
        """The basic header segment of the next PDU, and its data."""
        header = self.exactly(48)
        self.exactly(4 * header[4])
        length = int.from_bytes(header[5:8], "big")
        return header, self.exactly(length + -length % 4)[:length]

    def send(
        self, opcode: int, flags: int, more: bytes, tag: int, data: bytes = b"", *, tail: bytes = b"",
        head: bytes = bytes(8), other: int = NOBODY, counts: bool = True,
    ) -> None:  # fmt: skip
        """A PDU: bytes 2 and 3 are ``more``, 8 to 15 ``head``, 20 to 23 ``other``, from 36 on ``tail``."""
        header = struct.pack(
            ">BB2sB3s8sIIIII12s", opcode, flags, more, 0, len(data).to_bytes(3, "big"), head, tag, other,
            self.status, self.expected, self.expected + 63, tail,
        )  # fmt: skip
        self.status += counts
        self.stream.sendall(header + data + bytes(-len(data) % 4))

    def takes(self, header: bytes, data: bytes) -> bool:
        """Whether the connection goes on."""
        opcode, tag = header[0] & 0x3F, int.from_bytes(header[16:20], "big")
        if not header[0] & 0x40 and opcode != 5:
            self.expected = int.from_bytes(header[24:28], "big") + 1
        match opcode:
            case 0 if tag != NOBODY:
                self.send(0x20, 0x80, bytes(2), tag, data)
            case 1:
                self.command(tag, header)
            case 2:
                self.manage(tag, header[1] & 0x7F)
            case 3:
                self.login(tag, header, data)
            case 5:
                self.data_out(tag, data)
            case 6:
                self.send(0x26, 0x80, bytes(2), tag, other=0)
                return False
        return True

    def login(self, tag: int, header: bytes, data: bytes) -> None:
        """Whoever comes is let in; the last answer of a login says so."""
        keys = dict(each.split(b"=", 1) for each in data.split(b"\0") if each)
        self.expected = int.from_bytes(header[24:28], "big")
        self.name = keys.get(b"InitiatorName", self.name)
        self.piece = min(int(keys.get(b"MaxRecvDataSegmentLength", self.piece)), BURST)
        said = [each + b"=" + ANSWERS[each] for each in keys if each in ANSWERS]
        if header[1] & 0x8C == 0x80 or b"InitiatorName" in keys:
            said.append(b"TargetPortalGroupTag=1")
        last = header[1] & 0x83 == 0x83
        if last and self.session is None:
            self.session = self.connect(zlib.crc32(self.name + header[8:14]) or 1)
            self.session.connect()
        head = header[8:14] + (b"\0\1" if last else bytes(2))
        text = b"".join(each + b"\0" for each in said)
        self.send(0x23, header[1] & 0x8F, bytes(2), tag, text, head=head, other=0)

    def command(self, tag: int, header: bytes) -> None:
        if not header[1] & 0x20 or not self.due(header):
            self.carry_out(tag, header, b"")
            return
        self.writes[tag] = header, bytearray()
        self.ask(tag)

    @staticmethod
    def due(header: bytes) -> int:
        return int.from_bytes(header[20:24], "big")

    def ask(self, tag: int) -> None:
        """R2T."""
        header, data = self.writes[tag]
        length = min(self.due(header) - len(data), BURST)
        tail = struct.pack(">III", len(data) // BURST, len(data), length)
        self.send(0x31, 0x80, bytes(2), tag, tail=tail, head=header[8:16], other=tag, counts=False)

    def data_out(self, tag: int, more: bytes) -> None:
        header, data = self.writes[tag]
        data += more
        if len(data) >= self.due(header):
            del self.writes[tag]
            self.carry_out(tag, header, bytes(data))
        elif len(data) % BURST == 0:
            self.ask(tag)

    def carry_out(self, tag: int, header: bytes, data: bytes) -> None:
        assert self.session is not None
        room = self.due(header) if header[1] & 0x40 else 0
        cdb = header[32 : 32 + LENGTHS[header[32] >> 5]]
        result = self.session.execute(self.lun, cdb, data_out=data or None, data_in_length=room, check=False)
        pieces = range(0, len(result.data), self.piece)
        for number, at in enumerate(pieces):
            part = bytes(result.data[at : at + self.piece])
            final = 0x80 * (at + self.piece >= len(result.data))
            tail = struct.pack(">III", number, at, 0)
            self.send(0x25, final, bytes(2), tag, part, tail=tail, head=header[8:16], counts=False)
        flags = 0x80 | 4 * bool(result.overflow) | 2 * bool(result.residual)
        sense = struct.pack(">H", len(result.sense)) + result.sense if result.sense else b""
        tail = struct.pack(">III", len(pieces), 0, result.overflow or result.residual)
        self.send(0x21, flags, bytes((0, result.status)), tag, sense, tail=tail, other=0)

    def manage(self, tag: int, function: int) -> None:
        """Task management. A task that is to be aborted is over."""
        assert self.session is not None
        response = {1: 1, 5: 0, 6: 0, 7: 0}.get(function, 5)
        if not response:
            self.session.lun_reset(self.lun)
        self.send(0x22, 0x80, bytes((response, 0)), tag, other=0)


@contextlib.contextmanager
def bridge(url: str, lun: Lun, options: Options) -> Iterator[str]:
    """The iSCSI URL of one unit behind the target at ``url``."""
    threads = []

    def accepts() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = Connection(door.accept()[0], url, lun, options)
                threads.append(threading.Thread(target=connection.run, daemon=True))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        listener = threading.Thread(target=accepts, daemon=True)
        listener.start()
        yield f"iscsi://127.0.0.1:{door.getsockname()[1]}/iqn.2026-11.example:unit/0"
        door.shutdown(socket.SHUT_RDWR)
    for each in (listener, *threads):
        each.join()
