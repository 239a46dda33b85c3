"""``pysrp proxy``: between initiators and a server, to see, record, edit and lose what passes."""

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
    """What a recorder writes to in order to have it printed as ``pysrp decode`` prints a recording."""

    def __init__(self, number: int, as_json: bool) -> None:
        self._number, self._as_json = number, as_json
        self._reader = Reader()

    def write(self, line: str) -> int:
        """One record."""
        found = self._reader.record(line)
        piece = records.piece_of(found, f"client {self._number}: {found.seq}")
        piece.extra["client"] = self._number
        decode.show(piece, as_json=self._as_json)
        return len(line)

    def flush(self) -> None:
        """To whoever reads along."""
        sys.stdout.flush()


def _late(_: click.Context, option: click.Parameter, text: str | None) -> tuple[float, float]:
    """From SHARE,SECONDS."""
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
@click.option("--show", is_flag=True, help="Print what passes, field by field, as 'pysrp decode' does.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object for each element, IU and piece of data."
)
@click.option(
    "--record", type=NewFile(), metavar="FILE",
    help="Write what passes as JSON lines, for 'pysrp decode' and 'pysrp capture'; of a second client to FILE.2, and so on.",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="STRUCTURE.FIELD=VALUE",
    help="Set a field wherever its structure passes: of elements, IUs, datagrams, CDBs, sense data, as 'pysrp fields' has them. Repeatable.",
)  # fmt: skip
@click.option(
    "--script", "path", type=click.Path(exists=True, dir_okay=False), metavar="FILE.py",
    help="Call its function edit(direction, element, iu) for each element; below is one.",
)  # fmt: skip
@click.option("--drop", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Lose so many of the IUs and datagrams: 0.01 is one of a hundred.")  # fmt: skip
@click.option("--duplicate", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Send so many of them twice.")  # fmt: skip
@click.option("--delay", callback=_late, metavar="SHARE,SECONDS", help="Send so many of them so much later; others overtake them.")  # fmt: skip
@click.option("--only", multiple=True, metavar="STRUCTURE", help="--drop, --duplicate and --delay are for these, such as Rsp or Read10. Repeatable.")  # fmt: skip
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the chances: the same one does the same again."
)
@click.option("--once", is_flag=True, help="End when the first client has gone.")
@click.option("--timeout", type=click.FloatRange(0.01, 86400), default=5.0, show_default=True, metavar="SECONDS", help="How long to wait for the server.")  # fmt: skip
@click.option("--mode", default="600", show_default=True, metavar="OCTAL", help="Permissions of the socket.")
@click.option("-q", "--quiet", is_flag=True, help="No log lines.")
def proxy(
    listen: str, connect: str, show: bool, as_json: bool, record: str | None, settings: tuple[str, ...], path: str | None,
    drop: float, duplicate: float, delay: tuple[float, float], only: tuple[str, ...], seed: int, once: bool, timeout: float, mode: str, quiet: bool,
) -> None:  # fmt: skip
    """Stand between initiators, which come to LISTEN, and the server at CONNECT; both are unix:PATH.

    What passes is shown, recorded, edited, and lost if so wished, until Ctrl-C or SIGTERM. Shown and recorded is what the
    server gets and says. Clients see that the server goes, and are connected again when there is one. Data is not copied, so
    this is no slower for long transfers. Log lines on standard error tell of clients, and of what was held back.

    \b
    A script: every tenth answer comes late. [] instead of [0.2] loses it, [0, 0] sends it twice.
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
    # Who sees the socket may send a signal: it waits until it is handled.
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
