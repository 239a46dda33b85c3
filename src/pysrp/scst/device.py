"""``devices/<name>``: one disk, whatever its bytes are; what ``add_device`` can say of it. The kinds are in
:mod:`pysrp.scst.devices`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pysrp.backends import Backend
from pysrp.errors import Busy
from pysrp.scst.grammar import TreeError, flag, number, octets, refuse
from pysrp.scst.nodes import Directory, Folder, Node, Symlink, attribute, line, store_only
from pysrp.scst.nodes import File as Text
from pysrp.target.backend_medium import size_of
from pysrp.target.disk import Disk, ThinDisk
from pysrp.target.flushing import StillUnderWay, flush, goes_on, trouble_of
from pysrp.target.medium import Medium
from pysrp.target.reservation_files import ReservationFile
from pysrp.target.saved_files import SavedFile
from pysrp.target.units.identity import UnitIdentity
from pysrp.target.workers import Pool

__all__ = ["IGNORED", "MIB", "ONLY", "DeviceDirectory", "Parameters", "given_flag"]

MIB = 1 << 20
FLUSHING = 30.0
"""Seconds that a flush is waited for, where it can be left alone."""


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


def close_all(devices: Collection[DeviceDirectory]) -> None:
    """Put what was written on their media, on all at once, and let go of them. The first error is raised in the end.

    Not on what another server has now, nor where a server that has stopped waits for it in vain: that it has told.
    """
    problems: list[Exception] = []
    ours: list[Any] = []
    for device in devices:
        with _noting(problems):
            if not getattr(device.backend, "away", False):
                ours.append(device.backend)
    became: dict[Any, Exception | None] = {}
    with _noting(problems):
        became = flush([each for each in ours if not goes_on(each)], Pool(), FLUSHING)
    for medium in ours:
        with _noting(problems):
            error = became.get(medium, StillUnderWay("it has been waited for, and goes on"))
            if error is not None:
                raise _not_flushed(medium, error)
    for device in devices:
        with _noting(problems):
            device.let_go()
    if problems:
        raise problems[0]


@contextmanager
def _noting(problems: list[Exception]) -> Iterator[None]:
    """Collect an exception, so that the rest is still done."""
    try:
        yield
    except Exception as problem:
        problems.append(problem)


def flush_medium(medium: Backend | Medium) -> None:
    """Put what was written on it. Raises TreeError; EAGAIN: it takes longer than we wait, and goes on."""
    if (error := flush([medium], Pool(), FLUSHING)[medium]) is not None:
        raise _not_flushed(medium, error)


def _not_flushed(medium: Backend | Medium, error: Exception) -> TreeError:
    if isinstance(error, (StillUnderWay, Busy)):
        code, why = errno.EAGAIN, str(error)
    else:
        told = error.errno if isinstance(error, OSError) else None
        code = told if isinstance(told, int) and told else errno.EIO
        why = "what was written last may be lost"
    trouble = trouble_of(medium)
    return refuse(code, f"putting on {medium!r} what was written: {why}{trouble and f'; {trouble}'}")


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


def given_flag(name: str, default: bool = False) -> attribute:
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
        close_all([self])

    def let_go(self) -> None:
        """Close its medium, and the files beside it."""
        with ExitStack() as stack:
            for each in (self.backend, *self._stores()):
                stack.callback(each.close)

    def flush(self) -> None:
        """Put what was written on its medium. EAGAIN: that goes on."""
        flush_medium(self.backend)

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
        return line(size_of(self.backend), self.size_is_key())

    def size_is_key(self) -> bool:
        """Whether a saved configuration has to tell the size."""
        return True

    @attribute
    def size_mb(self) -> str:
        """MiB."""
        return line(size_of(self.backend) // MIB)

    @attribute
    def blocksize(self) -> str:
        """Bytes of a logical block."""
        return line(self.given.blocksize, self.given.blocksize != 512)

    read_only: attribute = given_flag("read_only")
    removable: attribute = given_flag("removable")
    thin_provisioned: attribute = given_flag("thin_provisioned")

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
