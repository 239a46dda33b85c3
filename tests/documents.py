"""What stands in a page is done: its shell lines, its Python, its files, in their order, in one folder.

A fenced block counts by its language. Others are not run.

=============================  =====================================================================================
``console``                    lines after ``$`` go to one shell, which has to succeed; what follows is what it prints
``pycon``                      goes to one interpreter, and what follows a prompt is what it prints (doctest)
``{code-block}``, captioned    is a file of that name
=============================  =====================================================================================

``...`` stands for anything.
"""

from __future__ import annotations

import doctest
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
BLOCK = re.compile(
    r"^```(?:\{code-block\} )?(?P<kind>\w+)\n(?::caption: (?P<file>\S+)\n\n)?(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A block of a page: its language, the file that it is, its text, its line."""

    kind: str
    file: str | None
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """All that a page has, in order."""
    text = page.read_text()
    for match in BLOCK.finditer(text):
        yield Block(match["kind"], match["file"], match["text"], text.count("\n", 0, match.start("text")))


def steps(text: str) -> Iterator[tuple[str, str, int]]:
    """The commands of a console block: what is typed, what is printed, its line."""
    typed, printed, at = "", "", 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.startswith("$ "):
            if typed:
                yield typed, printed, at
            typed, printed, at = line[2:], "", number
        elif line.startswith("> ") and not printed:
            typed += line[2:]
        else:
            printed += line
    if typed:
        yield typed, printed, at


class Shell:
    """A bash that goes on from block to block, in a folder, with this interpreter's programs; all it started ends with it."""

    END = "\x1e"

    def __init__(self, folder: Path) -> None:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        left = {key: value for key, value in os.environ.items() if key != "PYSRP_SERVER"}
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=left | {"PATH": path, "TERM": "dumb", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, typed: str) -> tuple[str, int]:
        """What a command prints, and its exit status."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{typed}\nprintf '{self.END}%d{self.END}' $?\n")
        self._bash.stdin.flush()
        printed = ""
        while printed.count(self.END) < 2:
            read = self._bash.stdout.read(1)
            if not read:
                raise AssertionError(f"the shell has ended: {printed}")
            printed += read
        text, status, _ = printed.split(self.END)
        return text, int(status)

    def close(self) -> None:
        """End it, and what it has left in the background."""
        assert self._bash.stdin
        assert self._bash.stdout
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGTERM)
        self._bash.wait()
        self._bash.stdout.close()
        with suppress(BrokenPipeError):
            self._bash.stdin.close()


def follow(page: Path, folder: Path) -> int:
    """Do what a page says, in an empty folder; how many steps that were. AssertionError where something else happens."""
    shell, names, done = Shell(folder), {"__name__": "__main__"}, 0
    checker, parser = doctest.OutputChecker(), doctest.DocTestParser()
    sys.path.insert(0, str(folder))
    before, here = set(sys.modules), Path.cwd()
    os.chdir(folder)
    try:
        for block in blocks(page):
            if block.file:
                (folder / block.file).write_text(block.text)
                done += 1
            elif block.kind == "console":
                for typed, wanted, at in steps(block.text):
                    printed, status = shell.run(typed)
                    where = f"{page.name}:{block.line + at}: {typed}"
                    assert status == 0, f"{where}exit status {status}: {printed}"
                    assert checker.check_output(wanted, printed, FLAGS), f"{where}{printed}\nis not\n{wanted}"
                    done += 1
            elif block.kind == "pycon":
                test = parser.get_doctest(block.text, names, page.name, str(page), block.line)
                said: list[str] = []
                result = doctest.DocTestRunner(checker, optionflags=FLAGS).run(
                    test, out=said.append, clear_globs=False
                )
                assert not result.failed, "".join(said)
                names.update(test.globs)
                done += result.attempted
    finally:
        os.chdir(here)
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]
        shell.close()
    return done
