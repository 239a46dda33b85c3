"""The data of a command is held against its CDB."""

from __future__ import annotations

import pytest

from pysrp import scsi
from pysrp.errors import DecodeError
from pysrp.scsi import parse_data_in

SERIAL = bytes.fromhex("00800004") + b"ABCD"
CACHING6 = bytes.fromhex("17000000 0812".replace(" ", "")) + bytes(18)
CACHING10 = bytes.fromhex("001a000000000000 0812".replace(" ", "")) + bytes(18)
TEMPERATURE = bytes.fromhex("0d000006 00000302001e".replace(" ", ""))


@pytest.mark.parametrize(
    ("cdb", "data", "came"),
    [
        (scsi.Inquiry.build(evpd=1, page_code=0x83), SERIAL, "80h"),
        (scsi.Inquiry.build(evpd=1, page_code=0), SERIAL, "80h"),
        (scsi.ModeSense6.build(page_code=0x0A), CACHING6, "08h"),
        (scsi.ModeSense10.build(page_code=0x0A, subpage_code=0xFF), CACHING10, "08h/FFh"),
        (scsi.ModeSense10.build(page_code=0x08, subpage_code=1), CACHING10, "08h"),
        (scsi.LogSense.build(page_code=0x0E), TEMPERATURE, "0Dh"),
        (scsi.LogSense.build(page_code=0x0D, subpage_code=1), TEMPERATURE, "0Dh"),
    ],
    ids=str,
)
def test_another_page_is_refused(cdb: scsi.Cdb, data: bytes, came: str) -> None:
    with pytest.raises(DecodeError, match=f"was asked for, page {came} came"):
        parse_data_in(cdb, data)


@pytest.mark.parametrize(
    ("cdb", "data"),
    [
        (scsi.Inquiry.build(evpd=1, page_code=0x80), SERIAL),
        (scsi.ModeSense6.build(page_code=0x08), CACHING6),
        (scsi.ModeSense6.build(page_code=0x3F), CACHING6),
        (scsi.ModeSense6.build(page_code=0x08), bytes.fromhex("03000000")),
        (scsi.ModeSense10.build(page_code=0x08, subpage_code=0xFF), CACHING10),
        (scsi.LogSense.build(page_code=0x0D), TEMPERATURE),
        (scsi.ReadCapacity10.build(), bytes(8)),
    ],
    ids=str,
)
def test_the_page_that_was_asked_for_is_read(cdb: scsi.Cdb, data: bytes) -> None:
    view = parse_data_in(cdb, data)
    assert view is not None
    assert bytes(view) == data


def test_lists_of_log_pages_are_lists() -> None:
    pages = parse_data_in(
        scsi.LogSense.build(page_code=0), bytes.fromhex("00000008000203 0d0f152f37".replace(" ", ""))
    )
    assert isinstance(pages, scsi.SupportedLogPages)
    assert bytes(pages.supported_page_list) == bytes.fromhex("0002030d0f152f37")
    assert pages.problems() == []
    for code, first in ((0, "40"), (0x0D, "4d")):
        raw = bytes.fromhex(first + "ff0008000000ff0d000d01")
        subpages = parse_data_in(scsi.LogSense.build(page_code=code, subpage_code=0xFF), raw)
        assert isinstance(subpages, scsi.SupportedLogSubpages)
        found = [(int(each.page_code), int(each.subpage_code)) for each in subpages.supported_subpages]
        assert found == [(0, 0), (0, 0xFF), (0x0D, 0), (0x0D, 1)]
        assert subpages.problems() == []


@pytest.mark.parametrize("length", range(len(CACHING6)))
def test_pages_that_are_cut_short(length: int) -> None:
    """Not every initiator asks for whole pages: what is there is decoded."""
    cdb = scsi.ModeSense6.build(page_code=0x08)
    if length < 4:
        with pytest.raises(DecodeError):
            parse_data_in(cdb, CACHING6[:length])
    else:
        assert len(list(parse_data_in(cdb, CACHING6[:length]).pages)) <= 1


@pytest.mark.parametrize(
    ("cdb", "data", "field"),
    [
        (scsi.ModeSelect6.build(), CACHING6, "pages"),
        (scsi.ModeSelect10.build(), CACHING10, "pages"),
        (
            scsi.Unmap.build(),
            bytes.fromhex("0016001000000000 0000000000000007 00000001 00000000"),
            "descriptors",
        ),
        (scsi.SetTimestamp.build(), bytes(12), "timestamp"),
    ],
    ids=str,
)
def test_the_list_that_a_command_sends(cdb: scsi.Cdb, data: bytes, field: str) -> None:
    found = scsi.parse_data_out(cdb, data)
    assert bytes(found) == data
    assert hasattr(found, field)
    assert scsi.parse_data_out(scsi.TestUnitReady.build(), b"") is None
