"""CDBs against tables typed a second time, literal bytes, real captures, and whatever bytes there are."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pysrp import scsi
from pysrp.errors import DecodeError, EncodeError, TruncatedError
from pysrp.fields import U8, U16, U32, Bits, Flag
from pysrp.scsi import Cdb, Cdb10, Cdb12, Cdb16, DataDirection, Opcode, parse_cdb
from pysrp.scsi import cdb as module
from pysrp.tables import opcode_name

CAPTURES = sorted((Path(__file__).parent.parent / "vectors" / "captures").glob("*.jsonl"))

# Class, length, bytes that select it (byte=value), and its fields as the standards print them: name,
# the byte and bit of the most significant bit, width in bits. CONTROL and the selecting fields are added.
LAYOUTS = """
TestUnitReady 6 0=00: obsolete_lun 1.7 3
RequestSense 6 0=03: obsolete_lun 1.7 3, desc 1.0 1, allocation_length 4.7 8
FormatUnit 6 0=04: fmtpinfo 1.7 2, longlist 1.5 1, fmtdata 1.4 1, cmplist 1.3 1, defect_list_format 1.2 3,
 vendor_specific 2.7 8, obsolete_interleave 3.7 8, ffmt 4.1 2
ReassignBlocks 6 0=07: obsolete_lun 1.7 3, longlba 1.1 1, longlist 1.0 1
Read6 6 0=08: obsolete_lun 1.7 3, lba 1.4 21, transfer_length 4.7 8
Write6 6 0=0a: obsolete_lun 1.7 3, lba 1.4 21, transfer_length 4.7 8
Inquiry 6 0=12: obsolete_lun 1.7 3, cmddt 1.1 1, evpd 1.0 1, page_code 2.7 8, allocation_length 3.7 16
ModeSelect6 6 0=15: obsolete_lun 1.7 3, pf 1.4 1, rtd 1.1 1, sp 1.0 1, parameter_list_length 4.7 8
Reserve6 6 0=16: obsolete_lun 1.7 3, third_party 1.4 1, third_party_device_id 1.3 3, extent_bit 1.0 1,
 reservation_identification 2.7 8, extent_list_length 3.7 16
Release6 6 0=17: obsolete_lun 1.7 3, third_party 1.4 1, third_party_device_id 1.3 3, extent_bit 1.0 1,
 reservation_identification 2.7 8
ModeSense6 6 0=1a: obsolete_lun 1.7 3, dbd 1.3 1, pc 2.7 2, page_code 2.5 6, subpage_code 3.7 8,
 allocation_length 4.7 8
StartStopUnit 6 0=1b: obsolete_lun 1.7 3, immed 1.0 1, power_condition_modifier 3.3 4, power_condition 4.7 4,
 no_flush 4.2 1, loej 4.1 1, start 4.0 1
ReceiveDiagnosticResults 6 0=1c: obsolete_lun 1.7 3, pcv 1.0 1, page_code 2.7 8, allocation_length 3.7 16
SendDiagnostic 6 0=1d: self_test_code 1.7 3, pf 1.4 1, selftest 1.2 1, devoffl 1.1 1, unitoffl 1.0 1,
 parameter_list_length 3.7 16
PreventAllowMediumRemoval 6 0=1e: obsolete_lun 1.7 3, prevent 4.1 2
ReadCapacity10 10 0=25: obsolete_lun 1.7 3, reladr 1.0 1, lba 2.7 32, pmi 8.0 1
Read10 10 0=28: rdprotect 1.7 3, dpo 1.4 1, fua 1.3 1, rarc 1.2 1, fua_nv 1.1 1, reladr 1.0 1, lba 2.7 32,
 group_number 6.5 6, transfer_length 7.7 16
Write10 10 0=2a: wrprotect 1.7 3, dpo 1.4 1, fua 1.3 1, fua_nv 1.1 1, reladr 1.0 1, lba 2.7 32,
 group_number 6.5 6, transfer_length 7.7 16
WriteAndVerify10 10 0=2e: wrprotect 1.7 3, dpo 1.4 1, bytchk 1.2 2, reladr 1.0 1, lba 2.7 32,
 group_number 6.5 6, transfer_length 7.7 16
Verify10 10 0=2f: vrprotect 1.7 3, dpo 1.4 1, bytchk 1.2 2, reladr 1.0 1, lba 2.7 32, group_number 6.5 6,
 verification_length 7.7 16
PreFetch10 10 0=34: obsolete_lun 1.7 3, immed 1.1 1, reladr 1.0 1, lba 2.7 32, group_number 6.5 6,
 prefetch_length 7.7 16
SynchronizeCache10 10 0=35: obsolete_lun 1.7 3, sync_nv 1.2 1, immed 1.1 1, reladr 1.0 1, lba 2.7 32,
 group_number 6.5 6, number_of_logical_blocks 7.7 16
ReadDefectData10 10 0=37: obsolete_lun 1.7 3, req_plist 2.4 1, req_glist 2.3 1, defect_list_format 2.2 3,
 allocation_length 7.7 16
WriteBuffer10 10 0=3b: mode_specific 1.7 3, mode 1.4 5, buffer_id 2.7 8, buffer_offset 3.7 24,
 parameter_list_length 6.7 24
ReadBuffer10 10 0=3c: mode_specific 1.7 3, mode 1.4 5, buffer_id 2.7 8, buffer_offset 3.7 24,
 allocation_length 6.7 24
WriteSame10 10 0=41: wrprotect 1.7 3, anchor 1.4 1, unmap 1.3 1, pbdata 1.2 1, lbdata 1.1 1, reladr 1.0 1,
 lba 2.7 32, group_number 6.5 6, number_of_logical_blocks 7.7 16
Unmap 10 0=42: anchor 1.0 1, group_number 6.5 6, parameter_list_length 7.7 16
ReadToc 10 0=43: obsolete_lun 1.7 3, msf 1.1 1, format 2.3 4, track_session_number 6.7 8,
 allocation_length 7.7 16
GetConfiguration 10 0=46: rt 1.1 2, starting_feature_number 2.7 16, allocation_length 7.7 16
Sanitize 10 0=48: immed 1.7 1, znr 1.6 1, ause 1.5 1, service_action 1.4 5, parameter_list_length 7.7 16
GetEventStatusNotification 10 0=4a: polled 1.0 1, notification_class_request 4.7 8, allocation_length 7.7 16
LogSelect 10 0=4c: obsolete_lun 1.7 3, pcr 1.1 1, sp 1.0 1, pc 2.7 2, page_code 2.5 6, subpage_code 3.7 8,
 parameter_list_length 7.7 16
LogSense 10 0=4d: obsolete_lun 1.7 3, ppc 1.1 1, sp 1.0 1, pc 2.7 2, page_code 2.5 6, subpage_code 3.7 8,
 parameter_pointer 5.7 16, allocation_length 7.7 16
ReadDiscInformation 10 0=51: data_type 1.2 3, allocation_length 7.7 16
ReadTrackInformation 10 0=52: open 1.2 1, address_number_type 1.1 2, address 2.7 32, allocation_length 7.7 16
ModeSelect10 10 0=55: obsolete_lun 1.7 3, pf 1.4 1, rtd 1.1 1, sp 1.0 1, parameter_list_length 7.7 16
Reserve10 10 0=56: obsolete_lun 1.7 3, third_party 1.4 1, longid 1.1 1, extent_bit 1.0 1,
 reservation_identification 2.7 8, third_party_device_id 3.7 8, parameter_list_length 7.7 16
Release10 10 0=57: obsolete_lun 1.7 3, third_party 1.4 1, longid 1.1 1, extent_bit 1.0 1,
 reservation_identification 2.7 8, third_party_device_id 3.7 8, parameter_list_length 7.7 16
ModeSense10 10 0=5a: obsolete_lun 1.7 3, llbaa 1.4 1, dbd 1.3 1, pc 2.7 2, page_code 2.5 6,
 subpage_code 3.7 8,
 allocation_length 7.7 16
ReadBufferCapacity 10 0=5c: block 1.0 1, allocation_length 7.7 16
PersistentReserveIn 10 0=5e: service_action 1.4 5, allocation_length 7.7 16
PersistentReserveOut 10 0=5f: service_action 1.4 5, scope 2.7 4, type 2.3 4, parameter_list_length 5.7 32
ReportLuns 12 0=a0: select_report 2.7 8, allocation_length 6.7 32
AtaPassThrough12 12 0=a1: multiple_count 1.7 3, protocol 1.4 4, off_line 2.7 2, ck_cond 2.5 1, t_type 2.4 1,
 t_dir 2.3 1, byt_blok 2.2 1, t_length 2.1 2, features 3.7 8, count 4.7 8, lba_7_0 5.7 8, lba_15_8 6.7 8,
 lba_23_16 7.7 8, device 8.7 8, command 9.7 8
SecurityProtocolIn 12 0=a2: security_protocol 1.7 8, security_protocol_specific 2.7 16, inc_512 4.7 1,
 allocation_length 6.7 32
ReportIdentifyingInformation 12 0=a3 1=05: allocation_length 6.7 32, identifying_information_type 10.7 7
ReportTargetPortGroups 12 0=a3 1=0a: parameter_data_format 1.7 3, allocation_length 6.7 32
ReportAliases 12 0=a3 1=0b: allocation_length 6.7 32
ReportSupportedOperationCodes 12 0=a3 1=0c: rctd 2.7 1, reporting_options 2.2 3,
 requested_operation_code 3.7 8,
 requested_service_action 4.7 16, allocation_length 6.7 32
ReportSupportedTaskManagementFunctions 12 0=a3 1=0d: repd 2.7 1, allocation_length 6.7 32
ReportPriority 12 0=a3 1=0e: priority_reported 2.7 2, allocation_length 6.7 32
ReportTimestamp 12 0=a3 1=0f: allocation_length 6.7 32
SetIdentifyingInformation 12 0=a4 1=06: parameter_list_length 6.7 32, identifying_information_type 10.7 7
SetTargetPortGroups 12 0=a4 1=0a: parameter_list_length 6.7 32
ChangeAliases 12 0=a4 1=0b: parameter_list_length 6.7 32
SetPriority 12 0=a4 1=0e: i_t_l_nexus_to_set 2.7 2, parameter_list_length 6.7 32
SetTimestamp 12 0=a4 1=0f: parameter_list_length 6.7 32
Read12 12 0=a8: rdprotect 1.7 3, dpo 1.4 1, fua 1.3 1, rarc 1.2 1, fua_nv 1.1 1, reladr 1.0 1, lba 2.7 32,
 transfer_length 6.7 32, streaming 10.7 1, group_number 10.5 6
Write12 12 0=aa: wrprotect 1.7 3, dpo 1.4 1, fua 1.3 1, fua_nv 1.1 1, reladr 1.0 1, lba 2.7 32,
 transfer_length 6.7 32, streaming 10.7 1, group_number 10.5 6
ReadDiscStructure 12 0=ad: media_type 1.3 4, address 2.7 32, layer_number 6.7 8, format 7.7 8,
 allocation_length 8.7 16, agid 10.7 2
WriteAndVerify12 12 0=ae: wrprotect 1.7 3, dpo 1.4 1, bytchk 1.2 2, reladr 1.0 1, lba 2.7 32,
 transfer_length 6.7 32, group_number 10.5 6
Verify12 12 0=af: vrprotect 1.7 3, dpo 1.4 1, bytchk 1.2 2, reladr 1.0 1, lba 2.7 32,
 verification_length 6.7 32, group_number 10.5 6
SecurityProtocolOut 12 0=b5: security_protocol 1.7 8, security_protocol_specific 2.7 16, inc_512 4.7 1,
 transfer_length 6.7 32
ReadDefectData12 12 0=b7: req_plist 1.4 1, req_glist 1.3 1, defect_list_format 1.2 3,
 address_descriptor_index 2.7 32, allocation_length 6.7 32
ReadCdMsf 12 0=b9: expected_sector_type 1.4 3, dap 1.1 1, starting_m 3.7 8, starting_s 4.7 8,
 starting_f 5.7 8,
 ending_m 6.7 8, ending_s 7.7 8, ending_f 8.7 8, sync 9.7 1, header_codes 9.6 2, user_data 9.4 1,
 edc_ecc 9.3 1,
 c2_error_information 9.2 2, sub_channel_selection 10.2 3
SetCdSpeed 12 0=bb: rotational_control 1.1 2, logical_unit_read_speed 2.7 16, logical_unit_write_speed 4.7 16
MechanismStatus 12 0=bd: allocation_length 8.7 16
ReadCd 12 0=be: expected_sector_type 1.4 3, dap 1.1 1, reladr 1.0 1, lba 2.7 32, transfer_length 6.7 24,
 sync 9.7 1, header_codes 9.6 2, user_data 9.4 1, edc_ecc 9.3 1, c2_error_information 9.2 2,
 sub_channel_selection 10.2 3
ExtendedCopyLid1 16 0=83 1=00: parameter_list_length 10.7 32
ExtendedCopy 16 0=83 1=01: parameter_list_length 10.7 32
PopulateToken 16 0=83 1=10: list_identifier 6.7 32, parameter_list_length 10.7 32, group_number 14.5 6
WriteUsingToken 16 0=83 1=11: list_identifier 6.7 32, parameter_list_length 10.7 32, group_number 14.5 6
CopyOperationAbort 16 0=83 1=1c: list_identifier 2.7 32
ReceiveCopyStatusLid1 16 0=84 1=00: list_identifier 2.7 8, allocation_length 10.7 32
ReceiveCopyDataLid1 16 0=84 1=01: list_identifier 2.7 8, allocation_length 10.7 32
ReceiveCopyOperatingParameters 16 0=84 1=03: allocation_length 10.7 32
ReceiveCopyFailureDetailsLid1 16 0=84 1=04: list_identifier 2.7 8, allocation_length 10.7 32
ReceiveCopyStatus 16 0=84 1=05: list_identifier 2.7 32, allocation_length 10.7 32
ReceiveCopyData 16 0=84 1=06: list_identifier 2.7 32, allocation_length 10.7 32
ReceiveRodTokenInformation 16 0=84 1=07: list_identifier 2.7 32, allocation_length 10.7 32
ReportAllRodTokens 16 0=84 1=08: allocation_length 10.7 32
AtaPassThrough16 16 0=85: multiple_count 1.7 3, protocol 1.4 4, extend 1.0 1, off_line 2.7 2, ck_cond 2.5 1,
 t_type 2.4 1, t_dir 2.3 1, byt_blok 2.2 1, t_length 2.1 2, features 3.7 16, count 5.7 16, lba_31_24 7.7 8,
 lba_7_0 8.7 8, lba_39_32 9.7 8, lba_15_8 10.7 8, lba_47_40 11.7 8, lba_23_16 12.7 8, device 13.7 8,
 command 14.7 8
Read16 16 0=88: rdprotect 1.7 3, dpo 1.4 1, fua 1.3 1, rarc 1.2 1, fua_nv 1.1 1, dld2 1.0 1, lba 2.7 64,
 transfer_length 10.7 32, dld1 14.7 1, dld0 14.6 1, group_number 14.5 6
CompareAndWrite 16 0=89: wrprotect 1.7 3, dpo 1.4 1, fua 1.3 1, fua_nv 1.1 1, lba 2.7 64,
 number_of_logical_blocks 13.7 8, group_number 14.5 6
Write16 16 0=8a: wrprotect 1.7 3, dpo 1.4 1, fua 1.3 1, fua_nv 1.1 1, dld2 1.0 1, lba 2.7 64,
 transfer_length 10.7 32, dld1 14.7 1, dld0 14.6 1, group_number 14.5 6
OrWrite16 16 0=8b: orprotect 1.7 3, dpo 1.4 1, fua 1.3 1, fua_nv 1.1 1, lba 2.7 64, transfer_length 10.7 32,
 group_number 14.5 6
WriteAndVerify16 16 0=8e: wrprotect 1.7 3, dpo 1.4 1, bytchk 1.2 2, lba 2.7 64, transfer_length 10.7 32,
 group_number 14.5 6
Verify16 16 0=8f: vrprotect 1.7 3, dpo 1.4 1, bytchk 1.2 2, lba 2.7 64, verification_length 10.7 32,
 group_number 14.5 6
PreFetch16 16 0=90: immed 1.1 1, reladr 1.0 1, lba 2.7 64, prefetch_length 10.7 32, group_number 14.5 6
SynchronizeCache16 16 0=91: sync_nv 1.2 1, immed 1.1 1, lba 2.7 64, number_of_logical_blocks 10.7 32,
 group_number 14.5 6
WriteSame16 16 0=93: wrprotect 1.7 3, anchor 1.4 1, unmap 1.3 1, pbdata 1.2 1, lbdata 1.1 1, ndob 1.0 1,
 lba 2.7 64, number_of_logical_blocks 10.7 32, group_number 14.5 6
WriteBuffer16 16 0=96: mode_specific 1.7 3, mode 1.4 5, buffer_offset 2.7 64, parameter_list_length 10.7 32,
 buffer_id 14.7 8
WriteStream16 16 0=9a: wrprotect 1.7 3, dpo 1.4 1, fua 1.3 1, lba 2.7 64, str_id 10.7 16,
 transfer_length 12.7 16, group_number 14.5 6
ReadBuffer16 16 0=9b: mode_specific 1.7 3, mode 1.4 5, buffer_offset 2.7 64, allocation_length 10.7 32,
 buffer_id 14.7 8
WriteAtomic16 16 0=9c: wrprotect 1.7 3, dpo 1.4 1, fua 1.3 1, lba 2.7 64, atomic_boundary 10.7 16,
 transfer_length 12.7 16, group_number 14.5 6
ReadCapacity16 16 0=9e 1=10: lba 2.7 64, allocation_length 10.7 32, pmi 14.0 1
GetLbaStatus16 16 0=9e 1=12: lba 2.7 64, allocation_length 10.7 32, report_type 14.7 8
ReportReferrals 16 0=9e 1=13: lba 2.7 64, allocation_length 10.7 32, one_seg 14.0 1
GetStreamStatus 16 0=9e 1=16: starting_stream_identifier 4.7 16, allocation_length 10.7 32
Read32 32 0=7f 9=09: group_number 6.5 6, rdprotect 10.7 3, dpo 10.4 1, fua 10.3 1, rarc 10.2 1, fua_nv 10.1 1,
 dld 11.2 3, lba 12.7 64, expected_initial_logical_block_reference_tag 20.7 32,
 expected_logical_block_application_tag 24.7 16, logical_block_application_tag_mask 26.7 16,
 transfer_length 28.7 32
Verify32 32 0=7f 9=0a: group_number 6.5 6, vrprotect 10.7 3, dpo 10.4 1, bytchk 10.2 2, lba 12.7 64,
 expected_initial_logical_block_reference_tag 20.7 32, expected_logical_block_application_tag 24.7 16,
 logical_block_application_tag_mask 26.7 16, verification_length 28.7 32
Write32 32 0=7f 9=0b: group_number 6.5 6, wrprotect 10.7 3, dpo 10.4 1, fua 10.3 1, fua_nv 10.1 1, dld 11.2 3,
 lba 12.7 64, expected_initial_logical_block_reference_tag 20.7 32,
 expected_logical_block_application_tag 24.7 16, logical_block_application_tag_mask 26.7 16,
 transfer_length 28.7 32
WriteAndVerify32 32 0=7f 9=0c: group_number 6.5 6, wrprotect 10.7 3, dpo 10.4 1, bytchk 10.2 2, lba 12.7 64,
 expected_initial_logical_block_reference_tag 20.7 32, expected_logical_block_application_tag 24.7 16,
 logical_block_application_tag_mask 26.7 16, transfer_length 28.7 32
WriteSame32 32 0=7f 9=0d: group_number 6.5 6, wrprotect 10.7 3, anchor 10.4 1, unmap 10.3 1, pbdata 10.2 1,
 lbdata 10.1 1, ndob 10.0 1, lba 12.7 64, expected_initial_logical_block_reference_tag 20.7 32,
 expected_logical_block_application_tag 24.7 16, logical_block_application_tag_mask 26.7 16,
 number_of_logical_blocks 28.7 32
OrWrite32 32 0=7f 9=0e: bmop 2.2 3, previous_generation_processing 3.3 4, group_number 6.5 6,
 orprotect 10.7 3,
 dpo 10.4 1, fua 10.3 1, fua_nv 10.1 1, lba 12.7 64, expected_orwgeneration 20.7 32,
 new_orwgeneration 24.7 32,
 transfer_length 28.7 32
WriteAtomic32 32 0=7f 9=0f: atomic_boundary 4.7 16, group_number 6.5 6, wrprotect 10.7 3, dpo 10.4 1,
 fua 10.3 1,
 fua_nv 10.1 1, lba 12.7 64, expected_initial_logical_block_reference_tag 20.7 32,
 expected_logical_block_application_tag 24.7 16, logical_block_application_tag_mask 26.7 16,
 transfer_length 28.7 32
WriteStream32 32 0=7f 9=10: str_id 4.7 16, group_number 6.5 6, wrprotect 10.7 3, dpo 10.4 1, fua 10.3 1,
 lba 12.7 64, expected_initial_logical_block_reference_tag 20.7 32,
 expected_logical_block_application_tag 24.7 16, logical_block_application_tag_mask 26.7 16,
 transfer_length 28.7 32
GetLbaStatus32 32 0=7f 9=12: report_type 10.7 8, lba 12.7 64, scan_length 20.7 32, element_identifier 24.7 32,
 allocation_length 28.7 32
AtaPassThrough32 32 0=7f 8=1f 9=f0: multiple_count 10.7 3, protocol 10.4 4, extend 10.0 1, off_line 11.7 2,
 ck_cond 11.5 1, t_type 11.4 1, t_dir 11.3 1, byt_blok 11.2 1, t_length 11.1 2, lba 14.7 48, features 20.7 16,
 count 22.7 16, device 24.7 8, command 25.7 8, icc 27.7 8, auxiliary 28.7 32
"""


class Layout:
    """One class as typed above: a CDB as one big integer, fields as shifts in it."""

    def __init__(self, head: str, body: str) -> None:
        name, length, *fixed = head.split()
        self.cls: Any = getattr(scsi, name)
        self.bits = 8 * int(length)
        control = 1 if length == "32" else int(length) - 1
        body += f", control_vendor_specific {control}.7 2, naca {control}.2 1, control_obsolete {control}.1 2"
        self.fields: dict[str, tuple[int, int]] = {}
        for item in body.split(","):
            field, byte, top, width = re.fullmatch(r"(\w+) (\d+)\.(\d) (\d+)", item.strip()).groups()  # type: ignore[union-attr]
            self.fields[field] = self.bits - (8 * int(byte) + 7 - int(top)) - int(width), int(width)
        self.fixed = bytearray(int(length))
        for item in fixed:
            byte, value = item.split("=")
            self.fixed[int(byte)] = int(value, 16)
        if length == "32":
            self.fixed[7] = 24

    def encode(self, values: dict[str, int]) -> bytes:
        number = int.from_bytes(self.fixed, "big")
        for field, value in values.items():
            number |= value << self.fields[field][0]
        return number.to_bytes(self.bits // 8, "big")

    def decode(self, raw: bytes) -> dict[str, int]:
        number = int.from_bytes(raw, "big")
        return {f: number >> shift & (1 << width) - 1 for f, (shift, width) in self.fields.items()}

    def mask(self) -> int:
        """The bits of all fields, and of those that select the class."""
        mask = sum((1 << width) - 1 << shift for shift, width in self.fields.values())
        top = self.bits - 8
        selecting = 0xFF << top
        if self.fixed[0] == 0x7F:
            selecting |= 0xFFFFFF << self.bits - 80
        elif self.fixed[0] in (0x83, 0x84, 0x9E, 0xA3, 0xA4):
            selecting |= 0x1F << self.bits - 16
        assert not mask & selecting
        return mask | selecting


LAYOUT = {
    layout.cls.__name__: layout
    for layout in (Layout(*line.split(":")) for line in LAYOUTS.strip().replace(",\n", ",").splitlines())
}
layouts = pytest.mark.parametrize("layout", LAYOUT.values(), ids=LAYOUT)


def plain(view: Any, fields: Any) -> dict[str, int]:
    return {field: int(getattr(view, field)) for field in fields}


def again(view: Any) -> bytes:
    return bytes(type(view).build(**view.to_dict()))


def test_every_class_is_typed_here() -> None:
    ours = {c.__name__ for c in scsi.commands.classes() if c.__module__ == module.__name__}
    assert ours == {*LAYOUT, "Cdb"}


@layouts
def test_fields_overlap_nowhere_and_are_all_declared(layout: Layout) -> None:
    fields = [(1 << width) - 1 << shift for shift, width in layout.fields.values()]
    assert sum(fields).bit_count() == sum(width for _, width in layout.fields.values())
    declared = {f.name for f in layout.cls.FIELDS if not f.reserved}
    assert declared - {"opcode", "service_action", "additional_cdb_length"} == set(layout.fields) - {
        "service_action"
    }
    assert layout.bits == 8 * layout.cls.SIZE


@layouts
@settings(max_examples=25)
@given(data=st.data())
def test_build_gives_the_bytes_of_the_table(layout: Layout, data: st.DataObject) -> None:
    values = {
        field: data.draw(st.integers(0, (1 << width) - 1), field)
        for field, (_, width) in layout.fields.items()
        if data.draw(st.booleans())
    }
    view = layout.cls.build(**values)
    assert bytes(view) == layout.encode(values)
    assert again(view) == bytes(view)
    buffer = bytearray(b"\xff" * 40)
    assert layout.cls.pack_into(buffer, 3, **values) == len(view)
    assert buffer == b"\xff" * 3 + bytes(view) + b"\xff" * (37 - len(view))


@layouts
@settings(max_examples=25)
@given(data=st.data())
def test_parse_reads_the_fields_of_the_table(layout: Layout, data: st.DataObject) -> None:
    noise = data.draw(st.integers(0, (1 << layout.bits) - 1)) & ~layout.mask()
    values = {f: data.draw(st.integers(0, (1 << width) - 1)) for f, (_, width) in layout.fields.items()}
    raw = (int.from_bytes(layout.encode(values), "big") | noise).to_bytes(layout.bits // 8, "big")
    tail = data.draw(st.binary(max_size=20))
    view = parse_cdb(raw + tail)
    assert type(view) is layout.cls
    assert bytes(view) == raw
    assert plain(view, layout.fields) == values == layout.decode(raw)
    assert again(view) == raw
    found = {problem.field for problem in view.problems()}
    assert any(field.startswith("rsvd") for field in found) == (noise != 0)
    changed = view.copy()
    for field, (_, width) in layout.fields.items():
        setattr(changed, field, values[field] ^ (1 << width) - 1)
    assert plain(changed, layout.fields) == {f: v ^ (1 << layout.fields[f][1]) - 1 for f, v in values.items()}


@layouts
def test_too_short_and_too_large(layout: Layout) -> None:
    raw = bytes(layout.cls.build())
    for length in range(10 if raw[0] == 0x7F else 2, len(raw)):
        with pytest.raises(TruncatedError):
            parse_cdb(raw[:length])
    for field, (_, width) in layout.fields.items():
        with pytest.raises(EncodeError):
            layout.cls.build(**{field: 1 << width})
    with pytest.raises(TypeError):
        layout.cls.build(no_such_field=1)


@layouts
def test_names_and_docstrings(layout: Layout) -> None:
    cls, view = layout.cls, layout.cls.build()
    assert view.name == cls.name == cls.name.upper()
    assert re.match(rf".*{layout.bits // 8} bytes.*\((SPC|SBC|MMC|SAT|opcode)", inspect.cleandoc(cls.__doc__))
    assert view.problems() == [] or cls.__name__ == "Sanitize"
    assert cls.__name__ in repr(view)
    assert str(view.show()).startswith(f"{cls.__name__}, {layout.bits // 8} bytes")
    assert not {f.name for f in cls.FIELDS} & (set(dir(Cdb)) - {"opcode"})
    assert view.data_direction in list(DataDirection)
    length = view.data_length(4096)
    assert length is None or length >= 0
    assert view.blocks is None or view.blocks >= 0


def test_names_agree_with_the_table_of_opcodes() -> None:
    for name, layout in LAYOUT.items():
        raw = layout.fixed
        if raw[0] == 0x7F:
            action = int.from_bytes(raw[8:10], "big")
        else:
            action = raw[1] if raw[0] in (0x83, 0x84, 0x9E, 0xA3, 0xA4) else None
        device_type = 5 if "MMC-6)" in layout.cls.__doc__ else None
        assert opcode_name(raw[0], device_type, action) == layout.cls.name, name


# Literal bytes: what sg3_utils, Linux and the standards' own examples send.
VECTORS = [
    ("00 00 00 00 00 00", "TestUnitReady", {}),
    ("03 01 00 00 fc 00", "RequestSense", {"desc": 1, "allocation_length": 252}),
    ("08 12 34 56 00 00", "Read6", {"lba": 0x123456, "transfer_length": 0}),
    ("0a 1f ff ff 01 00", "Write6", {"lba": 0x1FFFFF, "transfer_length": 1}),
    ("12 00 00 00 24 00", "Inquiry", {"allocation_length": 36}),
    ("12 01 83 01 00 00", "Inquiry", {"evpd": 1, "page_code": 0x83, "allocation_length": 256}),
    ("15 11 00 00 18 00", "ModeSelect6", {"pf": 1, "sp": 1, "parameter_list_length": 24}),
    ("1a 08 48 ff fc 00", "ModeSense6",
     {"dbd": 1, "pc": 1, "page_code": 8, "subpage_code": 0xFF, "allocation_length": 252}),
    ("1b 01 00 00 02 00", "StartStopUnit", {"immed": 1, "loej": 1}),
    ("1b 00 00 01 a0 04", "StartStopUnit", {"power_condition_modifier": 1, "power_condition": 10, "naca": 1}),
    ("1e 00 00 00 01 00", "PreventAllowMediumRemoval", {"prevent": 1}),
    ("1d 24 00 00 00 00", "SendDiagnostic", {"self_test_code": 1, "selftest": 1}),
    ("25 00 00 00 00 00 00 00 00 00", "ReadCapacity10", {}),
    ("28 18 00 00 08 00 1f 00 08 00", "Read10",
     {"dpo": 1, "fua": 1, "lba": 2048, "group_number": 31, "transfer_length": 8}),
    ("2a 20 ff ff ff ff 00 ff ff 00", "Write10",
     {"wrprotect": 1, "lba": 0xFFFFFFFF, "transfer_length": 65535}),
    ("2f 06 00 00 00 01 00 00 10 00", "Verify10", {"bytchk": 3, "lba": 1, "verification_length": 16}),
    ("35 02 00 00 00 00 00 00 00 00", "SynchronizeCache10", {"immed": 1}),
    ("3b 0e 02 01 00 00 00 80 00 00", "WriteBuffer10",
     {"mode": 14, "buffer_id": 2, "buffer_offset": 65536, "parameter_list_length": 32768}),
    ("3c 1c 10 00 00 20 00 02 00 00", "ReadBuffer10",
     {"mode": 0x1C, "buffer_id": 16, "buffer_offset": 32, "allocation_length": 512}),
    ("42 01 00 00 00 00 00 00 18 00", "Unmap", {"anchor": 1, "parameter_list_length": 24}),
    ("43 02 02 00 00 00 aa 00 0c 00", "ReadToc",
     {"msf": 1, "format": 2, "track_session_number": 0xAA, "allocation_length": 12}),
    ("46 02 00 1e 00 00 00 00 10 00", "GetConfiguration",
     {"rt": 2, "starting_feature_number": 30, "allocation_length": 16}),
    ("48 83 00 00 00 00 00 00 00 00", "Sanitize", {"immed": 1, "service_action": 3}),
    ("4a 01 00 00 10 00 00 00 08 00", "GetEventStatusNotification",
     {"polled": 1, "notification_class_request": 16, "allocation_length": 8}),
    ("4d 01 4d 01 00 00 05 02 00 00", "LogSense",
     {"sp": 1, "pc": 1, "page_code": 13, "subpage_code": 1, "parameter_pointer": 5,
      "allocation_length": 512}),
    ("5a 10 3f ff 00 00 00 10 00 00", "ModeSense10",
     {"llbaa": 1, "page_code": 0x3F, "subpage_code": 0xFF, "allocation_length": 4096}),
    ("5e 03 00 00 00 00 00 01 00 00", "PersistentReserveIn", {"service_action": 3, "allocation_length": 256}),
    ("5f 01 05 00 00 00 00 00 18 00", "PersistentReserveOut",
     {"service_action": 1, "type": 5, "parameter_list_length": 24}),
    ("a0 00 02 00 00 00 00 00 10 00 00 00", "ReportLuns", {"select_report": 2, "allocation_length": 4096}),
    ("a1 08 2e 00 01 00 00 00 00 ec 00 00", "AtaPassThrough12",
     {"protocol": 4, "ck_cond": 1, "t_dir": 1, "byt_blok": 1, "t_length": 2, "count": 1, "command": 0xEC}),
    ("a3 0a 00 00 00 00 00 00 04 00 00 00", "ReportTargetPortGroups", {"allocation_length": 1024}),
    ("a3 2a 00 00 00 00 00 00 04 00 00 00", "ReportTargetPortGroups",
     {"parameter_data_format": 1, "allocation_length": 1024}),
    ("a3 0c 81 12 00 00 00 00 00 0a 00 00", "ReportSupportedOperationCodes",
     {"rctd": 1, "reporting_options": 1, "requested_operation_code": 0x12, "allocation_length": 10}),
    ("a4 0f 00 00 00 00 00 00 00 0c 00 00", "SetTimestamp", {"parameter_list_length": 12}),
    ("a8 00 00 00 00 10 00 00 00 20 80 00", "Read12", {"lba": 16, "transfer_length": 32, "streaming": 1}),
    ("ad 00 00 00 00 00 00 04 08 00 00 00", "ReadDiscStructure", {"format": 4, "allocation_length": 2048}),
    ("b7 1d 00 00 00 01 00 00 ff fc 00 00", "ReadDefectData12",
     {"req_plist": 1, "req_glist": 1, "defect_list_format": 5, "address_descriptor_index": 1,
      "allocation_length": 0xFFFC}),
    ("be 04 00 00 00 96 00 00 01 f8 01 00", "ReadCd",
     {"expected_sector_type": 1, "lba": 150, "transfer_length": 1, "sync": 1, "header_codes": 3,
      "user_data": 1, "edc_ecc": 1, "sub_channel_selection": 1}),
    ("84 03 00 00 00 00 00 00 00 00 00 00 02 00 00 00", "ReceiveCopyOperatingParameters",
     {"allocation_length": 512}),
    ("85 06 20 00 00 00 00 00 00 00 00 00 00 40 e5 00", "AtaPassThrough16",
     {"protocol": 3, "ck_cond": 1, "device": 0x40, "command": 0xE5}),
    ("88 01 00 00 00 01 00 00 00 02 00 00 00 03 c4 00", "Read16",
     {"dld2": 1, "lba": 0x1_0000_0002, "transfer_length": 3, "dld1": 1, "dld0": 1, "group_number": 4}),
    ("89 00 00 00 00 00 00 00 00 07 00 00 00 02 00 00", "CompareAndWrite",
     {"lba": 7, "number_of_logical_blocks": 2}),
    ("93 09 00 00 00 00 00 00 10 00 00 00 20 00 00 00", "WriteSame16",
     {"unmap": 1, "ndob": 1, "lba": 4096, "number_of_logical_blocks": 8192}),
    ("9c 00 00 00 00 00 00 00 00 10 00 08 00 20 01 00", "WriteAtomic16",
     {"lba": 16, "atomic_boundary": 8, "transfer_length": 32, "group_number": 1}),
    ("9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", "ReadCapacity16", {"allocation_length": 32}),
    ("9e 12 00 00 00 00 00 00 00 10 00 00 00 18 00 00", "GetLbaStatus16",
     {"lba": 16, "allocation_length": 24}),
    ("7f 00 00 00 00 00 00 18 00 09 20 00 00 00 00 00 00 00 00 10 00 00 00 10 00 00 00 00 00 00 00 08",
     "Read32",
     {"rdprotect": 1, "lba": 16, "expected_initial_logical_block_reference_tag": 16, "transfer_length": 8}),
    ("7f 00 00 00 00 00 00 18 00 0d 09 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00 00 00 00 00 00 08",
     "WriteSame32", {"unmap": 1, "ndob": 1, "lba": 16, "number_of_logical_blocks": 8}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "values"), VECTORS, ids=lambda x: x if isinstance(x, str) else "")
def test_well_known_commands(text: str, name: str, values: dict[str, int]) -> None:
    raw = bytes.fromhex(text)
    cls: Any = getattr(scsi, name)
    assert bytes(cls.build(**values)) == raw
    view = parse_cdb(raw, strict=True)
    assert type(view) is cls
    assert {k: v for k, v in plain(view, LAYOUT[name].fields).items() if v} == {
        k: v for k, v in values.items() if v
    }


@pytest.mark.parametrize("action", [*scsi.PersistentReserveInAction, *scsi.PersistentReserveOutAction])
def test_every_reservation_service_action(action: Any) -> None:
    incoming = isinstance(action, scsi.PersistentReserveInAction)
    view: Any = parse_cdb(bytes([0x5E if incoming else 0x5F, action, 0, 0, 0, 0, 0, 0, 24, 0]), strict=True)
    assert view.service_action is action
    assert view.data_length() == 24
    assert view.data_direction is (DataDirection.IN if incoming else DataDirection.OUT)


@pytest.mark.parametrize(
    ("text", "direction", "length", "blocks"),
    [
        ("000000000000", 0, 0, None),
        ("120000002400", 1, 36, None),
        ("080000000000", 1, 256 * 4096, 256),
        ("0a0000000100", 2, 4096, 1),
        ("28000000000000000000", 1, 0, 0),
        ("28000000000000ffff00", 1, 65535 * 4096, 65535),
        ("aa000000000000010000 0000", 2, 65536 * 4096, 65536),
        ("25000000000000000000", 1, 8, None),
        ("2f000000000000001000", 0, 0, 16),
        ("2f020000000000001000", 2, 16 * 4096, 16),
        ("2f060000000000001000", 2, 4096, 16),
        ("2f060000000000000000", 2, 0, 0),
        ("41000000000000001000", 2, 4096, 16),
        ("93000000000000000000000000200000", 2, 4096, 32),
        ("93010000000000000000000000200000", 0, 0, 32),
        ("89000000000000000000000000030000", 2, 6 * 4096, 3),
        ("35000000000000000000", 0, 0, 0),
        ("34000000000000000500", 0, 0, 5),
        ("42000000000000001800", 2, 24, None),
        ("040000000000", 0, 0, None),
        ("041000000000", 2, None, None),
        ("070000000000", 2, None, None),
        ("a20100010000000002000000", 1, 512, None),
        ("a20100018000000002000000", 1, 512 * 512, None),
        ("b50100018000000000010000", 2, 512, None),
        ("a1082e000100000000ec0000", 1, 512, None),
        ("a10a06000200000000310000", 2, 1024, None),
        ("a10a16000200000000310000", 2, 8192, None),
        ("a1080900400000000025 0000", 1, 0, None),
        ("a1080940000000000025 0000", 1, 64, None),
        ("a108030000000000002500 00", 2, None, None),
        ("a10600000000000000e50000", 0, 0, None),
        ("be0000000096000001f80000", 1, None, 1),
        ("c10000", None, None, None),
        ("2b000000000000000000", None, None, None),
    ],
)
def test_what_an_engine_asks(
    text: str, direction: int | None, length: int | None, blocks: int | None
) -> None:
    view = parse_cdb(bytes.fromhex(text))
    assert (view.data_direction, view.data_length(4096), view.blocks) == (direction, length, blocks)


def test_ata_lba_is_put_together_from_its_bytes() -> None:
    twelve = scsi.AtaPassThrough12(bytes.fromhex("a1060000 00 010203 4f b0 0000"))
    assert twelve.lba == 0x030201
    sixteen = scsi.AtaPassThrough16(bytes.fromhex("8507 00 0000 0000 04 01 05 02 06 03 40 25 00"))
    assert sixteen.lba == 0x060504030201


def test_the_lun_bits_of_scsi_2_are_no_violation() -> None:
    view: Any = parse_cdb(bytes.fromhex("12e000002400"), strict=True)
    assert view.obsolete_lun == 7
    assert view.problems() == []
    for name in ("TestUnitReady", "RequestSense", "Read6", "ModeSense6", "ReadCapacity10", "StartStopUnit"):
        assert LAYOUT[name].fields["obsolete_lun"] == (LAYOUT[name].bits - 11, 3)


def test_problems_of_a_cdb() -> None:
    def fields(text: str) -> list[str]:
        return [problem.field for problem in parse_cdb(bytes.fromhex(text)).problems()]

    assert fields("120083002400") == ["page_code"]
    assert fields("1200000024f8") == ["rsvd5_3"]
    assert fields("48020000000000000800") == ["parameter_list_length"]
    assert fields("48010000000000000800") == []
    assert fields("5e1f0000000000000000") == ["service_action"]
    assert fields("7f00000000000010 0009" + "00" * 22) == ["additional_cdb_length"]
    assert fields("2b00") == ["body"]
    with pytest.raises(DecodeError, match="page_code at offset 2"):
        parse_cdb(bytes.fromhex("120083002400"), strict=True)


@pytest.mark.parametrize(
    ("opcode", "given", "length"),
    [
        (0x01, 16, 6),
        (0x2B, 16, 10),
        (0x5D, 16, 10),
        (0x60, 16, 16),
        (0x7E, 16, 16),
        (0x8C, 32, 16),
        (0xA5, 16, 12),
        (0xC0, 16, 16),
        (0xFF, 1, 1),
        (0x01, 3, 3),
        (0x2B, 1, 1),
        (0x7F, 1, 1),
        (0x7F, 16, 8),
    ],
)
def test_length_of_a_cdb_without_a_table(opcode: int, given: int, length: int) -> None:
    raw = bytes([opcode]).ljust(given, b"\0")
    view = parse_cdb(raw)
    assert type(view) is Cdb
    assert len(view) == length
    assert again(view) == bytes(view) == raw[:length]


def test_variable_length_without_a_table() -> None:
    raw = bytes.fromhex("7f00000000000010 8888") + bytes(range(20))
    view = parse_cdb(raw)
    assert type(view) is Cdb
    assert bytes(view) == raw[:24]
    assert view.name == "FLUSH (OSD-2)"
    assert bytes(parse_cdb(raw[:20])) == raw[:20]


def test_unknown_service_actions_keep_their_name() -> None:
    view = parse_cdb(bytes.fromhex("9e1f0000000000000000000000200000"))
    assert type(view) is Cdb
    assert view.name == "SERVICE ACTION IN(16), SERVICE ACTION 1Fh"
    assert parse_cdb(b"\x9e").name == "SERVICE ACTION IN(16)"
    assert parse_cdb(b"\x7f").name == "VARIABLE LENGTH"
    assert parse_cdb(bytes.fromhex("2b0000000000")).name == "SEEK(10)"
    assert parse_cdb(b"\xc1").name == "VENDOR SPECIFIC (C1h)"


def test_nothing_is_no_cdb() -> None:
    with pytest.raises(TruncatedError):
        parse_cdb(b"")


def known(opcode: int, rest: bytes) -> bytes:
    return bytes([opcode]) + rest


def variable(length: int, action: int, rest: bytes) -> bytes:
    return bytes([0x7F, 0, 0, 0, 0, 0, 0, length, 0, action]) + rest


@settings(max_examples=2000)
@given(
    st.binary(max_size=40)
    | st.builds(known, st.sampled_from(list(Opcode)), st.binary(max_size=40))
    | st.builds(variable, st.integers(0, 255), st.integers(0, 0x13), st.binary(max_size=40))
)
def test_any_bytes_give_a_view_or_a_decode_error(raw: bytes) -> None:
    try:
        view = parse_cdb(raw)
    except DecodeError:
        return
    assert isinstance(view, Cdb)
    assert raw.startswith(bytes(view))
    assert again(view) == bytes(view)
    assert view.name
    assert view.show()
    assert repr(view)
    assert view.data_direction in (None, *DataDirection)
    assert view.data_length() is None or view.data_length() >= 0  # type: ignore[operator]
    for field, offset, message in view.problems():
        assert 0 <= offset <= len(view)
        assert field
        assert message


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_cdbs_of_the_captures(path: Path) -> None:
    count = 0
    for line in path.read_text().splitlines():
        record = json.loads(line)
        raw = bytes.fromhex(record["hex"])
        if record["what"] != "iu" or record["dir"] != "i2t" or raw[:1] != b"\x02" or record.get("truncated"):
            continue
        cdb = raw[32:48]
        view = parse_cdb(cdb)
        assert again(view) == bytes(view)
        assert not any(cdb[len(view) :])
        assert view.name
        # Sent to see them refused: an opcode and a service action that nobody assigned, and FFh.
        assert (type(view) is Cdb) == (cdb[0] in (0x06, 0xFF) or cdb[:2] == b"\x9e\x1f")
        assert view.problems() == [] or cdb[:3] == b"\x12\x00\x05"  # a page without EVPD, to see it refused
        count += 1
    assert count


def test_captures_are_there() -> None:
    assert len(CAPTURES) >= 10


def test_views_write_through_to_their_memory() -> None:
    memory = bytearray.fromhex("28000000000000000800")
    view: Any = parse_cdb(memory)
    view.lba = 0x11223344
    view.fua = True
    assert memory == bytes.fromhex("28081122334400000800")


# ---------------------------------------------------------------------------------------------
# Commands of the user's own
# ---------------------------------------------------------------------------------------------


class ReadSecret(Cdb10, opcode=0xC8, name="READ SECRET", data_in="allocation_length"):
    __slots__ = ()
    key = U32(2, hex=True)
    urgent = Flag(6, 7)
    allocation_length = U16(7)


class ReadLong16(Cdb16, opcode=0x9E, service_action=0x0A, blocks="count", data_in="blocks"):
    __slots__ = ()
    count = U8(13)


class VendorFlush(Cdb12, opcode=0xE0, service_action=0x03, name="VENDOR FLUSH"):
    __slots__ = ()
    depth = Bits(2, 0, 4)


def test_a_vendor_command_takes_five_lines() -> None:
    raw = bytes(ReadSecret.build(key=0xDEADBEEF, allocation_length=64))
    assert raw == bytes.fromhex("c800deadbeef00004000")
    view = parse_cdb(raw + bytes(6), strict=True)
    assert type(view) is ReadSecret
    assert (view.name, view.data_length(), len(view)) == ("READ SECRET", 64, 10)
    assert view.urgent is False


class _VendorBlocks:
    __slots__ = ()
    _blocks = "count"
    _data = DataDirection.IN, "blocks"
    lba = U32(2)
    count = U16(7)


class VendorRead(_VendorBlocks, Cdb10, opcode=0xCA, name="VENDOR READ"):
    __slots__ = ()
    urgent = Flag(6, 7)


class ReadAgain(scsi.Read10, opcode=0xCB, name="READ(10) AGAIN"):
    __slots__ = ()


def test_commands_inherit_fields_and_what_moves() -> None:
    raw = bytes(VendorRead.build(lba=0x01020304, count=8, urgent=True))
    assert raw == bytes.fromhex("ca000102030480000800")
    view = parse_cdb(raw, strict=True)
    assert [f.name for f in VendorRead.FIELDS if not f.reserved][:4] == ["opcode", "lba", "urgent", "count"]
    assert (view.blocks, view.data_direction, view.data_length(512)) == (8, DataDirection.IN, 4096)
    assert VendorRead.lba is _VendorBlocks.__dict__["lba"]
    again = parse_cdb(bytes(ReadAgain.build(transfer_length=2)))
    assert (type(again), again.blocks, again.data_direction) == (ReadAgain, 2, DataDirection.IN)


def test_a_group_that_counts_what_is_not_there_is_refused() -> None:
    group = type("Group", (), {"__slots__": (), "_blocks": "count"})
    with pytest.raises(TypeError, match="no field 'count'"):
        type("Wrong", (group, Cdb10), {"__slots__": ()}, opcode=0xC9)
    assert type(parse_cdb(bytes([0xC9]))) is Cdb


def test_a_vendor_command_by_service_action() -> None:
    view = parse_cdb(bytes.fromhex("9e0a") + bytes(11) + b"\x02\0\0", strict=True)
    assert type(view) is ReadLong16
    assert (view.name, view.data_length(520)) == ("ReadLong16", 1040)
    assert type(parse_cdb(bytes.fromhex("e0030f") + bytes(9))) is VendorFlush
    assert type(parse_cdb(bytes.fromhex("e0040f") + bytes(9))) is Cdb


def test_a_command_that_is_taken_or_wrong_is_refused() -> None:
    with pytest.raises(ValueError, match="is <class"):
        type("Again", (Cdb10,), {"__slots__": ()}, opcode=Opcode.READ_10)
    with pytest.raises(ValueError, match="Dispatch"):
        type("Again", (Cdb16,), {"__slots__": ()}, opcode=Opcode.SERVICE_ACTION_IN_16)
    with pytest.raises(TypeError, match="no field 'length'"):
        type("Wrong", (Cdb10,), {"__slots__": ()}, opcode=0xC9, data_in="length")
    assert type(parse_cdb(bytes([0xC9]))) is Cdb


def test_all_names_are_exported() -> None:
    bases = {"Cdb", "Cdb6", "Cdb10", "Cdb12", "Cdb16", "Cdb32"}
    assert set(module.__all__) == {*LAYOUT, *bases, "commands", "parse_cdb", "record_cdb"}
    assert len(set(scsi.__all__)) == len(scsi.__all__)
    for name in scsi.__all__:
        assert hasattr(scsi, name)


@pytest.mark.parametrize("part", ["inquiry", "mode", "params", "sense"])
def test_parameter_data_is_exported_behind_the_names_of_commands(part: str) -> None:
    source = getattr(scsi, part)
    taken = {*module.__all__, *scsi.codes.__all__}
    for name in source.__all__:
        if name != part:  # the function sense() stays in its module
            exported = f"{name}Data" if name in taken else name
            assert exported in scsi.__all__
            assert getattr(scsi, exported) is getattr(source, name)
