"""The target of the system benchmark: one RAM disk. ``pysrp_server.py URL MEBIBYTES``; ends with its standard input."""

from __future__ import annotations

import sys

from pysrp.backends import Ram
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server


def main() -> None:
    url, size = sys.argv[1], int(sys.argv[2]) << 20
    backend = Ram(size)
    chunk = memoryview(b"\x5a" * (1 << 20))
    for at in range(0, size, len(chunk)):
        backend.write_from(at, chunk)  # pages that exist, as the rivals have
    with Server(url, LunMap([(0, Disk(backend))])):
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
