"""What the system tests share: other processes, disks that fail, a client that keeps no rules."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from pysrp import crq, fabric, srp
from pysrp.lun import Lun, scst_pack
from pysrp.scsi import parse_sense
from waiting import PATIENCE

HERE = Path(__file__).parent
MIB = 1 << 20
BLOCK = 512


def at(lun: int) -> Lun:
    """A LUN by SCST's number, in the addressing method of the target."""
    return scst_pack(lun, "LUN")


def code(sense: bytes) -> tuple[int, int, int]:
    """Sense key, additional sense code and its qualifier."""
    parsed = parse_sense(sense)
    return int(parsed.sense_key), int(parsed.asc), int(parsed.ascq)


class Child:
    """A Python script in a process of its own; talks in lines of JSON."""

    def __init__(self, script: str, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        )

    def line(self) -> Any:
        """The next thing that it says; None when it is dead."""
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        return json.loads(text) if text.endswith("\n") else None

    def tell(self, what: object) -> None:
        """Say something to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def rest(self) -> list[Any]:
        """All that it says until its end; killed if that does not come. Who only waits for it lets the pipe fill."""
        assert self.process.stdout is not None
        late = threading.Timer(PATIENCE, self.process.kill)
        late.start()
        try:
            return [json.loads(text) for text in self.process.stdout if text.endswith("\n")]
        finally:
            late.cancel()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Kill it, and forget what it said."""
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                pass


def resident(pid: int | None = None) -> int:
    """Resident memory of a process, in bytes, without what it shares with others."""
    fields = Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")


class Raw:
    """A client that sends what it likes. IUs lie in its first 512 KiB, data behind."""

    def __init__(self, url: str, size: int = 4 * MIB, window_size: int = 32 * MIB) -> None:
        self.port: Any = fabric.connect(url, window_size=window_size)
        self.memory = self.port.allocate(size)
        self.view = memoryview(self.memory).cast("B")
        self.base = self.memory.address
        self.answers: deque[bytes] = deque()
        self.places: dict[int, int] = {}
        self._slot = 0
        self._tag = 0xC0DE0000

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.view.release()
        self.port.close()

    def data(self, offset: int = 0) -> int:
        """The bus address of data memory."""
        return int(self.base + MIB + offset)

    def send(self, raw: bytes, *, form: int = crq.Format.SRP, length: int | None = None) -> int:
        """Send an IU; returns where it lies."""
        slot, self._slot = self._slot, (self._slot + 256) % (512 << 10)
        self.view[slot : slot + 256] = raw.ljust(256, b"\0")
        tag = int.from_bytes(raw[8:16], "big")
        self.places[tag] = slot
        size = len(raw) if length is None else length
        self.port.send(struct.pack(">BBHHHQ", 0x80, form, 0, 0, size, self.base + slot))
        return slot

    def tag(self) -> int:
        """A new one."""
        self._tag += 1
        return self._tag

    def cmd(self, lun: int, cdb: bytes, **fields: Any) -> int:
        """Send a command; returns its tag."""
        fields = {"tag": self.tag(), **fields}
        self.send(bytes(srp.Cmd.build(lun=at(lun), cdb=cdb.ljust(16, b"\0"), **fields)))
        return int(fields["tag"])

    def take(self) -> None:
        self.answers.extend(self.port.poll())

    def answer(self, tag: int) -> Any:
        """The answer to a tag, when it has come."""
        wanted = tag.to_bytes(8, "big")
        end = time.monotonic() + PATIENCE
        while True:
            for raw in self.answers:
                if raw[0] == 0x80 and raw[8:] == wanted:
                    self.answers.remove(raw)
                    place = self.places[tag]
                    return srp.parse(bytes(self.view[place : place + int.from_bytes(raw[6:8], "big")]))
            assert self.port.wait(max(0.0, end - time.monotonic())), "no answer"
            self.take()

    def event(self) -> bytes:
        """The next transport event; answers before it are thrown away."""
        end = time.monotonic() + PATIENCE
        while True:
            while self.answers:
                raw = self.answers.popleft()
                if raw[0] == crq.Valid.TRANSPORT_EVENT:
                    return raw
            assert self.port.wait(max(0.0, end - time.monotonic())), "no event"
            self.take()

    def enter(self, **fields: Any) -> Any:
        """Open the queue, greet, log in; the answer to the login."""
        if self.port.register():
            self.port.send(bytes(crq.Element.init()))
        self.greet()
        return self.login(**fields)

    def greet(self) -> None:
        """INIT both ways, whoever was first."""
        end = time.monotonic() + PATIENCE
        while True:
            while self.answers:
                raw = self.answers.popleft()
                if raw[0] != crq.Valid.INIT:
                    continue
                if raw[1] == crq.InitFormat.INIT:
                    self.port.send(bytes(crq.Element.init_complete()))
                return
            assert self.port.wait(max(0.0, end - time.monotonic())), "no greeting"
            self.take()

    def login(self, **fields: Any) -> Any:
        tag = self.tag()
        fields = {"tag": tag, "req_it_iu_len": 256, "req_buf_fmt": 6, **fields}
        self.send(bytes(srp.LoginReq.build(**fields)))
        return self.answer(tag)

    def settle(self, lun: int) -> None:
        """Take the unit attentions that a login brings."""
        for _ in range(8):
            if not self.answer(self.cmd(lun, bytes(6))).status:
                return
        raise AssertionError("not ready")
