"""What tshark makes of a capture with our dissector, in an order that can be compared with views."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pysrp._fast.srp import Descriptor

from pysrp import scsi, srp
from pysrp.errors import DecodeError
from pysrp.fields import Array, Int, List, Struct, View
from pysrp.wireshark.tables import dissector, filter_name

OURS = "vscsi.", "crq.", "viosrp.", "srp."
BESIDE = {"trailing", "data", "fragment", "command", "request_in", "response_in", "time"}
"""Fields of the dissector's own, as ``srp.NAME``."""


@dataclass
class Shown:
    """One field in the tree: filter name, value as text, bytes and place in the frame (length 0: generated)."""

    name: str
    value: str
    hex: str = ""
    offset: int = 0
    length: int = 0

    @property
    def beside(self) -> bool:
        return self.name.removeprefix("srp.") in BESIDE or self.name == "vscsi.argument"


@dataclass
class Frame:
    """A packet: its length, its layers, its fields in order, and the texts of its experts."""

    length: int
    layers: list[str]
    shown: list[Shown] = field(default_factory=list)
    experts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def fields(self) -> list[Shown]:
        """Those of the tables."""
        return [one for one in self.shown if not one.beside]

    def value(self, name: str) -> str | None:
        return next((one.value for one in self.shown if one.name == name), None)

    def covered(self) -> set[int]:
        """Offsets that belong to some field."""
        return {at for one in self.shown for at in range(one.offset, one.offset + one.length)}


def tshark(folder: Path, *options: str) -> str:
    """Standard output of tshark for a user with that folder and our dissector; fails where the Lua does."""
    tool = shutil.which("tshark")
    if not tool:
        pytest.skip("tshark is not installed: tests/setup.sh installs it")
    plugins = folder / ".local/lib/wireshark/plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    (plugins / "pysrp.lua").write_text(dissector())
    done = subprocess.run(
        [tool, *options],
        capture_output=True,
        text=True,
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    assert "Lua" not in done.stderr, done.stderr
    return done.stdout


def frames(folder: Path, capture: Path, *options: str) -> list[Frame]:
    """Every packet."""
    text = tshark(folder, "-r", str(capture), *options, "-T", "json", "-x")
    found = []
    for packet in json.loads(text, object_pairs_hook=list):
        layers = dict(dict(packet)["_source"])["layers"]
        made = Frame(
            int(dict(dict(layers)["frame"])["frame.cap_len"]),
            [name for name, _ in layers if "_raw" not in name],
        )
        for name, inner in layers:
            if isinstance(inner, list) and not name.endswith("_raw"):
                _collect(made, inner)
        found.append(made)
    return found


def _collect(frame: Frame, pairs: list[Any]) -> None:
    raw: Any = None
    for name, value in pairs:
        if name.endswith("_raw"):
            raw = value
        elif name in ("srp.malformed", "srp.violation", "srp.no_request"):
            frame.experts.append((name, ""))
        elif name == "_ws.expert.message" and frame.experts:
            frame.experts[-1] = (frame.experts[-1][0], value)
        elif name.startswith("_ws.lua") or "Lua" in name:
            frame.experts.append(("lua", str(value)))
        elif name.startswith(OURS) and not name.endswith("_tree"):
            place = raw if isinstance(raw, list) else ["", 0, 0]
            inner = isinstance(value, list)  # of a field without a value, what stands in it
            frame.shown.append(Shown(name, "" if inner else value, place[0], place[1], place[2]))
            raw = None
            if inner:
                _collect(frame, value)
        elif isinstance(value, list) and value and isinstance(value[0], tuple):
            _collect(frame, value)


def expected(view: View, base: int) -> Iterator[Shown]:
    """What has to be shown of a view that begins at an offset of the frame."""
    for f in type(view).FIELDS:
        try:
            offset, length = view.locate(f.name)
            value = getattr(view, f.name)
        except DecodeError:
            continue
        if length == 0:
            continue
        name, raw = f"{filter_name(type(view))}.{f.name}", bytes(view.raw(f.name)).hex()
        at = base + offset
        if isinstance(f, Array):
            size = f.size // f.count
            for i, number in enumerate(value):
                yield Shown(name, str(number), raw[2 * i * size : 2 * (i + 1) * size], at + i * size, size)
        elif isinstance(f, List):
            for item in value:
                yield Shown(name, "", bytes(item).hex(), at, len(item))
                yield from expected(item, at)
                at += len(item)
        elif isinstance(f, (Struct, Descriptor)):
            yield Shown(name, "", raw, at, length)
            yield from expected(value, at)
        elif isinstance(f, Int):
            yield Shown(name, str(int(value)), raw, at, length)
        else:
            yield Shown(name, "", raw, at, length)
            yield from _inside(view, f.name, at)


def _inside(view: View, name: str, at: int) -> Iterator[Shown]:
    if isinstance(view, srp.Cmd) and name == "cdb":
        yield from expected(scsi.parse_cdb(view.cdb), at)
    elif isinstance(view, (srp.Rsp, srp.AerReq)) and name == "sense":
        yield from expected(scsi.parse_sense(view.sense), at)


def differences(shown: list[Shown], wanted: list[Shown]) -> list[str]:
    """Where the two lists are not the same: names, places, bytes, and numbers."""
    found = [f"{len(shown)} fields, {len(wanted)} wanted"] if len(shown) != len(wanted) else []
    for one, other in zip(shown, wanted, strict=False):
        place = (one.name, one.offset, one.length) == (other.name, other.offset, other.length)
        same = number(one.value) == int(other.value) if other.value else one.hex == other.hex
        if not (place and same):
            found.append(f"{one} for {other}")
    return found


def number(text: str) -> int:
    """A number as tshark writes it; later ones write flags as words."""
    return {"True": 1, "False": 0}.get(text, -1) if text in ("True", "False") else int(text, 0)
