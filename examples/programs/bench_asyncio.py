"""READs of 4 KiB a second through asyncio: python bench_asyncio.py URL [SESSIONS [TASKS [READS]]]."""

import asyncio
import sys
import time
from random import Random

from pysrp.initiator import aio

BYTES = 4096


async def reader(disk: aio.Device, blocks: int, last: int, reads: int, random: Random) -> list[float]:
    """Reads, one after the other; returns the seconds that each took."""
    took = []
    for _ in range(reads):
        begin = time.perf_counter()
        await disk.read(random.randrange(last + 1), blocks)
        took.append(time.perf_counter() - begin)
    return took


async def one(url: str, tasks: int, reads: int, seed: int) -> list[float]:
    """A session with several tasks that read its first disk."""
    async with aio.Session(url) as session:
        disk = (await session.scan())[0]
        size = await disk.capacity()
        blocks = BYTES // size.block_size
        readers = (
            reader(disk, blocks, size.blocks - blocks, reads, Random(f"{seed} {task}"))
            for task in range(tasks)
        )
        return [each for took in await asyncio.gather(*readers) for each in took]


async def bench(url: str, sessions: int = 1, tasks: int = 32, reads: int = 1000) -> dict[str, float]:
    """Print the result: reads, reads a second, and microseconds at the median and the 99th percentile."""
    begin = time.perf_counter()
    found = await asyncio.gather(*(one(url, tasks, reads, each) for each in range(sessions)))
    seconds = time.perf_counter() - begin
    took = sorted(each for session in found for each in session)
    return {
        "reads": len(took),
        "per_second": len(took) / seconds,
        "median": took[len(took) // 2] * 1e6,
        "p99": took[len(took) * 99 // 100] * 1e6,
    }


if __name__ == "__main__":
    for name, value in asyncio.run(bench(sys.argv[1], *map(int, sys.argv[2:]))).items():
        print(f"{name:12}{value:14.1f}")
