"""SCSI generic without one: nodes whose SG_IO is played by hand, from the headers alone, over our own target.

What is played is the kernel's part of the ioctl: it finds the CDB and the data by the pointers of the header, carries
the command out at a real target, and writes status, sense and residual where the header says. The lab's guests have
real ones (tests/power).
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from pysrp import sg
from pysrp.backends import Ram
from pysrp.initiator.session import Session
from pysrp.initiator.units import Result
from pysrp.lun import Lun
from pysrp.sg import aio
from pysrp.sg.headers import Ioctl, SgIoHdr, SgIoV4
from pysrp.sg.node import Node
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.target.serve import Server

SIZE = 1 << 20
_names = itertools.count()


class Sysfs:
    """A tree with the folders that sysfs has for SCSI devices; nodes are devices that every machine has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        address: str,
        *,
        subsystem: str = "scsi_generic",
        name: str = "null",
        number: str = "1:3",
        kind: str = "char",
        inquiry: bytes = b"",
        of: str = "scsi",
        limit_kb: int | None = 512,
        pieces: int = 2048,
    ) -> Path:
        """A unit of that address, with a node /dev/``name`` of that number; the unit's folder."""
        host = self.folder / f"devices/host{address.split(':')[0]}"
        device = host / "target" / address
        node = device / subsystem / name
        for each in (
            node,
            self.folder / "bus" / of,
            self.folder / "class" / subsystem,
            self.folder / "dev" / kind,
        ):
            each.mkdir(parents=True, exist_ok=True)
        if not (device / "subsystem").exists():
            (device / "subsystem").symlink_to(self.folder / "bus" / of)
        if inquiry or not (device / "inquiry").exists():
            (device / "inquiry").write_bytes(inquiry)
        (node / "device").symlink_to(device)
        (node / "subsystem").symlink_to(self.folder / "class" / subsystem)
        (self.folder / "class" / subsystem / name).symlink_to(node)
        (self.folder / "dev" / kind / number).symlink_to(node)
        if limit_kb is not None:
            (device / "block/sdz/queue").mkdir(parents=True, exist_ok=True)
            (device / "block/sdz/queue/max_sectors_kb").write_text(f"{limit_kb}\n")
        numbers = host / "scsi_host" / host.name
        numbers.mkdir(parents=True, exist_ok=True)
        (numbers / "sg_tablesize").write_text(f"{pieces}\n")
        return device


class Wired(Node):
    """A node whose commands are carried out by our own target, at :attr:`lun`."""

    url: ClassVar[str]
    """Where the target is."""
    target: ClassVar[Session]
    lun: ClassVar[Lun]
    lock: ClassVar[threading.Lock]
    before: ClassVar[Callable[[bytes], Any] | None] = None
    """Called with each CDB; a tuple of status, sense, residual, host and driver byte in place of the unit's answer."""

    def _call(self, request: Ioctl, argument: Any, what: str) -> None:
        if request is Ioctl.SG_SCSI_RESET:
            assert argument.value == 0x101
            with self.lock:
                self.target.lun_reset(self.lun)
            return
        if isinstance(argument, SgIoHdr):
            version_3(argument, self.carry_out)
        else:
            version_4(argument, self.carry_out)

    def carry_out(self, cdb: bytes, data_out: bytes | None, room: int) -> tuple[Result, int, int]:
        before = type(self).before
        answer = before(cdb) if before is not None else None
        if answer is not None:
            status, sense, residual, host, driver = answer
            return Result(status, b"", sense, residual, 0), host, driver
        with self.lock:
            result = self.target.execute(self.lun, cdb, data_out=data_out, data_in_length=room, check=False)
        return result, 0, 8 if result.sense else 0


def version_3(header: SgIoHdr, carry_out: Callable[..., tuple[Result, int, int]]) -> None:
    """SG_IO with the header of version 3."""
    assert (header.interface_id, header.iovec_count, header.flags) == (ord("S"), 0, 0)
    out = header.dxfer_direction == -2
    assert header.dxfer_direction == (-1 if not header.dxfer_len else -2 if out else -3)
    data_out = ctypes.string_at(header.dxferp, header.dxfer_len) if out else None
    result, host, driver = carry_out(
        ctypes.string_at(header.cmdp, header.cmd_len), data_out, 0 if out else header.dxfer_len
    )
    if not out and result.data:
        ctypes.memmove(header.dxferp, result.data, len(result.data))
    ctypes.memmove(header.sbp, result.sense, len(result.sense))
    header.status, header.masked_status, header.sb_len_wr = (
        result.status,
        result.status >> 1,
        len(result.sense),
    )
    header.host_status, header.driver_status, header.resid = host, driver, result.residual
    header.info = int(bool(result.status or host or driver))


def version_4(header: SgIoV4, carry_out: Callable[..., tuple[Result, int, int]]) -> None:
    """SG_IO with the header of version 4."""
    assert (header.guard, header.protocol, header.subprotocol) == (ord("Q"), 0, 0)
    out = bool(header.dout_xfer_len)
    data_out = ctypes.string_at(header.dout_xferp, header.dout_xfer_len) if out else None
    result, host, driver = carry_out(
        ctypes.string_at(header.request, header.request_len), data_out, header.din_xfer_len
    )
    if result.data:
        ctypes.memmove(header.din_xferp, result.data, len(result.data))
    ctypes.memmove(header.response, result.sense, len(result.sense))
    header.device_status, header.response_len = result.status, len(result.sense)
    header.transport_status, header.driver_status = host, driver
    if out:
        header.dout_resid = result.residual
    else:
        header.din_resid = result.residual


@contextmanager
def wired(block_size: int = 512) -> Iterator[tuple[type[Wired], Disk]]:
    """A kind of node that leads to a disk of 1 MiB, and the disk."""
    disk = Disk(Ram(SIZE), "wired", block_size=block_size)
    with Server(f"local:sg{next(_names)}", LunMap([(256, disk)])) as server, Session(server.url) as session:
        (found,) = session.scan(channels=[0], ids=[1])

        class Here(Wired):
            url, target, lun, lock = server.url, session, found.lun, threading.Lock()

        yield Here, disk


class BlockingSession(sg.Session):
    """With nodes that lead to our own target."""

    def __init__(self, node: type[Node], *arguments: Any, **keywords: Any) -> None:
        self._node = node
        super().__init__(*arguments, **keywords)


class AioSession(aio.Session):
    """The same in asyncio."""

    def __init__(self, node: type[Node], *arguments: Any, **keywords: Any) -> None:
        self._node = node
        super().__init__(*arguments, **keywords)
