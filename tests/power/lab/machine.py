"""One run: boot a pseries machine without disk images, run a guest script in it, bring the results back."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .debian import SUITE, digest, digest_files, locked, made

if TYPE_CHECKING:
    from . import Lab

GUEST = Path(__file__).parents[1] / "guest"
INITRD_MODULES = ("virtio_pci", "9pnet_virtio", "9p")
KEEP_RUNS = 40

# Beside a busy processor the whole machine stands still for longer than its kernel takes for a lockup by itself.
PATIENT = "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120"

# Lines of the kernel's log that no scenario may leave behind.
FAULT = re.compile(
    r"\b(BUG: |Oops: |WARNING: CPU|Kernel panic|Call Trace:|self-detected stall|detected stalls|soft lockup"
    r"|blocked for more than|general protection|use-after-free)"
)


@dataclass
class Disk:
    """A disk, or with cdrom=True a CD, that QEMU's own VSCSI target offers."""

    image: Path | str
    id: int = 0
    lun: int = 0
    channel: int = 0
    cdrom: bool = False
    readonly: bool = False
    options: str = ""  # more -device options, "logical_block_size=4096"
    drive: str = ""  # more -drive options, "throttling.iops-total=100"


@dataclass
class Result:
    """What a run left behind. `folder` is the share the guest saw as /share; all files in it are kept."""

    folder: Path
    status: int | None  # the guest script's exit status; None: it never ended
    seconds: float
    timed_out: bool
    records: list[dict[str, Any]] = field(default_factory=list)  # what the script recorded, in order

    def _text(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def output(self) -> str:
        """What the script printed."""
        return self._text("output.txt")

    @property
    def console(self) -> str:
        """The machine's console: the kernel's log, and crashes that never reached a file."""
        return self._text("console.txt")

    @property
    def dmesg(self) -> str:
        """The kernel's log when the script had ended."""
        return self._text("dmesg.txt")

    def record(self, name: str) -> dict[str, Any]:
        """The last record of that name."""
        return next(r for r in reversed(self.records) if r["name"] == name)

    @property
    def faults(self) -> list[str]:
        """Lines of the kernel's log that tell of a kernel in trouble."""
        return [line for line in (self.dmesg or self.console).splitlines() if FAULT.search(line)]

    def problems(self) -> list[str]:
        """Why this run is no success; empty when it is one."""
        found = [f"{r['name']}: {r.get('why', 'not ok')}" for r in self.records if r.get("ok") is False]
        if self.timed_out:
            found.append(f"did not end within {self.seconds:.0f} s")
        elif self.status is None:
            found.append("the machine stopped before the script had ended")
        elif self.status:
            found.append(f"the script exited with {self.status}")
        return found + [f"kernel: {line}" for line in self.faults]

    def check(self) -> Result:
        """Raise AssertionError unless the script ended with 0, recorded no failure, and the kernel is well"""
        problems = self.problems()
        if problems:
            tail = "\n".join((self.output or self.console).splitlines()[-40:])
            raise AssertionError("\n".join([*problems, f"in {self.folder}; the end of the output:", tail]))
        return self


def prepare(lab: Lab, suite: str) -> Path:
    """Everything a boot of that suite's kernel needs; the initrd's path."""
    kernel = lab.kernel(suite)
    busybox = lab.root / "bin/busybox"
    init = GUEST / "init.sh"
    key = digest(kernel.key, digest_files([busybox, init, Path(__file__)]))

    def make(target: Path) -> None:
        files = [("bin/busybox", busybox.read_bytes()), ("init", init.read_bytes())]
        tree = kernel.tree / "lib/modules" / kernel.version
        order = dict.fromkeys(f for m in INITRD_MODULES for f in kernel.load_order[m])
        files += [(f"modules/{i:02}.ko", (tree / f).read_bytes()) for i, f in enumerate(order)]
        (target / "initrd").write_bytes(cpio(files))

    assert lab.modules(suite).is_dir()
    return made(lab.cache / f"initrd-{key}", make) / "initrd"


def cpio(files: Sequence[tuple[str, bytes]]) -> bytes:
    """An initramfs (cpio, "newc") of executable files; folders are made as needed."""
    out = bytearray()
    folders = dict.fromkeys(
        str(p) for name, _ in files for p in reversed(Path(name).parents) if str(p) != "."
    )
    entries = (
        [(f, 0o40755, b"") for f in folders] + [(n, 0o100755, d) for n, d in files] + [("TRAILER!!!", 0, b"")]
    )
    for number, (name, mode, data) in enumerate(entries):
        numbers = (number + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % n for n in numbers) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


def _folder(cache: Path, script: Path) -> Path:
    """A new folder for a run; the oldest ones go."""
    runs = cache / "runs"
    runs.mkdir(exist_ok=True)
    with locked(runs):
        old = sorted((p for p in runs.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
        for folder in old[:-KEEP_RUNS]:
            shutil.rmtree(folder, ignore_errors=True)
        stamp = time.strftime("%m%d-%H%M%S")
        for number in itertools.count():
            folder = runs / f"{stamp}-{script.stem}-{number}"
            if not folder.exists():
                folder.mkdir()
                return folder
    raise AssertionError


def run(
    lab: Lab,
    script: str | Path,
    *args: object,
    disks: Sequence[Disk | Path | str] = (),
    adapters: Mapping[int, Sequence[Disk | Path | str]] | None = None,
    pysrp: bool = False,
    path: Sequence[Path] = (),
    shares: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    cpus: int = 1,
    memory: int = 1024,
    machine: str = "",
    kernel: str = SUITE,
    kernel_args: str = "",
    timeout: float = 900,
) -> Result:
    """Boot, run `script` (a name in tests/power/guest, or a path) with `args`, power off, report.

    disks        behind one client adapter, unit 0x30000003; a plain path is the disk at id, lun, channel 0
    adapters     instead of disks: unit address to disks. Of two the fourth digits from the right must differ: QEMU's interrupts
    pysrp        cross-build pysrp and put it on the script's PYTHONPATH
    path         more host folders for PYTHONPATH, read-only in the guest
    shares       host folders that the guest sees as /shares/0, /shares/1, ... and may write
    environment  variables for the script
    cpus, memory of the machine; MiB
    machine      more options of QEMU's pseries machine, "ic-mode=xics"
    kernel       the Debian suite whose kernel to boot
    kernel_args  more kernel command line
    timeout      in seconds, from power-on; the machine is then killed and Result.timed_out set

    In the guest: /share is Result.folder (writable), /guest tests/power/guest, /modules our modules.
    Scripts import `labguest` for records, module loading and the like.
    """
    initrd = prepare(lab, kernel)
    script = Path(script)
    folder = _folder(lab.cache, script)
    if script.is_absolute():
        shutil.copyfile(script, folder / script.name)
        inside = f"/share/{script.name}"
    else:
        inside = f"/guest/{script}"

    booted = lab.kernel(kernel)
    mounts = [("root", lab.root, True), ("tree", booted.tree / "lib/modules", True), ("guest", GUEST, True),
              ("modules", lab.modules(kernel), True), ("share", folder, False)]  # fmt: skip
    extra = [(p, True) for p in ([lab.pysrp] if pysrp else []) + list(path)]
    imports = [f"/shares/{len(shares) + n}" for n in range(len(extra))]
    every = [(p, False) for p in shares] + extra
    mounts += [(f"share{n}", p, readonly) for n, (p, readonly) in enumerate(every)]

    variables = {"PYTHONPATH": ":".join(["/guest", *imports]), "PYTHONDONTWRITEBYTECODE": "1",
                 "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **(environment or {})}  # fmt: skip
    command = shlex.join(["python3.11", "-u", inside, *map(str, args)])
    (folder / "run.sh").write_text(
        "".join(f"mkdir -p /shares/{n} && mount_9p share{n} /shares/{n} {'ro' if ro else 'rw'}\n"
                for n, (_, ro) in enumerate(every))
        + "".join(f"export {k}={shlex.quote(v)}\n" for k, v in variables.items())
        + f"cd /share\n{command} >output.txt 2>&1\necho $? >status.txt\ndmesg >dmesg.txt\n"
    )  # fmt: skip

    qemu: list[object] = ["qemu-system-ppc64", "-M", "pseries,x-vof=on" + (machine and "," + machine),
                          "-cpu", "power9", "-smp", cpus, "-m", f"{memory}M", "-name", "pysrp-lab",
                          "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot",
                          "-serial", f"file:{folder / 'console.txt'}",
                          "-kernel", booted.image, "-initrd", initrd,
                          "-append", f"console=hvc0 panic=-1 {PATIENT} {kernel_args}".strip()]  # fmt: skip
    for tag, host, readonly in mounts:
        options = f"local,path={_escape(host)},mount_tag={tag},security_model=none,multidevs=remap"
        qemu += ["-virtfs", options + (",readonly=on" if readonly else "")]
    qemu += _adapters({0x30000003: disks} if adapters is None else adapters)

    start = time.monotonic()
    timed_out = False
    with (folder / "qemu.txt").open("w") as log:
        log.write(shlex.join(map(str, qemu)) + "\n")
        log.flush()
        process = subprocess.Popen([str(q) for q in qemu], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    seconds = time.monotonic() - start
    if process.returncode and not timed_out:
        raise RuntimeError(f"QEMU exit {process.returncode}: {(folder / 'qemu.txt').read_text()[-2000:]}")

    status = folder / "status.txt"
    results = folder / "results.jsonl"
    return Result(
        folder,
        int(status.read_text()) if status.exists() and status.read_text().strip() else None,
        seconds,
        timed_out,
        [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else [],
    )


def _escape(path: Path | str) -> str:
    """A path in a QEMU option list, where a comma is doubled."""
    return os.fspath(path).replace(",", ",,")


def _adapters(adapters: Mapping[int, Sequence[Disk | Path | str]]) -> list[str]:
    options: list[str] = []
    number = itertools.count()
    for unit, disks in adapters.items():
        options += ["-device", f"spapr-vscsi,id=v{unit:x},reg={unit:#x}"]
        for disk in disks:
            d = disk if isinstance(disk, Disk) else Disk(disk)
            n = next(number)
            readonly = "on" if d.readonly or d.cdrom else "off"
            kind = "cd" if d.cdrom else "hd"
            options += ["-drive", f"if=none,id=d{n},format=raw,file={_escape(d.image)},readonly={readonly}"]
            options[-1] += d.drive and "," + d.drive
            place = f"channel={d.channel},scsi-id={d.id},lun={d.lun}" + (d.options and "," + d.options)
            options += ["-device", f"scsi-{kind},bus=v{unit:x}.0,drive=d{n},{place}"]
    return options
