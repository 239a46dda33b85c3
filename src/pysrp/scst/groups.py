"""``device_groups/``: which target ports reach which devices, and how well (SCST ``README``, "Asymmetric Logical Unit Access").

A device group has devices and target groups; a target group has targets. A target of this tree is shown as a link. Any other
name is a target of another server, shown as a directory whose ``rel_tgt_id`` is that port's relative target port identifier.
:mod:`pysrp.target.units.port_groups` has the meaning for initiators.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, ClassVar

from pysrp.errors import ConfigError
from pysrp.scsi.codes import AsymmetricAccessState as State
from pysrp.scst.device import DeviceDirectory
from pysrp.scst.devices import Devices
from pysrp.scst.grammar import CommandText, refuse, within
from pysrp.scst.nodes import Directory, Folder, Node, Symlink, attribute, line
from pysrp.scst.targets import HIGHEST_ID, Target, Targets
from pysrp.target.units.port_groups import PortGroup, PortGroups

__all__ = ["DeviceGroup", "DeviceGroups", "TargetGroup"]

STATES = {
    "active": State.ACTIVE_OPTIMIZED,
    "nonoptimized": State.ACTIVE_NON_OPTIMIZED,
    "standby": State.STANDBY,
    "unavailable": State.UNAVAILABLE,
    "offline": State.OFFLINE,
    "transitioning": State.TRANSITIONING,
}
"""The states, by SCST's words."""
NAMES = {state: name for name, state in STATES.items()}

LONGEST_NAME = 255
MOST_TARGETS = 255
"""The most targets of a target group: REPORT TARGET PORT GROUPS has one byte for their number."""


def _new_name(name: str, there: dict[str, Any], taken: Directory) -> str:
    """Check the name of a new entry, and return it. EINVAL or EEXIST."""
    if not name or len(name) > LONGEST_NAME or "/" in name or name in (".", "..") or not name.isprintable():
        raise refuse(errno.EINVAL, f"{name!a} is no name: 1 to {LONGEST_NAME} characters without a slash")
    if name in there or name in taken._attributes:
        raise refuse(errno.EEXIST, f"the name {name} is taken")
    return name


class Members(Directory):
    """A directory with a ``mgmt`` file that adds and removes entries. ``made`` are the words that add one."""

    made: ClassVar[tuple[str, ...]] = ("add", "create")

    def members(self) -> dict[str, Any]:
        """The entries that have been added, by name."""
        raise NotImplementedError

    def node(self, name: str) -> Node:
        """The node that shows an entry."""
        node: Node = self.members()[name]
        return node

    def add(self, name: str) -> None:
        """Add an entry."""
        raise NotImplementedError

    def remove(self, name: str) -> None:
        """Remove an entry."""
        raise NotImplementedError

    def entries(self) -> dict[str, Node]:
        """The files, and the entries that have been added."""
        return {**super().entries(), **{name: self.node(name) for name in self.members()}}

    @attribute
    def mgmt(self) -> str:
        """Usage."""
        return "".join(
            f'{"Usage:" if not at else "      "} echo "{verb} NAME" >mgmt\n'
            for at, verb in enumerate((*self.made, "del"))
        )

    @mgmt.store
    def mgmt_store(self, text: str) -> None:
        """``add`` or ``del``."""
        command = CommandText(text)
        verb = command.keyword(*self.made, "del")
        name = command.word()
        command.end()
        if verb != "del":
            self.add(_new_name(name, self.members(), self))
        elif name in self.members():
            self.remove(name)
        else:
            raise refuse(errno.EINVAL, f"there is no {name!r}")


class RemoteTarget(Directory):
    """A target of another server in a target group."""

    def __init__(self, targets: Targets, renumbered: Callable[[], None]) -> None:
        self.id: int = 0
        self._targets = targets
        self._renumbered = renumbered

    @attribute
    def rel_tgt_id(self) -> str:
        """The relative target port id, 0 until it is written."""
        return line(self.id, bool(self.id))

    @rel_tgt_id.store
    def rel_tgt_id_store(self, text: str) -> None:
        """0 to 65535, EBADSLT if a target of this tree has it, as two ports cannot have one id."""
        new = within(text, 0, HIGHEST_ID, "rel_tgt_id")
        for name, local in self._targets.by_name.copy().items():
            if new and local.number == new:
                raise refuse(
                    errno.EBADSLT,
                    f"rel_tgt_id {new} is {name}'s, a target of this tree: write the other server's own",
                )
        self.id = new
        self._renumbered()


class TargetGroup(Members):
    """``target_groups/<name>``: targets with the same access state to the devices of the group."""

    made: ClassVar[tuple[str, ...]] = ("add",)

    def __init__(
        self, number: int, groups: PortGroups, targets: Targets, renumbered: Callable[[], None]
    ) -> None:
        self.number: int = number
        self._groups = groups
        self._targets = targets
        self._renumbered = renumbered
        self.remotes: dict[str, RemoteTarget] = {}
        """Every target that was added, as a remote one, which counts while this tree has no target of that name."""

    def members(self) -> dict[str, Any]:
        """The targets."""
        return self.remotes.copy()

    def node(self, name: str) -> Node:
        """A link to a target of this tree, a directory for another server's target."""
        local = self._targets.by_name.get(name)
        return self.remotes[name] if local is None else Symlink(local.path)

    def add(self, name: str) -> None:
        """Add a target, which may be another server's."""
        if len(self.remotes) >= MOST_TARGETS:
            raise refuse(
                errno.EINVAL, f"the group has {MOST_TARGETS} targets, and can have no more: del one first"
            )
        self.remotes[name] = RemoteTarget(self._targets, self._renumbered)
        self._renumbered()

    def remove(self, name: str) -> None:
        """Remove a target from the group."""
        del self.remotes[name]
        self._renumbered()

    def targets(self) -> tuple[list[Target], list[RemoteTarget]]:
        """The targets of this tree, and those of other servers."""
        there = self._targets.by_name
        return (
            [there[name] for name in self.remotes if name in there],
            [remote for name, remote in self.remotes.items() if name not in there],
        )

    @property
    def group(self) -> PortGroup:
        """The target port group that initiators see."""
        # Without a match, another thread is just changing its number.
        return next((each for each in self._groups if each.number == self.number), PortGroup(self.number))

    def change(self, **fields: Any) -> None:
        """Change fields of :attr:`group`, with unit attentions."""
        self._groups.change(self.number, **fields)

    @attribute
    def group_id(self) -> str:
        """The target port group identifier, unique in the device group."""
        return line(self.number, True)

    @group_id.store
    def group_id_store(self, text: str) -> None:
        """0 to 65535, EINVAL if another target group has it."""
        new = within(text, 0, 0xFFFF, "group_id")
        if new == self.number:
            return
        try:
            self._groups.changed({self.number: {"number": new}})
        except ConfigError:
            raise refuse(errno.EINVAL, f"group_id {new} is another target group's") from None
        self.number = new

    @attribute
    def preferred(self) -> str:
        """PREF: whether initiators should prefer its targets."""
        return line(int(self.group.preferred), self.group.preferred)

    @preferred.store
    def preferred_store(self, text: str) -> None:
        """0 or 1."""
        self.change(preferred=bool(within(text, 0, 1, "preferred")))

    @attribute
    def state(self) -> str:
        """The asymmetric access state, as last written here or set by an initiator."""
        return line(NAMES[self.group.state], True)

    @state.store
    def state_store(self, text: str) -> None:
        """One of SCST's six words; every initiator gets a unit attention."""
        command = CommandText(text)
        word = command.word()
        command.end()
        if word not in STATES:
            raise refuse(errno.EINVAL, f"state {word!r} is unknown; write one of {', '.join(STATES)}")
        if STATES[word] != self.group.state:
            self.change(state=STATES[word])


class TargetGroups(Members):
    """``target_groups`` of a device group."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self.groups: PortGroups = PortGroups()
        self.by_name: dict[str, TargetGroup] = {}

    def members(self) -> dict[str, Any]:
        """The target groups."""
        return self.by_name.copy()

    def add(self, name: str) -> None:
        """Add a target group without targets, active; its ``group_id`` is the lowest free one, from 1 on."""
        taken = {each.number for each in self.groups}
        number = next((at for at in range(1, 1 << 16) if at not in taken), None)
        if number is None:
            raise refuse(errno.ENOSPC, "there are 65535 target groups, and can be no more: del one first")
        self.groups.add(PortGroup(number))
        self.by_name[name] = TargetGroup(number, self.groups, self._targets, self.renumbered)

    def remove(self, name: str) -> None:
        """Remove a target group; its targets are in no group then."""
        self.groups.remove(self.by_name.pop(name).number)

    def renumbered(self) -> None:
        """Update the groups' ports, after targets got other ids or other groups. If two targets have one id, the first counts,
        and targets of this tree come before others.
        """
        ports: dict[int, list[int]] = {each.number: [] for each in self.by_name.values()}
        seen = {0}
        for which in 0, 1:
            for group in self.by_name.values():
                for target in group.targets()[which]:
                    port = target.id if isinstance(target, RemoteTarget) else target.number
                    if port not in seen:
                        seen.add(port)
                        ports[group.number].append(port)
        before = {each.number: each.ports for each in self.groups}
        changed = {
            number: {"ports": tuple(found)}
            for number, found in ports.items()
            if before[number] != tuple(found)
        }
        if changed:
            self.groups.changed(changed)


class GroupDevices(Members):
    """``devices`` of a device group."""

    made: ClassVar[tuple[str, ...]] = ("add",)

    def __init__(self, devices: Devices, groups: PortGroups) -> None:
        self._devices = devices
        self._groups = groups
        self._members: dict[str, DeviceDirectory] = {}

    def members(self) -> dict[str, Any]:
        """The devices of the group that still exist."""
        there = self._devices.by_name
        return {name: each for name, each in self._members.copy().items() if there.get(name) is each}

    def node(self, name: str) -> Node:
        """A link to the device."""
        return Symlink(f"devices/{name}")

    def add(self, name: str) -> None:
        """Add a device; EEXIST if it is in a group already."""
        device = self._devices.by_name.get(name)
        if device is None:
            raise refuse(errno.EINVAL, f"there is no device {name!r}")
        if device.disk.port_groups is not None:
            raise refuse(errno.EEXIST, f"{name} is in another device group: del it there first")
        self._members[name] = device
        device.disk.port_groups = self._groups

    def remove(self, name: str) -> None:
        """Remove a device, which has no target port groups then."""
        self._members.pop(name).disk.port_groups = None


class DeviceGroup(Folder):
    """``device_groups/<name>``: devices, and the target groups through which initiators reach them."""

    def __init__(self, targets: Targets) -> None:
        self.target_groups: TargetGroups = TargetGroups(targets)
        self.devices: GroupDevices = GroupDevices(targets.devices, self.target_groups.groups)
        super().__init__(lambda: {"devices": self.devices, "target_groups": self.target_groups})


class DeviceGroups(Members):
    """``device_groups``."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self.by_name: dict[str, DeviceGroup] = {}
        targets.renumbered = self.renumbered

    def members(self) -> dict[str, Any]:
        """The device groups."""
        return self.by_name.copy()

    def add(self, name: str) -> None:
        """Add an empty device group."""
        self.by_name[name] = DeviceGroup(self._targets)

    def remove(self, name: str) -> None:
        """Remove a device group; its devices are in no group then."""
        group = self.by_name.pop(name)
        for each in group.devices.members():
            group.devices.remove(each)

    def renumbered(self) -> None:
        """Update all target groups, after targets were added or removed or got other ids."""
        for group in self.by_name.values():
            group.target_groups.renumbered()
