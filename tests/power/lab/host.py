"""What the host must have, and which Debian package brings it: for the lab, and for the tests on the host itself."""

from __future__ import annotations

import shutil
from pathlib import Path

TOOLS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "make": "make",
    "qemu-system-ppc64": "qemu-system-ppc",
    "powerpc64le-linux-gnu-gcc": "gcc-powerpc64le-linux-gnu",
    "qemu-s390x-static": "qemu-user-static",
    "s390x-linux-gnu-gcc": "gcc-s390x-linux-gnu",
}
FILES = {
    "/usr/powerpc64le-linux-gnu/include/stdio.h": "libc6-dev-ppc64el-cross",
    "/usr/s390x-linux-gnu/include/stdio.h": "libc6-dev-s390x-cross",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}


PEERS = {
    "sg_inq": "sg3-utils",
    "xxd": "xxd",
    "hexdump": "bsdextrautils",
    "tshark": "tshark",
    "fusermount3": "fuse3",
    "valgrind": "valgrind",
    "nbdkit": "nbdkit",
    "nbdinfo": "libnbd-bin",
    "qemu-nbd": "qemu-utils",
    "qemu-storage-daemon": "qemu-system-common",
    "ip": "iproute2",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "rbd": "ceph-common",
    "iscsi-test-cu": "libiscsi-bin",
}
"""Of the tests on the host."""


def missing() -> list[str]:
    """The packages to install for the lab, sorted; empty when the host has all."""
    lacking = {package for file, package in FILES.items() if not Path(file).exists()}
    return sorted(lacking | _without(TOOLS))


def missing_peers() -> list[str]:
    """The same for the tests on the host."""
    return sorted(_without(PEERS))


def _without(tools: dict[str, str]) -> set[str]:
    return {package for tool, package in tools.items() if not shutil.which(tool)}
