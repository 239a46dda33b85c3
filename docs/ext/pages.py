"""Directives that make pages of what the package says of itself: its structures, state machines and commands.

::

    {structures} pysrp.srp            each structure of a module: drawing, table, values
    {layout} pysrp.srp.Cmd            the drawing alone; ``:row: 4`` is how many bytes stand side by side
    {states} client                   a state machine of pysrp.vscsi
    {commands}                        all commands of the command line
    {counts}                          instructions of hot paths, from benchmarks/counts.json
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any

import click
import drawings
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pysrp.cli import fields as tables
from pysrp.cli import program
from pysrp.fields import Field, Structure


def paragraph(*parts: str | nodes.Node) -> nodes.paragraph:
    """A paragraph of text and nodes."""
    return nodes.paragraph("", "", *(nodes.Text(one) if isinstance(one, str) else one for one in parts))


def table(heads: list[str], rows: list[list[str | nodes.Node]], widths: list[int], kind: str) -> nodes.table:
    """A table."""
    group = nodes.tgroup("", cols=len(heads))
    group += [nodes.colspec("", colwidth=each) for each in widths]

    def line(cells: list[str | nodes.Node]) -> nodes.row:
        return nodes.row("", *(nodes.entry("", paragraph(cell)) for cell in cells))

    group += nodes.thead("", line(list(heads)))
    group += nodes.tbody("", *(line(row) for row in rows))
    return nodes.table("", group, classes=[kind])


def literal(text: str) -> nodes.literal:
    """A name."""
    return nodes.literal(text, text)


def marked(text: str) -> Iterator[nodes.Node]:
    """A docstring's line, with its names as such."""
    for number, part in enumerate(re.split(r"``(.+?)``", re.sub(r":[a-z]+:`~?\.?([^`]*)`", r"``\1``", text))):
        yield literal(part) if number % 2 else nodes.Text(part)


def raw(html: str) -> nodes.raw:
    """HTML as it is."""
    return nodes.raw("", html, format="html")


def place(f: Any) -> str:
    """Where a field is."""
    if f.variable:
        return "then" if getattr(f, "after", None) is not None else str(f.offset)
    part = tables.bits(f)
    if not part:
        return str(f.offset)
    return f"{f.offset}, bit{'s' if part[0] > part[1] else ''} " + (
        f"{part[0]} to {part[1]}" if part[0] > part[1] else str(part[0])
    )


def structure(cls: type[Structure]) -> nodes.section:
    """What there is to say about one."""
    section = nodes.section(ids=[tables.full(cls).replace(".", "-").lower()])
    section += nodes.title("", cls.__name__)
    for text in re.split(r"\n\s*\n", inspect.getdoc(cls) or ""):
        section += paragraph(*marked(text.replace("\n", " ")))
    section += raw(drawings.layout(cls))
    rows: list[list[str | nodes.Node]] = [
        [place(f), "varies" if f.variable else str(f.size), literal(f.name), tables.meaning(f)]
        for f in cls.FIELDS
        if not f.reserved
    ]
    if rows:
        section += table(["byte", "size", "field", "what it decides"], rows, [10, 6, 22, 62], "fields")
    for name, found in tables.enums(cls).items():
        values = ", ".join(f"{int(one):#04x} {one.name}" for one in found)
        section += paragraph(nodes.strong("", name), f": {values}")
    return section


class Structures(SphinxDirective):
    """All structures of a module, in its order."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Sections."""
        module = importlib.import_module(self.arguments[0])
        self.env.note_dependency(str(module.__file__))
        known = [cls for cls in tables.everything() if cls.__module__ == module.__name__]
        order = list(vars(module).values())
        return [structure(cls) for cls in sorted(known, key=lambda each: order.index(each))]


class Layout(SphinxDirective):
    """The drawing of a structure."""

    required_arguments = 1
    option_spec = {"row": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        """It."""
        module, _, name = self.arguments[0].rpartition(".")
        cls = getattr(importlib.import_module(module), name)
        return [raw(drawings.layout(cls, self.options.get("row", 0)))]


class States(SphinxDirective):
    """The drawing of a state machine."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """It."""
        module = importlib.import_module(f"pysrp.vscsi.{self.arguments[0]}_states")
        return [raw(drawings.states(f"The states of the {self.arguments[0]}", module.TRANSITIONS))]


class Commands(SphinxDirective):
    """All commands of the command line, and those below them."""

    def run(self) -> list[nodes.Node]:
        """Sections."""
        context = click.Context(program(), info_name="pysrp")
        return [command_section(each) for each in below(context)]


class Counts(SphinxDirective):
    """What benchmarks/counts.json says."""

    def run(self) -> list[nodes.Node]:
        """A table for each compiler and CPython."""
        file = Path(__file__).parents[2] / "benchmarks" / "counts.json"
        self.env.note_dependency(str(file))
        made: list[nodes.Node] = []
        for machine, found in json.loads(file.read_text()).items():
            made.append(paragraph(f"{machine}; Cython {found['cython']}:"))
            rows: list[list[str | nodes.Node]] = [
                [name, f"{count:,}"] for name, count in found["instructions"].items()
            ]
            made.append(table(["path", "instructions"], rows, [70, 30], "counts"))
        return made


def below(context: click.Context) -> Iterator[click.Context]:
    """The commands of a group."""
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            if command := context.command.get_command(context, name):
                yield click.Context(command, info_name=name, parent=context)


def command_section(context: click.Context) -> nodes.section:
    """Usage, text, options."""
    path = context.command_path
    section = nodes.section(ids=[re.sub(r"\W+", "-", path)])
    section += nodes.title(path, path)
    usage = " ".join([path, *context.command.collect_usage_pieces(context)])
    section += nodes.literal_block(usage, usage, language="text")
    for text in re.split(r"\n\s*\n", inspect.cleandoc(context.command.help or "")):
        if text.startswith("\b"):
            heading, _, examples = text[1:].strip().partition("\n")
            block = "\n".join(line.strip() for line in examples.splitlines()) or heading.partition(": ")[2]
            section += paragraph(heading.partition(":")[0] + ":")
            section += nodes.literal_block(block, block, language="sh")
        else:
            section += paragraph(" ".join(text.split()))
    rows: list[list[str | nodes.Node]] = []
    for parameter in context.command.params:
        record = parameter.get_help_record(context)
        if record and record[1]:
            rows.append([literal(record[0]), record[1]])
    if rows:
        section += table(["option", "what it does"], rows, [35, 65], "options")
    for each in below(context):
        section += command_section(each)
    return section


BOUND = "build", "pack_into", "unpack"
"""What each structure has, bound to it: told once, in reference/python/codecs."""


def member(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave fields out of what autodoc shows, as they have pages of their own, and what all structures have."""
    own = isinstance(thing, Field) or (name in BOUND and inspect.isbuiltin(thing))
    return True if own else None


def values(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Tell the values of an enumeration."""
    if isinstance(thing, type) and issubclass(thing, IntEnum | IntFlag) and thing.__members__:
        lines += ["", ", ".join(f"``{each.name}`` {int(each):#x}" for each in thing), ""]


def setup(app: Sphinx) -> dict[str, Any]:
    """What Sphinx calls."""
    for name, directive in (
        ("structures", Structures),
        ("layout", Layout),
        ("states", States),
        ("commands", Commands),
        ("counts", Counts),
    ):
        app.add_directive(name, directive)
    app.connect("autodoc-skip-member", member)
    app.connect("autodoc-process-docstring", values)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
