"""Each test of a public conformance suite, libiscsi's iscsi-test-cu, through Debian's ibmvscsi on one of our disks.

What becomes of each is a record; whether that is as it should be is for others to say. Its words are in /share/suite.txt.
"""

import re
import shutil
import signal
import sys

from labguest import Hypervisor, check, insmod, main, record, rmmod, run, until
from scenario_lib import TARGET, Target, disks, load_driver, sg, sg_reset, unload_driver

CLIENT = int(sys.argv[1], 0)
MORE = {"thick": "", "thin": ";thin_provisioned=1"}[sys.argv[2]]
SUITE = "/usr/bin/iscsi-test-cu"
hypervisor = Hypervisor(CLIENT)
target = None


def connects():
    global target
    insmod("vscsi_lab")
    target = Target(hypervisor)
    target.tree.write("handlers/vdisk_ram/mgmt", f"add_device disk size={64 << 20}{MORE}")
    target.tree.write(f"{TARGET}/luns/mgmt", "add disk 256")
    target.enable()
    load_driver(max_id=2)
    disks(1)


def names():
    """Of its tests, in its order. Those of its family iSCSI are about that transport."""
    found = re.findall(r"^SCSI\.\w+\.\w+$", run(SUITE, "--list").stdout, re.M)
    assert len(found) > 200, found
    return found


def runs():
    """One by one: they take for granted what one before may have changed, and some end the program."""
    device = sg(1)
    # The share is slow, and they say much.
    with open("/tmp/suite.txt", "w") as log:
        for name in names():
            sg_reset("--device", device)
            done = run(SUITE, "--dataloss", "--allow-sanitize", "--Verbose-scsi", f"--test={name}", device)
            log.write(f"\n$ {name}\n{done.stdout}exit {done.returncode}\n")
            ends, why = judged(done)
            print(ends, name, flush=True)
            record("test", test=name.removeprefix("SCSI."), ends=ends, why=why)
    shutil.copyfile("/tmp/suite.txt", "/share/suite.txt")


def judged(done):
    """passed, skipped or failed, and why."""
    if done.returncode < 0:
        return "failed", signal.Signals(-done.returncode).name
    if found := re.search(r"^(?:  Test: .*)?FAILED\n((?:    .*\n)+)", done.stdout, re.M):
        return "failed", found[1]
    if found := re.search(r"\[SKIPPED\] *(.*)", done.stdout):
        return "skipped", found[1]
    return ("passed", "") if re.search(r"passed$", done.stdout, re.M) else ("failed", done.stdout[-500:])


def goes():
    check("unloads", unload_driver())
    target.stop()
    check("lab unloads", until(lambda: rmmod("vscsi_lab") == ""))


main(connects, runs, goes)
