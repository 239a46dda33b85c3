"""Mode pages whose fields act, and that are saved (SPC-5, 6.14, 7.5.9; SBC-4, 6.5.6)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from jobs_rig import TUR, Pair, code
from pysrp.backends import Ram
from pysrp.errors import ConfigError
from pysrp.scsi.mode import CachingPage, ControlPage, parse_mode6, parse_mode10
from pysrp.scsi.sense import parse_sense
from pysrp.srp import TaskAttribute, TskMgmtFunc
from pysrp.target.disk import Disk
from pysrp.target.saved_files import SavedFile
from pysrp.target.units.saved import Saved
from target_rig import BLOCK, MIB
from turns import Stepped
from unit_bench import Bench

SIZE = 64 * BLOCK
CURRENT, CHANGEABLE, DEFAULT, SAVED = range(4)
PF, SP = 0x10, 1
CONTROL, CACHING = 0x0A, 8


def sense6(page: int = 0x3F, control: int = CURRENT) -> bytes:
    return bytes((0x1A, 8, control << 6 | page, 0, 255, 0))


def page(bench: Bench, number: int, control: int = CURRENT) -> Any:
    return parse_mode6(bench.good(sense6(number, control))).pages[0]


def control(**fields: int) -> bytes:
    """The control mode page as it is by default, but for these fields."""
    default = {"tst": 1, "gltsd": 1, "queue_algorithm_modifier": 1, "tas": 1, "busy_timeout_period": 0xFFFF}
    return bytes(ControlPage.build(**{**default, **fields}))


def caching(**fields: int) -> bytes:
    return bytes(CachingPage.build(**{"wce": 1, **fields}))


def select(*pages: bytes, sp: bool = False) -> tuple[bytes, bytes]:
    """MODE SELECT(6), and its list."""
    data = bytes(4) + b"".join(pages)
    return bytes((0x15, PF | (SP if sp else 0), 0, 0, len(data), 0)), data


@pytest.fixture
def ram() -> Iterator[Ram]:
    with Ram(SIZE) as ram:
        yield ram


# Saved pages.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.saved"


def test_without_a_place_nothing_is_saved(ram: Ram) -> None:
    with Bench(Disk(ram)) as bench:
        result = bench(*select(control(d_sense=1), sp=True))
        assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 1, 0))
        assert not page(bench, CONTROL).d_sense
        assert not page(bench, CONTROL).ps
        assert bench.bad(sense6(CONTROL, SAVED)) == (5, 0x39, 0)


def test_what_is_saved_is_so_after_a_restart_and_a_reset(ram: Ram, path: Path) -> None:
    with SavedFile(path, "u") as store, Bench(Disk(ram, saved=store)) as bench:
        other = bench.login()
        assert page(bench, CONTROL, SAVED) == page(bench, CONTROL, DEFAULT)
        assert [p.ps for p in parse_mode6(bench.good(sense6())).pages] == [False, True, True, False, False]
        bench.good(*select(control(swp=1)))
        assert not path.exists()
        bench.good(*select(control(qerr=1), caching(wce=0), sp=True))
        assert bench.unit.attentions(other) == [0x2A01]
        assert bench.unit.attentions(bench.nexus) == []
        bench.good(*select(control(d_sense=1)))
        assert (page(bench, CONTROL).d_sense, page(bench, CONTROL, SAVED).d_sense) == (True, False)
        bench.unit.reset()
        assert bench.bad(TUR) == (6, 0x29, 0)
        assert (page(bench, CONTROL).d_sense, page(bench, CONTROL).qerr) == (False, 1)
    with SavedFile(path, "u") as store, Bench(Disk(ram, saved=store)) as bench:
        assert (page(bench, CONTROL).qerr, page(bench, CONTROL).swp) == (1, False)
        assert not page(bench, CACHING).wce
        assert not bench.unit.write_cache
        assert page(bench, CONTROL, DEFAULT).qerr == 0
        bench.good("1500000000000000")


def test_the_file_in_the_document_is_one(ram: Ram, path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "saved.md").read_text()
    text = (
        document[document.index("    {\n") : document.index("    }\n") + 6]
        .replace("\n    ", "\n")[4:]
        .encode()
    )
    path.write_bytes(b"pysrp saved parameters 1 %08x\n" % crc32(text) + text)
    with SavedFile(path, "25e1f3b2-data") as store, Bench(Disk(ram, saved=store)) as bench:
        assert not page(bench, CACHING).wce
        assert page(bench, CONTROL, SAVED) == page(bench, CONTROL, DEFAULT)


def test_an_empty_list_saves_what_there_is(ram: Ram, path: Path) -> None:
    with SavedFile(path, "u") as store, Bench(Disk(ram, saved=store)) as bench:
        bench.good(*select(control(d_sense=1)))
        bench.good(bytes((0x55, PF | SP)) + bytes(8))
        data = parse_mode10(bench.good(bytes((0x5A, 8, SAVED << 6 | CONTROL)) + bytes(5) + bytes((255, 0))))
        assert data.pages[0].d_sense


def test_what_cannot_be_saved_changes_nothing(ram: Ram, path: Path) -> None:
    store = SavedFile(path, "u")
    with Bench(Disk(ram, saved=store)) as bench:
        store.close()
        assert bench.bad(*select(control(d_sense=1), sp=True)) == (4, 0x44, 0)
        assert not page(bench, CONTROL).d_sense
        assert page(bench, CONTROL, SAVED) == page(bench, CONTROL, DEFAULT)


def test_a_page_of_another_version_counts_as_far_as_it_can(ram: Ram, path: Path) -> None:
    """What cannot be changed is the device's; a page that means nothing, or has another length, is left alone."""
    with SavedFile(path, "u") as store:
        store.save(
            Saved(
                {
                    CONTROL: control(gltsd=0, d_sense=1),
                    CACHING: b"\x08\x01\xff",
                    0x1C: bytes((0x1C, 1, 9)),
                    2: b"\2\1\0",
                }
            )
        )
        with Bench(Disk(ram, saved=store)) as bench:
            found = page(bench, CONTROL)
            assert (found.gltsd, found.d_sense) == (True, True)
            assert page(bench, CACHING) == page(bench, CACHING, DEFAULT)
        store.save(Saved({CONTROL: control(qerr=2)}))
        with Bench(Disk(ram, saved=store)) as bench:
            assert page(bench, CONTROL) == page(bench, CONTROL, DEFAULT)


@pytest.mark.parametrize(
    "state",
    [
        '{"unit": "u", "pages": {"0a": "0a01"}, "information": {}, "damage": null, "restricted": false}',
        '{"unit": "u", "pages": {"0b": "0a0100"}, "information": {}, "damage": null, "restricted": false}',
        '{"unit": "u", "pages": {"0a": "400a%s"}, "information": {}, "damage": null, "restricted": false}'
        % ("00" * 10),
        '{"unit": "u", "pages": {"4a": "4a0100"}, "information": {}, "damage": null, "restricted": false}',
        '{"unit": "u", "pages": [], "information": {}, "damage": null, "restricted": false}',
        '{"unit": "u", "pages": {}, "information": {"0": 5}, "damage": null, "restricted": false}',
        '{"unit": "u", "pages": {}, "information": {"1": ""}, "damage": null, "restricted": false}',
        '{"unit": "u", "pages": {}, "information": {"0": "%s"}, "damage": null, "restricted": false}'
        % ("00" * 65),
        '{"unit": "u", "pages": {}, "information": {}, "damage": "none", "restricted": false}',
        '{"unit": "u", "pages": {}, "information": {}, "damage": null, "restricted": 0}',
        '{"unit": "u", "pages": {}}',
    ],
)
def test_a_file_that_is_none_is_refused(path: Path, state: str) -> None:
    import zlib

    body = state.encode()
    path.write_bytes(b"pysrp saved parameters 1 %08x\n%s" % (zlib.crc32(body), body))
    with (
        SavedFile(path, "u") as store,
        pytest.raises(ConfigError, match="does not have the saved parameters"),
    ):
        store.load()


@pytest.mark.parametrize("what", ["d.saved", Path("d.saved")])
def test_a_path_is_no_store(ram: Ram, what: Any) -> None:
    with pytest.raises(ConfigError, match=r"SavedFile makes one of a path"):
        Disk(ram, saved=what)


def test_kept_once_more_for_another_name(ram: Ram, path: Path) -> None:
    with SavedFile(path, "u") as store, Bench(Disk(ram, saved=store)) as bench:
        bench.unit.keep_saved()
        assert not path.exists()
        bench.good(*select(control(d_sense=1), sp=True))
        store.unit = "v"
        bench.unit.keep_saved()
    with SavedFile(path, "v") as store:
        assert store.load() is not None
    with SavedFile(path, "u") as store, pytest.raises(ConfigError, match="of 'v'"):
        store.load()


# What the fields do.


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        (control(qerr=2), (False, 7, 2)),
        (control(ua_intlck_ctrl=1), (False, 8, 5)),
        (control(tst=2), (False, 6, 7)),
    ],
)
def test_values_that_mean_nothing(ram: Ram, wrong: bytes, pointer: Any) -> None:
    with Bench(Disk(ram)) as bench:
        result = bench(*select(wrong))
        assert (result.code, result.pointer) == ((5, 0x26, 0), pointer)


def test_a_subpage_of_page_0_is_no_page(ram: Ram) -> None:
    """The Control mode page has 10 bytes, as many as its code, so 00h/0Ah could be taken for it."""
    with Bench(Disk(ram)) as bench:
        wrong = b"\x40" + control(d_sense=1)[1:]
        result = bench(*select(wrong))
        assert (result.code, result.pointer) == ((5, 0x26, 0), (False, 4, 6))
        assert not page(bench, CONTROL).d_sense


def test_rcd_reads_what_is_on_the_medium() -> None:
    class Flushed(Ram):
        flushes = 0

        def flush(self) -> None:
            self.flushes += 1

    with Flushed(SIZE) as ram, Bench(Disk(ram)) as bench:
        bench.good("28000000000000000100")
        assert ram.flushes == 0
        bench.good(*select(caching(rcd=1)))
        assert not bench.unit.plain(bench.nexus)
        for count, raw in enumerate(["28000000000000000100", "080000000100"], 1):
            bench.good(raw)
            assert ram.flushes == count
        bench.good(*select(caching()))
        assert bench.unit.plain(bench.nexus)
        bench.good("28000000000000000100")
        assert ram.flushes == 2


def test_interlocked_attentions_are_told_until_request_sense_has_told_them(ram: Ram) -> None:
    with Bench(Disk(ram)) as bench:
        bench.good(*select(control(ua_intlck_ctrl=2)))
        bench.unit.attention(0x2A, 1)
        for _ in range(3):
            assert bench.bad(TUR) == (6, 0x2A, 1)
        found = parse_sense(bench.good("03000000fc00"))
        assert code(found) == (6, 0x2A, 1)
        bench.good(TUR)


@pytest.mark.parametrize("value", [0, 2, 3])
def test_a_conflict_is_an_attention_with_11b(ram: Ram, value: int) -> None:
    with Bench(Disk(ram)) as bench:
        bench.good(*select(control(ua_intlck_ctrl=value)))
        other = bench.login()
        bench.good("160000000000")
        assert bench(TUR, nexus=other).status == 0x18
        assert bench.unit.attentions(other) == ([0x2C09] if value == 3 else [])
        assert bench.unit.attentions(bench.nexus) == []


def whole(medium: Stepped) -> Disk:
    medium.zeroes = medium.discards = False  # type: ignore[misc]
    return Disk(medium, "d")


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair(whole, SIZE)
    yield pair
    pair.close()


def set_control(pair: Pair, **fields: int) -> None:
    raw, data = select(control(**fields))
    if data[4:] == control():
        return
    assert pair.answered(pair.other, raw, data).status == 0
    assert code(pair.bad(pair.first, TUR)) == (6, 0x2A, 1)


READ = "28000000000000000100"


def test_a_reset_of_another_nexus_without_tas(pair: Pair) -> None:
    """SAM-5, 5.6: no answer, and what the reset says is all that is said."""
    set_control(pair, tas=0)
    tag = pair.command(pair.first, READ, room=BLOCK)
    pair.turns.in_step(0)
    managed = pair.other.client.manage(0, TskMgmtFunc.LUN_RESET)
    for rig in pair.other, pair.first, pair.other:
        rig.run()
    assert bytes(pair.other.client.answer(managed).resp_data) == bytes(4)
    assert not [raw for raw in pair.first.client.answers if raw[8:16] == tag.to_bytes(8, "big")]
    pair.turns.open()
    assert code(pair.bad(pair.first, TUR)) == (6, 0x29, 0)
    pair.good(pair.first)
    assert pair.first.target.session.outstanding == 0  # type: ignore[union-attr]


def test_preempted_and_aborted_without_tas(pair: Pair) -> None:
    """SPC-5, 5.14.11.5: 2F/00 beside what preemption says."""

    def persistent(rig: Any, action: int, key: int, new: int, type: int = 0) -> int:
        data = key.to_bytes(8, "big") + new.to_bytes(8, "big") + bytes(8)
        return pair.command(rig, bytes((0x5F, action, type, 0, 0, 0, 0, 0, 24, 0)), data)

    set_control(pair, tas=0)
    for rig, key in (pair.first, 1), (pair.other, 2):
        assert rig.client.answer(persistent(rig, 0, 0, key)).status == 0
    tag = pair.command(pair.first, READ, room=BLOCK)
    pair.turns.in_step(0)
    preempting = persistent(pair.other, 5, 2, 1, 1)
    pair.turns.open()
    for rig in pair.first, pair.other:
        rig.run()
    assert pair.other.client.answer(preempting).status == 0
    assert not [raw for raw in pair.first.client.answers if raw[8:16] == tag.to_bytes(8, "big")]
    told = {code(pair.bad(pair.first, TUR)) for _ in range(2)}
    assert told == {(6, 0x2A, 5), (6, 0x2F, 0)}
    pair.good(pair.first)


@pytest.mark.parametrize("qerr", [0, 1, 3])
def test_check_condition_ends_the_others_of_its_nexus(pair: Pair, qerr: int) -> None:
    set_control(pair, qerr=qerr)
    mine = pair.command(pair.first, READ, room=BLOCK)
    theirs = pair.command(pair.other, READ, room=BLOCK)
    pair.turns.in_step(0)
    assert code(pair.bad(pair.first, "ff")) == (5, 0x20, 0)
    pair.turns.open()
    pair.other.settle(lambda: bool(pair.other.client.answers))
    assert pair.other.client.answer(theirs).status == 0
    if qerr:
        pair.first.settle(lambda: not pair.first.target.session.tasks)  # type: ignore[union-attr]
        assert not [raw for raw in pair.first.client.answers if raw[8:16] == mine.to_bytes(8, "big")]
    else:
        assert pair.ended(mine).status == 0
    pair.good(pair.first)
    assert pair.first.target.session.outstanding == 0  # type: ignore[union-attr]


def test_an_error_of_the_medium_counts_too(pair: Pair) -> None:
    set_control(pair, qerr=1)
    pair.turns.fail, pair.turns.error = 0, errno.EIO
    first = pair.command(pair.first, READ, room=BLOCK)
    pair.turns.in_step(0)
    second = pair.first.client.cmd(
        0, READ, data_in=(pair.first.client.data(MIB), BLOCK), task_attr=TaskAttribute.ORDERED
    )
    pair.first.run()
    pair.turns.turn.release()
    assert parse_sense(bytes(pair.ended(first).sense)).sense_key == 3
    pair.turns.open()
    pair.good(pair.first)
    assert not [raw for raw in pair.first.client.answers if raw[8:16] == second.to_bytes(8, "big")]
