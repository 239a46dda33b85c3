"""The contestants on files, block devices and many LUNs, and the table of all contestants."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from system import cluster
from system import contestants as c
from system.contestants import MEBIBYTES, Figures, Missing, Run, loaded_by_fio, need, pysrp_load, pysrp_server
from system.rows import COLUMNS, FIO_RBD, NBDKIT, NONE_SLOW, ONE_CLIENT, OWN_SERVERS, PSYNC, URING, Row


def image(where: Path) -> Path:
    """A file all of whose blocks exist, and are on the disk."""
    path = where / "image"
    with path.open("wb") as file:
        for _ in range(MEBIBYTES):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
    return path


def cached(path: Path, run: Run) -> Run:
    """The same file after it has been read, so that it is in the page cache."""

    def warm(row: Row, seconds: float) -> Figures:
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
        return run(row, seconds)

    return warm


@contextmanager
def pysrp(where: Path) -> Iterator[Run]:
    path = image(where)
    with pysrp_server(where, f"file:{path}") as server:
        yield cached(path, partial(pysrp_load, [server], "batch"))


@contextmanager
def nbdkit(where: Path) -> Iterator[Run]:
    """nbdkit's file plugin."""
    need("nbdkit, fio", "nbdkit", "fio", tools=("nbdkit", "fio"))
    path, socket = image(where), where / "nbdkit"
    command = ["nbdkit", "--foreground", "--unix", str(socket), "file", str(path)]
    with loaded_by_fio(command, socket, where / "nbdkit.log") as run:
        yield cached(path, run)


@contextmanager
def pysrp_nbd(where: Path) -> Iterator[Run]:
    """A disk on an nbdkit like that of fio; the processor time of nbdkit counts, too."""
    path = where / "nbdkit"
    with (
        c.filled(c.nbdkit_memory(path), path, where / "nbdkit.log") as server,
        pysrp_server(where, server[0]) as between,
    ):
        yield partial(pysrp_load, [between], "batch", behind=server[1])


@contextmanager
def fio(where: Path, engine: str) -> Iterator[Run]:
    """fio on the file itself: as many jobs as clients by io_uring; by psync, which has no depth, four of them."""
    need("fio", "fio", tools=("fio",))
    path = image(where)
    words = (f"--ioengine={engine}", f"--filename={path}")

    def run(row: Row, seconds: float) -> Figures:
        jobs = row.clients * (4 if engine == "psync" and row.depth > 1 else 1)
        return c.fio(row, seconds, *words, jobs=jobs)

    yield cached(path, run)


@contextmanager
def loop_device(where: Path) -> Iterator[str]:
    """The path of a new loop device."""
    need("losetup", "util-linux", tools=("losetup",))
    command = [c.find("losetup") or "", "--find", "--show", "--direct-io=on", str(image(where))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"no loop device, which root may have: {done.stderr.strip()}")
    device = done.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run([command[0], "--detach", device], check=True)


@contextmanager
def pysrp_direct(where: Path) -> Iterator[Run]:
    with loop_device(where) as device, pysrp_server(where, f"file:{device}?direct=1") as server:
        yield partial(pysrp_load, [server], "batch")


@contextmanager
def fio_direct(where: Path) -> Iterator[Run]:
    need("fio", "fio", tools=("fio",))
    with loop_device(where) as device:
        words = ("--ioengine=io_uring", "--direct=1", f"--filename={device}")
        yield lambda row, seconds: c.fio(row, seconds, *words, jobs=row.clients)


@contextmanager
def pysrp_luns(where: Path, slow: str) -> Iterator[Run]:
    """64 LUNs of RAM. ``slow``: the fault rules of the first LUN."""
    with pysrp_server(where, f"{slow}ram:1M", *["ram:1M"] * 63) as server:
        yield partial(pysrp_load, [server], "LUNs")


CONTESTANTS: dict[str, dict[str, Callable[[Path], Any]]] = {
    "RAM": {
        "pysrp": c.pysrp,
        "pysrp (a call each)": partial(c.pysrp, how="call"),
        "floor": partial(c.floor, spin=20),
        "floor (not spinning)": partial(c.floor, spin=0),
        "tgtd + libiscsi": c.libiscsi,
        "tgtd + iscsi-perf": c.iscsi_perf,
        NBDKIT: c.nbdkit,
        "qemu-storage-daemon + fio": c.qemu,
    },
    **{
        f"RAM, {how}": {"pysrp": partial(c.pysrp, how=how), COLUMNS: c.pysrp, NBDKIT: c.nbdkit}
        for how in ("call", "buffers", "execute", "read", "asyncio", "sessions")
    },
    "RAM, clients": {
        "pysrp": c.pysrp,
        ONE_CLIENT: partial(c.pysrp, clients=1),
        OWN_SERVERS: partial(c.pysrp, apart=True),
    },
    "file": {
        "pysrp": pysrp,
        URING: partial(fio, engine="io_uring"),
        PSYNC: partial(fio, engine="psync"),
        NBDKIT: nbdkit,
    },
    "loop": {"pysrp": pysrp_direct, URING: fio_direct},
    "NBD": {"pysrp": pysrp_nbd, NBDKIT: c.nbdkit},
    "RBD": {"pysrp": cluster.pysrp, FIO_RBD: cluster.fio},
    "LUNs": {
        "pysrp": partial(pysrp_luns, slow="fault:delay,constant=20ms:"),
        NONE_SLOW: partial(pysrp_luns, slow=""),
    },
}
"""Medium of a row: its contestants."""
