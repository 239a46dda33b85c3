"""Do the engines of several clients run in parallel? Each has a thread of its own, on one disk, with the GIL and without.

The same interpreter runs both: the free-threaded one that ``make free-threaded`` has set up in .venv-free. The commands
are of kinds that no lane takes, so each goes through the engine in Python. There are no queues and no clients to add cost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
FREE = HERE.parent / ".venv-free" / "bin" / "python"

COMMANDS = 4000
"""Commands of each client."""

CASES = {
    f"{clients} client{'s' * (clients > 1)}, {'with' if gil else 'without'} the GIL": (clients, gil)
    for gil in (1, 0)
    for clients in (1, 2)
}

RATES: dict[tuple[int, int], float] = {}
"""Results so far: commands a second."""


def commands_of(clients: int) -> dict[str, float]:
    """Run the engines in this process, a thread for each initiator; returns seconds per command, all clients together."""
    import threading
    import time

    from pysrp.backends import Ram
    from pysrp.fuzz.inprocess import InProcess
    from pysrp.scsi import cdb
    from pysrp.target.disk import Disk
    from pysrp.target.lunmap import LunMap

    luns = LunMap([(0, Disk(Ram(1 << 20), "disk"))])
    inquiry, sense = bytes(cdb.Inquiry.build(allocation_length=96)), bytes(cdb.ModeSense6.build(page_code=8))
    targets = [InProcess(luns) for _ in range(clients)]
    barrier = threading.Barrier(clients + 1)

    def use(target: InProcess) -> None:
        while target.run(bytes(6)).status:
            pass
        barrier.wait()
        for _ in range(COMMANDS // 2):
            assert target.run(inquiry, room=96).status == 0
            target.run(sense, room=252)

    threads = [threading.Thread(target=use, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return {"seconds": (time.perf_counter() - start) / (COMMANDS * clients)}


def measured(clients: int, gil: int) -> float:
    """The same in a free-threaded interpreter of its own, with the GIL or without."""
    done = subprocess.run(
        [FREE, __file__, str(clients)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON_GIL": str(gil)},
    )
    found: float = json.loads(done.stdout)["seconds"]
    return found


@pytest.mark.skipif(not FREE.exists(), reason="there is no .venv-free: make free-threaded")
@pytest.mark.parametrize("who", CASES)
def bench_engines(benchmark: Any, who: str) -> None:
    benchmark.group = "the engine: a command, of several clients"
    clients, gil = CASES[who]
    took: list[float] = []
    benchmark.pedantic(lambda: took.append(measured(clients, gil)), rounds=3, iterations=1)
    # pytest-benchmark's own time would include the start of the interpreter, which is not to be measured.
    best = RATES[clients, gil] = 1 / min(took)
    ratio = (
        f", {best / alone:.2f} times what one does" if clients > 1 and (alone := RATES.get((1, gil))) else ""
    )
    benchmark.extra_info["held"] = [f"{who}: {best:,.0f} commands a second{ratio}"]


if __name__ == "__main__":
    print(json.dumps(commands_of(int(sys.argv[1]))))
