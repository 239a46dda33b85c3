"""What a status and its sense data mean for the caller: error, retry, changed unit."""

from __future__ import annotations

from typing import NamedTuple

from pysrp.errors import (
    Busy,
    CheckCondition,
    DecodeError,
    ReservationConflict,
    ScsiError,
    TaskAborted,
    TaskSetFull,
)
from pysrp.scsi import cdb as cdbs
from pysrp.scsi.codes import PersistentReserveOutAction, SenseKey, Status
from pysrp.scsi.sense import parse_sense

__all__ = ["SUCCESS", "Result", "may_be_repeated", "scsi_error", "tells_of_change", "worth_retrying"]


class Result(NamedTuple):
    """How a command ended.

    ``data`` are the bytes that were read (empty if they were read into a buffer of the caller's);
    ``residual`` and ``overflow`` are those of :class:`~pysrp.initiator.requests.Command`, in bytes.
    """

    status: int
    data: bytes
    sense: bytes
    residual: int
    overflow: int


_ERRORS: dict[int, type[ScsiError]] = {
    Status.CHECK_CONDITION: CheckCondition,
    Status.BUSY: Busy,
    Status.RESERVATION_CONFLICT: ReservationConflict,
    Status.TASK_SET_FULL: TaskSetFull,
    Status.TASK_ABORTED: TaskAborted,
}

SUCCESS = frozenset({Status.GOOD, Status.CONDITION_MET})
"""Statuses of a command that was carried out; PRE-FETCH ends with the second one (SAM-5, 5.3.1)."""

CHANGES = frozenset(
    {(0x2A, 0x01), (0x2A, 0x09), (0x3F, 0x01), (0x3F, 0x02), (0x3F, 0x03), (0x3F, 0x05), (0x3F, 0x0E)}
)
"""Unit attentions after which nothing known of a unit can be relied on (SPC-5, annex F): mode parameters and
capacity changed, firmware, definition, INQUIRY data, identifier and LUN inventory changed. :func:`tells_of_change`
adds all of 28h, a medium that may have changed, and 29h, power on, reset or nexus loss."""


def tells_of_change(sense: bytes) -> bool:
    """Whether sense data is a unit attention that reports a change; see :data:`CHANGES`."""
    try:
        view = parse_sense(sense)
        asc, ascq = int(view.asc), int(view.ascq)
        return view.sense_key == SenseKey.UNIT_ATTENTION and (asc in (0x28, 0x29) or (asc, ascq) in CHANGES)
    except DecodeError:
        return False


ONCE = (
    cdbs.CompareAndWrite, cdbs.OrWrite32, cdbs.ExtendedCopy, cdbs.ExtendedCopyLid1, cdbs.PopulateToken,
    cdbs.WriteUsingToken, cdbs.PersistentReserveOut,
)  # fmt: skip
"""Commands whose effect depends on earlier state: carried out twice, they have another effect or another answer."""


def may_be_repeated(cdb: bytes) -> bool:
    """Whether a command that may have been carried out already may be sent again; True for an unknown command.

    Of PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY may: it leaves the same key (SPC-5, 5.14.7). A second
    REGISTER or PREEMPT finds other keys than the first, and a second RELEASE may end a reservation that was made meanwhile.
    """
    command = cdbs.parse_cdb(cdb)
    if isinstance(command, cdbs.PersistentReserveOut):
        action = command.service_action
        return bool(action == PersistentReserveOutAction.REGISTER_AND_IGNORE_EXISTING_KEY)
    return not isinstance(command, ONCE)


def scsi_error(cdb: bytes, status: int, sense: bytes) -> ScsiError:
    """The exception that stands for a status other than GOOD."""
    try:
        what = Status(status).name.replace("_", " ")
    except ValueError:
        what = f"status {status:02X}h"
    if sense:
        try:
            what += f": {parse_sense(sense).explanation}"
        except DecodeError:
            what += f": sense {sense.hex()}"
    try:
        name = cdbs.parse_cdb(cdb).name
    except DecodeError:
        name = f"CDB {cdb.hex()}"
    return _ERRORS.get(status, ScsiError)(f"{name}: {what}", status=status, sense=sense)


def worth_retrying(cdb: bytes, status: int | None, sense: bytes) -> bool:
    """Whether to retry a command. As Linux does, after a unit attention, becoming ready, BUSY and TASK SET FULL, as the
    command has not begun then. After an abort, which may come at any point, only if :func:`may_be_repeated` says so."""
    if status == Status.TASK_ABORTED:
        return may_be_repeated(cdb)
    if status != Status.CHECK_CONDITION:
        return status in (Status.BUSY, Status.TASK_SET_FULL)
    try:
        view = parse_sense(sense)
        key = int(view.sense_key)
        if key == SenseKey.NOT_READY:
            return int(view.asc) == 0x04 and int(view.ascq) == 0x01
        return key == SenseKey.UNIT_ATTENTION or (key == SenseKey.ABORTED_COMMAND and may_be_repeated(cdb))
    except DecodeError:
        return False
