"""An initiator of the simplest kind, over ``local:``, and a target beside it in the same thread."""

from __future__ import annotations

import errno
import itertools
import struct
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from pysrp import crq, mad, srp
from pysrp.backends import Ram
from pysrp.fabric import Identity, local
from pysrp.lun import scst_pack
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import ServerAdapter, Settings
from pysrp.vscsi.server_states import State
from waiting import PATIENCE

BLOCK = 512
MIB = 1 << 20
tags = itertools.count(0xC0DE0001)


class Client:
    """Sends what it is told to, at addresses of its own, and keeps what comes back."""

    def __init__(self, port: local.LocalPort, size: int = 8 * MIB) -> None:
        self.port = port
        self.memory = port.allocate(size)
        self.view = memoryview(self.memory).cast("B")
        self.base = self.memory.address
        self._slots = itertools.cycle(range(0, 512 << 10, 256))
        self.sent: dict[int, int] = {}
        self.answers: deque[bytes] = deque()

    # Memory. IUs lie in the first 512 KiB, data behind.

    def data(self, offset: int = 0) -> int:
        """The bus address of data memory."""
        return self.base + MIB + offset

    def peek(self, length: int, offset: int = 0) -> bytes:
        return bytes(self.view[MIB + offset : MIB + offset + length])

    def poke(self, data: bytes, offset: int = 0) -> None:
        self.view[MIB + offset : MIB + offset + len(data)] = data

    # Sending.

    def element(self, raw: bytes | crq.Element) -> None:
        self.port.send(bytes(raw))

    def iu(self, data: bytes, *, form: int = crq.Format.SRP, length: int | None = None) -> int:
        """Send an IU or a datagram; returns its tag."""
        raw = bytes(data)
        slot = next(self._slots)
        self.view[slot : slot + 256] = bytes(256)
        self.view[slot : slot + len(raw)] = raw
        tag = int.from_bytes(raw[8:16].ljust(8, b"\0"), "big")
        self.sent[tag] = slot
        size = len(raw) if length is None else length
        self.element(struct.pack(">BBHHHQ", 0x80, form, 0, 0, size, self.base + slot))
        return tag

    def mad(self, data: Any, length: int | None = None) -> int:
        return self.iu(bytes(data), form=crq.Format.MAD, length=length)

    def login(self, **fields: Any) -> int:
        fields = {"tag": next(tags), "req_it_iu_len": 256, "req_buf_fmt": 6, **fields}
        return self.iu(bytes(srp.LoginReq.build(**fields)))

    def cmd(self, lun: int | bytes, cdb: bytes | str, **fields: Any) -> int:
        raw = bytes.fromhex(cdb) if isinstance(cdb, str) else cdb
        where = bytes(scst_pack(lun, "LUN")) if isinstance(lun, int) else lun
        fields = {"tag": next(tags), **fields}
        return self.iu(bytes(srp.Cmd.build(lun=where, cdb=raw.ljust(16, b"\0"), **fields)))

    def read(self, lun: int, lba: int, blocks: int, offset: int = 0, **fields: Any) -> int:
        fields = {"data_in": (self.data(offset), blocks * BLOCK), **fields}
        return self.cmd(lun, struct.pack(">BxIxHx", 0x28, lba, blocks), **fields)

    def write(self, lun: int, lba: int, data: bytes, offset: int = 0, **fields: Any) -> int:
        self.poke(data, offset)
        fields = {"data_out": (self.data(offset), len(data)), **fields}
        return self.cmd(lun, struct.pack(">BxIxHx", 0x2A, lba, len(data) // BLOCK), **fields)

    def manage(self, lun: int | bytes, function: int, task_tag: int = 0, **fields: Any) -> int:
        where = bytes(scst_pack(lun, "LUN")) if isinstance(lun, int) else lun
        fields = {"tag": next(tags), **fields}
        return self.iu(
            bytes(srp.TskMgmt.build(lun=where, tsk_mgmt_func=function, task_tag=task_tag, **fields))
        )

    # Receiving.

    def element_of(self, tag: int) -> crq.Element:
        """The element that answers a request; fails if there is none."""
        for raw in self.answers:
            if raw[0] == 0x80 and raw[8:16] == tag.to_bytes(8, "big"):
                self.answers.remove(raw)
                return crq.Element(raw)
        raise AssertionError(f"no answer to {tag:#x} among {[raw.hex() for raw in self.answers]}")

    def answer(self, tag: int) -> Any:
        """The answer that was written over a request."""
        element = self.element_of(tag)
        slot = self.sent.pop(tag)
        raw = bytes(self.view[slot : slot + element.IU_length])
        assert int.from_bytes(raw[8:16], "big") == tag
        return mad.parse(raw) if element.format == crq.Format.MAD else srp.parse(raw)


class Rig:
    """A client, a target, and one thread for both."""

    def __init__(
        self,
        luns: LunMap | None = None,
        settings: Settings | None = None,
        workers: Any = None,
        *,
        window_size: int = 64 * MIB,
        server_window: int | None = None,
        queue_size: int = 4096,
        client: Identity | None = None,
        client_memory: int = 8 * MIB,
        fast: bool = True,
        wrap: Callable[[Any], Any] = lambda port: port,
    ) -> None:
        near, far = local.pair(
            client or Identity(partition_name="lparA", partition_number=3),
            Identity(0x30000028, "VIOS3-P6", 40, "U9117-V6-C40"),
            window_size=window_size,
            queue_size=queue_size,
            server_window=server_window,
        )
        self.luns = luns if luns is not None else LunMap()
        self.far = far
        self.server: Any = wrap(far)
        self.target = ServerAdapter(self.server, self.luns, settings, workers, fast=fast)
        self.client = Client(near, client_memory)
        self.now = 1000.0

    def run(self, seconds: float = 0.0) -> float | None:
        """Let the target do what it has to, then collect what it sent."""
        self.now += seconds
        self.far.patience = 0  # the client is this thread, too, and sends nothing while it sleeps
        due = self.target.process(self.now)
        self.client.answers.extend(self.client.port.poll())
        return due

    def settle(self, condition: Callable[[], bool]) -> None:
        """Run until something is true that workers have to do with."""
        while not condition():
            assert self.server.wait(PATIENCE), "nothing happens"
            self.run()

    def connect(self) -> Client:
        self.target.enable()
        self.client.port.register()
        self.client.element(crq.Element.init())
        self.run()
        assert bytes(crq.Element.init_complete()) in self.client.answers
        self.client.answers.clear()
        return self.client

    def login(self, **fields: Any) -> Client:
        client = self.connect()
        tag = client.login(**fields)
        self.run()
        assert isinstance(client.answer(tag), srp.LoginRsp)
        self.attended()
        return client

    def attended(self) -> None:
        """Take back the unit attentions of the login."""
        assert self.target.session
        for export in self.luns:
            export.unit.forget(self.target.session.nexus, 0x29, 0)
            export.unit.forget(self.target.session.nexus, 0x29, 7)

    def reconnected(self) -> bool:
        """Whether the target has closed its queue and opened it again."""
        events = [raw[:2].hex() for raw in self.client.answers]
        return "ff02" in events and events[-1] == "c001" and self.target.state is State.WAIT_CONNECTION

    def close(self) -> None:
        self.target.retire()
        self.client.view.release()
        self.client.port.close()
        self.server.close()


class SlowRam(Ram):
    """A RAM disk that blocks until it is let go, to abort what it is busy with."""

    blocking = True

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.gate = threading.Event()
        self.started = threading.Semaphore(0)
        self.error = 0

    def _pass(self) -> None:
        self.started.release()
        assert self.gate.wait(PATIENCE)
        if self.error:
            raise OSError(self.error, "as it happens")

    def read_into(self, offset: int, view: memoryview) -> None:
        self._pass()
        super().read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        self._pass()
        super().write_from(offset, view)


class Spotted(Ram):
    """A RAM disk with bytes that can neither be read nor written; the error does not say which."""

    def __init__(self, size: int, bad: Collection[int], *, blocking: bool = False) -> None:
        super().__init__(size)
        self.bad, self.blocking = bad, blocking
        self.error = 0

    @contextmanager
    def other(self, error: int) -> Iterator[None]:
        """For now every access fails so."""
        self.error = error
        yield
        self.error = 0

    def _check(self, offset: int, length: int) -> None:
        if self.error:
            raise OSError(self.error, "as it happens")
        if any(offset <= at < offset + length for at in self.bad):
            raise OSError(errno.EIO, "somewhere")

    def read_into(self, offset: int, view: memoryview) -> None:
        self._check(offset, len(view))
        super().read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        self._check(offset, len(view))
        super().write_from(offset, view)
