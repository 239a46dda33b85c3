"""Sequences for the target's engine; each is a function that does things to a machine (corpus_target_machine)."""

from __future__ import annotations

import errno
import struct
import warnings
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from corpus_alone import alone
from corpus_ends import ended, moved
from corpus_target_machine import (
    ABSENT,
    ACA,
    AREA,
    DISK,
    FUNCTIONS,
    HAND,
    HEAD_OF_QUEUE,
    LARGE,
    LUN_RESET,
    MIB,
    ORDERED,
    SIMPLE,
    SLOT,
    Machine,
)
from pysrp import crq, mad, srp
from pysrp.backends import Ram
from pysrp.errors import ConfigError
from pysrp.lun import scst_pack
from pysrp.scsi import cdb as cdbs
from pysrp.target.disk import Disk
from pysrp.target.effects import GOOD, Begin, End, Fetch, Move, Read, Reply, Work, Write, check
from pysrp.target.fault import Fault
from pysrp.target.units.commands import command
from pysrp.target.units.identity import UnitIdentity as UnitIdentity
from pysrp.target.units.jobs import Job

# The CDBs.

KNOWN = (
    0x00, 0x03, 0x08, 0x0A, 0x12, 0x15, 0x16, 0x17, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x2A, 0x2E, 0x2F, 0x34, 0x35, 0x41,
    0x55, 0x56, 0x57, 0x5A, 0x88, 0x8A, 0x8E, 0x8F, 0x90, 0x91, 0x93, 0x9E, 0xA0, 0xA3, 0xA8, 0xAA, 0xAE, 0xAF,
)  # fmt: skip
"""Operation codes that :func:`plausible` knows the CDBs of."""
MODE_PAGES = 0x3F, 0x08, 0x0A, 0x01, 0x1C, 0x02, 0x00, 0x33
VPD_PAGES = 0x00, 0x80, 0x83, 0x86, 0xB0, 0xB1, 0xB2, 0x84, 0xFF


def plausible(opcode: int, rng: Random) -> tuple[bytes, int, bytes | None]:
    """A CDB of that opcode as somebody might send it, room for data-in in bytes, data-out."""
    lba, blocks = rng.choice((0, 1, 8, 100, 2046, 2047, 2048, 1 << 31)), rng.choice((0, 1, 2, 8, 9))
    length = rng.choice((0, 1, 4, 8, 36, 96, 252, 255))
    payload = rng.randbytes(512 * blocks) if rng.randrange(4) else rng.randbytes(rng.randrange(2048))
    flags = rng.choice((0, 0, 0, 0x08, 0x10, 0x20, 0x02, 0x04, 0xE0))
    if opcode in (0x08, 0x0A):
        raw = struct.pack(">BBHBB", opcode, lba >> 16 & 0x1F, lba & 0xFFFF, blocks, 0)
        return raw, 512 * blocks if opcode == 0x08 else 0, payload if opcode == 0x0A else None
    if opcode in (0x28, 0x2A, 0x2E, 0x2F, 0x35, 0x34, 0x41):
        raw = struct.pack(">BBIBHB", opcode, flags, lba, 0, blocks, 0)
    elif opcode in (0x88, 0x8A, 0x8E, 0x8F, 0x91, 0x90, 0x93):
        raw = struct.pack(">BBQIBB", opcode, flags, lba, blocks, 0, 0)
    elif opcode in (0xA8, 0xAA, 0xAE, 0xAF):
        raw = struct.pack(">BBIIBB", opcode, flags, lba, blocks, 0, 0)
    elif opcode == 0x12:
        raw = struct.pack(">BBBHB", opcode, rng.randrange(2), rng.choice(VPD_PAGES), length, 0)
        return raw, AREA // 16, None
    elif opcode in (0x1A, 0x5A):
        page = rng.choice(MODE_PAGES) | rng.randrange(4) << 6
        sub = rng.choice((0, 0, 0, 0xFF, 1))
        dbd = rng.choice((0, 8, 0x10))
        if opcode == 0x1A:
            return struct.pack(">BBBBBB", opcode, dbd, page, sub, length, 0), 256, None
        return struct.pack(">BBBB3xHB", opcode, dbd, page, sub, length, 0), 256, None
    elif opcode in (0x15, 0x55):
        caching = bytes((8, 18, rng.choice((0, 4, 0xFF)))) + bytes(17)
        data = rng.choice((bytes(4), bytes(8), b"")) + rng.choice(
            (caching, rng.randbytes(12), b"", caching * 2)
        )
        form, size = rng.choice((0x10, 0x11, 0)), rng.choice((len(data), len(data) // 2, 0))
        if opcode == 0x15:
            return struct.pack(">BBxxBB", opcode, form, size, 0), 0, data or None
        return struct.pack(">BB5xHB", opcode, form, size, 0), 0, data or None
    elif opcode == 0x9E:
        return struct.pack(">BBQIBB", opcode, rng.choice((0x10, 0x12, 0)), lba & 1, length, 0, 0), 64, None
    elif opcode == 0xA0:
        return struct.pack(">BxBxxxIBB", opcode, rng.choice((0, 1, 2, 0x11)), length, 0, 0), 256, None
    elif opcode == 0xA3:
        action = rng.choice((0x0C, 0x0C, 0x0C, 0x0D, 5))
        wanted = rng.choice((0x00, 0x28, 0x9E, 0xA3, 0x7F, 0xC0)), rng.choice((0, 0x10, 0x0C))
        raw = struct.pack(
            ">BBBBHIBB", opcode, action, rng.randrange(8), *wanted, rng.choice((4, 64, 4096)), 0, 0
        )
        return raw, 4096, None
    elif opcode == 0x1B:
        return struct.pack(">BBxBBB", opcode, flags & 1, flags & 15, rng.randrange(16), 0), 0, None
    elif opcode in (0x16, 0x17, 0x56, 0x57):
        return (
            bytes((opcode, rng.choice((0, 1, 0x10, 0x12)))).ljust(6 if opcode < 0x20 else 10, b"\0"),
            0,
            None,
        )
    else:
        raw = bytes((opcode,)) + (rng.randbytes(15) if rng.randrange(3) else bytes((0, 0, 0, length)))
        return raw, rng.choice((0, 64, 4096)), rng.choice((None, payload))
    inward = opcode in (0x28, 0x88, 0xA8)
    outward = opcode in (0x2A, 0x2E, 0x8A, 0x8E, 0xAA, 0xAE, 0x41, 0x93) or flags & 2
    room = rng.choice((512 * blocks, 512 * blocks, 512, 700, 4096)) if inward else 0
    return raw, room, payload if outward else None


# The sequences.


def opcodes(m: Machine, rng: Random, number: int) -> None:
    """Every operation code, as one would send it and otherwise, at every kind of LUN."""
    m.ready(os_type=rng.choice((1, 2, 2)), settled=number % 3 != 0)
    opcode = number if number < 256 else KNOWN[number % len(KNOWN)]
    for turn in range(7):
        raw, room, out = plausible(opcode, rng)
        if turn > 4:
            raw = bytes((opcode,)) + rng.randbytes(15)
        lun = rng.choice((DISK, DISK, HAND, LARGE, ABSENT, 0))
        m.cmd(
            0, lun, raw, room=room, out=out, pieces=rng.choice((1, 1, 2, 5)), sol_not=rng.choice((0, 1, 2, 3))
        )
        m.finish()
        m.cmd(0, lun, struct.pack(">BxxxBx", 3, 96), room=96)
    m.read(0, DISK, 0, 8)


def attributes(m: Machine, rng: Random, number: int) -> None:
    """SIMPLE, ORDERED, HEAD OF QUEUE, ACA and unassigned ones, on a disk that takes its time."""
    m.ready()
    for _ in range(9):
        attribute = rng.choice((SIMPLE, SIMPLE, ORDERED, HEAD_OF_QUEUE, ACA, 3, 7))
        do = rng.choice((m.read, m.write))
        do(
            rng.randrange(2),
            rng.choice((HAND, HAND, DISK)),
            rng.randrange(64),
            rng.choice((1, 4)),
            task_attr=attribute,
        )
        if rng.randrange(3) == 0:
            m.begin()
        if rng.randrange(4) == 0:
            m.end()
    m.finish()


def managed(m: Machine, rng: Random, number: int) -> None:
    """A task management function at every step of commands that are under way, from either nexus."""
    m.ready(os_type=1 + number % 2)
    function = FUNCTIONS[number % len(FUNCTIONS)]
    step = number // len(FUNCTIONS) % 10
    tags = []
    for turn in range(10):
        if turn == step:
            who = rng.choice((0, 0, 1))
            m.manage(
                who,
                rng.choice((HAND, HAND, HAND, DISK, ABSENT)),
                function,
                rng.choice([*tags, 77]) if tags else 0,
                sol_not=rng.randrange(4),
            )
            if rng.randrange(3) == 0:
                m.manage(1 - who, HAND, rng.choice(FUNCTIONS), rng.choice([*tags, 77]) if tags else 0)
        blocks = rng.choice((1, 8, 32))
        action = rng.randrange(7)
        if action < 3:
            tags.append(
                m.read(rng.randrange(2), HAND, rng.randrange(64), blocks, task_attr=rng.choice((0, 0, 2)))
            )
        elif action < 5:
            tags.append(
                m.write(rng.randrange(2), HAND, rng.randrange(64), blocks, task_attr=rng.choice((0, 0, 1)))
            )
        elif action == 5:
            m.begin()
        else:
            m.end()
    m.memory("before the rest")
    m.finish()
    m.read(0, HAND, 0, 32)
    m.read(1, HAND, 32, 32)
    m.finish()


def failing(m: Machine, rng: Random, number: int) -> None:
    """A medium that fails in every way that an operating system has a number for."""
    m.ready(os_type=1 + number % 2)
    if number % 3 == 0:
        m.iu(0, bytes(mad.EnableFastFail.build(tag=m.tag(0))), crq.Format.MAD)
    for _ in range(6):
        m.medium.errors.extend(rng.choice((0, 5, 28, 30, 123, 13, 84, 110, 22, 9999)) for _ in range(3))
        rng.choice((m.read, m.write))(0, HAND, rng.randrange(2040), rng.choice((1, 8, 32)))
        nowhere = (1 << 40, 4096)
        m.read(0, HAND, 0, 8, room=0, data_in=nowhere)
        m.write(0, HAND, 0, 8, out=None, data_out=nowhere)
        m.cmd(0, HAND, struct.pack(">BxIxHx", rng.choice((0x35, 0x2F)), 0, 4))
        m.cmd(0, HAND, bytes((rng.choice((0x08, 0x0A)), 0, 0, 1, 1, 0)), room=512, out=bytes(512))
        m.finish()
    m.medium.errors.clear()


def malformed(m: Machine, rng: Random, number: int) -> None:
    """IUs, datagrams and elements with something wrong in them."""
    m.ready(settled=number % 2 == 0)
    for _ in range(6):
        kind = rng.randrange(9)
        tag = m.tag(0)
        there, here = m.place(0, tag, out=rng.randbytes(64))
        if kind < 4:
            fields: dict[str, Any] = {
                "lun": bytes(scst_pack(DISK, "LUN")),
                "cdb": plausible(0x28, rng)[0].ljust(16, b"\0"),
            }
            if rng.randrange(2):
                fields["data_in"] = rng.choice(((here, 4096), (there, 1 << 31), (1 << 60, 512), (here, 0)))
            raw = bytearray(bytes(srp.Cmd.build(tag=tag, **fields)))
            for _ in range(rng.randrange(1, 4)):
                raw[rng.choice((1, 4, 5, 6, 7, 20, 21, 29, 31, rng.randrange(len(raw))))] = rng.choice(
                    (0, 1, 2, 3, 4, 0x10, 0x12, 0x20, 0x22, 0x33, 0x7F, 0x80, 0xFF)
                )
            raw[8:16] = tag.to_bytes(8, "big")
            m.iu(0, bytes(raw), length=rng.choice((len(raw), len(raw), 256, 47, 48, 16, 15, 257, 0)))
        elif kind == 4:
            raw = bytearray(
                bytes(srp.TskMgmt.build(tag=tag, lun=bytes(scst_pack(HAND, "LUN")), tsk_mgmt_func=1))
            )
            raw[rng.choice((1, 20, 30, rng.randrange(8)))] = rng.randrange(256)
            m.iu(0, bytes(raw), length=rng.choice((len(raw), 47, 16, 31)))
        elif kind == 5:
            m.iu(
                0,
                bytes((rng.choice((0, 1, 3, 5, 0x41, 0x80, 0xC0, 0xC1, 0xC2, 0xFF)),))
                + bytes(7)
                + tag.to_bytes(8, "big")
                + rng.randbytes(48),
            )
        elif kind == 6:
            raw = rng.randbytes(16)
            m.element(
                0,
                bytes(
                    (rng.choice((0x80, 0x81, 0xC0, 0xFF, 0xFF, 0x7F)), rng.choice((0, 1, 2, 3, 6, 9, 0xFF)))
                )
                + raw[2:],
            )
        elif kind == 7:
            raw = bytearray(bytes(mad.AdapterInfo.build(tag=tag, buffer=there, length=148)))
            raw[rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 23))] = rng.choice((0, 1, 5, 6, 0x20, 0xFF))
            m.iu(0, bytes(raw), crq.Format.MAD, length=rng.choice((24, 256, 16, 23, 15)))
        else:
            table = rng.choice((there, here, 1 << 50))
            raw = srp.Cmd.build(
                tag=tag,
                lun=bytes(scst_pack(DISK, "LUN")),
                cdb=struct.pack(">BxIxHx6x", 0x28, 0, 8),
                data_in=[(here, 512), (here + 1024, 512)],
            )
            edit = bytearray(bytes(raw))
            struct.pack_into(
                ">QIII",
                edit,
                48,
                table,
                0,
                rng.choice((32, 48, 64, 16, 7, 1 << 20, 0)),
                rng.choice((1024, 64, 1 << 30)),
            )
            m.iu(0, bytes(edit))
        if rng.randrange(4) == 0:
            m.read(0, DISK, 0, 1)
    m.connect(0)
    m.login(0)
    m.read(0, DISK, 0, 1)


def datagrams(m: Machine, rng: Random, number: int) -> None:
    """The datagrams in every order, from every kind of client, and a second login."""
    for target in m.targets:
        target.enable()
    os_type = rng.choice((1, 2, 3, 4, 0, 77))
    m.connect(0, os_type, identify=rng.randrange(4) != 0)
    for _ in range(7):
        tag = m.tag(0)
        there, _ = m.place(0, tag, out=rng.randbytes(148))
        kind = rng.randrange(9)
        if kind == 0:
            data = mad.CapabilitiesData.build(
                flags=rng.choice((0, 1, 2, 4)),
                name="host0",
                loc="here",
                records=[
                    mad.MigrationCap.build(server_support=1, ecl=1),
                    mad.ReserveCap.build(server_support=1, type=1),
                ],
            )
            there, _ = m.place(0, tag, out=bytes(data))
            length = rng.choice((len(bytes(data)), len(bytes(data)) - 3, 8, 4096))
            m.iu(0, bytes(mad.Capabilities.build(tag=tag, buffer=there, length=length)), crq.Format.MAD)
        elif kind == 1:
            m.iu(0, bytes(mad.EnableFastFail.build(tag=tag)), crq.Format.MAD)
        elif kind == 2:
            length = rng.choice((0, 10, 148, 4096, 65535))
            m.iu(0, bytes(mad.ErrorLog.build(tag=tag, buffer=there, length=length)), crq.Format.MAD)
        elif kind == 3:
            iu = mad.EmptyIu.build(tag=tag, buffer=rng.choice((there, 1 << 55)), port=0)
            m.iu(0, bytes(iu), rng.choice((crq.Format.MAD, crq.Format.AIX)))
        elif kind == 4:
            m.info(0, os_type=rng.choice((2, 3)), partition_name="another", partition_number=9)
        elif kind == 5:
            m.login(
                0,
                initiator_port_id=bytes(15) + bytes((rng.randrange(2),)),
                req_flags=rng.choice((0, 0, 1, 2)),
            )
        elif kind == 6:
            m.iu(0, bytes(srp.ILogout.build(tag=tag)))
        elif kind == 7:
            m.read(0, rng.choice((DISK, HAND)), 0, 4)
        else:
            m.element(0, bytes(crq.Element.ping(rng.choice((crq.PingCode.PING, crq.PingCode.PING_RESPONSE)))))
    m.finish()


def logins(m: Machine, rng: Random, number: int) -> None:
    """Logins with everything that can be asked for, and what a client without one may do."""
    for target in m.targets:
        target.enable()
    m.connect(0, rng.choice((1, 2, 3)))
    for _ in range(4):
        m.login(
            0,
            req_it_iu_len=rng.choice((256, 64, 63, 257, 0, 1 << 31)),
            req_buf_fmt=rng.choice((6, 2, 4, 0, 1, 8, 0xFF)),
            req_flags=rng.choice((0, 0, 0, 1, 3)),
            initiator_port_id=bytes(14) + bytes((number % 256, rng.randrange(2))),
            target_port_id=rng.choice((bytes(16), bytes(16), bytes(15) + b"\1")),
        )
        m.read(0, HAND, 0, 4)
        m.cmd(0, 0, struct.pack(">BxBxxxIxx", 0xA0, 0, 256), room=256)
    m.order(0, rng.choice(("disable", "remove")))
    m.finish()
    m.order(0, "enable")
    m.connect(0)
    m.login(0)


def states(m: Machine, rng: Random, number: int) -> None:
    """What can happen to a connection, in every state of it."""
    if rng.randrange(5):
        m.targets[0].enable()
    for _ in range(14):
        port = m.clients[0].port
        kind = rng.randrange(13)
        if kind == 0:
            m.element(0, bytes(crq.Element.init()))
        elif kind == 1:
            m.element(0, bytes(crq.Element.init_complete()))
        elif kind < 4:
            if not port.is_open:
                port.register()
                m.did("A H_REG_CRQ")
            m.element(0, bytes(crq.Element.init()))
            m.login(0)
        elif kind == 4:
            port.free()
            m.did("A H_FREE_CRQ")
        elif kind == 5:
            port.post_event(rng.choice((1, 2, 6, 6, 9, 0xA, 0x55)))
            m.did("a transport event")
        elif kind == 6:
            m.order(0, rng.choice(("enable", "disable", "disable")))
        elif kind == 7:
            m.read(0, HAND, 0, 8)
        elif kind == 8:
            m.read(0, DISK, 0, 8)
        elif kind == 9:
            m.time(rng.choice((0.0005, 0.02, 2)))
        elif kind == 10:
            call = rng.choice(("H_FREE_CRQ", "H_REG_CRQ", "H_ENABLE_CRQ", "H_SEND_CRQ"))
            m.targets[0].port.inject(call, rng.choice((1, 9900, 9901, -1, -4, 14)), rng.randrange(1, 3))  # type: ignore[attr-defined]
            m.did(f"{call} will fail")
        elif kind == 11:
            rng.choice((m.begin, m.end))()
        else:
            m.iu(0, bytes(srp.ILogout.build(tag=m.tag(0))))
    if rng.randrange(3) == 0:
        m.order(0, "remove")
    m.time(20)
    m.finish()


def shared(m: Machine, rng: Random, number: int) -> None:
    """Two nexuses on one unit: reservations, attentions, modes, stops, and an administrator who moves disks."""
    m.ready(settled=rng.randrange(2) == 0)
    for _ in range(12):
        who, lun = rng.randrange(2), rng.choice((DISK, DISK, HAND, LARGE))
        kind = rng.randrange(13)
        if kind < 2:
            m.cmd(who, lun, bytes((rng.choice((0x16, 0x17)), 0, 0, 0, 0, 0)))
        elif kind == 2:
            m.cmd(who, lun, bytes((0x1B, 0, 0, 0, rng.choice((0, 1)), 0)))
        elif kind == 3:
            raw, _, out = plausible(0x15, rng)
            m.cmd(who, lun, raw, out=out)
        elif kind == 4:
            m.cmd(who, lun, bytes((0x1E, 0, 0, 0, rng.choice((0, 1)), 0)))
        elif kind == 5:
            m.admin("replace", lun, rng.choice(m.units))
        elif kind == 6:
            m.admin("remove", lun)
        elif kind == 7:
            m.admin("add", lun, rng.choice(m.units))
        elif kind == 8:
            m.manage(who, lun, LUN_RESET)
        elif kind == 9:
            m.units[0].resized()
            m.did("resized")
        elif kind == 10:
            m.clients[who].port.free()
            m.did("a client goes")
            m.connect(who)
            m.login(who)
        else:
            m.cmd(who, lun, bytes((0x12, 0, 0, 0, 96, 0)), room=96)
        m.read(who, lun, rng.randrange(8), 1)
        m.cmd(1 - who, lun, bytes(6))
        m.finish()


def transfers(m: Machine, rng: Random, number: int) -> None:
    """Lengths that do not fit: the CDB's, the descriptors', the session's memory, and reads of all kinds at once."""
    m.ready(os_type=1 + number % 2)
    for _ in range(10):
        do = rng.choice((m.read, m.write))
        lun = rng.choice((DISK, HAND, LARGE))
        fields: dict[str, Any] = {"pieces": rng.choice((1, 1, 3, 8, 11))}
        blocks = rng.choice((1, 2, 4))
        if rng.randrange(2):
            length = rng.choice((0, 1, 511, 700, 1024, 8192))
            fields["room" if do == m.read else "out"] = length if do == m.read else rng.randbytes(length)
        do(rng.randrange(2), lun, rng.choice((0, 3, 500, 2047)), blocks, **fields)
        if rng.randrange(3) == 0:
            m.finish()
    m.finish()


def crowds(m: Machine, rng: Random, number: int) -> None:
    """As many commands as the credits allow, and one more; answers that find no room."""
    m.ready()
    full = number % 3
    if full == 0:
        m.targets[0].port.inject("H_SEND_CRQ", -5 if number % 2 else 0, 3)  # type: ignore[attr-defined]
    for count in range(rng.choice((20, 24, 40))):
        m.read(0, HAND if count % 5 else DISK, count, 1)
    for _ in range(6):
        m.time(0.002)
        m.end()
        m.begin()
    m.finish()
    m.time(5)
    m.read(0, DISK, 0, 1)


def hostile(m: Machine, rng: Random, number: int) -> None:
    """IUs where none can be fetched or answered, a parked buffer, a client that takes nothing, one that goes."""
    m.ready(settled=False)
    client = m.clients[0]
    fixed = client.port.allocate(4096, 1)
    view = memoryview(fixed).cast("B")
    raws = (
        bytes(srp.Cmd.build(tag=5, lun=bytes(scst_pack(DISK, "LUN")), cdb=bytes(16))),
        bytes(srp.LoginReq.build(tag=6, req_it_iu_len=256, req_buf_fmt=6)),
        bytes(mad.EnableFastFail.build(tag=7)),
        bytes(srp.TskMgmt.build(tag=8, lun=bytes(scst_pack(HAND, "LUN")), tsk_mgmt_func=LUN_RESET)),
    )
    for at, raw in enumerate(raws):
        view[at * SLOT : at * SLOT + len(raw)] = raw
    view.release()
    for _ in range(5):
        kind = (number + rng.randrange(2) * 3) % 8
        if kind == 0:
            m.iu_at(0, client.base + 64 * MIB, rng.choice((48, 256)))
        elif kind < 3:
            which = rng.randrange(4)
            form = crq.Format.MAD if which == 2 else crq.Format.SRP
            m.iu_at(0, fixed.address + which * SLOT, len(raws[which]), form)
            m.read(0, DISK, 0, 1)
        elif kind == 3:
            tag = m.tag(0)
            there, _ = m.place(0, tag)
            buffer = rng.choice((there, there, fixed.address, 1 << 55))
            m.iu(0, bytes(mad.EmptyIu.build(tag=tag, buffer=buffer, port=0)), crq.Format.MAD)
            m.iu(
                0,
                bytes((rng.choice((0x80, 0xC1, 0x33)),)) + bytes(7) + m.tag(0).to_bytes(8, "big") + bytes(48),
            )
        elif kind == 4:
            m.listening = False
            for _ in range(300):
                client.port.send(bytes(crq.Element.ping(crq.PingCode.PING)))
                for target in m.targets:
                    target.process(m.now)
            m.read(0, DISK, 0, 1)
            m.read(0, HAND, 0, 1)
            m.finish()
            m.time(rng.choice((0.0005, 0.01)))
            m.listening = True
            m.time(rng.choice((0.001, 5)))
        elif kind == 5:
            m.read(0, HAND, 0, 8)
            m.begin()
            client.port.post_event(9)
            m.did("suspend")
            m.read(0, DISK, 0, 1)
            m.end()
            client.port.post_event(10)
            m.did("resume")
        elif kind == 6:
            m.read(0, HAND, 0, 8)
            tag = m.tag(0)
            client.port.send(
                struct.pack(">BBHHHQ", 0x80, 1, 0, 0, rng.choice((3, 48)), client.base + 64 * MIB)
            )
            client.port.free()
            m.did("sends nonsense and goes")
        else:
            m.read(0, HAND, 0, 8)
            m.targets[0].port.inject("H_SEND_CRQ", rng.choice((2, -1, -9, 0)), 1)  # type: ignore[attr-defined]
            m.finish()
        m.connect(0)
        m.login(0)
        m.read(0, DISK, 0, 1)
    fixed.free()


def cramped(m: Machine, rng: Random, number: int) -> None:
    """A server without the memory that a session needs."""
    m.ready(settled=False)
    m.read(0, DISK, 0, 1)


class Refusing(Disk):
    """A unit that takes no initiator."""

    def attach(self, nexus: Any) -> None:
        raise ConfigError("as the sequence has it")


def administered(m: Machine, rng: Random, number: int) -> None:
    """What an administrator may do to a map that clients use; twins, names, methods, and waiting until nobody does."""
    m.ready(settled=number % 2 == 0)
    twin = Disk(Ram(MIB), identity=UnitIdentity.named("corpus0"))
    nameless, refusing = Disk(Ram(MIB)), Refusing(Ram(MIB))
    for unit in (twin, nameless, refusing):
        unit.backend.write_from(0, memoryview(bytes(range(256)) * 4))
    for _ in range(10):
        who, lun = rng.randrange(2), rng.choice((DISK, HAND, 0, 5, 128))
        kind = rng.randrange(8)
        if kind < 3:
            m.admin("add", rng.choice((lun, lun, lun, 1 << 14)), (twin, nameless, refusing)[kind])
        elif kind == 3:
            m.admin("withdraw", rng.choice((*m.units, twin, nameless)))
        elif kind == 4:
            m.admin("served", rng.choice(("one", "another")))
        elif kind == 5:
            m.admin("__setattr__", "method", rng.choice(("PERIPHERAL", "flat", "LUN", 0)))
        else:
            m.read(who, lun, 0, 1)
            m.idle(who, rng.choice(m.units))
        m.cmd(
            who, 0, struct.pack(">BxBxxxIBB", 0xA0, rng.choice((0, 2)), rng.choice((16, 256)), 0, 0), room=256
        )
        m.cmd(who, lun, struct.pack(">BBBHB", 0x12, 1, 0x83, 252, 0), room=252)
        m.finish()


class Stepping(Disk):
    """A unit whose handlers are generators, some of them with bugs."""

    @command(cdbs.Read10, medium=True)
    def read_10(self, task: Any, cdb: Any) -> Any:
        yield Move(self.backend, cdb.lba * 512, cdb.transfer_length * 512, 512)

    @command(cdbs.Read6, medium=True)
    def read_6(self, task: Any, cdb: Any) -> Any:
        try:
            data = yield Read(self.backend, 0, 512)
        except OSError as error:
            return End(8) if error.errno == errno.ENOSPC else Reply(b"caught")
        return Reply(data, 100)

    @command(cdbs.Write10, medium=True)
    def write_10(self, task: Any, cdb: Any) -> Any:
        data = yield Fetch(cdb.transfer_length * 512)
        yield Write(self.backend, cdb.lba * 512, data, flush=True)
        return Move(self.backend, cdb.lba * 512, len(data), write=True)

    @command(cdbs.Write6, medium=True)
    def write_6(self, task: Any, cdb: Any) -> Any:
        try:
            yield Move(self.backend, cdb.lba * 512, 512, 512, write=True)
        finally:
            raise ValueError("a bug, also where it is closed")

    @command(cdbs.CompareAndWrite, medium=True)
    def compare_and_write(self, task: Any, cdb: Any) -> Any:
        data = yield Fetch(1024)
        found = yield Read(self.backend, cdb.lba * 512, 512)
        if found != data[:512]:
            raise Fault(0xE, 0x1D00)
        yield Write(self.backend, cdb.lba * 512, data[512:])

    @command(cdbs.SynchronizeCache10)
    def synchronize_cache_10(self, task: Any, cdb: Any) -> Any:
        return Work(self.backend, self.backend.flush)

    @command(cdbs.StartStopUnit)
    def start_stop_unit(self, task: Any, cdb: Any) -> Any:
        yield GOOD

    @command(cdbs.Verify10)
    def verify_10(self, task: Any, cdb: Any) -> Any:
        return Fetch(1)


class Old(Disk):
    """A unit of version 0.1, whose handlers end their tasks themselves."""

    @command(cdbs.Read10, medium=True)
    def read_10(self, task: Any, cdb: Any) -> None:
        task.read(self.backend, cdb.lba * 512, cdb.transfer_length * 512, block=512)

    @command(cdbs.Read6, medium=True)
    def read_6(self, task: Any, cdb: Any) -> None:
        task.reply(b"old", 2)

    @command(cdbs.Write10, medium=True)
    def write_10(self, task: Any, cdb: Any) -> None:
        task.write(self.backend, cdb.lba * 512, cdb.transfer_length * 512, flush=True, block=512)

    @command(cdbs.CompareAndWrite, medium=True)
    def compare_and_write(self, task: Any, cdb: Any) -> None:
        self.seen = bytes(task.fetch(1024))
        task.run(self.backend, self.backend.flush, then=task.good)

    @command(cdbs.SynchronizeCache10)
    def synchronize_cache_10(self, task: Any, cdb: Any) -> None:
        task.run(self.backend, self.backend.flush)

    @command(cdbs.Verify10)
    def verify_10(self, task: Any, cdb: Any) -> None:
        task.check(check(bytes.fromhex("700002000000000a")).sense)

    @command(cdbs.StartStopUnit)
    def start_stop_unit(self, task: Any, cdb: Any) -> None:
        task.good()
        task.end(8)


def written(m: Machine, rng: Random, number: int) -> None:
    """Units that somebody else wrote: every step of a handler that is a generator, and the methods of version 0.1."""
    m.ready(os_type=1 + number % 2)
    unit = (Stepping, Old)[number // 2 % 2](m.medium, identity=UnitIdentity.named("corpus3"))
    m.admin("add", 6, unit)
    for _ in range(3):
        m.cmd(0, 6, bytes(6))
    tags = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for _ in range(12):
            m.medium.errors.extend(rng.choice((0, 0, 5, 28)) for _ in range(rng.randrange(3)))
            opcode = rng.choice((0x08, 0x0A, 0x28, 0x28, 0x2A, 0x2A, 0x89, 0x35, 0x1B, 0x2F))
            raw = struct.pack(">BxIxHx", opcode, rng.randrange(8), rng.choice((1, 4)))
            if opcode == 0x89:
                raw = struct.pack(">BxQ3xBxx", opcode, 2000 + rng.randrange(2), 1)
            out = bytes(512) + rng.choice((bytes(512), rng.randbytes(512)))
            given: dict[str, Any] = {"room": 2048, "out": out if opcode in (0x0A, 0x2A, 0x89) else None}
            if rng.randrange(5) == 0:
                given.update(room=0, out=None, data_in=(1 << 40, 2048), data_out=(1 << 40, 1024))
            tags.append(m.cmd(0, 6, raw, **given))
            kind = rng.randrange(6)
            if kind == 0:
                m.manage(0, 6, rng.choice((1, 2, 8)), rng.choice(tags))
            elif kind < 4:
                m.begin()
                m.end()
        m.finish()
    m.medium.errors.clear()


class Formatting(Disk):
    """FORMAT UNIT, with IMMED in a vendor specific bit; what goes on is in three steps."""

    @command(cdbs.FormatUnit, medium=True)
    def format_unit(self, task: Any, cdb: Any) -> Any:
        job = Job(self.backend, self.parts(), 0x0404, lasting=bool(cdb.vendor_specific & 2))
        if cdb.vendor_specific & 1:
            return Begin(job)
        try:
            yield Begin(job)
        finally:
            job.stop()

    @command(cdbs.Read12)
    def read_12(self, task: Any, cdb: Any) -> Any:
        task.end(8)
        return Move(self.backend, 0, 512, 512)  # a bug

    @command(cdbs.Write12)
    def write_12(self, task: Any, cdb: Any) -> Any:
        task.end(8)
        yield Read(self.backend, 0, 512)  # another

    def parts(self) -> Any:
        for number in range(3):
            self.backend.write_from(512 * number, memoryview(bytes(512)))
            yield (number + 1) / 3


def formatted(m: Machine, rng: Random, number: int) -> None:
    """What goes on after the status, or before it: what is refused meanwhile, and what ends it."""
    m.ready(os_type=1 + number % 2)
    m.admin("add", 6, Formatting(m.medium, identity=UnitIdentity.named("corpus4")))
    for who in 0, 1:
        for _ in range(2):
            m.cmd(who, 6, bytes(6))
    tags = [0]
    for _ in range(16):
        kind, who = rng.randrange(9), rng.randrange(2)
        if kind < 2:
            m.medium.errors.extend(rng.choice((0, 0, 5, 28)) for _ in range(rng.randrange(3)))
            tags.append(m.cmd(0, 6, bytes([4, 0, rng.randrange(4), 0, 0, 0])))
        elif kind == 2:
            m.cmd(who, 6, bytes([3, who, 0, 0, 252, 0]), room=252)
        elif kind == 3:
            m.cmd(who, 6, rng.choice((bytes(6), b"\x12\0\0\0\x24\0", b"\xa0" + bytes(8) + b"\x10")), room=256)
        elif kind == 4:
            m.read(who, 6, 0, 1)
        elif kind == 8:
            m.cmd(who, 6, bytes([rng.choice((0xA8, 0xAA)), *bytes(11)]), room=512)
        elif kind == 5:
            m.manage(rng.choice((0, 0, who)), 6, rng.choice((1, 2, 8)), rng.choice(tags))
        else:
            m.begin()
            m.end()
    m.finish()
    m.medium.errors.clear()
    for who in 0, 1:
        for _ in range(2):
            m.cmd(who, 6, bytes(6))


def asked(m: Machine, rng: Random, number: int) -> None:
    """What an administrator may ask of a map."""
    m.ready()
    for lun in DISK, HAND, 99:
        known = m.luns[lun].read_only if lun in m.luns else m.luns.get(lun)
        m.lines.append(f"? {lun}: {known}, of {len(m.luns)} in method {m.luns.method}")
    m.lines.append(f"? {len(m.luns.nexuses())} initiators")


def reserved(m: Machine, rng: Random, number: int) -> None:
    """Persistent reservations of two nexuses, which preempt each other while commands are under way."""
    m.ready()
    keys = [0, 0]
    for _ in range(16):
        who, lun = rng.randrange(2), rng.choice((DISK, HAND, HAND))
        m.read(1 - who, HAND, rng.randrange(8), 1)
        key, new = rng.choice((keys[who], keys[who], rng.randrange(3))), rng.randrange(3)
        action = rng.choice((0, 0, 1, 1, 2, 3, 4, 5, 5, 5, 6, 6))
        if action == 6:
            keys[who] = new
        data = struct.pack(">QQ4xB3x", key, new, 0)
        kind = rng.choice((1, 3, 5, 6, 7, 8))
        m.cmd(who, lun, struct.pack(">BBBxxIx", 0x5F, action, kind, len(data)), out=data)
        m.cmd(1 - who, lun, struct.pack(">BB5xHx", 0x5E, rng.randrange(4), 256), room=256)
        m.read(who, DISK, rng.randrange(8), 1)
        if rng.randrange(2):
            rng.choice((m.begin, m.end, m.finish))()
    m.finish()
    for who in 0, 1:
        m.cmd(who, HAND, bytes(6))


FAMILIES: list[tuple[Callable[[Machine, Random, int], None], int, dict[str, Any]]] = [
    (opcodes, 256 + 8 * len(KNOWN), {}),
    (attributes, 100, {}),
    (managed, 300, {}),
    (failing, 60, {}),
    (failing, 30, {"hands": False}),
    (failing, 30, {"share": False}),
    (malformed, 200, {}),
    (datagrams, 100, {}),
    (logins, 60, {}),
    (logins, 40, {"relogin": False, "require_login": False, "os_type": 3}),
    (logins, 40, {"reject_disabled": True, "report_per_target": True}),
    (states, 150, {}),
    (states, 50, {"reject_disabled": True}),
    (states, 50, {"require_login": False}),
    (shared, 150, {}),
    (transfers, 100, {}),
    (transfers, 50, {"hands": False}),
    (hostile, 64, {}),
    (cramped, 2, {"server_window": 2 * MIB}),
    (cramped, 2, {"server_window": 2 * MIB, "require_login": False}),
    (transfers, 40, {"share": False}),
    (managed, 50, {"share": False}),
    (opcodes, 46, {"share": False}),
    (crowds, 36, {"request_limit": 22}),
    (administered, 60, {}),
    (written, 80, {}),
    (written, 20, {"hands": False}),
    (formatted, 80, {}),
    (formatted, 20, {"hands": False}),
    (asked, 2, {}),
    (reserved, 80, {}),
    (managed, 100, {"late": True}),
    (failing, 30, {"late": True}),
    (attributes, 20, {"late": True}),
    (transfers, 30, {"late": True, "share": False}),
    (managed, 60, {"late": True, "slow": True, "share": False}),
    (failing, 20, {"late": True, "slow": True, "share": False}),
    (opcodes, 60, {"slow": True, "share": False}),
    (reserved, 20, {"late": True}),
    (managed, 120, {"native": True}),
    (attributes, 30, {"native": True}),
    (reserved, 30, {"native": True}),
    (alone, 60, {}),
    (alone, 20, {"late": True}),
    (ended, 48, {}),
    (ended, 12, {"late": True}),
    (managed, 40, {"gathers": True}),
    (malformed, 20, {"gathers": True}),
    (states, 20, {"gathers": True}),
    (hostile, 16, {"gathers": True}),
    (ended, 12, {"gathers": True}),
    (moved, 12, {}),
]
"""Sequences, how many of each, and the machine that they are played on."""


def sequences() -> list[tuple[str, Callable[..., list[str]]]]:
    """All of them, by name; each plays itself and returns its lines."""
    found: list[tuple[str, Callable[..., list[str]]]] = []
    names: Counter[str] = Counter()
    for family, count, given in FAMILIES:
        for _ in range(count):
            number = names[family.__name__]
            names[family.__name__] += 1

            def play(
                *,
                fast: bool = False,
                family: Any = family,
                number: int = number,
                given: dict[str, Any] = given,
            ) -> list[str]:
                machine = Machine(fast=fast, **given)
                try:
                    family(machine, Random(f"{family.__name__} {number}"), number)
                finally:
                    machine.close()
                return machine.lines

            found.append((f"{family.__name__} {number}", play))
    return found
