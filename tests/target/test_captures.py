"""What real Linux and SLOF initiators sent to QEMU's target, sent to ours (tests/vectors/captures).

Every request is put where it was, every element is sent as it was, in order. Each must get an answer that
the same initiator accepts: the right kind, tag, length and credit, and the status that QEMU gave, but where
the units differ. Data read is compared with what QEMU's disks gave, data written with what was sent.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pysrp import crq, mad, srp
from pysrp.backends import Ram
from pysrp.fabric import Identity
from pysrp.lun import Lun, scst_unpack
from pysrp.scsi.cdb import parse_cdb
from pysrp.scsi.sense import parse_sense
from pysrp.srp import RspFlags
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import Settings
from target_rig import MIB, Rig

CAPTURES = sorted((Path(__file__).parents[1] / "vectors" / "captures").glob("*.jsonl"))
WINDOW = 1 << 30
UNIT = 0x71000002
DISKS = {0x8100: 512, 0x8103: 512, 0x8220: 4096}
CD = 0x8340
"""A disk stands in for it: task management is the same, commands are not compared."""
SPEAKS_DIFFERENTLY = {
    0x04,  # FORMAT UNIT
    0x15,  # MODE SELECT: other pages, and another order of checks
    0x2E,  # WRITE AND VERIFY
    0xA3,  # REPORT SUPPORTED OPERATION CODES, which QEMU has not
}
"""Commands that QEMU's disk and ours do not both have, or judge alike. VPD page B2 is another."""

READS, WRITES = (0x08, 0x28, 0x88, 0xA8), (0x0A, 0x2A, 0x8A, 0xAA)


def refused(command: Any) -> bool:
    """Whether it is a WRITE of more than Linux offers, which QEMU takes for GOOD and Linux for all of it."""
    if command.opcode not in WRITES:
        return False
    offered = 0 if command.iu.data_out is None else command.iu.data_out.len
    wanted: int = command.cdb.data_length(DISKS[command.lun_number])
    return offered < wanted


def transactions(path: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """What the initiator did, in order, each with the records of the same transaction."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    together = defaultdict(list)
    for record in records:
        if record.get("txn") is not None:
            together[record["txn"]].append(record)
    for record in records:
        if record["dir"] == "i2t" and record["what"] in ("crq", "hcall"):
            yield record, together[record.get("txn")]


def content(record: dict[str, Any]) -> bytes:
    """The bytes of a record; of one that was cut off, some that begin in the same way."""
    data = bytes.fromhex(record["hex"])
    if record.get("truncated"):
        data += random.Random(record["sha256"]).randbytes(record["len"] - len(data))
    return data


def same(record: dict[str, Any], data: bytes) -> bool:
    if record.get("truncated"):
        return hashlib.sha256(data).hexdigest() == record["sha256"]
    return bytes.fromhex(record["hex"]) == data


class Initiator:
    """Plays one capture."""

    def __init__(self, rig: Rig, path: Path) -> None:
        self.rig = rig
        self.port = rig.client.port
        self.answered = 0
        self.compared = 0
        self.path = path
        self.written: dict[int, set[int]] = defaultdict(set)
        self.guessed: dict[int, set[int]] = defaultdict(set)

    def put(self, address: int, data: bytes) -> None:
        memory = self.port.own_memory(address, len(data))
        assert memory is not None
        memory[:] = data

    def get(self, address: int, length: int) -> bytes:
        memory = self.port.own_memory(address, length)
        assert memory is not None
        return bytes(memory)

    def register(self, unit: int = UNIT, ioba: int = 0xC000000, length: int = 0x10000) -> None:
        assert self.port.h_reg_crq(unit, ioba, length) == 0

    def run(self) -> list[bytes]:
        self.rig.run()
        found = list(self.rig.client.answers)
        self.rig.client.answers.clear()
        return found

    def begin(self) -> None:
        """A capture that begins in the middle of a session: do what came before."""
        self.register()
        self.port.send(bytes(crq.Element.init()))
        if "slof" in self.path.stem:
            return
        at = 0x10000
        self.put(at + 512, bytes(mad.AdapterInfoData.build(os_type=2, partition_name="UNKNOWN")))
        self.put(at, bytes(mad.AdapterInfo.build(tag=1, buffer=at + 512)))
        self.port.send(bytes(crq.Element.mad(at, 256)))
        self.run()
        self.put(at, bytes(srp.LoginReq.build(tag=2, req_it_iu_len=256, req_buf_fmt=6)))
        self.port.send(bytes(crq.Element.srp(at, 256)))
        self.run()
        self.rig.attended()

    def play(self) -> None:
        steps = list(transactions(self.path))
        self.preload(steps)
        if not steps[0][0]["note"].startswith("H_REG_CRQ"):
            self.begin()
        for record, others in steps:
            if record["what"] == "hcall":
                if record["note"].startswith("H_FREE_CRQ"):
                    self.port.free()
                else:
                    self.register(*struct.unpack(">3Q", bytes.fromhex(record["hex"])))
                self.run()
                continue
            self.step(bytes.fromhex(record["hex"]), others)
        assert self.answered
        self.check_disks()

    def preload(self, steps: list[Any]) -> None:
        """Put on the disks what was read from QEMU's before it was written."""
        for _, others in steps:
            command = self.command(others)
            if command is None or command.lun_number not in DISKS or not hasattr(command.cdb, "lba"):
                continue
            block = DISKS[command.lun_number]
            if command.opcode not in READS + WRITES:
                continue
            lba = command.cdb.lba
            data = [other for other in others if other["what"] == "data"]
            if command.opcode in WRITES:
                self.written[command.lun_number] |= set(range(lba, lba + command.cdb.transfer_length))
                continue
            at = lba * block
            for other in data:
                if other["dir"] == "i2t":
                    continue
                blocks = set(range(at // block, (at + other["len"] + block - 1) // block))
                if other.get("truncated"):
                    self.guessed[command.lun_number] |= blocks
                elif not blocks & self.written[command.lun_number]:
                    disk = self.rig.luns[command.lun_number & 0x3FFF].unit
                    disk.backend.write_from(at, memoryview(content(other)))  # type: ignore[attr-defined]
                at += other["len"]
        self.written.clear()

    def command(self, others: list[dict[str, Any]]) -> Any:
        """What the IU of a transaction is, if it is an SRP_CMD."""
        iu = next((other for other in others if other["what"] == "iu" and other["dir"] == "i2t"), None)
        element = next((other for other in others if other["what"] == "crq" and other["dir"] == "i2t"), None)
        if iu is None or element is None or element["hex"][2:4] != "01" or iu["hex"][:2] != "02":
            return None
        request = srp.Cmd(bytes.fromhex(iu["hex"]))

        class Command:
            iu = request
            opcode = bytes(request.cdb)[0]
            cdb: Any = parse_cdb(bytes(request.cdb))
            lun_number = int.from_bytes(bytes(request.lun)[:2], "big")

        return Command

    def step(self, element: bytes, others: list[dict[str, Any]]) -> None:
        for other in others:
            if other["dir"] == "i2t" and other["what"] in ("iu", "data") and other["hex"]:
                self.put(int(other["addr"], 16), content(other))
        answers = [other for other in others if other["dir"] == "t2i"]
        if element[:2] == b"\x80\x02":
            self.identify(others)
        self.port.send(element)
        got = self.run()
        theirs = [bytes.fromhex(other["hex"]) for other in answers if other["what"] == "crq"]
        if element[0] == 0xC0:
            assert got == [bytes(crq.Element.init_complete())]
            return
        if not theirs:  # QEMU answers nothing to what has been aborted, ours had answered already
            return
        (mine,) = got
        # Header, format, status, and the tag are QEMU's; the length is that of our own answer.
        assert mine[:2] == theirs[0][:2]
        assert mine[8:] == theirs[0][8:]
        assert mine[2:6] == bytes(4)
        length = int.from_bytes(mine[6:8], "big")
        address = int.from_bytes(element[8:], "big")
        answer = self.get(address, length)
        self.answered += 1
        iu = next((bytes.fromhex(o["hex"]) for o in answers if o["what"] == "iu"), b"")
        if element[1] == crq.Format.MAD:
            self.mad(answer)
        else:
            self.srp(answer, iu, others)

    def identify(self, others: list[dict[str, Any]]) -> None:
        """QEMU does not read the adapter info, so it was not captured: Linux had put this there."""
        request = mad.parse(next(bytes.fromhex(o["hex"]) for o in others if o["what"] == "iu"))
        if isinstance(request, mad.AdapterInfo) and not any(
            o["dir"] == "i2t" and o["what"] == "data" for o in others
        ):
            self.put(request.buffer, bytes(mad.AdapterInfoData.build(os_type=2, partition_name="UNKNOWN")))

    def mad(self, raw: bytes) -> None:
        answer = mad.parse(raw)
        assert answer.status == 0
        assert len(raw) == (16 if isinstance(answer, mad.EnableFastFail) else 24)
        if isinstance(answer, mad.AdapterInfo):
            data = mad.AdapterInfoData(self.get(answer.buffer, 148))
            assert data.srp_version == "16.a"
            assert data.port_max_txu[0] >= 0x40000
        if isinstance(answer, mad.Capabilities):
            assert mad.CapabilitiesData(self.get(answer.buffer, answer.length)).flags == 0

    def srp(self, raw: bytes, theirs: bytes, others: list[dict[str, Any]]) -> None:
        answer = srp.parse(raw)
        assert raw[0] == theirs[0]
        assert raw[8:16] == theirs[8:16]
        if isinstance(answer, srp.LoginRsp):
            assert answer.req_lim_delta >= 2
            assert (answer.max_it_iu_len, answer.max_ti_iu_len, answer.buf_fmt) == (256, 256, 6)
            nexus = self.rig.target.session.nexus  # type: ignore[union-attr]
            for export in self.rig.luns:
                export.unit.forget(nexus, 0x29, 7)  # QEMU tells nobody of a nexus loss
            return
        assert isinstance(answer, srp.Rsp)
        reference = srp.Rsp(theirs)
        assert answer.req_lim_delta == 1
        assert len(raw) == 36 + answer.sense_data_len + answer.resp_data_len
        assert answer.sense_data_len <= 96
        command = self.command(others)
        if command is None:
            assert raw[36:] == theirs[36:]
            assert answer.flags == RspFlags.RSPVALID
            return
        self.residual(answer, reference, command)
        expected = self.expected(command, reference)
        if expected is None:
            return
        status, sense = expected
        assert answer.status == status, f"{command.cdb!r}: {answer!r}, QEMU: {reference!r}"
        if status:
            found = parse_sense(answer.sense)
            assert (found.sense_key, found.asc, found.ascq) == sense, f"{command.cdb!r}: QEMU: {reference!r}"
        elif command.opcode in READS + WRITES:
            self.data(command, others)

    def expected(self, command: Any, reference: srp.Rsp) -> tuple[int, tuple[int, int, int]] | None:
        """Status and sense, as QEMU gave them but for what is said here."""
        theirs = (0, 0, 0)
        if reference.sense_data_len:
            sense = parse_sense(reference.sense)
            theirs = sense.sense_key, sense.asc, sense.ascq
        absent = command.lun_number not in DISKS
        if command.lun_number == CD:
            return None  # there is no such unit here
        if command.opcode == 0xA0 and theirs in ((5, 0x24, 0), (5, 0x25, 0)):
            if (absent or theirs[1] == 0x25) and command.cdb.allocation_length >= 16:
                return 0, (0, 0, 0)  # at any LUN, as SCST; QEMU answers at LUN 0 alone
            if command.cdb.select_report == 1:
                return 0, (0, 0, 0)  # there are no well known units, which is an answer
        if absent and reference.status:
            return 2, (5, 0x25, 0)  # the right code for it
        if refused(command):
            return 2, (5, 0x0E, 3)
        if command.opcode in SPEAKS_DIFFERENTLY or getattr(command.cdb, "page_code", 0) == 0xB2:
            return None
        return reference.status, theirs

    def residual(self, answer: srp.Rsp, reference: srp.Rsp, command: Any) -> None:
        """Linux must not hear that fewer bytes have come than did, nor more."""
        room = 0 if command.iu.data_in is None else command.iu.data_in.len
        if answer.flags & RspFlags.DIOVER:
            assert 0 < answer.data_in_res_cnt <= room
        if refused(command):
            assert answer.data_out_res_cnt == command.iu.data_out.len, "nothing of it is written"
        elif reference.flags & (RspFlags.DIOVER | RspFlags.DOOVER) and not reference.status:
            # QEMU says so where the CDB asks for more than there is room: Linux takes what came for missing.
            assert not answer.flags & (RspFlags.DIOVER | RspFlags.DOOVER)

    def data(self, command: Any, others: list[dict[str, Any]]) -> None:
        lun, block = command.lun_number, DISKS[command.lun_number]
        blocks = set(range(command.cdb.lba, command.cdb.lba + command.cdb.transfer_length))
        moved = [other for other in others if other["what"] == "data"]
        if command.opcode in WRITES:
            assert not refused(command)
            self.written[lun] |= blocks
            if any(other.get("truncated") for other in moved if other["dir"] == "i2t"):
                self.guessed[lun] |= blocks
            else:
                self.guessed[lun] -= blocks
            return
        if blocks & self.guessed[lun]:
            return
        assert block
        for other in moved:
            if other["dir"] == "t2i":
                assert same(other, self.get(int(other["addr"], 16), other["len"])), command.cdb
                self.compared += other["len"]

    def check_disks(self) -> None:
        """What was written is on the disks: as it was sent, gathered from the segments that it came in."""
        sent: dict[int, dict[int, bytes]] = defaultdict(dict)
        for record, others in transactions(self.path):
            command = self.command(others)
            if record["what"] == "hcall" or command is None or command.lun_number not in DISKS:
                continue
            if command.opcode not in WRITES or refused(command):
                continue
            block = DISKS[command.lun_number]
            table = command.iu.data_out
            entries = self.table(command, others)
            data = b""
            for other in others:
                if other["what"] == "data" and other["dir"] == "i2t" and other["addr"] not in entries:
                    data += content(other)
            assert table is not None
            for at in range(len(data) // block):
                sent[command.lun_number][command.cdb.lba + at] = data[at * block : (at + 1) * block]
        for lun, blocks in sent.items():
            backend = self.rig.luns[lun & 0x3FFF].unit.backend  # type: ignore[attr-defined]
            for lba, data in blocks.items():
                size = len(data)
                assert backend.memory()[lba * size : (lba + 1) * size] == data, f"{lun:04x} block {lba}"
                self.compared += size

    def table(self, command: Any, others: list[dict[str, Any]]) -> set[str]:
        """Where the entries of an external table were fetched from."""
        found = set()
        for desc in (command.iu.data_out, command.iu.data_in):
            if isinstance(desc, srp.IndirectBuf):
                start, length = int(desc.table_desc.va), int(desc.table_desc.len)
                for other in others:
                    if other["what"] == "data" and start <= int(other["addr"], 16) < start + length:
                        found.add(other["addr"])
        return found


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_replay(make: Callable[..., Rig], path: Path) -> None:
    luns = LunMap()
    for number, block in [*DISKS.items(), (CD, 2048)]:
        luns.add(scst_unpack(Lun(struct.pack(">H6x", number))), Disk(Ram(64 * MIB), block_size=block))
    rig = make(
        luns,
        Settings(require_login="slof" not in path.stem, request_limit=22),
        window_size=WINDOW,
        client=Identity(unit_address=UNIT),
        client_memory=WINDOW - (1 << 16),
    )
    rig.target.enable()
    rig.run()
    initiator = Initiator(rig, path)
    initiator.play()
    if path.stem in ("readwrite_small", "readwrite_sg"):
        assert initiator.compared
