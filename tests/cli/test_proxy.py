"""pysrp proxy: real servers, clients and proxies, each a process; and what its rules do to what passes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("click")

from click.testing import CliRunner

from pysrp import crq, mad, scsi, srp
from pysrp.cli import program
from pysrp.cli.rules import Faults, Rules, Setting, script, structure
from pysrp.errors import ConfigError
from pysrp.lun import Lun

COMMAND = [sys.executable, "-m", "pysrp.cli"]
SCRIPT = """
from pysrp import scsi, srp

def edit(direction, element, iu):
    if direction == "i2t" and iu and iu[0] == srp.Opcode.CMD:
        cdb = scsi.parse_cdb(srp.Cmd(iu).cdb)
        if isinstance(cdb, scsi.Read10):
            cdb.lba += 1
            return [0.001]
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*arguments: object, server: str = "") -> subprocess.CompletedProcess[Any]:
    where = ["-s", server] if server else []
    return subprocess.run([*COMMAND, *map(str, arguments), *where], capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A disk whose block n is full of n."""
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "disk").write_bytes(b"".join(bytes([n]) * 512 for n in range(64)))
    process = start("serve", f"unix:{folder}/vios", "--disk", f"d={folder}/disk", "--lun", "d=256", "-q")
    assert process.stdout is not None
    process.stdout.readline()
    yield f"unix:{folder}/vios"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


@contextmanager
def trying(url: str) -> Iterator[subprocess.Popen[str]]:
    """A client that is not to get far."""
    client = start("lsscsi", "--timeout", 600, "-s", url)
    try:
        yield client
    finally:
        client.kill()
        client.communicate()


class Proxy:
    """A proxy before a server, in the background."""

    def __init__(self, folder: Path, server: str, *more: object) -> None:
        self.url = f"unix:{folder}/mid"
        self.process = start("proxy", self.url, server, *more)
        assert self.process.stdout is not None
        self.first = self.process.stdout.readline()

    def read(self, block: int) -> subprocess.CompletedProcess[Any]:
        return run("read", "0:0:1:0", "-", "--lba", block, "--size", 512, server=self.url)

    def end(self, number: int = 0) -> tuple[int, str, str]:
        """Exit status, what it printed, what it logged."""
        if number:
            self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=60)
        return self.process.returncode, output, errors


def test_it_shows_and_records(tmp_path: Path, server: str) -> None:
    """The recording is one that decode reads; two clients are told apart."""
    proxy = Proxy(tmp_path, server, "--json", "--record", tmp_path / "session.jsonl")
    assert json.loads(proxy.first) == {"listen": proxy.url, "connect": server}
    assert proxy.read(3).stdout == bytes([3]) * 512
    assert proxy.read(4).stdout == bytes([4]) * 512
    status, output, errors = proxy.end(signal.SIGINT)
    assert status == 0
    shown = [json.loads(line) for line in output.splitlines()]
    assert {entry["client"] for entry in shown} == {1, 2}
    for number, suffix in (1, ""), (2, ".2"):
        decoded = run("decode", "--json", tmp_path / f"session.jsonl{suffix}")
        assert decoded.returncode == 0
        again = [json.loads(line) for line in decoded.stdout.splitlines()]
        here = [entry for entry in shown if entry["client"] == number]
        assert [entry["seq"] for entry in again] == [entry["seq"] for entry in here]
        assert [entry.get("fields") for entry in again] == [entry.get("fields") for entry in here]
        assert f"client {number} has gone" in errors
    assert any(entry.get("class") == "Cmd" and entry["cdb"]["class"] == "Read10" for entry in shown)


def test_it_edits_and_holds_back(tmp_path: Path, server: str) -> None:
    """By a script, which ends where it is wrong; --once; tables for people."""
    (tmp_path / "edit.py").write_text(SCRIPT)
    proxy = Proxy(
        tmp_path,
        server,
        "--script",
        tmp_path / "edit.py",
        "--once",
        "--show",
        "--set",
        "Read10.group_number=1",
    )
    assert proxy.read(3).stdout == bytes([4]) * 512
    status, output, errors = proxy.end()
    assert (status, "READ(10)" in output, "1 late" in errors) == (0, True, True)
    (tmp_path / "edit.py").write_text("def edit(direction, element, iu):\n    return 1 / 0\n")
    proxy = Proxy(tmp_path, server, "--script", tmp_path / "edit.py", "-q")
    with trying(proxy.url):
        status, output, errors = proxy.end()
    assert (status, errors) == (
        1,
        f"pysrp: {tmp_path}/edit.py, line 2: ZeroDivisionError: division by zero\n",
    )


def test_answers_that_are_lost(tmp_path: Path, server: str) -> None:
    """A client whose answers do not come waits for them."""
    proxy = Proxy(
        tmp_path, server, "--drop", "1", "--only", "LoginRsp", "--delay", "0.5,0.001", "--seed", "3"
    )
    assert proxy.process.stderr is not None
    with trying(proxy.url) as client:
        assert any("dropped" in line for line in proxy.process.stderr)
        assert client.poll() is None, "it waits for the answer still"
    assert proxy.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--show", "--json"], 2, "give one of them"),
        (["--set", "Cmd.tag"], 1, "write STRUCTURE.FIELD=VALUE"),
        (["--set", "tag=1"], 1, "write STRUCTURE.FIELD=VALUE"),
        (["--set", "Cmdd.tag=1"], 1, "no structure is named 'Cmdd'"),
        (["--set", "Cmd.tagg=1"], 1, "'pysrp fields Cmd' shows them"),
        (["--set", "Cmd.data_in=1"], 1, "of a fixed place"),
        (["--set", "Cmd.task_attr=9"], 1, "no value of the field"),
        (["--set", "Cmd.task_attr=soon"], 1, "neither a number nor one of SIMPLE, "),
        (["--set", "Cmd.tag=soon"], 1, "it is no number"),
        (["--set", "Rsp.status=late"], 1, "nor one of GOOD, "),
        (["--set", "Cmd.lun=x"], 1, "no value of the field"),
        (["--set", "InquiryData.vendor=x"], 1, "neither a number nor bytes"),
        (["--only", "Nothing", "--drop", "1"], 1, "no structure is named"),
        (["--only", "Rsp"], 2, "none of these is given"),
        (["--delay", "2,1"], 2, "write SHARE,SECONDS"),
        (["--delay", "0.5"], 2, "write SHARE,SECONDS"),
        (["--delay", "nan,1"], 2, "write SHARE,SECONDS"),
        (["--drop", "2"], 2, "--drop"),
        (["--mode", "9"], 1, "octal, such as 660"),
        (["--timeout", "0.01"], 1, "pysrp serve starts a server"),
        (["--script", "none.py"], 2, "none.py"),
        (["--script", "broken.py"], 1, "broken.py, line 1: invalid syntax"),
        (["--script", "empty.py"], 1, "has no function edit(direction, element, iu)"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.py").write_text("def")
    Path("empty.py").write_text("edit = 1")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        done = CliRunner().invoke(program(), ["proxy", "mid", "unix:nobody", *arguments])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    text = done.output + str(done.exception if status == 1 else "")
    assert said in text
    assert (done.exit_code, isinstance(done.exception, SystemExit)) == (status, status == 2)


def edited(
    rules: Rules, iu: Any, direction: str = "i2t", form: int = crq.Format.SRP
) -> tuple[object, bytes, Any]:
    """What becomes of an IU and its element; what is returned."""
    element, given = bytearray(bytes(crq.Element.srp(0x1000, 48))), bytearray(bytes(iu))
    element[1] = form
    result = rules.for_client(1)(direction, element, given)
    return result, bytes(element), bytes(given)


def test_settings() -> None:
    """Of elements, IUs, datagrams, CDBs and sense data: numbers, names of values, LUNs, bytes."""
    texts = (
        "Element.timeout=0x10",
        "Cmd.task_attr=ordered",
        "Cmd.lun=8200000000000000",
        "Read10.lba=7",
        "cmd.rsvd2=010203",
    )
    cdb = bytes(scsi.Read10.build(lba=1)).ljust(16, b"\0")
    _, element, iu = edited(Rules(tuple(map(Setting.of, texts))), srp.Cmd.build(cdb=cdb))
    command = srp.Cmd(iu)
    assert crq.Element(element).timeout == 16
    assert (command.task_attr, command.lun) == (srp.TaskAttribute.ORDERED, Lun.from_text("8200000000000000"))
    assert bytes(command.rsvd2) == b"\1\2\3"
    assert scsi.parse_cdb(command.cdb).lba == 7
    sense = scsi.FixedSense.build(sense_key=5)
    _, _, iu = edited(
        Rules((Setting.of("FixedSense.sense_key=3"), Setting.of("Rsp.status=busy"))),
        srp.Rsp.build(status=2, sense=bytes(sense)),
        "t2i",
    )
    assert scsi.parse_sense(srp.Rsp(iu).sense).sense_key == 3
    assert srp.Rsp(iu).status == scsi.Status.BUSY
    _, _, iu = edited(
        Rules((Setting.of("AdapterInfo.status=1"),)), mad.AdapterInfo.build(), form=crq.Format.MAD
    )
    assert mad.AdapterInfo(iu).status == 1
    _, element, iu = edited(Rules((Setting.of("Element.IU_length=9"),)), b"\xee\1\2")
    assert (crq.Element(element).IU_length, iu) == (9, b"\xee\1\2")


def test_chances_are_those_of_the_seed() -> None:
    """Shares are about what was asked for; the same seed and client meet the same."""
    faults = Faults(drop=0.25, duplicate=0.25, delay=0.25, seconds=2.0)
    iu = bytes(srp.Cmd.build())

    def fates(seed: int, number: int = 1) -> list[Any]:
        edit = Rules(faults=faults, seed=seed).for_client(number)
        return [edit("i2t", bytearray(16), bytearray(iu)) for _ in range(1000)]

    met = fates(7)
    assert met == fates(7)
    assert met != fates(8)
    assert met != fates(7, 2)
    assert 150 < met.count([]) < 350
    assert 100 < sum(len(each) == 2 for each in met) < 300
    assert 100 < sum(2.0 in each for each in met) < 300
    assert Rules(faults=faults).for_client(1)("i2t", bytearray(16), None) is None
    only = Faults(drop=1.0, only=(structure("READ(10)"),))
    assert edited(Rules(faults=only), srp.Cmd.build())[0] is None
    assert edited(Rules(faults=only), srp.Cmd.build(cdb=bytes(scsi.Read10.build()).ljust(16, b"\0")))[0] == []
    assert Faults(delay=1.0, seconds=1.0).befalls([0.5, 1.0], random.Random(0)) == [1.5, 2.0]


def test_a_script_before_chance(tmp_path: Path) -> None:
    place = tmp_path / "s.py"
    place.write_text("def edit(direction, element, iu): return [1]")
    rules = Rules(script=script(os.fspath(place)), faults=Faults(duplicate=1.0))
    assert edited(rules, srp.Cmd.build())[0] == [1.0, 1.0]
    place.write_text("def edit(direction, element, iu): return 'soon'")
    with pytest.raises(ConfigError, match=r"s\.py: ValueError: 'soon' is neither None nor a list of seconds"):
        edited(Rules(script=script(os.fspath(place))), srp.Cmd.build())
    place.write_text("import nothing_of_this_name")
    with pytest.raises(ConfigError, match="line 1: ModuleNotFoundError"):
        script(os.fspath(place))
