"""Device nodes: what they lead to, and refusals in plain words, by the real kernel of this host."""

from __future__ import annotations

import errno
import mmap
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from pysrp import sg
from pysrp.errors import ConfigError, PartnerGone, SrpError, TransportError, UnavailableError
from pysrp.lun import Hctl
from pysrp.scsi.inquiry import Inquiry
from pysrp.sg import node as nodes
from pysrp.sg.call import SgCall3, SgCall4
from pysrp.sg.node import Node, Place, find, places
from sg_rig import Sysfs

READY = bytes(6)
DISK = bytes(Inquiry.build(vendor="IBM", product="VDASD", revision="0001"))


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


# What is no SCSI device.


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/dev/sg/none",
            "'/dev/sg/none': No such file or directory; 'pysrp lsscsi -s sg:' lists what there is",
        ),
        ("/dev/nu\0ll", "embedded null"),
        ("/", "/ is no device: name one such as /dev/sg0"),
        (sys.executable, "is no device"),
        ("/dev/null", "/dev/null is not a SCSI device: no SCSI command can be sent to it"),
        ("/dev/zero", "/dev/zero is not a SCSI device"),
    ],
)
def test_what_cannot_be_one(path: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sg.Session(f"sg:{path}")
    assert said in str(caught.value)


def test_other_urls() -> None:
    with pytest.raises(ConfigError, match="write sg:/dev/sg0, or sg: for all"):
        sg.Session("unix:/run/vios")


def test_no_scsi_generic(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="modprobe sg"):
        sg.Session("sg:", sysfs=tmp_path)


def test_a_partition(sysfs: Sysfs) -> None:
    device = sysfs.add("0:0:1:0", subsystem="block", name="sda", number="1:3")
    (device / "block/sda/sda1/subsystem").mkdir(parents=True)
    (device / "block/sda/sda1/partition").write_text("1\n")
    entry = sysfs.folder / "dev/char/1:5"
    entry.symlink_to(device / "block/sda/sda1")
    with pytest.raises(ConfigError, match="/dev/zero is a partition: name the whole disk, /dev/sda"):
        find("/dev/zero", sysfs.folder)


def test_a_block_device_that_is_no_scsi_device() -> None:
    """A loop device, where there is one: real, and of another kind."""
    loops = [f"/dev/{each}" for each in os.listdir("/dev") if each.startswith("loop") and each[4:].isdigit()]
    if not loops:
        pytest.skip("no loop device on this host")
    with pytest.raises(ConfigError, match="not a SCSI device"):
        find(loops[0])


def test_devices_of_other_buses(sysfs: Sysfs) -> None:
    """A node of bsg that leads to a host, not to a unit; a block device of another bus."""
    sysfs.add("0:0:1:0", of="virtio")
    with pytest.raises(ConfigError, match="not a SCSI device"):
        find("/dev/null", sysfs.folder)
    sysfs.add("iscsi_host0", subsystem="bsg", number="1:5", name="zero")
    with pytest.raises(ConfigError, match="not a SCSI device"):
        find("/dev/zero", sysfs.folder)


# What is one.


def test_what_a_node_leads_to(sysfs: Sysfs) -> None:
    device = sysfs.add("3:1:2:17", inquiry=DISK)
    sysfs.add("3:1:2:17", subsystem="bsg", name="3:1:2:17", number="1:5", inquiry=DISK)
    place = find("/dev/null", sysfs.folder)
    assert place == Place("/dev/null", SgCall3, device)
    assert (place.host, place.hctl, place.nodes("scsi_generic")) == (3, Hctl(1, 2, 17), ["null"])
    assert place.nodes("scsi_tape") == []
    assert place.inquiry().product.rstrip() == "VDASD"
    assert find("/dev/zero", sysfs.folder) == Place("/dev/zero", SgCall4, device)
    (device / "inquiry").unlink()
    with pytest.raises(PartnerGone, match="/dev/null: the node is there, its device is not"):
        place.inquiry()


def test_limits(sysfs: Sysfs) -> None:
    def limit(address: str, **more: int | None) -> int:
        device = sysfs.add(address, name=f"n{address}", number=address, **more)  # type: ignore[arg-type]
        return Place("/dev/null", SgCall3, device).max_transfer()

    assert limit("0:0:1:0", limit_kb=1280) == 1280 << 10
    assert limit("0:0:2:0", limit_kb=1280, pieces=16) == 16 * mmap.PAGESIZE
    assert limit("0:0:3:0", limit_kb=None) == nodes.TRANSFER
    assert limit("0:0:4:0", pieces=0) == 512 << 10


def test_transports(sysfs: Sysfs) -> None:
    place = Place("/dev/null", SgCall3, sysfs.add("3:0:1:0"))
    assert place.transport() == ""
    host = sysfs.folder / "devices/host3"
    (host / "scsi_host/host3/proc_name").write_text("mptsas\n")
    assert place.transport() == "(mptsas)"
    (host / "sas_host").mkdir()
    assert place.transport() == "sas (mptsas)"
    assert Place("/dev/null", SgCall3, sysfs.folder).transport() == ""


def test_all_of_them_in_order(sysfs: Sysfs) -> None:
    for number, address in enumerate(("1:0:0:0", "0:0:10:0", "0:0:2:0", "enclosure")):
        sysfs.add(address, name=f"sg{number}", number=f"21:{number}", inquiry=DISK)
    assert [(place.path, place.host, place.hctl) for place in places(sysfs.folder)] == [
        ("/dev/sg2", 0, (0, 2, 0)),
        ("/dev/sg1", 0, (0, 10, 0)),
        ("/dev/sg0", 1, (0, 0, 0)),
    ]
    with sg.Session("sg:", sysfs=sysfs.folder) as session:
        assert [str(device) for device in session.scan(ids=range(5))] == [
            "<Device [0:0:2:0] IBM VDASD 0001>",
            "<Device [1:0:0:0] IBM VDASD 0001>",
        ]
        assert [device.host for device in session.scan(channels=[0], luns=1)] == [0, 0, 1]
        assert session.scan(channels=[1]) == session.scan(luns=0) == []
        with pytest.raises(TransportError, match="/dev/sg0: No such file or directory"):
            session.scan()[2].test_unit_ready()
    with pytest.raises(PartnerGone, match="closed"):
        session.scan()


# Opening and calling.


def node(path: str, sysfs: Sysfs) -> Node:
    """A node of that path, which sysfs takes for a SCSI device."""
    return Node(Place(path, SgCall3, sysfs.add("0:0:1:0")))


def test_the_kernel_does_not_know_the_request(sysfs: Sysfs) -> None:
    null = node("/dev/null", sysfs)
    with pytest.raises(
        TransportError, match=r"/dev/null: a CDB of 6 bytes with 0 bytes of data: Inappropriate ioctl"
    ):
        null.exchange(READY, None, 0, 1)
    with pytest.raises(
        TransportError, match="/dev/null: a reset of the unit: .*: the node takes no such request"
    ):
        null.reset()
    null.close()
    null.close()
    with pytest.raises(PartnerGone, match="/dev/null has been closed"):
        null.exchange(READY, None, 0, 1)


def test_a_descriptor_is_closed(sysfs: Sysfs) -> None:
    before = set(os.listdir("/proc/self/fd"))
    null = node("/dev/null", sysfs)
    null.open()
    null.open()
    assert len(set(os.listdir("/proc/self/fd")) - before) == 1
    null.close()
    assert set(os.listdir("/proc/self/fd")) <= before | {str(max(map(int, before)) + 1)}


def test_for_reading_alone(sysfs: Sysfs) -> None:
    """What nobody may write, as a CD: it is opened for reading, and the ioctl is reached."""
    read_only = node("/sys/kernel/uevent_seqnum", sysfs)
    with pytest.raises(TransportError, match="Inappropriate ioctl"):
        read_only.exchange(READY, None, 0, 1)
    assert os.readlink(f"/proc/self/fd/{read_only._fd}") == "/sys/kernel/uevent_seqnum"
    read_only.close()


def test_no_permission(sysfs: Sysfs) -> None:
    """A real user without rights."""
    private = sysfs.folder / "sg0"
    private.touch(0o000)
    node = Node(Place(str(private), SgCall3, sysfs.add("0:0:1:0")))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover: the child is not measured
        try:
            if os.geteuid() == 0:
                os.setuid(pwd.getpwnam("nobody").pw_uid)
            node.open()
        except SrpError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        assert said.read() == (
            f"{private}: Permission denied: only root, or who a udev rule names, may send SCSI commands"
        )


def test_what_is_said_of_an_errno() -> None:
    def said(number: int) -> SrpError:
        return nodes._error("/dev/sg0", OSError(number, os.strerror(number)), nodes._CALLING)

    assert type(said(errno.ENODEV)) is PartnerGone
    assert type(said(errno.EIO)) is TransportError
    assert str(said(errno.ENOMEM)).endswith(
        "Cannot allocate memory: the kernel has no memory for so many bytes"
    )
    assert str(said(errno.EIO)) == "/dev/sg0: Input/output error"


def test_the_command_says_it_in_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from pysrp.sg import Session; Session('sg:/dev/null')"],
        capture_output=True,
        text=True,
    )
    assert done.stderr.splitlines()[-1].startswith("pysrp.errors.ConfigError: /dev/null is not a SCSI device")
