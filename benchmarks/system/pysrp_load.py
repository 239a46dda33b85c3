"""The initiator of the system benchmark.

``pysrp_load.py URL read|write random|sequential BYTES DEPTH SECONDS``: logs in, checks that what it writes
can be read again, keeps DEPTH commands under way for SECONDS, prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from array import array
from collections import deque
from collections.abc import Iterator
from typing import Any

from pysrp.fabric import Identity
from pysrp.initiator.session import Device, Session

BLOCK = 512


def addresses(blocks: int, each: int, sequential: bool) -> Iterator[int]:
    """The commands' addresses; commands do not straddle multiples of their length."""
    places = blocks // each
    order = list(range(places)) if sequential else random.choices(range(places), k=1 << 14)
    while True:
        for place in order:
            yield place * each


def check(disk: Device, size: int) -> None:
    """What is written is what is read."""
    data = os.urandom(size)
    disk.write(size // BLOCK, data)
    assert disk.read(size // BLOCK, size // BLOCK) == data


def from_python(
    session: Session, disk: Device, write: bool, where: Iterator[int], size: int, depth: int, seconds: float
) -> tuple[float, array[int]]:
    """A command a call; latencies in nanoseconds from the call to its outcome, waited for in order."""
    blocks, data, now = size // BLOCK, os.urandom(size), time.perf_counter_ns
    latencies = array("q")
    under_way: deque[tuple[int, Any]] = deque()
    start = now()
    end = start + int(seconds * 1e9)
    while True:
        while len(under_way) < depth and (at := now()) < end:
            lba = next(where)
            under_way.append((at, disk.submit_write(lba, data) if write else disk.submit_read(lba, blocks)))
        if not under_way:
            return (now() - start) / 1e9, latencies
        at, command = under_way.popleft()
        if not command.done:
            session.wait(command)
        command.outcome()
        latencies.append(now() - at)


def main() -> None:
    url, kind, order = sys.argv[1:4]
    size, depth, seconds = int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6])
    with Session(url, identity=Identity(partition_name="benchmark")) as session:
        (disk,) = session.scan(channels=[0], ids=[0], luns=1)
        check(disk, size)
        where = addresses(disk.capacity().blocks, size // BLOCK, order == "sequential")
        cpu = time.process_time()
        took, latencies = from_python(session, disk, kind == "write", where, size, depth, seconds)
        cpu = time.process_time() - cpu
    ranked = sorted(latencies)
    us = {str(p): ranked[min(len(ranked) - 1, int(len(ranked) * p / 100))] / 1e3 for p in (50, 99, 99.9)}
    print(json.dumps({"commands": len(ranked), "seconds": took, "cpu": cpu, "us": us}))


if __name__ == "__main__":
    main()
