"""What the commands share: how to reach a server, how to name a device, progress, sizes."""

from __future__ import annotations

import logging
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, TypeVar

import click

from pysrp import fabric, scsi
from pysrp.errors import ConfigError, DecodeError
from pysrp.fabric import Identity
from pysrp.fabric.recorder import Recorder
from pysrp.initiator.session import Device, Session
from pysrp.lun import Hctl, Lun, from_hctl, hctl

_C = TypeVar("_C", bound=Callable[..., Any])

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def size(text: str) -> int:
    """Bytes from text such as 4096, 64k, 256M or 1G. Raises ConfigError."""
    found = re.fullmatch(r"(\d+)\s*([kKmMgGtT]?)(i?[bB])?", text.strip())
    if not found:
        raise ConfigError(f"{text!r} is no size; write 4096, 64k, 256M or 1G")
    return int(found[1]) * _UNITS[found[2].lower()]


def human(count: float) -> str:
    """A byte count for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


class Progress:
    """A line on standard error that tells how far a transfer is and how fast; silent unless that is a terminal."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.start = self.shown = time.monotonic()
        self.live = sys.stderr.isatty()

    def add(self, count: int) -> None:
        """``count`` more bytes are through."""
        self.done += count
        now = time.monotonic()
        if self.live and now - self.shown > 0.1:
            self.shown = now
            share = f"{100 * self.done // self.total:3}% " if self.total else ""
            sys.stderr.write(f"\r{self.what}: {share}{human(self.done)}, {human(self.rate)}/s   ")
            sys.stderr.flush()

    @property
    def rate(self) -> float:
        """Bytes a second so far."""
        return self.done / max(time.monotonic() - self.start, 1e-9)

    def finish(self) -> str:
        """Clear the line; the summary as text."""
        if self.live:
            sys.stderr.write("\r\x1b[K")
        return (
            f"{self.what}: {human(self.done)} in {time.monotonic() - self.start:.2f} s, {human(self.rate)}/s"
        )


def _record(context: click.Context, _: click.Parameter, file: str | None) -> None:
    """For :func:`logged_in`."""
    context.meta[__name__] = file


def initiator_options(command: _C) -> _C:
    """The options of every command that logs in."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Show the driver's log lines (handshake, login, errors)."),
        click.option("--host", default=0, show_default=True, help="Host number to show in addresses."),
        click.option("--timeout", default=10.0, show_default=True, help="Seconds to wait for the server and the login."),
        click.option(
            "-s", "--server", required=True, envvar="PYSRP_SERVER", metavar="URL",
            help="Where the server is: unix:PATH, vio:UNIT (environment: PYSRP_SERVER).",
        ),
        click.option(
            "--record", type=click.Path(dir_okay=False), metavar="FILE", expose_value=False, callback=_record,
            help="Write all that passes as JSON lines, for 'pysrp decode'.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@contextmanager
def logged_in(server: str, timeout: float, host: int, verbose: bool = False) -> Iterator[Session]:
    """A session with the server, logged in; closed in the end."""
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    url = server if ":" in server else f"unix:{server}"
    identity = Identity(partition_name=socket.gethostname())
    with ExitStack() as stack:
        port = stack.enter_context(fabric.connect(url, identity=identity, timeout=timeout))
        if file := click.get_current_context().meta.get(__name__):
            port = stack.enter_context(Recorder(port, file))
        session = stack.enter_context(closing(Session(port, host=host)))
        session.connect(timeout)
        yield session


def address(text: str) -> tuple[Lun, Hctl]:
    """A device from ``H:C:I:L``, ``C:I:L``, ``ID`` or the hexadecimal LUN. Raises ConfigError."""
    try:
        numbers = [int(part) for part in text.strip("[]").split(":")]
        if len(numbers) in (3, 4) or (len(numbers) == 1 and len(text) < 4):
            channel, target, unit = (0, numbers[0], 0) if len(numbers) == 1 else numbers[-3:]
            return from_hctl(channel, target, unit), Hctl(channel, target, unit)
    except ValueError:
        pass
    try:
        lun = Lun.from_text(text)
    except DecodeError:
        raise ConfigError(
            f"{text!r} is no device; write HOST:CHANNEL:ID:LUN such as 0:0:1:0, an id such as 1, or a LUN such as 8100"
        ) from None
    try:
        return lun, hctl(lun)
    except DecodeError:
        return lun, Hctl(0, 0, 0)


def device(session: Session, text: str) -> Device:
    """The device that ``text`` names, after an INQUIRY; raises ConfigError if nothing is there."""
    lun, place = address(text)
    cdb = scsi.Inquiry.build(allocation_length=36)
    data = scsi.InquiryData(session.execute(lun, cdb, data_in_length=36, retries=3).data)
    if data.peripheral_qualifier:
        raise ConfigError(f"no device at {text}; 'pysrp lsscsi' lists what there is")
    return Device(session, lun, place, data)
