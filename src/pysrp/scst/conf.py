"""``scst.conf``: what scstadmin loads into a tree and saves from it (scst.conf(5)).

The file consists of lines: ``NAME value ...``, ``NAME ... {`` which opens a block, and ``}``. ``#`` begins a
comment **and removes the character before it too**; a backslash escapes any character; a value with
blanks is in double quotes. A block may be on one line, with one value for each name::

    HANDLER vdisk_fileio {
        DEVICE payroll {
            filename /srv/luns/payroll.img
            prod_id "VDASD blkdev"
        }
    }
    TARGET_DRIVER ibmvstgt {
        TARGET ibmvstgt_target_0 {
            enabled 1
            LUN 256 payroll {
                read_only 1
            }
        }
    }
    DEVICE_GROUP mirrored {
        DEVICE payroll
        TARGET_GROUP here {
            group_id 1
            state active
            TARGET ibmvstgt_target_0
        }
        TARGET_GROUP there {
            group_id 2
            state standby
            TARGET other_target {
                rel_tgt_id 2
            }
        }
    }
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pysrp.errors import ConfigError
from pysrp.scst.device import IGNORED
from pysrp.scst.devices import HANDLERS, FileIo
from pysrp.scst.files import Files
from pysrp.scst.grammar import TreeError, flag, number, octets, quote, refuse
from pysrp.scst.nodes import MARK
from pysrp.scst.targets import DRIVER

__all__ = ["Block", "load", "parse", "save"]


@dataclass
class Block:
    """A line of words, and the lines of the block that it opens, if it opens one."""

    words: list[str]
    line: int = 0
    inside: list[Block] = field(default_factory=list)
    opens: bool = False
    shares: bool = False
    """Whether something else is on the same line of the file."""

    @property
    def keyword(self) -> str:
        """The first word."""
        return self.words[0]

    def named(self, *keywords: str) -> Iterator[Block]:
        """The lines inside that begin with one of these words."""
        return (one for one in self.inside if one.keyword in keywords)

    def attributes(self, *besides: str) -> Iterator[Block]:
        """The lines inside that set an attribute. ConfigError for any other line that does not begin with one of ``besides``."""
        for one in self.inside:
            if one.keyword in besides:
                continue
            if one.opens or one.keyword.isupper():
                raise one.wrong(f"{one.keyword} has no place or no meaning here")
            if len(one.words) < 2:
                raise one.wrong(f'{one.keyword} has no value: write "" for an empty one')
            if one.shares and len(one.words) > 2:
                raise one.wrong(
                    f"{one.keyword} has {len(one.words) - 1} values: write each attribute on a line"
                )
            yield one

    @property
    def value(self) -> str:
        """The words after the first."""
        return " ".join(self.words[1:])

    def wrong(self, why: str) -> ConfigError:
        """The exception that points at this line."""
        return ConfigError(f"line {self.line}: {why}")


_COMMENT = re.compile(r"(?:^|[^\\])#.*")
_WORD = re.compile(r'[ \t\r\v\f]*(?:"((?:[^"\\]|\\.)*)"|((?:[^ \t\r\v\f"\\]|\\.)+))(?=[ \t\r\v\f]|$)')
_BLANKS = " \t\r\v\f"
BATCH = 512
"""The most writes to one file in one job."""


def parse(text: str) -> Block:
    """Parse a file into one block. ConfigError, with the line's number, for a syntax error."""
    root = Block([""], opens=True)
    open_blocks = [root]
    for at, whole in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        here: Block | None = None
        alone = True
        for word, brace in _words(_COMMENT.sub("", whole), at):
            if not brace:
                if here is None:
                    here = Block([], at, shares=not alone)
                    open_blocks[-1].inside.append(here)
                here.words.append(word)
                if here.keyword.startswith("["):
                    raise here.wrong("the syntax of SCST 1.x: let scstadmin convert it")
                continue
            alone = False
            if word == "{":
                if here is None:
                    raise Block([], at).wrong("a block without a name")
                here.opens, here.shares = True, False
                open_blocks.append(here)
            elif len(open_blocks) == 1:
                raise Block([], at).wrong("this closes a block that was never opened")
            else:
                if here is not None:
                    here.shares = True
                open_blocks.pop()
            here = None
    if len(open_blocks) > 1:
        raise open_blocks[-1].wrong(f"the block of {open_blocks[-1].keyword} is not closed")
    return root


def _words(line: str, row: int) -> Iterator[tuple[str, bool]]:
    """The words of a line, and its braces: those that stand alone, and one at the end of the line."""
    line = line.rstrip(_BLANKS) if not line.endswith("\\") else line
    at = 0
    while at < len(line):
        found = _WORD.match(line, at)
        if not found:
            raise Block([], row).wrong(
                "a quote that does not end, or is not alone; or a backslash at the end"
            )
        at = found.end()
        bare = found[2]
        if bare is None:
            yield re.sub(r"\\(.)", r"\1", found[1]), False
            continue
        if not bare.strip("{}"):
            yield from ((brace, True) for brace in bare)
            continue
        opens = at == len(line) and bare.endswith("{") and not bare.endswith("\\{")
        yield re.sub(r"\\(.)", r"\1", bare[:-1] if opens else bare), False
        if opens:
            yield "{", True


def load(tree: Files, text: str, *, stop: Callable[[], bool] = lambda: False) -> list[str]:
    """Configure the tree by ``text``, in scstadmin's order: devices, their attributes, LUNs, ``enabled``.

    Returns a line of text for each part that was left out, as it is for other drivers or has no effect here. Existing devices
    and LUNs stay; nothing is deleted. ConfigError for an invalid file, before anything is done. A TreeError, whose text names
    the line, ends it halfway; so does ``stop``, which is called now and then, when it returns True.
    """
    job = _Loading(tree, parse(text), stop)
    job.check()
    job.carry_out()
    return job.left_out


class _Loading:
    """The loading of one file into a tree."""

    def __init__(self, tree: Files, root: Block, stop: Callable[[], bool]) -> None:
        self.tree = tree
        self.root = root
        self.stop = stop
        self.left_out: list[str] = []
        self._path = ""
        self._queue: list[tuple[str, Block]] = []
        """Texts to write to the file at ``_path``, and the lines that they come from."""

    def check(self) -> None:
        """Check that everything in the file has a meaning here, or is for another driver."""
        list(self.root.attributes("HANDLER", "TARGET_DRIVER", "DEVICE_GROUP"))
        named: set[str] = set()
        for handler in self.root.named("HANDLER"):
            if (name := _argument(handler)) not in HANDLERS:
                raise handler.wrong(f"there is no handler {name}: {', '.join(HANDLERS)} are there")
            for _ in handler.attributes("DEVICE"):
                raise handler.wrong("a HANDLER holds DEVICE blocks only")
            for device in handler.named("DEVICE"):
                if (name := _argument(device)) in named:
                    raise device.wrong(f"DEVICE {name} is there twice")
                named.add(name)
                list(device.attributes())
        for driver in self.root.named("TARGET_DRIVER"):
            if (name := _argument(driver)) != DRIVER:
                self.left_out.append(
                    f"line {driver.line}: TARGET_DRIVER {name} is left out: only {DRIVER} is here"
                )
                continue
            list(driver.attributes("TARGET"))
            there = self.tree.ls(f"targets/{DRIVER}")
            for target in driver.named("TARGET"):
                if (name := _argument(target)) not in there:
                    problem = refuse(
                        errno.ENOENT, f"there is no target {name}: {', '.join(there) or 'none'} is there"
                    )
                    with _blaming(target):
                        raise problem
                self._check_target(target)

        for group in self.root.named("DEVICE_GROUP"):
            _argument(group)
            for _ in group.attributes("DEVICE", "TARGET_GROUP"):
                raise group.wrong("a DEVICE_GROUP holds DEVICE and TARGET_GROUP only")
            for each in group.named("DEVICE"):
                _argument(each)
            for each in group.named("TARGET_GROUP"):
                _argument(each)
                list(each.attributes("TARGET"))
                for target in each.named("TARGET"):
                    _argument(target)
                    list(target.attributes())

    def _check_target(self, target: Block) -> None:
        list(target.attributes("LUN"))
        taken: dict[int, int] = {}
        for lun in target.named("LUN"):
            if len(lun.words) != 3:
                raise lun.wrong("LUN takes a number and a device")
            list(lun.attributes())
            with _blaming(lun):
                value = number(lun.words[1], "LUN")
            if value in taken:
                raise lun.wrong(f"LUN {value} is in line {taken[value]}, too")
            taken[value] = lun.line

    def carry_out(self) -> None:
        """Write everything, in scstadmin's order."""
        for one in self.root.attributes("HANDLER", "TARGET_DRIVER", "DEVICE_GROUP"):
            self.write(one, one.keyword, one.value)
        self.flush()
        devices = [(_argument(h), one) for h in self.root.named("HANDLER") for one in h.named("DEVICE")]
        self._devices(devices)
        drivers = [one for one in self.root.named("TARGET_DRIVER") if _argument(one) == DRIVER]
        last = []
        for driver in drivers:
            for one in driver.attributes("TARGET"):
                self.write(one, f"targets/{DRIVER}/{one.keyword}", one.value)
            for target in driver.named("TARGET"):
                below = f"targets/{DRIVER}/{_argument(target)}"
                for one in target.attributes("LUN"):
                    if one.keyword == "enabled":
                        last.append((one, f"{below}/enabled"))
                    else:
                        self.write(one, f"{below}/{one.keyword}", one.value)
                self._luns(below, list(target.named("LUN")))
        for group in self.root.named("DEVICE_GROUP"):
            self._device_group(group)
        for one, path in last:
            self.write(one, path, one.value)
        self.flush()

    def _device_group(self, group: Block) -> None:
        place = self._made("device_groups", group)
        for device in group.named("DEVICE"):
            self._made(f"{place}/devices", device)
        for one in group.named("TARGET_GROUP"):
            below = self._made(f"{place}/target_groups", one)
            for target in one.named("TARGET"):
                where = self._made(below, target)
                for each in target.attributes():
                    self._set(f"{where}/{each.keyword}", each)
            for each in one.attributes("TARGET"):
                self._set(f"{below}/{each.keyword}", each)

    def _made(self, place: str, block: Block) -> str:
        """Add the name of a block below ``place``, unless it is there; its path."""
        name = _argument(block)
        if not self.stop() and name not in self.tree.ls(place):
            self.write(block, f"{place}/mgmt", f"add {quote(name)}")
            self.flush()
        return f"{place}/{name}"

    def _set(self, path: str, block: Block) -> None:
        """Write an attribute unless it has the value already, as initiators get unit attentions for each write."""
        if self.stop():
            return
        with _blaming(block):
            so_already = _value(self.tree, path) == block.value
        if not so_already:
            self.write(block, path, block.value)
            self.flush()

    def write(self, block: Block, path: str, text: str) -> None:
        """Queue one write, for that line of the file; several writes to one file become one job."""
        if path != self._path or len(self._queue) >= BATCH:
            self.flush()
        self._path = path
        self._queue.append((text + "\n", block))

    def flush(self) -> None:
        """Carry out the queued writes. A TreeError names the line. Does nothing once ``stop`` returns True."""
        queue, self._queue = self._queue, []
        if not queue or self.stop():
            return
        try:
            self.tree.write_all(self._path, [text for text, _ in queue])
        except TreeError as problem:
            with _blaming(queue[min(problem.done, len(queue) - 1)][1]):
                raise

    def _devices(self, devices: list[tuple[str, Block]]) -> None:
        """Make the devices that do not exist, then write the attributes that an existing device takes."""
        there = set(self.tree.ls("devices"))
        of = {handler: set(self.tree.ls(f"handlers/{handler}")) for handler in {one for one, _ in devices}}
        rest: list[tuple[str, str, Block]] = []
        for handler, device in devices:
            name, attributes = _argument(device), list(device.attributes())
            if name not in there:
                takes = HANDLERS[handler].accepts - _sizes(handler)
                given = [one for one in attributes if one.keyword in takes]
                with _blaming(device):
                    parameters = ";".join(f"{one.keyword}={quote(one.value)}" for one in given)
                    command = f"add_device {quote(name)} {parameters}"
                self.write(device, f"handlers/{handler}/mgmt", command)
                attributes = [one for one in attributes if one not in given]
                self.left_out += (
                    f"line {one.line}: {one.keyword} is left out: it has no effect here"
                    for one in given
                    if one.keyword in IGNORED
                )
            elif name not in of[handler]:
                raise device.wrong(f"{name} is a device of another handler")
            rest += ((handler, name, one) for one in attributes)
        self.flush()
        for handler, name, one in rest:
            if self.stop():
                return
            path = f"devices/{name}/{one.keyword}"
            with _blaming(one):
                numeric = one.keyword in HANDLERS[handler].accepts - {"filename", "t10_dev_id", "url"}
                so_already = self._is_set(path, one.value, numeric)
            if not so_already and one.keyword in _sizes(handler):
                has = _value(self.tree, path)
                self.left_out.append(
                    f"line {one.line}: {one.keyword} is left out: the file of {name} has {has}"
                )
            elif not so_already:
                self.write(one, path, one.value)
                self.flush()

    def _is_set(self, path: str, value: str, numeric: bool) -> bool:
        """Whether a file has this value already, and it was set, or cannot be set.

        Then it is not written again, as initiators get unit attentions for each write.
        """
        mode = self.tree.stat(path).mode
        if not mode & 0o400:
            return False
        text = self.tree.read(path)
        if mode & 0o200 and not text.endswith(f"\n{MARK}"):
            return False
        has = text.removesuffix(f"\n{MARK}").removesuffix("\n")
        return has == value or (numeric and _same(has, value))

    def _luns(self, target: str, luns: list[Block]) -> None:
        there = set(self.tree.ls(f"{target}/luns"))
        for block in luns:
            lun, device = str(number(block.words[1], "LUN")), block.words[2]
            parameters = ";".join(f"{one.keyword}={quote(one.value)}" for one in block.attributes())
            verb = "add"
            if lun in there:
                with _blaming(block):
                    if self._is(f"{target}/luns/{lun}", device, block):
                        continue
                verb = "replace"
            self.write(block, f"{target}/luns/mgmt", f"{verb} {quote(device)} {lun} {parameters}")
        self.flush()

    def _is(self, place: str, device: str, block: Block) -> bool:
        """Whether an existing LUN is as the file has it."""
        try:
            if self.tree.readlink(f"{place}/device").rpartition("/")[2] != device:
                return False
            wanted = [flag(one.value) for one in block.attributes() if one.keyword == "read_only"]
            locked = _value(self.tree, f"{place}/read_only") == "1"
            return any(wanted) == locked or (
                not any(wanted) and _value(self.tree, f"devices/{device}/read_only") == "1"
            )
        except TreeError:
            return False


def save(tree: Files) -> str:
    """The tree as a file for :func:`load`, with the values of all attributes that have a ``[key]`` line."""
    lines = [f"{name} {_quoted(value)}" for name, value in _keys(tree, "")]
    for handler in tree.ls("handlers"):
        lines.append(f"HANDLER {handler} {{")
        for device in tree.ls(f"handlers/{handler}"):
            if tree.stat(f"handlers/{handler}/{device}").kind == "link":
                lines.append(f"\tDEVICE {_quoted(device)} {{")
                lines += (f"\t\t{name} {_quoted(value)}" for name, value in _keys(tree, f"devices/{device}"))
                lines.append("\t}")
        lines.append("}")
    for driver in tree.ls("targets"):
        lines.append(f"TARGET_DRIVER {driver} {{")
        for target in tree.ls(f"targets/{driver}"):
            place = f"targets/{driver}/{target}"
            if tree.stat(place).kind != "directory":
                continue
            lines.append(f"\tTARGET {target} {{")
            lines.append(f"\t\tenabled {_value(tree, f'{place}/enabled')}")
            lines += (f"\t\t{name} {_quoted(value)}" for name, value in _keys(tree, place))
            for lun in tree.ls(f"{place}/luns"):
                if lun != "mgmt":
                    device = tree.readlink(f"{place}/luns/{lun}/device").rpartition("/")[2]
                    keys = _keys(tree, f"{place}/luns/{lun}")
                    lines.append(f"\t\tLUN {lun} {_quoted(device)}{' {' if keys else ''}")
                    lines += (f"\t\t\t{name} {_quoted(value)}" for name, value in keys)
                    lines += ["\t\t}"] if keys else []
            lines.append("\t}")
        lines.append("}")
    for group in _below(tree, "device_groups"):
        lines.append(f"DEVICE_GROUP {_quoted(group)} {{")
        place = f"device_groups/{group}"
        lines += (f"\tDEVICE {_quoted(device)}" for device in _below(tree, f"{place}/devices"))
        for name in _below(tree, f"{place}/target_groups"):
            lines += _target_group(tree, f"{place}/target_groups/{name}", name)
        lines.append("}")
    return "".join(f"{line}\n" for line in lines)


def _target_group(tree: Files, place: str, name: str) -> Iterator[str]:
    yield f"\tTARGET_GROUP {_quoted(name)} {{"
    yield from (f"\t\t{key} {_quoted(value)}" for key, value in _keys(tree, place))
    for target in _below(tree, place):
        remote = tree.stat(f"{place}/{target}").kind == "directory"
        keys = _keys(tree, f"{place}/{target}") if remote else []
        yield f"\t\tTARGET {_quoted(target)}{' {' if keys else ''}"
        yield from (f"\t\t\t{key} {_quoted(value)}" for key, value in keys)
        if keys:
            yield "\t\t}"
    yield "\t}"


def _below(tree: Files, place: str) -> list[str]:
    """The names in a directory, without its files."""
    return [name for name in tree.ls(place) if tree.stat(f"{place}/{name}").kind != "file"]


def _argument(block: Block) -> str:
    if len(block.words) != 2:
        raise block.wrong(f"{block.keyword} takes one name")
    return block.words[1]


def _sizes(handler: str) -> frozenset[str]:
    """The size attributes, which are saved but cannot be set, of handlers whose size is that of the file."""
    return frozenset({"size", "size_mb"}) if issubclass(HANDLERS[handler], FileIo) else frozenset()


def _same(one: str, other: str) -> bool:
    """Whether two numbers are equal."""
    try:
        return octets(one) == octets(other)
    except TreeError:
        return False


@contextmanager
def _blaming(block: Block) -> Iterator[None]:
    """Let a refusal name the line that caused it."""
    try:
        yield
    except OSError as problem:
        raise TreeError(
            problem.errno, f"line {block.line}: {problem.strerror}", problem.filename
        ) from problem


def _keys(tree: Files, place: str) -> list[tuple[str, str]]:
    """The files of a directory that have a [key] line, and their values."""
    found = []
    for name in tree.ls(place):
        path = f"{place}/{name}".lstrip("/")
        kind, mode = tree.stat(path)
        if kind == "file" and mode & 0o400 and name != "last_sysfs_mgmt_res":
            text = tree.read(path)
            if text.endswith(f"\n{MARK}"):
                found.append((name, text.removesuffix(f"\n{MARK}")))
    return found


def _value(tree: Files, path: str) -> str:
    return tree.read(path).removesuffix(f"\n{MARK}").removesuffix("\n")


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w./:,@%+-]+", value):
        return value
    return '"' + re.sub(r'([\\"#])', r"\\\1", value) + '"'
