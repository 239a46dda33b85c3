"""A plain view of the door for the lab's own scripts. Not pysrp: tests of the door must not depend on it."""

import errno
import os
import select
import struct
import time

from _door import ffi, lib
from labguest import PATIENCE

H_SUCCESS, H_CLOSED, H_HARDWARE, H_FUNCTION, H_PARAMETER, H_RESOURCE = 0, 2, -1, -2, -4, -16
H_PERMISSION, H_DROPPED, H_SOURCE_PARM, H_DEST_PARM = -11, -12, -13, -14
INIT = bytes([0xC0, 1]) + bytes(14)
INIT_COMPLETE = bytes([0xC0, 2]) + bytes(14)
PROT_READ, PROT_WRITE, PROT_EXEC, MAP_SHARED, MAP_PRIVATE = 1, 2, 4, 1, 2


def name(number):
    """EINVAL and so on; of the two names of one number the kernel's."""
    return errno.errorcode[number].replace("ENOTSUP", "EOPNOTSUPP")


def path(unit):
    return f"/dev/vscsi_crq-{unit:x}"


class Door:
    """One open of the device. Ioctls raise OSError; PAPR's answers are returned."""

    def __init__(self, unit, flags=os.O_RDWR | os.O_CLOEXEC):
        self.fd = -1
        self.views = []
        self.interrupts = 0
        self.fd = os.open(path(unit), flags)
        self.queue = None
        self.next = 0

    def close(self, unmap=True):
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
        while unmap and self.views:
            self.unmap(self.views[0])

    def __del__(self):
        self.close()

    def ioctl(self, request, arg=ffi.NULL):
        rc = lib.door_ioctl(self.fd, request, arg)
        if rc:
            raise OSError(-rc, os.strerror(-rc))
        return arg

    def refused(self, request, arg=ffi.NULL):
        """The name of the errno with which the door refuses a request, or "" if it does not."""
        rc = lib.door_ioctl(self.fd, request, arg)
        return name(-rc) if rc else ""

    def info(self):
        return self.ioctl(lib.VSCSI_CRQ_INFO, ffi.new("struct vscsi_crq_info *"))

    def map(self, length, offset, prot=PROT_READ | PROT_WRITE, flags=MAP_SHARED):
        """A writable view of a queue or an area, or None."""
        at = lib.door_mmap(self.fd, length, prot, flags, offset)
        if not at:
            return None
        self.views.append(ffi.buffer(at, length))
        return self.views[-1]

    def unmap(self, view):
        self.views = [v for v in self.views if v is not view]
        assert lib.munmap(ffi.from_buffer(view), len(view)) == 0

    def register(self, size=0):
        reg = self.ioctl(lib.VSCSI_CRQ_REGISTER, ffi.new("struct vscsi_crq_register *", {"size": size}))
        if reg.hrc in (H_SUCCESS, H_CLOSED):
            page = os.sysconf("SC_PAGESIZE")
            self.queue = self.map(-(-reg.size // page) * page, reg.offset)
            self.slots = reg.size // 16
            self.next = 0
        self.registered = reg
        return reg.hrc

    def free(self):
        return self.ioctl(lib.VSCSI_CRQ_FREE, ffi.new("struct vscsi_crq_result *")).hrc

    def enable(self):
        return self.ioctl(lib.VSCSI_CRQ_ENABLE, ffi.new("struct vscsi_crq_result *")).hrc

    def signal(self, on):
        return self.ioctl(lib.VSCSI_CRQ_SIGNAL, ffi.new("struct vscsi_crq_signal *", {"enable": on})).hrc

    def send(self, *elements):
        """(accepted, answer to the last one tried)"""
        data = ffi.from_buffer(b"".join(elements))
        at = int(ffi.cast("uintptr_t", data))
        arg = ffi.new("struct vscsi_crq_send *", {"elements": at, "count": len(elements)})
        self.ioctl(lib.VSCSI_CRQ_SEND, arg)
        return arg.done, arg.hrc

    def allocate(self, size, access=lib.VSCSI_CRQ_DMA_READ | lib.VSCSI_CRQ_DMA_WRITE):
        """DMA memory: (bus address, view)"""
        values = {"size": size, "access": access}
        dma = self.ioctl(lib.VSCSI_CRQ_DMA_ALLOC, ffi.new("struct vscsi_crq_dma *", values))
        return dma.bus, self.map(size, dma.offset)

    def release(self, bus):
        self.ioctl(lib.VSCSI_CRQ_DMA_FREE, ffi.new("struct vscsi_crq_dma_free *", {"bus": bus}))

    def copy(self, direction, local, remote, length):
        """(bytes done, PAPR's answer)"""
        values = {"direction": direction, "local": local, "remote": remote, "length": length}
        arg = ffi.new("struct vscsi_crq_copy *", values)
        self.ioctl(lib.VSCSI_CRQ_COPY, arg)
        return arg.done, arg.hrc

    def together(self, pieces, elements=()):
        """(copies done, elements accepted, bytes of the copy that failed, PAPR's answer)"""
        keys = "direction", "local", "remote", "length", "reserved"
        copies = ffi.new("struct vscsi_crq_piece[]", [dict(zip(keys, each, strict=False)) for each in pieces])
        data = ffi.from_buffer(b"".join(elements))
        values = {"copy_count": len(pieces), "count": len(elements)}
        arg = ffi.new("struct vscsi_crq_together *", values)
        arg.copies, arg.elements = (int(ffi.cast("uintptr_t", each)) for each in (copies, data))
        self.ioctl(lib.VSCSI_CRQ_TOGETHER, arg)
        return arg.copied, arg.sent, arg.done, arg.hrc

    def partner(self):
        """(PAPR's answer, partition, unit, location)"""
        arg = self.ioctl(lib.VSCSI_CRQ_PARTNER, ffi.new("struct vscsi_crq_partner *"))
        return arg.hrc, arg.partition, arg.unit, ffi.string(arg.location).decode()

    def poll(self):
        """The next element of the queue, taken out, or None."""
        at = self.next * 16
        if not self.queue[at][0]:
            return None
        element = bytes(self.queue[at : at + 16])
        self.queue[at] = b"\0"
        self.next = (self.next + 1) % self.slots
        return element

    def wait(self, timeout=PATIENCE):
        """The next element: look, arm, look again, sleep until the interrupt. Counts the sleeps that paid."""
        end = time.monotonic() + timeout
        while (element := self.poll()) is None:
            self.signal(1)
            if (element := self.poll()) is not None:
                break
            self.interrupted(max(0, end - time.monotonic()))
        return element

    def interrupted(self, timeout=PATIENCE):
        """Sleep until an interrupt. It may come a little after its element can be seen."""
        if not select.select([self.fd], [], [], timeout)[0]:
            raise TimeoutError("no interrupt")
        self.interrupts += self.read()[0]

    def drain(self):
        """Forget interrupts that have arrived; their number."""
        return self.read()[0] if select.select([self.fd], [], [], 0)[0] else 0

    def read(self):
        """(interrupts, events) since the last read"""
        return struct.unpack("=II", os.read(self.fd, 8))


class Client(Door):
    """Just enough of an initiator: handshake, adapter info, login, one command at a time."""

    patient = False  # look at the queue only after an interrupt, however early the answer is there

    def connect(self):
        self.register()
        self.bus, self.memory = self.allocate(0x40000)
        self.signal(1)
        self.send(INIT)
        self.interrupted()
        return self.wait()

    def request(self, iu, kind=1):
        """Send an IU (1 SRP, 2 MAD) from the start of our memory; (response element, the memory there now)"""
        self.memory[0 : len(iu)] = iu
        self.signal(1)
        done, hrc = self.send(struct.pack(">BBBBHHQ", 0x80, kind, 0, 0, 60, len(iu), self.bus))
        assert (done, hrc) == (1, 0), (done, hrc)
        if self.patient:
            self.interrupted()
        element = self.wait()
        return element, bytes(self.memory[0:0x400])

    def adapter_info(self):
        """The partner's 24 + n bytes, after ours were sent: (srp version, partition name, number, os type)"""
        at = 0x1000
        ours = struct.pack(">8s96sIII8I", b"16.a", b"guest", 7, 1, 2, *[0] * 8)
        self.memory[at : at + len(ours)] = ours
        mad = struct.pack(">IHHQQ", 3, 0, len(ours), 0xFEED, self.bus + at)
        _, answer = self.request(mad, 2)
        (status,) = struct.unpack_from(">H", answer, 4)
        theirs = bytes(self.memory[at : at + len(ours)])
        version, name, number, _, os_type, *_ = struct.unpack(">8s96sIII8I", theirs)
        return status, version.rstrip(b"\0").decode(), name.rstrip(b"\0").decode(), number, os_type

    def login(self):
        """The response's opcode and initial credit"""
        iu = struct.pack(">B7xQI4xHB5x16x16x", 0, 0x1061, 256, 6, 0)
        _, answer = self.request(iu)
        opcode, delta = struct.unpack_from(">B3xi", answer)
        return opcode, delta

    def command(self, cdb, data_in=0, data_out=0, lun=bytes([0x80, 0, 0, 0, 0, 0, 0, 0]), tag=1):
        """One SCSI command with a direct buffer at 0x10000 of our memory: (status, sense, data)"""
        length = data_in or data_out
        formats = 0x01 if data_in else 0x10 if data_out else 0
        iu = struct.pack(">BB3xBBBQ4x8sB3x16s", 2, 0, formats, 0, 0, tag, lun, 0, cdb.ljust(16, b"\0"))
        if length:
            iu += struct.pack(">QII", self.bus + 0x10000, 0, length)
        element, answer = self.request(iu)
        assert (element[:2], element[8:]) == (b"\x80\x01", tag.to_bytes(8, "big")), element
        opcode, flags, status = answer[0], answer[18], answer[19]
        sense_length, response_length = struct.unpack_from(">II", answer, 28)
        assert opcode == 0xC1, answer[:36]
        skip = 36 + (response_length if flags & 1 else 0)
        sense = answer[skip : skip + sense_length] if flags & 2 else b""
        return status, sense, bytes(self.memory[0x10000 : 0x10000 + data_in])
