"""Sequences for the initiator's engine, and what it did, as text.

The server's part is played by the sequence: what comes, in which order, and when. What is written down is what a server
and a driver see: elements and IUs without the tags and addresses that an engine chooses for itself, what the queue needs,
and how each request ended. :class:`Machine` alone knows how an engine is called.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from captures import CAPTURES, capture_records
from pysrp import crq, mad, srp
from pysrp.errors import SrpError, TransportError
from pysrp.initiator.requests import Command, TaskManagement
from pysrp.lun import Lun
from pysrp.vscsi.client import ClientAdapter
from pysrp.vscsi.client_options import Options
from pysrp.vscsi.client_states import State

BASE = 0x10000
DATA = 0x800000
SLOTS, SEGMENTS = 16, 16
IU_SIZE = 256
DISK, OTHER = Lun.logical_unit(1), Lun.logical_unit(2)
INIT = bytes(crq.Element.init())
INIT_COMPLETE = bytes(crq.Element.init_complete())
FUNCTIONS = tuple(srp.TskMgmtFunc)
READ10, WRITE10 = 0x28, 0x2A


class Machine:
    """An engine, its memory and its time. What is done and seen goes to ``lines``."""

    def __init__(self, **options: Any) -> None:
        self.lines: list[str] = []
        self.memory = bytearray(ClientAdapter.memory_size(SLOTS, SEGMENTS))
        self.engine = ClientAdapter(
            memoryview(self.memory),
            BASE,
            slots=SLOTS,
            segments=SEGMENTS,
            name="corpus",
            options=Options(**options),
        )
        self.now = 1000.0
        self.tags: dict[int, int] = {}
        self.open: dict[int, tuple[int, bytes, int]] = {}
        """What has been sent and not answered: by its tag, where it lies, what it is, and the format of its element."""
        self.requests: dict[int, Command | TaskManagement] = {}
        self.labels: dict[int, int] = {}
        self.sending = True

    # What is seen.

    def name(self, tag: int) -> str:
        """A tag by the order in which it was first seen."""
        return f"t{self.tags.setdefault(tag, len(self.tags))}" if tag else "t-"

    def look(self) -> None:
        """Take what is to be sent, what has ended, what the queue needs."""
        engine = self.engine
        while engine.output and self.sending:
            raw = engine.output.pop(0)
            if raw[0] != crq.Valid.CMD_RESP or raw[1] == crq.Format.MESSAGE_IN_CRQ:
                self.lines.append(f"< {raw.hex()}")
                continue
            at = int.from_bytes(raw[8:], "big") - BASE
            iu = bytes(self.memory[at : at + IU_SIZE])
            tag = int.from_bytes(iu[8:16], "big")
            self.open[tag] = at, iu, raw[1]
            self.lines.append(f"< {raw[:8].hex()} {self.name(tag)} {self.described(at, iu, raw[1])}")
        ended, engine.srp.ended = engine.srp.ended, []
        for request in ended:
            label = self.labels.get(id(request))
            if label is None:
                continue  # the engine's own
            text = type(request.error).__name__ if request.error is not None else ""
            if isinstance(request, Command):
                text += f" {request.status} {request.residual} {request.overflow} {request.sense.hex()}"
            else:
                text += f" {request.code}"
            self.lines.append(f"= {label} ended {text}")
        action = engine.queue_work.name if engine.queue_work else ""
        # What is being reset waits for its partner, as the corpus was recorded.
        state = State.WAIT_PARTNER if engine.state is State.RESETTING else engine.state
        self.lines.append(f"= {state.name} {action}")

    def described(self, at: int, iu: bytes, form: int) -> str:
        """An IU without its own tag and place."""
        if form == crq.Format.MAD:
            where = int.from_bytes(iu[16:24], "big") - BASE
            length = int.from_bytes(iu[6:8], "big")
            data = self.memory[where : where + length].hex() if 0 <= where < len(self.memory) else ""
            return f"{iu[:8].hex()} {data}"
        head, rest = iu[:8].hex(), iu[16:].rstrip(b"\0")
        if iu[0] == srp.Opcode.TSK_MGMT:
            view = srp.TskMgmt(iu)
            return f"{head} {view.lun} {int(view.tsk_mgmt_func)} {self.name(int(view.task_tag))}"
        if iu[0] != srp.Opcode.CMD:
            return f"{head} {rest.hex()}"
        view = srp.Cmd(iu)
        parts = [str(view.lun), str(int(view.task_attr)), bytes(view.cdb).hex()]
        for desc in (view.data_out, view.data_in):
            if isinstance(desc, srp.IndirectBuf):
                table, size = desc.table_desc.va - BASE, desc.table_desc.len
                where = f"iu+{table - at}" if at <= table < at + IU_SIZE else "table"
                entries = self.memory[table : table + size].hex()
                parts.append(f"{where} {size} {desc.len} {len(desc.desc_list)} {entries}")
            elif isinstance(desc, srp.ImmBuf):
                begin = self.engine.srp.memory.immediate
                parts.append(f"with it {desc.len} {iu[begin : begin + desc.len].hex()}")
            else:
                parts.append("-" if desc is None else f"{desc.va:x} {desc.len}")
        return f"{head} {' '.join(parts)}"

    # What is done.

    def did(self, what: str, call: Callable[..., Any], *arguments: Any) -> None:
        self.lines.append(f"> {what}")
        try:
            call(*arguments)
        except (SrpError, ValueError) as error:
            self.lines.append(f"! {type(error).__name__}")
        self.look()

    def opened(self) -> None:
        self.did("opened", self.engine.opened, self.now)

    def take(self, *raws: bytes) -> None:
        shown = [
            raw.hex() if raw[0] != 0x80 else f"{raw[:8].hex()} {self.name(int.from_bytes(raw[8:], 'big'))}"
            for raw in raws
        ]
        self.did(f"receive {' '.join(shown)}", self.engine.receive, raws, self.now)

    def time(self, seconds: float) -> None:
        """Time passes, as a driver lets it: the engine is called when it asked for it."""
        end = self.now + seconds
        self.lines.append(f"> {seconds:g} s pass")
        for _ in range(100):
            due = self.engine.deadline()
            if due > end:
                break
            self.now = max(self.now, due)
            self.engine.tick(self.now)
            self.look()
            self.act()
        self.now = end
        self.look()

    def act(self) -> None:
        """Do what the queue needs."""
        if self.engine.queue_work is not None:
            self.lines.append(f"> does {self.engine.queue_work.name}")
            self.engine.opened(self.now)
            self.look()

    def submit(self, request: Command | TaskManagement) -> None:
        label = len(self.requests)
        self.requests[label] = request
        self.labels[id(request)] = label
        self.did(f"submit {label}", self.engine.srp.submit, request, self.now)

    def command(self, rng: Random, **more: Any) -> Command:
        """One of the commands that drivers send."""
        blocks = rng.choice((1, 8, 8, 64))
        kind = rng.randrange(6)
        lun = rng.choice((DISK, DISK, OTHER))
        given = {"timeout": rng.choice((0, 5, 30)), "block_size": rng.choice((0, 512)), **more}
        if kind < 2:
            cdb, data = struct.pack(">BxIxHx", READ10, rng.randrange(1000), blocks), "data_in"
        elif kind < 4:
            cdb, data = struct.pack(">BxIxHx", WRITE10, rng.randrange(1000), blocks), "data_out"
        elif kind == 4:
            cdb, data = bytes((0x12, 0, 0, 0, 96, 0)), "data_in"
            given[data] = [(DATA, 96)]
        else:
            cdb, data = bytes(6), ""
        if data and data not in given:
            pieces = rng.choice((1, 1, 2, 10, 11, 16))
            size = max(1, blocks * 512 // pieces)
            given[data] = [(DATA + i * 65536, size) for i in range(pieces)]
            if rng.randrange(12) == 0:
                given["data_out" if data == "data_in" else "data_in"] = [(DATA * 2, 512)] * rng.choice((1, 3))
        return Command(lun, cdb, attribute=rng.choice((0, 0, 0, 1, 2)), replay=rng.randrange(3) == 0, **given)

    def answer(
        self, tag: int, data: bytes, *, form: int = crq.Format.SRP, length: int | None = None, status: int = 0
    ) -> None:
        """Write an answer over its request, and tell of it."""
        at, _, _ = self.open.pop(tag)
        self.memory[at : at + len(data)] = data[:IU_SIZE]
        size = len(data) if length is None else length
        self.take(struct.pack(">BBBBHHQ", 0x80, form, 0, status, 0, size, tag))

    def some(self, rng: Random) -> int | None:
        """A request that waits for its answer."""
        return rng.choice(sorted(self.open)) if self.open else None

    def respond(self, rng: Random, tag: int, *, sane: bool = False) -> None:
        """Answer a request, as a server might; or, unless ``sane``, as none should."""
        _, iu, form = self.open[tag]
        if form == crq.Format.MAD:
            self.answer_mad(rng, tag, sane)
        elif iu[0] == srp.Opcode.LOGIN_REQ:
            self.answer_login(rng, tag, sane)
        else:
            self.answer_request(rng, tag, sane, iu[0] == srp.Opcode.TSK_MGMT)

    def answer_login(self, rng: Random, tag: int, sane: bool) -> None:
        limit = rng.choice((2, 3, 8, 22)) if sane else rng.choice((0, -1, 1, 2, 22))
        fields = {"max_it_iu_len": 256, "max_ti_iu_len": 256, "buf_fmt": 6}
        if not sane:
            fields["max_it_iu_len"] = rng.choice((0, 63, 64, 100, 256, 4096))
        raw = bytes(srp.LoginRsp.build(tag=tag, req_lim_delta=limit, **fields))
        kind = 0 if sane else rng.randrange(8)
        if kind == 1:
            raw = bytes(
                srp.LoginRej.build(tag=tag, reason=rng.choice((0x10000, 0x10001, 0x10006, 77)), buf_fmt=6)
            )
        elif kind == 2:
            raw = raw[: rng.choice((3, 16, 51))]
        elif kind == 3:
            raw = raw[:8] + bytes(8) + raw[16:]
        status, form = (rng.choice((0, 0, 1, 0x99)), rng.choice((1, 1, 2))) if kind == 4 else (0, 1)
        self.answer(tag, raw, status=status, form=form)

    def answer_mad(self, rng: Random, tag: int, sane: bool) -> None:
        _, iu, _ = self.open[tag]
        where = int.from_bytes(iu[16:24], "big") - BASE
        if int.from_bytes(iu[:4], "big") == mad.MadType.ADAPTER_INFO:
            data = bytes(mad.AdapterInfoData.build(
                srp_version=rng.choice(("16.a", "16.a", "1.6a", "1.5")), partition_name="server", partition_number=2,
                mad_version=1, os_type=rng.choice((2, 3)), port_max_txu=(rng.choice((0, 511, 0x40000, 1 << 26)),) + 7 * (0,),
            ))  # fmt: skip
            self.memory[where : where + len(data)] = data
        raw = bytearray(iu[:24])
        status = 0 if sane else rng.choice((0, 0, 0xF1, 0xF7, 1))
        raw[4:6] = status.to_bytes(2, "big")
        length = 24 if sane else rng.choice((24, 24, 16, 8, 0, 256))
        self.answer(
            tag,
            bytes(raw),
            form=2 if sane else rng.choice((2, 2, 2, 1)),
            length=length,
            status=0 if sane else rng.choice((0, 0, 0, 0x10, 1)),
        )

    def answer_request(self, rng: Random, tag: int, sane: bool, function: bool) -> None:
        fields: dict[str, Any] = {
            "tag": tag,
            "req_lim_delta": rng.choice((1, 1, 1, 2, 0) if sane else (1, 0, -3, 40)),
        }
        if function:
            fields["resp_data"] = rng.choice((bytes(4), bytes(4), b"\0\0\0\5", b"\0\0\0\4"))
            if not sane and rng.randrange(2):
                del fields["resp_data"]
                fields["status"] = rng.choice((0, 2))
        elif rng.randrange(3) == 0:
            sense = rng.choice(
                (
                    bytes.fromhex("70000600000000 0a00000000290000000000".replace(" ", "")),
                    bytes.fromhex("720524000000000e") + bytes(14),
                    b"\x70",
                    rng.randbytes(40),
                )
            )
            fields |= {"status": 2, "sense": sense}
        else:
            fields["status"] = rng.choice((0, 0, 0, 8, 0x18, 0x28, 0x40, 0x22, 0x30, 0x04))
            if rng.randrange(2):
                count = rng.choice((0, 512, 4096, 0xFFFFFFFF))
                fields |= {
                    "flags": rng.choice((4, 8, 12, 16, 32, 48, 60)),
                    "data_in_res_cnt": count,
                    "data_out_res_cnt": count,
                }
        raw = bytes(srp.Rsp.build(**fields))
        form, status, length = 1, 0, len(raw)
        if not sane:
            kind = rng.randrange(9)
            if kind == 0:
                raw = raw[: rng.choice((0, 16, 35))]
            elif kind == 1:
                raw = bytes((rng.choice((0xC0, 0, 2)),)) + raw[1:]
            elif kind == 2:
                raw = raw[:8] + bytes(8) + raw[16:]
            elif kind == 3:
                form, status = rng.choice((1, 2)), rng.choice((1, 2, 0x10, 0x55, 0x99))
            elif kind == 4:
                raw = raw[:18] + bytes((rng.randrange(64),)) + raw[19:]
            elif kind == 5:
                raw = (
                    raw[:24]
                    + struct.pack(">II", rng.choice((0, 4, 1 << 30)), rng.choice((0, 4, 100)))[:8]
                    + raw[32:]
                )
            elif kind == 6:
                raw = bytes(
                    srp.Rsp.build(
                        tag=tag, req_lim_delta=1, resp_data=rng.choice((b"\0\0\0\1", bytes(4), b"\1"))
                    )
                )
            elif kind == 7:
                length = rng.choice((len(raw), 256, 300, 36))
        self.answer(
            tag, raw, form=form, status=status, length=min(length, 0xFFFF) if sane or length else len(raw)
        )

    def logged_in(self, rng: Random, limit: int = 22) -> Machine:
        """All of the handshake with a server that is well."""
        self.opened()
        self.take(INIT_COMPLETE)
        for _ in range(4):
            if self.engine.state is State.LOGGED_IN:
                break
            for tag in sorted(self.open):
                if self.open[tag][2] == crq.Format.SRP:
                    self.answer(
                        tag,
                        bytes(
                            srp.LoginRsp.build(
                                tag=tag, req_lim_delta=limit, max_it_iu_len=256, max_ti_iu_len=256, buf_fmt=6
                            )
                        ),
                    )
                else:
                    self.respond(rng, tag, sane=True)
        return self


def handshakes(m: Machine, rng: Random, number: int) -> None:
    """The handshake with servers of all kinds."""
    m.opened()
    for _ in range(10):
        kind = rng.randrange(8)
        tag = m.some(rng)
        if kind < 4 and tag is not None:
            m.respond(rng, tag, sane=rng.randrange(4) != 0)
        elif kind < 6:
            m.take(rng.choice((INIT, INIT_COMPLETE, INIT_COMPLETE)))
        elif kind == 6:
            m.time(rng.choice((1, 61, 125)))
        else:
            m.submit(m.command(rng))
        m.act()
    m.did("closed", m.engine.closed)


def answers(m: Machine, rng: Random, number: int) -> None:
    """Commands of all kinds, and answers that are well or unwell, in any order."""
    m.logged_in(rng, rng.choice((2, 3, 4, 22)))
    sane = number % 3 == 0
    for _ in range(16):
        tag = m.some(rng)
        if rng.randrange(2) and tag is not None:
            m.respond(rng, tag, sane=sane or rng.randrange(3) != 0)
        else:
            m.submit(m.command(rng))
        m.act()
    for tag in sorted(m.open):
        if tag in m.open:
            m.respond(rng, tag, sane=True)


def given_up(m: Machine, rng: Random, number: int) -> None:
    """Aborts, time limits and what follows them, at every step."""
    m.logged_in(rng, rng.choice((3, 5, 22)))
    for _ in range(16):
        kind = rng.randrange(9)
        tag = m.some(rng)
        commands = [r for r in m.requests.values() if isinstance(r, Command)]
        if kind < 3:
            m.submit(m.command(rng))
        elif kind == 3 and commands:
            m.did("abort", m.engine.srp.abort, rng.choice(commands), m.now)
        elif kind == 4:
            task = rng.choice(commands) if commands and rng.randrange(2) else None
            function = FUNCTIONS[number % len(FUNCTIONS)]
            m.submit(TaskManagement(function, rng.choice((DISK, OTHER)), task, timeout=rng.choice((0, 3))))
        elif kind == 5:
            m.time(rng.choice((2, 6, 31, 130)))
        elif tag is not None:
            m.respond(rng, tag, sane=rng.randrange(4) != 0)
        m.act()
    m.time(500)
    m.did("closed", m.engine.closed)


def events(m: Machine, rng: Random, number: int) -> None:
    """Whatever a partner and a platform can do to a connection that works."""
    m.logged_in(rng)
    for _ in range(16):
        kind = rng.randrange(12)
        tag = m.some(rng)
        if kind < 3:
            m.submit(m.command(rng))
        elif kind < 5 and tag is not None:
            m.respond(rng, tag, sane=True)
        elif kind == 5:
            code = rng.choice((1, 2, 4, 6, 9, 10, 77))
            m.take(bytes(crq.Element.transport_event(code, rng.choice((0, 0, 0x10, 0x20)))))
        elif kind == 6:
            m.take(rng.choice((INIT, INIT_COMPLETE, bytes((0xC0, 9)).ljust(16, b"\0"))))
        elif kind == 7:
            m.take(
                rng.choice(
                    (
                        bytes(crq.Element.ping(crq.PingCode.PING)),
                        bytes(crq.Element.ping(crq.PingCode.PING_RESPONSE)),
                        bytes((0x80, 6, 0x77)).ljust(16, b"\0"),
                        bytes((0x80, 9)).ljust(16, b"\0"),
                        b"\x11" * 16,
                    )
                )
            )
        elif kind == 8:
            m.take(struct.pack(">BBBBHHQ", 0x80, 1, 0, 0, 0, 36, rng.choice((0, 1, 5, 0xFFFF, 0x10001))))
        elif kind == 9:
            m.sending = False
            m.submit(m.command(rng))
            if rng.randrange(2):
                m.submit(TaskManagement(srp.TskMgmtFunc.LUN_RESET, DISK, timeout=3))
            m.sending = True
            m.did("undelivered", m.engine.undelivered, m.now)
        elif kind == 10:
            m.did("host reset", m.engine.host_reset)
        else:
            m.time(rng.choice((0.05, 0.2, 1)))
        m.act()
    m.time(300)
    m.did("closed", m.engine.closed)


def limits(m: Machine, rng: Random, number: int) -> None:
    """More than there is room, segments or credit for; lending slots; values that fit no IU."""
    m.logged_in(rng, rng.choice((1, 2, 3, 40)))
    for _ in range(SLOTS + 4):
        m.submit(m.command(rng))
    m.submit(Command(DISK, bytes(6), data_in=[(DATA, 8)] * (SEGMENTS + 1)))
    m.submit(Command(DISK, bytes(6), data_in=[(1 << 64, 8)]))
    m.submit(Command(DISK, rng.randbytes(rng.choice((20, 32, 12))), data_out=[(DATA, 16)]))
    m.did("lend", m.engine.srp.lend, 4)
    for _ in range(40):
        tag = m.some(rng)
        if tag is None:
            break
        m.respond(rng, tag, sane=True)
    m.lines.append(f"= pending {m.engine.srp.pending}")
    if m.engine.state is State.LOGGED_IN and not m.engine.srp.pending:
        slots = m.engine.srp.lend(4)
        m.lines.append(f"= lent {len(slots)}")
        m.did("settle", m.engine.srp.settle, slots, m.engine.srp.serial + 9, m.engine.srp.credits)
        m.submit(m.command(rng))


def abandoned(m: Machine, rng: Random, number: int) -> None:
    """What a driver takes back or gives up, at every step; and what a server on another transport may ask."""
    m.logged_in(rng, rng.choice((1, 3, 22)))
    session = m.engine.srp
    for step in range(20):
        kind = rng.randrange(7)
        tag = m.some(rng)
        commands = [r for r in m.requests.values() if isinstance(r, Command)]
        if kind < 2 or not commands:
            m.submit(m.command(rng))
        elif kind == 2:
            m.did("give up", session.give_up, rng.choice(commands), m.now, TransportError("given up"))
        elif kind == 3:
            m.lines.append(f"= taken back {session.take_back(rng.choice(commands))}")
        elif kind == 4:
            asked = rng.choice(
                (
                    bytes(srp.CredReq.build(tag=step, req_lim_delta=rng.choice((0, 1, 3)))),
                    bytes(srp.AerReq.build(tag=step, req_lim_delta=1, lun=DISK, sense=bytes(18))),
                    bytes(srp.CredReq.build())[:15],
                    bytes(srp.Rsp.build(tag=step)),
                )
            )
            said = session.asked(asked)
            m.lines.append(f"= asked {asked[:1].hex()}: {said.hex() if said else said}")
        elif kind == 5 and rng.randrange(4) == 0:
            m.did("host reset", m.engine.host_reset)
            m.act()
            m.did("undelivered", m.engine.undelivered, m.now)
        elif tag is not None:
            m.respond(rng, tag, sane=rng.randrange(4) != 0)
        m.act()
    m.time(500)
    m.did("closed", m.engine.closed)


def with_data(m: Machine, rng: Random, number: int) -> None:
    """Data that goes in the IU of its command, and a largest command: what a link of another transport may have."""
    m.logged_in(rng)
    session, lent = m.engine.srp, memoryview(rng.randbytes(600))
    session.largest = 500
    session.memory.immediate = rng.choice((68, 80, 100))
    session.memory.near = lambda part: lent[: part[1]] if part[0] >= DATA else None
    for _ in range(12):
        sizes = [rng.choice((0, 1, 8, 60, 90, 160, 250)) for _ in range(rng.choice((1, 1, 2, 3)))]
        where = rng.choice((DATA, DATA, DATA, BASE))
        cdb = rng.randbytes(rng.choice((6, 10, 16, 32)))
        m.submit(Command(rng.choice((DISK, OTHER)), cdb, data_out=[(where, size) for size in sizes]))
        tag = m.some(rng)
        if tag is not None:
            m.respond(rng, tag, sane=rng.randrange(8) != 0)
        m.act()
    m.time(500)


def captured(m: Machine, rng: Random, number: int) -> None:
    """The commands that real drivers sent, and what real targets answered."""
    records = list(capture_records(CAPTURES[number % len(CAPTURES)]))
    m.logged_in(rng)
    last: dict[Any, bytes] = {}
    for record in records:
        if record["what"] != "iu":
            continue
        data = record["data"]
        if record["dir"] == "i2t":
            last[record["txn"]] = data
        elif data[:1] == bytes((srp.Opcode.RSP,)) and last.get(record["txn"], b"\0")[0] == srp.Opcode.CMD:
            view = srp.Cmd(last[record["txn"]])
            out, into = (
                [(DATA, desc.len)] if desc is not None else [] for desc in (view.data_out, view.data_in)
            )
            before = set(m.open)
            m.submit(Command(view.lun, bytes(view.cdb), out, into, block_size=512, timeout=30))
            for tag in sorted(set(m.open) - before):
                m.answer(tag, data[:8] + tag.to_bytes(8, "big") + data[16:])


FAMILIES: list[tuple[Callable[[Machine, Random, int], None], int, dict[str, Any]]] = [
    (handshakes, 150, {}),
    (handshakes, 25, {"fast_fail": False}),
    (handshakes, 25, {"client_reserve": False, "os_type": 3, "strict": True, "partition_name": "corpus"}),
    (answers, 200, {}),
    (answers, 50, {"strict": True}),
    (given_up, 240, {}),
    (events, 200, {}),
    (limits, 60, {}),
    (captured, len(CAPTURES), {}),
    (abandoned, 100, {}),
    (with_data, 40, {}),
]
"""Sequences, how many of each, and the options of the engine that they are played on."""


def sequences() -> list[tuple[str, Callable[[], list[str]]]]:
    """All of them, by name; each plays itself and returns its lines."""
    found: list[tuple[str, Callable[[], list[str]]]] = []
    names: Counter[str] = Counter()
    for family, count, given in FAMILIES:
        for _ in range(count):
            number = names[family.__name__]
            names[family.__name__] += 1

            def play(family: Any = family, number: int = number, given: dict[str, Any] = given) -> list[str]:
                machine = Machine(**given)
                family(machine, Random(f"{family.__name__} {number}"), number)
                return machine.lines

            found.append((f"{family.__name__} {number}", play))
    return found
