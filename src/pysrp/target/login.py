"""Logging in to a target port: what is accepted, and what a nexus is told then (SRP r16a, 6.2 to 6.4; SAM-5, 5.14)."""

from __future__ import annotations

from pysrp import srp
from pysrp.srp import LoginRejReason, LoginRspFlags, ReqFlags
from pysrp.target.link import Limits
from pysrp.target.srp_session import TargetSession

__all__ = ["Acquaintance", "accept", "immediate_offset", "refusal", "reject"]

SMALLEST_LOGIN = 64
"""Bytes that the initiator's IUs must be able to have: an SRP_CMD with one descriptor."""

MULTICHANNEL = 3
"""The bits of REQ_FLAGS that say what becomes of the channels that there are."""

POWER_ON = 0x29, 0x00
NEXUS_LOSS = 0x29, 0x07


def refusal(request: srp.LoginReq, limits: Limits, target_port_id: bytes) -> LoginRejReason | None:
    """Why a login cannot be accepted over such a link; None if it can."""
    size = request.req_it_iu_len
    if size > limits.iu_in:
        return LoginRejReason.REQ_IT_IU_LENGTH_TOO_LARGE
    if 0 < size < SMALLEST_LOGIN:  # 0 is FreeBSD's, which has it elsewhere
        return LoginRejReason.UNABLE_ESTABLISH_CHANNEL
    if request.req_buf_fmt & 0xFF & ~limits.formats:
        return LoginRejReason.UNSUPPORTED_DESCRIPTOR_FMT
    if any(request.target_port_id) and bytes(request.target_port_id) != target_port_id:
        return LoginRejReason.UNABLE_ASSOCIATE_CHANNEL
    if request.req_flags & MULTICHANNEL and not limits.channels:
        return LoginRejReason.MULTI_CHANNEL_UNSUPPORTED
    return None


def immediate_offset(request: srp.LoginReq, limits: Limits) -> int:
    """Where the SRP_CMDs of a channel that logs in so may have immediate data, in bytes from their start; 0: nowhere.

    An offset that is none, inside the shortest command or past the largest IU, is not granted.
    """
    offset = request.imm_data_offset
    asked = limits.immediate and request.req_flags & ReqFlags.IMMED_REQUESTED
    return offset if asked and srp.Cmd.SIZE + srp.ImmBuf.SIZE <= offset <= limits.iu_in else 0


def accept(request: srp.LoginReq, limits: Limits, credits: int, flags: int = 0) -> srp.LoginRsp:
    """The answer to a login that is accepted, with ``credits``; it grants what :func:`immediate_offset` says."""
    if immediate_offset(request, limits):
        flags |= LoginRspFlags.IMMED_SUPP
    return srp.LoginRsp.build(
        req_lim_delta=credits,
        tag=request.tag,
        max_it_iu_len=limits.iu_in,
        max_ti_iu_len=limits.iu_out,
        buf_fmt=limits.formats,
        rsp_flags=flags,
    )


def reject(request: srp.LoginReq, limits: Limits, reason: LoginRejReason) -> srp.LoginRej:
    """The answer to one that is not."""
    return srp.LoginRej.build(reason=reason, tag=request.tag, buf_fmt=limits.formats)


class Acquaintance:
    """Which initiator port was here last, and so what the next one is told (SAM-5, 5.14 and 6.3.4).

    A new one: power on. One that comes back: nexus loss, as its reservations are void. Firmware does not log in, and may
    not expect the first; so what it is told takes nothing from the operating system that logs in after it.
    """

    def __init__(self) -> None:
        self._logged_in: bytes | None = None
        self._seen: bytes | None = None

    def attend(self, session: TargetSession, *, login: bool) -> None:
        """A session begins, with a login or without; or one that has begun logs in."""
        port_id = session.nexus.port_id
        code = NEXUS_LOSS if port_id in (self._logged_in, None if login else self._seen) else POWER_ON
        news = not session.told if login else code is NEXUS_LOSS
        self._seen = port_id
        if login:
            self._logged_in, session.told = port_id, True
        if news:
            for export in session.luns.visible(session.nexus):
                export.unit.attention(*code, session.nexus)
