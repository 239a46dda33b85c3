"""Media by URL: what opens, what is refused and why, from Python, the management tree and the command line."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from media_rig import nbd_server
from pysrp.backends import Null, Ram
from pysrp.cli.serve import device
from pysrp.errors import ConfigError
from pysrp.media import SCHEMES, open_medium, split
from pysrp.media.file import FileMedium
from pysrp.scst import Tree, TreeError, load, save

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    path.write_bytes(bytes(MIB))
    return path


def test_what_opens(disk: Path) -> None:
    for url, kind, size in [
        ("ram:64k", Ram, 65536),
        ("RAM:0x200", Ram, 512),
        ("null:1T", Null, 1 << 40),
        (f"file:{disk}", FileMedium, MIB),
        (f"file://{disk}", FileMedium, MIB),
        (f"file:{disk}?size=2M", FileMedium, 2 * MIB),
        (f"file:{disk}?direct=1", FileMedium, 2 * MIB),
        (str(disk), FileMedium, 2 * MIB),
    ]:
        medium = open_medium(url)
        assert isinstance(medium, kind)
        assert medium.size == size
        medium.close()
    with closing(open_medium(str(disk), read_only=True)) as medium:
        assert medium.read_only


DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_has_a_page(scheme: str) -> None:
    """With the command that serves it, what it cannot do, and its rows."""
    (page,) = [each for each in (DOCS / "media").glob("*.md") if scheme.startswith(each.stem)]
    assert f"](media/{page.name})" in (DOCS / "media.md").read_text()
    text = page.read_text()
    for what in f"{page.stem}:", "    pysrp serve ", "| what it cannot do | ", "\n## Its rows\n":
        assert what in text, what


def test_the_pages_lead_somewhere() -> None:
    """Every link of theirs."""
    for page in DOCS / "media.md", *(DOCS / "media").iterdir():
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert (page.parent / link).exists(), (page.name, link)


def test_paths_with_anything_in_them(tmp_path: Path) -> None:
    for name in "a?b", "100%", "a:b", "ram:1M", "blank blank":
        (tmp_path / name).write_bytes(b"x" * 512)
        quoted = name.replace("%", "%25").replace("?", "%3F")
        for url in f"{tmp_path}/{name}", f"file:{tmp_path}/{quoted}":
            with closing(open_medium(url)) as medium:
                assert isinstance(medium, FileMedium)
                assert medium.path == f"{tmp_path}/{name}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "without a URL"),
        ("rom:1M", "no medium is called 'rom': write a path, or one of "),
        ("ram:", "'' is no size; write 4096"),
        ("ram:much", "'much' is no size"),
        ("ram:0", "a RAM disk of 0 bytes"),
        ("null:0", "a null disk of 0 bytes"),
        ("null:-1", "'-1' is no size"),
        ("file:disk", "begins with a slash"),
        ("file:", "begins with a slash"),
        ("file:/dev/null", "neither a file nor a block device"),
        ("file:/x?sizes=1M", "'sizes' is no option: direct, lock, size"),
        ("file:/x?size", "write ?NAME=VALUE"),
        ("file:/x?size=1M&size=2M", "'size' is there twice"),
        ("file:/x?size=some", "'some' is no size"),
        ("file:/x?direct=yes", "'yes' is neither 0 nor 1"),
    ],
)
def test_what_is_refused(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_medium(url)
    assert says in str(caught.value)


def test_errors_of_the_system_are_told_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_medium(f"file:{tmp_path}/none")
    assert os.listdir(tmp_path) == []


def test_a_scheme_of_one_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its module is imported when it is used, and what that lacks is named."""
    (tmp_path / "sevens.py").write_text(
        "from pysrp.backends import Ram\n"
        "def opened(text, *, read_only=False):\n"
        "    medium = Ram(512)\n"
        "    medium.write_from(0, memoryview(b'7' * 512))\n"
        "    return medium\n"
    )
    (tmp_path / "lacking.py").write_text("import librarian_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(SCHEMES, "sevens", "sevens.opened")
    monkeypatch.setitem(SCHEMES, "lacking", "lacking.opened")
    memory = open_medium("sevens:").memory()
    assert memory is not None
    assert bytes(memory) == b"7" * 512
    with pytest.raises(ConfigError, match="lacking: needs librarian_that_nobody_has"):
        open_medium("lacking:x")


def test_schemes_and_paths() -> None:
    assert split("Ram:1M") == ("ram", "1M")
    for url in "file:/a:b", "file:///a:b":
        assert split(url) == ("file", "/a:b")
    for path in "/a:b", "./ram:1", "disk.img", "":
        assert split(path) == ("path", path)


# In the management tree.


@pytest.fixture
def tree() -> Iterator[Tree]:
    tree = Tree()
    yield tree
    tree.close()


def test_a_device_by_url(tree: Tree, disk: Path) -> None:
    tree.write("handlers/vdisk_url/mgmt", f'add_device data url="file:{disk}?size=2M";write_through=1')
    assert tree.read("devices/data/url") == f"file:{disk}?size=2M\n[key]\n"
    assert tree.read("devices/data/size") == f"{2 * MIB}\n"
    assert tree.read("devices/data/rotational") == "0\n"
    assert tree.read("devices/data/write_through") == "1\n[key]\n"
    tree.write("devices/data/sync", "1")
    text = save(tree)
    tree.write("handlers/vdisk_url/mgmt", "del_device data")
    assert tree.ls("devices") == []
    load(tree, text)
    assert save(tree) == text
    load(tree, text)
    assert save(tree) == text


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ("", errno.EINVAL, "url=SCHEME:... is missing"),
        ("url=rom:1M", errno.EINVAL, "no medium is called 'rom'"),
        ("url=ram:much", errno.EINVAL, "no size"),
        ("url=ram:1M;url=ram:1M", errno.EINVAL, "given once"),
        ("url=ram:1M;filename=/x", errno.EINVAL, "unknown parameter 'filename'"),
        ("url=file:/no/such/file", errno.ENOENT, "/no/such/file"),
        ("url=ram:100", errno.EINVAL, "smaller than a block"),
    ],
)
def test_a_device_that_cannot_be(tree: Tree, given: str, code: int, says: str) -> None:
    with pytest.raises(TreeError) as caught:
        tree.write("handlers/vdisk_url/mgmt", f"add_device data {given}")
    assert (caught.value.errno, says in str(caught.value)) == (code, True), caught.value
    assert tree.ls("devices") == []


# On the command line.


def test_what_serve_makes_of_a_url(tree: Tree, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SCST's own handler where it has one."""
    nbdkit = nbd_server("nbdkit")
    monkeypatch.chdir(disk.parent)
    for name, (url, handler) in enumerate(
        [
            ("ram:1M", "vdisk_ram"),
            ("null:1G", "vdisk_nullio"),
            (str(disk), "vdisk_fileio"),
            ("disk", "vdisk_fileio"),
            (f"file:{disk}", "vdisk_fileio"),
            (f"file://{disk}", "vdisk_fileio"),
            (f"file:{disk}?size=1M", "vdisk_url"),
            (f"NBD+unix:///?socket={nbdkit.socket}&limit=9s", "vdisk_nbd"),
        ]
    ):
        found, parameters = device(url)
        assert found == handler
        tree.write(f"handlers/{found}/mgmt", f"add_device {name} {parameters}")
        if found == "vdisk_fileio":
            assert tree.read(f"devices/{name}/filename") == f"{disk}\n[key]\n"
        tree.write(f"handlers/{found}/mgmt", f"del_device {name}")
