"""Parameter data that goes with commands: capacities, LUN lists, reservations, provisioning, capabilities.

Each class is one of the standard's tables (SPC-5, SBC-4) and works both ways: ``ReadCapacity16(buf)`` is a
view over what a target sent, ``ReadCapacity16.build(returned_lba=..., block_length=...)`` what it sends. Data
cut short by an ALLOCATION LENGTH still reads: only a field that is not there raises DecodeError.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pysrp._fast.view import Table
from pysrp.errors import DecodeError, EncodeError
from pysrp.fields import (
    U8,
    U16,
    U32,
    U48,
    U64,
    Bits,
    Dispatch,
    Flag,
    Int,
    List,
    LunField,
    Part,
    Raw,
    Structure,
)
from pysrp.lun import Lun
from pysrp.scsi.codes import (
    AsymmetricAccessState,
    PersistentReserveScope,
    PersistentReserveType,
    ProtocolIdentifier,
    ProvisioningStatus,
)

__all__ = [
    "CommandDescriptor",
    "CommandTimeouts",
    "FibreChannelTransportId",
    "FullStatus",
    "GetLbaStatus",
    "Ieee1394TransportId",
    "IscsiTransportId",
    "LbaStatus",
    "LunEntry",
    "ParallelScsiTransportId",
    "ParameterData",
    "PrFullStatus",
    "PrKeys",
    "PrOut",
    "PrOutMove",
    "PrOutSpecIPt",
    "PrReservation",
    "ReadCapacity10",
    "ReadCapacity16",
    "RegisteredKey",
    "ReportCapabilities",
    "ReportLuns",
    "ReportTargetPortGroups",
    "ReportTargetPortGroupsExtended",
    "Reservation",
    "SasTransportId",
    "ScsiOverPcieTransportId",
    "SetTargetPortGroup",
    "SetTargetPortGroups",
    "SetTimestamp",
    "SrpTransportId",
    "SupportedCommand",
    "SupportedCommands",
    "SupportedTaskManagement",
    "TargetPort",
    "TargetPortGroup",
    "Timestamp",
    "TransportId",
    "Unmap",
    "UnmapBlock",
    "parse_pr_out",
    "parse_rtpg",
    "parse_transport_id",
]

AnyData = TypeVar("AnyData", bound="ParameterData")


class ParameterData(Structure):
    """Base of data with a header that says how much follows, of which less may be there.

    A subclass names with ``cover=`` the Part that holds all bytes behind the header. Fields declared behind
    the header lie inside it: reading one that the data does not reach raises DecodeError, the rest reads.
    build() makes ``full`` bytes (default: up to the last field) and sets the length from them; giving the
    covering part as bytes makes exactly those, over which the fields given are written.
    """

    __slots__ = ()
    _assemble: Any = None
    _cover: tuple[Any, ...] = ()  # the covering Part, in a tuple as it is a descriptor
    _blank: bytes = b""
    _full: int = 0
    _unused: tuple[tuple[int, int], ...] = ()

    def __init_subclass__(
        cls, size: int | None = None, cover: str | None = None, full: int | None = None, **options: Any
    ) -> None:
        own = cls.__dict__.get("build")
        if own is not None:
            del cls.build
        if cover is not None:
            cls._cover = (cls.__dict__[cover],)
        part = cls._cover[0] if cls._cover else None
        if size is None and part is not None:
            size = part.offset
        super().__init_subclass__(size=size, **options)
        # What Structure made goes below build(), which completes the keywords.
        cls._assemble = cls.__dict__["build"]
        del cls.build
        del cls.pack_into
        if own is not None:
            cls.build = own  # type: ignore[method-assign]
        if part is not None:
            fixed = [f for f in cls.FIELDS if not f.variable]
            last = max(fixed, key=lambda f: f.offset + f.size)
            end: int = last.offset + last.size
            empty = (last.default or 0) if isinstance(last, Int) else b""
            head = bytes(cls._assemble(**{last.name: empty})) if end > part.offset else b""
            cls._full = end if full is None else full
            cls._blank = head[part.offset :].ljust(cls._full - part.offset, b"\0")
            used = bytearray(max(end, cls._full))
            for f in fixed:
                for i in range(f.offset, f.offset + f.size):
                    used[i] |= _bits(f, i)
            cls._unused = tuple((i, used[i] ^ 0xFF) for i in range(cls.SIZE, len(used)) if used[i] != 0xFF)

    @classmethod
    def build(cls: type[AnyData], **fields: Any) -> AnyData:
        """A new structure over private, writable memory; a keyword for each field, as for any structure.

        The lengths follow from what is given, unless they are named as well. ``trailing`` adds bytes behind.

        Raises EncodeError for a value that does not fit, TypeError for an unknown keyword.
        """
        made: AnyData
        if not cls._cover:
            made = cls._assemble(**fields)
            return made
        (part,) = cls._cover
        given = fields.pop(part.name, None)
        if given is None:
            need = cls._full
            for f in cls.FIELDS:
                if f.name in fields:
                    need = max(need, f.offset + f.size)
            given = cls._blank[: need - part.offset]
        made = cls._assemble(**{part.name: given, **fields})
        return made

    @classmethod
    def pack_into(cls, buf: Any, offset: int = 0, /, **fields: Any) -> int:
        """Write a structure into ``buf`` (writable, bytes-like) at ``offset``; return its length in bytes.

        Raises EncodeError as build() does, and if the structure does not fit the buffer.
        """
        data = bytes(cls.build(**fields))
        memory = memoryview(buf).cast("B")
        if offset < 0 or len(data) > memory.nbytes - offset:
            raise EncodeError(
                f"{cls.__name__}: {len(data)} bytes do not fit at offset {offset} of {memory.nbytes}"
            )
        memory[offset : offset + len(data)] = data
        return len(data)

    def extent(self) -> int:
        """Bytes that the structure itself claims, as far as they are there."""
        if not self._cover:
            return super().extent()
        offset, length = self.locate(self._cover[0].name)
        return max(self.SIZE, offset + length)

    @property
    def trailing(self) -> memoryview:
        """The bytes past :meth:`extent`."""
        return memoryview(self)[self.extent() :]

    def trim(self: AnyData) -> AnyData:
        """The same view without the trailing bytes."""
        return type(self)(memoryview(self)[: self.extent()])

    def to_dict(self) -> dict[str, Any]:
        """Field name to value, in wire order; ``build(**x.to_dict())`` gives the same bytes.

        The covering part is there only where the other fields do not say all of it.
        """
        result = super().to_dict()
        if not self._cover:
            return result
        (part,) = self._cover
        end = self.extent()
        for f in self.FIELDS:
            if not f.variable and f.offset + f.size > end:
                result.pop(f.name, None)
        covered = result.pop(part.name, b"")
        result.pop("trailing", None)
        rest = {"trailing": bytes(self)[end:]} if len(self) > end else {}
        try:
            if bytes(type(self).build(**result, **rest)) == bytes(self):
                return {**result, **rest}
        except EncodeError:
            pass
        return {**result, part.name: covered, **rest}

    def show(self) -> Table:
        """The standard's table as text: offset, field, raw bytes, meaning."""
        text = super().show()
        if not self._cover:
            return text
        (part,) = self._cover
        # The covering part holds the fields once more: of it, only what lies behind them and is not zero.
        end = max(f.offset + f.size for f in self.FIELDS if not f.variable)
        data = bytes(self)[: self.extent()]
        lines, inside = [], False
        for line in text.split("\n"):
            label = line[7:31].strip()
            inside = label == part.name or (inside and not label)
            if not inside or any(data[max(int(line[:5]), end) : int(line[:5]) + 16]):
                lines.append(line)
        return Table("\n".join(lines))

    def _check(self) -> Iterator[tuple[str, int, str]]:
        data = memoryview(self)[: self.extent()] if self._unused else b""
        for i, mask in self._unused:
            if i < len(data) and data[i] & mask:
                yield f"rsvd{i}", i, "reserved, and not zero"


def _bits(field: Any, i: int) -> int:
    """Mask of the bits of byte ``i`` of a structure that belong to a field which holds that byte."""
    if not isinstance(field, Int):
        return 0xFF
    mask = ((1 << field.width) - 1) << field.shift
    return mask >> 8 * (field.offset + field.size - 1 - i) & 0xFF


def graded(
    what: str, offset: int, size: int, unknown: type[ParameterData], *classes: type[ParameterData]
) -> Dispatch:
    """Choose among classes, from short to long, the longest whose fields the length field reaches.

    The length is ``size`` bytes at ``offset`` and counts what follows the header; ``unknown`` is for less
    than the shortest needs.
    """
    table = Dispatch(what, offset, size, default=classes[-1])
    reach = [max(f.offset + f.size for f in cls.FIELDS if not f.variable) - cls.SIZE for cls in classes]
    for length in range(reach[-1]):
        fits = [cls for cls, need in zip(classes, reach, strict=True) if need <= length]
        table.add(length, fits[-1] if fits else unknown)
    return table


# ---------------------------------------------------------------------------------------------
# Capacity and provisioning (SBC-4)
# ---------------------------------------------------------------------------------------------


class ReadCapacity10(Structure):
    """READ CAPACITY (10) parameter data, 8 bytes (SBC-4, 5.20.2); LBA FFFFFFFFh: ask READ CAPACITY (16)."""

    __slots__ = ()
    returned_lba = U32(0)
    block_length = U32(4)

    @property
    def blocks(self) -> int:
        """Number of logical blocks."""
        return int(self.returned_lba) + 1

    @property
    def capacity(self) -> int:
        """Size of the medium in bytes."""
        return self.blocks * int(self.block_length)


class ReadCapacity16(ParameterData, cover="payload", full=32):
    """READ CAPACITY (16) parameter data, 32 bytes (SBC-4, 5.21.2); 12 of them are enough to tell the size."""

    __slots__ = ()
    returned_lba = U64(0, hex=False)
    block_length = U32(8)
    rc_basis = Bits(12, 4, 2)
    p_type = Bits(12, 1, 3)
    prot_en = Flag(12, 0)
    p_i_exponent = Bits(13, 4, 4)
    lbppbe = Bits(13, 0, 4, doc="logical blocks per physical block exponent")
    lbpme = Flag(14, 7)
    lbprz = Flag(14, 6)
    lowest_aligned_lba = Bits(14, 0, 14, 2)
    payload = Part(12, 20, clamp=True)

    @property
    def blocks(self) -> int:
        """Number of logical blocks."""
        return int(self.returned_lba) + 1

    @property
    def capacity(self) -> int:
        """Size of the medium in bytes."""
        return self.blocks * int(self.block_length)

    @property
    def physical_block_length(self) -> int:
        """Bytes in a physical block, as the exponent says."""
        return int(self.block_length) << int(self.lbppbe)


class LbaStatus(Structure, size=16):
    """LBA status descriptor, 16 bytes (SBC-4, 5.7.2)."""

    __slots__ = ()
    lba = U64(0, hex=False)
    number_of_logical_blocks = U32(8)
    provisioning_status = Bits(12, 0, 4, enum=ProvisioningStatus)
    additional_status = U8(13)


class GetLbaStatus(Structure, size=8):
    """GET LBA STATUS parameter data, 8 + 16 n bytes (SBC-4, 5.7.2); the length counts from byte 4."""

    __slots__ = ()
    parameter_data_length = U32(0, default=4)
    completion_condition = Bits(7, 1, 3)
    rtp = Flag(7, 0)
    descriptors = List(8, parameter_data_length, bias=-4, item=LbaStatus, clamp=True)


class UnmapBlock(Structure, size=16):
    """UNMAP block descriptor, 16 bytes (SBC-4, 5.35.2)."""

    __slots__ = ()
    lba = U64(0, hex=False)
    number_of_logical_blocks = U32(8)


class Unmap(ParameterData, size=8):
    """UNMAP parameter list, 8 + 16 n bytes (SBC-4, 5.35.2)."""

    __slots__ = ()
    unmap_data_length = U16(0)
    unmap_block_descriptor_data_length = U16(2)
    descriptors = List(8, unmap_block_descriptor_data_length, item=UnmapBlock, clamp=True)

    @classmethod
    def build(cls, **fields: Any) -> Unmap:
        """A new parameter list from ``descriptors``; both lengths follow from it unless named."""
        made = super().build(**fields)
        if "unmap_data_length" not in fields:
            made.unmap_data_length = min(int(made.unmap_block_descriptor_data_length) + 6, 0xFFFF)
        return made

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.unmap_data_length != self.unmap_block_descriptor_data_length + 6:
            yield "unmap_data_length", 0, "not the length of the block descriptors plus 6"
        if self.unmap_block_descriptor_data_length % 16:
            yield "unmap_block_descriptor_data_length", 2, "not whole descriptors of 16 bytes"


# ---------------------------------------------------------------------------------------------
# REPORT LUNS
# ---------------------------------------------------------------------------------------------


class LunEntry(Structure):
    """One LUN of a list, 8 bytes (SAM-5, 4.7)."""

    __slots__ = ()
    lun = LunField(0)


class ReportLuns(ParameterData, size=8):
    """REPORT LUNS parameter data, 8 + 8 n bytes (SPC-5, 6.33)."""

    __slots__ = ()
    lun_list_length = U32(0)
    lun_list = List(8, lun_list_length, item=LunEntry, clamp=True)

    @classmethod
    def build(cls, *, luns: Any = None, **fields: Any) -> ReportLuns:
        """New parameter data; ``luns``, an iterable of what ``Lun(...)`` takes, may replace ``lun_list``."""
        if luns is not None:
            fields["lun_list"] = b"".join(bytes(Lun(x)) for x in luns)
        return super().build(**fields)

    @property
    def luns(self) -> list[Lun]:
        """The LUNs that are there, in order."""
        return [entry.lun for entry in self.lun_list]

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.lun_list_length % 8:
            yield "lun_list_length", 0, f"{self.lun_list_length} is not whole LUNs of 8 bytes"


# ---------------------------------------------------------------------------------------------
# Persistent reservations (SPC-5, 6.16, 6.17 and 7.6.4)
# ---------------------------------------------------------------------------------------------


class TransportId(Structure, size=24):
    """TransportID of a protocol without a table here, 24 bytes (SPC-5, 7.6.4.1)."""

    __slots__ = ()
    format_code = Bits(0, 6, 2)
    protocol_identifier = Bits(0, 0, 4, enum=ProtocolIdentifier)
    protocol_specific = Raw(1, 23)


transport_ids = Dispatch("TransportID protocol", 0, width=4, default=TransportId)
parse_transport_id = transport_ids.parse


class _TransportId(Structure):
    """Byte 0 of the TransportIDs with a table."""

    __slots__ = ()
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
        """One with this name, ended by a zero byte and padded to a multiple of four, 20 bytes at least."""
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
    reservation_key = U64(0)


class PrKeys(ParameterData, size=8):
    """PERSISTENT RESERVE IN, READ KEYS: 8 + 8 n bytes (SPC-5, 6.16.2)."""

    __slots__ = ()
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
    reservation_key = U64(0)
    scope_specific_address = U32(8, doc="obsolete")
    scope = Bits(13, 4, 4, enum=PersistentReserveScope)
    type = Bits(13, 0, 4, enum=PersistentReserveType)
    extent_length = U16(14, doc="obsolete")


class PrReservation(ParameterData, size=8):
    """PERSISTENT RESERVE IN, READ RESERVATION: 8 or 24 bytes (SPC-5, 6.16.3)."""

    __slots__ = ()
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
    prgeneration = U32(0)
    additional_length = U32(4)
    descriptors = List(8, additional_length, item=FullStatus, clamp=True)


class PrOut(Structure, size=24):
    """PERSISTENT RESERVE OUT parameter list, 24 bytes (SPC-5, 6.17.3)."""

    __slots__ = ()
    reservation_key = U64(0)
    service_action_reservation_key = U64(8)
    scope_specific_address = U32(16, doc="obsolete")
    spec_i_pt = Flag(20, 3)
    all_tg_pt = Flag(20, 2)
    aptpl = Flag(20, 0)
    extent_length = U16(22, doc="obsolete")


class PrOutSpecIPt(PrOut, size=28):
    """PERSISTENT RESERVE OUT parameter list with SPEC_I_PT: 28 bytes + TransportIDs (SPC-5, 6.17.3)."""

    __slots__ = ()
    spec_i_pt = Flag(20, 3, must=True)
    transportid_parameter_data_length = U32(24)
    transport_ids = List(28, transportid_parameter_data_length, item=transport_ids)


class PrOutMove(ParameterData, size=24):
    """PERSISTENT RESERVE OUT parameter list of REGISTER AND MOVE, 24 bytes + TransportID (SPC-5, 6.17.4)."""

    __slots__ = ()
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


# ---------------------------------------------------------------------------------------------
# Target port groups (SPC-5, 6.36 and 6.46)
# ---------------------------------------------------------------------------------------------


class TargetPort(Structure, size=4):
    """Target port descriptor, 4 bytes (SPC-5, 6.36)."""

    __slots__ = ()
    obsolete = U16(0)
    relative_target_port_identifier = U16(2)


class TargetPortGroup(Structure, size=8):
    """Target port group descriptor, 8 + 4 n bytes (SPC-5, 6.36)."""

    __slots__ = ()
    pref = Flag(0, 7)
    rtpg_fmt = Bits(0, 4, 3, must=0)
    asymmetric_access_state = Bits(0, 0, 4, enum=AsymmetricAccessState)
    t_sup = Flag(1, 7)
    o_sup = Flag(1, 6)
    lbd_sup = Flag(1, 4)
    u_sup = Flag(1, 3)
    s_sup = Flag(1, 2)
    an_sup = Flag(1, 1)
    ao_sup = Flag(1, 0)
    target_port_group = U16(2)
    status_code = U8(5)
    vendor_specific = U8(6)
    target_port_count = U8(7)
    target_ports = List(8, target_port_count, unit=4, item=TargetPort)


class ReportTargetPortGroups(Structure, size=4):
    """REPORT TARGET PORT GROUPS parameter data, length only header: 4 + n bytes (SPC-5, 6.36)."""

    __slots__ = ()
    return_data_length = U32(0)
    groups = List(4, return_data_length, item=TargetPortGroup, clamp=True)


class ReportTargetPortGroupsExtended(Structure, size=8):
    """REPORT TARGET PORT GROUPS parameter data, extended header: 8 + n bytes (SPC-5, 6.36)."""

    __slots__ = ()
    return_data_length = U32(0, default=4)
    rtpg_fmt = Bits(4, 4, 3, must=1)
    implicit_transition_time = U8(5, doc="seconds")
    groups = List(8, return_data_length, bias=-4, item=TargetPortGroup, clamp=True)


_rtpg = Dispatch("RTPG_FMT", 4, shift=4, width=3, default=ReportTargetPortGroups)
_rtpg.add(1, ReportTargetPortGroupsExtended)
parse_rtpg = _rtpg.parse


class SetTargetPortGroup(Structure, size=4):
    """Set target port group descriptor, 4 bytes (SPC-5, 6.46)."""

    __slots__ = ()
    asymmetric_access_state = Bits(0, 0, 4, enum=AsymmetricAccessState)
    target_port_group = U16(2, doc="or relative target port")


class SetTargetPortGroups(Structure, size=4):
    """SET TARGET PORT GROUPS parameter list, 4 + 4 n bytes (SPC-5, 6.46)."""

    __slots__ = ()
    groups = List(4, item=SetTargetPortGroup)


# ---------------------------------------------------------------------------------------------
# What a logical unit can do (SPC-5, 6.35 and 6.37)
# ---------------------------------------------------------------------------------------------


class CommandTimeouts(Structure, size=12):
    """Command timeouts descriptor, 12 bytes (SPC-5, 6.35.4); timeouts in seconds, 0 for none given."""

    __slots__ = ()
    descriptor_length = U16(0, must=10)
    command_specific = U8(3)
    nominal_command_processing_timeout = U32(4)
    recommended_command_timeout = U32(8)


class CommandDescriptor(Structure, size=8):
    """Command descriptor, 8 bytes, 20 with timeouts (SPC-5, 6.35.2; CDLP, RWCDLP and MLU: SPC-6)."""

    __slots__ = ()
    operation_code = U8(0, hex=True)
    service_action = U16(2, hex=True)
    rwcdlp = Flag(5, 6)
    mlu = Bits(5, 4, 2)
    cdlp = Bits(5, 2, 2)
    ctdp = Flag(5, 1)
    servactv = Flag(5, 0)
    cdb_length = U16(6)
    command_timeouts = List(8, 12, when=(ctdp, 1), item=CommandTimeouts)

    @property
    def timeouts(self) -> CommandTimeouts | None:
        """The timeouts, or None where CTDP is not set."""
        found = self.command_timeouts
        return found[0] if found else None


class SupportedCommands(Structure, size=4):
    """REPORT SUPPORTED OPERATION CODES, all commands: 4 + n bytes (SPC-5, 6.35.2)."""

    __slots__ = ()
    command_data_length = U32(0)
    commands = List(4, command_data_length, item=CommandDescriptor, clamp=True)


class SupportedCommand(Structure, size=4):
    """REPORT SUPPORTED OPERATION CODES, one command: 4 bytes + CDB usage data + timeouts (SPC-5, 6.35.3)."""

    __slots__ = ()
    rwcdlp = Flag(0, 0)
    ctdp = Flag(1, 7)
    mlu = Bits(1, 5, 2)
    cdlp = Bits(1, 3, 2)
    support = Bits(1, 0, 3)
    cdb_size = U16(2)
    cdb_usage_data = Part(4, cdb_size, clamp=True)
    command_timeouts = List(cdb_usage_data, 12, when=(ctdp, 1), item=CommandTimeouts, clamp=True)

    @property
    def supported(self) -> bool:
        """True if the command is there, as the standard has it (3) or in a vendor's way (5)."""
        return self.support in (3, 5)

    @property
    def timeouts(self) -> CommandTimeouts | None:
        """The timeouts, or None where there are none."""
        found = self.command_timeouts
        return found[0] if found else None


class SupportedTaskManagement(ParameterData, cover="extended", full=4):
    """REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, 4 bytes, 16 with timeouts in 100 ms (SPC-5, 6.37)."""

    __slots__ = ()
    ats = Flag(0, 7)
    atss = Flag(0, 6)
    cacas = Flag(0, 5)
    ctss = Flag(0, 4)
    lurs = Flag(0, 3)
    qts = Flag(0, 2)
    trs = Flag(0, 1, doc="obsolete")
    wakes = Flag(0, 0, doc="obsolete")
    qaes = Flag(1, 2)
    qtss = Flag(1, 1)
    itnrs = Flag(1, 0)
    additional_data_length = U8(3)
    tmftmov = Flag(4, 0)
    atts = Flag(6, 7)
    atsts = Flag(6, 6)
    cacats = Flag(6, 5)
    ctsts = Flag(6, 4)
    lurts = Flag(6, 3)
    qtts = Flag(6, 2)
    qaets = Flag(7, 2)
    qtsts = Flag(7, 1)
    itnrts = Flag(7, 0)
    long_timeout = U32(8)
    short_timeout = U32(12)
    extended = Part(4, additional_data_length, clamp=True)

    @classmethod
    def build(cls, **fields: Any) -> SupportedTaskManagement:
        """New parameter data: 4 bytes, or 16 as soon as a field of those is given."""
        if fields.get("extended") is None and any(f.name in fields and f.offset >= 4 for f in cls.FIELDS):
            fields["extended"] = bytes(12)
        return super().build(**fields)


class Timestamp(Structure, size=12):
    """REPORT TIMESTAMP parameter data, 12 bytes (SPC-5, 6.38); milliseconds since 1970-01-01 UTC."""

    __slots__ = ()
    timestamp_parameter_data_length = U16(0, must=10)
    timestamp_origin = Bits(2, 0, 3)
    timestamp = U48(4)


class SetTimestamp(Structure, size=12):
    """SET TIMESTAMP parameter list, 12 bytes (SPC-5, 6.48); milliseconds since 1970-01-01 UTC."""

    __slots__ = ()
    timestamp = U48(4)


def strict(view: Any) -> Any:
    """``view`` itself; raises DecodeError for the first violation that its problems() knows."""
    for field, offset, message in view.problems():
        raise DecodeError(
            f"{type(view).__name__}.{field} at offset {offset}: {message}", field=field, offset=offset
        )
    return view
