"""Device nodes of Linux that take SCSI commands: finding them, opening them, and calling them.

sysfs tells a node's unit by the node's device number, independent of its name: ``/sys/dev/char/21:0`` is
``scsi_generic/sg0``, whose ``device`` is ``0:0:1:0``. Such nodes take SG_IO of version 3, those in ``/dev/bsg`` version 4.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import re
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pysrp.errors import ConfigError, PartnerGone, SrpError, TransportError, UnavailableError
from pysrp.lun import Hctl
from pysrp.scsi.inquiry import Inquiry
from pysrp.sg.call import SgCall, SgCall3, SgCall4
from pysrp.sg.headers import Ioctl, Reset

__all__ = ["Node", "Place", "find", "places"]

SYSFS = Path("/sys")
DEV = Path("/dev")

VERSIONS: dict[str, type[SgCall]] = {
    "scsi_generic": SgCall3,
    "bsg": SgCall4,
    "block": SgCall3,
    "scsi_tape": SgCall3,
    "scsi_changer": SgCall3,
}
"""The version of SG_IO that a node takes, by its subsystem."""

TRANSPORTS = "fc", "iscsi", "sas", "spi", "srp"
"""Transports for which Linux has a class of hosts."""

TRANSFER = 512 << 10
"""The most bytes of one command if the kernel tells no limit."""

_ADDRESS = re.compile(r"(\d+):(\d+):(\d+):(\d+)")


@dataclass(frozen=True)
class Place:
    """A logical unit of this machine: the path of its node, its version of SG_IO, and its directory in sysfs."""

    path: str
    exchange: type[SgCall]
    device: Path

    @property
    def host(self) -> int:
        """Number of the SCSI host."""
        return int(self.device.name.split(":")[0])

    @property
    def hctl(self) -> Hctl:
        """Linux's channel, id and lun."""
        return Hctl(*map(int, self.device.name.split(":")[1:]))

    def nodes(self, subsystem: str) -> list[str]:
        """Names of the unit's devices of a subsystem: ``sda`` of ``block``, ``sg0`` of ``scsi_generic``."""
        folder = self.device / subsystem
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def transport(self) -> str:
        """The transport and the adapter's driver, as far as the kernel tells: ``srp (ibmvscsi)``; else empty."""
        for folder in self.device.resolve().parents:
            if (folder / "scsi_host").is_dir():
                kinds = [kind for kind in TRANSPORTS if (folder / f"{kind}_host").is_dir()]
                driver = folder / "scsi_host" / f"host{self.host}" / "proc_name"
                name = driver.read_text().strip() if driver.exists() else ""
                return " ".join([*kinds[:1], *([f"({name})"] if name else [])])
        return ""

    def inquiry(self) -> Inquiry:
        """Standard INQUIRY data that the kernel read when it found the unit. Needs no permission, and sends no command.

        Raises PartnerGone if the unit has gone.
        """
        try:
            return Inquiry((self.device / "inquiry").read_bytes())
        except OSError:
            raise PartnerGone(f"{self.path}: {_GONE}") from None

    def max_transfer(self) -> int:
        """The most bytes that one command may move: Linux's own limit, and a page for each segment that the adapter takes."""
        most = TRANSFER
        for name in self.nodes("block"):
            most = _number(self.device / "block" / name / "queue/max_sectors_kb", TRANSFER >> 10) << 10
        for folder in self.device.resolve().parents:
            pieces = _number(folder / "scsi_host" / f"host{self.host}" / "sg_tablesize", 0)
            if pieces:
                most = min(most, pieces * mmap.PAGESIZE)
        return most


def _number(file: Path, otherwise: int) -> int:
    """The number in a file of sysfs; ``otherwise`` if it cannot be read."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return otherwise


def find(path: str, sysfs: Path = SYSFS) -> Place:
    """The unit of the node ``path``. Raises ConfigError if it is no SCSI device."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:  # ValueError: a zero byte
        hint = "; 'pysrp lsscsi -s sg:' lists what there is" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"{path!r}: {getattr(error, 'strerror', error)}{hint}") from None
    kind = "char" if stat.S_ISCHR(found.st_mode) else "block" if stat.S_ISBLK(found.st_mode) else ""
    if not kind:
        raise ConfigError(f"{path} is no device: name one such as /dev/sg0")
    entry = sysfs / "dev" / kind / f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    device = entry / "device"
    subsystem = (entry / "subsystem").resolve().name
    if (entry / "partition").exists():
        raise ConfigError(f"{path} is a partition: name the whole disk, {DEV / entry.resolve().parent.name}")
    of_scsi = (device / "subsystem").resolve().name == "scsi" and _ADDRESS.fullmatch(device.resolve().name)
    if subsystem not in VERSIONS or not of_scsi:
        raise ConfigError(f"{path} is not a SCSI device: no SCSI command can be sent to it")
    return Place(path, VERSIONS[subsystem], device.resolve())


def places(sysfs: Path = SYSFS) -> list[Place]:
    """All units of this machine that have a node of SCSI generic, in the order of their addresses.

    Raises UnavailableError if this kernel has no SCSI generic.
    """
    folder = sysfs / "class/scsi_generic"
    if not folder.is_dir():
        raise UnavailableError(
            "this kernel has no SCSI generic (/dev/sg*): 'modprobe sg' as root, if it has SCSI"
        )
    found = [
        Place(str(DEV / entry.name), SgCall3, device)
        for entry in folder.iterdir()
        if _ADDRESS.fullmatch((device := (entry / "device").resolve()).name)
    ]
    return sorted(found, key=lambda place: (place.host, place.hctl))


class Node:
    """A node. Several threads may have commands under way; after :meth:`close` the last one to return closes the descriptor."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.max_transfer: int = place.max_transfer()
        self._lock = threading.Lock()
        self._fd = -1
        self._users = 0
        self._closed = False

    def open(self) -> None:
        """Open it, for reading and writing if that is allowed, else for reading. TransportError, or PartnerGone if closed."""
        with self._lock:
            self._open()

    def _open(self) -> None:
        if self._closed:
            raise PartnerGone(f"{self.place.path} has been closed")
        for flags in (os.O_RDWR, os.O_RDONLY):
            if self._fd < 0:
                try:
                    # O_NONBLOCK: do not wait for a medium, nor for a process that has opened the node with O_EXCL.
                    self._fd = os.open(self.place.path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
                except OSError as error:
                    if flags == os.O_RDONLY or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                        raise _error(self.place.path, error, _OPENING) from None

    def exchange(self, cdb: bytes, data_out: object, room: int, timeout: float) -> SgCall:
        """Carry out one command; returns when it has ended. Raises TransportError if the kernel does not accept it."""
        made = self.place.exchange(cdb, data_out, room, timeout)
        self._call(Ioctl.SG_IO, made.header, f"a CDB of {len(cdb)} bytes with {len(made.data)} bytes of data")
        return made

    def reset(self) -> None:
        """LUN RESET by the kernel. Raises TransportError if it is refused or fails."""
        self._call(Ioctl.SG_SCSI_RESET, ctypes.c_int(Reset.DEVICE | Reset.NO_ESCALATE), "a reset of the unit")

    def _call(self, request: Ioctl, argument: Any, what: str) -> None:
        """Make an ioctl; the descriptor stays open until it returns."""
        with self._lock:
            self._open()
            fd = self._fd
            self._users += 1
        try:
            fcntl.ioctl(fd, request, argument)
        except OSError as error:
            raise _error(f"{self.place.path}: {what}", error, _CALLING) from None
        finally:
            with self._lock:
                self._users -= 1
                self._let_go()

    def close(self) -> None:
        """Close the node as soon as no command is under way. Harmless when repeated."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        if self._closed and not self._users and self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):  # a tape's error at its end: it is closed all the same
                os.close(fd)


_RIGHTS = "only root, or who a udev rule names, may send SCSI commands"
_GONE = "the node is there, its device is not"
_OPENING = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EBUSY: "somebody else has opened it for himself alone",
    errno.ENXIO: _GONE,
    errno.ENODEV: _GONE,
}
"""Explanations for errors of open(2)."""

_CALLING = {
    errno.EPERM: "the kernel does not let this user send it",
    errno.EACCES: "the kernel does not let this user send it",
    errno.EINVAL: "the kernel does not take so many bytes",
    errno.EMSGSIZE: "the kernel does not take so many bytes",
    errno.ENOMEM: "the kernel has no memory for so many bytes",
    errno.ENOTTY: "the node takes no such request",
    errno.EBUSY: "the device is being reset, or has been switched off",
}
"""Explanations for errors of ioctl(2)."""


def _error(said: str, error: OSError, meanings: dict[int, str]) -> SrpError:
    """An exception for an errno, with its explanation from ``meanings``."""
    meaning = meanings.get(error.errno or 0)
    kind = PartnerGone if error.errno in (errno.ENXIO, errno.ENODEV) else TransportError
    return kind(f"{said}: {error.strerror}" + (f": {meaning}" if meaning else ""))
