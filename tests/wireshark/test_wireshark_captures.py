"""Recordings as pcapng and back, by hand and by command; and the live interface."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pcapng")
pytest.importorskip("click")

import pcapng
from click.testing import Result
from pcapng import blocks

from captures import CAPTURES, VECTORS
from command_runner import CommandRunner
from pysrp.cli.wireshark import capture, wireshark
from pysrp.errors import ConfigError, DecodeError
from pysrp.wireshark import captures, extcap
from pysrp.wireshark.captured import Captured, Flags
from shark import tshark

SMALL = VECTORS / "captures/tskmgmt.jsonl"
KEPT = "dir", "what", "hex", "txn", "addr", "truncated", "sha256", "note", "time"


def written(*recordings: Path, user: bool = False) -> bytes:
    stream = io.BytesIO()
    writer = captures.Writer(stream, [path.name for path in recordings], user=user)
    for number, path in enumerate(recordings):
        for packet in captures.packets(path.read_text().splitlines()):
            writer.write(packet, number)
    return stream.getvalue()


def back(data: bytes) -> list[dict[str, Any]]:
    found = captures.records(packet for packet in captures.read(io.BytesIO(data)) if packet)
    return [json.loads(record.line()) for record in found]


@pytest.mark.parametrize("user", [False, True])
def test_there_and_back(user: bool) -> None:
    source = [json.loads(line) for path in CAPTURES for line in path.read_text().splitlines()]
    found = back(written(*CAPTURES, user=user))
    assert len(found) == len(source)
    for number, (one, other) in enumerate(zip(source, found, strict=True), 1):
        assert [one.get(name) for name in KEPT] == [other.get(name) for name in KEPT]
        assert other["seq"] == number
        assert other["len"] == one.get("len", len(one["hex"]) // 2)


def test_time_and_place_in_the_file() -> None:
    line = json.dumps(
        {"dir": "i2t", "what": "crq", "hex": "c0" + "01" + "00" * 14, "txn": None, "time": 1795671301.93638}
    )
    (packet,) = captures.packets([line, ""])
    view = Captured(packet.data)
    assert (view.flags, packet.time) == (Flags.TIME, 1795671301.93638)
    stream = io.BytesIO()
    captures.Writer(stream, ["live"]).write(packet)
    (block,) = (
        one
        for one in pcapng.FileScanner(io.BytesIO(stream.getvalue()))
        if isinstance(one, blocks.EnhancedPacket)
    )
    assert block.timestamp == pytest.approx(1795671301.93638, abs=1e-6)
    assert block.interface.options["if_name"] == "live"
    assert back(stream.getvalue())[0]["time"] == 1795671301.93638


@pytest.mark.parametrize(
    "line",
    [
        "nothing", "[]", "3", "{}", '{"hex": "zz", "dir": "i2t", "what": "iu"}', '{"hex": "00", "dir": "up", "what": "iu"}',
        '{"hex": "00", "dir": "i2t", "what": "packet"}', '{"hex": "00", "dir": "i2t", "what": "iu", "txn": -1}',
        '{"hex": "00", "dir": "i2t", "what": "iu", "addr": 5}', '{"hex": "00", "dir": "i2t", "what": "iu", "len": "x"}',
        '{"hex": "00", "dir": "i2t", "what": "iu", "time": "soon"}', '{"hex": 5, "dir": "i2t", "what": "iu"}',
        '{"hex": "00", "dir": "i2t", "what": "iu", "txn": []}', "[" * 100_000,
    ],
)  # fmt: skip
def test_a_line_that_is_no_record(line: str) -> None:
    with pytest.raises(DecodeError, match="line 2 is no record"):
        list(captures.packets(["", line]))


@pytest.mark.parametrize(
    "more", [{"txn": 1 << 33}, {"len": 1 << 33}, {"len": (1 << 32) - 1}, {"note": "é" * 33000}]
)
def test_a_record_that_no_packet_has_room_for(more: dict[str, Any]) -> None:
    line = json.dumps({"hex": "00", "dir": "i2t", "what": "iu", **more})
    with pytest.raises(DecodeError, match="record 1 has no place in a packet"):
        list(captures.packets([line]))


def test_a_file_that_is_broken() -> None:
    whole = written(SMALL)
    for data in whole[:-3], whole[:200] + bytes(4) + whole[200:], b"garbage", whole[:7]:
        with pytest.raises(DecodeError, match=r"no pcapng file|not known here|bytes"):
            back(data)


def test_an_option_that_is_broken_is_not_taken_for_a_disk_that_is() -> None:
    """An address of three bytes, of which python-pcapng makes an OSError; what the system says is the system's."""

    def block(kind: int, body: bytes) -> bytes:
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack("<HHI", 147, 0, 0) + struct.pack("<HH4sI", 4, 3, b"abc", 0))
    packet = block(6, struct.pack("<IIIII4s", 0, 0, 0, 4, 4, b"abcd"))
    with pytest.raises(DecodeError, match="no pcapng file, or a broken one"):
        list(captures.read(io.BytesIO(section + interface + packet)))
    with open("/proc/self/mem", "rb") as unreadable, pytest.raises(OSError, match="Input/output"):  # noqa: PTH123
        list(captures.read(unreadable))


def foreign(link: int, data: bytes) -> bytes:
    """A capture file with one packet."""
    stream = io.BytesIO()
    section = blocks.SectionHeader()
    section.new_member(blocks.InterfaceDescription, link_type=link)
    file = pcapng.FileWriter(stream, section)
    file.write_block(section.new_member(blocks.EnhancedPacket, packet_data=data, packet_len=len(data)))
    return stream.getvalue()


def test_packets_of_others() -> None:
    tags = b"\x00\x0c\x00\x04http\x00\x00\x00\x00"
    upper, another = captures.LINKTYPE_UPPER_PDU, b"\x00\x1e\x00\x04abcd"
    for link, data in (1, b"ethernet"), (upper, tags + b"GET"), (upper, another + tags + b"GET"):
        assert list(captures.read(io.BytesIO(foreign(link, data)))) == [None]
    with pytest.raises(DecodeError, match="do not end"):
        list(captures.read(io.BytesIO(foreign(captures.LINKTYPE_UPPER_PDU, tags[:8]))))
    strange = bytes(Captured.build(what=9, direction=1, payload=b""))
    with pytest.raises(DecodeError, match="packet 1 is of a kind"):
        list(captures.records(captures.read(io.BytesIO(foreign(captures.LINKTYPE_USER0, strange)))))  # type: ignore[arg-type]


def test_without_python_pcapng(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pcapng", None)
    with pytest.raises(ConfigError, match=r"pip install 'pysrp-vscsi\[pcapng\]'"):
        captures.Writer(io.BytesIO(), [])


# Commands.


def run(*words: str) -> Result:
    done = CommandRunner().invoke(capture, ["convert", *words])
    assert done.exit_code == 0, done.output
    return done


def test_convert(tmp_path: Path) -> None:
    there, again = tmp_path / "a.pcapng", tmp_path / "a.jsonl"
    assert json.loads(run(str(SMALL), str(there), "--json").stderr) == {"records": 50, "others": 0}
    assert stat.S_IMODE(there.stat().st_mode) == 0o600
    assert run(str(there), str(again)).output == ""
    assert back(there.read_bytes()) == [json.loads(line) for line in again.read_text().splitlines()]
    (tmp_path / "b").write_bytes(foreign(1, b"ethernet"))
    assert "1 packets of other protocols" in run(str(tmp_path / "b"), str(again)).stderr
    assert again.read_text() == again.read_text()


def test_a_recording_is_not_written_over(tmp_path: Path) -> None:
    recording = tmp_path / "a.jsonl"
    shutil.copy(SMALL, recording)
    done = CommandRunner().invoke(capture, ["convert", str(recording), str(tmp_path / "." / "a.jsonl")])
    assert isinstance(done.exception, ConfigError)
    assert "a.jsonl is what is read: name another file to write to" in str(done.exception)
    assert recording.read_bytes() == SMALL.read_bytes()


def test_a_user_type_is_read_too(tmp_path: Path) -> None:
    run(str(SMALL), str(tmp_path / "user.pcapng"), "--user")
    shown = tshark(
        tmp_path, "-r", str(tmp_path / "user.pcapng"), "-T", "fields", "-e", "srp.tsk_mgmt.tsk_mgmt_func"
    )
    assert shown.split().count("0x08") == 3


def test_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    done = CommandRunner().invoke(wireshark, ["--install"])
    assert done.exit_code == 0, done.output
    file = tmp_path / ".local/lib/wireshark/plugins/pysrp.lua"
    assert CommandRunner().invoke(wireshark).output == file.read_text()
    programs = [tmp_path / ".config/wireshark/extcap/pysrp", tmp_path / ".local/lib/wireshark/extcap/pysrp"]
    for place in [file, *programs]:
        assert str(place) in done.output
    for program in programs:
        offered = subprocess.run([program, "--extcap-interfaces"], capture_output=True, text=True, check=True)
        assert "interface {value=pysrp}" in offered.stdout


# The live interface.


def test_what_the_interface_offers(capsys: pytest.CaptureFixture[str]) -> None:
    assert extcap.main(["--extcap-interfaces", "--extcap-version=4.0"]) == 0
    assert extcap.main(["--extcap-interface", "pysrp", "--extcap-dlts"]) == 0
    assert extcap.main(["--extcap-interface", "pysrp", "--extcap-config"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("extcap {version=1}")
    assert "dlt {number=252}" in said
    assert "{call=--record}" in said
    assert extcap.main([]) == 2
    assert extcap.main(["--capture", "--fifo", "/nowhere/fifo", "--record", "x"]) == 1
    assert "nowhere" in capsys.readouterr().err


class Growing:
    """A recording that a test writes, and a FIFO that it reads."""

    def __init__(self, folder: Path, lines: int = 10, times: int = 1) -> None:
        self.record, self.fifo = folder / "record.jsonl", folder / "fifo"
        self.lines = SMALL.read_text().splitlines(keepends=True)
        self.record.write_text("".join(self.lines[:lines] * times))
        os.mkfifo(self.fifo)
        words = [
            "--capture",
            "--extcap-interface",
            "pysrp",
            "--fifo",
            str(self.fifo),
            "--record",
            str(self.record),
        ]
        self.ended: list[int] = []
        self.thread = threading.Thread(target=lambda: self.ended.append(extcap.main(words)))
        self.thread.start()
        self.stream = self.fifo.open("rb")
        self.head = b"".join(self.block() for _ in range(2))  # section and interface

    def block(self) -> bytes:
        """The next block: type, length, and so on."""
        head = self.stream.read(8)
        return head + self.stream.read(struct.unpack("<II", head)[1] - 8)

    def notes(self, count: int) -> list[str]:
        """The comments of the next packets."""
        data = self.head + b"".join(self.block() for _ in range(count))
        return [packet.comments[0] for packet in captures.read(io.BytesIO(data)) if packet]

    def close(self) -> None:
        self.stream.close()
        self.thread.join()


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    made = Growing(tmp_path)
    yield made
    made.close()


def test_a_recording_that_grows(growing: Growing) -> None:
    first = growing.notes(10)
    with growing.record.open("a") as file:
        file.write(growing.lines[10] + growing.lines[11][:20])  # the rest of a line comes later
        file.flush()
        first += growing.notes(1)
        file.write(growing.lines[11][20:])
    first += growing.notes(1)
    assert first == [json.loads(line)["note"] for line in growing.lines[:12]]
    growing.record.write_text(growing.lines[0])  # a server that begins anew
    assert growing.notes(1) == [json.loads(growing.lines[0])["note"]]
    growing.close()
    assert growing.ended == [0]


def test_a_reader_that_goes_while_packets_come(tmp_path: Path) -> None:
    growing = Growing(tmp_path, 50, 200)  # more than a FIFO holds
    growing.notes(1)
    growing.close()
    assert growing.ended == [0]


def test_a_recording_that_is_none(growing: Growing, capsys: pytest.CaptureFixture[str]) -> None:
    growing.notes(10)
    with growing.record.open("a") as file:
        file.write("nonsense\n")
    growing.thread.join()
    assert growing.ended == [1]
    assert "line 11 is no record" in capsys.readouterr().err


def test_tshark_captures_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    if not shutil.which("dumpcap"):
        pytest.skip("dumpcap is not installed: tests/setup.sh installs tshark, which brings it")
    extcap.install()
    # -c: it ends by itself, with the last packet.
    shown = tshark(
        tmp_path,
        "-i",
        "pysrp",
        "-o",
        f"extcap.pysrp.record:{SMALL}",
        "-c",
        "50",
        "-T",
        "fields",
        "-e",
        "srp.tsk_mgmt.tag",
    )
    assert "0x1056f803000000c0" in shown
