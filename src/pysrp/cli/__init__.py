"""The ``pysrp`` command. Each subcommand lives in a module of its own and is imported when it is used."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from pysrp import __version__
from pysrp.errors import SrpError

if TYPE_CHECKING:
    import click

COMMANDS = {
    "demo": (
        "pysrp.cli.demo",
        "demo",
        "Serve sixteen RAM disks in one process, use them from another, verify the data.",
    ),
    "serve": ("pysrp.cli.serve", "serve", "Serve disks as a target, until SIGTERM or Ctrl-C."),
    "scst": ("pysrp.scst.cli", "scst", "Read and change a running server through SCST's management tree."),
    "proxy": (
        "pysrp.cli.proxy",
        "proxy",
        "Relay between initiators and a server: show, record, edit or drop the traffic.",
    ),
    "lsscsi": ("pysrp.cli.listing", "lsscsi", "List the devices, with sizes and ids if asked."),
    "rescan": ("pysrp.cli.listing", "rescan", "Scan the bus as rescan-scsi-bus does."),
    "inq": ("pysrp.cli.asking", "inq", "Print INQUIRY data or a VPD page of a device."),
    "vpd": ("pysrp.cli.asking", "vpd", "Print VPD pages of a device: the list, one page, or all."),
    "modes": ("pysrp.cli.asking", "modes", "Print mode pages of a device."),
    "logs": ("pysrp.cli.asking", "logs", "Print log pages of a device: the list, one page, or all."),
    "opcodes": ("pysrp.cli.asking", "opcodes", "Print the commands that a device supports."),
    "persist": ("pysrp.cli.persist", "persist", "Print or change persistent reservations."),
    "sense": ("pysrp.cli.asking", "sense", "Print the state of a device, by REQUEST SENSE."),
    "luns": ("pysrp.cli.asking", "luns", "Print the LUNs that REPORT LUNS lists."),
    "readcap": ("pysrp.cli.asking", "readcap", "Print the capacity of a device."),
    "read": ("pysrp.cli.initiator", "read", "Copy blocks from a device."),
    "write": ("pysrp.cli.initiator", "write", "Copy blocks to a device."),
    "raw": ("pysrp.cli.initiator", "raw", "Send any CDB."),
    "reset": ("pysrp.cli.initiator", "reset", "Reset a logical unit or the host."),
    "decode": (
        "pysrp.cli.decode",
        "decode",
        "Print queue elements, IUs, datagrams, CDBs, sense and pages, field by field.",
    ),
    "capture": (
        "pysrp.cli.wireshark",
        "capture",
        "Convert recordings to capture files for Wireshark, and back.",
    ),
    "wireshark": ("pysrp.cli.wireshark", "wireshark", "Print or install the dissector for Wireshark."),
    "fields": ("pysrp.cli.fields", "fields", "Print the table of a structure: offsets, sizes, meanings."),
}
"""Subcommand: module, attribute, one line for ``pysrp --help``."""


def _open_streams() -> None:
    """Open /dev/null for each standard stream that is closed, so that no file or socket gets its descriptor number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115


def main() -> None:
    """Entry point of the ``pysrp`` command; exits with 0, 1 (something was wrong) or 2 (wrong usage)."""
    try:
        _run()
    except KeyboardInterrupt:
        # Ctrl-C while click is being imported. Later click itself prints the same.
        sys.exit("\nAborted!")


def program() -> click.Group:
    """The command with its subcommands; ImportError without click."""
    import click

    class Lazy(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(COMMANDS)

        def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
            if name not in COMMANDS:
                return None
            module, attribute, _ = COMMANDS[name]
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command

        def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
            try:
                return super().resolve_command(ctx, args)
            except click.UsageError:
                # Some releases of click suggest a name themselves, but only where letters are missing at its end.
                if near := difflib.get_close_matches(args[0], COMMANDS, 3):
                    ctx.fail(f"No such command '{args[0]}': perhaps {' or '.join(near)}.")
                raise

        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            with formatter.section("Commands"):
                formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])

    @click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
    @click.version_option(__version__, prog_name="pysrp")
    def pysrp(**_: Any) -> None:
        """IBM Virtual SCSI and the SCSI RDMA Protocol: decode its bytes, act as a target, act as an initiator."""
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            click.get_current_context().color = False

    return pysrp


def _run() -> None:
    """Run the subcommand that was typed; errors become a line on standard error and exit status 1."""
    _open_streams()
    try:
        pysrp = program()
    except ImportError:
        sys.exit("pysrp: the command line needs click: pip install 'pysrp-vscsi[cli]'")
    try:
        pysrp(prog_name="pysrp")
    except OSError as error:
        # An OSError that is an SrpError, too, may have no strerror: its own text is printed.
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(f"pysrp: {place}{error.strerror or error}")
    except SrpError as error:
        sys.exit(f"pysrp: {error}")
