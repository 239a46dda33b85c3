"""What every logical unit does: attentions, reservations, mode pages, INQUIRY, the command table."""

import dataclasses
import importlib
import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysrp.backends import Ram
from pysrp.errors import Busy, ConfigError
from pysrp.fields import U8, U16, U32
from pysrp.scsi import cdb, inquiry, params
from pysrp.scsi.codes import Association, DesignatorType, PeripheralDeviceType
from pysrp.scsi.mode import parse_mode6, parse_mode10
from pysrp.scsi.sense import DescriptorSense, parse_sense
from pysrp.target.disk import Disk
from pysrp.target.effects import GOOD, End, Reply
from pysrp.target.lunmap import LunMap
from pysrp.target.unit import LogicalUnit
from pysrp.target.units.commands import command
from pysrp.target.units.identity import UnitIdentity, device_number
from unit_bench import Bench

TUR = "000000000000"
INQUIRY = "120000006000"
SENSE = "03000000fc00"
RESERVE, RELEASE = "160000000000", "170000000000"
BAD_FIELD = 5, 0x24, 0
BAD_LIST = 5, 0x26, 0


@pytest.fixture
def bench():
    with Bench(Disk(Ram(1 << 20), "disk1")) as bench:
        yield bench


def conflict(bench, cdb_, nexus):
    return bench(cdb_, nexus=nexus).status == 0x18


# Unit attentions


def test_an_attention_is_reported_once_and_to_everyone(bench):
    other = bench.login()
    bench.unit.attention(0x2A, 0x09)
    for nexus in bench.nexus, other:
        assert bench.bad(TUR, nexus=nexus) == (6, 0x2A, 9)
        assert bench(TUR, nexus=nexus).status == 0
    bench.unit.attention(0x3F, 0x03, other)
    assert bench(TUR).status == 0
    assert bench.bad(TUR, nexus=other) == (6, 0x3F, 3)


def test_some_commands_leave_it_pending(bench):
    bench.unit.attention(0x29, 0)
    bench.good(INQUIRY)
    bench.good(cdb.ReportLuns.build(allocation_length=64))
    assert bench.unit.attentions(bench.nexus) == [0x2900]
    assert bench.bad("ff" + "00" * 15) == (6, 0x29, 0), "before the opcode is looked at"
    assert bench.bad("ff" + "00" * 15) == (5, 0x20, 0)


def test_request_sense_takes_it_as_data(bench):
    bench.unit.attention(0x29, 0)
    bench.unit.attention(0x2A, 1)
    first, second, third = (parse_sense(bench.good(SENSE)) for _ in range(3))
    assert (first.sense_key, first.asc, first.ascq) == (6, 0x29, 0)
    assert (second.sense_key, second.asc, second.ascq) == (6, 0x2A, 1)
    assert (third.sense_key, third.asc) == (0, 0)
    assert bench(TUR).status == 0


def test_resets_come_first_and_nothing_comes_twice(bench):
    unit, nexus = bench.unit, bench.nexus
    for code in 0x2A01, 0x3F0E, 0x2900, 0x2A01, 0x2907, 0x2900:
        unit.attention(code >> 8, code & 0xFF)
    assert unit.attentions(nexus) == [0x2900, 0x2907, 0x2A01, 0x3F0E]
    unit.forget(nexus, 0x3F, 0x0E)
    unit.forget(nexus, 0x28, 0)
    assert unit.attentions(nexus) == [0x2900, 0x2907, 0x2A01]


def test_who_is_detached_is_forgotten(bench):
    unit, other = bench.unit, bench.login()
    unit.attention(0x29, 0)
    unit.detach(other)
    unit.detach(other)
    unit.attach(bench.nexus)
    assert unit.nexuses() == [bench.nexus]
    unit.attention(0x2A, 1, other)
    assert unit.attentions(other) == []
    assert unit.attentions(bench.nexus) == [0x2900]


def test_plain(bench):
    unit, other = bench.unit, bench.login()
    assert unit.plain(bench.nexus)
    unit.attention(0x29, 0, other)
    assert unit.plain(bench.nexus)
    assert not unit.plain(other)
    bench.bad(TUR, nexus=other)
    bench.good(RESERVE)
    assert unit.plain(bench.nexus)
    assert not unit.plain(other)
    bench.good(RELEASE)
    bench.good("1b0000000000")
    assert not unit.plain(bench.nexus)


def test_reset(bench):
    unit, other = bench.unit, bench.login()
    bench.good(RESERVE)
    bench.good("15100000180000", bytes.fromhex("00000000") + mode_page(bench, 8, wce=False))
    bench.good("1b0000000000")
    unit.reset()
    assert unit.reserved_by is None
    assert unit.write_cache
    assert bench.bad(TUR, nexus=other) == (6, 0x29, 0)
    assert bench.bad(TUR) == (6, 0x29, 0)
    assert bench(TUR, nexus=other).code == (6, 0x2A, 1)
    assert bench(TUR).status == bench(TUR, nexus=other).status == 0


def test_many_threads_raise_and_take_attentions(bench):
    unit = bench.unit
    start = threading.Barrier(4)

    def raise_them(first):
        start.wait()
        for i in range(200):
            unit.attention(0x3F, first + i % 50, bench.nexus)

    threads = [threading.Thread(target=raise_them, args=(50 * n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    start.wait()
    seen = set()
    while any(t.is_alive() for t in threads) or unit.attentions(bench.nexus):
        result = bench(TUR)
        if result.status:
            seen.add(result.code)
    for thread in threads:
        thread.join()
    assert seen == {(6, 0x3F, n) for n in range(150)}


# Reservations


def test_reservation(bench):
    other = bench.login()
    bench.good(RESERVE)
    bench.good(RESERVE)
    assert bench.unit.reserved_by is bench.nexus
    read = cdb.Read10.build(transfer_length=1)
    for refused in TUR, RESERVE, read, "25", "1a003f00ff00", "1e0000000100", "ff", "560000000000":
        assert conflict(bench, refused, other), refused
    for allowed in INQUIRY, SENSE, RELEASE, "570000000000", "a0" + "00" * 9, "1e0000000000":
        assert bench(allowed, nexus=other).status == 0, allowed
    bench.good(read)
    assert conflict(bench, read, other), "RELEASE of who does not hold it does nothing"
    bench.good(RELEASE)
    bench.good(read, nexus=other)
    bench.good("560000000000", nexus=other)
    assert conflict(bench, RESERVE, bench.nexus)
    bench.unit.detach(other)
    bench.good(RESERVE)


def test_who_has_left_reserves_nothing(bench):
    """Its unit was taken away from it while its command was on the way."""
    other = bench.login()
    bench.unit.detach(other)
    bench.good(RESERVE, nexus=other)
    assert bench.unit.reserved_by is None
    bench.good("280000000000000000")


@pytest.mark.parametrize(
    ("refused", "bit"),
    [("1610", 4), ("1601", 0), ("1710", 4), ("5610", 4), ("5602", 1), ("5601", 0), ("5702", 1)],
)
def test_third_parties_and_extents(bench, refused, bit):
    result = bench(refused)
    assert result.code == BAD_FIELD
    assert result.pointer == (True, 1, bit)


def test_precedence(bench):
    """SAM-5, 5.3.3: a reset's attention, then RESERVATION CONFLICT, then other attentions."""
    other = bench.login()
    bench.good(RESERVE)
    bench.unit.attention(0x2A, 1, other)
    bench.unit.attention(0x29, 0, other)
    assert bench.bad(TUR, nexus=other) == (6, 0x29, 0)
    assert conflict(bench, TUR, other)
    bench.good(RELEASE)
    assert bench.bad(TUR, nexus=other) == (6, 0x2A, 1)


# INQUIRY


def test_inquiry(bench):
    data = inquiry.Inquiry(bench.good(INQUIRY))
    assert (data.vendor, data.product, data.revision) == ("IBM", "VDASD blkdev", "0001")
    assert bytes(data.vendor_specific).rstrip() == bench.unit.identity.serial.encode()
    assert (data.version, data.response_data_format, data.cmdque) == (6, 2, True)
    assert data.peripheral_device_type == 0
    assert len(data) == data.additional_length + 5
    assert data.problems() == []


@pytest.mark.parametrize("allocation", [0, 1, 4, 5, 36, 255, 4096])
def test_inquiry_is_cut_to_the_allocation_length(bench, allocation):
    whole = bench.good(INQUIRY)
    for evpd, page in (0, 0), (1, 0x83), (1, 0xB0):
        whole = bench.good(cdb.Inquiry.build(evpd=evpd, page_code=page, allocation_length=0xFFFF))
        command_ = cdb.Inquiry.build(evpd=evpd, page_code=page, allocation_length=allocation)
        assert bench.good(command_) == whole[:allocation]


def test_inquiry_into_less_room_than_announced(bench):
    result = bench(INQUIRY, room=10)
    assert (result.status, len(result.data), result.task.wanted_in) == (0, 10, 74)


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        ("120005", (True, 2, None)),
        ("1202", (True, 1, 1)),
        ("1201cc", (True, 2, None)),
        ("1201b2", (True, 2, None)),
        ("120000000004", (True, 5, 2)),
        ("120000000001", (True, 5, 1)),
    ],
)
def test_bad_inquiry(bench, bad, pointer):
    result = bench(bad.ljust(12, "0"))
    assert result.code == BAD_FIELD
    assert result.pointer == pointer


def test_linux_fills_in_the_lun(bench):
    """Captured: CDB 12 e0 00 00 24 00 for a target whose SCSI level is not known yet."""
    assert len(bench.good("12e000002400")) == 36
    bench.good("08e000000100")
    bench.good("00e000000000")
    bench.good("35e00000000000000000")
    bench.good("25e00000000000000000")


def test_vpd(bench):
    def page(code):
        return inquiry.parse_vpd(bench.good(cdb.Inquiry.build(evpd=1, page_code=code, allocation_length=512)))

    listed = page(0).pages
    assert listed == [0, 0x80, 0x83, 0x86, 0x87, 0x88, 0x8A, 0x8F, 0xB0, 0xB1]
    for code in listed:
        found = page(code)
        assert found.page_code == code
        assert len(found) == 4 + found.page_length
        assert found.problems() == []
    assert page(0x80).serial == f"{device_number('disk1'):x}"
    assert bytes(page(0x87)) == bytes.fromhex("00870004 3fff0000"), "all nexuses have all pages together"
    assert bytes(page(0x88)) == bytes.fromhex("00880014 0000 0001 0000 0000 0000 0008 01140004 0000 0001")
    kinds = [d.designator_type for d in page(0x83).designators]
    assert kinds == [
        DesignatorType.T10_VENDOR_ID,
        DesignatorType.RELATIVE_TARGET_PORT,
        DesignatorType.EUI_64,
    ]


# Identity


def crc32c_by_division(data: bytes) -> int:
    """The remainder of the message as a polynomial, bits of each byte from the lowest up."""
    bits = [byte >> i & 1 for byte in data for i in range(8)] + [0] * 32
    poly = [int(b) for b in f"{0x11EDC6F41:033b}"]
    for i in range(len(bits) - 32):
        if bits[i]:
            for j, p in enumerate(poly):
                bits[i + j] ^= p
    return sum(bit << i for i, bit in enumerate(bits[-32:]))


@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=20), st.integers(0, 0xFFFF))
def test_scst_numbers(name, setup_id):
    number = device_number(name, setup_id)
    assert number >> 32 == setup_id
    assert number & 0xFFFFFFFF == crc32c_by_division(name.encode() + b"\0")


def test_scst_ids():
    who = UnitIdentity.named("a_disk_with_a_long_name", setup_id=1)
    assert who.serial == f"{device_number('a_disk_with_a_long_name', 1):x}"
    assert who.t10_dev_id == f"{who.serial}-a_disk_with_a_long_name"[:25]
    assert who.vendor_specific_id == who.t10_dev_id
    assert UnitIdentity.named("d", vendor="ACME").vendor == "ACME"


@pytest.mark.parametrize("setup_id", [1, 0x51, 0x12345678, 0xFFFFFFFF])
def test_no_two_names_of_a_setup_have_one_eui64(setup_id):
    """SCST cuts the number to 8 digits, of which an id of the setup leaves little or nothing of the name."""

    def eui64(name):
        found = UnitIdentity.named(name, setup_id=setup_id).designators()
        return next(bytes(d.designator) for d in found if d.designator_type == DesignatorType.EUI_64)

    assert eui64("d") == device_number("d", setup_id).to_bytes(8, "big")
    assert len({eui64(f"d{i}") for i in range(1000)}) == 1000


def ids(unit):
    """What multipath tells disks apart by: the serial number, and the designators of the unit."""
    found = unit.identity.designators()
    return [
        unit.identity.serial,
        *(bytes(d) for d in found if d.association == Association.LOGICAL_UNIT),
    ]


def apart(*units):
    return not any(set(ids(a)) & set(ids(b)) for a, b in itertools.combinations(units, 2))


def test_names_differ_unless_somebody_says_otherwise():
    """Without identity and name by LUN, and of one name by the server; the same whenever that starts again."""

    def serve(server):
        units = {256: Disk(Ram(512)), 512: Disk(Ram(512)), 768: Disk(Ram(512), "payroll")}
        units[1024] = Disk(Ram(512), "given", identity=UnitIdentity.named("given"))
        LunMap(units.items()).served(server)
        return list(units.values())

    here, there, later = serve("here"), serve("there"), serve("here")
    assert apart(*here)
    assert apart(*here[:3], *there[:3])
    assert [ids(unit) for unit in later] == [ids(unit) for unit in here]
    assert here[3].identity == there[3].identity, "whoever gives an identity has it"
    assert here[2].identity.t10_dev_id.endswith("-payroll")


def test_a_unit_stays_who_it_is():
    """Also where it is exported a second time, by another server, or after it was given an identity."""
    unit, given = Disk(Ram(512)), Disk(Ram(512))
    one, other = LunMap([(7, unit)]), LunMap([(8, unit), (9, given)])
    given.identity = UnitIdentity.named("given")
    one.served("one")
    before = ids(unit)
    other.served("other")
    one.served("again")
    assert ids(unit) == before
    assert given.identity == UnitIdentity.named("given")


def test_one_serial_number_twice_in_a_map_is_told(caplog):
    luns = LunMap([(0, Disk(Ram(512), "twin"))])
    unit = luns[0].unit
    luns.add(1, unit, read_only=True)
    luns.add(2, Disk(Ram(512), "other"))
    assert not caplog.records, "one unit may be at two LUNs"
    luns.add(3, Disk(Ram(512), "twin"))
    assert "LUN 3: <Disk twin> has the serial number of <Disk twin>" in caplog.text
    caplog.clear()
    luns.remove(3)
    luns.replace(2, Disk(Ram(512), "third"))
    luns.add(4, Disk(Ram(512), "other"))
    luns.clear()
    luns.add(0, Disk(Ram(512), "twin"))
    assert not caplog.records


def test_identity_everywhere(bench):
    serial = "IBM-VSCSI-9117-MMA-0612345-P40-30000028-0-1-0\n"
    naa, eui = bytes.fromhex("5000c500a1b2c3d4"), bytes(range(16))
    bench.unit.identity = dataclasses.replace(
        bench.unit.identity, serial=serial, naa=naa, eui64=eui, scsi_name="iqn.2026-11.example:x"
    )
    data = bench.good("120000010000")
    assert data[96:] == serial.encode()
    assert data[4] == len(data) - 5
    assert data[36:56] == bytes(20)
    assert bench.good("12018000ff00")[4:] == serial.encode()
    found = inquiry.parse_vpd(bench.good("12018300ff00")).designators
    assert [d.designator_type for d in found] == [8, 1, 4, 2, 3]
    assert bytes(found[3].designator) == eui
    assert bytes(found[4].designator) == naa
    assert found[0].name == "iqn.2026-11.example:x"
    bench.unit.identity = dataclasses.replace(bench.unit.identity, vendor_specific=b"twenty bytes exactly")
    assert bench.good(INQUIRY)[36:56] == b"twenty bytes exactly"


@pytest.mark.parametrize(
    "wrong",
    [
        {"vendor": "NINECHARS"},
        {"product": "seventeen letters"},
        {"revision": "00001"},
        {"vendor": "Ü"},
        {"naa": b"\x50" * 7},
        {"naa": b"\x60" * 8},
        {"naa": b"\x10" * 8},
        {"eui64": b"x"},
        {"vendor_specific": bytes(161)},
        {"t10_dev_id": "x" * 26},
        {"scsi_name": "x" * 300},
    ],
)
def test_identity_that_does_not_fit(wrong):
    with pytest.raises(ConfigError):
        UnitIdentity(**wrong)


# REQUEST SENSE


def test_request_sense_in_both_formats(bench):
    bench.unit.attention(0x29, 0)
    found = parse_sense(bench.good("03010000fc00"))
    assert isinstance(found, DescriptorSense)
    assert (found.sense_key, found.asc) == (6, 0x29)
    assert len(bench.good("030000000400")) == 4
    assert bench.good("030000000000") == b""
    assert len(bench.good(SENSE)) == 18


@pytest.mark.parametrize("room", [0, 18])
def test_an_attention_that_did_not_arrive_is_still_there(bench, room):
    """SPC-4, 6.39: it is cleared when it has been reported."""
    bench.unit.attention(0x2A, 9)
    assert bench.good("030000000000") == b"", "none of it was asked for"
    if room:
        with bench.unreachable():
            assert bench.bad(SENSE) == (0xB, 0x4B, 0)
    else:
        assert bench.good(SENSE, room=0) == b""
    assert bench.unit.attentions(bench.nexus) == [0x2A09]
    assert parse_sense(bench.good(SENSE)).asc == 0x2A
    assert bench.unit.attentions(bench.nexus) == []


# Mode pages


def mode_page(bench, code, **changes):
    """The current page as MODE SELECT wants it, changed."""
    (page,) = parse_mode6(
        bench.good(cdb.ModeSense6.build(page_code=code, dbd=1, allocation_length=255))
    ).pages
    page = page.copy()
    for name, value in changes.items():
        setattr(page, name, value)
    return bytes(page)


def select6(bench, data, **options):
    return bench(cdb.ModeSelect6.build(pf=1, parameter_list_length=len(data)), data, **options)


def test_mode_sense_headers(bench):
    six = parse_mode6(bench.good("1a003f00ff00"))
    assert six.mode_data_length == len(six) - 1
    assert (six.medium_type, six.device_specific_parameter, six.block_descriptor_length) == (0, 0x10, 8)
    (block,) = six.block_descriptors
    assert (block.number_of_logical_blocks, block.logical_block_length) == (2048, 512)
    assert [p.page_code for p in six.pages] == [1, 8, 0xA, 0x1A, 0x1C]
    ten = parse_mode10(bench.good("5a003f0000000001ff00"))
    assert ten.mode_data_length == len(ten) - 2
    assert ten.block_descriptor_length == 8
    assert bytes(memoryview(ten)[16:]) == bytes(memoryview(six)[12:])
    assert [p.problems() for p in six.pages] == [[]] * 5


def test_mode_sense_what_linux_asks(bench):
    """Captured from sd: 4 bytes of all pages for WP, 4 of the caching page, then what its length says."""
    assert bench.good("1a003f000400")[2:] == b"\x10\x08"
    short = bench.good("1a0008000400")
    whole = bench.good(f"1a000800{short[0] + 1:02x}00")
    assert len(whole) == 4 + 8 + 20
    assert whole[12:14] == b"\x08\x12"
    assert whole[14] & 4, "WCE"


def test_mode_sense_options(bench):
    assert parse_mode6(bench.good("1a083f00ff00")).block_descriptor_length == 0
    assert bench.good("1a003fffff00") == bench.good("1a003f00ff00")
    assert bench.good("1a0008ffff00") == bench.good("1a000800ff00")
    default = parse_mode6(bench.good("1a008a00ff00")).pages[0]
    assert default == parse_mode6(bench.good("1a000a00ff00")).pages[0]
    assert (default.tst, default.tas, default.d_sense, default.ps) == (1, True, False, False)
    changeable = parse_mode6(bench.good("1a007f00ff00")).pages
    ones = {p.page_code: int.from_bytes(bytes(p)[2:], "big") for p in changeable}
    assert {code: n.bit_count() for code, n in ones.items()} == {1: 0, 8: 2, 0xA: 10, 0x1A: 0, 0x1C: 0}


@pytest.mark.parametrize(
    ("bad", "code", "pointer"),
    [
        ("1a001f", BAD_FIELD, (True, 2, 5)),
        ("1a0000", BAD_FIELD, (True, 2, 5)),
        ("1a000801", BAD_FIELD, (True, 3, None)),
        ("1a003f01", BAD_FIELD, (True, 3, None)),
        ("1a00c8", (5, 0x39, 0), (True, 2, 7)),
        ("5a001f", BAD_FIELD, (True, 2, 5)),
        ("5a00ff", (5, 0x39, 0), (True, 2, 7)),
    ],
)
def test_bad_mode_sense(bench, bad, code, pointer):
    result = bench(bad.ljust(8, "0") + "ff00" + "00" * 4)
    assert result.code == code
    assert result.pointer == pointer


def test_descriptor_sense(bench):
    assert select6(bench, bytes(4) + mode_page(bench, 0xA, d_sense=1)).status == 0
    result = bench("1201cc")
    assert isinstance(parse_sense(result.sense), DescriptorSense)
    assert result.code == BAD_FIELD
    assert result.pointer == (True, 2, None)
    with bench.unreachable():
        result = bench("280000000000000001 00")
    assert (result.code, result.sense[0]) == ((0xB, 0x4B, 0), 0x72), "what the task says for the unit, too"
    bench.nexus.max_transfer = 512
    result = bench("280000000000000002 00")
    assert (result.code, result.sense[0]) == (BAD_FIELD, 0x72)
    assert select6(bench, bytes(4) + mode_page(bench, 0xA, d_sense=0)).status == 0
    assert bench("1201cc").sense[0] == 0x70
    assert bench("280000000000000002 00").sense[0] == 0x70


def test_mode_select_tells_the_others(bench):
    other = bench.login()
    caching = mode_page(bench, 8, wce=0)
    data = bytes(8) + caching
    assert bench(cdb.ModeSelect10.build(pf=1, parameter_list_length=len(data)), data).status == 0
    assert not bench.unit.write_cache
    assert bench(TUR).status == 0
    assert bench.bad(TUR, nexus=other) == (6, 0x2A, 1)
    assert select6(bench, bytes(4) + caching).status == 0
    assert bench(TUR, nexus=other).status == 0, "nothing changed"


def test_mode_select_with_block_descriptor(bench):
    for blocks in 0, 2048, 0xFFFFFFFF:
        block = blocks.to_bytes(4, "big") + (512).to_bytes(4, "big")
        assert select6(bench, b"\0\0\0\x08" + block + mode_page(bench, 8)).status == 0
        assert select6(bench, b"\0\0\0\x08" + block).status == 0
    long = bytes(12) + (512).to_bytes(4, "big")
    data = bytes.fromhex("0000000001000010") + long
    assert bench(cdb.ModeSelect10.build(pf=1, parameter_list_length=len(data)), data).status == 0
    assert select6(bench, b"").status == 0


@pytest.mark.parametrize(
    ("data", "code", "pointer"),
    [
        ("000000", (5, 0x1A, 0), None),
        ("00000008", (5, 0x1A, 0), None),
        ("0000000000", (5, 0x1A, 0), None),
        ("00000000 0812 04" + "00" * 17 + "0a", (5, 0x1A, 0), None),
        ("00000000 0812 0400", (5, 0x1A, 0), None),
        ("00010000", BAD_LIST, (False, 1, None)),
        ("00000007 00000000000200", BAD_LIST, (False, 3, None)),
        ("00000008 0000000000000400", BAD_LIST, (False, 9, None)),
        ("00000008 0000000500000200", BAD_LIST, (False, 4, None)),
        ("00000000 3f00", BAD_LIST, (False, 4, 6)),
        ("00000000 480100000000", BAD_LIST, (False, 4, 6)),
        ("00000000 081104", BAD_LIST, (False, 5, None)),
        ("00000000 0812 24" + "00" * 17, BAD_LIST, (False, 6, 5)),
        ("00000000 0812 04" + "00" * 16 + "40", BAD_LIST, (False, 23, 6)),
        ("00000000 0812 00" + "00" * 17 + "0812 02" + "00" * 17, BAD_LIST, (False, 26, 1)),
    ],
)
def test_bad_mode_select(bench, data, code, pointer):
    raw = bytes.fromhex(data)
    result = select6(bench, raw)
    assert result.code == code
    assert result.pointer == pointer
    assert bench.unit.write_cache, "all or nothing"


def test_mode_select_with_less_data_than_it_says(bench):
    data = bytes(4) + mode_page(bench, 8)
    assert bench(cdb.ModeSelect6.build(pf=1, parameter_list_length=40), data).code == (5, 0x1A, 0)
    assert bench(cdb.ModeSelect6.build(pf=1, parameter_list_length=24)).code == (5, 0x1A, 0)


@pytest.mark.parametrize(("bits", "bit"), [("00", 4), ("11", 0), ("12", 1)])
def test_mode_select_bits(bench, bits, bit):
    result = bench(f"15{bits}00000400", bytes(4))
    assert result.code == BAD_FIELD
    assert result.pointer == (True, 1, bit)


# REPORT SUPPORTED OPERATION CODES, and the table it is made from


def rsoc(bench, **fields):
    return bench(cdb.ReportSupportedOperationCodes.build(allocation_length=4096, **fields))


def test_every_listed_command_is_there_and_no_other(bench):
    listed = params.SupportedCommands(rsoc(bench).data).commands
    supported = {(c.operation_code, c.service_action if c.servactv else None): c.cdb_length for c in listed}
    assert len(supported) == len(listed) == len([one for one in bench.unit.commands if one.there(bench.unit)])
    for opcode in range(256):
        actions = {a for o, a in supported if o == opcode}
        if not actions:
            result = bench(bytes([opcode]))
            assert result.code == (5, 0x20, 0), hex(opcode)
            assert result.pointer == (True, 0, None)
        elif opcode == 0x7F:
            result = bench(bytes([opcode]) + bytes(31))
            assert result.code == BAD_FIELD
            assert result.pointer == (True, 8, None)
        elif None not in actions:
            for action in set(range(32)) - actions:
                result = bench(bytes([opcode, action]))
                assert result.code == BAD_FIELD
                assert result.pointer == (True, 1, 4)
        else:
            result = bench(bytes([opcode]))
            assert result.status == 0 or result.code[1] != 0x20, hex(opcode)


def test_issue_list_is_complete(bench):
    wanted = """00 03 04 08 0a 12 15 16 17 1a 1b 1c 1d 1e 25 28 2a 2e 2f 34 35 37 3b 3c 41 48 4c 4d 55 56 57 5a 5e 5f 7f 83 84 88 89 8a 8b 8e 8f 90 91 93
        9c 9e a0 a3 a4 a8 aa ae af b7"""
    assert [f"{o:02x}" for o in sorted(bench.unit.commands.by_opcode)] == wanted.split()


def test_one_command(bench):
    found = params.SupportedCommand(rsoc(bench, reporting_options=1, requested_operation_code=0x12).data)
    assert (found.support, found.cdb_size) == (3, 6)
    assert bytes(found.cdb_usage_data) == bytes.fromhex("1201ffffff00")
    found = params.SupportedCommand(rsoc(bench, reporting_options=1, requested_operation_code=0x07).data)
    assert (found.support, len(found)) == (1, 4)
    found = params.SupportedCommand(
        rsoc(bench, reporting_options=2, requested_operation_code=0x9E, requested_service_action=0x10).data
    )
    assert bytes(found.cdb_usage_data)[:2] == b"\x9e\x10"
    for option in 2, 3:
        found = params.SupportedCommand(
            rsoc(
                bench, reporting_options=option, requested_operation_code=0x9E, requested_service_action=9
            ).data
        )
        assert found.support == 1
    found = params.SupportedCommand(
        rsoc(bench, reporting_options=3, requested_operation_code=0x28, requested_service_action=1).data
    )
    assert found.support == 1
    captured = bench.good("a30c011200000000000a00000000")
    assert captured == bytes.fromhex("00030006 1201ffffff00")


def test_timeouts(bench):
    data = params.SupportedCommands(rsoc(bench, rctd=1).data)
    assert all(c.ctdp and c.timeouts.descriptor_length == 10 for c in data.commands)
    one = params.SupportedCommand(rsoc(bench, rctd=1, reporting_options=1, requested_operation_code=0).data)
    assert one.ctdp
    assert len(one) == 4 + 6 + 12


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"reporting_options": 4}, (True, 2, 2)),
        ({"reporting_options": 1, "requested_operation_code": 0x9E}, (True, 3, None)),
        ({"reporting_options": 2, "requested_operation_code": 0x28}, (True, 4, None)),
    ],
)
def test_bad_report_supported_operation_codes(bench, fields, pointer):
    result = rsoc(bench, **fields)
    assert result.code == BAD_FIELD
    assert result.pointer == pointer


def test_naca_and_link_are_refused_everywhere(bench):
    for entry in bench.unit.commands:
        if not entry.there(bench.unit):
            continue
        for bit, shown in (4, 2), (1, 1), (2, 1):
            raw = bytearray(entry.cdb.build(**({} if entry.only is None else {"service_action": entry.only})))
            control = entry.cdb.naca.offset
            raw[control] |= bit
            result = bench(raw)
            assert result.code == BAD_FIELD, entry
            assert result.pointer == (True, control, shown)


# A device type of one's own


class Turn(cdb.Cdb6, opcode=0xD1, name="TURN", data_in="allocation_length"):
    __slots__ = ()
    angle = U8(2)
    allocation_length = U16(3)


class Turn32(cdb.Cdb32, opcode=0x7F, service_action=0xF123, name="TURN(32)", size=32):
    __slots__ = ()
    angle = U32(12)


class Turntable(LogicalUnit):
    device_type = PeripheralDeviceType.PROCESSOR

    @command(Turn, medium=True, refuses=["angle"])
    def turn(self, task, cdb):
        return Reply(b"turned", cdb.allocation_length)

    @command(Turn32)
    def turn_far(self, task, cdb):
        return Reply(b"%d" % cdb.angle)

    def test_unit_ready(self, task, cdb):
        return End(8)


def test_a_unit_of_ones_own():
    with Bench(Turntable("table")) as bench:
        assert bench.good(INQUIRY)[0] == 3
        assert bench.good("d10000000300") == b"tur"
        assert bench("d10001000300").pointer == (True, 2, None)
        assert bench(TUR).status == 8, "an overridden handler needs no second mark"
        assert bench.good(Turn32.build(angle=90)) == b"90"
        assert bench(bytes(Turn32.build(angle=90))[:16]).pointer == (True, 7, None)
        assert bench("7f0000000000001800010000").code == BAD_FIELD
        assert bench.bad("28") == (5, 0x20, 0)
        assert 0xD1 not in LogicalUnit.commands.by_opcode
        found = params.SupportedCommand(
            rsoc(
                bench, reporting_options=2, requested_operation_code=0x7F, requested_service_action=0xF123
            ).data
        )
        assert bytes(found.cdb_usage_data).hex() == "7f00000000000018f1230000ffffffff" + "00" * 16


def test_mode_pages_of_a_unit_without_blocks():
    with Bench(Turntable("table")) as bench:
        six = parse_mode6(bench.good("1a003f00ff00"))
        assert (six.block_descriptor_length, six.device_specific_parameter) == (0, 0)
        assert [p.page_code for p in six.pages] == [0xA, 0x1C]
        assert select6(bench, bytes(4) + mode_page(bench, 0xA, d_sense=1)).status == 0
        assert bench("ff").sense[0] == 0x72
        result = select6(bench, b"\0\0\0\x08" + bytes(8))
        assert (result.code, result.pointer) == (BAD_LIST, (False, 4, None))


def test_a_mark_for_a_field_that_is_not_there():
    with pytest.raises(TypeError):
        command(Turn, refuses=["speed"])


def test_report_luns_of_a_unit_alone(bench):
    found = params.ReportLuns(bench.good(cdb.ReportLuns.build(allocation_length=64)))
    assert [bytes(lun).hex() for lun in found.luns] == ["8100000000000000"]
    assert (
        params.ReportLuns(bench.good(cdb.ReportLuns.build(select_report=1, allocation_length=64))).luns == []
    )
    assert bench(cdb.ReportLuns.build(select_report=7)).pointer == (True, 2, None)


def test_a_bug_is_a_hardware_error(bench):
    task = bench(TUR).task
    task.ended = False
    bench.unit.failed(task, RuntimeError("a bug"))
    assert parse_sense(task.sense).sense_key == 4
    task.ended = False
    bench.unit.failed(task, Busy("later", status=8))
    assert task.status == 8


PROTECTED = [
    kind
    for kind in vars(cdb).values()
    if isinstance(kind, type) and any(hasattr(kind, f"{name}protect") for name in ("rd", "wr", "vr", "or"))
]


@pytest.mark.parametrize("kind", PROTECTED, ids=lambda kind: kind.__name__)
def test_whatever_has_a_protect_field_refuses_it(kind):
    """Also commands that a disk has not, and those of 32 bytes, when a unit of somebody else's has them."""

    class Unit(LogicalUnit):
        @command(kind)
        def handle(self, task, cdb_):
            return GOOD

    name = next(f"{n}protect" for n in ("rd", "wr", "vr", "or") if hasattr(kind, f"{n}protect"))
    with Bench(Unit()) as bench:
        bench.good(kind.build())
        for value in 1, 3, 7:
            result = bench(kind.build(**{name: value}))
            assert result.code == BAD_FIELD
            byte = 10 if kind.SIZE == 32 else 1
            assert result.pointer == (True, byte, 7)


def test_the_names_of_version_0_1():
    from pysrp.target.units import commands, identity, pages

    for old, new, name, now in [
        ("unit_commands", commands, "command", "command"),
        ("unit_commands", commands, "Command", "SupportedCdb"),
        ("unit_identity", identity, "Identity", "UnitIdentity"),
        ("unit_modes", pages, "Page", "PageValues"),
    ]:
        module = importlib.import_module(f"pysrp.target.{old}")
        with pytest.warns(
            DeprecationWarning, match=rf"{old} is pysrp\.target\.units\.{new.__name__.split('.')[-1]} now"
        ):
            assert getattr(module, name) is getattr(new, now)
        with pytest.raises(AttributeError):
            _ = module.nothing
