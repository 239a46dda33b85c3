"""What our pages and examples import, the reference of Python names describes."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = "\n".join(page.read_text() for page in sorted((ROOT / "docs/reference/python").glob("*.md")))
DESCRIBED = set(re.findall(r"automodule:: ([\w.]+)", PAGES))
SHOWN = [
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.py")), *sorted((ROOT / "examples").rglob("*.md")),
]  # fmt: skip
IMPORT = re.compile(r"^\s*(?:>>> |\.\.\. )?from (pysrp[\w.]*) import ([\w, ]+|\([\w,\s]+\))", re.M)


def imports() -> dict[str, set[str]]:
    """Modules that are imported from where a user reads, and the names."""
    found: dict[str, set[str]] = {}
    for path in SHOWN:
        for module, names in IMPORT.findall(path.read_text()):
            found.setdefault(module, set()).update(re.findall(r"(\w+)(?: as \w+)?(?:,|\s*\)?$)", names))
    return found


def test_something_is_shown() -> None:
    assert {"pysrp.initiator", "pysrp.target", "pysrp.fuzz.inprocess"} <= imports().keys()
    assert {"Disk", "LunMap", "Server"} <= imports()["pysrp.target"]


@pytest.mark.parametrize("module", sorted(imports()))
def test_what_is_imported_has_a_page(module: str) -> None:
    """Its module has, or the package that gives it out too."""
    given = import_module(module)
    for name in imports()[module]:
        value = getattr(given, name) if hasattr(given, name) else import_module(f"{module}.{name}")
        homes = {f"{module}.{name}", module, module.rpartition(".")[0]}
        assert any(
            home == f"{module}.{name}" or getattr(import_module(home), name, None) is value
            for home in homes & DESCRIBED
        ), f"{module}.{name} is on no page of docs/reference/python"


@pytest.mark.parametrize("module", sorted(DESCRIBED))
def test_what_has_a_page_is_there(module: str) -> None:
    assert import_module(module).__doc__
