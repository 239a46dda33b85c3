"""``pysrp proxy``: a relay between initiators and a server, which prints, records, edits or drops the traffic."""

from __future__ import annotations

import io
import json
import logging
import signal
import sys
from typing import TextIO, cast

import click

from pysrp.cli import decode, records
from pysrp.cli.newfile import NewFile
from pysrp.cli.rules import Faults, Rules, Setting, script, structure
from pysrp.cli.serve import STOP, number_of, recording
from pysrp.fabric import Port
from pysrp.fabric.recorder import Recorder
from pysrp.fabric.recording import Reader
from pysrp.fabric.relay import LONGEST, Relay


class Shown(io.TextIOBase):
    """A text stream for a :class:`Recorder`: it prints each record as ``pysrp decode`` prints a recording."""

    def __init__(self, number: int, as_json: bool) -> None:
        self._number, self._as_json = number, as_json
        self._reader = Reader()

    def write(self, line: str) -> int:
        """Print one record, a line of JSON."""
        found = self._reader.record(line)
        piece = records.piece_of(found, f"client {self._number}: {found.seq}")
        piece.extra["client"] = self._number
        decode.show(piece, as_json=self._as_json)
        return len(line)

    def flush(self) -> None:
        """Flush standard output, for a reader at the other end of a pipe."""
        sys.stdout.flush()


def _late(_: click.Context, option: click.Parameter, text: str | None) -> tuple[float, float]:
    """Share (0 to 1) and seconds of --delay, from SHARE,SECONDS; raises click.BadParameter."""
    if text is None:
        return 0.0, 0.0
    share, _comma, seconds = text.partition(",")
    try:
        found = float(share), float(seconds)
    except ValueError:
        found = -1.0, 0.0
    if not (0 <= found[0] <= 1 and 0 <= found[1] <= LONGEST):
        raise click.BadParameter(
            f"{text!r}: write SHARE,SECONDS, such as 0.1,0.05 for 50 ms in one of ten", param=option
        )
    return found


@click.command()
@click.argument("listen")
@click.argument("connect")
@click.option("--show", is_flag=True, help="Print the traffic field by field, as 'pysrp decode' does.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object for each element, IU and piece of data."
)
@click.option(
    "--record", type=NewFile(), metavar="FILE",
    help="Record the traffic in FILE as JSON lines, for 'pysrp decode' and 'pysrp capture'; that of a second client in FILE.2, and so on.",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="STRUCTURE.FIELD=VALUE",
    help="Set a field in every such structure that passes: elements, IUs, datagrams, CDBs, sense data; 'pysrp fields' lists them. Repeatable.",
)  # fmt: skip
@click.option(
    "--script", "path", type=click.Path(exists=True, dir_okay=False), metavar="FILE.py",
    help="Call the function edit(direction, element, iu) of this file for each element; an example is above.",
)  # fmt: skip
@click.option("--drop", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Drop this share of the IUs and datagrams at random: 0.01 is one of a hundred.")  # fmt: skip
@click.option("--duplicate", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Send this share of the IUs and datagrams twice.")  # fmt: skip
@click.option("--delay", callback=_late, metavar="SHARE,SECONDS", help="Send this share of them SECONDS later; others overtake them.")  # fmt: skip
@click.option("--only", multiple=True, metavar="STRUCTURE", help="Restrict --drop, --duplicate and --delay to this structure, such as Rsp or Read10. Repeatable.")  # fmt: skip
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Seed of the random choices: the same seed repeats them.",
)
@click.option("--once", is_flag=True, help="End when the first client has disconnected.")
@click.option("--timeout", type=click.FloatRange(0.01, 86400), default=5.0, show_default=True, metavar="SECONDS", help="How long to wait for the server.")  # fmt: skip
@click.option("--mode", default="600", show_default=True, metavar="OCTAL", help="Permissions of the socket.")
@click.option("-q", "--quiet", is_flag=True, help="Print no log lines.")
def proxy(
    listen: str, connect: str, show: bool, as_json: bool, record: str | None, settings: tuple[str, ...], path: str | None,
    drop: float, duplicate: float, delay: tuple[float, float], only: tuple[str, ...], seed: int, once: bool, timeout: float, mode: str, quiet: bool,
) -> None:  # fmt: skip
    """Relay between initiators, which connect to LISTEN, and the server at CONNECT; both are unix:PATH.

    Until Ctrl-C or SIGTERM, the proxy prints, records, edits or drops the traffic, as the options say. It prints and records
    what the server receives and sends, so requests after the edit and responses before it. Clients are told when the server
    ends, and are connected again when it is back. Data is not copied, so long transfers are no slower. Log lines on standard
    error report clients, and what was held back.

    \b
    A script that delays every tenth response. [] instead of [0.2] drops it, [0, 0] sends it twice.
      from pysrp import srp
      answers = 0
      def edit(direction, element, iu):     # "i2t" or "t2i"; bytearrays; iu is None without an IU
          global answers
          if iu and iu[0] == srp.Opcode.RSP:
              answers += 1
              return [0.2] if answers % 10 == 0 else None

    \b
    Examples:
      pysrp proxy unix:/tmp/between unix:/tmp/vios --show
      pysrp proxy unix:/tmp/between unix:/tmp/vios --record session.jsonl --once
      pysrp proxy unix:/tmp/between unix:/tmp/vios --set Rsp.status=BUSY --set Read10.lba=0
      pysrp proxy unix:/tmp/between unix:/tmp/vios --drop 0.01 --delay 0.1,0.05 --only Rsp --seed 7
      pysrp proxy unix:/tmp/between unix:/tmp/vios --script late.py
    """
    if show and as_json:
        raise click.UsageError("--show and --json both print what passes: give one of them")
    if only and not (drop or duplicate or delay[0]):
        raise click.UsageError(
            "--only says what --drop, --duplicate and --delay are for, and none of these is given"
        )
    here, there = (url if ":" in url else f"unix:{url}" for url in (listen, connect))
    faults = Faults(drop, duplicate, *delay, only=tuple(map(structure, only)))
    rules = Rules(tuple(map(Setting.of, settings)), script(path) if path else None, faults, seed)
    written = recording(record) if record else lambda port: port

    def wrap(number: int, port: Port) -> Port:
        port = written(port)
        return Recorder(port, cast("TextIO", Shown(number, as_json))) if show or as_json else port

    if not quiet:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # A process that sees the socket may send a signal at once: block signals until their handlers are set.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    permissions = number_of("--mode", mode, 8, "octal, such as 660")
    with Relay(
        here, there, rules.for_client, wrap=wrap, once=once, timeout=timeout, mode=permissions
    ) as relay:
        for each in STOP:
            signal.signal(each, lambda *_: relay.stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
        click.echo(json.dumps({"listen": here, "connect": there}) if as_json else f"{here} leads to {there}")
        sys.stdout.flush()
        relay.run()
