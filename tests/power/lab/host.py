"""What the host must have, and which Debian package brings it."""

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


def missing() -> list[str]:
    """The packages to install, sorted; empty when the host has all."""
    lacking = {package for tool, package in TOOLS.items() if not shutil.which(tool)}
    lacking |= {package for file, package in FILES.items() if not Path(file).exists()}
    return sorted(lacking)
