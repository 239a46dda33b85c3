"""tshark with our dissector: every byte of every capture is shown, with the values that the codecs read."""

from __future__ import annotations

import gzip
import random
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pcapng")
pytest.importorskip("click")

from captures import CAPTURES, LAB, VECTORS
from pysrp import crq, mad, scsi, srp
from pysrp.cli.fields import everything
from pysrp.errors import DecodeError
from pysrp.fields import View
from pysrp.scsi.data import DATA_IN, _parse
from pysrp.wireshark.captured import Captured, Direction, Form, What
from pysrp.wireshark.captures import Packet, Writer, packets
from pysrp.wireshark.tables import _Tables, dissector, filter_name, key
from shark import Frame, Shown, differences, expected, frames, tshark

TAGS = 16
"""Bytes of the tags of an exported PDU in front of a record."""
ROCE = VECTORS / "roce/roce_srp.pcap.gz"


@dataclass
class Broken:
    """A record that was made by hand, and whether a codec refuses it."""

    packet: Packet
    refused: bool


def refused(parse: Any, data: bytes) -> bool:
    """Whether the bytes are not, or not all there of, what they say."""
    try:
        view = parse(data)
        view.extent()
        if isinstance(view, srp.Cmd):
            scsi.parse_cdb(view.cdb)
        for f in type(view).FIELDS:
            if f.variable:  # others behind SIZE need not be there
                getattr(view, f.name)
    except DecodeError:
        return True
    return False


def broken() -> Iterator[Broken]:
    """Every kind of IU and datagram cut short, and with bytes changed."""
    chance = random.Random(15)
    whole: dict[Any, tuple[Form, bytes]] = {}
    for path in CAPTURES:
        for packet in packets(path.read_text().splitlines()):
            view = Captured(packet.data)
            if view.what == What.IU and len(view.payload) and view.length == len(view.payload):
                whole.setdefault(
                    (view.format, view.payload[0], view.direction), (view.format, bytes(view.payload))
                )
    for cls in srp.iu.classes():
        whole.setdefault((Form.SRP, cls.FIELDS[0].must, 0), (Form.SRP, bytes(cls.build())))
    for form, data in whole.values():
        parse = srp.parse if form == Form.SRP else mad.parse
        cuts = [data[:length] for length in range(1, min(len(data), 70), 7)]
        for _ in range(6):
            changed = bytearray(data)
            for _ in range(3):
                changed[chance.randrange(min(len(data), 64))] = chance.randrange(256)
            cuts.append(bytes(changed))
        for cut in cuts:
            built = Captured.build(
                what=What.IU, direction=Direction.INITIATOR_TO_TARGET, format=form, payload=cut
            )
            built.length = len(cut)
            yield Broken(Packet(bytes(built), None, len(cut)), refused(parse, cut))


@pytest.fixture(scope="module")
def capture_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Packet], list[Broken]]:
    """All recordings, each with an interface of its own, and the broken ones behind them."""
    file = tmp_path_factory.mktemp("recorded") / "all.pcapng"
    paths, found, bad = [*CAPTURES, *LAB], [], list(broken())
    with file.open("wb") as stream:
        writer = Writer(stream, [*(path.name for path in paths), "broken"])
        for number, path in enumerate(paths):
            for packet in packets(path.read_text().splitlines()):
                writer.write(packet, number)
                view = Captured(bytearray(packet.data))
                view.connection = number
                found.append(replace(packet, data=bytes(view)))
        for one in bad:
            writer.write(one.packet, len(paths))
    return file, found, bad


@pytest.fixture(scope="module")
def recorded(
    capture_file: tuple[Path, list[Packet], list[Broken]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[tuple[Packet, Frame]], list[tuple[Broken, Frame]]]:
    file, good, bad = capture_file
    # In two passes, so that requests know their answers.
    shown = frames(tmp_path_factory.mktemp("tshark"), file, "-2")
    assert len(shown) == len(good) + len(bad)
    return list(zip(good, shown, strict=False)), list(zip(bad, shown[len(good) :], strict=True))


def test_no_byte_is_left(recorded: Any) -> None:
    good, bad = recorded
    for frame in [frame for _, frame in good] + [frame for _, frame in bad]:
        left = set(range(TAGS, frame.length)) - frame.covered()
        assert not left, (frame, sorted(left))
        assert "lua" not in [name for name, _ in frame.experts], frame
        assert not {"data", "_ws.malformed"} & set(frame.layers)


class Reader:
    """What the codecs make of the packets, in order: what the dissector has to show behind the header."""

    def __init__(self) -> None:
        self.commands: dict[Any, View] = {}
        self.seen: set[Any] = set()

    def views(self, header: Captured) -> list[tuple[View, int]]:
        """Views of the payload, with where they begin in it."""
        data, key = header.payload, (header.connection, header.transaction)
        if header.length > len(data) or not len(data) or header.what == What.HCALL:
            return []
        if header.what == What.ELEMENT:
            return [(crq.parse(data), 0)]
        if header.what == What.IU:
            view = (mad.parse if header.format == Form.MAD else srp.parse)(data)
            if header.direction == Direction.INITIATOR_TO_TARGET:
                self.commands[key] = view
                self.seen -= {(key, 1), (key, 2)}
            return [(view, 0)]
        return self.data(header, self.commands.get(key), key)

    def data(self, header: Captured, command: View | None, key: Any) -> list[tuple[View, int]]:
        outward, data = header.direction == Direction.INITIATOR_TO_TARGET, header.payload
        if isinstance(command, mad.Mad):
            kinds = {mad.AdapterInfo: mad.AdapterInfoData, mad.Capabilities: mad.CapabilitiesData}
            return [(kinds[type(command)](data), 0)]
        if not isinstance(command, srp.Cmd):
            return []
        for one in command.data_in, command.data_out:
            table = getattr(one, "table_desc", None)
            if outward and table and table.va <= header.address < table.va + table.len:
                return [(srp.DirectBuf(data[at : at + 16]), at) for at in range(0, len(data), 16)]
        if (key, header.direction) in self.seen:
            return []
        self.seen.add((key, header.direction))
        parse = scsi.parse_data_out if outward else scsi.parse_data_in
        view = parse(scsi.parse_cdb(command.cdb), data)
        return [] if view is None else [(view, 0)]


def test_fields_are_the_codecs(recorded: Any) -> None:
    reader, checked = Reader(), set()
    for packet, frame in recorded[0]:
        header = Captured(packet.data)
        wanted = list(expected(header, TAGS))[: -1 if len(header.payload) else None]
        for view, at in reader.views(header):
            wanted += expected(view, TAGS + Captured.SIZE + at)
        assert differences(frame.fields, wanted) == [], packet.comments
        checked |= {one.name for one in wanted}
        assert frame.experts == [], packet.comments
    assert len(checked) > 400


def test_requests_and_answers_find_each_other(recorded: Any) -> None:
    shown = [frame for _, frame in recorded[0]]
    pairs = 0
    for number, (packet, frame) in enumerate(recorded[0], 1):
        header = Captured(packet.data)
        if (
            header.what != What.IU
            or header.direction == Direction.INITIATOR_TO_TARGET
            or not len(header.payload)
        ):
            continue
        asked = int(frame.value("srp.request_in") or 0)
        assert asked, (number, packet.comments)
        request = Captured(recorded[0][asked - 1][0].data)
        assert bytes(request.payload[8:16]) == bytes(header.payload[8:16])
        assert request.transaction == header.transaction
        assert shown[asked - 1].value("srp.response_in") == str(number)
        pairs += 1
    assert pairs > 300


def test_what_is_malformed_is_marked(recorded: Any) -> None:
    kinds = set()
    for one, frame in recorded[1]:
        marked = "srp.malformed" in [name for name, _ in frame.experts]
        assert marked >= one.refused, (bytes(one.packet.data).hex(), frame.experts)
        kinds.add((marked, one.refused))
    assert {(True, True), (False, False)} <= kinds


# RDMA.


@dataclass
class Rdma:
    """A frame of RoCEv2: opcode, queue pair it goes to, (address, key) of a write, payload and where that begins."""

    opcode: int
    pair: int
    target: tuple[int, int] | None
    payload: bytes
    at: int


def rdma(frame: bytes) -> Rdma | None:
    """What a frame is, by the InfiniBand specification, 9.2 and 9.3; None for no RoCEv2."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 17 or frame[36:38] != struct.pack(">H", 4791):
        return None
    opcode, flags = frame[42], frame[43]
    extra = {0x06: 16, 0x0A: 16, 0x0C: 16, 0x0D: 4, 0x0F: 4, 0x10: 4, 0x11: 4, 0x64: 8}.get(opcode, 0)
    at = 54 + extra
    target = struct.unpack_from(">QI", frame, 54) if extra == 16 else None
    end = len(frame) - 4 - (flags >> 4 & 3)
    return Rdma(opcode, int.from_bytes(frame[47:50], "big"), target, frame[at:end], at)


@pytest.fixture(scope="module")
def roce(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bytes, Frame]]:
    raw, found, at = gzip.decompress(ROCE.read_bytes()), [], 24
    while at < len(raw):
        length = struct.unpack_from("<I", raw, at + 8)[0]
        found.append(raw[at + 16 : at + 16 + length])
        at += 16 + length
    return list(zip(found, frames(tmp_path_factory.mktemp("roce"), ROCE), strict=True))


def data_of(commands: dict[int, srp.Cmd], packet: Rdma) -> View | None:
    """What the first write of a command's data is read as."""
    for command in commands.values():
        buffer = command.data_in
        if isinstance(buffer, srp.DirectBuf) and (buffer.va, buffer.key) == packet.target:
            # parse_data_in() refuses another page than was asked for, and the target sends one.
            return _parse(DATA_IN, scsi.parse_cdb(command.cdb), packet.payload)
    return None


def test_srp_over_rdma(roce: list[tuple[bytes, Frame]]) -> None:
    commands: dict[int, srp.Cmd] = {}
    logins = sends = moved = 0
    for raw, frame in roce:
        assert "data" not in frame.layers
        assert frame.experts == []
        packet = rdma(raw)
        wanted: list[Shown] = []
        if packet is None or not packet.payload:
            assert frame.shown == []
            continue
        if packet.opcode == 0x64:
            private = {
                0x10: (packet.at + 164 + 36, srp.LoginReqCM, 56),
                0x13: (packet.at + 60, srp.parse, 196),
            }
            kind = int.from_bytes(packet.payload[16:18], "big")
            if kind not in private:
                continue
            at, parse, length = private[kind]
            wanted += expected(parse(raw[at : at + length]), at)
            logins += 1
        elif packet.opcode == 0x04:
            view = srp.parse(packet.payload)
            if isinstance(view, srp.Cmd):
                commands[view.tag] = view
            else:
                del commands[view.tag]
            wanted += expected(view, packet.at)
            sends += 1
            assert view.opcode < 0x80 or frame.value("srp.request_in")
        else:
            view = data_of(commands, packet) if packet.target else None
            wanted += expected(view, packet.at) if view is not None else []
            moved += 1
            into_initiator = packet.opcode < 0x0D
            assert (frame.value("srp.command") is not None) == into_initiator
        assert differences(frame.fields, wanted) == []
        assert (
            set(range(packet.at, packet.at + len(packet.payload))) <= frame.covered() or packet.opcode == 0x64
        )
    assert (logins, sends, moved) == (2, 348, 566)


def test_time_from_request_to_response(roce: list[tuple[bytes, Frame]]) -> None:
    times = [float(frame.value("srp.time") or 0) for _, frame in roce if frame.value("srp.request_in")]
    assert all(time >= 0 for time in times)
    assert max(times) > 0


# The tables.


def test_every_field_has_a_filter_of_its_own() -> None:
    tables = _Tables()
    # Other tests may have added commands of their own.
    ours = [row for name, row in tables.structures.items() if name in {key(cls) for cls in everything()}]
    names = [f"{row['filter']}.{f['n']}" for row in ours for f in row["fields"]]
    assert len(names) == len(set(names)) > 1500
    assert {"srp.cmd.tag", "srp.cdb.read10.lba", "crq.format", "viosrp.adapter_info_data.os_type"} <= set(
        names
    )
    assert all(re.fullmatch(r"[A-Za-z0-9_.]+", name) for name in names)


def test_what_the_lua_computes_is_what_the_tables_leave_to_it() -> None:
    rows = [f for row in _Tables().structures.values() for f in row["fields"]]
    code = files("pysrp.wireshark").joinpath("dissector.lua").read_text("utf-8")
    assert {f["computed"] for f in rows if "computed" in f} == set(
        re.findall(r'^    \["([\w.]+)"\] = function', code, re.M)
    )


def test_a_command_of_ones_own_is_named_as_the_others() -> None:
    class ReadSecret(scsi.Cdb10):
        __slots__ = ()

    assert filter_name(ReadSecret) == "srp.cdb.read_secret"
    assert filter_name(type("Element", (crq.Element,), {"__slots__": ()})) == "crq.element"


def test_what_has_no_form_in_lua() -> None:
    from pysrp.wireshark.tables import lua

    assert lua({"a": [1, True], 2: 'q"'}) == '{a={1,true},[2]="q\\""}'
    with pytest.raises(TypeError, match="no form"):
        lua(1.5)


def test_fields_have_their_texts(tmp_path: Path) -> None:
    assert "Which IU this is" in dissector()
    text = tshark(tmp_path, "-G", "fields")
    row = next(line.split("\t") for line in text.splitlines() if "\tsrp.rsp.req_lim_delta\t" in line)
    assert row[-1].startswith("Credit that the initiator gains")
