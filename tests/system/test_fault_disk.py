"""Disks with faults through real sessions, as docs/media/fault.md has it: each rule, the management tree, the command line."""

from __future__ import annotations

import errno
import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.cli.serve import device
from pysrp.fabric import Identity
from pysrp.initiator.requests import TimedOut
from pysrp.initiator.session import Session
from pysrp.media import open_medium
from pysrp.media.faulty import Faulty
from pysrp.scsi.codes import Status
from pysrp.scsi.sense import parse_sense
from pysrp.scst import Tree, TreeError, load, save
from pysrp.scst.cli import scst
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server
from waiting import until

MIB = 1 << 20
PAGES = Path(__file__).parents[2] / "docs" / "media"
DOCUMENT = (PAGES / "fault.md").read_text()
COMMAND = [sys.executable, "-m", "pysrp.cli"]
_names = itertools.count()

WRITE, READ, SYNC = (
    bytes.fromhex(each) for each in ("2a000000006400000800", "28000000006400000800", "35000000000000000000")
)
DATA = b"".join(bytes([number]) * 512 for number in range(1, 9))


class Scene:
    """A server with one disk on a fault medium over memory, and a client."""

    def __init__(self, *rules: str, seed: int = 1) -> None:
        self.bytes = Ram(MIB)
        self.medium = Faulty(self.bytes, rules, seed=seed)
        self.disk = Disk(self.medium, "bad")
        self.server = Server(f"local:faults{next(_names)}", LunMap([(256, self.disk)]))
        self.session = Session(self.server.url)
        self.session.connect()
        (self.device,) = self.session.scan(channels=[0], ids=[1])
        until(lambda: not self.session.execute(self.device.lun, bytes(6), check=False).status)

    def submit(self, cdb: bytes) -> Any:
        if cdb is WRITE:
            return self.session.submit(self.device.lun, cdb, data_out=DATA, timeout=0)
        return self.session.submit(self.device.lun, cdb, data_in_length=4096 if cdb is READ else 0, timeout=0)

    def told(self, name: str, cdb: bytes) -> list[str]:
        """What is not GOOD."""
        pending = self.submit(cdb)

        def over() -> bool:
            self.session.poll()
            if any(each.holds for each in self.medium.rules if each.rule.delay is None):
                self.medium.release()
            return bool(pending.done)

        until(over)
        result = pending.outcome(check=False)
        if not result.status:
            return []
        if result.status != Status.CHECK_CONDITION:
            return [f"{name} {Status(result.status).name.replace('_', ' ')}"]
        sense = parse_sense(result.sense)
        where = "" if sense.information is None else f" {sense.information}"
        return [f"{name} {sense.sense_key:X}/{sense.asc:02X}/{sense.ascq:02X}{where}"]

    def close(self) -> None:
        self.medium.clear()
        self.session.close()
        self.server.stop()
        self.medium.close()


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    scene = Scene(*getattr(request, "param", ()))
    yield scene
    scene.close()


TABLE = re.findall(r"^\| `([^`|]+)` \| [^|]*\| ([^|]*)\|$", DOCUMENT.partition("| told |")[2], re.MULTILINE)


def test_the_table_is_whole() -> None:
    from pysrp.media.fault_rules import ACTIONS

    assert {rule.split()[0] for rule, _ in TABLE} == ACTIONS.keys()
    assert len(TABLE) == DOCUMENT.partition("| told |")[2].count("\n| `")


@pytest.mark.parametrize(("rule", "told"), TABLE, ids=[rule for rule, _ in TABLE])
def test_what_a_client_is_told(rule: str, told: str) -> None:
    scene = Scene(rule)
    try:
        found = [*scene.told("WRITE", WRITE), *scene.told("READ", READ)]
        found += scene.told("SYNC", SYNC)
        assert found == re.findall("`([^`]+)`", told)
    finally:
        scene.close()


# What has become of the data.


def test_blocks_before_the_bad_one_are_moved() -> None:
    scene = Scene("error op=read lba=102 count=2")
    try:
        assert scene.told("WRITE", WRITE) == []
        result = scene.session.execute(scene.device.lun, READ, data_in_length=4096, check=False)
        assert bytes(result.data) == DATA[:1024]
        assert scene.told("READ", READ) == ["READ 3/11/00 102"]
        assert scene.told("READ", READ) == []
        (rule,) = scene.medium.rules
        assert (rule.seen, rule.happened) == (3, 2)
    finally:
        scene.close()


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("torn keep=1024", DATA[:1024] + bytes(3072)),
        ("lost", bytes(4096)),
        ("misdirected by=512", bytes(512) + DATA[:-512]),
        ("misdirected op=read by=1024", DATA[1024:] + bytes(1024)),
    ],
)
def test_what_is_good_and_is_not(rule: str, found: bytes) -> None:
    scene = Scene(rule)
    try:
        scene.device.write(100, DATA)
        assert scene.device.read(100, 8) == found
    finally:
        scene.close()


def test_a_storm_passes_by() -> None:
    """An initiator tries again."""
    scene = Scene("task-set-full count=2", "busy count=1")
    try:
        scene.device.write(100, DATA)
        assert scene.device.read(100, 8) == DATA
        assert [rule.happened for rule in scene.medium.rules] == [2, 1]
    finally:
        scene.close()


@pytest.mark.parametrize("withdraw", [False, True], ids=["runs on", "taken back"])
@pytest.mark.parametrize("function", [TskMgmtFunc.ABORT_TASK, TskMgmtFunc.LUN_RESET])
def test_what_is_aborted_while_it_hangs(withdraw: bool, function: TskMgmtFunc) -> None:
    """The answer does not wait; what runs on is not overtaken, and what is taken back never happens."""
    scene = Scene(f"hang op=write count=1 withdraw={'yes' if withdraw else 'no'}")
    try:
        (rule,) = scene.medium.rules
        pending = scene.submit(WRITE)

        def begun() -> bool:
            scene.session.poll()
            return rule.holds == 1

        until(begun)
        if function is TskMgmtFunc.ABORT_TASK:
            scene.session.abort(pending)
        else:
            scene.session.task_management(function, scene.device.lun)
        assert rule.holds == (0 if withdraw else 1)
        until(lambda: not scene.session.execute(scene.device.lun, bytes(6), check=False).status)
        assert len(scene.medium.stragglers) == (0 if withdraw else 1)
        later = scene.session.submit(scene.device.lun, WRITE, data_out=b"l" * 4096)
        assert scene.device.read(0, 8) == bytes(4096), "other blocks do not wait"
        assert later.done is withdraw or not later.done
        scene.medium.release()
        scene.session.gather([later])
        assert scene.device.read(100, 8) == b"l" * 4096
    finally:
        scene.close()


def test_a_session_goes_on_after_a_time_limit() -> None:
    scene = Scene("hang op=read count=1")
    try:
        with pytest.raises(TimedOut):
            scene.session.execute(scene.device.lun, READ, data_in_length=4096, timeout=0.05)
        until(lambda: not scene.session.execute(scene.device.lun, bytes(6), check=False).status)
        assert scene.device.read(100, 8) == bytes(4096)
    finally:
        scene.close()


# The management tree.


@pytest.fixture
def tree() -> Iterator[Tree]:
    tree = Tree()
    yield tree
    tree.close()


def add(tree: Tree, url: str, more: str = "") -> None:
    tree.write("handlers/vdisk_url/mgmt", f'add_device bad url="{url}"{more}')


def write(tree: Tree, text: str) -> None:
    tree.write("devices/bad/faults", text + "\n")


def test_the_file_of_the_rules(tree: Tree) -> None:
    add(tree, "fault:error,lba=8,count=2:ram:1M", ";blocksize=4096")
    show = lambda: tree.read("devices/bad/faults")  # noqa: E731
    assert show() == "1 error lba=8 block=512 count=2 # 0 of 0\n"
    write(tree, "add hang op=write lba=3")
    write(tree, "ADD busy probability=0.5")
    assert show().splitlines()[1:] == [
        "2 hang op=write lba=3 # 0 of 0",
        "3 busy probability=0.5 # 0 of 0",
    ]
    write(tree, "del 2")
    write(tree, "release 3")
    write(tree, "release")
    assert [line[0] for line in show().splitlines()] == ["1", "3"]
    text = save(tree)
    write(tree, "clear")
    assert show() == ""
    write(tree, "add lost")
    assert show() == "4 lost # 0 of 0\n"
    assert save(tree) == text
    tree.write("handlers/vdisk_url/mgmt", "del_device bad")
    load(tree, text)
    assert show() == "1 error lba=8 block=512 count=2 # 0 of 0\n"
    tree.write("handlers/vdisk_ram/mgmt", "add_device good")
    assert "faults" not in tree.ls("devices/good")


def test_a_flush_from_the_tree(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told what is wrong, and does not wait for ever."""
    monkeypatch.setattr("pysrp.scst.device.FLUSHING", 0.01)
    add(tree, "fault:delay,constant=1us:ram:1M")
    tree.write("devices/bad/sync", "1")
    for rule, code in (
        ("error op=flush count=1", errno.EIO),
        ("busy count=1", errno.EAGAIN),
        ("hang", errno.EAGAIN),
    ):
        write(tree, f"add {rule}")
        with pytest.raises(TreeError) as caught:
            tree.write("devices/bad/sync", "1")
        assert caught.value.errno == code
    assert "and goes on" in str(caught.value)
    medium = tree._targets.devices.by_name["bad"].backend
    flushed = []
    medium.medium.flush = lambda: flushed.append(1)
    assert len(medium._waiting) == 1
    write(tree, "clear")
    until(lambda: flushed)
    tree.write("devices/bad/sync", "1")
    assert len(flushed) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "write 'add RULE', 'del NUMBER'"),
        ("add", "write 'add RULE'"),
        ("add wrong-word", "no fault is called 'wrong-word': error, hang"),
        ("del", "write 'add RULE'"),
        ("del 2", "there is no rule 2"),
        ("del all", "'all' is not a number"),
        ("release 2", "there is no rule 2"),
        ("clear 1", "write 'add RULE'"),
    ],
)
def test_what_the_file_refuses(tree: Tree, text: str, says: str) -> None:
    add(tree, "fault:error:ram:1M")
    with pytest.raises(TreeError) as caught:
        write(tree, text)
    assert (caught.value.errno, says in str(caught.value)) == (errno.EINVAL, True), caught.value


def test_a_device_that_hangs_can_be_removed(tree: Tree) -> None:
    luns = LunMap()
    with Server(f"local:faults{next(_names)}", luns) as server:
        path = f"targets/ibmvstgt/{tree.add_target(server, luns, Identity())}"
        add(tree, "fault:ram:1M")
        tree.write(f"{path}/luns/mgmt", "add bad 256")
        tree.write(f"{path}/enabled", "1")
        with Session(server.url) as session:
            (bad,) = session.scan(channels=[0], ids=[1])
            bad.capacity()
            write(tree, "add hang op=write")
            pending = bad.submit_write(0, DATA)

            def held() -> bool:
                session.poll()
                return tree.read("devices/bad/faults").endswith("1 held\n")

            until(held)
            tree.write("handlers/vdisk_url/mgmt", "del_device bad")
            assert tree.ls("devices") == []
            until(lambda: session.poll() or pending.done)


# The command line.


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server with such a disk, as a process."""
    url = f"unix:{tmp_path}/v"
    disk = "bad=fault:error,op=read,lba=3,count=1:ram:1M"
    arguments = ["serve", url, "--disk", disk, "--lun", "bad=256", "--json", "-q"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            assert json.loads(server.stdout.readline())["url"] == url
            yield url
        finally:
            server.terminate()


def test_from_the_command_line(url: str, tmp_path: Path) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    file = ("scst", "-s", url, "write", "devices/bad/faults")
    read = ("read", "-s", url, "0:0:1:0", "--count", "8", str(tmp_path / "data"))
    assert "MEDIUM ERROR" in run(*read, code=1)
    run(*file, "add busy op=read count=1")
    run(*read)
    assert (tmp_path / "data").read_bytes() == bytes(4096)
    lines = run("scst", "-s", url, "cat", "devices/bad/faults").splitlines()
    assert lines == ["1 error op=read lba=3 count=1 # 1 of 3", "2 busy op=read count=1 # 1 of 2"]
    run(*file, "clear")
    assert "no rule 1" in run(*file, "del 1", code=1)


def test_commands_of_the_pages(tmp_path: Path) -> None:
    """Each disk that is served can be opened, where it needs no device and no other server; each line for the tree is taken."""
    (tmp_path / "data.img").write_bytes(bytes(MIB))
    text = "".join(
        (PAGES / f"{name}.md").read_text() for name in ("ram", "null", "file", "fault", "power-cut")
    )
    lines = [shlex.split(line) for line in re.findall(r"^    (pysrp .*)$", text, re.MULTILINE)]
    urls = [
        line[i + 1].partition("=")[2] for line in lines for i, word in enumerate(line) if word == "--disk"
    ]
    assert len(urls) >= 6
    for url in urls:
        there = url.replace("/srv/", f"{tmp_path}/")
        handler, parameters = device(there)
        assert handler.startswith("vdisk_")
        assert parameters
        open_medium(there).close()
    assert {line[4] for line in lines if line[1] == "scst"} <= scst.commands.keys()
    writes = [line[-1] for line in lines if "devices/bad/faults" in line and "write" in line]
    assert len(writes) == 5
    tree = Tree()
    add(tree, next(url for url in urls if "count=2" in url))
    for text in writes:
        write(tree, text)
    assert tree.read("devices/bad/faults") == ""
    tree.close()


def test_python_of_the_document() -> None:
    source = re.search(r"In Python:\n\n((?:    .*\n|\n)+)", DOCUMENT)
    assert source
    names: dict[str, Any] = {}
    exec(re.sub(r"^    ", "", source[1], flags=re.MULTILINE), names)
    assert [str(each.rule) for each in names["medium"].rules] == ["error op=read lba=100 count=2"]
    names["medium"].close()


def test_a_server_that_is_stopped_while_a_rule_hangs() -> None:
    """The tree lets go of what its rules hold; the last flush is carried out."""
    tree, luns = Tree(), LunMap()
    server = Server(f"local:faults{next(_names)}", luns)
    tree.write(f"targets/ibmvstgt/{tree.add_target(server, luns, Identity())}/enabled", "1")
    add(tree, "fault:hang,op=flush:ram:1M")
    server.stop(1)
    tree.close()
    assert tree.ls("devices") == []
