"""What do idle sessions and unused LUNs cost, and a client that sends a command now and then?

The recorded times are those of a login, of a LUN at the start of the server, and the server's CPU time for a read of a
client that sends 1000 reads in a second. Memory (the server's own, and its share of the memory shared with clients) and
the CPU time of an idle server are in ``extra_info``, and printed at the end beside the aims.
"""

from __future__ import annotations

import re
import resource
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from clock import each, record
from pysrp.initiator.session import Session
from pysrp.lun import scst_pack
from system.contestants import cpu_time, pysrp_server

SESSIONS, LUNS, READS = 1000, 16383, 1000
SMOKE_SESSIONS, SMOKE_LUNS, SMOKE_READS = 20, 100, 20
"""Where nothing is measured."""

DESCRIPTORS = 8
"""The most file descriptors of a session, at either end."""

WATCHED = 1.0
"""Seconds for which the idle server is observed."""


@pytest.fixture(autouse=True)
def descriptors() -> Any:
    """Raise the limit of descriptors to what the sessions need, for this process and the server; skips if that is forbidden."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = DESCRIPTORS * SESSIONS
    if hard not in (resource.RLIM_INFINITY,) and hard < needed:
        pytest.skip(f"NOT MEASURED: {needed} descriptors are needed, ulimit -Hn is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def memory(server: subprocess.Popen[str]) -> int:
    """The proportional set size of a process, in bytes."""
    told = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{server.pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert told is not None
    return int(told[1]) << 10


def aim(what: str, value: float, most: float, unit: str) -> str:
    return f"{'met' if value <= most else 'MISSED'}: {what}: {value:.3g} {unit}, aim at most {most:g} {unit}"


@each("idle")
def bench_sessions(benchmark: Any, tmp_path: Path) -> None:
    """Logins, one after the other; then all of them do nothing."""
    count = SMOKE_SESSIONS if benchmark.disabled else SESSIONS
    with pysrp_server(tmp_path, "ram:1M", options=["--max-clients", str(count + 1)]) as (url, server):

        def run() -> float:
            with ExitStack() as stack:
                stack.enter_context(Session(url))  # what the first one makes is everybody's
                before, start = memory(server), time.perf_counter()
                for _ in range(count):
                    stack.enter_context(Session(url))
                took = (time.perf_counter() - start) / count
                kib = (memory(server) - before) / count / 1024
                busy, start = cpu_time(server), time.perf_counter()
                time.sleep(0.01 if benchmark.disabled else WATCHED)
                percent = (cpu_time(server) - busy) / (time.perf_counter() - start) * 100
                benchmark.extra_info.update(kib=kib, percent=percent)
                return took

        record(benchmark, run, float, 1)
    told = benchmark.extra_info
    told["held"] = [
        aim(f"memory of an idle session of {count}", told["kib"], 101, "KiB"),
        aim(f"CPU time of {count} idle sessions", told["percent"], 0.1, "% of a core"),
    ]


@each("idle")
def bench_reads_now_and_then(benchmark: Any, tmp_path: Path) -> None:
    """The server's CPU time for a read of 4 KiB, at 1000 a second."""
    count = SMOKE_READS if benchmark.disabled else READS
    with pysrp_server(tmp_path, "ram:1M") as (url, server), Session(url) as session:
        (disk,) = session.scan(channels=[0], ids=[0], luns=1)
        disk.read(0, 8)

        def run() -> float:
            busy, start = cpu_time(server), time.perf_counter()
            for done in range(count):
                disk.read(0, 8)
                time.sleep(max(0, start + (done + 1) / READS - time.perf_counter()))
            took, cpu = time.perf_counter() - start, cpu_time(server) - busy
            benchmark.extra_info.update(percent=cpu / took * 100, rate=count / took)
            return cpu / count

        record(benchmark, run, float, 1)
    what = f"server at {benchmark.extra_info['rate']:.0f} reads a second"
    benchmark.extra_info["held"] = [aim(what, benchmark.extra_info["percent"], 3, "% of a core")]


@each("idle")
def bench_luns(benchmark: Any, tmp_path: Path) -> None:
    """The time for each further LUN at a server's start: many LUNs of one disk, compared with a single LUN."""
    count = SMOKE_LUNS if benchmark.disabled else LUNS
    few, many = tmp_path / "few", tmp_path / "many"

    def start(where: Path, luns: int) -> tuple[float, int]:
        where.mkdir()
        conf = where / "scst.conf"
        lines = "\n".join(f"LUN {lun} disk" for lun in range(luns))
        conf.write_text(
            "HANDLER vdisk_url { DEVICE disk { url null:1G } }\n"
            f"TARGET_DRIVER ibmvstgt {{ TARGET ibmvstgt_target_0 {{ enabled 1\n{lines}\n}} }}\n"
        )
        began = time.perf_counter()
        with pysrp_server(where, options=["--conf", str(conf)]) as (url, server), Session(url) as session:
            took = time.perf_counter() - began
            session.execute(scst_pack(luns - 1), bytes(6), retries=3)  # it is there
            return took, memory(server)

    def run() -> float:
        (short, small), (long, large) = start(few, 1), start(many, count)
        benchmark.extra_info.update(kib=(large - small) / (count - 1) / 1024, seconds=long)
        return max(long - short, 1e-9) / (count - 1)

    record(benchmark, run, float, 1)
    told = benchmark.extra_info
    told["held"] = [
        aim(f"memory of a LUN of {count}", told["kib"], 2.7, "KiB"),
        aim(f"start with {count} LUNs", told["seconds"], 2, "s"),
    ]
