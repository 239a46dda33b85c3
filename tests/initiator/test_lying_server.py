"""A session whose server lies in its answers: its books are right all the same, and what it gave out stays as it is."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from pysrp import srp
from pysrp.backends import Ram
from pysrp.errors import SrpError
from pysrp.fabric import connect
from pysrp.initiator.session import Pending, Session
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.client_options import Options
from waiting import until

INQUIRY = bytes([0x12, 0, 0, 0, 96, 0])
CREDITS = [0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 32) - 5]
RESIDUALS = [0, 1, 100, 512, 513, 1 << 31, (1 << 32) - 1]
_names = itertools.count()


class Liar:
    """A port whose partner's answers are bent on their way, come twice, late, or to what was never asked."""

    def __init__(self, port: Any, rng: random.Random) -> None:
        self._port, self._rng = port, rng
        self.session: Session | None = None
        self._seen: list[bytes] = []
        self.sent = self.came = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def send_many(self, elements: Any) -> int:
        count = int(self._port.send_many(elements))
        self.sent += count
        return count

    def register(self) -> Any:
        self.sent = self.came = 0  # a reset, after which nothing of before is answered
        return self._port.register()

    def poll(self) -> list[bytes]:
        elements: list[bytes] = self._port.poll()
        self.came += len(elements)
        return [each for element in elements for each in self._bent(element)] if self.session else elements

    def _bent(self, element: bytes) -> list[bytes]:
        rng, given = self._rng, [element]
        self._seen.append(element)
        if element[:2] == b"\x80\x01" and rng.random() < 0.4:
            self._rewrite((int.from_bytes(element[8:], "big") & 0xFFFF) * 256)
        if rng.random() < 0.1:
            given.append(rng.choice(self._seen))
        if rng.random() < 0.1:
            tag = rng.randrange(1 << rng.choice([8, 16, 17, 40, 64]))
            given.append(b"\x80\x01\0\0\0\0\1\0" + tag.to_bytes(8, "big"))
        if rng.random() < 0.03:
            given.append(element[:6] + rng.randbytes(2) + element[8:])
        if rng.random() < 0.02:
            given.append(rng.choice([rng.randbytes(16), b"\xff\1" + bytes(14), b"\xff\2" + bytes(14)]))
        return given

    def _rewrite(self, at: int) -> None:
        assert self.session is not None
        rng, view = self._rng, self.session.staging.iu_view
        if at + 256 > len(view) or view[at] != srp.Opcode.RSP:
            return
        match rng.randrange(5):
            case 0 | 1:
                view[at + 18] = rng.choice([0x04, 0x08, 0x10, 0x20, 0x3C, rng.randrange(256)])
                view[at + 20 : at + 28] = rng.choice(RESIDUALS).to_bytes(4, "big") * 2
            case 2:
                view[at + 4 : at + 8] = rng.choice(CREDITS).to_bytes(4, "big")
            case 3:
                view[at + 19] = rng.choice([2, 0x18, 0x40, 255])
            case 4:
                start = rng.choice([0, 8])
                view[at + start : at + 36] = rng.randbytes(36 - start)


def check(session: Session) -> None:
    """Each slot and each piece of memory is in one place."""
    live, table, staging = list(session._live), session.srp, session.staging
    assert len(live) == len(session._live)
    taken = [slot for slot, request in enumerate(table._requests) if request is not None]
    assert sorted([*table._free, *taken]) == list(range(len(table._requests)))
    used = [chunk for each in live if isinstance(each, Pending) for chunk in each.chunks if chunk >= 0]
    assert sorted([*staging.chunks, *used]) == list(range(staging.all_chunks))


def submitted(session: Session, lun: Any, rng: random.Random) -> Pending:
    blocks, lba = rng.choice([1, 2, 8, 128, 256]), rng.randrange(1024)
    size, kind = 512 * blocks, rng.randrange(4)
    cdb = bytes([0x2A if kind == 2 else 0x28, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0])
    if kind == 0:
        into = memoryview(bytearray(size))
        return session.submit(lun, cdb, data_in_length=size, into=into, block_size=512)
    if kind == 1:
        return session.submit(lun, cdb, data_in_length=size, block_size=512, replay=True)
    if kind == 2:
        return session.submit(lun, cdb, data_out=bytes(size), block_size=512)
    return session.submit(lun, INQUIRY, data_in_length=rng.choice([5, 96, 5000]))


@pytest.mark.parametrize("seed", range(6))
def test_books_are_kept(seed: int) -> None:
    rng = random.Random(seed)
    held: list[tuple[bytes, bytearray]] = []
    url = f"local:liar{next(_names)}"
    with Server(url, LunMap([(256, Disk(Ram(1 << 20), "a"))])):
        port: Any = Liar(connect(url), rng)
        options, buffers = Options(give_up=0.1), rng.choice([1 << 17, 1 << 20])
        with port._port, Session(port, options=options, buffers=buffers, max_transfer=1 << 17) as session:
            lun = session.scan(channels=[0], ids=[1])[0].lun

            def answered() -> bool:
                session.flush()
                session.poll()
                # A lie may look like a request of the server, to which the session's response has no answer.
                return bool(port.came >= port.sent or not session._live)

            for _ in range(12):
                port.session, port.sent, port.came = session, 0, 0
                flying = []
                for _ in range(20):
                    try:
                        flying.append(submitted(session, lun, rng))
                    except SrpError:  # the connection is just being reset
                        break
                    check(session)
                until(answered)
                check(session)
                port.session = None
                if rng.random() < 0.3:
                    session.give_up(flying[::2])
                if not all(each.done for each in flying) or not session.connected:
                    session.host_reset()
                check(session)
                for each in flying:
                    if each.done and each.error is None:
                        data = each.outcome(check=False).data
                        assert len(data) in (0, each.length - each.residual)
                        held.append((data, bytearray(data)))
            session.host_reset()
            result = session.submit(lun, INQUIRY, data_in_length=96).result()
            assert (result.data[4] + 5, result.residual) == (len(result.data), 96 - len(result.data))
            port.session = session  # and while it closes
            for _ in range(5):
                submitted(session, lun, rng)
    assert all(data == copy for data, copy in held)
