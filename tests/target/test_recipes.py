"""What CONTRIBUTING says of additions, done as it stands there."""

from __future__ import annotations

import contextlib
import errno
import importlib
import inspect
import logging
import os
import re
import sys
import textwrap
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from descriptors import none_left
from pysrp import fuzz, scsi, srp
from pysrp.backends import File, Ram
from pysrp.errors import SrpError, TransportError
from pysrp.fabric import Identity
from pysrp.fields import U8, U16, U32, U64, Flag, Raw
from pysrp.initiator import Aborted, LoginRejected, Options, srp_session
from pysrp.initiator.ius import IuMemory
from pysrp.initiator.requests import Command
from pysrp.lun import scst_pack
from pysrp.media import SCHEMES, open_medium
from pysrp.scsi import cdb as cdbs
from pysrp.scsi import data, params
from pysrp.scsi.codes import PeripheralDeviceType
from pysrp.scsi.params.base import ParameterData
from pysrp.scst import Tree, TreeError, targets
from pysrp.scst.grammar import within
from pysrp.scst.nodes import attribute, line
from pysrp.srp import LoginReq, SupportedFormats, TskMgmtFunc
from pysrp.target.answers import pack_command, pack_function
from pysrp.target.backend_medium import perform
from pysrp.target.data import DataMover
from pysrp.target.disk import Disk
from pysrp.target.effects import Fetch, Reply, Write
from pysrp.target.link import FOR_READING, FOR_WRITING, PENDING, Limits
from pysrp.target.login import Acquaintance, accept, refusal, reject
from pysrp.target.lunmap import LunMap
from pysrp.target.medium import Medium, MediumChannel, Operation
from pysrp.target.serve import MAX_CLIENTS, Server
from pysrp.target.srp_session import Channel, TargetSession
from pysrp.target.task import Nexus
from pysrp.target.unit import LogicalUnit, command, invalid
from pysrp.target.units.blocks import BlockUnit
from pysrp.target.workers import Pool
from target_rig import BLOCK, MIB, Rig, SlowRam
from unit_bench import Bench
from waiting import until

ROOT = Path(__file__).parents[2]
HALF = MIB // 2
FILES, LINES = 4, 31
"""How much an addition may take: files that its section names, and lines of code of a command or a device type."""


class Turn(cdbs.Cdb6, opcode=0xD4, name="TURN"):
    __slots__ = ()
    angle = U16(2)
    allocation_length = U8(4)


class Fill10(cdbs.Cdb10, opcode=0xD6, name="FILL(10)"):
    __slots__ = ()
    backwards = Flag(1, 3)
    lba = U32(2)
    number_of_logical_blocks = U16(7)


class Fill16(cdbs.Cdb16, opcode=0xD7, name="FILL(16)"):
    __slots__ = ()
    backwards = Flag(1, 3)
    random = Flag(1, 0)
    lba = U64(2)
    number_of_logical_blocks = U32(10)


IMPORTED = {
    "cdbs": cdbs, "MAX_CLIENTS": MAX_CLIENTS, "Cdb10": cdbs.Cdb10, "IU": srp.IU, "partial": partial, "perform": perform,
    "FOR_READING": FOR_READING, "FOR_WRITING": FOR_WRITING, "PENDING": PENDING, "Opcode": srp.Opcode, "srp_session": srp_session, "time": time,
} | {
    each.__name__: each
    for each in (
        BlockUnit, Fetch, File, Fill10, Fill16, LogicalUnit, Medium, MediumChannel, Operation, ParameterData, PeripheralDeviceType, Raw, Reply, SrpError,
        ThreadPoolExecutor, TransportError, Turn, U8, U16, U32, U64, Write, Acquaintance, Channel, DataMover, IuMemory, Limits, LoginReq, Nexus, Options, SupportedFormats, TargetSession,
        accept, attribute, command, invalid, line, refusal, reject, pack_command, pack_function, within,
    )
}  # fmt: skip
"""What the code there has at hand."""


def section(title: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return re.split(r"^## ", text.split(f"## {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def recipe(title: str, **more: Any) -> dict[str, Any]:
    """What the section's code defines; ``more`` is what it adds to."""
    code = "\n".join(line for line in section(title).splitlines() if line.startswith("    ") or not line)
    space: dict[str, Any] = IMPORTED | more
    exec(textwrap.dedent(code), space)
    return space


@pytest.fixture
def tests_own(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Any]:
    """A module of another folder of the tests."""

    def load(folder: str, name: str) -> Any:
        monkeypatch.syspath_prepend(ROOT / "tests" / folder)
        return importlib.import_module(name)

    return load


TITLES = re.findall(r"^## (A new .*)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("title", TITLES)
def test_an_addition_is_in_few_files(title: str) -> None:
    named = {each.rstrip("/") for each in re.findall(r"`((?:src|tests|examples)/[^` ]+)`", section(title))}
    assert len(named) <= FILES
    assert [each for each in named if not (ROOT / each).exists()] == []


@pytest.mark.parametrize("title", ["A new command of a unit", "A new device type"])
def test_an_addition_is_small(title: str) -> None:
    code = [line for line in section(title).splitlines() if line.startswith("    ")]
    assert 0 < len(code) <= LINES


def test_an_iu(tests_own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = tests_own("codec", "reference")
    for table in ("STRUCTURES", "CODES"):
        monkeypatch.setattr(reference, table, dict(getattr(reference, table)))
    own = recipe("A new IU", STRUCTURES=reference.STRUCTURES, CODES=reference.CODES)["Noop"]
    view = own.build(flags=3, tag=7, cookie=b"12345678")
    assert view.problems() == []
    assert type(srp.parse(bytes(view), strict=True)) is own
    assert reference.unpack("Noop", bytes(view)) == {
        "opcode": 0x3E,
        "flags": 3,
        "tag": 7,
        "cookie": b"12345678",
    }
    assert view.opcode == reference.CODES["Noop"]
    assert fuzz.valid(own, Random(1)).problems() == []


def test_a_cdb(tests_own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipe("A new SCSI command", DATA_IN=data.DATA_IN, LAYOUTS="")
    own, layouts = made["ReadSecret"], tests_own("scsi", "test_cdb")
    monkeypatch.setattr(scsi, "ReadSecret", own, raising=False)
    layout = layouts.Layout(*made["LAYOUTS"].split(":"))
    layouts.test_fields_overlap_nowhere_and_are_all_declared(layout)
    cdb = own.build(key=0x01020304, allocation_length=8)
    assert bytes(cdb) == layout.encode({"key": 0x01020304, "allocation_length": 8})
    assert type(scsi.parse_cdb(bytes(cdb))) is own
    assert (cdb.name, cdb.data_length(512)) == ("READ SECRET", 8)
    assert scsi.parse_data_in(cdb, bytes(7) + b"\1").secret == 1


def fill(**fields: Any) -> bytes:
    return bytes(Fill16.build(**fields))


def test_a_command_of_a_unit() -> None:
    part = recipe("A new command of a unit")["FillCommands"]

    class Own(part, Disk):  # type: ignore[misc, valid-type]
        pass

    ram = Ram(MIB)
    with Bench(Own(ram, "disk")) as bench:
        bench.good(fill(lba=2, number_of_logical_blocks=300), b"x" * BLOCK)
        assert bytes(ram.memory()[: 303 * BLOCK]) == bytes(2 * BLOCK) + b"x" * 300 * BLOCK + bytes(BLOCK)
        bench.good(Fill10.build(lba=2047), b"y" * BLOCK)
        assert bytes(ram.memory()[-2 * BLOCK :]) == bytes(BLOCK) + b"y" * BLOCK
        assert bench.bad(fill(lba=2048), b"z" * BLOCK) == (5, 0x21, 0)
        assert bench.bad(fill(), b"z" * (BLOCK - 1)) == (5, 0x24, 0)
        assert bench(fill(backwards=True)).pointer == (True, 1, 3)
        assert bench(fill(random=True)).pointer == (True, 1, 0)
        assert bench.bad(fill(), b"z" * BLOCK, read_only=True) == (7, 0x27, 0)
        asked = cdbs.ReportSupportedOperationCodes.build(
            reporting_options=1, requested_operation_code=0xD7, allocation_length=64
        )
        assert params.SupportedCommand(bench.good(asked)).support == 3
        listed = [entry.cdb for entry in Disk.commands]
        assert Fill16 not in listed


def test_a_command_of_a_unit_is_aborted_between_its_steps() -> None:
    part = recipe("A new command of a unit")["FillCommands"]
    kind: Any = type("Own", (part, Disk), {})
    slow = SlowRam(MIB)
    pool = Pool()
    rig = Rig(LunMap([(0, kind(slow, "disk"))]), workers=pool)
    try:
        client = rig.login()
        client.poke(b"x" * BLOCK)
        tag = client.cmd(0, fill(), data_out=(client.data(), BLOCK))
        rig.run()
        assert slow.started.acquire(timeout=60)
        managed = client.manage(0, TskMgmtFunc.ABORT_TASK, tag)
        rig.run()
        assert bytes(client.answer(managed).resp_data) == bytes(4)
        slow.gate.set()
        assert pool.drain(timeout=60)
        rig.run()
        assert not client.answers
        assert bytes(slow.memory()) == b"x" * 256 * BLOCK + bytes(MIB - 256 * BLOCK)
    finally:
        slow.gate.set()
        rig.close()


def test_a_device_type() -> None:
    table = recipe("A new device type")["Turntable"]("table")
    rigs = [Rig(LunMap([(3, table)])) for _ in range(2)]
    try:
        for rig in rigs:
            rig.login()
        first, other = (rig.client for rig in rigs)

        def run(rig: Rig, raw: bytes, room: int) -> tuple[int, bytes]:
            rig.client.poke(bytes(room))
            tag = rig.client.cmd(3, raw, data_in=(rig.client.data(), room))
            rig.run()
            return rig.client.answer(tag).status, rig.client.peek(room)

        turn = bytes(Turn.build(angle=300, allocation_length=3))
        assert run(rigs[0], turn, 3) == (0, b"300")
        assert run(rigs[1], turn, 3) == (0, b"240")
        assert run(rigs[0], bytes(cdbs.Inquiry.build(allocation_length=5)), 5)[1][0] == table.device_type
        managed = first.manage(3, TskMgmtFunc.LUN_RESET)
        for rig in (*rigs, rigs[0]):
            rig.run()
        assert bytes(first.answer(managed).resp_data) == bytes(4)
        assert run(rigs[1], turn, 3)[0] == 2, "29/00"
        assert run(rigs[1], turn, 3) == (0, b"300")
        assert not other.answers
    finally:
        for rig in rigs:
            rig.close()


def test_a_transport() -> None:
    """Both ends: its memory is reached where that is over at once, and copied for a backend that hangs."""
    far = memoryview(bytearray(MIB))
    made = recipe("A new transport")
    inbox: deque[Callable[[], None]] = deque()
    pool, slow = Pool(), SlowRam(MIB)
    slow.gate.set()
    luns = LunMap([(256, Disk(Ram(MIB))), (512, Disk(slow))])
    link: Any = made["Loopback"](far, luns, inbox.append, pool)
    caller: Any = made["Caller"](far, logging.LoggerAdapter(logging.getLogger("pysrp.initiator"), {}))

    def turn() -> None:
        while inbox:
            inbox.popleft()()
        while caller.sent:
            link.arrived(caller.sent.pop(0))
        while link.sent:
            caller.arrived(link.sent.pop(0))

    def submit(lun: int, cdb: bytes, **where: Any) -> Command:
        command = Command(scst_pack(lun, "LUN"), cdb, **where)
        caller.session.submit(command, time.monotonic())
        turn()
        return command

    def run(lun: int, cdb: bytes, **where: Any) -> Command:
        command = submit(lun, cdb, **where)
        until(lambda: (turn(), command.ended)[1])
        assert command.error is None
        return command

    turn()
    write, read = bytes.fromhex("2a000000000300000200"), bytes.fromhex("28000000000300000200")
    data, into, other = HALF, HALF + 8192, HALF + 16384
    for lun in (256, 512):
        far[data : data + 1024] = bytes(range(256)) * 4
        assert run(lun, bytes(6)).status == 2, "29/00"
        assert run(lun, write, data_out=[(data, 100), (data + 100, 924)]).status == 0
        assert run(lun, read, data_in=[(into, 1000), (other, 24)]).status == 0
        assert far[into : into + 1000] == far[data : data + 1000]
        assert far[other : other + 24] == far[data + 1000 : data + 1024]
        assert run(lun, read, data_in=[(MIB - 1, 1024)]).status == 2
        assert run(lun, read, data_in=[(into, 1024)]).status == 0
    assert run(256, bytes.fromhex("120000002400"), data_in=[(into, 36)]).status == 0
    assert bytes(far[into + 8 : into + 12]) == b"IBM "

    slow.gate.clear()
    hung = submit(512, read, data_in=[(into, 1024)])
    function = caller.session.abort(hung, time.monotonic())
    turn()
    assert isinstance(hung.error, Aborted)
    assert function.code == 0
    slow.gate.set()

    session = link.channel.session
    with pytest.raises(SrpError, match="opcode"):
        link.arrived(bytes(srp.CredRsp.build()))
    assert link.channel.outstanding == 0
    session.drop(link.channel)
    session.end()


def test_a_transport_refuses_a_login() -> None:
    made = recipe("A new transport")
    far = memoryview(bytearray(MIB))
    link: Any = made["Loopback"](far, LunMap(), [].append)
    caller: Any = made["Caller"](far, logging.LoggerAdapter(logging.getLogger("pysrp.initiator"), {}))
    iu = srp.LoginReq(bytearray(caller.sent.pop()))
    iu.req_it_iu_len = 1024
    link.arrived(bytes(iu))
    with pytest.raises(LoginRejected):
        caller.arrived(link.sent.pop())


def test_a_file_of_the_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    title = "A new file in SCST's tree"
    own = type(
        "Own", (targets.Target,), {k: v for k, v in recipe(title).items() if k.startswith("max_clients")}
    )
    monkeypatch.setattr(targets, "Target", own)
    luns = LunMap()
    with (
        contextlib.closing(Tree()) as tree,
        Server(f"unix:{tmp_path}/srp", luns, enabled=False) as server,
    ):
        path = f"targets/ibmvstgt/{tree.add_target(server, luns, Identity())}/max_clients"
        assert tree.read(path) == f"{MAX_CLIENTS}\n"
        with pytest.raises(TreeError) as caught:
            tree.write(path, "0")
        assert caught.value.errno == errno.EINVAL
        tree.write(path, "0x10\n")
        assert server.max_clients == 16
        assert tree.read(path) == "16\n[key]\n"


def test_a_medium(tmp_path: Path, tests_own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps the contract, has a URL, and serves a disk that outlives one of its files."""
    suite, kind = tests_own("target", "test_media"), recipe("A new medium")["Mirror"]

    def make(name: str) -> Any:
        return kind(suite.SIZE, tmp_path / f"{name} 1", tmp_path / f"{name} 2")

    kept = 0
    for name, test in inspect.getmembers(suite, inspect.isfunction):
        wanted = inspect.signature(test).parameters.keys()
        if name.startswith("test_") and wanted and wanted <= {"user", "medium"}:
            medium = make(name)
            given = {"user": suite.User(medium), "medium": medium}
            with contextlib.suppress(pytest.skip.Exception):  # what this medium has not
                test(**{each: given[each] for each in wanted})
                kept += 1
            medium.close()
    assert kept > 6
    (tmp_path / "held 2").mkdir()
    with none_left():
        make("free").close()
        with pytest.raises(IsADirectoryError) as caught:
            make("held")
        del caught
        make("free").close()

    opener = lambda text, *, read_only: make(text)
    monkeypatch.setattr(sys.modules[__name__], "open_mirror", opener, raising=False)
    monkeypatch.setitem(SCHEMES, "mirror", f"{__name__}.open_mirror")
    medium: Any = open_medium("mirror:disk")
    assert isinstance(medium, kind)
    rig = Rig(LunMap([(0, Disk(medium, "mirror"))]))
    try:
        client = rig.login()

        def run(opcode: int, **data: Any) -> int:
            tag = client.cmd(0, bytes((opcode, 0, 0, 0, 0, 3, 0, 0, 1, 0)), **data)
            rig.settle(lambda: bool(client.answers))
            return int(client.answer(tag).status)

        client.poke(b"m" * BLOCK)
        assert run(0x2A, data_out=(client.data(), BLOCK)) == 0
        os.truncate(tmp_path / "disk 1", 0)
        client.poke(bytes(BLOCK))
        assert run(0x28, data_in=(client.data(), BLOCK)) == 0
        assert client.peek(BLOCK) == b"m" * BLOCK
        os.truncate(tmp_path / "disk 2", 0)
        assert run(0x28, data_in=(client.data(), BLOCK)) == 2
    finally:
        rig.close()
        medium.close()
