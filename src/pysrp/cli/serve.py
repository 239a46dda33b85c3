"""``pysrp serve``: a target in this process, with SCST's management tree."""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import logging
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from pysrp.backends import File
from pysrp.cli.newfile import NewFile
from pysrp.errors import ConfigError, TransportError
from pysrp.fabric import Identity, Port
from pysrp.fabric.recorder import Recorder
from pysrp.lun import from_hctl, hctl, scst_pack, scst_unpack
from pysrp.mad import OsType
from pysrp.media import split
from pysrp.scst import Control, Tree, TreeError, load, quote, socket_of
from pysrp.scst.grammar import within
from pysrp.target.lunmap import LunMap
from pysrp.target.reservation_files import ReservationFolder
from pysrp.target.serve import MAX_CLIENTS, Server
from pysrp.text import size
from pysrp.vscsi.server import Settings

log: logging.Logger = logging.getLogger("pysrp.cli")

STOP = signal.SIGTERM, signal.SIGINT
"""The signals that end a server."""

OS_TYPES = {"os400": OsType.OS400, "linux": OsType.LINUX, "aix": OsType.AIX, "ofw": OsType.OFW}


def pairs(texts: tuple[str, ...], what: str) -> list[tuple[str, str]]:
    """Split NAME=VALUE arguments. Raises ConfigError, with ``what`` as the form to write."""
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ConfigError(f"{text!r}: write {what}")
        found.append((name, value))
    return found


def recording(file: str) -> Callable[[Port], Port]:
    """A function that puts a recorder around each port, with a file of its own. OSError if the first cannot be opened.

    A later client whose file cannot be written is served without a recording.
    """
    Path(file).touch(0o600)
    clients = itertools.count(1)

    def failed(problem: OSError) -> None:
        log.error("no more is recorded: %s: %s", problem.filename, problem.strerror)

    def wrap(port: Port) -> Port:
        number = next(clients)
        try:
            return Recorder(port, file if number == 1 else f"{file}.{number}", failed)
        except OSError as problem:
            failed(problem)
            return port

    return wrap


def prepare(text: str) -> str:
    """The absolute path in PATH or PATH,SIZE. With SIZE, create or grow the file; ConfigError if it is larger."""
    place, comma, length = text.rpartition(",")
    if not comma or not length[:1].isdecimal():
        path = Path(text).absolute()
        if not path.exists():
            raise ConfigError(f"{path} is not there: {text},SIZE makes it, such as {text},1G")
        return str(path)
    path, wanted = Path(place).absolute(), size(length)
    if path.is_file() and (have := path.stat().st_size) > wanted:
        raise ConfigError(
            f"{path} has {have} bytes, not {wanted}: leave the size out to serve all of it; nothing is cut off"
        )
    File(path, wanted).close()
    return str(path)


def configure(tree: Tree, conf: BinaryIO, server: Server) -> bool:
    """Load an scst.conf; False if the server was told to stop meanwhile. Raises ConfigError."""
    text = conf.read().decode("utf-8", "surrogateescape")
    gc.disable()  # the objects made here stay: garbage collections would take longer than making them
    try:
        left_out = load(tree, text, stop=lambda: server.wait(0))
    except ConfigError as problem:
        raise ConfigError(f"{conf.name}: {problem}") from None
    except TreeError as problem:
        raise ConfigError(f"{conf.name}: {problem.filename}: {problem.strerror}") from problem
    finally:
        gc.enable()
    for line in left_out:
        log.info("%s: %s", conf.name, line)
    return not server.wait(0)


def number_of(option: str, text: str, base: int, what: str) -> int:
    """An option's text as a number in ``base``. The ConfigError says ``what`` the text should be."""
    try:
        return int(text, base)
    except ValueError:
        raise ConfigError(f"{option} {text!r}: it is {what}") from None


def _log(quiet: bool) -> None:
    """Send log lines to standard error, or with ``quiet`` nowhere."""
    if not quiet:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    else:
        logging.getLogger("pysrp").addHandler(logging.NullHandler())
        logging.getLogger("pysrp").propagate = False


def raise_limit() -> None:
    """Raise RLIMIT_NOFILE to its hard limit: each client needs half a dozen descriptors, each file one.

    :class:`~pysrp.target.serve.Server` does not do this: the process, with its limit, may be another program's.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:  # the kernel's limit for a process is lower by now (fs.nr_open)
        log.info("descriptors: at most %d, as %d are refused: %s", soft, hard, error)
    else:
        log.info("descriptors: at most %d, where the limit was %d", hard, soft)


def _identity(unit_address: str, partition_name: str | None, partition_number: int | None) -> Identity:
    """The identity that a simulated adapter reports."""
    partition = 40 if partition_number is None else partition_number
    return Identity(
        unit_address=number_of("--unit-address", unit_address, 16, "hexadecimal, such as 30000028"),
        partition_name=partition_name or "VIOS3-P6",
        partition_number=partition,
        location_code=f"U9117.MMA.107086C-V{partition}-C1-T1",
        system_id="IBM,9117-MMA-IBM,02107086C",
    )


def device(url: str) -> tuple[str, str]:
    """For a medium's URL: the handler (SCST's own, where SCST has one), and the parameters for ``add_device``."""
    scheme, rest = split(url)
    match scheme:
        case "ram" | "null":
            return {"ram": "vdisk_ram", "null": "vdisk_nullio"}[scheme], f"size={size(rest)}"
        case "file" if "?" not in rest and "%" not in rest:
            return "vdisk_fileio", f"filename={quote(rest)}"
        case "path":
            return "vdisk_fileio", f"filename={quote(str(Path(url).absolute()))}"
        case _ if scheme.startswith("nbd"):
            return "vdisk_nbd", f"url={quote(url)}"
        case "rbd":
            return "vdisk_rbd", f"url={quote(url)}"
        case _:
            return "vdisk_url", f"url={quote(url)}"


class Wanted(NamedTuple):
    """A disk to add: the option as it was typed, the disk's name, the URL of its medium."""

    typed: str
    name: str
    url: str


def media(disks: tuple[str, ...], ram: tuple[str, ...], files: tuple[str, ...]) -> Iterator[Wanted]:
    """The disks of the options --disk, --ram and --file."""
    for name, url in pairs(disks, "NAME=URL, such as data=/srv/data.img or ram000=ram:64M"):
        yield Wanted(f"--disk {name}={url}", name, url)
    for name, text in pairs(ram, "NAME=SIZE, such as ram000=64M"):
        yield Wanted(f"--ram {name}={text}", name, f"ram:{text}")
    for name, text in pairs(files, "NAME=PATH or NAME=PATH,SIZE"):
        typed = f"--file {name}={text}"
        with blaming(typed):
            url = prepare(text)
        yield Wanted(typed, name, url)


@contextlib.contextmanager
def blaming(typed: str) -> Iterator[None]:
    """Turn an OSError or ConfigError into a ConfigError that names the option, not a file of the management tree."""
    try:
        yield
    except OSError as problem:  # a TreeError is one
        raise ConfigError(f"{typed}: {problem.strerror or problem}") from problem
    except ConfigError as problem:
        raise ConfigError(f"{typed}: {problem}") from problem


def lun_number(text: str) -> int:
    """SCST's number for the text of ``--lun``: a number, or an address as clients print it. Raises ConfigError, TreeError.

    Numbers from 1 to 255 are ambiguous, and refused: to a client such a number is an id, to SCST a LUN of id 0.
    """
    if ":" in text:
        parts = text.strip("[]").split(":")
        try:
            channel, target, unit = map(int, parts[1:] if len(parts) == 4 else parts)
            return scst_unpack(from_hctl(channel, target, unit))
        except ValueError:
            raise ConfigError("an address is CHANNEL:ID:LUN, from 0:0:0 to 7:63:31, such as 0:1:0") from None
    found = within(text, 0, 0x3FFF, "LUN")
    if 0 < found < 256:
        meant = f"0:{found}:0 or {found << 8} is id {found}; " if found < 64 else ""
        raise ConfigError(
            f"{meant}what SCST calls {found} is {':'.join(map(str, hctl(scst_pack(found, 'LUN'))))}"
        )
    return found


def _fill(tree: Tree, target: str, disks: list[Wanted], luns: tuple[str, ...], thin: tuple[str, ...]) -> None:
    """Add ``disks`` and export them as ``luns`` say; those named in ``thin`` are thin provisioned."""
    exports = pairs(luns, "NAME=LUN, such as ram000=256 or ram000=0:1:0")
    there = {disk.name for disk in disks}
    for option, wanted in ("thin", thin), ("lun", [name for name, _ in exports]):
        for name in wanted:
            if name not in there:
                raise ConfigError(
                    f"--{option} {name}: no disk is called so; --disk {name}=PATH or --ram {name}=64M makes one"
                )
    for typed, name, url in disks:
        with blaming(typed):
            handler, parameters = device(url)
            if name in thin:
                parameters += ";thin_provisioned=1"
            tree.write(f"handlers/{handler}/mgmt", f"add_device {quote(name)} {parameters}")
    for name, text in exports:
        with blaming(f"--lun {name}={text}"):
            tree.write(f"{target}/luns/mgmt", f"add {quote(name)} {lun_number(text)}")


def _announce(url: str, control: Path, target: str, as_json: bool) -> None:
    """Print where the server listens."""
    if as_json:
        click.echo(json.dumps({"url": url, "control": str(control), "target": target}))
    else:
        click.echo(f"serving {url} as {target}")
        click.echo(f"management: pysrp scst -s {url} ls {target}")
    sys.stdout.flush()


def missing(url: str, target: str, exported: int) -> str:
    """A hint how to enable a target that is not enabled."""
    why = "" if exported else "nothing is exported (--lun NAME=256 does that, and enables the target), and "
    return f"{why}no client can log in yet: pysrp scst -s {url} write {target}/enabled 1"


@click.command()
@click.argument("url")
@click.option(
    "--disk", "disks", multiple=True, metavar="NAME=URL",
    help="Add a disk on a medium: a path, or ram:64M, null:1G, 'file:/PATH?size=1G', 'fault:RULE:URL', nbd://HOST/EXPORT, rbd:POOL/IMAGE (docs/media.md). Repeatable.",
)  # fmt: skip
@click.option(
    "--ram", multiple=True, metavar="NAME=SIZE", help="The same as --disk NAME=ram:SIZE. Repeatable."
)
@click.option(
    "--file", "files", multiple=True, metavar="NAME=PATH[,SIZE]",
    help="The same as --disk NAME=PATH; with SIZE the file is created, or grown, to that size, as a sparse file. Repeatable.",
)  # fmt: skip
@click.option(
    "--lun",
    "luns",
    multiple=True,
    metavar="NAME=LUN",
    help="Export a disk. LUN is SCST's number, as in ram000=256, or CHANNEL:ID:LUN as clients print it, as in ram000=0:1:0. Repeatable.",
)
@click.option(
    "--thin", multiple=True, metavar="NAME", help="Make this disk thin: initiators may unmap its blocks (docs/thin-disks.md). Repeatable."
)  # fmt: skip
@click.option("--conf", type=click.File("rb"), default=None, help="Load an scst.conf.")
@click.option(
    "--enable/--disable", default=None, help="Let clients log in (default: only if a disk is exported)."
)
@click.option(
    "--partition-name", help="Partition name in the adapter info (default: the platform's, else VIOS3-P6)."
)
@click.option(
    "--partition-number",
    type=int,
    help="Partition number in the adapter info (default: the platform's, else 40).",
)
@click.option(
    "--unit-address",
    default="30000028",
    show_default=True,
    metavar="HEX",
    help="Unit address of a simulated adapter.",
)
@click.option(
    "--os-type",
    type=click.Choice(list(OS_TYPES)),
    default="linux",
    show_default=True,
    help="Operating system in the adapter info; with aix, Linux clients send fast fail and capabilities.",
)
@click.option(
    "--max-transfer", default="64M", show_default=True, help="Largest transfer to announce (port_max_txu)."
)
@click.option(
    "--max-clients",
    type=click.IntRange(1),
    default=MAX_CLIENTS,
    show_default=True,
    help="Most clients at a time. The limit of open files is raised for them up to the hard limit (ulimit -Hn).",
)
@click.option(
    "--max-window",
    default="4G",
    show_default=True,
    metavar="SIZE",
    help="Most shared memory of one client.",
)
@click.option(
    "--reservations", type=click.Path(file_okay=False), metavar="FOLDER",
    help="Keep each disk's persistent reservations that were made with APTPL, and its saved mode pages, in files in this folder.",
)  # fmt: skip
@click.option("--no-login", is_flag=True, help="Also serve clients that send no SRP login, such as SLOF.")
@click.option(
    "--reject-disabled", is_flag=True,
    help="While the target is disabled, keep the queue open and reject logins, as ibmvstgt did, instead of closing the queue.",
)  # fmt: skip
@click.option("--mode", default="600", show_default=True, metavar="OCTAL", help="Permissions of the socket.")
@click.option(
    "--record", type=NewFile(), metavar="FILE",
    help="Record the traffic in FILE as JSON lines, for 'pysrp decode'; that of a second client in FILE.2, and so on.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print where the server listens as one JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Print no log lines.")
def serve(
    url: str, disks: tuple[str, ...], ram: tuple[str, ...], files: tuple[str, ...], luns: tuple[str, ...], thin: tuple[str, ...], conf: BinaryIO | None,
    enable: bool | None, partition_name: str | None, partition_number: int | None, unit_address: str,
    os_type: str, max_transfer: str, max_clients: int, max_window: str, reservations: str | None, no_login: bool, reject_disabled: bool, mode: str, record: str | None,
    as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Serve disks at URL (unix:PATH; on POWER vio:UNIT) until SIGTERM or Ctrl-C.

    Disks and exports can be changed while the server runs, through SCST's management tree: 'pysrp scst'.

    \b
    Examples:
      pysrp serve unix:/tmp/vios --ram ram000=64M --lun ram000=256
      pysrp serve unix:/tmp/vios --conf /etc/scst.conf
      pysrp serve unix:/tmp/vios --disk data=/srv/data.img --disk zeros=null:1T --lun data=256 --lun zeros=512
      pysrp serve vio:30000005 --file data=/dev/vg/data --lun data=256
      pysrp scst -s unix:/tmp/vios write targets/ibmvstgt/ibmvstgt_target_0/luns/mgmt add ram000 512
    """
    _log(quiet)
    url = url if ":" in url else f"unix:{url}"
    wished = _identity(unit_address, partition_name, partition_number)
    permissions = number_of("--mode", mode, 8, "octal, such as 660")
    settings = Settings(
        partition_name=partition_name or "",
        partition_number=partition_number,
        os_type=OS_TYPES[os_type],
        max_transfer=size(max_transfer),
        require_login=not no_login,
        reject_disabled=reject_disabled,
    )
    exports = LunMap()
    raise_limit()
    with contextlib.ExitStack() as stack:
        # A process that sees the socket may send a signal: block them, also in threads that begin here, until handled.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
        kept = None if reservations is None else ReservationFolder(reservations)
        tree = stack.enter_context(contextlib.closing(Tree(reservations=kept)))
        options: dict[str, Any] = {"identity": wished, "mode": permissions, "max_window": size(max_window)}
        wrap = recording(record) if record else None
        server = Server(url, exports, settings, enabled=False, max_clients=max_clients, wrap=wrap, **options)
        stack.callback(server.stop)
        for number in STOP:
            signal.signal(number, lambda *_: server.interrupt())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP)
        target = f"targets/ibmvstgt/{tree.add_target(server, exports)}"
        _fill(tree, target, [*media(disks, ram, files)], luns, thin)
        if conf is not None and not configure(tree, conf, server):
            return
        if enable or (enable is None and len(exports)):
            tree.write(f"{target}/enabled", "1")
        control = socket_of(url)
        stack.enter_context(Control(tree, control))
        _announce(url, control, target, as_json)
        if not (server.enabled or quiet):
            click.echo(missing(url, target, len(exports)), err=True)
        server.wait()
        if server.ended:
            raise TransportError(f"{url}: the adapter is gone, no client can come any more")
        if not quiet:
            click.echo("stopping: sessions end, writes under way finish, disks are flushed", err=True)
