"""Recordings are read as they were written, by whoever reads them."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from captures import CAPTURES, LAB
from pysrp import crq, mad, scsi, srp
from pysrp.cli import records
from pysrp.errors import DecodeError
from pysrp.fabric import recording
from pysrp.fabric.local import pair
from pysrp.fabric.recorder import Recorder
from pysrp.fabric.recording import Reader, Record, read

LINE = '{"seq": 1, "dir": "i2t", "what": "data", "hex": "0011", "note": "n", "len": 2, "txn": null}'


def with_more(name: str, value: Any) -> str:
    return json.dumps({**json.loads(LINE), name: value})


@pytest.mark.parametrize("path", [*CAPTURES, *LAB], ids=lambda path: path.stem)
def test_captures_are_lines_again(path: Path) -> None:
    """All that a line has, but for keys that no recorder writes; and each structure that is said to be there."""
    records = list(read(path))
    lines: list[dict[str, Any]] = list(map(json.loads, path.read_text().splitlines()))
    for record, line in zip(records, lines, strict=True):
        line.pop("raw_n", None)
        assert json.loads(record.line()) == {"txn": None, "len": len(line["hex"]) // 2, **line}
        view = record.view()
        if record.what == "crq":
            assert isinstance(view, crq.Element)
        if record.what == "iu" and record.data and record.format:
            assert isinstance(view, (srp.IU, mad.Mad))
            assert bytes(view) == record.data


def test_what_belongs_to_a_command_and_a_datagram() -> None:
    records = [record for path in CAPTURES for record in read(path)]
    inquiries = [
        each
        for each in records
        if each.what == "data" and each.cdb[:2] == b"\x12\0" and each.direction == "t2i"
    ]
    assert {type(each.view()) for each in inquiries} == {scsi.InquiryData}
    assert {each.datagram for each in records} > {0, mad.MadType.ADAPTER_INFO}
    buffers = [
        each.view() for each in records if each.what == "data" and each.datagram == mad.MadType.ADAPTER_INFO
    ]
    assert {type(each) for each in buffers} == {mad.AdapterInfoData}
    assert any(each.truncated and each.sha256 and each.view() is None for each in records)
    assert {each.view() for each in records if each.what == "hcall"} == {None}


def test_what_a_recorder_writes(tmp_path: Path) -> None:
    client, server = pair()
    with Recorder(client, tmp_path / "log") as port:
        port.register()
        server.register()
        with pytest.raises(ValueError, match="recorder|16"):
            port.send(b"")
        port.send(bytes([0xC0, 1]) + bytes(14))
        whole = list(read(tmp_path / "log"))
    server.close()
    assert [each.what for each in list(read(str(tmp_path / "log")))][:2] == ["hcall", "crq"]
    assert whole == list(read(tmp_path / "log"))[: len(whole)]


def test_a_recording_that_is_still_written() -> None:
    for end in range(1, len(LINE)):
        assert len(list(read(io.StringIO(f"{LINE}\n\n{LINE[:end]}")))) == 1
    assert len(list(read([LINE, "", f"{LINE}\n", LINE]))) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nothing", "JSONDecodeError"), ("[]", "in place of an object"), ("{}", "it has no 'hex'"),
        (LINE.replace("0011", "zz"), "hexadecimal"), (LINE.replace("i2t", "up"), "dir is 'up'"), ("[" * 100_000, "Recursion"),
        (LINE.replace("null", "-1"), "txn is -1"), (LINE.replace('"n"', "5"), "are text"), (LINE.replace("1,", "true,"), "seq is True"),
        (LINE[:40] + "\n", "JSONDecodeError"), (LINE.replace("null", str(1 << 64)), "txn is 18446744073709551616"),
        *((with_more("time", time), "time is") for time in (math.nan, math.inf, -1, 1e300, "nan", "5", True)),
        *((with_more("addr", at), "addr is") for at in ("-1", "1_0", "f" * 17, "f" * 5000)),
        *((with_more("sha256", text), "sha256 is") for text in ("a" * 63, "g" * 64, "\ud800")),
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_named(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f"{LINE}\n\n{line}\n")
    with pytest.raises(DecodeError, match=f"{path}: line 3 is no record of a recording: .*{said}") as caught:
        list(read(path))
    assert caught.value.offset == 3
    reader = Reader()
    with pytest.raises(DecodeError, match="^line 1 is no record"):
        reader.record(line)
    assert reader.record(LINE) == Record("i2t", "data", b"\0\x11", 2, 1, "n")


def test_a_recording_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of transactions does not grow with it; the latest are known."""
    monkeypatch.setattr(recording, "MOST_TRANSACTIONS", 3)
    reader = Reader()
    command = bytes(srp.Cmd.build(cdb=b"\x12")).hex()
    for number in range(10):
        element = {"seq": 0, "t": None, "dir": "i2t", "what": "crq", "note": "", "len": 16, "txn": number}
        reader.record(json.dumps({**element, "hex": bytes(crq.Element.build(valid=0x80, format=1)).hex()}))
        found = reader.record(json.dumps({**element, "what": "iu", "len": len(command) // 2, "hex": command}))
        assert (found.format, found.cdb[:1]) == (1, b"\x12")
    assert list(reader._cdbs) == list(reader._formats) == [7, 8, 9]


def test_a_command_that_is_not_all_there() -> None:
    reader = Reader()
    element = Record("i2t", "crq", bytes(crq.Element.build(valid=0x80, format=1)), 16, transaction=1)
    reader.record(element.line())
    for size in 40, 48:
        record = Record("i2t", "iu", b"\x02" + bytes(size - 1), size, transaction=1)
        assert reader.record(record.line()).cdb == bytes(min(16, size - 32))
    long = bytes(srp.Cmd.build(cdb=bytes(32)))
    assert reader.record(Record("i2t", "iu", long, len(long), transaction=1).line()).cdb == bytes(32)
    assert reader.record(Record("i2t", "data", b"1", 1, transaction=1).line()).view() is None
    assert reader.record(Record("t2i", "iu", b"1", 1, transaction=2).line()).view() is None


def test_what_decode_makes_of_a_recording_that_is_still_written() -> None:
    found = list(records.from_captures(f"{LINE}\n\nnonsense\n{LINE}\n{LINE[:-3]}"))
    assert [piece.where for piece in found] == ["1 i->t data", "line 3", "1 i->t data"]
    assert [bool(piece.error) for piece in found] == [False, True, False]
