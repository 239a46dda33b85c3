"""The door of vscsi_crq against QEMU's own VSCSI target, by real hypervisor calls. Argument: the unit."""

import mmap
import os
import random
import re
import select
import signal
import struct
import sys
import threading
import time
from pathlib import Path

from _door import ffi, lib
from doorlib import INIT, INIT_COMPLETE, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE, Client, Door, path
from doorlib import name as errno_name
from labguest import PATIENCE, check, fork, insmod, kernel_log, main, modprobe, record, rmmod, until

UNIT = int(sys.argv[1], 0)
PAGE = os.sysconf("SC_PAGESIZE")


def raises(name, function, *args):
    try:
        function(*args)
    except OSError as error:
        return check(f"{function.__name__} {name}", errno_name(error.errno) == name, got=str(error))
    return check(f"{function.__name__} {name}", False, got="success")


def ended(pid):
    """Whether a process has given up all it had, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def module_parameter():
    """units= keeps the module's hands off every other adapter."""
    text = Path("/modules/vscsi_crq.ko").read_bytes()
    for field in (b"author=The pysrp authors", b"license=Dual MIT/GPL"):
        check(field.decode(), b"\0" + field + b"\0" in text)
    insmod("vscsi_crq", "units=0x12345678")
    check("none bound", not Path(path(UNIT)).exists())
    check("unloads", rmmod("vscsi_crq") == "")
    insmod("vscsi_crq", f"units=0x12345678,{UNIT:#x}")
    check("one bound", Path(path(UNIT)).exists())


def describes_itself():
    mode = Path(path(UNIT)).stat()
    check("mode", oct(mode.st_mode & 0o777) == "0o600", mode=oct(mode.st_mode))
    door = Door(UNIT)
    info = door.info()
    window = info.window[0]
    seen = {
        "version": info.version, "kind": info.kind, "unit": info.unit, "flags": info.flags,
        "page_size": info.page_size, "windows": info.windows,
        "window": (window.liobn, window.start, window.size),
        "queue": (info.queue_size, info.queue_max), "area_max": info.area_max,
        "dma": (info.dma_used, info.dma_limit),
        "copy_max": info.copy_max, "partition": info.partition,
        "partition_name": ffi.string(info.partition_name).decode(),
        "location": ffi.string(info.location).decode(),
    }  # fmt: skip
    record("info", **seen)
    check("version", info.version == lib.VSCSI_CRQ_VERSION)
    check("client", info.kind == lib.VSCSI_CRQ_CLIENT and info.flags == 0)
    check("unit", info.unit == UNIT)
    check("page", info.page_size == PAGE)
    check("window", info.windows == 1 and window.size == 256 << 20 and window.liobn)
    check("partition name", seen["partition_name"] == "pysrp-lab", seen=seen["partition_name"])
    door.close()


def one_opener():
    door = Door(UNIT)
    raises("EBUSY", Door, UNIT)
    other = os.dup(door.fd)
    os.close(other)
    check("closing a duplicate is no close", door.info().version)
    door.register()
    with mmap.mmap(door.fd, PAGE):  # which duplicates the descriptor
        raises("EBUSY", Door, UNIT)
    check("nor is Python's mmap", door.info().queue_size == PAGE)
    door.close()
    Door(UNIT).close()


def nothing_without_a_queue():
    door = Door(UNIT)
    raises("ENOTCONN", door.send, INIT)
    raises("ENOTCONN", door.signal, 1)
    raises("ENOTCONN", door.enable)
    check("no queue to map", door.map(PAGE, 0) is None)
    check("free is harmless", door.free() == 0)
    door.close()


def handshake_by_interrupt():
    """The answer is in the queue before H_SEND_CRQ returns; the interrupt is what must show it."""
    door = Client(UNIT)
    check("registered", door.register() == 0)
    check("one page", door.registered.size == PAGE and door.slots == PAGE // 16)
    check("nothing yet", not select.select([door.fd], [], [], 0)[0])
    door.signal(1)
    poller = select.epoll()
    poller.register(door.fd, select.EPOLLIN | select.EPOLLPRI)
    check("sent", door.send(INIT) == (1, 0))
    check("epoll", poller.poll(PATIENCE) == [(door.fd, select.EPOLLIN)])
    count, events = door.read()
    check("one interrupt", (count, events) == (1, 0), got=(count, events))
    check("complete", door.poll() == INIT_COMPLETE)
    check("disarmed by itself", door.send(INIT) == (1, 0) and not select.select([door.fd], [], [], 0.05)[0])
    check("second complete", door.poll() == INIT_COMPLETE)
    door.close()


def session():
    """Adapter info, login, and data that is compared with the image; every answer is met by its interrupt."""
    door = Client(UNIT)
    check("init", door.connect() == INIT_COMPLETE)
    door.patient = True
    info = door.adapter_info()
    check("adapter info", info == (0, "16.a", "qemu", 0, 2), got=info)
    check("login", (login := door.login())[0] == 0xC0 and login[1] > 0, got=login)
    record("credits", credits=login[1])
    status, sense, _ = door.command(bytes(6))
    record("first command", status=status, sense=sense.hex())
    status, _, data = door.command(bytes([0x12, 0, 0, 0, 36, 0]), data_in=36)
    check("inquiry", status == 0 and data[8:16] == b"QEMU    ", got=data)
    status, _, data = door.command(bytes([0x25]).ljust(10, b"\0"), data_in=8)
    check("capacity", status == 0 and struct.unpack(">II", data) == (2047, 512), got=data)
    for lba, blocks in ((0, 1), (5, 8), (2047, 1), (1000, 256)):
        cdb = struct.pack(">BBIBHB", 0x28, 0, lba, 0, blocks, 0)
        status, _, data = door.command(cdb, data_in=blocks * 512)
        expected = b"".join(struct.pack(">I", n) * 128 for n in range(lba, lba + blocks))
        check(f"read {lba}+{blocks}", status == 0 and data == expected)
    door.memory[0x10000:0x10200] = b"from the guest!!" * 32
    status, _, _ = door.command(struct.pack(">BBIBHB", 0x2A, 0, 7, 0, 1, 0), data_out=512)
    check("write", status == 0)
    status, sense, _ = door.command(struct.pack(">BBIBHB", 0x28, 0, 4000, 0, 1, 0), data_in=512)
    check("sense", status == 2 and sense[2] & 15 == 5 and sense[12] == 0x21, got=sense)
    check("one interrupt each", door.interrupts == 12, got=door.interrupts)
    check("free", door.free() == 0)
    raises("ENOTCONN", door.send, INIT)
    check("init again", door.connect() == INIT_COMPLETE)
    check("login again", door.login()[0] == 0xC0)
    door.close()


def small_queue_wraps():
    door = Client(UNIT)
    door.register(4096)
    check("256 elements", door.slots == 256 and door.registered.size == 4096)
    door.bus, door.memory = door.allocate(0x40000)
    door.signal(1)
    door.send(INIT)
    check("init", door.wait() == INIT_COMPLETE)
    door.login()
    start = time.monotonic()
    for tag in range(1, 1001):
        door.command(bytes(6), tag=tag)
    record("test unit ready", per_second=round(1000 / (time.monotonic() - start)), interrupts=door.interrupts)
    check("wrapped", door.next == (1000 + 2) % 256, got=door.next)
    door.close()


def many_elements_at_once():
    door = Client(UNIT)
    door.register()
    check("256 sent", door.send(*[INIT] * 256) == (256, 0))
    got = [door.poll() for _ in range(256)]
    check("256 answered", got == [INIT_COMPLETE] * 256)
    raises("EINVAL", door.send, *[INIT] * 257)
    door.close()


def bad_arguments():
    """Refused with the errno the header promises, and nothing reaches the hypervisor."""
    door = Door(UNIT)

    def refuse(name, request, struct_name="", values=None):
        arg = ffi.new(f"struct {struct_name} *", values or {}) if struct_name else ffi.NULL
        got = door.refused(request, arg)
        check(f"{struct_name or hex(request)} {values or ''}: {name}", got == name, got=got)

    reg = (lib.VSCSI_CRQ_REGISTER, "vscsi_crq_register")
    for size in (1, 100, 4095, 4097, 0x7FFFFFFF, 0xFFFFF000, 2 << 20):
        refuse("EINVAL", *reg, {"size": size})
    refuse("EINVAL", *reg, {"size": 4096, "reserved": 1})
    check("still not registered", door.info().queue_size == 0)
    door.register(4096)
    refuse("EBUSY", *reg, {"size": 4096})

    raw = ffi.new("unsigned char[]", INIT * 256)
    at = int(ffi.cast("uintptr_t", raw))
    send = (lib.VSCSI_CRQ_SEND, "vscsi_crq_send")
    refuse("EINVAL", *send, {"elements": at, "count": 0})
    refuse("EINVAL", *send, {"elements": at, "count": 257})
    refuse("EINVAL", *send, {"elements": at, "count": 0xFFFFFFFF})
    refuse("EFAULT", *send, {"elements": 0, "count": 1})
    refuse("EFAULT", *send, {"elements": 0xC000000000000000, "count": 1})
    for header in (0x00, 0x01, 0x7F, 0xFF):
        raises("EINVAL", door.send, INIT, bytes([header]) + INIT[1:])
    check("nothing was sent", door.poll() is None)
    check("odd headers are the partner's business", door.send(bytes([0x81]) + bytes(15)) == (1, 0))

    refuse("EINVAL", lib.VSCSI_CRQ_SIGNAL, "vscsi_crq_signal", {"enable": 2})
    refuse("EINVAL", lib.VSCSI_CRQ_SIGNAL, "vscsi_crq_signal", {"enable": 1, "reserved": 7})

    dma = (lib.VSCSI_CRQ_DMA_ALLOC, "vscsi_crq_dma")
    for size in (0, 1, PAGE // 2, PAGE - 1, PAGE + 1, (16 << 20) + PAGE, 1 << 63, (1 << 64) - PAGE):
        refuse("EINVAL", *dma, {"size": size, "access": 3})
    for values in ({"access": 0}, {"access": 4}, {"access": 1 << 31}, {"access": 3, "reserved": 1}):
        refuse("EINVAL", *dma, {"size": PAGE, **values})
    bus, view = door.allocate(PAGE)
    check("zeroed", bytes(view) == bytes(PAGE))
    refuse("ENOENT", lib.VSCSI_CRQ_DMA_FREE, "vscsi_crq_dma_free", {"bus": bus + 1})
    refuse("ENOENT", lib.VSCSI_CRQ_DMA_FREE, "vscsi_crq_dma_free", {"bus": door.registered.bus})
    door.release(bus)
    refuse("ENOENT", lib.VSCSI_CRQ_DMA_FREE, "vscsi_crq_dma_free", {"bus": bus})

    refuse("EOPNOTSUPP", lib.VSCSI_CRQ_COPY, "vscsi_crq_copy", {"length": 1})
    refuse("EOPNOTSUPP", lib.VSCSI_CRQ_SUSPEND, "vscsi_crq_suspend", {"timeout_ms": 1})

    every = [lib.VSCSI_CRQ_INFO, lib.VSCSI_CRQ_REGISTER, lib.VSCSI_CRQ_SEND, lib.VSCSI_CRQ_SIGNAL,
             lib.VSCSI_CRQ_DMA_ALLOC, lib.VSCSI_CRQ_DMA_FREE, lib.VSCSI_CRQ_COPY,
             lib.VSCSI_CRQ_SUSPEND, lib.VSCSI_CRQ_PARTNER, lib.VSCSI_CRQ_TOGETHER]  # fmt: skip
    for request in every:
        for where in (0, 1, 0xC000000000000000, (1 << 64) - 8):
            got = door.refused(request, ffi.cast("void *", where))
            check(f"{request:#x} at {where:#x}", got == "EFAULT", got=got)
    for request in [*every, lib.VSCSI_CRQ_FREE, lib.VSCSI_CRQ_ENABLE]:
        # another size, another direction, another number, another type: not ours
        for change in (8 << 16, 1 << 29, 0x40, 1 << 8):
            got = door.refused(request ^ change, ffi.new("char[16384]"))
            check(f"{request ^ change:#x}", got == "ENOTTY", got=got)

    area = door.ioctl(
        lib.VSCSI_CRQ_DMA_ALLOC, ffi.new("struct vscsi_crq_dma *", {"size": 2 * PAGE, "access": 3})
    )
    for length, offset, flags, prot, ok in (
        (2 * PAGE, area.offset, 1, 3, True), (PAGE, area.offset + PAGE, 1, 1, True), (PAGE, 0, 1, 3, True),
        (3 * PAGE, area.offset, 1, 3, False), (2 * PAGE, area.offset + PAGE, 1, 3, False),
        (PAGE, area.offset + 2 * PAGE, 1, 3, False), (2 * PAGE, 0, 1, 3, False), (PAGE, PAGE, 1, 3, False),
        (PAGE, area.offset + (1 << 32), 1, 3, False), (PAGE, 1 << 44, 1, 3, False),
        (PAGE, area.offset, MAP_PRIVATE, 3, False), (PAGE, area.offset, 1, PROT_READ | PROT_EXEC, False),
    ):  # fmt: skip
        view = door.map(length, offset, prot, flags)
        check(f"mmap {length:#x} {offset:#x} {flags} {prot}", (view is not None) == ok)
        if view is not None:
            door.unmap(view)
    raises("EINVAL", os.read, door.fd, 7)
    os.set_blocking(door.fd, False)
    raises("EAGAIN", os.read, door.fd, 8)
    raises("EINVAL", os.write, door.fd, b"x" * 8)
    door.close()


def bad_memory():
    """A structure that cannot be written is refused before anything is done."""
    door = Door(UNIT)
    page = mmap.mmap(-1, PAGE)
    at = ffi.cast("char *", ffi.from_buffer(page))
    for request, struct_name, values in (
        (lib.VSCSI_CRQ_REGISTER, "vscsi_crq_register", {"size": 4096}),
        (lib.VSCSI_CRQ_DMA_ALLOC, "vscsi_crq_dma", {"size": PAGE, "access": 3}),
    ):
        arg = ffi.new(f"struct {struct_name} *", values)
        page[0 : ffi.sizeof(arg[0])] = bytes(ffi.buffer(arg))
        check("read-only", lib.mprotect(at, PAGE, PROT_READ) == 0)
        check(f"{struct_name}: EFAULT", door.refused(request, at) == "EFAULT")
        lib.mprotect(at, PAGE, PROT_READ | PROT_WRITE)
    info = door.info()
    check("nothing done", (info.queue_size, info.dma_used) == (0, 0), got=(info.queue_size, info.dma_used))
    door.close()


def random_arguments():
    """Noise. Whatever comes back, it is an errno of the header, and the door still works."""
    random.seed(4)
    allowed = {
        "",
        *["EFAULT", "EINVAL", "ENOTTY", "ENOTCONN", "EBUSY", "ENOENT", "EOPNOTSUPP", "ENOMEM", "ENOSPC"],
    }
    seen = {}
    door = Door(UNIT)
    buffer = ffi.new("unsigned char[16384]")
    every = [getattr(lib, n) for n in dir(lib) if n.startswith("VSCSI_CRQ_") and getattr(lib, n) > 0x10000]
    interesting = [0, 1, 2, 16, 255, 256, 4096, PAGE, 1 << 32, (1 << 64) - 1, (1 << 64) - PAGE,
                   int(ffi.cast("uintptr_t", buffer))]  # fmt: skip
    for _ in range(20000):
        words = [random.choice([*interesting, random.getrandbits(64)]) for _ in range(8)]
        ffi.buffer(buffer)[0:64] = struct.pack("8Q", *words)
        request = random.choice(every) if random.random() < 0.9 else random.getrandbits(32)
        got = door.refused(request, buffer)
        seen[got] = seen.get(got, 0) + 1
    record("random", **seen)
    check("errnos", set(seen) <= allowed, got=seen)
    door.close()
    door = Client(UNIT)
    check("works", door.connect() == INIT_COMPLETE)
    door.close()


def limits():
    door = Door(UNIT)
    limit, most = door.info().dma_limit, door.info().area_max
    arg = ffi.new("struct vscsi_crq_dma *", {"access": 3})
    for _ in range(limit // most):
        arg.size = most
        got = door.refused(lib.VSCSI_CRQ_DMA_ALLOC, arg)
        if got:
            break
    check("all of it", got == "" and door.info().dma_used == limit, got=got, used=door.info().dma_used)
    arg.size = PAGE
    got = door.refused(lib.VSCSI_CRQ_DMA_ALLOC, arg)
    check("and no more", got == "ENOSPC", got=got)
    door.close()
    for _ in range(100):  # 400 MiB through a window of 256
        door = Door(UNIT)
        arg.size = 4 << 20
        door.ioctl(lib.VSCSI_CRQ_DMA_ALLOC, arg)
        door.close()


def limits_hold_for_what_is_mapped():
    """Neither giving back nor closing frees memory that this process still has."""
    arg = ffi.new("struct vscsi_crq_dma *", {"access": 3, "size": 4 << 20})
    door = Door(UNIT)
    limit = door.info().dma_limit
    for _ in range(limit // arg.size):
        door.ioctl(lib.VSCSI_CRQ_DMA_ALLOC, arg)
        assert door.map(arg.size, arg.offset) is not None
        door.release(arg.bus)
    check("given back, not gone", door.info().dma_used == limit, got=door.info().dma_used)
    check("no more", door.refused(lib.VSCSI_CRQ_DMA_ALLOC, arg) == "ENOSPC")
    door.unmap(door.views[0])
    check("room for one", door.refused(lib.VSCSI_CRQ_DMA_ALLOC, arg) == "")
    views, door.views = door.views, []
    door.close()
    door = Door(UNIT)
    check("closed, not gone", door.info().dma_used == limit - arg.size, got=door.info().dma_used)
    check("one again", door.refused(lib.VSCSI_CRQ_DMA_ALLOC, arg) == "")
    check("no more again", door.refused(lib.VSCSI_CRQ_DMA_ALLOC, arg) == "ENOSPC")
    check("but a queue", door.register() == 0)
    half = ffi.from_buffer(views[0])
    assert lib.munmap(half, 2 << 20) == 0  # a mapping in two parts counts until both are gone
    check("half", door.info().dma_used == limit)
    assert lib.munmap(half + (2 << 20), 2 << 20) == 0
    check("whole", door.info().dma_used == limit - arg.size)
    door.views += views[1:]
    door.close()

    other = fork(lambda: check("another process has its own", Door(UNIT).info().dma_used == 0))
    check("it ended", os.waitpid(other, 0)[1] == 0)
    door = Door(UNIT)
    check("all gone", door.info().dma_used == 0, got=door.info().dma_used)
    queues = 0
    reg = ffi.new("struct vscsi_crq_register *")
    while queues < 1000:
        reg.size = door.info().queue_max
        refused = door.refused(lib.VSCSI_CRQ_REGISTER, reg)
        if refused:
            break
        assert door.map(reg.size, reg.offset) is not None
        assert door.free() == 0
        queues += 1
    check("queues too", refused == "ENOSPC" and queues >= limit >> 20, got=(refused, queues))
    door.close()
    Door(UNIT).close()


def partner_of_a_platform_that_does_not_tell():
    door = Door(UNIT)
    told = door.partner()
    check("not told", told[0] != 0 and told[1:] == (0, 0, ""), got=told)
    check("nothing kept", door.info().dma_used == 0)
    door.close()


def mappings_outlive_the_door():
    door = Client(UNIT)
    door.connect()
    door.memory[0:4] = b"mine"
    queue, memory = door.queue, door.memory
    door.close(unmap=False)
    check("closed although mapped", not Path("/proc/self/fd", str(door.fd)).exists())
    memory[4:8] = b"still"[:4]
    check("memory", bytes(memory[0:8]) == b"minestil")
    check("queue", bytes(queue[0:2]) in (b"\0\2", INIT_COMPLETE[:2]))
    again = Client(UNIT)
    check("a new door at once", again.connect() == INIT_COMPLETE)
    again.memory[0:4] = b"new!"
    check("not the old memory", bytes(memory[0:4]) == b"mine")
    again.release(again.bus)
    again.memory[0:4] = b"free"
    check("freed areas too", bytes(again.memory[0:4]) == b"free")
    check("refused while open", rmmod("vscsi_crq") != "")
    door.unmap(queue)
    door.unmap(memory)
    again.close(unmap=False)
    check("refused while mapped", rmmod("vscsi_crq") != "")
    again.close()


def closed_while_waited_for():
    """A read that waits holds the door open until it returns; then the mappings alone do not."""
    door = Client(UNIT)
    door.connect()
    signal.signal(signal.SIGUSR1, lambda *_: None)

    def reader():
        raises("EBADF", os.read, door.fd, 8)  # Python reads again after the signal

    waiting = threading.Thread(target=reader)
    waiting.start()
    until(lambda: "door_read" in Path(f"/proc/self/task/{waiting.native_id}/wchan").read_text())
    os.close(door.fd)
    signal.pthread_kill(waiting.ident, signal.SIGUSR1)
    waiting.join()
    again = Client(UNIT)
    check("a new door", again.connect() == INIT_COMPLETE)
    again.close()
    door.fd = -1
    door.close()


def free_after_death(pid):
    """kill -9 of the owner frees its queue."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    door = Client(UNIT)
    check("free at once", door.connect() == INIT_COMPLETE)
    door.close()


def death():
    """kill -9 of the owner frees the queue, even while a child still has the descriptor."""
    reader, writer = os.pipe()

    def heir():
        inherited = "vscsi_crq" in Path("/proc/self/maps").read_text()
        os.write(writer, struct.pack("=I?", os.getpid(), inherited))
        time.sleep(600)

    def owner():
        door = Client(UNIT)
        door.connect()
        fork(heir)
        time.sleep(600)

    pid = fork(owner)
    child, inherited = struct.unpack("=I?", os.read(reader, 5))
    check("no mapping in a fork", not inherited)
    raises("EBUSY", Door, UNIT)
    free_after_death(pid)
    check("the child holds the old file", rmmod("vscsi_crq") != "")
    os.kill(child, signal.SIGKILL)
    until(lambda: ended(child))


def death_with_another_table():
    """The owner is a process, whatever became of the descriptor table that it opened the device in."""
    reader, writer = os.pipe()

    def heir():
        os.write(writer, struct.pack("=I", os.getpid()))
        time.sleep(600)

    def owner():
        door = Door(UNIT)
        door.register()
        unshared, closed = threading.Event(), threading.Event()

        def close_its_own():
            unshared.wait()
            os.close(door.fd)
            closed.set()
            time.sleep(600)

        threading.Thread(target=close_its_own).start()
        assert lib.unshare(lib.CLONE_FILES) == 0
        unshared.set()
        closed.wait()
        fork(heir)
        time.sleep(600)

    pid = fork(owner)
    (child,) = struct.unpack("=I", os.read(reader, 4))
    raises("EBUSY", Door, UNIT)
    free_after_death(pid)
    os.kill(child, signal.SIGKILL)
    until(lambda: ended(child))


def adapter_goes():
    """A process in read() is woken by an interrupt, and told when the adapter is unbound."""
    told, tells = os.pipe()

    def reader():
        door = Client(UNIT)
        door.register()
        door.signal(1)
        door.send(INIT)
        assert door.read() == (1, 0)
        os.write(tells, b"woken")
        assert os.read(door.fd, 8) == b""  # until the driver is unbound
        poller = select.poll()
        poller.register(door.fd)
        ((_, mask),) = poller.poll(0)
        assert mask & select.POLLHUP, mask
        assert door.refused(lib.VSCSI_CRQ_INFO, ffi.new("struct vscsi_crq_info *")) == "ENODEV"
        assert bytes(door.queue[0:2]) == INIT_COMPLETE[:2]

    pid = fork(reader)
    os.close(tells)
    check("woken", os.read(told, 5) == b"woken")
    until(lambda: "door_read" in Path(f"/proc/{pid}/wchan").read_text())
    driver = Path("/sys/bus/vio/drivers/vscsi_crq")
    (driver / "unbind").write_text(f"{UNIT:x}")
    check("told", os.waitpid(pid, 0)[1] == 0)
    check("device gone", not Path(path(UNIT)).exists())
    (driver / "bind").write_text(f"{UNIT:x}")
    until(lambda: Path(path(UNIT)).exists())
    door = Client(UNIT)
    check("works again", door.connect() == INIT_COMPLETE)
    door.close()


def direct_io():
    """O_DIRECT into an area: its pages are ordinary pages."""
    modprobe("brd", "rd_nr=1", "rd_size=4096")
    disk = os.open("/dev/ram0", os.O_RDWR | os.O_DIRECT)
    door = Door(UNIT)
    _, view = door.allocate(PAGE)
    view[0:16] = b"through the disk"
    check("written", os.pwritev(disk, [view], 0) == PAGE)
    view[0:16] = bytes(16)
    check("read", os.preadv(disk, [view], 0) == PAGE and bytes(view[0:16]) == b"through the disk")
    os.close(disk)
    door.close()


def quiet():
    """Unloads when idle; said nothing that a kernel should not say."""
    check("unloads", rmmod("vscsi_crq") == "")
    check("device gone", not Path(path(UNIT)).exists())
    leaked = re.findall(r"vscsi_crq.*\bc0[0-9a-f]{14}\b", kernel_log(everything=True))
    check("no addresses", not leaked, got=leaked)


main(module_parameter, describes_itself, one_opener, nothing_without_a_queue, handshake_by_interrupt,
     session, small_queue_wraps, many_elements_at_once, bad_arguments, bad_memory, random_arguments, limits,
     limits_hold_for_what_is_mapped, partner_of_a_platform_that_does_not_tell, mappings_outlive_the_door, closed_while_waited_for, death, death_with_another_table, adapter_goes,
     direct_io, quiet)  # fmt: skip
