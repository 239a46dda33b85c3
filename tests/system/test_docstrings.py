"""The examples in docstrings are carried out, each with what its text takes for granted; sketches are named, with a reason."""

from __future__ import annotations

import ast
import asyncio
import itertools
import random
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pysrp import fabric, scsi, srp
from pysrp.backends import File, Ram
from pysrp.fabric.local import pair
from pysrp.fabric.recorder import Recorder
from pysrp.fabric.relay import Relay
from pysrp.initiator import Session
from pysrp.scsi import cdb
from pysrp.target import Disk, LunMap, Server
from pysrp.target.units.port_groups import PortGroup, PortGroups, State

SOURCES = Path(__file__).parents[2] / "src/pysrp"

SKETCHES = {
    "initiator.device": "a function for any host: tests/sg has it",
    "initiator.hosts.connect": "devices of this host",
    "initiator.srp_session": "an engine's calls, in the order in which an adapter makes them",
    "initiator.units.Walk": "the inside of a function",
    "scst.conf": "no Python",
    "scst.faults": "no Python",
    "scst.nodes": "what a directory looks like",
    "sg": "devices of this host",
    "sg.aio": "devices of this host",
    "target.effects": "methods without their class: CONTRIBUTING.md has whole ones, which a test carries out",
    "target.unit": "a device without its command",
    "target.units.jobs": "a command without its unit",
    "vscsi.client": "an engine's calls, in the order in which a driver makes them",
    "vscsi.server": "what an adapter's thread does",
}
"""What is not carried out, and why. An entry that nobody needs fails."""


def examples() -> Iterator[tuple[str, str]]:
    """Where code stands in a docstring, and all of it there."""
    for path in sorted(SOURCES.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                blocks = re.findall(r"::\n\n((?:(?:    .*)?\n?)+)", ast.get_docstring(node) or "")
                if blocks:
                    place = module if isinstance(node, ast.Module) else f"{module}.{node.name}"
                    yield place, "\n".join(textwrap.dedent(block) for block in blocks)


EXAMPLES = dict(examples())


class Enough(Exception):
    """What would go on for ever has gone on for long enough."""


def queue(stack: ExitStack) -> dict[str, Any]:
    """A port that waits twice."""
    client, server = pair()
    stack.callback(server.close)
    stack.callback(client.close)
    server.register()
    turns = itertools.count()
    port: Any = Waits(client, lambda timeout: next(turns) < 2 and (client.wait(0) or True))
    return {"port": port, "INIT": bytes([0xC0, 1]) + bytes(14), "timeout": 0}


class Waits:
    """A port that waits as somebody else says."""

    def __init__(self, port: Any, wait: Callable[[float], bool]) -> None:
        self.wait = wait
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def fuzzing(stack: ExitStack) -> dict[str, Any]:
    sent = itertools.count()

    def send(data: bytes) -> None:
        if next(sent) > 500:
            raise Enough

    return {"send": send, "random": random}


ALONE = {"scsi.cdb"}
"""What adds to a table of the process, where another test may have the same: a process each."""


def over(*_: object) -> None:
    """In place of a wait for whoever ends a server."""
    raise Enough


def recorded(stack: ExitStack) -> dict[str, Any]:
    client, server = pair()
    with Recorder(client, "session.jsonl") as port:
        port.register()
    server.close()
    return {}


def disks(stack: ExitStack) -> dict[str, Any]:
    groups = {"PortGroup": PortGroup, "PortGroups": PortGroups, "State": State}
    return {"disk": Disk(Ram(1 << 20), "one"), "other": Disk(Ram(1 << 20), "two"), **groups}


def relay(stack: ExitStack) -> dict[str, Any]:
    class Stopped(Relay):
        def run(self) -> None:
            self.stop()
            super().run()

    return {"Relay": Stopped}


GIVEN: dict[str, Callable[[ExitStack], dict[str, Any]]] = {
    "fabric": queue,
    "fabric.recording": recorded,
    "fabric.relay": relay,
    "fuzz": fuzzing,
    "target.lunmap.LunMap": disks,
    "target.units.port_groups": disks,
}
USUAL = {
    "Disk": Disk, "File": File, "LunMap": LunMap, "Server": Server, "Ram": Ram, "Session": Session, "asyncio": asyncio, "cdbs": cdb, "fabric": fabric,
    "scsi": scsi, "srp": srp, "U16": import_module("pysrp.fields").U16, "U32": import_module("pysrp.fields").U32,
}  # fmt: skip


def module_of(place: str) -> dict[str, Any]:
    """The names of the module that a docstring is in."""
    with suppress(ImportError):
        return vars(import_module(f"pysrp.{place}"))
    return module_of(place.rpartition(".")[0])


@pytest.mark.parametrize("place", sorted(EXAMPLES.keys() - SKETCHES.keys()))
def test_an_example(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its servers and files are the test's own; one that does not end is stopped."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Server, "wait", over)
    (tmp_path / "data.img").write_bytes(bytes(1 << 20))
    text = re.sub(r"/srv/|/var/lib/pysrp/pr/", f"{tmp_path}/", EXAMPLES[place])
    text = re.sub(r'"(?:unix:/tmp/vios|vio:\w+)"', repr(f"unix:{tmp_path}/s"), text)
    text = text.replace('"unix:/tmp/vscsi"', repr(f"unix:{tmp_path}/t"))
    text = text.replace('"unix:/tmp/between"', repr(f"unix:{tmp_path}/b"))
    if place in ALONE:
        names_of = "from pysrp.fields import *\nfrom pysrp import scsi, srp\n"
        program = f"{names_of}from pysrp.{place} import *\n{text}"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return
    luns = LunMap([(256, Disk(Ram(1 << 20), "one")), (257, Disk(Ram(1 << 20), "two"))])
    with ExitStack() as stack:
        if f"{tmp_path}/s'" in text:
            stack.enter_context(Server(f"unix:{tmp_path}/s", luns))
        names = {**USUAL, **module_of(place)}
        if place in GIVEN:
            names |= GIVEN[place](stack)
        code = compile(text, f"<{place}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with suppress(Enough):
            waiting = eval(code, names)
            if waiting is not None:
                asyncio.run(waiting)


def test_what_is_named_is_there() -> None:
    assert SKETCHES.keys() | GIVEN.keys() | ALONE <= EXAMPLES.keys()
    assert not SKETCHES.keys() & GIVEN.keys()
