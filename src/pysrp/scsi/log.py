"""Log pages and their parameters (SPC-5, 7.3; SBC-4, 6.4).

``parse_log_page(buf)`` gives a page of LOG SENSE. A parameter that has no table here is a LogParameter.
"""

from __future__ import annotations

from pysrp.fields import U8, U16, U32, U64, Bits, Dispatch, Flag, List, Part, Structure
from pysrp.scsi import codes, texts
from pysrp.scsi.codes import ProvisioningResource, SelfTestCode, SenseKey
from pysrp.scsi.params.base import ParameterData

__all__ = [
    "GeneralStatistics",
    "IdleTime",
    "LogPage",
    "LogParameter",
    "ProvisioningLogPage",
    "ResourceCount",
    "ResourcePercentage",
    "SelfTestLogPage",
    "SelfTestResult",
    "StatisticsLogPage",
    "SupportedLogPages",
    "SupportedLogSubpage",
    "SupportedLogSubpages",
    "TimeInterval",
    "parse_log_page",
]


class LogParameter(ParameterData, cover="parameter_value"):
    """Log parameter, 4 + n bytes (SPC-5, 7.3.2.2.1); a subclass has a table of its value."""

    __slots__ = ()
    TEXTS = texts.MODE
    parameter_code = U16(0, hex=True)
    du = Flag(2, 7)
    ds = Flag(2, 6, doc="Obsolete; set: the device does not save this parameter")
    tsd = Flag(2, 5)
    etc = Flag(2, 4)
    tmc = Bits(2, 2, 2)
    format_and_linking = Bits(2, 0, 2)
    parameter_length = U8(3)
    parameter_value = Part(4, parameter_length, clamp=True)

    @property
    def number(self) -> int:
        """The value as a big-endian integer, as in counters."""
        return int.from_bytes(self.parameter_value, "big")


class ResourceCount(LogParameter, full=12):
    """LBA resources of log page 0Ch, in threshold sets: 12 bytes (SBC-4, 6.4.5.2, 6.4.5.3, 6.4.5.5 to 6.4.5.7)."""

    __slots__ = ()
    parameter_code = U16(0, hex=True, enum=ProvisioningResource)
    resource_count = U32(4)
    scope = Bits(8, 0, 2)


class ResourcePercentage(LogParameter, full=12):
    """Available Provisioning Resource Percentage of log page 0Ch: 12 bytes (SBC-4, 6.4.5.4)."""

    __slots__ = ()
    resource_percentage = U16(4)
    scope = Bits(8, 0, 2)


class SelfTestResult(LogParameter, full=20):
    """Result of a self-test, of log page 10h: 20 bytes (SPC-5, 7.3.18)."""

    __slots__ = ()
    self_test_code = Bits(4, 5, 3, enum=SelfTestCode)
    self_test_results = Bits(4, 0, 4)
    self_test_number = U8(5)
    accumulated_power_on_hours = U16(6)
    address_of_first_failure = U64(8)
    sense_key = Bits(16, 0, 4, enum=SenseKey)
    asc = U8(17, hex=True)
    ascq = U8(18, hex=True)
    vendor_specific = U8(19, hex=True)


class GeneralStatistics(LogParameter, full=68):
    """General access statistics and performance, of log page 19h: 68 bytes (SPC-5, 7.3.9.3)."""

    __slots__ = ()
    number_of_read_commands = U64(4, hex=False)
    number_of_write_commands = U64(12, hex=False)
    number_of_logical_blocks_received = U64(20, hex=False)
    number_of_logical_blocks_transmitted = U64(28, hex=False)
    read_command_processing_intervals = U64(36, hex=False)
    write_command_processing_intervals = U64(44, hex=False)
    weighted_number_of_read_commands_plus_write_commands = U64(52, hex=False)
    weighted_read_command_processing_plus_write_command_processing = U64(60, hex=False)


class IdleTime(LogParameter, full=12):
    """Idle time, of log page 19h: 12 bytes (SPC-5, 7.3.9.4)."""

    __slots__ = ()
    idle_time_intervals = U64(4, hex=False)


class TimeInterval(LogParameter, full=12):
    """Time interval, of log page 19h: 12 bytes (SPC-5, 7.3.9.5)."""

    __slots__ = ()
    exponent = U32(4)
    integer = U32(8)


class _Page(Structure, size=4):
    """The header of every log page, 4 bytes (SPC-5, 7.3.2.1)."""

    __slots__ = ()
    TEXTS = texts.MODE
    ds = Flag(0, 7)
    spf = Flag(0, 6)
    page_code = Bits(0, 0, 6, enum=codes.LogPage)
    subpage_code = U8(1, hex=True)
    page_length = U16(2)


class _Pages(_Page, size=4):
    """A list of pages."""

    __slots__ = ()

    @property
    def parameters(self) -> tuple[LogParameter, ...]:
        """None: a list of pages has no log parameters."""
        return ()


class SupportedLogPages(_Pages, size=4):
    """Supported Log Pages, 00h: 4 + n bytes, one for each page (SPC-5, 7.3.19)."""

    __slots__ = ()
    spf = Flag(0, 6, must=False)
    subpage_code = U8(1, hex=True, must=0)
    supported_page_list = Part(4, _Page.page_length, clamp=True)


class SupportedLogSubpage(Structure, size=2):
    """A page and subpage of Supported Log Pages and Subpages, 2 bytes (SPC-5, 7.3.20)."""

    __slots__ = ()
    TEXTS = texts.MODE
    page_code = Bits(0, 0, 6, enum=codes.LogPage)
    subpage_code = U8(1, hex=True)


class SupportedLogSubpages(_Pages, size=4):
    """Supported Log Pages and Subpages, 00h/FFh, and those of one page, xx/FFh: 4 + n bytes (SPC-5, 7.3.20, 7.3.18)."""

    __slots__ = ()
    spf = Flag(0, 6, must=True)
    subpage_code = U8(1, hex=True, must=0xFF)
    supported_subpages = List(4, _Page.page_length, item=SupportedLogSubpage, clamp=True)


class LogPage(_Page, size=4):
    """Log page of LOG SENSE and LOG SELECT, 4 + n bytes (SPC-5, 7.3.2.1)."""

    __slots__ = ()
    parameters = List(4, _Page.page_length, item=LogParameter, clamp=True)


_resources = Dispatch("parameter of log page 0Ch", 0, 2, default=LogParameter)
for _code in (*range(0x0001, 0x0003), *range(0x0100, 0x0103)):
    _resources.add(_code, ResourceCount)
_resources.add(ProvisioningResource.AVAILABLE_PERCENTAGE, ResourcePercentage)

_results = Dispatch("parameter of log page 10h", 0, 2, default=LogParameter)
for _code in range(1, 21):
    _results.add(_code, SelfTestResult)

_statistics = Dispatch("parameter of log page 19h", 0, 2, default=LogParameter)
_statistics.add(1, GeneralStatistics)
_statistics.add(2, IdleTime)
_statistics.add(3, TimeInterval)


class ProvisioningLogPage(LogPage):
    """Logical Block Provisioning log page, 0Ch: 4 + n bytes (SBC-4, 6.4.5)."""

    __slots__ = ()
    parameters = List(4, LogPage.page_length, item=_resources, clamp=True)


class SelfTestLogPage(LogPage):
    """Self-Test Results log page, 10h: 4 + 20 n bytes (SPC-5, 7.3.18)."""

    __slots__ = ()
    parameters = List(4, LogPage.page_length, item=_results, clamp=True)


class StatisticsLogPage(LogPage):
    """General Statistics and Performance log page, 19h: 4 + n bytes (SPC-5, 7.3.9)."""

    __slots__ = ()
    parameters = List(4, LogPage.page_length, item=_statistics, clamp=True)


_log_pages = Dispatch("log page", 0, width=6, default=LogPage)
_log_pages.add(codes.LogPage.SUPPORTED_LOG_PAGES, SupportedLogPages)
_log_pages.add(codes.LogPage.LOGICAL_BLOCK_PROVISIONING, ProvisioningLogPage)
_log_pages.add(codes.LogPage.SELF_TEST_RESULTS, SelfTestLogPage)
_log_pages.add(codes.LogPage.GENERAL_STATISTICS_AND_PERFORMANCE, StatisticsLogPage)
_log_subpages = Dispatch("log sub-page", 1, default=LogPage)
_log_subpages.add(0xFF, SupportedLogSubpages)
_log = Dispatch("log SPF", 0, shift=6, width=1)
_log.add(0, _log_pages)
_log.add(1, _log_subpages)

#: A view over a log page: a list of supported pages, or a page with parameters (SPC-5, 7.3).
#: Raises TruncatedError for less than 4 bytes.
parse_log_page = _log.parse
