"""Log pages and parameters against the standards' tables, by hand-made bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from layouts import check_view, noise
from pysrp.errors import DecodeError
from pysrp.scsi import log
from pysrp.scsi.codes import LogPage, SelfTestCode

PARAMETER = "parameter_code:2 du ds tsd etc tmc.2 format_and_linking.2 parameter_length:1"
PAGE = "ds spf page_code.6 subpage_code:1 page_length:2"

TABLES: dict[str, str] = {
    "LogParameter": PARAMETER,
    "ResourceCount": f"{PARAMETER} resource_count:4 -.6 scope.2 -:3",
    "ResourcePercentage": f"{PARAMETER} resource_percentage:2 -:2 -.6 scope.2 -:3",
    "SelfTestResult": f"""{PARAMETER} self_test_code.3 - self_test_results.4 self_test_number:1
        accumulated_power_on_hours:2 address_of_first_failure:8 -.4 sense_key.4 asc:1 ascq:1 vendor_specific:1""",
    "GeneralStatistics": f"""{PARAMETER} number_of_read_commands:8 number_of_write_commands:8
        number_of_logical_blocks_received:8 number_of_logical_blocks_transmitted:8
        read_command_processing_intervals:8 write_command_processing_intervals:8
        weighted_number_of_read_commands_plus_write_commands:8
        weighted_read_command_processing_plus_write_command_processing:8""",
    "IdleTime": f"{PARAMETER} idle_time_intervals:8",
    "TimeInterval": f"{PARAMETER} exponent:4 integer:4",
    "SupportedLogSubpage": "-.2 page_code.6 subpage_code:1",
    **dict.fromkeys(
        (
            *("LogPage", "ProvisioningLogPage", "SelfTestLogPage", "StatisticsLogPage"),
            *("SupportedLogPages", "SupportedLogSubpages"),
        ),
        PAGE,
    ),
}


@pytest.mark.parametrize("page", [0x0C, 0x10, 0x19])
@settings(max_examples=60)
@given(data=noise)
def test_any_page(page: int, data: bytes) -> None:
    check_view(log.parse_log_page(bytes((page, 0, *len(data).to_bytes(2, "big"))) + data))


def test_log_page() -> None:
    data = bytes.fromhex("0d 00 000c 0000 03 02 001e 0001 03 02 0041")
    view = log.LogPage(data)
    assert view.page_code is LogPage.TEMPERATURE
    assert [(p.parameter_code, p.number) for p in view.parameters] == [(0, 0x1E), (1, 0x41)]
    assert view.problems() == []
    made = log.LogPage.build(
        page_code=0x0D,
        parameters=[
            {"parameter_code": code, "format_and_linking": 3, "parameter_value": value}
            for code, value in ((0, b"\0\x1e"), (1, b"\0\x41"))
        ],
    )
    assert bytes(made) == data


def test_provisioning() -> None:
    page = log.parse_log_page(
        bytes.fromhex(
            "8c000028 0001 03 08 00000020 02 000000 0002 03 08 00000001 01 000000"
            "0003 03 08 0032 0000 01 000000 0004 00 00"
        )
    )
    assert isinstance(page, log.ProvisioningLogPage)
    free, used, percentage, other = page.parameters
    assert (free.resource_count, free.scope, used.resource_count, used.scope) == (0x20, 2, 1, 1)
    assert (percentage.resource_percentage, percentage.scope) == (0x32, 1)
    assert type(other) is log.LogParameter
    assert page.problems() == []
    assert bytes(
        log.ResourceCount.build(parameter_code=2, format_and_linking=3, resource_count=1, scope=1)
    ) == bytes(used)
    assert "AVAILABLE_LBA_MAPPING_RESOURCES" in str(page.show())


def test_self_tests() -> None:
    result = "00010310 4f 00 0102 00000000000000ff 03 11 00 00"
    page = log.parse_log_page(bytes.fromhex("90000014" + result))
    assert isinstance(page, log.SelfTestLogPage)
    (one,) = page.parameters
    assert one.self_test_code is SelfTestCode.BACKGROUND_EXTENDED
    assert (one.self_test_results, one.accumulated_power_on_hours, one.address_of_first_failure) == (
        15,
        258,
        255,
    )
    assert (one.sense_key, one.asc, one.ascq) == (3, 0x11, 0)
    (short,) = log.parse_log_page(bytes.fromhex("90000008 00010304 40000102")).parameters
    assert short.accumulated_power_on_hours == 258
    with pytest.raises(DecodeError):
        short.asc  # noqa: B018


def test_statistics() -> None:
    counts = b"".join(number.to_bytes(8, "big") for number in range(1, 9))
    page = log.parse_log_page(
        bytes.fromhex("99000060 00010240")
        + counts
        + bytes.fromhex("00020208 0000000000000009 00030308 00000003 00000005 00040200")
    )
    assert isinstance(page, log.StatisticsLogPage)
    first, idle, interval, other = page.parameters
    assert (first.number_of_read_commands, first.number_of_logical_blocks_received) == (1, 3)
    assert first.weighted_read_command_processing_plus_write_command_processing == 8
    assert (idle.idle_time_intervals, interval.exponent, interval.integer) == (9, 3, 5)
    assert type(other) is log.LogParameter
    assert page.problems() == []
