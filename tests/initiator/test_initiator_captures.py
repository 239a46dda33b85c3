"""A session against QEMU's side of the captures, compared with what a real Linux driver sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from captured_server import CapturedServer, Exchange, commands, exchanges
from captures import VECTORS, capture_records
from initiator_bench import BASE, Bench
from pysrp import crq, mad, srp
from pysrp.errors import CheckCondition
from pysrp.fabric import Identity
from pysrp.fabric.local import pair
from pysrp.initiator.requests import Command
from pysrp.initiator.session import Options, Session
from pysrp.lun import Hctl, Lun
from waiting import PATIENCE

DISK = Lun("8100")


@contextmanager
def against(
    *names: str, identity: Identity | None = None, **options: object
) -> Iterator[tuple[Session, CapturedServer]]:
    """A session that has logged in to a captured QEMU."""
    client, port = pair(identity, window_size=64 << 20)
    server = CapturedServer(port, *names)
    server.start()
    try:
        with client, Session(client, options=Options(**options) if options else None) as session:  # type: ignore[arg-type]
            yield session, server
    finally:
        client.close()
        server.join(PATIENCE)
    assert server.error is None


def sent(server: CapturedServer) -> list[Exchange]:
    """What the session sent, as exchanges without answers."""
    return [Exchange(element, iu) for element, iu in server.seen]


def blank(iu: bytes, *parts: tuple[int, int]) -> bytes:
    """An IU without its tag and other parts that every initiator chooses for itself."""
    data = bytearray(iu)
    for at, length in ((8, 8), *parts):
        data[at : at + length] = bytes(length)
    return bytes(data)


def head(element: bytes) -> bytes:
    """An element without the address."""
    return element[:8]


@pytest.mark.parametrize("name", ["boot_login_named", "os3_boot_login"])
def test_the_handshake_is_linuxs(name: str) -> None:
    """Elements and IUs field by field; what differs is addresses, tags and who we are."""
    own = Identity(unit_address=0x71000002, partition_name="lparA", location_code="71000002")
    linux = [e for e in exchanges(name) if e.iu[0] == 0]
    with against(name, identity=own) as (session, server):
        assert session.connected
        ours = sent(server)
        assert ours[0].element == b"\xc0\x01".ljust(16, b"\0")
        assert session.server is not None
        assert session.server.max_transfer == 2 << 20
        assert session.server.partition_name == "qemu"
        assert session.engine.srp.credits == 22
    assert len(ours) == 1 + len(linux) == (3 if name == "boot_login_named" else 5)
    for mine, his in zip(ours[1:], linux, strict=True):
        assert head(mine.element) == head(his.element)
        if mine.element[1] == crq.Format.MAD:
            # Behind the datagram Linux leaves what was there before.
            assert blank(mine.iu[:24], (16, 8)) == blank(his.iu[:24], (16, 8))
        else:
            assert blank(mine.iu) == blank(his.iu)


def test_adapter_info_is_linuxs() -> None:
    own = Identity(partition_name="lparA")
    records = capture_records(VECTORS / "captures" / "boot_login_named.jsonl")
    (record,) = [r["data"] for r in records if r["dir"] == "i2t" and r["note"].startswith("adapter_info")]
    with against("boot_login_named", identity=own) as (_, server):
        assert server.infos == [record]
    assert mad.AdapterInfoData(record).partition_number == 0xFFFFFFFF


def test_scan_finds_what_linux_found() -> None:
    with against("boot_login") as (session, server):
        before = len(server.seen)
        devices = session.scan()
        ours = sent(server)[before:]
    assert [(d.hctl, str(d.lun)[:4], d.type) for d in devices] == [
        (Hctl(0, 1, 0), "8100", 0), (Hctl(0, 1, 3), "8103", 0), (Hctl(1, 2, 0), "8220", 0),
        (Hctl(2, 3, 0), "8340", 5),
    ]  # fmt: skip
    assert {(d.vendor, d.revision) for d in devices} == {("QEMU", "2.5+")}
    assert [d.product for d in devices] == ["QEMU HARDDISK"] * 3 + ["QEMU CD-ROM"]
    # Linux's commands of the same kind, in its order, are ours; the file has dropped those of absent units.
    linux = {e.key: e for e in commands("boot_login") if e.iu[32] in (0x12, 0xA0) and not e.iu[33] & 1}
    mine = {e.key: e for e in ours}
    assert set(linux) <= set(mine)
    order = [key for key in mine if key in linux]
    assert order == list(linux)
    for key, his in linux.items():
        assert blank(mine[key].iu, (48, 8)) == blank(his.iu, (48, 8))
        assert head(mine[key].element) == head(his.element)


def test_a_small_scan_asks_little() -> None:
    with against("boot_login") as (session, server):
        before = len(server.seen)
        assert [d.hctl for d in session.scan(channels=[0], ids=[1])] == [Hctl(0, 1, 0), Hctl(0, 1, 3)]
        assert len(server.seen) - before == 3


def test_what_the_units_are() -> None:
    with against("boot_login", "inquiry_vpd", "readcap_modes_luns") as (session, _):
        for device, size in zip(session.scan(), (512, 512, 4096), strict=False):
            assert device.capacity().block_size == size
        result = session.execute(DISK, bytes.fromhex("120180000e00"), data_in_length=14)
        assert result.data == b"\0\x80\0\x0aLABSER0001"


def test_reads_are_linuxs() -> None:
    """Small reads by direct descriptors: IU, element and data."""
    reads = [
        e for e in commands("readwrite_small") if e.iu[32] in (0x28, 0x88) and e.stored and e.answer[19] == 0
    ]
    assert reads
    with against("boot_login", "readwrite_small") as (session, server):
        for his in {e.key: e for e in reads}.values():
            cmd = srp.Cmd(his.iu)
            timeout = crq.Element(his.element).timeout
            length = cmd.data_in.len
            result = session.execute(cmd.lun, bytes(cmd.cdb), data_in_length=length, timeout=timeout)
            assert result.data == b"".join(r["data"] for r in his.stored)
            mine = sent(server)[-1]
            assert blank(mine.iu, (48, 8)) == blank(his.iu, (48, 8))
            assert head(mine.element) == head(his.element)


@pytest.mark.parametrize("name", ["readwrite_sg", "readwrite_small", "errors_sense", "residuals"])
def test_command_ius_are_linuxs(name: str) -> None:
    """Every captured command, made by our engine of the same segments: equal but for tag and places."""
    count = 0
    for his in commands(name):
        cmd = srp.Cmd(his.iu)
        element = crq.Element(his.element)
        place = element.IU_data_ptr
        tables = {int(r["addr"], 16): r["data"] for r in his.fetched if len(r["data"]) == 16}
        data: dict[str, list[tuple[int, int]]] = {}
        for direction in "data_out", "data_in":
            desc = getattr(cmd, direction)
            if isinstance(desc, srp.IndirectBuf):
                inline = [(d.va, d.len) for d in desc.desc_list]
                total = desc.table_desc.len // 16
                for i in range(len(inline), total):
                    entry = srp.DirectBuf(tables[desc.table_desc.va + 16 * i])
                    inline.append((entry.va, entry.len))
                data[direction] = inline
            elif desc is not None:
                data[direction] = [(desc.va, desc.len)]
        bench = Bench(segments=64).login()
        bench.engine.srp.submit(Command(cmd.lun, bytes(cmd.cdb), timeout=element.timeout, **data), bench.now)  # type: ignore[arg-type]
        mine = crq.Element(bench.engine.output[0])
        iu = bytes(bench.one(srp.Cmd))
        assert head(bytes(mine)) == head(his.element)
        desc = cmd.data_out or cmd.data_in
        if isinstance(desc, srp.IndirectBuf):
            ours = srp.Cmd(iu)
            table = (ours.data_out or ours.data_in).table_desc.va
            if desc.table_desc.va == place + 68:
                assert table == mine.IU_data_ptr + 68
            else:
                assert BASE <= table < BASE + len(bench.memory)
            assert blank(iu, (48, 8)) == blank(his.iu, (48, 8))
        else:
            assert blank(iu) == blank(his.iu)
        count += 1
    assert count > 5


def test_task_management_is_linuxs() -> None:
    linux = [e for e in exchanges("tskmgmt") if e.iu[0] == srp.Opcode.TSK_MGMT]
    with against("boot_login") as (session, server):
        for his in linux:
            session.lun_reset(srp.TskMgmt(his.iu).lun)
            mine = sent(server)[-1]
            assert blank(mine.iu[:48]) == blank(his.iu[:48])
            assert head(mine.element) == head(his.element)


def test_host_reset_is_linuxs() -> None:
    with against("boot_login") as (session, server):
        before = len(server.seen)
        session.host_reset()
        ours = sent(server)[before:]
        assert session.engine.logins == 2
    kinds = [e.element[:2] for e in ours]
    assert kinds == [b"\xc0\x01", b"\x80\x02", b"\x80\x01"]


def test_qemus_errors_are_raised() -> None:
    with against("boot_login") as (session, _):
        with pytest.raises(CheckCondition, match="REPORT LUNS: CHECK CONDITION: ILLEGAL REQUEST") as found:
            session.execute(Lun("8500"), bytes.fromhex("a00000000000000010000000"), data_in_length=4096)
        assert found.value.sense[:3] == b"\xf0\0\5"
        result = session.execute(
            Lun("8500"), bytes.fromhex("a00000000000000010000000"), data_in_length=4096, check=False
        )
        assert result.status == 2
