"""The subcommands read, write, raw and reset."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections import deque
from typing import BinaryIO, Protocol

import click

from pysrp import scsi
from pysrp.cli.common import (
    NUMBER,
    DeviceCommand,
    Output,
    OutputFile,
    Progress,
    device,
    initiator_options,
    logged_in,
    terminal,
)
from pysrp.errors import ConfigError, DecodeError, ScsiError, SrpError
from pysrp.initiator.session import Device, Pending, Result, Session
from pysrp.initiator.units import SUCCESS
from pysrp.scsi.codes import DataDirection, Status
from pysrp.text import octets, size

CHUNK = 1 << 20
DEPTH = 8


def extent(target: Device, lba: int, count: int | None, length: str | None) -> tuple[int, int]:
    """Number of blocks to move, and block size in bytes; raises ConfigError if the device does not have these blocks."""
    capacity = target.capacity()
    if length is not None:
        bytes_wanted = size(length)
        if bytes_wanted % capacity.block_size:
            raise ConfigError(f"{length} is not a multiple of the block size, {capacity.block_size} bytes")
        count = bytes_wanted // capacity.block_size
    if count is None:
        count = capacity.blocks - lba
    if lba > capacity.blocks:
        raise ConfigError(f"there is no block {lba}: the device has {capacity.blocks}")
    if lba + count > capacity.blocks:
        raise ConfigError(f"blocks {lba} to {lba + count - 1}: the device has {capacity.blocks}")
    return count, capacity.block_size


class Sink(Protocol):
    """Where data goes."""

    def write(self, data: bytes, /) -> int:
        """Write ``data``; returns the number of bytes written."""


def settled(pending: Pending) -> bytes:
    """The data of a command. Raises SrpError if the command moved less than was asked for and reported no error."""
    result = pending.result()
    if result.residual:
        raise SrpError(f"{result.residual} bytes of a command were not moved, without an error")
    return result.data


def copy_out(target: Device, lba: int, count: int, block: int, sink: Sink) -> Progress:
    """Read ``count`` blocks with several commands under way, and write them to ``sink`` in order."""
    step = max(min(CHUNK, target.max_transfer) // block, 1)
    progress, waiting = Progress("read", count * block), deque[Pending]()
    for at in range(lba, lba + count, step):
        waiting.append(target.submit_read(at, min(step, lba + count - at)))
        if len(waiting) >= DEPTH:
            progress.add(sink.write(settled(waiting.popleft())))
    while waiting:
        progress.add(sink.write(settled(waiting.popleft())))
    return progress


def bytes_left(source: BinaryIO) -> int | None:
    """The number of bytes left to read in a regular file; None for anything else."""
    try:
        found = os.fstat(source.fileno())
        return max(found.st_size - source.tell(), 0) if stat.S_ISREG(found.st_mode) else None
    except (OSError, ValueError):
        return None


def copy_in(target: Device, lba: int, blocks: int, block: int, source: BinaryIO) -> Progress:
    """Write ``source`` to the device, at most ``blocks`` blocks, with several commands under way; then flush.

    A regular file that does not fit is refused before the first block is written. Raises ConfigError.
    """
    length = bytes_left(source)
    if length is not None and length > blocks * block:
        raise ConfigError(
            f"the file has {length} bytes, the device {blocks * block} from block {lba} on; nothing was written"
        )
    if length is not None and length % block:
        raise ConfigError(
            f"the file has {length} bytes, no whole blocks of {block}; pad it with zeros; nothing was written"
        )
    step = max(min(CHUNK, target.max_transfer) // block, 1) * block
    progress, waiting, left = Progress("write", 0), deque[tuple[Pending, int]](), blocks * block
    first = lba

    def settle() -> None:
        pending, length = waiting.popleft()
        settled(pending)
        progress.add(length)

    while data := source.read(step):
        if len(data) > left:
            raise ConfigError(f"the data is longer than the device: {blocks} blocks from {first} on")
        if len(data) % block:
            raise ConfigError(f"the data ends within a block of {block} bytes; pad it with zeros")
        waiting.append((target.submit_write(lba, data), len(data)))
        lba, left = lba + len(data) // block, left - len(data)
        if len(waiting) >= DEPTH:
            settle()
    while waiting:
        settle()
    target.flush()
    return progress


@click.command(cls=DeviceCommand)
@click.argument("where", metavar="DEVICE")
@click.argument("file", type=OutputFile(), default="-")
@click.option("--lba", type=NUMBER, default=0, show_default=True, help="First block.")
@click.option("--count", type=NUMBER, default=None, help="Number of blocks (default: to the end).")
@click.option(
    "--size", "length", default=None, help="Length in bytes, instead of --count: 4096, 0x1000, 64k, 256M."
)
@initiator_options
def read(
    server: str, timeout: float, host: int, verbose: bool, where: str, file: Output, lba: int, count: int | None,
    length: str | None,
) -> None:  # fmt: skip
    """Read blocks of DEVICE into FILE (default: standard output, if that is no terminal).

    A new FILE has mode 0600: only its owner can read it.

    \b
    Examples:
      pysrp read -s unix:/tmp/vios 0:0:1:0 boot.img --size 1M
      pysrp read -s unix:/tmp/vios 1 --lba 0x100 --count 8 | xxd
      pysrp read /dev/sg0 boot.img --size 1M
    """
    if count is not None and length is not None:
        raise click.UsageError("--count and --size both say how much: give one of them")
    with logged_in(server, timeout, host, verbose) as session:
        target = device(session, where)
        count, block = extent(target, lba, count, length)
        file.open()
        click.echo(copy_out(target, lba, count, block, file).finish(), err=True)


@click.command(cls=DeviceCommand)
@click.argument("where", metavar="DEVICE")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--lba", type=NUMBER, default=0, show_default=True, help="First block.")
@initiator_options
def write(
    server: str, timeout: float, host: int, verbose: bool, where: str, file: BinaryIO, lba: int
) -> None:
    """Write FILE (default: standard input) to DEVICE in whole blocks, and flush the cache of DEVICE.

    \b
    Example: pysrp write -s unix:/tmp/vios 0:0:1:0 boot.img
    """
    if terminal(file):
        raise click.UsageError("standard input is a terminal: name a FILE, or send it through a pipe")
    with logged_in(server, timeout, host, verbose) as session:
        target = device(session, where)
        blocks, block = extent(target, lba, None, None)
        click.echo(copy_in(target, lba, blocks, block, file).finish(), err=True)


@click.command(cls=DeviceCommand)
@click.argument("where", metavar="DEVICE")
@click.argument("cdb", nargs=-1, required=True)
@click.option(
    "-r",
    "--request",
    type=NUMBER,
    default=0,
    metavar="BYTES",
    help="Most bytes of data-in to accept: 36, 0x24, 32k.",
)
@click.option("-i", "--infile", type=click.File("rb"), default=None, help="File that holds the data-out.")
@click.option(
    "-o", "--outfile", type=OutputFile(), default=None,
    help="File for the data-in (default: print it). The file stays as it is if no data comes.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True, help="Print status, sense, residual, overflow and data as JSON."
)
@initiator_options
def raw(
    server: str, timeout: float, host: int, verbose: bool, where: str, cdb: tuple[str, ...], request: int,
    infile: BinaryIO | None, outfile: Output | None, as_json: bool,
) -> None:  # fmt: skip
    """Send any CDB (hexadecimal) to DEVICE; print status, sense and data. The exit status is 1 unless the status is GOOD.

    \b
    Examples:
      pysrp raw -s unix:/tmp/vios 1 -r 36 12 00 00 00 24 00
      pysrp raw -s sg:/dev/sg0 -r 36 12 00 00 00 24 00
      pysrp raw -s unix:/tmp/vios 1 -r 32k -o data.bin 0x28 0 0 0 0 0 0 0 40 0
      pysrp raw -s unix:/tmp/vios 1 -i data.bin 2a:00:00:00:00:00:00:00:08:00
    """
    command = octets(" ".join(cdb))
    if not 6 <= len(command) <= 260:
        raise ConfigError(f"a CDB has 6 to 260 bytes, this one {len(command)}")
    with logged_in(server, timeout, host, verbose) as session:
        target = device(session, where)
        # Read at most one byte more than a command can move: enough to see that the file is too long.
        out = infile.read(target.max_transfer + 1) if infile else None
        if (most := max(request, len(out or b""))) > target.max_transfer:
            raise ConfigError(f"{most} bytes: one command here can move {target.max_transfer}")
        with contextlib.suppress(ScsiError):
            target.test_unit_ready()  # clears the unit attentions that this login itself has caused
        result = target.execute(command, data_out=out, data_in_length=request, check=False, timeout=60)
        if outfile and result.data and (result.status in SUCCESS or result.residual):
            outfile.write(result.data)
        elif outfile:
            click.echo("no data: the file of -o is left as it is", err=True)
        show_result(command, result, as_json, with_data=outfile is None)
        if (
            not as_json
            and result.status in SUCCESS
            and (said := moved(command, result, request, len(out or b"")))
        ):
            click.echo(said, err=True)
        if result.status not in SUCCESS:
            sys.exit(1)


def moved(command: bytes, result: Result, room: int, length: int) -> str:
    """A note on a transfer that was longer or shorter than its buffer: ``room`` bytes for data-in, ``length`` of data-out.

    Empty if both agree. A target need not report an overflow: ours does not report it to Linux, which would take it for a
    shortfall. So for a command with data-in and a buffer of 0 bytes, the CDB says how much there was.
    """
    if result.overflow and length:
        return f"{length + result.overflow} bytes were wanted; -i has {length}"
    if result.overflow:
        return f"{room + result.overflow} bytes came: -r {room + result.overflow} takes them all"
    if result.residual:
        return f"{(length or room) - result.residual} bytes moved, of {length or room}"
    try:
        cdb = scsi.parse_cdb(command)
    except DecodeError:
        return ""
    if room or cdb.data_direction is not DataDirection.IN or cdb.data_length() == 0:
        return ""
    asked = "data" if cdb.data_length() is None else f"up to {cdb.data_length()} bytes"
    if cdb.blocks is not None:
        asked = f"the data of {cdb.blocks} blocks"
    return f"{asked} had no room: -r BYTES takes them"


def show_result(command: bytes, result: Result, as_json: bool, with_data: bool) -> None:
    """Print the result of ``raw``: as one JSON object, or as text, with status and sense on standard error."""
    status = Status(result.status).name if result.status in list(Status) else f"{result.status:#04x}"
    if as_json:
        answer = {"status": status, "sense": result.sense.hex(), "residual": result.residual}
        click.echo(json.dumps({**answer, "overflow": result.overflow, "data": result.data.hex()}))
        return
    try:
        name = scsi.parse_cdb(command).name
    except DecodeError:
        name = f"operation code {command[0]:02X}h"
    click.echo(f"{name}: {status.replace('_', ' ')}", err=True)
    if result.sense:
        try:
            click.echo(scsi.parse_sense(result.sense).explanation, err=True)
        except DecodeError:
            click.echo(result.sense.hex(" "), err=True)
    for at in range(0, len(result.data) if with_data else 0, 16):
        click.echo(f"{at:08x}: {result.data[at : at + 16].hex(' ')}")


@click.command(cls=DeviceCommand)
@click.argument("where", metavar="[DEVICE]", required=False)
@initiator_options
def reset(server: str, timeout: float, host: int, verbose: bool, where: str | None) -> None:
    """Reset the logical unit DEVICE. Without DEVICE, reset the host: close the queue and log in again.

    \b
    Examples:
      pysrp reset -s unix:/tmp/vios 0:0:1:0
      pysrp reset /dev/sg0
      pysrp reset -s unix:/tmp/vios
    """
    with logged_in(server, timeout, host, verbose) as session:
        if where is None:
            if not isinstance(session, Session):
                raise ConfigError("reset which device? Its host is the kernel's, and not reset from here")
            session.host_reset(timeout)
            click.echo("host reset: logged in again")
        else:
            target = device(session, where)
            target.reset(timeout)
            try:
                target.test_unit_ready()
            except ScsiError as error:
                raise SrpError(f"after the reset: {error}") from None
            click.echo("logical unit reset: ready")
