"""The SRP_RSP that answers a command or a task management function (SRP r16a, 6.9)."""

from __future__ import annotations

from typing import Any

from pysrp import srp
from pysrp.srp import RspFlags, SolNot
from pysrp.target.srp_session import SrpTask

__all__ = ["pack_command", "pack_function", "residual", "sense_key"]

# Plain numbers: operators of enum flags are slow.
SNSVALID = int(RspFlags.SNSVALID)
DOOVER, DOUNDER = int(RspFlags.DOOVER), int(RspFlags.DOUNDER)
DIOVER, DIUNDER = int(RspFlags.DIOVER), int(RspFlags.DIUNDER)
SCSOLNT, UCSOLNT = int(SolNot.SCSOLNT), int(SolNot.UCSOLNT)


def pack_command(buffer: Any, task: SrpTask, credits: int, sense: bytes) -> int:
    """Write the answer to a command that has ended into ``buffer``; its length in bytes.

    ``sense`` is already cut to the room in the answer. Residuals, as in SRP: UNDER is set if fewer bytes moved than the
    descriptors allow, OVER if the command wanted more, each with the difference.
    An initiator that does not understand overruns (:attr:`~pysrp.target.task.Nexus.overrun`) looks at the OVER flags only and
    takes the count for bytes that did *not* move. So it gets both flags in the first case (an initiator that looks for UNDER
    first reads the same count), and none in the second.
    """
    both_flags = not task.nexus.overrun
    flags = out_residual = in_residual = 0
    if task.data_out_length or task.wanted_out:
        under, over, out_residual = residual(
            task.data_out_length, task.wanted_out, task.moved_out, task.status, both_flags
        )
        flags |= (DOUNDER if under else 0) | (DOOVER if over else 0)
    if task.data_in_length or task.wanted_in:
        under, over, in_residual = residual(
            task.data_in_length, task.wanted_in, task.moved_in, task.status, both_flags
        )
        flags |= (DIUNDER if under else 0) | (DIOVER if over else 0)
    if sense:
        flags |= SNSVALID
    return srp.Rsp.pack_into(
        buffer,
        sol_not=1 if task.sol_not & (UCSOLNT if task.status else SCSOLNT) else 0,
        req_lim_delta=credits,
        tag=task.tag,
        status=task.status,
        data_out_res_cnt=out_residual,
        data_in_res_cnt=in_residual,
        sense=sense,
        flags=flags,
    )


def pack_function(buffer: Any, tag: int, sol_not: int, credits: int, code: int) -> int:
    """Write the answer to a task management function, whose response code is ``code``; its length in bytes."""
    srp.Rsp.pack_into(
        buffer,
        sol_not=1 if sol_not & (UCSOLNT if code else SCSOLNT) else 0,
        req_lim_delta=credits,
        tag=tag,
        resp_data=bytes((0, 0, 0, code)),
    )
    return srp.Rsp.SIZE + 4


def residual(offered: int, wanted: int, moved: int, status: int, both_flags: bool) -> tuple[bool, bool, int]:
    """Whether UNDER and OVER are set for one direction, and the count with them.

    A failed command that moved less than offered reports UNDER, even if it wanted more than offered: how much was moved matters
    more.
    """
    if wanted > offered and (not status or moved == offered):
        return (False, False, 0) if both_flags else (False, True, min(wanted - offered, 0xFFFFFFFF))
    if moved < offered:
        return True, both_flags, min(offered - moved, 0xFFFFFFFF)
    return False, False, 0


def sense_key(sense: bytes) -> int:
    """The sense key of either format, -1 without sense data (SPC-5, 4.4)."""
    if len(sense) < 3:
        return -1
    return (sense[1] if sense[0] & 0x7E == 0x72 else sense[2]) & 15
