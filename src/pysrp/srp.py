"""SCSI RDMA Protocol information units (T10 SRP r16a), with the SRP2 additions that Linux uses.

Each class is the standard's table; field names are those of Linux ``include/scsi/srp.h``.
``parse(buf)`` chooses the class by opcode and returns a view over ``buf``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum, IntFlag
from typing import Any

from pysrp._fast.srp import Descriptor
from pysrp.errors import DecodeError
from pysrp.fields import (
    I32,
    U8,
    U16,
    U32,
    U64,
    Bits,
    Dispatch,
    List,
    LunField,
    Part,
    Raw,
    Struct,
    Structure,
)

__all__ = [
    "IU",
    "AerReq",
    "AerRsp",
    "BufferFormat",
    "Cmd",
    "CredReq",
    "CredRsp",
    "DirectBuf",
    "ILogout",
    "ImmBuf",
    "IndirectBuf",
    "LoginRej",
    "LoginRejReason",
    "LoginReq",
    "LoginReqCM",
    "LoginRsp",
    "LoginRspFlags",
    "Opcode",
    "ReqFlags",
    "Rsp",
    "RspCode",
    "RspFlags",
    "SolNot",
    "SupportedFormats",
    "TLogout",
    "TLogoutReason",
    "TaskAttribute",
    "TskMgmt",
    "TskMgmtFunc",
    "parse",
]


class Opcode(IntEnum):
    """First byte of every IU (SRP r16a, table 7): bit 7 sent by the target, bit 6 a response."""

    LOGIN_REQ = 0x00
    TSK_MGMT = 0x01
    CMD = 0x02
    I_LOGOUT = 0x03
    CRED_RSP = 0x41
    AER_RSP = 0x42
    T_LOGOUT = 0x80
    CRED_REQ = 0x81
    AER_REQ = 0x82
    LOGIN_RSP = 0xC0
    RSP = 0xC1
    LOGIN_REJ = 0xC2


class SupportedFormats(IntFlag):
    """Buffer formats in LOGIN_REQ, LOGIN_RSP and LOGIN_REJ: bit = 1 << descriptor format code."""

    DIRECT = 0x0002
    INDIRECT = 0x0004


class BufferFormat(IntEnum):
    """Format nibble of a data buffer descriptor in CMD; IMMEDIATE is SRP2."""

    NONE = 0
    DIRECT = 1
    INDIRECT = 2
    IMMEDIATE = 3


class ReqFlags(IntFlag):
    """LOGIN_REQ flags: multichannel action in bits 0-1, solicited notification wishes, SRP2 immediate data."""

    MULTICHAN_MULTI = 0x01
    LOSOLNT = 0x10
    CRSOLNT = 0x20
    AESOLNT = 0x40
    IMMED_REQUESTED = 0x80


class LoginRspFlags(IntFlag):
    """LOGIN_RSP flags: multichannel result in bits 0-1 (0 none, 1 terminated, 2 maintained), SRP2 immediate data."""

    MULTICHAN_TERMINATED = 0x01
    MULTICHAN_MAINTAINED = 0x02
    IMMED_SUPP = 0x80


class LoginRejReason(IntEnum):
    """Why a login was rejected (SRP r16a, LOGIN_REJ; Linux srp.h)."""

    UNABLE_ESTABLISH_CHANNEL = 0x00010000
    INSUFFICIENT_RESOURCES = 0x00010001
    REQ_IT_IU_LENGTH_TOO_LARGE = 0x00010002
    UNABLE_ASSOCIATE_CHANNEL = 0x00010003
    UNSUPPORTED_DESCRIPTOR_FMT = 0x00010004
    MULTI_CHANNEL_UNSUPPORTED = 0x00010005
    CHANNEL_LIMIT_REACHED = 0x00010006


class TLogoutReason(IntEnum):
    """Why the target logged out (WinOFED srp.h; 5 is not assigned there)."""

    NO_REASON = 0
    INACTIVE_CHANNEL = 1
    INVALID_IU_TYPE = 2
    UNMATCHED_RESPONSE = 3
    MULTICHANNEL_ACTION = 4
    UNSUPPORTED_DATA_OUT_FMT = 6
    UNSUPPORTED_DATA_IN_FMT = 7
    BAD_DATA_OUT_COUNT = 8
    BAD_DATA_IN_COUNT = 9


class SolNot(IntFlag):
    """Solicited notification: UCSOLNT and SCSOLNT ask in CMD and TSK_MGMT, SOLNT answers in IUs of the target."""

    SOLNT = 0x01
    SCSOLNT = 0x02
    UCSOLNT = 0x04


class TaskAttribute(IntEnum):
    """Task attribute of CMD (SAM-5, 8.9)."""

    SIMPLE = 0
    HEAD_OF_QUEUE = 1
    ORDERED = 2
    ACA = 4


class TskMgmtFunc(IntEnum):
    """Task management functions (SRP r16a, TSK_MGMT; SAM-5, 7)."""

    ABORT_TASK = 0x01
    ABORT_TASK_SET = 0x02
    CLEAR_TASK_SET = 0x04
    LUN_RESET = 0x08
    CLEAR_ACA = 0x40


class RspFlags(IntFlag):
    """What is valid in RSP: response data, sense data, and residuals per direction."""

    RSPVALID = 0x01
    SNSVALID = 0x02
    DOOVER = 0x04
    DOUNDER = 0x08
    DIOVER = 0x10
    DIUNDER = 0x20


class RspCode(IntEnum):
    """Last of the four bytes of response data (SRP r16a, RSP_CODE; SAM-5 service responses)."""

    NO_FAILURE = 0
    FIELDS_INVALID = 2
    TSK_MGMT_FUNC_NOT_SUPP = 4
    TSK_MGMT_FUNC_FAILED = 5


class DirectBuf(Structure):
    """Direct memory descriptor, 16 bytes (``srp_direct_buf``): on VSCSI ``va`` is an I/O bus address and ``key`` 0."""

    __slots__ = ()
    va = U64(0)
    key = U32(8, hex=True)
    len = U32(12)

    def segments(self, fetch: Callable[[int, int], Any] | None = None) -> list[DirectBuf]:
        """The one stretch of memory, as a list."""
        return [self]


class IndirectBuf(Structure):
    """Indirect descriptor, 20 + 16 n bytes (``srp_indirect_buf``): the whole table's place, and its first n entries."""

    __slots__ = ()
    table_desc = Struct(0, DirectBuf)
    len = U32(16)
    desc_list = List(20, item=DirectBuf)

    def segments(
        self, fetch: Callable[[int, int], Any] | None = None, *, limit: int = 65536
    ) -> list[DirectBuf]:
        """The stretches of memory, in order (SRP r16a, 6.5; the rule of ibmvstgt and ibmvscsis).

        The table has ``table_desc.len / 16`` entries. If as many stand in the IU, those count; otherwise
        ``fetch(va, length)`` must return the whole table, bytes-like, which is believed as returned.

        Raises DecodeError for a table that is not whole entries, is longer than ``limit`` bytes, or
        stands elsewhere while there is no ``fetch``.
        """
        table = self.table_desc
        length = table.len
        inline = self.desc_list
        if length % 16:
            raise DecodeError(
                f"indirect table of {length} bytes is not whole descriptors", field="table_desc"
            )
        if length == 16 * len(inline):
            return inline
        if not length:
            return []
        if length > limit:
            raise DecodeError(
                f"indirect table of {length} bytes, {limit} allowed",
                field="table_desc",
                need=length,
                have=limit,
            )
        if fetch is None:
            raise DecodeError(
                f"{length // 16} descriptors, {len(inline)} of them in the IU: the table has to be fetched",
                field="table_desc",
                need=length,
                have=16 * len(inline),
            )
        memory = memoryview(fetch(table.va, length)).cast("B")
        if memory.nbytes != length:
            raise DecodeError(
                f"indirect table: {length} bytes wanted, {memory.nbytes} fetched",
                field="table_desc",
                need=length,
                have=memory.nbytes,
            )
        return [DirectBuf(memory[i : i + 16]) for i in range(0, length, 16)]


class ImmBuf(Structure):
    """Immediate data descriptor, 4 bytes (SRP2, ``srp_imm_buf``): the data stands in the IU, see ``Cmd.imm_data``."""

    __slots__ = ()
    len = U32(0)

    def segments(self, fetch: Callable[[int, int], Any] | None = None) -> list[DirectBuf]:
        """No memory elsewhere: an empty list."""
        return []


iu = Dispatch("opcode", 0)


class IU(Structure):
    """An information unit; a subclass with ``opcode=`` is what :func:`parse` returns for that opcode."""

    __slots__ = ()

    def __init_subclass__(cls, opcode: int | None = None, **options: Any) -> None:
        if opcode is not None and "opcode" not in cls.__dict__:
            # An opcode of one's own is no violation of the standard's list.
            field = U8(0, enum=Opcode if opcode in set(Opcode) else None, must=opcode, hex=True)
            field.__set_name__(cls, "opcode")
            cls.opcode = field
        super().__init_subclass__(**options)
        for each in cls.FIELDS:
            end = each.offset + each.size
            if not each.variable and end > cls.SIZE:
                raise TypeError(f"{cls.__name__}.{each.name} ends at byte {end}, size says {cls.SIZE}")
        if opcode is not None:
            iu.add(opcode, cls)

    opcode = U8(0, enum=Opcode)


class LoginReq(IU, opcode=Opcode.LOGIN_REQ, size=64):
    """SRP_LOGIN_REQ, initiator to target, 64 bytes (SRP r16a, 6.2; ``srp_login_req``; imm_data_offset is SRP2)."""

    __slots__ = ()
    tag = U64(8)
    req_it_iu_len = U32(16)
    req_buf_fmt = U16(24, enum=SupportedFormats)
    req_flags = U8(26, enum=ReqFlags)
    imm_data_offset = U16(28)
    initiator_port_id = Raw(32, 16)
    target_port_id = Raw(48, 16)


class LoginReqCM(Structure, size=56):
    """SRP_LOGIN_REQ as RDMA/CM private data, 56 bytes (``srp_login_req_rdma``): other offsets, same fields."""

    __slots__ = ()
    tag = U64(0)
    req_buf_fmt = U16(8, enum=SupportedFormats)
    req_flags = U8(10, enum=ReqFlags)
    opcode = U8(11, enum=Opcode, must=Opcode.LOGIN_REQ)
    req_it_iu_len = U32(12)
    initiator_port_id = Raw(16, 16)
    target_port_id = Raw(32, 16)
    imm_data_offset = U16(48)

    def login_req(self) -> LoginReq:
        """The same login in its normal form."""
        return LoginReq.build(
            tag=self.tag,
            req_it_iu_len=self.req_it_iu_len,
            req_buf_fmt=self.req_buf_fmt,
            req_flags=self.req_flags,
            imm_data_offset=self.imm_data_offset,
            initiator_port_id=self.initiator_port_id,
            target_port_id=self.target_port_id,
        )


class LoginRsp(IU, opcode=Opcode.LOGIN_RSP, size=52):
    """SRP_LOGIN_RSP, target to initiator, 52 bytes (SRP r16a, 6.3; ``srp_login_rsp``)."""

    __slots__ = ()
    req_lim_delta = I32(4)
    tag = U64(8)
    max_it_iu_len = U32(16)
    max_ti_iu_len = U32(20)
    buf_fmt = U16(24, enum=SupportedFormats)
    rsp_flags = U8(26, enum=LoginRspFlags)


class LoginRej(IU, opcode=Opcode.LOGIN_REJ, size=32):
    """SRP_LOGIN_REJ, target to initiator, 32 bytes (SRP r16a, 6.4; ``srp_login_rej``)."""

    __slots__ = ()
    reason = U32(4, enum=LoginRejReason, hex=True)
    tag = U64(8)
    buf_fmt = U16(24, enum=SupportedFormats)


class ILogout(IU, opcode=Opcode.I_LOGOUT, size=16):
    """SRP_I_LOGOUT, initiator to target, 16 bytes (``srp_i_logout``)."""

    __slots__ = ()
    tag = U64(8)


class TLogout(IU, opcode=Opcode.T_LOGOUT, size=16):
    """SRP_T_LOGOUT, target to initiator, 16 bytes (``srp_t_logout``)."""

    __slots__ = ()
    sol_not = U8(1, enum=SolNot)
    reason = U32(4, enum=TLogoutReason)
    tag = U64(8)


class TskMgmt(IU, opcode=Opcode.TSK_MGMT, size=48):
    """SRP_TSK_MGMT, initiator to target, 48 bytes (``srp_tsk_mgmt``); ``task_tag`` matters to ABORT TASK alone."""

    __slots__ = ()
    sol_not = U8(1, enum=SolNot)
    tag = U64(8)
    lun = LunField(20)
    tsk_mgmt_func = U8(30, enum=TskMgmtFunc)
    task_tag = U64(32)


class Cmd(IU, opcode=Opcode.CMD, size=48):
    """SRP_CMD, initiator to target, 48 bytes + additional CDB + data-out and data-in descriptors (``srp_cmd``).

    ``cdb`` is the CDB with the additional CDB, which follows it at once: 16 bytes or more. ``data_out`` and
    ``data_in`` are a DirectBuf, an IndirectBuf, an ImmBuf (data-out alone), or None. build() takes for them
    ``(va, length)``, ``(va, key, length)``, a list of these for an indirect one, or the structure itself.
    """

    __slots__ = ()
    sol_not = U8(1, enum=SolNot)
    data_out_fmt = Bits(5, 4, 4, enum=BufferFormat)
    data_in_fmt = Bits(5, 0, 4, enum=BufferFormat)
    data_out_desc_cnt = U8(6)
    data_in_desc_cnt = U8(7)
    tag = U64(8)
    lun = LunField(20)
    task_attr = Bits(29, 0, 3, enum=TaskAttribute)
    add_cdb_len = U8(31)
    cdb = Part(32, Bits(31, 2, 6), unit=4, bias=16, least=16)
    data_out = Descriptor(cdb, data_out_fmt, data_out_desc_cnt, (DirectBuf, IndirectBuf, ImmBuf))
    data_in = Descriptor(data_out, data_in_fmt, data_in_desc_cnt, (DirectBuf, IndirectBuf, None))

    @property
    def buf_fmt(self) -> int:
        """Byte 5: data-out format in the high nibble, data-in format in the low one."""
        return int(self.data_out_fmt) << 4 | int(self.data_in_fmt)

    @buf_fmt.setter
    def buf_fmt(self, value: int) -> None:
        self.data_out_fmt, self.data_in_fmt = value >> 4, value & 15

    def imm_data(self, imm_data_offset: int) -> memoryview:
        """The immediate data of an SRP2 command: ``imm_data_offset`` bytes from the start, as agreed at login.

        Raises DecodeError if the command has none, it is not all there, or it would begin inside the command itself.
        """
        desc = self.data_out
        if not isinstance(desc, ImmBuf):
            raise DecodeError("the command carries no immediate data", field="data_out", offset=5)
        view = memoryview(self)
        length: int = desc.len  # once: the peer may write to the memory of a view
        have = view.nbytes - imm_data_offset
        if length > have or imm_data_offset < self.extent():
            raise DecodeError(
                f"immediate data: {length} bytes at offset {imm_data_offset}",
                field="data_out",
                offset=imm_data_offset,
                need=length,
                have=max(have, 0),
            )
        return view[imm_data_offset : imm_data_offset + length]

    def _check(self) -> Iterator[tuple[str, int, str]]:
        if self.add_cdb_len & 3:
            yield "add_cdb_len", 31, "the two low bits are reserved, and not zero"
        if self.data_in_fmt == BufferFormat.IMMEDIATE:
            yield "data_in_fmt", 5, "immediate data goes to the target only"
        for name, desc in ("data_out", self.data_out), ("data_in", self.data_in):
            if isinstance(desc, IndirectBuf):
                offset = self.locate(name)[0]
                entries, rest = divmod(desc.table_desc.len, 16)
                if rest:
                    yield (
                        f"{name}.table_desc.len",
                        offset + 12,
                        f"{desc.table_desc.len} is not whole descriptors",
                    )
                elif entries < len(desc.desc_list):
                    yield (
                        f"{name}.table_desc.len",
                        offset + 12,
                        "the table is shorter than its part in the IU",
                    )
                elif entries == len(desc.desc_list) and sum(d.len for d in desc.desc_list) != desc.len:
                    yield f"{name}.len", offset + 16, "not the sum of the descriptors"


class Rsp(IU, opcode=Opcode.RSP, size=36):
    """SRP_RSP, target to initiator, 36 bytes + response data + sense data (``srp_rsp``).

    ``resp_data`` and ``sense`` count only while their flag is set; response data comes first. build()
    sets flags and lengths from them.
    """

    __slots__ = ()
    sol_not = U8(1, enum=SolNot)
    req_lim_delta = I32(4)
    tag = U64(8)
    flags = U8(18, enum=RspFlags)
    status = U8(19, hex=True)
    data_out_res_cnt = U32(20)
    data_in_res_cnt = U32(24)
    sense_data_len = U32(28)
    resp_data_len = U32(32)
    resp_data = Part(36, resp_data_len, when=(flags, RspFlags.RSPVALID))
    sense = Part(resp_data, sense_data_len, when=(flags, RspFlags.SNSVALID))

    @property
    def rsp_code(self) -> RspCode | int | None:
        """The response code, last of the four bytes of response data; None where there is none."""
        data = self.resp_data
        if len(data) < 4:
            return None
        try:
            return RspCode(data[3])
        except ValueError:
            return int(data[3])

    def _check(self) -> Iterator[tuple[str, int, str]]:
        flags = self.flags
        if flags & RspFlags.RSPVALID and self.resp_data_len != 4:
            yield "resp_data_len", 32, f"{self.resp_data_len} bytes of response data where the standard has 4"
        for direction, over, under in (
            ("out", RspFlags.DOOVER, RspFlags.DOUNDER),
            (
                "in",
                RspFlags.DIOVER,
                RspFlags.DIUNDER,
            ),
        ):
            if flags & over and flags & under:
                yield "flags", 18, f"overflow and underflow of data-{direction} at once"


class CredReq(IU, opcode=Opcode.CRED_REQ, size=16):
    """SRP_CRED_REQ, target to initiator, 16 bytes (``srp_cred_req``)."""

    __slots__ = ()
    sol_not = U8(1, enum=SolNot)
    req_lim_delta = I32(4)
    tag = U64(8)


class CredRsp(IU, opcode=Opcode.CRED_RSP, size=16):
    """SRP_CRED_RSP, initiator to target, 16 bytes (``srp_cred_rsp``)."""

    __slots__ = ()
    tag = U64(8)


class AerReq(IU, opcode=Opcode.AER_REQ, size=36):
    """SRP_AER_REQ, target to initiator, 36 bytes + sense data (``srp_aer_req``)."""

    __slots__ = ()
    sol_not = U8(1, enum=SolNot)
    req_lim_delta = I32(4)
    tag = U64(8)
    lun = LunField(20)
    sense_data_len = U32(28)
    sense = Part(36, sense_data_len)


class AerRsp(IU, opcode=Opcode.AER_RSP, size=16):
    """SRP_AER_RSP, initiator to target, 16 bytes (``srp_aer_rsp``)."""

    __slots__ = ()
    tag = U64(8)


parse = iu.parse
