"""``pysrp demo``: the scenario of the ibmvstgt README with two processes; then data is written, read and compared."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pysrp.cli.common import human
from pysrp.cli.initiator import copy_in, copy_out
from pysrp.cli.listing import row
from pysrp.errors import SrpError
from pysrp.initiator.session import Device, Session
from pysrp.scst import Client, socket_of

ROOT = "/sys/kernel/scst_tgt"
TARGET = "targets/ibmvstgt/ibmvstgt_target_0"
DISKS = 16
DISK_MB = 32
HOST = 2


def say(text: str = "") -> None:
    """Print a line and flush it."""
    click.echo(text)
    sys.stdout.flush()


def shell(command: str) -> None:
    """Print a shell command as the README prints it."""
    click.secho(f"# {command}", bold=True)


class Terminal(logging.Handler):
    """Prints the initiator's log lines, as a kernel log would have them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print it."""
        say(record.getMessage())


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """``pysrp serve`` in a process of its own: its URL and the process. It is ended by SIGTERM."""
    url = f"unix:{folder / 'vios'}"
    command = [sys.executable, "-m", "pysrp.cli", "serve", url, "--disable", "--json", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise SrpError(f"the server did not start: exit status {process.wait()}")
        assert json.loads(line)["url"] == url
        yield url, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


def columns(names: list[str], width: int = 8) -> str:
    """Names in columns, as ls prints them."""
    per = max(shutil.get_terminal_size().columns // width, 1) if sys.stdout.isatty() else 8
    lines = [
        "  ".join(f"{n:<{width - 2}}" for n in names[i : i + per]).rstrip() for i in range(0, len(names), per)
    ]
    return "\n".join(lines)


def configure(tree: Client) -> None:
    """The README's steps in the target partition: add disks, export them, enable the target."""
    for i in range(DISKS):
        tree.write("handlers/vdisk_ram/mgmt", f"add_device ram{i:03} size_mb={DISK_MB}")
    shell(f"ls {ROOT}/devices")
    names = sorted(tree.ls("devices"))
    say(columns(names))
    lines = textwrap.wrap(
        f"for name in {' '.join(names)}", 60, subsequent_indent=" " * 12, break_on_hyphens=False
    )
    say("\n  lun=0\n  " + " \\\n  ".join(lines) + "\n  do")
    say(f'    lun=$((lun+256))\n    echo "add $name $lun" \\\n      >{ROOT}/{TARGET}/luns/mgmt\n  done')
    for i, name in enumerate(names, 1):
        tree.write(f"{TARGET}/luns/mgmt", f"add {name} {256 * i}")
    say(f"  echo 1 >{ROOT}/{TARGET}/enabled\n")
    tree.write(f"{TARGET}/enabled", "1")
    shell(f"cat {ROOT}/{TARGET}/addr_method")
    say(tree.read(f"{TARGET}/addr_method").rstrip())
    shell(f"ls {ROOT}/{TARGET}/luns")
    say(columns(sorted((n for n in tree.ls(f"{TARGET}/luns") if n.isdigit()), key=int), 6))
    say("mgmt")
    shell(f"cat {ROOT}/{TARGET}/enabled")
    say(tree.read(f"{TARGET}/enabled").rstrip())


class Digest:
    """A file to write to, which keeps only a SHA-256 checksum."""

    def __init__(self) -> None:
        self.sum: Any = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Add to the checksum."""
        self.sum.update(data)
        return len(data)


def verify(disks: list[Device]) -> dict[str, Any]:
    """Fill every disk with data of its own, then read every disk back and compare."""
    sums, written, start = {}, 0, time.monotonic()
    for d in disks:
        blocks, block = d.capacity()
        data = random.Random(str(d.hctl)).randbytes(1 << 20) * (blocks * block >> 20)
        written += copy_in(d, 0, blocks, block, io.BytesIO(data)).done
        sums[d.hctl] = hashlib.sha256(data).digest()
    middle, bad = time.monotonic(), []
    for d in disks:
        blocks, block = d.capacity()
        sink = Digest()
        copy_out(d, 0, blocks, block, sink)
        if sink.sum.digest() != sums[d.hctl]:
            bad.append(d.hctl)
    end = time.monotonic()
    return {
        "bytes": written,
        "write": written / (middle - start),
        "read": written / (end - middle),
        "bad": bad,
    }


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON.")
def demo(as_json: bool) -> None:
    """Serve sixteen RAM disks in one process, and find, write, read and verify them from another.

    The steps are those of the ibmvstgt README. Target and initiator are two processes over a simulated hypervisor;
    neither root nor a POWER machine is needed.
    """
    if as_json:
        global say, shell
        say = shell = lambda *_, **__: None  # type: ignore[assignment]
    start = time.monotonic()
    log = logging.getLogger("pysrp.initiator")
    log.setLevel(logging.INFO)
    log.addHandler(Terminal())
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pysrp-demo-")))
        url, process = stack.enter_context(server(folder))
        say(f"The target is process {process.pid}, the initiator process {os.getpid()}.")
        say("\n-- In the target partition:")
        tree = stack.enter_context(Client(socket_of(url)))
        configure(tree)
        say("\n-- The log of the initiator:")
        session = stack.enter_context(Session(url, host=HOST, timeout=10.0))
        say("\n-- In the initiator partition:")
        shell(f"rescan-scsi-bus --hosts={HOST} --ids=0-31")
        disks = session.scan(channels=[0], ids=range(32))
        shell(f"lsscsi {HOST}:")
        for d in disks:
            say(row(d))
        expected = [(0, i, 0, "IBM", "VDASD blkdev", "0001") for i in range(1, DISKS + 1)]
        if [(*d.hctl, d.vendor, d.product, d.revision) for d in disks] != expected:
            raise SrpError(f"{len(disks)} disks found, and not the sixteen of the README")
        say("\n-- Real data, on every disk from its first block to its last:")
        result = verify(disks)
        if result["bad"]:
            raise SrpError(f"data read back differs on {result['bad']}")
    seconds = time.monotonic() - start
    if as_json:
        click.echo(json.dumps({"disks": len(disks), "seconds": seconds, **result}))
        return
    each = result["bytes"] // DISKS
    say(
        f"{DISKS} disks, {human(each)} each: written at {human(result['write'])}/s, read at {human(result['read'])}/s, equal"
    )
    say(f"The target has stopped, exit status {process.returncode}. All of it took {seconds:.1f} s.")
