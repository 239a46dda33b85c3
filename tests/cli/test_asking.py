"""``pysrp vpd``, ``modes``, ``opcodes``, ``persist`` and their like, against a real target; and nodes of this machine."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click")

import click
from click.testing import Result

from command_runner import CommandRunner
from pysrp import cli, scsi, sg
from pysrp.backends import Ram
from pysrp.cli import asking, common, decode, initiator, listing, persist
from pysrp.errors import CheckCondition, ConfigError, ReservationConflict, TransportError
from pysrp.initiator import outcomes
from pysrp.scsi.codes import PeripheralDeviceType
from pysrp.scsi.sense import sense
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from pysrp.target.unit import LogicalUnit
from sg_rig import Sysfs

_names = itertools.count()


class Tape(LogicalUnit):
    """Something without blocks."""

    device_type = PeripheralDeviceType.SEQUENTIAL_ACCESS


Ask = Callable[..., Result]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Two disks, a tape and a thin disk."""
    disks = [
        (256, Disk(Ram(8 << 20), "a")),
        (512, Disk(Ram(6 << 20), "b", block_size=4096)),
        (768, Tape("t")),
        (1024, ThinDisk(Ram(2 << 20), "thin")),
    ]
    with Server(f"local:asking{next(_names)}", LunMap(disks)) as server:
        yield server.url


@pytest.fixture
def ask(url: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Run a command in this process; it has to succeed."""
    monkeypatch.setenv("PYSRP_SERVER", url)

    def run(command: click.Command, *words: object, exits: int = 0, **more: Any) -> Result:
        result = CommandRunner().invoke(command, list(map(str, words)), **more)
        if exits == 0 and result.exception is not None:
            raise result.exception
        assert result.exit_code == exits, result.output
        return result

    return run


def test_another_host_is_not_this_one(ask: Ask) -> None:
    for command in asking.vpd, asking.inq:
        with pytest.raises(ConfigError, match="7:0:1:0: this is host 0; 'pysrp lsscsi'"):
            ask(command, "7:0:1:0")
        ask(command, "0:0:1:0")
        ask(command, "--host", 7, "7:0:1:0")


def test_one_table_of_commands() -> None:
    """Each is there, and its help has an example that names it."""
    import importlib

    for name, (module, attribute, _) in cli.COMMANDS.items():
        command = getattr(importlib.import_module(module), attribute)
        text = (
            CommandRunner().invoke(command, ["--help"]).output if isinstance(command, click.Command) else ""
        )
        if isinstance(command, common.DeviceCommand):
            assert f"pysrp {name} " in text, name
            assert "/dev/sg0" in text or name == "write", name


# What a device is.


def test_vpd(ask: Ask) -> None:
    rows = ask(asking.vpd, 1).output.splitlines()
    assert "83  di     Device identification" in rows
    assert "b0  bl     Block limits" in rows
    listed = json.loads(ask(asking.vpd, 1, "--json").output)
    assert {"page": 0x80, "short": "sn", "name": "Unit serial number"} in listed
    assert json.loads(ask(asking.vpd, 1, "-p", "bl", "--json").output)["page_code"] == 0xB0
    assert "medium_rotation_rate" in ask(asking.vpd, 1, "-p", "0xb1").output
    assert "VDASD" in ask(asking.vpd, 1, "-p", "sinq").output
    every = json.loads(ask(asking.vpd, 1, "-a", "--json").output)
    assert [each["page_code"] for each in every] == [row["page"] for row in listed]
    assert ask(asking.vpd, 1, "-a").output.count(" page_code ") == len(listed)
    assert ask(asking.vpd, 1, "-a", "-H").output.count("\n") == len(listed)
    page = ask(asking.vpd, 1, "-p", "di", "-r").stdout_bytes
    assert scsi.parse_vpd(page).page_code == 0x83
    assert bytes.fromhex(ask(asking.vpd, 1, "-p", "di", "-H").output) == page
    assert bytes.fromhex(ask(asking.vpd, 1, "-H").output)[4:] == bytes(row["page"] for row in listed)


def test_modes(ask: Ask) -> None:
    assert "CachingPage" in ask(asking.modes, 1).output
    found = json.loads(ask(asking.modes, 1, "-p", "ca", "--json").output)
    assert [page["class"] for page in found["pages"]] == ["CachingPage"]
    assert found["block_descriptors"]
    assert "block_descriptors" not in json.loads(ask(asking.modes, 1, "-p", "8", "-d", "--json").output)
    six = bytes.fromhex(ask(asking.modes, 1, "-6", "-p", "0x8,0", "-H").output)
    assert scsi.parse_mode6(six).pages[0].page_code == 8
    values = [ask(asking.modes, 1, "-p", "co", "-c", n, "-H").output for n in (0, 1, 2)]
    assert values[0] == values[2] != values[1]
    with pytest.raises(CheckCondition, match="Saving parameters not supported"):
        ask(asking.modes, 1, "-c", 3)


def test_opcodes(ask: Ask) -> None:
    rows = ask(asking.opcodes, 1).output.splitlines()
    assert "28         10  READ(10)" in rows
    assert "9e    10   16  READ CAPACITY(16)" in rows
    listed = json.loads(ask(asking.opcodes, 1, "-R", "--json").output)
    assert {"opcode": 0x28, "service_action": None, "cdb_length": 10, "name": "READ(10)"}.items() <= listed[
        [each["opcode"] for each in listed].index(0x28)
    ].items()
    assert "nominal_seconds" in listed[0]
    assert re.search(r"READ\(10\)  \d+ s, \d+ s", ask(asking.opcodes, 1, "--rctd").output)
    assert json.loads(ask(asking.opcodes, 1, "-o", "28", "--json").output)["support"] == 3
    assert json.loads(ask(asking.opcodes, 1, "-o", "0x9e,10", "--json").output)["cdb_size"] == 16
    functions = json.loads(ask(asking.opcodes, 1, "-t", "--json").output)
    assert {name for name in functions if functions[name]} == {"ats", "atss", "ctss", "lurs"}
    assert scsi.SupportedCommands(bytes.fromhex(ask(asking.opcodes, 1, "-H").output)).commands
    with pytest.raises(ConfigError, match="'read' is no command; write 28, or 9e,10"):
        ask(asking.opcodes, 1, "-o", "read")


def test_sense(ask: Ask) -> None:
    assert ask(asking.sense, 1).output.startswith("NO SENSE")
    assert json.loads(ask(asking.sense, 1, "--json").output)["response_code"] == 0x70
    assert json.loads(ask(asking.sense, 1, "-d", "--json").output)["response_code"] == 0x72


def test_luns(ask: Ask) -> None:
    assert ask(asking.luns, 1, "-q").output.split() == [f"8{n}00000000000000" for n in (1, 2, 3, 4)]
    assert ask(asking.luns, 1, "--linux").output.splitlines()[0].endswith(f"  {0x8100}")
    assert json.loads(ask(asking.luns, 1, "--select", 2, "--json").output)[0] == "8100000000000000"
    with pytest.raises(ConfigError, match="--select 256: from 0 to 255"):
        ask(asking.luns, 1, "--select", 256)


def test_logs(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a unit whose LOG SENSE is answered here, as far as ours has none."""
    pages = {
        0x00: scsi.SupportedLogPages.build(page_code=0, supported_page_list=bytes((0, 0x0D, 0x30))),
        0x0D: scsi.LogPageData.build(
            page_code=0x0D, parameters=[{"parameter_code": 0, "parameter_value": b"\0\x19"}]
        ),
        0x30: scsi.LogPageData.build(
            page_code=0x30,
            parameters=[{"parameter_code": n, "parameter_value": bytes(200)} for n in range(30)],
        ),
    }
    execute = asking.Device.execute

    def answer(self: Any, cdb: Any, **more: Any) -> Any:
        if not isinstance(cdb, scsi.LogSense):
            return execute(self, cdb, **more)
        data = bytes(pages[int(cdb.page_code)])[: cdb.allocation_length]
        return execute(self, scsi.TestUnitReady.build(), retries=3)._replace(data=data)

    monkeypatch.setattr(asking.Device, "execute", answer)
    assert ask(asking.logs, 1).output.splitlines() == [
        "00  sp    Supported log pages",
        "0d  temp  Temperature",
        "30        ?",
    ]
    assert json.loads(ask(asking.logs, 1, "--json").output)[1] == {
        "page": 0x0D, "short": "temp", "name": "Temperature",
    }  # fmt: skip
    assert bytes.fromhex(ask(asking.logs, 1, "-H").output) == bytes(pages[0])
    assert "parameter_value" in ask(asking.logs, 1, "-p", "temp").output
    assert ask(asking.logs, 1, "-p", "30", "-r").stdout_bytes == bytes(pages[0x30]), "longer than 4 KiB"
    assert len(json.loads(ask(asking.logs, 1, "-a", "--json").output)) == 3


@pytest.mark.parametrize("text", ["zz", "100", "ca,", "ca,zz", "", "-1", "8,100", "lbp,2"])
def test_what_is_no_page(text: str) -> None:
    with pytest.raises(
        ConfigError, match="is no page; write it in hexadecimal, such as 3f, or as one of rw, dr"
    ):
        asking.page_of(text, asking.MODES, 0x3F)
    assert asking.page_of("0x1c,0a", asking.MODES) == (0x1C, 0x0A)
    assert asking.page_of("1Ch", asking.MODES) == (0x1C, 0)
    assert asking.page_of("lbp", asking.MODES, 0x3F) == (0x1C, 2)
    assert asking.named(scsi.VpdPage, 0xDD) == "?"


def test_bytes_are_kept_from_a_terminal(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "terminal", lambda file: True)
    said = ask(asking.vpd, 1, "-p", "di", "--raw", exits=2)
    assert "these are bytes: take --hex" in said.output


@pytest.mark.parametrize(
    ("command", "page", "said"),
    [
        (asking.inq, "99", "byte 2 of the CDB; its VPD pages are 00, 80, 83, "),
        (asking.vpd, "99", "byte 2 of the CDB; its VPD pages are 00, 80, 83, "),
        (asking.modes, "2a", "byte 2, bit 5 of the CDB; its mode pages are 01, 08, 0a, 1a, 1c$"),
        (asking.logs, "33", "byte 2, bit 5 of the CDB; its log pages are 00, 00,ff, "),
    ],
)
def test_a_page_that_is_not_there(ask: Ask, command: click.Command, page: str, said: str) -> None:
    with pytest.raises(CheckCondition, match=f"ILLEGAL REQUEST, Invalid field in cdb: {said}") as found:
        ask(command, 1, "-p", page)
    assert scsi.parse_sense(found.value.sense).sks.c_d


@pytest.mark.parametrize("page", ["ca", "3f", "3f,ff", "08,ff"])
def test_a_page_that_is_there(ask: Ask, page: str) -> None:
    """Or all of them; it is not for want of a page that its saved values are refused."""
    with pytest.raises(CheckCondition, match="Saving parameters not supported: byte 2, bit 7 of the CDB$"):
        ask(asking.modes, 1, "-p", page, "-c", "3")


def test_what_else_fails_is_no_missing_page(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a list that cannot be had hide what was wrong."""

    def refused(key: int, text: str) -> CheckCondition:
        return CheckCondition(text, status=2, sense=bytes(sense(key, 0x24, 0)))

    asked: list[int | None] = []

    def inquiry(self: Any, vpd: int | None = None) -> Any:
        asked.append(vpd)
        raise refused(4 if vpd == 0x83 else 5, f"page {vpd}")

    monkeypatch.setattr(asking.Device, "inquiry", inquiry)
    for page in 0x83, 0x80:
        with pytest.raises(CheckCondition, match=f"^page {page}$"):
            ask(asking.vpd, 1, "-p", f"{page:x}")
    assert asked == [0x83, 0x80, 0]


@pytest.mark.parametrize(
    ("command", "residual", "overflow", "room", "length", "said"),
    [
        (scsi.Read10.build(transfer_length=2), 0, 1024, 0, 0, "1024 bytes came: -r 1024 takes them all"),
        (scsi.Read10.build(transfer_length=2), 0, 512, 512, 0, "1024 bytes came: -r 1024 takes them all"),
        (scsi.Write10.build(transfer_length=2), 0, 512, 0, 512, "1024 bytes were wanted; -i has 512"),
        (scsi.Write10.build(transfer_length=1), 512, 0, 0, 1024, "512 bytes moved, of 1024"),
        (
            scsi.Inquiry.build(allocation_length=96),
            0,
            0,
            0,
            0,
            "up to 96 bytes had no room: -r BYTES takes them",
        ),
        (scsi.Inquiry.build(allocation_length=96), 0, 0, 36, 0, ""),
        (scsi.Write10.build(transfer_length=0), 0, 0, 0, 0, ""),
        (b"\xc0" + bytes(5), 0, 0, 0, 0, ""),
        (b"\x28" + bytes(5), 0, 0, 0, 0, ""),
    ],
)
def test_what_raw_says_of_a_transfer(
    command: Any, residual: int, overflow: int, room: int, length: int, said: str
) -> None:
    """Targets tell of what had no room, but ours not to Linux."""
    result = outcomes.Result(0, b"", b"", residual, overflow)
    assert initiator.moved(bytes(command), result, room, length) == said


def test_readcap_of_what_is_thin(ask: Ask) -> None:
    assert ask(asking.readcap, 4).output.splitlines() == [
        "4096 blocks of 512 bytes: 2097152 bytes",
        "thin (LBPME 1): blocks can be given back, and then read as zeros (LBPRZ 1)",
    ]
    told = json.loads(ask(asking.readcap, 4, "--json").output)
    assert (told["lbpme"], told["lbprz"]) == (True, True)
    assert ask(asking.readcap, 1).output == "16384 blocks of 512 bytes: 8388608 bytes\n"


# Reservations.


def test_persist(ask: Ask) -> None:
    def run(*words: object, **more: Any) -> Any:
        said = ask(persist.persist, 2, "--unit-address", "30000002", *words, "--json", **more).output
        return json.loads(said) if said.startswith("{") else said

    assert run()["prgeneration"] >= 0
    with pytest.raises(ConfigError, match="add --unit-address 30000002, the same each time"):
        ask(persist.persist, 2, "--register", "-S", "abc")
    run("--register", "-S", "abc")
    assert run("-k")["key_list"][0]["reservation_key"] == "0xabc"
    with pytest.raises(ConfigError, match="--reserve wants --prout-type"):
        run("-R", "-K", "abc")
    assert run("-R", "-K", "abc", "-T", 5)["reservations"][0]["type"] == 5
    assert run("-r")["reservations"][0]["type"] == 5
    assert "ptpl_c" in ask(persist.persist, 2, "-c").output
    assert run("--read-full-status")["descriptors"][0]["r_holder"] is True
    with pytest.raises(ReservationConflict):
        run("--release", "-K", "dead", "-T", 5)
    run("-I", "-S", "abe", "-Y")
    run("-C", "-K", "abe")
    assert "key_list" not in run("-k")
    assert "one action at a time, not --register and --reserve" in run("-G", "-R", exits=2)
    for key in ("xyz", "1" + 16 * "0"):
        assert "is no key" in run("-K", key, exits=2)
    assert "it is hexadecimal" in ask(asking.readcap, 1, "--unit-address", "x", exits=2).output


# Lists.


def test_lsscsi(ask: Ask) -> None:
    plain = ask(listing.lsscsi).output.splitlines()
    assert plain[0].split() == ["[0:0:1:0]", "disk", "IBM", "VDASD", "blkdev", "0001", "-"]
    assert plain[2].split()[1] == "tape"
    sized = ask(listing.lsscsi, "--size", "-i").output.splitlines()
    assert sized[0].endswith("  8.39MB")
    assert re.search(r" 2[0-9a-f]{16} ", sized[0])
    assert sized[2].endswith(" -")
    named = ask(listing.lsscsi, "-u", "-t", "-g").output.splitlines()
    assert re.search(r"disk    srp \(vscsi\) +eui\.[0-9a-f]{16} +-  -$", named[0])
    entry = json.loads(ask(listing.lsscsi, "--json", "--size", "-iut").output)
    assert entry[0]["size"] == 8 << 20
    assert entry[2]["size"] is None
    assert entry[0]["scsi_id"] == "2" + entry[0]["unit_name"].removeprefix("eui.")
    assert entry[0]["transport"] == "srp (vscsi)"


def test_every_type_has_a_word() -> None:
    assert set(listing.TYPES) == set(PeripheralDeviceType)
    assert max(map(len, listing.TYPES.values())) == 7, "the column's width"


@pytest.mark.parametrize(
    ("size", "text"),
    [(512, "512B"), (1474560, "1.47MB"), (10**12, "1TB"), (123 << 50, "138PB"), (10**21, "1000000PB")],
)
def test_sizes(size: int, text: str) -> None:
    class Sized:
        def capacity(self) -> Any:
            return type("Capacity", (), {"size": size})

    assert listing.size_of(Sized()) == text  # type: ignore[arg-type]


def test_names_of_every_kind() -> None:
    """The best one counts, and one of text is text."""

    def name(*designators: Any) -> tuple[str, str]:
        class Named:
            def inquiry(self, page: int) -> Any:
                return scsi.DeviceIdentification.build(designators=designators)

        return listing.unit_name(Named()), listing.scsi_id(Named())  # type: ignore[arg-type]

    t10 = scsi.T10VendorDesignator.build(t10_vendor_identification="IBM", vendor_specific_identifier="a b")
    naa = scsi.Naa5Designator.build(ieee_company_id=1, vendor_specific_identifier=2)
    iqn = scsi.ScsiNameDesignator.build(designator=b"iqn.2026-01.x:y\0")
    port = scsi.RelativeTargetPortDesignator.build(relative_target_port_identifier=1, association=1)
    assert name(t10, naa, iqn) == (f"naa.{bytes(naa.designator).hex()}", f"3{bytes(naa.designator).hex()}")
    assert name(iqn) == ("iqn.2026-01.x:y", "8iqn.2026-01.x:y")
    assert name(t10) == ("t10.IBM     a b", "1IBM_____a_b")
    assert name(port) == name() == ("-", "-")


# Nodes of this machine; the lab has devices behind them.


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["/dev/null"], ConfigError, "/dev/null is not a SCSI device"),
        (["sg:/dev/null"], ConfigError, "/dev/null is not a SCSI device"),
        (["-s", "sg:/dev/null"], ConfigError, "/dev/null is not a SCSI device"),
        (["/dev/none"], ConfigError, "No such file or directory"),
    ],
)
def test_nodes_are_servers(ask: Ask, words: list[str], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        ask(asking.readcap, *words)
    with pytest.raises(kind, match=said):
        ask(initiator.raw, *words, "12 0 0 0 24 0")


def test_a_node_in_the_environment(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSRP_SERVER", "sg:/dev/null")
    with pytest.raises(ConfigError, match="/dev/null is not a SCSI device"):
        ask(asking.readcap)
    with pytest.raises(ConfigError, match="there is nothing to record of sg:"):
        ask(asking.readcap, "--record", "/nowhere/at/all/file")
    monkeypatch.delenv("PYSRP_SERVER")
    assert "or -s sg: for the devices of this machine" in ask(asking.readcap, 1, exits=2).output


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three units without a node that could be called, as sysfs has them."""
    sysfs = Sysfs(tmp_path)
    for number, (address, kind) in enumerate({"0:0:1:0": 0, "0:0:2:0": 1, "1:0:1:0": 0}.items()):
        data = scsi.InquiryData.build(peripheral_device_type=kind, vendor="V", product="P", revision="1")
        device = sysfs.add(
            address, name=f"sg{number}", number=f"21:{number}", inquiry=bytes(data), limit_kb=None
        )
        subsystem = "scsi_tape" if kind else "block"
        for name in ("nst0", "st0") if kind else (f"sd{'ab'[number // 2]}",):
            (device / subsystem / name).mkdir(parents=True)
    (tmp_path / "devices/host0/srp_host").mkdir()
    (tmp_path / "devices/host0/scsi_host/host0/proc_name").write_text("ibmvscsi\n")

    class Here(sg.Session):
        def __init__(self, url: str) -> None:
            super().__init__(url, sysfs=tmp_path)

    monkeypatch.setattr(common, "Generic", Here)


@pytest.mark.usefixtures("machine")
def test_devices_of_this_machine(ask: Ask) -> None:
    rows = ask(listing.lsscsi, "-s", "sg:", "-g").output.splitlines()
    assert [row.split() for row in rows] == [
        ["[0:0:1:0]", "disk", "V", "P", "1", "/dev/sda", "/dev/sg0"],
        ["[0:0:2:0]", "tape", "V", "P", "1", "/dev/st0", "/dev/sg1"],
        ["[1:0:1:0]", "disk", "V", "P", "1", "/dev/sdb", "/dev/sg2"],
    ]
    assert [row.split()[2:4] for row in ask(listing.lsscsi, "-s", "sg:", "-t").output.splitlines()] == [
        ["srp", "(ibmvscsi)"], ["srp", "(ibmvscsi)"], ["-", "/dev/sdb"],
    ]  # fmt: skip
    entry = json.loads(ask(listing.lsscsi, "-s", "sg:", "--json", "--size", "-u").output)[1]
    assert (entry["node"], entry["generic"], entry["size"], entry["unit_name"]) == (
        "/dev/st0",
        "/dev/sg1",
        None,
        "-",
    )
    assert "Host: scsi1 Channel: 00 Id: 01 Lun: 00" in ask(listing.rescan, "-s", "sg:").output
    for name in ("1:0:1:0", "[1:0:1:0]", "2", "0:2:0"):
        with pytest.raises(TransportError, match=r"/dev/sg\d: "):
            ask(asking.readcap, "-s", "sg:", name)
    for name, count in (("1", "2"), ("0:1:0", "2"), ("7", "no"), ("x", "no")):
        with pytest.raises(ConfigError, match=f"{count} devices are {name}; write HOST:CHANNEL:ID:LUN"):
            ask(asking.readcap, "-s", "sg:", name)
    with pytest.raises(ConfigError, match="reset which device"):
        ask(initiator.reset, "-s", "sg:")


# decode.


@pytest.mark.parametrize(
    ("kind", "view"),
    [
        ("vpd", scsi.SupportedVpdPages.build(supported_page_list=b"\0\x83")),
        ("inquiry", scsi.InquiryData.build(vendor="IBM")),
        ("mode6", scsi.ModeParameters6.build(pages=[scsi.CachingPage.build(wce=True)])),
        ("mode10", scsi.ModeParameters10.build(pages=[scsi.CachingPage.build(wce=True)])),
        ("mode-page", scsi.CachingPage.build(wce=True)),
        (
            "log",
            scsi.LogPageData.build(
                page_code=0x0D, parameters=[{"parameter_code": 1, "parameter_value": b"ab"}]
            ),
        ),
        ("pr-keys", scsi.PrKeys.build(keys=[1, 2])),
        ("pr-reservation", scsi.PrReservation.build(reservations=[{"reservation_key": 5, "type": 1}])),
        ("pr-capabilities", scsi.ReportCapabilities.build(ptpl_c=True)),
        ("pr-full-status", scsi.PrFullStatus.build()),
        ("pr-out", scsi.PrOut.build(reservation_key=1)),
        ("luns", scsi.ReportLunsData.build()),
        ("readcap10", scsi.ReadCapacity10Data.build(returned_lba=7, block_length=512)),
        ("readcap16", scsi.ReadCapacity16Data.build(returned_lba=7, block_length=512)),
        ("opcodes", scsi.SupportedCommands.build(commands=[{"operation_code": 0x28, "cdb_length": 10}])),
        ("opcode", scsi.SupportedCommand.build(support=3, cdb_usage_data=bytes(10))),
    ],
)
def test_decode_alone(ask: Ask, kind: str, view: Any) -> None:
    said = json.loads(ask(decode.decode, "--as", kind, "--json", input=bytes(view).hex()).output)
    assert said["class"] == type(view).__name__
    assert said["problems"] == []


def test_what_is_printed_in_hexadecimal_can_be_decoded(ask: Ask) -> None:
    text = ask(asking.modes, 1, "-H").output
    assert "CachingPage" in ask(decode.decode, "--as", "mode10", input=text).output
