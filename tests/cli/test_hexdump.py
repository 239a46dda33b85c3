"""What `pysrp decode` reads: what the tools print that people have, from the tools themselves, and from records."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("click")

from pysrp.cli import hexdump, records
from pysrp.errors import DecodeError

INQUIRY = bytes.fromhex(
    "0000063d5b00100249424d20202020205644415344"
    "20626c6b6465762020202030303031"
    "6162203c7c30302030302000000000000000000000000000000000"
    "008b010004630 4c0".replace(" ", "")
)

COMMANDS = [
    "xxd", "xxd -p", "xxd -u", "xxd -g1", "xxd -g4", "xxd -c8", "xxd -a", "hexdump -C", "hexdump -Cv", "hexdump", "hexdump -x",
    "od -tx1", "od -tx1 -v", "od -tx1z", "od -Ad -tx1", "od -Ax -tx1", "od -Ax -tx1z", "od -tx4", "od -x -v",
]  # fmt: skip

SG = ["sg_inq -H", "sg_inq -HH", "sg_inq -HHH", "sg_vpd -H", "sg_vpd -HH", "sg_vpd -HHH"]

RECORDED: dict[str, str] = json.loads(Path(__file__).with_name("dumps.json").read_text())
"""Command to what it printed of INQUIRY: xxd 2022-01-14, util-linux 2.38, coreutils 9.1, sg3_utils 1.46, tshark 4.0."""


def read(text: str) -> list[bytes]:
    """The records in a file with that text; none may be broken."""
    found = list(records.read(text.encode()))
    assert [one.error for one in found] == [""] * len(found), found
    return [one.data for one in found]


def output(command: str, data: bytes = b"") -> str:
    """What a tool prints; skips the test where there is no such tool."""
    name, *options = command.split()
    if not (tool := shutil.which(name)):
        pytest.skip(f"{name} is not installed: tests/setup.sh installs it")
    return subprocess.run([tool, *options], input=data, capture_output=True, check=True).stdout.decode()


def sg(command: str, data: bytes, folder: Path) -> str:
    """What a tool of sg3_utils prints of data that some device is said to have sent."""
    (folder / "data").write_text(data.hex(" "))
    return output(f"{command} --inhex={folder}/data")


def tshark(options: str, frames: list[bytes], folder: Path) -> str:
    """What tshark prints of frames."""
    capture = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 147)
    capture += b"".join(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame for frame in frames)
    (folder / "capture").write_bytes(capture)
    return output(f"tshark -r {folder}/capture {options}")


@pytest.mark.parametrize("command", RECORDED)
def test_what_the_tools_print(command: str) -> None:
    assert read(RECORDED[command]) == [INQUIRY]


def contents() -> list[bytes]:
    """Bytes of any kind and length, and such as look like digits and borders in the column of text."""
    chance = random.Random(4)
    found = [bytes(n) for n in (1, 15, 16, 17, 32, 48, 49, 300)]
    found += [chance.randbytes(n) for n in (2, 6, 7, 8, 9, 10, 16, 30, 31, 60, 66, 255, 256)]
    found += [bytes(chance.choice(b"09afAF :|><#x") for _ in range(n)) for n in (5, 8, 16, 33, 64, 200)]
    return [*found, b"ab cd 12 " * 9, b"  |  >  " * 5, INQUIRY]


@pytest.mark.parametrize("command", COMMANDS)
def test_from_the_tool_itself(command: str) -> None:
    for data in contents():
        assert read(output(command, data)) == [data], output(command, data)


@pytest.mark.parametrize("command", SG)
def test_from_sg3_utils(command: str, tmp_path: Path) -> None:
    data = (
        INQUIRY if "inq" in command else bytes.fromhex("0083000c01030008500 0c50011223344".replace(" ", ""))
    )
    assert read(sg(command, data, tmp_path)) == [data]


def test_sense_data_of_sg3_utils() -> None:
    """As ``sg_raw -v`` and ``sg_decode_sense -v`` print it, below what it says."""
    sense = "70 00 05 00 00 00 00 0a 00 00 00 00 20 00 00 00 00 00"
    assert read(output(f"sg_decode_sense -v {sense}")) == [bytes.fromhex(sense)]


@pytest.mark.parametrize("options", ["-x", "-P -x", "--hexdump noascii", "--hexdump delimit"])
def test_from_tshark(options: str, tmp_path: Path) -> None:
    frames = [one for one in contents() if len(one) >= 16]
    assert read(tshark(options, frames, tmp_path)) == frames


def test_several_dumps_in_one_text() -> None:
    text = f"standard INQUIRY:\n{RECORDED['sg_inq -H']}\nSCSI Status: Good\n{RECORDED['xxd']}{RECORDED['od -tx1']}"
    assert read(text) == [INQUIRY] * 3


def test_a_record_a_line() -> None:
    element = "80010000003c01000000000000001000"
    text = f"""# comment
        {element}
        {bytes.fromhex(element).hex(" ")}
        0x{bytes.fromhex(element).hex(":")}  # the same
        12 0 0 0 24 0
        0x12, 0x00, 0x00, 0x00, 0x24, 0x00
        00000000 0000
        00 00 00 00 00 00
    """
    inquiry = bytes.fromhex("120000002400")
    assert read(text) == [bytes.fromhex(element)] * 3 + [inquiry] * 2 + [bytes(6)] * 2


@pytest.mark.parametrize(
    ("command", "hint"),
    [("od", "od -tx1 prints bytes"), ("xxd -b", "xxd without -b"), ("xxd -e", "xxd without -e")],
)
def test_other_orders_are_not_guessed(command: str, hint: str) -> None:
    found = list(records.read(output(command, b"hello there, this is some text..").encode()))
    assert hint in found[0].error
    assert not any(one.data for one in found)


@pytest.mark.parametrize("text", ["12 00 00 0g 24 00", "x" * 16, "hello", "[1,2]\n", "0x12 0x0g\n", "data:"])
def test_a_line_that_is_no_hexadecimal_text_is_not_taken_for_bytes(text: str) -> None:
    (found,) = records.read(text.encode())
    assert (found.data, found.error) == (b"", f"{text.strip()!r} is not hexadecimal text")


def test_what_is_broken_in_a_dump_is_said() -> None:
    text = RECORDED["xxd"].replace("0000063d", "0000063d", 1).replace("5b00", "5bxy", 1)
    assert "5bxy" in [one.error for one in records.read(text.encode())][0]
    lines = RECORDED["hexdump -C"].splitlines(keepends=True)
    # A line that is missing makes two dumps, not a shorter one.
    assert read("".join(lines[:1] + lines[2:4])) == [INQUIRY[:16], INQUIRY[32:64]]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just("\ud800")
    | st.sampled_from(["00", "crq", "iu", "i2t"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["hex", "dir", "what", "note", "txn", "seq", "truncated", "len"])


@given(
    st.lists(st.dictionaries(KEYS, JSON | st.binary(max_size=80).map(bytes.hex)), max_size=4)
    | st.binary(max_size=200)
)
def test_any_file_is_decoded_or_said_to_be_nothing(given: list[dict[str, object]] | bytes) -> None:
    """Captures with anything in them, and any bytes: records with an error, but no exception."""
    text = given if isinstance(given, bytes) else "\n".join(map(json.dumps, given)).encode()
    for record in records.read(text):
        if not record.error:
            with contextlib.suppress(DecodeError):
                records.decode(record)
        f"{record.where} {record.note} {record.error}".encode()


@given(st.text(alphabet="0123456789abcdefxX :|>*#\n\tz", max_size=200))
def test_any_text_is_read_or_said_to_be_none(text: str) -> None:
    for found in hexdump.find(text):
        assert found.line >= 1
        assert found.error or isinstance(found.data, bytes)
