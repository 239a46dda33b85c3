"""The stubs of the codecs say what the tables say."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pysrp
from pysrp.errors import EncodeError
from pysrp.fields import Dispatch, Structure

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import stubs  # type: ignore[import-not-found]  # noqa: E402

NAMES = [f"pysrp.{name}" for name in stubs.MODULES]


def stub_of(name: str) -> ast.Module:
    return ast.parse((ROOT / "src" / f"{name.replace('.', '/')}.pyi").read_text())


def tool(*words: object, change: str = "") -> tuple[int, str]:
    """Run tools/stubs.py: status, and what it says.

    In a process of its own: tests add structures to the tables of this one, and inherit from those that are there.
    """
    program = f"""import sys
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, {str(ROOT / "tools")!r})
import stubs
{change}
sys.argv = ["stubs.py", *{list(map(str, words))!r}]
sys.exit(stubs.main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_are_fresh() -> None:
    assert tool() == (0, "")


def test_an_old_one_is_named_and_written(tmp_path: Path) -> None:
    (tmp_path / "pysrp").mkdir()
    (tmp_path / "pysrp/crq.py").write_text((ROOT / "src/pysrp/crq.py").read_text())
    (tmp_path / "_fast").mkdir()
    change = f'stubs.SRC, stubs.MODULES = Path({str(tmp_path)!r}), ("crq",)'
    status, said = tool(change=change)
    assert status == 1
    assert "crq.pyi is not what the tables make" in said
    assert tool("--write", change=change)[0] == 0
    assert (tmp_path / "pysrp/crq.pyi").read_text() == (ROOT / "src/pysrp/crq.pyi").read_text()
    assert tool("--sources", tmp_path / "plain", change=change)[0] == 0
    assert [path.name for path in (tmp_path / "plain/pysrp").iterdir() if path.is_file()] == ["crq.py"]


def test_no_module_with_tables_is_without() -> None:
    found = set()
    for module in pkgutil.walk_packages(pysrp.__path__, "pysrp."):
        if module.name.startswith("pysrp._fast") or module.name.endswith("__main__"):
            continue
        source = ROOT / "src" / f"{module.name.replace('.', '/')}.py"
        if not source.exists():
            continue
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ClassDef):
                made = vars(importlib.import_module(module.name)).get(node.name)
                if isinstance(made, type) and issubclass(made, Structure):
                    found.add(module.name)
    assert found == set(NAMES) - {"pysrp.scsi.cdb.blocks"}  # groups of fields, of which classes are made


@pytest.mark.parametrize("name", NAMES)
def test_keywords_are_those_that_build_takes(name: str) -> None:
    """None is not a value for most of them, but is not called unknown; and no other field is left out."""
    module: Any = importlib.import_module(name)
    tables = {
        node.name: [each.target.id for each in node.body if isinstance(each, ast.AnnAssign)]  # type: ignore[union-attr]
        for node in stub_of(name).body
        if isinstance(node, ast.ClassDef) and "TypedDict" in map(ast.unparse, node.bases)
    }
    for title, keywords in tables.items():
        cls = getattr(module, title[1:].removesuffix("Fields"))
        assert sorted(keywords) == sorted([*(f.name for f in cls.FIELDS if not f.reserved), "trailing"])
        for keyword in keywords:
            assert "has no field" not in said(cls, keyword)
        assert "has no field" in said(cls, "no_such_field")


def said(cls: Any, keyword: str) -> str:
    """What build() says of None for a field."""
    try:
        cls.build(**{keyword: None})
    except (EncodeError, TypeError) as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_unions_have_whatever_may_come(name: str) -> None:
    module: Any = importlib.import_module(name)
    for node in stub_of(name).body:
        found = getattr(module, getattr(node, "name", ""), None)
        chooser = getattr(found, "__self__", None)
        if isinstance(node, ast.FunctionDef) and isinstance(chooser, Dispatch):
            assert node.returns is not None
            union = [part.strip() for part in ast.unparse(node.returns).split("|")]
            for cls in [*chooser.classes(), *stubs.defaults(chooser)]:
                if not cls.__module__.startswith("pysrp."):
                    continue  # another test's own
                assert any(base.__name__ in union for base in cls.__mro__), cls


MODULE = SimpleNamespace(
    Ring=SimpleNamespace(
        take=SimpleNamespace(__doc__="take(self, most: int = -1)\nElements."),
        every=SimpleNamespace(__doc__="every(cls, *levels, key, plain=MOST[1], **rest)"),
        dumb=SimpleNamespace(__doc__="Elements (all of them)."),
    )
)


@pytest.mark.parametrize(
    ("stub", "found"),
    [
        ("def take(self, most: int = ...) -> bytes: ...", ""),
        ("def take(self, upmost: int = -1) -> bytes: ...", "ring.Ring.take: the stub has (upmost=), the module (most=)"),
        ("def take(self, most: int) -> bytes: ...", "ring.Ring.take: the stub has (most), the module (most=)"),
        ("@classmethod\n def every(cls, *levels: int, key: int, plain: int = 0, **rest: int) -> None: ...", ""),
        ("def every(cls, *levels: int, key: int = 0, plain: int = 0) -> None: ...", "ring.Ring.every: the stub has (*levels, key=, plain=), the module (*levels, key, plain=, **rest)"),
        ("def dumb(self, of_which_nothing_is_known: int) -> None: ...", ""),
        ("@overload\n def take(self) -> bytes: ...", ""),
    ],
)  # fmt: skip
def test_a_stub_with_other_parameters_than_a_cython_module_is_named(stub: str, found: str) -> None:
    tree = ast.parse(f"class Ring:\n {stub}")
    assert "\n".join(stubs.lies(tree, MODULE, "ring")) == found


def test_cython_says_the_parameters_of_its_functions() -> None:
    """Where Cython says them in another way, or no longer, nothing would be compared."""
    ring = ROOT / "src/_fast/crq.pyi"
    text = ring.read_text().replace("most: int = -1", "upmost: int = -1")
    said = stubs.lies(ast.parse(text), importlib.import_module("pysrp._fast.crq"), "crq")
    assert said == ["crq.Ring.take: the stub has (upmost=), the module (most=)"]
