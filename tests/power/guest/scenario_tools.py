"""The tools that people have, through Debian's ibmvscsi, on a thin disk (id 1), two thick ones (ids 2 and 3) and a slow one."""

import os
import re
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from labguest import Hypervisor, check, insmod, kernel_log, main, modprobe, rmmod, run, until
from scenario_lib import TARGET, Target, disk, disks, load_driver, sg, tool, unload_driver

CLIENT = int(sys.argv[1], 0)
MIB = 1 << 20
THIN, THICK, OTHER, SLOW = 1, 2, 3, 4
HALF = 2048
"""Blocks of half the slow disk, whose requests can be made to wait."""
PATTERN = bytes(range(256)) * 2
READY = ["00"] * 6
"""TEST UNIT READY, for sg_raw."""
hypervisor = Hypervisor(CLIENT)
target = None


def put(number, lba, data):
    """Past the page cache, which knows nothing of what the tools do here."""
    path = Path("/tmp/put")
    path.write_bytes(data)
    blocks = len(data) // 512
    done = run("/usr/bin/sg_dd", f"if={path}", f"of={sg(number)}", "bs=512", f"seek={lba}", f"count={blocks}")
    assert not done.returncode, done.stdout


def get(number, lba, blocks):
    """What is there, likewise."""
    path = Path("/tmp/read")
    path.unlink(missing_ok=True)
    done = run("/usr/bin/sg_dd", f"if={sg(number)}", f"of={path}", "bs=512", f"skip={lba}", f"count={blocks}")
    assert not done.returncode, done.stdout
    return path.read_bytes()


def connects():
    global target
    insmod("vscsi_lab")
    target = Target(hypervisor)
    for number, (name, more) in enumerate((("thin", ";thin_provisioned=1"), ("one", ""), ("two", "")), 1):
        target.tree.write("handlers/vdisk_ram/mgmt", f"add_device {name} size={64 * MIB}{more}")
        target.tree.write(f"{TARGET}/luns/mgmt", f"add {name} {256 * number}")
    target.tree.write("handlers/vdisk_url/mgmt", "add_device slow url=fault:ram:2M")
    target.tree.write(f"{TARGET}/luns/mgmt", f"add slow {256 * SLOW}")
    target.enable()
    load_driver(max_id=SLOW + 1)
    disks(SLOW)


def persistent_reservations():
    """sg_persist, in every form."""
    device = sg(THICK)

    def out(*arguments, exits=(0,), **options):
        tool("/usr/bin/sg_persist", "-n", "--out", *arguments, device, exits=exits, **options)

    def shows(*arguments, says, lacks=()):
        tool("/usr/bin/sg_persist", "-n", *arguments, device, says=says, lacks=lacks)

    shows(
        "-c",
        says=["All Target Ports Capable.*: 1", "Write Exclusive, all registrants: 1", "Exclusive Access: 1"],
    )
    shows("-k", says=["there are NO registered reservation keys"])
    out("--register", "--param-sark=0x123abc")
    shows("-k", says=["1 registered reservation key follows", "0x123abc"])
    shows("-r", says=["there is NO reservation held"])
    for kind, name in (
        (1, "Write Exclusive"),
        (3, "Exclusive Access"),
        (5, "Write Exclusive, registrants only"),
        (6, "Exclusive Access, registrants only"),
        (7, "Write Exclusive, all registrants"),
        (8, "Exclusive Access, all registrants"),
    ):
        out("--reserve", "--param-rk=0x123abc", f"--prout-type={kind}")
        shows("-r", says=[f"type: {name}\n"])
        out("--release", "--param-rk=0x123abc", f"--prout-type={kind}")
    out("--reserve", "--param-rk=0x999", "--prout-type=1", exits=(24,), says=["Reservation conflict"])
    out("--register-ignore", "--param-sark=0x456")
    shows(
        "-s",
        says=["Key=0x456", "Relative port address: 0x1", "RDMA initiator port identifier", "30 00 00 28"],
        lacks=["0x123abc"],
    )
    out("--reserve", "--param-rk=0x456", "--prout-type=5")
    out("--preempt", "--param-rk=0x456", "--param-sark=0x456", "--prout-type=3")
    shows("-r", says=["type: Exclusive Access\n"])
    out("--preempt-abort", "--param-rk=0x456", "--param-sark=0x456", "--prout-type=1")
    shows("-r", says=["type: Write Exclusive\n"])
    out("--replace-lost", "--param-rk=0", "--param-sark=0x456", "--prout-type=1", exits=(5,))
    out("--clear", "--param-rk=0x456")
    shows("-k", says=["NO registered reservation keys"])
    out("--register", "--param-sark=0x1", "--param-aptpl", exits=(5,), why="no durable store here")


def provisioning():
    """sg_unmap, sg_write_same, sg_get_lba_status, and what the medium keeps."""
    device = sg(THIN)
    put(THIN, 0, PATTERN * 1024)
    # What the kernel has read behind them may be mapped, too.
    text = run("/usr/bin/sg_get_lba_status", "--lba=0", device).stdout
    found = re.search(r"blocks: +(\d+) +mapped", text)
    check("what is written is mapped", found is not None and int(found[1]) >= 1024, got=text)
    tool("/usr/bin/sg_unmap", "--lba=128", "--num=256", "--force", device)
    # Pages of this machine have 64 KiB. Before anybody reads: a page that was read may be there.
    tool("/usr/bin/sg_get_lba_status", "--lba=128", device, says=["LBA: 0x0*80 +blocks: +256 +deallocated"])
    check("unmapped reads as zeros", get(THIN, 120, 272) == PATTERN * 8 + bytes(256 * 512) + PATTERN * 8)
    tool("/usr/bin/sg_unmap", "--lba=131072", "--num=1", "--force", device, exits=(22,), why="past the end")
    tool("/usr/bin/sg_write_same", "--16", "--unmap", "--lba=512", "--num=128", device)
    check("with WRITE SAME too", get(THIN, 504, 144) == PATTERN * 8 + bytes(128 * 512) + PATTERN * 8)
    Path("/tmp/block").write_bytes(PATTERN[::-1])
    for flags in (["--10"], ["--16"]):
        put(THIN, 600, bytes(8 * 512))
        tool("/usr/bin/sg_write_same", *flags, "--in=/tmp/block", "--lba=601", "--num=6", device)
        check(f"six times {flags}", get(THIN, 600, 8) == bytes(512) + PATTERN[::-1] * 6 + bytes(512))
    tool("/usr/bin/sg_write_same", "--16", "--ndob", "--lba=602", "--num=2", device)
    check("zeros without a block", get(THIN, 601, 4) == PATTERN[::-1] + bytes(1024) + PATTERN[::-1])
    tool("/usr/bin/sg_readcap", "-l", device, says=["lbpme=1, lbprz=1"])
    tool("/usr/bin/sg_unmap", "--lba=0", "--num=8", "--force", sg(THICK), exits=(9,), why="thick")


def compare_and_write():
    device = sg(THICK)
    put(THICK, 10, PATTERN * 2)
    swap = ["/usr/bin/sg_compare_and_write", "--lba=10", "--num=2", "--in=/tmp/swap", device]
    Path("/tmp/swap").write_bytes(PATTERN * 2 + PATTERN[::-1] * 2)
    tool(*swap)
    check("swapped", get(THICK, 10, 2) == PATTERN[::-1] * 2)
    tool(*swap, exits=(14,), says=["[Mm]iscompare"])
    check("not swapped again", get(THICK, 10, 2) == PATTERN[::-1] * 2)


def copies():
    """sg_xcopy, sg_copy_results and ddpt: the disks copy, not this machine."""
    tool("/usr/bin/sg_copy_results", "--params", sg(THICK), says=[
        "Supports no list identifier .*: yes|SNLID.*: 1|no list",
        "Maximum target descriptor count: 16", "Maximum segment descriptor count: 64",
        "Maximum segment length: 268431360 bytes", "[Bb]lock", "(?i)identification",
    ])  # fmt: skip
    put(THICK, 1000, os.urandom(2000 * 512))
    for source, to in ((THICK, OTHER), (OTHER, THIN)):
        tool(
            "/usr/bin/sg_xcopy", f"if={sg(source)}", f"of={sg(to)}", "bs=512", "skip=1000", "seek=1000", "count=2000",
            says=["2000 blocks, 1 command"],
        )  # fmt: skip
        check("copied", get(to, 1000, 2000) == get(source, 1000, 2000))
    tool(
        "/usr/bin/ddpt", f"if={sg(THICK)}", "iflag=xcopy", f"of={sg(OTHER)}", "bs=512", "skip=1000", "seek=5000", "count=2000",
        says=["1 xcopy command done"],
    )  # fmt: skip
    check("copied by ddpt", get(OTHER, 5000, 2000) == get(THICK, 1000, 2000))
    tool("/usr/bin/sg_vpd", "-p", "tpc", sg(THICK), says=[
        "Extended copy\\(LID1\\)", "Maximum CSCD descriptor count: 16", "block -> block", "Identification Descriptor",
        "Maximum segment length",
    ])  # fmt: skip


def formats():
    put(OTHER, 0, PATTERN * 64)
    tool("/usr/bin/sg_format", "--format", "--quick", "--wait", sg(OTHER), says=["Number of blocks=131072"])
    check("formatted", get(OTHER, 0, 64) == bytes(64 * 512))
    check("to the end", get(OTHER, 64 * 2048 - 16, 16) == bytes(16 * 512))


def pages():
    """What a disk says of itself, page by page."""
    device = sg(THIN)
    tool("/usr/bin/sg_vpd", "--all", device, says=[
        "Supported VPD pages", "Unit serial number", "Device identification", "extended INQUIRY data",
        "Third party copy", "Block limits", "Block device characteristics", "Logical block provisioning",
        "Maximum compare and write length: 255", "Provisioning type: 2",
    ], lacks=["malformed|too short"])  # fmt: skip
    tool("/usr/bin/sg_logs", "-a", device, says=[
        "Write error counter page", "Read error counter page", "Verify error counter page", "Non-medium error",
        "Current temperature = <not available>", "Accumulated start-stop cycles = \\d+", "Self-test results",
        "Informational Exceptions", "number of write commands = \\d+",
    ], lacks=["not supported|malformed|too short|No ascii|[Uu]nable"])  # fmt: skip
    tool("/usr/bin/sg_logs", "-L", device, says=["0x00,0xff", "0x10 +Self test"])
    tool("/usr/bin/sg_opcodes", "-t", device, says=["Logical unit reset", "Abort task"])
    tool("/usr/bin/sg_opcodes", device, says=["Extended copy\\(LID1\\)", "Compare and write", "Unmap"])
    # 5: there may be no saved values, which it asks for too.
    tool("/usr/bin/sdparm", "--all", device, exits=(0, 5), says=[
        "WCE +1", "TST +\\d +\\[cha: y", "D_SENSE", "DEXCPT",
    ])  # fmt: skip
    tool("/usr/bin/sdparm", "--get=WCE", device, exits=(0, 5), says=["WCE +1 +\\[cha: y"])
    tool("/usr/bin/sdparm", "--clear=WCE", device)
    tool("/usr/bin/sdparm", "--get=WCE", device, exits=(0, 5), says=["WCE +0"])
    tool("/usr/bin/sdparm", "--set=WCE", device)
    tool("/usr/bin/sdparm", "--inquiry", device, says=["Device identification", "IBM"])
    tool("/usr/sbin/smartctl", "-a", "-d", "scsi", device, exits=(0,), says=[
        "Vendor: +IBM", "User Capacity: +67,108,864 bytes", "LU is thin provisioned", "Error counter log", "SMART Health Status: OK", "Accumulated start-stop cycles: +\\d+", "Non-medium error count: +\\d+",
    ])  # fmt: skip


def thresholds():
    """One of the room that is used, by sdparm: Linux' log says that it has been told."""
    device = sg(THIN)
    tool("/usr/bin/sg_vpd", "-p", "lbpv", device, says=["Threshold exponent: 11"])
    text = tool("/usr/bin/sg_logs", "-p", "0xc", device, says=["Scope: dedicated to lu"])
    sets = int(re.search("Used LBA mapping .*resource count: (\\d+)", text)[1]) + 2
    tool("/usr/bin/sdparm", "--page=lbp", f"--set=LBP_EN=1,LBP_COUNT={sets}", device)
    tool("/usr/bin/sdparm", "--set=LBPERE=1", device)
    tool(
        "/usr/bin/sdparm", "--page=lbp", "--get=LBP_COUNT", device, exits=(0, 5), says=[f"LBP_COUNT +{sets}"]
    )
    said = "thin provisioning soft threshold"
    check("not yet told", said not in kernel_log(everything=True))
    with open(disk(THIN), "r+b") as file:
        file.seek(40 * MIB)
        for _ in range(4):
            file.write(os.urandom(MIB))
            file.flush()
            os.fsync(file.fileno())
    check("told", said in kernel_log(everything=True))
    tool("/usr/bin/sdparm", "--set=LBPERE=0", device)
    tool("/usr/bin/sdparm", "--page=lbp", "--set=LBP_EN=0", device)


def diagnostics():
    device = sg(THICK)
    tool("/usr/bin/sg_senddiag", "-l", device, says=["Supported diagnostic pages"])
    tool("/usr/bin/sg_senddiag", "-t", device)
    for code in (5, 6):
        tool("/usr/bin/sg_senddiag", "-s", code, device)
    tool("/usr/bin/sg_logs", "-p", "0x10", device, says=[
        "foreground extended.*\n?.*self.test.*completed without error|self.test code = foreground extended \\[6\\]",
        "foreground short",
    ])  # fmt: skip
    tool(
        "/usr/sbin/smartctl",
        "-l",
        "selftest",
        "-d",
        "scsi",
        device,
        says=["Foreground long.*Completed", "Foreground short.*Completed"],
    )
    for mode, words in ("03", "00 01 00 00"), ("0b", "01 00 10 00"):
        tool("/usr/bin/sg_read_buffer", f"--mode=0x{mode}", "--length=4", device)
        tool(
            "/usr/bin/sg_raw", "-r", "4", device, *f"3c {mode} 00 00 00 00 00 00 04 00".split(), says=[words]
        )
    Path("/tmp/buffer").write_bytes(PATTERN)
    tool("/usr/bin/sg_write_buffer", "-m", "data", "--in=/tmp/buffer", "--length=512", device)
    done = run("/usr/bin/sg_read_buffer", "-m", "data", "--length=512", "--raw", device)
    check("the buffer", done.returncode == 0)
    tool("/usr/bin/sg_reset", "--device", device)


@contextmanager
def hanging(rule):
    """One request to the slow disk hangs by a rule until the end; gives what waits for it to come."""
    faults = "devices/slow/faults"
    target.tree.write(faults, f"add hang {rule} count=1")
    yield lambda: until(lambda: ", 1 held" in target.tree.read(faults))
    target.tree.write(faults, "clear")


def sanitizes():
    """sg_sanitize: a pattern, how far it is, zeros, and one that fails."""
    device = sg(SLOW)
    # Without --wait or --early it sleeps for a minute.
    command = "/usr/bin/sg_sanitize", "--quick"
    Path("/tmp/block").write_bytes(PATTERN[::-1])
    with hanging(f"op=write lba={HALF}") as held:
        tool(*command, "--early", "--overwrite", "--pattern=/tmp/block", device)
        held()
        tool("/usr/bin/sg_raw", device, *READY, exits=(2,), says=["sanitize in progress", "50.00%"])
    until(lambda: run("/usr/bin/sg_turs", device).returncode == 0)
    check("overwritten", get(SLOW, 0, 2 * HALF) == PATTERN[::-1] * 2 * HALF)
    tool(*command, "--wait", "--block", device, exits=(5,), why="of thin disks")
    tool(*command, "--wait", "--overwrite", "--zero", device)
    check("overwritten with zeros", get(SLOW, 0, 2 * HALF) == bytes(2 * HALF * 512))
    tool(*command, "--wait", "--block", sg(THIN))
    check("erased", get(THIN, 0, 2 * HALF) == bytes(2 * HALF * 512))
    target.tree.write("devices/slow/faults", f"add error op=write lba={HALF} count=1")
    overwrite = *command, "--wait", "--ause", "--overwrite", "--pattern=/tmp/block"
    tool(*overwrite, device, exits=(3,), says=[f"lba={HALF} "])
    tool("/usr/bin/sg_raw", device, *READY, exits=(3,), says=["Sanitize command failed"])
    tool(*command, "--wait", "--fail", device)
    half = get(SLOW, HALF - 1, 2)
    check("as it was left", half == PATTERN[::-1] + bytes(512), got=half)
    target.tree.write("devices/slow/faults", "clear")


def self_tests():
    """sg_senddiag and smartctl begin them in the background; sg_logs and smartctl know how they go."""
    device = sg(SLOW)
    page = "/usr/bin/sg_logs", "--page=0x10", device

    def over():
        return "in progress" not in run(*page).stdout

    with hanging(f"op=read lba={HALF}") as held:
        tool("/usr/bin/sg_senddiag", "-s", 2, device)
        held()
        tool("/usr/bin/sg_requests", "--progress", device, says=["Progress indication: 50.00% done"])
        tool(*page, says=["background extended.*\\n.*self test in progress"])
        tool("/usr/bin/sg_turs", device, why="meanwhile")
        tool("/usr/bin/sg_senddiag", "-s", 4, device)
    until(over)
    smartctl = "/usr/sbin/smartctl", "-d", "scsi", device
    tool(*smartctl, "-t", "short", says=["Short Background Self Test has begun"])
    until(over)
    tool(*smartctl, "-l", "selftest", says=[
        "# 1 +Background short +Completed", "# 2 +Background long +Aborted \\(by user",
    ])  # fmt: skip


def statistics():
    """Page 19h counts what sg_dd moves."""
    names = "read commands", "write commands", "logical blocks received", "logical blocks transmitted"

    def counts():
        text = tool("/usr/bin/sg_logs", "--page=0x19", sg(OTHER), says=["Idle time", "Time interval"])
        return [int(n) for name in names for n in re.findall(f"number of {name} = (\\d+)", text)]

    before = counts()
    put(OTHER, 0, PATTERN * 600)
    get(OTHER, 0, 300)
    after = counts()
    # sg_dd moves 128 blocks with a command.
    moved = [now - then for now, then in zip(after, before, strict=True)]
    check("commands and blocks", moved == [3, 5, 600, 300], got=(before, after))


def clocks():
    """sg_timestamp: the clock of the server, and what was set."""
    device = sg(OTHER)
    command = "/usr/bin/sg_timestamp"

    def now(origin):
        return int(tool(command, "-oo", device, says=[f"\\A{origin}\\n\\d+\\n"]).split()[1])

    before = time.time()
    found = now(3)
    check("is that of the server", int(before * 1000) <= found <= time.time() * 1000, got=(before, found))
    tool(command, "--milliseconds=1500000000123", device)
    found = now(2)
    check("goes on from there", 1500000000123 <= found < 1500000000123 + 600_000, got=found)


def port_groups():
    """sg_rtpg and sg_stpg: our target is in one group, another server's in a second one."""
    device = sg(OTHER)
    groups = "device_groups/pair/target_groups"
    write = target.tree.write
    write("device_groups/mgmt", "create pair")
    for name, member in (("here", "ibmvstgt_target_0"), ("there", "elsewhere")):
        write(f"{groups}/mgmt", f"add {name}")
        write(f"{groups}/{name}/mgmt", f"add {member}")
    write(f"{groups}/there/elsewhere/rel_tgt_id", "7")
    write(f"{groups}/there/state", "standby")
    write("device_groups/pair/devices/mgmt", "add two")

    def reports(*groups, extended=()):
        tool("/usr/bin/sg_rtpg", "--decode", *extended, device, says=[
            f"group id : 0x{number}.*\\n.*{state}.*\\n(.*\\n)? *status code .*{by}(.*\\n){{4}} *0x0{port}\\n"
            for number, state, by, port in groups
        ])  # fmt: skip

    tool("/usr/bin/sg_raw", device, *READY, exits=(6,), says=["Inquiry data has changed"])
    tool("/usr/bin/sg_vpd", "-p", "di", device, says=["Target port group: 0x1"])
    there = 2, "standby", "implicit", 7
    reports((1, "active/optimized", "no status", 1), there)
    tool("/usr/bin/sg_stpg", "--active", "--tp=1", device)
    reports((1, "active/non optimized", "SET TARGET", 1), there, extended=["--extended"])
    tool("/usr/bin/sg_stpg", "--standby", "--tp=1", device)
    tool("/usr/bin/sg_raw", device, *READY, exits=(2,), says=["target port in standby state"])
    state = target.tree.read(f"{groups}/here/state").split()[0]
    check("as the tree shows it", state == "standby", got=state)
    tool("/usr/bin/sg_stpg", "--optimized", "--tp=1,2", device)
    write(f"{groups}/here/state", "nonoptimized")
    tool("/usr/bin/sg_raw", device, *READY, exits=(6,), says=["Asymmetric access state changed"])
    reports((1, "active/non optimized", "implicit", 1), (2, "active/optimized", "SET TARGET", 7))


def discards():
    """What Linux makes of a thin disk: blkdiscard, mkfs, fstrim."""
    modprobe("ext4")
    device = disk(THIN)

    def mapped():
        text = run("/usr/bin/sg_get_lba_status", "--lba=0", "--maxlen=4096", sg(THIN)).stdout
        return sum(int(n) for n in re.findall(r"blocks: +(\d+) +mapped", text))

    with open(device, "r+b") as file:
        file.write(os.urandom(16 * MIB))
        file.flush()
        os.fsync(file.fileno())
    before = mapped()
    check("written", before >= 32768, got=before)
    tool("/sbin/blkdiscard", "--offset", MIB, "--length", 8 * MIB, device)
    # The kernel may read, and so map, some of what has just been discarded.
    left = mapped()
    check("discarded", left <= before - 8192, got=(before, left))
    check("reads as zeros", get(THIN, 2048, 64) == bytes(64 * 512))
    tool("/sbin/blkdiscard", "--zeroout", "--offset", 0, "--length", MIB, device)
    check("zeroed", get(THIN, 0, 64) == bytes(64 * 512))
    tool("/sbin/mkfs.ext4", "-F", "-E", "discard", device, says=["Discarding device blocks.*done"])
    used = mapped()
    os.makedirs("/mnt/a", exist_ok=True)
    tool("mount", "-t", "ext4", device, "/mnt/a")
    Path("/mnt/a/file").write_bytes(os.urandom(12 * MIB))
    run("sync")
    full = mapped()
    check("a file takes room", full >= used + 16384, got=(used, full))
    Path("/mnt/a/file").unlink()
    run("sync")
    tool("/sbin/fstrim", "-v", "/mnt/a", says=["trimmed"])
    check("and gives it back", mapped() <= full - 16384, got=(full, mapped()))
    tool("umount", "/mnt/a")
    tool("/sbin/e2fsck", "-f", "-n", device)


def goes():
    check("unloads", unload_driver())
    target.stop()
    check("lab unloads", until(lambda: rmmod("vscsi_lab") == ""))


main(
    connects, persistent_reservations, provisioning, compare_and_write, copies, formats, pages, thresholds, diagnostics, statistics,
    sanitizes, self_tests, clocks, port_groups, discards, goes,
)  # fmt: skip
