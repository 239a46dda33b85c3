"""targets/ and class/: attributes, luns/mgmt and its errnos, sessions (facts 6.4, 6.5, 6.7, 6.16, 6.17)."""

import contextlib
import errno
import sys
import threading

import pytest

from pysrp.backends import Null
from pysrp.errors import CheckCondition
from pysrp.fabric import Identity
from pysrp.initiator.session import Session
from pysrp.lun import Lun, scst_pack
from pysrp.scsi import parse_sense
from pysrp.scst import Client, Control, Tree, TreeError, load, save
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

LUN_256 = scst_pack(256, "LUN")


def refused(code, target, file, text):
    with pytest.raises(TreeError) as caught:
        target.tree.write(f"{target.path}/{file}", text)
    assert errno.errorcode[caught.value.errno] == errno.errorcode[code], caught.value
    assert target.tree.read("last_sysfs_mgmt_res") == f"-{code}\n"


# luns/mgmt: every row of facts 6.5, and the order in which things are checked.

MISUSE = [
    ("unknown command", "assign ram000 256", errno.EINVAL),
    ("no command", "\n", errno.EINVAL),
    ("unknown device", "add ram999 256", errno.EINVAL),
    ("name in capitals", "add RAM000 256", errno.EINVAL),
    ("no device", "add", errno.EINVAL),
    ("no LUN", "add ram000", errno.EINVAL),
    ("LUN is no number", "add ram000 first", errno.EINVAL),
    ("LUN negative", "add ram000 -1", errno.EINVAL),
    ("LUN above 16383", "add ram000 16384", errno.EINVAL),
    ("LUN beyond 64 bits", "add ram000 0x10000000000000000", errno.ERANGE),
    ("duplicate LUN", "add ram001 256", errno.EEXIST),
    ("duplicate LUN, the same device", "add ram000 256", errno.EEXIST),
    ("duplicate, but the LUN is written otherwise", "add ram001 0x100", errno.EEXIST),
    ("unknown parameter", "add ram000 512 blocksize=512", errno.EINVAL),
    ("parameter without value", "add ram000 512 read_only", errno.EINVAL),
    ("extra value", "add ram000 512 read_only=1 1", errno.EINVAL),
    ("value no number", "add ram000 512 read_only=yes", errno.EINVAL),
    ("parameters before duplicate", "add ram000 256 nonsense=1", errno.EINVAL),
    ("LUN before parameters", "add ram000 0x10000000000000000 nonsense=1", errno.ERANGE),
    ("device before LUN", "add ram999 0x10000000000000000", errno.EINVAL),
    ("replace with an unknown device", "replace ram999 256", errno.EINVAL),
    ("replace without LUN", "replace ram000", errno.EINVAL),
    ("replace above 16383", "replace_no_ua ram000 16384", errno.EINVAL),
    ("del of a missing LUN", "del 512", errno.EINVAL),
    ("del without LUN", "del", errno.EINVAL),
    ("del of a name", "del ram000", errno.EINVAL),
    ("extra words after del", "del 256 512", errno.EINVAL),
    ("extra words after clear", "clear all", errno.EINVAL),
]


@pytest.mark.parametrize(("text", "code"), [row[1:] for row in MISUSE], ids=[row[0] for row in MISUSE])
def test_misuse_of_luns_mgmt(target, disks, text, code):
    target.luns("add ram000 256")
    refused(code, target, "luns/mgmt", text)
    assert target.tree.ls(f"{target.path}/luns") == ["256", "mgmt"]
    assert target.tree.readlink(f"{target.path}/luns/256/device") == "../../../../../devices/ram000"


def test_commands_of_luns_mgmt(tree, target, disks):
    target.luns("ADD ram000 0x100")
    target.luns("add\tram001  512  READ_ONLY 1")
    target.luns("Add null0 0 read_only=0;")
    target.luns("add ram000 16383")
    assert tree.ls(f"{target.path}/luns") == ["0", "256", "512", "16383", "mgmt"]
    assert target.show("luns/256/read_only") == "0\n"
    assert target.show("luns/512/read_only") == "1\n[key]\n"
    assert target.show("luns/512/device/size_mb") == "1\n"
    target.luns("replace null0 512")
    assert target.show("luns/512/read_only") == "0\n"
    assert tree.readlink(f"{target.path}/luns/512/device").endswith("/null0")
    target.luns("replace_no_ua ram001 768 read_only=1")
    assert target.show("luns/768/read_only") == "1\n[key]\n"
    target.luns("del 0400")
    target.luns("Del 0")
    assert tree.ls(f"{target.path}/luns") == ["512", "768", "16383", "mgmt"]
    target.luns("clear")
    target.luns("clear")
    assert tree.ls(f"{target.path}/luns") == ["mgmt"]
    usage = target.show("luns/mgmt")
    for command in ("add", "replace", "replace_no_ua", "del", "clear"):
        assert f'echo "{command}' in usage


def test_a_read_only_device_is_read_only_at_every_lun(tree, target):
    tree.write("handlers/vdisk_ram/mgmt", "add_device r size_mb=1;read_only=1")
    target.luns("add r 256")
    assert target.show("luns/256/read_only") == "1\n[key]\n"


def test_a_device_tells_where_it_is_exported(tree, serve, disks):
    one, two = serve(), serve()
    one.luns("add ram000 256")
    one.luns("add ram000 512")
    two.luns("add ram000 0")
    assert tree.ls("devices/ram001/exported") == []
    links = [tree.readlink(f"devices/ram000/exported/{name}") for name in tree.ls("devices/ram000/exported")]
    assert links == [
        "../../../targets/ibmvstgt/ibmvstgt_target_0/luns/256",
        "../../../targets/ibmvstgt/ibmvstgt_target_0/luns/512",
        "../../../targets/ibmvstgt/ibmvstgt_target_1/luns/0",
    ]
    assert tree.read("devices/ram000/exported/export2/read_only") == "0\n"
    tree.write("handlers/vdisk_ram/mgmt", "del_device ram000")
    for target in (one, two):
        assert tree.ls(f"{target.path}/luns") == ["mgmt"]


# The target's own files.


def test_files_of_a_target(tree, target):
    modes = {name: tree.stat(f"{target.path}/{name}") for name in tree.ls(target.path)}
    assert modes == {
        **dict.fromkeys(("enabled", "rel_tgt_id", "comment", "addr_method"), ("file", 0o644)),
        **dict.fromkeys(("luns", "sessions"), ("directory", 0o755)),
    }
    assert tree.ls("targets/ibmvstgt") == ["ibmvstgt_target_0"]


def test_enabled(target):
    assert target.show("enabled") == "0\n"
    for bad in ("", "\n", "yes", " 1", "2", "-1", "on"):
        refused(errno.EINVAL, target, "enabled", bad)
    for text, value in (("1\n", 1), ("1", 1), ("0\n", 0), ("0", 0), ("10", 1), ("0x1", 0)):
        target.tree.write(f"{target.path}/enabled", text)
        assert target.show("enabled") == f"{value}\n"
        assert target.server.enabled == bool(value)


def test_rel_tgt_id(serve):
    one, two = serve(), serve(Identity(unit_address=0x30000029))
    assert one.show("rel_tgt_id") == "0\n"
    for bad in ("x", "", "65536", "-1"):
        refused(errno.EINVAL, one, "rel_tgt_id", bad)
    refused(errno.ERANGE, one, "rel_tgt_id", "0x10000000000000000")
    one.tree.write(f"{two.path}/rel_tgt_id", "1\n")
    assert two.show("rel_tgt_id") == "1\n[key]\n"
    # Only those that are enabled have to differ.
    one.tree.write(f"{one.path}/enabled", "1")
    assert one.show("rel_tgt_id") == "1\n[key]\n"
    refused(errno.EBADSLT, two, "enabled", "1")
    assert two.show("enabled") == "0\n"
    one.tree.write(f"{two.path}/rel_tgt_id", "0")
    one.tree.write(f"{two.path}/enabled", "1")
    assert two.show("rel_tgt_id") == "2\n[key]\n"
    refused(errno.EBADSLT, two, "rel_tgt_id", "1")
    refused(errno.EINVAL, two, "rel_tgt_id", "0")
    one.tree.write(f"{two.path}/rel_tgt_id", "0xffff")
    assert two.show("rel_tgt_id") == "65535\n[key]\n"
    one.tree.write(f"{two.path}/enabled", "1")
    assert two.show("rel_tgt_id") == "65535\n[key]\n"


def test_the_number_that_an_enabled_server_has_by_itself(serve, tmp_path):
    """One that comes enabled has a number; and so has one that is in no tree."""
    target = serve()
    luns = LunMap()
    with (
        Server(f"unix:{tmp_path}/enabled", luns) as server,
        Server(f"unix:{tmp_path}/alone", LunMap()) as alone,
    ):
        mine, its = server.settings.relative_port, alone.settings.relative_port
        path = f"targets/ibmvstgt/{target.tree.add_target(server, luns)}"
        assert target.tree.read(f"{path}/rel_tgt_id") == f"{mine}\n[key]\n"
        for taken in mine, its:
            target.tree.write(f"{target.path}/rel_tgt_id", f"{taken}")
            refused(errno.EBADSLT, target, "enabled", "1")
        target.tree.write(f"{target.path}/rel_tgt_id", "0")
        target.tree.write(f"{target.path}/rel_tgt_id", "77")
        target.tree.write(f"{target.path}/enabled", "1")
        for taken in mine, its:
            refused(errno.EBADSLT, target, "rel_tgt_id", f"{taken}")
        assert target.show("rel_tgt_id") == "77\n[key]\n"


def test_an_automatic_number_that_another_server_takes_meanwhile(serve, tmp_path, monkeypatch):
    """The target has none, as before, and gets another one the next time."""
    target = serve()
    with Server(f"unix:{tmp_path}/quicker", LunMap()) as quicker, monkeypatch.context() as race:
        quicker.disable()
        quicker.renumber(1)
        quicker.enable()
        seen = Server.relative_ports_of_others
        race.setattr(
            Server,
            "relative_ports_of_others",
            lambda server: race.setattr(Server, "relative_ports_of_others", seen) or {},
        )
        with pytest.raises(TreeError, match="renumber one of the two"):
            target.tree.write(f"{target.path}/enabled", "1")
        assert target.show("rel_tgt_id") == "0\n"
        target.tree.write(f"{target.path}/enabled", "1")
        assert target.show("rel_tgt_id") == "2\n[key]\n"


def test_an_automatic_number_is_one_that_no_enabled_server_has(serve, tmp_path):
    """Also none of those that are in no tree."""
    target = serve()
    with Server(f"unix:{tmp_path}/alone", LunMap()) as alone:
        alone.disable()
        alone.renumber(1)
        alone.enable()
        target.tree.write(f"{target.path}/enabled", "1")
        assert target.show("rel_tgt_id") == "2\n[key]\n"


def test_comment(target):
    assert target.show("comment") == ""
    target.tree.write(f"{target.path}/comment", "the one in the cellar\n")
    assert target.show("comment") == "the one in the cellar\n[key]\n"
    target.tree.write(f"{target.path}/comment", "\n")
    assert target.show("comment") == ""


def test_addr_method(target):
    assert target.show("addr_method") == "LUN\n"
    for text, method in (
        ("PERIPHERAL\n", "PERIPHERAL"), ("f", "FLAT"), ("lun, if you please", "LUN"), ("Peri", "PERIPHERAL"),
        ("flat", "FLAT"), ("L", "LUN"), ("flatter\n", "FLAT"), ("p", "PERIPHERAL"), ("Lun\n", "LUN"),
    ):  # fmt: skip
        target.tree.write(f"{target.path}/addr_method", text)
        assert target.show("addr_method") == f"{method}\n{'[key]' + chr(10) if method != 'LUN' else ''}"
    for bad in ("", "\n", "f\n", "logical", "EXTENDED", " LUN"):
        refused(errno.EINVAL, target, "addr_method", bad)
    assert target.show("addr_method") == "LUN\n"


def test_addr_method_shows_in_report_luns(target, disks, attentions, login):
    target.luns("add ram000 256")
    target.luns("add ram001 0")
    target.tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        for method, first in (("LUN", "8100"), ("FLAT", "4100"), ("PERIPHERAL", "0100")):
            target.tree.write(f"{target.path}/addr_method", method)
            cdb = bytes.fromhex("a0000000000000000100 0000")
            data = session.execute(Lun(), cdb, data_in_length=256).data
            assert data.hex() == f"{16:08x}{0:08x}{0:016x}{first}{0:012x}"
            assert attentions(session, 256) == []


def test_names_are_never_used_again(tree, serve):
    serve()
    tree.remove_target("ibmvstgt_target_0")
    assert tree.ls("targets/ibmvstgt") == tree.ls("class/ibmvstgt") == []
    serve(Identity(unit_address=1))
    assert tree.ls("targets/ibmvstgt") == ["ibmvstgt_target_1"]
    with pytest.raises(KeyError):
        tree.remove_target("ibmvstgt_target_0")


def test_the_class_of_the_driver(tree, serve):
    serve()
    serve(Identity(unit_address=0x3000000A))
    assert tree.ls("class/ibmvstgt") == ["ibmvstgt-805306378", "ibmvstgt-805306408"]
    for path in ("class/ibmvstgt/ibmvstgt-805306408", "/sys/class/ibmvstgt/ibmvstgt-805306408"):
        assert tree.ls(path) == ["partition_number", "system_id", "unit_address"]
        assert tree.read(f"{path}/system_id") == "IBM,0210AB12C\n"
        assert tree.read(f"{path}/partition_number") == "28\n"
        assert tree.read(f"{path}/unit_address") == "30000028\n"
        assert tree.stat(f"{path}/unit_address").mode == 0o444


# With initiators logged in.


def test_sessions(tree, target, disks, login):
    target.luns("add ram000 256")
    target.tree.write(f"{target.path}/enabled", "1")
    assert tree.ls(f"{target.path}/sessions") == []
    with login(target) as first:
        assert tree.ls(f"{target.path}/sessions") == ["30000028"]
        with login(target) as second:
            assert tree.ls(f"{target.path}/sessions") == ["30000028", "30000028_1"]
            here = f"{target.path}/sessions/30000028_1"
            assert tree.ls(here) == ["active_commands", "commands", "initiator_name", "luns"]
            assert tree.read(f"{here}/initiator_name") == "30000028\n"
            assert tree.read(f"{here}/commands") == tree.read(f"{here}/active_commands") == "0\n"
            assert tree.ls(f"{here}/luns") == ["256", "mgmt"]
            assert tree.readlink(f"{here}/luns") == "../../luns"
            second.execute(LUN_256, bytes(6))
        first.execute(LUN_256, bytes(6))


def test_adding_and_deleting_luns_is_told_once_to_every_session(target, disks, attentions, login):
    target.luns("add ram000 256")
    target.tree.write(f"{target.path}/enabled", "1")
    with login(target) as one, login(target) as two:
        for session in (one, two):
            assert attentions(session, 256) == []
        target.luns("add ram001 512")
        for session in (one, two):
            assert attentions(session, 256) == ["3f/0e"]
            assert attentions(session, 512) == ["3f/0e"]
            assert attentions(session, 256) == []
        target.luns("del 512")
        for session in (one, two):
            assert attentions(session, 256) == ["3f/0e"]
            assert attentions(session, 512) == ["25/00"]
        target.luns("add ram001 512")
        target.luns("add null0 768")
        assert attentions(one, 256) == ["3f/0e"]
        target.luns("clear")
        assert attentions(one, 256) == ["25/00"]


def test_replacing_a_lun_is_told_as_other_inquiry_data(target, disks, attentions, login):
    target.luns("add ram000 256")
    target.luns("add ram001 512")
    target.tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        target.luns("replace null0 256")
        assert attentions(session, 256) == ["3f/03"]
        assert attentions(session, 512) == []
        target.luns("replace_no_ua ram000 256")
        assert attentions(session, 256) == []
        target.luns("replace null0 768")  # nothing is there: as add
        assert attentions(session, 512) == ["3f/0e"]


def test_deleting_a_device_takes_it_from_those_who_use_it(tree, target, disks, attentions, login):
    for command in ("add ram000 256", "add ram001 512", "add ram000 768"):
        target.luns(command)
    target.tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        tree.write("handlers/vdisk_ram/mgmt", "del_device ram000")
        assert tree.ls(f"{target.path}/luns") == ["512", "mgmt"]
        assert attentions(session, 512) == ["3f/0e"]
        assert attentions(session, 256) == attentions(session, 768) == ["25/00"]
        tree.write("handlers/vdisk_ram/mgmt", "add_device ram000 size_mb=2")


IDENTITIES = [
    ("t10_vend_id", "ACME", lambda d: d.inquiry().vendor == "ACME"),
    ("prod_id", "Rocket disk", lambda d: d.inquiry().product == "Rocket disk"),
    ("prod_rev_lvl", "0007", lambda d: d.inquiry().revision == "0007"),
    ("usn", "4711", lambda d: d.inquiry(vpd=0x80).serial == "4711"),
    ("inq_vend_specific", "hello", lambda d: bytes(d.inquiry())[36:41] == b"hello"),
    ("naa_id", "5000c500a1b2c3d4", lambda d: bytes.fromhex("5000c500a1b2c3d4") in bytes(d.inquiry(vpd=0x83))),
    ("eui64_id", "0102030405060708", lambda d: bytes(range(1, 9)) in bytes(d.inquiry(vpd=0x83))),
    ("vend_specific_id", "payroll-7", lambda d: b"payroll-7" in bytes(d.inquiry(vpd=0x83))),
    ("scsi_device_name", "eui.01020304", lambda d: b"eui.01020304" in bytes(d.inquiry(vpd=0x83))),
    ("t10_dev_id", "abcdefgh9", lambda d: b"abcdefgh" in bytes(d.inquiry(vpd=0x83))),
]


@pytest.mark.parametrize(("file", "value", "seen"), IDENTITIES, ids=[row[0] for row in IDENTITIES])
def test_a_written_identity_is_told_and_seen(tree, target, disks, attentions, file, value, seen, login):
    target.luns("add ram000 256")
    target.tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        (disk,) = session.scan(channels=[0], ids=[1])
        assert not seen(disk)
        tree.write(f"devices/ram000/{file}", f"{value}\n")
        assert attentions(session, 256) == ["3f/03"]
        assert seen(disk)


def test_a_new_size_is_told_and_seen(tree, target, disks, attentions, login):
    target.luns("add null0 256")
    target.tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        (disk,) = session.scan(channels=[0], ids=[1])
        assert disk.capacity().size == 1 << 20
        tree.write("devices/null0/size_mb", "7")
        assert attentions(session, 256) == ["2a/09"]
        assert disk.capacity().size == 7 << 20


def test_a_grown_file_is_told_and_seen(tree, target, tmp_path, attentions, login):
    image = tmp_path / "image"
    image.write_bytes(bytes(1 << 16))
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device f filename={image}")
    target.luns("add f 256")
    target.tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        (disk,) = session.scan(channels=[0], ids=[1])
        disk.write(0, b"pysrp" + bytes(507))
        image.write_bytes(image.read_bytes() + bytes(1 << 16))
        tree.write("devices/f/resync_size", "1")
        assert attentions(session, 256) == ["2a/09"]
        assert disk.capacity().size == 1 << 17
        tree.write("devices/f/sync", "1")
        tree.write("handlers/vdisk_fileio/mgmt", "del_device f")
    assert image.read_bytes()[:5] == b"pysrp"


def test_a_lun_that_is_exported_read_only(target, disks, login):
    target.luns("add ram000 256 read_only=1")
    target.luns("add ram000 512")
    target.tree.write(f"{target.path}/enabled", "1")
    with login(target) as session:
        protected, free = session.scan(channels=[0], ids=[1, 2])
        with pytest.raises(CheckCondition) as caught:
            protected.write(0, bytes(512))
        assert parse_sense(caught.value.sense).sense_key == 7
        free.write(0, b"x" * 512)
        assert protected.read(0) == b"x" * 512


class Slow(Null):
    """A null disk whose reads wait for a gate."""

    blocking = True

    def __init__(self, size):
        super().__init__(size)
        self.gate = threading.Event()
        self.reading = threading.Event()

    def read_into(self, offset, view):
        self.reading.set()
        self.gate.wait()
        super().read_into(offset, view)


def test_del_waits_for_the_commands_of_the_lun(tmp_path):
    """The writer gives up with EAGAIN, the job goes on, and last_sysfs_mgmt_res tells how it ended."""
    backend = Slow(1 << 20)
    luns = LunMap([(256, Disk(backend)), (512, Disk(Null(1 << 20)))])
    with contextlib.closing(Tree(patience=0)) as tree, Server(f"unix:{tmp_path}/s", luns) as server:

        def settled(path=None, text=""):
            if path:
                with contextlib.suppress(TreeError):
                    tree.write(path, text)
            while True:
                with contextlib.suppress(TreeError):
                    return tree.read("last_sysfs_mgmt_res")

        with contextlib.suppress(TreeError):
            tree.add_target(server, luns)
        settled()
        mgmt = "targets/ibmvstgt/ibmvstgt_target_0/luns/mgmt"
        with Session(f"unix:{tmp_path}/s") as session:
            slow, other = session.scan(channels=[0], ids=[1, 2])
            slow.capacity()
            pending = slow.submit_read(0)
            while not backend.reading.is_set():
                session.poll()
            with pytest.raises(TreeError) as caught:
                tree.write(mgmt, "del 256")
            assert caught.value.errno == errno.EAGAIN
            with pytest.raises(TreeError) as caught:
                tree.read("last_sysfs_mgmt_res")
            assert caught.value.errno == errno.EAGAIN
            other.read(0)
            backend.gate.set()
            assert session.gather([pending])[0].data == bytes(512)
            assert settled() == "0\n"
            assert tree.ls("targets/ibmvstgt/ibmvstgt_target_0/luns") == ["512", "mgmt"]
            assert settled(mgmt, "del 256") == f"-{errno.EINVAL}\n"


def test_everything_at_once(tree, target, disks, tmp_path, login):
    """An initiator works on one LUN while others come and go and the tree is looked at."""
    target.luns("add ram000 256")
    tree.write(f"{target.path}/enabled", "1")
    over = threading.Event()
    problems = []

    def change(name, lun):
        for i in range(60):
            target.luns(f"add {name} {lun}")
            target.luns(f"replace null0 {lun} read_only={i % 2}")
            tree.write(f"devices/{name}/prod_id", f"disk {i}")
            target.luns(f"del {lun}")

    def look(files):
        while not over.is_set():
            for place in ("devices", target.path + "/luns", target.path + "/sessions", "devices/ram001"):
                for name in files.ls(place):
                    # What was listed may have gone.
                    with contextlib.suppress(TreeError):
                        files.read(f"{place}/{name}")

    def insist(work, *arguments):
        # The changes come faster than an initiator's few retries have read its unit attentions.
        while True:
            try:
                return work(*arguments)
            except CheckCondition as problem:
                if parse_sense(problem.sense).sense_key != 6:
                    raise

    def guarded(work, *arguments):
        try:
            work(*arguments)
        except BaseException as problem:
            problems.append(problem)

    with (
        Control(tree, tmp_path / "c.scst"),
        Client(tmp_path / "c.scst") as client,
        login(target) as session,
    ):
        (disk,) = session.scan(channels=[0], ids=[1])
        watchers = [threading.Thread(target=guarded, args=(look, files)) for files in (tree, client)]
        changers = [threading.Thread(target=guarded, args=(change, f"ram{i:03}", 512 + i)) for i in range(2)]
        for thread in watchers + changers:
            thread.start()
        i = 0
        while any(thread.is_alive() for thread in changers) or i < 50:
            i += 1
            insist(disk.write, i % 64, i.to_bytes(4, "big") * 128)
            assert insist(disk.read, i % 64) == i.to_bytes(4, "big") * 128
        over.set()
        for thread in watchers + changers:
            thread.join()
    assert problems == []
    assert tree.ls(f"{target.path}/luns") == ["256", "mgmt"]


def test_the_readmes_scenario(tree, target, login):
    names = [f"ram{i:03}" for i in range(16)]
    for name in names:
        tree.write("handlers/vdisk_ram/mgmt", f"add_device {name} size_mb=1")
    assert tree.ls("/sys/kernel/scst_tgt/devices") == names
    lun = 0
    for name in names:
        lun += 256
        tree.write("/sys/kernel/scst_tgt/targets/ibmvstgt/ibmvstgt_target_0/luns/mgmt", f"add {name} {lun}\n")
    tree.write("/sys/kernel/scst_tgt/targets/ibmvstgt/ibmvstgt_target_0/enabled", "1\n")
    assert target.show("addr_method") == "LUN\n"
    assert tree.ls(f"{target.path}/luns") == [str(256 * i) for i in range(1, 17)] + ["mgmt"]
    assert target.show("enabled") == "1\n"
    with login(target, host=2) as session:
        disks = session.scan(channels=[0], ids=range(32))
        assert [(*disk.hctl, disk.vendor, disk.product, disk.revision) for disk in disks] == [
            (0, i, 0, "IBM", "VDASD blkdev", "0001") for i in range(1, 17)
        ]
        for i, disk in enumerate(disks):
            disk.write(i, bytes([i]) * 512)
        for i, disk in enumerate(disks):
            assert disk.read(i) == bytes([i]) * 512


def test_devices_of_one_name_on_two_servers(tmp_path):
    """They are two disks, unless both servers were given one setup_id."""

    def usn(name, setup_id=None):
        with contextlib.closing(Tree()) as tree, Server(f"unix:{tmp_path}/{name}", LunMap()) as server:
            tree.add_target(server, LunMap())
            if setup_id is not None:
                tree.write("setup_id", setup_id)
            tree.write("handlers/vdisk_ram/mgmt", "add_device ram000")
            return [tree.read(f"devices/ram000/{file}") for file in ("usn", "t10_dev_id", "vend_specific_id")]

    assert not set(usn("here")) & set(usn("there"))
    assert usn("here") == usn("here")
    assert usn("here", "0x51") == usn("there", "0x51") != usn("there")
    assert usn("here", "0") == usn("here"), "0 is the default"


def test_a_saved_configuration_takes_the_ids_along(tmp_path):
    def serve(name, work):
        with contextlib.closing(Tree()) as tree, Server(f"unix:{tmp_path}/{name}", LunMap()) as server:
            tree.add_target(server, LunMap())
            work(tree)
            return save(tree), tree.read("devices/ram000/usn")

    text, usn = serve("here", lambda tree: tree.write("handlers/vdisk_ram/mgmt", "add_device ram000"))
    assert serve("there", lambda tree: load(tree, text)) == (text, usn)


def test_a_map_that_changes_while_it_is_looked_at(target, tree, disks):
    """Threads change places as often as they can: what was there a moment ago may be gone."""
    over, problems = threading.Event(), []

    def change():
        for _ in range(4000):
            target.luns("add ram000 512")
            target.luns("del 512")

    def look():
        while not over.is_set():
            try:
                with contextlib.suppress(TreeError):
                    tree.read(f"{target.path}/luns/512/read_only")
                tree.ls(f"{target.path}/luns")
            except Exception as problem:
                problems.append(problem)
                return

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        looker = threading.Thread(target=look)
        looker.start()
        change()
        over.set()
        looker.join()
    finally:
        sys.setswitchinterval(before)
    assert problems == []
