"""Debian's own ibmvscsi logs in to a throwaway target; what it says in the kernel's log is the proof."""

import sys
import time

from labguest import Hypervisor, check, insmod, kernel_log, main, modprobe, record, rmmod, until
from responder import Responder

CLIENT = int(sys.argv[1], 0)
hypervisor = Hypervisor(CLIENT)


def load_driver():
    modprobe("scsi_transport_srp")
    insmod("ibmvscsi_lab", "max_id=2", "max_channel=0", "init_timeout=20")


def said(text):
    return until(lambda: [line for line in kernel_log().splitlines() if text in line], 30)


def scenario(os_type, driver_first):
    target = None
    if driver_first:
        load_driver()
        check("waits", hypervisor.state()["client"]["registered"] == 1)
    target = Responder(hypervisor.server, os_type=os_type, max_io=67108864)
    target.start()
    if not driver_first:
        load_driver()
    lines = [
        said("partner initialized" if driver_first else "partner initialization complete"),
        said(f"host srp version: 16.a, host partition VIOS3-P6 (40), OS {os_type}, max io 67108864"),
        said("sent SRP login"),
        said("SRP_LOGIN succeeded"),
    ]
    record("kernel said", lines=[line[-1] for line in lines], os_type=os_type)
    until(lambda: "login" in target.log)
    middle = [entry for entry in target.log if entry in ("fast fail", "capabilities")]
    check("middle", middle == (["fast fail", "capabilities"] if os_type == 3 else []), got=target.log[:12])
    if not driver_first:  # after a late login it does not scan by itself
        until(lambda: "command 0x12" in target.log)
    start = time.monotonic()
    check("unloads", until(lambda: rmmod("ibmvscsi") == "", 30))
    record("rmmod", seconds=round(time.monotonic() - start, 2))
    until(lambda: "event 2" in target.log)
    target.stop()
    record("target saw", log=target.log)


def target_first_linux():
    insmod("vscsi_lab")
    scenario(2, driver_first=False)


def driver_first_aix():
    scenario(3, driver_first=True)


def killed_and_back():
    """The target's process dies; the next one is logged in to without the driver being touched."""
    first = Responder(hypervisor.server)
    first.start()
    load_driver()
    until(lambda: "login" in first.log)
    first.stop()
    until(lambda: not hypervisor.state()["server"]["registered"])
    second = Responder(hypervisor.server)
    second.start()
    until(lambda: "login" in second.log, 30)
    record("second target saw", log=second.log)
    check("unloads", until(lambda: rmmod("ibmvscsi") == "", 30))
    second.stop()
    check("lab unloads", until(lambda: rmmod("vscsi_lab") == ""))


main(target_first_linux, driver_first_aix, killed_and_back)
