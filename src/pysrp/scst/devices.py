"""``handlers/`` and ``devices/``: the disks that can be exported, and where their bytes are.

=============  ================================================================================
handler        a device of it is
=============  ================================================================================
vdisk_fileio   a file or a block device (``filename``, which must exist), through the page cache
               unless ``o_direct`` is set
vdisk_blockio  a block device (``filename``), past the page cache
vdisk_nullio   zeros of any size; what is written is gone
vdisk_ram      memory of the server. **Ours**: SCST's RAM disks are block devices of its kernel
vdisk_nbd      an export of an NBD server (``url``, as :mod:`pysrp.media.nbd` takes it). **Ours**
vdisk_rbd      an image of a Ceph cluster (``url``, as :mod:`pysrp.media.rbd` takes it). **Ours**
vdisk_url      any medium that has a URL (:mod:`pysrp.media`). **Ours**
=============  ================================================================================

A device calls itself ``IBM VDASD blkdev 0001`` until its identity is written, because AIX and IBM i clients
accept no other disks and the ibmvstgt of the time sent just that, whatever ``t10_vend_id``, ``prod_id`` and
``prod_rev_lvl`` said. Here they say it.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pysrp.backends import Backend, Null, Ram
from pysrp.media import open_medium, schemes, split
from pysrp.media.faulty import Faulty
from pysrp.media.file import FileMedium
from pysrp.scst.device import MIB, DeviceDirectory, Parameters, close_all, given_flag
from pysrp.scst.faults import faults
from pysrp.scst.grammar import CommandText, number, octets, refuse
from pysrp.scst.nodes import Directory, Node, Symlink, attribute, line, store_only
from pysrp.target.medium import Feature, Medium
from pysrp.target.reservation_files import ReservationFolder
from pysrp.target.units.identity import device_number, server_setup_id

if TYPE_CHECKING:  # it needs not be there for other disks
    from pysrp.media.nbd import NbdMedium
    from pysrp.media.rbd import RbdMedium

__all__ = [
    "HANDLERS",
    "BlockIo",
    "Devices",
    "FileIo",
    "Handler",
    "NbdIo",
    "NullIo",
    "RamIo",
    "RbdIo",
    "UrlIo",
]

LONGEST_NAME = 64


COMMON = frozenset(
    {"blocksize", "read_only", "removable", "rotational", "tst", "t10_dev_id", "thin_provisioned"}
)
CACHES = frozenset({"write_through", "nv_cache"})


class Cached(DeviceDirectory):
    """A device whose medium may keep what is written from the power."""

    write_through: attribute = given_flag("write_through")
    nv_cache: attribute = given_flag("nv_cache")


class FileIo(Cached):
    """A file or a block device. It must exist: SCST makes none."""

    handler = "vdisk_fileio"
    # SCST parses these for every vdisk and vdisk_fileio takes them all; the sizes mean nothing to it.
    accepts: ClassVar[frozenset[str]] = (
        COMMON
        | CACHES
        | {"filename", "o_direct", "async", "active", "bind_alua_state", "cluster_mode"}
        | {"size", "size_mb", "dummy", "lb_per_pb_exp"}
    )
    backend: FileMedium

    @classmethod
    def about_size(cls) -> str:
        """See :meth:`DeviceDirectory.about_size`."""
        return "The file must exist, and is as large as it is; size and size_mb are taken, and mean nothing."

    def open(self) -> FileMedium:
        """The file."""
        given = self.given
        if not given.filename:
            raise refuse(errno.EINVAL, "filename=/ABSOLUTE/PATH is missing")
        if given.read_only and (given.write_through or given.nv_cache):
            raise refuse(errno.EINVAL, "read_only has neither write_through nor nv_cache")
        return FileMedium(given.filename, read_only=given.read_only, direct=given.o_direct)

    @attribute
    def filename(self) -> str:
        """Where its bytes are."""
        return line(self.given.filename, True)

    o_direct: attribute = given_flag("o_direct")

    @store_only
    def resync_size(self, text: str) -> None:
        """Whatever is written: look how large the file is now."""
        size = self.backend.size_now()
        if size < self.given.blocksize:
            raise refuse(errno.EINVAL, f"the file has {size} bytes now, a block {self.given.blocksize}")
        self.backend.resize()
        self.disk.resized()


class BlockIo(FileIo):
    """A block device, past the page cache. It turns if it does."""

    handler = "vdisk_blockio"
    accepts: ClassVar[frozenset[str]] = FileIo.accepts - {"o_direct", "async"}

    @classmethod
    def about_size(cls) -> str:
        """See :meth:`DeviceDirectory.about_size`."""
        return "The device is as large as it is; size and size_mb are taken, and mean nothing."

    def open(self) -> FileMedium:
        """The device."""
        self.given.o_direct = True
        medium = super().open()
        if not Path(medium.path).is_block_device():
            medium.close()
            raise refuse(errno.EINVAL, f"{medium.path} is no block device: vdisk_fileio takes files")
        self.turns: bool = Feature.ROTATING in medium.features
        return medium

    def entries(self) -> dict[str, Node]:
        """Without ``o_direct``, which goes without saying."""
        found = super().entries()
        del found["o_direct"]
        return found


class Sized(DeviceDirectory):
    """A device that is as large as one likes."""

    default_size: ClassVar[int]
    turns = False

    @classmethod
    def about_size(cls) -> str:
        """See :meth:`DeviceDirectory.about_size`."""
        return f"Without size and size_mb it has {cls.default_size} bytes."

    def wanted(self) -> int:
        """The size asked for, in bytes."""
        return self.checked(self.default_size if self.given.size is None else self.given.size)

    def checked(self, size: int) -> int:
        """``size``, if a disk can have that many bytes."""
        if not size or size % self.given.blocksize:
            raise refuse(errno.EINVAL, f"size {size}: a multiple of the block size, {self.given.blocksize}")
        return size

    def size_is_key(self) -> bool:
        """The default need not be told."""
        return self.backend.size != self.default_size


class NullIo(Sized):
    """Zeros."""

    handler = "vdisk_nullio"
    accepts: ClassVar[frozenset[str]] = COMMON | {"size", "size_mb", "dummy", "cluster_mode"}
    default_size = 2_748_779_069_440
    backend: Null

    def open(self) -> Null:
        """As many zeros as asked for."""
        return Null(self.wanted())

    def resize(self, size: int) -> None:
        """Make it larger or smaller: 2A/09 CAPACITY DATA HAS CHANGED for every nexus."""
        self.backend.size = self.checked(size)
        self.disk.resized()

    size: attribute = attribute(DeviceDirectory.size.show, lambda self, text: self.resize(octets(text)))
    size_mb: attribute = attribute(
        DeviceDirectory.size_mb.show, lambda self, text: self.resize(number(text, "size_mb") * MIB)
    )


class RamIo(Sized):
    """Memory of the server, zeros at first."""

    handler = "vdisk_ram"
    accepts: ClassVar[frozenset[str]] = COMMON | {"size", "size_mb"}
    default_size = 64 * MIB

    def open(self) -> Ram:
        """As much memory as asked for."""
        return Ram(self.wanted())


class UrlIo(Cached):
    """Any medium that has a URL."""

    handler = "vdisk_url"
    accepts: ClassVar[frozenset[str]] = COMMON | CACHES | {"url"}
    turns: bool = False

    @classmethod
    def about_size(cls) -> str:
        """See :meth:`DeviceDirectory.about_size`."""
        return f"The url says how large it is; it begins with {', '.join(f'{each}:' for each in schemes())}."

    def open(self) -> Backend | Medium:
        """What the URL names."""
        if not self.given.url:
            raise refuse(errno.EINVAL, "url=SCHEME:... is missing")
        medium = open_medium(self.given.url, read_only=self.given.read_only)
        if isinstance(medium, Faulty):
            medium.rule_block = self.given.blocksize
        self.turns = isinstance(medium, Medium) and Feature.ROTATING in medium.features
        return medium

    def entries(self) -> dict[str, Node]:
        """With ``faults``, where it has some or may get them."""
        found = super().entries()
        if isinstance(self.backend, Faulty):
            found["faults"] = faults(self.backend)
        return found

    def leave(self) -> None:
        """Nothing hangs for a rule any more."""
        if isinstance(self.backend, Faulty):
            self.backend.clear()

    def size_is_key(self) -> bool:
        """The URL has told it."""
        return False

    @attribute
    def url(self) -> str:
        """Where its bytes are."""
        return line(self.given.url, True)


def _word(value: bool | int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(int(value))


class ElsewhereIo(UrlIo):
    """What another machine has, and tells the size of."""

    accepts: ClassVar[frozenset[str]] = UrlIo.accepts
    scheme: ClassVar[str]
    """What its URLs begin with."""
    backend: NbdMedium | RbdMedium

    def open(self) -> Backend | Medium:
        """What the URL names."""
        scheme, _ = split(self.given.url)
        if self.given.url and not scheme.startswith(self.scheme):
            text = f"url {self.given.url!r} is not of {self.scheme}: vdisk_url takes others"
            raise refuse(errno.EINVAL, text)
        return super().open()

    @attribute
    def status(self) -> str:
        """How things are there, and what there was to do because of it: see ``status()`` of its medium."""
        return line(" ".join(f"{name}={_word(value)}" for name, value in self.backend.status().items()))

    @store_only
    def resync_size(self, text: str) -> None:
        """Whatever is written: be as large as it has been told since."""
        size = self.backend.size_now()
        if size < self.given.blocksize:
            raise refuse(
                errno.EINVAL, f"{self.backend!r} has {size} bytes now, a block {self.given.blocksize}"
            )
        self.backend.resize()
        self.disk.resized()


class NbdIo(ElsewhereIo):
    """An export of an NBD server."""

    handler: ClassVar[str] = "vdisk_nbd"
    scheme: ClassVar[str] = "nbd"

    @classmethod
    def about_size(cls) -> str:
        """See :meth:`DeviceDirectory.about_size`."""
        return "The server says how large it is; the url begins with nbd:, nbds:, nbd+unix: or the like."


class RbdIo(ElsewhereIo):
    """An image of a Ceph cluster. Its ids are made of the image's, and so the same on every server."""

    handler: ClassVar[str] = "vdisk_rbd"
    scheme: ClassVar[str] = "rbd"

    @classmethod
    def about_size(cls) -> str:
        """See :meth:`DeviceDirectory.about_size`."""
        return "The image is as large as it is; the url is rbd:POOL/IMAGE."


HANDLERS: dict[str, type[DeviceDirectory]] = {
    kind.handler: kind for kind in (FileIo, BlockIo, NullIo, RamIo, NbdIo, RbdIo, UrlIo)
}


class Devices:
    """All devices of a tree. ``exports`` gives the LUN paths of a device, ``withdraw`` removes its LUNs."""

    def __init__(
        self, exports: Callable[[DeviceDirectory], list[str]], withdraw: Callable[[DeviceDirectory], None]
    ) -> None:
        self.written_setup_id = 0
        self.server = ""
        """What the server calls itself, empty while that is not known."""
        self.by_name: dict[str, DeviceDirectory] = {}
        self._by_unit: dict[int, DeviceDirectory] = {}
        self._serials: dict[str, list[DeviceDirectory]] = {}
        self._exports = exports
        self._withdraw = withdraw
        self.reservations: ReservationFolder | None = None
        """Where persistent reservations are kept (APTPL), and what else outlasts the server; None: nowhere."""

    @property
    def setup_id(self) -> int:
        """What goes into generated ids beside names: what was written, else what the server is."""
        return self.written_setup_id or server_setup_id(self.server)

    def of(self, handler: str) -> dict[str, DeviceDirectory]:
        """Those of one handler."""
        return {name: device for name, device in self.by_name.copy().items() if device.handler == handler}

    def owner(self, unit: object) -> DeviceDirectory | None:
        """The device whose logical unit this is."""
        return self._by_unit.get(id(unit))

    def add(self, kind: type[DeviceDirectory], name: str, given: Callable[[], Parameters]) -> None:
        """Make a device."""
        if not name:
            raise refuse(errno.EINVAL, "add_device NAME [PARAMETER=VALUE; ...]")
        if len(name) > LONGEST_NAME or "/" in name or name in (".", ".."):
            raise refuse(errno.EINVAL, f"a device name has at most {LONGEST_NAME} characters and no slash")
        if not name.isprintable():
            raise refuse(errno.EINVAL, f"{name!a}: a device name has no characters that cannot be printed")
        if name in self.by_name or name in Handler._attributes:
            raise refuse(errno.EEXIST, f"the name {name} is taken: del_device it first, or choose another")
        parameters = given()
        usn = f"{device_number(name, self.setup_id):x}"
        if others := self._serials.get(usn):
            raise refuse(
                errno.EEXIST, f"{others[0].name} has the usn {usn} that {name} would get: write another to it"
            )
        with ExitStack() as stack:
            stores = None
            if (folder := self.reservations) is not None:
                stores = stack.enter_context(folder.of(name)), stack.enter_context(folder.saved(name))
            device = kind(name, parameters, self.setup_id, lambda: self._exports(device), stores)
            serial = device.disk.identity.serial
            if getattr(device.backend, "identity", "") and self._serials.get(serial):
                device.close()
                raise refuse(
                    errno.EEXIST, f"{self._serials[serial][0].name} is {name}'s {device.backend!r} already"
                )
            stack.pop_all()
        device.renumbered = lambda before: self._renumbered(device, before)
        self.by_name[name] = self._by_unit[id(device.disk)] = device
        self._renumbered(device)

    def _renumbered(self, device: DeviceDirectory, before: str | None = None) -> None:
        """A device has a serial number, or has another than before."""
        if before is not None:
            self._serials[before].remove(device)
        self._serials.setdefault(device.disk.identity.serial, []).append(device)

    def remove(self, kind: type[DeviceDirectory], name: str) -> None:
        """Withdraw a device from everybody who sees it, then close it."""
        device = self.by_name.get(name)
        if not isinstance(device, kind):
            raise refuse(errno.EINVAL, f"{kind.handler} has no device {name!r}")
        device.leave()
        self._withdraw(device)
        del self.by_name[name], self._by_unit[id(device.disk)]
        self._serials[device.disk.identity.serial].remove(device)
        device.close()

    def close(self) -> None:
        """Close them all; the first failure is raised when all have been tried."""
        devices = list(self.by_name.values())
        self.by_name.clear()
        with ExitStack() as stack:
            stack.callback(close_all, devices)
            for device in devices:
                stack.callback(device.leave)


class Handler(Directory):
    """``handlers/<handler>``: makes devices of one kind."""

    def __init__(self, kind: type[DeviceDirectory], devices: Devices) -> None:
        self._kind = kind
        self._devices = devices

    def entries(self) -> dict[str, Node]:
        """The files, and links to its devices."""
        return {
            **super().entries(),
            **{name: Symlink(f"devices/{name}") for name in self._devices.of(self._kind.handler)},
        }

    def entry(self, name: str) -> Node | None:
        """A file, or the link to one device."""
        if isinstance(self._devices.by_name.get(name), self._kind):
            return Symlink(f"devices/{name}")
        return super().entries().get(name)

    @attribute
    def type(self) -> str:
        """What its devices are."""
        return line("0 - Direct-access device (e.g., magnetic disk)")

    @attribute
    def mgmt(self) -> str:
        """How to use it."""
        return (
            'Usage: echo "add_device NAME [PARAMETER=VALUE; ...]" >mgmt\n'
            '       echo "del_device NAME" >mgmt\n'
            f"Parameters: {', '.join(sorted(self._kind.accepts))}\n"
            f"{self._kind.about_size()}\n"
            "A word with blanks, = or ; stands in double quotes.\n"
        )

    @mgmt.store
    def mgmt_store(self, text: str) -> None:
        """``add_device`` or ``del_device``."""
        command = CommandText(text)
        verb = command.keyword("add_device", "del_device")
        name = command.word()
        if verb == "add_device":
            self._devices.add(self._kind, name, lambda: self._parameters(command.parameters()))
        else:
            command.end()
            self._devices.remove(self._kind, name)

    def _parameters(self, pairs: Iterable[tuple[str, str]]) -> Parameters:
        given = Parameters()
        for name, value in pairs:
            if name not in self._kind.accepts:
                raise refuse(
                    errno.EINVAL, f"unknown parameter {name!r}: {', '.join(sorted(self._kind.accepts))}"
                )
            given.set(name, value)
        return given
