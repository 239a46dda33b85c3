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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pysrp.backends import Backend, Null, Ram
from pysrp.errors import Busy
from pysrp.media import SCHEMES, open_medium, split
from pysrp.media.faulty import Faulty
from pysrp.media.file import FileMedium
from pysrp.scst.faults import faults
from pysrp.scst.grammar import CommandText, flag, number, octets, refuse
from pysrp.scst.nodes import Directory, Folder, Node, Symlink, attribute, line, store_only
from pysrp.scst.nodes import File as Text
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.flushing import StillUnderWay, flush
from pysrp.target.medium import Feature, Medium
from pysrp.target.reservation_files import ReservationFile, ReservationFolder
from pysrp.target.saved_files import SavedFile
from pysrp.target.units.identity import UnitIdentity, device_number, server_setup_id

if TYPE_CHECKING:  # it needs not be there for other disks
    from pysrp.media.nbd import NbdMedium
    from pysrp.media.rbd import RbdMedium

__all__ = [
    "HANDLERS",
    "BlockIo",
    "DeviceDirectory",
    "Devices",
    "FileIo",
    "Handler",
    "NbdIo",
    "NullIo",
    "RamIo",
    "RbdIo",
    "UrlIo",
]

MIB = 1 << 20
FLUSHING = 30.0
"""Seconds that a flush is waited for, where it can be left alone."""
LONGEST_NAME = 64


@dataclass
class Parameters:
    """What ``add_device`` can say, with SCST's defaults."""

    filename: str = ""
    url: str = ""
    size: int | None = None
    blocksize: int = 512
    read_only: bool = False
    removable: bool = False
    rotational: bool | None = None
    write_through: bool = False
    nv_cache: bool = False
    o_direct: bool = False
    thin_provisioned: bool = False
    t10_dev_id: str | None = None

    def set(self, name: str, value: str) -> None:
        """Take one parameter, of those that :class:`Handler` lets through."""
        match name:
            case "filename":
                if self.filename or not value.startswith("/"):
                    raise refuse(errno.EINVAL, f"filename {value!r}: one absolute path, given once")
                self.filename = value
            case "url":
                if self.url:
                    raise refuse(errno.EINVAL, f"url {value!r}: given once")
                self.url = value
            case "size":
                self.size = octets(value)
            case "size_mb":
                self.size = number(value, name) * MIB
            case "blocksize":
                self.blocksize = number(value, name)
                if self.blocksize < 512 or self.blocksize & self.blocksize - 1:
                    raise refuse(errno.EINVAL, f"blocksize {value}: a power of 2 from 512 on")
            case "t10_dev_id":
                self.t10_dev_id = _short(name, value, 25)
            case _ if name in ONLY:
                if number(value, name) != ONLY[name]:
                    raise refuse(errno.EINVAL, f"{name} can only be {ONLY[name]} here")
            case _ if name in IGNORED:
                number(value, name)
            case _:
                setattr(self, name, flag(value, name))


ONLY = {
    "active": 1,
    "async": 0,
    "bind_alua_state": 1,
    "cluster_mode": 0,
    "dummy": 0,
    "tst": 1,
}
"""Parameters of SCST that are understood, but have only their default here."""

IGNORED = ("lb_per_pb_exp",)
"""Hints without any effect here."""


def _short(name: str, value: str, limit: int) -> str:
    if len(value.encode("utf-8", "surrogateescape")) > limit:
        raise refuse(errno.EINVAL, f"{name}: at most {limit} characters")
    return value


def _identity(name: str, field: str, limit: int) -> attribute:
    """A file with a text of the identity, of at most ``limit`` bytes; a change is told to every nexus."""

    def show(self: DeviceDirectory) -> str:
        return line(getattr(self.disk.identity, field), name in self.written)

    def store(self: DeviceDirectory, text: str) -> None:
        self.identify(name, **{field: _short(name, _first(text), limit)})

    return attribute(show, store)


def flush_medium(medium: Medium) -> None:
    """Put what was written on it. Raises TreeError; EAGAIN: it takes longer than we wait, and goes on."""
    error = flush([medium], None, FLUSHING)[medium]
    if error is None:
        return
    if isinstance(error, (StillUnderWay, Busy)):
        code, why = errno.EAGAIN, str(error)
    else:
        code = (error.errno if isinstance(error, OSError) else None) or errno.EIO
        why = "what was written last may be lost"
    trouble = medium.trouble()
    raise refuse(code, f"putting on {medium!r} what was written: {why}{trouble and f'; {trouble}'}")


def _hexadecimal(name: str, field: str) -> attribute:
    """A file with bytes of the identity as hexadecimal digits; empty takes them away."""

    def show(self: DeviceDirectory) -> str:
        value = getattr(self.disk.identity, field).hex()
        return line(value, bool(value))

    def store(self: DeviceDirectory, text: str) -> None:
        digits = _first(text).strip().removeprefix("0x")
        try:
            self.identify(name, **{field: bytes.fromhex(digits)})
        except ValueError as problem:
            raise refuse(errno.EINVAL, f"{name}: {problem}") from problem

    return attribute(show, store)


def _given(name: str, default: bool = False) -> attribute:
    """A file with a parameter of ``add_device`` that is either 0 or 1."""

    def show(self: DeviceDirectory) -> str:
        value = getattr(self.given, name)
        return line(int(value), value != default)

    return attribute(show)


def _first(text: str) -> str:
    return text.partition("\n")[0]


class DeviceDirectory(Directory):
    """``devices/<name>``: one disk. ``exports`` gives the paths of the LUNs that it has."""

    handler: ClassVar[str]
    accepts: ClassVar[frozenset[str]]
    """The parameters of ``add_device``."""
    turns: bool = True
    """Whether it is taken for a rotating disk where nothing is said, as SCST takes it."""

    def __init__(
        self,
        name: str,
        given: Parameters,
        setup_id: int,
        exports: Callable[[], list[str]],
        stores: tuple[ReservationFile, SavedFile] | None = None,
    ) -> None:
        self.name = name
        self.store: ReservationFile | None = None if stores is None else stores[0]
        self.saved: SavedFile | None = None if stores is None else stores[1]
        self.given = given
        self.written: set[str] = set()
        self.renumbered: Callable[[str], object] = lambda before: None
        """Called when the serial number may have changed, with the one before."""
        self._exports = exports
        self.backend: Backend | Medium = self.open()
        try:
            self.disk: Disk = self.make(self.identity_of(name, setup_id))
        except BaseException:
            self.backend.close()
            raise

    def identity_of(self, name: str, setup_id: int) -> UnitIdentity:
        """Who it says it is, and what is kept of its reservations is found by."""
        given = self.given
        if which := getattr(self.backend, "identity", ""):
            identity = UnitIdentity.of_medium(which)
        else:
            identity = UnitIdentity.named(name, setup_id=setup_id)
        if given.t10_dev_id is not None:
            identity = replace(identity, t10_dev_id=given.t10_dev_id)
            self.written.add("t10_dev_id")
        for store in self._stores():
            store.unit = identity.t10_dev_id
        return identity

    @classmethod
    def about_size(cls) -> str:
        """What ``add_device`` makes of the sizes, for whoever reads ``mgmt``."""
        raise NotImplementedError

    def open(self) -> Backend | Medium:
        """What the parameters ask for."""
        raise NotImplementedError

    def make(self, identity: UnitIdentity) -> Disk:
        """The logical unit over it."""
        given = self.given
        kind = ThinDisk if given.thin_provisioned else Disk
        return kind(
            self.backend,
            self.name,
            identity=identity,
            block_size=given.blocksize,
            read_only=given.read_only,
            removable=given.removable,
            physical_block_size=max(getattr(self.backend, "physical_block", 4096), given.blocksize),
            rotation_rate=15000 if self.spins() else 1,
            # No cache here survives a power failure: what says it does is made true the hard way.
            write_through=given.write_through or given.nv_cache,
            reservations=self.store,
            saved=self.saved,
        )

    def leave(self) -> None:
        """It is about to be exported nowhere, and what is under way to end."""

    def close(self) -> None:
        """Put what was written on its medium and let go of it."""
        for store in self._stores():
            store.close()
        try:
            if not getattr(self.backend, "away", False):  # else another server flushes it
                self.flush()
        finally:
            self.backend.close()

    def flush(self) -> None:
        """Put what was written on its medium. EAGAIN: that goes on."""
        if isinstance(self.backend, Medium):
            flush_medium(self.backend)
        else:
            self.backend.flush()

    def identify(self, name: str, **changes: Any) -> None:
        """Change the identity for the file ``name``: 3F/03 INQUIRY DATA HAS CHANGED for every nexus."""
        before = self.disk.identity
        after = replace(before, **changes)
        if after.t10_dev_id != before.t10_dev_id:
            self._keep_as(after.t10_dev_id)
        self.disk.identity = after
        self.written.add(name)
        self.renumbered(before.serial)
        self.disk.attention(0x3F, 0x03)

    def _keep_as(self, unit: str) -> None:
        """What is kept of it belongs to a unit of another name now."""
        before = [(store, store.unit) for store in self._stores()]
        try:
            for store, _ in before:
                store.unit = unit
            self.disk.keep()
            self.disk.keep_saved()
        except OSError:
            for store, name in before:
                store.unit = name
            raise

    def _stores(self) -> list[ReservationFile | SavedFile]:
        return [store for store in (self.store, self.saved) if store is not None]

    def entries(self) -> dict[str, Node]:
        """The files, the handler, and where it is exported."""
        exported = Folder(lambda: {f"export{i}": Symlink(path) for i, path in enumerate(self._exports())})
        files: dict[str, Node] = {"handler": Symlink(f"handlers/{self.handler}"), "exported": exported}
        if (store := self.store) is not None:
            files["pr_file_name"] = Text(lambda: line(str(store.path)))
        if (saved := self.saved) is not None:
            files["saved_file_name"] = Text(lambda: line(str(saved.path)))
        return {**super().entries(), **files}

    @attribute
    def type(self) -> str:
        """The peripheral device type."""
        return line(int(self.disk.device_type))

    @attribute
    def size(self) -> str:
        """Bytes."""
        return line(self.backend.size, self.size_is_key())

    def size_is_key(self) -> bool:
        """Whether a saved configuration has to tell the size."""
        return True

    @attribute
    def size_mb(self) -> str:
        """MiB."""
        return line(self.backend.size // MIB)

    @attribute
    def blocksize(self) -> str:
        """Bytes of a logical block."""
        return line(self.given.blocksize, self.given.blocksize != 512)

    read_only: attribute = _given("read_only")
    removable: attribute = _given("removable")
    thin_provisioned: attribute = _given("thin_provisioned")

    @attribute
    def rotational(self) -> str:
        """Whether the medium turns (SCST's 15000 per minute); what is memory does not, unless it is to say so."""
        return line(int(self.spins()), self.spins() is not self.turns)

    def spins(self) -> bool:
        """What is reported: what was given, else what such a device does."""
        return self.turns if self.given.rotational is None else self.given.rotational

    @attribute
    def tst(self) -> str:
        """Task set type of the control mode page: 1, every nexus has a task set of its own, unless MODE SELECT has said 0."""
        return line(int(self.disk.order is None))

    t10_vend_id: attribute = _identity("t10_vend_id", "vendor", 8)
    prod_id: attribute = _identity("prod_id", "product", 16)
    prod_rev_lvl: attribute = _identity("prod_rev_lvl", "revision", 4)
    vend_specific_id: attribute = _identity("vend_specific_id", "vendor_specific_id", 128)
    scsi_device_name: attribute = _identity("scsi_device_name", "scsi_name", 256)
    t10_dev_id: attribute = _identity("t10_dev_id", "t10_dev_id", 25)
    usn: attribute = _identity("usn", "serial", 20)
    naa_id: attribute = _hexadecimal("naa_id", "naa")
    eui64_id: attribute = _hexadecimal("eui64_id", "eui64")

    @attribute
    def inq_vend_specific(self) -> str:
        """The vendor specific bytes of INQUIRY; empty: the serial number is there."""
        value = self.disk.identity.vendor_specific or b""
        return line(value.decode("utf-8", "surrogateescape"), bool(value))

    @inq_vend_specific.store
    def inq_vend_specific_store(self, text: str) -> None:
        """At most 160 bytes; empty: the default again."""
        value = _short("inq_vend_specific", _first(text), 160).encode("utf-8", "surrogateescape")
        self.identify("inq_vend_specific", vendor_specific=value or None)

    @store_only
    def sync(self, text: str) -> None:
        """Whatever is written: put everything on the medium."""
        self.flush()


COMMON = frozenset(
    {"blocksize", "read_only", "removable", "rotational", "tst", "t10_dev_id", "thin_provisioned"}
)
CACHES = frozenset({"write_through", "nv_cache"})


class Cached(DeviceDirectory):
    """A device whose medium may keep what is written from the power."""

    write_through: attribute = _given("write_through")
    nv_cache: attribute = _given("nv_cache")


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

    o_direct: attribute = _given("o_direct")

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
        return f"The url says how large it is; it begins with {', '.join(f'{each}:' for each in sorted(SCHEMES))}."

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
        problems = []
        while self.by_name:
            _, device = self.by_name.popitem()
            device.leave()
            try:
                device.close()
            except OSError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]


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
