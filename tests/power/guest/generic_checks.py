"""pysrp's own SG_IO on what the real ibmvscsi made of our target: disks, a CD, a tape, by every kind of node.

Part of scenario_target.py, which has the disks; :func:`scsi_generic` is called with a target of scenario_units.py.
"""

import asyncio
import os
import random
from pathlib import Path

from labguest import check, modprobe, python, record, until
from scenario_lib import TARGET, disk, host, node, on_first_cpu, queue, rescan, sg

import pysrp.cli  # noqa: F401 - here, so that it is there in each child that runs a command
from pysrp import scsi
from pysrp import sg as generic
from pysrp.errors import CheckCondition, ConfigError, SrpError, TransportError
from pysrp.initiator import ScsiDevice, TimedOut, connect
from pysrp.sg import aio

CD, TAPE, SLOW = 18, 19, 20


def refused(kind, call):
    """The words of the error that a call raises, if it is one of that kind."""
    try:
        call()
    except kind as error:
        return str(error)
    return f"no {kind}"


def every_kind(target):
    """A CD, a tape and a disk that can be slow, beside the disks of before."""
    for handler, name, more, number in (
        ("vdisk_cdrom", "cd", "size=1M; blocksize=2048", CD),
        ("lab_tape", "tape", "", TAPE),
        ("vdisk_url", "slow", "url=fault:ram:1M", SLOW),
    ):
        target.tree.write(f"handlers/{handler}/mgmt", f"add_device {name} {more}")
        target.tree.write(f"{TARGET}/luns/mgmt", f"add {name} {256 * number}")
    modprobe("sr_mod")
    modprobe("st")
    rescan()
    for number in (CD, TAPE, SLOW):
        sg(number)


def found(ids):
    """`sg:` has all of them, in order, without a command."""
    with connect("sg:") as session:
        devices = session.scan()
        units = {device.hctl.id: device for device in devices}
        check("sg: finds all", list(units) == [*ids, CD, TAPE, SLOW], got=devices)
        check("types", [units[n].type for n in (1, CD, TAPE)] == [0, 5, 1], got=devices)
        check("hosts", {device.host for device in devices} == {host()}, got=devices)
        check("the face", all(isinstance(device, ScsiDevice) for device in devices))
        check("ids alone", [d.hctl.id for d in session.scan(ids=[2, CD])] == [2, CD])
        for number in (1, CD, TAPE):
            units[number].test_unit_ready()
            check(
                "as the kernel knows it", bytes(units[number].inquiry()) == bytes(units[number].inquiry_data)
            )


def reads_and_writes():
    """Each node of a disk moves the same bytes, in parts; the kernel's own reads see them."""
    path = disk(17)
    bsg = f"/dev/bsg/{host()}:0:17:0"
    most = int(queue(path, "max_sectors_kb")) << 10
    nodes = sg(17), bsg, path
    for number, name in enumerate(nodes):
        with generic.Session(f"sg:{name}") as session:
            (device,) = session.scan()
            check(f"{name}: limit", device.max_transfer == most, got=device.max_transfer)
            check(f"{name}: capacity", device.capacity() == (96 << 11, 512), got=device.capacity())
            for size in (512, 65536 + 512, most, 2 * most + 512):
                data = random.Random(size + number).randbytes(size)
                device.write(64 << 11, data)
                check(f"{name}: {size} bytes", device.read(64 << 11, size // 512) == data)
                room = bytearray(size)
                device.read_into(64 << 11, room)
                check(f"{name}: into a buffer", room == data)
            device.flush()
            many = session.gather([device.submit_read((64 << 11) + n) for n in range(64)])
            check(f"{name}: many", b"".join(each.data for each in many) == data[: 64 * 512])
            short = device.execute(scsi.Inquiry.build(allocation_length=36), data_in_length=200)
            check(f"{name}: residual", (len(short.data), short.residual) == (36, 164), got=short)
            out = refused(CheckCondition, lambda device=device: device.read(96 << 11))
            check(f"{name}: sense", "ILLEGAL REQUEST, Logical block address out of range" in out, got=out)
            bad = device.execute(bytes.fromhex("c10000000000"), check=False)
            check(f"{name}: status", (bad.status, bad.sense[2] & 15) == (2, 5), got=bad)
    Path("/proc/sys/vm/drop_caches").write_text("3")
    with open(path, "rb") as file:
        file.seek(64 << 20)
        check("the kernel reads it", file.read(len(data)) == data)


def others():
    """CD and tape, by SCSI generic and by their own nodes."""
    for name in (sg(CD), node(CD, 0, "block"), f"/dev/bsg/{host()}:0:{CD}:0"):
        with generic.Session(f"sg:{name}") as session:
            (cd,) = session.scan()
            check(f"{name}: CD", cd.capacity() == (512, 2048) and cd.read(7, 3) == bytes(6144), got=cd)
    tapes = [
        f"/dev/{each.name}"
        for each in Path(f"/sys/class/scsi_device/{host()}:0:{TAPE}:0/device/scsi_tape").iterdir()
    ]
    own = min(tapes, key=len)
    for name in (sg(TAPE), own, f"/dev/bsg/{host()}:0:{TAPE}:0"):
        with generic.Session(f"sg:{name}") as session:
            (tape,) = session.scan()
            tape.test_unit_ready()
            check(f"{name}: tape", tape.inquiry().peripheral_device_type == 1, got=tape)
    record("nodes of the tape", names=sorted(tapes))


def errors(target):
    """What goes wrong, in words; a late command is ended by the kernel, and the unit goes on."""
    said = refused(ConfigError, lambda: generic.Session("sg:/dev/sg99"))
    check("no such device", "No such file or directory" in said, got=said)
    said = refused(ConfigError, lambda: generic.Session("sg:/dev/null"))
    check("no SCSI device", "not a SCSI device" in said, got=said)
    part, first = f"{disk(17)}1", sg(1)
    said = refused(ConfigError, lambda: generic.Session(f"sg:{part}"))
    check("a partition", said.endswith(f"name the whole disk, {disk(17)}"), got=said)
    said = as_nobody(f"generic.Session('sg:{first}')")
    check("no permission", "Permission denied: only root" in said, got=said)
    os.chmod(first, 0o644)
    said = as_nobody(f"print(generic.Session('sg:{first}').scan()[0].capacity())")
    check("for reading alone", "Capacity(blocks=16384, block_size=512)" in said, got=said)
    said = as_nobody(f"generic.Session('sg:{first}').scan()[0].write(0, bytes(512))")
    check("not for writing", "Operation not permitted" in said, got=said)
    with generic.Session(f"sg:{sg(SLOW)}") as session:
        (slow,) = session.scan()
        slow.write(0, b"s" * 1024)
        target.tree.write("devices/slow/faults", "add hang op=read count=1")
        read = bytes(scsi.Read10.build(transfer_length=2))
        said = refused(TimedOut, lambda: slow.execute(read, data_in_length=1024, timeout=2))
        check("late", said == "READ(10): not answered within 2 s; the kernel has ended it", got=said)
        target.tree.write("devices/slow/faults", "clear")
        check("goes on", slow.read(0, 2) == b"s" * 1024)
        everywhere = os.sched_getaffinity(0)
        on_first_cpu()
        slow.reset()
        os.sched_setaffinity(0, everywhere)
        slow.test_unit_ready()
        check("after a reset", slow.read(0, 2) == b"s" * 1024)
    with generic.Session(f"sg:/dev/bsg/{host()}:0:1:0") as session:
        said = refused(TransportError, session.scan()[0].reset)
        check("bsg resets nothing", "the node takes no such request" in said, got=said)


def as_nobody(line):
    """What a line of Python prints, or how it ends, for a user without rights."""
    code = f"import os; os.setuid(65534)\nfrom pysrp import sg as generic\n{line}"
    return python("-c", code).stdout


def in_asyncio():
    """The same face, awaited."""

    async def use():
        async with aio.Session(f"sg:{sg(2)}") as session:
            (device,) = await session.scan()
            await device.write(0, b"a" * 512 + b"b" * 512)
            first, second = await asyncio.gather(device.read(0), device.read(1))
            return first[:1] + second[:1]

    check("asyncio", asyncio.run(use()) == b"ab")


def goes_away():
    """A unit that is taken away under an open node."""
    with generic.Session(f"sg:{sg(SLOW)}") as session:
        (slow,) = session.scan()
        slow.test_unit_ready()
        folder = Path(f"/sys/class/scsi_device/{host()}:0:{SLOW}:0/device")
        (folder / "delete").write_text("1")
        said = until(lambda: refused(SrpError, slow.test_unit_ready))
        check("a unit that has gone", "the device is not" in said or "No such device" in said, got=said)


def command_line():
    """pysrp's commands on the nodes, and what they print."""

    def pysrp(*words):
        done = python("-m", "pysrp.cli", *words)
        with open("/share/pysrp_sg.txt", "a") as file:
            file.write(f"\n$ pysrp {' '.join(map(str, words))}\n{done.stdout}exit {done.returncode}\n")
        return done.stdout

    first = sg(1)
    listed = pysrp("lsscsi", "-s", "sg:", "-g").splitlines()
    row = f"[{host()}:0:1:0] disk IBM VDASD blkdev 0001 {disk(1)} {first}"
    check("pysrp lsscsi", listed[0].split() == row.split(), got=listed)
    check("pysrp inq", "VDASD blkdev" in pysrp("inq", first))
    check(
        "pysrp readcap",
        pysrp("readcap", "-s", f"sg:{disk(17)}") == "196608 blocks of 512 bytes: 100663296 bytes\n",
    )
    check("pysrp write", "write: 1.0 MiB" in pysrp("write", sg(17), "/share/in"))
    check("pysrp read", "read: 1.0 MiB" in pysrp("read", disk(17), "/share/out", "--size", "1M"))
    check("pysrp copies", Path("/share/in").read_bytes() == Path("/share/out").read_bytes())
    check("pysrp vpd", "b0  bl     Block limits" in pysrp("vpd", first))
    check("pysrp modes", "CachingPage" in pysrp("modes", f"/dev/bsg/{host()}:0:1:0"))


def scsi_generic(target, ids):
    """All of it; ``ids`` are those of the disks that there are."""
    every_kind(target)
    found(ids)
    reads_and_writes()
    others()
    errors(target)
    in_asyncio()
    Path("/share/in").write_bytes(random.Random(4).randbytes(1 << 20))
    command_line()
    goes_away()
