"""Each test of a public conformance suite, libiscsi's iscsi-test-cu, through Debian's ibmvscsi on one of our disks.

What becomes of each is a record; whether that is as it should be is for others to say. Its words are in /share/suite.txt.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from labguest import PATIENCE, Hypervisor, check, insmod, main, record, rmmod, run, until
from scenario_lib import SYSTEM, TARGET, Target, load_driver, on_first_cpu, openable, sg_reset, unload_driver

import public_suite

MORE, *CLIENTS = sys.argv[1:]
"""What is said of the disk when it is made; the adapters that it is reached through."""
hypervisors = [Hypervisor(int(client, 0)) for client in CLIENTS]
stop = None


def connects():
    insmod("vscsi_lab")
    (one_adapter if len(hypervisors) == 1 else several_adapters)()
    load_driver(max_id=2)
    until(lambda: len(devices()) == len(hypervisors))


def one_adapter():
    global stop
    target = Target(hypervisors[0])
    target.tree.write("handlers/vdisk_ram/mgmt", f"add_device disk size={64 << 20}{MORE}")
    target.tree.write(f"{TARGET}/luns/mgmt", "add disk 256")
    target.enable()
    stop = target.stop


def several_adapters():
    """One process for all: reservations belong to the unit, and the unit to a process."""
    global stop
    log = Path("/share/target.log")
    with log.open("w") as file:
        units = [f"{each.server:x}" for each in hypervisors]
        command = [sys.executable, "/guest/scenario_paths.py", *units]
        process = subprocess.Popen(command, stdout=file, stderr=file, preexec_fn=on_first_cpu)
    until(lambda: "serves" in log.read_text() or process.poll() is not None, 300)

    def stop():
        process.terminate()
        assert process.wait(PATIENCE) == 0, log.read_text()[-2000:]


def devices():
    """Nodes of the unit, one for each adapter."""
    nodes = sorted((SYSTEM / "class/scsi_generic").glob("sg*"))
    return [f"/dev/{node.name}" for node in nodes if openable(f"/dev/{node.name}")]


def reset(paths):
    """Of the unit. The other paths are told here of all that they have not been told yet, as the suite looks at the attentions of
    the first one alone.
    """
    sg_reset("--device", paths[0])
    for path in paths[1:]:
        until(lambda path=path: run("/usr/bin/sg_turs", path).returncode == 0)


def runs():
    paths = devices()
    # The share is slow, and they say much.
    with open("/tmp/suite.txt", "w") as log:
        for name, ends, why in public_suite.results(paths, lambda: reset(paths), log.write):
            print(ends, name, flush=True)
            record("test", test=name, ends=ends, why=why)
    shutil.copyfile("/tmp/suite.txt", "/share/suite.txt")


def goes():
    check("unloads", unload_driver())
    stop()
    check("lab unloads", until(lambda: rmmod("vscsi_lab") == ""))


main(connects, runs, goes)
