"""share/: the manual page and the completions of the command ``pysrp``, generated from its click commands.

    .venv/bin/python tools/manual.py           print the manual page
    .venv/bin/python tools/manual.py --write   write all files of share/; tests/cli/test_manual.py compares the page

The package installs them under the environment's share/, where man and the shells look.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from pysrp import __version__
from pysrp.cli import program

SHARE = Path(__file__).resolve().parents[1] / "share"
PAGE = SHARE / "man" / "man1" / "pysrp.1"
COMPLETIONS = {
    "bash": SHARE / "bash-completion" / "completions" / "pysrp",
    "zsh": SHARE / "zsh" / "site-functions" / "_pysrp",
    "fish": SHARE / "fish" / "vendor_completions.d" / "pysrp.fish",
}

HEAD = f""".\\" Made by tools/manual.py of the commands: change those.
.TH PYSRP 1 "" "pysrp {__version__}" "User commands"
.SH NAME
pysrp \\- IBM Virtual SCSI and the SCSI RDMA Protocol
"""

TAIL = """.SH OPTIONS
All of them have
.BR \\-\\-help .
.SH ENVIRONMENT
.TP
.B PYSRP_SERVER
The server of commands that are given none.
.TP
.BR NO_COLOR ", " TERM=dumb
No colours.
.SH EXIT STATUS
0 where all went well, 1 where something was wrong, 2 for a wrong usage.
.SH SEE ALSO
.BR lsscsi (8),
.BR sg_inq (8),
.BR scstadmin (8),
.BR wireshark (1)
"""


def roff(text: str) -> str:
    """Text, escaped so that roff takes no line of it for a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)


def contexts(context: click.Context) -> Iterator[click.Context]:
    """The contexts of all subcommands of a command, at any depth."""
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            assert command is not None
            inner = click.Context(command, info_name=name, parent=context)
            yield inner
            yield from contexts(inner)


def parts(context: click.Context) -> Iterator[str]:
    """The parts of the page about one command."""
    usage = " ".join(context.command.collect_usage_pieces(context))
    yield f".SS {roff(context.command_path)}\n"
    yield f".B {roff(context.command_path)}\n{roff(usage)}\n"
    for text in re.split(r"\n\s*\n", inspect.cleandoc(context.command.help or "")):
        if text.startswith("\b"):
            lines = [line.strip() for line in text[1:].strip().splitlines()]
            yield ".PP\n.nf\n" + "".join(f"{roff(line)}\n" for line in lines) + ".fi\n"
        else:
            yield f".PP\n{roff(' '.join(text.split()))}\n"
    for parameter in context.command.params:
        record = parameter.get_help_record(context)
        if record and record[1]:
            yield f".TP\n.B {roff(record[0])}\n{roff(' '.join(record[1].split()))}\n"


def page() -> str:
    """The manual page."""
    group = program()
    top = click.Context(group, info_name="pysrp", **group.context_settings)
    said = "".join(part for context in contexts(top) for part in parts(context))
    return (
        f"{HEAD}.SH SYNOPSIS\n.B pysrp\n[OPTIONS] COMMAND [ARGS]...\n"
        f".SH DESCRIPTION\n{roff(group.help or '')}\n.SH COMMANDS\n{said}{TAIL}"
    )


def completion(shell: str) -> str:
    """The completion script for a shell."""
    found = get_completion_class(shell)
    assert found is not None
    return found(program(), {}, "pysrp", "_PYSRP_COMPLETE").source().strip() + "\n"


def main() -> None:
    """The command line."""
    if sys.argv[1:] != ["--write"]:
        print(page(), end="")
        return
    for place, text in [
        (PAGE, page()),
        *((place, completion(shell)) for shell, place in COMPLETIONS.items()),
    ]:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        print(place.relative_to(SHARE.parent))


if __name__ == "__main__":
    main()
