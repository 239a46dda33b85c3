"""The initiator of the system benchmark.

``pysrp_load.py URL HOW read|write|mixed random|sequential BYTES DEPTH SECONDS CLIENT``: logs in, checks that what
it writes can be read again, says ``ready``, waits for a line on its standard input, keeps DEPTH commands under way
for SECONDS, prints one line of JSON. HOW is one of:

``batch``
    The session gets columns of commands (:meth:`Session.run`); the data ends, or begins, in its own memory, as the
    buffers of other load generators do.
``call``
    Each command is a call, and its data an object.
``LUNs``
    DEPTH reads under way on each of the LUNs, by asyncio. What is told is of all LUNs but the first.

CLIENT is a number, by which those that run side by side do not check the same blocks.
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
"""Of a mixed load."""
WHO = Identity(partition_name="benchmark")


class Load(NamedTuple):
    """What is asked for."""

    kind: str
    sequential: bool
    size: int
    depth: int
    seconds: float
    client: int

    @property
    def blocks(self) -> int:
        """Of a command."""
        return self.size // BLOCK

    def addresses(self, capacity: int) -> array[int]:
        """The commands' addresses, to be repeated; commands do not straddle multiples of their length."""
        places = range(capacity // self.blocks)
        chosen = places if self.sequential else random.choices(places, k=1 << 14)
        return array("Q", [place * self.blocks for place in chosen])


Outcome = tuple[float, "array[int]", float]
"""Seconds that it took, latencies in nanoseconds, seconds of this process's CPU time."""


def check(disk: Device, load: Load) -> None:
    """What is written is what is read."""
    data, place = os.urandom(load.size), (1 + load.client) * load.blocks
    disk.write(place, data)
    assert disk.read(place, load.blocks) == data


def operations(kind: str) -> bytes:
    """A pattern to be repeated."""
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
        # So many that beginning and end, with fewer than depth under way, do not count.
        count = min(most, max(8 * load.depth, int(count * CHUNK / elapsed)))
    return took, latencies, time.process_time() - cpu


def call(session: Session, disk: Device, load: Load) -> Outcome:
    """The same, waiting for the oldest; latencies from the call to its outcome."""
    data, now = os.urandom(load.size), time.perf_counter_ns
    latencies = array("Q")
    under_way: deque[tuple[int, Any]] = deque()
    lbas = cycle(load.addresses(disk.capacity().blocks))
    wait_for_go()
    cpu, start = time.process_time(), now()
    end = start + int(load.seconds * 1e9)
    while True:
        while len(under_way) < load.depth and (at := now()) < end:
            lba = next(lbas)
            write = load.kind == "write"
            under_way.append(
                (at, disk.submit_write(lba, data) if write else disk.submit_read(lba, load.blocks))
            )
        if not under_way:
            return (now() - start) / 1e9, latencies, time.process_time() - cpu
        at, command = under_way.popleft()
        if not command.done:
            session.wait(command)
        command.outcome()
        latencies.append(now() - at)


def one_disk(work: Callable[[Session, Device, Load], Outcome], url: str, load: Load) -> Outcome:
    with Session(url, identity=WHO) as session:
        (disk,) = session.scan(channels=[0], ids=[0], luns=1)
        check(disk, load)
        return work(session, disk, load)


async def many_disks(url: str, load: Load) -> Outcome:
    now = time.perf_counter_ns
    latencies = array("Q")

    async def read(number: int, disk: aio.Device, end: int) -> int:
        """Until ``end``; when the last one was over."""
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


def main() -> None:
    url, how, kind, order = sys.argv[1:5]
    size, depth, seconds, client = sys.argv[5:9]
    load = Load(kind, order == "sequential", int(size), int(depth), float(seconds), int(client))
    if how == "LUNs":
        took, latencies, cpu = asyncio.run(many_disks(url, load))
    else:
        took, latencies, cpu = one_disk({"batch": batch, "call": call}[how], url, load)
    ranked = sorted(latencies)
    us = {str(p): ranked[min(len(ranked) - 1, int(len(ranked) * p / 100))] / 1e3 for p in (50, 99, 99.9)}
    print(json.dumps({"commands": len(ranked), "seconds": took, "cpu": cpu, "us": us}))


if __name__ == "__main__":
    main()
