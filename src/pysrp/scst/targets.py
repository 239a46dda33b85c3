"""``targets/ibmvstgt/``: the adapters, their LUNs and their sessions.

As with SCST's driver, there is one target for each adapter, named ``ibmvstgt_target_<n>``; n counts from 0 on and is never
reused. There is no ``mgmt`` file and there are no initiator groups.
"""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from pysrp.errors import ConfigError
from pysrp.fabric import Identity
from pysrp.lun import AddressMethod
from pysrp.scst.device import DeviceDirectory
from pysrp.scst.devices import Devices
from pysrp.scst.grammar import CommandText, flag, number, refuse, within
from pysrp.scst.nodes import Directory, File, Folder, Node, Symlink, attribute, line
from pysrp.target.lunmap import Export, LunMap
from pysrp.target.serve import Server
from pysrp.target.srp_session import TargetSession as Login
from pysrp.target.task import Unit

__all__ = ["DRIVER", "Luns", "SessionDirectory", "Target", "Targets"]

DRIVER = "ibmvstgt"
HIGHEST_LUN = 0x3FFF
HIGHEST_ID = 0xFFFF
METHODS = ("PERIPHERAL", "FLAT", "LUN")


@contextmanager
def _one_of_two() -> Iterator[None]:
    """Turn a ConfigError into EBADSLT: a server that is in no tree, or in another one, has the same number."""
    try:
        yield
    except ConfigError as problem:
        raise refuse(errno.EBADSLT, str(problem)) from None


class Target(Directory):
    """``targets/ibmvstgt/<name>``: one adapter."""

    def __init__(self, name: str, server: Server, luns: LunMap, identity: Identity, targets: Targets) -> None:
        self.name = name
        self.path: str = f"targets/{DRIVER}/{name}"
        self.server = server
        self.luns = luns
        self.identity = identity
        self.exports: Luns = Luns(self, targets.devices)
        self._targets = targets
        self._id: int = (server.settings.relative_port or 0) if server.enabled else 0
        self._comment = ""
        self._lock = threading.Lock()
        self._logins: dict[int, Login] = {}

    def entries(self) -> dict[str, Node]:
        """The files, the LUNs and the sessions."""
        return {**super().entries(), "luns": self.exports, "sessions": Folder(self._sessions)}

    def _sessions(self) -> dict[str, Node]:
        """Sessions by the initiator's name, which with VSCSI is the adapter's unit address; further ones get a number."""
        there = [one for one in (adapter.target.session for adapter in self.server.adapters()) if one]
        with self._lock:
            # A session keeps its number, and a new session gets the lowest free one.
            self._logins = {i: one for i, one in self._logins.items() if one in there}
            for one in there:
                if one not in self._logins.values():
                    self._logins[next(i for i in itertools.count() if i not in self._logins)] = one
            logins = sorted(self._logins.items())
        name = f"{self.identity.unit_address:x}"
        return {f"{name}_{i}" if i else name: SessionDirectory(name, one, self.path) for i, one in logins}

    @property
    def id(self) -> int:
        """The relative target port id while enabled, else 0."""
        return self._id if self.server.enabled else 0

    @property
    def number(self) -> int:
        """The relative target port id that it has, or will have when it is enabled; 0: not known yet."""
        return self._id

    @attribute
    def enabled(self) -> str:
        """Whether initiators may log in."""
        return line(int(self.server.enabled))

    @enabled.store
    def enabled_store(self, text: str) -> None:
        """0 or 1; only the first character counts. Enabling gives a relative target port id to a target that has none."""
        if text[:1] not in ("0", "1"):
            raise refuse(errno.EINVAL, "write 1 to enable the target, 0 to disable it")
        if text[0] == "0":
            self.server.disable()
        elif not self.server.enabled:
            self._enable()

    def _enable(self) -> None:
        taken = self.server.relative_ports_of_others() | self._targets.ids(self)
        if self._id in taken:
            raise refuse(errno.EBADSLT, f"rel_tgt_id {self._id} is {taken[self._id]}'s: write another first")
        before = self._id
        self._id = before or next(i for i in range(1, HIGHEST_ID + 1) if i not in taken)
        try:
            with _one_of_two():
                self.server.renumber(self._id)
                self._targets.renumbered()
                self.server.enable()
        except BaseException:
            self._id = before  # another server got the number meanwhile
            self._targets.renumbered()
            raise

    @attribute
    def rel_tgt_id(self) -> str:
        """The relative target port id, 0 as long as there is none."""
        return line(self._id, bool(self._id))

    @rel_tgt_id.store
    def rel_tgt_id_store(self, text: str) -> None:
        """1 to 65535, or, while the target is disabled, 0."""
        new = number(text, "rel_tgt_id")
        if new > HIGHEST_ID or (not new and self.server.enabled):
            raise refuse(
                errno.EINVAL, f"rel_tgt_id {new}: 1 to {HIGHEST_ID}, or 0 while the target is disabled"
            )
        taken = self._targets.ids(self)
        if self.server.enabled and new in taken:
            raise refuse(errno.EBADSLT, f"rel_tgt_id {new} is {taken[new]}'s")
        if new:
            with _one_of_two():
                self.server.renumber(new)
        self._id = new
        self._targets.renumbered()

    @attribute
    def comment(self) -> str:
        """A remark; an empty file if there is none."""
        return line(self._comment, True) if self._comment else ""

    @comment.store
    def comment_store(self, text: str) -> None:
        """Any line; an empty one clears it."""
        self._comment = text.partition("\n")[0]

    @attribute
    def addr_method(self) -> str:
        """The addressing method of LUNs in REPORT LUNS data: PERIPHERAL, FLAT or LUN, ibmvstgt's default."""
        method = self.luns.method
        return line(method.name, method is not AddressMethod.LUN)

    @addr_method.store
    def addr_method_store(self, text: str) -> None:
        """A method's name in any case, or a prefix of it; text after the name is ignored: ``f``, ``lun, please``."""
        wanted = text.upper()
        for name in METHODS:
            length = min(len(name), len(wanted))
            if length and wanted[:length] == name[:length]:
                self.luns.method = AddressMethod[name]
                return
        raise refuse(errno.EINVAL, f"{text.strip()!r} is none of {', '.join(METHODS)}")


class Luns(Directory):
    """``luns/`` of a target: a directory for each LUN, and ``mgmt``."""

    def __init__(self, target: Target, devices: Devices) -> None:
        self._path = f"{target.path}/luns"
        self._server = target.server
        self._luns = target.luns
        self._devices = devices

    def entries(self) -> dict[str, Node]:
        """``mgmt`` and the LUNs."""
        return {**super().entries(), **{str(one.lun): self._lun(one) for one in self._luns}}

    def entry(self, name: str) -> Node | None:
        """``mgmt`` or a LUN."""
        if not name.isdecimal():
            return super().entries().get(name)
        lun = int(name) if len(name) <= len(str(HIGHEST_LUN)) else -1
        export = self._luns.get(lun) if name == str(lun) else None
        return self._lun(export) if export else None

    def together(self) -> AbstractContextManager[None]:
        """Several LUNs become visible at once, with one unit attention."""
        return self._luns.together()

    def _lun(self, export: Export) -> Node:
        device = self._devices.owner(export.unit)
        read_only = export.read_only or bool(getattr(export.unit, "read_only", False))
        files: dict[str, Node] = {"read_only": File(lambda: line(int(read_only), read_only))}
        if device:
            files["device"] = Symlink(f"devices/{device.name}")
        return Folder(lambda: files)

    def paths(self, unit: Unit) -> list[str]:
        """The paths of a unit's LUNs."""
        return [f"{self._path}/{lun}" for lun in self._luns.places(unit)]

    def withdraw(self, unit: Unit) -> None:
        """Remove a unit's LUNs; returns when the unit has no command under way."""
        self._luns.withdraw(unit)
        # Even if it had no LUN any more: after a replace its commands may still run.
        self._server.drain(unit)

    @attribute
    def mgmt(self) -> str:
        """Usage."""
        return (
            'Usage: echo "add DEVICE LUN [read_only=N]" >mgmt\n'
            '       echo "replace DEVICE LUN [read_only=N]" >mgmt\n'
            '       echo "replace_no_ua DEVICE LUN [read_only=N]" >mgmt\n'
            '       echo "del LUN" >mgmt\n'
            '       echo "clear" >mgmt\n'
        )

    @mgmt.store
    def mgmt_store(self, text: str) -> None:
        """``add``, ``replace``, ``replace_no_ua``, ``del`` or ``clear``, checked in SCST's order."""
        command = CommandText(text)
        luns = self._luns
        match command.keyword("add", "replace", "replace_no_ua", "del", "clear"):
            case "clear":
                command.end()
                gone = {id(one.unit): one.unit for one in luns}
                luns.clear()
                for unit in gone.values():
                    self._server.drain(unit)
            case "del":
                lun = number(command.word(), "LUN")
                command.end()
                export = luns.get(lun)
                if export is None:
                    raise refuse(errno.EINVAL, f"there is no LUN {lun}")
                luns.remove(lun)
                self._server.drain(export.unit)
            case verb:
                name = command.word()
                device = self._devices.by_name.get(name)
                if not device:
                    raise refuse(errno.EINVAL, f"there is no device {name!r}: make one with handlers/*/mgmt")
                lun = within(command.word(), 0, HIGHEST_LUN, "LUN")
                read_only = False
                for parameter, value in command.parameters():
                    if parameter != "read_only":
                        raise refuse(errno.EINVAL, f"unknown parameter {parameter!r}: read_only")
                    read_only = flag(value, parameter)
                if verb != "add":
                    luns.replace(lun, device.disk, read_only=read_only, attention=verb == "replace")
                elif lun in luns:
                    raise refuse(errno.EEXIST, f"LUN {lun} is taken: del it first, or replace it")
                else:
                    luns.add(lun, device.disk, read_only=read_only)


class SessionDirectory(Directory):
    """``sessions/<name>``: one login. There is no ``force_close``: ibmvstgt cannot."""

    def __init__(self, name: str, login: Login, target: str) -> None:
        self._name = name
        self._login = login
        self._target = target

    def entries(self) -> dict[str, Node]:
        """The files, and the LUNs that the session sees."""
        return {**super().entries(), "luns": Symlink(f"{self._target}/luns")}

    @attribute
    def initiator_name(self) -> str:
        """The adapter's unit address, which ibmvstgt uses as the name of every initiator."""
        return line(self._name)

    @attribute
    def commands(self) -> str:
        """Commands under way."""
        return line(len(self._login.tasks))

    active_commands = commands


class ClassDevice(Directory):
    """``class/ibmvstgt/ibmvstgt-<unit address>``: the files of an adapter in ``/sys/class/ibmvstgt``."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    @attribute
    def system_id(self) -> str:
        """Model and serial number of the machine."""
        return line(self._identity.system_id)

    @attribute
    def partition_number(self) -> str:
        """The number of the server's partition, hexadecimal."""
        return line(f"{self._identity.partition_number:x}")

    @attribute
    def unit_address(self) -> str:
        """The adapter's unit address, hexadecimal."""
        return line(f"{self._identity.unit_address:x}")


class Targets:
    """All targets of a tree."""

    def __init__(self) -> None:
        self.devices: Devices = Devices(self._exports, self._withdraw)
        self.by_name: dict[str, Target] = {}
        self.renumbered: Callable[[], None] = lambda: None
        """Called after targets were added or removed, or got other relative target port ids."""
        self._next = 0

    def add(self, server: Server, luns: LunMap, identity: Identity) -> Target:
        """Add a target."""
        target = Target(f"{DRIVER}_target_{self._next}", server, luns, identity, self)
        self._next += 1
        self.by_name[target.name] = target
        self.devices.server = self.devices.server or server.name
        self.renumbered()
        return target

    def remove(self, name: str) -> None:
        """Remove a target. KeyError if there is none of that name."""
        del self.by_name[name]
        self.renumbered()

    def ids(self, besides: Target) -> dict[int, str]:
        """The relative target port ids of the enabled targets except ``besides``, with the targets' names."""
        return {
            one.id: one.name for one in self.by_name.values() if one is not besides and one.server.enabled
        }

    def classes(self) -> dict[str, Node]:
        """``class/ibmvstgt``: an entry for each adapter, its unit address in decimal."""
        found = [target.identity for target in self.by_name.copy().values()]
        return {f"{DRIVER}-{identity.unit_address}": ClassDevice(identity) for identity in found}

    def _exports(self, device: DeviceDirectory) -> list[str]:
        return [path for target in self.by_name.copy().values() for path in target.exports.paths(device.disk)]

    def _withdraw(self, device: DeviceDirectory) -> None:
        for target in self.by_name.values():
            target.exports.withdraw(device.disk)
