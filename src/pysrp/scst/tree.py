"""The tree as a whole."""

from __future__ import annotations

import os
from types import TracebackType

from pysrp import __version__
from pysrp.fabric import Identity
from pysrp.scst.devices import HANDLERS, Handler
from pysrp.scst.files import Filesystem
from pysrp.scst.grammar import number
from pysrp.scst.groups import DeviceGroups
from pysrp.scst.nodes import Directory, Folder, Node, attribute, line
from pysrp.scst.targets import DRIVER, Targets
from pysrp.target.lunmap import LunMap
from pysrp.target.reservation_files import ReservationFolder
from pysrp.target.serve import Server

__all__ = ["Tree"]


class Root(Directory):
    """The root, as ``/sys/kernel/scst_tgt``; ``class/ibmvstgt`` is ``/sys/class/ibmvstgt``.

    SCST's files about its threads, its memory and its tracing have no meaning here and do not exist.
    """

    def __init__(self, tree: Tree, targets: Targets) -> None:
        self._tree = tree
        self._targets = targets
        devices = targets.devices
        handlers = {name: Handler(kind, devices) for name, kind in HANDLERS.items()}
        self._folders: dict[str, Node] = {
            "device_groups": DeviceGroups(targets),
            "devices": Folder(lambda: {**devices.by_name}, devices.by_name.get),
            "handlers": Folder(lambda: {**handlers}),
            "targets": Folder(lambda: {DRIVER: Folder(lambda: {**targets.by_name})}),
            "class": Folder(lambda: {DRIVER: Folder(targets.classes)}),
        }

    def entries(self) -> dict[str, Node]:
        """The files and the directories."""
        return {**super().entries(), **self._folders}

    @attribute
    def version(self) -> str:
        """The versions of pysrp and of Linux, and the machine's architecture."""
        system = os.uname()
        return (
            f"SCST version: pysrp {__version__}\n"
            f"Linux kernel version: {system.release}\n"
            f"Linux kernel arch: {system.machine}\n"
        )

    @attribute
    def setup_id(self) -> str:
        """A part of the generated ids of devices: by default a number made of the first target's server.

        So devices of one name on two servers have different ids, unless the same ``setup_id`` is written to both.
        """
        value = self._targets.devices.setup_id
        return line(f"{value:#x}", value != 0)

    @setup_id.store
    def setup_id_store(self, text: str) -> None:
        """A number, 0 for the default; existing devices keep their ids."""
        self._targets.devices.written_setup_id = number(text, "setup_id")

    @attribute
    def last_sysfs_mgmt_res(self) -> str:
        """0 or minus the errno of the last write; EAGAIN while one is under way."""
        return line(self._tree.last_result())


class Tree(Filesystem):
    """SCST's management tree over the targets of this process.

    ::

        luns = LunMap()
        with Tree() as tree, Server("unix:/tmp/vscsi", luns, enabled=False) as server:
            name = tree.add_target(server, luns)                   # "ibmvstgt_target_0"
            tree.write("handlers/vdisk_ram/mgmt", "add_device ram000 size_mb=64")
            tree.write(f"targets/ibmvstgt/{name}/luns/mgmt", "add ram000 256")
            tree.write(f"targets/ibmvstgt/{name}/enabled", "1")
            server.wait()

    Paths are relative to ``/sys/kernel/scst_tgt``; see :class:`Filesystem`. ``patience`` is how many seconds
    a write may take before its writer gets EAGAIN. ``reservations`` is the folder for persistent reservations that outlast the
    server (APTPL), and for saved mode pages, in two files for each device.
    """

    def __init__(self, *, patience: float = 15.0, reservations: ReservationFolder | None = None) -> None:
        self._targets = Targets()
        self._targets.devices.reservations = reservations
        super().__init__(Root(self, self._targets), patience=patience)

    def add_target(self, server: Server, luns: LunMap, identity: Identity | None = None) -> str:
        """Show a server at ``targets/ibmvstgt/``; returns its name there.

        ``luns`` is the map that was given to the server; ``identity`` replaces the server's own.
        """
        return self.manage(lambda: self._targets.add(server, luns, identity or server.identity).name)

    def remove_target(self, name: str) -> None:
        """Remove the target of a server that has stopped; its name is never reused. KeyError if there is none of that name."""
        self.manage(lambda: self._targets.remove(name))

    def __enter__(self) -> Tree:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Accept no more writes, then flush and close the devices, which no server may export any more.

        Harmless when repeated. Raises OSError when a device could not be flushed.
        """
        super().close()
        self._targets.devices.close()
