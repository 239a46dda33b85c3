"""Persistent reservations in files: what is written is read, anything else is refused, and nothing is half written."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistent_rig import CONFLICT, EA, REGISTER, RELEASE, RESERVE, WE_RO, Keeper
from pysrp.backends import Ram
from pysrp.errors import ConfigError
from pysrp.scsi.codes import PersistentReserveType
from pysrp.target.disk import Disk
from pysrp.target.reservation_files import ReservationFile, ReservationFolder
from pysrp.target.units.persistent import ALL_REGISTRANTS, TYPES, Persistent, Registrant
from unit_bench import Bench

PORT = bytes(12) + b"\x30\0\0\x28"
REGISTERED = Persistent(MappingProxyType({Registrant(PORT, 1): 0xA1, Registrant(PORT, 2): 0xA2}), kept=True)
HELD = Persistent(REGISTERED.keys, PersistentReserveType(WE_RO), Registrant(PORT, 2), kept=True)

DOCUMENTED = b"""\
{
 "unit": "25e1f3b2-data",
 "registrants": [
  {
   "initiator_port": "00000000000000000000000030000028",
   "target_port": 1,
   "key": "00000000000000a1"
  },
  {
   "initiator_port": "00000000000000000000000030000028",
   "target_port": 2,
   "key": "00000000000000a2"
  }
 ],
 "reservation": {
  "type": 5,
  "holder": 1
 }
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.pr"


def written(path: Path, body: bytes) -> None:
    path.write_bytes(b"pysrp persistent reservations 1 %08x\n%s" % (zlib.crc32(body), body))


@st.composite
def states(draw: st.DrawFn) -> Persistent:
    registrants = st.builds(Registrant, st.binary(min_size=16, max_size=16), st.integers(0, 0xFFFF))
    keys = draw(st.dictionaries(registrants, st.integers(1, (1 << 64) - 1), max_size=5))
    kind = draw(st.sampled_from(sorted(TYPES))) if keys and draw(st.booleans()) else None
    holder = None if kind is None or kind in ALL_REGISTRANTS else draw(st.sampled_from(list(keys)))
    return Persistent(MappingProxyType(keys), kind, holder, kept=True)


@given(state=states())
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, state: Persistent) -> None:
    path = tmp_path_factory.mktemp("pr") / "data"
    with ReservationFile(path) as store:
        store.save(state)
        assert store.load() == state
    with ReservationFile(path) as again:
        found = again.load()
        assert found == state
        assert list(found.keys) == list(state.keys)
        again.save(None)
        assert again.load() is None
        assert not path.exists()
        again.save(None)


def test_the_format_is_as_documented(path: Path) -> None:
    with ReservationFile(path, "25e1f3b2-data") as store:
        store.save(HELD)
        head, _, body = path.read_bytes().partition(b"\n")
        assert head == b"pysrp persistent reservations 1 %08x" % zlib.crc32(DOCUMENTED)
        assert body == DOCUMENTED
        assert path.stat().st_mode & 0o777 == 0o600
        assert store.load() == HELD


def test_without_a_file_there_is_nothing(path: Path) -> None:
    with ReservationFile(path) as store:
        assert store.load() is None
        assert repr(store) == f"ReservationFile({str(path)!r})"


def test_a_file_that_is_not_as_it_was_written(path: Path) -> None:
    """Each byte changed, and the file cut off at each of them."""
    with ReservationFile(path) as store:
        store.save(HELD)
        good = path.read_bytes()
        for at in range(len(good)):
            for bad in good[:at], good[:at] + bytes([good[at] ^ 0x20]) + good[at + 1 :]:
                path.write_bytes(bad)
                with pytest.raises(ConfigError, match=re.escape(str(path))):
                    store.load()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a FIFO", "a folder"])
def test_what_is_no_file_is_refused_and_not_waited_for(path: Path, make: Callable[[Path], None]) -> None:
    make(path)
    with ReservationFile(path) as store, pytest.raises(ConfigError, match="no regular file"):
        store.load()


def test_what_stands_where_the_new_file_goes(path: Path, tmp_path: Path) -> None:
    new, elsewhere = tmp_path / "data.pr.new", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    with ReservationFile(path) as store:
        for make in os.mkfifo, partial(os.symlink, elsewhere), partial(os.link, elsewhere):
            make(new)
            store.save(HELD)
            assert store.load() == HELD
            assert path.is_file()
            assert not path.is_symlink()
            assert not new.exists()
        assert elsewhere.read_bytes() == b"precious"
        new.mkdir()
        with pytest.raises(OSError, match="directory|permitted"):
            store.save(REGISTERED)
        assert store.load() == HELD


WRONG = [
    b"", b"null", b"[]", b"{}", b"\xff", b'{"registrants": []}', b'{"registrants": null, "reservation": null}',
    b"[" * 100_000, b'{"unit": 1, "registrants": [], "reservation": null}', b'{"registrants": [], "reservation": null}',
    DOCUMENTED.replace(b'"00000000000000a1"', b'"0"'),
    DOCUMENTED.replace(b'"00000000000000a1"', b'"1' + b"0" * 16 + b'"'),
    DOCUMENTED.replace(b'"00000000000000a1"', b"161"),
    DOCUMENTED.replace(b'"target_port": 2', b'"target_port": 1'),
    DOCUMENTED.replace(b'"target_port": 2', b'"target_port": 65536'),
    DOCUMENTED.replace(b'"target_port": 2', b'"target_port": -1'),
    DOCUMENTED.replace(b'"target_port": 2', b'"target_port": true'),
    DOCUMENTED.replace(b'"target_port": 2', b'"target_port": "2"'),
    DOCUMENTED.replace(b"30000028", b"3000002"),
    DOCUMENTED.replace(b'"holder": 1', b'"holder": 2'),
    DOCUMENTED.replace(b'"holder": 1', b'"holder": -1'),
    DOCUMENTED.replace(b'"holder": 1', b'"holder": null'),
    DOCUMENTED.replace(b'"type": 5', b'"type": 7'),
    DOCUMENTED.replace(b'"type": 5', b'"type": 2'),
    DOCUMENTED.replace(b'"type": 5', b'"type": []'),
    b'{"unit": null, "registrants": [], "reservation": {"type": 7, "holder": null}}',
]  # fmt: skip


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_a_file_with_a_right_checksum_that_makes_no_sense(path: Path, body: bytes) -> None:
    written(path, body)
    with ReservationFile(path) as store, pytest.raises(ConfigError, match="take it away"):
        store.load()


def test_a_file_of_a_later_format(path: Path) -> None:
    path.write_bytes(b"pysrp persistent reservations 2 00000000\n")
    with ReservationFile(path) as store, pytest.raises(ConfigError, match="does not begin"):
        store.load()


def test_there_is_no_unit_without_its_reservations(path: Path) -> None:
    path.write_bytes(b"?")
    with ReservationFile(path) as store, pytest.raises(ConfigError, match="take it away"):
        Disk(Ram(1 << 20), reservations=store)


def test_the_file_of_another_unit_is_refused(path: Path) -> None:
    with ReservationFile(path, "one") as store:
        store.save(HELD)
        before = path.read_bytes()
        store.unit = "two"
        with pytest.raises(ConfigError, match="reservations of 'one'.* 'two': take the file away"):
            Disk(Ram(1 << 20), reservations=store)
        assert path.read_bytes() == before
        store.unit = None
        assert store.load() == HELD
        assert store.unit == "one", "what nobody says is as it was"
        assert store.load() == HELD
        store.unit = None
        store.save(HELD)
        store.unit = "one"
        with pytest.raises(ConfigError, match="reservations of None"):
            store.load()


def test_one_unit_has_a_file(path: Path) -> None:
    with ReservationFile(path), pytest.raises(ConfigError, match="another unit"):
        ReservationFile(path)
    store = ReservationFile(path)
    store.close()
    store.close()
    with pytest.raises(OSError, match="closed"):
        store.save(HELD)
    ReservationFile(path).close()


def test_what_a_crash_left_beside_it_is_no_obstacle(path: Path) -> None:
    path.with_name("data.pr.new").write_bytes(b"half of")
    with ReservationFile(path) as store:
        assert store.load() is None
        store.save(HELD)
        assert store.load() == HELD
        assert sorted(os.listdir(path.parent)) == ["data.pr", "data.pr.lock"]


def test_a_folder_has_a_file_for_each_name(tmp_path: Path) -> None:
    ReservationFolder(tmp_path / "a" / "b")
    folder = ReservationFolder(tmp_path / "a" / "b")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    names = [
        "data",
        "data.pr",
        "data.pr.lock",
        "data.pr.new",
        ".",
        "..",
        "a/b",
        "%2F",
        "ä",
        "\udc80",
        "x" * 64,
        "\u6f22" * 64,
        "\u6f22" * 63 + "\u5b57",
        quote("\u6f22" * 64)[:64],
    ]
    stores = [folder.of(name) for name in names]
    for number, store in enumerate(stores):
        store.save(Persistent(MappingProxyType({Registrant(PORT, 1): number + 1}), kept=True))
    for number, store in enumerate(stores):
        found = store.load()
        assert found is not None
        assert list(found.keys.values()) == [number + 1]
        assert store.path.parent == folder.path
        store.close()


def test_a_disk_and_its_file(path: Path) -> None:
    """What is on the medium is what was answered, also where the folder has gone meanwhile."""
    write = bytes.fromhex("2a000000000000000100")
    with ReservationFile(path) as store, Bench(Disk(Ram(1 << 20), reservations=store)) as bench:
        keeper = Keeper(bench)
        keeper.good(0, REGISTER, 0, 1)
        assert not path.exists()
        keeper.good(0, REGISTER, 1, 1, aptpl=True)
        keeper.good(0, RESERVE, 1, kind=EA)
        found = store.load()
        assert found is not None
        assert (found.keys, found.type, found.holder) == (
            bench.unit.persistent.keys, EA, Registrant(keeper.port(0), 1),
        )  # fmt: skip
        away = path.parent.with_name("away")
        path.parent.rename(away)
        assert keeper.refused(0, RELEASE, 1, kind=EA)[0] == (4, 0x44, 0)
        away.rename(path.parent)
        assert bench(write, bytes(512), nexus=keeper.nexuses[1]).status == CONFLICT
    with ReservationFile(path) as store, Bench(Disk(Ram(1 << 20), reservations=store)) as bench:
        keeper = Keeper(bench)
        assert bench(write, bytes(512), nexus=keeper.nexuses[1]).status == CONFLICT
        assert bench(write, bytes(512), nexus=keeper.nexuses[0]).status == 0
        keeper.good(0, REGISTER, 1, 0)
        assert not path.exists()
