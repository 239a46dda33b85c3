"""``pysrp scst``: the management tree of a running server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click

from pysrp.errors import SrpError
from pysrp.scst import conf
from pysrp.scst.control import PATIENCE, Client, socket_of
from pysrp.scst.fuse import mount as mount_tree
from pysrp.text import NAME_A_SERVER

__all__ = ["scst"]

LONGEST_WAIT = 86400


def _keep(context: click.Context, _: click.Parameter, server: str | None) -> str:
    """The server from the option typed here, or before the subcommand, or else from the environment.

    The environment is read here, and last: as click's ``envvar`` of the subcommand's option it would take precedence
    over an option typed before the subcommand.
    """
    context.obj = context.obj if server is None else server
    if context.command is scst:
        return ""
    chosen: str | None = os.environ.get("PYSRP_SERVER") if context.obj is None else context.obj
    if not chosen:
        raise click.UsageError(f"Missing option '-s' / '--server'. Whose tree? {NAME_A_SERVER}.", context)
    return chosen


_server = click.option(
    "-s", "--server", metavar="URL", callback=_keep,
    help="Where the server serves, as it was told: unix:PATH, or PATH (environment: PYSRP_SERVER).",
)  # fmt: skip


@click.group()
@_server
@click.option(
    "--timeout", type=click.FloatRange(0.01, LONGEST_WAIT), default=PATIENCE, show_default=True, metavar="SECONDS",
    help="How long the server may take for an answer.",
)  # fmt: skip
@click.pass_context
def scst(context: click.Context, server: str, timeout: float) -> None:
    """The management tree of a running server: SCST's files and directories.

    Of two servers that are given, the one that is typed last wins; the environment's only if none is typed.
    PATH is relative to the tree's root; /sys/kernel/scst_tgt/... and /sys/class/ibmvstgt/... mean the same
    as on a machine that runs SCST.
    """
    context.meta[__name__] = timeout


@contextmanager
def _tree(server: str, path: str = "") -> Iterator[Client]:
    """The server's tree; every failure ends the program with status 1 and a line that says why."""
    try:
        timeout = click.get_current_context().meta.get(__name__, PATIENCE)
        with Client(socket_of(server), timeout) as tree:
            yield tree
    except OSError as problem:
        place = problem.filename or path
        sys.exit(f"pysrp: {place}{': ' if place else ''}{problem.strerror or problem}")
    except SrpError as problem:
        sys.exit(f"pysrp: {problem}")


def _print(text: str) -> None:
    """Print text of the tree, whose bytes may be invalid UTF-8."""
    click.echo(text.encode("utf-8", "surrogateescape"), nl=False)


def _lines() -> Iterator[str]:
    """The lines of standard input."""
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "surrogateescape")


@scst.command()
@click.argument("path", default="")
@click.option("-l", "long", is_flag=True, help="With permissions, one name a line, and where links lead.")
@click.option(
    "--json", "as_json", is_flag=True, help="A list of objects: name, kind, mode and, of a link, target."
)
@_server
def ls(server: str, path: str, long: bool, as_json: bool) -> None:
    """List a directory.

    \b
    Examples:
      pysrp scst ls devices
      pysrp scst ls -l targets/ibmvstgt/ibmvstgt_target_0
    """
    with _tree(server, path) as tree:
        names = tree.ls(path)
        if not long and not as_json:
            _print("".join(f"{name}\n" for name in names))
            return
        found = []
        for name in names:
            place = f"{path}/{name}"
            kind, mode = tree.stat(place)
            entry = {"name": name, "kind": kind, "mode": f"{mode:04o}"}
            if kind == "link":
                entry["target"] = tree.readlink(place)
            found.append(entry)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for entry in found:
        arrow = f" -> {entry['target']}" if "target" in entry else ""
        _print(f"{entry['mode']} {entry['kind']:9} {entry['name']}{arrow}\n")


@scst.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--json", "as_json", is_flag=True, help="One object: path to value and whether it has a [key] line."
)
@_server
def cat(server: str, paths: tuple[str, ...], as_json: bool) -> None:
    """Print files. A line [key] behind a value says that it is not the default: 'pysrp scst save' has it.

    \b
    Example:
      pysrp scst cat devices/ram000/size devices/ram000/usn
    """
    with _tree(server) as tree:
        texts = {}
        for path in paths:
            texts[path] = tree.read(path)
            if not as_json:
                _print(texts[path])
    if as_json:
        values = {path: text.removesuffix("[key]\n") for path, text in texts.items()}
        result = {
            path: {"value": v.removesuffix("\n"), "key": v != texts[path]} for path, v in values.items()
        }
        click.echo(json.dumps(result, indent=2))


@scst.command(short_help="Write TEXT to a file.")
@click.argument("path")
@click.argument("text", nargs=-1)
@_server
def write(server: str, path: str, text: tuple[str, ...]) -> None:
    """Write TEXT, or without it each line of standard input, to a file.

    'pysrp scst cat' of a file that is called mgmt prints what can be written to it.

    \b
    Examples:
      pysrp scst write handlers/vdisk_ram/mgmt add_device ram001 size=64M
      pysrp scst write targets/ibmvstgt/ibmvstgt_target_0/luns/mgmt add ram001 512
      pysrp scst write targets/ibmvstgt/ibmvstgt_target_0/enabled 1
    """
    with _tree(server, path) as tree:
        for one in (" ".join(text) + "\n",) if text else _lines():
            tree.write(path, one)


@scst.command(short_help="Mount the tree on DIRECTORY.")
@click.argument("directory", type=click.Path(exists=True, file_okay=False))
@_server
def mount(server: str, directory: str) -> None:
    """Mount the tree on DIRECTORY until it is unmounted (fusermount3 -u DIRECTORY) or interrupted.

    Says so when it is there, and why a write was refused: who writes gets to know the errno alone.
    Needs FUSE: pip install 'pysrp-vscsi[fuse]', and libfuse3.
    """

    def ready() -> None:
        click.echo(f"{Path(directory).absolute()} is the tree of {server}; Ctrl-C unmounts it")

    def refused(path: str, problem: OSError) -> None:
        # A closed terminal here must not make an administrator's echo fail.
        with suppress(OSError):
            click.echo(f"pysrp: {path}: {problem.strerror}", err=True)

    with _tree(server) as tree:
        mount_tree(tree, directory, ready, refused)


@scst.command()
@click.argument("file", type=click.File("rb"))
@_server
def load(server: str, file: BinaryIO) -> None:
    """Make the tree what FILE says, a scst.conf (- is standard input). Deletes nothing.

    Ends with the line's number where FILE asks for what this server does not have; what is meant for other
    target drivers is left out, and said.

    \b
    Example:
      pysrp scst save > scst.conf; pysrp scst load scst.conf
    """
    with _tree(server) as tree:
        for line in conf.load(tree, file.read().decode("utf-8", "surrogateescape")):
            click.echo(f"pysrp: {line}", err=True)


@scst.command(short_help="Print the tree as a scst.conf.")
@_server
def save(server: str) -> None:
    """Print the tree as a scst.conf: every attribute that is not its default."""
    with _tree(server) as tree:
        _print(conf.save(tree))
