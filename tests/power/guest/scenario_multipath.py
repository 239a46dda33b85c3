"""mpathpersist through dm-multipath, the ALUA handler and Debian's ibmvscsi: on a map that multipath made of our disk.

Of the other host there is only its registration: REGISTER AND MOVE names its port.
"""

import errno
import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

from labguest import PATIENCE, Hypervisor, check, insmod, main, modprobe, rmmod, run, until
from scenario_lib import SYSTEM, TARGET, Target, disk, disks, load_driver, sg, tool, unload_driver

CLIENT = int(sys.argv[1], 0)
DISK = 1
THEIR_PORT = 0x30000029
OTHER = "4,0,0,0,0,0,0,0," + THEIR_PORT.to_bytes(16, "big").hex(",")
"""TransportID of the port of a host that never comes, as sg_persist wants it: of "srp," it takes half."""
STORE = Path("/share/reservations")
MULTIPATH, PERSIST = "/sbin/multipath", "/sbin/mpathpersist"
CONFIGURATION = """
defaults {
    find_multipaths no
    uid_attribute ""
    reservation_key 0x123abc
}
"""
"""Without uid_attribute the name of a map is what the kernel has of VPD page 83h, not what udev would know."""
hypervisor = Hypervisor(CLIENT)
target = daemon = None


def connects():
    """Our disk is in a target port group, so that Linux attaches its ALUA handler."""
    global target
    insmod("vscsi_lab")
    target = Target(hypervisor, "--reservations", STORE)
    write = target.tree.write
    write("handlers/vdisk_ram/mgmt", f"add_device shared size={64 << 20}")
    write(f"{TARGET}/luns/mgmt", f"add shared {256 * DISK}")
    write("device_groups/mgmt", "create all")
    write("device_groups/all/target_groups/mgmt", "add here")
    write("device_groups/all/target_groups/here/mgmt", "add ibmvstgt_target_0")
    write("device_groups/all/devices/mgmt", "add shared")
    for module in ("scsi_dh_alua", "dm_mod", "dm_multipath", "dm_service_time"):
        modprobe(module)
    target.enable()
    load_driver(max_id=DISK + 1)
    disks(1)


def stand_in_for_udev():
    """What nobody here does: the file that says that udev knows of a disk."""
    known = Path("/run/udev/data")
    known.mkdir(parents=True)
    number = (SYSTEM / "block" / Path(disk(DISK)).name / "dev").read_text().strip()
    (known / f"b{number}").write_text("I:1\nV:1\n")


def wwid():
    """What the kernel has of it."""
    kind, _, name = (SYSTEM / f"block/{Path(disk(DISK)).name}/device/wwid").read_text().strip().partition(".")
    return {"naa": "3", "eui": "2"}[kind] + name


def maps():
    """multipath makes one, of an IBM VDASD, with the ALUA handler; multipathd takes it over."""
    global daemon
    assert not run("mount", "-t", "tmpfs", "etc", "/etc").returncode
    Path("/etc/multipath.conf").write_text(CONFIGURATION)
    stand_in_for_udev()
    tool(MULTIPATH, "-v2", says=[f"create: {wwid()} .*IBM,VDASD"])
    os.symlink("../dm-0", named())
    with open("/share/multipathd.txt", "w") as log:
        daemon = subprocess.Popen(["/sbin/multipathd", "-d", "-s"], stdout=log, stderr=log)
    until(lambda: wwid() in run("/sbin/multipathd", "show", "maps").stdout or daemon.poll() is not None)
    tool(MULTIPATH, "-ll", says=[
        f"{wwid()} dm-0 IBM,VDASD", "size=64M", "hwhandler='1 alua'", "prio=50",
        f"0:0:{DISK}:0 +{Path(disk(DISK)).name} +\\d+:\\d+ +active ready running",
    ])  # fmt: skip
    check("can be written", written() == 0)


def named():
    """The map, by its name."""
    return f"/dev/mapper/{wwid()}"


def written():
    """Errno of a write to the map, past the page cache, which would make an I/O error of each; 0 if there is none."""
    file = os.open(named(), os.O_WRONLY | os.O_DIRECT)
    try:
        os.writev(file, [mmap.mmap(-1, 1 << 20)])
    except OSError as error:
        return error.errno
    finally:
        os.close(file)
    return 0


def out(*arguments, **options):
    tool(PERSIST, "--out", *arguments, named(), **options)


def shows(what, *says, lacks=()):
    tool(PERSIST, "--in", what, named(), says=says, lacks=lacks)


def kept(*keys, kind=None, holder=0):
    """What our target keeps, in its file: keys and ports in the order of READ KEYS, a reservation and whose it is."""
    state = json.loads((STORE / "shared.pr").read_text().partition("\n")[2])
    found = [(each["key"], int(each["initiator_port"], 16)) for each in state["registrants"]]
    wanted = [(f"{key:016x}", port) for key, port in keys]
    reservation = kind and {"type": kind, "holder": holder}
    check("as it is kept", found == wanted and state["reservation"] == reservation, got=state, wanted=wanted)


OURS = 0x123ABC, CLIENT
THEIRS = 0xBEEF, THEIR_PORT


def registers():
    shows("--report-capabilities", "Compatible Reservation Handling.*: 1", "All Target Ports Capable.*: 1")
    shows("--read-keys", "0 registered reservation key")
    out("--register", "--param-sark=123abc", "--param-aptpl")
    shows("--read-keys", "1 registered reservation key", "0x123abc")
    kept(OURS)
    shows("--read-reservation", "NO reservation held")
    shows("--report-capabilities", "Persist Through Power Loss Active.*: 1")


def reserves():
    for kind, name in (
        (1, "Write Exclusive"),
        (3, "Exclusive Access"),
        (5, "Write Exclusive, registrants only"),
        (6, "Exclusive Access, registrants only"),
        (7, "Write Exclusive, all registrants"),
        (8, "Exclusive Access, all registrants"),
    ):
        out("--reserve", "--param-rk=123abc", f"--prout-type={kind}")
        shows("--read-reservation", "Key = 0x", f"scope = LU_SCOPE, type = {name}\n")
        kept(OURS, kind=kind, holder=0 if kind < 7 else None)
        out("--release", "--param-rk=123abc", f"--prout-type={kind}")
        shows("--read-reservation", "NO reservation held")
        kept(OURS)


def is_fenced():
    """The other host gets the reservation, and we are no registrant any more: the map says so to who writes."""
    out("--reserve", "--param-rk=123abc", "--prout-type=5")
    check("who holds it writes", written() == 0)
    tool(
        "/usr/bin/sg_persist", "-n", "--out", "--register-move", "--param-rk=0x123abc", "--param-sark=0xbeef",
        "--param-unreg", f"--transport-id={OTHER}", "--relative-target-port=1", "--param-aptpl", sg(DISK),
    )  # fmt: skip
    shows("--read-keys", "1 registered reservation key", "0xbeef")
    shows("--read-full-status", "Key = 0xbeef", "Reservation holder", lacks=["0x123abc"])
    kept(THEIRS, kind=5)
    found = written()
    check("a reservation conflict", found == errno.EBADE, got=found)


def preempts():
    """Registered again, we take the reservation, and the other one's registration with it."""
    out("--register", "--param-sark=123abc", "--param-aptpl")
    shows("--read-keys", "2 registered reservation key", "0x123abc", "0xbeef")
    kept(THEIRS, OURS, kind=5)
    out("--preempt", "--param-rk=123abc", "--param-sark=beef", "--prout-type=5")
    shows("--read-keys", "1 registered reservation key", "0x123abc", lacks=["0xbeef"])
    shows("--read-reservation", "Key = 0x123abc", "Write Exclusive, registrants only")
    kept(OURS, kind=5)
    check("writes again", written() == 0)


def clears():
    out("--clear", "--param-rk=123abc")
    shows("--read-keys", "0 registered reservation key")
    shows("--read-reservation", "NO reservation held")
    kept()


def goes():
    daemon.terminate()
    check("multipathd ends", daemon.wait(PATIENCE) == 0)
    tool(MULTIPATH, "-F")
    check("unloads", unload_driver())
    target.stop()
    check("lab unloads", until(lambda: rmmod("vscsi_lab") == ""))


main(connects, maps, registers, reserves, is_fenced, preempts, clears, goes)
