"""What goes wrong on a bad day, with I/O running: ibmvscsi has to get over it, and nothing acknowledged may be lost."""

import mmap
import os
import struct
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from labguest import PATIENCE, Hypervisor, check, insmod, kernel_log, main, record, rmmod, run, until
from scenario_lib import (
    HANGING,
    SYSTEM,
    TARGET,
    Target,
    disk,
    disks,
    host,
    load_driver,
    lsscsi,
    queue,
    rescan,
    said,
    said_once_more,
    sg,
    sg_reset,
    unload_driver,
)

CLIENT = int(sys.argv[1], 0)
insmod("vscsi_lab")
hypervisor = Hypervisor(CLIENT)
target = None
IMAGE = "/tmp/disk.img"
HANG = Path(f"{IMAGE}.hang")
SIZE = 32 << 20
CHUNK = 64 << 10
SLOTS = 64
REJECTS = "reject" in sys.argv


def start(*options):
    """A target with one disk, in a file that outlives it, at id 1."""
    global target
    if REJECTS:
        options = (*options, "--reject-disabled")
    target = Target(hypervisor, *options, program=HANGING)
    target.add_file("disk", IMAGE, 256, SIZE)
    target.enable()


class Writer(threading.Thread):
    """Writes to the disk without a pause, and remembers what was acknowledged.

    While the target is gone ibmvscsi fails commands, so that multipath could take another way: with
    ``patient`` a failed write is tried again, as an application above multipath would.
    """

    def __init__(self, patient=False, cpu=None):
        super().__init__(daemon=True)
        self.patient = patient
        self.cpu = cpu
        self.errors = 0
        self.device = disk(1)
        self.acknowledged = {}
        self.count = 0
        self.error = None
        self.stopping = False

    def __enter__(self):
        self.start()
        self.more()
        return self

    def more(self, number=20):
        """Until that many more writes have been acknowledged."""
        goal = self.count + number
        until(lambda: self.count >= goal or self.error, 60)
        if self.error:
            raise self.error

    def run(self):
        if self.cpu is not None:
            os.sched_setaffinity(0, {self.cpu})
        fd = os.open(self.device, os.O_WRONLY | os.O_DIRECT)
        try:
            with mmap.mmap(-1, CHUNK) as buffer:
                while not self.stopping:
                    slot = self.count % SLOTS
                    buffer[:] = struct.pack(">Q", self.count) * (CHUNK // 8)
                    try:
                        assert os.pwrite(fd, buffer, slot * CHUNK) == CHUNK
                    except OSError:
                        if not self.patient:
                            raise
                        self.errors += 1
                        time.sleep(0.05)
                        continue
                    self.acknowledged[slot] = self.count
                    self.count += 1
        except (OSError, AssertionError) as error:
            self.error = error
        finally:
            os.close(fd)

    def __exit__(self, *_):
        self.stopping = True
        self.join(60)
        check("writer ended", not self.is_alive() and not self.error, got=self.error)
        wrong = {}
        with open(IMAGE, "rb") as file:
            for slot, number in self.acknowledged.items():
                file.seek(slot * CHUNK)
                if file.read(CHUNK) != struct.pack(">Q", number) * (CHUNK // 8):
                    wrong[slot] = number
        check("no acknowledged write is lost", not wrong and self.count > 20, wrong=wrong, writes=self.count)


def recorded(os_type):
    """A short session on record: login, scan, a little of everything, unloading."""
    start("--os-type", os_type, "--record", f"/share/ibmvscsi_{os_type}.jsonl")
    load_driver(max_id=2)
    device = disk(1)
    Path(SYSTEM / "block" / Path(device).name / "queue/read_ahead_kb").write_text("0")
    fd = os.open(device, os.O_RDWR | os.O_DIRECT)
    with mmap.mmap(-1, 1 << 20) as buffer:
        buffer[:] = bytes(range(256)) * 4096
        for size in (512, 4096, 1 << 20):
            os.pwrite(fd, memoryview(buffer)[:size], 1 << 20)
            os.preadv(fd, [memoryview(buffer)[:size]], 1 << 20)
        os.fsync(fd)
    os.close(fd)
    for command in ("sg_inq --page=0x83", "sg_modes -a", "sg_luns", "sg_readcap -l"):
        run("/usr/bin/" + command.split()[0], *command.split()[1:], sg(1))
    run("/usr/bin/sg_raw", "-r", "512", sg(1), *"28 00 ff ff ff ff 00 00 01 00".split())
    sg_reset("-d", sg(1))
    run("/usr/bin/sg_turs", sg(1))
    run("/usr/bin/sg_turs", sg(1))
    HANG.touch()
    run("/usr/bin/sg_raw", "-t", "1", "-r", "512", sg(1), *"28 00 00 00 80 00 00 00 01 00".split())
    HANG.unlink()
    said("successfully aborted task")
    if REJECTS:
        target.enable(False)
        said("SRP_LOGIN_REJ")
        with said_once_more("SRP_LOGIN succeeded"):
            target.enable()
    check("unloads", unload_driver())
    target.stop()


def recorded_linux():
    recorded("linux")


def recorded_aix():
    recorded("aix")


def driver_before_target():
    load_driver(max_id=4)
    check("driver waits", hypervisor.state()["client"]["registered"] == 1)
    start()
    said("SRP_LOGIN succeeded")
    rescan()
    check("the disk", disk(1))
    with Writer():
        pass


def killed():
    """kill -9 of the target under load; the next process takes over the same file."""
    with Writer(patient=True) as writer:
        for _ in range(2):
            before = writer.count
            target.kill()
            until(lambda: not hypervisor.state()["server"]["registered"])
            start()
            writer.more()
            record("killed", before=before, after=writer.count, errors=writer.errors)
        check("logged in again", len(said("SRP_LOGIN succeeded")) >= 2)


class Reader(threading.Thread):
    """One read of 4 KiB, on a CPU of its choice; `got` is what came of it."""

    def __init__(self, cpu=None):
        super().__init__(daemon=True)
        self.device, self.cpu, self.got = disk(1), cpu, None

    def run(self):
        if self.cpu is not None:
            os.sched_setaffinity(0, {self.cpu})
        fd = os.open(self.device, os.O_RDONLY | os.O_DIRECT)
        with mmap.mmap(-1, 4096) as buffer:
            self.got = os.preadv(fd, [buffer], 20 << 20)
        os.close(fd)


@contextmanager
def hanging_read(cpu=None):
    """A read that the medium does not answer meanwhile."""
    HANG.touch()
    reader = Reader(cpu)
    reader.start()
    until(lambda: HANG.stat().st_size)
    try:
        yield
        check("the read hangs", reader.got is None)
    finally:
        HANG.unlink()
    reader.join(60)
    check("the read is answered in the end", reader.got == 4096, got=reader.got)


def swallowed():
    """A command without an answer, for each of three reasons: the driver aborts it and tries again."""
    timeout = SYSTEM / "block" / Path(disk(1)).name / "device/timeout"
    usual = timeout.read_text()
    timeout.write_text("2")
    for name, swallow in (
        ("the medium does not answer", HANG.touch),
        ("the request is lost", lambda: hypervisor.answer("client", "send", 0)),
        ("the answer is lost", lambda: hypervisor.answer("server", "send", 0)),
    ):
        with said_once_more("successfully aborted task"):
            swallow()
            reader = Reader()
            reader.start()
        check(f"{name}: not answered before", reader.got is None or not HANG.exists())
        HANG.unlink(missing_ok=True)
        reader.join(60)
        check(f"{name}: answered in the end", reader.got == 4096, got=reader.got)
    said("aborting command")
    timeout.write_text(usual)
    with Writer():
        pass


def resets():
    """Of another disk's LUN, and of the host."""
    with Writer() as writer:
        done = sg_reset("-d", sg(3))
        check("LUN reset", done.returncode == 0, got=done.stdout)
        said("resetting device")
        writer.more()
        with said_once_more("SRP_LOGIN succeeded"):
            done = sg_reset("-H", sg(1))
            check("host reset", done.returncode == 0, got=done.stdout)
        writer.more()


def reset_under_load():
    """Of the LUN itself that is written to, and on which a read hangs.

    For each command that such a reset ends, ibmvscsi calls scsi_done() with its host lock held. On the CPU that
    sent the command that never comes back (nor with QEMU's target), so the commands get a CPU of their own, and
    their completions go there.
    """
    queue(disk(1), "rq_affinity", 2)
    with Writer(cpu=1) as writer:
        with hanging_read(cpu=1):
            writer.more()
            done = sg_reset("-d", sg(1))
            check("LUN reset", done.returncode == 0, got=done.stdout)
            said("resetting device")
        writer.more()


def second_login():
    """Linux logs in once more where both sides say INIT at once: what is under way by then goes on."""
    with Writer() as writer:
        for _ in range(5):
            # Linux may keep the writes back until the read ends: it could not send one during the login.
            with hanging_read(), said_once_more("SRP_LOGIN succeeded"):
                hypervisor.init("client", 2)
            writer.more()
    check("nothing was aborted", "abort" not in kernel_log())


def hot_plug():
    with Writer() as writer:
        check("one disk", len(lsscsi()) == 1)
        # Before Linux looks for partitions: what it reads for that it may keep.
        Path("/tmp/second.img").write_bytes(b"second!!" * (1 << 17))
        target.add_file("second", "/tmp/second.img", 512)
        rescan()
        device = disk(2)
        with open(device, "rb") as file:
            check("reads", file.read(8) == b"second!!")
        folder = SYSTEM / f"class/scsi_device/{host()}:0:2:0/device"
        target.tree.write(f"{TARGET}/luns/mgmt", "del 512")
        run("blockdev", "--flushbufs", device)
        check(
            "reads no more",
            run("/usr/bin/sg_raw", "-r", "512", sg(2), *"28 00 00 00 00 00 00 00 01 00".split()).returncode,
        )
        (folder / "delete").write_text("1")
        rescan()
        check("gone", len(lsscsi()) == 1, got=lsscsi())
        target.tree.write(f"{TARGET}/luns/mgmt", "add second 768")
        rescan()
        check("elsewhere", disk(3))
        writer.more()


def disabled():
    """Nobody gets in while the target is disabled; enabled again, it goes on."""
    with Writer(patient=True) as writer:
        target.enable(False)
        if REJECTS:
            record("kernel said", lines=said("SRP_LOGIN_REJ"))
            check("the queue is open", hypervisor.state()["server"]["registered"])
        else:
            until(lambda: not hypervisor.state()["server"]["registered"])
        until(lambda: writer.errors)  # by then it has been told of every write that was acknowledged
        before = writer.count
        check("no session", target.tree.ls(f"{TARGET}/sessions") == [])
        time.sleep(0.5)
        check("nothing is written", writer.count == before, got=(before, writer.count))
        with said_once_more("SRP_LOGIN succeeded"):
            target.enable()
        writer.more()
        record("disabled", before=before, after=writer.count, errors=writer.errors)


def unloaded_and_loaded():
    for _ in range(2):
        check("unloads", unload_driver())
        load_driver(max_id=4)
        disks(2)
    with Writer():
        pass


def taken_away():
    """The platform takes the server's adapter: its process ends and says why, the driver waits for another."""
    with said_once_more("Virtual adapter failed"):
        hypervisor.take_away()
    check("exit status", target.process.wait(PATIENCE) == 1)
    last = target.log.read_text().splitlines()[-1]
    check("says why", last.endswith("the adapter is gone, no client can come any more"), got=last)


def goes():
    check("unloads", unload_driver())
    check("nothing stays mapped", until(lambda: hypervisor.state()["mapped"] == 0))
    check("lab unloads", until(lambda: rmmod("vscsi_lab") == ""))


main(
    *((recorded_linux, recorded_aix) if "record" in sys.argv else ()), driver_before_target, killed, swallowed,
    second_login, hot_plug, resets, *((reset_under_load,) if os.cpu_count() > 1 else ()), disabled,
    unloaded_and_loaded, taken_away, goes,
)  # fmt: skip
