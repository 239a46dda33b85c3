"""What the commands share: how to reach a server, how to name a device, progress, sizes."""

from __future__ import annotations

import errno
import functools
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from io import FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pysrp import fabric, scsi
from pysrp.cli.newfile import NewFile
from pysrp.errors import ConfigError, DecodeError
from pysrp.fabric import Identity
from pysrp.fabric.recorder import Recorder
from pysrp.initiator.hosts import check
from pysrp.initiator.session import Device, Options, Session
from pysrp.lun import Hctl, Lun, from_hctl, hctl
from pysrp.sg.session import Session as Generic
from pysrp.text import NAME_A_SERVER, size

_C = TypeVar("_C", bound=Callable[..., Any])


if TYPE_CHECKING:
    _ParamType = click.ParamType[int]
else:
    _ParamType = click.ParamType  # takes no parameter before click 8.4


class Number(_ParamType):
    """A number such as 4096, 0x1000, 64k or 1M."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number that was typed, as an int."""
        try:
            return value if isinstance(value, int) else size(value)
        except ConfigError as problem:
            self.fail(str(problem).replace("no size", "no number"), param, ctx)


NUMBER = Number()


def terminal(file: Any) -> bool:
    """Whether a file is a terminal; False for None and for a closed file."""
    try:
        return bool(file.isatty())
    except (AttributeError, ValueError):  # None, or closed
        return False


class Output:
    """Where bytes go: standard output, or a file, which is created or truncated at the first write."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: RawIOBase | None = None

    def is_file(self, path: str) -> bool:
        """Whether ``path`` is the same file."""
        try:
            return self._path != "-" and Path(self._path).samefile(path)
        except OSError:
            return False

    def open(self) -> RawIOBase:
        """Create the file, or truncate it. A new file has mode 0600: the contents of a disk are for their owner alone."""
        if not self._file:
            if self._path != "-":
                self._file = FileIO(self._path, "wb", opener=lambda path, flags: os.open(path, flags, 0o600))
            elif sys.stdout:
                self._file = FileIO(sys.stdout.fileno(), "wb", closefd=False)
            else:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF), "standard output")
        return self._file

    def write(self, data: bytes, /) -> int:
        """Write all of ``data``; raises OSError when that fails."""
        file, view = self.open(), memoryview(data)
        while view:
            view = view[file.write(view) or 0 :]
        return len(data)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()


class OutputFile(click.Path):
    """An option or argument that becomes an :class:`Output`. A terminal is refused: it cannot show binary data."""

    name = "file"

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, allow_dash=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The :class:`Output` for the path that was typed; it is closed with the command's context."""
        path = str(super().convert(value, param, ctx))
        if path == "-" and terminal(sys.stdout):
            self.fail(
                "standard output is a terminal, and these are bytes: name a file, or add '| xxd'", param, ctx
            )
        output = Output(path)
        if ctx:
            ctx.call_on_close(output.close)
        return output


def human(count: float) -> str:
    """A byte count as text, in B, KiB, MiB, GiB or TiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


class Progress:
    """A line on standard error with the progress and rate of a transfer; silent unless standard error is a terminal."""

    what: str
    total: int
    done: int
    start: float
    shown: float

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.start = self.shown = time.monotonic()
        self.live: bool = terminal(sys.stderr) and os.environ.get("TERM") != "dumb"

    def add(self, count: int) -> None:
        """Count ``count`` more bytes as transferred, and update the line at most ten times a second."""
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
        """Clear the line; returns a summary of the transfer."""
        if self.live:
            sys.stderr.write("\r\x1b[K")
        return (
            f"{self.what}: {human(self.done)} in {time.monotonic() - self.start:.2f} s, {human(self.rate)}/s"
        )


GIVE_UP = f"{__name__}.give_up"


def _record(context: click.Context, _: click.Parameter, file: str | None) -> None:
    """Keep --record for :func:`logged_in`."""
    context.meta[__name__] = file


def _give_up(context: click.Context, _: click.Parameter, seconds: float) -> None:
    """Keep --give-up for :func:`logged_in`."""
    context.meta[GIVE_UP] = seconds


UNIT_ADDRESS = f"{__name__}.unit_address"


def _unit_address(context: click.Context, option: click.Parameter, text: str) -> None:
    """Keep --unit-address, as an int, for :func:`logged_in`."""
    try:
        context.meta[UNIT_ADDRESS] = int(text, 16)
    except ValueError:
        raise click.BadParameter(f"{text!r}: it is hexadecimal, such as 30000002", context, option) from None


def _which(context: click.Context, option: click.Parameter, server: str | None) -> str:
    if not server:
        raise click.MissingParameter(
            f"Which server? {NAME_A_SERVER}; or -s sg: for the devices of this machine.",
            ctx=context,
            param=option,
        )
    return server


def initiator_options(command: _C) -> _C:
    """The options of every command that logs in."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Print the initiator's log lines (handshake, login, errors) on standard error."),
        click.option("--host", type=click.IntRange(0, 0xFFFF), default=0, show_default=True, help="Host number to print in addresses."),
        click.option(
            "--timeout", type=click.FloatRange(0.01, 86400), default=10.0, show_default=True, metavar="SECONDS",
            help="How long to wait for the server and for the login.",
        ),
        click.option(
            "--give-up", type=click.FloatRange(0.01, 86400), default=Options.give_up, show_default=True, metavar="SECONDS",
            expose_value=False, callback=_give_up,
            help="How long aborting a command that timed out or was interrupted may take; then the connection is reset.",
        ),
        click.option(
            "--unit-address", default="0", metavar="HEX", expose_value=False, callback=_unit_address,
            help="Unit address of this initiator where adapters are simulated (unix:). It identifies the initiator port, for reservations.",
        ),
        click.option(
            "-s", "--server", envvar="PYSRP_SERVER", metavar="URL", callback=_which,
            help="The server: unix:PATH or vio:UNIT; sg: for this machine's own devices, sg:/dev/sg0 for one of them "
            "(environment: PYSRP_SERVER).",
        ),
        click.option(
            "--record", type=NewFile(), metavar="FILE", expose_value=False, callback=_record,
            help="Record the traffic in FILE as JSON lines, for 'pysrp decode'.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@contextmanager
def logged_in(server: str, timeout: float, host: int, verbose: bool = False) -> Iterator[Session | Generic]:
    """A session that has logged in to ``server``, or for ``sg:`` one with this machine's devices; closed at the end."""
    file = click.get_current_context().meta.get(__name__)
    if server.startswith("sg:"):
        if file:
            raise ConfigError("--record: there is nothing to record of sg:, where the kernel does it all")
        with Generic(server) as generic:
            yield generic
        return
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    url = server if ":" in server else f"unix:{server}"
    check(url)
    meta = click.get_current_context().meta
    identity = Identity(unit_address=meta.get(UNIT_ADDRESS, 0), partition_name=socket.gethostname())
    with ExitStack() as stack:
        port = stack.enter_context(fabric.connect(url, identity=identity, timeout=timeout))
        if file:
            port = stack.enter_context(Recorder(port, file))
        own = Options.of(
            port.identity,
            f"host{host}",
            give_up=meta.get(GIVE_UP, Options.give_up),
        )
        session = stack.enter_context(closing(Session(port, host=host, options=own)))
        session.connect(timeout)
        yield session


def address(text: str) -> tuple[Lun, Hctl, int | None]:
    """LUN, address and host (or None) from ``H:C:I:L``, ``C:I:L``, ``ID`` or a hexadecimal LUN. Raises ConfigError."""
    try:
        numbers = [int(part) for part in text.strip("[]").split(":")]
        if len(numbers) in (3, 4) or (len(numbers) == 1 and len(text) < 4):
            channel, target, unit = (0, numbers[0], 0) if len(numbers) == 1 else numbers[-3:]
            host = numbers[0] if len(numbers) == 4 else None
            return from_hctl(channel, target, unit), Hctl(channel, target, unit), host
    except ValueError:
        pass
    try:
        lun = Lun.from_text(text)
    except DecodeError:
        raise ConfigError(
            f"{text!r} is no device; write HOST:CHANNEL:ID:LUN such as 0:0:1:0, an id such as 1, or a LUN such as 8100"
        ) from None
    try:
        return lun, hctl(lun), None
    except DecodeError:
        return lun, Hctl(0, 0, 0), None


def device(session: Session | Generic, text: str) -> Device:
    """The device that ``text`` names, after an INQUIRY; raises ConfigError if there is no device."""
    if isinstance(session, Generic):
        return _of_this_machine(session, text)
    lun, place, host = address(text)
    if host not in (None, session.host):
        raise ConfigError(f"{text}: this is host {session.host}; 'pysrp lsscsi' lists what there is")
    cdb = scsi.Inquiry.build(allocation_length=36)
    data = scsi.InquiryData(session.execute(lun, cdb, data_in_length=36, retries=3).data)
    if data.peripheral_qualifier:
        raise ConfigError(f"no device at {text}; 'pysrp lsscsi' lists what there is")
    return Device(session, lun, place, data)


def _of_this_machine(session: Generic, text: str) -> Device:
    """A device of this machine: by its node, which the session has opened, or by its address. Raises ConfigError."""
    found = session.scan()
    if is_node(text):
        return found[0]
    try:
        numbers = tuple(int(part) for part in text.strip("[]").split(":"))
    except ValueError:
        numbers = ()
    if len(numbers) == 1:
        found = [each for each in found if each.hctl.id == numbers[0]]
    else:
        found = [each for each in found if numbers and (each.host, *each.hctl)[-len(numbers) :] == numbers]
    if len(found) != 1:
        raise ConfigError(
            f"{len(found) or 'no'} devices are {text}; write HOST:CHANNEL:ID:LUN as 'pysrp lsscsi -s sg:' lists them, "
            f"or a node such as /dev/sg0"
        )
    return found[0]


def is_node(text: object) -> bool:
    """Whether ``text`` names a device node of this machine: /dev/sg0, sg:/dev/sg0."""
    return isinstance(text, str) and text.startswith(("/dev/", "sg:/"))


class DeviceCommand(click.Command):
    """A command with a DEVICE. A device node of this machine as DEVICE needs no --server, and as --server no DEVICE."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take a node given as DEVICE for --server, too, and a node given as --server for DEVICE, too."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        where, server = given.get("where"), given.get("server")
        if is_node(where) and not isinstance(server, str):
            args = ["--server", f"sg:{str(where).removeprefix('sg:')}", *args]
        elif is_node(named := server if isinstance(server, str) else os.environ.get("PYSRP_SERVER")):
            args = [str(named), *args]
        return super().parse_args(ctx, args)


def on_device(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument DEVICE and the initiator's options, log in, and call it with the device."""

    @click.argument("where", metavar="DEVICE")
    @initiator_options
    @functools.wraps(command)
    def run(server: str, timeout: float, host: int, verbose: bool, where: str, **options: Any) -> None:
        with logged_in(server, timeout, host, verbose) as session:
            command(device(session, where), **options)

    return run
