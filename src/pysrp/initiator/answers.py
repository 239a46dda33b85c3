"""Reads a server's answers to commands, task management functions and logins."""

from __future__ import annotations

from pysrp import srp
from pysrp.errors import DecodeError, ProtocolError, SrpError
from pysrp.initiator.requests import Command, LoginRejected, TaskManagement
from pysrp.scsi.cdb import parse_cdb
from pysrp.srp import LoginRejReason, RspFlags

__all__ = ["conclude", "conclude_function", "read_answer", "read_login"]

LEAST_IU = 64
"""Bytes of an SRP_CMD with one direct descriptor."""

_RSP = int(srp.Opcode.RSP)
_UNDER = {True: int(RspFlags.DIUNDER), False: int(RspFlags.DOUNDER)}
_OVER = {True: int(RspFlags.DIOVER), False: int(RspFlags.DOOVER)}
_RESIDUALS = int(RspFlags.DIUNDER | RspFlags.DOUNDER | RspFlags.DIOVER | RspFlags.DOOVER)
_RSPVALID = int(RspFlags.RSPVALID)
_SNSVALID = int(RspFlags.SNSVALID)


def _asked(command: Command) -> int | None:
    """The data length that the CDB asks for in bytes, None if that is not known."""
    try:
        cdb = parse_cdb(command.cdb)
        return cdb.data_length(command.block_size) if command.block_size or cdb.blocks is None else None
    except DecodeError:
        return None


def read_answer(answer: bytes, tag: int, fault: SrpError | None = None) -> tuple[srp.Rsp | SrpError, int]:
    """The SRP_RSP that answers tag ``tag``, or the error that says what is wrong with it; and its credits.

    ``fault`` is an error that the transport reports for this answer. Where REQUEST LIMIT DELTA cannot be read, one
    credit has come back, as the request has been answered.
    """
    if len(answer) < 36:
        return fault or ProtocolError(f"an answer of {len(answer)} bytes, SRP_RSP has 36"), 1
    if answer[0] != _RSP:
        wrong = f"the answer has opcode 0x{answer[0]:02x}, which does not answer a request"
        return fault or ProtocolError(wrong), 1
    rsp = srp.Rsp(answer)
    if rsp.tag != tag:
        return fault or ProtocolError(f"the answer to tag 0x{tag:x} has tag 0x{rsp.tag:x}"), 1
    return fault or rsp, rsp.req_lim_delta


def conclude(command: Command, rsp: srp.Rsp | SrpError, strict: bool = False) -> None:
    """Write status, sense data and residual of an answer into its command.

    ``strict``: a DOOVER or DIOVER flag is never read as an underflow.
    """
    if isinstance(rsp, SrpError):
        command.error = rsp
        return
    flags = int(rsp.flags)
    if flags:
        answer = memoryview(rsp)
        if flags & _RSPVALID and any(answer[36:40]) and rsp.resp_data_len >= 4:
            command.error = ProtocolError(f"the command was not carried out: response code {answer[39]}")
            return
        if flags & _SNSVALID:
            try:
                command.sense = bytes(rsp.sense)
            except DecodeError:
                # The length field is larger than the answer: take the bytes that are there.
                skip = rsp.resp_data_len if flags & _RSPVALID else 0
                command.sense = bytes(answer[min(36 + skip, len(answer)) :])
        if flags & _RESIDUALS:
            _residual(command, rsp, flags, strict)
    command.status = rsp.status


def _residual(command: Command, rsp: srp.Rsp, flags: int, strict: bool) -> None:
    inward = bool(command.data_in) or not command.data_out
    count = int(rsp.data_in_res_cnt if inward else rsp.data_out_res_cnt)
    length = sum(segment[1] for segment in (command.data_in if inward else command.data_out))
    over, under = flags & _OVER[inward], flags & _UNDER[inward]
    if over and not under and not strict:
        asked = _asked(command)
        under = asked is not None and asked <= length
    if under:
        command.residual = min(count, length)
    elif over:
        command.overflow = count


def conclude_function(function: TaskManagement, rsp: srp.Rsp | SrpError) -> None:
    """Write the response code of an answer into its task management function."""
    if isinstance(rsp, SrpError):
        function.error = rsp
        return
    answer = memoryview(rsp)
    if not rsp.flags & _RSPVALID:
        function.code = srp.RspCode.TSK_MGMT_FUNC_FAILED if rsp.status else srp.RspCode.NO_FAILURE
    elif rsp.resp_data_len < 4 or len(answer) < 40:
        function.error = ProtocolError(f"{rsp.resp_data_len} bytes of response data, not 4")
    else:
        # The code is the last byte. ibmvscsi takes any nonzero byte of the four as a failure; so do we.
        function.code = int.from_bytes(answer[36:40], "big")


def read_login(answer: bytes, tag: int) -> srp.LoginRsp | LoginRejected:
    """The SRP_LOGIN_RSP that answers the login with this tag, or the error if the answer is anything else."""
    if answer[:1] == bytes((srp.Opcode.LOGIN_REJ,)) and len(answer) >= srp.LoginRej.SIZE:
        reason = srp.LoginRej(answer).reason
        text = reason.name if isinstance(reason, LoginRejReason) else "unknown reason"
        return LoginRejected(
            f"SRP_LOGIN_REJ reason 0x{int(reason):08x}: {text.replace('_', ' ').lower()}", reason
        )
    if answer[:1] != bytes((srp.Opcode.LOGIN_RSP,)) or len(answer) < srp.LoginRsp.SIZE:
        return LoginRejected(f"login was answered by {len(answer)} bytes: {answer[:4].hex()}")
    rsp = srp.LoginRsp(answer)
    if rsp.tag != tag:
        return LoginRejected(f"login with tag 0x{tag:x} was answered with tag 0x{rsp.tag:x}")
    if rsp.req_lim_delta < 1:
        return LoginRejected(f"the server grants {rsp.req_lim_delta} requests")
    if 0 < rsp.max_it_iu_len < LEAST_IU:
        return LoginRejected(f"the server takes no more than {rsp.max_it_iu_len} bytes, a command has 64")
    return rsp
