"""Login to a target port: which logins are accepted, and the unit attentions after them (SRP r16a, 6.2 to 6.4; SAM-5, 5.14)."""

from __future__ import annotations

from pysrp import srp
from pysrp.srp import LoginRejReason, LoginRspFlags, ReqFlags
from pysrp.target.link import Limits
from pysrp.target.srp_session import TargetSession

__all__ = ["Acquaintance", "accept", "immediate_offset", "refusal", "reject"]

SMALLEST_LOGIN = 64
"""The smallest REQUESTED INITIATOR TO TARGET IU LENGTH that is accepted, in bytes: an SRP_CMD with one descriptor."""

MULTICHANNEL = 3
"""The bits of REQ_FLAGS that say what is done with existing channels."""

POWER_ON = 0x29, 0x00
NEXUS_LOSS = 0x29, 0x07


def refusal(request: srp.LoginReq, limits: Limits, target_port_id: bytes) -> LoginRejReason | None:
    """Why a login is rejected over a link with these limits; None if it is accepted."""
    size = request.req_it_iu_len
    if size > limits.iu_in:
        return LoginRejReason.REQ_IT_IU_LENGTH_TOO_LARGE
    if 0 < size < SMALLEST_LOGIN:  # 0 comes from FreeBSD, which has the length in another field
        return LoginRejReason.UNABLE_ESTABLISH_CHANNEL
    if request.req_buf_fmt & 0xFF & ~limits.formats:
        return LoginRejReason.UNSUPPORTED_DESCRIPTOR_FMT
    if any(request.target_port_id) and bytes(request.target_port_id) != target_port_id:
        return LoginRejReason.UNABLE_ASSOCIATE_CHANNEL
    if request.req_flags & MULTICHANNEL and not limits.channels:
        return LoginRejReason.MULTI_CHANNEL_UNSUPPORTED
    return None


def immediate_offset(request: srp.LoginReq, limits: Limits) -> int:
    """The granted offset of immediate data in the SRP_CMDs of a channel, in bytes from their start; 0: it may have none.

    An invalid offset, inside the shortest command or past the largest IU, is not granted.
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
    """The answer to a login that is rejected."""
    return srp.LoginRej.build(reason=reason, tag=request.tag, buf_fmt=limits.formats)


class Acquaintance:
    """Remembers which initiator port was here last, which decides the next one's unit attention (SAM-5, 5.14 and 6.3.4).

    A new initiator port gets POWER ON; one that comes back gets I_T NEXUS LOSS, as its reservations are void. Firmware does not
    log in, and may not expect POWER ON; its unit attention does not replace that of the operating system which logs in later.
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
