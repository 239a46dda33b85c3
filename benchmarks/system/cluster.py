"""The contestants on an image of a Ceph cluster: one monitor and one OSD, in memory, started for the first of them."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from system import contestants as c
from system.contestants import MEBIBYTES, Figures, Missing, Run, need, output, pysrp_load, pysrp_server
from system.rows import Row

sys.path.append(str(Path(__file__).parents[2] / "tests"))
import ceph_lab


@cache
def cluster() -> ceph_lab.OwnCephLab:
    """The cluster of this process, for all contestants."""
    if why := ceph_lab.missing():
        raise Missing(why)
    lab = ceph_lab.OwnCephLab(ceph_lab.place() / "c")
    atexit.register(lab.folder.parent.rmdir)
    atexit.register(lab.close)
    return lab


def image(lab: ceph_lab.OwnCephLab, *words: str) -> str:
    """A new image, all of whose objects exist."""
    made = lab.image(MEBIBYTES << 20, *words)
    words = "--io-type", "write", "--io-pattern", "seq", "--io-size", "4M", "--io-total", f"{MEBIBYTES}M"
    lab.run("rbd", "bench", *words, made)
    return made


@contextmanager
def pysrp(where: Path) -> Iterator[Run]:
    """A disk on an image; the processor time of the OSD counts too, as it does for fio."""
    lab = cluster()
    with lab.inside():
        made = image(lab)
        with pysrp_server(where, lab.url(made)) as server:
            osd: subprocess.Popen[Any] = lab.running["osd"]
            yield partial(pysrp_load, [server], "batch", behind=osd)


@contextmanager
def fio(where: Path) -> Iterator[Run]:
    """fio's rbd engine, without librbd's cache, since pysrp does not use it: completed writes are in the cluster. Its jobs
    share an image without a lock, since they would take the lock from each other.
    """
    need("fio", "fio", tools=("fio",))
    if "rbd" not in output(["fio", "--enghelp"], 1).split():
        raise Missing("this fio has no rbd engine")
    lab = cluster()
    with lab.inside():
        pool, _, name = image(lab, "--image-feature=layering").partition("/")
    conf = where / "ceph.conf"
    conf.write_text(f"{lab.conf.read_text()}\n[client]\nrbd cache = false\n")
    engine = "--ioengine=rbd", "--clientname=admin", f"--pool={pool}", f"--rbdname={name}"

    def run(row: Row, seconds: float) -> Figures:
        os.environ["CEPH_CONF"] = str(conf)
        with lab.inside():
            osd: subprocess.Popen[Any] = lab.running["osd"]
            # fio reports only the processor time of its own threads, not that of librbd's.
            return c.fio(row, seconds, *engine, server=osd, jobs=row.clients)._replace(cpu=None)

    yield run
