"""What the scenarios with the real ibmvscsi driver share: the target's process, the driver, its disks."""

import errno
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from labguest import PATIENCE, check, insmod, kernel_log, modprobe, rmmod, run, until

from pysrp.errors import SrpError
from pysrp.scst import Client, socket_of

SYSTEM = Path("/sys")
MOUNTED = SYSTEM / "kernel/scst_tgt"
TARGET = "targets/ibmvstgt/ibmvstgt_target_0"
NAMES = [f"ram{n:03}" for n in range(16)]

README = """
lun=0
for name in ram000 ram001 ram002 ram003 ram004 ram005 ram006 ram007 \
            ram008 ram009 ram010 ram011 ram012 ram013 ram014 ram015
do
  lun=$((lun+256))
  echo "add $name $lun" \
    >/sys/kernel/scst_tgt/targets/ibmvstgt/ibmvstgt_target_0/luns/mgmt
done
echo 1 >/sys/kernel/scst_tgt/targets/ibmvstgt/ibmvstgt_target_0/enabled
"""
"""The lines of SCST's README.ibmvstgt, as they stand there."""


PYSRP = "-m", "pysrp.cli"
HANGING = ("/guest/scenario_server.py",)
"""The same with media that can stop answering."""
UNITS = ("/guest/scenario_units.py",)
"""The same with a CD and a tape."""


def environment():
    """With what mfusepy looks for with ldconfig, which the guest does not have."""
    (libfuse,) = Path("/").glob("lib/powerpc64le-linux-gnu/libfuse3.so.3")
    return {**os.environ, "FUSE_LIBRARY_PATH": str(libfuse)}


class Target:
    """A process of ``pysrp serve vio:UNIT``, disabled and without disks at first, and its management tree."""

    def __init__(self, hypervisor, *options, program=PYSRP):
        self.url = f"vio:{hypervisor.server:x}"
        self.log = Path("/share/target.log")
        self.mounted = None
        self.process = self._start(*program, "serve", self.url, "--disable", *options)
        until(lambda: self._answers() or self.process.poll() is not None, 300)
        assert self.process.poll() is None, self.log.read_text()
        self.tree = Client(socket_of(self.url))

    def _start(self, *words):
        with self.log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, *map(str, words)],
                stdout=log,
                stderr=log,
                env=environment(),
                preexec_fn=on_first_cpu,
            )

    def _answers(self):
        try:
            with Client(socket_of(self.url)) as tree:
                return tree.ls(TARGET)
        except (OSError, SrpError):
            return False

    def mount(self, folder):
        """The tree as a file system: ``pysrp scst mount``."""
        self.mounted = self._start(*PYSRP, "scst", "-s", self.url, "mount", folder)
        until(lambda: os.path.ismount(folder), 300)

    def add_ram(self, size=4 << 20):
        for name in NAMES:
            self.tree.write("handlers/vdisk_ram/mgmt", f"add_device {name} size={size}")

    def add_file(self, name, path, lun, size=None):
        if size and not Path(path).exists():
            with open(path, "wb") as file:
                file.truncate(size)
        self.tree.write("handlers/vdisk_fileio/mgmt", f"add_device {name} filename={path}")
        self.tree.write(f"{TARGET}/luns/mgmt", f"add {name} {lun}")

    def enable(self, on=True):
        self.tree.write(f"{TARGET}/enabled", str(int(on)))

    def stop(self):
        """End it in good order."""
        if self.mounted:
            self.mounted.send_signal(signal.SIGINT)
            assert self.mounted.wait(PATIENCE) == 0, self.log.read_text()[-2000:]
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()[-2000:]

    def kill(self):
        """kill -9"""
        self.process.kill()
        self.process.wait()


def put_tree_where_scst_has_it():
    """/sys/kernel/scst_tgt, in which nothing can be made, as an empty folder to mount on."""
    for command in (
        "mount -t tmpfs tmpfs /sys/kernel",
        "mkdir /sys/kernel/debug /sys/kernel/scst_tgt",
        "mount -t debugfs debug /sys/kernel/debug",
    ):
        done = run(*command.split())
        assert not done.returncode, done.stdout
    modprobe("fuse")


def load_driver(max_id=32, **parameters):
    modprobe("sd_mod")
    modprobe("sg")
    modprobe("scsi_transport_srp")
    options = {"max_id": max_id, "max_channel": 0, "init_timeout": 20, **parameters}
    insmod("ibmvscsi_lab", *(f"{name}={value}" for name, value in options.items()))


def on_first_cpu():
    """Where answers arrive: the driver's tasklet runs on the CPU of the target's process.

    ibmvscsi tells of an answer before it takes the request off its list. Who takes off all that is there, as rmmod
    and resets do, takes this one off too if it runs on another CPU just then, and the kernel stops.
    """
    os.sched_setaffinity(0, {0})


def sg_reset(*arguments):
    return run("/usr/bin/sg_reset", *arguments, preexec_fn=on_first_cpu)


def unload_driver():
    return until(lambda: rmmod("ibmvscsi", preexec_fn=on_first_cpu) == "", 20)


def said(text, timeout=PATIENCE):
    """The lines of the kernel's log with a text, as soon as there is one."""
    return until(lambda: [line for line in kernel_log().splitlines() if text in line], timeout)


@contextmanager
def said_once_more(text, timeout=PATIENCE):
    """In the end the kernel's log has a text more often than before."""
    before = kernel_log().count(text)
    yield
    until(lambda: kernel_log().count(text) > before, timeout)


def host():
    """The number of the SCSI host."""
    (found,) = Path("/sys/class/scsi_host").iterdir()
    return int(found.name.removeprefix("host"))


def rescan():
    (SYSTEM / f"class/scsi_host/host{host()}/scan").write_text("- - -")


def lsscsi():
    """What lsscsi says of the host's logical units; "-" stands for the device of one that sd has not got to yet."""
    return run("/usr/bin/lsscsi", f"{host()}:").stdout.splitlines()


def disks(number):
    """The lines of lsscsi as soon as there are that many, with their devices."""
    return until(
        lambda: len(found := [line for line in lsscsi() if "/dev/sd" in line]) == number and found, 60
    )


def openable(path):
    """Whether a device can be opened: the kernel makes the node of a disk a while before it lets it be opened."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENXIO):
            raise
        return False
    return True


def node(target_id, lun, subsystem):
    """The device in /dev that a subsystem has for a logical unit, as soon as it can be opened."""
    folder = SYSTEM / f"class/scsi_device/{host()}:0:{target_id}:{lun}/device/{subsystem}"

    def there():
        return [f"/dev/{entry.name}" for entry in folder.iterdir()] if folder.exists() else []

    return until(lambda: [path for path in there() if openable(path)], 30)[0]


def disk(target_id, lun=0):
    """/dev/sdX of an id."""
    return node(target_id, lun, "block")


def sg(target_id, lun=0):
    """/dev/sgN of an id."""
    return node(target_id, lun, "scsi_generic")


def queue(device, name, value=None):
    """Read, or write, an attribute of a disk's queue."""
    file = SYSTEM / "block" / Path(device).name / "queue" / name
    if value is not None:
        file.write_text(str(value))
    return file.read_text().strip()


def tool(name, *arguments, exits=(0,), says=(), lacks=(), why=""):
    """Run a program, and judge it by its exit status, one of these, and its words."""
    done = run(name, *arguments)
    text = " ".join([name, *map(str, arguments), why])
    with open("/share/tools.txt", "a") as file:
        file.write(f"\n$ {text}\n{done.stdout}exit {done.returncode}\n")
    missing = [words for words in says if not re.search(words, done.stdout)]
    found = [words for words in lacks if re.search(words, done.stdout)]
    good = done.returncode in exits and not missing and not found
    check(text, good, exit=done.returncode, lacks=missing, has=found, got=done.stdout)
    return done.stdout
