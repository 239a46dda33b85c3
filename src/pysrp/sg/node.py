"""A device node of Linux that takes SCSI commands: what it is, what it is for, and how it is called.

sysfs says what a node leads to, whatever its name is: ``/sys/dev/char/21:0`` is ``scsi_generic/sg0``, whose
``device`` is ``0:0:1:0``. Linux takes SG_IO there in version 3, at ``/dev/bsg`` in version 4.
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
"""Subsystem of a node: the version of SG_IO that it takes."""

TRANSPORTS = "fc", "iscsi", "sas", "spi", "srp"
"""Transports of which Linux has a class of hosts."""

TRANSFER = 512 << 10
"""Bytes of one command where the kernel tells no limit."""

_ADDRESS = re.compile(r"(\d+):(\d+):(\d+):(\d+)")


@dataclass(frozen=True)
class Place:
    """Where a logical unit is: a node to call, and the folder that sysfs has for the unit."""

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
        """What carries its commands, and the adapter's driver, as far as the kernel tells: ``srp (ibmvscsi)``."""
        for folder in self.device.resolve().parents:
            if (folder / "scsi_host").is_dir():
                kinds = [kind for kind in TRANSPORTS if (folder / f"{kind}_host").is_dir()]
                driver = folder / "scsi_host" / f"host{self.host}" / "proc_name"
                name = driver.read_text().strip() if driver.exists() else ""
                return " ".join([*kinds[:1], *([f"({name})"] if name else [])])
        return ""

    def inquiry(self) -> Inquiry:
        """Standard INQUIRY data as the kernel read it when it found the unit; it takes no rights and no command.

        Raises PartnerGone if the unit has gone.
        """
        try:
            return Inquiry((self.device / "inquiry").read_bytes())
        except OSError:
            raise PartnerGone(f"{self.path}: {_GONE}") from None

    def max_transfer(self) -> int:
        """Bytes that one command may move: what Linux itself sends at most, in as many pieces as the adapter takes."""
        most = TRANSFER
        for name in self.nodes("block"):
            most = _number(self.device / "block" / name / "queue/max_sectors_kb", TRANSFER >> 10) << 10
        for folder in self.device.resolve().parents:
            pieces = _number(folder / "scsi_host" / f"host{self.host}" / "sg_tablesize", 0)
            if pieces:
                most = min(most, pieces * mmap.PAGESIZE)
        return most


def _number(file: Path, otherwise: int) -> int:
    """The number in a file of sysfs."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return otherwise


def find(path: str, sysfs: Path = SYSFS) -> Place:
    """What the node ``path`` leads to. Raises ConfigError, in words, if it is no SCSI device."""
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
    """Every unit of this machine that SCSI generic has, in the order of their addresses.

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
    """An open node. Several threads may have commands under way; the last one to come back closes it, if it is to be."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.max_transfer: int = place.max_transfer()
        self._lock = threading.Lock()
        self._fd = -1
        self._users = 0
        self._closed = False

    def open(self) -> None:
        """Open it, for reading and writing if that is allowed. Raises TransportError, in words."""
        with self._lock:
            self._open()

    def _open(self) -> None:
        if self._closed:
            raise PartnerGone(f"{self.place.path} has been closed")
        for flags in (os.O_RDWR, os.O_RDONLY):
            if self._fd < 0:
                try:
                    # Not to wait for a medium, nor for somebody who has opened it alone.
                    self._fd = os.open(self.place.path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
                except OSError as error:
                    if flags == os.O_RDONLY or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                        raise _error(self.place.path, error, _OPENING) from None

    def exchange(self, cdb: bytes, data_out: object, room: int, timeout: float) -> SgCall:
        """Carry out one command; returns when it has ended. Raises TransportError where the kernel does not take it."""
        made = self.place.exchange(cdb, data_out, room, timeout)
        self._call(Ioctl.SG_IO, made.header, f"a CDB of {len(cdb)} bytes with {len(made.data)} bytes of data")
        return made

    def reset(self) -> None:
        """LUN RESET, by the kernel. Raises TransportError where it is refused or fails."""
        self._call(Ioctl.SG_SCSI_RESET, ctypes.c_int(Reset.DEVICE | Reset.NO_ESCALATE), "a reset of the unit")

    def _call(self, request: Ioctl, argument: Any, what: str) -> None:
        """An ioctl, while nobody closes the node."""
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
        """Close it as soon as no command is under way. Harmless when repeated."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        if self._closed and not self._users and self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):  # it is closed all the same: what a tape has to say of its end
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
"""What it means that a node cannot be opened."""

_CALLING = {
    errno.EPERM: "the kernel does not let this user send it",
    errno.EACCES: "the kernel does not let this user send it",
    errno.EINVAL: "the kernel does not take so many bytes",
    errno.EMSGSIZE: "the kernel does not take so many bytes",
    errno.ENOMEM: "the kernel has no memory for so many bytes",
    errno.ENOTTY: "the node takes no such request",
    errno.EBUSY: "the device is being reset, or has been switched off",
}
"""What it means that a request is not carried out."""


def _error(said: str, error: OSError, meanings: dict[int, str]) -> SrpError:
    """An exception for an errno, with what it means here."""
    meaning = meanings.get(error.errno or 0)
    kind = PartnerGone if error.errno in (errno.ENXIO, errno.ENODEV) else TransportError
    return kind(f"{said}: {error.strerror}" + (f": {meaning}" if meaning else ""))
