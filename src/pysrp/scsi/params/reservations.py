"""Persistent reservations, and the TransportIDs of initiator ports (SPC-5, 6.16, 6.17 and 7.6.4)."""

from __future__ import annotations

from typing import Any

from pysrp.fields import U16, U32, U64, Bits, Dispatch, Flag, List, Part, Raw, Structure
from pysrp.scsi import texts
from pysrp.scsi.codes import PersistentReserveScope, PersistentReserveType, ProtocolIdentifier
from pysrp.scsi.params.base import ParameterData

__all__ = [
    "FibreChannelTransportId",
    "FullStatus",
    "Ieee1394TransportId",
    "IscsiTransportId",
    "ParallelScsiTransportId",
    "PrFullStatus",
    "PrKeys",
    "PrOut",
    "PrOutMove",
    "PrOutSpecIPt",
    "PrReservation",
    "RegisteredKey",
    "ReportCapabilities",
    "Reservation",
    "SasTransportId",
    "ScsiOverPcieTransportId",
    "SrpTransportId",
    "TransportId",
    "parse_pr_out",
    "parse_transport_id",
]


class TransportId(Structure, size=24):
    """TransportID of a protocol without a table here, 24 bytes (SPC-5, 7.6.4.1)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    format_code = Bits(0, 6, 2)
    protocol_identifier = Bits(0, 0, 4, enum=ProtocolIdentifier)
    protocol_specific = Raw(1, 23)


transport_ids = Dispatch("TransportID protocol", 0, width=4, default=TransportId)
parse_transport_id = transport_ids.parse


class _TransportId(Structure):
    """Byte 0 of the TransportIDs with a table."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    protocol_identifier: Any

    def __init_subclass__(cls, protocol: ProtocolIdentifier, size: int = 24) -> None:
        field = Bits(0, 0, 4, enum=ProtocolIdentifier, must=protocol)
        field.__set_name__(cls, "protocol_identifier")
        cls.protocol_identifier = field
        super().__init_subclass__(size=size)
        transport_ids.add(protocol, cls)

    format_code = Bits(0, 6, 2)


class FibreChannelTransportId(_TransportId, protocol=ProtocolIdentifier.FIBRE_CHANNEL):
    """TransportID of Fibre Channel, 24 bytes (SPC-5, 7.6.4.2)."""

    __slots__ = ()
    n_port_name = U64(8)


class ParallelScsiTransportId(_TransportId, protocol=ProtocolIdentifier.PARALLEL_SCSI):
    """TransportID of the parallel bus, 24 bytes (SPC-4, 7.6.4.3)."""

    __slots__ = ()
    scsi_address = U16(2)
    relative_target_port_identifier = U16(6)


class Ieee1394TransportId(_TransportId, protocol=ProtocolIdentifier.IEEE_1394):
    """TransportID of IEEE 1394, 24 bytes (SPC-5, 7.6.4.3)."""

    __slots__ = ()
    eui64_name = U64(8)


class SrpTransportId(_TransportId, protocol=ProtocolIdentifier.SRP):
    """TransportID of SRP, 24 bytes (SPC-5, 7.6.4.4); on VSCSI it ends in the unit address."""

    __slots__ = ()
    initiator_port_identifier = Raw(8, 16)

    @classmethod
    def of_unit_address(cls, unit_address: int) -> SrpTransportId:
        """The TransportID that ibmvstgt gives a client: 12 zero bytes, then the 32-bit unit address."""
        port = bytes(12) + unit_address.to_bytes(4, "big")
        made: SrpTransportId = cls.build(initiator_port_identifier=port)
        return made


class IscsiTransportId(_TransportId, protocol=ProtocolIdentifier.ISCSI, size=4):
    """TransportID of iSCSI, 4 + n bytes (SPC-5, 7.6.4.5); format code 1 adds ``,i,0x`` and the ISID."""

    __slots__ = ()
    additional_length = U16(2)
    iscsi_name = Part(4, additional_length)

    @classmethod
    def named(cls, name: str, format_code: int = 0) -> IscsiTransportId:
        """A TransportID with this name, ended by a zero byte and padded to a multiple of four bytes, at least 20."""
        raw = name.encode() + b"\0"
        raw = raw.ljust(max(20, -(-len(raw) // 4) * 4), b"\0")
        made: IscsiTransportId = cls.build(format_code=format_code, iscsi_name=raw)
        return made

    @property
    def name(self) -> str:
        """The name as text, without the padding."""
        return bytes(self.iscsi_name).partition(b"\0")[0].decode("utf-8", "replace")


class SasTransportId(_TransportId, protocol=ProtocolIdentifier.SAS):
    """TransportID of SAS, 24 bytes (SPC-5, 7.6.4.6)."""

    __slots__ = ()
    sas_address = U64(4)


class ScsiOverPcieTransportId(_TransportId, protocol=ProtocolIdentifier.SCSI_OVER_PCIE):
    """TransportID of SCSI over PCIe, 24 bytes (SPC-5, 7.6.4.7)."""

    __slots__ = ()
    routing_id = U16(2)


class RegisteredKey(Structure):
    """One reservation key, 8 bytes."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    reservation_key = U64(0)


class PrKeys(ParameterData, size=8):
    """PERSISTENT RESERVE IN, READ KEYS: 8 + 8 n bytes (SPC-5, 6.16.2)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    prgeneration = U32(0)
    additional_length = U32(4)
    key_list = List(8, additional_length, item=RegisteredKey, clamp=True)

    @classmethod
    def build(cls, *, keys: Any = None, **fields: Any) -> PrKeys:
        """New parameter data; ``keys`` is an iterable of integers, in place of ``key_list``."""
        if keys is not None:
            fields["key_list"] = [{"reservation_key": key} for key in keys]
        return super().build(**fields)

    @property
    def keys(self) -> list[int]:
        """The keys that are there, in order."""
        return [entry.reservation_key for entry in self.key_list]


class Reservation(Structure, size=16):
    """The reservation in READ RESERVATION data, 16 bytes (SPC-5, 6.16.3.2)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    reservation_key = U64(0)
    scope_specific_address = U32(8)
    scope = Bits(13, 4, 4, enum=PersistentReserveScope)
    type = Bits(13, 0, 4, enum=PersistentReserveType)
    extent_length = U16(14)


class PrReservation(ParameterData, size=8):
    """PERSISTENT RESERVE IN, READ RESERVATION: 8 or 24 bytes (SPC-5, 6.16.3)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    prgeneration = U32(0)
    additional_length = U32(4)
    reservations = List(8, additional_length, item=Reservation, clamp=True)

    @property
    def reservation(self) -> Reservation | None:
        """The reservation, or None where there is none."""
        found = self.reservations
        return found[0] if found else None


class ReportCapabilities(ParameterData, cover="payload", full=8):
    """PERSISTENT RESERVE IN, REPORT CAPABILITIES: 8 bytes (SPC-5, 6.16.4)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    length = U16(0, must=8)
    rlr_c = Flag(2, 7)
    crh = Flag(2, 4)
    sip_c = Flag(2, 3)
    atp_c = Flag(2, 2)
    ptpl_c = Flag(2, 0)
    tmv = Flag(3, 7)
    allow_commands = Bits(3, 4, 3)
    ptpl_a = Flag(3, 0)
    wr_ex_ar = Flag(4, 7)
    ex_ac_ro = Flag(4, 6)
    wr_ex_ro = Flag(4, 5)
    ex_ac = Flag(4, 3)
    wr_ex = Flag(4, 1)
    ex_ac_ar = Flag(5, 0)
    payload = Part(2, length, bias=-2, clamp=True)

    @property
    def types(self) -> list[PersistentReserveType]:
        """The reservation types in the type mask, which counts only if TMV is set."""
        names = {
            "wr_ex": PersistentReserveType.WRITE_EXCLUSIVE,
            "ex_ac": PersistentReserveType.EXCLUSIVE_ACCESS,
            "wr_ex_ro": PersistentReserveType.WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
            "ex_ac_ro": PersistentReserveType.EXCLUSIVE_ACCESS_REGISTRANTS_ONLY,
            "wr_ex_ar": PersistentReserveType.WRITE_EXCLUSIVE_ALL_REGISTRANTS,
            "ex_ac_ar": PersistentReserveType.EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
        }
        return [kind for name, kind in names.items() if getattr(self, name)]


class FullStatus(Structure, size=24):
    """Full status descriptor, 24 bytes + TransportID (SPC-5, 6.16.5)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    reservation_key = U64(0)
    all_tg_pt = Flag(12, 1)
    r_holder = Flag(12, 0)
    scope = Bits(13, 4, 4, enum=PersistentReserveScope)
    type = Bits(13, 0, 4, enum=PersistentReserveType)
    relative_target_port_identifier = U16(18)
    additional_descriptor_length = U32(20)
    transport_ids = List(24, additional_descriptor_length, item=transport_ids)

    @property
    def transport_id(self) -> Any:
        """The TransportID, or None where there is none."""
        found = self.transport_ids
        return found[0] if found else None


class PrFullStatus(ParameterData, size=8):
    """PERSISTENT RESERVE IN, READ FULL STATUS: 8 + n bytes (SPC-5, 6.16.5)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    prgeneration = U32(0)
    additional_length = U32(4)
    descriptors = List(
        8,
        additional_length,
        item=FullStatus,
        clamp=True,
        doc="Each registration, and whether it holds the reservation",
    )


class PrOut(Structure, size=24):
    """PERSISTENT RESERVE OUT parameter list, 24 bytes (SPC-5, 6.17.3)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    reservation_key = U64(0)
    service_action_reservation_key = U64(8)
    scope_specific_address = U32(16)
    spec_i_pt = Flag(20, 3)
    all_tg_pt = Flag(20, 2)
    aptpl = Flag(20, 0)
    extent_length = U16(22)


class PrOutSpecIPt(PrOut, size=28):
    """PERSISTENT RESERVE OUT parameter list with SPEC_I_PT: 28 bytes + TransportIDs (SPC-5, 6.17.3)."""

    __slots__ = ()
    spec_i_pt = Flag(20, 3, must=True)
    transportid_parameter_data_length = U32(24)
    transport_ids = List(28, transportid_parameter_data_length, item=transport_ids)


class PrOutMove(ParameterData, size=24):
    """PERSISTENT RESERVE OUT parameter list of REGISTER AND MOVE, 24 bytes + TransportID (SPC-5, 6.17.4)."""

    __slots__ = ()
    TEXTS = texts.PARAMETERS
    reservation_key = U64(0)
    service_action_reservation_key = U64(8)
    unreg = Flag(17, 1)
    aptpl = Flag(17, 0)
    relative_target_port_identifier = U16(18)
    transportid_length = U32(20)
    transport_ids = List(24, transportid_length, item=transport_ids)

    @property
    def transport_id(self) -> Any:
        """The TransportID of the I_T nexus that gets the reservation, or None where there is none."""
        found = self.transport_ids
        return found[0] if found else None


_pr_out = Dispatch("SPEC_I_PT", 20, shift=3, width=1)
_pr_out.add(0, PrOut)
_pr_out.add(1, PrOutSpecIPt)
parse_pr_out = _pr_out.parse
