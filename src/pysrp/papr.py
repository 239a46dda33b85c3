"""Return codes of hypervisor calls (PAPR), for Python and C."""

from __future__ import annotations

import enum

__all__ = ["ReturnCode", "name_of", "retry_after"]


class ReturnCode(enum.IntEnum):
    """The return code of a hypervisor call, from register r3 (PAPR; numbers as in Linux ``asm/hvcall.h``)."""

    H_SUCCESS = 0
    H_BUSY = 1
    H_CLOSED = 2
    H_NOT_AVAILABLE = 3
    H_CONSTRAINED = 4
    H_PARTIAL = 5
    H_IN_PROGRESS = 14
    H_LONG_BUSY_1_MSEC = 9900
    H_LONG_BUSY_10_MSEC = 9901
    H_LONG_BUSY_100_MSEC = 9902
    H_LONG_BUSY_1_SEC = 9903
    H_LONG_BUSY_10_SEC = 9904
    H_LONG_BUSY_100_SEC = 9905
    H_HARDWARE = -1
    H_FUNCTION = -2
    H_PARAMETER = -4
    H_NOT_FOUND = -7
    H_NO_MEM = -9
    H_AUTHORITY = -10
    H_PERMISSION = -11
    H_DROPPED = -12
    H_SOURCE_PARM = -13
    H_DEST_PARM = -14
    H_REMOTE_PARM = -15
    H_RESOURCE = -16
    H_RESCINDED = -46
    H_P2 = -55
    H_P3 = -56
    H_P4 = -57
    H_P5 = -58
    H_P6 = -59
    H_P7 = -60
    H_P8 = -61
    H_P9 = -62

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the same call should be made again; None if the code does not ask for that."""
        return retry_after(self)


def retry_after(code: int) -> float | None:
    """Seconds after which a call that returned ``code`` should be made again; None if the code does not ask for that."""
    if code in (ReturnCode.H_BUSY, ReturnCode.H_IN_PROGRESS):
        return 0.0
    if ReturnCode.H_LONG_BUSY_1_MSEC <= code <= ReturnCode.H_LONG_BUSY_100_SEC:
        return float(10 ** (code - ReturnCode.H_LONG_BUSY_1_SEC))
    return None


def name_of(code: int) -> str:
    """The name of a return code; "unknown return code" if it is not in :class:`ReturnCode`."""
    return ReturnCode(code).name if code in _KNOWN else "unknown return code"


_KNOWN = frozenset(ReturnCode)
