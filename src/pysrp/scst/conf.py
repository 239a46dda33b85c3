"""``scst.conf``: what scstadmin loads into a tree and saves from it (scst.conf(5)).

The file is made of lines: ``NAME value ...``, ``NAME ... {`` which opens a block, and ``}``. ``#`` begins a
comment **and takes the character before it along**; a backslash makes any character ordinary; a value with
blanks stands in double quotes::

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
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pysrp.errors import ConfigError
from pysrp.scst.devices import HANDLERS
from pysrp.scst.files import Files
from pysrp.scst.grammar import TreeError
from pysrp.scst.nodes import MARK

__all__ = ["Block", "load", "parse", "save"]


@dataclass
class Block:
    """A line of words, and the lines of the block that it opens, if it opens one."""

    words: list[str]
    line: int = 0
    inside: list[Block] = field(default_factory=list)
    opens: bool = False

    @property
    def keyword(self) -> str:
        """The first word."""
        return self.words[0]

    def named(self, *keywords: str) -> Iterator[Block]:
        """The lines inside that begin with one of these words."""
        return (one for one in self.inside if one.keyword in keywords)

    def attributes(self, *besides: str) -> Iterator[Block]:
        """The lines inside that set an attribute; what else is not one of ``besides`` is a ConfigError."""
        for one in self.inside:
            if one.keyword in besides:
                continue
            if one.opens or one.keyword.isupper():
                raise one.wrong(f"{one.keyword} has no place or no meaning here")
            yield one

    def wrong(self, why: str) -> ConfigError:
        """The exception that points at this line."""
        return ConfigError(f"line {self.line}: {why}")


_COMMENT = re.compile(r"(?:^|[^\\])#.*")
_WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^\s"\\]|\\.)+))')


def parse(text: str) -> Block:
    """The block that the whole file is. ConfigError, with the line's number, for what is no such file."""
    root = Block([""], opens=True)
    open_blocks = [root]
    for number, whole in enumerate(text.splitlines(), 1):
        line = _COMMENT.sub("", whole).strip()
        here = Block([], number)
        if not line:
            continue
        if line == "}":
            if len(open_blocks) == 1:
                raise here.wrong("this closes a block that was never opened")
            open_blocks.pop()
            continue
        if line.endswith("{") and not line.endswith("\\{"):
            here.opens = True
            line = line[:-1].rstrip()
        at = 0
        while at < len(line):
            word = _WORD.match(line, at)
            if not word:
                raise here.wrong("a quote that does not end, or a backslash with nothing behind it")
            here.words.append(re.sub(r"\\(.)", r"\1", word[1] if word[1] is not None else word[2]))
            at = word.end()
        if not here.words:
            raise here.wrong("a block without a name")
        if here.keyword.startswith("["):
            raise here.wrong("the syntax of SCST 1.x: let scstadmin convert it")
        open_blocks[-1].inside.append(here)
        if here.opens:
            open_blocks.append(here)
    if len(open_blocks) > 1:
        raise open_blocks[-1].wrong(f"the block of {open_blocks[-1].keyword} is not closed")
    return root


def load(tree: Files, text: str) -> None:
    """Make the tree what ``text`` says, in scstadmin's order: devices, their attributes, LUNs, ``enabled``.

    Devices and LUNs that are there already stay; nothing is deleted. ConfigError for a file that cannot be
    understood, before anything is done; a TreeError, whose text names the line, stops it halfway.
    """
    root = parse(text)
    for one in root.attributes("HANDLER", "TARGET_DRIVER"):
        _write(tree, one, "", one.words)
    for handler in root.named("HANDLER"):
        for _ in handler.attributes("DEVICE"):
            raise handler.wrong("a HANDLER holds DEVICE blocks only")
        for device in handler.named("DEVICE"):
            _device(tree, _argument(handler), device)
    last = []
    for driver in root.named("TARGET_DRIVER"):
        place = f"targets/{_argument(driver)}"
        for one in driver.attributes("TARGET"):
            _write(tree, one, place, one.words)
        for target in driver.named("TARGET"):
            below = f"{place}/{_argument(target)}"
            for one in target.attributes("LUN"):
                if one.keyword == "enabled":
                    last.append((one, below))
                else:
                    _write(tree, one, below, one.words)
            for lun in target.named("LUN"):
                _lun(tree, below, lun)
    for one, below in last:
        _write(tree, one, below, one.words)


def save(tree: Files) -> str:
    """The tree as a file for :func:`load`: of every attribute with a ``[key]`` line, the value."""
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
    return "".join(f"{line}\n" for line in lines)


def _argument(block: Block) -> str:
    if len(block.words) != 2:
        raise block.wrong(f"{block.keyword} takes one name")
    return block.words[1]


def _device(tree: Files, handler: str, block: Block) -> None:
    name = _argument(block)
    if handler not in HANDLERS:
        raise block.wrong(f"there is no handler {handler}: {', '.join(HANDLERS)} are there")
    attributes = list(block.attributes())
    if name not in tree.ls("devices"):
        given = [one for one in attributes if one.keyword in HANDLERS[handler].accepts]
        parameters = ";".join(" ".join(one.words) for one in given)
        _write(tree, block, f"handlers/{handler}", ["mgmt", "add_device", name, parameters])
        attributes = [one for one in attributes if one not in given]
    elif name not in tree.ls(f"handlers/{handler}"):
        raise block.wrong(f"{name} is a device of another handler")
    for one in attributes:
        path = f"devices/{name}/{one.keyword}"
        with _blaming(one):
            # What only add_device can set is no error if it is so already.
            as_it_is = not tree.stat(path).mode & 0o200 and _value(tree, path) == " ".join(one.words[1:])
        if not as_it_is:
            _write(tree, one, f"devices/{name}", one.words)


def _lun(tree: Files, target: str, block: Block) -> None:
    if len(block.words) != 3:
        raise block.wrong("LUN takes a number and a device")
    _, lun, device = block.words
    parameters = ";".join(" ".join(one.words) for one in block.attributes())
    verb = "add"
    if lun in tree.ls(f"{target}/luns"):
        if tree.readlink(f"{target}/luns/{lun}/device").rpartition("/")[2] == device and not parameters:
            return
        verb = "replace"
    _write(tree, block, f"{target}/luns", ["mgmt", verb, device, lun, parameters])


def _write(tree: Files, block: Block, place: str, words: list[str]) -> None:
    """Write the words after the first to the file that the first names."""
    with _blaming(block):
        tree.write(f"{place}/{words[0]}".lstrip("/"), " ".join(words[1:]) + "\n")


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
    return tree.read(path).removesuffix(MARK).removesuffix("\n")


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w./:,@%+-]+", value):
        return value
    return '"' + re.sub(r'([\\"#])', r"\\\1", value) + '"'
