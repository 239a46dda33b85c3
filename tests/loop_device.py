"""Block devices for tests: loop devices, where this machine lets us have any."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def partition(device: str, start: int, sectors: int) -> Iterator[str]:
    """The path of a partition of it, from a sector on; skips where there can be none. No table of it is written."""
    command = ["addpart", device, "1", str(start), str(sectors)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"NO PARTITIONS HERE: {done.stderr.strip()}")
    try:
        yield f"{device}p1"
    finally:
        subprocess.run(["delpart", device, "1"], check=True)


@contextmanager
def loop_device(file: Path, size: int, sector: int = 512) -> Iterator[str]:
    """The path of a device of so many bytes over a sparse file, in sectors of that size; skips where there can be none.

    Whoever has opened it keeps it when this is left.
    """
    file.touch()
    os.truncate(file, size)
    command = ["losetup", "--find", "--show", f"--sector-size={sector}", file]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NO LOOP DEVICES HERE: losetup is not installed (util-linux)")
    if done.returncode:
        pytest.skip(f"NO LOOP DEVICES HERE: {done.stderr.strip()}")
    device = done.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
