"""The live interface: Wireshark shows a recording while it grows, such as that of ``pysrp serve --record FILE``.

``install`` puts the program into a folder where Wireshark looks. Wireshark starts it, asks for its interfaces and options,
and reads the pcapng that it writes to a FIFO (Wireshark's manual page extcap(4)).
"""

from __future__ import annotations

import argparse
import os
import select
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pysrp.errors import SrpError
from pysrp.wireshark.captures import LINKTYPE_UPPER_PDU, Writer, packets

__all__ = ["follow", "install", "main", "write"]

NAME = "pysrp"
OFFERS = f"""extcap {{version=1}}{{help=https://www.wireshark.org/docs/man-pages/extcap.html}}
interface {{value={NAME}}}{{display=pysrp: virtual SCSI, a recording that grows}}
"""
LINKS = f"dlt {{number={LINKTYPE_UPPER_PDU}}}{{name=WIRESHARK_UPPER_PDU}}{{display=Exported PDU}}\n"
ARGUMENTS = (
    "arg {number=0}{call=--record}{display=Recording}{type=fileselect}{mustexist=true}{required=true}"
    "{tooltip=The FILE of 'pysrp serve --record FILE', or of any other command with --record}\n"
)
PAUSE = 100
"""Milliseconds between two checks of a file that has not grown."""


def folders() -> list[Path]:
    """Folders in which Wireshark looks for a user's extcap programs: that of releases up to 4.0, and that of later ones."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return [Path(config, "wireshark/extcap").expanduser(), Path("~/.local/lib/wireshark/extcap").expanduser()]


def install() -> list[Path]:
    """Write the program into these folders; returns its paths. The program runs on this Python."""
    made = []
    for folder in folders():
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / NAME
        program.write_text(
            f"#!{sys.executable}\nimport sys\n\nfrom pysrp.wireshark.extcap import main\n\nsys.exit(main(sys.argv[1:]))\n"
        )
        program.chmod(0o755)
        made.append(program)
    return made


def follow(file: Path, pause: Callable[[], bool]) -> Iterator[str]:
    """The lines of a file, each when it is complete. Without a new line ``pause`` is called; False from it ends this.

    A file that has become shorter has been rewritten: it is read again from its beginning.
    """
    with file.open("rb") as stream:
        rest = b""
        while True:
            if more := stream.read(1 << 16):
                *lines, rest = (rest + more).split(b"\n")
                yield from (line.decode("utf-8", "replace") + "\n" for line in lines)
            elif not pause():
                return
            elif os.fstat(stream.fileno()).st_size < stream.tell():
                stream.seek(0)
                rest = b""


def write(record: Path, fifo: Path) -> None:
    """Follow the recording and write its packets to the FIFO, until the FIFO has no reader any more."""
    with fifo.open("wb", buffering=0) as stream:
        reader = select.poll()
        reader.register(stream, 0)  # poll() reports POLLERR, without being asked, once the FIFO has no reader
        writer = Writer(stream, [record.name])
        try:
            for packet in packets(follow(record, lambda: not reader.poll(PAUSE)), os.fspath(record)):
                writer.write(packet)
        except BrokenPipeError:
            return


def main(arguments: list[str]) -> int:
    """Do what Wireshark's arguments ask for; returns the exit status."""
    parser = argparse.ArgumentParser("pysrp", description=__doc__, allow_abbrev=False)
    for option in "--extcap-interfaces", "--extcap-dlts", "--extcap-config", "--capture":
        parser.add_argument(option, action="store_true")
    for option in "--extcap-interface", "--extcap-version", "--extcap-capture-filter":
        parser.add_argument(option)
    for option in "--fifo", "--record":
        parser.add_argument(option, type=Path)
    asked = parser.parse_args(arguments)
    if asked.extcap_interfaces:
        sys.stdout.write(OFFERS)
    elif asked.extcap_dlts:
        sys.stdout.write(LINKS)
    elif asked.extcap_config:
        sys.stdout.write(ARGUMENTS)
    elif asked.capture and asked.fifo and asked.record:
        try:
            write(asked.record, asked.fifo)
        except (OSError, SrpError) as problem:
            sys.stderr.write(f"{problem}\n")
            return 1
    else:
        parser.print_usage(sys.stderr)
        return 2
    return 0
