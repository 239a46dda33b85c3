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
    "record",
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


# Descriptions of fields that several structures have.
_OPCODE = (
    "Which IU this is: with bit 7 the target sends it, with bit 6 it answers another (SRP r16a, table 7)"
)
_TAG = "Chosen by the sender, and meaning nothing to the receiver, who returns these 8 bytes as they are; not used twice at a time"
_ANSWERED = "The 8 bytes of the request that this answers, unchanged"
_ASKSOL = "Whether the answer is to raise a solicited event: bit 1 if all went well, bit 2 if not; nothing on VSCSI acts on it"
_SOLNT = "Bit 0: this raises a solicited event, as the initiator asked for"
_LUN = "The logical unit that is meant, eight bytes (SAM-5, 4.7); ibmvscsi and SLOF address by bus, target and LUN, form 10b"
_CREDIT = "Credit that the initiator gains, in requests: mostly 1, for the one that ends; signed, but never negative on VSCSI"
_INITIATOR = "Who logs in, for reservations and other channels: 8 bytes identifier extension, 8 bytes GUID (before r16a the other way round); zeros on VSCSI"
_TARGET = "Whom the initiator means: 8 bytes identifier extension, 8 bytes GUID of the I/O controller; zeros on VSCSI"


class DirectBuf(Structure):
    """Direct memory descriptor, 16 bytes (``srp_direct_buf``): on VSCSI ``va`` is an I/O bus address and ``key`` 0."""

    __slots__ = ()
    va = U64(
        0,
        doc="First byte of the stretch: on VSCSI an I/O bus address in the client's window, on RDMA a virtual address of the initiator's",
    )
    key = U32(
        8,
        hex=True,
        doc="Memory handle that the target names to reach the stretch: on RDMA an R_Key; VSCSI sends 0 and ignores it",
    )
    len = U32(12, doc="How many bytes the stretch has; 0 is allowed and moves nothing")

    def segments(self, fetch: Callable[[int, int], Any] | None = None) -> list[DirectBuf]:
        """The one stretch of memory, as a list."""
        return [self]


class IndirectBuf(Structure):
    """Indirect descriptor, 20 + 16 n bytes (``srp_indirect_buf``): the whole table's place, and its first n entries."""

    __slots__ = ()
    table_desc = Struct(
        0,
        DirectBuf,
        doc="Where the whole list of descriptors stands in the initiator's memory; its length is 16 bytes for each of them",
    )
    len = U32(
        16,
        doc="How many bytes of data all descriptors of the table describe together; it bounds the transfer",
    )
    desc_list = List(
        20,
        item=DirectBuf,
        doc="The first descriptors of the table, as many as the count byte of their direction says; where that is all of them, the target need not fetch the table",
    )

    def segments(
        self, fetch: Callable[[int, int], Any] | None = None, *, limit: int = 65536
    ) -> list[DirectBuf]:
        """The stretches of memory, in order (SRP r16a, 6.5; the rule of ibmvstgt and ibmvscsis).

        The table has ``table_desc.len / 16`` entries. If as many stand in the IU, those count; otherwise
        ``fetch(va, length)`` must return the whole table as a bytes-like object, which is used without another copy.

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
    len = U32(
        0,
        doc="How many bytes of data-out stand in the IU itself, from the offset on that the login agreed to (SRP2)",
    )

    def segments(self, fetch: Callable[[int, int], Any] | None = None) -> list[DirectBuf]:
        """No memory elsewhere: an empty list."""
        return []


iu = Dispatch("opcode", 0)


class IU(Structure):
    """An information unit; a subclass with ``opcode=`` is what :func:`parse` returns for that opcode."""

    __slots__ = ()

    def __init_subclass__(cls, opcode: int | None = None, **options: Any) -> None:
        if opcode is not None and "opcode" not in cls.__dict__:
            # A user's own opcode is no violation of the standard's list.
            codes = Opcode if opcode in set(Opcode) else None
            field = U8(0, enum=codes, must=opcode, hex=True, doc=_OPCODE)
            field.__set_name__(cls, "opcode")
            cls.opcode = field
        super().__init_subclass__(**options)
        for each in cls.FIELDS:
            end = each.offset + each.size
            if not each.variable and end > cls.SIZE:
                raise TypeError(f"{cls.__name__}.{each.name} ends at byte {end}, size says {cls.SIZE}")
        if opcode is not None:
            iu.add(opcode, cls)

    opcode = U8(0, enum=Opcode, doc=_OPCODE)


class LoginReq(IU, opcode=Opcode.LOGIN_REQ, size=64):
    """SRP_LOGIN_REQ, initiator to target, 64 bytes (SRP r16a, 6.2; ``srp_login_req``; imm_data_offset is SRP2)."""

    __slots__ = ()
    tag = U64(8, doc=_TAG)
    req_it_iu_len = U32(
        16,
        doc="Longest IU in bytes that the initiator will send, datagrams included; at least 64, on VSCSI at most 256",
    )
    req_buf_fmt = U16(
        24,
        enum=SupportedFormats,
        doc="Kinds of data buffer descriptors that the target has to understand, a bit each; it rejects the login if it lacks one",
    )
    req_flags = U8(
        26,
        enum=ReqFlags,
        doc="Bits 0 and 1: 0 ends other channels of this nexus, 1 keeps them; bits 4 to 6 ask for solicited events with T_LOGOUT, CRED_REQ and AER_REQ (table 9); bit 7 asks for immediate data (SRP2)",
    )
    imm_data_offset = U16(
        28,
        doc="Where immediate data is to begin, in bytes from the start of SRP_CMD; counts only with IMMED_REQUESTED (SRP2), else 0",
    )
    initiator_port_id = Raw(32, 16, doc=_INITIATOR)
    target_port_id = Raw(48, 16, doc=_TARGET)


class LoginReqCM(Structure, size=56):
    """SRP_LOGIN_REQ as RDMA/CM private data, 56 bytes (``srp_login_req_rdma``): other offsets, same fields."""

    __slots__ = ()
    tag = U64(0, doc=_TAG)
    req_buf_fmt = U16(
        8,
        enum=SupportedFormats,
        doc="What LOGIN_REQ says in bytes 24 and 25: the kinds of descriptors that the target has to understand",
    )
    req_flags = U8(
        10,
        enum=ReqFlags,
        doc="What LOGIN_REQ says in byte 26: other channels, solicited events, immediate data",
    )
    opcode = U8(
        11,
        enum=Opcode,
        must=Opcode.LOGIN_REQ,
        doc="Always that of LOGIN_REQ; it tells the login from other private data of a ConnectRequest",
    )
    req_it_iu_len = U32(
        12,
        doc="Longest IU in bytes that the initiator will send over this channel; ib_srp asks for 8260 where it wants immediate data",
    )
    initiator_port_id = Raw(16, 16, doc=_INITIATOR)
    target_port_id = Raw(32, 16, doc=_TARGET)
    imm_data_offset = U16(
        48, doc="Where immediate data is to begin, in bytes from the start of SRP_CMD (SRP2); 0 without it"
    )

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
    req_lim_delta = I32(
        4,
        doc="The first credit: how many CMD and TSK_MGMT may be unanswered at a time; a client of VSCSI wants 2 or more",
    )
    tag = U64(8, doc=_ANSWERED)
    max_it_iu_len = U32(
        16,
        doc="Longest IU in bytes that the target takes; the initiator sends none that is longer than this or than it asked for",
    )
    max_ti_iu_len = U32(
        20, doc="Longest IU in bytes that the target sends; the initiator's receive buffers must have so many"
    )
    buf_fmt = U16(
        24,
        enum=SupportedFormats,
        doc="Kinds of data buffer descriptors that the target understands, a bit each; 0006h everywhere",
    )
    rsp_flags = U8(
        26,
        enum=LoginRspFlags,
        doc="Bits 0 and 1: whether other channels of the nexus were ended (1), kept (2), or there was none (0); bit 7: immediate data may be sent (SRP2)",
    )


class LoginRej(IU, opcode=Opcode.LOGIN_REJ, size=32):
    """SRP_LOGIN_REJ, target to initiator, 32 bytes (SRP r16a, 6.4; ``srp_login_rej``)."""

    __slots__ = ()
    reason = U32(
        4,
        enum=LoginRejReason,
        hex=True,
        doc="Why there is no session; 00010000h to 00010006h are assigned",
    )
    tag = U64(8, doc=_ANSWERED)
    buf_fmt = U16(
        24,
        enum=SupportedFormats,
        doc="Kinds of data buffer descriptors that a login may ask for; of use with reason 00010004h",
    )


class ILogout(IU, opcode=Opcode.I_LOGOUT, size=16):
    """SRP_I_LOGOUT, initiator to target, 16 bytes (``srp_i_logout``)."""

    __slots__ = ()
    tag = U64(8, doc=_TAG)


class TLogout(IU, opcode=Opcode.T_LOGOUT, size=16):
    """SRP_T_LOGOUT, target to initiator, 16 bytes (``srp_t_logout``)."""

    __slots__ = ()
    sol_not = U8(1, enum=SolNot, doc=_SOLNT)
    reason = U32(
        4,
        enum=TLogoutReason,
        doc="Why the target ends the session: 0 none, 1 not used for long, 2 to 9 what the initiator did wrong; 5 is not assigned",
    )
    tag = U64(8, doc=_TAG)


class TskMgmt(IU, opcode=Opcode.TSK_MGMT, size=48):
    """SRP_TSK_MGMT, initiator to target, 48 bytes (``srp_tsk_mgmt``); ``task_tag`` matters to ABORT TASK alone."""

    __slots__ = ()
    sol_not = U8(1, enum=SolNot, doc=_ASKSOL)
    tag = U64(8, doc=_TAG)
    lun = LunField(20, doc=_LUN)
    tsk_mgmt_func = U8(
        30,
        enum=TskMgmtFunc,
        doc="Which tasks of the unit are ended: one (01h), this nexus' (02h), everybody's (04h), all with a reset (08h); 40h ends an ACA condition (SAM-5, 7)",
    )
    task_tag = U64(
        32, doc="The tag of the command that ABORT TASK is about; other functions send 0 and it is ignored"
    )


class Cmd(IU, opcode=Opcode.CMD, size=48):
    """SRP_CMD, initiator to target, 48 bytes + additional CDB + data-out and data-in descriptors (``srp_cmd``).

    ``cdb`` is the CDB with the additional CDB, which follows it at once: 16 bytes or more. ``data_out`` and
    ``data_in`` are a DirectBuf, an IndirectBuf, an ImmBuf (data-out alone), or None. build() takes for them
    ``(va, length)``, ``(va, key, length)``, a list of these for an indirect one, or the structure itself.
    """

    __slots__ = ()
    sol_not = U8(1, enum=SolNot, doc=_ASKSOL)
    data_out_fmt = Bits(
        5,
        4,
        4,
        enum=BufferFormat,
        doc="How data to the device is described, and so how long its descriptor is: 0 no data, 1 direct 16 bytes, 2 indirect 20 and 16 for each entry, 3 immediate 4 bytes (SRP2)",
    )
    data_in_fmt = Bits(
        5,
        0,
        4,
        enum=BufferFormat,
        doc="How the room for data from the device is described: 0 no data, 1 direct 16 bytes, 2 indirect 20 and 16 for each entry",
    )
    data_out_desc_cnt = U8(
        6,
        doc="Entries of an indirect data-out table that stand in the IU, 0 to 255; of a direct descriptor 0, and 1 from SLOF",
    )
    data_in_desc_cnt = U8(
        7,
        doc="Entries of an indirect data-in table that stand in the IU, 0 to 255; of a direct descriptor 0, and 1 from SLOF",
    )
    tag = U64(8, doc=_TAG)
    lun = LunField(20, doc=_LUN)
    task_attr = Bits(
        29,
        0,
        3,
        enum=TaskAttribute,
        doc="Order among the tasks of the unit: 0 any, 1 before all others, 2 after those before it, 4 within an ACA condition (SAM-5, 8.9)",
    )
    add_cdb_len = U8(
        31,
        doc="Bytes of CDB behind the first 16: bits 2 to 7 count words of four bytes, the two low bits are reserved",
    )
    cdb = Part(
        32,
        Bits(31, 2, 6),
        unit=4,
        bias=16,
        least=16,
        doc="What the device is to do, padded with zeros to 16 bytes; a longer one goes on where the descriptors would begin",
    )
    data_out = Descriptor(
        cdb,
        data_out_fmt,
        data_out_desc_cnt,
        (DirectBuf, IndirectBuf, ImmBuf),
        doc="Where the device gets its data from, and how much at most",
    )
    data_in = Descriptor(
        data_out,
        data_in_fmt,
        data_in_desc_cnt,
        (DirectBuf, IndirectBuf, None),
        doc="Where data of the device goes to, and how much at most",
    )

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
    sol_not = U8(1, enum=SolNot, doc=_SOLNT)
    req_lim_delta = I32(4, doc=_CREDIT)
    tag = U64(8, doc=_ANSWERED)
    flags = U8(
        18,
        enum=RspFlags,
        doc="Which of the fields behind it count: response data, sense data, and for each direction whether the command moved more (over) or less (under) than the descriptors allow",
    )
    status = U8(
        19,
        hex=True,
        doc="SCSI status of the command: 00h GOOD, 02h CHECK CONDITION, 08h BUSY, 18h RESERVATION CONFLICT, 28h TASK SET FULL, 30h ACA ACTIVE, 40h TASK ABORTED (SAM-5, 5.3)",
    )
    data_out_res_cnt = U32(
        20,
        doc="Bytes by which data-out missed what the descriptor allows; counts with DOOVER or DOUNDER alone",
    )
    data_in_res_cnt = U32(
        24,
        doc="Bytes by which data-in missed what the descriptor allows; counts with DIOVER or DIUNDER alone; ibmvscsi heeds DIOVER only",
    )
    sense_data_len = U32(
        28,
        doc="Bytes of sense data; counts with SNSVALID alone. ibmvscsi copies them unchecked into room for 96",
    )
    resp_data_len = U32(32, doc="Bytes of response data: 4 with RSPVALID, else not looked at")
    resp_data = Part(
        36,
        resp_data_len,
        when=(flags, RspFlags.RSPVALID),
        doc="Three zeros and a code of what became of the IU or the task management function: 0 done, 2 bad field, 4 not supported, 5 failed (SRP r16a, RSP_CODE)",
    )
    sense = Part(
        resp_data,
        sense_data_len,
        when=(flags, RspFlags.SNSVALID),
        doc="Why the command failed, fixed or descriptor format (SPC-5, 4.4); it stands behind the response data",
    )

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
    sol_not = U8(1, enum=SolNot, doc=_SOLNT)
    req_lim_delta = I32(
        4,
        doc="Credit that the initiator gains, in requests, or loses where it is negative; nothing need have been answered for it",
    )
    tag = U64(8, doc=_TAG)


class CredRsp(IU, opcode=Opcode.CRED_RSP, size=16):
    """SRP_CRED_RSP, initiator to target, 16 bytes (``srp_cred_rsp``)."""

    __slots__ = ()
    tag = U64(8, doc=_ANSWERED)


class AerReq(IU, opcode=Opcode.AER_REQ, size=36):
    """SRP_AER_REQ, target to initiator, 36 bytes + sense data (``srp_aer_req``)."""

    __slots__ = ()
    sol_not = U8(1, enum=SolNot, doc=_SOLNT)
    req_lim_delta = I32(4, doc=_CREDIT)
    tag = U64(8, doc=_TAG)
    lun = LunField(20, doc="The logical unit that has something to report, eight bytes (SAM-5, 4.7)")
    sense_data_len = U32(28, doc="Bytes of sense data behind the fixed part")
    sense = Part(
        36,
        sense_data_len,
        doc="What happened to the unit, in the form that CHECK CONDITION brings (SPC-5, 4.4)",
    )


class AerRsp(IU, opcode=Opcode.AER_RSP, size=16):
    """SRP_AER_RSP, initiator to target, 16 bytes (``srp_aer_rsp``)."""

    __slots__ = ()
    tag = U64(8, doc=_ANSWERED)


parse = iu.parse
record = iu.record
