"""handlers/ and devices/: SCST's commands, attributes, [key] lines and errnos (facts 6.8, 6.9, 6.17)."""

import errno
import os
import re
import shutil
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from loop_device import loop_device
from media_rig import nbd_server
from pysrp.backends import Ram
from pysrp.scst import Tree, TreeError, save
from pysrp.scst.device import MIB, Parameters
from pysrp.scst.devices import UrlIo
from pysrp.target.link import PENDING
from pysrp.target.medium import Medium
from waiting import PATIENCE

HANDLERS = ["vdisk_fileio", "vdisk_nbd", "vdisk_nullio", "vdisk_ram", "vdisk_url"]
"""Those that need no device of the machine's."""


def about(handler, image):
    """What add_device has to say."""
    match handler:
        case "vdisk_fileio":
            return f"filename={image}"
        case "vdisk_nbd":
            return f'url="{nbd_server("nbdkit").uri}"'
        case "vdisk_url":
            return "url=ram:1M"
    return ""


@pytest.fixture
def tree():
    tree = Tree()
    yield tree
    tree.close()


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 4096)  # 1 MiB
    return path


def refused(code, tree, path, text):
    before = tree.ls("devices")
    with pytest.raises(TreeError) as caught:
        tree.write(path, text)
    assert errno.errorcode[caught.value.errno] == errno.errorcode[code], caught.value
    assert caught.value.filename == path
    assert tree.ls("devices") == before
    assert tree.read("last_sysfs_mgmt_res") == f"-{code}\n"


def show(tree, name, attribute):
    return tree.read(f"devices/{name}/{attribute}")


# add_device and del_device: every row of the table in facts 6.8.

MISUSE = [
    ("unknown command", "vdisk_ram", "create ram", errno.EINVAL),
    ("no command", "vdisk_ram", "\n", errno.EINVAL),
    ("no device name", "vdisk_ram", "add_device", errno.EINVAL),
    ("name exists", "vdisk_ram", "add_device there", errno.EEXIST),
    ("name exists in another handler", "vdisk_nullio", "add_device there", errno.EEXIST),
    ("name exists, whatever follows", "vdisk_ram", "add_device there nonsense=1", errno.EEXIST),
    ("name of 65 characters", "vdisk_ram", "add_device " + "n" * 65, errno.EINVAL),
    ("name with a slash", "vdisk_ram", "add_device a/b", errno.EINVAL),
    ("name ..", "vdisk_ram", "add_device ..", errno.EINVAL),
    ("name of a file beside it", "vdisk_ram", "add_device mgmt", errno.EEXIST),
    ("unknown parameter", "vdisk_ram", "add_device x nonsense=1", errno.EINVAL),
    ("parameter of another handler", "vdisk_ram", "add_device x filename=/x", errno.EINVAL),
    ("value missing", "vdisk_ram", "add_device x read_only", errno.EINVAL),
    ("value missing after =", "vdisk_ram", "add_device x size=", errno.EINVAL),
    ("two values", "vdisk_ram", "add_device x size=512 1024", errno.EINVAL),
    ("two parameters without ;", "vdisk_ram", "add_device x size=512 read_only=1", errno.EINVAL),
    ("bad number", "vdisk_ram", "add_device x size=many", errno.EINVAL),
    ("bad flag", "vdisk_ram", "add_device x read_only=yes", errno.EINVAL),
    ("number too big", "vdisk_ram", "add_device x size=18446744073709551616", errno.ERANGE),
    ("flag too big", "vdisk_ram", "add_device x read_only=18446744073709551616", errno.ERANGE),
    ("blocksize below 512", "vdisk_ram", "add_device x blocksize=256", errno.EINVAL),
    ("blocksize no power of 2", "vdisk_ram", "add_device x blocksize=1536", errno.EINVAL),
    ("blocksize too large", "vdisk_ram", "add_device x blocksize=8192", errno.EINVAL),
    ("size no multiple", "vdisk_ram", "add_device x size=1000", errno.EINVAL),
    ("size no multiple of 4096", "vdisk_nullio", "add_device x size=512;blocksize=4096", errno.EINVAL),
    ("size 0", "vdisk_nullio", "add_device x size=0", errno.EINVAL),
    ("more memory than there is", "vdisk_ram", "add_device x size=0x4000000000000000", errno.ENOMEM),
    ("more than can be addressed", "vdisk_ram", "add_device x size=0x8000000000000000", errno.ERANGE),
    ("filename missing", "vdisk_fileio", "add_device x", errno.EINVAL),
    ("filename relative", "vdisk_fileio", "add_device x filename=disk.img", errno.EINVAL),
    ("filename twice", "vdisk_fileio", "add_device x filename={image};filename={image}", errno.EINVAL),
    ("read_only, write_through", "vdisk_fileio",
     "add_device x filename={image};read_only=1;write_through=1", errno.EINVAL),
    ("read_only, nv_cache", "vdisk_fileio",
     "add_device x filename={image};nv_cache=1;read_only=1", errno.EINVAL),
    ("t10_dev_id of 26", "vdisk_ram", "add_device x t10_dev_id=" + "t" * 26, errno.EINVAL),
    ("dummy 2", "vdisk_nullio", "add_device x dummy=2", errno.EINVAL),
    ("tst 2", "vdisk_ram", "add_device x tst=2", errno.EINVAL),
    ("no such file", "vdisk_fileio", "add_device x filename={image}.gone", errno.ENOENT),
    ("not a directory", "vdisk_fileio", "add_device x filename={image}/x", errno.ENOTDIR),
    ("a directory, to write", "vdisk_fileio", "add_device x filename=/tmp", errno.EISDIR),
    ("no file", "vdisk_fileio", "add_device x filename=/dev/null", errno.EINVAL),
    ("no block device", "vdisk_blockio", "add_device x filename={image}", errno.EINVAL),
    ("o_direct, which goes without saying", "vdisk_blockio", "add_device x filename={image};o_direct=1", errno.EINVAL),
    ("del of an unknown device", "vdisk_ram", "del_device x", errno.EINVAL),
    ("del without a name", "vdisk_ram", "del_device", errno.EINVAL),
    ("del of another handler's device", "vdisk_nullio", "del_device there", errno.EINVAL),
    ("del with more words", "vdisk_ram", "del_device there now", errno.EINVAL),
]  # fmt: skip


@pytest.mark.parametrize(
    ("handler", "text", "code"), [row[1:] for row in MISUSE], ids=[row[0] for row in MISUSE]
)
def test_misuse_of_mgmt(tree, image, handler, text, code):
    tree.write("handlers/vdisk_ram/mgmt", "add_device there size_mb=1")
    refused(code, tree, f"handlers/{handler}/mgmt", text.format(image=image))
    tree.write("handlers/vdisk_ram/mgmt", "del_device there")
    assert tree.ls("devices") == []


def test_a_generated_usn_that_is_taken_is_eexist(tree):
    tree.write("handlers/vdisk_ram/mgmt", "add_device a")
    usn = show(tree, "a", "usn")
    tree.write("handlers/vdisk_ram/mgmt", "del_device a")
    tree.write("handlers/vdisk_ram/mgmt", "add_device b")
    tree.write("devices/b/usn", usn)
    refused(errno.EEXIST, tree, "handlers/vdisk_ram/mgmt", "add_device a")
    tree.write("setup_id", "1")
    tree.write("handlers/vdisk_ram/mgmt", "add_device a")


def test_commands_are_taken_apart_as_scst_does(tree, image):
    tree.write("handlers/vdisk_ram/mgmt", "ADD_DEVICE one Size=0x200000;READ_ONLY 1\nblocksize = 01000 ;;\n")
    assert show(tree, "one", "size") == "2097152\n[key]\n"
    assert show(tree, "one", "read_only") == "1\n[key]\n"
    assert show(tree, "one", "blocksize") == "512\n"
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device  One\tfilename={image};o_direct=0;active=1;size=7")
    assert tree.ls("devices") == ["One", "one"]
    assert tree.ls("handlers/vdisk_ram") == ["mgmt", "one", "type"]
    tree.write("handlers/vdisk_ram/mgmt", "Del_Device one\n")
    assert tree.ls("devices") == ["One"]
    assert tree.read("last_sysfs_mgmt_res") == "0\n"


def test_handlers(tree):
    assert tree.ls("handlers") == sorted(["vdisk_blockio", "vdisk_rbd", *HANDLERS])
    for handler in HANDLERS:
        assert tree.read(f"handlers/{handler}/type") == "0 - Direct-access device (e.g., magnetic disk)\n"
        usage = tree.read(f"handlers/{handler}/mgmt")
        assert usage.startswith("Usage: ")
        assert "add_device NAME" in usage
        assert "del_device NAME" in usage
        more = about(handler, "/proc/self/exe;read_only=1")
        tree.write(f"handlers/{handler}/mgmt", f"add_device d {more}")
        assert tree.readlink(f"handlers/{handler}/d") == "../../devices/d"
        assert tree.readlink("devices/d/handler") == f"../../handlers/{handler}"
        assert tree.ls("devices/d/handler") == ["d", "mgmt", "type"]
        tree.write(f"handlers/{handler}/mgmt", "del_device d")


def test_mgmt_says_which_size_a_disk_gets(tree, image):
    """A size that means nothing is taken in silence, as by SCST."""
    for handler in "vdisk_nullio", "vdisk_ram":
        tree.write(f"handlers/{handler}/mgmt", f"add_device {handler}")
        size = tree.read(f"devices/{handler}/size").strip()
        assert f"Without size and size_mb it has {size} bytes." in tree.read(f"handlers/{handler}/mgmt")
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device f filename={image}; size=512")
    assert tree.read("devices/f/size").split()[0] == str(image.stat().st_size) != "512"
    assert "size and size_mb are taken, and mean nothing" in tree.read("handlers/vdisk_fileio/mgmt")


def test_defaults(tree, image):
    tree.write("handlers/vdisk_nullio/mgmt", "add_device null0")
    assert show(tree, "null0", "size") == "2748779069440\n"
    assert show(tree, "null0", "size_mb") == "2621440\n"
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device file0 filename={image}")
    assert show(tree, "file0", "filename") == f"{image}\n[key]\n"
    assert show(tree, "file0", "size") == "1048576\n[key]\n"
    tree.write("handlers/vdisk_ram/mgmt", "add_device ram000")
    for name in ("null0", "file0", "ram000"):
        for attribute, value in {
            "type": "0", "blocksize": "512", "read_only": "0", "removable": "0", "tst": "1",
            "t10_vend_id": "IBM", "prod_id": "VDASD blkdev", "prod_rev_lvl": "0001",
            "inq_vend_specific": "", "naa_id": "", "eui64_id": "", "scsi_device_name": "",
        }.items():  # fmt: skip
            assert show(tree, name, attribute) == f"{value}\n", attribute
        assert show(tree, name, "rotational") == f"{int(name == 'file0')}\n"
    assert show(tree, "file0", "write_through") == show(tree, "file0", "nv_cache") == "0\n"


def turns(tree, name):
    """What its unit says: revolutions per minute, 1 for a medium that does not rotate."""
    disk = tree._targets.devices.by_name[name].disk
    return disk.vpd_pages()[0xB1]().medium_rotation_rate


def test_memory_does_not_rotate(tree, image):
    for handler, given, rate in (
        ("vdisk_ram", "", 1),
        ("vdisk_nullio", "", 1),
        ("vdisk_ram", "rotational=1", 15000),
        ("vdisk_ram", "rotational=0", 1),
        ("vdisk_fileio", f"filename={image}", 15000),
        ("vdisk_fileio", f"filename={image};rotational=0", 1),
    ):
        tree.write(f"handlers/{handler}/mgmt", f"add_device d {given}")
        assert turns(tree, "d") == rate
        key = "rotational" in given and (rate == 1) is (handler == "vdisk_fileio")
        assert show(tree, "d", "rotational") == f"{int(rate > 1)}\n" + "[key]\n" * key
        tree.write(f"handlers/{handler}/mgmt", "del_device d")


def test_what_differs_from_the_default_has_a_key(tree, image):
    given = f"filename={image};blocksize=4096;write_through=1;rotational=0;removable=1"
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device f {given}")
    for attribute, value in {"blocksize": 4096, "write_through": 1, "rotational": 0, "removable": 1}.items():
        assert show(tree, "f", attribute) == f"{value}\n[key]\n"
    tree.write("handlers/vdisk_fileio/mgmt", "del_device f")
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device g filename={image};nv_cache=7")
    assert show(tree, "g", "nv_cache") == "1\n[key]\n"
    tree.write("handlers/vdisk_ram/mgmt", "add_device r size_mb=3;t10_dev_id=payroll")
    assert show(tree, "r", "size") == f"{3 << 20}\n[key]\n"
    assert show(tree, "r", "size_mb") == "3\n"
    assert show(tree, "r", "t10_dev_id") == "payroll\n[key]\n"


def test_thin_disks(tree, image):
    for handler, given, thin in (
        ("vdisk_fileio", f"filename={image};thin_provisioned=1", True),
        ("vdisk_fileio", f"filename={image};thin_provisioned=0", False),
        ("vdisk_fileio", f"filename={image}", False),
        ("vdisk_ram", "thin_provisioned=1", True),
        ("vdisk_nullio", "thin_provisioned=1", True),
        ("vdisk_nbd", f"{about('vdisk_nbd', None)};thin_provisioned=1", True),
        ("vdisk_url", f"url=file:{image};thin_provisioned=1", True),
    ):
        tree.write(f"handlers/{handler}/mgmt", f"add_device d {given}")
        assert show(tree, "d", "thin_provisioned") == ("1\n[key]\n" if thin else "0\n")
        assert (0xB2 in tree._targets.devices.by_name["d"].disk.vpd_pages()) == thin
        tree.write(f"handlers/{handler}/mgmt", "del_device d")


# CRC-32C with initial value 0 and no final inversion, as the kernel's crc32c(0, ...): bit by bit.
def crc32c(data):
    crc = 0
    for byte in data:
        for bit in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * ((crc ^ (byte >> bit)) & 1))
    return crc


def test_generated_ids(tree):
    long = "a-name-that-is-longer-than-the-id"
    tree.write("handlers/vdisk_ram/mgmt", f"add_device {long}")
    tree.write("setup_id", "0x51\n")
    assert tree.read("setup_id") == "0x51\n[key]\n"
    tree.write("handlers/vdisk_ram/mgmt", "add_device ram000")
    number = f"{crc32c(long.encode() + bytes(1)):x}"
    assert show(tree, long, "usn") == f"{number}\n"
    assert (
        show(tree, long, "t10_dev_id")
        == f"{number}-{long}"[:25] + "\n"
        == show(tree, long, "vend_specific_id")
    )
    number = f"{0x51 << 32 | crc32c(b'ram000' + bytes(1)):x}"
    assert show(tree, "ram000", "usn") == f"{number}\n"
    tree.write("setup_id", "0")
    assert tree.read("setup_id") == "0x0\n"
    refused(errno.EINVAL, tree, "setup_id", "x")


@pytest.mark.parametrize(
    ("attribute", "limit"),
    [("t10_vend_id", 8), ("prod_id", 16), ("prod_rev_lvl", 4), ("vend_specific_id", 128), ("t10_dev_id", 25),
     ("usn", 20), ("inq_vend_specific", 160)],
)  # fmt: skip
def test_identity_strings(tree, attribute, limit):
    tree.write("handlers/vdisk_ram/mgmt", "add_device d")
    path = f"devices/d/{attribute}"
    assert not tree.read(path).endswith("[key]\n")
    refused(errno.EINVAL, tree, path, "x" * (limit + 1))
    assert not tree.read(path).endswith("[key]\n")
    for value in ("x" * limit, "a b"[:limit]):
        tree.write(path, f"{value}\nwhat follows is not looked at")
        assert tree.read(path) == f"{value}\n[key]\n"


def test_scsi_device_name(tree):
    tree.write("handlers/vdisk_ram/mgmt", "add_device d")
    tree.write("devices/d/scsi_device_name", "iqn.2010-01.org.example:d")
    assert show(tree, "d", "scsi_device_name") == "iqn.2010-01.org.example:d\n[key]\n"
    refused(errno.EINVAL, tree, "devices/d/scsi_device_name", "x" * 257)


@pytest.mark.parametrize(
    ("attribute", "good", "bad"),
    [
        ("naa_id", ["2000000000000001", "0x3fffffffffffffff", "5000c500a1b2c3d4", "6" + "0" * 31],
         ["1000000000000000", "6" + "0" * 15, "5" + "0" * 31, "5000c500a1b2c3d", "q", "5" * 18]),
        ("eui64_id", ["0" * 16, "0" * 24, "f" * 32], ["0" * 14, "0" * 18, "g" * 16, "0" * 34]),
    ],
)  # fmt: skip
def test_identity_numbers(tree, attribute, good, bad):
    tree.write("handlers/vdisk_ram/mgmt", "add_device d")
    path = f"devices/d/{attribute}"
    for value in good:
        tree.write(path, f"{value}\n")
        assert tree.read(path) == f"{value.removeprefix('0x')}\n[key]\n"
    for value in bad:
        refused(errno.EINVAL, tree, path, value)
    assert tree.read(path) == f"{good[-1]}\n[key]\n"
    tree.write(path, "\n")
    assert tree.read(path) == "\n"


def test_sizes_may_have_a_unit(tree):
    for text, size in (("64k", 1 << 16), ("2M", 2 << 20), ("1GiB", 1 << 30), ("0x200", 512), ("01000", 512)):
        tree.write("handlers/vdisk_nullio/mgmt", f"add_device n size={text}")
        assert show(tree, "n", "size") == f"{size}\n[key]\n"
        tree.write("devices/n/size", "1024\n")
        tree.write("devices/n/size", f"{text}\n")
        assert show(tree, "n", "size") == f"{size}\n[key]\n"
        tree.write("handlers/vdisk_nullio/mgmt", "del_device n")
    for text, code in (
        ("99999999T", errno.ERANGE),
        ("9" * 30 + "k", errno.EINVAL),
        ("0x5k", errno.EINVAL),
        ("k", errno.EINVAL),
    ):
        refused(code, tree, "handlers/vdisk_nullio/mgmt", f"add_device n size={text}")
    refused(errno.EINVAL, tree, "handlers/vdisk_nullio/mgmt", "add_device n size_mb=64M")


def test_sizes_of_a_null_disk_can_be_written(tree):
    tree.write("handlers/vdisk_nullio/mgmt", "add_device n size=1048576;blocksize=4096")
    for path, code, text in (
        ("size", errno.EINVAL, "4097"), ("size", errno.EINVAL, "0"), ("size", errno.EINVAL, "x"),
        ("size_mb", errno.EINVAL, ""), ("size", errno.ERANGE, "0x10000000000000000"),
    ):  # fmt: skip
        refused(code, tree, f"devices/n/{path}", text)
    tree.write("devices/n/size", "8192\n")
    assert show(tree, "n", "size") == "8192\n[key]\n"
    tree.write("devices/n/size_mb", "5")
    assert show(tree, "n", "size") == f"{5 << 20}\n[key]\n"
    tree.write("devices/n/size", "2748779069440")
    assert show(tree, "n", "size") == "2748779069440\n"


def test_resync_size_and_sync(tree, image):
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device f filename={image}")
    os.truncate(image, 3 << 20)
    assert show(tree, "f", "size_mb") == "1\n"
    tree.write("devices/f/resync_size", "1")
    assert show(tree, "f", "size_mb") == "3\n"
    tree.write("devices/f/sync", "1")
    os.truncate(image, 0)
    refused(errno.EINVAL, tree, "devices/f/resync_size", "1")


def test_past_the_page_cache(tree, image):
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device f filename={image};o_direct=1")
    assert show(tree, "f", "o_direct") == "1\n[key]\n"
    assert tree._targets.devices.by_name["f"].backend.direct
    tree.write("handlers/vdisk_fileio/mgmt", "del_device f")
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device g filename={image}")
    assert show(tree, "g", "o_direct") == "0\n"
    assert not tree._targets.devices.by_name["g"].backend.direct


def test_a_block_device(tree, image):
    with loop_device(image, 1 << 20, 4096) as path:
        tree.write(
            "handlers/vdisk_blockio/mgmt", f"add_device b filename={path};blocksize=4096;thin_provisioned=1"
        )
    device = tree._targets.devices.by_name["b"]
    assert device.backend.direct
    assert show(tree, "b", "size_mb") == "1\n"
    assert "o_direct" not in tree.ls("devices/b")
    queue = Path("/sys/block") / Path(path).name / "queue"
    assert show(tree, "b", "rotational") == (queue / "rotational").read_text()
    assert device.disk.block_limits().optimal_transfer_length_granularity == 1
    tree.write("devices/b/sync", "1")
    assert f"filename {path}" in save(tree)
    tree.write("handlers/vdisk_blockio/mgmt", "del_device b")


def test_a_read_only_file_is_a_read_only_disk(tree, image):
    image.chmod(0o444)
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device f filename={image};read_only=1")
    assert show(tree, "f", "read_only") == "1\n[key]\n"


# Modes of facts 6.9, and what is absent because it would have no meaning.

MODES = {
    0o644: "t10_vend_id prod_id prod_rev_lvl vend_specific_id scsi_device_name t10_dev_id usn"
           " inq_vend_specific naa_id eui64_id",
    0o444: "type blocksize read_only removable rotational tst thin_provisioned",
    0o200: "sync",
}  # fmt: skip
OWN = {
    "vdisk_ram": {0o444: "size size_mb"},
    "vdisk_nullio": {0o644: "size size_mb"},
    "vdisk_fileio": {
        0o444: "size size_mb filename write_through nv_cache o_direct",
        0o200: "resync_size",
    },
    "vdisk_nbd": {0o444: "size size_mb url write_through nv_cache status", 0o200: "resync_size"},
    "vdisk_url": {0o444: "size size_mb url write_through nv_cache"},
}


@pytest.mark.parametrize("handler", HANDLERS)
def test_files_of_a_device_and_their_permissions(tree, image, handler):
    more = about(handler, image)
    tree.write(f"handlers/{handler}/mgmt", f"add_device d {more}")
    found = {name: tree.stat(f"devices/d/{name}") for name in tree.ls("devices/d")}
    wanted = {}
    for table in (MODES, OWN[handler]):
        for mode, names in table.items():
            wanted |= dict.fromkeys(names.split(), ("file", mode))
    wanted |= {"handler": ("link", 0o777), "exported": ("directory", 0o755)}
    assert found == wanted
    for name, (kind, mode) in found.items():
        if kind == "file" and mode & 0o444:
            assert re.fullmatch(r"[^\n]*\n(\[key]\n)?", show(tree, "d", name)), name
        if kind == "file" and not mode & 0o200:
            with pytest.raises(TreeError) as caught:
                tree.write(f"devices/d/{name}", "1")
            assert caught.value.errno == errno.EACCES


def test_the_root(tree):
    assert tree.ls() == [
        "class",
        "device_groups",
        "devices",
        "handlers",
        "last_sysfs_mgmt_res",
        "setup_id",
        "targets",
        "version",
    ]
    assert tree.read("version").startswith("SCST version: pysrp ")
    assert tree.read("last_sysfs_mgmt_res") == "0\n"
    assert tree.ls("targets") == ["ibmvstgt"]
    assert tree.ls("devices") == tree.ls("targets/ibmvstgt") == tree.ls("class/ibmvstgt") == []


@pytest.mark.parametrize(
    ("handler", "parameters"),
    [
        ("vdisk_url", ""), ("vdisk_nbd", "url=ram:1M"), ("vdisk_rbd", "url=ram:1M"), ("vdisk_url", "url=ram:1M; url=ram:1M"),
    ],
)  # fmt: skip
def test_a_url_is_there_once_and_its_handlers(tree, handler, parameters):
    refused(errno.EINVAL, tree, f"handlers/{handler}/mgmt", f"add_device a {parameters}")


def test_closing_goes_on_behind_a_device_that_fails(tree, image):
    for name in "ac":
        shutil.copy(image, image.with_name(name))
        tree.write("handlers/vdisk_fileio/mgmt", f"add_device {name} filename={image.with_name(name)}")
        tree.write("handlers/vdisk_ram/mgmt", f"add_device {name}b")
    together = tree._targets.devices
    devices = together.by_name.copy()

    def fails(code):
        def failing():
            raise OSError(code, "broken")

        return failing

    devices["ab"].backend.flush = fails(errno.EBADMSG)
    devices["cb"].backend.close = fails(errno.ENXIO)
    with pytest.raises(TreeError, match="what was written last may be lost") as caught:
        together.close()
    assert caught.value.errno == errno.EBADMSG
    assert not together.by_name
    for name in "ac":
        with pytest.raises(ValueError, match="closed"):
            devices[name].backend.size_now()


def test_devices_are_flushed_together_when_they_are_closed():
    """One that hangs holds no other one up: here each flush ends when there is another one."""

    class Both(Medium):
        size = MIB
        asked: ClassVar[list] = []

        def channel(self, loop):
            return SimpleNamespace(submit=partial(self.submit, loop), retire=lambda: None)

        def submit(self, loop, request):
            self.asked.append(partial(loop.post, partial(request.over, request)))
            if len(self.asked) == 2:
                for ends in self.asked:
                    ends()
            return PENDING

    class BothIo(UrlIo):
        def open(self):
            return Both()

    tree = Tree()
    for name in "ab":
        tree._targets.devices.add(BothIo, name, Parameters)
    tree.close()
    assert len(Both.asked) == 2


class Plain(Medium):
    """What is asked of it may raise, or be put in its place."""

    size = MIB

    def __init__(self, **more):
        super().__init__()
        self.flushed = self.closed = 0
        for name, value in more.items():
            setattr(self, name, value)

    def channel(self, loop):
        return SimpleNamespace(submit=self.submit, retire=lambda: None)

    def submit(self, request):
        self.flushed += 1

    def close(self):
        self.closed += 1


def raising(*arguments):
    raise ZeroDivisionError


class Stuck(Plain):
    def submit(self, request):
        super().submit(request)
        request.ends(errno.EIO)


class WithoutRepr(Stuck):
    __repr__ = raising


class Homeless(Plain):
    away = property(raising)


class HangingRam(Ram):
    """A backend whose flush comes to no end."""

    blocking = True

    def __init__(self):
        super().__init__(MIB)
        self.flushed = self.closed = 0
        self.go = threading.Event()

    def flush(self):
        self.flushed += 1
        assert self.go.wait(PATIENCE)

    def close(self):
        self.closed += 1
        self.go.set()
        super().close()


def closed_with(first):
    """Close a tree with this medium between two others; what that raised."""
    media = [Plain(), first, Plain()]
    tree = Tree()
    for name, medium in zip("abc", media, strict=True):
        kind = type("Io", (UrlIo,), {"open": lambda self, medium=medium: medium})
        tree._targets.devices.add(kind, name, Parameters)
    with pytest.raises((OSError, ZeroDivisionError)) as caught:
        tree.close()
    assert [each.flushed for each in media[::2]] == [1, 1]
    assert [each.closed for each in media[::2]] == [1, 1]
    return caught.value


@pytest.mark.parametrize(
    "make",
    [
        lambda: Stuck(trouble=raising),
        lambda: Plain(close=raising),
        WithoutRepr,
        Homeless,
        lambda: Plain(submit=lambda request: request.fails(OSError("text", "for errno"))),
    ],
    ids=["trouble", "close", "repr", "away", "errno"],
)
def test_whatever_a_medium_raises_the_others_are_closed(make):
    medium = make()
    error = closed_with(medium)
    assert isinstance(error, ZeroDivisionError) or error.errno == errno.EIO
    assert medium.closed or medium.close is raising


def test_a_backend_whose_flush_hangs_is_left_alone(monkeypatch):
    monkeypatch.setattr("pysrp.scst.device.FLUSHING", 0.01)
    backend = HangingRam()
    error = closed_with(backend)
    assert error.errno == errno.EAGAIN
    assert (backend.flushed, backend.closed) == (1, 1)


def test_what_leaves_may_raise_and_all_are_closed(tree, monkeypatch):
    for name in "ab":
        tree.write("handlers/vdisk_ram/mgmt", f"add_device {name}")
    devices = list(tree._targets.devices.by_name.values())
    monkeypatch.setattr(devices[0], "leave", raising)
    monkeypatch.setattr(devices[1], "_stores", lambda: [SimpleNamespace(close=raising)])
    with pytest.raises(ZeroDivisionError):
        tree._targets.devices.close()
    for device in devices:
        with pytest.raises(ValueError, match="closed"):
            device.backend.read_into(0, memoryview(bytearray(1)))


def test_closing_twice_and_writing_afterwards(image):
    tree = Tree()
    tree.write("handlers/vdisk_fileio/mgmt", f"add_device f filename={image}")
    tree.close()
    tree.close()
    with pytest.raises(TreeError) as caught:
        tree.write("setup_id", "1")
    assert caught.value.errno == errno.ENODEV
