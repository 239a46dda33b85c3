# Made from the field tables by tools/stubs.py; do not edit.
"""Persistent reservations, and the TransportIDs of initiator ports (SPC-5, 6.16, 6.17 and 7.6.4)."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.fields import Structure
from pysrp.scsi.codes import PersistentReserveType, ProtocolIdentifier
from pysrp.scsi.params.base import ParameterData
__all__ = ['FibreChannelTransportId', 'FullStatus', 'Ieee1394TransportId', 'IscsiTransportId', 'ParallelScsiTransportId', 'PrFullStatus', 'PrKeys', 'PrOut', 'PrOutMove', 'PrOutSpecIPt', 'PrReservation', 'RegisteredKey', 'ReportCapabilities', 'Reservation', 'SasTransportId', 'ScsiOverPcieTransportId', 'SrpTransportId', 'TransportId', 'parse_pr_out', 'parse_transport_id']

class _TransportIdFields(TypedDict, total=False):
    format_code: int
    protocol_identifier: int
    protocol_specific: ReadableBuffer
    trailing: ReadableBuffer

class TransportId(Structure, size=24):
    """TransportID of a protocol without a table here, 24 bytes (SPC-5, 7.6.4.1)."""
    TEXTS: ClassVar[dict[str, str]]
    format_code: pysrp.fields.Bits
    """Form of the TransportID; 0 is the only one, but for iSCSI with its session (1)"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    protocol_specific: pysrp.fields.Raw
    """What the transport has put here; this library has no table of it"""
    @classmethod
    def build(cls, **fields: Unpack[_TransportIdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TransportIdFields]) -> int: ...  # type: ignore[override]
transport_ids: pysrp.fields.Dispatch
def parse_transport_id(buf: ReadableBuffer, /, *, strict: bool = False) -> FibreChannelTransportId | ParallelScsiTransportId | Ieee1394TransportId | SrpTransportId | IscsiTransportId | SasTransportId | ScsiOverPcieTransportId | TransportId:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""

class _TransportId(Structure):
    """Byte 0 of the TransportIDs with a table."""
    TEXTS: ClassVar[dict[str, str]]
    protocol_identifier: Any
    def __init_subclass__(cls, protocol: ProtocolIdentifier, size: int=24) -> None: ...
    format_code: pysrp.fields.Bits
    """Form of the TransportID; 0 is the only one, but for iSCSI with its session (1)"""

class _FibreChannelTransportIdFields(TypedDict, total=False):
    format_code: int
    protocol_identifier: int
    n_port_name: int
    trailing: ReadableBuffer

class FibreChannelTransportId(_TransportId, protocol=ProtocolIdentifier.FIBRE_CHANNEL):
    """TransportID of Fibre Channel, 24 bytes (SPC-5, 7.6.4.2)."""
    n_port_name: pysrp.fields.U64
    """World wide name of the initiator's port on Fibre Channel"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_FibreChannelTransportIdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_FibreChannelTransportIdFields]) -> int: ...  # type: ignore[override]

class _ParallelScsiTransportIdFields(TypedDict, total=False):
    format_code: int
    protocol_identifier: int
    scsi_address: int
    relative_target_port_identifier: int
    trailing: ReadableBuffer

class ParallelScsiTransportId(_TransportId, protocol=ProtocolIdentifier.PARALLEL_SCSI):
    """TransportID of the parallel bus, 24 bytes (SPC-4, 7.6.4.3)."""
    scsi_address: pysrp.fields.U16
    """Number of the initiator on the parallel bus"""
    relative_target_port_identifier: pysrp.fields.U16
    """Number of the target port, from 1"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ParallelScsiTransportIdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ParallelScsiTransportIdFields]) -> int: ...  # type: ignore[override]

class _Ieee1394TransportIdFields(TypedDict, total=False):
    format_code: int
    protocol_identifier: int
    eui64_name: int
    trailing: ReadableBuffer

class Ieee1394TransportId(_TransportId, protocol=ProtocolIdentifier.IEEE_1394):
    """TransportID of IEEE 1394, 24 bytes (SPC-5, 7.6.4.3)."""
    eui64_name: pysrp.fields.U64
    """EUI-64 of the initiator's node on IEEE 1394"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_Ieee1394TransportIdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_Ieee1394TransportIdFields]) -> int: ...  # type: ignore[override]

class _SrpTransportIdFields(TypedDict, total=False):
    format_code: int
    protocol_identifier: int
    initiator_port_identifier: ReadableBuffer
    trailing: ReadableBuffer

class SrpTransportId(_TransportId, protocol=ProtocolIdentifier.SRP):
    """TransportID of SRP, 24 bytes (SPC-5, 7.6.4.4); on VSCSI it ends in the unit address."""
    initiator_port_identifier: pysrp.fields.Raw
    """The 16 bytes that the initiator has logged in with"""
    @classmethod
    def of_unit_address(cls, unit_address: int) -> SrpTransportId:
        """The TransportID that ibmvstgt gives a client: 12 zero bytes, then the 32-bit unit address."""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SrpTransportIdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SrpTransportIdFields]) -> int: ...  # type: ignore[override]

class _IscsiTransportIdFields(TypedDict, total=False):
    format_code: int
    protocol_identifier: int
    additional_length: int
    iscsi_name: ReadableBuffer | None
    trailing: ReadableBuffer

class IscsiTransportId(_TransportId, protocol=ProtocolIdentifier.ISCSI, size=4):
    """TransportID of iSCSI, 4 + n bytes (SPC-5, 7.6.4.5); format code 1 adds ``,i,0x`` and the ISID."""
    additional_length: pysrp.fields.U16
    """Bytes behind this field, also where fewer have come"""
    iscsi_name: pysrp.fields.Part
    """Name of the initiator, with format 1 also its session, in UTF-8 ended and padded with zeros"""
    @classmethod
    def named(cls, name: str, format_code: int=0) -> IscsiTransportId:
        """A TransportID with this name, ended by a zero byte and padded to a multiple of four bytes, at least 20."""
    @property
    def name(self) -> str:
        """The name as text, without the padding."""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_IscsiTransportIdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_IscsiTransportIdFields]) -> int: ...  # type: ignore[override]

class _SasTransportIdFields(TypedDict, total=False):
    format_code: int
    protocol_identifier: int
    sas_address: int
    trailing: ReadableBuffer

class SasTransportId(_TransportId, protocol=ProtocolIdentifier.SAS):
    """TransportID of SAS, 24 bytes (SPC-5, 7.6.4.6)."""
    sas_address: pysrp.fields.U64
    """World wide name of the initiator's port on SAS"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_SasTransportIdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_SasTransportIdFields]) -> int: ...  # type: ignore[override]

class _ScsiOverPcieTransportIdFields(TypedDict, total=False):
    format_code: int
    protocol_identifier: int
    routing_id: int
    trailing: ReadableBuffer

class ScsiOverPcieTransportId(_TransportId, protocol=ProtocolIdentifier.SCSI_OVER_PCIE):
    """TransportID of SCSI over PCIe, 24 bytes (SPC-5, 7.6.4.7)."""
    routing_id: pysrp.fields.U16
    """Bus, device and function of the initiator on PCI Express"""
    protocol_identifier: pysrp.fields.Bits
    """The transport that this is for: 0 Fibre Channel, 4 SRP, 5 iSCSI, 6 SAS (SPC-5, 7.6.1)"""
    @classmethod
    def build(cls, **fields: Unpack[_ScsiOverPcieTransportIdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ScsiOverPcieTransportIdFields]) -> int: ...  # type: ignore[override]

class _RegisteredKeyFields(TypedDict, total=False):
    reservation_key: int
    trailing: ReadableBuffer

class RegisteredKey(Structure):
    """One reservation key, 8 bytes."""
    TEXTS: ClassVar[dict[str, str]]
    reservation_key: pysrp.fields.U64
    """Eight bytes that a registrant has chosen; 0 where nobody is registered"""
    @classmethod
    def build(cls, **fields: Unpack[_RegisteredKeyFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_RegisteredKeyFields]) -> int: ...  # type: ignore[override]

class _PrKeysFields(TypedDict, total=False):
    prgeneration: int
    additional_length: int
    key_list: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class PrKeys(ParameterData, size=8):
    """PERSISTENT RESERVE IN, READ KEYS: 8 + 8 n bytes (SPC-5, 6.16.2)."""
    prgeneration: pysrp.fields.U32
    """Counts changes of registrations; 0 after power on"""
    additional_length: pysrp.fields.U32
    """Bytes behind this field, also where fewer have come"""
    key_list: pysrp.fields.List[RegisteredKey]
    """Keys of all that are registered, 8 bytes each, also those of others"""
    @classmethod
    def build(cls, *, keys: Any = None, **fields: Unpack[_PrKeysFields]) -> Self:  # type: ignore[override]
        """New parameter data; ``keys`` is an iterable of integers, in place of ``key_list``."""
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, *, keys: Any = None, **fields: Unpack[_PrKeysFields]) -> int: ...  # type: ignore[override]
    @property
    def keys(self) -> list[int]:
        """The keys that are there, in order."""

class _ReservationFields(TypedDict, total=False):
    reservation_key: int
    scope_specific_address: int
    scope: int
    type: int
    extent_length: int
    trailing: ReadableBuffer

class Reservation(Structure, size=16):
    """The reservation in READ RESERVATION data, 16 bytes (SPC-5, 6.16.3.2)."""
    TEXTS: ClassVar[dict[str, str]]
    reservation_key: pysrp.fields.U64
    """Eight bytes that a registrant has chosen; 0 where nobody is registered"""
    scope_specific_address: pysrp.fields.U32
    """Obsolete; where a reserved extent begins (SPC-2)"""
    scope: pysrp.fields.Bits
    """What the reservation covers: 0, all of the unit, is the only one left"""
    type: pysrp.fields.Bits
    """What others may do: 1, 5, 7 read, 3, 6, 8 nothing; from 5 on whoever is registered is no other"""
    extent_length: pysrp.fields.U16
    """Obsolete; how many blocks a reserved extent has (SPC-2)"""
    @classmethod
    def build(cls, **fields: Unpack[_ReservationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReservationFields]) -> int: ...  # type: ignore[override]

class _PrReservationFields(TypedDict, total=False):
    prgeneration: int
    additional_length: int
    reservations: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class PrReservation(ParameterData, size=8):
    """PERSISTENT RESERVE IN, READ RESERVATION: 8 or 24 bytes (SPC-5, 6.16.3)."""
    prgeneration: pysrp.fields.U32
    """Counts changes of registrations; 0 after power on"""
    additional_length: pysrp.fields.U32
    """Bytes behind this field, also where fewer have come"""
    reservations: pysrp.fields.List[Reservation]
    """The reservation, if there is one"""
    @property
    def reservation(self) -> Reservation | None:
        """The reservation, or None where there is none."""
    @classmethod
    def build(cls, **fields: Unpack[_PrReservationFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PrReservationFields]) -> int: ...  # type: ignore[override]

class _ReportCapabilitiesFields(TypedDict, total=False):
    length: int
    rlr_c: int
    crh: int
    sip_c: int
    atp_c: int
    ptpl_c: int
    tmv: int
    allow_commands: int
    ptpl_a: int
    wr_ex_ar: int
    ex_ac_ro: int
    wr_ex_ro: int
    ex_ac: int
    wr_ex: int
    ex_ac_ar: int
    payload: ReadableBuffer | None
    trailing: ReadableBuffer

class ReportCapabilities(ParameterData, cover='payload', full=8):
    """PERSISTENT RESERVE IN, REPORT CAPABILITIES: 8 bytes (SPC-5, 6.16.4)."""
    length: pysrp.fields.U16
    """Bytes of the capabilities, this field among them: 8"""
    rlr_c: pysrp.fields.Flag
    """Set: the action REPLACE LOST RESERVATION is known"""
    crh: pysrp.fields.Flag
    """Set: RESERVE(6) and (10) of a registrant are answered as SPC-2 has it, and reserve nothing (compatible handling)"""
    sip_c: pysrp.fields.Flag
    """Set: SPEC_I_PT is known"""
    atp_c: pysrp.fields.Flag
    """Set: ALL_TG_PT is known"""
    ptpl_c: pysrp.fields.Flag
    """Set: APTPL is known: registrations can survive a loss of power"""
    tmv: pysrp.fields.Flag
    """Set: the bits that say which types are known count"""
    allow_commands: pysrp.fields.Bits
    """What others may do under a reservation: 0 not said, 1 to 5 as SPC-5, 6.16.4 lists the commands"""
    ptpl_a: pysrp.fields.Flag
    """Set: registrations do survive a loss of power now"""
    wr_ex_ar: pysrp.fields.Flag
    """Set: the type WRITE EXCLUSIVE, ALL REGISTRANTS is known"""
    ex_ac_ro: pysrp.fields.Flag
    """Set: the type EXCLUSIVE ACCESS, REGISTRANTS ONLY is known"""
    wr_ex_ro: pysrp.fields.Flag
    """Set: the type WRITE EXCLUSIVE, REGISTRANTS ONLY is known"""
    ex_ac: pysrp.fields.Flag
    """Set: the type EXCLUSIVE ACCESS is known"""
    wr_ex: pysrp.fields.Flag
    """Set: the type WRITE EXCLUSIVE is known"""
    ex_ac_ar: pysrp.fields.Flag
    """Set: the type EXCLUSIVE ACCESS, ALL REGISTRANTS is known"""
    payload: pysrp.fields.Part
    """Everything behind the header, as it came"""
    @property
    def types(self) -> list[PersistentReserveType]:
        """The reservation types in the type mask, which counts only if TMV is set."""
    @classmethod
    def build(cls, **fields: Unpack[_ReportCapabilitiesFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ReportCapabilitiesFields]) -> int: ...  # type: ignore[override]

class _FullStatusFields(TypedDict, total=False):
    reservation_key: int
    all_tg_pt: int
    r_holder: int
    scope: int
    type: int
    relative_target_port_identifier: int
    additional_descriptor_length: int
    transport_ids: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class FullStatus(Structure, size=24):
    """Full status descriptor, 24 bytes + TransportID (SPC-5, 6.16.5)."""
    TEXTS: ClassVar[dict[str, str]]
    reservation_key: pysrp.fields.U64
    """Eight bytes that a registrant has chosen; 0 where nobody is registered"""
    all_tg_pt: pysrp.fields.Flag
    """Set: the registration is for all target ports"""
    r_holder: pysrp.fields.Flag
    """Set: this registrant holds the reservation, and scope and type count"""
    scope: pysrp.fields.Bits
    """What the reservation covers: 0, all of the unit, is the only one left"""
    type: pysrp.fields.Bits
    """What others may do: 1, 5, 7 read, 3, 6, 8 nothing; from 5 on whoever is registered is no other"""
    relative_target_port_identifier: pysrp.fields.U16
    """Number of the target port, from 1"""
    additional_descriptor_length: pysrp.fields.U32
    """Bytes of the TransportID behind the 24 fixed bytes"""
    transport_ids: pysrp.fields.List[FibreChannelTransportId | ParallelScsiTransportId | Ieee1394TransportId | SrpTransportId | IscsiTransportId | SasTransportId | ScsiOverPcieTransportId | TransportId]
    """Initiator ports, by the names that their transport has for them"""
    @property
    def transport_id(self) -> Any:
        """The TransportID, or None where there is none."""
    @classmethod
    def build(cls, **fields: Unpack[_FullStatusFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_FullStatusFields]) -> int: ...  # type: ignore[override]

class _PrFullStatusFields(TypedDict, total=False):
    prgeneration: int
    additional_length: int
    descriptors: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class PrFullStatus(ParameterData, size=8):
    """PERSISTENT RESERVE IN, READ FULL STATUS: 8 + n bytes (SPC-5, 6.16.5)."""
    prgeneration: pysrp.fields.U32
    """Counts changes of registrations; 0 after power on"""
    additional_length: pysrp.fields.U32
    """Bytes behind this field, also where fewer have come"""
    descriptors: pysrp.fields.List[FullStatus]
    """Each registration, and whether it holds the reservation"""
    @classmethod
    def build(cls, **fields: Unpack[_PrFullStatusFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PrFullStatusFields]) -> int: ...  # type: ignore[override]

class PrOut(Structure, size=24):
    """PERSISTENT RESERVE OUT parameter list, 24 bytes (SPC-5, 6.17.3)."""
    TEXTS: ClassVar[dict[str, str]]
    reservation_key: pysrp.fields.U64
    """Eight bytes that a registrant has chosen; 0 where nobody is registered"""
    service_action_reservation_key: pysrp.fields.U64
    """Key that the action is about: the new one, or whose is preempted"""
    scope_specific_address: pysrp.fields.U32
    """Obsolete; where a reserved extent begins (SPC-2)"""
    spec_i_pt: pysrp.fields.Flag
    """Set: it is for the initiator ports in the list, too"""
    all_tg_pt: pysrp.fields.Flag
    """Set: the registration is for all target ports"""
    aptpl: pysrp.fields.Flag
    """Set: registrations survive a loss of power"""
    extent_length: pysrp.fields.U16
    """Obsolete; how many blocks a reserved extent has (SPC-2)"""

class _PrOutSpecIPtFields(TypedDict, total=False):
    reservation_key: int
    service_action_reservation_key: int
    scope_specific_address: int
    spec_i_pt: int
    all_tg_pt: int
    aptpl: int
    extent_length: int
    transportid_parameter_data_length: int
    transport_ids: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class PrOutSpecIPt(PrOut, size=28):
    """PERSISTENT RESERVE OUT parameter list with SPEC_I_PT: 28 bytes + TransportIDs (SPC-5, 6.17.3)."""
    spec_i_pt: pysrp.fields.Flag
    """Set: it is for the initiator ports in the list, too"""
    transportid_parameter_data_length: pysrp.fields.U32
    """Bytes of the TransportIDs behind this field"""
    transport_ids: pysrp.fields.List[FibreChannelTransportId | ParallelScsiTransportId | Ieee1394TransportId | SrpTransportId | IscsiTransportId | SasTransportId | ScsiOverPcieTransportId | TransportId]
    """Initiator ports, by the names that their transport has for them"""
    @classmethod
    def build(cls, **fields: Unpack[_PrOutSpecIPtFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PrOutSpecIPtFields]) -> int: ...  # type: ignore[override]

class _PrOutMoveFields(TypedDict, total=False):
    reservation_key: int
    service_action_reservation_key: int
    unreg: int
    aptpl: int
    relative_target_port_identifier: int
    transportid_length: int
    transport_ids: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class PrOutMove(ParameterData, size=24):
    """PERSISTENT RESERVE OUT parameter list of REGISTER AND MOVE, 24 bytes + TransportID (SPC-5, 6.17.4)."""
    reservation_key: pysrp.fields.U64
    """Eight bytes that a registrant has chosen; 0 where nobody is registered"""
    service_action_reservation_key: pysrp.fields.U64
    """Key that the action is about: the new one, or whose is preempted"""
    unreg: pysrp.fields.Flag
    """Set: who moves the reservation away is not registered any more"""
    aptpl: pysrp.fields.Flag
    """Set: registrations survive a loss of power"""
    relative_target_port_identifier: pysrp.fields.U16
    """Number of the target port, from 1"""
    transportid_length: pysrp.fields.U32
    """Bytes of the TransportID behind this field: 24 or more, a multiple of 4"""
    transport_ids: pysrp.fields.List[FibreChannelTransportId | ParallelScsiTransportId | Ieee1394TransportId | SrpTransportId | IscsiTransportId | SasTransportId | ScsiOverPcieTransportId | TransportId]
    """Initiator ports, by the names that their transport has for them"""
    @property
    def transport_id(self) -> Any:
        """The TransportID of the I_T nexus that gets the reservation, or None where there is none."""
    @classmethod
    def build(cls, **fields: Unpack[_PrOutMoveFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_PrOutMoveFields]) -> int: ...  # type: ignore[override]
def parse_pr_out(buf: ReadableBuffer, /, *, strict: bool = False) -> PrOut:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""
