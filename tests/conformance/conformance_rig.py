"""Disks of each kind over each medium, two initiators of each, and what one of them may say to a command."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ceph_lab
from loop_device import loop_device
from nbd_servers import NbdServer
from pysrp.initiator.session import Options, Session
from pysrp.initiator.units import Result
from pysrp.lun import Lun
from pysrp.mad import OsType
from pysrp.media import open_medium
from pysrp.scsi.sense import parse_sense
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

AS_SRP_HAS_IT = Options(os_type=OsType.AIX, strict=True)
"""A residual is told as SRP says, not as Linux' ibmvscsi takes it."""
LUN = Lun("8100000000000000")
SIZE = 2 << 20

Answer = int | tuple[int, int, int]
"""A status, or sense key, ASC and ASCQ of a CHECK CONDITION."""
GOOD, CONFLICT = 0, 0x18
OUT_OF_RANGE, IN_CDB, IN_LIST, CUT = (5, 0x21, 0), (5, 0x24, 0), (5, 0x26, 0), (5, 0x1A, 0)
NO_COMMAND, PROTECTED, SWP = (5, 0x20, 0), (7, 0x27, 0), (7, 0x27, 2)
NO_MEDIUM, STOPPED, CHANGED = (2, 0x3A, 0), (2, 4, 2), (6, 0x28, 0)
MISCOMPARE, PREVENTED, NO_SAVING = (0xE, 0x1D, 0), (5, 0x53, 2), (5, 0x39, 0)


@dataclass(frozen=True)
class Kind:
    """A kind of unit: its medium, its blocks, and what is true of it."""

    medium: str
    block: int
    thin: bool = False
    read_only: bool = False
    removable: bool = False

    def __str__(self) -> str:
        words = [self.medium, str(self.block), "thin" if self.thin else "thick"]
        return "-".join(words + [name for name in ("read_only", "removable") if getattr(self, name)])

    @property
    def granule(self) -> int:
        """Bytes of which the medium tells whether they are mapped; 0: it says of all that they are."""
        return {"nbd": 32768, "rbd": 65536, "device": 0}.get(self.medium, 4096)

    @property
    def holds(self) -> bool:
        """Whether what is written can be read."""
        return self.medium != "null"


KINDS = [
    Kind("ram", 512, thin=True),
    Kind("ram", 4096),
    Kind("ram", 512, read_only=True),
    Kind("ram", 4096, thin=True, read_only=True),
    Kind("ram", 512, thin=True, removable=True),
    Kind("file", 512),
    Kind("file", 4096, thin=True),
    Kind("file", 512, removable=True),
    Kind("null", 512),
    Kind("null", 4096, removable=True),
    Kind("device", 512),
    Kind("device", 4096, thin=True),
    Kind("nbd", 512, thin=True),
    Kind("nbd", 4096, removable=True),
    Kind("rbd", 512, thin=True),
    Kind("rbd", 4096),
    Kind("fault", 512, thin=True),
]
"""Each medium thick and thin, with both sizes of blocks, as far as that makes other requests of it. What a read-only or a
removable disk refuses is no matter of its medium: one or two of those do.
"""


def path_of_file(stack: ExitStack, folder: Path, block: int, size: int) -> str:
    path = folder / "image"
    path.touch()
    os.truncate(path, size)
    return str(path)


def device(stack: ExitStack, folder: Path, block: int, size: int) -> str:
    return stack.enter_context(loop_device(folder / "image", size, block))


def nbd(stack: ExitStack, folder: Path, block: int, size: int) -> str:
    server = NbdServer(folder, "memory", size)
    stack.callback(server.kill)
    return server.uri


def rbd(stack: ExitStack, folder: Path, block: int, size: int) -> str:
    """A new image; this thread stays in the cluster's network, so that librbd finds it."""
    lab = ceph_lab.shared()
    stack.enter_context(lab.inside())
    return lab.url(lab.image(size, "--object-size=64K"))


MEDIA: dict[str, Callable[[ExitStack, Path, int, int], str]] = {
    "ram": lambda *given: f"ram:{given[-1]}",
    "null": lambda *given: f"null:{given[-1]}",
    "fault": lambda *given: f"fault:ram:{given[-1]}",
    "file": path_of_file,
    "device": device,
    "nbd": nbd,
    "rbd": rbd,
}
"""The URL of one, of so many bytes, zeros; a device has sectors of the disk's blocks."""


class Unit:
    """A disk and two initiators, each with a server of its own."""

    def __init__(self, kind: Kind, disk: Disk, sessions: list[Session]) -> None:
        self.kind, self.disk, self.sessions = kind, disk, sessions
        self.size, self.blocks = kind.block, disk.blocks
        self.atomic = bool(disk.max_atomic)
        self.medium = disk.backend
        for who in range(2):
            while self(bytes(6), who=who).status:  # it is new to them
                pass

    @property
    def physical(self) -> int:
        """Blocks of a physical block."""
        return 1 << (self.good(struct.pack(">BB8xI2x", 0x9E, 0x10, 32), room=32)[13] & 0xF)

    def __call__(self, cdb: bytes, data: bytes = b"", room: int = 0, who: int = 0) -> Result:
        return self.sessions[who].execute(
            LUN, cdb, data_out=data or None, data_in_length=room, check=False, timeout=60
        )

    def answer(self, cdb: bytes, data: bytes = b"", room: int = 0, who: int = 0) -> Answer:
        """How a command ends."""
        return how(self(cdb, data, room, who))

    def good(self, cdb: bytes, data: bytes = b"", room: int = 0, who: int = 0) -> bytes:
        """The data of a command that has to be GOOD."""
        result = self(cdb, data, room, who)
        assert how(result) == GOOD, f"{cdb.hex()}: {how(result)}"
        return result.data


def how(result: Result) -> Answer:
    """Status, or sense key, ASC and ASCQ."""
    if result.status != 2:
        return result.status
    sense: Any = parse_sense(result.sense)
    return int(sense.sense_key), int(sense.asc), int(sense.ascq)


@contextlib.contextmanager
def unit(kind: Kind, folder: Path, size: int = SIZE) -> Iterator[Unit]:
    """One, for a while."""
    with ExitStack() as stack:
        medium = open_medium(MEDIA[kind.medium](stack, folder, kind.block, size))
        stack.callback(medium.close)
        disk = (ThinDisk if kind.thin else Disk)(
            medium, "d", block_size=kind.block, read_only=kind.read_only, removable=kind.removable
        )
        sessions = []
        for number in range(2):
            url = f"unix:{folder}/s{number}"
            stack.enter_context(Server(url, LunMap([(256, disk)])))
            sessions.append(stack.enter_context(Session(url, options=AS_SRP_HAS_IT)))
        yield Unit(kind, disk, sessions)
