"""QEMU's side of the captures, on a server port: it answers what Linux asked for as QEMU did.

Every command is looked up by LUN and CDB; the answer's bytes are the captured ones but for the tag and the
place, which is where the client wants them. Of what was never asked of QEMU it says what it said of absent
units: INQUIRY data that begins with 7Fh, and ILLEGAL REQUEST for the rest.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captures import VECTORS, capture_records
from pysrp import crq, mad, srp
from pysrp.errors import TransportError
from pysrp.fabric import Port

ABSENT = bytes.fromhex("8000000000000000")


@dataclass
class Exchange:
    """One request of a capture: its element, its IU, what QEMU fetched and stored, its answer."""

    element: bytes = b""
    iu: bytes = b""
    fetched: list[dict[str, Any]] = field(default_factory=list)
    stored: list[dict[str, Any]] = field(default_factory=list)
    answer: bytes = b""
    last: bytes = b""

    @property
    def key(self) -> tuple[bytes, bytes]:
        """LUN and CDB of a command."""
        return self.iu[20:28], self.iu[32:48]


def exchanges(name: str) -> list[Exchange]:
    """The requests of a capture file, in order."""
    found: dict[int, Exchange] = defaultdict(Exchange)
    for record in capture_records(Path(VECTORS / "captures" / f"{name}.jsonl")):
        if record.get("txn") is None:
            continue
        exchange = found[record["txn"]]
        kind, inward = record["what"], record["dir"] == "t2i"
        if kind == "crq":
            setattr(exchange, "last" if inward else "element", record["data"])
        elif kind == "iu":
            setattr(exchange, "answer" if inward else "iu", record["data"])
        else:
            (exchange.stored if inward else exchange.fetched).append(record)
    return [exchange for exchange in found.values() if exchange.iu]


def commands(*names: str) -> list[Exchange]:
    """The commands of some capture files."""
    return [exchange for name in names for exchange in exchanges(name) if exchange.iu[0] == srp.Opcode.CMD]


def table(*names: str) -> dict[tuple[bytes, bytes], Exchange]:
    """The last answer to each command that carried one out."""
    answered = (e for e in commands(*names) if e.answer)
    return {e.key: e for e in answered if e.answer[19] == 0 or e.key[0] == ABSENT}


class CapturedServer(threading.Thread):
    """Answers on a server port until its client is gone. ``seen`` are the client's elements and IUs."""

    def __init__(self, port: Port, *names: str, os_type: int = 2) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.answers = table(*names)
        self.boot = {(e.iu[0], e.iu[3]): e for e in exchanges(names[0]) if e.iu[0] == 0}
        self.memory = port.allocate(1 << 20)
        self.view = memoryview(self.memory)
        self.seen: list[tuple[bytes, bytes]] = []
        self.infos: list[bytes] = []
        self.pongs: list[tuple[bytes, bytes]] = []
        self.error: BaseException | None = None
        port.register()

    def run(self) -> None:
        try:
            while not self.port.ended:
                self.port.wait(10)
                for element in self.port.poll():
                    try:
                        self.take(element)
                    except TransportError:
                        if self.port.connected:
                            raise  # otherwise the client went in the middle of it
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.view.release()
            self.memory.free()
            self.port.close()

    def take(self, element: bytes) -> None:
        """One element of the client's."""
        if element[:2] == b"\xc0\x01":
            self.seen.append((element, b""))
            self.port.send(b"\xc0\x02".ljust(16, b"\0"))
        elif element[:2] == b"\x80\x06":
            self.pongs.append((element, b""))
        elif element[0] == 0x80:
            view = crq.Element(element)
            self.port.copy_in(view.IU_data_ptr, self.memory, 0, view.IU_length)
            iu = bytes(self.view[: view.IU_length])
            self.seen.append((element, iu))
            answer, data = self.reply(element[1], iu)
            if data:
                self.store(iu, data)
            self.put(view.IU_data_ptr, answer)
            self.port.send(element[:2] + bytes(4) + len(answer).to_bytes(2, "big") + iu[8:16])

    def put(self, address: int, data: bytes) -> None:
        """Copy to the client."""
        if data:
            self.view[: len(data)] = data
            self.port.copy_out(self.memory, address, 0, len(data))

    def store(self, iu: bytes, data: bytes) -> None:
        """Data-in, to where the IU wants it."""
        if iu[0] != srp.Opcode.CMD:
            self.put(mad.AdapterInfo(iu).buffer, data)
            return

        def fetch(va: int, length: int) -> bytes:
            self.port.copy_in(va, self.memory, 0, length)
            return bytes(self.view[:length])

        desc = srp.Cmd(iu).data_in
        for part in desc.segments(fetch) if desc is not None else []:
            self.put(part.va, data[: part.len])
            data = data[part.len :]

    def reply(self, form: int, iu: bytes) -> tuple[bytes, bytes]:
        """IU and data that answer."""
        tag = iu[8:16]
        if form == crq.Format.MAD:
            if iu[3] == mad.MadType.ADAPTER_INFO:
                request = mad.AdapterInfo(iu)
                self.port.copy_in(request.buffer, self.memory, 0, request.length)
                self.infos.append(bytes(self.view[: request.length]))
            exchange = self.boot[0, iu[3]]
            answer = exchange.answer[:8] + iu[8:24] if exchange.answer else b""
            return answer, exchange.stored[0]["data"] if exchange.stored else b""
        if iu[0] == srp.Opcode.LOGIN_REQ:
            answer = self.boot[0, 0].answer
            return answer[:8] + tag + answer[16:], b""
        if iu[0] == srp.Opcode.TSK_MGMT:
            answer = srp.Rsp.build(tag=int.from_bytes(tag, "big"), req_lim_delta=1, resp_data=bytes(4))
            return bytes(answer), b""
        key = iu[20:28], iu[32:48]
        exchange = self.answers.get(key) or self.answers.get((ABSENT, iu[32:48])) or self.illegal()
        data = b"".join(record["data"] for record in exchange.stored)
        return exchange.answer[:8] + tag + exchange.answer[16:], data

    def illegal(self) -> Exchange:
        """What QEMU answers for an absent unit to anything but INQUIRY."""
        return next(e for key, e in self.answers.items() if key[0] == ABSENT and key[1][0] == 0xA0)
