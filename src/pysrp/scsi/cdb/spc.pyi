# Made from the field tables by tools/stubs.py; do not edit.
"""CDBs of SPC: commands of all device types, persistent reservations, third-party copy.

A group of fields that several commands have in the same place is a class of its own, before the commands."""

from _typeshed import ReadableBuffer, WriteableBuffer
from typing import TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.fields import Flag
from pysrp.scsi.cdb.base import Cdb, Cdb6, Cdb10, Cdb12, Cdb16, Group
from pysrp.scsi.codes import MaintenanceInAction, MaintenanceOutAction, Opcode, ThirdPartyCopyInAction, ThirdPartyCopyOutAction
__all__ = ['ChangeAliases', 'CopyOperationAbort', 'ExtendedCopy', 'ExtendedCopyLid1', 'Inquiry', 'LogSelect', 'LogSense', 'ModeSelect6', 'ModeSelect10', 'ModeSense6', 'ModeSense10', 'PersistentReserveIn', 'PersistentReserveOut', 'ReadBuffer10', 'ReadBuffer16', 'ReceiveCopyData', 'ReceiveCopyDataLid1', 'ReceiveCopyFailureDetailsLid1', 'ReceiveCopyOperatingParameters', 'ReceiveCopyStatus', 'ReceiveCopyStatusLid1', 'ReceiveDiagnosticResults', 'ReceiveRodTokenInformation', 'Release6', 'Release10', 'ReportAliases', 'ReportAllRodTokens', 'ReportIdentifyingInformation', 'ReportLuns', 'ReportPriority', 'ReportSupportedOperationCodes', 'ReportSupportedTaskManagementFunctions', 'ReportTargetPortGroups', 'ReportTimestamp', 'RequestSense', 'Reserve6', 'Reserve10', 'SecurityProtocolIn', 'SecurityProtocolOut', 'SendDiagnostic', 'SetIdentifyingInformation', 'SetPriority', 'SetTargetPortGroups', 'SetTimestamp', 'TestUnitReady', 'WriteBuffer10', 'WriteBuffer16']

class _Inc512(Cdb):
    """SECURITY PROTOCOL IN and OUT: with INC_512 the length counts units of 512 bytes (SPC-4, 6.40)."""
    inc_512: Flag
    def data_length(self, block_size: int=512) -> int:
        """The length field, in bytes."""

class _ThirdParty6(Group):
    """Third parties and extents of RESERVE(6) and RELEASE(6)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    third_party: pysrp.fields.Flag
    """Set: the reservation is for somebody else; obsolete with SCSI-2"""
    third_party_device_id: pysrp.fields.Bits
    """For whom the reservation is; obsolete with SCSI-2"""
    extent_bit: pysrp.fields.Flag
    """Set: only extents are reserved, not all of the unit; obsolete with SCSI-2"""
    reservation_identification: pysrp.fields.U8
    """Which reservation of extents; obsolete with SCSI-2"""

class _ThirdParty10(Group):
    """Third parties and extents of RESERVE(10) and RELEASE(10)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    third_party: pysrp.fields.Flag
    """Set: the reservation is for somebody else; obsolete with SCSI-2"""
    longid: pysrp.fields.Flag
    """Set: the third party's name is in the parameters, 8 bytes; obsolete with SCSI-2"""
    extent_bit: pysrp.fields.Flag
    """Set: only extents are reserved, not all of the unit; obsolete with SCSI-2"""
    reservation_identification: pysrp.fields.U8
    """Which reservation of extents; obsolete with SCSI-2"""
    third_party_device_id: pysrp.fields.U8
    """For whom the reservation is; obsolete with SCSI-2"""
    parameter_list_length: pysrp.fields.U16
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""

class _ModeSelect(Group):
    """Byte 1 of MODE SELECT."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    pf: pysrp.fields.Flag
    """Set: the parameters have the pages of the standard, clear: a form of the vendor's"""
    rtd: pysrp.fields.Flag
    """Set: all mode pages go back to their defaults, and no parameters come"""
    sp: pysrp.fields.Flag
    """Set: the values are kept beyond a loss of power, too"""

class _ModeSense(Group):
    """The page that MODE SENSE asks for; ``page_code`` is a ModePage."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    dbd: pysrp.fields.Flag
    """Set: the answer has no block descriptors"""
    pc: pysrp.fields.Bits
    """Which values: of mode pages 0 current, 1 changeable, 2 default, 3 saved; of log pages 0 and 2 thresholds, 1 and 3 counts"""
    page_code: pysrp.fields.Bits
    """Which page is meant"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page is meant; 0: the page itself, FFh: all"""

class _LogPage(Group):
    """The page that LOG SELECT and LOG SENSE are about; ``page_code`` is a LogPage."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    sp: pysrp.fields.Flag
    """Set: the values are kept beyond a loss of power, too"""
    pc: pysrp.fields.Bits
    """Which values: of mode pages 0 current, 1 changeable, 2 default, 3 saved; of log pages 0 and 2 thresholds, 1 and 3 counts"""
    page_code: pysrp.fields.Bits
    """Which page is meant"""
    subpage_code: pysrp.fields.U8
    """Which subpage of that page is meant; 0: the page itself, FFh: all"""

class _Buffer10(Group):
    """The place in a buffer of READ BUFFER(10) and WRITE BUFFER(10)."""
    mode_specific: pysrp.fields.Bits
    """What the mode makes of it"""
    buffer_id: pysrp.fields.U8
    """Which buffer of the unit is meant, from 0"""
    buffer_offset: pysrp.fields.U24
    """Where in the buffer to begin, in bytes; the unit says on which multiples"""

class _Buffer16(Group):
    """The place in a buffer of READ BUFFER(16) and WRITE BUFFER(16)."""
    mode_specific: pysrp.fields.Bits
    """What the mode makes of it"""
    buffer_offset: pysrp.fields.U64
    """Where in the buffer to begin, in bytes; the unit says on which multiples"""
    buffer_id: pysrp.fields.U8
    """Which buffer of the unit is meant, from 0"""

class _Security(Group):
    """The protocol of SECURITY PROTOCOL IN and OUT; ``security_protocol`` is a SecurityProtocol."""
    security_protocol: pysrp.fields.U8
    """Whose protocol it is: 00h the list of those that are known, 01h to 06h TCG, 20h tapes, EFh ATA passwords"""
    security_protocol_specific: pysrp.fields.U16
    """Two bytes that the protocol reads, such as a session or a page"""
    inc_512: pysrp.fields.Flag
    """Set: the length counts 512 bytes; clear: bytes"""

class _TestUnitReadyFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class TestUnitReady(Cdb6, opcode=Opcode.TEST_UNIT_READY, name='TEST UNIT READY'):
    """TEST UNIT READY, 6 bytes (SPC-4, 6.47)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_TestUnitReadyFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TestUnitReadyFields]) -> int: ...  # type: ignore[override]

class _RequestSenseFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    desc: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class RequestSense(Cdb6, opcode=Opcode.REQUEST_SENSE, name='REQUEST SENSE', data_in='allocation_length'):
    """REQUEST SENSE, 6 bytes (SPC-4, 6.39)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    desc: pysrp.fields.Flag
    """Set: sense in descriptor format is wanted, clear: in fixed format"""
    allocation_length: pysrp.fields.U8
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_RequestSenseFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_RequestSenseFields]) -> int: ...  # type: ignore[override]

class _InquiryFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    cmddt: int
    evpd: int
    page_code: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Inquiry(Cdb6, opcode=Opcode.INQUIRY, name='INQUIRY', data_in='allocation_length'):
    """INQUIRY, 6 bytes (SPC-4, 6.6); ``page_code`` is a VpdPage, and only with EVPD."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    cmddt: pysrp.fields.Flag
    """Set: what the unit says of a command is wanted; obsolete"""
    evpd: pysrp.fields.Flag
    """Set: a page of vital product data is wanted, clear: the standard data"""
    page_code: pysrp.fields.U8
    """Which page is meant"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_InquiryFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_InquiryFields]) -> int: ...  # type: ignore[override]

class _ModeSelect6Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    pf: int
    rtd: int
    sp: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ModeSelect6(_ModeSelect, Cdb6, opcode=Opcode.MODE_SELECT_6, name='MODE SELECT(6)', data_out='parameter_list_length'):
    """MODE SELECT(6), 6 bytes (SPC-4, 6.11)."""
    parameter_list_length: pysrp.fields.U8
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ModeSelect6Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ModeSelect6Fields]) -> int: ...  # type: ignore[override]

class _Reserve6Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    third_party: int
    third_party_device_id: int
    extent_bit: int
    reservation_identification: int
    extent_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Reserve6(_ThirdParty6, Cdb6, opcode=Opcode.RESERVE_6, name='RESERVE(6)', data_out='extent_list_length'):
    """RESERVE(6), 6 bytes (SPC-2, 7.21; obsolete since); the extents and third parties are SCSI-2's."""
    extent_list_length: pysrp.fields.U16
    """Bytes of the list of extents that comes as data-out; obsolete with SCSI-2"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Reserve6Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Reserve6Fields]) -> int: ...  # type: ignore[override]

class _Release6Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    third_party: int
    third_party_device_id: int
    extent_bit: int
    reservation_identification: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Release6(_ThirdParty6, Cdb6, opcode=Opcode.RELEASE_6, name='RELEASE(6)'):
    """RELEASE(6), 6 bytes (SPC-2, 7.16; obsolete since); the extents and third parties are SCSI-2's."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Release6Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Release6Fields]) -> int: ...  # type: ignore[override]

class _ModeSense6Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    dbd: int
    pc: int
    page_code: int
    subpage_code: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ModeSense6(_ModeSense, Cdb6, opcode=Opcode.MODE_SENSE_6, name='MODE SENSE(6)', data_in='allocation_length'):
    """MODE SENSE(6), 6 bytes (SPC-4, 6.13); ``page_code`` is a ModePage."""
    allocation_length: pysrp.fields.U8
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ModeSense6Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ModeSense6Fields]) -> int: ...  # type: ignore[override]

class _ReceiveDiagnosticResultsFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    pcv: int
    page_code: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReceiveDiagnosticResults(Cdb6, opcode=Opcode.RECEIVE_DIAGNOSTIC_RESULTS, name='RECEIVE DIAGNOSTIC RESULTS', data_in='allocation_length'):
    """RECEIVE DIAGNOSTIC RESULTS, 6 bytes (SPC-4, 6.27)."""
    obsolete_lun: pysrp.fields.Bits
    """The unit in SCSI-2; Linux still fills it for a target whose level it does not know, and it is ignored"""
    pcv: pysrp.fields.Flag
    """Set: the page of that code is wanted; clear: what the last SEND DIAGNOSTIC asked for"""
    page_code: pysrp.fields.U8
    """Which page is meant"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReceiveDiagnosticResultsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReceiveDiagnosticResultsFields]) -> int: ...  # type: ignore[override]

class _SendDiagnosticFields(TypedDict, total=False):
    opcode: int
    self_test_code: int
    pf: int
    selftest: int
    devoffl: int
    unitoffl: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SendDiagnostic(Cdb6, opcode=Opcode.SEND_DIAGNOSTIC, name='SEND DIAGNOSTIC', data_out='parameter_list_length'):
    """SEND DIAGNOSTIC, 6 bytes (SPC-4, 6.42)."""
    self_test_code: pysrp.fields.Bits
    """Which self-test: 0 SELFTEST says, 1 short, 2 extended, both in background, 4 abort, 5 and 6 the same in foreground"""
    pf: pysrp.fields.Flag
    """Set: the parameters have the pages of the standard, clear: a form of the vendor's"""
    selftest: pysrp.fields.Flag
    """Set: the default self-test runs, and its result is the status; counts where the code is 0"""
    devoffl: pysrp.fields.Flag
    """Set: the test may disturb other units of the device"""
    unitoffl: pysrp.fields.Flag
    """Set: the test may disturb the unit, its medium or its position"""
    parameter_list_length: pysrp.fields.U16
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SendDiagnosticFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SendDiagnosticFields]) -> int: ...  # type: ignore[override]

class _WriteBuffer10Fields(TypedDict, total=False):
    opcode: int
    mode_specific: int
    mode: int
    buffer_id: int
    buffer_offset: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteBuffer10(_Buffer10, Cdb10, opcode=Opcode.WRITE_BUFFER_10, name='WRITE BUFFER(10)', data_out='parameter_list_length'):
    """WRITE BUFFER(10), 10 bytes (SPC-4, 6.49)."""
    mode: pysrp.fields.Bits
    """How the buffer is meant: its data, its description, microcode, an echo (SPC-5, read and write buffer)"""
    parameter_list_length: pysrp.fields.U24
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteBuffer10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteBuffer10Fields]) -> int: ...  # type: ignore[override]

class _ReadBuffer10Fields(TypedDict, total=False):
    opcode: int
    mode_specific: int
    mode: int
    buffer_id: int
    buffer_offset: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadBuffer10(_Buffer10, Cdb10, opcode=Opcode.READ_BUFFER_10, name='READ BUFFER(10)', data_in='allocation_length'):
    """READ BUFFER(10), 10 bytes (SPC-4, 6.18)."""
    mode: pysrp.fields.Bits
    """How the buffer is meant: its data, its description, microcode, an echo (SPC-5, read and write buffer)"""
    allocation_length: pysrp.fields.U24
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadBuffer10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadBuffer10Fields]) -> int: ...  # type: ignore[override]

class _LogSelectFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    pcr: int
    sp: int
    pc: int
    page_code: int
    subpage_code: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class LogSelect(_LogPage, Cdb10, opcode=Opcode.LOG_SELECT, name='LOG SELECT', data_out='parameter_list_length'):
    """LOG SELECT, 10 bytes (SPC-4, 6.7); ``page_code`` is a LogPage."""
    pcr: pysrp.fields.Flag
    """Set: the parameters go back to their defaults, counts to 0"""
    parameter_list_length: pysrp.fields.U16
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_LogSelectFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LogSelectFields]) -> int: ...  # type: ignore[override]

class _LogSenseFields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    ppc: int
    sp: int
    pc: int
    page_code: int
    subpage_code: int
    parameter_pointer: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class LogSense(_LogPage, Cdb10, opcode=Opcode.LOG_SENSE, name='LOG SENSE', data_in='allocation_length'):
    """LOG SENSE, 10 bytes (SPC-4, 6.8); ``page_code`` is a LogPage; PPC is obsolete."""
    ppc: pysrp.fields.Flag
    """Set: only parameters that have changed are wanted; obsolete"""
    parameter_pointer: pysrp.fields.U16
    """Lowest code of a parameter that is wanted; 0: all"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_LogSenseFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LogSenseFields]) -> int: ...  # type: ignore[override]

class _ModeSelect10Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    pf: int
    rtd: int
    sp: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ModeSelect10(_ModeSelect, Cdb10, opcode=Opcode.MODE_SELECT_10, name='MODE SELECT(10)', data_out='parameter_list_length'):
    """MODE SELECT(10), 10 bytes (SPC-4, 6.12)."""
    parameter_list_length: pysrp.fields.U16
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ModeSelect10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ModeSelect10Fields]) -> int: ...  # type: ignore[override]

class _Reserve10Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    third_party: int
    longid: int
    extent_bit: int
    reservation_identification: int
    third_party_device_id: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Reserve10(_ThirdParty10, Cdb10, opcode=Opcode.RESERVE_10, name='RESERVE(10)', data_out='parameter_list_length'):
    """RESERVE(10), 10 bytes (SPC-2, 7.22; obsolete since)."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Reserve10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Reserve10Fields]) -> int: ...  # type: ignore[override]

class _Release10Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    third_party: int
    longid: int
    extent_bit: int
    reservation_identification: int
    third_party_device_id: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class Release10(_ThirdParty10, Cdb10, opcode=Opcode.RELEASE_10, name='RELEASE(10)', data_out='parameter_list_length'):
    """RELEASE(10), 10 bytes (SPC-2, 7.17; obsolete since)."""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Release10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Release10Fields]) -> int: ...  # type: ignore[override]

class _ModeSense10Fields(TypedDict, total=False):
    opcode: int
    obsolete_lun: int
    llbaa: int
    dbd: int
    pc: int
    page_code: int
    subpage_code: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ModeSense10(_ModeSense, Cdb10, opcode=Opcode.MODE_SENSE_10, name='MODE SENSE(10)', data_in='allocation_length'):
    """MODE SENSE(10), 10 bytes (SPC-4, 6.14); ``page_code`` is a ModePage."""
    llbaa: pysrp.fields.Flag
    """Set: block descriptors of 16 bytes may come, for units of 2^32 blocks and more"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ModeSense10Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ModeSense10Fields]) -> int: ...  # type: ignore[override]

class _PersistentReserveInFields(TypedDict, total=False):
    opcode: int
    service_action: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class PersistentReserveIn(Cdb10, opcode=Opcode.PERSISTENT_RESERVE_IN, name='PERSISTENT RESERVE IN', data_in='allocation_length'):
    """PERSISTENT RESERVE IN, 10 bytes, all service actions (SPC-4, 6.15)."""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    allocation_length: pysrp.fields.U16
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_PersistentReserveInFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PersistentReserveInFields]) -> int: ...  # type: ignore[override]

class _PersistentReserveOutFields(TypedDict, total=False):
    opcode: int
    service_action: int
    scope: int
    type: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class PersistentReserveOut(Cdb10, opcode=Opcode.PERSISTENT_RESERVE_OUT, name='PERSISTENT RESERVE OUT', data_out='parameter_list_length'):
    """PERSISTENT RESERVE OUT, 10 bytes, all service actions (SPC-4, 6.16)."""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    scope: pysrp.fields.Bits
    """What a reservation covers: 0 all of the unit is the only one left"""
    type: pysrp.fields.Bits
    """What others may do under the reservation: 1, 5, 7 read, 3, 6, 8 nothing; from 5 on registrants are no others"""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_PersistentReserveOutFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PersistentReserveOutFields]) -> int: ...  # type: ignore[override]

class _ReportLunsFields(TypedDict, total=False):
    opcode: int
    select_report: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportLuns(Cdb12, opcode=Opcode.REPORT_LUNS, name='REPORT LUNS', data_in='allocation_length'):
    """REPORT LUNS, 12 bytes (SPC-4, 6.33); ``select_report`` is a SelectReport."""
    select_report: pysrp.fields.U8
    """Which units are listed: 0 all but well known ones, 1 those alone, 2 all"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportLunsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportLunsFields]) -> int: ...  # type: ignore[override]

class _SecurityProtocolInFields(TypedDict, total=False):
    opcode: int
    security_protocol: int
    security_protocol_specific: int
    inc_512: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SecurityProtocolIn(_Inc512, _Security, Cdb12, opcode=Opcode.SECURITY_PROTOCOL_IN, name='SECURITY PROTOCOL IN', data_in='allocation_length'):
    """SECURITY PROTOCOL IN, 12 bytes (SPC-4, 6.40); ``security_protocol`` is a SecurityProtocol."""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SecurityProtocolInFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SecurityProtocolInFields]) -> int: ...  # type: ignore[override]

class _ReportIdentifyingInformationFields(TypedDict, total=False):
    opcode: int
    service_action: int
    allocation_length: int
    identifying_information_type: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportIdentifyingInformation(Cdb12, opcode=Opcode.MAINTENANCE_IN, service_action=MaintenanceInAction.REPORT_IDENTIFYING_INFORMATION, name='REPORT IDENTIFYING INFORMATION', data_in='allocation_length'):
    """REPORT IDENTIFYING INFORMATION, 12 bytes (SPC-4, 6.32)."""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    identifying_information_type: pysrp.fields.Bits
    """Which text: 0 the device's own, 2 one for people to read, 7Fh: which ones are known"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportIdentifyingInformationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportIdentifyingInformationFields]) -> int: ...  # type: ignore[override]

class _ReportTargetPortGroupsFields(TypedDict, total=False):
    opcode: int
    parameter_data_format: int
    service_action: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportTargetPortGroups(Cdb12, opcode=Opcode.MAINTENANCE_IN, service_action=MaintenanceInAction.REPORT_TARGET_PORT_GROUPS, name='REPORT TARGET PORT GROUPS', data_in='allocation_length'):
    """REPORT TARGET PORT GROUPS, 12 bytes (SPC-4, 6.37)."""
    parameter_data_format: pysrp.fields.Bits
    """Form of the answer: 0 with a header of 4 bytes, 1 with one of 8, which has the time of transitions"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportTargetPortGroupsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportTargetPortGroupsFields]) -> int: ...  # type: ignore[override]

class _ReportAliasesFields(TypedDict, total=False):
    opcode: int
    service_action: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportAliases(Cdb12, opcode=Opcode.MAINTENANCE_IN, service_action=MaintenanceInAction.REPORT_ALIASES, name='REPORT ALIASES', data_in='allocation_length'):
    """REPORT ALIASES, 12 bytes (SPC-4, 6.30)."""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportAliasesFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportAliasesFields]) -> int: ...  # type: ignore[override]

class _ReportSupportedOperationCodesFields(TypedDict, total=False):
    opcode: int
    service_action: int
    rctd: int
    reporting_options: int
    requested_operation_code: int
    requested_service_action: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportSupportedOperationCodes(Cdb12, opcode=Opcode.MAINTENANCE_IN, service_action=MaintenanceInAction.REPORT_SUPPORTED_OPERATION_CODES, name='REPORT SUPPORTED OPERATION CODES', data_in='allocation_length'):
    """REPORT SUPPORTED OPERATION CODES, 12 bytes (SPC-4, 6.35)."""
    rctd: pysrp.fields.Flag
    """Set: how long commands may take is wanted as well"""
    reporting_options: pysrp.fields.Bits
    """0 all commands, 1 one by operation code, 2 one by service action too, 3 one in either way"""
    requested_operation_code: pysrp.fields.U8
    """First byte of the CDB that is asked about"""
    requested_service_action: pysrp.fields.U16
    """Service action that is asked about, where the options want one"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportSupportedOperationCodesFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportSupportedOperationCodesFields]) -> int: ...  # type: ignore[override]

class _ReportSupportedTaskManagementFunctionsFields(TypedDict, total=False):
    opcode: int
    service_action: int
    repd: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportSupportedTaskManagementFunctions(Cdb12, opcode=Opcode.MAINTENANCE_IN, service_action=MaintenanceInAction.REPORT_SUPPORTED_TASK_MANAGEMENT_FUNCTIONS, name='REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', data_in='allocation_length'):
    """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, 12 bytes (SPC-4, 6.36)."""
    repd: pysrp.fields.Flag
    """Set: timeouts are wanted as well, 16 bytes in all; clear: 4 bytes"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportSupportedTaskManagementFunctionsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportSupportedTaskManagementFunctionsFields]) -> int: ...  # type: ignore[override]

class _ReportPriorityFields(TypedDict, total=False):
    opcode: int
    service_action: int
    priority_reported: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportPriority(Cdb12, opcode=Opcode.MAINTENANCE_IN, service_action=MaintenanceInAction.REPORT_PRIORITY, name='REPORT PRIORITY', data_in='allocation_length'):
    """REPORT PRIORITY, 12 bytes (SPC-4, 6.34)."""
    priority_reported: pysrp.fields.Bits
    """Which nexuses: 0 this one, 1 all whose priority was set"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportPriorityFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportPriorityFields]) -> int: ...  # type: ignore[override]

class _ReportTimestampFields(TypedDict, total=False):
    opcode: int
    service_action: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportTimestamp(Cdb12, opcode=Opcode.MAINTENANCE_IN, service_action=MaintenanceInAction.REPORT_TIMESTAMP, name='REPORT TIMESTAMP', data_in='allocation_length'):
    """REPORT TIMESTAMP, 12 bytes (SPC-4, 6.38)."""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportTimestampFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportTimestampFields]) -> int: ...  # type: ignore[override]

class _SetIdentifyingInformationFields(TypedDict, total=False):
    opcode: int
    service_action: int
    parameter_list_length: int
    identifying_information_type: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SetIdentifyingInformation(Cdb12, opcode=Opcode.MAINTENANCE_OUT, service_action=MaintenanceOutAction.SET_IDENTIFYING_INFORMATION, name='SET IDENTIFYING INFORMATION', data_out='parameter_list_length'):
    """SET IDENTIFYING INFORMATION, 12 bytes (SPC-4, 6.43)."""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    identifying_information_type: pysrp.fields.Bits
    """Which text: 0 the device's own, 2 one for people to read, 7Fh: which ones are known"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_SetIdentifyingInformationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SetIdentifyingInformationFields]) -> int: ...  # type: ignore[override]

class _SetTargetPortGroupsFields(TypedDict, total=False):
    opcode: int
    service_action: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SetTargetPortGroups(Cdb12, opcode=Opcode.MAINTENANCE_OUT, service_action=MaintenanceOutAction.SET_TARGET_PORT_GROUPS, name='SET TARGET PORT GROUPS', data_out='parameter_list_length'):
    """SET TARGET PORT GROUPS, 12 bytes (SPC-4, 6.45)."""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_SetTargetPortGroupsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SetTargetPortGroupsFields]) -> int: ...  # type: ignore[override]

class _ChangeAliasesFields(TypedDict, total=False):
    opcode: int
    service_action: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ChangeAliases(Cdb12, opcode=Opcode.MAINTENANCE_OUT, service_action=MaintenanceOutAction.CHANGE_ALIASES, name='CHANGE ALIASES', data_out='parameter_list_length'):
    """CHANGE ALIASES, 12 bytes (SPC-4, 6.2)."""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ChangeAliasesFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ChangeAliasesFields]) -> int: ...  # type: ignore[override]

class _SetPriorityFields(TypedDict, total=False):
    opcode: int
    service_action: int
    i_t_l_nexus_to_set: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SetPriority(Cdb12, opcode=Opcode.MAINTENANCE_OUT, service_action=MaintenanceOutAction.SET_PRIORITY, name='SET PRIORITY', data_out='parameter_list_length'):
    """SET PRIORITY, 12 bytes (SPC-4, 6.44)."""
    i_t_l_nexus_to_set: pysrp.fields.Bits
    """Whose priority is set: 0 this nexus', 1 that of the port in the list, 2 that of all"""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_SetPriorityFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SetPriorityFields]) -> int: ...  # type: ignore[override]

class _SetTimestampFields(TypedDict, total=False):
    opcode: int
    service_action: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SetTimestamp(Cdb12, opcode=Opcode.MAINTENANCE_OUT, service_action=MaintenanceOutAction.SET_TIMESTAMP, name='SET TIMESTAMP', data_out='parameter_list_length'):
    """SET TIMESTAMP, 12 bytes (SPC-4, 6.46)."""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_SetTimestampFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SetTimestampFields]) -> int: ...  # type: ignore[override]

class _SecurityProtocolOutFields(TypedDict, total=False):
    opcode: int
    security_protocol: int
    security_protocol_specific: int
    inc_512: int
    transfer_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class SecurityProtocolOut(_Inc512, _Security, Cdb12, opcode=Opcode.SECURITY_PROTOCOL_OUT, name='SECURITY PROTOCOL OUT', data_out='transfer_length'):
    """SECURITY PROTOCOL OUT, 12 bytes (SPC-4, 6.41); ``security_protocol`` is a SecurityProtocol."""
    transfer_length: pysrp.fields.U32
    """Bytes of data-out, or units of 512 bytes where INC_512 is set (SPC-5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SecurityProtocolOutFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SecurityProtocolOutFields]) -> int: ...  # type: ignore[override]

class _ExtendedCopyLid1Fields(TypedDict, total=False):
    opcode: int
    service_action: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ExtendedCopyLid1(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_OUT, service_action=ThirdPartyCopyOutAction.EXTENDED_COPY_LID1, name='EXTENDED COPY(LID1)', data_out='parameter_list_length'):
    """EXTENDED COPY(LID1), 16 bytes (SPC-4, 6.5), the EXTENDED COPY of SPC-3."""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ExtendedCopyLid1Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ExtendedCopyLid1Fields]) -> int: ...  # type: ignore[override]

class _ExtendedCopyFields(TypedDict, total=False):
    opcode: int
    service_action: int
    parameter_list_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ExtendedCopy(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_OUT, service_action=ThirdPartyCopyOutAction.EXTENDED_COPY, name='EXTENDED COPY', data_out='parameter_list_length'):
    """EXTENDED COPY(LID4), 16 bytes (SPC-4, 6.4)."""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ExtendedCopyFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ExtendedCopyFields]) -> int: ...  # type: ignore[override]

class _CopyOperationAbortFields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class CopyOperationAbort(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_OUT, service_action=ThirdPartyCopyOutAction.COPY_OPERATION_ABORT, name='COPY OPERATION ABORT'):
    """COPY OPERATION ABORT, 16 bytes (SPC-4, 6.3)."""
    list_identifier: pysrp.fields.U32
    """Number by which later commands ask for the state of this copy"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_CopyOperationAbortFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CopyOperationAbortFields]) -> int: ...  # type: ignore[override]

class _ReceiveCopyStatusLid1Fields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReceiveCopyStatusLid1(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_IN, service_action=ThirdPartyCopyInAction.RECEIVE_COPY_STATUS_LID1, name='RECEIVE COPY STATUS(LID1)', data_in='allocation_length'):
    """RECEIVE COPY STATUS(LID1), 16 bytes (SPC-4, 6.25), RECEIVE COPY RESULTS of SPC-3."""
    list_identifier: pysrp.fields.U8
    """Number by which later commands ask for the state of this copy"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReceiveCopyStatusLid1Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReceiveCopyStatusLid1Fields]) -> int: ...  # type: ignore[override]

class _ReceiveCopyDataLid1Fields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReceiveCopyDataLid1(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_IN, service_action=ThirdPartyCopyInAction.RECEIVE_COPY_DATA_LID1, name='RECEIVE COPY DATA(LID1)', data_in='allocation_length'):
    """RECEIVE COPY DATA(LID1), 16 bytes (SPC-4, 6.21), RECEIVE COPY RESULTS of SPC-3."""
    list_identifier: pysrp.fields.U8
    """Number by which later commands ask for the state of this copy"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReceiveCopyDataLid1Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReceiveCopyDataLid1Fields]) -> int: ...  # type: ignore[override]

class _ReceiveCopyOperatingParametersFields(TypedDict, total=False):
    opcode: int
    service_action: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReceiveCopyOperatingParameters(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_IN, service_action=ThirdPartyCopyInAction.RECEIVE_COPY_OPERATING_PARAMETERS, name='RECEIVE COPY OPERATING PARAMETERS', data_in='allocation_length'):
    """RECEIVE COPY OPERATING PARAMETERS, 16 bytes (SPC-4, 6.23), RECEIVE COPY RESULTS of SPC-3."""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReceiveCopyOperatingParametersFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReceiveCopyOperatingParametersFields]) -> int: ...  # type: ignore[override]

class _ReceiveCopyFailureDetailsLid1Fields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReceiveCopyFailureDetailsLid1(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_IN, service_action=ThirdPartyCopyInAction.RECEIVE_COPY_FAILURE_DETAILS_LID1, name='RECEIVE COPY FAILURE DETAILS(LID1)', data_in='allocation_length'):
    """RECEIVE COPY FAILURE DETAILS(LID1), 16 bytes (SPC-4, 6.22), RECEIVE COPY RESULTS of SPC-3."""
    list_identifier: pysrp.fields.U8
    """Number by which later commands ask for the state of this copy"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReceiveCopyFailureDetailsLid1Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReceiveCopyFailureDetailsLid1Fields]) -> int: ...  # type: ignore[override]

class _ReceiveCopyStatusFields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReceiveCopyStatus(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_IN, service_action=ThirdPartyCopyInAction.RECEIVE_COPY_STATUS, name='RECEIVE COPY STATUS', data_in='allocation_length'):
    """RECEIVE COPY STATUS(LID4), 16 bytes (SPC-4, 6.24)."""
    list_identifier: pysrp.fields.U32
    """Number by which later commands ask for the state of this copy"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReceiveCopyStatusFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReceiveCopyStatusFields]) -> int: ...  # type: ignore[override]

class _ReceiveCopyDataFields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReceiveCopyData(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_IN, service_action=ThirdPartyCopyInAction.RECEIVE_COPY_DATA, name='RECEIVE COPY DATA', data_in='allocation_length'):
    """RECEIVE COPY DATA(LID4), 16 bytes (SPC-4, 6.20)."""
    list_identifier: pysrp.fields.U32
    """Number by which later commands ask for the state of this copy"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReceiveCopyDataFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReceiveCopyDataFields]) -> int: ...  # type: ignore[override]

class _ReceiveRodTokenInformationFields(TypedDict, total=False):
    opcode: int
    service_action: int
    list_identifier: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReceiveRodTokenInformation(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_IN, service_action=ThirdPartyCopyInAction.RECEIVE_ROD_TOKEN_INFORMATION, name='RECEIVE ROD TOKEN INFORMATION', data_in='allocation_length'):
    """RECEIVE ROD TOKEN INFORMATION, 16 bytes (SPC-4, 6.28)."""
    list_identifier: pysrp.fields.U32
    """Number by which later commands ask for the state of this copy"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReceiveRodTokenInformationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReceiveRodTokenInformationFields]) -> int: ...  # type: ignore[override]

class _ReportAllRodTokensFields(TypedDict, total=False):
    opcode: int
    service_action: int
    allocation_length: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReportAllRodTokens(Cdb16, opcode=Opcode.THIRD_PARTY_COPY_IN, service_action=ThirdPartyCopyInAction.REPORT_ALL_ROD_TOKENS, name='REPORT ALL ROD TOKENS', data_in='allocation_length'):
    """REPORT ALL ROD TOKENS, 16 bytes (SPC-4, 6.31)."""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    service_action: pysrp.fields.Bits
    """Which of the commands that share the operation code this is (SPC-4, 4.2.5)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReportAllRodTokensFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportAllRodTokensFields]) -> int: ...  # type: ignore[override]

class _WriteBuffer16Fields(TypedDict, total=False):
    opcode: int
    mode_specific: int
    mode: int
    buffer_offset: int
    parameter_list_length: int
    buffer_id: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class WriteBuffer16(_Buffer16, Cdb16, opcode=Opcode.WRITE_BUFFER_16, name='WRITE BUFFER(16)', data_out='parameter_list_length'):
    """WRITE BUFFER(16), 16 bytes (opcode of T10's list; laid out as READ BUFFER(16))."""
    mode: pysrp.fields.Bits
    """How the buffer is meant: its data, its description, microcode, an echo (SPC-5, read and write buffer)"""
    parameter_list_length: pysrp.fields.U32
    """Bytes of parameters that follow as data-out; 0 is no error (SPC-4, 4.2.5.5)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_WriteBuffer16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_WriteBuffer16Fields]) -> int: ...  # type: ignore[override]

class _ReadBuffer16Fields(TypedDict, total=False):
    opcode: int
    mode_specific: int
    mode: int
    buffer_offset: int
    allocation_length: int
    buffer_id: int
    control_vendor_specific: int
    naca: int
    control_obsolete: int
    trailing: ReadableBuffer

class ReadBuffer16(_Buffer16, Cdb16, opcode=Opcode.READ_BUFFER_16, name='READ BUFFER(16)', data_in='allocation_length'):
    """READ BUFFER(16), 16 bytes (SPC-5)."""
    mode: pysrp.fields.Bits
    """How the buffer is meant: its data, its description, microcode, an echo (SPC-5, read and write buffer)"""
    allocation_length: pysrp.fields.U32
    """Most bytes that the initiator has room for; less is no error, and 0 brings nothing (SPC-4, 4.2.5.6)"""
    opcode: pysrp.fields.U8
    """Which command this is; bits 5 to 7 are the group, which says how long the CDB is (SPC-4, 4.2.5.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReadBuffer16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReadBuffer16Fields]) -> int: ...  # type: ignore[override]
