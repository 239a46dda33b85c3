"""How many system calls the server's thread makes for a READ of Debian's ibmvscsi, one at a time and several at once.

The kernel counts them (the histogram of raw_syscalls:sys_enter), so that nothing is slower for it.
"""

import mmap
import os
import re
import sys
import threading
from pathlib import Path

from labguest import Hypervisor, check, insmod, main, record, run
from scenario_lib import (
    NAMES,
    TARGET,
    Target,
    disk,
    disks,
    load_driver,
    put_tree_where_scst_has_it,
    rescan,
    said,
)

hypervisor = Hypervisor(int(sys.argv[1], 0))
TRACING = Path("/tmp/tracing")
TRIGGER = TRACING / "events/raw_syscalls/sys_enter/trigger"
COUNTED = TRACING / "events/raw_syscalls/sys_enter/hist"
READS, SIZE = 512, 4096
NAMED = {3: "read", 4: "write", 54: "ioctl", 221: "futex", 303: "epoll_pwait", 238: "epoll_wait"}
"""System calls of powerpc."""


def serve():
    """A disk in memory."""
    insmod("vscsi_lab")
    put_tree_where_scst_has_it()
    load_driver()
    target = Target(hypervisor)
    target.tree.write("handlers/vdisk_ram/mgmt", f"add_device {NAMES[0]} size=8388608")
    target.tree.write(f"{TARGET}/luns/mgmt", f"add {NAMES[0]} 256")
    target.enable()
    said("SRP_LOGIN succeeded")
    rescan()
    disks(1)
    TRACING.mkdir()
    done = run("mount", "-t", "tracefs", "tracefs", TRACING)
    assert not done.returncode, done.stdout
    serve.target = target


def read_some(device, reads, seed):
    descriptor = os.open(device, os.O_RDONLY | os.O_DIRECT)
    with mmap.mmap(-1, SIZE) as buffer:
        for number in range(reads):
            at = (number * 7 + seed * 131) % 1024 * SIZE
            assert os.preadv(descriptor, [buffer], at) == SIZE
    os.close(descriptor)


def counted(process, work):
    """What the threads of a process call meanwhile: by name."""
    tids = [task.name for task in Path(f"/proc/{process}/task").iterdir()]
    only = " || ".join(f"common_pid == {tid}" for tid in tids)
    TRIGGER.write_text(f"hist:keys=id,common_pid:size=4096 if {only}")
    work()
    text = COUNTED.read_text()
    TRIGGER.write_text(f"!hist:keys=id,common_pid:size=4096 if {only}")
    found = {}
    for line in text.splitlines():
        match = re.search(r"id:\s*(\d+).*hitcount:\s*(\d+)", line)
        if match:
            name = NAMED.get(int(match[1]), match[1])
            found[name] = found.get(name, 0) + int(match[2])
    return found


def calls():
    """One at a time, and eight and thirty-two at once."""
    device = disk(1)
    process = serve.target.process.pid
    for depth in (1, 8, 32):

        def work(depth=depth):
            threads = [
                threading.Thread(target=read_some, args=(device, READS // depth, n)) for n in range(depth)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        found = counted(process, work)
        record("vio", depth=depth, per_read=round(sum(found.values()) / READS, 2), found=found)
        print(
            f"depth {depth}: {sum(found.values()) / READS:.2f} system calls for a READ: {found}", flush=True
        )
        check(f"counted at depth {depth}", sum(found.values()) > 0)


main(serve, calls)
