"""PERSISTENT RESERVE IN and OUT: what each service action does, tells and refuses (SPC-5, 5.14, 6.16 and 6.17)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistent_rig import (
    CLEAR,
    EA,
    EA_AR,
    EA_RO,
    IGNORE,
    MOVE,
    PREEMPT,
    PREEMPT_AND_ABORT,
    PREEMPTED,
    READ_FULL_STATUS,
    READ_KEYS,
    READ_RESERVATION,
    REGISTER,
    RELEASE,
    RELEASED,
    REPLACE_LOST,
    REPORT_CAPABILITIES,
    RESERVE,
    TYPES,
    UNREGISTERED,
    WE,
    WE_AR,
    WE_RO,
    Keeper,
    in_cdb,
    move_list,
    out_cdb,
    out_list,
    transport_id,
)  # fmt: skip
from pysrp.backends import Ram
from pysrp.scsi import cdb, params
from pysrp.target.disk import Disk
from pysrp.target.units.persistent import ALL_PORTS, MOST, Persistent, Registrant
from unit_bench import Bench

LENGTH_ERROR = 5, 0x1A, 0
BAD_CDB = 5, 0x24, 0
BAD_LIST = 5, 0x26, 0
INVALID_RELEASE = 5, 0x26, 4
NO_ROOM = 5, 0x55, 4

REGISTRANTS = WE_RO, EA_RO, WE_AR, EA_AR
NOBODY: list[int] = []


class Store:
    """One that outlasts the loss of power of a test; ``fails`` is what saving raises."""

    durable = True
    blocking = False

    def __init__(self) -> None:
        self.saved: list[Persistent | None] = []
        self.fails: OSError | None = None

    def load(self) -> Persistent | None:
        return self.saved[-1] if self.saved else None

    def save(self, state: Persistent | None) -> None:
        if self.fails:
            raise self.fails
        self.saved.append(state)


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    with Bench(Disk(Ram(1 << 20))) as bench:
        yield Keeper(bench)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def kept(store: Store) -> Iterator[Keeper]:
    """On a unit whose store is durable."""
    with Bench(Disk(Ram(1 << 20), reservations=store)) as bench:
        yield Keeper(bench)


# REGISTER, REGISTER AND IGNORE EXISTING KEY


def test_register(keeper: Keeper) -> None:
    keeper.good(0, REGISTER, 0, 0xAA)
    keeper.good(1, REGISTER, 0, 0xBB)
    assert keeper.keys() == [0xAA, 0xBB]
    keeper.conflicts(0, REGISTER, 0, 0xCC)
    keeper.conflicts(0, REGISTER, 0xBB, 0xCC)
    keeper.conflicts(2, REGISTER, 0xAA, 0xCC)
    keeper.conflicts(2, REGISTER, 0xAA, 0)
    keeper.good(0, REGISTER, 0xAA, 0xCC)
    assert keeper.keys() == [0xCC, 0xBB]
    keeper.good(0, REGISTER, 0xCC, 0)
    assert keeper.keys() == [0xBB]
    assert keeper.told() == [NOBODY] * 3


def test_register_and_ignore(keeper: Keeper) -> None:
    keeper.good(0, IGNORE, 0x1234, 0xAA)
    keeper.good(0, IGNORE, 0x5678, 0xBB)
    assert keeper.keys() == [0xBB]
    keeper.good(0, IGNORE, 0, 0)
    assert keeper.keys() == []


@pytest.mark.parametrize("action", [REGISTER, IGNORE])
def test_registering_the_key_0_of_who_is_not_registered_does_nothing(keeper: Keeper, action: int) -> None:
    before = keeper.unit.persistent
    keeper.good(0, action, 0, 0)
    assert keeper.unit.persistent is before


def test_two_nexuses_may_have_one_key(keeper: Keeper) -> None:
    keeper.registered([7, 7], WE)
    assert keeper.keys() == [7, 7]
    keeper.conflicts(1, RESERVE, 7, kind=WE)


def test_spec_i_pt_registers_others_too(keeper: Keeper) -> None:
    stranger = 0xFACE
    ids = [transport_id(keeper.port(1)), transport_id(stranger)]
    keeper.good(0, REGISTER, 0, 9, ids=ids)
    assert keeper.keys() == [9, 9, 9]
    assert list(keeper.unit.persistent.keys) == [
        Registrant(port, 1) for port in (keeper.port(0), keeper.port(1), stranger.to_bytes(16, "big"))
    ]
    keeper.good(1, RESERVE, 9, kind=WE)


def test_spec_i_pt_without_any(keeper: Keeper) -> None:
    torn = bytearray(24)
    torn[20] = 8
    assert keeper.refused(0, REGISTER, data=bytes(torn)) == (LENGTH_ERROR, None)
    keeper.good(0, REGISTER, 0, 9, ids=[])
    assert keeper.keys() == [9]


def test_spec_i_pt_is_for_who_registers_itself(keeper: Keeper) -> None:
    ids = [transport_id(5)]
    at = BAD_LIST, (False, 20, 3)
    before = keeper.unit.persistent
    keeper.good(0, REGISTER, 0, 0, ids=ids)
    assert keeper.unit.persistent is before, "whoever is not registered and wants no key: the bit is ignored"
    keeper.conflicts(0, REGISTER, 1, 0, ids=ids)
    keeper.good(0, REGISTER, 0, 1)
    assert keeper.refused(0, REGISTER, 1, 2, ids=ids) == at
    assert keeper.refused(0, REGISTER, 1, 0, ids=ids) == at
    keeper.conflicts(0, REGISTER, 2, 3, ids=ids)
    for action in IGNORE, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT:
        assert keeper.refused(0, action, 1, 1, WE, ids=ids) == at


def test_spec_i_pt_registers_all_or_none(keeper: Keeper) -> None:
    keeper.good(1, REGISTER, 0, 1)
    keeper.conflicts(0, REGISTER, 0, 9, ids=[transport_id(5), transport_id(keeper.port(1))])
    keeper.conflicts(0, REGISTER, 0, 9, ids=[transport_id(5), transport_id(5)])
    keeper.conflicts(0, REGISTER, 0, 9, ids=[transport_id(keeper.port(0))])


BAD_IDS = {
    "of Fibre Channel": (b"\0" + bytes(23), (False, 28 + 24, None)),
    "of iSCSI": (b"\5\0\0\x14" + bytes(20), (False, 28 + 24, None)),
    "in another format": (b"\x44" + bytes(23), (False, 28 + 24, None)),
    "cut off": (b"\4" + bytes(11), (False, 24, None)),
}


@pytest.mark.parametrize(("bad", "where"), BAD_IDS.values(), ids=BAD_IDS)
def test_transport_ids_that_are_none_of_srp(keeper: Keeper, bad: bytes, where: object) -> None:
    assert keeper.refused(0, REGISTER, 0, 9, ids=[transport_id(5), bad]) == (BAD_LIST, where)


def test_transport_ids_longer_than_the_list(keeper: Keeper) -> None:
    data = bytearray(out_list(0, 9, ids=[transport_id(5)]))
    for length in 25, 48, 0xFFFFFFFF:
        data[24:28] = struct.pack(">I", length)
        assert keeper.refused(0, REGISTER, data=bytes(data))[0] == LENGTH_ERROR


def test_as_many_registrations_as_there_is_room_for(keeper: Keeper) -> None:
    keeper.good(0, REGISTER, 0, 9, ids=[transport_id(n) for n in range(1, MOST)])
    assert len(keeper.keys()) > 100
    assert len(keeper.unit.persistent.keys) == MOST
    assert keeper.refused(1, REGISTER, 0, 1)[0] == NO_ROOM
    keeper.good(0, REGISTER, 9, 8)
    keeper.good(0, RESERVE, 8, kind=WE)
    list_ = move_list(8, 1, keeper.port(1))
    assert keeper.refused(0, MOVE, data=list_)[0] == NO_ROOM
    keeper.good(0, MOVE, data=move_list(8, 1, keeper.port(1), unreg=True))


# Target ports


def test_the_same_initiator_port_through_another_target_port_is_another_nexus(keeper: Keeper) -> None:
    other = keeper.bench.login("same", int.from_bytes(keeper.port(0), "big"), 2)
    keeper.good(0, REGISTER, 0, 1)
    keeper.conflicts(other, RESERVE, 1, kind=WE)
    keeper.good(other, REGISTER, 0, 2)
    assert keeper.keys() == [1, 2]
    found = params.PrFullStatus(keeper.read(READ_FULL_STATUS)).descriptors
    assert [one.relative_target_port_identifier for one in found] == [1, 2]


def test_all_tg_pt(keeper: Keeper) -> None:
    other = keeper.bench.login("same", int.from_bytes(keeper.port(0), "big"), 2)
    keeper.good(0, REGISTER, 0, 1, all_tg_pt=True)
    keeper.good(other, RESERVE, 1, kind=EA)
    assert keeper.bench.unit.plain(keeper.nexuses[0])
    (found,) = params.PrFullStatus(keeper.read(READ_FULL_STATUS)).descriptors
    assert (found.all_tg_pt, found.r_holder) == (True, True)
    keeper.conflicts(other, REGISTER, 2, 3)
    keeper.good(other, REGISTER, 1, 3)
    assert keeper.keys() == [3]
    keeper.good(0, RELEASE, 3, kind=EA)
    keeper.good(0, REGISTER, 3, 0)
    assert keeper.keys() == []


@pytest.mark.parametrize(
    ("holder", "action", "arguments", "kind", "attention"),
    [
        (0, RELEASE, (1,), WE_RO, 0x2A04),
        (0, CLEAR, (1,), 0, 0x2A03),
        (0, PREEMPT, (1, 1), EA_RO, 0x2A04),
        (0, REGISTER, (1, 0), 0, 0x2A04),
        (1, PREEMPT, (1, 1), WE_RO, 0x2A05),
        (1, PREEMPT_AND_ABORT, (1, 1), WE_RO, 0x2A05),
    ],
)
def test_all_tg_pt_leaves_out_the_one_nexus_that_asks(
    keeper: Keeper, holder: int, action: int, arguments: tuple[int, ...], kind: int, attention: int
) -> None:
    """Others of the same registration, through other target ports, are told, and their tasks end."""
    sibling = keeper.bench.login("same", int.from_bytes(keeper.port(0), "big"), 2)
    keeper.good(0, REGISTER, 0, 1, all_tg_pt=True)
    keeper.good(1, REGISTER, 0, 2)
    keeper.good(holder, RESERVE, holder + 1, kind=WE_RO)
    aborted: list[object] = []
    sibling.abort = lambda unit, done, but, own: (aborted.append(unit), done())  # type: ignore[method-assign]
    keeper.told()
    for code in keeper.bench.unit.attentions(sibling):
        assert keeper.bench.unit.forget(sibling, code >> 8, code & 0xFF)
    keeper.good(0, action, *arguments, kind=kind)
    assert keeper.told()[0] == []
    assert list(keeper.bench.unit.attentions(sibling)) == [attention]
    assert bool(aborted) == (action == PREEMPT_AND_ABORT)


def test_all_tg_pt_makes_one_registration_of_several(keeper: Keeper) -> None:
    other = keeper.bench.login("same", int.from_bytes(keeper.port(0), "big"), 2)
    keeper.good(0, REGISTER, 0, 1)
    keeper.good(other, REGISTER, 0, 2)
    keeper.good(other, RESERVE, 2, kind=WE)
    keeper.conflicts(0, REGISTER, 1, 5, all_tg_pt=True)
    keeper.good(0, IGNORE, 0, 5, all_tg_pt=True)
    assert keeper.keys() == [5]
    assert keeper.unit.persistent.holder == Registrant(keeper.port(0), ALL_PORTS)
    assert keeper.reservation() == (5, WE)
    keeper.good(0, IGNORE, 0, 0, all_tg_pt=True)
    assert keeper.keys() == []
    assert keeper.reservation() is None


def test_all_tg_pt_of_who_is_registered_elsewhere_only(keeper: Keeper) -> None:
    other = keeper.bench.login("same", int.from_bytes(keeper.port(0), "big"), 2)
    keeper.good(other, REGISTER, 0, 2)
    keeper.conflicts(0, REGISTER, 0, 5, all_tg_pt=True)
    keeper.conflicts(0, REGISTER, 2, 5, all_tg_pt=True)
    keeper.good(0, REGISTER, 0, 2)
    keeper.good(0, REGISTER, 2, 5, all_tg_pt=True)
    assert keeper.keys() == [5]


def test_all_tg_pt_of_others(keeper: Keeper) -> None:
    keeper.good(0, REGISTER, 0, 9, ids=[transport_id(keeper.port(1))], all_tg_pt=True)
    assert list(keeper.unit.persistent.keys) == [Registrant(keeper.port(n), ALL_PORTS) for n in (0, 1)]
    keeper.good(0, CLEAR, 9)
    keeper.told()
    away = keeper.bench.login("same as 1", int.from_bytes(keeper.port(1), "big"), 2)
    keeper.good(away, REGISTER, 0, 1)
    keeper.conflicts(0, REGISTER, 0, 9, ids=[transport_id(keeper.port(1))], all_tg_pt=True)
    keeper.good(0, REGISTER, 0, 9, ids=[transport_id(keeper.port(1))])


# RESERVE and RELEASE


@pytest.mark.parametrize("kind", TYPES)
def test_reserve_and_release(keeper: Keeper, kind: int) -> None:
    everybody = kind in (WE_AR, EA_AR)
    keeper.registered([1, 2, 3])
    keeper.good(0, RESERVE, 1, kind=kind)
    generation = keeper.generation
    assert keeper.reservation() == (0 if everybody else 1, kind)
    keeper.good(0, RESERVE, 1, kind=kind)
    for other in set(TYPES) - {kind}:
        keeper.conflicts(0, RESERVE, 1, kind=other)
        keeper.conflicts(1, RESERVE, 2, kind=other)
    if everybody:
        keeper.good(1, RESERVE, 2, kind=kind)
    else:
        keeper.conflicts(1, RESERVE, 2, kind=kind)
        keeper.good(1, RELEASE, 2, kind=kind)
        assert keeper.reservation() == (1, kind)
    for other in {*range(16)} - {kind}:
        assert keeper.refused(0, RELEASE, 1, kind=other) == (INVALID_RELEASE, None)
    assert keeper.refused(0, RELEASE, 1, kind=kind, scope=1) == (INVALID_RELEASE, None)
    assert keeper.told() == [NOBODY] * 3
    keeper.good(0, RELEASE, 1, kind=kind)
    assert keeper.reservation() is None
    assert keeper.keys() == [1, 2, 3]
    assert keeper.generation == generation, "RESERVE and RELEASE do not count"
    assert keeper.told() == [NOBODY, *[[RELEASED] if kind in REGISTRANTS else NOBODY] * 2]
    keeper.good(0, RELEASE, 1, kind=kind)


def test_who_is_not_registered_can_do_nothing_but_register(keeper: Keeper) -> None:
    keeper.registered([1], WE)
    for action in RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT:
        keeper.conflicts(1, action, 0, 1, WE)
        keeper.conflicts(1, action, 1, 1, WE)
        keeper.conflicts(0, action, 2, 1, WE)
    for key in 0, 1:
        keeper.conflicts(1, MOVE, data=move_list(key, 5, 0x99))
    keeper.conflicts(0, MOVE, data=move_list(2, 5, 0x99))


@pytest.mark.parametrize("scope", [1, 2, 3, 15])
@pytest.mark.parametrize("action", [RESERVE, PREEMPT, PREEMPT_AND_ABORT])
def test_scopes_that_there_are_not(keeper: Keeper, action: int, scope: int) -> None:
    keeper.registered([1], WE if action != RESERVE else None)
    assert keeper.refused(0, action, 1, 1, WE, scope=scope) == (BAD_CDB, (True, 2, 7))


@pytest.mark.parametrize("kind", [0, 2, 4, *range(9, 16)])
@pytest.mark.parametrize("action", [RESERVE, PREEMPT, PREEMPT_AND_ABORT])
def test_types_that_there_are_not(keeper: Keeper, action: int, kind: int) -> None:
    keeper.registered([1], WE if action != RESERVE else None)
    assert keeper.refused(0, action, 1, 1, kind) == (BAD_CDB, (True, 2, 3))


def test_scope_and_type_mean_nothing_elsewhere(keeper: Keeper) -> None:
    keeper.good(0, REGISTER, 0, 1, 15, scope=15)
    keeper.good(1, IGNORE, 0, 2, 15, scope=15)
    keeper.good(0, PREEMPT, 1, 2, 15, scope=15)
    keeper.good(0, CLEAR, 1, 0, 15, scope=15)


# Registrations that end, and the reservation with them


@pytest.mark.parametrize("kind", TYPES)
def test_a_holder_that_unregisters(keeper: Keeper, kind: int) -> None:
    keeper.registered([1, 2, 3], kind)
    keeper.good(0, REGISTER, 1, 0)
    if kind in (WE_AR, EA_AR):
        assert keeper.reservation() == (0, kind)
        assert keeper.told() == [NOBODY] * 3
        keeper.good(1, IGNORE, 0, 0)
        keeper.good(2, IGNORE, 0, 0)
    assert keeper.reservation() is None
    assert keeper.told() == [NOBODY, *[[RELEASED] if kind in (WE_RO, EA_RO) else NOBODY] * 2]


@pytest.mark.parametrize("kind", [WE, EA, WE_RO, EA_RO])
def test_another_that_unregisters(keeper: Keeper, kind: int) -> None:
    keeper.registered([1, 2, 3], kind)
    keeper.good(1, REGISTER, 2, 0)
    assert keeper.reservation() == (1, kind)
    assert keeper.told() == [NOBODY] * 3


@pytest.mark.parametrize("kind", [None, *TYPES])
def test_clear(keeper: Keeper, kind: int | None) -> None:
    keeper.registered([1, 2, 0], kind)
    before = keeper.generation
    keeper.good(1, CLEAR, 2)
    assert (keeper.keys(), keeper.reservation()) == ([], None)
    assert keeper.generation == before + 1
    assert keeper.told() == [[PREEMPTED], NOBODY, NOBODY]


# PREEMPT


@pytest.mark.parametrize("action", [PREEMPT, PREEMPT_AND_ABORT])
@pytest.mark.parametrize("after", TYPES)
@pytest.mark.parametrize("before", [WE, EA, WE_RO, EA_RO])
def test_preempting_the_holder(keeper: Keeper, before: int, after: int, action: int) -> None:
    keeper.registered([1, 2, 3], before)
    generation = keeper.generation
    keeper.good(1, action, 2, 1, after)
    assert keeper.keys() == [2, 3]
    assert keeper.reservation() == (0 if after in (WE_AR, EA_AR) else 2, after)
    assert keeper.generation == generation + 1
    assert keeper.told() == [[UNREGISTERED], NOBODY, [RELEASED] if before != after else NOBODY]


@pytest.mark.parametrize("after", TYPES)
@pytest.mark.parametrize("before", [WE_AR, EA_AR])
def test_preempting_all_registrants(keeper: Keeper, before: int, after: int) -> None:
    """The key 0 means all of them; another one means those who have it, and leaves the reservation alone."""
    keeper.registered([1, 2, 3], before)
    keeper.good(0, PREEMPT, 1, 3, after)
    assert (keeper.keys(), keeper.reservation()) == ([1, 2], (0, before))
    assert keeper.told() == [NOBODY, NOBODY, [UNREGISTERED]]
    keeper.good(1, PREEMPT, 2, 0, after)
    assert (keeper.keys(), keeper.reservation()) == ([2], (0 if after in (WE_AR, EA_AR) else 2, after))
    assert keeper.told() == [[UNREGISTERED], NOBODY, NOBODY]


@pytest.mark.parametrize("kind", [None, *TYPES])
def test_preempting_registrations(keeper: Keeper, kind: int | None) -> None:
    keeper.registered([1, 2, 2], kind)
    reserved = keeper.reservation()
    keeper.good(0, PREEMPT, 1, 2)
    assert (keeper.keys(), keeper.reservation()) == ([1], reserved)
    assert keeper.told() == [NOBODY, [UNREGISTERED], [UNREGISTERED]]


@pytest.mark.parametrize("kind", [None, WE, EA, WE_RO, EA_RO])
def test_preempting_the_key_0_or_one_that_nobody_has(keeper: Keeper, kind: int | None) -> None:
    keeper.registered([1, 2], kind)
    assert keeper.refused(0, PREEMPT, 1, 0, WE) == (BAD_LIST, (False, 8, None))
    keeper.conflicts(0, PREEMPT, 1, 9, WE)


def test_preempting_oneself(keeper: Keeper) -> None:
    """The holder changes the type and nothing else; who is not the holder loses its registration, and is told nothing."""
    keeper.registered([1, 1, 2], WE)
    keeper.good(0, PREEMPT, 1, 1, EA)
    assert (keeper.keys(), keeper.reservation()) == ([1, 2], (1, EA))
    assert keeper.told() == [NOBODY, [UNREGISTERED], [RELEASED]]
    keeper.good(2, PREEMPT, 2, 2)
    assert (keeper.keys(), keeper.reservation()) == ([1], (1, EA))
    assert keeper.told() == [NOBODY] * 3


def test_preempting_the_last_of_all_registrants(keeper: Keeper) -> None:
    keeper.registered([1, 1], WE_AR)
    keeper.good(0, PREEMPT, 1, 1)
    assert (keeper.keys(), keeper.reservation()) == ([], None)
    assert keeper.told() == [NOBODY, [UNREGISTERED], NOBODY]


# REGISTER AND MOVE


@pytest.mark.parametrize("unreg", [False, True])
@pytest.mark.parametrize("kind", [WE, EA, WE_RO, EA_RO])
@pytest.mark.parametrize("known", [False, True])
def test_register_and_move(keeper: Keeper, kind: int, unreg: bool, known: bool) -> None:
    keeper.registered([1, 2] if known else [1], kind)
    before = keeper.generation
    keeper.good(0, MOVE, data=move_list(1, 7, keeper.port(1), unreg=unreg))
    assert keeper.reservation() == (7, kind)
    assert keeper.keys() == ([7] if unreg else [1, 7])
    assert keeper.generation == before + 1
    assert keeper.told() == [NOBODY] * 3
    keeper.good(1, RELEASE, 7, kind=kind)


def test_register_and_move_to_another_target_port(keeper: Keeper) -> None:
    keeper.registered([1], WE)
    other = keeper.bench.login("same", int.from_bytes(keeper.port(0), "big"), 2)
    keeper.good(0, MOVE, data=move_list(1, 1, keeper.port(0), relative=2))
    keeper.good(other, RELEASE, 1, kind=WE)
    assert keeper.keys() == [1, 1]


def test_what_cannot_be_moved(keeper: Keeper) -> None:
    to = keeper.port(1)
    keeper.registered([1, 2])
    assert keeper.refused(0, MOVE, data=move_list(1, 7, to)) == (BAD_CDB, (True, 1, 4))
    keeper.good(0, RESERVE, 1, kind=WE_RO)
    keeper.conflicts(1, MOVE, data=move_list(2, 7, to))
    assert keeper.refused(0, MOVE, data=move_list(1, 0, to)) == (BAD_LIST, (False, 8, None))
    assert keeper.refused(0, MOVE, data=move_list(1, 7, to, relative=0)) == (BAD_LIST, (False, 18, None))
    assert keeper.refused(0, MOVE, data=move_list(1, 7, keeper.port(0))) == (BAD_LIST, (False, 24, None))
    bad = move_list(1, 7, to)[:24] + b"\5" + bytes(23)
    assert keeper.refused(0, MOVE, data=bad) == (BAD_LIST, (False, 24, None))
    none = move_list(1, 7, to)[:20] + bytes(4)
    assert keeper.refused(0, MOVE, data=none) == (BAD_LIST, (False, 20, None))
    long = move_list(1, 7, to)[:20] + struct.pack(">I", 48) + transport_id(1) * 2
    assert keeper.refused(0, MOVE, data=long) == (BAD_LIST, (False, 20, None))
    for length in 0, 23, 25, 0xFFFFFFFF:
        torn = move_list(1, 7, to)[:20] + struct.pack(">I", length) + transport_id(to)
        assert keeper.refused(0, MOVE, data=torn)[0] == LENGTH_ERROR


@pytest.mark.parametrize("kind", [WE_AR, EA_AR])
def test_what_belongs_to_all_registrants_cannot_be_moved(keeper: Keeper, kind: int) -> None:
    keeper.registered([1, 2], kind)
    keeper.conflicts(0, MOVE, data=move_list(1, 7, keeper.port(1)))


# Lists, and what is no service action


@pytest.mark.parametrize("action", range(8))
@pytest.mark.parametrize("length", [0, 1, 23, 25, 27, 0xFFFFFFFF])
def test_parameter_list_lengths(keeper: Keeper, action: int, length: int) -> None:
    if action != MOVE or length not in (25, 27):
        keeper.registered([1], WE)
        data = out_list(1, 1) + bytes(8)
        assert keeper.refused(0, action, kind=WE, data=data, length=length) == (LENGTH_ERROR, None)


@pytest.mark.parametrize("action", range(8))
def test_less_data_than_the_list_is_long(keeper: Keeper, action: int) -> None:
    keeper.registered([1], WE)
    length = 48 if action == MOVE else 24
    assert keeper.refused(0, action, kind=WE, data=out_list(1, 1)[:-1], length=length) == (LENGTH_ERROR, None)


def test_no_list_at_all(keeper: Keeper) -> None:
    bench = keeper.bench
    assert bench(out_cdb(REGISTER), b"").code == LENGTH_ERROR
    assert not bench.unit.persistent.keys


@pytest.mark.parametrize("raw", [in_cdb(4), in_cdb(31), out_cdb(REPLACE_LOST), out_cdb(9), out_cdb(31)])
def test_service_actions_that_there_are_not(keeper: Keeper, raw: bytes) -> None:
    """Of REPLACE LOST RESERVATION that is the answer of a unit that has not lost its own (SPC-5, 5.14.11.7)."""
    result = keeper.bench(raw, out_list())
    assert (result.code, result.pointer) == (BAD_CDB, (True, 1, 4))


def test_prgeneration(keeper: Keeper) -> None:
    """It counts what registers and unregisters, and nothing that fails or asks (SPC-5, 6.16.2)."""
    assert keeper.generation == 0
    keeper.good(0, REGISTER, 0, 1)
    keeper.good(1, IGNORE, 0, 2)
    assert keeper.generation == 2
    keeper.conflicts(0, REGISTER, 5, 6)
    keeper.good(0, RESERVE, 1, kind=WE)
    keeper.read(READ_RESERVATION)
    assert keeper.generation == 2
    keeper.good(0, MOVE, data=move_list(1, 2, keeper.port(1)))
    keeper.good(0, PREEMPT, 1, 2, WE)
    keeper.good(0, CLEAR, 1)
    assert keeper.generation == 5
    keeper.unit.reset()
    keeper.told()
    assert keeper.generation == 5


# PERSISTENT RESERVE IN


def test_read_nothing(keeper: Keeper) -> None:
    assert keeper.read(READ_KEYS) == bytes(8)
    assert keeper.read(READ_RESERVATION) == bytes(8)
    assert keeper.read(READ_FULL_STATUS) == bytes(8)


def test_read_byte_by_byte(keeper: Keeper) -> None:
    keeper.registered([0x0102030405060708, 0xA1], WE_RO)
    keys = "0102030405060708 00000000000000a1"
    assert keeper.read(READ_KEYS) == bytes.fromhex("00000002 00000010" + keys)
    reservation = "00000002 00000010 0102030405060708 00000000 00 05 0000"
    assert keeper.read(READ_RESERVATION) == bytes.fromhex(reservation)
    ids = [transport_id(keeper.port(n)).hex() for n in (0, 1)]
    full = (
        "00000002 00000060"
        f"0102030405060708 00000000 01 05 00000000 0001 00000018 {ids[0]}"
        f"00000000000000a1 00000000 00 00 00000000 0001 00000018 {ids[1]}"
    )
    assert keeper.read(READ_FULL_STATUS) == bytes.fromhex(full)


@pytest.mark.parametrize("kind", [WE_AR, EA_AR])
def test_of_all_registrants_each_is_a_holder(keeper: Keeper, kind: int) -> None:
    keeper.registered([1, 2], kind)
    found = params.PrFullStatus(keeper.read(READ_FULL_STATUS)).descriptors
    assert [(one.r_holder, one.type) for one in found] == [(True, kind)] * 2
    assert keeper.reservation() == (0, kind)


def test_report_capabilities(keeper: Keeper, kept: Keeper) -> None:
    assert keeper.read(REPORT_CAPABILITIES) == bytes.fromhex("0008 1c b0 ea01 0000")
    assert kept.read(REPORT_CAPABILITIES) == bytes.fromhex("0008 1d b0 ea01 0000")
    kept.good(0, REGISTER, 0, 1, aptpl=True)
    assert kept.read(REPORT_CAPABILITIES) == bytes.fromhex("0008 1d b1 ea01 0000")


@pytest.mark.parametrize("allocation", [0, 1, 7, 8, 9, 4096])
@pytest.mark.parametrize("action", range(4))
def test_allocation_lengths_and_room(keeper: Keeper, action: int, allocation: int) -> None:
    keeper.registered([1, 2], WE)
    whole = keeper.read(action)
    assert keeper.bench.good(in_cdb(action, allocation)) == whole[:allocation]
    result = keeper.bench(in_cdb(action), room=allocation)
    assert (result.data, result.task.wanted_in) == (whole[:allocation], len(whole))


def test_attentions_come_first(keeper: Keeper) -> None:
    keeper.registered([1, 2], WE_RO)
    keeper.good(0, RELEASE, 1, kind=WE_RO)
    assert keeper.bench.bad(in_cdb(READ_KEYS), nexus=keeper.nexuses[1]) == (6, 0x2A, 4)
    keeper.good(1, RESERVE, 2, kind=EA)
    write = cdb.Write10.build(transfer_length=1)
    assert keeper.bench(write, bytes(512)).status == 0x18
    keeper.good(0, PREEMPT, 1, 2, WE)
    assert keeper.bench.bad("000000000000", nexus=keeper.nexuses[1]) == (6, 0x2A, 5)


def test_supported_operation_codes(keeper: Keeper) -> None:
    """Scope and type are looked at where they mean something."""

    def usage(opcode: int, action: int) -> str:
        asked = cdb.ReportSupportedOperationCodes.build(
            reporting_options=2,
            requested_operation_code=opcode,
            requested_service_action=action,
            allocation_length=64,
        )
        found = params.SupportedCommand(keeper.bench.good(asked))
        assert found.support == 3
        return bytes(found.cdb_usage_data).hex(" ")

    for action in range(4):
        assert usage(0x5E, action) == f"5e {action:02x} 00 00 00 00 00 ff ff 00"
    for action in REGISTER, IGNORE, MOVE, CLEAR:
        assert usage(0x5F, action) == f"5f {action:02x} 00 00 00 ff ff ff ff 00"
    for action in RESERVE, RELEASE, PREEMPT, PREEMPT_AND_ABORT:
        assert usage(0x5F, action) == f"5f {action:02x} ff 00 00 ff ff ff ff 00"


# APTPL


def test_aptpl_is_refused_where_nothing_is_kept(keeper: Keeper) -> None:
    for action in REGISTER, IGNORE:
        assert keeper.refused(0, action, 0, 1, aptpl=True) == (BAD_LIST, (False, 20, 0))
    keeper.registered([1], WE)
    moved = move_list(1, 7, keeper.port(1), aptpl=True)
    assert keeper.refused(0, MOVE, data=moved) == (BAD_LIST, (False, 17, 0))


def test_what_is_kept(kept: Keeper, store: Store) -> None:
    kept.good(0, REGISTER, 0, 1)
    kept.good(0, RESERVE, 1, kind=WE)
    assert store.saved == []
    kept.good(1, REGISTER, 0, 2, aptpl=True)
    assert store.saved == [kept.unit.persistent]
    for action, fields in (
        (RELEASE, {"kind": WE}),
        (RESERVE, {"kind": EA}),
        (PREEMPT, {"new": 2}),
        (CLEAR, {}),
    ):
        before = len(store.saved)
        kept.good(0, action, 1, **fields)
        assert store.saved[before:] == [kept.unit.persistent]
    kept.good(0, REGISTER, 0, 3, aptpl=True)
    kept.good(0, REGISTER, 3, 4)
    assert store.saved[-1] is None, "the last one that registered does not want it kept"
    before = len(store.saved)
    kept.good(0, RESERVE, 4, kind=WE)
    assert len(store.saved) == before


def test_what_is_kept_comes_back(kept: Keeper, store: Store) -> None:
    kept.registered([1, 2], EA)
    kept.good(0, REGISTER, 1, 1, aptpl=True)
    with Bench(Disk(Ram(1 << 20), reservations=store)) as bench:
        again = Keeper(bench)
        assert again.keys() == [1, 2]
        assert again.reservation() == (1, EA)
        assert bench.unit.plain(again.nexuses[0])
        assert not bench.unit.plain(again.nexuses[1])


def test_what_cannot_be_kept_does_not_happen(kept: Keeper, store: Store) -> None:
    kept.good(0, REGISTER, 0, 1, aptpl=True)
    store.fails = OSError(28, "No space left on device")
    assert kept.refused(0, RESERVE, 1, kind=WE)[0] == (4, 0x44, 0)
    assert kept.refused(1, REGISTER, 0, 1, aptpl=True)[0] == (4, 0x44, 0)
    store.fails = None
    kept.good(0, RESERVE, 1, kind=WE)


def test_after_a_save_that_failed_the_next_command_saves(kept: Keeper, store: Store) -> None:
    """It may have had its effect all the same: what the store holds is not known before another save."""
    store.fails = OSError(5, "Input/output error")
    assert kept.refused(0, REGISTER, 0, 1, aptpl=True)[0] == (4, 0x44, 0)
    store.saved.append(kept.unit.persistent)  # as if it had been kept
    assert kept.refused(1, REGISTER, 0, 3)[0] == (4, 0x44, 0), "it may come back with the power"
    store.fails = None
    kept.good(1, REGISTER, 0, 3)
    assert store.saved.pop() is None
    kept.good(1, REGISTER, 3, 4)
    assert len(store.saved) == 1, "nothing is kept, and that is known"


def test_after_a_save_that_failed_what_changes_nothing_saves_too(kept: Keeper, store: Store) -> None:
    kept.good(0, REGISTER, 0, 1, aptpl=True)
    kept.good(0, RESERVE, 1, kind=EA)
    store.fails = OSError(5, "Input/output error")
    assert kept.refused(0, REGISTER, 1, 1, aptpl=False)[0] == (4, 0x44, 0)
    store.saved.append(None)  # as if it had been forgotten
    store.fails = None
    kept.good(0, RESERVE, 1, kind=EA)
    assert store.saved[-1] == kept.unit.persistent
    count = len(store.saved)
    kept.good(0, RESERVE, 1, kind=EA)
    assert len(store.saved) == count


def test_what_others_see_while_it_is_being_kept(kept: Keeper, store: Store) -> None:
    """What was before; and RESERVE cannot come in between."""
    bench = kept.bench
    seen: list[object] = []

    def save(state: Persistent | None) -> None:
        seen.append(kept.keys())
        seen.extend(bench(raw, nexus=kept.nexuses[2]).status for raw in ("160000000000", "56" + "00" * 9))

    store.save = save  # type: ignore[method-assign]
    kept.good(0, REGISTER, 0, 1, aptpl=True)
    assert seen == [[], 8, 8]
    assert kept.keys() == [1]


@st.composite
def lists(draw: st.DrawFn) -> bytes:
    """Parameter lists of all actions, right and wrong, and any bytes."""
    key, new = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    ids = st.one_of(st.builds(transport_id, st.integers(0, 3)), st.binary(max_size=30))
    made = draw(
        st.one_of(
            st.just(out_list(key, new, aptpl=draw(st.booleans()), all_tg_pt=draw(st.booleans()))),
            st.builds(lambda several: out_list(key, new, ids=several), st.lists(ids, max_size=3)),
            st.builds(lambda port: move_list(key, new, port), st.integers(0, 3)),
            st.binary(max_size=100),
        )
    )
    raw = bytearray(made)
    for at, byte in draw(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 255)), max_size=2)):
        if at < len(raw):
            raw[at] = byte
    return bytes(raw)


COMMANDS = st.tuples(
    st.integers(0, 2),
    st.integers(0, 31),
    st.integers(0, 15),
    st.sampled_from([0, 0, 0, 1]),
    lists(),
    st.booleans(),
)


@given(asked=st.lists(COMMANDS, max_size=12))
def test_whatever_is_asked_is_answered_and_leaves_a_state_that_can_be(asked: list[Any]) -> None:
    store = Store()
    with Bench(Disk(Ram(1 << 16), reservations=store)) as bench:
        keeper = Keeper(bench)
        for who, action, kind, scope, data, whole in asked:
            keeper.told()
            length = len(data) if whole else 24
            result = keeper.out(who, action, kind=kind, scope=scope, data=data, length=length)
            assert result.status in (0, 2, 0x18)
            assert result.status != 2 or result.code[0] == 5
            state = bench.unit.persistent
            assert all(0 < key < 1 << 64 and len(one.initiator_port) == 16 for one, key in state.keys.items())
            everybodys = state.type in (WE_AR, EA_AR)
            assert (state.holder is None) == (state.type is None or everybodys)
            assert state.holder is None or state.holder in state.keys
            assert state.type is None or (state.type in TYPES and state.keys)
            assert not state.kept or store.saved[-1] == state


def test_many_initiator_ports_are_each_looked_up_once() -> None:
    """A command may name a thousand: all wait while it is decided."""
    compared: list[int] = []

    class Port(bytes):
        __hash__ = bytes.__hash__

        def __eq__(self, other: object) -> bool:
            compared.append(1)
            return bytes.__eq__(self, other)

    ports = [Port(number.to_bytes(16, "big")) for number in range(MOST)]
    state = Persistent().register(Registrant(ports[0], 1), 0, 5, others=ports[1:]).state
    assert len(state.keys) == MOST
    assert len(compared) < 10 * MOST
