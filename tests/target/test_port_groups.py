"""Target port groups (SPC-5, 5.16, 6.36 and 6.46): who is told what, and which commands are carried out in which state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pysrp.backends import Ram
from pysrp.errors import ConfigError
from pysrp.scsi import AsymmetricAccessState as State
from pysrp.scsi import parse_vpd
from pysrp.scsi.inquiry import Inquiry
from pysrp.scsi.params import SupportedCommands, parse_rtpg
from pysrp.target.disk import Disk
from pysrp.target.units.port_groups import PortGroup, PortGroups
from unit_bench import Bench

OPTIMIZED, NON_OPTIMIZED, STANDBY, UNAVAILABLE, OFFLINE, TRANSITIONING = 0, 1, 2, 3, 0xE, 0xF
RTPG, STPG = "a30a00000000000000ff0000", "a40a000000000000000800"
CHANGED = 0x2A06


def rtpg(room: int = 255, form: int = 0) -> bytes:
    return bytes((0xA3, form << 5 | 0x0A, 0, 0, 0, 0, *room.to_bytes(4, "big"), 0, 0))


def stpg(*wanted: tuple[int, int], length: int | None = None) -> tuple[bytes, bytes]:
    data = bytes(4) + b"".join(bytes((state, 0, *group.to_bytes(2, "big"))) for group, state in wanted)
    return bytes(
        (0xA4, 0x0A, 0, 0, 0, 0, *(len(data) if length is None else length).to_bytes(4, "big"), 0, 0)
    ), data


@pytest.fixture
def groups() -> PortGroups:
    return PortGroups([PortGroup(7, (1,), preferred=True), PortGroup(3, (2, 5), State(NON_OPTIMIZED))])


@pytest.fixture
def bench(groups: PortGroups) -> Iterator[Bench]:
    with Ram(1 << 20) as ram, Bench(Disk(ram)) as bench:
        bench.unit.port_groups = groups
        assert bench.bad("000000000000") == (6, 0x3F, 3)
        yield bench


def told(bench: Bench, *nexuses: Any) -> None:
    """Take the attention that each of these has pending."""
    for nexus in nexuses:
        assert bench.bad("000000000000", nexus=nexus) == (6, 0x2A, 6)


def test_without_groups_there_is_nothing_of_them() -> None:
    """TPGS 00b: neither command is supported (SPC-5, 6.6.2)."""
    with Ram(1 << 20) as ram, Bench(Disk(ram)) as bench:
        assert Inquiry(bench.good("120000006000")).tpgs == 0
        for raw in RTPG, "a40a00000000000000000000":
            result = bench(raw)
            assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 1, 4))
        listed = SupportedCommands(bench.good("a30c00000000000040000000", room=16384)).commands
        assert not [
            one for one in listed if one.operation_code in (0xA3, 0xA4) and one.service_action == 0x0A
        ]
        bench.unit.port_groups = None


def test_what_inquiry_and_the_commands_that_there_are_tell(bench: Bench) -> None:
    data = Inquiry(bench.good("120000006000"))
    assert (data.tpgs, data.multip) == (3, True)
    listed = SupportedCommands(bench.good("a30c00000000000040000000", room=16384)).commands
    assert (
        len([one for one in listed if one.operation_code in (0xA3, 0xA4) and one.service_action == 0x0A]) == 2
    )


@pytest.mark.parametrize(("port", "group"), [(1, 7), (2, 3), (5, 3), (6, None)])
def test_the_designators_are_those_of_the_port_that_asks(bench: Bench, port: int, group: int | None) -> None:
    nexus = bench.login(relative_port=port)
    found = parse_vpd(bench.good("12018300ff00", nexus=nexus)).designators
    of_port = {one.designator_type: bytes(one.designator) for one in found if one.association == 1}
    expected = {4: port.to_bytes(4, "big")}
    if group is not None:
        expected[5] = group.to_bytes(4, "big")
    assert of_port == expected


@pytest.mark.parametrize(("asked", "known"), [(1, [1, 2, 5]), (6, [1, 2, 5, 6])])
def test_the_ports_are_those_of_the_groups_and_that_which_asks(
    bench: Bench, asked: int, known: list[int]
) -> None:
    ports = parse_vpd(bench.good("12018800ff00", nexus=bench.login(relative_port=asked))).ports
    assert [one.relative_port_identifier for one in ports] == known
    for one in ports:
        number = one.relative_port_identifier
        group = {1: [7], 2: [3], 5: [3]}.get(number, [])
        found = [int.from_bytes(each.designator, "big") for each in one.target_port_descriptors]
        assert found == [number, *group]


def test_report(bench: Bench) -> None:
    raw = bench.good(rtpg())
    assert raw == bytes.fromhex("0000001c 01cf0003 00000002 00000002 00000005 80cf0007 00000001 00000001")
    extended = parse_rtpg(bench.good(rtpg(form=1)))
    assert [(g.target_port_group, g.asymmetric_access_state) for g in extended.groups] == [(3, 1), (7, 0)]
    assert len(bench.good(rtpg(room=6))) == 6
    result = bench(rtpg(form=2))
    assert (result.code, result.pointer) == ((5, 0x24, 0), (True, 1, 7))


def states(bench: Bench) -> dict[int, tuple[int, int]]:
    return {
        g.target_port_group: (int(g.asymmetric_access_state), g.status_code)
        for g in parse_rtpg(bench.good(rtpg())).groups
    }


def test_set_tells_the_others(bench: Bench, groups: PortGroups) -> None:
    other = bench.login("other", relative_port=2)
    with Ram(1 << 20) as ram, Bench(Disk(ram)) as beside:
        beside.unit.port_groups = groups
        assert beside.bad("000000000000") == (6, 0x3F, 3)
        bench.good(*stpg((3, STANDBY), (7, NON_OPTIMIZED)))
        assert states(bench) == {3: (STANDBY, 1), 7: (NON_OPTIMIZED, 1)}
        told(bench, other)
        told(beside, beside.nexus)
        assert bench.unit.attentions(bench.nexus) == []
        beside.unit.port_groups = None
        assert beside.unit.attentions(beside.nexus) == [0x3F03]
        groups.change(7, state=State(OPTIMIZED))
        told(bench, bench.nexus)
        assert states(bench)[7] == (OPTIMIZED, 2)
        assert beside.unit.attentions(beside.nexus) == [0x3F03]


def test_an_empty_list_sets_nothing(bench: Bench) -> None:
    before = states(bench)
    bench.good(*stpg(length=0))
    bench.good(*stpg())
    assert states(bench) == before


@pytest.mark.parametrize(
    ("wanted", "code", "pointer"),
    [
        ([(3, OFFLINE)], (5, 0x26, 0), (False, 4, 3)),
        ([(3, 4)], (5, 0x26, 0), (False, 4, 3)),
        ([(7, STANDBY), (4, STANDBY)], (5, 0x26, 0), (False, 10, None)),
        ([(7, STANDBY), (7, STANDBY)], (5, 0x26, 0), (False, 10, None)),
    ],
)
def test_a_list_that_cannot_be_is_carried_out_nowhere(
    bench: Bench, wanted: Any, code: Any, pointer: Any
) -> None:
    before = states(bench)
    result = bench(*stpg(*wanted))
    assert (result.code, result.pointer) == (code, pointer)
    assert states(bench) == before


@pytest.mark.parametrize("length", [3, 6, 12])
def test_a_list_of_no_whole_descriptors(bench: Bench, length: int) -> None:
    assert bench.bad(*stpg((3, STANDBY), length=length)) == (5, 0x1A, 0)


# SPC-5, 5.16.2.4.4 to 5.16.2.5: which are carried out; the columns are standby, unavailable, offline, transitioning.
TABLE = """
++++  INQUIRY                     12 00 00 00 24 00
++++  REPORT LUNS                 a0 00 00 00 00 00 00 00 00 40 00 00
++++  REQUEST SENSE               03 00 00 00 12 00
++++  REPORT TARGET PORT GROUPS   a3 0a 00 00 00 00 00 00 00 40 00 00
+++-  SET TARGET PORT GROUPS      a4 0a 00 00 00 00 00 00 00 00 00 00
++++  READ BUFFER, echo           3c 0b 00 00 00 00 00 00 04 00
++++  WRITE BUFFER, echo          3b 0a 00 00 00 00 00 00 00 00
+---  LOG SENSE                   4d 00 40 00 00 00 00 00 40 00
+---  LOG SELECT                  4c 02 00 00 00 00 00 00 00 00
+---  MODE SENSE(6)               1a 00 3f 00 40 00
+---  MODE SENSE(10)              5a 00 3f 00 00 00 00 00 40 00
+---  MODE SELECT(6)              15 10 00 00 00 00
+---  MODE SELECT(10)             55 10 00 00 00 00 00 00 00 00
+---  SEND DIAGNOSTIC             1d 04 00 00 00 00
+---  RECEIVE DIAGNOSTIC RESULTS  1c 01 00 00 10 00
+---  PERSISTENT RESERVE IN       5e 00 00 00 00 00 00 00 40 00
----  TEST UNIT READY             00 00 00 00 00 00
----  READ BUFFER, data           3c 02 00 00 00 00 00 00 04 00
----  READ(10)                    28 00 00 00 00 00 00 00 01 00
----  WRITE(10)                   2a 00 00 00 00 00 00 00 00 00
----  READ CAPACITY(10)           25 00 00 00 00 00 00 00 00 00
----  START STOP UNIT             1b 00 00 00 01 00
----  SYNCHRONIZE CACHE(10)       35 00 00 00 00 00 00 00 00 00
"""
ROWS = [(line[:4], bytes.fromhex(line[34:])) for line in TABLE.strip().splitlines()]
LIMITED = [(STANDBY, 0x0B), (UNAVAILABLE, 0x0C), (OFFLINE, 0x12), (TRANSITIONING, 0x0A)]


@pytest.mark.parametrize("column", range(4))
def test_what_is_carried_out_in_a_state(bench: Bench, groups: PortGroups, column: int) -> None:
    state, ascq = LIMITED[column]
    groups.change(7, state=State(state))
    other = bench.login(relative_port=2)
    told(bench, bench.nexus)
    for marks, raw in ROWS:
        result = bench(raw)
        if marks[column] == "+":
            assert result.status == 0, raw.hex()
        else:
            assert result.code == (2, 4, ascq), raw.hex()
        assert bench(raw, nexus=other).status == 0
    assert not bench.unit.plain(bench.nexus)
    assert bench.unit.plain(other)
    groups.change(7, state=State(OPTIMIZED))
    told(bench, bench.nexus, other)
    bench.good("28000000000000000100")
    assert bench.unit.plain(bench.nexus)


def test_groups_come_and_go(bench: Bench, groups: PortGroups) -> None:
    groups.add(PortGroup(1, (9,), State(UNAVAILABLE)))
    late = bench.login(relative_port=9)
    assert bench.bad("000000000000", nexus=late) == (2, 4, 0x0C)
    groups.remove(1)
    told(bench, bench.nexus, late)
    bench.good("000000000000", nexus=late)
    assert [group.number for group in groups] == [3, 7]
    with pytest.raises(KeyError):
        groups.remove(1)
    with pytest.raises(KeyError):
        groups.change(1, preferred=True)


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        (3, {}),
        (4, {"ports": (1,)}),
        (-1, {}),
        (4, {"ports": (0,)}),
        (4, {"ports": tuple(range(10, 266))}),
        (4, {"state": State.LOGICAL_BLOCK_DEPENDENT}),
    ],
)
def test_groups_that_cannot_be(groups: PortGroups, number: int, fields: Any) -> None:
    before = list(groups)
    with pytest.raises(ConfigError):
        groups.add(PortGroup(number, **fields))
    assert list(groups) == before
