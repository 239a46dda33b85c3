"""The commands that query a device. They do what sg_inq, sg_vpd, sg_modes, sg_logs, sg_opcodes, sg_requests, sg_luns
and sg_readcap do."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any

import click

from pysrp import scsi
from pysrp.cli.common import NUMBER, DeviceCommand, on_device, terminal
from pysrp.cli.decode import fields_of
from pysrp.errors import CheckCondition, ConfigError, ScsiError, SrpError
from pysrp.fields import View
from pysrp.initiator.session import Device
from pysrp.lun import scsilun_to_int
from pysrp.scsi import params
from pysrp.scsi.codes import LogPage, LogPageControl, ModePageControl, ReportingOptions, SenseKey, VpdPage
from pysrp.tables import opcode_name

VPD = {
    "sv": 0x00, "sn": 0x80, "iod": 0x81, "aod": 0x82, "di": 0x83, "sii": 0x84, "mna": 0x85, "ei": 0x86, "mpp": 0x87,
    "sp": 0x88, "ai": 0x89, "pc": 0x8A, "dc": 0x8B, "cfa": 0x8C, "psm": 0x8D, "tpc": 0x8F, "pslu": 0x90, "pspo": 0x91,
    "sfs": 0x92, "bl": 0xB0, "bdc": 0xB1, "lbpv": 0xB2, "ref": 0xB3, "sbl": 0xB4, "bdce": 0xB5, "zbdch": 0xB6,
    "ble": 0xB7, "fp": 0xB8, "cpr": 0xB9,
}  # fmt: skip
"""sg_vpd's short names of VPD pages, with the page codes."""

LOGS = {
    "sp": 0x00, "bou": 0x01, "we": 0x02, "re": 0x03, "rre": 0x04, "ve": 0x05, "nm": 0x06, "lne": 0x07, "fs": 0x08,
    "lnd": 0x0B, "lbp": 0x0C, "temp": 0x0D, "sscc": 0x0E, "ac": 0x0F, "str": 0x10, "ssm": 0x11, "bsr": 0x15,
    "psp": 0x18, "gsp": 0x19, "pct": 0x1A, "ie": 0x2F,
}  # fmt: skip
"""sg_logs' short names of log pages, with the page codes."""

MODES = {
    "rw": 0x01, "dr": 0x02, "rd": 0x04, "ve": 0x07, "ca": 0x08, "co": 0x0A, "xo": 0x10, "lu": 0x18,
    "port": 0x19, "po": 0x1A, "ie": 0x1C, "lbp": 0x1C02, "mm": 0x2A, "all": 0x3F,
}  # fmt: skip
"""sdparm's short names of mode pages, with the page codes; a subpage is 256 * page code + subpage code."""

ROOM = 4096
"""First allocation length for data that states its own length; :func:`asked` sends a second command for longer data."""


def page_of(text: str, names: Mapping[str, int], most: int = 0xFF) -> tuple[int, int]:
    """Page code and subpage code from a name or hexadecimal text: ``ca``, ``8``, ``0x1c,1``, ``b0h``. Raises ConfigError."""
    page, comma, subpage = text.partition(",")
    digits = r"(?:0[xX])?([0-9a-fA-F]{1,2})[hH]?"
    found, below = re.fullmatch(digits, page), re.fullmatch(digits, subpage)
    number = names.get(page.lower(), int(found[1], 16) if found else -1)
    if number > 0xFF and not comma:
        return divmod(number, 0x100)
    if not 0 <= number <= most or (comma and not below):
        raise ConfigError(
            f"{text!r} is no page; write it in hexadecimal, such as {most:x}, or as one of {', '.join(names)}"
        )
    return number, int(below[1], 16) if below else 0


def page_text(page: int, subpage: int) -> str:
    """A page and its subpage as text that :func:`page_of` reads."""
    return f"{page:02x},{subpage:02x}" if subpage else f"{page:02x}"


def named(codes: type[IntEnum], code: int) -> str:
    """The name of a page, for people; ``?`` where the standard has none."""
    return codes(code).name.replace("_", " ").capitalize() if code in list(codes) else "?"


def output_options(command: Callable[..., Any], letter: str = "-r") -> Callable[..., Any]:
    """Add the options --raw, --hex and --json. ``letter``: the short option of --raw; empty where -r has another meaning."""
    names = [letter] if letter else []
    command = click.option(*names, "--raw", "form", flag_value="raw", help="Print the data as binary bytes.")(
        command
    )
    as_hex = "Print the data in hexadecimal, as 'pysrp decode' reads it."
    command = click.option("-H", "--hex", "form", flag_value="hex", help=as_hex)(command)
    return click.option("--json", "form", flag_value="json", help="Print the fields as JSON.")(command)


def show(view: View, form: str | None) -> None:
    """Print an answer: field by field unless ``form`` says otherwise."""
    data = bytes(view)
    if form == "raw":
        if terminal(sys.stdout):
            raise click.UsageError(
                "standard output is a terminal, and these are bytes: take --hex, or add '| xxd'"
            )
        sys.stdout.buffer.write(data)
    elif form == "hex":
        click.echo(data.hex(" "))
    elif form == "json":
        click.echo(json.dumps(fields_of(view), indent=1))
    else:
        click.echo(view.show())


def table(rows: Iterable[Mapping[str, Any]], form: str | None, line: Callable[[Any], str]) -> None:
    """Print a list of things: a line each, or as JSON."""
    if form == "json":
        click.echo(json.dumps(list(rows), indent=1))
    else:
        for each in rows:
            click.echo(line(each))


def asked(target: Device, command: Any, length: Callable[[bytes], int], **fields: Any) -> View:
    """The data-in of a command, parsed. ``length`` computes from the first answer how many bytes there are.

    Where these are more than :data:`ROOM`, the command is sent again with a larger allocation length: data beyond the
    allocation length is cut off (SPC-5, 4.2.5.6).
    """
    room = 0xFF if command is scsi.ModeSense6 else ROOM
    while True:
        cdb = command.build(allocation_length=room, **fields)
        data = target.execute(cdb, data_in_length=room, retries=3).data
        need = min(length(data), 0xFFFF, target.max_transfer)
        if need <= len(data) or room > ROOM or command is scsi.ModeSense6:
            found = scsi.parse_data_in(cdb, data)
            assert found is not None, "the command has a table"
            return found
        room = max(need, ROOM + 1)


@contextlib.contextmanager
def one_of(what: str, page: str, listed: Callable[[], Iterable[str]]) -> Iterator[None]:
    """Where the device refuses a page that it does not list, add the pages that it lists to the error."""
    try:
        yield
    except CheckCondition as error:
        try:
            refused = scsi.parse_sense(error.sense).sense_key == SenseKey.ILLEGAL_REQUEST
            pages = sorted(set(listed())) if refused else []
        except SrpError:
            pages = []
        if not pages or page in pages:
            raise
        known = f"{error}; its {what} are {', '.join(pages)}"
        raise CheckCondition(known, status=error.status, sense=error.sense) from None


def vpd_page(target: Device, page: int) -> View:
    """A VPD page. Where the device does not have it, the ScsiError names the pages that it has."""

    def listed() -> Iterable[str]:
        return (f"{code:02x}" for code in target.inquiry(VpdPage.SUPPORTED_VPD_PAGES).supported_page_list)

    with one_of("VPD pages", f"{page:02x}", listed):
        found: View = target.inquiry(page)
        return found


def counted(at: int, size: int, more: int) -> Callable[[bytes], int]:
    """A function that computes the length of data: the integer in ``size`` bytes at offset ``at``, plus ``more``."""
    return lambda data: int.from_bytes(data[at : at + size], "big") + more


@click.command(cls=DeviceCommand)
@click.option(
    "-p", "--page", default=None, help="VPD page, hexadecimal (such as 83); default: the standard data."
)
@output_options
@on_device
def inq(target: Device, page: str | None, form: str | None) -> None:
    """Print a device's INQUIRY data, or one of its VPD pages, field by field.

    DEVICE is HOST:CHANNEL:ID:LUN, CHANNEL:ID:LUN, an id, or a LUN in hexadecimal; for a device of this machine
    also its device node, such as /dev/sg0.

    \b
    Examples:
      pysrp inq -s unix:/tmp/vios 0:0:1:0
      pysrp inq -s unix:/tmp/vios -p 83 1
      pysrp inq /dev/sg0
    """
    if page is not None and not re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,2}", page):
        raise ConfigError(f"{page!r} is no VPD page; write it in hexadecimal, such as 83 or b0")
    show(target.inquiry() if page is None else vpd_page(target, int(page, 16)), form)


@click.command(cls=DeviceCommand)
@click.option(
    "-p",
    "--page",
    default=None,
    help="Print one page: hexadecimal (83, 0xb0), or sg_vpd's name (di, bl, sinq).",
)
@click.option("-a", "--all", "every", is_flag=True, help="All pages that the device lists.")
@output_options
@on_device
def vpd(target: Device, page: str | None, every: bool, form: str | None) -> None:
    """Print VPD pages of a device, as sg_vpd does. Default: the list of supported pages.

    \b
    Examples:
      pysrp vpd -s unix:/tmp/vios 1
      pysrp vpd -s unix:/tmp/vios 1 -p bl
      pysrp vpd /dev/sg0 -a --json
    """
    if page is not None:
        show(target.inquiry() if page == "sinq" else vpd_page(target, page_of(page, VPD)[0]), form)
        return
    listed = target.inquiry(VpdPage.SUPPORTED_VPD_PAGES)
    if form in ("hex", "raw") and not every:
        show(listed, form)
        return
    codes = list(bytes(listed)[4 : 4 + listed.page_length])
    if not every:
        short = {code: name for name, code in VPD.items()}
        rows = [{"page": code, "short": short.get(code, ""), "name": named(VpdPage, code)} for code in codes]
        table(rows, form, lambda row: f"{row['page']:02x}  {row['short']:<6} {row['name']}")
        return
    several([target.inquiry(code) for code in codes], form)


def several(views: list[View], form: str | None) -> None:
    """Print several answers, one after the other; in JSON as one list."""
    if form == "json":
        found = [{"class": type(view).__name__, **fields_of(view)} for view in views]
        click.echo(json.dumps(found, indent=1))
        return
    for place, view in enumerate(views):
        if place and form is None:
            click.echo()
        show(view, form)


@click.command(cls=DeviceCommand)
@click.option(
    "-p",
    "--page",
    default="3f",
    show_default=True,
    help="PAGE or PAGE,SUBPAGE: hexadecimal, or sdparm's name (ca, co); 3f: all pages.",
)
@click.option(
    "-c", "--control", type=click.Choice(["0", "1", "2", "3"]), default="0", show_default=True,
    help="0: current values, 1: changeable bits, 2: default values, 3: saved values.",
)  # fmt: skip
@click.option("-d", "--dbd", is_flag=True, help="Ask for no block descriptors (DBD).")
@click.option("-6", "--six", is_flag=True, help="Send MODE SENSE(6) instead of MODE SENSE(10).")
@output_options
@on_device
def modes(target: Device, page: str, control: str, dbd: bool, six: bool, form: str | None) -> None:
    """Print mode pages of a device, as sg_modes does.

    \b
    Examples:
      pysrp modes -s unix:/tmp/vios 1
      pysrp modes -s unix:/tmp/vios 1 -p ca -c 1
      pysrp modes /dev/sg0 -p 0xa,1 --json
    """
    code, subpage = page_of(page, MODES, 0x3F)
    command: Any = scsi.ModeSense6 if six else scsi.ModeSense10
    length = counted(0, 1, 1) if six else counted(0, 2, 2)
    pc = ModePageControl(int(control))

    def listed() -> Iterable[str]:
        if code == 0x3F or subpage == 0xFF:  # all pages were asked for: none of them is missing
            return ()
        every: Any = asked(target, command, length, page_code=0x3F, subpage_code=0xFF, dbd=True)
        return (page_text(each.page_code, each.subpage_code if each.spf else 0) for each in every.pages)

    with one_of("mode pages", page_text(code, subpage), listed):
        found = asked(target, command, length, page_code=code, subpage_code=subpage, pc=pc, dbd=dbd)
    show(found, form)


@click.command(cls=DeviceCommand)
@click.option(
    "-p",
    "--page",
    default=None,
    help="Print one page. PAGE or PAGE,SUBPAGE: hexadecimal, or sg_logs' name (temp, gsp).",
)
@click.option("-a", "--all", "every", is_flag=True, help="All pages that the device lists.")
@click.option(
    "-c", "--control", type=click.Choice(["0", "1", "2", "3"]), default="1", show_default=True,
    help="0: thresholds, 1: cumulative values, 2: default thresholds, 3: default cumulative values.",
)  # fmt: skip
@output_options
@on_device
def logs(target: Device, page: str | None, every: bool, control: str, form: str | None) -> None:
    """Print log pages of a device, as sg_logs does. Default: the list of supported pages.

    \b
    Examples:
      pysrp logs /dev/sg0
      pysrp logs -s unix:/tmp/vios 1 -p gsp
      pysrp logs /dev/sg0 -p temp
      pysrp logs /dev/sg0 -a --json
    """

    def sense(code: int, subpage: int) -> Any:
        return asked(
            target,
            scsi.LogSense,
            counted(2, 2, 4),
            page_code=code,
            subpage_code=subpage,
            pc=LogPageControl(int(control)),
        )

    def listed() -> Iterable[str]:
        pages = sense(LogPage.SUPPORTED_LOG_PAGES, 0xFF).supported_subpages
        return (page_text(each.page_code, each.subpage_code) for each in pages)

    if page is not None:
        code, subpage = page_of(page, LOGS, 0x3F)
        with one_of("log pages", page_text(code, subpage), listed):
            found = sense(code, subpage)
        show(found, form)
        return
    first = sense(LogPage.SUPPORTED_LOG_PAGES, 0)
    if form in ("hex", "raw") and not every:
        show(first, form)
        return
    codes = [code & 0x3F for code in bytes(first.supported_page_list)]
    if every:
        several([sense(code, 0) for code in codes], form)
        return
    short = {code: name for name, code in LOGS.items()}
    rows = [{"page": code, "short": short.get(code, ""), "name": named(LogPage, code)} for code in codes]
    table(rows, form, lambda row: f"{row['page']:02x}  {row['short']:<5} {row['name']}")


@click.command(cls=DeviceCommand)
@click.option(
    "-o",
    "--opcode",
    default=None,
    metavar="OP[,SA]",
    help="Ask about one command: its operation code, hexadecimal, such as 28, or 9e,10 with its service action.",
)
@click.option("-t", "--tmf", is_flag=True, help="List the task management functions instead.")
@click.option("-R", "--rctd", is_flag=True, help="Also print the timeouts of commands (RCTD).")
@output_options
@on_device
def opcodes(target: Device, opcode: str | None, tmf: bool, rctd: bool, form: str | None) -> None:
    """Print which commands a device supports, as sg_opcodes does.

    \b
    Examples:
      pysrp opcodes -s unix:/tmp/vios 1
      pysrp opcodes -s unix:/tmp/vios 1 -o 9e,10
      pysrp opcodes /dev/sg0 -t --json
    """
    if tmf:
        cdb = scsi.ReportSupportedTaskManagementFunctions
        show(asked(target, cdb, len, repd=rctd), form)
        return
    command = scsi.ReportSupportedOperationCodes
    if opcode is not None:
        if not (
            found := re.fullmatch(
                r"(?:0x)?([0-9a-f]{1,2})(?:,(?:0x)?([0-9a-f]{1,4}))?", opcode, re.IGNORECASE
            )
        ):
            raise ConfigError(f"{opcode!r} is no command; write 28, or 9e,10 with a service action")
        show(asked(
            target, command, len, rctd=rctd,
            reporting_options=ReportingOptions.ONE_OPCODE_AND_SERVICE_ACTION if found[2] else ReportingOptions.ONE_OPCODE,
            requested_operation_code=int(found[1], 16), requested_service_action=int(found[2] or "0", 16),
        ), form)  # fmt: skip
        return
    listed: Any = asked(target, command, counted(0, 4, 4), rctd=rctd, reporting_options=ReportingOptions.ALL)
    if form in ("hex", "raw"):
        show(listed, form)
        return
    table([supported(each, target.type) for each in listed.commands], form, supported_line)


def supported(each: Any, kind: int) -> dict[str, Any]:
    """One supported command as a row: opcode, service action, CDB length, name, timeouts in seconds."""
    action = int(each.service_action) if each.servactv else None
    row = {
        "opcode": int(each.operation_code),
        "service_action": action,
        "cdb_length": int(each.cdb_length),
        "name": opcode_name(each.operation_code, kind, action),
    }
    if each.timeouts is not None:
        row["nominal_seconds"] = int(each.timeouts.nominal_command_processing_timeout)
        row["recommended_seconds"] = int(each.timeouts.recommended_command_timeout)
    return row


def supported_line(row: Mapping[str, Any]) -> str:
    """A row of :func:`supported` as a line of text."""
    action = "" if row["service_action"] is None else f"{row['service_action']:x}"
    times = (
        f"  {row['nominal_seconds']} s, {row['recommended_seconds']} s" if "nominal_seconds" in row else ""
    )
    return f"{row['opcode']:02x}  {action:>4}  {row['cdb_length']:>3}  {row['name']}{times}"


@click.command(cls=DeviceCommand)
@click.option("-d", "--desc", is_flag=True, help="Ask for descriptor format sense data (DESC).")
@output_options
@on_device
def sense(target: Device, desc: bool, form: str | None) -> None:
    """Print the sense data of REQUEST SENSE, the state of a device, as sg_requests does.

    \b
    Example: pysrp sense /dev/sg0 --json
    """
    with contextlib.suppress(ScsiError):
        target.test_unit_ready()  # clears the unit attentions that this login itself has caused
    cdb = scsi.RequestSense.build(desc=desc, allocation_length=252)
    found: Any = scsi.parse_sense(target.execute(cdb, data_in_length=252, retries=3).data)
    if form is None:
        click.echo(found.explanation)
    show(found, form)


@click.command(cls=DeviceCommand)
@click.option("-l", "--linux", is_flag=True, help="Also print the integer that Linux makes of each LUN.")
@click.option("-q", "--quiet", is_flag=True, help="Print only the hexadecimal digits.")
@click.option(
    "--select",
    type=NUMBER,
    default=0,
    show_default=True,
    help="SELECT REPORT. 0: without well known logical units, 1: only these, 2: all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@on_device
def luns(target: Device, linux: bool, quiet: bool, select: int, as_json: bool) -> None:
    """Send REPORT LUNS to DEVICE; print each LUN in hexadecimal and decoded, as sg_luns does.

    \b
    Examples:
      pysrp luns -s unix:/tmp/vios 0:0:1:0
      pysrp luns /dev/sg0 --linux
    """
    if not 0 <= select <= 0xFF:
        raise ConfigError(f"--select {select}: from 0 to 255")
    room = min(65536, target.max_transfer)
    cdb = scsi.ReportLuns.build(select_report=select, allocation_length=room)
    listed = params.ReportLuns(target.execute(cdb, data_in_length=room, retries=3).data).luns
    if as_json:
        click.echo(json.dumps([str(lun) for lun in listed]))
        return
    for lun in listed:
        parts = [str(lun)] if quiet else [str(lun), repr(lun)]
        click.echo("  ".join([*parts, *([str(scsilun_to_int(lun))] if linux else [])]))


@click.command(cls=DeviceCommand)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@on_device
def readcap(target: Device, as_json: bool) -> None:
    """Print the capacity of DEVICE: number of blocks, block size, total bytes; and thin provisioning, if it has that.

    \b
    Examples:
      pysrp readcap -s unix:/tmp/vios 0:0:1:0 --json
      pysrp readcap /dev/sg0
    """
    capacity = target.capacity()
    thin = zeros = False
    with contextlib.suppress(CheckCondition):  # a unit without READ CAPACITY(16) is not thin
        told: Any = asked(target, scsi.ReadCapacity16, len)
        thin, zeros = bool(told.lbpme), bool(told.lbprz)
    if as_json:
        found = {**capacity._asdict(), "size": capacity.size, "lbpme": thin, "lbprz": zeros}
        click.echo(json.dumps(found))
        return
    click.echo(f"{capacity.blocks} blocks of {capacity.block_size} bytes: {capacity.size} bytes")
    if thin:
        reads = "read as zeros (LBPRZ 1)" if zeros else "read as whatever (LBPRZ 0)"
        click.echo(f"thin (LBPME 1): blocks can be given back, and then {reads}")


__all__ = ["inq", "logs", "luns", "modes", "opcodes", "readcap", "sense", "vpd"]
