"""The command line from end to end: real processes, exit statuses, messages, terminals."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import resource
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from captures import CAPTURES
from integrity import content as block_of
from system_rig import MIB, Child

pytest.importorskip("click")

COMMAND = [sys.executable, "-m", "pysrp.cli"]
LUNS = "targets/ibmvstgt/ibmvstgt_target_0/luns"
ROW = "[{}:0:{}:0]".format
Done = subprocess.CompletedProcess[str]


def pysrp(*arguments: object, server: str = "", **options: Any) -> Done:
    """Run it to its end."""
    environment = {**os.environ, "PYSRP_SERVER": server, "NO_COLOR": "", "COLUMNS": "200"}
    if not server:
        del environment["PYSRP_SERVER"]
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        **{"capture_output": True, "text": True, "timeout": 120, "env": environment, **options},
    )


class Serving:
    """``pysrp serve`` in the background, with a RAM disk at LUN 256 and a file at 512."""

    def __init__(self, folder: Path, *more: object, by: Sequence[str] = (), **options: Any) -> None:
        self.url = f"unix:{folder}/vios"
        self.disk = folder / "disk"
        self.process = subprocess.Popen(
            [
                *by,
                *COMMAND,
                "serve",
                self.url,
                "--ram",
                "ram000=8M",
                "--file",
                f"file000={self.disk},4M",
                "--json",
            ]
            + ["--lun", "ram000=256", "--lun", "file000=512", *map(str, more)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        assert self.process.stdout is not None
        self.where = json.loads(self.process.stdout.readline())

    def __call__(self, *arguments: object, **options: Any) -> Done:
        """One command against it."""
        return pysrp(*arguments, server=self.url, **options)

    def json(self, *arguments: object) -> Any:
        """What a command with --json prints."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit status, rest of the output, errors."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output, errors


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    server = Serving(tmp_path_factory.mktemp("serve"), "--quiet")
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    started: list[Serving] = []

    def start(*more: object, **options: Any) -> Serving:
        started.append(Serving(tmp_path, *more, **options))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()


# Devices.


def test_list(served: Serving) -> None:
    done = served("lsscsi", "--host", 2)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [f"{ROW(2, i):<12} disk    IBM      VDASD blkdev     0001  -" for i in (1, 2)]
    assert done.stdout.splitlines() == rows
    assert [(each["hctl"], each["lun"], each["vendor"]) for each in served.json("lsscsi")] == [
        ([0, 0, 1, 0], "8100000000000000", "IBM"),
        ([0, 0, 2, 0], "8200000000000000", "IBM"),
    ]
    done = served("rescan", "--channels", 0, "--ids", "2-5")
    assert done.returncode == 0
    assert "Host: scsi0 Channel: 00 Id: 02 Lun: 00\n" in done.stdout
    assert done.stdout.endswith("1 device(s) found.\n")
    assert len(served.json("rescan", "--ids", "0-31")) == 2


@pytest.mark.parametrize("name", ["2", "0:0:2:0", "[0:0:2:0]", "0:2:0", "8200", "8200000000000000"])
def test_every_way_to_name_a_device(served: Serving, name: str) -> None:
    assert served.json("readcap", name) == {
        "blocks": 8192, "block_size": 512, "size": 4 * MIB, "lbpme": False, "lbprz": False,
    }  # fmt: skip


def test_ask(served: Serving) -> None:
    assert served("readcap", 1).stdout == "16384 blocks of 512 bytes: 8388608 bytes\n"
    assert served.json("inq", 1)["product"] == "VDASD blkdev"
    assert re.search(r"^ +16  product .*'VDASD blkdev'$", served("inq", 1).stdout, re.MULTILINE)
    assert served.json("inq", 1, "-p", "83")["page_code"] == 0x83
    assert served.json("luns", 1) == ["8100000000000000", "8200000000000000"]
    assert served("luns", 1).stdout.splitlines()[0].startswith("8100000000000000  ")


def test_write_and_read(served: Serving, tmp_path: Path) -> None:
    content = os.urandom(3 * MIB)
    (tmp_path / "in").write_bytes(content)
    done = served("write", 2, tmp_path / "in", "--lba", 16)
    assert done.returncode == 0
    assert re.fullmatch(r"write: 3\.0 MiB in [\d.]+ s, [\d.]+ \wiB/s\n", done.stderr)
    assert (served.disk.read_bytes())[8192 : 8192 + len(content)] == content
    done = served("read", 2, tmp_path / "out", "--lba", 16, "--size", "3M")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "out").read_bytes() == content
    done = served("read", 2, "--lba", 17, "--count", 3, text=False)
    assert done.stdout == content[512:2048]  # type: ignore[comparison-overlap]
    done = served("write", 1, input=b"from a pipe." * 128, text=False)
    assert done.returncode == 0
    done = served("read", 1, "--count", 3, text=False)
    assert done.stdout == b"from a pipe." * 128  # type: ignore[comparison-overlap]


def test_blocks_are_given_back(serve: Callable[..., Serving], tmp_path: Path) -> None:
    """UNMAP, then GET LBA STATUS, of a file: it has the hole."""
    server = serve("--thin", "file000")
    (tmp_path / "in").write_bytes(b"x" * 4 * MIB)
    assert server("write", 2, tmp_path / "in").returncode == 0
    assert server("raw", 2, "35 00 00 00 00 00 00 00 00 00").returncode == 0
    full = server.disk.stat().st_blocks
    (tmp_path / "list").write_bytes(struct.pack(">HH4xQI4x", 22, 16, 2048, 4096))
    done = server("raw", 2, "42 00 00 00 00 00 00 00 18 00", "-i", tmp_path / "list")
    assert done.returncode == 0, done.stderr
    assert server.disk.stat().st_blocks <= full - 4096
    told = server.json("raw", 2, "-r", 56, "9e 12 00 00 00 00 00 00 00 00 00 00 00 38 00 00")
    runs = [(0, 2048, 0), (2048, 4096, 1), (6144, 2048, 0)]
    assert bytes.fromhex(told["data"])[8:] == b"".join(struct.pack(">QIB3x", *each) for each in runs)
    assert server.disk.read_bytes() == b"x" * MIB + bytes(2 * MIB) + b"x" * MIB


def test_raw(served: Serving, tmp_path: Path) -> None:
    done = served("raw", 1, "-r", 36, "12", "00", "00", "00", "24", "00")
    assert (done.returncode, done.stderr) == (0, "INQUIRY: GOOD\n")
    assert done.stdout.splitlines()[0].startswith("00000000: 00 00 06 ")
    data = os.urandom(1024)
    (tmp_path / "in").write_bytes(data)
    done = served("raw", 1, "2a 00 00 00 10 00 00 00 02 00", "-i", tmp_path / "in")
    assert done.returncode == 0
    done = served("raw", 1, "2800000010000000 0200", "-r", 1024, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert (tmp_path / "out").read_bytes() == data
    # What the unit has to say of the login is not taken for the answer.
    done = served("raw", 1, "28 00 7f ff ff ff 00 00 01 00", "-r", 512)
    assert done.returncode == 1
    assert done.stderr == (
        "READ(10): CHECK CONDITION\nILLEGAL REQUEST, Logical block address out of range: byte 2 of the CDB\n"
    )
    done = served("raw", 1, "1d e0 00 00 00 00")
    assert done.stderr.endswith("\nILLEGAL REQUEST, Invalid field in cdb: byte 1, bit 7 of the CDB\n")
    done = served("raw", 1, "c0 00 00 00 00 00", "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["status"] == "CHECK_CONDITION"
    assert bytes.fromhex(answer["sense"])[2] & 15 == 5
    assert served.json("raw", 1, "00 00 00 00 00 00") == {
        "status": "GOOD", "sense": "", "residual": 0, "overflow": 0, "data": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        "-r 36 12 00 00 00 24 00",
        "-r 0x24 12 0 0 0 24 0",
        "-r 36 0x12 0x00 0x0 0 0x24 0",
        "-r 36 12:00:00:00:24:00",
    ],
)
def test_raw_reads_what_sg_raw_reads(served: Serving, arguments: str) -> None:
    done = served("raw", 1, *arguments.split())
    assert (done.returncode, done.stderr) == (0, "INQUIRY: GOOD\n")
    assert len(bytes.fromhex("".join(row[10:] for row in done.stdout.splitlines()))) == 36


def test_raw_with_room_in_k(served: Serving, tmp_path: Path) -> None:
    done = served("raw", "-r", "32k", 1, *"88 0 0 0 0 0 0 0 0 0 0 0 0 40 0 0".split(), "-o", tmp_path / "out")
    assert (done.returncode, (tmp_path / "out").stat().st_size) == (0, 32 << 10)
    done = served("read", 1, tmp_path / "out", "--lba", "0x10", "--count", "1k")
    assert (done.returncode, (tmp_path / "out").stat().st_size) == (0, 512 << 10)


def test_raw_tells_of_data_without_room(served: Serving) -> None:
    """A command without -r moves nothing, and that is no reason to say nothing."""
    read = "28 00 00 00 00 00 00 00 02 00".split()
    done = served("raw", 1, *read)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "READ(10): GOOD\nthe data of 2 blocks had no room: -r BYTES takes them\n"
    assert served("raw", 1, "-r", 2048, *read).stderr.endswith("\n1024 bytes moved, of 2048\n")
    for quiet in "12 00 00 00 00 00", "00 00 00 00 00 00":
        assert served("raw", 1, quiet).stderr.endswith(": GOOD\n")


def test_raw_that_fails_leaves_its_file_alone(served: Serving, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("precious")
    for more in (), ("--json",):
        done = served("raw", 1, "28 00 7f ff ff ff 00 00 01 00", "-r", 512, "-o", tmp_path / "out", *more)
        assert done.returncode == 1
        assert "left as it is" in done.stderr
        assert (tmp_path / "out").read_text() == "precious"
    done = served("raw", 1, "12 0 0 0 24 0", "-r", 36, "-o", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["data"] == (tmp_path / "out").read_bytes().hex()


def test_files_with_data_of_disks_are_their_owner_s(serve: Callable[..., Serving], tmp_path: Path) -> None:
    """Images and recordings are made with mode 0600, whatever the umask is."""
    umask = os.umask(0o022)
    try:
        server = serve("-q", "--record", tmp_path / "theirs")
        assert (
            server("read", 1, tmp_path / "out", "--size", "1k", "--record", tmp_path / "ours").returncode == 0
        )
        assert server("raw", 1, "12 0 0 0 24 0", "-r", 36, "-o", tmp_path / "raw").returncode == 0
    finally:
        os.umask(umask)
    assert server.stop()[0] == 0
    made = ["disk", "ours", "out", "raw", "theirs", "theirs.2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made
    assert [oct((tmp_path / name).stat().st_mode & 0o777) for name in made] == ["0o600"] * len(made)


def test_the_size_of_a_file_that_is_there(serve: Callable[..., Serving], tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"begin" + bytes(1019))
    server = serve("-q", "--file", f"small={tmp_path}/small,2M", "--lun", "small=768")
    assert server.json("readcap", 3)["size"] == 2 * MIB
    assert (tmp_path / "small").read_bytes()[:5] == b"begin"
    done = pysrp("serve", f"unix:{tmp_path}/other", "--file", f"d={tmp_path}/small,1M")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path}/small has 2097152 bytes, not 1048576" in done.stderr
    assert (tmp_path / "small").stat().st_size == 2 * MIB


def test_reset(served: Serving) -> None:
    done = served("reset")
    assert (done.returncode, done.stdout) == (0, "host reset: logged in again\n")
    done = served("reset", 1)
    assert (done.returncode, done.stdout) == (0, "logical unit reset: ready\n")


def test_verbose_shows_what_an_ibmvscsi_user_knows(served: Serving) -> None:
    log = served("lsscsi", "-v").stderr
    assert "host srp version: 16.a, host partition VIOS3-P6 (40), OS 2, max io 67108864" in log
    assert "SRP_LOGIN succeeded" in log


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("readcap", 9), "no device at 9; 'pysrp lsscsi' lists what there is"),
        (("inq", "x"), "'x' is no device"),
        (("inq", 1, "-p", "zz"), "'zz' is no VPD page"),
        (
            ("inq", 1, "-p", "42"),
            "INQUIRY: CHECK CONDITION: ILLEGAL REQUEST, Invalid field in cdb: byte 2 of the CDB; its VPD pages are 00, ",
        ),
        (("rescan", "--ids", "0-99"), "0-99: only 0 to 63 can be addressed"),
        (("rescan", "--ids", "a"), "'a' is no range"),
        (("read", 1, "--count", 16385), "blocks 0 to 16384: the device has 16384"),
        (("read", 1, "--size", "100"), "100 is not a multiple of the block size, 512 bytes"),
        (("read", 1, "--size", "many"), "'many' is no size"),
        (("read", 1, "/dev/full"), "No space left on device"),
        (("write", 1, "--lba", 16385), "the device has 16384"),
        (("raw", 1, "zz"), "'zz' is not hexadecimal text"),
        (("raw", 1, "00 00"), "a CDB has 6 to 260 bytes, this one 2"),
        (("raw", 1, "123456789abc0"), "an odd number of hexadecimal digits"),
        (("raw", 1, "120000002400", "-r", 1 << 40), f"{1 << 40} bytes: one command here can move"),
        (("reset", 40), "no device at 40"),
        (("scst", "cat", "nothing"), "nothing: No such file or directory"),
        (("scst", "write", f"{LUNS}/mgmt", "frob"), "Invalid argument"),
        (("lsscsi", "-s", "unix:/nowhere/at/all"), "No such file or directory"),
        (
            ("lsscsi", "-s", "tcp:1"),
            "begins with one of local:, unix:, vio:; sg: is for the devices of this machine",
        ),
        (
            ("serve", "unix:x", "--ram", "a=1M", "--lun", "b=256"),
            "--lun b: no disk is called so; --disk b=PATH",
        ),
        (
            ("serve", "unix:x", "--ram", "a=1M", "--lun", "a=1"),
            "--lun a=1: 0:1:0 or 256 is id 1; what SCST calls 1 is 0:0:1\n",
        ),
        (("serve", "unix:x", "--ram", "a=1M", "--lun", "a=0:64:0"), "--lun a=0:64:0: an address is "),
        (("serve", "unix:x", "--ram", "a=5"), "pysrp: --ram a=5: Invalid argument: size 5: a multiple"),
        (("serve", "unix:x", "--ram", "a=5x"), "pysrp: --ram a=5x: '5x' is no size"),
        (
            ("serve", "unix:x", "--disk", "a=/nowhere/x"),
            "pysrp: --disk a=/nowhere/x: No such file or directory: /nowhere/x\n",
        ),
        (
            ("serve", "unix:x", "--ram", "a=1M", "--disk", "a=null:1G"),
            "pysrp: --ram a=1M: File exists: the name a is taken",
        ),
        (("serve", "unix:/nowhere/at/all"), "No such file or directory"),
        (
            ("serve", "unix:x", "--file", "a=/nowhere/x"),
            "pysrp: --file a=/nowhere/x: /nowhere/x is not there: /nowhere/x,SIZE makes it",
        ),
        (
            ("serve", "unix:x", "--file", "a=/nowhere/x,1M"),
            "pysrp: --file a=/nowhere/x,1M: No such file or directory\n",
        ),
        (("serve", "unix:x", "--ram", "a"), "write NAME=SIZE"),
        (("serve", "unix:x", "--disk", "a"), "write NAME=URL"),
        (("serve", "unix:x", "--ram", "a=1M", "--thin", "b"), "--thin b: no disk is called so"),
        (
            ("serve", "unix:x", "--disk", "a=rom:1M"),
            "no medium is called 'rom': write a path, or one of",
        ),
        (("serve", "unix:x", "--mode", "9"), "--mode '9': it is octal, such as 660"),
        (("serve", "unix:x", "--unit-address", "zz"), "--unit-address 'zz': it is hexadecimal"),
        (("serve", "unix:x", "--max-window", "0"), "max_window 0: from 8192"),
        (("lsscsi", "--timeout", "0.1", "-s", "unix:/tmp/none-such"), "pysrp serve starts a server"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    served: Serving, tmp_path: Path, arguments: tuple[Any, ...], message: str
) -> None:
    done = served(*arguments, stdin=subprocess.DEVNULL, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("pysrp: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("lsscs", "No such command 'lsscs': perhaps lsscsi or scst.\n"),
        ("xyzzy", "No such command 'xyzzy'.\n"),
    ],
)
def test_a_slip_of_the_pen(typed: str, said: str) -> None:
    done = pysrp(typed)
    assert (done.returncode, done.stderr.partition("Error: ")[2]) == (2, said)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",), ("lsscsi", "--nonsense"), ("inq",), ("lsscsi",), ("fields", "Nonsense"), ("scst", "ls"),
        ("raw", 1, "00", "-r", "-5"), ("decode", "--as", "poetry"), ("write", 1, "/nowhere/at/all"),
        ("write", 1, "--lba", -1, "-s", "unix:/x"), ("read", 1, "--count", "many", "-s", "unix:/x"),
        ("read", 1, "--count", 1, "--size", 512, "-s", "unix:/x"), ("read", 1, "/", "-s", "unix:/x"),
        ("raw", 1, "00", "-r", "9" * 30, "-s", "unix:/x"), ("lsscsi", "--record", "-", "-s", "unix:/x"),
        ("serve", "unix:/nowhere", "--record", "-"),
    ],
)  # fmt: skip
def test_wrong_usage(arguments: tuple[Any, ...]) -> None:
    done = pysrp(*arguments)
    assert done.returncode == 2
    assert "Usage: pysrp" in done.stderr
    if arguments in (("lsscsi",), ("scst", "ls")):
        assert "as it was given to 'pysrp serve', or PYSRP_SERVER in the environment" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("}", ": line 1: this closes a block that was never opened"),
        (
            "DEVICE_GROUP one {\nDEVICE none\n}",
            ": device_groups/one/devices/mgmt: line 2: Invalid argument: ",
        ),
    ],
)
def test_a_wrong_conf_is_named(text: str, said: str, tmp_path: Path) -> None:
    conf = tmp_path / "wrong.conf"
    conf.write_text(text)
    done = pysrp("serve", f"unix:{tmp_path}/vios", "--conf", conf)
    assert done.returncode == 1
    assert f"pysrp: {conf}{said}" in done.stderr


def test_data_that_does_not_fit(served: Serving, tmp_path: Path) -> None:
    done = served("write", 2, "--lba", 8190, input=bytes(2048), text=False)
    assert done.returncode == 1
    assert b"longer than the device: 2 blocks from 8190 on" in done.stderr  # type: ignore[operator]
    done = served("write", 2, input=bytes(700), text=False)
    assert done.returncode == 1
    assert b"ends within a block of 512 bytes" in done.stderr  # type: ignore[operator]


def test_nobody_reads_the_output(served: Serving) -> None:
    process = subprocess.Popen(
        [*COMMAND, "read", "1", "-s", served.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1
    assert b"Traceback" not in errors


# Serving.


def test_an_address_is_a_lun(serve: Callable[..., Serving]) -> None:
    server = serve("-q", "--ram", "a=1M", "--ram", "b=1M", "--lun", "a=2:3:4", "--lun", "b=7:0:3:1")
    assert [each["hctl"][1:] for each in server.json("lsscsi")] == [
        [0, 1, 0],
        [0, 2, 0],
        [0, 3, 1],
        [2, 3, 4],
    ]


def test_what_it_takes_to_log_in_is_said_once(tmp_path: Path, child: Any) -> None:
    url = f"unix:{tmp_path}/bare"
    process = subprocess.Popen(
        [*COMMAND, "serve", url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)][
        0
    ] == f"serving {url} as targets/ibmvstgt/ibmvstgt_target_0\n"
    process.terminate()
    output, errors = process.communicate(timeout=60)
    assert output == ""
    said = "nothing is exported (--lun NAME=256 does that, and enables the target), and no client can log in yet: "
    said += f"pysrp scst -s {url} write targets/ibmvstgt/ibmvstgt_target_0/enabled 1"
    assert [line for line in errors.splitlines() if "log in" in line] == [said]


def test_what_is_served_changes(serve: Callable[..., Serving], tmp_path: Path) -> None:
    server = serve("--quiet")
    assert server.where == {
        "url": server.url, "control": f"{tmp_path}/vios.scst", "target": "targets/ibmvstgt/ibmvstgt_target_0",
    }  # fmt: skip
    assert server("scst", "ls", "devices").stdout == "file000\nram000\n"
    assert server("scst", "write", "handlers/vdisk_ram/mgmt", "add_device more size_mb=1").returncode == 0
    assert server("scst", "write", f"{LUNS}/mgmt", "add more 768").returncode == 0
    assert [each["hctl"][2] for each in server.json("lsscsi")] == [1, 2, 3]
    assert server("scst", "write", f"{LUNS}/mgmt", input="del 768\ndel 512\n").returncode == 0
    assert [each["hctl"][2] for each in server.json("rescan")] == [1]
    done = server("scst", "write", f"{LUNS}/mgmt", "add ram000 256")
    assert done.returncode == 1
    assert "File exists" in done.stderr
    (tmp_path / "saved").write_text(server("scst", "save").stdout)
    assert server("scst", "load", tmp_path / "saved").returncode == 0
    assert server.stop()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_shutdown(serve: Callable[..., Serving], tmp_path: Path, child: Any, number: int) -> None:
    """Flushed, exit status 0, sockets gone, while a client is still writing; what it was told is there."""
    server = serve("--partition-name", "somebody")
    client: Child = child("system_client.py", server.url, 1, 2)
    assert client.line() == "ready"
    acknowledged = set(client.line())
    status, output, errors = server.stop(number)
    assert (status, output) == (0, "")
    assert "SRP_LOGIN of UNKNOWN succeeded" in errors
    assert "stopping: " in errors
    assert "Traceback" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk"]
    for some in client.rest():
        acknowledged.update(some)
    assert client.process.wait(60) == 0
    content = server.disk.read_bytes()
    assert len(content) == 4 * MIB  # the file was made, of the size that was asked for
    for lba in acknowledged:
        assert content[512 * lba : 512 * lba + 512] == block_of(1, lba, 1)


@pytest.mark.parametrize("hard", [700, 200])
def test_the_limit_of_descriptors_is_raised(serve: Callable[..., Serving], hard: int) -> None:
    # What is already so is not spoken of.
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = serve(by=["prlimit", f"--nofile=200:{hard}"])
    assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    said = "descriptors: at most 700, where the limit was 200"
    assert (said in server.stop()[2].splitlines()) == (hard == 700)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_a_limit_that_cannot_be_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pysrp.cli.serve import raise_limit

    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, 1 << 30))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with caplog.at_level(logging.INFO, "pysrp.cli"):
        raise_limit()
    assert "at most 1024, as 1073741824 are refused: not allowed" in caplog.text


def test_a_shutdown_while_it_still_loads(tmp_path: Path) -> None:
    """A signal is heard: what is begun is finished, the rest of the file is not."""
    luns = "".join(f"LUN {i} n{i}\n" for i in range(16384))
    devices = "".join(f"DEVICE n{i} {{ size 512 }}\n" for i in range(16384))
    text = f"TARGET_DRIVER ibmvstgt {{ TARGET ibmvstgt_target_0 {{\nenabled 1\n{luns}}} }}"
    (tmp_path / "conf").write_text(f"HANDLER vdisk_nullio {{\n{devices}}}\n{text}")
    with subprocess.Popen(
        [*COMMAND, "serve", f"unix:{tmp_path}/vios", "--conf", str(tmp_path / "conf"), "-q"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while not (tmp_path / "vios").exists() and process.poll() is None:
            pass
        process.terminate()
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]


def test_names_and_paths_with_blanks(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(
        "HANDLER vdisk_ram { DEVICE 'more' { size 1M } }\nTARGET_DRIVER scst_local { }\n"
    )
    image = tmp_path / "my disk, really; yes"
    url = f"unix:{tmp_path}/vios"
    with subprocess.Popen(
        [*COMMAND, "serve", url, "--file", f"my disk={image},1M", "--lun", "my disk=256"]
        + ["--disk", f"a;b=file:{tmp_path}/a;b%3D?size=1M", "--lun", "a;b=512", "--conf", str(tmp_path / "conf")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        assert pysrp("scst", "ls", "devices", server=url).stdout == "'more'\na;b\nmy disk\n"
        saved = pysrp("scst", "save", server=url).stdout
        assert f'filename "{image}"\n' in saved
        assert f'url "file:{tmp_path}/a;b%3D?size=1M"\n' in saved
        (tmp_path / "saved").write_text(saved)
        done = pysrp("scst", "load", tmp_path / "saved", server=url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert pysrp("scst", "save", server=url).stdout == saved
        assert len(json.loads(pysrp("lsscsi", "--json", server=url).stdout)) == 2
        process.terminate()
        assert "line 2: TARGET_DRIVER scst_local is left out" in process.communicate(timeout=60)[1]
    assert image.stat().st_size == MIB


def test_one_at_a_time(serve: Callable[..., Serving]) -> None:
    server = serve("-q")
    done = pysrp("serve", server.url)
    assert (done.returncode, "somebody listens there already" in done.stderr) == (1, True)
    server.process.kill()  # leaves its socket behind
    server.process.wait()
    again = serve("-q")
    assert len(again.json("lsscsi")) == 2
    assert again.stop() == (0, "", "")


def test_record(serve: Callable[..., Serving], tmp_path: Path) -> None:
    """Both sides' records decode, and tell of the same commands."""
    ours, theirs = tmp_path / "client.jsonl", tmp_path / "server.jsonl"
    server = serve("--record", theirs)
    assert server("read", "1", tmp_path / "data", "--size", "64k", "--record", ours).returncode == 0
    assert server("inq", "1").returncode == 0
    nowhere = tmp_path / "none" / "file"
    for done in (
        server("inq", "1", "--record", nowhere),
        pysrp("serve", f"unix:{tmp_path}/other", "--record", nowhere),
    ):
        assert (done.returncode, f"{nowhere}: No such file" in done.stderr) == (1, True), done.stderr
    done = server("lsscsi", "--record", "/dev/full")
    assert (done.returncode, "/dev/full: No space left" in done.stderr) == (1, True), done.stderr
    assert server.stop()[0] == 0
    seen = []
    for file in (ours, theirs, f"{theirs}.2"):
        done = pysrp("decode", "--json", file)
        assert done.returncode == 0, done.stderr
        units = [json.loads(line) for line in done.stdout.splitlines()]
        seen.append([each["fields"]["cdb"] for each in units if each.get("class") == "Cmd"])
    assert seen[0] == seen[1] != seen[2]
    assert any(cdb.startswith("28") for cdb in seen[0])
    assert [cdb[:2] for cdb in seen[2]] == ["12", "12"]


def test_a_server_that_can_record_no_more_serves_on(serve: Callable[..., Serving], tmp_path: Path) -> None:
    """The medium is full when a client has gone, or while it reads; the second one's file cannot even be made."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "log").symlink_to("/dev/full")
    (folder / "log.3").mkdir()
    server = serve("--record", folder / "log")
    for arguments in ("readcap", 1), ("read", 1, tmp_path / "data"), ("readcap", 1):
        done = server(*arguments)
        assert done.returncode == 0, done.stderr
    status, _, errors = server.stop()
    assert status == 0
    assert "Traceback" not in errors
    assert f"no more is recorded: {folder}/log: No space left on device" in errors
    assert f"no more is recorded: {folder}/log.3: Is a directory" in errors


def test_a_disabled_target_rejects_if_it_is_told_to(serve: Callable[..., Serving]) -> None:
    server = serve("--disable", "--reject-disabled")
    done = server("lsscsi", "-v")
    assert done.returncode == 1
    assert "SRP_LOGIN_REJ" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("reason 0x00010001: insufficient resources")
    assert server("scst", "write", LUNS.replace("luns", "enabled"), "1").returncode == 0
    assert len(server.json("lsscsi")) == 2


def test_the_socket_s_mode(serve: Callable[..., Serving], tmp_path: Path) -> None:
    serve("-q", "--mode", "660")
    assert (tmp_path / "vios").stat().st_mode & 0o777 == 0o660
    assert (tmp_path / "vios.scst").stat().st_mode & 0o777 == 0o600


def test_a_medium_that_is_full(tmp_path: Path, child: Any) -> None:
    """The sense data reaches the one who typed the command."""
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(4 * MIB)
    server: Child = child("system_server.py", f"unix:{tmp_path}/s", tmp_path / "disk", MIB)
    assert server.line() == "ready"
    done = pysrp("write", 1, server=f"unix:{tmp_path}/s", input=bytes(2 * MIB), text=False)
    assert done.returncode == 1
    assert b"CHECK CONDITION: DATA PROTECT, Space allocation failed write protect" in done.stderr  # type: ignore[operator]


# Terminals.


def in_a_terminal(*arguments: object, server: str = "", **more: str) -> tuple[int, str]:
    """Run it in a pseudo terminal, with ``more`` in its environment; exit status and all that it showed."""
    near, far = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "PYSRP_SERVER": server}
    environment.pop("NO_COLOR", None)
    environment |= more
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdin=far, stdout=far, stderr=far, env=environment
    )
    os.close(far)
    shown = b""
    try:
        while more := os.read(near, 65536):
            shown += more
    except OSError:
        pass  # EIO: the last one has closed it
    os.close(near)
    return process.wait(60), shown.decode()


def test_progress_is_for_terminals(serve: Callable[..., Serving], tmp_path: Path) -> None:
    """A line that rewrites itself, and is gone in the end; without a terminal only the summary."""
    server = serve("-q", "--ram", "large=512M", "--lun", "large=768")
    status, shown = in_a_terminal("read", 3, tmp_path / "out", server=server.url)
    assert status == 0
    assert re.search(r"\rread: +\d+% [\d.]+ MiB, [\d.]+ \wiB/s", shown)
    assert shown.replace("\r\n", "\n").split("\x1b[K")[-1].startswith("read: 512.0 MiB in ")
    done = server("read", 3, "/dev/null")
    assert re.fullmatch(r"read: 512\.0 MiB in [\d.]+ s, [\d.]+ \wiB/s\n", done.stderr)


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    (tmp_path / "hex").write_text("120000002400\nff\n")
    status, shown = in_a_terminal("decode", tmp_path / "hex")
    assert status == 1
    assert "\x1b[1m-- line 1" in shown
    assert "\x1b[31m! offset 0" in shown
    assert "\x1b" not in pysrp("decode", tmp_path / "hex").stdout
    for plain in {"NO_COLOR": "1"}, {"TERM": "dumb"}:
        for arguments in ("decode", tmp_path / "hex"), ("fields", "Cmd"):
            assert "\x1b" not in in_a_terminal(*arguments, **plain)[1]
    assert "\x1b[1m" in in_a_terminal("decode", tmp_path / "hex", NO_COLOR="")[1]


def test_bytes_are_not_for_terminals(served: Serving) -> None:
    for arguments in ("read", 1), ("read", 1, "-"), ("raw", 1, "12 0 0 0 24 0", "-r", 36, "-o", "-"):
        status, shown = in_a_terminal(*arguments, server=served.url)
        assert (status, "is a terminal" in shown) == (2, True), shown
    status, shown = in_a_terminal("write", 1, server=served.url)
    assert (status, "is a terminal" in shown) == (2, True), shown
    status, shown = in_a_terminal("raw", 1, "12 0 0 0 24 0", "-r", 36, server=served.url)
    assert (status, "00000000: 00 00 06" in shown) == (0, True), shown


# Decoding.


def test_decode_captures(tmp_path: Path) -> None:
    """All of them at once, in JSON: every record of every file, and none that cannot be read."""
    (tmp_path / "all").write_text("".join(path.read_text() for path in CAPTURES))
    done = pysrp("decode", "--json", tmp_path / "all")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == len((tmp_path / "all").read_text().splitlines())
    assert [each for each in records if "error" in each] == []
    assert done.returncode == 0
    assert {"LoginReq", "LoginRsp", "Cmd", "Rsp", "TskMgmt", "Element", "Inquiry"} <= {
        each.get("class") for each in records
    }
    done = pysrp("decode", CAPTURES[0])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("-- ")


def test_decode_hex_and_binary(tmp_path: Path) -> None:
    element = bytes.fromhex("80010000003c01000000000000001000")
    for text in (
        element.hex(),
        element.hex(" "),
        f"0x{element.hex(':')} # a command",
        f"00000000: {element.hex(' ')}",
    ):
        done = pysrp("decode", "--json", input=text + "\n")
        assert done.returncode == 0, done.stderr
        (record,) = [json.loads(line) for line in done.stdout.splitlines()]
        assert record["class"] == "Element"
        assert record["fields"]["IU_length"] == 256
    (tmp_path / "queue").write_bytes(3 * element)
    done = pysrp("decode", "--as", "crq", "--json", tmp_path / "queue")
    assert [json.loads(line)["record"] for line in done.stdout.splitlines()] == [
        "offset 0", "offset 16", "offset 32",
    ]  # fmt: skip


def test_decode_goes_on_after_what_is_malformed(tmp_path: Path) -> None:
    lines = ["120000002400", "zz", "02000000", "", "# nothing", "28000000001000000800"]
    done = pysrp("decode", input="\n".join(lines))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Inquiry" in done.stdout
    capture = CAPTURES[0].read_text().splitlines()[:3]
    done = pysrp(
        "decode", "--json", input="\n".join([capture[0], "{}", '{"hex": 5}', "nonsense", *capture[1:]])
    )
    assert done.returncode == 1
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert ["error" in each for each in found] == [False, True, True, True, False, False]
    done = pysrp("decode", input=os.urandom(300), text=False)
    assert done.returncode in (0, 1)
    assert b"Traceback" not in done.stderr  # type: ignore[operator]


def test_decode_strictly() -> None:
    assert pysrp("decode", input="00ff00000000").returncode == 0
    done = pysrp("decode", "--strict", input="00ff00000000")
    assert done.returncode == 1
    assert "! " in done.stdout


def test_fields() -> None:
    done = pysrp("fields", "read10")
    assert done.returncode == 0
    assert re.search(r"^ +2 +4  lba +First logical block", done.stdout, re.MULTILINE)
    names = pysrp("fields").stdout
    for name in "pysrp.srp.Cmd", "pysrp.crq.Element", "pysrp.mad.AdapterInfo", "pysrp.scsi.cdb.Read16":
        assert f"{name} " in names


# The demo.


def test_demo() -> None:
    done = pysrp("demo", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result["disks"] == 16
    assert result["bytes"] == 16 * 32 * MIB
    assert result["bad"] == []
