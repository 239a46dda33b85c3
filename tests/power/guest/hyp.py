"""Both sides of a connection through the lab's hypervisor: vscsi_crq, redirected, and vscsi_lab's unit."""

import os
import random
import re
import select
import struct
import sys
import time
from pathlib import Path

from _door import ffi, lib
from doorlib import (
    H_CLOSED,
    H_DEST_PARM,
    H_DROPPED,
    H_FUNCTION,
    H_HARDWARE,
    H_PARAMETER,
    H_PERMISSION,
    H_RESOURCE,
    H_SOURCE_PARM,
    H_SUCCESS,
    INIT,
    INIT_COMPLETE,
    Door,
    name,
)  # fmt: skip
from labguest import PATIENCE, Hypervisor, check, insmod, kernel_log, main, record, rmmod, until

CLIENT = int(sys.argv[1], 0)
hypervisor = Hypervisor(CLIENT)
SERVER = hypervisor.server
PAGE = os.sysconf("SC_PAGESIZE")
SIZE = 512 * 1024  # of areas
EVENT = bytes([0xFF])
IN, OUT = lib.VSCSI_CRQ_COPY_IN, lib.VSCSI_CRQ_COPY_OUT


def raises(errno_name, function, *args):
    try:
        got = function(*args)
    except OSError as error:
        got = name(error.errno)
    return check(f"{function.__name__} {args[-3:]}: {errno_name}", got == errno_name, got=got)


def connected(client_size=0, server_size=0):
    """Both doors open, registered, shaken hands."""
    client, server = Door(CLIENT), Door(SERVER)
    check("server first", server.register(server_size) == H_CLOSED)
    check("nobody to send to", server.send(INIT) == (0, H_CLOSED))
    check("client second", client.register(client_size) == H_SUCCESS)
    server.signal(1)
    check("init", client.send(INIT) == (1, 0) and server.wait() == INIT)
    client.signal(1)
    check("complete", server.send(INIT_COMPLETE) == (1, 0))
    client.interrupted()
    check("there", client.wait() == INIT_COMPLETE)
    return client, server


def both_doors():
    insmod("vscsi_lab")
    insmod("vscsi_crq_lab")
    check("lab is held by its client", rmmod("vscsi_lab") != "")
    server = Door(SERVER)
    info = server.info()
    check("server", info.kind == lib.VSCSI_CRQ_SERVER and info.flags == lib.VSCSI_CRQ_SIMULATED)
    check("two windows", info.windows == 2 and info.window[1].size == 256 << 20)
    check("partner's liobn", info.window[1].liobn != info.window[0].liobn)
    check("partition", (info.partition, ffi.string(info.partition_name)) == (40, b"VIOS3-P6"))
    server.close()


def interrupts_both_ways():
    client, server = connected()
    for side, other in ((client, server), (server, client)):
        side.drain()
        check("quiet", side.poll() is None and side.drain() == 0)
        side.signal(1)
        check("sent", other.send(INIT) == (1, 0))
        check("woken", select.select([side.fd], [], [], PATIENCE)[0] and side.read() == (1, 0))
        check("there", side.poll() == INIT)
    client.close()
    server.signal(1)
    check("told by interrupt", server.wait() == EVENT + b"\2" + bytes(14))
    check("closed", server.send(INIT) == (0, H_CLOSED))
    server.close()
    check("nothing stays", hypervisor.state()["mapped"] == 0, got=hypervisor.state())


def copies():
    """Any length, alignment and piece; then everything that must be refused."""
    client, server = connected()
    far, theirs = client.allocate(SIZE)
    near, ours = server.allocate(SIZE)
    random.seed(11)
    pattern = random.randbytes(SIZE)
    theirs[:] = pattern
    check("all in", server.copy(IN, near, far, SIZE) == (SIZE, 0) and bytes(ours) == pattern)
    good = True
    for _ in range(200):
        length = random.choice([1, 7, 16, 4095, 4096, 4097, 65536, 131072, 131073, 300000])
        a, b = random.randrange(SIZE - length), random.randrange(SIZE - length)
        direction = random.choice([IN, OUT])
        source, target, i, j = (theirs, ours, a, b) if direction == IN else (ours, theirs, b, a)
        data = random.randbytes(length)
        source[i : i + length] = data
        before, after = bytes(target[0:j]), bytes(target[j + length : SIZE])
        good = good and server.copy(direction, near + b, far + a, length) == (length, 0)
        good = good and bytes(target[j : j + length]) == data
        good = good and bytes(target[0:j]) == before and bytes(target[j + length : SIZE]) == after
    check("200 copies", good)

    for local, remote, length in (
        (near, far, 0), (near - 1, far, 1), (near + SIZE, far, 1), (near + SIZE - 1, far, 2),
        (near, far, SIZE + 1), (0, far, 1), (server.registered.bus, far, 16), (near, far, 1 << 63),
        ((1 << 64) - 1, far, 2),
        (near, (1 << 64) - 1, 2), (near + 1, far, (1 << 64) - 1),
    ):  # fmt: skip
        raises("EINVAL", server.copy, IN, local, remote, length)
        raises("EINVAL", server.copy, OUT, local, remote, length)
    raises("EINVAL", server.copy, 2, near, far, 1)
    raises("EOPNOTSUPP", client.copy, IN, far, near, 1)

    end = 256 << 20
    for remote, length in ((end, 1), (end - 1, 2), (1 << 40, 16)):
        check(f"window {remote:#x} in", server.copy(IN, near, remote, length) == (0, H_SOURCE_PARM))
        check(f"window {remote:#x} out", server.copy(OUT, near, remote, length) == (0, H_DEST_PARM))
    check("unmapped", server.copy(IN, near, end - PAGE, 16) == (0, H_PERMISSION))
    client.release(far)
    check("no longer mapped", server.copy(OUT, near, far, 16) == (0, H_PERMISSION))
    far, theirs = client.allocate(SIZE // 2)
    done, hrc = server.copy(IN, near, far + SIZE // 4, SIZE // 2)
    check("stops where the mapping ends", hrc == H_PERMISSION and done == 131072, got=(done, hrc))
    hypervisor.answer("server", "copy", H_PERMISSION, 1)
    check("injected", server.copy(IN, near, far, 16) == (0, H_PERMISSION))
    check("once", server.copy(IN, near, far, 16) == (16, 0))
    client.free()
    check("partner gone", server.copy(IN, near, far, 16) == (0, H_PERMISSION))
    client.close()
    server.close()
    start = time.monotonic()
    client, server = connected()
    far, _ = client.allocate(1 << 20)
    near, _ = server.allocate(1 << 20)
    start = time.monotonic()
    for _ in range(64):
        server.copy(IN, near, far, 1 << 20)
    record("copy", mib_per_second=round(64 / (time.monotonic() - start)))
    client.close()
    server.close()


def together():
    """Copies and then elements in one call, up to the first that is refused."""
    client, server = connected()
    far, theirs = client.allocate(PAGE)
    near, ours = server.allocate(PAGE)
    theirs[:48], ours[48:64] = bytes(range(48)), b"answer to nothing"[:16]
    pings = [struct.pack(">BBHIQ", 0x80, 1, 0, 0, n) for n in range(3)]
    work = [(IN, near, far, 16), (IN, near + 16, far + 16, 32), (OUT, near + 48, far + 64, 16)]
    check("all of it", server.together(work, pings) == (3, 3, 0, H_SUCCESS))
    check("copied", bytes(ours[:48]) == bytes(range(48)) and bytes(theirs[64:80]) == bytes(ours[48:64]))
    check("sent in order", [client.wait() for _ in pings] == pings)
    check("copies alone", server.together(work) == (3, 0, 0, H_SUCCESS))
    check("elements alone", server.together([], pings[:1]) == (0, 1, 0, H_SUCCESS))
    check("elements alone, of the client", client.together([], [INIT]) == (0, 1, 0, H_SUCCESS))
    check("heard", server.poll() == INIT and client.wait() == pings[0])
    hypervisor.answer("server", "copy", H_PERMISSION, 1)
    check("the first copy fails", server.together(work, pings) == (0, 0, 0, H_PERMISSION))
    bad = [work[0], (OUT, near, 1 << 40, 16), work[1]]
    check("the second copy fails", server.together(bad, pings) == (1, 0, 0, H_DEST_PARM))
    hypervisor.answer("server", "send", H_DROPPED, 1)
    check("all copied, none sent", server.together(work, pings) == (3, 0, 0, H_DROPPED))
    many = [(OUT, near, far, 1)] * lib.VSCSI_CRQ_TOGETHER_MAX
    check("as many as there may be", server.together(many) == (len(many), 0, 0, H_SUCCESS))
    raises("EINVAL", server.together, [])
    raises("EINVAL", server.together, [*many, work[0]])
    raises("EINVAL", server.together, [work[0], (IN, near + PAGE, far, 1)], pings)
    raises("EINVAL", server.together, [work[0], (2, near, far, 1)], pings)
    raises("EINVAL", server.together, [work[0], (IN, near, far, 1, 7)], pings)
    raises("EINVAL", server.together, [work[0], (IN, near, far, 0)], pings)
    raises("EINVAL", server.together, work, [*pings, bytes(16)])
    raises("EINVAL", server.together, work, [INIT] * 257)
    raises("EOPNOTSUPP", client.together, [(IN, far, near, 1)])
    for values in ({"copy_count": 1}, {"count": 1}, {"copy_count": 1, "copies": 0xC000000000000000}):
        arg = ffi.new("struct vscsi_crq_together *", values)
        got = server.refused(lib.VSCSI_CRQ_TOGETHER, arg)
        check(f"memory that is none: {values}", got == "EFAULT", got=got)
    check("nothing of these was sent", client.poll() is None)
    server.free()
    raises("ENOTCONN", server.together, work, pings)
    client.close()
    server.close()


def full_queue():
    """256 elements fit; the next is dropped; an event overwrites the last."""
    client, server = connected(client_size=4096)
    ping = [struct.pack(">BBHIQ", 0x80, 1, 0, 0, n) for n in range(300)]
    check("256 of 256", server.send(*ping[:256]) == (256, 0))
    check("dropped", server.send(ping[256]) == (0, H_DROPPED))
    check("in order", [client.poll() for _ in range(10)] == ping[:10])
    check("room again", server.send(*ping[256:300]) == (10, H_DROPPED))
    check("rest in order", [client.poll() for _ in range(256)] == ping[10:266] and client.poll() is None)
    check("full once more", server.send(*ping[:256]) == (256, 0))
    server.free()
    rest = [client.poll() for _ in range(256)]
    check("event over the last", rest[:255] == ping[:255] and rest[255][:2] == b"\xff\2")
    client.close()
    server.close()


def answers_of_the_hypervisor():
    """Numbers come back as they are; a busy H_FREE_CRQ keeps the queue, and close goes on until free."""
    client, server = connected()
    hypervisor.answer("server", "send", H_PARAMETER)
    check("send", server.send(INIT, INIT) == (0, H_PARAMETER))
    hypervisor.answer("server", "free", 9901, 2)
    check("busy", server.free() == 9901 and server.info().queue_size == PAGE)
    check("still works", server.send(INIT) == (1, 0))
    check("still busy, then free", (server.free(), server.free()) == (9901, 0))
    check("freed", server.info().queue_size == 0)
    hypervisor.answer("server", "reg", -16)
    check("refused registration", server.register() == -16 and server.info().queue_size == 0)
    check("no queue to map", server.map(PAGE, 0) is None)
    check("then accepted", server.register() == 0)
    hypervisor.answer("server", "free", 1, 5)
    server.close()
    check("closed in spite of busy", not hypervisor.state()["server"]["registered"])
    check("nothing mapped", hypervisor.state()["mapped"] == 0)
    hypervisor.answer("client", "free", 9900, 5)
    client.close()
    check("client too", not hypervisor.state()["client"]["registered"])


def suspended():
    client, server = connected()
    client.signal(1)
    hypervisor.event("client", 6)
    check("event 6", client.wait()[:2] == b"\xff\6")
    check("disabled", server.send(INIT) == (0, H_CLOSED))
    hypervisor.answer("client", "enable", 14, 2)
    check("in progress", (client.enable(), client.enable(), client.enable()) == (14, 14, 0))
    check("enabled", server.send(INIT) == (1, 0))
    prepare = {"request": lib.VSCSI_CRQ_SUSPEND_ENABLE, "timeout_ms": 30000}
    arg = ffi.new("struct vscsi_crq_suspend *", prepare)
    check("prepare for suspend", server.ioctl(lib.VSCSI_CRQ_SUSPEND, arg).hrc == 0)
    for request, timeout in ((0, 0), (0, 30001), (1, 1), (2, 0)):
        arg = ffi.new("struct vscsi_crq_suspend *", {"request": request, "timeout_ms": timeout})
        check(f"suspend {request} {timeout}", server.refused(lib.VSCSI_CRQ_SUSPEND, arg) == "EINVAL")
    client.close()
    server.close()


def cannot_be_freed():
    """A queue that H_FREE_CRQ refuses on close is left alone; the next opener frees it and goes on."""
    server = Door(SERVER)
    server.register()
    server.allocate(SIZE)
    hypervisor.answer("server", "free", H_HARDWARE)
    server.close()
    check("registered", hypervisor.state()["server"]["registered"] == 1)
    check("only the queue is left", hypervisor.state()["mapped"] == PAGE, got=hypervisor.state())
    check("said so", re.search(rf"vscsi_crq-{SERVER:x}: H_FREE_CRQ answers -1, {PAGE} bytes", kernel_log()))
    server = Door(SERVER)
    check("in use", server.register() == H_RESOURCE)
    check("freed, registered", (server.free(), server.register()) == (0, H_CLOSED))
    check("the lost one's memory is back", hypervisor.state()["mapped"] == PAGE, got=hypervisor.state())
    server.close()
    check("free", hypervisor.state()["server"]["registered"] == 0)
    check("nothing mapped", hypervisor.state()["mapped"] == 0, got=hypervisor.state())


def frees_for_ten_seconds():
    """A hypervisor that is busy for ever keeps no process from ending; what it keeps is the next one's to free."""
    server = Door(SERVER)
    server.register()
    hypervisor.answer("server", "free", 9903, 1000)
    server.close()
    check("registered", hypervisor.state()["server"]["registered"] == 1)
    check("said so", f"vscsi_crq-{SERVER:x}: H_FREE_CRQ answers 9903" in kernel_log())
    hypervisor.answer("server", "free", 0, 0)
    server = Door(SERVER)
    check("in use", server.register() == H_RESOURCE)
    check("freed, registered", (server.free(), server.register()) == (0, H_CLOSED))
    server.close()
    check("all memory is back", hypervisor.state()["mapped"] == 0, got=hypervisor.state())


def interrupt_of_a_former_opener():
    """Armed by one, it is off for the next, who has not asked for it; and after the queue was freed and made anew."""
    for again in ("opened", "registered"):
        client, server = connected()
        server.signal(1)
        client.signal(1)
        if again == "opened":
            server.close()
            client.close()
            server, client = Door(SERVER), Door(CLIENT)
        else:
            check("freed", (server.free(), client.free()) == (0, 0))
            server.drain()
            client.drain()
        check(f"{again} again", (server.register(), client.register()) == (H_CLOSED, H_SUCCESS))
        ends = [hypervisor.state()[end]["signal"] for end in ("client", "server")]
        check("off", ends == [0, 0], got=ends)
        check("sent", (client.send(INIT), server.send(INIT)) == ((1, 0), (1, 0)))
        check("there, silently", (server.poll(), client.poll()) == (INIT, INIT))
        check("no interrupt", (server.drain(), client.drain()) == (0, 0))
        client.close()
        server.close()


def partner_info():
    """Who is at the other end, as the platform says, whether or not there is a queue here."""
    client, server = Door(CLIENT), Door(SERVER)
    nobody = (H_CLOSED, 0, 0, "")
    check("nobody yet", (client.partner(), server.partner()) == (nobody, nobody))
    server.register()
    told = client.partner()
    check("the server", told == (0, 40, SERVER, f"U9999.LAB.0000000-V40-C{SERVER & 0xFF}"), got=told)
    client.register()
    told = server.partner()
    check("the client", told == (0, 7, CLIENT, f"U9999.LAB.0000000-V7-C{CLIENT & 0xFF}"), got=told)
    for end, door in (("client", client), ("server", server)):
        hypervisor.answer(end, "partner", H_FUNCTION)
        check("not told", (door.partner(), door.partner()[0]) == ((H_FUNCTION, 0, 0, ""), 0))
        check("no memory is kept", door.info().dma_used == 0)
    client.close()
    server.close()
    check("nothing stays", hypervisor.state()["mapped"] == 0)


def event_into_bad_memory():
    """A read that cannot give what it has gives it to the next."""
    client, server = connected()
    server.drain()
    server.signal(1)
    client.send(INIT)
    hypervisor.power(lib.VSCSI_CRQ_EV_RESUME)
    os.set_blocking(server.fd, False)
    for where in (0, 1, 0xC000000000000000):
        got = lib.door_read(server.fd, ffi.cast("void *", where), 8)
        check(f"{where:#x}: EFAULT", name(-got) == "EFAULT", got=got)
    check("still to be read", select.select([server.fd], [], [], 0)[0])
    check("all of it", server.read() == (1, lib.VSCSI_CRQ_EV_RESUME))
    check("once", select.select([server.fd], [], [], 0)[0] == [])
    client.close()
    server.close()


def power_events():
    """They come beside the interrupts, wake whoever waits, and are gone when read."""
    client, server = connected()
    server.drain()
    poller = select.poll()
    poller.register(server.fd, select.POLLIN | select.POLLPRI)
    check("quiet", poller.poll(0) == [])
    hypervisor.power(lib.VSCSI_CRQ_EV_SUSPEND)
    check("suspended", poller.poll(1000 * PATIENCE) == [(server.fd, select.POLLIN | select.POLLPRI)])
    hypervisor.power(lib.VSCSI_CRQ_EV_RESUME)
    server.signal(1)
    client.send(INIT)
    both = lib.VSCSI_CRQ_EV_SUSPEND | lib.VSCSI_CRQ_EV_RESUME
    check("all in one read", server.read() == (1, both))
    check("quiet again", poller.poll(0) == [] and server.poll() == INIT)
    client.close()
    server.close()


def goes():
    check("client", rmmod("vscsi_crq") == "")
    server = Door(SERVER)
    check("refused while open", rmmod("vscsi_lab") != "")
    server.close()
    until(lambda: rmmod("vscsi_lab") == "")
    check("device gone", not Path(f"/dev/vscsi_crq-{SERVER:x}").exists())


main(both_doors, interrupts_both_ways, interrupt_of_a_former_opener, partner_info, copies, together, full_queue,
     answers_of_the_hypervisor, suspended, power_events, event_into_bad_memory, cannot_be_freed,
     frees_for_ten_seconds, goes)  # fmt: skip
