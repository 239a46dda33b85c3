"""A throwaway target over a server door: enough for the handshake, adapter info, login, and no disks.

Not pysrp's target: it shows that the lab's hypervisor works. Run as a thread, `Responder(unit).start()`.
"""

import select
import struct
import threading

from _door import ffi, lib
from doorlib import H_CLOSED, H_SUCCESS, INIT, INIT_COMPLETE, Door

MAD_ADAPTER_INFO, MAD_CAPABILITIES, MAD_FAST_FAIL = 3, 5, 8


class Responder(threading.Thread):
    """Answers until `stop`. `log` names what it saw, in order."""

    def __init__(self, unit, os_type=2, max_io=1 << 20):
        super().__init__(daemon=True)
        self.door = Door(unit)
        self.info = self.door.info()
        self.os_type, self.max_io = os_type, max_io
        self.log = []
        assert self.door.register() in (H_SUCCESS, H_CLOSED)
        self.bus, self.memory = self.door.allocate(self.info.page_size)
        self.running = True
        self.door.send(INIT)

    def stop(self):
        self.running = False
        self.join()
        self.door.close()

    def run(self):
        while self.running:
            self.door.signal(1)
            element = self.door.poll()
            if element is None:
                if select.select([self.door.fd], [], [], 0.1)[0]:
                    self.door.read()
                continue
            self.handle(element)

    def handle(self, element):
        header, kind, _, _, _, length, remote = struct.unpack(">BBBBHHQ", element)
        if header == 0xC0:
            self.log.append("init" if kind == 1 else "init complete")
            if kind == 1:
                self.door.send(INIT_COMPLETE)
        elif header == 0xFF:
            self.log.append(f"event {kind}")
        elif header == 0x80:
            assert self.door.copy(lib.VSCSI_CRQ_COPY_IN, self.bus, remote, length) == (length, 0)
            iu = bytes(self.memory[0:length])
            answer = self.mad(iu) if kind == 2 else self.srp(iu)
            self.memory[0 : len(answer)] = answer
            assert self.door.copy(lib.VSCSI_CRQ_COPY_OUT, self.bus, remote, len(answer)) == (len(answer), 0)
            tag = iu[8:16]
            sent = self.door.send(struct.pack(">BBBBHH", 0x80, kind, 0, 0, 0, len(answer)) + tag)
            assert sent == (1, 0), sent

    def mad(self, iu):
        kind, _, length = struct.unpack_from(">IHH", iu)
        (buffer,) = struct.unpack_from(">Q", iu, 16)
        if kind == MAD_ADAPTER_INFO:
            self.log.append("adapter info")
            name = ffi.string(self.info.partition_name)
            values = (b"16.a", name, self.info.partition, 1, self.os_type, self.max_io)
            data = struct.pack(">8s96sIII8I", *values, *[0] * 7)[:length]
            self.memory[0x1000 : 0x1000 + len(data)] = data
            assert self.door.copy(lib.VSCSI_CRQ_COPY_OUT, self.bus + 0x1000, buffer, len(data)) == (
                len(data),
                0,
            )
            status = 0
        else:
            self.log.append(
                {MAD_CAPABILITIES: "capabilities", MAD_FAST_FAIL: "fast fail"}.get(kind, f"mad {kind}")
            )
            status = 0xF1
        return iu[:4] + struct.pack(">H", status) + iu[6:24]

    def srp(self, iu):
        tag = iu[8:16]
        if iu[0] == 0x00:
            self.log.append("login")
            return struct.pack(">BxxxI8sIIHB25x", 0xC0, 16, tag, 256, 256, 6, 0)
        opcode = iu[32]
        self.log.append(f"command {opcode:#x}")
        if opcode == 0x12:  # nothing there
            data = bytes([0x7F, 0, 5, 2, 31]).ljust(36, b" ")
            at = 48 + ((iu[31] >> 2) << 2)
            buffer, _, length = struct.unpack_from(">QII", iu, at)
            data = data[:length]
            self.memory[0x1000 : 0x1000 + len(data)] = data
            self.door.copy(lib.VSCSI_CRQ_COPY_OUT, self.bus + 0x1000, buffer, len(data))
            return struct.pack(">BBHi8sHBBIIII", 0xC1, 0, 0, 1, tag, 0, 0x10, 0, 0, length - len(data), 0, 0)
        sense = bytes([0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0, 0, 0, 0, 0])
        return struct.pack(">BBHi8sHBBIIII", 0xC1, 0, 0, 1, tag, 0, 2, 2, 0, 0, len(sense), 0) + sense
