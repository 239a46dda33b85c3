"""The paths whose instructions are counted; see counts.py, which runs this file under callgrind.

Nothing here sleeps, spins or switches threads: both ends of the adapter are in one thread, and where the initiator
would wait for its partner, the target has its turn. So what is counted depends on the code alone.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pysrp import crq, scsi, srp
from pysrp.backends import Ram
from pysrp.fabric import Identity, local
from pysrp.initiator import session as sessions
from pysrp.scst.tree import Tree
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.vscsi.server import ServerAdapter

Case = Callable[[], object]
"""What is run and counted."""

PATHS: dict[str, tuple[int, Callable[[], Case]]] = {}
"""Name: how many runs are counted, and the function that prepares the case."""


def path(name: str, runs: int) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Put a preparing function into the table."""

    def enter(prepare: Callable[[], Case]) -> Callable[[], Case]:
        PATHS[name] = runs, prepare
        return prepare

    return enter


# Codecs.

CDB = bytes.fromhex("28000000000800000800") + bytes(6)
TAG, LUN = 0x6003F803000000C0, bytes.fromhex("8100000000000000")
DESC = (0x0C160000, 0, 4096)
RAW = bytes(srp.Cmd.build(tag=TAG, lun=LUN, cdb=CDB, data_in=DESC))
SENSE = bytes.fromhex("700005000000000a00000000240000c00002")
DESCRIPTOR_SENSE = bytes.fromhex("720311000000000c000a8000000000000000001a")


@path("codec: parse an SRP_CMD, three fields", 500)
def _parse() -> Case:
    def case() -> object:
        iu = srp.parse(RAW)
        return iu.tag, iu.add_cdb_len, iu.data_in_desc_cnt

    return case


@path("codec: descriptor and CDB of an SRP_CMD", 500)
def _variable_parts() -> Case:
    def case() -> object:
        iu = srp.Cmd(RAW)
        return iu.data_in.len, iu.cdb

    return case


@path("codec: all fixed fields of an SRP_CMD", 500)
def _unpack() -> Case:
    return lambda: srp.Cmd.unpack(RAW)


@path("codec: a record of an SRP_CMD", 500)
def _record() -> Case:
    return lambda: srp.Cmd.record(RAW)


@path("codec: set one field in place", 500)
def _set() -> Case:
    iu = srp.Cmd(bytearray(RAW))

    def case() -> None:
        iu.tag = TAG

    return case


@path("codec: build an SRP_CMD in place", 500)
def _pack() -> Case:
    memory = bytearray(64)
    return lambda: srp.Cmd.pack_into(memory, 0, tag=TAG, lun=LUN, cdb=CDB, data_in=DESC)


@path("codec: build an SRP_RSP", 500)
def _build() -> Case:
    return lambda: srp.Rsp.build(tag=TAG, req_lim_delta=1)


@path("codec: three columns of 256 SRP_CMDs", 20)
def _columns() -> Case:
    many, names = RAW * 256, ["tag", "lun", "data_in_desc_cnt"]
    out = srp.Cmd.columns(many, len(RAW), names)
    return lambda: srp.Cmd.columns(many, len(RAW), names, out=out)


@path("codec: scan a full ring of 256 elements", 50)
def _scan_ring() -> Case:
    full = b"".join(bytes(crq.Element.srp(i, 256)) for i in range(256))
    memory = bytearray(4096)
    ring = crq.Ring(memory)
    slots = memoryview(
        memory
    )  # a bytearray would copy ``full`` first, and malloc() takes a varying count of instructions

    def case() -> object:
        slots[:] = full
        return ring.take()

    assert case() == full
    return case


@path("codec: decode a READ(10)", 500)
def _cdb() -> Case:
    def case() -> object:
        cdb = scsi.parse_cdb(CDB[:10])
        return cdb.lba, cdb.transfer_length

    return case


@path("codec: decode sense, fixed format", 500)
def _fixed_sense() -> Case:
    def case() -> object:
        sense = scsi.parse_sense(SENSE)
        return int(sense.sense_key), sense.asc, sense.ascq

    return case


@path("codec: decode sense, descriptor format", 500)
def _descriptor_sense() -> Case:
    def case() -> object:
        sense = scsi.parse_sense(DESCRIPTOR_SENSE)
        return int(sense.sense_key), sense.asc, sense.ascq

    return case


@path("codec: decode standard INQUIRY data", 500)
def _inquiry_data() -> Case:
    raw = bytes(scsi.InquiryData.build(vendor="IBM", product="VDASD blkdev", revision="0001", version=6))

    def case() -> object:
        data = scsi.InquiryData(raw)
        return data.vendor, data.product

    return case


# Both engines.


class Session(sessions.Session):
    """A session that runs the target where it would wait."""

    serve: Case

    def _drive_lane(self, lane: Any) -> bool:
        over = super()._drive_lane(lane)
        self.serve()
        return over


class Pair:
    """A server of two disks and its client, in one thread. ``fast``: the target's lane is used."""

    def __init__(self, *, fast: bool) -> None:
        client, server = local.pair(
            Identity(0x30000002, "lpar1", 2), Identity(0x30000028, "vios", 40), window_size=8 << 20
        )
        client.spin = server.spin = 0
        self.client, self.luns = client, LunMap([(256 + i, Disk(Ram(1 << 20))) for i in range(2)])
        self.luns.served("counted")
        self.target = ServerAdapter(server, self.luns, fast=fast)
        self.target.enable()
        sessions.LANE_SLICE = 0
        # Where the client would sleep, the server runs.
        client.wait = self.wait  # type: ignore[method-assign]
        self.session = Session(client, buffers=4 << 20, max_transfer=1 << 20, max_requests=40)
        self.session.serve = self.serve
        self.session.connect()
        self.disk = self.session.scan()[0]
        self.disk.read(0)

    def serve(self) -> object:
        return self.target.process(time.monotonic())

    def wait(self, timeout: float | None = None) -> bool:
        self.serve()
        return True


@path("engines: one READ of 4 KiB", 60)
def _read() -> Case:
    disk = Pair(fast=False).disk
    return lambda: disk.read(8, 8)


@path("engines: one WRITE of 4 KiB", 60)
def _write() -> Case:
    disk, data = Pair(fast=False).disk, bytes(4096)
    return lambda: disk.write(8, data)


@path("lanes: 32 READs of 4 KiB", 40)
def _lane_reads() -> Case:
    disk, room, lbas = Pair(fast=True).disk, bytearray(4096 * 32), range(0, 256, 8)
    return lambda: disk.run(sessions.READ, lbas, 8, data=room)


@path("lanes: 32 WRITEs of 4 KiB", 40)
def _lane_writes() -> Case:
    disk, data, lbas = Pair(fast=True).disk, bytes(4096 * 32), range(0, 256, 8)
    return lambda: disk.run(sessions.WRITE, lbas, 8, data=data)


@path("initiator's engine, target's lane: one READ", 60)
def _mixed() -> Case:
    disk = Pair(fast=True).disk
    return lambda: disk.read(8, 8)


@path("initiator's calls, target's lane: 32 READs", 40)
def _calls() -> Case:
    disk, lbas = Pair(fast=True).disk, range(0, 256, 8)

    def case() -> None:
        for pending in [disk.submit_read(lba, 8) for lba in lbas]:
            pending.result()

    return case


@path("initiator's calls, target's lane: 32 WRITEs", 40)
def _writing_calls() -> Case:
    disk, lbas, data = Pair(fast=True).disk, range(0, 256, 8), bytes(4096)

    def case() -> None:
        for pending in [disk.submit_write(lba, data) for lba in lbas]:
            pending.result()

    return case


def _raw(fast: bool, cdb: bytes, count: int, **data: Any) -> Case:
    """The target's part of ``count`` commands at a time, without an initiator."""
    pair = Pair(fast=fast)
    memory = pair.client.allocate(256 * count + 4096)
    elements = []
    ius = bytearray()
    for i in range(count):
        buffers = dict.fromkeys(data, (memory.address + 256 * count, 0, 512))
        ius += bytes(srp.Cmd.build(tag=TAG + i, lun=LUN, cdb=cdb, **buffers)).ljust(256, b"\0")
        elements.append(bytes(crq.Element.srp(memory.address + 256 * i, 256)))
    view = memoryview(memory).cast("B")

    def case() -> object:
        view[: len(ius)] = ius  # the answers are written over them
        pair.client.send_many(elements)
        pair.serve()
        return pair.client.poll()

    assert len(case()) == count  # type: ignore[arg-type]
    assert view[0] == srp.Opcode.RSP
    assert view[19] == 0, "not GOOD"
    return case


READ_ONE = bytes.fromhex("28000000000800000100") + bytes(6)
WRITE_ONE = b"\x2a" + READ_ONE[1:]


@path("target's engine: one READ", 100)
def _target_read() -> Case:
    return _raw(False, READ_ONE, 1, data_in=True)


@path("target's lane: 32 READs", 40)
def _target_lane_reads() -> Case:
    return _raw(True, READ_ONE, 32, data_in=True)


@path("target's lane: 32 WRITEs", 40)
def _target_lane_writes() -> Case:
    return _raw(True, WRITE_ONE, 32, data_out=True)


@path("engines: TEST UNIT READY", 60)
def _ready() -> Case:
    return Pair(fast=False).disk.test_unit_ready


@path("engines: INQUIRY", 40)
def _inquiry() -> Case:
    return Pair(fast=False).disk.inquiry


@path("engines: LUN RESET", 30)
def _reset() -> Case:
    pair = Pair(fast=False)

    def case() -> object:
        pair.disk.reset()
        return pair.disk.inquiry()

    return case


@path("engines: login", 20)
def _login() -> Case:
    return Pair(fast=False).session.host_reset


@path("engines: scan of two disks", 10)
def _scan() -> Case:
    session = Pair(fast=False).session
    return lambda: session.scan(channels=[0], ids=range(2))


# SCST's tree.


@path("scst: luns/mgmt, add and del", 30)
def _mgmt() -> Case:
    # The server and the tree have a thread each. Only one thread works at a time, while all others wait for it.
    sys.setswitchinterval(0.005)
    luns = LunMap()
    tree = Tree()
    server = Server("local:counted", luns, enabled=False)
    mgmt = f"targets/ibmvstgt/{tree.add_target(server, luns)}/luns/mgmt"
    tree.write("handlers/vdisk_ram/mgmt", "add_device counted size_mb=1")

    def case() -> None:
        tree.write(mgmt, "add counted 256")
        tree.write(mgmt, "del 256")

    return case


WARM = 80
"""Runs before counting: the interpreter specialises its bytecode, caches are filled."""


def mark() -> None:
    """A function that is called only as a mark: callgrind dumps its counts at the call, and starts again at zero."""
    os.getsid(0)


def child(name: str) -> None:
    """Count one path: n runs, then 3 n, so that the surrounding instructions can be subtracted."""
    runs, prepare = PATHS[name]
    case = prepare()
    for _ in range(WARM):
        case()
    gc.collect()
    gc.freeze()
    for count in (runs, 3 * runs):
        mark()
        for _ in range(count):
            case()
    mark()


def main() -> int:
    """Run each path in a process of its own, forked after all imports, ``jobs`` at a time."""
    out, jobs, *names = sys.argv[1:]
    # Start numbers at a fixed value: otherwise they would sometimes have more digits than at other times.
    secrets.randbits = lambda bits: 1 << (bits - 1)
    sys.setswitchinterval(1000)
    logging.getLogger("pysrp").setLevel(logging.CRITICAL)
    gc.disable()
    gc.freeze()
    started: dict[int, str] = {}
    failed = False
    busy = 0

    def ended() -> bool:
        return os.wait()[1] != 0

    for name in names or list(PATHS):
        if busy == int(jobs):
            failed |= ended()
            busy -= 1
        pid = os.fork()
        if not pid:
            code = 1
            try:
                child(name)
                code = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(code)
        started[pid] = name
        busy += 1
    for _ in range(busy):
        failed |= ended()
    report = {name: {"pid": pid, "runs": 2 * PATHS[name][0]} for pid, name in started.items()}
    Path(out, "paths.json").write_text(json.dumps(report))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
