# Made from the field tables by tools/stubs.py; do not edit.
"""Log pages and their parameters (SPC-5, 7.3; SBC-4, 6.4).

``parse_log_page(buf)`` gives a page of LOG SENSE. A parameter that has no table here is a LogParameter."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.fields import Structure
from pysrp.scsi.params.base import ParameterData
__all__ = ['GeneralStatistics', 'IdleTime', 'LogPage', 'LogParameter', 'ProvisioningLogPage', 'ResourceCount', 'ResourcePercentage', 'SelfTestLogPage', 'SelfTestResult', 'StatisticsLogPage', 'SupportedLogPages', 'SupportedLogSubpage', 'SupportedLogSubpages', 'TimeInterval', 'parse_log_page']

class LogParameter(ParameterData, cover='parameter_value'):
    """Log parameter, 4 + n bytes (SPC-5, 7.3.2.2.1); a subclass has a table of its value."""
    parameter_code: pysrp.fields.U16
    """Which number or text of the page this is"""
    du: pysrp.fields.Flag
    """Set: the device does not count it on; clear: it does"""
    ds: pysrp.fields.Flag
    """Obsolete; set: the device does not save this parameter"""
    tsd: pysrp.fields.Flag
    """Set: the device does not save it by itself"""
    etc: pysrp.fields.Flag
    """Set: it is compared with its threshold"""
    tmc: pysrp.fields.Bits
    """When that says that the threshold is met: 0 with each update, 1 if equal, 2 if not equal, 3 if greater"""
    format_and_linking: pysrp.fields.Bits
    """What the value is: 0 a counter that stops at its end, 1 ASCII, 2 a counter that may not, 3 bytes"""
    parameter_length: pysrp.fields.U8
    """Bytes of the value behind this field"""
    parameter_value: pysrp.fields.Part
    """The number, most significant byte first, or text; page and code say of what"""
    @property
    def number(self) -> int:
        """The value as a big-endian integer, as in counters."""

class _ResourceCountFields(TypedDict, total=False):
    parameter_code: int
    du: int
    ds: int
    tsd: int
    etc: int
    tmc: int
    format_and_linking: int
    parameter_length: int
    resource_count: int
    scope: int
    parameter_value: ReadableBuffer | None
    trailing: ReadableBuffer

class ResourceCount(LogParameter, full=12):
    """LBA resources of log page 0Ch, in threshold sets: 12 bytes (SBC-4, 6.4.5.2, 6.4.5.3, 6.4.5.5 to 6.4.5.7)."""
    parameter_code: pysrp.fields.U16
    """Which number or text of the page this is"""
    resource_count: pysrp.fields.U32
    """How many sets of blocks, of the size that VPD page B2h says"""
    scope: pysrp.fields.Bits
    """Whose it is: 0 not said, 1 this unit's alone, 2 others may take of it"""
    @classmethod
    def build(cls, **fields: Unpack[_ResourceCountFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ResourceCountFields]) -> int: ...  # type: ignore[override]

class _ResourcePercentageFields(TypedDict, total=False):
    parameter_code: int
    du: int
    ds: int
    tsd: int
    etc: int
    tmc: int
    format_and_linking: int
    parameter_length: int
    resource_percentage: int
    scope: int
    parameter_value: ReadableBuffer | None
    trailing: ReadableBuffer

class ResourcePercentage(LogParameter, full=12):
    """Available Provisioning Resource Percentage of log page 0Ch: 12 bytes (SBC-4, 6.4.5.4)."""
    resource_percentage: pysrp.fields.U16
    """How much of all is still to be had, in hundredths"""
    scope: pysrp.fields.Bits
    """Whose it is: 0 not said, 1 this unit's alone, 2 others may take of it"""
    @classmethod
    def build(cls, **fields: Unpack[_ResourcePercentageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ResourcePercentageFields]) -> int: ...  # type: ignore[override]

class _SelfTestResultFields(TypedDict, total=False):
    parameter_code: int
    du: int
    ds: int
    tsd: int
    etc: int
    tmc: int
    format_and_linking: int
    parameter_length: int
    self_test_code: int
    self_test_results: int
    self_test_number: int
    accumulated_power_on_hours: int
    address_of_first_failure: int
    sense_key: int
    asc: int
    ascq: int
    vendor_specific: int
    parameter_value: ReadableBuffer | None
    trailing: ReadableBuffer

class SelfTestResult(LogParameter, full=20):
    """Result of a self-test, of log page 10h: 20 bytes (SPC-5, 7.3.18)."""
    self_test_code: pysrp.fields.Bits
    """Which self-test it was: 1 short, 2 extended, both in background, 5 and 6 the same in foreground"""
    self_test_results: pysrp.fields.Bits
    """How it ended: 0 well, 1 and 2 it was ended, 3 not known, 4 to 7 it failed, Fh it goes on"""
    self_test_number: pysrp.fields.U8
    """Which of its parts failed; 0: not said"""
    accumulated_power_on_hours: pysrp.fields.U16
    """How long the device had been on then, in hours"""
    address_of_first_failure: pysrp.fields.U64
    """The first block that failed; all bits set: none did"""
    sense_key: pysrp.fields.Bits
    """What to do about it: 2 not ready, 3 medium, 4 hardware, 5 request, 6 attention, Bh aborted (SPC-5, 4.4)"""
    asc: pysrp.fields.U8
    """What happened, in general; FFh and 80h up are vendors'"""
    ascq: pysrp.fields.U8
    """What happened, in particular, within that code"""
    vendor_specific: pysrp.fields.U8
    """What the vendor has made of it; no standard says"""
    @classmethod
    def build(cls, **fields: Unpack[_SelfTestResultFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SelfTestResultFields]) -> int: ...  # type: ignore[override]

class _GeneralStatisticsFields(TypedDict, total=False):
    parameter_code: int
    du: int
    ds: int
    tsd: int
    etc: int
    tmc: int
    format_and_linking: int
    parameter_length: int
    number_of_read_commands: int
    number_of_write_commands: int
    number_of_logical_blocks_received: int
    number_of_logical_blocks_transmitted: int
    read_command_processing_intervals: int
    write_command_processing_intervals: int
    weighted_number_of_read_commands_plus_write_commands: int
    weighted_read_command_processing_plus_write_command_processing: int
    parameter_value: ReadableBuffer | None
    trailing: ReadableBuffer

class GeneralStatistics(LogParameter, full=68):
    """General access statistics and performance, of log page 19h: 68 bytes (SPC-5, 7.3.9.3)."""
    number_of_read_commands: pysrp.fields.U64
    """Commands that read blocks"""
    number_of_write_commands: pysrp.fields.U64
    """Commands that write blocks"""
    number_of_logical_blocks_received: pysrp.fields.U64
    """Blocks that were written"""
    number_of_logical_blocks_transmitted: pysrp.fields.U64
    """Blocks that were read"""
    read_command_processing_intervals: pysrp.fields.U64
    """How long reads took together, in intervals"""
    write_command_processing_intervals: pysrp.fields.U64
    """How long writes took together, in intervals"""
    weighted_number_of_read_commands_plus_write_commands: pysrp.fields.U64
    """Reads and writes, each as its priority counts"""
    weighted_read_command_processing_plus_write_command_processing: pysrp.fields.U64
    """How long these took together, in intervals"""
    @classmethod
    def build(cls, **fields: Unpack[_GeneralStatisticsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_GeneralStatisticsFields]) -> int: ...  # type: ignore[override]

class _IdleTimeFields(TypedDict, total=False):
    parameter_code: int
    du: int
    ds: int
    tsd: int
    etc: int
    tmc: int
    format_and_linking: int
    parameter_length: int
    idle_time_intervals: int
    parameter_value: ReadableBuffer | None
    trailing: ReadableBuffer

class IdleTime(LogParameter, full=12):
    """Idle time, of log page 19h: 12 bytes (SPC-5, 7.3.9.4)."""
    idle_time_intervals: pysrp.fields.U64
    """How long there was nothing to do, in intervals"""
    @classmethod
    def build(cls, **fields: Unpack[_IdleTimeFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_IdleTimeFields]) -> int: ...  # type: ignore[override]

class _TimeIntervalFields(TypedDict, total=False):
    parameter_code: int
    du: int
    ds: int
    tsd: int
    etc: int
    tmc: int
    format_and_linking: int
    parameter_length: int
    exponent: int
    integer: int
    parameter_value: ReadableBuffer | None
    trailing: ReadableBuffer

class TimeInterval(LogParameter, full=12):
    """Time interval, of log page 19h: 12 bytes (SPC-5, 7.3.9.5)."""
    exponent: pysrp.fields.U32
    """An interval is the integer by 10^-n seconds: n"""
    integer: pysrp.fields.U32
    """An interval is this by 10 to the minus exponent, in seconds; 0: it is not said"""
    @classmethod
    def build(cls, **fields: Unpack[_TimeIntervalFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TimeIntervalFields]) -> int: ...  # type: ignore[override]

class _Page(Structure, size=4):
    """The header of every log page, 4 bytes (SPC-5, 7.3.2.1)."""
    TEXTS: ClassVar[dict[str, str]]
    ds: pysrp.fields.Flag
    """Set: the device does not save this log page"""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page this is"""
    page_length: pysrp.fields.U16
    """Bytes of the page behind this field, also where fewer have come"""

class _Pages(_Page, size=4):
    """A list of pages."""
    @property
    def parameters(self) -> tuple[LogParameter, ...]:
        """None: a list of pages has no log parameters."""

class _SupportedLogPagesFields(TypedDict, total=False):
    ds: int
    spf: int
    page_code: int
    subpage_code: int
    page_length: int
    supported_page_list: ReadableBuffer | None
    trailing: ReadableBuffer

class SupportedLogPages(_Pages, size=4):
    """Supported Log Pages, 00h: 4 + n bytes, one for each page (SPC-5, 7.3.19)."""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page this is"""
    supported_page_list: pysrp.fields.Part
    """Codes of the pages that there are, a byte each, ascending"""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedLogPagesFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedLogPagesFields]) -> int: ...  # type: ignore[override]

class _SupportedLogSubpageFields(TypedDict, total=False):
    page_code: int
    subpage_code: int
    trailing: ReadableBuffer

class SupportedLogSubpage(Structure, size=2):
    """A page and subpage of Supported Log Pages and Subpages, 2 bytes (SPC-5, 7.3.20)."""
    TEXTS: ClassVar[dict[str, str]]
    page_code: pysrp.fields.Bits
    """Which page this is, and so what follows"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page this is"""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedLogSubpageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedLogSubpageFields]) -> int: ...  # type: ignore[override]

class _SupportedLogSubpagesFields(TypedDict, total=False):
    ds: int
    spf: int
    page_code: int
    subpage_code: int
    page_length: int
    supported_subpages: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class SupportedLogSubpages(_Pages, size=4):
    """Supported Log Pages and Subpages, 00h/FFh, and those of one page, xx/FFh: 4 + n bytes (SPC-5, 7.3.20, 7.3.18)."""
    spf: pysrp.fields.Flag
    """Set: a subpage code and a length of two bytes follow; clear: a length of one byte"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page this is"""
    supported_subpages: pysrp.fields.List[SupportedLogSubpage]
    """Pages and subpages that there are, two bytes each, ascending"""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedLogSubpagesFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedLogSubpagesFields]) -> int: ...  # type: ignore[override]

class LogPage(_Page, size=4):
    """Log page of LOG SENSE and LOG SELECT, 4 + n bytes (SPC-5, 7.3.2.1)."""
    parameters: pysrp.fields.List[LogParameter]
    """One log parameter behind the other, by ascending code"""

class _ProvisioningLogPageFields(TypedDict, total=False):
    ds: int
    spf: int
    page_code: int
    subpage_code: int
    page_length: int
    parameters: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ProvisioningLogPage(LogPage):
    """Logical Block Provisioning log page, 0Ch: 4 + n bytes (SBC-4, 6.4.5)."""
    parameters: pysrp.fields.List[LogParameter]
    """One log parameter behind the other, by ascending code"""
    @classmethod
    def build(cls, **fields: Unpack[_ProvisioningLogPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ProvisioningLogPageFields]) -> int: ...  # type: ignore[override]

class _SelfTestLogPageFields(TypedDict, total=False):
    ds: int
    spf: int
    page_code: int
    subpage_code: int
    page_length: int
    parameters: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class SelfTestLogPage(LogPage):
    """Self-Test Results log page, 10h: 4 + 20 n bytes (SPC-5, 7.3.18)."""
    parameters: pysrp.fields.List[LogParameter]
    """One log parameter behind the other, by ascending code"""
    @classmethod
    def build(cls, **fields: Unpack[_SelfTestLogPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SelfTestLogPageFields]) -> int: ...  # type: ignore[override]

class _StatisticsLogPageFields(TypedDict, total=False):
    ds: int
    spf: int
    page_code: int
    subpage_code: int
    page_length: int
    parameters: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class StatisticsLogPage(LogPage):
    """General Statistics and Performance log page, 19h: 4 + n bytes (SPC-5, 7.3.9)."""
    parameters: pysrp.fields.List[LogParameter]
    """One log parameter behind the other, by ascending code"""
    @classmethod
    def build(cls, **fields: Unpack[_StatisticsLogPageFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_StatisticsLogPageFields]) -> int: ...  # type: ignore[override]
def parse_log_page(buf: ReadableBuffer, /, *, strict: bool = False) -> SupportedLogPages | LogPage | SupportedLogSubpages:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""
