# Made from the field tables by tools/stubs.py; do not edit.
"""Standard INQUIRY data and vital product data pages (SPC-5, 6.6 and 7.7; SBC-4, 6.6).

``Inquiry(buf)`` reads standard INQUIRY data, ``parse_vpd(buf)`` a VPD page by its page code. Data cut short
by an ALLOCATION LENGTH can still be read: only a field that is missing raises DecodeError."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.scsi.params import FibreChannelTransportId
from pysrp.scsi.params import Ieee1394TransportId
from pysrp.scsi.params import IscsiTransportId
from pysrp.scsi.params import ParallelScsiTransportId
from pysrp.scsi.params import SasTransportId
from pysrp.scsi.params import ScsiOverPcieTransportId
from pysrp.scsi.params import SrpTransportId
from pysrp.scsi.params import TransportId
from enum import IntEnum
from pysrp.fields import Structure
from pysrp.scsi.codes import CodeSet, DesignatorType, VpdPage
from pysrp.scsi.params.base import ParameterData
__all__ = ['AtaInformation', 'BlockDeviceCharacteristics', 'BlockLengthProtection', 'BlockLimits', 'CopyDescriptor', 'Designator', 'DeviceIdentification', 'Eui64Designator', 'Eui64Designator12', 'Eui64Designator16', 'ExtendedInquiryData', 'Inquiry', 'InquiryVersion', 'LogicalBlockProvisioning', 'LogicalUnitGroupDesignator', 'ManagementNetworkAddresses', 'Md5Designator', 'ModePagePolicy', 'ModePagePolicyEntry', 'Naa2Designator', 'Naa3Designator', 'Naa5Designator', 'Naa6Designator', 'NetworkAddress', 'PowerConditions', 'ProtocolSpecificPortDesignator', 'Referrals', 'RelativeTargetPortDesignator', 'ScsiNameDesignator', 'ScsiPort', 'ScsiPorts', 'SupportedBlockLengths', 'SupportedVpdPages', 'T10VendorDesignator', 'TargetPortGroupDesignator', 'ThirdPartyCopy', 'UnitSerialNumber', 'UnknownVpd', 'UuidDesignator', 'VendorSpecificDesignator', 'Vpd', 'parse_designator', 'parse_vpd']

class InquiryVersion(IntEnum):
    """VERSION of standard INQUIRY data (SPC-5, 6.6.2): the SPC that the logical unit claims."""
    NONE = 0
    SCSI_1 = 1
    SCSI_2 = 2
    SPC = 3
    SPC_2 = 4
    SPC_3 = 5
    SPC_4 = 6
    SPC_5 = 7
    SPC_6 = 13

class _InquiryFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    rmb: int
    lu_cong: int
    hot_pluggable: int
    version: int
    aerc: int
    trmtsk: int
    normaca: int
    hisup: int
    response_data_format: int
    additional_length: int
    sccs: int
    acc: int
    tpgs: int
    third_party_copy: int
    protect: int
    bque: int
    encserv: int
    vs: int
    multip: int
    mchngr: int
    ackreqq: int
    addr32: int
    addr16: int
    reladr: int
    wbus32: int
    wbus16: int
    sync: int
    linked: int
    trandis: int
    cmdque: int
    vs2: int
    vendor: str | ReadableBuffer
    product: str | ReadableBuffer
    revision: str | ReadableBuffer
    vendor_specific: ReadableBuffer
    clocking: int
    qas: int
    ius: int
    version_descriptors: Sequence[int]
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class Inquiry(ParameterData, cover='payload', full=36):
    """Standard INQUIRY data, 36 bytes, up to 260 (SPC-5, 6.6.2; parallel bus bits: SPI).

    ``third_party_copy`` is the bit that the standard calls 3PC. Obsolete bits have the name that they
    had in the last standard that defines them."""
    peripheral_qualifier: pysrp.fields.Bits
    """0: there is such a unit; 1: there could be one; 3: the target has none at this LUN (SPC-5, 6.6.2)"""
    peripheral_device_type: pysrp.fields.Bits
    """What commands the unit has: 00h disk, 01h tape, 05h CD or DVD, 1Fh unknown or none"""
    rmb: pysrp.fields.Flag
    """Set: the medium can be taken out"""
    lu_cong: pysrp.fields.Flag
    """Set: the unit belongs to a conglomerate: an administrative unit with subsidiaries (SAM-6)"""
    hot_pluggable: pysrp.fields.Bits
    """Whether it may be taken out while it works: 0 not said, 1 yes, 2 no"""
    version: pysrp.fields.U8
    """Standard that the unit claims to follow: 03h SPC, 05h SPC-3, 06h SPC-4, 07h SPC-5"""
    aerc: pysrp.fields.Flag
    """Obsolete; set: the device can report events by itself, as an initiator (SPC-2)"""
    trmtsk: pysrp.fields.Flag
    """Obsolete; set: the function TERMINATE TASK is known (SCSI-2)"""
    normaca: pysrp.fields.Flag
    """Set: NACA in a CDB is known, and so are ACA conditions"""
    hisup: pysrp.fields.Flag
    """Set: LUNs may have several levels, as REPORT LUNS lists them"""
    response_data_format: pysrp.fields.Bits
    """2, as every standard since SCSI-2 has it"""
    additional_length: pysrp.fields.U8
    """Bytes behind this field, also where fewer have come"""
    sccs: pysrp.fields.Flag
    """Set: there is a controller of a storage array here (SCC-2)"""
    acc: pysrp.fields.Flag
    """Obsolete; set: the unit keeps the list of who may do what (access controls, SPC-3)"""
    tpgs: pysrp.fields.Bits
    """Asymmetric access: 0 none, 1 the target changes it, 2 the initiator does, 3 both"""
    third_party_copy: pysrp.fields.Flag
    """Set: the unit copies for others, with EXTENDED COPY and its kin"""
    protect: pysrp.fields.Flag
    """Set: the unit knows protection information"""
    bque: pysrp.fields.Flag
    """Obsolete; set, with CMDQUE clear: commands are queued, without attributes (SPC-3)"""
    encserv: pysrp.fields.Flag
    """Set: there are enclosure services here (SES)"""
    vs: pysrp.fields.Flag
    """A bit that is the vendor's"""
    multip: pysrp.fields.Flag
    """Set: the device has several ports"""
    mchngr: pysrp.fields.Flag
    """Obsolete; set: the unit is in a medium changer, and passes its commands on (SPC-3)"""
    ackreqq: pysrp.fields.Flag
    """Obsolete; set: data can go over the second cable of a parallel bus (SPI)"""
    addr32: pysrp.fields.Flag
    """Obsolete; set: addresses of 32 bits are known on a parallel bus (SPI)"""
    addr16: pysrp.fields.Flag
    """Set: addresses of 16 bits are known on a parallel bus (SPI)"""
    reladr: pysrp.fields.Flag
    """Obsolete; set: linked commands may count from the address of the one before (SCSI-2)"""
    wbus32: pysrp.fields.Flag
    """Obsolete; set: data of 32 bits at a time are known on a parallel bus (SPI)"""
    wbus16: pysrp.fields.Flag
    """Set: data of 16 bits at a time are known on a parallel bus (SPI)"""
    sync: pysrp.fields.Flag
    """Set: synchronous transfers are known on a parallel bus (SPI)"""
    linked: pysrp.fields.Flag
    """Obsolete; set: commands may be linked (SCSI-2)"""
    trandis: pysrp.fields.Flag
    """Obsolete; set: CONTINUE TASK and TARGET TRANSFER DISABLE are known (SIP)"""
    cmdque: pysrp.fields.Flag
    """Set: there is a task set, commands may be queued"""
    vs2: pysrp.fields.Flag
    """A second bit that is the vendor's"""
    vendor: pysrp.fields.Text
    """Who made it, 8 characters of T10's list"""
    product: pysrp.fields.Text
    """What it is, 16 characters of the vendor's choice"""
    revision: pysrp.fields.Text
    """Which version of the product, 4 characters of the vendor's choice"""
    vendor_specific: pysrp.fields.Raw
    """What the vendor has made of it; no standard says"""
    clocking: pysrp.fields.Bits
    """What edges of the clock a parallel bus uses: 0 one, 1 both, 3 either way (SPI)"""
    qas: pysrp.fields.Flag
    """Set: the bus may change hands without being free between (quick arbitrate, SPI)"""
    ius: pysrp.fields.Flag
    """Set: a parallel bus may carry information units (SPI)"""
    version_descriptors: pysrp.fields.Array
    """Up to eight standards that the unit claims to follow, by T10's numbers; 0: none"""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""
    @classmethod
    def build(cls, *, vendor_specific_parameters: Any = None, **fields: Unpack[_InquiryFields]) -> Self:  # type: ignore[override]
        """New INQUIRY data, 36 bytes or what the fields need; ``vendor_specific_parameters`` from 96 on."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, *, vendor_specific_parameters: Any = None, **fields: Unpack[_InquiryFields]) -> int: ...  # type: ignore[override]
    @property
    def vendor_specific_parameters(self) -> memoryview:
        """The bytes after byte 95, as far as ADDITIONAL LENGTH reaches."""
    @property
    def connected(self) -> bool:
        """True if a logical unit is there (peripheral qualifier 0)."""

class Designator(ParameterData, cover='designator'):
    """Designation descriptor, 4 + n bytes (SPC-5, 7.7.6.1); this class itself for a type without a table here."""
    def __init_subclass__(cls, type: DesignatorType | None=None, code_set: CodeSet=CodeSet.BINARY, **options: Any) -> None: ...
    piv: pysrp.fields.Flag
    """Set: the protocol identifier counts"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    association: pysrp.fields.Bits
    """Whose name this is: 0 the unit's, 1 the port's, 2 the target device's (SPC-5, 7.7.6)"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    designator_length: pysrp.fields.U8
    """Bytes of the name behind this field"""
    designator: pysrp.fields.Part
    """The name itself, as its type has it"""

class _VendorSpecificDesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class VendorSpecificDesignator(Designator, type=DesignatorType.VENDOR_SPECIFIC):
    """Vendor specific designator, 4 + n bytes (SPC-5, 7.7.6.3)."""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_VendorSpecificDesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_VendorSpecificDesignatorFields]) -> int: ...  # type: ignore[override]

class _T10VendorDesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    t10_vendor_identification: str | ReadableBuffer
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class T10VendorDesignator(Designator, type=DesignatorType.T10_VENDOR_ID, code_set=CodeSet.ASCII):
    """T10 vendor ID based designator, 12 + n bytes (SPC-5, 7.7.6.4)."""
    t10_vendor_identification: pysrp.fields.Text
    """Who made the name, 8 characters of T10's list"""
    @classmethod
    def build(cls, *, vendor_specific_identifier: str | bytes | None = None, **fields: Unpack[_T10VendorDesignatorFields]) -> Self:  # type: ignore[override]
        """A new designator; ``vendor_specific_identifier`` follows the vendor, text or bytes."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, *, vendor_specific_identifier: str | bytes | None = None, **fields: Unpack[_T10VendorDesignatorFields]) -> int: ...  # type: ignore[override]
    @property
    def vendor_specific_identifier(self) -> str:
        """The bytes after the vendor, as text; bytes that are not UTF-8 read as U+FFFD."""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""

class _Eui64DesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    ieee_company_id: int
    vendor_specific_extension_identifier: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class Eui64Designator(Designator, type=DesignatorType.EUI_64):
    """EUI-64, 12 bytes (SPC-5, 7.7.6.5.2)."""
    ieee_company_id: pysrp.fields.U24
    """Who made the name: the 24 bits that the IEEE has given to a company"""
    vendor_specific_extension_identifier: pysrp.fields.Int
    """Which of the things that company has numbered, 40 bits"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_Eui64DesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Eui64DesignatorFields]) -> int: ...  # type: ignore[override]

class _Eui64Designator12Fields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    ieee_company_id: int
    vendor_specific_extension_identifier: int
    directory_id: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class Eui64Designator12(Designator, type=DesignatorType.EUI_64):
    """EUI-64 based 12-byte identifier, 16 bytes (SPC-5, 7.7.6.5.3)."""
    ieee_company_id: pysrp.fields.U24
    """Who made the name: the 24 bits that the IEEE has given to a company"""
    vendor_specific_extension_identifier: pysrp.fields.Int
    """Which of the things that company has numbered, 40 bits"""
    directory_id: pysrp.fields.U32
    """Which directory of a configuration ROM it belongs to (ISO/IEC 13213, SBP)"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_Eui64Designator12Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Eui64Designator12Fields]) -> int: ...  # type: ignore[override]

class _Eui64Designator16Fields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    identifier_extension: int
    ieee_company_id: int
    vendor_specific_extension_identifier: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class Eui64Designator16(Designator, type=DesignatorType.EUI_64):
    """EUI-64 based 16-byte identifier, 20 bytes (SPC-5, 7.7.6.5.4)."""
    identifier_extension: pysrp.fields.U64
    """Eight more bytes of the same name, which come first"""
    ieee_company_id: pysrp.fields.U24
    """Who made the name: the 24 bits that the IEEE has given to a company"""
    vendor_specific_extension_identifier: pysrp.fields.Int
    """Which of the things that company has numbered, 40 bits"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_Eui64Designator16Fields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Eui64Designator16Fields]) -> int: ...  # type: ignore[override]

class _Naa2DesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    naa: int
    vendor_specific_identifier_a: int
    ieee_company_id: int
    vendor_specific_identifier_b: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class Naa2Designator(Designator, type=DesignatorType.NAA):
    """NAA IEEE Extended, 12 bytes (SPC-5, 7.7.6.6.2)."""
    naa: pysrp.fields.Bits
    """Form of the name: 2 extended, 3 local, 5 registered, 6 registered and extended"""
    vendor_specific_identifier_a: pysrp.fields.Bits
    """The high 12 bits of the number that the company has given"""
    ieee_company_id: pysrp.fields.U24
    """Who made the name: the 24 bits that the IEEE has given to a company"""
    vendor_specific_identifier_b: pysrp.fields.U24
    """The low 24 bits of the number that the company has given"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_Naa2DesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Naa2DesignatorFields]) -> int: ...  # type: ignore[override]

class _Naa3DesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    naa: int
    locally_administered_value: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class Naa3Designator(Designator, type=DesignatorType.NAA):
    """NAA Locally Assigned, 12 bytes (SPC-5, 7.7.6.6.3)."""
    naa: pysrp.fields.Bits
    """Form of the name: 2 extended, 3 local, 5 registered, 6 registered and extended"""
    locally_administered_value: pysrp.fields.Bits
    """60 bits that an administrator has chosen, who alone sees to it that they are unique"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_Naa3DesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Naa3DesignatorFields]) -> int: ...  # type: ignore[override]

class _Naa5DesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    naa: int
    ieee_company_id: int
    vendor_specific_identifier: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class Naa5Designator(Designator, type=DesignatorType.NAA):
    """NAA IEEE Registered, 12 bytes (SPC-5, 7.7.6.6.4): a world wide name."""
    naa: pysrp.fields.Bits
    """Form of the name: 2 extended, 3 local, 5 registered, 6 registered and extended"""
    ieee_company_id: pysrp.fields.Bits
    """Who made the name: the 24 bits that the IEEE has given to a company"""
    vendor_specific_identifier: pysrp.fields.Bits
    """Number that the company has given"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_Naa5DesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Naa5DesignatorFields]) -> int: ...  # type: ignore[override]

class _Naa6DesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    naa: int
    ieee_company_id: int
    vendor_specific_identifier: int
    vendor_specific_identifier_extension: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class Naa6Designator(Designator, type=DesignatorType.NAA):
    """NAA IEEE Registered Extended, 20 bytes (SPC-5, 7.7.6.6.5)."""
    naa: pysrp.fields.Bits
    """Form of the name: 2 extended, 3 local, 5 registered, 6 registered and extended"""
    ieee_company_id: pysrp.fields.Bits
    """Who made the name: the 24 bits that the IEEE has given to a company"""
    vendor_specific_identifier: pysrp.fields.Bits
    """Number that the company has given"""
    vendor_specific_identifier_extension: pysrp.fields.U64
    """More of that number"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_Naa6DesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Naa6DesignatorFields]) -> int: ...  # type: ignore[override]

class _RelativeTargetPortDesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    relative_target_port_identifier: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class RelativeTargetPortDesignator(Designator, type=DesignatorType.RELATIVE_TARGET_PORT):
    """Relative target port designator, 8 bytes (SPC-5, 7.7.6.7)."""
    relative_target_port_identifier: pysrp.fields.U16
    """Number of the target port, from 1"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_RelativeTargetPortDesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_RelativeTargetPortDesignatorFields]) -> int: ...  # type: ignore[override]

class _TargetPortGroupDesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    target_port_group: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class TargetPortGroupDesignator(Designator, type=DesignatorType.TARGET_PORT_GROUP):
    """Target port group designator, 8 bytes (SPC-5, 7.7.6.8)."""
    target_port_group: pysrp.fields.U16
    """Which group of ports with the same access state, as REPORT TARGET PORT GROUPS counts them"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_TargetPortGroupDesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TargetPortGroupDesignatorFields]) -> int: ...  # type: ignore[override]

class _LogicalUnitGroupDesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    logical_unit_group: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class LogicalUnitGroupDesignator(Designator, type=DesignatorType.LOGICAL_UNIT_GROUP):
    """Logical unit group designator, 8 bytes (SPC-5, 7.7.6.9)."""
    logical_unit_group: pysrp.fields.U16
    """Which group of units that share access states"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_LogicalUnitGroupDesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LogicalUnitGroupDesignatorFields]) -> int: ...  # type: ignore[override]

class _Md5DesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    md5_logical_unit_identifier: ReadableBuffer
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class Md5Designator(Designator, type=DesignatorType.MD5_LOGICAL_UNIT):
    """MD5 logical unit designator, 20 bytes (SPC-5, 7.7.6.10)."""
    md5_logical_unit_identifier: pysrp.fields.Raw
    """MD5 of what the unit says of itself, where it has no better name; it may not be unique"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_Md5DesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Md5DesignatorFields]) -> int: ...  # type: ignore[override]

class _ScsiNameDesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class ScsiNameDesignator(Designator, type=DesignatorType.SCSI_NAME_STRING, code_set=CodeSet.UTF_8):
    """SCSI name string designator, 4 + n bytes (SPC-5, 7.7.6.11): UTF-8, ended and padded with zero bytes."""
    @classmethod
    def build(cls, *, name: str | None = None, **fields: Unpack[_ScsiNameDesignatorFields]) -> Self:  # type: ignore[override]
        """A new designator; ``name`` is text, padded to a multiple of four bytes."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, *, name: str | None = None, **fields: Unpack[_ScsiNameDesignatorFields]) -> int: ...  # type: ignore[override]
    @property
    def name(self) -> str:
        """The name as text, without the padding; bytes that are not UTF-8 read as U+FFFD."""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""

class _ProtocolSpecificPortDesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    protocol_specific_port_identifier: ReadableBuffer
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class ProtocolSpecificPortDesignator(Designator, type=DesignatorType.PROTOCOL_SPECIFIC_PORT):
    """Protocol specific port designator, 8 bytes (SPC-5, 7.7.6.12); its four bytes are the protocol's."""
    protocol_specific_port_identifier: pysrp.fields.Raw
    """The port as its transport names it, such as a USB address or a PCIe routing ID"""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_ProtocolSpecificPortDesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ProtocolSpecificPortDesignatorFields]) -> int: ...  # type: ignore[override]

class _UuidDesignatorFields(TypedDict, total=False):
    protocol_identifier: int
    code_set: int
    piv: int
    association: int
    designator_type: int
    designator_length: int
    uuid_type: int
    uuid_bytes: ReadableBuffer
    designator: ReadableBuffer | None
    trailing: ReadableBuffer

class UuidDesignator(Designator, type=DesignatorType.UUID):
    """UUID designator, 22 bytes (SPC-5, 7.7.6.13)."""
    uuid_type: pysrp.fields.Bits
    """1: an UUID of RFC 4122 follows; others are reserved"""
    uuid_bytes: pysrp.fields.Raw
    """The 16 bytes of the UUID, most significant first"""
    @property
    def uuid(self) -> Any:
        """The UUID as a ``uuid.UUID``."""
    designator_type: pysrp.fields.Bits
    """What kind of name it is: 0 vendor's, 1 T10, 2 EUI-64, 3 NAA, 4 to 7 numbers of ports and groups, 8 SCSI name"""
    code_set: pysrp.fields.Bits
    """How to read it: 1 binary, 2 ASCII, 3 UTF-8"""
    @classmethod
    def build(cls, **fields: Unpack[_UuidDesignatorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UuidDesignatorFields]) -> int: ...  # type: ignore[override]
designators: pysrp.fields.Dispatch
def parse_designator(buf: ReadableBuffer, /, *, strict: bool = False) -> Designator:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""

class Vpd(ParameterData):
    """The header of every VPD page, 4 bytes (SPC-5, 7.7.1); a subclass with ``page=`` is that page."""
    def __init_subclass__(cls, page: VpdPage | None=None, **options: Any) -> None: ...
    peripheral_qualifier: pysrp.fields.Bits
    """0: there is such a unit; 1: there could be one; 3: the target has none at this LUN (SPC-5, 6.6.2)"""
    peripheral_device_type: pysrp.fields.Bits
    """What commands the unit has: 00h disk, 01h tape, 05h CD or DVD, 1Fh unknown or none"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    page_length: pysrp.fields.U16
    """Bytes of the page behind this field, also where fewer have come"""

class _UnknownVpdFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class UnknownVpd(Vpd, cover='payload'):
    """A VPD page without a table here, 4 + n bytes (SPC-5, 7.7.1)."""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""
    @classmethod
    def build(cls, **fields: Unpack[_UnknownVpdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_UnknownVpdFields]) -> int: ...  # type: ignore[override]
vpd: pysrp.fields.Dispatch
def parse_vpd(buf: ReadableBuffer, /, *, strict: bool = False) -> SupportedVpdPages | UnitSerialNumber | DeviceIdentification | ManagementNetworkAddresses | ExtendedInquiryData | ModePagePolicy | ScsiPorts | PowerConditions | AtaInformation | ThirdPartyCopy | BlockLimits | BlockDeviceCharacteristics | LogicalBlockProvisioning | Referrals | SupportedBlockLengths | UnknownVpd:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""

class _FixedVpd(Vpd, cover='payload'):
    """A page whose fields have fixed places."""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""

class _SupportedVpdPagesFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    supported_page_list: ReadableBuffer | None
    trailing: ReadableBuffer

class SupportedVpdPages(Vpd, page=VpdPage.SUPPORTED_VPD_PAGES):
    """Supported VPD Pages, 00h: 4 + n bytes (SPC-5, 7.7.16)."""
    supported_page_list: pysrp.fields.Part
    """Codes of the pages that there are, a byte each, ascending"""
    @classmethod
    def build(cls, *, pages: Any = None, **fields: Unpack[_SupportedVpdPagesFields]) -> Self:  # type: ignore[override]
        """A new page; ``pages`` is an iterable of page codes, in place of ``supported_page_list``."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, *, pages: Any = None, **fields: Unpack[_SupportedVpdPagesFields]) -> int: ...  # type: ignore[override]
    @property
    def pages(self) -> list[VpdPage | int]:
        """The page codes that are there, in order."""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""

class _UnitSerialNumberFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    product_serial_number: ReadableBuffer | None
    trailing: ReadableBuffer

class UnitSerialNumber(Vpd, page=VpdPage.UNIT_SERIAL_NUMBER):
    """Unit Serial Number, 80h: 4 + n bytes (SPC-5, 7.7.17)."""
    product_serial_number: pysrp.fields.Part
    """ASCII that the vendor has chosen for this one; all spaces where there is none"""
    @classmethod
    def build(cls, *, serial: str | None = None, **fields: Unpack[_UnitSerialNumberFields]) -> Self:  # type: ignore[override]
        """A new page; ``serial`` is text, in place of ``product_serial_number``."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, *, serial: str | None = None, **fields: Unpack[_UnitSerialNumberFields]) -> int: ...  # type: ignore[override]
    @property
    def serial(self) -> str:
        """The serial number as text, without the spaces around it; bytes not ASCII read as U+FFFD."""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""

class _DeviceIdentificationFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    designators: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class DeviceIdentification(Vpd, page=VpdPage.DEVICE_IDENTIFICATION):
    """Device Identification, 83h: 4 + n bytes (SPC-5, 7.7.6)."""
    designators: pysrp.fields.List[Designator]
    """Names of the unit, the port and the device, one behind the other"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_DeviceIdentificationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_DeviceIdentificationFields]) -> int: ...  # type: ignore[override]

class _NetworkAddressFields(TypedDict, total=False):
    association: int
    service_type: int
    network_address_length: int
    network_address: ReadableBuffer | None
    trailing: ReadableBuffer

class NetworkAddress(Structure, size=4):
    """Network services descriptor, 4 + n bytes (SPC-5, 7.7.8)."""
    TEXTS: ClassVar[dict[str, str]]
    association: pysrp.fields.Bits
    """Whose name this is: 0 the unit's, 1 the port's, 2 the target device's (SPC-5, 7.7.6)"""
    service_type: pysrp.fields.Bits
    """What is there: 0 not said, 1 configuration of storage, 2 diagnostics, 3 state, 4 logs, 5 code, 6 copies, 7 administration"""
    network_address_length: pysrp.fields.U16
    """Bytes of the address behind this field, a multiple of 4; 0: none"""
    network_address: pysrp.fields.Part
    """A URL in ASCII, ended and padded with zeros (RFC 3986)"""
    @property
    def url(self) -> str:
        """The address as text, without the padding."""
    @classmethod
    def build(cls, **fields: Unpack[_NetworkAddressFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_NetworkAddressFields]) -> int: ...  # type: ignore[override]

class _ManagementNetworkAddressesFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ManagementNetworkAddresses(Vpd, page=VpdPage.MANAGEMENT_NETWORK_ADDRESSES):
    """Management Network Addresses, 85h: 4 + n bytes (SPC-5, 7.7.8)."""
    descriptors: pysrp.fields.List[NetworkAddress]
    """Addresses at which the device is managed, one behind the other"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ManagementNetworkAddressesFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ManagementNetworkAddressesFields]) -> int: ...  # type: ignore[override]

class _ExtendedInquiryDataFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    activate_microcode: int
    spt: int
    grd_chk: int
    app_chk: int
    ref_chk: int
    uask_sup: int
    group_sup: int
    prior_sup: int
    headsup: int
    ordsup: int
    simpsup: int
    wu_sup: int
    crd_sup: int
    nv_sup: int
    v_sup: int
    no_pi_chk: int
    p_i_i_sup: int
    luiclr: int
    lu_coll_type: int
    r_sup: int
    rtd_sup: int
    hssrelef: int
    cbcs: int
    multi_i_t_nexus_microcode_download: int
    extended_self_test_completion_minutes: int
    poa_sup: int
    hra_sup: int
    vsa_sup: int
    dms_valid: int
    maximum_supported_sense_data_length: int
    ibs: int
    ias: int
    sac: int
    nrd1: int
    nrd0: int
    maximum_inquiry_change_logs: int
    maximum_mode_page_change_logs: int
    dm_md_4: int
    dm_md_5: int
    dm_md_6: int
    dm_md_7: int
    dm_md_d: int
    dm_md_e: int
    dm_md_f: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class ExtendedInquiryData(_FixedVpd, page=VpdPage.EXTENDED_INQUIRY_DATA, full=64):
    """Extended INQUIRY Data, 86h: 64 bytes (SPC-5, 7.7.7)."""
    activate_microcode: pysrp.fields.Bits
    """When new microcode of WRITE BUFFER is active: 0 not said, 1 when the command ends, 2 later, with an event"""
    spt: pysrp.fields.Bits
    """Types of protection the unit can be formatted with: 0 1, 1 1 and 2, 2 2, 3 1 and 3, 4 3, 5 2 and 3, 7 all; 6: page B4h tells"""
    grd_chk: pysrp.fields.Flag
    """Set: the CRC of protection information is checked, where it comes"""
    app_chk: pysrp.fields.Flag
    """Set: the application tag of protection information is checked, where it comes"""
    ref_chk: pysrp.fields.Flag
    """Set: the reference tag of protection information is checked, where it comes"""
    uask_sup: pysrp.fields.Flag
    """Set: sense of UNIT ATTENTION has sense-key specific bytes"""
    group_sup: pysrp.fields.Flag
    """Set: GROUP NUMBER of a CDB is known"""
    prior_sup: pysrp.fields.Flag
    """Set: priorities of commands are known"""
    headsup: pysrp.fields.Flag
    """Set: the task attribute HEAD OF QUEUE is known"""
    ordsup: pysrp.fields.Flag
    """Set: the task attribute ORDERED is known"""
    simpsup: pysrp.fields.Flag
    """Set: the task attribute SIMPLE is known"""
    wu_sup: pysrp.fields.Flag
    """Set: WRITE LONG can make a block unreadable (WR_UNCOR)"""
    crd_sup: pysrp.fields.Flag
    """Obsolete; set: WRITE LONG can make a block that is reported without correction (SBC-3)"""
    nv_sup: pysrp.fields.Flag
    """Set: there is a cache that survives a loss of power"""
    v_sup: pysrp.fields.Flag
    """Set: there is a cache that a loss of power empties"""
    no_pi_chk: pysrp.fields.Flag
    """Set: nothing is checked in a write, either, whose application tag is FFFFh (SPC-5, 7.7.7)"""
    p_i_i_sup: pysrp.fields.Flag
    """Set: a block may have several pieces of protection information"""
    luiclr: pysrp.fields.Flag
    """Set: REPORTED LUNS DATA HAS CHANGED is cleared in all units of the nexus once one has reported it"""
    lu_coll_type: pysrp.fields.Bits
    """How units belong together: 0 not said, 1 conglomerates, 2 groups"""
    r_sup: pysrp.fields.Flag
    """Set: referrals are known, whose size page B3h has"""
    rtd_sup: pysrp.fields.Flag
    """Set: RTD in MODE SELECT is known, which brings the defaults back"""
    hssrelef: pysrp.fields.Flag
    """Set: resets treat the snapshot of READ BUFFER's error history in the alternate way (SPC-5, 5.6)"""
    cbcs: pysrp.fields.Flag
    """Obsolete; set: commands may need a capability (CbCS, SPC-4)"""
    multi_i_t_nexus_microcode_download: pysrp.fields.Bits
    """What becomes of microcode that several nexuses download at once: 0 not said, 1 to 3 as SPC-5, 5.5 numbers the ways"""
    extended_self_test_completion_minutes: pysrp.fields.U16
    """How long an extended self-test takes; counts where mode page 0Ah has FFFFh seconds"""
    poa_sup: pysrp.fields.Flag
    """Set: WRITE BUFFER can put off microcode until power on"""
    hra_sup: pysrp.fields.Flag
    """Set: WRITE BUFFER can put off microcode until a hard reset"""
    vsa_sup: pysrp.fields.Flag
    """Set: WRITE BUFFER can put off microcode until an event of the vendor's"""
    dms_valid: pysrp.fields.Flag
    """Set: the bits below that tell WRITE BUFFER's modes count"""
    maximum_supported_sense_data_length: pysrp.fields.U8
    """Most bytes of sense data that ever come, up to 252; 0: not said"""
    ibs: pysrp.fields.Flag
    """Set: the administrative unit of a conglomerate may bind subsidiaries by itself"""
    ias: pysrp.fields.Flag
    """Set: the administrative unit of a conglomerate may set affiliations by itself"""
    sac: pysrp.fields.Flag
    """Set: the command SET AFFILIATION is known"""
    nrd1: pysrp.fields.Flag
    """Set: a BIND with NRD set, which must not be redirected, is known"""
    nrd0: pysrp.fields.Flag
    """Set: a BIND with NRD clear, which may be redirected, is known"""
    maximum_inquiry_change_logs: pysrp.fields.U16
    """How many changes of INQUIRY data the log keeps; 0: none or not said"""
    maximum_mode_page_change_logs: pysrp.fields.U16
    """How many changes of mode pages the log keeps; 0: none or not said"""
    dm_md_4: pysrp.fields.Flag
    """Set: WRITE BUFFER mode 4 is known: microcode, active at once, not kept"""
    dm_md_5: pysrp.fields.Flag
    """Set: WRITE BUFFER mode 5 is known: microcode, kept and active at once"""
    dm_md_6: pysrp.fields.Flag
    """Set: WRITE BUFFER mode 6 is known: microcode in parts, active at once, not kept"""
    dm_md_7: pysrp.fields.Flag
    """Set: WRITE BUFFER mode 7 is known: microcode in parts, kept and active at once"""
    dm_md_d: pysrp.fields.Flag
    """Set: WRITE BUFFER mode Dh is known: microcode in parts, kept, active with a chosen event"""
    dm_md_e: pysrp.fields.Flag
    """Set: WRITE BUFFER mode Eh is known: microcode in parts, kept, active later"""
    dm_md_f: pysrp.fields.Flag
    """Set: WRITE BUFFER mode Fh is known: what was put off becomes active"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ExtendedInquiryDataFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ExtendedInquiryDataFields]) -> int: ...  # type: ignore[override]

class _ModePagePolicyEntryFields(TypedDict, total=False):
    policy_page_code: int
    policy_subpage_code: int
    mlus: int
    mode_page_policy: int
    trailing: ReadableBuffer

class ModePagePolicyEntry(Structure, size=4):
    """Mode page policy descriptor, 4 bytes (SPC-5, 7.7.9)."""
    TEXTS: ClassVar[dict[str, str]]
    policy_page_code: pysrp.fields.Bits
    """Which mode page this is about; 3Fh: all that have no entry"""
    policy_subpage_code: pysrp.fields.U8
    """Which subpage this is about; FFh: all that have no entry"""
    mlus: pysrp.fields.Flag
    """Set: several units share the page"""
    mode_page_policy: pysrp.fields.Bits
    """Who else sees a change of the page: 0 all, 1 who comes by the same target port, 3 only the nexus itself"""
    @classmethod
    def build(cls, **fields: Unpack[_ModePagePolicyEntryFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ModePagePolicyEntryFields]) -> int: ...  # type: ignore[override]

class _ModePagePolicyFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ModePagePolicy(Vpd, page=VpdPage.MODE_PAGE_POLICY):
    """Mode Page Policy, 87h: 4 + 4 n bytes (SPC-5, 7.7.9)."""
    descriptors: pysrp.fields.List[ModePagePolicyEntry]
    """Who sees changes of mode pages, 4 bytes for a page"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ModePagePolicyFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ModePagePolicyFields]) -> int: ...  # type: ignore[override]

class _ScsiPortFields(TypedDict, total=False):
    relative_port_identifier: int
    initiator_port_transportid_length: int
    initiator_port_transportid: ReadableBuffer | Iterable[Any] | None
    target_port_header: ReadableBuffer | None
    target_port_descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ScsiPort(ParameterData, size=8):
    """SCSI port designation descriptor, 12 + k + n bytes (SPC-5, 7.7.14).

    ``target_port_header`` is the four bytes between the two lists. Its last two bytes are the length of the second list;
    build() sets them."""
    relative_port_identifier: pysrp.fields.U16
    """Which port of the device, from 1"""
    initiator_port_transportid_length: pysrp.fields.U16
    """Bytes of the TransportID; 0: the port is no initiator port"""
    initiator_port_transportid: pysrp.fields.List[FibreChannelTransportId | ParallelScsiTransportId | Ieee1394TransportId | SrpTransportId | IscsiTransportId | SasTransportId | ScsiOverPcieTransportId | TransportId]
    """The name of the port as an initiator port"""
    target_port_header: pysrp.fields.Part
    """Two reserved bytes and the length of the designators behind them, in bytes"""
    target_port_descriptors: pysrp.fields.List[Designator]
    """Names of the port as a target port"""
    @classmethod
    def build(cls, **fields: Unpack[_ScsiPortFields]) -> Self:  # type: ignore[override]
        """A new descriptor from ``initiator_port_transportid`` and ``target_port_descriptors``."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ScsiPortFields]) -> int: ...  # type: ignore[override]
    def to_dict(self) -> dict[str, Any]:
        """Field name to value; has ``target_port_header`` even where the data ends before it, as build() would make one."""

class _ScsiPortsFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    ports: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ScsiPorts(Vpd, page=VpdPage.SCSI_PORTS):
    """SCSI Ports, 88h: 4 + n bytes (SPC-5, 7.7.14)."""
    ports: pysrp.fields.List[ScsiPort]
    """One entry for each port of the device, ascending"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ScsiPortsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ScsiPortsFields]) -> int: ...  # type: ignore[override]

class _PowerConditionsFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    standby_y: int
    standby_z: int
    idle_c: int
    idle_b: int
    idle_a: int
    stopped_condition_recovery_time: int
    standby_z_condition_recovery_time: int
    standby_y_condition_recovery_time: int
    idle_a_condition_recovery_time: int
    idle_b_condition_recovery_time: int
    idle_c_condition_recovery_time: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class PowerConditions(_FixedVpd, page=VpdPage.POWER_CONDITION):
    """Power Condition, 8Ah: 18 bytes (SPC-5, 7.7.11): the supported conditions, and their recovery times."""
    standby_y: pysrp.fields.Flag
    """Set: START STOP UNIT or a timer can bring it about"""
    standby_z: pysrp.fields.Flag
    """Set: START STOP UNIT or a timer can bring it about"""
    idle_c: pysrp.fields.Flag
    """Set: START STOP UNIT or a timer can bring it about"""
    idle_b: pysrp.fields.Flag
    """Set: START STOP UNIT or a timer can bring it about"""
    idle_a: pysrp.fields.Flag
    """Set: START STOP UNIT or a timer can bring it about"""
    stopped_condition_recovery_time: pysrp.fields.U16
    """Milliseconds from there to active"""
    standby_z_condition_recovery_time: pysrp.fields.U16
    """Milliseconds from there to active"""
    standby_y_condition_recovery_time: pysrp.fields.U16
    """Milliseconds from there to active"""
    idle_a_condition_recovery_time: pysrp.fields.U16
    """Milliseconds from there to active"""
    idle_b_condition_recovery_time: pysrp.fields.U16
    """Milliseconds from there to active"""
    idle_c_condition_recovery_time: pysrp.fields.U16
    """Milliseconds from there to active"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_PowerConditionsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PowerConditionsFields]) -> int: ...  # type: ignore[override]

class _AtaInformationFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    sat_vendor_identification: str | ReadableBuffer
    sat_product_identification: str | ReadableBuffer
    sat_product_revision_level: str | ReadableBuffer
    device_signature: ReadableBuffer
    command_code: int
    identify_data: ReadableBuffer
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class AtaInformation(_FixedVpd, page=VpdPage.ATA_INFORMATION):
    """ATA Information, 89h: 572 bytes (SAT-4, 12.4.2)."""
    sat_vendor_identification: pysrp.fields.Text
    """Who made what translates SCSI to ATA, 8 characters"""
    sat_product_identification: pysrp.fields.Text
    """What translates SCSI to ATA, 16 characters"""
    sat_product_revision_level: pysrp.fields.Text
    """Which version of it, 4 characters"""
    device_signature: pysrp.fields.Raw
    """The registers that the ATA device showed after its reset, as a D2H frame"""
    command_code: pysrp.fields.U8
    """Command that brought the data below: ECh IDENTIFY DEVICE, A1h IDENTIFY PACKET DEVICE; 0: none"""
    identify_data: pysrp.fields.Raw
    """What the ATA device says of itself, 256 words, low byte first"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_AtaInformationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AtaInformationFields]) -> int: ...  # type: ignore[override]

class _CopyDescriptorFields(TypedDict, total=False):
    descriptor_type: int
    descriptor_length: int
    parameters: ReadableBuffer | None
    trailing: ReadableBuffer

class CopyDescriptor(Structure, size=4):
    """Third-party copy descriptor, 4 + n bytes (SPC-4, 7.8.17.2); each type has a table of its own there."""
    descriptor_type: pysrp.fields.U16
    """0001h commands, 0004h limits of lists, 0008h descriptors, 8001h how much at once"""
    descriptor_length: pysrp.fields.U16
    """Bytes of the descriptor behind this field, a multiple of 4"""
    parameters: pysrp.fields.Part
    """What the copy manager can, as the type has it"""
    @classmethod
    def build(cls, **fields: Unpack[_CopyDescriptorFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CopyDescriptorFields]) -> int: ...  # type: ignore[override]

class _ThirdPartyCopyFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class ThirdPartyCopy(Vpd, page=VpdPage.THIRD_PARTY_COPY):
    """Third-party Copy, 8Fh: 4 + n bytes (SPC-4, 7.8.17)."""
    descriptors: pysrp.fields.List[CopyDescriptor]
    """What the copy manager can, one kind each"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ThirdPartyCopyFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ThirdPartyCopyFields]) -> int: ...  # type: ignore[override]

class _BlockLimitsFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    wsnz: int
    maximum_compare_and_write_length: int
    optimal_transfer_length_granularity: int
    maximum_transfer_length: int
    optimal_transfer_length: int
    maximum_prefetch_length: int
    maximum_unmap_lba_count: int
    maximum_unmap_block_descriptor_count: int
    optimal_unmap_granularity: int
    ugavalid: int
    unmap_granularity_alignment: int
    maximum_write_same_length: int
    maximum_atomic_transfer_length: int
    atomic_alignment: int
    atomic_transfer_length_granularity: int
    maximum_atomic_transfer_length_with_atomic_boundary: int
    maximum_atomic_boundary_size: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class BlockLimits(_FixedVpd, page=VpdPage.BLOCK_LIMITS):
    """Block Limits, B0h: 64 bytes, 16 or 20 from older devices (SBC-4, 6.6.4); lengths in logical blocks."""
    wsnz: pysrp.fields.Flag
    """Set: a WRITE SAME of 0 blocks, which would mean all up to the end, is refused"""
    maximum_compare_and_write_length: pysrp.fields.U8
    """Most blocks of one COMPARE AND WRITE; 0: the command is not known"""
    optimal_transfer_length_granularity: pysrp.fields.U16
    """Transfers of a multiple of so many blocks are fast; 0: not said"""
    maximum_transfer_length: pysrp.fields.U32
    """Most blocks that one command moves; 0: no limit is said"""
    optimal_transfer_length: pysrp.fields.U32
    """A command that moves more blocks than this is slow; 0: not said"""
    maximum_prefetch_length: pysrp.fields.U32
    """Most blocks of one PRE-FETCH; 0: no limit is said"""
    maximum_unmap_lba_count: pysrp.fields.U32
    """Most blocks of one UNMAP; 0: the command is not known, FFFFFFFFh: no limit"""
    maximum_unmap_block_descriptor_count: pysrp.fields.U32
    """Most descriptors of one UNMAP; 0: the command is not known, FFFFFFFFh: no limit"""
    optimal_unmap_granularity: pysrp.fields.U32
    """UNMAP of a multiple of so many blocks is worth its while; 0: not said"""
    ugavalid: pysrp.fields.Flag
    """Set: the alignment behind it counts"""
    unmap_granularity_alignment: pysrp.fields.Bits
    """First address, in blocks, from which those multiples count"""
    maximum_write_same_length: pysrp.fields.U64
    """Most blocks of one WRITE SAME; 0: no limit is said"""
    maximum_atomic_transfer_length: pysrp.fields.U32
    """Most blocks of one atomic write without a boundary; 0: no limit is said"""
    atomic_alignment: pysrp.fields.U32
    """Address of an atomic write is a multiple of so many blocks; 0: any will do"""
    atomic_transfer_length_granularity: pysrp.fields.U32
    """Length of an atomic write is a multiple of so many blocks; 0: any will do"""
    maximum_atomic_transfer_length_with_atomic_boundary: pysrp.fields.U32
    """Most blocks of one atomic write that has a boundary; 0: no limit is said"""
    maximum_atomic_boundary_size: pysrp.fields.U32
    """Largest boundary of an atomic write, in blocks; 0: none is known"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_BlockLimitsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_BlockLimitsFields]) -> int: ...  # type: ignore[override]

class _BlockDeviceCharacteristicsFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    medium_rotation_rate: int
    product_type: int
    wabereq: int
    wacereq: int
    nominal_form_factor: int
    mact: int
    zoned: int
    rbwz: int
    bocs: int
    fuab: int
    vbuls: int
    depopulation_time: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class BlockDeviceCharacteristics(_FixedVpd, page=VpdPage.BLOCK_DEVICE_CHARACTERISTICS, full=64):
    """Block Device Characteristics, B1h: 64 bytes (SBC-4, 6.6.2; MACT: SBC-5)."""
    medium_rotation_rate: pysrp.fields.U16
    """0 not reported, 1 does not rotate, else revolutions per minute"""
    product_type: pysrp.fields.U8
    """What it looks like: 0 not said, 1 CFast, 2 CompactFlash, 3 Memory Stick, 4 MultiMediaCard, 5 SD card, 6 XQD, 7 UFS"""
    wabereq: pysrp.fields.Bits
    """What a read brings after SANITIZE has erased blocks: 0 not said, 1 any data, 2 an error until a write, 3 either"""
    wacereq: pysrp.fields.Bits
    """What a read brings after SANITIZE has changed keys: 0 not said, 1 any data, 2 an error until a write, 3 either"""
    nominal_form_factor: pysrp.fields.Bits
    """Width of the housing: 0 not said, 1 5.25 inches, 2 3.5, 3 2.5, 4 1.8, 5 less"""
    mact: pysrp.fields.Flag
    """Set: there are several actuators, for different blocks"""
    zoned: pysrp.fields.Bits
    """Whether blocks are in zones: 0 not said, 1 host aware, 2 the device sees to them"""
    rbwz: pysrp.fields.Flag
    """Set: REASSIGN BLOCKS writes zeros where it cannot keep the data"""
    bocs: pysrp.fields.Flag
    """Set: BACKGROUND CONTROL is known"""
    fuab: pysrp.fields.Flag
    """Set: FUA and SYNCHRONIZE CACHE go as far as a cache that survives a loss of power, or the medium"""
    vbuls: pysrp.fields.Flag
    """Set: VERIFY compares blocks that are not mapped, too"""
    depopulation_time: pysrp.fields.U32
    """Seconds that taking an element out of use takes at most; 0: not said"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_BlockDeviceCharacteristicsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_BlockDeviceCharacteristicsFields]) -> int: ...  # type: ignore[override]

class _LogicalBlockProvisioningFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    threshold_exponent: int
    lbpu: int
    lbpws: int
    lbpws10: int
    lbprz: int
    anc_sup: int
    dp: int
    minimum_percentage: int
    provisioning_type: int
    threshold_percentage: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class LogicalBlockProvisioning(_FixedVpd, page=VpdPage.LOGICAL_BLOCK_PROVISIONING):
    """Logical Block Provisioning, B2h: 8 bytes + provisioning group descriptor (SBC-4, 6.6.7)."""
    threshold_exponent: pysrp.fields.U8
    """Thresholds count in units of 2^n blocks; 0: there are none"""
    lbpu: pysrp.fields.Flag
    """Set: UNMAP is known"""
    lbpws: pysrp.fields.Flag
    """Set: WRITE SAME(16) and (32) with UNMAP are known"""
    lbpws10: pysrp.fields.Flag
    """Set: WRITE SAME(10) with UNMAP is known"""
    lbprz: pysrp.fields.Bits
    """What a block reads that is not mapped: 0 not said, 1 zeros, 2 a pattern of the device's (SBC-4, 6.6.7)"""
    anc_sup: pysrp.fields.Flag
    """Set: blocks can be anchored: not mapped, and sure of their place"""
    dp: pysrp.fields.Flag
    """Set: a name of the pool behind the unit follows"""
    minimum_percentage: pysrp.fields.Bits
    """Hundredths of the pool that the unit needs for itself; 0: not said"""
    provisioning_type: pysrp.fields.Bits
    """How its size is backed: 0 wholly or not said, 1 all of it is reserved, 2 thin"""
    threshold_percentage: pysrp.fields.U8
    """Thousandths of the pool over which a threshold in percent works; 0: there are none"""
    @property
    def provisioning_group(self) -> Any:
        """The designator of the provisioning group, or None without DP; raises DecodeError if cut short."""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_LogicalBlockProvisioningFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LogicalBlockProvisioningFields]) -> int: ...  # type: ignore[override]

class _ReferralsFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    user_data_segment_size: int
    user_data_segment_multiplier: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class Referrals(_FixedVpd, page=VpdPage.REFERRALS):
    """Referrals, B3h: 16 bytes (SBC-4, 6.6.8)."""
    user_data_segment_size: pysrp.fields.U32
    """Blocks of one segment of referrals; 0: they differ"""
    user_data_segment_multiplier: pysrp.fields.U32
    """How many segments on, the next one has the same ports; 0: not said"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_ReferralsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReferralsFields]) -> int: ...  # type: ignore[override]

class _BlockLengthProtectionFields(TypedDict, total=False):
    logical_block_length: int
    p_i_i_sup: int
    no_pi_chk: int
    grd_chk: int
    app_chk: int
    ref_chk: int
    t3ps: int
    t2ps: int
    t1ps: int
    t0ps: int
    trailing: ReadableBuffer

class BlockLengthProtection(Structure, size=8):
    """Logical block length and protection types descriptor, 8 bytes (SBC-4, 6.6.9)."""
    TEXTS: ClassVar[dict[str, str]]
    logical_block_length: pysrp.fields.U32
    """Bytes of data in a block, which FORMAT UNIT can choose"""
    p_i_i_sup: pysrp.fields.Flag
    """Set: a block may have several pieces of protection information"""
    no_pi_chk: pysrp.fields.Flag
    """Set: nothing is checked in a write, either, whose application tag is FFFFh (SPC-5, 7.7.7)"""
    grd_chk: pysrp.fields.Flag
    """Set: the CRC of protection information is checked, where it comes"""
    app_chk: pysrp.fields.Flag
    """Set: the application tag of protection information is checked, where it comes"""
    ref_chk: pysrp.fields.Flag
    """Set: the reference tag of protection information is checked, where it comes"""
    t3ps: pysrp.fields.Flag
    """Set: protection of type 3 is known with this length"""
    t2ps: pysrp.fields.Flag
    """Set: protection of type 2 is known with this length"""
    t1ps: pysrp.fields.Flag
    """Set: protection of type 1 is known with this length"""
    t0ps: pysrp.fields.Flag
    """Set: no protection is known with this length"""
    @classmethod
    def build(cls, **fields: Unpack[_BlockLengthProtectionFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_BlockLengthProtectionFields]) -> int: ...  # type: ignore[override]

class _SupportedBlockLengthsFields(TypedDict, total=False):
    peripheral_qualifier: int
    peripheral_device_type: int
    page_code: int
    page_length: int
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class SupportedBlockLengths(Vpd, page=VpdPage.SUPPORTED_BLOCK_LENGTHS_AND_PROTECTION_TYPES):
    """Supported Block Lengths And Protection Types, B4h: 4 + 8 n bytes (SBC-4, 6.6.9)."""
    descriptors: pysrp.fields.List[BlockLengthProtection]
    """Block lengths with the protection that each may have, 8 bytes each"""
    page_code: pysrp.fields.U8
    """Which page this is, and so what follows"""
    @classmethod
    def build(cls, **fields: Unpack[_SupportedBlockLengthsFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SupportedBlockLengthsFields]) -> int: ...  # type: ignore[override]
