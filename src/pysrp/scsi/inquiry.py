"""Standard INQUIRY data and vital product data pages (SPC-5, 6.6 and 7.7; SBC-4, 6.6).

``Inquiry(buf)`` reads standard INQUIRY data, ``parse_vpd(buf)`` a VPD page by its page code. Data cut short
by an ALLOCATION LENGTH can still be read: only a field that is missing raises DecodeError.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from pysrp.fields import (
    U8,
    U16,
    U24,
    U32,
    U64,
    Array,
    Bits,
    Dispatch,
    Flag,
    Int,
    List,
    Part,
    Raw,
    Structure,
    Text,
)
from pysrp.scsi import texts
from pysrp.scsi.codes import (
    Association,
    CodeSet,
    DesignatorType,
    PeripheralDeviceType,
    PeripheralQualifier,
    ProtocolIdentifier,
    ProvisioningType,
    VpdPage,
)
from pysrp.scsi.params.base import ParameterData, graded
from pysrp.scsi.params.reservations import transport_ids

__all__ = [
    "AtaInformation",
    "BlockDeviceCharacteristics",
    "BlockLengthProtection",
    "BlockLimits",
    "CopyDescriptor",
    "Designator",
    "DeviceIdentification",
    "Eui64Designator",
    "Eui64Designator12",
    "Eui64Designator16",
    "ExtendedInquiryData",
    "Inquiry",
    "InquiryVersion",
    "LogicalBlockProvisioning",
    "LogicalUnitGroupDesignator",
    "ManagementNetworkAddresses",
    "Md5Designator",
    "ModePagePolicy",
    "ModePagePolicyEntry",
    "Naa2Designator",
    "Naa3Designator",
    "Naa5Designator",
    "Naa6Designator",
    "NetworkAddress",
    "PowerConditions",
    "ProtocolSpecificPortDesignator",
    "Referrals",
    "RelativeTargetPortDesignator",
    "ScsiNameDesignator",
    "ScsiPort",
    "ScsiPorts",
    "SupportedBlockLengths",
    "SupportedVpdPages",
    "T10VendorDesignator",
    "TargetPortGroupDesignator",
    "ThirdPartyCopy",
    "UnitSerialNumber",
    "UnknownVpd",
    "UuidDesignator",
    "VendorSpecificDesignator",
    "Vpd",
    "parse_designator",
    "parse_vpd",
]


class InquiryVersion(IntEnum):
    """VERSION of standard INQUIRY data (SPC-5, 6.6.2): the SPC that the logical unit claims."""

    NONE = 0x00
    SCSI_1 = 0x01
    SCSI_2 = 0x02
    SPC = 0x03
    SPC_2 = 0x04
    SPC_3 = 0x05
    SPC_4 = 0x06
    SPC_5 = 0x07
    SPC_6 = 0x0D


class Inquiry(ParameterData, cover="payload", full=36):
    """Standard INQUIRY data, 36 bytes, up to 260 (SPC-5, 6.6.2; parallel bus bits: SPI).

    ``third_party_copy`` is the bit that the standard calls 3PC. Obsolete bits have the name that they
    had in the last standard that defines them.
    """

    __slots__ = ()
    TEXTS = texts.INQUIRY
    peripheral_qualifier = Bits(0, 5, 3, enum=PeripheralQualifier)
    peripheral_device_type = Bits(0, 0, 5, enum=PeripheralDeviceType)
    rmb = Flag(1, 7)
    lu_cong = Flag(1, 6)
    hot_pluggable = Bits(1, 4, 2)
    version = U8(2, enum=InquiryVersion)
    aerc = Flag(3, 7)
    trmtsk = Flag(3, 6)
    normaca = Flag(3, 5)
    hisup = Flag(3, 4)
    response_data_format = Bits(3, 0, 4, default=2)
    additional_length = U8(4)
    sccs = Flag(5, 7)
    acc = Flag(5, 6)
    tpgs = Bits(5, 4, 2)
    third_party_copy = Flag(5, 3)
    protect = Flag(5, 0)
    bque = Flag(6, 7)
    encserv = Flag(6, 6)
    vs = Flag(6, 5)
    multip = Flag(6, 4)
    mchngr = Flag(6, 3)
    ackreqq = Flag(6, 2)
    addr32 = Flag(6, 1)
    addr16 = Flag(6, 0)
    reladr = Flag(7, 7)
    wbus32 = Flag(7, 6)
    wbus16 = Flag(7, 5)
    sync = Flag(7, 4)
    linked = Flag(7, 3)
    trandis = Flag(7, 2)
    cmdque = Flag(7, 1)
    vs2 = Flag(7, 0)
    vendor = Text(8, 8)
    product = Text(16, 16)
    revision = Text(32, 4)
    vendor_specific = Raw(36, 20)
    clocking = Bits(56, 2, 2)
    qas = Flag(56, 1)
    ius = Flag(56, 0)
    version_descriptors = Array(58, 2, 8)
    payload = Part(5, additional_length, clamp=True)

    @classmethod
    def build(cls, *, vendor_specific_parameters: Any = None, **fields: Any) -> Inquiry:
        """New INQUIRY data, 36 bytes or what the fields need; ``vendor_specific_parameters`` from 96 on."""
        if vendor_specific_parameters is not None:
            trailing = fields.pop("trailing", None)
            head = bytes(super().build(**fields))
            fields["payload"] = head[5:96].ljust(91, b"\0") + bytes(vendor_specific_parameters)
            if trailing is not None:
                fields["trailing"] = trailing
        return super().build(**fields)

    @property
    def vendor_specific_parameters(self) -> memoryview:
        """The bytes after byte 95, as far as ADDITIONAL LENGTH reaches."""
        return memoryview(self)[96 : max(self.extent(), 96)]

    @property
    def connected(self) -> bool:
        """True if a logical unit is there (peripheral qualifier 0)."""
        return bool(self.peripheral_qualifier == PeripheralQualifier.CONNECTED)


# ---------------------------------------------------------------------------------------------
# Designators (SPC-5, 7.7.6)
# ---------------------------------------------------------------------------------------------


class Designator(ParameterData, cover="designator"):
    """Designation descriptor, 4 + n bytes (SPC-5, 7.7.6.1); this class itself for a type without a table here."""

    __slots__ = ()
    TEXTS = texts.INQUIRY

    def __init_subclass__(
        cls, type: DesignatorType | None = None, code_set: CodeSet = CodeSet.BINARY, **options: Any
    ) -> None:
        if type is not None:
            for name, field in (
                ("designator_type", Bits(1, 0, 4, enum=DesignatorType, must=type)),
                ("code_set", Bits(0, 0, 4, enum=CodeSet, default=code_set)),
            ):
                field.__set_name__(cls, name)
                setattr(cls, name, field)
        super().__init_subclass__(**options)

    piv = Flag(1, 7)
    protocol_identifier = Bits(0, 4, 4, enum=ProtocolIdentifier, valid=piv)
    code_set = Bits(0, 0, 4, enum=CodeSet)
    association = Bits(1, 4, 2, enum=Association)
    designator_type = Bits(1, 0, 4, enum=DesignatorType)
    designator_length = U8(3)
    designator = Part(4, designator_length, clamp=True)


class VendorSpecificDesignator(Designator, type=DesignatorType.VENDOR_SPECIFIC):
    """Vendor specific designator, 4 + n bytes (SPC-5, 7.7.6.3)."""

    __slots__ = ()


class T10VendorDesignator(Designator, type=DesignatorType.T10_VENDOR_ID, code_set=CodeSet.ASCII):
    """T10 vendor ID based designator, 12 + n bytes (SPC-5, 7.7.6.4)."""

    __slots__ = ()
    t10_vendor_identification = Text(4, 8)

    @classmethod
    def build(
        cls, *, vendor_specific_identifier: str | bytes | None = None, **fields: Any
    ) -> T10VendorDesignator:
        """A new designator; ``vendor_specific_identifier`` follows the vendor, text or bytes."""
        if vendor_specific_identifier is not None:
            tail = vendor_specific_identifier
            head = bytes(super().build(**fields))
            fields["designator"] = head[4:12] + (tail.encode() if isinstance(tail, str) else bytes(tail))
        return super().build(**fields)

    @property
    def vendor_specific_identifier(self) -> str:
        """The bytes after the vendor, as text; bytes that are not UTF-8 read as U+FFFD."""
        return bytes(self.designator)[8:].decode("utf-8", "replace")


class Eui64Designator(Designator, type=DesignatorType.EUI_64):
    """EUI-64, 12 bytes (SPC-5, 7.7.6.5.2)."""

    __slots__ = ()
    ieee_company_id = U24(4, hex=True)
    vendor_specific_extension_identifier = Int(7, 5, hex=True)


class Eui64Designator12(Designator, type=DesignatorType.EUI_64):
    """EUI-64 based 12-byte identifier, 16 bytes (SPC-5, 7.7.6.5.3)."""

    __slots__ = ()
    ieee_company_id = U24(4, hex=True)
    vendor_specific_extension_identifier = Int(7, 5, hex=True)
    directory_id = U32(12, hex=True)


class Eui64Designator16(Designator, type=DesignatorType.EUI_64):
    """EUI-64 based 16-byte identifier, 20 bytes (SPC-5, 7.7.6.5.4)."""

    __slots__ = ()
    identifier_extension = U64(4)
    ieee_company_id = U24(12, hex=True)
    vendor_specific_extension_identifier = Int(15, 5, hex=True)


class Naa2Designator(Designator, type=DesignatorType.NAA):
    """NAA IEEE Extended, 12 bytes (SPC-5, 7.7.6.6.2)."""

    __slots__ = ()
    naa = Bits(4, 4, 4, must=2)
    vendor_specific_identifier_a = Bits(4, 0, 12, 2, hex=True)
    ieee_company_id = U24(6, hex=True)
    vendor_specific_identifier_b = U24(9, hex=True)


class Naa3Designator(Designator, type=DesignatorType.NAA):
    """NAA Locally Assigned, 12 bytes (SPC-5, 7.7.6.6.3)."""

    __slots__ = ()
    naa = Bits(4, 4, 4, must=3)
    locally_administered_value = Bits(4, 0, 60, 8, hex=True)


class Naa5Designator(Designator, type=DesignatorType.NAA):
    """NAA IEEE Registered, 12 bytes (SPC-5, 7.7.6.6.4): a world wide name."""

    __slots__ = ()
    naa = Bits(4, 4, 4, must=5)
    ieee_company_id = Bits(4, 4, 24, 4, hex=True)
    vendor_specific_identifier = Bits(7, 0, 36, 5, hex=True)


class Naa6Designator(Designator, type=DesignatorType.NAA):
    """NAA IEEE Registered Extended, 20 bytes (SPC-5, 7.7.6.6.5)."""

    __slots__ = ()
    naa = Bits(4, 4, 4, must=6)
    ieee_company_id = Bits(4, 4, 24, 4, hex=True)
    vendor_specific_identifier = Bits(7, 0, 36, 5, hex=True)
    vendor_specific_identifier_extension = U64(12)


class RelativeTargetPortDesignator(Designator, type=DesignatorType.RELATIVE_TARGET_PORT):
    """Relative target port designator, 8 bytes (SPC-5, 7.7.6.7)."""

    __slots__ = ()
    relative_target_port_identifier = U16(6)


class TargetPortGroupDesignator(Designator, type=DesignatorType.TARGET_PORT_GROUP):
    """Target port group designator, 8 bytes (SPC-5, 7.7.6.8)."""

    __slots__ = ()
    target_port_group = U16(6)


class LogicalUnitGroupDesignator(Designator, type=DesignatorType.LOGICAL_UNIT_GROUP):
    """Logical unit group designator, 8 bytes (SPC-5, 7.7.6.9)."""

    __slots__ = ()
    logical_unit_group = U16(6)


class Md5Designator(Designator, type=DesignatorType.MD5_LOGICAL_UNIT):
    """MD5 logical unit designator, 20 bytes (SPC-5, 7.7.6.10)."""

    __slots__ = ()
    md5_logical_unit_identifier = Raw(4, 16)


class ScsiNameDesignator(Designator, type=DesignatorType.SCSI_NAME_STRING, code_set=CodeSet.UTF_8):
    """SCSI name string designator, 4 + n bytes (SPC-5, 7.7.6.11): UTF-8, ended and padded with zero bytes."""

    __slots__ = ()

    @classmethod
    def build(cls, *, name: str | None = None, **fields: Any) -> ScsiNameDesignator:
        """A new designator; ``name`` is text, padded to a multiple of four bytes."""
        if name is not None:
            raw = name.encode() + b"\0"
            fields["designator"] = raw.ljust(-(-len(raw) // 4) * 4, b"\0")
        return super().build(**fields)

    @property
    def name(self) -> str:
        """The name as text, without the padding; bytes that are not UTF-8 read as U+FFFD."""
        return bytes(self.designator).partition(b"\0")[0].decode("utf-8", "replace")


class ProtocolSpecificPortDesignator(Designator, type=DesignatorType.PROTOCOL_SPECIFIC_PORT):
    """Protocol specific port designator, 8 bytes (SPC-5, 7.7.6.12); its four bytes are the protocol's."""

    __slots__ = ()
    protocol_specific_port_identifier = Raw(4, 4)


class UuidDesignator(Designator, type=DesignatorType.UUID):
    """UUID designator, 22 bytes (SPC-5, 7.7.6.13)."""

    __slots__ = ()
    uuid_type = Bits(4, 4, 4, default=1)
    uuid_bytes = Raw(6, 16)

    @property
    def uuid(self) -> Any:
        """The UUID as a ``uuid.UUID``."""
        from uuid import UUID

        return UUID(bytes=bytes(self.uuid_bytes))


def _graded(*classes: type[ParameterData]) -> Dispatch:
    return graded("designator length", 3, 1, Designator, *classes)


def _designators() -> Dispatch:
    eui64 = Dispatch("EUI-64 length", 3, default=Designator)
    for length, cls in (8, Eui64Designator), (12, Eui64Designator12), (16, Eui64Designator16):
        eui64.add(length, cls)
    naa = Dispatch("NAA", 4, shift=4, width=4, default=Designator)
    for code, kind in (2, Naa2Designator), (3, Naa3Designator), (5, Naa5Designator), (6, Naa6Designator):
        naa.add(code, _graded(kind))
    table = Dispatch("designator type", 1, width=4, default=Designator)
    table.add(DesignatorType.VENDOR_SPECIFIC, VendorSpecificDesignator)
    table.add(DesignatorType.T10_VENDOR_ID, _graded(T10VendorDesignator))
    table.add(DesignatorType.EUI_64, eui64)
    table.add(DesignatorType.NAA, naa)
    table.add(DesignatorType.RELATIVE_TARGET_PORT, _graded(RelativeTargetPortDesignator))
    table.add(DesignatorType.TARGET_PORT_GROUP, _graded(TargetPortGroupDesignator))
    table.add(DesignatorType.LOGICAL_UNIT_GROUP, _graded(LogicalUnitGroupDesignator))
    table.add(DesignatorType.MD5_LOGICAL_UNIT, _graded(Md5Designator))
    table.add(DesignatorType.SCSI_NAME_STRING, ScsiNameDesignator)
    table.add(DesignatorType.PROTOCOL_SPECIFIC_PORT, _graded(ProtocolSpecificPortDesignator))
    table.add(DesignatorType.UUID, _graded(UuidDesignator))
    return table


designators = _designators()
parse_designator = designators.parse


# ---------------------------------------------------------------------------------------------
# Vital product data pages
# ---------------------------------------------------------------------------------------------


class Vpd(ParameterData):
    """The header of every VPD page, 4 bytes (SPC-5, 7.7.1); a subclass with ``page=`` is that page."""

    __slots__ = ()
    TEXTS = texts.INQUIRY

    def __init_subclass__(cls, page: VpdPage | None = None, **options: Any) -> None:
        if page is not None:
            field = U8(1, enum=VpdPage, must=page)
            field.__set_name__(cls, "page_code")
            cls.page_code = field
        super().__init_subclass__(**options)
        if page is not None:
            vpd.add(page, cls)

    peripheral_qualifier = Bits(0, 5, 3, enum=PeripheralQualifier)
    peripheral_device_type = Bits(0, 0, 5, enum=PeripheralDeviceType)
    page_code = U8(1, enum=VpdPage)
    page_length = U16(2)


class UnknownVpd(Vpd, cover="payload"):
    """A VPD page without a table here, 4 + n bytes (SPC-5, 7.7.1)."""

    __slots__ = ()
    payload = Part(4, Vpd.page_length, clamp=True)


vpd = Dispatch("VPD page", 1, default=UnknownVpd)
parse_vpd = vpd.parse


class _FixedVpd(Vpd, cover="payload"):
    """A page whose fields have fixed places."""

    __slots__ = ()
    payload = Part(4, Vpd.page_length, clamp=True)


class SupportedVpdPages(Vpd, page=VpdPage.SUPPORTED_VPD_PAGES):
    """Supported VPD Pages, 00h: 4 + n bytes (SPC-5, 7.7.16)."""

    __slots__ = ()
    supported_page_list = Part(4, Vpd.page_length, clamp=True)

    @classmethod
    def build(cls, *, pages: Any = None, **fields: Any) -> SupportedVpdPages:
        """A new page; ``pages`` is an iterable of page codes, in place of ``supported_page_list``."""
        if pages is not None:
            fields["supported_page_list"] = bytes(pages)
        return super().build(**fields)

    @property
    def pages(self) -> list[VpdPage | int]:
        """The page codes that are there, in order."""
        known = {int(page): page for page in VpdPage}
        return [known.get(code, code) for code in self.supported_page_list]

    def _check(self) -> Iterator[tuple[str, int, str]]:
        codes = bytes(self.supported_page_list)
        if list(codes) != sorted(set(codes)):
            yield "supported_page_list", 4, "not in ascending order"


class UnitSerialNumber(Vpd, page=VpdPage.UNIT_SERIAL_NUMBER):
    """Unit Serial Number, 80h: 4 + n bytes (SPC-5, 7.7.17)."""

    __slots__ = ()
    product_serial_number = Part(4, Vpd.page_length, clamp=True)

    @classmethod
    def build(cls, *, serial: str | None = None, **fields: Any) -> UnitSerialNumber:
        """A new page; ``serial`` is text, in place of ``product_serial_number``."""
        if serial is not None:
            fields["product_serial_number"] = serial.encode("ascii")
        return super().build(**fields)

    @property
    def serial(self) -> str:
        """The serial number as text, without the spaces around it; bytes not ASCII read as U+FFFD."""
        return bytes(self.product_serial_number).decode("ascii", "replace").strip(" \0")


class DeviceIdentification(Vpd, page=VpdPage.DEVICE_IDENTIFICATION):
    """Device Identification, 83h: 4 + n bytes (SPC-5, 7.7.6)."""

    __slots__ = ()
    designators = List(4, Vpd.page_length, item=designators, clamp=True)


class NetworkAddress(Structure, size=4):
    """Network services descriptor, 4 + n bytes (SPC-5, 7.7.8)."""

    __slots__ = ()
    TEXTS = texts.INQUIRY
    association = Bits(0, 5, 2, enum=Association)
    service_type = Bits(0, 0, 5)
    network_address_length = U16(2)
    network_address = Part(4, network_address_length, clamp=True)

    @property
    def url(self) -> str:
        """The address as text, without the padding."""
        return bytes(self.network_address).partition(b"\0")[0].decode("utf-8", "replace")


class ManagementNetworkAddresses(Vpd, page=VpdPage.MANAGEMENT_NETWORK_ADDRESSES):
    """Management Network Addresses, 85h: 4 + n bytes (SPC-5, 7.7.8)."""

    __slots__ = ()
    descriptors = List(
        4,
        Vpd.page_length,
        item=NetworkAddress,
        clamp=True,
        doc="Addresses at which the device is managed, one behind the other",
    )


class ExtendedInquiryData(_FixedVpd, page=VpdPage.EXTENDED_INQUIRY_DATA, full=64):
    """Extended INQUIRY Data, 86h: 64 bytes (SPC-5, 7.7.7)."""

    __slots__ = ()
    activate_microcode = Bits(4, 6, 2)
    spt = Bits(4, 3, 3)
    grd_chk = Flag(4, 2)
    app_chk = Flag(4, 1)
    ref_chk = Flag(4, 0)
    uask_sup = Flag(5, 5)
    group_sup = Flag(5, 4)
    prior_sup = Flag(5, 3)
    headsup = Flag(5, 2)
    ordsup = Flag(5, 1)
    simpsup = Flag(5, 0)
    wu_sup = Flag(6, 3)
    crd_sup = Flag(6, 2)
    nv_sup = Flag(6, 1)
    v_sup = Flag(6, 0)
    no_pi_chk = Flag(7, 5)
    p_i_i_sup = Flag(7, 4)
    luiclr = Flag(7, 0)
    lu_coll_type = Bits(8, 5, 3)
    r_sup = Flag(8, 4)
    rtd_sup = Flag(8, 3)
    hssrelef = Flag(8, 1)
    cbcs = Flag(8, 0)
    multi_i_t_nexus_microcode_download = Bits(9, 0, 4)
    extended_self_test_completion_minutes = U16(10)
    poa_sup = Flag(12, 7)
    hra_sup = Flag(12, 6)
    vsa_sup = Flag(12, 5)
    dms_valid = Flag(12, 4)
    maximum_supported_sense_data_length = U8(13)
    ibs = Flag(14, 7)
    ias = Flag(14, 6)
    sac = Flag(14, 2)
    nrd1 = Flag(14, 1)
    nrd0 = Flag(14, 0)
    maximum_inquiry_change_logs = U16(15)
    maximum_mode_page_change_logs = U16(17)
    dm_md_4 = Flag(19, 7)
    dm_md_5 = Flag(19, 6)
    dm_md_6 = Flag(19, 5)
    dm_md_7 = Flag(19, 4)
    dm_md_d = Flag(19, 3)
    dm_md_e = Flag(19, 2)
    dm_md_f = Flag(19, 1)


class ModePagePolicyEntry(Structure, size=4):
    """Mode page policy descriptor, 4 bytes (SPC-5, 7.7.9)."""

    __slots__ = ()
    TEXTS = texts.INQUIRY
    policy_page_code = Bits(0, 0, 6, hex=True)
    policy_subpage_code = U8(1, hex=True)
    mlus = Flag(2, 7)
    mode_page_policy = Bits(2, 0, 2)


class ModePagePolicy(Vpd, page=VpdPage.MODE_PAGE_POLICY):
    """Mode Page Policy, 87h: 4 + 4 n bytes (SPC-5, 7.7.9)."""

    __slots__ = ()
    descriptors = List(
        4,
        Vpd.page_length,
        item=ModePagePolicyEntry,
        clamp=True,
        doc="Who sees changes of mode pages, 4 bytes for a page",
    )


class ScsiPort(ParameterData, size=8):
    """SCSI port designation descriptor, 12 + k + n bytes (SPC-5, 7.7.14).

    ``target_port_header`` is the four bytes between the two lists. Its last two bytes are the length of the second list;
    build() sets them.
    """

    __slots__ = ()
    TEXTS = texts.INQUIRY
    relative_port_identifier = U16(2)
    initiator_port_transportid_length = U16(6)
    initiator_port_transportid = List(8, initiator_port_transportid_length, item=transport_ids, clamp=True)
    target_port_header = Part(initiator_port_transportid, 4, clamp=True)
    target_port_descriptors = List(
        target_port_header,
        lambda port: int.from_bytes(port.target_port_header[2:4], "big"),
        item=designators,
        clamp=True,
    )

    @classmethod
    def build(cls, **fields: Any) -> ScsiPort:
        """A new descriptor from ``initiator_port_transportid`` and ``target_port_descriptors``."""
        if "target_port_header" not in fields:
            given = fields.get("target_port_descriptors")
            raw = bytes(cls.target_port_descriptors.joined(given)) if given is not None else b""
            fields["target_port_header"] = bytes(2) + len(raw).to_bytes(2, "big")
        return super().build(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Field name to value; has ``target_port_header`` even where the data ends before it, as build() would make one."""
        result = super().to_dict()
        result.setdefault("target_port_header", b"")
        return result


class ScsiPorts(Vpd, page=VpdPage.SCSI_PORTS):
    """SCSI Ports, 88h: 4 + n bytes (SPC-5, 7.7.14)."""

    __slots__ = ()
    ports = List(4, Vpd.page_length, item=ScsiPort, clamp=True)


class PowerConditions(_FixedVpd, page=VpdPage.POWER_CONDITION):
    """Power Condition, 8Ah: 18 bytes (SPC-5, 7.7.11): the supported conditions, and their recovery times."""

    __slots__ = ()
    standby_y = Flag(4, 1, doc="Set: START STOP UNIT or a timer can bring it about")
    standby_z = Flag(4, 0, doc="Set: START STOP UNIT or a timer can bring it about")
    idle_c = Flag(5, 2, doc="Set: START STOP UNIT or a timer can bring it about")
    idle_b = Flag(5, 1, doc="Set: START STOP UNIT or a timer can bring it about")
    idle_a = Flag(5, 0, doc="Set: START STOP UNIT or a timer can bring it about")
    stopped_condition_recovery_time = U16(6, doc="Milliseconds from there to active")
    standby_z_condition_recovery_time = U16(8, doc="Milliseconds from there to active")
    standby_y_condition_recovery_time = U16(10, doc="Milliseconds from there to active")
    idle_a_condition_recovery_time = U16(12, doc="Milliseconds from there to active")
    idle_b_condition_recovery_time = U16(14, doc="Milliseconds from there to active")
    idle_c_condition_recovery_time = U16(16, doc="Milliseconds from there to active")


class AtaInformation(_FixedVpd, page=VpdPage.ATA_INFORMATION):
    """ATA Information, 89h: 572 bytes (SAT-4, 12.4.2)."""

    __slots__ = ()
    sat_vendor_identification = Text(8, 8)
    sat_product_identification = Text(16, 16)
    sat_product_revision_level = Text(32, 4)
    device_signature = Raw(36, 20)
    command_code = U8(56, hex=True)
    identify_data = Raw(60, 512)


class CopyDescriptor(Structure, size=4):
    """Third-party copy descriptor, 4 + n bytes (SPC-4, 7.8.17.2); each type has a table of its own there."""

    __slots__ = ()
    descriptor_type = U16(
        0, hex=True, doc="0001h commands, 0004h limits of lists, 0008h descriptors, 8001h how much at once"
    )
    descriptor_length = U16(2, doc="Bytes of the descriptor behind this field, a multiple of 4")
    parameters = Part(4, descriptor_length, clamp=True, doc="What the copy manager can, as the type has it")


class ThirdPartyCopy(Vpd, page=VpdPage.THIRD_PARTY_COPY):
    """Third-party Copy, 8Fh: 4 + n bytes (SPC-4, 7.8.17)."""

    __slots__ = ()
    descriptors = List(
        4, Vpd.page_length, item=CopyDescriptor, clamp=True, doc="What the copy manager can, one kind each"
    )


class BlockLimits(_FixedVpd, page=VpdPage.BLOCK_LIMITS):
    """Block Limits, B0h: 64 bytes, 16 or 20 from older devices (SBC-4, 6.6.4); lengths in logical blocks."""

    __slots__ = ()
    wsnz = Flag(4, 0)
    maximum_compare_and_write_length = U8(5)
    optimal_transfer_length_granularity = U16(6)
    maximum_transfer_length = U32(8)
    optimal_transfer_length = U32(12)
    maximum_prefetch_length = U32(16)
    maximum_unmap_lba_count = U32(20)
    maximum_unmap_block_descriptor_count = U32(24)
    optimal_unmap_granularity = U32(28)
    ugavalid = Flag(32, 7)
    unmap_granularity_alignment = Bits(32, 0, 31, 4)
    maximum_write_same_length = U64(36, hex=False)
    maximum_atomic_transfer_length = U32(44)
    atomic_alignment = U32(48)
    atomic_transfer_length_granularity = U32(52)
    maximum_atomic_transfer_length_with_atomic_boundary = U32(56)
    maximum_atomic_boundary_size = U32(60)


class BlockDeviceCharacteristics(_FixedVpd, page=VpdPage.BLOCK_DEVICE_CHARACTERISTICS, full=64):
    """Block Device Characteristics, B1h: 64 bytes (SBC-4, 6.6.2; MACT: SBC-5)."""

    __slots__ = ()
    medium_rotation_rate = U16(4, doc="0 not reported, 1 does not rotate, else revolutions per minute")
    product_type = U8(6)
    wabereq = Bits(7, 6, 2)
    wacereq = Bits(7, 4, 2)
    nominal_form_factor = Bits(7, 0, 4)
    mact = Flag(8, 6)
    zoned = Bits(8, 4, 2)
    rbwz = Flag(8, 3)
    bocs = Flag(8, 2)
    fuab = Flag(8, 1)
    vbuls = Flag(8, 0)
    depopulation_time = U32(12)


class LogicalBlockProvisioning(_FixedVpd, page=VpdPage.LOGICAL_BLOCK_PROVISIONING):
    """Logical Block Provisioning, B2h: 8 bytes + provisioning group descriptor (SBC-4, 6.6.7)."""

    __slots__ = ()
    threshold_exponent = U8(4)
    lbpu = Flag(5, 7)
    lbpws = Flag(5, 6)
    lbpws10 = Flag(5, 5)
    lbprz = Bits(5, 2, 3)
    anc_sup = Flag(5, 1)
    dp = Flag(5, 0)
    minimum_percentage = Bits(6, 3, 5)
    provisioning_type = Bits(6, 0, 3, enum=ProvisioningType)
    threshold_percentage = U8(7)

    @property
    def provisioning_group(self) -> Any:
        """The designator of the provisioning group, or None without DP; raises DecodeError if cut short."""
        return parse_designator(memoryview(self)[8 : max(self.extent(), 8)]) if self.dp else None


class Referrals(_FixedVpd, page=VpdPage.REFERRALS):
    """Referrals, B3h: 16 bytes (SBC-4, 6.6.8)."""

    __slots__ = ()
    user_data_segment_size = U32(8)
    user_data_segment_multiplier = U32(12)


class BlockLengthProtection(Structure, size=8):
    """Logical block length and protection types descriptor, 8 bytes (SBC-4, 6.6.9)."""

    __slots__ = ()
    TEXTS = texts.INQUIRY
    logical_block_length = U32(0)
    p_i_i_sup = Flag(4, 6)
    no_pi_chk = Flag(4, 3)
    grd_chk = Flag(4, 2)
    app_chk = Flag(4, 1)
    ref_chk = Flag(4, 0)
    t3ps = Flag(5, 3)
    t2ps = Flag(5, 2)
    t1ps = Flag(5, 1)
    t0ps = Flag(5, 0)


class SupportedBlockLengths(Vpd, page=VpdPage.SUPPORTED_BLOCK_LENGTHS_AND_PROTECTION_TYPES):
    """Supported Block Lengths And Protection Types, B4h: 4 + 8 n bytes (SBC-4, 6.6.9)."""

    __slots__ = ()
    descriptors = List(
        4,
        Vpd.page_length,
        item=BlockLengthProtection,
        clamp=True,
        doc="Block lengths with the protection that each may have, 8 bytes each",
    )
