"""DESIGN's layers: each room imports only from the rooms above it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import pysrp

ROOT = Path(pysrp.__file__).parent

LAYERS = [
    (0, ("_fast", "errors", "tables", "text")),
    (1, ("fields", "crq", "srp", "mad", "lun", "scsi")),
    (2, ("initiator", "target")),
    (3, ("fabric", "backends")),
    (4, ("initiator.session", "initiator.aio", "target.serve", "target.workers")),
    (5, ("scst",)),
    (6, ("cli", "fuzz")),
]
"""Layer, rooms. A longer name wins over a shorter one."""

SEPARATE = {"fabric": {"backends"}, "backends": {"fabric"}}


def room(module: str) -> tuple[int, str]:
    """Layer and room of a module named from below pysrp; the bare package counts as layer 0."""
    best = (0, "")
    for layer, names in LAYERS:
        for name in names:
            if (module == name or module.startswith(name + ".")) and len(name) > len(best[1]):
                best = (layer, name)
    return best


def imports(path: Path, module: str) -> set[str]:
    """Modules of pysrp that a file imports when it is loaded or run."""
    if path.suffix == ".pyx":
        text = path.read_text()
        found = re.findall(r"^\s*from\s+pysrp\.?([\w.]*)\s+c?import\s+(\w+)", text, re.M)
        return {a or b for a, b in found}
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            names |= {f"{base}.{a.name}" for a in node.names} if base == "pysrp" else {base}
    return {n.removeprefix("pysrp.") for n in names if n.startswith("pysrp.")}


SOURCES = sorted(p for p in ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_up(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    layer, name = room(module)
    assert name or module == "__init__", f"{module} is in no room: add it to LAYERS"
    for target in imports(path, module):
        other, other_name = room(target)
        assert other <= layer, f"{module} (layer {layer}) imports {target} (layer {other})"
        assert other_name not in SEPARATE.get(name, set()), (
            f"{module} imports {target}: neither may know the other"
        )
        if layer == 0 and name == "_fast":
            assert other_name in ("_fast", "errors"), f"{module} imports {target}"


def test_no_module_is_heavy_at_import() -> None:
    """Optional dependencies are imported where they are used."""
    allowed = {"cli": {"click", "rich"}, "scst.cli": {"click"}, "fuzz": {"hypothesis"}}
    for path in SOURCES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text()).body:
            names = []
            if isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                heavy = name.split(".")[0] in {"click", "rich", "numpy", "hypothesis", "mfusepy", "construct"}
                permitted = any(
                    (module == room or module.startswith(room + ".")) and name.split(".")[0] in extras
                    for room, extras in allowed.items()
                )
                assert not heavy or permitted, f"{module} imports {name} at once"
