"""A target and initiators of examples/sockets in one thread, and what the tests of that transport ask of them."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from wire import IU, Message, Wire

from initiator import Result, SocketInitiator, cut
from pysrp import srp
from pysrp.backends import Ram
from pysrp.initiator.requests import Command, TaskManagement
from pysrp.lun import Lun, scst_pack
from pysrp.srp import TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.workers import Pool
from target import SocketTarget
from waiting import PATIENCE, until

MIB = 1 << 20
FIRST, SECOND = scst_pack(0, "LUN"), scst_pack(1, "LUN")
PORT_A, PORT_B = b"initiator port A", b"initiator port B"


class Rig:
    """A target with two disks, and initiators, in one thread."""

    def __init__(self, backend: Any = None, *, credits: int = 32) -> None:
        self.backend = backend or Ram(4 * MIB)
        self.pool = Pool()
        self.luns = LunMap([(0, Disk(self.backend, "first")), (1, Disk(Ram(4 * MIB), "second"))])
        self.target = SocketTarget(self.luns, self.pool, credits=credits)
        self.initiators: list[SocketInitiator] = []
        self.sockets: list[socket.socket] = []

    def connect(self, port: bytes = PORT_A) -> SocketInitiator:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.target.connect(far)
        self.sockets.append(near)
        self.initiators.append(SocketInitiator(near, port, self.target.turn))
        return self.initiators[-1]

    def login(self, port: bytes = PORT_A, *, join: bool = False) -> SocketInitiator:
        initiator = self.connect(port)
        initiator.login(join=join)
        self.attended(port)
        return initiator

    def attended(self, port: bytes) -> None:
        """Take back the unit attentions of a login."""
        for export in self.luns:
            for code in 0, 7:
                export.unit.forget(self.target.sessions[port].nexus, 0x29, code)

    def turn(self) -> None:
        """Everybody once."""
        self.target.turn()
        for initiator in self.initiators:
            initiator.poll()

    def settle(self, condition: Callable[[], Any]) -> None:
        def turned() -> Any:
            self.turn()
            return condition()

        until(turned)

    def close(self) -> None:
        self.target.close()
        for sock in self.sockets:
            sock.close()
        assert self.pool.drain(timeout=PATIENCE)


class Hostile:
    """Sends messages that it makes up."""

    def __init__(self, rig: Rig) -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        rig.target.connect(far)
        rig.sockets.append(near)
        self.wire = Wire(near)
        self.rig = rig

    def send(self, *message: Any, **fields: Any) -> None:
        self.wire.send(Message(*message, **fields))
        self.rig.turn()

    def login(self, port: bytes = PORT_A, **fields: Any) -> srp.LoginRsp:
        raw = srp.LoginReq.build(tag=1, req_it_iu_len=1024, req_buf_fmt=6, initiator_port_id=port, **fields)
        self.send(IU, payload=bytes(raw))
        (answer,) = self.wire.receive()
        self.rig.attended(port)
        return srp.LoginRsp(answer.payload)


def cdb10(opcode: int, lba: int, blocks: int) -> bytes:
    return bytes((opcode, 0, *lba.to_bytes(4, "big"), 0, *blocks.to_bytes(2, "big"), 0))


def write(initiator: SocketInitiator, lba: int, data: bytes, cuts: int = 1, lun: Lun = FIRST) -> Result:
    return initiator.run(lun, cdb10(0x2A, lba, len(data) // 512), data=data, cuts=cuts)


def read(initiator: SocketInitiator, lba: int, blocks: int, cuts: int = 1, lun: Lun = FIRST) -> Result:
    return initiator.run(lun, cdb10(0x28, lba, blocks), room=blocks * 512, cuts=cuts)


def reading(initiator: SocketInitiator, lba: int, blocks: int, lun: Lun = FIRST, **more: Any) -> Any:
    """A READ that has been sent, and its memory."""
    region = initiator.memory.register(blocks * 512)
    region.view[:] = b"\xee" * (blocks * 512)
    command = Command(lun, cdb10(0x28, lba, blocks), (), cut(region, blocks * 512, 1), **more)
    initiator.submit(command)
    return command, region


def manage(initiator: SocketInitiator, function: TskMgmtFunc, lun: Lun = FIRST, task: Any = None) -> Any:
    request = TaskManagement(function, lun, task)
    initiator.submit(request)
    return request


def sense(result: Any) -> str:
    assert result.status == 2, result
    return f"{result.sense[2] & 15:02x}/{result.sense[12]:02x}/{result.sense[13]:02x}"
