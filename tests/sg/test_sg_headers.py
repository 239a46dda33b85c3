"""The tables of SG_IO against the C compiler's, and what is made of a command and of its answer."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from pysrp.errors import PartnerGone, TransportError
from pysrp.initiator.requests import Aborted, TimedOut
from pysrp.sg import call
from pysrp.sg.call import Answer, SgCall3, SgCall4, failure
from pysrp.sg.headers import DriverStatus, HostStatus, Ioctl, Reset, SgIoHdr, SgIoV4

READ = bytes.fromhex("28000000000800000100")
TABLES = {"struct sg_io_hdr": SgIoHdr, "struct sg_io_v4": SgIoV4}


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """What a C program with these lines in main() prints, that includes the machine's own headers."""
    gcc = shutil.which("gcc")
    assert gcc, "the tests need a C compiler"
    folder = tmp_path_factory.mktemp("headers")

    def run(lines: str) -> str:
        (folder / "it.c").write_text(
            "#include <stddef.h>\n#include <stdio.h>\n#include <string.h>\n#include <scsi/sg.h>\n"
            f"#include <linux/bsg.h>\nint main(void)\n{{\n{lines}\nreturn 0;\n}}\n"
        )
        alone = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        subprocess.run([gcc, "-Wall", "-Werror", "it.c", "-o", "it"], cwd=folder, check=True, env=alone)
        return subprocess.run([folder / "it"], check=True, capture_output=True, text=True, env=alone).stdout

    return run


def value_of(place: int, size: int) -> int:
    """Another number for each field, with a bit in every byte, and not below zero."""
    return int.from_bytes(bytes(((place * 5 + at) % 127) + 1 for at in range(size)), "little")


def test_the_compiler_lays_out_the_same(compiler: Callable[[str], str]) -> None:
    """Names, offsets, sizes, and the bytes of a struct whose fields C has set."""
    lines = []
    for number, (name, table) in enumerate(TABLES.items()):
        lines.append(f"{name} s{number}; memset(&s{number}, 0, sizeof s{number});")
        for place, (field, kind) in enumerate(table._fields_):  # type: ignore[misc]
            value = value_of(place, ctypes.sizeof(kind))
            cast = "(void *)" if kind is ctypes.c_void_p else ""
            lines.append(f"s{number}.{field} = {cast}{value:#x}ULL;")
            lines.append(
                f'printf("{field} %zu %zu\\n", offsetof({name}, {field}), sizeof s{number}.{field});'
            )
        lines.append(
            f'for (size_t i = 0; i < sizeof s{number}; i++) printf("%02x", ((unsigned char *)&s{number})[i]);'
        )
        lines.append('printf("\\n");')
    said = compiler("\n".join(lines)).splitlines()
    wanted = []
    for table in TABLES.values():
        made = table()
        for place, (field, kind) in enumerate(table._fields_):  # type: ignore[misc]
            setattr(made, field, value_of(place, ctypes.sizeof(kind)))
            where = getattr(table, field)
            wanted.append(f"{field} {where.offset} {where.size}")
        wanted.append(bytes(made).hex())
    assert said == wanted
    assert ctypes.sizeof(SgIoV4) == 160
    assert ctypes.sizeof(SgIoHdr) == (88 if ctypes.sizeof(ctypes.c_void_p) == 8 else 64)


def test_the_compiler_has_the_same_numbers(compiler: Callable[[str], str]) -> None:
    numbers = {
        "SG_IO": Ioctl.SG_IO,
        "SG_SCSI_RESET": Ioctl.SG_SCSI_RESET,
        "SG_SCSI_RESET_DEVICE": Reset.DEVICE,
        "SG_DXFER_NONE": SgIoHdr.NONE,
        "SG_DXFER_TO_DEV": SgIoHdr.TO_DEVICE,
        "SG_DXFER_FROM_DEV": SgIoHdr.FROM_DEVICE,
        "BSG_PROTOCOL_SCSI": 0,
        "BSG_SUB_PROTOCOL_SCSI_CMD": 0,
    }
    said = compiler("\n".join(f'printf("%d\\n", (int){name});' for name in numbers))
    assert [int(line) for line in said.split()] == list(numbers.values())


@pytest.mark.parametrize("version", [SgCall3, SgCall4])
def test_what_is_asked_for(version: type[call.SgCall]) -> None:
    made: Any = version(READ, None, 512, 1.5)
    if version is SgCall3:
        header = made.header
        assert (header.interface_id, header.dxfer_direction, header.dxfer_len) == (ord("S"), -3, 512)
        assert ctypes.string_at(header.cmdp, header.cmd_len) == READ
        place, timeout = header.dxferp, header.timeout
    else:
        header = made.header
        assert (header.guard, header.din_xfer_len, header.dout_xfer_len) == (ord("Q"), 512, 0)
        assert ctypes.string_at(header.request, header.request_len) == READ
        place, timeout = header.din_xferp, header.timeout
    assert timeout == 1500
    ctypes.memmove(place, b"x" * 512, 512)
    assert bytes(made.data) == b"x" * 512
    assert place % mmap.PAGESIZE == 0, "one page more would be one piece more than the adapter may take"
    out: Any = version(READ, b"to it", 0, 0)
    if version is SgCall3:
        assert (out.header.dxfer_direction, out.header.dxfer_len) == (-2, 5)
        assert ctypes.string_at(out.header.dxferp, 5) == b"to it"
    else:
        assert (out.header.dout_xfer_len, out.header.din_xfer_len) == (5, 0)
        assert ctypes.string_at(out.header.dout_xferp, 5) == b"to it"
    assert out.header.timeout == 0x7FFFFFFF
    none: Any = version(READ, None, 0, 1e-9)
    assert none.header.timeout == 1
    assert version is SgCall4 or none.header.dxfer_direction == -1
    for length in (0, 5, 253):
        with pytest.raises(ValueError, match=f"a CDB of {length} bytes"):
            version(bytes(length), None, 0, 1)


def test_what_is_answered() -> None:
    """Lengths are believed up to the room that there is."""
    three = SgCall3(READ, None, 512, 1)
    ctypes.memmove(three.header.sbp, b"p" * 252, 252)
    three.header.status, three.header.sb_len_wr, three.header.resid = 2, 255, -7
    three.header.host_status, three.header.driver_status = 7, 8
    assert three.answer() == Answer(2, b"p" * 252, -7, 7, 8)
    for room, outward in ((b"x", True), (None, False)):
        four = SgCall4(READ, room, 512 if room is None else 0, 1)
        ctypes.memmove(four.header.response, b"qr", 2)
        four.header.device_status, four.header.response_len = 0x102, 2
        four.header.din_resid, four.header.dout_resid = 1, 2
        four.header.transport_status, four.header.driver_status = 5, 6
        assert four.answer() == Answer(2, b"qr", 2 if outward else 1, 5, 6)
    four.header.response_len = 1 << 31
    assert len(four.answer().sense) == 252


@pytest.mark.parametrize(
    ("host", "driver", "kind", "text"),
    [
        (3, 0, TimedOut, "READ(10): not answered within 2 s; the kernel has ended it"),
        (0, 6, TimedOut, "not answered within 2 s"),
        (1, 0, PartnerGone, "READ(10): host status 01h (DID_NO_CONNECT): the device cannot be reached"),
        (0xE, 0, PartnerGone, "DID_TRANSPORT_DISRUPTED"),
        (5, 0, Aborted, "host status 05h (DID_ABORT): the kernel ended it, how far it got is not known"),
        (8, 0, Aborted, "DID_RESET"),
        (7, 0, TransportError, "READ(10): host status 07h (DID_ERROR)"),
        (0x7F, 0, TransportError, "READ(10): host status 7Fh"),
        (7, 4, TransportError, "host status 07h (DID_ERROR), driver status 04h (DRIVER_ERROR)"),
        (0, 0xC, TransportError, "host status 00h (DID_OK), driver status 0Ch"),
    ],
)
def test_what_the_kernel_says_against_it(host: int, driver: int, kind: type[Exception], text: str) -> None:
    error = failure(READ, Answer(0, b"", 0, host, driver), 2)
    assert type(error) is kind
    assert text in str(error)
    assert failure(READ, Answer(2, b"", 0, host, driver), 2) is None, "the unit's own answer is one"


def test_success_and_unknown_commands() -> None:
    for driver in (DriverStatus.OK, DriverStatus.SENSE, 0x18):
        assert failure(READ, Answer(0, b"", 0, HostStatus.OK, driver), 2) is None
    said = str(failure(READ[:6], Answer(0, b"", 0, 7, 0), 2))
    assert said.startswith("CDB 280000000008: host status 07h")
