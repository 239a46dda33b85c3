"""The LUN map: addresses, REPORT LUNS, LUNs without a unit, changes under a session."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest

from pysrp.backends import Ram
from pysrp.errors import ConfigError, EncodeError
from pysrp.lun import AddressMethod, Lun, scst_pack
from pysrp.scsi.inquiry import Inquiry
from pysrp.scsi.params import ReportLuns
from pysrp.scsi.sense import parse_sense
from pysrp.target.disk import Disk
from pysrp.target.lunmap import LunMap
from pysrp.vscsi.server import Settings
from target_rig import MIB, Rig

Make = Callable[..., Rig]
REPORT = "a0 00 00 000000 00001000 00 00"


def new(name: str) -> Disk:
    return Disk(Ram(MIB), name=name)


def sense(rig: Rig, lun: int | bytes, cdb: str = "00") -> tuple[int, int, int] | None:
    """Key, code and qualifier that a command ends with; None if it ends GOOD."""
    tag = rig.client.cmd(lun, cdb)
    rig.run()
    answer = rig.client.answer(tag)
    if not answer.status:
        return None
    data = parse_sense(answer.sense)
    return int(data.sense_key), data.asc, data.ascq


def report(rig: Rig, lun: int | bytes = 256, cdb: str = REPORT, room: int = 4096) -> list[str]:
    client = rig.client
    client.poke(bytes(room))
    tag = client.cmd(lun, cdb, data_in=(client.data(), room))
    rig.run()
    assert client.answer(tag).status == 0
    return [bytes(each).hex() for each in ReportLuns(client.peek(room)).luns]


# The map by itself


def test_what_is_added_together_is_seen_together() -> None:
    luns, disks = LunMap(), [new(str(i)) for i in range(4)]
    before = luns.exports
    with luns.together():
        luns.add(0, disks[0])
        luns.add(1, disks[1])
        assert luns.exports is before
        assert (len(luns), 1 in luns, luns[1].unit) == (2, True, disks[1])
        with pytest.raises(ConfigError, match="in use"):
            luns.add(1, disks[2])
        with pytest.raises(ConfigError, match="not in 0"):
            luns.add(16384, disks[2])
        # Whatever else changes the map is done at once.
        luns.replace(1, disks[2])
        assert [each.unit for each in luns.exports.values()] == [disks[0], disks[2]]
        luns.add(3, disks[3])
        luns.remove(0)
        assert sorted(luns.exports) == [1, 3]
        luns.add(5, disks[0])
        assert sorted(luns.exports) == [1, 3]
    assert sorted(luns.exports) == [1, 3, 5]
    assert [luns.places(disk) for disk in disks] == [[5], [], [1], [3]]


def test_the_luns_of_a_unit() -> None:
    luns, one, two = LunMap(), new("one"), new("two")
    for lun in 7, 3, 16383:
        luns.add(lun, one)
    luns.add(5, two)
    assert (luns.places(one), luns.places(two)) == ([3, 7, 16383], [5])
    luns.replace(3, two)
    assert (luns.places(one), luns.places(two)) == ([7, 16383], [3, 5])
    luns.withdraw(one)
    luns.withdraw(one)
    assert (luns.places(one), [each.lun for each in luns]) == ([], [3, 5])
    luns.clear()
    assert (luns.places(two), len(luns)) == ([], 0)


def test_add_replace_remove() -> None:
    luns = LunMap()
    one, two = new("one"), new("two")
    luns.add(256, one)
    luns.add(0, two, read_only=True)
    assert [(each.lun, each.unit, each.read_only) for each in luns] == [(0, two, True), (256, one, False)]
    assert len(luns) == 2
    assert 256 in luns
    assert 257 not in luns
    with pytest.raises(ConfigError, match="in use"):
        luns.add(256, two)
    assert luns[256].unit is one
    luns.replace(256, two)
    assert luns[256].unit is two
    luns.replace(512, one)
    assert luns[512].unit is one
    luns.remove(512)
    with pytest.raises(ConfigError, match="not in use"):
        luns.remove(512)
    luns.clear()
    assert not len(luns)


@pytest.mark.parametrize("lun", [-1, 16384])
def test_numbers_have_14_bits(lun: int) -> None:
    luns = LunMap()
    with pytest.raises(ConfigError):
        luns.add(lun, new("one"))
    luns.add(16383, new("one"))
    assert len(luns) == 1


def test_addressing_method() -> None:
    luns = LunMap()
    assert luns.method is AddressMethod.LUN
    luns.method = "flat"
    assert luns.method is AddressMethod.FLAT
    luns.method = 0
    assert luns.method is AddressMethod.PERIPHERAL
    with pytest.raises(EncodeError):
        luns.method = "none"
    with pytest.raises(EncodeError):
        luns.method = AddressMethod.EXTENDED


# Addresses


@pytest.mark.parametrize("lun", ["8100", "4100", "0100"])
def test_all_three_methods_reach_a_unit(rig: Rig, lun: str) -> None:
    assert sense(rig, bytes.fromhex(lun) + bytes(6)) is None


@pytest.mark.parametrize(
    "lun",
    [
        "8101000000000000",
        "0000000000000000",
        "8000000000000000",
        "c101000000000000",  # the REPORT LUNS well known LUN
        "d200010000000000",  # extended flat
        "8100000100000000",  # a second level
        "8100000000000001",
        "ffffffffffffffff",
    ],
)
def test_lun_without_a_unit(rig: Rig, lun: str) -> None:
    assert sense(rig, bytes.fromhex(lun)) == (5, 0x25, 0)
    client = rig.client
    tag = client.cmd(bytes.fromhex(lun), "12 e0 00 00 ff 00", data_in=(client.data(), 255))
    rig.run()
    answer = client.answer(tag)
    assert answer.status == 0
    assert answer.data_in_res_cnt == 255 - 36
    data = Inquiry(client.peek(36))
    assert (data.peripheral_qualifier, data.peripheral_device_type) == (3, 0x1F)
    assert sense(rig, bytes.fromhex(lun), "12 01 80 00 ff 00") == (5, 0x24, 0)
    tag = client.cmd(bytes.fromhex(lun), "03 00 00 00 fc 00", data_in=(client.data(), 252))
    rig.run()
    assert client.answer(tag).status == 0
    assert client.peek(14)[2:14:10] == bytes((5, 0x25))
    tag = client.cmd(bytes.fromhex(lun), "03 01 00 00 fc 00", data_in=(client.data(), 252))
    rig.run()
    assert client.peek(4) == bytes((0x72, 5, 0x25, 0))


def test_read_only_export(make: Make, disk: Disk) -> None:
    rig = make(LunMap([(256, disk)]))
    rig.luns.add(512, disk, read_only=True)
    client = rig.login()
    allowed, refused = client.write(256, 0, bytes(512)), client.write(512, 0, bytes(512))
    rig.run()
    assert client.answer(allowed).status == 0
    assert client.answer(refused).sense[2] == 7


# REPORT LUNS


@pytest.mark.parametrize(("method", "first"), [("LUN", "81"), ("FLAT", "41"), ("PERIPHERAL", "01")])
def test_report_luns(make: Make, method: str, first: str) -> None:
    luns = LunMap(method=method)
    for number in (256, 0, 4096):
        luns.add(number, new(f"d{number}"))
    rig = make(luns)
    rig.login()
    expected = ["00" * 8, first + "00" * 7, f"{int(first, 16) + 15:02x}" + "00" * 7]
    # At any LUN, as SCST: also where there is none.
    for lun in 256, 0, 77:
        assert report(rig, lun) == expected
    assert report(rig, 0, REPORT.replace("a0 00 00", "a0 00 02")) == expected
    assert report(rig, 0, REPORT.replace("a0 00 00", "a0 00 01")) == []
    assert sense(rig, 0, "a0 00 03 000000 00001000 00 00") == (5, 0x24, 0)
    assert sense(rig, 0, "a0 00 00 000000 0000000f 00 00") == (5, 0x24, 0)


def test_report_luns_cut(make: Make) -> None:
    luns = LunMap([(256 * (i + 1), new(f"d{i}")) for i in range(4)])
    rig = make(luns)
    client = rig.login()
    tag = client.cmd(0, "a0 00 00 000000 00000014 00 00", data_in=(client.data(), 64))
    rig.run()
    answer = client.answer(tag)
    assert answer.data_in_res_cnt == 44
    assert client.peek(20)[:4] == bytes((0, 0, 0, 32))  # the length of the whole list


def test_report_luns_for_slof(make: Make) -> None:
    """It asks LUN 0 of every target, and takes the answers for that target's, in the peripheral method."""
    luns = LunMap()
    for target, bus, lun in ((1, 0, 0), (1, 0, 3), (2, 1, 0), (0, 0, 0)):
        luns.add(target << 8 | bus << 5 | lun, new(f"t{target}{bus}{lun}"))
    rig = make(luns, Settings(require_login=False))
    rig.connect()
    found = {
        (target, bus): report(rig, bytes(Lun.logical_unit(target, bus, 0)), room=512)
        for target in range(4)
        for bus in range(2)
    }
    assert {where: luns for where, luns in found.items() if luns} == {
        (0, 0): ["00" * 8],
        (1, 0): ["00" * 8, "0003" + "00" * 6],
        (2, 1): ["00" * 8],
    }
    assert report(rig, bytes.fromhex("c101000000000000")) == []


def test_report_per_target_is_a_setting(make: Make) -> None:
    rig = make(LunMap([(256, new("one")), (512, new("two"))]), Settings(report_per_target=True))
    rig.login()
    assert report(rig, 256) == ["00" * 8]
    assert report(rig, 768) == []


# Changes under a session


def test_added(rig: Rig, disk: Disk) -> None:
    rig.luns.add(512, new("two"))
    assert sense(rig, 256) == (6, 0x3F, 0x0E)
    assert sense(rig, 512) == (6, 0x3F, 0x0E)
    assert sense(rig, 256) is None
    assert sense(rig, 512) is None


def test_removed(rig: Rig) -> None:
    two = new("two")
    rig.luns.add(512, two)
    nexus = rig.target.session.nexus  # type: ignore[union-attr]
    assert two.nexuses() == [nexus]
    report(rig)
    rig.luns.remove(512)
    assert two.nexuses() == []
    assert sense(rig, 512) == (5, 0x25, 0)
    assert sense(rig, 256) == (6, 0x3F, 0x0E)
    assert sense(rig, 256) is None


def test_a_session_lets_go_of_what_is_removed(rig: Rig) -> None:
    """With its next command."""
    gone = weakref.ref(two := new("two"))
    rig.luns.add(512, two)
    sense(rig, 512)
    rig.luns.remove(512)
    sense(rig, 256)
    del two
    gc.collect()
    assert gone() is None
    session = rig.target.session
    assert session is not None
    assert list(session.sets) == [rig.luns[256].unit]


def test_report_luns_takes_the_attention_back(rig: Rig) -> None:
    rig.luns.add(512, new("two"))
    assert report(rig) == [bytes(scst_pack(lun, "LUN")).hex() for lun in (256, 512)]
    assert sense(rig, 256) is None
    assert sense(rig, 512) is None


def test_a_report_that_does_not_arrive_takes_nothing_back(rig: Rig) -> None:
    rig.luns.add(512, new("two"))
    for where in {"data_in": (1 << 40, 256)}, {}:
        rig.client.cmd(256, REPORT, **where)
        rig.run()
    assert sense(rig, 256) == (6, 0x3F, 0x0E)
    assert sense(rig, 512) == (6, 0x3F, 0x0E)


def test_replaced(rig: Rig, disk: Disk) -> None:
    other = new("other")
    rig.luns.replace(256, other)
    assert disk.nexuses() == []
    assert sense(rig, 256) == (6, 0x3F, 0x03)
    assert sense(rig, 256) is None
    rig.luns.replace(256, disk, attention=False)
    assert sense(rig, 256) is None
    rig.luns.replace(512, other)  # not there before: as add
    assert sense(rig, 256) == (6, 0x3F, 0x0E)


def test_cleared(rig: Rig) -> None:
    rig.luns.add(512, new("two"))
    rig.luns.clear()
    for lun in (256, 512):
        assert sense(rig, lun) == (5, 0x25, 0)


def test_one_unit_at_two_luns(rig: Rig, disk: Disk) -> None:
    rig.luns.add(512, disk)
    nexus = rig.target.session.nexus  # type: ignore[union-attr]
    rig.luns.remove(256)
    assert disk.nexuses() == [nexus]
    assert sense(rig, 512) == (6, 0x3F, 0x0E)
    rig.luns.remove(512)
    assert disk.nexuses() == []


def test_every_session_of_a_map_is_told(make: Make, disk: Disk) -> None:
    luns = LunMap([(256, disk)])
    rigs = [make(luns) for _ in range(3)]
    for rig in rigs:
        rig.login()
    luns.add(512, new("two"))
    for rig in rigs:
        assert sense(rig, 256) == (6, 0x3F, 0x0E)
        assert sense(rig, 256) is None


def test_sessions_of_another_map_are_not(make: Make, disk: Disk) -> None:
    one, other = make(LunMap([(256, disk)])), make(LunMap([(256, disk)]))
    one.login()
    other.login()
    one.luns.add(512, new("two"))
    assert sense(other, 256) is None
    assert sense(one, 256) == (6, 0x3F, 0x0E)


def test_a_nexus_is_told_once_of_what_is_added_together(make: Make) -> None:
    luns = LunMap([(256, new("one"))])
    rig = make(luns)
    rig.login()
    assert sense(rig, 256) in (None, (6, 0x29, 0))
    assert sense(rig, 256) is None
    (nexus,) = luns.nexuses()
    others = [new(str(i)) for i in range(3)]
    with luns.together():
        for i, other in enumerate(others):
            luns.add(i, other)
        assert sense(rig, 256) is None
        assert all(nexus in other.nexuses() for other in others)
    assert sense(rig, 256) == (6, 0x3F, 0x0E)
    assert sense(rig, 256) is None
    luns.withdraw(others[0])
    assert nexus not in others[0].nexuses()
    assert sense(rig, 256) == (6, 0x3F, 0x0E)


def test_a_unit_that_is_gone_is_let_go_though_its_serial_changed() -> None:
    luns = LunMap()
    disk = new("one")
    luns.add(256, disk)
    disk.identity = replace(disk.identity, serial="other")
    luns.remove(256)
    gone = weakref.ref(disk)
    del disk
    gc.collect()
    assert gone() is None
