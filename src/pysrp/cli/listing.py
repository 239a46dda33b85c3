"""``pysrp lsscsi`` and ``pysrp rescan``: which devices there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from pysrp import sg
from pysrp.cli.common import initiator_options, logged_in
from pysrp.errors import ConfigError, SrpError
from pysrp.initiator.session import Device
from pysrp.scsi.codes import Association, DesignatorType, PeripheralDeviceType
from pysrp.scsi.inquiry import Designator
from pysrp.text import printable

TYPES = {
    0x00: "disk",
    0x01: "tape",
    0x02: "printer",
    0x03: "process",
    0x04: "worm",
    0x05: "cd/dvd",
    0x06: "scanner",
    0x07: "optical",
    0x08: "mediumx",
    0x09: "comms",
    0x0C: "storage",
    0x0D: "enclosu",
    0x0E: "sim dsk",
    0x0F: "opti rd",
    0x10: "bridge",
    0x11: "osd",
    0x12: "adi",
    0x13: "sec man",
    0x14: "zbc",
    0x15: "redu mm",
    0x1E: "wlun",
    0x1F: "no dev",
}
"""Peripheral device type: lsscsi's word for it. For 15h lsscsi has none; the word is ours."""

NAMES = {
    DesignatorType.NAA: "naa",
    DesignatorType.EUI_64: "eui",
    DesignatorType.UUID: "uuid",
    DesignatorType.SCSI_NAME_STRING: "",
    DesignatorType.T10_VENDOR_ID: "t10",
}
"""Designator types that name a logical unit, the best first, and the prefix of such a name."""


def node(found: Device, generic: bool = False) -> str:
    """The node of a device in /dev; ``-`` where it has none, as behind SRP."""
    if not isinstance(found, sg.Device):
        return "-"
    kinds = ["scsi_generic"] if generic else ["block", "scsi_tape", "scsi_changer"]
    names = [min(names, key=len) for kind in kinds if (names := found.place.nodes(kind))]
    return f"/dev/{names[0]}" if names else "-"


def size_of(found: Device) -> str:
    """The capacity of a device as lsscsi writes it, in powers of 1000; ``-`` where READ CAPACITY fails."""
    try:
        count: float = found.capacity().size
    except SrpError:
        return "-"
    units = ["B", "kB", "MB", "GB", "TB", "PB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.3g}{units[0]}" if count < 1000 else f"{count:.0f}{units[0]}"


def best_designator(found: Device) -> Designator | None:
    """The best name of the logical unit in its Device Identification page (SPC-5, 7.7.6); None if there is none."""
    try:
        listed = [
            each
            for each in found.inquiry(0x83).designators
            if each.association == Association.LOGICAL_UNIT and each.designator_type in NAMES
        ]
    except SrpError:
        return None
    order = list(NAMES)
    return min(listed, key=lambda each: order.index(each.designator_type), default=None)


def text_of(designator: Designator) -> str:
    """A designator as text; a binary one in hexadecimal."""
    raw = bytes(designator.designator)
    if designator.code_set == 1:
        return raw.hex()
    return printable(raw.rstrip(b" \0").decode("utf-8", "replace"))


def unit_name(found: Device) -> str:
    """Name of the logical unit as ``lsscsi -u`` has it: naa.6001..., eui.0025..."""
    best = best_designator(found)
    if best is None:
        return "-"
    kind = NAMES[DesignatorType(best.designator_type)]
    return f"{kind}.{text_of(best)}" if kind else text_of(best)


def scsi_id(found: Device) -> str:
    """The id that udev's scsi_id gives a device: the number of the designator type, then the designator."""
    best = best_designator(found)
    return "-" if best is None else f"{int(best.designator_type):x}{text_of(best)}".replace(" ", "_")


def transport(found: Device) -> str:
    """The transport of a device's commands, as ``lsscsi -t`` has it."""
    return (found.place.transport() or "-") if isinstance(found, sg.Device) else "srp (vscsi)"


COLUMNS = {"transport": transport, "unit_name": unit_name, "scsi_id": scsi_id, "size": size_of}
"""The optional columns, in their order."""


def place_of(found: Device) -> str:
    """The address of a device in brackets."""
    return f"[{':'.join(map(str, (found.host, *found.hctl)))}]"


def row(found: Device, more: Sequence[str] = (), generic: bool = False) -> str:
    """A line of lsscsi: address, type, vendor, product, revision, node, and the optional columns in ``more``."""
    kind = TYPES.get(found.type, f"type {found.type:x}")
    if "transport" in more or "unit_name" in more:
        names = [COLUMNS[each](found) for each in ("transport", "unit_name") if each in more]
        about = "  ".join(f"{name:<32}" for name in names)
    else:
        vendor, product, revision = map(printable, (found.vendor, found.product, found.revision))
        about = f"{vendor:<8} {product:<16} {revision:<4}"
    nodes = [node(found), *([node(found, True)] if generic else [])]
    ends = [f"{COLUMNS[each](found):>8}" for each in ("scsi_id", "size") if each in more]
    return f"{place_of(found):<12} {kind:<7} {about}  {'  '.join([*nodes, *ends])}"


def record(found: Device, more: Sequence[str] = ()) -> dict[str, Any]:
    """A device as an entry of the JSON list."""
    entry = {
        "hctl": [found.host, *found.hctl],
        "lun": str(found.lun),
        "type": int(found.type),
        "vendor": found.vendor,
        "product": found.product,
        "revision": found.revision,
    }
    if isinstance(found, sg.Device):
        entry |= {"node": node(found), "generic": node(found, True)}
    entry |= {each: COLUMNS[each](found) for each in more if each != "size"}
    if "size" in more:
        try:
            entry["size"] = found.capacity().size
        except SrpError:
            entry["size"] = None
    return entry


def span(text: str, most: int) -> range:
    """A range from text such as 0-31 or 5; raises ConfigError unless all numbers are from 0 to ``most`` - 1."""
    first, _, last = text.partition("-")
    try:
        numbers = range(int(first), int(last or first) + 1)
    except ValueError:
        raise ConfigError(f"{text!r} is no range; write 0-31 or 5") from None
    if not numbers or numbers[-1] >= most or numbers[0] < 0:
        raise ConfigError(f"{text}: only 0 to {most - 1} can be addressed")
    return numbers


@click.command()
@click.option("--channels", default="0-7", show_default=True, help="Channels to scan (Linux scans 0-3).")
@click.option("--ids", default="0-63", show_default=True, help="Target ids to scan.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@initiator_options
def rescan(
    server: str, timeout: float, host: int, verbose: bool, channels: str, ids: str, as_json: bool
) -> None:
    """Scan the bus as rescan-scsi-bus does, and print every device found.

    \b
    Example: pysrp rescan -s unix:/tmp/vios --ids 0-31
    """
    with logged_in(server, timeout, host, verbose) as session:
        found = session.scan(channels=span(channels, 8), ids=span(ids, 64))
        if as_json:
            click.echo(json.dumps([record(d) for d in found], indent=1))
            return
        for d in found:
            click.echo(
                f"Host: scsi{d.host} Channel: {d.hctl.channel:02} Id: {d.hctl.id:02} Lun: {d.hctl.lun:02}"
            )
            vendor, model, revision = map(printable, (d.vendor, d.product, d.revision))
            click.echo(f"  Vendor: {vendor:<8} Model: {model:<16} Rev: {revision}")
            kind = (
                PeripheralDeviceType(d.type).name if d.type in list(PeripheralDeviceType) else f"{d.type:#x}"
            )
            click.echo(f"  Type:   {kind.replace('_', ' ').title()}")
        click.echo(f"{len(found)} device(s) found.")


@click.command()
@click.option("--size", is_flag=True, help="Add the capacity at the end of the line (lsscsi -s).")
@click.option("-i", "--scsi-id", is_flag=True, help="Add the id that udev's scsi_id gives the device.")
@click.option(
    "-u",
    "--unit",
    "unit_name",
    is_flag=True,
    help="Print the name of the unit in place of vendor and product.",
)
@click.option("-t", "--transport", is_flag=True, help="Print the transport in place of vendor and product.")
@click.option("-g", "--generic", is_flag=True, help="Also print the SCSI generic node.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list.")
@initiator_options
def lsscsi(
    server: str, timeout: float, host: int, verbose: bool, generic: bool, as_json: bool, **columns: bool
) -> None:
    """List the devices in lsscsi's columns: address, type, vendor, product, revision, node.

    Sizes and ids are queried from each device; "-" means that a device does not have one. -s names the server, so
    lsscsi's -s is --size here.

    \b
    Examples:
      pysrp lsscsi -s unix:/tmp/vios
      pysrp lsscsi -s unix:/tmp/vios --size -i
      pysrp lsscsi -s sg: -g                  # of this machine
      pysrp lsscsi -s sg: -t -u --json
    """
    with logged_in(server, timeout, host, verbose) as session:
        found = session.scan()
        more = [name for name in COLUMNS if columns[name]]
        if as_json:
            click.echo(json.dumps([record(d, more) for d in found], indent=1))
        else:
            for d in found:
                click.echo(row(d, more, generic))
