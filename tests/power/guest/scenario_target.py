"""Debian's ibmvscsi, and all that Linux puts on top of it, against pysrp's target."""

import hashlib
import mmap
import os
import random
import re
import sys
import time
from pathlib import Path

import generic_checks
from labguest import Hypervisor, check, insmod, kernel_log, main, modprobe, record, rmmod, run, until
from scenario_lib import (
    MOUNTED,
    NAMES,
    README,
    TARGET,
    UNITS,
    Target,
    disk,
    disks,
    host,
    load_driver,
    put_tree_where_scst_has_it,
    queue,
    rescan,
    said,
    sg,
    unload_driver,
)

CLIENT = int(sys.argv[1], 0)
hypervisor = Hypervisor(CLIENT)
target = None


def shell(lines):
    done = run("sh", "-e", "-c", lines)
    assert not done.returncode, done.stdout
    return done.stdout


def the_readme():
    """README.ibmvstgt from end to end, in a shell, on the management tree mounted by FUSE."""
    global target
    insmod("vscsi_lab")
    put_tree_where_scst_has_it()
    load_driver()
    check("driver waits", hypervisor.state()["client"]["registered"] == 1)
    target = Target(hypervisor)
    target.mount(MOUNTED)
    target.add_ram()
    devices = shell("ls /sys/kernel/scst_tgt/devices").split()
    check("devices", devices == NAMES, got=devices)
    shell(README)
    base = f"/sys/kernel/scst_tgt/{TARGET}"
    check("addr_method", shell(f"cat {base}/addr_method").split() == ["LUN"])
    luns = shell(f"ls {base}/luns").split()
    check("luns", set(luns) == {*(str(256 * n) for n in range(1, 17)), "mgmt"}, got=luns)
    check("enabled", shell(f"cat {base}/enabled").split()[0] == "1")
    lines = [
        said("partner initialized"),
        said("host srp version: 16.a, host partition VIOS3-P6 (40), OS 2, max io 67108864"),
        said("sent SRP login"),
        said("SRP_LOGIN succeeded"),
    ]
    record("kernel said", lines=[line[-1] for line in lines])
    rescan()
    seen = disks(16)
    pattern = r"\[%d:0:%d:0\] +disk +IBM +VDASD blkdev +0001 +/dev/sd[a-p] *"
    wanted = [bool(re.fullmatch(pattern % (host(), n + 1), line)) for n, line in enumerate(seen)]
    check("lsscsi", all(wanted), got=seen)
    record("lsscsi", lines=seen)
    session = target.tree.ls(f"{TARGET}/sessions")
    check("session", len(session) == 1, got=session)


def aix():
    """os_type 3: fast fail and capabilities before login; the driver comes second and scans by itself."""
    global target
    check("unloads", unload_driver())
    target.stop()
    check("queue closed", not hypervisor.state()["server"]["registered"])
    target = Target(hypervisor, "--os-type", "aix", program=UNITS)
    target.add_ram(8 << 20)
    for n, name in enumerate(NAMES):
        target.tree.write(f"{TARGET}/luns/mgmt", f"add {name} {256 * (n + 1)}")
    target.enable()
    load_driver()
    said("host srp version: 16.a, host partition VIOS3-P6 (40), OS 3, max io 67108864")
    said("SRP_LOGIN succeeded")
    asked = [line for line in kernel_log().splitlines() if "fast_fail" in line or "capabilit" in line.lower()]
    record("kernel said", lines=asked)
    seen = disks(16)
    check("sixteen disks", all("IBM" in line and "VDASD blkdev" in line for line in seen), got=seen)


def big_disk():
    """For what follows: a disk of 96 MiB in a file."""
    target.add_file("big", "/tmp/big.img", 17 * 256, 96 << 20)
    rescan()
    check("hot-added", disk(17).startswith("/dev/sd"))


def tree_sum(folder):
    """A digest over names and contents."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).rglob("*")):
        digest.update(str(path.relative_to(folder)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def filesystems():
    modprobe("ext4")
    device = disk(17)
    table = "label: gpt\nsize=60MiB\nsize=20MiB\n"
    done = run("/sbin/sfdisk", "--no-tell-kernel", device, input=table)
    check("sfdisk", done.returncode == 0, got=done.stdout)
    run("blockdev", "--rereadpt", device)
    until(lambda: Path(f"{device}2").exists())
    listed = run("/sbin/sfdisk", "-d", device).stdout
    check("partitions", listed.count("size=") == 2, got=listed)
    for part, options in ((f"{device}1", []), (f"{device}2", ["-b", "4096"])):
        done = run("/sbin/mkfs.ext4", "-q", "-F", *options, part)
        check("mkfs.ext4", done.returncode == 0, got=done.stdout)
    source = "/usr/lib/python3.11/asyncio"
    os.makedirs("/mnt/a", exist_ok=True)
    before = tree_sum(source)
    for part in (f"{device}1", f"{device}2"):
        assert not run("mount", "-t", "ext4", part, "/mnt/a").returncode
        done = run("cp", "-r", source, "/mnt/a/copy")
        check("copied", done.returncode == 0, got=done.stdout)
        Path("/mnt/a/pattern").write_bytes(pattern := random.Random(3).randbytes(5 << 20))
        check("unmounted", run("umount", "/mnt/a").returncode == 0)
        Path("/proc/sys/vm/drop_caches").write_text("3")
        assert not run("mount", "-t", "ext4", part, "/mnt/a").returncode
        check("the tree is the same", tree_sum("/mnt/a/copy") == before)
        check("and the pattern", Path("/mnt/a/pattern").read_bytes() == pattern)
        (Path("/mnt/a/pattern")).unlink()
        check("unmounted again", run("umount", "/mnt/a").returncode == 0)
        done = run("/sbin/e2fsck", "-f", "-n", part)
        check("fsck", done.returncode == 0, got=done.stdout)


def direct(device, offset, data):
    """Write and read with O_DIRECT."""
    fd = os.open(device, os.O_RDWR | os.O_DIRECT)
    try:
        with mmap.mmap(-1, len(data)) as buffer:
            buffer[:] = data
            assert os.pwrite(fd, buffer, offset) == len(data)
            buffer[:] = bytes(len(data))
            assert os.preadv(fd, [buffer], offset) == len(data)
            return buffer[:]
    finally:
        os.close(fd)


def transfers():
    device = disk(17)
    # The adapter takes 64 MiB at a time, the disk itself (VPD page B0h) 8 MiB.
    check("largest of the adapter", queue(device, "max_hw_sectors_kb") == "65536")
    largest = "8192"
    queue(device, "max_sectors_kb", largest)
    record("transfers", max_segments=queue(device, "max_segments"))
    maker = random.Random(9)
    for size in (512, 4096, 65536, 65536 + 512, 1 << 20, int(largest) << 10, 16 << 20):
        data = maker.randbytes(size)
        check(f"O_DIRECT {size}", direct(device, 8 << 20, data) == data)
        with open(device, "r+b") as file:
            check("buffered reads the same", (file.seek(8 << 20), file.read(size))[1] == data)
            data = maker.randbytes(size)
            file.seek(32 << 20)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path("/proc/sys/vm/drop_caches").write_text("3")
        with open(device, "rb") as file:
            check(f"buffered {size}", (file.seek(32 << 20), file.read(size))[1] == data)
    with open("/tmp/big.img", "rb") as file:
        file.seek(32 << 20)
        check("it is in the file", file.read(16 << 20) == data)
    start, done = time.monotonic(), 0
    fd = os.open(device, os.O_RDONLY | os.O_DIRECT)
    with mmap.mmap(-1, 1 << 20) as buffer:
        while time.monotonic() < start + 1:
            done += os.preadv(fd, [buffer], done % (64 << 20))
    os.close(fd)
    record("speed", mib_per_second=round(done / (time.monotonic() - start) / (1 << 20)))


def tool(name, *arguments, exits=0, says, why=""):
    """Run an sg3_utils program on the first disk and judge it by its exit status and its words."""
    done = run(f"/usr/bin/{name}", *arguments)
    text = " ".join([name, *map(str, arguments), why])
    with open("/share/sg3_utils.txt", "a") as file:
        file.write(f"\n$ {text}\n{done.stdout}exit {done.returncode}\n")
    found = [words for words in says if not re.search(words, done.stdout)]
    check(text, done.returncode == exits and not found, exit=done.returncode, lacks=found, got=done.stdout)
    return done.stdout


VPD = {
    0x00: (["Supported VPD pages"], ["Unit serial number", "Device identification", "Block limits"]),
    0x80: (["Unit serial number: \\S+"], ["Unit serial number: \\S+"]),
    0x83: (
        [
            "vendor id: IBM",
            "vendor specific: \\S+-ram000",
            "Relative target port: 0x1",
            "EUI-64 based 8 byte",
        ],
        ["Addressed logical unit:", "vendor id: IBM", "Target port:", "Relative target port: 0x1"],
    ),
    0x86: (["HEADSUP=1 ORDSUP=1 SIMPSUP=1", "V_SUP=1"], ["HEADSUP=1 ORDSUP=1 SIMPSUP=1", "V_SUP=1"]),
    0x87: (["Policy page code: 0x3f"], ["MLUS=0, +Policy: shared"]),
    0x88: (["Relative port=1"], ["Relative port=1", "Relative target port: 0x1"]),
    0x8A: (
        ["Power condition page", "Standby_z=1 .*Idle_a=1"],
        ["Power condition VPD", "Standby_z=1 .*Idle_a=1"],
    ),
    0x8F: (
        ["page code=0x8f"],
        ["Extended copy\\(LID1\\)", "Maximum segment descriptor count: 64", "block -> block"],
    ),
    0xB0: (["Optimal transfer length granularity: 8 blocks"], ["Maximum unmap LBA count: 0"]),
    0xB1: (["Non-rotating medium"], ["Non-rotating medium"]),
}
"""What sg_inq and sg_vpd have to say of each page."""

REFUSED = (
    ("c1 00 00 00 00 00", 9, "vendor specific", "Invalid command operation code"),
    ("a3 1f 00 00 00 00 00 00 00 10 00 00", 5, "service action that is not there", "Invalid field in cdb"),
    ("12 01 ee 00 fc 00", 5, "page that is not there", "Invalid field in cdb"),
    ("12 00 05 00 24 00", 5, "page code without EVPD", "Invalid field in cdb"),
    ("12 02 00 00 24 00", 5, "CMDDT, obsolete since SPC-3", "Invalid field in cdb"),
    ("28 00 ff ff ff ff 00 00 01 00", 22, "beyond the end", "Logical block address out of range"),
    ("28 00 00 00 3f ff 00 00 02 00", 22, "over the end", "Logical block address out of range"),
    ("2a 00 00 00 40 00 00 00 01 00", 22, "write beyond the end", "Logical block address out of range"),
    ("1a 00 3e 00 ff 00", 5, "mode page that is not there", "Invalid field in cdb"),
    ("1a c0 08 01 ff 00", 5, "subpage that is not there", "Invalid field in cdb"),
    ("5a 00 c8 00 00 00 00 00 ff 00", 5, "saved values", "Saving parameters not supported"),
    ("5a 00 08 00 00 00 00 00 ff 04", 5, "NACA", "Invalid field in cdb"),
    ("25 00 00 00 00 05 00 00 00 00", 5, "LBA without PMI", "Invalid field in cdb"),
    ("a0 00 7f 00 00 00 00 00 00 10 00 00", 5, "SELECT REPORT that is reserved", "Invalid field in cdb"),
)
"""CDBs that must be refused: the exit status of sg_raw (sg3_utils(8)), why, and its words."""


def sg3_utils():
    device = sg(1)
    tool(
        "sg_inq",
        device,
        says=(
            "Vendor identification: IBM",
            "Product identification: VDASD blkdev",
            "level: 0001",
            "CmdQue=1",
        ),
    )
    pages = run("/usr/bin/sg_vpd", "-p", "sv", "-H", device).stdout
    data = bytes.fromhex("".join(re.findall(r"(?<=  )(?:[0-9a-f]{2}[ ]+)+", pages)).replace(" ", ""))
    listed = list(data[4 : 4 + data[3]])
    check("VPD pages listed", listed == sorted(VPD), got=listed)
    for page in listed:
        inq, vpd = VPD[page]
        tool("sg_inq", "--vpd", f"--page={page:#x}", device, says=inq)
        tool("sg_vpd", f"--page={page:#x}", device, says=vpd)
    count = r"Lun list length = 136 which impl?i?es 17 lun entries"
    tool("sg_luns", device, says=(count, *(rf"\b{0x80 + n:x}00000000000000\b" for n in range(1, 18))))
    tool("sg_luns", "-d", device, says=[f"bus_id=0, target={n}, lun=0" for n in range(1, 18)])
    tool("sg_readcap", device, says=("Logical block length=512 bytes", "Number of logical blocks=16384"))
    tool(
        "sg_readcap",
        "-l",
        device,
        says=(
            "Last LBA=16383 ", "Logical block length=512 bytes", "physical block length=4096 bytes",
            "prot_en=0", "lbpme=0", "Device size: 8388608 bytes",
        ),
    )  # fmt: skip
    modes = (
        "Mode data length=112",
        "WP=0, DpoFua=1",
        "00 00 40 00 00 00 02 00",
        "01 0a 00",
        "08 12 04",
        "0a 0a 22 10",
    )
    tool("sg_modes", device, says=modes)
    tool("sg_modes", "-a", device, says=(*modes, "Informational exceptions control"))
    tool("sg_modes", "-p", "0x8,0", "-c", "1", device, says=("Caching, page_control: changeable", "08 12 05"))
    tool("sg_modes", "-p", "0x3e,0", device, exits=5, says=("page 0x3e not supported",))
    names = (
        "Read\\(10\\)",
        "Write\\(16\\)",
        "Inquiry",
        "Report luns",
        "Read capacity\\(16\\)",
        "Verify\\(10\\)",
    )
    tool("sg_opcodes", device, says=names)
    tool("sg_opcodes", "-R", device, says=("Recommended", *names))
    tool(
        "sg_opcodes",
        "-o",
        "0x28",
        device,
        says=("Command is supported", "Usage data: 28 1c ff ff ff ff 00 ff ff 00"),
    )
    tool("sg_opcodes", "-o", "0xc1", device, says=("Command is NOT supported",))
    tool("sg_verify", "-c", "128", device, says=(r"\A\Z",))
    tool("sg_verify", "-l", "0x3fff", "-c", "2", device, exits=22, says=("LBA out of range", "lba=16383"))
    tool("sg_sync", device, says=(r"\A\Z",))
    tool("sg_turs", "-n", "100", device, says=("Completed 100 Test Unit Ready commands with 0 errors",))
    tool("sg_requests", device, says=("Fixed format, current; Sense key: No Sense",))
    tool("sg_start", device, says=(r"\A\Z",))
    tool("sg_start", "--stop", device, says=(r"\A\Z",))
    tool("sg_turs", device, exits=2, says=("not ready", "with 1 errors"))
    tool("sg_requests", device, says=("Sense key: Not Ready", "initializing command required"))
    tool("sg_start", "--start", device, says=(r"\A\Z",))
    tool("sg_turs", device, says=(r"\A\Z",))
    tool("sg_logs", "-l", device, says=("Supported log pages", "Informational exceptions"))
    tool("sg_rtpg", device, exits=5, says=("unsupported service action",))  # no such service action
    for cdb, exits, why, words in REFUSED:
        data = ["-s", "512", "-i", "/dev/zero"] if cdb[:2] == "2a" else ["-r", "512"]
        tool("sg_raw", *data, device, *cdb.split(), exits=exits, says=(words,), why=why)
    tool("sg_raw", "-r", "36", device, *"12 00 00 00 24 00".split(), says=("SCSI Status: Good", "49 42 4d"))
    log = kernel_log()
    bad = [
        line
        for line in log.splitlines()
        if "I/O error" in line or "ibmvscsi" in line and "bad" in line.lower()
    ]
    check("nothing in the kernel's log", not bad, got=bad)


def scsi_generic():
    """Our own SG_IO in place of sg3_utils'."""
    generic_checks.scsi_generic(target, range(1, 18))


def goes():
    global target
    check("unloads", unload_driver())
    target.stop()
    check("nothing stays mapped", until(lambda: hypervisor.state()["mapped"] == 0))
    check("lab unloads", until(lambda: rmmod("vscsi_lab") == ""))


main(the_readme, aix, big_disk, filesystems, transfers, sg3_utils, scsi_generic, goes)
