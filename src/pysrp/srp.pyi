# Made from the field tables by tools/stubs.py; do not edit.
"""SCSI RDMA Protocol information units (T10 SRP r16a), with the SRP2 additions that Linux uses.

Each class is the standard's table; field names are those of Linux ``include/scsi/srp.h``.
``parse(buf)`` chooses the class by opcode and returns a view over ``buf``."""

from _typeshed import ReadableBuffer, WriteableBuffer
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from typing_extensions import Self, Unpack

import pysrp.fields
from pysrp.lun import Lun
from collections.abc import Callable
from enum import IntEnum, IntFlag
from pysrp._fast.srp import Descriptor
from pysrp.fields import Structure
__all__ = ['IU', 'AerReq', 'AerRsp', 'BufferFormat', 'Cmd', 'CredReq', 'CredRsp', 'DirectBuf', 'ILogout', 'ImmBuf', 'IndirectBuf', 'LoginRej', 'LoginRejReason', 'LoginReq', 'LoginReqCM', 'LoginRsp', 'LoginRspFlags', 'Opcode', 'ReqFlags', 'Rsp', 'RspCode', 'RspFlags', 'SolNot', 'SupportedFormats', 'TLogout', 'TLogoutReason', 'TaskAttribute', 'TskMgmt', 'TskMgmtFunc', 'parse', 'record']

class Opcode(IntEnum):
    """First byte of every IU (SRP r16a, table 7): bit 7 sent by the target, bit 6 a response."""
    LOGIN_REQ = 0
    TSK_MGMT = 1
    CMD = 2
    I_LOGOUT = 3
    CRED_RSP = 65
    AER_RSP = 66
    T_LOGOUT = 128
    CRED_REQ = 129
    AER_REQ = 130
    LOGIN_RSP = 192
    RSP = 193
    LOGIN_REJ = 194

class SupportedFormats(IntFlag):
    """Buffer formats in LOGIN_REQ, LOGIN_RSP and LOGIN_REJ: bit = 1 << descriptor format code."""
    DIRECT = 2
    INDIRECT = 4

class BufferFormat(IntEnum):
    """Format nibble of a data buffer descriptor in CMD; IMMEDIATE is SRP2."""
    NONE = 0
    DIRECT = 1
    INDIRECT = 2
    IMMEDIATE = 3

class ReqFlags(IntFlag):
    """LOGIN_REQ flags: multichannel action in bits 0-1, solicited notification wishes, SRP2 immediate data."""
    MULTICHAN_MULTI = 1
    LOSOLNT = 16
    CRSOLNT = 32
    AESOLNT = 64
    IMMED_REQUESTED = 128

class LoginRspFlags(IntFlag):
    """LOGIN_RSP flags: multichannel result in bits 0-1 (0 none, 1 terminated, 2 maintained), SRP2 immediate data."""
    MULTICHAN_TERMINATED = 1
    MULTICHAN_MAINTAINED = 2
    IMMED_SUPP = 128

class LoginRejReason(IntEnum):
    """Why a login was rejected (SRP r16a, LOGIN_REJ; Linux srp.h)."""
    UNABLE_ESTABLISH_CHANNEL = 65536
    INSUFFICIENT_RESOURCES = 65537
    REQ_IT_IU_LENGTH_TOO_LARGE = 65538
    UNABLE_ASSOCIATE_CHANNEL = 65539
    UNSUPPORTED_DESCRIPTOR_FMT = 65540
    MULTI_CHANNEL_UNSUPPORTED = 65541
    CHANNEL_LIMIT_REACHED = 65542

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
    SOLNT = 1
    SCSOLNT = 2
    UCSOLNT = 4

class TaskAttribute(IntEnum):
    """Task attribute of CMD (SAM-5, 8.9)."""
    SIMPLE = 0
    HEAD_OF_QUEUE = 1
    ORDERED = 2
    ACA = 4

class TskMgmtFunc(IntEnum):
    """Task management functions (SRP r16a, TSK_MGMT; SAM-5, 7)."""
    ABORT_TASK = 1
    ABORT_TASK_SET = 2
    CLEAR_TASK_SET = 4
    LUN_RESET = 8
    CLEAR_ACA = 64

class RspFlags(IntFlag):
    """What is valid in RSP: response data, sense data, and residuals per direction."""
    RSPVALID = 1
    SNSVALID = 2
    DOOVER = 4
    DOUNDER = 8
    DIOVER = 16
    DIUNDER = 32

class RspCode(IntEnum):
    """Last of the four bytes of response data (SRP r16a, RSP_CODE; SAM-5 service responses)."""
    NO_FAILURE = 0
    FIELDS_INVALID = 2
    TSK_MGMT_FUNC_NOT_SUPP = 4
    TSK_MGMT_FUNC_FAILED = 5

class _DirectBufFields(TypedDict, total=False):
    va: int
    key: int
    len: int
    trailing: ReadableBuffer

class DirectBuf(Structure):
    """Direct memory descriptor, 16 bytes (``srp_direct_buf``): on VSCSI ``va`` is an I/O bus address and ``key`` 0."""
    va: pysrp.fields.U64
    """First byte of the stretch: on VSCSI an I/O bus address in the client's window, on RDMA a virtual address of the initiator's"""
    key: pysrp.fields.U32
    """Memory handle that the target names to reach the stretch: on RDMA an R_Key; VSCSI sends 0 and ignores it"""
    len: pysrp.fields.U32
    """How many bytes the stretch has; 0 is allowed and moves nothing"""
    def segments(self, fetch: Callable[[int, int], Any] | None=None) -> list[DirectBuf]:
        """The one stretch of memory, as a list."""
    @classmethod
    def build(cls, **fields: Unpack[_DirectBufFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_DirectBufFields]) -> int: ...  # type: ignore[override]

class _IndirectBufFields(TypedDict, total=False):
    table_desc: ReadableBuffer | Mapping[str, Any]
    len: int
    desc_list: ReadableBuffer | Iterable[Any] | None
    trailing: ReadableBuffer

class IndirectBuf(Structure):
    """Indirect descriptor, 20 + 16 n bytes (``srp_indirect_buf``): the whole table's place, and its first n entries."""
    table_desc: pysrp.fields.Struct[DirectBuf]
    """Where the whole list of descriptors stands in the initiator's memory; its length is 16 bytes for each of them"""
    len: pysrp.fields.U32
    """How many bytes of data all descriptors of the table describe together; it bounds the transfer"""
    desc_list: pysrp.fields.List[DirectBuf]
    """The first descriptors of the table, as many as the count byte of their direction says; where that is all of them, the target need not fetch the table"""
    def segments(self, fetch: Callable[[int, int], Any] | None=None, *, limit: int=65536) -> list[DirectBuf]:
        """The stretches of memory, in order (SRP r16a, 6.5; the rule of ibmvstgt and ibmvscsis).

        The table has ``table_desc.len / 16`` entries. If as many stand in the IU, those count; otherwise
        ``fetch(va, length)`` must return the whole table as a bytes-like object, which is used without another copy.

        Raises DecodeError for a table that is not whole entries, is longer than ``limit`` bytes, or
        stands elsewhere while there is no ``fetch``."""
    @classmethod
    def build(cls, **fields: Unpack[_IndirectBufFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_IndirectBufFields]) -> int: ...  # type: ignore[override]

class _ImmBufFields(TypedDict, total=False):
    len: int
    trailing: ReadableBuffer

class ImmBuf(Structure):
    """Immediate data descriptor, 4 bytes (SRP2, ``srp_imm_buf``): the data stands in the IU, see ``Cmd.imm_data``."""
    len: pysrp.fields.U32
    """How many bytes of data-out stand in the IU itself, from the offset on that the login agreed to (SRP2)"""
    def segments(self, fetch: Callable[[int, int], Any] | None=None) -> list[DirectBuf]:
        """No memory elsewhere: an empty list."""
    @classmethod
    def build(cls, **fields: Unpack[_ImmBufFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ImmBufFields]) -> int: ...  # type: ignore[override]
iu: pysrp.fields.Dispatch

class IU(Structure):
    """An information unit; a subclass with ``opcode=`` is what :func:`parse` returns for that opcode."""
    def __init_subclass__(cls, opcode: int | None=None, **options: Any) -> None: ...
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""

class _LoginReqFields(TypedDict, total=False):
    opcode: int
    tag: int
    req_it_iu_len: int
    req_buf_fmt: int
    req_flags: int
    imm_data_offset: int
    initiator_port_id: ReadableBuffer
    target_port_id: ReadableBuffer
    trailing: ReadableBuffer

class LoginReq(IU, opcode=Opcode.LOGIN_REQ, size=64):
    """SRP_LOGIN_REQ, initiator to target, 64 bytes (SRP r16a, 6.2; ``srp_login_req``; imm_data_offset is SRP2)."""
    tag: pysrp.fields.U64
    """Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"""
    req_it_iu_len: pysrp.fields.U32
    """Longest IU in bytes that the initiator will send, datagrams included; at least 64, on VSCSI at most 256"""
    req_buf_fmt: pysrp.fields.U16
    """Kinds of data buffer descriptors that the target has to understand, a bit each; it rejects the login if it lacks one"""
    req_flags: pysrp.fields.U8
    """Bits 0 and 1: 0 ends other channels of this nexus, 1 keeps them; bits 4 to 6 ask for solicited events with T_LOGOUT, CRED_REQ and AER_REQ (table 9); bit 7 asks for immediate data (SRP2)"""
    imm_data_offset: pysrp.fields.U16
    """Where immediate data is to begin, in bytes from the start of SRP_CMD; counts only with IMMED_REQUESTED (SRP2), else 0"""
    initiator_port_id: pysrp.fields.Raw
    """Who logs in, for reservations and other channels: 8 bytes identifier extension, 8 bytes GUID (before r16a the other way round); zeros on VSCSI"""
    target_port_id: pysrp.fields.Raw
    """Whom the initiator means: 8 bytes identifier extension, 8 bytes GUID of the I/O controller; zeros on VSCSI"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_LoginReqFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LoginReqFields]) -> int: ...  # type: ignore[override]

class _LoginReqCMFields(TypedDict, total=False):
    tag: int
    req_buf_fmt: int
    req_flags: int
    opcode: int
    req_it_iu_len: int
    initiator_port_id: ReadableBuffer
    target_port_id: ReadableBuffer
    imm_data_offset: int
    trailing: ReadableBuffer

class LoginReqCM(Structure, size=56):
    """SRP_LOGIN_REQ as RDMA/CM private data, 56 bytes (``srp_login_req_rdma``): other offsets, same fields."""
    tag: pysrp.fields.U64
    """Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"""
    req_buf_fmt: pysrp.fields.U16
    """What LOGIN_REQ says in bytes 24 and 25: the kinds of descriptors that the target has to understand"""
    req_flags: pysrp.fields.U8
    """What LOGIN_REQ says in byte 26: other channels, solicited events, immediate data"""
    opcode: pysrp.fields.U8
    """Always that of LOGIN_REQ; it tells the login from other private data of a ConnectRequest"""
    req_it_iu_len: pysrp.fields.U32
    """Longest IU in bytes that the initiator will send over this channel; ib_srp asks for 8260 where it wants immediate data"""
    initiator_port_id: pysrp.fields.Raw
    """Who logs in, for reservations and other channels: 8 bytes identifier extension, 8 bytes GUID (before r16a the other way round); zeros on VSCSI"""
    target_port_id: pysrp.fields.Raw
    """Whom the initiator means: 8 bytes identifier extension, 8 bytes GUID of the I/O controller; zeros on VSCSI"""
    imm_data_offset: pysrp.fields.U16
    """Where immediate data is to begin, in bytes from the start of SRP_CMD (SRP2); 0 without it"""
    def login_req(self) -> LoginReq:
        """The same login in its normal form."""
    @classmethod
    def build(cls, **fields: Unpack[_LoginReqCMFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LoginReqCMFields]) -> int: ...  # type: ignore[override]

class _LoginRspFields(TypedDict, total=False):
    opcode: int
    req_lim_delta: int
    tag: int
    max_it_iu_len: int
    max_ti_iu_len: int
    buf_fmt: int
    rsp_flags: int
    trailing: ReadableBuffer

class LoginRsp(IU, opcode=Opcode.LOGIN_RSP, size=52):
    """SRP_LOGIN_RSP, target to initiator, 52 bytes (SRP r16a, 6.3; ``srp_login_rsp``)."""
    req_lim_delta: pysrp.fields.I32
    """The first credit: how many CMD and TSK_MGMT may be unanswered at a time; a client of VSCSI wants 2 or more"""
    tag: pysrp.fields.U64
    """The 8 bytes of the request that this answers, unchanged"""
    max_it_iu_len: pysrp.fields.U32
    """Longest IU in bytes that the target takes; the initiator sends none that is longer than this or than it asked for"""
    max_ti_iu_len: pysrp.fields.U32
    """Longest IU in bytes that the target sends; the initiator's receive buffers must have so many"""
    buf_fmt: pysrp.fields.U16
    """Kinds of data buffer descriptors that the target understands, a bit each; 0006h everywhere"""
    rsp_flags: pysrp.fields.U8
    """Bits 0 and 1: whether other channels of the nexus were ended (1), kept (2), or there was none (0); bit 7: immediate data may be sent (SRP2)"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_LoginRspFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LoginRspFields]) -> int: ...  # type: ignore[override]

class _LoginRejFields(TypedDict, total=False):
    opcode: int
    reason: int
    tag: int
    buf_fmt: int
    trailing: ReadableBuffer

class LoginRej(IU, opcode=Opcode.LOGIN_REJ, size=32):
    """SRP_LOGIN_REJ, target to initiator, 32 bytes (SRP r16a, 6.4; ``srp_login_rej``)."""
    reason: pysrp.fields.U32
    """Why there is no session; 00010000h to 00010006h are assigned"""
    tag: pysrp.fields.U64
    """The 8 bytes of the request that this answers, unchanged"""
    buf_fmt: pysrp.fields.U16
    """Kinds of data buffer descriptors that a login may ask for; of use with reason 00010004h"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_LoginRejFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_LoginRejFields]) -> int: ...  # type: ignore[override]

class _ILogoutFields(TypedDict, total=False):
    opcode: int
    tag: int
    trailing: ReadableBuffer

class ILogout(IU, opcode=Opcode.I_LOGOUT, size=16):
    """SRP_I_LOGOUT, initiator to target, 16 bytes (``srp_i_logout``)."""
    tag: pysrp.fields.U64
    """Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_ILogoutFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_ILogoutFields]) -> int: ...  # type: ignore[override]

class _TLogoutFields(TypedDict, total=False):
    opcode: int
    sol_not: int
    reason: int
    tag: int
    trailing: ReadableBuffer

class TLogout(IU, opcode=Opcode.T_LOGOUT, size=16):
    """SRP_T_LOGOUT, target to initiator, 16 bytes (``srp_t_logout``)."""
    sol_not: pysrp.fields.U8
    """Bit 0: this raises a solicited event, as the initiator asked for"""
    reason: pysrp.fields.U32
    """Why the target ends the session: 0 none, 1 not used for long, 2 to 9 what the initiator did wrong; 5 is not assigned"""
    tag: pysrp.fields.U64
    """Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_TLogoutFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TLogoutFields]) -> int: ...  # type: ignore[override]

class _TskMgmtFields(TypedDict, total=False):
    opcode: int
    sol_not: int
    tag: int
    lun: Lun | ReadableBuffer | int | str
    tsk_mgmt_func: int
    task_tag: int
    trailing: ReadableBuffer

class TskMgmt(IU, opcode=Opcode.TSK_MGMT, size=48):
    """SRP_TSK_MGMT, initiator to target, 48 bytes (``srp_tsk_mgmt``); ``task_tag`` matters to ABORT TASK alone."""
    sol_not: pysrp.fields.U8
    """Whether the answer is to raise a solicited event: bit 1 if all went well, bit 2 if not; nothing on VSCSI acts on it"""
    tag: pysrp.fields.U64
    """Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"""
    lun: pysrp.fields.LunField
    """The logical unit that is meant, eight bytes (SAM-5, 4.7); ibmvscsi and SLOF address by bus, target and LUN, form 10b"""
    tsk_mgmt_func: pysrp.fields.U8
    """Which tasks of the unit are ended: one (01h), this nexus' (02h), everybody's (04h), all with a reset (08h); 40h ends an ACA condition (SAM-5, 7)"""
    task_tag: pysrp.fields.U64
    """The tag of the command that ABORT TASK is about; other functions send 0 and it is ignored"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_TskMgmtFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_TskMgmtFields]) -> int: ...  # type: ignore[override]

class _CmdFields(TypedDict, total=False):
    opcode: int
    sol_not: int
    data_out_fmt: int
    data_in_fmt: int
    data_out_desc_cnt: int
    data_in_desc_cnt: int
    tag: int
    lun: Lun | ReadableBuffer | int | str
    task_attr: int
    add_cdb_len: int
    cdb: ReadableBuffer | None
    data_out: ReadableBuffer | Mapping[str, Any] | Sequence[int | ReadableBuffer | Sequence[int]] | None
    data_in: ReadableBuffer | Mapping[str, Any] | Sequence[int | ReadableBuffer | Sequence[int]] | None
    trailing: ReadableBuffer

class Cmd(IU, opcode=Opcode.CMD, size=48):
    """SRP_CMD, initiator to target, 48 bytes + additional CDB + data-out and data-in descriptors (``srp_cmd``).

    ``cdb`` is the CDB with the additional CDB, which follows it at once: 16 bytes or more. ``data_out`` and
    ``data_in`` are a DirectBuf, an IndirectBuf, an ImmBuf (data-out alone), or None. build() takes for them
    ``(va, length)``, ``(va, key, length)``, a list of these for an indirect one, or the structure itself."""
    sol_not: pysrp.fields.U8
    """Whether the answer is to raise a solicited event: bit 1 if all went well, bit 2 if not; nothing on VSCSI acts on it"""
    data_out_fmt: pysrp.fields.Bits
    """How data to the device is described, and so how long its descriptor is: 0 no data, 1 direct 16 bytes, 2 indirect 20 and 16 for each entry, 3 immediate 4 bytes (SRP2)"""
    data_in_fmt: pysrp.fields.Bits
    """How the room for data from the device is described: 0 no data, 1 direct 16 bytes, 2 indirect 20 and 16 for each entry"""
    data_out_desc_cnt: pysrp.fields.U8
    """Entries of an indirect data-out table that stand in the IU, 0 to 255; of a direct descriptor 0, and 1 from SLOF"""
    data_in_desc_cnt: pysrp.fields.U8
    """Entries of an indirect data-in table that stand in the IU, 0 to 255; of a direct descriptor 0, and 1 from SLOF"""
    tag: pysrp.fields.U64
    """Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"""
    lun: pysrp.fields.LunField
    """The logical unit that is meant, eight bytes (SAM-5, 4.7); ibmvscsi and SLOF address by bus, target and LUN, form 10b"""
    task_attr: pysrp.fields.Bits
    """Order among the tasks of the unit: 0 any, 1 before all others, 2 after those before it, 4 within an ACA condition (SAM-5, 8.9)"""
    add_cdb_len: pysrp.fields.U8
    """Bytes of CDB behind the first 16: bits 2 to 7 count words of four bytes, the two low bits are reserved"""
    cdb: pysrp.fields.Part
    """What the device is to do, padded with zeros to 16 bytes; a longer one goes on where the descriptors would begin"""
    data_out: Descriptor[DirectBuf | IndirectBuf | ImmBuf | None]
    """Where the device gets its data from, and how much at most"""
    data_in: Descriptor[DirectBuf | IndirectBuf | None]
    """Where data of the device goes to, and how much at most"""
    @property
    def buf_fmt(self) -> int:
        """Byte 5: data-out format in the high nibble, data-in format in the low one."""
    @buf_fmt.setter
    def buf_fmt(self, value: int) -> None: ...
    def imm_data(self, imm_data_offset: int) -> memoryview:
        """The immediate data of an SRP2 command: ``imm_data_offset`` bytes from the start, as agreed at login.

        Raises DecodeError if the command has none, it is not all there, or it would begin inside the command itself."""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_CmdFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CmdFields]) -> int: ...  # type: ignore[override]

class _RspFields(TypedDict, total=False):
    opcode: int
    sol_not: int
    req_lim_delta: int
    tag: int
    flags: int
    status: int
    data_out_res_cnt: int
    data_in_res_cnt: int
    sense_data_len: int
    resp_data_len: int
    resp_data: ReadableBuffer | None
    sense: ReadableBuffer | None
    trailing: ReadableBuffer

class Rsp(IU, opcode=Opcode.RSP, size=36):
    """SRP_RSP, target to initiator, 36 bytes + response data + sense data (``srp_rsp``).

    ``resp_data`` and ``sense`` count only while their flag is set; response data comes first. build()
    sets flags and lengths from them."""
    sol_not: pysrp.fields.U8
    """Bit 0: this raises a solicited event, as the initiator asked for"""
    req_lim_delta: pysrp.fields.I32
    """Credit that the initiator gains, in requests: mostly 1, for the one that ends; signed, but never negative on VSCSI"""
    tag: pysrp.fields.U64
    """The 8 bytes of the request that this answers, unchanged"""
    flags: pysrp.fields.U8
    """Which of the fields behind it count: response data, sense data, and for each direction whether the command moved more (over) or less (under) than the descriptors allow"""
    status: pysrp.fields.U8
    """SCSI status of the command: 00h GOOD, 02h CHECK CONDITION, 08h BUSY, 18h RESERVATION CONFLICT, 28h TASK SET FULL, 30h ACA ACTIVE, 40h TASK ABORTED (SAM-5, 5.3)"""
    data_out_res_cnt: pysrp.fields.U32
    """Bytes by which data-out missed what the descriptor allows; counts with DOOVER or DOUNDER alone"""
    data_in_res_cnt: pysrp.fields.U32
    """Bytes by which data-in missed what the descriptor allows; counts with DIOVER or DIUNDER alone; ibmvscsi heeds DIOVER only"""
    sense_data_len: pysrp.fields.U32
    """Bytes of sense data; counts with SNSVALID alone. ibmvscsi copies them unchecked into room for 96"""
    resp_data_len: pysrp.fields.U32
    """Bytes of response data: 4 with RSPVALID, else not looked at"""
    resp_data: pysrp.fields.Part
    """Three zeros and a code of what became of the IU or the task management function: 0 done, 2 bad field, 4 not supported, 5 failed (SRP r16a, RSP_CODE)"""
    sense: pysrp.fields.Part
    """Why the command failed, fixed or descriptor format (SPC-5, 4.4); it stands behind the response data"""
    @property
    def rsp_code(self) -> RspCode | int | None:
        """The response code, last of the four bytes of response data; None where there is none."""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_RspFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_RspFields]) -> int: ...  # type: ignore[override]

class _CredReqFields(TypedDict, total=False):
    opcode: int
    sol_not: int
    req_lim_delta: int
    tag: int
    trailing: ReadableBuffer

class CredReq(IU, opcode=Opcode.CRED_REQ, size=16):
    """SRP_CRED_REQ, target to initiator, 16 bytes (``srp_cred_req``)."""
    sol_not: pysrp.fields.U8
    """Bit 0: this raises a solicited event, as the initiator asked for"""
    req_lim_delta: pysrp.fields.I32
    """Credit that the initiator gains, in requests, or loses where it is negative; nothing need have been answered for it"""
    tag: pysrp.fields.U64
    """Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_CredReqFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CredReqFields]) -> int: ...  # type: ignore[override]

class _CredRspFields(TypedDict, total=False):
    opcode: int
    tag: int
    trailing: ReadableBuffer

class CredRsp(IU, opcode=Opcode.CRED_RSP, size=16):
    """SRP_CRED_RSP, initiator to target, 16 bytes (``srp_cred_rsp``)."""
    tag: pysrp.fields.U64
    """The 8 bytes of the request that this answers, unchanged"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_CredRspFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_CredRspFields]) -> int: ...  # type: ignore[override]

class _AerReqFields(TypedDict, total=False):
    opcode: int
    sol_not: int
    req_lim_delta: int
    tag: int
    lun: Lun | ReadableBuffer | int | str
    sense_data_len: int
    sense: ReadableBuffer | None
    trailing: ReadableBuffer

class AerReq(IU, opcode=Opcode.AER_REQ, size=36):
    """SRP_AER_REQ, target to initiator, 36 bytes + sense data (``srp_aer_req``)."""
    sol_not: pysrp.fields.U8
    """Bit 0: this raises a solicited event, as the initiator asked for"""
    req_lim_delta: pysrp.fields.I32
    """Credit that the initiator gains, in requests: mostly 1, for the one that ends; signed, but never negative on VSCSI"""
    tag: pysrp.fields.U64
    """Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"""
    lun: pysrp.fields.LunField
    """The logical unit that has something to report, eight bytes (SAM-5, 4.7)"""
    sense_data_len: pysrp.fields.U32
    """Bytes of sense data behind the fixed part"""
    sense: pysrp.fields.Part
    """What happened to the unit, in the form that CHECK CONDITION brings (SPC-5, 4.4)"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_AerReqFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AerReqFields]) -> int: ...  # type: ignore[override]

class _AerRspFields(TypedDict, total=False):
    opcode: int
    tag: int
    trailing: ReadableBuffer

class AerRsp(IU, opcode=Opcode.AER_RSP, size=16):
    """SRP_AER_RSP, initiator to target, 16 bytes (``srp_aer_rsp``)."""
    tag: pysrp.fields.U64
    """The 8 bytes of the request that this answers, unchanged"""
    opcode: pysrp.fields.U8
    """Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"""
    @classmethod
    def build(cls, **fields: Unpack[_AerRspFields]) -> Self: ...  # type: ignore[override]
    @classmethod
    def pack_into(cls, buf: WriteableBuffer, offset: int = 0, /, **fields: Unpack[_AerRspFields]) -> int: ...  # type: ignore[override]
def parse(buf: ReadableBuffer, /, *, strict: bool = False) -> LoginReq | LoginRsp | LoginRej | ILogout | TLogout | TskMgmt | Cmd | Rsp | CredReq | CredRsp | AerReq | AerRsp:
    """A view over ``buf`` of the class that its bytes select; nothing is copied.

``buf`` is any bytes-like object. With ``strict`` the first violation that problems() knows raises
DecodeError. Raises TruncatedError if the fixed part is not all there, DecodeError if the code that
selects the class is not assigned."""
def record(buf: ReadableBuffer, /) -> LoginReq | LoginRsp | LoginRej | ILogout | TLogout | TskMgmt | Cmd | Rsp | CredReq | CredRsp | AerReq | AerRsp:
    """A record (see Structure.record) of the class that the bytes of ``buf`` select; raises as parse() does."""
