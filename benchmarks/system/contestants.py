"""The contestants of the system benchmark: how each is started, loaded and read.

Each has a server process, which this process starts and ends, and a load generator, which is started for every run.
The figures are those that the load generators print. All servers listen on a Unix socket or on 127.0.0.1, and end
with this process, however it ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pysrp.initiator.session import Session
from system.rows import Row

HERE = Path(__file__).parent
BUILD = HERE.parent.parent / "build" / "benchmarks"
COMPILER = shlex.split(os.environ.get("CC", "cc"))
MEBIBYTES = 64
"""Size of every contestant's disk: larger than the caches close to a core, and quickly filled."""

GRACE = 30.0
"""Timeout of a run, in seconds beyond its own length."""

libc = ctypes.CDLL(None)


class Figures(NamedTuple):
    """The figures of one run."""

    iops: float
    cpu: float | None
    """Processor time of both sides per command, in microseconds; None if it is not known."""
    us: dict[str, float]
    """Latency in microseconds: the percentiles 50, 99 and 99.9, or empty if the tool does not report it."""


class Missing(Exception):
    """Why a contestant cannot take part, and what to install."""


class Failed(Exception):
    """A contestant failed; the text has its output."""


def need(what: str, *packages: str, tools: tuple[str, ...] = (), headers: tuple[str, ...] = ()) -> None:
    """Raises Missing unless all programs are found. tgtd is in /usr/sbin, which not every PATH has."""
    absent = [tool for tool in tools if not find(tool)]
    absent += [header for header in headers if not Path("/usr/include", header).exists()]
    if absent:
        raise Missing(f"{what} ({', '.join(absent)}): apt-get install {' '.join(packages)}")


def find(tool: str) -> str | None:
    return shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin:/usr/local/sbin")


def die_with_parent() -> None:
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def compiled(source: str, *libraries: str) -> str:
    """The path of a C program of this directory, built once per change."""
    BUILD.mkdir(parents=True, exist_ok=True)
    program, sources = BUILD / Path(source).stem, [HERE / source, HERE / "load.h"]
    if not program.exists() or program.stat().st_mtime < max(path.stat().st_mtime for path in sources):
        new = program.with_suffix(
            f".{os.getpid()}"
        )  # another process may build it, or run it, at the same time
        subprocess.run([*COMPILER, "-O2", "-o", str(new), str(HERE / source), *libraries], check=True)
        new.replace(program)
    return str(program)


def output(command: list[str], seconds: float) -> str:
    """Run a load generator; returns its standard output."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + GRACE, preexec_fn=die_with_parent
        )
    except subprocess.TimeoutExpired as late:
        raise Failed(f"{command[0]} has not ended after {late.timeout:g} s") from None
    if done.returncode:
        raise Failed(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def cpu_time(process: subprocess.Popen[str] | None) -> float:
    """CPU time of a process in seconds: of all its threads, including ended ones."""
    if process is None:
        return 0.0
    try:
        return time.clock_gettime(~process.pid << 3 | 2)  # clock_getcpuclockid(3)
    except OSError:
        raise Failed(f"{process.args} has ended, status {process.poll()}") from None


def own_figures(command: list[str], seconds: float, server: subprocess.Popen[str] | None = None) -> Figures:
    """Run one of the load generators in this directory."""
    before = cpu_time(server)
    report = json.loads(output(command, seconds))
    return together([report], cpu_time(server) - before)


def together(reports: list[dict[str, Any]], server: float) -> Figures:
    """The figures of load generators that ran in parallel: all their commands, and the worst of each percentile."""
    commands = sum(report["commands"] for report in reports)
    cpu = sum(report["cpu"] for report in reports) + server
    us = {at: max(report["us"][at] for report in reports) for at in reports[0]["us"]}
    return Figures(
        sum(report["commands"] / report["seconds"] for report in reports), cpu / commands * 1e6, us
    )


@contextmanager
def process(command: list[str], log: Path, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A server process, which is killed at the end: it has nothing to save."""
    with log.open("w") as stderr:
        server = subprocess.Popen(command, stderr=stderr, text=True, preexec_fn=die_with_parent, **more)
        try:
            yield server
        finally:
            server.kill()
            server.communicate()


def until(ready: Callable[[], object], server: subprocess.Popen[str], log: Path) -> None:
    """Wait for a server that has just been started."""
    end = time.monotonic() + GRACE
    while not ready():
        if server.poll() is not None or time.monotonic() > end:
            raise Failed(f"{server.args} does not start:\n{log.read_text().strip()}")
        time.sleep(0.01)


def answers(path: Path) -> bool:
    """Whether a process listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


Run = Callable[[Row, float], Figures]


@contextmanager
def medium() -> Iterator[str]:
    """A file in memory, for servers that have no RAM disk of their own; it is deleted with this process."""
    fd = os.memfd_create("pysrp-benchmark")
    try:
        for _ in range(MEBIBYTES):
            os.write(fd, os.urandom(1 << 20))
        yield f"/proc/{os.getpid()}/fd/{fd}"
    finally:
        os.close(fd)


# The floor.


@contextmanager
def floor(where: Path, spin: int) -> Iterator[Run]:
    """``floor.c``, which starts both processes itself."""
    need("a C compiler", "gcc", "libc6-dev", tools=tuple(COMPILER[:1]))
    program = compiled("floor.c")

    def run(row: Row, seconds: float) -> Figures:
        command = [program, row.kind, row.order, str(row.size), str(row.depth), str(seconds), str(spin)]
        return own_figures(command, seconds)

    yield run


# iSCSI.


@contextmanager
def tgtd(where: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """tgtd with one disk; gives its URL and the process."""
    with medium() as image:
        with socket.socket() as probe:  # a port that is free now
            probe.bind(("127.0.0.1", 0))
            portal = f"127.0.0.1:{probe.getsockname()[1]}"
        name, control, log = "iqn.2026-01.org.pysrp:bench", str(os.getpid() % 32768), where / "tgtd.log"
        environment = {**os.environ, "TGT_IPC_SOCKET": str(where / "tgtd")}
        program, admin = find("tgtd"), find("tgtadm")
        assert program is not None
        assert admin is not None
        command = [program, "-f", "-C", control, "--iscsi", f"portal={portal}"]

        def tell(*words: str) -> bool:
            call = [admin, "-C", control, "--lld", "iscsi", *words]
            return subprocess.run(call, env=environment, capture_output=True, timeout=GRACE).returncode == 0

        with process(command, log, env=environment, stdout=subprocess.DEVNULL) as server:
            until(partial(tell, "--op", "show", "--mode", "target"), server, log)
            for words in (
                ["--op", "new", "--mode", "target", "--tid", "1", "-T", name],
                ["--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", image],
                ["--op", "bind", "--mode", "target", "--tid", "1", "-I", "127.0.0.1"],
            ):
                if not tell(*words):
                    raise Failed(f"tgtadm {' '.join(words)} failed:\n{log.read_text().strip()}")
            yield f"iscsi://{portal}/{name}/1", server


@contextmanager
def libiscsi(where: Path) -> Iterator[Run]:
    """tgtd, loaded by ``iscsi_load.c``."""
    packages = "tgt", "libiscsi-dev", "gcc", "libc6-dev"
    need("tgtd, libiscsi", *packages, tools=("tgtd", "tgtadm", "cc"), headers=("iscsi/iscsi.h",))
    program = compiled("iscsi_load.c", "-liscsi")
    with tgtd(where) as (url, server):

        def run(row: Row, seconds: float) -> Figures:
            command = [program, url, row.kind, row.order, str(row.size), str(row.depth), str(seconds)]
            return own_figures(command, seconds, server)

        yield run


@contextmanager
def iscsi_perf(where: Path) -> Iterator[Run]:
    """tgtd, loaded by libiscsi's own tool, which only reads, and reports the rate once a second and no latency."""
    need("tgtd, iscsi-perf", "tgt", "libiscsi-bin", tools=("tgtd", "tgtadm", "iscsi-perf"))
    with tgtd(where) as (url, _):

        def run(row: Row, seconds: float) -> Figures:
            if row.kind != "read":
                raise Missing("iscsi-perf does not write")
            order = ["-r"] if row.order == "random" else []
            command = ["iscsi-perf", "-m", str(row.depth), "-b", str(row.size // 512), *order, url]
            perf = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=die_with_parent
            )
            try:
                time.sleep(max(seconds, 1.0) + 0.3)
                perf.send_signal(signal.SIGINT)
                said = perf.communicate(timeout=GRACE)[0].decode()
            finally:
                perf.kill()
                perf.wait()
            rates = re.findall(r"iops average (\d+)", said)
            if not rates:
                raise Failed(f"iscsi-perf told no rate:\n{said}")
            return Figures(float(rates[-1]), None, {})

        yield run


# fio, on a file and as a client of NBD.


def fio(
    row: Row, seconds: float, *engine: str, server: subprocess.Popen[str] | None = None, jobs: int = 1
) -> Figures:
    """One run of fio. ``--invalidate=0``: otherwise fio would drop the file from the page cache, for all contestants."""
    before = cpu_time(server)
    kind = "rw" if row.kind == "mixed" else row.kind
    command = ["fio", "--name=bench", *engine, f"--rw={'rand' if row.order == 'random' else ''}{kind}"]
    command += [
        "--rwmixread=70",
        "--unified_rw_reporting=1",
        "--invalidate=0",
        f"--numjobs={jobs}",
        "--group_reporting",
    ]
    command += [f"--bs={row.size}", f"--iodepth={row.depth}", f"--size={MEBIBYTES}M", "--norandommap"]
    command += ["--time_based", f"--runtime={round(seconds * 1000)}ms"]
    command += ["--percentile_list=50:99:99.9", "--output-format=json"]
    said = output(command, seconds)
    job = json.loads(said[said.index("{\n") :])["jobs"][0]
    if job["error"]:
        raise Failed(f"fio: error {job['error']}")
    report = job["mixed"]
    if not report["total_ios"]:
        raise Failed("fio: not one command was answered")
    us = {f"{float(at):g}": ns / 1e3 for at, ns in report["clat_ns"]["percentile"].items()}
    own = (job["usr_cpu"] + job["sys_cpu"]) / 100 * report["runtime"] / 1000 * jobs
    return Figures(report["iops"], (own + cpu_time(server) - before) / report["total_ios"] * 1e6, us)


@contextmanager
def filled(command: list[str], path: Path, log: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """An NBD server on a Unix socket, all of whose pages exist: its URL and the process."""
    url = f"nbd+unix:///?socket={path}"
    with process(command, log, stdout=subprocess.DEVNULL) as server:
        until(lambda: answers(path), server, log)
        fio(Row("fill", "write", "sequential", 1 << 20, 1), 0.1, "--ioengine=nbd", f"--uri={url}")
        yield url, server


@contextmanager
def loaded_by_fio(command: list[str], path: Path, log: Path) -> Iterator[Run]:
    """An NBD server on a Unix socket."""
    with filled(command, path, log) as (url, server):
        engine = ["--ioengine=nbd", f"--uri={url}"]

        def run(row: Row, seconds: float) -> Figures:
            return fio(row, seconds, *engine, server=server, jobs=row.clients)

        yield run


def nbdkit_memory(path: Path) -> list[str]:
    """The command for a server with nbdkit's memory plugin."""
    need("nbdkit, fio", "nbdkit", "fio", tools=("nbdkit", "fio"))
    return ["nbdkit", "--foreground", "--unix", str(path), "memory", f"{MEBIBYTES}M"]


@contextmanager
def nbdkit(where: Path) -> Iterator[Run]:
    """nbdkit's memory plugin."""
    path = where / "nbdkit"
    with loaded_by_fio(nbdkit_memory(path), path, where / "nbdkit.log") as run:
        yield run


@contextmanager
def qemu(where: Path) -> Iterator[Run]:
    """qemu-storage-daemon, a file in memory."""
    need("qemu-storage-daemon, fio", "qemu-system-common", "fio", tools=("qemu-storage-daemon", "fio"))
    path = where / "qemu"
    with medium() as image:
        command = ["qemu-storage-daemon", "--blockdev", f"driver=file,node-name=disk,filename={image}"]
        command += ["--nbd-server", f"addr.type=unix,addr.path={path}"]
        command += ["--export", "type=nbd,id=bench,node-name=disk,name=,writable=on"]
        with loaded_by_fio(command, path, where / "qemu.log") as run:
            yield run


# pysrp.


@contextmanager
def pysrp_server(
    where: Path, *disks: str, options: Sequence[str] = ()
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``pysrp serve`` with disks on these media, 32 LUNs to an id; its URL and the process."""
    log, path = where / "pysrp.log", where / "pysrp"
    command = [sys.executable, "-m", "pysrp", "serve", f"unix:{path}", "--quiet", *options]
    for number, disk in enumerate(disks):
        address = f"0:{number // 32}:{number % 32}"
        command += ["--disk", f"disk{number}={disk}", "--lun", f"disk{number}={address}"]
    with process(command, log, stdout=subprocess.DEVNULL) as server:
        until(path.exists, server, log)
        yield f"unix:{path}", server


def pysrp_load(
    servers: list[tuple[str, subprocess.Popen[str]]],
    how: str,
    row: Row,
    seconds: float,
    behind: subprocess.Popen[str] | None = None,
) -> Figures:
    """``pysrp_load.py``, one process for each of the row's clients; all start together. The processor time of the processes
    ``behind`` the servers counts, too.
    """
    program = [sys.executable, str(HERE / "pysrp_load.py")]
    asked = [how, row.kind, row.order, str(row.size), str(row.depth), str(seconds)]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with ExitStack() as stack:
        loads = []
        for client in range(row.clients):
            url = servers[client % len(servers)][0]
            load = subprocess.Popen(
                [*program, url, *asked, str(client)], text=True, preexec_fn=die_with_parent, **pipes
            )
            stack.callback(load.wait)
            stack.callback(load.kill)
            loads.append(load)
        for load in loads:
            if load.stdout.readline() != "ready\n":
                raise Failed(f"{load.args} does not start:\n{load.communicate()[1]}")
        working = [*(server for _, server in servers), behind]
        before = sum(map(cpu_time, working))
        for load in loads:
            load.stdin.write("go\n")
            load.stdin.flush()
        reports = []
        for load in loads:
            try:
                said, complaint = load.communicate(timeout=seconds + GRACE)
            except subprocess.TimeoutExpired:
                raise Failed(f"{load.args} has not ended") from None
            if load.returncode:
                raise Failed(f"{load.args}: exit status {load.returncode}\n{complaint.strip()}")
            reports.append(json.loads(said))
        return together(reports, sum(map(cpu_time, working)) - before)


@contextmanager
def pysrp(where: Path, how: str = "batch", clients: int | None = None, apart: bool = False) -> Iterator[Run]:
    """A RAM disk over ``unix:``; ``how`` as in ``pysrp_load.py``. ``clients`` instead of the row's; ``apart``: each
    has a server.
    """
    with ExitStack() as stack:
        servers: list[tuple[str, subprocess.Popen[str]]] = []

        def run(row: Row, seconds: float) -> Figures:
            row = row._replace(clients=clients or row.clients)
            while len(servers) < (row.clients if apart else 1):
                own = Path(tempfile.mkdtemp(dir=where))
                servers.append(stack.enter_context(pysrp_server(own, f"ram:{MEBIBYTES}M")))
                with Session(servers[-1][0]) as session:
                    (disk,) = session.scan(channels=[0], ids=[0], luns=1)
                    disk.write(0, bytes(MEBIBYTES << 20))  # pages that exist
            return pysrp_load(servers if apart else servers[:1], how, row, seconds)

        yield run
