"""Media of other distributions: a wheel with an entry point, on the path as whatever is installed."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import ConfigError
from pysrp.media import open_medium, schemes
from pysrp.scst import Tree
from pysrp.scst.devices import UrlIo
from pysrp.target.disk import Disk

MODULE = """
import errno
from pysrp.backends import Ram
from pysrp.errors import ConfigError

def open_letter(text, *, read_only=False):
    medium = Ram(1 << 20)
    medium.write_from(0, memoryview(text.encode() * 512))
    medium.read_only = read_only
    return medium

def open_worse(text, *, read_only=False):
    if text == "config":
        raise ConfigError("letters only")
    if text == "system":
        raise PermissionError(errno.EACCES, "no", "letters")
    if text == "wrong":
        raise KeyError(text)
    if text == "ends":
        raise SystemExit(3)
    return text

class Number:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value

def open_numbers(text, *, read_only=False):
    medium = Ram(1 << 20)
    medium.size, medium.block, medium.physical_block = Number(1 << 20), Number(512), Number(4096)
    return medium

class Liar(Ram):
    closed = 0

    def close(self):
        Liar.closed += 1
        super().close()

def open_liar(text, *, read_only=False):
    medium = Liar(1 << 20)
    name, _, value = text.partition("=")
    if value == "raises":
        setattr(Liar, name, property(lambda self: 1 // 0))
    else:
        setattr(medium, name, {"text": "4096", "none": None, "less": -1, "more": 1 << 63}[value])
    return medium

number = 7
"""
BROKEN = "import letterbox_that_nobody_has\n"


def wheel(folder: Path, name: str, points: str, **modules: str) -> Path:
    """A distribution, as it is uploaded (the specification of binary distributions)."""
    path, about = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    files = {f"{module}.py": text for module, text in modules.items()}
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    files[f"{about}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{about}/entry_points.txt"] = f"[pysrp.media]\n{points}"
    with zipfile.ZipFile(path, "w") as made:
        for file, text in files.items():
            made.writestr(file, text)
        made.writestr(f"{about}/RECORD", "".join(f"{file},,\n" for file in [*files, f"{about}/RECORD"]))
    return path


POINTS = """
Letter = letter_medium:open_letter
worse = letter_medium:open_worse
number = letter_medium:number
none = letter_medium:open_none
liar = letter_medium:open_liar
numbers = letter_medium:open_numbers
under_score = letter_medium:open_letter
broken = broken_medium:open_broken
ram = broken_medium:open_ram
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = wheel(tmp_path, "letters", POINTS, letter_medium=MODULE, broken_medium=BROKEN)
    monkeypatch.syspath_prepend(path)
    monkeypatch.delitem(sys.modules, "letter_medium", raising=False)
    return path


def test_it_has_a_url(installed: Path) -> None:
    assert {"letter", "ram", "file"} < set(schemes())
    assert "under_score" not in schemes(), "it would be taken for a path"
    assert "broken_medium" not in sys.modules
    medium = open_medium("LETTER:a", read_only=True)
    assert isinstance(medium, Ram)
    assert bytes(medium.memory() or b"")[:513] == b"a" * 512 + b"\0"
    assert medium.read_only
    medium.close()
    open_medium("fault:letter:b").close()
    open_medium("power-cut:letter:b").close()
    open_medium("ram:1M").close()  # ours
    assert "letter:, " in UrlIo.about_size()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "rom:1M",
            "no medium is called 'rom': write a path, or one of broken:, fault:, file:, letter:, liar:, nbd",
        ),
        (
            "broken:1",
            "broken: broken_medium:open_broken of letters: ModuleNotFoundError: No module named 'letterbox_that_nobody_has'",
        ),
        ("none:1", "none: letter_medium:open_none of letters: AttributeError: module 'letter_medium' has no"),
        ("number:1", "number: letter_medium:number of letters: TypeError: 'int' object is not callable"),
        ("worse:config", "letters only"),
        ("worse:wrong", "worse: letter_medium:open_worse of letters: KeyError: 'wrong'"),
        ("worse:text", "gave an object of class str, which is neither a Medium nor a Backend"),
        ("worse:ends", "worse: letter_medium:open_worse of letters: SystemExit: 3"),
    ],
)
def test_what_goes_wrong_is_said_in_words(installed: Path, url: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_medium(url)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("size=none", "its size is None, which is no number of bytes"),
        ("size=more", "its size is 9223372036854775808, which"),
        ("physical_block=text", "its physical_block is '4096', which"),
        ("discard_granularity=less", "its discard_granularity is -1, which"),
        ("discard_alignment=raises", "its discard_alignment: ZeroDivisionError: "),
    ],
)
def test_what_cannot_be_is_not_believed(installed: Path, said: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"liar: letter_medium:open_liar of letters: {why}"):
        open_medium(f"liar:{said}")
    assert sys.modules["letter_medium"].Liar.closed == 1


def test_an_integer_may_be_of_any_class(installed: Path) -> None:
    """As those of numpy, which count in their own way: what is done with it is done with Python's."""
    for url in "numbers:", "fault:numbers:", "power-cut:numbers:":
        with closing(open_medium(url)) as medium:
            disk = Disk(medium)
            assert (disk.blocks, type(disk.blocks)) == (2048, int)
            assert not disk.has_grown()
    with closing(Tree()) as tree:
        tree.write("handlers/vdisk_url/mgmt", "add_device a url=numbers:")
        assert tree.read("devices/a/size").split()[0] == "1048576"
        assert tree.read("devices/a/size_mb").split()[0] == "1"


def test_what_is_installed_is_looked_at_once(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    real = importlib.metadata.distributions

    def counted() -> Any:
        looks.append(1)
        return real()

    monkeypatch.setattr(importlib.metadata, "distributions", counted)
    open_medium("letter:a").close()
    assert len(looks) == 1
    open_medium("ram:1M").close()
    assert len(looks) == 1


@pytest.mark.parametrize(
    "points", [b"[pysrp.media]\nwithout a sign\n", b"\xff[pysrp.media]\n"], ids=["a line", "bytes"]
)
def test_others_that_are_broken_are_nobodys_trouble(
    installed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    points: bytes,
) -> None:
    about = tmp_path / "site" / "ruin-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "entry_points.txt").write_bytes(points)
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(ConfigError, match="no medium is called 'rom'"):
        open_medium("rom:1M")
    assert f"a distribution in {tmp_path}/site: its entry points cannot be read: " in caplog.text
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ruin\nVersion: 1.0\n")
    open_medium("letter:a").close()
    assert "ruin: its entry points cannot be read: " in caplog.text
    assert "letter:, " in UrlIo.about_size()


def test_it_is_there_twice(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a copy, and as an editable install, of which the first on the path is meant."""
    (tmp_path / "again").mkdir()
    monkeypatch.syspath_prepend(
        wheel(tmp_path / "again", "letters", "letter = letter_medium:open_worse\n", letter_medium=MODULE)
    )
    with pytest.raises(ConfigError, match="open_worse of letters: gave an object of class str"):
        open_medium("letter:a")


def test_an_error_of_the_system_stays_one(installed: Path) -> None:
    with pytest.raises(PermissionError):
        open_medium("worse:system")


def test_two_have_one_scheme(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(wheel(tmp_path, "others", "letter = letter_medium:open_letter\n"))
    with pytest.raises(ConfigError, match="letter: is a medium of .* of .* and .*: uninstall all but one"):
        open_medium("letter:a")


def test_it_is_served(installed: Path, tmp_path: Path) -> None:
    pytest.importorskip("click")
    url = f"unix:{tmp_path}/vios"
    command = [sys.executable, "-m", "pysrp.cli"]
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYSRP_SERVER": url}
    words = [*command, "serve", url, "-q", "--disk", "a=letter:z", "--lun", "a=256"]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        try:
            done = subprocess.run(
                [*command, "read", "1", "--count", "1"], env=environment, capture_output=True, check=False
            )
        finally:
            server.terminate()
    assert done.stdout == b"z" * 512, done.stderr
