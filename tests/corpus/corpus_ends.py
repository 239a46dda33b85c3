"""Sequences where a command ends others, or others wait for it: QERR, TAS and TST of the control mode page, for corpus_target.py."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

from corpus_target_machine import HAND, Machine
from pysrp.scsi.mode import ControlPage
from pysrp.srp import TaskAttribute, TskMgmtFunc

CDB = struct.Struct(">BxIxHx")
"""READ(10) and its neighbours: operation code, LBA, blocks."""


def selected(m: Machine, who: int, page: ControlPage, **more: Any) -> None:
    """MODE SELECT of a nexus."""
    data = bytes(4) + bytes(page)
    m.cmd(who, HAND, bytes((0x15, 0x10, 0, 0, len(data), 0)), out=data, **more)


def ended(m: Machine, rng: Random, number: int) -> None:
    """Commands of two nexuses under way; CHECK CONDITIONs and functions that end them, with an answer or without one."""
    m.ready()
    together = number // 6 % 2
    page = ControlPage.build(
        tst=not together,
        gltsd=1,
        queue_algorithm_modifier=1,
        busy_timeout_period=0xFFFF,
        tas=number & 1,
        qerr=(0, 1, 3)[number // 2 % 3],
    )
    selected(m, number & 1, page)
    m.finish()
    for _ in range(12):
        who, lba, kind = rng.randrange(2), rng.randrange(8), rng.randrange(10)
        if together and rng.random() < 0.3:
            m.cmd(
                who,
                HAND,
                bytes(6),
                task_attr=rng.choice((TaskAttribute.ORDERED, TaskAttribute.HEAD_OF_QUEUE)),
            )
        elif together and kind == 9:
            m.manage(who, HAND, TskMgmtFunc.CLEAR_TASK_SET)
        elif kind < 5:
            m.read(who, HAND, lba, 2)
        elif kind < 7:
            m.write(who, HAND, lba, 1)
        elif kind == 7:
            m.cmd(who, HAND, b"\xff")
        elif kind == 8:
            m.cmd(who, HAND, CDB.pack(0x28, 1 << 30, 1), room=512)
        else:
            m.manage(who, HAND, rng.choice((TskMgmtFunc.ABORT_TASK_SET, TskMgmtFunc.LUN_RESET)))
        for _ in range(rng.randrange(2)):
            m.begin()
            m.end()
    m.finish()
    for who in 0, 1:
        m.cmd(who, HAND, bytes(6))
    m.finish()


def moved(m: Machine, rng: Random, number: int) -> None:
    """TST changes while tasks are under way and others wait for them: they belong into another task set from then on."""
    m.ready()
    for together in (number, number + 1, number):
        for _ in range(4):
            who = rng.randrange(2)
            m.read(who, HAND, rng.randrange(8), 1)
            m.cmd(who, HAND, bytes(6), task_attr=TaskAttribute.ORDERED)
            m.write(1 - who, HAND, rng.randrange(8), 1)
        m.begin()
        page = ControlPage.build(
            tst=together & 1, gltsd=1, queue_algorithm_modifier=1, busy_timeout_period=0xFFFF, tas=1
        )
        selected(m, number & 1, page, task_attr=TaskAttribute.HEAD_OF_QUEUE)
        for who in 0, 1:
            m.cmd(who, HAND, bytes(6))
        m.end()
    m.finish()
