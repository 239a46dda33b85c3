"""The POWER lab: real Virtual SCSI peers in QEMU, on any Debian-like x86 machine.

A scenario is a guest script (``tests/power/guest/NAME.py``, run by Debian's Python inside a pseries
machine) and a pytest function that starts it::

    def test_something(lab, tmp_path):
        lab.run("something.py", disks=[image]).check()

`Lab` builds what is needed once (packages, kernel modules, initrd, pysrp itself) and keeps it under
``$PYSRP_LAB_CACHE`` (default ``~/.cache/pysrp-lab``), each piece in a folder named after the hash of
what it was made from. Nothing is installed on the host but the tools `missing` names.

Modules of this package: `debian` fetches and unpacks, `modules` builds kernel modules and redirects
drivers to the lab's hypervisor, `cross` builds pysrp for a guest, `machine` boots and reports.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from . import cross, debian, machine, modules
from .debian import LabUnavailable
from .host import missing
from .machine import Disk, Result

__all__ = ["Disk", "Lab", "LabUnavailable", "Result", "missing"]

REPO = Path(__file__).parents[3]


class Lab:
    """Everything a scenario needs; each piece is made when it is first asked for.

    Raises `LabUnavailable`, naming what is missing, when the host lacks a tool or packages cannot be
    fetched. Any other exception is a defect of the lab or of what it builds.
    """

    def __init__(self, cache: Path | str | None = None) -> None:
        lacking = missing()
        if lacking:
            raise LabUnavailable("missing on this host: " + ", ".join(lacking) + " (tests/setup.sh)")
        chosen = cache or os.environ.get("PYSRP_LAB_CACHE") or Path.home() / ".cache/pysrp-lab"
        self.cache = Path(chosen).expanduser().resolve()
        self.cache.mkdir(parents=True, exist_ok=True)
        self.debian = debian.Debian(self.cache)
        self._kernels: dict[str, modules.Kernel] = {}
        self._modules: dict[str, Path] = {}

    def kernel(self, suite: str = debian.SUITE) -> modules.Kernel:
        """The ppc64el kernel of a Debian suite: image, module tree, headers to build against."""
        if suite not in self._kernels:
            apt = self.debian if suite == debian.SUITE else debian.Debian(self.cache, suite, ["ppc64el"])
            self._kernels[suite] = modules.Kernel(apt)
        return self._kernels[suite]

    def modules(self, suite: str = debian.SUITE) -> Path:
        """Folder with vscsi_crq.ko, vscsi_lab.ko, and the redirected ibmvscsi_lab.ko, vscsi_crq_lab.ko."""
        if suite not in self._modules:
            self._modules[suite] = modules.build(self.kernel(suite), self.cache, REPO)
        return self._modules[suite]

    @cached_property
    def root(self) -> Path:
        """The guest's file system: Python 3.11, busybox, sg3_utils, lsscsi, e2fsprogs, ... for ppc64el."""
        return self.debian.guest_root("ppc64el")

    @cached_property
    def pysrp(self) -> Path:
        """A folder to put on the guest's PYTHONPATH: pysrp, cross-built for ppc64le."""
        return cross.build_pysrp(self.debian, self.cache, REPO, "ppc64el")

    @cached_property
    def s390x(self) -> cross.Foreign:
        """A big-endian Python on this host (qemu-user) with pysrp cross-built for it."""
        return cross.Foreign(self.debian, self.cache, REPO, "s390x")

    def setup(self) -> None:
        """Make everything that a scenario needs unless it asks for another suite's kernel."""
        self.setup_kernel()
        assert self.pysrp.is_dir()
        assert self.s390x.pysrp.is_dir()

    def setup_kernel(self, suite: str = debian.SUITE) -> None:
        """Make what a boot of that suite's kernel needs."""
        machine.prepare(self, suite)

    def run(self, script: str | Path, *args: object, **options: object) -> Result:
        """Boot a machine, run a guest script in it, power off. Options: see `machine.run`."""
        return machine.run(self, script, *args, **options)  # type: ignore[arg-type]
