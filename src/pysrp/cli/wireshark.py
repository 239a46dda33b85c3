"""``pysrp wireshark`` and ``pysrp capture``."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, BinaryIO

import click

from pysrp.cli.common import OutputFile
from pysrp.errors import ConfigError
from pysrp.wireshark import captures, extcap
from pysrp.wireshark.tables import dissector

PLUGINS = "~/.local/lib/wireshark/plugins"
"""The folder in which Wireshark and tshark look for a user's Lua scripts."""


@click.command()
@click.option(
    "--install", is_flag=True, help="Install the dissector where Wireshark finds it, and the live interface."
)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=PLUGINS, show_default=True,
    help="Where --install writes the dissector.",
)  # fmt: skip
def wireshark(install: bool, folder: Path) -> None:
    """Print the dissector for Wireshark: Lua that shows SRP and virtual SCSI, field by field.

    It dissects SRP over RDMA (InfiniBand and RoCE), and recordings that 'pysrp capture convert' has converted to pcapng.
    Every field has a display filter: srp.cmd.tag, srp.cdb.read10.lba, viosrp.adapter_info_data.os_type, crq.format.

    \b
    Examples:
      pysrp wireshark --install
      tshark -r session.pcapng -Y 'srp.time > 0.1'
      pysrp wireshark > srp.lua; tshark -X lua_script:srp.lua -r roce.pcap
    """
    if not install:
        click.echo(dissector(), nl=False)
        return
    folder = folder.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pysrp.lua").write_text(dissector())
    click.echo(f"{folder / 'pysrp.lua'}: the dissector; a Wireshark that runs reads it with Ctrl+Shift+L")
    for place in extcap.install():
        click.echo(f"{place}: the live interface 'pysrp'")


@click.group()
def capture() -> None:
    """Convert recordings to capture files for Wireshark, and back.

    \b
    Example:
      pysrp capture convert session.jsonl session.pcapng
    """


@capture.command()
@click.argument("source", metavar="FROM", type=click.File("rb"))
@click.argument("to", type=OutputFile())
@click.option(
    "--user", is_flag=True, help="Write packets of the link type DLT_USER0 instead of exported PDUs."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Report on standard error what was converted, as one JSON object."
)
def convert(source: BinaryIO, to: Any, user: bool, as_json: bool) -> None:
    """Convert a recording (written by --record) to pcapng, or a pcapng file to a recording.

    The first bytes of FROM decide which of the two it is. '-' as FROM is standard input, as TO standard output.
    Wireshark shows the packets once it has the dissector: 'pysrp wireshark --install'. --user is for a Wireshark in
    which exported PDUs are not wanted.

    \b
    Examples:
      pysrp lsscsi -s unix:/tmp/vios --record session.jsonl
      pysrp capture convert session.jsonl session.pcapng
      pysrp capture convert session.pcapng - | pysrp decode
    """
    if to.is_file(source.name):
        raise ConfigError(f"{source.name} is what is read: name another file to write to")
    data = source.read()
    others = 0
    if data.startswith(captures.MAGIC):
        found = list(captures.read(io.BytesIO(data)))
        ours = [packet for packet in found if packet is not None]
        for record in captures.records(ours):
            to.write(f"{record.line()}\n".encode())
        others = len(found) - len(ours)
    else:
        ours = list(captures.packets(data.decode("utf-8", "replace").splitlines(keepends=True), source.name))
        writer = captures.Writer(to, [source.name], user=user)
        for packet in ours:
            writer.write(packet)
    if as_json:
        click.echo(json.dumps({"records": len(ours), "others": others}), err=True)
    elif others:
        click.echo(f"{others} packets of other protocols were left out", err=True)
