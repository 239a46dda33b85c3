"""The commands of an initiator: look for devices, ask them, read and write them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import sys
from collections import deque
from typing import Any, BinaryIO, Protocol

import click

from pysrp import scsi
from pysrp.cli.common import (
    NUMBER,
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
from pysrp.scsi import params
from pysrp.scsi.codes import PeripheralDeviceType, Status
from pysrp.text import octets, printable, size

TYPES = {
    0: "disk",
    1: "tape",
    4: "worm",
    5: "cd/dvd",
    7: "optical",
    8: "mediumx",
    0xC: "storage",
    0xD: "enclosu",
}
"""Peripheral device type: lsscsi's word for it."""

CHUNK = 1 << 20
DEPTH = 8


def row(host: int, found: Device) -> str:
    """A line of lsscsi: address, type, vendor, product, revision, node (there is none here)."""
    place = f"[{host}:{found.hctl.channel}:{found.hctl.id}:{found.hctl.lun}]"
    kind = TYPES.get(found.type, f"type {found.type:x}")
    vendor, product, revision = map(printable, (found.vendor, found.product, found.revision))
    return f"{place:<12} {kind:<7} {vendor:<8} {product:<16} {revision:<4}  -"


def record(host: int, found: Device) -> dict[str, Any]:
    """The same for --json."""
    return {
        "hctl": [host, *found.hctl],
        "lun": str(found.lun),
        "type": int(found.type),
        "vendor": found.vendor,
        "product": found.product,
        "revision": found.revision,
    }


def span(text: str, most: int) -> range:
    """Numbers from text such as 0-31 or 5; below ``most``."""
    first, _, last = text.partition("-")
    try:
        numbers = range(int(first), int(last or first) + 1)
    except ValueError:
        raise ConfigError(f"{text!r} is no range; write 0-31 or 5") from None
    if not numbers or numbers[-1] >= most or numbers[0] < 0:
        raise ConfigError(f"{text}: only 0 to {most - 1} can be addressed")
    return numbers


@click.command()
@click.option("--channels", default="0-7", show_default=True, help="Channels to look at (Linux: 0-3).")
@click.option("--ids", default="0-63", show_default=True, help="Target ids to look at.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@initiator_options
def rescan(
    server: str, timeout: float, host: int, verbose: bool, channels: str, ids: str, as_json: bool
) -> None:
    """Scan the bus as rescan-scsi-bus does, and print every device found.

    \b
    Example: pysrp rescan -s unix:/run/vios --ids 0-31
    """
    with logged_in(server, timeout, host, verbose) as session:
        found = session.scan(channels=span(channels, 8), ids=span(ids, 64))
        if as_json:
            click.echo(json.dumps([record(host, d) for d in found], indent=1))
            return
        for d in found:
            click.echo(
                f"Host: scsi{host} Channel: {d.hctl.channel:02} Id: {d.hctl.id:02} Lun: {d.hctl.lun:02}"
            )
            vendor, model, revision = map(printable, (d.vendor, d.product, d.revision))
            click.echo(f"  Vendor: {vendor:<8} Model: {model:<16} Rev: {revision}")
            kind = (
                PeripheralDeviceType(d.type).name if d.type in list(PeripheralDeviceType) else f"{d.type:#x}"
            )
            click.echo(f"  Type:   {kind.replace('_', ' ').title()}")
        click.echo(f"{len(found)} device(s) found.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@initiator_options
def lsscsi(server: str, timeout: float, host: int, verbose: bool, as_json: bool) -> None:
    """List the devices in lsscsi's columns: address, type, vendor, product, revision, node.

    \b
    Example: pysrp lsscsi -s unix:/run/vios
    """
    with logged_in(server, timeout, host, verbose) as session:
        found = session.scan()
        if as_json:
            click.echo(json.dumps([record(host, d) for d in found], indent=1))
        else:
            for d in found:
                click.echo(row(host, d))


@click.command()
@click.argument("where", metavar="DEVICE")
@click.option(
    "-p", "--page", default=None, help="VPD page, hexadecimal (such as 83); without it the standard data."
)
@click.option("--json", "as_json", is_flag=True, help="The fields as JSON.")
@initiator_options
def inq(
    server: str, timeout: float, host: int, verbose: bool, where: str, page: str | None, as_json: bool
) -> None:
    """Print a device's INQUIRY data, or one of its VPD pages, field by field.

    DEVICE is HOST:CHANNEL:ID:LUN, CHANNEL:ID:LUN, an id, or a LUN in hexadecimal.

    \b
    Examples:
      pysrp inq -s unix:/run/vios 0:0:1:0
      pysrp inq -s unix:/run/vios -p 83 1
    """
    from pysrp.cli.decode import fields_of

    if page is not None and not re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,2}", page):
        raise ConfigError(f"{page!r} is no VPD page; write it in hexadecimal, such as 83 or b0")
    code = None if page is None else int(page, 16)
    with logged_in(server, timeout, host, verbose) as session:
        data = device(session, where).inquiry(code)
        click.echo(json.dumps(fields_of(data), indent=1) if as_json else data.show())


@click.command()
@click.argument("where", metavar="DEVICE")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@initiator_options
def luns(server: str, timeout: float, host: int, verbose: bool, where: str, as_json: bool) -> None:
    """Print what REPORT LUNS, sent to DEVICE, lists: each LUN in hexadecimal, and how it is read.

    \b
    Example: pysrp luns -s unix:/run/vios 0:0:1:0
    """
    with logged_in(server, timeout, host, verbose) as session:
        target = device(session, where)
        cdb = scsi.ReportLuns.build(allocation_length=65536)
        listed = params.ReportLuns(target.execute(cdb, data_in_length=65536, retries=3).data).luns
        if as_json:
            click.echo(json.dumps([str(lun) for lun in listed]))
        else:
            for lun in listed:
                click.echo(f"{lun}  {lun!r}")


@click.command()
@click.argument("where", metavar="DEVICE")
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON.")
@initiator_options
def readcap(server: str, timeout: float, host: int, verbose: bool, where: str, as_json: bool) -> None:
    """Print the capacity of DEVICE: blocks, bytes of a block, bytes.

    \b
    Example: pysrp readcap -s unix:/run/vios 0:0:1:0 --json
    """
    with logged_in(server, timeout, host, verbose) as session:
        capacity = device(session, where).capacity()
        if as_json:
            click.echo(json.dumps({**capacity._asdict(), "size": capacity.size}))
        else:
            click.echo(f"{capacity.blocks} blocks of {capacity.block_size} bytes: {capacity.size} bytes")


def extent(target: Device, lba: int, count: int | None, length: str | None) -> tuple[int, int]:
    """Number of blocks, and bytes of one; raises ConfigError if the device does not have them."""
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
        """Take it; returns how many bytes."""


def settled(pending: Pending) -> bytes:
    """The data of a command that moved all of it; SrpError for one that moved less and says nothing of an error."""
    result = pending.result()
    if result.residual:
        raise SrpError(f"{result.residual} bytes of a command were not moved, without an error")
    return result.data


def copy_out(session: Session, target: Device, lba: int, count: int, block: int, sink: Sink) -> Progress:
    """Read ``count`` blocks with several commands under way, and write them to ``sink`` in order."""
    step = max(min(CHUNK, session.max_transfer) // block, 1)
    progress, waiting = Progress("read", count * block), deque[Pending]()
    for at in range(lba, lba + count, step):
        waiting.append(target.submit_read(at, min(step, lba + count - at)))
        if len(waiting) >= DEPTH:
            progress.add(sink.write(settled(waiting.popleft())))
    while waiting:
        progress.add(sink.write(settled(waiting.popleft())))
    return progress


def bytes_left(source: BinaryIO) -> int | None:
    """What is left to read of a regular file, in bytes; None for anything else."""
    try:
        found = os.fstat(source.fileno())
        return max(found.st_size - source.tell(), 0) if stat.S_ISREG(found.st_mode) else None
    except (OSError, ValueError):
        return None


def copy_in(
    session: Session, target: Device, lba: int, blocks: int, block: int, source: BinaryIO
) -> Progress:
    """Write what ``source`` has, at most ``blocks`` blocks, with several commands under way; then flush.

    Of a regular file is known before the first block whether it fits.
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
    step = max(min(CHUNK, session.max_transfer) // block, 1) * block
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


@click.command()
@click.argument("where", metavar="DEVICE")
@click.argument("file", type=OutputFile(), default="-")
@click.option("--lba", type=NUMBER, default=0, show_default=True, help="First block.")
@click.option("--count", type=NUMBER, default=None, help="Number of blocks (default: to the end).")
@click.option("--size", "length", default=None, help="Length in bytes instead: 4096, 0x1000, 64k, 256M.")
@initiator_options
def read(
    server: str, timeout: float, host: int, verbose: bool, where: str, file: Output, lba: int, count: int | None,
    length: str | None,
) -> None:  # fmt: skip
    """Read blocks of DEVICE into FILE (default: standard output, if that is no terminal).

    A FILE that is not there is made for its owner alone (mode 0600).

    \b
    Examples:
      pysrp read -s unix:/run/vios 0:0:1:0 boot.img --size 1M
      pysrp read -s unix:/run/vios 1 --lba 0x100 --count 8 | xxd
    """
    if count is not None and length is not None:
        raise click.UsageError("--count and --size both say how much: give one of them")
    with logged_in(server, timeout, host, verbose) as session:
        target = device(session, where)
        count, block = extent(target, lba, count, length)
        file.open()
        click.echo(copy_out(session, target, lba, count, block, file).finish(), err=True)


@click.command()
@click.argument("where", metavar="DEVICE")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--lba", type=NUMBER, default=0, show_default=True, help="First block.")
@initiator_options
def write(
    server: str, timeout: float, host: int, verbose: bool, where: str, file: BinaryIO, lba: int
) -> None:
    """Write FILE (default: standard input) to DEVICE, whole blocks, and flush its cache.

    \b
    Example: pysrp write -s unix:/run/vios 0:0:1:0 boot.img
    """
    if terminal(file):
        raise click.UsageError("standard input is a terminal: name a FILE, or send it through a pipe")
    with logged_in(server, timeout, host, verbose) as session:
        target = device(session, where)
        blocks, block = extent(target, lba, None, None)
        click.echo(copy_in(session, target, lba, blocks, block, file).finish(), err=True)


@click.command()
@click.argument("where", metavar="DEVICE")
@click.argument("cdb", nargs=-1, required=True)
@click.option(
    "-r", "--request", type=NUMBER, default=0, metavar="BYTES", help="Room for data-in: 36, 0x24, 32k."
)
@click.option("-i", "--infile", type=click.File("rb"), default=None, help="File with data-out.")
@click.option(
    "-o", "--outfile", type=OutputFile(), default=None,
    help="File for data-in (default: printed). Stays as it is when the command brings none.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Status, sense, residual and data as JSON.")
@initiator_options
def raw(
    server: str, timeout: float, host: int, verbose: bool, where: str, cdb: tuple[str, ...], request: int,
    infile: BinaryIO | None, outfile: Output | None, as_json: bool,
) -> None:  # fmt: skip
    """Send any CDB (hexadecimal) to DEVICE; print status, sense and data. Exits with 1 unless GOOD.

    \b
    Examples:
      pysrp raw -s unix:/run/vios 1 -r 36 12 00 00 00 24 00
      pysrp raw -s unix:/run/vios 1 -r 32k -o data.bin 0x28 0 0 0 0 0 0 0 40 0
      pysrp raw -s unix:/run/vios 1 -i data.bin 2a:00:00:00:00:00:00:00:08:00
    """
    command = octets(" ".join(cdb))
    if not 6 <= len(command) <= 260:
        raise ConfigError(f"a CDB has 6 to 260 bytes, this one {len(command)}")
    with logged_in(server, timeout, host, verbose) as session:
        target = device(session, where)
        # One byte more than can be moved is enough to see that it is too much.
        out = infile.read(session.max_transfer + 1) if infile else None
        if (most := max(request, len(out or b""))) > session.max_transfer:
            raise ConfigError(f"{most} bytes: one command here can move {session.max_transfer}")
        with contextlib.suppress(ScsiError):
            target.test_unit_ready()  # the unit attentions of this login are not what was asked for
        result = target.execute(command, data_out=out, data_in_length=request, check=False, timeout=60)
        if outfile and result.data and (result.status in SUCCESS or result.residual):
            outfile.write(result.data)
        elif outfile:
            click.echo("no data: the file of -o is left as it is", err=True)
        show_result(command, result, as_json, with_data=outfile is None)
        if result.status not in SUCCESS:
            sys.exit(1)


def show_result(command: bytes, result: Result, as_json: bool, with_data: bool) -> None:
    """Print what ``raw`` got: as one JSON object, or for people, status and sense on standard error."""
    status = Status(result.status).name if result.status in list(Status) else f"{result.status:#04x}"
    if as_json:
        answer = {"status": status, "sense": result.sense.hex(), "residual": result.residual}
        click.echo(json.dumps({**answer, "data": result.data.hex()}))
        return
    try:
        name = scsi.parse_cdb(command).name
    except DecodeError:
        name = f"operation code {command[0]:02X}h"
    click.echo(f"{name}: {status.replace('_', ' ')}", err=True)
    if result.sense:
        try:
            click.echo(scsi.parse_sense(result.sense).text, err=True)
        except DecodeError:
            click.echo(result.sense.hex(" "), err=True)
    for at in range(0, len(result.data) if with_data else 0, 16):
        click.echo(f"{at:08x}: {result.data[at : at + 16].hex(' ')}")


@click.command()
@click.argument("where", metavar="[DEVICE]", required=False)
@initiator_options
def reset(server: str, timeout: float, host: int, verbose: bool, where: str | None) -> None:
    """Reset the logical unit DEVICE, or without it the host: close the queue and log in again.

    \b
    Examples:
      pysrp reset -s unix:/run/vios 0:0:1:0
      pysrp reset -s unix:/run/vios
    """
    with logged_in(server, timeout, host, verbose) as session:
        if where is None:
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
