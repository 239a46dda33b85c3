"""pysrp's initiator against QEMU's own target, over vio: and real hypervisor calls."""

import asyncio
import random
import struct
import sys
import time
from pathlib import Path

from labguest import check, insmod, main, record, run, until

from pysrp import fabric, scsi
from pysrp.errors import CheckCondition, PartnerGone, TransportError
from pysrp.fabric.recorder import Recorder
from pysrp.initiator.aio import Session as AsyncSession
from pysrp.initiator.session import Aborted, Options, Session

UNIT = int(sys.argv[1], 0)
BLOCKS = int(sys.argv[2])
URL = f"vio:{UNIT:x}"
session = disks = None


def block(number):
    """What the host has put into a block of the first disk: its number, over and over."""
    return struct.pack(">I", number) * 128


def data_of(lba, count):
    return b"".join(block(n) for n in range(lba, lba + count))


def interrupts():
    """How often the adapter's interrupt has come, over all CPUs."""
    lines = [line for line in Path("/proc/interrupts").read_text().splitlines() if "vscsi_crq" in line]
    return sum(int(n) for line in lines for n in line.split()[1:] if n.isdigit())


def logs_in():
    global session
    insmod("vscsi_crq")
    session = Session(URL, options=Options(partition_name="guest", partition_number=7))
    check("client", not session.port.is_server and session.port.identity.unit_address == UNIT)
    check("window", session.port.window_size == 256 << 20, got=session.port.window_size)
    session.connect()
    server = session.server
    check("adapter info", (server.srp_version, server.partition_name, server.os_type) == ("16.a", "qemu", 2))
    check("credits", session.engine.srp.credits > 16, got=session.engine.srp.credits)


def finds_all():
    global disks
    found = session.scan(channels=range(4), ids=range(8))
    for unit in found:
        print(unit.hctl, unit.type, unit.vendor, unit.product, unit.revision)
    there = [(tuple(unit.hctl)[-3:], unit.type) for unit in found]
    check("units", there == [((0, 1, 0), 0), ((0, 1, 3), 0), ((1, 2, 0), 0), ((2, 3, 0), 5)], got=there)
    disks = found
    sizes = [(unit.capacity().blocks, unit.capacity().block_size) for unit in found]
    check("capacities", sizes == [(BLOCKS, 512), (2048, 512), (256, 4096), (512, 2048)], got=sizes)
    check("CD reads", disks[3].read(7, 2) == bytes([7]) * 2048 + bytes([8]) * 2048)
    check("serial", b"LAB-1" in bytes(disks[0].inquiry(0x80)))


def reads_and_writes():
    disk = disks[0]
    for size in (512, 1024, 4096, 65536, 65536 + 512, 10 * 65536, 11 * 65536, 1 << 20, 2 << 20):
        count = size // 512
        check(f"read {size}", disk.read(1000, count) == data_of(1000, count))
    random.seed(5)
    for number, size in enumerate((512, 1024, 4096, 65536 + 512, 1 << 20, 2 << 20)):
        lba = BLOCKS // 2 + number * 4096
        data = random.randbytes(size)
        disk.write(lba, data)
        check(f"write {size}", disk.read(lba, size // 512) == data)
    disk.flush()
    disks[2].write(3, b"4k" * 2048)
    check("4096-byte blocks", disks[2].read(3) == b"4k" * 2048)
    try:
        disks[3].write(0, bytes(2048))
        check("CD is not written", False)
    except CheckCondition as error:
        check("CD is not written", True, sense=error.sense)


def scattered():
    """One command, many small pieces of memory: more than fit into the IU, and of odd sizes."""
    for chunk in (512, 4096, 1536):
        with_pieces = Session(second_port(), max_transfer=200 * chunk, buffers=400 * chunk, chunk=chunk)
        with_pieces.connect()
        try:
            disk = with_pieces.scan(channels=[0], ids=[1])[0]
            for pieces in (1, 2, 10, 11, 64):
                count = pieces * chunk // 512
                check(f"{pieces} pieces of {chunk}", disk.read(77, count) == data_of(77, count))
            lba = BLOCKS - 8192
            disk.write(lba, data_of(5, 64))
            check(f"written from pieces of {chunk}", disk.read(lba, 64) == data_of(5, 64))
        finally:
            with_pieces.close()
            with_pieces.port.close()


def second_port():
    """The unit has one opener: give up the first session for a while."""
    session.close()
    session.port.close()
    return fabric.connect(URL)


def many_at_a_time():
    """Long reads with short commands behind them, which QEMU answers first."""
    reopen()
    disk, port = disks[0], session.port
    disk.read(0)  # hears of the reset
    arrived, asked, pending = [], [], []
    poll = port.poll

    def listening(*arguments):
        found = poll(*arguments)
        arrived.extend(int.from_bytes(one[8:], "big") for one in found)
        return found

    port.poll = listening
    most = 0
    for n in range(64):
        while sum(not p.done for p in pending) >= 16:
            session._once(time.monotonic() + 10)
        short = session.submit(disk.lun, bytes(6)) if n % 4 else None
        pending.append(short or disk.submit_read(n * 64, 512))
        asked.append(pending[-1].tag)
        most = max(most, sum(not p.done for p in pending))
    results = session.gather(pending)
    del port.poll
    check("16 at a time", most == 16 and all(asked), got=most)
    check("the data", all(r.data == data_of(n * 64, 512) for n, r in enumerate(results) if n % 4 == 0))
    check("one answer each", sorted(arrived) == sorted(asked))
    check("answers out of order", arrived != asked, got=[asked.index(tag) for tag in arrived])


def sense():
    for function, wanted in (
        (lambda: disks[0].read(BLOCKS, 1), (5, 0x21, 0)),
        (lambda: session.execute(disks[0].lun, bytes([0xC1] + [0] * 5)), (5, 0x20, 0)),
        (
            lambda: session.execute(disks[0].lun, bytes([0x12, 1, 0xEE, 0, 252, 0]), data_in_length=252),
            (5, 0x24, 0),
        ),
    ):
        try:
            function()
            check(f"sense {wanted}", False)
        except CheckCondition as error:
            got = scsi.parse_sense(error.sense)
            check(f"sense {wanted}", (got.sense_key, got.asc, got.ascq) == wanted, got=error.sense)


def task_management():
    disk = disks[0]
    pending = [disk.submit_read(n, 4096) for n in range(6)]
    check("abort", session.abort(pending[-1]))
    check("the others", all(r.data == data_of(n, 4096) for n, r in enumerate(session.gather(pending[:-1]))))
    session._turn([])
    try:
        outcome = pending[-1].result().data == data_of(5, 4096)
        record("abort", outcome="it had been answered before")
    except Aborted:
        outcome = True
        record("abort", outcome="aborted")
    check("the aborted one", outcome)
    check("as before", disk.read(9, 8) == data_of(9, 8))
    session.lun_reset(disk)
    try:
        session.execute(disk.lun, bytes(6))
        check("unit attention after reset", False)
    except CheckCondition as error:
        got = scsi.parse_sense(error.sense)
        check("unit attention after reset", (got.sense_key, got.asc) == (6, 0x29), got=error.sense)
    check("as before the reset", disk.read(9, 8) == data_of(9, 8))


def registers_again():
    logins = session.engine.logins
    session.host_reset()
    check("logged in again", session.connected and session.engine.logins == logins + 1)
    check("reads again", disks[0].read(4, 4) == data_of(4, 4))
    reopen()
    check("reads after close and open", disks[0].read(4, 4) == data_of(4, 4))


def reopen():
    global session, disks
    session.close()
    session.port.close()
    session = Session(URL)
    session.connect()
    disks = session.scan(channels=range(4), ids=range(4))


def queue_wraps():
    slots = session.port.queue_size // 16
    start = time.monotonic()
    done, under_way = 0, []
    bad = 0
    while done < 5000:
        while len(under_way) < 16 and done + len(under_way) < 5000:
            under_way.append((done + len(under_way), disks[0].submit_read((done + len(under_way)) % 1000, 1)))
        for number, pending in under_way:
            session.wait(pending)
            bad += pending.result().data != block(number % 1000)
        done += len(under_way)
        under_way = []
    seconds = time.monotonic() - start
    check("5000 commands", bad == 0 and done > slots, slots=slots)
    record("speed", reads_per_second=round(done / seconds))


def woken_by_interrupt():
    before, start, cpu = interrupts(), time.monotonic(), time.process_time()
    for n in range(50):
        disks[0].read(n * 100, 4096)
    came = interrupts() - before
    record("interrupts", came=came, seconds=time.monotonic() - start, cpu=time.process_time() - cpu)
    check("interrupts came", came > 0, got=came)

    def sleeps():
        before = interrupts()
        return not session.port.wait(0.3) and interrupts() == before

    check("sleeps for the whole time", until(sleeps))  # the last answer's interrupt may come after it


def in_asyncio():
    """fileno() and signals instead of wait()."""
    session.close()
    session.port.close()
    before = interrupts()

    async def work():
        async with AsyncSession(URL) as other:
            units = await other.scan(channels=[0], ids=[1])
            parts = await asyncio.gather(*(units[0].read(n * 8, 8) for n in range(100)))
            return all(p == data_of(n * 8, 8) for n, p in enumerate(parts))

    check("100 reads", asyncio.run(asyncio.wait_for(work(), 60)))
    check("by interrupts", interrupts() > before)


def command_line():
    """The same at a shell."""

    def pysrp(name, *arguments):
        return run(sys.executable, "-m", "pysrp.cli", name, "-s", URL, *arguments)

    done = pysrp("lsscsi", "-v", "--record", "/tmp/lsscsi.jsonl")
    rows = [line for line in done.stdout.splitlines() if line.startswith("[")]
    places = ["[0:0:1:0]    disk", "[0:0:1:3]    disk", "[0:1:2:0]    disk", "[0:2:3:0]    cd/dvd"]
    check("lsscsi", [row[: len(p)] for row, p in zip(rows, places, strict=True)] == places, got=done.stdout)
    check("its log", "host srp version: 16.a, host partition qemu (0), OS 2" in done.stdout, got=done.stdout)
    check("its record", "INIT COMPLETE" in Path("/tmp/lsscsi.jsonl").read_text())
    done = pysrp("read", "0:0:1:0", "/tmp/copy", "--size", "1M")
    check("read", not done.returncode and Path("/tmp/copy").read_bytes() == data_of(0, 2048), got=done.stdout)


def adapter_goes():
    """Unbound under a session: what is under way ends, what comes later is refused, and a new session works."""
    driver = Path("/sys/bus/vio/drivers/vscsi_crq")
    other = Session(URL)
    other.connect()
    disk = other.scan(channels=[0], ids=[1])[0]
    pending = [disk.submit_read(n * 4096, 4096) for n in range(8)]
    other.flush()
    (driver / "unbind").write_text(f"{UNIT:x}")
    for command in pending:
        other.wait(command, 30)
    gone = [type(command.error) for command in pending if command.error]
    check("commands end", gone and set(gone) == {PartnerGone}, got=gone)
    check("port ended", other.port.ended)
    for name, call in (("read", lambda: disk.read(0)), ("reconnect", lambda: other.connect(1))):
        try:
            call()
            check(f"{name} is refused", False)
        except TransportError as error:
            check(f"{name} is refused", True, error=str(error))
    other.close()
    (driver / "bind").write_text(f"{UNIT:x}")
    until(lambda: Path(f"/dev/vscsi_crq-{UNIT:x}").exists())

    async def loses_it():
        async with AsyncSession(URL) as third:
            unit = (await third.scan(channels=[0], ids=[1]))[0]
            reads = [asyncio.ensure_future(unit.read(n * 4096, 4096)) for n in range(8)]
            await asyncio.sleep(0)
            (driver / "unbind").write_text(f"{UNIT:x}")
            start = time.process_time()
            results = await asyncio.gather(*reads, return_exceptions=True)
            await asyncio.sleep(0.5)
            return {type(r) for r in results} - {bytes}, time.process_time() - start

    errors, spent = asyncio.run(asyncio.wait_for(loses_it(), 60))
    check("asyncio", errors == {PartnerGone}, got=errors)
    record("asyncio", cpu=spent)
    (driver / "bind").write_text(f"{UNIT:x}")
    until(lambda: Path(f"/dev/vscsi_crq-{UNIT:x}").exists())
    with Session(URL) as last:
        check("a new session", last.scan(channels=[0], ids=[1])[0].read(5) == block(5))


def recorded():
    """A session from INIT to the close, on record."""
    with Recorder(fabric.connect(URL), "/share/initiator_qemu.jsonl") as port:
        other = Session(port, options=Options(partition_name="guest", partition_number=7))
        other.connect()
        disk = other.scan(channels=[0], ids=[1])[0]
        check("reads", disk.read(16, 128) == data_of(16, 128))
        disk.capacity()
        disk.inquiry(0x83)
        disk.write(BLOCKS - 64, data_of(1, 16))
        disk.read(0, 2048)
        disk.flush()
        try:
            disk.read(BLOCKS, 1)
        except CheckCondition:
            pass
        other.lun_reset(disk)
        disk.test_unit_ready()
        other.close()


main(
    logs_in, finds_all, reads_and_writes, many_at_a_time, sense, task_management, registers_again,
    queue_wraps, woken_by_interrupt, scattered, in_asyncio, recorded, command_line, adapter_goes,
)  # fmt: skip
