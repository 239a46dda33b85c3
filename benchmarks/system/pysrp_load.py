"""The initiator of the system benchmark.

``pysrp_load.py URL batch|call read|write random|sequential BYTES DEPTH SECONDS``: logs in, checks that what
it writes can be read again, keeps DEPTH commands under way for SECONDS, prints one line of JSON. With
``batch`` the session gets columns of commands (:meth:`Session.run`); the data ends, or begins, in its own
memory, as the buffers of other load generators do. With ``call`` each command is a call, and its data an object.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from array import array
from collections import deque
from itertools import cycle
from typing import Any

from pysrp.fabric import Identity
from pysrp.initiator.session import READ, WRITE, Device, Session

BLOCK = 512
CHUNK = 0.1
"""Seconds that a batch should take."""
MEMORY = 64 << 20
"""Bytes that the commands of a batch write at most."""


def addresses(blocks: int, each: int, sequential: bool) -> array[int]:
    """The commands' addresses, to be repeated; commands do not straddle multiples of their length."""
    places = range(blocks // each)
    return array(
        "Q", [place * each for place in (places if sequential else random.choices(places, k=1 << 14))]
    )


def check(disk: Device, size: int) -> None:
    """What is written is what is read."""
    data = os.urandom(size)
    disk.write(size // BLOCK, data)
    assert disk.read(size // BLOCK, size // BLOCK) == data


def batch(
    session: Session, disk: Device, write: bool, table: array[int], size: int, depth: int, seconds: float
) -> tuple[float, array[int]]:
    """Seconds that it took, and latencies in nanoseconds."""
    latencies = array("Q")
    took, count = 0.0, 8 * depth
    most = max(8 * depth, MEMORY // size)
    data = memoryview(os.urandom(size) * most) if write else None
    while took < seconds:
        lbas = table * -(-count // len(table))
        del lbas[count:]
        start = time.perf_counter()
        given = data and data[: count * size]
        done = session.run(disk, WRITE if write else READ, lbas, size // BLOCK, data=given, depth=depth)
        took += (elapsed := time.perf_counter() - start)
        if done.errors or any(done.status):
            raise SystemExit(f"commands have failed: {done.errors}")
        latencies += done.latency
        # So many that beginning and end, with fewer than depth under way, do not count.
        count = min(most, max(8 * depth, int(count * CHUNK / elapsed)))
    return took, latencies


def call(
    session: Session, disk: Device, write: bool, table: array[int], size: int, depth: int, seconds: float
) -> tuple[float, array[int]]:
    """The same, waiting for the oldest; latencies from the call to its outcome."""
    blocks, data, now = size // BLOCK, os.urandom(size), time.perf_counter_ns
    latencies = array("Q")
    under_way: deque[tuple[int, Any]] = deque()
    lbas = cycle(table)
    start = now()
    end = start + int(seconds * 1e9)
    while True:
        while len(under_way) < depth and (at := now()) < end:
            lba = next(lbas)
            under_way.append((at, disk.submit_write(lba, data) if write else disk.submit_read(lba, blocks)))
        if not under_way:
            return (now() - start) / 1e9, latencies
        at, command = under_way.popleft()
        if not command.done:
            session.wait(command)
        command.outcome()
        latencies.append(now() - at)


def main() -> None:
    url, how, kind, order = sys.argv[1:5]
    size, depth, seconds = int(sys.argv[5]), int(sys.argv[6]), float(sys.argv[7])
    work = {"batch": batch, "call": call}[how]
    with Session(url, identity=Identity(partition_name="benchmark")) as session:
        (disk,) = session.scan(channels=[0], ids=[0], luns=1)
        check(disk, size)
        table = addresses(disk.capacity().blocks, size // BLOCK, order == "sequential")
        cpu = time.process_time()
        took, latencies = work(session, disk, kind == "write", table, size, depth, seconds)
        cpu = time.process_time() - cpu
    ranked = sorted(latencies)
    us = {str(p): ranked[min(len(ranked) - 1, int(len(ranked) * p / 100))] / 1e3 for p in (50, 99, 99.9)}
    print(json.dumps({"commands": len(ranked), "seconds": took, "cpu": cpu, "us": us}))


if __name__ == "__main__":
    main()
