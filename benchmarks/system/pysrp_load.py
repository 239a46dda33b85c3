"""The initiator of the system benchmark.

``pysrp_load.py URL HOW read|write|mixed random|sequential BYTES DEPTH SECONDS CLIENT``: logs in, checks that written
data is read back, prints ``ready``, waits for a line on its standard input, keeps DEPTH commands under way for SECONDS,
and prints one line of JSON. HOW is one of:

``batch``
    The session gets columns of commands (:meth:`Session.run`); the data stays in the session's own memory, as it stays in
    the buffers of other load generators.
``call``
    Each command is a call, and its data an object. ``buffers``: the data goes to a buffer that is used again.
    ``execute``: the caller builds the CDB. ``read``: the call returns when the command has completed.
``asyncio``
    DEPTH tasks read. ``sessions``: each on a session of its own.
``LUNs``
    DEPTH reads under way on each of the LUNs, by asyncio. The figures are those of all LUNs but the first.

CLIENT is a number; it keeps load generators that run in parallel from checking the same blocks.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from array import array
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from itertools import cycle
from typing import Any, NamedTuple

from pysrp.fabric import Identity
from pysrp.initiator import aio
from pysrp.initiator.session import READ, WRITE, Device, Session

BLOCK = 512
CHUNK = 0.1
"""Seconds that a batch should take."""
MEMORY = 64 << 20
"""Bytes that the commands of a batch write at most."""
READS = 0.7
"""Share of reads in a mixed load."""
WHO = Identity(partition_name="benchmark")


class Load(NamedTuple):
    """The load, from the arguments."""

    kind: str
    sequential: bool
    size: int
    depth: int
    seconds: float
    client: int

    @property
    def blocks(self) -> int:
        """Number of blocks of a command."""
        return self.size // BLOCK

    def addresses(self, capacity: int) -> array[int]:
        """The commands' addresses, as a pattern to repeat. Each address is a multiple of the command's length."""
        places = range(capacity // self.blocks)
        chosen = places if self.sequential else random.choices(places, k=1 << 14)
        return array("Q", [place * self.blocks for place in chosen])


Outcome = tuple[float, "array[int]", float]
"""Wall time in seconds, latencies in nanoseconds, CPU time of this process in seconds."""


def check(disk: Device, load: Load) -> None:
    """Check that written data is read back."""
    data, place = os.urandom(load.size), (1 + load.client) * load.blocks
    disk.write(place, data)
    assert disk.read(place, load.blocks) == data


def operations(kind: str) -> bytes:
    """The operations, as a pattern to repeat."""
    if kind == "mixed":
        return bytes(READ if random.random() < READS else WRITE for _ in range(1 << 12))
    return bytes([WRITE if kind == "write" else READ])


def wait_for_go() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


def batch(session: Session, disk: Device, load: Load) -> Outcome:
    latencies = array("Q")
    took, count = 0.0, 8 * load.depth
    most = max(8 * load.depth, MEMORY // load.size)
    data = None if load.kind == "read" else memoryview(bytearray(os.urandom(load.size) * most))
    table, pattern = load.addresses(disk.capacity().blocks), operations(load.kind)
    wait_for_go()
    cpu = time.process_time()
    while took < load.seconds:
        lbas = table * -(-count // len(table))
        del lbas[count:]
        ops = (pattern * -(-count // len(pattern)))[:count]
        start = time.perf_counter()
        given = data and data[: count * load.size]
        done = session.run(disk, ops, lbas, load.blocks, data=given, depth=load.depth)
        took += (elapsed := time.perf_counter() - start)
        if done.errors or any(done.status):
            raise SystemExit(f"commands have failed: {done.errors}")
        latencies += done.latency
        # Large enough that the beginning and the end, with fewer than ``depth`` commands under way, have no effect.
        count = min(most, max(8 * load.depth, int(count * CHUNK / elapsed)))
    return took, latencies, time.process_time() - cpu


Start = Callable[[int], Any]
"""A function that starts a command at an address."""


def calls(session: Session, disk: Device, load: Load) -> Start:
    """``submit_read``, which makes an object for the data, or ``submit_write``."""
    data = os.urandom(load.size)
    if load.kind == "write":
        return lambda lba: disk.submit_write(lba, data)
    return lambda lba: disk.submit_read(lba, load.blocks)


def buffers(session: Session, disk: Device, load: Load) -> Start:
    """``submit_read`` into one of as many buffers as commands are under way."""
    room = cycle([bytearray(load.size) for _ in range(load.depth)])
    return lambda lba: disk.submit_read(lba, load.blocks, next(room))


def executed(session: Session, disk: Device, load: Load) -> Start:
    """``submit`` of a READ (10) that the caller has built as bytes."""
    head, tail = b"\x28\0", load.blocks.to_bytes(3, "big") + b"\0"
    return lambda lba: session.submit(
        disk.lun, head + lba.to_bytes(4, "big") + tail, data_in_length=load.size
    )


def call(session: Session, disk: Device, load: Load, prepare: Callable[..., Start] = calls) -> Outcome:
    """A call for each command, waiting for the oldest one; latencies are from the call to its outcome."""
    now, start = time.perf_counter_ns, prepare(session, disk, load)
    latencies = array("Q")
    under_way: deque[tuple[int, Any]] = deque()
    lbas = cycle(load.addresses(disk.capacity().blocks))
    wait_for_go()
    cpu, began = time.process_time(), now()
    end = began + int(load.seconds * 1e9)
    while True:
        while len(under_way) < load.depth and (at := now()) < end:
            under_way.append((at, start(next(lbas))))
        if not under_way:
            return (now() - began) / 1e9, latencies, time.process_time() - cpu
        at, command = under_way.popleft()
        command.result()
        latencies.append(now() - at)


def alone(session: Session, disk: Device, load: Load) -> Outcome:
    """``read()``, one after the other."""
    now = time.perf_counter_ns
    latencies = array("Q")
    lbas = cycle(load.addresses(disk.capacity().blocks))
    wait_for_go()
    cpu, at = time.process_time(), (began := now())
    while at < began + load.seconds * 1e9:
        disk.read(next(lbas), load.blocks)
        latencies.append((then := now()) - at)
        at = then
    return (at - began) / 1e9, latencies, time.process_time() - cpu


def one_disk(work: Callable[[Session, Device, Load], Outcome], url: str, load: Load) -> Outcome:
    with Session(url, identity=WHO) as session:
        (disk,) = session.scan(channels=[0], ids=[0], luns=1)
        check(disk, load)
        return work(session, disk, load)


async def many_disks(url: str, load: Load) -> Outcome:
    now = time.perf_counter_ns
    latencies = array("Q")

    async def read(number: int, disk: aio.Device, end: int) -> int:
        """Read until ``end``; returns the time at which the last read completed."""
        over = 0
        for lba in cycle(tables[number]):
            if (at := now()) >= end:
                break
            await disk.read(lba, load.blocks)
            over = now()
            if number:
                latencies.append(over - at)
        return over

    async with aio.Session(url, identity=WHO) as session:
        disks = await session.scan(channels=[0], ids=[0, 1], luns=32)
        tables = [load.addresses((await disk.capacity()).blocks) for disk in disks]
        wait_for_go()
        cpu, start = time.process_time(), now()
        end = start + int(load.seconds * 1e9)
        readers = [(number, disk, end) for number, disk in enumerate(disks) for _ in range(load.depth)]
        over = await asyncio.gather(*(read(*each) for each in readers))
        return (max(over[load.depth :]) - start) / 1e9, latencies, time.process_time() - cpu


async def tasks(url: str, load: Load, sessions: int) -> Outcome:
    """A task for each command under way; the tasks share the sessions."""
    now = time.perf_counter_ns
    latencies = array("Q")

    async def read(disk: aio.Device, end: int) -> int:
        at = now()
        for lba in cycle(table):
            await disk.read(lba, load.blocks)
            latencies.append((then := now()) - at)
            at = then
            if at >= end:
                break
        return at

    async with AsyncExitStack() as stack:
        disks = []
        for _ in range(sessions):
            session = aio.Session(
                url, identity=WHO, buffers=4 << 20, max_transfer=1 << 20, window_size=8 << 20
            )
            await stack.enter_async_context(session)
            disks += await session.scan(channels=[0], ids=[0], luns=1)
            table = load.addresses((await disks[-1].capacity()).blocks)
        wait_for_go()
        cpu, start = time.process_time(), now()
        end = start + int(load.seconds * 1e9)
        over = await asyncio.gather(*(read(disks[n % sessions], end) for n in range(load.depth)))
        return (max(over) - start) / 1e9, latencies, time.process_time() - cpu


WAYS: dict[str, Callable[[Session, Device, Load], Outcome]] = {
    "batch": batch,
    "call": call,
    "buffers": partial(call, prepare=buffers),
    "execute": partial(call, prepare=executed),
    "read": alone,
}
"""HOW: the function that keeps the commands of one disk under way."""


def main() -> None:
    url, how, kind, order = sys.argv[1:5]
    size, depth, seconds, client = sys.argv[5:9]
    load = Load(kind, order == "sequential", int(size), int(depth), float(seconds), int(client))
    if how == "LUNs":
        took, latencies, cpu = asyncio.run(many_disks(url, load))
    elif how in ("asyncio", "sessions"):
        took, latencies, cpu = asyncio.run(tasks(url, load, load.depth if how == "sessions" else 1))
    else:
        took, latencies, cpu = one_disk(WAYS[how], url, load)
    ranked = sorted(latencies)
    us = {str(p): ranked[min(len(ranked) - 1, int(len(ranked) * p / 100))] / 1e3 for p in (50, 99, 99.9)}
    print(json.dumps({"commands": len(ranked), "seconds": took, "cpu": cpu, "us": us}))


if __name__ == "__main__":
    main()
