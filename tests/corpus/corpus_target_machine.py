"""What the target's sequences are played on, and what is seen of it, as text.

A sequence is a function that does things to a :class:`Machine`: two partitions with a client each, on one map of
units, among them a disk whose medium works only when it is told to. Everything that a client can see is written down:
elements, answers, memory. Nothing else is, so that an engine of another shape can be held against it; the only thing
that knows how an engine is called is :class:`Machine`.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

import medium_by_hand
from gathering import Gathering
from pysrp import crq, mad, srp
from pysrp.backends import Ram
from pysrp.errors import SrpError
from pysrp.fabric import Identity, local
from pysrp.lun import scst_pack
from pysrp.target.disk import Disk
from pysrp.target.link import PENDING, Later
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Loop, Medium, MediumChannel, MediumRequest, Operation
from pysrp.target.units.identity import UnitIdentity as UnitIdentity
from pysrp.vscsi.server import ServerAdapter, Settings
from pysrp.vscsi.server_states import State

KIB = 1 << 10
MIB = 1 << 20
SLOT = 256
IUS = 64 * KIB
"""Bytes of client memory in which IUs lie; data begin behind them."""
AREA = 16 * KIB
"""Bytes of data memory that a request has for each direction."""
AREAS = 24
CONTENT = Random(1).randbytes(64 * KIB)
"""What each disk begins with."""
DISK, HAND, LARGE, ABSENT = 256, 257, 258, 300
LUNS = DISK, HAND, LARGE, ABSENT, 0
ABORT_TASK, ABORT_TASK_SET, CLEAR_TASK_SET, LUN_RESET, CLEAR_ACA = 1, 2, 4, 8, 64
FUNCTIONS = ABORT_TASK, ABORT_TASK_SET, CLEAR_TASK_SET, LUN_RESET, CLEAR_ACA, 3
SIMPLE, HEAD_OF_QUEUE, ORDERED, ACA = 0, 1, 2, 4


class Job:
    """A piece of a medium's work; see :class:`pysrp.target.task.Job`."""

    def __init__(
        self, hands: Hands, key: object, work: Callable[[], None], ended: Callable[..., None]
    ) -> None:
        self.hands, self.key, self.work, self.ended = hands, key, work, ended
        self.begun = self.straggler = False

    def abandon(self) -> bool:
        if self.begun:
            self.straggler = self in self.hands.jobs
            return False
        self.hands.jobs.remove(self)
        return True


class Hands:
    """Workers that begin and end a job when the sequence says so, in one thread."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def submit(self, key: object, work: Callable[[], None], ended: Callable[..., None]) -> Job:
        self.jobs.append(Job(self, key, work, ended))
        return self.jobs[-1]

    def begin(self) -> None:
        """The first job that may begin does: what was abandoned in the middle goes before all others."""
        held = {job.key for job in self.jobs if job.straggler}
        job = next((job for job in self.jobs if not job.begun and job.key not in held), None)
        if job is not None:
            job.begun = True

    def end(self) -> None:
        """The first job that has begun ends."""
        job = next((job for job in self.jobs if job.begun), None)
        if job is None:
            return
        error: Exception | None = None
        try:
            job.work()
        except Exception as raised:
            error = raised
        self.jobs.remove(job)
        job.ended(error)


class HandRam(Ram):
    """A disk whose work takes as long as the sequence wants, and fails as it wants."""

    blocking = True

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.errors: deque[int] = deque()

    def _pass(self) -> None:
        number = self.errors.popleft() if self.errors else 0
        if number:
            raise OSError(number, "as the sequence has it")

    def read_into(self, offset: int, view: memoryview) -> None:
        self._pass()
        super().read_into(offset, view)

    def write_from(self, offset: int, view: memoryview) -> None:
        self._pass()
        super().write_from(offset, view)

    def flush(self) -> None:
        self._pass()


class HandMedium(Medium, MediumChannel):
    """The same by the words of a medium: what it is asked is over when the sequence says so."""

    def __init__(self, ram: HandRam, hands: Hands) -> None:
        super().__init__()
        self.ram, self.hands = ram, hands
        self.size = ram.size

    def channel(self, loop: Loop) -> MediumChannel:
        return HandChannel(self, loop)

    def memory(self) -> memoryview | None:
        return None

    def perform(self, request: MediumRequest) -> None:
        """Do it, buffer by buffer."""
        at = request.offset
        try:
            for view in request.buffers:
                (self.ram.read_into if request.operation == Operation.READ else self.ram.write_from)(at, view)
                at += len(view)
            if request.operation == Operation.FLUSH:
                self.ram.flush()
        except OSError as error:
            request.ends(error.errno or 5, at - request.offset)
        else:
            request.ends(0, request.length)


class HandChannel(MediumChannel):
    """One target's."""

    def __init__(self, medium: HandMedium, loop: Loop) -> None:
        self.medium, self.loop = medium, loop

    def submit(self, request: MediumRequest, /) -> Later | None:
        medium = self.medium

        def ended(error: Exception | None) -> None:
            self.loop.post(lambda: request.over(request))

        request.own = medium.hands.submit(request, lambda: medium.perform(request), ended)
        return PENDING

    def withdraw(self, request: MediumRequest, /) -> bool:
        return bool(request.own.abandon())


class SlowMemory:
    """The client's memory over a link that has copied when the sequence says so."""

    def __init__(self, memory: Any, hands: Hands, post: Callable[[Callable[[], None]], None]) -> None:
        self.memory, self.hands, self.post = memory, hands, post
        self.allocate = memory.allocate

    def reach(self, segments: Any, access: int, /) -> None:
        return None

    def fetch(self, segments: Any, chunk: Any, done: Any, /) -> Later:
        return self._later(lambda: self.memory.fetch(segments, chunk, done), done)

    def store(self, chunk: Any, segments: Any, done: Any, /) -> Later:
        return self._later(lambda: self.memory.store(chunk, segments, done), done)

    def _later(self, copy: Callable[[], None], done: Any) -> Later:
        self.hands.submit(object(), copy, lambda error: self.post(lambda: done(error)))
        return PENDING


class Client:
    """One partition's end: memory, and the requests that it has sent."""

    def __init__(self, name: str, port: local.LocalPort) -> None:
        self.name = name
        self.port = port
        self.memory = port.allocate(IUS + 2 * AREA * AREAS)
        self.view = memoryview(self.memory).cast("B")
        self.base = self.memory.address
        self.count = 0
        self.at: dict[int, int] = {}
        self.area: dict[int, int] = {}


class Machine:
    """What a sequence is played on. Everything that is done and seen goes to ``lines``.

    ``hands``: the medium's work is done when the sequence says so, otherwise at once. ``share``: the transport shares
    the clients' memory; without it everything is copied, as on POWER. ``late``: that disk has a true medium, which is
    over when the sequence says so; ``native``: one in C. ``slow``: so is every copy. ``fast``: the native path may be used.
    ``gathers``: the port does several copies in one call.
    """

    def __init__(
        self,
        *,
        clients: int = 2,
        hands: bool = True,
        fast: bool = False,
        share: bool = True,
        late: bool = False,
        native: bool = False,
        slow: bool = False,
        gathers: bool = False,
        server_window: int = 64 * MIB,
        **settings: Any,
    ) -> None:
        self.lines: list[str] = []
        self.hands = Hands()
        self.now = 1000.0
        self.listening = True
        self.medium = HandRam(MIB)
        self.native = medium_by_hand.HandMedium(MIB) if native else None
        medium = self.native or (HandMedium(self.medium, self.hands) if late else self.medium)
        self.rams = Ram(MIB), self.medium, Ram(2 * MIB)
        self.units = [
            Disk(self.rams[0], identity=UnitIdentity.named("corpus0")),
            Disk(medium, identity=UnitIdentity.named("corpus1")),
            Disk(self.rams[2], block_size=4096, identity=UnitIdentity.named("corpus2")),
        ]
        for ram in self.rams:
            ram.write_from(0, memoryview(CONTENT))
        if self.native is not None:
            self.native.content[: len(CONTENT)] = CONTENT
        self.luns = LunMap([(DISK, self.units[0]), (HAND, self.units[1]), (LARGE, self.units[2])])
        self.clients: list[Client] = []
        self.targets: list[ServerAdapter] = []
        for number in range(clients):
            near, far = local.pair(
                Identity(0x30000100 + number, f"client{number}", 10 + number),
                Identity(0x30000200 + number, "corpus", 2),
                window_size=4 * MIB,
                server_window=server_window,
            )
            if not share:
                far.window = lambda *_: None  # type: ignore[method-assign]
            self.clients.append(Client("AB"[number], near))
            given = {"partition_name": "corpus", "partition_number": 2, **settings}
            self.targets.append(
                ServerAdapter(
                    Gathering(far) if gathers else far,
                    self.luns,
                    Settings(**given),
                    self.hands if hands else None,
                    fast=fast and share,
                )
            )
            if slow:
                mover = self.targets[-1].mover
                mover.memory = SlowMemory(mover.memory, self.hands, self.targets[-1].post)

    def close(self) -> None:
        self.memory("end")
        for client, target in zip(self.clients, self.targets, strict=True):
            target.retire()
            client.view.release()
            client.port.close()
            target.port.close()  # type: ignore[attr-defined]
        self.luns.clear()
        if self.native is not None:
            medium_by_hand.close(self.native)

    # What is seen.

    def did(self, what: str) -> None:
        self.lines.append(f"> {what}")
        self.run()

    def run(self) -> None:
        """Let both targets do all that can be done now; write down what arrives."""
        for _ in range(4):
            for target in self.targets:
                if target.state is not State.REMOVED:
                    target.process(self.now)
            for client in self.clients if self.listening else ():
                for raw in client.port.poll():
                    self.lines.append(f"< {client.name} {self.seen(client, raw)}")

    def seen(self, client: Client, raw: bytes) -> str:
        """An element; with the answer that it tells of, and what became of the request's memory."""
        tag = int.from_bytes(raw[8:16], "big")
        if raw[0] != crq.Valid.CMD_RESP or tag not in client.at:
            return raw.hex()
        start, length = client.at[tag], int.from_bytes(raw[6:8], "big")
        answer = bytes(client.view[start : start + min(length, SLOT)])
        text = f"{raw[:8].hex()} tag {tag} {answer.hex()}"
        if tag in client.area:
            at = client.area[tag]
            text += f" data {zlib.crc32(client.view[at : at + 2 * AREA]):08x}"
        return text

    def memory(self, when: str) -> None:
        """All of the clients' memory and of the disks."""
        for client in self.clients:
            self.lines.append(f"= {when} {client.name} {zlib.crc32(client.view):08x}")
        for ram in self.rams:
            self.lines.append(f"= {when} {zlib.crc32(ram.memory()):08x}")
        if self.native is not None:
            self.lines.append(f"= {when} {zlib.crc32(self.native.content):08x}")

    # What is done.

    def element(self, who: int, raw: bytes) -> None:
        try:
            self.clients[who].port.send(raw)
        except SrpError as error:
            self.lines.append(f"! {type(error).__name__}")
        self.did(f"{self.clients[who].name} {raw.hex()}")

    def iu_at(self, who: int, address: int, length: int = 48, form: int = crq.Format.SRP) -> None:
        """An element for an IU that may be anywhere."""
        self.element(who, struct.pack(">BBHHHQ", 0x80, form, 0, 0, length, address))

    def iu(self, who: int, data: bytes, form: int = crq.Format.SRP, length: int | None = None) -> int:
        client = self.clients[who]
        start = client.count % (IUS // SLOT) * SLOT
        client.view[start : start + SLOT] = data[:SLOT].ljust(SLOT, b"\0")
        tag = int.from_bytes(data[8:16].ljust(8, b"\0"), "big")
        client.at[tag] = start
        self.iu_at(who, client.base + start, len(data) if length is None else length, form)
        return tag

    def tag(self, who: int) -> int:
        client = self.clients[who]
        client.count += 1
        return 0x1000 * (who + 1) + client.count

    def place(self, who: int, tag: int, *, out: bytes = b"") -> tuple[int, int]:
        """Two areas of data memory for a request, filled: bus addresses of data-out and data-in."""
        client = self.clients[who]
        at = client.area[tag] = IUS + client.count % AREAS * 2 * AREA
        client.view[at : at + AREA] = out[:AREA].ljust(AREA, b"\xdd")
        client.view[at + AREA : at + 2 * AREA] = b"\xee" * AREA
        return client.base + at, client.base + at + AREA

    def cmd(
        self,
        who: int,
        lun: int,
        cdb: bytes,
        *,
        out: bytes | None = None,
        room: int = 0,
        pieces: int = 1,
        **fields: Any,
    ) -> int:
        """A command with ``out`` to send and ``room`` bytes for data-in, each in so many pieces."""
        tag = self.tag(who)
        there, here = self.place(who, tag, out=out or b"")
        if out is not None:
            fields["data_out"] = split(there, len(out), pieces)
        if room:
            fields["data_in"] = split(here, room, pieces)
        where = bytes(scst_pack(lun, "LUN"))
        iu = bytes(srp.Cmd.build(tag=tag, lun=where, cdb=cdb.ljust(16, b"\0"), **fields))
        client = self.clients[who]
        if pieces > 1 and len(iu) <= SLOT:
            # The entries lie in the IU, and the table descriptor points at them there, as Linux does.
            start = client.base + client.count % (IUS // SLOT) * SLOT
            raw, at = bytearray(iu), 48
            for segments in (fields.get("data_out"), fields.get("data_in")):
                if segments:
                    size = 16 * len(segments)
                    total = sum(length for _, length in segments)
                    struct.pack_into(">QIII", raw, at, start + at + 20, 0, size, total)
                    at += 20 + size
            iu = bytes(raw)
        return self.iu(who, iu)

    def read(self, who: int, lun: int, lba: int, blocks: int, **fields: Any) -> int:
        size = 4096 if lun == LARGE else 512
        return self.cmd(
            who, lun, struct.pack(">BxIxHx", 0x28, lba, blocks), **{"room": blocks * size, **fields}
        )

    def write(self, who: int, lun: int, lba: int, blocks: int, **fields: Any) -> int:
        size = 4096 if lun == LARGE else 512
        data = Random(lba * 1000 + blocks).randbytes(min(blocks * size, AREA))
        return self.cmd(who, lun, struct.pack(">BxIxHx", 0x2A, lba, blocks), **{"out": data, **fields})

    def manage(self, who: int, lun: int, function: int, task: int = 0, **fields: Any) -> int:
        iu = srp.TskMgmt.build(
            tag=self.tag(who),
            lun=bytes(scst_pack(lun, "LUN")),
            tsk_mgmt_func=function,
            task_tag=task,
            **fields,
        )
        return self.iu(who, bytes(iu))

    def begin(self) -> None:
        self.hands.begin()
        self.did("a job begins")

    def end(self) -> None:
        self.hands.end()
        if self.native is not None:
            self.native.finish()
        self.did("a job ends")

    def finish(self) -> None:
        """All work ends."""
        while self.hands.jobs or (self.native is not None and self.native.waiting):
            self.hands.begin()
            self.end()

    def time(self, seconds: float) -> None:
        self.now += seconds
        self.did(f"{seconds:g} s pass")

    def admin(self, what: str, *arguments: Any) -> None:
        """Something that the administrator does to the map."""
        try:
            getattr(self.luns, what)(*arguments)
        except SrpError as error:
            self.lines.append(f"! {type(error).__name__}")
        self.did(what)

    def order(self, who: int, what: str) -> None:
        """Something that the administrator does to a target: enable, disable, remove."""
        getattr(self.targets[who], what)()
        self.did(what)

    def idle(self, who: int, unit: Disk) -> None:
        """Wait until a client has no task for a unit."""
        self.targets[who].when_idle(unit, lambda: self.lines.append(f"! {self.clients[who].name} is idle"))
        self.did("wait until idle")

    # A connection.

    def connect(self, who: int, os_type: int = 2, *, identify: bool = True) -> None:
        """INIT; and, if ``identify``, adapter info of a client with that operating system."""
        if not self.clients[who].port.is_open:
            self.clients[who].port.register()
        self.element(who, bytes(crq.Element.init()))
        if identify:
            self.info(who, os_type=os_type)

    def info(self, who: int, **fields: Any) -> None:
        tag = self.tag(who)
        there, _ = self.place(who, tag, out=bytes(mad.AdapterInfoData.build(**fields)))
        iu = mad.AdapterInfo.build(tag=tag, buffer=there, length=mad.AdapterInfoData.SIZE)
        self.iu(who, bytes(iu), crq.Format.MAD)

    def login(self, who: int, **fields: Any) -> int:
        given = {"tag": self.tag(who), "req_it_iu_len": 256, "req_buf_fmt": 6, **fields}
        return self.iu(who, bytes(srp.LoginReq.build(**given)))

    def ready(self, *, os_type: int = 2, settled: bool = True) -> Machine:
        """Every client logged in, and (``settled``) told what a new nexus is told."""
        for who, target in enumerate(self.targets):
            target.enable()
            self.connect(who, os_type)
            self.login(who)
            for lun in (DISK, HAND, LARGE) if settled else ():
                for _ in range(3):
                    self.cmd(who, lun, bytes(6))
        return self


def split(address: int, length: int, pieces: int) -> Any:
    """One descriptor, or a list of them."""
    if pieces == 1:
        return address, length
    size = max(1, length // pieces)
    parts = [(address + i * size, size) for i in range(pieces - 1)]
    return [*parts, (address + (pieces - 1) * size, max(0, length - (pieces - 1) * size))]
